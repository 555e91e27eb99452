//! Seats for lists, by highest quotients: D'Hondt's divisors and Sainte-Laguë's.

use std::cmp::Ordering;

use crate::budget::Budget;
use crate::outcome::{Action, Outcome, Round, Stake, Votes};
use crate::rule::Terms;
use crate::ties::Breaker;

/// Deals seats to lists, one after another: each to the list with the highest quotient, which is its
/// votes over a divisor: for a list with `s` seats so far, `1 + step * s`. By D'Hondt (1882; Jefferson
/// 1792) the step is 1, so that a list's divisors are 1, 2, 3; by Sainte-Laguë (1910; Webster 1832)
/// it is 2: 1, 3, 5. No votes are too few to have a part in it. If more lists have the highest
/// quotient than there are seats left, the seed picks one.
///
/// `votes` are those of each list, which all together are at most 2^37. A list without votes gets
/// no seat.
pub(crate) fn highest_quotients(
    votes: &[u64],
    step: u64,
    terms: &Terms,
    budget: &mut Budget,
) -> Option<Outcome> {
    if votes.iter().all(|votes| *votes == 0) {
        return Some(Outcome::nobody(votes.len(), 0));
    }
    let (mut breaker, mut divisors) = (Breaker::new(terms.seed), vec![1; votes.len()]);
    let (mut winners, mut rounds) = (Vec::new(), Vec::new());
    while winners.len() < terms.seats {
        budget.spend(votes.len())?;
        let compare = |a: usize, b: usize| -> Ordering {
            let cross = |a: usize, b: usize| u128::from(votes[a]) * u128::from(divisors[b]);
            cross(a, b).cmp(&cross(b, a))
        };
        let lists = 0..votes.len();
        let best = lists.clone().max_by(|a, b| compare(*a, *b));
        let leads = |list: &usize| best.is_some_and(|best| compare(best, *list).is_eq());
        let leading: Vec<usize> = lists.filter(leads).collect();
        let list = if leading.len() <= terms.seats - winners.len() {
            // All of them get one, whichever is the first.
            leading[0]
        } else {
            breaker.pick(winners.len(), Stake::NextSeat, leading, |_, _| {})
        };
        let quotient = |(votes, divisor): (&u64, &u64)| Votes(votes * Votes::ONE / divisor);
        rounds.push(Round {
            votes: votes.iter().zip(&divisors).map(quotient).collect(),
            exhausted: Votes::default(),
            actions: vec![Action::Elect(vec![list])],
        });
        divisors[list] += step;
        winners.push(list);
    }
    Some(Outcome {
        winners,
        rounds,
        ties: breaker.ties,
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ties::Seed;

    fn seats(votes: &[u64], step: u64, seats: usize) -> (Vec<usize>, Outcome) {
        let terms = Terms::new(seats, Seed([0; 32]));
        let outcome = highest_quotients(votes, step, &terms, &mut Budget::unlimited()).unwrap();
        let of = |list: usize| outcome.winners.iter().filter(|one| **one == list).count();
        ((0..votes.len()).map(of).collect(), outcome)
    }

    /// The example of many textbooks, with eight seats.
    #[test]
    fn textbook_lists_have_their_seats() {
        let votes = [100_000, 80_000, 30_000, 20_000];
        let (dhondt, outcome) = seats(&votes, 1, 8);
        assert_eq!(dhondt, [4, 3, 1, 0]);
        // The order, and the quotients before the last seat: 100,000 / 5 and so on.
        assert_eq!(outcome.winners, [0, 1, 0, 1, 0, 2, 1, 0]);
        assert_eq!(
            outcome.rounds[7].votes,
            [25_000, 20_000, 15_000, 20_000].map(Votes::whole)
        );
        assert_eq!(seats(&votes, 2, 8).0, [3, 3, 1, 1]);
        // And one of which D'Hondt's favours the largest list.
        let votes = [53_000, 24_000, 23_000];
        assert_eq!(seats(&votes, 1, 7).0, [4, 2, 1]);
        assert_eq!(seats(&votes, 2, 7).0, [3, 2, 2]);
    }

    #[test]
    fn only_equal_quotients_for_the_last_seats_need_the_seed() {
        let (level, outcome) = seats(&[6, 6, 0], 1, 4);
        assert_eq!((level, outcome.ties.len()), (vec![2, 2, 0], 0));
        let (_, outcome) = seats(&[6, 6, 3], 1, 3);
        let [tie] = outcome.ties.as_slice() else {
            panic!("one tie")
        };
        // 6 / 2 each, and 3 / 1.
        assert_eq!(
            (tie.stake, tie.round, &tie.candidates),
            (Stake::NextSeat, 2, &vec![0, 1, 2])
        );
    }

    #[test]
    fn most_votes_and_seats_that_can_be_do_not_overflow() {
        let votes = [1 << 36, (1 << 36) - 1];
        let (of, outcome) = seats(&votes, 2, 1000);
        assert_eq!((of, outcome.rounds.len()), (vec![500, 500], 1000));
    }
}
