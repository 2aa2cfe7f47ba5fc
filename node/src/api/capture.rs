//! `POST /epcis/v2/capture` and its jobs.

use std::collections::{HashSet, VecDeque};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tracehold_chain::digest::{Digest, Domain};
use tracehold_chain::epcis::{Document, Event, SectionedEvent};
use tracehold_chain::limits::{MAX_EVENTS_PER_TRANSACTION, MAX_TRANSACTION_BYTES};
use tracehold_chain::masterdata::{Changes, MasterData};
use tracehold_chain::transaction::{Bundle, BundleError, Command, TransactionId};
use tracehold_chain::units::TimestampMs;
use tracehold_contracts::Verdict;

use super::auth::Keyed;
use super::extract::{InPath, check_json, read_body};
use super::jobs::{ErrorBehaviour, Job, MasterDataDone, Running};
use super::limits::MAX_PROCEED_EVENTS;
use super::masterdata::Resolved;
use super::problem::{Kind, Problem};
use super::submit::{already_recorded, refused, repeated, submit};
use super::{ApiState, headers, masterdata, now, prepare};
use crate::keystore::AgentSigner;

/// Events that a `proceed` capture puts under one signature at most; when one of them is refused
/// the others are signed again without it.
const PROCEED_CHUNK_EVENTS: usize = 200;

/// Records of master data that a `proceed` capture puts under one signature at most.
const PROCEED_CHUNK_RECORDS: usize = 30;

/// Bytes of sections that a `proceed` capture puts under one signature at most.
const PROCEED_CHUNK_BYTES: usize = 512 * 1024;

/// Capture an EPCIS document
///
/// Takes an EPCISDocument or EPCISQueryDocument. Master data that comes with it is set for what is
/// the member's own; the job tells what is left out and why, which refuses no event. A document
/// that breaks a rule is refused at once; otherwise the answer names a job that tells what becomes
/// of each event. With `rollback` (the default) all events go into one transaction: all or nothing.
/// With `proceed` every event that can be captured is.
#[utoipa::path(
    post, path = "/epcis/v2/capture", tag = "EPCIS",
    params(("GS1-Capture-Error-Behaviour" = Option<String>, Header,
        description = "`rollback` (default) or `proceed`")),
    request_body(content = serde_json::Value, content_type = "application/json",
        description = "an EPCISDocument or EPCISQueryDocument"),
    responses(
        (status = 202, description = "Accepted; `Location` names the job",
            headers(("Location" = String, description = "the capture job"))),
        (status = 400, description = "The document breaks a rule"),
        (status = 413, description = "More than a limit allows"),
        (status = 415, description = "Not JSON"),
        (status = 503, description = "Too many jobs run"),
    ),
    security(("api_key" = []))
)]
pub async fn post_capture(
    State(state): State<ApiState>,
    keyed: Keyed,
    request_headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    check_json(&request_headers)?;
    let behaviour = headers::error_behaviour(&request_headers)?;
    let limit = state.capture_bytes(behaviour);
    let room = state.make_room(&request_headers, limit).await?;
    let bytes = read_body(body, limit, state.limits().body).await?;
    let agent = keyed.agent;
    let id = match behaviour {
        ErrorBehaviour::Rollback => rollback(&state, agent, bytes.into(), room).await?,
        ErrorBehaviour::Proceed => proceed(&state, agent, bytes.into(), room).await?,
    };
    let location = format!("/epcis/v2/capture/{id}");
    let location = HeaderValue::from_str(&location).expect("job ids are plain");
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)]).into_response())
}

/// An event cut and ready to be signed, with what a client needs to find it again.
struct Ready {
    /// Its place in the document.
    place: usize,
    event_id: String,
    declared_at: Option<TimestampMs>,
    event: SectionedEvent,
}

fn ready(agent: &AgentSigner, place: usize, event: Event) -> Ready {
    let event = prepare::with_event_id(event);
    Ready {
        place,
        event_id: event.event_id().unwrap_or_default().to_owned(),
        declared_at: event.error_declaration().map(|declaration| declaration.declaration_time),
        event: prepare::sectioned(agent, &event),
    }
}

async fn rollback(
    state: &ApiState,
    agent: AgentSigner,
    bytes: Vec<u8>,
    room: OwnedSemaphorePermit,
) -> Result<TransactionId, Problem> {
    let (chain_id, expires_at) = (state.chain_id().clone(), state.expiry());
    let size = bytes.len();
    let cutter = agent.clone();
    let prepared = state.compute(size, move || {
        let document = Document::parse(&bytes).map_err(|wrong| prepare::invalid(&wrong))?;
        count(document.events.len(), MAX_EVENTS_PER_TRANSACTION)?;
        let changes = Changes::of(&document);
        let events = document.all_events().map_err(|wrong| prepare::invalid(&wrong))?;
        let events = events.into_iter().enumerate();
        let ready: Vec<Ready> = events.map(|(place, event)| ready(&cutter, place, event)).collect();
        Ok((ready, changes))
    });
    let (ready, changes) = prepared.await?;
    let Resolved { records, done } = masterdata::resolve(state, &agent, changes).await?;
    if ready.is_empty() && records.is_empty() && done.is_some() {
        return nothing_to_set(state, done);
    }
    let prepared = state.compute(size, move || {
        let names: Vec<Name> = ready.iter().map(Name::of).collect();
        let sections = ready.into_iter().map(|ready| ready.event).collect();
        Ok((names, prepare::signed(&agent, &chain_id, expires_at, records, sections)))
    });
    let (names, bundle) = prepared.await?;
    let id = bundle.transaction.id();
    fits(&bundle)?;
    let running = state.jobs().begin(id.to_string(), ErrorBehaviour::Rollback, now())?;
    running.master_data(done);
    let state = state.clone();
    tokio::spawn(async move {
        if let Err(problems) = capture_whole(&state, &names, bundle).await {
            problems.into_iter().for_each(|problem| running.error(problem));
        }
        drop(room);
        running.finish(now());
    });
    Ok(id)
}

/// The finished job of a document that has master data only, none of it to be set.
fn nothing_to_set(
    state: &ApiState,
    done: Option<MasterDataDone>,
) -> Result<TransactionId, Problem> {
    let id = random_id();
    let running = state.jobs().begin(id.to_string(), ErrorBehaviour::Rollback, now())?;
    if done.as_ref().is_some_and(|done| done.unchanged == 0) {
        let detail = "nothing of the document can be kept: masterData.leftOut says why";
        running.error(Problem::new(Kind::Refused, detail).code("nothing_kept"));
    }
    running.master_data(done);
    running.finish(now());
    Ok(id)
}

/// The id of no transaction, for a job that has none or several.
fn random_id() -> TransactionId {
    // Neither a transaction's id nor an eventID: random like one.
    TransactionId(Digest::of(Domain::StateName, uuid::Uuid::new_v4().as_bytes()))
}

/// What names an event: its place in the document, its eventID, and when it was declared wrong.
struct Name {
    place: usize,
    event_id: String,
    declared_at: Option<TimestampMs>,
}

impl Name {
    fn of(ready: &Ready) -> Name {
        let Ready { place, event_id, declared_at, .. } = ready;
        Name { place: *place, event_id: event_id.clone(), declared_at: *declared_at }
    }

    fn at(&self, problem: Problem) -> Problem {
        problem.event(self.place, Some(&self.event_id))
    }
}

async fn capture_whole(
    state: &ApiState,
    names: &[Name],
    bundle: Bundle,
) -> Result<(), Vec<Problem>> {
    let taken = taken(state, names).await.map_err(|problem| vec![problem])?;
    if !taken.is_empty() {
        return Err(taken.into_iter().map(|(_, problem)| problem).collect());
    }
    let committed = submit(state, bundle, state.job_deadline()).await;
    match committed {
        Err(problem) => Err(vec![placed(names, problem)]),
        Ok(committed) => match &committed.receipt.verdict {
            Verdict::Rejected(rejection) => Err(vec![placed(names, refused(rejection))]),
            verdict => {
                state.metrics().captured(names.len());
                let again = repeated(verdict).iter().filter_map(|place| {
                    let name = names.get(usize::try_from(*place).ok()?)?;
                    Some(name.at(already_recorded(&name.event_id)))
                });
                let again: Vec<Problem> = again.collect();
                if again.is_empty() { Ok(()) } else { Err(again) }
            }
        },
    }
}

/// A problem that counts events of a transaction, counted in the document instead.
fn placed(names: &[Name], problem: Problem) -> Problem {
    match problem.event.and_then(|place| names.get(usize::try_from(place).ok()?)) {
        Some(name) => name.at(problem),
        None => problem,
    }
}

/// The events that are on record, or in the document twice, by their index in `names`.
async fn taken(state: &ApiState, names: &[Name]) -> Result<Vec<(usize, Problem)>, Problem> {
    let wanted: Vec<_> =
        names.iter().map(|name| (name.event_id.clone(), name.declared_at)).collect();
    let known = state.read(move |view| {
        let known = wanted
            .iter()
            .map(|(id, declared)| view.event_record(id, *declared).map(|record| record.is_some()));
        known.collect::<Result<Vec<bool>, _>>()
    });
    let known = known.await?;
    let mut seen = HashSet::new();
    let mut taken = Vec::new();
    for (index, (name, known)) in names.iter().zip(known).enumerate() {
        let is_new = seen.insert((name.event_id.as_str(), name.declared_at));
        if known {
            taken.push((index, name.at(already_recorded(&name.event_id))));
        } else if !is_new {
            let detail = format!(
                "the document has two events with the eventID {}: give each its own",
                name.event_id
            );
            let problem = Problem::new(Kind::Exists, detail).code("event-id-taken");
            taken.push((index, name.at(problem)));
        }
    }
    Ok(taken)
}

async fn proceed(
    state: &ApiState,
    agent: AgentSigner,
    bytes: Vec<u8>,
    room: OwnedSemaphorePermit,
) -> Result<TransactionId, Problem> {
    let cutter = agent.clone();
    let prepared = state.compute(bytes.len(), move || {
        let document = Document::parse(&bytes).map_err(|wrong| prepare::invalid(&wrong))?;
        count(document.events.len(), MAX_PROCEED_EVENTS)?;
        let changes = Changes::of(&document);
        let mut good = Vec::with_capacity(document.events.len());
        let mut bad = Vec::new();
        for (place, event) in document.events.into_iter().enumerate() {
            match event {
                Ok(event) => good.push(ready(&cutter, place, event)),
                Err(wrong) => bad.push(prepare::invalid(&wrong).event(place, None)),
            }
        }
        Ok((good, bad, changes))
    });
    let (good, bad, changes) = prepared.await?;
    let Resolved { records, done } = masterdata::resolve(state, &agent, changes).await?;
    let id = random_id();
    let running = state.jobs().begin(id.to_string(), ErrorBehaviour::Proceed, now())?;
    running.master_data(done);
    bad.into_iter().for_each(|problem| running.error(problem));
    let state = state.clone();
    tokio::spawn(async move {
        set_each(&state, &agent, records, &running).await;
        capture_each(&state, &agent, good, &running).await;
        drop(room);
        running.finish(now());
    });
    Ok(id)
}

/// Sets what can be set.
async fn set_each(
    state: &ApiState,
    agent: &AgentSigner,
    records: Vec<MasterData>,
    running: &Running,
) {
    let mut waiting: VecDeque<Vec<MasterData>> =
        records.chunks(PROCEED_CHUNK_RECORDS).map(<[MasterData]>::to_vec).collect();
    while let Some(mut chunk) = waiting.pop_front() {
        let expires_at = state.expiry();
        let bundle =
            prepare::signed(agent, state.chain_id(), expires_at, chunk.clone(), Vec::new());
        let outcome = match fits(&bundle) {
            Ok(()) => submit(state, bundle, state.job_deadline()).await,
            Err(problem) => Err(problem),
        };
        let problem = match outcome.map(|committed| committed.receipt.verdict) {
            Ok(Verdict::Recorded { .. }) => continue,
            Ok(Verdict::Rejected(rejection)) => refused(&rejection),
            Err(problem) => problem,
        };
        // Other records may be right: they are tried without the one at fault.
        if chunk.len() > 1 && problem.status < 500 {
            let second = chunk.split_off(chunk.len() / 2);
            waiting.push_front(second);
            waiting.push_front(chunk);
        } else {
            running.error(problem);
        }
    }
}

/// Captures what can be captured, in the order of the document.
async fn capture_each(
    state: &ApiState,
    agent: &AgentSigner,
    events: Vec<Ready>,
    running: &Running,
) {
    let names: Vec<Name> = events.iter().map(Name::of).collect();
    let taken = match taken(state, &names).await {
        Ok(taken) => taken,
        Err(problem) => return running.error(problem),
    };
    let mut skip = HashSet::new();
    for (index, problem) in taken {
        skip.insert(index);
        running.error(problem);
    }
    let fresh = events.into_iter().enumerate().filter(|(index, _)| !skip.contains(index));
    let mut waiting = chunks(fresh.map(|(_, ready)| ready));
    while let Some(chunk) = waiting.pop_front() {
        let sections = chunk.iter().map(|ready| ready.event.clone()).collect();
        let expires_at = state.expiry();
        let bundle = prepare::signed(agent, state.chain_id(), expires_at, Vec::new(), sections);
        let outcome = match fits(&bundle) {
            Ok(()) => submit(state, bundle, state.job_deadline()).await,
            Err(problem) => Err(problem),
        };
        let verdict = outcome.map(|committed| committed.receipt.verdict);
        let problem = match verdict {
            Ok(Verdict::Rejected(rejection)) => refused(&rejection),
            Err(problem) => problem,
            Ok(verdict) => {
                state.metrics().captured(chunk.len());
                for place in repeated(&verdict) {
                    let name = usize::try_from(*place).ok().and_then(|place| chunk.get(place));
                    if let Some(name) = name.map(Name::of) {
                        running.error(name.at(already_recorded(&name.event_id)));
                    }
                }
                continue;
            }
        };
        for smaller in without_culprit(chunk, problem, running).into_iter().rev() {
            waiting.push_front(smaller);
        }
    }
}

/// Notes the error of the event at fault and gives back the others to be tried again: all of them
/// when the problem names its event, in two halves when it does not.
fn without_culprit(mut chunk: Vec<Ready>, problem: Problem, running: &Running) -> Vec<Vec<Ready>> {
    let named = problem.event.and_then(|place| usize::try_from(place).ok());
    match named.filter(|place| *place < chunk.len()) {
        Some(place) => {
            let culprit = Name::of(&chunk.remove(place));
            running.error(culprit.at(problem));
            if chunk.is_empty() { Vec::new() } else { vec![chunk] }
        }
        // Nothing was wrong with the events: trying parts would only take longer.
        None if matches!(problem.status, 500..) => {
            for name in chunk.iter().map(Name::of) {
                running.error(name.at(problem.clone()));
            }
            Vec::new()
        }
        None if chunk.len() == 1 => {
            let culprit = Name::of(&chunk[0]);
            running.error(culprit.at(problem));
            Vec::new()
        }
        None => {
            let second = chunk.split_off(chunk.len() / 2);
            vec![chunk, second]
        }
    }
}

/// Events in groups that fit one transaction each, in order.
fn chunks(events: impl Iterator<Item = Ready>) -> VecDeque<Vec<Ready>> {
    let mut chunks = VecDeque::new();
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    for ready in events {
        let size = ready.event.text_bytes();
        let is_full = chunk.len() >= PROCEED_CHUNK_EVENTS || bytes + size > PROCEED_CHUNK_BYTES;
        if is_full && !chunk.is_empty() {
            chunks.push_back(std::mem::take(&mut chunk));
            bytes = 0;
        }
        bytes += size;
        chunk.push(ready);
    }
    if !chunk.is_empty() {
        chunks.push_back(chunk);
    }
    chunks
}

fn count(events: usize, most: usize) -> Result<(), Problem> {
    if events <= most {
        return Ok(());
    }
    let detail = format!(
        "the document has {events} events, the limit is {most}: send it in parts, or with \
         GS1-Capture-Error-Behaviour: proceed, which takes up to {MAX_PROCEED_EVENTS}"
    );
    Err(Problem::new(Kind::TooLarge, detail).code("too_many_events"))
}

/// Bytes that the encoding of an event takes beside its texts, at most: salts, lengths, digest.
const EVENT_OVERHEAD_BYTES: usize = 512;

/// Refuses what is more than one transaction can hold. Everything else about a transaction is
/// checked when it is admitted.
pub(super) fn fits(bundle: &Bundle) -> Result<(), Problem> {
    let texts: usize = bundle.events.iter().map(SectionedEvent::text_bytes).sum();
    let most = texts.saturating_add((bundle.events.len() + 4) * EVENT_OVERHEAD_BYTES);
    let commands = &bundle.transaction.body.commands;
    let only_events = commands.iter().all(|command| matches!(command, Command::Capture(_)));
    if only_events && !bundle.events.is_empty() && most <= MAX_TRANSACTION_BYTES {
        return Ok(());
    }
    match bundle.check() {
        Ok(_) => Ok(()),
        Err(BundleError::TooLarge(size)) => {
            let detail = format!(
                "with its salts the transaction has {size} bytes, the limit is \
                 {MAX_TRANSACTION_BYTES}: send fewer events at once, or the document with \
                 GS1-Capture-Error-Behaviour: proceed"
            );
            Err(Problem::new(Kind::TooLarge, detail).code("transaction_too_large"))
        }
        Err(error @ BundleError::MasterData(_)) => {
            Err(Problem::new(Kind::TooLarge, error.to_string()).code("too_many_records"))
        }
        Err(BundleError::Commands(0) | BundleError::Events(0)) => {
            let detail = "/epcisBody/eventList: the document has no events; give at least one";
            Err(Problem::new(Kind::Validation, detail))
        }
        Err(error) => Err(Problem::new(Kind::Validation, error.to_string())),
    }
}

/// Look at a capture job
///
/// Jobs of `rollback` captures are known for as long as the ledger, on every node; those of
/// `proceed` captures on the node that took them, until it restarts or many others have ended.
#[utoipa::path(
    get, path = "/epcis/v2/capture/{captureID}", tag = "EPCIS",
    params(
        ("captureID" = String, Path, description = "from the `Location` of the capture"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS` (RFC 7240): answer when \
            the job has ended, at the latest after so long; at most 30"),
    ),
    responses(
        (status = 200, description = "The job", body = Job),
        (status = 404, description = "No such job is known here"),
    ),
    security(("api_key" = []))
)]
pub async fn get_capture(
    State(state): State<ApiState>,
    _keyed: Keyed,
    request_headers: HeaderMap,
    InPath(id): InPath<String>,
) -> Result<axum::Json<Job>, Problem> {
    let longest = headers::wait(&request_headers).min(state.limits().commit);
    if let Some(job) = state.jobs().wait(&id, longest).await {
        return Ok(axum::Json(job));
    }
    let unknown = || {
        let detail = format!(
            "no capture job {id} is known here, and no transaction of that id is in a block (until \
             it expires it may still be committed); jobs of `proceed` captures are forgotten on \
             restart: ask for the events by eventID"
        );
        Problem::new(Kind::NotFound, detail)
    };
    let transaction: TransactionId = id.parse().map(TransactionId).map_err(|_| unknown())?;
    let found = state.read(move |view| {
        let Some(record) = view.transaction(&transaction)? else { return Ok(None) };
        Ok(view.header(record.height)?.map(|stored| (record, stored.header.block_time)))
    });
    let (record, block_time) = found.await?.ok_or_else(unknown)?;
    let error = match record.receipt.verdict {
        Verdict::Rejected(rejection) => Some(refused(&rejection).in_epcis()),
        Verdict::Recorded { .. } => None,
    };
    Ok(axum::Json(Job::finished(id, ErrorBehaviour::Rollback, block_time, error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_too_many_events_is_refused_with_the_limit() {
        assert!(count(1_000, 1_000).is_ok());
        let problem = count(1_001, 1_000).unwrap_err();
        assert_eq!(problem.status, 413);
        assert!(problem.detail.contains("1000"), "{}", problem.detail);
    }
}
