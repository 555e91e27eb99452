//! Catching up: decided blocks from peers that are ahead. Part of liveness, since nobody repeats
//! the votes of a decided height.
//!
//! Who is asked: validators of the present set first, then peers that have given blocks before,
//! then those that have shown by a certificate that there is more, then the rest. While nobody
//! answers in time more are asked, and who has failed is left alone for a while; so neither the
//! number of peers that are silent nor what they claim holds a node up for long. The next blocks
//! are asked for as soon as the last ones have arrived, and are verified while those are applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use vote_chain::{
    Block, BlockHash, CertificateFault, Changes, Claim, CommitCertificate, CommitSignature, Height,
    PublicKey, Signature, Timestamp, ValidatorSetHash, VerifiedBlock, Whole,
};

use super::Host;
use crate::evidence::Certified;
use crate::message::Votes;
use crate::turn::{Action, Halt, Peer, Timer};

/// A peer that has not answered for so long is taken for silent, in milliseconds.
const ANSWER_MS_MAX: u64 = 15_000;
/// A node that is one height behind for less than this is not behind: the votes are on their way.
/// In milliseconds.
const BEHIND_MS_MIN: u64 = 400;
/// Whoever has not answered for so long is waited for, and others are asked beside it, in
/// milliseconds. Answers take longer on slow lines: it is twice what the last one took.
const PATIENCE_MS_MIN: u64 = 1000;
/// See [`PATIENCE_MS_MIN`].
const PATIENCE_MS_MAX: u64 = 8000;
/// Who has failed is not asked for so long, in milliseconds, and twice as long each further time.
const REST_MS_MIN: u64 = 1000;
/// See [`REST_MS_MIN`].
const REST_MS_MAX: u64 = 32_000;
/// Of peers that are no validators and have given nothing yet, twice as many are asked each time
/// that nobody has answered in time, up to so many.
const STRANGERS_AT_ONCE: usize = 16;
/// Questions that wait for an answer.
const ASKED_MAX: usize = 64;
/// No more is asked for while blocks of so many bytes are here that are not yet applied, verified
/// or not.
const AHEAD_BYTES_MAX: usize = 6 << 20;
/// A block counts as so many bytes at least.
const BLOCK_BYTES_MIN: usize = 8 << 10;
/// Blocks of so many bytes are applied before the node is asked to write them, and looks at other
/// things.
const APPLIED_BYTES_MAX: usize = 2 << 20;

/// Who has so often given no block above this node's own says only that it has some.
const FAILURES_MAX: u32 = 3;

/// What is known of the others, and what was asked for.
#[derive(Default)]
pub(crate) struct Sync {
    peers: BTreeMap<Peer, Known>,
    /// Questions that wait for their answers; one for each peer.
    asked: BTreeMap<Peer, Asked>,
    last_asked: Option<Peer>,
    /// How many peers were asked together the last time, while nobody has answered since.
    at_once: usize,
    patience_ms: u64,
    behind_since: Option<Timestamp>,
    /// Answers that are being verified, by peer and first height.
    arrived: BTreeMap<(Peer, Height), Arrived>,
    queue: BTreeMap<Height, Synced>,
    /// Bytes of blocks applied in this turn.
    applied_bytes: usize,
    /// A certificate of the present set has shown that this height is decided.
    shown: Height,
}

/// What is known of a peer.
#[derive(Default)]
struct Known {
    /// Its last decided height, as it says.
    tip: Height,
    /// The same, as far as it has shown it.
    shown: Height,
    /// Whether it has given a block that was final.
    gave: bool,
    /// How often it has failed since.
    failures: u32,
    rests_until: Timestamp,
    /// How often it has not given the block after this height.
    empty: (Height, u32),
}

struct Asked {
    from: Height,
    at: Timestamp,
}

struct Arrived {
    last: Height,
    bytes: usize,
}

/// A block that a peer says is final.
pub(crate) struct Synced {
    peer: Peer,
    bytes: usize,
    pub(super) block: Arc<VerifiedBlock>,
    pub(super) certificate: CommitCertificate,
    /// The set under which the certificate has been found to hold.
    holds_under: Option<ValidatorSetHash>,
}

/// Whom to ask first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Validator,
    Gave,
    Shown,
    Claims,
}

fn bytes_of<'a>(transactions: impl Iterator<Item = &'a [u8]>) -> usize {
    transactions
        .map(<[u8]>::len)
        .sum::<usize>()
        .max(BLOCK_BYTES_MIN)
}

impl Sync {
    /// What a peer has said last.
    pub(super) fn told(&self, peer: Peer) -> Option<Height> {
        self.peers.get(&peer).map(|known| known.tip)
    }

    /// Whether one of these peers says that it has more than `tip`, and has not yet failed to show
    /// it.
    pub(super) fn somebody_is_ahead(&self, tip: Height, who: impl Fn(&Peer) -> bool) -> bool {
        let empty = |known: &Known| known.empty.0 == tip && known.empty.1 >= FAILURES_MAX;
        self.peers
            .iter()
            .any(|(peer, known)| known.tip > tip && who(peer) && !empty(known))
    }

    fn note_failed(&mut self, peer: Peer, tip: Height, now: Timestamp) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let rest = REST_MS_MIN << known.failures.min(10);
        known.rests_until = now.plus_ms(rest.min(REST_MS_MAX));
        known.failures += 1;
        let times = if known.empty.0 == tip {
            known.empty.1 + 1
        } else {
            1
        };
        known.empty = (tip, times);
    }

    /// Those that have not answered for too long have failed, and answers may take longer than was
    /// thought.
    fn give_up(&mut self, tip: Height, now: Timestamp) {
        let silent = |(peer, asked): (&Peer, &Asked)| {
            (now.ms_since(asked.at) >= ANSWER_MS_MAX).then_some(*peer)
        };
        let silent: Vec<_> = self.asked.iter().filter_map(silent).collect();
        for peer in silent {
            self.lose(peer, tip, now);
        }
    }

    /// A question has no answer.
    fn lose(&mut self, peer: Peer, tip: Height, now: Timestamp) {
        if let Some(asked) = self.asked.remove(&peer) {
            if now.ms_since(asked.at) >= self.patience() {
                self.patience_ms = (self.patience() * 2).min(PATIENCE_MS_MAX);
            }
            self.note_failed(peer, tip, now);
        }
    }

    fn patience(&self) -> u64 {
        self.patience_ms.max(PATIENCE_MS_MIN)
    }

    /// The first height above `tip` whose block is neither here nor being verified.
    fn wanted(&self, tip: Height) -> Height {
        let mut wanted = tip.next();
        loop {
            let covers = |((_, from), arrived): (&(Peer, Height), &Arrived)| {
                (*from <= wanted && wanted <= arrived.last).then_some(arrived.last)
            };
            wanted = if self.queue.contains_key(&wanted) {
                wanted.next()
            } else if let Some(last) = self.arrived.iter().find_map(covers) {
                last.next()
            } else {
                return wanted;
            };
        }
    }

    fn bytes_ahead(&self) -> usize {
        let verified: usize = self.queue.values().map(|synced| synced.bytes).sum();
        verified
            + self
                .arrived
                .values()
                .map(|arrived| arrived.bytes)
                .sum::<usize>()
    }

    /// Whether the block of the open height is here.
    fn is_next_here(&self, open: Height) -> bool {
        self.queue.contains_key(&open)
    }
}

/// Asking.
impl Host {
    pub(super) fn on_status(&mut self, peer: Peer, height: Height, last: Option<&Certified>) {
        let shown =
            last.is_some_and(|last| last.header.height == height && self.is_shown(peer, last));
        let known = self.sync.peers.entry(peer).or_default();
        known.tip = height;
        if shown {
            known.shown = height;
        }
        self.note_height(peer, height);
        self.consider_sync();
    }

    /// Whether a certificate of the present set makes this block final. Of another set this node
    /// cannot tell.
    fn is_shown(&mut self, peer: Peer, last: &Certified) -> bool {
        let Certified {
            header,
            certificate,
        } = last;
        let (height, hash, chain) = (header.height, header.hash(), self.state.chain());
        if header.chain != chain || height <= self.state.tip().height {
            return false;
        }
        // What was shown before by somebody else shows nothing new, and is not verified again.
        if height <= self.sync.shown {
            return true;
        }
        let set = self.state.validators();
        if certificate.signatures.len() > set.count() {
            return false;
        }
        match self.check_certificate(certificate, height, &hash) {
            Ok(()) => {
                self.sync.shown = height;
                true
            }
            Err(CertificateFault::Signature(key)) => {
                self.act(Action::Blame(
                    peer,
                    format!("a certificate in which the signature of {key:.16} does not hold"),
                ));
                false
            }
            Err(_) => false,
        }
    }

    pub(super) fn on_peer_left(&mut self, peer: Peer) {
        self.forget_met(peer);
        self.fetches.forget_peer(peer);
        self.sync.peers.remove(&peer);
        self.sync.asked.remove(&peer);
        self.consider_sync();
    }

    pub(super) fn on_blocks_failed(&mut self, peer: Peer, from: Height) {
        let tip = self.state.tip().height;
        if self.sync.arrived.remove(&(peer, from)).is_some() {
            self.sync.note_failed(peer, tip, self.now);
        } else {
            self.sync.lose(peer, tip, self.now);
        }
        self.consider_sync();
    }

    /// An answer has arrived: whether its blocks are to be verified. They are asked for no more,
    /// and those after them are asked for.
    pub(super) fn on_blocks_arrived(
        &mut self,
        peer: Peer,
        from: Height,
        blocks: &[(Whole<Block>, CommitCertificate)],
    ) -> bool {
        let Some(asked) = self
            .sync
            .asked
            .get(&peer)
            .filter(|asked| asked.from == from)
        else {
            return false;
        };
        let took = self.now.ms_since(asked.at);
        let tip = self.state.tip().height;
        let in_order = blocks
            .iter()
            .zip(from.get()..)
            .all(|((block, _), height)| block.header.height.get() == height);
        let Some((last, _)) = blocks.last().filter(|_| in_order) else {
            self.sync.asked.remove(&peer);
            self.sync.note_failed(peer, tip, self.now);
            self.consider_sync();
            return false;
        };
        self.sync.asked.remove(&peer);
        let last = last.header.height;
        let wanted = last >= self.sync.wanted(tip)
            && (from != tip.next() || self.next_is_final(peer, &blocks[0]));
        if wanted {
            let bytes = |(block, _): &(Whole<Block>, _)| {
                bytes_of(block.transactions.iter().map(|bytes| bytes.as_slice()))
            };
            let bytes = blocks.iter().map(bytes).sum();
            self.sync
                .arrived
                .insert((peer, from), Arrived { last, bytes });
            self.sync.at_once = 0;
            self.sync.patience_ms = (2 * took).clamp(PATIENCE_MS_MIN, PATIENCE_MS_MAX);
        }
        self.consider_sync();
        wanted
    }

    /// Whether a certificate makes this block final at the open height; if not, no work is spent on
    /// what comes with it.
    fn next_is_final(
        &mut self,
        peer: Peer,
        (block, certificate): &(Whole<Block>, CommitCertificate),
    ) -> bool {
        let height = self.height();
        let verdict = self.check_certificate(certificate, height, &block.header.hash());
        if let Err(fault) = &verdict {
            self.reject_sync(
                peer,
                format!("a certificate for height {height} that does not hold: {fault}"),
            );
        }
        verdict.is_ok()
    }

    pub(super) fn on_blocks(
        &mut self,
        peer: Peer,
        from: Height,
        blocks: Vec<(Arc<VerifiedBlock>, CommitCertificate)>,
    ) {
        if self.sync.arrived.remove(&(peer, from)).is_none() {
            return;
        }
        let holding = self.which_certificates_hold(&blocks);
        for ((block, certificate), holds_under) in blocks.into_iter().zip(holding) {
            let height = block.header().height;
            let bytes = bytes_of(
                block
                    .transactions()
                    .iter()
                    .map(|transaction| &**transaction.bytes()),
            );
            if height >= self.height() {
                self.sync.queue.entry(height).or_insert(Synced {
                    peer,
                    bytes,
                    block,
                    certificate,
                    holds_under,
                });
            }
        }
        self.consider_sync();
    }

    /// The present set, for each certificate that holds under it, all of which are checked
    /// together. The others are checked when it is their blocks' turn: there may be another set by
    /// then.
    fn which_certificates_hold(
        &self,
        blocks: &[(Arc<VerifiedBlock>, CommitCertificate)],
    ) -> Vec<Option<ValidatorSetHash>> {
        let set = self.state.validators();
        let hash = set.hash();
        let certificates = blocks
            .iter()
            .map(|(block, certificate)| (certificate, block.header().height, block.hash(), set));
        let verdicts = CommitCertificate::verify_all(&self.state.chain(), certificates);
        verdicts
            .into_iter()
            .map(|verdict| verdict.is_ok().then_some(hash))
            .collect()
    }

    fn rank(&self, peer: Peer, known: &Known, wanted: Height) -> Rank {
        if self.is_validators(peer) {
            Rank::Validator
        } else if known.gave {
            Rank::Gave
        } else if known.shown >= wanted {
            Rank::Shown
        } else {
            Rank::Claims
        }
    }

    /// Asks those that are ahead for the first block that is not here, unless an answer may still
    /// come in time.
    pub(super) fn consider_sync(&mut self) {
        let (now, tip) = (self.now, self.state.tip().height);
        self.sync.give_up(tip, now);
        let wanted = self.sync.wanted(tip);
        let mut ahead: Vec<_> = self
            .sync
            .peers
            .iter()
            .filter(|(_, known)| known.tip >= wanted && known.rests_until <= now)
            .map(|(peer, known)| {
                (
                    self.rank(*peer, known, wanted),
                    Some(*peer) <= self.sync.last_asked,
                    *peer,
                    known.tip,
                )
            })
            .collect();
        let Some(best) = ahead.iter().map(|(.., height)| *height).max() else {
            if wanted == tip.next() && self.sync.asked.is_empty() {
                self.sync.behind_since = None;
            }
            return;
        };
        let since = *self.sync.behind_since.get_or_insert(now);
        if best == tip.next() && now.ms_since(since) < BEHIND_MS_MIN {
            return;
        }
        let patience = self.sync.patience();
        let in_time = |asked: &Asked| asked.from == wanted && now.ms_since(asked.at) < patience;
        // What is missing at the front is asked for in any case: nothing of what is here can be
        // applied before it.
        let full = wanted > tip.next() && self.sync.bytes_ahead() >= AHEAD_BYTES_MAX;
        if full || self.sync.asked.values().any(in_time) {
            return;
        }
        ahead.retain(|(_, _, peer, _)| !self.sync.asked.contains_key(peer));
        ahead.sort_unstable();
        let Some((first, ..)) = ahead.first() else {
            return;
        };
        let count = match first {
            Rank::Validator | Rank::Gave => 1,
            Rank::Shown | Rank::Claims => (2 * self.sync.at_once).clamp(1, STRANGERS_AT_ONCE),
        };
        let room = ASKED_MAX.saturating_sub(self.sync.asked.len());
        ahead.truncate(count.min(room));
        self.sync.at_once = ahead.len();
        for (_, _, peer, _) in ahead {
            self.sync.asked.insert(
                peer,
                Asked {
                    from: wanted,
                    at: now,
                },
            );
            self.sync.last_asked = Some(peer);
            self.act(Action::RequestBlocks { peer, from: wanted });
        }
    }
}

/// From gathered votes.
impl Host {
    /// More than two thirds vote at the next height: the open one is decided, and this peer has its
    /// block.
    pub(super) fn note_behind(&mut self, peer: Peer) {
        let before = Timestamp::from_ms(self.now.ms().saturating_sub(BEHIND_MS_MIN));
        self.sync.behind_since.get_or_insert(before);
        self.on_status(peer, self.height(), None);
    }

    /// More than two thirds precommit for a block of the open height. If it is here, it is final,
    /// also if Malachite does not count all of their votes.
    pub(super) fn note_decided(&mut self, from: Option<Peer>, votes: &Votes) {
        let (Some(peer), Some((block, _))) = (from, self.bodies.get(&votes.block)) else {
            return;
        };
        let Some(round) = votes.round.as_u32() else {
            return;
        };
        let bytes = bytes_of(
            block
                .transactions()
                .iter()
                .map(|transaction| &**transaction.bytes()),
        );
        let signature = |(validator, signature): &(PublicKey, Signature)| CommitSignature {
            validator: *validator,
            signature: *signature,
        };
        let mut signatures: Vec<_> = votes.signatures.iter().map(signature).collect();
        signatures.sort_by_key(|signature| signature.validator);
        signatures.dedup_by_key(|signature| signature.validator);
        let certificate = CommitCertificate {
            height: votes.height,
            round,
            block: votes.block,
            signatures,
        };
        let synced = Synced {
            peer,
            bytes,
            block: block.clone(),
            certificate,
            holds_under: None,
        };
        self.sync.queue.entry(votes.height).or_insert(synced);
    }
}

/// Applying.
impl Host {
    /// The next block, if it is here and this turn has not applied enough already.
    pub(super) fn next_synced(&mut self) -> Option<Synced> {
        let height = self.height();
        if self.sync.applied_bytes >= APPLIED_BYTES_MAX {
            return None;
        }
        self.sync.queue = self.sync.queue.split_off(&height);
        let synced = self.sync.queue.remove(&height)?;
        self.sync.applied_bytes += synced.bytes;
        if self.sync.applied_bytes >= APPLIED_BYTES_MAX {
            // The rest of what is here is applied after this turn.
            self.act(Action::SetTimer {
                after_ms: 0,
                timer: Timer::Wake,
            });
        }
        Some(synced)
    }

    /// Whether the next block is here, and waits for the next turn.
    pub(super) fn has_synced(&self) -> bool {
        self.sync.is_next_here(self.height())
    }

    pub(super) fn end_turn(&mut self) {
        self.sync.applied_bytes = 0;
    }

    /// What a block changes that a certificate makes final, whatever the clock says. None if the
    /// certificate does not hold, or if this node must end. This goes past Malachite, which would
    /// propose and vote at a height that is over.
    pub(super) fn check_synced(&mut self, synced: &Synced) -> Option<Changes> {
        let Synced {
            peer,
            block,
            certificate,
            holds_under,
            ..
        } = synced;
        let (height, hash) = (self.height(), block.hash());
        let is_known = *holds_under == Some(self.state.validators().hash());
        if !is_known && let Err(fault) = self.check_certificate(certificate, height, &hash) {
            self.reject_sync(
                *peer,
                format!("a certificate for height {height} that does not hold: {fault}"),
            );
            return None;
        }
        let tip = self.state.tip();
        if tip.height > Height::GENESIS && block.header().parent != tip.hash {
            let certified = Certified {
                header: block.header().clone(),
                certificate: certificate.clone(),
            };
            self.halt(Halt::Fork(Box::new(certified)));
            return None;
        }
        match self.state.validate(block) {
            Ok(changes) => {
                if let Some(known) = self.sync.peers.get_mut(peer) {
                    known.gave = true;
                    known.failures = 0;
                }
                Some(changes)
            }
            Err(fault) => {
                self.halt(Halt::Certified {
                    hash,
                    height,
                    fault,
                });
                None
            }
        }
    }

    /// Whether a certificate makes this block final under the present set. What was seen before of
    /// its signatures is not checked again.
    fn check_certificate(
        &self,
        certificate: &CommitCertificate,
        height: Height,
        block: &BlockHash,
    ) -> Result<(), CertificateFault> {
        let which_hold = |claims: &[Claim]| self.checker.which_hold(claims);
        certificate.verify_by(
            &self.state.chain(),
            height,
            block,
            self.state.validators(),
            which_hold,
        )
    }

    fn reject_sync(&mut self, peer: Peer, reason: String) {
        self.sync.queue.retain(|_, synced| synced.peer != peer);
        self.sync.arrived.retain(|(from, _), _| *from != peer);
        self.sync
            .note_failed(peer, self.state.tip().height, self.now);
        self.act(Action::Blame(peer, reason));
        self.consider_sync();
    }

    pub(super) fn sync_decided(&mut self) {
        self.sync.behind_since = None;
        if !self.sync.is_next_here(self.height()) {
            self.consider_sync();
        }
    }
}
