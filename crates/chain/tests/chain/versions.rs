//! Chains that move to another protocol version.

use std::path::Path;
use std::sync::Arc;

use vote_chain::{
    Act, Archive, Block, Genesis, Height, InvalidBlock, InvalidGenesis, InvalidReceipt,
    InvalidTransaction, InvalidVersionChange, Move, Payload, Ranks, Receipt, Replay, Rule,
    Selection, Verified, VerifiedBlock, Version, VersionChange, decode, encode,
};

use crate::archives::archive;
use crate::ledger::{Ledger, certify_header, counted, election, genesis, key};

/// A chain of four validators that begins with the oldest version.
pub(crate) fn old() -> Ledger {
    Ledger::new(Genesis {
        version: Version::OLDEST,
        ..genesis(4)
    })
}

pub(crate) fn plan(to: Version, from: u64) -> VersionChange {
    let from = Height::new(from);
    VersionChange::Plan(Move { to, from })
}

fn later() -> Version {
    Version::new(Version::NEWEST.get() + 1)
}

fn approve(ledger: &Ledger, by: u8, change: VersionChange) -> Arc<Verified> {
    let payload = Payload::ApproveChange {
        change: change.into(),
        changes_before: ledger.state.registry().changes,
        signed_at: ledger.next_time(),
    };
    ledger.sign(&key(by), payload)
}

/// Three of four approve, in one block.
pub(crate) fn make(ledger: &mut Ledger, change: VersionChange) {
    let approvals: Vec<_> = (1..=3).map(|by| approve(ledger, by, change)).collect();
    ledger.decide(&approvals);
}

fn versions(ledger: &Ledger) -> Vec<u16> {
    let blocks = ledger.blocks.iter();
    blocks
        .map(|(block, _)| block.header.version.get())
        .collect()
}

/// Why an approval is refused.
fn refused(ledger: &Ledger, change: VersionChange) -> InvalidVersionChange {
    match ledger.try_one(&approve(ledger, 4, change)) {
        Err(InvalidTransaction::VersionChange(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn blocks_go_by_the_new_version_from_the_planned_height_on_and_no_other_is_taken() {
    let mut ledger = old();
    let change = plan(Version::NEWEST, 4);
    ledger.decide(&[approve(&ledger, 1, change), approve(&ledger, 2, change)]);
    assert_eq!(
        ledger.state.registry().versions.planned(Height::new(1)),
        None
    );
    ledger.decide(&[approve(&ledger, 3, change)]);
    let planned = ledger.state.registry().versions.planned(Height::new(2));
    assert_eq!(planned.map(|planned| planned.from), Some(Height::new(4)));
    for _ in 3..=5 {
        let honest = ledger.propose(&[]);
        for other in [Version::OLDEST, Version::NEWEST, later()] {
            let mut block = honest.clone();
            block.header.version = other;
            let version = honest.header.version;
            let verdict = match other {
                _ if other == version => None,
                claimed => Some(InvalidBlock::Version { claimed, version }),
            };
            assert_eq!(ledger.judge(&block).err(), verdict);
        }
        ledger.decide(&[]);
    }
    assert_eq!(versions(&ledger), [2, 2, 2, 3, 3]);
    assert_eq!(
        ledger.state.registry().versions.planned(Height::new(5)),
        None
    );
}

#[test]
fn elections_by_a_rule_of_a_later_version_are_created_from_its_first_height_on() {
    let mut ledger = old();
    make(&mut ledger, plan(Version::NEWEST, 3));
    let (needed, version) = (Version::NEWEST, Version::OLDEST);
    for rule in [
        Rule::Minimax,
        Rule::Star,
        Rule::MajorityJudgment,
        Rule::Limited,
        Rule::Cumulative,
        Rule::RankedPairs,
        Rule::Benham,
        Rule::SequentialPav,
        Rule::Phragmen,
        Rule::DHondt,
        Rule::SainteLague,
    ] {
        let create = ledger.sign(
            &key(200),
            Payload::CreateElection(counted(rule, u16::from(!rule.fills_one_seat()) + 1)),
        );
        assert_eq!(
            ledger.try_one(&create),
            Err(InvalidTransaction::LaterVersion { needed, version }),
            "{rule:?}"
        );
    }
    ledger.decide(&[]);
    let id = ledger.create(counted(Rule::Minimax, 1));
    let first = |place: u16| Selection::Ranked(Ranks::strict([place]));
    ledger.decide(&[
        ledger.ballot(50, id, first(2)),
        ledger.ballot(51, id, first(2)),
    ]);
    assert_eq!(
        ledger.state.tally(&id).unwrap().contests[0].leaders,
        ["Salad"]
    );
    assert!(archive(&ledger, id).verify(None, |_| {}).is_ok());
}

/// An archive in which the block that creates an election says, and all have signed, that it goes
/// by a version that does not count by the election's rule.
pub(crate) fn of_a_later_version() -> Archive {
    let mut ledger = old();
    make(&mut ledger, plan(Version::NEWEST, 2));
    let id = ledger.create(counted(Rule::Minimax, 1));
    ledger.decide(&[]);
    ledger.decide(&[]);
    let mut archive = archive(&ledger, id);
    let created = &mut archive.blocks[0];
    created.header.version = Version::OLDEST;
    created.certificate = certify_header(&ledger.state, &created.header, 4);
    archive
}

#[test]
fn archive_of_an_election_by_a_rule_that_its_block_does_not_have_is_refused() {
    let fault = of_a_later_version().verify(None, |_| {}).unwrap_err();
    assert!(
        fault
            .to_string()
            .contains("possible from protocol version 3 on"),
        "{fault}"
    );
}

#[test]
fn plan_can_be_changed_and_dropped_until_it_is_in_force() {
    let mut ledger = old();
    make(&mut ledger, plan(Version::NEWEST, 3));
    make(&mut ledger, plan(Version::NEWEST, 5));
    ledger.decide(&[]);
    make(&mut ledger, VersionChange::Drop);
    ledger.decide(&[]);
    ledger.decide(&[]);
    assert_eq!(versions(&ledger), [2; 6]);
    assert_eq!(ledger.state.version(), Version::OLDEST);
}

#[test]
fn changes_of_the_version_that_cannot_be_are_refused_by_name() {
    let mut ledger = old();
    let (now, to) = (Version::OLDEST, Version::OLDEST);
    assert_eq!(
        refused(&ledger, plan(to, 9)),
        InvalidVersionChange::NotLater { now, to }
    );
    let (from, next) = (Height::new(1), Height::new(2));
    assert_eq!(
        refused(&ledger, plan(Version::NEWEST, 1)),
        InvalidVersionChange::Past { from, next }
    );
    assert_eq!(
        refused(&ledger, VersionChange::Drop),
        InvalidVersionChange::NothingPlanned
    );
    make(&mut ledger, plan(Version::NEWEST, 3));
    assert_eq!(
        refused(&ledger, plan(Version::NEWEST, 3)),
        InvalidVersionChange::Planned
    );
    ledger.decide(&[]);
    // Block 3 goes by the new version already: there is nothing left to drop.
    assert_eq!(
        refused(&ledger, VersionChange::Drop),
        InvalidVersionChange::NothingPlanned
    );
    let (now, to) = (Version::NEWEST, Version::NEWEST);
    assert_eq!(
        refused(&ledger, plan(to, 9)),
        InvalidVersionChange::NotLater { now, to }
    );
}

#[test]
fn receipts_and_archives_from_before_and_after_a_move_hold() {
    let mut ledger = old();
    let id = ledger.create(election());
    ledger.decide(&[ledger.ballot(50, id, Selection::Listed(0))]);
    make(&mut ledger, plan(Version::NEWEST, 4));
    ledger.decide(&[ledger.ballot(51, id, Selection::Listed(1))]);
    ledger.decide(&[ledger.act(id, Act::Close)]);
    assert_eq!(versions(&ledger), [2, 2, 2, 3, 3]);
    for height in [2, 4] {
        assert_eq!(ledger.receipt(height, 0).check(None), Ok(()));
    }
    let mut archive = archive(&ledger, id);
    assert!(archive.verify(None, |_| {}).is_ok());
    // All have signed a block that goes by older rules than the one below it.
    archive.last.version = Version::OLDEST;
    archive.last_certificate = certify_header(&ledger.state, &archive.last, 4);
    let fault = archive.verify(None, |_| {}).unwrap_err();
    assert_eq!(fault.to_string(), InvalidReceipt::Order(5).to_string());
}

#[test]
fn nothing_is_made_of_a_version_that_this_program_does_not_have() {
    let mut ledger = old();
    make(&mut ledger, plan(later(), 2));
    assert_eq!(ledger.state.version(), later());
    let block = ledger.propose(&[]);
    assert_eq!(
        ledger.judge(&block).err(),
        Some(InvalidBlock::UnknownVersion(later()))
    );
    let chain = ledger.state.chain();
    let verified = |block: &Block| VerifiedBlock::read(&chain, &encode(block)).unwrap();
    let mut replay = Replay::new(ledger.state.genesis().as_ref().clone());
    assert!(replay.take(&verified(&ledger.blocks[0].0)).is_ok());
    assert_eq!(
        replay.take(&verified(&block)).err(),
        Some(InvalidBlock::UnknownVersion(later()))
    );
    let certificate = certify_header(&ledger.state, &block.header, 4);
    ledger.blocks.push((block, certificate));
    let mut receipt = ledger.receipt(1, 0);
    (receipt.header, receipt.certificate) = {
        let (block, certificate) = &ledger.blocks[1];
        (block.header.clone(), certificate.clone())
    };
    assert_eq!(
        receipt.check(None),
        Err(InvalidReceipt::Version {
            height: 2,
            version: later()
        })
    );
}

#[test]
fn chain_that_begins_with_a_version_that_this_program_does_not_have_is_none() {
    for version in [Version::new(1), later()] {
        let begun = Genesis {
            version,
            ..genesis(4)
        };
        assert_eq!(begun.check(), Err(InvalidGenesis::Version(version)));
    }
}

/// An archive and the receipt of its last ballot, of a chain that goes by these versions: all of
/// its blocks by one, or the last ones by the second.
fn files(first: Version, then: Version) -> [(String, Vec<u8>); 2] {
    let mut ledger = Ledger::new(Genesis {
        version: first,
        ..genesis(4)
    });
    let id = ledger.create(election());
    ledger.decide(&[ledger.ballot(50, id, Selection::Listed(0))]);
    if then > first {
        make(&mut ledger, plan(then, 4));
    } else {
        ledger.decide(&[]);
    }
    ledger.decide(&[ledger.ballot(51, id, Selection::Listed(1))]);
    ledger.decide(&[ledger.act(id, Act::Close)]);
    let name = if then > first {
        format!("{first}-to-{then}")
    } else {
        first.to_string()
    };
    [
        (format!("{name}.archive"), encode(&archive(&ledger, id))),
        (format!("{name}.receipt"), encode(&ledger.receipt(4, 0))),
    ]
}

/// Files of every version are kept as they were written first: what was once a proof is one for
/// ever. `UPDATE_VECTORS=1` writes those that are missing, and no others. `verifier/check_cases.py`
/// and the page check them too.
#[test]
fn files_of_every_version_hold_as_they_were_written() {
    let dir = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/versions"
    ));
    let known = (Version::OLDEST.get()..=Version::NEWEST.get()).map(Version::new);
    let wanted: Vec<_> = known
        .clone()
        .flat_map(|first| known.clone().map(move |then| (first, then)))
        .filter(|(first, then)| then >= first)
        .collect();
    for (name, bytes) in wanted.iter().flat_map(|(first, then)| files(*first, *then)) {
        let path = dir.join(&name);
        if std::env::var_os("UPDATE_VECTORS").is_some() && !path.exists() {
            std::fs::create_dir_all(dir).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let kept = std::fs::read(&path).unwrap();
        if name.ends_with("archive") {
            let archive: Archive = decode(&kept).unwrap();
            let audit = archive.verify(None, |_| {}).unwrap();
            assert_eq!(audit.tally.turnout.ballots, 2, "{name}");
        } else {
            assert_eq!(
                decode::<Receipt>(&kept).unwrap().check(None),
                Ok(()),
                "{name}"
            );
        }
    }
}

/// Two have approved something else before, and a fourth who lies completes it afterwards.
#[test]
fn plan_that_is_made_voids_what_was_approved_beside_it() {
    for other in [VersionChange::Drop, plan(Version::NEWEST, 20)] {
        let mut ledger = old();
        make(&mut ledger, plan(Version::NEWEST, 30));
        ledger.decide(&[approve(&ledger, 1, other), approve(&ledger, 2, other)]);
        make(&mut ledger, plan(Version::NEWEST, 40));
        ledger.decide(&[approve(&ledger, 4, other)]);
        let planned = ledger.state.registry().versions.planned(Height::new(4));
        assert_eq!(planned.map(|planned| planned.from), Some(Height::new(40)));
    }
}

#[test]
fn who_approves_another_plan_approves_the_former_one_no_more_whoever_sends_that_again() {
    let mut ledger = old();
    let (first, second) = (plan(Version::NEWEST, 20), plan(Version::NEWEST, 30));
    let former = approve(&ledger, 1, first);
    ledger.decide(std::slice::from_ref(&former));
    ledger.decide(&[approve(&ledger, 1, second)]);
    assert!(matches!(
        ledger.try_one(&former),
        Err(InvalidTransaction::OldApproval(_))
    ));
    ledger.decide(&[approve(&ledger, 2, first), approve(&ledger, 3, first)]);
    let versions = ledger.state.registry().versions;
    assert_eq!(
        versions.planned(Height::new(3)),
        None,
        "two of four want it"
    );
}
