//! Proposals name transactions by short ids: what becomes of those that not everybody has.

use vote_chain::bft::{Proposal, proposal_content};
use vote_chain::{
    CompactBlock, ElectionId, Hash, Header, Height, Purpose, Timestamp, TransactionId, merkle_root,
};
use vote_consensus::bft::{NilOrVal, Round, SignedMessage, VoteType};
use vote_consensus::{Action, Config, Engine, Event, Message, MessageFault, Peer, Taken};

use super::crime::Crime;
use super::world::{World, key};
use super::{CALM, LOSSY, seeds};

const LIAR: usize = 3;

/// Four validators, one of which keeps what its apps submit to itself, and a follower; and an
/// election that all have.
fn beside(seed: u64, crime: Crime) -> (World, ElectionId) {
    let mut world = World::new(seed, 5, 4, CALM, Config::default());
    let (election, bytes) = world.election(None, None);
    world.submit(0, bytes);
    let created = |world: &World| {
        world
            .engines
            .iter()
            .flatten()
            .all(|engine| engine.state().election(&election).is_some())
    };
    assert!(world.run(10, created), "seed {seed}: no election");
    world.criminals.insert(LIAR, crime);
    (world, election)
}

fn cast(
    world: &mut World,
    election: ElectionId,
    at: usize,
    voters: std::ops::Range<u32>,
) -> Vec<TransactionId> {
    let mut ids = Vec::new();
    for voter in voters {
        let (id, bytes) = world.ballot(election, voter);
        world.submit(at, bytes);
        ids.push(id);
    }
    ids
}

fn are_final(world: &World, ids: &[TransactionId]) -> bool {
    ids.iter().all(|id| world.finals.contains(id))
}

#[test]
fn ballots_that_only_the_proposer_has_are_asked_for_and_become_final() {
    for seed in seeds(3) {
        let (mut world, election) = beside(seed, Crime::Miser);
        // More than one answer holds.
        let ids = cast(&mut world, election, LIAR, 0..60);
        go_on(&mut world, election, seed);
        assert!(
            world.run(20, |world| are_final(world, &ids)),
            "seed {seed}: not all of its ballots are final"
        );
        assert!(
            world.run(20, World::agreed),
            "seed {seed}: a node has not got them"
        );
        assert_eq!(
            (world.fault, world.blamed, world.struck),
            (None, 0, 0),
            "seed {seed}"
        );
        assert!(
            world.fetched >= 60,
            "seed {seed}: {} were given out",
            world.fetched
        );
    }
}

#[test]
fn ballots_that_are_lost_on_the_way_are_asked_for() {
    let mut fetched = 0;
    for seed in seeds(4) {
        fetched += super::vote(seed, 4, 4, LOSSY, 20).fetched;
    }
    assert!(
        fetched > 0,
        "nobody has asked for anything: the test shows little"
    );
}

/// Ballots at the others, one after the other: each validator has its turn to propose.
fn go_on(world: &mut World, election: ElectionId, seed: u64) {
    for voter in 100..120 {
        let at = usize::try_from(voter % 3).unwrap();
        let ids = cast(world, election, at, voter..voter + 1);
        assert!(
            world.run(10, |world| are_final(world, &ids)),
            "seed {seed}: ballot {voter} is not final within 10 s"
        );
    }
}

/// Its own ballots wait for as long as it withholds them.
fn others_go_on(seed: u64, crime: Crime) -> World {
    let (mut world, election) = beside(seed, crime);
    let withheld = cast(&mut world, election, LIAR, 0..3);
    go_on(&mut world, election, seed);
    assert_eq!(world.fault, None, "seed {seed}");
    assert!(
        !withheld.iter().any(|id| world.finals.contains(id)),
        "seed {seed}: nobody has them"
    );
    assert_eq!(world.blamed, 0, "seed {seed}");
    world
}

#[test]
fn block_that_cannot_be_completed_costs_a_round_and_is_held_against_nobody() {
    for seed in seeds(3) {
        let world = others_go_on(seed, Crime::Hoarder);
        assert_eq!(world.struck, 0, "seed {seed}");
    }
}

#[test]
fn false_list_of_a_true_block_stops_nobody_and_is_held_against_nobody_who_answers() {
    for seed in seeds(10) {
        let (mut world, election) = beside(seed, Crime::Garbler);
        go_on(&mut world, election, seed);
        assert!(
            world.run(20, World::agreed),
            "seed {seed}: a node does not go on"
        );
        assert_eq!(
            (world.fault, world.blamed, world.struck),
            (None, 0, 0),
            "seed {seed}"
        );
    }
}

#[test]
fn who_gives_other_transactions_than_it_is_asked_for_is_at_fault() {
    for seed in seeds(3) {
        let world = others_go_on(seed, Crime::Cheat);
        assert!(world.struck > 0, "seed {seed}: nobody has asked it");
    }
}

/// An engine that knows where the others are and does not propose first, and who does.
fn listener() -> (World, Engine, usize) {
    let mut world = World::new(1, 4, 4, CALM, Config::default());
    world.run(2, |_| false);
    let engine = world.engines[0].as_ref().unwrap();
    let proposer = engine.state().validators().iter().nth(1).unwrap().key;
    let proposer = (0..4).find(|at| key(*at).public() == proposer).unwrap();
    let at = if proposer == 0 { 1 } else { 0 };
    let engine = world.engines[at].take().unwrap();
    (world, engine, proposer)
}

/// A proposal of the first round of height 1, for a block with these transactions, true or not.
fn propose(
    world: &World,
    engine: &Engine,
    proposer: usize,
    ids: Vec<TransactionId>,
) -> (Message, Header) {
    let header = Header {
        version: vote_chain::Version::NEWEST,
        chain: world.genesis.chain(),
        height: Height::new(1),
        parent: engine.state().tip().hash,
        time: Timestamp::from_ms(world.now),
        proposer: key(proposer).public(),
        transactions_root: merkle_root(ids.iter().map(|id| id.as_bytes().as_slice())),
        transactions_count: u32::try_from(ids.len()).unwrap(),
        state_root: engine.state().tip().state_root,
        validators: engine.state().validators().hash(),
        next_validators: engine.state().validators().hash(),
    };
    let (height, round, proposer) = (header.height, Round::new(0), key(proposer));
    let value = header.hash();
    let proposal = Proposal {
        height,
        round,
        value,
        pol_round: Round::Nil,
        proposer: proposer.public(),
    };
    let signature = proposer.sign(
        Purpose::Proposal,
        &world.genesis.chain(),
        &proposal_content(&proposal),
    );
    let block = Box::new(CompactBlock::new(header.clone(), ids.iter(), &proposer));
    (
        Message::Proposal(SignedMessage::new(proposal, signature), block),
        header,
    )
}

fn after(world: &World, ms: u64) -> Timestamp {
    Timestamp::from_ms(world.now + ms)
}

/// Whom a turn asks for transactions, and for how many.
fn wanted(actions: Vec<Action>) -> Vec<(Peer, usize)> {
    let asked = actions.into_iter().filter_map(|action| match action {
        Action::RequestTransactions { peer, wanted, .. } => Some((peer, wanted.len())),
        _ => None,
    });
    asked.collect()
}

#[test]
fn block_with_a_transaction_whose_signature_is_false_is_passed_on_and_voted_against_by_all_who_get_it()
 {
    let (world, mut engine, proposer) = listener();
    let (_, election) = world.election(None, None);
    let mut bytes = election.clone();
    *bytes.last_mut().unwrap() ^= 1;
    let fault = vote_chain::verify(&world.genesis.chain(), &bytes).unwrap_err();
    let ids = vec![TransactionId::of(&bytes)];
    let (message, header) = propose(&world, &engine, proposer, ids.clone());
    let source = Peer(2);
    assert_eq!(
        engine.receive(after(&world, 0), Some(source), message),
        Ok(Taken::New),
        "it is signed: pass it on"
    );
    assert_eq!(wanted(engine.turn().actions), [], "gossip may bring it");
    engine.handle(
        after(&world, 101),
        Event::Timer(vote_consensus::Timer::Fetch),
    );
    assert_eq!(wanted(engine.turn().actions), [(source, 1)]);
    // What opens the height: something to vote about.
    let opening = vote_chain::verify(&world.genesis.chain(), &election)
        .map(std::sync::Arc::new)
        .unwrap();
    engine
        .submit(
            after(&world, 102),
            vec![opening],
            vote_consensus::Origin::Peer,
        )
        .remove(0)
        .unwrap();
    engine.handle(
        after(&world, 103),
        Event::Transactions(source, header.hash(), vec![(ids[0], Err(fault))]),
    );
    assert_votes_against(&engine.turn().actions, &header);
}

/// The block is held against its proposer, and nobody else.
fn assert_votes_against(actions: &[Action], header: &Header) {
    let distrusted =
        |action: &Action| matches!(action, Action::Distrust(key, _) if *key == header.proposer);
    assert!(actions.iter().any(distrusted), "{actions:?}");
    assert!(
        !actions
            .iter()
            .any(|action| matches!(action, Action::Blame(..)))
    );
    let against = |action: &Action| match action {
        Action::Publish(message) => matches!(&**message, Message::Vote(vote)
            if vote.message.kind == VoteType::Prevote && vote.message.value == NilOrVal::Nil),
        _ => false,
    };
    assert!(actions.iter().any(against), "{actions:?}");
}

#[test]
fn short_ids_that_the_proposer_has_not_signed_are_held_against_whoever_sends_them() {
    let (world, mut engine, proposer) = listener();
    let id = |byte| TransactionId::new(Hash::from_bytes([byte; 32]));
    let (message, header) = propose(&world, &engine, proposer, vec![id(7)]);
    let Message::Proposal(proposal, mut block) = message.clone() else {
        unreachable!()
    };
    let another = (0..4).find(|at| *at != proposer).unwrap();
    *block = CompactBlock::new(header.clone(), [id(8)].iter(), &key(another));
    let refused = engine.receive(
        after(&world, 0),
        Some(Peer(1)),
        Message::Proposal(proposal, block),
    );
    assert_eq!(refused, Err(MessageFault::OtherBlock(header.proposer)));
    assert_eq!(
        engine.receive(after(&world, 1), Some(Peer(2)), message),
        Ok(Taken::New),
        "the true one is taken"
    );
}

/// An election that a node has waiting, and its id.
fn waiting(world: &World, engine: &mut Engine) -> std::sync::Arc<vote_chain::Verified> {
    let (_, bytes) = world.election(None, None);
    let election = vote_chain::verify(&world.genesis.chain(), &bytes)
        .map(std::sync::Arc::new)
        .unwrap();
    engine
        .submit(
            after(world, 0),
            vec![election.clone()],
            vote_consensus::Origin::Peer,
        )
        .remove(0)
        .unwrap();
    engine.turn();
    election
}

#[test]
fn who_signs_short_ids_of_other_transactions_is_found_out_and_the_block_by_its_true_ones_is_taken()
{
    let (world, mut engine, proposer) = listener();
    let election = waiting(&world, &mut engine);
    let other = TransactionId::new(Hash::from_bytes([7; 32]));
    let (message, header) = propose(&world, &engine, proposer, vec![other]);
    let Message::Proposal(proposal, mut block) = message else {
        unreachable!()
    };
    *block = CompactBlock::new(header.clone(), [election.id()].iter(), &key(proposer));
    let taken = engine.receive(
        after(&world, 1),
        Some(Peer(1)),
        Message::Proposal(proposal, block),
    );
    assert_eq!(
        taken,
        Ok(Taken::New),
        "who passes it on does not answer for it"
    );
    // What the pool has may be another of that name: the others are asked first.
    let actions = engine.turn().actions;
    assert!(!actions.iter().any(is_distrust), "{actions:?}");
    assert_eq!(wanted(actions), [(Peer(1), 1)]);
    engine.handle(
        after(&world, 2),
        Event::Transactions(
            Peer(1),
            header.hash(),
            vec![(election.id(), Ok(election.clone()))],
        ),
    );
    let actions = engine.turn().actions;
    assert!(actions.iter().any(is_distrust), "{actions:?}");
    assert!(
        !actions
            .iter()
            .any(|action| matches!(action, Action::Blame(..)))
    );
}

#[test]
fn true_list_is_followed_beside_a_false_one_of_the_same_block() {
    let (world, mut engine, proposer) = listener();
    let lacking = TransactionId::new(Hash::from_bytes([7; 32]));
    let (message, header) = propose(&world, &engine, proposer, vec![lacking]);
    let Message::Proposal(proposal, _) = message else {
        unreachable!()
    };
    // The second proposer of the height may propose the block again, in a round of its own.
    let again = Round::new(1);
    let second = engine.state().validators().iter().nth(2).unwrap().key;
    let second = (0..4).find(|at| key(*at).public() == second).unwrap();
    let false_list = TransactionId::new(Hash::from_bytes([8; 32]));
    let false_list = CompactBlock::new(header.clone(), [false_list].iter(), &key(proposer));
    let true_list = CompactBlock::new(header.clone(), [lacking].iter(), &key(second));
    let message = Proposal {
        round: again,
        proposer: key(second).public(),
        ..proposal.message
    };
    let signature = key(second).sign(
        Purpose::Proposal,
        &world.genesis.chain(),
        &proposal_content(&message),
    );
    let proposals = [
        (proposal, false_list),
        (SignedMessage::new(message, signature), true_list),
    ];
    for (proposal, block) in proposals {
        let taken = engine.receive(
            after(&world, 0),
            Some(Peer(1)),
            Message::Proposal(proposal, Box::new(block)),
        );
        assert_eq!(taken, Ok(Taken::New));
    }
    engine.turn();
    let mut asked = Vec::new();
    for ms in (101..4000).step_by(100) {
        engine.handle(
            after(&world, ms),
            Event::Timer(vote_consensus::Timer::Fetch),
        );
        for action in engine.turn().actions {
            if let Action::RequestTransactions { wanted, .. } = action {
                asked.extend(wanted.iter().map(|(_, short)| *short));
            }
        }
    }
    let honest = vote_chain::ShortId::of(&header.hash(), &lacking);
    assert!(asked.contains(&honest), "{asked:?}");
}

fn is_distrust(action: &Action) -> bool {
    matches!(action, Action::Distrust(..))
}

#[test]
fn silent_peer_is_asked_once_and_the_others_in_its_place() {
    let (world, mut engine, proposer) = listener();
    let ids = (0..2000u16)
        .map(|at| TransactionId::of(&at.to_be_bytes()))
        .collect();
    let (message, _) = propose(&world, &engine, proposer, ids);
    engine
        .receive(after(&world, 0), Some(Peer(2)), message)
        .unwrap();
    engine.turn();
    let mut asked = Vec::new();
    for ms in (0..6000).step_by(50) {
        engine.handle(
            after(&world, ms),
            Event::Timer(vote_consensus::Timer::Fetch),
        );
        asked.extend(wanted(engine.turn().actions));
    }
    assert_eq!(
        asked[0],
        (Peer(2), 1024),
        "who has passed it on comes first, and is asked for no more than it can give"
    );
    let mut peers: Vec<_> = asked.iter().map(|(peer, _)| *peer).collect();
    peers.sort_unstable();
    peers.dedup();
    assert_eq!((peers.len(), asked.len()), (3, 3), "{asked:?}");
}
