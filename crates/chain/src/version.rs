//! Versions of the rules. A chain has one at each height: its genesis says the first, and its
//! validators move it on by approvals. A program has the rules of all versions that it knows, side
//! by side; what they differ in is said in this file.

use std::fmt;

use serde::{Deserialize, Serialize};
use vote_counting::Rule;

use crate::act::Act;
use crate::time::Height;
use crate::transaction::Payload;

/// A protocol version: the rules by which a ledger goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u16);

impl Version {
    /// The oldest that this program knows. Version 1 was never used outside of tests.
    pub const OLDEST: Self = Self(2);
    /// The newest that this program knows, with which a chain begins unless its founder says
    /// otherwise.
    pub const NEWEST: Self = Self(3);
    /// The first by which an election says whether its ballots have names. Before, any could have
    /// one.
    const NAMES: Self = Self(3);
    /// The first by which an election can have several organisers.
    const COMMITTEES: Self = Self(3);

    /// The version of that number.
    pub const fn new(version: u16) -> Self {
        Self(version)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether this program has its rules.
    pub fn is_known(self) -> bool {
        (Self::OLDEST..=Self::NEWEST).contains(&self)
    }

    /// The first version that has what a transaction makes use of.
    pub fn of(payload: &Payload) -> Self {
        match payload {
            Payload::CreateElection(election) => {
                let rules = election.contests.iter().map(|contest| contest.rule);
                let of_rules = rules.map(Self::of_rule).max().unwrap_or(Self::OLDEST);
                let of_names = if election.names {
                    Self::NAMES
                } else {
                    Self::OLDEST
                };
                let of_committee = match election.committee {
                    Some(_) => Self::COMMITTEES,
                    None => Self::OLDEST,
                };
                of_rules.max(of_names).max(of_committee)
            }
            Payload::Organise(organise) => match organise.act {
                Act::Withdraw(_) | Act::ReplaceOrganiser { .. } => Self::COMMITTEES,
                Act::Open
                | Act::Close
                | Act::AddVoters(_)
                | Act::ChangeRoll { .. }
                | Act::ChangeTimes { .. }
                | Act::Cancel(_) => Self::OLDEST,
            },
            Payload::ApproveAct { .. } => Self::COMMITTEES,
            Payload::CastBallot(_) | Payload::ApproveChange { .. } => Self::OLDEST,
        }
    }

    /// Whether a ballot has a name if and only if its election takes names.
    pub fn rules_names(self) -> bool {
        self >= Self::NAMES
    }

    /// The first version that counts by a rule.
    const fn of_rule(rule: Rule) -> Self {
        Self(rule.since())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A move to another version, which is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Move {
    /// The version.
    pub to: Version,
    /// The first height that goes by it.
    pub from: Height,
}

/// A change of the version, in force once more than two thirds of the validators' power has
/// approved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum VersionChange {
    /// Plans a move, in the place of the one that is planned, if one is.
    Plan(Move),
    /// Drops the move that is planned.
    Drop,
}

/// The version of the open height, and the move that is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    now: Version,
    planned: Option<Move>,
}

/// A change of the version that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVersionChange {
    /// Versions only go up: what older rules make of newer blocks is not defined.
    #[error(
        "the chain goes by version {now} already, and can move to a later one only, not to {to}"
    )]
    NotLater {
        /// The version of the chain.
        now: Version,
        /// The one that is wanted.
        to: Version,
    },
    /// The block that approves it is that high itself.
    #[error(
        "it would begin at block {from}, and the next one is block {next} already: name a later one"
    )]
    Past {
        /// The height that is wanted.
        from: Height,
        /// The first one that is possible.
        next: Height,
    },
    /// Nothing to change.
    #[error("that move is planned already")]
    Planned,
    /// Nothing to drop.
    #[error("no move to another version is planned")]
    NothingPlanned,
}

impl Versions {
    /// Those of a chain that begins with this one.
    pub const fn new(first: Version) -> Self {
        Self {
            now: first,
            planned: None,
        }
    }

    /// The version of a height, from the block on after which these are known.
    pub fn at(&self, height: Height) -> Version {
        match self.planned {
            Some(planned) if height >= planned.from => planned.to,
            _ => self.now,
        }
    }

    /// The move that is still to come after a block of that height.
    pub fn planned(&self, height: Height) -> Option<Move> {
        self.planned.filter(|planned| height < planned.from)
    }

    /// These with a change made to them in the block of that height.
    ///
    /// # Errors
    /// [`InvalidVersionChange`].
    pub fn changed(
        &self,
        change: &VersionChange,
        height: Height,
    ) -> Result<Self, InvalidVersionChange> {
        let (now, planned) = (self.at(height), self.planned(height));
        let planned = match *change {
            VersionChange::Plan(Move { to, .. }) if to <= now => {
                return Err(InvalidVersionChange::NotLater { now, to });
            }
            VersionChange::Plan(Move { from, .. }) if from <= height => {
                let next = height.next();
                return Err(InvalidVersionChange::Past { from, next });
            }
            VersionChange::Plan(wanted) if planned == Some(wanted) => {
                return Err(InvalidVersionChange::Planned);
            }
            VersionChange::Drop if planned.is_none() => {
                return Err(InvalidVersionChange::NothingPlanned);
            }
            VersionChange::Plan(wanted) => Some(wanted),
            VersionChange::Drop => None,
        };
        Ok(Self { now, planned })
    }
}
