//! What the engine wants done.

use std::sync::Arc;

use malachite_types::Timeout;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use vote_chain::{
    BlockHash, Changes, CommitCertificate, Height, InvalidBlock, InvalidTransaction, PublicKey, TransactionId,
    Verified, VerifiedBlock,
};

use crate::message::Message;

/// A peer, by a number that the host gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer(pub u64);

/// What one or more events led to. Make all `writes` durable in one step, and only then carry out the `actions`, in
/// order. If the writes fail, the process must end without any of the actions.
#[derive(Debug, Default)]
pub struct Turn {
    /// To the disk, together.
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
    /// A block that may be decided.
    Body {
        /// The open height.
        height: Height,
        /// Its hash.
        hash: BlockHash,
        /// The block.
        block: Arc<VerifiedBlock>,
    },
    /// A decided block. The log and the bodies up to its height are of no more use.
    Commit(Arc<Decided>),
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
    pub evidence: Vec<Equivocation>,
}

/// Two things that one validator signed for the same height, round and step: proof of its fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Equivocation {
    /// The validator.
    pub validator: PublicKey,
    /// What was signed twice, in words.
    pub what: String,
    /// The first signed message (docs/protocol.md, "Evidence").
    pub first: ByteBuf,
    /// The second.
    pub second: ByteBuf,
}

/// Something to do once the writes are durable.
#[derive(Debug)]
pub enum Action {
    /// Tell every peer.
    Publish(Box<Message>),
    /// Ask a peer for decided blocks from a height on; answer with `Event::Blocks` or `Event::BlocksFailed`.
    RequestBlocks {
        /// The peer.
        peer: Peer,
        /// The first height wanted.
        from: Height,
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
    /// A transaction that was accepted can no longer become final.
    Refused(TransactionId, InvalidTransaction),
    /// A block is final.
    Decided(Arc<Decided>),
    /// This node does not vote for a block that a validator has proposed.
    Distrust(PublicKey, InvalidBlock),
    /// A peer has sent what no honest one sends.
    Blame(Peer, String),
    /// Going on could do harm: end the process, and say why.
    Halt(String),
}

/// A timer of the engine; opaque to its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// One of Malachite's; stale unless the generation is the last one.
    Step(Timeout, u64),
    /// Time to see whether a height should start.
    Wake,
    /// Time to see who is ahead and what should be repeated.
    Tick,
}
