//! Networks of every kind, one for each seed: sizes, powers, liars, clocks, losses and crashes at random. `just sim --seeds 10000` for more.

use std::thread;

use vote_consensus::Config;

use super::crime::{CRIMES, Crime};
use super::random::Random;
use super::world::{Faults, World};
use super::{CALM, CRASHING, LOSSY, STORM, seeds};

const SLOW: Faults = Faults { loss: 10, duplicates: 10, delay_ms: 200, crash_every_ms: 0, uplink: 0 };
const HOUR_MS: i64 = 3_600_000;
const BALLOTS: u32 = 6;
/// After the faults have ended, and the liars have not: so long may it take until all is final, in simulated seconds.
const PROGRESS_S: u64 = 60;

fn one_of<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[usize::try_from(random.below(all.len() as u64)).unwrap()]
}

/// Up to two liars, with less than a third of the power together.
fn liars(random: &mut Random, powers: &[u64]) -> Vec<(usize, Crime)> {
    let total: u64 = powers.iter().sum();
    let (mut liars, mut power) = (Vec::new(), 0);
    for (at, own) in powers.iter().enumerate().rev() {
        if liars.len() < 2 && (power + own) * 3 < total && random.below(2) == 0 {
            power += own;
            liars.push((at, one_of(random, &CRIMES)));
        }
    }
    liars
}

fn world(seed: u64) -> World {
    let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9));
    let validators = one_of(&mut random, &[1, 4, 4, 5, 7]);
    let equal = random.below(2) == 0;
    let powers: Vec<_> = (0..validators).map(|_| if equal { 1 } else { 1 + random.below(4) }).collect();
    let followers = usize::try_from(random.below(2)).unwrap();
    let faults = one_of(&mut random, &[CALM, LOSSY, CRASHING, STORM, SLOW]);
    let mut world = World::with_powers(seed, validators + followers, &powers, faults, Config::default());
    world.criminals = liars(&mut random, &powers).into_iter().collect();
    if random.below(3) == 0 {
        world.clocks.iter_mut().for_each(|clock| *clock = one_of(&mut random, &[0, 0, -300, 2500, HOUR_MS, -HOUR_MS]));
    }
    world
}

/// Votes at honest nodes while things go wrong, then ends the faults. Says what has gone wrong with it.
fn vote(seed: u64) -> Result<(), String> {
    let mut world = world(seed);
    let honest: Vec<_> = (0..world.engines.len()).filter(|at| world.is_honest(*at)).collect();
    let (election, bytes) = world.election(None, None);
    for number in 0..60 {
        world.submit(honest[number % honest.len()], bytes.clone());
        let known = |world: &World, at: &usize| {
            world.engines[*at].as_ref().is_none_or(|engine| engine.state().election(&election).is_some())
        };
        if world.run(5, |world| honest.iter().all(|at| known(world, at))) || world.fault.is_some() {
            break;
        }
    }
    let mut waits = Vec::new();
    for voter in 0..BALLOTS {
        let (id, bytes) = world.ballot(election, voter);
        world.submit(honest[usize::try_from(voter).unwrap() % honest.len()], bytes.clone());
        waits.push((id, bytes));
        world.run(1, |_| false);
    }
    world.heal();
    let final_everywhere = |world: &World| {
        let mut running = honest.iter().filter_map(|at| world.engines[*at].as_ref());
        waits.iter().all(|(id, _)| world.finals.contains(id))
            && running.all(|engine| {
                engine.pending() == 0
                    && engine.state().tally(&election).is_some_and(|tally| tally.turnout.ballots == u64::from(BALLOTS))
            })
    };
    let done = (0..PROGRESS_S / 5).any(|_| {
        // A ballot can be lost with a node that has accepted it, or come to one that does not know the election yet: its voter submits it again.
        for (at, (id, bytes)) in waits.iter().enumerate() {
            if !world.finals.contains(id) {
                world.submit(honest[at % honest.len()], bytes.clone());
            }
        }
        world.run(5, final_everywhere)
    });
    let beside = format!("beside {:?}, with clocks {:?}", world.criminals, world.clocks);
    match world.fault.take() {
        Some(fault) => return Err(format!("{fault}, {beside}")),
        None if !done => return Err(format!("not all is final {PROGRESS_S} s after the faults have ended, {beside}")),
        None => {}
    }
    world.check_ledgers(&election);
    Ok(())
}

#[test]
fn networks_of_every_kind_agree_lose_nothing_accuse_nobody_honest_and_go_on_beside_liars() {
    let seeds = seeds(1000);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let failed: Vec<_> = thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let seeds = seeds.iter().skip(part).step_by(threads);
                scope.spawn(move || seeds.filter_map(|seed| Some((*seed, vote(*seed).err()?))).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "replay one with SIM_SEED=...: {failed:#?}");
}
