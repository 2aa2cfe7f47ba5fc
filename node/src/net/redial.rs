//! When to call whom: every configured peer that is not connected, again and again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use tracehold_chain::keys::PublicKey;

use super::limits;

/// The configured peers, and when each is called next.
#[derive(Debug)]
pub struct Redial {
    peers: BTreeMap<PublicKey, Peer>,
}

#[derive(Debug)]
struct Peer {
    addresses: Vec<Multiaddr>,
    state: State,
    /// The wait after the next failure.
    backoff: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be called at this time.
    Waiting(Instant),
    /// The call is under way.
    Calling,
    /// There is a connection, whoever called.
    Connected,
}

impl Redial {
    /// Peers to call, the first of them at once. Of two nodes the one with the smaller key calls
    /// first.
    #[must_use]
    pub fn new(own: PublicKey, peers: Vec<(PublicKey, Multiaddr)>, now: Instant) -> Redial {
        let mut all = BTreeMap::new();
        for (key, address) in peers {
            if key == own {
                continue;
            }
            let first = if own < key { now } else { now + limits::REDIAL_COURTESY };
            let peer = all.entry(key).or_insert_with(|| Peer {
                addresses: Vec::new(),
                state: State::Waiting(first),
                backoff: limits::REDIAL_FIRST,
            });
            if !peer.addresses.contains(&address) {
                peer.addresses.push(address);
            }
        }
        Redial { peers: all }
    }

    /// When somebody is to be called next.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let times = self.peers.values().filter_map(|peer| match peer.state {
            State::Waiting(time) => Some(time),
            State::Calling | State::Connected => None,
        });
        times.min()
    }

    /// Whom to call now, and where. Each is then being called until [`Redial::connected`] or
    /// [`Redial::failed`].
    pub fn due(&mut self, now: Instant) -> Vec<(PublicKey, Vec<Multiaddr>)> {
        let mut due = Vec::new();
        for (key, peer) in &mut self.peers {
            if matches!(peer.state, State::Waiting(time) if time <= now) {
                peer.state = State::Calling;
                due.push((*key, peer.addresses.clone()));
            }
        }
        due
    }

    /// There is a connection with the peer.
    pub fn connected(&mut self, key: &PublicKey) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.state = State::Connected;
        }
    }

    /// The last connection with the peer is gone. A connection that lasted takes the wait back to
    /// the shortest; one that was closed at once, as a peer does to whom we are no member, counts
    /// as a failed call.
    pub fn disconnected(&mut self, key: &PublicKey, lasted: Duration, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if lasted >= limits::REDIAL_LONGEST {
            peer.backoff = limits::REDIAL_FIRST;
        }
        peer.wait(now);
    }

    /// The call failed.
    pub fn failed(&mut self, key: &PublicKey, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.state == State::Calling {
            peer.wait(now);
        }
    }

    /// The peer has just become a member: call it soon.
    pub fn soon(&mut self, key: &PublicKey, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.backoff = limits::REDIAL_FIRST;
        if let State::Waiting(_) = peer.state {
            peer.state = State::Waiting(now);
        }
    }
}

impl Peer {
    fn wait(&mut self, now: Instant) {
        self.state = State::Waiting(now + self.backoff);
        self.backoff = (self.backoff * 2).min(limits::REDIAL_LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> PublicKey {
        PublicKey([number; 32])
    }

    fn peers() -> Vec<(PublicKey, Multiaddr)> {
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        vec![(key(1), address.clone()), (key(2), address.clone()), (key(3), address)]
    }

    #[test]
    fn a_lost_peer_is_called_for_ever_at_growing_intervals() {
        let mut now = Instant::now();
        let mut redial = Redial::new(key(2), peers(), now);
        // Never itself; the smaller key's call is waited for.
        assert_eq!(redial.due(now).iter().map(|(key, _)| *key).collect::<Vec<_>>(), [key(3)]);
        assert_eq!(redial.next(), Some(now + limits::REDIAL_COURTESY));
        redial.connected(&key(1));
        assert_eq!(redial.next(), None);
        let mut waits = Vec::new();
        for _ in 0..8 {
            redial.failed(&key(3), now);
            let next = redial.next().unwrap();
            waits.push(u64::try_from((next - now).as_millis()).unwrap());
            now = next;
            assert_eq!(redial.due(now).len(), 1);
        }
        assert_eq!(waits, [200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
        // Once there was a connection that lasted, a loss is answered quickly.
        redial.connected(&key(3));
        redial.disconnected(&key(3), Duration::from_secs(60), now);
        assert_eq!(redial.next(), Some(now + limits::REDIAL_FIRST));
    }

    #[test]
    fn a_failed_call_beside_a_connection_changes_nothing() {
        let now = Instant::now();
        let mut redial = Redial::new(key(2), peers(), now);
        redial.due(now);
        redial.connected(&key(3));
        redial.failed(&key(3), now);
        redial.connected(&key(1));
        assert_eq!(redial.next(), None);
    }
}
