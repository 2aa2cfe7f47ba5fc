//! How gossip travels, and how much of it one author may say.
//!
//! In a small network every node sends what it has to say straight to every other, and nobody
//! passes anything on: each message crosses each link once, which matters when transactions carry
//! event bodies. Should a link between two members be down, the others' announcements (message ids
//! at every heartbeat) let the one who missed a message ask for it. In a larger network messages
//! travel in gossipsub's mesh.
//!
//! Messages are signed and their signatures checked, so the author is known. Every message waits
//! for a verdict before it is passed on: an author who is no member, or who says more than its
//! share, is not.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

use libp2p::gossipsub::{
    self, ConfigBuilder, IdentityTransform, Message, MessageAuthenticity, MessageId,
    ValidationMode, Version, WhitelistSubscriptionFilter,
};
use libp2p::identity::Keypair;
use tracehold_chain::digest::{Digest, Domain, Hasher};
use tracehold_chain::keys::PublicKey;

use super::limits::{self, NetLimits};
use super::names::Names;
use super::rate::Bucket;
use super::{NetError, Topic};

/// Gossipsub that hears one topic.
pub type Behaviour = gossipsub::Behaviour<IdentityTransform, WhitelistSubscriptionFilter>;

/// Gossipsub for one topic of this network, subscribed to it. Every topic has a protocol, and so a
/// stream and a queue for each peer, of its own: votes never wait behind transactions.
///
/// # Errors
/// [`NetError::Setup`] when gossipsub refuses its settings.
pub fn behaviour(
    key: &Keypair,
    names: &Names,
    topic: Topic,
    members: usize,
    limits: &NetLimits,
) -> Result<Behaviour, NetError> {
    let refused = |what: &dyn std::fmt::Display| NetError::Setup(format!("gossip: {what}"));
    let mut behaviour = Behaviour::new_with_subscription_filter(
        MessageAuthenticity::Signed(key.clone()),
        config(names, topic, members, limits).map_err(|error| refused(&error))?,
        WhitelistSubscriptionFilter(HashSet::from([names.topic(topic).hash()])),
    )
    .map_err(|error| refused(&error))?;
    behaviour.subscribe(&names.topic(topic)).map_err(|error| refused(&error))?;
    Ok(behaviour)
}

fn config(
    names: &Names,
    topic: Topic,
    members: usize,
    limits: &NetLimits,
) -> Result<gossipsub::Config, gossipsub::ConfigBuilderError> {
    let small = members <= limits.small_network;
    let mut config = ConfigBuilder::default();
    config
        .protocol_id(names.gossip_protocol(topic), Version::V1_1)
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(move |message| message_id(topic, message))
        .max_transmit_size(limits::MAX_GOSSIP_FRAME_BYTES)
        .duplicate_cache_time(limits::DUPLICATE_CACHE_TIME)
        .heartbeat_interval(limits::GOSSIP_HEARTBEAT)
        .heartbeat_initial_delay(limits::GOSSIP_HEARTBEAT)
        .history_length(limits::GOSSIP_KEPT_HEARTBEATS)
        .history_gossip(limits::GOSSIP_ANNOUNCED_HEARTBEATS)
        .gossip_lazy(limits::LAZY_PEERS)
        .max_control_messages_sent(limits::MAX_ANNOUNCED_IDS)
        .max_control_message_size(limits::MAX_ANNOUNCEMENT_BYTES)
        .flood_publish(small)
        .connection_handler_queue_len(limits::GOSSIP_QUEUE_PER_PEER)
        .publish_queue_duration(limits::GOSSIP_SEND_TIMEOUT)
        .forward_queue_duration(limits::GOSSIP_SEND_TIMEOUT);
    if small {
        // No mesh: what an author floods is passed on to nobody.
        config.mesh_outbound_min(0).mesh_n_low(0).mesh_n(0).mesh_n_high(0);
    } else {
        config
            .mesh_outbound_min(limits::MESH_PEERS_LOW / 2)
            .mesh_n_low(limits::MESH_PEERS_LOW)
            .mesh_n(limits::MESH_PEERS)
            .mesh_n_high(limits::MESH_PEERS_HIGH);
    }
    config.build()
}

/// Transactions are known by their content, so that the same one from two nodes is heard once.
/// Other messages are known by their author and its count as well: a vote that is repeated for
/// those who missed it is a new message.
fn message_id(topic: Topic, message: &Message) -> MessageId {
    let digest = if topic == Topic::Transactions {
        Digest::of(Domain::GossipMessage, &message.data)
    } else {
        let author = message.source.map(|peer| peer.to_bytes()).unwrap_or_default();
        let count = message.sequence_number.unwrap_or_default();
        let length = u64::try_from(author.len()).expect("a peer id is short");
        Hasher::new(Domain::GossipMessage)
            .chain(&length.to_be_bytes())
            .chain(&author)
            .chain(&count.to_be_bytes())
            .chain(&message.data)
            .finish()
    };
    MessageId::new(digest.as_bytes())
}

/// The transactions that this node said lately, by a keyed hash: it does not say one again until
/// the others have forgotten it.
#[derive(Debug, Default)]
pub struct Said {
    hasher: RandomState,
    hashes: HashSet<u64>,
    order: VecDeque<(Instant, u64)>,
}

impl Said {
    /// The keyed hash of a message, for the two other functions.
    #[must_use]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash_one(bytes)
    }

    /// Whether the message was said within [`limits::DUPLICATE_CACHE_TIME`].
    pub fn lately(&mut self, hash: u64, now: Instant) -> bool {
        while let Some((at, hash)) = self.order.front().copied()
            && now.saturating_duration_since(at) > limits::DUPLICATE_CACHE_TIME
        {
            self.order.pop_front();
            self.hashes.remove(&hash);
        }
        self.hashes.contains(&hash)
    }

    /// The message was said.
    pub fn remember(&mut self, hash: u64, now: Instant) {
        if self.hashes.insert(hash) {
            self.order.push_back((now, hash));
        }
    }
}

/// How much each author may say on each topic.
#[derive(Debug)]
pub struct AuthorLimits {
    transaction_bytes_per_second: u32,
    authors: HashMap<(PublicKey, Topic), (Bucket, Bucket)>,
}

impl AuthorLimits {
    /// Nobody has said anything yet.
    #[must_use]
    pub fn new(limits: &NetLimits) -> AuthorLimits {
        AuthorLimits {
            transaction_bytes_per_second: limits.transaction_bytes_per_second,
            authors: HashMap::new(),
        }
    }

    /// Whether `author`, a member, may say `bytes` on `topic` now; if so they are counted.
    pub fn admit(&mut self, author: PublicKey, topic: Topic, bytes: usize, now: Instant) -> bool {
        let rate = match topic {
            Topic::Transactions => self.transaction_bytes_per_second,
            Topic::Consensus => limits::CONSENSUS_BYTES_PER_SECOND,
            Topic::Status => limits::STATUS_BYTES_PER_SECOND,
        };
        let (volume, count) = self.authors.entry((author, topic)).or_insert_with(|| {
            let messages = limits::MESSAGES_PER_SECOND;
            (Bucket::new(rate, rate, now), Bucket::new(messages, messages, now))
        });
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        volume.try_take(bytes, now) && count.try_take(1, now)
    }

    /// Forgets authors who are no longer members, so that the table stays as small as the network.
    pub fn retain(&mut self, members: &BTreeSet<PublicKey>) {
        self.authors.retain(|(author, _), _| members.contains(author));
    }
}

#[cfg(test)]
mod tests {
    use libp2p::PeerId;
    use tracehold_chain::units::ChainId;

    use super::*;

    fn message(topic: Topic, author: PeerId, count: u64, data: &[u8]) -> MessageId {
        let names = Names::new(&ChainId::new("demo").unwrap(), &Digest([1; 32]));
        let message = Message {
            source: Some(author),
            data: data.to_vec(),
            sequence_number: Some(count),
            topic: names.topic(topic).hash(),
        };
        message_id(topic, &message)
    }

    #[test]
    fn a_transaction_is_heard_once_and_a_repeated_vote_again() {
        let (ann, bob) = (PeerId::random(), PeerId::random());
        let one = message(Topic::Transactions, ann, 1, b"tx");
        assert_eq!(one, message(Topic::Transactions, bob, 9, b"tx"));
        assert_ne!(one, message(Topic::Transactions, ann, 1, b"other"));
        let vote = message(Topic::Consensus, ann, 1, b"vote");
        assert_ne!(vote, message(Topic::Consensus, ann, 2, b"vote"));
        assert_ne!(vote, message(Topic::Consensus, bob, 1, b"vote"));
        assert_eq!(vote, message(Topic::Consensus, ann, 1, b"vote"));
    }

    #[test]
    fn a_transaction_is_said_again_only_when_the_others_have_forgotten_it() {
        let (mut said, now) = (Said::default(), Instant::now());
        let tx = said.hash(b"tx");
        assert!(!said.lately(tx, now));
        said.remember(tx, now);
        assert!(said.lately(tx, now + limits::DUPLICATE_CACHE_TIME));
        assert!(!said.lately(said.hash(b"other"), now));
        let later = now + limits::DUPLICATE_CACHE_TIME + limits::GOSSIP_HEARTBEAT;
        assert!(!said.lately(tx, later));
        assert!(said.hashes.is_empty() && said.order.is_empty());
    }

    #[test]
    fn an_author_who_floods_transactions_can_still_vote_and_so_can_others() {
        let limits = NetLimits { transaction_bytes_per_second: 1_000, ..NetLimits::default() };
        let mut authors = AuthorLimits::new(&limits);
        let (ann, bob) = (PublicKey([1; 32]), PublicKey([2; 32]));
        let now = Instant::now();
        assert!(authors.admit(ann, Topic::Transactions, 1_000, now));
        assert!(!authors.admit(ann, Topic::Transactions, 1, now));
        assert!(authors.admit(ann, Topic::Consensus, 1_000, now));
        assert!(authors.admit(bob, Topic::Transactions, 1_000, now));
        authors.retain(&BTreeSet::from([bob]));
        assert_eq!(authors.authors.len(), 1);
    }
}
