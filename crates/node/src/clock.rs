//! The system's clocks, as the protocol counts time.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use vote_chain::Timestamp;

/// The time now by the clock on the wall, in milliseconds since 1970. Somebody can set it anew.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A time that only ever goes on, for waits: what the wall clock said when it was first asked for,
/// and what has passed since.
pub(crate) fn steady() -> Timestamp {
    static START: OnceLock<(Timestamp, Instant)> = OnceLock::new();
    let (time, start) = START.get_or_init(|| (now(), Instant::now()));
    time.plus_ms(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// By how many milliseconds a clock is ahead of the steady time.
pub(crate) fn ahead_ms(clock: Timestamp, steady: Timestamp) -> i64 {
    let signed = |time: Timestamp| i64::try_from(time.ms()).unwrap_or(i64::MAX);
    signed(clock).saturating_sub(signed(steady))
}
