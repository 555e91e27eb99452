//! The engine: dispatch, and the state that Malachite does not keep.
//!
//! Order of calls: [`Engine::recover`] once; then for each event [`Engine::handle`],
//! [`Engine::receive`] or [`Engine::submit`], as many as are at hand; then [`Engine::turn`], whose
//! writes and actions must be carried out before the next event. Getters any time.

mod decided;
mod fetch;
mod gather;
mod height;
mod held;
mod messages;
mod proposal;
mod repeat;
mod signing;
mod size;
mod sync;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use malachite::{Error, Input, MisbehaviorEvidence, Params, State as Malachite};
use malachite_types::{Round, Timeout, ValuePayload};
use vote_chain::bft::Ctx;
use vote_chain::{
    Block, BlockHash, Changes, CommitCertificate, Height, InvalidBlock, PublicKey, SecretKey,
    ShortId, State, Timestamp, TransactionFault, TransactionId, Verified, VerifiedBlock, Whole,
};

use crate::clock::{Now, shifted};
use crate::config::Config;
use crate::evidence::Certified;
use crate::mempool::{Mempool, Origin, PoolRefusal};
use crate::message::Message;
use crate::signatures::Checker;
use crate::signed::{Folder, SignState};
use crate::turn::{Action, Halt, Peer, Timer, Turn, Write};
use crate::wal::LogEntry;

pub use held::Held;
pub use messages::{Dropped, MessageFault, PASS_ON_MS, Taken};
pub(crate) use signing::is_unsigned;
pub use signing::{Signing, Wait};

/// Between looks at who is ahead and what should be repeated, in milliseconds.
pub(crate) const TICK_MS: u64 = 500;

/// Something that has happened, besides what peers send to all.
#[derive(Debug)]
pub enum Event {
    /// Blocks that [`Engine::blocks_arrived`] wanted, from the height asked for, in order; their
    /// transactions hold.
    Blocks {
        /// Who has sent them.
        peer: Peer,
        /// The first height that was asked for.
        from: Height,
        /// What has come.
        blocks: Vec<(Arc<VerifiedBlock>, CommitCertificate)>,
    },
    /// The peer has not answered, or nonsense, or blocks with transactions that do not hold.
    BlocksFailed {
        /// The peer.
        peer: Peer,
        /// The first height that was asked for.
        from: Height,
    },
    /// The answer to `Action::RequestTransactions`: the ids of transactions that were asked for,
    /// and each of them verified, or what is wrong with it. None if the peer has none of them, or
    /// has not answered.
    Transactions(
        Peer,
        BlockHash,
        Vec<(TransactionId, Result<Arc<Verified>, TransactionFault>)>,
    ),
    /// A peer has proven that it has a validator key; it may be a follower all the same.
    Met {
        /// The peer.
        peer: Peer,
        /// Its key.
        key: PublicKey,
        /// Whether this node knew the peer before it started.
        known: bool,
    },
    /// A peer says what its last decided height is.
    Status {
        /// The peer.
        peer: Peer,
        /// Its last decided height, as it says.
        height: Height,
        /// Its last block's header, and what makes that final, if it has shown them.
        last: Option<Box<Certified>>,
    },
    /// A peer is gone.
    PeerLeft(Peer),
    /// The clock that blocks are judged by is so many milliseconds ahead of the times that the
    /// engine is told ([`crate::block_clock`]).
    Clock(i64),
    /// A timer has run down.
    Timer(Timer),
}

/// What a node finds on its disk when it starts.
#[derive(Debug)]
pub struct Recovered {
    /// The state after the last decided block.
    pub state: State,
    /// The log of the height after, in order.
    pub log: Vec<Vec<u8>>,
    /// The bodies of that height, verified.
    pub bodies: Vec<Arc<VerifiedBlock>>,
    /// What this node's key has signed; none if nothing is known of it.
    pub signed: Option<SignState>,
    /// Where that was found.
    pub folder: Folder,
}

/// What a validator has to go through again before it goes on with the open height.
struct Replay {
    entries: Vec<Input<Ctx>>,
    bodies: Vec<Arc<VerifiedBlock>>,
}

/// One node's part in deciding blocks.
pub struct Engine {
    malachite: Malachite<Ctx>,
    host: Host,
    /// The log of the open height, until this node knows where the others are: what follows from it
    /// may be new votes.
    replay: Option<Replay>,
}

/// All that effects touch; apart from Malachite's state, which is borrowed while they do.
pub(crate) struct Host {
    pub(crate) key: SecretKey,
    pub(crate) address: PublicKey,
    pub(crate) config: Config,
    pub(crate) signer: signing::Signer,
    pub(crate) state: State,
    pub(crate) mempool: Mempool,
    pub(crate) checker: Checker,
    /// The steady time.
    pub(crate) now: Timestamp,
    /// How far the clock that blocks are judged by is ahead of it, in milliseconds.
    pub(crate) clock_ms: i64,
    /// What has been staged and not yet handed out.
    pub(crate) turn: Turn,
    /// Inputs that effects give rise to; Malachite must not be re-entered.
    pub(crate) inbox: VecDeque<Input<Ctx>>,
    /// Live timers. A timeout names no height: only its generation tells an old one from a new one.
    pub(crate) timers: BTreeMap<(u8, Round), u64>,
    pub(crate) generation: u64,
    /// Whether Malachite is deciding the height after the tip; between heights it rests.
    pub(crate) deciding: bool,
    pub(crate) recovering: bool,
    pub(crate) to_propose: Option<(Height, Round)>,
    /// What this node built in each round of the open height; it never builds twice.
    pub(crate) built: BTreeMap<Round, BlockHash>,
    /// Valid bodies of the open height, and what they would change.
    pub(crate) bodies: BTreeMap<BlockHash, (Arc<VerifiedBlock>, Changes)>,
    /// The last proposal of this node, to be said again.
    pub(crate) proposed: Option<repeat::Proposed>,
    /// The last block that was decided since the start.
    pub(crate) last: Option<Arc<VerifiedBlock>>,
    pub(crate) windows: BTreeMap<Height, window::Window>,
    pub(crate) passed: window::Passed,
    /// Verified inputs for heights that have not started.
    pub(crate) early: BTreeMap<Height, Vec<messages::Early>>,
    pub(crate) sync: sync::Sync,
    pub(crate) fetches: fetch::Fetches,
    pub(crate) gather: gather::Gather,
    pub(crate) block_size: size::BlockSize,
    pub(crate) round: Round,
    pub(crate) started_at: Timestamp,
    pub(crate) wake_at: Option<Timestamp>,
    pub(crate) boundary: Option<Timestamp>,
}

impl Engine {
    /// Goes on from what is on the disk. As soon as it may sign, it goes through the log again:
    /// what was said before the crash is said again, word for word.
    pub fn recover(config: Config, key: SecretKey, recovered: Recovered, now: Timestamp) -> Self {
        let Recovered {
            state,
            log,
            bodies,
            signed,
            folder,
        } = recovered;
        let (address, height) = (key.public(), state.tip().height.next());
        let params = Params {
            address,
            threshold_params: threshold(&config),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: true,
        };
        // Nothing for later heights is ever fed to Malachite, so its own queues stay empty.
        let malachite = Malachite::new(Ctx, height, state.validators().clone(), params, 1, 1);
        let signer = signing::Signer::new(signed, folder);
        let mut engine = Self {
            malachite,
            host: Host::new(config, key, signer, state, now),
            replay: None,
        };
        engine.host.act(Action::SetTimer {
            after_ms: TICK_MS,
            timer: Timer::Tick,
        });
        engine.host.mind_version();
        engine.read_log(&log, bodies);
        engine.settle();
        engine
    }

    fn read_log(&mut self, log: &[Vec<u8>], bodies: Vec<Arc<VerifiedBlock>>) {
        let entries: Option<Vec<_>> = log
            .iter()
            .map(|bytes| LogEntry::from_bytes(bytes).map(LogEntry::into_input))
            .collect();
        let Some(entries) = entries else {
            return self
                .host
                .halt(Halt::Damaged("the log of the open height is damaged"));
        };
        for entry in &entries {
            match entry {
                Input::Vote(vote) => self.host.note_own(&vote.message),
                Input::Proposal(proposal) => self.host.note_own_proposal(&proposal.message),
                _ => {}
            }
        }
        self.replay = (!entries.is_empty()).then_some(Replay { entries, bodies });
    }

    /// Goes through the log of the open height, once nothing is in the way; true if it did.
    fn consider_replay(&mut self) -> bool {
        let waits = self.host.is_validator_now() && !self.host.is_informed();
        let Some(Replay { entries, bodies }) = self.replay.take_if(|_| !waits) else {
            return false;
        };
        let height = self.host.height();
        for block in bodies {
            let Ok(changes) = self.host.state.validate(&block) else {
                let what = "an undecided block on the disk breaks the rules of its own ledger";
                self.host.halt(Halt::Damaged(what));
                return true;
            };
            self.host.bodies.insert(block.hash(), (block, changes));
        }
        self.host.recovering = true;
        self.host.note_built(&entries);
        self.host.begin_height(height);
        self.drain();
        self.malachite
            .record_recovered_own_precommit_extensions(&entries);
        self.malachite.index_wal_entries(&entries);
        for entry in entries {
            self.feed(entry);
        }
        self.malachite.reset_entries_index();
        self.host.recovering = false;
        if height == self.host.height() {
            self.host.feed_early(height);
        }
        if let Some((height, round)) = self.host.to_propose.take()
            && (height, round) == (self.malachite.height(), self.malachite.round())
        {
            self.host.propose(height, round);
        }
        true
    }

    /// Takes in what a peer, if it is still connected, has sent or passed on, and says whether to
    /// pass it on further.
    ///
    /// # Errors
    /// [`MessageFault`] if an honest peer would not have sent it; the event has changed nothing
    /// then.
    pub fn receive(
        &mut self,
        now: Timestamp,
        from: Option<Peer>,
        message: Message,
    ) -> Result<Taken, MessageFault> {
        self.host.now = now;
        let taken = self.host.on_message(from, message)?;
        self.settle();
        Ok(taken)
    }

    /// Takes in an event.
    pub fn handle(&mut self, now: Timestamp, event: Event) {
        self.host.now = now;
        match event {
            Event::Blocks { peer, from, blocks } => self.host.on_blocks(peer, from, blocks),
            Event::BlocksFailed { peer, from } => self.host.on_blocks_failed(peer, from),
            Event::Transactions(peer, block, found) => {
                self.host.on_transactions(peer, &block, found)
            }
            Event::Met { peer, key, known } => self.host.on_met(peer, key, known),
            Event::Status { peer, height, last } => {
                self.host.on_status(peer, height, last.as_deref())
            }
            Event::PeerLeft(peer) => self.host.on_peer_left(peer),
            Event::Clock(clock_ms) => self.host.on_clock(clock_ms),
            Event::Timer(timer) => self.host.on_timer(timer),
        }
        self.settle();
    }

    /// An answer to [`Action::RequestBlocks`] has arrived; no blocks are an answer too. Whether to
    /// verify its transactions, after which [`Event::Blocks`] or [`Event::BlocksFailed`] follows;
    /// what is wanted no more needs no work. The answer is to be forgotten if not.
    pub fn blocks_arrived(
        &mut self,
        now: Timestamp,
        peer: Peer,
        from: Height,
        blocks: &[(Whole<Block>, CommitCertificate)],
    ) -> bool {
        self.host.now = now;
        let wanted = self.host.on_blocks_arrived(peer, from, blocks);
        self.settle();
        wanted
    }

    /// Takes in verified transactions. Accepted promises nothing: only a decided block does.
    pub fn submit(
        &mut self,
        now: Timestamp,
        transactions: Vec<Arc<Verified>>,
        origin: Origin,
    ) -> Vec<Result<(), PoolRefusal>> {
        self.host.now = now;
        let verdicts = transactions
            .into_iter()
            .map(|transaction| self.host.take_in(transaction, origin))
            .collect();
        self.settle();
        verdicts
    }

    /// What is to be done now. Writes wait here until something is to be said that rests on them.
    pub fn turn(&mut self) -> Turn {
        let host = &mut self.host;
        host.end_turn();
        let speaks = host.turn.actions.iter().any(Action::rests_on_writes);
        if speaks {
            std::mem::take(&mut host.turn)
        } else {
            Turn {
                writes: Vec::new(),
                actions: std::mem::take(&mut host.turn.actions),
            }
        }
    }

    /// Transactions of a proposed block, or of the last one, at these places and with these short
    /// ids: those that this node has, in order, until they are more than `bytes_max`; the first in any case.
    pub fn proposed_transactions(
        &self,
        block: &BlockHash,
        wanted: &[(u32, ShortId)],
        bytes_max: usize,
    ) -> Vec<Arc<Verified>> {
        self.host.proposed_transactions(block, wanted, bytes_max)
    }

    /// The state after the last decided block.
    pub const fn state(&self) -> &State {
        &self.host.state
    }

    /// Transactions that wait for a block.
    pub fn pending(&self) -> usize {
        self.host.mempool.len()
    }

    /// The transactions that wait for a block, and since when.
    pub fn waiting(&self) -> impl Iterator<Item = (&Arc<Verified>, Timestamp)> {
        self.host.mempool.iter_since()
    }

    /// Whether a transaction that is not verified yet would find room among those that wait. Where
    /// there is none it need not be verified.
    pub fn has_room(&self, transaction: &[u8]) -> bool {
        self.host.mempool.has_room(&self.host.state, transaction)
    }

    /// What this node keeps of what others have sent.
    pub fn held(&self) -> Held {
        self.host.held()
    }

    /// The most that it may be, now.
    pub fn held_max(&self) -> Held {
        self.host.held_max()
    }

    /// A transaction that waits, by its id.
    pub fn pending_transaction(&self, id: &TransactionId) -> Option<&Arc<Verified>> {
        self.host.mempool.get(id)
    }

    /// Since when a transaction waits.
    pub fn pending_since(&self, id: &TransactionId) -> Option<Timestamp> {
        self.host.mempool.since(id)
    }

    /// The round of the height that is being decided; 0 between heights.
    pub fn round(&self) -> u32 {
        if self.host.deciding {
            self.host.round.as_u32().unwrap_or(0)
        } else {
            0
        }
    }

    /// Since when the next height has been open; none between heights.
    pub fn deciding_since(&self) -> Option<Timestamp> {
        self.host.deciding.then_some(self.host.started_at)
    }

    /// Whether this node signs, and if not, why.
    pub fn signing(&self) -> Signing {
        self.host.signing()
    }

    /// This node's validator key.
    pub const fn address(&self) -> PublicKey {
        self.host.address
    }

    fn settle(&mut self) {
        // Whoever has to end begins nothing any more.
        while !self.host.signer.has_halted() {
            self.drain();
            self.consider_saying_prevotes();
            self.host.consider_signing();
            if self.feed_sync() {
                continue;
            }
            // A height that is over is not begun.
            if self.host.has_synced() || (!self.consider_replay() && !self.host.consider_start()) {
                break;
            }
        }
        self.host.consider_fetch();
        self.host.set_wake();
    }

    /// Takes in the next block of an answer, if it is that of the open height; true if there was
    /// one.
    fn feed_sync(&mut self) -> bool {
        let Some(synced) = self.host.next_synced() else {
            return false;
        };
        let Some(changes) = self.host.check_synced(&synced) else {
            return true;
        };
        // Nothing of the open height is gone through again once it is decided.
        self.replay = None;
        let seen = MisbehaviorEvidence {
            proposals: self.malachite.driver.take_proposal_evidence(),
            votes: self.malachite.driver.take_vote_evidence(),
        };
        self.host.decided_elsewhere(synced, changes, &seen);
        true
    }

    fn drain(&mut self) {
        while let Some(input) = self.host.inbox.pop_front() {
            self.feed(input);
        }
    }

    fn feed(&mut self, input: Input<Ctx>) {
        let (state, host) = (&mut self.malachite, &mut self.host);
        let done: Result<(), Error<Ctx>> = malachite::process!(
            input: input, state: state, metrics: &(),
            with: effect => Ok::<_, Error<Ctx>>(host.effect(effect))
        );
        if let Err(error) = done {
            self.host.halt(Halt::Broken(error.to_string()));
        }
    }
}

impl Host {
    fn new(
        config: Config,
        key: SecretKey,
        signer: signing::Signer,
        state: State,
        now: Timestamp,
    ) -> Self {
        let (address, checker, boundary) = (
            key.public(),
            Checker::new(state.chain()),
            state.next_boundary(),
        );
        Self {
            key,
            address,
            config,
            signer,
            mempool: Mempool::new(config.pool),
            checker,
            now,
            clock_ms: 0,
            turn: Turn::default(),
            inbox: VecDeque::new(),
            timers: BTreeMap::new(),
            generation: 0,
            deciding: false,
            recovering: false,
            to_propose: None,
            built: BTreeMap::new(),
            bodies: BTreeMap::new(),
            proposed: None,
            last: None,
            windows: BTreeMap::new(),
            passed: window::Passed::default(),
            early: BTreeMap::new(),
            sync: sync::Sync::default(),
            fetches: fetch::Fetches::default(),
            gather: gather::Gather::default(),
            block_size: size::BlockSize::new(state.genesis().limits.block_bytes_max),
            round: Round::new(0),
            started_at: Timestamp::default(),
            wake_at: None,
            boundary,
            state,
        }
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.turn.actions.push(action);
    }

    pub(crate) fn write(&mut self, write: Write) {
        self.turn.writes.push(write);
    }

    /// The height that is being decided, or will be next.
    pub(crate) fn height(&self) -> Height {
        self.state.tip().height.next()
    }

    /// The time that a block would have now.
    pub(crate) fn time(&self) -> Timestamp {
        shifted(self.now, self.clock_ms)
    }

    pub(crate) fn clock(&self) -> Now {
        Now {
            steady: self.now,
            time: self.time(),
        }
    }

    fn on_clock(&mut self, clock_ms: i64) {
        self.clock_ms = clock_ms;
        // What there is to wake up for may be at another time now.
        self.wake_at = None;
    }

    /// Whether this node is a validator at the open height.
    pub(crate) fn is_validator_now(&self) -> bool {
        self.state.validators().contains(&self.address)
    }

    fn take_in(&mut self, transaction: Arc<Verified>, origin: Origin) -> Result<(), PoolRefusal> {
        self.offer(&transaction);
        let inserted =
            self.mempool
                .insert(&self.state, self.clock(), transaction.clone(), origin)?;
        for gone in inserted.gave_up {
            let come_back = PoolRefusal::Full(self.mempool.come_back_s(self.now));
            self.act(Action::Refused(gone.id(), come_back));
        }
        if inserted.new && origin == Origin::App {
            self.act(Action::Relay(transaction));
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Step(timeout, generation) => self.on_step_timer(timeout, generation),
            Timer::Wake => self.wake_at = None,
            // One of several: only the one that is due has another set in its place.
            Timer::Fetch => drop(self.fetches.wake_at.take_if(|at| *at <= self.now)),
            Timer::Repeat => self.consider_repeat(),
            Timer::SayToAll => self.say_to_all(),
            Timer::Tick => self.on_tick(),
        }
    }

    fn on_step_timer(&mut self, timeout: Timeout, generation: u64) {
        let key = timer_key(&timeout);
        let live = self.timers.get(&key) == Some(&generation);
        // Between heights Malachite rests: whoever has missed the votes of a decided height gets
        // its block by catching up.
        if live && self.deciding {
            self.timers.remove(&key);
            self.inbox.push_back(Input::TimeoutElapsed(timeout));
        }
    }

    fn on_tick(&mut self) {
        self.act(Action::SetTimer {
            after_ms: TICK_MS,
            timer: Timer::Tick,
        });
        self.consider_sync();
        let before = Timestamp::from_ms(self.now.ms().saturating_sub(LOOK_AGAIN_MS));
        let lapsed = self.mempool.look_again(&self.state, before, self.clock());
        lapsed
            .relay
            .into_iter()
            .for_each(|transaction| self.act(Action::Relay(transaction)));
        lapsed.refused.into_iter().for_each(|(transaction, fault)| {
            self.act(Action::Refused(transaction.id(), fault.into()))
        });
    }
}

/// A transaction that is not final after this long is looked at again, in milliseconds.
const LOOK_AGAIN_MS: u64 = 3000;

pub(crate) const fn timer_key(timeout: &Timeout) -> (u8, Round) {
    use malachite_types::TimeoutKind as Kind;
    let kind = match timeout.kind {
        Kind::Propose => 0,
        Kind::Prevote => 1,
        Kind::Precommit => 2,
        Kind::Rebroadcast => 3,
        Kind::FinalizeHeight(_) => 4,
    };
    (kind, timeout.round)
}

/// What a node with this state and this clock, asked to vote for the block, would make of it; it
/// may be so far ahead of the clock, in milliseconds.
///
/// # Errors
/// [`InvalidBlock`] if it would not vote for it.
pub fn judge(
    state: &State,
    now: Timestamp,
    clock_ahead_ms_max: u64,
    block: &VerifiedBlock,
) -> Result<(), InvalidBlock> {
    state.validate(block)?;
    check_clock(clock_ahead_ms_max, now, state.tip().time, block)
}

/// A block that is as early as can be after the one before is never ahead: otherwise nothing could
/// be decided after clocks that were ahead are set right.
pub(crate) fn check_clock(
    ahead_ms_max: u64,
    now: Timestamp,
    before: Timestamp,
    block: &VerifiedBlock,
) -> Result<(), InvalidBlock> {
    let time = block.header().time;
    let ahead = time.ms_since(now);
    if ahead > ahead_ms_max && time > before.plus_ms(1) {
        Err(InvalidBlock::Future(ahead))
    } else {
        Ok(())
    }
}

pub(crate) fn threshold(config: &Config) -> malachite_types::ThresholdParams {
    use malachite_types::{ThresholdParam, ThresholdParams};
    if config.safety.two_thirds {
        ThresholdParams::default()
    } else {
        ThresholdParams {
            quorum: ThresholdParam::new(49, 100),
            ..ThresholdParams::default()
        }
    }
}
