//! A chain of some blocks with everything that a ledger can hold, as the writes of a node, and what
//! a reader must find after each.

use std::collections::BTreeSet;
use std::sync::Arc;

use malachite_types::{NilOrVal, Round, VoteType};
use vote_chain::bft::{Vote, vote_content};
use vote_chain::{
    Act, Ballot, Changes, CommitCertificate, CommitSignature, Contest, Election, ElectionId,
    Genesis, Header, Height, Limits, Organise, Organisers, Payload, PublicKey, Purpose, Ranks,
    Rule, SecretKey, Selection, State, Timestamp, Transaction, TransactionId, Validator,
    ValidatorChange, ValidatorSet, VerifiedBlock, Voter, Voters, encode, verify,
};

use super::disk::Disk;
use crate::{StorageError, Store};

pub(crate) fn key(at: u8) -> SecretKey {
    SecretKey::from_seed(&[at; 32])
}

fn validator(at: u8) -> Validator {
    Validator {
        key: key(at).public(),
        name: format!("v{at}"),
        power: 1,
    }
}

pub(crate) fn genesis() -> Genesis {
    Genesis {
        version: vote_chain::Version::NEWEST,
        name: "test".into(),
        time: Timestamp::from_ms(1000),
        validators: ValidatorSet::new(vec![validator(1)]).unwrap(),
        organisers: Organisers::Anyone,
        limits: Limits::default(),
    }
}

/// The next block of one transaction after each of `signed`, certified by all of its validators;
/// nothing is committed.
pub(crate) fn next_block(
    state: &State,
    signed: &[(SecretKey, Payload)],
) -> (VerifiedBlock, CommitCertificate, Changes) {
    let chain = state.chain();
    let verified = |(signer, payload): &(SecretKey, Payload)| {
        Arc::new(
            verify(
                &chain,
                &Transaction::sign(chain, signer, payload.clone()).to_bytes(),
            )
            .unwrap(),
        )
    };
    let transactions: Vec<_> = signed.iter().map(verified).collect();
    let proposer = state.validators().iter().next().unwrap().key;
    let (block, changes, refused) =
        state.build(state.tip().time.plus_ms(1), proposer, &transactions);
    assert!(
        refused.is_empty(),
        "{:?}",
        state
            .execute(state.tip().time.plus_ms(1))
            .apply(&refused[0])
    );
    let certificate = certify(state, block.header());
    (block, certificate, changes)
}

/// The precommits of all validators for a block on top of this state.
pub(crate) fn certify(state: &State, header: &Header) -> CommitCertificate {
    let (height, hash, round) = (header.height, header.hash(), Round::new(0));
    let precommit = |validator: &Validator| {
        let signer = (1..=3)
            .map(key)
            .find(|key| key.public() == validator.key)
            .unwrap();
        let value = NilOrVal::Val(hash);
        let content = vote_content(&Vote {
            height,
            round,
            kind: VoteType::Precommit,
            value,
            voter: validator.key,
        });
        CommitSignature {
            validator: validator.key,
            signature: signer.sign(Purpose::Vote, &state.chain(), &content),
        }
    };
    let signatures = state.validators().iter().map(precommit).collect();
    CommitCertificate {
        height,
        round: 0,
        block: hash,
        signatures,
    }
}

/// What a node asks of its disk.
pub(crate) enum Write {
    Log(Height, &'static [u8]),
    Body(Arc<VerifiedBlock>),
    Commit(
        Arc<VerifiedBlock>,
        CommitCertificate,
        Box<Changes>,
        Vec<Vec<u8>>,
    ),
}

/// The writes, those of one batch together.
pub(crate) struct Script {
    pub(crate) batches: Vec<Vec<Write>>,
    /// The state after all of it.
    pub(crate) state: State,
    /// Any key may vote; with a roll and replacements; called off.
    pub(crate) elections: [ElectionId; 3],
    /// The states before each block.
    before: Vec<State>,
}

fn cast(election: ElectionId, counter: u32, selections: Vec<Selection>) -> Payload {
    Payload::CastBallot(Ballot {
        election,
        counter,
        name: String::new(),
        selections,
    })
}

fn organise(election: ElectionId, act: Act) -> Payload {
    Payload::Organise(Organise { election, act })
}

fn roll(voters: impl IntoIterator<Item = (u8, u32)>) -> Vec<Voter> {
    let mut voters: Vec<_> = voters
        .into_iter()
        .map(|(at, weight)| Voter(key(at).public(), weight))
        .collect();
    voters.sort();
    voters
}

impl Script {
    /// Elections of several kinds, a roll that is changed, ballots that are replaced, acts of each
    /// kind, two changes of the set, evidence, and a height that is open.
    pub(crate) fn whole() -> Self {
        let mut script = Self {
            batches: Vec::new(),
            state: State::new(genesis()),
            elections: [ElectionId::default(); 3],
            before: Vec::new(),
        };
        let (organiser, names) = (key(200), |names: &[&str]| {
            names.iter().map(ToString::to_string).collect::<Vec<_>>()
        });
        let plain = vec![Contest::listed(
            names(&["Soup", "Pasta"]),
            Rule::Plurality,
            1,
        )];
        let plain = Payload::CreateElection(Election::simple("Lunch".into(), plain, 1));
        let contests = vec![
            Contest {
                title: "Board".into(),
                abstention: true,
                ..Contest::listed(names(&["A", "B", "C"]), Rule::Irv, 1)
            },
            Contest {
                title: "Motto".into(),
                ..Contest::write_in()
            },
        ];
        let rolled = Election {
            voters: Voters::WeightedRoll,
            revotes: 2,
            ..Election::simple("Meeting".into(), contests, 2)
        };
        let called_off = Election {
            closes_at: Some(Timestamp::from_ms(9_000)),
            ..Election::simple("Trip".into(), vec![Contest::write_in()], 3)
        };
        let create = |election| (organiser.clone(), Payload::CreateElection(election));
        let created = script.decide(&[
            (organiser.clone(), plain),
            create(rolled),
            create(called_off),
        ]);
        script.elections = created.map(|id| ElectionId::new(*id.hash()));
        let [plain, rolled, called_off] = script.elections;
        let act = |election, act| (organiser.clone(), organise(election, act));
        script.decide::<2>(&[
            act(rolled, Act::AddVoters(roll([(50, 3), (51, 4)]))),
            act(rolled, Act::AddVoters(roll([(52, 5)]))),
        ]);
        let approve = |change: ValidatorChange, changes_before| {
            let signed_at = Timestamp::from_ms(1000);
            Payload::ApproveChange {
                change: change.into(),
                changes_before,
                signed_at,
            }
        };
        let admit = approve(ValidatorChange::Admit(validator(2)), 0);
        script.decide::<3>(&[
            act(rolled, Act::Open),
            act(
                called_off,
                Act::ChangeTimes {
                    opens_at: Some(Timestamp::from_ms(1001)),
                    closes_at: None,
                    reason: "later".into(),
                },
            ),
            (key(1), admit),
        ]);
        let board = |order: &[u16]| Selection::Ranked(Ranks::strict(order.iter().copied()));
        let motto = |words: &str| Selection::WriteIn(words.into());
        script.decide::<4>(&[
            (key(60), cast(plain, 0, vec![Selection::Listed(0)])),
            (key(61), cast(plain, 0, vec![Selection::Listed(1)])),
            (
                key(50),
                cast(rolled, 0, vec![board(&[2, 0]), motto("Onwards")]),
            ),
            (key(62), cast(called_off, 0, vec![motto("Paris")])),
        ]);
        let late = Act::ChangeRoll {
            remove: vec![key(51).public()],
            add: roll([(53, 9)]),
            reason: "ill".into(),
        };
        script.decide::<4>(&[
            (
                key(50),
                cast(rolled, 1, vec![Selection::Abstain, motto("Onwards")]),
            ),
            (
                key(52),
                cast(rolled, 0, vec![board(&[1]), motto("Upwards")]),
            ),
            act(rolled, late),
            act(called_off, Act::Cancel("rain".into())),
        ]);
        script.decide::<0>(&[]);
        let remove = approve(ValidatorChange::Remove(key(1).public()), 1);
        script.decide::<3>(&[
            (key(1), remove.clone()),
            (key(2), remove),
            (key(63), cast(plain, 0, vec![Selection::Listed(1)])),
        ]);
        script.decide::<1>(&[act(rolled, Act::Close)]);
        script.decide::<1>(&[act(plain, Act::Close)]);
        script.open_height();
        script
    }

    /// The writes of a height: two entries of the log and the block, then one entry and the
    /// decision.
    fn decide<const N: usize>(&mut self, signed: &[(SecretKey, Payload)]) -> [TransactionId; N] {
        let (block, certificate, changes) = next_block(&self.state, signed);
        let (height, block) = (block.header().height, Arc::new(block));
        let evidence = if height.get() % 3 == 0 {
            vec![b"two votes".to_vec(), b"two proposals".to_vec()]
        } else {
            Vec::new()
        };
        self.before.push(self.state.clone());
        self.state.commit(block.header(), &changes);
        self.batches.push(vec![
            Write::Log(height, b"one"),
            Write::Log(height, b"two"),
            Write::Body(block.clone()),
        ]);
        let commit = Write::Commit(block.clone(), certificate, Box::new(changes), evidence);
        self.batches
            .push(vec![Write::Log(height, b"three"), commit]);
        let ids: Vec<_> = block
            .transactions()
            .iter()
            .map(|transaction| transaction.id())
            .collect();
        ids.try_into().unwrap()
    }

    /// So many blocks more, with a ballot each, in place of the open height.
    pub(crate) fn vote_on(&mut self, blocks: u64) {
        self.batches.pop();
        let contests = vec![Contest::listed(
            vec!["Yes".into(), "No".into()],
            Rule::YesNo,
            1,
        )];
        let election = Election {
            revotes: 3,
            ..Election::simple("More".into(), contests, 4)
        };
        let [id] = self.decide(&[(key(200), Payload::CreateElection(election))]);
        for number in 0..blocks - 1 {
            let voter = key(50 + u8::try_from(number % 100).unwrap());
            let counter = u32::try_from(number / 100).unwrap();
            let says = vec![Selection::Listed(u16::from(number % 3 == 0))];
            self.decide::<1>(&[(voter, cast(ElectionId::new(*id.hash()), counter, says))]);
        }
        self.open_height();
    }

    /// The state before the last block.
    pub(crate) fn before_last(&self) -> State {
        self.before.last().unwrap().clone()
    }

    /// The transaction at a place of a block.
    pub(crate) fn transaction(&self, height: u64, place: usize) -> TransactionId {
        let of_height = |write: &Write| match write {
            Write::Commit(block, ..) if block.header().height.get() == height => {
                Some(block.transactions()[place].id())
            }
            _ => None,
        };
        self.batches.iter().flatten().find_map(of_height).unwrap()
    }

    fn open_height(&mut self) {
        let (block, ..) = next_block(&self.state, &[]);
        let height = block.header().height;
        self.batches.push(vec![
            Write::Log(height, b"open"),
            Write::Body(Arc::new(block)),
        ]);
    }

    pub(crate) fn run(&self, store: &Store, batch: usize) -> Result<(), StorageError> {
        let mut open = store.begin();
        for write in &self.batches[batch] {
            match write {
                Write::Log(height, entry) => open.append_log(*height, entry),
                Write::Body(block) => open.put_body(block),
                Write::Commit(block, certificate, changes, evidence) => {
                    open.commit_block(block, certificate, changes);
                    evidence
                        .iter()
                        .for_each(|proof| open.put_evidence(block.header().height, proof));
                }
            }
        }
        open.finish()
    }
}

/// Reads everything that a node could be asked for, as one value to compare.
pub(crate) fn seen(disk: &Disk) -> Result<Vec<u8>, StorageError> {
    let (store, loaded) = disk.load()?;
    let state = &loaded.state;
    let bodies: Vec<_> = loaded.bodies.iter().map(|body| encode(&**body)).collect();
    let mut bytes = encode(&(
        store.genesis(),
        state.tip(),
        state.registry(),
        &loaded.log,
        bodies,
    ));
    let keys: Vec<PublicKey> = (1..=210).map(|at| key(at).public()).collect();
    for record in state.elections() {
        let id = record.id;
        let ballots: Vec<_> = keys
            .iter()
            .map(|key| (state.ballot(&id, key), state.weight(&id, key)))
            .collect();
        bytes.extend(encode(&(
            record,
            state.tally(&id),
            state.log(&id).collect::<Vec<_>>(),
            ballots,
            store.heights(&id),
        )));
    }
    let mut height = Height::new(1);
    while let Some((block, certificate)) = store.block(height)? {
        for id in block.ids() {
            let (transaction, place) = (store.transaction(&id)?, store.places(id.as_bytes()));
            bytes.extend(encode(&(
                transaction,
                place,
                store.transactions_with(&id.as_bytes()[..16])?,
            )));
        }
        bytes.extend(encode(&(
            block,
            certificate,
            store.block_bytes(height)?,
            store.set_changes(height)?,
        )));
        height = height.next();
    }
    bytes.extend(encode(&(
        store.evidence()?,
        height,
        store.set_changes(height)?,
    )));
    let all: BTreeSet<_> = store.transactions_with(&[])?.into_iter().collect();
    bytes.extend(encode(&all));
    Ok(bytes)
}
