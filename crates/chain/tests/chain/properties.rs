//! What holds for any input.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use vote_chain::{
    Act, Ballot, Block, Choices, CommitCertificate, Contest, Election, ElectionId, Genesis, Hash,
    Organise, OrganiserChange, Overvotes, Payload, PublicKey, Ranks, Receipt, Rule, Selection,
    State, Timestamp, Transaction, Validator, ValidatorChange, Verified, Voter, Voters, decode,
    encode, verify,
};

use crate::ledger::{Ledger, START, election, genesis, key};

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

fn payload() -> impl Strategy<Value = Payload> {
    let places = || prop::collection::vec(any::<u16>(), 0..5);
    let choice = prop_oneof![
        any::<u16>().prop_map(Selection::Listed),
        ".{0,40}".prop_map(Selection::WriteIn),
        places().prop_map(Selection::Approved),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(Selection::Scored),
        prop::collection::vec(places(), 0..5)
            .prop_map(|ranks| Selection::Ranked(Ranks::new(ranks).unwrap())),
        Just(Selection::Abstain),
    ];
    let selections = prop::collection::vec(choice, 0..3);
    let ballot = (hash(), any::<u32>(), ".{0,40}", selections).prop_map(
        |(id, counter, name, selections)| {
            Payload::CastBallot(Ballot {
                election: ElectionId::new(id),
                counter,
                name,
                selections,
            })
        },
    );
    let choices = prop_oneof![
        Just(Choices::WriteIn),
        prop::collection::vec(".{0,20}", 0..6).prop_map(Choices::Listed)
    ];
    let overvotes = prop::sample::select(Overvotes::ALL.to_vec());
    let contest = (
        ".{0,20}",
        choices,
        prop::sample::select(Rule::ALL.to_vec()),
        any::<[u16; 3]>(),
        any::<[bool; 2]>(),
        overvotes,
    )
        .prop_map(
            |(
                title,
                choices,
                rule,
                [seats, choices_min, choices_max],
                [abstention, shuffle],
                overvotes,
            )| {
                let fields = Contest {
                    title,
                    choices,
                    rule,
                    seats,
                    choices_min,
                    choices_max,
                    abstention,
                    shuffle,
                    majority: None,
                    overvotes,
                };
                fields.settled()
            },
        );
    let contests = prop::collection::vec(contest, 0..3);
    let voters = prop::sample::select(vec![Voters::Anyone, Voters::Roll, Voters::WeightedRoll]);
    let time = prop::option::of(any::<u64>().prop_map(Timestamp::from_ms));
    let create = (
        ".{0,40}",
        ".{0,80}",
        contests,
        voters,
        time.clone(),
        time.clone(),
        any::<(u16, u64, bool)>(),
    )
        .prop_map(
            |(
                title,
                description,
                contests,
                voters,
                opens_at,
                closes_at,
                (revotes, salt, names),
            )| {
                let simple = Election::simple(title, contests, salt);
                Payload::CreateElection(Election {
                    description,
                    voters,
                    opens_at,
                    closes_at,
                    revotes,
                    names,
                    ..simple
                })
            },
        );
    let public = any::<[u8; 32]>().prop_map(PublicKey::from_bytes);
    let keys = prop::collection::vec(public.clone(), 0..4);
    let added = prop::collection::vec(
        (public.clone(), any::<u32>()).prop_map(|(key, weight)| Voter(key, weight)),
        0..4,
    );
    let act = prop_oneof![
        Just(Act::Open),
        Just(Act::Close),
        added.clone().prop_map(Act::AddVoters),
        (keys, added, ".{0,20}").prop_map(|(remove, add, reason)| Act::ChangeRoll {
            remove,
            add,
            reason
        }),
        (time.clone(), time, ".{0,20}").prop_map(|(opens_at, closes_at, reason)| {
            Act::ChangeTimes {
                opens_at,
                closes_at,
                reason,
            }
        }),
        ".{0,20}".prop_map(Act::Cancel),
    ];
    let organise = (hash(), act).prop_map(|(id, act)| {
        Payload::Organise(Organise {
            election: ElectionId::new(id),
            act,
        })
    });
    let validator = (public.clone(), ".{0,20}", any::<u64>())
        .prop_map(|(key, name, power)| Validator { key, name, power });
    let change = prop_oneof![
        validator.prop_map(|validator| ValidatorChange::Admit(validator).into()),
        public
            .clone()
            .prop_map(|key| ValidatorChange::Remove(key).into()),
        public
            .clone()
            .prop_map(|key| OrganiserChange::Admit(key).into()),
        public.prop_map(|key| OrganiserChange::Remove(key).into()),
    ];
    let approve = (change, any::<u64>(), any::<u64>()).prop_map(|(change, changes_before, ms)| {
        Payload::ApproveChange {
            change,
            changes_before,
            signed_at: Timestamp::from_ms(ms),
        }
    });
    prop_oneof![ballot, create, organise, approve]
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

    /// Whatever people submit, in whatever order: builder and judges agree, and the count is that
    /// of the first ballots.
    #[test]
    fn every_node_comes_to_the_same_state_and_count(votes in prop::collection::vec((50..70u8, 0..5u16), 0..60), cut in 1..20usize) {
        let (mut ledger, mut twin) = (Ledger::new(genesis(4)), Ledger::new(genesis(4)));
        let id = ledger.create(election());
        prop_assert_eq!(twin.create(election()), id);
        let mut first: BTreeMap<u8, u16> = BTreeMap::new();
        for part in votes.chunks(cut) {
            let all: Vec<Arc<Verified>> = part.iter().map(|(voter, choice)| ledger.ballot(*voter, id, Selection::Listed(*choice))).collect();
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
        let counted: Vec<_> = ledger.state.tally(&id).unwrap().contests.remove(0).lines;
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
