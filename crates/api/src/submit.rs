//! Submitting transactions, and what becomes of them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;
use vote_chain::{Change, Payload, SecretKey, Transaction, TransactionId};

use crate::client::{Client, Inclusion, Outcome};
use crate::error::CallError;
use crate::message::{Refusal, RefusalCode, Request};

/// What has become of a transaction.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It is final: proof and certificate were checked.
    Final(Box<Inclusion>),
    /// It was refused. The node's word; who has its bytes can submit it again.
    Refused(Refusal),
    /// Not known: the node has gone, or has not decided it in time. To submit it again is harmless:
    /// it counts once.
    Open,
}

impl Client {
    /// Submits signed transactions, at most [`SUBMIT_MAX`](crate::SUBMIT_MAX), and waits for the
    /// end of each: at most `patience` after the last news of one. Gives what has become of each,
    /// in order, and the first reason why one is not final. Submitting again is harmless.
    pub async fn decide_all(
        &self,
        transactions: Vec<Vec<u8>>,
        patience: Duration,
    ) -> (Vec<Fate>, Result<(), CallError>) {
        let mut fates = Fates::new(&transactions);
        let done = self.wait_for(transactions, &mut fates, patience).await;
        let refused = fates.first_refused();
        let done = match done {
            Ok(()) => refused.map_or(Ok(()), |refusal| Err(CallError::Refused(refusal))),
            failed => failed,
        };
        (fates.in_order(), done)
    }

    /// Submits a signed transaction, and waits until it is final, at most `patience`. Submitting
    /// again is harmless.
    ///
    /// # Errors
    /// [`CallError::Refused`] with the node's reason, [`CallError::NotFinal`] after `patience`,
    /// [`CallError::False`] if the node says that it is final and it is not.
    pub async fn decide(
        &self,
        transaction: Vec<u8>,
        patience: Duration,
    ) -> Result<Inclusion, CallError> {
        let (fates, done) = self.decide_all(vec![transaction], patience).await;
        done?;
        match fates.into_iter().next() {
            Some(Fate::Final(inclusion)) => Ok(*inclusion),
            Some(Fate::Refused(_) | Fate::Open) | None => Err(CallError::Unexpected),
        }
    }

    /// Signs a payload for this chain.
    ///
    /// # Errors
    /// [`CallError`] if the chain is not known, or is another than the trusted one.
    pub async fn sign(&self, key: &SecretKey, payload: Payload) -> Result<Vec<u8>, CallError> {
        Ok(Transaction::sign(self.genesis().await?.chain(), key, payload).to_bytes())
    }

    /// Has the node's validator key approve a change, and waits until that is final, at most
    /// `patience`.
    ///
    /// # Errors
    /// As [`Client::decide`]; [`CallError::False`] if something else was approved.
    pub async fn approve(
        &self,
        change: &Change,
        patience: Duration,
    ) -> Result<Inclusion, CallError> {
        let (results, mut outcomes) = self.submit_by(Request::Approve(change.clone())).await?;
        let id = match results.into_iter().next() {
            Some(Ok(id)) => id,
            Some(Err(refusal)) => return Err(CallError::Refused(refusal)),
            None => return Err(CallError::Unexpected),
        };
        let late = CallError::NotFinal {
            id,
            seconds: patience.as_secs(),
        };
        let outcome = timeout(patience, outcomes.next())
            .await
            .map_err(|_| late)??;
        match outcome.into_iter().flatten().next() {
            Some(Outcome::Final(inclusion)) if inclusion.transaction == id => {
                self.check_inclusion(&inclusion).await?;
                let proven = self.proven(id).await?;
                match &proven.transaction.content().payload {
                    Payload::ApproveChange {
                        change: approved, ..
                    } if approved == change => Ok(*inclusion),
                    _ => Err(self.fault("it has approved something else than it was told to")),
                }
            }
            Some(Outcome::Refused(_, refusal)) => Err(CallError::Refused(refusal)),
            Some(Outcome::Final(_)) | None => Err(CallError::Unexpected),
        }
    }

    async fn wait_for(
        &self,
        transactions: Vec<Vec<u8>>,
        fates: &mut Fates,
        patience: Duration,
    ) -> Result<(), CallError> {
        self.genesis().await?;
        let (results, mut outcomes) = self.submit(transactions).await?;
        if results.len() != fates.ids.len() {
            return Err(CallError::Unexpected);
        }
        for (at, result) in results.into_iter().enumerate() {
            match result {
                Ok(id) if id == fates.ids[at] => {}
                Ok(_) => {
                    return Err(self.fault("it has accepted something else than was submitted"));
                }
                Err(refusal) => fates.set(fates.ids[at], Fate::Refused(refusal)),
            }
        }
        while let Some(id) = fates.first_open() {
            let late = || CallError::NotFinal {
                id,
                seconds: patience.as_secs(),
            };
            let outcome = timeout(patience, outcomes.next())
                .await
                .map_err(|_| late())??;
            // The answers have ended before each transaction had its own.
            let Some(outcome) = outcome else {
                return Err(CallError::Unexpected);
            };
            for outcome in outcome {
                match outcome {
                    Outcome::Final(inclusion) => {
                        self.check_inclusion(&inclusion).await?;
                        fates.set(inclusion.transaction, Fate::Final(inclusion));
                    }
                    Outcome::Refused(id, refusal) => fates.set(id, Fate::Refused(refusal)),
                }
            }
        }
        Ok(())
    }

    async fn check_inclusion(&self, inclusion: &Inclusion) -> Result<(), CallError> {
        let (header, certificate) = &*inclusion.block;
        self.check_final(header, certificate).await?;
        let included = header.check_inclusion(&inclusion.transaction, &inclusion.proof);
        included.map_err(|fault| self.fault(format!("what it says is final is not: {fault}")))
    }
}

/// Transactions on their way.
struct Fates {
    ids: Vec<TransactionId>,
    /// Each once; a transaction that was given twice has one fate.
    fates: BTreeMap<TransactionId, Fate>,
    /// How many of `ids`, from the beginning, are known not to be open.
    settled: usize,
}

impl Fates {
    fn new(transactions: &[Vec<u8>]) -> Self {
        let ids: Vec<_> = transactions
            .iter()
            .map(|bytes| TransactionId::of(bytes))
            .collect();
        let fates = ids.iter().map(|id| (*id, Fate::Open)).collect();
        Self {
            ids,
            fates,
            settled: 0,
        }
    }

    /// What is said of a transaction that was not submitted here is not heard; nor is anything
    /// after it was final.
    fn set(&mut self, id: TransactionId, fate: Fate) {
        if let Some(known) = self.fates.get_mut(&id)
            && !matches!(known, Fate::Final(_))
        {
            *known = fate;
        }
    }

    fn first_open(&mut self) -> Option<TransactionId> {
        while let Some(id) = self.ids.get(self.settled) {
            if matches!(self.fates[id], Fate::Open) {
                return Some(*id);
            }
            self.settled += 1;
        }
        None
    }

    fn first_refused(&self) -> Option<Refusal> {
        // One that is busy can be tried again, and says less than another.
        let mut busy = None;
        for id in &self.ids {
            if let Fate::Refused(refusal) = &self.fates[id] {
                if refusal.code != RefusalCode::Busy {
                    return Some(refusal.clone());
                }
                busy.get_or_insert_with(|| refusal.clone());
            }
        }
        busy
    }

    fn in_order(self) -> Vec<Fate> {
        self.ids.iter().map(|id| self.fates[id].clone()).collect()
    }
}
