//! The ledger: what is stored, and every rule of validity. Pure: no clock, no randomness, no disk,
//! no network.
//!
//! From bytes to state, each step has its own type, so nothing is checked twice: bytes ->
//! [`Transaction`] (parsed) -> [`Verified`] (signature and form hold) -> applied by [`Execution`]
//! (fits the state). This crate does not know how validators agree (`consensus`), nor how anything
//! travels or is stored.

mod act;
mod archive;
mod ballot;
mod batch;
pub mod bft;
mod block;
mod certificate;
mod committee;
mod contest;
mod election;
mod encoding;
mod genesis;
mod hash;
mod kept;
mod key;
mod member;
mod merkle;
mod ranks;
mod receipt;
mod route;
mod share;
mod state;
mod tally;
mod text;
mod time;
mod transaction;
mod urn;
mod validator;
mod verify;
mod version;
mod words;

pub use act::{
    ACT_VOTERS_MAX, Act, InvalidAct, Organise, ROLL_WEIGHT_MAX, Voter, WEIGHT_MAX, roll_changes,
    voter_parts,
};
pub use archive::{Archive, ArchivedBlock, ArchivedTransaction, Audit, InvalidArchive};
pub use ballot::{Ballot, Selection};
pub use batch::{Claim, which_hold};
pub use block::{Block, BlockFault, CompactBlock, Header, ShortId, VerifiedBlock, Whole};
pub use certificate::{CertificateFault, CommitCertificate, CommitSignature};
pub use committee::{
    COMMITTEE_MAX, Committee, Organising, PROPOSAL_LAPSES_MS, PROPOSALS_MAX, Proposal,
};
pub use contest::{Choices, Contest, InvalidSelection, SCORE_MAX};
pub use election::{Election, ElectionPhase, InvalidElection, InvalidName, Results, Voters};
pub use encoding::{DecodeError, decode, encode};
pub use genesis::{
    Genesis, InvalidGenesis, InvalidOrganisers, Limits, OrganiserChange, Organisers,
};
pub use hash::{
    BlockHash, ChainId, ElectionId, Hash, ParseHashError, StateRoot, TransactionId,
    ValidatorSetHash,
};
pub use kept::{InvalidReceiptFile, InvalidStatement, KeptReceipt, ReceiptFile, Statement};
pub use key::{InvalidKey, PublicKey, Purpose, SecretKey, Signature};
pub use member::{Hello, InvalidMembership, Membership};
pub use merkle::{Frontier, InclusionProof, MerkleTree, merkle_root};
pub use ranks::Ranks;
pub use receipt::{InvalidReceipt, Receipt, SetChange, SetHistory};
pub use route::set_changes;
pub use share::{Base, Majority, Share};
pub use state::{
    CastRecord, Changes, ElectionRecord, Execution, InvalidBlock, InvalidTransaction, LogEntry,
    Logged, Registry, Replay, RollPart, RollRecord, State, Tip, Turnout,
};
pub use tally::{COUNT_STEPS_MAX, Check, ContestTally, Tally, TallyLine, Uncounted};
pub use text::{
    InvalidNodeName, InvalidText, LABEL_BYTES_MAX, check_label, check_node_name, check_write_in,
    is_same_name,
};
pub use time::{Height, Timestamp};
pub use transaction::{Change, Payload, Transaction, UnsignedTransaction};
pub use validator::{
    InvalidValidatorSet, Validator, ValidatorChange, ValidatorSet, faults_tolerated,
};
pub use verify::{TRANSACTION_BYTES_MAX, TransactionFault, Verified, parse, verify, verify_all};
pub use version::{InvalidVersionChange, Move, Version, VersionChange, Versions};
pub use vote_counting::{
    Action, BallotKind, LIST_SEATS_MAX, Outcome, Overvotes, Round, Rule, Seats, Stake, TieBreak,
    Ties, Votes,
};
