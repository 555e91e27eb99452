//! Validators come and go, and receipts stay true across it.

use vote_chain::{
    CertificateFault, ChainId, Change, Hash, Height, InvalidReceipt, InvalidTransaction, Payload, Selection,
    SetHistory, ValidatorChange, decode, encode,
};

use crate::ledger::{Ledger, certify, election, genesis, key, validator};

fn approve(ledger: &Ledger, by: u8, change: impl Into<Change>) -> std::sync::Arc<vote_chain::Verified> {
    let changes_before = ledger.state.registry().changes;
    ledger.sign(&key(by), Payload::ApproveChange { change: change.into(), changes_before })
}

#[test]
fn change_takes_effect_two_heights_after_more_than_two_thirds_have_approved() {
    let mut ledger = Ledger::new(genesis(4));
    let admit = ValidatorChange::Admit(validator(5));
    for by in 1..=2 {
        ledger.decide(&[approve(&ledger, by, admit.clone())]);
    }
    assert_eq!(ledger.state.registry().approvals[&admit.clone().into()].len(), 2);
    ledger.decide(&[approve(&ledger, 3, admit)]);
    assert_eq!(ledger.state.validators().count(), 4, "the next height is still the old set's");
    assert_eq!(ledger.state.registry().after.count(), 5);
    assert!(ledger.state.registry().approvals.is_empty());
    ledger.decide(&[]);
    assert_eq!(ledger.state.validators().count(), 5);
    ledger.decide(&[approve(&ledger, 5, ValidatorChange::Remove(key(1).public()))]);
}

#[test]
fn approvals_of_strangers_twice_or_for_a_set_that_is_gone_are_refused() {
    let mut ledger = Ledger::new(genesis(4));
    let admit = ValidatorChange::Admit(validator(5));
    let stranger = approve(&ledger, 9, admit.clone());
    assert_eq!(ledger.try_one(&stranger), Err(InvalidTransaction::NotValidator(key(9).public())));
    let known = approve(&ledger, 1, ValidatorChange::Admit(validator(2)));
    assert!(matches!(ledger.try_one(&known), Err(InvalidTransaction::Change(_))));
    let (first, late) = (approve(&ledger, 1, admit.clone()), approve(&ledger, 4, admit.clone()));
    ledger.decide(std::slice::from_ref(&first));
    assert_eq!(ledger.try_one(&first), Err(InvalidTransaction::AlreadyApproved(key(1).public())));
    ledger.decide(&[approve(&ledger, 2, admit.clone()), approve(&ledger, 3, admit)]);
    assert_eq!(ledger.try_one(&late), Err(InvalidTransaction::StaleApproval));
    // The same set again: old approvals stay void, or anybody could admit whom the validators have removed.
    let remove = ValidatorChange::Remove(key(5).public());
    let all: Vec<_> = (1..=4).map(|by| approve(&ledger, by, remove.clone())).collect();
    ledger.decide(&all);
    assert_eq!(ledger.state.registry().after.hash(), genesis(4).validators.hash());
    for approval in [first, late] {
        assert_eq!(ledger.try_one(&approval), Err(InvalidTransaction::StaleApproval));
    }
}

#[test]
fn approvals_of_one_validator_stand_in_nobodys_way() {
    let mut ledger = Ledger::new(genesis(4));
    for junk in 10..16 {
        ledger.decide(&[approve(&ledger, 1, ValidatorChange::Admit(validator(junk)))]);
    }
    let waiting: Vec<_> = ledger.state.registry().approvals.keys().cloned().collect();
    let newest: Vec<_> = (12..16).map(|junk| Change::from(ValidatorChange::Admit(validator(junk)))).collect();
    assert!(waiting.len() == 4 && newest.iter().all(|change| waiting.contains(change)), "the newest four wait");
    let remove = ValidatorChange::Remove(key(1).public());
    let honest: Vec<_> = (2..=4).map(|by| approve(&ledger, by, remove.clone())).collect();
    ledger.decide(&honest);
    assert!(!ledger.state.registry().after.contains(&key(1).public()), "three of four remove it in one block");
}

#[test]
fn approval_that_has_waited_for_a_month_is_void_and_can_be_given_again() {
    let mut ledger = Ledger::new(genesis(4));
    let admit = ValidatorChange::Admit(validator(5));
    ledger.decide(&[approve(&ledger, 1, admit.clone()), approve(&ledger, 2, admit.clone())]);
    assert_eq!(
        ledger.try_one(&approve(&ledger, 1, admit.clone())),
        Err(InvalidTransaction::AlreadyApproved(key(1).public()))
    );
    ledger.pause_ms = 31 * 24 * 3600 * 1000;
    ledger.decide(&[approve(&ledger, 3, admit.clone())]);
    ledger.pause_ms = 1000;
    assert_eq!(ledger.state.registry().approvals[&admit.clone().into()].len(), 1, "the first two have lapsed");
    ledger.decide(&[approve(&ledger, 1, admit.clone()), approve(&ledger, 2, admit)]);
    assert_eq!(ledger.state.registry().after.count(), 5);
}

/// A chain that goes from one validator to two, with a ballot before and after.
fn grown() -> Ledger {
    let mut ledger = Ledger::new(genesis(1));
    let id = ledger.create(election());
    ledger.decide(&[ledger.ballot(50, id, Selection::Listed(0))]);
    ledger.decide(&[approve(&ledger, 1, ValidatorChange::Admit(validator(2)))]);
    ledger.decide(&[]);
    ledger.decide(&[ledger.ballot(51, id, Selection::Listed(0)), ledger.ballot(52, id, Selection::Listed(1))]);
    ledger
}

#[test]
fn receipts_hold_before_and_after_a_change_of_the_set() {
    let ledger = grown();
    assert_eq!(ledger.state.validators().count(), 2);
    for (height, index) in [(2, 0), (5, 0), (5, 1)] {
        let receipt = ledger.receipt(height, index);
        assert_eq!(receipt.check(Some(&ledger.state.chain())), Ok(()), "height {height}");
        assert_eq!(receipt.check(None), Ok(()));
        assert_eq!(decode::<vote_chain::Receipt>(&encode(&receipt)).unwrap(), receipt);
    }
}

#[test]
fn receipt_with_any_byte_changed_is_refused() {
    let ledger = grown();
    let bytes = encode(&ledger.receipt(5, 1));
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 1 << (at % 8);
        let believed = decode::<vote_chain::Receipt>(&forged).is_ok_and(|receipt| receipt.check(None).is_ok());
        assert!(!believed, "byte {at} of {} is not protected", bytes.len());
    }
}

#[test]
fn receipt_lies_are_named() {
    let ledger = grown();
    let honest = ledger.receipt(5, 0);
    let other = ChainId::new(Hash::from_bytes([1; 32]));
    assert_eq!(honest.check(Some(&other)), Err(InvalidReceipt::WrongChain(ledger.state.chain())));
    let without_change = vote_chain::Receipt { set_changes: Vec::new(), ..honest.clone() };
    assert!(without_change.check(None) == Err(InvalidReceipt::OtherSet(5)));
    let another = ledger.receipt(5, 1);
    let swapped = vote_chain::Receipt { transaction: another.transaction, ..honest.clone() };
    assert_eq!(swapped.check(None), Err(InvalidReceipt::Inclusion));
    let mut twice = honest.clone();
    twice.set_changes.push(honest.set_changes[0].clone());
    assert!(matches!(twice.check(None), Err(InvalidReceipt::SetChange(_))));
    let mut idle = honest;
    idle.set_changes[0].validators = ledger.state.genesis().validators.clone();
    idle.set_changes[0].header = ledger.blocks[0].0.header.clone();
    idle.set_changes[0].certificate = ledger.blocks[0].1.clone();
    assert_eq!(idle.check(None), Err(InvalidReceipt::SetChange(1)), "a change changes something");
}

#[test]
fn block_with_the_signatures_of_the_former_set_alone_shows_that_a_change_is_left_out() {
    let ledger = grown();
    let receipt = ledger.receipt(5, 0);
    let mut told = SetHistory::new(receipt.genesis.clone()).unwrap();
    let mut certificate = receipt.certificate.clone();
    certificate.signatures.retain(|signature| signature.validator == key(1).public());
    assert_eq!(told.check_final(&receipt.header, &certificate), Err(InvalidReceipt::OtherSet(5)));
    told.extend(Height::new(1), receipt.set_changes).unwrap();
    assert_eq!(told.check_final(&receipt.header, &receipt.certificate), Ok(()));
    let fewer = told.check_final(&receipt.header, &certificate);
    assert!(matches!(fewer, Err(InvalidReceipt::Certificate { height: 5, .. })), "{fewer:?}");
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
    foreign.signatures.sort_by_key(|signature| signature.validator);
    assert_eq!(check(&foreign), Err(CertificateFault::Stranger(key(9).public())));
    let mut moved = certify(state, &block, &keys[..3]);
    moved.round = 1;
    assert!(matches!(check(&moved), Err(CertificateFault::Signature(_))));
}
