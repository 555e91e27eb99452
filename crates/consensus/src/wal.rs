//! Entries of the log: the inputs that Malachite wants to see again after a restart.

use borsh::{BorshDeserialize, BorshSerialize};
use malachite::{Input, ProposedValue};
use malachite_types::{PolkaCertificate, Round, SignedVote, Timeout, TimeoutKind, ValueOrigin};
use vote_chain::bft::Ctx;

use crate::message::SignedProposal;

#[derive(BorshSerialize, BorshDeserialize)]
pub(crate) enum LogEntry {
    Vote(SignedVote<Ctx>),
    Proposal(SignedProposal),
    ProposedValue(ProposedValue<Ctx>),
    Polka(PolkaCertificate<Ctx>),
    TimeoutPropose(Round),
    TimeoutPrevote(Round),
    TimeoutPrecommit(Round),
}

impl LogEntry {
    /// None for inputs that need no log.
    pub(crate) fn from_input(input: Input<Ctx>) -> Option<Self> {
        Some(match input {
            Input::Vote(vote) => Self::Vote(vote),
            Input::Proposal(proposal) => Self::Proposal(proposal),
            Input::ProposedValue(value, _) => Self::ProposedValue(value),
            Input::PolkaCertificate(certificate) => Self::Polka(certificate),
            Input::TimeoutElapsed(Timeout {
                kind: TimeoutKind::Propose,
                round,
            }) => Self::TimeoutPropose(round),
            Input::TimeoutElapsed(Timeout {
                kind: TimeoutKind::Prevote,
                round,
            }) => Self::TimeoutPrevote(round),
            Input::TimeoutElapsed(Timeout {
                kind: TimeoutKind::Precommit,
                round,
            }) => Self::TimeoutPrecommit(round),
            _ => return None,
        })
    }

    pub(crate) fn into_input(self) -> Input<Ctx> {
        match self {
            Self::Vote(vote) => Input::Vote(vote),
            Self::Proposal(proposal) => Input::Proposal(proposal),
            Self::ProposedValue(value) => Input::ProposedValue(value, ValueOrigin::Consensus),
            Self::Polka(certificate) => Input::PolkaCertificate(certificate),
            Self::TimeoutPropose(round) => Input::TimeoutElapsed(Timeout::propose(round)),
            Self::TimeoutPrevote(round) => Input::TimeoutElapsed(Timeout::prevote(round)),
            Self::TimeoutPrecommit(round) => Input::TimeoutElapsed(Timeout::precommit(round)),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("encoding to memory")
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }
}
