//! What this node keeps of what others have sent, and the most that it may be: whoever lies, and
//! however many.

use malachite_types::Round;

use super::Host;
use super::fetch::FETCHES_MAX;
use super::messages::{EARLY_PROPOSALS_MAX, EARLY_VOTES_MAX};
use super::proposal::BODIES_MAX;
use super::window::Window;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Votes and proposals of the open height and the next, known by what they say.
    pub messages: usize,
    /// Votes and proposals that wait for their height.
    pub early: usize,
    /// Blocks of the open height, and those that lack transactions.
    pub blocks: usize,
    /// Transactions that wait.
    pub pending: usize,
    /// Their bytes.
    pub pending_bytes: usize,
}

impl Held {
    /// Whether there is no more of anything than in `other`.
    pub const fn is_within(&self, other: &Self) -> bool {
        self.messages <= other.messages
            && self.early <= other.early
            && self.blocks <= other.blocks
            && self.pending <= other.pending
            && self.pending_bytes <= other.pending_bytes
    }
}

/// The open height, and the one after it.
const HEIGHTS: usize = 2;

impl Host {
    pub(super) fn held(&self) -> Held {
        Held {
            messages: self.windows.values().map(Window::count).sum(),
            early: self.early.values().map(Vec::len).sum(),
            blocks: self.bodies.len() + self.fetches.count(),
            pending: self.mempool.len(),
            pending_bytes: self.mempool.bytes(),
        }
    }

    pub(super) fn held_max(&self) -> Held {
        let validators = self
            .state
            .validators()
            .count()
            .max(self.state.registry().after.count());
        let of_next = Window::count_max(Round::new(0), validators);
        // What this node has built itself goes in whatever else there is: a block for each round.
        let built = self.built.len();
        Held {
            messages: Window::count_max(self.round, validators) + of_next,
            early: HEIGHTS * validators * (EARLY_VOTES_MAX + EARLY_PROPOSALS_MAX),
            blocks: BODIES_MAX + built + FETCHES_MAX,
            pending: self.config.pool.transactions,
            pending_bytes: self.config.pool.bytes,
        }
    }
}
