//! What the ledger refuses, and that a refusal changes nothing.

use serde_bytes::ByteBuf;
use vote_chain::{
    Act, Ballot, Block, BlockFault, BlockHash, Contest, Election, ElectionId, ElectionPhase,
    Genesis, Hash, Height, InvalidBlock, InvalidSelection, InvalidTransaction, Limits, Organise,
    Payload, Ranks, Rule, Selection, StateRoot, Timestamp, Transaction, TransactionFault,
    ValidatorSetHash, VerifiedBlock, Version, encode, merkle_root, verify,
};

use crate::ledger::{Ledger, START, counted, election, genesis, key, with_contests};

/// What the refusal of a selection says that its contest, the only one, does not offer.
const NOT_OFFERED: InvalidTransaction = InvalidTransaction::Selection {
    contest: 1,
    fault: InvalidSelection::NotOffered,
};

fn with_election() -> (Ledger, ElectionId) {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(election());
    (ledger, id)
}

#[test]
fn second_ballot_of_a_credential_is_refused_and_the_first_counts() {
    let (mut ledger, id) = with_election();
    ledger.decide(&[ledger.ballot(50, id, Selection::Listed(1))]);
    let again = ledger.ballot(50, id, Selection::Listed(0));
    let refused = Err(InvalidTransaction::AlreadyVoted {
        election: id,
        credential: key(50).public(),
    });
    assert_eq!(ledger.try_one(&again), refused);
    let tally = ledger.state.tally(&id).unwrap();
    assert_eq!(
        (tally.turnout.ballots, &tally.contests[0].leaders),
        (1, &vec!["Pasta".to_owned()])
    );
}

#[test]
fn two_ballots_of_a_credential_in_one_block_make_the_block_invalid() {
    let (ledger, id) = with_election();
    let two = [
        ledger.ballot(50, id, Selection::Listed(0)),
        ledger.ballot(50, id, Selection::Listed(1)),
    ];
    let mut block = ledger.propose(&two[..1]);
    block.transactions = two
        .iter()
        .map(|t| ByteBuf::from(t.bytes().to_vec()))
        .collect();
    let ids = block.ids();
    block.header.transactions_count = 2;
    block.header.transactions_root = merkle_root(ids.iter().map(|id| id.as_bytes().as_slice()));
    assert!(block.is_whole());
    let refused = ledger.judge(&block).unwrap_err();
    let fault = InvalidTransaction::AlreadyVoted {
        election: id,
        credential: key(50).public(),
    };
    assert_eq!(refused, InvalidBlock::Transaction { index: 1, fault });
}

#[test]
fn the_same_transaction_twice_changes_nothing() {
    let (mut ledger, id) = with_election();
    let ballot = ledger.ballot(50, id, Selection::Listed(1));
    ledger.decide(std::slice::from_ref(&ballot));
    let before = ledger.state.tip().state_root;
    assert!(ledger.try_one(&ballot).is_err());
    let create = ledger.sign(&key(200), Payload::CreateElection(election()));
    assert_eq!(
        ledger.try_one(&create),
        Err(InvalidTransaction::ElectionExists(id))
    );
    ledger.decide(&[]);
    assert_eq!(ledger.state.tip().state_root, before);
}

#[test]
fn ballots_are_taken_from_opening_to_closing_by_block_time() {
    let mut ledger = Ledger::new(genesis(4));
    let at = |ms| Some(Timestamp::from_ms(START + ms));
    let id = ledger.create(Election {
        opens_at: at(3000),
        closes_at: at(5000),
        ..election()
    });
    let not_open = |phase| {
        Err(InvalidTransaction::NotOpen {
            election: id,
            phase,
        })
    };
    assert_eq!(ledger.state.next_boundary(), at(3000));
    assert_eq!(
        ledger.try_one(&ledger.ballot(50, id, Selection::Listed(0))),
        not_open(ElectionPhase::Draft)
    );
    ledger.decide(&[]);
    ledger.decide(&[ledger.ballot(51, id, Selection::Listed(0))]);
    assert_eq!(
        (ledger.state.phase(&id), ledger.state.next_boundary()),
        (Some(ElectionPhase::Open), at(5000))
    );
    ledger.decide(&[ledger.ballot(52, id, Selection::Listed(0))]);
    assert_eq!(
        ledger.try_one(&ledger.ballot(53, id, Selection::Listed(0))),
        not_open(ElectionPhase::Closed)
    );
    assert_eq!(ledger.state.tally(&id).unwrap().turnout.ballots, 2);
    ledger.decide(&[]);
    assert_eq!(
        (ledger.state.phase(&id), ledger.state.next_boundary()),
        (Some(ElectionPhase::Closed), None)
    );
}

#[test]
fn election_is_closed_by_its_organiser_alone_and_once() {
    let (mut ledger, id) = with_election();
    let stranger = ledger.sign(
        &key(201),
        Payload::Organise(Organise {
            election: id,
            act: Act::Close,
        }),
    );
    assert_eq!(
        ledger.try_one(&stranger),
        Err(InvalidTransaction::NotTheOrganiser(key(201).public()))
    );
    let close = ledger.act(id, Act::Close);
    ledger.decide(std::slice::from_ref(&close));
    assert_eq!(ledger.state.phase(&id), Some(ElectionPhase::Closed));
    assert_eq!(
        ledger.try_one(&close),
        Err(InvalidTransaction::Over {
            election: id,
            phase: ElectionPhase::Closed
        })
    );
    assert!(
        ledger
            .try_one(&ledger.ballot(50, id, Selection::Listed(0)))
            .is_err()
    );
}

#[test]
fn choices_that_are_not_offered_are_refused() {
    let (mut ledger, id) = with_election();
    for choice in [Selection::Listed(3), Selection::WriteIn("Soup".into())] {
        assert_eq!(
            ledger.try_one(&ledger.ballot(50, id, choice)),
            Err(NOT_OFFERED)
        );
    }
    let open = ledger.create(with_contests(vec![Contest::write_in()]));
    assert_eq!(
        ledger.try_one(&ledger.ballot(50, open, Selection::Listed(0))),
        Err(NOT_OFFERED)
    );
    let nowhere = ElectionId::default();
    assert_eq!(
        ledger.try_one(&ledger.ballot(50, nowhere, Selection::Listed(0))),
        Err(InvalidTransaction::UnknownElection(nowhere))
    );
}

#[test]
fn write_ins_count_together_by_their_words_and_a_tie_names_all_leaders() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(with_contests(vec![Contest::write_in()]));
    let words = ["Rust", "Python", "Rust", "C", "Python"];
    let ballots: Vec<_> = (50..)
        .zip(words)
        .map(|(voter, word)| ledger.ballot(voter, id, Selection::WriteIn(word.into())))
        .collect();
    ledger.decide(&ballots);
    let tally = ledger.state.tally(&id).unwrap();
    assert_eq!(tally.contests[0].leaders, ["Python", "Rust"]);
    let counts: Vec<_> = tally.contests[0]
        .lines
        .iter()
        .map(|line| (line.choice.as_str(), line.votes))
        .collect();
    assert_eq!(counts, [("Python", 2), ("Rust", 2), ("C", 1)]);
}

#[test]
fn forged_headers_are_refused_by_name() {
    let (ledger, id) = with_election();
    let honest = ledger.propose(&[ledger.ballot(50, id, Selection::Listed(0))]);
    assert!(ledger.judge(&honest).is_ok());
    let other = Hash::from_bytes([9; 32]);
    let judge = |change: &dyn Fn(&mut vote_chain::Header)| {
        let mut block = honest.clone();
        change(&mut block.header);
        ledger.judge(&block).unwrap_err()
    };
    assert_eq!(
        judge(&|header| header.version = Version::OLDEST),
        InvalidBlock::Version {
            claimed: Version::OLDEST,
            version: Version::NEWEST,
        }
    );
    assert!(matches!(
        judge(&|header| header.chain = vote_chain::ChainId::new(other)),
        InvalidBlock::WrongChain(_)
    ));
    assert!(matches!(
        judge(&|header| header.height = Height::new(3)),
        InvalidBlock::Height { .. }
    ));
    assert!(matches!(
        judge(&|header| header.parent = BlockHash::new(other)),
        InvalidBlock::Parent { .. }
    ));
    assert!(matches!(
        judge(&|header| header.time = ledger.state.tip().time),
        InvalidBlock::Time { .. }
    ));
    assert!(matches!(
        judge(&|header| header.proposer = key(99).public()),
        InvalidBlock::Proposer(_)
    ));
    assert!(matches!(
        judge(&|header| header.state_root = StateRoot::new(other)),
        InvalidBlock::StateRoot { .. }
    ));
    let next = ValidatorSetHash::new(other);
    assert!(matches!(
        judge(&|header| header.next_validators = next),
        InvalidBlock::NextValidators
    ));
    assert!(matches!(
        judge(&|header| header.validators = next),
        InvalidBlock::Validators
    ));
}

#[test]
fn block_without_the_transactions_of_its_header_is_not_whole() {
    let (ledger, id) = with_election();
    let ballots: Vec<_> = (50..53)
        .map(|voter| ledger.ballot(voter, id, Selection::Listed(0)))
        .collect();
    let honest = ledger.propose(&ballots);
    let mut dropped = honest.clone();
    dropped.transactions.pop();
    let mut swapped = honest.clone();
    swapped.transactions.swap(0, 1);
    assert!(honest.is_whole() && !dropped.is_whole() && !swapped.is_whole());
}

#[test]
fn blocks_over_the_limits_are_neither_built_nor_accepted() {
    let limits = Limits {
        block_transactions_max: 3,
        ..Limits::default()
    };
    let mut ledger = Ledger::new(Genesis {
        limits,
        ..genesis(4)
    });
    let id = ledger.create(election());
    let ballots: Vec<_> = (50..55)
        .map(|voter| ledger.ballot(voter, id, Selection::Listed(0)))
        .collect();
    let (block, ..) = ledger.build(&ballots);
    assert_eq!(block.transactions().len(), 3);
    let mut large = block.to_block();
    large.transactions = ballots
        .iter()
        .map(|t| ByteBuf::from(t.bytes().to_vec()))
        .collect();
    large.header.transactions_count = 5;
    large.header.transactions_root =
        merkle_root(large.ids().iter().map(|id| id.as_bytes().as_slice()));
    assert!(matches!(
        ledger.judge(&large),
        Err(InvalidBlock::Size {
            transactions: 5,
            ..
        })
    ));
}

#[test]
fn transaction_of_another_chain_with_a_wrong_signature_or_with_control_characters_is_refused_at_sight()
 {
    let (ledger, id) = with_election();
    let chain = ledger.state.chain();
    let ballot = ledger.ballot(50, id, Selection::Listed(0));
    let other = Genesis {
        name: "another".into(),
        ..genesis(4)
    }
    .chain();
    assert!(matches!(
        verify(&other, ballot.bytes()),
        Err(TransactionFault::WrongChain(_))
    ));
    for at in [10, 60, ballot.bytes().len() - 1] {
        let mut bytes = ballot.bytes().to_vec();
        bytes[at] ^= 1;
        assert!(verify(&chain, &bytes).is_err(), "byte {at}");
    }
    let payload = Payload::CastBallot(Ballot {
        name: "a\u{1b}[2J".into(),
        ..Ballot::plain(id, Selection::Listed(0))
    });
    let bytes = Transaction::sign(chain, &key(50), payload).to_bytes();
    assert!(matches!(
        verify(&chain, &bytes),
        Err(TransactionFault::Ballot(_))
    ));
    assert!(matches!(
        verify(&chain, &vec![0; 70_000]),
        Err(TransactionFault::TooLarge(70_000))
    ));
    let election = with_contests(vec![Contest::listed(
        vec!["A".into(), "A".into()],
        Rule::Plurality,
        1,
    )]);
    let bytes = Transaction::sign(chain, &key(50), Payload::CreateElection(election)).to_bytes();
    assert!(matches!(
        verify(&chain, &bytes),
        Err(TransactionFault::Election(_))
    ));
}

#[test]
fn block_with_a_forged_ballot_names_its_place() {
    let (ledger, id) = with_election();
    let ballots: Vec<_> = (50..80)
        .map(|voter| ledger.ballot(voter, id, Selection::Listed(0)))
        .collect();
    let mut block = ledger.propose(&ballots);
    for place in [13, 21] {
        *block.transactions[place].last_mut().unwrap() ^= 1;
    }
    let read =
        |block: &Block| VerifiedBlock::read(&ledger.state.chain(), &encode(block)).unwrap_err();
    // So far anybody can have done it; if the header is made for it, whoever signs for the block
    // has.
    assert_eq!(read(&block), BlockFault::OtherTransactions);
    block.header.transactions_root = block.tree().root();
    let forged = BlockFault::Transaction {
        index: 13,
        fault: TransactionFault::Signature,
    };
    assert_eq!(read(&block), forged);
    // Whichever of the others are verified already.
    let known = |bytes: &[u8]| {
        ballots[..10]
            .iter()
            .find(|ballot| **ballot.bytes() == *bytes)
            .cloned()
    };
    let whole = block.clone().whole().unwrap();
    assert_eq!(
        VerifiedBlock::verify(&ledger.state.chain(), &whole, known).unwrap_err(),
        forged
    );
    assert!(matches!(
        VerifiedBlock::read(&ledger.state.chain(), b"no block"),
        Err(BlockFault::Decode(_))
    ));
}

fn with_rule(rule: Rule, seats: u16) -> (Ledger, ElectionId) {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(counted(rule, seats));
    (ledger, id)
}

#[test]
fn each_rule_takes_its_own_ballots_and_no_others() {
    let ballots = [
        (Rule::Plurality, Selection::Listed(1)),
        (Rule::Approval, Selection::Approved(vec![0, 2])),
        (Rule::Score, Selection::Scored(vec![10, 0, 3])),
        (
            Rule::Irv,
            Selection::Ranked(Ranks::new([vec![2], vec![0, 1]]).unwrap()),
        ),
    ];
    for (rule, _) in &ballots {
        let (ledger, id) = with_rule(*rule, 1);
        for (other, choice) in &ballots {
            let verdict = ledger.try_one(&ledger.ballot(50, id, choice.clone()));
            assert_eq!(
                verdict.is_ok(),
                rule == other,
                "{choice:?} by {}",
                rule.name()
            );
        }
    }
    let bad = [
        (Rule::Approval, Selection::Approved(vec![2, 0])),
        (Rule::Approval, Selection::Approved(vec![0, 0])),
        (Rule::Approval, Selection::Approved(vec![3])),
        (Rule::Score, Selection::Scored(vec![11, 0, 0])),
        (Rule::Score, Selection::Scored(vec![1, 1])),
        (Rule::Cumulative, Selection::Scored(vec![1, 0])),
        (Rule::Cumulative, Selection::Approved(vec![0])),
        (
            Rule::Stv,
            Selection::Ranked(Ranks::new([vec![0], vec![0]]).unwrap()),
        ),
        (
            Rule::Stv,
            Selection::Ranked(Ranks::new([vec![1, 0]]).unwrap()),
        ),
        (Rule::Stv, Selection::Ranked(Ranks::new([vec![]]).unwrap())),
        (Rule::Stv, Selection::Ranked(Ranks::new([vec![3]]).unwrap())),
    ];
    for (rule, choice) in bad {
        let (ledger, id) = with_rule(rule, 1);
        let verdict = ledger.try_one(&ledger.ballot(50, id, choice.clone()));
        assert_eq!(verdict, Err(NOT_OFFERED), "{choice:?}");
    }
}

/// As many points as seats, on one choice or on several.
#[test]
fn ballot_spreads_no_more_points_than_there_are_seats() {
    let (ledger, id) = with_rule(Rule::Cumulative, 2);
    for (points, fits) in [
        ([2, 0, 0], true),
        ([1, 0, 1], true),
        ([0, 1, 0], true),
        ([0, 0, 0], true),
        ([2, 0, 1], false),
        ([255, 255, 0], false),
    ] {
        let ballot = ledger.ballot(50, id, Selection::Scored(points.into()));
        let fault = InvalidSelection::TooManyPoints {
            points: points.iter().copied().map(u32::from).sum(),
            max: 2,
        };
        let refused = InvalidTransaction::Selection { contest: 1, fault };
        assert_eq!(
            ledger.try_one(&ballot),
            if fits { Ok(()) } else { Err(refused) },
            "{points:?}"
        );
    }
}

/// The same ballots by three rules.
#[test]
fn election_of_numbers_is_counted_by_its_rule() {
    let ballots: [(u8, [u8; 3]); 3] = [(3, [5, 6, 0]), (2, [10, 0, 9]), (2, [0, 0, 9])];
    for (rule, winner, amounts) in [
        // 35, 18 and 36 points.
        (Rule::Score, "Salad", [36, 35, 18]),
        // Salad and Soup in the runoff: two put Salad before Soup, five Soup before Salad.
        (Rule::Star, "Soup", [36, 35, 18]),
        // Of seven grades the middle one is 5, 0 and 9.
        (Rule::MajorityJudgment, "Salad", [9, 5, 0]),
    ] {
        let (mut ledger, id) = with_rule(rule, 1);
        let each = ballots
            .iter()
            .flat_map(|(count, scores)| std::iter::repeat_n(scores, usize::from(*count)));
        let all: Vec<_> = (50..)
            .zip(each)
            .map(|(voter, scores)| ledger.ballot(voter, id, Selection::Scored(scores.to_vec())))
            .collect();
        ledger.decide(&all);
        let contest = ledger.state.tally(&id).unwrap().contests.remove(0);
        let votes: Vec<_> = contest.lines.iter().map(|line| line.votes).collect();
        assert_eq!(
            (contest.leaders, votes),
            (vec![winner.to_owned()], amounts.to_vec()),
            "{rule:?}"
        );
    }
}

#[test]
fn ranked_election_is_counted_by_its_rule_and_seats() {
    let vote = |ledger: &Ledger, id, ballots: &[(u8, &[u16])]| -> Vec<_> {
        let mut voters = 50u8..;
        let each = ballots
            .iter()
            .flat_map(|(count, order)| std::iter::repeat_n(order, usize::from(*count)));
        let ranks = |order: &[u16]| Selection::Ranked(Ranks::strict(order.iter().copied()));
        each.map(|order| ledger.ballot(voters.next().unwrap(), id, ranks(order)))
            .collect()
    };
    // Soup has the most first preferences, Pasta beats each of the others, Salad wins the runoff
    // against Soup.
    let ballots: [(u8, &[u16]); 3] = [(4, &[0, 1, 2]), (2, &[1, 2, 0]), (3, &[2, 1, 0])];
    for (rule, seats, winners) in [
        (Rule::Irv, 1, vec!["Salad"]),
        (Rule::Schulze, 1, vec!["Pasta"]),
        (Rule::Minimax, 1, vec!["Pasta"]),
        (Rule::RankedPairs, 3, vec!["Pasta", "Salad", "Soup"]),
        (Rule::Benham, 1, vec!["Pasta"]),
        (Rule::Borda, 1, vec!["Pasta"]),
        (Rule::Stv, 2, vec!["Soup", "Salad"]),
    ] {
        let (mut ledger, id) = with_rule(rule, seats);
        assert!(
            ledger.state.tally(&id).unwrap().contests[0]
                .leaders
                .is_empty(),
            "nobody leads before the first ballot"
        );
        let ballots = vote(&ledger, id, &ballots);
        ledger.decide(&ballots);
        let tally = ledger.state.tally(&id).unwrap();
        assert_eq!(
            (tally.turnout.ballots, &tally.contests[0].leaders),
            (9, &winners.iter().map(ToString::to_string).collect()),
            "{rule:?}"
        );
        assert_eq!(tally.contests[0].lines[0].votes, 4);
        // A node that cannot spare the time says so, and names nobody.
        let short = &ledger.state.tally_within(&id, 12).unwrap().contests[0];
        assert_eq!(
            (
                short.votes,
                short.leaders.len(),
                short.outcome.is_some(),
                short.complete
            ),
            (9, 0, false, false)
        );
        let shorter = &ledger.state.tally_within(&id, 11).unwrap().contests[0];
        assert_eq!(
            (shorter.votes, shorter.lines.len(), shorter.complete),
            (0, 0, false),
            "not even added up"
        );
        assert!(tally.contests[0].complete);
    }
}

/// Whoever writes a contest that is hard to count takes the result of no other.
#[test]
fn contest_that_takes_too_long_leaves_the_others_their_results() {
    let mut ledger = Ledger::new(genesis(4));
    let hard = Contest::listed(
        (0..300).map(|at| format!("c{at}")).collect(),
        Rule::Schulze,
        1,
    );
    let titled = |contest: Contest, title: &str| Contest {
        title: title.into(),
        ..contest
    };
    let easy = Contest::listed(vec!["Yes".into(), "No".into()], Rule::Plurality, 1);
    let ranked = Contest::listed(vec!["Ada".into(), "Grace".into()], Rule::Irv, 1);
    let contests = vec![
        titled(hard, "hard"),
        titled(easy, "easy"),
        titled(ranked, "ranked"),
    ];
    let id = ledger.create(with_contests(contests));
    let says = vec![
        Selection::Ranked(Ranks::strict([7])),
        Selection::Listed(1),
        Selection::Ranked(Ranks::strict([1])),
    ];
    let ballot = Ballot {
        election: id,
        name: String::new(),
        counter: 0,
        selections: says,
    };
    let cast = ledger.ballot_of(&key(60), ballot);
    ledger.decide(&[cast]);
    let tally = ledger.state.tally_within(&id, 1_000_000).unwrap();
    let [hard, easy, ranked] = [0, 1, 2].map(|at: usize| &tally.contests[at]);
    assert_eq!(
        (hard.complete, hard.votes, hard.lines[0].votes),
        (false, 1, 1),
        "added up, and nobody named"
    );
    assert!(hard.leaders.is_empty() && !tally.is_decided(hard));
    assert_eq!((easy.complete, &easy.leaders[0][..]), (true, "No"));
    assert_eq!((ranked.complete, &ranked.leaders[0][..]), (true, "Grace"));
}

#[test]
fn lists_are_dealt_their_seats_and_the_count_says_how_many() {
    for (rule, expected) in [
        (Rule::DHondt, vec![("Soup", 4), ("Pasta", 2), ("Salad", 1)]),
        (
            Rule::SainteLague,
            vec![("Soup", 3), ("Pasta", 2), ("Salad", 2)],
        ),
    ] {
        let (mut ledger, id) = with_rule(rule, 7);
        // 53, 24 and 23 of a hundred, as in a textbook; more seats than choices.
        let lists = [(53, 0), (24, 1), (23, 2)];
        let ballots: Vec<_> = lists
            .into_iter()
            .flat_map(|(votes, list)| std::iter::repeat_n(list, votes))
            .zip(50u8..)
            .map(|(list, voter)| ledger.ballot(voter, id, Selection::Listed(list)))
            .collect();
        ledger.decide(&ballots);
        let tally = ledger.state.tally(&id).unwrap();
        let counted = &tally.contests[0];
        let seats = counted.leaders.iter().map(String::as_str);
        let seats: Vec<_> = seats.zip(counted.leader_seats.iter().copied()).collect();
        assert_eq!((seats, counted.lines[0].votes), (expected, 53), "{rule:?}");
        assert_eq!(counted.outcome.as_ref().unwrap().rounds.len(), 7);
        // A count that is cut says of all who are named how many they have.
        let cut = tally.clone().cut(2, 10_000).contests.remove(0);
        assert_eq!((cut.leaders.len(), cut.leader_seats.len()), (2, 2));
    }
}

#[test]
fn elections_that_no_rule_can_count_are_refused() {
    let refused = |election: Election| {
        let chain = genesis(4).chain();
        let bytes =
            Transaction::sign(chain, &key(50), Payload::CreateElection(election)).to_bytes();
        matches!(verify(&chain, &bytes), Err(TransactionFault::Election(_)))
    };
    for (rule, seats, fits) in [
        (Rule::Plurality, 2, false),
        (Rule::Irv, 2, false),
        (Rule::Stv, 0, false),
        (Rule::Stv, 4, false),
        (Rule::Stv, 3, true),
        (Rule::Approval, 2, true),
        (Rule::Limited, 1, false),
        (Rule::Limited, 2, true),
        (Rule::Limited, 3, true),
        (Rule::Cumulative, 4, false),
        (Rule::DHondt, 1000, true),
        (Rule::SainteLague, 1001, false),
    ] {
        assert_eq!(refused(counted(rule, seats)), !fits, "{rule:?} {seats}");
    }
    assert!(refused(with_contests(vec![Contest {
        rule: Rule::Irv,
        ..Contest::write_in()
    }])));
}
