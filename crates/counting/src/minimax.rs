//! Minimax (Simpson 1969, Kramer 1977): who is beaten least badly wins. As Schulze's method, with
//! winning votes.

use crate::budget::Budget;
use crate::outcome::Outcome;
use crate::profile::Profile;
use crate::rule::Terms;
use crate::ties::Breaker;

/// Minimax: of each candidate, how many votes prefer the one that beats it by most of them; the
/// candidate of whom that are the fewest wins, so one that beats all others does. For more seats,
/// the same again among the rest. Equal ones are tied; if they are more than the seats left, the
/// seed picks.
pub(crate) fn minimax(profile: &Profile, terms: &Terms, budget: &mut Budget) -> Option<Outcome> {
    let wins = profile.pairwise(budget)?;
    let mut breaker = Breaker::new(terms.seed);
    let winners = breaker.one_after_the_other(profile.candidates(), terms.seats, |left| {
        budget.spend(left.len() * left.len())?;
        let worst_defeat = |a: &usize| {
            let by = left.iter().filter(|b| wins[**b][*a] > wins[*a][**b]);
            by.map(|b| wins[*b][*a]).max().unwrap_or(0)
        };
        let least = left.iter().map(worst_defeat).min();
        let is_least = |a: &usize| Some(worst_defeat(a)) == least;
        Some(left.iter().copied().filter(is_least).collect())
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

    fn minimax(profile: &Profile, seats: usize) -> Outcome {
        super::minimax(
            profile,
            &Terms::new(seats, Seed([0; 32])),
            &mut Budget::unlimited(),
        )
        .unwrap()
    }

    #[test]
    fn who_is_beaten_least_badly_wins() {
        let circle = profile(
            3,
            &[
                (5, &[0, 1, 2]),
                (4, &[1, 2, 0]),
                (3, &[2, 0, 1]),
                (3, &[0, 1, 2]),
            ],
        );
        // 0 beats 1 by 11, 1 beats 2 by 12, 0 beats 2 by 8: nobody beats 0.
        let outcome = minimax(&circle, 3);
        assert_eq!((outcome.winners, outcome.ties.len()), (vec![0, 1, 2], 0));
        let beaten = profile(3, &[(4, &[0, 1, 2]), (3, &[1, 2, 0]), (2, &[2, 0, 1])]);
        // 0 beats 1 by 6, 1 beats 2 by 7, 2 beats 0 by 5.
        assert_eq!(minimax(&beaten, 1).winners, [0]);
        assert_eq!(minimax(&beaten, 2).winners, [0, 1]);
    }

    #[test]
    fn circle_of_equals_is_for_the_seed() {
        let circle = profile(3, &[(1, &[0, 1, 2]), (1, &[1, 2, 0]), (1, &[2, 0, 1])]);
        let outcome = minimax(&circle, 1);
        assert_eq!(outcome.ties[0].candidates, [0, 1, 2]);
        assert_eq!(outcome.winners.len(), 1);
    }
}
