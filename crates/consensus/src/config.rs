//! What a node can choose without its peers.

use malachite_types::LinearTimeouts;
use std::time::Duration;
use vote_chain::Version;

use crate::mempool::PoolRoom;

/// How long each step waits for the others, in milliseconds; each round waits longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the proposal.
    pub propose_ms: u64,
    /// More of it each round.
    pub propose_step_ms: u64,
    /// For the rest of the votes, once two thirds are in but do not agree.
    pub vote_ms: u64,
    /// More of it each round.
    pub vote_step_ms: u64,
    /// Between repeats of our last votes while nothing happens.
    pub rebroadcast_ms: u64,
    /// No wait is longer.
    pub wait_ms_max: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            propose_ms: 1000,
            propose_step_ms: 500,
            vote_ms: 300,
            vote_step_ms: 200,
            rebroadcast_ms: 1000,
            wait_ms_max: 10_000,
        }
    }
}

impl Timeouts {
    pub(crate) fn linear(&self) -> LinearTimeouts {
        let ms = Duration::from_millis;
        LinearTimeouts {
            propose: ms(self.propose_ms),
            propose_delta: ms(self.propose_step_ms),
            prevote: ms(self.vote_ms),
            prevote_delta: ms(self.vote_step_ms),
            precommit: ms(self.vote_ms),
            precommit_delta: ms(self.vote_step_ms),
            rebroadcast: ms(self.rebroadcast_ms),
            max_timeout: ms(self.wait_ms_max),
        }
    }
}

/// The rules that make a restart safe and a decision final. Anything but the default is for
/// negative controls: tests that must fail, to show that the checks see what they look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Safety {
    /// Keep the log of the open height. Without it a restarted validator can sign twice.
    pub keep_log: bool,
    /// More than two thirds of the power decide; otherwise one half is enough, and two halves can
    /// decide apart.
    pub two_thirds: bool,
    /// Sign nothing at or below what the sign-state says. Without it a validator whose ledger is
    /// put back signs twice.
    pub sign_state: bool,
    /// Sign nothing before it is known where the others are. Without it a validator whose folder is
    /// put back signs twice.
    pub wait: bool,
    /// Stop at a signature of the own key that was not made here. Without it two nodes can go on
    /// with one key.
    pub own_key: bool,
    /// Propose all that waits and fits. Without it a proposer leaves some ballots out.
    pub all_that_waits: bool,
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            keep_log: true,
            two_thirds: true,
            sign_state: true,
            wait: true,
            own_key: true,
            all_that_waits: true,
        }
    }
}

/// The settings of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Waits.
    pub timeouts: Timeouts,
    /// Under load, heights start at least this far apart, in milliseconds.
    pub block_interval_ms: u64,
    /// When nothing happens, an empty block is made this often, in milliseconds.
    pub heartbeat_ms: u64,
    /// A block whose time is further ahead of our clock than this is refused, in milliseconds.
    pub clock_ahead_ms_max: u64,
    /// From so many validators on, the proposer gathers their votes: it costs little, and a way
    /// more through the network for each step.
    pub gather_from: usize,
    /// The newest protocol version that the node goes by; it stops before the first height of a
    /// later one.
    pub newest: Version,
    /// What may wait for a block.
    pub pool: PoolRoom,
    /// The rules that only negative controls change.
    pub safety: Safety,
}

impl Default for Config {
    fn default() -> Self {
        let (timeouts, safety) = (Timeouts::default(), Safety::default());
        let pool = PoolRoom::default();
        Self {
            timeouts,
            block_interval_ms: 25,
            heartbeat_ms: 30_000,
            clock_ahead_ms_max: 2000,
            gather_from: 8,
            newest: Version::NEWEST,
            pool,
            safety,
        }
    }
}
