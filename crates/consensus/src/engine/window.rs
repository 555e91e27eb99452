//! What of the open height was taken in, so that a validator that lies cannot make this node hold more than a little.

use std::collections::BTreeMap;

use malachite_types::{NilOrVal, Round, VoteType};
use vote_chain::bft::{Proposal, Vote};
use vote_chain::{BlockHash, PublicKey};

/// Different messages of one validator for one round and step: a second one is evidence, a third is noise.
const DIFFERENT_MAX: usize = 2;
/// Messages of one validator for rounds that this node has not reached.
const AHEAD_MAX: usize = 16;
/// A proposal for a round further ahead than this comes too early: its block would have to be kept.
const PROPOSAL_ROUNDS_AHEAD_MAX: u32 = 4;

type Key = (PublicKey, Round, u8);

#[derive(Default)]
pub(crate) struct Window {
    seen: BTreeMap<Key, Vec<NilOrVal<BlockHash>>>,
}

const fn step(kind: VoteType) -> u8 {
    match kind {
        VoteType::Prevote => 0,
        VoteType::Precommit => 1,
    }
}

const PROPOSAL: u8 = 2;

impl Window {
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }

    /// Whether to take in a vote, in round `current`; again if it was before.
    pub(crate) fn admit_vote(&mut self, vote: &Vote, current: Round) -> bool {
        let key = (vote.voter, vote.round, step(vote.kind));
        let known = self.seen.get(&key);
        if known.is_some_and(|values| values.contains(&vote.value)) {
            return true;
        }
        let ahead = vote.round > current && known.is_none() && self.ahead(&vote.voter, current) >= AHEAD_MAX;
        !ahead && self.admit(key, vote.value)
    }

    /// Whether to take in a proposal, in round `current`; again if it was before.
    pub(crate) fn admit_proposal(&mut self, proposal: &Proposal, current: Round) -> bool {
        self.wants_proposal(proposal, current)
            && self.admit((proposal.proposer, proposal.round, PROPOSAL), NilOrVal::Val(proposal.value))
    }

    /// Whether a proposal would be taken in.
    pub(crate) fn wants_proposal(&self, proposal: &Proposal, current: Round) -> bool {
        let limit = current.as_u32().unwrap_or(0).saturating_add(PROPOSAL_ROUNDS_AHEAD_MAX);
        let near = proposal.round.as_u32().is_some_and(|round| round <= limit);
        let known = self.seen.get(&(proposal.proposer, proposal.round, PROPOSAL));
        let value = NilOrVal::Val(proposal.value);
        near && known.is_none_or(|values| values.contains(&value) || values.len() < DIFFERENT_MAX)
    }

    fn admit(&mut self, key: Key, value: NilOrVal<BlockHash>) -> bool {
        let values = self.seen.entry(key).or_default();
        if values.contains(&value) {
            return true;
        }
        let room = values.len() < DIFFERENT_MAX;
        if room {
            values.push(value);
        }
        room
    }

    fn ahead(&self, voter: &PublicKey, current: Round) -> usize {
        self.seen.range((*voter, current, u8::MAX)..).take_while(|((key, ..), _)| key == voter).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::{Hash, Height, SecretKey};

    fn vote(round: u32, value: u8) -> Vote {
        let voter = SecretKey::from_seed(&[1; 32]).public();
        let value = NilOrVal::Val(BlockHash::new(Hash::from_bytes([value; 32])));
        Vote { height: Height::new(1), round: Round::new(round), kind: VoteType::Prevote, value, voter }
    }

    #[test]
    fn flood_of_rounds_or_values_is_cut_and_what_was_taken_is_taken_again() {
        let (mut window, now) = (Window::default(), Round::new(0));
        let taken = (1..1000).filter(|round| window.admit_vote(&vote(*round, 1), now)).count();
        assert_eq!(taken, AHEAD_MAX);
        assert!(window.admit_vote(&vote(5, 1), now), "a repeated vote is no news");
        assert!(window.admit_vote(&vote(5, 2), now), "the second is evidence");
        assert!(!window.admit_vote(&vote(5, 3), now));
        assert!(window.admit_vote(&vote(0, 1), now), "the present round is always heard");
        assert!(window.admit_vote(&vote(900, 1), Round::new(899)), "the future comes nearer");
    }

    #[test]
    fn proposals_for_far_rounds_are_not_kept() {
        let Vote { height, voter, .. } = vote(0, 1);
        let proposal = |round| Proposal {
            height,
            round: Round::new(round),
            value: BlockHash::default(),
            pol_round: Round::Nil,
            proposer: voter,
        };
        let mut window = Window::default();
        assert!(window.admit_proposal(&proposal(4), Round::new(0)));
        assert!(!window.admit_proposal(&proposal(5), Round::new(0)));
        assert!(window.admit_proposal(&proposal(5), Round::new(1)));
    }
}
