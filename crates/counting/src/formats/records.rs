//! Cast vote records of scanners as JSON: one ballot a record, read one at a time.

mod document;
mod dominion;
mod nist;

use std::fmt;

use serde::de::DeserializeOwned;

use super::ids::Ids;
use super::{CANDIDATES_MAX, File, FormatError, Notes, Parsed, candidates, fault, name};
use crate::packed::{Ballot, PackedBallots};

pub use dominion::{DOMINION_CANDIDATES, DOMINION_CONTESTS, Dominion};
pub use nist::read_cast_vote_records;

/// A contest as a file lists it.
#[derive(Clone, Debug)]
struct Contest<Id> {
    id: Id,
    title: String,
    seats: usize,
    candidates: Vec<(Id, String)>,
}

/// The ballots of a contest while records are read.
struct Records<Id> {
    contest: Contest<Id>,
    ballots: PackedBallots,
    ballot: Ballot,
    /// The rank and the place of each candidate who is marked.
    marks: Vec<(u64, usize)>,
    records: usize,
    /// Records without the contest, those with a candidate at several ranks, and those that are not
    /// in force.
    without: u64,
    again: u64,
    replaced: u64,
    /// Records whose marks do not count by the rules of the contest, and marks that are said to be
    /// no votes.
    invalidated: u64,
    no_votes: u64,
    /// Marks of which somebody has yet to say whether they are votes.
    undecided: u64,
    /// What may be no marks.
    unclear: u64,
    /// Marks that people have found to be no votes.
    adjudicated: u64,
    /// Records and marks with a status that is not asked for.
    left_out: u64,
    ids: Ids,
}

impl<Id> Records<Id> {
    fn new(contest: Contest<Id>) -> Self {
        Self {
            contest,
            ballots: PackedBallots::default(),
            ballot: Ballot::default(),
            marks: Vec::new(),
            records: 0,
            without: 0,
            again: 0,
            replaced: 0,
            invalidated: 0,
            no_votes: 0,
            undecided: 0,
            unclear: 0,
            adjudicated: 0,
            left_out: 0,
            ids: Ids::default(),
        }
    }

    /// Marks a candidate, and says whether that is new; equal candidates have the same rank. Without
    /// ranks it is 0 for all.
    fn mark<Name: fmt::Display + ?Sized>(
        &mut self,
        rank: u64,
        candidate: &Name,
    ) -> Result<bool, String>
    where
        Id: PartialEq<Name>,
    {
        let place = self
            .contest
            .candidates
            .iter()
            .position(|(id, _)| id == candidate);
        let place = place.ok_or_else(|| {
            format!(
                "record {}: {candidate} is no candidate of the contest",
                self.records + 1
            )
        })?;
        let is_new = !self.marks.contains(&(rank, place));
        self.marks.push((rank, place));
        Ok(is_new)
    }

    /// Ends a record, which has the contest or not.
    fn end(&mut self, has_contest: bool) -> Result<(), String> {
        self.records += 1;
        if !has_contest {
            self.without += 1;
            return Ok(());
        }
        self.marks.sort_unstable();
        if let [(0, _), .., (1.., _)] = self.marks[..] {
            return Err(format!(
                "record {} has marks with a Rank and without one, or 0: which comes first?",
                self.records
            ));
        }
        self.ballot.clear();
        let mut twice = false;
        let mut next = 1;
        for rank in self.marks.chunk_by(|a, b| a.0 == b.0) {
            let skipped = rank[0].0.saturating_sub(next).min(CANDIDATES_MAX as u64);
            (0..skipped).for_each(|_| self.ballot.skip_rank());
            next = rank[0].0.saturating_add(1);
            for (_, place) in rank {
                twice |= !self.ballot.name(*place);
            }
            self.ballot.close_rank();
        }
        self.marks.clear();
        self.again += u64::from(twice);
        self.ballots
            .push(1, self.records, &self.ballot)
            .map_err(str::to_owned)
    }

    /// Ends a record that does not count.
    fn leave_out(&mut self) {
        self.records += 1;
        self.left_out += 1;
        self.marks.clear();
    }

    fn finish(mut self) -> Result<Parsed, FormatError> {
        let mut notes = Notes::default();
        for (times, what) in [
            (
                self.without,
                "records without this contest are no ballots; there are",
            ),
            (
                self.again,
                "a candidate who is on a ballot twice counts at the first rank; there are",
            ),
            (
                self.invalidated,
                "records whose contest is invalidated by its rules are blank ballots; there are",
            ),
            (
                self.no_votes,
                "marks with NumberVotes 0 are read like others; there are",
            ),
            (
                self.undecided,
                "marks and records that wait for a decision (IsAllocable unknown, needs-adjudication) are read as votes; there are",
            ),
            (
                self.unclear,
                "marks that may be none (HasIndication unknown) are not read; there are",
            ),
            (
                self.adjudicated,
                "marks with the status adjudicated are no votes; there are",
            ),
            (
                self.left_out,
                "records and marks with another status than those of --status are not counted; there are",
            ),
            (
                self.replaced,
                "records that are not in force, and for which no other is, are no ballots; there are",
            ),
        ] {
            if times > 0 {
                notes.add(1, format!("{what} {times}"));
            }
        }
        let Contest {
            title,
            seats,
            candidates: listed,
            ..
        } = self.contest;
        if listed.len() > CANDIDATES_MAX {
            return Err(fault(
                1,
                format!("{} candidates; 1 to {CANDIDATES_MAX} can be", listed.len()),
            ));
        }
        let named = listed
            .into_iter()
            .map(|(_, text)| Ok((1, name(1, &text)?)))
            .collect::<Result<_, _>>()?;
        self.ballots.merge();
        let title = if title.is_empty() {
            title
        } else {
            name(1, &title)?
        };
        let file = File {
            title,
            candidates: candidates(named)?,
            seats,
            withdrawn: Vec::new(),
            ballots: self.ballots,
        };
        Ok(Parsed {
            file,
            notes: notes.into(),
            scores: None,
        })
    }
}

/// Why a record is refused that has the contest twice: a ballot has it once.
fn twice<Id>(records: &Records<Id>) -> String {
    format!("record {} has the contest twice", records.records + 1)
}

/// Reads a document of a known shape.
fn document<T: DeserializeOwned>(source: impl std::io::Read) -> Result<T, FormatError> {
    serde_json::from_reader(source).map_err(|error| refused(&error))
}

/// What the reader of JSON says, and where.
fn refused(error: &serde_json::Error) -> FormatError {
    let words = error.to_string();
    let reason = words.split(" at line ").next().unwrap_or(&words).to_owned();
    fault(error.line().max(1), reason)
}
