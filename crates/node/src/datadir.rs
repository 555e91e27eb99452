//! The data directory: private, and one process's.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::exit::{Exit, Stop, cannot};

/// More is read of no private file.
const PRIVATE_BYTES_MAX: u64 = 64 * 1024;

/// Where a node's data goes if nothing else is said.
pub(crate) fn default() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    Ok(base
        .context("neither --data-dir nor HOME is set: say where the node's data goes")?
        .join("blockchain-voting")
        .join("node"))
}

/// A data directory that this process holds until it ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: Option<File>,
}

impl DataDir {
    /// Makes the directory if it is missing, and takes it for this process.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        make_private(path)?;
        let lock_path = path.join("lock");
        let mut options = OpenOptions::new();
        let lock = options
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path);
        let lock = lock.map_err(|error| cannot("open", &lock_path, error))?;
        Self::locked(path, lock)
    }

    /// Takes a directory of which nothing is to be changed. One in which no node has ever run has no
    /// lock, and gets none.
    pub(crate) fn take_as_it_is(path: &Path) -> Result<Self> {
        let lock_path = path.join("lock");
        match File::open(&lock_path) {
            Ok(lock) => Self::locked(path, lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self {
                path: path.to_owned(),
                _lock: None,
            }),
            Err(error) => Err(cannot("open", &lock_path, error)),
        }
    }

    fn locked(path: &Path, lock: File) -> Result<Self> {
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: Some(lock),
            }),
            Err(TryLockError::WouldBlock) => bail!(
                "the data directory {} is in use by another node; stop it, or choose another with --data-dir",
                path.display()
            ),
            Err(TryLockError::Error(error)) => Err(cannot("lock", path, error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Makes a directory that only its owner can enter.
pub(crate) fn make_private(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| cannot("make the directory", path, error))
}

/// Reads a file that nobody else may read; none if there is none. A private file has a few
/// kilobytes.
pub(crate) fn read_private(path: &Path) -> Result<Option<Vec<u8>>> {
    // Before it is opened: a pipe would be waited for.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let why = format!(
            "{} is no file, but a folder, a pipe or the like: put the file there, from a backup if need be",
            path.display()
        );
        return Err(Stop::new(Exit::Key, why).into());
    }
    let read = || -> io::Result<Option<(u32, Vec<u8>)>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mode = file.metadata()?.mode();
        let mut bytes = Vec::new();
        file.take(PRIVATE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Some((mode, bytes)))
    };
    let found = match read() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(cannot("read", path, error));
        }
        found => found,
    };
    let path = path.display();
    match found {
        Ok(Some((mode, _))) if mode & 0o077 != 0 => {
            let mode = mode & 0o777;
            let why = format!(
                "{path} can be read by others (mode {mode:o}); run `chmod 600 {path}`, and make a new key if others may have it"
            );
            Err(Stop::new(Exit::Key, why).into())
        }
        Ok(found) => Ok(found.map(|(_, bytes)| bytes)),
        Err(error) => Err(Stop::new(Exit::Key, format!("cannot read {path}: {error}")).into()),
    }
}

/// Writes a file that only its owner can read: whole, or not at all.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent()
            .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    };
    write().map_err(|error| cannot("write", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_or_pipe_in_place_of_a_private_file_is_named_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("sign-state");
        fs::create_dir(&folder).unwrap();
        let socket = dir.path().join("validator.key");
        let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [folder, socket] {
            let error = read_private(&path).unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Key);
            assert!(error.to_string().contains("is no file"), "{error}");
        }
        assert!(read_private(&dir.path().join("none")).unwrap().is_none());
    }

    #[test]
    fn folder_that_is_only_looked_at_is_locked_if_a_node_has_run_there_and_nothing_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let looked_at = DataDir::take_as_it_is(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        drop(looked_at);
        let node = DataDir::take(dir.path()).unwrap();
        let error = DataDir::take_as_it_is(dir.path()).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
        drop(node);
        let _looked_at = DataDir::take_as_it_is(dir.path()).unwrap();
        DataDir::take(dir.path()).unwrap_err();
    }
}
