//! Capture with `proceed`: every event of a document that can be recorded is.

use std::collections::VecDeque;

use tokio::sync::OwnedSemaphorePermit;
use tracehold_chain::masterdata::{Changes, MasterData};
use tracehold_chain::transaction::TransactionId;
use tracehold_contracts::Verdict;

use super::super::jobs::{ErrorBehaviour, Running};
use super::super::limits::MAX_PROCEED_EVENTS;
use super::super::masterdata::Resolved;
use super::super::problem::Problem;
use super::super::submit::{refused, repeated, submit};
use super::super::{ApiState, masterdata, now, prepare};
use super::document::Given;
use super::ready::{Known, Ready};
use super::{count, fits, random_id};
use crate::keystore::AgentSigner;

/// Events that a `proceed` capture puts under one signature at most; when one of them is refused
/// the others are signed again without it.
const PROCEED_CHUNK_EVENTS: usize = 200;

/// Records of master data that a `proceed` capture puts under one signature at most.
const PROCEED_CHUNK_RECORDS: usize = 30;

/// Bytes of sections that a `proceed` capture puts under one signature at most.
const PROCEED_CHUNK_BYTES: usize = 512 * 1024;

/// Begins to capture a document event by event. Gives the job's id.
pub async fn proceed(
    state: &ApiState,
    agent: AgentSigner,
    given: Given,
    room: OwnedSemaphorePermit,
) -> Result<TransactionId, Problem> {
    let cutter = agent.clone();
    let prepared = state.compute(given.bytes.len(), move || {
        let (document, told) = given.read().map_err(|wrong| prepare::invalid(&wrong))?;
        count(document.events.len(), MAX_PROCEED_EVENTS)?;
        let changes = Changes::of(&document);
        let reading = document.reading();
        let mut good = Vec::with_capacity(document.events.len());
        let mut bad = Vec::new();
        for (place, event) in document.events.into_iter().enumerate() {
            match event {
                Ok(event) => good.push(Ready::new(&cutter, place, event, &reading)),
                Err(wrong) => bad.push(prepare::invalid(&wrong).event(place, None)),
            }
        }
        Ok((good, bad, changes, told))
    });
    let (good, bad, changes, mut told) = prepared.await?;
    told.look_up(state).await?;
    let Resolved { records, done } = masterdata::resolve(state, &agent, changes).await?;
    let id = random_id();
    let member = agent.agent_id.member().clone();
    let job = told.job(id.to_string(), member, ErrorBehaviour::Proceed);
    let running = state.jobs().begin(job, now()).await?;
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
    let known = match Known::look_up(state, &events).await {
        Ok(known) => known,
        Err(problem) => return running.error(problem),
    };
    let fresh = known.fresh(events);
    running.already_recorded(known.recorded.len());
    known.taken.into_iter().for_each(|(_, problem)| running.error(problem));
    let mut waiting = chunks(fresh.into_iter());
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
                let again = repeated(&verdict).len();
                state.metrics().captured(chunk.len().saturating_sub(again));
                running.already_recorded(again);
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
            let culprit = chunk.remove(place).name;
            running.error(culprit.at(problem));
            if chunk.is_empty() { Vec::new() } else { vec![chunk] }
        }
        // Nothing was wrong with the events: trying parts would only take longer.
        None if matches!(problem.status, 500..) => {
            for name in chunk.iter().map(|ready| &ready.name) {
                running.error(name.at(problem.clone()));
            }
            Vec::new()
        }
        None if chunk.len() == 1 => {
            let culprit = &chunk[0].name;
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
