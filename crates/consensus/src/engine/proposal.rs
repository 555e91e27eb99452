//! Proposals: judging those of others, building our own.

use std::sync::Arc;

use malachite::{Input, LocallyProposedValue, ProposedValue};
use malachite_types::{Context, Round, Validity, ValueOrigin};
use vote_chain::bft::{Ctx, Proposal};
use vote_chain::{
    BlockHash, CompactBlock, Height, InvalidBlock, PublicKey, Verified, VerifiedBlock,
};

use super::messages::{Dropped, Early, MessageFault, Taken};
use super::window::{Kind, What};
use super::{Host, check_clock};
use crate::mempool::may_fit;
use crate::message::SignedProposal;
use crate::turn::{Action, Peer, Write};

/// Valid bodies kept for one height. Each was signed for by the proposer of its round, so this many
/// rounds have failed.
pub(super) const BODIES_MAX: usize = 128;

fn what(proposal: &Proposal) -> What {
    (
        proposal.height,
        Kind::Proposal,
        proposal.round,
        Some(proposal.proposer),
        Some(proposal.value),
    )
}

impl Host {
    /// Whether the validators of its height are known.
    fn check_proposal(&self, proposal: &SignedProposal) -> Result<bool, MessageFault> {
        let Proposal {
            height,
            round,
            proposer,
            ..
        } = proposal.message;
        let Some(set) = self.set_of(height) else {
            return Ok(false);
        };
        if round.is_nil() || Ctx.select_proposer(set, height, round).key != proposer {
            return Err(MessageFault::Stranger(proposer, height));
        }
        if !self
            .checker
            .proposal_holds(&proposal.message, &proposal.signature)
        {
            return Err(MessageFault::Signature(proposer));
        }
        Ok(true)
    }

    /// Looks at a proposal: whether it is from the proposer of its round, signed, with short ids
    /// that are signed too, and not one too many. Whether the transactions hold is seen when they
    /// are all here; those who pass it on do not answer for them.
    pub(super) fn on_proposal(
        &mut self,
        from: Option<Peer>,
        proposal: SignedProposal,
        block: CompactBlock,
    ) -> Result<Taken, MessageFault> {
        if !self.check_proposal(&proposal)? {
            return Ok(Taken::Dropped(Dropped::OtherHeight));
        }
        let message = &proposal.message;
        let what = what(message);
        let current = self.round_at(message.height);
        let window = self.windows.entry(message.height).or_default();
        let known = window.knows_proposal(message);
        if !known && !window.wants_proposal(message, current) {
            return Ok(Taken::Dropped(Dropped::TooMany));
        }
        // Anybody can send a proposal again: that must cost no check of the block each time.
        if known && !self.passed.is_due(what, self.now) {
            return Ok(Taken::Dropped(Dropped::Known));
        }
        if !block.is_proposed(&message.value, &message.proposer) {
            return Err(MessageFault::OtherBlock(message.proposer));
        }
        if known {
            return Ok(Taken::New);
        }
        self.windows
            .entry(message.height)
            .or_default()
            .admit_proposal(message, current);
        if message.proposer == self.address {
            self.look_at_own_proposal(message);
        }
        self.complete(from, proposal, block);
        Ok(self.pass_on(what))
    }

    /// What is known of the block that is proposed: for the open height, or for later.
    pub(super) fn place_proposal(
        &mut self,
        proposal: SignedProposal,
        hash: BlockHash,
        block: Result<Arc<VerifiedBlock>, InvalidBlock>,
    ) {
        let height = proposal.message.height;
        if self.deciding && height == self.height() {
            self.take_proposal(proposal, hash, block);
        } else if height >= self.height() {
            self.keep_early(height, Early::Proposal(proposal, hash, block));
        }
    }

    pub(super) fn take_proposal(
        &mut self,
        proposal: SignedProposal,
        hash: BlockHash,
        block: Result<Arc<VerifiedBlock>, InvalidBlock>,
    ) {
        let Proposal {
            height,
            round,
            proposer,
            ..
        } = proposal.message;
        let current = self.round_at(height);
        if !self
            .windows
            .entry(height)
            .or_default()
            .admit_proposal(&proposal.message, current)
        {
            return;
        }
        let validity = match block {
            Ok(block) => self.judge_body(block),
            Err(fault) => {
                self.act(Action::Distrust(proposer, fault));
                Some(Validity::Invalid)
            }
        };
        if let Some(validity) = validity {
            self.value_known(
                height,
                round,
                proposer,
                hash,
                validity,
                ValueOrigin::Consensus,
            );
        }
        self.inbox.push_back(Input::Proposal(proposal));
    }

    /// Our verdict on a block of the open height; none if there is no room to keep it.
    fn judge_body(&mut self, block: Arc<VerifiedBlock>) -> Option<Validity> {
        let proposer = block.header().proposer;
        let in_time = check_clock(
            self.config.clock_ahead_ms_max,
            self.time(),
            self.state.tip().time,
            &block,
        );
        let known = self.bodies.contains_key(&block.hash());
        if !known && self.bodies.len() >= BODIES_MAX {
            return None;
        }
        let verdict = if known { Ok(()) } else { self.keep_body(block) }.and(in_time);
        let valid = verdict.is_ok();
        verdict
            .err()
            .into_iter()
            .for_each(|fault| self.act(Action::Distrust(proposer, fault)));
        Some(Validity::from_bool(valid))
    }

    /// Validates a block of the open height and keeps it, in memory and on the disk, if it is
    /// valid.
    pub(super) fn keep_body(&mut self, block: Arc<VerifiedBlock>) -> Result<(), InvalidBlock> {
        let changes = self.state.validate(&block)?;
        self.write(Write::Body(block.clone()));
        self.bodies.insert(block.hash(), (block, changes));
        Ok(())
    }

    pub(super) fn value_known(
        &mut self,
        height: Height,
        round: Round,
        proposer: PublicKey,
        value: BlockHash,
        validity: Validity,
        origin: ValueOrigin,
    ) {
        let value = ProposedValue {
            height,
            round,
            valid_round: Round::Nil,
            proposer,
            value,
            validity,
        };
        self.inbox.push_back(Input::ProposedValue(value, origin));
    }

    /// Our turn: the block that we built for this round before a crash, or a new one.
    pub(crate) fn propose(&mut self, height: Height, round: Round) {
        if !self.may_propose(height, round) {
            return;
        }
        let before = self
            .built
            .get(&round)
            .copied()
            .filter(|hash| self.bodies.contains_key(hash));
        let hash = before.unwrap_or_else(|| self.build(round));
        self.inbox
            .push_back(Input::Propose(LocallyProposedValue::new(
                height, round, hash,
            )));
    }

    fn build(&mut self, round: Round) -> BlockHash {
        let time = self.time().max(self.state.tip().time.plus_ms(1));
        let block_bytes = self.block_size.bytes();
        let mut bytes = 0;
        let fits = |transaction: &&Arc<Verified>| {
            let first = bytes == 0;
            bytes += transaction.bytes().len();
            first || bytes <= block_bytes
        };
        let leaves_some_out = !self.config.safety.all_that_waits;
        let wanted = |transaction: &&Arc<Verified>| {
            !leaves_some_out || transaction.id().as_bytes()[0].is_multiple_of(2)
        };
        let transactions = self
            .mempool
            .in_turn(block_bytes)
            .filter(wanted)
            .take_while(fits);
        let (block, changes, refused) = self.state.build(time, self.address, transactions);
        for transaction in refused {
            // What does not fit beside the others of this block may become final yet, if another
            // block is decided.
            if let Err(fault) = may_fit(&self.state, self.time(), &transaction) {
                self.mempool.remove(&transaction.id());
                self.act(Action::Refused(transaction.id(), fault.into()));
            }
        }
        let block = Arc::new(block);
        let hash = block.hash();
        self.write(Write::Body(block.clone()));
        self.bodies.insert(hash, (block, changes));
        self.built.insert(round, hash);
        hash
    }

    /// Reads from the log what we built before a crash.
    pub(super) fn note_built(&mut self, entries: &[Input<Ctx>]) {
        for entry in entries {
            if let Input::ProposedValue(value, _) = entry
                && value.proposer == self.address
            {
                self.built.insert(value.round, value.value);
            }
        }
    }
}
