//! The simulated network: fake time, one seed, and checks after every step.

mod checks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vote_chain::{
    Ballot, BlockHash, CommitCertificate, Contest, Election, ElectionId, Genesis, Height, Limits,
    Organisers, Payload, PublicKey, Rule, SecretKey, Selection, ShortId, State, Timestamp,
    Transaction, TransactionId, Validator, ValidatorSet, VerifiedBlock, Voter, Voters,
};
use vote_consensus::{
    Certified, Config, Engine, Event, Folder, Halt, Message, Origin, PASS_ON_MS, Peer, Taken,
    Timer, Write, block_clock, middle_clock,
};

use super::crime::{Crime, rouse};
use super::node::{Disk, Outcome, Signs, outcomes, receive, recover, submit, take_transactions};
use super::random::Random;

/// What goes wrong.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    /// Messages lost, and sent twice, per mille.
    pub(super) loss: u64,
    pub(super) duplicates: u64,
    /// Longest delay, in milliseconds; the shortest is 1.
    pub(super) delay_ms: u64,
    /// A node crashes about this often, in milliseconds; 0 for never.
    pub(super) crash_every_ms: u64,
    /// What a node can send to all others together, in bytes a millisecond; 0 for no bound.
    pub(super) uplink: u64,
}

enum Due {
    Gossip(usize, Letter),
    /// For one alone, from another.
    Told(usize, usize, Vec<u8>),
    /// A letter that has come from its signer is to be passed on, if its height is still open.
    PassOn(usize, u32, Letter, Height),
    Transaction(usize, Vec<u8>, Origin),
    Timer(usize, u32, Timer),
    Question(usize, usize, Height),
    Status(usize, usize, Height),
    Ask(usize, usize, Height),
    Blocks(usize, usize, Height),
    /// A question for transactions of a block: whose, to whom, and for which.
    Fetch(usize, usize, BlockHash, Vec<(u32, ShortId)>),
    /// The answer: for whom, from whom.
    Fetched(usize, usize, BlockHash, Vec<(u32, ShortId)>, Vec<Vec<u8>>),
    Verified(
        usize,
        u32,
        Peer,
        Height,
        Vec<(Arc<VerifiedBlock>, CommitCertificate)>,
    ),
    Heartbeat(usize, u32),
    Crash,
    Restart(usize),
}

impl Due {
    /// On the wire, with what a small message costs.
    fn bytes(&self) -> u64 {
        let content = match self {
            Self::Gossip(_, letter) => letter.bytes.len(),
            Self::Transaction(_, bytes, _) | Self::Told(_, _, bytes) => bytes.len(),
            Self::Fetch(.., wanted) => wanted.len() * 3,
            Self::Fetched(.., given) => given.iter().map(Vec::len).sum(),
            _ => 0,
        };
        60 + content as u64
    }
}

/// A message on its way over gossip.
#[derive(Clone)]
struct Letter {
    /// Who has passed it on, which need not be who has said it.
    from: usize,
    /// The same for all copies: a node looks at one of them.
    number: u64,
    bytes: Vec<u8>,
}

/// How far a node comes with a turn before it crashes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flushed {
    Nothing,
    Ledger,
    All,
}

/// What a node had on its disk at some time.
#[derive(Clone)]
pub(super) struct Image {
    pub(super) disk: Disk,
    pub(super) signs: Signs,
}

/// What is put back from an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restored {
    /// The ledger alone; the sign-state is where it was.
    Ledger,
    /// The whole folder.
    Folder,
    /// Nothing; but the log of the open height has lost its end.
    Log,
}

pub(super) struct World {
    pub(super) now: u64,
    sequence: u64,
    agenda: BTreeMap<(u64, u64), Due>,
    random: Random,
    pub(super) faults: Faults,
    config: Config,
    pub(super) genesis: Genesis,
    pub(super) keys: Vec<SecretKey>,
    pub(super) engines: Vec<Option<Engine>>,
    pub(super) disks: Vec<Disk>,
    pub(super) signs: Vec<Signs>,
    /// Nodes that have ended by themselves, and why.
    pub(super) halted: Vec<Option<Halt>>,
    /// Whose images to take: all that it has had on its disk.
    pub(super) photographed: Option<usize>,
    pub(super) images: Vec<Image>,
    incarnation: Vec<u32>,
    doomed: Option<(usize, Flushed)>,
    /// Those that lie, and how.
    pub(super) criminals: BTreeMap<usize, Crime>,
    /// Validators that a final block's evidence accuses.
    pub(super) accused: BTreeSet<PublicKey>,
    /// Peers that a node has blamed.
    pub(super) blamed: u64,
    /// Messages that were held against whoever had passed them on.
    pub(super) struck: u64,
    /// A node without a key, whose engine is never asked.
    pub(super) stranger: Option<usize>,
    /// Whether nodes pass on what they cannot check.
    pub(super) careless: bool,
    /// How much of what a node may hold it may hold here, in per cent.
    pub(super) memory_percent: usize,
    /// When a block was first there: at whoever has built it.
    built_at: BTreeMap<BlockHash, u64>,
    /// The messages that each node has looked at.
    read: Vec<BTreeSet<u64>>,
    /// A key that two nodes have: it may well sign twice until one of them stops.
    pub(super) shared_key: Option<PublicKey>,
    /// Whether the test makes a fork.
    pub(super) forks: bool,
    /// Whether nodes that have the same key meet. If their network identity is the same too, they
    /// do not.
    pub(super) introduced: bool,
    /// Consensus messages that were published.
    pub(super) published: u64,
    /// And votes that only a proposer was told.
    pub(super) told: u64,
    /// Transactions of proposed blocks that were given out to those who lacked them.
    pub(super) fetched: u64,
    /// Whether the next proposal is lost for everybody, together with the connections that it was
    /// on.
    pub(super) loses_proposal: bool,
    /// Rounds after the first in which votes were published.
    pub(super) failed_rounds: u64,
    /// When each has sent what it has to send, on a slow line: in bytes that it could have sent
    /// until then.
    sent: Vec<u64>,
    /// Nodes that are cut off from those of another group.
    pub(super) group: Vec<u8>,
    /// Two nodes that do not reach each other.
    pub(super) apart: Option<[usize; 2]>,
    /// How far each node's clock is ahead of the right time, in milliseconds; and what its engine
    /// was told of the clock to go by.
    pub(super) clocks: Vec<i64>,
    told_clocks: Vec<i64>,
    blocks: BTreeMap<Height, BlockHash>,
    /// What follows from the blocks, and which set signed each.
    ledger: State,
    sets: BTreeMap<Height, ValidatorSet>,
    /// Whether certificates are held against the sets.
    pub(super) checks_certificates: bool,
    signed: BTreeMap<(PublicKey, Height, i64, u8), Vec<u8>>,
    /// Transactions that some node has reported final.
    pub(super) finals: BTreeSet<TransactionId>,
    pub(super) crashes: u64,
    pub(super) trace: u64,
    pub(super) fault: Option<String>,
}

/// What it takes to verify an answer's blocks, in milliseconds.
const VERIFY_MS: u64 = 2;

pub(super) const START: u64 = 1_700_000_000_000;

pub(super) fn key(at: usize) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(at).unwrap() + 1; 32])
}

fn voter_key(voter: u32) -> SecretKey {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&voter.to_be_bytes());
    SecretKey::from_seed(&seed)
}

pub(super) fn validator(at: usize) -> Validator {
    Validator {
        key: key(at).public(),
        name: format!("v{at}"),
        power: 1,
    }
}

impl World {
    pub(super) fn new(
        seed: u64,
        nodes: usize,
        validators: usize,
        faults: Faults,
        config: Config,
    ) -> Self {
        Self::with_powers(seed, nodes, &vec![1; validators], faults, config)
    }

    /// The first nodes are validators with these powers.
    pub(super) fn with_powers(
        seed: u64,
        nodes: usize,
        powers: &[u64],
        faults: Faults,
        config: Config,
    ) -> Self {
        let validators = powers.iter().enumerate().map(|(at, power)| Validator {
            power: *power,
            ..validator(at)
        });
        let validators = ValidatorSet::new(validators.collect()).unwrap();
        let (time, organisers) = (Timestamp::from_ms(START), Organisers::Anyone);
        let genesis = Genesis {
            version: vote_chain::Version::NEWEST,
            name: "sim".into(),
            time,
            validators,
            organisers,
            limits: Limits::default(),
        };
        let ledger = State::new(genesis.clone());
        let mut world = Self {
            now: START + 1000,
            sequence: 0,
            agenda: BTreeMap::new(),
            random: Random::new(seed),
            faults,
            config,
            genesis,
            keys: (0..nodes).map(key).collect(),
            engines: (0..nodes).map(|_| None).collect(),
            disks: (0..nodes).map(|_| Disk::default()).collect(),
            signs: vec![Signs::default(); nodes],
            halted: vec![None; nodes],
            photographed: None,
            images: Vec::new(),
            incarnation: vec![0; nodes],
            doomed: None,
            criminals: BTreeMap::new(),
            accused: BTreeSet::new(),
            blamed: 0,
            struck: 0,
            stranger: None,
            careless: false,
            memory_percent: 100,
            built_at: BTreeMap::new(),
            read: vec![BTreeSet::new(); nodes],
            shared_key: None,
            introduced: true,
            forks: false,
            published: 0,
            told: 0,
            fetched: 0,
            loses_proposal: false,
            failed_rounds: 0,
            sent: vec![0; nodes],
            group: vec![0; nodes],
            apart: None,
            clocks: vec![0; nodes],
            told_clocks: vec![0; nodes],
            blocks: BTreeMap::new(),
            ledger,
            sets: BTreeMap::new(),
            checks_certificates: true,
            signed: BTreeMap::new(),
            finals: BTreeSet::new(),
            crashes: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            fault: None,
        };
        (0..nodes).for_each(|at| world.start(at));
        if faults.crash_every_ms > 0 {
            world.after(faults.crash_every_ms, Due::Crash);
        }
        world
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_ms(self.now)
    }

    fn after(&mut self, ms: u64, due: Due) {
        self.sequence += 1;
        self.agenda.insert((self.now + ms, self.sequence), due);
    }

    pub(super) fn start(&mut self, at: usize) {
        let found = (&self.disks[at], &self.signs[at]);
        let engine = recover(
            &self.genesis,
            found,
            &self.keys[at],
            self.config,
            self.time(),
        );
        self.engines[at] = Some(engine);
        self.read[at].clear();
        self.told_clocks[at] = 0;
        self.incarnation[at] += 1;
        // Whoever submits again what was decided in the crash hears from this disk that it is
        // final.
        for decided in self.disks[at].decided.clone() {
            self.agree(&decided);
        }
        self.after(200, Due::Heartbeat(at, self.incarnation[at]));
        self.settle(at);
    }

    /// Takes a node down, with whatever its last turn had not yet written.
    pub(super) fn stop(&mut self, at: usize) {
        self.engines[at] = None;
        self.incarnation[at] += 1;
    }

    /// Ends a node, and starts it again from an earlier image of its disk.
    pub(super) fn restore(&mut self, at: usize, image: &Image, what: Restored) {
        self.stop(at);
        match what {
            Restored::Ledger => self.disks[at] = image.disk.clone(),
            Restored::Folder => {
                self.disks[at] = image.disk.clone();
                self.signs[at] = Signs {
                    folder: Folder::Copied,
                    ..image.signs
                };
            }
            // As much is left as the image had of its height, so that each length comes about.
            Restored::Log => self.disks[at].log.truncate(image.disk.log.len()),
        }
        self.start(at);
    }

    /// Submits a transaction to a node as an app does.
    pub(super) fn submit(&mut self, at: usize, bytes: Vec<u8>) {
        self.after(1, Due::Transaction(at, bytes, Origin::App));
    }

    pub(super) fn sign(&self, key: &SecretKey, payload: Payload) -> (TransactionId, Vec<u8>) {
        let bytes = Transaction::sign(self.genesis.chain(), key, payload).to_bytes();
        (TransactionId::of(&bytes), bytes)
    }

    pub(super) fn election_of(&self, contest: Contest, salt: u64) -> Election {
        Election::simple("Lunch".into(), vec![contest], salt)
    }

    pub(super) fn election(
        &self,
        opens_at: Option<u64>,
        closes_at: Option<u64>,
    ) -> (ElectionId, Vec<u8>) {
        let time = |ms: Option<u64>| ms.map(Timestamp::from_ms);
        let choices = Contest::listed(vec!["Soup".into(), "Pasta".into()], Rule::Plurality, 1);
        let (opens_at, closes_at) = (time(opens_at), time(closes_at));
        let election = Election {
            opens_at,
            closes_at,
            ..self.election_of(choices, 0)
        };
        let (id, bytes) = self.sign(&key(200), Payload::CreateElection(election));
        (ElectionId::new(*id.hash()), bytes)
    }

    /// An election that opens at once if any key may vote, else when its organiser opens it.
    pub(super) fn election_for(&self, voters: Voters) -> (ElectionId, Vec<u8>) {
        let choices = Contest::listed(vec!["Soup".into(), "Pasta".into()], Rule::Plurality, 1);
        let election = Election {
            voters,
            ..self.election_of(choices, 0)
        };
        let (id, bytes) = self.sign(&key(200), Payload::CreateElection(election));
        (ElectionId::new(*id.hash()), bytes)
    }

    /// The first voters, for a roll.
    pub(super) fn roll(voters: u32) -> Vec<Voter> {
        let mut roll: Vec<_> = (0..voters)
            .map(|voter| Voter(voter_key(voter).public(), 1))
            .collect();
        roll.sort_by_key(|voter| voter.0);
        roll
    }

    /// The time of the last block that somebody has decided.
    pub(super) fn tip_time(&self) -> Timestamp {
        self.ledger.tip().time
    }

    pub(super) fn ballot(&self, election: ElectionId, voter: u32) -> (TransactionId, Vec<u8>) {
        let ballot = Ballot::plain(
            election,
            Selection::Listed(u16::from(voter.is_multiple_of(3))),
        );
        self.sign(&voter_key(voter), Payload::CastBallot(ballot))
    }

    /// Runs until `done`, at most so many simulated seconds; false if it is not done then, or a
    /// check has failed.
    pub(super) fn run(&mut self, seconds: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + seconds * 1000;
        while self.fault.is_none() {
            if done(self) {
                return true;
            }
            match self.agenda.first_key_value() {
                Some(((time, _), _)) if *time <= end => {}
                _ => break,
            }
            let ((time, _), due) = self.agenda.pop_first().expect("just looked");
            self.now = self.now.max(time);
            self.step(due);
        }
        self.now = self.now.max(end.min(self.now + seconds * 1000));
        false
    }

    /// Runs for so many simulated milliseconds.
    pub(super) fn run_ms(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.fault.is_none()
            && self
                .agenda
                .first_key_value()
                .is_some_and(|((time, _), _)| *time <= end)
        {
            let ((time, _), due) = self.agenda.pop_first().expect("just looked");
            self.now = self.now.max(time);
            self.step(due);
        }
        self.now = self.now.max(end);
    }

    fn step(&mut self, due: Due) {
        let now = self.time();
        let node = match due {
            Due::Gossip(at, letter) => {
                self.note(at, &letter.bytes);
                if self.read[at].insert(letter.number) {
                    self.deliver(at, letter);
                }
                at
            }
            Due::Told(at, from, bytes) => {
                self.note(at, &bytes);
                if let Some(engine) = &mut self.engines[at] {
                    let taken = receive(engine, now, Peer(from as u64), &bytes);
                    self.hold_against(at, from, taken.err());
                }
                at
            }
            Due::PassOn(at, incarnation, letter, height) => {
                if self.incarnation[at] == incarnation && height >= self.disks[at].tip() {
                    self.pass_on(at, letter);
                }
                return;
            }
            Due::Transaction(at, bytes, origin) => {
                self.engines[at]
                    .as_mut()
                    .map(|engine| submit(engine, now, &bytes, origin));
                at
            }
            Due::Timer(at, incarnation, timer) => {
                if self.incarnation[at] == incarnation {
                    self.tell(at, Event::Timer(timer));
                }
                at
            }
            Due::Question(at, from, height) => {
                if self.engines[at].is_some() {
                    let tip = self.claimed(at);
                    self.send(at, from, |from| Due::Status(from, at, tip));
                }
                return self.step(Due::Status(at, from, height));
            }
            Due::Status(at, from, height) => {
                let (peer, key) = (Peer(from as u64), self.keys[from].public());
                if self.introduced || key != self.keys[at].public() {
                    self.tell(
                        at,
                        Event::Met {
                            peer,
                            key,
                            known: true,
                        },
                    );
                }
                let last = self.disks[from]
                    .decided
                    .last()
                    .filter(|last| last.block.header().height == height);
                let last = last.map(|decided| {
                    let (header, certificate) =
                        (decided.block.header().clone(), decided.certificate.clone());
                    Box::new(Certified {
                        header,
                        certificate,
                    })
                });
                self.tell(at, Event::Status { peer, height, last });
                at
            }
            Due::Ask(at, from, height) => {
                if self.engines[at].is_some() {
                    self.send(at, from, |_| Due::Blocks(from, at, height));
                }
                return;
            }
            Due::Blocks(at, from, height) => {
                let mut blocks = self.disks[from].blocks(height);
                if let Some(crime) = self.crime(from) {
                    if crime == Crime::Exaggerator {
                        blocks.clear();
                    }
                    // All of them, or those after the first, which alone is looked at before the
                    // rest is verified.
                    let honest = usize::from(self.random.below(2) == 0);
                    let others = blocks.iter_mut().skip(honest);
                    others.for_each(|(_, certificate)| {
                        crime.forge(certificate, self.random.below(3))
                    });
                }
                let (peer, first) = (Peer(from as u64), height);
                let whole =
                    |block: &VerifiedBlock| block.to_block().whole().expect("it was verified");
                let sent: Vec<_> = blocks
                    .iter()
                    .map(|(block, certificate)| (whole(block), certificate.clone()))
                    .collect();
                let wanted = self.engines[at]
                    .as_mut()
                    .is_some_and(|engine| engine.blocks_arrived(now, peer, first, &sent));
                if wanted {
                    self.after(
                        VERIFY_MS,
                        Due::Verified(at, self.incarnation[at], peer, first, blocks),
                    );
                }
                at
            }
            Due::Verified(at, incarnation, peer, from, blocks) => {
                if self.incarnation[at] == incarnation {
                    self.tell(at, Event::Blocks { peer, from, blocks });
                }
                at
            }
            Due::Fetch(from, at, block, wanted) => {
                return self.give_transactions(from, at, block, &wanted);
            }
            Due::Fetched(at, from, block, wanted, given) => {
                given.iter().for_each(|bytes| self.note(at, bytes));
                if let Some(engine) = &mut self.engines[at] {
                    let peer = Peer(from as u64);
                    let taken = take_transactions(engine, now, peer, block, &wanted, &given);
                    self.hold_against(at, from, taken.err());
                }
                at
            }
            Due::Heartbeat(at, incarnation) => {
                if self.incarnation[at] == incarnation {
                    self.heartbeat(at);
                }
                return;
            }
            Due::Crash => return self.doom(),
            Due::Restart(at) => {
                if self.engines[at].is_none() {
                    self.start(at);
                }
                return;
            }
        };
        self.settle(node);
    }

    /// Has a node look at a message, and pass it on if it finds that it holds. Nobody honest is
    /// ever blamed.
    fn deliver(&mut self, at: usize, letter: Letter) {
        let now = self.time();
        let Some(engine) = &mut self.engines[at] else {
            return;
        };
        match receive(engine, now, Peer(letter.from as u64), &letter.bytes) {
            Ok(Taken::New) => self.pass_on(at, letter),
            Ok(Taken::FromSigner(height)) => {
                self.after(
                    PASS_ON_MS,
                    Due::PassOn(at, self.incarnation[at], letter, height),
                );
            }
            Ok(Taken::Dropped(_)) if self.careless => self.pass_on(at, letter),
            Ok(Taken::Dropped(_)) => {}
            Err(reason) => self.hold_against(at, letter.from, Some(reason)),
        }
    }

    fn pass_on(&mut self, at: usize, letter: Letter) {
        let others = (0..self.engines.len()).filter(|to| ![at, letter.from].contains(to));
        let unread: Vec<_> = others
            .filter(|to| !self.read[*to].contains(&letter.number))
            .collect();
        let letter = Letter { from: at, ..letter };
        for to in unread {
            self.send(at, to, |to| Due::Gossip(to, letter.clone()));
        }
    }

    fn give_transactions(
        &mut self,
        from: usize,
        at: usize,
        block: BlockHash,
        wanted: &[(u32, ShortId)],
    ) {
        let Some(engine) = &self.engines[at] else {
            return;
        };
        let found = engine.proposed_transactions(&block, wanted, 4096);
        let mut given: Vec<_> = found
            .iter()
            .map(|transaction| transaction.bytes().to_vec())
            .collect();
        if let Some(crime) = self.crime(at) {
            let Some(instead) = crime.gives(given) else {
                return;
            };
            given = instead;
        }
        self.fetched += given.len() as u64;
        self.send(at, from, |from| {
            Due::Fetched(from, at, block, wanted.to_vec(), given.clone())
        });
    }

    /// The last of the nodes may be a stranger: it has no engine.
    pub(super) fn is_honest(&self, at: usize) -> bool {
        self.stranger != Some(at) && self.crime(at).is_none()
    }

    fn crime(&self, at: usize) -> Option<Crime> {
        self.criminals.get(&at).copied()
    }

    /// The height that a node says it has.
    fn claimed(&self, at: usize) -> Height {
        let tip = self.disks[at].tip();
        if self.crime(at) == Some(Crime::Exaggerator) {
            Height::new(tip.get() + 1000)
        } else {
            tip
        }
    }

    fn tell(&mut self, at: usize, event: Event) {
        let now = self.time();
        if let Some(engine) = &mut self.engines[at] {
            engine.handle(now, event);
        }
    }

    /// Holds a node's clock against those of the validators that it reaches.
    fn look_at_clocks(&mut self, at: usize) {
        let set = self.disks[at].state(&self.genesis).validators().clone();
        let reached = (0..self.engines.len())
            .filter(|other| self.engines[*other].is_some() && self.group[*other] == self.group[at]);
        let clock = |other: usize| {
            Some((
                self.clocks[other],
                set.get(&self.keys[other].public())?.power,
            ))
        };
        let middle = middle_clock(reached.filter_map(clock).collect(), set.power_total());
        let clock = block_clock(self.clocks[at], middle);
        if std::mem::replace(&mut self.told_clocks[at], clock) != clock {
            self.tell(at, Event::Clock(clock));
            self.settle(at);
        }
    }

    fn heartbeat(&mut self, at: usize) {
        if self.clocks.iter().any(|clock| *clock != 0) || self.told_clocks[at] != 0 {
            self.look_at_clocks(at);
        }
        let tip = self.claimed(at);
        for to in (0..self.engines.len()).filter(|to| *to != at) {
            self.send(at, to, |to| Due::Question(to, at, tip));
            if self.crime(at) == Some(Crime::Rouser) {
                let vote = rouse(&self.keys[at], &self.genesis.chain(), tip.next());
                let letter = self.letter(at, vote.clone());
                self.send(at, to, |to| Due::Gossip(to, letter.clone()));
            }
        }
        self.after(1000, Due::Heartbeat(at, self.incarnation[at]));
    }

    /// Some node will crash at its next turn, before or after the turn is on its disk.
    fn doom(&mut self) {
        let (nodes, every) = (self.engines.len() as u64, self.faults.crash_every_ms);
        if every == 0 {
            return;
        }
        let at = usize::try_from(self.random.below(nodes)).unwrap();
        let flushed = [Flushed::Nothing, Flushed::Ledger, Flushed::All]
            [usize::try_from(self.random.below(3)).unwrap()];
        let all_run = (0..self.engines.len())
            .all(|at| self.engines[at].is_some() || self.stranger == Some(at));
        if all_run && self.stranger != Some(at) {
            self.doomed = Some((at, flushed));
        }
        let next = every / 2 + self.random.below(every);
        self.after(next, Due::Crash);
    }

    /// Has a node crash at its next turn that says something: all of it is on the disk, and nothing
    /// is said.
    pub(super) fn mute(&mut self, at: usize) {
        self.doomed = Some((at, Flushed::All));
    }

    /// Carries out what a node wants: first its disk, then the world.
    fn settle(&mut self, at: usize) {
        let Some(engine) = &mut self.engines[at] else {
            return;
        };
        let (writes, signed, actions) = outcomes(engine.turn());
        for write in &writes {
            if let Write::Body(block) = write {
                self.built_at.entry(block.hash()).or_insert(self.now);
            }
        }
        let speaks = actions
            .iter()
            .any(|action| !matches!(action, Outcome::Wake(..)));
        let crash = self
            .doomed
            .take_if(|(doomed, _)| *doomed == at && speaks)
            .map(|(_, flushed)| flushed);
        if crash != Some(Flushed::Nothing) {
            self.disks[at].flush(writes);
            self.photograph(at);
        }
        if let Some(state) = signed.filter(|_| matches!(crash, None | Some(Flushed::All))) {
            self.signs[at] = Signs {
                state: Some(state),
                folder: Folder::Left,
            };
            self.photograph(at);
        }
        if crash.is_some() {
            self.crashes += 1;
            self.stop(at);
            return self.after(400, Due::Restart(at));
        }
        self.check_memory(at);
        for action in actions {
            self.act(at, action);
            if self.halted[at].is_some() {
                break;
            }
        }
    }

    fn photograph(&mut self, at: usize) {
        if self.photographed == Some(at) {
            self.images.push(Image {
                disk: self.disks[at].clone(),
                signs: self.signs[at],
            });
        }
    }

    fn act(&mut self, at: usize, action: Outcome) {
        match action {
            Outcome::Publish(bytes) => {
                self.published += 1;
                let peers: Vec<_> = (0..self.engines.len()).filter(|to| *to != at).collect();
                if self.is_lost(&bytes) {
                    return;
                }
                let letters = self.letters(at, bytes, &peers);
                self.post(at, letters);
            }
            Outcome::Tell(peer, bytes) => {
                self.told += 1;
                let to = usize::try_from(peer.0).unwrap();
                let (key, chain) = (&self.keys[at], self.genesis.chain());
                if let Some(aside) = self
                    .crime(at)
                    .and_then(|crime| crime.aside(key, &chain, &bytes))
                {
                    let others = (0..self.engines.len()).filter(|other| ![at, to].contains(other));
                    self.post(at, others.map(|other| (other, aside.clone())).collect());
                }
                for (to, bytes) in self.letters(at, bytes, &[to]) {
                    self.send(at, to, |to| Due::Told(to, at, bytes.clone()));
                }
            }
            Outcome::Relay(bytes) => {
                if self.crime(at).is_some_and(Crime::keeps_transactions) {
                    return;
                }
                for to in (0..self.engines.len()).filter(|to| *to != at) {
                    let bytes = bytes.clone();
                    self.send(at, to, move |to| {
                        Due::Transaction(to, bytes.clone(), Origin::Peer)
                    });
                }
            }
            Outcome::Ask(peer, from) => {
                let to = usize::try_from(peer.0).unwrap();
                self.send(at, to, |to| Due::Ask(to, at, from));
            }
            Outcome::Fetch(peer, block, wanted) => {
                let to = usize::try_from(peer.0).unwrap();
                self.send(at, to, |to| Due::Fetch(at, to, block, wanted.clone()));
            }
            Outcome::Wake(after, timer) => {
                self.after(after, Due::Timer(at, self.incarnation[at], timer))
            }
            Outcome::Decided(decided) => self.agree(&decided),
            Outcome::Blame(_) => self.blamed += 1,
            Outcome::Halt(halt @ (Halt::KeyElsewhere(_) | Halt::KeyUnknown(_))) => {
                self.halted[at] = Some(halt);
                self.stop(at);
            }
            Outcome::Halt(halt @ Halt::Fork(_)) if self.forks => {
                self.halted[at] = Some(halt);
                self.stop(at);
            }
            Outcome::Halt(halt) => self.fault = Some(format!("node {at} has halted: {halt}")),
        }
    }

    /// What a node says to each of some peers: an honest one the same to all.
    fn letters(&mut self, at: usize, bytes: Vec<u8>, peers: &[usize]) -> Vec<(usize, Vec<u8>)> {
        if let Some(crime) = self.crime(at) {
            return crime.instead(
                &self.keys[at],
                &self.genesis.chain(),
                &bytes,
                peers,
                self.engines[at].as_ref(),
            );
        }
        self.check_signed_once(at, &bytes);
        peers.iter().map(|to| (*to, bytes.clone())).collect()
    }

    /// Whether this is the proposal that is to be lost. Votes of later rounds are counted.
    fn is_lost(&mut self, bytes: &[u8]) -> bool {
        match Message::from_bytes(bytes).ok().flatten() {
            Some(Message::Vote(vote)) => {
                self.failed_rounds += u64::from(vote.message.round.as_i64() > 0);
                false
            }
            Some(Message::Proposal(..)) => std::mem::take(&mut self.loses_proposal),
            _ => false,
        }
    }

    fn letter(&mut self, from: usize, bytes: Vec<u8>) -> Letter {
        self.sequence += 1;
        self.read[from].insert(self.sequence);
        Letter {
            from,
            number: self.sequence,
            bytes,
        }
    }

    /// Sends messages to peers; the same to several is one message.
    pub(super) fn post(&mut self, from: usize, letters: Vec<(usize, Vec<u8>)>) {
        let mut numbered: BTreeMap<Vec<u8>, Letter> = BTreeMap::new();
        for (to, bytes) in letters {
            let letter = match numbered.get(&bytes) {
                Some(letter) => letter.clone(),
                None => self.letter(from, bytes.clone()),
            };
            numbered.insert(bytes, letter.clone());
            self.send(from, to, |to| Due::Gossip(to, letter.clone()));
        }
    }

    fn send(&mut self, from: usize, to: usize, due: impl Fn(usize) -> Due) {
        if self
            .apart
            .is_some_and(|apart| apart.contains(&from) && apart.contains(&to))
        {
            return;
        }
        if self.group[from] != self.group[to] || self.random.below(1000) < self.faults.loss {
            return;
        }
        let copies = if self.random.below(1000) < self.faults.duplicates {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let due = due(to);
            let delay = self.queue(from, &due) + 1 + self.random.below(self.faults.delay_ms.max(1));
            self.after(delay, due);
        }
    }

    /// How long a message waits for those that the node has sent before, and for itself to be sent,
    /// in milliseconds.
    fn queue(&mut self, from: usize, due: &Due) -> u64 {
        if self.faults.uplink == 0 {
            return 0;
        }
        // In bytes since the beginning of time.
        let now = (self.now - START) * self.faults.uplink;
        let sent = &mut self.sent[from];
        *sent = now.max(*sent) + due.bytes();
        (*sent - now) / self.faults.uplink
    }

    fn note(&mut self, at: usize, bytes: &[u8]) {
        for byte in bytes
            .iter()
            .chain(&self.now.to_le_bytes())
            .chain([&u8::try_from(at).unwrap()])
        {
            self.trace = (self.trace ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// Ends all faults and brings every node back.
    pub(super) fn heal(&mut self) {
        (self.faults, self.doomed) = (
            Faults {
                delay_ms: 5,
                ..Faults::default()
            },
            None,
        );
        self.group.fill(0);
        for at in 0..self.engines.len() {
            if self.engines[at].is_none() && self.halted[at].is_none() && self.stranger != Some(at)
            {
                self.start(at);
            }
        }
    }

    /// Every node that runs has the same last block, and no transaction waits.
    pub(super) fn agreed(&self) -> bool {
        let mut running = self.engines.iter().flatten();
        let Some(first) = running.next() else {
            return true;
        };
        first.pending() == 0
            && running
                .all(|engine| engine.pending() == 0 && engine.state().tip() == first.state().tip())
    }
}
