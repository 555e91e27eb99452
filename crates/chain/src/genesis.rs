//! Where a chain begins. Its hash is the chain's id.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::encoding::encode;
use crate::hash::{ChainId, Hash};
use crate::key::PublicKey;
use crate::text::{InvalidText, check_label};
use crate::time::Timestamp;
use crate::validator::ValidatorSet;
use crate::version::Version;

/// Organisers that a chain can have at one time.
const ORGANISERS_MAX: usize = 256;

/// Who may create elections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Organisers {
    /// Any key.
    Anyone,
    /// These keys.
    Keys(BTreeSet<PublicKey>),
}

impl Organisers {
    /// Whether this key may create elections.
    pub fn include(&self, key: &PublicKey) -> bool {
        match self {
            Self::Anyone => true,
            Self::Keys(keys) => keys.contains(key),
        }
    }

    /// The organisers with a change made to them. Where anyone may create elections, the first key
    /// that is admitted ends that: from then on only those who are admitted do. So whatever
    /// strangers do, the validators can have an election created.
    ///
    /// # Errors
    /// [`InvalidOrganisers`] if there is nothing to change, or no room.
    pub fn changed(&self, change: &OrganiserChange) -> Result<Self, InvalidOrganisers> {
        let mut keys = match self {
            Self::Anyone => BTreeSet::new(),
            Self::Keys(keys) => keys.clone(),
        };
        match change {
            OrganiserChange::Admit(key) if !keys.insert(*key) => {
                return Err(InvalidOrganisers::Known(*key));
            }
            OrganiserChange::Remove(key) if !keys.remove(key) => {
                return Err(InvalidOrganisers::Unknown(*key));
            }
            OrganiserChange::Admit(_) | OrganiserChange::Remove(_) => {}
        }
        let organisers = Self::Keys(keys);
        organisers.check()?;
        Ok(organisers)
    }

    fn check(&self) -> Result<(), InvalidOrganisers> {
        match self {
            Self::Keys(keys) if keys.len() > ORGANISERS_MAX => {
                Err(InvalidOrganisers::Count(keys.len()))
            }
            Self::Anyone | Self::Keys(_) => Ok(()),
        }
    }
}

/// A change of the organisers, in force once more than two thirds of the validators' power has
/// approved it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OrganiserChange {
    /// Lets a key create elections.
    Admit(PublicKey),
    /// Lets it create no more. Those that it has created stay, and it goes on organising them.
    Remove(PublicKey),
}

/// Organisers that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrganisers {
    /// Each block has the root of the list: it must be short.
    #[error("{0} organisers; a chain has at most {ORGANISERS_MAX}")]
    Count(usize),
    /// Nothing to admit.
    #[error("{0} is an organiser already")]
    Known(PublicKey),
    /// Nothing to remove.
    #[error("{0} is not an organiser")]
    Unknown(PublicKey),
}

/// Sizes that all validators must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Transactions in a block, in bytes altogether.
    pub block_bytes_max: u32,
    /// Transactions in a block.
    pub block_transactions_max: u32,
    /// Elections of one organiser that are drafts or open. Those that are closed or cancelled do
    /// not count, here and below.
    pub organiser_elections_max: u32,
    /// Elections of all together that are drafts or open; only while anyone may create them.
    pub elections_max: u32,
    /// Voters on one roll.
    pub voters_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            block_bytes_max: 1 << 20,
            block_transactions_max: 8192,
            organiser_elections_max: 1000,
            elections_max: 1000,
            voters_max: 2_000_000,
        }
    }
}

impl Limits {
    /// Those of a chain with these organisers: strangers have less room than those who were
    /// admitted.
    pub fn of(organisers: &Organisers) -> Self {
        match organisers {
            Organisers::Anyone => Self {
                organiser_elections_max: 20,
                ..Self::default()
            },
            Organisers::Keys(_) => Self::default(),
        }
    }
}

/// The beginning of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The protocol version that the first block goes by.
    pub version: Version,
    /// What people call the chain.
    pub name: String,
    /// When it was made; the first block is later.
    pub time: Timestamp,
    /// Who signs the first blocks.
    pub validators: ValidatorSet,
    /// Who may create elections.
    pub organisers: Organisers,
    /// Sizes.
    pub limits: Limits,
}

/// A genesis that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGenesis {
    /// This program does not have its rules.
    #[error(
        "the chain begins with protocol version {0}, and this program knows versions {oldest} to {newest}: use another release of it",
        oldest = Version::OLDEST,
        newest = Version::NEWEST
    )]
    Version(Version),
    /// A name that cannot stand.
    #[error("the chain's name {0}")]
    Name(#[source] InvalidText),
    /// Blocks would be empty, or larger than what nodes exchange.
    #[error("limits out of range")]
    Limits,
    /// Too many of them.
    #[error(transparent)]
    Organisers(#[from] InvalidOrganisers),
}

impl Genesis {
    /// The chain's id.
    pub fn chain(&self) -> ChainId {
        ChainId::new(Hash::of("genesis", &encode(self)))
    }

    /// Checks what its types do not.
    ///
    /// # Errors
    /// [`InvalidGenesis`] names the first fault.
    pub fn check(&self) -> Result<(), InvalidGenesis> {
        if !self.version.is_known() {
            return Err(InvalidGenesis::Version(self.version));
        }
        check_label(&self.name).map_err(InvalidGenesis::Name)?;
        self.organisers.check()?;
        let Limits {
            block_bytes_max,
            block_transactions_max,
            organiser_elections_max,
            elections_max,
            voters_max,
        } = self.limits;
        let sane = (1 << 14..=1 << 20).contains(&block_bytes_max)
            && (1..=1 << 14).contains(&block_transactions_max)
            && (1..=100_000).contains(&organiser_elections_max)
            && (1..=100_000).contains(&elections_max)
            && (1..=10_000_000).contains(&voters_max);
        if sane {
            Ok(())
        } else {
            Err(InvalidGenesis::Limits)
        }
    }
}
