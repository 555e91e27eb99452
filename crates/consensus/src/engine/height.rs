//! When a height starts. Between heights the engine rests: no empty rounds, no traffic.

use std::collections::BTreeSet;
use std::sync::Arc;

use malachite::Input;
use malachite_types::{Round, Timeout, VoteExtensionPolicy};
use vote_chain::{Height, Timestamp, Verified};

use super::Host;
use super::messages::Early;
use crate::clock::shifted;
use crate::mempool::may_fit;
use crate::turn::{Action, Timer};

impl Host {
    /// Starts the next height if there is a reason to; true if it did.
    pub(super) fn consider_start(&mut self) -> bool {
        let start = !self.deciding && self.start_due().is_some_and(|due| due <= self.now);
        if start {
            self.start_height(self.height());
        }
        start
    }

    /// The time at which there is a reason to start: others have, transactions, a change of the set
    /// that is to come into force, a boundary of an election, or the heartbeat. Who does not sign
    /// waits for those who do; a validator that does not know yet where the others are does not
    /// even listen, since what it leaves out now it does not say later.
    fn start_due(&self) -> Option<Timestamp> {
        let validates = self.is_validator_now();
        if validates && !self.is_informed() {
            return None;
        }
        if self.others_have_started() {
            return Some(self.now);
        }
        if !validates || !self.signs_at(self.height()) {
            return None;
        }
        self.reason_to_start(!self.mempool.is_empty())
    }

    /// Whether the first round has a proposal that there is a reason for, or more than a third of
    /// the power votes: among them is one that is honest. A validator that lies could otherwise
    /// have the others make blocks of nothing without end.
    fn others_have_started(&self) -> bool {
        let Some(early) = self.early.get(&self.height()) else {
            return false;
        };
        let set = self.state.validators();
        let voters: BTreeSet<_> = early.iter().map(Early::signer).collect();
        let power: u64 = voters
            .into_iter()
            .filter_map(|key| set.get(key))
            .map(|validator| validator.power)
            .sum();
        early.iter().any(|early| self.is_due(early))
            || u128::from(power) * 3 > u128::from(set.power_total())
    }

    /// Whether this is a proposal of the first round with a transaction that fits, or for which it
    /// is time by this node's clock.
    fn is_due(&self, early: &Early) -> bool {
        let Early::Proposal(proposal, _, Ok(block)) = early else {
            return false;
        };
        let fits =
            |transaction: &Arc<Verified>| may_fit(&self.state, self.time(), transaction).is_ok();
        let time = || {
            self.reason_to_start(false)
                .is_some_and(|due| due <= self.now)
        };
        proposal.message.round == Round::new(0) && (block.transactions().iter().any(fits) || time())
    }

    /// The steady time at which this node's clock and its ledger give a reason, `waiting` for
    /// transactions or not.
    fn reason_to_start(&self, waiting: bool) -> Option<Timestamp> {
        let pace = self.started_at.plus_ms(self.config.block_interval_ms);
        let heartbeat = self.state.tip().time.plus_ms(self.config.heartbeat_ms);
        let registry = self.state.registry();
        let wanted = (waiting || registry.next != registry.after).then_some(pace);
        let steady = |time| shifted(time, self.clock_ms.saturating_neg());
        [Some(steady(heartbeat)), wanted, self.boundary.map(steady)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Asks to be woken when a reason will be there.
    pub(super) fn set_wake(&mut self) {
        if self.deciding {
            return;
        }
        let Some(due) = self.start_due() else { return };
        if self.wake_at.is_none_or(|at| due < at) {
            self.wake_at = Some(due);
            self.act(Action::SetTimer {
                after_ms: due.ms_since(self.now),
                timer: Timer::Wake,
            });
        }
    }

    fn start_height(&mut self, height: Height) {
        self.begin_height(height);
        self.feed_early(height);
    }

    pub(super) fn begin_height(&mut self, height: Height) {
        (self.deciding, self.started_at, self.round) = (true, self.now, Round::new(0));
        self.timers.clear();
        let validators = self.state.validators().clone();
        // No target time: with one, Malachite reads the clock.
        self.inbox.push_back(Input::StartHeight(
            height,
            validators,
            false,
            None,
            VoteExtensionPolicy::Disabled,
        ));
        for round in 0..self.rounds_to_skip() {
            self.inbox
                .push_back(Input::TimeoutElapsed(Timeout::precommit(Round::new(round))));
        }
    }
}
