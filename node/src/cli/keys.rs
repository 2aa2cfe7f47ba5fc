//! `tracehold keys`: whose keys a node holds, and who may call it.

use clap::Subcommand;
use serde_json::json;
use tracehold_chain::keys::Signer as _;
use tracehold_chain::units::AgentId;

use super::init::now;
use super::{DataDir, Failure, output};
use crate::keystore::Keystore;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List agents and API keys (never what would let anyone use them)
    #[command(after_help = "Example:\n  tracehold keys list --dir data")]
    List {
        #[command(flatten)]
        folder: DataDir,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Make a key for an agent of the member
    #[command(
        after_help = "Example:\n  tracehold keys create-agent --dir data acme/warehouse\n\nThe \
                      ledger accepts the agent's transactions once its public key is part of the \
                      network's\nrecord of the member. In this version that record is the genesis \
                      record, so make all\nagents before the network starts; API keys can be made \
                      at any time."
    )]
    CreateAgent {
        #[command(flatten)]
        folder: DataDir,
        /// MEMBER/NAME
        agent: AgentId,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Make an API key that acts for an agent; a running node accepts it after a second
    #[command(after_help = "Example:\n  tracehold keys create-api-key --dir data acme/app")]
    CreateApiKey {
        #[command(flatten)]
        folder: DataDir,
        /// MEMBER/NAME
        agent: AgentId,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// End an API key; a running node refuses it after a second
    #[command(after_help = "Example:\n  tracehold keys revoke-api-key --dir data 5f0c9a31")]
    RevokeApiKey {
        #[command(flatten)]
        folder: DataDir,
        /// The key's id, as `keys list` shows it
        id: String,
    },
}

pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::List { folder, json } => list(&Keystore::open(&folder.dir)?, *json),
        Command::CreateAgent { folder, agent, json } => {
            let public_key = Keystore::open(&folder.dir)?.create_agent(agent)?;
            if *json {
                return output::json(&json!({ "id": agent, "public_key": public_key }));
            }
            output::line(format!("Agent         {agent}"))?;
            output::line(format!("Public key    {public_key}"))
        }
        Command::CreateApiKey { folder, agent, json } => {
            let made = Keystore::open(&folder.dir)?.create_api_key(agent, now()?)?;
            if *json {
                return output::json(&json!({
                    "id": made.record.id,
                    "agent": agent,
                    "api_key": made.clear,
                }));
            }
            output::line(format!("Agent         {agent}"))?;
            output::line(format!("API key       {}   (shown only now)", made.clear))?;
            output::line(format!("Id            {}   (to revoke it)", made.record.id))
        }
        Command::RevokeApiKey { folder, id } => {
            Keystore::open(&folder.dir)?.revoke_api_key(id)?;
            output::line(format!("API key {id} is revoked"))
        }
    }
}

fn list(keystore: &Keystore, json: bool) -> Result<(), Failure> {
    let node_key = keystore.node_key().public_key();
    if json {
        let agents = keystore.agents().into_iter();
        let agents = agents.map(|(id, key)| json!({ "id": id, "public_key": key }));
        let api_keys = keystore.api_keys().into_iter().map(|record| {
            let created_at = record.created_at.to_string();
            json!({ "id": record.id, "agent": record.agent, "created_at": created_at })
        });
        return output::json(&json!({
            "node_key": node_key,
            "agents": agents.collect::<Vec<_>>(),
            "api_keys": api_keys.collect::<Vec<_>>(),
        }));
    }
    output::line(format!("Node key      {node_key}"))?;
    for (id, key) in keystore.agents() {
        output::line(format!("Agent         {id}   {key}"))?;
    }
    for record in keystore.api_keys() {
        let (id, agent) = (&record.id, &record.agent);
        output::line(format!("API key       {id}   {agent}   made {}", record.created_at))?;
    }
    Ok(())
}
