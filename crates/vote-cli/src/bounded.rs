//! Files of others, read within bounds: a pipe or a device does not say how long it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads a file; none if it has more than `bytes_max`.
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let claimed = file.metadata()?.len().min(bytes_max);
    let mut bytes = Vec::with_capacity(usize::try_from(claimed).unwrap_or(0));
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= bytes_max).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_without_end_is_not_read_to_its_end() {
        assert_eq!(read(Path::new("/dev/zero"), 1000).unwrap(), None);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 1000]).unwrap();
        assert_eq!(read(file.path(), 1000).unwrap(), Some(vec![7; 1000]));
        assert_eq!(read(file.path(), 999).unwrap(), None);
    }
}
