//! The app protocol of a node: its messages, their framing, and one client.
//!
//! This crate does not know how a node carries a request out.

mod message;

pub use message::{
    Answer, Attack, AttackReport, BlockAt, Call, ElectionView, EvidenceView, Member, PeerVerdict, Refusal, RefusalCode,
    Reply, Request, SUBMIT_MAX, Status, Verdict,
};
