//! Disks in memory: one that fails at its k-th operation.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// A disk writes whole sectors, or the old ones stay.
const SECTOR: usize = 512;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It does nothing, and says so.
    Refused,
    /// It does the first half, and says that it has failed.
    Cut,
    /// The power goes while it is at it.
    Power,
}

#[derive(Debug, Default)]
struct Image {
    /// As the system shows it.
    current: Vec<u8>,
    /// What is on the disk for sure.
    synced: Vec<u8>,
    /// Writes, syncs, and changes of the length so far.
    operations: usize,
    /// The operation that fails, and how.
    fails: Option<(usize, Failure)>,
    /// No operation does anything any more.
    dead: bool,
}

/// A disk, and all that it has heard of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Image>>);

impl Disk {
    /// With this on it.
    pub(crate) fn with(bytes: Vec<u8>) -> Self {
        let image = Image { current: bytes.clone(), synced: bytes, ..Image::default() };
        Self(Arc::new(Mutex::new(image)))
    }

    /// The same, failing at the operation of that number, counted from 0.
    pub(crate) fn failing(self, at: usize, failure: Failure) -> Self {
        self.image().fails = Some((at, failure));
        self
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.image().dead
    }

    pub(crate) fn operations(&self) -> usize {
        self.image().operations
    }

    /// What the system would show.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.image().current.clone()
    }

    /// What is there after the machine has lost its power: of each sector written since the last sync, the old or the new content.
    pub(crate) fn after_power_cut(&self, seed: u64) -> Vec<u8> {
        let image = self.image();
        let mut bytes = image.synced.clone();
        bytes.resize(image.current.len().max(image.synced.len()), 0);
        for (at, (new, old)) in image.current.chunks(SECTOR).zip(bytes.chunks_mut(SECTOR)).enumerate() {
            let coin = (seed ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63;
            if coin == 1 {
                old[..new.len()].copy_from_slice(new);
            }
        }
        bytes
    }

    /// Does an operation, or fails as was arranged; `half` does a part of it.
    fn operate(&self, whole: impl FnOnce(&mut Image), half: impl FnOnce(&mut Image)) -> io::Result<()> {
        let mut image = self.image();
        let number = image.operations;
        image.operations += 1;
        if image.dead {
            return Err(io::Error::other("the disk is gone"));
        }
        match image.fails.filter(|(at, _)| *at == number) {
            None => {
                whole(&mut image);
                return Ok(());
            }
            Some((_, Failure::Refused)) => {}
            Some((_, Failure::Cut)) => half(&mut image),
            Some((_, Failure::Power)) => {
                half(&mut image);
                image.dead = true;
            }
        }
        Err(io::Error::other("the disk has failed"))
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("a small file")
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.image().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let image = self.image();
        let found = image.current.get(place(offset)..place(offset) + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.operate(|image| image.current.resize(place(len), 0), |_| {})
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate(|image| image.synced = image.current.clone(), |_| {})
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let put = |image: &mut Image, data: &[u8]| {
            image.current[place(offset)..place(offset) + data.len()].copy_from_slice(data);
        };
        self.operate(|image| put(image, data), |image| put(image, &data[..data.len() / 2]))
    }
}
