//! Answers to apps that take no waiting.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use vote_api::{
    Answer, Attack, BlockAt, ELECTIONS_PAGE_MAX, ElectionQuery, ElectionView, EvidenceView, QUERY_BYTES_MAX, Refusal,
    RefusalCode, Request, Signing, Status, TRACE_BYTES_MIN, Trace,
};
use vote_chain::{
    Ballot, Block, CommitCertificate, ElectionId, Height, Payload, PublicKey, Receipt, Transaction, TransactionId,
    ValidatorChange, decode, encode,
};
use vote_consensus::Equivocation;

use super::Core;
use super::apps::refusal;
use crate::planned::now;
use crate::socket::AppCall;

/// Elections, or acts, in one answer, in bytes.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// Proofs of misbehaviour in an answer.
const EVIDENCE_MAX: usize = 1000;

impl Core {
    pub(super) fn find(&self, id: &TransactionId) -> Option<(Height, u32)> {
        self.store.transaction(id).unwrap_or_else(|error| {
            tracing::error!(%error, "the ledger cannot be read");
            None
        })
    }

    pub(super) fn load(&self, height: Height) -> Option<(Block, CommitCertificate)> {
        let (bytes, certificate) = self.store.block(height).ok().flatten()?;
        Some((decode(&bytes).ok()?, certificate))
    }

    pub(super) fn ask(&mut self, call: AppCall, request: Request) {
        let answer = match request {
            Request::Status => return self.ask_about_peers(call, false),
            Request::Members => return self.ask_about_peers(call, true),
            Request::WatchElection(id) => return self.watch(call, id, false),
            Request::Approve(change) => return self.approve(call, change),
            Request::Attack(attack) => return self.attack(call, attack),
            Request::Genesis => Ok(Answer::Genesis(Box::new(self.engine.state().genesis().as_ref().clone()))),
            Request::Validators => Ok(self.validators()),
            Request::Archive(id) => return self.send_archive(call, id),
            Request::Elections(query) => self.elections(&query),
            Request::Election(id) => return self.watch(call, id, true),
            Request::Block(at) => self.block(at),
            Request::Voter(election, credential) => self.voter(&election, &credential),
            Request::Log(id) => return self.send_log(&call, &id),
            Request::Trace(prefix) => self.trace(&prefix),
            Request::Transaction(id) => self.transaction(id),
            Request::SetChanges(above) => return self.send_set_changes(&call, above),
            Request::Receipt(id) => self.receipt(id),
            Request::Evidence => self.evidence(),
            Request::Submit(_) => Err(refusal(RefusalCode::Invalid, "transactions are verified before they come here")),
        };
        call.send(answer.unwrap_or_else(Answer::Failed), true);
    }

    fn elections(&self, query: &ElectionQuery) -> Result<Answer, Refusal> {
        let ElectionQuery { id, title, phases, after, limit } = query;
        let hexadecimal = id.len() <= 64 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !hexadecimal || title.len() > QUERY_BYTES_MAX || !(1..=ELECTIONS_PAGE_MAX).contains(limit) {
            let reason = format!(
                "elections are looked for by at most 64 hexadecimal digits of an id, {QUERY_BYTES_MAX} bytes of a title, and 1 to \
                 {ELECTIONS_PAGE_MAX} at a time"
            );
            return Err(refusal(RefusalCode::Invalid, reason));
        }
        let (id, title) = (id.to_lowercase(), title.to_lowercase());
        let mut records: Vec<_> = self.engine.state().elections().collect();
        records.sort_by_key(|record| std::cmp::Reverse((record.created_at, record.id)));
        let start = after.map_or(0, |after| {
            records.iter().position(|record| record.id == after).map_or(records.len(), |place| place + 1)
        });
        let fits = |view: &ElectionView| {
            (phases.is_empty() || phases.contains(&view.phase))
                && view.record.id.to_string().starts_with(&id)
                && view.record.election.title.to_lowercase().contains(&title)
        };
        let mut elections = Vec::new();
        let mut bytes = 0;
        for record in &records[start..] {
            let Some(view) = self.view_without_contests(&record.id).filter(fits) else { continue };
            bytes += encode(&view).len();
            let full = elections.len() >= usize::from(*limit) || (bytes > ANSWER_BYTES_MAX && !elections.is_empty());
            if full {
                return Ok(Answer::Elections { elections, more: true });
            }
            elections.push(view);
        }
        Ok(Answer::Elections { elections, more: false })
    }

    fn transaction(&self, id: TransactionId) -> Result<Answer, Refusal> {
        let unknown = || refusal(RefusalCode::WrongState, "the ledger has no such transaction");
        let (height, index) = self.find(&id).ok_or_else(unknown)?;
        let (block, _) = self.load(height).ok_or_else(unknown)?;
        let place = usize::try_from(index).map_err(|_| unknown())?;
        let bytes = block.transactions.into_iter().nth(place).ok_or_else(unknown)?;
        Ok(Answer::Transaction { bytes, height, index })
    }

    fn send_set_changes(&self, call: &AppCall, above: Height) {
        match self.store.set_changes(self.engine.state().tip().height.next()) {
            Ok(changes) => {
                let later = changes.into_iter().filter(|change| change.header.height > above);
                send_parts(call, later, Answer::SetChanges);
            }
            Err(error) => drop(call.send(Answer::Failed(refusal(RefusalCode::Damaged, error)), true)),
        }
    }

    fn send_log(&self, call: &AppCall, id: &ElectionId) {
        let state = self.engine.state();
        if state.election(id).is_none() {
            call.send(Answer::Failed(unknown_election(id)), true);
            return;
        }
        send_parts(call, state.log(id).cloned(), Answer::Log);
    }

    fn voter(&self, id: &ElectionId, credential: &PublicKey) -> Result<Answer, Refusal> {
        let state = self.engine.state();
        let record = state.election(id).ok_or_else(|| unknown_election(id))?;
        let weight = if record.election.has_roll() { state.weight(id, credential) } else { Some(1) };
        Ok(Answer::Voter { weight, ballot: state.ballot(id, credential).cloned() })
    }

    fn trace(&self, prefix: &[u8]) -> Result<Answer, Refusal> {
        if !(TRACE_BYTES_MIN..=32).contains(&prefix.len()) {
            return Err(refusal(RefusalCode::Invalid, "a ballot is named by 16 to 32 bytes of its id"));
        }
        let unknown = || refusal(RefusalCode::WrongState, "the ledger has no such ballot");
        let found = self.store.transactions_with(prefix).map_err(|error| refusal(RefusalCode::Busy, error))?;
        let [transaction] = found[..] else { return Err(unknown()) };
        let (height, index) = self.find(&transaction).ok_or_else(unknown)?;
        let (block, _) = self.load(height).ok_or_else(unknown)?;
        let bytes = usize::try_from(index).ok().and_then(|index| block.transactions.get(index)).ok_or_else(unknown)?;
        let content = vote_chain::parse(bytes).map_err(|_| unknown())?.content;
        let Payload::CastBallot(Ballot { election, counter, .. }) = content.payload else { return Err(unknown()) };
        let state = self.engine.state();
        let (phase, counts) =
            state.phase(&election).zip(state.ballot(&election, &content.signer)).ok_or_else(unknown)?;
        let (counts, tip) = (counts.transaction, state.tip().height);
        Ok(Answer::Trace(Box::new(Trace { transaction, height, election, phase, counter, counts, tip })))
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

    /// The node's validator key signs: whoever can use the socket is the node's operator.
    fn approve(&mut self, call: AppCall, change: ValidatorChange) {
        let state = self.engine.state();
        let payload = Payload::ApproveChange { change, changes_before: state.registry().changes };
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
        let answer = if members { Answer::Members(self.members()) } else { Answer::Status(Box::new(self.status())) };
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
            signing: if self.engine.is_validator() { Signing::Signs } else { Signing::Follower },
            unreachable: self.unreachable(),
            deciding_ms: self.engine.deciding_since().map(|since| now().ms_since(since)),
            clock_ahead_ms: None,
            evidence: count(self.store.evidence().map_or(0, |rows| rows.len())),
        }
    }
}

/// Sends items in as many answers as it takes.
fn send_parts<T: Serialize>(call: &AppCall, items: impl Iterator<Item = T>, answer: fn(Vec<T>) -> Answer) {
    let (mut some, mut bytes) = (Vec::new(), 0);
    for item in items {
        let size = encode(&item).len();
        if bytes + size > ANSWER_BYTES_MAX && !call.send(answer(std::mem::take(&mut some)), false) {
            return;
        }
        bytes = if some.is_empty() { size } else { bytes + size };
        some.push(item);
    }
    call.send(answer(some), true);
}

pub(super) fn unknown_election(id: &ElectionId) -> Refusal {
    refusal(RefusalCode::WrongState, format!("there is no election {id:.16}"))
}
