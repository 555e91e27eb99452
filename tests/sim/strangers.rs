//! Who has no key sends what it likes to whom it likes. Nodes that are at different heights see
//! different things in it, and must not hold that against one another.

use vote_chain::bft::{Vote, vote_content};
use vote_chain::{BlockHash, Height, Purpose, SecretKey};
use vote_consensus::bft::{NilOrVal, Round, SignedMessage, VoteType};
use vote_consensus::{Config, Message};

use super::world::{Faults, World, key};
use super::{seeds, tip};

/// Some of these nodes are always a block behind.
const SLOW: Faults = Faults {
    loss: 20,
    duplicates: 20,
    delay_ms: 120,
    crash_every_ms: 0,
    uplink: 0,
};
const STRANGER: usize = 4;

/// A vote in the name of a validator, or of the stranger itself, that the stranger has signed.
pub(super) fn false_vote(world: &World, number: u64) -> Vec<u8> {
    let own = SecretKey::from_seed(&[99; 32]);
    let height = Height::new((tip(world) + 4).saturating_sub(number % 6));
    let kind = if number.is_multiple_of(2) {
        VoteType::Prevote
    } else {
        VoteType::Precommit
    };
    let value = if number.is_multiple_of(3) {
        NilOrVal::Nil
    } else {
        NilOrVal::Val(BlockHash::default())
    };
    let voter = if number.is_multiple_of(7) {
        own.public()
    } else {
        key(usize::try_from(number % 4).unwrap()).public()
    };
    let vote = Vote {
        height,
        round: Round::new(u32::try_from(number % 3).unwrap()),
        kind,
        value,
        voter,
    };
    let signature = own.sign(Purpose::Vote, &world.genesis.chain(), &vote_content(&vote));
    Message::Vote(SignedMessage::new(vote, signature)).to_bytes()
}

/// Four validators vote while a stranger sends false votes to one node after the other.
fn beset(seed: u64, careless: bool) -> (World, bool) {
    let mut world = World::new(seed, 5, 4, SLOW, Config::default());
    world.stop(STRANGER);
    (world.stranger, world.careless) = (Some(STRANGER), careless);
    let (election, bytes) = world.election(None, None);
    world.submit(0, bytes);
    let created = |world: &World| {
        world
            .engines
            .iter()
            .flatten()
            .all(|engine| engine.state().election(&election).is_some())
    };
    assert!(world.run(60, created), "seed {seed}: no election");
    let mut ballots = Vec::new();
    for number in 0..600 {
        if number % 20 == 10 {
            let (id, bytes) = world.ballot(election, u32::try_from(number).unwrap());
            ballots.push(id);
            world.submit(usize::try_from(number / 20 % 4).unwrap(), bytes);
        }
        let vote = false_vote(&world, number);
        world.post(STRANGER, vec![(usize::try_from(number % 4).unwrap(), vote)]);
        world.run_ms(50);
        if world.fault.is_some() {
            return (world, false);
        }
    }
    let done = world.run(60, |world| {
        ballots.iter().all(|id| world.finals.contains(id))
    });
    (world, done)
}

#[test]
fn strangers_votes_stop_nothing_and_no_honest_node_is_blamed_for_them() {
    for seed in seeds(5) {
        let (world, done) = beset(seed, false);
        assert_eq!(world.fault, None, "seed {seed}");
        assert!(done, "seed {seed}: not all ballots are final");
        assert!(
            world.struck > 50,
            "seed {seed}: {} were held against the stranger",
            world.struck
        );
    }
}

#[test]
fn negative_control_nodes_that_pass_on_what_they_cannot_check_blame_each_other() {
    let blamed = |seed| {
        beset(seed, true)
            .0
            .fault
            .is_some_and(|fault| fault.contains("holds it against node"))
    };
    assert!((1..=10).any(blamed));
}
