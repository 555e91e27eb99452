//! Opening, creating, reading.

use std::fs::{self, File, OpenOptions};
use std::num::NonZeroUsize;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTableMetadata,
    StorageBackend,
};
use vote_chain::{
    Block, CommitCertificate, ElectionId, Genesis, Height, SetChange, State, TransactionId, Whole,
    decode,
};

use crate::batch::{self, Batch};
use crate::error::{Fault, StorageError};
use crate::follow::{Followed, Trust, follow};
use crate::index::Index;
use crate::rows::{self, BlockRow};
use crate::table::{self, FORMAT};
use crate::wal::{Entry, Wal};

const FILE: &str = "ledger.redb";
const UNFINISHED: &str = "ledger.unfinished";
/// Pages that redb keeps in memory, in bytes.
const CACHE_BYTES: usize = 8 << 20;

/// The log of the open height, in a file of its own.
const WAL: &str = "ledger.wal";

/// A ledger that is open and whose blocks nobody has looked at yet.
#[derive(Debug)]
pub struct Unread {
    database: Database,
    wal: Wal,
    path: PathBuf,
    genesis: Genesis,
}

/// What a node goes on from.
#[derive(Debug)]
pub struct Loaded {
    /// The state after the last decided block.
    pub state: State,
    /// The log of the height after, in order.
    pub log: Vec<Vec<u8>>,
    /// The undecided blocks of that height.
    pub bodies: Vec<Whole<Block>>,
}

/// The ledger of one node.
#[derive(Debug)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) path: PathBuf,
    genesis: Genesis,
    wal: Mutex<Wal>,
    index: RwLock<Index>,
}

impl Unread {
    /// Makes a new ledger in `dir`. It has its name only once it is whole: a crash in between
    /// leaves a file that [`Self::open`] discards.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if there is one; any other if the disk fails.
    pub fn create(dir: &Path, genesis: &Genesis) -> Result<Self, StorageError> {
        let path = Store::file(dir);
        let unfinished = dir.join(UNFINISHED);
        if is_there(&path).map_err(|error| Fault::from(error).of(&path))? {
            return Err(StorageError::Exists(path));
        }
        let make = || -> Result<Database, Fault> {
            discard(&unfinished)?;
            let file = OpenOptions::new()
                .create_new(true)
                .read(true)
                .write(true)
                .mode(0o600)
                .open(&unfinished)?;
            let database = builder().create_with_backend(FileBackend::new(file)?)?;
            batch::put_genesis(&database, genesis)?;
            Ok(database)
        };
        let database = make().map_err(|fault| fault.of(&path))?;
        let wal = open_wal(dir)?;
        let name = || fs::rename(&unfinished, &path).and_then(|()| File::open(dir)?.sync_all());
        name().map_err(|error| Fault::from(error).of(&path))?;
        Self::of_database(database, wal, path)
    }

    /// Makes a new ledger on something else than files: for tests of what a disk can do to a node.
    ///
    /// # Errors
    /// [`StorageError`] if the backend fails.
    pub fn create_on(
        backend: impl StorageBackend,
        wal: impl StorageBackend,
        genesis: &Genesis,
    ) -> Result<Self, StorageError> {
        let path = PathBuf::from(FILE);
        let make = || -> Result<Database, Fault> {
            let database = builder().create_with_backend(backend)?;
            batch::put_genesis(&database, genesis)?;
            Ok(database)
        };
        let database = make().map_err(|fault| fault.of(&path))?;
        Self::of_database(database, Box::new(wal), path)
    }

    /// Opens the ledger in `dir`; none if there is none. Every page that is in use is read, and its
    /// checksum verified.
    ///
    /// # Errors
    /// [`StorageError`] if it is in use, damaged, of another format, or cannot be read.
    pub fn open(dir: &Path) -> Result<Option<Self>, StorageError> {
        discard(&dir.join(UNFINISHED)).map_err(|error| Fault::from(error).of(&Store::file(dir)))?;
        Self::open_with(dir, open_wal)
    }

    /// Like [`Self::open`], and makes and removes no file.
    ///
    /// # Errors
    /// As by [`Self::open`].
    pub fn look_at(dir: &Path) -> Result<Option<Self>, StorageError> {
        Self::open_with(dir, |dir| {
            let path = dir.join(WAL);
            if is_there(&path).map_err(|error| Fault::from(error).of(&path))? {
                open_wal(dir)
            } else {
                Ok(Box::new(InMemoryBackend::new()))
            }
        })
    }

    fn open_with(
        dir: &Path,
        wal: impl FnOnce(&Path) -> Result<Box<dyn StorageBackend>, StorageError>,
    ) -> Result<Option<Self>, StorageError> {
        let path = Store::file(dir);
        if !is_there(&path).map_err(|error| Fault::from(error).of(&path))? {
            return Ok(None);
        }
        let database = match builder().open(&path) {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StorageError::InUse(path)),
            Err(error) => return Err(Fault::from(error).of(&path)),
        };
        Self::of_database(database, wal(dir)?, path).map(Some)
    }

    /// Opens a ledger on something else than files: for tests of what a disk can do to a node.
    ///
    /// # Errors
    /// As by [`Self::open`].
    pub fn open_on(
        backend: impl StorageBackend,
        wal: impl StorageBackend,
    ) -> Result<Self, StorageError> {
        let path = PathBuf::from(FILE);
        let database = builder()
            .create_with_backend(backend)
            .map_err(|error| Fault::from(error).of(&path))?;
        Self::of_database(database, Box::new(wal), path)
    }

    /// The ledger that a database holds.
    pub(crate) fn of_database(
        database: Database,
        wal: Box<dyn StorageBackend>,
        path: PathBuf,
    ) -> Result<Self, StorageError> {
        let format = || -> Result<u64, Fault> {
            let read = database.begin_read()?;
            let meta = read.open_table(table::META)?;
            let format = meta
                .get("format")?
                .and_then(|value| value.value().try_into().ok().map(u64::from_le_bytes));
            format.ok_or_else(|| Fault::row("meta", "format", "it is missing"))
        };
        let found = format().map_err(|fault| fault.of(&path))?;
        if found != FORMAT {
            return Err(StorageError::Format {
                path,
                found,
                wanted: FORMAT,
            });
        }
        let genesis = || -> Result<Genesis, Fault> {
            let read = database.begin_read()?;
            let meta = read.open_table(table::META)?;
            let genesis = meta
                .get("genesis")?
                .ok_or_else(|| Fault::row("meta", "genesis", "it is missing"))?;
            let genesis: Genesis =
                decode(genesis.value()).map_err(|error| Fault::row("meta", "genesis", error))?;
            genesis
                .check()
                .map_err(|error| Fault::row("meta", "genesis", error))?;
            Ok(genesis)
        };
        let genesis = genesis().map_err(|fault| fault.of(&path))?;
        let wal = Wal::new(wal, path.with_file_name(WAL), genesis.chain());
        Ok(Self {
            database,
            wal,
            path,
            genesis,
        })
    }

    /// Where the chain begins.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Where the ledger lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Follows all blocks, for the state and for what is where in them. That the node has checked
    /// their signatures before it has written them is believed; that each follows from the one
    /// before, and the last certificate, are checked.
    ///
    /// `threads` is how many read blocks at one time.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] names the first row that cannot be read, or that does not fit the
    /// others.
    pub fn load(mut self, threads: NonZeroUsize) -> Result<(Store, Loaded), StorageError> {
        let followed = self
            .read(|read, genesis| follow(read, genesis, Trust::Signatures, threads, |_, _| {}))?;
        let Followed { state, index, .. } = followed;
        let loaded = self.open_height(state)?;
        let Self {
            database,
            wal,
            path,
            genesis,
        } = self;
        Ok((
            Store {
                database,
                path,
                genesis,
                wal: Mutex::new(wal),
                index: RwLock::new(index),
            },
            loaded,
        ))
    }

    /// Reads what is known of the height after this state.
    pub(crate) fn open_height(&mut self, state: State) -> Result<Loaded, StorageError> {
        let open = state.tip().height.next();
        self.wal.begin(open, &state.tip().hash);
        let mut log = Vec::new();
        let mut bodies = Vec::new();
        for entry in self.wal.read()? {
            match entry {
                Entry::Log(entry) => log.push(entry.into_vec()),
                Entry::Body(bytes) => bodies.push(Whole::read(&bytes).map_err(|fault| {
                    Fault::Damaged(format!("an undecided block of height {open}: {fault}"))
                        .of(self.wal.path())
                })?),
            }
        }
        Ok(Loaded { state, log, bodies })
    }

    pub(crate) fn read<T>(
        &self,
        ask: impl FnOnce(&ReadTransaction, &Genesis) -> Result<T, Fault>,
    ) -> Result<T, StorageError> {
        let read = || ask(&self.database.begin_read()?, &self.genesis);
        read().map_err(|fault| fault.of(&self.path))
    }

    /// Every equivocation, with the height at which it was seen.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read.
    pub fn evidence(&self) -> Result<Vec<(Height, Vec<u8>)>, StorageError> {
        self.read(|read, _| rows::evidence(read))
    }
}

impl Store {
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

    /// Begins a batch of writes.
    pub const fn begin(&self) -> Batch<'_> {
        Batch::new(self)
    }

    pub(crate) fn wal(&self) -> MutexGuard<'_, Wal> {
        self.wal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read<T>(
        &self,
        ask: impl FnOnce(&ReadTransaction) -> Result<T, Fault>,
    ) -> Result<T, StorageError> {
        let read = || ask(&self.database.begin_read()?);
        read().map_err(|fault| fault.of(&self.path))
    }

    /// The heights of the blocks that hold something of an election, in order; none of an election
    /// that there is not.
    pub fn heights(&self, id: &ElectionId) -> Vec<Height> {
        self.index().heights(id).to_vec()
    }

    /// Final transactions whose ids begin like this; two at most, which is enough to know that it
    /// says too little.
    ///
    /// # Errors
    /// [`StorageError`] if their blocks cannot be read.
    pub fn transactions_with(&self, prefix: &[u8]) -> Result<Vec<TransactionId>, StorageError> {
        let mut found = Vec::new();
        for (height, place) in self.places(prefix) {
            let id = self.read(|read| transaction_at(read, height, place))?.0;
            if id.as_bytes().starts_with(prefix) {
                found.push(id);
            }
            if found.len() == 2 {
                break;
            }
        }
        Ok(found)
    }

    /// Where final transactions are whose ids begin with the same 8 bytes: heights, and places in
    /// the blocks. Nearly always one or none; the block says whether it is the one.
    pub fn places(&self, id: &[u8]) -> Vec<(Height, u32)> {
        self.index().places(id).collect()
    }

    /// A decided block, and what makes it final; none above the last. The block is that of the
    /// height and whole, and the certificate names it.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read, is missing, or is another.
    pub fn block(
        &self,
        height: Height,
    ) -> Result<Option<(Block, CommitCertificate)>, StorageError> {
        let row = self.read(|read| rows::block(read, height))?;
        Ok(row.map(
            |BlockRow {
                 block, certificate, ..
             }| (block.into_inner(), certificate),
        ))
    }

    /// Like [`Self::block`], with the block's canonical bytes, to be passed on.
    ///
    /// # Errors
    /// [`StorageError`] as by [`Self::block`].
    pub fn block_bytes(
        &self,
        height: Height,
    ) -> Result<Option<(Vec<u8>, CommitCertificate)>, StorageError> {
        let row = self.read(|read| rows::block(read, height))?;
        Ok(row.map(
            |BlockRow {
                 bytes, certificate, ..
             }| (bytes, certificate),
        ))
    }

    /// A final transaction's bytes, with the height of its block and the place in it.
    ///
    /// # Errors
    /// [`StorageError`] if its block cannot be read.
    pub fn transaction(
        &self,
        id: &TransactionId,
    ) -> Result<Option<(Vec<u8>, Height, u32)>, StorageError> {
        for (height, place) in self.places(id.as_bytes()) {
            let (found, bytes) = self.read(|read| transaction_at(read, height, place))?;
            if found == *id {
                return Ok(Some((bytes, height, place)));
            }
        }
        Ok(None)
    }

    /// The changes of the validator set in blocks below `before`, in order.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read, or do not fit their blocks.
    pub fn set_changes(&self, before: Height) -> Result<Vec<SetChange>, StorageError> {
        self.read(|read| rows::set_changes(read, before))
    }

    /// The block at a height in which a set hands over to the next; none if the set does not change
    /// there.
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
        self.read(rows::evidence)
    }

    /// How many of them there are; none of them is read.
    ///
    /// # Errors
    /// [`StorageError`] if that cannot be read.
    pub fn evidence_count(&self) -> Result<u64, StorageError> {
        self.read(|read| Ok(read.open_table(table::EVIDENCE)?.len()?))
    }
}

/// The transaction that the index says is at a place.
fn transaction_at(
    read: &ReadTransaction,
    height: Height,
    place: u32,
) -> Result<(TransactionId, Vec<u8>), Fault> {
    let row =
        rows::block(read, height)?.ok_or_else(|| Fault::row("blocks", height, "it is missing"))?;
    let at = usize::try_from(place).unwrap_or(usize::MAX);
    let bytes = row.block.into_inner().transactions.into_iter().nth(at);
    let bytes = bytes
        .ok_or_else(|| Fault::row("blocks", height, format!("it has no transaction {place}")))?
        .into_vec();
    Ok((TransactionId::of(&bytes), bytes))
}

/// The write-ahead log of a data directory; an empty one if it is not there.
fn open_wal(dir: &Path) -> Result<Box<dyn StorageBackend>, StorageError> {
    let path = dir.join(WAL);
    let open = || -> Result<FileBackend, Fault> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        // Its name must be as durable as what is written to it.
        File::open(dir)?.sync_all()?;
        Ok(FileBackend::new(file)?)
    };
    Ok(Box::new(open().map_err(|fault| fault.of(&path))?))
}

pub(crate) fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    // A file that was closed well is read whole too: what another program or the disk has done to
    // it since must not be believed.
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
