//! One subscription at work.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use futures::FutureExt as _;
use http::HeaderName;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracehold_chain::units::{Height, MemberId, TimestampMs};

use super::query::{Query, Scan};
use super::schedule::Times;
use super::sign::{GS1_SIGNATURE_HEADER, SIGNATURE_HEADER, signature};
use super::standing::{self, Standing};
use super::store::{Attempt, Paused, PausedBy, Pending, StoreError, Subscription};
use super::{Outcome, Shared, backoff};
use crate::api::now;

/// The header that names a delivery: the same for every attempt of it.
const DELIVERY_HEADER: HeaderName = HeaderName::from_static("tracehold-delivery");
/// The header that counts the attempts of a delivery, from 1.
const ATTEMPT_HEADER: HeaderName = HeaderName::from_static("tracehold-attempt");
/// The header that names the subscription.
const WEBHOOK_HEADER: HeaderName = HeaderName::from_static("tracehold-webhook");

/// A cursor that moved over events nobody asked for is written after this long: a crash costs no
/// more than looking at them again.
const CHECKPOINT: Duration = Duration::from_secs(60);

/// How long a schedule waits at most before it looks at the clock again.
const CLOCK: Duration = Duration::from_secs(30);

/// Headers of the EPCIS binding.
const EPCIS_VERSION_HEADER: HeaderName = HeaderName::from_static("gs1-epcis-version");
const CBV_VERSION_HEADER: HeaderName = HeaderName::from_static("gs1-cbv-version");

/// Characters of an error that are kept.
const MAX_ERROR_CHARS: usize = 300;

/// A subscription and the task that serves it.
pub struct Worker {
    id: String,
    state: Mutex<Subscription>,
    /// Held while the file is written, so that what was written last is newest.
    saving: Arc<tokio::sync::Mutex<()>>,
    removed: AtomicBool,
    wake: Notify,
    query: OnceLock<Arc<dyn Query>>,
    /// When it reports, if it does so by a schedule.
    times: Option<Times>,
    task: Mutex<Option<JoinHandle<()>>>,
    testing: tokio::sync::Mutex<()>,
}

/// What the task knows beside the subscription.
struct Memory {
    /// When the file last had the cursor.
    checkpoint: Instant,
    /// Whether a delivery arrived since then. It is written with the next delivery, or before the
    /// task waits for one: a crash in between sends it again, and says so.
    unsaved: bool,
    /// Of a schedule: what the report that is due has told so far.
    round: Option<Round>,
}

/// A report that a schedule asked for; it may take several deliveries.
#[derive(Clone, Copy, Default)]
struct Round {
    told: bool,
}

/// What to do after a step.
enum Next {
    /// There may be more to do.
    GoOn,
    /// Wait for a block.
    Wait,
    /// Wait for a call.
    Rest,
    /// Wait for some time.
    Retry(Duration),
}

impl Worker {
    pub fn new(subscription: Subscription) -> Worker {
        let times = subscription.standing.as_ref().and_then(Standing::times);
        Worker {
            id: subscription.id.clone(),
            state: Mutex::new(subscription),
            saving: Arc::default(),
            removed: AtomicBool::new(false),
            wake: Notify::new(),
            query: OnceLock::new(),
            times,
            task: Mutex::new(None),
            testing: tokio::sync::Mutex::new(()),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn member(&self) -> MemberId {
        self.state().agent.member().clone()
    }

    pub fn subscription(&self) -> Subscription {
        self.state().clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Subscription> {
        self.state.lock().expect("no one panics while holding a subscription")
    }

    /// Begins to work, once there is a history.
    pub fn start(self: &Arc<Worker>, shared: &Arc<Shared>) {
        let Some(history) = shared.history.get() else { return };
        let mut task = self.task.lock().expect("no one panics while holding a task");
        if task.is_some() {
            return;
        }
        let query = history.query(&self.state());
        let _ = self.query.set(query);
        let (worker, shared) = (Arc::clone(self), Arc::clone(shared));
        *task = Some(tokio::spawn(async move {
            // A mistake of ours must not end a subscription in silence.
            while AssertUnwindSafe(run(&worker, &shared)).catch_unwind().await.is_err() {
                tracing::error!(webhook = worker.id, "a webhook's task broke off; it begins again");
                tokio::time::sleep(shared.pace.longest).await;
            }
        }));
    }

    /// Waits for the task's end until `end`, then breaks it off.
    pub async fn ended(&self, end: Instant) {
        let task = self.task.lock().expect("no one panics while holding a task").take();
        if let Some(mut task) = task
            && tokio::time::timeout_at(end, &mut task).await.is_err()
        {
            task.abort();
        }
    }

    /// Writes the subscription down.
    pub async fn save(&self, shared: &Shared) -> Result<(), StoreError> {
        let turn = Arc::clone(&self.saving).lock_owned().await;
        if self.removed.load(Ordering::SeqCst) {
            return Ok(());
        }
        let (store, subscription) = (shared.store.clone(), self.subscription());
        // The turn goes with the writing: who gives up waiting does not let another write first.
        let written = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            store.write(&subscription)
        });
        written.await.unwrap_or_else(|error| {
            Err(StoreError { path: self.id.clone().into(), reason: error.to_string() })
        })
    }

    pub async fn remove(&self, shared: &Shared) -> Result<(), StoreError> {
        let _turn = self.saving.lock().await;
        shared.store.remove(&self.id)?;
        self.removed.store(true, Ordering::SeqCst);
        if let Some(task) = self.task.lock().expect("no one panics while holding a task").take() {
            task.abort();
        }
        Ok(())
    }

    pub fn pause(&self, by: PausedBy) {
        self.state().progress.paused.get_or_insert(Paused { at: now(), by });
        self.wake.notify_one();
    }

    pub fn resume(&self) {
        let mut state = self.state();
        state.progress.paused = None;
        state.progress.failures = 0;
        state.progress.failing_since = None;
        drop(state);
        self.wake.notify_one();
    }

    /// Sends a delivery without events.
    pub async fn test(&self, shared: &Shared) -> Attempt {
        let _one_at_a_time = self.testing.lock().await;
        let delivery = new_delivery();
        let standing = self.state().standing.clone();
        let body = match standing {
            // A subscriber of the EPCIS binding knows one kind of document.
            Some(standing) => {
                let until = crate::api::after_block(Height(0));
                let pending = Pending {
                    delivery: delivery.clone(),
                    until,
                    attempts: 1,
                    at: now(),
                    empty: true,
                };
                standing::document(&standing, &self.id, &pending, &[])
            }
            None => serde_json::json!({
                "webhook": self.id, "delivery": delivery, "test": true, "events": []
            })
            .to_string()
            .into_bytes(),
        };
        let sent = Sent { delivery: &delivery, attempt: 1, events: 0, test: true };
        let attempt = self.send(shared, &sent, body.into()).await;
        self.state().progress.remember(attempt.clone());
        attempt
    }

    /// One request, whatever comes of it.
    async fn send(&self, shared: &Shared, sent: &Sent<'_>, body: Bytes) -> Attempt {
        let (url, secret, in_epcis) = {
            let state = self.state();
            (state.url.clone(), state.secret.clone(), state.standing.is_some())
        };
        let (at, begun) = (now(), Instant::now());
        let mut headers = vec![
            (DELIVERY_HEADER, sent.delivery.to_owned()),
            (ATTEMPT_HEADER, sent.attempt.to_string()),
            (WEBHOOK_HEADER, self.id.clone()),
        ];
        // A subscription of the EPCIS binding may have no token.
        if !secret.is_empty() {
            let name = if in_epcis { GS1_SIGNATURE_HEADER } else { SIGNATURE_HEADER };
            headers.push((name, signature(&secret, at.0 / 1_000, &body)));
        }
        if in_epcis {
            headers.push((EPCIS_VERSION_HEADER, "2.0.0".to_owned()));
            headers.push((CBV_VERSION_HEADER, "2.0.0".to_owned()));
        }
        let answer = shared.client.post(&url, &headers, body).await;
        let status = answer.as_ref().ok().copied();
        let error = match answer {
            Ok(200..300) => None,
            Ok(status @ 300..400) => Some(format!(
                "the answer was {status}: redirects are not followed, give the URL they lead to"
            )),
            Ok(status) => Some(format!("the answer was {status}, not one from 200 to 299")),
            Err(why) => Some(why.chars().take(MAX_ERROR_CHARS).collect()),
        };
        let outcome = if error.is_none() { "delivered" } else { "failed" };
        shared.attempts.get_or_create(&Outcome { outcome }).inc();
        Attempt {
            delivery: sent.delivery.to_owned(),
            attempt: sent.attempt,
            at,
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            events: sent.events,
            test: sent.test,
            status,
            error,
        }
    }

    /// Looks for what is next and delivers it.
    async fn step(&self, shared: &Shared, memory: &mut Memory) -> Next {
        let (paused, cursor, pending) = {
            let progress = &self.state().progress;
            (progress.paused.is_some(), progress.cursor, progress.pending.clone())
        };
        if paused {
            if memory.unsaved {
                self.checkpoint(shared, memory).await;
            }
            return Next::Rest;
        }
        if let Some(times) = self.times.as_ref().filter(|_| pending.is_none())
            && memory.round.is_none()
        {
            if let Some(wait) = self.until_due(times) {
                return Next::Retry(wait);
            }
            memory.round = Some(Round::default());
        }
        let query = self.query.get().expect("a worker starts with its query");
        let until = pending.as_ref().map(|pending| pending.until);
        let scan = match query.scan(cursor, until).await {
            Ok(scan) => scan,
            Err(why) => {
                tracing::warn!(webhook = self.id, why, "a webhook cannot read the history");
                return Next::Retry(shared.pace.wait(1, backoff::chance()));
            }
        };
        let is_report = pending.as_ref().is_some_and(|pending| pending.empty)
            || pending.is_none() && self.must_say_nothing(&scan, memory.round);
        if scan.entries.is_empty() && !is_report {
            let next = self.pass(shared, &scan, pending.is_some(), memory).await;
            if !scan.more && self.end_round(memory) {
                return Next::GoOn;
            }
            return next;
        }
        let pending = pending.unwrap_or_else(|| Pending {
            delivery: new_delivery(),
            until: scan.seen,
            attempts: 0,
            at: now(),
            empty: is_report,
        });
        let attempt = pending.attempts.saturating_add(1);
        let begun = Pending { attempts: attempt, ..pending };
        self.state().progress.pending = Some(begun.clone());
        // Written before it is sent: a crash in between sends it again under the same id.
        if let Err(error) = self.save(shared).await {
            tracing::error!(webhook = self.id, %error, "a delivery cannot be written down");
            return Next::Retry(shared.pace.wait(u32::MAX, backoff::chance()));
        }
        *memory = Memory { checkpoint: Instant::now(), unsaved: false, ..*memory };
        let body = query.body(&begun, &scan.entries);
        let events = scan.entries.len();
        let sent = Sent { delivery: &begun.delivery, attempt, events, test: false };
        let begun_at = Instant::now();
        let done = self.send(shared, &sent, body.into()).await;
        let arrived = done.error.is_none();
        let failures = self.note(shared, &begun, done);
        if arrived {
            memory.unsaved = true;
            if let Some(round) = &mut memory.round {
                round.told = true;
                if !scan.more {
                    self.end_round(memory);
                }
                return Next::GoOn;
            }
            let wait = shared.pace.gather.saturating_sub(begun_at.elapsed());
            return if scan.more { Next::GoOn } else { Next::Retry(wait) };
        }
        self.checkpoint(shared, memory).await;
        Next::Retry(shared.pace.wait(failures, backoff::chance()))
    }

    /// How long until its schedule wants a report; `None` when it does now. What was due while the
    /// node was down is due at once.
    fn until_due(&self, times: &Times) -> Option<Duration> {
        let now = now();
        let mut state = self.state();
        let due = match state.progress.due {
            Some(due) => due,
            None => {
                let due = times.after(now).unwrap_or(TimestampMs(u64::MAX));
                state.progress.due = Some(due);
                due
            }
        };
        // A clock may be set: it is looked at again from time to time.
        (due > now).then(|| Duration::from_millis(due.since_ms(now)).min(CLOCK))
    }

    /// Whether the report that is due must say that nothing matched.
    fn must_say_nothing(&self, scan: &Scan, round: Option<Round>) -> bool {
        let asked = self.state().standing.as_ref().is_some_and(|standing| standing.report_if_empty);
        asked && scan.entries.is_empty() && !scan.more && round.is_some_and(|round| !round.told)
    }

    /// Ends the report that was due, if there was one.
    fn end_round(&self, memory: &mut Memory) -> bool {
        let Some(times) = self.times.as_ref().filter(|_| memory.round.is_some()) else {
            return false;
        };
        memory.round = None;
        self.state().progress.due = times.after(now());
        true
    }

    /// Writes down how far the subscription is. A failure is told and nothing else: what the file
    /// says is true, and leads to sending again what was sent since.
    async fn checkpoint(&self, shared: &Shared, memory: &mut Memory) {
        *memory = Memory { checkpoint: Instant::now(), unsaved: false, ..*memory };
        if let Err(error) = self.save(shared).await {
            tracing::error!(webhook = self.id, %error, "a cursor cannot be written down");
        }
    }

    /// Nothing is asked for up to where the history was looked at.
    async fn pass(
        &self,
        shared: &Shared,
        scan: &Scan,
        was_pending: bool,
        memory: &mut Memory,
    ) -> Next {
        {
            let mut state = self.state();
            state.progress.cursor = state.progress.cursor.max(Some(scan.seen));
            state.progress.pending = None;
        }
        if was_pending || memory.unsaved || memory.checkpoint.elapsed() >= CHECKPOINT {
            self.checkpoint(shared, memory).await;
        }
        if scan.more || was_pending { Next::GoOn } else { Next::Wait }
    }

    /// Notes what came of a delivery; how often it failed in a row.
    fn note(&self, shared: &Shared, pending: &Pending, done: Attempt) -> u32 {
        let mut state = self.state();
        let progress = &mut state.progress;
        match &done.error {
            None => {
                progress.cursor = Some(pending.until);
                progress.pending = None;
                progress.failures = 0;
                progress.failing_since = None;
                progress.delivered_at = Some(done.at);
                let events = u64::try_from(done.events).unwrap_or(u64::MAX);
                progress.delivered_events = progress.delivered_events.saturating_add(events);
            }
            Some(why) => {
                progress.failures = progress.failures.saturating_add(1);
                let since = *progress.failing_since.get_or_insert(done.at);
                let for_ms = u128::from(now().since_ms(since));
                tracing::debug!(webhook = self.id, why, "a delivery failed");
                if for_ms >= shared.pace.pause_after.as_millis() {
                    tracing::warn!(webhook = self.id, why, "paused: it failed for too long");
                    progress.paused.get_or_insert(Paused { at: now(), by: PausedBy::Failures });
                }
            }
        }
        let failures = progress.failures;
        progress.remember(done);
        failures
    }
}

/// What is told about a request.
struct Sent<'a> {
    delivery: &'a str,
    attempt: u32,
    events: usize,
    test: bool,
}

fn new_delivery() -> String {
    format!("dl_{}", uuid::Uuid::new_v4().simple())
}

async fn run(worker: &Worker, shared: &Shared) {
    let Some(history) = shared.history.get() else { return };
    let mut changes = history.changes();
    let mut stop = shared.stop.subscribe();
    let mut memory = Memory { checkpoint: Instant::now(), unsaved: false, round: None };
    loop {
        if *stop.borrow_and_update() {
            break;
        }
        // Seen before looking: a block that comes meanwhile wakes us again.
        changes.borrow_and_update();
        let next = worker.step(shared, &mut memory).await;
        let woken = async {
            match next {
                Next::GoOn => tokio::task::yield_now().await,
                Next::Wait => tokio::select! {
                    changed = changes.changed() => {
                        if changed.is_err() {
                            // The node ends, and with it this task.
                            std::future::pending::<()>().await;
                        }
                    }
                    () = worker.wake.notified() => {}
                },
                Next::Rest => worker.wake.notified().await,
                Next::Retry(wait) => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = worker.wake.notified() => {}
                },
            }
        };
        tokio::select! {
            () = woken => {}
            _ = stop.changed() => {}
        }
    }
    if memory.unsaved {
        worker.checkpoint(shared, &mut memory).await;
    }
}
