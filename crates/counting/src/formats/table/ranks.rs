//! Tables with a column for each rank, and names of candidates in the cells.

use std::collections::BTreeMap;

use super::{Body, Row, Rows, contest};
use crate::formats::cell::unguarded;
use crate::formats::{CANDIDATES_MAX, File, FormatError, Options, Parsed, Repeated, candidates, count, fault, name};
use crate::packed::{Ballot, PackedBallots};

/// Words in cells that name nobody.
const NOBODY: &[&str] = &["undervote", "skipped", "skipped rank", "no vote", "blank"];
/// The word for several marks in a rank; whose, a file does not say.
const OVERVOTE: &str = "overvote";

/// Such a table.
pub(super) struct Ranks {
    /// Where the header is.
    pub(super) line: usize,
    pub(super) cells: usize,
    pub(super) count: Option<usize>,
    pub(super) title: String,
    pub(super) contests: Vec<Contest>,
    /// A row without anything in a contest's cells is of a ballot without that contest.
    pub(super) blank_is_no_ballot: bool,
}

/// A contest, and the columns of its ranks.
pub(super) struct Contest {
    pub(super) title: String,
    pub(super) columns: Vec<usize>,
}

/// Candidates as they turn up.
#[derive(Default)]
struct Found {
    places: BTreeMap<String, usize>,
    names: Vec<(usize, String)>,
}

impl Found {
    fn place(&mut self, line: usize, cell: &str) -> Result<usize, FormatError> {
        if let Some(place) = self.places.get(cell) {
            return Ok(*place);
        }
        if cell.bytes().all(|byte| byte.is_ascii_digit()) {
            let reason = format!("{cell} stands in the column of a rank, where a candidate's name should");
            return Err(fault(line, reason));
        }
        let place = self.names.len();
        if place == CANDIDATES_MAX {
            return Err(fault(line, format!("more than {CANDIDATES_MAX} candidates")));
        }
        self.names.push((line, name(line, unguarded(cell))?));
        self.places.insert(cell.to_owned(), place);
        Ok(place)
    }
}

impl Ranks {
    pub(super) fn read(self, body: &mut Body<'_, impl Rows>, options: &Options) -> Result<Parsed, FormatError> {
        if options.scores {
            return Err(fault(self.line, "the columns are ranks, with names in their cells: leave --scores out"));
        }
        body.columns = self.cells;
        let titles: Vec<_> = self.contests.iter().map(|contest| contest.title.clone()).collect();
        let Contest { title, columns } = &self.contests[contest(self.line, &titles, options)?];
        let mut row = Row::default();
        let mut found = Found::default();
        let mut ballots = PackedBallots::default();
        let mut ballot = Ballot::default();
        let mut without = Repeated::default();
        let mut overvotes = Repeated::default();
        let mut again = Repeated::default();
        while body.next(&mut row)? {
            if self.blank_is_no_ballot && columns.iter().all(|at| row.get(*at).is_empty()) {
                without.see(row.line);
                continue;
            }
            let times = self.count.map_or(Ok(1), |at| count(row.line, row.get(at)))?;
            ballot.clear();
            for cell in columns.iter().map(|at| row.get(*at)) {
                if cell.eq_ignore_ascii_case(OVERVOTE) {
                    overvotes.see(row.line);
                    ballot.skip_rank();
                } else if cell.is_empty() || NOBODY.iter().any(|word| cell.eq_ignore_ascii_case(word)) {
                    ballot.skip_rank();
                } else {
                    if !ballot.name(found.place(row.line, cell)?) {
                        again.see(row.line);
                    }
                    ballot.close_rank();
                }
            }
            ballots.push(times, row.line, &ballot).map_err(|reason| fault(row.line, reason))?;
        }
        let notes = &mut body.notes;
        notes.add(self.line, format!("the candidates are those whom the ballots name: {}", found.names.len()));
        notes.repeated(without, |times| format!("records without this contest are no ballots; there are {times}"));
        notes.repeated(overvotes, |times| {
            format!("an overvote does not say for whom, and is read as a skipped rank; there are {times}")
        });
        notes.repeated(again, |times| {
            format!("a candidate who is on a ballot twice counts at the first rank; there are {times}")
        });
        let title = if title.is_empty() { self.title } else { title.clone() };
        let file = File { title, candidates: candidates(found.names)?, seats: 1, withdrawn: Vec::new(), ballots };
        Ok(Parsed { file, notes: Vec::new() })
    }
}
