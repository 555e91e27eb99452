//! Clocks that are wrong, and clocks that are set right.

use vote_chain::{ElectionId, ElectionPhase, Timestamp};
use vote_consensus::Config;

use super::world::{START, World};
use super::{CALM, seeds};

const HOUR_MS: i64 = 3_600_000;

/// Each second a ballot at another node; each of them is final within ten.
fn votes_go_on(world: &mut World, election: ElectionId, voters: std::ops::Range<u32>) {
    for voter in voters {
        let (id, bytes) = world.ballot(election, voter);
        world.submit(usize::try_from(voter).unwrap() % world.engines.len(), bytes);
        let in_time = world.run(10, |world| world.finals.contains(&id));
        assert_eq!(world.fault, None);
        assert!(in_time, "ballot {voter} is not final within ten seconds");
        world.run_ms(1000);
    }
}

fn started(seed: u64, clocks: [i64; 4]) -> (World, ElectionId) {
    let mut world = World::new(seed, 4, 4, CALM, Config::default());
    world.clocks = clocks.to_vec();
    world.run_ms(1500);
    let (election, bytes) = world.election(None, None);
    world.submit(0, bytes);
    assert!(world.run(10, |world| {
        world
            .engines
            .iter()
            .flatten()
            .all(|one| one.state().election(&election).is_some())
    }));
    (world, election)
}

#[test]
fn two_of_four_an_hour_behind_hold_up_no_ballot_and_elections_open_and_close_by_the_right_time() {
    for seed in seeds(2) {
        let (mut world, election) = started(seed, [0, -HOUR_MS, 0, -HOUR_MS]);
        votes_go_on(&mut world, election, 0..10);
        let (opens, closes) = (world.now + 20_000, world.now + 40_000);
        let (timed, bytes) = world.election(Some(opens), Some(closes));
        world.submit(1, bytes);
        let phase = |world: &World| {
            let state = world.engines[1].as_ref().unwrap().state();
            state
                .election(&timed)
                .map(|record| record.phase(state.tip().time))
        };
        assert!(
            world.run(10, |world| phase(world) == Some(ElectionPhase::Draft)),
            "seed {seed}"
        );
        assert!(
            world.run(30, |world| phase(world) == Some(ElectionPhase::Open)),
            "seed {seed}"
        );
        assert!((opens..opens + 5000).contains(&world.now), "seed {seed}");
        votes_go_on(&mut world, timed, 0..5);
        assert!(
            world.run(30, |world| phase(world) == Some(ElectionPhase::Closed)),
            "seed {seed}"
        );
        assert!((closes..closes + 5000).contains(&world.now), "seed {seed}");
    }
}

#[test]
fn clocks_of_three_that_were_a_minute_ahead_are_set_right_and_votes_go_on() {
    for seed in seeds(2) {
        let (mut world, election) = started(seed, [60_000, 60_000, 0, 60_000]);
        votes_go_on(&mut world, election, 0..5);
        let last = |world: &World| world.engines[2].as_ref().unwrap().state().tip().time;
        assert!(
            last(&world) > Timestamp::from_ms(world.now + 50_000),
            "blocks go by the clocks of most"
        );
        world.clocks = vec![0; 4];
        votes_go_on(&mut world, election, 5..20);
        world.run(90, |_| false);
        assert!(
            last(&world) <= Timestamp::from_ms(world.now),
            "the time of blocks has come right"
        );
        assert!(last(&world) > Timestamp::from_ms(START + 60_000));
    }
}
