//! Votes and certificates from the network: checked for who and when before Malachite sees them.

use std::mem::discriminant;
use std::sync::Arc;

use malachite::Input;
use malachite_signing::VerifierExt;
use malachite_types::{PolkaCertificate, RoundCertificate, SignedVote};
use vote_chain::bft::{Ctx, Vote};
use vote_chain::{BlockHash, Height, PublicKey, ValidatorSet, VerifiedBlock};

use super::{Host, threshold};
use crate::message::{Message, SignedProposal};
use crate::signatures::at_once;

/// Votes of one validator that are kept for a height that has not started: two for each of a few rounds.
const EARLY_VOTES_MAX: usize = 12;
/// Proposals of one validator that are kept for it, each with its block.
const EARLY_PROPOSALS_MAX: usize = 2;

/// A message that no honest peer passes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageFault {
    /// Not signed by a validator of its height.
    #[error("{0:.16} is not a validator at height {1}")]
    Stranger(PublicKey, Height),
    /// The signature is not the validator's.
    #[error("a signature of {0:.16} does not verify")]
    Signature(PublicKey),
    /// A proposal for another block than the one that came with it.
    #[error("the proposal of {0:.16} names another block than the one that it carries")]
    OtherBlock(PublicKey),
    /// A certificate that proves nothing.
    #[error("a certificate for height {0} does not hold")]
    Certificate(Height),
}

/// What came for a height that has not started.
pub(crate) enum Early {
    Vote(SignedVote<Ctx>),
    Proposal(SignedProposal, BlockHash, Result<Arc<VerifiedBlock>, String>),
}

impl Early {
    pub(super) const fn is_proposal(&self) -> bool {
        matches!(self, Self::Proposal(..))
    }

    pub(super) fn signer(&self) -> &PublicKey {
        match self {
            Self::Vote(vote) => &vote.message.voter,
            Self::Proposal(proposal, ..) => &proposal.message.proposer,
        }
    }

    fn is_vote(&self, other: &SignedVote<Ctx>) -> bool {
        matches!(self, Self::Vote(vote) if vote.message == other.message)
    }
}

impl Host {
    pub(super) fn on_message(&mut self, message: Message) -> Result<(), MessageFault> {
        match message {
            Message::Vote(vote) => self.on_vote(vote),
            Message::Polka(certificate) if self.is_current(certificate.height) => {
                self.check_polka(&certificate)?;
                self.inbox.push_back(Input::PolkaCertificate(certificate));
                Ok(())
            }
            Message::Round(certificate) if self.is_current(certificate.height) => {
                self.check_round(&certificate)?;
                self.inbox.push_back(Input::RoundCertificate(certificate));
                Ok(())
            }
            Message::Polka(_) | Message::Round(_) | Message::Proposal(..) => Ok(()),
        }
    }

    fn is_current(&self, height: Height) -> bool {
        self.deciding && height == self.height()
    }

    /// The set that decides a height, as far as it is known: of the next height and of the one after.
    pub(super) fn set_of(&self, height: Height) -> Option<&ValidatorSet> {
        let next = self.height();
        if height == next {
            Some(self.state.validators())
        } else {
            (height == next.next()).then_some(&self.state.registry().after)
        }
    }

    fn on_vote(&mut self, vote: SignedVote<Ctx>) -> Result<(), MessageFault> {
        let Vote { height, voter, .. } = vote.message;
        let Some(set) = self.set_of(height) else { return Ok(()) };
        if !set.contains(&voter) {
            return Err(MessageFault::Stranger(voter, height));
        }
        if !self.checker.vote_holds(&vote.message, &vote.signature) {
            return Err(MessageFault::Signature(voter));
        }
        if voter == self.address {
            self.look_at_own_vote(&vote.message);
        }
        if self.is_current(height) {
            self.feed_vote(vote);
        } else if !self.early.get(&height).is_some_and(|early| early.iter().any(|e| e.is_vote(&vote))) {
            self.keep_early(height, Early::Vote(vote));
        }
        Ok(())
    }

    fn feed_vote(&mut self, vote: SignedVote<Ctx>) {
        if self.window.admit_vote(&vote.message, self.round) {
            self.inbox.push_back(Input::Vote(vote));
        }
    }

    fn check_polka(&self, certificate: &PolkaCertificate<Ctx>) -> Result<(), MessageFault> {
        let (set, thresholds) = (self.state.validators(), threshold(&self.config));
        let few = certificate.polka_signatures.len() <= set.count();
        let holds = || at_once(self.checker.verify_polka_certificate(&Ctx, certificate, set, thresholds)).is_ok();
        if few && holds() { Ok(()) } else { Err(MessageFault::Certificate(certificate.height)) }
    }

    fn check_round(&self, certificate: &RoundCertificate<Ctx>) -> Result<(), MessageFault> {
        let (set, thresholds) = (self.state.validators(), threshold(&self.config));
        let few = certificate.round_signatures.len() <= 2 * set.count();
        let holds = || at_once(self.checker.verify_round_certificate(&Ctx, certificate, set, thresholds)).is_ok();
        if few && holds() { Ok(()) } else { Err(MessageFault::Certificate(certificate.height)) }
    }

    pub(super) fn keep_early(&mut self, height: Height, message: Early) {
        let early = self.early.entry(height).or_default();
        let same = |e: &&Early| e.signer() == message.signer() && discriminant(*e) == discriminant(&message);
        let max = if matches!(message, Early::Vote(_)) { EARLY_VOTES_MAX } else { EARLY_PROPOSALS_MAX };
        if early.iter().filter(same).count() < max {
            early.push(message);
        }
    }

    pub(super) fn feed_early(&mut self, height: Height) {
        for early in self.early.remove(&height).unwrap_or_default() {
            match early {
                Early::Vote(vote) => self.feed_vote(vote),
                Early::Proposal(proposal, hash, block) => self.take_proposal(proposal, hash, block),
            }
        }
        self.early.retain(|later, _| *later > height);
    }
}
