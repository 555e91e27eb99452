//! How a node ends, told by its exit code: a supervisor must know whether to start it again.

use std::fmt;
use std::io;
use std::process::ExitCode;

use vote_storage::StorageError;

/// The exit codes; `node --help` and README.md list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It has done what it was asked.
    Done,
    /// Anything that has no code of its own; starting again may help.
    Failure,
    /// The command line or the config file is wrong.
    Usage,
    /// The network has a block that does not follow from this node's ledger.
    Fork,
    /// The ledger on the disk is not what was written.
    Damaged,
    /// The validator key is used elsewhere, or what it has signed is not known here.
    Key,
    /// The disk is full, or cannot be written.
    Disk,
}

/// After the options in `node --help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failure
  2  usage
  3  fork: the network has a block that does not follow from this ledger
  4  the ledger is damaged
  5  the validator key is used elsewhere, or what it has signed is not known here
  6  the disk is full, or cannot be written
A supervisor must not start the node again after 3, 4 or 5 (systemd: RestartPreventExitStatus=3 4 5):
each of them waits for a person.";

impl Exit {
    /// As the process ends with it.
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Fork => 3,
            Self::Damaged => 4,
            Self::Key => 5,
            Self::Disk => 6,
        })
    }

    /// The code for an error: that of the first [`Stop`] or error of the disk among its causes.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_cause).unwrap_or(Self::Failure)
    }

    fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(stop) = cause.downcast_ref::<Stop>() {
            return Some(stop.exit);
        }
        if let Some(fault) = cause.downcast_ref::<StorageError>() {
            return match fault {
                StorageError::Damaged { .. } => Some(Self::Damaged),
                StorageError::Disk { .. } => Some(Self::Disk),
                StorageError::InUse(_)
                | StorageError::Exists(_)
                | StorageError::Format { .. }
                | StorageError::Database { .. } => None,
            };
        }
        cause.downcast_ref::<io::Error>().filter(|error| is_of_the_disk(error)).map(|_| Self::Disk)
    }
}

fn is_of_the_disk(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    let kinds = [
        io::ErrorKind::StorageFull,
        io::ErrorKind::QuotaExceeded,
        io::ErrorKind::ReadOnlyFilesystem,
        io::ErrorKind::FileTooLarge,
    ];
    kinds.contains(&error.kind()) || error.raw_os_error() == Some(EIO)
}

/// An end with a code of its own.
#[derive(Debug)]
pub(crate) struct Stop {
    exit: Exit,
    why: String,
}

impl Stop {
    /// Says why, and what to do now.
    pub(crate) fn new(exit: Exit, why: impl Into<String>) -> Self {
        Self { exit, why: why.into() }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Stop {}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn code_is_that_of_the_cause_however_deep_it_lies() {
        let stop: anyhow::Result<()> = Err(Stop::new(Exit::Key, "the key runs elsewhere").into());
        assert_eq!(Exit::of(&stop.context("one").context("two").unwrap_err()), Exit::Key);
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let full: Result<(), StorageError> = Err(StorageError::Disk { path: "ledger.redb".into(), source });
        assert_eq!(Exit::of(&full.context("the ledger cannot be written").unwrap_err()), Exit::Disk);
        let full: io::Result<()> = Err(io::ErrorKind::StorageFull.into());
        assert_eq!(Exit::of(&full.context("cannot write listen").unwrap_err()), Exit::Disk);
        let missing: io::Result<()> = Err(io::ErrorKind::NotFound.into());
        assert_eq!(Exit::of(&missing.context("cannot read the genesis").unwrap_err()), Exit::Failure);
    }
}
