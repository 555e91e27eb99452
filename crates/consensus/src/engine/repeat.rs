//! Saying a proposal again. Malachite repeats votes, and no proposals: whoever has not got one
//! could only wait for the next round.

use vote_chain::Timestamp;

use super::Host;
use crate::message::SignedProposal;
use crate::turn::{Action, Timer};

/// A proposal on which too few have voted after so long is said again, in milliseconds; then after
/// twice as long, and so on. The first time is before the others give it up.
const REPEAT_MS: u64 = 400;
/// A proposal that names more transactions is not sent again: it is rather late than lost, and
/// would be later still.
const REPEATED_IDS_MAX: usize = 8192;

/// The last proposal of this node.
pub(crate) struct Proposed {
    proposal: SignedProposal,
    again_at: Timestamp,
    wait_ms: u64,
}

impl Host {
    /// A proposal of this node goes out.
    pub(crate) fn note_proposed(&mut self, proposal: SignedProposal) {
        self.proposed = Some(Proposed {
            proposal,
            again_at: self.now,
            wait_ms: REPEAT_MS,
        });
        self.repeat_later();
    }

    fn repeat_later(&mut self) {
        let Some(proposed) = &mut self.proposed else {
            return;
        };
        let after_ms = proposed.wait_ms;
        proposed.again_at = self.now.plus_ms(after_ms);
        proposed.wait_ms *= 2;
        self.act(Action::SetTimer {
            after_ms,
            timer: Timer::Repeat,
        });
    }

    /// Says it again if its round goes on, and too few have voted in it: they may not have got it.
    pub(super) fn consider_repeat(&mut self) {
        let Some(Proposed {
            proposal, again_at, ..
        }) = &self.proposed
        else {
            return;
        };
        if self.now < *again_at {
            return; // a timer of an earlier proposal
        }
        let message = proposal.message.clone();
        let goes_on =
            self.deciding && message.height == self.height() && message.round == self.round;
        let named = self
            .bodies
            .get(&message.value)
            .map(|(block, _)| block.transactions().len());
        if !goes_on || named.is_none_or(|named| named > REPEATED_IDS_MAX) {
            self.proposed = None;
            return;
        }
        let set = self.state.validators();
        let voters = self
            .windows
            .get(&message.height)
            .map(|window| window.voters(message.round))
            .unwrap_or_default();
        if !set.is_quorum(voters.iter().chain([&self.address])) {
            let proposal = proposal.clone();
            self.send_proposal(proposal);
        }
        self.repeat_later();
    }
}
