//! The loop that owns the engine: one task that takes events in, makes what they lead to durable, and then acts.
//!
//! Nothing here waits on anything but the next event and the disk. Work that takes long (checking signatures, reading old
//! blocks, asking peers) runs in tasks of its own, whose results come back as [`Inner`] events.

mod apps;
mod archive;
mod counts;
mod gossip;
mod peers;
mod questions;
mod relay;
mod serve;
mod timers;
mod turn;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use tokio::sync::mpsc;
use vote_chain::{CommitCertificate, Height, SecretKey, Verified, VerifiedBlock};
use vote_consensus::{Engine, Event, Peer};
use vote_network::{Events, Gossip, Handle, PeerEvent, PeerId, Request};
use vote_storage::Store;

use crate::planned::now;
use crate::pool::Pool;
use crate::socket::Command;
use gossip::CheckedProposal;
use timers::{Timers, Wake};

/// Results of tasks that wait to be taken in.
const INNER_MAX: usize = 1024;
/// Events taken in before what they led to is made durable.
const EVENTS_PER_TURN_MAX: usize = 256;

/// What a task of this node has found out.
pub(crate) enum Inner {
    /// A batch of peers' transactions is checked.
    Transactions(Gossip, Vec<Arc<Verified>>, Option<String>),
    /// A proposal's block is checked.
    Proposal(Gossip, Box<CheckedProposal>),
    /// A peer has answered with blocks, or has not.
    Blocks(Peer, Result<Vec<(Arc<VerifiedBlock>, CommitCertificate)>, String>),
    /// A peer has said how far it is.
    Status(PeerId, Height),
    /// A peer has said who it is, or has failed to prove it.
    Hello(PeerId, Result<crate::peer::Hello, String>),
    /// A block that a peer wants judged is checked.
    Judge(Box<serve::Judgement>),
    /// An election is counted.
    Counted(counts::Counted),
}

/// All that the loop owns.
pub(crate) struct Core {
    pub(crate) name: String,
    pub(crate) key: SecretKey,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<Store>,
    pub(crate) network: Handle,
    pub(crate) local: PeerId,
    pub(crate) listen: Vec<String>,
    pub(crate) pool: Pool,
    pub(crate) allow_attacks: bool,
    data_dir: PathBuf,
    validating: bool,
    pub(crate) peers: peers::Peers,
    pub(crate) apps: apps::Apps,
    counts: counts::Counts,
    watchers: watch::Watchers,
    relay: relay::Relay,
    timers: Timers,
    inner: mpsc::Sender<Inner>,
    inner_events: mpsc::Receiver<Inner>,
    tracker: bool,
    pub(crate) bytes: (u64, u64),
}

/// What a core starts with.
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) key: SecretKey,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<Store>,
    pub(crate) network: Handle,
    pub(crate) local: PeerId,
    pub(crate) listen: Vec<String>,
    pub(crate) pool: Pool,
    pub(crate) allow_attacks: bool,
    pub(crate) data_dir: PathBuf,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { name, key, engine, store, network, local, listen, pool, allow_attacks, data_dir } = parts;
        let (inner, inner_events) = mpsc::channel(INNER_MAX);
        let engine_validates = engine.is_validator();
        Self {
            name,
            key,
            engine,
            store,
            network,
            local,
            listen,
            pool,
            allow_attacks,
            validating: engine_validates,
            data_dir,
            peers: peers::Peers::default(),
            apps: apps::Apps::default(),
            counts: counts::Counts::default(),
            watchers: watch::Watchers::default(),
            relay: relay::Relay::default(),
            timers: Timers::default(),
            inner,
            inner_events,
            tracker: false,
            bytes: (0, 0),
        }
    }

    /// Runs until `shutdown` resolves, or something is wrong with this node itself.
    pub(crate) async fn run(
        mut self,
        mut events: Events,
        mut commands: mpsc::Receiver<Command>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<()> {
        tokio::pin!(shutdown);
        self.timers.set(0, Wake::Status);
        self.perform()?;
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(gossip) = events.consensus.recv() => self.on_gossip(gossip),
                Some(inner) = self.inner_events.recv() => self.on_inner(inner),
                wake = self.timers.next() => self.on_wake(wake),
                Some(event) = events.peers.recv() => self.on_peer_event(event),
                Some(request) = events.requests.recv() => self.on_request(request),
                Some(command) = commands.recv() => self.on_command(command),
                Some(gossip) = events.transactions.recv() => self.on_gossip(gossip),
                else => break,
            }
            self.take_more(&mut events, &mut commands);
            self.perform()?;
        }
        self.apps.leave();
        Ok(())
    }

    /// Takes in what else is ready, so that one write to the disk serves many events.
    fn take_more(&mut self, events: &mut Events, commands: &mut mpsc::Receiver<Command>) {
        for _ in 0..EVENTS_PER_TURN_MAX {
            if let Ok(gossip) = events.consensus.try_recv() {
                self.on_gossip(gossip);
            } else if let Ok(inner) = self.inner_events.try_recv() {
                self.on_inner(inner);
            } else if let Ok(command) = commands.try_recv() {
                self.on_command(command);
            } else if let Ok(gossip) = events.transactions.try_recv() {
                self.on_gossip(gossip);
            } else {
                break;
            }
        }
    }

    fn on_inner(&mut self, inner: Inner) {
        match inner {
            Inner::Transactions(gossip, transactions, fault) => {
                self.on_checked_transactions(&gossip, transactions, fault)
            }
            Inner::Proposal(gossip, proposal) => self.on_checked_proposal(&gossip, *proposal),
            Inner::Blocks(peer, Ok(blocks)) => self.tell(Event::Blocks(peer, blocks)),
            Inner::Blocks(peer, Err(reason)) => {
                tracing::debug!(peer = %self.peers.describe(peer), reason, "no blocks from peer");
                self.tell(Event::BlocksFailed(peer));
            }
            Inner::Status(peer, height) => self.on_peer_status(peer, height),
            Inner::Hello(peer, hello) => self.on_hello(peer, hello),
            Inner::Judge(judgement) => self.on_judge(*judgement),
            Inner::Counted(counted) => self.on_counted(counted),
        }
    }

    fn on_wake(&mut self, wake: Wake) {
        match wake {
            Wake::Engine(timer) => self.tell(Event::Timer(timer)),
            Wake::Relay => self.relay.due = true,
            Wake::Status => self.ask_status(),
            Wake::Show => self.show(),
            Wake::Count => self.count_next(),
        }
    }

    pub(crate) fn on_peer_event(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Connected(peer) => self.on_connected(peer),
            PeerEvent::Disconnected(peer) => self.on_disconnected(peer),
            PeerEvent::Registered { .. } => self.tracker = true,
            PeerEvent::TrackerLost { .. } => self.tracker = false,
        }
    }

    fn on_request(&mut self, request: Request) {
        self.bytes.1 += u64::try_from(request.data.len()).unwrap_or(u64::MAX);
        self.serve(request);
    }

    /// Tells the engine of something whose fault, if it has one, is nobody's to answer for.
    pub(crate) fn tell(&mut self, event: Event) {
        if let Err(fault) = self.engine.handle(now(), event) {
            tracing::debug!(%fault, "event refused");
        }
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = Option<Inner>> + Send + 'static) {
        let inner = self.inner.clone();
        tokio::spawn(async move {
            if let Some(event) = work.await {
                // The loop is gone only when the node is leaving.
                let _ = inner.send(event).await;
            }
        });
    }

    /// The names of the validators that are neither connected nor this node.
    pub(crate) fn unreachable(&self) -> Vec<String> {
        let keys: BTreeSet<_> = self.peers.keys().chain([self.key.public()]).collect();
        let set = self.engine.state().validators();
        set.iter().filter(|validator| !keys.contains(&validator.key)).map(|validator| validator.name.clone()).collect()
    }

    /// The power of the validators that are connected, this node among them, and the power of all.
    pub(crate) fn power_connected(&self) -> (u64, u64) {
        let set = self.engine.state().validators();
        let keys: BTreeMap<_, _> = self.peers.keys().chain([self.key.public()]).map(|key| (key, ())).collect();
        let connected =
            set.iter().filter(|validator| keys.contains_key(&validator.key)).map(|validator| validator.power);
        (connected.sum(), set.power_total())
    }
}
