//! What a validator has signed: the little that it must never forget.

use serde::{Deserialize, Serialize};
use vote_chain::{BlockHash, Height};

/// The steps of a round in which a validator signs, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// It proposes a block.
    Proposal,
    /// It prevotes.
    Prevote,
    /// It precommits.
    Precommit,
}

/// A signature of a validator: where, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: u32,
    /// The step.
    pub step: Step,
    /// The block; none if it is a vote for no block.
    pub block: Option<BlockHash>,
}

impl Signed {
    /// Validators sign in this order, and never go back in it.
    pub const fn place(&self) -> (Height, u32, Step) {
        (self.height, self.round, self.step)
    }
}

/// What a validator's key has signed on one chain, as far as its folder knows. It belongs into a
/// file outside of the ledger: a ledger that is put back from an older copy must not take it along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignState {
    /// The last signature; none if there is none.
    pub last: Option<Signed>,
    /// Nothing is signed up to this height, whatever `last` says: more may have been signed there
    /// than is known here.
    pub silent: Height,
    /// Whether more may have been signed than is known here, and it is not yet known up to which
    /// height.
    pub unsure: bool,
}

/// What is known of the folder in which a sign-state was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// It is the one that the validator left: nothing was signed that its sign-state does not know.
    Left,
    /// It is a copy, or was put back: more may have been signed.
    Copied,
    /// The operator says that nothing was signed since.
    Vouched,
}
