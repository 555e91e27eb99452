//! What a node finds after a restart, and in a file that is damaged; in `faults` and `damage`,
//! wherever a disk fails or a file is changed.

mod check;
mod damage;
mod disk;
mod faults;
mod script;
mod wal;

use std::path::Path;

use vote_chain::{
    Act, Ballot, Changes, CommitCertificate, Contest, Election, ElectionId, Height, Move, Organise,
    Payload, Rule, SecretKey, Selection, State, Timestamp, VerifiedBlock, Version, VersionChange,
    Voter, Voters,
};

use self::disk::CORES;
use self::script::{genesis, key, next_block};
use crate::table::FORMAT;
use crate::{Loaded, StorageError, Store, Unread};

fn create(dir: &Path) -> Store {
    Unread::create(dir, &genesis())
        .unwrap()
        .load(CORES)
        .unwrap()
        .0
}

fn load(dir: &Path) -> (Store, Loaded) {
    Unread::open(dir).unwrap().unwrap().load(CORES).unwrap()
}

/// A node's steps: for each block, what it logs before, and then the block itself.
struct Chain {
    state: State,
    election: ElectionId,
}

impl Chain {
    fn new() -> Self {
        Self {
            state: State::new(genesis()),
            election: ElectionId::default(),
        }
    }

    fn next(&mut self) -> (VerifiedBlock, CommitCertificate, Changes) {
        let height = self.state.tip().height.next();
        let signer = key(u8::try_from(height.get()).unwrap() + 100);
        let payload = if height.get() == 1 {
            let choices = vec!["Soup".into(), "Pasta".into()];
            let contests = vec![Contest::listed(choices, Rule::Plurality, 1)];
            Payload::CreateElection(Election {
                revotes: 1,
                ..Election::simple("Lunch".into(), contests, 0)
            })
        } else {
            Payload::CastBallot(Ballot::plain(self.election, Selection::Listed(1)))
        };
        let decided = self.decide(&signer, payload);
        if height.get() == 1 {
            self.election = ElectionId::new(*decided.0.transactions()[0].id().hash());
        }
        decided
    }

    /// A block of one transaction.
    fn decide(
        &mut self,
        signer: &SecretKey,
        payload: Payload,
    ) -> (VerifiedBlock, CommitCertificate, Changes) {
        let (block, certificate, changes) = next_block(&self.state, &[(signer.clone(), payload)]);
        self.state.commit(block.header(), &changes);
        (block, certificate, changes)
    }

    /// Two log entries and a body in one batch, then the decision in another.
    fn step(&mut self, store: &Store) -> Result<(), StorageError> {
        let (block, certificate, changes) = self.next();
        let height = block.header().height;
        let mut batch = store.begin();
        batch.append_log(height, b"one");
        batch.append_log(height, b"two");
        batch.put_body(&block);
        batch.finish()?;
        let mut batch = store.begin();
        batch.append_log(height, b"three");
        batch.commit_block(&block, &certificate, &changes);
        batch.put_evidence(height, b"proof");
        batch.finish()
    }
}

#[test]
fn what_is_finished_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Unread::open(dir.path()).unwrap().is_none());
    let mut chain = Chain::new();
    let store = create(dir.path());
    for _ in 0..5 {
        chain.step(&store).unwrap();
    }
    let mut batch = store.begin();
    batch.append_log(Height::new(6), b"open");
    batch.finish().unwrap();
    drop(store);
    let (store, loaded) = load(dir.path());
    assert_eq!(loaded.state.tip(), chain.state.tip());
    assert_eq!(
        loaded.state.tally(&chain.election),
        chain.state.tally(&chain.election)
    );
    assert_eq!(
        loaded.state.tally(&chain.election).unwrap().turnout.ballots,
        4
    );
    assert_eq!(
        (loaded.log, loaded.bodies.len()),
        (vec![b"open".to_vec()], 0),
        "logs of decided heights are gone"
    );
    let (block, certificate) = store.block(Height::new(3)).unwrap().unwrap();
    let set = &genesis().validators;
    assert_eq!(
        certificate.verify(
            &genesis().chain(),
            Height::new(3),
            &block.header.hash(),
            set
        ),
        Ok(())
    );
    assert_eq!(
        store.places(block.ids()[0].as_bytes()),
        [(Height::new(3), 0)]
    );
    assert_eq!(store.evidence().unwrap().len(), 5);
}

#[test]
fn roll_log_and_replaced_ballots_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut chain, store) = (Chain::new(), create(dir.path()));
    let contests = vec![Contest::listed(
        vec!["Soup".into(), "Pasta".into()],
        Rule::Plurality,
        1,
    )];
    let election = Election {
        voters: Voters::WeightedRoll,
        revotes: 1,
        ..Election::simple("Lunch".into(), contests, 0)
    };
    let (organiser, voter) = (key(200), key(50));
    let mut run = |signer: &SecretKey, payload| {
        let (block, certificate, changes) = chain.decide(signer, payload);
        let mut batch = store.begin();
        batch.commit_block(&block, &certificate, &changes);
        batch.finish().unwrap();
        block
    };
    let created = run(&organiser, Payload::CreateElection(election));
    let id = ElectionId::new(*created.transactions()[0].id().hash());
    let act = |act| Payload::Organise(Organise { election: id, act });
    let add = |at: u8, weight| Act::AddVoters(vec![Voter(key(at).public(), weight)]);
    run(&organiser, act(add(50, 3)));
    run(&organiser, act(add(51, 4)));
    run(&organiser, act(Act::Open));
    let remove = vec![key(51).public()];
    run(
        &organiser,
        act(Act::ChangeRoll {
            remove,
            add: vec![Voter(key(52).public(), 9)],
            reason: "late".into(),
        }),
    );
    for (counter, place) in [(0, 0), (1, 1)] {
        run(
            &voter,
            Payload::CastBallot(Ballot {
                counter,
                ..Ballot::plain(id, Selection::Listed(place))
            }),
        );
    }
    drop(store);
    let (store, Loaded { state: loaded, .. }) = load(dir.path());
    assert_eq!(
        (loaded.tally(&id), loaded.tip()),
        (chain.state.tally(&id), chain.state.tip())
    );
    let votes: Vec<_> = loaded.tally(&id).unwrap().contests[0]
        .lines
        .iter()
        .map(|line| line.votes)
        .collect();
    assert_eq!(votes, [3, 0], "the replaced ballot does not count");
    assert!(loaded.log(&id).eq(chain.state.log(&id)) && loaded.log(&id).count() == 4);
    let weights = [50, 51, 52].map(|at| loaded.weight(&id, &key(at).public()));
    assert_eq!(weights, [Some(3), None, Some(9)]);
    assert_eq!(store.heights(&id).len(), 7);
    let ballot = loaded.ballot(&id, &voter.public()).unwrap().transaction;
    assert_eq!(
        store.transactions_with(&ballot.as_bytes()[..16]).unwrap(),
        [ballot]
    );
    assert_eq!(
        store.transactions_with(&[]).unwrap().len(),
        2,
        "too little to say which"
    );
}

#[test]
fn ledger_is_never_replaced_and_never_opened_twice() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    assert!(matches!(
        Unread::create(dir.path(), &genesis()),
        Err(StorageError::Exists(_))
    ));
    assert!(matches!(
        Unread::open(dir.path()),
        Err(StorageError::InUse(_))
    ));
    drop(store);
    assert!(Unread::open(dir.path()).unwrap().is_some());
}

#[test]
fn file_left_by_a_crash_while_creating_is_discarded() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ledger.unfinished"), b"half a database").unwrap();
    assert!(Unread::open(dir.path()).unwrap().is_none());
    create(dir.path());
    assert!(Unread::open(dir.path()).unwrap().is_some());
}

fn damage(dir: &Path, change: impl Fn(&mut Vec<u8>)) -> Result<Option<State>, StorageError> {
    let path = dir.join("ledger.redb");
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    let opened = Unread::open(dir).and_then(|ledger| {
        ledger
            .map(|found| Ok(found.load(CORES)?.1.state))
            .transpose()
    });
    std::fs::write(&path, whole).unwrap();
    opened
}

#[test]
fn damaged_file_is_refused_with_what_to_do_and_never_believed() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new();
    let store = create(dir.path());
    for _ in 0..3 {
        chain.step(&store).unwrap();
    }
    drop(store);
    for garbage in [Vec::new(), b"no database".to_vec(), vec![0; 1 << 16]] {
        let error = damage(dir.path(), |bytes| bytes.clone_from(&garbage)).unwrap_err();
        assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
        assert!(
            error.to_string().contains("move the ledger away"),
            "{error}"
        );
    }
    let length = std::fs::metadata(dir.path().join("ledger.redb"))
        .unwrap()
        .len();
    let cut = damage(dir.path(), |bytes| {
        bytes.truncate(usize::try_from(length / 2).unwrap())
    });
    assert!(cut.is_err());
}

#[test]
fn ledger_of_another_format_is_refused_by_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let store = create(dir.path());
    let write = store.database.begin_write().unwrap();
    write
        .open_table(crate::table::META)
        .unwrap()
        .insert("format", 9u64.to_le_bytes().as_slice())
        .unwrap();
    write.commit().unwrap();
    drop(store);
    assert!(matches!(
        Unread::open(dir.path()),
        Err(StorageError::Format {
            found: 9,
            wanted: FORMAT,
            ..
        })
    ));
}

/// What a newer program has written is no damage, whether this one can read its blocks or not.
#[test]
fn ledger_that_goes_by_a_later_protocol_version_is_called_that_and_not_damaged() {
    let later = Version::new(Version::NEWEST.get() + 1);
    let from = Height::new(2);
    let plan = VersionChange::Plan(Move { to: later, from });
    let approval = Payload::ApproveChange {
        change: plan.into(),
        changes_before: 0,
        signed_at: Timestamp::from_ms(1000),
    };
    for readable in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = create(dir.path());
        let mut chain = Chain::new();
        for signed in [vec![(key(1), approval.clone())], Vec::new()] {
            let (block, certificate, changes) = next_block(&chain.state, &signed);
            chain.state.commit(block.header(), &changes);
            let mut batch = store.begin();
            batch.commit_block(&block, &certificate, &changes);
            batch.finish().unwrap();
        }
        if !readable {
            let write = store.database.begin_write().unwrap();
            let mut blocks = write.open_table(crate::table::BLOCKS).unwrap();
            blocks.insert(2, b"of a later version".as_slice()).unwrap();
            drop(blocks);
            write.commit().unwrap();
        }
        drop(store);
        let found = Unread::open(dir.path()).unwrap().unwrap().load(CORES);
        let Err(StorageError::NewProtocol {
            from: at, version, ..
        }) = found
        else {
            panic!("readable: {readable}; {:?}", found.err());
        };
        assert_eq!((at, version), (from, later));
    }
}
