//! Proportional rules over approvals that fill one seat after another: Thiele's sequential rule and
//! Phragmén's. Both are exact. Their fractions have no common denominator of 128 bits: that of
//! Thiele's is a multiple of all numbers up to the seats (for 63 seats and 2^37 ballots it takes
//! more), that of Phragmén's the product of what those who are elected have (for four seats and
//! 10^11 votes it takes more).

use num_bigint::BigUint;

use crate::budget::Budget;
use crate::outcome::{Action, Outcome, Round, Stake, Votes};
use crate::rule::Terms;
use crate::ties::Breaker;

/// A set of candidates (by place, each once), and how many ballots name it.
type Sets = [(u64, Vec<usize>)];

/// Who is elected so far, and at what place.
struct Elected {
    /// In that order.
    winners: Vec<usize>,
    /// By candidate.
    place: Vec<Option<usize>>,
}

/// One look before a seat is filled.
struct Look {
    /// What is compared, of each candidate that is not elected, rounded down; of others nothing.
    shown: Vec<Option<Votes>>,
    /// Who has the most; nobody if no ballot names any who is left.
    leading: Vec<usize>,
}

/// How many ballots name each, and the steps of one look at every name.
fn support(candidates: usize, sets: &Sets) -> (Vec<u64>, usize) {
    let (mut support, mut size) = (vec![0; candidates], candidates);
    for (count, set) in sets {
        size += 1 + set.len();
        set.iter()
            .for_each(|candidate| support[*candidate] += count);
    }
    (support, size)
}

/// Fills the seats one after another. Of several who lead, the seed picks one, since what the
/// others have may be less once that one is elected. If no ballot names any who is left, the seats
/// that are left go to the rest: all of them, or whom the seed picks.
fn one_by_one(
    candidates: usize,
    terms: &Terms,
    mut look: impl FnMut(&Elected) -> Option<Look>,
) -> Option<Outcome> {
    let mut breaker = Breaker::new(terms.seed);
    let mut elected = Elected {
        winners: Vec::new(),
        place: vec![None; candidates],
    };
    let (mut rounds, mut votes) = (Vec::new(), vec![Votes::default(); candidates]);
    let seats = terms.seats.min(candidates);
    while elected.winners.len() < seats {
        let look = look(&elected)?;
        for (votes, shown) in votes.iter_mut().zip(look.shown) {
            *votes = shown.unwrap_or(*votes);
        }
        let round = elected.winners.len();
        let new = if look.leading.is_empty() {
            let rest = (0..candidates).filter(|candidate| elected.place[*candidate].is_none());
            breaker.seat(rest.collect(), seats - round)
        } else {
            vec![breaker.pick(round, Stake::NextSeat, look.leading, |_, _| {})]
        };
        for candidate in &new {
            elected.place[*candidate] = Some(elected.winners.len());
            elected.winners.push(*candidate);
        }
        rounds.push(Round {
            votes: votes.clone(),
            exhausted: Votes::default(),
            actions: vec![Action::Elect(new)],
        });
    }
    Some(Outcome {
        winners: elected.winners,
        rounds,
        ties: breaker.ties,
        ..Outcome::default()
    })
}

/// A fraction in hundred-thousandths, rounded down.
fn shown(numerator: BigUint, denominator: &BigUint) -> Votes {
    Votes(
        u64::try_from(numerator * Votes::ONE / denominator)
            .expect("no more than all ballots, which are at most 2^37"),
    )
}

/// About as many steps as it takes to add a multiple of such a number.
fn steps(number: &BigUint) -> usize {
    8 + usize::try_from(number.bits() / 64).expect("it is in memory")
}

/// Sequential proportional approval (Thiele, "Om Flerfoldsvalg", 1895, the second of his rules;
/// "sequential PAV" in Lackner and Skowron, "Multi-Winner Voting with Approval Preferences", 2023,
/// section 2.4): a ballot that names `k` of those who are elected counts 1/(k + 1) for each other
/// that it names; who has the most gets the next seat.
pub(crate) fn sequential_pav(
    candidates: usize,
    sets: &Sets,
    terms: &Terms,
    budget: &mut Budget,
) -> Option<Outcome> {
    let (named, size) = support(candidates, sets);
    if named.iter().all(|ballots| *ballots == 0) {
        return Some(Outcome::nobody(candidates, 0));
    }
    let longest = sets.iter().map(|(_, set)| set.len()).max().unwrap_or(0);
    let parts = longest.min(terms.seats);
    // One ballot that counts whole, and one that counts 1/(k + 1), at place k.
    budget.spend(parts * parts)?;
    let one: BigUint = (1..=parts).product();
    let worth: Vec<BigUint> = (1..=parts).map(|part| &one / part).collect();
    one_by_one(candidates, terms, |elected| {
        let classes = parts.min(elected.winners.len() + 1);
        budget.spend(size + candidates * classes * steps(&one))?;
        // Of each candidate, how many ballots name it and `k` of those who are elected.
        let mut ballots = vec![0u64; candidates * classes];
        for (count, set) in sets {
            let is_elected = |candidate: &&usize| elected.place[**candidate].is_some();
            let k = set.iter().filter(is_elected).count();
            for candidate in set.iter().filter(|candidate| !is_elected(candidate)) {
                ballots[candidate * classes + k] += count;
            }
        }
        let sum = |candidate: usize| -> BigUint {
            let ballots = &ballots[candidate * classes..(candidate + 1) * classes];
            let parts = ballots
                .iter()
                .zip(&worth)
                .filter(|(ballots, _)| **ballots > 0);
            parts.map(|(ballots, worth)| worth * *ballots).sum()
        };
        let left = (0..candidates).filter(|candidate| elected.place[*candidate].is_none());
        let sums: Vec<(usize, BigUint)> =
            left.map(|candidate| (candidate, sum(candidate))).collect();
        let most = sums.iter().map(|(_, sum)| sum).max();
        let most = most.filter(|most| **most > BigUint::ZERO);
        let leads = |(_, sum): &&(usize, BigUint)| Some(sum) == most;
        let leading = sums
            .iter()
            .filter(leads)
            .map(|(candidate, _)| *candidate)
            .collect();
        let mut look = Look {
            shown: vec![None; candidates],
            leading,
        };
        for (candidate, sum) in sums {
            look.shown[candidate] = Some(shown(sum, &one));
        }
        Some(look)
    })
}

/// Phragmén's sequential rule (Phragmén, "Till frågan om en proportionell valmetod", 1896;
/// "seq-Phragmén" in Brill, Freeman, Janson and Lackner, "Phragmén's voting methods and justified
/// representation", 2017): each seat is a load of 1, which those who name the one elected share so
/// that all of them have the same load in the end. Who is elected next is the one with whom this
/// load is least.
///
/// What is compared, and shown, is one over that load, as Phragmén himself has it: the ballots that
/// name the candidate, over 1 and the sum of the loads that these have already. Before the first
/// seat it is just these ballots.
pub(crate) fn phragmen(
    candidates: usize,
    sets: &Sets,
    terms: &Terms,
    budget: &mut Budget,
) -> Option<Outcome> {
    let (named, size) = support(candidates, sets);
    if named.iter().all(|ballots| *ballots == 0) {
        return Some(Outcome::nobody(candidates, 0));
    }
    // A load of 1; by the place of each who is elected, the load of a ballot that names that one and
    // none elected after it; and what the last look had beneath the fraction of each.
    let (mut one, mut loads) = (BigUint::from(1u8), Vec::<BigUint>::new());
    let mut beneath = vec![BigUint::ZERO; candidates];
    one_by_one(candidates, terms, |elected| {
        let is_left =
            |candidate: &usize| elected.place[*candidate].is_none() && named[*candidate] > 0;
        let left: Vec<usize> = (0..candidates).filter(is_left).collect();
        if left.is_empty() {
            return Some(Look {
                shown: vec![None; candidates],
                leading: left,
            });
        }
        if let Some(last) = elected.winners.last() {
            budget.spend(loads.len() * steps(&one))?;
            let load = std::mem::take(&mut beneath[*last]);
            loads.iter_mut().for_each(|load| *load *= named[*last]);
            one *= named[*last];
            loads.push(load);
        }
        let classes = loads.len();
        budget.spend(size + candidates * (1 + classes) * steps(&one))?;
        // Of each candidate, how many ballots name it and have each load.
        let mut ballots = vec![0u64; candidates * classes];
        for (count, set) in sets {
            let last = set.iter().filter_map(|candidate| elected.place[*candidate]);
            if let Some(last) = last.max() {
                for candidate in set {
                    ballots[candidate * classes + last] += count;
                }
            }
        }
        let mut shown_of = vec![None; candidates];
        for candidate in &left {
            let ballots = &ballots[candidate * classes..(candidate + 1) * classes];
            let parts = ballots
                .iter()
                .zip(&loads)
                .filter(|(ballots, _)| **ballots > 0);
            let borne: BigUint = parts.map(|(ballots, load)| load * *ballots).sum();
            beneath[*candidate] = &one + borne;
            shown_of[*candidate] = Some(shown(&one * named[*candidate], &beneath[*candidate]));
        }
        let more = |a: usize, b: usize| (&beneath[b] * named[a]).cmp(&(&beneath[a] * named[b]));
        let best = left.iter().copied().max_by(|a, b| more(*a, *b));
        let leads = |candidate: &usize| best.is_some_and(|best| more(best, *candidate).is_eq());
        Some(Look {
            shown: shown_of,
            leading: left.iter().copied().filter(leads).collect(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ties::Seed;

    type Rule = fn(usize, &Sets, &Terms, &mut Budget) -> Option<Outcome>;

    fn count(rule: Rule, candidates: usize, sets: &Sets, seats: usize) -> Outcome {
        let terms = Terms::new(seats, Seed([0; 32]));
        rule(candidates, sets, &terms, &mut Budget::unlimited()).unwrap()
    }

    /// Example 1 of Lackner and Skowron's book: 12 ballots for a to g (0 to 6). Four seats go to a, b, c,
    /// d by Phragmén's rule, and to a, b, c, f by Thiele's; b and c are equal at the second.
    #[test]
    fn example_of_the_book_has_its_winners() {
        let sets = [
            (3, vec![0, 1]),
            (3, vec![0, 2]),
            (2, vec![0, 3]),
            (1, vec![1, 2, 5]),
            (1, vec![4]),
            (1, vec![5]),
            (1, vec![6]),
        ];
        for (rule, last, second) in [
            (phragmen as Rule, 3, Votes(290_909)), // 4 / (1 + 3 / 8)
            (sequential_pav, 5, Votes(250_000)),   // 3 / 2 + 1
        ] {
            let outcome = count(rule, 7, &sets, 4);
            let mut winners = outcome.winners;
            assert_eq!((winners[0], winners[3]), (0, last));
            winners.sort_unstable();
            assert_eq!(winners, [0, 1, 2, last]);
            assert_eq!(outcome.rounds[0].votes[0], Votes::whole(8));
            assert_eq!(outcome.rounds[1].votes[1], second);
            // What somebody was elected with stays.
            assert_eq!(outcome.rounds[3].votes[0], Votes::whole(8));
            let [tie] = outcome.ties.as_slice() else {
                panic!("one tie")
            };
            assert_eq!(
                (tie.stake, tie.round, &tie.candidates),
                (Stake::NextSeat, 1, &vec![1, 2])
            );
        }
    }

    #[test]
    fn what_is_compared_is_exact() {
        let [a, b, c, p, q, r] = [0, 1, 2, 3, 4, 5];
        let sets = [
            (1034, vec![a, b, c]),
            (519, vec![p, q, r]),
            (90, vec![a, b, q]),
            (47, vec![a, p, q]),
        ];
        let outcome = count(phragmen, 6, &sets, 3);
        assert_eq!((outcome.winners, outcome.ties.len()), (vec![a, q, b], 0));
        let of = |round: usize, candidate: usize| outcome.rounds[round].votes[candidate];
        assert_eq!(of(0, a), Votes::whole(1171));
        // 656 / (1 + 137 / 1171), and 1124 / (1 + 1124 / 1171).
        assert_eq!((of(1, q), of(1, b)), (Votes(58_729_051), Votes(57_350_936)));
        let thiele = count(sequential_pav, 6, &sets, 3);
        assert_eq!((thiele.winners, thiele.ties.len()), (vec![a, q, b], 0));
        // 1034 / 2 + 90 / 3.
        assert_eq!(thiele.rounds[2].votes[b], Votes::whole(547));
    }

    /// Loads and parts that no 128 bits hold: 64 candidates, and of each number of the first ones so many
    /// ballots as can be. What the last one is elected with was reckoned with Python's fractions.
    #[test]
    fn large_numbers_stay_exact() {
        let sets: Vec<(u64, Vec<usize>)> = (1..=64)
            .map(|long| ((1 << 31) - 1 - long as u64, (0..long).collect()))
            .collect();
        for (rule, last) in [
            (phragmen as Rule, Votes(45_268_401_673_570)),
            (sequential_pav, Votes(3_355_443_098_437)),
        ] {
            let outcome = count(rule, 64, &sets, 64);
            assert_eq!(outcome.winners, (0..64).collect::<Vec<_>>());
            assert_eq!(
                (outcome.rounds[63].votes[63], outcome.ties.len()),
                (last, 0)
            );
        }
    }

    #[test]
    fn seats_that_no_ballot_names_anybody_for_are_filled_by_lot() {
        for rule in [phragmen as Rule, sequential_pav] {
            let outcome = count(rule, 4, &[(5, vec![2]), (1, vec![])], 3);
            assert_eq!((outcome.winners[0], outcome.winners.len()), (2, 3));
            let stakes: Vec<_> = outcome.ties.iter().map(|tie| tie.stake).collect();
            assert_eq!(stakes, [Stake::Seats(2), Stake::Seats(1)]);
            let all = count(rule, 4, &[(5, vec![2])], 4);
            assert_eq!((all.winners, all.ties.len()), (vec![2, 0, 1, 3], 0));
        }
    }

    #[test]
    fn count_ends_when_its_budget_does() {
        let sets: Vec<(u64, Vec<usize>)> = (0..200)
            .map(|first| {
                (
                    1 + first as u64,
                    (0..30).map(|at| (first + at * 7) % 211).collect(),
                )
            })
            .collect();
        for rule in [phragmen as Rule, sequential_pav] {
            let terms = Terms::new(40, Seed([0; 32]));
            let mut budget = Budget::new(100_000);
            assert_eq!(rule(211, &sets, &terms, &mut budget), None);
            assert_eq!(budget.left(), 0);
            assert!(rule(211, &sets, &terms, &mut Budget::unlimited()).is_some());
        }
    }
}
