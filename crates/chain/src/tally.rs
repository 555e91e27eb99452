//! The count of an election.

use serde::{Deserialize, Serialize};
use vote_counting::{Group, Outcome, Profile, Seed, approval, borda, irv, schulze, score, scottish_stv};

use crate::ballot::Choice;
use crate::election::{Contest, Election, Rule};
use crate::hash::ElectionId;

/// One choice and what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyLine {
    /// Its words.
    pub choice: String,
    /// Ballots that choose it; where ballots rank, that rank it alone first; where they score, the sum of its scores.
    pub votes: u64,
}

/// The count of one election.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All ballots.
    pub ballots: u64,
    /// The choices, those with no vote too: most first, then in the order of the ballot (write-ins: of the alphabet).
    pub lines: Vec<TallyLine>,
    /// Choices that are left out of the lines, since there are very many.
    pub other_choices: u64,
    /// Votes for these.
    pub other_votes: u64,
    /// Who leads, or has won: by plurality several if they are tied, and nobody if nobody has voted; by other rules as many as there are seats.
    pub leaders: Vec<String>,
    /// How the leaders were found, where it takes more than adding up; candidates by their places on the ballot.
    pub outcome: Option<Outcome>,
    /// False if it would have taken too long to find the leaders: there are too many different ballots.
    pub complete: bool,
}

/// What choice was made how often.
pub(crate) type Counts<'a> = Vec<(&'a Choice, u64)>;

impl Tally {
    /// Counts an election, unless that takes more than about `work_max` steps. Ties that a rule leaves open are broken by the election's id, which nobody can choose once there are ballots.
    pub(crate) fn count(id: &ElectionId, election: &Election, counts: &Counts<'_>, work_max: u64) -> Self {
        let ballots = counts.iter().map(|(_, count)| count).sum();
        let Contest::Listed(choices) = &election.contest else { return Self::plurality(ballots, write_ins(counts)) };
        let affordable = work(election, choices.len(), counts.len()) <= work_max;
        let outcome = if affordable { outcome(election, choices.len(), Seed(*id.as_bytes()), counts) } else { None };
        let votes = votes(choices.len(), counts);
        let lines =
            choices.iter().zip(votes).map(|(choice, votes)| TallyLine { choice: choice.clone(), votes }).collect();
        if !affordable {
            return Self { leaders: Vec::new(), complete: false, ..Self::plurality(ballots, lines) };
        }
        let Some(outcome) = outcome else { return Self::plurality(ballots, lines) };
        let leaders = if ballots == 0 { &[] } else { outcome.winners.as_slice() };
        let leaders = leaders.iter().map(|place| choices[*place].clone()).collect();
        Self { leaders, outcome: Some(outcome), ..Self::plurality(ballots, lines) }
    }

    fn plurality(ballots: u64, mut lines: Vec<TallyLine>) -> Self {
        lines.sort_by_key(|line| std::cmp::Reverse(line.votes));
        let most = lines.first().map_or(0, |line| line.votes);
        let leaders = lines.iter().take_while(|line| line.votes == most && most > 0);
        let leaders = leaders.map(|line| line.choice.clone()).collect();
        Self { ballots, lines, other_choices: 0, other_votes: 0, leaders, outcome: None, complete: true }
    }

    /// The first `max` lines and leaders; what lines are cut off are counted together.
    #[must_use]
    pub fn top(mut self, max: usize) -> Self {
        let cut = self.lines.split_off(self.lines.len().min(max));
        self.other_choices += cut.len() as u64;
        self.other_votes += cut.iter().map(|line| line.votes).sum::<u64>();
        self.leaders.truncate(max);
        self
    }
}

fn write_ins(counts: &Counts<'_>) -> Vec<TallyLine> {
    let line = |(choice, votes): &(&Choice, u64)| match choice {
        Choice::WriteIn(words) => Some(TallyLine { choice: words.clone(), votes: *votes }),
        _ => None,
    };
    counts.iter().filter_map(line).collect()
}

/// What each choice has before anything is transferred.
fn votes(choices: usize, counts: &Counts<'_>) -> Vec<u64> {
    let mut votes = vec![0; choices];
    for (choice, count) in counts {
        match choice {
            Choice::Listed(place) => votes[usize::from(*place)] += count,
            Choice::Approved(places) => places.iter().for_each(|place| votes[usize::from(*place)] += count),
            Choice::Scored(scores) => {
                votes.iter_mut().zip(scores).for_each(|(votes, score)| *votes += count * u64::from(*score));
            }
            Choice::Ranked(ranks) => {
                if let Some([only]) = ranks.first().map(Vec::as_slice) {
                    votes[usize::from(*only)] += count;
                }
            }
            Choice::WriteIn(_) => {}
        }
    }
    votes
}

/// About how many steps a count takes: of ranked rules, in each round each different ballot is looked through.
fn work(election: &Election, choices: usize, different: usize) -> u64 {
    let (choices, different) = (choices as u64, different as u64);
    if election.rule.is_ranked() { choices.saturating_mul(choices).saturating_mul(choices + different) } else { 0 }
}

fn outcome(election: &Election, choices: usize, seed: Seed, counts: &Counts<'_>) -> Option<Outcome> {
    let seats = usize::from(election.seats);
    let places = |places: &[u16]| places.iter().map(|place| usize::from(*place)).collect::<Vec<_>>();
    match election.rule {
        Rule::Plurality => None,
        Rule::Approval => {
            let approved = |(choice, count): &(&Choice, u64)| match choice {
                Choice::Approved(chosen) => Some((*count, places(chosen))),
                _ => None,
            };
            let ballots: Vec<_> = counts.iter().filter_map(approved).collect();
            Some(approval(choices, ballots.iter().map(|(count, chosen)| (*count, chosen.as_slice())), seats, seed))
        }
        Rule::Score => {
            let scored = |(choice, count): &(&Choice, u64)| match choice {
                Choice::Scored(scores) => Some((*count, scores.clone())),
                _ => None,
            };
            let ballots: Vec<_> = counts.iter().filter_map(scored).collect();
            Some(score(choices, ballots.iter().map(|(count, scores)| (*count, scores.as_slice())), seats, seed))
        }
        rule => {
            let ranked = |(choice, count): &(&Choice, u64)| match choice {
                Choice::Ranked(ranks) => {
                    Some(Group { count: *count, ranks: ranks.iter().map(|rank| places(rank)).collect() })
                }
                _ => None,
            };
            let profile = Profile::new(choices, counts.iter().filter_map(ranked).collect());
            let profile = profile.expect("Election::admits has checked each ballot, and a chain has fewer than 2^40");
            Some(match rule {
                Rule::Borda => borda(&profile, seats, seed),
                Rule::Irv => irv(&profile, seed),
                Rule::Stv => scottish_stv(&profile, seats, seed),
                _ => schulze(&profile, seats, seed),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_count_has_all_ballots_and_the_same_leader() {
        let line = |(choice, votes): (&str, u64)| TallyLine { choice: choice.into(), votes };
        let whole = Tally::plurality(9, [("a", 1), ("b", 5), ("c", 2), ("d", 1)].map(line).into());
        let cut = whole.clone().top(2);
        assert_eq!((cut.ballots, &cut.leaders), (9, &whole.leaders));
        assert_eq!((cut.lines.len(), cut.other_choices, cut.other_votes), (2, 2, 2));
        assert_eq!(whole.clone().top(9), whole);
    }
}
