//! Searching, by all that people have in their hands: a height, the beginning of a hash, a tracker,
//! words of a title.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Mutex;
use vote_api::{BlockAt, CallError, ElectionQuery, QUERY_BYTES_MAX, TRACE_BYTES_MIN, Trace};
use vote_chain::{Height, TransactionId};
use vote_views::{Found, FoundKind};

use crate::code::{CodeFault, Kind, Tracker};
use crate::fault::Fault;
use crate::node::Node;

/// Finds in one answer.
const FOUND_MAX: u16 = 20;
/// So many digits of a hash are enough to look for it.
const DIGITS_MIN: usize = 4;
/// Blocks, counted from the last, whose hashes and transactions are found by their beginnings.
const RECENT_BLOCKS_MAX: u64 = 128;

/// A block by its hashes.
struct Seen {
    height: Height,
    hash: String,
    transactions: Vec<TransactionId>,
}

/// Searches what the node knows.
#[derive(Clone)]
pub(crate) struct Finder {
    node: Arc<Node>,
    /// Blocks do not change: each is asked for once. Held while they are, so that nobody asks for
    /// the same ones.
    recent: Arc<Mutex<VecDeque<Seen>>>,
}

impl Finder {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            recent: Arc::default(),
        }
    }

    /// What fits, the most certain first.
    pub(crate) async fn find(&self, query: &str) -> Result<Vec<Found>, Fault> {
        let words = query.trim().to_lowercase();
        if words.is_empty() || words.len() > QUERY_BYTES_MAX {
            return Err(Fault::invalid(format!(
                "search for 1 to {QUERY_BYTES_MAX} bytes of text"
            )));
        }
        let mut found = Vec::new();
        refuse_voter_code(&words)?;
        if let Ok(tracker) = Tracker::read(&words) {
            found.extend(self.ballot(tracker.bytes()).await?);
            return Ok(found);
        }
        found.extend(self.block(&words).await?);
        if words.len() >= DIGITS_MIN
            && words.len() <= 64
            && words.bytes().all(|digit| digit.is_ascii_hexdigit())
        {
            self.hashes(&words, &mut found).await?;
            self.elections(
                ElectionQuery {
                    id: words.clone(),
                    ..ElectionQuery::default()
                },
                &mut found,
            )
            .await?;
        }
        self.elections(
            ElectionQuery {
                title: words,
                ..ElectionQuery::default()
            },
            &mut found,
        )
        .await?;
        found.truncate(usize::from(FOUND_MAX));
        Ok(found)
    }

    /// The newest elections that a query fits, but for those that are found already.
    async fn elections(
        &self,
        query: ElectionQuery,
        found: &mut Vec<Found>,
    ) -> Result<(), CallError> {
        let query = ElectionQuery {
            limit: FOUND_MAX,
            ..query
        };
        let (views, _) = self
            .node
            .ask(|client| async move { client.elections_page(query).await })
            .await?;
        for view in views {
            let title = Some(view.record.election.title.clone());
            let one = Found {
                title,
                ..found_at(FoundKind::Election, view.record.id, view.height)
            };
            if !found.contains(&one) {
                found.push(one);
            }
        }
        Ok(())
    }

    /// The block of a height.
    async fn block(&self, words: &str) -> Result<Option<Found>, CallError> {
        let Ok(height) = words.parse() else {
            return Ok(None);
        };
        match self.seen(BlockAt::Height(Height::new(height))).await {
            Ok(seen) => Ok(Some(found_at(FoundKind::Block, &seen.hash, seen.height))),
            Err(error) => missing(error),
        }
    }

    /// The ballot whose id begins so.
    async fn ballot(&self, prefix: &[u8]) -> Result<Option<Found>, CallError> {
        match trace(&self.node, prefix).await {
            Ok(trace) => Ok(Some(found_at(
                FoundKind::Ballot,
                trace.transaction,
                trace.height,
            ))),
            Err(error) => missing(error),
        }
    }

    /// Whatever has a hash that begins so.
    async fn hashes(&self, digits: &str, found: &mut Vec<Found>) -> Result<(), CallError> {
        let whole = hex::decode(&digits[..digits.len() & !1]).map_err(|_| CallError::Unexpected)?;
        let ballot = if whole.len() >= TRACE_BYTES_MIN {
            self.ballot(&whole).await?
        } else {
            None
        };
        let known = ballot.as_ref().map(|ballot| ballot.id.clone());
        found.extend(ballot.filter(|ballot| ballot.id.starts_with(digits)));
        if known.is_none()
            && let Ok(id) = digits.parse::<TransactionId>()
        {
            match self
                .node
                .ask(|client| async move { client.proven(id).await })
                .await
            {
                Ok(proven) => {
                    found.push(found_at(FoundKind::Transaction, id, proven.height));
                    return Ok(());
                }
                Err(error) => missing::<()>(error).map(drop)?,
            }
        }
        let mut recent = self.recent.lock().await;
        self.refresh(&mut recent).await?;
        for seen in recent.iter().rev() {
            if seen.hash.starts_with(digits) {
                found.push(found_at(FoundKind::Block, &seen.hash, seen.height));
            }
            let ids = seen
                .transactions
                .iter()
                .map(ToString::to_string)
                .filter(|id| Some(id) != known.as_ref());
            let fitting = ids.filter(|id| id.starts_with(digits));
            found.extend(fitting.map(|id| found_at(FoundKind::Transaction, id, seen.height)));
            if found.len() >= usize::from(FOUND_MAX) {
                break;
            }
        }
        Ok(())
    }

    async fn seen(&self, at: BlockAt) -> Result<Seen, CallError> {
        let block = self
            .node
            .ask(|client| async move { client.block(at).await })
            .await?
            .block;
        Ok(Seen {
            height: block.header.height,
            hash: block.header.hash().to_string(),
            transactions: block.ids(),
        })
    }

    /// Asks for the blocks that are new.
    async fn refresh(&self, recent: &mut VecDeque<Seen>) -> Result<(), CallError> {
        let last = match self.seen(BlockAt::Latest).await {
            Ok(last) => last,
            // There is none yet.
            Err(error) => return missing::<()>(error).map(drop),
        };
        if recent
            .back()
            .is_some_and(|known| known.height > last.height)
        {
            // The node was given an older ledger.
            recent.clear();
        }
        let oldest = last
            .height
            .get()
            .saturating_sub(RECENT_BLOCKS_MAX - 1)
            .max(1);
        let next = recent
            .back()
            .map_or(oldest, |known| known.height.get() + 1)
            .max(oldest);
        for height in next..last.height.get() {
            recent.push_back(self.seen(BlockAt::Height(Height::new(height))).await?);
        }
        if next <= last.height.get() {
            recent.push_back(last);
        }
        while recent
            .front()
            .is_some_and(|first| first.height.get() < oldest)
        {
            recent.pop_front();
        }
        Ok(())
    }
}

fn found_at(kind: FoundKind, id: impl ToString, height: Height) -> Found {
    Found {
        kind,
        id: id.to_string(),
        height: height.get(),
        title: None,
    }
}

/// A secret should not have come here, and must not go further.
pub(crate) fn refuse_voter_code(text: &str) -> Result<(), Fault> {
    match Tracker::read(text) {
        Err(
            fault @ CodeFault::OtherKind {
                found: Kind::VoterCode,
                ..
            },
        ) => Err(Fault::invalid(fault.to_string())),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What the node does not have, or does not take for a name, is no find.
fn missing<T>(error: CallError) -> Result<Option<T>, CallError> {
    match error {
        CallError::Refused(refusal) if refusal.code != vote_api::RefusalCode::Busy => Ok(None),
        error => Err(error),
    }
}

/// What has become of the ballot whose id begins so.
pub(crate) async fn trace(node: &Node, prefix: &[u8]) -> Result<Trace, CallError> {
    let prefix = prefix.to_vec();
    node.ask(|client| async move { client.trace(&prefix).await })
        .await
}
