//! What is where in the blocks. Made from them at the start, and kept up in memory: a row on the
//! disk with a random key for each ballot would cost more the more ballots there are.

use std::collections::{BTreeMap, BTreeSet};

use vote_chain::{Changes, ElectionId, Height, VerifiedBlock};

/// Bits that say the place in a block: no block has so many transactions.
const PLACE_BITS: u32 = 24;

/// Where each transaction is, and which blocks hold something of which election.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The first 8 bytes of an id, with the height and the place in the block. Ids that begin alike
    /// can be made, so the block has the last word.
    ids: BTreeSet<(u64, u64)>,
    elections: BTreeMap<ElectionId, Vec<Height>>,
}

/// What a block adds.
#[derive(Debug)]
pub(crate) struct Additions {
    height: Height,
    ids: Vec<(u64, u64)>,
    elections: Vec<ElectionId>,
}

impl Additions {
    pub(crate) fn of(block: &VerifiedBlock, changes: &Changes) -> Self {
        let height = block.header().height;
        let places = (height.get() << PLACE_BITS..).zip(block.transactions());
        let ids = places
            .map(|(place, transaction)| (first_8(transaction.id().as_bytes()), place))
            .collect();
        Self {
            height,
            ids,
            elections: changes.elections.keys().copied().collect(),
        }
    }
}

impl Index {
    /// Takes in the next blocks.
    pub(crate) fn extend(&mut self, blocks: impl IntoIterator<Item = Additions>) {
        for Additions {
            height,
            ids,
            elections,
        } in blocks
        {
            self.ids.extend(ids);
            for id in elections {
                self.elections.entry(id).or_default().push(height);
            }
        }
    }

    /// Where the transactions are whose ids begin like this, as far as their first 8 bytes say.
    pub(crate) fn places(&self, prefix: &[u8]) -> impl Iterator<Item = (Height, u32)> {
        let first = |fill| {
            let mut bytes = [fill; 8];
            let length = prefix.len().min(8);
            bytes[..length].copy_from_slice(&prefix[..length]);
            u64::from_be_bytes(bytes)
        };
        self.ids
            .range((first(0), 0)..=(first(0xff), u64::MAX))
            .map(|(_, place)| {
                let index = u32::try_from(place & ((1 << PLACE_BITS) - 1)).expect("24 bits");
                (Height::new(place >> PLACE_BITS), index)
            })
    }

    /// The blocks that hold something of an election, in order.
    pub(crate) fn heights(&self, id: &ElectionId) -> &[Height] {
        self.elections.get(id).map_or(&[], Vec::as_slice)
    }
}

fn first_8(id: &[u8]) -> u64 {
    id.first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}
