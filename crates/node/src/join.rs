//! How a node without a ledger gets one: it founds a chain, reads a planned one, or joins one that
//! is there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;
use vote_chain::{ChainId, Genesis, Hash, InvalidGenesis, decode, encode};
use vote_network::{Events, Handle, Keypair, Multiaddr, PeerEvent, Request};

use crate::config::{Config, Origin};
use crate::exit::{Exit, Stop};
use crate::keys::Keys;
use crate::peer::{PeerRequest, PeerResponse};
use crate::planned;

/// Between tries to reach a tracker.
const RETRY: Duration = Duration::from_secs(2);
const DISCOVER_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the genesis comes from.
pub(crate) enum Source {
    Known(Genesis),
    /// Any node of this chain has it.
    Peers(ChainId),
}

/// Finds the chain of a node that has no ledger yet.
pub(crate) async fn find(config: &Config, keys: &Keys, name: &str) -> Result<Source> {
    match &config.origin {
        Origin::Found {
            name: chain,
            founders,
        } => Ok(Source::Known(planned::found(chain, founders, name, keys)?)),
        Origin::Genesis(path) => Ok(Source::Known(read(path)?)),
        Origin::Join => match config.chain {
            Some(chain) if !config.peers.is_empty() => Ok(Source::Peers(chain)),
            _ if config.trackers.is_empty() => bail!(
                "this node has no chain yet: join one with --bootstrap ADDR (the tracker's address), or found one with --found NAME"
            ),
            wanted => Ok(Source::Peers(
                ask_trackers(&keys.node, &config.trackers, wanted).await?,
            )),
        },
    }
}

/// Reads a genesis file.
pub(crate) fn read(path: &Path) -> Result<Genesis> {
    let bytes =
        fs::read(path).with_context(|| format!("cannot read the genesis {}", path.display()))?;
    let genesis: Genesis = decode(&bytes)
        .with_context(|| format!("{} is not a genesis made by `node genesis`", path.display()))?;
    genesis
        .check()
        .with_context(|| format!("the genesis {}", path.display()))?;
    Ok(genesis)
}

async fn ask_trackers(
    keypair: &Keypair,
    trackers: &[Multiaddr],
    wanted: Option<ChainId>,
) -> Result<ChainId> {
    let mut silent_before = false;
    loop {
        let mut chains = Vec::new();
        for tracker in trackers {
            let pinned = wanted.map(|chain| chain.to_string());
            match vote_network::discover(
                keypair.clone(),
                tracker,
                pinned.as_deref(),
                DISCOVER_TIMEOUT,
            )
            .await
            {
                Ok(found) => {
                    let with_nodes = found.into_iter().filter(|(_, nodes)| !nodes.is_empty());
                    chains.extend(
                        with_nodes
                            .filter_map(|(chain, _)| chain.parse::<Hash>().ok())
                            .map(ChainId::new),
                    );
                }
                Err(error) => {
                    tracing::warn!(%tracker, %error, "tracker out of reach; trying again")
                }
            }
        }
        chains.sort();
        chains.dedup();
        match (wanted, chains.as_slice()) {
            (Some(wanted), _) if chains.contains(&wanted) => return Ok(wanted),
            (None, [only]) => {
                tracing::info!(chain = %only, "joining the one chain that the tracker knows; pin it with --chain");
                return Ok(*only);
            }
            (None, [_, _, ..]) => {
                let list: Vec<_> = chains.iter().map(ToString::to_string).collect();
                bail!(
                    "the tracker knows several chains; say which one to join with --chain:\n  {}",
                    list.join("\n  ")
                );
            }
            _ if !silent_before => {
                tracing::warn!("no node of the chain is at the tracker yet; waiting for one")
            }
            _ => {}
        }
        silent_before = true;
        tokio::time::sleep(RETRY).await;
    }
}

/// Asks peers for the genesis until one gives it; it is true if its hash is the chain's id. Gives
/// the news of the network along, for whoever goes on from here.
pub(crate) async fn fetch(
    chain: &ChainId,
    network: &Handle,
    events: &mut Events,
) -> Result<(Genesis, Vec<PeerEvent>)> {
    let mut news = Vec::new();
    loop {
        let event = answering_nothing(&mut events.requests, events.peers.recv()).await;
        let Some(event) = event else {
            bail!("the network has stopped")
        };
        news.push(event.clone());
        let PeerEvent::Connected(peer, _) = event else {
            continue;
        };
        let asked = network.request(peer, encode(&PeerRequest::Genesis));
        let answer = answering_nothing(&mut events.requests, asked).await;
        match answer.map(|bytes| decode(&bytes)) {
            Ok(Ok(PeerResponse::Genesis(genesis)))
                if genesis.chain() == *chain && genesis.check().is_ok() =>
            {
                return Ok((*genesis, news));
            }
            Ok(Ok(PeerResponse::Genesis(genesis)))
                if genesis.chain() == *chain && !genesis.version.is_known() =>
            {
                let why = InvalidGenesis::Version(genesis.version).to_string();
                return Err(Stop::new(Exit::NewProtocol, why).into());
            }
            Ok(_) => tracing::warn!(%peer, "peer has another genesis, or none"),
            Err(error) => tracing::warn!(%peer, %error, "peer gives no genesis"),
        }
        network.disconnect(peer);
    }
}

/// Waits for something, while this node has nothing to answer with: whoever asks it hears so at
/// once, and asks another one. Two nodes that both begin would else wait for each other.
async fn answering_nothing<T>(
    questions: &mut mpsc::Receiver<Request>,
    wanted: impl Future<Output = T>,
) -> T {
    tokio::pin!(wanted);
    loop {
        tokio::select! {
            found = &mut wanted => return found,
            Some(question) = questions.recv() => drop(question),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_network::{RequestError, Transport, start};

    fn network(peers: Vec<Multiaddr>) -> vote_network::Config {
        vote_network::Config {
            keypair: Keypair::generate_ed25519(),
            chain: "chain".into(),
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
            external: Vec::new(),
            trackers: Vec::new(),
            peers,
            peer_book: None,
            transport: Transport::Tcp,
        }
    }

    #[tokio::test]
    async fn node_without_a_genesis_says_so_at_once_while_it_waits_for_one_itself() {
        let own = network(Vec::new());
        let id = own.keypair.public().to_peer_id();
        let (node, mut events) = start(own).await.unwrap();
        let listen = &node.listen_addresses().await[0];
        let at = format!("{listen}/p2p/{id}").parse().unwrap();
        let fetching = node.clone();
        tokio::spawn(async move {
            let chain = ChainId::default();
            fetch(&chain, &fetching, &mut events).await.map(|_| ())
        });
        // This one does not answer what the node asks it.
        let (asker, mut news) = start(network(vec![at])).await.unwrap();
        while !matches!(news.peers.recv().await, Some(PeerEvent::Connected(..))) {}
        let answer = asker.request(id, encode(&PeerRequest::Genesis)).await;
        let Err(RequestError::NoAnswer(reason)) = answer else {
            panic!("{answer:?}")
        };
        // Neither has waited for the other until one of them hung up.
        let waited = ["Timeout", "Connection was closed"];
        assert!(
            !waited.iter().any(|words| reason.contains(words)),
            "{reason}"
        );
    }
}
