//! Writing: everything of a batch is on the disk when [`Batch::finish`] returns, or nothing is.

use redb::{Durability, ReadableTable, WriteTransaction};
use vote_chain::{BlockHash, Changes, CommitCertificate, Genesis, Height, SetChange, State, VerifiedBlock, encode};

use crate::error::{Fault, StorageError};
use crate::store::Store;
use crate::table::{self, FORMAT};

/// Writes that become durable together.
pub struct Batch<'a> {
    transaction: WriteTransaction,
    store: &'a Store,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(store: &'a Store) -> Result<Self, StorageError> {
        let begin = || -> Result<WriteTransaction, Fault> {
            let mut transaction = store.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            // One-phase commits trust a checksum that is not made to withstand chosen data, and voters choose ours.
            transaction.set_two_phase_commit(true);
            Ok(transaction)
        };
        let transaction = begin().map_err(|fault| fault.of(&store.path))?;
        Ok(Self { transaction, store })
    }

    /// Says of which file a fault is.
    fn told<T>(&self, result: Result<T, Fault>) -> Result<T, StorageError> {
        result.map_err(|fault| fault.of(&self.store.path))
    }

    pub(crate) fn create(self, genesis: &Genesis) -> Result<(), StorageError> {
        self.told(self.put_genesis(genesis))?;
        self.finish()
    }

    fn put_genesis(&self, genesis: &Genesis) -> Result<(), Fault> {
        let state = State::new(genesis.clone());
        {
            let mut meta = self.transaction.open_table(table::META)?;
            meta.insert("format", FORMAT.to_le_bytes().as_slice())?;
            meta.insert("genesis", encode(genesis).as_slice())?;
            meta.insert("tip", encode(state.tip()).as_slice())?;
            meta.insert("registry", encode(state.registry()).as_slice())?;
        }
        self.transaction.open_table(table::LOG)?;
        self.transaction.open_table(table::BODIES)?;
        self.transaction.open_table(table::BLOCKS)?;
        self.transaction.open_table(table::CERTIFICATES)?;
        self.transaction.open_table(table::TRANSACTIONS)?;
        self.transaction.open_table(table::ELECTIONS)?;
        self.transaction.open_table(table::ELECTION_BLOCKS)?;
        self.transaction.open_table(table::ACTS)?;
        self.transaction.open_table(table::ROLLS)?;
        self.transaction.open_table(table::BALLOTS)?;
        self.transaction.open_table(table::COUNTS)?;
        self.transaction.open_table(table::SET_CHANGES)?;
        self.transaction.open_table(table::EVIDENCE)?;
        Ok(())
    }

    /// Appends an entry to the log of an open height.
    ///
    /// # Errors
    /// [`StorageError`] if the disk fails.
    pub fn append_log(&mut self, height: Height, entry: &[u8]) -> Result<(), StorageError> {
        self.told(self.log(height, entry))
    }

    fn log(&self, height: Height, entry: &[u8]) -> Result<(), Fault> {
        let mut log = self.transaction.open_table(table::LOG)?;
        let last = log.range((height.get(), 0)..=(height.get(), u64::MAX))?.next_back().transpose()?;
        let place = last.map_or(0, |(key, _)| key.value().1 + 1);
        log.insert((height.get(), place), entry)?;
        Ok(())
    }

    /// Keeps a block that may be decided.
    ///
    /// # Errors
    /// [`StorageError`] if the disk fails.
    pub fn put_body(&mut self, height: Height, hash: &BlockHash, block: &[u8]) -> Result<(), StorageError> {
        let put = || -> Result<(), Fault> {
            self.transaction.open_table(table::BODIES)?.insert((height.get(), *hash.as_bytes()), block)?;
            Ok(())
        };
        self.told(put())
    }

    /// Keeps a decided block and all that it changes; drops the log and the undecided blocks up to its height.
    ///
    /// # Errors
    /// [`StorageError`] if the disk fails.
    pub fn commit_block(
        &mut self,
        block: &VerifiedBlock,
        certificate: &CommitCertificate,
        changes: &Changes,
        evidence: &[Vec<u8>],
    ) -> Result<(), StorageError> {
        self.told(self.put_block(block, certificate, changes, evidence))
    }

    fn put_block(
        &self,
        block: &VerifiedBlock,
        certificate: &CommitCertificate,
        changes: &Changes,
        evidence: &[Vec<u8>],
    ) -> Result<(), Fault> {
        let header = block.header();
        let height = header.height.get();
        self.transaction.open_table(table::BLOCKS)?.insert(height, encode(&block.to_block()).as_slice())?;
        self.transaction.open_table(table::CERTIFICATES)?.insert(height, encode(certificate).as_slice())?;
        let mut transactions = self.transaction.open_table(table::TRANSACTIONS)?;
        for (index, transaction) in (0u32..).zip(block.transactions()) {
            transactions.insert(*transaction.id().as_bytes(), (height, index))?;
        }
        self.put_changes(height, changes)?;
        self.put_set_change(block, certificate, changes)?;
        for proof in evidence {
            self.evidence(header.height, proof)?;
        }
        self.transaction.open_table(table::LOG)?.retain_in(..(height + 1, 0), |_, _| false)?;
        self.transaction.open_table(table::BODIES)?.retain_in(..(height + 1, [0; 32]), |_, _| false)?;
        let tip = vote_chain::Tip {
            height: header.height,
            hash: block.hash(),
            time: header.time,
            state_root: header.state_root,
        };
        self.transaction.open_table(table::META)?.insert("tip", encode(&tip).as_slice())?;
        Ok(())
    }

    /// Keeps a proof of misbehaviour under a height that is decided; twice the same is kept once.
    ///
    /// # Errors
    /// [`StorageError`] if the disk fails.
    pub fn put_evidence(&mut self, height: Height, proof: &[u8]) -> Result<(), StorageError> {
        self.told(self.evidence(height, proof))
    }

    fn evidence(&self, height: Height, proof: &[u8]) -> Result<(), Fault> {
        let height = height.get();
        let mut rows = self.transaction.open_table(table::EVIDENCE)?;
        let mut place = 0;
        for row in rows.range((height, 0)..=(height, u64::MAX))? {
            let (key, known) = row?;
            if known.value() == proof {
                return Ok(());
            }
            place = key.value().1 + 1;
        }
        rows.insert((height, place), proof)?;
        Ok(())
    }

    fn put_changes(&self, height: u64, changes: &Changes) -> Result<(), Fault> {
        let Changes { elections, log, rolls, ballots, counts, registry, state_root: _ } = changes;
        self.transaction.open_table(table::META)?.insert("registry", encode(registry).as_slice())?;
        let mut table = self.transaction.open_table(table::ELECTIONS)?;
        let mut blocks = self.transaction.open_table(table::ELECTION_BLOCKS)?;
        for (id, record) in elections {
            table.insert(*id.as_bytes(), encode(record).as_slice())?;
            blocks.insert((*id.as_bytes(), height), ())?;
        }
        let mut table = self.transaction.open_table(table::ACTS)?;
        for ((election, place), entry) in log {
            table.insert((*election.as_bytes(), *place), encode(entry).as_slice())?;
        }
        let mut table = self.transaction.open_table(table::ROLLS)?;
        for ((election, place), part) in rolls {
            table.insert((*election.as_bytes(), *place), encode(part).as_slice())?;
        }
        let mut table = self.transaction.open_table(table::BALLOTS)?;
        for ((election, credential), record) in ballots {
            table.insert((*election.as_bytes(), *credential.as_bytes()), encode(record).as_slice())?;
        }
        let mut table = self.transaction.open_table(table::COUNTS)?;
        for ((election, contest, selection), votes) in counts {
            let selection = encode(selection);
            let key = (*election.as_bytes(), *contest, selection.as_slice());
            if *votes == 0 { drop(table.remove(key)?) } else { drop(table.insert(key, votes)?) }
        }
        Ok(())
    }

    /// The header hands over to the set of the next height; if that is another than the one that signed, it is a step of
    /// every later receipt.
    fn put_set_change(
        &self,
        block: &VerifiedBlock,
        certificate: &CommitCertificate,
        changes: &Changes,
    ) -> Result<(), Fault> {
        let header = block.header();
        if header.validators == header.next_validators {
            return Ok(());
        }
        let change = SetChange {
            header: header.clone(),
            certificate: certificate.clone(),
            validators: changes.registry.next.clone(),
        };
        self.transaction.open_table(table::SET_CHANGES)?.insert(header.height.get(), encode(&change).as_slice())?;
        Ok(())
    }

    /// Makes the batch durable.
    ///
    /// # Errors
    /// [`StorageError`] if the disk fails: nothing of the batch may be taken for written, and the process should end.
    pub fn finish(self) -> Result<(), StorageError> {
        let Self { transaction, store } = self;
        transaction.commit().map_err(|error| Fault::from(error).of(&store.path))
    }
}
