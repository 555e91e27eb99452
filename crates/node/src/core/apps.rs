//! What apps want of the loop: to submit, to watch, and to hear how the node is doing.

use std::sync::Arc;

use tokio::time::Instant;
use vote_api::{Answer, Attack, Refusal, RefusalCode, Request};
use vote_chain::{
    Change, InvalidTransaction, Move, Payload, Transaction, TransactionFault, TransactionId,
    Verified, VersionChange,
};
use vote_consensus::{Decided, Evidence, Origin, PoolRefusal};

use super::calls::WAITING_MAX;
use super::news::Blocks;
use super::timers::Wake;
use super::{Core, Inner};
use crate::clock::steady;
use crate::ledger::{Inclusion, refusal};
use crate::socket::{AppCall, Command};

/// Transactions that the engine has looked at. Its verdicts rest on blocks that may not be on the
/// disk yet, so the app hears of them after the write.
pub(super) struct Submitted {
    call: AppCall,
    verdicts: Vec<Result<TransactionId, (Option<TransactionId>, Refusal)>>,
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
        | I::NobodyOnRoll(_)
        | I::RollFrozen(_)
        | I::NoRoll(_)
        | I::OnRollAlready(_)
        | I::HasVoted(_)
        | I::Counter { .. }
        | I::OrganiserFull(_)
        | I::ChainFull(_)
        | I::StaleApproval
        | I::AlreadyApproved(_)
        | I::OldApproval(_)
        | I::LapsedApproval(_)
        | I::EarlyApproval(_)
        | I::LaterVersion { .. }
        | I::OneOrganiser(_)
        | I::ProposalsFull(_)
        | I::NotWaiting(_)
        | I::Irreplaceable(_)
        | I::OrganiserAlready(_)
        | I::ApprovedVoters(_) => RefusalCode::WrongState,
        I::NotOrganiser(_)
        | I::NotTheOrganiser(_)
        | I::ApprovedBefore { .. }
        | I::NotTheProposer(_)
        | I::OwnReplacement(_)
        | I::AlreadyVoted { .. }
        | I::NotOnRoll { .. }
        | I::NotValidator(_) => RefusalCode::NotEligible,
        I::Name(_)
        | I::Contests { .. }
        | I::Selection { .. }
        | I::CreatorNotNamed(_)
        | I::Weighted { .. }
        | I::RollFull(_)
        | I::Times(_)
        | I::Change(_)
        | I::Organisers(_)
        | I::VersionChange(_) => RefusalCode::Invalid,
    };
    refusal(code, fault)
}

fn refusal_of_pool(fault: &PoolRefusal) -> Refusal {
    match fault {
        PoolRefusal::Invalid(fault) => refusal_of(fault),
        PoolRefusal::Conflict(_) => refusal(RefusalCode::NotEligible, fault),
        PoolRefusal::TooLarge(_) => refusal(RefusalCode::Invalid, fault),
        PoolRefusal::Full(_) => refusal(RefusalCode::Busy, fault),
    }
}

impl Core {
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Joined(session, notices) => self.calls.joined(session, notices),
            Command::Left(session) => {
                self.calls.left(session);
                self.desk.left(session);
            }
            Command::Submit(call, transactions, room) => {
                self.submit(call, transactions);
                drop(room);
            }
            Command::Ask(call, request) => self.ask(call, request),
        }
    }

    fn ask(&mut self, call: AppCall, request: Request) {
        let asked = match request {
            Request::Status => return self.ask_about_peers(call, false),
            Request::Members => return self.ask_about_peers(call, true),
            Request::WatchElection(id) => {
                self.desk
                    .ask(&self.ledger.borrow().state, call.clone(), id, false)
            }
            Request::Election(id) => {
                self.desk
                    .ask(&self.ledger.borrow().state, call.clone(), id, true)
            }
            Request::Approve(change) => return self.approve(call, change),
            Request::Attack(attack) => return self.attack(call, attack),
            Request::Genesis
            | Request::Validators
            | Request::Organisers
            | Request::Protocol
            | Request::Greet(_)
            | Request::Elections(_)
            | Request::Block(_)
            | Request::Voter(..)
            | Request::Submit(_)
            | Request::Receipt(_)
            | Request::Evidence
            | Request::Archive(_)
            | Request::Log(_)
            | Request::Trace(_)
            | Request::Transaction(_)
            | Request::SetChanges { .. } => Err(refusal(
                RefusalCode::Invalid,
                "this is not for the loop to answer",
            )),
        };
        if let Err(refusal) = asked {
            call.send(&Answer::Failed(refusal), true);
        }
    }

    /// Gives transactions to the engine. What it makes of them is told by
    /// [`Core::answer_submitted`].
    pub(super) fn submit(
        &mut self,
        call: AppCall,
        checked: Vec<Result<Arc<Verified>, TransactionFault>>,
    ) {
        if self.calls.is_full() {
            let reason =
                format!("{WAITING_MAX} calls wait for their transactions already; try again later");
            call.send(&Answer::Failed(refusal(RefusalCode::Busy, reason)), true);
            return;
        }
        let good: Vec<_> = checked
            .iter()
            .filter_map(|result| result.as_ref().ok())
            .cloned()
            .collect();
        let mut taken = self.engine.submit(steady(), good, Origin::App).into_iter();
        let mut verdicts = Vec::new();
        for result in checked {
            verdicts.push(match result {
                Err(fault) => Err((None, refusal(RefusalCode::Invalid, fault))),
                Ok(transaction) => match taken.next() {
                    Some(Err(fault)) => Err((Some(transaction.id()), refusal_of_pool(&fault))),
                    Some(Ok(())) | None => Ok(transaction.id()),
                },
            });
        }
        self.submitted.push(Submitted { call, verdicts });
    }

    /// Tells apps what was made of their transactions, now that all that this rests on is durable.
    /// One that is refused because it is final already is accepted: whoever sends a ballot again
    /// gets the answer of the first time.
    pub(super) fn answer_submitted(&mut self) {
        for Submitted { call, verdicts } in std::mem::take(&mut self.submitted) {
            let ledger = self.ledger.borrow().clone();
            let mut results = Vec::new();
            let mut accepted = Vec::new();
            let mut finals = Vec::new();
            for verdict in verdicts {
                results.push(match verdict {
                    Ok(id) => {
                        accepted.push(id);
                        Ok(id)
                    }
                    Err((None, refused)) => Err(refused),
                    // Its block is looked at when the proof is made.
                    Err((Some(id), _)) if ledger.places(&id).next().is_some() => {
                        finals.push(id);
                        Ok(id)
                    }
                    Err((Some(_), refused)) => Err(refused),
                });
            }
            accepted.sort();
            accepted.dedup();
            finals.sort();
            finals.dedup();
            let ids: Vec<_> = accepted.iter().chain(&finals).copied().collect();
            let last = ids.is_empty();
            if call.send(&Answer::Submitted(results), last) && !last {
                self.calls.wait(call, &ids);
                self.tell_final_before(finals);
            }
        }
    }

    /// Answers those who have sent what was final before.
    fn tell_final_before(&self, finals: Vec<TransactionId>) {
        for id in finals {
            let (ledger, pool) = (self.ledger.borrow().clone(), self.pool.clone());
            self.spawn(async move {
                let found = pool.read_for_app(move || ledger.inclusion(&id)).await;
                Some(Inner::FinalBefore(id, Box::new(found)))
            });
        }
    }

    /// The proof of a transaction that was sent again has been found.
    pub(super) fn on_final_before(
        &mut self,
        id: TransactionId,
        found: Result<Option<Inclusion>, Refusal>,
    ) {
        let answer = match found {
            Ok(Some(Inclusion {
                header,
                certificate,
                proof,
            })) => Answer::Final {
                header: Box::new(header),
                certificate,
                proofs: vec![(id, proof)],
            },
            Ok(None) => Answer::Refused(
                id,
                refusal(
                    RefusalCode::Busy,
                    "it is final, and its block is not at hand; ask again",
                ),
            ),
            Err(damaged) => Answer::Refused(id, damaged),
        };
        self.calls.answer(&id, &answer);
    }

    /// A block is on the disk: its submitters hear of it, and those who watch.
    pub(super) fn decided(&mut self, decided: Arc<Decided>) {
        let header = decided.block.header();
        let round = decided.certificate.round;
        tracing::debug!(height = %header.height, transactions = header.transactions_count, round, "block final");
        if let Some(news) = self.news.block(Instant::now(), header.transactions_count) {
            let Blocks {
                blocks,
                transactions,
            } = news;
            tracing::info!(height = %header.height, blocks, transactions, "final since the last such line");
        }
        for (validator, what) in decided.evidence.iter().flat_map(Evidence::accused) {
            tracing::warn!(%validator, what, "a validator has signed two different things");
        }
        self.desk
            .changed(&self.ledger.borrow().state, &decided.changes);
        let ids: Vec<_> = decided
            .block
            .transactions()
            .iter()
            .map(|transaction| transaction.id())
            .collect();
        let finals = self.calls.finals((0..).zip(&ids));
        if finals.is_empty() {
            return;
        }
        // The tree is of all the block's transactions: not the loop's work.
        let ledger = self.ledger.borrow().clone();
        tokio::task::spawn_blocking(move || {
            let tree = ledger.keep_tree(
                decided.block.header().clone(),
                decided.certificate.clone(),
                &ids,
            );
            finals.iter().for_each(|finals| finals.tell(&tree));
        });
    }

    /// A transaction that was accepted waits no more.
    pub(super) fn refused(&mut self, id: TransactionId, fault: &PoolRefusal) {
        self.calls
            .answer(&id, &Answer::Refused(id, refusal_of_pool(fault)));
    }

    /// Has the desk's work done, and wakes up when there is more.
    pub(super) fn mind_desk(&mut self) {
        let ledger = self.ledger.borrow().clone();
        // One time for both: what is not due in the first look is to wake in the second.
        let now = Instant::now();
        while let Some(job) = self.desk.next_job(now, &ledger.state) {
            let ledger = ledger.clone();
            self.spawn(async move {
                let done = tokio::task::spawn_blocking(move || job.run(&ledger, Instant::now));
                Some(Inner::Counted(done.await.expect(
                    "a count does not panic, and nobody ends its thread",
                )))
            });
        }
        if let Some(at) = self.desk.wake_at(now)
            && self.desk_wakes_at.is_none_or(|before| at < before)
        {
            self.desk_wakes_at = Some(at);
            self.timers.set_at(at, Wake::Desk);
        }
    }

    /// The node's validator key signs: whoever can use the socket is the node's operator.
    ///
    /// It approves no protocol version that its own program does not have: so if more than two
    /// thirds of the power have approved one, as many can go by it.
    fn approve(&mut self, call: AppCall, change: Change) {
        let newest = self.ledger.borrow().versions().newest;
        if let Change::Version(VersionChange::Plan(Move { to, .. })) = change
            && to > newest
        {
            let reason = format!(
                "the program of this node has protocol versions up to {newest}: install a release that has version {to} first"
            );
            let answer = Answer::Failed(refusal(RefusalCode::WrongState, reason));
            call.send(&answer, true);
            return;
        }
        let state = self.engine.state();
        let registry = state.registry();
        let signed_at =
            registry.signing_time(&self.key.public(), self.block_time().max(state.tip().time));
        let payload = Payload::ApproveChange {
            change,
            changes_before: registry.changes,
            signed_at,
        };
        let bytes = Transaction::sign(state.chain(), &self.key, payload).to_bytes();
        let checked = vote_chain::verify(&state.chain(), &bytes).map(Arc::new);
        self.submit(call, vec![checked]);
    }

    fn attack(&self, call: AppCall, attack: Attack) {
        if !self.allow_attacks {
            let reason = "this node stages no attacks; start it with --allow-attacks, on a network made for trying things";
            call.send(
                &Answer::Failed(refusal(RefusalCode::WrongState, reason)),
                true,
            );
            return;
        }
        let ledger = self.ledger.borrow().clone();
        let peers: Vec<_> = self
            .peers
            .ids()
            .map(|id| (id, self.peers.name(&id)))
            .collect();
        let (network, key) = (self.network.clone(), self.key.clone());
        tokio::spawn(async move {
            let forged =
                tokio::task::spawn_blocking(move || crate::attack::forge(&ledger, &key, attack));
            let answer = match forged
                .await
                .expect("a forgery does not panic, and the runtime outlives it")
            {
                Ok(forged) => {
                    Answer::Attack(crate::attack::offer(&network, peers, attack, forged).await)
                }
                Err(reason) => Answer::Failed(refusal(RefusalCode::WrongState, reason)),
            };
            call.send(&answer, true);
        });
    }
}
