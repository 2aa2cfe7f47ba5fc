//! A small network on one ledger: members, and signed transactions in blocks.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tracehold_chain::block::{Block, BlockHeader};
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::genesis::{Agent, Genesis, Member, MemberRole, Node, NodeRole, Parameters};
use tracehold_chain::keys::{SecretKey, Signer};
use tracehold_chain::masterdata::MasterData;
use tracehold_chain::recall::RecallCommand;
use tracehold_chain::state::key::{edge_range, name_digest};
use tracehold_chain::state::{MemoryTable, Position, StateKey, Table};
use tracehold_chain::transaction::{Bundle, CapturedEvent, Command, Nonce, TransactionBody};
use tracehold_chain::units::{AgentId, ChainId, MemberId, NodeName, TimestampMs};
use tracehold_contracts::provenance::{Edge, ItemRecord, JournalChunk, Step};
use tracehold_contracts::{Admitted, Layer, Ledger, Verdict};

/// The day on which things happen; what happened is uploaded in its evening.
pub const DAY: TimestampMs = TimestampMs(1_780_272_000_000);
const EVENING_MS: u64 = 20 * 3_600_000;

/// Members, their GS1 company prefixes and whether they are inspectors.
pub fn members() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    [
        ("mill", "9521101", false),
        ("carrier", "9522202", false),
        ("shop", "9523303", false),
        ("thief", "9525505", false),
        ("customs", "9524404", true),
    ]
    .into_iter()
}

/// A member's company prefix; anybody else has one that is no member's.
pub fn prefix(name: &str) -> &'static str {
    members().find(|(member, ..)| *member == name).map_or("9529909", |(_, prefix, _)| prefix)
}

fn key(name: &str) -> SecretKey {
    let mut seed = [9; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SecretKey::from_seed(&seed)
}

fn agent(name: &str) -> AgentId {
    AgentId::new(MemberId::new(name).unwrap(), "erp").unwrap()
}

/// The key of a member's node.
pub fn node_key(name: &str) -> SecretKey {
    key(&format!("{name}-node"))
}

/// The genesis record of the network.
pub fn genesis(parameters: Parameters) -> Genesis {
    let member = |(name, prefix, inspects): (&str, &str, bool)| Member {
        id: MemberId::new(name).unwrap(),
        name: name.to_owned(),
        gs1_company_prefixes: vec![prefix.to_owned()],
        glns: vec![],
        roles: if inspects { vec![MemberRole::Inspector] } else { vec![] },
        agents: vec![Agent { id: agent(name), public_key: key(name).public_key() }],
        nodes: vec![Node {
            name: NodeName::new(format!("{name}-1")).unwrap(),
            public_key: node_key(name).public_key(),
            role: NodeRole::Validator { power: 1 },
        }],
    };
    Genesis {
        chain_id: ChainId::new("scenarios").unwrap(),
        created_at: DAY.plus_ms(EVENING_MS),
        parameters,
        members: members().map(member).collect(),
    }
}

/// Keys and bytes that a layer writes, by the first two letters of the keys.
pub fn count_writes(layer: &Layer, counted: &mut BTreeMap<String, (usize, usize)>) {
    for (key, value) in &layer.writes {
        let kind = String::from_utf8_lossy(&key[..2]).into_owned();
        let (keys, bytes) = counted.entry(kind).or_default();
        *keys += 1;
        *bytes += key.len() + value.as_ref().map_or(0, Vec::len);
    }
}

pub struct World {
    pub ledger: Ledger,
    table: Arc<MemoryTable>,
    nonce: u64,
    /// The header of the last block that [`World::send`] made.
    pub header: Option<BlockHeader>,
    /// Every event that was sent, by its place.
    pub bodies: BTreeMap<Position, SectionedEvent>,
    /// Names of the tables by canonical identifier.
    pub names: RefCell<BTreeMap<String, String>>,
}

impl World {
    pub fn new(parameters: Parameters) -> World {
        let table = Arc::new(MemoryTable::default());
        let ledger = Ledger::open(&genesis(parameters), table.clone()).unwrap();
        World {
            ledger,
            table,
            nonce: 0,
            header: None,
            bodies: BTreeMap::new(),
            names: RefCell::default(),
        }
    }

    /// Records events of one member in one transaction and block.
    pub fn send(&mut self, who: &str, events: Vec<Value>) -> Verdict {
        let bundle = self.bundle(who, events);
        self.decide(bundle)
    }

    /// A signed transaction that captures events.
    pub fn bundle(&mut self, who: &str, events: Vec<Value>) -> Bundle {
        let events: Vec<SectionedEvent> = events
            .into_iter()
            .map(|value| {
                let shown = value.to_string();
                let event = Event::from_value(value, None);
                let event = event.unwrap_or_else(|error| panic!("{shown}: {error:?}"));
                SectionedEvent::split(&event, &mut |_| [3; 32])
            })
            .collect();
        let captured =
            events.iter().map(|e| CapturedEvent { digest: e.digest(), author: None }).collect();
        self.signed(who, vec![Command::Capture(captured)], events)
    }

    /// Sets a record of master data.
    pub fn set(&mut self, who: &str, data: MasterData) -> Verdict {
        let bundle = self.signed(who, vec![Command::SetMasterData(vec![data])], Vec::new());
        self.decide(bundle)
    }

    /// Declares or withdraws a recall.
    pub fn recall(&mut self, who: &str, command: RecallCommand) -> Verdict {
        let bundle = self.signed(who, vec![Command::Recall(command)], Vec::new());
        self.decide(bundle)
    }

    fn signed(&mut self, who: &str, commands: Vec<Command>, events: Vec<SectionedEvent>) -> Bundle {
        self.nonce += 1;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.nonce.to_be_bytes());
        let now = self.ledger.head().block_time;
        let body = TransactionBody {
            chain_id: self.ledger.chain_id().clone(),
            sender: agent(who),
            nonce: Nonce(nonce),
            expires_at: now.plus_ms(60_000),
            commands,
        };
        Bundle { transaction: body.sign(&key(who)), events }
    }

    fn decide(&mut self, bundle: Bundle) -> Verdict {
        let now = self.ledger.head().block_time;
        let admitted = match self.ledger.admit(Arc::new(bundle), now) {
            Ok(admitted) => Arc::new(admitted),
            Err(rejection) => return Verdict::Rejected(rejection),
        };
        let proposer = key("mill-node").public_key();
        let mut waiting = std::iter::once(admitted);
        let (block, _) = self.ledger.propose(now.plus_ms(1_000), proposer, &mut waiting).unwrap();
        let outcome = self.ledger.apply_block(&block, &|_| None).unwrap();
        let layer = self.ledger.commit(outcome);
        self.flush(&layer);
        self.keep(block);
        layer.receipts[0].verdict.clone()
    }

    /// Keeps what evidence is made of.
    fn keep(&mut self, block: Block) {
        for (transaction, bundle) in (0..).zip(&block.bundles) {
            for (event, body) in (0..).zip(&bundle.events) {
                let position = Position { height: block.header.height, transaction, event };
                self.bodies.insert(position, body.clone());
            }
        }
        self.header = Some(block.header);
    }

    /// What the state holds at a key.
    pub fn bytes(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.table.get(key).unwrap()
    }

    pub fn admit(&self, bundle: Bundle) -> Arc<Admitted> {
        let now = self.ledger.head().block_time;
        Arc::new(self.ledger.admit(Arc::new(bundle), now).unwrap())
    }

    pub fn propose_and_commit(&mut self, admitted: Arc<Admitted>) -> Arc<Layer> {
        let time = self.ledger.head().block_time.plus_ms(100);
        let proposer = key("mill-node").public_key();
        let mut waiting = std::iter::once(admitted);
        let (_, outcome) = self.ledger.propose(time, proposer, &mut waiting).unwrap();
        self.ledger.commit(outcome)
    }

    /// Puts a layer in the table.
    pub fn flush(&mut self, layer: &Layer) {
        self.table.apply(&layer.writes).unwrap();
        self.ledger.flushed(layer.head.height);
    }

    pub fn get<T: serde::de::DeserializeOwned>(&self, key: &StateKey) -> Option<T> {
        let found = self.table.get(&key.encode()).unwrap();
        found.map(|bytes| codec::unpack(&bytes).unwrap())
    }

    /// Everything that was ever put in a parent and not taken out by name.
    pub fn edges(&self, parent: &Digest) -> Vec<Edge> {
        let (from, to) = edge_range(parent);
        let pairs = self.table.range(&from, &to, usize::MAX).unwrap();
        pairs.iter().map(|(_, value)| codec::unpack(value).unwrap()).collect()
    }

    /// The whole journal of an item.
    pub fn steps(&self, uri: &str, record: &ItemRecord) -> Vec<Step> {
        let item = name_digest(uri);
        let mut steps: Vec<Step> = (0..record.chunks())
            .flat_map(|chunk| {
                let key = StateKey::Journal { item, chunk };
                self.get::<JournalChunk>(&key).unwrap()
            })
            .collect();
        steps.extend(record.tail.iter().cloned());
        steps
    }
}
