//! The app protocol of a node: its messages, their framing, and one client.
//!
//! This crate does not know how a node carries a request out.

mod ask;
mod cast;
mod chain;
mod client;
mod election;
mod elections;
mod error;
mod frame;
mod message;
mod path;
mod prove;
mod submit;

pub use ask::{FinalBlock, OrganisersView, ProtocolView, Validators, VoterView};
pub use cast::SignedBallot;
pub use chain::{Chain, Proven};
pub use client::{Answers, Client, Inclusion, Outcome, Outcomes};
pub use election::{CheckedElection, Waiting};
pub use elections::Watching;
pub use error::{CallError, ConnectError};
pub use frame::{
    FRAME_BYTES_MAX, FrameError, frame_length, read_body, read_frame, write_frame, write_reply,
};
pub use message::{
    APP_PROTOCOL, Answer, Attack, AttackReport, BlockAt, Call, ELECTIONS_PAGE_MAX, ElectionQuery,
    ElectionView, EvidenceView, Greeting, Member, PeerVerdict, ProtocolVersions, QUERY_BYTES_MAX,
    Refusal, RefusalCode, Reply, Request, SUBMIT_MAX, Signing, Status, TALLY_BYTES_MAX,
    TALLY_LINES_MAX, TRACE_BYTES_MIN, Trace, Verdict,
};
pub use path::default_socket;
pub use submit::Fate;
