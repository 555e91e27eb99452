//! Catching up: decided blocks from peers that are ahead. Part of liveness, since nobody repeats the votes of a decided
//! height.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use malachite::{Input, PeerId};
use malachite_types::{
    CommitCertificate as MalachiteCertificate, CommitSignature, ExtendedCommitCertificate, Round, Validity,
    ValueOrigin, ValueResponse, VoteExtensions,
};
use vote_chain::bft::Ctx;
use vote_chain::{CommitCertificate, Height, PublicKey, Timestamp, VerifiedBlock};

use super::Host;
use crate::turn::{Action, Peer};

/// A peer that has not answered for so long is taken for silent, in milliseconds.
const ANSWER_MS_MAX: u64 = 15_000;
/// A node that is one height behind for less than this is not behind: the votes are on their way. In milliseconds.
const BEHIND_MS_MIN: u64 = 400;

/// What is known of the others, and what was asked for.
#[derive(Default)]
pub(crate) struct Sync {
    tips: BTreeMap<Peer, Height>,
    asked: Option<(Peer, Timestamp)>,
    last_asked: Option<Peer>,
    behind_since: Option<Timestamp>,
    queue: VecDeque<(Peer, Arc<VerifiedBlock>, CommitCertificate)>,
    /// The block whose certificate Malachite is looking at.
    pub(crate) current: Option<(Peer, Arc<VerifiedBlock>)>,
}

impl Host {
    pub(super) fn on_status(&mut self, peer: Peer, height: Height) {
        self.sync.tips.insert(peer, height);
        self.consider_sync();
    }

    pub(super) fn on_peer_left(&mut self, peer: Peer) {
        self.sync.tips.remove(&peer);
        self.sync.asked.take_if(|(asked, _)| *asked == peer);
        self.consider_sync();
    }

    pub(super) fn on_blocks_failed(&mut self, peer: Peer) {
        self.sync.tips.remove(&peer);
        self.sync.asked.take_if(|(asked, _)| *asked == peer);
        self.consider_sync();
    }

    pub(super) fn on_blocks(&mut self, peer: Peer, blocks: Vec<(Arc<VerifiedBlock>, CommitCertificate)>) {
        if self.sync.asked.take_if(|(asked, _)| *asked == peer).is_none() {
            return;
        }
        let expected =
            self.sync.queue.back().map_or_else(|| self.height(), |(_, block, _)| block.header().height.next());
        let wanted = blocks.into_iter().skip_while(|(block, _)| block.header().height < expected);
        let in_order =
            (expected.get()..).zip(wanted).take_while(|(height, (block, _))| block.header().height.get() == *height);
        let before = self.sync.queue.len();
        self.sync.queue.extend(in_order.map(|(_, (block, certificate))| (peer, block, certificate)));
        if self.sync.queue.len() == before {
            self.sync.tips.remove(&peer);
        }
    }

    /// Asks the next peer that is ahead, unless an answer is still awaited.
    pub(super) fn consider_sync(&mut self) {
        let (now, tip) = (self.now, self.state.tip().height);
        if self.sync.asked.is_some_and(|(_, at)| now.ms_since(at) < ANSWER_MS_MAX) || !self.sync.queue.is_empty() {
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

    /// Feeds the next block of an answer, if it is that of the open height; true if it did.
    pub(super) fn feed_sync(&mut self) -> bool {
        let height = self.height();
        while self.sync.queue.front().is_some_and(|(_, block, _)| block.header().height < height) {
            self.sync.queue.pop_front();
        }
        if self.sync.queue.front().is_some_and(|(_, block, _)| block.header().height > height) {
            self.sync.queue.clear(); // the one before has led to no decision
        }
        let Some((peer, block, certificate)) = self.sync.queue.pop_front() else { return false };
        if block.hash() != certificate.block {
            self.reject_sync(peer, format!("a certificate for another block at height {height}"));
            return true;
        }
        if !self.deciding {
            self.start_height(height);
        }
        let response =
            ValueResponse::new(peer_id(peer), block.hash().as_bytes().to_vec().into(), extended(&certificate));
        self.sync.current = Some((peer, block));
        self.inbox.push_back(Input::SyncValueResponse(response));
        true
    }

    /// The certificate holds: the block is final, whatever the clock says.
    pub(crate) fn sync_certified(&mut self, round: Round, proposer: PublicKey) {
        let Some((_, block)) = self.sync.current.take() else { return };
        let (height, hash) = (block.header().height, block.hash());
        if let Err(fault) = self.keep_body(block) {
            let reason = format!("block {hash} at height {height} is certified, but breaks a rule: {fault}");
            return self.act(Action::Halt(reason));
        }
        self.value_known(height, round, proposer, hash, Validity::Valid, ValueOrigin::Sync);
    }

    pub(crate) fn sync_rejected(&mut self, reason: String) {
        if let Some((peer, _)) = self.sync.current.take() {
            self.reject_sync(peer, reason);
        }
    }

    fn reject_sync(&mut self, peer: Peer, reason: String) {
        self.sync.queue.clear();
        self.sync.tips.remove(&peer);
        self.act(Action::Blame(peer, reason));
        self.consider_sync();
    }

    pub(super) fn sync_decided(&mut self) {
        self.sync.behind_since = None;
        self.sync.current = None;
        self.consider_sync();
    }
}

fn extended(certificate: &CommitCertificate) -> ExtendedCommitCertificate<Ctx> {
    let signature = |s: &vote_chain::CommitSignature| CommitSignature::new(s.validator, s.signature);
    let certificate = MalachiteCertificate {
        height: certificate.height,
        round: Round::new(certificate.round),
        value_id: certificate.block,
        commit_signatures: certificate.signatures.iter().map(signature).collect(),
    };
    ExtendedCommitCertificate::from_commit_certificate_and_extensions(certificate, VoteExtensions::new(vec![]))
}

/// Malachite names peers by multihash; ours are numbers.
fn peer_id(peer: Peer) -> PeerId {
    let mut multihash = vec![0x00, 8];
    multihash.extend(peer.0.to_be_bytes());
    PeerId::from_bytes(&multihash).expect("an identity multihash of eight bytes")
}
