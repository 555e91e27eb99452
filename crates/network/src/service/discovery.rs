//! Finding peers: through trackers, through peers, and from the book.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId, rendezvous};
use tokio::sync::oneshot;

use super::{Service, Tracker};
use crate::event::PeerEvent;
use crate::limits::{BACKOFF_MAX, DISCOVER_LATER, DISCOVER_SOON, PEERS_WANTED, REGISTRATION_TTL};

/// Waits twice as long after each try, up to a limit.
pub(super) struct Backoff {
    next: Instant,
    wait: Duration,
    wait_max: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self::up_to(BACKOFF_MAX)
    }

    pub(super) fn up_to(wait_max: Duration) -> Self {
        Self { next: Instant::now(), wait: Duration::from_secs(1), wait_max }
    }

    /// Whether to try now; if so, the next try is later. `spread` (0 to 255) keeps many nodes from trying at once.
    fn due(&mut self, spread: u8) -> bool {
        let now = Instant::now();
        if now < self.next {
            return false;
        }
        self.next = now + self.wait + self.wait.mul_f32(f32::from(spread) / 1024.0);
        self.wait = (self.wait * 2).min(self.wait_max);
        true
    }
}

impl Tracker {
    pub(super) fn new(address: Multiaddr) -> Self {
        let now = Instant::now();
        Self { address, registered: false, refusal_said: false, renew_at: now, discover_at: now, dial: Backoff::new() }
    }
}

impl Service {
    fn namespace(&self) -> Option<rendezvous::Namespace> {
        rendezvous::Namespace::new(self.chain.clone()).ok()
    }

    fn node_count(&self) -> usize {
        self.peers.values().filter(|peer| peer.node).count()
    }

    /// Keeps each tracker connected, our registration fresh, and our view of its list too.
    pub(super) fn attend_trackers(&mut self) {
        let Some(namespace) = self.namespace() else { return };
        let (enough, spread, now) = (self.node_count() >= PEERS_WANTED, self.salt[0], Instant::now());
        for id in self.trackers.keys().copied().collect::<Vec<_>>() {
            let Some(tracker) = self.trackers.get_mut(&id) else { continue };
            if !self.peers.contains_key(&id) {
                if tracker.dial.due(spread) {
                    let address = tracker.address.clone();
                    self.dial(id, vec![address]);
                }
                continue;
            }
            let rendezvous = &mut self.swarm.behaviour_mut().rendezvous;
            if now >= tracker.renew_at {
                tracker.renew_at = now + if tracker.registered { REGISTRATION_TTL / 3 } else { DISCOVER_SOON };
                if let Err(error) = rendezvous.register(namespace.clone(), id, Some(REGISTRATION_TTL.as_secs())) {
                    tracing::debug!(tracker = %id, %error, "not registered");
                }
            }
            if now >= tracker.discover_at {
                tracker.discover_at = now + if enough { DISCOVER_LATER } else { DISCOVER_SOON };
                rendezvous.discover(Some(namespace.clone()), None, None, id);
            }
        }
    }

    pub(super) fn on_tracker_connected(&mut self, id: PeerId) {
        let now = Instant::now();
        if let Some(tracker) = self.trackers.get_mut(&id) {
            (tracker.renew_at, tracker.discover_at, tracker.dial) = (now, now, Backoff::new());
        }
        self.attend_trackers();
    }

    pub(super) fn on_tracker_lost(&mut self, id: PeerId) {
        let Some(tracker) = self.trackers.get_mut(&id) else { return };
        if std::mem::take(&mut tracker.registered) {
            tracing::warn!(tracker = %id, "tracker lost; trying again");
        }
        tracker.dial = Backoff::new();
        self.tell(PeerEvent::TrackerLost { tracker: id });
    }

    pub(super) fn on_rendezvous_event(&mut self, event: rendezvous::client::Event) {
        use rendezvous::client::Event;
        match event {
            Event::Registered { rendezvous_node: id, .. } => {
                let Some(tracker) = self.trackers.get_mut(&id) else { return };
                tracker.renew_at = Instant::now() + REGISTRATION_TTL / 3;
                tracker.refusal_said = false;
                if !std::mem::replace(&mut tracker.registered, true) {
                    tracing::info!(tracker = %id, "registered with the tracker");
                    self.tell(PeerEvent::Registered { tracker: id });
                }
            }
            Event::RegisterFailed { rendezvous_node: id, error, .. } => {
                let Some(tracker) = self.trackers.get_mut(&id) else { return };
                if std::mem::take(&mut tracker.registered) || !tracker.refusal_said {
                    tracker.refusal_said = true;
                    tracing::warn!(tracker = %id, ?error, "the tracker does not register this node; trying again");
                }
                self.tell(PeerEvent::TrackerLost { tracker: id });
            }
            Event::Discovered { registrations, .. } => {
                for registration in registrations {
                    self.learn(registration.record.peer_id(), registration.record.addresses().to_vec());
                }
                self.seek_peers();
            }
            // Refreshed registrations expire in name only, so nothing follows from `Expired`.
            Event::DiscoverFailed { .. } | Event::Expired { .. } => {}
        }
    }

    /// Connects to fixed peers always, and to others while more are wanted.
    pub(super) fn seek_peers(&mut self) {
        let local = *self.swarm.local_peer_id();
        let spread = self.salt[0];
        let wanted = PEERS_WANTED.saturating_sub(self.node_count());
        let away = |peer: &PeerId| *peer != local && !self.peers.contains_key(peer) && !self.blocked.contains_key(peer);
        let fixed =
            self.fixed.iter().filter(|(peer, _)| away(peer)).map(|(peer, address)| (*peer, vec![address.clone()]));
        let known = self.book.iter().filter(|(peer, _)| away(peer) && !self.fixed.contains_key(peer));
        let known = known.map(|(peer, addresses)| (*peer, addresses.clone()));
        let candidates: Vec<_> = fixed.chain(known).collect();
        let mut dialled = 0;
        for (peer, addresses) in candidates {
            if dialled >= wanted && !self.fixed.contains_key(&peer) {
                break;
            }
            if self.backoff.entry(peer).or_insert_with(Backoff::new).due(spread) {
                self.dial(peer, addresses);
                dialled += 1;
            }
        }
        self.backoff.retain(|peer, _| self.fixed.contains_key(peer) || !self.book.addresses(peer).is_empty());
    }

    /// Says goodbye to the trackers, gives the words a moment to go out, and ends.
    pub(super) async fn leave(mut self, done: oneshot::Sender<()>) {
        use futures::StreamExt;
        self.save_book();
        if let Some(namespace) = self.namespace() {
            for id in self.trackers.keys().copied().collect::<Vec<_>>() {
                self.swarm.behaviour_mut().rendezvous.unregister(namespace.clone(), id);
            }
        }
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        let flushed = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(300), flushed).await;
        peers.into_iter().for_each(|peer| self.disconnect(peer));
        let closed = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(500), closed).await;
        let _ = done.send(());
    }
}
