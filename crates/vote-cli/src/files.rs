//! Files that are written whole or not at all, and never over another; and files of others, read
//! within bounds.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// What everybody may read, as far as the umask lets them.
pub(crate) const PUBLIC: u32 = 0o666;
/// What only its owner may read.
pub(crate) const PRIVATE: u32 = 0o600;

/// Names that are tried for a file that is not finished; each is one of 2^64.
const TRIES: usize = 4;

/// Writes a file that does not exist yet.
pub(crate) fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    write(path, content, mode).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::Other(format!(
            "{} exists already and is kept; choose another file",
            path.display()
        )),
        _ => Failure::Other(format!("cannot write {}: {error}", path.display())),
    })
}

fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let (unfinished, mut file) = unfinished(path, mode)?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| name(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Writes a file over one of ours that is there: the old content stays until the new one is whole.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let written = || {
        let (unfinished, mut file) = unfinished(path, mode)?;
        let written = file
            .write_all(content)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    };
    written().map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))
}

/// A file beside `path`, under a name that no other file has.
fn unfinished(path: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    let mut tries = 0;
    loop {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let unfinished = path.with_file_name(format!(".{}.new", hex::encode(random)));
        match OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(mode)
            .open(&unfinished)
        {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
            made => return Ok((unfinished, made?)),
        }
    }
}

/// Gives a file its name. Unlike a rename, a link fails if the name is taken; not every file system
/// has links.
fn name(unfinished: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(unfinished, path) {
        Ok(()) => fs::remove_file(unfinished),
        Err(_) if fs::symlink_metadata(path).is_ok() => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(unfinished, path),
    }
}

/// Reads a file; none if it has more than `bytes_max`. A pipe or a device does not say how long it
/// is.
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let claimed = file.metadata()?.len().min(bytes_max);
    let mut bytes = Vec::with_capacity(usize::try_from(claimed).unwrap_or(0));
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= bytes_max).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_written_beside_all_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (
            dir.path().join("board.archive"),
            dir.path().join("board.new"),
        );
        fs::write(&other, "mine").unwrap();
        write_new(&path, b"first", PUBLIC).unwrap();
        let again = write_new(&path, b"second", PUBLIC).unwrap_err().to_string();
        assert!(again.contains("exists already and is kept"), "{again}");
        assert_eq!(
            (fs::read(&path).unwrap(), fs::read(&other).unwrap()),
            (b"first".to_vec(), b"mine".to_vec())
        );
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            2,
            "nothing that is not finished stays"
        );
        assert!(write_new(&dir.path().join("no/folder"), b"", PUBLIC).is_err());
    }

    #[test]
    fn file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.receipt");
        fs::write(&path, "a longer first").unwrap();
        replace(&path, b"second", PRIVATE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing that is not finished stays"
        );
    }

    #[test]
    fn device_without_end_is_not_read_to_its_end() {
        assert_eq!(read(Path::new("/dev/zero"), 1000).unwrap(), None);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), [7; 1000]).unwrap();
        assert_eq!(read(file.path(), 1000).unwrap(), Some(vec![7; 1000]));
        assert_eq!(read(file.path(), 999).unwrap(), None);
    }
}
