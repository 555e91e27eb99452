//! Why a transaction or a block does not fit the state.

use crate::act::WEIGHT_MAX;
use crate::block::BlockFault;
use crate::contest::InvalidSelection;
use crate::election::{ElectionPhase, InvalidName};
use crate::genesis::InvalidOrganisers;
use crate::hash::{BlockHash, ChainId, ElectionId, StateRoot, TransactionId};
use crate::key::PublicKey;
use crate::time::{Height, Timestamp};
use crate::validator::InvalidValidatorSet;
use crate::version::{InvalidVersionChange, Version};

/// A transaction that the ledger refuses. The submitter is at fault, or late.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransaction {
    /// No such election.
    #[error("there is no election {0:.16}")]
    UnknownElection(ElectionId),
    /// Created before.
    #[error("election {0:.16} exists already")]
    ElectionExists(ElectionId),
    /// The organiser has as many elections as one may have at a time.
    #[error(
        "this organiser has {0} elections that are drafts or open, and may not have more: close or cancel one first"
    )]
    OrganiserFull(u32),
    /// The chain has as many elections as it takes from strangers at a time.
    #[error(
        "this chain has {0} elections that are drafts or open, and takes no more while anyone may create them: wait until some are over, or \
         have the validators admit organisers, for whom this limit is not"
    )]
    ChainFull(u32),
    /// Only organisers may.
    #[error(
        "{0} is not an organiser of this chain, and only organisers create elections; validators with more than two thirds of the power \
         admit it, each at their own node: vote-cli organiser admit {0}"
    )]
    NotOrganiser(PublicKey),
    /// Only who organises it may.
    #[error("only an organiser of this election may do that, and {0:.16} is none")]
    NotTheOrganiser(PublicKey),
    /// Whoever creates an election organises it.
    #[error("{0:.16} creates the election, and is not among its organisers: name that key too")]
    CreatorNotNamed(PublicKey),
    /// One organiser's acts are done at once.
    #[error(
        "election {0:.16} has one organiser, whose acts wait for no approval and whose key stays; several are named when an election is created"
    )]
    OneOrganiser(ElectionId),
    /// As many wait as may.
    #[error(
        "{0} acts of this organiser wait for approvals, and no more may: have the others approve some, or withdraw some (vote-cli election withdraw)"
    )]
    ProposalsFull(usize),
    /// Nothing to approve or withdraw.
    #[error(
        "the act {0:.16} does not wait for approvals in this election: it was done or withdrawn, has lapsed, or was never proposed (what waits: vote-cli election show)"
    )]
    NotWaiting(TransactionId),
    /// Whoever signs twice counts once.
    #[error("{signer:.16} has approved the act {act:.16} before, and counts once")]
    ApprovedBefore {
        /// Who.
        signer: PublicKey,
        /// What.
        act: TransactionId,
    },
    /// Others do not approve it, and it lapses.
    #[error("only who has proposed an act withdraws it, and that is not {0:.16}")]
    NotTheProposer(PublicKey),
    /// All have to sign everything, so nobody can be replaced by the others.
    #[error(
        "no key of this election's organisers can be replaced: all {0} of them must sign each act, and the others alone are too few"
    )]
    Irreplaceable(u8),
    /// Nobody has two votes among the organisers.
    #[error("{0:.16} is an organiser of this election already")]
    OrganiserAlready(PublicKey),
    /// Whoever has the key may be a thief.
    #[error("{0:.16} is the key that is to be replaced; only the others propose and approve that")]
    OwnReplacement(PublicKey),
    /// Too much at once.
    #[error(
        "the acts that are done by approvals in one block name at most {0} voters, and this one would be beyond that; it fits a later block"
    )]
    ApprovedVoters(usize),
    /// Too early or too late.
    #[error("election {election:.16} is {phase}; it takes no ballots")]
    NotOpen {
        /// The election.
        election: ElectionId,
        /// The phase that it is in.
        phase: ElectionPhase,
    },
    /// Somebody sends an organiser's act again.
    #[error("the act {0:.16} has been done already; to do the same again, give another reason")]
    ActDone(TransactionId),
    /// Nothing can be done to it any more.
    #[error("election {election:.16} is {phase}; nothing can be done to it any more")]
    Over {
        /// The election.
        election: ElectionId,
        /// Closed or cancelled.
        phase: ElectionPhase,
    },
    /// Opened before.
    #[error("election {0:.16} is open already")]
    OpenAlready(ElectionId),
    /// Nobody could vote.
    #[error(
        "nobody would be on the roll of election {0:.16}, and it is open only while somebody is: put voters on it first (vote-cli roll import)"
    )]
    NobodyOnRoll(ElectionId),
    /// Nothing to close.
    #[error("election {0:.16} is not open yet; it can be cancelled, not closed")]
    NotYetOpen(ElectionId),
    /// Its roll is frozen.
    #[error(
        "the roll of election {0:.16} is frozen since it is open; change it by an act with a reason"
    )]
    RollFrozen(ElectionId),
    /// Any key may vote.
    #[error("election {0:.16} has no roll: any key may vote in it")]
    NoRoll(ElectionId),
    /// Put on twice.
    #[error("{0:.16} is on the roll already")]
    OnRollAlready(PublicKey),
    /// Taken off too late.
    #[error("{0:.16} has voted, and stays on the roll")]
    HasVoted(PublicKey),
    /// More votes than the election knows.
    #[error("{credential:.16} would have {weight} votes, but in this election each voter has one")]
    Weighted {
        /// Whose.
        credential: PublicKey,
        /// How many.
        weight: u32,
    },
    /// No room.
    #[error(
        "the roll would have more than {0} voters, or too many votes (at most {WEIGHT_MAX} each)"
    )]
    RollFull(u32),
    /// Times that cannot be set.
    #[error("the times cannot be changed so: {0}")]
    Times(&'static str),
    /// A voter of another election, or of none.
    #[error("credential {credential:.16} is not on the roll of election {election:.16}")]
    NotOnRoll {
        /// The election.
        election: ElectionId,
        /// The credential.
        credential: PublicKey,
    },
    /// One ballot per credential.
    #[error("credential {credential:.16} has already voted in election {election:.16}")]
    AlreadyVoted {
        /// The election.
        election: ElectionId,
        /// The credential.
        credential: PublicKey,
    },
    /// A replacement out of turn, or a replay of what it replaced.
    #[error("the ballot has counter {given}; that of the credential's next ballot is {next}")]
    Counter {
        /// What it says.
        given: u32,
        /// What it should say.
        next: u32,
    },
    /// Another election's ballot.
    #[error("the ballot answers {given} contests; the election has {wanted}")]
    Contests {
        /// Selections on it.
        given: usize,
        /// Contests.
        wanted: usize,
    },
    /// A name where none is taken, or none where one is.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Not what the contest asks for.
    #[error("the ballot does not fit contest {contest}: {fault}")]
    Selection {
        /// The contest's number, from 1.
        contest: usize,
        /// Why.
        #[source]
        fault: InvalidSelection,
    },
    /// Only validators approve.
    #[error("{0:.16} is not a validator")]
    NotValidator(PublicKey),
    /// Something has changed since it was signed.
    #[error(
        "the approval is from before the last change of the validators or organisers; approve it again"
    )]
    StaleApproval,
    /// Approved before, at this time or later.
    #[error(
        "{0:.16} has already approved this change, at the time that this approval says or later"
    )]
    AlreadyApproved(PublicKey),
    /// Others of its signer have taken its place.
    #[error(
        "{0:.16} has given newer approvals, which have taken the place of this one; approve it again if it is still wanted"
    )]
    OldApproval(PublicKey),
    /// Signed too long ago.
    #[error("the approval was signed on {0}, more than 30 days before its block; approve it again")]
    LapsedApproval(Timestamp),
    /// Signed by a clock that is far ahead.
    #[error(
        "the approval was signed {0} ms later than its block, and an hour is the most: set the clock of its signer (with NTP), and approve it \
         again"
    )]
    EarlyApproval(u64),
    /// A change that cannot be made.
    #[error("the change cannot be made: {0}")]
    Change(#[from] InvalidValidatorSet),
    /// The same, of organisers.
    #[error("the change cannot be made: {0}")]
    Organisers(#[from] InvalidOrganisers),
    /// The same, of the protocol version.
    #[error("the change cannot be made: {0}")]
    VersionChange(#[from] InvalidVersionChange),
    /// Newer rules than those of the chain allow it.
    #[error(
        "that is possible from protocol version {needed} on, and this chain goes by version {version}: validators with more than \
         two thirds of the power can move it, each at their own node: vote-cli protocol move {needed}"
    )]
    LaterVersion {
        /// The first version that has it.
        needed: Version,
        /// The version of the block.
        version: Version,
    },
}

/// A block that no validator may vote for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// This program cannot judge it.
    #[error("the block goes by protocol version {0}, which this program does not have")]
    UnknownVersion(Version),
    /// By other rules than those of its height.
    #[error(
        "the block says that it goes by protocol version {claimed}; its height goes by {version}"
    )]
    Version {
        /// What it says.
        claimed: Version,
        /// What it should say.
        version: Version,
    },
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
    /// Names others as its signers than the ledger does.
    #[error("the block names another validator set for its height than the ledger does")]
    Validators,
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
    /// A transaction that no block may have.
    #[error(transparent)]
    False(#[from] BlockFault),
    /// Claims another state than follows.
    #[error("state root {claimed:.16} is claimed, {found:.16} follows from the transactions")]
    StateRoot {
        /// What it says.
        claimed: StateRoot,
        /// What it should say.
        found: StateRoot,
    },
}
