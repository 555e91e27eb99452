//! Agreement: one node's part in deciding blocks, as a value that is told things and says what
//! should be done.
//!
//! [`Engine`] holds Malachite, the mempool, block building, undecided bodies and catch-up. It reads
//! no clock, touches no disk and no socket, and starts no task: time is an argument, and a [`Turn`]
//! says what to write and what to do then. This is the one crate that runs Malachite; how a message
//! travels and where a row is kept is not known here.

mod clock;
mod config;
mod effects;
mod engine;
mod evidence;
mod mempool;
mod message;
mod signatures;
mod signed;
mod turn;
mod wal;

pub use clock::{CLOCK_MS_MAX, block_clock, middle_clock};
pub use config::{Config, Safety, Timeouts};
pub use engine::{
    Dropped, Engine, Event, Held, MessageFault, PASS_ON_MS, Recovered, Signing, Taken, Wait, judge,
};
pub use evidence::{Certified, Equivocation, Evidence, Fork, InvalidEvidence};
pub use mempool::{Origin, PENDING_BYTES_MAX, PENDING_MAX, PoolRefusal, PoolRoom};
pub use message::{Message, SignedProposal, Votes};
pub use signed::{Folder, SignState, Signed, Step};
pub use turn::{Action, Decided, Halt, Peer, Timer, Turn, Write};

/// Malachite's words, for those who take votes apart.
pub mod bft {
    pub use malachite_types::{NilOrVal, Round, SignedMessage, VoteType};
}
