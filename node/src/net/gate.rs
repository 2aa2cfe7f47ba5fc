//! Who may connect: the first behaviour of the stack.
//!
//! libp2p asks the behaviours in order before it builds any protocol's handler for a new
//! connection, and drops the connection at the first refusal. This one refuses whoever is not a
//! member, so no protocol ever reads a byte of a stranger. It also bounds the connections that have
//! not yet proven who they are, in all and for each IP address.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use tracehold_chain::keys::PublicKey;

use super::{limits, names};

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The other end proved a key that is no member's.
    #[error("the peer is not a member's node")]
    Stranger,
    /// The other end has this node's own key.
    #[error("the peer has this node's own key")]
    Myself,
    /// Too many connections have not proven who they are.
    #[error("too many connections have not proven who they are")]
    Crowded,
}

/// The allow-list, and the bounds on connections that have not proven who they are.
pub struct Gate {
    own: PublicKey,
    members: BTreeSet<PublicKey>,
    pending: HashMap<ConnectionId, Option<IpAddr>>,
    pending_by_address: HashMap<Option<IpAddr>, usize>,
    to_close: VecDeque<PeerId>,
    waker: Option<Waker>,
}

impl Gate {
    /// Lets in `members`, but not `own` itself.
    #[must_use]
    pub fn new(own: PublicKey, members: BTreeSet<PublicKey>) -> Gate {
        Gate {
            own,
            members,
            pending: HashMap::new(),
            pending_by_address: HashMap::new(),
            to_close: VecDeque::new(),
            waker: None,
        }
    }

    /// Whether the node with this key is a member's.
    #[must_use]
    pub fn is_member(&self, key: &PublicKey) -> bool {
        self.members.contains(key)
    }

    /// The members' nodes.
    #[must_use]
    pub fn members(&self) -> &BTreeSet<PublicKey> {
        &self.members
    }

    /// From now on only these; the connections of others are closed.
    pub fn set_members(&mut self, members: BTreeSet<PublicKey>) {
        let removed = self.members.difference(&members);
        self.to_close.extend(removed.filter_map(names::peer_id));
        self.members = members;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn check(&self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        let refused = match names::public_key(peer) {
            Some(key) if key == self.own => Refused::Myself,
            Some(key) if self.members.contains(&key) => return Ok(()),
            _ => Refused::Stranger,
        };
        Err(ConnectionDenied::new(refused))
    }

    fn no_longer_pending(&mut self, connection: ConnectionId) {
        let Some(address) = self.pending.remove(&connection) else { return };
        if let Some(count) = self.pending_by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.pending_by_address.remove(&address);
            }
        }
    }
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    })
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let address = ip_of(remote);
        let from_address = self.pending_by_address.get(&address).copied().unwrap_or(0);
        if self.pending.len() >= limits::MAX_PENDING_INBOUND
            || from_address >= limits::MAX_PENDING_INBOUND_PER_ADDRESS
        {
            return Err(ConnectionDenied::new(Refused::Crowded));
        }
        self.pending.insert(connection, address);
        self.pending_by_address.insert(address, from_address + 1);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _local: &Multiaddr,
        _remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.no_longer_pending(connection);
        self.check(&peer)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _connection: ConnectionId,
        peer: Option<PeerId>,
        _addresses: &[Multiaddr],
        _role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if let Some(peer) = peer {
            self.check(&peer)?;
        }
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _connection: ConnectionId,
        peer: PeerId,
        _address: &Multiaddr,
        _role: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(&peer)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ListenFailure(failure) = event {
            self.no_longer_pending(failure.connection_id);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _peer: PeerId,
        _connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(peer_id) = self.to_close.pop_front() {
            return Poll::Ready(ToSwarm::CloseConnection {
                peer_id,
                connection: CloseConnection::All,
            });
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use tracehold_chain::keys::{SecretKey, Signer as _};

    use super::*;

    fn key(number: u8) -> PublicKey {
        SecretKey::from_seed(&[number; 32]).public_key()
    }

    fn refusal(result: Result<THandler<Gate>, ConnectionDenied>) -> Option<Refused> {
        result.err().map(|denied| denied.downcast::<Refused>().unwrap())
    }

    #[test]
    fn only_members_nodes_pass_the_gate() {
        let mut gate = Gate::new(key(1), BTreeSet::from([key(1), key(2)]));
        let here: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let mut inbound = |number| {
            let connection = ConnectionId::new_unchecked(usize::from(number));
            let peer = names::peer_id(&key(number)).unwrap();
            refusal(gate.handle_established_inbound_connection(connection, peer, &here, &here))
        };
        assert_eq!(inbound(2), None);
        assert_eq!(inbound(3), Some(Refused::Stranger));
        assert_eq!(inbound(1), Some(Refused::Myself));
    }

    #[test]
    fn one_address_cannot_take_every_place_at_the_gate() {
        let mut gate = Gate::new(key(1), BTreeSet::new());
        let here: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let stranger: Multiaddr = "/ip4/192.0.2.7/tcp/9".parse().unwrap();
        let other: Multiaddr = "/ip4/192.0.2.8/tcp/9".parse().unwrap();
        let mut taken = 0;
        for number in 0..100 {
            let connection = ConnectionId::new_unchecked(number);
            let place = gate.handle_pending_inbound_connection(connection, &here, &stranger);
            taken += usize::from(place.is_ok());
        }
        assert_eq!(taken, limits::MAX_PENDING_INBOUND_PER_ADDRESS);
        let connection = ConnectionId::new_unchecked(1_000);
        assert!(gate.handle_pending_inbound_connection(connection, &here, &other).is_ok());
        // A place is free again when its connection is decided.
        gate.no_longer_pending(ConnectionId::new_unchecked(0));
        let connection = ConnectionId::new_unchecked(1_001);
        assert!(gate.handle_pending_inbound_connection(connection, &here, &stranger).is_ok());
    }
}
