//! What the engine wants done.

use std::sync::Arc;

use malachite_types::Timeout;
use vote_chain::{
    BlockHash, Changes, CommitCertificate, Height, InvalidBlock, PublicKey, ShortId, TransactionId,
    Verified, VerifiedBlock, Version,
};

use crate::evidence::{Certified, Evidence};
use crate::mempool::PoolRefusal;
use crate::message::Message;
use crate::signed::SignState;

/// A peer, by a number that the host gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer(pub u64);

/// What one or more events led to. Make all `writes` durable, and only then carry out the
/// `actions`, in order. If the writes fail, the process must end without any of the actions.
///
/// All writes but [`Write::Sign`] become durable in one step; after that the last [`Write::Sign`]
/// does, in a file of its own. In this order, since a sign-state that knows more than the ledger
/// means that the ledger is an older copy.
#[derive(Debug, Default)]
pub struct Turn {
    /// To the disk.
    pub writes: Vec<Write>,
    /// After that.
    pub actions: Vec<Action>,
}

/// Something that must survive a crash.
#[derive(Clone, Debug)]
pub enum Write {
    /// An entry of the log of an open height, in order.
    Log {
        /// The open height.
        height: Height,
        /// Opaque.
        entry: Vec<u8>,
    },
    /// A block of the open height that may be decided.
    Body(Arc<VerifiedBlock>),
    /// A decided block. The log and the bodies up to its height are of no more use.
    Commit(Arc<Decided>),
    /// What this validator has signed; takes the place of what was written before.
    Sign(SignState),
}

/// A block that is final, and what it changes.
#[derive(Debug)]
pub struct Decided {
    /// The block.
    pub block: Arc<VerifiedBlock>,
    /// What makes it final.
    pub certificate: CommitCertificate,
    /// What it changes.
    pub changes: Changes,
    /// Validators that were seen to sign two different things.
    pub evidence: Vec<Evidence>,
}

/// Something to do once the writes are durable.
#[derive(Debug)]
pub enum Action {
    /// Tell every peer.
    Publish(Box<Message>),
    /// Tell one peer.
    Tell(Peer, Box<Message>),
    /// Ask a peer for decided blocks from a height on; answer with `Engine::blocks_arrived` or
    /// `Event::BlocksFailed`.
    RequestBlocks {
        /// The peer.
        peer: Peer,
        /// The first height wanted.
        from: Height,
    },
    /// Ask a peer for transactions of a proposed block; answer with `Event::Transactions`. Those
    /// that come must be among these, or the peer is at fault.
    RequestTransactions {
        /// The peer.
        peer: Peer,
        /// The block.
        block: BlockHash,
        /// What this node lacks: places in the block, and the short ids there.
        wanted: Vec<(u32, ShortId)>,
    },
    /// Deliver `Event::Timer` after so many milliseconds.
    SetTimer {
        /// Milliseconds.
        after_ms: u64,
        /// What to deliver.
        timer: Timer,
    },
    /// Pass a transaction on to the peers.
    Relay(Arc<Verified>),
    /// A transaction that was accepted waits no more: it can no longer become final, or has made
    /// room for others.
    Refused(TransactionId, PoolRefusal),
    /// A block is final.
    Decided(Arc<Decided>),
    /// This node does not vote for a block that a validator has proposed.
    Distrust(PublicKey, InvalidBlock),
    /// A peer has sent what no honest one sends.
    Blame(Peer, String),
    /// Going on could do harm: end the process, and say why.
    Halt(Halt),
}

impl Action {
    /// Whether it says something that must be on the disk first.
    pub(crate) const fn rests_on_writes(&self) -> bool {
        !matches!(
            self,
            Self::SetTimer { .. }
                | Self::RequestTransactions { .. }
                | Self::Blame(..)
                | Self::Distrust(..)
        )
    }
}

/// Why a node must end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// A block is final that does not follow from this node's last block.
    #[error("block {:.16} of height {} is final, and does not follow from the last block of this ledger", .0.header.hash(), .0.header.height)]
    Fork(Box<Certified>),
    /// A block is final that no honest validator votes for.
    #[error("block {hash} at height {height} is certified, but breaks a rule: {fault}")]
    Certified {
        /// The block.
        hash: BlockHash,
        /// Its height.
        height: Height,
        /// The rule.
        fault: InvalidBlock,
    },
    /// What is on the disk does not fit together.
    #[error("{0}")]
    Damaged(&'static str),
    /// The key of this validator signs, or is shown, somewhere else.
    #[error("the key of this validator is used elsewhere: {0}")]
    KeyElsewhere(String),
    /// The key is a validator's, and nothing is known of what it has signed.
    #[error("{0} is a validator, and nothing here knows what it has signed")]
    KeyUnknown(PublicKey),
    /// The chain moves to a protocol version that this program does not have.
    #[error(
        "from block {from} on the chain goes by protocol version {version}, and this program has versions up to {newest}"
    )]
    NewProtocol {
        /// The first height of that version.
        from: Height,
        /// The version.
        version: Version,
        /// The newest that this program has.
        newest: Version,
    },
    /// The agreement has come to a point where it cannot be.
    #[error("consensus cannot go on: {0}")]
    Broken(String),
}

/// A timer of the engine; opaque to its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// One of Malachite's; stale unless the generation is the last one.
    Step(Timeout, u64),
    /// Time to see whether a height should start.
    Wake,
    /// Time to see whom to ask for transactions of proposed blocks.
    Fetch,
    /// Time to see whether a proposal should be said again.
    Repeat,
    /// Time to see whether votes that only a proposer has heard should be said to all.
    SayToAll,
    /// Time to see who is ahead and what should be repeated.
    Tick,
}
