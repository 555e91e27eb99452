//! What is left of the open height after its file was cut, damaged, or left from another time.

use super::disk::{CORES, Disk, Files};
use super::script::{Script, key, next_block};
use crate::Loaded;

/// The files of a ledger whose open height has so many turns, each of one entry that says its
/// number.
fn turns(count: u8) -> (Script, Files) {
    let script = Script::whole();
    let disk = Disk::default();
    let (store, _) = disk.create().unwrap().load(CORES).unwrap();
    // All but the open height of the script.
    for batch in 0..script.batches.len() - 1 {
        script.run(&store, batch).unwrap();
    }
    let open = script.state.tip().height.next();
    for number in 0..count {
        let mut batch = store.begin();
        batch.append_log(open, &[number; 300]);
        batch.finish().unwrap();
    }
    drop(store);
    (script, disk.files())
}

fn log(files: Files) -> Vec<u8> {
    let (_, Loaded { log, .. }) = Disk::with(files).load().unwrap();
    log.iter().map(|entry| entry[0]).collect()
}

#[test]
fn cut_anywhere_the_log_is_its_first_turns_and_the_ledger_is_whole() {
    let (_, [ledger, wal]) = turns(5);
    let mut seen = std::collections::BTreeSet::new();
    for length in (0..5 * 4096 + 1).step_by(97) {
        let log = log([ledger.clone(), wal[..length].to_vec()]);
        assert!(
            log.iter().copied().eq(0..u8::try_from(log.len()).unwrap()),
            "cut to {length} bytes: {log:?}"
        );
        assert!(log.len() <= length / 300, "cut to {length} bytes: {log:?}");
        seen.insert(log.len());
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

#[test]
fn one_bit_changed_anywhere_loses_the_turns_from_there_on_and_no_other() {
    let (_, [ledger, wal]) = turns(5);
    for turn in 0..5u8 {
        for at in [0, 1, 5, 20, 36, 40, 120, 300] {
            let mut wal = wal.clone();
            wal[usize::from(turn) * 4096 + at] ^= 1;
            assert!(
                log([ledger.clone(), wal]).into_iter().eq(0..turn),
                "byte {at} of turn {turn}"
            );
        }
    }
}

#[test]
fn after_a_lost_turn_the_log_goes_on_and_what_was_behind_it_does_not_come_back() {
    let (script, [ledger, mut wal]) = turns(5);
    wal[2 * 4096 + 100] ^= 1;
    let disk = Disk::with([ledger, wal]);
    let (store, _) = disk.load().unwrap();
    let mut batch = store.begin();
    batch.append_log(script.state.tip().height.next(), &[9; 300]);
    batch.finish().unwrap();
    drop(store);
    assert_eq!(
        log(disk.files()),
        [0, 1, 9],
        "turns 3 and 4 followed on another"
    );
}

#[test]
fn log_of_an_earlier_height_or_of_another_history_says_nothing() {
    let (script, [ledger, wal]) = turns(3);
    // Two ledgers with one block more, which is not the same.
    let blocks = [61, 62].map(|signer| {
        let disk = Disk::with([ledger.clone(), wal.clone()]);
        let (store, Loaded { state, .. }) = disk.load().unwrap();
        let title = format!("by {signer}");
        let contest = vote_chain::Contest::write_in();
        let election = vote_chain::Election::simple(title, vec![contest], 0);
        let signed = [(key(signer), vote_chain::Payload::CreateElection(election))];
        let (block, certificate, changes) = next_block(&state, &signed);
        let mut batch = store.begin();
        batch.commit_block(&block, &certificate, &changes);
        batch.finish().unwrap();
        let earlier = log(disk.files());
        assert!(earlier.is_empty(), "{earlier:?}");
        let mut batch = store.begin();
        batch.append_log(script.state.tip().height.next().next(), &[signer; 300]);
        batch.finish().unwrap();
        disk.files()
    });
    let [[first, first_wal], [_, second_wal]] = blocks;
    assert_eq!(log([first.clone(), first_wal]), [61]);
    assert!(
        log([first, second_wal]).is_empty(),
        "it follows on another block"
    );
}
