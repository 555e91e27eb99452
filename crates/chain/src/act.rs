//! What an organiser does to an election: each act is a transaction of its own, and stands in the election's log.

use serde::{Deserialize, Serialize};

use crate::hash::ElectionId;
use crate::key::PublicKey;
use crate::text::{InvalidText, check_label};
use crate::time::Timestamp;

/// Voters that one act can name: as many as fit a transaction.
pub const ACT_VOTERS_MAX: usize = 1700;
/// The most votes of one voter.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// The most votes of a whole roll.
pub const ROLL_WEIGHT_MAX: u64 = 100_000_000_000;

/// One on the roll: the key that signs the ballot, and how many votes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Voter(pub PublicKey, pub u32);

/// An act of the organiser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Opens a draft now.
    Open,
    /// Ends an open election now.
    Close,
    /// Adds voters to the roll of a draft; in the order of their keys.
    AddVoters(Vec<Voter>),
    /// Changes the roll, also while the election is open; those who have voted stay.
    ChangeRoll {
        /// Taken off, in order.
        remove: Vec<PublicKey>,
        /// Put on, in the order of their keys.
        add: Vec<Voter>,
        /// Why.
        reason: String,
    },
    /// Sets other times.
    ChangeTimes {
        /// Opening; as it is if the election is open.
        opens_at: Option<Timestamp>,
        /// Closing.
        closes_at: Option<Timestamp>,
        /// Why.
        reason: String,
    },
    /// Calls the election off.
    Cancel(String),
}

/// An act and the election that it is done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organise {
    /// The election.
    pub election: ElectionId,
    /// The act.
    pub act: Act,
}

/// An act that no election would take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAct {
    /// The reason cannot stand.
    #[error("the reason {0}")]
    Reason(#[source] InvalidText),
    /// Nobody, or more than fit.
    #[error("it names {0} voters; 1 to {ACT_VOTERS_MAX} are possible")]
    Count(usize),
    /// So that each is named once.
    #[error("its voters do not stand in the order of their keys, each once")]
    Order,
    /// Out of range.
    #[error("voter {0:.16} has {1} votes; 1 to {WEIGHT_MAX} are possible")]
    Weight(PublicKey, u32),
}

impl Act {
    /// Checks what can be said without knowing the ledger.
    pub(crate) fn check(&self) -> Result<(), InvalidAct> {
        match self {
            Self::Open | Self::Close => Ok(()),
            Self::AddVoters(add) => check_voters(&[], add),
            Self::ChangeRoll { remove, add, reason } => check_reason(reason).and_then(|()| check_voters(remove, add)),
            Self::ChangeTimes { reason, .. } | Self::Cancel(reason) => check_reason(reason),
        }
    }
}

fn check_reason(reason: &str) -> Result<(), InvalidAct> {
    check_label(reason).map_err(InvalidAct::Reason)
}

fn check_voters(remove: &[PublicKey], add: &[Voter]) -> Result<(), InvalidAct> {
    let count = remove.len() + add.len();
    if !(1..=ACT_VOTERS_MAX).contains(&count) {
        return Err(InvalidAct::Count(count));
    }
    if !remove.is_sorted_by(|a, b| a < b) || !add.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(InvalidAct::Order);
    }
    let out = add.iter().find(|Voter(_, weight)| !(1..=WEIGHT_MAX).contains(weight));
    out.map_or(Ok(()), |Voter(key, weight)| Err(InvalidAct::Weight(*key, *weight)))
}
