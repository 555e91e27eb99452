//! The loop that owns the engine: one task that takes events in, makes what they lead to durable,
//! and then acts.
//!
//! Nothing here waits on anything but the next event and the disk. Work that takes long (checking
//! signatures, reading old blocks, asking peers) runs in tasks of its own, whose results come back
//! as [`Inner`] events.

mod apps;
mod calls;
mod clock;
mod desk;
mod evidence;
mod fetch;
mod gossip;
mod news;
mod peers;
mod relay;
mod serve;
mod signing;
mod status;
mod timers;
#[cfg(test)]
mod told;
mod turn;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use anyhow::Result;
use serde_bytes::ByteBuf;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use vote_chain::{
    Block, BlockHash, CommitCertificate, Height, Hello, Move, SecretKey, TransactionId,
    VerifiedBlock, Whole,
};
use vote_consensus::{Certified, Engine, Event, Peer};
use vote_network::{Events, Gossip, Handle, PeerEvent, PeerId, Request};
use vote_storage::Store;

use crate::clock::steady;
use crate::ledger::{Inclusion, Ledger};
use crate::pool::Pool;
use crate::sign_state::Signs;
use crate::socket::Command;
pub(crate) use evidence::{Kept, stops};
use gossip::CheckedTransactions;
pub(crate) use gossip::{NoBlocks, read_blocks};
use timers::{Timers, Wake};

/// Results of tasks that wait to be taken in.
const INNER_MAX: usize = 1024;
/// Events taken in before what they led to is made durable.
const EVENTS_PER_TURN_MAX: usize = 256;
/// Of these, batches of transactions: to look at a full one takes as long as at some hundred votes,
/// which wait meanwhile.
const BATCHES_PER_TURN_MAX: usize = 16;
/// Questions of peers: a greeting costs a signature and the verification of one.
const REQUESTS_PER_TURN_MAX: usize = 32;

/// What a task of this node has found out.
pub(crate) enum Inner {
    /// A batch of peers' transactions is checked.
    Transactions(Gossip, CheckedTransactions),
    /// A peer has answered with transactions of a proposed block, or has not.
    Fetched(Peer, BlockHash, Result<Vec<fetch::Fetched>, String>),
    /// A peer has answered with blocks from a height on, or has not; their transactions are not yet
    /// verified.
    BlocksArrived(
        Peer,
        Height,
        Result<Vec<(Whole<Block>, CommitCertificate)>, NoBlocks>,
    ),
    /// They are now, or are found false.
    Blocks(
        Peer,
        Height,
        Result<Vec<(Arc<VerifiedBlock>, CommitCertificate)>, NoBlocks>,
    ),
    /// A peer has said how far it is.
    Status(PeerId, peers::PeerStatus),
    /// A peer has said who it is, or has failed to prove it.
    Hello(PeerId, Result<Hello, String>),
    /// A peer has shown proofs of misbehaviour, of which these hold.
    Evidence(PeerId, evidence::Checked),
    /// Elections are counted.
    Counted(desk::Done),
    /// A transaction that was sent again is final, and this is the proof; or it cannot be read.
    FinalBefore(
        TransactionId,
        Box<Result<Option<Inclusion>, vote_api::Refusal>>,
    ),
}

/// All that the loop owns.
pub(crate) struct Core {
    name: String,
    key: SecretKey,
    engine: Engine,
    store: Arc<Store>,
    /// The last durable state: all that is said of the ledger to apps and peers comes from it.
    ledger: watch::Sender<Arc<Ledger>>,
    network: Handle,
    local: PeerId,
    /// What proves to peers that this node has its key.
    hello: Hello,
    listen: Vec<String>,
    pool: Pool,
    allow_attacks: bool,
    clock_ahead_ms_max: u64,
    /// What the validator key has signed.
    signs: Signs,
    /// What was last logged of whether this node signs.
    signing: signing::Said,
    /// The move to another protocol version that was last logged.
    planned: Option<Move>,
    /// The peers that this node knew before it was started.
    known: BTreeSet<PeerId>,
    evidence: Kept,
    /// The last durable block's header, and what makes it final: shown to peers that are behind.
    last: Option<Box<Certified>>,
    /// Why the node must end, if it must.
    end: Option<anyhow::Error>,
    /// What peers are shown before that.
    farewell: Vec<ByteBuf>,
    peers: peers::Peers,
    calls: calls::Calls,
    /// What is told once this turn is on the disk.
    submitted: Vec<apps::Submitted>,
    desk: desk::Desk,
    desk_wakes_at: Option<Instant>,
    relay: relay::Relay,
    news: news::News,
    timers: Timers,
    /// Votes to be passed on if their height is not decided then.
    later: VecDeque<(Instant, Height, Gossip)>,
    inner: mpsc::Sender<Inner>,
    inner_events: mpsc::Receiver<Inner>,
    /// The trackers that this node has tried: none if it is on the list of one, else why not.
    trackers: BTreeMap<PeerId, Option<String>>,
    bytes: (u64, u64),
    clocks: clock::Clocks,
    /// The number of changes of the set at which trackers and network were told who is a validator.
    set_minded: Option<u64>,
}

/// What a core starts with.
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) key: SecretKey,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<Store>,
    /// Of the state that the engine begins with.
    pub(crate) ledger: watch::Sender<Arc<Ledger>>,
    pub(crate) network: Handle,
    pub(crate) local: PeerId,
    pub(crate) listen: Vec<String>,
    pub(crate) pool: Pool,
    pub(crate) allow_attacks: bool,
    /// A block whose time is further ahead of this node's clock is refused, in milliseconds.
    pub(crate) clock_ahead_ms_max: u64,
    pub(crate) signs: Signs,
    /// The peers that this node knew before it was started.
    pub(crate) known: BTreeSet<PeerId>,
    pub(crate) evidence: Kept,
    /// The last block's header, and what makes it final; none at the genesis.
    pub(crate) last: Option<Box<Certified>>,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            name,
            key,
            engine,
            store,
            ledger,
            network,
            local,
            listen,
            pool,
            allow_attacks,
            clock_ahead_ms_max,
            signs,
            known,
            evidence,
            last,
        } = parts;
        let (inner, inner_events) = mpsc::channel(INNER_MAX);
        let chain = engine.state().chain();
        let hello = Hello::new(name.clone(), &key, &chain, &local.to_bytes());
        Self {
            name,
            key,
            engine,
            store,
            ledger,
            network,
            local,
            hello,
            listen,
            pool,
            allow_attacks,
            clock_ahead_ms_max,
            signs,
            signing: signing::Said::default(),
            planned: None,
            known,
            evidence,
            last,
            end: None,
            farewell: Vec::new(),
            peers: peers::Peers::default(),
            calls: calls::Calls::default(),
            submitted: Vec::new(),
            desk: desk::Desk::default(),
            desk_wakes_at: None,
            relay: relay::Relay::default(),
            news: news::News::default(),
            timers: Timers::default(),
            later: VecDeque::new(),
            inner,
            inner_events,
            trackers: BTreeMap::new(),
            bytes: (0, 0),
            clocks: clock::Clocks::default(),
            set_minded: None,
        }
    }

    /// Runs until `shutdown` resolves, or something is wrong with this node itself.
    pub(crate) async fn run(
        mut self,
        mut events: Events,
        mut commands: mpsc::Receiver<Command>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<()> {
        let done = self
            .turn_by_turn(&mut events, &mut commands, shutdown)
            .await;
        match &done {
            Ok(()) => self.calls.leave(),
            Err(_) => self.say_farewell().await,
        }
        done
    }

    async fn turn_by_turn(
        &mut self,
        events: &mut Events,
        commands: &mut mpsc::Receiver<Command>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<()> {
        tokio::pin!(shutdown);
        self.timers.set(0, Wake::Status);
        self.tell_of_power();
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
            self.take_more(events, commands);
            self.perform()?;
        }
        Ok(())
    }

    /// Takes in what else is ready, so that one write to the disk serves many events.
    fn take_more(&mut self, events: &mut Events, commands: &mut mpsc::Receiver<Command>) {
        let mut batches = 0;
        let mut requests = 0;
        for _ in 0..EVENTS_PER_TURN_MAX {
            if let Ok(gossip) = events.consensus.try_recv() {
                self.on_gossip(gossip);
            } else if let Ok(inner) = self.inner_events.try_recv() {
                self.on_inner(inner);
            } else if requests < REQUESTS_PER_TURN_MAX
                && let Ok(request) = events.requests.try_recv()
            {
                requests += 1;
                self.on_request(request);
            } else if let Ok(command) = commands.try_recv() {
                self.on_command(command);
            } else if batches < BATCHES_PER_TURN_MAX
                && let Ok(gossip) = events.transactions.try_recv()
            {
                batches += 1;
                self.on_gossip(gossip);
            } else {
                break;
            }
        }
    }

    fn on_inner(&mut self, inner: Inner) {
        match inner {
            Inner::Transactions(gossip, checked) => self.on_checked_transactions(&gossip, checked),
            Inner::Fetched(peer, block, fetched) => self.on_fetched(peer, block, fetched),
            Inner::BlocksArrived(peer, from, Ok(blocks)) => {
                self.on_blocks_arrived(peer, from, blocks)
            }
            Inner::Blocks(peer, from, Ok(blocks)) => {
                self.tell(Event::Blocks { peer, from, blocks })
            }
            Inner::BlocksArrived(peer, from, Err(why)) | Inner::Blocks(peer, from, Err(why)) => {
                self.on_no_blocks(peer, from, &why);
            }
            Inner::Status(peer, status) => self.on_peer_status(peer, status),
            Inner::Hello(peer, hello) => self.on_hello(peer, hello),
            Inner::Evidence(peer, checked) => self.on_evidence(peer, checked),
            Inner::Counted(done) => {
                self.desk
                    .done(Instant::now(), &self.ledger.borrow().state, done)
            }
            Inner::FinalBefore(id, found) => self.on_final_before(id, *found),
        }
    }

    fn on_wake(&mut self, wake: Wake) {
        match wake {
            Wake::Engine(timer) => self.tell(Event::Timer(timer)),
            Wake::PassOn => self.pass_on(),
            Wake::Relay => self.relay.due = true,
            Wake::Status => self.ask_status(),
            Wake::Desk => self.desk_wakes_at = None,
        }
    }

    pub(crate) fn on_peer_event(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Connected(peer, prefix) => self.on_connected(peer, prefix),
            PeerEvent::Disconnected(peer) => self.on_disconnected(peer),
            PeerEvent::Registered { tracker } => drop(self.trackers.insert(tracker, None)),
            PeerEvent::NotRegistered { tracker, problem } => {
                drop(self.trackers.insert(tracker, Some(problem)))
            }
        }
    }

    fn on_request(&mut self, request: Request) {
        self.bytes.1 += u64::try_from(request.data.len()).unwrap_or(u64::MAX);
        self.serve(request);
    }

    /// Tells the engine of something.
    pub(crate) fn tell(&mut self, event: Event) {
        self.engine.handle(steady(), event);
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
}
