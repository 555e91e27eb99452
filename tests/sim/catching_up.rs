//! A node that is behind, among many peers of which some are silent, slow, short, or lie.

use std::collections::BTreeMap;
use std::sync::Arc;

use vote_chain::{CommitCertificate, Height, PublicKey, Timestamp, VerifiedBlock};
use vote_consensus::{Certified, Config, Engine, Event, Peer, Timer};

use super::node::{Disk, Outcome, Signs, outcomes, recover};
use super::world::{START, World, key};
use super::{CALM, tip};

/// How a peer answers when it is asked for blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Honest,
    /// Not at all.
    Silent,
    /// As many blocks as others, after so many milliseconds.
    Slow(u64),
    /// One block.
    Short,
    /// No blocks.
    Empty,
    /// Blocks with certificates that do not hold.
    Liar,
    /// Blocks whose transactions turn out false after so many milliseconds.
    False(u64),
    /// So many answers, and then none.
    Tires(u32),
}

/// What it says of its height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// The chain's last, with its certificate, which everybody can have.
    Shown,
    /// One that nobody has reached.
    Invented,
}

#[derive(Clone)]
struct Other {
    manner: Manner,
    claim: Claim,
    key: PublicKey,
    answers: u32,
}

fn strangers(count: usize, manner: Manner, claim: Claim) -> Vec<Other> {
    vec![
        Other {
            manner,
            claim,
            key: key(100).public(),
            answers: 0
        };
        count
    ]
}

fn validators(manners: [Manner; 4]) -> Vec<Other> {
    let one = |(at, manner)| Other {
        manner,
        claim: Claim::Shown,
        key: key(at).public(),
        answers: 0,
    };
    manners.into_iter().enumerate().map(one).collect()
}

enum Due {
    Status(usize),
    Answer(usize, Height),
    Silence(usize, Height),
    Verified(usize, Height, Vec<(Arc<VerifiedBlock>, CommitCertificate)>),
    Timer(Timer),
}

/// A line takes so long each way, in milliseconds, and an answer is given up after so long.
const LINE_MS: u64 = 10;
const SILENCE_MS: u64 = 10_000;

struct Behind {
    now: u64,
    sequence: u64,
    agenda: BTreeMap<(u64, u64), Due>,
    engine: Engine,
    others: Vec<Option<Other>>,
    chain: Disk,
}

/// A chain of so many blocks, four validators.
fn chain(blocks: u64) -> World {
    let mut world = World::new(
        1,
        4,
        4,
        CALM,
        Config {
            heartbeat_ms: 100,
            ..Config::default()
        },
    );
    assert!(
        world.run(blocks, |world| tip(world) >= blocks),
        "{} blocks",
        tip(&world)
    );
    world
}

impl Behind {
    fn new(world: &World, others: Vec<Other>) -> Self {
        let now = START + 1_000_000;
        let found = (&Disk::default(), &Signs::default());
        let engine = recover(
            &world.genesis,
            found,
            &key(99),
            Config::default(),
            Timestamp::from_ms(now),
        );
        let others: Vec<_> = others.into_iter().map(Some).collect();
        let chain = world.disks[0].clone();
        let mut behind = Self {
            now,
            sequence: 0,
            agenda: BTreeMap::new(),
            engine,
            others,
            chain,
        };
        for at in 0..behind.others.len() {
            behind.after(1, Due::Status(at));
        }
        behind
    }

    fn after(&mut self, ms: u64, due: Due) {
        self.sequence += 1;
        self.agenda.insert((self.now + ms, self.sequence), due);
    }

    /// The seconds that it takes to have all blocks.
    fn catch_up(mut self) -> f64 {
        let began = self.now;
        while self.engine.state().tip().height < self.chain.tip() {
            let ((time, _), due) = self
                .agenda
                .pop_first()
                .expect("peers say every second how far they are");
            assert!(
                time < began + 600_000,
                "at height {} after ten minutes",
                self.engine.state().tip().height
            );
            self.now = self.now.max(time);
            self.step(due);
            self.settle();
        }
        f64::from(u32::try_from(self.now - began).unwrap()) / 1000.0
    }

    fn tell(&mut self, event: Event) {
        self.engine.handle(Timestamp::from_ms(self.now), event);
    }

    fn step(&mut self, due: Due) {
        match due {
            Due::Status(at) => self.status(at),
            Due::Answer(at, from) => self.answer(at, from),
            Due::Silence(at, from) => {
                if self.others[at].is_some() {
                    self.tell(Event::BlocksFailed {
                        peer: Peer(at as u64),
                        from,
                    });
                }
            }
            Due::Verified(at, from, blocks) => self.tell(Event::Blocks {
                peer: Peer(at as u64),
                from,
                blocks,
            }),
            Due::Timer(timer) => self.tell(Event::Timer(timer)),
        }
    }

    fn status(&mut self, at: usize) {
        let Some(other) = self.others[at].clone() else {
            return;
        };
        let peer = Peer(at as u64);
        let decided = self.chain.decided.last().unwrap();
        let (header, certificate) = (decided.block.header().clone(), decided.certificate.clone());
        let (height, last) = match other.claim {
            Claim::Shown => (
                header.height,
                Some(Box::new(Certified {
                    header,
                    certificate,
                })),
            ),
            Claim::Invented => (Height::new(1 << 60), None),
        };
        self.tell(Event::Met {
            peer,
            key: other.key,
            known: false,
        });
        self.tell(Event::Status { peer, height, last });
        self.after(1000, Due::Status(at));
    }

    fn answer(&mut self, at: usize, from: Height) {
        let Some(other) = &mut self.others[at] else {
            return;
        };
        other.answers += 1;
        let mut blocks = self.chain.blocks(from);
        match other.manner {
            Manner::Short => blocks.truncate(1),
            Manner::Empty => blocks.clear(),
            Manner::Liar => blocks
                .iter_mut()
                .for_each(|(_, certificate)| certificate.signatures.truncate(2)),
            Manner::Honest
            | Manner::Silent
            | Manner::Slow(_)
            | Manner::False(_)
            | Manner::Tires(_) => {}
        }
        let manner = other.manner;
        let whole = |block: &VerifiedBlock| block.to_block().whole().unwrap();
        let sent: Vec<_> = blocks
            .iter()
            .map(|(block, proof)| (whole(block), proof.clone()))
            .collect();
        if self
            .engine
            .blocks_arrived(Timestamp::from_ms(self.now), Peer(at as u64), from, &sent)
        {
            match manner {
                Manner::False(ms) => self.after(ms, Due::Silence(at, from)),
                _ => self.after(1, Due::Verified(at, from, blocks)),
            }
        }
    }

    fn settle(&mut self) {
        let (_, _, actions) = outcomes(self.engine.turn());
        for action in actions {
            match action {
                Outcome::Ask(peer, from) => self.ask(usize::try_from(peer.0).unwrap(), from),
                Outcome::Wake(after, timer) => self.after(after, Due::Timer(timer)),
                Outcome::Halt(halt) => panic!("{halt}"),
                Outcome::Blame(peer) => {
                    // It is disconnected.
                    let at = usize::try_from(peer.0).unwrap();
                    let manner = self.others[at].take().map(|other| other.manner);
                    assert_eq!(manner, Some(Manner::Liar), "peer {at} is blamed");
                    self.tell(Event::PeerLeft(peer));
                }
                Outcome::Publish(_)
                | Outcome::Tell(..)
                | Outcome::Relay(_)
                | Outcome::Fetch(..)
                | Outcome::Decided(_) => {}
            }
        }
    }

    fn ask(&mut self, at: usize, from: Height) {
        let Some(other) = &self.others[at] else {
            return;
        };
        match other.manner {
            Manner::Silent => self.after(SILENCE_MS, Due::Silence(at, from)),
            Manner::Tires(answers) if other.answers >= answers => {
                self.after(SILENCE_MS, Due::Silence(at, from))
            }
            Manner::Slow(ms) => self.after(ms, Due::Answer(at, from)),
            _ => {
                self.after(2 * LINE_MS, Due::Answer(at, from));
            }
        }
    }
}

/// 700 blocks are 44 answers, of 20 milliseconds each.
#[test]
fn peers_that_are_silent_or_lie_cost_a_bounded_time_whatever_their_number() {
    use Claim::{Invented, Shown};
    use Manner::{Empty, False, Honest, Liar, Short, Silent, Slow, Tires};
    let world = chain(700);
    let honest = || validators([Honest; 4]);
    let one = || strangers(1, Honest, Shown);
    let crowd = || {
        let manners = [Silent, Slow(9000), Short, Empty, Liar, Tires(1)];
        let of = |manner| {
            [
                strangers(15, manner, Shown),
                strangers(15, manner, Invented),
            ]
            .concat()
        };
        manners.into_iter().flat_map(of).collect::<Vec<_>>()
    };
    // Who, and the seconds that it may take at most.
    let cases = [
        ("four validators", honest(), 3.0),
        (
            "60 silent strangers before four validators",
            [strangers(60, Silent, Shown), honest()].concat(),
            3.0,
        ),
        (
            "60 that invent heights",
            [strangers(60, Silent, Invented), honest()].concat(),
            3.0,
        ),
        (
            "180 of all kinds before four validators",
            [crowd(), honest()].concat(),
            3.0,
        ),
        (
            "a silent validator",
            validators([Silent, Honest, Honest, Honest]),
            8.0,
        ),
        (
            "a validator that gives no blocks",
            validators([Empty, Honest, Honest, Honest]),
            4.0,
        ),
        (
            "a validator that forges certificates",
            validators([Liar, Honest, Honest, Honest]),
            4.0,
        ),
        (
            "a validator that sends false blocks",
            validators([False(1000), Honest, Honest, Honest]),
            8.0,
        ),
        (
            "a slow validator",
            validators([Slow(9000), Honest, Honest, Honest]),
            8.0,
        ),
        (
            "a validator that tires",
            validators([Tires(3), Honest, Honest, Honest]),
            8.0,
        ),
        (
            "silent validators but one",
            validators([Silent, Silent, Silent, Honest]),
            15.0,
        ),
        (
            "60 silent strangers before an honest one",
            [strangers(60, Silent, Shown), one()].concat(),
            15.0,
        ),
        (
            "60 that invent heights before an honest one",
            [strangers(60, Silent, Invented), one()].concat(),
            3.0,
        ),
        (
            "180 of all kinds before an honest one",
            [crowd(), one()].concat(),
            30.0,
        ),
    ];
    for (name, others, seconds_max) in cases {
        let seconds = Behind::new(&world, others).catch_up();
        println!("{name}: {seconds} s");
        assert!(seconds <= seconds_max, "{name}: {seconds} s");
    }
}
