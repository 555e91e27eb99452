//! What a node's network is given.

use std::path::PathBuf;

use libp2p::identity::Keypair;
use libp2p::{Multiaddr, PeerId};

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP with Noise and Yamux.
    Tcp,
    /// Within this process, for tests; Noise and Yamux all the same.
    Memory,
}

/// The settings of a node's network.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's identity: an ed25519 key.
    pub keypair: Keypair,
    /// The chain's id as text; only nodes of the same chain stay connected.
    pub chain: String,
    /// Where to listen.
    pub listen: Vec<Multiaddr>,
    /// Under which addresses others reach the node; where it listens if none.
    pub external: Vec<Multiaddr>,
    /// Trackers, each with its `/p2p/` part.
    pub trackers: Vec<Multiaddr>,
    /// Nodes to stay connected to, each with its `/p2p/` part.
    pub peers: Vec<Multiaddr>,
    /// File of peers met before: with it, a node finds the others when no tracker answers.
    pub peer_book: Option<PathBuf>,
    /// How bytes travel.
    pub transport: Transport,
}

/// The network cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// What the system says.
        reason: String,
    },
    /// An address that says not whom it belongs to.
    #[error("{0} has no /p2p/ part at its end: it does not say who should answer there")]
    NoPeerId(Multiaddr),
    /// A setting that libp2p refuses.
    #[error("the network cannot be set up: {0}")]
    Setup(String),
}

/// Splits `.../p2p/ID` into the address and the id.
pub(crate) fn split(address: &Multiaddr) -> Result<(PeerId, Multiaddr), StartError> {
    let mut bare = address.clone();
    match bare.pop() {
        Some(libp2p::multiaddr::Protocol::P2p(peer)) => Ok((peer, bare)),
        _ => Err(StartError::NoPeerId(address.clone())),
    }
}

/// Fails if another process listens there. libp2p shares ports, so that it can dial from the one
/// that it listens on; two nodes on one port would each get half of the calls.
pub(crate) fn check_port_free(address: &Multiaddr) -> Result<(), StartError> {
    use libp2p::multiaddr::Protocol;
    let mut parts = address.iter();
    let ip: std::net::IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    let Some(Protocol::Tcp(port @ 1..)) = parts.next() else {
        return Ok(());
    };
    let bound = std::net::TcpListener::bind((ip, port));
    bound.map(drop).map_err(|error| StartError::Listen {
        address: address.clone(),
        reason: error.to_string(),
    })
}
