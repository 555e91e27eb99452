//! A network in one thread, with fake time from one seed. `SIM_SEED=4711` runs one seed,
//! `SIM_SEEDS=300` so many.

mod catching_up;
mod clocks;
mod crime;
mod fetching;
mod gathering;
mod many;
mod node;
mod random;
mod restored;
mod slow;
mod strangers;
mod world;

use crime::Crime;
use vote_chain::{ElectionPhase, Height, Payload, ValidatorChange};
use vote_consensus::{Config, Safety};
use world::{Faults, START, World, key, validator};

const CALM: Faults = Faults {
    loss: 0,
    duplicates: 0,
    delay_ms: 3,
    crash_every_ms: 0,
    uplink: 0,
};
const LOSSY: Faults = Faults {
    loss: 100,
    duplicates: 50,
    delay_ms: 80,
    crash_every_ms: 0,
    uplink: 0,
};
const CRASHING: Faults = Faults {
    loss: 0,
    duplicates: 0,
    delay_ms: 20,
    crash_every_ms: 500,
    uplink: 0,
};
const STORM: Faults = Faults {
    loss: 50,
    duplicates: 50,
    delay_ms: 60,
    crash_every_ms: 1500,
    uplink: 0,
};

fn seeds(default: u64) -> Vec<u64> {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    number("SIM_SEED").map_or_else(
        || (1..=number("SIM_SEEDS").unwrap_or(default)).collect(),
        |seed| vec![seed],
    )
}

fn tip(world: &World) -> u64 {
    world
        .disks
        .iter()
        .map(|disk| disk.tip().get())
        .max()
        .unwrap_or(0)
}

/// An election, then ballots at random nodes while things go wrong; then peace, in which every
/// ballot becomes final.
fn vote(seed: u64, nodes: usize, validators: usize, faults: Faults, ballots: u32) -> World {
    vote_in(
        World::new(seed, nodes, validators, faults, Config::default()),
        seed,
        ballots,
    )
}

fn vote_in(mut world: World, seed: u64, ballots: u32) -> World {
    let nodes = world.disks.len();
    let (election, bytes) = world.election(None, None);
    let created = |world: &World| {
        world
            .engines
            .iter()
            .flatten()
            .all(|engine| engine.state().election(&election).is_some())
    };
    for attempt in 0..60 {
        world.submit(attempt % nodes, bytes.clone());
        if world.run(5, created) {
            break;
        }
    }
    assert_eq!(
        world.fault, None,
        "seed {seed}; replay it with SIM_SEED={seed}"
    );
    let mut expected = Vec::new();
    for voter in 0..ballots {
        let (id, bytes) = world.ballot(election, voter);
        world.submit(usize::try_from(voter).unwrap() % nodes, bytes.clone());
        expected.push((id, bytes));
        world.run(1, |_| false);
        assert_eq!(
            world.fault, None,
            "seed {seed}; replay it with SIM_SEED={seed}"
        );
    }
    world.heal();
    // An accepted ballot that is not final is lost with its node: its voter submits it again.
    for (at, (id, bytes)) in expected.iter().enumerate() {
        if !world.finals.contains(id) {
            world.submit(at % nodes, bytes.clone());
        }
    }
    let done = world.run(120, |world| {
        world.agreed() && expected.iter().all(|(id, _)| world.finals.contains(id))
    });
    assert_eq!(
        world.fault, None,
        "seed {seed}; replay it with SIM_SEED={seed}"
    );
    assert!(
        done,
        "seed {seed}: not every ballot is final in time; replay it with SIM_SEED={seed}"
    );
    world.check_ledgers(&election);
    world
}

/// The same seed gives the same history, message by message.
fn vote_twice(seed: u64, nodes: usize, validators: usize, faults: Faults, ballots: u32) -> World {
    let world = vote(seed, nodes, validators, faults, ballots);
    let again = vote(seed, nodes, validators, faults, ballots);
    assert_eq!(world.trace, again.trace, "seed {seed} has two histories");
    world
}

#[test]
fn calm_networks_of_one_four_and_seven_make_every_ballot_final() {
    for validators in [1, 4, 7] {
        for seed in seeds(2) {
            vote_twice(seed, validators, validators, CALM, 12);
        }
    }
}

#[test]
fn loss_delay_and_duplicates_lose_no_ballot() {
    for seed in seeds(4) {
        vote_twice(seed, 4, 4, LOSSY, 12);
    }
}

#[test]
fn crashes_before_and_after_each_flush_lose_no_final_ballot_and_nobody_signs_twice() {
    let mut crashes = 0;
    for seed in seeds(6) {
        crashes += vote_twice(seed, 4, 4, CRASHING, 20).crashes;
        crashes += vote_twice(seed, 7, 7, STORM, 20).crashes;
    }
    assert!(
        crashes > 20,
        "only {crashes} crashes: the test shows little"
    );
}

#[test]
fn lone_validator_survives_crashes() {
    for seed in seeds(3) {
        vote_twice(seed, 1, 1, CRASHING, 12);
    }
}

#[test]
fn followers_and_late_joiners_hold_the_same_ledger() {
    for seed in seeds(3) {
        let mut world = vote(seed, 6, 4, LOSSY, 8);
        world.stop(5);
        world.disks[5] = node::Disk::default();
        world.start(5);
        assert!(
            world.run(60, |world| world.disks[5].tip() == world.disks[0].tip()),
            "seed {seed}"
        );
        assert_eq!(
            world.engines[5].as_ref().unwrap().state().tip(),
            world.engines[0].as_ref().unwrap().state().tip()
        );
    }
}

#[test]
fn one_of_four_down_stops_nothing_and_two_down_stop_all_until_one_returns() {
    let mut world = World::new(7, 4, 4, CALM, Config::default());
    let (election, bytes) = world.election(None, None);
    world.stop(3);
    world.submit(0, bytes);
    assert!(
        world.run(30, |world| tip(world) >= 1),
        "three of four go on"
    );
    world.stop(2);
    let (id, ballot) = world.ballot(election, 1);
    world.submit(0, ballot);
    assert!(
        !world.run(30, |world| world.finals.contains(&id)),
        "two of four decide nothing"
    );
    world.start(2);
    assert!(
        world.run(30, |world| world.finals.contains(&id)),
        "it resumes by itself, and the ballot is not lost"
    );
    assert_eq!(world.fault, None);
}

#[test]
fn partition_decides_nothing_apart_and_heals() {
    for seed in seeds(3) {
        let mut world = World::new(seed, 4, 4, CALM, Config::default());
        let (_, bytes) = world.election(None, None);
        world.group = vec![0, 0, 1, 1];
        world.submit(0, bytes);
        assert!(
            !world.run(30, |world| tip(world) > 0),
            "half of the power decides nothing"
        );
        world.heal();
        assert!(
            world.run(60, |world| tip(world) > 0 && world.agreed()),
            "seed {seed}"
        );
        assert_eq!(world.fault, None);
    }
}

#[test]
fn votes_reach_who_does_not_reach_their_signer() {
    // Three of four are needed, and two of them have only the third in common.
    let mut world = World::new(1, 4, 4, CALM, Config::default());
    let (election, bytes) = world.election(None, None);
    world.submit(0, bytes);
    let known = |world: &World| {
        world
            .engines
            .iter()
            .flatten()
            .all(|engine| engine.state().election(&election).is_some())
    };
    assert!(world.run(30, known), "{:?}", world.fault);
    world.stop(3);
    world.apart = Some([0, 1]);
    // One is down, which costs a round now and then: some 15 s if votes are passed on at once. Each
    // of two steps takes longer than that, but nobody waits to hear that it is behind.
    let since = world.now;
    for voter in 0..10 {
        let (id, bytes) = world.ballot(election, voter);
        world.submit(1, bytes);
        let at_both = |world: &World| {
            let ballots = |at: usize| {
                world.engines[at]
                    .as_ref()?
                    .state()
                    .tally(&election)
                    .map(|tally| tally.turnout.ballots)
            };
            world.finals.contains(&id)
                && ballots(0) == ballots(1)
                && ballots(1) == Some(u64::from(voter) + 1)
        };
        assert!(world.run(5, at_both), "{:?}", world.fault);
    }
    assert!(
        world.now - since < 21_000,
        "{} ms for ten ballots",
        world.now - since
    );
}

#[test]
fn mempool_is_bounded_and_says_so() {
    let mut world = World::new(1, 4, 4, CALM, Config::default());
    (1..4).for_each(|at| world.stop(at));
    let choices: Vec<_> = (0..500).map(|at| format!("{at:0>100}")).collect();
    let mut bytes_taken = 0;
    let refusal = (0..).find_map(|salt| {
        let election = world.election_of(
            vote_chain::Contest::listed(choices.clone(), vote_chain::Rule::Plurality, 1),
            salt,
        );
        let (_, bytes) = world.sign(&key(200), Payload::CreateElection(election));
        let transaction = vote_chain::verify(&world.genesis.chain(), &bytes)
            .map(std::sync::Arc::new)
            .unwrap();
        let now = vote_chain::Timestamp::from_ms(world.now);
        let engine = world.engines[0].as_mut().unwrap();
        let verdict = engine
            .submit(now, vec![transaction], vote_consensus::Origin::App)
            .remove(0);
        bytes_taken += bytes.len();
        engine.turn();
        verdict.err()
    });
    assert!(
        matches!(refusal, Some(vote_consensus::PoolRefusal::Full(1..))),
        "{refusal:?}"
    );
    assert!(
        (vote_consensus::PENDING_BYTES_MAX..vote_consensus::PENDING_BYTES_MAX + 65_536)
            .contains(&bytes_taken)
    );
}

/// Two acts that each fit, and not both: the follower that holds them proposes no blocks in which
/// it would find out.
#[test]
fn what_can_no_longer_become_final_waits_on_no_node() {
    for at in [0, 4] {
        let mut world = World::new(1, 5, 4, CALM, Config::default());
        let contest = vote_chain::Contest::write_in();
        let election = vote_chain::Election {
            voters: vote_chain::Voters::Roll,
            ..world.election_of(contest, 1)
        };
        let (id, bytes) = world.sign(&key(200), Payload::CreateElection(election));
        world.submit(at, bytes);
        let election = vote_chain::ElectionId::new(*id.hash());
        assert!(world.run(5, |world| {
            world.engines[at]
                .as_ref()
                .unwrap()
                .state()
                .election(&election)
                .is_some()
        }));
        let add = |voters: [usize; 2]| {
            let mut voters = voters.map(|voter| vote_chain::Voter(key(voter).public(), 1));
            voters.sort_by_key(|voter| voter.0);
            let act = vote_chain::Act::AddVoters(voters.into());
            world.sign(
                &key(200),
                Payload::Organise(vote_chain::Organise { election, act }),
            )
        };
        let (one, other) = (add([1, 2]), add([2, 3]));
        world.submit(at, one.1.clone());
        world.submit(at, other.1.clone());
        let either =
            |world: &World| world.finals.contains(&one.0) || world.finals.contains(&other.0);
        assert!(world.run(5, either));
        assert!(
            world.run(10, World::agreed),
            "submitted at {at}: the other still waits somewhere"
        );
        assert_eq!(world.fault, None);
    }
}

/// A node that is cut off does not know that a ballot is final, and its clock passes the closing.
#[test]
fn ballot_is_not_refused_by_the_clock_while_it_may_be_final_elsewhere() {
    let mut world = World::new(1, 5, 4, CALM, Config::default());
    let (election, bytes) = world.election(None, Some(START + 20_000));
    world.submit(0, bytes);
    assert!(world.run(5, |world| {
        world.engines[4]
            .as_ref()
            .unwrap()
            .state()
            .election(&election)
            .is_some()
    }));
    world.run((START + 18_000 - world.now) / 1000, |_| false);
    let (id, ballot) = world.ballot(election, 7);
    world.submit(4, ballot);
    let waits = |world: &World, at: usize| {
        world.engines[at]
            .as_ref()
            .unwrap()
            .pending_transaction(&id)
            .is_some()
    };
    assert!(world.run(1, |world| waits(world, 0)));
    world.group[4] = 1;
    assert!(
        world.run(1, |world| world.finals.contains(&id)),
        "final on the others"
    );
    world.run(30, |_| false);
    assert!(
        waits(&world, 4),
        "it has been refused on the node that is cut off"
    );
    world.heal();
    assert!(
        world.run(30, World::agreed),
        "and waits no longer once the node has caught up"
    );
    assert_eq!(world.fault, None);
}

#[test]
fn what_apps_have_brought_is_passed_on_again_whatever_peers_have_brought_before() {
    let mut world = World::new(1, 4, 4, CALM, Config::default());
    (1..4).for_each(|at| world.stop(at));
    let contest = vote_chain::Contest::write_in();
    let mut engine = world.engines[0].take().unwrap();
    let mut now = world.now;
    for salt in 0..5000 {
        let (_, bytes) = world.sign(
            &key(200),
            Payload::CreateElection(world.election_of(contest.clone(), salt)),
        );
        let transaction = vote_chain::verify(&world.genesis.chain(), &bytes)
            .map(std::sync::Arc::new)
            .unwrap();
        let origin = if salt < 3000 {
            vote_consensus::Origin::Peer
        } else {
            vote_consensus::Origin::App
        };
        engine
            .submit(
                vote_chain::Timestamp::from_ms(now),
                vec![transaction],
                origin,
            )
            .remove(0)
            .unwrap();
    }
    engine.turn();
    let mut passed_on = std::collections::BTreeSet::new();
    for _ in 0..60 {
        now += 500;
        let tick = vote_consensus::Event::Timer(vote_consensus::Timer::Tick);
        engine.handle(vote_chain::Timestamp::from_ms(now), tick);
        for action in engine.turn().actions {
            if let vote_consensus::Action::Relay(transaction) = action {
                passed_on.insert(transaction.id());
            }
        }
    }
    assert_eq!(passed_on.len(), 2000);
}

#[test]
fn change_of_the_set_comes_into_force_though_nothing_else_happens() {
    let mut world = World::new(1, 2, 1, CALM, Config::default());
    let change = ValidatorChange::Admit(validator(1)).into();
    let signed_at = vote_chain::Timestamp::from_ms(world.now);
    let (_, bytes) = world.sign(
        &key(0),
        Payload::ApproveChange {
            change,
            changes_before: 0,
            signed_at,
        },
    );
    world.submit(0, bytes);
    let grown = |world: &World| {
        world
            .engines
            .iter()
            .flatten()
            .all(|engine| engine.state().validators().count() == 2)
    };
    assert!(world.run(10, grown), "{} blocks", tip(&world));
}

/// Four validators, one of which lies, and a follower.
fn vote_beside(seed: u64, crime: Crime, faults: Faults) -> World {
    let mut world = World::new(seed, 5, 4, faults, Config::default());
    world.criminals.insert(3, crime);
    vote_in(world, seed, 12)
}

#[test]
fn equivocator_is_found_out_with_evidence_and_stops_nothing() {
    let liar = key(3).public();
    for seed in seeds(4) {
        for (crime, faults) in [(Crime::Equivocator, LOSSY), (Crime::Splitter, CALM)] {
            let world = vote_beside(seed, crime, faults);
            assert_eq!(
                world.accused.iter().collect::<Vec<_>>(),
                [&liar],
                "seed {seed}, {crime:?}"
            );
        }
    }
}

#[test]
fn withholder_and_flooder_stop_nothing() {
    for seed in seeds(4) {
        let withheld = vote_beside(seed, Crime::Withholder, LOSSY);
        assert!(
            withheld.accused.is_empty(),
            "seed {seed}: {:?} accused of silence",
            withheld.accused
        );
        // A flood of votes contradicts what the flooder says when the network reaches those rounds.
        let flooded = vote_beside(seed, Crime::Flooder, LOSSY);
        assert!(
            flooded.accused.iter().all(|key| *key == validator(3).key),
            "seed {seed}: {:?}",
            flooded.accused
        );
    }
}

#[test]
fn forger_of_certificates_is_blamed_and_believed_by_nobody() {
    let mut blamed = 0;
    for seed in seeds(4) {
        let mut world = vote_beside(seed, Crime::Forger, LOSSY);
        world.stop(4);
        world.disks[4] = node::Disk::default();
        world.start(4);
        let caught_up = world.run(60, |world| world.disks[4].tip() == world.disks[1].tip());
        assert_eq!(world.fault, None, "seed {seed}");
        assert!(caught_up, "seed {seed}");
        blamed += world.blamed;
    }
    assert!(blamed > 0, "nobody has asked the forger");
}

/// Connections that break take along what was on its way, and gossip sends it to nobody who comes
/// later.
#[test]
fn proposal_that_was_lost_for_everybody_is_said_again_before_its_round_fails() {
    for seed in seeds(8) {
        let mut world = World::new(seed, 4, 4, CALM, Config::default());
        world.loses_proposal = true;
        let (election, bytes) = world.election(None, None);
        (0..4).for_each(|at| world.submit(at, bytes.clone()));
        let began = world.now;
        assert!(
            world.run(5, |world| tip(world) == 1 && world.agreed()),
            "seed {seed}"
        );
        assert!(
            !world.loses_proposal && world.now - began < 900,
            "seed {seed}: {} ms",
            world.now - began
        );
        assert_eq!(world.failed_rounds, 0, "seed {seed}");
        world.check_ledgers(&election);
    }
}

#[test]
fn rouser_alone_has_no_blocks_made() {
    let mut world = World::new(1, 4, 4, CALM, Config::default());
    world.criminals.insert(3, Crime::Rouser);
    world.run(305, |_| false);
    assert_eq!(world.fault, None);
    assert!(
        (9..=11).contains(&tip(&world)),
        "{} blocks in 305 s",
        tip(&world)
    );
}

#[test]
fn idle_network_makes_heartbeat_blocks_only() {
    let mut world = World::new(1, 4, 4, CALM, Config::default());
    world.run(305, |_| false);
    assert!(
        (9..=11).contains(&tip(&world)),
        "{} blocks in 305 s",
        tip(&world)
    );
    assert!(
        world.published <= 12 * tip(&world),
        "{} messages for {} blocks",
        world.published,
        tip(&world)
    );
}

#[test]
fn election_opens_and_closes_by_block_time_though_nothing_else_happens() {
    let mut world = World::new(1, 4, 4, CALM, Config::default());
    let (opens, closes) = (START + 10_000, START + 20_000);
    let (election, bytes) = world.election(Some(opens), Some(closes));
    world.submit(0, bytes);
    let phase = |world: &World| world.engines[1].as_ref().unwrap().state().phase(&election);
    assert!(world.run(5, |world| phase(world) == Some(ElectionPhase::Draft)));
    let (early, bytes) = world.ballot(election, 1);
    world.submit(2, bytes);
    assert!(world.run(20, |world| phase(world) == Some(ElectionPhase::Open)));
    assert!(world.now < opens + 2000 && !world.finals.contains(&early));
    let (timely, bytes) = world.ballot(election, 2);
    world.submit(2, bytes);
    assert!(world.run(5, |world| world.finals.contains(&timely)));
    assert!(world.run(20, |world| phase(world) == Some(ElectionPhase::Closed)));
    assert!(world.now < closes + 2000);
    let (late, bytes) = world.ballot(election, 3);
    world.submit(2, bytes);
    assert!(!world.run(40, |world| world.finals.contains(&late)));
    assert_eq!(world.fault, None);
}

/// Has each of `approvers` approve, and waits until the set of the next height is as large as it
/// should be.
fn change(
    world: &mut World,
    approvers: std::ops::Range<usize>,
    change: &ValidatorChange,
    size: usize,
) {
    for _ in 0..20 {
        let changes_before = world.engines[0]
            .as_ref()
            .unwrap()
            .state()
            .registry()
            .changes;
        let signed_at = vote_chain::Timestamp::from_ms(world.now);
        for at in approvers.clone() {
            let payload = Payload::ApproveChange {
                change: change.clone().into(),
                changes_before,
                signed_at,
            };
            let (_, bytes) = world.sign(&key(at), payload);
            world.submit(at, bytes);
        }
        if world.run(15, |world| {
            world
                .engines
                .iter()
                .flatten()
                .all(|engine| engine.state().validators().count() == size)
        }) {
            return;
        }
    }
    panic!("the set did not become {size}: {:?}", world.fault);
}

#[test]
fn validators_are_admitted_and_removed_while_messages_are_lost() {
    for seed in seeds(3) {
        let config = Config {
            heartbeat_ms: 2000,
            ..Config::default()
        };
        let faults = Faults {
            loss: 50,
            delay_ms: 40,
            ..CALM
        };
        let mut world = World::new(seed, 4, 1, faults, config);
        for size in 2..=4 {
            change(
                &mut world,
                0..size - 1,
                &ValidatorChange::Admit(validator(size - 1)),
                size,
            );
        }
        change(
            &mut world,
            0..4,
            &ValidatorChange::Remove(key(1).public()),
            3,
        );
        world.heal();
        let before = tip(&world);
        assert!(
            world.run(60, |world| tip(world) > before + 3 && world.agreed()),
            "seed {seed}"
        );
        assert_eq!(world.fault, None, "seed {seed}");
        assert!(
            world
                .disks
                .iter()
                .all(|disk| disk.tip() > Height::new(before)),
            "the removed validator follows"
        );
    }
}

#[test]
fn set_is_changed_though_all_old_approvals_are_sent_again_in_between() {
    let mut world = World::new(1, 5, 4, CALM, Config::default());
    let mut old = Vec::new();
    let wanted = ValidatorChange::Admit(validator(4));
    for by in 0..3 {
        // Each has approved six others first, and thought better of it.
        let others = (0..6).map(|at| ValidatorChange::Admit(validator(10 + 10 * by + at)));
        for change in others.chain([wanted.clone()]) {
            let signed_at = vote_chain::Timestamp::from_ms(world.now);
            let approval = Payload::ApproveChange {
                change: change.into(),
                changes_before: 0,
                signed_at,
            };
            let (id, bytes) = world.sign(&key(by), approval);
            world.submit(by, bytes.clone());
            assert!(world.run(10, |world| world.finals.contains(&id)));
            for bytes in &old {
                (0..5).for_each(|at| world.submit(at, Vec::clone(bytes)));
            }
            world.run_ms(1000);
            old.push(bytes);
        }
    }
    let grown = |world: &World| {
        world
            .engines
            .iter()
            .flatten()
            .all(|engine| engine.state().validators().count() == 5)
    };
    assert!(
        world.run(10, grown),
        "an approval that is meant was pushed out by older ones"
    );
    assert_eq!(world.fault, None);
}

#[test]
fn negative_control_without_the_log_somebody_signs_twice() {
    let safety = Safety {
        keep_log: false,
        sign_state: false,
        wait: false,
        ..Safety::default()
    };
    let config = Config {
        safety,
        heartbeat_ms: 1,
        ..Config::default()
    };
    let caught = (1..=20).any(|seed| {
        let mut world = World::new(
            seed,
            4,
            4,
            Faults {
                crash_every_ms: 200,
                ..CRASHING
            },
            config,
        );
        world.run(120, |_| false);
        world
            .fault
            .is_some_and(|fault| fault.contains("signed twice"))
    });
    assert!(caught, "the check for double signing is blind");
}

#[test]
fn negative_control_with_a_quorum_of_half_the_chain_forks() {
    let config = Config {
        safety: Safety {
            two_thirds: false,
            ..Safety::default()
        },
        heartbeat_ms: 1000,
        ..Config::default()
    };
    let caught = (1..=20).any(|seed| {
        let mut world = World::new(seed, 4, 4, CALM, config);
        world.checks_certificates = false;
        // Once each knows where the others are.
        world.run(3, |_| false);
        world.group = vec![0, 0, 1, 1];
        world.run(120, |_| false);
        world
            .fault
            .is_some_and(|fault| fault.contains("two blocks"))
    });
    assert!(caught, "the check for forks is blind");
}

#[test]
fn negative_control_certificates_of_half_of_the_power_are_seen_not_to_hold() {
    let config = Config {
        safety: Safety {
            two_thirds: false,
            ..Safety::default()
        },
        heartbeat_ms: 1000,
        ..Config::default()
    };
    let mut world = World::new(1, 4, 4, CALM, config);
    world.run(3, |_| false);
    world.group = vec![0, 0, 1, 1];
    world.run(60, |_| false);
    assert!(
        world
            .fault
            .is_some_and(|fault| fault.contains("does not hold")),
        "the check of certificates is blind"
    );
}

#[test]
fn negative_control_who_is_accused_and_has_not_lied_is_seen() {
    let mut world = vote_beside(1, Crime::Equivocator, LOSSY);
    assert_eq!(world.wrongly_accused(), None);
    world.criminals.clear();
    assert_eq!(
        world.wrongly_accused(),
        Some(key(3).public()),
        "the check of accusations is blind"
    );
}
