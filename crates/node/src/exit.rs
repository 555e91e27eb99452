//! How the program ends, for whoever has started it.

use std::panic::PanicHookInfo;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use vote_storage::StorageError;

/// What the exit code says. A supervisor can start the node again after a failure, or once the disk has room; the others need a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Failed, for any reason that has no code of its own.
    Failure = 1,
    /// Called with options that it does not have.
    Usage = 2,
    /// A block is certified that conflicts with this node's ledger.
    Fork = 3,
    /// The ledger is not what was written.
    Damaged = 4,
    /// This node's validator key signs somewhere else too.
    KeyElsewhere = 5,
    /// The disk is full, broken, or not ours to use.
    Disk = 6,
}

impl Exit {
    const ALL: [Self; 7] =
        [Self::Done, Self::Failure, Self::Usage, Self::Fork, Self::Damaged, Self::KeyElsewhere, Self::Disk];

    const fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failure => "failure",
            Self::Usage => "usage",
            Self::Fork => "fork",
            Self::Damaged => "damaged ledger",
            Self::KeyElsewhere => "own key in use elsewhere",
            Self::Disk => "disk",
        }
    }

    /// All codes, for `--help`.
    pub(crate) fn help() -> String {
        let codes = Self::ALL.map(|exit| format!("{} {}", exit.code(), exit.words()));
        format!("Exit codes: {}", codes.join(", "))
    }

    /// The code.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// How a program ends that has met this error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let of_storage = error.chain().find_map(|cause| cause.downcast_ref::<StorageError>());
        match of_storage {
            Some(StorageError::Damaged { .. }) => Self::Damaged,
            Some(StorageError::Disk { .. }) => Self::Disk,
            Some(
                StorageError::InUse(_)
                | StorageError::Exists(_)
                | StorageError::Format { .. }
                | StorageError::Database { .. },
            )
            | None => Self::Failure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// From now on a panic of the database ends the process with the words and the code of a damaged ledger. The library panics on some pages
/// that were changed since they were checked; the process would end without advice, since it ends on every panic. Other panics are shown
/// as always.
pub(crate) fn call_database_panics_damage(ledger: PathBuf) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let Some(place) = panic.location().filter(|place| is_of_database(place.file())) else { return usual(panic) };
        let what = format!("the database fails at {}:{}: {}", place.file(), place.line(), message(panic));
        eprintln!("error: {}", StorageError::Damaged { path: ledger.clone(), what });
        std::process::exit(Exit::Damaged.code().into());
    }));
}

/// Whether a source file is redb's: under a folder `redb-4.6.0`, or `redb` where sources are kept without versions.
fn is_of_database(file: &str) -> bool {
    let is_folder = |part: Component<'_>| {
        let name = part.as_os_str().to_str().unwrap_or_default();
        name == "redb"
            || name.strip_prefix("redb-").is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
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

    use redb::{Database, TableDefinition, TypeName, Value, backends::InMemoryBackend};

    use super::*;

    #[test]
    fn error_of_the_ledger_has_its_code_under_whatever_is_said_before_it() {
        let path = PathBuf::from("ledger.redb");
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let disk = anyhow::Error::from(StorageError::Disk { path: path.clone(), source: full });
        assert_eq!(Exit::of(&disk.context("the ledger cannot be written")), Exit::Disk);
        let damaged = StorageError::Damaged { path, what: "a row".into() };
        assert_eq!(Exit::of(&anyhow::Error::from(damaged).context("one").context("two")), Exit::Damaged);
        assert_eq!(Exit::of(&anyhow::anyhow!("no tracker")), Exit::Failure);
    }

    #[test]
    fn sources_of_the_database_are_told_from_others() {
        assert!(is_of_database("/home/a/.cargo/registry/src/index.crates.io-1949/redb-4.6.0/src/table.rs"));
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
                let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
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
            let name =
                "exit::tests::panic_of_the_database_ends_with_the_words_and_the_code_of_damage_and_no_other_does";
            let mut child = Command::new(std::env::current_exe().unwrap());
            let done = child.args([name, "--exact", "--nocapture"]).env(CHILD, what).output().unwrap();
            (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
        };
        let (code, words) = run("database");
        assert_eq!(code, Some(Exit::Damaged.code().into()), "{words}");
        assert!(words.contains("the ledger /data/ledger.redb is damaged (the database fails at "), "{words}");
        assert!(words.contains("move the ledger away"), "{words}");
        let (code, words) = run("other");
        assert_ne!(code, Some(Exit::Damaged.code().into()), "{words}");
        assert!(words.contains("another one") && !words.contains("is damaged"), "{words}");
    }
}
