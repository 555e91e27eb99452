//! Single transferable vote by Meek's method (Hill, Wichmann, Woodall, "Algorithm 123", The
//! Computer Journal 30, 1987), in fixed point as the Proportional Representation Foundation's
//! reference rule has it.

use std::collections::BTreeMap;

use crate::budget::Budget;
use crate::outcome::{Action, Outcome, Round, Stake, Votes};
use crate::profile::Profile;
use crate::rule::Terms;
use crate::ties::Breaker;

/// One vote, and a keep value of one: everything is in billionths.
const ONE: u64 = 1_000_000_000;

/// What equal ranks give is added up in parts of a billionth, so many in one, and rounded to
/// billionths once for all ballots.
const PARTS: u128 = 1_000_000_000;

/// One, in parts of a billionth.
const WHOLE: u128 = ONE as u128 * PARTS;

/// About as many steps as a division of such numbers takes.
const DIVISION_STEPS: usize = 8;

/// Less surplus than that altogether, in billionths, is none; nor do votes differ that differ by no
/// more.
const OMEGA: u128 = 1_000;

/// Looks at the votes in one round; more would not change who has the fewest by anything that
/// matters.
const LOOKS_MAX: usize = 1_000;

/// Billionths in the smallest amount of [`Votes`].
const SHOWN: u128 = (ONE / Votes::ONE) as u128;

/// One look at the votes, in billionths.
struct Look {
    /// By candidate; below 2^67, as a profile has at most 2^37 ballots.
    votes: Vec<u128>,
    quota: u128,
}

struct Count<'a> {
    profile: &'a Profile,
    seats: usize,
    /// By candidate: the part that it keeps of what reaches it, in billionths; none once excluded.
    keep: Vec<u64>,
    /// Neither elected nor excluded.
    hopeful: Vec<bool>,
    winners: Vec<usize>,
    /// The exact votes of each round.
    history: Vec<Vec<u128>>,
    quota: u128,
    rounds: Vec<Round>,
    breaker: Breaker,
}

/// Meek's STV. All amounts are whole billionths; there is no other arithmetic than stated here.
///
/// Every candidate has a keep value: 1 to begin with, 0 once excluded; those elected lower theirs. **To
/// look at the votes**, each ballot sets out with a weight of 1 and goes down its ranks. At a rank
/// of which one candidate is not excluded, this one takes the weight times its keep value, rounded
/// up, and the rest goes to the next rank. A rank of which several are not excluded counts as the
/// mean of all their orders ([`Shares`]). The **quota** is the sum of all votes over one more than
/// the seats, rounded down, and a billionth.
///
/// The count goes in rounds. If no seat is left, it is over. A round begins with a look; if those
/// neither elected nor excluded (the hopeful) are no more than the seats left, all of them are
/// elected, most votes first, and the count is over. Otherwise:
/// 1. Each hopeful with the quota or more is elected, most votes first, equals by place; if any,
///    the round ends. Should rounding let more reach it than seats are left, those whom step 3
///    would exclude, one after another, are not elected.
/// 2. The surplus is the sum, over those elected with more than the quota, of the votes above it.
///    Unless it is below 0.000001, or not below what it was at the look before in this round, or
///    this was the round's look number 1000: each elected candidate with more than the quota has
///    its keep value multiplied by the quota and divided by its votes, rounded up once, and the
///    next look follows, with step 1.
/// 3. Else one hopeful is excluded, and the round ends: the one with the fewest votes, where all
///    with no more than the fewest, the surplus and 0.000001 are tied. Of those tied, the rounds
///    before are asked, the latest first: only those with no more than the fewest of them and 0.000001
///    in that round stay tied. If several are left at the end, the seed picks.
///
/// Rounds in the outcome have the last look of each, rounded down to hundred-thousandths; what that
/// and the rounding above leave is with the exhausted, so that the sum is the ballots. The quota is
/// that of the last look, rounded down likewise.
pub(crate) fn meek(profile: &Profile, terms: &Terms, budget: &mut Budget) -> Option<Outcome> {
    let (n, seats) = (profile.candidates(), terms.seats);
    let mut count = Count {
        profile,
        seats: seats.min(n),
        keep: vec![ONE; n],
        hopeful: vec![true; n],
        winners: Vec::new(),
        history: Vec::new(),
        quota: 0,
        rounds: Vec::new(),
        breaker: Breaker::new(terms.seed),
    };
    while count.winners.len() < count.seats {
        count.round(seats, budget)?;
    }
    let quota = (!count.rounds.is_empty()).then(|| shown(count.quota));
    Some(Outcome {
        winners: count.winners,
        rounds: count.rounds,
        quota,
        pairwise: None,
        ties: count.breaker.ties,
    })
}

/// What equal candidates take of a weight: the mean over all orders of them, each order as if it
/// were on a ballot of its own, a part of one.
///
/// Source: Meek, "A new approach to the single transferable vote", 1970, section 6 (Voting matters
/// 1, 1994): A and B equal are half a vote A, B and half a vote B, A; three equal are six sixths.
/// It takes no list of the orders. A candidate is at each place equally likely, and at place `s +
/// 1` each set of `s` others is equally likely before it; what a set leaves is the product of one
/// less each keep value in it.
struct Shares {
    /// Each candidate's part of the weight.
    taken: Vec<(usize, u128)>,
    /// What all of them leave of the weight, in billionths.
    rest: u64,
}

/// What [`mean_left`] gave in a look, by the keep values of a rank and the one that it was asked
/// for: ballots that differ often have equal ranks in common, and it takes far more steps than all
/// else.
#[derive(Default)]
struct Means(BTreeMap<Vec<u64>, BTreeMap<u64, u128>>);

impl Means {
    /// Ranks that are remembered, at most.
    const RANKS_MAX: usize = 1 << 10;

    /// As [`mean_left`], and takes as many steps off the budget.
    fn left(&mut self, keep: &[u64], at: usize, budget: &mut Budget) -> Option<u128> {
        if let Some(left) = self.0.get(keep).and_then(|known| known.get(&keep[at])) {
            budget.spend(mean_steps(keep, at))?;
            return Some(*left);
        }
        let left = mean_left(keep, at, budget)?;
        if self.0.len() < Self::RANKS_MAX || self.0.contains_key(keep) {
            self.0
                .entry(keep.to_vec())
                .or_default()
                .insert(keep[at], left);
        }
        Some(left)
    }
}

impl Shares {
    /// `keep` has the candidates and their keep values, above 0; `weight` is in billionths.
    fn new(
        weight: u64,
        mut keep: Vec<(usize, u64)>,
        means: &mut Means,
        budget: &mut Budget,
    ) -> Option<Self> {
        keep.sort_unstable_by_key(|(candidate, keep)| (std::cmp::Reverse(*keep), *candidate));
        let values: Vec<u64> = keep.iter().map(|(_, keep)| *keep).collect();
        let rest = values
            .iter()
            .fold(weight, |rest, keep| rest - taken(rest, *keep));
        let mut shares = Vec::with_capacity(keep.len());
        let mut same = None;
        for (at, (candidate, value)) in keep.into_iter().enumerate() {
            let left = match same {
                Some((before, left)) if before == value => left,
                _ => means.left(&values, at, budget)?,
            };
            same = Some((value, left));
            shares.push((
                candidate,
                u128::from(weight) * u128::from(value) * left / WHOLE,
            ));
        }
        Some(Self {
            taken: shares,
            rest,
        })
    }
}

/// What a candidate takes of a weight that comes to it alone.
fn taken(weight: u64, keep: u64) -> u64 {
    narrow((u128::from(weight) * u128::from(keep)).div_ceil(ONE.into()))
}

/// What those before the candidate at place `at` leave of one, in parts: the mean over all orders,
/// each step rounded down. `keep` are the keep values of all, the highest first.
fn mean_left(keep: &[u64], at: usize, budget: &mut Budget) -> Option<u128> {
    budget.spend(mean_steps(keep, at))?;
    let others: Vec<u64> = keep
        .iter()
        .enumerate()
        .filter(|(place, _)| *place != at)
        .map(|(_, keep)| *keep)
        .collect();
    // Sets with one in it that keeps all leave nothing.
    let sure = others.iter().take_while(|keep| **keep == ONE).count();
    // By size of the set, among the others that were looked at so far: the mean of what such sets
    // leave.
    let mut means = vec![WHOLE];
    for (before, keep) in others.iter().enumerate().skip(sure) {
        let many = before as u128 + 1;
        let leaves = u128::from(ONE - keep);
        means.push(0);
        for size in (1..means.len()).rev() {
            // Of `many` sets, `size` have the new one in it.
            let with = size as u128;
            let sum =
                (many - with) * means[size] * u128::from(ONE) + with * leaves * means[size - 1];
            means[size] = sum / (many * u128::from(ONE));
        }
    }
    Some(means.iter().sum::<u128>() / (others.len() as u128 + 1))
}

/// How many steps that takes.
fn mean_steps(keep: &[u64], at: usize) -> usize {
    let passing = keep
        .iter()
        .enumerate()
        .filter(|(place, keep)| *place != at && **keep < ONE)
        .count();
    DIVISION_STEPS * (1 + passing).pow(2)
}

fn shown(billionths: u128) -> Votes {
    Votes(
        u64::try_from(billionths / SHOWN).expect("2^37 ballots are below 2^54 hundred-thousandths"),
    )
}

fn narrow(part: u128) -> u64 {
    u64::try_from(part).expect("a part of a number is no greater")
}

impl Count<'_> {
    fn round(&mut self, divisor: usize, budget: &mut Budget) -> Option<()> {
        budget.spend(self.keep.len() * self.rounds.len())?;
        let mut before = None;
        for look_number in 1.. {
            budget.spend(self.profile.size())?;
            let look = self.look(divisor, budget)?;
            let hopeful = self.hopefuls();
            if self.winners.len() + hopeful.len() <= self.seats {
                self.elect(look, hopeful);
                return Some(());
            }
            let reached: Vec<usize> = hopeful
                .iter()
                .copied()
                .filter(|c| look.votes[*c] >= look.quota)
                .collect();
            if !reached.is_empty() {
                let reached = self.as_many_as_seats(&look, reached);
                self.elect(look, reached);
                return Some(());
            }
            let surplus = self.surplus(&look);
            if surplus < OMEGA
                || before.is_some_and(|before| surplus >= before)
                || look_number == LOOKS_MAX
            {
                self.exclude(look, &hopeful, surplus);
                return Some(());
            }
            before = Some(surplus);
            self.lower_keep_values(&look);
        }
        Some(())
    }

    fn look(&self, seats: usize, budget: &mut Budget) -> Option<Look> {
        // In parts of a billionth.
        let mut votes = vec![0u128; self.keep.len()];
        let mut means = Means::default();
        for group in self.profile.groups() {
            let count = u128::from(group.count);
            let mut weight = ONE;
            for rank in group.ranks.iter() {
                let mut standing = rank.iter().filter(|candidate| self.keep[*candidate] > 0);
                match (standing.next(), standing.next()) {
                    (None, _) => continue,
                    (Some(only), None) => {
                        let taken = taken(weight, self.keep[only]);
                        votes[only] += count * u128::from(taken) * PARTS;
                        weight -= taken;
                    }
                    (Some(_), Some(_)) => {
                        let equal = rank
                            .iter()
                            .map(|candidate| (candidate, self.keep[candidate]));
                        let shares = Shares::new(
                            weight,
                            equal.filter(|(_, keep)| *keep > 0).collect(),
                            &mut means,
                            budget,
                        )?;
                        for (candidate, taken) in shares.taken {
                            votes[candidate] += count * taken;
                        }
                        weight = shares.rest;
                    }
                }
                if weight == 0 {
                    break;
                }
            }
        }
        let votes: Vec<u128> = votes
            .into_iter()
            .map(|parts| (parts + PARTS / 2) / PARTS)
            .collect();
        let quota = votes.iter().sum::<u128>() / (seats as u128 + 1) + 1;
        Some(Look { votes, quota })
    }

    fn hopefuls(&self) -> Vec<usize> {
        (0..self.hopeful.len())
            .filter(|candidate| self.hopeful[*candidate])
            .collect()
    }

    /// Elected, with more than the quota.
    fn above_quota<'a>(&'a self, look: &'a Look) -> impl Iterator<Item = usize> + 'a {
        self.winners
            .iter()
            .copied()
            .filter(|candidate| look.votes[*candidate] > look.quota)
    }

    fn surplus(&self, look: &Look) -> u128 {
        self.above_quota(look)
            .map(|candidate| look.votes[candidate] - look.quota)
            .sum()
    }

    fn lower_keep_values(&mut self, look: &Look) {
        let above: Vec<usize> = self.above_quota(look).collect();
        for candidate in above {
            // A keep value has 30 bits and the quota 67.
            let lower =
                (u128::from(self.keep[candidate]) * look.quota).div_ceil(look.votes[candidate]);
            self.keep[candidate] = narrow(lower);
        }
    }

    /// Ends the round.
    fn record(&mut self, look: Look, action: Action) {
        let votes: Vec<Votes> = look.votes.iter().copied().map(shown).collect();
        let exhausted =
            Votes::whole(self.profile.ballots()).0 - votes.iter().map(|votes| votes.0).sum::<u64>();
        self.rounds.push(Round {
            votes,
            exhausted: Votes(exhausted),
            actions: vec![action],
        });
        self.quota = look.quota;
        self.history.push(look.votes);
    }

    fn elect(&mut self, look: Look, mut elected: Vec<usize>) {
        elected.sort_by_key(|candidate| std::cmp::Reverse(look.votes[*candidate]));
        elected
            .iter()
            .for_each(|candidate| self.hopeful[*candidate] = false);
        self.winners.extend(&elected);
        self.record(look, Action::Elect(elected));
    }

    fn as_many_as_seats(&mut self, look: &Look, mut reached: Vec<usize>) -> Vec<usize> {
        while self.winners.len() + reached.len() > self.seats {
            let surplus = self.surplus(look);
            let last = self.fewest(look, &reached, surplus);
            reached.retain(|candidate| *candidate != last);
        }
        reached
    }

    fn exclude(&mut self, look: Look, hopeful: &[usize], surplus: u128) {
        let last = self.fewest(&look, hopeful, surplus);
        self.hopeful[last] = false;
        self.keep[last] = 0;
        self.record(look, Action::Exclude(last));
    }

    /// The one of `among` with the fewest votes; no more than the surplus and what rounding may do
    /// is no difference.
    fn fewest(&mut self, look: &Look, among: &[usize], surplus: u128) -> usize {
        let least = among
            .iter()
            .map(|candidate| look.votes[*candidate])
            .min()
            .unwrap_or_default();
        let tied = among
            .iter()
            .copied()
            .filter(|c| look.votes[*c] <= least + surplus + OMEGA)
            .collect();
        let narrow = |round: usize, tied: &mut Vec<usize>| {
            let votes = &self.history[round];
            let least = tied
                .iter()
                .map(|candidate| votes[*candidate])
                .min()
                .unwrap_or_default();
            tied.retain(|candidate| votes[*candidate] <= least + OMEGA);
        };
        self.breaker
            .pick(self.history.len(), Stake::Exclusion, tied, narrow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Group, profile};
    use crate::ties::Seed;
    use proptest::prelude::*;

    const SEED: Seed = Seed([0; 32]);

    fn meek(profile: &Profile, seats: usize, seed: Seed) -> Outcome {
        super::meek(profile, &Terms::new(seats, seed), &mut Budget::unlimited()).unwrap()
    }

    fn excluded(outcome: &Outcome) -> Vec<usize> {
        let actions = outcome.rounds.iter().flat_map(|round| &round.actions);
        actions
            .filter_map(|action| {
                if let Action::Exclude(last) = action {
                    Some(*last)
                } else {
                    None
                }
            })
            .collect()
    }

    /// By hand: quota 23/3; 0 is elected with 15 and keeps 7.666666667 / 15; what it does not keep
    /// is 4.888888880 for 1 and 2.444444440 for 2.
    #[test]
    fn surplus_goes_on_in_billionths() {
        let ballots: [(u64, &[usize]); 4] = [(10, &[0, 1]), (5, &[0, 2]), (4, &[1]), (4, &[2])];
        let outcome = meek(&profile(3, &ballots), 2, SEED);
        assert_eq!(outcome.rounds[0].votes, [15, 4, 4].map(Votes::whole));
        assert_eq!(outcome.rounds[0].actions, [Action::Elect(vec![0])]);
        assert_eq!(
            outcome.rounds[1].votes,
            [Votes(766_666), Votes(888_888), Votes(644_444)]
        );
        assert_eq!(outcome.quota, Some(Votes(766_666)));
        assert_eq!(outcome.winners, [0, 1]);
    }

    /// Unlike by the Scottish rules, a ballot reaches those who are elected already, and the quota
    /// falls as ballots run out.
    #[test]
    fn votes_that_run_out_lower_the_quota() {
        let ballots: [(u64, &[usize]); 4] = [(6, &[0]), (3, &[1]), (2, &[2]), (1, &[3])];
        let outcome = meek(&profile(4, &ballots), 2, SEED);
        assert_eq!(excluded(&outcome), [3]);
        assert_eq!(outcome.winners, [0, 1]);
        // A third of twelve would be four; what 0 does not need has nowhere to go.
        assert_eq!(outcome.rounds[2].votes[1], Votes::whole(3));
        assert_eq!(outcome.rounds[2].exhausted, Votes::whole(4));
        assert_eq!(outcome.quota, Some(Votes(266_666)));
    }

    /// Votes for one who is elected already still reach it: 2 is excluded, its ballots name 0, and
    /// 0 passes a larger part on to 1.
    #[test]
    fn ballots_of_the_excluded_reach_the_elected() {
        let ballots: [(u64, &[usize]); 4] = [(8, &[0, 1]), (4, &[1]), (5, &[3]), (2, &[2, 0, 1])];
        let profile = profile(4, &ballots);
        let outcome = meek(&profile, 2, SEED);
        assert_eq!(excluded(&outcome), [2]);
        assert_eq!(outcome.winners, [0, 1]);
        assert!(outcome.ties.is_empty());
    }

    #[test]
    fn one_seat_is_instant_runoff_and_more_seats_than_candidates_elect_all() {
        let ballots: [(u64, &[usize]); 4] = [
            (42, &[0, 1, 2, 3]),
            (26, &[1, 2, 3, 0]),
            (15, &[2, 3, 1, 0]),
            (17, &[3, 2, 1, 0]),
        ];
        let profile = profile(4, &ballots);
        assert_eq!(
            meek(&profile, 1, SEED).winners,
            crate::irv::irv(&profile, &Terms::new(1, SEED), &mut Budget::unlimited())
                .unwrap()
                .winners
        );
        assert_eq!(meek(&profile, 9, SEED).winners, [0, 1, 3, 2]);
        assert_eq!(meek(&profile, 0, SEED), Outcome::default());
    }

    #[test]
    fn burlington_2009_has_its_instant_runoff_winner() {
        let text = include_str!("../../../testdata/burlington-2009-mayor.blt");
        let file = crate::formats::Format::Blt.parse(text).unwrap();
        let outcome = meek(&file.profile(), 1, SEED);
        assert!(file.candidates[outcome.winners[0]].starts_with("Bob Kiss"));
    }

    #[test]
    fn equal_ranks_share_equally() {
        let equal = Group {
            count: 4,
            ranks: vec![vec![0, 1, 2], vec![3]],
        };
        let outcome = meek(&Profile::new(4, vec![equal]).unwrap(), 2, SEED);
        let third = Votes(133_333);
        assert_eq!(outcome.rounds[0].votes, [third, third, third, Votes(0)]);
        assert_eq!(outcome.rounds[0].exhausted, Votes(1));
    }

    /// What each takes of a weight, by definition: every order counted on its own, in floating
    /// point, and the mean of them.
    fn written_out(weight: u64, keep: &[u64]) -> Vec<f64> {
        fn go(keep: &[u64], order: &mut Vec<usize>, taken: &mut [f64], orders: &mut f64) {
            if order.len() == keep.len() {
                *orders += 1.0;
                let mut left = 1.0;
                for place in order.iter() {
                    let part = left * keep[*place] as f64 / ONE as f64;
                    taken[*place] += part;
                    left -= part;
                }
                return;
            }
            for place in (0..keep.len())
                .filter(|place| !order.contains(place))
                .collect::<Vec<_>>()
            {
                order.push(place);
                go(keep, order, taken, orders);
                order.pop();
            }
        }
        let (mut taken, mut orders) = (vec![0.0; keep.len()], 0.0);
        go(keep, &mut Vec::new(), &mut taken, &mut orders);
        taken
            .into_iter()
            .map(|taken| taken / orders * weight as f64)
            .collect()
    }

    /// Ten rank Cedar (2) above Dogwood (3), nobody the reverse: half and half of each order, Cedar
    /// has more.
    #[test]
    fn who_is_nowhere_ranked_below_another_is_not_beaten_by_it() {
        let group = |ranks: Vec<Vec<usize>>| Group { count: 10, ranks };
        let equal = [
            group(vec![vec![0]]),
            group(vec![vec![1]]),
            group(vec![vec![0, 1, 2], vec![3]]),
        ];
        let outcome = meek(&Profile::new(4, equal.to_vec()).unwrap(), 3, SEED);
        assert_eq!(outcome.winners, [0, 1, 2]);
        assert!(outcome.ties.iter().all(|tie| tie.drawn.is_empty()));
    }

    /// Equal in pairs is half and half to the last billionth as long as nobody is elected, and to
    /// what rounding takes of each ballot then.
    #[test]
    fn equal_ranks_written_out_change_nothing() {
        let orders: [&[usize]; 6] = [
            &[0, 1, 2],
            &[0, 2, 1],
            &[1, 0, 2],
            &[1, 2, 0],
            &[2, 0, 1],
            &[2, 1, 0],
        ];
        let tails: [(u64, &[usize]); 3] = [(30, &[3, 4]), (12, &[4]), (6, &[5, 0])];
        let plain: [(u64, &[usize]); 5] = [
            (50, &[0, 3]),
            (36, &[1]),
            (31, &[3, 0]),
            (29, &[4]),
            (28, &[5, 2]),
        ];
        let single = |(count, order): &(u64, &[usize])| Group {
            count: *count,
            ranks: order.iter().map(|c| vec![*c]).collect(),
        };
        let mut equal: Vec<Group> = plain.iter().map(single).collect();
        let mut written: Vec<Group> = equal.clone();
        for (count, tail) in tails {
            let rest = |head: &[usize]| {
                tail.iter()
                    .filter(|c| !head.contains(c))
                    .map(|c| vec![*c])
                    .collect::<Vec<_>>()
            };
            equal.push(Group {
                count,
                ranks: [vec![vec![0, 1, 2]], rest(&[0, 1, 2])].concat(),
            });
            for order in orders {
                let head = order.iter().map(|c| vec![*c]).collect();
                written.push(Group {
                    count: count / 6,
                    ranks: [head, rest(&[0, 1, 2])].concat(),
                });
            }
        }
        for seats in 1..6 {
            let [equal, written] = [&equal, &written]
                .map(|groups| meek(&Profile::new(6, groups.clone()).unwrap(), seats, SEED));
            assert_eq!(equal.winners, written.winners);
            assert_eq!(equal.rounds[0], written.rounds[0], "nobody is elected yet");
            assert_eq!(equal.rounds.len(), written.rounds.len());
            for (one, other) in equal.rounds.iter().zip(&written.rounds) {
                assert_eq!(one.actions, other.actions);
                assert!(
                    one.votes
                        .iter()
                        .zip(&other.votes)
                        .all(|(a, b)| a.0.abs_diff(b.0) <= 1),
                    "{one:?} {other:?}"
                );
            }
        }
    }

    /// A rank of 500, of which 200 are elected: 500! orders, and some million divisions.
    #[test]
    fn large_rank_costs_what_its_elected_cost_and_is_paid_for() {
        let keep: Vec<(usize, u64)> = (0..500)
            .map(|place| {
                (
                    place,
                    if place < 200 {
                        4_000_000 * (place as u64 + 1)
                    } else {
                        ONE
                    },
                )
            })
            .collect();
        let mut budget = Budget::unlimited();
        let shares = Shares::new(ONE, keep.clone(), &mut Means::default(), &mut budget).unwrap();
        assert!(
            shares.rest == 0 && shares.taken.iter().map(|(_, taken)| taken).sum::<u128>() <= WHOLE
        );
        assert!(shares.taken.iter().all(|(_, taken)| *taken > 0));
        let spent = Budget::unlimited().left() - budget.left();
        assert!(
            (8 * 200 * 200 * 200..8 * 202 * 202 * 202).contains(&spent),
            "{spent}"
        );
        assert!(
            Shares::new(
                ONE,
                keep.clone(),
                &mut Means::default(),
                &mut Budget::new(spent - 1)
            )
            .is_none()
        );
        // What another ballot asked for is the same, and costs the same.
        let mut means = Means::default();
        for weight in [ONE, ONE, ONE / 2] {
            let mut budget = Budget::new(spent);
            let again = Shares::new(weight, keep.clone(), &mut means, &mut budget).unwrap();
            assert_eq!(budget.left(), 0);
            assert!(weight < ONE || again.taken == shares.taken);
        }
        assert!(Shares::new(ONE, keep, &mut means, &mut Budget::new(spent - 1)).is_none());
    }

    #[test]
    fn ties_look_back_and_then_ask_the_seed() {
        // Once 3 is excluded, 1 and 2 have four each; 1 had fewer before.
        let ballots: [(u64, &[usize]); 4] = [(7, &[0]), (3, &[1]), (4, &[2]), (1, &[3, 1])];
        let outcome = meek(&profile(4, &ballots), 1, SEED);
        assert_eq!(excluded(&outcome), [3, 1]);
        let [tie] = outcome.ties.as_slice() else {
            panic!("one tie: {:?}", outcome.ties)
        };
        assert_eq!(
            (&tie.candidates, tie.round, tie.earlier, tie.picked),
            (&vec![1, 2], 1, Some(0), 1)
        );
        assert!(tie.drawn.is_empty());
        let outcome = meek(&profile(2, &[(1, &[0]), (1, &[1])]), 1, SEED);
        assert_eq!(outcome.ties[0].drawn, [0, 1]);
    }

    /// 1 gets three thirds of a vote and 2 two halves, each rounded down: they are tied all the
    /// same.
    #[test]
    fn what_rounding_takes_breaks_no_tie() {
        let ballots: [(u64, &[usize]); 4] = [(3, &[0, 1]), (2, &[4, 2]), (2, &[4, 3]), (1, &[3])];
        let outcome = meek(&profile(5, &ballots), 3, SEED);
        assert_eq!(outcome.rounds[1].votes[1..3], [Votes(99_999); 2]);
        let tied: Vec<_> = outcome
            .ties
            .iter()
            .map(|tie| tie.candidates.as_slice())
            .collect();
        assert_eq!(tied, [[1, 2]]);
    }

    /// 199 elected whose votes have nowhere to go: the quota falls by a hundredth at each look,
    /// from four thousand million votes towards thirty.
    #[test]
    fn round_that_settles_slowly_ends_all_the_same() {
        let sure = (0..199).map(|place| (1 << 29, place));
        let groups = sure.chain([(10, 199), (20, 200), (30, 201)]);
        let groups = groups
            .map(|(count, place)| Group {
                count,
                ranks: vec![vec![place]],
            })
            .collect();
        let outcome = meek(&Profile::new(202, groups).unwrap(), 200, SEED);
        assert!(
            outcome.rounds[1].votes[0] > Votes::whole(10_000),
            "the surplus is far from gone"
        );
        assert_eq!(
            excluded(&outcome),
            [199, 200],
            "what differs by less than the surplus is decided by the round before"
        );
        assert_eq!(outcome.winners.last(), Some(&201));
        assert!(
            outcome.ties.iter().all(|tie| tie.drawn.is_empty()),
            "the seed is not asked"
        );
    }

    fn any_profile() -> impl Strategy<Value = Profile> {
        (0..7usize).prop_flat_map(|candidates| {
            let order = Just((0..candidates).collect::<Vec<_>>()).prop_shuffle();
            let equal = prop::collection::vec(any::<bool>(), candidates);
            let count = prop_oneof![0..30u64, Just(1u64 << 32), Just((1u64 << 32) - 3)];
            let group =
                (count, order, equal, 0..=candidates).prop_map(|(count, order, equal, length)| {
                    let mut ranks: Vec<Vec<usize>> = Vec::new();
                    for (place, equal) in order.into_iter().zip(equal).take(length) {
                        match ranks.last_mut() {
                            Some(last) if equal => last.push(place),
                            _ => ranks.push(vec![place]),
                        }
                    }
                    Group { count, ranks }
                });
            prop::collection::vec(group, 0..15)
                .prop_map(move |groups| Profile::new(candidates, groups).unwrap())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn seats_are_filled_and_no_vote_is_lost_or_made(profile in any_profile(), seats in 0..9usize) {
            let outcome = meek(&profile, seats, SEED);
            let mut winners = outcome.winners.clone();
            winners.sort_unstable();
            winners.dedup();
            prop_assert_eq!(winners.len(), seats.min(profile.candidates()));
            let ballots = profile.ballots();
            for round in &outcome.rounds {
                let sum: u64 = round.votes.iter().map(|votes| votes.0).sum::<u64>() + round.exhausted.0;
                prop_assert_eq!(Votes(sum), Votes::whole(ballots));
                prop_assert_eq!(round.actions.len(), 1);
            }
            for last in excluded(&outcome) {
                prop_assert!(!winners.contains(&last));
                prop_assert_eq!(outcome.rounds.last().unwrap().votes[last], Votes(0));
            }
        }

        #[test]
        fn shares_are_the_mean_of_all_orders(
            keep in prop::collection::vec(prop_oneof![Just(ONE), Just(ONE / 2), 1..=ONE], 2..7),
            weight in 1..=ONE,
        ) {
            let equal = keep.iter().copied().enumerate().collect();
            let shares = Shares::new(weight, equal, &mut Means::default(), &mut Budget::unlimited()).unwrap();
            let expected = written_out(weight, &keep);
            for (place, taken) in &shares.taken {
                prop_assert!((*taken as f64 / PARTS as f64 - expected[*place]).abs() < 0.001, "{:?} {:?}", taken, expected);
            }
            let taken: u128 = shares.taken.iter().map(|(_, taken)| taken).sum();
            let gone = u128::from(weight - shares.rest) * PARTS;
            prop_assert!(taken <= gone, "no vote is made");
            prop_assert!(gone - taken <= (keep.len() as u128 + 1) * PARTS, "no more than rounding is lost");
        }

        #[test]
        fn order_and_grouping_of_the_ballots_make_no_difference(profile in any_profile(), seats in 1..4usize) {
            let halves = |group: Group| [group.count / 2, group.count - group.count / 2]
                .map(|count| Group { count, ranks: group.ranks.clone() });
            let groups = profile.groups().rev().map(|packed| packed.group()).flat_map(halves).collect();
            let other = Profile::new(profile.candidates(), groups).unwrap();
            prop_assert_eq!(meek(&profile, seats, SEED), meek(&other, seats, SEED));
        }
    }
}
