//! What chains a tracker knows: asked by a node that does not know its chain yet.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, ping, rendezvous};

use crate::behaviour::{self, swarm};
use crate::config::{StartError, Transport, split};

/// A tracker that does not say what it knows.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The address, or the system.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No connection.
    #[error("the tracker cannot be reached: {0}")]
    Dial(String),
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
    rendezvous: rendezvous::client::Behaviour,
}

/// The chains that a tracker knows, each with the nodes registered for it.
///
/// # Errors
/// [`DiscoverError`] if the tracker does not answer within `timeout`.
pub async fn discover(
    keypair: Keypair,
    tracker: &Multiaddr,
    timeout: Duration,
) -> Result<Vec<(String, Vec<(PeerId, Vec<Multiaddr>)>)>, DiscoverError> {
    let (peer, address) = split(tracker)?;
    let transport = if address.to_string().starts_with("/memory/") { Transport::Memory } else { Transport::Tcp };
    let rendezvous = rendezvous::client::Behaviour::new(keypair.clone());
    let visitor = Visitor { ping: behaviour::ping(), rendezvous };
    let mut swarm = swarm(keypair, transport, visitor)?;
    let options = DialOpts::peer_id(peer).addresses(vec![address]).build();
    swarm.dial(options).map_err(|error| DiscoverError::Dial(error.to_string()))?;
    tokio::time::timeout(timeout, ask(&mut swarm, peer)).await.unwrap_or(Err(DiscoverError::Silent))
}

async fn ask(
    swarm: &mut Swarm<Visitor>,
    tracker: PeerId,
) -> Result<Vec<(String, Vec<(PeerId, Vec<Multiaddr>)>)>, DiscoverError> {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { .. } => {
                swarm.behaviour_mut().rendezvous.discover(None, None, None, tracker)
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(DiscoverError::Dial(error.to_string())),
            SwarmEvent::Behaviour(VisitorEvent::Rendezvous(rendezvous::client::Event::Discovered {
                registrations,
                ..
            })) => {
                let mut chains: BTreeMap<String, Vec<(PeerId, Vec<Multiaddr>)>> = BTreeMap::new();
                for registration in registrations {
                    let peer = (registration.record.peer_id(), registration.record.addresses().to_vec());
                    chains.entry(registration.namespace.to_string()).or_default().push(peer);
                }
                return Ok(chains.into_iter().collect());
            }
            SwarmEvent::Behaviour(VisitorEvent::Rendezvous(rendezvous::client::Event::DiscoverFailed {
                error,
                ..
            })) => return Err(DiscoverError::Refused(format!("{error:?}"))),
            _ => {}
        }
    }
}
