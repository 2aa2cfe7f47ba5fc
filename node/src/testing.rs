//! A network of one validator and its history, for the tests of this crate.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tracehold_chain::certificate::{
    CommitCertificate, CommitSignature, DecidedBlock, VoteKind, vote_digest,
};
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::genesis::{Agent, Genesis, Member, Node, NodeRole, Parameters};
use tracehold_chain::keys::{SecretKey, Signer};
use tracehold_chain::mempool::MempoolLimits;
use tracehold_chain::transaction::{Bundle, CapturedEvent, Command, Nonce, TransactionBody};
use tracehold_chain::units::{ChainId, MemberId, NodeName, TimestampMs};
use tracehold_contracts::{Layer, Ledger};

use crate::net::{FileSource, NetConfig, NetLimits, Network};
use crate::runtime::{self, NodeHandle, NodeParts, Phase, StartError};
use crate::store::recover::DataFolder;

/// Nothing that should happen takes this long, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// When the test network began.
pub const CREATED: TimestampMs = TimestampMs(1_772_000_000_000);

/// Who is in the test network, and what they sign with.
pub struct TestNetwork {
    pub genesis: Genesis,
    pub node_key: SecretKey,
    agent_key: SecretKey,
    nonce: u128,
}

impl TestNetwork {
    pub fn new() -> TestNetwork {
        let (node_key, agent_key) =
            (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
        let member = Member {
            id: MemberId::new("acme").unwrap(),
            name: "Acme".into(),
            gs1_company_prefixes: vec!["*".into()],
            glns: Vec::new(),
            roles: Vec::new(),
            agents: vec![Agent {
                id: "acme/erp".parse().unwrap(),
                public_key: agent_key.public_key(),
            }],
            nodes: vec![Node {
                name: NodeName::new("acme-1").unwrap(),
                public_key: node_key.public_key(),
                role: NodeRole::Validator { power: 1 },
            }],
        };
        let genesis = Genesis {
            chain_id: ChainId::new("test").unwrap(),
            created_at: CREATED,
            parameters: Parameters { state_buckets_log2: 8, ..Parameters::default() },
            members: vec![member],
        };
        TestNetwork { genesis, node_key, agent_key, nonce: 0 }
    }

    /// A signed transaction that captures `events`, good for the ten minutes after `now`.
    pub fn bundle(&mut self, now: TimestampMs, events: &[Value]) -> Arc<Bundle> {
        let salt = |section| [section as u8; 32];
        let cut = events.iter().map(|event| {
            let event = Event::parse_bare(event.to_string().as_bytes()).unwrap();
            SectionedEvent::split(&event, &mut { salt })
        });
        let events: Vec<SectionedEvent> = cut.collect();
        let captured =
            |event: &SectionedEvent| CapturedEvent { digest: event.digest(), author: None };
        self.nonce += 1;
        let body = TransactionBody {
            chain_id: self.genesis.chain_id.clone(),
            sender: "acme/erp".parse().unwrap(),
            nonce: Nonce(self.nonce.to_be_bytes()),
            expires_at: now.plus_ms(500_000),
            commands: vec![Command::Capture(events.iter().map(captured).collect())],
        };
        Arc::new(Bundle { transaction: body.sign(&self.agent_key), events })
    }

    /// Decides the next block of `ledger` with these transactions, a second after the last.
    pub fn decide(
        &self,
        ledger: &mut Ledger,
        bundles: &[Arc<Bundle>],
    ) -> (DecidedBlock, Arc<Layer>) {
        let time = ledger.head().block_time.plus_ms(1_000);
        let admitted = bundles.iter().map(|b| Arc::new(ledger.admit(b.clone(), time).unwrap()));
        let admitted: Vec<_> = admitted.collect();
        let proposer = self.node_key.public_key();
        let (block, outcome) =
            ledger.propose(time, proposer, &mut admitted.iter().cloned()).unwrap();
        assert_eq!(block.bundles.len(), bundles.len(), "everything has room");
        let (height, block_id) = (block.header.height, block.id());
        let chain_id = &self.genesis.chain_id;
        let digest = vote_digest(chain_id, VoteKind::Precommit, height, 0, Some(block_id));
        let signature = self.node_key.sign(&digest);
        let signatures = vec![CommitSignature { validator: proposer, signature }];
        let certificate = CommitCertificate { height, round: 0, block_id, signatures };
        (DecidedBlock { block, certificate }, ledger.commit(outcome))
    }
}

/// Starts the only node of its network.
pub fn start(network: &TestNetwork, path: &Path) -> Result<NodeHandle, StartError> {
    let key = network.node_key.clone();
    let config = NetConfig {
        members: BTreeSet::from([key.public_key()]),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        peers: Vec::new(),
        chain_id: network.genesis.chain_id.clone(),
        genesis_id: network.genesis.id().0,
        limits: NetLimits::default(),
        files: FileSource::default(),
        key: key.clone(),
    };
    runtime::start(NodeParts {
        genesis: network.genesis.clone(),
        folder: DataFolder { path: path.to_owned(), table_cache_bytes: 1024 * 1024 },
        signer: Arc::new(key),
        mempool: MempoolLimits::default(),
        network: Box::new(move || Network::start(config, &mut Registry::default())),
    })
}

/// Waits until the node runs.
pub async fn running(handle: &NodeHandle) {
    let wait = async {
        while handle.phase() != Phase::Running {
            assert!(matches!(handle.phase(), Phase::Starting(_)), "{:?}", handle.phase());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

/// An event of its own that observes one serial number of the test product.
pub fn observed(event: u64, serial: u64) -> Value {
    json!({
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "ObjectEvent",
        "eventID": format!("urn:uuid:00000000-0000-4000-8000-{event:012}"),
        "eventTime": "2026-02-25T10:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": [item(serial)],
        "action": "OBSERVE",
        "bizStep": "inspecting",
        "readPoint": {"id": "https://id.gs1.org/414/9521321000018"}
    })
}

/// The canonical identifier of a serial number of the test product.
pub fn item(serial: u64) -> String {
    format!("https://id.gs1.org/01/09521321001015/21/{serial}")
}
