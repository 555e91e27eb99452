//! The result of an election, and how it came about.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use vote_api::ElectionView;
use vote_chain::{ChainId, Choices, ElectionId, Rule, Stake, Tally, TieBreak};

use crate::election::Phase;
use crate::shape::Hex;
use crate::words;

/// What `vote-cli tally --json` prints; with --watch, one for each line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ElectionResult {
    /// The election.
    pub election: Hex<ElectionId>,
    /// The election's title.
    pub title: String,
    /// The election's phase.
    pub phase: Phase,
    /// The block after which it is so.
    pub height: u64,
    /// How many are on the roll; null if there is none.
    pub voters: Option<u64>,
    /// The votes of all on the roll; null if there is none.
    pub votes_of_roll: Option<u64>,
    /// How many have voted.
    pub ballots: u64,
    /// Their votes.
    pub votes: u64,
    /// Whether enough have voted, if the election asks for that.
    pub quorum: Option<Check>,
    /// Whether the rules of the election show the count once it has closed.
    pub withheld: bool,
    /// In their order; none while the count is withheld.
    pub contests: Vec<ContestResult>,
}

/// Whether there are enough votes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Check {
    /// As "at least 2/3" or "more than half".
    pub share: String,
    /// There are so many.
    pub votes: u64,
    /// Of so many.
    pub of: u64,
    /// Whether they are enough.
    pub reached: bool,
}

/// The count of a contest.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ContestResult {
    /// The contest's title.
    pub title: String,
    /// How it is counted.
    #[schemars(extend("enum" = Rule::ALL.map(Rule::name)))]
    pub rule: &'static str,
    /// How many are elected.
    pub seats: u16,
    /// Votes of those who did not abstain.
    pub votes: u64,
    /// Votes of those who abstained.
    pub abstentions: u64,
    /// Of the votes, those of ballots that name nobody.
    pub blank: u64,
    /// What each choice has; if voters write what they choose, the most chosen.
    pub counts: Vec<Choice>,
    /// How many choices are left out of the counts.
    pub other_choices: u64,
    /// The votes of those.
    pub other_votes: u64,
    /// Who is elected, or would be.
    pub leaders: Vec<String>,
    /// How many seats each of those has, in the same order; where choices are lists, else left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leader_seats: Vec<u64>,
    /// Whether who leads has enough, if the contest asks for that.
    pub majority: Option<Check>,
    /// Whether all that the election asks for is reached.
    pub decided: bool,
    /// Whether all ballots are counted.
    pub complete: bool,
    /// Whether rounds, pairs and ties are left out, since they are too large to be shown.
    pub outcome_cut: bool,
    /// Whether more lead than there are seats.
    pub tie: bool,
    /// How the result came about; not of contests in which voters write what they choose.
    #[serde(flatten)]
    pub outcome: Option<Outcome>,
}

/// What a choice has.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Choice {
    /// The choice.
    pub choice: String,
    /// Its votes or points.
    pub votes: u64,
}

/// How a result came about.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Outcome {
    /// Every round, in order; rules that add up have one.
    pub rounds: Vec<Round>,
    /// Votes that elect, where the rule has such a number.
    pub quota: Option<Votes>,
    /// How many prefer the one to the other, where the rule asks.
    pub pairwise: Option<Vec<Vec<u64>>>,
    /// In the order in which they were broken.
    pub ties: Vec<Tie>,
}

/// One look at the votes, and what follows from it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Round {
    /// Of each candidate, by name.
    pub votes: BTreeMap<String, Votes>,
    /// Votes that count for nobody any more.
    pub exhausted: Votes,
    /// What is done, in words.
    pub actions: Vec<String>,
}

/// Votes; a text such as "12.5" where they are not whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Votes {
    /// Whole votes.
    Whole(u64),
    /// Others.
    Parts(String),
}

/// A tie. Rounds are numbered from 1, and there are none where the rule counts in one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Tie {
    /// The round in which they are tied, for the next seat its number; null for the last seats by a
    /// rule without rounds, and for pairs.
    #[schemars(range(min = 1))]
    pub round: Option<usize>,
    /// For what.
    #[serde(rename = "for")]
    pub tied_for: TiedFor,
    /// How many seats, or places in the runoff, are left for those who are tied; null if it is not for
    /// these.
    #[schemars(range(min = 1))]
    pub seats_left: Option<usize>,
    /// Who is tied.
    pub tied: Vec<String>,
    /// The last earlier round that told some of them apart.
    #[schemars(range(min = 1))]
    pub earlier_round: Option<usize>,
    /// Among whom the lot was drawn; nobody if an earlier round left one. For pairs: in the order
    /// that the lot gives them.
    pub drawn_among: Vec<String>,
    /// Who is elected or gets the seat, has the surplus transferred, is excluded, or comes first.
    pub picked: String,
    /// All of it in a few sentences.
    pub says: String,
}

/// What candidates are tied for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TiedFor {
    /// The last seats.
    Seats,
    /// Whose surplus is transferred first.
    Surplus,
    /// Who is excluded.
    Exclusion,
    /// Places in the runoff.
    Runoff,
    /// The seat that the runoff fills.
    Seat,
    /// Whose equal wins over others are locked in first, where not all of them can be.
    Pairs,
    /// One seat, where each is filled in a round of its own.
    #[serde(rename = "next seat")]
    NextSeat,
}

/// What `vote-cli verify archive FILE --json` prints for a valid archive: the result, and what was
/// checked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct VerifiedArchive {
    /// The result, as counted from the archive.
    #[serde(flatten)]
    pub result: ElectionResult,
    /// Always: an archive that does not hold is an error.
    pub valid: bool,
    /// The chain that it is from.
    pub chain: Hex<ChainId>,
    /// Whether the chain was named by whoever checked.
    pub chain_pinned: bool,
    /// How many signatures were checked.
    pub signatures: u64,
    /// How fast.
    pub ballots_per_second: f64,
}

impl ElectionResult {
    /// A result with all of its contests.
    pub fn of(view: &ElectionView) -> Self {
        let (record, tally) = (&view.record, &view.tally);
        let contests = record.election.contests.iter().zip(&tally.contests);
        let has_roll = record.election.has_roll();
        Self {
            election: record.id.into(),
            title: record.election.title.clone(),
            phase: view.phase.into(),
            height: view.height.get(),
            voters: has_roll.then_some(record.roll.voters),
            votes_of_roll: has_roll.then_some(record.roll.weight),
            ballots: tally.turnout.ballots,
            votes: tally.turnout.weight,
            quorum: tally.quorum.as_ref().map(Check::of),
            withheld: tally.contests.is_empty(),
            contests: contests
                .map(|(contest, counted)| ContestResult::of(tally, contest, counted))
                .collect(),
        }
    }
}

impl Check {
    fn of(check: &vote_chain::Check) -> Self {
        Self {
            share: check.share.to_string(),
            votes: check.votes,
            of: check.of,
            reached: check.reached,
        }
    }
}

impl ContestResult {
    fn of(
        tally: &Tally,
        contest: &vote_chain::Contest,
        counted: &vote_chain::ContestTally,
    ) -> Self {
        let outcome = match (&counted.outcome, &contest.choices) {
            (Some(outcome), Choices::Listed(names)) => Some(Outcome::of(outcome, names)),
            _ => None,
        };
        Self {
            title: contest.title.clone(),
            rule: contest.rule.name(),
            seats: contest.seats,
            votes: counted.votes,
            abstentions: counted.abstentions,
            blank: counted.blank,
            counts: counted
                .lines
                .iter()
                .map(|line| Choice {
                    choice: line.choice.clone(),
                    votes: line.votes,
                })
                .collect(),
            other_choices: counted.other_choices,
            other_votes: counted.other_votes,
            leaders: counted.leaders.clone(),
            leader_seats: counted.leader_seats.clone(),
            majority: counted.majority.as_ref().map(Check::of),
            decided: tally.is_decided(counted),
            complete: counted.complete,
            outcome_cut: counted.outcome_cut,
            tie: counted.leaders.len() > usize::from(contest.seats),
            outcome,
        }
    }
}

impl Outcome {
    /// With the candidates' names, by their places.
    pub fn of(outcome: &vote_chain::Outcome, names: &[String]) -> Self {
        Self {
            rounds: outcome
                .rounds
                .iter()
                .map(|round| Round::of(round, names))
                .collect(),
            quota: outcome.quota.map(Votes::from),
            pairwise: outcome.pairwise.clone(),
            ties: outcome.ties.iter().map(|tie| Tie::of(tie, names)).collect(),
        }
    }
}

impl Round {
    fn of(round: &vote_chain::Round, names: &[String]) -> Self {
        Self {
            votes: names
                .iter()
                .cloned()
                .zip(round.votes.iter().map(|votes| Votes::from(*votes)))
                .collect(),
            exhausted: round.exhausted.into(),
            actions: round
                .actions
                .iter()
                .map(|done| words::action(done, names))
                .collect(),
        }
    }
}

impl From<vote_chain::Votes> for Votes {
    fn from(votes: vote_chain::Votes) -> Self {
        let text = votes.to_string();
        text.parse().map_or(Self::Parts(text), Self::Whole)
    }
}

impl Tie {
    fn of(tie: &TieBreak, names: &[String]) -> Self {
        let named = |places: &[usize]| places.iter().map(|place| names[*place].clone()).collect();
        let (tied_for, seats_left) = match tie.stake {
            Stake::Seats(left) => (TiedFor::Seats, Some(left)),
            Stake::Surplus => (TiedFor::Surplus, None),
            Stake::Exclusion => (TiedFor::Exclusion, None),
            Stake::Runoff(left) => (TiedFor::Runoff, Some(left)),
            Stake::Seat => (TiedFor::Seat, None),
            Stake::Pairs => (TiedFor::Pairs, None),
            Stake::NextSeat => (TiedFor::NextSeat, None),
        };
        let is_of_round = !matches!(tie.stake, Stake::Seats(_) | Stake::Pairs);
        Self {
            round: is_of_round.then_some(tie.round + 1),
            tied_for,
            seats_left,
            tied: named(&tie.candidates),
            earlier_round: tie.earlier.map(|round| round + 1),
            drawn_among: named(&tie.drawn),
            picked: names[tie.picked].clone(),
            says: words::tie(tie, names),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The page has the same file, and must say the same.
    #[test]
    fn ties_are_said_in_the_words_of_the_vectors() {
        let vectors: Vec<Value> =
            serde_json::from_str(include_str!("../../../testdata/ties.json")).unwrap();
        let names = ["Ada", "Bo", "Cy"].map(String::from);
        let place = |name: &Value| names.iter().position(|one| *one == *name).unwrap();
        let number = |value: &Value| {
            value
                .as_u64()
                .map(|number| usize::try_from(number).unwrap())
        };
        for vector in &vectors {
            let places = |list: &Value| list.as_array().unwrap().iter().map(place).collect();
            let stake = match (
                vector["for"].as_str().unwrap(),
                number(&vector["seats_left"]),
            ) {
                ("seats", Some(left)) => Stake::Seats(left),
                ("surplus", None) => Stake::Surplus,
                ("exclusion", None) => Stake::Exclusion,
                ("runoff", Some(left)) => Stake::Runoff(left),
                ("seat", None) => Stake::Seat,
                ("pairs", None) => Stake::Pairs,
                ("next seat", None) => Stake::NextSeat,
                other => panic!("{other:?}"),
            };
            let tie = TieBreak {
                round: number(&vector["round"]).map_or(0, |round| round - 1),
                stake,
                candidates: places(&vector["tied"]),
                earlier: number(&vector["earlier_round"]).map(|round| round - 1),
                drawn: places(&vector["drawn_among"]),
                picked: place(&vector["picked"]),
            };
            assert_eq!(
                serde_json::to_value(Tie::of(&tie, &names)).unwrap(),
                *vector
            );
        }
        assert!(vectors.len() > 7);
    }
}
