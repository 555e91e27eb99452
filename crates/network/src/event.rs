//! What the network tells the node.

use libp2p::gossipsub::MessageId;
use libp2p::request_response::ResponseChannel;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::codec::{Parcel, Room, Share};
use crate::doors::Prefix;
use crate::handle::Command;
use crate::topic::Topic;

/// The events of a network, apart by urgency. Each queue is bounded; what does not fit is dropped
/// and counted. That of the news of peers is so long that it holds all, unless the node stands
/// still.
pub struct Events {
    /// Gossip on [`Topic::Consensus`] and [`Topic::Blocks`].
    pub consensus: mpsc::Receiver<Gossip>,
    /// Gossip on [`Topic::Transactions`].
    pub transactions: mpsc::Receiver<Gossip>,
    /// Questions of peers.
    pub requests: mpsc::Receiver<Request>,
    /// Who has come and gone.
    pub peers: mpsc::Receiver<PeerEvent>,
}

/// A gossiped message. It goes no further before [`crate::Handle::report`] says so.
#[derive(Debug)]
pub struct Gossip {
    /// What it is about.
    pub topic: Topic,
    /// The peer that passed it on; not its author.
    pub source: PeerId,
    /// The bytes.
    pub data: Vec<u8>,
    pub(crate) id: MessageId,
    /// Its room among all gossip that the node has not dealt with, until this is dropped.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// What is to become of a gossiped message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Pass it on.
    Accept,
    /// Do not, but nobody is to blame.
    Ignore,
    /// Do not; no honest peer would have passed it on.
    Reject,
}

/// A peer's question.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub from: PeerId,
    /// The question.
    pub data: Vec<u8>,
    /// To answer; dropped, the asker sees a failure.
    pub reply: Reply,
    /// Its room among the questions of all peers, until this is dropped.
    pub(crate) _room: Vec<OwnedSemaphorePermit>,
}

/// Carries one answer.
#[derive(Debug)]
pub struct Reply {
    pub(crate) channel: ResponseChannel<Parcel>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) room: Room,
    /// The asker's part of it.
    pub(crate) share: Share,
}

impl Reply {
    /// Sends the answer. It is dropped if the swarm is too busy, if the asker has not taken two
    /// large ones of before, or if answers that peers do not take fill all the room.
    pub fn send(self, data: Vec<u8>) {
        let Some(data) = self.room.for_answer(&self.share, data) else {
            return tracing::debug!(
                "an answer was dropped: peers do not take those that they have asked for"
            );
        };
        if self
            .commands
            .try_send(Command::Respond(self.channel, data))
            .is_err()
        {
            tracing::debug!("an answer was dropped: the swarm is busy or gone");
        }
    }
}

/// News of peers and trackers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// A node of this chain is connected, from this prefix; none if it is on this machine.
    Connected(PeerId, Option<Prefix>),
    /// It is not any more.
    Disconnected(PeerId),
    /// A tracker has this node on its list.
    Registered {
        /// The tracker.
        tracker: PeerId,
    },
    /// A tracker does not have this node on its list; it is tried again.
    NotRegistered {
        /// The tracker.
        tracker: PeerId,
        /// Why, and what to do if it does not pass.
        problem: String,
    },
}

/// A connected peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Who.
    pub peer: PeerId,
    /// Where it says that it is reached.
    pub addresses: Vec<Multiaddr>,
}
