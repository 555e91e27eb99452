//! Votes and certificates from the network: checked for who and when before Malachite sees them.

use std::mem::discriminant;
use std::sync::Arc;

use malachite::Input;
use malachite_signing::VerifierExt;
use malachite_types::{
    NilOrVal, PolkaCertificate, PolkaSignature, Round, RoundCertificate, RoundSignature,
    SignedMessage, SignedVote, VoteType,
};
use vote_chain::bft::{Ctx, Vote};
use vote_chain::{
    BlockHash, Height, InvalidBlock, PublicKey, Signature, ValidatorSet, VerifiedBlock,
};

use super::window::{Kind, What};
use super::{Host, threshold};
use crate::message::{Message, SignedProposal};
use crate::signatures::at_once;
use crate::turn::Peer;

/// Votes of one validator that are kept for a height that has not started: two for each of a few
/// rounds.
pub(super) const EARLY_VOTES_MAX: usize = 12;
/// Proposals of one validator that are kept for it, each with its block.
pub(super) const EARLY_PROPOSALS_MAX: usize = 2;

/// A message that no honest peer passes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageFault {
    /// Not signed by a validator of its height.
    #[error("{0:.16} is not a validator at height {1}")]
    Stranger(PublicKey, Height),
    /// The signature is not the validator's.
    #[error("a signature of {0:.16} does not verify")]
    Signature(PublicKey),
    /// A proposal came with another block than it is for, or with short ids that its proposer has
    /// not signed. Its own signature holds, and the proposer need not be at fault.
    #[error("a proposal of {0:.16} was sent with another block than it is for")]
    OtherBlock(PublicKey),
    /// A certificate that proves nothing.
    #[error("a certificate for height {0} does not hold")]
    Certificate(Height),
    /// Votes that were gathered, and not all hold, or that decide nothing.
    #[error("votes that were gathered at height {0} do not all hold, or decide nothing")]
    Votes(Height),
}

/// What this node makes of a message in which nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It holds, and is to be passed on.
    New,
    /// It holds, is for a block that is here, and has come from whoever tells it to all: a vote
    /// from its signer, gathered votes from the proposer. It is to be passed on if no greater
    /// height than this is decided after [`PASS_ON_MS`], since then somebody may not have it.
    FromSigner(Height),
    /// It is not passed on, and nobody is to blame.
    Dropped(Dropped),
}

/// Why a message is not passed on. What depends on how far this node is, is never held against
/// whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// It was passed on a moment ago.
    Known,
    /// It is for a height whose validators this node does not know, or knows no more.
    OtherHeight,
    /// It is for a round that is too far ahead, or its signer has said too many different things of
    /// its round.
    TooMany,
}

/// A vote that has come from its signer is passed on after so long, in milliseconds. Between
/// validators that all reach one another that is hardly ever needed, and each copy costs as much as
/// the vote itself.
pub const PASS_ON_MS: u64 = 200;

impl Dropped {
    /// In words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Known => "it is known",
            Self::OtherHeight => "it is for a height that is over or far ahead",
            Self::TooMany => "it is for a round far ahead, or one of many of its signer",
        }
    }
}

/// What came for a height that has not started.
pub(crate) enum Early {
    Vote(SignedVote<Ctx>),
    Proposal(
        SignedProposal,
        BlockHash,
        Result<Arc<VerifiedBlock>, InvalidBlock>,
    ),
}

impl Early {
    pub(super) fn signer(&self) -> &PublicKey {
        match self {
            Self::Vote(vote) => &vote.message.voter,
            Self::Proposal(proposal, ..) => &proposal.message.proposer,
        }
    }

    /// The block of a proposal, if all of its signatures hold.
    pub(super) fn block(&self) -> Option<&Arc<VerifiedBlock>> {
        match self {
            Self::Proposal(_, _, Ok(block)) => Some(block),
            Self::Proposal(..) | Self::Vote(_) => None,
        }
    }

    fn is_vote(&self, other: &SignedVote<Ctx>) -> bool {
        matches!(self, Self::Vote(vote) if vote.message == other.message)
    }
}

impl Host {
    pub(super) fn on_message(
        &mut self,
        from: Option<Peer>,
        message: Message,
    ) -> Result<Taken, MessageFault> {
        match message {
            Message::Vote(vote) => self.on_vote(from, vote),
            Message::Votes(votes) => self.on_votes(from, &votes),
            Message::Proposal(proposal, block) => self.on_proposal(from, proposal, *block),
            Message::Polka(certificate) if self.is_current(certificate.height) => {
                self.check_polka(&certificate)?;
                let what = (
                    certificate.height,
                    Kind::Polka,
                    certificate.round,
                    None,
                    Some(certificate.value_id),
                );
                self.inbox.push_back(Input::PolkaCertificate(certificate));
                Ok(self.pass_on(what))
            }
            Message::Round(certificate) if self.is_current(certificate.height) => {
                self.check_round(&certificate)?;
                let what = (
                    certificate.height,
                    Kind::Round,
                    certificate.round,
                    None,
                    None,
                );
                self.inbox.push_back(Input::RoundCertificate(certificate));
                Ok(self.pass_on(what))
            }
            Message::Polka(_) | Message::Round(_) => Ok(Taken::Dropped(Dropped::OtherHeight)),
        }
    }

    /// Something holds: whether to pass it on.
    pub(super) fn pass_on(&mut self, what: What) -> Taken {
        if self.passed.is_due(what, self.now) {
            Taken::New
        } else {
            Taken::Dropped(Dropped::Known)
        }
    }

    fn is_current(&self, height: Height) -> bool {
        self.deciding && height == self.height()
    }

    /// The round that this node is in at a height; the first, where it has not begun.
    pub(super) fn round_at(&self, height: Height) -> Round {
        if self.is_current(height) {
            self.round
        } else {
            Round::new(0)
        }
    }

    /// The set that decides a height, as far as it is known: of the next height and of the one
    /// after.
    pub(super) fn set_of(&self, height: Height) -> Option<&ValidatorSet> {
        let next = self.height();
        if height == next {
            Some(self.state.validators())
        } else {
            (height == next.next()).then_some(&self.state.registry().after)
        }
    }

    fn on_vote(
        &mut self,
        from: Option<Peer>,
        vote: SignedVote<Ctx>,
    ) -> Result<Taken, MessageFault> {
        let Vote {
            height,
            round,
            kind,
            value,
            voter,
        } = vote.message;
        let Some(set) = self.set_of(height) else {
            return Ok(Taken::Dropped(Dropped::OtherHeight));
        };
        if !set.contains(&voter) {
            return Err(MessageFault::Stranger(voter, height));
        }
        if !self.checker.vote_holds(&vote.message, &vote.signature) {
            return Err(MessageFault::Signature(voter));
        }
        if !self.take_vote(vote) {
            return Ok(Taken::Dropped(Dropped::TooMany));
        }
        let kind = match kind {
            VoteType::Prevote => Kind::Prevote,
            VoteType::Precommit => Kind::Precommit,
        };
        let block = match value {
            NilOrVal::Val(block) => Some(block),
            NilOrVal::Nil => None,
        };
        let taken = self.pass_on((height, kind, round, Some(voter), block));
        Ok(self.unless_from(from, voter, block, height, taken))
    }

    /// Takes in a vote whose signature holds; false if it is one too many.
    pub(super) fn take_vote(&mut self, vote: SignedVote<Ctx>) -> bool {
        let height = vote.message.height;
        if vote.message.voter == self.address {
            self.look_at_own_vote(&vote.message);
        }
        let current = self.round_at(height);
        if !self
            .windows
            .entry(height)
            .or_default()
            .admit_vote(&vote.message, current)
        {
            return false;
        }
        if self.is_current(height) {
            self.inbox.push_back(Input::Vote(vote));
        } else if !self
            .early
            .get(&height)
            .is_some_and(|early| early.iter().any(|e| e.is_vote(&vote)))
        {
            self.keep_early(height, Early::Vote(vote));
        }
        true
    }

    /// Whether to pass on what holds: later, if it has come from `teller`, who tells it to all.
    pub(super) fn unless_from(
        &self,
        from: Option<Peer>,
        teller: PublicKey,
        block: Option<BlockHash>,
        height: Height,
        taken: Taken,
    ) -> Taken {
        // Of two different votes for one step at least one is for something else than a block that
        // is here. That one goes on at once, so that those who have the other can see both.
        let usual = block.is_some_and(|block| self.held_block(&block).is_some());
        let from_teller =
            from.is_some_and(|from| self.signer.peers_of(&teller).any(|peer| peer == from));
        if taken == Taken::New && usual && from_teller {
            Taken::FromSigner(height)
        } else {
            taken
        }
    }

    fn check_polka(&self, certificate: &PolkaCertificate<Ctx>) -> Result<(), MessageFault> {
        let (set, thresholds) = (self.state.validators(), threshold(&self.config));
        let few = certificate.polka_signatures.len() <= set.count();
        // All in one batch; to Malachite, which asks for one after the other, they are then known.
        let vote = |signed: &PolkaSignature<Ctx>| {
            let value = NilOrVal::Val(certificate.value_id);
            signed_vote(
                certificate.height,
                certificate.round,
                VoteType::Prevote,
                value,
                signed.address,
                signed.signature,
            )
        };
        let votes = certificate.polka_signatures.iter().map(vote);
        let checker = &self.checker;
        let verdict = checker.verify_polka_certificate(&Ctx, certificate, set, thresholds);
        if few && checker.votes_hold(votes) && at_once(verdict).is_ok() {
            Ok(())
        } else {
            Err(MessageFault::Certificate(certificate.height))
        }
    }

    fn check_round(&self, certificate: &RoundCertificate<Ctx>) -> Result<(), MessageFault> {
        let (set, thresholds) = (self.state.validators(), threshold(&self.config));
        let few = certificate.round_signatures.len() <= 2 * set.count();
        let vote = |signed: &RoundSignature<Ctx>| {
            let RoundSignature {
                vote_type,
                value_id,
                address,
                signature,
            } = *signed;
            signed_vote(
                certificate.height,
                certificate.round,
                vote_type,
                value_id,
                address,
                signature,
            )
        };
        let votes = certificate.round_signatures.iter().map(vote);
        let checker = &self.checker;
        let verdict = checker.verify_round_certificate(&Ctx, certificate, set, thresholds);
        if few && checker.votes_hold(votes) && at_once(verdict).is_ok() {
            Ok(())
        } else {
            Err(MessageFault::Certificate(certificate.height))
        }
    }

    pub(super) fn keep_early(&mut self, height: Height, message: Early) {
        let early = self.early.entry(height).or_default();
        let same = |e: &&Early| {
            e.signer() == message.signer() && discriminant(*e) == discriminant(&message)
        };
        let max = if matches!(message, Early::Vote(_)) {
            EARLY_VOTES_MAX
        } else {
            EARLY_PROPOSALS_MAX
        };
        if early.iter().filter(same).count() < max {
            early.push(message);
        }
    }

    pub(super) fn feed_early(&mut self, height: Height) {
        for early in self.early.remove(&height).unwrap_or_default() {
            match early {
                Early::Vote(vote) => self.inbox.push_back(Input::Vote(vote)),
                Early::Proposal(proposal, hash, block) => self.take_proposal(proposal, hash, block),
            }
        }
        self.early.retain(|later, _| *later > height);
    }
}

fn signed_vote(
    height: Height,
    round: Round,
    kind: VoteType,
    value: NilOrVal<BlockHash>,
    voter: PublicKey,
    signature: Signature,
) -> SignedVote<Ctx> {
    SignedMessage::new(
        Vote {
            height,
            round,
            kind,
            value,
            voter,
        },
        signature,
    )
}
