//! What a voter says.

use serde::{Deserialize, Serialize};

use crate::hash::ElectionId;
use crate::text::{InvalidText, check_label};

/// What a ballot says; which of these is for the election's rule to say. Choices are named by their places in the list, from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Choice {
    /// One of the list.
    Listed(u16),
    /// The voter's own words, where the contest allows it.
    WriteIn(String),
    /// Any number of the list, in its order.
    Approved(Vec<u16>),
    /// A number for each of the list.
    Scored(Vec<u8>),
    /// Ranks, best first; several in one rank are equal, in the order of the list; those not named come last.
    Ranked(Vec<Vec<u16>>),
}

/// A ballot. It is open: everybody can read who chose what, as far as the name tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// The election that it is for.
    pub election: ElectionId,
    /// How the voter wants to be called; may be empty. Proves nothing.
    pub name: String,
    /// The choice.
    pub choice: Choice,
}

impl Ballot {
    pub(crate) fn check(&self) -> Result<(), InvalidText> {
        if !self.name.is_empty() {
            check_label(&self.name)?;
        }
        match &self.choice {
            Choice::WriteIn(text) => check_label(text),
            Choice::Listed(_) | Choice::Approved(_) | Choice::Scored(_) | Choice::Ranked(_) => Ok(()),
        }
    }
}
