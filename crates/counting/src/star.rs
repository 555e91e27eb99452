//! STAR voting (score, then automatic runoff; Equal Vote Coalition, 2014). Ties as its "Official
//! Tiebreaker Protocol" has them (starvoting.org/ties, 2025), but for its third step: that counts
//! the ballots with the highest number of the scale, and a file of scores does not say where its
//! scale ends. Its technical specifications (2.b) have no such step either.

use crate::budget::Budget;
use crate::outcome::{Action, Outcome, Round, Stake, TieBreak, Votes};
use crate::rule::Terms;
use crate::ties::Breaker;

/// How many of each list of numbers, one for each candidate.
type Lists = [(u64, Vec<u8>)];

/// STAR: the two with the highest sums go to a runoff, which the one wins whom more ballots give
/// the higher number. More seats are filled by the same again among the rest (Bloc STAR), until no
/// more are left than seats: they are elected, highest sums first.
pub(crate) fn star(
    candidates: usize,
    lists: &Lists,
    terms: &Terms,
    budget: &mut Budget,
) -> Option<Outcome> {
    budget.spend(candidates * (1 + lists.len()))?;
    let mut sums = vec![0; candidates];
    for (count, scores) in lists {
        for (sum, score) in sums.iter_mut().zip(scores) {
            *sum += count * u64::from(*score);
        }
    }
    if sums.iter().all(|sum| *sum == 0) {
        return Some(Outcome::nobody(candidates, 0));
    }
    let all = lists.iter().map(|(count, _)| count).sum::<u64>();
    let mut left: Vec<usize> = (0..candidates).collect();
    let mut breaker = Breaker::new(terms.seed);
    let (mut winners, mut rounds) = (Vec::new(), Vec::new());
    while winners.len() < terms.seats && !left.is_empty() {
        budget.spend(candidates)?;
        let mut scored = vec![Votes::default(); candidates];
        for place in &left {
            scored[*place] = Votes::whole(sums[*place]);
        }
        let round = |votes, exhausted, action| Round {
            votes,
            exhausted: Votes::whole(exhausted),
            actions: vec![action],
        };
        if left.len() <= terms.seats - winners.len() {
            left.sort_by_key(|place| std::cmp::Reverse(sums[*place]));
            rounds.push(round(scored, 0, Action::Elect(left.clone())));
            winners.append(&mut left);
            break;
        }
        let at = rounds.len();
        let [a, b] = finalists(&left, &sums, lists, at, &mut breaker, budget)?;
        rounds.push(round(scored, 0, Action::Advance(vec![a, b])));
        let wins = preferences(&[a, b], lists, budget)?;
        let (for_a, for_b) = (wins[0][1], wins[1][0]);
        let winner = match for_a.cmp(&for_b) {
            std::cmp::Ordering::Greater => a,
            std::cmp::Ordering::Less => b,
            // Only the sums of this seat are asked, which are one round back.
            std::cmp::Ordering::Equal => {
                breaker.pick(at + 1, Stake::Seat, vec![a, b], |before, tied| {
                    let most = tied.iter().map(|place| sums[*place]).max();
                    tied.retain(|place| before != at || Some(sums[*place]) == most);
                })
            }
        };
        let mut votes = vec![Votes::default(); candidates];
        (votes[a], votes[b]) = (Votes::whole(for_a), Votes::whole(for_b));
        let neither = all - for_a - for_b;
        rounds.push(round(votes, neither, Action::Elect(vec![winner])));
        left.retain(|place| *place != winner);
        winners.push(winner);
    }
    Some(Outcome {
        winners,
        rounds,
        ties: breaker.ties,
        ..Outcome::default()
    })
}

/// How many ballots give the one of `places` a higher number than the other, for each pair.
fn preferences(places: &[usize], lists: &Lists, budget: &mut Budget) -> Option<Vec<Vec<u64>>> {
    budget.spend(places.len() * places.len() * (1 + lists.len()))?;
    let mut wins = vec![vec![0; places.len()]; places.len()];
    for (count, scores) in lists {
        for (a, row) in wins.iter_mut().enumerate() {
            for (b, wins) in row.iter_mut().enumerate() {
                let prefers = scores[places[a]] > scores[places[b]];
                *wins += if prefers { *count } else { 0 };
            }
        }
    }
    Some(wins)
}

/// The two of `left`, which are three or more or two, with the highest sums; by place.
fn finalists(
    left: &[usize],
    sums: &[u64],
    lists: &Lists,
    round: usize,
    breaker: &mut Breaker,
    budget: &mut Budget,
) -> Option<[usize; 2]> {
    let mut by_sum = left.to_vec();
    by_sum.sort_by_key(|place| std::cmp::Reverse(sums[*place]));
    let last = sums[by_sum[1]];
    let mut found: Vec<usize> = left
        .iter()
        .copied()
        .filter(|place| sums[*place] > last)
        .collect();
    let tied: Vec<usize> = left
        .iter()
        .copied()
        .filter(|place| sums[*place] == last)
        .collect();
    if found.len() + tied.len() > 2 {
        budget.spend(left.len())?;
        advance(tied, &mut found, lists, round, breaker, budget)?;
    } else {
        found.extend(tied);
    }
    found.sort_unstable();
    found.try_into().ok()
}

/// Of several with the same sum, those who go to the runoff until two are `found`: whoever has lost
/// the most match-ups among them is left out, again and again, as long as enough remain; where all
/// have lost as many, the seed picks one.
fn advance(
    tied: Vec<usize>,
    found: &mut Vec<usize>,
    lists: &Lists,
    round: usize,
    breaker: &mut Breaker,
    budget: &mut Budget,
) -> Option<()> {
    let wins = preferences(&tied, lists, budget)?;
    // From here on those who are tied go by their places among them.
    let mut waiting: Vec<usize> = (0..tied.len()).collect();
    let mut pool = waiting.clone();
    while found.len() < 2 {
        budget.spend(pool.len() * pool.len())?;
        let places = 2 - found.len();
        let losses = |a: &usize| {
            pool.iter()
                .filter(|b| wins[**b][*a] > wins[*a][**b])
                .count()
        };
        let most = pool.iter().map(losses).max()?;
        let (rest, beaten): (Vec<usize>, Vec<usize>) =
            pool.iter().partition(|place| losses(place) < most);
        let (through, drawn, next) = if rest.len() > places {
            (Vec::new(), false, rest)
        } else if !rest.is_empty() {
            (rest, false, beaten)
        } else {
            let named: Vec<usize> = pool.iter().map(|place| tied[*place]).collect();
            let lot = breaker.draw(&named);
            let (picked, others) = pool.iter().partition(|place| tied[**place] == lot);
            (picked, true, others)
        };
        for place in &through {
            let among: &[usize] = if drawn { &pool } else { &[] };
            breaker.ties.push(TieBreak {
                round,
                stake: Stake::Runoff(2 - found.len()),
                candidates: waiting.iter().map(|place| tied[*place]).collect(),
                earlier: None,
                drawn: among.iter().map(|place| tied[*place]).collect(),
                picked: tied[*place],
            });
            waiting.retain(|other| other != place);
            found.push(tied[*place]);
        }
        pool = next;
        // What is left is no tie any more.
        if found.len() < 2 && pool.len() <= 2 - found.len() {
            found.extend(pool.iter().map(|place| tied[*place]));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ties::Seed;

    fn star(candidates: usize, lists: &Lists, seats: usize) -> Outcome {
        let terms = Terms::new(seats, Seed([0; 32]));
        super::star(candidates, lists, &terms, &mut Budget::unlimited()).unwrap()
    }

    fn lists(lists: &[(u64, &[u8])]) -> Vec<(u64, Vec<u8>)> {
        lists
            .iter()
            .map(|(count, scores)| (*count, scores.to_vec()))
            .collect()
    }

    /// The example of Tennessee's capital, as in Wikipedia's article "STAR voting": Memphis,
    /// Nashville, Chattanooga, Knoxville.
    #[test]
    fn tennessee_has_its_published_sums_and_is_won_by_nashville() {
        let tennessee = lists(&[
            (42, &[5, 2, 1, 0]),
            (26, &[0, 5, 2, 1]),
            (15, &[0, 3, 5, 3]),
            (17, &[0, 2, 4, 5]),
        ]);
        let outcome = star(4, &tennessee, 1);
        assert_eq!(
            outcome.rounds[0].votes,
            [210, 293, 237, 156].map(Votes::whole)
        );
        assert_eq!(outcome.rounds[0].actions, [Action::Advance(vec![1, 2])]);
        assert_eq!(outcome.rounds[1].votes, [0, 68, 32, 0].map(Votes::whole));
        assert_eq!((outcome.winners, outcome.ties.len()), (vec![1], 0));
    }

    /// Most points do not win: 0 has the higher sum, 1 is scored higher on more ballots.
    #[test]
    fn runoff_is_won_by_who_is_scored_higher_on_more_ballots() {
        let polarized = lists(&[(3, &[4, 5, 0]), (2, &[5, 0, 0]), (1, &[2, 2, 3])]);
        let outcome = star(3, &polarized, 1);
        assert_eq!(outcome.rounds[0].votes, [24, 17, 3].map(Votes::whole));
        assert_eq!(outcome.rounds[1].votes, [2, 3, 0].map(Votes::whole));
        assert_eq!(outcome.rounds[1].exhausted, Votes::whole(1));
        assert_eq!(outcome.winners, [1]);
    }

    #[test]
    fn tied_runoff_goes_to_the_higher_sum_and_then_to_the_seed() {
        let outcome = star(3, &lists(&[(1, &[5, 3, 0]), (1, &[0, 1, 0])]), 1);
        let [tie] = outcome.ties.as_slice() else {
            panic!("{:?}", outcome.ties)
        };
        assert_eq!(
            (tie.stake, tie.round, tie.earlier, tie.picked),
            (Stake::Seat, 1, Some(0), 0)
        );
        assert!(tie.drawn.is_empty() && outcome.winners == [0]);
        let outcome = star(2, &lists(&[(1, &[5, 3]), (1, &[3, 5])]), 1);
        assert_eq!(outcome.ties[0].drawn, [0, 1]);
        assert_eq!(outcome.ties[0].earlier, None);
    }

    /// 1, 2 and 3 have the same sum, and one of them goes to the runoff with 0: 1 loses to both of
    /// the others, and 2 to 3.
    #[test]
    fn place_in_the_runoff_goes_to_who_loses_fewest_match_ups() {
        let tied = lists(&[(2, &[9, 1, 2, 3]), (1, &[9, 7, 5, 3])]);
        let outcome = star(4, &tied, 1);
        assert_eq!(outcome.rounds[0].votes, [27, 9, 9, 9].map(Votes::whole));
        assert_eq!(outcome.rounds[0].actions, [Action::Advance(vec![0, 3])]);
        let [tie] = outcome.ties.as_slice() else {
            panic!("{:?}", outcome.ties)
        };
        assert_eq!(
            (tie.stake, &tie.candidates, tie.picked, tie.drawn.len()),
            (Stake::Runoff(1), &vec![1, 2, 3], 3, 0)
        );
    }

    #[test]
    fn both_places_in_the_runoff_may_be_tied() {
        // 0 beats 1 and 2, which are level: 0 is through, and a lot draws one of the two.
        let tied = lists(&[(2, &[3, 2, 2]), (1, &[0, 2, 2])]);
        let outcome = star(3, &tied, 1);
        let stakes: Vec<_> = outcome
            .ties
            .iter()
            .map(|tie| (tie.stake, tie.drawn.clone()))
            .collect();
        assert_eq!(
            stakes,
            [(Stake::Runoff(2), vec![]), (Stake::Runoff(1), vec![1, 2])]
        );
        assert_eq!(outcome.winners, [0]);
        // A circle: each loses once, so both are drawn, and the runoff is no tie.
        let circle = lists(&[(1, &[3, 2, 1]), (1, &[1, 3, 2]), (1, &[2, 1, 3])]);
        let outcome = star(3, &circle, 1);
        let drawn: Vec<_> = outcome.ties.iter().map(|tie| tie.drawn.len()).collect();
        // Of the two that are left after the first lot one beats the other.
        assert_eq!(drawn, [3, 0]);
    }

    #[test]
    fn more_seats_are_filled_one_by_one_and_all_that_are_left_at_last() {
        let tennessee = lists(&[
            (42, &[5, 2, 1, 0]),
            (26, &[0, 5, 2, 1]),
            (15, &[0, 3, 5, 3]),
            (17, &[0, 2, 4, 5]),
        ]);
        let outcome = star(4, &tennessee, 2);
        // Without Nashville, Chattanooga beats Memphis by 58 to 42.
        assert_eq!(outcome.winners, [1, 2]);
        assert_eq!(outcome.rounds[3].votes, [42, 0, 58, 0].map(Votes::whole));
        let all = star(4, &tennessee, 4);
        assert_eq!((all.winners, all.rounds.len()), (vec![1, 2, 0, 3], 1));
    }
}
