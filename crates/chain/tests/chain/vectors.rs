//! Bytes, hashes and signatures as docs/protocol.md has them. They change with the protocol's
//! version only: `UPDATE_VECTORS=1 cargo test -p vote-chain vectors` writes them anew.

use std::path::Path;

use malachite_types::{NilOrVal, Round, VoteType};
use serde_json::{Value, json};
use vote_chain::bft::{Proposal, Vote, proposal_content, vote_content};
use vote_chain::{
    Act, Ballot, Base, BlockHash, Change, Committee, Contest, Election, ElectionId, Hash, Height,
    InclusionProof, Majority, MerkleTree, Organise, OrganiserChange, Overvotes, Payload, Purpose,
    Ranks, Results, Rule, Selection, Share, Timestamp, Transaction, TransactionId, ValidatorChange,
    Voter, Voters, decode, encode, merkle_root,
};

use crate::ledger::{Ledger, START, election, genesis, key, validator, with_contests};
use crate::long_lives;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn transactions(ledger: &Ledger, id: ElectionId) -> Value {
    let write_in = Election {
        description: String::new(),
        ..with_contests(vec![Contest::write_in()])
    };
    let majority = Majority {
        share: Share {
            numerator: 2,
            denominator: 3,
            more: false,
        },
        base: Base::Roll,
    };
    let motion = Contest {
        majority: Some(majority),
        ..Contest::listed(vec!["Yes".into(), "No".into()], Rule::YesNo, 1)
    };
    let board = Contest::listed(
        ["Ada", "Grace", "Joan"].map(String::from).into(),
        Rule::Stv,
        2,
    );
    let overvotes = Contest {
        overvotes: Overvotes::Skip,
        ..Contest {
            rule: Rule::Irv,
            seats: 1,
            ..board.clone()
        }
    };
    let whole = Election {
        voters: Voters::WeightedRoll,
        opens_at: Some(Timestamp::from_ms(START)),
        closes_at: Some(Timestamp::from_ms(START + 1)),
        quorum: Some(Share::HALF),
        revotes: 3,
        results: Results::AtClosing,
        tie_break: "the next draw of the lottery".into(),
        ..with_contests(vec![
            Contest {
                title: "Board".into(),
                choices_max: 2,
                shuffle: true,
                ..board
            },
            Contest {
                title: "Motion".into(),
                abstention: true,
                ..motion
            },
        ])
    };
    let ballot = |selection| {
        Payload::CastBallot(Ballot {
            name: "Ada".into(),
            ..Ballot::plain(id, selection)
        })
    };
    let act = |act| Payload::Organise(Organise { election: id, act });
    let approve = |change: Change, changes_before| {
        let signed_at = Timestamp::from_ms(START + 2);
        Payload::ApproveChange {
            change,
            changes_before,
            signed_at,
        }
    };
    let reason = String::from("as agreed");
    let replacement = Ballot {
        counter: 2,
        selections: vec![
            Selection::Ranked(Ranks::new([vec![1], vec![0, 2]]).unwrap()),
            Selection::Abstain,
        ],
        ..Ballot::plain(id, Selection::Abstain)
    };
    let (one, two) = (
        key(60).public().min(key(61).public()),
        key(60).public().max(key(61).public()),
    );
    let proposal = TransactionId::of(b"an act");
    let all = [
        ("create_election", Payload::CreateElection(election())),
        (
            "create_write_in_election",
            Payload::CreateElection(write_in),
        ),
        ("cast_ballot", ballot(Selection::Listed(1))),
        (
            "cast_write_in",
            ballot(Selection::WriteIn("Gr\u{fc}nkohl".into())),
        ),
        (
            "create_election_of_two_contests",
            Payload::CreateElection(whole),
        ),
        (
            "create_election_with_overvotes",
            Payload::CreateElection(with_contests(vec![overvotes])),
        ),
        (
            "create_election_with_names",
            Payload::CreateElection(Election {
                names: true,
                ..election()
            }),
        ),
        (
            "create_election_with_committee",
            Payload::CreateElection(Election {
                committee: Some(Committee {
                    organisers: vec![one, two],
                    needed: 2,
                }),
                ..election()
            }),
        ),
        ("cast_replacement", Payload::CastBallot(replacement)),
        ("open", act(Act::Open)),
        ("close", act(Act::Close)),
        (
            "add_voters",
            act(Act::AddVoters(vec![Voter(one, 1), Voter(two, 1000)])),
        ),
        (
            "change_roll",
            act(Act::ChangeRoll {
                remove: vec![one],
                add: vec![Voter(two, 1)],
                reason: reason.clone(),
            }),
        ),
        (
            "change_times",
            act(Act::ChangeTimes {
                opens_at: None,
                closes_at: Some(Timestamp::from_ms(START)),
                reason: reason.clone(),
            }),
        ),
        ("cancel", act(Act::Cancel(reason.clone()))),
        ("withdraw", act(Act::Withdraw(proposal))),
        (
            "replace_organiser",
            act(Act::ReplaceOrganiser {
                old: one,
                new: two,
                reason,
            }),
        ),
        (
            "approve_act",
            Payload::ApproveAct {
                election: id,
                proposal,
            },
        ),
        (
            "approve_admit",
            approve(ValidatorChange::Admit(validator(5)).into(), 0),
        ),
        (
            "approve_remove",
            approve(ValidatorChange::Remove(key(4).public()).into(), 1),
        ),
        (
            "approve_admit_organiser",
            approve(OrganiserChange::Admit(key(201).public()).into(), 0),
        ),
        (
            "approve_remove_organiser",
            approve(OrganiserChange::Remove(key(200).public()).into(), 2),
        ),
    ];
    let one = |(name, payload): (&str, Payload)| {
        let signed = Transaction::sign(ledger.state.chain(), &key(50), payload);
        let bytes = signed.to_bytes();
        assert_eq!(decode::<Transaction>(&bytes).unwrap(), signed);
        json!({ "name": name, "content": hex(&encode(&signed.content)), "bytes": hex(&bytes), "id": TransactionId::of(&bytes) })
    };
    all.into_iter().map(one).collect()
}

fn merkle() -> Value {
    let one = |n: u32| {
        let leaves: Vec<_> = (0..n).map(u32::to_be_bytes).collect();
        let root = merkle_root(leaves.iter().map(<[u8; 4]>::as_slice));
        let last: Option<InclusionProof> = n
            .checked_sub(1)
            .and_then(|last| MerkleTree::new(leaves.iter().map(<[u8; 4]>::as_slice)).proof(last));
        json!({ "leaves": n, "root": root, "path_of_last": last.map(|proof| proof.path) })
    };
    [0, 1, 2, 3, 4, 5, 7, 8, 9].map(one).to_vec().into()
}

fn signatures(ledger: &Ledger) -> Value {
    let (chain, key, value) = (
        ledger.state.chain(),
        key(1),
        BlockHash::new(Hash::from_bytes([7; 32])),
    );
    let (height, round, voter) = (Height::new(3), Round::new(1), key.public());
    let vote = |kind, value| {
        vote_content(&Vote {
            height,
            round,
            kind,
            value,
            voter,
        })
    };
    let proposal = Proposal {
        height,
        round,
        value,
        pol_round: Round::Nil,
        proposer: voter,
    };
    let all = [
        (
            "prevote",
            Purpose::Vote,
            vote(VoteType::Prevote, NilOrVal::Val(value)),
        ),
        (
            "prevote_nil",
            Purpose::Vote,
            vote(VoteType::Prevote, NilOrVal::Nil),
        ),
        (
            "precommit",
            Purpose::Vote,
            vote(VoteType::Precommit, NilOrVal::Val(value)),
        ),
        ("proposal", Purpose::Proposal, proposal_content(&proposal)),
    ];
    let one = |(name, purpose, content): (&str, Purpose, Vec<u8>)| {
        let signature = key.sign(purpose, &chain, &content);
        assert!(voter.verifies(purpose, &chain, &content, &signature));
        json!({ "name": name, "content": hex(&content), "signature": signature })
    };
    all.map(one).to_vec().into()
}

fn vectors() -> Value {
    let mut ledger = Ledger::new(genesis(4));
    let empty_root = ledger.state.tip().state_root;
    let id = ledger.create(election());
    ledger.decide(&[
        ledger.ballot(50, id, Selection::Listed(1)),
        ledger.ballot(51, id, Selection::Listed(0)),
    ]);
    let (block, certificate) = &ledger.blocks[1];
    let receipt = ledger.receipt(2, 1);
    assert_eq!(receipt.check(None), Ok(()));
    let keys = [1u8, 2, 3, 4, 50].map(|at| json!({ "seed_byte": at, "public": key(at).public() }));
    json!({
        "about": "Secret keys are 32 equal bytes: 01 to 04 for the validators v1 to v4, 32 (50) for the transactions.",
        "keys": keys.to_vec(),
        "genesis": { "bytes": hex(&encode(ledger.state.genesis().as_ref())), "chain": ledger.state.chain() },
        "validators": { "bytes": hex(&encode(ledger.state.validators())), "hash": ledger.state.validators().hash() },
        "transactions": transactions(&ledger, id),
        "signatures": signatures(&ledger),
        "merkle": merkle(),
        "state_roots": { "genesis": empty_root, "after_two_blocks": ledger.state.tip().state_root },
        "header": { "bytes": hex(&encode(&block.header)), "hash": block.header.hash() },
        "block": hex(&encode(block)),
        "certificate": hex(&encode(certificate)),
        "receipt": hex(&encode(&receipt)),
        "receipt_after_changes": hex(&encode(&long_lives::receipt())),
    })
}

#[test]
fn bytes_hashes_and_signatures_are_those_of_the_protocol() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors.json");
    let found = vectors();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(
            &found[name], value,
            "{name} is not encoded as before: this is another version of the protocol"
        );
    }
    assert_eq!(found, expected);
}
