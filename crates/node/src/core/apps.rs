//! Apps: their questions, and the answers that they wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vote_api::{Answer, Refusal, RefusalCode};
use vote_chain::{Height, InvalidTransaction, MerkleTree, TransactionFault, TransactionId, Verified};
use vote_consensus::{Decided, Equivocation, Origin, PoolRefusal};

use super::Core;
use crate::planned::now;
use crate::socket::{AppCall, Command};

/// Proofs in one answer, so that it fits a frame.
const PROOFS_MAX: usize = 1000;
/// Calls that wait for their transactions at one time.
const WAITING_MAX: usize = 16_384;

struct Waiting {
    call: AppCall,
    remaining: usize,
}

/// What apps wait for.
#[derive(Default)]
pub(crate) struct Apps {
    waiting: BTreeMap<u64, Waiting>,
    by_transaction: BTreeMap<TransactionId, BTreeSet<u64>>,
    sessions: BTreeMap<u64, AppCall>,
    sequence: u64,
}

impl Apps {
    /// Tells every app that the node is leaving.
    pub(crate) fn leave(&self) {
        self.sessions.values().for_each(AppCall::notify_leaving);
    }

    fn wait(&mut self, call: AppCall, ids: &[TransactionId]) {
        self.sequence += 1;
        for id in ids {
            self.by_transaction.entry(*id).or_default().insert(self.sequence);
        }
        self.waiting.insert(self.sequence, Waiting { call, remaining: ids.len() });
    }

    /// The calls that wait for a transaction; they wait no longer.
    fn take(&mut self, id: &TransactionId) -> BTreeSet<u64> {
        self.by_transaction.remove(id).unwrap_or_default()
    }

    /// Sends an answer about `count` transactions of a call.
    fn answer(&mut self, key: u64, count: usize, answer: Answer) {
        let Some(waiting) = self.waiting.get_mut(&key) else { return };
        waiting.remaining = waiting.remaining.saturating_sub(count);
        let last = waiting.remaining == 0;
        if !waiting.call.send(answer, last) || last {
            self.waiting.remove(&key);
        }
    }
}

pub(super) fn refusal(code: RefusalCode, reason: impl std::fmt::Display) -> Refusal {
    Refusal { code, reason: reason.to_string() }
}

fn refusal_of(fault: &InvalidTransaction) -> Refusal {
    use InvalidTransaction as I;
    let code = match fault {
        I::UnknownElection(_)
        | I::ElectionExists(_)
        | I::NotOpen { .. }
        | I::Over { .. }
        | I::ActDone(_)
        | I::OpenAlready(_)
        | I::NotYetOpen(_)
        | I::RollFrozen(_)
        | I::NoRoll(_)
        | I::OnRollAlready(_)
        | I::HasVoted(_)
        | I::Counter { .. }
        | I::StaleApproval
        | I::AlreadyApproved(_) => RefusalCode::WrongState,
        I::NotOrganiser(_)
        | I::NotTheOrganiser(_)
        | I::AlreadyVoted { .. }
        | I::NotOnRoll { .. }
        | I::NotValidator(_) => RefusalCode::NotEligible,
        I::TooManyElections(_)
        | I::TooManyChanges(_)
        | I::Contests { .. }
        | I::Selection { .. }
        | I::Weighted { .. }
        | I::RollFull(_)
        | I::Times(_)
        | I::Change(_) => RefusalCode::Invalid,
    };
    refusal(code, fault)
}

fn refusal_of_pool(fault: &PoolRefusal) -> Refusal {
    match fault {
        PoolRefusal::Invalid(fault) => refusal_of(fault),
        PoolRefusal::Conflict(_) => refusal(RefusalCode::NotEligible, fault),
        PoolRefusal::TooLarge(_) => refusal(RefusalCode::Invalid, fault),
        PoolRefusal::Full => refusal(RefusalCode::Busy, format!("{fault}; try again in a moment")),
    }
}

impl Core {
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Joined(session, call) => drop(self.apps.sessions.insert(session, call)),
            Command::Left(session) => self.forget_session(session),
            Command::Submit(call, transactions) => self.submit(call, transactions),
            Command::Ask(call, request) => self.ask(call, request),
        }
    }

    fn forget_session(&mut self, session: u64) {
        self.apps.sessions.remove(&session);
        self.watchers.forget_session(session);
        self.apps.waiting.retain(|_, waiting| waiting.call.session() != session);
        let Apps { waiting, by_transaction, .. } = &mut self.apps;
        by_transaction.retain(|_, keys| {
            keys.retain(|key| waiting.contains_key(key));
            !keys.is_empty()
        });
    }

    pub(super) fn submit(&mut self, call: AppCall, checked: Vec<Result<Arc<Verified>, TransactionFault>>) {
        if self.apps.waiting.len() >= WAITING_MAX {
            let reason = format!("{WAITING_MAX} calls wait for their transactions already; try again later");
            call.send(Answer::Failed(refusal(RefusalCode::Busy, reason)), true);
            return;
        }
        let good: Vec<_> = checked.iter().filter_map(|result| result.as_ref().ok()).cloned().collect();
        let mut verdicts = self.engine.submit(now(), good, Origin::App).into_iter();
        let (mut results, mut accepted, mut already) = (Vec::new(), Vec::new(), Vec::new());
        for result in checked {
            results.push(match result {
                Err(fault) => Err(refusal(RefusalCode::Invalid, fault)),
                Ok(transaction) => {
                    let id = transaction.id();
                    match verdicts.next() {
                        Some(Err(fault)) => match self.find(&id) {
                            Some(place) => {
                                already.push((id, place));
                                Ok(id)
                            }
                            None => Err(refusal_of_pool(&fault)),
                        },
                        _ => {
                            accepted.push(id);
                            Ok(id)
                        }
                    }
                }
            });
        }
        accepted.sort();
        accepted.dedup();
        already.sort_by_key(|(id, _)| *id);
        already.dedup_by_key(|(id, _)| *id);
        let ids: Vec<_> = accepted.into_iter().chain(already.iter().map(|(id, _)| *id)).collect();
        let last = ids.is_empty();
        if call.send(Answer::Submitted(results), last) && !last {
            self.apps.wait(call, &ids);
            already.into_iter().for_each(|(id, place)| self.answer_from_store(id, place));
        }
    }

    fn answer_from_store(&mut self, id: TransactionId, (height, index): (Height, u32)) {
        let found =
            self.load(height).and_then(|(block, certificate)| Some((block.tree().proof(index)?, block, certificate)));
        let answer = match found {
            Some((proof, block, certificate)) => {
                Answer::Final { header: Box::new(block.header), certificate, proofs: vec![(id, proof)] }
            }
            None => {
                let reason = format!("it is final in block {height}, which this node cannot read; ask another node");
                Answer::Failed(refusal(RefusalCode::Busy, reason))
            }
        };
        for key in self.apps.take(&id) {
            self.apps.answer(key, 1, answer.clone());
        }
    }

    /// A block is on the disk: its submitters hear of it, and those who watch.
    pub(super) fn decided(&mut self, decided: &Decided) {
        let header = decided.block.header();
        tracing::debug!(height = %header.height, transactions = header.transactions_count, round = decided.certificate.round, "block final");
        for equivocation in &decided.evidence {
            let Equivocation { validator, what, .. } = equivocation;
            tracing::warn!(%validator, what, "a validator has signed two different things");
        }
        self.answer_final(decided);
        self.answer_watchers(&decided.changes);
    }

    fn answer_final(&mut self, decided: &Decided) {
        let ids: Vec<_> = decided.block.transactions().iter().map(|transaction| transaction.id()).collect();
        let mut by_call: BTreeMap<u64, Vec<(u32, TransactionId)>> = BTreeMap::new();
        for (index, id) in (0..).zip(&ids) {
            for key in self.apps.take(id) {
                by_call.entry(key).or_default().push((index, *id));
            }
        }
        if by_call.is_empty() {
            return;
        }
        let tree = MerkleTree::new(ids.iter().map(|id| id.as_bytes().as_slice()));
        for (key, places) in by_call {
            for chunk in places.chunks(PROOFS_MAX) {
                let proofs: Vec<_> = chunk.iter().filter_map(|(index, id)| Some((*id, tree.proof(*index)?))).collect();
                let (header, certificate) = (Box::new(decided.block.header().clone()), decided.certificate.clone());
                self.apps.answer(key, chunk.len(), Answer::Final { header, certificate, proofs });
            }
        }
    }

    /// A transaction that was accepted can no longer become final.
    pub(super) fn refused(&mut self, id: TransactionId, fault: &InvalidTransaction) {
        for key in self.apps.take(&id) {
            self.apps.answer(key, 1, Answer::Refused(id, refusal_of(fault)));
        }
    }
}
