//! Disks that fail while they are written to.

use super::disk::{CORES, Disk, Failure};
use super::script::{Script, seen};

/// What a reader finds after each batch of the script, on a disk that does not fail; first after
/// none.
fn expected(script: &Script) -> Vec<Vec<u8>> {
    let disk = Disk::default();
    let (store, _) = disk.create().unwrap().load(CORES).unwrap();
    let now = || seen(&Disk::with(disk.files())).unwrap();
    let mut expected = vec![now()];
    for batch in 0..script.batches.len() {
        script.run(&store, batch).unwrap();
        expected.push(now());
    }
    expected
}

/// Runs the script on a disk until something fails; gives how many batches have been finished, none
/// if the ledger was not even made.
fn run(script: &Script, disk: &Disk) -> Option<usize> {
    let (store, _) = disk.create().ok()?.load(CORES).ok()?;
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
    assert!(operations > 100, "{operations} operations show little");
    let failures = [Failure::Refused, Failure::Cut, Failure::Power];
    let mut cut_short = 0;
    for at in 0..operations {
        let failure = failures[at % failures.len()];
        let disk = Disk::default().failing(at, failure);
        // A disk that could not even take a new ledger leaves a file that has no name yet.
        let Some(finished) = run(&script, &disk) else {
            continue;
        };
        let images = match failure {
            Failure::Refused | Failure::Cut => vec![disk.files(), disk.after_power_cut(at as u64)],
            Failure::Power => (0..2).map(|seed| disk.after_power_cut(seed)).collect(),
        };
        for image in images {
            let seen = seen(&Disk::with(image))
                .unwrap_or_else(|error| panic!("{failure:?} at {at}: {error}"));
            let after = expected.iter().position(|expected| *expected == seen);
            let after =
                after.unwrap_or_else(|| panic!("{failure:?} at {at}: no state that ever was"));
            assert!(
                (finished..=finished + 1).contains(&after),
                "{failure:?} at {at}: {after}, {finished} finished"
            );
            cut_short += usize::from(after < script.batches.len());
        }
    }
    assert!(cut_short > 150, "{cut_short} failures show little");
}
