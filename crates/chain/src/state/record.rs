//! What the state keeps of elections, ballots and validators. Also the rows of storage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::election::{Election, ElectionPhase};
use crate::hash::{ElectionId, TransactionId};
use crate::key::PublicKey;
use crate::merkle::Frontier;
use crate::time::{Height, Timestamp};
use crate::validator::{ValidatorChange, ValidatorSet};

/// An election on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElectionRecord {
    /// Its id.
    pub id: ElectionId,
    /// As its organiser wrote it.
    pub election: Arc<Election>,
    /// Who created it, and may close it.
    pub organiser: PublicKey,
    /// The time of the block that it is in.
    pub created_at: Timestamp,
    /// The time of the block in which its organiser closed it.
    pub closed_by_hand_at: Option<Timestamp>,
    /// Its bulletin board: the ids of its ballots, in the order of the ledger.
    pub board: Frontier,
}

impl ElectionRecord {
    /// The phase in a block of that time.
    pub fn phase(&self, time: Timestamp) -> ElectionPhase {
        if self.closed_by_hand_at.is_some() || self.election.closes_at.is_some_and(|closes| time >= closes) {
            ElectionPhase::Closed
        } else if self.election.opens_at.is_some_and(|opens| time < opens) {
            ElectionPhase::Announced
        } else {
            ElectionPhase::Open
        }
    }

    /// The times at which its phase changes by itself.
    pub(crate) fn boundaries(&self) -> impl Iterator<Item = Timestamp> {
        let running = self.closed_by_hand_at.is_none();
        self.election.opens_at.into_iter().chain(self.election.closes_at).filter(move |_| running)
    }
}

/// The ballot of one credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CastRecord {
    /// Its transaction.
    pub transaction: TransactionId,
    /// The block that it is in.
    pub height: Height,
    /// Its place in the block.
    pub index: u32,
}

/// Who validates, who will, and what has been approved so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// The set that decides the next height.
    pub next: ValidatorSet,
    /// The set that decides the height after: a change takes effect two heights after its last approval, so that the
    /// signers of a block are known before the block below is applied.
    pub after: ValidatorSet,
    /// Approvals so far, of changes to the set `after`.
    pub approvals: BTreeMap<ValidatorChange, BTreeSet<PublicKey>>,
}

impl Registry {
    pub(crate) fn new(validators: ValidatorSet) -> Self {
        Self { next: validators.clone(), after: validators, approvals: BTreeMap::new() }
    }
}
