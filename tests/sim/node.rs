//! One simulated node: an engine on a disk that survives crashes.

use std::collections::BTreeMap;
use std::sync::Arc;

use vote_chain::{
    BlockHash, CommitCertificate, Genesis, Height, SecretKey, ShortId, State, Timestamp,
    TransactionId, VerifiedBlock, encode,
};
use vote_consensus::{
    Action, Config, Decided, Engine, Event, Folder, Halt, Message, Origin, Peer, Recovered,
    SignState, Taken, Timer, Turn, Write,
};

/// What survives a crash: what storage would hold.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) log: Vec<(Height, Vec<u8>)>,
    pub(super) bodies: BTreeMap<(Height, [u8; 32]), Vec<u8>>,
    pub(super) decided: Vec<Arc<Decided>>,
}

impl Disk {
    pub(super) fn flush(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::Log { height, entry } => self.log.push((height, entry)),
                Write::Body(block) => {
                    let key = (block.header().height, *block.hash().as_bytes());
                    self.bodies.insert(key, encode(&block.to_block()));
                }
                Write::Commit(decided) => {
                    let height = decided.block.header().height;
                    self.log.retain(|(open, _)| *open > height);
                    self.bodies.retain(|(open, _), _| *open > height);
                    self.decided.push(decided);
                }
                Write::Sign(_) => panic!("a sign-state is kept apart"),
            }
        }
    }

    pub(super) fn tip(&self) -> Height {
        self.decided
            .last()
            .map_or(Height::GENESIS, |decided| decided.block.header().height)
    }

    /// The state, as rows would give it back.
    pub(super) fn state(&self, genesis: &Genesis) -> State {
        let mut state = State::new(genesis.clone());
        self.decided
            .iter()
            .for_each(|decided| state.commit(decided.block.header(), &decided.changes));
        state
    }

    pub(super) fn blocks(&self, from: Height) -> Vec<(Arc<VerifiedBlock>, CommitCertificate)> {
        let wanted = self
            .decided
            .iter()
            .filter(|decided| decided.block.header().height >= from)
            .take(16);
        wanted
            .map(|decided| (decided.block.clone(), decided.certificate.clone()))
            .collect()
    }
}

/// The file beside the ledger.
#[derive(Clone, Copy)]
pub(super) struct Signs {
    /// None if the file is not there.
    pub(super) state: Option<SignState>,
    pub(super) folder: Folder,
}

impl Default for Signs {
    /// That of a key that was just made.
    fn default() -> Self {
        Self {
            state: Some(SignState::default()),
            folder: Folder::Left,
        }
    }
}

pub(super) fn recover(
    genesis: &Genesis,
    (disk, signs): (&Disk, &Signs),
    key: &SecretKey,
    config: Config,
    now: Timestamp,
) -> Engine {
    let (state, chain) = (disk.state(genesis), genesis.chain());
    let height = state.tip().height.next();
    assert!(
        disk.log.iter().all(|(open, _)| *open == height),
        "the log is that of the open height"
    );
    let log = disk.log.iter().map(|(_, entry)| entry.clone()).collect();
    let body = |bytes: &Vec<u8>| Arc::new(VerifiedBlock::read(&chain, bytes).expect("own disk"));
    let bodies = disk
        .bodies
        .iter()
        .filter(|((open, _), _)| *open == height)
        .map(|(_, bytes)| body(bytes))
        .collect();
    let Signs {
        state: signed,
        folder,
    } = *signs;
    Engine::recover(
        config,
        key.clone(),
        Recovered {
            state,
            log,
            bodies,
            signed,
            folder,
        },
        now,
    )
}

/// Hands gossiped bytes to an engine as a node does, and says whether the node passes them on. An
/// error names what is wrong with them: it is held against whoever has sent them.
pub(super) fn receive(
    engine: &mut Engine,
    now: Timestamp,
    from: Peer,
    bytes: &[u8],
) -> Result<Taken, String> {
    let message = Message::from_bytes(bytes)
        .map_err(|error| error.to_string())?
        .ok_or("no message")?;
    engine
        .receive(now, Some(from), message)
        .map_err(|fault| fault.to_string())
}

/// Hands an answer with transactions of a block to an engine as a node does: with none, if the peer
/// was not asked for all of these.
pub(super) fn take_transactions(
    engine: &mut Engine,
    now: Timestamp,
    from: Peer,
    block: BlockHash,
    wanted: &[(u32, ShortId)],
    given: &[Vec<u8>],
) -> Result<(), String> {
    let chain = engine.state().chain();
    let verify = |bytes: &Vec<u8>| vote_chain::verify(&chain, bytes).map(Arc::new);
    let found: Vec<_> = given
        .iter()
        .map(|bytes| (TransactionId::of(bytes), verify(bytes)))
        .collect();
    let honest = found
        .iter()
        .map(|(id, _)| ShortId::of(&block, id))
        .all(|id| wanted.iter().any(|(_, asked)| *asked == id));
    engine.handle(
        now,
        Event::Transactions(from, block, if honest { found } else { Vec::new() }),
    );
    if honest {
        Ok(())
    } else {
        Err("transactions that it was not asked for".into())
    }
}

pub(super) fn submit(engine: &mut Engine, now: Timestamp, bytes: &[u8], origin: Origin) -> bool {
    let transaction = vote_chain::verify(&engine.state().chain(), bytes).map(Arc::new);
    transaction.is_ok_and(|transaction| {
        engine
            .submit(now, vec![transaction], origin)
            .iter()
            .all(Result::is_ok)
    })
}

/// What a turn means for the world.
pub(super) enum Outcome {
    Publish(Vec<u8>),
    Tell(Peer, Vec<u8>),
    Relay(Vec<u8>),
    Ask(Peer, Height),
    Fetch(Peer, BlockHash, Vec<(u32, ShortId)>),
    Wake(u64, Timer),
    Decided(Arc<Decided>),
    Blame(Peer),
    Halt(Halt),
}

/// What a turn means: what goes to the ledger, what to the sign-state after it, and what then.
pub(super) fn outcomes(turn: Turn) -> (Vec<Write>, Option<SignState>, Vec<Outcome>) {
    let outcome = |action| match action {
        Action::Publish(message) => Some(Outcome::Publish(message.to_bytes())),
        Action::Tell(peer, message) => Some(Outcome::Tell(peer, message.to_bytes())),
        Action::Relay(transaction) => Some(Outcome::Relay(transaction.bytes().to_vec())),
        Action::RequestBlocks { peer, from } => Some(Outcome::Ask(peer, from)),
        Action::RequestTransactions {
            peer,
            block,
            wanted,
        } => Some(Outcome::Fetch(peer, block, wanted)),
        Action::SetTimer { after_ms, timer } => Some(Outcome::Wake(after_ms, timer)),
        Action::Decided(decided) => Some(Outcome::Decided(decided)),
        Action::Halt(halt) => Some(Outcome::Halt(halt)),
        Action::Blame(peer, _) => Some(Outcome::Blame(peer)),
        Action::Refused(..) | Action::Distrust(..) => None,
    };
    let mut signed = None;
    let mut writes = Vec::new();
    for write in turn.writes {
        match write {
            Write::Sign(state) => signed = Some(state),
            Write::Log { .. } | Write::Body(_) | Write::Commit(_) => writes.push(write),
        }
    }
    (
        writes,
        signed,
        turn.actions.into_iter().filter_map(outcome).collect(),
    )
}
