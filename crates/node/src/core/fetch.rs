//! Asking a peer for transactions of a proposed block.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;
use vote_chain::{
    BlockHash, ChainId, ShortId, TransactionFault, TransactionId, Verified, decode, encode,
};
use vote_consensus::{Event, Peer};

use super::serve::TRANSACTIONS_BYTES_MAX;
use super::{Core, Inner};
use crate::peer::{PLACES_MAX, PeerRequest, PeerResponse};
use crate::pool::verify_all;

/// An answer, in bytes: each transaction has up to five bytes in front of it.
const ANSWER_BYTES_MAX: usize = TRANSACTIONS_BYTES_MAX + 8 * PLACES_MAX;

/// A transaction that a peer has given out, by its id: verified, or what is wrong with it.
pub(crate) type Fetched = (TransactionId, Result<Arc<Verified>, TransactionFault>);

impl Core {
    pub(super) fn request_transactions(
        &mut self,
        peer: Peer,
        block: BlockHash,
        wanted: &[(u32, ShortId)],
    ) {
        let Some(id) = self.peers.id(peer) else {
            return self.tell(Event::PeerLeft(peer));
        };
        let network = self.network.clone();
        let pool = self.pool.clone();
        let wanted = wanted.to_vec();
        self.spawn(async move {
            let ids: BTreeSet<_> = wanted.iter().map(|(_, short)| *short).collect();
            let question = encode(&PeerRequest::Transactions(block, wanted));
            let fetched = match network.request_within(id, question, ANSWER_BYTES_MAX).await {
                Ok(bytes) => {
                    pool.run(move |chain| check(chain, &block, &ids, &bytes))
                        .await
                }
                Err(error) => {
                    tracing::debug!(peer = %id, %error, "no transactions from peer");
                    Ok(Vec::new())
                }
            };
            Some(Inner::Fetched(peer, block, fetched))
        });
    }

    /// Without an answer, or with one that no honest node gives, the next peer is asked.
    pub(super) fn on_fetched(
        &mut self,
        peer: Peer,
        block: BlockHash,
        fetched: Result<Vec<Fetched>, String>,
    ) {
        let fetched = fetched.unwrap_or_else(|reason| {
            if let Some(unsaid) = self.news.warning(Instant::now(), "transactions refused") {
                tracing::warn!(peer = %self.peers.describe(peer), reason, unsaid, "transactions refused");
            }
            if let Some(id) = self.peers.id(peer) {
                self.strike(id);
            }
            Vec::new()
        });
        self.tell(Event::Transactions(peer, block, fetched));
    }
}

/// Reads the answer to a request for transactions of a block, and verifies those of them that were
/// wanted.
fn check(
    chain: &ChainId,
    block: &BlockHash,
    wanted: &BTreeSet<ShortId>,
    bytes: &[u8],
) -> Result<Vec<Fetched>, String> {
    let answer: PeerResponse = decode(bytes).map_err(|error| error.to_string())?;
    let PeerResponse::Transactions(transactions) = answer else {
        return Err("another answer than transactions".into());
    };
    let ids: Vec<_> = transactions
        .iter()
        .map(|bytes| TransactionId::of(bytes))
        .collect();
    let given: BTreeSet<_> = ids.iter().map(|id| ShortId::of(block, id)).collect();
    if given.len() < ids.len() || !given.is_subset(wanted) {
        return Err("transactions that it was not asked for".into());
    }
    Ok(ids
        .into_iter()
        .zip(verify_all(chain, &transactions))
        .collect())
}
