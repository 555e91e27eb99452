//! Credential files: a private key in 64 hexadecimal digits, readable by its owner alone.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use vote_chain::SecretKey;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files;

/// Reads a credential.
pub(crate) fn load(path: &Path) -> Result<SecretKey, Failure> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| {
        Failure::NotFound(format!(
            "no credential at {shown}: {error}; make one with `vote-cli credential new`"
        ))
    })?;
    if metadata.is_dir() {
        return Err(Failure::Usage(format!(
            "{shown} is a folder: name the credential's file in it; `vote-cli credential new {}` makes one",
            path.join("NAME.key").display()
        )));
    }
    if metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(Failure::NotEligible(format!(
            "the credential {shown} can be read by others (mode {mode:o}); run `chmod 600 {shown}`"
        )));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(Failure::other)?);
    let mut seed = Zeroizing::new([0; 32]);
    let read = hex::decode_to_slice(text.trim(), seed.as_mut_slice());
    read.map_err(|_| {
        Failure::NotEligible(format!(
            "{shown} is no credential file (64 hexadecimal digits)"
        ))
    })?;
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
    if path.exists() {
        load(path)
    } else {
        make(path)
    }
}

/// Writes a private file that does not exist yet, and the folders that it is in: whole, or not at
/// all.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), Failure> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))?;
    }
    files::write_new(path, content, files::PRIVATE)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn folder_is_called_a_folder_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let Err(Failure::Usage(said)) = load(dir.path()) else {
            panic!("a folder is a credential")
        };
        assert!(
            said.contains("is a folder: name the credential's file in it"),
            "{said}"
        );
        assert!(!said.contains("chmod"), "{said}");
    }
}
