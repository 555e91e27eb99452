//! How many connections there may be: all together, with one peer, and being made. Nothing is kept
//! of who has gone: anybody can come under one new name after the other for as long as a node runs.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};

use crate::limits::{CONNECTIONS_PER_PEER_MAX, PENDING_CONNECTIONS_MAX};

/// A connection too many.
#[derive(Debug, thiserror::Error)]
enum Full {
    #[error("all {0} places for connections are taken")]
    All(usize),
    #[error("it has {CONNECTIONS_PER_PEER_MAX} connections already")]
    OfPeer,
    #[error("{PENDING_CONNECTIONS_MAX} connections are being made already")]
    Pending,
}

/// Refuses the connections that are too many. Those that come in and have not yet shown who they
/// are have their places at [`crate::doors`].
pub(crate) struct Places {
    max: usize,
    making: BTreeSet<ConnectionId>,
    by_peer: BTreeMap<PeerId, usize>,
    /// Of these, who has proven the key of a validator: it has a place whatever others hold.
    proven: BTreeSet<PeerId>,
}

impl Places {
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            max,
            making: BTreeSet::new(),
            by_peer: BTreeMap::new(),
            proven: BTreeSet::new(),
        }
    }

    /// A connected peer has proven the key of a validator.
    pub(crate) fn trust(&mut self, peer: PeerId) {
        if self.by_peer.contains_key(&peer) {
            self.proven.insert(peer);
        }
    }

    /// The connections of all who have proven nothing.
    pub(crate) fn taken(&self) -> usize {
        self.by_peer
            .iter()
            .filter(|(peer, _)| !self.proven.contains(peer))
            .map(|(_, count)| count)
            .sum()
    }

    fn check(&self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        if self.by_peer.get(peer).copied().unwrap_or(0) >= CONNECTIONS_PER_PEER_MAX {
            return Err(ConnectionDenied::new(Full::OfPeer));
        }
        if !self.proven.contains(peer) && self.taken() >= self.max {
            return Err(ConnectionDenied::new(Full::All(self.max)));
        }
        Ok(())
    }
}

impl NetworkBehaviour for Places {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(&peer).map(|()| dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.making.len() >= PENDING_CONNECTIONS_MAX {
            return Err(ConnectionDenied::new(Full::Pending));
        }
        self.making.insert(connection);
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.making.remove(&connection);
        self.check(&peer).map(|()| dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(new) => {
                *self.by_peer.entry(new.peer_id).or_default() += 1;
            }
            FromSwarm::ConnectionClosed(gone) if gone.remaining_established == 0 => {
                self.by_peer.remove(&gone.peer_id);
                self.proven.remove(&gone.peer_id);
            }
            FromSwarm::ConnectionClosed(gone) => {
                self.by_peer
                    .insert(gone.peer_id, gone.remaining_established);
            }
            FromSwarm::DialFailure(failed) => {
                self.making.remove(&failed.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use libp2p::core::ConnectedPoint;
    use libp2p::swarm::{ConnectionClosed, behaviour::ConnectionEstablished};

    use super::*;

    fn endpoint() -> ConnectedPoint {
        let address = Multiaddr::from(Ipv4Addr::LOCALHOST);
        ConnectedPoint::Listener {
            local_addr: address.clone(),
            send_back_addr: address,
        }
    }

    /// Comes in, if it may; gives the connection.
    fn come(places: &mut Places, peer: PeerId, number: usize) -> Option<ConnectionId> {
        let connection = ConnectionId::new_unchecked(number);
        let address = Multiaddr::from(Ipv4Addr::LOCALHOST);
        places
            .handle_established_inbound_connection(connection, peer, &address, &address)
            .ok()?;
        places.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id: peer,
            connection_id: connection,
            endpoint: &endpoint(),
            failed_addresses: &[],
            other_established: 0,
        }));
        Some(connection)
    }

    fn go(places: &mut Places, peer: PeerId, connection: ConnectionId, left: usize) {
        places.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id: peer,
            connection_id: connection,
            endpoint: &endpoint(),
            cause: None,
            remaining_established: left,
        }));
    }

    #[test]
    fn nothing_is_kept_of_the_names_under_which_a_stranger_comes_and_goes() {
        let mut places = Places::new(2);
        for number in 0..1000 {
            let peer = PeerId::random();
            let connection = come(&mut places, peer, number).unwrap();
            places.trust(peer);
            go(&mut places, peer, connection, 0);
        }
        assert_eq!((places.by_peer.len(), places.proven.len()), (0, 0));
    }

    #[test]
    fn who_has_proven_a_key_has_a_place_of_its_own_and_nobody_many() {
        let mut places = Places::new(2);
        let [validator, one, other] = [(); 3].map(|()| PeerId::random());
        come(&mut places, validator, 0).unwrap();
        places.trust(validator);
        assert_eq!(places.taken(), 0);
        come(&mut places, one, 1).unwrap();
        let last = come(&mut places, other, 2).unwrap();
        assert!(come(&mut places, PeerId::random(), 3).is_none());
        assert!(come(&mut places, validator, 4).is_some(), "it has a place");
        assert!(come(&mut places, validator, 5).is_some());
        assert!(come(&mut places, validator, 6).is_none(), "three at most");
        go(&mut places, other, last, 0);
        assert!(come(&mut places, PeerId::random(), 7).is_some());
    }
}
