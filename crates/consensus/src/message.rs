//! What nodes tell all others. Malachite's own types travel in its own encoding, inside our
//! envelope.

use borsh::{BorshDeserialize, BorshSerialize};
use malachite::LivenessMsg;
use malachite_types::{
    NilOrVal, PolkaCertificate, Round, RoundCertificate, SignedMessage, SignedVote, VoteType,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use vote_chain::bft::{Ctx, Proposal, Vote};
use vote_chain::{
    BlockHash, CompactBlock, DecodeError, Height, PublicKey, Signature, decode, encode,
};

/// A proposal with its proposer's signature.
pub type SignedProposal = SignedMessage<Ctx, Proposal>;

/// A consensus message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A prevote or a precommit.
    Vote(SignedVote<Ctx>),
    /// Proof that more than two thirds prevoted for a block.
    Polka(PolkaCertificate<Ctx>),
    /// Proof that a round is over.
    Round(RoundCertificate<Ctx>),
    /// A proposal with the block that it is for, whose transactions are named by short ids.
    Proposal(SignedProposal, Box<CompactBlock>),
    /// Votes of one step for one block, which decide it: its proposer has gathered them.
    Votes(Votes),
}

/// Votes of one step for one block.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Votes {
    /// Of which height.
    pub height: Height,
    /// Of which round.
    pub round: Round,
    /// Of which step.
    pub kind: VoteType,
    /// For which block.
    pub block: BlockHash,
    /// Who has voted, with the signature of the vote.
    pub signatures: Vec<(PublicKey, Signature)>,
}

impl Votes {
    /// Each of them.
    pub(crate) fn each(&self) -> impl Iterator<Item = SignedVote<Ctx>> {
        let Self {
            height,
            round,
            kind,
            block,
            ..
        } = *self;
        let vote = move |voter| Vote {
            height,
            round,
            kind,
            value: NilOrVal::Val(block),
            voter,
        };
        self.signatures
            .iter()
            .map(move |(voter, signature)| SignedMessage::new(vote(*voter), *signature))
    }
}

#[derive(Serialize, Deserialize)]
enum Envelope {
    Vote(ByteBuf),
    Polka(ByteBuf),
    Round(ByteBuf),
    Proposal(ByteBuf, Box<CompactBlock>),
    Votes(ByteBuf),
}

fn pack(value: &impl BorshSerialize) -> ByteBuf {
    ByteBuf::from(borsh::to_vec(value).expect("encoding to memory"))
}

fn unpack<T: BorshDeserialize>(bytes: &[u8]) -> Option<T> {
    borsh::from_slice(bytes).ok()
}

impl Message {
    /// As bytes for the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&match self {
            Self::Vote(vote) => Envelope::Vote(pack(vote)),
            Self::Polka(certificate) => Envelope::Polka(pack(certificate)),
            Self::Round(certificate) => Envelope::Round(pack(certificate)),
            Self::Proposal(proposal, block) => Envelope::Proposal(pack(proposal), block.clone()),
            Self::Votes(votes) => Envelope::Votes(pack(votes)),
        })
    }

    /// From bytes off the wire. Nothing is verified yet.
    ///
    /// # Errors
    /// None inside if the inner encoding is broken; [`DecodeError`] if the envelope is.
    pub fn from_bytes(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        Ok(match decode(bytes)? {
            Envelope::Vote(vote) => unpack(&vote).map(Self::Vote),
            Envelope::Polka(certificate) => unpack(&certificate).map(Self::Polka),
            Envelope::Round(certificate) => unpack(&certificate).map(Self::Round),
            Envelope::Proposal(proposal, block) => {
                unpack(&proposal).map(|proposal| Self::Proposal(proposal, block))
            }
            Envelope::Votes(votes) => unpack(&votes).map(Self::Votes),
        })
    }

    pub(crate) fn liveness(message: LivenessMsg<Ctx>) -> Self {
        match message {
            LivenessMsg::Vote(vote) => Self::Vote(vote),
            LivenessMsg::PolkaCertificate(certificate) => Self::Polka(certificate),
            LivenessMsg::SkipRoundCertificate(certificate) => Self::Round(certificate),
        }
    }
}
