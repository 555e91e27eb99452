//! The count of an election.

use serde::{Deserialize, Serialize};
use vote_counting::{Group, Outcome, Profile, Seed, approval, borda, irv, meek, schulze, score, scottish_stv};

use crate::ballot::Selection;
use crate::contest::{Choices, Contest, Rule};
use crate::share::{Base, Share};
use crate::state::{ElectionRecord, RollRecord, Turnout};

/// One choice and what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyLine {
    /// Its words.
    pub choice: String,
    /// Votes for it; where ballots rank, of those that rank it alone first; where they score, the sum of its scores.
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
    /// The choices, those with no vote too: most first, then in the order of the ballot (write-ins: of the alphabet).
    pub lines: Vec<TallyLine>,
    /// Choices that are left out of the lines, since there are very many.
    pub other_choices: u64,
    /// Votes for these.
    pub other_votes: u64,
    /// Who leads, or has won if quorum and majority are reached: by plurality several if they are tied; by other rules as many as there are
    /// seats; nobody if there are no votes.
    pub leaders: Vec<String>,
    /// Whether the weakest leader has the majority that the contest asks for; by yes-no, whether the first choice has it.
    pub majority: Option<Check>,
    /// How the leaders were found, where it takes more than adding up; candidates by their places on the ballot.
    pub outcome: Option<Outcome>,
    /// False if it would have taken too long to find the leaders: there are too many different ballots.
    pub complete: bool,
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

/// What was said to a contest, by how many votes.
pub(crate) type Counts<'a> = Vec<(&'a Selection, u64)>;

/// An election with what its ballots say, apart from the ledger: a long count holds nothing up.
#[derive(Clone, Debug)]
pub struct Uncounted {
    /// The election.
    pub record: ElectionRecord,
    pub(crate) counts: Vec<Vec<(Selection, u64)>>,
}

impl Uncounted {
    /// Counts it, however long that takes.
    pub fn count(&self) -> Tally {
        let counts = |contest: u16| {
            let said = self.counts.get(usize::from(contest)).into_iter().flatten();
            said.map(|(selection, votes)| (selection, *votes)).collect()
        };
        Tally::count(&self.record, counts, u64::MAX)
    }
}

impl Check {
    fn new(share: Share, votes: u64, of: u64) -> Self {
        Self { share, of, votes, reached: share.is_reached(votes, of) }
    }
}

impl Tally {
    /// Counts an election; contests that take more than about `work_max` steps without their outcomes.
    pub(crate) fn count<'a>(record: &ElectionRecord, counts: impl Fn(u16) -> Counts<'a>, work_max: u64) -> Self {
        let (election, roll, turnout) = (&record.election, &record.roll, record.turnout);
        let contests = (0..).zip(&election.contests);
        let contests = contests.map(|(at, contest)| {
            ContestTally::count(contest, election.seed(&record.id, at), roll, counts(at), work_max)
        });
        let quorum = election.quorum.map(|share| Check::new(share, turnout.weight, roll.weight));
        Self { turnout, quorum, contests: contests.collect() }
    }

    /// The first `max` lines and leaders of each contest; what lines are cut off are counted together.
    #[must_use]
    pub fn top(mut self, max: usize) -> Self {
        self.contests = self.contests.into_iter().map(|contest| contest.top(max)).collect();
        self
    }

    /// The same without the contests: how many have voted, and not what.
    #[must_use]
    pub fn withheld(self) -> Self {
        Self { contests: Vec::new(), ..self }
    }

    /// Whether a contest is decided as far as quorum and majority go.
    pub fn is_decided(&self, contest: &ContestTally) -> bool {
        self.quorum.is_none_or(|check| check.reached) && contest.majority.is_none_or(|check| check.reached)
    }
}

impl ContestTally {
    fn count(contest: &Contest, seed: Seed, roll: &RollRecord, counts: Counts<'_>, work_max: u64) -> Self {
        let (abstaining, counts): (Counts<'_>, Counts<'_>) =
            counts.into_iter().partition(|(selection, _)| matches!(selection, Selection::Abstain));
        let abstentions = abstaining.iter().map(|(_, votes)| votes).sum();
        let votes = counts.iter().map(|(_, votes)| votes).sum();
        let mut tally = Self { abstentions, ..Self::new(votes) };
        match &contest.choices {
            Choices::WriteIn => tally.lead(write_ins(&counts)),
            Choices::Listed(choices) => {
                let firsts = sums(choices.len(), &counts);
                let line = |(choice, votes): (&String, &u64)| TallyLine { choice: choice.clone(), votes: *votes };
                tally.lead(choices.iter().zip(&firsts).map(line).collect());
                tally.decide(contest, choices, seed, &counts, work_max);
            }
        }
        tally.majority = contest.majority.map(|majority| {
            let of = if majority.base == Base::Roll { roll.weight } else { votes };
            tally.leave_out(|votes| majority.share.is_reached(votes, of));
            let check = Check::new(majority.share, tally.weakest(contest), of);
            Check { reached: check.reached && votes > 0, ..check }
        });
        if let (Rule::YesNo, Some(check), Choices::Listed(choices)) = (contest.rule, tally.majority, &contest.choices)
            && votes > 0
        {
            tally.leaders = vec![choices[usize::from(!check.reached)].clone()];
        }
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
            majority: None,
            outcome: None,
            complete: true,
        }
    }

    /// Takes these lines; those with the most votes lead.
    fn lead(&mut self, mut lines: Vec<TallyLine>) {
        lines.sort_by_key(|line| std::cmp::Reverse(line.votes));
        let most = lines.first().map_or(0, |line| line.votes);
        let leaders = lines.iter().take_while(|line| line.votes == most && most > 0);
        self.leaders = leaders.map(|line| line.choice.clone()).collect();
        self.lines = lines;
    }

    /// Finds the leaders where it takes more than adding up.
    fn decide(&mut self, contest: &Contest, choices: &[String], seed: Seed, counts: &Counts<'_>, work_max: u64) {
        if contest.rule.is_single() {
            return;
        }
        self.leaders.clear();
        self.complete = work(contest.rule, choices.len(), counts.len()) <= work_max;
        if self.complete {
            let outcome = outcome(contest, choices.len(), seed, counts);
            if self.votes > 0 {
                self.leaders = outcome.winners.iter().map(|place| choices[*place].clone()).collect();
            }
            self.outcome = Some(outcome);
        }
    }

    /// Of several who are elected, leaves out those without a majority, unless that leaves nobody.
    fn leave_out(&mut self, enough: impl Fn(u64) -> bool) {
        let has = |leader: &String| enough(self.votes_of(leader));
        if self.outcome.is_some() && self.leaders.iter().any(has) {
            self.leaders = self.leaders.iter().filter(|leader| has(leader)).cloned().collect();
        }
    }

    fn votes_of(&self, choice: &str) -> u64 {
        self.lines.iter().find(|line| line.choice == choice).map_or(0, |line| line.votes)
    }

    /// The votes that must reach the majority: of the leader that has the fewest; by yes-no, of the first choice.
    fn weakest(&self, contest: &Contest) -> u64 {
        match &contest.choices {
            Choices::Listed(choices) if contest.rule == Rule::YesNo => {
                choices.first().map_or(0, |first| self.votes_of(first))
            }
            _ => self.leaders.iter().map(|leader| self.votes_of(leader)).min().unwrap_or(0),
        }
    }

    fn top(mut self, max: usize) -> Self {
        let cut = self.lines.split_off(self.lines.len().min(max));
        self.other_choices += cut.len() as u64;
        self.other_votes += cut.iter().map(|line| line.votes).sum::<u64>();
        self.leaders.truncate(max);
        self
    }
}

fn write_ins(counts: &Counts<'_>) -> Vec<TallyLine> {
    let line = |(selection, votes): &(&Selection, u64)| match selection {
        Selection::WriteIn(words) => Some(TallyLine { choice: words.clone(), votes: *votes }),
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
            Selection::Approved(places) => places.iter().for_each(|place| sums[usize::from(*place)] += votes),
            Selection::Scored(scores) => {
                sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += votes * u64::from(*score));
            }
            Selection::Ranked(ranks) => {
                if let Some([only]) = ranks.first().map(Vec::as_slice) {
                    sums[usize::from(*only)] += votes;
                }
            }
            Selection::WriteIn(_) | Selection::Abstain => {}
        }
    }
    sums
}

/// About how many steps a count takes: of ranked rules, in each round each different ballot is looked through.
fn work(rule: Rule, choices: usize, different: usize) -> u64 {
    let (choices, different) = (choices as u64, different as u64);
    let once = choices.saturating_mul(choices).saturating_mul(choices + different);
    match rule {
        // Each round of Meek's is a search for the values at which nothing is left over.
        Rule::Meek => once.saturating_mul(MEEK_ITERATIONS),
        rule if rule.is_ranked() => once,
        _ => 0,
    }
}

/// Looks at the votes that a round of Meek's takes; mostly far fewer, at worst five times as many.
const MEEK_ITERATIONS: u64 = 200;

fn outcome(contest: &Contest, choices: usize, seed: Seed, counts: &Counts<'_>) -> Outcome {
    let seats = usize::from(contest.seats);
    let places = |places: &[u16]| places.iter().map(|place| usize::from(*place)).collect::<Vec<_>>();
    match contest.rule {
        Rule::Approval => {
            let approved = |(selection, votes): &(&Selection, u64)| match selection {
                Selection::Approved(chosen) => Some((*votes, places(chosen))),
                _ => None,
            };
            let ballots: Vec<_> = counts.iter().filter_map(approved).collect();
            approval(choices, ballots.iter().map(|(votes, chosen)| (*votes, chosen.as_slice())), seats, seed)
        }
        Rule::Score => {
            let scored = |(selection, votes): &(&Selection, u64)| match selection {
                Selection::Scored(scores) => Some((*votes, scores.clone())),
                _ => None,
            };
            let ballots: Vec<_> = counts.iter().filter_map(scored).collect();
            score(choices, ballots.iter().map(|(votes, scores)| (*votes, scores.as_slice())), seats, seed)
        }
        rule => {
            let ranked = |(selection, votes): &(&Selection, u64)| match selection {
                Selection::Ranked(ranks) => {
                    Some(Group { count: *votes, ranks: ranks.iter().map(|rank| places(rank)).collect() })
                }
                _ => None,
            };
            let profile = Profile::new(choices, counts.iter().filter_map(ranked).collect());
            let profile = profile.expect("Contest::check_selection has checked each ballot, and rolls are bounded");
            match rule {
                Rule::Borda => borda(&profile, seats, seed),
                Rule::Irv => irv(&profile, seed),
                Rule::Stv => scottish_stv(&profile, seats, seed),
                Rule::Meek => meek(&profile, seats, seed),
                _ => schulze(&profile, seats, seed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_count_has_all_votes_and_the_same_leader() {
        let line = |(choice, votes): (&str, u64)| TallyLine { choice: choice.into(), votes };
        let mut whole = ContestTally::new(9);
        whole.lead([("a", 1), ("b", 5), ("c", 2), ("d", 1)].map(line).into());
        let cut = whole.clone().top(2);
        assert_eq!((cut.votes, &cut.leaders), (9, &whole.leaders));
        assert_eq!((cut.lines.len(), cut.other_choices, cut.other_votes), (2, 2, 2));
        assert_eq!(whole.clone().top(9), whole);
    }
}
