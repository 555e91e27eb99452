//! Instant runoff.

use crate::budget::Budget;
use crate::outcome::{Action, Outcome, Round, Votes};
use crate::profile::{Group, Profile};
use crate::ties::{Breaker, Seed};

/// Whom a ballot counts for among those who are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This one.
    One(usize),
    /// Several who are left have the rank that counts: it does not say whom.
    Several,
    /// It names nobody who is left.
    Nobody,
}

pub(crate) fn next_choice(group: &Group, left: &[bool]) -> Choice {
    for rank in &group.ranks {
        let mut standing = rank.iter().copied().filter(|candidate| left[*candidate]);
        match (standing.next(), standing.next()) {
            (Some(one), None) => return Choice::One(one),
            (Some(_), Some(_)) => return Choice::Several,
            (None, _) => {}
        }
    }
    Choice::Nobody
}

/// Instant runoff: who has more than half of the votes that count or may yet count wins; until then, who has the fewest is excluded. Of several
/// with the fewest, the one that had fewer in the latest earlier round in which they differ; else the seed picks. A ballot
/// that ranks several equally counts for nobody until only one of them is left.
pub fn irv(profile: &Profile, seed: Seed, budget: &mut Budget) -> Option<Outcome> {
    let n = profile.candidates();
    let (mut left, mut breaker) = (vec![true; n], Breaker::new(seed));
    let mut rounds: Vec<Round> = Vec::new();
    while left.contains(&true) {
        budget.spend(profile.size() + n * rounds.len())?;
        let (mut counts, mut waiting, mut exhausted) = (vec![0; n], 0, 0);
        for group in profile.groups() {
            match next_choice(group, &left) {
                Choice::One(candidate) => counts[candidate] += group.count,
                Choice::Several => waiting += group.count,
                Choice::Nobody => exhausted += group.count,
            }
        }
        let standing: Vec<usize> = (0..n).filter(|candidate| left[*candidate]).collect();
        // Between the last two, a ballot that has both equal will never say whom.
        let may_count = counts.iter().sum::<u64>() + if standing.len() > 2 { waiting } else { 0 };
        let ahead = standing.iter().copied().find(|candidate| counts[*candidate] * 2 > may_count);
        let winner = ahead.or(if let [last] = standing.as_slice() { Some(*last) } else { None });
        let votes = counts.iter().copied().map(Votes::whole).collect();
        let exhausted = Votes::whole(exhausted + waiting);
        if let Some(winner) = winner {
            rounds.push(Round { votes, exhausted, actions: vec![Action::Elect(vec![winner])] });
            return Some(Outcome { winners: vec![winner], rounds, ties: breaker.ties, ..Outcome::default() });
        }
        rounds.push(Round { votes, exhausted, actions: Vec::new() });
        let last = fewest(&rounds, &standing, &mut breaker);
        left[last] = false;
        rounds.last_mut().expect("just pushed").actions.push(Action::Exclude(last));
    }
    Some(Outcome::default())
}

/// The one of `standing` with the fewest votes; of equals, by the rounds before, the latest first; then by the seed.
pub(crate) fn fewest(rounds: &[Round], standing: &[usize], breaker: &mut Breaker) -> usize {
    let mut lowest = standing.to_vec();
    for round in rounds.iter().rev() {
        let least = lowest.iter().map(|candidate| round.votes[*candidate]).min().unwrap_or_default();
        lowest.retain(|candidate| round.votes[*candidate] == least);
        if lowest.len() == 1 {
            break;
        }
    }
    breaker.pick(&lowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::profile;

    const SEED: Seed = Seed([0; 32]);

    fn irv(profile: &Profile, seed: Seed) -> Outcome {
        super::irv(profile, seed, &mut Budget::unlimited()).unwrap()
    }

    fn burlington() -> (crate::formats::File, Profile) {
        let text = include_str!("../../../testdata/burlington-2009-mayor.blt");
        let file = crate::formats::Format::Blt.parse(text).unwrap();
        let profile = file.profile();
        (file, profile)
    }

    #[test]
    fn burlington_2009_has_its_published_rounds() {
        let (file, profile) = burlington();
        let outcome = irv(&profile, SEED);
        let place = |name: &str| file.candidates.iter().position(|candidate| candidate.starts_with(name)).unwrap();
        assert_eq!(outcome.winners, [place("Bob Kiss")]);
        let last = outcome.rounds.last().unwrap();
        assert_eq!(last.votes[place("Bob Kiss")], Votes::whole(4314));
        assert_eq!(last.votes[place("Kurt Wright")], Votes::whole(4064));
        assert!(outcome.ties.is_empty());
    }

    #[test]
    fn burlington_2009_has_another_winner_by_schulze() {
        let (file, profile) = burlington();
        let outcome = crate::schulze(&profile, 1, SEED, &mut Budget::unlimited()).unwrap();
        assert!(file.candidates[outcome.winners[0]].starts_with("Andy Montroll"));
    }

    #[test]
    fn tennessee_is_won_by_knoxville() {
        let ballots: [(u64, &[usize]); 4] =
            [(42, &[0, 1, 2, 3]), (26, &[1, 2, 3, 0]), (15, &[2, 3, 1, 0]), (17, &[3, 2, 1, 0])];
        let outcome = irv(&profile(4, &ballots), SEED);
        assert_eq!(outcome.winners, [3]);
        let excluded: Vec<_> = outcome.rounds.iter().flat_map(|round| &round.actions).collect();
        assert_eq!(excluded, [&Action::Exclude(2), &Action::Exclude(1), &Action::Elect(vec![3])]);
    }

    #[test]
    fn equal_rank_waits_until_one_is_left_and_ties_look_back_before_the_seed_is_asked() {
        let equal = Group { count: 5, ranks: vec![vec![0, 1], vec![2]] };
        let plain = Group { count: 1, ranks: vec![vec![2]] };
        let outcome = irv(&Profile::new(3, vec![equal, plain]).unwrap(), SEED);
        assert_eq!(outcome.rounds[0].exhausted, Votes::whole(5));
        assert_ne!(outcome.winners, [2], "the five count for one of theirs once the other is out");
        let fourth = Group { count: 2, ranks: vec![vec![1]] };
        let tied = Group { count: 5, ranks: vec![vec![0, 1]] };
        let others = [(4, 2), (3, 0)].map(|(count, place)| Group { count, ranks: vec![vec![place]] });
        let outcome = irv(&Profile::new(3, [vec![tied, fourth], others.into()].concat()).unwrap(), SEED);
        assert_eq!(outcome.winners, [0], "the five count once 1 is out");
        // After 3 is excluded, 1 and 2 have four each; 1 had fewer before.
        let ballots: [(u64, &[usize]); 4] = [(7, &[0]), (3, &[1]), (4, &[2]), (1, &[3, 1])];
        let outcome = irv(&profile(4, &ballots), SEED);
        assert_eq!(outcome.rounds[1].actions, [Action::Exclude(1)]);
        assert!(outcome.ties.is_empty());
        let outcome = irv(&profile(2, &[(1, &[0]), (1, &[1])]), SEED);
        assert_eq!(outcome.ties.len(), 1);
        assert_eq!(irv(&profile(2, &[]), SEED).winners.len(), 1, "nobody has voted, and the seed decides");
    }
}
