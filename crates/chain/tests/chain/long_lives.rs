//! Chains whose validators have changed very often: their receipts and archives are still made, and
//! hold.

use std::sync::LazyLock;

use vote_chain::{
    Archive, CertificateFault, ElectionId, Genesis, Height, InvalidArchive, InvalidReceipt,
    Payload, Receipt, Selection, SetChange, SetHistory, Validator, ValidatorChange, encode,
};

use crate::archives::archive;
use crate::ledger::{KEYS, Ledger, election, genesis, key, validator};

/// What an app can be sent in one piece, in bytes (docs/protocol.md, "App protocol").
const FRAME_BYTES_MAX: usize = 1_310_720;

/// A block that makes a change of the set, with no more approvals than it takes.
fn change(ledger: &mut Ledger, change: &ValidatorChange) {
    let registry = ledger.state.registry();
    let changes_before = registry.changes;
    let enough = registry.after.count() * 2 / 3 + 1;
    let members = KEYS
        .iter()
        .filter(|key| registry.after.contains(&key.public()));
    let signed_at = ledger.next_time();
    let approve = |key| {
        ledger.sign(
            key,
            Payload::ApproveChange {
                change: change.clone().into(),
                changes_before,
                signed_at,
            },
        )
    };
    let approvals: Vec<_> = members.take(enough).map(approve).collect();
    ledger.decide(&approvals);
}

fn ballot(ledger: &mut Ledger, voter: u8, id: ElectionId) {
    ledger.decide(&[ledger.ballot(voter, id, Selection::Listed(0))]);
}

fn begun(genesis: Genesis, hurried: bool) -> (Ledger, ElectionId) {
    let mut ledger = Ledger::new(genesis);
    ledger.hurried = hurried;
    let id = ledger.create(election());
    ballot(&mut ledger, 251, id);
    (ledger, id)
}

/// A chain that one has founded, who has admitted the others one by one.
fn grown(validators: u8, hurried: bool) -> (Ledger, ElectionId) {
    let (mut ledger, id) = begun(genesis(1), hurried);
    for at in 2..=validators {
        change(&mut ledger, &ValidatorChange::Admit(validator(at)));
    }
    ledger.decide(&[]);
    ballot(&mut ledger, 252, id);
    (ledger, id)
}

/// A chain of so many validators, of whom the oldest is replaced by a newcomer so many times; with
/// a ballot in the middle.
fn turned_over(validators: u8, times: u16, hurried: bool) -> (Ledger, ElectionId) {
    let (mut ledger, id) = begun(genesis(validators), hurried);
    for at in 0..usize::from(times) {
        let newcomer = KEYS[at + 1 + usize::from(validators)].public();
        change(
            &mut ledger,
            &ValidatorChange::Admit(Validator {
                key: newcomer,
                ..validator(1)
            }),
        );
        change(&mut ledger, &ValidatorChange::Remove(KEYS[at + 1].public()));
        if at == usize::from(times / 2) {
            ballot(&mut ledger, 252, id);
        }
    }
    ledger.decide(&[]);
    ballot(&mut ledger, 253, id);
    (ledger, id)
}

/// The receipt of the last block, and the archive.
fn shown((ledger, id): &(Ledger, ElectionId)) -> (Receipt, Archive) {
    let receipt = ledger.receipt(ledger.blocks.len() as u64, 0);
    assert_eq!(receipt.check(Some(&ledger.state.chain())), Ok(()));
    let archive = archive(ledger, *id);
    let audit = archive.verify(Some(&ledger.state.chain()), |_| {}).unwrap();
    assert_eq!(audit.tally, ledger.state.tally(id).unwrap());
    (receipt, archive)
}

fn small() -> (Ledger, ElectionId) {
    turned_over(7, 8, false)
}

/// A receipt with a few steps, of both kinds.
pub(crate) fn receipt() -> Receipt {
    let receipt = shown(&turned_over(4, 6, true)).0;
    let leaps = receipt
        .set_changes
        .iter()
        .filter(|step| step.since() == step.header.height)
        .count();
    assert!(leaps > 0 && leaps < receipt.set_changes.len());
    receipt
}

/// Chains of each kind for other verifiers.
pub(crate) fn good() -> Vec<(String, Vec<u8>)> {
    let chains = [
        ("turned", small()),
        ("turned-hurried", turned_over(4, 20, true)),
        ("grown", grown(12, false)),
        ("grown-hurried", grown(24, true)),
    ];
    let files = chains.iter().flat_map(|(name, chain)| {
        let (receipt, archive) = shown(chain);
        [
            (format!("long-receipt-{name}"), encode(&receipt)),
            (format!("long-archive-{name}"), encode(&archive)),
        ]
    });
    files.collect()
}

/// A leap over all changes at once, which too few have signed: its own set has, but not who was
/// there before.
fn too_far(ledger: &Ledger) -> SetChange {
    let (block, certificate) = ledger.blocks.last().unwrap();
    let (header, certificate) = (block.header.clone(), certificate.clone());
    SetChange {
        header,
        certificate,
        validators: ledger.state.validators().clone(),
    }
}

type Lie = fn(&Ledger, &mut Vec<SetChange>);

/// What can be wrong with steps, and what is said of it.
const LIES: [(&str, Lie, &str); 9] = [
    (
        "leap-too-far",
        |ledger, steps| *steps = vec![too_far(ledger)],
        "leaps too far: of the validators before it",
    ),
    ("out-of-order", |_, steps| steps.swap(1, 2), "leaps too far"),
    (
        "back-again",
        |_, steps| steps.push(steps[0].clone()),
        "does not follow from the one before",
    ),
    (
        "step-left-out",
        |_, steps| drop(steps.remove(1)),
        "leaps too far",
    ),
    (
        "step-twice",
        |_, steps| steps.insert(1, steps[0].clone()),
        "does not follow from the one before",
    ),
    (
        "last-step-left-out",
        |_, steps| drop(steps.pop()),
        "names other validators for its height",
    ),
    (
        "set-of-another-hash",
        |ledger, steps| steps[1].validators = ledger.state.genesis().validators.clone(),
        "does not follow from the one before",
    ),
    (
        "too-few-of-its-own",
        |_, steps| steps[0].certificate.signatures.truncate(4),
        "it has the signatures of 4 of 8 power",
    ),
    (
        "signed-by-the-set-before",
        |ledger, steps| {
            let before = &ledger.state.genesis().validators;
            steps[0]
                .certificate
                .signatures
                .retain(|signature| before.contains(&signature.validator));
        },
        "it has the signatures of",
    ),
];

static LIARS: LazyLock<(Ledger, ElectionId)> = LazyLock::new(small);

fn lies() -> impl Iterator<Item = (&'static str, Receipt, Archive, &'static str)> {
    let (receipt, archive) = shown(&LIARS);
    LIES.into_iter().map(move |(name, lie, words)| {
        let (mut receipt, mut archive) = (receipt.clone(), archive.clone());
        lie(&LIARS.0, &mut receipt.set_changes);
        lie(&LIARS.0, &mut archive.set_changes);
        (name, receipt, archive, words)
    })
}

pub(crate) fn bad() -> Vec<(String, Vec<u8>)> {
    let files = lies().flat_map(|(name, receipt, archive, _)| {
        [
            (format!("long-receipt-{name}"), encode(&receipt)),
            (format!("long-archive-{name}"), encode(&archive)),
        ]
    });
    files.collect()
}

#[test]
fn steps_that_do_not_hold_are_refused_for_what_is_wrong_with_them() {
    for (name, receipt, archive, words) in lies() {
        let found = receipt.check(None).unwrap_err().to_string();
        assert!(found.contains(words), "{name}: {found}");
        let found = archive.verify(None, |_| {}).unwrap_err().to_string();
        assert!(found.contains(words), "archive, {name}: {found}");
    }
}

#[test]
fn a_hundred_and_fifty_that_were_admitted_one_by_one_are_proven_in_a_few_steps() {
    let chain = grown(150, true);
    let (receipt, archive) = shown(&chain);
    assert_eq!(chain.0.handovers.len(), 149);
    assert!(
        receipt.set_changes.len() <= 8,
        "{} steps",
        receipt.set_changes.len()
    );
    let bytes = [encode(&receipt).len(), encode(&archive).len()];
    assert!(
        bytes.iter().all(|bytes| *bytes < FRAME_BYTES_MAX / 4),
        "{bytes:?}"
    );
}

#[test]
fn two_thousand_changes_are_proven_in_a_fraction_of_the_steps_if_most_have_signed() {
    let chain = turned_over(7, 1000, false);
    let (receipt, archive) = shown(&chain);
    assert_eq!(chain.0.handovers.len(), 2000);
    assert!(
        receipt.set_changes.len() <= 2000 / 4,
        "{} steps",
        receipt.set_changes.len()
    );
    let bytes = [encode(&receipt).len(), encode(&archive).len()];
    assert!(
        bytes.iter().all(|bytes| *bytes < FRAME_BYTES_MAX),
        "{bytes:?}"
    );
}

#[test]
fn two_thousand_changes_that_as_few_as_can_be_have_signed_are_proven_all_the_same() {
    let chain = turned_over(4, 1000, true);
    let (receipt, _) = shown(&chain);
    assert_eq!(chain.0.handovers.len(), 2000);
    assert!(
        receipt.set_changes.len() <= 1600,
        "{} steps",
        receipt.set_changes.len()
    );
    let mut told = SetHistory::new(receipt.genesis.clone()).unwrap();
    // In parts, as nodes send them.
    let mut from = Height::new(1);
    for part in receipt.set_changes.chunks(100) {
        from = told.extend(from, part.to_vec()).unwrap();
    }
    assert_eq!(
        told.check_final(&receipt.header, &receipt.certificate),
        Ok(())
    );
}

/// An app that has leapt over a set asks for it when it is shown one of its blocks.
#[test]
fn block_between_two_known_sets_is_checked_by_the_steps_to_its_own() {
    let (ledger, _) = &*LIARS;
    let last = ledger.blocks.len() as u64;
    let mut told = SetHistory::new(ledger.state.genesis().as_ref().clone()).unwrap();
    told.extend(Height::new(1), ledger.set_changes(0, last))
        .unwrap();
    let mut asked = 0;
    for (block, certificate) in &ledger.blocks {
        let height = block.header.height;
        if told.check_final(&block.header, certificate)
            == Err(InvalidReceipt::OtherSet(height.get()))
        {
            asked += 1;
            let from = told.known_up_to(height);
            told.extend(
                from,
                ledger.set_changes(ledger.set_number(from.get()), height.get()),
            )
            .unwrap();
        }
        assert_eq!(
            told.check_final(&block.header, certificate),
            Ok(()),
            "height {height}"
        );
    }
    assert!(
        asked > 5 && asked < ledger.handovers.len(),
        "{asked} of {}",
        ledger.handovers.len()
    );
}

/// A block that a former set alone could have signed is none: the one that is left out would have
/// to be among the signers.
#[test]
fn block_that_its_own_set_has_not_decided_is_not_final_whoever_else_has_signed_it() {
    let chain = grown(4, false);
    let (mut receipt, _) = shown(&chain);
    let founder = key(1).public();
    receipt
        .certificate
        .signatures
        .retain(|signature| signature.validator == founder);
    let fault = CertificateFault::Power { power: 1, total: 4 };
    assert_eq!(
        receipt.check(None),
        Err(InvalidReceipt::Certificate {
            height: receipt.header.height.get(),
            fault
        })
    );
    receipt.set_changes.clear();
    assert_eq!(
        receipt.check(None),
        Err(InvalidReceipt::OtherSet(receipt.header.height.get()))
    );
    let (_, mut archive) = shown(&chain);
    archive.set_changes.clear();
    let found = archive.verify(None, |_| {}).unwrap_err();
    assert!(
        matches!(
            found,
            InvalidArchive::SetChanges(InvalidReceipt::OtherSet(_))
        ),
        "{found}"
    );
}

#[test]
fn set_that_comes_back_needs_no_step() {
    let (mut ledger, id) = begun(genesis(4), false);
    change(&mut ledger, &ValidatorChange::Admit(validator(5)));
    change(&mut ledger, &ValidatorChange::Remove(key(5).public()));
    ledger.decide(&[]);
    ballot(&mut ledger, 252, id);
    let chain = (ledger, id);
    let (receipt, _) = shown(&chain);
    assert_eq!((chain.0.handovers.len(), receipt.set_changes.len()), (2, 0));
}
