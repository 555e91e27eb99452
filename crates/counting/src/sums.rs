//! Rules that add up: approval and score.

use crate::outcome::{Action, Outcome, Round, Votes};
use crate::ties::{Breaker, Seed};

fn outcome(amounts: &[u64], seats: usize, seed: Seed) -> Outcome {
    let mut breaker = Breaker::new(seed);
    let winners = breaker.best(amounts, seats);
    let votes = amounts.iter().copied().map(Votes::whole).collect();
    let round = Round { votes, exhausted: Votes::default(), actions: vec![Action::Elect(winners.clone())] };
    Outcome { winners, rounds: vec![round], ties: breaker.ties, ..Outcome::default() }
}

/// Approval, or choosing some of many: a vote for each candidate on the ballot; the most voted for win the seats.
/// `ballots` are how many of each set of candidates (by place, each below `candidates`).
pub fn approval<'a>(
    candidates: usize,
    ballots: impl IntoIterator<Item = (u64, &'a [usize])>,
    seats: usize,
    seed: Seed,
) -> Outcome {
    let mut amounts = vec![0; candidates];
    for (count, chosen) in ballots {
        chosen.iter().for_each(|candidate| amounts[*candidate] += count);
    }
    outcome(&amounts, seats, seed)
}

/// Score: each ballot gives every candidate a number; the highest sums win the seats.
/// `ballots` are how many of each list of `candidates` numbers.
pub fn score<'a>(
    candidates: usize,
    ballots: impl IntoIterator<Item = (u64, &'a [u8])>,
    seats: usize,
    seed: Seed,
) -> Outcome {
    let mut amounts = vec![0; candidates];
    for (count, scores) in ballots {
        amounts.iter_mut().zip(scores).for_each(|(amount, score)| *amount += count * u64::from(*score));
    }
    outcome(&amounts, seats, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvals_and_scores_add_up() {
        let seed = Seed([0; 32]);
        let approved = approval(3, [(3, [0, 1].as_slice()), (2, &[1, 2]), (4, &[])], 2, seed);
        assert_eq!(approved.rounds[0].votes, [3, 5, 2].map(Votes::whole));
        assert_eq!(approved.winners, [1, 0]);
        let scored = score(3, [(2, [5, 0, 3].as_slice()), (1, &[0, 5, 4])], 1, seed);
        assert_eq!(scored.rounds[0].votes, [10, 5, 10].map(Votes::whole));
        assert_eq!(scored.ties.len(), 1);
    }
}
