//! What tests with a whole network share.
#![allow(dead_code, reason = "every test file uses its own part of this")]

pub mod up;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracehold_testnet::manifest::Plan;
use tracehold_testnet::{Options, Testnet};

/// The `tracehold` command, built with the profile of the tests.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| {
            let tests = std::env::current_exe().expect("a test knows its own path");
            let profile = tests.ancestors().nth(2).expect("target/PROFILE/deps/test");
            let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "-p", "tracehold-node", "--bin", "tracehold"]);
            if profile.ends_with("release") {
                build.arg("--release");
            }
            build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
            assert!(build.status().expect("cargo runs").success(), "the command must build");
            profile.join("tracehold")
        })
        .clone()
}

/// Nothing that should happen takes this long, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Ports below those that the system gives to whoever calls: a node that is started again finds its
/// own free.
const FIRST_PORTS: (u16, u16) = (22_080, 21_070);

/// A turn to run a network: several at once on a small machine only wait for each other, and take
/// each other's ports between a stop and a start.
pub fn turn() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A test that failed has told so itself.
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A network of validators (and followers) in a folder of its own.
pub struct Network {
    /// The running network.
    pub net: Testnet,
    /// Its folder; removed with it.
    pub dir: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Network {
    /// Starts a network with a small state tree and waits until every node is ready.
    pub fn up(validators: usize, followers: usize) -> Network {
        Network::of(Plan::plain(validators, followers))
    }

    /// Starts the planned network with a small state tree and waits until every node is ready.
    pub fn of(plan: Plan) -> Network {
        let turn = turn();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut options = Options::new(binary(), dir.path(), plan.members.len());
        options.plan = plan;
        options.plan.parameters = vec!["state_buckets_log2=10".to_owned()];
        options.first_ports = FIRST_PORTS;
        options.ready_timeout = PATIENCE;
        Network { net: Testnet::up(options).expect("the network comes up"), dir, _turn: turn }
    }

    /// The status of a node.
    pub fn status(&self, node: usize) -> Value {
        let answer = self.net.nodes[node].client().get("/api/v1/status").expect("a status");
        assert!(answer.is_success(), "{}", answer.text);
        answer.json
    }

    /// The height of a node.
    pub fn height(&self, node: usize) -> u64 {
        self.status(node)["height"].as_u64().expect("a height")
    }

    /// Waits until every node has what any of them has: an answer says that a thing is on record,
    /// and a moment later the other nodes know it too.
    pub fn caught_up(&self) {
        let nodes = 0..self.net.nodes.len();
        let newest = nodes.clone().map(|node| self.height(node)).max().expect("a node");
        wait_until("all nodes", || nodes.clone().all(|node| self.height(node) >= newest));
    }

    /// Posts one bare event; the answer comes when it is committed.
    pub fn post_event(&self, node: usize, event: &Value) -> (u16, Value) {
        let client = self.net.nodes[node].client();
        let body = event.to_string();
        let answer = client.post("/epcis/v2/events", body.as_bytes(), &[]).expect("an answer");
        (answer.status, answer.json)
    }

    /// Whether a node knows the event.
    pub fn has_event(&self, node: usize, event_id: &str) -> bool {
        let id = tracehold_chain::epcis::uri::percent_encoded(event_id);
        let answer = self.net.nodes[node].client().get(&format!("/epcis/v2/events/{id}"));
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Asserts that all nodes have the same block id and state root at every height they share.
    pub fn assert_agreement(&self, nodes: &[usize]) {
        let common = nodes.iter().map(|node| self.height(*node)).min().expect("a node");
        for height in 1..=common {
            let mut headers = nodes.iter().map(|node| {
                let path = format!("/api/v1/blocks/{height}");
                let block = self.net.nodes[*node].client().get(&path).expect("a block").json;
                (block["block_id"].clone(), block["header"]["state_root"].clone())
            });
            let first = headers.next().expect("a node");
            assert!(first.0.is_string() && first.1.is_string(), "{first:?}");
            assert!(headers.all(|other| other == first), "height {height} differs");
        }
    }
}

/// One observation of one serial number.
pub fn event(serial: &str) -> Value {
    serde_json::json!({
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": "ObjectEvent",
        "eventID": format!("urn:example:event:{serial}"),
        "eventTime": "2026-03-01T10:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "bizStep": "inspecting",
        "epcList": [format!("https://id.gs1.org/01/09521101530001/21/{serial}")],
        "readPoint": {"id": "https://id.gs1.org/414/9521101530001"}
    })
}

/// Waits until `holds`; how long that took.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}

/// Data of others that conformance is tried on, beside the checkout; `None` when it is not there,
/// unless `TRACEHOLD_CORPORA` is `required`.
pub fn corpora() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    if path.is_dir() {
        return Some(path);
    }
    let is_required = std::env::var("TRACEHOLD_CORPORA").is_ok_and(|wanted| wanted == "required");
    assert!(!is_required, "TRACEHOLD_CORPORA is required and {} is missing", path.display());
    println!("NOT RUN: no corpora at {}; the project's own fixtures only", path.display());
    None
}

/// One transfer of 10.00 to each other member, signed by the agent of `payer`, in the ledger's own
/// encoding; the fourth pays the first payee again under another reference.
pub fn signed_transfers(network: &Network, payer: usize, asset: &str) -> Vec<Vec<u8>> {
    use tracehold_chain::codec;
    use tracehold_chain::money::{AccountId, Money, MoneyAction, MoneyCommand, Purpose};
    use tracehold_chain::transaction::{Bundle, Command, Nonce, TransactionBody};
    use tracehold_chain::units::{ChainId, MemberId, TimestampMs};
    let keystore = tracehold_node::keystore::Keystore::open(&network.net.nodes[payer].dir);
    let keystore = keystore.expect("the node's keys");
    let (agent, _) = keystore.agents().into_iter().next().expect("an agent");
    let signer = keystore.agent(&agent).expect("its key").signer;
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("after 1970");
    let others = (0..4).filter(|member| *member != payer).cycle();
    let transfer = |(number, member): (u8, usize)| {
        let to = MemberId::new(format!("member-{member}")).expect("a name");
        let money = Money {
            asset: asset.parse().expect("an asset"),
            amount: 1_000.try_into().expect("an amount"),
        };
        let action =
            MoneyAction::Transfer { money, to: AccountId::of(to, Purpose::main()), memo: None };
        let reference = format!("twice-{number}").try_into().expect("a reference");
        let command = MoneyCommand { account: Purpose::main(), reference, action };
        let body = TransactionBody {
            chain_id: ChainId::new(network.net.chain_id.clone()).expect("a name"),
            sender: agent.clone(),
            nonce: Nonce([number; 16]),
            expires_at: TimestampMs(now).plus_ms(120_000),
            commands: vec![Command::Money(command)],
        };
        codec::encode(&Bundle { transaction: body.sign(&*signer), events: Vec::new() })
    };
    (0..4).zip(others).map(transfer).collect()
}
