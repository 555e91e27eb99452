//! What of a height was taken in, so that a validator that lies cannot make this node hold more
//! than a little, or pass on more.

use std::collections::{BTreeMap, BTreeSet};

use malachite_types::{NilOrVal, Round, VoteType};
use vote_chain::bft::{Proposal, Vote};
use vote_chain::{BlockHash, Height, PublicKey, Timestamp};

/// Different messages of one validator for one round and step: a second one is evidence, a third is
/// noise.
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
    /// Whether to take in a vote, in round `current`; again if it was before.
    pub(crate) fn admit_vote(&mut self, vote: &Vote, current: Round) -> bool {
        let key = (vote.voter, vote.round, step(vote.kind));
        let known = self.seen.get(&key);
        if known.is_some_and(|values| values.contains(&vote.value)) {
            return true;
        }
        let ahead = vote.round > current
            && known.is_none()
            && self.ahead(&vote.voter, current) >= AHEAD_MAX;
        !ahead && self.admit(key, vote.value)
    }

    /// Whether to take in a proposal, in round `current`; again if it was before.
    pub(crate) fn admit_proposal(&mut self, proposal: &Proposal, current: Round) -> bool {
        self.wants_proposal(proposal, current)
            && self.admit(
                (proposal.proposer, proposal.round, PROPOSAL),
                NilOrVal::Val(proposal.value),
            )
    }

    /// Whether a proposal was taken in.
    pub(crate) fn knows_proposal(&self, proposal: &Proposal) -> bool {
        let known = self
            .seen
            .get(&(proposal.proposer, proposal.round, PROPOSAL));
        known.is_some_and(|values| values.contains(&NilOrVal::Val(proposal.value)))
    }

    /// How many messages it knows.
    pub(crate) fn count(&self) -> usize {
        self.seen.values().map(Vec::len).sum()
    }

    /// The most that it can know, in round `current` and with so many validators.
    pub(crate) fn count_max(current: Round, validators: usize) -> usize {
        let rounds = usize::try_from(current.as_u32().unwrap_or(0))
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        // A proposal, a prevote and a precommit of each round that was reached, and whatever they
        // say of later ones.
        let ahead = AHEAD_MAX + usize::try_from(PROPOSAL_ROUNDS_AHEAD_MAX).unwrap_or(usize::MAX);
        let keys = rounds.saturating_mul(3).saturating_add(ahead);
        keys.saturating_mul(DIFFERENT_MAX * validators)
    }

    /// Who has voted in a round.
    pub(crate) fn voters(&self, round: Round) -> BTreeSet<PublicKey> {
        let votes = self
            .seen
            .keys()
            .filter(|(_, of, step)| *of == round && *step != PROPOSAL);
        votes.map(|(voter, ..)| *voter).collect()
    }

    /// Whether there is room for a proposal, in round `current`, or it was taken in before.
    pub(crate) fn wants_proposal(&self, proposal: &Proposal, current: Round) -> bool {
        let limit = current
            .as_u32()
            .unwrap_or(0)
            .saturating_add(PROPOSAL_ROUNDS_AHEAD_MAX);
        let near = proposal.round.as_u32().is_some_and(|round| round <= limit);
        let known = self
            .seen
            .get(&(proposal.proposer, proposal.round, PROPOSAL));
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
        self.seen
            .range((*voter, current, u8::MAX)..)
            .take_while(|((key, ..), _)| key == voter)
            .count()
    }
}

/// What was passed on, by what it says. Who sends it again, or signs it again, has it passed on
/// again only after a while: a voter says its vote again if it is missed, and not every node is its
/// peer.
#[derive(Default)]
pub(crate) struct Passed {
    at: BTreeMap<What, Timestamp>,
}

/// Of a vote, a proposal, or a certificate: height, kind, round, who has signed it (of a
/// certificate: nobody), and for which block.
pub(crate) type What = (Height, Kind, Round, Option<PublicKey>, Option<BlockHash>);

/// The kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Prevote,
    Precommit,
    Proposal,
    Prevotes,
    Precommits,
    Polka,
    Round,
}

/// What was passed on is not passed on again for so long, in milliseconds.
const AGAIN_MS: u64 = 2000;
/// A proposal: its proposer says it again within the wait for it (`repeat.rs`).
const PROPOSAL_AGAIN_MS: u64 = 350;

impl Passed {
    /// Whether to pass it on; from now on it was.
    pub(crate) fn is_due(&mut self, what: What, now: Timestamp) -> bool {
        let pause = if what.1 == Kind::Proposal {
            PROPOSAL_AGAIN_MS
        } else {
            AGAIN_MS
        };
        let due = self
            .at
            .get(&what)
            .is_none_or(|at| now.ms_since(*at) >= pause);
        if due {
            self.at.insert(what, now);
        }
        due
    }

    /// Forgets what is of heights before this one.
    pub(crate) fn forget_below(&mut self, height: Height) {
        self.at.retain(|what, _| what.0 >= height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::{Hash, SecretKey};

    fn vote(round: u32, value: u8) -> Vote {
        let voter = SecretKey::from_seed(&[1; 32]).public();
        let value = NilOrVal::Val(BlockHash::new(Hash::from_bytes([value; 32])));
        Vote {
            height: Height::new(1),
            round: Round::new(round),
            kind: VoteType::Prevote,
            value,
            voter,
        }
    }

    #[test]
    fn flood_of_rounds_or_values_is_cut_and_what_was_taken_is_taken_again() {
        let (mut window, now) = (Window::default(), Round::new(0));
        let taken = (1..1000)
            .filter(|round| window.admit_vote(&vote(*round, 1), now))
            .count();
        assert_eq!(taken, AHEAD_MAX);
        assert!(
            window.admit_vote(&vote(5, 1), now),
            "a repeated vote is no news"
        );
        assert!(
            window.admit_vote(&vote(5, 2), now),
            "the second is evidence"
        );
        assert!(!window.admit_vote(&vote(5, 3), now));
        assert!(
            window.admit_vote(&vote(0, 1), now),
            "the present round is always heard"
        );
        assert!(
            window.admit_vote(&vote(900, 1), Round::new(899)),
            "the future comes nearer"
        );
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

    #[test]
    fn what_was_passed_on_is_passed_on_again_only_after_a_while() {
        let mut passed = Passed::default();
        let what = (Height::new(3), Kind::Prevote, Round::new(0), None, None);
        let due = |passed: &mut Passed, ms| passed.is_due(what, Timestamp::from_ms(ms));
        assert_eq!(
            [1000, 1001, 2999, 3000, 3001].map(|ms| due(&mut passed, ms)),
            [true, false, false, true, false]
        );
        passed.forget_below(Height::new(4));
        assert!(due(&mut passed, 3002));
    }
}
