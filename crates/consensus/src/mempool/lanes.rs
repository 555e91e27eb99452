//! Who waits behind whom: transactions that wait, apart by what they are for. Acts of organisers
//! and validators come first, then ballots of elections with a roll, then what any key may send;
//! and within each of these, elections share alike.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use vote_chain::{ElectionId, Organisers, Payload, PublicKey, State, UnsignedTransaction, Voters};

/// The order is that of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// What a validator approves.
    Approvals(PublicKey),
    /// What an organiser does, on a chain that has some; with what is done to their elections by
    /// others, whom they have named there as organisers beside themselves: as many keys as they
    /// like.
    Acts(PublicKey),
    /// Ballots of an election with a roll.
    Roll(ElectionId),
    /// Ballots of an election in which any key may vote.
    Open(ElectionId),
    /// Elections, and acts, on a chain where any key may create some.
    Anyone,
}

impl Lane {
    pub(crate) fn of(content: &UnsignedTransaction, state: &State) -> Self {
        match &content.payload {
            Payload::CastBallot(ballot) => {
                let election = state.election(&ballot.election);
                let any_key =
                    election.is_none_or(|record| record.election.voters == Voters::Anyone);
                if any_key {
                    Self::Open(ballot.election)
                } else {
                    Self::Roll(ballot.election)
                }
            }
            Payload::CreateElection(_) | Payload::Organise(_) | Payload::ApproveAct { .. }
                if state.registry().organisers == Organisers::Anyone =>
            {
                Self::Anyone
            }
            Payload::CreateElection(_) | Payload::Organise(_) | Payload::ApproveAct { .. } => {
                let about = content.payload.election();
                let election = about.and_then(|id| state.election(&id));
                Self::Acts(election.map_or(content.signer, |record| record.organiser))
            }
            Payload::ApproveChange { .. } => Self::Approvals(content.signer),
        }
    }

    /// The same for lanes that share alike; the lower comes first.
    const fn class(self) -> u8 {
        match self {
            Self::Approvals(_) | Self::Acts(_) => 0,
            Self::Roll(_) => 1,
            Self::Open(_) | Self::Anyone => 2,
        }
    }
}

impl Lane {
    /// Whether it is of what organisers and validators do, and they alone.
    pub(crate) const fn is_of_acts(self) -> bool {
        self.class() == 0
    }
}

/// The places of one lane, in the order in which they were taken, each with its bytes.
#[derive(Debug, Default)]
struct Waiting {
    places: BTreeMap<u64, usize>,
    bytes: usize,
}

/// What waits in each lane, by the places that the pool has given.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: BTreeMap<Lane, Waiting>,
    /// Of the lanes with something in them, by class and bytes.
    by_bytes: BTreeSet<(u8, usize, Lane)>,
    /// Of all acts and approvals: how many, and their bytes.
    acts: (usize, usize),
}

impl Lanes {
    pub(crate) fn insert(&mut self, lane: Lane, place: u64, bytes: usize) {
        self.change(lane, |waiting| {
            waiting.places.insert(place, bytes);
            waiting.bytes += bytes;
        });
        if lane.is_of_acts() {
            self.acts.0 += 1;
            self.acts.1 += bytes;
        }
    }

    pub(crate) fn remove(&mut self, lane: Lane, place: u64) {
        let mut bytes = 0;
        self.change(lane, |waiting| {
            bytes = waiting.places.remove(&place).unwrap_or(0);
            waiting.bytes -= bytes;
        });
        if lane.is_of_acts() {
            self.acts.0 -= 1;
            self.acts.1 -= bytes;
        }
    }

    /// Acts and approvals that wait: how many, and their bytes.
    pub(crate) const fn acts(&self) -> (usize, usize) {
        self.acts
    }

    fn change(&mut self, lane: Lane, how: impl FnOnce(&mut Waiting)) {
        let waiting = self.lanes.entry(lane).or_default();
        self.by_bytes.remove(&(lane.class(), waiting.bytes, lane));
        how(waiting);
        if waiting.places.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.by_bytes.insert((lane.class(), waiting.bytes, lane));
        }
    }

    pub(crate) fn bytes(&self, lane: Lane) -> usize {
        self.lanes.get(&lane).map_or(0, |waiting| waiting.bytes)
    }

    /// The place that is given up for one more of `lane` with so many bytes, when all are taken, or
    /// all of acts are: the last one of the lane that has the most, of those that come last. None
    /// if that would be no fairer than before.
    pub(crate) fn to_give_up(&self, lane: Lane, bytes: usize, of_acts: bool) -> Option<u64> {
        // No lane with something in it has 0 bytes.
        let last_of_acts = || self.by_bytes.range(..(1, 0, lane)).next_back();
        let last = if of_acts {
            last_of_acts()
        } else {
            self.by_bytes.last()
        };
        let (class, most, fullest) = *last?;
        let fairer =
            class > lane.class() || (class == lane.class() && self.bytes(lane) + bytes < most);
        let gives = fairer && fullest != lane;
        self.lanes
            .get(&fullest)
            .filter(|_| gives)?
            .places
            .last_key_value()
            .map(|(place, _)| *place)
    }

    /// The places in the order in which they go into a block of so many bytes: acts first, up to
    /// half of the block; ballots of elections with a roll; what any key may send; and the other
    /// acts. Elections of one kind take turns by bytes, that which has waited longest first.
    pub(crate) fn in_turn(&self, block_bytes: usize) -> impl Iterator<Item = u64> {
        let mut sum = 0;
        // The first one goes in however large it is: it would wait for ever otherwise, and those
        // behind it.
        let in_half = |(_, bytes): &(u64, usize)| {
            let first = sum == 0;
            sum += bytes;
            first || sum <= block_bytes / 2
        };
        let acts = self.turns(0).take_while(in_half).count();
        let first = self.turns(0).take(acts);
        let rest = self.turns(0).skip(acts);
        first
            .chain(self.turns(1))
            .chain(self.turns(2))
            .chain(rest)
            .map(|(place, _)| place)
    }

    fn turns(&self, class: u8) -> Turns<'_> {
        let lanes = self.lanes.iter().filter(|(lane, _)| lane.class() == class);
        let ready = lanes.filter_map(|(lane, waiting)| {
            let (first, _) = waiting.places.first_key_value()?;
            Some(Reverse((0, *first, *lane)))
        });
        Turns {
            lanes: self,
            ready: ready.collect(),
        }
    }
}

/// The next of the lane that has had the fewest bytes so far; at first, of that whose first has
/// waited longest.
struct Turns<'a> {
    lanes: &'a Lanes,
    ready: BinaryHeap<Reverse<(usize, u64, Lane)>>,
}

impl Iterator for Turns<'_> {
    /// A place, and its bytes.
    type Item = (u64, usize);

    fn next(&mut self) -> Option<(u64, usize)> {
        let Reverse((given, place, lane)) = self.ready.pop()?;
        let mut from_here = self.lanes.lanes.get(&lane)?.places.range(place..);
        let (_, bytes) = from_here.next()?;
        if let Some((next, _)) = from_here.next() {
            self.ready.push(Reverse((given + bytes, *next, lane)));
        }
        Some((place, *bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn election(number: u8) -> ElectionId {
        format!("{number:064x}").parse().unwrap()
    }

    fn acts(number: u8) -> Lane {
        Lane::Acts(format!("{number:064x}").parse().unwrap())
    }

    fn approvals(number: u8) -> Lane {
        Lane::Approvals(format!("{number:064x}").parse().unwrap())
    }

    #[test]
    fn acts_go_first_then_those_with_a_roll_and_elections_take_turns_by_bytes() {
        let mut lanes = Lanes::default();
        let (many, few, open) = (
            Lane::Roll(election(1)),
            Lane::Roll(election(2)),
            Lane::Open(election(3)),
        );
        lanes.insert(open, 1, 10);
        (2..8).for_each(|place| lanes.insert(many, place, 10));
        lanes.insert(few, 8, 20);
        lanes.insert(few, 9, 20);
        lanes.insert(acts(1), 10, 40);
        lanes.insert(acts(1), 11, 40);
        let order: Vec<_> = lanes.in_turn(100).collect();
        assert_eq!(order, [10, 2, 8, 3, 4, 9, 5, 6, 7, 1, 11]);
        assert_eq!(
            lanes.in_turn(20).next(),
            Some(10),
            "also if it is larger than half of a block"
        );
        lanes.insert(acts(2), 12, 10);
        lanes.insert(approvals(1), 13, 10);
        let order: Vec<_> = lanes.in_turn(1000).take(4).collect();
        assert_eq!(order, [10, 12, 13, 11], "organisers take turns too");
    }

    #[test]
    fn who_has_the_most_of_the_last_class_gives_up_a_place_and_nobody_does_for_more_of_its_own() {
        let mut lanes = Lanes::default();
        let (roll, small, large) = (
            Lane::Roll(election(1)),
            Lane::Open(election(2)),
            Lane::Open(election(3)),
        );
        lanes.insert(small, 1, 10);
        lanes.insert(large, 2, 10);
        lanes.insert(large, 3, 10);
        assert_eq!(lanes.to_give_up(roll, 10, false), Some(3));
        assert_eq!(lanes.to_give_up(acts(1), 10, false), Some(3));
        assert_eq!(lanes.to_give_up(large, 10, false), None);
        assert_eq!(
            lanes.to_give_up(small, 5, false),
            Some(3),
            "it has less, also with this"
        );
        assert_eq!(
            lanes.to_give_up(small, 10, false),
            None,
            "it would have as much as the other"
        );
        lanes.remove(large, 3);
        lanes.remove(large, 2);
        lanes.remove(small, 1);
        lanes.insert(roll, 4, 10);
        assert_eq!(
            lanes.to_give_up(small, 1, false),
            None,
            "an election with a roll gives up nothing for one without"
        );
        lanes.remove(roll, 4);
        lanes.insert(acts(1), 5, 10);
        lanes.insert(acts(1), 6, 10);
        lanes.insert(roll, 7, 100);
        assert_eq!(lanes.acts(), (2, 20));
        assert_eq!(lanes.to_give_up(acts(2), 5, true), Some(6), "of acts alone");
        assert_eq!(lanes.to_give_up(acts(1), 5, true), None);
        [(acts(1), 5), (acts(1), 6), (roll, 7)]
            .into_iter()
            .for_each(|(lane, place)| lanes.remove(lane, place));
        assert!(lanes.lanes.is_empty() && lanes.by_bytes.is_empty() && lanes.acts() == (0, 0));
    }
}
