//! The protocols that a node speaks, and the swarm around them.

use std::time::Duration;

use libp2p::core::transport::MemoryTransport;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::{Transport as _, upgrade::Version};
use libp2p::gossipsub::{
    self, MessageAuthenticity, MessageId, PeerScoreParams, PeerScoreThresholds, TopicHash,
    TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter,
};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{
    StreamProtocol, Swarm, SwarmBuilder, allow_block_list, dns, identify, noise, ping, tcp, yamux,
};
use sha2::{Digest, Sha256};

use crate::codec::{Opaque, Room};
use crate::config::{StartError, Transport};
use crate::doors::Doors;
use crate::limits::{
    CONNECT_MAX, CONNECTIONS_MAX, CONSENSUS_WAITS_MAX, REQUEST_STREAMS_MAX, REQUEST_TIMEOUT,
    SCORE_KEPT, STALLED_MAX, TRANSACTIONS_WAIT_MAX,
};
use crate::places::Places;
use crate::topic::{Topic, Topics};
use crate::tracker::messages;
use crate::watched::{Watched, impatient};

/// Promises of messages that a peer may break before that counts against it.
const BROKEN_PROMISES: f64 = 20.0;
/// The score that a validator has beforehand, once it has proven its key: it takes a flood of false
/// messages to be unheard for a moment.
pub(crate) const PROVEN_SCORE: f64 = 1000.0;

pub(crate) type Gossipsub =
    gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>;

/// Order matters: what refuses connections comes first.
#[derive(NetworkBehaviour)]
pub(crate) struct Node {
    pub(crate) places: Places,
    pub(crate) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
    /// Votes, certificates and proposals.
    pub(crate) consensus: Gossipsub,
    /// Transactions have a stream of their own with each peer: on a slow line votes must not wait
    /// behind them.
    pub(crate) transactions: Gossipsub,
    pub(crate) request: request_response::Behaviour<Opaque>,
    pub(crate) exchange: request_response::Behaviour<Opaque>,
    pub(crate) tracker: request_response::Behaviour<Opaque>,
}

/// What a node of a chain calls its protocols; nodes of other chains call them differently.
pub(crate) fn protocol_version(chain: &str) -> String {
    format!("/blockchain-voting/{chain}/1")
}

pub(crate) fn ping() -> ping::Behaviour {
    ping::Behaviour::new(
        ping::Config::new()
            .with_interval(Duration::from_secs(5))
            .with_timeout(Duration::from_secs(10)),
    )
}

impl Node {
    pub(crate) fn new(
        keypair: &Keypair,
        chain: &str,
        topics: &Topics,
        room: &Room,
    ) -> Result<Self, StartError> {
        let identify =
            identify::Config::new_with_signed_peer_record(protocol_version(chain), keypair)
                .with_agent_version(format!("node/{}", env!("CARGO_PKG_VERSION")))
                .with_push_listen_addr_updates(true);
        let short = chain.get(..16).unwrap_or(chain);
        Ok(Self {
            places: Places::new(CONNECTIONS_MAX),
            blocked: allow_block_list::Behaviour::default(),
            identify: identify::Behaviour::new(identify),
            ping: ping(),
            consensus: gossip(
                chain,
                topics,
                "gossip",
                &[Topic::Consensus, Topic::Blocks],
                CONSENSUS_WAITS_MAX,
            )?,
            transactions: gossip(
                chain,
                topics,
                "transactions",
                &[Topic::Transactions],
                TRANSACTIONS_WAIT_MAX,
            )?,
            request: requests(
                &format!("/blockchain-voting/{short}/request/5"),
                room,
                ProtocolSupport::Full,
            )?,
            exchange: requests(
                &format!("/blockchain-voting/{short}/peers/1"),
                room,
                ProtocolSupport::Full,
            )?,
            tracker: requests(messages::PROTOCOL, room, ProtocolSupport::Outbound)?,
        })
    }
}

impl Node {
    /// What carries a topic.
    pub(crate) fn gossip(&mut self, topic: Topic) -> &mut Gossipsub {
        match topic {
            Topic::Consensus | Topic::Blocks => &mut self.consensus,
            Topic::Transactions => &mut self.transactions,
        }
    }
}

pub(crate) fn requests(
    name: &str,
    room: &Room,
    support: ProtocolSupport,
) -> Result<request_response::Behaviour<Opaque>, StartError> {
    let protocol = StreamProtocol::try_from_owned(name.to_owned())
        .map_err(|error| StartError::Setup(error.to_string()))?;
    let config = request_response::Config::default()
        .with_request_timeout(REQUEST_TIMEOUT)
        .with_max_concurrent_streams(REQUEST_STREAMS_MAX);
    Ok(request_response::Behaviour::with_codec(
        Opaque::new(room.clone()),
        [(protocol, support)],
        config,
    ))
}

/// The same bytes on the same topic are the same message.
fn message_id(message: &gossipsub::Message) -> MessageId {
    let digest = Sha256::new()
        .chain_update(message.topic.as_str())
        .chain_update(&message.data)
        .finalize();
    MessageId::from(digest[..20].to_vec())
}

fn gossip(
    chain: &str,
    topics: &Topics,
    name: &str,
    of: &[Topic],
    waits_max: Duration,
) -> Result<Gossipsub, StartError> {
    let bytes_max = of.iter().map(|topic| topic.bytes_max()).max().unwrap_or(0);
    let mut config = gossipsub::ConfigBuilder::default();
    config
        .protocol_id_prefix(format!(
            "/blockchain-voting/{}/{name}",
            chain.get(..16).unwrap_or(chain)
        ))
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .heartbeat_interval(Duration::from_millis(700))
        .heartbeat_initial_delay(Duration::from_millis(200))
        .duplicate_cache_time(Duration::from_secs(300))
        // The library holds what it has read against this, with the beginning of what comes next.
        .max_transmit_size(bytes_max + 64 * 1024)
        .flood_publish(true)
        .publish_queue_duration(waits_max)
        .prune_backoff(Duration::from_secs(5))
        .unsubscribe_backoff(Duration::from_secs(1))
        .forward_queue_duration(waits_max)
        .mesh_outbound_min(1)
        // Whoever says something tells all its peers itself, and who has missed it is told of it by
        // its id. So few need to pass it on at once: each of these is one more copy of every vote
        // for everybody.
        .mesh_n_low(2)
        .mesh_n(3)
        .mesh_n_high(4);
    for &topic in of {
        config.max_transmit_size_for_topic(topic.bytes_max() + 4096, topics.hash(topic).clone());
    }
    let config = config
        .build()
        .map_err(|error| StartError::Setup(error.to_string()))?;
    let hashes: Vec<_> = of.iter().map(|topic| topics.hash(*topic).clone()).collect();
    let filter = WhitelistSubscriptionFilter(hashes.iter().cloned().collect());
    let behaviour = gossipsub::Behaviour::new_with_subscription_filter(
        MessageAuthenticity::Anonymous,
        config,
        filter,
    );
    let mut behaviour = behaviour.map_err(|error| StartError::Setup(error.to_owned()))?;
    let (params, thresholds) = scores(hashes);
    behaviour
        .with_peer_score(params, thresholds)
        .map_err(StartError::Setup)?;
    for topic in of {
        behaviour
            .subscribe(&topic.ident(chain))
            .map_err(|error| StartError::Setup(error.to_string()))?;
    }
    Ok(behaviour)
}

/// How gossipsub scores peers. Only what no honest peer does counts: messages that the node has
/// found false. After some nine of them within a few seconds, nothing that a peer sends is looked
/// at, until the score has recovered, which takes seconds. The node itself shuts out who goes on.
///
/// All else is off, since it would hit honest peers: several nodes of an organisation have one
/// address; whoever has a slow line is late, and keeps no promise to send; who has nothing to say
/// delivers nothing. Only a flood of broken promises counts a little ([`BROKEN_PROMISES`]).
fn scores(topics: Vec<TopicHash>) -> (PeerScoreParams, PeerScoreThresholds) {
    let of_topic = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.0,
        first_message_deliveries_weight: 0.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -1.0,
        invalid_message_deliveries_decay: 0.9,
        ..TopicScoreParams::default()
    };
    let params = PeerScoreParams {
        topics: topics
            .into_iter()
            .map(|hash| (hash, of_topic.clone()))
            .collect(),
        app_specific_weight: 1.0,
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_weight: -0.1,
        behaviour_penalty_threshold: BROKEN_PROMISES,
        behaviour_penalty_decay: 0.9,
        slow_peer_weight: 0.0,
        retain_score: SCORE_KEPT,
        ..PeerScoreParams::default()
    };
    let thresholds = PeerScoreThresholds {
        gossip_threshold: -20.0,
        publish_threshold: -40.0,
        graylist_threshold: -80.0,
        accept_px_threshold: 0.0,
        opportunistic_graft_threshold: 0.0,
    };
    (params, thresholds)
}

/// A swarm of that behaviour over that transport.
pub(crate) fn swarm<B: NetworkBehaviour>(
    keypair: Keypair,
    transport: Transport,
    behaviour: B,
) -> Result<Swarm<B>, StartError> {
    let setup = |error: &dyn std::fmt::Display| StartError::Setup(error.to_string());
    // Lazy: a question goes out with the name of its protocol, and does not wait for the answer to
    // that.
    let idle = |config: libp2p::swarm::Config| {
        config
            .with_idle_connection_timeout(Duration::from_secs(300))
            .with_substream_upgrade_protocol_override(Version::V1Lazy)
    };
    let builder = SwarmBuilder::with_existing_identity(keypair).with_tokio();
    match transport {
        Transport::Tcp => {
            let builder = builder.with_other_transport(|keypair| {
                let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
                let named = dns::tokio::Transport::system(
                    TransportTimeout::with_outgoing_timeout(tcp, CONNECT_MAX),
                )?;
                let noise = noise::Config::new(keypair)?;
                let watched = named.map(|stream, _| Watched::new(impatient(stream), STALLED_MAX));
                let connections = watched
                    .upgrade(Version::V1Lazy)
                    .authenticate(noise)
                    .multiplex(yamux::Config::default());
                Ok(Doors::new(connections.boxed()))
            });
            let swarm = builder
                .map_err(|error| setup(&error))?
                .with_behaviour(|_| behaviour);
            Ok(swarm
                .map_err(|error| setup(&error))?
                .with_swarm_config(idle)
                .build())
        }
        Transport::Memory => {
            let memory = builder.with_other_transport(|keypair| {
                let noise = noise::Config::new(keypair)?;
                Ok(MemoryTransport::default()
                    .upgrade(Version::V1)
                    .authenticate(noise)
                    .multiplex(yamux::Config::default()))
            });
            let swarm = memory
                .map_err(|error| setup(&error))?
                .with_behaviour(|_| behaviour)
                .map_err(|error| setup(&error))?;
            Ok(swarm.with_swarm_config(idle).build())
        }
    }
}
