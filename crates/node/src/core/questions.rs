//! Answers to apps that take no waiting.

use std::collections::BTreeMap;
use std::sync::Arc;

use vote_api::{Answer, Attack, BlockAt, EvidenceView, Refusal, RefusalCode, Request, Status};
use vote_chain::{
    Block, CommitCertificate, ElectionId, Height, Payload, PublicKey, Receipt, Transaction, TransactionId,
    ValidatorChange, decode, encode,
};
use vote_consensus::Equivocation;

use super::Core;
use super::apps::refusal;
use crate::socket::AppCall;

/// Elections in one answer, in bytes.
const ELECTIONS_BYTES_MAX: usize = 512 * 1024;
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
            Request::WatchElection(id) => return self.watch(call, id),
            Request::Approve(change) => return self.approve(call, change),
            Request::Attack(attack) => return self.attack(call, attack),
            Request::Genesis => Ok(Answer::Genesis(Box::new(self.engine.state().genesis().as_ref().clone()))),
            Request::Validators => Ok(self.validators()),
            Request::Archive(id) => return self.send_archive(call, id),
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

    /// The node's validator key signs: whoever can use the socket is the node's operator.
    fn approve(&mut self, call: AppCall, change: ValidatorChange) {
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
        }
    }
}

pub(super) fn unknown_election(id: &ElectionId) -> Refusal {
    refusal(RefusalCode::WrongState, format!("there is no election {id:.16}"))
}
