//! Shares of a number: quorums and majorities.

use std::fmt;

use serde::{Deserialize, Serialize};

/// No finer shares than thousandths.
const DENOMINATOR_MAX: u16 = 1000;

/// A part of a number that must be reached: at least, or more than, `numerator / denominator` of
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// From 1 to the denominator.
    pub numerator: u16,
    /// From 1 to 1000.
    pub denominator: u16,
    /// Whether it must be exceeded.
    pub more: bool,
}

impl Share {
    /// More than half.
    pub const HALF: Self = Self {
        numerator: 1,
        denominator: 2,
        more: true,
    };

    /// Whether it is a part of something, and can be reached: there is no more than all.
    pub(crate) const fn is_sane(&self) -> bool {
        let parts = if self.more {
            self.denominator.saturating_sub(1)
        } else {
            self.denominator
        };
        0 < self.numerator && self.numerator <= parts && self.denominator <= DENOMINATOR_MAX
    }

    /// Whether `part` reaches this share of `whole`; nothing reaches none, also not of nothing.
    pub fn is_reached(&self, part: u64, whole: u64) -> bool {
        if part == 0 {
            return false;
        }
        let (part, whole) = (
            u128::from(part) * u128::from(self.denominator),
            u128::from(whole) * u128::from(self.numerator),
        );
        if self.more {
            part > whole
        } else {
            part >= whole
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = if self.more { "more than" } else { "at least" };
        match (self.numerator, self.denominator) {
            (1, 2) => write!(f, "{words} half"),
            (numerator, denominator) if numerator == denominator => f.write_str("all"),
            (numerator, denominator) => write!(f, "{words} {numerator}/{denominator}"),
        }
    }
}

/// Of what a majority is a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Base {
    /// The votes in the contest, without those who abstain.
    Votes,
    /// All votes of the roll.
    Roll,
}

/// What a choice must have to win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Majority {
    /// The share.
    pub share: Share,
    /// Of what.
    pub base: Base,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_not_more_than_half_and_two_thirds_are_at_least_two_thirds() {
        assert!(!Share::HALF.is_reached(50, 100));
        assert!(Share::HALF.is_reached(51, 100));
        let two_thirds = Share {
            numerator: 2,
            denominator: 3,
            more: false,
        };
        assert!(
            two_thirds.is_reached(2, 3)
                && !two_thirds.is_reached(199, 299)
                && two_thirds.is_reached(200, 300)
        );
        assert!(two_thirds.is_reached(u64::MAX, u64::MAX));
    }

    #[test]
    fn no_share_is_more_than_all_or_finer_than_thousandths() {
        let share = |numerator, denominator, more| Share {
            numerator,
            denominator,
            more,
        };
        assert!(
            share(3, 3, false).is_sane()
                && share(2, 3, true).is_sane()
                && share(1, 1000, false).is_sane()
        );
        for never in [
            share(3, 3, true),
            share(4, 3, false),
            share(0, 3, true),
            share(1, 0, true),
            share(1, 1001, false),
        ] {
            assert!(!never.is_sane(), "{never:?}");
        }
        assert_eq!(share(3, 3, false).to_string(), "all");
    }
}
