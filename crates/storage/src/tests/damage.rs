//! Files that something else has changed since they were written.

use std::collections::BTreeSet;

use redb::{ReadableDatabase, ReadableTable};

use super::disk::{CORES, Disk};
use super::script::{Script, seen};
use crate::table;
use crate::{StorageError, Store};

/// A ledger with the whole script on it.
fn written() -> (Disk, Store) {
    let script = Script::whole();
    let disk = Disk::default();
    let (store, _) = disk.create().unwrap().load(CORES).unwrap();
    for batch in 0..script.batches.len() {
        script.run(&store, batch).unwrap();
    }
    (disk, store)
}

/// What a node makes of its files: the ledger, or words.
fn read(ledger: Vec<u8>, wal: &[u8]) -> Result<Vec<u8>, String> {
    match seen(&Disk::with([ledger, wal.to_vec()])) {
        Ok(seen) => Ok(seen),
        Err(error @ (StorageError::Damaged { .. } | StorageError::Format { .. })) => {
            Err(error.to_string())
        }
        Err(error) => panic!("damage is not called so: {error:?}"),
    }
}

/// Some bytes of each table, of keys and of values.
fn samples(store: &Store) -> Vec<(&'static str, Vec<u8>)> {
    let read = store.database.begin_read().unwrap();
    let mut samples = Vec::new();
    macro_rules! of {
        ($name:literal, $table:expr, |$key:ident, $value:ident| $bytes:expr) => {
            for row in read.open_table($table).unwrap().iter().unwrap().take(3) {
                let (key, value) = row.unwrap();
                let ($key, $value) = (key.value(), value.value());
                samples.push(($name, $bytes));
            }
        };
    }
    of!("meta", table::META, |_k, v| v.to_vec());
    of!("blocks", table::BLOCKS, |_k, v| v.to_vec());
    of!("set_changes", table::SET_CHANGES, |_k, v| v.to_vec());
    of!("evidence", table::EVIDENCE, |_k, v| v.to_vec());
    samples
}

/// The places in the file where a sample stands; old copies of pages have it too.
fn places(image: &[u8], sample: &[u8]) -> Vec<usize> {
    let begins = image
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == sample[0]);
    begins
        .map(|(at, _)| at)
        .filter(|at| image[*at..].starts_with(sample))
        .collect()
}

#[test]
fn one_bit_changed_anywhere_is_refused_with_words_or_changes_nothing() {
    let (disk, store) = written();
    let samples = samples(&store);
    let [open, wal] = disk.files();
    drop(store);
    let [closed, _] = disk.files();
    let expected = read(closed.clone(), &wal).unwrap();
    assert_eq!(
        read(open.clone(), &wal).as_ref(),
        Ok(&expected),
        "left open, as by a crash"
    );
    for (image, how) in [(closed, "closed"), (open, "left open")] {
        let mut refused = 0;
        let mut tables = BTreeSet::new();
        let mut flip = |at: usize, bit: usize| {
            let mut changed = image.clone();
            changed[at] ^= 1 << (bit % 8);
            match read(changed, &wal) {
                Ok(seen) => {
                    assert!(
                        seen == expected,
                        "{how}: bit {bit} of byte {at} changes what is read"
                    );
                    false
                }
                Err(_) => {
                    refused += 1;
                    true
                }
            }
        };
        // The header, which tells where everything is, and then here and there.
        for at in (0..384)
            .step_by(3)
            .chain((384..image.len()).step_by(image.len() / 200))
        {
            flip(at, at / 3);
        }
        for (number, (name, sample)) in samples.iter().enumerate() {
            let found = places(&image, sample);
            assert!(!found.is_empty(), "{name} is in the file");
            let noticed = found
                .iter()
                .any(|at| flip(at + sample.len() * (number % 7) / 7, number));
            assert!(
                noticed,
                "{how}: a row of {name} is changed, and nobody notices"
            );
            tables.insert(*name);
        }
        assert_eq!(tables.len(), 4, "each table is tried");
        assert!(refused > 60, "{refused} of the changes have hit something");
    }
}

#[test]
fn file_cut_anywhere_is_refused_with_words_or_is_whole() {
    let (disk, store) = written();
    drop(store);
    let [image, wal] = disk.files();
    let expected = read(image.clone(), &wal).unwrap();
    let lengths = (0..image.len())
        .step_by(image.len() / 150)
        .chain(1..20)
        .chain(image.len() - 20..image.len());
    let mut refused = 0;
    for length in lengths {
        match read(image[..length].to_vec(), &wal) {
            Ok(seen) => assert!(
                seen == expected,
                "cut to {length} bytes it says something else"
            ),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused} cuts are noticed");
}
