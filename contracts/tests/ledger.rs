//! The ledger as validators use it: real signed transactions with real events, in and out.
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use std::sync::Arc;

use tracehold_chain::block::Block;
use tracehold_chain::codec;
use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::genesis::{Agent, Genesis, Member, Node, NodeRole, Parameters};
use tracehold_chain::keys::{PublicKey, SecretKey, Signer};
use tracehold_chain::masterdata::{MasterData, MasterRecord, Product};
use tracehold_chain::state::key::name_digest;
use tracehold_chain::state::{MemoryTable, StateKey, Table};
use tracehold_chain::transaction::{
    AuthorSignature, Bundle, CapturedEvent, Command, Nonce, TransactionBody, authored_event_digest,
};
use tracehold_chain::units::{AgentId, ChainId, Height, MemberId, NodeName, TimestampMs};
use tracehold_contracts::ledger::{ApplyError, LedgerError};
use tracehold_contracts::provenance::{EventRecord, ItemRecord};
use tracehold_contracts::{InvalidBlock, Ledger, RejectionCode, Verdict};

const START: TimestampMs = TimestampMs(1_780_000_000_000);

fn node_key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn agent_key(member: &str) -> SecretKey {
    let mut seed = [9; 32];
    seed[..member.len()].copy_from_slice(member.as_bytes());
    SecretKey::from_seed(&seed)
}

fn agent_id(member: &str) -> AgentId {
    AgentId::new(MemberId::new(member).unwrap(), "erp").unwrap()
}

fn member(id: &str, prefix: &str, node: u8) -> Member {
    Member {
        id: MemberId::new(id).unwrap(),
        name: id.to_uppercase(),
        gs1_company_prefixes: vec![prefix.to_owned()],
        glns: vec![],
        roles: Vec::new(),
        agents: vec![Agent { id: agent_id(id), public_key: agent_key(id).public_key() }],
        nodes: vec![Node {
            name: NodeName::new(format!("{id}-1")).unwrap(),
            public_key: node_key(node).public_key(),
            role: NodeRole::Validator { power: 1 },
        }],
    }
}

fn genesis() -> Genesis {
    Genesis {
        chain_id: ChainId::new("ledger-test").unwrap(),
        created_at: START,
        parameters: Parameters { state_buckets_log2: 6, ..Parameters::default() },
        members: vec![member("farm", "952110", 1), member("carrier", "952220", 2)],
    }
}

/// An event about one serial number of the farm's product.
fn event(id: &str, serial: &str, more: &str) -> Event {
    let text = format!(
        r#"{{"@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": "ObjectEvent", "eventID": "urn:uuid:00000000-0000-4000-8000-{id:0>12}",
        "eventTime": "2026-03-01T10:00:00Z", "eventTimeZoneOffset": "+00:00", "action": "OBSERVE",
        "epcList": ["https://id.gs1.org/01/09521101530001/21/{serial}"] {more}}}"#
    );
    Event::parse_bare(text.as_bytes()).unwrap()
}

fn section(event: &Event) -> SectionedEvent {
    SectionedEvent::split(event, &mut |name| {
        let mut salt = [3; 32];
        salt[0] = name.as_str().as_bytes()[0];
        salt
    })
}

struct World {
    ledger: Ledger,
    table: Arc<MemoryTable>,
    nonce: u8,
}

impl World {
    fn new() -> World {
        let table = Arc::new(MemoryTable::default());
        World { ledger: Ledger::open(&genesis(), table.clone()).unwrap(), table, nonce: 0 }
    }

    fn body(&mut self, member: &str, events: &[SectionedEvent]) -> TransactionBody {
        self.nonce += 1;
        let captured =
            events.iter().map(|e| CapturedEvent { digest: e.digest(), author: None }).collect();
        TransactionBody {
            chain_id: ChainId::new("ledger-test").unwrap(),
            sender: agent_id(member),
            nonce: Nonce([self.nonce; 16]),
            expires_at: self.ledger.head().block_time.plus_ms(60_000),
            commands: vec![Command::Capture(captured)],
        }
    }

    fn bundle(&mut self, member: &str, events: &[Event]) -> Bundle {
        let events: Vec<SectionedEvent> = events.iter().map(section).collect();
        let transaction = self.body(member, &events).sign(&agent_key(member));
        Bundle { transaction, events }
    }

    fn propose(&self, bundles: Vec<Bundle>) -> Block {
        let now = self.ledger.head().block_time;
        let admitted: Vec<_> = bundles
            .into_iter()
            .map(|b| Arc::new(self.ledger.admit(Arc::new(b), now).unwrap()))
            .collect();
        let proposer = node_key(1).public_key();
        let time = now.plus_ms(1_000);
        self.ledger.propose(time, proposer, &mut admitted.into_iter()).unwrap().0
    }

    fn decide(&mut self, bundles: Vec<Bundle>) -> Vec<Verdict> {
        let block = self.propose(bundles);
        // What travels is what another validator applies.
        let block: Block = codec::decode(&codec::encode(&block)).unwrap();
        let outcome = self.ledger.apply_block(&block, &|_| None).unwrap();
        let layer = self.ledger.commit(outcome);
        layer.receipts.iter().map(|receipt| receipt.verdict.clone()).collect()
    }

    fn flush(&mut self) {
        for layer in &self.ledger.unflushed().0 {
            self.table.apply(&layer.writes).unwrap();
        }
        self.ledger.flushed(self.ledger.head().height);
    }

    fn get<T: serde::de::DeserializeOwned>(&self, key: &StateKey) -> Option<T> {
        self.bytes(key).map(|bytes| codec::unpack(&bytes).unwrap())
    }

    fn master(&self, key: &StateKey) -> Option<MasterRecord> {
        self.bytes(key).map(|bytes| codec::decode(&bytes).unwrap())
    }

    fn bytes(&self, key: &StateKey) -> Option<Vec<u8>> {
        let key = key.encode();
        match self.ledger.unflushed().get(&key) {
            Some(written) => written.cloned(),
            None => self.table.get(&key).unwrap(),
        }
    }
}

fn recorded(verdict: &Verdict) -> bool {
    *verdict == Verdict::Recorded { repeated: vec![] }
}

fn code(verdict: &Verdict) -> Option<RejectionCode> {
    match verdict {
        Verdict::Recorded { .. } => None,
        Verdict::Rejected(rejection) => Some(rejection.code),
    }
}

const ITEM: &str = "https://id.gs1.org/01/09521101530001/21/a1";

#[test]
fn events_are_recorded_in_the_logs_of_their_items() {
    let mut world = World::new();
    let one = world.bundle("farm", &[event("1", "a1", ""), event("2", "a1", "")]);
    let two = world.bundle("carrier", &[event("3", "a1", "")]);
    assert!(world.decide(vec![one, two]).iter().all(recorded));
    let head: ItemRecord = world.get(&StateKey::Item(ITEM.to_owned())).unwrap();
    assert_eq!(head.log.count(), 3);
    let id = "urn:uuid:00000000-0000-4000-8000-000000000003".to_owned();
    let record: EventRecord =
        world.get(&StateKey::Event { event_id: id, declared_at: None }).unwrap();
    assert_eq!(record.recorder.as_str(), "carrier");
    assert_eq!(record.position.height, Height(1));
    let proof = world.ledger.tree().prove(&StateKey::Item(ITEM.to_owned()).encode());
    let (root, value) = (world.ledger.head().state_root, codec::pack(&head));
    let key = StateKey::Item(ITEM.to_owned()).encode();
    assert_eq!(proof.verify(&root, 6, &key, Some(&value)), Ok(()));
}

/// Promise P3: an eventID names one event, and sending the very same event again is harmless.
#[test]
fn an_event_id_names_one_event() {
    let mut world = World::new();
    let first = world.bundle("farm", &[event("1", "a1", "")]);
    assert!(recorded(&world.decide(vec![first])[0]));
    let same = world.bundle("farm", &[event("1", "a1", ""), event("2", "a1", "")]);
    assert_eq!(world.decide(vec![same]), [Verdict::Recorded { repeated: vec![0] }]);
    let other = world.bundle("farm", &[event("3", "a1", ""), event("1", "a2", "")]);
    assert_eq!(code(&world.decide(vec![other])[0]), Some(RejectionCode::EventIdTaken));
    let another = world.bundle("carrier", &[event("1", "a1", r#", "bizStep": "receiving""#)]);
    assert_eq!(code(&world.decide(vec![another])[0]), Some(RejectionCode::EventIdTaken));
    // The refused transaction's good event left no trace: all or nothing.
    let id = "urn:uuid:00000000-0000-4000-8000-000000000003".to_owned();
    assert_eq!(
        world.get::<EventRecord>(&StateKey::Event { event_id: id, declared_at: None }),
        None
    );
    assert_eq!(world.get::<ItemRecord>(&StateKey::Item(ITEM.to_owned())).unwrap().log.count(), 2);
}

/// Promise P3: corrections repeat the original and come from its recorder.
#[test]
fn corrections_are_the_recorders() {
    const DECLARED: &str = r#", "errorDeclaration": {"declarationTime": "2026-03-02T10:00:00Z",
        "reason": "incorrect_data"}"#;
    let mut world = World::new();
    let first = world.bundle("farm", &[event("1", "a1", "")]);
    world.decide(vec![first]);
    let stranger = world.bundle("carrier", &[event("1", "a1", DECLARED)]);
    assert_eq!(code(&world.decide(vec![stranger])[0]), Some(RejectionCode::CorrectionByAnother));
    let differs = world.bundle("farm", &[event("1", "a2", DECLARED)]);
    assert_eq!(code(&world.decide(vec![differs])[0]), Some(RejectionCode::CorrectionDiffers));
    let right = world.bundle("farm", &[event("1", "a1", DECLARED)]);
    assert!(recorded(&world.decide(vec![right])[0]));
    let id = "urn:uuid:00000000-0000-4000-8000-000000000001".to_owned();
    let declared_at = Some(TimestampMs(1_772_445_600_000));
    let record: EventRecord = world.get(&StateKey::Event { event_id: id, declared_at }).unwrap();
    assert!(record.corrects);
    assert_eq!(world.get::<ItemRecord>(&StateKey::Item(ITEM.to_owned())).unwrap().log.count(), 2);
}

/// Promise P5: a member commissions only under its own GS1 company prefixes.
#[test]
fn commissioning_needs_the_prefix() {
    let mut world = World::new();
    let adds = |id, serial| {
        let event = event(id, serial, "");
        let mut value = serde_json::Value::Object(event.object().clone());
        value["action"] = "ADD".into();
        value["bizStep"] = "commissioning".into();
        Event::from_value(value, None).unwrap()
    };
    let stranger = world.bundle("carrier", &[adds("1", "a1")]);
    assert_eq!(code(&world.decide(vec![stranger])[0]), Some(RejectionCode::PrefixNotYours));
    let owner = world.bundle("farm", &[adds("1", "a1")]);
    assert!(recorded(&world.decide(vec![owner])[0]));
}

#[test]
fn an_author_vouches_for_what_another_submits() {
    let mut world = World::new();
    let sectioned = section(&event("1", "a1", ""));
    let mut body = world.body("carrier", std::slice::from_ref(&sectioned));
    let signed = authored_event_digest(&body.chain_id, &sectioned.digest());
    let signature = agent_key("farm").sign(&signed);
    let author = Some(AuthorSignature { agent: agent_id("farm"), signature });
    body.commands =
        vec![Command::Capture(vec![CapturedEvent { digest: sectioned.digest(), author }])];
    let transaction = body.sign(&agent_key("carrier"));
    let bundle = Bundle { transaction, events: vec![sectioned] };
    let mut forged = bundle.clone();
    assert!(recorded(&world.decide(vec![bundle])[0]));
    let id = "urn:uuid:00000000-0000-4000-8000-000000000001".to_owned();
    let record: EventRecord =
        world.get(&StateKey::Event { event_id: id, declared_at: None }).unwrap();
    assert_eq!(record.recorder.as_str(), "farm");

    let Command::Capture(events) = &mut forged.transaction.body.commands[0] else {
        panic!("the bundle captures");
    };
    events[0].author.as_mut().unwrap().agent = agent_id("carrier");
    forged.transaction = forged.transaction.body.sign(&agent_key("carrier"));
    let refused = world.ledger.admit(Arc::new(forged), START).unwrap_err();
    assert_eq!(refused.code, RejectionCode::BadAuthor);
}

/// Promise P2: what is wrong with a transaction is said with a code, before it waits for a block.
#[test]
fn admission_refuses_with_a_code() {
    let mut world = World::new();
    let good = world.bundle("farm", &[event("1", "a1", "")]);
    let resign = |mut bundle: Bundle, change: &dyn Fn(&mut TransactionBody)| {
        change(&mut bundle.transaction.body);
        bundle.transaction = bundle.transaction.body.sign(&agent_key("farm"));
        bundle
    };
    let other_chain = resign(good.clone(), &|b| b.chain_id = ChainId::new("other").unwrap());
    let unknown = resign(good.clone(), &|b| b.sender = agent_id("nobody"));
    let old = resign(good.clone(), &|b| b.expires_at = TimestampMs(START.0 - 1));
    let far = resign(good.clone(), &|b| b.expires_at = START.plus_ms(600_001));
    let empty = resign(good.clone(), &|b| b.commands.clear());
    let mut forged = good.clone();
    forged.transaction.signature = agent_key("carrier").sign(&good.transaction.id().0);
    let mut swapped = good.clone();
    swapped.events = vec![section(&event("1", "a2", ""))];
    let table = [
        (other_chain, RejectionCode::WrongChain),
        (unknown, RejectionCode::UnknownAgent),
        (old, RejectionCode::Expired),
        (far, RejectionCode::ExpiresTooLate),
        (empty, RejectionCode::Malformed),
        (forged, RejectionCode::BadSignature),
        (swapped, RejectionCode::Malformed),
    ];
    for (bundle, expected) in table {
        let refused = world.ledger.admit(Arc::new(bundle), START).unwrap_err();
        assert_eq!(refused.code, expected, "{refused}");
    }
}

#[test]
fn replays_are_refused_while_they_could_come() {
    let mut world = World::new();
    let bundle = world.bundle("farm", &[event("1", "a1", "")]);
    world.decide(vec![bundle.clone()]);
    let refused = world.ledger.admit(Arc::new(bundle.clone()), START).unwrap_err();
    assert_eq!(refused.code, RejectionCode::Replayed);
    // The window survives a restart, and a block that smuggles a replay is wrong.
    world.flush();
    let reopened = Ledger::open(&genesis(), world.table.clone()).unwrap();
    assert!(reopened.is_recorded(&bundle.transaction.id()));
    let mut block = world.propose(vec![]);
    block.bundles = vec![Arc::new(bundle)];
    block.header.transactions_root = Block::transactions_root(&block.bundles);
    let refused = reopened.apply_block(&block, &|_| None).unwrap_err();
    assert!(matches!(refused, ApplyError::Invalid(InvalidBlock::Unfit { .. })), "{refused}");
}

/// Promise P10: a block counts only with its result.
#[test]
fn a_block_with_any_wrong_field_is_refused() {
    let mut world = World::new();
    let bundle = world.bundle("farm", &[event("1", "a1", "")]);
    let block = world.propose(vec![bundle]);
    assert!(world.ledger.apply_block(&block, &|_| None).is_ok());
    let other = name_digest("other");
    type Change = Box<dyn Fn(&mut Block)>;
    let changes: Vec<(&str, Change)> = vec![
        ("version", Box::new(|b| b.header.version = 2)),
        ("chain_id", Box::new(|b| b.header.chain_id = ChainId::new("other").unwrap())),
        ("height", Box::new(|b| b.header.height = Height(2))),
        ("previous_block_id", Box::new(move |b| b.header.previous_block_id.0 = other)),
        ("block_time", Box::new(|b| b.header.block_time = START)),
        ("proposer", Box::new(|b| b.header.proposer = PublicKey([1; 32]))),
        ("validators", Box::new(move |b| b.header.validators = other)),
        ("next_validators", Box::new(move |b| b.header.next_validators = other)),
        ("transactions_root", Box::new(move |b| b.header.transactions_root = other)),
        ("transactions_root", Box::new(|b| b.bundles.clear())),
        ("receipts_root", Box::new(move |b| b.header.receipts_root = other)),
        ("state_root", Box::new(move |b| b.header.state_root = other)),
    ];
    for (field, change) in changes {
        let mut wrong = block.clone();
        change(&mut wrong);
        let refused = world.ledger.apply_block(&wrong, &|_| None).unwrap_err();
        assert_eq!(refused, ApplyError::Invalid(InvalidBlock::Header(field)));
    }
}

/// Promise P12: the same blocks give the same roots on any table, flushed early or late, reopened
/// or not; and a table that was tampered with is found at opening.
#[test]
fn tables_reopen_at_their_root() {
    let mut early = World::new();
    let mut late = World::new();
    for round in 0..6_u8 {
        let serial = format!("s{}", round % 3);
        let bundle = early.bundle("farm", &[event(&round.to_string(), &serial, "")]);
        let block = early.propose(vec![bundle]);
        for world in [&mut early, &mut late] {
            let outcome = world.ledger.apply_block(&block, &|_| None).unwrap();
            world.ledger.commit(outcome);
        }
        early.flush();
        early.ledger = Ledger::open(&genesis(), early.table.clone()).unwrap();
        assert_eq!(early.ledger.head(), late.ledger.head());
    }
    let mut other = genesis();
    other.created_at = TimestampMs(1);
    let refused = Ledger::open(&other, early.table.clone()).err();
    assert_eq!(refused, Some(LedgerError::OtherNetwork));
    let key = StateKey::Item("https://id.gs1.org/01/09521101530001/21/s1".to_owned()).encode();
    early.table.apply(&[(key, None)].into()).unwrap();
    let refused = Ledger::open(&genesis(), early.table.clone()).err();
    assert!(matches!(refused, Some(LedgerError::WrongRoot { .. })));
}

#[test]
fn a_full_block_leaves_the_rest_waiting() {
    let table = Arc::new(MemoryTable::default());
    let mut small = genesis();
    small.parameters.max_block_touches = 25_000;
    small.parameters.max_block_bytes = 1024 * 1024;
    let mut world = World { ledger: Ledger::open(&small, table.clone()).unwrap(), table, nonce: 0 };
    let filler = format!(r#", "example:filler": "{}""#, "x".repeat(300_000));
    let context = r#", "@context": [{"example": "https://example.com/"},
        "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"]"#;
    let bundles: Vec<Bundle> = (0..5)
        .map(|n| {
            let text = event(&n.to_string(), "a1", "");
            let mut value = serde_json::Value::Object(text.object().clone());
            let more = format!("{{{}}}", (filler.clone() + context).trim_start_matches(", "));
            let more: serde_json::Value = serde_json::from_str(&more).unwrap();
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            world.bundle("farm", &[Event::from_value(value, None).unwrap()])
        })
        .collect();
    let block = world.propose(bundles);
    assert_eq!(block.bundles.len(), 3);
    assert!(world.ledger.apply_block(&block, &|_| None).is_ok());
}

/// Promise P30: a transaction of master data needs no events, and takes effect whole or not at all
/// with the events beside it.
#[test]
fn master_data_is_set_beside_events_or_alone() {
    let mut world = World::new();
    let product = |gtin: &str| {
        let id = format!("https://id.gs1.org/01/{gtin}");
        MasterData::Product(Product { id, ..Product::default() })
    };
    let set = |world: &mut World, records: Vec<MasterData>, events: &[Event]| {
        let events: Vec<SectionedEvent> = events.iter().map(section).collect();
        let mut body = world.body("farm", &events);
        body.commands.retain(|_| !events.is_empty());
        body.commands.push(Command::SetMasterData(records));
        let bundle = Bundle { transaction: body.sign(&agent_key("farm")), events };
        world.decide(vec![bundle]).remove(0)
    };
    let (own, foreign) = (product("09521101530001"), product("09522201530007"));
    assert_eq!(set(&mut world, vec![own.clone()], &[]), Verdict::Recorded { repeated: vec![] });
    let record = world.master(&own.key()).unwrap();
    assert_eq!((record.version, record.set_by.member().as_str()), (1, "farm"));
    let Verdict::Rejected(rejection) = set(&mut world, vec![foreign], &[event("1", "a", "")])
    else {
        panic!("another's product")
    };
    assert_eq!(rejection.code, RejectionCode::NotYours);
    let id = "urn:uuid:00000000-0000-4000-8000-000000000001".to_owned();
    let key = StateKey::Event { event_id: id, declared_at: None };
    assert_eq!(world.get::<EventRecord>(&key), None, "the event beside it is not recorded either");
    let twice = set(&mut world, vec![own], &[event("1", "a", "")]);
    assert_eq!(twice, Verdict::Recorded { repeated: vec![] });
    world.flush();
    assert_eq!(world.master(&record.data.key()), Some(record));
    assert!(world.get::<EventRecord>(&key).is_some());
}
