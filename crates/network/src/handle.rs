//! The node's side of the swarm task.

use std::time::Duration;

use libp2p::gossipsub::MessageId;
use libp2p::request_response::ResponseChannel;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot};

use crate::codec::Parcel;
use crate::event::{Gossip, PeerInfo, Verdict};
use crate::limits::{PROOF_BYTES_MAX, SMALL_BYTES};
use crate::topic::Topic;

#[derive(Debug)]
pub(crate) enum Command {
    Publish(Topic, Vec<u8>),
    Request(
        PeerId,
        Parcel,
        oneshot::Sender<Result<Vec<u8>, RequestError>>,
    ),
    Respond(ResponseChannel<Parcel>, Parcel),
    Report(Topic, MessageId, PeerId, Verdict),
    Trust(PeerId),
    Prove(Vec<u8>),
    Disconnect(PeerId),
    Block(PeerId, Duration),
    Dial(PeerId, Multiaddr),
    Peers(oneshot::Sender<Vec<PeerInfo>>),
    ListenAddresses(oneshot::Sender<Vec<Multiaddr>>),
    Leave(oneshot::Sender<()>),
}

/// A message that was not taken for sending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// More than the topic allows.
    #[error("{0} bytes are more than {1:?} messages may have")]
    TooLarge(usize, Topic),
    /// The swarm does not keep up, or is gone.
    #[error("the network is busy or gone")]
    Busy,
}

/// A question that has brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The swarm does not keep up, or is gone.
    #[error("the network is busy or gone")]
    Busy,
    /// The peer is not connected, did not answer in time, or hung up.
    #[error("the peer gave no answer: {0}")]
    NoAnswer(String),
}

/// Speaks to the swarm. Clones share it; none of its methods but the `async` ones ever waits.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
}

impl Handle {
    /// Sends a message to all who listen on a topic; it waits if nobody is there yet.
    ///
    /// # Errors
    /// [`PublishError`] if it is not taken.
    pub fn publish(&self, topic: Topic, data: Vec<u8>) -> Result<(), PublishError> {
        if data.len() > topic.bytes_max() {
            return Err(PublishError::TooLarge(data.len(), topic));
        }
        self.commands
            .try_send(Command::Publish(topic, data))
            .map_err(|_| PublishError::Busy)
    }

    /// Asks one peer.
    ///
    /// # Errors
    /// [`RequestError`] if no answer comes in time.
    pub async fn request(&self, peer: PeerId, data: Vec<u8>) -> Result<Vec<u8>, RequestError> {
        self.put(peer, Parcel::own(data)).await
    }

    /// Asks one peer what has a short answer, of up to 4 KiB: a longer one is refused.
    ///
    /// # Errors
    /// [`RequestError`] if no answer comes in time.
    pub async fn request_short(
        &self,
        peer: PeerId,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, RequestError> {
        self.put(peer, Parcel::question(data, SMALL_BYTES)).await
    }

    /// Asks one peer; an answer of more bytes than these is refused.
    ///
    /// # Errors
    /// [`RequestError`] if no answer comes in time.
    pub async fn request_within(
        &self,
        peer: PeerId,
        data: Vec<u8>,
        answer_bytes_max: usize,
    ) -> Result<Vec<u8>, RequestError> {
        self.put(peer, Parcel::question(data, answer_bytes_max))
            .await
    }

    /// Tells one peer something, as a question that nobody waits for the answer to. Whether it
    /// arrives is not known.
    pub fn tell_one(&self, peer: PeerId, data: Vec<u8>) {
        let (answer, _) = oneshot::channel();
        self.tell(Command::Request(
            peer,
            Parcel::question(data, SMALL_BYTES),
            answer,
        ));
    }

    async fn put(&self, peer: PeerId, question: Parcel) -> Result<Vec<u8>, RequestError> {
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(Command::Request(peer, question, answer))
            .await
            .map_err(|_| RequestError::Busy)?;
        answered.await.unwrap_or(Err(RequestError::Busy))
    }

    /// Says what is to become of a gossiped message.
    pub fn report(&self, gossip: &Gossip, verdict: Verdict) {
        self.tell(Command::Report(
            gossip.topic,
            gossip.id.clone(),
            gossip.source,
            verdict,
        ));
    }

    /// A peer has proven the key of a validator: it has credit with gossip, as long as it is
    /// connected.
    pub fn trust(&self, peer: PeerId) {
        self.tell(Command::Trust(peer));
    }

    /// What proves to trackers that this node is a member of its chain, from now on; false if it
    /// has more than 64 KiB, which no tracker takes.
    pub fn prove_to_trackers(&self, proof: Vec<u8>) -> bool {
        let fits = proof.len() <= PROOF_BYTES_MAX;
        if fits {
            self.tell(Command::Prove(proof));
        }
        fits
    }

    /// Closes all connections to a peer; it may come back.
    pub fn disconnect(&self, peer: PeerId) {
        self.tell(Command::Disconnect(peer));
    }

    /// Closes all connections to a peer and takes none from it for a while.
    pub fn block(&self, peer: PeerId, time: Duration) {
        self.tell(Command::Block(peer, time));
    }

    /// Connects to a peer at an address.
    pub fn dial(&self, peer: PeerId, address: Multiaddr) {
        self.tell(Command::Dial(peer, address));
    }

    fn tell(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            tracing::debug!("a command was dropped: the swarm is busy or gone");
        }
    }

    /// The connected peers of this chain.
    pub async fn peers(&self) -> Vec<PeerInfo> {
        self.ask(Command::Peers).await.unwrap_or_default()
    }

    /// Where the node listens, without `/p2p/` parts.
    pub async fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.ask(Command::ListenAddresses).await.unwrap_or_default()
    }

    /// Unregisters at every tracker, closes all connections and ends the swarm.
    pub async fn leave(&self) {
        let _ = self.ask(Command::Leave).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.ok()?;
        answered.await.ok()
    }
}
