//! The system's clock, as the protocol counts time.

use std::time::{SystemTime, UNIX_EPOCH};

use vote_chain::Timestamp;

/// The time now, in milliseconds since 1970.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
