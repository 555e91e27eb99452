//! Validators come and go, and receipts stay true across it.

use std::sync::Arc;

use proptest::prelude::*;
use vote_chain::{
    CertificateFault, ChainId, Change, Hash, Height, InvalidReceipt, InvalidTransaction,
    OrganiserChange, Organisers, Payload, Selection, SetHistory, Timestamp, ValidatorChange,
    Verified, decode, encode,
};

use crate::ledger::{Ledger, certify, election, genesis, key, validator};

const DAY_MS: u64 = 24 * 3600 * 1000;
const LAPSES_MS: u64 = 30 * DAY_MS;

fn approve(ledger: &Ledger, by: u8, change: impl Into<Change>) -> Arc<Verified> {
    approve_at(ledger, by, change, ledger.next_time())
}

fn approve_at(
    ledger: &Ledger,
    by: u8,
    change: impl Into<Change>,
    signed_at: Timestamp,
) -> Arc<Verified> {
    let changes_before = ledger.state.registry().changes;
    ledger.sign(
        &key(by),
        Payload::ApproveChange {
            change: change.into(),
            changes_before,
            signed_at,
        },
    )
}

fn admit(at: u8) -> ValidatorChange {
    ValidatorChange::Admit(validator(at))
}

#[test]
fn change_takes_effect_two_heights_after_more_than_two_thirds_have_approved() {
    let mut ledger = Ledger::new(genesis(4));
    let admit = ValidatorChange::Admit(validator(5));
    for by in 1..=2 {
        ledger.decide(&[approve(&ledger, by, admit.clone())]);
    }
    assert_eq!(
        ledger.state.registry().approved()[&admit.clone().into()].len(),
        2
    );
    ledger.decide(&[approve(&ledger, 3, admit)]);
    assert_eq!(
        ledger.state.validators().count(),
        4,
        "the next height is still the old set's"
    );
    assert_eq!(ledger.state.registry().after.count(), 5);
    assert!(ledger.state.registry().approvals.is_empty());
    ledger.decide(&[]);
    assert_eq!(ledger.state.validators().count(), 5);
    ledger.decide(&[approve(
        &ledger,
        5,
        ValidatorChange::Remove(key(1).public()),
    )]);
}

#[test]
fn approvals_of_strangers_twice_or_for_a_set_that_is_gone_are_refused() {
    let mut ledger = Ledger::new(genesis(4));
    let admit = ValidatorChange::Admit(validator(5));
    let stranger = approve(&ledger, 9, admit.clone());
    assert_eq!(
        ledger.try_one(&stranger),
        Err(InvalidTransaction::NotValidator(key(9).public()))
    );
    let known = approve(&ledger, 1, ValidatorChange::Admit(validator(2)));
    assert!(matches!(
        ledger.try_one(&known),
        Err(InvalidTransaction::Change(_))
    ));
    let (first, late) = (
        approve(&ledger, 1, admit.clone()),
        approve(&ledger, 4, admit.clone()),
    );
    ledger.decide(std::slice::from_ref(&first));
    assert_eq!(
        ledger.try_one(&first),
        Err(InvalidTransaction::AlreadyApproved(key(1).public()))
    );
    ledger.decide(&[
        approve(&ledger, 2, admit.clone()),
        approve(&ledger, 3, admit),
    ]);
    assert_eq!(
        ledger.try_one(&late),
        Err(InvalidTransaction::StaleApproval)
    );
    // The same set again: old approvals stay void, or anybody could admit whom the validators have
    // removed.
    let remove = ValidatorChange::Remove(key(5).public());
    let all: Vec<_> = (1..=4)
        .map(|by| approve(&ledger, by, remove.clone()))
        .collect();
    ledger.decide(&all);
    assert_eq!(
        ledger.state.registry().after.hash(),
        genesis(4).validators.hash()
    );
    for approval in [first, late] {
        assert_eq!(
            ledger.try_one(&approval),
            Err(InvalidTransaction::StaleApproval)
        );
    }
}

#[test]
fn approvals_of_one_validator_stand_in_nobodys_way() {
    let mut ledger = Ledger::new(genesis(4));
    for junk in 10..16 {
        ledger.decide(&[approve(&ledger, 1, ValidatorChange::Admit(validator(junk)))]);
    }
    let waiting: Vec<_> = ledger.state.registry().approved().into_keys().collect();
    let newest: Vec<_> = (12..16)
        .map(|junk| Change::from(ValidatorChange::Admit(validator(junk))))
        .collect();
    assert!(
        waiting.len() == 4 && newest.iter().all(|change| waiting.contains(change)),
        "the newest four wait"
    );
    let remove = ValidatorChange::Remove(key(1).public());
    let honest: Vec<_> = (2..=4)
        .map(|by| approve(&ledger, by, remove.clone()))
        .collect();
    ledger.decide(&honest);
    assert!(
        !ledger.state.registry().after.contains(&key(1).public()),
        "three of four remove it in one block"
    );
}

#[test]
fn approval_that_has_waited_for_a_month_is_void_and_can_be_given_again() {
    let mut ledger = Ledger::new(genesis(4));
    let admit = ValidatorChange::Admit(validator(5));
    ledger.decide(&[
        approve(&ledger, 1, admit.clone()),
        approve(&ledger, 2, admit.clone()),
    ]);
    ledger.pause_ms = LAPSES_MS + DAY_MS;
    ledger.decide(&[approve(&ledger, 3, admit.clone())]);
    ledger.pause_ms = 1000;
    assert_eq!(
        ledger.state.registry().approved()[&admit.clone().into()].len(),
        1,
        "the first two have lapsed"
    );
    ledger.decide(&[
        approve(&ledger, 1, admit.clone()),
        approve(&ledger, 2, admit),
    ]);
    assert_eq!(ledger.state.registry().after.count(), 5);
}

/// What the first of four validators has approved so far, one change a block, the newest last.
fn six_given(ledger: &mut Ledger) -> Vec<Arc<Verified>> {
    let mut given = Vec::new();
    for at in 10..16 {
        given.push(approve(ledger, 1, admit(at)));
        ledger.decide(&given[given.len() - 1..]);
    }
    given
}

#[test]
fn approval_that_newer_ones_have_pushed_out_cannot_be_sent_again() {
    let mut ledger = Ledger::new(genesis(4));
    let given = six_given(&mut ledger);
    let signer = key(1).public();
    for (at, approval) in given.iter().enumerate() {
        let refused = if at < 2 {
            InvalidTransaction::OldApproval(signer)
        } else {
            InvalidTransaction::AlreadyApproved(signer)
        };
        assert_eq!(
            ledger.try_one(approval),
            Err(refused),
            "the approval numbered {at}"
        );
    }
    // The signer can give it again.
    ledger.decide(&[approve(&ledger, 1, admit(10))]);
    assert!(
        ledger
            .state
            .registry()
            .approved()
            .contains_key(&admit(10).into())
    );
    // Of two of one time, one goes, and does not come back while the other waits.
    let start = ledger.next_time();
    let given = [0, 0, 1, 2, 3]
        .into_iter()
        .zip(20..)
        .map(|(ms, at)| approve_at(&ledger, 2, admit(at), start.plus_ms(ms)));
    let given: Vec<_> = given.collect();
    ledger.decide(&given);
    assert_eq!(
        ledger.try_one(&given[0]),
        Err(InvalidTransaction::OldApproval(key(2).public()))
    );
}

#[test]
fn approval_that_has_lapsed_cannot_be_sent_again() {
    let mut ledger = Ledger::new(genesis(4));
    let old = approve(&ledger, 1, admit(5));
    let signed_at = ledger.next_time();
    ledger.decide(std::slice::from_ref(&old));
    ledger.pause_ms = LAPSES_MS + 1;
    assert_eq!(
        ledger.try_one(&old),
        Err(InvalidTransaction::LapsedApproval(signed_at))
    );
    // Also after other approvals have cleared it away, and after it was given anew.
    ledger.decide(&[approve(&ledger, 2, admit(6)), approve(&ledger, 1, admit(5))]);
    ledger.pause_ms = 1000;
    assert_eq!(
        ledger.try_one(&old),
        Err(InvalidTransaction::LapsedApproval(signed_at))
    );
}

#[test]
fn approval_that_comes_late_lapses_by_the_time_of_its_signing() {
    let mut ledger = Ledger::new(genesis(4));
    let held_back = approve(&ledger, 1, admit(5));
    // It comes at the last moment.
    ledger.pause_ms += LAPSES_MS;
    ledger.decide(&[held_back]);
    ledger.pause_ms = 1;
    ledger.decide(&[approve(&ledger, 2, admit(5)), approve(&ledger, 3, admit(5))]);
    assert_eq!(
        ledger.state.registry().after.count(),
        4,
        "two of four count: that of the first has lapsed"
    );
}

#[test]
fn change_approved_again_waits_from_then_on_and_one_as_old_or_older_is_refused() {
    let mut ledger = Ledger::new(genesis(4));
    let start = ledger.next_time();
    let at = |ms| approve_at(&ledger, 1, admit(5), start.plus_ms(ms));
    let [first, same_time, older, again] = [at(10), at(10), at(9), at(11)];
    ledger.decide(std::slice::from_ref(&first));
    for refused in [&first, &same_time, &older] {
        assert_eq!(
            ledger.try_one(refused),
            Err(InvalidTransaction::AlreadyApproved(key(1).public()))
        );
    }
    ledger.decide(&[again]);
    let waiting: Vec<_> = ledger.state.registry().approvals[&key(1).public()]
        .iter()
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(waiting, [start.plus_ms(11)]);
    assert!(ledger.try_one(&first).is_err());
}

#[test]
fn order_in_which_approvals_of_one_signer_come_makes_no_difference() {
    let waiting = |order: [usize; 6]| {
        let mut ledger = Ledger::new(genesis(4));
        let start = ledger.next_time();
        let changes = [5, 6, 7, 5, 8, 9];
        for at in order {
            let approval = approve_at(&ledger, 1, admit(changes[at]), start.plus_ms(at as u64));
            // What four newer ones have pushed out before it comes is refused.
            let _: Result<(), InvalidTransaction> = ledger
                .try_one(&approval)
                .map(|()| ledger.decide(std::slice::from_ref(&approval)));
        }
        ledger.state.registry().approvals.clone()
    };
    let in_order = waiting([0, 1, 2, 3, 4, 5]);
    assert_eq!(in_order[&key(1).public()].len(), 4);
    for order in [[5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2], [1, 0, 3, 2, 5, 4]] {
        assert_eq!(waiting(order), in_order, "{order:?}");
    }
}

#[test]
fn clock_an_hour_ahead_can_approve_and_one_that_is_further_cannot() {
    let ledger = Ledger::new(genesis(4));
    let (now, hour) = (ledger.next_time(), 3600 * 1000);
    let signed = |at| ledger.try_one(&approve_at(&ledger, 1, admit(5), at));
    assert_eq!(signed(now.plus_ms(hour)), Ok(()));
    assert_eq!(
        signed(now.plus_ms(hour + 1)),
        Err(InvalidTransaction::EarlyApproval(hour + 1))
    );
    assert_eq!(
        signed(Timestamp::from_ms(u64::MAX)).map_err(|_| ()),
        Err(())
    );
    assert_eq!(
        signed(Timestamp::from_ms(0)),
        Err(InvalidTransaction::LapsedApproval(Timestamp::from_ms(0)))
    );
}

#[test]
fn approval_is_newer_than_its_signers_others_though_the_clock_was_set_back() {
    let mut ledger = Ledger::new(genesis(4));
    let now = ledger.next_time();
    let signer = key(1).public();
    assert_eq!(ledger.state.registry().signing_time(&signer, now), now);
    for at in 10..14 {
        ledger.decide(&[approve_at(&ledger, 1, admit(at), now.plus_ms(3_000_000))]);
    }
    let signed_at = ledger
        .state
        .registry()
        .signing_time(&signer, ledger.next_time());
    ledger.decide(&[approve_at(&ledger, 1, admit(5), signed_at)]);
    assert!(
        ledger
            .state
            .registry()
            .approved()
            .contains_key(&admit(5).into())
    );
}

#[test]
fn three_of_four_change_the_set_while_all_that_was_ever_approved_is_sent_again() {
    let mut ledger = Ledger::new(genesis(4));
    let mut ever: Vec<Arc<Verified>> = Vec::new();
    let mut decide_amid_replays = |ledger: &mut Ledger, approval: Arc<Verified>| {
        ledger.decide(std::slice::from_ref(&approval));
        for old in &ever {
            let again = ledger.try_one(old);
            assert!(
                again.is_err(),
                "an old approval of {:.16} counts again",
                old.content().signer
            );
        }
        ever.push(approval);
    };
    // Before each approval that is meant, the same signer has changed its mind six times.
    for by in 1..=3 {
        for at in 10..16 {
            let approval = approve(&ledger, by, admit(at + 10 * by));
            decide_amid_replays(&mut ledger, approval);
        }
        let approval = approve(&ledger, by, admit(5));
        decide_amid_replays(&mut ledger, approval);
    }
    assert_eq!(ledger.state.registry().after.count(), 5);
    // It is undone, and stays so.
    for by in 1..=4 {
        let approval = approve(&ledger, by, ValidatorChange::Remove(key(5).public()));
        decide_amid_replays(&mut ledger, approval);
    }
    assert_eq!(ledger.state.registry().after.count(), 4);
}

/// Who approves what, how long after the block before, and how much before or after its block it
/// says that it was signed.
fn given() -> impl Strategy<Value = (u8, u8, u64, i64)> {
    let pause = prop_oneof![6 => 1..4u64, 1 => Just(LAPSES_MS / 2), 1 => Just(LAPSES_MS + 1)];
    let skew = prop_oneof![3 => -9i64..9, 1 => -(31 * DAY_MS as i64)..3_600_000];
    (1..=4u8, 5..20u8, pause, skew)
}

/// Those below 10 become validators, the others organisers, and whoever is one goes again.
fn next_change(ledger: &Ledger, at: u8) -> Change {
    let (registry, public) = (ledger.state.registry(), key(at).public());
    let organises =
        matches!(&registry.organisers, Organisers::Keys(keys) if keys.contains(&public));
    match (at < 10, registry.after.contains(&public), organises) {
        (true, true, _) => ValidatorChange::Remove(public).into(),
        (true, false, _) => admit(at).into(),
        (false, _, true) => OrganiserChange::Remove(public).into(),
        (false, _, false) => OrganiserChange::Admit(public).into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_approval_comes_to_the_ledger_twice(given in prop::collection::vec(given(), 1..40)) {
        let mut ledger = Ledger::new(genesis(4));
        let mut ever: Vec<Arc<Verified>> = Vec::new();
        for (by, at, pause_ms, skew) in given {
            ledger.pause_ms = pause_ms;
            let signed_at = Timestamp::from_ms(ledger.next_time().ms().saturating_add_signed(skew));
            let change = next_change(&ledger, at);
            let approval = approve_at(&ledger, by, change, signed_at);
            if ledger.try_one(&approval).is_ok() {
                ledger.decide(std::slice::from_ref(&approval));
                ever.push(approval);
            }
            for old in &ever {
                prop_assert!(ledger.try_one(old).is_err());
            }
            let registry = ledger.state.registry();
            prop_assert!(registry.approvals.values().all(|given| given.len() <= 4 && given.is_sorted_by_key(|(at, _)| at)));
        }
    }
}

/// A chain that goes from one validator to two, with a ballot before and after.
fn grown() -> Ledger {
    let mut ledger = Ledger::new(genesis(1));
    let id = ledger.create(election());
    ledger.decide(&[ledger.ballot(50, id, Selection::Listed(0))]);
    ledger.decide(&[approve(&ledger, 1, ValidatorChange::Admit(validator(2)))]);
    ledger.decide(&[]);
    ledger.decide(&[
        ledger.ballot(51, id, Selection::Listed(0)),
        ledger.ballot(52, id, Selection::Listed(1)),
    ]);
    ledger
}

#[test]
fn receipts_hold_before_and_after_a_change_of_the_set() {
    let ledger = grown();
    assert_eq!(ledger.state.validators().count(), 2);
    for (height, index) in [(2, 0), (5, 0), (5, 1)] {
        let receipt = ledger.receipt(height, index);
        assert_eq!(
            receipt.check(Some(&ledger.state.chain())),
            Ok(()),
            "height {height}"
        );
        assert_eq!(receipt.check(None), Ok(()));
        assert_eq!(
            decode::<vote_chain::Receipt>(&encode(&receipt)).unwrap(),
            receipt
        );
    }
}

#[test]
fn receipt_with_any_byte_changed_is_refused() {
    let ledger = grown();
    let bytes = encode(&ledger.receipt(5, 1));
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 1 << (at % 8);
        let believed =
            decode::<vote_chain::Receipt>(&forged).is_ok_and(|receipt| receipt.check(None).is_ok());
        assert!(!believed, "byte {at} of {} is not protected", bytes.len());
    }
}

#[test]
fn receipt_lies_are_named() {
    let ledger = grown();
    let honest = ledger.receipt(5, 0);
    let other = ChainId::new(Hash::from_bytes([1; 32]));
    assert_eq!(
        honest.check(Some(&other)),
        Err(InvalidReceipt::WrongChain(ledger.state.chain()))
    );
    let without_change = vote_chain::Receipt {
        set_changes: Vec::new(),
        ..honest.clone()
    };
    assert!(without_change.check(None) == Err(InvalidReceipt::OtherSet(5)));
    let another = ledger.receipt(5, 1);
    let swapped = vote_chain::Receipt {
        transaction: another.transaction,
        ..honest.clone()
    };
    assert_eq!(swapped.check(None), Err(InvalidReceipt::Inclusion));
    let mut twice = honest.clone();
    twice.set_changes.push(honest.set_changes[0].clone());
    assert!(matches!(
        twice.check(None),
        Err(InvalidReceipt::SetChange(_))
    ));
    let mut idle = honest;
    idle.set_changes[0].validators = ledger.state.genesis().validators.clone();
    idle.set_changes[0].header = ledger.blocks[0].0.header.clone();
    idle.set_changes[0].certificate = ledger.blocks[0].1.clone();
    assert_eq!(
        idle.check(None),
        Err(InvalidReceipt::SetChange(1)),
        "a change changes something"
    );
}

#[test]
fn block_with_the_signatures_of_the_former_set_alone_shows_that_a_change_is_left_out() {
    let ledger = grown();
    let receipt = ledger.receipt(5, 0);
    let mut told = SetHistory::new(receipt.genesis.clone()).unwrap();
    let mut certificate = receipt.certificate.clone();
    certificate
        .signatures
        .retain(|signature| signature.validator == key(1).public());
    assert_eq!(
        told.check_final(&receipt.header, &certificate),
        Err(InvalidReceipt::OtherSet(5))
    );
    told.extend(Height::new(1), receipt.set_changes).unwrap();
    assert_eq!(
        told.check_final(&receipt.header, &receipt.certificate),
        Ok(())
    );
    let fewer = told.check_final(&receipt.header, &certificate);
    assert!(
        matches!(fewer, Err(InvalidReceipt::Certificate { height: 5, .. })),
        "{fewer:?}"
    );
}

#[test]
fn certificate_counts_each_validator_once_strangers_not_and_needs_more_than_two_thirds() {
    let ledger = Ledger::new(genesis(4));
    let (block, _) = ledger.build(&[]);
    let (state, hash, height) = (&ledger.state, block.hash(), block.header().height);
    let keys: Vec<_> = (1..=4).map(key).collect();
    let check = |certificate: &vote_chain::CommitCertificate| {
        certificate.verify(&state.chain(), height, &hash, state.validators())
    };
    assert_eq!(check(&certify(state, &block, &keys[..3])), Ok(()));
    let power = CertificateFault::Power { power: 2, total: 4 };
    assert_eq!(check(&certify(state, &block, &keys[..2])), Err(power));
    let mut padded = certify(state, &block, &keys[..2]);
    padded.signatures.push(padded.signatures[1].clone());
    assert_eq!(check(&padded), Err(CertificateFault::Order));
    let mut foreign = certify(state, &block, &keys[..3]);
    foreign.signatures[2].validator = key(9).public();
    foreign
        .signatures
        .sort_by_key(|signature| signature.validator);
    assert_eq!(
        check(&foreign),
        Err(CertificateFault::Stranger(key(9).public()))
    );
    let mut moved = certify(state, &block, &keys[..3]);
    moved.round = 1;
    assert!(matches!(check(&moved), Err(CertificateFault::Signature(_))));

    // Together the same is said of each as alone, whatever stands beside it.
    let mut forged = certify(state, &block, &keys);
    forged.signatures[2].signature = forged.signatures[1].signature;
    let good = certify(state, &block, &keys);
    let all = [
        padded,
        good.clone(),
        forged.clone(),
        foreign,
        certify(state, &block, &keys[..2]),
        good,
        moved,
    ];
    let each = all
        .iter()
        .map(|certificate| (certificate, height, hash, state.validators()));
    let together = vote_chain::CommitCertificate::verify_all(&state.chain(), each);
    assert_eq!(together, all.each_ref().map(check));
    assert_eq!(
        together[2],
        Err(CertificateFault::Signature(forged.signatures[2].validator))
    );
}
