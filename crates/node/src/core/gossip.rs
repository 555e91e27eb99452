//! What comes in over gossip: consensus messages, blocks, batches of transactions.

use std::fmt::{self, Formatter};
use std::sync::Arc;
use std::time::Duration;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_bytes::ByteBuf;
use tokio::time::Instant;
use vote_chain::{
    Block, BlockFault, CommitCertificate, Height, InvalidTransaction, TransactionId, Verified,
    Whole, decode,
};
use vote_consensus::{Dropped, Message, MessageFault, Origin, PASS_ON_MS, PoolRefusal, Taken};
use vote_network::{Gossip, RequestError, Topic, Verdict};

use super::timers::Wake;
use super::{Core, Inner};
use crate::clock::steady;
use crate::peer::PeerResponse;

/// Votes that wait to be passed on; beyond that they are at once.
const LATER_MAX: usize = 4096;

/// A batch in which all is known is passed on if the newest of it has waited for so long, in
/// milliseconds.
const PASS_AGAIN_MS: u64 = 8000;

/// A batch of transactions as it travels. The number makes a batch that is sent again another
/// message.
#[derive(Serialize, Deserialize)]
pub(super) struct TransactionBatch {
    pub(super) number: u64,
    #[serde(deserialize_with = "few")]
    pub(super) transactions: Vec<ByteBuf>,
}

/// Key, chain and signature alone are as long as this, in bytes.
const TRANSACTION_BYTES_MIN: usize = 128;
/// No more of them fit into a batch.
const BATCH_TRANSACTIONS_MAX: usize = Topic::Transactions.bytes_max() / TRANSACTION_BYTES_MIN;

/// Reads transactions until there is one that is too short, or one too many: what costs this node
/// more than its sender is not even read.
fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ByteBuf>, D::Error> {
    struct Few;

    impl<'de> Visitor<'de> for Few {
        type Value = Vec<ByteBuf>;

        fn expecting(&self, formatter: &mut Formatter) -> fmt::Result {
            write!(
                formatter,
                "up to {BATCH_TRANSACTIONS_MAX} transactions of {TRANSACTION_BYTES_MIN} bytes or more"
            )
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
            let mut transactions = Vec::new();
            while let Some(bytes) = sequence.next_element::<ByteBuf>()? {
                if bytes.len() < TRANSACTION_BYTES_MIN
                    || transactions.len() >= BATCH_TRANSACTIONS_MAX
                {
                    return Err(de::Error::invalid_length(bytes.len(), &self));
                }
                transactions.push(bytes);
            }
            Ok(transactions)
        }
    }

    deserializer.deserialize_seq(Few)
}

/// The transactions of a batch that hold, and what is wrong with one that does not.
pub(crate) struct CheckedTransactions {
    good: Vec<Arc<Verified>>,
    fault: Option<String>,
    /// Whether all that was new in it was verified: the rest found no room.
    whole: bool,
}

impl Core {
    pub(super) fn on_gossip(&mut self, gossip: Gossip) {
        self.bytes.1 += u64::try_from(gossip.data.len()).unwrap_or(u64::MAX);
        if !self.peers.is_heard(&gossip.source, Instant::now()) {
            return self.network.report(&gossip, Verdict::Ignore);
        }
        match gossip.topic {
            Topic::Transactions => self.on_transactions(gossip),
            Topic::Consensus | Topic::Blocks => self.on_consensus(gossip),
        }
    }

    /// Honest nodes check before they pass on, so that whoever has sent this is at fault.
    fn reject(&mut self, gossip: &Gossip, reason: &str) {
        if let Some(unsaid) = self.news.warning(Instant::now(), "message refused") {
            tracing::warn!(peer = %gossip.source, topic = ?gossip.topic, reason, unsaid, "message refused");
        }
        self.network.report(gossip, Verdict::Reject);
        self.strike(gossip.source);
    }

    fn on_consensus(&mut self, gossip: Gossip) {
        match Message::from_bytes(&gossip.data) {
            Ok(Some(message)) => {
                let taken =
                    self.engine
                        .receive(steady(), self.peers.number(&gossip.source), message);
                self.answer(gossip, taken);
            }
            Ok(None) => self.reject(&gossip, "not a consensus message"),
            Err(error) => self.reject(&gossip, &error.to_string()),
        }
    }

    /// Passes a message on, drops it, or holds it against whoever has passed it on.
    fn answer(&mut self, gossip: Gossip, taken: Result<Taken, MessageFault>) {
        match taken {
            Ok(Taken::New) => self.network.report(&gossip, Verdict::Accept),
            Ok(Taken::FromSigner(height)) => self.pass_on_later(gossip, height),
            Ok(Taken::Dropped(why)) => {
                let reason = why.reason();
                if why != Dropped::Known
                    && let Some(unsaid) = self.news.warning(Instant::now(), reason)
                {
                    tracing::debug!(peer = %gossip.source, topic = ?gossip.topic, reason, unsaid, "message dropped");
                }
                self.network.report(&gossip, Verdict::Ignore);
            }
            Err(fault) => self.reject(&gossip, &fault.to_string()),
        }
    }

    fn pass_on_later(&mut self, mut gossip: Gossip, height: Height) {
        if self.later.len() >= LATER_MAX {
            return self.network.report(&gossip, Verdict::Accept);
        }
        if self.later.is_empty() {
            self.timers.set(PASS_ON_MS, Wake::PassOn);
        }
        // The network has kept the message itself.
        gossip.data = Vec::new();
        self.later.push_back((
            Instant::now() + Duration::from_millis(PASS_ON_MS),
            height,
            gossip,
        ));
    }

    /// Passes on what is due and of use to somebody yet.
    pub(super) fn pass_on(&mut self) {
        let (now, tip) = (Instant::now(), self.engine.state().tip().height);
        while self.later.front().is_some_and(|(due, ..)| *due <= now)
            && let Some((_, height, gossip)) = self.later.pop_front()
        {
            // Those of the last height too: if this node goes no further, others may lack them.
            let verdict = if height >= tip {
                Verdict::Accept
            } else {
                Verdict::Ignore
            };
            self.network.report(&gossip, verdict);
        }
        if let Some((due, ..)) = self.later.front() {
            self.timers.set_at(*due, Wake::PassOn);
        }
    }

    fn on_transactions(&mut self, gossip: Gossip) {
        let batch: TransactionBatch = match decode(&gossip.data) {
            Ok(TransactionBatch { transactions, .. }) if transactions.is_empty() => {
                return self.reject(&gossip, "a batch of no transactions");
            }
            Ok(batch) => batch,
            Err(error) => return self.reject(&gossip, &error.to_string()),
        };
        let mut fresh = Vec::new();
        let mut known_since = None;
        for bytes in batch.transactions {
            match self.engine.pending_since(&TransactionId::of(&bytes)) {
                Some(since) => known_since = known_since.max(Some(since)),
                None => fresh.push(bytes),
            }
        }
        if fresh.is_empty() {
            // What has been passed on a while ago and is sent again has not reached everybody.
            let again = known_since.is_none_or(|since| steady().ms_since(since) >= PASS_AGAIN_MS);
            return self.network.report(
                &gossip,
                if again {
                    Verdict::Accept
                } else {
                    Verdict::Ignore
                },
            );
        }
        let new = fresh.len();
        fresh.retain(|bytes| self.engine.has_room(bytes));
        let whole = fresh.len() == new;
        if fresh.is_empty() {
            return self.network.report(&gossip, Verdict::Ignore);
        }
        let of_validator = self.is_validator(&gossip.source);
        let own = self.peers.batches(&gossip.source);
        let Some(verdicts) = self.pool.try_verify_gossip(of_validator, &own, fresh) else {
            return self.network.report(&gossip, Verdict::Ignore);
        };
        self.spawn(async move {
            let verdicts = verdicts.await;
            let (mut good, mut fault) = (Vec::new(), None);
            for verdict in verdicts {
                match verdict {
                    Ok(transaction) => good.push(transaction),
                    Err(error) => fault = Some(error.to_string()),
                }
            }
            Some(Inner::Transactions(
                gossip,
                CheckedTransactions { good, fault, whole },
            ))
        });
    }

    pub(super) fn on_checked_transactions(
        &mut self,
        gossip: &Gossip,
        checked: CheckedTransactions,
    ) {
        let CheckedTransactions { good, fault, whole } = checked;
        let (count, sent) = (good.len(), good.clone());
        // What does not fit the state here may be late or early; its submitter is told by its own
        // node.
        let taken = self.engine.submit(steady(), good, Origin::Peer);
        let fits =
            |taken: &&Result<(), PoolRefusal>| matches!(taken, Ok(()) | Err(PoolRefusal::Full(_)));
        let mostly_fits = taken.iter().filter(fits).count() * 2 >= count;
        // Whoever takes it on might pass it to programs that cannot read it.
        let is_early = |taken: &Result<(), PoolRefusal>| {
            let Err(PoolRefusal::Invalid(fault)) = taken else {
                return false;
            };
            matches!(fault, InvalidTransaction::LaterVersion { .. })
        };
        if fault.is_none() && whole && mostly_fits && !taken.iter().any(is_early) {
            return self.network.report(gossip, Verdict::Accept);
        }
        // Anybody can sign ballots of an election that there is not, and put those of others beside
        // them: they are a burden to this node, and to no other. What is good goes on without them.
        match fault {
            Some(reason) => self.reject(gossip, &reason),
            None => self.network.report(gossip, Verdict::Ignore),
        }
        let good = sent.iter().zip(&taken).filter(|(_, taken)| taken.is_ok());
        good.for_each(|(transaction, _)| self.relay.add(transaction));
    }
}

/// Why there are no blocks from a peer that was asked for some.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBlocks {
    /// It may be slow, or gone: nobody is to blame.
    #[error(transparent)]
    NoAnswer(#[from] RequestError),
    /// No honest node answers so.
    #[error("another answer than blocks")]
    OtherAnswer,
    /// No honest node has such a block.
    #[error(transparent)]
    Block(#[from] BlockFault),
}

/// Reads the answer to a request for blocks, up to the first of a protocol version that this program
/// does not have; their transactions are still to be verified.
pub(crate) fn read_blocks(
    bytes: &[u8],
) -> Result<Vec<(Whole<Block>, CommitCertificate)>, NoBlocks> {
    let answer: PeerResponse = decode(bytes).map_err(BlockFault::from)?;
    let blocks = answer.blocks().ok_or(NoBlocks::OtherAnswer)?;
    let read = |(bytes, certificate): (ByteBuf, CommitCertificate)| {
        Ok((Whole::read(&bytes)?, certificate))
    };
    let known = |read: &Result<(Whole<Block>, _), _>| {
        let block = read.as_ref().ok();
        block.is_none_or(|(block, _)| block.header.version.is_known())
    };
    blocks.into_iter().map(read).take_while(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::encode;

    fn read(count: usize, bytes: usize) -> bool {
        let transactions = vec![ByteBuf::from(vec![0; bytes]); count];
        decode::<TransactionBatch>(&encode(&TransactionBatch {
            number: 1,
            transactions,
        }))
        .is_ok()
    }

    #[test]
    fn batch_of_more_transactions_than_bytes_would_have_room_for_is_not_read() {
        assert!(
            read(1, TRANSACTION_BYTES_MIN) && read(BATCH_TRANSACTIONS_MAX, TRANSACTION_BYTES_MIN)
        );
        assert!(!read(1, 0) && !read(200_000, 0) && !read(1, TRANSACTION_BYTES_MIN - 1));
        assert!(!read(BATCH_TRANSACTIONS_MAX + 1, TRANSACTION_BYTES_MIN));
    }
}
