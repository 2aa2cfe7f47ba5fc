//! A ledger of goods with what a trace reads of it, and the events that happen to them.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses what it needs, and may stop")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use serde_json::{Value, json};
use tracehold_chain::codec;
use tracehold_chain::digest::Digest;
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::genesis::{Agent, Genesis, Member, Node, NodeRole, Parameters};
use tracehold_chain::keys::{SecretKey, Signer};
use tracehold_chain::masterdata::{MasterKind, MasterRecord};
use tracehold_chain::state::key::{
    STATE_END, STATE_FIRST, edge_range, item_key, journal_key, name_digest,
};
use tracehold_chain::state::{MemoryTable, Position, StateKey, Table};
use tracehold_chain::transaction::{Bundle, CapturedEvent, Command, Nonce, TransactionBody};
use tracehold_chain::units::{AgentId, ChainId, MemberId, NodeName, TimestampMs};
use tracehold_contracts::provenance::trace::{EventBody, TraceReader};
use tracehold_contracts::provenance::{
    Edge, Facts, ItemRecord, JournalChunk, Step, TransformationRecord,
};
use tracehold_contracts::{Ledger, Verdict};

pub const START: TimestampMs = TimestampMs(1_780_000_000_000);

/// What a node's view gives a trace, over one ledger's table at one height.
#[derive(Clone, Default)]
pub struct Store {
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub bodies: Arc<BTreeMap<Position, EventBody>>,
}

impl Store {
    /// A record that events write.
    pub fn get<T: serde::de::DeserializeOwned>(&self, key: &[u8]) -> Option<T> {
        self.state.get(key).map(|bytes| codec::unpack(bytes).unwrap())
    }
}

impl TraceReader for Store {
    type Error = Infallible;

    fn item(&self, uri: &str) -> Result<Option<ItemRecord>, Infallible> {
        Ok(self.get(&item_key(&name_digest(uri))))
    }

    fn journal(&self, record: &ItemRecord, limit: usize) -> Result<Vec<Step>, Infallible> {
        let name = name_digest(&record.uri);
        let chunks = (0..record.chunks())
            .flat_map(|chunk| self.get::<JournalChunk>(&journal_key(&name, chunk)).unwrap());
        Ok(chunks.chain(record.tail.iter().cloned()).take(limit).collect())
    }

    fn event(&self, position: Position) -> Result<Option<EventBody>, Infallible> {
        Ok(self.bodies.get(&position).cloned())
    }

    fn event_id(&self, position: Position) -> Result<Option<String>, Infallible> {
        Ok(self.bodies.get(&position).map(|body| body.facts.event_id.clone()))
    }

    fn contents(
        &self,
        parent: &str,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<Edge>, Infallible> {
        let Some(record) = self.item(parent)? else { return Ok(Vec::new()) };
        let (from, to) = edge_range(&name_digest(parent));
        let edges = self.state.range(from..to).map(|(_, value)| codec::unpack(value).unwrap());
        let inside = edges.filter(|edge: &Edge| record.state.emptied_after(edge.mark).is_none());
        let beyond =
            inside.filter(|edge| after.is_none_or(|after| name_digest(&edge.child) > *after));
        Ok(beyond.take(limit).collect())
    }

    fn transformation(
        &self,
        recorder: &MemberId,
        id: &str,
    ) -> Result<(Vec<Position>, bool), Infallible> {
        let (recorder, id) = (recorder.clone(), id.to_owned());
        let key = StateKey::Transformation { recorder, id }.encode();
        let record = self.get::<TransformationRecord>(&key).unwrap_or_default();
        Ok((record.parts.iter().map(|part| part.position).collect(), false))
    }

    fn master(&self, kind: MasterKind, uri: &str) -> Result<Option<MasterRecord>, Infallible> {
        let bytes = self.state.get(&kind.key(uri).encode());
        Ok(bytes.map(|bytes| codec::decode(bytes).unwrap()))
    }

    fn metres_between(&self, from: &str, to: &str) -> Result<Option<u64>, Infallible> {
        // The last digits before the check digit are kilometres along a line.
        let at = |uri: &str| uri.get(32..36).and_then(|km| km.parse::<u64>().ok());
        Ok(at(from).zip(at(to)).map(|(from, to)| from.abs_diff(to) * 1_000))
    }
}

/// A ledger that keeps what it was after every block.
pub struct World {
    pub ledger: Ledger,
    table: Arc<MemoryTable>,
    pub bodies: BTreeMap<Position, EventBody>,
    nonce: u128,
}

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub fn member(id: &str, prefix: &str, seed: u8) -> Member {
    let agent = AgentId::new(MemberId::new(id).unwrap(), "erp").unwrap();
    Member {
        id: MemberId::new(id).unwrap(),
        name: id.to_uppercase(),
        gs1_company_prefixes: vec![prefix.to_owned()],
        glns: vec![],
        roles: Vec::new(),
        agents: vec![Agent { id: agent, public_key: key(seed).public_key() }],
        nodes: vec![Node {
            name: NodeName::new(format!("{id}-1")).unwrap(),
            public_key: key(seed + 100).public_key(),
            role: NodeRole::Validator { power: 1 },
        }],
    }
}

impl World {
    pub fn new() -> World {
        let genesis = Genesis {
            chain_id: ChainId::new("trace-test").unwrap(),
            created_at: START,
            parameters: Parameters { state_buckets_log2: 4, ..Parameters::default() },
            members: vec![member("farm", "952110", 1), member("carrier", "952220", 2)],
        };
        let table = Arc::new(MemoryTable::default());
        let ledger = Ledger::open(&genesis, table.clone()).unwrap();
        World { ledger, table, bodies: BTreeMap::new(), nonce: 0 }
    }

    pub fn records(&mut self, events: &[Value]) -> Vec<Verdict> {
        self.records_by("farm", 1, events)
    }

    /// Records the events in a block of their own, and says what became of it.
    pub fn records_by(&mut self, member: &str, seed: u8, events: &[Value]) -> Vec<Verdict> {
        self.nonce += 1;
        let cut: Vec<SectionedEvent> = events
            .iter()
            .map(|event| {
                let event = Event::parse_bare(event.to_string().as_bytes()).unwrap();
                SectionedEvent::split(&event, &mut |name| [name as u8; 32])
            })
            .collect();
        let captured: Vec<CapturedEvent> =
            cut.iter().map(|e| CapturedEvent { digest: e.digest(), author: None }).collect();
        let sender = AgentId::new(MemberId::new(member).unwrap(), "erp").unwrap();
        let body = TransactionBody {
            chain_id: ChainId::new("trace-test").unwrap(),
            sender,
            nonce: Nonce(self.nonce.to_be_bytes()),
            expires_at: self.ledger.head().block_time.plus_ms(60_000),
            commands: vec![Command::Capture(captured)],
        };
        let bundle = Bundle { transaction: body.sign(&key(seed)), events: cut.clone() };
        let time = self.ledger.head().block_time.plus_ms(1_000);
        let admitted = self.ledger.admit(Arc::new(bundle), time).unwrap();
        let mut waiting = [Arc::new(admitted)].into_iter();
        let (block, outcome) =
            self.ledger.propose(time, key(101).public_key(), &mut waiting).unwrap();
        let layer = self.ledger.commit(outcome);
        self.table.apply(&layer.writes).unwrap();
        self.ledger.flushed(layer.head.height);
        for (event, body) in (0_u32..).zip(&cut) {
            let position = Position { height: block.header.height, transaction: 0, event };
            let facts = Facts::read(body).unwrap();
            let recorder = MemberId::new(member).unwrap();
            let digest = body.digest();
            let body = EventBody { facts, digest, recorder, recorded_at: time };
            self.bodies.insert(position, body);
        }
        layer.receipts.iter().map(|receipt| receipt.verdict.clone()).collect()
    }

    pub fn store(&self) -> Store {
        let pairs = self.table.range(STATE_FIRST, STATE_END, usize::MAX).unwrap();
        Store { state: pairs.into_iter().collect(), bodies: Arc::new(self.bodies.clone()) }
    }
}

pub fn event(id: u32, time: &str, kind: &str, more: Value) -> Value {
    let mut event = json!({
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": kind, "eventID": id_of(id),
        "eventTime": format!("2026-03-{time}:00Z"), "eventTimeZoneOffset": "+00:00"
    });
    let fields = more.as_object().unwrap().clone();
    event.as_object_mut().unwrap().extend(fields);
    event
}

pub fn id_of(id: u32) -> String {
    format!("urn:uuid:00000000-0000-4000-8000-{id:012}")
}

pub fn made(id: u32, time: &str, things: &[String]) -> Value {
    let more = json!({"action": "ADD", "bizStep": "commissioning", "epcList": things});
    event(id, time, "ObjectEvent", more)
}

pub fn seen(id: u32, time: &str, step: &str, things: &[String]) -> Value {
    let more = json!({"action": "OBSERVE", "bizStep": step, "epcList": things});
    event(id, time, "ObjectEvent", more)
}

pub fn packed(id: u32, time: &str, action: &str, parent: &str, children: &[String]) -> Value {
    let more = json!({"action": action, "bizStep": "packing", "parentID": parent,
        "childEPCs": children});
    event(id, time, "AggregationEvent", more)
}

pub fn measured(id: u32, time: &str, thing: &str, celsius: i32) -> Value {
    let mut event = seen(id, time, "sensor_reporting", &[thing.to_owned()]);
    event["sensorElementList"] =
        json!([{"sensorReport": [{"type": "Temperature", "value": celsius, "uom": "CEL"}]}]);
    event
}

pub fn wrong(event: &Value) -> Value {
    let mut declaration = event.clone();
    declaration["errorDeclaration"] =
        json!({"declarationTime": "2026-03-09T10:00:00Z", "reason": "did_not_occur"});
    declaration
}

pub fn case(serial: u32) -> String {
    format!("https://id.gs1.org/01/09521101530001/21/{serial}")
}

pub fn lot(name: &str) -> String {
    format!("https://id.gs1.org/01/09521101530001/10/{name}")
}

pub fn some_packed(id: u32, time: &str, parent: &str, lots: &[String]) -> Value {
    let of = |lot: &String| json!({"epcClass": lot, "quantity": 1, "uom": "KGM"});
    let more = json!({"action": "ADD", "bizStep": "packing", "parentID": parent,
        "childQuantityList": lots.iter().map(of).collect::<Vec<_>>()});
    event(id, time, "AggregationEvent", more)
}

pub fn pallet(serial: u32) -> String {
    format!("https://id.gs1.org/00/0952110{serial:010}0")
}
