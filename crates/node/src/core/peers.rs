//! The peers that this node is connected to: who they are, how far, and how they behave.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use vote_api::Member;
use vote_chain::{Height, Hello, PublicKey, Timestamp, decode, encode, is_same_name};
use vote_consensus::{CLOCK_MS_MAX, Certified, Event, Peer};
use vote_network::{PeerId, Prefix};

use super::timers::Wake;
use super::{Core, Inner};
use crate::clock::{ahead_ms, steady};
use crate::peer::{PeerRequest, PeerResponse};
use crate::pool::OF_ONE_PEER_BYTES;

/// An answer that took longer says nothing of the peer's clock, in milliseconds.
const CLOCK_ANSWER_MS_MAX: u64 = 2 * CLOCK_MS_MAX;
/// Between questions for the peers' heights, in milliseconds.
const STATUS_MS: u64 = 1000;

/// Things that no honest peer sends, of one peer, and of all of one address that have proven no
/// validator's key, whatever names they come under: so many are suffered in a row ...
const STRIKES_MAX: NonZeroU32 = NonZeroU32::new(8).expect("not zero");
/// ... and one more after each such time. A wrong word now and then, of a program that is wrong,
/// shuts nobody out.
const STRIKE_LAPSES: Duration = Duration::from_secs(15);
/// A peer that goes beyond it is shut out for so long; a validator that has proven its key is
/// slowed down for as long instead, since nothing could be decided if too many were shut out.
const SHUT_OUT: Duration = Duration::from_secs(300);
/// Peers that were shut out and of which something may wait yet.
const SHUT_OUT_MAX: usize = 4096;
/// Messages a second of a validator that is slowed down.
const SLOWED_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
/// Answers with blocks for one peer: so many a second, in bursts of as many.
const BLOCKS_PER_SECOND: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Answers with transactions of proposed blocks for one peer; it asks again when it has one.
const TRANSACTIONS_PER_SECOND: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Blocks judged for one peer.
const JUDGEMENTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("not zero");
/// Answers with evidence for one peer; honest ones ask once.
const EVIDENCE_PER_SECOND: NonZeroU32 = NonZeroU32::new(2).expect("not zero");
/// Blocks judged and evidence checked for all peers together that have proven no validator's key.
const CHECKS_OF_OTHERS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// Greetings of one peer that are looked at; honest ones greet once.
const HELLOS_PER_SECOND: NonZeroU32 = NonZeroU32::new(2).expect("not zero");

struct Known {
    number: Peer,
    /// Where it is, unless on this machine.
    prefix: Option<Prefix>,
    hello: Option<Hello>,
    height: Option<Height>,
    /// How far its clock is ahead of this node's steady time, in milliseconds.
    clock_ms: Option<i64>,
    strikes: DefaultDirectRateLimiter,
    /// Until when it is slowed down, and to what.
    slowed: Option<(Instant, DefaultDirectRateLimiter)>,
    blocks: DefaultDirectRateLimiter,
    transactions: DefaultDirectRateLimiter,
    judgements: DefaultDirectRateLimiter,
    evidence: DefaultDirectRateLimiter,
    hellos: DefaultDirectRateLimiter,
    /// For transactions that it has passed on and that are not verified yet, in bytes.
    batches: Arc<Semaphore>,
    /// Whether it was asked for its evidence.
    asked_evidence: bool,
}

/// A peer's answer to the question how far it is.
#[derive(Clone, Debug)]
pub(crate) struct PeerStatus {
    pub(crate) height: Height,
    /// Its last block's header, and what makes that final, if it has shown them.
    pub(crate) last: Option<Box<Certified>>,
    /// How far its clock is ahead of this node's steady time, in milliseconds, give or take half of
    /// the time that the answer took.
    pub(crate) clock_ms: Option<i64>,
}

impl PeerStatus {
    /// From an answer with the peer's `time` to a question that was sent at `asked` and answered at
    /// `heard`, by the steady time.
    fn heard(height: Height, time: Timestamp, asked: Timestamp, heard: Timestamp) -> Self {
        let took = heard.ms_since(asked);
        // The peer has looked at its clock about half-way. Of an answer that took long that is too
        // vague.
        let then = asked.plus_ms(took / 2);
        Self {
            height,
            last: None,
            clock_ms: (took <= CLOCK_ANSWER_MS_MAX).then(|| ahead_ms(time, then)),
        }
    }
}

/// What follows from something that no honest node sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strike {
    Counted,
    /// It is a validator, and heard slowly from now on.
    Slowed,
    ShutOut,
    /// It is gone, or has not said that it is a node of this chain: it has to come in anew.
    HungUpOn,
}

/// The table of peers.
pub(crate) struct Peers {
    by_id: BTreeMap<PeerId, Known>,
    ids: BTreeMap<Peer, PeerId>,
    sequence: u64,
    /// Strikes of those that have proven no validator's key, by their address: who lies gets no
    /// more of them under new names.
    strikes: DefaultKeyedRateLimiter<Prefix>,
    /// Until when peers are shut out: what they have sent before is not looked at either.
    shut_out: BTreeMap<PeerId, Instant>,
    checks_of_others: DefaultDirectRateLimiter,
}

/// Strikes that are suffered.
fn strikes() -> Quota {
    Quota::with_period(STRIKE_LAPSES)
        .expect("not zero")
        .allow_burst(STRIKES_MAX)
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            by_id: BTreeMap::new(),
            ids: BTreeMap::new(),
            sequence: 0,
            strikes: RateLimiter::keyed(strikes()),
            shut_out: BTreeMap::new(),
            checks_of_others: RateLimiter::direct(Quota::per_second(CHECKS_OF_OTHERS_PER_SECOND)),
        }
    }
}

impl Peers {
    /// Takes a peer in; none if it is known.
    fn connected(&mut self, peer: PeerId, prefix: Option<Prefix>) -> Option<Peer> {
        if self.by_id.contains_key(&peer) {
            return None;
        }
        self.sequence += 1;
        let number = Peer(self.sequence);
        let limit = |rate| RateLimiter::direct(Quota::per_second(rate));
        let known = Known {
            number,
            prefix,
            hello: None,
            height: None,
            clock_ms: None,
            strikes: RateLimiter::direct(strikes()),
            slowed: None,
            blocks: limit(BLOCKS_PER_SECOND),
            transactions: limit(TRANSACTIONS_PER_SECOND),
            judgements: limit(JUDGEMENTS_PER_SECOND),
            evidence: limit(EVIDENCE_PER_SECOND),
            hellos: limit(HELLOS_PER_SECOND),
            batches: Arc::new(Semaphore::new(OF_ONE_PEER_BYTES)),
            asked_evidence: false,
        };
        self.by_id.insert(peer, known);
        self.ids.insert(number, peer);
        Some(number)
    }

    /// A peer has gone; gives its number if it was known.
    fn disconnected(&mut self, peer: &PeerId) -> Option<Peer> {
        let known = self.by_id.remove(peer)?;
        self.ids.remove(&known.number);
        Some(known.number)
    }

    /// Counts something that no honest node sends.
    fn strike(
        &mut self,
        peer: &PeerId,
        now: Instant,
        validator: impl Fn(&PublicKey) -> bool,
    ) -> Strike {
        let Some(known) = self.by_id.get_mut(peer) else {
            return Strike::HungUpOn;
        };
        let is_validator = known
            .hello
            .as_ref()
            .is_some_and(|hello| validator(&hello.key));
        let of_address = known.prefix.filter(|_| !is_validator);
        let suffered = known.strikes.check().is_ok();
        let suffered_there =
            of_address.is_none_or(|prefix| self.strikes.check_key(&prefix).is_ok());
        if suffered && suffered_there {
            return Strike::Counted;
        }
        if !is_validator {
            self.shut_out(*peer, now);
            return Strike::ShutOut;
        }
        let already = known.slowed.as_ref().is_some_and(|(until, _)| now < *until);
        known.slowed = Some((
            now + SHUT_OUT,
            RateLimiter::direct(Quota::per_second(SLOWED_PER_SECOND)),
        ));
        if already {
            Strike::Counted
        } else {
            Strike::Slowed
        }
    }

    fn shut_out(&mut self, peer: PeerId, now: Instant) {
        if self.shut_out.len() >= SHUT_OUT_MAX {
            self.shut_out.retain(|_, until| *until > now);
        }
        if self.shut_out.len() < SHUT_OUT_MAX {
            self.shut_out.insert(peer, now + SHUT_OUT);
        }
    }

    /// Forgets addresses whose strikes have lapsed.
    fn sweep(&self) {
        self.strikes.retain_recent();
    }

    /// Whether to look at a message of this peer now.
    pub(super) fn is_heard(&mut self, peer: &PeerId, now: Instant) -> bool {
        if self.is_shut_out(peer, now) {
            return false;
        }
        let Some(known) = self.by_id.get_mut(peer) else {
            return true;
        };
        known.slowed.take_if(|(until, _)| *until <= now);
        known
            .slowed
            .as_ref()
            .is_none_or(|(_, messages)| messages.check().is_ok())
    }

    /// Whether a peer is shut out, gone or not.
    pub(super) fn is_shut_out(&self, peer: &PeerId, now: Instant) -> bool {
        self.shut_out.get(peer).is_some_and(|until| now < *until)
    }

    /// Whether to look at a greeting of this peer now.
    pub(super) fn may_greet(&self, peer: &PeerId) -> bool {
        self.by_id
            .get(peer)
            .is_none_or(|known| known.hellos.check().is_ok())
    }

    /// Whether a peer has proven just this before.
    pub(super) fn has_greeted(&self, peer: &PeerId, hello: &Hello) -> bool {
        self.by_id
            .get(peer)
            .is_some_and(|known| known.hello.as_ref() == Some(hello))
    }

    /// A peer has proven who it is; true if it is the first time.
    fn greet(&mut self, peer: &PeerId, hello: Hello) -> bool {
        let Some(known) = self.by_id.get_mut(peer) else {
            return false;
        };
        known.hello.replace(hello).is_none()
    }

    /// What a peer has said of itself; gives its number if it is known.
    fn said(&mut self, peer: &PeerId, status: &PeerStatus) -> Option<Peer> {
        let known = self.by_id.get_mut(peer)?;
        known.height = Some(status.height);
        known.clock_ms = status.clock_ms.or(known.clock_ms);
        Some(known.number)
    }

    /// Those that have not said who they are.
    fn nameless(&self) -> Vec<PeerId> {
        self.by_id
            .iter()
            .filter(|(_, known)| known.hello.is_none())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Those that have proven a key of which `is` says yes.
    pub(super) fn with_key(&self, is: impl Fn(&PublicKey) -> bool) -> impl Iterator<Item = PeerId> {
        let proven = self
            .by_id
            .iter()
            .filter(move |(_, known)| known.hello.as_ref().is_some_and(|hello| is(&hello.key)));
        proven.map(|(id, _)| *id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = PeerId> {
        self.by_id.keys().copied()
    }

    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn number(&self, id: &PeerId) -> Option<Peer> {
        self.by_id.get(id).map(|known| known.number)
    }

    pub(super) fn id(&self, number: Peer) -> Option<PeerId> {
        self.ids.get(&number).copied()
    }

    /// For the log.
    pub(super) fn describe(&self, number: Peer) -> String {
        self.id(number).map_or_else(
            || "gone".to_owned(),
            |id| format!("{} {id}", self.name(&id)),
        )
    }

    pub(super) fn name(&self, id: &PeerId) -> String {
        let hello = self.by_id.get(id).and_then(|known| known.hello.as_ref());
        hello.map_or_else(|| "(unknown)".to_owned(), |hello| hello.name.clone())
    }

    /// The key that a peer has proven.
    fn key(&self, id: &PeerId) -> Option<PublicKey> {
        self.by_id
            .get(id)
            .and_then(|known| known.hello.as_ref())
            .map(|hello| hello.key)
    }

    /// The room for transactions of this peer that are not verified yet; as if it had none, if it
    /// has only just come.
    pub(super) fn batches(&self, id: &PeerId) -> Arc<Semaphore> {
        let room = self.by_id.get(id).map(|known| known.batches.clone());
        room.unwrap_or_else(|| Arc::new(Semaphore::new(OF_ONE_PEER_BYTES)))
    }

    /// Whether to answer this peer with blocks now.
    pub(super) fn may_ask_blocks(&self, id: &PeerId) -> bool {
        self.by_id
            .get(id)
            .is_some_and(|known| known.blocks.check().is_ok())
    }

    /// Whether to answer this peer with transactions of a proposed block now.
    pub(super) fn may_ask_transactions(&self, id: &PeerId) -> bool {
        self.by_id
            .get(id)
            .is_some_and(|known| known.transactions.check().is_ok())
    }

    /// Whether to judge a block for this peer now.
    pub(super) fn may_ask_judgement(&self, id: &PeerId, of_validator: bool) -> bool {
        self.by_id
            .get(id)
            .is_some_and(|known| known.judgements.check().is_ok())
            && self.may_have_checked(of_validator)
    }

    /// Whether to check for a peer what costs more than a message.
    pub(super) fn may_have_checked(&self, of_validator: bool) -> bool {
        of_validator || self.checks_of_others.check().is_ok()
    }

    /// Whether to take evidence from this peer now, and to answer with this node's.
    pub(super) fn may_ask_evidence(&self, id: &PeerId) -> bool {
        self.by_id
            .get(id)
            .is_some_and(|known| known.evidence.check().is_ok())
    }

    /// Those that were not yet asked for evidence, and have no block that this node has not. From
    /// now on they were asked.
    pub(super) fn ask_for_evidence(&mut self, tip: Height) -> Vec<PeerId> {
        let mut asked = Vec::new();
        for (id, known) in &mut self.by_id {
            if !known.asked_evidence && known.height.is_some_and(|height| height <= tip) {
                known.asked_evidence = true;
                asked.push(*id);
            }
        }
        asked
    }

    /// The validator keys that connected peers have proven.
    pub(super) fn keys(&self) -> impl Iterator<Item = PublicKey> {
        self.by_id
            .values()
            .filter_map(|known| known.hello.as_ref())
            .map(|hello| hello.key)
    }

    /// The clocks of those that have proven a key, each with the power of the key, which counts
    /// once however many peers show it.
    pub(super) fn clocks(&self, power: impl Fn(&PublicKey) -> u64) -> Vec<(i64, u64)> {
        let clock = |known: &Known| Some((known.hello.as_ref()?.key, known.clock_ms?));
        let by_key: BTreeMap<_, _> = self.by_id.values().filter_map(clock).collect();
        by_key
            .into_iter()
            .map(|(key, clock)| (clock, power(&key)))
            .collect()
    }

    /// The peers as apps see them, without their addresses.
    pub(super) fn members(&self, power: impl Fn(&PublicKey) -> Option<u64>) -> Vec<Member> {
        let member = |(id, known): (&PeerId, &Known)| Member {
            name: self.name(id),
            peer: id.to_string(),
            key: known.hello.as_ref().map(|hello| hello.key),
            power: known.hello.as_ref().and_then(|hello| power(&hello.key)),
            height: known.height,
            addresses: Vec::new(),
            this: false,
        };
        self.by_id.iter().map(member).collect()
    }
}

impl Core {
    pub(super) fn on_connected(&mut self, peer: PeerId, prefix: Option<Prefix>) {
        if self.peers.connected(peer, prefix).is_some() {
            self.ask_hello(peer);
            self.ask_height(peer);
        }
    }

    pub(super) fn on_disconnected(&mut self, peer: PeerId) {
        let name = self.peers.name(&peer);
        let said = self.whether_to_say(&peer, "peer disconnected");
        if let Some(number) = self.peers.disconnected(&peer) {
            if let Some(unsaid) = said {
                tracing::info!(%peer, name, unsaid, "peer disconnected");
            }
            self.tell_of_power();
            self.tell(Event::PeerLeft(number));
        }
    }

    /// Counts something that no honest node sends.
    pub(super) fn strike(&mut self, peer: PeerId) {
        let set = self.engine.state().validators();
        let (name, minutes) = (self.peers.name(&peer), SHUT_OUT.as_secs() / 60);
        match self
            .peers
            .strike(&peer, Instant::now(), |key| set.contains(key))
        {
            Strike::Counted => {}
            Strike::Slowed => {
                tracing::warn!(%peer, name, minutes, "a validator sends what no honest node sends; it is heard slowly");
            }
            Strike::ShutOut => {
                if let Some(unsaid) = self.news.warning(Instant::now(), "shut out") {
                    tracing::warn!(%peer, name, minutes, unsaid, "peer sends what no honest node sends; shut out");
                }
                self.network.block(peer, SHUT_OUT);
            }
            Strike::HungUpOn => self.network.disconnect(peer),
        }
    }

    /// Whether to say what a peer does, and how often it was not said of others: of validators
    /// always, of all others seldom, since anybody can come and go as often as a log has room.
    fn whether_to_say(&mut self, peer: &PeerId, what: &'static str) -> Option<u64> {
        if self.is_validator(peer) {
            Some(0)
        } else {
            self.news.warning(Instant::now(), what)
        }
    }

    /// Whether a peer has proven the key of a validator.
    pub(super) fn is_validator(&self, peer: &PeerId) -> bool {
        self.peers
            .key(peer)
            .is_some_and(|key| self.engine.state().validators().contains(&key))
    }

    fn ask_hello(&self, peer: PeerId) {
        let chain = self.engine.state().chain();
        let hello = self.hello.clone();
        let network = self.network.clone();
        self.spawn(async move {
            let bytes = network
                .request_short(peer, encode(&PeerRequest::Hello(hello)))
                .await
                .ok()?;
            let hello = match decode::<PeerResponse>(&bytes) {
                Ok(PeerResponse::Hello(hello)) if hello.holds(&chain, &peer.to_bytes()) => {
                    Ok(hello)
                }
                Ok(_) => Err("it has not proven who it is".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            Some(Inner::Hello(peer, hello))
        });
    }

    pub(super) fn on_hello(&mut self, peer: PeerId, hello: Result<Hello, String>) {
        match hello {
            Ok(hello) if self.is_name_of_another(&hello) => {
                if let Some(unsaid) = self.news.warning(Instant::now(), "name of a validator") {
                    tracing::warn!(%peer, name = hello.name, key = %hello.key, unsaid, "peer calls itself by the name of a validator; refused");
                }
            }
            Ok(hello) => {
                let name = hello.name.clone();
                let key = hello.key;
                if self.peers.greet(&peer, hello) {
                    if let Some(unsaid) = self.whether_to_say(&peer, "peer connected") {
                        tracing::info!(%peer, name, unsaid, "peer connected");
                    }
                    self.tell_of_power();
                }
                self.met(peer, key);
            }
            Err(reason) => {
                if let Some(unsaid) = self.news.warning(Instant::now(), "greeting refused") {
                    tracing::warn!(%peer, reason, unsaid, "peer's greeting refused");
                }
            }
        }
    }

    /// Whether a peer that is no validator has the name of one: who reads it would take it for that
    /// one.
    fn is_name_of_another(&self, hello: &Hello) -> bool {
        let set = self.engine.state().validators();
        !set.contains(&hello.key)
            && set
                .iter()
                .any(|validator| is_same_name(&validator.name, &hello.name))
    }

    /// Compares heights with every peer: what a node has missed can only be seen so.
    pub(super) fn ask_status(&mut self) {
        self.timers.set(STATUS_MS, Wake::Status);
        self.peers.sweep();
        self.say_whether_it_signs();
        self.say_what_is_planned();
        self.mind_the_set();
        self.mind_the_clock();
        self.peers
            .nameless()
            .into_iter()
            .for_each(|peer| self.ask_hello(peer));
        self.peers.ids().for_each(|peer| self.ask_height(peer));
        self.ask_evidence();
    }

    /// After a change of the set: whoever is a validator now has a validator's place here, and this
    /// node, if it is one, shows it to the trackers.
    fn mind_the_set(&mut self) {
        let ledger = self.ledger.borrow().clone();
        let changes = ledger.state.registry().changes;
        if self.set_minded == Some(changes) {
            return;
        }
        self.set_minded = Some(changes);
        let set = ledger.state.validators();
        self.peers
            .with_key(|key| set.contains(key))
            .for_each(|peer| self.network.trust(peer));
        let hello = self.hello.clone();
        let (pool, network) = (self.pool.clone(), self.network.clone());
        self.spawn(async move {
            match pool.run(move |_| ledger.membership(hello)).await {
                Ok(Some(proof)) if !network.prove_to_trackers(encode(&proof)) => {
                    tracing::warn!(
                        "the changes of the validators are too many to show a tracker that this node is one"
                    );
                }
                Ok(_) => {}
                Err(refusal) => {
                    tracing::error!(reason = refusal.reason, "the changes of the validators cannot be read")
                }
            }
            None
        });
    }

    fn ask_height(&self, peer: PeerId) {
        let network = self.network.clone();
        // What is said of this node's height rests on its disk.
        let height = self.ledger.borrow().state.tip().height;
        self.spawn(async move {
            let asked = steady();
            let bytes = network
                .request_short(peer, encode(&PeerRequest::Status(height)))
                .await
                .ok()?;
            match decode::<PeerResponse>(&bytes) {
                Ok(PeerResponse::Status(height, time, last)) => {
                    let status = PeerStatus::heard(height, time, asked, steady());
                    Some(Inner::Status(peer, PeerStatus { last, ..status }))
                }
                _ => None,
            }
        });
    }

    pub(super) fn on_peer_status(&mut self, peer: PeerId, status: PeerStatus) {
        if let Some(number) = self.peers.said(&peer, &status) {
            self.tell(Event::Status {
                peer: number,
                height: status.height,
                last: status.last,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(height: u64, clock_ms: Option<i64>) -> PeerStatus {
        PeerStatus {
            height: Height::new(height),
            last: None,
            clock_ms,
        }
    }

    #[test]
    fn clock_of_a_validator_counts_once_under_however_many_names_it_comes() {
        let (chain, key) = (
            vote_chain::ChainId::default(),
            vote_chain::SecretKey::from_seed(&[1; 32]),
        );
        let mut peers = Peers::default();
        for _ in 0..3 {
            let peer = PeerId::random();
            peers.connected(peer, None).unwrap();
            peers.greet(
                &peer,
                Hello::new("n1".into(), &key, &chain, &peer.to_bytes()),
            );
            peers.said(&peer, &status(1, Some(7))).unwrap();
        }
        let stranger = PeerId::random();
        peers.connected(stranger, None).unwrap();
        peers.said(&stranger, &status(1, Some(9))).unwrap();
        assert_eq!(
            peers.clocks(|known| u64::from(*known == key.public())),
            [(7, 1)]
        );
    }

    #[test]
    fn answer_that_took_long_is_taken_for_half_as_old() {
        let ms = Timestamp::from_ms;
        let heard = PeerStatus::heard(Height::new(1), ms(10_100), ms(10_000), ms(10_200));
        assert_eq!(heard.clock_ms, Some(0));
        let heard = PeerStatus::heard(Height::new(1), ms(5_000), ms(10_000), ms(10_000));
        assert_eq!(heard.clock_ms, Some(-5_000));
        let heard = PeerStatus::heard(Height::new(1), ms(10_100), ms(10_000), ms(12_000));
        assert_eq!(heard.clock_ms, None);
    }

    #[test]
    fn stranger_is_shut_out_for_many_false_messages_and_a_validator_only_slowed_down() {
        let (chain, key) = (
            vote_chain::ChainId::default(),
            vote_chain::SecretKey::from_seed(&[1; 32]),
        );
        let mut peers = Peers::default();
        let [stranger, validator] = [PeerId::random(), PeerId::random()];
        for peer in [stranger, validator] {
            peers.connected(peer, None).unwrap();
        }
        peers.greet(
            &validator,
            Hello::new("n1".into(), &key, &chain, &validator.to_bytes()),
        );
        let now = Instant::now();
        let mut strike = |peer: &PeerId| peers.strike(peer, now, |known| *known == key.public());
        for peer in [stranger, validator] {
            assert!(
                (0..STRIKES_MAX.get()).all(|_| strike(&peer) == Strike::Counted),
                "a few are suffered"
            );
        }
        assert_eq!(
            [strike(&stranger), strike(&validator), strike(&validator)],
            [Strike::ShutOut, Strike::Slowed, Strike::Counted]
        );
        let heard = (0..1000)
            .filter(|_| peers.is_heard(&validator, now))
            .count();
        assert!((20..100).contains(&heard), "{heard}");
        assert!(
            peers.is_heard(&validator, now + SHUT_OUT),
            "it is heard in full again"
        );
    }

    #[test]
    fn who_lies_under_one_name_after_the_other_is_shut_out_at_once_and_its_neighbours_are_heard() {
        let (chain, key) = (
            vote_chain::ChainId::default(),
            vote_chain::SecretKey::from_seed(&[1; 32]),
        );
        let (here, there) = (Some([1; 6]), Some([2; 6]));
        let mut peers = Peers::default();
        let come = |peers: &mut Peers, prefix| {
            let peer = PeerId::random();
            peers.connected(peer, prefix).unwrap();
            peer
        };
        let now = Instant::now();
        let strike =
            |peers: &mut Peers, peer| peers.strike(&peer, now, |known| *known == key.public());
        let first = come(&mut peers, here);
        while strike(&mut peers, first) == Strike::Counted {}
        assert!(
            !peers.is_heard(&first, now),
            "nor what it has sent before it was shut out"
        );
        peers.disconnected(&first);
        assert!(!peers.is_heard(&first, now));
        let again = come(&mut peers, here);
        assert_eq!(strike(&mut peers, again), Strike::ShutOut);
        let honest = come(&mut peers, here);
        assert!(peers.is_heard(&honest, now), "who does not lie is heard");
        let validator = come(&mut peers, here);
        let hello = Hello::new("n1".into(), &key, &chain, &validator.to_bytes());
        peers.greet(&validator, hello);
        assert_eq!(
            strike(&mut peers, validator),
            Strike::Counted,
            "who has proven a key answers for itself alone"
        );
        let elsewhere = come(&mut peers, there);
        assert_eq!(strike(&mut peers, elsewhere), Strike::Counted);
        assert_eq!(strike(&mut peers, PeerId::random()), Strike::HungUpOn);
        assert!(peers.is_heard(&first, now + SHUT_OUT), "after a while");
    }

    #[test]
    fn blocks_are_judged_for_strangers_at_a_rate_of_all_and_for_validators_whatever_they_do() {
        let mut peers = Peers::default();
        let strangers: Vec<_> = (0..20).map(|_| PeerId::random()).collect();
        for peer in &strangers {
            peers.connected(*peer, None).unwrap();
        }
        let judged = strangers
            .iter()
            .filter(|peer| peers.may_ask_judgement(peer, false))
            .count();
        assert!((10..20).contains(&judged), "{judged}");
        assert!(peers.may_ask_judgement(&strangers[0], true));
    }

    #[test]
    fn who_greets_again_and_again_is_looked_at_seldom() {
        let mut peers = Peers::default();
        let peer = PeerId::random();
        peers.connected(peer, None).unwrap();
        let looked_at = (0..100).filter(|_| peers.may_greet(&peer)).count();
        assert!((1..10).contains(&looked_at), "{looked_at}");
    }

    #[test]
    fn peer_has_one_number_for_as_long_as_it_is_there() {
        let mut peers = Peers::default();
        let peer = PeerId::random();
        let number = peers.connected(peer, None).unwrap();
        assert!(peers.connected(peer, None).is_none());
        assert_eq!((peers.id(number), peers.count()), (Some(peer), 1));
        assert_eq!(peers.disconnected(&peer), Some(number));
        assert_eq!(
            (peers.id(number), peers.said(&peer, &status(1, None))),
            (None, None)
        );
    }
}
