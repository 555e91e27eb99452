//! Counting ballots: rules of voting as pure functions from a profile to an outcome, with all that
//! happened in between.
//!
//! Whole numbers only (votes of transferable rules in hundred-thousandths), no clock, no chance:
//! ties that a rule leaves open are broken by a seed that was published before. A count gives none
//! if it takes more than its [`Budget`]. The crate does not know who voted, nor whether they were
//! allowed to.

mod borda;
mod budget;
pub mod formats;
mod irv;
mod lists;
mod majority;
mod meek;
mod minimax;
pub mod names;
mod outcome;
mod packed;
mod profile;
mod ranked_pairs;
mod rule;
mod schulze;
mod sequential;
mod star;
mod stv;
mod sums;
mod ties;

pub use budget::Budget;
pub use majority::majority_grades;
pub use outcome::{Action, Outcome, Round, Stake, TieBreak, Votes};
pub use packed::{Packed, PackedBallots, Rank, Ranks};
pub use profile::{Group, InvalidProfile, Profile};
pub use rule::{
    BallotKind, Ballots, LIST_SEATS_MAX, NotCounted, Overvotes, Rule, Seats, SkippedRanks, Terms,
    Ties, count,
};
pub use ties::Seed;
