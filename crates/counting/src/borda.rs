//! Borda's count.

use crate::budget::Budget;
use crate::outcome::{Action, Outcome, Round, Votes};
use crate::profile::Profile;
use crate::rule::Terms;
use crate::ties::Breaker;

/// Borda: on each ballot a candidate has a point for every other that is ranked below, and half a
/// point for every other that is ranked equally; those not named are ranked last, equally. The most
/// points win the seats.
pub(crate) fn borda(profile: &Profile, terms: &Terms, budget: &mut Budget) -> Option<Outcome> {
    let (n, wins) = (profile.candidates(), profile.pairwise(budget)?);
    let total = profile.ballots();
    // In half points: two for each ballot above, one for each equal.
    let halves = |a: usize| -> u64 {
        (0..n)
            .filter(|b| *b != a)
            .map(|b| 2 * wins[a][b] + (total - wins[a][b] - wins[b][a]))
            .sum()
    };
    let points: Vec<u64> = (0..n).map(halves).collect();
    let mut breaker = Breaker::new(terms.seed);
    let winners = breaker.best(&points, terms.seats);
    let votes = points
        .iter()
        .map(|halves| Votes(halves * (Votes::ONE / 2)))
        .collect();
    let round = Round {
        votes,
        exhausted: Votes::default(),
        actions: vec![Action::Elect(winners.clone())],
    };
    Some(Outcome {
        winners,
        rounds: vec![round],
        ties: breaker.ties,
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::profile;
    use crate::ties::Seed;

    fn borda(profile: &Profile, seats: usize, seed: Seed) -> Outcome {
        super::borda(profile, &Terms::new(seats, seed), &mut Budget::unlimited()).unwrap()
    }

    /// Tennessee, the example of many textbooks: 0 Memphis, 1 Nashville, 2 Chattanooga, 3
    /// Knoxville.
    #[test]
    fn tennessee_is_won_by_nashville() {
        let ballots: [(u64, &[usize]); 4] = [
            (42, &[0, 1, 2, 3]),
            (26, &[1, 2, 3, 0]),
            (15, &[2, 3, 1, 0]),
            (17, &[3, 2, 1, 0]),
        ];
        let outcome = borda(&profile(4, &ballots), 1, Seed([0; 32]));
        assert_eq!(
            outcome.rounds[0].votes,
            [126, 194, 173, 107].map(Votes::whole)
        );
        assert_eq!(outcome.winners, [1]);
    }

    #[test]
    fn points_of_the_most_ballots_and_candidates_fit() {
        let outcome = borda(&profile(500, &[(1 << 37, &[0])]), 1, Seed([0; 32]));
        assert_eq!(outcome.rounds[0].votes[0], Votes::whole(499 << 37));
    }

    #[test]
    fn those_not_named_share_the_last_ranks() {
        let outcome = borda(&profile(3, &[(1, &[2])]), 1, Seed([0; 32]));
        assert_eq!(
            outcome.rounds[0].votes,
            [Votes(50_000), Votes(50_000), Votes::whole(2)]
        );
    }
}
