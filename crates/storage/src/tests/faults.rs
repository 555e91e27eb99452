//! Disks that fail while they are written to.

use super::disk::{Disk, Failure};
use super::script::{Script, genesis, seen};
use crate::Store;

/// What a reader finds after each batch of the script, on a disk that does not fail; first after none.
fn expected(script: &Script) -> Vec<Vec<u8>> {
    let store = Store::create_on(Disk::default(), &genesis()).unwrap();
    let mut expected = vec![seen(&store).unwrap()];
    for batch in 0..script.batches.len() {
        script.run(&store, batch).unwrap();
        expected.push(seen(&store).unwrap());
    }
    expected
}

/// Runs the script on a disk until something fails; gives how many batches have been finished, none if the ledger was not even made.
fn run(script: &Script, disk: &Disk) -> Option<usize> {
    let store = Store::create_on(disk.clone(), &genesis()).ok()?;
    let failed = (0..script.batches.len()).find(|batch| script.run(&store, *batch).is_err());
    if disk.is_dead() {
        std::mem::forget(store); // a machine without power closes no file
    }
    Some(failed.unwrap_or(script.batches.len()))
}

#[test]
fn disk_that_fails_at_any_write_or_sync_keeps_what_was_finished_and_nothing_half() {
    let script = Script::whole();
    let expected = expected(&script);
    let whole = Disk::default();
    assert_eq!(run(&script, &whole), Some(script.batches.len()));
    let operations = whole.operations();
    assert!(operations > 200, "{operations} operations show little");
    let failures = [Failure::Refused, Failure::Cut, Failure::Power];
    let mut cut_short = 0;
    for at in 0..operations {
        let failure = failures[at % failures.len()];
        let disk = Disk::default().failing(at, failure);
        // A disk that could not even take a new ledger leaves a file that has no name yet.
        let Some(finished) = run(&script, &disk) else { continue };
        let images = match failure {
            Failure::Refused | Failure::Cut => vec![disk.bytes(), disk.after_power_cut(at as u64)],
            Failure::Power => (0..2).map(|seed| disk.after_power_cut(seed)).collect(),
        };
        for image in images {
            let store =
                Store::open_on(Disk::with(image)).unwrap_or_else(|error| panic!("{failure:?} at {at}: {error}"));
            let seen = seen(&store).unwrap_or_else(|error| panic!("{failure:?} at {at}: {error}"));
            let after = expected.iter().position(|expected| *expected == seen);
            let after = after.unwrap_or_else(|| panic!("{failure:?} at {at}: no state that ever was"));
            assert!((finished..=finished + 1).contains(&after), "{failure:?} at {at}: {after}, {finished} finished");
            cut_short += usize::from(after < script.batches.len());
        }
    }
    assert!(cut_short > 200, "{cut_short} failures show little");
}
