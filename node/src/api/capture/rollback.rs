//! Capture with `rollback`: all of a document in one transaction, or nothing of it.

use tokio::sync::OwnedSemaphorePermit;
use tracehold_chain::limits::MAX_EVENTS_PER_TRANSACTION;
use tracehold_chain::masterdata::Changes;
use tracehold_chain::transaction::{Bundle, TransactionId};
use tracehold_contracts::Verdict;

use super::super::jobs::{ErrorBehaviour, MasterDataDone};
use super::super::masterdata::Resolved;
use super::super::problem::{Kind, Problem};
use super::super::submit::{refused, repeated, submit};
use super::super::{ApiState, masterdata, now, prepare};
use super::document::{Given, Provenance};
use super::ready::{Known, Name, Ready};
use super::{count, fits, random_id};
use crate::keystore::AgentSigner;

/// Begins to capture a document whole. Gives the job's id, which is that of its transaction.
pub async fn rollback(
    state: &ApiState,
    agent: AgentSigner,
    given: Given,
    room: OwnedSemaphorePermit,
) -> Result<TransactionId, Problem> {
    let (chain_id, expires_at) = (state.chain_id().clone(), state.expiry());
    let size = given.bytes.len();
    let cutter = agent.clone();
    let prepared = state.compute(size, move || {
        let (document, told) = given.read().map_err(|wrong| prepare::invalid(&wrong))?;
        count(document.events.len(), MAX_EVENTS_PER_TRANSACTION)?;
        let changes = Changes::of(&document);
        let reading = document.reading();
        let events = document.all_events().map_err(|wrong| prepare::invalid(&wrong))?;
        let events = events.into_iter().enumerate();
        let ready = events.map(|(place, event)| Ready::new(&cutter, place, event, &reading));
        Ok((ready.collect::<Vec<Ready>>(), changes, told))
    });
    let (ready, changes, mut told) = prepared.await?;
    told.look_up(state).await?;
    let Resolved { records, done } = masterdata::resolve(state, &agent, changes).await?;
    let known = Known::look_up(state, &ready).await?;
    let has_something = !ready.is_empty() || done.is_some();
    let ready = known.fresh(ready);
    if has_something && (!known.taken.is_empty() || ready.is_empty() && records.is_empty()) {
        return ended(state, &agent, told, known, done).await;
    }
    let member = agent.agent_id.member().clone();
    let prepared = state.compute(size, move || {
        let names: Vec<Name> = ready.iter().map(|ready| ready.name.clone()).collect();
        let sections = ready.into_iter().map(|ready| ready.event).collect();
        Ok((names, prepare::signed(&agent, &chain_id, expires_at, records, sections)))
    });
    let (names, bundle) = prepared.await?;
    let id = bundle.transaction.id();
    fits(&bundle)?;
    let job = told.job(id.to_string(), member, ErrorBehaviour::Rollback);
    let running = state.jobs().begin(job, now()).await?;
    running.master_data(done);
    running.already_recorded(known.recorded.len());
    let state = state.clone();
    tokio::spawn(async move {
        match capture_whole(&state, &names, bundle).await {
            Ok(again) => running.already_recorded(again),
            Err(problem) => running.error(problem),
        }
        drop(room);
        running.finish(now());
    });
    Ok(id)
}

/// The finished job of a document of which nothing is to be recorded: it is on record already, the
/// name of an event is taken, or it has master data only, none of it to be set.
async fn ended(
    state: &ApiState,
    agent: &AgentSigner,
    told: Provenance,
    known: Known,
    done: Option<MasterDataDone>,
) -> Result<TransactionId, Problem> {
    let id = random_id();
    let member = agent.agent_id.member().clone();
    let job = told.job(id.to_string(), member, ErrorBehaviour::Rollback);
    let running = state.jobs().begin(job, now()).await?;
    running.already_recorded(known.recorded.len());
    let nothing_kept = done.as_ref().is_some_and(|done| done.unchanged + done.set == 0);
    if nothing_kept && known.recorded.is_empty() && known.taken.is_empty() {
        let detail = "nothing of the document can be kept: masterData.leftOut says why";
        running.error(Problem::new(Kind::Refused, detail).code("nothing_kept"));
    }
    for (_, problem) in known.taken {
        running.error(problem);
    }
    running.master_data(done);
    running.finish(now());
    Ok(id)
}

/// Hands in the transaction; how many of its events were recorded by another one meanwhile.
async fn capture_whole(state: &ApiState, names: &[Name], bundle: Bundle) -> Result<usize, Problem> {
    let committed = submit(state, bundle, state.job_deadline()).await;
    let committed = committed.map_err(|problem| placed(names, problem))?;
    match &committed.receipt.verdict {
        Verdict::Rejected(rejection) => Err(placed(names, refused(rejection))),
        verdict => {
            let again = repeated(verdict).len();
            state.metrics().captured(names.len().saturating_sub(again));
            Ok(again)
        }
    }
}

/// A problem that counts events of a transaction, counted in the document instead.
fn placed(names: &[Name], problem: Problem) -> Problem {
    match problem.event.and_then(|place| names.get(usize::try_from(place).ok()?)) {
        Some(name) => name.at(problem),
        None => problem,
    }
}
