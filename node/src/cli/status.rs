//! `tracehold status`: how a node is.

use std::time::Duration;

use serde_json::Value;
use tracehold_testnet::client::Client;

use super::{Failure, NodeAddress, output};

/// How long a node may take to say how it is.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tracehold status --node http://127.0.0.1:8080 --json")]
pub struct Args {
    #[command(flatten)]
    address: NodeAddress,
    /// Print the node's answer as one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::with_timeout(&args.address.node, TIMEOUT);
    let answer = client.get("/api/v1/status")?;
    if !answer.is_success() {
        return Err(Failure::Refused(answer.problem()));
    }
    if args.json {
        return output::json(&answer.json);
    }
    let Value::Object(fields) = &answer.json else {
        return Err(Failure::Refused(format!("{} is no Tracehold node", args.address.node)));
    };
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.len().to_string(),
        other => other.to_string(),
    };
    for (name, value) in fields {
        output::line(format!("{:<14}{}", name.replace('_', " "), shown(value)))?;
    }
    Ok(())
}
