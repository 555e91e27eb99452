//! Rules that add up: approval and score.

use crate::outcome::{Action, Outcome, Round, Votes};
use crate::rule::Terms;
use crate::ties::Breaker;

/// The highest amounts win; if all are zero, nobody does.
fn outcome(amounts: &[u64], terms: &Terms) -> Outcome {
    if amounts.iter().all(|amount| *amount == 0) {
        return Outcome::nobody(amounts.len(), 0);
    }
    let mut breaker = Breaker::new(terms.seed);
    let winners = breaker.best(amounts, terms.seats);
    let votes = amounts.iter().copied().map(Votes::whole).collect();
    let round = Round {
        votes,
        exhausted: Votes::default(),
        actions: vec![Action::Elect(winners.clone())],
    };
    Outcome {
        winners,
        rounds: vec![round],
        ties: breaker.ties,
        ..Outcome::default()
    }
}

/// Approval, or choosing some of many: a vote for each candidate on the ballot; the most voted for
/// win the seats. `sets` are how many of each set of candidates (by place, each below
/// `candidates`).
pub(crate) fn approval(candidates: usize, sets: &[(u64, Vec<usize>)], terms: &Terms) -> Outcome {
    let mut amounts = vec![0; candidates];
    for (count, chosen) in sets {
        chosen
            .iter()
            .for_each(|candidate| amounts[*candidate] += count);
    }
    outcome(&amounts, terms)
}

/// Score: each ballot gives every candidate a number; the highest sums win the seats.
/// `lists` are how many of each list of `candidates` numbers.
pub(crate) fn score(candidates: usize, lists: &[(u64, Vec<u8>)], terms: &Terms) -> Outcome {
    let mut amounts = vec![0; candidates];
    for (count, scores) in lists {
        amounts
            .iter_mut()
            .zip(scores)
            .for_each(|(amount, score)| *amount += count * u64::from(*score));
    }
    outcome(&amounts, terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ties::Seed;

    #[test]
    fn approvals_and_scores_add_up() {
        let terms = |seats| Terms::new(seats, Seed([0; 32]));
        let approved = approval(
            3,
            &[(3, vec![0, 1]), (2, vec![1, 2]), (4, vec![])],
            &terms(2),
        );
        assert_eq!(approved.rounds[0].votes, [3, 5, 2].map(Votes::whole));
        assert_eq!(approved.winners, [1, 0]);
        let scored = score(3, &[(2, vec![5, 0, 3]), (1, vec![0, 5, 4])], &terms(1));
        assert_eq!(scored.rounds[0].votes, [10, 5, 10].map(Votes::whole));
        assert_eq!(scored.ties.len(), 1);
    }
}
