//! How large a block to build: as large as the links between the validators carry within a round.
//!
//! A round that has failed may have failed because its block was too large for a link, so that each
//! one halves what goes into the next. A block that was large for its time and is decided at the
//! first attempt makes the next half as large again. A dead validator costs a round for each of its
//! turns too: under load, the blocks of the others make up for it.

/// Bytes of transactions that always go in: some eighty ballots.
const FLOOR: usize = 16 * 1024;

/// The bytes of transactions that this node puts into a block; a transaction that is larger goes in
/// alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockSize {
    bytes: usize,
    max: usize,
}

impl BlockSize {
    /// Up to what the chain allows, in bytes.
    pub(crate) fn new(max: u32) -> Self {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Self { bytes: max, max }
    }

    pub(crate) const fn bytes(self) -> usize {
        self.bytes
    }

    /// A round of a height is over without a decision.
    pub(crate) fn round_failed(&mut self) {
        self.bytes = (self.bytes / 2).max(FLOOR.min(self.max));
    }

    /// A block with so many bytes of transactions was decided in the first round. One that was
    /// small says nothing.
    pub(crate) fn decided_at_once(&mut self, bytes: usize) {
        if bytes >= self.bytes / 2 {
            self.bytes = (self.bytes + self.bytes / 2).min(self.max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_shrink_to_the_floor_with_failed_rounds_and_grow_to_the_limit_with_large_ones_that_are_decided()
     {
        let mut size = BlockSize::new(1 << 20);
        (0..3).for_each(|_| size.round_failed());
        assert_eq!(size.bytes(), 128 << 10);
        (0..20).for_each(|_| size.round_failed());
        assert_eq!(size.bytes(), FLOOR, "something always goes in");
        size.decided_at_once(FLOOR / 2 - 1);
        assert_eq!(
            size.bytes(),
            FLOOR,
            "a small block does not show what the links carry"
        );
        let mut blocks = 0;
        while size.bytes() < 1 << 20 {
            size.decided_at_once(size.bytes());
            blocks += 1;
        }
        assert_eq!((blocks, size.bytes()), (11, 1 << 20));
    }

    #[test]
    fn one_dead_validator_of_four_does_not_keep_blocks_small() {
        let mut size = BlockSize::new(1 << 20);
        for _ in 0..100 {
            size.round_failed();
            (0..3).for_each(|_| size.decided_at_once(size.bytes()));
        }
        assert!(size.bytes() > 900 << 10, "{}", size.bytes());
    }

    #[test]
    fn chain_whose_blocks_are_smaller_than_the_floor_keeps_its_limit() {
        let mut size = BlockSize::new(10_000);
        size.round_failed();
        assert_eq!(size.bytes(), 10_000);
    }
}
