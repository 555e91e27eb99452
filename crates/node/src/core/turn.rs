//! Carrying out a turn: first the disk, then the world.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_bytes::ByteBuf;
use tokio::time::Instant;
use vote_chain::{Block, CommitCertificate, Height, Whole, encode};
use vote_consensus::{Action, Certified, Halt, Message, Peer, Turn, Write};
use vote_network::Topic;

use super::timers::Wake;
use super::{Core, Inner, NoBlocks};
use crate::clock::steady;
use crate::peer::{PeerRequest, PeerResponse};

impl Core {
    /// Makes what has happened durable, and only then acts on it. An error ends the node with
    /// nothing more said.
    pub(super) fn perform(&mut self) -> Result<()> {
        if let Some(error) = self.end.take() {
            return Err(error);
        }
        let Turn { writes, actions } = self.engine.turn();
        if !writes.is_empty() {
            let written = tokio::task::block_in_place(|| self.persist(&writes));
            written
                .context("the ledger cannot be written; the node stops before it says anything that it might forget")?;
        }
        let last = writes.iter().rev().find_map(|write| match write {
            Write::Commit(decided) => Some(decided),
            Write::Log { .. } | Write::Body(_) | Write::Sign(_) => None,
        });
        if let Some(decided) = last {
            let (header, certificate) =
                (decided.block.header().clone(), decided.certificate.clone());
            self.last = Some(Box::new(Certified {
                header,
                certificate,
            }));
            self.publish_ledger();
            self.say_what_is_planned();
        }
        self.answer_submitted();
        for action in actions {
            self.carry_out(action)?;
        }
        self.mind_desk();
        self.flush_relay();
        Ok(())
    }

    /// The engine's state is durable now: whoever asks is answered from it.
    fn publish_ledger(&self) {
        let state = Arc::new(self.engine.state().clone());
        self.ledger
            .send_modify(|ledger| *ledger = Arc::new(ledger.at(state)));
    }

    /// The ledger first, then the sign-state: a sign-state that knows more than the ledger tells of
    /// an older copy of the ledger.
    fn persist(&mut self, writes: &[Write]) -> Result<()> {
        let mut signed = None;
        let mut batch = self.store.begin();
        for write in writes {
            match write {
                Write::Log { height, entry } => batch.append_log(*height, entry),
                Write::Body(block) => batch.put_body(block),
                Write::Commit(decided) => {
                    batch.commit_block(&decided.block, &decided.certificate, &decided.changes);
                    for proof in &decided.evidence {
                        let bytes = proof.to_bytes();
                        if self.evidence.admit(proof, &bytes) {
                            batch.put_evidence(decided.block.header().height, &bytes);
                        }
                    }
                }
                Write::Sign(state) => signed = Some(*state),
            }
        }
        batch.finish()?;
        match signed {
            Some(state) => self.signs.write(state),
            None => Ok(()),
        }
    }

    fn carry_out(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Publish(message) => self.publish(&message),
            Action::Tell(peer, message) => self.tell_one(peer, &message),
            Action::RequestBlocks { peer, from } => self.request_blocks(peer, from),
            Action::RequestTransactions {
                peer,
                block,
                wanted,
            } => self.request_transactions(peer, block, &wanted),
            Action::SetTimer { after_ms, timer } => self.timers.set(after_ms, Wake::Engine(timer)),
            Action::Relay(transaction) => self.relay.add(&transaction),
            Action::Refused(id, fault) => self.refused(id, &fault),
            Action::Decided(decided) => self.decided(decided),
            Action::Distrust(proposer, fault) => {
                if let Some(unsaid) = self.news.warning(Instant::now(), "proposed block refused") {
                    tracing::warn!(%proposer, %fault, unsaid, "proposed block refused");
                }
            }
            Action::Blame(peer, reason) => self.blame(peer, &reason),
            Action::Halt(halt) => {
                if let Halt::Fork(theirs) = &halt {
                    self.forked(theirs.as_ref().clone())?;
                }
                return Err(super::signing::stop(halt).into());
            }
        }
        Ok(())
    }

    pub(super) fn publish(&mut self, message: &Message) {
        let topic = if matches!(message, Message::Proposal(..)) {
            Topic::Blocks
        } else {
            Topic::Consensus
        };
        if topic == Topic::Blocks {
            // What the block names goes out before it: who has it need not ask for it.
            self.relay.due = true;
            self.flush_relay();
        }
        self.send_gossip(topic, message.to_bytes());
    }

    /// Tells one peer a vote. If it does not arrive, the engine says it to all.
    fn tell_one(&mut self, peer: Peer, vote: &Message) {
        let Some(id) = self.peers.id(peer) else {
            return;
        };
        let question = encode(&PeerRequest::Vote(ByteBuf::from(vote.to_bytes())));
        self.bytes.0 += u64::try_from(question.len()).unwrap_or(u64::MAX);
        self.network.tell_one(id, question);
    }

    pub(super) fn send_gossip(&mut self, topic: Topic, bytes: Vec<u8>) {
        self.bytes.0 += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let Err(error) = self.network.publish(topic, bytes) {
            tracing::debug!(%error, ?topic, "not published");
        }
    }

    fn request_blocks(&mut self, peer: Peer, from: Height) {
        let Some(id) = self.peers.id(peer) else {
            return self.tell(vote_consensus::Event::PeerLeft(peer));
        };
        let (network, pool) = (self.network.clone(), self.pool.clone());
        self.spawn(async move {
            let answer = network
                .request(id, encode(&PeerRequest::Blocks(from)))
                .await;
            let blocks = match answer {
                Ok(bytes) => pool.run(move |_| super::gossip::read_blocks(&bytes)).await,
                Err(error) => Err(error.into()),
            };
            Some(Inner::BlocksArrived(peer, from, blocks))
        });
    }

    /// Has the blocks verified, on all cores, if the engine wants them.
    pub(super) fn on_blocks_arrived(
        &mut self,
        peer: Peer,
        from: Height,
        blocks: Vec<(Whole<Block>, CommitCertificate)>,
    ) {
        if self.engine.blocks_arrived(steady(), peer, from, &blocks) {
            let pool = self.pool.clone();
            self.spawn(async move {
                let verified = pool.verify_blocks(blocks).await.map_err(NoBlocks::from);
                Some(Inner::Blocks(peer, from, verified))
            });
        }
    }

    /// The next peer is asked. An answer that no honest node gives is held against this one.
    pub(super) fn on_no_blocks(&mut self, peer: Peer, from: Height, why: &NoBlocks) {
        match why {
            NoBlocks::NoAnswer(error) => {
                tracing::debug!(peer = %self.peers.describe(peer), %error, "no blocks from peer");
            }
            NoBlocks::OtherAnswer | NoBlocks::Block(_) => {
                if let Some(unsaid) = self.news.warning(Instant::now(), "blocks refused") {
                    tracing::warn!(peer = %self.peers.describe(peer), reason = %why, unsaid, "blocks refused");
                }
                if let Some(id) = self.peers.id(peer) {
                    self.strike(id);
                }
            }
        }
        self.tell(vote_consensus::Event::BlocksFailed { peer, from });
    }

    fn blame(&mut self, peer: Peer, reason: &str) {
        if let Some(unsaid) = self.news.warning(Instant::now(), "blamed") {
            tracing::warn!(peer = %self.peers.describe(peer), reason, unsaid, "peer has sent what no honest node sends");
        }
        if let Some(id) = self.peers.id(peer) {
            self.network.disconnect(id);
        }
    }
}

impl PeerResponse {
    pub(super) fn blocks(self) -> Option<Vec<(ByteBuf, CommitCertificate)>> {
        if let Self::Blocks(blocks) = self {
            Some(blocks)
        } else {
            None
        }
    }
}
