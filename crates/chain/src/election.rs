//! An election as its organiser wrote it: immutable once it is on the ledger.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ballot::Choice;
use crate::text::{InvalidText, check_description, check_label};
use crate::time::Timestamp;

const CHOICES_MAX: usize = 500;
const DESCRIPTION_BYTES_MAX: usize = 4000;

/// The highest number that a ballot can give under [`Rule::Score`].
pub const SCORE_MAX: u8 = 10;

/// How ballots are counted; each rule says what a ballot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// One choice a ballot; the most chosen wins; several with the most are a tie.
    Plurality,
    /// Any number of choices a ballot; the most chosen win the seats.
    Approval,
    /// Numbers from 0 to [`SCORE_MAX`]; the highest sums win the seats.
    Score,
    /// Rankings; points for each choice ranked below; the most points win the seats.
    Borda,
    /// Rankings; instant runoff.
    Irv,
    /// Rankings; single transferable vote by the Scottish rules.
    Stv,
    /// Rankings; Schulze's method.
    Schulze,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Plurality, Self::Approval, Self::Score, Self::Borda, Self::Irv, Self::Stv, Self::Schulze];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plurality => "plurality",
            Self::Approval => "approval",
            Self::Score => "score",
            Self::Borda => "borda",
            Self::Irv => "irv",
            Self::Stv => "stv",
            Self::Schulze => "schulze",
        }
    }

    /// Whether ballots are rankings.
    pub const fn is_ranked(self) -> bool {
        matches!(self, Self::Borda | Self::Irv | Self::Stv | Self::Schulze)
    }

    const fn fills_one_seat(self) -> bool {
        matches!(self, Self::Plurality | Self::Irv)
    }
}

/// What may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contest {
    /// One of a list, in the order of the ballot.
    Listed(Vec<String>),
    /// Whatever the voter writes; equal texts count together.
    WriteIn,
}

/// An election: one contest, open to any key, one ballot each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Election {
    /// Its name.
    pub title: String,
    /// More about it; may be empty.
    pub description: String,
    /// What may be chosen.
    pub contest: Contest,
    /// How it is counted.
    pub rule: Rule,
    /// How many choices win.
    pub seats: u16,
    /// Ballots are taken from the first block at or after this time; at once if none.
    pub opens_at: Option<Timestamp>,
    /// Ballots are taken in blocks before this time; until it is closed by hand if none.
    pub closes_at: Option<Timestamp>,
    /// Any number, so that the same text can be put to the vote twice.
    pub salt: u64,
}

/// Whether an election takes ballots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElectionPhase {
    /// It has not opened yet.
    Announced,
    /// It takes ballots.
    Open,
    /// It is over.
    Closed,
}

impl std::fmt::Display for ElectionPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Announced => "announced",
            Self::Open => "open",
            Self::Closed => "closed",
        })
    }
}

/// What is wrong with an election's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidElection {
    /// The title cannot stand.
    #[error("the title {0}")]
    Title(#[source] InvalidText),
    /// The description cannot stand.
    #[error("the description {0}")]
    Description(#[source] InvalidText),
    /// A choice cannot stand.
    #[error("choice {number} {fault}")]
    Choice {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        fault: InvalidText,
    },
    /// Nobody could tell them apart.
    #[error("choice {0:?} is listed twice")]
    Duplicate(String),
    /// Fewer than two choices are no choice, more than the limit no ballot.
    #[error("{0} choices; 2 to {CHOICES_MAX} can be listed")]
    Count(usize),
    /// It would never be open.
    #[error("it closes before it opens")]
    Times,
    /// Write-ins are counted by plurality only.
    #[error("choices that voters write in are counted by plurality, not by {}", .0.name())]
    WriteIns(Rule),
    /// Nobody would win, or all, or more than the rule can fill.
    #[error("{seats} seats cannot be filled by {} from {choices} choices", .rule.name())]
    Seats {
        /// The seats.
        seats: u16,
        /// The choices.
        choices: usize,
        /// The rule.
        rule: Rule,
    },
}

impl Election {
    /// Checks what can be said without knowing the ledger.
    ///
    /// # Errors
    /// [`InvalidElection`] names the first of [`Election::faults`].
    pub fn check(&self) -> Result<(), InvalidElection> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// All that is wrong with it, as far as can be said without knowing the ledger.
    pub fn faults(&self) -> Vec<InvalidElection> {
        let mut faults = Vec::new();
        faults.extend(check_label(&self.title).map_err(InvalidElection::Title).err());
        let description = check_description(&self.description, DESCRIPTION_BYTES_MAX);
        faults.extend(description.map_err(InvalidElection::Description).err());
        if let Contest::Listed(choices) = &self.contest {
            faults.extend(choice_faults(choices));
        }
        faults.extend(self.check_rule().err());
        if self.closes_at.is_some_and(|closes| self.opens_at.is_some_and(|opens| closes <= opens)) {
            faults.push(InvalidElection::Times);
        }
        faults
    }

    fn check_rule(&self) -> Result<(), InvalidElection> {
        let (rule, seats) = (self.rule, self.seats);
        let choices = match &self.contest {
            Contest::WriteIn if rule != Rule::Plurality => return Err(InvalidElection::WriteIns(rule)),
            Contest::WriteIn => usize::MAX,
            Contest::Listed(choices) => choices.len(),
        };
        let most = if rule.fills_one_seat() { 1 } else { choices };
        let fits = seats > 0 && usize::from(seats) <= most;
        if fits { Ok(()) } else { Err(InvalidElection::Seats { seats, choices, rule }) }
    }

    /// Whether a ballot may say this: of the kind that the rule asks for, each choice on the list and at most once, in order.
    pub fn admits(&self, choice: &Choice) -> bool {
        let Contest::Listed(choices) = &self.contest else { return matches!(choice, Choice::WriteIn(_)) };
        let in_order = |places: &[u16]| {
            places.is_sorted_by(|a, b| a < b) && places.last().is_none_or(|last| usize::from(*last) < choices.len())
        };
        match (self.rule, choice) {
            (Rule::Plurality, Choice::Listed(place)) => usize::from(*place) < choices.len(),
            (Rule::Approval, Choice::Approved(places)) => in_order(places),
            (Rule::Score, Choice::Scored(scores)) => {
                scores.len() == choices.len() && scores.iter().all(|score| *score <= SCORE_MAX)
            }
            (rule, Choice::Ranked(ranks)) if rule.is_ranked() => {
                let all: BTreeSet<_> = ranks.iter().flatten().collect();
                let each_once = all.len() == ranks.iter().map(Vec::len).sum::<usize>();
                each_once && ranks.iter().all(|rank| !rank.is_empty() && in_order(rank))
            }
            _ => false,
        }
    }

    /// The one choice of these words; none if the contest does not offer it.
    pub fn choice(&self, words: &str) -> Option<Choice> {
        match &self.contest {
            Contest::WriteIn => check_label(words).is_ok().then(|| Choice::WriteIn(words.to_owned())),
            Contest::Listed(choices) => {
                let at = choices.iter().position(|choice| choice == words)?;
                u16::try_from(at).ok().map(Choice::Listed)
            }
        }
    }
}

fn choice_faults(choices: &[String]) -> Vec<InvalidElection> {
    let mut faults = Vec::new();
    if !(2..=CHOICES_MAX).contains(&choices.len()) {
        faults.push(InvalidElection::Count(choices.len()));
    }
    let mut seen = BTreeSet::new();
    for (at, choice) in choices.iter().enumerate() {
        faults.extend(check_label(choice).map_err(|fault| InvalidElection::Choice { number: at + 1, fault }).err());
        if !seen.insert(choice) {
            faults.push(InvalidElection::Duplicate(choice.clone()));
        }
    }
    faults
}
