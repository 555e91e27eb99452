//! What two nodes say to each other directly (docs/protocol.md, "Requests between nodes").

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use vote_chain::{
    Block, ChainId, CommitCertificate, Genesis, Height, PublicKey, Purpose, SecretKey, Signature, Timestamp,
    check_node_name, encode,
};
use vote_consensus::Certified;
use vote_network::PeerId;

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
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PeerResponse {
    Hello(Hello),
    /// Its last decided height, its clock, and for who is behind the last block's header with what makes that final, if there is room.
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
}

/// A node's word for which validator it speaks, signed with the validator's key for its network identity alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) name: String,
    pub(crate) key: PublicKey,
    pub(crate) signature: Signature,
}

fn statement(peer: &PeerId, name: &str) -> Vec<u8> {
    encode(&(ByteBuf::from(peer.to_bytes()), name))
}

impl Hello {
    pub(crate) fn new(name: String, key: &SecretKey, chain: &ChainId, peer: &PeerId) -> Self {
        let signature = key.sign(Purpose::Node, chain, &statement(peer, &name));
        Self { name, key: key.public(), signature }
    }

    /// Whether the peer has proven what it says, and does not call itself by a key or an id.
    pub(crate) fn holds(&self, chain: &ChainId, peer: &PeerId) -> bool {
        check_node_name(&self.name).is_ok()
            && self.key.verifies(Purpose::Node, chain, &statement(peer, &self.name), &self.signature)
    }
}
