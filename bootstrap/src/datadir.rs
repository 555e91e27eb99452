//! The tracker's data directory: its key, its port, its socket.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use vote_network::Keypair;
use zeroize::Zeroizing;

/// The directory that was asked for, or the default one.
pub(crate) fn path(asked: Option<PathBuf>) -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let default =
        || set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    let default = || default().map(|base| base.join("blockchain-voting").join("bootstrap"));
    asked
        .or_else(default)
        .context("neither --data-dir nor HOME is set: say where the tracker's data goes")
}

/// Makes the directory if it is missing, and takes it for this process as long as the file is held.
pub(crate) fn take(dir: &Path) -> Result<File> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("cannot make the directory {}", dir.display()))?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(dir.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "the data directory {} is in use by another tracker; stop it, or choose another with --data-dir",
                dir.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Where the tracker's key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// It was there.
    Kept,
    /// It was made, in a directory that no tracker has used.
    New,
    /// It was made, in a directory that has had another, which nodes may know.
    Lost,
}

/// The tracker's key: read, or made. It is what keeps the tracker's address the same.
pub(crate) fn key(dir: &Path) -> Result<(Keypair, Identity)> {
    let path = dir.join("tracker.key");
    let mut seed = Zeroizing::new([0; 32]);
    let identity = if let Ok(metadata) = fs::metadata(&path) {
        let shown = path.display();
        if metadata.mode() & 0o077 != 0 {
            bail!(
                "{shown} can be read by others (mode {:o}); run `chmod 600 {shown}`",
                metadata.mode() & 0o777
            );
        }
        let text = Zeroizing::new(
            fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?,
        );
        hex::decode_to_slice(text.trim(), seed.as_mut_slice()).map_err(|_| {
            anyhow!("{shown} is not a key file; restore it, or move it away to get a new key and a new address")
        })?;
        Identity::Kept
    } else {
        getrandom::fill(seed.as_mut_slice())
            .map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
        let used = dir.join("settings").exists();
        write(&path, Zeroizing::new(hex::encode(&seed)).as_bytes())?;
        if used { Identity::Lost } else { Identity::New }
    };
    Ok((Keypair::ed25519_from_bytes(seed.as_mut_slice())?, identity))
}

/// Writes a private file: whole, or not at all.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
