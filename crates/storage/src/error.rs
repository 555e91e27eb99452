//! What can go wrong with a disk.

use std::path::{Path, PathBuf};

use vote_chain::{Height, Version};

/// The ledger cannot be read or written. A node that meets one of these must stop.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process has it open.
    #[error("the ledger {0} is in use by another process")]
    InUse(PathBuf),
    /// There is one already.
    #[error("there is a ledger at {0} already")]
    Exists(PathBuf),
    /// Its content is not what was written.
    #[error(
        "the ledger {path} is damaged ({what}); move the ledger away, and start the node with a tracker or peer that has the \
         chain: it will fetch and verify it anew. A validator then signs nothing up to the height that its sign-state names"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// Written by another version of this program.
    #[error(
        "the ledger {path} has format {found}; this program reads format {wanted}. Use the program that wrote it; or move the ledger away, and \
         start the node with a tracker or peer that has the chain: it will fetch and verify it anew"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// Ours.
        wanted: u64,
    },
    /// A later program has written some of its blocks.
    #[error(
        "from block {from} on the ledger {path} goes by protocol version {version}, which this program does not have: use a newer release of it"
    )]
    NewProtocol {
        /// The file.
        path: PathBuf,
        /// The first block.
        from: Height,
        /// Its version.
        version: Version,
    },
    /// The disk, or the system, says no: it is full, broken, or not ours to use.
    #[error("the ledger {path} cannot be used: {source}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database says no, and it is neither damage nor the disk.
    #[error("the ledger {path} cannot be used: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: Box<redb::Error>,
    },
}

/// What goes wrong inside this crate, before it is said of which file.
#[derive(Debug)]
pub(crate) enum Fault {
    Damaged(String),
    NewProtocol(Height, Version),
    Disk(std::io::Error),
    Database(Box<redb::Error>),
}

impl Fault {
    /// A row whose value does not fit its key, or the rest.
    pub(crate) fn row(
        table: &str,
        key: impl std::fmt::Display,
        what: impl std::fmt::Display,
    ) -> Self {
        Self::Damaged(format!("{table}, row {key}: {what}"))
    }

    pub(crate) fn of(self, path: &Path) -> StorageError {
        let path = path.to_owned();
        match self {
            Self::Damaged(what) => StorageError::Damaged { path, what },
            Self::NewProtocol(from, version) => StorageError::NewProtocol {
                path,
                from,
                version,
            },
            Self::Disk(source) => StorageError::Disk { path, source },
            Self::Database(source) => StorageError::Database { path, source },
        }
    }
}

impl From<std::io::Error> for Fault {
    /// A file that ends before it should is damaged; the disk that it is on is not.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Disk(error),
        }
    }
}

impl From<redb::Error> for Fault {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::PreviousIo => Self::Disk(std::io::Error::other(error.to_string())),
            redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableDoesNotExist(_) => Self::Damaged(error.to_string()),
            error => Self::Database(Box::new(error)),
        }
    }
}

macro_rules! from_redb {
    ($($kind:ident)*) => {$(
        impl From<redb::$kind> for Fault {
            fn from(error: redb::$kind) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}

from_redb!(TransactionError TableError StorageError CommitError DatabaseError SetDurabilityError);
