//! What is proven: bytes by their hashes and signatures, blocks by their certificates, and those by
//! the sets that lead there from the genesis.

use std::sync::Arc;

use vote_chain::{
    Ballot, CommitCertificate, ElectionId, ElectionPhase, Genesis, Header, Height, InvalidGenesis,
    InvalidReceipt, KeptReceipt, Payload, Receipt, ReceiptFile, SetChange, Statement,
    TransactionId, Verified, verify,
};

use crate::chain::{Distrust, Proven};
use crate::client::Client;
use crate::error::CallError;
use crate::message::{Answer, ElectionQuery, Request};

/// Answers with steps from one set of validators to another that are waited for: 128 MiB, as nodes
/// part them.
const STEP_PARTS_MAX: usize = 256;

impl Client {
    /// What is not so, and who says it.
    pub(crate) fn fault(&self, what: impl Into<String>) -> CallError {
        CallError::False {
            node: self.node().to_owned(),
            what: what.into(),
        }
    }

    /// Where the chain began: of the chain that is trusted, or, if none is, of the node's.
    ///
    /// # Errors
    /// [`CallError::OtherChain`] if the node is of another chain than before, or than the one that
    /// is trusted.
    pub async fn genesis(&self) -> Result<Genesis, CallError> {
        match self.chain().genesis() {
            Some(genesis) => Ok(genesis),
            None => self.check_chain().await,
        }
    }

    /// Where the node's chain began, asked even if another node has said so of the same chain: what
    /// is behind a socket can change.
    ///
    /// # Errors
    /// As [`Client::genesis`].
    pub async fn check_chain(&self) -> Result<Genesis, CallError> {
        let Answer::Genesis(genesis) = self.call(Request::Genesis).await? else {
            return Err(CallError::Unexpected);
        };
        self.begin(&genesis)?;
        Ok(*genesis)
    }

    pub(crate) fn begin(&self, genesis: &Genesis) -> Result<(), CallError> {
        self.chain()
            .begin(genesis.clone())
            .map_err(|distrust| match distrust {
                Distrust::OtherChain { trusted, found } => CallError::OtherChain {
                    node: self.node().to_owned(),
                    trusted,
                    found,
                },
                Distrust::Genesis(InvalidReceipt::Genesis(InvalidGenesis::Version(version))) => {
                    CallError::TooOld(version)
                }
                Distrust::Genesis(fault) => self.fault(fault.to_string()),
            })
    }

    /// A receipt, which holds.
    ///
    /// # Errors
    /// [`CallError::False`] if it does not, or is for something else.
    pub async fn receipt(&self, id: TransactionId) -> Result<Receipt, CallError> {
        let trusted = self.genesis().await?.chain();
        let mut answers = self.stream(Request::Receipt(id)).await?;
        let Some(Answer::Receipt(mut receipt)) = self.in_time(answers.next()).await? else {
            return Err(CallError::Unexpected);
        };
        if receipt.transaction != id {
            return Err(self.fault("its receipt is for something else than was asked for"));
        }
        let mut parts = 0;
        while let Some(answer) = self.in_time(answers.next()).await? {
            receipt.set_changes.extend(self.steps(answer, &mut parts)?);
        }
        match receipt.check(Some(&trusted)) {
            Ok(()) => Ok(*receipt),
            Err(InvalidReceipt::Version { version, .. }) => Err(CallError::TooOld(version)),
            Err(fault) => Err(self.fault(format!("its receipt does not hold: {fault}"))),
        }
    }

    /// The receipt of a final transaction, and, if that is a ballot that may be shown
    /// ([`Client::is_withheld`]), all that it takes to say what it says.
    ///
    /// # Errors
    /// [`CallError::False`] if anything of it does not hold.
    pub async fn receipt_file(&self, id: TransactionId) -> Result<ReceiptFile, CallError> {
        let proven = self.proven(id).await?;
        let receipt = proven.receipt.clone();
        let Payload::CastBallot(Ballot { election, .. }) = &proven.transaction.content().payload
        else {
            return Ok(ReceiptFile::Bare(Box::new(receipt)));
        };
        if self.is_withheld(&proven.transaction).await? {
            return Ok(ReceiptFile::Bare(Box::new(receipt)));
        }
        let created = self.proven(TransactionId::new(*election.hash())).await?;
        let bytes = |transaction: &Verified| transaction.bytes().to_vec().into();
        let kept = KeptReceipt {
            receipt,
            ballot: bytes(&proven.transaction),
            election: bytes(&created.transaction),
        };
        kept.check(None)
            .map_err(|fault| self.fault(format!("a final ballot cannot be read: {fault}")))?;
        Ok(ReceiptFile::Kept(Box::new(kept)))
    }

    /// What a final ballot says, in a block or elsewhere: from its bytes, and those of its
    /// election, which are fetched.
    ///
    /// # Errors
    /// [`CallError::False`] if they do not hold.
    pub async fn statement(
        &self,
        ballot: &Verified,
        of: ElectionId,
    ) -> Result<Statement, CallError> {
        let created = self.proven(TransactionId::new(*of.hash())).await?;
        let chain = self.genesis().await?.chain();
        let read = Statement::read(&chain, ballot.bytes(), created.transaction.bytes());
        read.map_err(|fault| self.fault(format!("a final ballot cannot be read: {fault}")))
    }

    /// Whether what a final transaction says is not to be shown now: it is a ballot of an election
    /// that [`Client::withholds`].
    ///
    /// # Errors
    /// As [`Client::withholds`].
    pub async fn is_withheld(&self, transaction: &Verified) -> Result<bool, CallError> {
        match &transaction.content().payload {
            Payload::CastBallot(Ballot { election, .. }) => self.withholds(*election).await,
            Payload::CreateElection(_)
            | Payload::Organise(_)
            | Payload::ApproveAct { .. }
            | Payload::ApproveChange { .. } => Ok(false),
        }
    }

    /// Whether the rules of an election withhold its count and its ballots now. The phase is the
    /// node's word.
    ///
    /// # Errors
    /// [`CallError::False`] if the election's own bytes do not hold.
    pub async fn withholds(&self, election: ElectionId) -> Result<bool, CallError> {
        let created = self.proven(TransactionId::new(*election.hash())).await?;
        let Payload::CreateElection(text) = &created.transaction.content().payload else {
            return Err(self.fault("it has a ballot of something that is no election"));
        };
        // Most elections show their count at any time: nothing need be asked of them.
        if !text.withholds_count(ElectionPhase::Open) {
            return Ok(false);
        }
        let query = ElectionQuery {
            id: election.to_string(),
            limit: 1,
            ..ElectionQuery::default()
        };
        let (views, _) = self.elections_page(query).await?;
        Ok(views
            .first()
            .is_none_or(|view| text.withholds_count(view.phase)))
    }

    /// A final transaction: its bytes, whose hash is its id, and the proof that it is final. Those
    /// that were asked for before are remembered.
    ///
    /// # Errors
    /// [`CallError::False`] if the bytes are others, the signature does not hold, or the proof.
    pub async fn proven(&self, id: TransactionId) -> Result<Arc<Proven>, CallError> {
        if let Some(proven) = self.chain().proven(&id) {
            return Ok(proven);
        }
        let chain = self.genesis().await?.chain();
        let answer = self.call(Request::Transaction(id)).await?;
        let Answer::Transaction {
            bytes,
            height,
            index,
        } = answer
        else {
            return Err(CallError::Unexpected);
        };
        if TransactionId::of(&bytes) != id {
            return Err(self.fault(format!(
                "the bytes that it gives for transaction {id:.16} are others"
            )));
        }
        let transaction = verify(&chain, &bytes);
        let transaction =
            transaction.map_err(|fault| self.fault(format!("transaction {id:.16}: {fault}")))?;
        let receipt = self.receipt(id).await?;
        let (header, place) = (&receipt.header, receipt.proof.index);
        if (header.height, place) != (height, index) {
            return Err(self.fault(format!(
                "it says of two places where transaction {id:.16} is"
            )));
        }
        let time = header.time;
        let proven = Proven {
            transaction: Arc::new(transaction),
            height,
            time,
            index,
            receipt,
        };
        let proven = Arc::new(proven);
        self.chain().remember(&proven);
        Ok(proven)
    }

    /// Checks that a block is final, by the sets that are known; asks for later changes of the set
    /// if it is not by these.
    pub(crate) async fn check_final(
        &self,
        header: &Header,
        certificate: &CommitCertificate,
    ) -> Result<(), CallError> {
        self.genesis().await?;
        let fault = match self.chain().check_final(header, certificate) {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        };
        if matches!(fault, InvalidReceipt::OtherSet(_)) {
            self.follow_sets(Some(header.height)).await?;
        }
        let verdict = self.chain().check_final(header, certificate);
        verdict.map_err(|fault| self.fault(format!("what it says is final is not: {fault}")))
    }

    /// Asks for the steps from a set that is known to that of a height, and checks them; to that of
    /// the next height if none is named.
    pub(crate) async fn follow_sets(&self, to: Option<Height>) -> Result<(), CallError> {
        self.genesis().await?;
        let mut from = self
            .chain()
            .known_up_to(to.unwrap_or(Height::new(u64::MAX)));
        let mut answers = self.stream(Request::SetChanges { from, to }).await?;
        let mut parts = 0;
        while let Some(answer) = self.in_time(answers.next()).await? {
            let steps = self.steps(answer, &mut parts)?;
            let follow = self.chain().extend(from, steps);
            from = follow.map_err(|fault| {
                self.fault(format!(
                    "its changes of the validators do not hold: {fault}"
                ))
            })?;
        }
        Ok(())
    }

    /// The steps of an answer that is one of so many parts.
    fn steps(&self, answer: Answer, parts: &mut usize) -> Result<Vec<SetChange>, CallError> {
        let Answer::SetChanges(steps) = answer else {
            return Err(CallError::Unexpected);
        };
        *parts += 1;
        if *parts > STEP_PARTS_MAX {
            return Err(self.fault(format!(
                "its changes of the validators have no end within {STEP_PARTS_MAX} answers"
            )));
        }
        Ok(steps)
    }
}
