//! The file that remembers what this node's validator key has signed, beside the ledger.
//!
//! Outside of the ledger, so that a ledger that is put back from an older copy does not take it
//! along. Two slots, written in turn and in place: a write that is torn leaves the other. The file
//! knows its own inode and when it was last written, which tells the folder that the node left from
//! a copy of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vote_chain::{ChainId, PublicKey, Timestamp, decode, encode};
use vote_consensus::{Folder, SignState};

use crate::clock::now;
use crate::datadir::read_private;
use crate::exit::{Exit, Stop, cannot};

/// Its name in the data directory.
pub(crate) const NAME: &str = "sign-state";

const UNFINISHED: &str = "sign-state.new";

const MAGIC: &[u8; 8] = b"BVSIGNS1";
/// Slots do not share a page, so that a torn write hits one.
const SLOT: usize = 4096;
const SLOTS: usize = 2;
/// Magic, number, length.
const HEAD: usize = 8 + 8 + 2;
const CHECKSUM: usize = 32;

/// The system says that a file was changed when it was written, to the tick of its clock. Whoever
/// copies another content over it, or moves it in from elsewhere, changes it later than that. In
/// milliseconds.
const CHANGED_LATER_MS: u64 = 10_000;

/// What a slot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    key: PublicKey,
    /// None until the node has a chain.
    chain: Option<ChainId>,
    state: SignState,
    inode: u64,
    /// When the file was made, in nanoseconds, if the file system knows it. Device numbers change
    /// from one start of a machine to the next, so they say nothing.
    born: Option<u64>,
    written_at: Timestamp,
}

/// The file of this node, open.
#[derive(Debug)]
pub(crate) struct SignFile {
    file: File,
    path: PathBuf,
    number: u64,
    content: Content,
}

/// What was found at the start.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: SignFile,
    pub(crate) folder: Folder,
}

impl SignFile {
    /// Makes the file for a key that has signed nothing on this chain that is not in `state`.
    pub(crate) fn create(
        dir: &Path,
        key: PublicKey,
        chain: Option<ChainId>,
        state: SignState,
    ) -> Result<Self> {
        let (path, temporary) = (dir.join(NAME), dir.join(UNFINISHED));
        let make = || -> io::Result<Self> {
            // It has its name only once it says something: zeros would be taken for damage.
            let new = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary);
            let file = new?;
            file.set_len((SLOT * SLOTS) as u64)?;
            let content = Content {
                key,
                chain,
                state,
                inode: 0,
                born: None,
                written_at: Timestamp::default(),
            };
            let mut made = Self {
                file,
                path: path.clone(),
                number: 0,
                content,
            };
            made.put(state)?;
            made.file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(dir)?.sync_all()?;
            Ok(made)
        };
        make().map_err(|error| cannot("write", &path, error))
    }

    /// Opens the file of this key; none if there is none.
    pub(crate) fn find(dir: &Path, key: &PublicKey) -> Result<Option<Found>> {
        let path = dir.join(NAME);
        let Some(bytes) = read_private(&path)? else {
            return Ok(None);
        };
        let shown = path.display();
        let Some(Slots {
            number,
            newest: content,
            whole,
        }) = read_slots(&bytes)
        else {
            let why = format!(
                "{shown} is damaged, and with it what this validator has signed. Restore it from the newest backup of the whole data \
                 directory, or give the node a new key: move sign-state and validator.key away, run `node key`, and have the new key \
                 admitted in place of the old one"
            );
            return Err(Stop::new(Exit::Key, why).into());
        };
        if content.key != *key {
            let why = format!(
                "{shown} belongs to the validator key {}, but validator.key holds {key}. Put the old key back; or, to go on with the \
                 new one, move sign-state away, and have the new key admitted in place of the old one",
                content.key
            );
            return Err(Stop::new(Exit::Key, why).into());
        }
        let file = open(&path)?;
        let folder = if whole && is_where_it_was(&file, &content)? {
            Folder::Left
        } else {
            Folder::Copied
        };
        Ok(Some(Found {
            file: Self {
                file,
                path,
                number,
                content,
            },
            folder,
        }))
    }

    /// The key in the file of a folder, if there is one that can be read.
    pub(crate) fn key_in(dir: &Path) -> Option<PublicKey> {
        let bytes = read_private(&dir.join(NAME)).ok()??;
        read_slots(&bytes).map(|slots| slots.newest.key)
    }

    pub(crate) const fn state(&self) -> SignState {
        self.content.state
    }

    /// Binds the file to a chain. A key may sign on several chains, but this file speaks of one.
    pub(crate) fn bind(&mut self, chain: ChainId) -> Result<()> {
        match self.content.chain {
            Some(bound) if bound != chain => {
                let why = format!(
                    "{} speaks of chain {bound}, but this is chain {chain}; move it away if this node is to have nothing to do with \
                     the other chain any more, or choose another --data-dir",
                    self.path.display()
                );
                Err(Stop::new(Exit::Key, why).into())
            }
            // It is written with the first signature. Until then the file says no less than it
            // knows.
            _ => {
                self.content.chain = Some(chain);
                Ok(())
            }
        }
    }

    /// Makes what was signed durable, before the signature is used.
    pub(crate) fn write(&mut self, state: SignState) -> Result<()> {
        let written = self.put(state);
        written.with_context(|| {
            format!(
                "cannot write {}; the node stops before it signs",
                self.path.display()
            )
        })
    }

    fn put(&mut self, state: SignState) -> io::Result<()> {
        let (inode, born) = identity(&self.file)?;
        let number = self.number + 1;
        let content = Content {
            state,
            inode,
            born,
            written_at: now(),
            ..self.content.clone()
        };
        self.file
            .write_all_at(&slot(number, &content), place(number))?;
        self.file.sync_data()?;
        self.number = number;
        self.content = content;
        Ok(())
    }
}

/// What this node's key has signed, as the running node keeps it.
#[derive(Debug)]
pub(crate) struct Signs {
    dir: PathBuf,
    key: PublicKey,
    chain: ChainId,
    /// None until it is known that the key has signed nothing: then the file is made.
    file: Option<SignFile>,
}

impl Signs {
    pub(crate) const fn new(
        dir: PathBuf,
        key: PublicKey,
        chain: ChainId,
        file: Option<SignFile>,
    ) -> Self {
        Self {
            dir,
            key,
            chain,
            file,
        }
    }

    /// Makes what was signed durable, before the signature is used.
    pub(crate) fn write(&mut self, state: SignState) -> Result<()> {
        match &mut self.file {
            Some(file) => file.write(state),
            None => {
                self.file = Some(SignFile::create(
                    &self.dir,
                    self.key,
                    Some(self.chain),
                    state,
                )?);
                Ok(())
            }
        }
    }
}

fn open(path: &Path) -> Result<File> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path);
    opened.map_err(|error| cannot("open", path, error))
}

fn place(number: u64) -> u64 {
    (number % SLOTS as u64) * SLOT as u64
}

fn slot(number: u64, content: &Content) -> Vec<u8> {
    let content = encode(content);
    let length = u16::try_from(content.len()).expect("a few hundred bytes");
    let mut bytes = Vec::with_capacity(SLOT);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&content);
    bytes.extend_from_slice(&Sha256::digest(&bytes));
    bytes
}

fn read_slot(bytes: &[u8]) -> Option<(u64, Content)> {
    let number = u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?);
    let length = usize::from(u16::from_be_bytes(bytes.get(16..HEAD)?.try_into().ok()?));
    let content = bytes.get(HEAD..HEAD + length)?;
    let checksum = bytes.get(HEAD + length..HEAD + length + CHECKSUM)?;
    let holds =
        bytes.starts_with(MAGIC) && *checksum == *Sha256::digest(bytes.get(..HEAD + length)?);
    if holds {
        Some((number, decode(content).ok()?))
    } else {
        None
    }
}

/// What a file says.
struct Slots {
    number: u64,
    newest: Content,
    /// Whether the write before the newest is there too. If not, one slot is damaged, and it may
    /// have been the newer one: content and checksum fit one sector, which no disk writes by half.
    whole: bool,
}

fn read_slots(bytes: &[u8]) -> Option<Slots> {
    let mut slots: Vec<_> = bytes
        .chunks(SLOT)
        .take(SLOTS)
        .filter_map(read_slot)
        .collect();
    slots.sort_by_key(|(number, _)| *number);
    let (number, newest) = slots.pop()?;
    let before = slots.pop().map_or(0, |(number, _)| number);
    Some(Slots {
        number,
        newest,
        whole: before + 1 == number,
    })
}

fn identity(file: &File) -> io::Result<(u64, Option<u64>)> {
    let metadata = file.metadata()?;
    let born = metadata
        .created()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok((
        metadata.ino(),
        born.and_then(|since| u64::try_from(since.as_nanos()).ok()),
    ))
}

/// Whether this is the file that the node wrote last, and nobody has changed it since.
fn is_where_it_was(file: &File, content: &Content) -> Result<bool> {
    let metadata = file.metadata()?;
    let changed_ms = u64::try_from(metadata.ctime())
        .unwrap_or(0)
        .saturating_mul(1000);
    let same = identity(file)? == (content.inode, content.born);
    Ok(same && changed_ms <= content.written_at.ms().saturating_add(CHANGED_LATER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::{BlockHash, Hash, Height, SecretKey};
    use vote_consensus::{Signed, Step};

    fn key(number: u8) -> PublicKey {
        SecretKey::from_seed(&[number; 32]).public()
    }

    fn state(height: u64) -> SignState {
        let block = Some(BlockHash::new(Hash::from_bytes([7; 32])));
        let last = Signed {
            height: Height::new(height),
            round: 0,
            step: Step::Precommit,
            block,
        };
        SignState {
            last: Some(last),
            ..SignState::default()
        }
    }

    fn found(dir: &Path) -> Found {
        SignFile::find(dir, &key(1)).unwrap().unwrap()
    }

    fn made(dir: &Path) -> SignFile {
        SignFile::create(dir, key(1), None, SignState::default()).unwrap()
    }

    #[test]
    fn what_was_signed_last_comes_back_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        assert!(SignFile::find(dir.path(), &key(1)).unwrap().is_none());
        let mut file = made(dir.path());
        for height in 1..10 {
            file.write(state(height)).unwrap();
            let found = found(dir.path());
            assert_eq!(
                (found.file.state(), found.folder),
                (state(height), Folder::Left)
            );
        }
        let metadata = fs::metadata(dir.path().join(NAME)).unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.len()), (0o600, 8192));
    }

    /// A power cut in the middle of a write leaves any part of it.
    #[test]
    fn torn_write_leaves_what_was_signed_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let mut file = made(dir.path());
        file.write(state(1)).unwrap();
        let before = fs::read(&path).unwrap();
        file.write(state(2)).unwrap();
        let after = fs::read(&path).unwrap();
        let changed: Vec<_> = (0..before.len())
            .filter(|at| before[*at] != after[*at])
            .collect();
        assert!(changed.iter().all(|at| at % SLOT < 512), "one sector");
        for until in &changed {
            let torn = [&after[..*until], &before[*until..]].concat();
            fs::write(&path, torn).unwrap();
            let found = found(dir.path());
            assert_eq!(found.file.state(), state(1), "torn at byte {until}");
            // What is not known to be the last word is as old as in a copy.
            let is_old = *until > changed[0];
            assert_eq!(found.folder == Folder::Copied, is_old, "byte {until}");
        }
        fs::write(&path, &after).unwrap();
        assert_eq!(found(dir.path()).file.state(), state(2));
    }

    #[test]
    fn flipped_byte_is_never_taken_for_something_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let mut file = made(dir.path());
        file.write(state(1)).unwrap();
        file.write(state(2)).unwrap();
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            let read = read_slots(&flipped).unwrap();
            assert!(
                [state(1), state(2)].contains(&read.newest.state),
                "byte {at}"
            );
        }
        for bytes in [
            Vec::new(),
            vec![0; 8192],
            b"scribble".to_vec(),
            vec![0xff; 70_000],
        ] {
            fs::write(&path, bytes).unwrap();
            let error = SignFile::find(dir.path(), &key(1)).unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Key);
            assert!(error.to_string().contains("is damaged"), "{error}");
        }
    }

    /// As if the power went before it has its name: what is in its way keeps it from that.
    #[test]
    fn file_has_its_name_only_once_it_says_something() {
        let dir = tempfile::tempdir().unwrap();
        let in_the_way = dir.path().join(NAME);
        fs::create_dir(&in_the_way).unwrap();
        fs::write(in_the_way.join("file"), "").unwrap();
        SignFile::create(dir.path(), key(1), None, state(1)).unwrap_err();
        let content = read_slots(&fs::read(dir.path().join(UNFINISHED)).unwrap())
            .unwrap()
            .newest;
        assert_eq!(content.state, state(1));
        fs::remove_dir_all(&in_the_way).unwrap();
        assert_eq!(
            SignFile::create(dir.path(), key(1), None, state(2))
                .unwrap()
                .state(),
            state(2)
        );
        let found = found(dir.path());
        assert_eq!((found.file.state(), found.folder), (state(2), Folder::Left));
    }

    #[test]
    fn copy_of_the_folder_is_told_from_the_folder_that_was_left() {
        let dir = tempfile::tempdir().unwrap();
        made(dir.path()).write(state(5)).unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::copy(dir.path().join(NAME), other.path().join(NAME)).unwrap();
        assert_eq!(found(other.path()).folder, Folder::Copied);
        assert_eq!(found(dir.path()).folder, Folder::Left);
        // Put back under the same name, by way of another.
        fs::rename(other.path().join(NAME), dir.path().join(NAME)).unwrap();
        assert_eq!(found(dir.path()).folder, Folder::Copied);
        // What is written next is written where it is.
        found(dir.path()).file.write(state(6)).unwrap();
        assert_eq!(found(dir.path()).folder, Folder::Left);
    }

    #[test]
    fn older_content_that_is_put_into_the_same_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let mut file = made(dir.path());
        file.write(state(5)).unwrap();
        let put_back = |age_ms: u64| {
            let written_at = Timestamp::from_ms(now().ms() - age_ms);
            let content = Content {
                written_at,
                ..file.content.clone()
            };
            file.file
                .write_all_at(&slot(file.number, &content), place(file.number))
                .unwrap();
            found(dir.path()).folder
        };
        assert_eq!(put_back(0), Folder::Left);
        assert_eq!(put_back(CHANGED_LATER_MS + 2000), Folder::Copied);
        assert!(path.exists());
    }

    #[test]
    fn file_of_another_key_or_chain_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let chain = |number| ChainId::new(Hash::from_bytes([number; 32]));
        let mut file = made(dir.path());
        file.bind(chain(1)).unwrap();
        file.write(state(1)).unwrap();
        let error = found(dir.path()).file.bind(chain(2)).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Key);
        let error = SignFile::find(dir.path(), &key(2)).unwrap_err();
        assert!(
            Exit::of(&error) == Exit::Key
                && error.to_string().contains("belongs to the validator key"),
            "{error}"
        );
        found(dir.path()).file.bind(chain(1)).unwrap();
    }
}
