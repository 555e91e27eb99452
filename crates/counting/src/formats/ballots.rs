//! Ballots packed into little room: of a million lines, equal ones together, each name two bytes.

use std::fmt;

use super::Line;
use crate::profile::Group;

/// Marks the last candidate of a rank. Places of candidates are below it.
const LAST: u16 = 1 << 15;

/// Fewer ballots are not looked through for equal ones before the end.
const MERGE_MIN: usize = 1 << 16;

/// Ballots, equal ones together, in the order of the first of each.
#[derive(Clone, Default)]
pub struct Ballots {
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

impl Ballots {
    /// How many differ.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.entries.iter().map(|entry| entry.count).fold(0, u64::saturating_add)
    }

    /// Each, once.
    pub fn iter(&self) -> impl Iterator<Item = Line> + '_ {
        self.entries.iter().map(|entry| {
            let ranks = entry.words(&self.words).split_inclusive(|word| word & LAST != 0);
            let ranks = ranks.map(|rank| rank.iter().map(|word| usize::from(word & !LAST)).collect()).collect();
            Line { group: Group { count: entry.count, ranks }, line: entry.line as usize }
        })
    }

    /// Packs ballots; none if one names a candidate twice, or there are more candidates or ballots than can be held (2^15, 2^32).
    pub fn pack(lines: impl IntoIterator<Item = Line>) -> Option<Self> {
        let mut all = Self::default();
        let mut ballot = Ballot::default();
        for Line { group, line } in lines {
            ballot.clear();
            for rank in &group.ranks {
                let new = rank.iter().all(|place| *place < LAST.into() && ballot.name(*place));
                if !new {
                    return None;
                }
                ballot.close_rank();
            }
            all.push(group.count, line, &ballot).ok()?;
        }
        all.merge();
        Some(all)
    }

    /// Takes in a ballot. There can be 2^32 names on them all.
    pub(super) fn push(&mut self, count: u64, line: usize, ballot: &Ballot) -> Result<(), &'static str> {
        const TOO_MANY: &str = "the file has more ballots than can be held";
        let start = u32::try_from(self.words.len()).map_err(|_| TOO_MANY)?;
        let line = u32::try_from(line).map_err(|_| TOO_MANY)?;
        let length = u16::try_from(ballot.words.len()).map_err(|_| TOO_MANY)?;
        self.words.extend_from_slice(&ballot.words);
        self.entries.push(Entry { count, start, line, length });
        if self.entries.len() >= MERGE_MIN.max(2 * self.merged) {
            self.merge();
        }
        Ok(())
    }

    /// Puts equal ballots together.
    pub(super) fn merge(&mut self) {
        let words = &self.words;
        self.entries.sort_unstable_by(|a, b| a.words(words).cmp(b.words(words)).then(a.line.cmp(&b.line)));
        self.entries.dedup_by(|later, first| {
            let equal = later.words(words) == first.words(words);
            if equal {
                first.count = first.count.saturating_add(later.count);
            }
            equal
        });
        self.entries.sort_unstable_by_key(|entry| (entry.line, entry.start));
        let mut packed = Vec::with_capacity(self.entries.iter().map(|entry| usize::from(entry.length)).sum());
        for entry in &mut self.entries {
            let start = u32::try_from(packed.len()).expect("no more words than before");
            packed.extend_from_slice(entry.words(words));
            entry.start = start;
        }
        self.words = packed;
        self.merged = self.entries.len();
    }
}

impl fmt::Debug for Ballots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Ballots {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Ballots {}

/// A ballot while it is read.
#[derive(Default)]
pub(super) struct Ballot {
    words: Vec<u16>,
    /// Where the open rank begins.
    rank: usize,
    /// The number of the ballot that named each candidate last.
    named: Vec<u32>,
    number: u32,
}

impl Ballot {
    /// Begins another one.
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.rank = 0;
        self.number = self.number.wrapping_add(1);
        if self.number == 0 {
            self.named.clear();
            self.number = 1;
        }
    }

    /// Puts a candidate into the open rank; false if it was on the ballot before, which then stays as it is.
    pub(super) fn name(&mut self, place: usize) -> bool {
        let new = self.see(place);
        if new {
            self.words.push(u16::try_from(place).expect("below LAST"));
        }
        new
    }

    /// Notes a candidate that the ballot does not rank; false if it was on the ballot before.
    pub(super) fn see(&mut self, place: usize) -> bool {
        if self.named.len() <= place {
            self.named.resize(place + 1, 0);
        }
        std::mem::replace(&mut self.named[place], self.number) != self.number
    }

    /// Ends the open rank; an empty one leaves nothing.
    pub(super) fn close_rank(&mut self) {
        self.words[self.rank..].sort_unstable();
        if self.words.len() > self.rank
            && let Some(last) = self.words.last_mut()
        {
            *last |= LAST;
        }
        self.rank = self.words.len();
    }

    /// How many candidates it names.
    pub(super) const fn named(&self) -> usize {
        self.words.len()
    }

    /// How many ranks it has.
    pub(super) fn ranks(&self) -> usize {
        self.words.iter().filter(|word| **word & LAST != 0).count()
    }
}
