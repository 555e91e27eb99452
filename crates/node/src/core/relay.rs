//! Grouping transactions for the other nodes: the cost of gossip is per message.

use std::time::Duration;

use serde_bytes::ByteBuf;
use tokio::time::Instant;
use vote_chain::{Verified, encode};
use vote_network::Topic;

use super::Core;
use super::gossip::TransactionBatch;
use super::timers::Wake;

/// After a batch, the next is gathered for this long, in milliseconds; after a pause, nothing
/// waits.
const GATHER_MS: u64 = 20;
/// A batch of so many bytes is sent at once.
const BATCH_BYTES: usize = 32 * 1024;

#[derive(Default)]
pub(super) struct Relay {
    waiting: Vec<ByteBuf>,
    bytes: usize,
    number: u64,
    last: Option<Instant>,
    armed: bool,
    pub(super) due: bool,
}

impl Relay {
    pub(super) fn add(&mut self, transaction: &Verified) {
        self.bytes += transaction.bytes().len();
        self.waiting
            .push(ByteBuf::from(transaction.bytes().to_vec()));
    }
}

impl Core {
    /// Sends what is full or due.
    pub(super) fn flush_relay(&mut self) {
        let relay = &mut self.relay;
        if relay.waiting.is_empty() {
            relay.due = false;
            return;
        }
        let rested = relay
            .last
            .is_none_or(|last| last.elapsed() >= Duration::from_millis(GATHER_MS));
        if !(relay.due || rested || relay.bytes >= BATCH_BYTES) {
            if !relay.armed {
                relay.armed = true;
                self.timers.set(GATHER_MS, Wake::Relay);
            }
            return;
        }
        (relay.due, relay.armed, relay.bytes, relay.last) = (false, false, 0, Some(Instant::now()));
        let mut waiting = std::mem::take(&mut relay.waiting).into_iter().peekable();
        while waiting.peek().is_some() {
            let mut bytes = 0;
            let mut transactions = Vec::new();
            while let Some(next) =
                waiting.next_if(|next| bytes == 0 || bytes + next.len() <= BATCH_BYTES)
            {
                bytes += next.len();
                transactions.push(next);
            }
            self.relay.number += 1;
            let number = self.relay.number ^ self.relay_salt();
            self.send_gossip(
                Topic::Transactions,
                encode(&TransactionBatch {
                    number,
                    transactions,
                }),
            );
        }
    }

    /// Makes the batches of different nodes, and of one node before and after a restart, differ.
    fn relay_salt(&self) -> u64 {
        let peer = self.local.to_bytes();
        let tail = peer
            .last_chunk::<8>()
            .map_or(0, |tail| u64::from_be_bytes(*tail));
        tail ^ (crate::clock::now().ms() << 20)
    }
}
