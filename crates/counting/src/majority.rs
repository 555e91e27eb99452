//! Majority judgment (Balinski and Laraki, "A theory of measuring, electing, and ranking", 2007;
//! "Majority Judgment", 2011).

use std::cmp::Ordering;

use crate::budget::Budget;
use crate::outcome::{Action, Outcome, Round, Votes};
use crate::rule::Terms;
use crate::ties::Breaker;

/// Numbers that a ballot can give.
const GRADES: usize = 256;

/// Of each grade, how many ballots give a candidate it or a better one.
type Reached = [u64; GRADES];

/// The grades of each candidate, as the numbers on the ballots are.
fn reached(candidates: usize, lists: &[(u64, Vec<u8>)]) -> Vec<Reached> {
    let mut all = vec![[0; GRADES]; candidates];
    for (count, grades) in lists {
        for (reached, grade) in all.iter_mut().zip(grades) {
            reached[usize::from(*grade)] += count;
        }
    }
    for reached in &mut all {
        for grade in (1..GRADES).rev() {
            reached[grade - 1] += reached[grade];
        }
    }
    all
}

/// The grade at a place in the order of a candidate's grades, best first, from 1.
fn grade_at(reached: &Reached, at: u64) -> u64 {
    (1..GRADES)
        .rev()
        .find(|grade| reached[*grade] >= at)
        .unwrap_or(0) as u64
}

/// The place of the majority grade among so many: of two in the middle the lower.
const fn middle(ballots: u64) -> u64 {
    ballots / 2 + 1
}

/// The majority grade of each candidate: the lower median of its grades; 0 without ballots.
/// `lists` are how many of each list of `candidates` numbers.
pub fn majority_grades(candidates: usize, lists: &[(u64, Vec<u8>)]) -> Vec<u64> {
    let all = reached(candidates, lists);
    let grade = |reached: &Reached| grade_at(reached, middle(reached[0]));
    all.iter().map(grade).collect()
}

/// Which of two comes first if their majority grades are taken away again and again, one of each
/// at a time, until those that follow differ.
///
/// The grades that are taken away are those at the places around the middle, once below and once
/// above. So it is looked for the nearest place on each side at which the two differ; the one that
/// comes to its turn first decides.
fn compare(a: &Reached, b: &Reached) -> Ordering {
    let (ballots, middle) = (a[0], middle(a[0]));
    // Two lists differ at the places of which one of them has reached a grade, and the other not.
    let differ = || (1..GRADES).map(|grade| (a[grade].min(b[grade]) + 1, a[grade].max(b[grade])));
    let below = differ()
        .filter(|(from, to)| from <= to && *to >= middle)
        .map(|(from, _)| from.max(middle))
        .min();
    let above = differ()
        .filter(|(from, to)| from <= to && *from < middle)
        .map(|(_, to)| to.min(middle - 1))
        .max();
    // Of an even number the middle has one more above it than below, of an odd one as many; so after
    // the middle the next is above, or below.
    let even = ballots % 2 == 0;
    let turn_below = |at: u64| 2 * (at - middle) - u64::from(!even && at > middle);
    let turn_above = |at: u64| 2 * (middle - at) - u64::from(even);
    let first = [
        below.map(|at| (turn_below(at), at)),
        above.map(|at| (turn_above(at), at)),
    ];
    match first.into_iter().flatten().min() {
        Some((_, at)) => grade_at(a, at).cmp(&grade_at(b, at)),
        None => Ordering::Equal,
    }
}

/// Majority judgment: who has the best majority grade wins, of equals as [`compare`] says; several
/// seats go to the first in that order. Who has the very same grades is tied, and the seed picks.
/// `lists` are how many of each list of `candidates` grades, the higher the better. What it takes
/// does not grow with how many ballots are alike.
pub(crate) fn majority_judgment(
    candidates: usize,
    lists: &[(u64, Vec<u8>)],
    terms: &Terms,
    budget: &mut Budget,
) -> Option<Outcome> {
    budget.spend(candidates * (GRADES + lists.len()))?;
    let all = reached(candidates, lists);
    if all.iter().all(|reached| reached[1] == 0) {
        return Some(Outcome::nobody(candidates, 0));
    }
    budget.spend(candidates * candidates.ilog2() as usize * GRADES)?;
    let mut order: Vec<usize> = (0..candidates).collect();
    order.sort_by(|a, b| compare(&all[*b], &all[*a]));
    // As amounts: how many come behind.
    let mut amounts = vec![0; candidates];
    for pair in order.windows(2).rev() {
        let equal = compare(&all[pair[0]], &all[pair[1]]).is_eq();
        amounts[pair[0]] = amounts[pair[1]] + u64::from(!equal);
    }
    let mut breaker = Breaker::new(terms.seed);
    let winners = breaker.best(&amounts, terms.seats);
    let grade = |reached: &Reached| Votes::whole(grade_at(reached, middle(reached[0])));
    let round = Round {
        votes: all.iter().map(grade).collect(),
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
    use crate::ties::Seed;
    use proptest::prelude::*;

    fn judge(candidates: usize, lists: &[(u64, Vec<u8>)], seats: usize) -> Outcome {
        let terms = Terms::new(seats, Seed([0; 32]));
        majority_judgment(candidates, lists, &terms, &mut Budget::unlimited()).unwrap()
    }

    /// The French presidential election of 2007, graded by voters of three polling places of Orsay in
    /// an experiment of Balinski and Laraki ("Election by majority judgment: experimental evidence",
    /// 2007). The published majority grades are good for Bayrou, Royal and Sarkozy, who come first in
    /// that order, and to reject for Le Pen. Who gave no grade is counted as rejecting, as there.
    #[test]
    fn orsay_2007_has_its_published_order() {
        // Grades: 6 excellent, 5 very good, 4 good, 3 acceptable, 2 poor, 1 to reject, in tenths of
        // a per cent, made to add up to 1000.
        let shares: [[u64; 6]; 4] = [
            [136, 307, 251, 148, 84, 74],   // Bayrou
            [167, 227, 191, 168, 122, 125], // Royal
            [191, 198, 143, 115, 71, 282],  // Sarkozy
            [30, 46, 62, 65, 54, 743],      // Le Pen
        ];
        // Who grades whom together does not matter, so each candidate's grades are laid out in order.
        let grade = |shares: &[u64; 6], at: u64| {
            let mut upto = 0;
            shares
                .iter()
                .zip([6u8, 5, 4, 3, 2, 1])
                .find_map(|(share, grade)| {
                    upto += share;
                    (at < upto).then_some(grade)
                })
        };
        let lists: Vec<(u64, Vec<u8>)> = (0..1000)
            .map(|at| (1, shares.iter().map(|of| grade(of, at).unwrap()).collect()))
            .collect();
        assert_eq!(majority_grades(4, &lists), [4, 4, 4, 1]);
        let outcome = judge(4, &lists, 4);
        assert_eq!((outcome.winners, outcome.ties.len()), (vec![0, 1, 2, 3], 0));
    }

    #[test]
    fn majority_grade_is_the_lower_of_two_in_the_middle() {
        assert_eq!(majority_grades(1, &[(1, vec![9]), (1, vec![3])]), [3]);
        assert_eq!(majority_grades(1, &[(2, vec![9]), (1, vec![3])]), [9]);
        assert_eq!(majority_grades(2, &[]), [0, 0]);
    }

    #[test]
    fn only_the_very_same_grades_are_a_tie() {
        // 0 and 1 have 5, 5, 3 and 5, 3, 5; 2 has 5, 5, 2.
        let lists = [(1, vec![5, 5, 5]), (1, vec![5, 3, 5]), (1, vec![3, 5, 2])];
        let outcome = judge(3, &lists, 1);
        assert_eq!(outcome.ties[0].candidates, [0, 1]);
        assert_eq!(judge(3, &lists, 2).winners, [0, 1]);
        assert!(judge(3, &lists, 2).ties.is_empty());
    }

    #[test]
    fn what_it_takes_does_not_grow_with_the_votes() {
        let million = 1_000_000_000;
        let lists = [(million, vec![5, 5]), (million, vec![4, 3])];
        let terms = Terms::new(1, Seed([0; 32]));
        let outcome = majority_judgment(2, &lists, &terms, &mut Budget::new(10_000)).unwrap();
        assert_eq!(outcome.winners, [0]);
    }

    /// The majority grades of a candidate in the order in which they are taken away, by the
    /// definition.
    fn taken_away(mut grades: Vec<u8>) -> Vec<u8> {
        grades.sort_unstable();
        let all = grades.len();
        let one = |_| grades.remove((grades.len() - 1) / 2);
        (0..all).map(one).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn order_is_that_of_grades_taken_away_one_at_a_time(
            ballots in prop::collection::vec(prop::collection::vec(0..5u8, 5), 1..12),
        ) {
            prop_assume!(ballots.iter().flatten().any(|grade| *grade > 0));
            let lists: Vec<_> = ballots.iter().map(|grades| (1, grades.clone())).collect();
            let outcome = judge(5, &lists, 5);
            let of = |place: usize| taken_away(ballots.iter().map(|grades| grades[place]).collect());
            prop_assert!(outcome.winners.is_sorted_by(|a, b| of(*a) >= of(*b)), "{:?}", outcome.winners);
            let first = of(outcome.winners[0]);
            let equal = (0..5).filter(|place| of(*place) == first).count();
            prop_assert_eq!(judge(5, &lists, 1).ties.len(), usize::from(equal > 1));
            let grades: Vec<u64> = (0..5).map(|place| u64::from(of(place)[0])).collect();
            prop_assert_eq!(majority_grades(5, &lists), grades);
        }
    }
}
