//! Answering the questions of peers.

use std::sync::Arc;

use serde_bytes::ByteBuf;
use tokio::time::Instant;
use vote_chain::{Block, CommitCertificate, Height, Verified, VerifiedBlock, decode, encode};
use vote_consensus::{Message, Taken};
use vote_network::{PeerId, Reply, Request};
use vote_storage::Store;

use super::Core;
use super::peers::PeerStatus;
use crate::clock::{now, steady};
use crate::ledger::Ledger;
use crate::peer::{PLACES_MAX, PeerRequest, PeerResponse};

/// Blocks in one answer, in bytes; the first goes in whatever its size.
const BLOCKS_BYTES_MAX: usize = 1 << 20;
/// And in number, so that headers and certificates fit too.
const BLOCKS_MAX: usize = 256;

/// Transactions of a proposed block in one answer, in bytes: a slow line must not be taken up for
/// long.
pub(super) const TRANSACTIONS_BYTES_MAX: usize = 128 * 1024;
/// An answer about heights, in bytes: what is longer is refused (docs/protocol.md, "Between
/// nodes").
const STATUS_BYTES_MAX: usize = 4096;

/// Transactions of a block that is judged for a peer: staged attacks have one or two.
const JUDGED_TRANSACTIONS_MAX: usize = 100;

impl Core {
    pub(super) fn serve(&mut self, request: Request) {
        let Request {
            from, data, reply, ..
        } = request;
        if self.peers.is_shut_out(&from, Instant::now()) {
            return;
        }
        let question = match decode::<PeerRequest>(&data) {
            Ok(question) => question,
            Err(error) => return self.refuse(from, &error.to_string()),
        };
        let answer = match question {
            PeerRequest::Hello(hello) => {
                if !self.peers.has_greeted(&from, &hello) {
                    if !self.peers.may_greet(&from) {
                        return tracing::debug!(peer = %from, "greets too often; not answered");
                    }
                    let holds = hello.holds(&self.engine.state().chain(), &from.to_bytes());
                    let hello = Some(hello).filter(|_| holds);
                    self.on_hello(
                        from,
                        hello.ok_or_else(|| "it has not proven who it is".into()),
                    );
                }
                PeerResponse::Hello(self.hello.clone())
            }
            PeerRequest::Status(height) => {
                self.on_peer_status(
                    from,
                    PeerStatus {
                        height,
                        clock_ms: None,
                        last: None,
                    },
                );
                self.status_for(height)
            }
            PeerRequest::Genesis => {
                PeerResponse::Genesis(Box::new(self.engine.state().genesis().as_ref().clone()))
            }
            PeerRequest::Blocks(height) if self.peers.may_ask_blocks(&from) => {
                return self.send_blocks(&from, height, reply);
            }
            PeerRequest::Transactions(block, wanted)
                if wanted.len() <= PLACES_MAX && self.peers.may_ask_transactions(&from) =>
            {
                let found =
                    self.engine
                        .proposed_transactions(&block, &wanted, TRANSACTIONS_BYTES_MAX);
                let bytes =
                    |transaction: Arc<Verified>| ByteBuf::from(transaction.bytes().to_vec());
                PeerResponse::Transactions(found.into_iter().map(bytes).collect())
            }
            PeerRequest::Vote(vote) => return self.on_vote_told(from, &vote, reply),
            PeerRequest::Judge(block) => return self.check(from, block, None, reply),
            PeerRequest::JudgeDecided(block, certificate) => {
                return self.check(from, block, Some(certificate), reply);
            }
            PeerRequest::Evidence(sent) => return self.exchange_evidence(from, sent, reply),
            PeerRequest::Blocks(_) => {
                return tracing::debug!(peer = %from, "asks for blocks too often; not answered");
            }
            PeerRequest::Transactions(..) => {
                return tracing::debug!(peer = %from, "asks for too many transactions, or too often; not answered");
            }
        };
        reply.send(encode(&answer));
    }

    /// A vote that this node is to gather; it is passed on with the others.
    fn on_vote_told(&mut self, from: PeerId, vote: &[u8], reply: Reply) {
        if !self.peers.is_heard(&from, Instant::now()) {
            return;
        }
        let taken = match Message::from_bytes(vote) {
            Ok(Some(vote @ Message::Vote(_))) => {
                let taken = self
                    .engine
                    .receive(steady(), self.peers.number(&from), vote.clone());
                if taken == Ok(Taken::New) {
                    // It is no usual one: those who have heard another one of its signer are to see
                    // both.
                    self.publish(&vote);
                }
                taken.map(drop).map_err(|fault| fault.to_string())
            }
            Ok(_) => Err("not a vote".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match taken {
            Ok(()) => reply.send(encode(&PeerResponse::Heard)),
            Err(reason) => self.refuse(from, &reason),
        }
    }

    fn refuse(&mut self, from: PeerId, reason: &str) {
        if let Some(unsaid) = self.news.warning(Instant::now(), "request refused") {
            tracing::warn!(peer = %from, reason, unsaid, "request refused");
        }
        self.strike(from);
    }

    /// How far this node is; who is behind is shown that it is so, unless so many have signed the
    /// last block that there is no room for it.
    fn status_for(&self, height: Height) -> PeerResponse {
        let tip = self.ledger.borrow().state.tip().height;
        let last = self
            .last
            .clone()
            .filter(|last| last.header.height == tip && tip > height);
        let answer = PeerResponse::Status(tip, now(), last);
        if encode(&answer).len() <= STATUS_BYTES_MAX {
            answer
        } else {
            PeerResponse::Status(tip, now(), None)
        }
    }

    fn send_blocks(&self, peer: &PeerId, from: Height, reply: Reply) {
        let store = self.store.clone();
        let read = move || match read_blocks(&store, from) {
            Ok(blocks) => reply.send(encode(&PeerResponse::Blocks(blocks))),
            Err(error) => tracing::error!(%error, "a block cannot be read"),
        };
        match self.pool.try_for_peer(self.is_validator(peer), read) {
            Some(read) => drop(tokio::spawn(read)),
            None => tracing::debug!(%peer, "too many peers ask at once; not answered"),
        }
    }

    fn check(
        &mut self,
        from: PeerId,
        block: Block,
        certificate: Option<CommitCertificate>,
        reply: Reply,
    ) {
        let of_validator = self.is_validator(&from);
        if block.transactions.len() > JUDGED_TRANSACTIONS_MAX
            || !self.peers.may_ask_judgement(&from, of_validator)
        {
            return tracing::debug!(peer = %from, "asks for too much to be judged; not answered");
        }
        let ledger = self.ledger.borrow().clone();
        let clock_ahead_ms_max = self.clock_ahead_ms_max;
        let judged = self.pool.try_for_peer(of_validator, move || {
            judge(&ledger, block, certificate, clock_ahead_ms_max)
        });
        let Some(judged) = judged else {
            return tracing::debug!(peer = %from, "too many peers ask at once; not answered");
        };
        let said = self.news.warning(Instant::now(), "block judged");
        tokio::spawn(async move {
            let verdict = judged.await;
            let accepted = verdict.is_ok();
            let reason = verdict
                .err()
                .unwrap_or_else(|| "it breaks no rule".to_owned());
            if let Some(unsaid) = said {
                tracing::warn!(peer = %from, accepted, reason, unsaid, "judged a block that a peer has offered");
            }
            reply.send(encode(&PeerResponse::Verdict { accepted, reason }));
        });
    }
}

/// What this node would make of a block, by the same rules by which it votes.
fn judge(
    ledger: &Ledger,
    block: Block,
    certificate: Option<CommitCertificate>,
    clock_ahead_ms_max: u64,
) -> Result<(), String> {
    let state = &ledger.state;
    let verified = block
        .whole()
        .and_then(|block| VerifiedBlock::verify(&state.chain(), &block, |_| None));
    let block = verified.map_err(|fault| fault.to_string())?;
    if let Some(certificate) = certificate {
        let height = state.tip().height.next();
        let verdict = certificate.verify(&state.chain(), height, &block.hash(), state.validators());
        verdict.map_err(|fault| format!("the certificate does not hold: {fault}"))?;
    }
    vote_consensus::judge(state, now(), clock_ahead_ms_max, &block)
        .map_err(|fault| fault.to_string())
}

fn read_blocks(
    store: &Store,
    from: Height,
) -> Result<Vec<(ByteBuf, CommitCertificate)>, vote_storage::StorageError> {
    let (mut blocks, mut bytes, mut height) = (Vec::new(), 0, from);
    while blocks.len() < BLOCKS_MAX
        && let Some((block, certificate)) = store.block_bytes(height)?
    {
        bytes += block.len() + certificate.signatures.len() * 110 + 64;
        if bytes > BLOCKS_BYTES_MAX && !blocks.is_empty() {
            break;
        }
        blocks.push((ByteBuf::from(block), certificate));
        height = height.next();
    }
    Ok(blocks)
}
