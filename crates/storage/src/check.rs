//! Checking a whole ledger: every block from the genesis on, and every row against what follows from the blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::sync::Arc;

use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, Value};
use vote_chain::{
    Block, BlockFault, BlockHash, ChainId, Changes, CommitCertificate, Hash, Height, SetChange, State,
    TransactionFault, ValidatorSet, Verified, VerifiedBlock, Whole, encode, verify_all,
};

use crate::error::{Fault, StorageError};
use crate::load::{election, load_bodies, load_log};
use crate::rows::{self, BlockRow};
use crate::store::Store;
use crate::table;

/// Blocks are taken in parts of so many bytes and so many blocks, so that there is work for all cores and memory for all of it.
const PART_BYTES_MAX: usize = 4 << 20;
const PART_BLOCKS_MAX: usize = 500;

/// What a ledger has that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The last block.
    pub height: Height,
    /// Transactions in all blocks.
    pub transactions: u64,
    /// Signatures that were checked, of transactions and of validators.
    pub signatures: u64,
    /// Rows of all tables.
    pub rows: u64,
}

impl Store {
    /// Checks everything again: each block's parent, size, rules, signatures and certificate, under the set that follows from the blocks
    /// before it; and that every table has the rows that follow from the blocks, and no others. Only two kinds of rows are known to
    /// nobody but their writer, and are taken as they are: the log of the open height, and evidence.
    ///
    /// `threads` is how many check signatures at one time. `progress` hears how many blocks are done, and how many there are.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] names the first table and row that do not hold.
    pub fn check(
        &self,
        threads: NonZeroUsize,
        mut progress: impl FnMut(Height, Height),
    ) -> Result<Checked, StorageError> {
        self.read(|read| {
            let mut check = Check::new(self, read, threads)?;
            let last = rows::tip(read)?.height;
            while check.state.tip().height < last {
                check.part(last)?;
                progress(check.state.tip().height, last);
            }
            check.finish()
        })
    }
}

struct Check<'a> {
    read: &'a ReadTransaction,
    threads: NonZeroUsize,
    state: State,
    transactions: ReadOnlyTable<[u8; 32], (u64, u32)>,
    election_blocks: ReadOnlyTable<([u8; 32], u64), ()>,
    rolls: ReadOnlyTable<([u8; 32], u64), &'static [u8]>,
    /// The set that signs now: that of the last change.
    signs: ValidatorSet,
    // The keys that follow from the blocks, to name those that do not.
    ids: Vec<[u8; 32]>,
    of_elections: BTreeSet<([u8; 32], u64)>,
    of_rolls: BTreeSet<([u8; 32], u64)>,
    set_changes: BTreeMap<u64, Vec<u8>>,
    signatures: u64,
}

/// A certificate with what it must be for.
struct Certified {
    certificate: CommitCertificate,
    height: Height,
    block: BlockHash,
    validators: ValidatorSet,
}

impl<'a> Check<'a> {
    fn new(store: &Store, read: &'a ReadTransaction, threads: NonZeroUsize) -> Result<Self, Fault> {
        Ok(Self {
            read,
            threads,
            state: State::new(store.genesis.clone()),
            transactions: read.open_table(table::TRANSACTIONS)?,
            election_blocks: read.open_table(table::ELECTION_BLOCKS)?,
            rolls: read.open_table(table::ROLLS)?,
            signs: store.genesis.validators.clone(),
            ids: Vec::new(),
            of_elections: BTreeSet::new(),
            of_rolls: BTreeSet::new(),
            set_changes: BTreeMap::new(),
            signatures: 0,
        })
    }

    /// Checks the next blocks, up to `last` at most.
    fn part(&mut self, last: Height) -> Result<(), Fault> {
        let blocks = self.next_blocks(last)?;
        let chain = self.state.chain();
        let transactions: Vec<_> = blocks.iter().flat_map(|row| &row.block.transactions).collect();
        self.signatures += transactions.len() as u64;
        let verified = on_all_cores(self.threads, &transactions, |part| {
            verify_all(&chain, part.iter().map(|bytes| bytes.as_slice()))
        });
        let mut verified = verified.into_iter();
        let mut certified = Vec::with_capacity(blocks.len());
        for BlockRow { block, certificate, .. } in blocks {
            let transactions = verified.by_ref().take(block.transactions.len());
            let block = take_verified(&chain, &block, transactions)?;
            let (height, validators) = (block.header().height, self.state.validators().clone());
            certified.push(Certified { certificate: certificate.clone(), height, block: block.hash(), validators });
            self.apply(&block, certificate)?;
        }
        self.signatures += certified.iter().map(|one| one.certificate.signatures.len() as u64).sum::<u64>();
        let verdicts = on_all_cores(self.threads, &certified, |part| {
            let certificates = part.iter().map(|one| (&one.certificate, one.height, one.block, &one.validators));
            CommitCertificate::verify_all(&chain, certificates)
        });
        for (one, verdict) in certified.iter().zip(verdicts) {
            verdict.map_err(|fault| Fault::row("certificates", one.height, fault))?;
        }
        Ok(())
    }

    fn next_blocks(&self, last: Height) -> Result<Vec<BlockRow>, Fault> {
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        let mut height = self.state.tip().height.next();
        while height <= last && blocks.len() < PART_BLOCKS_MAX && bytes < PART_BYTES_MAX {
            let row = rows::block(self.read, height)?.ok_or_else(|| Fault::row("blocks", height, "it is missing"))?;
            bytes += row.bytes.len();
            blocks.push(row);
            height = height.next();
        }
        Ok(blocks)
    }

    /// Applies a block, and looks for the rows that it must have led to and that are not seen in the state.
    fn apply(&mut self, block: &VerifiedBlock, certificate: CommitCertificate) -> Result<(), Fault> {
        let height = block.header().height.get();
        let changes = self.state.validate(block).map_err(|fault| Fault::row("blocks", height, fault))?;
        for (place, transaction) in (0u32..).zip(block.transactions()) {
            let id = *transaction.id().as_bytes();
            same(&self.transactions, "transactions", id, (height, place), || format!("{:.16}", transaction.id()))?;
            self.ids.push(id);
        }
        for id in changes.elections.keys() {
            let key = (*id.as_bytes(), height);
            same(&self.election_blocks, "election_blocks", key, (), || format!("({id:.16}, {height})"))?;
            self.of_elections.insert(key);
        }
        for ((id, place), part) in &changes.rolls {
            let key = (*id.as_bytes(), *place);
            same(&self.rolls, "rolls", key, encode(part).as_slice(), || format!("({id:.16}, {place})"))?;
            self.of_rolls.insert(key);
        }
        self.follow_set(block, certificate, &changes);
        self.state.commit(block.header(), &changes);
        Ok(())
    }

    fn follow_set(&mut self, block: &VerifiedBlock, certificate: CommitCertificate, changes: &Changes) {
        let next = &changes.registry.next;
        if self.signs != *next {
            let header = block.header().clone();
            let height = header.height.get();
            let change = SetChange { header, certificate, validators: next.clone() };
            self.set_changes.insert(height, encode(&change));
            self.signs = next.clone();
        }
    }

    /// Looks for the rows that follow from all blocks together, and for others.
    fn finish(mut self) -> Result<Checked, Fault> {
        let rows = self.check_meta()? + self.check_blocks()? + self.check_state()? + self.check_open_height()?;
        let (read, height) = (self.read, self.state.tip().height);
        self.ids.sort_unstable();
        let ids = &self.ids;
        let rows =
            rows + only(read, table::TRANSACTIONS, "transactions", ids.len(), |id| {
                ids.binary_search(&id).is_err().then(|| format!("{:.16}", Hash::from_bytes(id)))
            })? + only(read, table::ELECTION_BLOCKS, "election_blocks", self.of_elections.len(), |key| {
                (!self.of_elections.contains(&key)).then(|| shown(key))
            })? + only(read, table::ROLLS, "rolls", self.of_rolls.len(), |key| {
                (!self.of_rolls.contains(&key)).then(|| shown(key))
            })?;
        Ok(Checked { height, transactions: self.ids.len() as u64, signatures: self.signatures, rows })
    }

    fn check_meta(&self) -> Result<u64, Fault> {
        let table = self.read.open_table(table::META)?;
        for (key, want) in [
            ("tip", encode(self.state.tip())),
            ("registry", encode(self.state.registry())),
            ("genesis", encode(self.state.genesis())),
        ] {
            same(&table, "meta", key, want.as_slice(), || key.to_owned())?;
        }
        let known = ["format", "genesis", "registry", "tip"];
        only(self.read, table::META, "meta", known.len(), |key| (!known.contains(&key)).then(|| key.to_owned()))
    }

    /// Blocks and certificates have been read one by one; whether there are more is to be seen, and the changes of the set, and evidence.
    fn check_blocks(&self) -> Result<u64, Fault> {
        let last = self.state.tip().height.get();
        let blocks = usize::try_from(last).unwrap_or(usize::MAX);
        let above = |height: u64| (!(1..=last).contains(&height)).then(|| height.to_string());
        let mut rows = only(self.read, table::BLOCKS, "blocks", blocks, above)?;
        rows += only(self.read, table::CERTIFICATES, "certificates", blocks, above)?;
        let table = self.read.open_table(table::SET_CHANGES)?;
        for (height, change) in &self.set_changes {
            same(&table, "set_changes", *height, change.as_slice(), || height.to_string())?;
        }
        rows += only(self.read, table::SET_CHANGES, "set_changes", self.set_changes.len(), |height| {
            (!self.set_changes.contains_key(&height)).then(|| height.to_string())
        })?;
        for row in self.read.open_table(table::EVIDENCE)?.iter()? {
            let (height, place) = row?.0.value();
            rows::decided(self.read, height, "evidence", format!("({height}, {place})"))?;
            rows += 1;
        }
        Ok(rows)
    }

    /// The rows that are the state.
    fn check_state(&self) -> Result<u64, Fault> {
        let (read, state) = (self.read, &self.state);
        let (mut elections, mut acts, mut ballots, mut counts) = (0, 0, 0, 0);
        let table = read.open_table(table::ELECTIONS)?;
        let act_table = read.open_table(table::ACTS)?;
        for record in state.elections() {
            let id = record.id;
            same(&table, "elections", *id.as_bytes(), encode(record).as_slice(), || format!("{id:.16}"))?;
            elections += 1;
            for (place, entry) in (0u64..).zip(state.log(&id)) {
                let key = (*id.as_bytes(), place);
                same(&act_table, "acts", key, encode(entry).as_slice(), || shown(key))?;
                acts += 1;
            }
        }
        let table = read.open_table(table::BALLOTS)?;
        for (id, credential, record) in state.ballots() {
            let key = (*id.as_bytes(), *credential.as_bytes());
            let shown = || format!("({id:.16}, {credential:.16})");
            same(&table, "ballots", key, encode(record).as_slice(), shown)?;
            ballots += 1;
        }
        let table = read.open_table(table::COUNTS)?;
        for (id, contest, selection, votes) in state.votes() {
            let bytes = encode(selection);
            let key = (*id.as_bytes(), contest, bytes.as_slice());
            same(&table, "counts", key, votes, || format!("({id:.16}, {contest}, {selection:?})"))?;
            counts += 1;
        }
        let rows = only(read, table::ELECTIONS, "elections", elections, |id| {
            state.election(&election(id)).is_none().then(|| format!("{:.16}", election(id)))
        })? + only(read, table::ACTS, "acts", acts, |key| {
            let place = usize::try_from(key.1).unwrap_or(usize::MAX);
            state.log(&election(key.0)).nth(place).is_none().then(|| shown(key))
        })? + only(read, table::BALLOTS, "ballots", ballots, |(id, credential)| {
            let credential = vote_chain::PublicKey::from_bytes(credential);
            let stray = state.ballot(&election(id), &credential).is_none();
            stray.then(|| format!("({:.16}, {credential:.16})", election(id)))
        })? + only(read, table::COUNTS, "counts", counts, |(id, contest, selection)| {
            let said = vote_chain::decode(selection).ok();
            let votes = said.and_then(|said| state.votes_for(&election(id), contest, &said));
            votes.is_none().then(|| format!("({:.16}, {contest}, {selection:02x?})", election(id)))
        })?;
        Ok(rows)
    }

    /// The undecided blocks must fit the state; the log is in its writer's own words.
    fn check_open_height(&self) -> Result<u64, Fault> {
        let open = self.state.tip().height.next();
        let mut rows = load_log(self.read, open)?.len() as u64;
        for block in load_bodies(self.read, open)? {
            let fault = |what: String| Fault::row("bodies", format!("({open}, {:.16})", block.header.hash()), what);
            let verified = VerifiedBlock::verify(&self.state.chain(), &block, |_| None);
            let verified = verified.map_err(|wrong| fault(wrong.to_string()))?;
            self.state.validate(&verified).map_err(|wrong| fault(wrong.to_string()))?;
            rows += 1;
        }
        Ok(rows)
    }
}

/// The block of transactions that have been verified, in order.
fn take_verified(
    chain: &ChainId,
    block: &Whole<Block>,
    verified: impl Iterator<Item = Result<Arc<Verified>, TransactionFault>>,
) -> Result<VerifiedBlock, Fault> {
    let height = block.header.height;
    let fault = |fault: BlockFault| Fault::row("blocks", height, fault);
    let numbered = verified.enumerate();
    let known =
        numbered.map(|(index, one)| one.map_err(|wrong| fault(BlockFault::Transaction { index, fault: wrong })));
    let mut known = known.collect::<Result<Vec<_>, _>>()?.into_iter();
    VerifiedBlock::verify(chain, block, |_| known.next()).map_err(fault)
}

/// Does `work` on `items`, in parts of equal size on so many threads; the results are in the order of the items.
fn on_all_cores<T: Sync, R: Send>(threads: NonZeroUsize, items: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    let part = items.len().div_ceil(threads.get()).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> = items.chunks(part).map(|part| scope.spawn(move || work(part))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("verifying does not panic")).collect()
    })
}

/// Looks for a row, and whether it is what it must be.
fn same<'k, K: Key + 'static, V: Value + 'static>(
    table: &impl ReadableTable<K, V>,
    name: &str,
    key: K::SelfType<'k>,
    want: V::SelfType<'k>,
    shown: impl Fn() -> String,
) -> Result<(), Fault> {
    let row = table.get(key)?.ok_or_else(|| Fault::row(name, shown(), "it is missing"))?;
    let equal = V::as_bytes(&row.value()).as_ref() == V::as_bytes(&want).as_ref();
    if equal { Ok(()) } else { Err(Fault::row(name, shown(), "it is not what follows from the blocks")) }
}

/// Whether a table has no more rows than the `wanted` ones that have been found; if it has, `stray` knows the key of the first that is none
/// of them. Gives the number of rows.
fn only<K: Key + 'static, V: Value + 'static>(
    read: &ReadTransaction,
    table: TableDefinition<'_, K, V>,
    name: &str,
    wanted: usize,
    stray: impl Fn(K::SelfType<'_>) -> Option<String>,
) -> Result<u64, Fault> {
    let table = read.open_table(table)?;
    let rows = table.len()?;
    if rows == wanted as u64 {
        return Ok(rows);
    }
    for row in table.iter()? {
        if let Some(key) = stray(row?.0.value()) {
            return Err(Fault::row(name, key, "nothing in the blocks leads to it"));
        }
    }
    Err(Fault::Damaged(format!("{name}: there are {rows} rows, but {wanted} follow from the blocks")))
}

fn shown((id, number): ([u8; 32], impl Display)) -> String {
    format!("({:.16}, {number})", election(id))
}
