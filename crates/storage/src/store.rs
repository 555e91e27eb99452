//! Opening, creating, reading.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend,
};
use vote_chain::{Block, CommitCertificate, ElectionId, Genesis, Hash, Height, SetChange, TransactionId, decode};

use crate::batch::Batch;
use crate::error::{Fault, StorageError};
use crate::rows::{self, BlockRow};
use crate::table::{self, FORMAT};

const FILE: &str = "ledger.redb";
const UNFINISHED: &str = "ledger.unfinished";
/// Pages that redb keeps in memory, in bytes.
const CACHE_BYTES: usize = 8 << 20;

/// The ledger of one node.
#[derive(Debug)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) path: PathBuf,
    pub(crate) genesis: Genesis,
}

impl Store {
    /// Makes a new ledger in `dir`. It has its name only once it is whole: a crash in between leaves a file that
    /// [`Store::open`] discards.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if there is one; any other if the disk fails.
    pub fn create(dir: &Path, genesis: &Genesis) -> Result<Self, StorageError> {
        let (path, unfinished) = (Self::file(dir), dir.join(UNFINISHED));
        if is_there(&path).map_err(|error| Fault::from(error).of(&path))? {
            return Err(StorageError::Exists(path));
        }
        let make = || -> Result<Database, Fault> {
            discard(&unfinished)?;
            let file = OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(&unfinished)?;
            Ok(builder().create_with_backend(FileBackend::new(file)?)?)
        };
        let database = make().map_err(|fault| fault.of(&path))?;
        let store = Self { database, path, genesis: genesis.clone() };
        store.begin()?.create(genesis)?;
        let name = || fs::rename(&unfinished, &store.path).and_then(|()| File::open(dir)?.sync_all());
        name().map_err(|error| Fault::from(error).of(&store.path))?;
        Ok(store)
    }

    /// Opens the ledger in `dir`; none if there is none. Every page that is in use is read, and its checksum verified.
    ///
    /// # Errors
    /// [`StorageError`] if it is in use, damaged, of another format, or cannot be read.
    pub fn open(dir: &Path) -> Result<Option<Self>, StorageError> {
        let path = Self::file(dir);
        let look = || {
            discard(&dir.join(UNFINISHED))?;
            is_there(&path)
        };
        if !look().map_err(|error| Fault::from(error).of(&path))? {
            return Ok(None);
        }
        match builder().open(&path) {
            Ok(database) => Self::of_database(database, path).map(Some),
            Err(DatabaseError::DatabaseAlreadyOpen) => Err(StorageError::InUse(path)),
            Err(error) => Err(Fault::from(error).of(&path)),
        }
    }

    /// Makes a new ledger on something else than a file: for tests of what a disk can do to a node.
    ///
    /// # Errors
    /// [`StorageError`] if the backend fails.
    pub fn create_on(backend: impl StorageBackend, genesis: &Genesis) -> Result<Self, StorageError> {
        let path = PathBuf::from(FILE);
        let database = builder().create_with_backend(backend).map_err(|error| Fault::from(error).of(&path))?;
        let store = Self { database, path, genesis: genesis.clone() };
        store.begin()?.create(genesis)?;
        Ok(store)
    }

    /// Opens a ledger on something else than a file.
    ///
    /// # Errors
    /// As by [`Store::open`].
    pub fn open_on(backend: impl StorageBackend) -> Result<Self, StorageError> {
        let path = PathBuf::from(FILE);
        let database = builder().create_with_backend(backend).map_err(|error| Fault::from(error).of(&path))?;
        Self::of_database(database, path)
    }

    /// The ledger that a database holds.
    pub(crate) fn of_database(database: Database, path: PathBuf) -> Result<Self, StorageError> {
        let format = || -> Result<u64, Fault> {
            let read = database.begin_read()?;
            let meta = read.open_table(table::META)?;
            let format = meta.get("format")?.and_then(|value| value.value().try_into().ok().map(u64::from_le_bytes));
            format.ok_or_else(|| Fault::row("meta", "format", "it is missing"))
        };
        let found = format().map_err(|fault| fault.of(&path))?;
        if found != FORMAT {
            return Err(StorageError::Format { path, found, wanted: FORMAT });
        }
        let genesis = || -> Result<Genesis, Fault> {
            let read = database.begin_read()?;
            let meta = read.open_table(table::META)?;
            let genesis = meta.get("genesis")?.ok_or_else(|| Fault::row("meta", "genesis", "it is missing"))?;
            let genesis: Genesis = decode(genesis.value()).map_err(|error| Fault::row("meta", "genesis", error))?;
            genesis.check().map_err(|error| Fault::row("meta", "genesis", error))?;
            Ok(genesis)
        };
        let genesis = genesis().map_err(|fault| fault.of(&path))?;
        Ok(Self { database, path, genesis })
    }

    /// Where the chain begins.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Where the ledger of a data directory lies.
    pub fn file(dir: &Path) -> PathBuf {
        dir.join(FILE)
    }

    /// Where this ledger lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a batch of writes: all of them, or none.
    ///
    /// # Errors
    /// [`StorageError`] if the disk fails.
    pub fn begin(&self) -> Result<Batch<'_>, StorageError> {
        Batch::new(self)
    }

    pub(crate) fn read<T>(&self, ask: impl FnOnce(&ReadTransaction) -> Result<T, Fault>) -> Result<T, StorageError> {
        let read = || ask(&self.database.begin_read()?);
        read().map_err(|fault| fault.of(&self.path))
    }

    /// The heights of the blocks that hold something of an election; none of an election that there is not.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read, or name a block that there is not.
    pub fn heights(&self, id: &ElectionId) -> Result<BTreeSet<Height>, StorageError> {
        self.read(|read| {
            let table = read.open_table(table::ELECTION_BLOCKS)?;
            let bytes = *id.as_bytes();
            let mut heights = BTreeSet::new();
            for row in table.range((bytes, 0)..=(bytes, u64::MAX))? {
                let (_, height) = row?.0.value();
                heights.insert(rows::decided(read, height, "election_blocks", id)?);
            }
            Ok(heights)
        })
    }

    /// Final transactions whose ids begin like this; two at most, which is enough to know that it says too little.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read.
    pub fn transactions_with(&self, prefix: &[u8]) -> Result<Vec<TransactionId>, StorageError> {
        let (mut from, mut to) = ([0; 32], [0xff; 32]);
        let length = prefix.len().min(32);
        from[..length].copy_from_slice(&prefix[..length]);
        to[..length].copy_from_slice(&prefix[..length]);
        self.read(|read| {
            let rows = read.open_table(table::TRANSACTIONS)?;
            let mut found = Vec::new();
            for row in rows.range(from..=to)?.take(2) {
                found.push(TransactionId::new(Hash::from_bytes(row?.0.value())));
            }
            Ok(found)
        })
    }

    /// A decided block, and what makes it final; none above the last. The block is that of the height and whole, and the certificate
    /// names it.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read, is missing, or is another.
    pub fn block(&self, height: Height) -> Result<Option<(Block, CommitCertificate)>, StorageError> {
        let row = self.read(|read| rows::block(read, height))?;
        Ok(row.map(|BlockRow { block, certificate, .. }| (block.into_inner(), certificate)))
    }

    /// Like [`Self::block`], with the block's canonical bytes, to be passed on.
    ///
    /// # Errors
    /// [`StorageError`] as by [`Self::block`].
    pub fn block_bytes(&self, height: Height) -> Result<Option<(Vec<u8>, CommitCertificate)>, StorageError> {
        let row = self.read(|read| rows::block(read, height))?;
        Ok(row.map(|BlockRow { bytes, certificate, .. }| (bytes, certificate)))
    }

    /// Where the index says that a final transaction is: the block's height, and the place in it. Who needs the transaction itself, or to
    /// be sure, asks [`Self::transaction_bytes`].
    ///
    /// # Errors
    /// [`StorageError`] if the index cannot be read, or names a block that there is not.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<(Height, u32)>, StorageError> {
        self.read(|read| rows::place(read, id))
    }

    /// A final transaction's bytes, with the height of its block and the place in it.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read, or another transaction is at that place.
    pub fn transaction_bytes(&self, id: &TransactionId) -> Result<Option<(Vec<u8>, Height, u32)>, StorageError> {
        self.read(|read| {
            let Some((height, place)) = rows::place(read, id)? else { return Ok(None) };
            let row = rows::block(read, height)?.ok_or_else(|| Fault::row("blocks", height, "it is missing"))?;
            let at = usize::try_from(place).unwrap_or(usize::MAX);
            let bytes =
                row.block.into_inner().transactions.into_iter().nth(at).filter(|bytes| TransactionId::of(bytes) == *id);
            let bytes = bytes.ok_or_else(|| {
                Fault::row(
                    "transactions",
                    format!("{id:.16}"),
                    format!("another is at place {place} of block {height}"),
                )
            })?;
            Ok(Some((bytes.into_vec(), height, place)))
        })
    }

    /// The changes of the validator set in blocks below `before`, in order.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read, or do not fit their blocks.
    pub fn set_changes(&self, before: Height) -> Result<Vec<SetChange>, StorageError> {
        self.read(|read| rows::set_changes(read, before))
    }

    /// The block at a height in which a set hands over to the next; none if the set does not change there.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read, or does not fit its block.
    pub fn set_change(&self, height: Height) -> Result<Option<SetChange>, StorageError> {
        self.read(|read| rows::set_change_at(read, height))
    }

    /// The heights above one at which the set changes, in order.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read.
    pub fn set_change_heights(&self, above: Height) -> Result<Vec<Height>, StorageError> {
        self.read(|read| {
            let rows = read.open_table(table::SET_CHANGES)?;
            let later = rows.range(above.next().get()..)?;
            later.map(|row| Ok(Height::new(row?.0.value()))).collect()
        })
    }

    /// Every equivocation, with the height at which it was seen.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read.
    pub fn evidence(&self) -> Result<Vec<(Height, Vec<u8>)>, StorageError> {
        self.read(|read| {
            let mut evidence = Vec::new();
            for row in read.open_table(table::EVIDENCE)?.iter()? {
                let (key, proof) = row?;
                let (height, place) = key.value();
                let height = rows::decided(read, height, "evidence", format!("({height}, {place})"))?;
                evidence.push((height, proof.value().to_vec()));
            }
            Ok(evidence)
        })
    }

    /// How many of them there are; none of them is read.
    ///
    /// # Errors
    /// [`StorageError`] if that cannot be read.
    pub fn evidence_count(&self) -> Result<u64, StorageError> {
        self.read(|read| Ok(read.open_table(table::EVIDENCE)?.len()?))
    }
}

pub(crate) fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    // A file that was closed well is read whole too: what another program or the disk has done to it since must not be believed.
    builder.set_check_integrity_on_open(true);
    builder
}

/// Whether there is a file, or a link, of that name, wherever it leads.
fn is_there(path: &Path) -> std::io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn discard(unfinished: &Path) -> std::io::Result<()> {
    match fs::remove_file(unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
