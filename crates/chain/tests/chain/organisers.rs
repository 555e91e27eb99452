//! Who may create elections, how that changes, and how many.

use std::sync::Arc;

use vote_chain::{
    Act, Archive, Change, Election, ElectionId, Genesis, InvalidOrganisers, InvalidTransaction,
    Limits, OrganiserChange, Organisers, Payload, Selection, Timestamp, ValidatorChange, Verified,
};

use crate::archives::archive;
use crate::ledger::{Ledger, election, genesis, key, validator};

/// A chain of four validators with one organiser, which may have so many elections at a time.
fn with_organiser(organiser_elections_max: u32) -> Ledger {
    let organisers = Organisers::Keys([key(200).public()].into());
    let limits = Limits {
        organiser_elections_max,
        ..Limits::default()
    };
    Ledger::new(Genesis {
        organisers,
        limits,
        ..genesis(4)
    })
}

fn create(ledger: &Ledger, by: u8, salt: u64) -> Arc<Verified> {
    ledger.sign(
        &key(by),
        Payload::CreateElection(Election { salt, ..election() }),
    )
}

fn id(created: &Verified) -> ElectionId {
    ElectionId::new(*created.id().hash())
}

fn approve(ledger: &Ledger, by: u8, change: impl Into<Change>) -> Arc<Verified> {
    let changes_before = ledger.state.registry().changes;
    ledger.sign(
        &key(by),
        Payload::ApproveChange {
            change: change.into(),
            changes_before,
            signed_at: ledger.next_time(),
        },
    )
}

/// Three of four validators approve, in one block.
fn make(ledger: &mut Ledger, change: &OrganiserChange) {
    let approvals: Vec<_> = (1..=3)
        .map(|by| approve(ledger, by, change.clone()))
        .collect();
    ledger.decide(&approvals);
}

#[test]
fn key_creates_elections_from_its_admission_by_more_than_two_thirds_until_its_removal() {
    let mut ledger = with_organiser(10);
    let (newcomer, refused) = (
        key(201).public(),
        InvalidTransaction::NotOrganiser(key(201).public()),
    );
    assert_eq!(
        ledger.try_one(&create(&ledger, 201, 1)),
        Err(refused.clone())
    );
    let admit = OrganiserChange::Admit(newcomer);
    ledger.decide(&[
        approve(&ledger, 1, admit.clone()),
        approve(&ledger, 2, admit.clone()),
    ]);
    assert_eq!(
        ledger.try_one(&create(&ledger, 201, 1)),
        Err(refused.clone()),
        "two of four are too few"
    );
    let created = create(&ledger, 201, 1);
    // In force at once: in the block of the last approval.
    ledger.decide(&[approve(&ledger, 3, admit), created.clone()]);
    make(&mut ledger, &OrganiserChange::Remove(newcomer));
    assert_eq!(ledger.try_one(&create(&ledger, 201, 2)), Err(refused));
    // What it has created, it goes on organising.
    let close = vote_chain::Organise {
        election: id(&created),
        act: Act::Close,
    };
    ledger.decide(&[ledger.sign(&key(201), Payload::Organise(close))]);
    ledger.decide(&[create(&ledger, 200, 3)]);
}

#[test]
fn last_organiser_can_be_removed_and_another_admitted() {
    let mut ledger = with_organiser(10);
    make(&mut ledger, &OrganiserChange::Remove(key(200).public()));
    assert!(ledger.try_one(&create(&ledger, 200, 1)).is_err());
    make(&mut ledger, &OrganiserChange::Admit(key(201).public()));
    ledger.decide(&[create(&ledger, 201, 1)]);
}

#[test]
fn approvals_of_organisers_wait_side_by_side_and_are_no_use_once_the_organiser_was_removed() {
    let mut ledger = with_organiser(10);
    let admit = |at: u8| OrganiserChange::Admit(key(at).public());
    let old = approve(&ledger, 4, admit(201));
    for by in 1..=2 {
        ledger.decide(&[201, 202, 203].map(|at| approve(&ledger, by, admit(at))));
    }
    for at in [201, 202, 203] {
        ledger.decide(&[approve(&ledger, 3, admit(at))]);
    }
    let organisers = Organisers::Keys((200..=203).map(|at| key(at).public()).collect());
    assert_eq!(ledger.state.organisers(), &organisers);
    make(&mut ledger, &OrganiserChange::Remove(key(201).public()));
    assert_eq!(ledger.try_one(&old), Err(InvalidTransaction::StaleApproval));
    assert!(ledger.state.registry().approvals.is_empty());
}

#[test]
fn impossible_changes_and_approvals_of_strangers_are_refused() {
    let ledger = with_organiser(10);
    let of = |change: OrganiserChange, by| ledger.try_one(&approve(&ledger, by, change));
    let (known, unknown) = (key(200).public(), key(201).public());
    assert_eq!(
        of(OrganiserChange::Admit(known), 1),
        Err(InvalidOrganisers::Known(known).into())
    );
    assert_eq!(
        of(OrganiserChange::Remove(unknown), 1),
        Err(InvalidOrganisers::Unknown(unknown).into())
    );
    assert_eq!(
        of(OrganiserChange::Admit(unknown), 200),
        Err(InvalidTransaction::NotValidator(known))
    );
    let full = (0..=255u8).map(|at| key(at).public()).collect();
    let full = Ledger::new(Genesis {
        organisers: Organisers::Keys(full),
        ..genesis(1)
    });
    let stranger =
        vote_chain::SecretKey::from_seed(&[1, 2].repeat(16).try_into().unwrap()).public();
    let one_more = approve(&full, 1, OrganiserChange::Admit(stranger));
    assert_eq!(
        full.try_one(&one_more),
        Err(InvalidOrganisers::Count(257).into())
    );
}

#[test]
fn organisers_are_in_the_state_root_and_a_change_of_the_validators_leaves_them() {
    let mut ledger = with_organiser(10);
    let mut other = with_organiser(10);
    make(&mut ledger, &OrganiserChange::Admit(key(201).public()));
    make(&mut other, &OrganiserChange::Admit(key(202).public()));
    assert_ne!(ledger.state.tip().state_root, other.state.tip().state_root);
    let before = ledger.state.organisers().clone();
    let approvals: Vec<_> = (1..=3)
        .map(|by| approve(&ledger, by, ValidatorChange::Admit(validator(5))))
        .collect();
    ledger.decide(&approvals);
    assert_eq!(ledger.state.organisers(), &before);
}

#[test]
fn drafts_and_open_elections_fill_an_organisers_room_and_those_that_are_over_do_not() {
    let mut ledger = with_organiser(2);
    let full = Err(InvalidTransaction::OrganiserFull(2));
    let (first, second) = (create(&ledger, 200, 1), create(&ledger, 200, 2));
    ledger.decide(&[first.clone(), second.clone()]);
    assert_eq!(ledger.try_one(&create(&ledger, 200, 3)), full);
    // Closing makes room in the same block, and no more than one place.
    ledger.decide(&[ledger.act(id(&first), Act::Close), create(&ledger, 200, 3)]);
    assert_eq!(ledger.try_one(&create(&ledger, 200, 4)), full);
    ledger.decide(&[ledger.act(id(&second), Act::Cancel("no".into()))]);
    // One that closes by its time makes room at that time.
    let at = Some(Timestamp::from_ms(ledger.next_time().ms() + 1500));
    let closing = Election {
        closes_at: at,
        salt: 4,
        ..election()
    };
    ledger.decide(&[ledger.sign(&key(200), Payload::CreateElection(closing))]);
    assert_eq!(ledger.try_one(&create(&ledger, 200, 5)), full);
    ledger.pause_ms = 2000;
    ledger.decide(&[create(&ledger, 200, 5)]);
    assert_eq!(ledger.try_one(&create(&ledger, 200, 6)), full);
    // Another organiser has room of its own.
    make(&mut ledger, &OrganiserChange::Admit(key(201).public()));
    ledger.decide(&[create(&ledger, 201, 1)]);
}

#[test]
fn strangers_who_fill_the_chain_cannot_end_its_use() {
    let limits = Limits {
        organiser_elections_max: 2,
        elections_max: 3,
        ..Limits::default()
    };
    let mut ledger = Ledger::new(Genesis {
        limits,
        ..genesis(4)
    });
    ledger.decide(&[
        create(&ledger, 201, 1),
        create(&ledger, 201, 2),
        create(&ledger, 202, 1),
    ]);
    assert_eq!(
        ledger.try_one(&create(&ledger, 201, 3)),
        Err(InvalidTransaction::OrganiserFull(2))
    );
    assert_eq!(
        ledger.try_one(&create(&ledger, 203, 1)),
        Err(InvalidTransaction::ChainFull(3))
    );
    // The first organiser that is admitted ends that anyone may.
    make(&mut ledger, &OrganiserChange::Admit(key(200).public()));
    ledger.decide(&[create(&ledger, 200, 1)]);
    assert_eq!(
        ledger.try_one(&create(&ledger, 203, 1)),
        Err(InvalidTransaction::NotOrganiser(key(203).public()))
    );
}

/// The archive of an election whose organiser was admitted after the genesis.
pub(crate) fn admitted() -> Archive {
    let mut ledger = with_organiser(10);
    make(&mut ledger, &OrganiserChange::Admit(key(201).public()));
    let created = create(&ledger, 201, 1);
    ledger.decide(std::slice::from_ref(&created));
    ledger.decide(&[ledger.ballot(50, id(&created), Selection::Listed(1))]);
    archive(&ledger, id(&created))
}

#[test]
fn archive_of_an_organiser_that_was_admitted_later_holds() {
    let audit = admitted().verify(None, |_| {}).unwrap();
    assert_eq!(
        (audit.record.organiser, audit.tally.turnout.ballots),
        (key(201).public(), 1)
    );
}
