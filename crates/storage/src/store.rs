//! Opening, creating, reading.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable};
use serde::{Serialize, de::DeserializeOwned};
use vote_chain::{
    CommitCertificate, ElectionId, Genesis, Hash, Height, InvalidRows, PublicKey, Registry, Rows, SetChange, State,
    Tip, TransactionId, decode,
};

use crate::batch::Batch;
use crate::error::StorageError;
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

/// What a node goes on from.
#[derive(Debug)]
pub struct Loaded {
    /// The state after the last decided block.
    pub state: State,
    /// The log of the height after, in order.
    pub log: Vec<Vec<u8>>,
    /// The undecided blocks of that height.
    pub bodies: Vec<Vec<u8>>,
}

impl Store {
    /// Makes a new ledger in `dir`. It has its name only once it is whole: a crash in between leaves a file that
    /// [`Store::open`] discards.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if there is one; any other if the disk fails.
    pub fn create(dir: &Path, genesis: &Genesis) -> Result<Self, StorageError> {
        let (path, unfinished) = (dir.join(FILE), dir.join(UNFINISHED));
        if path.exists() {
            return Err(StorageError::Exists(path));
        }
        discard(&unfinished)?;
        let file = OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(&unfinished)?;
        let store =
            Self { database: builder().create_with_backend(FileBackend::new(file)?)?, path, genesis: genesis.clone() };
        store.begin()?.create(genesis)?;
        fs::rename(&unfinished, &store.path)?;
        File::open(dir)?.sync_all()?;
        Ok(store)
    }

    /// Opens the ledger in `dir`; none if there is none.
    ///
    /// # Errors
    /// [`StorageError`] if it is in use, damaged, of another format, or cannot be read.
    pub fn open(dir: &Path) -> Result<Option<Self>, StorageError> {
        let path = dir.join(FILE);
        discard(&dir.join(UNFINISHED))?;
        if !path.exists() {
            return Ok(None);
        }
        let database = match builder().open(&path) {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StorageError::InUse(path)),
            Err(DatabaseError::Storage(redb::StorageError::Io(error)))
                if error.kind() != std::io::ErrorKind::InvalidData
                    && error.kind() != std::io::ErrorKind::UnexpectedEof =>
            {
                return Err(StorageError::Io(error));
            }
            Err(error) => return Err(StorageError::Damaged { path, what: error.to_string() }),
        };
        let genesis = Self::read_genesis(&database, &path)?;
        Ok(Some(Self { database, path, genesis }))
    }

    fn read_genesis(database: &Database, path: &Path) -> Result<Genesis, StorageError> {
        let damaged = |what: &str| StorageError::Damaged { path: path.to_owned(), what: what.to_owned() };
        let read = database.begin_read()?;
        let meta = read.open_table(table::META).map_err(|_| damaged("it has no header"))?;
        let format = meta.get("format")?.and_then(|value| value.value().try_into().ok().map(u64::from_le_bytes));
        let found = format.ok_or_else(|| damaged("it has no format"))?;
        if found != FORMAT {
            return Err(StorageError::Format { path: path.to_owned(), found, wanted: FORMAT });
        }
        let genesis = meta.get("genesis")?.ok_or_else(|| damaged("it has no genesis"))?;
        decode(genesis.value()).map_err(|error| damaged(&format!("genesis: {error}")))
    }

    /// Where the chain begins.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Begins a batch of writes: all of them, or none.
    ///
    /// # Errors
    /// [`StorageError`] if the disk fails.
    pub fn begin(&self) -> Result<Batch<'_>, StorageError> {
        Batch::new(self)
    }

    fn damaged(&self, what: impl Into<String>) -> StorageError {
        StorageError::Damaged { path: self.path.clone(), what: what.into() }
    }

    fn value<T: Serialize + DeserializeOwned>(&self, bytes: &[u8], what: &str) -> Result<T, StorageError> {
        decode(bytes).map_err(|error| self.damaged(format!("{what}: {error}")))
    }

    /// Loads the state and the open height.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] if rows cannot be read, or the state root does not follow from them.
    pub fn load(&self) -> Result<Loaded, StorageError> {
        let read = self.database.begin_read()?;
        let state = self.load_state(&read)?;
        let height = state.tip().height.next().get();
        let mut log = Vec::new();
        for row in read.open_table(table::LOG)?.range((height, 0)..(height + 1, 0))? {
            log.push(row?.1.value().to_vec());
        }
        let mut bodies = Vec::new();
        for row in read.open_table(table::BODIES)?.range((height, [0; 32])..(height + 1, [0; 32]))? {
            bodies.push(row?.1.value().to_vec());
        }
        Ok(Loaded { state, log, bodies })
    }

    fn load_state(&self, read: &ReadTransaction) -> Result<State, StorageError> {
        let meta = read.open_table(table::META)?;
        let get = |key| -> Result<Vec<u8>, StorageError> {
            let row = meta.get(key)?.ok_or_else(|| self.damaged(format!("it has no {key}")))?;
            Ok(row.value().to_vec())
        };
        let tip: Tip = self.value(&get("tip")?, "tip")?;
        let registry: Registry = self.value(&get("registry")?, "registry")?;
        let mut rows = Rows {
            genesis: self.genesis.clone(),
            tip,
            registry,
            elections: BTreeMap::new(),
            log: BTreeMap::new(),
            ballots: BTreeMap::new(),
            counts: BTreeMap::new(),
        };
        for row in read.open_table(table::ELECTIONS)?.iter()? {
            let (key, value) = row?;
            rows.elections.insert(election(key.value()), self.value(value.value(), "election")?);
        }
        for row in read.open_table(table::ACTS)?.iter()? {
            let (key, value) = row?;
            let (id, place) = key.value();
            rows.log.insert((election(id), place), self.value(value.value(), "act")?);
        }
        for row in read.open_table(table::BALLOTS)?.iter()? {
            let (key, value) = row?;
            let (id, credential) = key.value();
            let key = (election(id), PublicKey::from_bytes(credential));
            rows.ballots.insert(key, self.value(value.value(), "ballot")?);
        }
        for row in read.open_table(table::COUNTS)?.iter()? {
            let (key, value) = row?;
            let (id, contest, selection) = key.value();
            rows.counts.insert((election(id), contest, self.value(selection, "selection")?), value.value());
        }
        let table = read.open_table(table::ROLLS)?;
        let parts = table.iter()?.map(|row| {
            let (key, value) = row?;
            Ok((election(key.value().0), self.value(value.value(), "roll")?))
        });
        State::restore(rows, parts).map_err(|fault| match fault {
            Unrestored::Rows(fault) => self.damaged(fault.to_string()),
            Unrestored::Storage(fault) => fault,
        })
    }

    /// The heights of the blocks that hold something of an election.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read.
    pub fn heights(&self, id: &ElectionId) -> Result<BTreeSet<Height>, StorageError> {
        let read = self.database.begin_read()?;
        let (table, id) = (read.open_table(table::ELECTION_BLOCKS)?, *id.as_bytes());
        table.range((id, 0)..=(id, u64::MAX))?.map(|row| Ok(Height::new(row?.0.value().1))).collect()
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
        let read = self.database.begin_read()?;
        let rows = read.open_table(table::TRANSACTIONS)?;
        rows.range(from..=to)?.take(2).map(|row| Ok(TransactionId::new(Hash::from_bytes(row?.0.value())))).collect()
    }

    /// A decided block, as canonical bytes, and what makes it final.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read.
    pub fn block(&self, height: Height) -> Result<Option<(Vec<u8>, CommitCertificate)>, StorageError> {
        let read = self.database.begin_read()?;
        let Some(block) = read.open_table(table::BLOCKS)?.get(height.get())? else { return Ok(None) };
        let certificates = read.open_table(table::CERTIFICATES)?;
        let certificate = certificates.get(height.get())?.ok_or_else(|| self.damaged("a block has no certificate"))?;
        Ok(Some((block.value().to_vec(), self.value(certificate.value(), "certificate")?)))
    }

    /// Where a final transaction is: the block's height, and the place in it.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<(Height, u32)>, StorageError> {
        let read = self.database.begin_read()?;
        let row = read.open_table(table::TRANSACTIONS)?.get(*id.as_bytes())?;
        Ok(row.map(|row| row.value()).map(|(height, index)| (Height::new(height), index)))
    }

    /// The changes of the validator set in blocks below `before`, in order.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read.
    pub fn set_changes(&self, before: Height) -> Result<Vec<SetChange>, StorageError> {
        let read = self.database.begin_read()?;
        let mut changes = Vec::new();
        for row in read.open_table(table::SET_CHANGES)?.range(..before.get())? {
            changes.push(self.value(row?.1.value(), "change of validators")?);
        }
        Ok(changes)
    }

    /// Every equivocation, with the height at which it was seen.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be read.
    pub fn evidence(&self) -> Result<Vec<(Height, Vec<u8>)>, StorageError> {
        let read = self.database.begin_read()?;
        let mut evidence = Vec::new();
        for row in read.open_table(table::EVIDENCE)?.iter()? {
            let (key, value) = row?;
            evidence.push((Height::new(key.value().0), value.value().to_vec()));
        }
        Ok(evidence)
    }
}

/// Why there is no state.
enum Unrestored {
    Rows(InvalidRows),
    Storage(StorageError),
}

impl From<InvalidRows> for Unrestored {
    fn from(fault: InvalidRows) -> Self {
        Self::Rows(fault)
    }
}

impl<E: Into<StorageError>> From<E> for Unrestored {
    fn from(fault: E) -> Self {
        Self::Storage(fault.into())
    }
}

fn election(id: [u8; 32]) -> ElectionId {
    ElectionId::new(Hash::from_bytes(id))
}

pub(crate) fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn discard(unfinished: &Path) -> Result<(), StorageError> {
    match fs::remove_file(unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
