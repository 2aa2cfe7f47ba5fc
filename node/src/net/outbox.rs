//! Events on their way to a consumer that may be slower than the network.
//!
//! What must not be lost is always taken: its number is bounded where it arises (requests and
//! their answers by the limits on requests, peers by membership). Gossip is taken while there is
//! room, in events and in bytes: transactions to the half, status messages to three quarters,
//! consensus messages to the brim. The network never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::{NetEvent, Topic};

#[derive(Debug, Default)]
struct Waiting {
    events: AtomicUsize,
    bytes: AtomicUsize,
}

/// Where the network puts events.
#[derive(Debug)]
pub struct Outbox {
    sender: mpsc::UnboundedSender<NetEvent>,
    waiting: Arc<Waiting>,
    most_events: usize,
    most_bytes: usize,
}

/// Where the node takes them.
#[derive(Debug)]
pub struct NetEvents {
    receiver: mpsc::UnboundedReceiver<NetEvent>,
    waiting: Arc<Waiting>,
}

/// An outbox with room for gossip while fewer than `most_events` events and `most_bytes` bytes
/// wait.
#[must_use]
pub fn channel(most_events: usize, most_bytes: usize) -> (Outbox, NetEvents) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(Waiting::default());
    let outbox = Outbox { sender, waiting: Arc::clone(&waiting), most_events, most_bytes };
    (outbox, NetEvents { receiver, waiting })
}

impl Outbox {
    /// Puts an event in; `false` when it is gossip and there is no room.
    pub fn put(&self, event: NetEvent) -> bool {
        if let NetEvent::Gossip { topic, .. } = &event
            && !self.has_room(*topic)
        {
            return false;
        }
        self.waiting.events.fetch_add(1, Ordering::Relaxed);
        self.waiting.bytes.fetch_add(size(&event), Ordering::Relaxed);
        // An error means that the consumer is gone; the task sees that by `closed`.
        let _ = self.sender.send(event);
        true
    }

    /// Returns when the consumer is gone.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }

    fn has_room(&self, topic: Topic) -> bool {
        let quarters = match topic {
            Topic::Transactions => 2,
            Topic::Status => 3,
            Topic::Consensus => 4,
        };
        self.waiting.events.load(Ordering::Relaxed) < self.most_events / 4 * quarters
            && self.waiting.bytes.load(Ordering::Relaxed) < self.most_bytes / 4 * quarters
    }
}

impl NetEvents {
    /// The next event; `None` when the network has stopped and nothing waits. Cancel safe.
    pub async fn recv(&mut self) -> Option<NetEvent> {
        let event = self.receiver.recv().await?;
        self.taken(&event);
        Some(event)
    }

    /// The next event if one waits.
    pub fn try_recv(&mut self) -> Option<NetEvent> {
        let event = self.receiver.try_recv().ok()?;
        self.taken(&event);
        Some(event)
    }

    fn taken(&self, event: &NetEvent) {
        self.waiting.events.fetch_sub(1, Ordering::Relaxed);
        self.waiting.bytes.fetch_sub(size(event), Ordering::Relaxed);
    }
}

fn size(event: &NetEvent) -> usize {
    match event {
        NetEvent::Gossip { bytes, .. } | NetEvent::Request { bytes, .. } => bytes.len(),
        NetEvent::Response { result: Ok(bytes), .. } => bytes.len(),
        NetEvent::Response { .. }
        | NetEvent::PeerUp(_)
        | NetEvent::PeerDown(_)
        | NetEvent::Listening(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use tracehold_chain::keys::PublicKey;

    use super::*;

    fn gossip(topic: Topic, bytes: usize) -> NetEvent {
        NetEvent::Gossip { from: PublicKey([1; 32]), topic, bytes: vec![0; bytes] }
    }

    #[test]
    fn a_slow_node_loses_transactions_first_then_votes_and_never_requests() {
        let (outbox, mut events) = channel(8, 1_000);
        let put = |topic, times| (0..times).filter(|_| outbox.put(gossip(topic, 1))).count();
        assert_eq!(put(Topic::Transactions, 9), 4);
        assert_eq!(put(Topic::Status, 9), 2);
        assert_eq!(put(Topic::Consensus, 9), 2);
        assert!(outbox.put(NetEvent::Response { id: 1, result: Ok(vec![0; 5_000]) }));
        assert!(outbox.put(NetEvent::PeerDown(PublicKey([1; 32]))));
        // What was taken makes room again.
        let mut taken = 0;
        while events.try_recv().is_some() {
            taken += 1;
        }
        assert_eq!(taken, 10);
        assert!(outbox.put(gossip(Topic::Transactions, 1)));
    }

    #[test]
    fn large_messages_fill_the_outbox_by_their_bytes() {
        let (outbox, _events) = channel(1_000, 1_000);
        assert!(outbox.put(gossip(Topic::Transactions, 600)));
        assert!(!outbox.put(gossip(Topic::Transactions, 1)));
        assert!(outbox.put(gossip(Topic::Consensus, 600)));
        assert!(!outbox.put(gossip(Topic::Consensus, 1)));
    }
}
