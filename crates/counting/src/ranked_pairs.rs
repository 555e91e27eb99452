//! Ranked pairs (Tideman, "Independence of clones as a criterion for voting rules", Social Choice
//! and Welfare 4, 1987), with winning votes as the strength of a pair.

use std::cmp::Reverse;

use crate::budget::Budget;
use crate::outcome::{Outcome, Stake, TieBreak};
use crate::profile::Profile;
use crate::rule::Terms;
use crate::ties::Breaker;

/// Who is placed above whom so far, and so above all whom that one is above: a row of bits for each
/// candidate, those below it.
struct Above(Vec<Vec<u64>>);

impl Above {
    fn new(candidates: usize) -> Self {
        let words = candidates.div_ceil(64);
        Self(vec![vec![0; words]; candidates])
    }

    fn has(&self, a: usize, b: usize) -> bool {
        self.0[a][b / 64] & (1 << (b % 64)) != 0
    }

    /// Places `a` above `b`; refuses if `b` is above `a` already. It looks at each candidate once,
    /// and changes each row at most once for each candidate that comes below it: the third power
    /// of the candidates for all pairs together, however many there are.
    fn lock(&mut self, a: usize, b: usize) -> bool {
        if self.has(b, a) {
            return false;
        }
        if !self.has(a, b) {
            let mut below = self.0[b].clone();
            below[b / 64] |= 1 << (b % 64);
            for above in 0..self.0.len() {
                if (above == a || self.has(above, a)) && !self.has(above, b) {
                    let row = self.0[above].iter_mut().zip(&below);
                    row.for_each(|(row, below)| *row |= below);
                }
            }
        }
        true
    }
}

/// Ranked pairs: the pairs of which one is preferred by more votes than the other are locked in one
/// after another, unless those before say the opposite: first those that are won by the most votes;
/// of equal ones, those with fewer votes against. Pairs that are equal in both go by a ranking of
/// all candidates that the seed draws as its first lot, as Zavist and Tideman have one drawn
/// ("Complete independence of clones in the ranked pairs rule", Social Choice and Welfare 6, 1989):
/// by the place of the winner in it, then by that of the loser. If equal pairs cannot all be locked
/// in, so that this order matters, it is said as a tie.
///
/// Who has nobody above wins; for more seats, the same among the rest. Several who have nobody above
/// are tied; if they are more than the seats left, the seed picks.
pub(crate) fn ranked_pairs(
    profile: &Profile,
    terms: &Terms,
    budget: &mut Budget,
) -> Option<Outcome> {
    let wins = profile.pairwise(budget)?;
    let n = profile.candidates();
    budget.spend(n * n * n)?;
    let mut breaker = Breaker::new(terms.seed);
    let lot = breaker.ranking(n);
    let mut place = vec![0; n];
    for (at, candidate) in lot.iter().enumerate() {
        place[*candidate] = at;
    }
    let strength = |(a, b): &(usize, usize)| (Reverse(wins[*a][*b]), wins[*b][*a]);
    let all = (0..n).flat_map(|a| (0..n).map(move |b| (a, b)));
    let mut pairs: Vec<_> = all.filter(|(a, b)| wins[*a][*b] > wins[*b][*a]).collect();
    pairs.sort_by_key(|pair| (strength(pair), place[pair.0], place[pair.1]));
    let mut above = Above::new(n);
    for equal in pairs.chunk_by(|one, other| strength(one) == strength(other)) {
        let open: Vec<_> = equal.iter().filter(|(a, b)| !above.has(*b, *a)).collect();
        let locked = open.iter().filter(|(a, b)| above.lock(*a, *b)).count();
        if locked < open.len() {
            let winner = |candidate: &usize| open.iter().any(|(a, _)| a == candidate);
            let drawn: Vec<_> = lot.iter().copied().filter(winner).collect();
            breaker.ties.push(TieBreak {
                round: 0,
                stake: Stake::Pairs,
                candidates: (0..n).filter(winner).collect(),
                earlier: None,
                picked: drawn[0],
                drawn,
            });
        }
    }
    let winners = breaker.one_after_the_other(n, terms.seats, |left| {
        budget.spend(left.len() * left.len())?;
        let is_first = |a: &usize| left.iter().all(|b| !above.has(*b, *a));
        Some(left.iter().copied().filter(is_first).collect())
    })?;
    Some(Outcome {
        winners,
        pairwise: Some(wins),
        ties: breaker.ties,
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Group, profile};
    use crate::ties::Seed;

    fn ranked_pairs(profile: &Profile, seats: usize, seed: Seed) -> Outcome {
        super::ranked_pairs(profile, &Terms::new(seats, seed), &mut Budget::unlimited()).unwrap()
    }

    /// Tennessee, the example of many textbooks: 0 Memphis, 1 Nashville, 2 Chattanooga, 3
    /// Knoxville. Nashville beats all others; Memphis loses to all.
    #[test]
    fn tennessee_is_ranked_as_in_textbooks() {
        let ballots: [(u64, &[usize]); 4] = [
            (42, &[0, 1, 2, 3]),
            (26, &[1, 2, 3, 0]),
            (15, &[2, 3, 1, 0]),
            (17, &[3, 2, 1, 0]),
        ];
        let outcome = ranked_pairs(&profile(4, &ballots), 4, Seed([0; 32]));
        assert_eq!((outcome.winners, outcome.ties.len()), (vec![1, 2, 3, 0], 0));
    }

    /// Example 1 of Schulze's paper of 2011, 45 voters. Its own method elects E (4) there; here D > C
    /// (28), B > A (25) and E > A (23) cannot stand any more when it is their turn.
    #[test]
    fn pairs_that_contradict_stronger_ones_are_left_out() {
        let (a, b, c, d, e) = (0, 1, 2, 3, 4);
        let ballots: [(u64, &[usize]); 8] = [
            (5, &[a, c, b, e, d]),
            (5, &[a, d, e, c, b]),
            (8, &[b, e, d, a, c]),
            (3, &[c, a, b, e, d]),
            (7, &[c, a, e, b, d]),
            (2, &[c, b, a, d, e]),
            (7, &[d, c, e, b, a]),
            (8, &[e, b, a, d, c]),
        ];
        let outcome = ranked_pairs(&profile(5, &ballots), 5, Seed([0; 32]));
        assert_eq!(
            (outcome.winners, outcome.ties.len()),
            (vec![a, c, e, b, d], 0)
        );
    }

    #[test]
    fn of_equal_wins_those_with_fewer_votes_against_come_first() {
        // Each is won by 5: 2 > 0 with 2 against, 1 > 2 with 3, 0 > 1 with 4.
        let equal = |count, ranks: &[&[usize]]| Group {
            count,
            ranks: ranks.iter().map(|rank| rank.to_vec()).collect(),
        };
        let groups = vec![
            equal(1, &[&[0], &[1], &[2]]),
            equal(2, &[&[1], &[2], &[0]]),
            equal(3, &[&[2], &[0], &[1]]),
            equal(1, &[&[0], &[1, 2]]),
            equal(2, &[&[1], &[0, 2]]),
        ];
        let outcome = ranked_pairs(&Profile::new(3, groups).unwrap(), 3, Seed([0; 32]));
        assert_eq!((outcome.winners, outcome.ties.len()), (vec![1, 2, 0], 0));
    }

    #[test]
    fn equal_pairs_that_cannot_all_stand_go_by_a_lot_that_is_said() {
        let circle = profile(3, &[(1, &[0, 1, 2]), (1, &[1, 2, 0]), (1, &[2, 0, 1])]);
        let mut first = [0; 3];
        for seed in 0..=255 {
            let outcome = ranked_pairs(&circle, 3, Seed([seed; 32]));
            let [tie] = outcome.ties.as_slice() else {
                panic!("one tie")
            };
            assert_eq!((tie.stake, tie.candidates.len()), (Stake::Pairs, 3));
            // The first two of the lot's order have their win; what is left contradicts these.
            let beats = |one: usize, other: usize| (one + 1) % 3 == other;
            let (one, two) = (tie.drawn[0], tie.drawn[1]);
            assert_eq!(outcome.winners[0], if beats(one, two) { one } else { two });
            first[outcome.winners[0]] += 1;
        }
        assert!(first.iter().all(|times| *times > 60), "{first:?}");
    }

    #[test]
    fn level_candidates_are_tied_for_the_last_seat() {
        let level = profile(3, &[(1, &[1, 0, 2]), (1, &[0, 1, 2])]);
        let two = ranked_pairs(&level, 2, Seed([0; 32]));
        assert_eq!((two.winners, two.ties.len()), (vec![0, 1], 0));
        let one = ranked_pairs(&level, 1, Seed([0; 32]));
        assert_eq!(one.ties[0].stake, Stake::Seats(1));
    }
}
