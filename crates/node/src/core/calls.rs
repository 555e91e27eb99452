//! Calls of apps that wait for their transactions, and the apps themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use vote_api::Answer;
use vote_chain::TransactionId;

use crate::ledger::Tree;
use crate::socket::AppCall;

/// Calls that wait for their transactions at one time.
pub(super) const WAITING_MAX: usize = 16_384;
/// Proofs in one answer, so that it fits a frame.
const PROOFS_MAX: usize = 1000;

/// A call whose transactions have not all had their answer.
struct Waiting {
    call: AppCall,
    // Answers to one call come from the loop and from tasks. Whoever sends one also says whether it
    // is the last, so both are one step.
    remaining: Mutex<usize>,
}

impl Waiting {
    /// Sends an answer about `count` of its transactions.
    fn answer(&self, count: usize, answer: &Answer) {
        let mut remaining = self
            .remaining
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *remaining = remaining.saturating_sub(count);
        // An app that is gone has no use for it.
        let _ = self.call.send(answer, *remaining == 0);
    }
}

/// Transactions of one block that a call waits for, with their places.
pub(super) struct Finals {
    waiting: Arc<Waiting>,
    places: Vec<(u32, TransactionId)>,
}

impl Finals {
    /// Tells the app that they are final.
    pub(super) fn tell(&self, tree: &Tree) {
        for chunk in self.places.chunks(PROOFS_MAX) {
            let proofs = chunk
                .iter()
                .filter_map(|(index, id)| Some((*id, tree.proof(*index)?)))
                .collect();
            let header = Box::new(tree.header().clone());
            let certificate = tree.certificate().clone();
            self.waiting.answer(
                chunk.len(),
                &Answer::Final {
                    header,
                    certificate,
                    proofs,
                },
            );
        }
    }
}

/// What apps wait for.
#[derive(Default)]
pub(super) struct Calls {
    waiting: BTreeMap<u64, Arc<Waiting>>,
    by_transaction: BTreeMap<TransactionId, BTreeSet<u64>>,
    /// How many transactions of a call are in `by_transaction`.
    left: BTreeMap<u64, usize>,
    /// To tell every app that the node is leaving.
    sessions: BTreeMap<u64, AppCall>,
    sequence: u64,
}

impl Calls {
    pub(super) fn joined(&mut self, session: u64, notices: AppCall) {
        self.sessions.insert(session, notices);
    }

    /// An app is gone, and waits for nothing any more.
    pub(super) fn left(&mut self, session: u64) {
        self.sessions.remove(&session);
        self.waiting
            .retain(|_, waiting| waiting.call.session() != session);
        let Self {
            waiting,
            by_transaction,
            left,
            ..
        } = self;
        left.retain(|key, _| waiting.contains_key(key));
        by_transaction.retain(|_, keys| {
            keys.retain(|key| waiting.contains_key(key));
            !keys.is_empty()
        });
    }

    /// Tells every app that the node is leaving.
    pub(super) fn leave(&self) {
        self.sessions.values().for_each(AppCall::notify_leaving);
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }

    /// From now on a call waits for these transactions, each of which is named once.
    pub(super) fn wait(&mut self, call: AppCall, ids: &[TransactionId]) {
        self.sequence += 1;
        for id in ids {
            self.by_transaction
                .entry(*id)
                .or_default()
                .insert(self.sequence);
        }
        self.left.insert(self.sequence, ids.len());
        self.waiting.insert(
            self.sequence,
            Arc::new(Waiting {
                call,
                remaining: Mutex::new(ids.len()),
            }),
        );
    }

    /// The calls that wait for a transaction; they wait for it no longer.
    fn take(&mut self, id: &TransactionId) -> Vec<(u64, Arc<Waiting>)> {
        let keys = self.by_transaction.remove(id).unwrap_or_default();
        let mut taken = Vec::new();
        for key in keys {
            let Some(waiting) = self.waiting.get(&key).cloned() else {
                continue;
            };
            taken.push((key, waiting));
            let left = self.left.entry(key).or_default();
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.left.remove(&key);
                self.waiting.remove(&key);
            }
        }
        taken
    }

    /// Who waits for transactions of a block, given in the order of their places.
    pub(super) fn finals<'a>(
        &mut self,
        ids: impl Iterator<Item = (u32, &'a TransactionId)>,
    ) -> Vec<Finals> {
        let mut by_call: BTreeMap<u64, Finals> = BTreeMap::new();
        if self.waiting.is_empty() {
            return Vec::new();
        }
        for (index, id) in ids {
            for (key, waiting) in self.take(id) {
                let finals = by_call.entry(key).or_insert_with(|| Finals {
                    waiting,
                    places: Vec::new(),
                });
                finals.places.push((index, *id));
            }
        }
        by_call.into_values().collect()
    }

    /// Answers those who wait for a transaction which will not be final, or which cannot be told
    /// of.
    pub(super) fn answer(&mut self, id: &TransactionId, answer: &Answer) {
        for (_, waiting) in self.take(id) {
            waiting.answer(1, answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Trees;
    use crate::socket::testing::{call, heard};
    use vote_api::{Refusal, RefusalCode};

    fn id(number: u8) -> TransactionId {
        TransactionId::of(&[number])
    }

    fn tree(ids: &[TransactionId]) -> Arc<Tree> {
        let (header, certificate) = crate::ledger::testing::block(1);
        Trees::default().keep(header, certificate, ids)
    }

    #[tokio::test]
    async fn each_call_hears_of_each_of_its_transactions_once_and_its_last_answer_is_marked() {
        let mut calls = Calls::default();
        let (one, two) = (call(1), call(2));
        calls.wait(one.call.clone(), &[id(1), id(2), id(3)]);
        calls.wait(two.call.clone(), &[id(2)]);
        let block = [id(2), id(1)];
        let finals = calls.finals((0..).zip(&block));
        let tree = tree(&block);
        finals.iter().for_each(|finals| finals.tell(&tree));
        let answers = heard(&one).await;
        assert!(
            matches!(&answers[..], [(false, Answer::Final { proofs, .. })] if proofs.len() == 2)
        );
        assert!(
            matches!(&heard(&two).await[..], [(true, Answer::Final { proofs, .. })] if proofs[0].0 == id(2))
        );
        let refusal = Refusal {
            code: RefusalCode::WrongState,
            reason: "closed".into(),
        };
        calls.answer(&id(3), &Answer::Refused(id(3), refusal));
        assert!(matches!(
            &heard(&one).await[..],
            [(true, Answer::Refused(..))]
        ));
        assert!(
            calls.waiting.is_empty() && calls.by_transaction.is_empty() && calls.left.is_empty()
        );
        assert!(
            calls.finals((0..).zip(&block)).is_empty(),
            "nobody hears of it twice"
        );
    }

    #[tokio::test]
    async fn app_that_has_left_is_forgotten_with_all_that_it_waited_for() {
        let mut calls = Calls::default();
        let (one, two) = (call(1), call(2));
        calls.joined(1, one.call.clone());
        calls.wait(one.call, &[id(1)]);
        calls.wait(two.call, &[id(1)]);
        calls.left(1);
        assert_eq!(
            (calls.waiting.len(), calls.left.len(), calls.sessions.len()),
            (1, 1, 0)
        );
        assert_eq!(calls.finals([(0, &id(1))].into_iter()).len(), 1);
    }
}
