//! Timers of the loop.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use vote_consensus::Timer;

/// What is due.
#[derive(Debug)]
pub(super) enum Wake {
    Engine(Timer),
    /// A vote may have to be passed on.
    PassOn,
    /// Transactions that were gathered are to be sent.
    Relay,
    /// Time to compare heights with the peers.
    Status,
    /// The desk has something to do.
    Desk,
}

#[derive(Default)]
pub(super) struct Timers {
    due: BTreeMap<(Instant, u64), Wake>,
    sequence: u64,
}

impl Timers {
    pub(super) fn set(&mut self, after_ms: u64, wake: Wake) {
        self.set_at(Instant::now() + Duration::from_millis(after_ms), wake);
    }

    pub(super) fn set_at(&mut self, at: Instant, wake: Wake) {
        self.sequence += 1;
        self.due.insert((at, self.sequence), wake);
    }

    /// The next timer, when it is due. May be dropped and called again at no loss.
    pub(super) async fn next(&mut self) -> Wake {
        match self.due.first_key_value() {
            Some(((at, _), _)) => tokio::time::sleep_until(*at).await,
            None => std::future::pending().await,
        }
        self.due
            .pop_first()
            .expect("looked at above, and only this function takes")
            .1
    }
}
