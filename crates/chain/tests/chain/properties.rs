//! What holds for any input.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use vote_chain::{
    Ballot, Block, Choice, CommitCertificate, Contest, Election, ElectionId, Genesis, Hash, Payload, PublicKey,
    Receipt, Rule, State, Timestamp, Transaction, Validator, ValidatorChange, ValidatorSetHash, Verified, decode,
    encode, verify,
};

use crate::ledger::{Ledger, START, election, genesis, key};

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

fn payload() -> impl Strategy<Value = Payload> {
    let places = || prop::collection::vec(any::<u16>(), 0..5);
    let choice = prop_oneof![
        any::<u16>().prop_map(Choice::Listed),
        ".{0,40}".prop_map(Choice::WriteIn),
        places().prop_map(Choice::Approved),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(Choice::Scored),
        prop::collection::vec(places(), 0..5).prop_map(Choice::Ranked),
    ];
    let ballot = (hash(), ".{0,40}", choice)
        .prop_map(|(id, name, choice)| Payload::CastBallot(Ballot { election: ElectionId::new(id), name, choice }));
    let contest = prop_oneof![Just(Contest::WriteIn), prop::collection::vec(".{0,20}", 0..6).prop_map(Contest::Listed)];
    let time = prop::option::of(any::<u64>().prop_map(Timestamp::from_ms));
    let create = (".{0,40}", ".{0,80}", contest, time.clone(), time, any::<u64>()).prop_map(
        |(title, description, contest, opens_at, closes_at, salt)| {
            let (rule, seats) = (Rule::Stv, 3);
            Payload::CreateElection(Election { title, description, contest, rule, seats, opens_at, closes_at, salt })
        },
    );
    let public = any::<[u8; 32]>().prop_map(PublicKey::from_bytes);
    let validator =
        (public.clone(), ".{0,20}", any::<u64>()).prop_map(|(key, name, power)| Validator { key, name, power });
    let change = prop_oneof![validator.prop_map(ValidatorChange::Admit), public.prop_map(ValidatorChange::Remove)];
    let approve =
        (change, hash()).prop_map(|(change, set)| Payload::ApproveChange { change, set: ValidatorSetHash::new(set) });
    prop_oneof![ballot, create, hash().prop_map(|id| Payload::CloseElection(ElectionId::new(id))), approve]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn transaction_comes_back_from_its_bytes(payload in payload(), seed: [u8; 32], chain in hash()) {
        let signed = Transaction::sign(vote_chain::ChainId::new(chain), &vote_chain::SecretKey::from_seed(&seed), payload);
        prop_assert_eq!(decode::<Transaction>(&signed.to_bytes()).unwrap(), signed);
    }

    #[test]
    fn one_bit_changed_in_a_transaction_is_never_verified(payload in payload(), at: prop::sample::Index, bit in 0..8u8) {
        let chain = genesis(1).chain();
        let mut bytes = Transaction::sign(chain, &key(50), payload).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(verify(&chain, &bytes).is_err());
    }

    #[test]
    fn any_bytes_are_decoded_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = (decode::<Transaction>(&bytes), decode::<Block>(&bytes), decode::<Receipt>(&bytes));
        let _ = (decode::<Genesis>(&bytes), decode::<CommitCertificate>(&bytes));
    }

    #[test]
    fn what_decodes_is_what_would_be_encoded(mut bytes in prop::collection::vec(any::<u8>(), 0..8), payload in payload(),
            at: prop::sample::Index) {
        let mut whole = Transaction::sign(genesis(1).chain(), &key(50), payload).to_bytes();
        let at = at.index(whole.len());
        whole.splice(at..at, bytes.drain(..));
        if let Ok(transaction) = decode::<Transaction>(&whole) {
            prop_assert_eq!(encode(&transaction), whole);
        }
    }

    /// Whatever people submit, in whatever order: builder and judges agree, and the count is that of the first ballots.
    #[test]
    fn every_node_comes_to_the_same_state_and_count(votes in prop::collection::vec((50..70u8, 0..5u16), 0..60), cut in 1..20usize) {
        let (mut ledger, mut twin) = (Ledger::new(genesis(4)), Ledger::new(genesis(4)));
        let id = ledger.create(election());
        prop_assert_eq!(twin.create(election()), id);
        let mut first: BTreeMap<u8, u16> = BTreeMap::new();
        for part in votes.chunks(cut) {
            let all: Vec<Arc<Verified>> = part.iter().map(|(voter, choice)| ledger.ballot(*voter, id, Choice::Listed(*choice))).collect();
            let good: Vec<_> = part.iter().zip(&all).filter(|((voter, choice), _)| {
                *choice < 3 && !first.contains_key(voter) && first.insert(*voter, *choice).is_none()
            }).map(|(_, ballot)| ballot.clone()).collect();
            let (built, _, refused) = ledger.state.build(ledger.next_time(), key(1).public(), &all);
            prop_assert_eq!(built.transactions(), good.as_slice());
            prop_assert_eq!(refused.len(), all.len() - good.len());
            ledger.decide(&good);
            twin.decide(&good);
        }
        prop_assert_eq!(ledger.state.tip(), twin.state.tip());
        let counted: Vec<_> = ledger.state.tally(&id).unwrap().lines;
        for (at, words) in ["Soup", "Pasta", "Salad"].iter().enumerate() {
            let expected = first.values().filter(|choice| usize::from(**choice) == at).count() as u64;
            prop_assert_eq!(counted.iter().find(|line| line.choice == *words).unwrap().votes, expected);
        }
        // And the state is what its last root says.
        let empty = State::new(genesis(4));
        prop_assert!(empty.tip().state_root != ledger.state.tip().state_root);
        prop_assert!(ledger.state.tip().time >= Timestamp::from_ms(START));
    }
}
