//! What a voter says.

use serde::{Deserialize, Serialize};

use crate::hash::ElectionId;
use crate::ranks::Ranks;
use crate::text::{InvalidText, check_label, check_write_in};

/// What a ballot says to one contest; which of these is for the contest's rule to say. Choices are
/// named by their places in the list, from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Selection {
    /// One of the list.
    Listed(u16),
    /// The voter's own words, where the contest allows it.
    WriteIn(String),
    /// Any number of the list, in its order.
    Approved(Vec<u16>),
    /// A number for each of the list, as a score or as points.
    Scored(Vec<u8>),
    /// Ranks, best first; several in one rank are equal, in the order of the list; those not named
    /// come last.
    Ranked(Ranks),
    /// Nothing, on purpose: it counts for turnout and quorum.
    Abstain,
}

impl Selection {
    /// How many choices it names; by numbers, those above 0.
    pub fn named(&self) -> usize {
        match self {
            Self::Listed(_) | Self::WriteIn(_) => 1,
            Self::Approved(places) => places.len(),
            Self::Scored(scores) => scores.iter().filter(|score| **score > 0).count(),
            Self::Ranked(ranks) => ranks.named(),
            Self::Abstain => 0,
        }
    }
}

/// A ballot. It is open: everybody can read who chose what, as far as the name tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// The election that it is for.
    pub election: ElectionId,
    /// How many ballots of this credential it replaces.
    pub counter: u32,
    /// How the voter wants to be called, in an election that takes names; else empty. Proves
    /// nothing.
    pub name: String,
    /// What it says to each contest, in their order.
    pub selections: Vec<Selection>,
}

impl Ballot {
    /// The first ballot of a credential, in an election of one contest, without a name.
    pub fn plain(election: ElectionId, selection: Selection) -> Self {
        Self {
            election,
            counter: 0,
            name: String::new(),
            selections: vec![selection],
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidText> {
        if !self.name.is_empty() {
            check_label(&self.name)?;
        }
        self.selections
            .iter()
            .try_for_each(|selection| match selection {
                Selection::WriteIn(text) => check_write_in(text),
                _ => Ok(()),
            })
    }
}
