//! Elections in the orders in which people ask for them. What each block changes keeps them up;
//! nothing here looks at all elections.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::record::ElectionRecord;
use crate::hash::{ElectionId, Hash};
use crate::key::PublicKey;
use crate::time::Timestamp;

/// Where an election stands among all: when it was created, and its id.
type Age = (Timestamp, ElectionId);

/// Every election, by id and in other orders. A clone costs the same however many there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Elections {
    by_id: OrdMap<ElectionId, Arc<ElectionRecord>>,
    by_age: OrdSet<Age>,
    /// Where each stands in the order of creation, from 0.
    places: OrdMap<ElectionId, usize>,
    /// Those that are neither closed nor cancelled.
    running: OrdSet<Age>,
    /// How many of these each organiser has.
    running_of: OrdMap<PublicKey, u32>,
    /// The times at which elections open or close, after the last block's.
    boundaries: OrdSet<(Timestamp, ElectionId)>,
}

impl Elections {
    /// How many elections of an organiser will not be over at `time`, if nothing is done to them
    /// until then.
    pub(super) fn running_of(&self, organiser: &PublicKey, time: Timestamp) -> i64 {
        let running = self.running_of.get(organiser).copied().unwrap_or(0);
        i64::from(running)
            - self
                .closing(time)
                .filter(|record| record.organiser == *organiser)
                .count() as i64
    }

    /// The same of all organisers together.
    pub(super) fn running_count(&self, time: Timestamp) -> i64 {
        self.running.len() as i64 - self.closing(time).count() as i64
    }

    /// Elections that close between the last block and `time`, each once.
    fn closing(&self, time: Timestamp) -> impl Iterator<Item = &ElectionRecord> {
        let due = self
            .boundaries
            .iter()
            .take_while(move |(at, _)| *at <= time);
        due.map(|(at, id)| (at, &*self.by_id[id]))
            .filter(|(at, record)| record.closes_at == Some(**at))
            .map(|(_, record)| record)
    }

    pub(super) fn get(&self, id: &ElectionId) -> Option<&Arc<ElectionRecord>> {
        self.by_id.get(id)
    }

    /// Where an election stands in the order of creation, from 0.
    pub(super) fn place(&self, id: &ElectionId) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// All of them, in the order of creation.
    pub(super) fn oldest(&self) -> impl Iterator<Item = &ElectionRecord> {
        self.by_age.iter().map(|(_, id)| &*self.by_id[id])
    }

    /// All of them, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&ElectionId, &Arc<ElectionRecord>)> {
        self.by_id.iter()
    }

    /// Takes in an election as it is after a block of time `now`; blocks come in the order of their
    /// times, each after [`Self::pass`], and the new elections of a block in the order of their
    /// ids.
    pub(super) fn put(&mut self, record: Arc<ElectionRecord>, now: Timestamp) {
        let id = record.id;
        let age = (record.created_at, id);
        let over = record.phase(now).is_over();
        let organiser = record.organiser;
        let coming: Vec<_> = record.boundaries().filter(|time| *time > now).collect();
        match self.by_id.insert(id, record) {
            Some(before) => {
                for time in before.boundaries() {
                    self.boundaries.remove(&(time, id));
                }
            }
            None => {
                self.places.insert(id, self.by_age.len());
                self.by_age.insert(age);
            }
        }
        self.boundaries
            .extend(coming.into_iter().map(|time| (time, id)));
        if over {
            self.end(age, &organiser);
        } else if self.running.insert(age).is_none() {
            *self.running_of.entry(organiser).or_default() += 1;
        }
    }

    fn end(&mut self, age: Age, organiser: &PublicKey) {
        if self.running.remove(&age).is_none() {
            return;
        }
        let left = self
            .running_of
            .get(organiser)
            .map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            self.running_of.remove(organiser);
        } else {
            self.running_of.insert(*organiser, left);
        }
    }

    /// Lets time pass up to `now`: elections open and close by themselves. Gives those that are
    /// over.
    pub(super) fn pass(&mut self, now: Timestamp) -> Vec<ElectionId> {
        let mut ended = Vec::new();
        while let Some(boundary) = self
            .boundaries
            .get_min()
            .copied()
            .filter(|(time, _)| *time <= now)
        {
            self.boundaries.remove(&boundary);
            let record = self.by_id[&boundary.1].clone();
            if record.phase(now).is_over() {
                self.end((record.created_at, record.id), &record.organiser);
                ended.push(record.id);
            }
        }
        ended
    }

    /// The first boundary that is still to come.
    pub(super) fn next_boundary(&self) -> Option<Timestamp> {
        self.boundaries.get_min().map(|(time, _)| *time)
    }

    /// Elections with a boundary up to `time`; one with two of them comes twice.
    pub(super) fn due(&self, time: Timestamp) -> impl Iterator<Item = &ElectionRecord> {
        let due = self
            .boundaries
            .iter()
            .take_while(move |(at, _)| *at <= time);
        due.map(|(_, id)| &*self.by_id[id])
    }

    /// Newest first; those that come after the election `after`, if one is named; none if there is
    /// no such election.
    pub(super) fn newest(
        &self,
        after: Option<ElectionId>,
    ) -> impl Iterator<Item = &ElectionRecord> {
        self.below(&self.by_age, after)
    }

    /// Like [`Self::newest`], without those that are over.
    pub(super) fn running(
        &self,
        after: Option<ElectionId>,
    ) -> impl Iterator<Item = &ElectionRecord> {
        self.below(&self.running, after)
    }

    fn below<'a>(
        &'a self,
        ages: &'a OrdSet<Age>,
        after: Option<ElectionId>,
    ) -> impl Iterator<Item = &'a ElectionRecord> {
        let end = match after {
            None => Some((
                Timestamp::from_ms(u64::MAX),
                ElectionId::new(Hash::from_bytes([0xff; 32])),
            )),
            Some(id) => self
                .by_id
                .get(&id)
                .map(|record| (record.created_at, record.id)),
        };
        let last = after.is_none();
        let ages = end.into_iter().flat_map(move |end| {
            ages.range(..=end)
                .rev()
                .filter(move |age| last || **age != end)
        });
        ages.map(|(_, id)| &*self.by_id[id])
    }

    /// By id, those whose id begins with these hexadecimal digits, of either case.
    pub(super) fn beginning<'a>(
        &'a self,
        digits: &str,
    ) -> impl Iterator<Item = &'a ElectionRecord> + use<'a> {
        let range = Hash::beginning(digits)
            .map(|(first, last)| ElectionId::new(first)..=ElectionId::new(last));
        range
            .into_iter()
            .flat_map(|range| self.by_id.range(range))
            .map(|(_, record)| &**record)
    }
}
