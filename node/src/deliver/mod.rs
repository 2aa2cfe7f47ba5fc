//! Deliveries: what was recorded is sent to those who asked for it, once and in order.
//!
//! *What* matches is a [`Query`], made by a [`History`] of a subscription's [`Filter`]; *how* it is
//! delivered is here and the same for all. Each [`Subscription`] has a cursor in the history and a
//! task of its own (`worker`), with one request under way at most: so a slow receiver delays
//! nobody, and all of them together are bounded by [`MAX_SUBSCRIPTIONS`].
//!
//! A delivery is written down ([`store`]) with its id before it is first sent, and its attempt
//! before every sending: whatever crashes, what may have arrived is sent again under the same id,
//! with the same bytes and a higher attempt number. The cursor moves when the receiver answered
//! with success.

mod backoff;
mod client;
pub mod filter;
pub mod guard;
mod history;
mod query;
pub mod schedule;
mod sign;
mod standing;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod worker;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tracehold_chain::state::Position;
use tracehold_chain::units::{AgentId, Height, MemberId};

pub use backoff::Pace;
pub use client::{Client, Deadlines};
pub use filter::Filter;
pub use guard::Guard;
pub use history::{NodeHistory, facts};
pub use query::{Entry, History, Query, Scan};
pub use schedule::{Schedule, ScheduleError};
pub use sign::SIGNATURE_HEADER;
pub use standing::Standing;
pub use store::{Attempt, Paused, PausedBy, Pending, Progress, Store, StoreError, Subscription};
use worker::Worker;

/// Subscriptions that one node serves: as many requests may be under way at once.
pub const MAX_SUBSCRIPTIONS: usize = 256;

/// Subscriptions of one member at one node.
pub const MAX_SUBSCRIPTIONS_PER_MEMBER: usize = 64;

/// Events in one delivery.
pub const MAX_DELIVERY_EVENTS: usize = 100;

/// Bytes of events in one delivery; a single event may be longer.
pub const MAX_DELIVERY_BYTES: usize = 256 * 1024;

/// How long a stop waits for deliveries under way before it breaks them off.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// What the engine is made from.
pub struct Settings {
    /// What carries deliveries out.
    pub client: Client,
    /// How failures are met.
    pub pace: Pace,
}

/// The delivery engine of a node. Clones are the same engine.
#[derive(Clone)]
pub struct Deliverer(Arc<Shared>);

struct Shared {
    store: Store,
    client: Client,
    pace: Pace,
    workers: Mutex<BTreeMap<String, Arc<Worker>>>,
    history: OnceLock<Arc<dyn History>>,
    stop: watch::Sender<bool>,
    attempts: Family<Outcome, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// A subscription that is asked for.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// Who asks.
    pub agent: AgentId,
    /// Where to.
    pub url: String,
    /// What deliveries are signed with.
    pub secret: String,
    /// What people call it.
    pub description: Option<String>,
    /// What it hears of, settled.
    pub filter: Filter,
    /// What it asks, as a subscription of the EPCIS binding.
    pub standing: Option<Standing>,
    /// It hears of what comes after this; `None` for all since the first event.
    pub after: Option<Position>,
}

/// Why something was not done to a subscription.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// There are enough.
    #[error("{what} has {limit} webhooks, which is the limit: remove one first")]
    TooMany {
        /// Who has them.
        what: String,
        /// How many are allowed.
        limit: usize,
    },
    /// The member has no subscription of this id.
    #[error("there is no webhook {0} of this member at this node")]
    Unknown(String),
    /// The store failed.
    #[error("this node cannot write its webhooks: {0}")]
    Store(#[from] StoreError),
}

impl Deliverer {
    /// Opens the subscriptions of the data folder `dir`. Nothing is sent before
    /// [`Deliverer::run`].
    ///
    /// # Errors
    /// [`StoreError`] when the folder cannot be read.
    pub fn open(
        dir: &Path,
        settings: Settings,
        registry: &mut Registry,
    ) -> Result<Deliverer, StoreError> {
        let (store, found) = Store::open(dir)?;
        let attempts = Family::<Outcome, Counter>::default();
        registry.sub_registry_with_prefix("tracehold").register(
            "webhook_attempts",
            "Attempts to deliver to webhooks",
            attempts.clone(),
        );
        // There from the start, so that the first failure is a change that an alert sees.
        for outcome in ["delivered", "failed"] {
            let _ = attempts.get_or_create(&Outcome { outcome });
        }
        let workers = found.into_iter().map(|subscription| {
            let worker = Worker::new(subscription);
            (worker.id().to_owned(), Arc::new(worker))
        });
        Ok(Deliverer(Arc::new(Shared {
            store,
            client: settings.client,
            pace: settings.pace,
            workers: Mutex::new(workers.collect()),
            history: OnceLock::new(),
            stop: watch::Sender::new(false),
            attempts,
        })))
    }

    /// Begins to deliver from `history`.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn run(&self, history: Arc<dyn History>) {
        // A second history would be of the same node; the first one stays.
        let _ = self.0.history.set(history);
        for worker in self.lock().values() {
            worker.start(&self.0);
        }
    }

    /// What checks destinations and carries deliveries out.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Makes a subscription and begins to deliver.
    ///
    /// # Errors
    /// [`DeliverError`]: too many, or the store failed.
    pub async fn create(&self, new: NewSubscription) -> Result<Subscription, DeliverError> {
        let subscription = Subscription {
            id: {
                let kind = if new.standing.is_some() { "sub" } else { "wh" };
                format!("{kind}_{}", uuid::Uuid::new_v4().simple())
            },
            agent: new.agent,
            url: new.url,
            secret: new.secret,
            description: new.description,
            filter: new.filter,
            standing: new.standing,
            created_at: crate::api::now(),
            progress: Progress { cursor: new.after, ..Progress::default() },
        };
        let worker = Arc::new(Worker::new(subscription.clone()));
        {
            // Its place is taken before it is written, so that two at once cannot share the last.
            let mut workers = self.lock();
            let member = subscription.agent.member();
            let own = workers.values().filter(|worker| worker.member() == *member).count();
            if own >= MAX_SUBSCRIPTIONS_PER_MEMBER {
                let limit = MAX_SUBSCRIPTIONS_PER_MEMBER;
                return Err(DeliverError::TooMany { what: member.to_string(), limit });
            }
            if workers.len() >= MAX_SUBSCRIPTIONS {
                let what = "this node".to_owned();
                return Err(DeliverError::TooMany { what, limit: MAX_SUBSCRIPTIONS });
            }
            workers.insert(subscription.id.clone(), Arc::clone(&worker));
        }
        // On its own: who asked may go away while it is written, and it must not stay half made.
        let this = self.clone();
        let made = tokio::spawn(async move {
            if let Err(error) = worker.save(&this.0).await {
                this.lock().remove(worker.id());
                return Err(error);
            }
            worker.start(&this.0);
            Ok(())
        });
        made.await.expect("saving a webhook does not panic")?;
        Ok(subscription)
    }

    /// What somebody who is not kept asks: the query, and news of every height, once there is a
    /// history.
    #[must_use]
    pub fn ask(
        &self,
        subscription: &Subscription,
    ) -> Option<(Arc<dyn Query>, watch::Receiver<Height>)> {
        let history = self.0.history.get()?;
        Some((history.query(subscription), history.changes()))
    }

    /// The subscriptions of a member, oldest first.
    #[must_use]
    pub fn list(&self, member: &MemberId) -> Vec<Subscription> {
        let workers: Vec<_> = self.lock().values().cloned().collect();
        let mut own: Vec<Subscription> = workers
            .iter()
            .filter(|worker| worker.member() == *member)
            .map(|worker| worker.subscription())
            .collect();
        own.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        own
    }

    /// How many subscriptions of all members have failed since they last delivered, and how many
    /// are paused.
    #[must_use]
    pub fn ailing(&self) -> (usize, usize) {
        let workers: Vec<_> = self.lock().values().cloned().collect();
        let progress: Vec<Progress> =
            workers.iter().map(|worker| worker.subscription().progress).collect();
        let paused = progress.iter().filter(|progress| progress.paused.is_some()).count();
        let failing = progress.iter().filter(|progress| progress.failures > 0);
        (failing.filter(|progress| progress.paused.is_none()).count(), paused)
    }

    /// A subscription of a member.
    ///
    /// # Errors
    /// [`DeliverError::Unknown`].
    pub fn get(&self, member: &MemberId, id: &str) -> Result<Subscription, DeliverError> {
        self.worker(member, id).map(|worker| worker.subscription())
    }

    /// Removes a subscription; a delivery under way is broken off.
    ///
    /// # Errors
    /// [`DeliverError`].
    pub async fn remove(&self, member: &MemberId, id: &str) -> Result<(), DeliverError> {
        let worker = self.worker(member, id)?;
        worker.remove(&self.0).await?;
        self.lock().remove(id);
        Ok(())
    }

    /// Stops delivering until [`Deliverer::resume`]; what comes meanwhile waits in the history.
    ///
    /// # Errors
    /// [`DeliverError`].
    pub async fn pause(&self, member: &MemberId, id: &str) -> Result<Subscription, DeliverError> {
        let worker = self.worker(member, id)?;
        worker.pause(PausedBy::Caller);
        worker.save(&self.0).await?;
        Ok(worker.subscription())
    }

    /// Goes on from the cursor at once, whether it was paused or waits after a failure.
    ///
    /// # Errors
    /// [`DeliverError`].
    pub async fn resume(&self, member: &MemberId, id: &str) -> Result<Subscription, DeliverError> {
        let worker = self.worker(member, id)?;
        worker.resume();
        worker.save(&self.0).await?;
        Ok(worker.subscription())
    }

    /// Sends a delivery without events, and tells what came of it.
    ///
    /// # Errors
    /// [`DeliverError::Unknown`].
    pub async fn test(&self, member: &MemberId, id: &str) -> Result<Attempt, DeliverError> {
        Ok(self.worker(member, id)?.test(&self.0).await)
    }

    /// Stops delivering for good. What is under way is given a moment, then broken off: it will be
    /// sent again, and say so.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let workers: Vec<_> = self.lock().values().cloned().collect();
        let end = tokio::time::Instant::now() + STOP_GRACE;
        for worker in workers {
            worker.ended(end).await;
        }
    }

    fn worker(&self, member: &MemberId, id: &str) -> Result<Arc<Worker>, DeliverError> {
        let worker = self.lock().get(id).filter(|worker| worker.member() == *member).cloned();
        worker.ok_or_else(|| DeliverError::Unknown(id.to_owned()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Worker>>> {
        self.0.workers.lock().expect("no one panics while holding the list")
    }
}
