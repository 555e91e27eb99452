//! What an app knows of the chain by itself, and need not believe a node: who signs its blocks, and
//! what it has seen proven.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vote_chain::{
    BlockHash, ChainId, CommitCertificate, Genesis, Header, Height, InvalidReceipt, Receipt,
    SetChange, SetHistory, Timestamp, TransactionId, ValidatorSet, Verified,
};

/// Blocks that are remembered as final with their certificates, so that each is checked once.
const BLOCKS_MAX: usize = 64;
/// Transactions that are remembered as final: elections and acts are asked about again and again.
/// At most 64 KiB each.
const TRANSACTIONS_MAX: usize = 64;

/// A chain, as the clients of its nodes know it together. Clones share what they know.
///
/// The chain is the one of the id that it is pinned to; else the one that the first node names, and
/// no other from then on.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    // Held while a certificate is checked, which takes a millisecond; a task between would only add
    // a queue.
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    pinned: Option<ChainId>,
    sets: Option<SetHistory>,
    blocks: VecDeque<(BlockHash, CommitCertificate)>,
    transactions: VecDeque<Arc<Proven>>,
}

/// A transaction that is final, with the bytes that were signed.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The transaction; its signature holds.
    pub transaction: Arc<Verified>,
    /// The block that it is in.
    pub height: Height,
    /// That block's time.
    pub time: Timestamp,
    /// Its place in the block, from 0.
    pub index: u32,
    /// What shows it.
    pub receipt: Receipt,
}

/// Why a node's word of the chain is not taken.
#[derive(Debug)]
pub(crate) enum Distrust {
    /// It speaks of another chain.
    OtherChain {
        /// The one that is trusted.
        trusted: ChainId,
        /// The one that it names.
        found: ChainId,
    },
    /// No chain can begin so.
    Genesis(InvalidReceipt),
}

impl Chain {
    /// The chain of this id, and no other.
    pub fn pinned(id: ChainId) -> Self {
        let known = Known {
            pinned: Some(id),
            ..Known::default()
        };
        Self {
            known: Arc::new(Mutex::new(known)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it begins; none before a node has said so.
    pub(crate) fn genesis(&self) -> Option<Genesis> {
        self.lock().sets.as_ref().map(|sets| sets.genesis().clone())
    }

    /// Takes a genesis if it is this chain's; the first one is, if none is pinned.
    pub(crate) fn begin(&self, genesis: Genesis) -> Result<(), Distrust> {
        let mut known = self.lock();
        let found = genesis.chain();
        let trusted = known.pinned.unwrap_or(found);
        if trusted != found {
            return Err(Distrust::OtherChain { trusted, found });
        }
        if known.sets.is_none() {
            known.sets = Some(SetHistory::new(genesis).map_err(Distrust::Genesis)?);
            known.pinned = Some(found);
        }
        Ok(())
    }

    /// The last height up to this one whose set is known.
    pub(crate) fn known_up_to(&self, height: Height) -> Height {
        self.lock()
            .sets
            .as_ref()
            .map_or_else(|| Height::GENESIS.next(), |sets| sets.known_up_to(height))
    }

    /// The last set that is known.
    pub(crate) fn last_set(&self) -> Option<ValidatorSet> {
        let known = self.lock();
        Some(known.sets.as_ref()?.set_at(Height::new(u64::MAX)).clone())
    }

    /// Takes steps from the set that is known at a height; gives the height that the next ones go
    /// on from.
    pub(crate) fn extend(
        &self,
        from: Height,
        changes: Vec<SetChange>,
    ) -> Result<Height, InvalidReceipt> {
        let mut known = self.lock();
        let sets = known
            .sets
            .as_mut()
            .expect("a client asks for the genesis first");
        sets.extend(from, changes)
    }

    /// Checks that a block is final, by the sets that are known.
    pub(crate) fn check_final(
        &self,
        header: &Header,
        certificate: &CommitCertificate,
    ) -> Result<(), InvalidReceipt> {
        let mut known = self.lock();
        let hash = header.hash();
        if known
            .blocks
            .iter()
            .any(|(block, by)| *block == hash && by == certificate)
        {
            return Ok(());
        }
        let sets = known
            .sets
            .as_ref()
            .expect("a client asks for the genesis first");
        sets.check_final(header, certificate)?;
        if known.blocks.len() >= BLOCKS_MAX {
            known.blocks.pop_front();
        }
        known.blocks.push_back((hash, certificate.clone()));
        Ok(())
    }

    /// A transaction that was proven before.
    pub(crate) fn proven(&self, id: &TransactionId) -> Option<Arc<Proven>> {
        self.lock()
            .transactions
            .iter()
            .find(|proven| proven.transaction.id() == *id)
            .cloned()
    }

    /// Remembers a transaction that is proven, and forgets the one that it has known for longest.
    pub(crate) fn remember(&self, proven: &Arc<Proven>) {
        let mut known = self.lock();
        if known.transactions.len() >= TRANSACTIONS_MAX {
            known.transactions.pop_front();
        }
        known.transactions.push_back(proven.clone());
    }
}
