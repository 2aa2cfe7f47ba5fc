//! The seam between what matches and how it is delivered.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tracehold_chain::state::Position;
use tracehold_chain::units::Height;

use super::store::{Pending, Subscription};

/// One event that a subscription asked for.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands in the history.
    pub position: Position,
    /// As it is told, in JSON. The same event is always told with the same bytes.
    pub json: Arc<str>,
}

/// What a look into the history gave.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What matches, in order; not more than one delivery holds.
    pub entries: Vec<Entry>,
    /// Everything up to here was looked at.
    pub seen: Position,
    /// Whether there may be more to look at already.
    pub more: bool,
}

/// What one subscription asks for.
pub trait Query: Send + Sync {
    /// What matches after `after`, up to `until` or the newest block. The same positions always
    /// give the same entries.
    ///
    /// The error is why the history cannot be read, in plain words.
    fn scan(
        &self,
        after: Option<Position>,
        until: Option<Position>,
    ) -> BoxFuture<'_, Result<Scan, String>>;

    /// The body of a delivery: always the same bytes for the same delivery and entries.
    fn body(&self, pending: &Pending, entries: &[Entry]) -> Vec<u8>;
}

/// What subscriptions ask.
pub trait History: Send + Sync {
    /// The query of a subscription.
    fn query(&self, subscription: &Subscription) -> Arc<dyn Query>;

    /// Tells of every new height that can be read.
    fn changes(&self) -> watch::Receiver<Height>;
}
