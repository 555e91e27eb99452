//! Ballots packed into little room: of a million that differ, each name takes two bytes.

use std::fmt;
use std::sync::Arc;

use crate::profile::Group;

/// Marks the last candidate of a rank.
const LAST: u16 = 1 << 15;
/// A rank of nobody. Places of candidates are below it.
const NOBODY: u16 = LAST - 1;

/// Fewer ballots are not looked through for equal ones before the end.
const MERGE_MIN: usize = 1 << 16;

/// Ballots, each with how many there are of it. A copy shares them.
#[derive(Clone, Default)]
pub struct PackedBallots(Arc<Store>);

#[derive(Clone, Default)]
struct Store {
    words: Vec<u16>,
    entries: Vec<Entry>,
    /// How many there were when equal ones were last put together.
    merged: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    count: u64,
    start: u32,
    line: u32,
    length: u16,
}

impl Entry {
    fn words<'a>(&self, words: &'a [u16]) -> &'a [u16] {
        &words[self.start as usize..][..self.length.into()]
    }
}

/// Equal ballots.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    /// How many.
    pub count: u64,
    /// The line of a file, from 1; 0 if they are from none.
    pub line: usize,
    /// The ranks, best first.
    pub ranks: Ranks<'a>,
}

impl Packed<'_> {
    /// The one candidate in the first rank that is not skipped; none if there are several, or none
    /// at all.
    pub fn first_choice(&self) -> Option<usize> {
        let mut first = self.ranks.iter().find(|rank| !rank.is_empty())?.iter();
        let one = first.next();
        if first.next().is_none() { one } else { None }
    }

    /// The same, not packed.
    pub fn group(&self) -> Group {
        Group {
            count: self.count,
            ranks: self
                .ranks
                .iter()
                .map(|rank| rank.iter().collect())
                .collect(),
        }
    }
}

/// The ranks of a ballot.
#[derive(Clone, Copy, Debug)]
pub struct Ranks<'a>(&'a [u16]);

impl<'a> Ranks<'a> {
    /// Each, best first.
    pub fn iter(self) -> impl Iterator<Item = Rank<'a>> {
        self.0.split_inclusive(|word| word & LAST != 0).map(Rank)
    }

    /// How many candidates are named.
    pub fn named(self) -> usize {
        self.0
            .iter()
            .filter(|word| **word & !LAST != NOBODY)
            .count()
    }
}

/// The candidates of a rank, by place; none if it is skipped.
#[derive(Clone, Copy, Debug)]
pub struct Rank<'a>(&'a [u16]);

impl<'a> Rank<'a> {
    /// Each, in the order of their places.
    pub fn iter(self) -> impl Iterator<Item = usize> + 'a {
        self.0
            .iter()
            .map(|word| word & !LAST)
            .filter(|place| *place != NOBODY)
            .map(usize::from)
    }

    /// How many there are.
    pub fn len(self) -> usize {
        if self.is_empty() { 0 } else { self.0.len() }
    }

    /// Whether it is skipped.
    pub fn is_empty(self) -> bool {
        self.0 == [NOBODY | LAST]
    }
}

impl PackedBallots {
    /// How many differ, or are not put together.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.0
            .entries
            .iter()
            .map(|entry| entry.count)
            .fold(0, u64::saturating_add)
    }

    /// Each, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Packed<'_>> + DoubleEndedIterator {
        self.0.entries.iter().map(|entry| self.packed(entry))
    }

    /// The one at a place.
    pub(crate) fn at(&self, place: usize) -> Packed<'_> {
        self.packed(&self.0.entries[place])
    }

    fn packed(&self, entry: &Entry) -> Packed<'_> {
        Packed {
            count: entry.count,
            line: entry.line as usize,
            ranks: Ranks(entry.words(&self.0.words)),
        }
    }

    /// Packs ballots, each with its line, in their order; none if one names a candidate twice, or
    /// there are more candidates or ballots than can be held (2^15, 2^32).
    pub fn pack(groups: impl IntoIterator<Item = (usize, Group)>) -> Option<Self> {
        let mut all = Self::default();
        let mut ballot = Ballot::default();
        for (line, group) in groups {
            ballot.clear();
            for rank in &group.ranks {
                let new = rank
                    .iter()
                    .all(|place| *place < NOBODY.into() && ballot.name(*place));
                if !new {
                    return None;
                }
                if rank.is_empty() {
                    ballot.skip_rank();
                } else {
                    ballot.close_rank();
                }
            }
            all.add(group.count, line, &ballot).ok()?;
        }
        Some(all)
    }

    /// Takes in a ballot, and from time to time puts equal ones together. There can be 2^32 names
    /// on them all.
    pub(crate) fn push(
        &mut self,
        count: u64,
        line: usize,
        ballot: &Ballot,
    ) -> Result<(), &'static str> {
        self.add(count, line, ballot)?;
        if self.len() >= MERGE_MIN.max(2 * self.0.merged) {
            self.merge();
        }
        Ok(())
    }

    fn add(&mut self, count: u64, line: usize, ballot: &Ballot) -> Result<(), &'static str> {
        const TOO_MANY: &str = "the file has more ballots than can be held";
        let Store { words, entries, .. } = Arc::make_mut(&mut self.0);
        let start = u32::try_from(words.len()).map_err(|_| TOO_MANY)?;
        let line = u32::try_from(line).map_err(|_| TOO_MANY)?;
        let length = u16::try_from(ballot.words().len()).map_err(|_| TOO_MANY)?;
        words.extend_from_slice(ballot.words());
        entries.push(Entry {
            count,
            start,
            line,
            length,
        });
        Ok(())
    }

    /// Puts equal ballots together, at the place of the first.
    pub(crate) fn merge(&mut self) {
        let Store {
            words,
            entries,
            merged,
        } = Arc::make_mut(&mut self.0);
        // Sorting numbers is faster than sorting ballots; what has the same number is compared.
        let mut order: Vec<_> = (0u32..)
            .zip(entries.iter())
            .map(|(at, entry)| (hash(entry.words(words)), at))
            .collect();
        order.sort_unstable();
        let mut gone = vec![false; entries.len()];
        for same_hash in order
            .chunk_by_mut(|a, b| a.0 == b.0)
            .filter(|same| same.len() > 1)
        {
            let ballot = |at: u32| entries[at as usize].words(words);
            same_hash.sort_unstable_by(|a, b| ballot(a.1).cmp(ballot(b.1)).then(a.1.cmp(&b.1)));
            let mut first = same_hash[0].1 as usize;
            for (_, at) in &same_hash[1..] {
                let at = *at as usize;
                if entries[first].words(words) == entries[at].words(words) {
                    entries[first].count = entries[first].count.saturating_add(entries[at].count);
                    gone[at] = true;
                } else {
                    first = at;
                }
            }
        }
        if gone.contains(&true) {
            let mut at = 0;
            entries.retain(|_| {
                at += 1;
                !gone[at - 1]
            });
            let mut packed =
                Vec::with_capacity(entries.iter().map(|entry| usize::from(entry.length)).sum());
            for entry in entries.iter_mut() {
                let start = u32::try_from(packed.len()).expect("no more words than before");
                packed.extend_from_slice(entry.words(words));
                entry.start = start;
            }
            *words = packed;
        }
        *merged = entries.len();
    }
}

/// A number that is the same for equal ballots, and seldom for others.
fn hash(words: &[u16]) -> u64 {
    words.iter().fold(0, |hash: u64, word| {
        (hash.rotate_left(5) ^ u64::from(*word)).wrapping_mul(0x517c_c1b7_2722_0a95)
    })
}

impl fmt::Debug for PackedBallots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|packed| (packed.line, packed.group())))
            .finish()
    }
}

impl PartialEq for PackedBallots {
    fn eq(&self, other: &Self) -> bool {
        let of = |packed: Packed<'_>| (packed.line, packed.count, packed.ranks.0.to_vec());
        self.iter().map(of).eq(other.iter().map(of))
    }
}

impl Eq for PackedBallots {}

/// A ballot while it is read.
#[derive(Default)]
pub(crate) struct Ballot {
    words: Vec<u16>,
    /// Where the open rank begins.
    rank: usize,
    /// The number of the ballot that named each candidate last.
    named: Vec<u32>,
    number: u32,
}

impl Ballot {
    /// Begins another one.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.rank = 0;
        self.number = self.number.wrapping_add(1);
        if self.number == 0 {
            self.named.clear();
            self.number = 1;
        }
    }

    /// Puts a candidate into the open rank; false if it was on the ballot before, which then stays
    /// as it is.
    pub(crate) fn name(&mut self, place: usize) -> bool {
        let new = self.see(place);
        if new {
            self.words.push(u16::try_from(place).expect("below NOBODY"));
        }
        new
    }

    /// Notes a candidate that the ballot does not rank; false if it was on the ballot before.
    pub(crate) fn see(&mut self, place: usize) -> bool {
        if self.named.len() <= place {
            self.named.resize(place + 1, 0);
        }
        std::mem::replace(&mut self.named[place], self.number) != self.number
    }

    /// Ends the open rank; an empty one leaves nothing.
    pub(crate) fn close_rank(&mut self) {
        self.words[self.rank..].sort_unstable();
        if self.words.len() > self.rank
            && let Some(last) = self.words.last_mut()
        {
            *last |= LAST;
        }
        self.rank = self.words.len();
    }

    /// Leaves a rank to nobody. That says something only if there is a candidate below.
    pub(crate) fn skip_rank(&mut self) {
        self.words.push(NOBODY | LAST);
        self.rank = self.words.len();
    }

    /// How many candidates it names.
    pub(crate) fn named(&self) -> usize {
        self.words
            .iter()
            .filter(|word| **word & !LAST != NOBODY)
            .count()
    }

    /// How many ranks it has, those of nobody aside.
    pub(crate) fn ranks(&self) -> usize {
        self.words
            .iter()
            .filter(|word| **word & LAST != 0 && **word & !LAST != NOBODY)
            .count()
    }

    /// What is to be kept of it.
    fn words(&self) -> &[u16] {
        let kept = self
            .words
            .iter()
            .rposition(|word| word & !LAST != NOBODY)
            .map_or(0, |last| last + 1);
        &self.words[..kept]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ballots_are_put_together_at_the_first_of_them() {
        let ranks: [Vec<Vec<usize>>; 4] = [
            vec![vec![1], vec![0]],
            vec![],
            vec![vec![0, 1]],
            vec![vec![], vec![1]],
        ];
        let lines = (1..).zip([0usize, 1, 0, 2, 3, 1, 0]);
        let groups = lines.map(|(line, which)| {
            (
                line,
                Group {
                    count: 2,
                    ranks: ranks[which].clone(),
                },
            )
        });
        let mut packed = PackedBallots::pack(groups).unwrap();
        let before = packed.clone();
        packed.merge();
        let found: Vec<_> = packed
            .iter()
            .map(|packed| (packed.line, packed.count, packed.group().ranks))
            .collect();
        let [first, second, third, fourth] = ranks;
        assert_eq!(
            found,
            [(1, 6, first), (2, 4, second), (4, 2, third), (5, 2, fourth)]
        );
        assert_eq!(
            (before.len(), before.total(), packed.total()),
            (7, 14, 14),
            "a copy stays as it was"
        );
    }
}
