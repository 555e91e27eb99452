//! Disks in memory: one that fails at its k-th operation.

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use super::script::genesis;
use crate::{Loaded, StorageError, Store, Unread};

/// Threads that read a ledger.
pub(crate) const CORES: NonZeroUsize = NonZeroUsize::new(2).unwrap();

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

/// What is on a disk: the ledger and its write-ahead log.
pub(crate) type Files = [Vec<u8>; 2];

#[derive(Debug, Default)]
struct Image {
    /// As the system shows them.
    current: Files,
    /// What is on the disk for sure.
    synced: Files,
    /// Writes, syncs, and changes of the length so far.
    operations: usize,
    /// The operation that fails, and how.
    fails: Option<(usize, Failure)>,
    /// No operation does anything any more.
    dead: bool,
}

/// A disk with two files, and all that it has heard of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Image>>);

/// One of its files.
#[derive(Clone, Debug)]
struct DiskFile {
    disk: Disk,
    number: usize,
}

impl Disk {
    /// With this on it.
    pub(crate) fn with(files: Files) -> Self {
        let image = Image {
            current: files.clone(),
            synced: files,
            ..Image::default()
        };
        Self(Arc::new(Mutex::new(image)))
    }

    fn file(&self, number: usize) -> DiskFile {
        DiskFile {
            disk: self.clone(),
            number,
        }
    }

    /// Makes a ledger on it.
    pub(crate) fn create(&self) -> Result<Unread, StorageError> {
        Unread::create_on(self.file(0), self.file(1), &genesis())
    }

    /// Opens the ledger on it.
    pub(crate) fn open(&self) -> Result<Unread, StorageError> {
        Unread::open_on(self.file(0), self.file(1))
    }

    /// Opens and loads the ledger on it.
    pub(crate) fn load(&self) -> Result<(Store, Loaded), StorageError> {
        self.open()?.load(CORES)
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
    pub(crate) fn files(&self) -> Files {
        self.image().current.clone()
    }

    /// What is there after the machine has lost its power: of each sector written since the last
    /// sync, the old or the new content.
    pub(crate) fn after_power_cut(&self, seed: u64) -> Files {
        let image = self.image();
        let mut files = image.synced.clone();
        for (file, current) in files.iter_mut().zip(&image.current) {
            file.resize(current.len().max(file.len()), 0);
            for (at, (new, old)) in current
                .chunks(SECTOR)
                .zip(file.chunks_mut(SECTOR))
                .enumerate()
            {
                let coin = (seed ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63;
                if coin == 1 {
                    old[..new.len()].copy_from_slice(new);
                }
            }
        }
        files
    }

    /// Does an operation, or fails as was arranged; `half` does a part of it.
    fn operate(
        &self,
        whole: impl FnOnce(&mut Image),
        half: impl FnOnce(&mut Image),
    ) -> io::Result<()> {
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

impl StorageBackend for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.image().current[self.number].len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let image = self.disk.image();
        let found = image.current[self.number].get(place(offset)..place(offset) + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.operate(
            |image| image.current[self.number].resize(place(len), 0),
            |_| {},
        )
    }

    fn sync_data(&self) -> io::Result<()> {
        let number = self.number;
        self.disk.operate(
            |image| image.synced[number] = image.current[number].clone(),
            |_| {},
        )
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let put = |image: &mut Image, data: &[u8]| {
            image.current[self.number][place(offset)..place(offset) + data.len()]
                .copy_from_slice(data);
        };
        self.disk.operate(
            |image| put(image, data),
            |image| put(image, &data[..data.len() / 2]),
        )
    }
}
