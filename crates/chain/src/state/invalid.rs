//! Why a transaction or a block does not fit the state.

use crate::election::ElectionPhase;
use crate::hash::{BlockHash, ChainId, ElectionId, StateRoot};
use crate::key::PublicKey;
use crate::time::{Height, Timestamp};
use crate::validator::InvalidValidatorSet;

/// A transaction that the ledger refuses. The submitter is at fault, or late.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransaction {
    /// No such election.
    #[error("there is no election {0:.16}")]
    UnknownElection(ElectionId),
    /// Created before.
    #[error("election {0:.16} exists already")]
    ElectionExists(ElectionId),
    /// The chain has as many elections as it may.
    #[error("this chain holds at most {0} elections")]
    TooManyElections(u32),
    /// Only those that the genesis names may.
    #[error("{0:.16} may not create elections on this chain")]
    NotOrganiser(PublicKey),
    /// Only who created it may.
    #[error("only the organiser of an election may close it, and {0:.16} is not")]
    NotTheOrganiser(PublicKey),
    /// Too early or too late.
    #[error("election {election:.16} is {phase}; it takes no ballots")]
    NotOpen {
        /// The election.
        election: ElectionId,
        /// The phase that it is in.
        phase: ElectionPhase,
    },
    /// Closed before.
    #[error("election {0:.16} is closed already")]
    AlreadyClosed(ElectionId),
    /// One ballot per credential.
    #[error("credential {credential:.16} has already voted in election {election:.16}")]
    AlreadyVoted {
        /// The election.
        election: ElectionId,
        /// The credential.
        credential: PublicKey,
    },
    /// Not among the choices.
    #[error("the ballot's choice is not offered by election {0:.16}")]
    UnknownChoice(ElectionId),
    /// Only validators approve.
    #[error("{0:.16} is not a validator")]
    NotValidator(PublicKey),
    /// The set has changed since it was signed.
    #[error("the approval is for a set of validators that is no longer in force")]
    StaleApproval,
    /// Approved before.
    #[error("{0:.16} has already approved this change")]
    AlreadyApproved(PublicKey),
    /// Too many are waiting for approvals.
    #[error("{0} changes of the validators are waiting for approvals already")]
    TooManyChanges(usize),
    /// A change that cannot be made.
    #[error("the change cannot be made: {0}")]
    Change(#[from] InvalidValidatorSet),
}

/// A block that no validator may vote for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// Made by another version of the protocol.
    #[error("protocol version {0} is not spoken here")]
    Version(u16),
    /// Made for another chain.
    #[error("the block is of chain {0:.16}, not of this one")]
    WrongChain(ChainId),
    /// Too old or too new.
    #[error("the block has height {claimed}, the next is {next}")]
    Height {
        /// What it says.
        claimed: Height,
        /// What it should say.
        next: Height,
    },
    /// Not on top of the last decided block.
    #[error("parent hash {claimed:.16} is not the hash of the last block, {tip:.16}")]
    Parent {
        /// What it says.
        claimed: BlockHash,
        /// What it should say.
        tip: BlockHash,
    },
    /// Not later than its parent.
    #[error("the block's time {} ms is not after its parent's, {} ms", claimed.ms(), parent.ms())]
    Time {
        /// What it says.
        claimed: Timestamp,
        /// The parent's.
        parent: Timestamp,
    },
    /// Further ahead of the validator's clock than allowed.
    #[error("the block's time is {0} ms ahead of this node's clock")]
    Future(u64),
    /// Not one of those that decide this height.
    #[error("the proposer {0:.16} is not a validator")]
    Proposer(PublicKey),
    /// Hands over to another set than the ledger says.
    #[error("the block names another validator set for the next height than the ledger does")]
    NextValidators,
    /// Too large.
    #[error("{transactions} transactions of {bytes} bytes exceed the chain's limits")]
    Size {
        /// Of all transactions.
        bytes: usize,
        /// How many.
        transactions: usize,
    },
    /// A transaction does not fit.
    #[error("transaction {index} is refused: {fault}")]
    Transaction {
        /// Its place.
        index: usize,
        /// Why.
        #[source]
        fault: InvalidTransaction,
    },
    /// Claims another state than follows.
    #[error("state root {claimed:.16} is claimed, {found:.16} follows from the transactions")]
    StateRoot {
        /// What it says.
        claimed: StateRoot,
        /// What it should say.
        found: StateRoot,
    },
}
