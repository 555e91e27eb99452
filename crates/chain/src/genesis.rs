//! Where a chain begins. Its hash is the chain's id.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::encoding::encode;
use crate::hash::{ChainId, Hash};
use crate::key::PublicKey;
use crate::text::{InvalidText, check_label};
use crate::time::Timestamp;
use crate::validator::ValidatorSet;

/// Who may create elections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Organisers {
    /// Any key.
    Anyone,
    /// These keys.
    Keys(BTreeSet<PublicKey>),
}

/// Sizes that all validators must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Transactions in a block, in bytes altogether.
    pub block_bytes_max: u32,
    /// Transactions in a block.
    pub block_transactions_max: u32,
    /// Elections on the chain.
    pub elections_max: u32,
    /// Voters on one roll.
    pub voters_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { block_bytes_max: 1 << 20, block_transactions_max: 8192, elections_max: 10_000, voters_max: 2_000_000 }
    }
}

/// The beginning of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
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
    /// A name that cannot stand.
    #[error("the chain's name {0}")]
    Name(#[source] InvalidText),
    /// Blocks would be empty, or larger than what nodes exchange.
    #[error("limits out of range")]
    Limits,
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
        check_label(&self.name).map_err(InvalidGenesis::Name)?;
        let Limits { block_bytes_max, block_transactions_max, elections_max, voters_max } = self.limits;
        let sane = (1 << 14..=1 << 20).contains(&block_bytes_max)
            && (1..=1 << 14).contains(&block_transactions_max)
            && (1..=100_000).contains(&elections_max)
            && (1..=10_000_000).contains(&voters_max);
        if sane { Ok(()) } else { Err(InvalidGenesis::Limits) }
    }
}
