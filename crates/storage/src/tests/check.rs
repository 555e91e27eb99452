//! Ledgers whose pages are good, and whose rows are not what the blocks say.

use std::num::NonZeroUsize;

use redb::{ReadableTable, WriteTransaction};
use vote_chain::{
    Block, CastRecord, CommitCertificate, CommitSignature, ElectionId, ElectionRecord, Hash, Height, LogEntry,
    Registry, RollPart, Selection, SetChange, StateRoot, Tip, Transaction, TransactionId, decode, encode, merkle_root,
};

use super::disk::Disk;
use super::script::{Script, certify, genesis, key};
use crate::table;
use crate::{Checked, StorageError, Store};

const CORES: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// The file of a script that has been carried out.
fn image(script: &Script) -> Vec<u8> {
    let disk = Disk::default();
    let store = Store::create_on(disk.clone(), &genesis()).unwrap();
    for batch in 0..script.batches.len() {
        script.run(&store, batch).unwrap();
    }
    drop(store);
    disk.bytes()
}

fn check(store: &Store) -> Result<Checked, StorageError> {
    store.check(CORES, |_, _| {})
}

#[test]
fn good_ledger_of_some_hundred_blocks_holds_and_says_what_was_checked() {
    let mut script = Script::whole();
    script.vote_on(300);
    let store = Store::open_on(Disk::with(image(&script))).unwrap();
    let mut heard = Vec::new();
    let checked = store.check(CORES, |done, last| heard.push((done.get(), last.get()))).unwrap();
    let tip = script.state.tip().height;
    assert_eq!((checked.height, tip), (tip, Height::new(309)));
    let transactions: usize =
        (1..=309).map(|at| store.block(Height::new(at)).unwrap().unwrap().0.transactions.len()).sum();
    assert_eq!(checked.transactions, transactions as u64);
    // One validator signs at first and at the end, two in between.
    assert!(checked.signatures >= checked.transactions + 309 && checked.rows > 1200, "{checked:?}");
    assert_eq!(heard.last(), Some(&(309, 309)));
    assert!(store.load().is_ok());
}

/// A change to the rows: of which table, which row, what is said of it, whether a start notices it too, and how it is made.
struct Case {
    table: &'static str,
    row: String,
    says: &'static str,
    at_start: bool,
    change: Box<dyn Fn(&WriteTransaction)>,
}

fn case(
    table: &'static str,
    row: impl Into<String>,
    says: &'static str,
    at_start: bool,
    change: impl Fn(&WriteTransaction) + 'static,
) -> Case {
    Case { table, row: row.into(), says, at_start, change: Box::new(change) }
}

const WRONG: &str = "it is not what follows from the blocks";
const MISSING: &str = "it is missing";
const STRAY: &str = "nothing in the blocks leads to it";

/// Changes the value of a row, which is CBOR of that type.
macro_rules! edit {
    ($table:expr, $key:expr, $type:ty, |$value:ident| $change:expr) => {
        move |write: &WriteTransaction| {
            let mut table = write.open_table($table).unwrap();
            let mut $value: $type = decode(table.get($key).unwrap().unwrap().value()).unwrap();
            $change;
            table.insert($key, encode(&$value).as_slice()).unwrap();
        }
    };
}

macro_rules! put {
    ($table:expr, $key:expr, $value:expr) => {
        move |write: &WriteTransaction| drop(write.open_table($table).unwrap().insert($key, $value).unwrap())
    };
}

macro_rules! cut {
    ($table:expr, $key:expr) => {
        move |write: &WriteTransaction| {
            assert!(write.open_table($table).unwrap().remove($key).unwrap().is_some(), "there is such a row");
        }
    };
}

fn bytes(id: &ElectionId) -> [u8; 32] {
    *id.as_bytes()
}

fn of_meta() -> Vec<Case> {
    vec![
        case("meta", "tip", WRONG, true, edit!(table::META, "tip", Tip, |tip| tip.time = tip.time.plus_ms(1))),
        case(
            "meta",
            "registry",
            WRONG,
            true,
            edit!(table::META, "registry", Registry, |registry| registry.changes += 1),
        ),
        case("meta", "tip", MISSING, true, cut!(table::META, "tip")),
        case("meta", "note", STRAY, false, put!(table::META, "note", b"hello".as_slice())),
    ]
}

fn of_open_height(script: &Script) -> Vec<Case> {
    let open = script.state.tip().height.get() + 1;
    let row = format!("({open}, ");
    vec![
        case("log", format!("({open}, 2)"), "out of order", true, put!(table::LOG, (open, 2), b"x".as_slice())),
        case(
            "log",
            format!("({}, 0)", open + 1),
            "not of the open height",
            true,
            put!(table::LOG, (open + 1, 0), b"x".as_slice()),
        ),
        case("bodies", row, "another block", true, move |write| {
            let body = write.open_table(table::BODIES).unwrap().pop_last().unwrap().unwrap().1.value().to_vec();
            write.open_table(table::BODIES).unwrap().insert((open, [7; 32]), body.as_slice()).unwrap();
        }),
        // Whole, but of a rule that it breaks.
        case("bodies", "", "is not after its parent", false, move |write| {
            let mut table = write.open_table(table::BODIES).unwrap();
            let mut block: Block = decode(table.pop_last().unwrap().unwrap().1.value()).unwrap();
            block.header.time = vote_chain::Timestamp::from_ms(0);
            table.insert((open, *block.header.hash().as_bytes()), encode(&block).as_slice()).unwrap();
        }),
    ]
}

fn of_blocks(script: &Script) -> Vec<Case> {
    let last = script.state.tip().height.get();
    let state = script.before_last();
    vec![
        case("blocks", "4", MISSING, true, cut!(table::BLOCKS, 4)),
        case("blocks", "4", "it is block 5", false, |write| {
            let mut table = write.open_table(table::BLOCKS).unwrap();
            let other = table.get(5).unwrap().unwrap().value().to_vec();
            table.insert(4, other.as_slice()).unwrap();
        }),
        case(
            "blocks",
            "4",
            "not those of its header",
            false,
            edit!(table::BLOCKS, 4, Block, |block| block.transactions[0][40] ^= 1),
        ),
        case("blocks", (last + 1).to_string(), STRAY, true, move |write| {
            let block = write.open_table(table::BLOCKS).unwrap().get(last).unwrap().unwrap().value().to_vec();
            write.open_table(table::BLOCKS).unwrap().insert(last + 1, block.as_slice()).unwrap();
        }),
        // All validators have signed the last block, and its transaction is signed by nobody.
        case(
            "blocks",
            last.to_string(),
            "transaction 0 does not hold: the signature does not verify",
            false,
            move |write| {
                let mut table = write.open_table(table::BLOCKS).unwrap();
                let mut block: Block = decode(table.get(last).unwrap().unwrap().value()).unwrap();
                let mut transaction: Transaction = decode(&block.transactions[0]).unwrap();
                let signature = key(9).sign(vote_chain::Purpose::Transaction, &state.chain(), b"other");
                transaction.signature = signature;
                let (before, forged) = (TransactionId::of(&block.transactions[0]), transaction.to_bytes());
                let id = TransactionId::of(&forged);
                block.transactions[0] = serde_bytes::ByteBuf::from(forged);
                block.header.transactions_root = merkle_root([id.as_bytes().as_slice()]);
                table.insert(last, encode(&block).as_slice()).unwrap();
                let certificate = certify(&state, &block.header);
                write.open_table(table::CERTIFICATES).unwrap().insert(last, encode(&certificate).as_slice()).unwrap();
                let mut index = write.open_table(table::TRANSACTIONS).unwrap();
                index.remove(*before.as_bytes()).unwrap();
                index.insert(*id.as_bytes(), (last, 0)).unwrap();
                let mut meta = write.open_table(table::META).unwrap();
                let mut tip: Tip = decode(meta.get("tip").unwrap().unwrap().value()).unwrap();
                tip.hash = block.header.hash();
                meta.insert("tip", encode(&tip).as_slice()).unwrap();
            },
        ),
        case("certificates", "4", MISSING, true, cut!(table::CERTIFICATES, 4)),
        case(
            "certificates",
            "4",
            "of another block",
            false,
            edit!(table::CERTIFICATES, 4, CommitCertificate, |certificate| certificate.height = Height::new(5)),
        ),
        case(
            "certificates",
            "6",
            "does not verify",
            false,
            edit!(table::CERTIFICATES, 6, CommitCertificate, |certificate| certificate.round = 1),
        ),
        case(
            "certificates",
            "6",
            "more than two thirds are needed",
            false,
            edit!(table::CERTIFICATES, 6, CommitCertificate, |certificate| certificate.signatures.truncate(1)),
        ),
        case(
            "certificates",
            "6",
            "is not a validator",
            false,
            edit!(table::CERTIFICATES, 6, CommitCertificate, |certificate| {
                certificate.signatures.push(CommitSignature {
                    validator: vote_chain::PublicKey::from_bytes([0xff; 32]),
                    ..certificate.signatures[0].clone()
                });
            }),
        ),
    ]
}

fn of_indexes(script: &Script) -> Vec<Case> {
    let id = script.transaction(4, 1);
    let row = format!("{id:.16}");
    let id = *id.as_bytes();
    let [plain, rolled, _] = script.elections;
    vec![
        case("transactions", row.clone(), WRONG, false, put!(table::TRANSACTIONS, id, (4, 2))),
        case("transactions", row.clone(), WRONG, false, put!(table::TRANSACTIONS, id, (5, 1))),
        case("transactions", row.clone(), WRONG, true, put!(table::TRANSACTIONS, id, (99, 1))),
        case("transactions", row, MISSING, false, cut!(table::TRANSACTIONS, id)),
        case("transactions", "0707070707070707", STRAY, false, put!(table::TRANSACTIONS, [7; 32], (4, 1))),
        case(
            "election_blocks",
            format!("({rolled:.16}, 4)"),
            MISSING,
            false,
            cut!(table::ELECTION_BLOCKS, (bytes(&rolled), 4)),
        ),
        case(
            "election_blocks",
            format!("({plain:.16}, 5)"),
            STRAY,
            false,
            put!(table::ELECTION_BLOCKS, (bytes(&plain), 5), ()),
        ),
        case(
            "election_blocks",
            format!("({plain:.16}, 99)"),
            STRAY,
            true,
            put!(table::ELECTION_BLOCKS, (bytes(&plain), 99), ()),
        ),
        case("evidence", "(99, 0)", "it names block 99", true, put!(table::EVIDENCE, (99, 0), b"x".as_slice())),
    ]
}

fn of_elections(script: &Script) -> Vec<Case> {
    let [plain, rolled, called_off] = script.elections;
    let row = |id: ElectionId| format!("{id:.16}");
    let act = |id: ElectionId, place: u64| format!("({id:.16}, {place})");
    vec![
        case(
            "elections",
            row(plain),
            WRONG,
            true,
            edit!(table::ELECTIONS, bytes(&plain), ElectionRecord, |record| record.turnout.ballots += 1),
        ),
        case(
            "elections",
            row(plain),
            WRONG,
            true,
            edit!(table::ELECTIONS, bytes(&plain), ElectionRecord, |record| record.closes_at = None),
        ),
        // The root has not the text, but the hash of the transaction that it came in.
        case(
            "elections",
            row(plain),
            WRONG,
            false,
            edit!(table::ELECTIONS, bytes(&plain), ElectionRecord, |record| {
                let mut text = (*record.election).clone();
                text.title = "Dinner".into();
                record.election = text.into();
            }),
        ),
        case("elections", row(plain), MISSING, true, cut!(table::ELECTIONS, bytes(&plain))),
        case("elections", "0707070707070707", STRAY, true, move |write| {
            let mut table = write.open_table(table::ELECTIONS).unwrap();
            let record = table.get(bytes(&plain)).unwrap().unwrap().value().to_vec();
            table.insert([7; 32], record.as_slice()).unwrap();
        }),
        case(
            "acts",
            act(called_off, 0),
            WRONG,
            false,
            edit!(table::ACTS, (bytes(&called_off), 0), LogEntry, |entry| entry.height = Height::new(2)),
        ),
        case(
            "acts",
            act(rolled, 1),
            WRONG,
            true,
            edit!(table::ACTS, (bytes(&rolled), 1), LogEntry, |entry| entry.transaction = TransactionId::default()),
        ),
        case("acts", act(rolled, 1), MISSING, true, cut!(table::ACTS, (bytes(&rolled), 1))),
        case("acts", act(rolled, 5), STRAY, true, move |write| {
            let mut table = write.open_table(table::ACTS).unwrap();
            let mut entry: LogEntry = decode(table.get((bytes(&rolled), 2)).unwrap().unwrap().value()).unwrap();
            entry.transaction = TransactionId::default();
            table.insert((bytes(&rolled), 5), encode(&entry).as_slice()).unwrap();
        }),
        case(
            "rolls",
            act(rolled, 1),
            WRONG,
            true,
            edit!(table::ROLLS, (bytes(&rolled), 1), RollPart, |part| part.add[0].0 = key(77).public()),
        ),
        case(
            "rolls",
            act(rolled, 1),
            WRONG,
            true,
            edit!(table::ROLLS, (bytes(&rolled), 1), RollPart, |part| part.add[0].1 += 1),
        ),
        case(
            "rolls",
            act(rolled, 3),
            WRONG,
            true,
            edit!(table::ROLLS, (bytes(&rolled), 3), RollPart, |part| part.remove.clear()),
        ),
        case("rolls", act(rolled, 1), MISSING, true, cut!(table::ROLLS, (bytes(&rolled), 1))),
        case(
            "rolls",
            act(rolled, 2),
            STRAY,
            true,
            put!(
                table::ROLLS,
                (bytes(&rolled), 2),
                encode(&RollPart { base: true, remove: vec![], add: vec![] }).as_slice()
            ),
        ),
    ]
}

/// The key of the votes for a choice.
fn said(place: u16) -> Vec<u8> {
    encode(&Selection::Listed(place))
}

fn of_ballots(script: &Script) -> Vec<Case> {
    let [plain, rolled, _] = script.elections;
    let row = |id: ElectionId, voter: u8| format!("({id:.16}, {:.16})", key(voter).public());
    let at = |id: ElectionId, voter: u8| (bytes(&id), *key(voter).public().as_bytes());
    let votes = |id: ElectionId, says: &str| format!("({id:.16}, 0, {says}");
    vec![
        // A voter that has lost a bit could vote again; the start sees it only where there is a roll.
        case("ballots", row(plain, 60), MISSING, false, move |write| {
            let mut table = write.open_table(table::BALLOTS).unwrap();
            let record = table.remove(at(plain, 60)).unwrap().unwrap().value().to_vec();
            table.insert(at(plain, 99), record.as_slice()).unwrap();
        }),
        case("ballots", row(rolled, 50), MISSING, true, move |write| {
            let mut table = write.open_table(table::BALLOTS).unwrap();
            let record = table.remove(at(rolled, 50)).unwrap().unwrap().value().to_vec();
            table.insert(at(rolled, 99), record.as_slice()).unwrap();
        }),
        case(
            "ballots",
            row(plain, 60),
            WRONG,
            true,
            edit!(table::BALLOTS, at(plain, 60), CastRecord, |ballot| ballot.transaction = TransactionId::default()),
        ),
        case(
            "ballots",
            row(plain, 60),
            WRONG,
            true,
            edit!(table::BALLOTS, at(plain, 60), CastRecord, |ballot| ballot.height = Height::new(99)),
        ),
        case(
            "ballots",
            row(rolled, 50),
            WRONG,
            true,
            edit!(table::BALLOTS, at(rolled, 50), CastRecord, |ballot| ballot.counter = 0),
        ),
        case(
            "ballots",
            row(rolled, 50),
            WRONG,
            true,
            edit!(table::BALLOTS, at(rolled, 50), CastRecord, |ballot| ballot.selections = None),
        ),
        case("ballots", row(plain, 60), MISSING, true, cut!(table::BALLOTS, at(plain, 60))),
        case("ballots", row(plain, 99), STRAY, true, move |write| {
            let mut table = write.open_table(table::BALLOTS).unwrap();
            let record = table.get(at(plain, 60)).unwrap().unwrap().value().to_vec();
            table.insert(at(plain, 99), record.as_slice()).unwrap();
        }),
        case("counts", votes(plain, "Listed(0)"), WRONG, true, move |write| {
            write.open_table(table::COUNTS).unwrap().insert((bytes(&plain), 0, said(0).as_slice()), 1001).unwrap();
        }),
        // As many votes as before, for the other choice.
        case("counts", votes(plain, "Listed(0)"), WRONG, false, move |write| {
            let mut table = write.open_table(table::COUNTS).unwrap();
            table.insert((bytes(&plain), 0, said(0).as_slice()), 2).unwrap();
            table.insert((bytes(&plain), 0, said(1).as_slice()), 1).unwrap();
        }),
        // The same where the ballots' rows have what they say.
        case("counts", votes(rolled, "Ranked([[1]])"), WRONG, true, move |write| {
            let mut table = write.open_table(table::COUNTS).unwrap();
            let rows = table.range((bytes(&rolled), 0, [].as_slice())..(bytes(&rolled), 1, [].as_slice())).unwrap();
            let rows: Vec<_> =
                rows.map(|row| row.map(|(key, votes)| (key.value().2.to_vec(), votes.value())).unwrap()).collect();
            let [(one, first), (other, second)] = &rows[..] else { panic!("{rows:?}") };
            table.insert((bytes(&rolled), 0, one.as_slice()), second).unwrap();
            table.insert((bytes(&rolled), 0, other.as_slice()), first).unwrap();
        }),
        case("counts", votes(plain, "Listed(1)"), MISSING, true, move |write| {
            assert!(
                write
                    .open_table(table::COUNTS)
                    .unwrap()
                    .remove((bytes(&plain), 0, said(1).as_slice()))
                    .unwrap()
                    .is_some()
            );
        }),
        // No ballot can say so: a count of it would not end well.
        case("counts", "", STRAY, true, move |write| {
            let mut table = write.open_table(table::COUNTS).unwrap();
            table.insert((bytes(&plain), 0, said(9).as_slice()), 1).unwrap();
        }),
        case("counts", "", STRAY, true, move |write| {
            let mut table = write.open_table(table::COUNTS).unwrap();
            table.insert((bytes(&plain), 1, said(1).as_slice()), 1).unwrap();
        }),
        case("counts", "", STRAY, true, move |write| {
            let mut table = write.open_table(table::COUNTS).unwrap();
            table.insert(([7; 32], 0, said(0).as_slice()), 1).unwrap();
        }),
    ]
}

fn of_sets() -> Vec<Case> {
    let changes = [4, 8];
    let [first, second] = changes;
    vec![
        case(
            "set_changes",
            first.to_string(),
            WRONG,
            false,
            edit!(table::SET_CHANGES, first, SetChange, |change| change.certificate.round = 1),
        ),
        case("set_changes", first.to_string(), WRONG, true, move |write| {
            let mut table = write.open_table(table::SET_CHANGES).unwrap();
            let other: SetChange = decode(table.get(second).unwrap().unwrap().value()).unwrap();
            let mut change: SetChange = decode(table.get(first).unwrap().unwrap().value()).unwrap();
            change.validators = other.validators;
            table.insert(first, encode(&change).as_slice()).unwrap();
        }),
        case("set_changes", first.to_string(), MISSING, false, cut!(table::SET_CHANGES, first)),
        case("set_changes", second.to_string(), MISSING, true, cut!(table::SET_CHANGES, second)),
        case("set_changes", "5", STRAY, true, move |write| {
            let mut table = write.open_table(table::SET_CHANGES).unwrap();
            let change = table.get(first).unwrap().unwrap().value().to_vec();
            table.insert(5, change.as_slice()).unwrap();
        }),
    ]
}

#[test]
fn each_table_with_one_row_changed_is_refused_by_table_and_row_and_so_is_a_start_as_far_as_it_can_tell() {
    let script = Script::whole();
    let image = image(&script);
    let mut cases = of_meta();
    cases.extend(of_open_height(&script));
    cases.extend(of_blocks(&script));
    cases.extend(of_indexes(&script));
    cases.extend(of_elections(&script));
    cases.extend(of_ballots(&script));
    cases.extend(of_sets());
    for Case { table, row, says, at_start, change } in cases {
        let store = Store::open_on(Disk::with(image.clone())).unwrap();
        let write = store.database.begin_write().unwrap();
        change(&write);
        write.commit().unwrap();
        let words = match check(&store) {
            Err(StorageError::Damaged { what, .. }) => what,
            other => panic!("{table} {row}: {other:?}"),
        };
        assert!(
            words.starts_with(&format!("{table}, row {row}")) && words.contains(says),
            "{table} {row} {says}: {words}"
        );
        let started = store.load();
        assert_eq!(
            started.is_err(),
            at_start,
            "{table} {row} {says}: {:?}",
            started.map(|loaded| loaded.state.tip().height)
        );
    }
}

#[test]
fn empty_ledger_begins_where_its_chain_does() {
    let disk = Disk::default();
    drop(Store::create_on(disk.clone(), &genesis()).unwrap());
    let image = disk.bytes();
    for change in
        [|tip: &mut Tip| tip.time = tip.time.plus_ms(1), |tip: &mut Tip| tip.state_root = StateRoot::default()]
    {
        let store = Store::open_on(Disk::with(image.clone())).unwrap();
        assert_eq!(store.load().unwrap().state.tip().height, Height::GENESIS);
        let write = store.database.begin_write().unwrap();
        edit!(table::META, "tip", Tip, |tip| change(&mut tip))(&write);
        write.commit().unwrap();
        assert!(matches!(store.load(), Err(StorageError::Damaged { what, .. }) if what.contains("meta, row tip")));
    }
}

/// Whatever a node is asked for while it runs, a row that does not fit is an error that names it, and never *not there*.
#[test]
fn rows_that_do_not_fit_are_errors_when_they_are_read() {
    let script = Script::whole();
    let image = image(&script);
    let id = script.transaction(4, 1);
    let [plain, ..] = script.elections;
    type Change = Box<dyn Fn(&WriteTransaction)>;
    type Ask = fn(&Store, TransactionId, ElectionId) -> Result<bool, StorageError>;
    let block: Ask = |store, _, _| store.block(Height::new(4)).map(|found| found.is_some());
    let bytes_of: Ask = |store, _, _| store.block_bytes(Height::new(4)).map(|found| found.is_some());
    let transaction: Ask = |store, id, _| store.transaction_bytes(&id).map(|found| found.is_some());
    let place: Ask = |store, id, _| store.transaction(&id).map(|found| found.is_some());
    let heights: Ask = |store, _, election| store.heights(&election).map(|found| !found.is_empty());
    let sets: Ask = |store, _, _| store.set_changes(Height::new(9)).map(|found| found.len() == 2);
    let evidence: Ask = |store, _, _| store.evidence().map(|found| !found.is_empty());
    let garbage = || b"garbage".as_slice();
    let index = *id.as_bytes();
    let cases: Vec<(&str, Vec<Ask>, Change)> = vec![
        ("blocks, row 4: it is missing", vec![block, bytes_of, transaction], Box::new(cut!(table::BLOCKS, 4))),
        (
            "certificates, row 4: it is missing",
            vec![block, bytes_of, transaction],
            Box::new(cut!(table::CERTIFICATES, 4)),
        ),
        (
            "blocks, row 4: not a valid encoding",
            vec![block, bytes_of, transaction],
            Box::new(put!(table::BLOCKS, 4, garbage())),
        ),
        (
            "certificates, row 4: not a valid encoding",
            vec![block, bytes_of],
            Box::new(put!(table::CERTIFICATES, 4, garbage())),
        ),
        (
            "blocks, row 4: the transactions are not those",
            vec![block, bytes_of, transaction],
            Box::new(edit!(table::BLOCKS, 4, Block, |block| block.transactions.swap(0, 1))),
        ),
        (
            "certificates, row 4: it is of another block",
            vec![block],
            Box::new(edit!(table::CERTIFICATES, 4, CommitCertificate, |proof| proof.block = Default::default())),
        ),
        ("another is at place 2 of block 4", vec![transaction], Box::new(put!(table::TRANSACTIONS, index, (4, 2)))),
        ("another is at place 7 of block 4", vec![transaction], Box::new(put!(table::TRANSACTIONS, index, (4, 7)))),
        ("it names block 99", vec![transaction, place], Box::new(put!(table::TRANSACTIONS, index, (99, 0)))),
        ("it names block 0", vec![transaction, place], Box::new(put!(table::TRANSACTIONS, index, (0, 0)))),
        ("it names block 99", vec![heights], Box::new(put!(table::ELECTION_BLOCKS, (bytes(&plain), 99), ()))),
        ("set_changes, row 4: not a valid encoding", vec![sets], Box::new(put!(table::SET_CHANGES, 4, garbage()))),
        (
            "set_changes, row 4: its certificate is of another block",
            vec![sets],
            Box::new(edit!(table::SET_CHANGES, 4, SetChange, |change| change.header.transactions_count += 1)),
        ),
        ("it names block 99", vec![evidence], Box::new(put!(table::EVIDENCE, (99, 0), garbage()))),
        ("meta, row tip: it is missing", vec![place, heights], Box::new(cut!(table::META, "tip"))),
    ];
    for (words, asks, change) in cases {
        for ask in asks {
            let store = Store::open_on(Disk::with(image.clone())).unwrap();
            assert!(ask(&store, id, plain).unwrap(), "it is there before");
            let write = store.database.begin_write().unwrap();
            change(&write);
            write.commit().unwrap();
            match ask(&store, id, plain) {
                Err(StorageError::Damaged { what, .. }) => assert!(what.contains(words), "{words}: {what}"),
                other => panic!("{words}: {other:?}"),
            }
        }
    }
    let store = Store::open_on(Disk::with(image)).unwrap();
    assert!(store.block(Height::new(10)).unwrap().is_none() && store.block(Height::GENESIS).unwrap().is_none());
    assert!(store.transaction_bytes(&TransactionId::new(Hash::default())).unwrap().is_none());
}
