//! The swarm task. It waits for the swarm, for commands and for its tick, and for nothing else.

mod connections;
mod discovery;
mod gossip;
mod requests;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use libp2p::core::SignedEnvelope;
use libp2p::identity::Keypair;
use libp2p::request_response::{OutboundRequestId, ResponseChannel};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm, identify, ping};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::behaviour::{Node, NodeEvent, protocol_version, swarm};
use crate::book::Book;
use crate::codec::{Parcel, Room, Shares};
use crate::config::{Config, StartError, Transport, check_port_free, split};
use crate::doors::Prefix;
use crate::event::{Events, Gossip, PeerEvent, PeerInfo, Request};
use crate::handle::{Command, Handle, RequestError};
use crate::limits::{
    COMMANDS_MAX, CONSENSUS_EVENTS_BYTES, CONSENSUS_EVENTS_MAX, OUTBOX_MAX, PEER_EVENTS_MAX,
    REQUEST_EVENTS_MAX, REQUESTS_PER_PREFIX_PER_SECOND, REQUESTS_PER_SECOND, TICK,
    TRANSACTION_EVENTS_BYTES, TRANSACTION_EVENTS_MAX,
};
use crate::refused::Refused;
use crate::topic::{Topic, Topics};

/// A connected peer.
struct Peer {
    since: Instant,
    /// Whether it speaks our chain's protocols; trackers and strangers do not.
    node: bool,
    /// Whether it has proven the key of a validator.
    proven: bool,
    /// Where it is.
    prefix: Option<Prefix>,
    connections: usize,
    /// Whether its connections are being closed.
    leaving: bool,
    record: Option<SignedEnvelope>,
}

/// A tracker that we register with.
struct Tracker {
    address: Multiaddr,
    registered: bool,
    /// Why it is not, as it was said last.
    problem: Option<String>,
    renew_at: Instant,
    discover_at: Instant,
    dial: discovery::Backoff,
}

/// Where events go.
struct Queues {
    /// Room for gossip about blocks and votes, in bytes, until the node has dealt with it.
    consensus_room: Arc<Semaphore>,
    /// The same for transactions.
    transactions_room: Arc<Semaphore>,
    consensus: mpsc::Sender<Gossip>,
    transactions: mpsc::Sender<Gossip>,
    requests: mpsc::Sender<Request>,
    peers: mpsc::Sender<PeerEvent>,
}

struct Service {
    swarm: Swarm<Node>,
    /// For questions and answers, in bytes.
    room: Room,
    shares: Shares,
    keypair: Keypair,
    chain: String,
    /// That this node is a member of the chain, for trackers; empty if it cannot prove it.
    proof: Vec<u8>,
    topics: Topics,
    /// For answers. Weak: the swarm ends when nobody else holds it.
    commands: mpsc::WeakSender<Command>,
    queues: Queues,
    peers: BTreeMap<PeerId, Peer>,
    refused: Refused,
    unanswered: Refused,
    trackers: BTreeMap<PeerId, Tracker>,
    fixed: BTreeMap<PeerId, Multiaddr>,
    backoff: BTreeMap<PeerId, discovery::Backoff>,
    blocked: BTreeMap<PeerId, Instant>,
    book: Book,
    book_path: Option<PathBuf>,
    external_given: bool,
    asked: BTreeMap<OutboundRequestId, oneshot::Sender<Result<Vec<u8>, RequestError>>>,
    limiter: DefaultKeyedRateLimiter<PeerId>,
    prefix_limiter: DefaultKeyedRateLimiter<Prefix>,
    outbox: BTreeMap<Topic, VecDeque<Vec<u8>>>,
    salt: [u8; 16],
    sequence: u64,
    ticks: u64,
    dropped: u64,
}

/// Starts a node's network; returns once it listens. The swarm runs as a task until
/// [`Handle::leave`], or until the last handle is dropped.
///
/// # Errors
/// [`StartError`] if an address is taken or wrong.
pub async fn start(config: Config) -> Result<(Handle, Events), StartError> {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    let (consensus, consensus_events) = mpsc::channel(CONSENSUS_EVENTS_MAX);
    let (transactions, transaction_events) = mpsc::channel(TRANSACTION_EVENTS_MAX);
    let (requests, request_events) = mpsc::channel(REQUEST_EVENTS_MAX);
    let (peers, peer_events) = mpsc::channel(PEER_EVENTS_MAX);
    let queues = Queues {
        consensus_room: Arc::new(Semaphore::new(CONSENSUS_EVENTS_BYTES)),
        transactions_room: Arc::new(Semaphore::new(TRANSACTION_EVENTS_BYTES)),
        consensus,
        transactions,
        requests,
        peers,
    };
    let mut service = Service::new(&config, commands.downgrade(), queues)?;
    service.listen(&config.listen, config.transport).await?;
    tokio::spawn(service.run(inbox));
    let events = Events {
        consensus: consensus_events,
        transactions: transaction_events,
        requests: request_events,
        peers: peer_events,
    };
    Ok((Handle { commands }, events))
}

impl Service {
    fn new(
        config: &Config,
        commands: mpsc::WeakSender<Command>,
        queues: Queues,
    ) -> Result<Self, StartError> {
        let topics = Topics::new(&config.chain);
        let room = Room::default();
        let behaviour = Node::new(&config.keypair, &config.chain, &topics, &room)?;
        let mut swarm = swarm(config.keypair.clone(), config.transport, behaviour)?;
        config
            .external
            .iter()
            .for_each(|address| swarm.add_external_address(address.clone()));
        let per_second =
            |count| Quota::per_second(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| StartError::Setup(error.to_string()))?;
        Ok(Self {
            swarm,
            room,
            shares: Shares::default(),
            keypair: config.keypair.clone(),
            chain: config.chain.clone(),
            proof: Vec::new(),
            topics,
            commands,
            queues,
            peers: BTreeMap::new(),
            refused: Refused::of("connections"),
            unanswered: Refused::of("requests"),
            trackers: config
                .trackers
                .iter()
                .map(|tracker| split(tracker).map(|(peer, at)| (peer, Tracker::new(at))))
                .collect::<Result<_, _>>()?,
            fixed: config.peers.iter().map(split).collect::<Result<_, _>>()?,
            backoff: BTreeMap::new(),
            blocked: BTreeMap::new(),
            book: config
                .peer_book
                .as_deref()
                .map(Book::load)
                .unwrap_or_default(),
            book_path: config.peer_book.clone(),
            external_given: !config.external.is_empty(),
            asked: BTreeMap::new(),
            limiter: RateLimiter::keyed(per_second(REQUESTS_PER_SECOND)),
            prefix_limiter: RateLimiter::keyed(per_second(REQUESTS_PER_PREFIX_PER_SECOND)),
            outbox: BTreeMap::new(),
            salt,
            sequence: 0,
            ticks: 0,
            dropped: 0,
        })
    }

    async fn listen(
        &mut self,
        addresses: &[Multiaddr],
        transport: Transport,
    ) -> Result<(), StartError> {
        for address in addresses {
            let failed = |reason: String| StartError::Listen {
                address: address.clone(),
                reason,
            };
            if transport == Transport::Tcp {
                check_port_free(address)?;
            }
            let wanted = self
                .swarm
                .listen_on(address.clone())
                .map_err(|error| failed(error.to_string()))?;
            loop {
                match self.swarm.select_next_some().await {
                    SwarmEvent::NewListenAddr {
                        listener_id,
                        address,
                    } => {
                        self.on_listen(address);
                        if listener_id == wanted {
                            break;
                        }
                    }
                    SwarmEvent::ListenerClosed {
                        reason: Err(error), ..
                    } => return Err(failed(error.to_string())),
                    SwarmEvent::ListenerError { error, .. } => {
                        return Err(failed(error.to_string()));
                    }
                    event => self.on_swarm_event(event),
                }
            }
        }
        Ok(())
    }

    fn on_listen(&mut self, address: Multiaddr) {
        tracing::debug!(%address, "listening");
        if !self.external_given {
            self.swarm.add_external_address(address);
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                command = inbox.recv() => match command {
                    Some(Command::Leave(done)) => return self.leave(done).await,
                    Some(command) => self.on_command(command),
                    None => return,
                },
                _ = tick.tick() => self.on_tick(),
            }
        }
    }

    fn on_tick(&mut self) {
        self.ticks += 1;
        self.unblock();
        self.attend_trackers();
        self.seek_peers();
        if self.ticks.is_multiple_of(5) {
            self.sweep_ghosts();
            self.limiter.retain_recent();
            self.prefix_limiter.retain_recent();
            self.shares.sweep();
        }
        self.save_book();
        self.refused.say();
        self.unanswered.say();
        if self.ticks.is_multiple_of(10) {
            self.exchange_peers();
        }
    }

    fn save_book(&mut self) {
        if let Some(path) = &self.book_path
            && let Err(error) = self.book.save(path)
        {
            tracing::warn!(path = %path.display(), %error, "the peer book cannot be written");
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Publish(topic, data) => self.publish(topic, data),
            Command::Request(peer, question, answer) => self.request(peer, question, answer),
            Command::Respond(channel, data) => self.respond(channel, data),
            Command::Report(topic, id, source, verdict) => {
                self.report(topic, &id, &source, verdict)
            }
            Command::Trust(peer) => self.trust(peer),
            Command::Prove(proof) => self.prove(proof),
            Command::Disconnect(peer) => self.disconnect(peer),
            Command::Block(peer, time) => self.block(peer, time),
            Command::Dial(peer, address) => self.dial(peer, vec![address]),
            Command::Peers(answer) => drop(answer.send(self.peer_infos())),
            Command::ListenAddresses(answer) => {
                drop(answer.send(self.swarm.listeners().cloned().collect()))
            }
            Command::Leave(_) => {}
        }
    }

    fn respond(&mut self, channel: ResponseChannel<Parcel>, data: Parcel) {
        if self
            .swarm
            .behaviour_mut()
            .request
            .send_response(channel, data)
            .is_err()
        {
            tracing::debug!("an answer came too late");
        }
    }

    fn peer_infos(&self) -> Vec<PeerInfo> {
        let nodes = self.peers.iter().filter(|(_, peer)| peer.node);
        nodes
            .map(|(peer, _)| PeerInfo {
                peer: *peer,
                addresses: self.book.addresses(peer).to_vec(),
            })
            .collect()
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<NodeEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event),
            SwarmEvent::NewListenAddr { address, .. } => self.on_listen(address),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                endpoint,
                num_established,
                ..
            } => {
                self.on_connected(peer_id, &endpoint, num_established.get());
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established,
                cause,
                ..
            } => {
                self.on_closed(
                    peer_id,
                    num_established,
                    cause.map(|cause| cause.to_string()),
                );
            }
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(peer),
                error,
                ..
            } => {
                tracing::debug!(%peer, %error, "not connected");
                self.on_tracker_unreachable(peer, &error);
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

    fn on_behaviour_event(&mut self, event: NodeEvent) {
        match event {
            NodeEvent::Consensus(event) | NodeEvent::Transactions(event) => {
                self.on_gossip_event(event)
            }
            NodeEvent::Request(event) => self.on_request_event(event),
            NodeEvent::Exchange(event) => self.on_exchange_event(event),
            NodeEvent::Tracker(event) => self.on_tracker_event(event),
            NodeEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.on_identified(peer_id, info)
            }
            NodeEvent::Ping(ping::Event {
                peer,
                result: Err(error),
                ..
            }) => {
                tracing::debug!(%peer, %error, "no ping");
                self.disconnect(peer);
            }
            _ => {}
        }
    }

    /// Hands an event on, or counts it as dropped.
    fn queue<T>(dropped: &mut u64, queue: &mpsc::Sender<T>, event: T) {
        // One that is closed is a node's that ends.
        if let Err(mpsc::error::TrySendError::Full(_)) = queue.try_send(event) {
            Self::count_dropped(dropped);
        }
    }

    fn count_dropped(dropped: &mut u64) {
        *dropped += 1;
        if dropped.is_power_of_two() {
            tracing::warn!(
                total = *dropped,
                "events dropped: the node does not keep up"
            );
        }
    }

    fn tell(&mut self, event: PeerEvent) {
        Self::queue(&mut self.dropped, &self.queues.peers, event);
    }

    fn outbox(&mut self, topic: Topic, data: Vec<u8>) {
        let waiting = self.outbox.entry(topic).or_default();
        if waiting.len() >= OUTBOX_MAX {
            waiting.pop_front();
        }
        waiting.push_back(data);
    }

    fn is_ours(&self, protocol: &str) -> bool {
        protocol == protocol_version(&self.chain)
    }
}
