//! What a test network is made of: who takes part, which nodes, where their folders are.
//!
//! The folders are made with the `tracehold` command itself, the way real members would: each node
//! makes its keys (`init --member`), the member records are put together (`genesis`), and each node
//! joins (`init --genesis`). The manifest is kept beside them, so that the network can be started
//! again with the same keys and, where they are free, the same ports.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracehold_chain::genesis::MemberRole;

use crate::network::{TestnetError, listens};
use crate::ports::Ports;

/// The manifest's name in a network's folder. It holds API keys: readable by its owner only.
pub const MANIFEST_FILE: &str = "testnet.json";
/// First choice of the first node's HTTP port; the others follow.
pub const HTTP_PORT: u16 = 8080;
/// First choice of the first node's port for other nodes.
pub const P2P_PORT: u16 = 7070;

/// A member that takes part, before it has keys.
#[derive(Clone, Debug)]
pub struct MemberPlan {
    /// Its short name.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its GS1 company prefixes; `*` for all.
    pub prefixes: Vec<String>,
    /// Its GLNs.
    pub glns: Vec<String>,
    /// Who signs for it, such as `app`; the first one's API key is in the manifest.
    pub agent: String,
    /// The name of its node.
    pub node: String,
    /// Whether its node votes; otherwise it follows.
    pub votes: bool,
    /// What it does for others.
    pub roles: Vec<MemberRole>,
}

/// A network before it has keys.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The network's name; a random one when absent.
    pub chain_id: Option<String>,
    /// The members, each with one node; those that vote come first.
    pub members: Vec<MemberPlan>,
    /// Followers beside them, run by the members in turn.
    pub followers: usize,
    /// Parameters other than the defaults, as `name=value`.
    pub parameters: Vec<String>,
}

impl Plan {
    /// `validators` members that may commission anything (`*`), one validator each. The first is a
    /// bank, the last an inspector.
    #[must_use]
    pub fn plain(validators: usize, followers: usize) -> Plan {
        let role = |role, given: bool| given.then_some(role);
        let roles = |index: usize| {
            role(MemberRole::Bank, index == 0)
                .into_iter()
                .chain(role(MemberRole::Inspector, index + 1 == validators))
                .collect()
        };
        let members = (0..validators).map(|index| MemberPlan {
            id: format!("member-{index}"),
            name: format!("Test member {index}"),
            prefixes: vec!["*".to_owned()],
            glns: Vec::new(),
            agent: "app".to_owned(),
            node: format!("node-{index}"),
            votes: true,
            roles: roles(index),
        });
        Plan { chain_id: None, members: members.collect(), followers, parameters: Vec::new() }
    }

    /// How many of its nodes vote, and how many follow.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let voting = self.members.iter().filter(|member| member.votes).count();
        (voting, self.members.len() - voting + self.followers)
    }
}

/// One node of a network that has been made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Its name, which is its folder's name.
    pub name: String,
    /// `validator` or `follower`.
    pub role: String,
    /// The member that runs it.
    pub member: String,
    /// Its public key, in hex.
    pub public_key: String,
    /// An API key of the member's agent at this node.
    pub api_key: String,
    /// The port of its HTTP interface on loopback, when it last ran.
    pub http_port: u16,
    /// Its port for other nodes on loopback, when it last ran.
    pub p2p_port: u16,
}

/// A network that has been made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The network's name.
    pub chain_id: String,
    /// Its nodes, validators first.
    pub nodes: Vec<NodeEntry>,
}

impl Manifest {
    /// The manifest in the folder `dir`, if a network was made there.
    ///
    /// # Errors
    /// [`TestnetError`] when it cannot be read.
    pub fn load(dir: &Path) -> Result<Option<Manifest>, TestnetError> {
        let path = dir.join(MANIFEST_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(TestnetError::io("read", &path, source)),
        };
        let manifest = serde_json::from_str(&text)
            .map_err(|error| TestnetError::Manifest { path, reason: error.to_string() })?;
        Ok(Some(manifest))
    }

    /// Writes the manifest into the folder `dir`, whole or not at all.
    ///
    /// # Errors
    /// [`TestnetError`] when it cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), TestnetError> {
        let path = dir.join(MANIFEST_FILE);
        let new = dir.join(format!("{MANIFEST_FILE}.new"));
        let text = serde_json::to_string_pretty(self).expect("plain records are JSON");
        let failed = |source| TestnetError::io("write", &path, source);
        let _ = fs::remove_file(&new);
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&new).map_err(failed)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&new, &path).map_err(failed)
    }

    /// Makes keys, genesis record and data folders of `plan` under `dir`.
    ///
    /// # Errors
    /// [`TestnetError`] when `plan` is not a network, or the `binary` refuses.
    pub fn create(binary: &Path, dir: &Path, plan: &Plan) -> Result<Manifest, TestnetError> {
        let tool = Tool { binary, dir };
        let chain_id = match &plan.chain_id {
            Some(id) => id.clone(),
            None => format!("testnet-{}", random_suffix()?),
        };
        let mut nodes = Vec::new();
        for member in &plan.members {
            let role = if member.votes { "validator" } else { "follower" };
            nodes.push(tool.make_node(member, &member.node, role, &member.agent)?);
        }
        for index in 0..plan.followers {
            let member = &plan.members[index % plan.members.len().max(1)];
            let name = format!("follower-{index}");
            nodes.push(tool.make_node(member, &name, "follower", &name)?);
        }
        tool.make_genesis(&chain_id, plan, &nodes)?;
        for node in &nodes {
            let genesis = dir.join("genesis.json");
            tool.run(&["init", "--dir", &node.name, "--genesis", &text(&genesis), "--json"])?;
        }
        let manifest = Manifest { chain_id, nodes };
        manifest.save(dir)?;
        Ok(manifest)
    }

    /// Chooses ports for every node, the last ones where they are free, and writes them and the
    /// peers' addresses into the nodes' settings. The HTTP interface of the node `open_to` listens
    /// on the address named there.
    ///
    /// # Errors
    /// [`TestnetError`] when there are no free ports or settings cannot be written.
    pub fn assign_ports(
        &mut self,
        dir: &Path,
        first: (u16, u16),
        open_to: Option<(usize, IpAddr)>,
    ) -> Result<(), TestnetError> {
        let mut ports = Ports::default();
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let offset = u16::try_from(index).unwrap_or(u16::MAX);
            // Only HTTP is opened to others.
            let http = listens(index, 0, open_to).ip();
            let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
            for (port, first, address) in
                [(&mut node.http_port, first.0, http), (&mut node.p2p_port, first.1, loopback)]
            {
                let wanted = match (*port, first) {
                    (0, 0) => 0,
                    (0, first) => first.saturating_add(offset),
                    (last, _) => last,
                };
                *port = ports.take(address, wanted).ok_or(TestnetError::Ports(wanted))?;
            }
        }
        self.save(dir)?;
        let mut nodes = self.nodes.iter().enumerate();
        nodes.try_for_each(|(index, node)| {
            self.write_settings(dir, node, listens(index, node.http_port, open_to))
        })
    }

    fn write_settings(
        &self,
        dir: &Path,
        node: &NodeEntry,
        http: SocketAddr,
    ) -> Result<(), TestnetError> {
        let path = dir.join(&node.name).join("tracehold.toml");
        let damaged = |reason: String| TestnetError::Manifest { path: path.clone(), reason };
        let read = fs::read_to_string(&path);
        let read = read.map_err(|source| TestnetError::io("read", &path, source))?;
        let mut settings: toml::Table =
            toml::from_str(&read).map_err(|error| damaged(error.to_string()))?;
        set(&mut settings, "http", "listen", http.to_string());
        set(&mut settings, "p2p", "listen", format!("/ip4/127.0.0.1/tcp/{}", node.p2p_port));
        let peers = self.nodes.iter().filter(|other| other.name != node.name).map(|other| {
            let address = format!("/ip4/127.0.0.1/tcp/{}", other.p2p_port);
            let entry = [("public_key", other.public_key.clone()), ("address", address)];
            toml::Value::Table(entry.map(|(k, v)| (k.to_owned(), v.into())).into_iter().collect())
        });
        settings.insert("peers".to_owned(), toml::Value::Array(peers.collect()));
        let written = toml::to_string_pretty(&settings).expect("a table is TOML");
        fs::write(&path, written).map_err(|source| TestnetError::io("write", &path, source))
    }
}

fn set(settings: &mut toml::Table, section: &str, key: &str, value: String) {
    let entry = settings.entry(section).or_insert_with(|| toml::Table::new().into());
    if let Some(table) = entry.as_table_mut() {
        table.insert(key.to_owned(), value.into());
    }
}

/// The `tracehold` command, run in a network's folder.
struct Tool<'a> {
    binary: &'a Path,
    dir: &'a Path,
}

impl Tool<'_> {
    fn make_node(
        &self,
        member: &MemberPlan,
        name: &str,
        role: &str,
        agent: &str,
    ) -> Result<NodeEntry, TestnetError> {
        let mut args = vec!["init", "--dir", name, "--node", name, "--role", role, "--json"];
        args.extend(["--member", &member.id, "--member-name", &member.name, "--agent", agent]);
        args.extend(member.prefixes.iter().flat_map(|prefix| ["--prefix", prefix]));
        args.extend(member.glns.iter().flat_map(|gln| ["--gln", gln]));
        args.extend(member.roles.iter().map(|role| match role {
            MemberRole::Bank => "--bank",
            MemberRole::Inspector => "--inspector",
        }));
        let made = self.run(&args)?;
        let field = |pointer: &str| {
            let found = made.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| TestnetError::Command {
                command: args.join(" "),
                reason: format!("its answer has no {pointer}"),
            })
        };
        Ok(NodeEntry {
            name: name.to_owned(),
            role: role.to_owned(),
            member: member.id.clone(),
            public_key: field("/node_key")?,
            api_key: field("/agents/0/api_key")?,
            http_port: 0,
            p2p_port: 0,
        })
    }

    fn make_genesis(
        &self,
        chain_id: &str,
        plan: &Plan,
        nodes: &[NodeEntry],
    ) -> Result<(), TestnetError> {
        let mut args = vec!["genesis", "--chain-id", chain_id, "--out", "genesis.json"];
        args.extend(plan.parameters.iter().flat_map(|parameter| ["--set", parameter]));
        let records: Vec<String> =
            nodes.iter().map(|node| format!("{}/member.json", node.name)).collect();
        args.extend(records.iter().map(String::as_str));
        self.run(&args).map(drop)
    }

    /// Runs one command and returns what it printed, as JSON if it is.
    fn run(&self, args: &[&str]) -> Result<Value, TestnetError> {
        let command = || args.join(" ");
        let output = Command::new(self.binary)
            .args(args)
            .current_dir(self.dir)
            .output()
            .map_err(|source| TestnetError::io("run", self.binary, source))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(TestnetError::Command { command: command(), reason });
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    }
}

fn text(path: &Path) -> String {
    absolute(path).to_string_lossy().into_owned()
}

/// `path` seen from any folder.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Eight random hex digits, so that two test networks do not take each other's transactions.
fn random_suffix() -> Result<String, TestnetError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 4];
    fs::File::open(path)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut bytes))
        .map_err(|source| TestnetError::io("read", path, source))?;
    Ok(format!("{:08x}", u32::from_be_bytes(bytes)))
}
