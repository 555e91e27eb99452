//! The ledger's state, and how a block changes it.
//!
//! [`State`] is what holds after the last decided block. An [`Execution`] collects the changes that a block would make,
//! reading through to the state below, so that a proposed block is judged without touching anything; [`State::commit`]
//! merges them. The same [`Changes`] are the rows that storage writes.

mod approve;
mod cast;
mod elections;
mod execution;
mod invalid;
mod record;
mod root;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use execution::{Changes, Execution};
pub use invalid::{InvalidBlock, InvalidTransaction};
pub use record::{CastRecord, ElectionRecord, Registry};
pub(crate) use root::election_leaf;

use crate::ballot::Choice;
use crate::block::{Header, PROTOCOL_VERSION, VerifiedBlock};
use crate::election::ElectionPhase;
use crate::genesis::Genesis;
use crate::hash::{BlockHash, ChainId, ElectionId, StateRoot};
use crate::key::PublicKey;
use crate::merkle::InclusionProof;
use crate::tally::Tally;
use crate::time::{Height, Timestamp};
use crate::validator::ValidatorSet;

/// The last decided block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// Its height; 0 for the genesis.
    pub height: Height,
    /// Its hash; all zeroes for the genesis.
    pub hash: BlockHash,
    /// Its time.
    pub time: Timestamp,
    /// The state after it.
    pub state_root: StateRoot,
}

/// All that the ledger knows after the last decided block.
#[derive(Clone, Debug)]
pub struct State {
    chain: ChainId,
    genesis: Arc<Genesis>,
    tip: Tip,
    registry: Registry,
    elections: BTreeMap<ElectionId, ElectionRecord>,
    ballots: BTreeMap<(ElectionId, PublicKey), CastRecord>,
    counts: BTreeMap<(ElectionId, Choice), u64>,
}

impl State {
    /// The state at the beginning of a chain.
    pub fn new(genesis: Genesis) -> Self {
        let chain = genesis.chain();
        let registry = Registry::new(genesis.validators.clone());
        let tip = Tip {
            height: Height::GENESIS,
            hash: BlockHash::default(),
            time: genesis.time,
            state_root: StateRoot::default(),
        };
        let genesis = Arc::new(genesis);
        let (elections, ballots, counts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut state = Self { chain, genesis, tip, registry, elections, ballots, counts };
        state.tip.state_root = root::of(&state.registry, state.elections.values());
        state
    }

    /// The state from rows written earlier; the caller answers for their being whole. The root is checked.
    ///
    /// # Errors
    /// The root that follows from the rows, if it is not that of the tip.
    pub fn restore(
        genesis: Genesis,
        tip: Tip,
        registry: Registry,
        elections: BTreeMap<ElectionId, ElectionRecord>,
        ballots: BTreeMap<(ElectionId, PublicKey), CastRecord>,
        counts: BTreeMap<(ElectionId, Choice), u64>,
    ) -> Result<Self, StateRoot> {
        let (chain, genesis) = (genesis.chain(), Arc::new(genesis));
        let found = root::of(&registry, elections.values());
        if found != tip.state_root {
            return Err(found);
        }
        Ok(Self { chain, genesis, tip, registry, elections, ballots, counts })
    }

    /// The chain's id.
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// Where the chain began.
    pub const fn genesis(&self) -> &Arc<Genesis> {
        &self.genesis
    }

    /// The last decided block.
    pub const fn tip(&self) -> &Tip {
        &self.tip
    }

    /// The set that decides the next height.
    pub const fn validators(&self) -> &ValidatorSet {
        &self.registry.next
    }

    /// Who validates, who will, and what has been approved.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Every election, by id.
    pub fn elections(&self) -> impl Iterator<Item = &ElectionRecord> {
        self.elections.values()
    }

    /// The election with this id.
    pub fn election(&self, id: &ElectionId) -> Option<&ElectionRecord> {
        self.elections.get(id)
    }

    /// The ballot that a credential has cast.
    pub fn ballot(&self, election: &ElectionId, credential: &PublicKey) -> Option<&CastRecord> {
        self.ballots.get(&(*election, *credential))
    }

    /// The proof that an election, as it is, is in the state root of the last block.
    pub fn election_proof(&self, id: &ElectionId) -> Option<InclusionProof> {
        let place = self.elections.keys().position(|key| key == id)?;
        root::proof(&self.registry, self.elections.values(), u32::try_from(place).ok()?)
    }

    /// The heights of the blocks that hold ballots of an election.
    pub fn ballot_heights(&self, id: &ElectionId) -> BTreeSet<Height> {
        let from = (*id, PublicKey::from_bytes([0; 32]));
        let of_election = self.ballots.range(from..).take_while(|((election, _), _)| election == id);
        of_election.map(|(_, record)| record.height).collect()
    }

    /// The count of an election; none if there is no such election.
    pub fn tally(&self, id: &ElectionId) -> Option<Tally> {
        self.tally_within(id, u64::MAX)
    }

    /// The count of an election, without its outcome if that takes more than about `work_max` steps.
    pub fn tally_within(&self, id: &ElectionId, work_max: u64) -> Option<Tally> {
        let record = self.elections.get(id)?;
        Some(Tally::count(id, &record.election, &self.counts(id), work_max))
    }

    /// What choice was made how often, in the order of the choices.
    fn counts(&self, id: &ElectionId) -> Vec<(&Choice, u64)> {
        let from = (*id, Choice::Listed(0));
        let of_election = self.counts.range(from..).take_while(|((election, _), _)| election == id);
        of_election.map(|((_, choice), count)| (choice, *count)).collect()
    }

    /// The phase that an election is in at the last decided block.
    pub fn phase(&self, id: &ElectionId) -> Option<ElectionPhase> {
        self.elections.get(id).map(|record| record.phase(self.tip.time))
    }

    /// When the next election opens or closes: a block is due then even if nothing else happens.
    pub fn next_boundary(&self) -> Option<Timestamp> {
        let boundaries = self.elections.values().flat_map(ElectionRecord::boundaries);
        boundaries.filter(|time| *time > self.tip.time).min()
    }

    /// Begins a block at `time` on top of this state.
    pub fn execute(&self, time: Timestamp) -> Execution<'_> {
        Execution::new(self, time)
    }

    /// Judges a block: every rule but that of the clock and of the certificate.
    ///
    /// # Errors
    /// [`InvalidBlock`]: no validator may vote for it.
    pub fn validate(&self, block: &VerifiedBlock) -> Result<Changes, InvalidBlock> {
        let header = block.header();
        self.check_header(header)?;
        self.check_size(block)?;
        let mut execution = self.execute(header.time);
        for (index, transaction) in block.transactions().iter().enumerate() {
            execution.apply(transaction).map_err(|fault| InvalidBlock::Transaction { index, fault })?;
        }
        let changes = execution.finish();
        if changes.state_root != header.state_root {
            return Err(InvalidBlock::StateRoot { claimed: header.state_root, found: changes.state_root });
        }
        Ok(changes)
    }

    fn check_header(&self, header: &Header) -> Result<(), InvalidBlock> {
        if header.version != PROTOCOL_VERSION {
            return Err(InvalidBlock::Version(header.version));
        }
        if header.chain != self.chain {
            return Err(InvalidBlock::WrongChain(header.chain));
        }
        let height = self.tip.height.next();
        if header.height != height {
            return Err(InvalidBlock::Height { claimed: header.height, next: height });
        }
        if header.parent != self.tip.hash {
            return Err(InvalidBlock::Parent { claimed: header.parent, tip: self.tip.hash });
        }
        if header.time <= self.tip.time {
            return Err(InvalidBlock::Time { claimed: header.time, parent: self.tip.time });
        }
        if !self.registry.next.contains(&header.proposer) {
            return Err(InvalidBlock::Proposer(header.proposer));
        }
        let next = self.registry.after.hash();
        if header.next_validators != next {
            return Err(InvalidBlock::NextValidators);
        }
        Ok(())
    }

    fn check_size(&self, block: &VerifiedBlock) -> Result<(), InvalidBlock> {
        let limits = &self.genesis.limits;
        let bytes: usize = block.transactions().iter().map(|transaction| transaction.bytes().len()).sum();
        let fits = u32::try_from(bytes).is_ok_and(|bytes| bytes <= limits.block_bytes_max)
            && block.header().transactions_count <= limits.block_transactions_max;
        if fits { Ok(()) } else { Err(InvalidBlock::Size { bytes, transactions: block.transactions().len() }) }
    }

    /// Builds a block from those of `transactions` that fit; gives those that never will, with the reason.
    /// What does not fit by size waits for the next block.
    pub fn build<'a>(
        &self,
        time: Timestamp,
        proposer: PublicKey,
        transactions: impl IntoIterator<Item = &'a Arc<crate::verify::Verified>>,
    ) -> (VerifiedBlock, Changes, Vec<(Arc<crate::verify::Verified>, InvalidTransaction)>) {
        let limits = &self.genesis.limits;
        let (mut chosen, mut refused, mut bytes) = (Vec::new(), Vec::new(), 0u32);
        let mut execution = self.execute(time);
        for transaction in transactions {
            let size = u32::try_from(transaction.bytes().len()).unwrap_or(u32::MAX);
            let full = u32::try_from(chosen.len()).is_ok_and(|count| count >= limits.block_transactions_max);
            if full || bytes.saturating_add(size) > limits.block_bytes_max {
                break;
            }
            match execution.apply(transaction) {
                Ok(()) => {
                    bytes += size;
                    chosen.push(transaction.clone());
                }
                Err(fault) => refused.push((transaction.clone(), fault)),
            }
        }
        let changes = execution.finish();
        (self.assemble(time, proposer, chosen, &changes), changes, refused)
    }

    fn assemble(
        &self,
        time: Timestamp,
        proposer: PublicKey,
        chosen: Vec<Arc<crate::verify::Verified>>,
        changes: &Changes,
    ) -> VerifiedBlock {
        let ids: Vec<_> = chosen.iter().map(|transaction| transaction.id()).collect();
        let header = Header {
            version: PROTOCOL_VERSION,
            chain: self.chain,
            height: self.tip.height.next(),
            parent: self.tip.hash,
            time,
            proposer,
            transactions_root: crate::block::transactions_root(&ids),
            transactions_count: u32::try_from(chosen.len()).expect("at most block_transactions_max"),
            state_root: changes.state_root,
            next_validators: self.registry.after.hash(),
        };
        VerifiedBlock::built(header, chosen)
    }

    /// Takes over the changes of a decided block that this state has validated.
    pub fn commit(&mut self, header: &Header, changes: &Changes) {
        let hash = header.hash();
        self.tip = Tip { height: header.height, hash, time: header.time, state_root: changes.state_root };
        self.registry = changes.registry.clone();
        self.elections.extend(changes.elections.iter().map(|(id, record)| (*id, record.clone())));
        self.ballots.extend(changes.ballots.iter().map(|(key, record)| (*key, *record)));
        self.counts.extend(changes.counts.iter().map(|(key, count)| (key.clone(), *count)));
    }
}
