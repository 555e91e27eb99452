//! Verified transactions that wait for a block, in the order in which they came.

use std::collections::BTreeMap;
use std::sync::Arc;

use vote_chain::{
    Changes, ElectionId, InvalidTransaction, Payload, PublicKey, State, Timestamp, TransactionId, Verified,
};

/// Transactions that wait at one time.
pub const PENDING_MAX: usize = 65_536;

/// Their bytes altogether.
pub const PENDING_BYTES_MAX: usize = 32 << 20;

/// So many, and so many bytes of them, are looked at again at one tick.
const AGAIN_MAX: usize = 500;
const AGAIN_BYTES_MAX: usize = 4 << 20;
/// What a peer has brought waits so long at most, in milliseconds.
const PEER_MS_MAX: u64 = 600_000;

/// Who brought a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An app at this node: the node passes it on, and repeats it until it is final.
    App,
    /// A peer, which passes it on itself.
    Peer,
}

/// Why a transaction is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolRefusal {
    /// It does not fit the state.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// Another ballot of the same credential in the same election waits.
    #[error("another ballot of credential {0:.16} is waiting to become final in this election")]
    Conflict(PublicKey),
    /// No block of this chain has room for it.
    #[error("it has {0} bytes, more than a block of this chain may have")]
    TooLarge(usize),
    /// No room.
    #[error("{PENDING_MAX} transactions are waiting already")]
    Full,
}

struct Entry {
    transaction: Arc<Verified>,
    origin: Origin,
    since: Timestamp,
    looked_at: Timestamp,
}

/// The transactions that wait.
#[derive(Default)]
pub(crate) struct Mempool {
    entries: BTreeMap<u64, Entry>,
    by_id: BTreeMap<TransactionId, u64>,
    by_ballot: BTreeMap<(ElectionId, PublicKey), u64>,
    sequence: u64,
    bytes: usize,
    /// Where looking again goes on, so that each has its turn.
    next: u64,
}

fn ballot_key(transaction: &Verified) -> Option<(ElectionId, PublicKey)> {
    match &transaction.content().payload {
        Payload::CastBallot(ballot) => Some((ballot.election, transaction.content().signer)),
        _ => None,
    }
}

impl Mempool {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get(&self, id: &TransactionId) -> Option<&Arc<Verified>> {
        self.by_id.get(id).map(|at| &self.entries[at].transaction)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Verified>> {
        self.entries.values().map(|entry| &entry.transaction)
    }

    /// Takes a transaction in; true if it is new. One that waits already is accepted again.
    pub(crate) fn insert(
        &mut self,
        state: &State,
        now: Timestamp,
        transaction: Arc<Verified>,
        origin: Origin,
    ) -> Result<bool, PoolRefusal> {
        if let Some(at) = self.by_id.get(&transaction.id()) {
            if origin == Origin::App {
                self.entries.get_mut(at).expect("by_id names entries").origin = origin;
            }
            return Ok(false);
        }
        let key = ballot_key(&transaction);
        if let Some((_, credential)) = key.filter(|key| self.by_ballot.contains_key(key)) {
            return Err(PoolRefusal::Conflict(credential));
        }
        let size = transaction.bytes().len();
        if u32::try_from(size).is_ok_and(|size| size > state.genesis().limits.block_bytes_max) {
            return Err(PoolRefusal::TooLarge(size));
        }
        if self.entries.len() >= PENDING_MAX || self.bytes + size > PENDING_BYTES_MAX {
            return Err(PoolRefusal::Full);
        }
        state.execute(now.max(state.tip().time.plus_ms(1))).apply(&transaction)?;
        self.sequence += 1;
        self.bytes += size;
        self.by_id.insert(transaction.id(), self.sequence);
        key.map(|key| self.by_ballot.insert(key, self.sequence));
        self.entries.insert(self.sequence, Entry { transaction, origin, since: now, looked_at: now });
        Ok(true)
    }

    pub(crate) fn remove(&mut self, id: &TransactionId) -> Option<Arc<Verified>> {
        let entry = self.by_id.remove(id).and_then(|at| self.entries.remove(&at))?;
        self.bytes -= entry.transaction.bytes().len();
        ballot_key(&entry.transaction).map(|key| self.by_ballot.remove(&key));
        Some(entry.transaction)
    }

    /// Drops what a decided block holds, and what it has made impossible, by its ballots or as `doubtful` says; gives the latter with the
    /// reasons.
    pub(crate) fn settle<'a>(
        &mut self,
        state: &State,
        now: Timestamp,
        included: impl Iterator<Item = &'a Arc<Verified>>,
        changes: &Changes,
        doubtful: impl Fn(&Payload) -> bool,
    ) -> Vec<(Arc<Verified>, InvalidTransaction)> {
        included.for_each(|transaction| drop(self.remove(&transaction.id())));
        let conflicts = changes.ballots.keys().filter_map(|key| self.by_ballot.get(key));
        let mut rechecked: Vec<_> = conflicts.map(|at| self.entries[at].transaction.clone()).collect();
        rechecked.extend(self.iter().filter(|transaction| doubtful(&transaction.content().payload)).cloned());
        let mut refused = Vec::new();
        for transaction in rechecked {
            if let Err(fault) = may_fit(state, now, &transaction)
                && self.remove(&transaction.id()).is_some()
            {
                refused.push((transaction, fault));
            }
        }
        refused
    }

    /// Looks again at those that were last looked at before `before`, as many as one tick allows: gives those of apps, to be passed on
    /// again, and those that can no longer become final, with the reasons. What a peer brought and nobody has put in a block for
    /// [`PEER_MS_MAX`] is dropped: the node that it came from passes it on again.
    pub(crate) fn look_again(&mut self, state: &State, before: Timestamp, now: Timestamp) -> Lapsed {
        let (mut due, mut bytes) = (Vec::new(), 0);
        for (at, entry) in self.entries.range(self.next..).chain(self.entries.range(..self.next)) {
            if entry.looked_at > before {
                continue;
            }
            bytes += entry.transaction.bytes().len();
            if due.len() >= AGAIN_MAX || bytes > AGAIN_BYTES_MAX {
                self.next = *at;
                break;
            }
            due.push(*at);
        }
        let mut lapsed = Lapsed::default();
        for at in due {
            let Some(entry) = self.entries.get_mut(&at) else { continue };
            entry.looked_at = now;
            let (transaction, origin, since) = (entry.transaction.clone(), entry.origin, entry.since);
            if let Err(fault) = may_fit(state, now, &transaction) {
                self.remove(&transaction.id());
                lapsed.refused.push((transaction, fault));
            } else if origin == Origin::App {
                lapsed.relay.push(transaction);
            } else if now.ms_since(since) > PEER_MS_MAX {
                self.remove(&transaction.id());
            }
        }
        lapsed
    }
}

/// Whether a transaction fits the state, now or at the earliest time that the next block can have: that block may be one that others have
/// decided already, before an election opened or closed by this node's clock.
///
/// # Errors
/// Why it fits at neither time.
pub(crate) fn may_fit(state: &State, now: Timestamp, transaction: &Verified) -> Result<(), InvalidTransaction> {
    let earliest = state.tip().time.plus_ms(1);
    let fits = |time| state.execute(time).apply(transaction);
    fits(earliest).or_else(|fault| if now > earliest { fits(now) } else { Err(fault) })
}

/// Transactions that have waited for long.
#[derive(Default)]
pub(crate) struct Lapsed {
    pub(crate) relay: Vec<Arc<Verified>>,
    pub(crate) refused: Vec<(Arc<Verified>, InvalidTransaction)>,
}
