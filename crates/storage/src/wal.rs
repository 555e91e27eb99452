//! The write-ahead log: what has happened at the open height, in a file of its own beside the
//! ledger.
//!
//! A height is some turns of a few hundred bytes, and a block; the ledger's file would rewrite tens
//! of kilobytes for each turn. Here a turn is one frame, written in place and made durable with one
//! sync. The first frame of a height takes the place of the first of the height before: nothing is
//! deleted, since each frame's checksum goes over the one before it, and the first one's over the
//! last decided block.
//!
//! Reading ends at the first frame that does not fit. It may be torn, or damaged after it was
//! written: the file cannot tell. A validator whose last signature is not in what is left signs
//! nothing more at that height (the sign-state is a file of its own).

use std::path::{Path, PathBuf};

use redb::StorageBackend;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use vote_chain::{BlockHash, ChainId, Height, decode, encode};

use crate::error::{Fault, StorageError};

/// Of what entries say. A log of another version says nothing, as one of another height does.
const VERSION: &[u8] = b"BVWAL001";
/// More than the blocks and messages of any turn.
const TURN_BYTES_MAX: usize = 64 << 20;
/// Frames begin at multiples of this: a write that is torn tears no frame that was durable before.
const PAGE: u64 = 4096;
/// Length of the content, checksum.
const HEAD: usize = 4 + 32;
/// The file grows by so much, since a new length makes a sync dearer.
const GROWTH: u64 = 1 << 20;
/// A file that a height of many blocks has made longer than this is cut.
const KEPT: u64 = 16 << 20;

type Checksum = [u8; 32];

/// One write of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// What the engine wants to see again after a restart, in its own words.
    Log(ByteBuf),
    /// A block that may be decided.
    Body(ByteBuf),
}

/// The file, open, and the place after its last frame.
#[derive(Debug)]
pub(crate) struct Wal {
    file: Box<dyn StorageBackend>,
    path: PathBuf,
    chain: ChainId,
    height: Height,
    end: u64,
    /// The last checksum.
    last: Checksum,
}

impl Wal {
    /// Takes a file without reading it.
    pub(crate) fn new(file: Box<dyn StorageBackend>, path: PathBuf, chain: ChainId) -> Self {
        Self {
            file,
            path,
            chain,
            height: Height::GENESIS,
            end: 0,
            last: [0; 32],
        }
    }

    /// The height after a block is open; nothing is known of it yet.
    pub(crate) fn begin(&mut self, height: Height, parent: &BlockHash) {
        self.height = height;
        self.end = 0;
        self.last = Sha256::new()
            .chain_update(VERSION)
            .chain_update(self.chain.as_bytes())
            .chain_update(parent.as_bytes())
            .finalize()
            .into();
    }

    /// The height that is open.
    pub(crate) const fn height(&self) -> Height {
        self.height
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The entries of the height that has begun, in order; what is written next comes after them.
    pub(crate) fn read(&mut self) -> Result<Vec<Entry>, StorageError> {
        let read = self.read_frames();
        read.map_err(|fault| fault.of(&self.path))
    }

    fn read_frames(&mut self) -> Result<Vec<Entry>, Fault> {
        let length = self.file.len()?;
        let mut entries = Vec::new();
        while let Some((content, checksum)) = self.frame(length)? {
            let Ok(turn) = decode::<Vec<Entry>>(&content) else {
                break;
            };
            entries.extend(turn);
            self.end += size(content.len());
            self.last = checksum;
        }
        Ok(entries)
    }

    /// The content and the checksum of the frame after those that were read, if there is one that
    /// fits.
    fn frame(&self, length: u64) -> Result<Option<(Vec<u8>, Checksum)>, Fault> {
        let room = length.saturating_sub(self.end);
        if room < PAGE {
            return Ok(None);
        }
        let mut head = [0; HEAD];
        self.file.read(self.end, &mut head)?;
        let (bytes, checksum) = head.split_first_chunk::<4>().expect("HEAD is longer");
        let bytes = u32::from_le_bytes(*bytes) as usize;
        if bytes == 0 || bytes > TURN_BYTES_MAX || size(bytes) > room {
            return Ok(None);
        }
        let mut content = vec![0; bytes];
        self.file.read(self.end + HEAD as u64, &mut content)?;
        let found = self.checksum(&content);
        Ok((found == checksum).then_some((content, found)))
    }

    fn checksum(&self, content: &[u8]) -> Checksum {
        Sha256::new()
            .chain_update(self.last)
            .chain_update(content)
            .finalize()
            .into()
    }

    /// Makes the entries of a turn durable.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<(), StorageError> {
        let append = self.write(entries);
        append.map_err(|fault| fault.of(&self.path))
    }

    fn write(&mut self, entries: &[Entry]) -> Result<(), Fault> {
        let content = encode(&entries);
        let bytes = u32::try_from(content.len()).map_err(std::io::Error::other)?;
        let checksum = self.checksum(&content);
        let mut frame = Vec::with_capacity(HEAD + content.len());
        frame.extend(bytes.to_le_bytes());
        frame.extend(checksum);
        frame.extend(content);
        let end = self.end + size(frame.len() - HEAD);
        self.make_room(end)?;
        self.file.write(self.end, &frame)?;
        self.file.sync_data()?;
        self.end = end;
        self.last = checksum;
        Ok(())
    }

    fn make_room(&self, end: u64) -> Result<(), Fault> {
        let length = self.file.len()?;
        let is_too_long = self.end == 0 && length > KEPT;
        if end > length || is_too_long {
            self.file.set_len(end.next_multiple_of(GROWTH))?;
        }
        Ok(())
    }
}

/// What a frame takes of the file.
fn size(content: usize) -> u64 {
    ((HEAD + content) as u64).next_multiple_of(PAGE)
}
