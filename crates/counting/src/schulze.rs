//! Schulze's method (Schulze, "A new monotonic, clone-independent, reversal symmetric, and
//! Condorcet-consistent single-winner election method", 2011), with winning votes as the strength
//! of a link.

use crate::budget::Budget;
use crate::outcome::Outcome;
use crate::profile::Profile;
use crate::rule::Terms;
use crate::ties::Breaker;

/// Strengths of the strongest paths: `[a][b]` is the weakest link on the best way from `a` to `b`
/// (section 2.3 there).
fn strongest_paths(wins: &[Vec<u64>], budget: &mut Budget) -> Option<Vec<Vec<u64>>> {
    let n = wins.len();
    budget.spend(n * n * n)?;
    let link = |a: usize, b: usize| {
        if wins[a][b] > wins[b][a] {
            wins[a][b]
        } else {
            0
        }
    };
    let mut paths: Vec<Vec<u64>> = (0..n)
        .map(|a| (0..n).map(|b| link(a, b)).collect())
        .collect();
    for via in 0..n {
        for a in (0..n).filter(|a| *a != via) {
            for b in (0..n).filter(|b| *b != via && *b != a) {
                paths[a][b] = paths[a][b].max(paths[a][via].min(paths[via][b]));
            }
        }
    }
    Some(paths)
}

/// Schulze: who beats every other by the strongest path wins. For more seats, the same again among
/// the rest, with the same paths. Candidates that no other beats are tied; if they are more than
/// the seats left, the seed picks.
pub(crate) fn schulze(profile: &Profile, terms: &Terms, budget: &mut Budget) -> Option<Outcome> {
    let wins = profile.pairwise(budget)?;
    let paths = strongest_paths(&wins, budget)?;
    let mut breaker = Breaker::new(terms.seed);
    let winners = breaker.one_after_the_other(profile.candidates(), terms.seats, |left| {
        budget.spend(left.len() * left.len())?;
        let unbeaten = |a: &usize| left.iter().all(|b| paths[*a][*b] >= paths[*b][*a]);
        Some(left.iter().copied().filter(unbeaten).collect())
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
    use crate::profile::profile;
    use crate::ties::Seed;

    fn schulze(profile: &Profile, seats: usize, seed: Seed) -> Outcome {
        super::schulze(profile, &Terms::new(seats, seed), &mut Budget::unlimited()).unwrap()
    }

    #[test]
    fn unbeaten_that_all_have_a_seat_need_no_lot() {
        let level: [(u64, &[usize]); 2] = [(1, &[1, 0, 2]), (1, &[0, 1, 2])];
        let two = schulze(&profile(3, &level), 2, Seed([0; 32]));
        assert_eq!((two.winners, two.ties.len()), (vec![0, 1], 0));
        let one = schulze(&profile(3, &level), 1, Seed([0; 32]));
        assert_eq!((one.winners.len(), one.ties.len()), (1, 1));
    }

    /// Example 1 of the paper: 45 voters, five candidates, won by E (4).
    #[test]
    fn example_of_the_paper_has_its_paths_and_its_winner() {
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
        let profile = profile(5, &ballots);
        let wins = profile.pairwise(&mut Budget::unlimited()).unwrap();
        assert_eq!(
            (wins[a][b], wins[b][a], wins[c][e], wins[e][c]),
            (20, 25, 24, 21)
        );
        let paths = strongest_paths(&wins, &mut Budget::unlimited()).unwrap();
        assert_eq!(paths[e], [25, 28, 28, 31, 0]);
        assert_eq!(paths[a], [0, 28, 28, 30, 24]);
        assert_eq!(schulze(&profile, 1, Seed([0; 32])).winners, [e]);
        assert_eq!(schulze(&profile, 5, Seed([0; 32])).winners, [e, a, c, b, d]);
    }

    #[test]
    fn who_beats_all_others_wins_and_a_circle_of_equals_is_for_the_seed() {
        let condorcet = profile(3, &[(3, &[0, 1, 2]), (2, &[1, 0, 2]), (2, &[2, 1, 0])]);
        assert_eq!(schulze(&condorcet, 1, Seed([0; 32])).winners, [1]);
        let circle = profile(3, &[(1, &[0, 1, 2]), (1, &[1, 2, 0]), (1, &[2, 0, 1])]);
        let outcome = schulze(&circle, 1, Seed([0; 32]));
        assert_eq!(outcome.ties[0].candidates, [0, 1, 2]);
    }
}
