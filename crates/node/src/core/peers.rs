//! The peers that this node is connected to: who they are and how far.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use vote_api::Member;
use vote_chain::{Height, PublicKey, decode, encode};
use vote_consensus::{Event, Peer};
use vote_network::PeerId;

use super::timers::Wake;
use super::{Core, Inner};
use crate::peer::{Hello, PeerRequest, PeerResponse};

/// Between questions for the peers' heights, in milliseconds.
const STATUS_MS: u64 = 1000;

/// A peer that has sent so many things that no honest one sends is shut out.
const STRIKES_MAX: u32 = 20;
/// For so long.
const SHUT_OUT: Duration = Duration::from_secs(300);
/// Answers with blocks for one peer: so many a second, in bursts of as many.
const BLOCKS_PER_SECOND: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Blocks judged for one peer.
const JUDGEMENTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("not zero");

struct Known {
    number: Peer,
    hello: Option<Hello>,
    height: Option<Height>,
    strikes: u32,
    blocks: DefaultDirectRateLimiter,
    judgements: DefaultDirectRateLimiter,
}

/// The table of peers.
#[derive(Default)]
pub(crate) struct Peers {
    by_id: BTreeMap<PeerId, Known>,
    sequence: u64,
}

impl Peers {
    pub(crate) fn ids(&self) -> impl Iterator<Item = PeerId> {
        self.by_id.keys().copied()
    }

    pub(crate) fn count(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn id(&self, number: Peer) -> Option<PeerId> {
        self.by_id.iter().find(|(_, known)| known.number == number).map(|(id, _)| *id)
    }

    /// For the log.
    pub(super) fn describe(&self, number: Peer) -> String {
        self.id(number).map_or_else(|| "gone".to_owned(), |id| format!("{} {id}", self.name(&id)))
    }

    pub(crate) fn name(&self, id: &PeerId) -> String {
        let hello = self.by_id.get(id).and_then(|known| known.hello.as_ref());
        hello.map_or_else(|| "(unknown)".to_owned(), |hello| hello.name.clone())
    }

    /// Whether to answer this peer with blocks now.
    pub(super) fn may_ask_blocks(&self, id: &PeerId) -> bool {
        self.by_id.get(id).is_some_and(|known| known.blocks.check().is_ok())
    }

    /// Whether to judge a block for this peer now.
    pub(super) fn may_ask_judgement(&self, id: &PeerId) -> bool {
        self.by_id.get(id).is_some_and(|known| known.judgements.check().is_ok())
    }

    /// The validator keys that connected peers have proven.
    pub(super) fn keys(&self) -> impl Iterator<Item = PublicKey> {
        self.by_id.values().filter_map(|known| known.hello.as_ref()).map(|hello| hello.key)
    }
}

impl Core {
    pub(super) fn on_connected(&mut self, peer: PeerId) {
        if self.peers.by_id.contains_key(&peer) {
            return;
        }
        self.peers.sequence += 1;
        let number = Peer(self.peers.sequence);
        let limit = |rate| RateLimiter::direct(Quota::per_second(rate));
        let (blocks, judgements) = (limit(BLOCKS_PER_SECOND), limit(JUDGEMENTS_PER_SECOND));
        let known = Known { number, hello: None, height: None, strikes: 0, blocks, judgements };
        self.peers.by_id.insert(peer, known);
        tracing::info!(%peer, "peer connected");
        self.ask_hello(peer);
        self.ask_height(peer);
    }

    pub(super) fn on_disconnected(&mut self, peer: PeerId) {
        if let Some(known) = self.peers.by_id.remove(&peer) {
            tracing::info!(%peer, "peer disconnected");
            self.tell(Event::PeerLeft(known.number));
        }
    }

    /// Counts something that no honest node sends.
    pub(super) fn strike(&mut self, peer: PeerId) {
        let Some(known) = self.peers.by_id.get_mut(&peer) else { return };
        known.strikes += 1;
        if known.strikes == STRIKES_MAX {
            tracing::warn!(%peer, minutes = SHUT_OUT.as_secs() / 60, "peer sends what no honest node sends; shut out");
            self.network.block(peer, SHUT_OUT);
        }
    }

    fn ask_hello(&self, peer: PeerId) {
        let chain = self.engine.state().chain();
        let hello = self.hello();
        let network = self.network.clone();
        self.spawn(async move {
            let bytes = network.request(peer, encode(&PeerRequest::Hello(hello))).await.ok()?;
            let hello = match decode::<PeerResponse>(&bytes) {
                Ok(PeerResponse::Hello(hello)) if hello.holds(&chain, &peer) => Ok(hello),
                Ok(_) => Err("it has not proven who it is".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            Some(Inner::Hello(peer, hello))
        });
    }

    pub(super) fn hello(&self) -> Hello {
        Hello::new(self.name.clone(), &self.key, &self.engine.state().chain(), &self.local)
    }

    pub(super) fn on_hello(&mut self, peer: PeerId, hello: Result<Hello, String>) {
        match (hello, self.peers.by_id.get_mut(&peer)) {
            (Ok(hello), Some(known)) => known.hello = Some(hello),
            (Err(reason), Some(_)) => tracing::warn!(%peer, reason, "peer's greeting refused"),
            (_, None) => {}
        }
    }

    /// Compares heights with every peer: what a node has missed can only be seen so.
    pub(super) fn ask_status(&mut self) {
        self.timers.set(STATUS_MS, Wake::Status);
        let nameless: Vec<_> =
            self.peers.by_id.iter().filter(|(_, known)| known.hello.is_none()).map(|(id, _)| *id).collect();
        nameless.into_iter().for_each(|peer| self.ask_hello(peer));
        self.peers.ids().for_each(|peer| self.ask_height(peer));
    }

    fn ask_height(&self, peer: PeerId) {
        let (network, height) = (self.network.clone(), self.engine.state().tip().height);
        self.spawn(async move {
            let bytes = network.request(peer, encode(&PeerRequest::Status(height))).await.ok()?;
            match decode::<PeerResponse>(&bytes) {
                Ok(PeerResponse::Status(height)) => Some(Inner::Status(peer, height)),
                _ => None,
            }
        });
    }

    pub(super) fn on_peer_status(&mut self, peer: PeerId, height: Height) {
        let Some(known) = self.peers.by_id.get_mut(&peer) else { return };
        known.height = Some(height);
        let number = known.number;
        self.tell(Event::Status(number, height));
    }

    /// This node and its peers, as apps see them; the peers' addresses are the network's to add.
    pub(super) fn members(&self) -> Vec<Member> {
        let set = self.engine.state().validators();
        let power = |key: &PublicKey| set.get(key).map(|validator| validator.power);
        let key = self.key.public();
        let this = Member {
            name: self.name.clone(),
            peer: self.local.to_string(),
            key: Some(key),
            power: power(&key),
            height: Some(self.engine.state().tip().height),
            addresses: self.listen.clone(),
            this: true,
        };
        let peers = self.peers.by_id.iter().map(|(id, known)| Member {
            name: self.peers.name(id),
            peer: id.to_string(),
            key: known.hello.as_ref().map(|hello| hello.key),
            power: known.hello.as_ref().and_then(|hello| power(&hello.key)),
            height: known.height,
            addresses: Vec::new(),
            this: false,
        });
        [this].into_iter().chain(peers).collect()
    }
}
