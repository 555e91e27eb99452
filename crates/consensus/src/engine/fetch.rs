//! Transactions of proposed blocks. A proposal names them by short ids: most are in the pool, and
//! the rest is asked for.
//!
//! Until a block is complete this node cannot tell what it is worth, and holds it against nobody.
//! Who answers, and what, is checked by the short ids, which the proposer has signed: an answer is
//! from the block, or its sender is at fault. Whether the short ids stand for the transactions that
//! the header commits to is known at the end, and is for the proposer to answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use malachite_types::Round;
use vote_chain::{
    BlockFault, BlockHash, CompactBlock, Height, InvalidBlock, Limits, ShortId, Timestamp,
    TransactionFault, TransactionId, Verified, VerifiedBlock,
};

use super::Host;
use super::messages::Early;
use crate::message::SignedProposal;
use crate::turn::{Action, Peer};

/// Blocks that wait for transactions. A proposer has at most two in a round, and rounds far ahead
/// are not looked at, so that only those of rounds that are over ever make room.
pub(super) const FETCHES_MAX: usize = 24;
/// Transactions asked for at one time; an answer holds about as many ballots.
const WANTED_MAX: usize = 1024;
/// Nobody is asked so soon, in milliseconds: most of what is lacking is on its way over gossip.
const PATIENCE_MS: u64 = 100;
/// Whoever has not answered for so long is silent, and the next one is asked too, in milliseconds.
const SILENT_MS: u64 = 1000;
/// Nobody is asked twice within so long before it has answered, in milliseconds.
const ANSWER_MS_MAX: u64 = 10_000;
/// Who gives all that it was asked for, or so many bytes, is asked on. Others have their turn
/// before it is asked again.
const GENEROUS_BYTES: usize = 32 * 1024;

/// The blocks that lack transactions, and who was asked for them.
#[derive(Default)]
pub(crate) struct Fetches {
    blocks: BTreeMap<BlockHash, Fetch>,
    /// Questions without an answer: one for each peer.
    asked: BTreeMap<Peer, Asked>,
    pub(super) wake_at: Option<Timestamp>,
}

struct Asked {
    block: BlockHash,
    count: usize,
    at: Timestamp,
}

struct Fetch {
    block: CompactBlock,
    hash: BlockHash,
    /// All that propose it.
    proposals: Vec<SignedProposal>,
    /// Who has passed it on.
    sources: Vec<Peer>,
    /// Who was asked and is not asked again before the others.
    tried: BTreeSet<Peer>,
    /// Whether one of them had something.
    fruitful: bool,
    /// By their places.
    have: BTreeMap<u32, Arc<Verified>>,
    /// With the place of each.
    missing: BTreeMap<ShortId, u32>,
    bytes: usize,
    /// When to ask.
    due: Timestamp,
}

type Verdict = Result<Arc<VerifiedBlock>, InvalidBlock>;

impl Fetch {
    fn put(&mut self, transaction: &Arc<Verified>) {
        if let Some(place) = self.missing.remove(&self.short(&transaction.id())) {
            self.bytes += transaction.bytes().len();
            self.have.insert(place, transaction.clone());
        }
    }

    fn short(&self, id: &TransactionId) -> ShortId {
        ShortId::of(&self.hash, id)
    }

    /// What is known of the block; none while transactions are missing.
    fn verdict(&self, limits: &Limits) -> Option<Verdict> {
        let (bytes, transactions) = (self.bytes, self.block.ids().len());
        let fits = u32::try_from(bytes).is_ok_and(|bytes| bytes <= limits.block_bytes_max);
        if !fits || self.block.header.transactions_count > limits.block_transactions_max {
            return Some(Err(InvalidBlock::Size {
                bytes,
                transactions,
            }));
        }
        if !self.missing.is_empty() {
            return None;
        }
        let block = self.block.with(self.have.values().cloned().collect());
        Some(block.map(Arc::new).map_err(InvalidBlock::from))
    }

    /// The last height and round that it is proposed for, whatever its header says.
    fn place(&self) -> Option<(Height, Round)> {
        self.proposals
            .iter()
            .map(|proposal| (proposal.message.height, proposal.message.round))
            .max()
    }
}

impl Fetches {
    pub(super) fn forget_peer(&mut self, peer: Peer) {
        self.asked.remove(&peer);
        self.blocks
            .values_mut()
            .for_each(|fetch| fetch.sources.retain(|source| *source != peer));
    }

    /// Forgets blocks of heights before this one.
    pub(super) fn forget_below(&mut self, height: Height) {
        self.blocks
            .retain(|_, fetch| fetch.place().is_some_and(|(last, _)| last >= height));
    }

    pub(super) fn count(&self) -> usize {
        self.blocks.len()
    }

    fn make_room(&mut self) {
        if self.blocks.len() >= FETCHES_MAX
            && let Some(hash) = self
                .blocks
                .iter()
                .min_by_key(|(_, fetch)| fetch.place())
                .map(|(hash, _)| *hash)
        {
            self.blocks.remove(&hash);
        }
    }
}

impl Host {
    /// Takes in a proposal whose block is as its proposer has signed it: at once if all transactions
    /// are here, else when they are.
    pub(super) fn complete(
        &mut self,
        from: Option<Peer>,
        proposal: SignedProposal,
        block: CompactBlock,
    ) {
        let hash = proposal.message.value;
        if let Some(block) = self.held_block(&hash).cloned() {
            return self.place_proposal(proposal, hash, Ok(block));
        }
        if let Some(fetch) = self.fetches.blocks.get_mut(&hash) {
            fetch.sources.extend(from);
            return fetch.proposals.push(proposal);
        }
        let mut fetch = Fetch {
            missing: block.ids().iter().copied().zip(0..).collect(),
            block,
            hash,
            proposals: vec![proposal],
            sources: from.into_iter().collect(),
            tried: BTreeSet::new(),
            fruitful: false,
            have: BTreeMap::new(),
            bytes: 0,
            due: self.now.plus_ms(PATIENCE_MS),
        };
        self.mempool
            .iter()
            .for_each(|transaction| fetch.put(transaction));
        self.fetches.make_room();
        self.fetches.blocks.insert(hash, fetch);
        self.consider_complete(&hash);
    }

    /// A block of the open height, or of the next, with all of its transactions.
    pub(super) fn held_block(&self, hash: &BlockHash) -> Option<&Arc<VerifiedBlock>> {
        let early = || {
            self.early
                .values()
                .flatten()
                .filter_map(Early::block)
                .find(|block| block.hash() == *hash)
        };
        self.bodies.get(hash).map(|(block, _)| block).or_else(early)
    }

    /// A transaction has come, for the pool or not.
    pub(super) fn offer(&mut self, transaction: &Arc<Verified>) {
        let id = transaction.id();
        let lacks = |fetch: &Fetch| fetch.missing.contains_key(&fetch.short(&id));
        let lacking = self.fetches.blocks.iter().filter(|(_, fetch)| lacks(fetch));
        let hashes: Vec<_> = lacking.map(|(hash, _)| *hash).collect();
        for hash in hashes {
            self.fetches
                .blocks
                .entry(hash)
                .and_modify(|fetch| fetch.put(transaction));
            self.consider_complete(&hash);
        }
    }

    fn consider_complete(&mut self, hash: &BlockHash) {
        let limits = &self.state.genesis().limits;
        if let Some(verdict) = self
            .fetches
            .blocks
            .get(hash)
            .and_then(|fetch| fetch.verdict(limits))
        {
            self.completed(hash, &verdict);
        }
    }

    fn completed(&mut self, hash: &BlockHash, verdict: &Verdict) {
        let proposals = self
            .fetches
            .blocks
            .remove(hash)
            .map(|fetch| fetch.proposals);
        for proposal in proposals.into_iter().flatten() {
            self.place_proposal(proposal, *hash, verdict.clone());
        }
    }

    /// A peer has answered. What it gives is of the block, since it goes by the short ids.
    pub(super) fn on_transactions(
        &mut self,
        peer: Peer,
        hash: &BlockHash,
        found: Vec<(TransactionId, Result<Arc<Verified>, TransactionFault>)>,
    ) {
        let asked = self
            .fetches
            .asked
            .get(&peer)
            .filter(|asked| asked.block == *hash)
            .map(|asked| asked.count);
        let Some(count) = asked else { return };
        self.fetches.asked.remove(&peer);
        let Some(fetch) = self.fetches.blocks.get_mut(hash) else {
            return;
        };
        fetch.due = self.now;
        fetch.fruitful |= !found.is_empty();
        let bytes: usize = found
            .iter()
            .flat_map(|(_, found)| found)
            .map(|transaction| transaction.bytes().len())
            .sum();
        if found.len() >= count || bytes >= GENEROUS_BYTES {
            fetch.tried.remove(&peer);
        }
        for (id, found) in found {
            match found {
                Ok(transaction) => fetch.put(&transaction),
                Err(fault) => {
                    let Some(place) = fetch.missing.get(&fetch.short(&id)) else {
                        continue;
                    };
                    let index = usize::try_from(*place).unwrap_or(usize::MAX);
                    return self
                        .completed(hash, &Err(BlockFault::Transaction { index, fault }.into()));
                }
            }
        }
        self.consider_complete(hash);
    }

    /// Asks for what is due, and asks to be woken when more will be.
    pub(super) fn consider_fetch(&mut self) {
        let now = self.now;
        self.fetches
            .asked
            .retain(|_, asked| now.ms_since(asked.at) < ANSWER_MS_MAX);
        let due = self
            .fetches
            .blocks
            .iter()
            .filter(|(_, fetch)| fetch.due <= now);
        let due: Vec<_> = due.map(|(hash, _)| *hash).collect();
        due.into_iter().for_each(|hash| self.ask_for(hash));
        let Some(next) = self.fetches.blocks.values().map(|fetch| fetch.due).min() else {
            return;
        };
        if self.fetches.wake_at.is_none_or(|at| next < at) {
            self.fetches.wake_at = Some(next);
            self.act(Action::SetTimer {
                after_ms: next.ms_since(now),
                timer: crate::turn::Timer::Fetch,
            });
        }
    }

    /// Asks one peer: first who has passed the block on, then who has built it, then the others.
    fn ask_for(&mut self, hash: BlockHash) {
        let now = self.now;
        let Fetches { blocks, asked, .. } = &mut self.fetches;
        let Some(fetch) = blocks.get_mut(&hash) else {
            return;
        };
        fetch.due = now.plus_ms(SILENT_MS);
        let sources = fetch.sources.iter().copied();
        let builders = self.signer.peers_of(&fetch.block.header.proposer);
        let peers = sources.chain(builders).chain(self.signer.peers());
        let free: Vec<_> = peers.filter(|peer| !asked.contains_key(peer)).collect();
        let Some(peer) = free
            .iter()
            .find(|peer| !fetch.tried.contains(peer))
            .copied()
        else {
            // All have had their turn, and have another one: soon, if that was of use.
            fetch.tried.clear();
            if std::mem::take(&mut fetch.fruitful) {
                fetch.due = now.plus_ms(PATIENCE_MS);
            }
            return;
        };
        let wanted: Vec<_> = fetch
            .missing
            .iter()
            .take(WANTED_MAX)
            .map(|(id, place)| (*place, *id))
            .collect();
        fetch.tried.insert(peer);
        asked.insert(
            peer,
            Asked {
                block: hash,
                count: wanted.len(),
                at: now,
            },
        );
        self.act(Action::RequestTransactions {
            peer,
            block: hash,
            wanted,
        });
    }

    pub(super) fn proposed_transactions(
        &self,
        hash: &BlockHash,
        places: &[u32],
        bytes_max: usize,
    ) -> Vec<Arc<Verified>> {
        let last = self.last.as_ref().filter(|block| block.hash() == *hash);
        let block = self.held_block(hash).or(last);
        let fetch = self.fetches.blocks.get(hash);
        let at = |place: &u32| {
            let of_fetch = || fetch.and_then(|fetch| fetch.have.get(place));
            let place = usize::try_from(*place).ok()?;
            block
                .and_then(|block| block.transactions().get(place))
                .or_else(of_fetch)
        };
        let mut given = Vec::new();
        let mut bytes = 0;
        for transaction in places.iter().filter_map(at) {
            bytes += transaction.bytes().len();
            if bytes > bytes_max && !given.is_empty() {
                break;
            }
            given.push(transaction.clone());
        }
        given
    }
}
