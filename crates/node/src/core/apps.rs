//! Apps: their questions, and the answers that they wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vote_api::{
    Answer, Attack, BlockAt, ElectionView, EvidenceView, Refusal, RefusalCode, Request, Status, TALLY_LINES_MAX,
};
use vote_chain::{
    Block, Changes, CommitCertificate, ElectionId, ElectionPhase, Height, InvalidTransaction, MerkleTree, Payload,
    PublicKey, Receipt, Transaction, TransactionFault, TransactionId, Verified, decode, encode,
};
use vote_consensus::{Decided, Equivocation, Origin, PoolRefusal};

use super::Core;
use crate::planned::now;
use crate::socket::{AppCall, Command};

/// Proofs in one answer, so that it fits a frame.
const PROOFS_MAX: usize = 1000;
/// Elections that apps watch at one time.
const WATCHERS_MAX: usize = 4096;
/// Calls that wait for their transactions at one time.
const WAITING_MAX: usize = 16_384;
/// Elections in one answer, in bytes.
const ELECTIONS_BYTES_MAX: usize = 512 * 1024;
/// Proofs of misbehaviour in an answer.
const EVIDENCE_MAX: usize = 1000;

struct Waiting {
    call: AppCall,
    remaining: usize,
}

struct Watcher {
    call: AppCall,
    election: ElectionId,
    phase: Option<ElectionPhase>,
}

/// What apps wait for.
#[derive(Default)]
pub(crate) struct Apps {
    waiting: BTreeMap<u64, Waiting>,
    by_transaction: BTreeMap<TransactionId, BTreeSet<u64>>,
    watchers: Vec<Watcher>,
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

fn refusal(code: RefusalCode, reason: impl std::fmt::Display) -> Refusal {
    Refusal { code, reason: reason.to_string() }
}

fn refusal_of(fault: &InvalidTransaction) -> Refusal {
    use InvalidTransaction as I;
    let code = match fault {
        I::UnknownElection(_)
        | I::ElectionExists(_)
        | I::NotOpen { .. }
        | I::AlreadyClosed(_)
        | I::StaleApproval
        | I::AlreadyApproved(_) => RefusalCode::WrongState,
        I::NotOrganiser(_) | I::NotTheOrganiser(_) | I::AlreadyVoted { .. } | I::NotValidator(_) => {
            RefusalCode::NotEligible
        }
        I::TooManyElections(_) | I::TooManyChanges(_) | I::UnknownChoice(_) | I::Change(_) => RefusalCode::Invalid,
    };
    refusal(code, fault)
}

fn refusal_of_pool(fault: &PoolRefusal) -> Refusal {
    match fault {
        PoolRefusal::Invalid(fault) => refusal_of(fault),
        PoolRefusal::Conflict(_) => refusal(RefusalCode::NotEligible, fault),
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
        self.apps.watchers.retain(|watcher| watcher.call.session() != session);
        self.apps.waiting.retain(|_, waiting| waiting.call.session() != session);
        let Apps { waiting, by_transaction, .. } = &mut self.apps;
        by_transaction.retain(|_, keys| {
            keys.retain(|key| waiting.contains_key(key));
            !keys.is_empty()
        });
    }

    fn submit(&mut self, call: AppCall, checked: Vec<Result<Arc<Verified>, TransactionFault>>) {
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

    fn find(&self, id: &TransactionId) -> Option<(Height, u32)> {
        self.store.transaction(id).unwrap_or_else(|error| {
            tracing::error!(%error, "the ledger cannot be read");
            None
        })
    }

    fn load(&self, height: Height) -> Option<(Block, CommitCertificate)> {
        let (bytes, certificate) = self.store.block(height).ok().flatten()?;
        Some((decode(&bytes).ok()?, certificate))
    }

    fn answer_from_store(&mut self, id: TransactionId, (height, index): (Height, u32)) {
        let Some((block, certificate)) = self.load(height) else { return };
        let Some(proof) = block.tree().proof(index) else { return };
        for key in self.apps.take(&id) {
            let header = Box::new(block.header.clone());
            self.apps.answer(
                key,
                1,
                Answer::Final { header, certificate: certificate.clone(), proofs: vec![(id, proof.clone())] },
            );
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

    fn answer_watchers(&mut self, changes: &Changes) {
        let mut watchers = std::mem::take(&mut self.apps.watchers);
        let mut views: BTreeMap<ElectionId, Option<ElectionView>> = BTreeMap::new();
        watchers.retain_mut(|watcher| {
            let phase = self.engine.state().phase(&watcher.election);
            if !changes.elections.contains_key(&watcher.election) && phase == watcher.phase {
                return true;
            }
            watcher.phase = phase;
            let view = views.entry(watcher.election).or_insert_with(|| self.view(&watcher.election));
            let closed = phase == Some(ElectionPhase::Closed);
            view.as_ref()
                .is_some_and(|view| watcher.call.send(Answer::Election(Box::new(view.clone())), closed) && !closed)
        });
        self.apps.watchers = watchers;
    }

    fn view(&self, id: &ElectionId) -> Option<ElectionView> {
        let state = self.engine.state();
        let record = state.election(id)?.clone();
        Some(ElectionView {
            record,
            phase: state.phase(id)?,
            tally: state.tally(id)?.top(TALLY_LINES_MAX),
            height: state.tip().height,
        })
    }

    fn ask(&mut self, call: AppCall, request: Request) {
        let answer = match request {
            Request::Status => return self.ask_about_peers(call, false),
            Request::Members => return self.ask_about_peers(call, true),
            Request::WatchElection(id) => return self.watch(call, id),
            Request::Approve(change) => return self.approve(call, change),
            Request::Attack(attack) => return self.attack(call, attack),
            Request::Genesis => Ok(Answer::Genesis(Box::new(self.engine.state().genesis().as_ref().clone()))),
            Request::Validators => Ok(self.validators()),
            Request::Elections => return self.send_elections(&call),
            Request::Election(id) => {
                self.view(&id).map(|view| Answer::Election(Box::new(view))).ok_or_else(|| unknown_election(&id))
            }
            Request::Block(at) => self.block(at),
            Request::Ballot(election, credential) => self.ballot(&election, &credential),
            Request::Receipt(id) => self.receipt(id),
            Request::Evidence => self.evidence(),
            Request::Submit(_) => Err(refusal(RefusalCode::Invalid, "transactions are verified before they come here")),
        };
        call.send(answer.unwrap_or_else(Answer::Failed), true);
    }

    fn send_elections(&self, call: &AppCall) {
        let (mut some, mut bytes) = (Vec::new(), 0);
        for view in self.engine.state().elections().filter_map(|record| self.view(&record.id)) {
            let size = encode(&view).len();
            if bytes + size > ELECTIONS_BYTES_MAX && !call.send(Answer::Elections(std::mem::take(&mut some)), false) {
                return;
            }
            bytes = if some.is_empty() { size } else { bytes + size };
            some.push(view);
        }
        call.send(Answer::Elections(some), true);
    }

    fn ballot(&self, election: &ElectionId, credential: &PublicKey) -> Result<Answer, Refusal> {
        let state = self.engine.state();
        state.election(election).ok_or_else(|| unknown_election(election))?;
        Ok(Answer::Ballot(state.ballot(election, credential).copied()))
    }

    fn block(&self, at: BlockAt) -> Result<Answer, Refusal> {
        let tip = self.engine.state().tip().height;
        let height = match at {
            BlockAt::Latest => tip,
            BlockAt::Height(height) => height,
        };
        let found = self.load(height).map(|(block, certificate)| Answer::Block { block: Box::new(block), certificate });
        found.ok_or_else(|| {
            refusal(RefusalCode::WrongState, format!("there is no block at height {height}; the last is at {tip}"))
        })
    }

    fn receipt(&self, id: TransactionId) -> Result<Answer, Refusal> {
        let not_final = || {
            let waits = self.engine.pending_transaction(&id).is_some();
            refusal(
                RefusalCode::WrongState,
                if waits { "it is waiting to become final" } else { "this node knows of no such transaction" },
            )
        };
        let (height, index) = self.find(&id).ok_or_else(not_final)?;
        let (block, certificate) = self.load(height).ok_or_else(not_final)?;
        let proof = block.tree().proof(index).ok_or_else(not_final)?;
        let set_changes = self.store.set_changes(height).map_err(|error| refusal(RefusalCode::Busy, error))?;
        let genesis = self.engine.state().genesis().as_ref().clone();
        let receipt = Receipt { genesis, set_changes, transaction: id, proof, header: block.header, certificate };
        Ok(Answer::Receipt(Box::new(receipt)))
    }

    fn evidence(&self) -> Result<Answer, Refusal> {
        let rows = self.store.evidence().map_err(|error| refusal(RefusalCode::Busy, error))?;
        let view = |(height, bytes): (Height, Vec<u8>)| {
            let Equivocation { validator, what, .. } = decode(&bytes).ok()?;
            Some(EvidenceView { height, validator, what })
        };
        let latest = rows.len().saturating_sub(EVIDENCE_MAX);
        Ok(Answer::Evidence(rows.into_iter().skip(latest).filter_map(view).collect()))
    }

    fn validators(&self) -> Answer {
        let registry = self.engine.state().registry();
        let pending = registry.approvals.iter().map(|(change, keys)| (change.clone(), keys.iter().copied().collect()));
        Answer::Validators {
            set: registry.next.clone(),
            after: (registry.after != registry.next).then(|| registry.after.clone()),
            pending: pending.collect(),
        }
    }

    fn watch(&mut self, call: AppCall, election: ElectionId) {
        let Some(view) = self.view(&election) else {
            call.send(Answer::Failed(unknown_election(&election)), true);
            return;
        };
        if self.apps.watchers.len() >= WATCHERS_MAX {
            call.send(Answer::Failed(refusal(RefusalCode::Busy, "too many apps are watching")), true);
            return;
        }
        let (phase, closed) = (Some(view.phase), view.phase == ElectionPhase::Closed);
        if call.send(Answer::Election(Box::new(view)), closed) && !closed {
            self.apps.watchers.push(Watcher { call, election, phase });
        }
    }

    /// The node's validator key signs: whoever can use the socket is the node's operator.
    fn approve(&mut self, call: AppCall, change: vote_chain::ValidatorChange) {
        let state = self.engine.state();
        let payload = Payload::ApproveChange { change, set: state.registry().after.hash() };
        let bytes = Transaction::sign(state.chain(), &self.key, payload).to_bytes();
        let checked = vote_chain::verify(&state.chain(), &bytes).map(Arc::new);
        self.submit(call, vec![checked]);
    }

    fn attack(&self, call: AppCall, attack: Attack) {
        if !self.allow_attacks {
            let reason =
                "this node stages no attacks; start it with --allow-attacks, on a network made for trying things";
            call.send(Answer::Failed(refusal(RefusalCode::WrongState, reason)), true);
            return;
        }
        match crate::attack::forge(self, attack) {
            Ok(forged) => crate::attack::offer(self, call, attack, forged),
            Err(reason) => drop(call.send(Answer::Failed(refusal(RefusalCode::WrongState, reason)), true)),
        }
    }

    /// Status and members need the network's word, which takes a moment.
    fn ask_about_peers(&self, call: AppCall, members: bool) {
        let network = self.network.clone();
        let answer = if members {
            Answer::Members(self.members(BTreeMap::new()))
        } else {
            Answer::Status(Box::new(self.status()))
        };
        tokio::spawn(async move {
            let mut answer = answer;
            if let Answer::Members(members) = &mut answer {
                let addresses: BTreeMap<_, _> =
                    network.peers().await.into_iter().map(|info| (info.peer.to_string(), info.addresses)).collect();
                for member in members.iter_mut().filter(|member| !member.this) {
                    let known = addresses.get(&member.peer).map(|list| list.iter().map(ToString::to_string).collect());
                    member.addresses = known.unwrap_or_default();
                }
            }
            call.send(answer, true);
        });
    }

    fn status(&self) -> Status {
        let state = self.engine.state();
        let tip = state.tip();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Status {
            node: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            peer: self.local.to_string(),
            key: self.key.public(),
            genesis: Box::new(state.genesis().as_ref().clone()),
            height: tip.height,
            hash: tip.hash,
            time: tip.time,
            state_root: tip.state_root,
            validator: state.validators().contains(&self.key.public()),
            validators: count(state.validators().count()),
            peers: count(self.peers.count()),
            power_connected: self.power_connected(),
            tracker: self.tracker,
            round: self.engine.round(),
            pending: count(self.engine.pending()),
            listen: self.listen.clone(),
            allow_attacks: self.allow_attacks,
            wire_bytes: self.bytes,
        }
    }
}

fn unknown_election(id: &ElectionId) -> Refusal {
    refusal(RefusalCode::WrongState, format!("there is no election {id:.16}"))
}
