//! What can go wrong with a disk.

use std::path::PathBuf;

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
         chain: it will fetch and verify it anew. A validator no longer knows what it has signed: move validator.key away \
         too, and have the new key admitted in place of the old one"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// Written by another version of this program.
    #[error("the ledger {path} has format {found}; this program reads format {wanted}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// Ours.
        wanted: u64,
    },
    /// The system says no.
    #[error("the ledger cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// The database says no.
    #[error("the ledger cannot be used: {0}")]
    Database(#[source] Box<redb::Error>),
}

macro_rules! from_redb {
    ($($kind:ident)*) => {$(
        impl From<redb::$kind> for StorageError {
            fn from(error: redb::$kind) -> Self {
                match redb::Error::from(error) {
                    redb::Error::Io(error) => Self::Io(error),
                    error => Self::Database(Box::new(error)),
                }
            }
        }
    )*};
}

from_redb!(TransactionError TableError StorageError CommitError DatabaseError SetDurabilityError);
