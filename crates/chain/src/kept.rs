//! What a voter keeps of a ballot: the receipt, and the signed bytes that say what it is a receipt
//! of.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::ballot::Ballot;
use crate::contest::InvalidSelection;
use crate::election::{Election, InvalidName};
use crate::encoding::{DecodeError, decode, encode};
use crate::hash::{ChainId, TransactionId};
use crate::key::PublicKey;
use crate::receipt::{InvalidReceipt, Receipt};
use crate::transaction::Payload;
use crate::verify::{TransactionFault, verify};

/// The first byte of a map of three: a kept receipt, and not a bare one, which has six fields.
const KEPT: u8 = 0xa3;

/// A receipt with all that it takes to say, from bytes alone, what the ballot says. Only open
/// ballots have one: what they say, everybody can read on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptReceipt {
    /// Proof that the ballot is on the ledger.
    pub receipt: Receipt,
    /// The ballot's transaction, as it was signed.
    pub ballot: ByteBuf,
    /// The transaction that created the ballot's election.
    pub election: ByteBuf,
}

/// The content of a receipt file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptFile {
    /// A receipt and nothing else: it does not hold the ballot. Files of earlier versions are so.
    Bare(Box<Receipt>),
    /// A receipt with the ballot and its election.
    Kept(Box<KeptReceipt>),
}

/// What a ballot says, read from signed bytes and from nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The ballot's transaction.
    pub transaction: TransactionId,
    /// Who signed it.
    pub credential: PublicKey,
    /// The ballot.
    pub ballot: Ballot,
    /// Who created its election.
    pub organiser: PublicKey,
    /// The election, as its organiser wrote it.
    pub election: Election,
}

/// Bytes that do not say what a ballot says.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStatement {
    /// The ballot's bytes.
    #[error("the ballot is not valid: {0}")]
    Ballot(#[source] TransactionFault),
    /// Something else was signed.
    #[error("the transaction is no ballot")]
    NoBallot,
    /// The election's bytes.
    #[error("the election is not valid: {0}")]
    Election(#[source] TransactionFault),
    /// Something else was signed.
    #[error("the transaction beside the ballot creates no election")]
    NoElection,
    /// Choices are places on a ballot: with other words they would say something else.
    #[error("the election beside the ballot is not the one that the ballot is for")]
    OtherElection,
    /// No rule of the ledger lets it pass.
    #[error("the ballot answers {given} contests; its election has {wanted}")]
    Contests {
        /// Selections on it.
        given: usize,
        /// Contests.
        wanted: usize,
    },
    /// No rule of the ledger lets it pass.
    #[error("the ballot does not fit contest {contest} of its election: {fault}")]
    Selection {
        /// The contest's number, from 1.
        contest: usize,
        /// Why.
        #[source]
        fault: InvalidSelection,
    },
    /// No rule of the ledger lets it pass.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

/// Why a receipt file proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum InvalidReceiptFile {
    /// The receipt itself.
    #[error("{0}")]
    Receipt(#[from] InvalidReceipt),
    /// The receipt is for something else.
    #[error("the ballot in the file is not the one that the receipt is for")]
    OtherBallot,
    /// The ballot does not say what it should.
    #[error("{0}")]
    Statement(#[from] InvalidStatement),
}

impl Statement {
    /// Reads what a ballot says from its transaction and from the transaction that created its
    /// election. Checks both signatures, that the one is for the other, and that the ballot fits.
    ///
    /// # Errors
    /// [`InvalidStatement`] names the first thing that does not hold.
    pub fn read(chain: &ChainId, ballot: &[u8], election: &[u8]) -> Result<Self, InvalidStatement> {
        let signed = verify(chain, ballot).map_err(InvalidStatement::Ballot)?;
        let transaction = signed.id();
        let credential = signed.content().signer;
        let Payload::CastBallot(ballot) = &signed.content().payload else {
            return Err(InvalidStatement::NoBallot);
        };
        if TransactionId::of(election).hash() != ballot.election.hash() {
            return Err(InvalidStatement::OtherElection);
        }
        let created = verify(chain, election).map_err(InvalidStatement::Election)?;
        let organiser = created.content().signer;
        let Payload::CreateElection(election) = &created.content().payload else {
            return Err(InvalidStatement::NoElection);
        };
        check_fit(ballot, election)?;
        Ok(Self {
            transaction,
            credential,
            ballot: ballot.clone(),
            organiser,
            election: election.clone(),
        })
    }

    /// Each contest's title, which may be empty, with what the ballot says to it, in words.
    pub fn words(&self) -> impl Iterator<Item = (&str, String)> {
        let contests = self.election.contests.iter().zip(&self.ballot.selections);
        contests.map(|(contest, selection)| (contest.title.as_str(), contest.in_words(selection)))
    }
}

fn check_fit(ballot: &Ballot, election: &Election) -> Result<(), InvalidStatement> {
    let given = ballot.selections.len();
    let wanted = election.contests.len();
    if given != wanted {
        return Err(InvalidStatement::Contests { given, wanted });
    }
    for (at, (contest, selection)) in election.contests.iter().zip(&ballot.selections).enumerate() {
        let fits = contest.check_selection(selection);
        fits.map_err(|fault| InvalidStatement::Selection {
            contest: at + 1,
            fault,
        })?;
    }
    Ok(())
}

impl KeptReceipt {
    /// Checks the receipt as [`Receipt::check`] does, and that the ballot is the receipt's and the
    /// election the ballot's; gives what the ballot says.
    ///
    /// # Errors
    /// [`InvalidReceiptFile`] names the first thing that does not hold.
    pub fn check(&self, trusted: Option<&ChainId>) -> Result<Statement, InvalidReceiptFile> {
        self.receipt.check(trusted)?;
        if TransactionId::of(&self.ballot) != self.receipt.transaction {
            return Err(InvalidReceiptFile::OtherBallot);
        }
        let says = Statement::read(&self.receipt.genesis.chain(), &self.ballot, &self.election)?;
        if self.receipt.header.version.rules_names() {
            let fits = says.election.check_name(&says.ballot.name);
            fits.map_err(InvalidStatement::Name)?;
        }
        Ok(says)
    }
}

impl ReceiptFile {
    /// Reads a file's content, unchecked.
    ///
    /// # Errors
    /// [`DecodeError`] if it is neither form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.first() {
            Some(&KEPT) => Ok(Self::Kept(Box::new(decode(bytes)?))),
            _ => Ok(Self::Bare(Box::new(decode(bytes)?))),
        }
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bare(receipt) => encode(receipt),
            Self::Kept(kept) => encode(kept),
        }
    }

    /// The receipt in it.
    pub fn receipt(&self) -> &Receipt {
        match self {
            Self::Bare(receipt) => receipt,
            Self::Kept(kept) => &kept.receipt,
        }
    }

    /// Checks all of it; gives what the ballot says, if the file holds it.
    ///
    /// # Errors
    /// [`InvalidReceiptFile`] names the first thing that does not hold.
    pub fn check(
        &self,
        trusted: Option<&ChainId>,
    ) -> Result<Option<Statement>, InvalidReceiptFile> {
        match self {
            Self::Bare(receipt) => {
                receipt.check(trusted)?;
                Ok(None)
            }
            Self::Kept(kept) => kept.check(trusted).map(Some),
        }
    }
}
