//! The middle step of the ladder: a transaction whose form and signature hold, whatever the state.

use std::sync::Arc;

use crate::act::InvalidAct;
use crate::batch::{Claim, which_hold};
use crate::election::InvalidElection;
use crate::encoding::{DecodeError, decode, encode};
use crate::hash::{ChainId, Hash, TransactionId};
use crate::key::Purpose;
use crate::text::InvalidText;
use crate::transaction::{Payload, Transaction, UnsignedTransaction};

/// No transaction is larger, in bytes.
pub const TRANSACTION_BYTES_MAX: usize = 64 * 1024;

/// A transaction that no state would take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionFault {
    /// Over [`TRANSACTION_BYTES_MAX`].
    #[error("a transaction of {0} bytes; {TRANSACTION_BYTES_MAX} are allowed")]
    TooLarge(usize),
    /// Not the canonical encoding of a transaction.
    #[error("not a transaction: {0}")]
    Decode(#[from] DecodeError),
    /// Signed for another chain.
    #[error("signed for chain {0:.16}, not for this one")]
    WrongChain(ChainId),
    /// The signature is not the signer's.
    #[error("the signature does not verify")]
    Signature,
    /// A ballot's text cannot stand.
    #[error("the ballot's text {0}")]
    Ballot(#[source] InvalidText),
    /// An election's text cannot stand.
    #[error("the election cannot be created: {0}")]
    Election(#[from] InvalidElection),
    /// An act that no election would take.
    #[error("the act cannot be done: {0}")]
    Act(#[from] InvalidAct),
}

/// A transaction whose form and signature hold: [`verify`] has found so, here or before it became
/// final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    id: TransactionId,
    bytes: Arc<[u8]>,
    content: UnsignedTransaction,
}

impl Verified {
    /// The id: the hash of all its bytes, the signature among them.
    pub const fn id(&self) -> TransactionId {
        self.id
    }

    /// The canonical bytes.
    pub const fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// What was signed.
    pub const fn content(&self) -> &UnsignedTransaction {
        &self.content
    }
}

impl TransactionId {
    /// The id of a transaction's canonical bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::new(Hash::of("transaction", bytes))
    }
}

/// Parses bytes from outside, without checking the signature.
///
/// # Errors
/// [`TransactionFault`] if they are too many or not canonical.
pub fn parse(bytes: &[u8]) -> Result<Transaction, TransactionFault> {
    if bytes.len() > TRANSACTION_BYTES_MAX {
        return Err(TransactionFault::TooLarge(bytes.len()));
    }
    Ok(decode(bytes)?)
}

/// Parses and checks all that can be checked without the state; about 40 microseconds, nearly all
/// for the signature.
///
/// # Errors
/// [`TransactionFault`]: whoever made or passed on these bytes is at fault.
pub fn verify(chain: &ChainId, bytes: &[u8]) -> Result<Verified, TransactionFault> {
    let (transaction, claim) = claimed(chain, bytes)?;
    if claim.holds() {
        Ok(transaction)
    } else {
        Err(TransactionFault::Signature)
    }
}

/// Verifies many, each as [`verify`] does; their signatures are checked in batches, which takes
/// about half of the time.
pub fn verify_all<'a>(
    chain: &ChainId,
    transactions: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Result<Arc<Verified>, TransactionFault>> {
    let mut claims = Vec::new();
    let mut formed = Vec::new();
    for bytes in transactions {
        formed.push(claimed(chain, bytes).map(|(transaction, claim)| {
            claims.push(claim);
            transaction
        }));
    }
    let mut verdicts = which_hold(&claims).into_iter();
    let one = |formed: Result<Verified, TransactionFault>| {
        let transaction = formed?;
        let holds = verdicts.next().expect("one for each whose form holds");
        if holds {
            Ok(Arc::new(transaction))
        } else {
            Err(TransactionFault::Signature)
        }
    };
    formed.into_iter().map(one).collect()
}

/// A transaction whose signature is still to be checked: the claim that goes with it.
fn claimed(chain: &ChainId, bytes: &[u8]) -> Result<(Verified, Claim), TransactionFault> {
    let Transaction { content, signature } = check_form(chain, bytes)?;
    let claim = Claim::new(
        &content.signer,
        Purpose::Transaction,
        chain,
        &encode(&content),
        &signature,
    );
    Ok((
        Verified {
            id: TransactionId::of(bytes),
            bytes: bytes.into(),
            content,
        },
        claim,
    ))
}

/// Reads a transaction of a final block: no honest validator has voted for the block before it had
/// verified the signature.
pub(crate) fn read_final(chain: &ChainId, bytes: &[u8]) -> Result<Verified, TransactionFault> {
    let content = check_form(chain, bytes)?.content;
    Ok(Verified {
        id: TransactionId::of(bytes),
        bytes: bytes.into(),
        content,
    })
}

/// Checks everything but the signature.
fn check_form(chain: &ChainId, bytes: &[u8]) -> Result<Transaction, TransactionFault> {
    let transaction = parse(bytes)?;
    let content = &transaction.content;
    if content.chain != *chain {
        return Err(TransactionFault::WrongChain(content.chain));
    }
    match &content.payload {
        Payload::CreateElection(election) => election.check()?,
        Payload::CastBallot(ballot) => ballot.check().map_err(TransactionFault::Ballot)?,
        Payload::Organise(organise) => organise.act.check()?,
        Payload::ApproveChange { .. } | Payload::ApproveAct { .. } => {}
    }
    Ok(transaction)
}
