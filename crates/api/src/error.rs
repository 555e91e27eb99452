//! How a call fails.

use std::path::PathBuf;

use vote_chain::{ChainId, TransactionId};

use crate::message::Refusal;

/// The node cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "no node answers on {path}: {source}; is it running? Say where with --socket or VOTE_SOCKET"
)]
pub struct ConnectError {
    /// The socket.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: std::io::Error,
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
