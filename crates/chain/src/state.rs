//! The ledger's state, and how a block changes it.
//!
//! [`State`] is what holds after the last decided block. An [`Execution`] collects the changes that
//! a block would make, reading through to the state below, so that a proposed block is judged
//! without touching anything; [`State::commit`] merges them. A ledger is its blocks: [`Replay`]
//! makes the state from them.

mod approve;
mod cast;
mod elections;
mod execution;
mod index;
mod invalid;
mod record;
mod replay;
mod roll;
mod root;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

pub use execution::{Changes, Execution};
pub use invalid::{InvalidBlock, InvalidTransaction};
pub use record::{
    CastRecord, ElectionRecord, LogEntry, Logged, Registry, RollPart, RollRecord, Turnout,
};
pub use replay::Replay;
use root::StateTree;
pub(crate) use root::{election_leaf, sealed};

use self::index::Elections;
use crate::act::Voter;
use crate::block::{Header, VerifiedBlock};
use crate::committee::Proposals;
use crate::election::ElectionPhase;
use crate::genesis::{Genesis, Organisers};
use crate::hash::{BlockHash, ChainId, ElectionId, StateRoot, TransactionId};
use crate::key::PublicKey;
use crate::merkle::InclusionProof;
use crate::tally::{Tally, Uncounted};
use crate::time::{Height, Timestamp};
use crate::urn::Urn;
use crate::validator::ValidatorSet;
use crate::version::{Version, Versions};

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
///
/// A clone shares everything with the state that it is made from, so it costs the same however much
/// there is: who wants to read while blocks go on being committed takes one. What a block changes
/// is then copied, some kilobytes for each row.
#[derive(Clone, Debug)]
pub struct State {
    chain: ChainId,
    genesis: Arc<Genesis>,
    tip: Tip,
    registry: Arc<Registry>,
    /// The registry of the next block before anybody approves anything in it.
    upcoming: Arc<Registry>,
    elections: Elections,
    /// What the state root is over.
    tree: StateTree,
    log: OrdMap<(ElectionId, u64), Arc<LogEntry>>,
    /// The ids of all acts: each can be done once.
    acts: OrdSet<TransactionId>,
    rolls: OrdMap<ElectionId, OrdMap<PublicKey, u32>>,
    /// Acts that wait for approvals, of elections that are not over. They follow from the log, and
    /// so need no place of their own in the state root.
    proposals: OrdMap<ElectionId, Arc<Proposals>>,
    ballots: OrdMap<ElectionId, OrdMap<PublicKey, CastRecord>>,
    /// What the ballots say.
    urns: OrdMap<ElectionId, Urn>,
}

impl State {
    /// The state at the beginning of a chain.
    pub fn new(genesis: Genesis) -> Self {
        let registry = Arc::new(Registry::new(&genesis));
        let tree = StateTree::new(&registry, std::iter::empty());
        let tip = Tip {
            height: Height::GENESIS,
            hash: BlockHash::default(),
            time: genesis.time,
            state_root: tree.root(),
        };
        Self {
            chain: genesis.chain(),
            genesis: Arc::new(genesis),
            tip,
            upcoming: registry.upcoming(),
            tree,
            registry,
            elections: Elections::default(),
            log: OrdMap::new(),
            acts: OrdSet::new(),
            rolls: OrdMap::new(),
            proposals: OrdMap::new(),
            ballots: OrdMap::new(),
            urns: OrdMap::new(),
        }
    }

    /// A state in which any key may create elections. An archive does not have the approvals that
    /// have admitted its organiser: that the creation is final shows that more than two thirds of
    /// the validators' power have found it admitted.
    pub(crate) fn for_archive(genesis: Genesis) -> Self {
        let mut state = Self::new(genesis);
        Arc::make_mut(&mut state.registry).organisers = Organisers::Anyone;
        state.upcoming = state.registry.clone();
        state
    }

    /// An archive does not have the approvals that have moved the chain to another version either:
    /// its headers say by which one their blocks go.
    pub(crate) fn go_by(&mut self, version: Version) {
        if self.upcoming.versions != Versions::new(version) {
            Arc::make_mut(&mut self.upcoming).versions = Versions::new(version);
        }
    }

    /// Applies a part to a roll.
    fn change_roll(&mut self, id: &ElectionId, part: &RollPart) {
        let roll = self.rolls.entry(*id).or_default();
        for key in &part.remove {
            roll.remove(key);
        }
        for Voter(key, weight) in &part.add {
            roll.insert(*key, *weight);
        }
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
    pub fn validators(&self) -> &ValidatorSet {
        &self.registry.next
    }

    /// The protocol version that the next height goes by; this program may not have them.
    pub fn version(&self) -> Version {
        self.registry.versions.at(self.tip.height.next())
    }

    /// Who validates, who will, and what has been approved.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Who may create elections.
    pub fn organisers(&self) -> &Organisers {
        &self.registry.organisers
    }

    /// Every election, by id.
    pub fn elections(&self) -> impl Iterator<Item = &ElectionRecord> {
        self.elections.iter().map(|(_, record)| &**record)
    }

    /// The election with this id.
    pub fn election(&self, id: &ElectionId) -> Option<&ElectionRecord> {
        self.elections.get(id).map(|record| &**record)
    }

    /// Elections, newest first: by the time of their creation, then by id, both downwards. With
    /// `after`, those that come after that election: the last of one page is the cursor of the
    /// next, whatever was created in between. An unknown `after` gives none.
    pub fn elections_newest(
        &self,
        after: Option<ElectionId>,
    ) -> impl Iterator<Item = &ElectionRecord> {
        self.elections.newest(after)
    }

    /// Elections that are neither closed nor cancelled at the last decided block, in the order of
    /// [`Self::elections_newest`] and with the same cursor; the election that it names may be over
    /// by now.
    pub fn elections_running(
        &self,
        after: Option<ElectionId>,
    ) -> impl Iterator<Item = &ElectionRecord> {
        self.elections.running(after)
    }

    /// Elections whose id begins with these hexadecimal digits, by id: 0 to 64 digits, of either
    /// case. None if they are no such digits.
    pub fn elections_beginning<'a>(
        &'a self,
        digits: &str,
    ) -> impl Iterator<Item = &'a ElectionRecord> + use<'a> {
        self.elections.beginning(digits)
    }

    /// The ballot that a credential has cast.
    pub fn ballot(&self, election: &ElectionId, credential: &PublicKey) -> Option<&CastRecord> {
        self.ballots.get(election)?.get(credential)
    }

    /// How many votes a key has in an election with a roll; none if it is not on it.
    pub fn weight(&self, election: &ElectionId, key: &PublicKey) -> Option<u32> {
        self.rolls.get(election)?.get(key).copied()
    }

    pub(crate) fn roll(&self, id: &ElectionId) -> BTreeMap<PublicKey, u32> {
        self.rolls
            .get(id)
            .into_iter()
            .flatten()
            .map(|(key, weight)| (*key, *weight))
            .collect()
    }

    /// What was done to an election, in order.
    pub fn log(&self, id: &ElectionId) -> impl Iterator<Item = &LogEntry> {
        self.log
            .range((*id, 0)..=(*id, u64::MAX))
            .map(|(_, entry)| &**entry)
    }

    /// The tree after a block's changes.
    fn tree_with(&self, changes: &Changes) -> StateTree {
        let mut tree = self.tree.clone();
        tree.put_registry(&changes.registry);
        for (id, record) in &changes.elections {
            let place = self.elections.place(id).unwrap_or_else(|| tree.elections());
            tree.put_election(place, record);
        }
        tree
    }

    /// The proof that an election, as it is, is in the state root of the last block.
    pub fn election_proof(&self, id: &ElectionId) -> Option<InclusionProof> {
        self.tree.proof(self.elections.place(id)?)
    }

    /// The count of an election; none if there is no such election.
    pub fn tally(&self, id: &ElectionId) -> Option<Tally> {
        self.tally_within(id, u64::MAX)
    }

    /// The count of an election in at most so many steps; contests that these do not reach for are
    /// not complete.
    pub fn tally_within(&self, id: &ElectionId, steps_max: u64) -> Option<Tally> {
        Some(self.uncounted(id)?.count(steps_max))
    }

    /// What an election's ballots say, to be counted elsewhere; none if there is no such election.
    /// Costs the same however many there are.
    pub fn uncounted(&self, id: &ElectionId) -> Option<Uncounted> {
        Some(Uncounted {
            record: self.elections.get(id)?.clone(),
            urn: self.urns.get(id).cloned().unwrap_or_default(),
        })
    }

    /// The phase that an election is in at the last decided block.
    pub fn phase(&self, id: &ElectionId) -> Option<ElectionPhase> {
        self.elections
            .get(id)
            .map(|record| record.phase(self.tip.time))
    }

    /// When the next election opens or closes: a block is due then even if nothing else happens.
    pub fn next_boundary(&self) -> Option<Timestamp> {
        self.elections.next_boundary()
    }

    /// Elections that are in another phase at `time` than at the last decided block, if nothing is
    /// done to them; `time` is not before that block's.
    pub fn turned(&self, time: Timestamp) -> BTreeSet<ElectionId> {
        let turns = |record: &&ElectionRecord| record.phase(time) != record.phase(self.tip.time);
        self.elections
            .due(time)
            .filter(turns)
            .map(|record| record.id)
            .collect()
    }

    /// Begins a block at `time` on top of this state.
    pub fn execute(&self, time: Timestamp) -> Execution<'_> {
        self.execute_at(self.tip.height.next(), time)
    }

    pub(crate) fn execute_at(&self, height: Height, time: Timestamp) -> Execution<'_> {
        Execution::new(self, height, time)
    }

    /// Judges a block: every rule but that of the clock and of the certificate.
    ///
    /// # Errors
    /// [`InvalidBlock`]: no validator may vote for it.
    pub fn validate(&self, block: &VerifiedBlock) -> Result<Changes, InvalidBlock> {
        let changes = self.apply_all(block)?.finish();
        let claimed = block.header().state_root;
        if changes.state_root == claimed {
            Ok(changes)
        } else {
            Err(InvalidBlock::StateRoot {
                claimed,
                found: changes.state_root,
            })
        }
    }

    /// Applies a block on top of this state; every rule but that of the state root is checked.
    fn apply_all(&self, block: &VerifiedBlock) -> Result<Execution<'_>, InvalidBlock> {
        self.check_header(block.header())?;
        self.check_size(block)?;
        let mut execution = self.execute(block.header().time);
        for (index, transaction) in block.transactions().iter().enumerate() {
            execution
                .apply(transaction)
                .map_err(|fault| InvalidBlock::Transaction { index, fault })?;
        }
        Ok(execution)
    }

    fn check_header(&self, header: &Header) -> Result<(), InvalidBlock> {
        let version = self.version();
        if !version.is_known() {
            return Err(InvalidBlock::UnknownVersion(version));
        }
        if header.version != version {
            return Err(InvalidBlock::Version {
                claimed: header.version,
                version,
            });
        }
        if header.chain != self.chain {
            return Err(InvalidBlock::WrongChain(header.chain));
        }
        let height = self.tip.height.next();
        if header.height != height {
            return Err(InvalidBlock::Height {
                claimed: header.height,
                next: height,
            });
        }
        if header.parent != self.tip.hash {
            return Err(InvalidBlock::Parent {
                claimed: header.parent,
                tip: self.tip.hash,
            });
        }
        if header.time <= self.tip.time {
            return Err(InvalidBlock::Time {
                claimed: header.time,
                parent: self.tip.time,
            });
        }
        if !self.registry.next.contains(&header.proposer) {
            return Err(InvalidBlock::Proposer(header.proposer));
        }
        if header.validators != self.registry.next.hash() {
            return Err(InvalidBlock::Validators);
        }
        if header.next_validators != self.registry.after.hash() {
            return Err(InvalidBlock::NextValidators);
        }
        Ok(())
    }

    fn check_size(&self, block: &VerifiedBlock) -> Result<(), InvalidBlock> {
        let limits = &self.genesis.limits;
        let bytes: usize = block
            .transactions()
            .iter()
            .map(|transaction| transaction.bytes().len())
            .sum();
        let fits = u32::try_from(bytes).is_ok_and(|bytes| bytes <= limits.block_bytes_max)
            && block.header().transactions_count <= limits.block_transactions_max;
        if fits {
            Ok(())
        } else {
            Err(InvalidBlock::Size {
                bytes,
                transactions: block.transactions().len(),
            })
        }
    }

    /// Builds a block from those of `transactions` that fit; gives those that do not fit beside the
    /// others too. What does not fit by size waits for the next block.
    pub fn build<'a>(
        &self,
        time: Timestamp,
        proposer: PublicKey,
        transactions: impl IntoIterator<Item = &'a Arc<crate::verify::Verified>>,
    ) -> (VerifiedBlock, Changes, Vec<Arc<crate::verify::Verified>>) {
        let limits = &self.genesis.limits;
        let (mut chosen, mut refused, mut bytes) = (Vec::new(), Vec::new(), 0u32);
        let mut execution = self.execute(time);
        for transaction in transactions {
            let size = u32::try_from(transaction.bytes().len()).unwrap_or(u32::MAX);
            let full = u32::try_from(chosen.len())
                .is_ok_and(|count| count >= limits.block_transactions_max);
            if full || bytes.saturating_add(size) > limits.block_bytes_max {
                break;
            }
            match execution.apply(transaction) {
                Ok(()) => {
                    bytes += size;
                    chosen.push(transaction.clone());
                }
                Err(_) => refused.push(transaction.clone()),
            }
        }
        let changes = execution.finish();
        (
            self.assemble(time, proposer, chosen, &changes),
            changes,
            refused,
        )
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
            version: self.version(),
            chain: self.chain,
            height: self.tip.height.next(),
            parent: self.tip.hash,
            time,
            proposer,
            transactions_root: crate::block::transactions_root(&ids),
            transactions_count: u32::try_from(chosen.len())
                .expect("at most block_transactions_max"),
            state_root: changes.state_root,
            validators: self.registry.next.hash(),
            next_validators: self.registry.after.hash(),
        };
        VerifiedBlock::built(header, chosen)
    }

    /// Takes over the changes of a decided block that this state has validated.
    pub fn commit(&mut self, header: &Header, changes: &Changes) {
        self.tree = self.tree_with(changes);
        self.merge(header, changes);
    }

    /// Takes over the changes of a block; the tree stays as it is.
    fn merge(&mut self, header: &Header, changes: &Changes) {
        let Header {
            height,
            time,
            state_root,
            ..
        } = *header;
        self.tip = Tip {
            height,
            hash: header.hash(),
            time,
            state_root,
        };
        self.registry = changes.registry.clone();
        self.upcoming = self.registry.upcoming();
        for (id, proposals) in &changes.proposals {
            self.proposals.insert(*id, proposals.clone());
        }
        for ended in self.elections.pass(header.time) {
            self.proposals.remove(&ended);
        }
        for (id, record) in &changes.elections {
            self.elections.put(record.clone(), header.time);
            if record.phase(header.time).is_over() {
                self.proposals.remove(id);
            }
        }
        for (key, entry) in &changes.log {
            self.acts.insert(entry.transaction);
            self.log.insert(*key, entry.clone());
        }
        for ((id, _), part) in &changes.rolls {
            self.change_roll(id, part);
        }
        for ((id, credential), record) in &changes.ballots {
            self.ballots
                .entry(*id)
                .or_default()
                .insert(*credential, record.clone());
        }
        for (id, urn) in &changes.urns {
            self.urns.insert(*id, urn.clone());
        }
    }
}
