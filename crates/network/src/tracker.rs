//! The other side of joining: a server that knows who is there.
//!
//! A tracker is not in the gossip mesh and is trusted with nothing: it tells a new node where
//! others are, and they prove who they are themselves.

pub(crate) mod messages;
mod roster;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use futures::StreamExt;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use libp2p::core::{PeerRecord, SignedEnvelope};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Message, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, identify, ping};
use serde_bytes::ByteBuf;

pub use self::roster::{Entry, Reason, TrackerEvent};

use self::messages::{Answer, Question, Registration, decode, encode};
use self::roster::Roster;
use crate::behaviour;
use crate::codec::{Opaque, Room, Shares};
use crate::config::{StartError, Transport, check_port_free};
use crate::doors::{Prefix, Stranger, gives_way, remote_prefix};
use crate::limits::{
    BOOK_ADDRESSES_MAX, CHAIN_NAME_BYTES_MAX, CHAINS_SHOWN_MAX, NODES_SHOWN_MAX, PROOF_BYTES_MAX,
    PROOFS_BURST, RECORD_BYTES_MAX, RECORDS_MAX, REGISTRATION_TTL, REGISTRATION_TTLS_MAX,
    TRACKER_CONNECTIONS_MAX, TRACKER_QUESTIONS_PER_SECOND,
};
use crate::places::Places;
use crate::refused::Refused;

/// Whether what a node shows proves that it is a member of a chain: the chain's id, the node, and
/// its proof.
pub type IsMember = Box<dyn Fn(&str, &PeerId, &[u8]) -> bool + Send>;

#[derive(NetworkBehaviour)]
struct Behaviour {
    places: Places,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    questions: request_response::Behaviour<Opaque>,
}

/// Who is connected.
struct Guest {
    since: Instant,
    prefix: Option<Prefix>,
    connections: usize,
    /// Whether its connections are being closed.
    leaving: bool,
    has_asked: bool,
    member: bool,
}

/// A tracker that listens.
pub struct Tracker {
    swarm: Swarm<Behaviour>,
    is_member: IsMember,
    roster: Roster,
    guests: BTreeMap<PeerId, Guest>,
    room: Room,
    shares: Shares,
    questions: DefaultKeyedRateLimiter<PeerId>,
    /// To check a proof costs some milliseconds.
    proofs: DefaultKeyedRateLimiter<Prefix>,
    waiting: Vec<TrackerEvent>,
    refused: Refused,
}

impl Tracker {
    /// Starts a tracker; returns once it listens.
    ///
    /// # Errors
    /// [`StartError`] if the address is taken or wrong.
    pub async fn start(
        keypair: Keypair,
        listen: &Multiaddr,
        transport: Transport,
        is_member: IsMember,
    ) -> Result<Self, StartError> {
        let identify =
            identify::Config::new("/blockchain-voting/tracker/2".into(), keypair.public())
                .with_agent_version(format!("bootstrap/{}", env!("CARGO_PKG_VERSION")));
        let room = Room::default();
        let behaviour = Behaviour {
            places: Places::new(TRACKER_CONNECTIONS_MAX),
            identify: identify::Behaviour::new(identify),
            ping: behaviour::ping(),
            questions: behaviour::requests(messages::PROTOCOL, &room, ProtocolSupport::Inbound)?,
        };
        let mut swarm = behaviour::swarm(keypair, transport, behaviour)?;
        let failed = |reason: String| StartError::Listen {
            address: listen.clone(),
            reason,
        };
        if transport == Transport::Tcp {
            check_port_free(listen)?;
        }
        swarm
            .listen_on(listen.clone())
            .map_err(|error| failed(error.to_string()))?;
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { .. } => break,
                SwarmEvent::ListenerClosed {
                    reason: Err(error), ..
                }
                | SwarmEvent::ListenerError { error, .. } => {
                    return Err(failed(error.to_string()));
                }
                _ => {}
            }
        }
        let per_second =
            |count| Quota::per_second(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        let burst = NonZeroU32::new(PROOFS_BURST).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            swarm,
            is_member,
            roster: Roster::default(),
            guests: BTreeMap::new(),
            room,
            shares: Shares::default(),
            questions: RateLimiter::keyed(per_second(TRACKER_QUESTIONS_PER_SECOND)),
            proofs: RateLimiter::keyed(per_second(1).allow_burst(burst)),
            waiting: Vec::new(),
            refused: Refused::of("connections"),
        })
    }

    /// Where it listens.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.swarm.listeners().cloned().collect()
    }

    /// Who is there.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.roster.iter()
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
            SwarmEvent::Behaviour(BehaviourEvent::Questions(
                request_response::Event::Message {
                    peer,
                    message:
                        Message::Request {
                            request, channel, ..
                        },
                    ..
                },
            )) => {
                let answer = self.answer(peer, &request.data);
                if let Answer::Refused(reason) = &answer {
                    self.refused.note(reason, &peer);
                }
                if let Some(parcel) = self.room.for_answer(&self.shares.of(peer), encode(&answer)) {
                    drop(
                        self.swarm
                            .behaviour_mut()
                            .questions
                            .send_response(channel, parcel),
                    );
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event {
                peer,
                result: Err(_),
                ..
            })) => {
                self.disconnect(peer);
            }
            SwarmEvent::ConnectionEstablished {
                peer_id,
                endpoint,
                num_established,
                ..
            } => {
                let prefix = remote_prefix(&endpoint);
                self.make_room(prefix);
                let new = || Guest {
                    since: Instant::now(),
                    prefix,
                    connections: 0,
                    leaving: false,
                    has_asked: false,
                    member: false,
                };
                let guest = self.guests.entry(peer_id).or_insert_with(new);
                guest.connections = usize::try_from(num_established.get()).unwrap_or(usize::MAX);
                guest.leaving = false;
                self.roster.mark(peer_id, None);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                endpoint,
                num_established,
                ..
            } => {
                if num_established > 0 {
                    if let Some(guest) = self.guests.get_mut(&peer_id) {
                        guest.connections = usize::try_from(num_established).unwrap_or(usize::MAX);
                    }
                    return;
                }
                if self
                    .guests
                    .remove(&peer_id)
                    .is_some_and(|guest| !guest.has_asked)
                {
                    let reason = "it left without a question; so does a node that knows this tracker under another identity";
                    self.refused.note(reason, endpoint.get_remote_address());
                }
                self.roster.mark(peer_id, Some(Instant::now()));
            }
            SwarmEvent::IncomingConnectionError {
                send_back_addr,
                error,
                ..
            } => {
                self.refused.note(&error.to_string(), &send_back_addr);
            }
            _ => {}
        }
    }

    fn disconnect(&mut self, peer: PeerId) {
        // An error says that it is gone already.
        let _ = self.swarm.disconnect_peer_id(peer);
        if let Some(guest) = self.guests.get_mut(&peer) {
            guest.leaving = true;
        }
    }

    /// Has one go, if one more comes from `prefix` and few places are left.
    fn make_room(&mut self, prefix: Option<Prefix>) {
        let mut guests: Vec<_> = self
            .guests
            .iter()
            .filter(|(_, guest)| !guest.leaving)
            .collect();
        guests.sort_unstable_by_key(|(_, guest)| (guest.member, guest.since));
        let guests: Vec<_> = guests
            .into_iter()
            .map(|(id, guest)| Stranger {
                id: *id,
                prefix: guest.prefix,
                connections: guest.connections,
                member: guest.member,
            })
            .collect();
        let taken = self.swarm.behaviour().places.taken();
        if let Some((oldest, why)) = gives_way(&guests, prefix, taken, TRACKER_CONNECTIONS_MAX) {
            self.refused.note(why, &oldest);
            self.disconnect(oldest);
        }
    }

    fn answer(&mut self, peer: PeerId, question: &[u8]) -> Answer {
        if let Some(guest) = self.guests.get_mut(&peer) {
            guest.has_asked = true;
        }
        if self.questions.check_key(&peer).is_err() {
            return Answer::Refused("too many questions; come back in a second".into());
        }
        match decode(question) {
            Ok(Question::Register(registration)) => self
                .register(peer, registration)
                .map_or_else(Answer::Refused, Answer::Registered),
            Ok(Question::Leave(chain)) => {
                self.waiting.extend(self.roster.leave(peer, chain));
                Answer::Left
            }
            Ok(Question::Nodes(chain)) => Answer::Nodes(self.nodes(&chain)),
            Ok(Question::Chains) => Answer::Chains(self.chains()),
            Err(reason) => Answer::Refused(format!("this is no question to a tracker: {reason}")),
        }
    }

    /// Puts a node on the list; gives the seconds that it stays there.
    fn register(&mut self, peer: PeerId, registration: Registration) -> Result<u64, String> {
        let Registration {
            chain,
            seconds,
            record,
            proof,
        } = registration;
        if chain.len() > CHAIN_NAME_BYTES_MAX {
            return Err("this is no chain's id".into());
        }
        if record.len() > RECORD_BYTES_MAX {
            return Err(format!(
                "a peer record has {RECORD_BYTES_MAX} bytes at most"
            ));
        }
        let known = SignedEnvelope::from_protobuf_encoding(&record)
            .ok()
            .and_then(|signed| PeerRecord::from_signed_envelope(signed).ok())
            .filter(|known| known.peer_id() == peer);
        let known = known.ok_or("the peer record is not signed by the node itself")?;
        let member = self.roster.is_member(peer, &chain) || self.proves(peer, &chain, &proof);
        let prefix = self.guests.get(&peer).and_then(|guest| guest.prefix);
        let longest = REGISTRATION_TTL.as_secs() * REGISTRATION_TTLS_MAX;
        let seconds = seconds.clamp(1, longest);
        let now = Instant::now();
        let entry = Entry {
            peer,
            chain,
            addresses: known
                .addresses()
                .iter()
                .take(BOOK_ADDRESSES_MAX)
                .cloned()
                .collect(),
            since: now,
            member,
            prefix,
            record: record.into_vec(),
            expires: now + Duration::from_secs(seconds),
            gone_since: None,
        };
        self.waiting.extend(self.roster.register(entry)?);
        if let Some(guest) = self.guests.get_mut(&peer) {
            guest.member |= member;
        }
        Ok(seconds)
    }

    /// Whether it is a member; a proof that comes too soon after others of its address proves
    /// nothing yet.
    fn proves(&self, peer: PeerId, chain: &str, proof: &[u8]) -> bool {
        if proof.is_empty() || proof.len() > PROOF_BYTES_MAX {
            return false;
        }
        let prefix = self.guests.get(&peer).and_then(|guest| guest.prefix);
        let in_time = prefix.is_none_or(|prefix| self.proofs.check_key(&prefix).is_ok());
        in_time && (self.is_member)(chain, &peer, proof)
    }

    fn nodes(&self, chain: &str) -> Vec<ByteBuf> {
        records(
            self.roster
                .shown()
                .into_iter()
                .filter(|entry| entry.chain == chain)
                .take(RECORDS_MAX),
        )
    }

    /// The chains of those who are connected, those with members first, each with some of its
    /// nodes.
    fn chains(&self) -> Vec<(String, Vec<ByteBuf>)> {
        let mut by_chain: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in self.roster.shown() {
            by_chain.entry(&entry.chain).or_default().push(entry);
        }
        let mut chains: Vec<_> = by_chain.into_iter().collect();
        // Each list begins with its members, the one who has been there for longest first.
        chains.sort_by_key(|(_, nodes)| (!nodes[0].member, nodes[0].since));
        chains.truncate(CHAINS_SHOWN_MAX);
        let with_records = |(name, nodes): (&str, Vec<&Entry>)| {
            (
                name.to_owned(),
                records(nodes.into_iter().take(NODES_SHOWN_MAX)),
            )
        };
        chains.into_iter().map(with_records).collect()
    }

    fn sweep(&mut self) {
        self.refused.say();
        self.questions.retain_recent();
        self.proofs.retain_recent();
        self.shares.sweep();
        self.waiting.extend(self.roster.sweep(Instant::now()));
    }
}

fn records<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<ByteBuf> {
    entries
        .map(|entry| ByteBuf::from(entry.record.clone()))
        .collect()
}
