//! A chain with all its validators' keys at hand.

use std::sync::{Arc, LazyLock};

use vote_chain::bft::{Vote, vote_content};
use vote_chain::{
    Act, Ballot, Block, Changes, CommitCertificate, CommitSignature, Contest, Election, ElectionId,
    ElectionRecord, Frontier, Genesis, Hash, Header, Height, InvalidBlock, InvalidTransaction,
    Limits, Organise, Organisers, Payload, Purpose, Receipt, RollRecord, Rule, SecretKey,
    Selection, SetChange, State, StateRoot, Timestamp, Transaction, TransactionId, Turnout,
    Validator, ValidatorSet, Verified, VerifiedBlock, Version, Voter, encode, verify,
};

use sha2::{Digest, Sha256};

use malachite_types::{NilOrVal, Round, VoteType};

pub(crate) const START: u64 = 1_700_000_000_000;

pub(crate) fn key(at: u8) -> SecretKey {
    SecretKey::from_seed(&[at; 32])
}

/// The keys that validators can have: those of [`key`], and as many more as have their turn in the
/// longest test.
pub(crate) static KEYS: LazyLock<Vec<SecretKey>> =
    LazyLock::new(|| (0..1300).map(nth_key).collect());

fn nth_key(at: u16) -> SecretKey {
    let [high, low] = at.to_be_bytes();
    let mut seed = [low; 32];
    seed[0] ^= high;
    SecretKey::from_seed(&seed)
}

pub(crate) fn validator(at: u8) -> Validator {
    Validator {
        key: key(at).public(),
        name: format!("v{at}"),
        power: 1,
    }
}

pub(crate) fn genesis(validators: u8) -> Genesis {
    Genesis {
        version: Version::NEWEST,
        name: "test".into(),
        time: Timestamp::from_ms(START),
        validators: ValidatorSet::new((1..=validators).map(validator).collect()).unwrap(),
        organisers: Organisers::Anyone,
        limits: Limits::default(),
    }
}

pub(crate) fn election() -> Election {
    counted(Rule::Plurality, 1)
}

/// An election of one contest over three choices.
pub(crate) fn counted(rule: Rule, seats: u16) -> Election {
    with_contests(vec![Contest::listed(
        ["Soup", "Pasta", "Salad"].map(String::from).into(),
        rule,
        seats,
    )])
}

pub(crate) fn with_contests(contests: Vec<Contest>) -> Election {
    Election {
        description: "What shall we eat?".into(),
        ..Election::simple("Lunch".into(), contests, 7)
    }
}

/// A chain, decided by whoever calls.
pub(crate) struct Ledger {
    pub(crate) state: State,
    pub(crate) blocks: Vec<(Block, CommitCertificate)>,
    /// Each block in which a set hands over to the next.
    pub(crate) handovers: Vec<SetChange>,
    /// Between two blocks.
    pub(crate) pause_ms: u64,
    /// Whether blocks are final with as few signatures as possible.
    pub(crate) hurried: bool,
}

impl Ledger {
    pub(crate) fn new(genesis: Genesis) -> Self {
        Self {
            state: State::new(genesis),
            blocks: Vec::new(),
            handovers: Vec::new(),
            pause_ms: 1000,
            hurried: false,
        }
    }

    pub(crate) fn sign(&self, key: &SecretKey, payload: Payload) -> Arc<Verified> {
        let bytes = Transaction::sign(self.state.chain(), key, payload).to_bytes();
        Arc::new(verify(&self.state.chain(), &bytes).unwrap())
    }

    pub(crate) fn ballot(
        &self,
        voter: u8,
        election: ElectionId,
        selection: Selection,
    ) -> Arc<Verified> {
        self.ballot_of(&key(voter), Ballot::plain(election, selection))
    }

    pub(crate) fn ballot_of(&self, key: &SecretKey, ballot: Ballot) -> Arc<Verified> {
        self.sign(key, Payload::CastBallot(ballot))
    }

    /// An act of the organiser.
    pub(crate) fn act(&self, election: ElectionId, act: Act) -> Arc<Verified> {
        self.sign(&key(200), Payload::Organise(Organise { election, act }))
    }

    pub(crate) fn next_time(&self) -> Timestamp {
        self.state.tip().time.plus_ms(self.pause_ms)
    }

    pub(crate) fn try_one(&self, transaction: &Arc<Verified>) -> Result<(), InvalidTransaction> {
        self.state.execute(self.next_time()).apply(transaction)
    }

    pub(crate) fn build(&self, transactions: &[Arc<Verified>]) -> (VerifiedBlock, Changes) {
        let proposer = self.state.validators().iter().next().unwrap().key;
        let (block, changes, refused) = self.state.build(self.next_time(), proposer, transactions);
        assert!(refused.is_empty(), "{refused:?}");
        (block, changes)
    }

    /// The next block as it travels, before anybody has judged it.
    pub(crate) fn propose(&self, transactions: &[Arc<Verified>]) -> Block {
        self.build(transactions).0.to_block()
    }

    /// Signs and commits a block of these transactions.
    pub(crate) fn decide(&mut self, transactions: &[Arc<Verified>]) {
        let (block, changes) = self.build(transactions);
        assert_eq!(
            self.state.validate(&block).unwrap(),
            changes,
            "builder and judge differ"
        );
        let (header, signers) = (block.header().clone(), self.state.validators().clone());
        let certificate = self.certify(&block);
        if header.next_validators != signers.hash() {
            let validators = changes.registry.next.clone();
            self.handovers.push(SetChange {
                header: header.clone(),
                certificate: certificate.clone(),
                validators,
            });
        }
        self.state.commit(&header, &changes);
        self.blocks.push((block.to_block(), certificate));
    }

    /// Has all validators sign a block of transactions that break the rules, with the state that
    /// follows if nobody minds.
    pub(crate) fn force(&mut self, transactions: &[Arc<Verified>]) {
        let (block, changes) = self.build(&[]);
        let mut header = block.header().clone();
        let ids: Vec<_> = transactions
            .iter()
            .map(|transaction| transaction.id())
            .collect();
        header.transactions_root =
            vote_chain::merkle_root(ids.iter().map(|id| id.as_bytes().as_slice()));
        header.transactions_count = u32::try_from(ids.len()).unwrap();
        header.state_root = self.lawless_root(header.time, transactions);
        let bytes = transactions
            .iter()
            .map(|transaction| serde_bytes::ByteBuf::from(transaction.bytes().to_vec()));
        let forced = Block {
            header: header.clone(),
            transactions: bytes.collect(),
        };
        let verified = VerifiedBlock::read(&self.state.chain(), &encode(&forced)).unwrap();
        let certificate = self.certify(&verified);
        self.state.commit(&header, &changes);
        self.blocks.push((forced, certificate));
    }

    /// Has all validators sign a block of any bytes, whatever they are; the state stays as it is.
    pub(crate) fn force_bytes(&mut self, transactions: &[Vec<u8>]) {
        let (block, changes) = self.build(&[]);
        let mut header = block.header().clone();
        let ids: Vec<_> = transactions
            .iter()
            .map(|bytes| TransactionId::of(bytes))
            .collect();
        header.transactions_root =
            vote_chain::merkle_root(ids.iter().map(|id| id.as_bytes().as_slice()));
        header.transactions_count = u32::try_from(ids.len()).unwrap();
        let certificate = certify_header(&self.state, &header, 9);
        let bytes = transactions
            .iter()
            .map(|bytes| serde_bytes::ByteBuf::from(bytes.clone()));
        self.blocks.push((
            Block {
                header: header.clone(),
                transactions: bytes.collect(),
            },
            certificate,
        ));
        self.state.commit(&header, &changes);
    }

    /// The state root after transactions of which none is refused, as docs/protocol.md has it: so
    /// that an archive of them is refused for the rule that they break, and for nothing else.
    fn lawless_root(&self, time: Timestamp, transactions: &[Arc<Verified>]) -> StateRoot {
        let registry = &self.state.registry();
        let approvals: Vec<_> = registry.approvals.iter().collect();
        let mut leaves = vec![encode(&(
            &registry.after,
            &registry.after,
            approvals,
            registry.changes,
            &registry.organisers,
            &registry.versions,
        ))];
        let mut oldest: Vec<_> = self.state.elections_newest(None).cloned().collect();
        oldest.reverse();
        let created = transactions.iter().filter_map(|t| created(t, time));
        for mut record in oldest.into_iter().chain(created) {
            let id = Some(record.id);
            let of_it = transactions
                .iter()
                .filter(|t| t.content().payload.election() == id);
            of_it.for_each(|transaction| apply_lawlessly(&mut record, transaction, time));
            let (roll, log, board) = (&record.roll, &record.log, &record.board);
            let mut leaf = encode(&(
                record.id,
                record.organiser,
                record.created_at,
                record.opens_at,
                record.closes_at,
                record.cancelled_at,
                roll.voters,
                roll.weight,
                roll.tree.size(),
                roll.tree.root(),
                log.size(),
                log.root(),
                board.size(),
                board.root(),
            ));
            if let Some(committee) = &record.committee {
                // An array of one more.
                leaf[0] += 1;
                leaf.extend(encode(committee));
            }
            leaves.push(leaf);
        }
        let root = vote_chain::merkle_root(leaves.iter().map(Vec::as_slice));
        let sealed = Sha256::new()
            .chain_update([5])
            .chain_update("state")
            .chain_update(encode(&(leaves.len() as u64, root)));
        StateRoot::new(Hash::from_bytes(sealed.finalize().into()))
    }

    pub(crate) fn create(&mut self, election: Election) -> ElectionId {
        let transaction = self.sign(&key(200), Payload::CreateElection(election));
        self.decide(std::slice::from_ref(&transaction));
        ElectionId::new(*transaction.id().hash())
    }

    pub(crate) fn judge(&self, block: &Block) -> Result<Changes, InvalidBlock> {
        let verified = VerifiedBlock::read(&self.state.chain(), &encode(block)).unwrap();
        self.state.validate(&verified)
    }

    /// Precommits for a block by all its validators; or, if they are in a hurry, by no more than it
    /// takes, of whom each block has others.
    fn certify(&self, block: &VerifiedBlock) -> CommitCertificate {
        let mut certificate = certify(&self.state, block, KEYS.iter());
        if self.hurried {
            let set = self.state.validators();
            let turn = usize::try_from(block.header().height.get()).unwrap() % set.count();
            certificate.signatures.rotate_left(turn);
            certificate.signatures.truncate(set.count() * 2 / 3 + 1);
            certificate
                .signatures
                .sort_by_key(|signature| signature.validator);
        }
        certificate
    }

    /// The number of the set that signs a height.
    pub(crate) fn set_number(&self, height: u64) -> usize {
        self.handovers
            .partition_point(|change| change.header.height < Height::new(height))
    }

    /// The steps from a set to that of the block at `height`.
    pub(crate) fn set_changes(&self, from: usize, height: u64) -> Vec<SetChange> {
        let (block, certificate) = &self.blocks[usize::try_from(height).unwrap() - 1];
        let first = &self.state.genesis().validators;
        let trusted = from
            .checked_sub(1)
            .map_or(first, |before| &self.handovers[before].validators);
        let handover = |set: usize| Ok::<_, std::convert::Infallible>(self.handovers[set].clone());
        let to = self.set_number(height);
        vote_chain::set_changes(
            trusted,
            from,
            to,
            Some((&block.header, certificate)),
            handover,
        )
        .unwrap()
    }

    /// The receipt of a transaction of the block at `height`.
    pub(crate) fn receipt(&self, height: u64, index: u32) -> Receipt {
        let (block, certificate) = &self.blocks[usize::try_from(height).unwrap() - 1];
        Receipt {
            genesis: self.state.genesis().as_ref().clone(),
            set_changes: self.set_changes(0, height),
            transaction: block.ids()[usize::try_from(index).unwrap()],
            proof: block.tree().proof(index).unwrap(),
            header: block.header.clone(),
            certificate: certificate.clone(),
        }
    }
}

/// The election that a transaction creates, if it opens at once.
fn created(transaction: &Verified, time: Timestamp) -> Option<ElectionRecord> {
    let Payload::CreateElection(election) = &transaction.content().payload else {
        return None;
    };
    Some(ElectionRecord {
        id: ElectionId::new(*transaction.id().hash()),
        election: Arc::new(election.clone()),
        organiser: transaction.content().signer,
        created_at: time,
        opens_at: Some(time),
        closes_at: None,
        cancelled_at: None,
        roll: RollRecord::default(),
        log: Frontier::default(),
        board: Frontier::default(),
        turnout: Turnout::default(),
        committee: election.committee.clone(),
    })
}

fn apply_lawlessly(record: &mut ElectionRecord, transaction: &Verified, time: Timestamp) {
    let id = transaction.id();
    match &transaction.content().payload {
        Payload::CastBallot(_) => record.board.push(id.as_bytes()),
        Payload::Organise(Organise { act, .. }) => {
            match act {
                Act::Open => record.opens_at = Some(time),
                Act::Close => record.closes_at = Some(time),
                Act::Cancel(_) => record.cancelled_at = Some(time),
                Act::ChangeTimes {
                    opens_at,
                    closes_at,
                    ..
                } => {
                    (record.opens_at, record.closes_at) = (*opens_at, *closes_at);
                }
                Act::AddVoters(add) => {
                    add.iter()
                        .for_each(|voter| record.roll.tree.push(&encode(voter)));
                    count(record, 0, add);
                }
                // Whom the tests take off has one vote.
                Act::ChangeRoll { remove, add, .. } => count(record, remove.len() as u64, add),
                Act::Withdraw(_) | Act::ReplaceOrganiser { .. } => {}
            }
            record.log.push(id.as_bytes());
        }
        Payload::ApproveAct { .. } => record.log.push(id.as_bytes()),
        Payload::CreateElection(_) | Payload::ApproveChange { .. } => {}
    }
}

fn count(record: &mut ElectionRecord, removed: u64, added: &[Voter]) {
    record.roll.voters = record.roll.voters + added.len() as u64 - removed;
    record.roll.weight = record.roll.weight
        + added
            .iter()
            .map(|Voter(_, weight)| u64::from(*weight))
            .sum::<u64>()
        - removed;
}

/// Precommits of those of `keys` that are validators.
pub(crate) fn certify<'a>(
    state: &State,
    block: &VerifiedBlock,
    keys: impl IntoIterator<Item = &'a SecretKey>,
) -> CommitCertificate {
    certify_by(state, block.header(), keys)
}

/// Precommits of the first so many validators for any header.
pub(crate) fn certify_header(state: &State, header: &Header, validators: u8) -> CommitCertificate {
    certify_by(state, header, &KEYS[1..=usize::from(validators)])
}

fn certify_by<'a>(
    state: &State,
    header: &Header,
    keys: impl IntoIterator<Item = &'a SecretKey>,
) -> CommitCertificate {
    let (height, hash) = (header.height, header.hash());
    let precommit = |key: &SecretKey| {
        let (round, kind, value) = (Round::new(0), VoteType::Precommit, NilOrVal::Val(hash));
        let content = vote_content(&Vote {
            height,
            round,
            kind,
            value,
            voter: key.public(),
        });
        CommitSignature {
            validator: key.public(),
            signature: key.sign(Purpose::Vote, &state.chain(), &content),
        }
    };
    let mut signatures: Vec<_> = keys
        .into_iter()
        .filter(|key| state.validators().contains(&key.public()))
        .map(precommit)
        .collect();
    signatures.sort_by_key(|signature| signature.validator);
    CommitCertificate {
        height,
        round: 0,
        block: hash,
        signatures,
    }
}
