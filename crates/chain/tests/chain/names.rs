//! Names on ballots: on the ledger where the election takes them, and only there.

use std::sync::Arc;

use vote_chain::{
    Ballot, DecodeError, Election, ElectionId, InvalidName, InvalidTransaction, Payload, Selection,
    Verified, Version, decode, encode,
};

use crate::archives::archive;
use crate::ledger::{Ledger, election, genesis, key};
use crate::receipts::{bytes_at, kept};
use crate::versions::{make, old, plan};

fn by_name() -> Election {
    Election {
        names: true,
        ..election()
    }
}

fn ballot(ledger: &Ledger, voter: u8, id: ElectionId, name: &str) -> Arc<Verified> {
    let ballot = Ballot {
        name: name.into(),
        ..Ballot::plain(id, Selection::Listed(0))
    };
    ledger.ballot_of(&key(voter), ballot)
}

#[test]
fn ballot_has_a_name_if_and_only_if_its_election_takes_names() {
    let mut ledger = Ledger::new(genesis(4));
    let [without, with] = [election(), by_name()].map(|election| ledger.create(election));
    let cast = |id, name| ledger.try_one(&ballot(&ledger, 50, id, name));
    let refused = |fault| Err(InvalidTransaction::Name(fault));
    assert_eq!(cast(without, ""), Ok(()));
    assert_eq!(cast(without, "Ada"), refused(InvalidName::Given));
    assert_eq!(cast(with, "Ada"), Ok(()));
    assert_eq!(cast(with, ""), refused(InvalidName::Missing));
}

#[test]
fn election_without_names_says_nothing_of_them_in_its_bytes() {
    let (without, with) = (encode(&election()), encode(&by_name()));
    // Another head, and one field more.
    assert_eq!((without[0], with[0]), (0xab, 0xac));
    assert_eq!(with[1..], [&without[1..], &[11, 0xf5]].concat());
    let said = [&with[..with.len() - 1], &[0xf4]].concat();
    assert_eq!(decode::<Election>(&said), Err(DecodeError::NotCanonical));
}

#[test]
fn by_the_version_before_any_ballot_could_have_a_name_and_no_election_asked_for_one() {
    let mut ledger = old();
    let id = ledger.create(election());
    for name in ["", "Ada"] {
        assert_eq!(ledger.try_one(&ballot(&ledger, 50, id, name)), Ok(()));
    }
    let create = ledger.sign(&key(200), Payload::CreateElection(by_name()));
    let (needed, version) = (Version::new(3), Version::new(2));
    assert_eq!(
        ledger.try_one(&create),
        Err(InvalidTransaction::LaterVersion { needed, version })
    );
    let moved = moved();
    assert_eq!(
        moved.0.try_one(&ballot(&moved.0, 51, moved.1, "Grace")),
        Err(InvalidTransaction::Name(InvalidName::Given))
    );
}

/// A chain that has moved to the version that rules names, with a ballot with a name from before.
fn moved() -> (Ledger, ElectionId) {
    let mut ledger = old();
    let id = ledger.create(election());
    ledger.decide(&[ballot(&ledger, 50, id, "Ada")]);
    make(&mut ledger, plan(Version::new(3), 4));
    (ledger, id)
}

/// An archive, and the receipt of the ballot in its last block.
fn files(name: &str, ledger: &Ledger, id: ElectionId) -> [(String, Vec<u8>); 2] {
    let last = u64::try_from(ledger.blocks.len()).unwrap();
    let receipt = kept(ledger, last, 0, &bytes_at(ledger, 1, 0));
    [
        (name.into(), encode(&archive(ledger, id))),
        (format!("kept-{name}"), encode(&receipt)),
    ]
}

pub(crate) fn good() -> Vec<(String, Vec<u8>)> {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(by_name());
    ledger.decide(&[
        ballot(&ledger, 50, id, "Ada"),
        ballot(&ledger, 51, id, "Ada"),
    ]);
    let mut cases = files("by-name", &ledger, id).to_vec();
    let mut before = old();
    let id = before.create(election());
    before.decide(&[ballot(&before, 50, id, "Ada")]);
    cases.extend(files("name-of-before", &before, id));
    let (mut moved, id) = moved();
    moved.decide(&[ballot(&moved, 51, id, "")]);
    cases.extend(files("name-of-before-a-move", &moved, id));
    cases
}

pub(crate) fn bad() -> Vec<(String, Vec<u8>)> {
    let mut cases = Vec::new();
    for (case, election, name) in [
        ("name-that-is-not-taken", election(), "Ada"),
        ("no-name-by-name", by_name(), ""),
    ] {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(election);
        ledger.force(&[ballot(&ledger, 50, id, name)]);
        cases.extend(files(case, &ledger, id));
    }
    let (mut moved, id) = moved();
    moved.force(&[ballot(&moved, 51, id, "Grace")]);
    cases.extend(files("name-after-a-move", &moved, id));
    cases
}
