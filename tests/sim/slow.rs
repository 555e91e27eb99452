//! Lines that carry little: blocks must not stand in the way of each other.

use std::sync::Arc;

use vote_chain::Timestamp;
use vote_consensus::{Action, Config, Event, Origin, Timer};

use super::world::{Faults, World};
use super::{CALM, tip};

/// What a node can send over 2 Mbit/s, in bytes a millisecond.
const TWO_MBIT: u64 = 250;

/// Submits so many ballots at once, spread over four validators, all of which are to be final in so
/// many seconds.
fn burst(faults: Faults, ballots: u32, seconds_max: u64) {
    let mut world = World::new(1, 4, 4, CALM, Config::default());
    let (election, bytes) = world.election(None, None);
    world.submit(0, bytes);
    let created = |world: &World| {
        world
            .engines
            .iter()
            .flatten()
            .all(|engine| engine.state().election(&election).is_some())
    };
    assert!(world.run(10, created));
    world.faults = faults;
    let before = world.finals.len();
    for voter in 0..ballots {
        let (_, bytes) = world.ballot(election, voter);
        world.submit(usize::try_from(voter % 4).unwrap(), bytes);
    }
    let all = before + usize::try_from(ballots).unwrap();
    let done = world.run(seconds_max, |world| world.finals.len() == all);
    assert_eq!(
        (world.fault.clone(), world.blamed, world.struck),
        (None, 0, 0)
    );
    let cast = world.finals.len() - before;
    assert!(
        done,
        "{cast} of {ballots} are final after {seconds_max} s, at height {}",
        tip(&world)
    );
}

/// Sent once, they take 2.3 s. With the transactions in each proposal again it would be 27 s.
#[test]
fn three_thousand_ballots_at_once_over_slow_uplinks_are_final_in_fifteen_seconds() {
    burst(
        Faults {
            uplink: TWO_MBIT,
            delay_ms: 20,
            ..CALM
        },
        3000,
        15,
    );
}

/// Blocks of all that waits would fail round after round: 37 s.
#[test]
fn blocks_become_as_small_as_slower_uplinks_carry() {
    burst(
        Faults {
            uplink: TWO_MBIT / 3,
            delay_ms: 20,
            ..CALM
        },
        2500,
        25,
    );
}

/// On a line that does not carry all at once, what is sent again too soon stands in the way of
/// itself.
#[test]
fn ballot_that_waits_is_passed_on_again_every_ten_seconds() {
    let mut world = World::new(1, 4, 4, CALM, Config::default());
    (1..4).for_each(|at| world.stop(at));
    let (_, bytes) = world.election(None, None);
    let transaction = vote_chain::verify(&world.genesis.chain(), &bytes)
        .map(Arc::new)
        .unwrap();
    let mut engine = world.engines[0].take().unwrap();
    engine
        .submit(
            Timestamp::from_ms(world.now),
            vec![transaction],
            Origin::App,
        )
        .remove(0)
        .unwrap();
    let mut passed_on = Vec::new();
    for ms in (0..35_000).step_by(500) {
        engine.handle(
            Timestamp::from_ms(world.now + ms),
            Event::Timer(Timer::Tick),
        );
        let relayed = |action: &Action| matches!(action, Action::Relay(_));
        passed_on.extend(
            engine
                .turn()
                .actions
                .iter()
                .filter(|action| relayed(action))
                .map(|_| ms / 1000),
        );
    }
    assert_eq!(
        passed_on.len(),
        4,
        "at once, and after 10, 20 and 30 s: {passed_on:?}"
    );
    assert!(
        passed_on
            .iter()
            .zip([0, 10, 20, 30])
            .all(|(at, due)| (due..due + 4).contains(at)),
        "{passed_on:?}"
    );
}
