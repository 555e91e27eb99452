//! Peers met before, with their addresses. Kept on the disk, so that a node finds the others when
//! no tracker answers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use libp2p::{Multiaddr, PeerId};

use crate::limits::{BOOK_ADDRESSES_MAX, BOOK_PEERS_MAX, BOOK_PROVEN_MAX, BOOK_REACHED_MAX};

/// The peers in a file of peers met before; none if there is no such file.
pub fn known_peers(path: &Path) -> BTreeSet<PeerId> {
    Book::load(path).peers.into_keys().collect()
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    peers: BTreeMap<PeerId, Entry>,
    sequence: u64,
    changed: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    addresses: Vec<Multiaddr>,
    standing: Standing,
    /// When it was learnt of, or reached last: the greater, the later.
    number: u64,
}

/// What is known of a peer: whoever stands lowest is the first to be forgotten, and the last to be
/// dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// Others have told of it.
    #[default]
    Hint,
    /// This node has been connected to it, now or earlier.
    Reached,
    /// It has proven the key of a validator.
    Proven,
}

/// In the file, behind the address of a peer that has proven the key of a validator.
const PROVEN: &str = "validator";

impl Book {
    /// Learns where a peer says that it is reached.
    pub(crate) fn learn(&mut self, peer: PeerId, addresses: impl IntoIterator<Item = Multiaddr>) {
        let mut addresses: Vec<_> = addresses
            .into_iter()
            .filter(|address| !address.is_empty())
            .collect();
        addresses.truncate(BOOK_ADDRESSES_MAX);
        if addresses.is_empty() || (!self.peers.contains_key(&peer) && !self.has_room()) {
            return;
        }
        self.sequence += 1;
        let new = || Entry {
            number: self.sequence,
            ..Entry::default()
        };
        let entry = self.peers.entry(peer).or_insert_with(new);
        self.changed |= entry.standing > Standing::Hint && entry.addresses != addresses;
        entry.addresses = addresses;
    }

    /// This node is connected to a peer of its chain. Of those that have proven nothing, so many
    /// count as reached, the last ones: a stranger can come under many names.
    pub(crate) fn reached(&mut self, peer: &PeerId) {
        self.raise(peer, Standing::Reached);
        self.lower_oldest(Standing::Reached, BOOK_REACHED_MAX);
    }

    /// A peer has proven the key of a validator. Of these too so many count, the last ones: a
    /// validator can come under many names as well.
    pub(crate) fn proven(&mut self, peer: &PeerId) {
        self.raise(peer, Standing::Proven);
        self.lower_oldest(Standing::Proven, BOOK_PROVEN_MAX);
    }

    fn lower_oldest(&mut self, standing: Standing, max: usize) {
        let all = self
            .peers
            .values_mut()
            .filter(|entry| entry.standing == standing);
        let mut all: Vec<_> = all.collect();
        if all.len() > max {
            all.sort_unstable_by_key(|entry| entry.number);
            all[0].standing = Standing::Hint;
        }
    }

    fn raise(&mut self, peer: &PeerId, standing: Standing) {
        let Some(entry) = self.peers.get_mut(peer) else {
            return;
        };
        self.sequence += 1;
        entry.number = self.sequence;
        self.changed |= entry.standing < standing;
        entry.standing = entry.standing.max(standing);
    }

    /// Makes room by forgetting whom nobody has reached, the longest known first; false if all have
    /// a higher standing.
    fn has_room(&mut self) -> bool {
        if self.peers.len() < BOOK_PEERS_MAX {
            return true;
        }
        let hints = self
            .peers
            .iter()
            .filter(|(_, entry)| entry.standing == Standing::Hint);
        let oldest = hints
            .min_by_key(|(_, entry)| entry.number)
            .map(|(peer, _)| *peer);
        oldest.is_some_and(|oldest| self.peers.remove(&oldest).is_some())
    }

    pub(crate) fn addresses(&self, peer: &PeerId) -> &[Multiaddr] {
        self.peers.get(peer).map_or(&[], |entry| &entry.addresses)
    }

    /// Whether a peer has proven the key of a validator.
    pub(crate) fn is_proven(&self, peer: &PeerId) -> bool {
        self.peers
            .get(peer)
            .is_some_and(|entry| entry.standing == Standing::Proven)
    }

    /// All of them, those of the highest standing first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Vec<Multiaddr>)> {
        let some = |standing| {
            self.peers
                .iter()
                .filter(move |(_, entry)| entry.standing == standing)
        };
        let all = some(Standing::Proven)
            .chain(some(Standing::Reached))
            .chain(some(Standing::Hint));
        all.map(|(peer, entry)| (peer, &entry.addresses))
    }

    /// Reads a book; a line that is no address with a `/p2p/` part is skipped: addresses are hints,
    /// and peers prove who they are.
    pub(crate) fn load(path: &Path) -> Self {
        let mut peers: BTreeMap<PeerId, Entry> = BTreeMap::new();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        for line in text.lines().take(BOOK_PEERS_MAX * BOOK_ADDRESSES_MAX) {
            let (address, word) = line.split_once(' ').unwrap_or((line, ""));
            if let Some((peer, address)) = address
                .parse()
                .ok()
                .and_then(|address| crate::config::split(&address).ok())
            {
                let entry = peers.entry(peer).or_default();
                entry.addresses.push(address);
                entry.standing = if word == PROVEN {
                    Standing::Proven
                } else {
                    Standing::Reached
                };
            }
        }
        Self {
            peers,
            sequence: 0,
            changed: false,
        }
    }

    /// Writes the peers that were reached, if they have changed: all of them, or nothing.
    pub(crate) fn save(&mut self, path: &Path) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let line = |(peer, entry): (&PeerId, &Entry)| {
            let word = if entry.standing == Standing::Proven {
                format!(" {PROVEN}")
            } else {
                String::new()
            };
            entry
                .addresses
                .iter()
                .map(|address| format!("{address}/p2p/{peer}{word}\n"))
                .collect::<String>()
        };
        let text: String = self
            .peers
            .iter()
            .filter(|(_, entry)| entry.standing > Standing::Hint)
            .map(line)
            .collect();
        let temporary = path.with_extension("new");
        std::fs::write(&temporary, text)?;
        std::fs::rename(&temporary, path)?;
        self.changed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn book_comes_back_from_the_disk_and_skips_what_is_no_address() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("peers");
        let (peer, address) = (
            PeerId::random(),
            "/ip4/127.0.0.1/tcp/1".parse::<Multiaddr>().unwrap(),
        );
        let mut book = Book::default();
        book.learn(peer, [address.clone()]);
        book.reached(&peer);
        book.save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("nonsense\n/ip4/1.2.3.4/tcp/5\n{text}")).unwrap();
        assert_eq!(Book::load(&path).addresses(&peer), &[address]);
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let mut book = Book::default();
        for port in 1..2000 {
            let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
            book.learn(PeerId::random(), vec![address; 100]);
        }
        assert_eq!(book.iter().count(), BOOK_PEERS_MAX);
        assert!(
            book.iter()
                .all(|(_, addresses)| addresses.len() <= BOOK_ADDRESSES_MAX)
        );
    }

    #[test]
    fn peers_that_were_reached_stay_whatever_strangers_say_and_only_they_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("peers");
        let (known, newcomer) = (PeerId::random(), PeerId::random());
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let mut book = Book::default();
        book.learn(known, [address.clone()]);
        book.reached(&known);
        for _ in 0..2 * BOOK_PEERS_MAX {
            book.learn(PeerId::random(), [address.clone()]);
        }
        book.learn(newcomer, [address]);
        assert_eq!(book.iter().count(), BOOK_PEERS_MAX);
        assert_eq!(
            book.iter().next().map(|(peer, _)| *peer),
            Some(known),
            "it is dialled first"
        );
        assert!(
            !book.addresses(&newcomer).is_empty(),
            "there is room for who comes after them"
        );
        book.save(&path).unwrap();
        assert_eq!(known_peers(&path), [known].into());
    }

    #[test]
    fn validator_that_has_proven_its_key_stays_whoever_connects_and_is_dialled_first_after_a_restart()
     {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("peers");
        let validator = PeerId::random();
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let mut book = Book::default();
        book.learn(validator, [address.clone()]);
        book.reached(&validator);
        book.proven(&validator);
        for _ in 0..2 * BOOK_PEERS_MAX {
            let stranger = PeerId::random();
            book.learn(stranger, [address.clone()]);
            book.reached(&stranger);
        }
        let (newcomer, follower) = (PeerId::random(), PeerId::random());
        book.learn(newcomer, [address.clone()]);
        assert!(
            !book.addresses(&newcomer).is_empty(),
            "strangers leave room for others"
        );
        book.learn(follower, [address]);
        book.reached(&follower);
        book.save(&path).unwrap();
        let book = Book::load(&path);
        assert_eq!(book.iter().next().map(|(peer, _)| *peer), Some(validator));
        assert!(
            !book.addresses(&follower).is_empty(),
            "whoever was reached last is kept"
        );
        assert_eq!(book.iter().count(), BOOK_REACHED_MAX + 1);
    }
}
