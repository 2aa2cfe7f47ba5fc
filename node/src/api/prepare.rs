//! From events to a signed transaction: eventIDs, salts, sections, signature.

use tracehold_chain::digest::{Digest, Domain, Hasher};
use tracehold_chain::epcis::hash_id::{self, EventHash, Reading};
use tracehold_chain::epcis::{Event, SectionName, SectionedEvent, Violation};
use tracehold_chain::masterdata::MasterData;
use tracehold_chain::transaction::{Bundle, CapturedEvent, Command, Nonce, TransactionBody};
use tracehold_chain::units::{ChainId, TimestampMs};

use super::limits::{MAX_CLOCK_AHEAD_MS, MAX_FIELD_ERRORS};
use super::problem::{Kind, Problem};
use crate::keystore::AgentSigner;

/// The salt of one section: a pseudo-random function of the member's secret, the eventID and the
/// section, so that the same event always has the same digest and a retry is known as one.
///
/// What follows the secret has a fixed length for each section, so no output can be extended into
/// that of another eventID.
fn salt(secret: &[u8; 32], event_id: &str, section: SectionName) -> [u8; 32] {
    let name = section.as_str().as_bytes();
    let length = u8::try_from(name.len()).expect("section names are short");
    let event = Digest::of(Domain::StateName, event_id.as_bytes());
    Hasher::new(Domain::SectionSalt)
        .chain(secret)
        .chain(&[length])
        .chain(name)
        .chain(event.as_bytes())
        .finish()
        .0
}

/// Gives an event without eventID one: its hash id (CBV 2.0 §8.9.2), so that the same event sent
/// again has the same name.
#[must_use]
pub fn with_event_id(event: Event) -> Event {
    named(event, &Reading::default()).0
}

/// As [`with_event_id`] for an event of a document that is read so, and whether the event is named
/// by a hash id that no other event has: then another event of that name says the same.
#[must_use]
pub fn named(event: Event, reading: &Reading) -> (Event, bool) {
    let given = event.event_id().map(str::to_owned);
    let made = |event: &Event| hash_id::of_event(event, reading);
    match given {
        // Only what has the form can be one, and making one takes a while.
        Some(id) => {
            let is_own = |made: EventHash| made.exact && made.id == id;
            let by_hash = hash_id::is_hash_id(&id) && is_own(made(&event));
            (event, by_hash)
        }
        None => {
            let made = made(&event);
            (event.with_event_id(&made.id), made.exact)
        }
    }
}

/// Cuts an event, which has an eventID, into its salted sections.
#[must_use]
pub fn sectioned(agent: &AgentSigner, event: &Event) -> SectionedEvent {
    let id = event.event_id().expect("events are given an eventID first");
    SectionedEvent::split(event, &mut |section| salt(&agent.section_secret, id, section))
}

/// Signs a transaction that sets `records` and captures `events`, in this order.
#[must_use]
pub fn signed(
    agent: &AgentSigner,
    chain_id: &ChainId,
    expires_at: TimestampMs,
    records: Vec<MasterData>,
    events: Vec<SectionedEvent>,
) -> Bundle {
    let captured =
        events.iter().map(|event| CapturedEvent { digest: event.digest(), author: None });
    let captured = (!events.is_empty()).then(|| Command::Capture(captured.collect()));
    let set = (!records.is_empty()).then_some(Command::SetMasterData(records));
    let commands = set.into_iter().chain(captured).collect();
    Bundle { events, ..commanded(agent, chain_id, expires_at, commands) }
}

/// Signs a transaction with these commands, which capture nothing.
#[must_use]
pub fn commanded(
    agent: &AgentSigner,
    chain_id: &ChainId,
    expires_at: TimestampMs,
    commands: Vec<Command>,
) -> Bundle {
    let body = TransactionBody {
        chain_id: chain_id.clone(),
        sender: agent.agent_id.clone(),
        nonce: Nonce(*uuid::Uuid::new_v4().as_bytes()),
        expires_at,
        commands,
    };
    Bundle { transaction: body.sign(agent.signer.as_ref()), events: Vec::new() }
}

/// The event, unless it says that it happened later than `now`, by more than clocks differ. What
/// nodes agree on knows no clock, so this is asked where events come in.
///
/// # Errors
/// The rule `future-event-time`.
pub fn not_ahead(event: Event, now: TimestampMs) -> Result<Event, Vec<Violation>> {
    if event.event_time() <= now.plus_ms(MAX_CLOCK_AHEAD_MS) {
        return Ok(event);
    }
    let message = format!(
        "this is later than now, {now}, by more than the {} minutes that clocks may differ: check \
         the clock and the zone that wrote it",
        MAX_CLOCK_AHEAD_MS / 60_000
    );
    let pointer = "/eventTime".to_owned();
    Err(vec![Violation { pointer, rule: "future-event-time", message }])
}

/// The problem of a document or event that breaks rules: all of them, up to a limit.
#[must_use]
pub fn invalid(violations: &[Violation]) -> Problem {
    let detail = match violations {
        [] => "the body breaks a rule".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
    };
    let mut problem = Problem::new(Kind::Validation, detail);
    for violation in violations.iter().take(MAX_FIELD_ERRORS) {
        problem =
            problem.field(violation.pointer.clone(), violation.rule, violation.message.clone());
    }
    problem
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracehold_chain::keys::SecretKey;

    use super::*;

    fn agent(secret: u8) -> AgentSigner {
        AgentSigner {
            agent_id: "acme/erp".parse().unwrap(),
            signer: Arc::new(SecretKey::from_seed(&[1; 32])),
            section_secret: [secret; 32],
        }
    }

    fn event(id: &str) -> Event {
        let json = format!(
            r#"{{"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            "type":"ObjectEvent","action":"OBSERVE","eventTime":"2026-03-01T08:30:00Z",
            "eventTimeZoneOffset":"+01:00","epcList":["urn:epc:id:sgtin:9506000.013435.12"]{id}}}"#
        );
        Event::parse_bare(json.as_bytes()).unwrap()
    }

    #[test]
    fn the_same_event_of_the_same_member_has_the_same_digest() {
        let (one, other) = (event(r#","eventID":"urn:x:1""#), event(r#","eventID":"urn:x:2""#));
        let digest = sectioned(&agent(1), &one).digest();
        assert_eq!(digest, sectioned(&agent(1), &one).digest());
        assert_ne!(digest, sectioned(&agent(1), &other).digest());
        assert_ne!(digest, sectioned(&agent(2), &one).digest());
        let cut = sectioned(&agent(1), &one);
        let salts: std::collections::BTreeSet<[u8; 32]> =
            SectionName::ALL.map(|name| cut.section(name).salt().0).into();
        assert_eq!(salts.len(), 3, "each section has its own salt");
    }

    #[test]
    fn what_is_signed_checks_and_is_the_event_that_was_given() {
        let given = with_event_id(event(""));
        assert!(hash_id::is_hash_id(given.event_id().unwrap()));
        let chain_id = ChainId::new("test").unwrap();
        let cut = vec![sectioned(&agent(1), &given)];
        let bundle = signed(&agent(1), &chain_id, TimestampMs(9), Vec::new(), cut);
        bundle.check().unwrap();
        assert!(bundle.transaction.is_signed_by(&agent(1).signer.public_key()));
        assert_eq!(bundle.events[0].event().unwrap().object(), given.object());
    }
}
