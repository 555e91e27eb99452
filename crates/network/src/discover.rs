//! What chains a tracker knows: asked by a node that does not know its chain yet.

use std::time::Duration;

use futures::StreamExt;
use libp2p::core::{PeerRecord, SignedEnvelope};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Event, Message, ProtocolSupport};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{DialError, NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, ping};

use crate::behaviour::{self, swarm};
use crate::codec::{Opaque, Parcel, Room};
use crate::config::{StartError, Transport, split};
use crate::tracker::messages::{Answer, PROTOCOL, Question, decode, encode};

/// A tracker that does not say what it knows.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The address, or the system.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No connection.
    #[error("the tracker cannot be reached: {0}")]
    Dial(String),
    /// Another answers in its place.
    #[error("{0}")]
    Identity(String),
    /// A connection, but no answer.
    #[error("the tracker does not answer")]
    Silent,
    /// It does not say.
    #[error("the tracker refuses to say who is there: {0}")]
    Refused(String),
}

#[derive(NetworkBehaviour)]
struct Visitor {
    /// A tracker hangs up on those who do not answer its pings.
    ping: ping::Behaviour,
    questions: request_response::Behaviour<Opaque>,
}

/// Names of chains, each with nodes that are registered for it.
pub type Chains = Vec<(String, Vec<(PeerId, Vec<Multiaddr>)>)>;

/// The chains that a tracker knows, each with some of the nodes registered for it; or this one
/// alone, with none if nobody is there.
///
/// # Errors
/// [`DiscoverError`] if the tracker does not answer within `timeout`.
pub async fn discover(
    keypair: Keypair,
    tracker: &Multiaddr,
    chain: Option<&str>,
    timeout: Duration,
) -> Result<Chains, DiscoverError> {
    let (peer, address) = split(tracker)?;
    let transport = if address.to_string().starts_with("/memory/") {
        Transport::Memory
    } else {
        Transport::Tcp
    };
    let questions = behaviour::requests(PROTOCOL, &Room::default(), ProtocolSupport::Outbound)?;
    let visitor = Visitor {
        ping: behaviour::ping(),
        questions,
    };
    let mut swarm = swarm(keypair, transport, visitor)?;
    let options = DialOpts::peer_id(peer).addresses(vec![address]).build();
    swarm
        .dial(options)
        .map_err(|error| DiscoverError::Dial(error.to_string()))?;
    tokio::time::timeout(timeout, ask(&mut swarm, peer, chain))
        .await
        .unwrap_or(Err(DiscoverError::Silent))
}

async fn ask(
    swarm: &mut Swarm<Visitor>,
    tracker: PeerId,
    chain: Option<&str>,
) -> Result<Chains, DiscoverError> {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { .. } => {
                let question =
                    chain.map_or(Question::Chains, |chain| Question::Nodes(chain.to_owned()));
                swarm
                    .behaviour_mut()
                    .questions
                    .send_request(&tracker, Parcel::own(encode(&question)));
            }
            SwarmEvent::OutgoingConnectionError {
                error: DialError::WrongPeerId { obtained, address },
                ..
            } => {
                return Err(DiscoverError::Identity(identity_changed(
                    &address, &obtained,
                )));
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => {
                return Err(DiscoverError::Dial(error.to_string()));
            }
            SwarmEvent::Behaviour(VisitorEvent::Questions(event)) => match event {
                Event::Message {
                    message: Message::Response { response, .. },
                    ..
                } => {
                    return chains(&response.data, chain);
                }
                Event::OutboundFailure { error, .. } => {
                    return Err(DiscoverError::Refused(error.to_string()));
                }
                _ => {}
            },
            _ => {}
        }
    }
}

fn chains(answer: &[u8], chain: Option<&str>) -> Result<Chains, DiscoverError> {
    let found = match decode(answer) {
        Ok(Answer::Chains(found)) => found,
        Ok(Answer::Nodes(nodes)) => vec![(chain.unwrap_or_default().to_owned(), nodes)],
        Ok(Answer::Refused(reason)) | Err(reason) => return Err(DiscoverError::Refused(reason)),
        Ok(_) => return Err(DiscoverError::Refused("it answers another question".into())),
    };
    let node = |record: Vec<u8>| {
        let signed = SignedEnvelope::from_protobuf_encoding(&record).ok()?;
        let record = PeerRecord::from_signed_envelope(signed).ok()?;
        Some((record.peer_id(), record.addresses().to_vec()))
    };
    let nodes = |records: Vec<serde_bytes::ByteBuf>| {
        records
            .into_iter()
            .filter_map(|record| node(record.into_vec()))
            .collect()
    };
    Ok(found
        .into_iter()
        .map(|(chain, records)| (chain, nodes(records)))
        .collect())
}

/// Says that somebody else answers where a tracker should, and what to do.
pub(crate) fn identity_changed(address: &Multiaddr, found: &PeerId) -> String {
    let bare: Multiaddr = address
        .iter()
        .filter(|part| !matches!(part, libp2p::multiaddr::Protocol::P2p(_)))
        .collect();
    format!(
        "at {bare} answers another tracker than the one that this node was told of: {found}. \
         If whoever runs it confirms that it has a new key, restart this node with --bootstrap {bare}/p2p/{found}"
    )
}
