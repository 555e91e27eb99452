//! Connections: who is there, and the guard against dead ones.

use std::time::{Duration, Instant};

use libp2p::core::{ConnectedPoint, PeerRecord};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, identify};

use super::discovery::Backoff;
use super::{Peer, Service};
use crate::behaviour::{Node, PROVEN_SCORE};
use crate::doors::{Prefix, Stranger, gives_way, remote_prefix};
use crate::event::PeerEvent;
use crate::limits::{
    BLOCKED_MAX, CONNECTIONS_MAX, GHOST_AGE, IDENTIFY_GRACE, SUBSCRIBE_GRACE, VALIDATOR_BACKOFF_MAX,
};
use crate::topic::Topic;

impl Service {
    pub(super) fn on_connected(
        &mut self,
        peer: PeerId,
        endpoint: &ConnectedPoint,
        established: u32,
    ) {
        let prefix = remote_prefix(endpoint);
        self.make_room(prefix);
        let known = self.peers.entry(peer).or_insert_with(|| Peer {
            since: Instant::now(),
            node: false,
            proven: false,
            prefix,
            connections: 0,
            leaving: false,
            record: None,
        });
        known.connections = usize::try_from(established).unwrap_or(usize::MAX);
        known.leaving = false;
        // Gossipsub says what it listens to on a peer's first connection only. If that one is dead
        // and the peer has restarted, it would never hear us: drop it, and it comes back with a
        // first connection.
        if established > 1 && known.since.elapsed() > GHOST_AGE {
            self.refused.note(
                "it is back beside an old connection; both are closed",
                &peer,
            );
            self.disconnect(peer);
        } else if self.trackers.contains_key(&peer) {
            self.on_tracker_connected(peer);
        }
        self.backoff.remove(&peer);
    }

    pub(super) fn on_closed(&mut self, peer: PeerId, left: u32, cause: Option<String>) {
        if let Some(cause) = &cause {
            tracing::debug!(%peer, cause, "connection closed");
        }
        if left > 0 {
            if let Some(peer) = self.peers.get_mut(&peer) {
                peer.connections = usize::try_from(left).unwrap_or(usize::MAX);
            }
            return;
        }
        if let Some(gone) = self.peers.remove(&peer).filter(|peer| peer.node) {
            if gone.proven {
                // Nothing may be decided until it is back, so it is looked for often, however long
                // it has been away.
                self.backoff
                    .insert(peer, Backoff::up_to(VALIDATOR_BACKOFF_MAX));
            }
            self.tell(PeerEvent::Disconnected(peer));
        }
        self.on_tracker_lost(peer);
    }

    /// Has one go, if one more comes from `prefix` and few places are left: one that has proven
    /// nothing and is not of those that this node looks for.
    fn make_room(&mut self, prefix: Option<Prefix>) {
        let is_stranger = |(id, peer): &(&PeerId, &Peer)| {
            let looked_for = self.trackers.contains_key(id) || self.fixed.contains_key(id);
            !peer.proven && !peer.leaving && !looked_for
        };
        let mut strangers: Vec<_> = self.peers.iter().filter(is_stranger).collect();
        strangers.sort_unstable_by_key(|(_, peer)| peer.since);
        let strangers: Vec<_> = strangers
            .into_iter()
            .map(|(id, peer)| Stranger {
                id: *id,
                prefix: peer.prefix,
                connections: peer.connections,
                member: false,
            })
            .collect();
        let taken = self.swarm.behaviour().places.taken();
        if let Some((oldest, why)) = gives_way(&strangers, prefix, taken, CONNECTIONS_MAX) {
            self.refused.note(why, &oldest);
            self.disconnect(oldest);
        }
    }

    /// A peer has proven the key of a validator: it has credit with gossip, and a place whatever
    /// strangers hold.
    pub(super) fn trust(&mut self, id: PeerId) {
        let behaviour = self.swarm.behaviour_mut();
        behaviour.consensus.set_application_score(&id, PROVEN_SCORE);
        behaviour
            .transactions
            .set_application_score(&id, PROVEN_SCORE);
        behaviour.places.trust(id);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.proven = true;
        }
        self.book.proven(&id);
    }

    pub(super) fn on_identified(&mut self, id: PeerId, info: identify::Info) {
        let ours = self.is_ours(&info.protocol_version);
        if !ours && !self.trackers.contains_key(&id) {
            tracing::debug!(peer = %id, protocol = %info.protocol_version, "not a node of this chain");
            self.refused.note("it is no node of this chain", &id);
            return self.disconnect(id);
        }
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let new = ours && !peer.node;
        peer.node = ours;
        if !ours {
            return;
        }
        let signed = info.signed_peer_record.and_then(|signed| {
            PeerRecord::from_signed_envelope(signed.clone())
                .ok()
                .map(|record| (signed, record))
        });
        if let Some((signed, record)) = signed.filter(|(_, record)| record.peer_id() == id) {
            peer.record = Some(signed);
            self.book.learn(id, record.addresses().iter().cloned());
        } else {
            self.book.learn(id, info.listen_addrs);
        }
        if new {
            let prefix = peer.prefix;
            self.book.reached(&id);
            self.tell(PeerEvent::Connected(id, prefix));
        }
    }

    /// Peers that should listen to our topics and do not: the connection is one-sided. And those
    /// that do not say what they are: nothing could be held against them.
    pub(super) fn sweep_ghosts(&mut self) {
        let wanted = Topic::ALL.len();
        let deaf = |service: &Self, id: &PeerId| {
            let Node {
                consensus,
                transactions,
                ..
            } = service.swarm.behaviour();
            let heard = consensus
                .all_peers()
                .chain(transactions.all_peers())
                .filter(|(peer, _)| *peer == id);
            heard.map(|(_, topics)| topics.len()).sum::<usize>() < wanted
        };
        let old = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.node && peer.since.elapsed() > SUBSCRIBE_GRACE);
        let ghosts: Vec<_> = old.map(|(id, _)| *id).filter(|id| deaf(self, id)).collect();
        for peer in ghosts {
            self.refused
                .note("it is connected but does not hear us", &peer);
            self.disconnect(peer);
        }
        let mute = self.peers.iter().filter(|(id, peer)| {
            !peer.node && !self.trackers.contains_key(id) && peer.since.elapsed() > IDENTIFY_GRACE
        });
        for peer in mute.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.refused.note("it does not say what it is", &peer);
            self.disconnect(peer);
        }
    }

    pub(super) fn disconnect(&mut self, peer: PeerId) {
        // An error says that it is gone already.
        let _ = self.swarm.disconnect_peer_id(peer);
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.leaving = true;
        }
    }

    pub(super) fn block(&mut self, peer: PeerId, time: Duration) {
        let first_over = self.blocked.iter().min_by_key(|(_, until)| **until);
        if self.blocked.len() >= BLOCKED_MAX
            && let Some((&first, _)) = first_over
        {
            self.let_in(first);
        }
        self.blocked.insert(peer, Instant::now() + time);
        self.swarm.behaviour_mut().blocked.block_peer(peer);
        self.disconnect(peer);
    }

    pub(super) fn unblock(&mut self) {
        let now = Instant::now();
        let over: Vec<_> = self
            .blocked
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(peer, _)| *peer)
            .collect();
        over.into_iter().for_each(|peer| self.let_in(peer));
    }

    fn let_in(&mut self, peer: PeerId) {
        self.blocked.remove(&peer);
        self.swarm.behaviour_mut().blocked.unblock_peer(peer);
    }

    pub(super) fn dial(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        // A new port for each: two nodes that dial each other at once, each from the port that it
        // listens on, would end up with one connection of which both think that they have opened
        // it, and neither could greet the other.
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            .allocate_new_port()
            .build();
        if let Err(error) = self.swarm.dial(options) {
            tracing::trace!(%peer, %error, "not dialled");
        }
    }

    /// Learns where a peer is reached, from whoever says so with the peer's signature.
    pub(super) fn learn(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        if peer != *self.swarm.local_peer_id() {
            self.book.learn(peer, addresses);
        }
    }
}
