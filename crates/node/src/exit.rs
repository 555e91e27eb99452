//! How a node ends, told by its exit code: a supervisor must know whether to start it again.

use std::fmt;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use vote_storage::StorageError;

/// The exit codes; `node --help` and docs/operators.md list them.
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
    /// The disk is full, or a file on it cannot be used.
    Disk,
    /// The chain goes by a protocol version that this program does not have.
    NewProtocol,
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
  6  the disk is full, or a file on it cannot be used
  7  the chain goes by a protocol version that this program does not have
A supervisor must not start the node again after 3, 4, 5 or 7 (systemd: RestartPreventExitStatus=3 4 5 7):
each of them waits for a person.";

impl Exit {
    const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Fork => 3,
            Self::Damaged => 4,
            Self::Key => 5,
            Self::Disk => 6,
            Self::NewProtocol => 7,
        }
    }

    /// As the process ends with it.
    pub(crate) fn code(self) -> ExitCode {
        self.number().into()
    }

    /// The code for an error: that of the first [`Stop`] or error of the disk among its causes.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        error
            .chain()
            .find_map(Self::of_cause)
            .unwrap_or(Self::Failure)
    }

    fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(stop) = cause.downcast_ref::<Stop>() {
            return Some(stop.exit);
        }
        if let Some(fault) = cause.downcast_ref::<StorageError>() {
            return match fault {
                StorageError::Damaged { .. } => Some(Self::Damaged),
                StorageError::Disk { .. } => Some(Self::Disk),
                StorageError::NewProtocol { .. } => Some(Self::NewProtocol),
                StorageError::InUse(_)
                | StorageError::Exists(_)
                | StorageError::Format { .. }
                | StorageError::Database { .. } => None,
            };
        }
        cause
            .downcast_ref::<io::Error>()
            .filter(|error| is_of_the_disk(error))
            .map(|_| Self::Disk)
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
        Self {
            exit,
            why: why.into(),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Stop {}

/// What a file cannot be used for. If this user may not use it, the end has the code of a disk that
/// cannot be used; where nothing is listened on, no other permission can be lacking.
pub(crate) fn cannot(what: &str, path: &Path, error: io::Error) -> anyhow::Error {
    let path = path.display();
    if error.kind() == io::ErrorKind::PermissionDenied {
        let why = format!(
            "cannot {what} {path}: {error}. Run the program as the user whose the file is, or give the file to this user (chown)"
        );
        return Stop::new(Exit::Disk, why).into();
    }
    anyhow::Error::new(error).context(format!("cannot {what} {path}"))
}

/// From now on a panic of the database ends the process with the words and the code of a damaged
/// ledger. The library panics on some pages that were changed since they were checked; the process
/// would end without advice, since it ends on every panic. Other panics are shown as always.
pub(crate) fn call_database_panics_damage(ledger: PathBuf) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let Some(place) = panic
            .location()
            .filter(|place| is_of_database(place.file()))
        else {
            return usual(panic);
        };
        let what = format!(
            "the database fails at {}:{}: {}",
            place.file(),
            place.line(),
            message(panic)
        );
        let _ = writeln!(
            io::stderr(),
            "error: {}",
            StorageError::Damaged {
                path: ledger.clone(),
                what
            }
        );
        std::process::exit(Exit::Damaged.number().into());
    }));
}

/// Whether a source file is redb's: under a folder `redb-4.6.0`, or `redb` where sources are kept
/// without versions.
fn is_of_database(file: &str) -> bool {
    let is_folder = |part: Component<'_>| {
        let name = part.as_os_str().to_str().unwrap_or_default();
        name == "redb"
            || name
                .strip_prefix("redb-")
                .is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    };
    Path::new(file).components().any(is_folder)
}

fn message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    let fixed = || panic.payload().downcast_ref::<&str>().copied();
    let made = || panic.payload().downcast_ref::<String>().map(String::as_str);
    fixed().or_else(made).unwrap_or("it does not say why")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use anyhow::Context;
    use redb::{Database, TableDefinition, TypeName, Value, backends::InMemoryBackend};

    use super::*;

    #[test]
    fn code_is_that_of_the_cause_however_deep_it_lies() {
        let stop: anyhow::Result<()> = Err(Stop::new(Exit::Key, "the key runs elsewhere").into());
        assert_eq!(
            Exit::of(&stop.context("one").context("two").unwrap_err()),
            Exit::Key
        );
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let full: Result<(), StorageError> = Err(StorageError::Disk {
            path: "ledger.redb".into(),
            source,
        });
        assert_eq!(
            Exit::of(&full.context("the ledger cannot be written").unwrap_err()),
            Exit::Disk
        );
        let full: io::Result<()> = Err(io::ErrorKind::StorageFull.into());
        assert_eq!(
            Exit::of(&full.context("cannot write listen").unwrap_err()),
            Exit::Disk
        );
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let of_a_file = cannot("open", Path::new("/data/lock"), denied());
        assert_eq!(Exit::of(&of_a_file), Exit::Disk);
        assert!(of_a_file.to_string().contains("/data/lock"), "{of_a_file}");
        let of_a_port = Err::<(), _>(denied()).context("cannot listen");
        assert_eq!(Exit::of(&of_a_port.unwrap_err()), Exit::Failure);
        let missing: io::Result<()> = Err(io::ErrorKind::NotFound.into());
        assert_eq!(
            Exit::of(&missing.context("cannot read the genesis").unwrap_err()),
            Exit::Failure
        );
    }

    #[test]
    fn sources_of_the_database_are_told_from_others() {
        assert!(is_of_database(
            "/home/a/.cargo/registry/src/index.crates.io-1949/redb-4.6.0/src/table.rs"
        ));
        assert!(is_of_database("vendor/redb/src/table.rs"));
        assert!(!is_of_database("crates/storage/src/redb.rs"));
        assert!(!is_of_database("/home/redb-fan/storage/src/store.rs"));
    }

    /// A value that says it has 8 bytes and has 3: the database cannot go on.
    #[derive(Debug)]
    struct Odd;

    impl Value for Odd {
        type SelfType<'a> = Self;
        type AsBytes<'a> = [u8; 3];

        fn fixed_width() -> Option<usize> {
            Some(8)
        }

        fn from_bytes<'a>(_: &'a [u8]) -> Self
        where
            Self: 'a,
        {
            Self
        }

        fn as_bytes<'a, 'b: 'a>(_: &'a Self::SelfType<'b>) -> [u8; 3]
        where
            Self: 'b,
        {
            [0; 3]
        }

        fn type_name() -> TypeName {
            TypeName::new("odd")
        }
    }

    const CHILD: &str = "VOTE_NODE_TEST_PANIC";

    /// The process that panics is this test's own program, started once more.
    #[test]
    fn panic_of_the_database_ends_with_the_words_and_the_code_of_damage_and_no_other_does() {
        match std::env::var(CHILD).as_deref() {
            Ok("database") => {
                call_database_panics_damage("/data/ledger.redb".into());
                let database = Database::builder()
                    .create_with_backend(InMemoryBackend::new())
                    .unwrap();
                let write = database.begin_write().unwrap();
                let table = TableDefinition::<u64, Odd>::new("odd");
                for key in 0..1000 {
                    write.open_table(table).unwrap().insert(key, Odd).unwrap();
                }
                panic!("the database has taken all of it");
            }
            Ok(_) => {
                call_database_panics_damage("/data/ledger.redb".into());
                panic!("another one");
            }
            Err(_) => {}
        }
        let run = |what: &str| {
            let name = "exit::tests::panic_of_the_database_ends_with_the_words_and_the_code_of_damage_and_no_other_does";
            let mut child = Command::new(std::env::current_exe().unwrap());
            let done = child
                .args([name, "--exact", "--nocapture"])
                .env(CHILD, what)
                .output()
                .unwrap();
            (
                done.status.code(),
                String::from_utf8_lossy(&done.stderr).into_owned(),
            )
        };
        let (code, words) = run("database");
        assert_eq!(code, Some(Exit::Damaged.number().into()), "{words}");
        assert!(
            words.contains("the ledger /data/ledger.redb is damaged (the database fails at "),
            "{words}"
        );
        assert!(words.contains("move the ledger away"), "{words}");
        let (code, words) = run("other");
        assert_ne!(code, Some(Exit::Damaged.number().into()), "{words}");
        assert!(
            words.contains("another one") && !words.contains("is damaged"),
            "{words}"
        );
    }
}
