//! `tracehold init`: a node's data folder.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::ValueEnum;
use libp2p::Multiaddr;
use serde_json::json;
use tracehold_chain::genesis::{Agent, Genesis, Member, MemberRole, Node, NodeRole, Parameters};
use tracehold_chain::keys::{PublicKey, Signer as _};
use tracehold_chain::units::{AgentId, ChainId, MemberId, NodeName, TimestampMs};

use super::{DataDir, Failure, output};
use crate::config::{Config, GENESIS_FILE, Peer, load_genesis, read_genesis, write_genesis};
use crate::keystore::{Keystore, NewApiKey};

/// The public record of a new node, to be put into a genesis record.
pub const MEMBER_FILE: &str = "member.json";
/// The agent made when none is named.
const DEFAULT_AGENT: &str = "app";

const EXAMPLES: &str = "\
Examples:
  A network of one node:
    tracehold init --dir data --member acme --prefix 9521234 --alone acme-net
    tracehold start --dir data

  A node of a network with others. Each operator makes keys and sends the public
  member.json to whoever puts the genesis record together; then each one joins:
    tracehold init --dir data --member acme --prefix 9521234
    tracehold genesis --chain-id coffee --out genesis.json a.json b.json c.json d.json
    tracehold init --dir data --genesis genesis.json \\
        --peer 5f0c…@/dns4/node.example.com/tcp/7070";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    folder: DataDir,
    /// Make keys for a node of this member
    #[arg(long, value_name = "ID", required_unless_present = "genesis")]
    member: Option<MemberId>,
    /// The member's name for people [default: its id]
    #[arg(long, value_name = "NAME", requires = "member")]
    member_name: Option<String>,
    /// The node's name, unique in the network [default: MEMBER-1]
    #[arg(long, value_name = "NAME", requires = "member")]
    node: Option<NodeName>,
    /// Whether the node votes
    #[arg(long, value_enum, default_value_t = Role::Validator)]
    role: Role,
    /// A GS1 company prefix of the member; may be given again. `*` (every prefix) is for tests
    #[arg(long = "prefix", value_name = "DIGITS", requires = "member")]
    prefixes: Vec<String>,
    /// A Global Location Number of the member; may be given again
    #[arg(long = "gln", value_name = "DIGITS", requires = "member")]
    glns: Vec<String>,
    /// The member inspects things of any member: what it says of them counts
    #[arg(long, requires = "member")]
    inspector: bool,
    /// The member is a bank: it issues and redeems cash
    #[arg(long, requires = "member")]
    bank: bool,
    /// An agent to make a key and an API key for; may be given again [default: app]
    #[arg(long = "agent", value_name = "NAME", requires = "member")]
    agents: Vec<String>,
    /// Join the network of this genesis record
    #[arg(long, value_name = "FILE", conflicts_with = "alone")]
    genesis: Option<PathBuf>,
    /// Make a network of this node alone, with this name
    #[arg(long, value_name = "CHAIN_ID")]
    alone: Option<ChainId>,
    /// Where another node is, as PUBLIC_KEY@ADDRESS; may be given again
    #[arg(long = "peer", value_name = "KEY@ADDRESS", value_parser = parse_peer)]
    peers: Vec<Peer>,
    /// Where to serve HTTP
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// Where to listen for other nodes
    #[arg(long, value_name = "MULTIADDR")]
    p2p: Option<Multiaddr>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Votes on blocks
    Validator,
    /// Verifies everything, votes nothing, serves reads
    Follower,
}

fn parse_peer(text: &str) -> Result<Peer, String> {
    let form = "write it as PUBLIC_KEY@ADDRESS, such as 5f0c…@/dns4/node.example.com/tcp/7070";
    let (key, address) = text.split_once('@').ok_or_else(|| form.to_owned())?;
    let public_key = key.parse().map_err(|error| format!("the key: {error}; {form}"))?;
    let address = address.parse().map_err(|error| format!("the address: {error}; {form}"))?;
    Ok(Peer { public_key, address })
}

/// What was made.
struct Made {
    member: Member,
    api_keys: Vec<NewApiKey>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let dir = &args.folder.dir;
    // Read before anything is made, so that a wrong file leaves no half-made folder.
    let given = args.genesis.as_deref().map(read_genesis).transpose()?;
    let made = match &args.member {
        Some(member) => Some(make_keys(args, member)?),
        None => None,
    };
    let keystore = Keystore::open(dir)?;
    write_config(args)?;
    if let Some(genesis) = &given {
        join(args, &keystore, genesis)?;
    }
    if let (Some(chain_id), Some(made)) = (&args.alone, &made) {
        let genesis = Genesis {
            chain_id: chain_id.clone(),
            created_at: now()?,
            parameters: Parameters::default(),
            members: vec![made.member.clone()],
        };
        genesis.check().map_err(|error| Failure::Usage(error.to_string()))?;
        write_genesis(&dir.join(GENESIS_FILE), &genesis)?;
    }
    report(args, &keystore, made.as_ref())
}

/// Makes the node's keys, its agents' and their API keys, and writes the public record of them.
fn make_keys(args: &Args, member: &MemberId) -> Result<Made, Failure> {
    let dir = &args.folder.dir;
    let usage = |error: tracehold_chain::units::NameError| Failure::Usage(error.to_string());
    let default_agent = [DEFAULT_AGENT.to_owned()];
    let names = if args.agents.is_empty() { &default_agent[..] } else { &args.agents };
    let ids: Vec<AgentId> = names
        .iter()
        .map(|name| AgentId::new(member.clone(), name.clone()))
        .collect::<Result<_, _>>()
        .map_err(usage)?;
    let name = match &args.node {
        Some(name) => name.clone(),
        None => NodeName::new(format!("{member}-1")).map_err(usage)?,
    };
    let role = match args.role {
        Role::Validator => NodeRole::Validator { power: 1 },
        Role::Follower => NodeRole::Follower,
    };
    let given = [(args.inspector, MemberRole::Inspector), (args.bank, MemberRole::Bank)];
    let roles = given.into_iter().filter_map(|(given, role)| given.then_some(role)).collect();
    // Everything that can be wrong with the record is found before the first key is made.
    let mut record = Member {
        id: member.clone(),
        name: args.member_name.clone().unwrap_or_else(|| member.to_string()),
        gs1_company_prefixes: args.prefixes.clone(),
        glns: args.glns.clone(),
        roles,
        agents: Vec::new(),
        nodes: vec![Node { name, public_key: PublicKey([0; 32]), role }],
    };
    check_member(&record).map_err(Failure::Usage)?;

    let keystore = Keystore::create(dir)?;
    record.nodes[0].public_key = keystore.node_key().public_key();
    let mut api_keys = Vec::new();
    for id in ids {
        let public_key = keystore.create_agent(&id)?;
        api_keys.push(keystore.create_api_key(&id, now()?)?);
        record.agents.push(Agent { id, public_key });
    }
    let text = serde_json::to_string_pretty(&record).expect("plain records are JSON");
    let path = dir.join(MEMBER_FILE);
    std::fs::write(&path, text + "\n")
        .map_err(|error| Failure::Folder(format!("cannot write {}: {error}", path.display())))?;
    Ok(Made { member: record, api_keys })
}

/// Checks what a member says of itself by the rules for genesis records.
fn check_member(record: &Member) -> Result<(), String> {
    let mut member = record.clone();
    if let [node, ..] = member.nodes.as_mut_slice() {
        node.role = NodeRole::Validator { power: 1 };
    }
    let genesis = Genesis {
        chain_id: ChainId::new("check").expect("a fixed name"),
        created_at: TimestampMs(0),
        parameters: Parameters::default(),
        members: vec![member],
    };
    genesis.check().map_err(|error| error.to_string())
}

/// Puts the network's record into the folder, once this node is known to be part of it.
fn join(args: &Args, keystore: &Keystore, genesis: &Genesis) -> Result<(), Failure> {
    let dir = &args.folder.dir;
    let key = keystore.node_key().public_key();
    if !genesis.nodes().any(|(_, node)| node.public_key == key) {
        return Err(Failure::Refused(format!(
            "the genesis record does not list this node's key {key}: have {} put into it",
            dir.join(MEMBER_FILE).display()
        )));
    }
    if dir.join(GENESIS_FILE).exists() {
        let present = load_genesis(dir)?;
        if present.id() != genesis.id() {
            return Err(Failure::Folder(format!(
                "{} belongs to another network ({}): make a new data folder",
                dir.display(),
                present.chain_id
            )));
        }
    }
    write_genesis(&dir.join(GENESIS_FILE), genesis)?;
    Ok(())
}

/// Writes the settings: those present, or the defaults, with what the command line gives.
fn write_config(args: &Args) -> Result<(), Failure> {
    let dir = &args.folder.dir;
    let present = dir.join(crate::config::CONFIG_FILE).exists();
    let mut config = if present { Config::load(dir)? } else { Config::default() };
    if let Some(http) = args.http {
        config.http.listen = http;
    }
    if let Some(p2p) = &args.p2p {
        config.p2p.listen = p2p.clone();
    }
    for peer in &args.peers {
        config.peers.retain(|known| known.public_key != peer.public_key);
        config.peers.push(peer.clone());
    }
    config.save(dir)?;
    Ok(())
}

fn report(args: &Args, keystore: &Keystore, made: Option<&Made>) -> Result<(), Failure> {
    let dir = &args.folder.dir;
    let genesis = if dir.join(GENESIS_FILE).exists() { Some(load_genesis(dir)?) } else { None };
    let node_key = keystore.node_key().public_key();
    let api_keys = made.map_or(&[][..], |made| &made.api_keys);
    if args.json {
        let agents = api_keys.iter().map(|key| {
            let id = &key.record.agent;
            json!({ "id": id, "api_key": key.clear, "api_key_id": key.record.id })
        });
        return output::json(&json!({
            "dir": dir,
            "node_key": node_key,
            "agents": agents.collect::<Vec<_>>(),
            "chain_id": genesis.map(|genesis| genesis.chain_id),
        }));
    }
    output::line(format!("Data folder   {}", dir.display()))?;
    output::line(format!("Node key      {node_key}"))?;
    for key in api_keys {
        output::line(format!("Agent         {}", key.record.agent))?;
        output::line(format!("  API key     {}   (shown only now)", key.clear))?;
    }
    match genesis {
        Some(genesis) => {
            output::line(format!("Network       {}", genesis.chain_id))?;
            output::line(format!("\nNext: tracehold start --dir {}", dir.display()))
        }
        None => output::line(format!(
            "\nNext: send {} to whoever makes the genesis record, then\n      \
             tracehold init --dir {} --genesis FILE --peer KEY@ADDRESS",
            dir.join(MEMBER_FILE).display(),
            dir.display()
        )),
    }
}

/// The time now.
pub fn now() -> Result<TimestampMs, Failure> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let ms = since.ok().and_then(|time| u64::try_from(time.as_millis()).ok());
    ms.map(TimestampMs).ok_or_else(|| Failure::Refused("this machine's clock is wrong".to_owned()))
}
