//! The other side of joining: a rendezvous server that knows who is there.
//!
//! A tracker is not in the gossip mesh and is trusted with nothing: it tells a new node where others are, and they prove
//! who they are themselves.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, connection_limits, identify, ping, rendezvous};

use crate::behaviour;
use crate::config::{StartError, Transport, check_port_free};
use crate::limits::{REGISTRATION_TTL, REGISTRATION_TTLS_MAX};
use crate::refused::Refused;

/// A node that has lost its connection is taken for gone after this.
const GRACE: Duration = Duration::from_secs(10);
/// Registrations altogether.
const REGISTRATIONS_MAX: usize = 2000;
/// Discoveries that a tracker remembers.
const COOKIES_MAX: usize = 2000;

#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    rendezvous: rendezvous::server::Behaviour,
}

/// A node on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub peer: PeerId,
    /// The id of its chain.
    pub chain: String,
    /// Where it says that it is reached.
    pub addresses: Vec<Multiaddr>,
    /// Since when it has been on the list.
    pub since: Instant,
    expires: Instant,
    gone_since: Option<Instant>,
}

/// Why a node is no longer on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It said so.
    Unregistered,
    /// Its connection is gone, and it has not come back.
    Disconnected,
    /// It has not renewed its registration.
    Expired,
}

/// A change of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackerEvent {
    /// A node is new.
    Joined(Entry),
    /// A node has gone.
    Left(Entry, Reason),
}

/// A tracker that listens.
pub struct Tracker {
    swarm: Swarm<Behaviour>,
    entries: BTreeMap<(PeerId, String), Entry>,
    waiting: Vec<TrackerEvent>,
    refused: Refused,
}

impl Tracker {
    /// Starts a tracker; returns once it listens.
    ///
    /// # Errors
    /// [`StartError`] if the address is taken or wrong.
    pub async fn start(keypair: Keypair, listen: &Multiaddr, transport: Transport) -> Result<Self, StartError> {
        let config = rendezvous::server::Config::default()
            .with_min_ttl(60)
            .with_max_ttl(REGISTRATION_TTL.as_secs() * REGISTRATION_TTLS_MAX)
            .with_max_registration_per_peer(4)
            .with_max_registration_total(REGISTRATIONS_MAX)
            .with_max_stored_cookies(COOKIES_MAX);
        let identify = identify::Config::new("/blockchain-voting/tracker/1".into(), keypair.public())
            .with_agent_version(format!("bootstrap/{}", env!("CARGO_PKG_VERSION")));
        let behaviour = Behaviour {
            limits: behaviour::connection_limits(),
            identify: identify::Behaviour::new(identify),
            ping: behaviour::ping(),
            rendezvous: rendezvous::server::Behaviour::new(config),
        };
        let mut swarm = behaviour::swarm(keypair, transport, behaviour)?;
        let failed = |reason: String| StartError::Listen { address: listen.clone(), reason };
        if transport == Transport::Tcp {
            check_port_free(listen)?;
        }
        swarm.listen_on(listen.clone()).map_err(|error| failed(error.to_string()))?;
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { .. } => break,
                SwarmEvent::ListenerClosed { reason: Err(error), .. } | SwarmEvent::ListenerError { error, .. } => {
                    return Err(failed(error.to_string()));
                }
                _ => {}
            }
        }
        Ok(Self { swarm, entries: BTreeMap::new(), waiting: Vec::new(), refused: Refused::default() })
    }

    /// Where it listens.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.swarm.listeners().cloned().collect()
    }

    /// Who is there.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Serves until the list changes. May be dropped and called again at no loss.
    pub async fn next(&mut self) -> TrackerEvent {
        let mut sweep = tokio::time::interval(Duration::from_secs(1));
        loop {
            if let Some(event) = self.waiting.pop() {
                return event;
            }
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                _ = sweep.tick() => self.sweep(),
            }
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(event)) => self.on_rendezvous(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { peer, result: Err(_), .. })) => {
                let _ = self.swarm.disconnect_peer_id(peer);
            }
            SwarmEvent::ConnectionEstablished { peer_id, .. } => self.mark(peer_id, None),
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                self.mark(peer_id, Some(Instant::now()))
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                self.refused.note(&error.to_string(), &send_back_addr);
            }
            _ => {}
        }
    }

    fn mark(&mut self, peer: PeerId, gone_since: Option<Instant>) {
        self.entries.values_mut().filter(|entry| entry.peer == peer).for_each(|entry| entry.gone_since = gone_since);
    }

    fn on_rendezvous(&mut self, event: rendezvous::server::Event) {
        use rendezvous::server::Event;
        match event {
            Event::PeerRegistered { peer, registration } => {
                let now = Instant::now();
                let (chain, addresses) = (registration.namespace.to_string(), registration.record.addresses().to_vec());
                let expires = now + Duration::from_secs(registration.ttl);
                let entry = Entry { peer, chain: chain.clone(), addresses, since: now, expires, gone_since: None };
                match self.entries.get_mut(&(peer, chain.clone())) {
                    Some(known) => *known = Entry { since: known.since, ..entry },
                    None => {
                        self.entries.insert((peer, chain), entry.clone());
                        self.waiting.push(TrackerEvent::Joined(entry));
                    }
                }
            }
            Event::PeerUnregistered { peer, namespace } => {
                self.remove(&(peer, namespace.to_string()), Reason::Unregistered)
            }
            Event::PeerNotRegistered { peer, error, .. } => {
                self.refused.note(&format!("not registered: {error:?}"), &peer)
            }
            // A refreshed registration expires in name only; the sweep knows better.
            _ => {}
        }
    }

    fn remove(&mut self, key: &(PeerId, String), reason: Reason) {
        if let Some(entry) = self.entries.remove(key) {
            self.waiting.push(TrackerEvent::Left(entry, reason));
        }
    }

    fn sweep(&mut self) {
        self.refused.say();
        let now = Instant::now();
        let reason = |entry: &Entry| {
            let gone = entry.gone_since.is_some_and(|since| now.duration_since(since) > GRACE);
            if gone { Some(Reason::Disconnected) } else { (entry.expires < now).then_some(Reason::Expired) }
        };
        let left: Vec<_> = self.entries.iter().filter_map(|(key, entry)| Some((key.clone(), reason(entry)?))).collect();
        left.iter().for_each(|(key, reason)| self.remove(key, *reason));
    }
}
