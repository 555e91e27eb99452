//! Moving bytes between nodes: one libp2p swarm in one task.
//!
//! The crate does not know what a block or a ballot is. It joins through trackers and without them,
//! keeps connections, gossips on three topics, carries questions and answers, and bounds all of it.
//! [`tracker`] is the other side of joining.

mod behaviour;
mod book;
mod codec;
mod config;
mod discover;
mod doors;
mod event;
mod handle;
mod limits;
mod places;
mod refused;
mod service;
mod topic;
pub mod tracker;
mod watched;

pub use book::known_peers;
pub use config::{Config, StartError, Transport};
pub use discover::{Chains, DiscoverError, discover};
pub use doors::Prefix;
pub use event::{Events, Gossip, PeerEvent, PeerInfo, Reply, Request, Verdict};
pub use handle::{Handle, PublishError, RequestError};
pub use libp2p::identity::Keypair;
pub use libp2p::{Multiaddr, PeerId};
pub use service::start;
pub use topic::Topic;
