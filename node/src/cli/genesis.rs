//! `tracehold genesis`: the record that a network starts from.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracehold_chain::anomaly::AnomalyKind;
use tracehold_chain::genesis::{Genesis, Member, Parameters};
use tracehold_chain::units::ChainId;

use super::init::now;
use super::{Failure, output};
use crate::config::write_genesis;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tracehold genesis --chain-id coffee --out genesis.json \\\n      \
                        farm/member.json carrier/member.json roaster/member.json shop/member.json\
                        \n\nRecords of one member (a node each) are joined. docs/operating.md lists the \
                        parameters."
)]
pub struct Args {
    /// The network's name
    #[arg(long, value_name = "NAME")]
    chain_id: ChainId,
    /// Where to write the record
    #[arg(long, value_name = "FILE", default_value = "genesis.json")]
    out: PathBuf,
    /// A parameter other than its default; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, Value)>,
    /// The members' public records, made by `tracehold init`
    #[arg(value_name = "MEMBER_JSON", required = true)]
    members: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A whole number or, for the kinds of anomalies to refuse, their codes with commas between.
fn parse_setting(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    if name == "refused_anomalies" {
        let codes = value.split(',').map(str::trim).filter(|code| !code.is_empty());
        let kinds: Result<Vec<AnomalyKind>, _> = codes.map(str::parse).collect();
        let kinds = kinds.map_err(|error| error.to_string())?;
        return Ok((name.to_owned(), json!(kinds)));
    }
    let value: u64 = value.parse().map_err(|_| format!("{value:?} is not a whole number"))?;
    Ok((name.to_owned(), value.into()))
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.out.exists() {
        return Err(Failure::Refused(format!("{} exists already", args.out.display())));
    }
    let genesis = Genesis {
        chain_id: args.chain_id.clone(),
        created_at: now()?,
        parameters: parameters(&args.settings)?,
        members: join_members(&args.members)?,
    };
    genesis.check().map_err(|error| Failure::Refused(error.to_string()))?;
    write_genesis(&args.out, &genesis)?;
    let validators = genesis.validators().map_or(0, |set| set.as_slice().len());
    if args.json {
        return output::json(&json!({
            "file": args.out,
            "chain_id": genesis.chain_id,
            "genesis_id": genesis.id(),
            "validators": validators,
        }));
    }
    output::line(format!("Network       {}", genesis.chain_id))?;
    output::line(format!("Genesis id    {}", genesis.id()))?;
    output::line(format!(
        "Members       {}, with {validators} validators: {} of them may fail",
        genesis.members.len(),
        validators.saturating_sub(1) / 3
    ))?;
    output::line(format!("\nSend {} to every member. Each one checks the", args.out.display()))?;
    output::line("genesis id with the others and joins with `tracehold init --genesis FILE`.")
}

/// The defaults with what the command line changes.
fn parameters(settings: &[(String, Value)]) -> Result<Parameters, Failure> {
    let mut record = serde_json::to_value(Parameters::default()).expect("plain values are JSON");
    let fields = record.as_object_mut().expect("a record is an object");
    for (name, value) in settings {
        if !fields.contains_key(name) {
            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
            let known = known.join(", ");
            return Err(Failure::Usage(format!("there is no parameter {name}: there are {known}")));
        }
        fields.insert(name.clone(), value.clone());
    }
    serde_json::from_value(record).map_err(|error| Failure::Usage(format!("--set: {error}")))
}

/// Reads the members' records; records of one member become one.
fn join_members(paths: &[PathBuf]) -> Result<Vec<Member>, Failure> {
    let mut members: Vec<Member> = Vec::new();
    for path in paths {
        let record = read_member(path)?;
        let Some(member) = members.iter_mut().find(|member| member.id == record.id) else {
            members.push(record);
            continue;
        };
        let same = member.name == record.name
            && member.gs1_company_prefixes == record.gs1_company_prefixes
            && member.glns == record.glns
            && member.roles == record.roles;
        if !same {
            return Err(Failure::Refused(format!(
                "{}: member {} has another name, prefixes, GLNs or roles in an earlier file",
                path.display(),
                record.id
            )));
        }
        for agent in record.agents {
            if !member.agents.contains(&agent) {
                member.agents.push(agent);
            }
        }
        member.nodes.extend(record.nodes);
    }
    Ok(members)
}

fn read_member(path: &Path) -> Result<Member, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Folder(format!("cannot read {}: {error}", path.display())))?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::Folder(format!("{} is no member's record: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_changed_by_name_and_unknown_ones_refused() {
        let set = |text: &str| parse_setting(text).map(|setting| parameters(&[setting]));
        let changed = set("min_block_interval_ms=20").unwrap().unwrap();
        assert_eq!(changed.min_block_interval_ms, 20);
        assert_eq!(changed.max_block_bytes, Parameters::default().max_block_bytes);
        let error = set("block_time=20").unwrap().unwrap_err().to_string();
        assert!(error.contains("block_time") && error.contains("min_block_interval_ms"));
        assert!(set("state_buckets_log2=300").unwrap().is_err());
        let kinds = set("refused_anomalies=others-prefix,commissioned-twice").unwrap().unwrap();
        let expected = [AnomalyKind::OthersPrefix, AnomalyKind::CommissionedTwice];
        assert_eq!(kinds.refused_anomalies, expected);
        assert!(set("refused_anomalies=").unwrap().unwrap().refused_anomalies.is_empty());
        assert!(set("refused_anomalies=odd").unwrap_err().contains("custody.md"));
    }
}
