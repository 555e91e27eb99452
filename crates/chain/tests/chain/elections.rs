//! Elections with rolls, weights, replacements, several contests, quorums and majorities, and what
//! organisers do to them.

use std::sync::Arc;

use vote_chain::{
    Act, Ballot, BallotKind, Base, Contest, Election, ElectionId, ElectionPhase, InvalidSelection,
    InvalidTransaction, Logged, Majority, Organise, Payload, PublicKey, Ranks, Rule, Seats,
    Selection, Share, Timestamp, Transaction, TransactionFault, Verified, Voter, Voters, encode,
    verify,
};

use crate::archives::archive;
use crate::ledger::{Ledger, START, counted, election, genesis, key, with_contests};

fn public(at: u8) -> PublicKey {
    key(at).public()
}

/// Voters in the order of their keys.
fn voters(list: &[(u8, u32)]) -> Vec<Voter> {
    let mut voters: Vec<_> = list
        .iter()
        .map(|(at, weight)| Voter(public(*at), *weight))
        .collect();
    voters.sort();
    voters
}

fn at(ms: u64) -> Option<Timestamp> {
    Some(Timestamp::from_ms(START + ms))
}

fn yes_no() -> Contest {
    Contest::listed(vec!["Yes".into(), "No".into()], Rule::YesNo, 1)
}

/// Voters 50, 51 and 52 with 1, 10 and 100 votes; the board by ranking, and a motion that needs two
/// thirds of the roll.
fn assembly() -> Election {
    let two_thirds = Share {
        numerator: 2,
        denominator: 3,
        more: false,
    };
    let board = counted(Rule::Irv, 1).contests.remove(0);
    let motion = Contest {
        majority: Some(Majority {
            share: two_thirds,
            base: Base::Roll,
        }),
        ..yes_no()
    };
    Election {
        voters: Voters::WeightedRoll,
        quorum: Some(Share::HALF),
        revotes: 2,
        ..with_contests(vec![
            Contest {
                title: "Board".into(),
                choices_min: 1,
                choices_max: 2,
                abstention: true,
                ..board
            },
            Contest {
                title: "Motion".into(),
                abstention: true,
                ..motion
            },
        ])
    }
}

/// The assembly with its roll, open.
fn opened() -> (Ledger, ElectionId) {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(assembly());
    ledger.decide(&[ledger.act(id, Act::AddVoters(voters(&[(50, 1), (51, 10)])))]);
    ledger.decide(&[ledger.act(id, Act::AddVoters(voters(&[(52, 100)])))]);
    ledger.decide(&[ledger.act(id, Act::Open)]);
    (ledger, id)
}

fn ranked(order: &[u16]) -> Selection {
    Selection::Ranked(Ranks::strict(order.iter().copied()))
}

fn ballot(
    ledger: &Ledger,
    voter: u8,
    counter: u32,
    election: ElectionId,
    selections: &[Selection],
) -> Arc<Verified> {
    let ballot = Ballot {
        election,
        counter,
        name: String::new(),
        selections: selections.to_vec(),
    };
    ledger.ballot_of(&key(voter), ballot)
}

fn not_on_roll(election: ElectionId, at: u8) -> Result<(), InvalidTransaction> {
    Err(InvalidTransaction::NotOnRoll {
        election,
        credential: public(at),
    })
}

#[test]
fn only_those_on_the_roll_vote_each_with_its_weight() {
    let (mut ledger, id) = opened();
    let (first, second) = (
        [ranked(&[0, 1]), Selection::Listed(1)],
        [ranked(&[1]), Selection::Listed(0)],
    );
    assert_eq!(
        ledger.try_one(&ballot(&ledger, 53, 0, id, &first)),
        not_on_roll(id, 53)
    );
    ledger.decide(&[
        ballot(&ledger, 50, 0, id, &first),
        ballot(&ledger, 51, 0, id, &first),
    ]);
    let tally = ledger.state.tally(&id).unwrap();
    assert_eq!((tally.turnout.ballots, tally.turnout.weight), (2, 11));
    assert!(
        !tally.quorum.unwrap().reached,
        "11 of 111 votes are less than half"
    );
    ledger.decide(&[ballot(&ledger, 52, 0, id, &second)]);
    let tally = ledger.state.tally(&id).unwrap();
    assert!(tally.quorum.unwrap().reached);
    let (board, motion) = (&tally.contests[0], &tally.contests[1]);
    assert_eq!(
        (board.votes, board.leaders.as_slice()),
        (111, ["Pasta".to_owned()].as_slice())
    );
    assert_eq!(
        (motion.leaders.as_slice(), motion.majority.unwrap().votes),
        (["Yes".to_owned()].as_slice(), 100)
    );
    assert!(motion.majority.unwrap().reached && tally.is_decided(motion));
}

#[test]
fn replaced_ballot_no_longer_counts_and_can_be_neither_replayed_nor_replaced_beyond_the_rule() {
    let (mut ledger, id) = opened();
    let says = |place: u16| [ranked(&[place]), Selection::Listed(0)];
    let first = ballot(&ledger, 52, 0, id, &says(0));
    ledger.decide(std::slice::from_ref(&first));
    let counter = |given, next| Err(InvalidTransaction::Counter { given, next });
    assert_eq!(ledger.try_one(&first), counter(0, 1));
    assert_eq!(
        ledger.try_one(&ballot(&ledger, 52, 2, id, &says(1))),
        counter(2, 1)
    );
    assert_eq!(
        ledger.try_one(&ballot(&ledger, 50, 1, id, &says(1))),
        counter(1, 0)
    );
    ledger.decide(&[
        ballot(&ledger, 52, 1, id, &says(1)),
        ballot(&ledger, 52, 2, id, &says(2)),
    ]);
    let tally = ledger.state.tally(&id).unwrap();
    let counts: Vec<_> = tally.contests[0]
        .lines
        .iter()
        .map(|line| (line.choice.as_str(), line.votes))
        .collect();
    assert_eq!(counts, [("Salad", 100), ("Soup", 0), ("Pasta", 0)]);
    assert_eq!(
        (
            tally.turnout.ballots,
            tally.turnout.weight,
            tally.contests[1].votes
        ),
        (1, 100, 100)
    );
    assert_eq!(
        ledger.state.election(&id).unwrap().board.size(),
        3,
        "the board keeps what was replaced"
    );
    let again = ledger.try_one(&ballot(&ledger, 52, 3, id, &says(0)));
    assert_eq!(
        again,
        Err(InvalidTransaction::AlreadyVoted {
            election: id,
            credential: public(52)
        })
    );
    let audit = archive(&ledger, id).verify(None, |_| {}).unwrap();
    assert_eq!(audit.tally, tally);
}

#[test]
fn ballots_answer_every_contest_within_its_bounds() {
    let (ledger, id) = opened();
    let says = |selections: &[Selection]| ledger.try_one(&ballot(&ledger, 50, 0, id, selections));
    let refused = |contest, fault| Err(InvalidTransaction::Selection { contest, fault });
    let no = Selection::Listed(1);
    assert_eq!(says(&[ranked(&[1, 0]), no.clone()]), Ok(()));
    assert_eq!(says(&[Selection::Abstain, Selection::Abstain]), Ok(()));
    assert_eq!(
        says(std::slice::from_ref(&no)),
        Err(InvalidTransaction::Contests {
            given: 1,
            wanted: 2
        })
    );
    assert_eq!(
        says(&[no.clone(), ranked(&[0])]),
        refused(1, InvalidSelection::NotOffered)
    );
    assert_eq!(
        says(&[ranked(&[0]), Selection::Listed(2)]),
        refused(2, InvalidSelection::NotOffered)
    );
    assert_eq!(
        says(&[ranked(&[]), no.clone()]),
        refused(1, InvalidSelection::TooFew { named: 0, min: 1 })
    );
    assert_eq!(
        says(&[ranked(&[2, 1, 0]), no]),
        refused(1, InvalidSelection::TooMany { named: 3, max: 2 })
    );
    let mut plain = Ledger::new(genesis(4));
    let id = plain.create(election());
    let abstains = plain.try_one(&plain.ballot(50, id, Selection::Abstain));
    assert_eq!(abstains, refused(1, InvalidSelection::Abstains));
}

#[test]
fn roll_is_made_before_the_opening_and_frozen_then() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        ..election()
    });
    assert_eq!(ledger.state.phase(&id), Some(ElectionPhase::Draft));
    let add = |ledger: &Ledger, list: &[(u8, u32)]| {
        ledger.try_one(&ledger.act(id, Act::AddVoters(voters(list))))
    };
    assert_eq!(
        add(&ledger, &[(50, 2)]),
        Err(InvalidTransaction::Weighted {
            credential: public(50),
            weight: 2
        })
    );
    let stranger = Payload::Organise(Organise {
        election: id,
        act: Act::AddVoters(voters(&[(50, 1)])),
    });
    assert_eq!(
        ledger.try_one(&ledger.sign(&key(201), stranger)),
        Err(InvalidTransaction::NotTheOrganiser(public(201)))
    );
    assert!(
        ledger
            .try_one(&ledger.ballot(50, id, Selection::Listed(0)))
            .is_err(),
        "nobody votes in a draft"
    );
    ledger.decide(&[ledger.act(id, Act::AddVoters(voters(&[(50, 1), (51, 1)])))]);
    assert_eq!(
        add(&ledger, &[(51, 1), (52, 1)]),
        Err(InvalidTransaction::OnRollAlready(public(51)))
    );
    let roll = ledger.state.election(&id).unwrap().roll.clone();
    assert_eq!((roll.voters, roll.weight, roll.tree.size()), (2, 2, 2));
    ledger.decide(&[ledger.act(id, Act::Open)]);
    let again = ledger.act(id, Act::Open);
    assert_eq!(
        ledger.try_one(&again),
        Err(InvalidTransaction::ActDone(again.id()))
    );
    assert_eq!(
        add(&ledger, &[(52, 1)]),
        Err(InvalidTransaction::RollFrozen(id))
    );
    let open = ledger.create(election());
    let none = ledger.act(
        open,
        Act::ChangeRoll {
            remove: vec![],
            add: voters(&[(52, 1)]),
            reason: "late".into(),
        },
    );
    assert_eq!(ledger.try_one(&none), Err(InvalidTransaction::NoRoll(open)));
}

#[test]
fn late_changes_of_the_roll_stand_in_the_log_and_spare_those_who_have_voted() {
    let (mut ledger, id) = opened();
    let tree = ledger.state.election(&id).unwrap().roll.tree.clone();
    let change = |ledger: &Ledger, remove: &[u8], add: &[(u8, u32)]| {
        let mut remove: Vec<_> = remove.iter().map(|at| public(*at)).collect();
        remove.sort();
        ledger.act(
            id,
            Act::ChangeRoll {
                remove,
                add: voters(add),
                reason: "as the board decided".into(),
            },
        )
    };
    // Somebody sends an act again that the organiser has undone.
    let (joins, leaves) = (
        change(&ledger, &[], &[(54, 9)]),
        change(&ledger, &[54], &[]),
    );
    let mut twice = Ledger {
        state: ledger.state.clone(),
        ..Ledger::new(genesis(4))
    };
    twice.decide(&[joins.clone(), leaves]);
    assert_eq!(
        twice.try_one(&joins),
        Err(InvalidTransaction::ActDone(joins.id()))
    );
    let both = [ranked(&[0]), Selection::Listed(1)];
    ledger.decide(&[ballot(&ledger, 50, 0, id, &both)]);
    assert_eq!(
        ledger.try_one(&change(&ledger, &[50], &[])),
        Err(InvalidTransaction::HasVoted(public(50)))
    );
    assert_eq!(
        ledger.try_one(&change(&ledger, &[99], &[])),
        not_on_roll(id, 99)
    );
    assert_eq!(
        ledger.try_one(&change(&ledger, &[], &[(51, 5)])),
        Err(InvalidTransaction::OnRollAlready(public(51)))
    );
    // 51 gets another weight, 52 is taken off, 53 comes late, all in one block with their ballots.
    let acts = change(&ledger, &[51, 52], &[(51, 20), (53, 7)]);
    ledger.decide(&[
        acts,
        ballot(&ledger, 51, 0, id, &both),
        ballot(&ledger, 53, 0, id, &both),
    ]);
    assert_eq!(
        ledger.try_one(&ballot(&ledger, 52, 0, id, &both)),
        not_on_roll(id, 52)
    );
    let record = ledger.state.election(&id).unwrap();
    assert_eq!(
        (record.roll.voters, record.roll.weight, &record.roll.tree),
        (3, 28, &tree)
    );
    assert_eq!(ledger.state.tally(&id).unwrap().turnout.weight, 28);
    let log: Vec<_> = ledger
        .state
        .log(&id)
        .map(|entry| entry.act.clone())
        .collect();
    assert_eq!(
        log[..3],
        [
            Logged::VotersAdded {
                voters: 2,
                weight: 11
            },
            Logged::VotersAdded {
                voters: 1,
                weight: 100
            },
            Logged::Opened
        ]
    );
    assert!(
        matches!(&log[3], Logged::RollChanged { removed, added, reason }
        if (removed.len(), added.len()) == (2, 2) && reason == "as the board decided")
    );
    let audit = archive(&ledger, id).verify(None, |_| {}).unwrap();
    assert_eq!((audit.record, audit.log.len()), (record.clone(), 4));
}

#[test]
fn times_are_changed_for_the_future_alone_and_stand_in_the_log() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        opens_at: at(60_000),
        closes_at: at(90_000),
        ..election()
    });
    let change = |ledger: &Ledger, opens_at, closes_at| {
        ledger.try_one(&ledger.act(
            id,
            Act::ChangeTimes {
                opens_at,
                closes_at,
                reason: "snow".into(),
            },
        ))
    };
    let refused = |why| Err(InvalidTransaction::Times(why));
    assert_eq!(
        change(&ledger, at(500), at(90_000)),
        refused("it would open in the past")
    );
    assert_eq!(
        change(&ledger, at(60_000), at(500)),
        refused("it would close in the past")
    );
    assert_eq!(
        change(&ledger, at(60_000), at(50_000)),
        refused("it would close before it opens")
    );
    let act = Act::ChangeTimes {
        opens_at: at(3000),
        closes_at: at(120_000),
        reason: "snow".into(),
    };
    ledger.decide(&[ledger.act(id, act)]);
    assert_eq!(ledger.state.next_boundary(), at(3000));
    ledger.decide(&[]);
    assert_eq!(ledger.state.phase(&id), Some(ElectionPhase::Open));
    assert_eq!(
        ledger.try_one(&ledger.act(id, Act::Open)),
        Err(InvalidTransaction::OpenAlready(id))
    );
    assert_eq!(
        change(&ledger, at(60_000), at(120_000)),
        refused("it has opened already")
    );
    assert_eq!(change(&ledger, at(3000), None), Ok(()));
    ledger.decide(&[
        ledger.ballot(50, id, Selection::Listed(0)),
        ledger.act(id, Act::Close),
    ]);
    assert_eq!(ledger.state.phase(&id), Some(ElectionPhase::Closed));
    assert_eq!(ledger.state.log(&id).count(), 2);
    assert!(matches!(
        change(&ledger, at(3000), None),
        Err(InvalidTransaction::Over { .. })
    ));
}

#[test]
fn cancelled_election_takes_nothing_any_more() {
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(election());
    ledger.decide(&[
        ledger.ballot(50, id, Selection::Listed(0)),
        ledger.act(id, Act::Cancel("wrong choices".into())),
    ]);
    assert_eq!(
        (ledger.state.phase(&id), ledger.state.next_boundary()),
        (Some(ElectionPhase::Cancelled), None)
    );
    let late = ledger.try_one(&ledger.ballot(51, id, Selection::Listed(0)));
    assert_eq!(
        late,
        Err(InvalidTransaction::NotOpen {
            election: id,
            phase: ElectionPhase::Cancelled
        })
    );
    let over = Err(InvalidTransaction::Over {
        election: id,
        phase: ElectionPhase::Cancelled,
    });
    for act in [Act::Open, Act::Close, Act::Cancel("again".into())] {
        assert_eq!(ledger.try_one(&ledger.act(id, act)), over);
    }
    let mut draft = Ledger::new(genesis(4));
    let id = draft.create(Election {
        voters: Voters::Roll,
        ..election()
    });
    assert_eq!(
        draft.try_one(&draft.act(id, Act::Close)),
        Err(InvalidTransaction::NotYetOpen(id))
    );
    assert_eq!(
        draft.try_one(&draft.act(id, Act::Cancel("a mistake".into()))),
        Ok(())
    );
}

#[test]
fn motion_needs_its_majority_and_a_tie_is_not_one() {
    for (yes, no, abstain, carried) in [
        (2, 1, 5, true),
        (2, 2, 0, false),
        (0, 0, 3, false),
        (0, 2, 0, false),
    ] {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(with_contests(vec![Contest {
            abstention: true,
            ..yes_no()
        }]));
        let says = [
            (yes, Selection::Listed(0)),
            (no, Selection::Listed(1)),
            (abstain, Selection::Abstain),
        ];
        let each = says
            .into_iter()
            .flat_map(|(count, says)| std::iter::repeat_n(says, count));
        let ballots: Vec<_> = (50..)
            .zip(each)
            .map(|(voter, says)| ledger.ballot(voter, id, says))
            .collect();
        ledger.decide(&ballots);
        let contest = ledger.state.tally(&id).unwrap().contests.remove(0);
        assert_eq!(contest.majority.unwrap().reached, carried, "{yes} to {no}");
        let winner = if carried { "Yes" } else { "No" };
        let winner = if yes + no == 0 {
            Vec::new()
        } else {
            vec![winner.to_owned()]
        };
        assert_eq!(
            (contest.leaders, contest.abstentions),
            (winner, abstain as u64)
        );
    }
}

/// What a ballot that names nobody says by a rule; none if the rule has no such ballots.
pub(crate) fn blank(rule: Rule) -> Option<Selection> {
    match rule.ballots() {
        BallotKind::One => None,
        BallotKind::Several => Some(Selection::Approved(Vec::new())),
        BallotKind::Scores | BallotKind::Points => Some(Selection::Scored(vec![0; 3])),
        BallotKind::Ranks => Some(Selection::Ranked(Ranks::default())),
    }
}

#[test]
fn nobody_leads_by_any_rule_and_for_any_seats_if_no_ballot_names_anybody() {
    for rule in Rule::ALL {
        let choices = if rule == Rule::YesNo {
            vec!["Yes", "No"]
        } else {
            vec!["Soup", "Pasta", "Salad"]
        };
        let some = match rule.seats() {
            Seats::One => 1..=1,
            Seats::UpToCandidates => 1..=3,
            Seats::TwoOrMore => 2..=3,
            Seats::ForLists => 1..=4,
        };
        for seats in some {
            let listed = choices.iter().map(|choice| (*choice).to_owned()).collect();
            let mut ledger = Ledger::new(genesis(4));
            let id = ledger.create(with_contests(vec![Contest {
                abstention: true,
                ..Contest::listed(listed, rule, seats)
            }]));
            let leads = |ledger: &Ledger| {
                let contest = ledger.state.tally(&id).unwrap().contests.remove(0);
                let ties = contest.outcome.map_or(0, |outcome| outcome.ties.len());
                (contest.votes, contest.blank, contest.leaders, ties)
            };
            assert_eq!(leads(&ledger), (0, 0, vec![], 0), "{rule:?}: no ballots");
            ledger.decide(&[ledger.ballot(50, id, Selection::Abstain)]);
            assert_eq!(leads(&ledger), (0, 0, vec![], 0), "{rule:?}: all abstain");
            if let Some(says) = blank(rule) {
                ledger.decide(&[
                    ledger.ballot(51, id, says.clone()),
                    ledger.ballot(52, id, says),
                ]);
                assert_eq!(leads(&ledger), (2, 2, vec![], 0), "{rule:?}: all are blank");
            }
        }
    }
}

#[test]
fn of_those_approved_only_the_ones_with_a_majority_win_and_without_votes_none_has_it() {
    let majority = Some(Majority {
        share: Share::HALF,
        base: Base::Votes,
    });
    let mut ledger = Ledger::new(genesis(4));
    let contest = Contest {
        majority,
        ..counted(Rule::Approval, 2).contests.remove(0)
    };
    let id = ledger.create(with_contests(vec![contest.clone()]));
    let half = Share {
        more: false,
        ..Share::HALF
    };
    let lenient = Contest {
        majority: Some(Majority {
            share: half,
            base: Base::Votes,
        }),
        ..contest
    };
    let empty = ledger.create(with_contests(vec![lenient]));
    let check = |ledger: &Ledger, id| {
        ledger.state.tally(&id).unwrap().contests[0]
            .majority
            .unwrap()
            .reached
    };
    assert!(!check(&ledger, empty), "no vote is no half of none");
    let approve = |ledger: &Ledger, voter, places: &[u16]| {
        ledger.ballot(voter, id, Selection::Approved(places.into()))
    };
    ledger.decide(&[
        approve(&ledger, 50, &[0, 1]),
        approve(&ledger, 51, &[1]),
        approve(&ledger, 52, &[1]),
    ]);
    let leaders = |ledger: &Ledger| ledger.state.tally(&id).unwrap().contests[0].leaders.clone();
    assert_eq!(
        (leaders(&ledger), check(&ledger, id)),
        (vec!["Pasta".to_owned()], true)
    );
    ledger.decide(
        &(53..60)
            .map(|voter| approve(&ledger, voter, &[]))
            .collect::<Vec<_>>(),
    );
    assert_eq!(
        (leaders(&ledger).len(), check(&ledger, id)),
        (2, false),
        "nobody has it now"
    );
}

#[test]
fn election_with_a_roll_is_open_only_with_somebody_on_it() {
    let mut ledger = Ledger::new(genesis(4));
    let by_hand = ledger.create(Election {
        voters: Voters::Roll,
        ..election()
    });
    let nobody = |id| Err(InvalidTransaction::NobodyOnRoll(id));
    assert_eq!(
        ledger.try_one(&ledger.act(by_hand, Act::Open)),
        nobody(by_hand)
    );
    // The time comes, and nobody is on the roll: it is a draft, and opens with the first who is.
    let quorum = Some(Share {
        numerator: 1,
        denominator: 2,
        more: false,
    });
    let id = ledger.create(Election {
        voters: Voters::Roll,
        opens_at: at(2500),
        quorum,
        ..election()
    });
    ledger.decide(&[]);
    let add = |ledger: &Ledger, who| ledger.act(id, Act::AddVoters(voters(&[(who, 1)])));
    let is_reached = |ledger: &Ledger| ledger.state.tally(&id).unwrap().quorum.unwrap().reached;
    assert!(
        ledger.state.tip().time > at(2500).unwrap() && !is_reached(&ledger),
        "nothing is no half of nothing"
    );
    assert_eq!(ledger.state.phase(&id), Some(ElectionPhase::Draft));
    let times = |opens_at| Act::ChangeTimes {
        opens_at,
        closes_at: at(90_000),
        reason: "more time".into(),
    };
    assert_eq!(
        ledger.try_one(&ledger.act(id, times(at(2500)))),
        Ok(()),
        "the opening is left as it is"
    );
    assert!(
        ledger.try_one(&ledger.act(id, times(at(2400)))).is_err(),
        "another time that has passed is no time to come"
    );
    ledger.decide(&[add(&ledger, 50)]);
    assert_eq!(ledger.state.phase(&id), Some(ElectionPhase::Open));
    assert_eq!(
        ledger.try_one(&add(&ledger, 51)),
        Err(InvalidTransaction::RollFrozen(id))
    );
    // Nor does it come to be without voters again.
    let change = |add: &[(u8, u32)]| Act::ChangeRoll {
        remove: vec![public(50)],
        add: voters(add),
        reason: "left".into(),
    };
    assert_eq!(ledger.try_one(&ledger.act(id, change(&[]))), nobody(id));
    assert_eq!(ledger.try_one(&ledger.act(id, change(&[(52, 1)]))), Ok(()));
    ledger.decide(&[ledger.ballot(50, id, Selection::Listed(0))]);
    assert!(is_reached(&ledger));
}

#[test]
fn acts_that_no_election_takes_are_refused_by_their_form() {
    let chain = genesis(4).chain();
    let refused = |act: Act| {
        let organise = Organise {
            election: ElectionId::default(),
            act,
        };
        let bytes = Transaction::sign(chain, &key(200), Payload::Organise(organise)).to_bytes();
        matches!(verify(&chain, &bytes), Err(TransactionFault::Act(_)))
    };
    let reversed: Vec<_> = voters(&[(50, 1), (51, 1)]).into_iter().rev().collect();
    let (one, many) = (
        voters(&[(50, 1)]),
        (0..1701).map(|at: u16| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&at.to_be_bytes());
            Voter(PublicKey::from_bytes(key), 1)
        }),
    );
    let change = |remove, add, reason: &str| Act::ChangeRoll {
        remove,
        add,
        reason: reason.into(),
    };
    assert!(refused(Act::AddVoters(vec![])));
    assert!(refused(Act::AddVoters(reversed.clone())));
    assert!(refused(Act::AddVoters([one.clone(), one.clone()].concat())));
    assert!(refused(Act::AddVoters(voters(&[(50, 0)]))));
    assert!(refused(Act::AddVoters(voters(&[(50, 1_000_001)]))));
    assert!(refused(Act::AddVoters(many.clone().collect())));
    assert!(
        !refused(Act::AddVoters(many.take(1700).collect())),
        "so many fit a transaction"
    );
    assert!(refused(change(vec![], vec![], "none")));
    assert!(refused(change(
        reversed.iter().map(|voter| voter.0).collect(),
        vec![],
        "order"
    )));
    assert!(refused(change(vec![], one.clone(), "")));
    assert!(!refused(change(vec![], one, "late")));
    assert!(refused(Act::Cancel(" ".into())));
}

#[test]
fn elections_whose_rules_contradict_one_another_are_refused() {
    let two = |title: &str| {
        with_contests(
            ["A", title]
                .map(|title| Contest {
                    title: title.into(),
                    ..yes_no()
                })
                .into(),
        )
    };
    let majority = |base| {
        Some(Majority {
            share: Share::HALF,
            base,
        })
    };
    let one = |change: &dyn Fn(&mut Contest)| {
        let mut contest = counted(Rule::Approval, 1).contests.remove(0);
        change(&mut contest);
        with_contests(vec![contest])
    };
    assert!(two("B").check().is_ok() && one(&|_| {}).check().is_ok());
    for (words, election) in [
        ("contest 2 has no title", two("")),
        ("looks like another", two("A")),
        ("looks like another", two("\u{feff}A")),
        (
            "choices 1 and 3 look the same",
            with_contests(vec![Contest::listed(
                ["Zo\u{eb}", "Al", "Zoe\u{308}"].map(String::from).into(),
                Rule::Plurality,
                1,
            )]),
        ),
        (
            "nothing in it that can be seen",
            Election {
                title: "\u{200b}".into(),
                ..election()
            },
        ),
        ("0 contests", with_contests(vec![])),
        ("yes-no has two", counted(Rule::YesNo, 1)),
        (
            "yes-no needs a majority",
            with_contests(vec![Contest {
                majority: None,
                ..yes_no()
            }]),
        ),
        (
            "no majority can be asked for by stv",
            with_contests(vec![Contest {
                majority: majority(Base::Votes),
                ..counted(Rule::Stv, 1).contests.remove(0)
            }]),
        ),
        (
            "needs a roll",
            one(&|contest| contest.majority = majority(Base::Roll)),
        ),
        (
            "needs a roll",
            Election {
                quorum: Some(Share::HALF),
                ..election()
            },
        ),
        (
            "a part of a whole",
            Election {
                quorum: Some(Share {
                    numerator: 3,
                    denominator: 2,
                    more: false,
                }),
                voters: Voters::Roll,
                ..election()
            },
        ),
        (
            "cannot name 2 to 1",
            one(&|contest| (contest.choices_min, contest.choices_max) = (2, 1)),
        ),
        (
            "cannot name 0 to 4",
            one(&|contest| contest.choices_max = 4),
        ),
        (
            "cannot name 0 to 0",
            one(&|contest| contest.choices_max = 0),
        ),
        (
            "1001 replacements",
            Election {
                revotes: 1001,
                ..election()
            },
        ),
    ] {
        let fault = election.check().unwrap_err().to_string();
        assert!(fault.contains(words), "{words:?} is not in {fault:?}");
    }
}

#[test]
fn election_that_is_let_through_fits_a_transaction_to_the_byte() {
    let text = |bytes: usize| {
        let contest = |at: usize, choices: usize| {
            let names = (0..choices)
                .map(|choice| format!("{choice:0>90}"))
                .collect();
            Contest {
                title: format!("Contest {at}"),
                ..Contest::listed(names, Rule::Irv, 1)
            }
        };
        let contests = (0..20).map(|at| contest(at, 34)).collect();
        Election {
            description: "x".repeat(bytes),
            ..Election::simple("Large".into(), contests, u64::MAX)
        }
    };
    let fits = |election: Election| {
        let is_fine = election.faults().is_empty();
        let chain = genesis(4).chain();
        let bytes =
            Transaction::sign(chain, &key(200), Payload::CreateElection(election)).to_bytes();
        assert_eq!(
            verify(&chain, &bytes).is_ok(),
            is_fine,
            "of {} bytes",
            bytes.len()
        );
        is_fine
    };
    let largest = 300 + 65393 - encode(&text(300)).len();
    assert!(fits(text(largest)) && !fits(text(largest + 1)), "{largest}");
    let why = text(4000)
        .faults()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    assert!(why.len() == 1 && why[0].contains("65393 fit"), "{why:?}");
}

#[test]
fn ties_are_broken_by_the_text_that_was_published() {
    let tied = |text: &str| {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(Election {
            tie_break: text.into(),
            ..counted(Rule::Irv, 1)
        });
        ledger.decide(&[
            ledger.ballot(50, id, ranked(&[0])),
            ledger.ballot(51, id, ranked(&[1])),
        ]);
        let contest = ledger.state.tally(&id).unwrap().contests.remove(0);
        assert!(!contest.outcome.unwrap().ties.is_empty());
        contest.leaders
    };
    let all: std::collections::BTreeSet<_> =
        (0..20).map(|n| tied(&format!("number {n}"))).collect();
    assert_eq!(all.len(), 2, "another text may pick another winner");
    assert_eq!(tied("number 1"), tied("number 1"));
}

/// Elections of every kind, for both verifiers.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let mut cases = Vec::new();
    let mut keep = |name: &str, ledger: &Ledger, id| {
        cases.push((name.to_owned(), encode(&archive(ledger, id))))
    };
    let (mut ledger, id) = opened();
    keep("assembly-empty", &ledger, id);
    let says = |order: &[u16], place| [ranked(order), Selection::Listed(place)];
    ledger.decide(&[
        ballot(&ledger, 50, 0, id, &says(&[0, 1], 1)),
        ballot(&ledger, 51, 0, id, &says(&[1], 0)),
    ]);
    keep("assembly-without-quorum", &ledger, id);
    ledger.decide(&[
        ballot(&ledger, 51, 1, id, &says(&[2], 1)),
        ballot(&ledger, 51, 2, id, &says(&[2, 0], 0)),
    ]);
    ledger.decide(&[ballot(
        &ledger,
        52,
        0,
        id,
        &[Selection::Abstain, Selection::Listed(0)],
    )]);
    let mut remove = vec![];
    ledger.decide(&[ledger.act(
        id,
        Act::ChangeRoll {
            remove: remove.clone(),
            add: voters(&[(60, 5), (61, 6)]),
            reason: "late".into(),
        },
    )]);
    remove.push(public(60));
    ledger.decide(&[
        ledger.act(
            id,
            Act::ChangeRoll {
                remove,
                add: voters(&[(60, 900)]),
                reason: "reweighted".into(),
            },
        ),
        ballot(&ledger, 61, 0, id, &says(&[1, 2], 1)),
    ]);
    keep("assembly", &ledger, id);
    ledger.decide(&[
        ballot(&ledger, 60, 0, id, &says(&[1], 1)),
        ledger.act(id, Act::Close),
    ]);
    keep("assembly-closed", &ledger, id);
    let mut ledger = Ledger::new(genesis(4));
    let times = Election {
        opens_at: at(60_000),
        closes_at: at(90_000),
        ..counted(Rule::Score, 2)
    };
    let id = ledger.create(times);
    keep("draft", &ledger, id);
    ledger.decide(&[ledger.act(
        id,
        Act::ChangeTimes {
            opens_at: at(2500),
            closes_at: None,
            reason: "now".into(),
        },
    )]);
    ledger.decide(&[ledger.ballot(50, id, Selection::Scored(vec![10, 0, 3]))]);
    keep("times-changed", &ledger, id);
    ledger.decide(&[ledger.act(id, Act::Cancel("a mistake".into()))]);
    keep("cancelled", &ledger, id);
    for (name, yes, no) in [("carried", 3, 1), ("rejected", 2, 2), ("unvoted", 0, 0)] {
        let mut ledger = Ledger::new(genesis(4));
        let id = ledger.create(with_contests(vec![Contest {
            abstention: true,
            ..yes_no()
        }]));
        let says = [
            (yes, Selection::Listed(0)),
            (no, Selection::Listed(1)),
            (2, Selection::Abstain),
        ];
        let each = says
            .into_iter()
            .flat_map(|(count, says)| std::iter::repeat_n(says, count));
        let ballots: Vec<_> = (50..)
            .zip(each)
            .map(|(voter, says)| ledger.ballot(voter, id, says))
            .collect();
        ledger.decide(&ballots);
        keep(name, &ledger, id);
    }
    let mut ledger = Ledger::new(genesis(4));
    let most = Some(Majority {
        share: Share {
            numerator: 3,
            denominator: 4,
            more: false,
        },
        base: Base::Votes,
    });
    let contest = Contest {
        majority: most,
        choices_max: 2,
        ..counted(Rule::Approval, 2).contests.remove(0)
    };
    let id = ledger.create(Election {
        tie_break: "lottery".into(),
        ..with_contests(vec![contest])
    });
    let approved = [vec![0, 1], vec![1, 2], vec![1], vec![]];
    let ballots: Vec<_> = (50..)
        .zip(approved)
        .map(|(voter, all)| ledger.ballot(voter, id, Selection::Approved(all)))
        .collect();
    ledger.decide(&ballots);
    keep("approval-majority", &ledger, id);
    let mut ledger = Ledger::new(genesis(4));
    let quorum = Some(Share {
        numerator: 1,
        denominator: 1000,
        more: false,
    });
    let id = ledger.create(Election {
        voters: Voters::Roll,
        opens_at: at(1500),
        quorum,
        ..election()
    });
    ledger.decide(&[]);
    keep("nobody-on-the-roll", &ledger, id);
    let later = Act::ChangeTimes {
        opens_at: at(1500),
        closes_at: at(90_000),
        reason: "more time".into(),
    };
    ledger.decide(&[ledger.act(id, later)]);
    keep("closes-later-with-nobody-on-the-roll", &ledger, id);
    ledger.decide(&[ledger.act(id, Act::AddVoters(voters(&[(50, 1)])))]);
    keep("opened-by-the-first-voter", &ledger, id);
    ledger.decide(&[ledger.ballot(50, id, Selection::Listed(0))]);
    keep("opened-late", &ledger, id);
    cases
}

/// Final blocks that break a rule of such an election, for both verifiers.
pub(crate) fn all_forced() -> Vec<(String, Vec<u8>)> {
    let good = [ranked(&[0]), Selection::Listed(0)];
    type Crime<'a> = dyn Fn(&Ledger, ElectionId) -> Vec<Arc<Verified>> + 'a;
    let add =
        |ledger: &Ledger, id, list: &[(u8, u32)]| ledger.act(id, Act::AddVoters(voters(list)));
    let crimes: [(&str, &Crime<'_>); 15] = [
        ("stranger", &|ledger, id| {
            vec![ballot(ledger, 53, 0, id, &good)]
        }),
        ("counter-too-high", &|ledger, id| {
            vec![ballot(ledger, 50, 1, id, &good)]
        }),
        ("counter-again", &|ledger, id| {
            vec![
                ballot(ledger, 50, 0, id, &good),
                ballot(ledger, 50, 0, id, &good),
            ]
        }),
        ("replaced-too-often", &|ledger, id| {
            (0..4).map(|n| ballot(ledger, 50, n, id, &good)).collect()
        }),
        ("one-contest-of-two", &|ledger, id| {
            vec![ballot(ledger, 50, 0, id, &good[..1])]
        }),
        ("too-few", &|ledger, id| {
            vec![ballot(
                ledger,
                50,
                0,
                id,
                &[ranked(&[]), Selection::Listed(0)],
            )]
        }),
        ("too-many", &|ledger, id| {
            vec![ballot(
                ledger,
                50,
                0,
                id,
                &[ranked(&[0, 1, 2]), Selection::Listed(0)],
            )]
        }),
        ("roll-frozen", &|ledger, id| {
            vec![add(ledger, id, &[(54, 1)])]
        }),
        ("removed-after-voting", &|ledger, id| {
            let act = Act::ChangeRoll {
                remove: vec![public(50)],
                add: vec![],
                reason: "unwanted".into(),
            };
            vec![ballot(ledger, 50, 0, id, &good), ledger.act(id, act)]
        }),
        ("reweighted-after-voting", &|ledger, id| {
            let (remove, add) = (vec![public(50)], voters(&[(50, 1000)]));
            let act = Act::ChangeRoll {
                remove,
                add,
                reason: "more for us".into(),
            };
            vec![ballot(ledger, 50, 0, id, &good), ledger.act(id, act)]
        }),
        ("on-the-roll-twice", &|ledger, id| {
            vec![ledger.act(
                id,
                Act::ChangeRoll {
                    remove: vec![],
                    add: voters(&[(50, 1)]),
                    reason: "twice".into(),
                },
            )]
        }),
        ("roll-changed-by-a-stranger", &|ledger, id| {
            let act = Act::ChangeRoll {
                remove: vec![],
                add: voters(&[(201, 1)]),
                reason: "me too".into(),
            };
            vec![ledger.sign(&key(201), Payload::Organise(Organise { election: id, act }))]
        }),
        ("act-sent-again", &|ledger, id| {
            let change = |remove, add, reason: &str| {
                ledger.act(
                    id,
                    Act::ChangeRoll {
                        remove,
                        add,
                        reason: reason.into(),
                    },
                )
            };
            let joins = change(vec![], voters(&[(54, 9)]), "joins");
            vec![
                joins.clone(),
                change(vec![public(54)], vec![], "leaves"),
                joins,
            ]
        }),
        ("approval-of-nobody", &|ledger, id| {
            vec![ballot(
                ledger,
                50,
                0,
                id,
                &[Selection::Approved(vec![]), Selection::Listed(0)],
            )]
        }),
        ("closed-in-the-past", &|ledger, id| {
            let opens_at = ledger.state.election(&id).unwrap().opens_at;
            vec![ledger.act(
                id,
                Act::ChangeTimes {
                    opens_at,
                    closes_at: at(1),
                    reason: "enough".into(),
                },
            )]
        }),
    ];
    let mut cases = Vec::new();
    for (name, crime) in crimes {
        let (mut ledger, id) = opened();
        let crime = crime(&ledger, id);
        ledger.force(&crime);
        cases.push((name.to_owned(), encode(&archive(&ledger, id))));
    }
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        ..election()
    });
    ledger.force(&[add(&ledger, id, &[(50, 7)])]);
    cases.push(("forged-weight".into(), encode(&archive(&ledger, id))));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        ..election()
    });
    ledger.force(&[ledger.act(id, Act::Open)]);
    cases.push((
        "opened-with-nobody-on-the-roll".into(),
        encode(&archive(&ledger, id)),
    ));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        opens_at: at(1500),
        ..election()
    });
    ledger.decide(&[add(&ledger, id, &[(50, 1)])]);
    let leaves = Act::ChangeRoll {
        remove: vec![public(50)],
        add: vec![],
        reason: "leaves".into(),
    };
    ledger.force(&[ledger.act(id, leaves)]);
    cases.push(("last-voter-taken-off".into(), encode(&archive(&ledger, id))));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        opens_at: at(1500),
        ..election()
    });
    ledger.decide(&[]);
    ledger.force(&[add(&ledger, id, &[(50, 1)]), add(&ledger, id, &[(51, 1)])]);
    cases.push((
        "added-after-the-first-voter".into(),
        encode(&archive(&ledger, id)),
    ));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        opens_at: at(1500),
        ..election()
    });
    ledger.decide(&[]);
    let past = Act::ChangeTimes {
        opens_at: at(1501),
        closes_at: None,
        reason: "why not".into(),
    };
    ledger.force(&[ledger.act(id, past)]);
    cases.push((
        "another-opening-in-the-past".into(),
        encode(&archive(&ledger, id)),
    ));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        voters: Voters::Roll,
        salt: 99,
        ..election()
    });
    ledger.force(&[ledger.act(id, Act::Close)]);
    cases.push(("closed-as-a-draft".into(), encode(&archive(&ledger, id))));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(Election {
        opens_at: at(1500),
        ..election()
    });
    ledger.decide(&[]);
    ledger.force(&[ledger.act(id, Act::Open)]);
    cases.push(("opened-when-open".into(), encode(&archive(&ledger, id))));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(election());
    ledger.decide(&[ledger.act(id, Act::Cancel("a mistake".into()))]);
    ledger.force(&[ledger.ballot(50, id, Selection::Listed(0))]);
    cases.push((
        "ballot-when-cancelled".into(),
        encode(&archive(&ledger, id)),
    ));
    let mut ledger = Ledger::new(genesis(4));
    let id = ledger.create(election());
    ledger.force(&[ledger.act(
        id,
        Act::ChangeRoll {
            remove: vec![],
            add: voters(&[(50, 1)]),
            reason: "why not".into(),
        },
    )]);
    cases.push((
        "roll-of-an-open-election".into(),
        encode(&archive(&ledger, id)),
    ));
    cases
}
