//! Writing: when [`Batch::finish`] returns, everything of a batch is on the disk.

use redb::{Database, Durability, ReadableTable, WriteTransaction};
use serde_bytes::ByteBuf;
use vote_chain::{
    BlockHash, Changes, CommitCertificate, Genesis, Header, Height, SetChange, VerifiedBlock,
    encode,
};

use crate::error::{Fault, StorageError};
use crate::index::Additions;
use crate::store::Store;
use crate::table::{self, FORMAT};
use crate::wal::Entry;

/// Writes that become durable together. If that fails midway, decided blocks and evidence are there
/// as a whole or not at all; what happens at the open height comes after them.
pub struct Batch<'a> {
    store: &'a Store,
    open: Vec<(Height, Entry)>,
    decided: Vec<Decided>,
    evidence: Vec<(Height, Vec<u8>)>,
}

/// The rows of a decided block.
struct Decided {
    height: Height,
    hash: BlockHash,
    row: Vec<u8>,
    set_change: Option<Vec<u8>>,
    additions: Additions,
}

impl<'a> Batch<'a> {
    pub(crate) const fn new(store: &'a Store) -> Self {
        Self {
            store,
            open: Vec::new(),
            decided: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Appends an entry to the log of an open height.
    pub fn append_log(&mut self, height: Height, entry: &[u8]) {
        self.open.push((height, Entry::Log(ByteBuf::from(entry))));
    }

    /// Keeps a block that may be decided.
    pub fn put_body(&mut self, block: &VerifiedBlock) {
        let bytes = encode(&block.to_block());
        self.open
            .push((block.header().height, Entry::Body(ByteBuf::from(bytes))));
    }

    /// Keeps a decided block; the log and the undecided blocks up to its height are of no use any
    /// more.
    pub fn commit_block(
        &mut self,
        block: &VerifiedBlock,
        certificate: &CommitCertificate,
        changes: &Changes,
    ) {
        let header = block.header();
        self.decided.push(Decided {
            height: header.height,
            hash: block.hash(),
            row: encode(&(ByteBuf::from(encode(&block.to_block())), certificate)),
            set_change: set_change(header, certificate, changes).map(|change| encode(&change)),
            additions: Additions::of(block, changes),
        });
    }

    /// Keeps a proof of misbehaviour under a height that is decided; twice the same is kept once.
    pub fn put_evidence(&mut self, height: Height, proof: &[u8]) {
        self.evidence.push((height, proof.to_vec()));
    }

    /// Makes the batch durable.
    ///
    /// # Errors
    /// [`StorageError`] if the disk fails: the process should end.
    pub fn finish(self) -> Result<(), StorageError> {
        let Self {
            store,
            open,
            decided,
            evidence,
        } = self;
        if !(decided.is_empty() && evidence.is_empty()) {
            let write = || -> Result<(), Fault> {
                let transaction = begin(&store.database)?;
                for block in &decided {
                    put_block(&transaction, block)?;
                }
                for (height, proof) in &evidence {
                    put_evidence(&transaction, *height, proof)?;
                }
                Ok(transaction.commit()?)
            };
            write().map_err(|fault| fault.of(&store.path))?;
        }
        let mut wal = store.wal();
        if let Some(last) = decided.last() {
            wal.begin(last.height.next(), &last.hash);
        }
        store
            .index_mut()
            .extend(decided.into_iter().map(|block| block.additions));
        // After the blocks: the first frame of a height takes the place of what was known of the
        // height before, of which nothing is of use any more.
        let mut turn = Vec::new();
        for (height, entry) in open {
            if height > wal.height() {
                let what = format!("height {height} is not open; {} is", wal.height());
                return Err(Fault::Disk(std::io::Error::other(what)).of(wal.path()));
            }
            if height == wal.height() {
                turn.push(entry);
            }
        }
        if turn.is_empty() {
            Ok(())
        } else {
            wal.append(&turn)
        }
    }
}

fn begin(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // One-phase commits trust a checksum that is not made to withstand chosen data, and voters
    // choose ours.
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// Writes a new ledger's first rows.
pub(crate) fn put_genesis(database: &Database, genesis: &Genesis) -> Result<(), Fault> {
    let transaction = begin(database)?;
    {
        let mut meta = transaction.open_table(table::META)?;
        meta.insert("format", FORMAT.to_le_bytes().as_slice())?;
        meta.insert("genesis", encode(genesis).as_slice())?;
    }
    transaction.open_table(table::BLOCKS)?;
    transaction.open_table(table::SET_CHANGES)?;
    transaction.open_table(table::EVIDENCE)?;
    Ok(transaction.commit()?)
}

fn put_block(transaction: &WriteTransaction, block: &Decided) -> Result<(), Fault> {
    transaction
        .open_table(table::BLOCKS)?
        .insert(block.height.get(), block.row.as_slice())?;
    if let Some(change) = &block.set_change {
        transaction
            .open_table(table::SET_CHANGES)?
            .insert(block.height.get(), change.as_slice())?;
    }
    Ok(())
}

/// A header hands over to the set of the next height; if that is another than the one that signs,
/// it is a step of every later receipt.
pub(crate) fn set_change(
    header: &Header,
    certificate: &CommitCertificate,
    changes: &Changes,
) -> Option<SetChange> {
    (header.validators != header.next_validators).then(|| SetChange {
        header: header.clone(),
        certificate: certificate.clone(),
        validators: changes.registry.next.clone(),
    })
}

fn put_evidence(transaction: &WriteTransaction, height: Height, proof: &[u8]) -> Result<(), Fault> {
    let height = height.get();
    let mut rows = transaction.open_table(table::EVIDENCE)?;
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
