//! An election as its organiser wrote it: immutable once it is on the ledger.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ballot::Choice;
use crate::text::{InvalidText, check_description, check_label};
use crate::time::Timestamp;

const CHOICES_MAX: usize = 500;
const DESCRIPTION_BYTES_MAX: usize = 4000;

/// How choices are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// One choice a ballot; the most chosen wins; several with the most are a tie.
    Plurality,
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
}

impl Election {
    /// Checks what can be said without knowing the ledger.
    ///
    /// # Errors
    /// [`InvalidElection`] names the first fault.
    pub fn check(&self) -> Result<(), InvalidElection> {
        check_label(&self.title).map_err(InvalidElection::Title)?;
        check_description(&self.description, DESCRIPTION_BYTES_MAX).map_err(InvalidElection::Description)?;
        if let Contest::Listed(choices) = &self.contest {
            check_choices(choices)?;
        }
        if self.closes_at.is_some_and(|closes| self.opens_at.is_some_and(|opens| closes <= opens)) {
            return Err(InvalidElection::Times);
        }
        Ok(())
    }

    /// The words of a choice; none if the contest does not offer it.
    pub fn label<'a>(&'a self, choice: &'a Choice) -> Option<&'a str> {
        match (&self.contest, choice) {
            (Contest::Listed(choices), Choice::Listed(at)) => choices.get(usize::from(*at)).map(String::as_str),
            (Contest::WriteIn, Choice::WriteIn(text)) => Some(text),
            _ => None,
        }
    }

    /// The choice of these words; none if the contest does not offer it.
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

fn check_choices(choices: &[String]) -> Result<(), InvalidElection> {
    if !(2..=CHOICES_MAX).contains(&choices.len()) {
        return Err(InvalidElection::Count(choices.len()));
    }
    let mut seen = BTreeSet::new();
    for (at, choice) in choices.iter().enumerate() {
        check_label(choice).map_err(|fault| InvalidElection::Choice { number: at + 1, fault })?;
        if !seen.insert(choice) {
            return Err(InvalidElection::Duplicate(choice.clone()));
        }
    }
    Ok(())
}
