//! Questions, each with the answer that it must have. What can be checked is checked before it is handed on: that it is about what was asked,
//! hashes, signatures, certificates and proofs. What is left is the node's word, and the documentation says so.

use std::sync::Arc;

use vote_chain::{
    Archive, Ballot, Block, CastRecord, CommitCertificate, ElectionId, Genesis, Header, InvalidReceipt, KeptReceipt,
    LogEntry, Payload, PublicKey, Receipt, ReceiptFile, SetChange, Statement, TransactionId, ValidatorChange,
    ValidatorSet, Verified, verify,
};

use crate::chain::{Distrust, Proven};
use crate::client::{Answers, Client};
use crate::election::{CheckedElection, changes_times, is_act};
use crate::error::CallError;
use crate::message::{
    Answer, Attack, AttackReport, BlockAt, ElectionQuery, ElectionView, EvidenceView, Member, Request, Status, Trace,
};

/// Who decides blocks, and who may soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    /// The set that decides the next height.
    pub set: ValidatorSet,
    /// The set that decides the height after, if it is another. The node's word.
    pub after: Option<ValidatorSet>,
    /// Changes that wait for approvals, with who has approved. The node's word.
    pub pending: Vec<(ValidatorChange, Vec<PublicKey>)>,
}

/// What a credential may do in an election, and has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterView {
    /// How many votes it has; none if it is not on the roll. The node's word.
    pub weight: Option<u32>,
    /// Its ballot that counts, if the node says that it has cast one: that one it has cast.
    pub ballot: Option<CastRecord>,
}

/// A final block: its transactions are those of its header, its certificate was checked.
#[derive(Clone, Debug)]
pub struct FinalBlock {
    /// The block.
    pub block: Block,
    /// What makes it final.
    pub certificate: CommitCertificate,
}

impl Client {
    /// What is not so, and who says it.
    pub(crate) fn fault(&self, what: impl Into<String>) -> CallError {
        CallError::False { node: self.node().to_owned(), what: what.into() }
    }

    /// Where the chain began: of the chain that is trusted, or, if none is, of the node's.
    ///
    /// # Errors
    /// [`CallError::OtherChain`] if the node is of another chain than before, or than the one that is trusted.
    pub async fn genesis(&self) -> Result<Genesis, CallError> {
        if let Some(genesis) = self.chain().genesis() {
            return Ok(genesis);
        }
        let Answer::Genesis(genesis) = self.call(Request::Genesis).await? else { return Err(CallError::Unexpected) };
        self.begin(&genesis)?;
        Ok(*genesis)
    }

    fn begin(&self, genesis: &Genesis) -> Result<(), CallError> {
        self.chain().begin(genesis.clone()).map_err(|distrust| match distrust {
            Distrust::OtherChain { trusted, found } => {
                CallError::OtherChain { node: self.node().to_owned(), trusted, found }
            }
            Distrust::Genesis(fault) => self.fault(fault.to_string()),
        })
    }

    /// How the node is doing. The chain is checked; the rest is the node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer, or is of another chain.
    pub async fn status(&self) -> Result<Status, CallError> {
        let Answer::Status(status) = self.call(Request::Status).await? else { return Err(CallError::Unexpected) };
        self.begin(&status.genesis)?;
        Ok(*status)
    }

    /// The node itself first, then its peers. The node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer.
    pub async fn members(&self) -> Result<Vec<Member>, CallError> {
        match self.call(Request::Members).await? {
            Answer::Members(members) => Ok(members),
            _ => Err(CallError::Unexpected),
        }
    }

    /// Who decides blocks. The set is one that the changes of the chain lead to.
    ///
    /// # Errors
    /// [`CallError::False`] if it is not.
    pub async fn validators(&self) -> Result<Validators, CallError> {
        let Answer::Validators { set, after, pending } = self.call(Request::Validators).await? else {
            return Err(CallError::Unexpected);
        };
        self.refresh_sets().await?;
        // A change that came in between is known here already; ask again then.
        let now = match self.chain().last_set() {
            Some(last) if last == set => Validators { set, after, pending },
            _ => {
                let Answer::Validators { set, after, pending } = self.call(Request::Validators).await? else {
                    return Err(CallError::Unexpected);
                };
                Validators { set, after, pending }
            }
        };
        if self.chain().last_set().as_ref() == Some(&now.set) {
            Ok(now)
        } else {
            Err(self.fault("the validators that it names are not those that the changes of the set lead to"))
        }
    }

    /// The elections that a query fits, a page of them, the newest first, and whether another page follows. All of it is the node's word:
    /// what is fetched with [`Client::election`] is checked.
    ///
    /// # Errors
    /// [`CallError::False`] if the node shows some that do not fit.
    pub async fn elections_page(&self, query: ElectionQuery) -> Result<(Vec<ElectionView>, bool), CallError> {
        let Answer::Elections { elections, more } = self.call(Request::Elections(query.clone())).await? else {
            return Err(CallError::Unexpected);
        };
        let age = |view: &ElectionView| (view.record.created_at, view.record.id);
        let in_order = elections.is_sorted_by(|a, b| age(a) > age(b));
        let all_fit = elections.len() <= usize::from(query.limit) && elections.iter().all(|view| query.fits(view));
        let goes_on = !more || !elections.is_empty();
        if in_order && all_fit && goes_on {
            Ok((elections, more))
        } else {
            Err(self.fault("it lists elections that were not asked for"))
        }
    }

    /// Every election that a query fits, the newest first, page after page. As [`Client::elections_page`].
    ///
    /// # Errors
    /// [`CallError`] if the node is gone.
    pub async fn elections_all(&self, mut query: ElectionQuery) -> Result<Vec<ElectionView>, CallError> {
        let mut all: Vec<ElectionView> = Vec::new();
        loop {
            query.limit = crate::message::ELECTIONS_PAGE_MAX;
            let (elections, more) = self.elections_page(query.clone()).await?;
            if let (Some(last), Some(first)) = (all.last(), elections.first())
                && (first.record.created_at, first.record.id) >= (last.record.created_at, last.record.id)
            {
                return Err(self.fault("it lists elections again that it has listed before"));
            }
            all.extend(elections);
            query.after = all.last().map(|view| view.record.id);
            if !more {
                return Ok(all);
            }
        }
    }

    /// Every election, the newest first, page after page. As [`Client::elections_page`].
    ///
    /// # Errors
    /// [`CallError`] if the node is gone.
    pub async fn elections(&self) -> Result<Vec<ElectionView>, CallError> {
        self.elections_all(ElectionQuery::default()).await
    }

    /// An election as it is now, with its count. Its words are checked: see [`CheckedElection`].
    ///
    /// # Errors
    /// [`CallError::False`] if it is not the one that its organiser signed.
    pub async fn election(&self, id: ElectionId) -> Result<CheckedElection, CallError> {
        let Answer::Election(view) = self.call(Request::Election(id)).await? else { return Err(CallError::Unexpected) };
        self.checked(id, view).await
    }

    /// An election now, and again after blocks that change it, until it is over.
    ///
    /// # Errors
    /// [`CallError`] if the node is gone.
    pub async fn watch_election(&self, id: ElectionId) -> Result<Watching, CallError> {
        let answers = self.stream(Request::WatchElection(id)).await?;
        Ok(Watching { client: self.clone(), id, answers })
    }

    async fn checked(&self, id: ElectionId, view: Arc<ElectionView>) -> Result<CheckedElection, CallError> {
        if view.record.id != id {
            return Err(self.fault("it shows another election than was asked for"));
        }
        let created = self.proven(TransactionId::new(*id.hash())).await?;
        let election = CheckedElection::new(view, created).map_err(|what| self.fault(what))?;
        if election.has_first_times() {
            return Ok(election);
        }
        // Somebody has changed them: its organiser, by acts that are on the ledger.
        let entries = self.log_entries(id).await?;
        let entries: Vec<_> = entries.iter().filter(|entry| changes_times(&entry.act)).collect();
        for entry in &entries {
            self.check_act(&election, entry).await?;
        }
        if election.has_times_after(entries.iter().map(|entry| (&entry.act, entry.time))) {
            Ok(election)
        } else {
            Err(self.fault(format!("the times of election {id:.16} are not those that its organiser has set")))
        }
    }

    async fn check_act(&self, election: &CheckedElection, entry: &LogEntry) -> Result<(), CallError> {
        let proven = self.proven(entry.transaction).await?;
        if is_act(&election.record, entry, &proven) {
            return Ok(());
        }
        let what = "its log of election {} has an act that its organiser has not done";
        Err(self.fault(what.replace("{}", &format!("{:.16}", election.record.id))))
    }

    async fn log_entries(&self, id: ElectionId) -> Result<Vec<LogEntry>, CallError> {
        let mut answers = self.stream(Request::Log(id)).await?;
        let mut all: Vec<LogEntry> = Vec::new();
        while let Some(answer) = self.in_time(answers.next()).await? {
            let Answer::Log(some) = answer else { return Err(CallError::Unexpected) };
            all.extend(some);
        }
        Ok(all)
    }

    /// What was done to an election, in order, in the node's words.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses or is gone.
    pub async fn log(&self, election: ElectionId) -> Result<Vec<LogEntry>, CallError> {
        self.log_entries(election).await
    }

    /// What was done to an election, in order. All acts are those of its organiser, on the ledger; but for how many voters were added to a
    /// draft's roll, and that no act is missing, which is the node's word.
    ///
    /// # Errors
    /// [`CallError::False`] if an act is not on the ledger, or another.
    pub async fn checked_log(&self, election: &CheckedElection) -> Result<Vec<LogEntry>, CallError> {
        let entries = self.log_entries(election.record.id).await?;
        for entry in &entries {
            // Each is a transaction of up to 64 KiB, and a large roll takes hundreds of them.
            if !matches!(entry.act, vote_chain::Logged::VotersAdded { .. }) {
                self.check_act(election, entry).await?;
            }
        }
        Ok(entries)
    }

    /// A block, whole and final.
    ///
    /// # Errors
    /// [`CallError::False`] if it is another, not whole, or not final.
    pub async fn block(&self, at: BlockAt) -> Result<FinalBlock, CallError> {
        let Answer::Block { block, certificate } = self.call(Request::Block(at)).await? else {
            return Err(CallError::Unexpected);
        };
        let asked = match at {
            BlockAt::Latest => true,
            BlockAt::Height(height) => block.header.height == height,
        };
        if !asked {
            return Err(self.fault("it shows another block than was asked for"));
        }
        if !block.is_whole() {
            return Err(self.fault("the block that it shows has other transactions than its header names"));
        }
        self.check_final(&block.header, &certificate).await?;
        Ok(FinalBlock { block: *block, certificate })
    }

    /// What a credential may do in an election, and has done. A ballot that is named was cast by it.
    ///
    /// # Errors
    /// [`CallError::False`] if it was not.
    pub async fn voter(&self, election: ElectionId, credential: PublicKey) -> Result<VoterView, CallError> {
        let Answer::Voter { weight, ballot } = self.call(Request::Voter(election, credential)).await? else {
            return Err(CallError::Unexpected);
        };
        if let Some(record) = &ballot {
            // A counter that is too high would have the voter sign a ballot that fits only later, and then replaces another.
            let proven = self.proven(record.transaction).await?;
            if !is_cast(record, &proven, election, credential) {
                return Err(self.fault("the ballot that it names is not one that this credential has cast so"));
            }
        }
        Ok(VoterView { weight, ballot })
    }

    /// A receipt, which holds.
    ///
    /// # Errors
    /// [`CallError::False`] if it does not, or is for something else.
    pub async fn receipt(&self, id: TransactionId) -> Result<Receipt, CallError> {
        let trusted = self.genesis().await?.chain();
        let Answer::Receipt(receipt) = self.call(Request::Receipt(id)).await? else {
            return Err(CallError::Unexpected);
        };
        if receipt.transaction != id {
            return Err(self.fault("its receipt is for something else than was asked for"));
        }
        receipt.check(Some(&trusted)).map_err(|fault| self.fault(format!("its receipt does not hold: {fault}")))?;
        Ok(*receipt)
    }

    /// The receipt of a final transaction, and, if that is a ballot, all that it takes to say what it says.
    ///
    /// # Errors
    /// [`CallError::False`] if anything of it does not hold.
    pub async fn receipt_file(&self, id: TransactionId) -> Result<(ReceiptFile, Option<Statement>), CallError> {
        let proven = self.proven(id).await?;
        let Payload::CastBallot(Ballot { election, .. }) = &proven.transaction.content().payload else {
            return Ok((ReceiptFile::Bare(Box::new(proven.receipt.clone())), None));
        };
        let created = self.proven(TransactionId::new(*election.hash())).await?;
        let (kept, statement) = self.kept(proven.receipt.clone(), &proven.transaction, &created)?;
        Ok((ReceiptFile::Kept(Box::new(kept)), Some(statement)))
    }

    fn kept(
        &self,
        receipt: Receipt,
        ballot: &Verified,
        election: &Proven,
    ) -> Result<(KeptReceipt, Statement), CallError> {
        let bytes = |transaction: &Verified| transaction.bytes().to_vec().into();
        let kept = KeptReceipt { receipt, ballot: bytes(ballot), election: bytes(&election.transaction) };
        let chain = kept.receipt.genesis.chain();
        let statement = Statement::read(&chain, &kept.ballot, &kept.election);
        let statement = statement.map_err(|fault| self.fault(format!("a final ballot cannot be read: {fault}")))?;
        Ok((kept, statement))
    }

    /// What a final ballot says, in a block or elsewhere: from its bytes, and those of its election, which are fetched.
    ///
    /// # Errors
    /// [`CallError::False`] if they do not hold.
    pub async fn statement(&self, ballot: &Verified, of: ElectionId) -> Result<Statement, CallError> {
        let created = self.proven(TransactionId::new(*of.hash())).await?;
        let chain = self.genesis().await?.chain();
        let read = Statement::read(&chain, ballot.bytes(), created.transaction.bytes());
        read.map_err(|fault| self.fault(format!("a final ballot cannot be read: {fault}")))
    }

    /// A final transaction: its bytes, whose hash is its id, and the proof that it is final. Those that were asked for before are
    /// remembered.
    ///
    /// # Errors
    /// [`CallError::False`] if the bytes are others, the signature does not hold, or the proof.
    pub async fn proven(&self, id: TransactionId) -> Result<Arc<Proven>, CallError> {
        if let Some(proven) = self.chain().proven(&id) {
            return Ok(proven);
        }
        let chain = self.genesis().await?.chain();
        let answer = self.call(Request::Transaction(id)).await?;
        let Answer::Transaction { bytes, height, index } = answer else { return Err(CallError::Unexpected) };
        if TransactionId::of(&bytes) != id {
            return Err(self.fault(format!("the bytes that it gives for transaction {id:.16} are others")));
        }
        let transaction = verify(&chain, &bytes);
        let transaction = transaction.map_err(|fault| self.fault(format!("transaction {id:.16}: {fault}")))?;
        let receipt = self.receipt(id).await?;
        let (header, place) = (&receipt.header, receipt.proof.index);
        if (header.height, place) != (height, index) {
            return Err(self.fault(format!("it says of two places where transaction {id:.16} is")));
        }
        let time = header.time;
        let proven = Proven { transaction: Arc::new(transaction), height, time, index, receipt };
        let proven = Arc::new(proven);
        self.chain().remember(&proven);
        Ok(proven)
    }

    /// What has become of a ballot, by the beginning of its id. The ballot is on the ledger, and so is the one that has replaced it, if the
    /// node says that one has; that none has, and the phase, is the node's word.
    ///
    /// # Errors
    /// [`CallError::False`] if it is not so.
    pub async fn trace(&self, prefix: &[u8]) -> Result<Trace, CallError> {
        let answer = self.call(Request::Trace(prefix.to_vec().into())).await?;
        let Answer::Trace(trace) = answer else { return Err(CallError::Unexpected) };
        if !trace.transaction.as_bytes().starts_with(prefix) {
            return Err(self.fault("it speaks of another ballot than was asked for"));
        }
        let proven = self.proven(trace.transaction).await?;
        let last = self.proven(trace.counts).await?;
        let (Some(ballot), Some(counts)) = (ballot_of(&proven), ballot_of(&last)) else {
            return Err(self.fault("it takes something for a ballot that is none"));
        };
        let place = (ballot.election, ballot.counter, proven.height) == (trace.election, trace.counter, trace.height);
        let replaces = last.transaction.content().signer == proven.transaction.content().signer
            && counts.election == ballot.election
            && (counts.counter > ballot.counter || trace.counts == trace.transaction);
        if place && replaces { Ok(*trace) } else { Err(self.fault("what it says has become of the ballot is not so")) }
    }

    /// Has the node stage an attack. The node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not.
    pub async fn attack(&self, attack: Attack) -> Result<AttackReport, CallError> {
        match self.call_for(Request::Attack(attack), crate::client::ATTACK_TIMEOUT).await? {
            Answer::Attack(report) if report.attack == attack => Ok(report),
            _ => Err(CallError::Unexpected),
        }
    }

    /// Validators that were seen to misbehave. The node's word.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer.
    pub async fn evidence(&self) -> Result<Vec<EvidenceView>, CallError> {
        match self.call(Request::Evidence).await? {
            Answer::Evidence(rows) => Ok(rows),
            _ => Err(CallError::Unexpected),
        }
    }

    /// The archive of an election, unchecked: [`Archive::verify`] checks it.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses or is gone.
    pub async fn archive(&self, election: ElectionId) -> Result<Archive, CallError> {
        let mut answers = self.stream(Request::Archive(election)).await?;
        let Some(Answer::ArchiveHead(mut archive)) = self.in_time(answers.next()).await? else {
            return Err(CallError::Unexpected);
        };
        if archive.election != election {
            return Err(self.fault("its archive is of another election than was asked for"));
        }
        while let Some(answer) = self.in_time(answers.next()).await? {
            let Answer::ArchiveBlock(block) = answer else { return Err(CallError::Unexpected) };
            archive.blocks.push(*block);
        }
        Ok(*archive)
    }

    /// Checks that a block is final, by the sets that are known; asks for later changes of the set if it is not by these.
    pub(crate) async fn check_final(&self, header: &Header, certificate: &CommitCertificate) -> Result<(), CallError> {
        self.genesis().await?;
        let fault = match self.chain().check_final(header, certificate) {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        };
        if matches!(fault, InvalidReceipt::Certificate { .. }) {
            self.refresh_sets().await?;
        }
        let verdict = self.chain().check_final(header, certificate);
        verdict.map_err(|fault| self.fault(format!("what it says is final is not: {fault}")))
    }

    /// Asks for the changes of the set after the last one that is known, and checks them.
    async fn refresh_sets(&self) -> Result<(), CallError> {
        self.genesis().await?;
        let above = self.chain().last_change();
        let mut answers = self.stream(Request::SetChanges(above)).await?;
        while let Some(answer) = self.in_time(answers.next()).await? {
            let Answer::SetChanges(changes) = answer else { return Err(CallError::Unexpected) };
            // Another call may have brought some of them meanwhile.
            let known = self.chain().last_change();
            let new: Vec<SetChange> = changes.into_iter().filter(|change| change.header.height > known).collect();
            let follow = self.chain().extend(new);
            follow.map_err(|fault| self.fault(format!("its changes of the validators do not hold: {fault}")))?;
        }
        Ok(())
    }
}

fn ballot_of(proven: &Proven) -> Option<&Ballot> {
    match &proven.transaction.content().payload {
        Payload::CastBallot(ballot) => Some(ballot),
        Payload::CreateElection(_) | Payload::Organise(_) | Payload::ApproveChange { .. } => None,
    }
}

/// Whether a final transaction is the ballot that a record says it is.
fn is_cast(record: &CastRecord, proven: &Proven, election: ElectionId, credential: PublicKey) -> bool {
    let Some(ballot) = ballot_of(proven) else { return false };
    let said = record.selections.as_deref();
    proven.transaction.content().signer == credential
        && ballot.election == election
        && ballot.counter == record.counter
        && (proven.height, proven.index) == (record.height, record.index)
        && said.is_none_or(|said| said.iter().map(AsRef::as_ref).eq(&ballot.selections))
}

/// An election that is followed.
pub struct Watching {
    client: Client,
    id: ElectionId,
    answers: Answers,
}

impl Watching {
    /// The election after the next change, checked as by [`Client::election`]; none when it is over.
    ///
    /// # Errors
    /// [`CallError`] if the node is gone, or at fault.
    pub async fn next(&mut self) -> Result<Option<CheckedElection>, CallError> {
        match self.answers.next().await? {
            None => Ok(None),
            Some(Answer::Election(view)) => self.client.checked(self.id, view).await.map(Some),
            Some(_) => Err(CallError::Unexpected),
        }
    }
}

impl ElectionQuery {
    /// Whether an election is one that the query is after.
    pub fn fits(&self, view: &ElectionView) -> bool {
        let id = view.record.id.to_string();
        let title = view.record.election.title.to_lowercase();
        (self.phases.is_empty() || self.phases.contains(&view.phase))
            && id.starts_with(&self.id.to_lowercase())
            && title.contains(&self.title.to_lowercase())
    }
}
