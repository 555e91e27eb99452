//! Ledgers whose pages are good, and whose rows are not what the blocks say.

use redb::{ReadableTable, WriteTransaction};
use serde_bytes::ByteBuf;
use vote_chain::{
    Block, CommitCertificate, CommitSignature, Hash, Height, PublicKey, Purpose, SetChange,
    StateRoot, Transaction, TransactionId, VerifiedBlock, decode, encode, merkle_root,
};

use super::disk::{CORES, Disk, Files};
use super::script::{Script, certify, key};
use crate::table;
use crate::{Checked, StorageError, Store, Unread};

/// The files of a script that has been carried out.
fn image(script: &Script) -> Files {
    let disk = Disk::default();
    let (store, _) = disk.create().unwrap().load(CORES).unwrap();
    for batch in 0..script.batches.len() {
        script.run(&store, batch).unwrap();
    }
    drop(store);
    disk.files()
}

fn check(ledger: Unread) -> Result<Checked, StorageError> {
    ledger.check(CORES, |_, _| {})
}

#[test]
fn good_ledger_of_some_hundred_blocks_holds_and_says_what_was_checked() {
    let mut script = Script::whole();
    script.vote_on(300);
    let disk = Disk::with(image(&script));
    let mut heard = Vec::new();
    let checked = disk
        .open()
        .unwrap()
        .check(CORES, |done, last| heard.push((done.get(), last.get())))
        .unwrap();
    let tip = script.state.tip().height;
    assert_eq!((checked.height, tip), (tip, Height::new(309)));
    let (store, loaded) = disk.load().unwrap();
    assert_eq!(loaded.state.tip(), script.state.tip());
    let transactions: usize = (1..=309)
        .map(|at| {
            store
                .block(Height::new(at))
                .unwrap()
                .unwrap()
                .0
                .transactions
                .len()
        })
        .sum();
    assert_eq!(checked.transactions, transactions as u64);
    // One validator signs at first and at the end, two in between.
    assert!(
        checked.signatures >= checked.transactions + 309 && checked.rows > 310,
        "{checked:?}"
    );
    assert_eq!(heard.last(), Some(&(309, 309)));
}

/// A change to the rows: of which table, which row, what is said of it, whether a start notices it
/// too, and how it is made.
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
    Case {
        table,
        row: row.into(),
        says,
        at_start,
        change: Box::new(change),
    }
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
        move |write: &WriteTransaction| {
            drop(
                write
                    .open_table($table)
                    .unwrap()
                    .insert($key, $value)
                    .unwrap(),
            )
        }
    };
}

macro_rules! cut {
    ($table:expr, $key:expr) => {
        move |write: &WriteTransaction| {
            assert!(
                write
                    .open_table($table)
                    .unwrap()
                    .remove($key)
                    .unwrap()
                    .is_some(),
                "there is such a row"
            );
        }
    };
}

/// What the row of a block holds.
type Row = (ByteBuf, CommitCertificate);

/// Changes the block of a row, and nothing else.
fn rewrite(row: &mut Row, change: impl FnOnce(&mut Block)) {
    let mut block: Block = decode(&row.0).unwrap();
    change(&mut block);
    row.0 = ByteBuf::from(encode(&block));
}

fn of_blocks(script: &Script) -> Vec<Case> {
    let last = script.state.tip().height.get();
    let state = script.before_last();
    let resigned = state.clone();
    vec![
        case(
            "meta",
            "note",
            STRAY,
            false,
            put!(table::META, "note", b"hello".as_slice()),
        ),
        case("blocks", "4", MISSING, true, move |write| {
            // As many as before, and one of them before the first.
            let mut table = write.open_table(table::BLOCKS).unwrap();
            let row = table.remove(4).unwrap().unwrap().value().to_vec();
            table.insert(0, row.as_slice()).unwrap();
        }),
        case("blocks", "4", "it is block 5", true, |write| {
            let mut table = write.open_table(table::BLOCKS).unwrap();
            let other = table.get(5).unwrap().unwrap().value().to_vec();
            table.insert(4, other.as_slice()).unwrap();
        }),
        case(
            "blocks",
            "4",
            "not those of its header",
            true,
            edit!(table::BLOCKS, 4, Row, |row| rewrite(&mut row, |block| {
                block.transactions[0][40] ^= 1
            })),
        ),
        case(
            "blocks",
            (last + 1).to_string(),
            "it is block",
            true,
            move |write| {
                let block = write
                    .open_table(table::BLOCKS)
                    .unwrap()
                    .get(last)
                    .unwrap()
                    .unwrap()
                    .value()
                    .to_vec();
                write
                    .open_table(table::BLOCKS)
                    .unwrap()
                    .insert(last + 1, block.as_slice())
                    .unwrap();
            },
        ),
        // Whole, with a certificate that names it; but the next block has another parent.
        case(
            "blocks",
            "5",
            "is not the hash of the last block",
            true,
            edit!(table::BLOCKS, 4, Row, |row| {
                rewrite(&mut row, |block| {
                    block.header.time = block.header.time.plus_ms(1)
                });
                let block: Block = decode(&row.0).unwrap();
                row.1.block = block.header.hash();
            }),
        ),
        // All validators have signed the last block, and its transaction is signed by nobody: no
        // honest node has written that.
        case(
            "blocks",
            last.to_string(),
            "transaction 0 does not hold: the signature does not verify",
            true,
            edit!(table::BLOCKS, last, Row, |row| {
                rewrite(&mut row, |block| {
                    let mut transaction: Transaction = decode(&block.transactions[0]).unwrap();
                    transaction.signature =
                        key(9).sign(Purpose::Transaction, &state.chain(), b"other");
                    let forged = transaction.to_bytes();
                    block.header.transactions_root =
                        merkle_root([TransactionId::of(&forged).as_bytes().as_slice()]);
                    block.transactions[0] = ByteBuf::from(forged);
                });
                let block: Block = decode(&row.0).unwrap();
                row.1 = certify(&state, &block.header);
            }),
        ),
        // They have signed a state that does not follow.
        case(
            "blocks",
            last.to_string(),
            "state root",
            true,
            edit!(table::BLOCKS, last, Row, |row| {
                rewrite(&mut row, |block| {
                    block.header.state_root = StateRoot::default()
                });
                let block: Block = decode(&row.0).unwrap();
                row.1 = certify(&resigned, &block.header);
            }),
        ),
        case(
            "blocks",
            "4",
            "its certificate is of another block",
            true,
            edit!(table::BLOCKS, 4, Row, |row| row.1.height = Height::new(5)),
        ),
        case(
            "blocks",
            "6",
            "does not verify",
            false,
            edit!(table::BLOCKS, 6, Row, |row| row.1.round = 1),
        ),
        case(
            "blocks",
            last.to_string(),
            "does not verify",
            true,
            edit!(table::BLOCKS, last, Row, |row| row.1.round = 1),
        ),
        case(
            "blocks",
            "6",
            "more than two thirds are needed",
            false,
            edit!(table::BLOCKS, 6, Row, |row| row.1.signatures.truncate(1)),
        ),
        case(
            "blocks",
            "6",
            "is not a validator",
            false,
            edit!(table::BLOCKS, 6, Row, |row| {
                let stranger = PublicKey::from_bytes([0xff; 32]);
                let signature = CommitSignature {
                    validator: stranger,
                    ..row.1.signatures[0].clone()
                };
                row.1.signatures.push(signature);
            }),
        ),
        case(
            "evidence",
            "(99, 0)",
            "it names block 99",
            false,
            put!(table::EVIDENCE, (99, 0), b"x".as_slice()),
        ),
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
            true,
            edit!(table::SET_CHANGES, first, SetChange, |change| change
                .certificate
                .round =
                1),
        ),
        case(
            "set_changes",
            first.to_string(),
            WRONG,
            true,
            move |write| {
                let mut table = write.open_table(table::SET_CHANGES).unwrap();
                let other: SetChange = decode(table.get(second).unwrap().unwrap().value()).unwrap();
                let mut change: SetChange =
                    decode(table.get(first).unwrap().unwrap().value()).unwrap();
                change.validators = other.validators;
                table.insert(first, encode(&change).as_slice()).unwrap();
            },
        ),
        case(
            "set_changes",
            first.to_string(),
            MISSING,
            true,
            cut!(table::SET_CHANGES, first),
        ),
        case(
            "set_changes",
            second.to_string(),
            MISSING,
            true,
            cut!(table::SET_CHANGES, second),
        ),
        case("set_changes", "5", STRAY, true, move |write| {
            let mut table = write.open_table(table::SET_CHANGES).unwrap();
            let change = table.get(first).unwrap().unwrap().value().to_vec();
            table.insert(5, change.as_slice()).unwrap();
        }),
    ]
}

#[test]
fn each_table_with_one_row_changed_is_refused_by_table_and_row_and_so_is_a_start_as_far_as_it_can_tell()
 {
    let script = Script::whole();
    let image = image(&script);
    for Case {
        table,
        row,
        says,
        at_start,
        change,
    } in of_blocks(&script).into_iter().chain(of_sets())
    {
        let disk = Disk::with(image.clone());
        let store = disk.load().unwrap().0;
        let write = store.database.begin_write().unwrap();
        change(&write);
        write.commit().unwrap();
        drop(store);
        let words = match disk.open().and_then(check) {
            Err(StorageError::Damaged { what, .. }) => what,
            other => panic!("{table} {row}: {other:?}"),
        };
        assert!(
            words.starts_with(&format!("{table}, row {row}")) && words.contains(says),
            "{table} {row} {says}: {words}"
        );
        let started = disk.load().map(|(_, loaded)| loaded.state.tip().height);
        assert_eq!(
            started.is_err(),
            at_start,
            "{table} {row} {says}: {started:?}"
        );
    }
}

#[test]
fn undecided_block_that_breaks_a_rule_is_found() {
    let script = Script::whole();
    let mut files = image(&script);
    let disk = Disk::with(files.clone());
    let (store, loaded) = disk.load().unwrap();
    let mut block = loaded.bodies[0].clone().into_inner();
    block.header.time = vote_chain::Timestamp::from_ms(0);
    let body =
        VerifiedBlock::verify(&loaded.state.chain(), &block.whole().unwrap(), |_| None).unwrap();
    let mut batch = store.begin();
    batch.put_body(&body);
    batch.finish().unwrap();
    drop(store);
    files = disk.files();
    let error = Disk::with(files).open().and_then(check).unwrap_err();
    assert!(
        error.to_string().contains("is not after its parent"),
        "{error}"
    );
}

/// Whatever a node is asked for while it runs, a row that does not fit is an error that names it,
/// and never *not there*.
#[test]
fn rows_that_do_not_fit_are_errors_when_they_are_read() {
    let script = Script::whole();
    let image = image(&script);
    let id = script.transaction(4, 1);
    type Change = Box<dyn Fn(&WriteTransaction)>;
    type Ask = fn(&Store, TransactionId) -> Result<bool, StorageError>;
    let block: Ask = |store, _| store.block(Height::new(4)).map(|found| found.is_some());
    let bytes_of: Ask = |store, _| {
        store
            .block_bytes(Height::new(4))
            .map(|found| found.is_some())
    };
    let transaction: Ask = |store, id| store.transaction(&id).map(|found| found.is_some());
    let named: Ask = |store, id| {
        store
            .transactions_with(&id.as_bytes()[..16])
            .map(|found| found.len() == 1)
    };
    let sets: Ask = |store, _| {
        store
            .set_changes(Height::new(9))
            .map(|found| found.len() == 2)
    };
    let evidence: Ask = |store, _| store.evidence().map(|found| !found.is_empty());
    let garbage = || b"garbage".as_slice();
    let of_block = vec![block, bytes_of, transaction, named];
    let cases: Vec<(&str, Vec<Ask>, Change)> = vec![
        (
            "blocks, row 4: it is missing",
            of_block.clone(),
            Box::new(cut!(table::BLOCKS, 4)),
        ),
        (
            "blocks, row 4: not a valid encoding",
            of_block.clone(),
            Box::new(put!(table::BLOCKS, 4, garbage())),
        ),
        (
            "blocks, row 4: the transactions are not those",
            of_block.clone(),
            Box::new(edit!(table::BLOCKS, 4, Row, |row| rewrite(
                &mut row,
                |block| block.transactions.swap(0, 1)
            ))),
        ),
        (
            "blocks, row 4: its certificate is of another block",
            of_block,
            Box::new(edit!(table::BLOCKS, 4, Row, |row| row.1.block =
                Default::default())),
        ),
        (
            "set_changes, row 4: not a valid encoding",
            vec![sets],
            Box::new(put!(table::SET_CHANGES, 4, garbage())),
        ),
        (
            "set_changes, row 4: its certificate is of another block",
            vec![sets],
            Box::new(edit!(table::SET_CHANGES, 4, SetChange, |change| change
                .header
                .transactions_count +=
                1)),
        ),
        (
            "it names block 99",
            vec![evidence],
            Box::new(put!(table::EVIDENCE, (99, 0), garbage())),
        ),
    ];
    for (words, asks, change) in cases {
        for ask in asks {
            let store = Disk::with(image.clone()).load().unwrap().0;
            assert!(ask(&store, id).unwrap(), "it is there before");
            let write = store.database.begin_write().unwrap();
            change(&write);
            write.commit().unwrap();
            match ask(&store, id) {
                Err(StorageError::Damaged { what, .. }) => {
                    assert!(what.contains(words), "{words}: {what}")
                }
                other => panic!("{words}: {other:?}"),
            }
        }
    }
    let store = Disk::with(image).load().unwrap().0;
    assert!(
        store.block(Height::new(10)).unwrap().is_none()
            && store.block(Height::GENESIS).unwrap().is_none()
    );
    assert!(
        store
            .transaction(&TransactionId::new(Hash::default()))
            .unwrap()
            .is_none()
    );
}
