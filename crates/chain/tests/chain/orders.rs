//! The orders in which people ask for elections, against a look at all of them; and states that
//! others go on from.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use vote_chain::{
    Act, Ballot, Election, ElectionId, ElectionRecord, Genesis, InvalidTransaction, Limits,
    Payload, Selection, State, Timestamp, Verified, Voter, Voters, encode,
};

use crate::ledger::{Ledger, START, election, genesis, key};

/// What one block of a chain does, to the election of that number among those that there are.
#[derive(Clone, Debug)]
enum Step {
    Create {
        title: String,
        roll: bool,
        opens: Option<u64>,
        closes: Option<u64>,
    },
    Open(prop::sample::Index),
    Close(prop::sample::Index),
    Cancel(prop::sample::Index),
    Times {
        of: prop::sample::Index,
        opens: Option<u64>,
        closes: Option<u64>,
    },
    AddVoter(prop::sample::Index, u8),
    Vote(prop::sample::Index, u8),
}

/// Elections that an organiser may have at a time: so few that the limit is met often.
const ROOM: u32 = 4;

fn small() -> Genesis {
    Genesis {
        limits: Limits {
            organiser_elections_max: ROOM,
            ..Limits::default()
        },
        ..genesis(1)
    }
}

fn steps() -> impl Strategy<Value = Vec<(u64, Vec<Step>)>> {
    let index = any::<prop::sample::Index>;
    let time = || prop::option::of(0..20_000u64);
    let title = prop::sample::select(vec!["Lunch", "LUNCH", "lunch ", "Äpfel", "äpfel", "Board"]);
    let step = prop_oneof![
        (title, any::<bool>(), time(), time()).prop_map(|(title, roll, opens, closes)| {
            Step::Create {
                title: title.trim().to_owned(),
                roll,
                opens,
                closes,
            }
        }),
        index().prop_map(Step::Open),
        index().prop_map(Step::Close),
        index().prop_map(Step::Cancel),
        (index(), time(), time()).prop_map(|(of, opens, closes)| Step::Times { of, opens, closes }),
        (index(), 50..60u8).prop_map(|(of, voter)| Step::AddVoter(of, voter)),
        (index(), 50..60u8).prop_map(|(of, voter)| Step::Vote(of, voter)),
    ];
    prop::collection::vec((1..4_000u64, prop::collection::vec(step, 0..5)), 1..25)
}

/// What is refused is left out: every step may come at the wrong time.
fn block(ledger: &mut Ledger, salt: &mut u64, wait: u64, steps: &[Step]) {
    let ids: Vec<ElectionId> = ledger.state.elections().map(|record| record.id).collect();
    let pick = |index: &prop::sample::Index| {
        ids.get(index.index(ids.len().max(1)))
            .copied()
            .unwrap_or_default()
    };
    let at = |ms: &Option<u64>| ms.map(|ms| Timestamp::from_ms(START + ms));
    let mut transaction = |step: &Step| -> Arc<Verified> {
        match step {
            Step::Create {
                title,
                roll,
                opens,
                closes,
            } => {
                *salt += 1;
                let closes = closes.map(|closes| opens.unwrap_or(0) + 1 + closes);
                let voters = if *roll { Voters::Roll } else { Voters::Anyone };
                let (opens_at, closes_at) = (at(opens), at(&closes));
                let new = Election {
                    title: title.clone(),
                    voters,
                    opens_at,
                    closes_at,
                    salt: *salt,
                    ..election()
                };
                ledger.sign(&key(200), Payload::CreateElection(new))
            }
            Step::Open(of) => ledger.act(pick(of), Act::Open),
            Step::Close(of) => ledger.act(pick(of), Act::Close),
            Step::Cancel(of) => ledger.act(pick(of), Act::Cancel("over".into())),
            Step::Times { of, opens, closes } => {
                let (opens_at, closes_at) = (at(opens), at(closes));
                ledger.act(
                    pick(of),
                    Act::ChangeTimes {
                        opens_at,
                        closes_at,
                        reason: "later".into(),
                    },
                )
            }
            Step::AddVoter(of, voter) => ledger.act(
                pick(of),
                Act::AddVoters(vec![Voter(key(*voter).public(), 1)]),
            ),
            Step::Vote(of, voter) => ledger.ballot_of(
                &key(*voter),
                Ballot::plain(pick(of), Selection::Listed(u16::from(*voter) % 3)),
            ),
        }
    };
    let transactions: Vec<_> = steps.iter().map(&mut transaction).collect();
    let time = ledger.state.tip().time.plus_ms(wait);
    let new = ledger.sign(
        &key(200),
        Payload::CreateElection(Election {
            salt: 0,
            ..election()
        }),
    );
    let running = ledger
        .state
        .elections()
        .filter(|record| !record.phase(time).is_over())
        .count();
    let full = Err(InvalidTransaction::OrganiserFull(ROOM));
    assert_eq!(
        ledger.state.execute(time).apply(&new) == full,
        running >= ROOM as usize,
        "{running} are not over"
    );
    let (block, changes, _) = ledger.state.build(time, key(1).public(), &transactions);
    ledger.state.commit(block.header(), &changes);
}

fn ids<'a>(records: impl Iterator<Item = &'a ElectionRecord>) -> Vec<ElectionId> {
    records.map(|record| record.id).collect()
}

/// The list as an app gets it: page by page.
fn paged<'a, I>(size: usize, page: impl Fn(Option<ElectionId>) -> I) -> Vec<ElectionId>
where
    I: Iterator<Item = &'a ElectionRecord>,
{
    let mut all: Vec<ElectionId> = Vec::new();
    loop {
        let next = ids(page(all.last().copied()).take(size));
        if next.is_empty() {
            return all;
        }
        all.extend(next);
        assert!(all.len() < 1000, "the pages do not end");
    }
}

fn check(state: &State, page: usize, digits: usize, ahead: u64) -> Result<(), TestCaseError> {
    let now = state.tip().time;
    let mut newest: Vec<_> = state.elections().collect();
    newest.sort_by_key(|record| std::cmp::Reverse((record.created_at, record.id)));
    prop_assert_eq!(
        paged(page, |after| state.elections_newest(after)),
        ids(newest.iter().copied())
    );
    let running = newest
        .iter()
        .copied()
        .filter(|record| !record.phase(now).is_over());
    prop_assert_eq!(
        paged(page, |after| state.elections_running(after)),
        ids(running)
    );
    for record in &newest {
        let prefix = &record.id.to_string()[..digits];
        let begins = state
            .elections()
            .filter(|record| record.id.to_string().starts_with(prefix));
        let expected = ids(begins);
        prop_assert_eq!(
            ids(state.elections_beginning(&prefix.to_uppercase())),
            expected
        );
    }
    let running = state
        .elections()
        .filter(|record| record.cancelled_at.is_none());
    let boundaries = running.flat_map(|record| record.opens_at.into_iter().chain(record.closes_at));
    let boundaries: BTreeSet<_> = boundaries.filter(|time| *time > now).collect();
    prop_assert_eq!(state.next_boundary(), boundaries.first().copied());
    for then in boundaries.into_iter().chain([now.plus_ms(ahead)]) {
        let turned = state
            .elections()
            .filter(|record| record.phase(then) != record.phase(now));
        let turned: BTreeSet<_> = turned.map(|record| record.id).collect();
        prop_assert_eq!(state.turned(then), turned);
    }
    Ok(())
}

/// All that a reader could see, as bytes.
fn seen(state: &State) -> Vec<u8> {
    let mut bytes = encode(state.tip());
    for record in state.elections() {
        let id = record.id;
        bytes.extend(encode(&(
            record,
            state.tally(&id),
            state.log(&id).collect::<Vec<_>>(),
        )));
        for voter in (50..60).map(|at| key(at).public()) {
            bytes.extend(encode(&(
                state.ballot(&id, &voter),
                state.weight(&id, &voter),
            )));
        }
        bytes.extend(encode(&state.uncounted(&id).unwrap().count(u64::MAX)));
    }
    bytes.extend(encode(&ids(state.elections_newest(None))));
    bytes.extend(encode(&(
        ids(state.elections_running(None)),
        state.next_boundary(),
    )));
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_is_what_a_look_at_all_elections_gives(
        blocks in steps(), page in 1..5usize, digits in 0..=64usize, ahead in 0..20_000u64
    ) {
        let (mut ledger, mut salt) = (Ledger::new(small()), 0);
        for (wait, steps) in blocks {
            block(&mut ledger, &mut salt, wait, &steps);
            check(&ledger.state, page, digits, ahead)?;
        }
    }

    #[test]
    fn state_that_a_reader_holds_stays_as_it_was_while_blocks_go_on(blocks in steps()) {
        let (mut ledger, mut salt) = (Ledger::new(small()), 0);
        let mut held = Vec::new();
        for (wait, steps) in blocks {
            held.push((ledger.state.clone(), seen(&ledger.state)));
            block(&mut ledger, &mut salt, wait, &steps);
        }
        for (state, saw) in held {
            prop_assert_eq!(seen(&state), saw);
        }
    }
}

#[test]
fn what_is_no_beginning_of_an_id_finds_nothing_and_an_unknown_cursor_ends_the_list() {
    let mut ledger = Ledger::new(genesis(1));
    let id = ledger.create(election());
    for digits in ["g", "0x", " ", "é", &format!("{id}0"), &"0".repeat(1000)] {
        assert_eq!(
            ledger.state.elections_beginning(digits).count(),
            0,
            "{digits:?}"
        );
    }
    assert_eq!(ids(ledger.state.elections_beginning("")), [id]);
    assert_eq!(
        ledger
            .state
            .elections_newest(Some(ElectionId::default()))
            .count(),
        0
    );
    assert_eq!(
        ledger
            .state
            .elections_running(Some(ElectionId::default()))
            .count(),
        0
    );
}
