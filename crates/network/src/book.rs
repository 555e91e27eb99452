//! Peers met before, with their addresses. Kept on the disk, so that a node finds the others when no tracker answers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use libp2p::{Multiaddr, PeerId};

use crate::limits::{BOOK_ADDRESSES_MAX, BOOK_PEERS_MAX};

/// The peers in a file of peers met before; none if there is no such file.
pub fn known_peers(path: &Path) -> BTreeSet<PeerId> {
    Book::load(path).peers.into_keys().collect()
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    peers: BTreeMap<PeerId, Vec<Multiaddr>>,
    changed: bool,
}

impl Book {
    /// Learns where a peer says that it is reached.
    pub(crate) fn learn(&mut self, peer: PeerId, addresses: impl IntoIterator<Item = Multiaddr>) {
        let mut addresses: Vec<_> = addresses.into_iter().filter(|address| !address.is_empty()).collect();
        addresses.truncate(BOOK_ADDRESSES_MAX);
        if addresses.is_empty() || (self.peers.len() >= BOOK_PEERS_MAX && !self.peers.contains_key(&peer)) {
            return;
        }
        self.changed |= self.peers.get(&peer) != Some(&addresses);
        self.peers.insert(peer, addresses);
    }

    pub(crate) fn addresses(&self, peer: &PeerId) -> &[Multiaddr] {
        self.peers.get(peer).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Vec<Multiaddr>)> {
        self.peers.iter()
    }

    /// Reads a book; a line that is no address with a `/p2p/` part is skipped: addresses are hints, and peers prove
    /// who they are.
    pub(crate) fn load(path: &Path) -> Self {
        let mut peers: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        for line in text.lines().take(BOOK_PEERS_MAX * BOOK_ADDRESSES_MAX) {
            if let Some((peer, address)) = line.parse().ok().and_then(|address| crate::config::split(&address).ok()) {
                peers.entry(peer).or_default().push(address);
            }
        }
        Self { peers, changed: false }
    }

    /// Writes the book if it has changed: whole, or not at all.
    pub(crate) fn save(&mut self, path: &Path) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let line = |(peer, addresses): (&PeerId, &Vec<Multiaddr>)| {
            addresses.iter().map(|address| format!("{address}/p2p/{peer}\n")).collect::<String>()
        };
        let text: String = self.peers.iter().map(line).collect();
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
        let (peer, address) = (PeerId::random(), "/ip4/127.0.0.1/tcp/1".parse::<Multiaddr>().unwrap());
        let mut book = Book::default();
        book.learn(peer, [address.clone()]);
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
        assert!(book.iter().all(|(_, addresses)| addresses.len() <= BOOK_ADDRESSES_MAX));
    }
}
