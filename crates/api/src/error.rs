//! How a call fails.

use std::path::PathBuf;

use vote_chain::{ChainId, TransactionId, Version};

use crate::message::{Greeting, Refusal};

/// The node cannot be reached, or cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody is there.
    #[error(
        "no node answers on {path}: {source}; is it running? Say where with --socket or VOTE_SOCKET"
    )]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Somebody is there who does not say what it is.
    #[error("the node on {path} does not greet, and is probably older than this program: {fault}")]
    Silent {
        /// The socket.
        path: PathBuf,
        /// What went wrong.
        #[source]
        fault: CallError,
    },
    /// The node and this program do not speak the same.
    #[error(
        "{}: the node on {path} is of version {} (app protocol {}), this program of version {} (app protocol {})",
        who_is_too_old(ours, theirs),
        theirs.program,
        theirs.speaks,
        ours.program,
        ours.speaks
    )]
    OtherVersion {
        /// The socket.
        path: PathBuf,
        /// What this program is.
        ours: Greeting,
        /// What the node is.
        theirs: Greeting,
    },
}

fn who_is_too_old(ours: &Greeting, theirs: &Greeting) -> &'static str {
    if theirs.speaks > ours.speaks {
        "this program is too old for the node; use a newer release of it"
    } else {
        "the node is too old for this program; have its operator install a newer release"
    }
}

/// A call that has brought no answer, or a refusal, or an answer that does not hold.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The node refuses.
    #[error("{}", .0.reason)]
    Refused(Refusal),
    /// The node is leaving, or gone.
    #[error(
        "the node has gone; what was not final must be submitted to another node, or to this one when it is back"
    )]
    Gone,
    /// The node is there and does not answer.
    #[error("the node has not answered within {0} s")]
    Silent(u64),
    /// The node answers something else than was asked, or what cannot be read.
    #[error("the node gave an answer that does not fit the question; is it of another version?")]
    Unexpected,
    /// What the node says is not so: signatures, hashes and proofs say otherwise.
    #[error("the node on {} is at fault: {what}. Do not rely on what it says; use another node", .node.display())]
    False {
        /// The node's socket.
        node: PathBuf,
        /// What is not so.
        what: String,
    },
    /// The node is of another chain than the one that is trusted.
    #[error("the node on {} is on chain {found}, not on {trusted}, which you trust", .node.display())]
    OtherChain {
        /// The node's socket.
        node: PathBuf,
        /// The chain that is trusted.
        trusted: ChainId,
        /// The chain that the node is on.
        found: ChainId,
    },
    /// The chain has moved on, and this program has not.
    #[error(
        "the chain goes by protocol version {0}, which this program does not have, so that it cannot check what the node says: use a newer \
         release of it"
    )]
    TooOld(Version),
    /// Accepted, and not final in time.
    #[error(
        "accepted, but not final after {seconds} s. Nothing is lost: the node goes on trying. Submit it again to wait for it; it counts once. \
         Its id is {id}"
    )]
    NotFinal {
        /// The transaction.
        id: TransactionId,
        /// How long it was waited for.
        seconds: u64,
    },
}
