//! Validators that come back from an older copy of their folder, from an older ledger, or twice.

use vote_consensus::{Certified, Config, Evidence, Folder, Fork, Halt, Safety, Signing, Wait};

use super::node::Disk;
use super::random::Random;
use super::world::{Faults, Image, Restored, World, key};
use super::{CALM, CRASHING, LOSSY, seeds, tip};

/// Blocks come without ballots too, so that there is much to sign.
fn config(seed: u64, safety: Safety) -> Config {
    let gather_from = if seed.is_multiple_of(2) {
        1
    } else {
        usize::MAX
    };
    Config {
        safety,
        heartbeat_ms: 400,
        gather_from,
        ..Config::default()
    }
}

/// A network that has lived for a while, with all that its validator `victim` has had on its disk.
fn lived(
    seed: u64,
    nodes: usize,
    validators: usize,
    faults: Faults,
    config: Config,
) -> (World, usize) {
    let victim = usize::try_from(seed).unwrap() % validators;
    let mut world = World::new(seed, nodes, validators, faults, config);
    world.photographed = Some(victim);
    let (election, bytes) = world.election(None, None);
    world.submit(0, bytes);
    world.run(2, |_| false);
    for voter in 0..6 {
        let (_, bytes) = world.ballot(election, voter);
        world.submit(usize::try_from(voter).unwrap() % nodes, bytes);
        world.run(1, |_| false);
    }
    assert_eq!(world.fault, None, "seed {seed}");
    world.photographed = None;
    (world, victim)
}

fn signs(world: &World, at: usize) -> bool {
    world.engines[at]
        .as_ref()
        .is_some_and(|engine| engine.signing() == Signing::Signs)
}

/// Puts an image back, and waits until the validator signs again, at the height of the others.
fn come_back(world: &mut World, victim: usize, image: &Image, what: Restored, seed: u64) {
    // What only this node has is lost with its disk.
    world.run(20, |world| {
        world
            .disks
            .iter()
            .all(|disk| disk.tip() == world.disks[victim].tip())
    });
    let before = tip(world);
    world.restore(victim, image, what);
    // While it is silent, each of the other three is needed, and with messages lost that can take
    // many rounds.
    let back = world.run(1200, |world| {
        signs(world, victim) && world.disks[victim].tip().get() > before
    });
    assert_eq!(
        world.fault,
        None,
        "seed {seed}, {what:?} of height {}",
        image.disk.tip()
    );
    assert_eq!(
        world.halted[victim],
        None,
        "seed {seed}, {what:?} of height {}",
        image.disk.tip()
    );
    let signing = world.engines[victim]
        .as_ref()
        .map(vote_consensus::Engine::signing);
    assert!(
        back,
        "seed {seed}, {what:?} of height {}: {signing:?}",
        image.disk.tip()
    );
}

/// Restores some images of one validator, one after the other, in a network that goes on.
fn restore_some(seed: u64, nodes: usize, validators: usize, faults: Faults, images: usize) {
    let (mut world, victim) = lived(
        seed,
        nodes,
        validators,
        faults,
        config(seed, Safety::default()),
    );
    let mut random = Random::new(seed);
    for _ in 0..images {
        let image =
            world.images[usize::try_from(random.below(world.images.len() as u64)).unwrap()].clone();
        let what = [Restored::Ledger, Restored::Folder, Restored::Log]
            [usize::try_from(random.below(3)).unwrap()];
        come_back(&mut world, victim, &image, what, seed);
    }
    world.heal();
    let end = tip(&world);
    assert!(
        world.run(60, |world| world.agreed() && tip(world) > end),
        "seed {seed}: no block is made any more"
    );
    assert_eq!(world.fault, None, "seed {seed}");
}

#[test]
fn restored_validator_of_four_signs_nothing_twice_and_comes_back() {
    for seed in seeds(12) {
        // While one of four is silent all the others are needed, so they must not crash too often.
        let crashing = Faults {
            crash_every_ms: 4000,
            ..CRASHING
        };
        let faults = [CALM, LOSSY, crashing][usize::try_from(seed % 3).unwrap()];
        restore_some(seed, 5, 4, faults, 4);
    }
}

#[test]
fn restored_founder_learns_from_its_follower_and_loses_nothing_final() {
    for seed in seeds(12) {
        restore_some(seed, 2, 1, CALM, 4);
    }
}

/// With `SIM_SEEDS` really every one; a few else.
#[test]
fn every_image_of_a_run_can_be_put_back() {
    let step = if std::env::var_os("SIM_SEEDS").is_some() {
        1
    } else {
        12
    };
    for (nodes, validators) in [(5, 4), (2, 1)] {
        for what in [Restored::Ledger, Restored::Folder, Restored::Log] {
            let (mut world, victim) =
                lived(3, nodes, validators, CALM, config(3, Safety::default()));
            assert!(
                world.images.len() > 30,
                "{} images show little",
                world.images.len()
            );
            for image in world.images.clone().iter().step_by(step) {
                come_back(&mut world, victim, image, what, 3);
            }
        }
    }
}

/// What is final with a validator that decides alone is with its follower a moment later, not at
/// the next look at heights.
#[test]
fn follower_of_a_founder_has_its_blocks_at_once() {
    let mut world = World::new(1, 2, 1, CALM, Config::default());
    world.run(3, |_| false);
    let (_, bytes) = world.election(None, None);
    world.submit(0, bytes);
    assert!(world.run(5, |world| world.disks[0].tip().get() == 1));
    let decided_at = world.now;
    assert!(world.run(5, |world| world.disks[1].tip().get() == 1));
    assert!(
        world.now - decided_at <= 2 * CALM.delay_ms,
        "after {} ms",
        world.now - decided_at
    );
}

/// A copy of a validator runs beside it. Gives the network after a while.
fn twins(seed: u64, introduced: bool, safety: Safety) -> (World, usize) {
    // Where votes are gathered, two that say the same all the time do not hear each other; nor do
    // they do any harm.
    let config = Config {
        gather_from: usize::MAX,
        ..config(seed, safety)
    };
    let (mut world, victim) = lived(seed, 5, 4, CALM, config);
    world.introduced = introduced;
    world.shared_key = Some(key(victim).public());
    world.keys[4] = key(victim);
    let image = world.images[world.images.len() / 2].clone();
    world.restore(4, &image, Restored::Folder);
    world.run(60, |_| false);
    assert_eq!(world.fault, None, "seed {seed}");
    (world, victim)
}

#[test]
fn of_two_nodes_with_one_key_at_least_one_stops_by_itself() {
    for seed in seeds(8) {
        for introduced in [true, false] {
            let (world, victim) = twins(seed, introduced, Safety::default());
            let stopped = |at: usize| matches!(world.halted[at], Some(Halt::KeyElsewhere(_)));
            assert!(stopped(victim) || stopped(4), "seed {seed}: both go on");
            assert!(
                !introduced || signs(&world, victim),
                "seed {seed}: the one that was there goes on"
            );
        }
    }
}

/// The last block of a validator that decides alone is on its lost disk only, and nobody has heard
/// of it.
#[test]
fn founder_whose_last_votes_nobody_knows_signs_again_only_when_it_is_vouched_for() {
    for seed in seeds(4) {
        let (mut world, founder) = lived(seed, 2, 1, CALM, config(seed, Safety::default()));
        assert!(world.run(20, |world| world.disks[0].tip() == world.disks[1].tip()));
        let image = Image {
            disk: world.disks[founder].clone(),
            signs: world.signs[founder],
        };
        world.mute(founder);
        assert!(world.run(20, |world| world.engines[founder].is_none()));
        assert!(
            world.disks[founder].tip() > image.disk.tip(),
            "it has decided a block, and said nothing"
        );
        let signed = world.signs[founder].state.unwrap().last.unwrap();
        world.restore(founder, &image, Restored::Ledger);
        world.run(60, |_| false);
        let signing = world.engines[founder].as_ref().unwrap().signing();
        assert_eq!(
            signing,
            Signing::Waits(Wait::Silent(signed.height)),
            "seed {seed}"
        );
        world.stop(founder);
        world.signs[founder].folder = Folder::Vouched;
        world.start(founder);
        let end = tip(&world);
        assert!(
            world.run(20, |world| world.agreed() && tip(world) > end + 2),
            "seed {seed}"
        );
        assert_eq!(world.fault, None, "seed {seed}");
        assert!(
            world.disks[founder]
                .decided
                .iter()
                .any(|decided| decided.certificate.round == signed.round + 1)
        );
    }
}

/// What its votes bind it to is gone with the log, and nobody can vouch for that.
#[test]
fn one_of_four_that_has_lost_its_log_is_silent_at_that_height_though_it_is_vouched_for() {
    for seed in seeds(6) {
        let (mut world, victim) = lived(seed, 5, 4, CALM, config(seed, Safety::default()));
        let last = |world: &World| {
            let state = world.signs[victim].state.expect("it has signed");
            state.last.expect("it has signed").height
        };
        let votes = |world: &World| last(world) > world.disks[victim].tip();
        assert!(world.run(20, votes), "seed {seed}");
        let height = last(&world);
        world.stop(victim);
        world.disks[victim].log.clear();
        world.signs[victim].folder = Folder::Vouched;
        world.start(victim);
        let signing = world.engines[victim].as_ref().unwrap().signing();
        assert_eq!(signing, Signing::Waits(Wait::Bound(height)), "seed {seed}");
        let is_back = |world: &World| signs(world, victim) && world.disks[victim].tip() >= height;
        assert!(world.run(60, is_back), "seed {seed}");
        assert_eq!(world.fault, None, "seed {seed}");
    }
}

#[test]
fn founder_in_a_copy_of_its_folder_waits_for_a_peer_that_it_knew_unless_it_is_vouched_for() {
    let (mut world, founder) = lived(1, 2, 1, CALM, config(1, Safety::default()));
    world.stop(1);
    let image = world.images.last().unwrap().clone();
    world.restore(founder, &image, Restored::Folder);
    let before = tip(&world);
    world.run(60, |_| false);
    assert_eq!(tip(&world), before, "it has decided something alone");
    assert_eq!(
        world.engines[founder].as_ref().unwrap().signing(),
        Signing::Waits(Wait::Peers)
    );
    world.stop(founder);
    world.signs[founder].folder = Folder::Vouched;
    world.start(founder);
    assert!(world.run(10, |world| tip(world) > before));
    assert_eq!(world.fault, None);
}

/// Its operator vouches for an old folder, while the follower that has more is out of reach.
#[test]
fn follower_of_a_founder_that_forks_stops_with_proof_of_it() {
    for seed in seeds(4) {
        let (mut world, founder) = lived(seed, 2, 1, CALM, config(seed, Safety::default()));
        world.forks = true;
        world.shared_key = Some(key(founder).public()); // it signs twice, as its operator has it
        let image = world.images[world.images.len() / 2].clone();
        world.group = vec![0, 1];
        let ahead = world.disks[1].tip();
        world.restore(founder, &image, Restored::Folder);
        world.stop(founder);
        world.signs[founder].folder = Folder::Vouched;
        world.start(founder);
        assert!(
            world.run(60, |world| world.disks[founder].tip() > ahead),
            "seed {seed}: it goes on alone"
        );
        world.group = vec![0, 0];
        assert!(
            world.run(60, |world| world.halted[1].is_some()),
            "seed {seed}: the follower sees nothing"
        );
        let Some(Halt::Fork(theirs)) = world.halted[1].clone() else {
            panic!("seed {seed}: {:?}", world.halted[1])
        };
        let last = world.disks[1].decided.last().unwrap();
        assert_eq!(
            last.block.header().height,
            ahead,
            "seed {seed}: nothing of its own ledger is lost"
        );
        let ours = Certified {
            header: last.block.header().clone(),
            certificate: last.certificate.clone(),
        };
        let fork = Fork::new(ours, *theirs);
        assert_eq!(fork.signers(), [key(founder).public()].into());
        let evidence = Evidence::Fork(Box::new(fork));
        assert_eq!(
            evidence.check(&world.genesis.chain(), |_| Some(&world.genesis.validators)),
            Ok(())
        );
        assert_eq!(world.fault, None, "seed {seed}");
    }
}

#[test]
fn key_of_a_validator_without_a_sign_state_does_not_sign() {
    for nodes in [5, 2] {
        let (mut world, victim) = lived(1, nodes, nodes - 1, CALM, config(1, Safety::default()));
        world.stop(victim);
        world.disks[victim] = Disk::default();
        world.signs[victim].state = None;
        world.start(victim);
        world.run(60, |world| world.halted[victim].is_some());
        assert_eq!(
            world.halted[victim],
            Some(Halt::KeyUnknown(key(victim).public()))
        );
        assert_eq!(world.fault, None);
    }
}

/// Whatever a follower's key may have signed before, it lies below the last block.
#[test]
fn follower_without_a_sign_state_makes_one_when_it_has_caught_up() {
    let mut world = World::new(1, 5, 4, CALM, config(1, Safety::default()));
    world.stop(4);
    world.signs[4].state = None;
    world.run(5, |_| false);
    world.start(4);
    world.run(5, |_| false);
    let state = world.signs[4].state.expect("a sign-state");
    assert_eq!(state.last, None);
    assert!(
        state.silent.get() > 0 && state.silent <= world.disks[4].tip(),
        "{state:?}"
    );
}

#[test]
fn four_that_are_all_killed_vote_again_at_once() {
    let (mut world, _) = lived(1, 4, 4, CALM, config(1, Safety::default()));
    (0..4).for_each(|at| world.stop(at));
    (0..4).for_each(|at| world.start(at));
    let before = tip(&world);
    assert!(
        world.run(1, |world| tip(world) > before + 1),
        "at {} after {before}",
        tip(&world)
    );
}

/// Whether some seed shows that a check sees what it looks for.
fn caught(fault: &str, seed_of: impl Fn(u64) -> Option<String>) -> bool {
    (1..=20).any(|seed| seed_of(seed).is_some_and(|found| found.contains(fault)))
}

fn restore_unsafely(seed: u64, what: Restored, safety: Safety) -> Option<String> {
    let (mut world, victim) = lived(seed, 5, 4, CALM, config(seed, safety));
    for image in world.images.clone() {
        world.restore(victim, &image, what);
        world.run(2, |_| false);
    }
    world.fault
}

#[test]
fn negative_control_without_the_sign_state_a_restored_ledger_signs_twice() {
    let safety = Safety {
        sign_state: false,
        wait: false,
        ..Safety::default()
    };
    assert!(caught("signed twice", |seed| restore_unsafely(
        seed,
        Restored::Ledger,
        safety
    )));
}

#[test]
fn negative_control_without_waiting_a_restored_folder_signs_twice() {
    let safety = Safety {
        wait: false,
        ..Safety::default()
    };
    assert!(caught("signed twice", |seed| restore_unsafely(
        seed,
        Restored::Folder,
        safety
    )));
}

#[test]
fn negative_control_without_looking_at_its_own_signatures_a_key_runs_twice() {
    let safety = Safety {
        own_key: false,
        ..Safety::default()
    };
    let (world, _) = twins(1, false, safety);
    assert!(world.halted.iter().all(Option::is_none));
}
