//! Which time a block may have: this node's clock, held against those of the validators.
//!
//! Clocks are offsets here, in milliseconds: by how much they are ahead of a steady time that only
//! ever goes on, and has no meaning of its own. Waits are measured by the steady time; a clock that
//! is set anew changes no wait.

use vote_chain::Timestamp;

/// A clock that is no further from the validators' is left as it is, in milliseconds.
pub const CLOCK_MS_MAX: u64 = 500;

/// The steady time, and the time that a block would have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) steady: Timestamp,
    pub(crate) time: Timestamp,
}

/// A time that is so far ahead, or behind.
pub(crate) fn shifted(time: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_ms(time.ms().saturating_add_signed(ms))
}

/// The middle one of the validators' clocks, each with its power: the latest clock such that at
/// least half of the power that has said its time has this one or a later one. Fewer than a third
/// cannot move it beyond the clocks of the others, since half of what is known is more than they
/// have; and where two halves differ, all find the same. None if they are not more than two thirds
/// of all power.
pub fn middle_clock(mut clocks: Vec<(i64, u64)>, power_total: u64) -> Option<i64> {
    let known: u128 = clocks.iter().map(|(_, power)| u128::from(*power)).sum();
    if known * 3 <= u128::from(power_total) * 2 {
        return None;
    }
    clocks.sort_unstable();
    let mut later = 0;
    clocks.into_iter().rev().find_map(|(clock, power)| {
        later += u128::from(power);
        (later * 2 >= known).then_some(clock)
    })
}

/// The clock that blocks are judged by: this node's own, or the middle one of the validators if
/// that is far from it.
pub fn block_clock(own: i64, middle: Option<i64>) -> i64 {
    middle
        .filter(|middle| middle.abs_diff(own) > CLOCK_MS_MAX)
        .unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn clocks_of_fewer_than_a_third_move_nothing_and_two_halves_find_the_same() {
        let clocks = |offsets: [i64; 4]| offsets.into_iter().map(|offset| (offset, 1)).collect();
        assert_eq!(middle_clock(clocks([0, 3, HOUR, 5]), 4), Some(5));
        assert_eq!(middle_clock(clocks([0, 3, -HOUR, 5]), 4), Some(3));
        assert_eq!(middle_clock(clocks([0, 0, -HOUR, -HOUR]), 4), Some(0));
        assert_eq!(
            middle_clock(vec![(0, 1), (1, 1), (HOUR, 1)], 4),
            Some(1),
            "one is out of reach, and one lies"
        );
        assert_eq!(
            middle_clock(vec![(0, 5), (HOUR, 1), (HOUR, 1)], 7),
            Some(0),
            "power counts, not heads"
        );
        assert_eq!(
            middle_clock(vec![(0, 1), (HOUR, 1)], 3),
            None,
            "two thirds are not more than two thirds"
        );
        assert_eq!(middle_clock(Vec::new(), 0), None);
    }

    #[test]
    fn clock_that_is_about_right_is_left_as_it_is() {
        assert_eq!(block_clock(100, Some(-300)), 100);
        assert_eq!(block_clock(-HOUR, Some(20)), 20);
        assert_eq!(block_clock(-HOUR, None), -HOUR);
    }
}
