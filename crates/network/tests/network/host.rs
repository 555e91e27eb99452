//! One node's network, as the tests use it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use vote_network::{
    Config, Events, Gossip, Handle, Keypair, Multiaddr, PeerEvent, PeerId, Topic, Transport,
    Verdict, start,
};

/// Far more than anything here takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) fn keypair(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

pub(crate) fn id(seed: u8) -> PeerId {
    keypair(seed).public().to_peer_id()
}

pub(crate) fn config(seed: u8, chain: &str) -> Config {
    Config {
        keypair: keypair(seed),
        chain: chain.into(),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        external: Vec::new(),
        trackers: Vec::new(),
        peers: Vec::new(),
        peer_book: None::<PathBuf>,
        transport: Transport::Tcp,
    }
}

pub(crate) struct Host {
    pub(crate) handle: Handle,
    pub(crate) events: Events,
    pub(crate) peer: PeerId,
}

impl Host {
    pub(crate) async fn start(config: Config) -> Self {
        let peer = config.keypair.public().to_peer_id();
        let (handle, events) = start(config).await.unwrap();
        Self {
            handle,
            events,
            peer,
        }
    }

    /// A node that stays connected to `others`.
    pub(crate) async fn join(seed: u8, chain: &str, others: &[&Self]) -> Self {
        let mut config = config(seed, chain);
        for other in others {
            config.peers.push(other.address().await);
        }
        Self::start(config).await
    }

    /// Where it listens, with its `/p2p/` part.
    pub(crate) async fn address(&self) -> Multiaddr {
        let address = self
            .handle
            .listen_addresses()
            .await
            .into_iter()
            .next()
            .unwrap();
        format!("{address}/p2p/{}", self.peer).parse().unwrap()
    }

    pub(crate) async fn expect(&mut self, event: &PeerEvent) {
        let found =
            async { while self.events.peers.recv().await.expect("the network runs") != *event {} };
        timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("{} saw no {event:?}", self.peer));
    }

    /// A tracker does not have this node on its list; `why` is in what it says.
    pub(crate) async fn not_registered(&mut self, why: &str) {
        let said = async {
            loop {
                let event = self.events.peers.recv().await.expect("the network runs");
                if matches!(&event, PeerEvent::NotRegistered { problem, .. } if problem.contains(why))
                {
                    return;
                }
            }
        };
        timeout(PATIENCE, said)
            .await
            .unwrap_or_else(|_| panic!("{} did not say {why:?}", self.peer));
    }

    pub(crate) async fn connected(&mut self, peer: PeerId) {
        self.expect(&PeerEvent::Connected(peer, None)).await;
    }

    /// The next message, accepted.
    pub(crate) async fn next(&mut self, topic: Topic) -> Gossip {
        let gossip = timeout(PATIENCE, queue(&mut self.events, topic).recv())
            .await
            .expect("a message in time")
            .unwrap();
        self.handle.report(&gossip, Verdict::Accept);
        gossip
    }

    /// Publishes until `to` has it: right after connecting, gossip may not have found everybody
    /// yet.
    pub(crate) async fn reach(&self, to: &mut Self, topic: Topic, words: &str) -> Gossip {
        for attempt in 0..80 {
            self.handle
                .publish(topic, format!("{words} {attempt}").into_bytes())
                .unwrap();
            if let Ok(gossip) = timeout(
                Duration::from_millis(500),
                queue(&mut to.events, topic).recv(),
            )
            .await
            {
                return gossip.unwrap();
            }
        }
        panic!("{} does not hear {}", to.peer, self.peer);
    }
}

fn queue(events: &mut Events, topic: Topic) -> &mut mpsc::Receiver<Gossip> {
    if topic == Topic::Transactions {
        &mut events.transactions
    } else {
        &mut events.consensus
    }
}

/// Two nodes that know each other.
pub(crate) async fn two() -> (Host, Host) {
    let mut a = Host::join(1, "chain", &[]).await;
    let mut b = Host::join(2, "chain", &[&a]).await;
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    (a, b)
}
