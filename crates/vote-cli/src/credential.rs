//! Credential files: a private key in 64 hexadecimal digits, readable by its owner alone.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use vote_chain::SecretKey;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Reads a credential.
pub(crate) fn load(path: &Path) -> Result<SecretKey, Failure> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| {
        Failure::NotFound(format!("no credential at {shown}: {error}; make one with `vote-cli credential new`"))
    })?;
    if metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(Failure::NotEligible(format!(
            "the credential {shown} can be read by others (mode {mode:o}); run `chmod 600 {shown}`"
        )));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(Failure::other)?);
    let mut seed = Zeroizing::new([0; 32]);
    let read = hex::decode_to_slice(text.trim(), seed.as_mut_slice());
    read.map_err(|_| Failure::NotEligible(format!("{shown} is no credential file (64 hexadecimal digits)")))?;
    Ok(SecretKey::from_seed(&seed))
}

/// Makes a credential; never replaces one.
pub(crate) fn make(path: &Path) -> Result<SecretKey, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(Failure::other)?;
    write_new(path, Zeroizing::new(hex::encode(&seed)).as_bytes())?;
    Ok(SecretKey::from_seed(&seed))
}

/// Reads a credential, or makes it.
pub(crate) fn load_or_make(path: &Path) -> Result<SecretKey, Failure> {
    if path.exists() { load(path) } else { make(path) }
}

/// Writes a private file that does not exist yet: whole, or not at all.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        // Unlike a rename, a link fails if the name is taken.
        let linked = fs::hard_link(&temporary, path);
        fs::remove_file(&temporary)?;
        linked
    };
    write().map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::Other(format!("{} exists already and is kept; choose another file", path.display()))
        }
        _ => Failure::Other(format!("cannot write {}: {error}", path.display())),
    })
}
