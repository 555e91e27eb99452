//! The clock that blocks are judged by, and what is said of this node's own.

use tokio::time::Instant;
use vote_chain::{PublicKey, Timestamp};
use vote_consensus::{CLOCK_MS_MAX, Event, block_clock, middle_clock};

use super::Core;
use crate::clock::{ahead_ms, now, steady};

/// A change of less is not worth telling the engine.
const CHANGE_MS: u64 = 20;

/// What is known of the clocks. All are measured by the steady time ([`ahead_ms`]).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clocks {
    /// What the engine was told last.
    told: i64,
    /// How far this node's clock is ahead of the middle one of the validators'; none while too few
    /// have said theirs.
    pub(super) ahead_of_middle: Option<i64>,
}

impl Core {
    /// The time by the clock that blocks are judged by.
    pub(super) fn block_time(&self) -> Timestamp {
        Timestamp::from_ms(steady().ms().saturating_add_signed(self.clocks.told))
    }

    /// Holds this node's clock against those of the validators, and says so if it is off.
    pub(super) fn mind_the_clock(&mut self) {
        let own = ahead_ms(now(), steady());
        let set = self.ledger.borrow().state.validators().clone();
        let power = |key: &PublicKey| set.get(key).map_or(0, |validator| validator.power);
        let mut clocks = self.peers.clocks(power);
        clocks.push((own, power(&self.key.public())));
        let middle = middle_clock(clocks, set.power_total());
        self.clocks.ahead_of_middle = middle.map(|middle| own.saturating_sub(middle));
        let clock = block_clock(own, middle);
        if clock.abs_diff(self.clocks.told) > CHANGE_MS {
            self.clocks.told = clock;
            self.tell(Event::Clock(clock));
        }
        if let Some(ahead) = self
            .clocks
            .ahead_of_middle
            .filter(|ahead| ahead.unsigned_abs() > CLOCK_MS_MAX)
            && let Some(unsaid) = self.news.warning(Instant::now(), "clock")
        {
            let ms = ahead.unsigned_abs();
            let which = if ahead < 0 { "behind" } else { "ahead of" };
            tracing::warn!(
                ms,
                unsaid,
                "this node's clock is {which} those of the validators; it goes by theirs for blocks. Set it (with NTP)"
            );
        }
    }
}
