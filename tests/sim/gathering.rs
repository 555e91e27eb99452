//! The proposer gathers votes, where there are many validators.

use std::collections::BTreeSet;

use vote_chain::bft::{Vote, vote_content};
use vote_chain::{BlockHash, Hash, Height, PublicKey, Purpose, SecretKey, Signature};
use vote_consensus::bft::{NilOrVal, Round, VoteType};
use vote_consensus::{Config, Engine, Message, MessageFault, Taken, Votes};

use super::crime::Crime;
use super::world::{World, key};
use super::{CALM, seeds, vote_in};

const MANY: usize = 10;

/// So many messages from one node to another have ballots of ten validators taken.
fn messages(seed: u64, gather_from: usize) -> u64 {
    let config = Config {
        gather_from,
        ..Config::default()
    };
    let world = vote_in(World::new(seed, MANY, MANY, CALM, config), seed, 12);
    assert_eq!(
        (world.failed_rounds, world.blamed, world.struck),
        (0, 0, 0),
        "seed {seed}"
    );
    world.published * (MANY as u64 - 1) + world.told
}

#[test]
fn votes_that_are_gathered_take_a_quarter_of_the_messages() {
    for seed in seeds(2) {
        let (gathered, said_to_all) = (
            messages(seed, Config::default().gather_from),
            messages(seed, usize::MAX),
        );
        assert!(
            gathered * 4 < said_to_all,
            "seed {seed}: {gathered} of {said_to_all}"
        );
    }
}

#[test]
fn proposers_that_keep_what_they_gather_cost_a_moment() {
    go_on_beside(3, Crime::Keeper);
}

/// Malachite counts the first vote of each: where a list is taken for single votes, it lacks one,
/// and nobody says another.
#[test]
fn voters_who_say_one_thing_to_the_proposer_and_another_to_the_rest_cost_no_round() {
    go_on_beside(1, Crime::TwoFaced);
}

/// Ballots beside some of ten validators that lie: each is final everywhere within half a second,
/// and no round fails.
fn go_on_beside(liars: usize, crime: Crime) {
    for seed in seeds(3) {
        let mut world = World::new(seed, MANY, MANY, CALM, Config::default());
        world.criminals = (0..liars).map(|at| (at, crime)).collect();
        let (election, bytes) = world.election(None, None);
        world.submit(MANY - 1, bytes);
        let created = |world: &World| {
            world
                .engines
                .iter()
                .flatten()
                .all(|engine| engine.state().election(&election).is_some())
        };
        assert!(world.run(5, created), "seed {seed}: no election");
        for voter in 0..20 {
            let (id, bytes) = world.ballot(election, voter);
            world.submit(MANY - 1, bytes);
            world.run_ms(500);
            assert!(
                world.finals.contains(&id),
                "seed {seed}: ballot {voter} is not final in half a second"
            );
            let tips: BTreeSet<_> = world.disks.iter().map(|disk| disk.tip()).collect();
            assert_eq!(
                tips.len(),
                1,
                "seed {seed}: somebody has missed block {tips:?}"
            );
        }
        let seen = (world.fault, world.failed_rounds, world.blamed, world.struck);
        assert_eq!(seen, (None, 0, 0, 0), "seed {seed}");
    }
}

/// Prevotes of these validators for the first round of height 1.
fn gathered(engine: &Engine, voters: &[SecretKey]) -> Votes {
    let (height, round, kind) = (Height::new(1), Round::new(0), VoteType::Prevote);
    let block = BlockHash::new(Hash::from_bytes([7; 32]));
    let sign = |voter: &SecretKey| -> (PublicKey, Signature) {
        let vote = Vote {
            height,
            round,
            kind,
            value: NilOrVal::Val(block),
            voter: voter.public(),
        };
        (
            voter.public(),
            voter.sign(Purpose::Vote, &engine.state().chain(), &vote_content(&vote)),
        )
    };
    Votes {
        height,
        round,
        kind,
        block,
        signatures: voters.iter().map(sign).collect(),
    }
}

#[test]
fn votes_that_do_not_all_hold_or_decide_nothing_are_refused_whole() {
    let mut world = World::new(1, MANY, MANY, CALM, Config::default());
    world.run(2, |_| false);
    let engine = world.engines[0].as_mut().unwrap();
    let (now, before) = (vote_chain::Timestamp::from_ms(world.now), engine.held());
    let keys: Vec<_> = (0..MANY).map(key).collect();
    let stranger = SecretKey::from_seed(&[99; 32]);
    let mut other = gathered(engine, &keys[1..]);
    other.kind = VoteType::Precommit;
    let mut swapped = gathered(engine, &keys[1..]);
    (swapped.signatures[0].1, swapped.signatures[1].1) =
        (swapped.signatures[1].1, swapped.signatures[0].1);
    let twice = [&keys[1..7], &keys[6..7]].concat();
    let beside = [&keys[1..], &[stranger]].concat();
    let many = [&keys[..], &keys[..1]].concat();
    let few = &keys[1..7];
    let all = [few, &twice, &beside, &many].map(|voters| gathered(engine, voters));
    for false_votes in all.into_iter().chain([other, swapped]) {
        let taken = engine.receive(now, None, Message::Votes(false_votes.clone()));
        assert_eq!(
            taken,
            Err(MessageFault::Votes(Height::new(1))),
            "{false_votes:?}"
        );
        assert_eq!(engine.held(), before, "something was taken in");
    }
    let true_votes = gathered(engine, &keys[1..]);
    assert_eq!(
        engine.receive(now, None, Message::Votes(true_votes)),
        Ok(Taken::New)
    );
    assert_ne!(engine.held(), before);
}
