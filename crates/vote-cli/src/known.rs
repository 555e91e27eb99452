//! The chain behind each socket, as it was when this voter first signed something for it: a node
//! that is on another chain later is not signed for until the voter says so. One small file for
//! each socket.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use vote_chain::ChainId;

use crate::credential::write_new;
use crate::failure::Failure;
use crate::files;

/// A chain's id and a path.
const FILE_BYTES_MAX: u64 = 8192;

fn file(data_dir: &Path, socket: &Path) -> PathBuf {
    let whole = std::path::absolute(socket).unwrap_or_else(|_| socket.to_owned());
    let name = hex::encode(&Sha256::digest(whole.as_os_str().as_encoded_bytes())[..16]);
    data_dir.join("chains").join(name)
}

/// The chain that was behind a socket; none if nothing was signed for it yet.
pub(crate) fn chain(data_dir: &Path, socket: &Path) -> Result<Option<ChainId>, Failure> {
    let path = file(data_dir, socket);
    let unreadable = |why: String| {
        let shown = path.display();
        Failure::Other(format!(
            "{shown}, which says what chain the node on {} is on, cannot be read: {why}. Say --chain ID, or remove the file if you trust the node",
            socket.display()
        ))
    };
    let bytes = match files::read(&path, FILE_BYTES_MAX) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(bytes) => bytes.ok_or_else(|| unreadable("it is too large".into()))?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let id = text.lines().next().unwrap_or_default().parse::<ChainId>();
    id.map(Some).map_err(|error| unreadable(error.to_string()))
}

/// Remembers the chain behind a socket.
pub(crate) fn remember(data_dir: &Path, socket: &Path, chain: &ChainId) -> Result<(), Failure> {
    let path = file(data_dir, socket);
    if path.exists() {
        return Ok(());
    }
    let content = format!(
        "{chain}\n{}\n",
        std::path::absolute(socket).unwrap_or_default().display()
    );
    match write_new(&path, content.as_bytes()) {
        // Another command has been quicker.
        Err(_) if path.exists() => Ok(()),
        done => done,
    }
}

/// What to do about a node that is on another chain than it was.
pub(crate) fn advice(data_dir: &Path, socket: &Path) -> String {
    format!(
        ". You have voted through this socket on the other chain. If the new one is right (ask its organiser for its id), say --chain ID; \
         to forget the old one, remove {}",
        file(data_dir, socket).display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_behind_a_socket_is_remembered_once_and_read_strictly() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, other) = (Path::new("/run/n1.sock"), Path::new("/run/n2.sock"));
        assert_eq!(chain(dir.path(), socket).unwrap(), None);
        let first = ChainId::default();
        let second = ChainId::new(vote_chain::Hash::from_bytes([7; 32]));
        remember(dir.path(), socket, &first).unwrap();
        remember(dir.path(), socket, &second).unwrap();
        assert_eq!(
            chain(dir.path(), socket).unwrap(),
            Some(first),
            "the first is kept"
        );
        assert_eq!(chain(dir.path(), other).unwrap(), None);
        std::fs::write(file(dir.path(), socket), "not a chain").unwrap();
        let refused = chain(dir.path(), socket).unwrap_err().to_string();
        assert!(
            refused.contains("/run/n1.sock") && refused.contains("--chain"),
            "{refused}"
        );
        assert!(advice(dir.path(), socket).contains(dir.path().to_str().unwrap()));
    }
}
