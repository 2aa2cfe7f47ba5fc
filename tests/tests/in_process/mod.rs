//! Whole nodes in one process: real stores, real sockets, real consensus, without HTTP.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use tempfile::TempDir;
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::genesis::{Agent, Genesis, Member, Node as Listed, NodeRole, Parameters};
use tracehold_chain::keys::{PublicKey, SecretKey, Signer as _};
use tracehold_chain::mempool::MempoolLimits;
use tracehold_chain::transaction::{Bundle, CapturedEvent, Command, Nonce, TransactionBody};
use tracehold_chain::units::{AgentId, ChainId, Height, MemberId, NodeName, TimestampMs};
use tracehold_node::net::{FileSource, NetConfig, NetLimits, NetMetrics, Network, Registry};
use tracehold_node::replica::Committed;
use tracehold_node::runtime::{self, NodeHandle, NodeParts, Phase, Status, SubmitError};
use tracehold_node::store::recover::DataFolder;
use tracehold_testnet::ports::Ports;

/// Nothing that should happen takes this long, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

const FIRST_PORT: u16 = 23_000;

/// A network of validators, all of which know each other's addresses.
pub struct Cluster {
    /// The record it starts from.
    pub genesis: Genesis,
    addresses: Vec<Multiaddr>,
    folders: Vec<TempDir>,
    /// The nodes that run; `None` where one is stopped.
    pub nodes: Vec<Option<NodeHandle>>,
    networks: Vec<Arc<OnceLock<NetMetrics>>>,
    sent: u64,
}

/// The key of the node at `index`.
pub fn node_key(index: usize) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(index + 1).unwrap(); 32])
}

fn agent_key(index: usize) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(index + 101).unwrap(); 32])
}

fn agent_id(index: usize) -> AgentId {
    AgentId::new(MemberId::new(format!("member-{index}")).unwrap(), "erp").unwrap()
}

fn member(index: usize) -> Member {
    Member {
        id: MemberId::new(format!("member-{index}")).unwrap(),
        name: format!("Member {index}"),
        gs1_company_prefixes: vec!["*".to_owned()],
        glns: Vec::new(),
        roles: Vec::new(),
        agents: vec![Agent { id: agent_id(index), public_key: agent_key(index).public_key() }],
        nodes: vec![Listed {
            name: NodeName::new(format!("node-{index}")).unwrap(),
            public_key: node_key(index).public_key(),
            role: NodeRole::Validator { power: 1 },
        }],
    }
}

/// Ports that are free now and given to no other cluster, below those that the system gives to
/// whoever calls: a node that is started again finds its own free.
fn free_addresses(count: usize) -> Vec<Multiaddr> {
    static PORTS: LazyLock<Mutex<Ports>> = LazyLock::new(Mutex::default);
    let mut ports = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut address = || {
        format!(
            "/ip4/127.0.0.1/tcp/{}",
            ports.take(std::net::Ipv4Addr::LOCALHOST.into(), FIRST_PORT).unwrap()
        )
    };
    (0..count).map(|_| address().parse().unwrap()).collect()
}

impl Cluster {
    /// Starts `count` validators and waits until they are connected.
    pub async fn start(count: usize) -> Cluster {
        let genesis = Genesis {
            chain_id: ChainId::new("in-process").unwrap(),
            created_at: TimestampMs(1_780_000_000_000),
            parameters: Parameters { state_buckets_log2: 8, ..Parameters::default() },
            members: (0..count).map(member).collect(),
        };
        let mut cluster = Cluster {
            genesis,
            addresses: free_addresses(count),
            folders: (0..count).map(|_| tempfile::tempdir().unwrap()).collect(),
            nodes: vec![None; count],
            networks: vec![Arc::default(); count],
            sent: 0,
        };
        for index in 0..count {
            cluster.start_node(index);
        }
        for index in 0..count {
            cluster.wait(index, |status| status.peers.len() == count - 1).await;
        }
        cluster
    }

    /// Where the node at `index` listens for its peers.
    pub fn address(&self, index: usize) -> &Multiaddr {
        &self.addresses[index]
    }

    /// Starts the node at `index` with whatever is in its folder.
    pub fn start_node(&mut self, index: usize) {
        let all = self.addresses.iter().enumerate();
        let net = NetConfig {
            key: node_key(index),
            listen: vec![self.addresses[index].clone()],
            peers: all.map(|(i, at)| (node_key(i).public_key(), at.clone())).collect(),
            members: self.genesis.nodes().map(|(_, node)| node.public_key).collect(),
            chain_id: self.genesis.chain_id.clone(),
            genesis_id: self.genesis.id().0,
            limits: NetLimits::default(),
            files: FileSource::default(),
        };
        let metrics = Arc::new(OnceLock::new());
        self.networks[index] = Arc::clone(&metrics);
        let parts = NodeParts {
            genesis: self.genesis.clone(),
            folder: DataFolder {
                path: self.folders[index].path().to_owned(),
                table_cache_bytes: 16 * 1024 * 1024,
            },
            signer: Arc::new(node_key(index)),
            mempool: MempoolLimits::default(),
            network: Box::new(move || {
                let started = Network::start(net, &mut Registry::default())?;
                metrics.set(started.0.metrics().clone()).expect("started once");
                Ok(started)
            }),
        };
        self.nodes[index] = Some(runtime::start(parts).unwrap());
    }

    /// Stops the node at `index`.
    pub async fn stop_node(&mut self, index: usize) {
        let node = self.nodes[index].take().unwrap();
        node.stop();
        node.ended().await.unwrap();
    }

    /// The running node at `index`.
    pub fn node(&self, index: usize) -> &NodeHandle {
        self.nodes[index].as_ref().unwrap()
    }

    /// The counters of the network of the node at `index`, which must have been ready once.
    pub fn network_metrics(&self, index: usize) -> &NetMetrics {
        self.networks[index].get().unwrap()
    }

    /// Waits until the status of the node at `index` is as wanted.
    pub async fn wait(&self, index: usize, wanted: impl Fn(&Status) -> bool) -> Status {
        let begun = Instant::now();
        loop {
            let status = self.node(index).status();
            match (status, self.node(index).phase()) {
                (Ok(status), _) if wanted(&status) => return status,
                (status, Phase::Failed(_)) => panic!("node {index} failed: {status:?}"),
                (status, _) if begun.elapsed() > PATIENCE => {
                    panic!("node {index} waited in vain: {status:?}")
                }
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Waits until every running node is at the height of the highest, and asserts that all of
    /// them have the same block and state there. Returns that height.
    pub async fn assert_agreed(&self) -> Height {
        let running = || (0..self.nodes.len()).filter(|index| self.nodes[*index].is_some());
        let heights = running().map(|index| self.node(index).status().unwrap().height);
        let highest = heights.max().unwrap();
        let mut records = Vec::new();
        for index in running() {
            self.wait(index, |status| status.height >= highest).await;
            let header = self.node(index).view().unwrap().header(highest).unwrap().unwrap();
            // Certificates may differ: each node keeps the votes that it heard first.
            records.push((index, header.header));
        }
        for (index, record) in &records[1..] {
            assert_eq!(record, &records[0].1, "node {index} differs at height {highest}");
        }
        highest
    }

    /// A transaction of member `index` with one new event.
    pub fn bundle(&mut self, index: usize, weight: usize) -> Bundle {
        self.sent += 1;
        let text = format!(
            r#"{{"@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            "type": "ObjectEvent", "eventID": "urn:uuid:00000000-0000-4000-8000-{:0>12}",
            "eventTime": "2026-03-01T10:00:00Z", "eventTimeZoneOffset": "+00:00",
            "action": "OBSERVE", "epcList": ["https://id.gs1.org/01/09521101530001/21/{}"],
            "example:note": "{}"}}"#,
            self.sent,
            self.sent,
            "x".repeat(weight),
        );
        let text = text
            .replace(
                "\"@context\": \"https",
                "\"@context\": [{\"example\": \
            \"https://example.org/\"}, \"https",
            )
            .replace("context.jsonld\",", "context.jsonld\"],");
        let event = Event::parse_bare(text.as_bytes()).unwrap();
        let event = SectionedEvent::split(&event, &mut |_| [3; 32]);
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.sent.to_be_bytes());
        let now = self.node_time();
        let body = TransactionBody {
            chain_id: self.genesis.chain_id.clone(),
            sender: agent_id(index),
            nonce: Nonce(nonce),
            expires_at: now.plus_ms(300_000),
            commands: vec![Command::Capture(vec![CapturedEvent {
                digest: event.digest(),
                author: None,
            }])],
        };
        Bundle { transaction: body.sign(&agent_key(index)), events: vec![event] }
    }

    fn node_time(&self) -> TimestampMs {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        TimestampMs(u64::try_from(now.as_millis()).unwrap())
    }

    /// Submits one event at the node at `index` and waits for its receipt.
    pub async fn record(&mut self, index: usize) -> Result<Committed, SubmitError> {
        let bundle = self.bundle(index, 100);
        self.node(index).submit(bundle).await
    }
}

/// The public keys of the first `count` nodes.
pub fn node_keys(count: usize) -> Vec<PublicKey> {
    (0..count).map(|index| node_key(index).public_key()).collect()
}
