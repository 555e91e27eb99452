//! What the programs say to other programs, as JSON: each answer of the page's API, and each object
//! that a program prints with --json, is a struct here. Their comments are what docs/schemas says
//! of them, which is made of these structs. Beside them the words for what happens on the ledger,
//! which people and programs are told alike.
//!
//! Heights are numbers from 1; times are milliseconds since 1970.

mod ballot;
mod block;
mod cluster;
mod daemon;
mod done;
mod election;
mod network;
mod result;
mod roll;
mod shape;
mod words;

pub use ballot::{Cast, ContestWords, Receipt, Statement, Trace};
pub use block::{Block, BlockTransaction, Content, Header};
pub use cluster::{
    AfterElections, Amount, Bench, Catchup, Growth, Idle, Latency, Load, NotCastable, Pages,
    PagesServer, PagesVoting, RollBench, Throughput, Up, UpNode, UpPage, UpTracker,
};
pub use daemon::{
    GenesisMade, LedgerChecked, LostTransaction, NodeKey, NodeReady, Recovered, Registered,
    Registrations, TrackerEvent, TrackerReady,
};
pub use done::{
    ActApproved, ActsApproved, Approved, Attack, AttackReport, Attacks, BallotCast, Cancelled,
    Closed, Count, Created, Credential, Described, Error, ErrorCode, Exported, Extent, Findings,
    Found, FoundKind, Gui, Info, IrvTerms, LeftOut, Opened, OrganiserReplaced, PageFault, Proposed,
    ProposedAct, RollVoter, Submitted, TimesChanged, ValidatorApproved, Verdict, Voting, Withdrawn,
};
pub use election::{
    Act, Committee, Contest, Election, ElectionLog, Elections, LogEntry, Majority, MajorityOf,
    Phase, Results, Roll, Share, Size, Summary, Voters, Waiting,
};
pub use network::{
    Evidence, Member, Members, NodeStatus, Offence, Organisers, Pending, PlannedMove, Protocol,
    ProtocolVersions, Signing, Status, Validator, Validators, has_quorum, is_stalled,
};
pub use result::{
    Check, Choice, ContestResult, ElectionResult, Outcome, Round, Tie, TiedFor, VerifiedArchive,
    Votes,
};
pub use roll::{Issued, RollChanged, RollCheck, RollImported, RollPreview, RollShown};
pub use shape::Hex;
pub use words::{
    LogWords, act, action, change, describe, elected, organiser_change, tie, verdict,
    version_change, would,
};

/// A view as JSON, on one line.
pub fn line(view: &impl serde::Serialize) -> String {
    serde_json::to_string(view).expect("views are texts, numbers, and lists of them by name")
}
