//! Finding peers: through trackers, through peers, and from the book.

use std::time::{Duration, Instant};

use libp2p::core::{PeerRecord, SignedEnvelope};
use libp2p::request_response::{Event, Message};
use libp2p::swarm::DialError;
use libp2p::{Multiaddr, PeerId};
use serde_bytes::ByteBuf;
use tokio::sync::oneshot;

use super::{Service, Tracker};
use crate::codec::Parcel;
use crate::discover::identity_changed;
use crate::event::PeerEvent;
use crate::limits::{
    BACKOFF_MAX, DISCOVER_LATER, DISCOVER_SOON, PEERS_WANTED, RECORDS_MAX, REGISTRATION_TTL,
};
use crate::tracker::messages::{Answer, Question, Registration, decode, encode};

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
        Self {
            next: Instant::now(),
            wait: Duration::from_secs(1),
            wait_max,
        }
    }

    /// Whether to try now; if so, the next try is later. `spread` (0 to 255) keeps many nodes from
    /// trying at once.
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
        Self {
            address,
            registered: false,
            problem: None,
            renew_at: now,
            discover_at: now,
            dial: Backoff::new(),
        }
    }
}

impl Service {
    fn node_count(&self) -> usize {
        self.peers.values().filter(|peer| peer.node).count()
    }

    /// Keeps each tracker connected, our registration fresh, and our view of its list too.
    pub(super) fn attend_trackers(&mut self) {
        let enough = self.node_count() >= PEERS_WANTED;
        let (spread, now) = (self.salt[0], Instant::now());
        for id in self.trackers.keys().copied().collect::<Vec<_>>() {
            let Some(tracker) = self.trackers.get_mut(&id) else {
                continue;
            };
            if !self.peers.contains_key(&id) {
                if tracker.dial.due(spread) {
                    let address = tracker.address.clone();
                    self.dial(id, vec![address]);
                }
                continue;
            }
            let renew = now >= tracker.renew_at;
            if renew {
                tracker.renew_at = now
                    + if tracker.registered {
                        REGISTRATION_TTL / 3
                    } else {
                        DISCOVER_SOON
                    };
            }
            let discover = now >= tracker.discover_at;
            if discover {
                tracker.discover_at = now
                    + if enough {
                        DISCOVER_LATER
                    } else {
                        DISCOVER_SOON
                    };
            }
            if renew && let Some(registration) = self.registration() {
                self.ask_tracker(id, &Question::Register(registration));
            }
            if discover {
                self.ask_tracker(id, &Question::Nodes(self.chain.clone()));
            }
        }
    }

    /// What this node says of itself; none as long as it is reached nowhere.
    fn registration(&self) -> Option<Registration> {
        let addresses: Vec<_> = self.swarm.external_addresses().cloned().collect();
        if addresses.is_empty() {
            return None;
        }
        let record = PeerRecord::new(&self.keypair, addresses)
            .ok()?
            .into_signed_envelope()
            .into_protobuf_encoding();
        Some(Registration {
            chain: self.chain.clone(),
            seconds: REGISTRATION_TTL.as_secs(),
            record: ByteBuf::from(record),
            proof: ByteBuf::from(self.proof.clone()),
        })
    }

    fn ask_tracker(&mut self, tracker: PeerId, question: &Question) {
        self.swarm
            .behaviour_mut()
            .tracker
            .send_request(&tracker, Parcel::own(encode(question)));
    }

    /// This node can prove something else to trackers than before.
    pub(super) fn prove(&mut self, proof: Vec<u8>) {
        if self.proof != proof {
            self.proof = proof;
            let now = Instant::now();
            self.trackers
                .values_mut()
                .for_each(|tracker| tracker.renew_at = now);
            self.attend_trackers();
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
        let Some(tracker) = self.trackers.get_mut(&id) else {
            return;
        };
        tracker.dial = Backoff::new();
        self.not_registered(id, "the connection is gone".into());
    }

    /// A tracker could not be reached.
    pub(super) fn on_tracker_unreachable(&mut self, id: PeerId, error: &DialError) {
        let Some(tracker) = self.trackers.get(&id) else {
            return;
        };
        let problem = match error {
            DialError::WrongPeerId { obtained, .. } => identity_changed(&tracker.address, obtained),
            _ => format!("{} does not answer", tracker.address),
        };
        self.not_registered(id, problem);
    }

    /// A tracker does not have this node on its list: says why, once.
    fn not_registered(&mut self, id: PeerId, problem: String) {
        let Some(tracker) = self.trackers.get_mut(&id) else {
            return;
        };
        tracker.registered = false;
        tracker.renew_at = tracker.renew_at.min(Instant::now() + DISCOVER_SOON);
        if tracker.problem.as_ref() == Some(&problem) {
            return;
        }
        tracing::warn!(tracker = %id, problem, "not registered with the tracker; trying again");
        tracker.problem = Some(problem.clone());
        self.tell(PeerEvent::NotRegistered {
            tracker: id,
            problem,
        });
    }

    pub(super) fn on_tracker_event(&mut self, event: Event<Parcel, Parcel>) {
        match event {
            Event::Message {
                peer,
                message: Message::Response { response, .. },
                ..
            } => {
                self.on_tracker_answer(
                    peer,
                    decode(&response.data).unwrap_or_else(Answer::Refused),
                );
            }
            // A connection that is gone says so itself.
            Event::OutboundFailure { peer, error, .. } if self.peers.contains_key(&peer) => {
                self.not_registered(peer, format!("no answer: {error}"));
            }
            _ => {}
        }
    }

    fn on_tracker_answer(&mut self, id: PeerId, answer: Answer) {
        let Some(tracker) = self.trackers.get_mut(&id) else {
            return;
        };
        match answer {
            Answer::Registered(seconds) => {
                tracker.problem = None;
                tracker.renew_at =
                    Instant::now() + REGISTRATION_TTL.min(Duration::from_secs(seconds)) / 3;
                if !std::mem::replace(&mut tracker.registered, true) {
                    tracing::info!(tracker = %id, "registered with the tracker");
                    self.tell(PeerEvent::Registered { tracker: id });
                }
            }
            Answer::Nodes(records) => {
                let signed = |record: &ByteBuf| {
                    let envelope = SignedEnvelope::from_protobuf_encoding(record).ok()?;
                    PeerRecord::from_signed_envelope(envelope).ok()
                };
                for record in records.iter().take(RECORDS_MAX).filter_map(signed) {
                    self.learn(record.peer_id(), record.addresses().to_vec());
                }
                self.seek_peers();
            }
            Answer::Refused(reason) => self.not_registered(id, reason),
            Answer::Left | Answer::Chains(_) => {}
        }
    }

    /// Connects to fixed peers and to validators always, and to others while more are wanted:
    /// whoever fills its places must not be able to keep validators apart.
    pub(super) fn seek_peers(&mut self) {
        let local = *self.swarm.local_peer_id();
        let spread = self.salt[0];
        let wanted = PEERS_WANTED.saturating_sub(self.node_count());
        let away = |peer: &PeerId| {
            *peer != local && !self.peers.contains_key(peer) && !self.blocked.contains_key(peer)
        };
        let fixed = self
            .fixed
            .iter()
            .filter(|(peer, _)| away(peer))
            .map(|(peer, address)| (*peer, vec![address.clone()]));
        let known = self
            .book
            .iter()
            .filter(|(peer, _)| away(peer) && !self.fixed.contains_key(peer));
        let known = known.map(|(peer, addresses)| (*peer, addresses.clone()));
        let candidates: Vec<_> = fixed.chain(known).collect();
        let mut dialled = 0;
        for (peer, addresses) in candidates {
            // Validators come before the others.
            if dialled >= wanted && !self.fixed.contains_key(&peer) && !self.book.is_proven(&peer) {
                break;
            }
            if self
                .backoff
                .entry(peer)
                .or_insert_with(Backoff::new)
                .due(spread)
            {
                self.dial(peer, addresses);
                dialled += 1;
            }
        }
        self.backoff.retain(|peer, _| {
            self.fixed.contains_key(peer) || !self.book.addresses(peer).is_empty()
        });
    }

    /// Says goodbye to the trackers, gives the words a moment to go out, and ends.
    pub(super) async fn leave(mut self, done: oneshot::Sender<()>) {
        use futures::StreamExt;
        self.save_book();
        for id in self.trackers.keys().copied().collect::<Vec<_>>() {
            if self.peers.contains_key(&id) {
                self.ask_tracker(id, &Question::Leave(self.chain.clone()));
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
