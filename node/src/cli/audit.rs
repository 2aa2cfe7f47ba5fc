//! `tracehold audit`: whether a node's history follows from its beginning.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{DataDir, Failure, output};
use crate::audit::{AuditError, audit};
use crate::config::load_genesis;

/// How often a long audit says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tracehold audit --dir data\n\nReads the block log only, so it can run \
                  beside the node. Everything is checked as if a stranger\nhad sent it: certificates, \
                  signatures, digests; and every block is executed again from genesis."
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
    if let Some(torn) = report.unfinished {
        output::line(format!("Unfinished    {} bytes of a block not yet decided", torn.bytes))?;
    }
    Ok(())
}
