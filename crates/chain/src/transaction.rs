//! Transactions: all that can change the ledger.

use serde::{Deserialize, Serialize};

use crate::act::Organise;
use crate::ballot::Ballot;
use crate::election::Election;
use crate::encoding::encode;
use crate::genesis::OrganiserChange;
use crate::hash::{ChainId, ElectionId, TransactionId};
use crate::key::{PublicKey, Purpose, SecretKey, Signature};
use crate::time::Timestamp;
use crate::validator::ValidatorChange;
use crate::version::VersionChange;

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// Puts an election on the ledger; its id is the transaction's.
    CreateElection(Election),
    /// Casts a ballot.
    CastBallot(Ballot),
    /// Does something to an election.
    Organise(Organise),
    /// A validator's approval of a change.
    ApproveChange {
        /// The change.
        change: Change,
        /// How many changes there have been: an approval that comes after another is void, even if
        /// all were as before again.
        changes_before: u64,
        /// When it was signed, by its signer's clock: it lapses by this time, and of two of one
        /// signer the later one is the newer, whenever they come to the ledger. So whoever sends an
        /// old one again changes nothing ([`crate::Registry::signing_time`]).
        signed_at: Timestamp,
    },
    /// An organiser's approval of an act that another organiser of the same election has proposed.
    ApproveAct {
        /// The election.
        election: ElectionId,
        /// The transaction of the act.
        proposal: TransactionId,
    },
}

/// What more than two thirds of the validators' power can change by approving it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Change {
    /// Who decides blocks.
    Validators(ValidatorChange),
    /// Who may create elections.
    Organisers(OrganiserChange),
    /// By which protocol version the chain goes.
    Version(VersionChange),
}

impl From<ValidatorChange> for Change {
    fn from(change: ValidatorChange) -> Self {
        Self::Validators(change)
    }
}

impl From<VersionChange> for Change {
    fn from(change: VersionChange) -> Self {
        Self::Version(change)
    }
}

impl From<OrganiserChange> for Change {
    fn from(change: OrganiserChange) -> Self {
        Self::Organisers(change)
    }
}

/// A transaction before it is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsignedTransaction {
    /// The chain that it is for.
    pub chain: ChainId,
    /// Who signs: voter, organiser or validator.
    pub signer: PublicKey,
    /// What it does.
    pub payload: Payload,
}

/// A signed transaction, as it came: the signature may be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// What is signed.
    pub content: UnsignedTransaction,
    /// By [`UnsignedTransaction::signer`].
    pub signature: Signature,
}

impl Payload {
    /// The election that it is about; none if it is about no other than the one that it creates.
    pub const fn election(&self) -> Option<ElectionId> {
        match self {
            Self::CastBallot(ballot) => Some(ballot.election),
            Self::Organise(organise) => Some(organise.election),
            Self::ApproveAct { election, .. } => Some(*election),
            Self::CreateElection(_) | Self::ApproveChange { .. } => None,
        }
    }
}

impl Transaction {
    /// Signs a payload.
    pub fn sign(chain: ChainId, key: &SecretKey, payload: Payload) -> Self {
        let content = UnsignedTransaction {
            chain,
            signer: key.public(),
            payload,
        };
        let signature = key.sign(Purpose::Transaction, &chain, &encode(&content));
        Self { content, signature }
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}
