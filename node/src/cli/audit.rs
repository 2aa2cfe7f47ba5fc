//! `tracehold audit`: whether a node's history follows from its beginning.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{DataDir, Failure, output};
use crate::audit::{AssetBalance, AuditError, audit};
use crate::config::load_genesis;

/// How often a long audit says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tracehold audit --dir data\n\nReads the block log only, so it can run \
                  beside the node. Everything is checked as if a stranger\nhad sent it: certificates, \
                  signatures, digests; and every block is executed again from genesis. What \
                  is on every account is\nsummed up from the journal alone and compared with the \
                  state."
)]
pub struct Args {
    #[command(flatten)]
    folder: DataDir,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let genesis = load_genesis(&args.folder.dir)?;
    let mut told = Instant::now();
    let mut progress = |height: tracehold_chain::units::Height, tip| {
        if told.elapsed() >= REPORT_EVERY {
            told = Instant::now();
            output::note(format!("block {height} of {tip}"));
        }
    };
    let report = audit(&args.folder.dir, &genesis, &mut progress).map_err(|error| match error {
        AuditError::Fault(fault) => Failure::Fault(fault.to_string()),
        AuditError::Genesis(_) => Failure::Folder(error.to_string()),
        AuditError::Block { .. } => Failure::Refused(error.to_string()),
    })?;
    if args.json {
        return output::json(&json!({
            "chain_id": report.chain_id,
            "height": report.height,
            "block_id": report.block_id,
            "block_time": report.block_time.to_string(),
            "state_root": report.state_root,
            "transactions": report.transactions,
            "events": report.events,
            "signatures": report.signatures,
            "money": report.money.iter().map(trial_balance).collect::<Vec<_>>(),
            "unfinished": report.unfinished.map(|torn| torn.bytes),
        }));
    }
    output::line(format!("The history of {} holds.", report.chain_id))?;
    output::line(format!("Height        {}   {}", report.height, report.block_time))?;
    output::line(format!("Block id      {}", report.block_id))?;
    output::line(format!("State root    {}", report.state_root))?;
    output::line(format!(
        "Checked       {} transactions, {} events, {} votes",
        report.transactions, report.events, report.signatures
    ))?;
    for asset in &report.money {
        output::line(format!(
            "Money         {} {}, on {} accounts and in {} agreements: in balance",
            asset.decimal(asset.outstanding),
            asset.asset,
            asset.accounts,
            asset.agreements
        ))?;
    }
    if let Some(torn) = report.unfinished {
        output::line(format!("Unfinished    {} bytes of a block not yet decided", torn.bytes))?;
    }
    Ok(())
}

/// An asset's row. All amounts are decimal texts.
fn trial_balance(asset: &AssetBalance) -> Value {
    json!({
        "asset": asset.asset,
        "outstanding": asset.decimal(asset.outstanding),
        "on_accounts": asset.decimal(asset.on_accounts),
        "in_agreements": asset.decimal(asset.in_agreements),
        "accounts": asset.accounts,
        "agreements": asset.agreements,
        "in_balance": asset.balances(),
    })
}
