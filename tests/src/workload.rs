//! The network's genesis and the transactions that are sent to it: real events, really signed.

use std::sync::Arc;

use tracehold_chain::epcis::{Event, SectionedEvent};
use tracehold_chain::genesis::{Agent, Genesis, Member, MemberRole, Node, NodeRole, Parameters};
use tracehold_chain::keys::{PublicKey, SecretKey, Signer};
use tracehold_chain::masterdata::{MasterData, Place};
use tracehold_chain::transaction::{Bundle, CapturedEvent, Command, Nonce, TransactionBody};
use tracehold_chain::units::{AgentId, ChainId, MemberId, NodeName, TimestampMs};

use crate::random::Random;
use crate::scenario::Scenario;

/// When virtual time begins.
pub const START: TimestampMs = TimestampMs(1_780_000_000_000);

/// The key of the node with this index.
#[must_use]
pub fn node_key(index: usize) -> SecretKey {
    let mut seed = [1; 32];
    seed[0] = u8::try_from(index).expect("few nodes");
    SecretKey::from_seed(&seed)
}

/// The key of the agent of the member with this index.
#[must_use]
pub fn agent_key(index: usize) -> SecretKey {
    let mut seed = [2; 32];
    seed[0] = u8::try_from(index).expect("few nodes");
    SecretKey::from_seed(&seed)
}

/// The name of the agent of the member with this index.
#[must_use]
pub fn agent_id(index: usize) -> AgentId {
    format!("member-{index}/erp").parse().expect("a good name")
}

/// The name of the member with this index.
#[must_use]
pub fn member_id(index: usize) -> MemberId {
    MemberId::new(format!("member-{index}")).expect("a good name")
}

/// The genesis of a scenario: each node a member's, with one agent; the first is a bank. Timeouts
/// are short, for virtual time is free but work is not.
#[must_use]
pub fn genesis(scenario: &Scenario) -> Genesis {
    let mut random = Random::new(scenario.seed ^ 0x6e51);
    let members = (0..scenario.validators + scenario.followers).map(|index| {
        let drawn = if scenario.unequal_power { random.between(1, 3) } else { 1 };
        // The liar, who is the last validator, must stay below a third.
        let lies = scenario.byzantine && index + 1 == scenario.validators;
        let power = if lies { 1 } else { drawn };
        let role = match index < scenario.validators {
            true => NodeRole::Validator { power },
            false => NodeRole::Follower,
        };
        Member {
            id: member_id(index),
            name: format!("Member {index}"),
            gs1_company_prefixes: vec!["*".into()],
            glns: Vec::new(),
            roles: if index == 0 { vec![MemberRole::Bank] } else { Vec::new() },
            agents: vec![Agent { id: agent_id(index), public_key: agent_key(index).public_key() }],
            nodes: vec![Node {
                name: NodeName::new(format!("node-{index}")).expect("a good name"),
                public_key: node_key(index).public_key(),
                role,
            }],
        }
    });
    Genesis {
        chain_id: ChainId::new("simulation").expect("a good name"),
        created_at: START,
        parameters: Parameters {
            min_block_interval_ms: 100,
            idle_block_interval_ms: 2_000,
            max_clock_drift_ms: 1_000,
            expiry_window_ms: 20_000,
            state_buckets_log2: 8,
            propose_timeout_ms: 300,
            vote_timeout_ms: 150,
            ..Parameters::default()
        },
        members: members.collect(),
    }
}

/// The key of the node with this index, as peers know it.
#[must_use]
pub fn node_name(index: usize) -> PublicKey {
    node_key(index).public_key()
}

/// A transaction of one to three events by the agent of `member`, signed at `now`; one in four sets
/// a place as well.
pub fn bundle(random: &mut Random, member: usize, now: TimestampMs) -> Arc<Bundle> {
    let count = random.between(1, 3);
    let events: Vec<SectionedEvent> = (0..count).map(|_| event(random)).collect();
    let captured =
        events.iter().map(|event| CapturedEvent { digest: event.digest(), author: None });
    let nonce = random.bytes32();
    let body = TransactionBody {
        chain_id: ChainId::new("simulation").expect("a good name"),
        sender: agent_id(member),
        nonce: Nonce(nonce[..16].try_into().expect("sixteen bytes")),
        expires_at: now.plus_ms(random.between(2_000, 19_000)),
        commands: std::iter::once(Command::Capture(captured.collect()))
            .chain(place(&nonce[16..]).map(|place| Command::SetMasterData(vec![place])))
            .collect(),
    };
    let transaction = body.sign(&agent_key(member));
    Arc::new(Bundle { transaction, events })
}

/// Now and then one of few places, in another of them: some would lie inside themselves, and their
/// transactions are rejected, in agreement. Draws from bytes that are drawn anyway, so that seeds
/// keep their stories.
fn place(drawn: &[u8]) -> Option<MasterData> {
    let &[chance, own, outer, ..] = drawn else { return None };
    let id = |byte: u8| format!("https://id.gs1.org/414/9521101530001/254/{}", byte % 8);
    let inside = (own % 8 != outer % 8).then(|| id(outer));
    let place = Place { id: id(own), inside, ..Place::default() };
    (chance % 4 == 0).then_some(MasterData::Place(place))
}

fn event(random: &mut Random) -> SectionedEvent {
    let serial = random.below(20);
    // Few enough ids that some are taken: those transactions are rejected, in agreement.
    let id = random.below(2_000);
    let text = format!(
        r#"{{"@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": "ObjectEvent", "eventID": "urn:uuid:00000000-0000-4000-8000-{id:0>12}",
        "eventTime": "2026-03-01T10:00:00Z", "eventTimeZoneOffset": "+00:00", "action": "OBSERVE",
        "epcList": ["https://id.gs1.org/01/09521101530001/21/{serial}"]}}"#
    );
    let event = Event::parse_bare(text.as_bytes()).expect("a good event");
    let salt = random.bytes32();
    SectionedEvent::split(&event, &mut |_| salt)
}
