//! What a voter says.

use serde::{Deserialize, Serialize};

use crate::hash::ElectionId;
use crate::text::{InvalidText, check_label};

/// One choice of a contest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Choice {
    /// By its place in the list of choices, from 0.
    Listed(u16),
    /// In the voter's own words, where the contest allows it.
    WriteIn(String),
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
            Choice::Listed(_) => Ok(()),
            Choice::WriteIn(text) => check_label(text),
        }
    }
}
