//! What the network counts.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Topic;

/// Which way something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a peer.
    In,
    /// To a peer.
    Out,
}

/// Why gossip was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// The node is slower than the network.
    SlowConsumer,
    /// Its author says more than its share.
    AuthorLimit,
    /// Its author is no member.
    Stranger,
    /// It is larger than a message may be.
    TooLarge,
    /// Nobody is connected who could hear it.
    NobodyHears,
    /// A peer, or every peer, does not take messages fast enough.
    SlowPeer,
    /// Its bytes were said before.
    Repeated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TopicLabels {
    topic: Topic,
    direction: Direction,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Direction::In => "in",
            Direction::Out => "out",
        }
    }
}

impl Dropped {
    const ALL: [Dropped; 7] = [
        Dropped::SlowConsumer,
        Dropped::AuthorLimit,
        Dropped::Stranger,
        Dropped::TooLarge,
        Dropped::NobodyHears,
        Dropped::SlowPeer,
        Dropped::Repeated,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Dropped::SlowConsumer => "slow_consumer",
            Dropped::AuthorLimit => "author_limit",
            Dropped::Stranger => "stranger",
            Dropped::TooLarge => "too_large",
            Dropped::NobodyHears => "nobody_hears",
            Dropped::SlowPeer => "slow_peer",
            Dropped::Repeated => "repeated",
        }
    }
}

/// A label's value is the thing's word.
macro_rules! label_value {
    ($name:ident) => {
        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                self.as_str().encode(encoder)
            }
        }
    };
}

label_value!(Direction);
label_value!(Dropped);
label_value!(Topic);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabels {
    direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DroppedLabels {
    reason: Dropped,
}

/// The network's counters. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct NetMetrics {
    peers: Gauge,
    bytes: Family<DirectionLabels, Counter>,
    messages: Family<TopicLabels, Counter>,
    message_bytes: Family<TopicLabels, Counter>,
    dropped: Family<DroppedLabels, Counter>,
    requests: Family<DirectionLabels, Counter>,
    failed_requests: Family<DirectionLabels, Counter>,
    refused_strangers: Counter,
    refused_connections: Counter,
}

impl NetMetrics {
    /// Counters that `registry` shows under names that begin with `net_`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> NetMetrics {
        let metrics = NetMetrics::default();
        let net = registry.sub_registry_with_prefix("net");
        net.register("peers", "Members' nodes connected now", metrics.peers.clone());
        let help = "Bytes on all connections, without encryption's and TCP's own";
        net.register_with_unit("traffic", help, Unit::Bytes, metrics.bytes.clone());
        let help = "Gossip messages received, and sent by this node as author";
        net.register("gossip_messages", help, metrics.messages.clone());
        let help = "Content of gossip messages received, and sent by this node as author";
        net.register_with_unit("gossip", help, Unit::Bytes, metrics.message_bytes.clone());
        net.register("gossip_dropped", "Gossip messages dropped", metrics.dropped.clone());
        let help = "Requests received and sent";
        net.register("requests", help, metrics.requests.clone());
        let help = "Requests received and sent that were not answered";
        net.register("requests_failed", help, metrics.failed_requests.clone());
        let help = "Connections refused because the other end is no member";
        net.register("strangers_refused", help, metrics.refused_strangers.clone());
        let help = "Connections refused or failed before they were usable, strangers among them";
        net.register("connections_refused", help, metrics.refused_connections.clone());
        // There from the start, so that the first one is a change that an alert sees.
        for reason in Dropped::ALL {
            let _ = metrics.dropped.get_or_create(&DroppedLabels { reason });
        }
        for direction in [Direction::In, Direction::Out] {
            let labels = DirectionLabels { direction };
            let _ = metrics.requests.get_or_create(&labels);
            let _ = metrics.failed_requests.get_or_create(&labels);
        }
        metrics
    }

    /// Members' nodes connected now.
    #[must_use]
    pub fn peers(&self) -> i64 {
        self.peers.get()
    }

    /// Bytes on all connections so far.
    #[must_use]
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.bytes.get_or_create(&DirectionLabels { direction }).get()
    }

    /// Gossip messages so far.
    #[must_use]
    pub fn messages(&self, topic: Topic, direction: Direction) -> u64 {
        self.messages.get_or_create(&TopicLabels { topic, direction }).get()
    }

    /// Gossip messages dropped so far.
    #[must_use]
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped.get_or_create(&DroppedLabels { reason }).get()
    }

    /// Connections refused so far because the other end is no member.
    #[must_use]
    pub fn strangers_refused(&self) -> u64 {
        self.refused_strangers.get()
    }

    pub(super) fn set_peers(&self, peers: usize) {
        self.peers.set(i64::try_from(peers).unwrap_or(i64::MAX));
    }

    pub(super) fn byte_counter(&self, direction: Direction) -> Counter {
        self.bytes.get_or_create(&DirectionLabels { direction }).clone()
    }

    pub(super) fn count_message(&self, topic: Topic, direction: Direction, bytes: usize) {
        let labels = TopicLabels { topic, direction };
        self.messages.get_or_create(&labels).inc();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.message_bytes.get_or_create(&labels).inc_by(bytes);
    }

    pub(super) fn count_dropped(&self, reason: Dropped, messages: usize) {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        self.dropped.get_or_create(&DroppedLabels { reason }).inc_by(messages);
    }

    pub(super) fn count_request(&self, direction: Direction) {
        self.requests.get_or_create(&DirectionLabels { direction }).inc();
    }

    pub(super) fn count_failed_request(&self, direction: Direction) {
        self.failed_requests.get_or_create(&DirectionLabels { direction }).inc();
    }

    pub(super) fn count_refused(&self, stranger: bool) {
        self.refused_connections.inc();
        if stranger {
            self.refused_strangers.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_in_small_words() {
        let mut registry = Registry::default();
        let metrics = NetMetrics::register(&mut registry);
        metrics.count_message(Topic::Consensus, Direction::In, 7);
        metrics.count_dropped(Dropped::SlowPeer, 2);
        metrics.count_refused(true);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "net_gossip_messages_total{topic=\"consensus\",direction=\"in\"} 1",
            "net_gossip_bytes_total{topic=\"consensus\",direction=\"in\"} 7",
            "net_gossip_dropped_total{reason=\"slow_peer\"} 2",
            "net_strangers_refused_total 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
