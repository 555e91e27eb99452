//! Archives: what they show, and every lie refused with its reason.

use serde_bytes::ByteBuf;
use vote_chain::{
    Act, Archive, ArchivedBlock, ArchivedTransaction, Election, ElectionId, Hash, InvalidArchive,
    InvalidReceipt, Payload, Ranks, Rule, Selection, Timestamp, ValidatorChange, decode, encode,
};

use crate::ledger::{Ledger, START, counted, election, genesis, key, validator};

/// A ranked election beside another, with a change of the set in between, closed by its organiser.
pub(crate) fn ledger() -> (Ledger, ElectionId) {
    let mut ledger = Ledger::new(genesis(1));
    let other = ledger.create(Election {
        salt: 99,
        ..election()
    });
    let id = ledger.create(counted(Rule::Irv, 1));
    let ranked = |order: &[u16]| Selection::Ranked(Ranks::strict(order.iter().copied()));
    ledger.decide(&[
        ledger.ballot(50, id, ranked(&[0, 1])),
        ledger.ballot(60, other, Selection::Listed(0)),
        ledger.ballot(51, id, ranked(&[1])),
    ]);
    let changes_before = ledger.state.registry().changes;
    let admit = ValidatorChange::Admit(validator(2)).into();
    let signed_at = ledger.next_time();
    ledger.decide(&[ledger.sign(
        &key(1),
        Payload::ApproveChange {
            change: admit,
            changes_before,
            signed_at,
        },
    )]);
    ledger.decide(&[]);
    ledger.decide(&[
        ledger.ballot(52, id, ranked(&[2, 1])),
        ledger.ballot(53, id, ranked(&[1])),
    ]);
    ledger.decide(&[ledger.act(id, Act::Close)]);
    ledger.decide(&[]);
    (ledger, id)
}

pub(crate) fn archive(ledger: &Ledger, id: ElectionId) -> Archive {
    let own = |bytes: &ByteBuf| match vote_chain::parse(bytes).unwrap().content.payload {
        Payload::CreateElection(_) => vote_chain::TransactionId::of(bytes).hash() == id.hash(),
        payload => payload.election() == Some(id),
    };
    let block = |(block, certificate): &(vote_chain::Block, vote_chain::CommitCertificate)| {
        let entry = |bytes: &ByteBuf| match own(bytes) {
            true => ArchivedTransaction::Own(bytes.clone()),
            false => ArchivedTransaction::Other(vote_chain::TransactionId::of(bytes)),
        };
        let transactions: Vec<_> = block.transactions.iter().map(entry).collect();
        let mine = transactions
            .iter()
            .any(|entry| matches!(entry, ArchivedTransaction::Own(_)));
        mine.then(|| ArchivedBlock {
            header: block.header.clone(),
            certificate: certificate.clone(),
            transactions,
        })
    };
    let (last, last_certificate) = ledger.blocks.last().unwrap();
    let blocks: Vec<_> = ledger.blocks.iter().filter_map(block).collect();
    let mut set_changes = Vec::new();
    let mut set = 0;
    for header in blocks
        .iter()
        .map(|block| &block.header)
        .chain([&last.header])
    {
        set_changes.extend(ledger.set_changes(set, header.height.get()));
        set = ledger.set_number(header.height.get());
    }
    Archive {
        genesis: ledger.state.genesis().as_ref().clone(),
        set_changes,
        election: id,
        last: last.header.clone(),
        last_certificate: last_certificate.clone(),
        state_proof: ledger.state.election_proof(&id).unwrap(),
        blocks,
    }
}

fn reason(archive: &Archive) -> InvalidArchive {
    archive.verify(None, |_| {}).unwrap_err()
}

#[test]
fn archive_shows_the_election_its_count_and_that_nothing_is_missing() {
    let (ledger, id) = ledger();
    let archive = archive(&ledger, id);
    let mut done = Vec::new();
    let audit = archive
        .verify(Some(&ledger.state.chain()), |block| done.push(block))
        .unwrap();
    assert_eq!(audit.record, *ledger.state.election(&id).unwrap());
    assert_eq!(audit.tally, ledger.state.tally(&id).unwrap());
    assert_eq!(
        (
            audit.tally.turnout.ballots,
            audit.tally.contests[0].leaders.as_slice()
        ),
        (4, ["Pasta".to_owned()].as_slice())
    );
    assert_eq!(
        audit.log,
        ledger.state.log(&id).cloned().collect::<Vec<_>>()
    );
    assert_eq!(
        (audit.phase.to_string().as_str(), done),
        ("closed", vec![1, 2, 3, 4])
    );
    assert_eq!(decode::<Archive>(&encode(&archive)).unwrap(), archive);
}

#[test]
fn archive_with_any_byte_changed_is_refused() {
    let (ledger, id) = ledger();
    let bytes = encode(&archive(&ledger, id));
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 1 << (at % 8);
        let believed =
            decode::<Archive>(&forged).is_ok_and(|archive| archive.verify(None, |_| {}).is_ok());
        assert!(!believed, "byte {at} of {} is not protected", bytes.len());
    }
}

#[test]
fn ballots_left_out_of_an_archive_are_missed() {
    let (ledger, id) = ledger();
    let honest = archive(&ledger, id);
    let mut hidden = honest.clone();
    let ArchivedTransaction::Own(bytes) = &honest.blocks[1].transactions[0] else {
        panic!("a ballot")
    };
    hidden.blocks[1].transactions[0] =
        ArchivedTransaction::Other(vote_chain::TransactionId::of(bytes));
    assert!(matches!(reason(&hidden), InvalidArchive::Incomplete(_)));
    let mut skipped = honest.clone();
    skipped.blocks.remove(2);
    assert!(matches!(reason(&skipped), InvalidArchive::Incomplete(_)));
    let mut unclosed = honest.clone();
    unclosed.blocks.pop();
    assert!(matches!(reason(&unclosed), InvalidArchive::Incomplete(_)));
    let mut earlier = honest.clone();
    (earlier.last, earlier.last_certificate) = (
        honest.blocks[3].header.clone(),
        honest.blocks[3].certificate.clone(),
    );
    assert!(
        earlier.verify(None, |_| {}).is_ok(),
        "the state is the same one block before"
    );
    let mut headless = honest;
    headless.blocks.remove(0);
    assert!(matches!(reason(&headless), InvalidArchive::Rule { .. }));
}

#[test]
fn lies_of_an_archive_are_named() {
    let (ledger, id) = ledger();
    let honest = archive(&ledger, id);
    let other = vote_chain::ChainId::new(Hash::from_bytes([1; 32]));
    assert!(matches!(
        honest.verify(Some(&other), |_| {}),
        Err(InvalidArchive::WrongChain(_))
    ));
    let mut swapped = honest.clone();
    swapped.blocks.swap(1, 2);
    assert!(matches!(reason(&swapped), InvalidArchive::Misplaced(_)));
    let mut twice = honest.clone();
    twice.blocks.insert(2, honest.blocks[1].clone());
    assert!(matches!(reason(&twice), InvalidArchive::Misplaced(_)));
    let mut unsigned = honest.clone();
    unsigned.blocks[2].certificate.signatures.pop();
    assert!(matches!(
        reason(&unsigned),
        InvalidArchive::Certificate { .. }
    ));
    let mut unchanged = honest.clone();
    unchanged.set_changes.clear();
    assert!(matches!(
        reason(&unchanged),
        InvalidArchive::SetChanges(InvalidReceipt::OtherSet(8))
    ));
    let mut fewer = honest.clone();
    fewer.blocks[1].transactions.pop();
    assert!(matches!(reason(&fewer), InvalidArchive::Transactions(_)));
    let mut foreign = honest.clone();
    let (block, _) = &ledger.blocks[2];
    foreign.blocks[1].transactions[1] = ArchivedTransaction::Own(block.transactions[1].clone());
    assert!(matches!(reason(&foreign), InvalidArchive::Foreign { .. }));
    let mut padded = honest.clone();
    let ids = block
        .ids()
        .into_iter()
        .map(ArchivedTransaction::Other)
        .collect();
    let (header, certificate) = (
        ledger.blocks[3].0.header.clone(),
        ledger.blocks[3].1.clone(),
    );
    let padding: Vec<_> = ledger.blocks[3]
        .0
        .ids()
        .into_iter()
        .map(ArchivedTransaction::Other)
        .collect();
    padded.blocks.insert(
        2,
        ArchivedBlock {
            header,
            certificate,
            transactions: padding,
        },
    );
    assert!(matches!(reason(&padded), InvalidArchive::Empty(_)));
    padded.blocks[2].transactions = ids;
    assert!(matches!(reason(&padded), InvalidArchive::Transactions(_)));
    let sizes = (0..9).filter(|size| {
        let mut resized = honest.clone();
        resized.state_proof.size = *size;
        resized.verify(None, |_| {}).is_ok()
    });
    assert_eq!(sizes.count(), 1, "one number of leaves fits");
    let mut renamed = honest;
    renamed.election = ElectionId::default();
    assert!(matches!(reason(&renamed), InvalidArchive::Foreign { .. }));
}

/// Validators that break the rules together can make anything final; an archive shows it all the
/// same.
#[test]
fn final_blocks_that_break_rules_are_found_out() {
    let at = |ms| Some(Timestamp::from_ms(START + ms));
    let twice = |ledger: &Ledger, id| {
        vec![
            ledger.ballot(50, id, Selection::Listed(0)),
            ledger.ballot(50, id, Selection::Listed(1)),
        ]
    };
    let absent = |ledger: &Ledger, id| vec![ledger.ballot(50, id, Selection::Listed(7))];
    let one = |ledger: &Ledger, id| vec![ledger.ballot(50, id, Selection::Listed(0))];
    type Ballots = dyn Fn(&Ledger, ElectionId) -> Vec<std::sync::Arc<vote_chain::Verified>>;
    let cases: [(&str, Election, &Ballots); 4] = [
        ("has already voted", election(), &twice),
        ("does not fit contest 1", election(), &absent),
        (
            "is draft",
            Election {
                opens_at: at(60_000),
                ..election()
            },
            &one,
        ),
        (
            "is closed",
            Election {
                closes_at: at(1500),
                ..election()
            },
            &one,
        ),
    ];
    for (rule, election, ballots) in cases {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(election);
        let ballots = ballots(&ledger, id);
        ledger.force(&ballots);
        let found = reason(&archive(&ledger, id));
        assert!(
            matches!(&found, InvalidArchive::Rule { rule: named, .. } if named.to_string().contains(rule)),
            "{found}"
        );
    }
}
