//! Networks of every kind, one for each seed: sizes, powers, liars, strangers, clocks, small pools,
//! losses and crashes at random; elections with a roll and without. `just sim --seeds 10000` for
//! more.

use std::thread;

use vote_chain::{Act, ElectionId, ElectionPhase, ElectionRecord, Organise, Payload, Voters};
use vote_consensus::{Config, PoolRoom, Safety};

use super::crime::{CRIMES, Crime};
use super::random::Random;
use super::strangers::false_vote;
use super::world::{Faults, World, key};
use super::{CALM, CRASHING, LOSSY, STORM, seeds};

const SLOW: Faults = Faults {
    loss: 10,
    duplicates: 10,
    delay_ms: 200,
    crash_every_ms: 0,
    uplink: 0,
};
const HOUR_MS: i64 = 3_600_000;
const BALLOTS: u32 = 6;
/// Fewer than there are ballots: who finds no room comes again.
const SMALL_POOL: PoolRoom = PoolRoom {
    transactions: 4,
    bytes: 64 << 10,
};
/// After the faults have ended, and the liars have not: so long may it take until all is final, in
/// simulated seconds.
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

fn world(seed: u64, safety: Safety) -> World {
    let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9));
    let validators = one_of(&mut random, &[1, 4, 4, 5, 7]);
    let equal = random.below(2) == 0;
    let powers: Vec<_> = (0..validators)
        .map(|_| if equal { 1 } else { 1 + random.below(4) })
        .collect();
    let followers = usize::try_from(random.below(2)).unwrap();
    let faults = one_of(&mut random, &[CALM, LOSSY, CRASHING, STORM, SLOW]);
    let pool = one_of(
        &mut random,
        &[PoolRoom::default(), PoolRoom::default(), SMALL_POOL],
    );
    let strangers = usize::from(random.below(3) == 0);
    let nodes = validators + followers;
    let gather_from = one_of(&mut random, &[1, 1, usize::MAX]);
    let config = Config {
        gather_from,
        pool,
        safety,
        ..Config::default()
    };
    let mut world = World::with_powers(seed, nodes + strangers, &powers, faults, config);
    if strangers > 0 {
        world.stop(nodes);
        world.stranger = Some(nodes);
    }
    world.criminals = liars(&mut random, &powers).into_iter().collect();
    if random.below(3) == 0 {
        world
            .clocks
            .iter_mut()
            .for_each(|clock| *clock = one_of(&mut random, &[0, 0, -300, 2500, HOUR_MS, -HOUR_MS]));
    }
    world
}

/// A network in which people vote.
struct Vote {
    world: World,
    honest: Vec<usize>,
    election: ElectionId,
    votes: u64,
}

impl Vote {
    /// Lets a second pass, in which a stranger, if there is one, says what it likes to everybody.
    fn second(&mut self) {
        if let Some(stranger) = self.world.stranger {
            for to in (0..self.world.engines.len()).filter(|to| *to != stranger) {
                self.votes += 1;
                let vote = false_vote(&self.world, self.votes);
                self.world.post(stranger, vec![(to, vote)]);
            }
        }
        self.world.run(1, |_| false);
    }

    /// Submits what an organiser does until it is done, as far as nodes know that run.
    fn done(&mut self, bytes: &[u8], done: impl Fn(&ElectionRecord, &World) -> bool) -> bool {
        for number in 0..60 {
            self.world
                .submit(self.honest[number % self.honest.len()], bytes.to_vec());
            let at_all = |world: &World| {
                let running = self
                    .honest
                    .iter()
                    .filter_map(|at| world.engines[*at].as_ref());
                running
                    .map(|engine| engine.state().election(&self.election))
                    .all(|record| record.is_some_and(|record| done(record, world)))
            };
            if self.world.run(5, at_all) || self.world.fault.is_some() {
                break;
            }
        }
        self.world.fault.is_none()
    }

    fn act(&mut self, act: Act, done: impl Fn(&ElectionRecord, &World) -> bool) -> bool {
        let payload = Payload::Organise(Organise {
            election: self.election,
            act,
        });
        let (_, bytes) = self.world.sign(&key(200), payload);
        self.done(&bytes, done)
    }

    /// Creates the election, and opens it for those on its roll, if it has one.
    fn open(seed: u64, safety: Safety) -> Self {
        let world = world(seed, safety);
        let honest: Vec<_> = (0..world.engines.len())
            .filter(|at| world.is_honest(*at))
            .collect();
        let voters = if seed.is_multiple_of(3) {
            Voters::Roll
        } else {
            Voters::Anyone
        };
        let (election, bytes) = world.election_for(voters);
        let mut vote = Self {
            world,
            honest,
            election,
            votes: 0,
        };
        if vote.done(&bytes, |_, _| true) && voters == Voters::Roll {
            let all = u64::from(BALLOTS);
            let _ = vote.act(Act::AddVoters(World::roll(BALLOTS)), |record, _| {
                record.roll.voters == all
            }) && vote.act(Act::Open, |record, _| record.opens_at.is_some());
        }
        vote
    }
}

/// Votes at honest nodes while things go wrong, then ends the faults. Says what has gone wrong with
/// it.
fn vote(seed: u64, safety: Safety) -> Result<(), String> {
    let mut vote = Vote::open(seed, safety);
    let (election, honest) = (vote.election, vote.honest.clone());
    let mut waits = Vec::new();
    for voter in 0..BALLOTS {
        let (id, bytes) = vote.world.ballot(election, voter);
        vote.world.submit(
            honest[usize::try_from(voter).unwrap() % honest.len()],
            bytes.clone(),
        );
        waits.push((id, bytes));
        vote.second();
    }
    vote.world.heal();
    let final_everywhere = |world: &World| {
        let mut running = honest.iter().filter_map(|at| world.engines[*at].as_ref());
        waits.iter().all(|(id, _)| world.finals.contains(id))
            && running.all(|engine| {
                engine.pending() == 0
                    && engine
                        .state()
                        .tally(&election)
                        .is_some_and(|tally| tally.turnout.ballots == u64::from(BALLOTS))
            })
    };
    let done = (0..PROGRESS_S / 5).any(|_| {
        // A ballot can be lost with a node that has accepted it, or come to one that does not know
        // the election yet, or has no room: its voter submits it again.
        for (at, (id, bytes)) in waits.iter().enumerate() {
            if !vote.world.finals.contains(id) {
                vote.world.submit(honest[at % honest.len()], bytes.clone());
            }
        }
        vote.world.run(5, final_everywhere)
    });
    if done {
        vote.act(Act::Close, |record, world| {
            record.phase(world.tip_time()) == ElectionPhase::Closed
        });
    }
    let mut world = vote.world;
    let beside = format!(
        "beside {:?}, with clocks {:?}",
        world.criminals, world.clocks
    );
    match world.fault.take() {
        Some(fault) => return Err(format!("{fault}, {beside}")),
        None if !done => {
            return Err(format!(
                "not all is final {PROGRESS_S} s after the faults have ended, {beside}"
            ));
        }
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
                scope.spawn(move || {
                    seeds
                        .filter_map(|seed| Some((*seed, vote(*seed, Safety::default()).err()?)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap())
            .collect()
    });
    assert!(
        failed.is_empty(),
        "replay one with SIM_SEED=...: {failed:#?}"
    );
}

#[test]
fn negative_control_what_a_proposer_leaves_out_is_seen() {
    let safety = Safety {
        all_that_waits: false,
        ..Safety::default()
    };
    let seen = |seed| vote(seed, safety).is_err_and(|fault| fault.contains("has left"));
    assert!((1..=10).any(seen));
}

#[test]
fn negative_control_a_flood_is_seen_where_there_is_room_for_honest_messages_only() {
    let fault = |crime: Option<Crime>, percent| {
        let mut world = World::new(1, 4, 4, CALM, Config::default());
        world.criminals.extend(crime.map(|crime| (3, crime)));
        world.memory_percent = percent;
        let (_, bytes) = world.election(None, None);
        world.submit(0, bytes);
        world.run(10, |_| false);
        world.fault
    };
    assert_eq!(fault(None, 5), None);
    assert_eq!(fault(Some(Crime::Flooder), 100), None);
    assert!(fault(Some(Crime::Flooder), 5).is_some_and(|fault| fault.contains("holds Held")));
}
