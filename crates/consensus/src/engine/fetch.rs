//! Transactions of proposed blocks. A proposal names them by short ids: most are in the pool, and
//! the rest is asked for.
//!
//! Until a block is complete this node cannot tell what it is worth, and holds it against nobody.
//! An answer goes by the short ids that were asked for, or its sender is at fault.
//!
//! A header commits to whole ids, so several lists of short ids can be signed for one block, and
//! all but one of them are false. Each list is followed by itself. The one that leads to what the
//! header commits to decides for all proposals of the block; what comes of another says nothing of
//! the block, and counts only against who has signed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use malachite_types::Round;
use vote_chain::{
    BlockFault, BlockHash, CompactBlock, Hash, Height, InvalidBlock, Limits, ShortId, Timestamp,
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

/// A block by one list of short ids.
type Key = (BlockHash, Hash);

/// The blocks that lack transactions, and who was asked for them.
#[derive(Default)]
pub(crate) struct Fetches {
    blocks: BTreeMap<Key, Fetch>,
    /// Questions without an answer: one for each peer.
    asked: BTreeMap<Peer, Asked>,
    pub(super) wake_at: Option<Timestamp>,
}

struct Asked {
    key: Key,
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
    have: BTreeMap<u32, Found>,
    /// With the place of each.
    missing: BTreeMap<ShortId, u32>,
    bytes: usize,
    /// Whether only answers are taken. Somebody with the means to look for one that is called the
    /// same could have put another transaction into this node's pool.
    only_answers: bool,
    /// When to ask.
    due: Timestamp,
}

/// A transaction of a block, or why there is none: its bytes do not hold.
type Found = Result<Arc<Verified>, (TransactionId, TransactionFault)>;

/// What is known once a list leads no further.
enum Outcome {
    /// The list is true, or the header alone says it: so it is with the block.
    Block(Result<Arc<VerifiedBlock>, InvalidBlock>),
    /// The list is false.
    List(InvalidBlock),
    /// It is false, or this node's pool has something that is called the same.
    Again,
}

impl Fetch {
    fn new(hash: BlockHash, block: CompactBlock, due: Timestamp) -> Self {
        Self {
            missing: block.ids().iter().copied().zip(0..).collect(),
            block,
            hash,
            proposals: Vec::new(),
            sources: Vec::new(),
            tried: BTreeSet::new(),
            fruitful: false,
            have: BTreeMap::new(),
            bytes: 0,
            only_answers: false,
            due,
        }
    }

    /// Takes what the pool has of it.
    fn put_all<'a>(&mut self, pool: impl Iterator<Item = &'a Arc<Verified>>) {
        let wanted = self.missing.clone();
        for transaction in pool {
            let short = self.short(&transaction.id());
            let Some(place) = wanted.get(&short) else {
                continue;
            };
            if self.missing.remove(&short).is_some() {
                self.take(*place, Ok(transaction.clone()));
            } else {
                // A second one of that name: which is meant, the others have to say.
                self.have.remove(place);
                self.missing.insert(short, *place);
            }
            if self.missing.is_empty() {
                return;
            }
        }
    }

    fn put(&mut self, id: &TransactionId, found: Found) {
        if let Some(place) = self.missing.remove(&self.short(id)) {
            self.take(place, found);
        }
    }

    fn take(&mut self, place: u32, found: Found) {
        self.bytes += found.as_ref().map_or(0, |one| one.bytes().len());
        self.have.insert(place, found);
    }

    fn short(&self, id: &TransactionId) -> ShortId {
        ShortId::of(&self.hash, id)
    }

    /// What is known; none while transactions are missing.
    fn outcome(&self, limits: &Limits) -> Option<Outcome> {
        let (bytes, transactions) = (self.bytes, self.block.ids().len());
        let size = InvalidBlock::Size {
            bytes,
            transactions,
        };
        if self.block.header.transactions_count > limits.block_transactions_max {
            return Some(Outcome::Block(Err(size)));
        }
        if u32::try_from(bytes).is_ok_and(|bytes| bytes > limits.block_bytes_max) {
            return Some(Outcome::List(size));
        }
        if !self.missing.is_empty() {
            return None;
        }
        let id = |found: &Found| match found {
            Ok(transaction) => transaction.id(),
            Err((id, _)) => *id,
        };
        let ids: Vec<_> = self.have.values().map(id).collect();
        if !self.block.commits_to(&ids) {
            let other = BlockFault::OtherTransactions.into();
            return Some(match self.only_answers {
                true => Outcome::List(other),
                false => Outcome::Again,
            });
        }
        let mut transactions = Vec::new();
        for (index, found) in self.have.values().enumerate() {
            match found {
                Ok(transaction) => transactions.push(transaction.clone()),
                Err((_, fault)) => {
                    let fault = BlockFault::Transaction {
                        index,
                        fault: fault.clone(),
                    };
                    return Some(Outcome::Block(Err(fault.into())));
                }
            }
        }
        let block = self.block.with(transactions)?;
        Some(Outcome::Block(Ok(Arc::new(block))))
    }

    /// Begins again, with nothing but what is answered.
    fn ask_for_all(&mut self, now: Timestamp) {
        let block = self.block.clone();
        *self = Self {
            proposals: std::mem::take(&mut self.proposals),
            sources: std::mem::take(&mut self.sources),
            only_answers: true,
            ..Self::new(self.hash, block, now)
        };
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

    /// The lists that are followed for a block.
    fn of(&self, hash: &BlockHash) -> impl Iterator<Item = &Fetch> {
        self.range(hash).map(|(_, fetch)| fetch)
    }

    fn keys_of(&self, hash: &BlockHash) -> impl Iterator<Item = Key> {
        self.range(hash).map(|(key, _)| *key)
    }

    fn range(&self, hash: &BlockHash) -> impl Iterator<Item = (&Key, &Fetch)> {
        let [first, last] = [0, 0xff].map(|byte| Hash::from_bytes([byte; 32]));
        self.blocks.range((*hash, first)..=(*hash, last))
    }

    fn make_room(&mut self) {
        if self.blocks.len() >= FETCHES_MAX
            && let Some(key) = self
                .blocks
                .iter()
                .min_by_key(|(_, fetch)| fetch.place())
                .map(|(key, _)| *key)
        {
            self.blocks.remove(&key);
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
        let key = (hash, block.list());
        if let Some(fetch) = self.fetches.blocks.get_mut(&key) {
            fetch.sources.extend(from);
            return fetch.proposals.push(proposal);
        }
        let mut fetch = Fetch::new(hash, block, self.now.plus_ms(PATIENCE_MS));
        fetch.proposals.push(proposal);
        fetch.sources.extend(from);
        fetch.put_all(self.mempool.iter());
        self.fetches.make_room();
        self.fetches.blocks.insert(key, fetch);
        self.consider_complete(key);
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
        let takes =
            |fetch: &Fetch| !fetch.only_answers && fetch.missing.contains_key(&fetch.short(&id));
        let lacking = self.fetches.blocks.iter().filter(|(_, fetch)| takes(fetch));
        let keys: Vec<_> = lacking.map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(fetch) = self.fetches.blocks.get_mut(&key) {
                fetch.put(&id, Ok(transaction.clone()));
            }
            self.consider_complete(key);
        }
    }

    fn consider_complete(&mut self, key: Key) {
        let (limits, now) = (&self.state.genesis().limits, self.now);
        let Some(fetch) = self.fetches.blocks.get_mut(&key) else {
            return;
        };
        match fetch.outcome(limits) {
            None => {}
            Some(Outcome::Again) => fetch.ask_for_all(now),
            Some(Outcome::Block(verdict)) => self.completed(&key.0, &verdict),
            Some(Outcome::List(fault)) => {
                let proposals = self
                    .fetches
                    .blocks
                    .remove(&key)
                    .map(|fetch| fetch.proposals);
                for proposal in proposals.into_iter().flatten() {
                    self.act(Action::Distrust(proposal.message.proposer, fault.clone()));
                }
            }
        }
    }

    /// What is known of a block is so for all that propose it, by whatever list.
    fn completed(&mut self, hash: &BlockHash, verdict: &Result<Arc<VerifiedBlock>, InvalidBlock>) {
        let keys: Vec<_> = self.fetches.keys_of(hash).collect();
        let fetches = keys
            .iter()
            .filter_map(|key| self.fetches.blocks.remove(key));
        let proposals: Vec<_> = fetches.flat_map(|fetch| fetch.proposals).collect();
        for proposal in proposals {
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
        let asked = self.fetches.asked.get(&peer);
        if asked.is_none_or(|asked| asked.key.0 != *hash) {
            return;
        }
        let Some(Asked { key, count, .. }) = self.fetches.asked.remove(&peer) else {
            return;
        };
        if let Some(fetch) = self.fetches.blocks.get_mut(&key) {
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
        }
        let keys: Vec<_> = self.fetches.keys_of(hash).collect();
        for key in keys {
            if let Some(fetch) = self.fetches.blocks.get_mut(&key) {
                for (id, found) in &found {
                    fetch.put(id, found.clone().map_err(|fault| (*id, fault)));
                }
            }
            self.consider_complete(key);
        }
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
        let due: Vec<_> = due.map(|(key, _)| *key).collect();
        due.into_iter().for_each(|key| self.ask_for(key));
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
    fn ask_for(&mut self, key: Key) {
        let now = self.now;
        let Fetches { blocks, asked, .. } = &mut self.fetches;
        let Some(fetch) = blocks.get_mut(&key) else {
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
            .map(|(short, place)| (*place, *short))
            .collect();
        fetch.tried.insert(peer);
        asked.insert(
            peer,
            Asked {
                key,
                count: wanted.len(),
                at: now,
            },
        );
        self.act(Action::RequestTransactions {
            peer,
            block: key.0,
            wanted,
        });
    }

    /// Those of a block that are at these places and have these short ids: who asks may have been
    /// given a false list, and so may this node.
    pub(super) fn proposed_transactions(
        &self,
        hash: &BlockHash,
        wanted: &[(u32, ShortId)],
        bytes_max: usize,
    ) -> Vec<Arc<Verified>> {
        let last = self.last.as_ref().filter(|block| block.hash() == *hash);
        let block = self.held_block(hash).or(last);
        let fetches: Vec<_> = self.fetches.of(hash).collect();
        let at = |(place, short): &(u32, ShortId)| {
            let of_block = block.and_then(|block| {
                let place = usize::try_from(*place).ok()?;
                block.transactions().get(place)
            });
            let of_fetches = fetches
                .iter()
                .filter_map(|fetch| fetch.have.get(place)?.as_ref().ok());
            of_block
                .into_iter()
                .chain(of_fetches)
                .find(|transaction| ShortId::of(hash, &transaction.id()) == *short)
        };
        let mut given = Vec::new();
        let mut bytes = 0;
        for transaction in wanted.iter().filter_map(at) {
            bytes += transaction.bytes().len();
            if bytes > bytes_max && !given.is_empty() {
                break;
            }
            given.push(transaction.clone());
        }
        given
    }
}
