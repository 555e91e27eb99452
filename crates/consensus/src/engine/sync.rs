//! Catching up: decided blocks from peers that are ahead. Part of liveness, since nobody repeats the votes of a decided
//! height.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use vote_chain::{Changes, CommitCertificate, Height, Timestamp, VerifiedBlock};

use super::Host;
use crate::evidence::Certified;
use crate::turn::{Action, Halt, Peer};

/// A peer that has not answered for so long is taken for silent, in milliseconds.
const ANSWER_MS_MAX: u64 = 15_000;
/// A node that is one height behind for less than this is not behind: the votes are on their way. In milliseconds.
const BEHIND_MS_MIN: u64 = 400;

/// Who has so often given no block above this node's own says only that it has some.
const FAILURES_MAX: u32 = 3;

/// What is known of the others, and what was asked for.
#[derive(Default)]
pub(crate) struct Sync {
    tips: BTreeMap<Peer, Height>,
    asked: Option<(Peer, Timestamp)>,
    last_asked: Option<Peer>,
    behind_since: Option<Timestamp>,
    queue: VecDeque<Synced>,
    /// Peers that have not given the block after this height, and how often they were asked for it.
    failed: BTreeMap<Peer, (Height, u32)>,
}

/// A block that a peer says is final.
pub(crate) struct Synced {
    peer: Peer,
    pub(super) block: Arc<VerifiedBlock>,
    pub(super) certificate: CommitCertificate,
}

impl Synced {
    fn height(&self) -> Height {
        self.block.header().height
    }
}

impl Sync {
    /// What a peer has said last.
    pub(super) fn told(&self, peer: Peer) -> Option<Height> {
        self.tips.get(&peer).copied()
    }

    /// Whether one of these peers says that it has more than `tip`, and has not yet failed to show it.
    pub(super) fn somebody_is_ahead(&self, tip: Height, who: impl Fn(&Peer) -> bool) -> bool {
        let empty = |peer| self.failed.get(peer).is_some_and(|(at, times)| *at == tip && *times >= FAILURES_MAX);
        self.tips.iter().any(|(peer, height)| *height > tip && who(peer) && !empty(peer))
    }

    fn note_failed(&mut self, peer: Peer, tip: Height) {
        let (at, times) = self.failed.get(&peer).copied().unwrap_or((tip, 0));
        self.failed.insert(peer, (tip, if at == tip { times + 1 } else { 1 }));
        self.tips.remove(&peer);
    }
}

impl Host {
    pub(super) fn on_status(&mut self, peer: Peer, height: Height) {
        self.sync.tips.insert(peer, height);
        self.note_height(peer, height);
        self.consider_sync();
    }

    pub(super) fn on_peer_left(&mut self, peer: Peer) {
        self.forget_met(peer);
        self.fetches.forget_peer(peer);
        self.sync.tips.remove(&peer);
        self.sync.failed.remove(&peer);
        self.sync.asked.take_if(|(asked, _)| *asked == peer);
        self.consider_sync();
    }

    pub(super) fn on_blocks_failed(&mut self, peer: Peer) {
        self.sync.note_failed(peer, self.state.tip().height);
        self.sync.asked.take_if(|(asked, _)| *asked == peer);
        self.consider_sync();
    }

    pub(super) fn on_blocks(&mut self, peer: Peer, blocks: Vec<(Arc<VerifiedBlock>, CommitCertificate)>) {
        if self.sync.asked.take_if(|(asked, _)| *asked == peer).is_none() {
            return;
        }
        let expected = self.sync.queue.back().map_or_else(|| self.height(), |synced| synced.height().next());
        let wanted = blocks.into_iter().skip_while(|(block, _)| block.header().height < expected);
        let in_order =
            (expected.get()..).zip(wanted).take_while(|(height, (block, _))| block.header().height.get() == *height);
        let before = self.sync.queue.len();
        self.sync.queue.extend(in_order.map(|(_, (block, certificate))| Synced { peer, block, certificate }));
        if self.sync.queue.len() == before {
            self.sync.note_failed(peer, self.state.tip().height);
        }
    }

    /// Asks the next peer that is ahead, unless an answer is still awaited.
    pub(super) fn consider_sync(&mut self) {
        let (now, tip) = (self.now, self.state.tip().height);
        if let Some((silent, _)) = self.sync.asked.take_if(|(_, at)| now.ms_since(*at) >= ANSWER_MS_MAX) {
            self.sync.note_failed(silent, tip);
        }
        if self.sync.asked.is_some() || !self.sync.queue.is_empty() {
            return;
        }
        let ahead: Vec<_> =
            self.sync.tips.iter().filter(|(_, height)| **height > tip).map(|(peer, height)| (*peer, *height)).collect();
        let Some(best) = ahead.iter().map(|(_, height)| *height).max() else {
            self.sync.behind_since = None;
            return;
        };
        let since = *self.sync.behind_since.get_or_insert(now);
        if best == tip.next() && now.ms_since(since) < BEHIND_MS_MIN {
            return;
        }
        let after_last = ahead.iter().find(|(peer, _)| Some(*peer) > self.sync.last_asked);
        let (peer, _) = after_last.copied().unwrap_or(ahead[0]);
        (self.sync.asked, self.sync.last_asked) = (Some((peer, now)), Some(peer));
        self.act(Action::RequestBlocks { peer, from: tip.next() });
    }

    /// The next block of an answer, if it is that of the open height.
    pub(super) fn next_synced(&mut self) -> Option<Synced> {
        let height = self.height();
        while self.sync.queue.front().is_some_and(|synced| synced.height() < height) {
            self.sync.queue.pop_front();
        }
        if self.sync.queue.front().is_some_and(|synced| synced.height() > height) {
            self.sync.queue.clear(); // the one before has led to no decision
        }
        self.sync.queue.pop_front()
    }

    /// What a block changes that a certificate makes final, whatever the clock says. None if the certificate does not
    /// hold, or if this node must end. This goes past Malachite, which would propose and vote at a height that is over.
    pub(super) fn check_synced(&mut self, synced: &Synced) -> Option<Changes> {
        let Synced { peer, block, certificate } = synced;
        let (height, hash) = (self.height(), block.hash());
        if let Err(fault) = certificate.verify(&self.state.chain(), height, &hash, self.state.validators()) {
            self.reject_sync(*peer, format!("a certificate for height {height} that does not hold: {fault}"));
            return None;
        }
        let tip = self.state.tip();
        if tip.height > Height::GENESIS && block.header().parent != tip.hash {
            let certified = Certified { header: block.header().clone(), certificate: certificate.clone() };
            self.halt(Halt::Fork(Box::new(certified)));
            return None;
        }
        match self.state.validate(block) {
            Ok(changes) => Some(changes),
            Err(fault) => {
                self.halt(Halt::Certified { hash, height, fault });
                None
            }
        }
    }

    fn reject_sync(&mut self, peer: Peer, reason: String) {
        self.sync.queue.clear();
        self.sync.note_failed(peer, self.state.tip().height);
        self.act(Action::Blame(peer, reason));
        self.consider_sync();
    }

    pub(super) fn sync_decided(&mut self) {
        self.sync.behind_since = None;
        self.consider_sync();
    }
}
