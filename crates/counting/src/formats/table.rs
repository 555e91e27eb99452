//! Ballots in tables, whatever the table was opened from: a text, a spreadsheet, the records of
//! scanners.
//!
//! | header | a row is |
//! |---|---|
//! | `count,Ash,Birch` | equal ballots: the rank of each candidate, and how many; without `count` one ballot |
//! | `Voter,Rank 1,Rank 2` | one ballot: the candidate in each rank |
//! | `Cast Vote Record,Precinct,Ballot Style,Mayor 1st Choice,..` | a record of an ES&S scanner |
//! | four lines, the last from `CvrNumber` on | a record of a Dominion scanner: a column for each candidate, or for each rank of each |

mod dominion;
mod header;
mod matrix;
mod ranks;
mod watched;

use super::{FormatError, Notes, Options, Parsed, Repeated, check_total, fault};
use crate::names::look;
use header::Header;
use watched::Watched;

pub(super) use header::{candidate_header, is_special};
pub(super) use matrix::asked_about;

/// A row of a table.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its line, from 1.
    pub line: usize,
    text: String,
    ends: Vec<usize>,
}

impl Row {
    /// Begins another row.
    pub fn clear(&mut self, line: usize) {
        self.line = line;
        self.text.clear();
        self.ends.clear();
    }

    /// Adds a cell; spaces around its text do not count.
    pub fn push(&mut self, cell: &str) {
        self.text.push_str(cell.trim());
        self.ends.push(self.text.len());
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A cell, by place; without text if there is none.
    pub fn get(&self, at: usize) -> &str {
        let Some(end) = self.ends.get(at) else {
            return "";
        };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..*end]
    }

    /// All cells.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Whether no cell has any text.
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// A table that is read row by row.
pub trait Rows {
    /// Reads the next row that is there at all; false at the end.
    ///
    /// # Errors
    /// [`FormatError`] if it cannot be read.
    fn next(&mut self, row: &mut Row) -> Result<bool, FormatError>;
}

/// Reads ballots from a table.
///
/// # Errors
/// [`FormatError`] names the first row that does not fit.
pub fn read(rows: &mut impl Rows, options: &Options) -> Result<Parsed, FormatError> {
    let mut row = Row::default();
    let mut body = Body {
        rows,
        columns: 0,
        blank: Repeated::default(),
        counted: 0,
        counts: 0,
        notes: Notes::default(),
        watched: Watched::default(),
    };
    if !body.rows.next(&mut row)? {
        return Err(fault(1, "the file is empty"));
    }
    let header = row.line;
    let mut parsed = if dominion::is_title(&row) {
        body.watched.ask(header, options)?;
        dominion::read(&mut body, row, options)?
    } else {
        let read = Header::read(&row, &mut body.notes, &mut body.watched)?;
        body.watched.ask(header, options)?;
        match read {
            Header::Matrix(matrix) => matrix.read(&mut body, options)?,
            Header::Ranks(ranks) => ranks.read(&mut body, options)?,
        }
    };
    let blank = body.blank;
    body.notes.repeated(blank, |times| {
        format!("rows without content are no ballots; there are {times}")
    });
    body.watched.end(&mut body.notes)?;
    parsed.notes = body.notes.into();
    parsed.file.ballots.merge();
    check_total(&parsed.file.ballots)?;
    Ok(parsed)
}

/// The rows below a header.
struct Body<'a, R> {
    rows: &'a mut R,
    /// How many cells the header has.
    columns: usize,
    blank: Repeated,
    /// What the column of counts says so far, and on how many rows.
    counted: u64,
    counts: u64,
    notes: Notes,
    watched: Watched,
}

impl<R: Rows> Body<'_, R> {
    /// Takes note of a row's count, which may be the total of those before if nobody is ranked.
    fn see_count(&mut self, line: usize, count: u64, is_blank: bool) {
        if is_blank && self.counts >= 2 && count == self.counted {
            let text = format!(
                "{count} ballots rank nobody, as many as all rows before have: if that is a total, delete the row"
            );
            self.notes.add(line, text);
        }
        self.counted = self.counted.saturating_add(count);
        self.counts += 1;
    }

    /// The next row with content that counts; it has a cell for each column.
    fn next(&mut self, row: &mut Row) -> Result<bool, FormatError> {
        loop {
            if !self.rows.next(row)? {
                self.watched.all_seen()?;
                return Ok(false);
            }
            if row.is_blank() {
                self.blank.see(row.line);
                continue;
            }
            let mut filled = row.cells().filter(|cell| !cell.is_empty());
            if let (Some(only), None) = (filled.next(), filled.next())
                && header::is_total(only)
            {
                let reason = format!(
                    "\"{only}\" looks like a total below the ballots, and is the whole row: delete it"
                );
                return Err(fault(row.line, reason));
            }
            let more = (self.columns..row.len()).any(|at| !row.get(at).is_empty());
            if more || row.len() < self.columns {
                let (cells, columns) = (row.len(), self.columns);
                return Err(fault(
                    row.line,
                    format!("{cells} cells, where the header has {columns}"),
                ));
            }
            if self.watched.counts(row)? {
                return Ok(true);
            }
        }
    }
}

/// Which contest of a file is meant.
///
/// # Errors
/// [`FormatError`] lists them, if it is not plain.
pub(super) fn contest(
    at: usize,
    contests: &[String],
    options: &Options,
) -> Result<usize, FormatError> {
    let list = || {
        (1..)
            .zip(contests)
            .map(|(number, name)| format!("\n  {number}  {name}"))
            .collect::<String>()
    };
    match (&options.contest, contests) {
        (None, [_]) => Ok(0),
        (None, _) => Err(fault(
            at,
            format!(
                "{} contests: say which, with --contest:{}",
                contests.len(),
                list()
            ),
        )),
        (Some(wanted), _) => {
            let named = contests
                .iter()
                .position(|name| look(name).to_lowercase() == look(wanted).to_lowercase());
            let numbered = wanted
                .parse()
                .ok()
                .filter(|number| (1..=contests.len()).contains(number))
                .map(|number: usize| number - 1);
            named.or(numbered).ok_or_else(|| {
                fault(
                    at,
                    format!("there is no contest {wanted:?}; there are:{}", list()),
                )
            })
        }
    }
}

#[cfg(test)]
mod tests;
