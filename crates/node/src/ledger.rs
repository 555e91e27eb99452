//! What the ledger says, as it was after the last block that is on the disk.
//!
//! A [`Ledger`] is a value: the loop publishes a new one after each block, once it is durable, and
//! whoever answers a question keeps the one that it began with. Nothing here runs on the loop.

mod archive;
mod elections;
mod sets;
mod trees;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;
use vote_api::{
    Answer, BlockAt, ElectionQuery, ElectionView, EvidenceView, Greeting, ProtocolVersions,
    Refusal, RefusalCode, Request, TRACE_BYTES_MIN, Trace,
};
use vote_chain::{
    Ballot, Block, Change, CommitCertificate, ElectionId, Header, Height, Hello, Membership,
    Payload, PublicKey, Receipt, SetChange, State, Tally, TransactionId, ValidatorSet, Version,
    encode,
};
use vote_consensus::{Certified, Evidence, Fork};
use vote_storage::{StorageError, Store};

pub(crate) use trees::{Inclusion, Tree, Trees};

use sets::{KnownSets, more_steps, some_steps};

/// Elections, acts, or changes of the set in one answer, in bytes.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// Proofs of misbehaviour in an answer.
const EVIDENCE_MAX: usize = 1000;

/// A question to the ledger, or the rest of one that takes several answers.
#[derive(Debug)]
pub(crate) enum Question {
    Genesis,
    Validators,
    Organisers,
    Protocol,
    Greet,
    Elections(ElectionQuery),
    Block(BlockAt),
    Voter(ElectionId, PublicKey),
    Receipt(TransactionId),
    Evidence,
    Trace(Vec<u8>),
    Transaction(TransactionId),
    /// The steps from the set of a height to that of another.
    SetChanges(Height, Option<Height>),
    /// The steps that are to come, from a place on, and then what else is.
    Steps(Arc<Vec<SetChange>>, usize, Option<Box<Self>>),
    /// The acts of an election from a place on.
    Log(ElectionId, usize),
    Archive(ElectionId),
    /// The blocks of an archive that are to come.
    ArchiveBlocks(ElectionId, VecDeque<Height>),
}

impl Question {
    /// The question that an app asks; what is no question to the ledger comes back.
    pub(crate) fn of(request: Request) -> Result<Self, Request> {
        Ok(match request {
            Request::Genesis => Self::Genesis,
            Request::Validators => Self::Validators,
            Request::Organisers => Self::Organisers,
            Request::Protocol => Self::Protocol,
            Request::Greet(_) => Self::Greet,
            Request::Elections(query) => Self::Elections(query),
            Request::Block(at) => Self::Block(at),
            Request::Voter(election, credential) => Self::Voter(election, credential),
            Request::Receipt(id) => Self::Receipt(id),
            Request::Evidence => Self::Evidence,
            Request::Trace(prefix) => Self::Trace(prefix.into_vec()),
            Request::Transaction(id) => Self::Transaction(id),
            Request::SetChanges { from, to } => Self::SetChanges(from, to),
            Request::Log(id) => Self::Log(id, 0),
            Request::Archive(id) => Self::Archive(id),
            Request::Status
            | Request::Members
            | Request::Election(_)
            | Request::WatchElection(_)
            | Request::Submit(_)
            | Request::Approve(_)
            | Request::Attack(_) => return Err(request),
        })
    }
}

/// Who decides each height, as far as it is known.
pub(crate) struct Sets {
    first: ValidatorSet,
    /// In the order of heights: the set that decides the heights above.
    changes: Vec<(Height, ValidatorSet)>,
    last: Height,
}

impl Sets {
    pub(crate) fn of(&self, height: Height) -> Option<&ValidatorSet> {
        let later = self.changes.partition_point(|(at, _)| *at < height);
        let set = later
            .checked_sub(1)
            .map_or(&self.first, |at| &self.changes[at].1);
        (height > Height::GENESIS && height <= self.last).then_some(set)
    }
}

/// The last durable state, and the blocks up to it.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) state: Arc<State>,
    store: Arc<Store>,
    trees: Arc<Trees>,
    sets: Arc<KnownSets>,
    /// The newest protocol version that the node goes by.
    newest: Version,
}

/// What is wrong, for an app.
pub(crate) fn refusal(code: RefusalCode, reason: impl std::fmt::Display) -> Refusal {
    Refusal {
        code,
        reason: reason.to_string(),
    }
}

pub(crate) fn unknown_election(id: &ElectionId) -> Refusal {
    refusal(
        RefusalCode::WrongState,
        format!("there is no election {id:.16}"),
    )
}

/// A ledger that cannot be read is nothing that an app could mend, and never the same as a ledger
/// that does not have a thing.
fn damaged(error: &StorageError) -> Refusal {
    tracing::error!(%error, "the ledger cannot be read");
    refusal(
        RefusalCode::Damaged,
        format!("this node cannot read its ledger: {error}; ask another node"),
    )
}

fn misfit(what: impl std::fmt::Display) -> Refusal {
    tracing::error!(%what, "the ledger is damaged");
    refusal(
        RefusalCode::Damaged,
        format!("this node's ledger is damaged: {what}; ask another node"),
    )
}

type Answered = Result<(Answer, Option<Question>), Refusal>;

impl Ledger {
    pub(crate) fn new(state: Arc<State>, store: Arc<Store>, trees: Arc<Trees>) -> Self {
        Self {
            state,
            store,
            trees,
            sets: Arc::default(),
            newest: Version::NEWEST,
        }
    }

    /// The same of a program whose newest protocol version is this one.
    pub(crate) fn up_to(self, newest: Version) -> Self {
        Self { newest, ..self }
    }

    /// The ledger one or more blocks later.
    pub(crate) fn at(&self, state: Arc<State>) -> Self {
        Self {
            state,
            store: self.store.clone(),
            trees: self.trees.clone(),
            sets: self.sets.clone(),
            newest: self.newest,
        }
    }

    /// The answer, and the rest of the question if there is more to say.
    pub(crate) fn answer(&self, question: Question) -> (Answer, Option<Question>) {
        self.try_answer(question)
            .unwrap_or_else(|refusal| (Answer::Failed(refusal), None))
    }

    fn try_answer(&self, question: Question) -> Answered {
        let answer = match question {
            Question::Genesis => Answer::Genesis(Box::new(self.state.genesis().as_ref().clone())),
            Question::Validators => self.validators(),
            Question::Organisers => self.organisers(),
            Question::Protocol => self.protocol(),
            Question::Greet => Answer::Greeting(Greeting::ours(crate::VERSION)),
            Question::Elections(query) => self.elections(&query)?,
            Question::Block(at) => self.block(at)?,
            Question::Voter(election, credential) => self.voter(&election, &credential)?,
            Question::Receipt(id) => return self.receipt(id),
            Question::Evidence => self.evidence()?,
            Question::Trace(prefix) => self.trace(&prefix)?,
            Question::Transaction(id) => self.transaction(id)?,
            Question::SetChanges(from, to) => return self.set_changes(from, to),
            Question::Steps(steps, place, then) => return Ok(more_steps(steps, place, then)),
            Question::Log(id, from) => return self.log(id, from),
            Question::Archive(id) => return self.archive(id),
            Question::ArchiveBlocks(id, heights) => return self.archive_block(id, heights),
        };
        Ok((answer, None))
    }

    /// Where a final transaction is, if it is: heights, and places in the blocks. Another
    /// transaction whose id begins alike may be there instead, if somebody has made two that do.
    pub(crate) fn places(&self, id: &TransactionId) -> impl Iterator<Item = (Height, u32)> {
        let tip = self.state.tip().height;
        // The disk may be a block further than this state.
        self.store
            .places(id.as_bytes())
            .into_iter()
            .filter(move |(height, _)| *height <= tip)
    }

    /// A block up to the tip; one that is missing there is damage.
    pub(crate) fn load(&self, height: Height) -> Result<(Block, CommitCertificate), Refusal> {
        let found = self.store.block(height).map_err(|error| damaged(&error))?;
        found.ok_or_else(|| misfit(format_args!("block {height} is missing")))
    }

    /// A final transaction, with its block and its place in it.
    fn transaction_bytes(
        &self,
        id: &TransactionId,
    ) -> Result<Option<(Vec<u8>, Height, u32)>, Refusal> {
        let found = self
            .store
            .transaction(id)
            .map_err(|error| damaged(&error))?;
        Ok(found.filter(|(_, height, _)| *height <= self.state.tip().height))
    }

    /// The proof that a final transaction is in its block; none if it is not final.
    pub(crate) fn inclusion(&self, id: &TransactionId) -> Result<Option<Inclusion>, Refusal> {
        for (height, index) in self.places(id) {
            let tree = match self.trees.get(height) {
                Some(tree) => tree,
                None => {
                    let (block, certificate) = self.load(height)?;
                    self.trees
                        .keep(block.header.clone(), certificate, &block.ids())
                }
            };
            if let Some(inclusion) = tree.inclusion(id, index) {
                return Ok(Some(inclusion));
            }
        }
        Ok(None)
    }

    /// Makes and keeps the tree of a block that is final: its voters will ask for their receipts.
    pub(crate) fn keep_tree(
        &self,
        header: Header,
        certificate: CommitCertificate,
        ids: &[TransactionId],
    ) -> Arc<Tree> {
        self.trees.keep(header, certificate, ids)
    }

    fn receipt(&self, id: TransactionId) -> Answered {
        let not_final = || {
            let reason = "no such transaction is final at this node; it may be waiting, or not have come here";
            refusal(RefusalCode::WrongState, reason)
        };
        let Inclusion {
            header,
            certificate,
            proof,
        } = self.inclusion(&id)?.ok_or_else(not_final)?;
        let (set_changes, rest) = some_steps(self.steps_to(&header, &certificate)?, 0, None);
        let genesis = self.state.genesis().as_ref().clone();
        let receipt = Receipt {
            genesis,
            set_changes,
            transaction: id,
            proof,
            header,
            certificate,
        };
        Ok((Answer::Receipt(Box::new(receipt)), rest))
    }

    /// That the one who says hello speaks for a validator, shown to somebody who knows the chain's
    /// id only; none if it is none. Reads some changes of the set.
    pub(crate) fn membership(&self, hello: Hello) -> Result<Option<Membership>, Refusal> {
        if !self.state.validators().contains(&hello.key) {
            return Ok(None);
        }
        let genesis = self.state.genesis().as_ref().clone();
        let founder = genesis.validators.contains(&hello.key);
        let set_changes = if founder {
            Vec::new()
        } else {
            self.steps_to_next()?
        };
        Ok(Some(Membership {
            genesis,
            set_changes,
            hello,
        }))
    }

    fn transaction(&self, id: TransactionId) -> Result<Answer, Refusal> {
        let unknown = || {
            refusal(
                RefusalCode::WrongState,
                "no such transaction is final at this node",
            )
        };
        let (bytes, height, index) = self.transaction_bytes(&id)?.ok_or_else(unknown)?;
        Ok(Answer::Transaction {
            bytes: bytes.into(),
            height,
            index,
        })
    }

    fn block(&self, at: BlockAt) -> Result<Answer, Refusal> {
        let tip = self.state.tip().height;
        let height = match at {
            BlockAt::Latest => tip,
            BlockAt::Height(height) => height,
        };
        if height == Height::GENESIS || height > tip {
            let reason = format!("there is no block at height {height}; the last is at {tip}");
            return Err(refusal(RefusalCode::WrongState, reason));
        }
        let (block, certificate) = self.load(height)?;
        Ok(Answer::Block {
            block: Box::new(block),
            certificate,
        })
    }

    fn voter(&self, id: &ElectionId, credential: &PublicKey) -> Result<Answer, Refusal> {
        let record = self
            .state
            .election(id)
            .ok_or_else(|| unknown_election(id))?;
        let weight = if record.election.has_roll() {
            self.state.weight(id, credential)
        } else {
            Some(1)
        };
        Ok(Answer::Voter {
            weight,
            ballot: self.state.ballot(id, credential).cloned(),
        })
    }

    fn trace(&self, prefix: &[u8]) -> Result<Answer, Refusal> {
        if !(TRACE_BYTES_MIN..=32).contains(&prefix.len()) {
            return Err(refusal(
                RefusalCode::Invalid,
                "a ballot is named by 16 to 32 bytes of its id",
            ));
        }
        let unknown = || refusal(RefusalCode::WrongState, "the ledger has no such ballot");
        let found = self
            .store
            .transactions_with(prefix)
            .map_err(|error| damaged(&error))?;
        let [transaction] = found[..] else {
            return Err(unknown());
        };
        let (bytes, height, _) = self.transaction_bytes(&transaction)?.ok_or_else(unknown)?;
        let content = vote_chain::parse(&bytes).map_err(misfit)?.content;
        let Payload::CastBallot(Ballot {
            election, counter, ..
        }) = content.payload
        else {
            return Err(unknown());
        };
        let phase = self.state.phase(&election);
        let (phase, counts) = phase
            .zip(self.state.ballot(&election, &content.signer))
            .ok_or_else(|| {
                misfit(format_args!(
                    "ballot {transaction:.16} is in block {height} and not among the ballots"
                ))
            })?;
        let counts = counts.transaction;
        let tip = self.state.tip().height;
        Ok(Answer::Trace(Box::new(Trace {
            transaction,
            height,
            election,
            phase,
            counter,
            counts,
            tip,
        })))
    }

    fn evidence(&self) -> Result<Answer, Refusal> {
        let rows = self.proofs()?;
        let latest = rows.len().saturating_sub(EVIDENCE_MAX);
        let mut views = Vec::new();
        for (height, bytes) in rows.into_iter().skip(latest) {
            let evidence = Evidence::from_bytes(&bytes)
                .map_err(|error| misfit(format_args!("evidence of height {height}: {error}")))?;
            let accused = evidence.accused().into_iter();
            views.extend(accused.map(|(validator, what)| EvidenceView {
                height,
                validator,
                what,
            }));
        }
        Ok(Answer::Evidence(views))
    }

    /// The validators of every height so far.
    pub(crate) fn sets(&self) -> Result<Sets, Refusal> {
        let changes = self
            .store
            .set_changes(self.state.tip().height.next())
            .map_err(|error| damaged(&error))?;
        let changes = changes
            .into_iter()
            .map(|change| (change.header.height, change.validators))
            .collect();
        Ok(Sets {
            first: self.state.genesis().validators.clone(),
            changes,
            last: self.state.tip().height.next(),
        })
    }

    /// The blocks of a fork that cannot be final if this ledger is right.
    pub(crate) fn excluded_by(&self, fork: &Fork) -> Result<Vec<Certified>, Refusal> {
        let tip = self.state.tip();
        let mut against = Vec::new();
        for block in [&fork.first, &fork.second] {
            let header = &block.header;
            let excluded = if header.height <= tip.height {
                self.load(header.height)?.0.header.hash() != header.hash()
            } else {
                header.height == tip.height.next() && header.parent != tip.hash
            };
            if excluded {
                against.push(block.clone());
            }
        }
        Ok(against)
    }

    /// The proofs of misbehaviour, and the heights at which they were seen.
    pub(crate) fn proofs(&self) -> Result<Vec<(Height, Vec<u8>)>, Refusal> {
        self.store.evidence().map_err(|error| damaged(&error))
    }

    /// How many proofs of misbehaviour there are.
    pub(crate) fn evidence_count(&self) -> Result<u64, Refusal> {
        self.store.evidence_count().map_err(|error| damaged(&error))
    }

    fn validators(&self) -> Answer {
        let registry = self.state.registry();
        Answer::Validators {
            set: registry.next.clone(),
            after: (registry.after != registry.next).then(|| registry.after.clone()),
            pending: self.pending(|change| match change {
                Change::Validators(change) => Some(change),
                Change::Organisers(_) | Change::Version(_) => None,
            }),
        }
    }

    fn organisers(&self) -> Answer {
        Answer::Organisers {
            organisers: self.state.organisers().clone(),
            pending: self.pending(|change| match change {
                Change::Organisers(change) => Some(change),
                Change::Validators(_) | Change::Version(_) => None,
            }),
        }
    }

    fn protocol(&self) -> Answer {
        Answer::Protocol {
            versions: self.versions(),
            // Those whose time has come can be approved no more.
            pending: self.pending(|change| match change {
                Change::Version(change) => {
                    let next = self.state.tip().height.next();
                    let versions = self.state.registry().versions;
                    versions.changed(&change, next).ok().map(|_| change)
                }
                Change::Validators(_) | Change::Organisers(_) => None,
            }),
        }
    }

    /// By which protocol version the chain goes, and will.
    pub(crate) fn versions(&self) -> ProtocolVersions {
        let versions = self.state.registry().versions;
        ProtocolVersions {
            now: self.state.version(),
            planned: versions.planned(self.state.tip().height.next()),
            newest: self.newest,
        }
    }

    /// The changes of one kind that wait for approvals, with who has approved.
    fn pending<T>(&self, of_kind: impl Fn(Change) -> Option<T>) -> Vec<(T, Vec<PublicKey>)> {
        let registry = self.state.registry().without_lapsed(self.state.tip().time);
        let approved = registry.approved().into_iter();
        approved
            .filter_map(|(change, keys)| Some((of_kind(change)?, keys.into_iter().collect())))
            .collect()
    }

    fn log(&self, id: ElectionId, from: usize) -> Answered {
        self.state
            .election(&id)
            .ok_or_else(|| unknown_election(&id))?;
        let (part, more) = part(self.state.log(&id).skip(from).cloned());
        let next = from + part.len();
        Ok((Answer::Log(part), more.then_some(Question::Log(id, next))))
    }

    /// An election as apps see it, counted in at most so many steps.
    pub(crate) fn view(&self, id: &ElectionId, steps_max: u64) -> Option<ElectionView> {
        let mut view = self.view_without_contests(id)?;
        if !view.record.election.withholds_count(view.phase) {
            let tally = self.state.tally_within(id, steps_max)?;
            view.tally = tally.cut(vote_api::TALLY_LINES_MAX, vote_api::TALLY_BYTES_MAX);
        }
        Some(view)
    }

    /// The same without its contests.
    fn view_without_contests(&self, id: &ElectionId) -> Option<ElectionView> {
        let record = self.state.election(id)?.clone();
        let phase = self.state.phase(id)?;
        let tally = Tally::without_contests(&record);
        Some(ElectionView {
            record,
            phase,
            tally,
            height: self.state.tip().height,
        })
    }
}

/// As many items as fit one answer, at least one; and whether there are more.
fn part<T: Serialize>(items: impl Iterator<Item = T>) -> (Vec<T>, bool) {
    let mut some = Vec::new();
    let mut bytes = 0;
    for item in items {
        bytes += encode(&item).len();
        if bytes > ANSWER_BYTES_MAX && !some.is_empty() {
            return (some, true);
        }
        some.push(item);
    }
    (some, false)
}

#[cfg(test)]
pub(crate) mod testing {
    use std::num::NonZeroUsize;
    use std::path::Path;

    use super::*;
    use vote_chain::{
        Act, BlockHash, ChainId, Changes, Contest, Election, Genesis, Hash, Limits, Organise,
        Organisers, Rule, SecretKey, Selection, StateRoot, Timestamp, Transaction, Validator,
        ValidatorChange, ValidatorSet, ValidatorSetHash, verify,
    };
    use vote_storage::Unread;

    /// A header and a certificate of nothing.
    pub(crate) fn block(height: u64) -> (Header, CommitCertificate) {
        let height = Height::new(height);
        let header = Header {
            version: Version::NEWEST,
            chain: ChainId::default(),
            height,
            parent: BlockHash::default(),
            time: Timestamp::from_ms(0),
            proposer: PublicKey::from_bytes([0; 32]),
            transactions_root: Hash::from_bytes([0; 32]),
            transactions_count: 0,
            state_root: StateRoot::default(),
            validators: ValidatorSetHash::default(),
            next_validators: ValidatorSetHash::default(),
        };
        (
            header,
            CommitCertificate {
                height,
                round: 0,
                block: BlockHash::default(),
                signatures: Vec::new(),
            },
        )
    }

    pub(crate) fn key(number: u8) -> SecretKey {
        SecretKey::from_seed(&[number; 32])
    }

    fn commit(
        ledger: &mut Ledger,
        signer: &SecretKey,
        payload: Payload,
    ) -> (TransactionId, Changes) {
        let mut state = ledger.state.as_ref().clone();
        let bytes = Transaction::sign(state.chain(), signer, payload).to_bytes();
        let verified = Arc::new(verify(&state.chain(), &bytes).expect("it is made just so"));
        let time = state.tip().time.plus_ms(1);
        let (block, changes, refused) = state.build(time, key(0).public(), [&verified]);
        assert!(refused.is_empty(), "it does not fit");
        state.commit(block.header(), &changes);
        *ledger = ledger.at(Arc::new(state));
        (verified.id(), changes)
    }

    /// A chain of one validator, whose key is `key(0)`.
    pub(crate) fn simple_genesis() -> Genesis {
        let validators = vec![Validator {
            key: key(0).public(),
            name: "n".into(),
            power: 1,
        }];
        Genesis {
            version: Version::NEWEST,
            name: "test".into(),
            time: Timestamp::from_ms(1),
            validators: ValidatorSet::new(validators).expect("one validator"),
            organisers: Organisers::Anyone,
            limits: Limits::default(),
        }
    }

    /// An election of two choices in which any key may vote.
    pub(crate) fn simple_election(title: &str, salt: u64) -> Election {
        let contest = Contest::listed(vec!["A".into(), "B".into()], Rule::Plurality, 1);
        Election::simple(title.into(), vec![contest], salt)
    }

    /// A ledger at the beginning of its chain.
    fn empty(dir: &Path, genesis: &Genesis) -> Store {
        let ledger = Unread::create(dir, genesis).expect("a ledger");
        ledger.load(NonZeroUsize::MIN).expect("it was just made").0
    }

    /// A ledger with an open election of two choices.
    pub(crate) fn created() -> (Ledger, ElectionId) {
        let genesis = simple_genesis();
        let dir = tempfile::tempdir().expect("a folder");
        let store = empty(dir.path(), &genesis);
        let mut ledger = Ledger::new(
            Arc::new(State::new(genesis)),
            Arc::new(store),
            Arc::default(),
        );
        let id = create(&mut ledger, "Test");
        (ledger, id)
    }

    /// One more block with one more election.
    pub(crate) fn create(ledger: &mut Ledger, title: &str) -> ElectionId {
        let election = simple_election(title, ledger.state.tip().height.get());
        let (id, _) = commit(ledger, &key(0), Payload::CreateElection(election));
        ElectionId::new(*id.hash())
    }

    /// One more block, in which the organiser does something to an election.
    pub(crate) fn act(ledger: &mut Ledger, election: ElectionId, act: Act) {
        commit(
            ledger,
            &key(0),
            Payload::Organise(Organise { election, act }),
        );
    }

    /// One more block with one more ballot.
    pub(crate) fn vote(ledger: &mut Ledger, election: ElectionId, voter: u8) -> Changes {
        let ballot = Ballot::plain(election, Selection::Listed(0));
        commit(ledger, &key(voter), Payload::CastBallot(ballot)).1
    }
    /// Another block of that height that `signer` makes final, later by so many milliseconds.
    pub(crate) fn beside(
        ledger: &Ledger,
        height: u64,
        later_ms: u64,
        signer: &SecretKey,
    ) -> Certified {
        let mut header = ledger
            .load(Height::new(height))
            .expect("there is one")
            .0
            .header;
        header.time = header.time.plus_ms(later_ms);
        certified(header, signer)
    }

    fn certified(header: Header, signer: &SecretKey) -> Certified {
        use vote_consensus::bft::{NilOrVal, Round, VoteType};
        let (height, block, validator) = (header.height, header.hash(), signer.public());
        let (round, kind, value) = (Round::new(0), VoteType::Precommit, NilOrVal::Val(block));
        let vote = vote_chain::bft::Vote {
            height,
            round,
            kind,
            value,
            voter: validator,
        };
        let signature = signer.sign(
            vote_chain::Purpose::Vote,
            &header.chain,
            &vote_chain::bft::vote_content(&vote),
        );
        let signatures = vec![vote_chain::CommitSignature {
            validator,
            signature,
        }];
        Certified {
            header,
            certificate: CommitCertificate {
                height,
                round: 0,
                block,
                signatures,
            },
        }
    }

    /// The fork of this ledger and a block beside one of its own.
    pub(crate) fn fork(ledger: &Ledger, theirs: Certified) -> Fork {
        let (block, certificate) = ledger.load(theirs.header.height).expect("there is one");
        Fork::new(
            Certified {
                header: block.header,
                certificate,
            },
            theirs,
        )
    }

    /// One more block on the disk, with these transactions, that these make final.
    fn decide(
        store: &Store,
        state: &mut State,
        deciders: &[u8],
        signed: &[(u8, Payload)],
    ) -> Vec<TransactionId> {
        let sign = |(signer, payload): &(u8, Payload)| {
            let bytes = Transaction::sign(state.chain(), &key(*signer), payload.clone()).to_bytes();
            Arc::new(verify(&state.chain(), &bytes).expect("it is made just so"))
        };
        let transactions: Vec<_> = signed.iter().map(sign).collect();
        let proposer = key(deciders[0]).public();
        let (block, changes, refused) =
            state.build(state.tip().time.plus_ms(1), proposer, &transactions);
        assert!(refused.is_empty(), "it does not fit");
        let mut certificate = certified(block.header().clone(), &key(deciders[0])).certificate;
        for decider in &deciders[1..] {
            certificate.signatures.extend(
                certified(block.header().clone(), &key(*decider))
                    .certificate
                    .signatures,
            );
        }
        certificate
            .signatures
            .sort_by_key(|signature| signature.validator);
        let hash = block.header().hash();
        let verdict = certificate.verify(
            &state.chain(),
            block.header().height,
            &hash,
            state.validators(),
        );
        verdict.expect("these decide the height");
        let mut batch = store.begin();
        batch.commit_block(&block, &certificate, &changes);
        batch.finish().expect("a disk");
        state.commit(block.header(), &changes);
        transactions
            .iter()
            .map(|transaction| transaction.id())
            .collect()
    }

    /// A ledger with an election, in which each of `key(0)` to `key(last)` has been admitted in its
    /// turn, and all but the last four were removed again; with a ballot after each change. Each
    /// block has been made final by as few as can be.
    pub(crate) fn turned_over(last: u8) -> (Ledger, ElectionId, Vec<TransactionId>) {
        let genesis = simple_genesis();
        let dir = tempfile::tempdir().expect("a folder");
        let store = empty(dir.path(), &genesis);
        let mut state = State::new(genesis);
        let created = decide(
            &store,
            &mut state,
            &[0],
            &[(0, Payload::CreateElection(simple_election("Test", 0)))],
        );
        let id = ElectionId::new(*created[0].hash());
        let mut ballots = Vec::new();
        let mut change = |change: ValidatorChange, voter: u8| {
            let enough = |set: &ValidatorSet| {
                let members = (0..=last).filter(|at| set.contains(&key(*at).public()));
                members.take(set.count() * 2 / 3 + 1).collect::<Vec<_>>()
            };
            let registry = state.registry().clone();
            let changes_before = registry.changes;
            let signed_at = state.tip().time;
            let approve = |by| {
                (
                    by,
                    Payload::ApproveChange {
                        change: change.clone().into(),
                        changes_before,
                        signed_at,
                    },
                )
            };
            let approvals: Vec<_> = enough(&registry.after).into_iter().map(approve).collect();
            decide(&store, &mut state, &enough(&registry.next), &approvals);
            let ballot = (
                voter,
                Payload::CastBallot(Ballot::plain(id, Selection::Listed(0))),
            );
            let deciders = enough(state.validators());
            ballots.extend(decide(&store, &mut state, &deciders, &[ballot]));
        };
        for at in 1..=last {
            let validator = Validator {
                key: key(at).public(),
                name: "m".into(),
                power: 1,
            };
            change(ValidatorChange::Admit(validator), 100 + at);
            if let Some(oldest) = at.checked_sub(4) {
                change(ValidatorChange::Remove(key(oldest).public()), 200 + oldest);
            }
        }
        (
            Ledger::new(Arc::new(state), Arc::new(store), Arc::default()),
            id,
            ballots,
        )
    }

    /// A ledger with blocks in which `key(0)` has admitted `key(1)`, and was removed: from height 5
    /// on, `key(1)` decides alone.
    pub(crate) fn replaced() -> Ledger {
        let genesis = simple_genesis();
        let dir = tempfile::tempdir().expect("a folder");
        let store = empty(dir.path(), &genesis);
        let mut state = State::new(genesis);
        let admit = ValidatorChange::Admit(Validator {
            key: key(1).public(),
            name: "m".into(),
            power: 1,
        });
        let admit = Change::from(admit);
        let remove = Change::from(ValidatorChange::Remove(key(0).public()));
        for (deciders, approvals) in [
            (&[0][..], &[(0, admit)][..]),
            (&[0], &[]),
            (&[0, 1], &[(0, remove.clone()), (1, remove)]),
            (&[0, 1], &[]),
            (&[1], &[]),
        ] {
            let changes_before = state.registry().changes;
            let signed_at = state.tip().time;
            let approve = |(signer, change): &(u8, Change)| {
                (
                    *signer,
                    Payload::ApproveChange {
                        change: change.clone(),
                        changes_before,
                        signed_at,
                    },
                )
            };
            let approvals: Vec<_> = approvals.iter().map(approve).collect();
            decide(&store, &mut state, deciders, &approvals);
        }
        Ledger::new(Arc::new(state), Arc::new(store), Arc::default())
    }

    pub(crate) fn store(ledger: &Ledger) -> &Store {
        &ledger.store
    }

    /// Keeps a proof in the ledger.
    pub(crate) fn keep_fork(ledger: &Ledger, fork: Fork) {
        let height = fork.first.header.height;
        let mut batch = ledger.store.begin();
        batch.put_evidence(height, &Evidence::Fork(Box::new(fork)).to_bytes());
        batch.finish().expect("a disk");
    }
}
