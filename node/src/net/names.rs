//! Keys as libp2p's peer ids, and the names of topics and protocols.

use libp2p::gossipsub::IdentTopic;
use libp2p::identity::{self, Keypair};
use libp2p::{PeerId, StreamProtocol};
use tracehold_chain::digest::Digest;
use tracehold_chain::keys::{PublicKey, SecretKey};
use tracehold_chain::units::ChainId;

use super::{NetError, Topic};

/// Version of what travels on the wire. Nodes of different versions do not understand each other,
/// and see that at once.
const WIRE_VERSION: u32 = 1;

/// Multihash code of "the bytes themselves".
const IDENTITY_MULTIHASH: u64 = 0;

/// The peer id of a node's key; `None` when the bytes are no Ed25519 key.
#[must_use]
pub fn peer_id(key: &PublicKey) -> Option<PeerId> {
    let key = identity::ed25519::PublicKey::try_from_bytes(&key.0).ok()?;
    Some(PeerId::from_public_key(&identity::PublicKey::from(key)))
}

/// The key of a peer id: Ed25519 peer ids contain it. `None` for other kinds of keys.
#[must_use]
pub fn public_key(peer: &PeerId) -> Option<PublicKey> {
    let multihash = peer.as_ref();
    if multihash.code() != IDENTITY_MULTIHASH {
        return None;
    }
    let key = identity::PublicKey::try_decode_protobuf(multihash.digest()).ok()?;
    Some(PublicKey(key.try_into_ed25519().ok()?.to_bytes()))
}

/// The node's key as libp2p wants it.
///
/// # Errors
/// [`NetError::Setup`] when libp2p refuses the seed (it takes every 32 bytes).
pub fn keypair(key: &SecretKey) -> Result<Keypair, NetError> {
    Keypair::ed25519_from_bytes(key.seed())
        .map_err(|error| NetError::Setup(format!("the node's key: {error}")))
}

/// The names of one network.
#[derive(Clone, Debug)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// The names of the network called `chain_id` that began with `genesis_id`.
    #[must_use]
    pub fn new(chain_id: &ChainId, genesis_id: &Digest) -> Names {
        Names { prefix: format!("/tracehold/{WIRE_VERSION}/{chain_id}/{genesis_id}") }
    }

    /// The gossip topic.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> IdentTopic {
        IdentTopic::new(format!("{}/{}", self.prefix, topic.as_str()))
    }

    /// The protocol of a topic's gossip.
    #[must_use]
    pub fn gossip_protocol(&self, topic: Topic) -> String {
        format!("{}/gossip/{}", self.prefix, topic.as_str())
    }

    /// The protocol of requests.
    ///
    /// # Panics
    /// Never: the name begins with a slash.
    #[must_use]
    pub fn request_protocol(&self) -> StreamProtocol {
        StreamProtocol::try_from_owned(format!("{}/request", self.prefix))
            .expect("the name begins with a slash")
    }

    /// The protocol of files, asked for by digest.
    ///
    /// # Panics
    /// Never: the name begins with a slash.
    #[must_use]
    pub fn file_protocol(&self) -> StreamProtocol {
        StreamProtocol::try_from_owned(format!("{}/file", self.prefix))
            .expect("the name begins with a slash")
    }
}

#[cfg(test)]
mod tests {
    use tracehold_chain::keys::Signer as _;

    use super::*;

    #[test]
    fn a_node_is_its_key_on_the_network_too() {
        let secret = SecretKey::from_seed(&[3; 32]);
        let peer = peer_id(&secret.public_key()).unwrap();
        assert_eq!(public_key(&peer), Some(secret.public_key()));
        assert_eq!(keypair(&secret).unwrap().public().to_peer_id(), peer);
        // A peer id that is a hash of something contains no key.
        assert_eq!(public_key(&PeerId::from_multihash(sha256_multihash()).unwrap()), None);
        // Bytes that are no point of the curve are no key.
        assert!((0..=255).any(|byte| peer_id(&PublicKey([byte; 32])).is_none()));
    }

    fn sha256_multihash() -> libp2p::multihash::Multihash<64> {
        libp2p::multihash::Multihash::wrap(0x12, &[9; 32]).unwrap()
    }

    #[test]
    fn networks_of_one_name_but_another_genesis_have_other_names() {
        let chain = ChainId::new("demo").unwrap();
        let one = Names::new(&chain, &Digest([1; 32]));
        let two = Names::new(&chain, &Digest([2; 32]));
        assert_ne!(one.request_protocol(), two.request_protocol());
        let (one_gossip, two_gossip) =
            (one.gossip_protocol(Topic::Status), two.gossip_protocol(Topic::Status));
        assert_ne!(one_gossip, two_gossip);
        assert_ne!(one.topic(Topic::Consensus).hash(), two.topic(Topic::Consensus).hash());
    }
}
