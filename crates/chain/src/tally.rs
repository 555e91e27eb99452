//! The count of an election.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vote_counting::{
    self, BallotKind, Ballots, Budget, Group, NotCounted, Outcome, Profile, Rule, Seats, Seed,
    majority_grades,
};

use crate::ballot::Selection;
use crate::contest::{Choices, Contest};
use crate::encoding::encode;
use crate::share::{Base, Share};
use crate::state::{ElectionRecord, RollRecord, Turnout};
use crate::urn::Urn;

/// One choice and what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyLine {
    /// Its words.
    pub choice: String,
    /// Votes for it; where ballots rank, of those that rank it alone first; where they give numbers,
    /// the sum of these; by majority judgment, its majority grade.
    pub votes: u64,
}

/// Whether a share that the rules ask for is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The share.
    pub share: Share,
    /// Of so many votes.
    pub of: u64,
    /// There are so many.
    pub votes: u64,
    /// Whether they are enough.
    pub reached: bool,
}

/// The count of one contest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContestTally {
    /// Votes in it, those that abstain left out.
    pub votes: u64,
    /// Votes that abstain.
    pub abstentions: u64,
    /// The choices, those with no vote too: most first, then in the order of the ballot (write-ins:
    /// of the alphabet).
    pub lines: Vec<TallyLine>,
    /// Choices that are left out of the lines, since there are very many.
    pub other_choices: u64,
    /// Votes for these.
    pub other_votes: u64,
    /// Who leads, or has won if quorum and majority are reached: by plurality several if they are
    /// tied; by other rules as many as there are seats, each list that has any once; nobody if there
    /// are no votes.
    pub leaders: Vec<String>,
    /// How many seats each of the leaders has, where choices are lists; empty by other rules.
    pub leader_seats: Vec<u64>,
    /// Whether the weakest leader has the majority that the contest asks for; by yes-no, whether
    /// the first choice has it.
    pub majority: Option<Check>,
    /// How the leaders were found, where it takes more than adding up; candidates by their places
    /// on the ballot.
    pub outcome: Option<Outcome>,
    /// Whether rounds, pairs and ties are left out of the outcome, since they are too large to be
    /// shown.
    pub outcome_cut: bool,
    /// False if it takes longer to find the leaders than there was time for. What is added up then
    /// is zero, or whole.
    pub complete: bool,
    /// Of the votes, those of ballots that choose nobody: they approve or rank no choice, or give
    /// each the score 0.
    pub blank: u64,
}

/// The count of an election.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Who has voted, in numbers.
    pub turnout: Turnout,
    /// Whether enough have voted, if the election asks for a quorum.
    pub quorum: Option<Check>,
    /// Each contest, in order; empty while the rules of the election withhold the count.
    pub contests: Vec<ContestTally>,
}

/// Steps ([`Budget`]) that a count takes at most where nobody chooses to wait: some seconds to some
/// minutes. Elections that people hold take far fewer; whoever writes contests and ballots that
/// need more has their ballots kept, and no leaders named.
pub const COUNT_STEPS_MAX: u64 = 20_000_000_000;

/// What was said to a contest, by how many votes.
type Counts<'a> = Vec<(&'a Selection, u64)>;

/// An election with what its ballots say, apart from the ledger: a long count holds nothing up.
#[derive(Clone, Debug)]
pub struct Uncounted {
    /// The election.
    pub record: Arc<ElectionRecord>,
    pub(crate) urn: Urn,
}

impl Uncounted {
    /// Counts it in at most so many steps; see [`COUNT_STEPS_MAX`].
    pub fn count(&self, steps_max: u64) -> Tally {
        Tally::count(&self.record, &self.urn, steps_max)
    }
}

impl Check {
    fn new(share: Share, votes: u64, of: u64) -> Self {
        Self {
            share,
            of,
            votes,
            reached: share.is_reached(votes, of),
        }
    }
}

impl Tally {
    /// Counts an election in at most `steps_max` steps. All contests are added up first; those that
    /// take more than that share what is left equally, and are not complete if their share does not
    /// reach.
    fn count(record: &ElectionRecord, urn: &Urn, steps_max: u64) -> Self {
        let (election, mut budget) = (&record.election, Budget::new(steps_max));
        let mut affordable = |(selection, votes)| {
            budget.spend(steps(selection))?;
            Some((selection, votes))
        };
        let said: Vec<Option<Counts<'_>>> = (0..)
            .zip(&election.contests)
            .map(|(at, _)| urn.said(at).map(&mut affordable).collect())
            .collect();
        let long = election
            .contests
            .iter()
            .filter(|contest| !contest.rule.is_single())
            .count() as u64;
        let share = budget.left() / long.max(1);
        let contests = (0..)
            .zip(&election.contests)
            .zip(said)
            .map(|((at, contest), said)| match said {
                Some(said) => {
                    let seed = election.seed(&record.id, at);
                    ContestTally::count(contest, seed, &record.roll, said, &mut Budget::new(share))
                }
                None => ContestTally {
                    complete: false,
                    ..ContestTally::new(0)
                },
            });
        let contests = contests.collect();
        Self {
            contests,
            ..Self::without_contests(record)
        }
    }

    /// How many have voted, and not what.
    pub fn without_contests(record: &ElectionRecord) -> Self {
        let (turnout, roll) = (record.turnout, &record.roll);
        let quorum = record
            .election
            .quorum
            .map(|share| Check::new(share, turnout.weight, roll.weight));
        Self {
            turnout,
            quorum,
            contests: Vec::new(),
        }
    }

    /// So much of it as fits `bytes_max`, shared equally by the contests: at most `lines_max` lines
    /// and leaders of each, what lines are cut off counted together; without rounds, pairs and ties
    /// if these are too large.
    #[must_use]
    pub fn cut(mut self, lines_max: usize, bytes_max: usize) -> Self {
        let share = bytes_max / self.contests.len().max(1);
        self.contests = self
            .contests
            .into_iter()
            .map(|contest| contest.cut(lines_max, share))
            .collect();
        self
    }

    /// Whether a contest is counted, and decided as far as quorum and majority go.
    pub fn is_decided(&self, contest: &ContestTally) -> bool {
        contest.complete
            && self.quorum.is_none_or(|check| check.reached)
            && contest.majority.is_none_or(|check| check.reached)
    }
}

impl ContestTally {
    fn count(
        contest: &Contest,
        seed: Seed,
        roll: &RollRecord,
        counts: Counts<'_>,
        budget: &mut Budget,
    ) -> Self {
        let (abstaining, counts): (Counts<'_>, Counts<'_>) = counts
            .into_iter()
            .partition(|(selection, _)| matches!(selection, Selection::Abstain));
        let abstentions = abstaining.iter().map(|(_, votes)| votes).sum();
        let votes = counts.iter().map(|(_, votes)| votes).sum();
        let blank = counts
            .iter()
            .filter(|(selection, _)| selection.named() == 0)
            .map(|(_, votes)| votes)
            .sum();
        let mut tally = Self {
            abstentions,
            blank,
            ..Self::new(votes)
        };
        let majority = contest.majority.map(|majority| {
            let of = if majority.base == Base::Roll {
                roll.weight
            } else {
                votes
            };
            move |has: u64| Check::new(majority.share, has, of)
        });
        let Choices::Listed(choices) = &contest.choices else {
            tally.lead(write_ins(&counts), majority);
            return tally;
        };
        let firsts = if contest.rule == Rule::MajorityJudgment {
            majority_grades(choices.len(), &lists(&counts))
        } else {
            sums(choices.len(), &counts)
        };
        let line = |(choice, votes): (&String, &u64)| TallyLine {
            choice: choice.clone(),
            votes: *votes,
        };
        tally.lead(choices.iter().zip(&firsts).map(line).collect(), majority);
        let ballots = match contest.rule.ballots() {
            BallotKind::One if contest.rule == Rule::YesNo => {
                tally.majority = majority.map(|check| check(firsts[0]));
                let reached = tally.majority.is_some_and(|check| check.reached);
                tally.leaders = if votes > 0 {
                    vec![choices[usize::from(!reached)].clone()]
                } else {
                    Vec::new()
                };
                return tally;
            }
            BallotKind::One if contest.rule.seats() == Seats::ForLists => {
                Ballots::Singles(firsts.clone())
            }
            // Who is named most leads already.
            BallotKind::One => return tally,
            BallotKind::Several => approvals(choices.len(), &counts),
            BallotKind::Scores | BallotKind::Points => Ballots::Scores {
                candidates: choices.len(),
                lists: lists(&counts),
            },
            BallotKind::Ranks => rankings(choices.len(), &counts),
        };
        tally.outcome =
            match vote_counting::count(contest.rule, &ballots, &contest.terms(seed), budget) {
                Ok(outcome) => Some(outcome),
                Err(NotCounted::TooLong) => None,
                Err(NotCounted::Kind(rule)) => unreachable!("the ballots were made for {rule:?}"),
            };
        tally.complete = tally.outcome.is_some();
        let seats = tally.outcome.as_ref().map_or_else(Vec::new, Outcome::seats);
        let mut elected: Vec<usize> = seats.iter().map(|(place, _)| *place).collect();
        if contest.rule.seats() == Seats::ForLists {
            tally.leader_seats = seats.iter().map(|(_, seats)| *seats as u64).collect();
        }
        tally.majority = majority.map(|check| {
            leave_out(&mut elected, |place| check(firsts[place]).reached);
            check(
                elected
                    .iter()
                    .map(|place| firsts[*place])
                    .min()
                    .unwrap_or(0),
            )
        });
        tally.leaders = elected
            .into_iter()
            .map(|place| choices[place].clone())
            .collect();
        tally
    }

    fn new(votes: u64) -> Self {
        Self {
            votes,
            abstentions: 0,
            lines: Vec::new(),
            other_choices: 0,
            other_votes: 0,
            leaders: Vec::new(),
            leader_seats: Vec::new(),
            majority: None,
            outcome: None,
            outcome_cut: false,
            complete: true,
            blank: 0,
        }
    }

    /// Takes these lines; those with the most votes lead, and have the majority or not, all of them
    /// alike.
    fn lead(&mut self, mut lines: Vec<TallyLine>, majority: Option<impl Fn(u64) -> Check>) {
        lines.sort_by_key(|line| std::cmp::Reverse(line.votes));
        let most = lines.first().map_or(0, |line| line.votes);
        let leaders = lines
            .iter()
            .take_while(|line| line.votes == most && most > 0);
        self.leaders = leaders.map(|line| line.choice.clone()).collect();
        self.majority = majority.map(|check| check(most));
        self.lines = lines;
    }

    fn cut(mut self, lines_max: usize, bytes_max: usize) -> Self {
        self.keep_lines(lines_max);
        if encode(&self).len() > bytes_max
            && let Some(outcome) = &mut self.outcome
        {
            *outcome = Outcome {
                winners: std::mem::take(&mut outcome.winners),
                quota: outcome.quota,
                ..Outcome::default()
            };
            self.outcome_cut = true;
        }
        let mut lines = self.lines.len().max(self.leaders.len());
        while encode(&self).len() > bytes_max && lines > 1 {
            lines /= 2;
            self.keep_lines(lines);
        }
        self
    }

    fn keep_lines(&mut self, max: usize) {
        let cut = self.lines.split_off(self.lines.len().min(max));
        self.other_choices += cut.len() as u64;
        self.other_votes += cut.iter().map(|line| line.votes).sum::<u64>();
        self.leaders.truncate(max);
        self.leader_seats.truncate(max);
    }
}

/// Of several who are elected, leaves out those without a majority, unless that leaves nobody.
fn leave_out(elected: &mut Vec<usize>, has_majority: impl Fn(usize) -> bool) {
    if elected.iter().any(|place| has_majority(*place)) {
        elected.retain(|place| has_majority(*place));
    }
}

/// About what it takes to add up a ballot: a step for itself and for each name on it; words are
/// copied and sorted.
fn steps(selection: &Selection) -> usize {
    match selection {
        Selection::WriteIn(_) => 20,
        other => 1 + other.named(),
    }
}

fn write_ins(counts: &Counts<'_>) -> Vec<TallyLine> {
    let line = |(selection, votes): &(&Selection, u64)| match selection {
        Selection::WriteIn(words) => Some(TallyLine {
            choice: words.clone(),
            votes: *votes,
        }),
        _ => None,
    };
    counts.iter().filter_map(line).collect()
}

/// What each choice has before anything is transferred.
fn sums(choices: usize, counts: &Counts<'_>) -> Vec<u64> {
    let mut sums = vec![0; choices];
    for (selection, votes) in counts {
        match selection {
            Selection::Listed(place) => sums[usize::from(*place)] += votes,
            Selection::Approved(places) => places
                .iter()
                .for_each(|place| sums[usize::from(*place)] += votes),
            Selection::Scored(scores) => {
                sums.iter_mut()
                    .zip(scores)
                    .for_each(|(sum, score)| *sum += votes * u64::from(*score));
            }
            Selection::Ranked(ranks) => {
                if let Some([only]) = ranks.iter().next() {
                    sums[usize::from(*only)] += votes;
                }
            }
            Selection::WriteIn(_) | Selection::Abstain => {}
        }
    }
    sums
}

fn places(places: &[u16]) -> Vec<usize> {
    places.iter().map(|place| usize::from(*place)).collect()
}

fn approvals(candidates: usize, counts: &Counts<'_>) -> Ballots {
    let approved = |(selection, votes): &(&Selection, u64)| match selection {
        Selection::Approved(chosen) => Some((*votes, places(chosen))),
        _ => None,
    };
    Ballots::Approvals {
        candidates,
        sets: counts.iter().filter_map(approved).collect(),
    }
}

/// The numbers on the ballots, by choice.
fn lists(counts: &Counts<'_>) -> Vec<(u64, Vec<u8>)> {
    let scored = |(selection, votes): &(&Selection, u64)| match selection {
        Selection::Scored(scores) => Some((*votes, scores.clone())),
        _ => None,
    };
    counts.iter().filter_map(scored).collect()
}

fn rankings(candidates: usize, counts: &Counts<'_>) -> Ballots {
    let ranked = |(selection, votes): &(&Selection, u64)| match selection {
        Selection::Ranked(ranks) => Some(Group {
            count: *votes,
            ranks: ranks.iter().map(places).collect(),
        }),
        _ => None,
    };
    let profile = Profile::new(candidates, counts.iter().filter_map(ranked).collect());
    Ballots::Rankings(
        profile.expect("Contest::check_selection has checked each ballot, and rolls are bounded"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_count_has_all_votes_and_the_same_leader() {
        let line = |(choice, votes): (&str, u64)| TallyLine {
            choice: choice.into(),
            votes,
        };
        let mut whole = ContestTally::new(9);
        whole.lead(
            [("a", 1), ("b", 5), ("c", 2), ("d", 1)].map(line).into(),
            None::<fn(u64) -> Check>,
        );
        let cut = whole.clone().cut(2, 1000);
        assert_eq!((cut.votes, &cut.leaders), (9, &whole.leaders));
        assert_eq!(
            (cut.lines.len(), cut.other_choices, cut.other_votes),
            (2, 2, 2)
        );
        assert_eq!(whole.clone().cut(9, 1000), whole);
    }
}
