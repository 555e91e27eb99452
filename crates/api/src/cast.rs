//! Casting a ballot.

use std::sync::Arc;
use std::time::Duration;

use vote_chain::{
    Ballot, KeptReceipt, Payload, Receipt, SecretKey, Selection, Statement, Transaction,
    TransactionId,
};

use crate::client::Client;
use crate::election::CheckedElection;
use crate::error::CallError;
use crate::message::{Refusal, RefusalCode};

/// A ballot that is signed, and what it says: read from the signed bytes, and those of its
/// election.
#[derive(Clone, Debug)]
pub struct SignedBallot {
    bytes: Vec<u8>,
    election: Arc<[u8]>,
    says: Statement,
    replaces: Option<TransactionId>,
}

impl SignedBallot {
    /// What was signed, in words and from bytes alone.
    pub const fn says(&self) -> &Statement {
        &self.says
    }

    /// The ballot of the same credential that no longer counts once this one is final.
    pub const fn replaces(&self) -> Option<TransactionId> {
        self.replaces
    }
}

impl Client {
    /// Signs a ballot in an election that was checked: it says what the voter was shown. Nothing is
    /// sent yet. The name is empty unless the election takes names.
    ///
    /// # Errors
    /// [`CallError::Refused`] if the name or the selections do not fit the election; [`CallError`]
    /// if the node is gone or at fault.
    pub async fn sign_ballot(
        &self,
        election: &CheckedElection,
        key: &SecretKey,
        name: String,
        selections: Vec<Selection>,
    ) -> Result<SignedBallot, CallError> {
        let unfit = |reason: String| {
            CallError::Refused(Refusal {
                code: RefusalCode::Invalid,
                reason,
            })
        };
        // Also on a chain of a version that would take it: what is signed is for ever.
        let text = &election.record.election;
        text.check_name(&name)
            .map_err(|fault| unfit(fault.to_string()))?;
        let chain = self.genesis().await?.chain();
        let id = election.record.id;
        // Where nothing can be replaced, the same ballot again is the same transaction, and final
        // already.
        let replaced = match text.revotes {
            0 => None,
            _ => self.voter(id, key.public()).await?.ballot,
        };
        let counter = replaced
            .as_ref()
            .map_or(0, |before| before.counter.saturating_add(1));
        let ballot = Ballot {
            election: id,
            counter,
            name,
            selections,
        };
        let bytes = Transaction::sign(chain, key, Payload::CastBallot(ballot)).to_bytes();
        let says = Statement::read(&chain, &bytes, election.bytes())
            .map_err(|fault| unfit(fault.to_string()))?;
        let replaces = replaced.map(|before| before.transaction);
        Ok(SignedBallot {
            bytes,
            election: election.bytes().into(),
            says,
            replaces,
        })
    }

    /// Casts a signed ballot, waits until it is final, at most `patience`, and gives the receipt,
    /// checked, with all that it takes to say later what the ballot says. Casting the same again is
    /// harmless: it counts once.
    ///
    /// # Errors
    /// As [`Client::decide`].
    pub async fn cast(
        &self,
        ballot: &SignedBallot,
        patience: Duration,
    ) -> Result<KeptReceipt, CallError> {
        let inclusion = self.decide(ballot.bytes.clone(), patience).await?;
        let receipt: Receipt = self.receipt(inclusion.transaction).await?;
        let (bytes, election) = (ballot.bytes.clone().into(), ballot.election.to_vec().into());
        Ok(KeptReceipt {
            receipt,
            ballot: bytes,
            election,
        })
    }
}
