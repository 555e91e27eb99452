//! What two nodes say to each other directly (docs/protocol.md, "Requests between nodes").

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use vote_chain::{Block, BlockHash, CommitCertificate, Genesis, Height, Hello, ShortId, Timestamp};
use vote_consensus::Certified;

/// A question to one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PeerRequest {
    /// Who are you? Here is who I am.
    Hello(Hello),
    /// My last decided height; what is yours?
    Status(Height),
    /// Decided blocks from this height on, as many as fit into one answer.
    Blocks(Height),
    /// Where does the chain begin?
    Genesis,
    /// Would you vote for this block?
    Judge(Block),
    /// Would you take this block for final?
    JudgeDecided(Block, CommitCertificate),
    /// Here are proofs of misbehaviour; which have you?
    Evidence(Vec<ByteBuf>),
    /// Transactions of a proposed block, at these places and with these short ids: at most
    /// [`PLACES_MAX`].
    Transactions(BlockHash, Vec<(u32, ShortId)>),
    /// My vote for the block that you have proposed.
    Vote(ByteBuf),
}

/// Transactions that a peer asks for at one time.
pub(crate) const PLACES_MAX: usize = 1024;

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PeerResponse {
    Hello(Hello),
    /// Its last decided height, its clock, and for who is behind the last block's header with what
    /// makes that final, if there is room.
    Status(Height, Timestamp, Option<Box<Certified>>),
    /// Encoded blocks and what makes them final, in order.
    Blocks(Vec<(ByteBuf, CommitCertificate)>),
    Genesis(Box<Genesis>),
    /// Whether it would, and why not.
    Verdict {
        accepted: bool,
        reason: String,
    },
    /// All that it keeps.
    Evidence(Vec<ByteBuf>),
    /// Those of the wanted ones that it has, as many as fit into one answer.
    Transactions(Vec<ByteBuf>),
    /// It has heard it.
    Heard,
}
