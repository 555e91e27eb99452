//! What an operator reads in the log: seldom, and one line for many of a kind. Knows no clock and
//! writes nothing: it says what is to be said.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines about final blocks.
const BLOCKS: Duration = Duration::from_secs(60);
/// Lines of one kind that may be said ...
const LINES_MAX: u32 = 5;
/// ... in so long.
const WHILE: Duration = Duration::from_secs(60);

/// Warnings of one kind.
#[derive(Debug)]
struct Said {
    since: Instant,
    lines: u32,
    unsaid: u64,
}

/// What has been said, and what has not.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Whether validators with more than two thirds of the power were connected when that was last
    /// said.
    quorum: Option<bool>,
    blocks_at: Option<Instant>,
    blocks: u64,
    transactions: u64,
    said: BTreeMap<&'static str, Said>,
}

/// Final blocks since the last line about them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) blocks: u64,
    pub(super) transactions: u64,
}

impl News {
    /// So much of the power is connected: true if there is a quorum again, false if there is none
    /// any more, none if that is no news.
    pub(super) fn power(&mut self, connected: u64, all: u64) -> Option<bool> {
        let quorum = u128::from(connected) * 3 > u128::from(all) * 2;
        let news = self.quorum != Some(quorum);
        self.quorum = Some(quorum);
        news.then_some(quorum)
    }

    /// A block is final; gives what there is to say of all since the last time, once in a while.
    pub(super) fn block(&mut self, now: Instant, transactions: u32) -> Option<Blocks> {
        self.blocks += 1;
        self.transactions += u64::from(transactions);
        if self.blocks_at.is_some_and(|at| now - at < BLOCKS) {
            return None;
        }
        self.blocks_at = Some(now);
        let blocks = std::mem::take(&mut self.blocks);
        Some(Blocks {
            blocks,
            transactions: std::mem::take(&mut self.transactions),
        })
    }

    /// Whether a warning of this kind is to be said, and how many before it were not; none if it is
    /// one too many.
    pub(super) fn warning(&mut self, now: Instant, kind: &'static str) -> Option<u64> {
        let said = self.said.entry(kind).or_insert(Said {
            since: now,
            lines: 0,
            unsaid: 0,
        });
        if now - said.since >= WHILE {
            said.since = now;
            said.lines = 0;
        }
        if said.lines >= LINES_MAX {
            said.unsaid += 1;
            return None;
        }
        said.lines += 1;
        Some(std::mem::take(&mut said.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorum_is_news_when_it_is_lost_and_when_it_is_back() {
        let mut news = News::default();
        assert_eq!(news.power(1, 4), Some(false));
        assert_eq!(news.power(2, 4), None);
        assert_eq!(news.power(3, 4), Some(true));
        assert_eq!(news.power(4, 4), None);
        assert_eq!(
            news.power(2, 3),
            Some(false),
            "two thirds are not more than two thirds"
        );
    }

    #[test]
    fn blocks_are_told_of_once_a_minute_and_all_of_them() {
        let mut news = News::default();
        let start = Instant::now();
        assert_eq!(
            news.block(start, 3),
            Some(Blocks {
                blocks: 1,
                transactions: 3
            })
        );
        for second in 1..60 {
            assert_eq!(news.block(start + Duration::from_secs(second), 2), None);
        }
        assert_eq!(
            news.block(start + BLOCKS, 2),
            Some(Blocks {
                blocks: 60,
                transactions: 120
            })
        );
    }

    #[test]
    fn flood_of_one_kind_is_counted_and_hides_no_other() {
        let mut news = News::default();
        let start = Instant::now();
        let said = (0..1000)
            .filter(|_| news.warning(start, "flood").is_some())
            .count();
        assert_eq!(said, 5);
        assert_eq!(news.warning(start, "other"), Some(0));
        assert_eq!(news.warning(start + WHILE, "flood"), Some(995));
    }
}
