//! Tables with a column for each rank, and names of candidates in the cells.

use std::collections::{BTreeMap, BTreeSet};

use super::{Body, Row, Rows, contest};
use crate::formats::cell::unguarded;
use crate::formats::{
    CANDIDATES_MAX, File, FormatError, Options, Parsed, Repeated, candidates, count, fault, name,
    note_capitals, quoted,
};
use crate::packed::{Ballot, PackedBallots};

/// Words in cells that name nobody.
const NOBODY: &[&str] = &["undervote", "skipped", "skipped rank", "no vote", "blank"];
/// What people write to name nobody. Read as blank, with a note: it could be a candidate after all.
const BLANK: &[&str] = &[
    "n/a",
    "#n/a",
    "none",
    "(none)",
    "(blank)",
    "(empty)",
    "empty",
    "no candidate",
    "no preference",
    "no choice",
    "no answer",
    "no response",
    "no selection",
    "not ranked",
    "unranked",
    "nobody",
    "no one",
    "abstain",
    "abstained",
    "abstention",
    "keine",
    "keiner",
    "keine angabe",
    "enthaltung",
    "leer",
    "abstenci\u{f3}n",
    "en blanco",
    "aucun",
    "vide",
    "spoilt",
    "spoiled",
    "invalid",
    "void",
    "ung\u{fc}ltig",
    "nul",
    "nulo",
];
/// The same as programs write it; in other letters, these are people's names.
const BLANK_EXACTLY: &[&str] = &["NA", "NULL", "null", "NaN", "nan", "nil", "NIL"];
/// Different ones of these that a note shows.
const SHOWN: usize = 5;
/// Signs between several names in a cell.
const SEVERAL: &[char] = &[',', ';', '/', '|', '&', '+', '\n'];

/// Signs with which no name ends, as it may with others: `C++`.
const NO_END: &[char] = &[',', ';', '|'];

/// The names in a cell that ends with the sign between them: `Ash;Birch;`, as forms write several
/// answers to one question.
fn answers(cell: &str) -> Option<Vec<&str>> {
    let sign = cell.chars().next_back()?;
    if !SEVERAL.contains(&sign) {
        return None;
    }
    let names: Vec<_> = cell
        .split(sign)
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let is_list = names.len() > 1 || (names.len() == 1 && NO_END.contains(&sign));
    is_list.then_some(names)
}

/// Whether a cell names nobody, in words that are no scanner's.
fn is_blank(cell: &str) -> bool {
    cell.chars()
        .all(|c| c.is_ascii_punctuation() || "–—…".contains(c) || c.is_whitespace())
        || BLANK_EXACTLY.contains(&cell)
        || BLANK.contains(&cell.to_lowercase().as_str())
}

/// Whether a cell names nobody, in the words of scanners.
fn is_nobody(cell: &str) -> bool {
    NOBODY.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

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
    /// Columns of which it is not known what they say.
    pub(super) unknown: Vec<(usize, String)>,
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
            let reason =
                format!("{cell} stands in the column of a rank, where a candidate's name should");
            return Err(fault(line, reason));
        }
        if cell.contains('>') {
            let reason = format!(
                "\"{cell}\" looks like a whole ranking in one cell: a cell names one candidate; as lines 10:A>B>C, such ballots are ABIF (.abif)"
            );
            return Err(fault(line, reason));
        }
        let place = self.names.len();
        if place == CANDIDATES_MAX {
            return Err(fault(
                line,
                format!("more than {CANDIDATES_MAX} candidates"),
            ));
        }
        self.names.push((line, name(line, unguarded(cell))?));
        self.places.insert(cell.to_owned(), place);
        Ok(place)
    }

    /// Refuses a cell with several names, each of which stands alone in another cell.
    fn check_single(&self) -> Result<(), FormatError> {
        let alone: BTreeSet<String> = self.places.keys().map(|cell| cell.to_lowercase()).collect();
        let mut joined = BTreeMap::new();
        for (cell, place) in &self.places {
            let lower = cell.to_lowercase();
            let parts: Vec<_> = lower
                .split(SEVERAL)
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .collect();
            let mut sorted: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            sorted.sort_unstable();
            if let Some(other) = joined.insert(sorted, place).filter(|_| parts.len() > 1) {
                let (line, name) = &self.names[*place.max(other)];
                let reason = format!(
                    "\"{name}\" stands in one cell, and the same names stand otherwise in another: a cell names one candidate"
                );
                return Err(fault(*line, reason));
            }
            let known: Vec<_> = parts.iter().filter(|part| alone.contains(**part)).collect();
            let is_list = cell.contains([',', ';']) && !known.is_empty();
            if parts.len() > 1 && (is_list || known.len() == parts.len()) {
                let (line, name) = &self.names[*place];
                let which = if known.len() == parts.len() {
                    "each"
                } else {
                    "one"
                };
                let reason = format!(
                    "\"{name}\" stands in one cell, and {which} of these is a candidate elsewhere: a cell names one candidate"
                );
                return Err(fault(*line, reason));
            }
        }
        Ok(())
    }
}

/// A column of which it is not known what it says, while its cells are read.
struct Unknown {
    at: usize,
    name: String,
    /// There are cells with content, and each is a number.
    is_numbers: Option<bool>,
}

impl Unknown {
    fn see(&mut self, cell: &str) {
        if !cell.is_empty() && self.is_numbers != Some(false) {
            let number = cell.starts_with(|c: char| c.is_ascii_digit())
                && cell.replace(',', ".").parse::<f64>().is_ok();
            self.is_numbers = Some(number);
        }
    }
}

impl Ranks {
    pub(super) fn read(
        self,
        body: &mut Body<'_, impl Rows>,
        options: &Options,
    ) -> Result<Parsed, FormatError> {
        if options.scores {
            return Err(fault(
                self.line,
                "the columns are ranks, with names in their cells: leave --scores out",
            ));
        }
        body.columns = self.cells;
        let titles: Vec<_> = self
            .contests
            .iter()
            .map(|contest| contest.title.clone())
            .collect();
        let Contest { title, columns } = &self.contests[contest(self.line, &titles, options)?];
        let mut row = Row::default();
        let mut found = Found::default();
        let mut ballots = PackedBallots::default();
        let mut ballot = Ballot::default();
        let mut without = Repeated::default();
        let mut overvotes = Repeated::default();
        let mut again = Repeated::default();
        let mut blanks = Repeated::default();
        let mut blank_words = BTreeSet::new();
        let mut lists = Repeated::default();
        let mut list = None;
        let unknown = self.unknown.iter().map(|(at, name)| Unknown {
            at: *at,
            name: name.clone(),
            is_numbers: None,
        });
        let mut unknown: Vec<_> = unknown.collect();
        while body.next(&mut row)? {
            if self.blank_is_no_ballot && columns.iter().all(|at| row.get(*at).is_empty()) {
                without.see(row.line);
                continue;
            }
            let times = self
                .count
                .map_or(Ok(1), |at| count(row.line, row.get(at)))?;
            if self.count.is_some() {
                let is_blank = columns.iter().all(|at| row.get(*at).is_empty());
                body.see_count(row.line, times, is_blank);
            }
            for column in &mut unknown {
                column.see(row.get(column.at));
            }
            ballot.clear();
            for whole in columns.iter().map(|at| row.get(*at)) {
                let names = answers(whole);
                let cell = match names.as_deref() {
                    Some([only]) => only,
                    _ => whole,
                };
                if cell.eq_ignore_ascii_case(OVERVOTE) {
                    overvotes.see(row.line);
                    ballot.skip_rank();
                } else if cell.is_empty() || is_nobody(cell) {
                    ballot.skip_rank();
                } else if is_blank(cell) {
                    blanks.see(row.line);
                    if blank_words.len() < SHOWN {
                        blank_words.insert(cell.to_owned());
                    }
                    ballot.skip_rank();
                } else if let Some(names) = names.filter(|names| names.len() > 1) {
                    lists.see(row.line);
                    list.get_or_insert_with(|| cell.to_owned());
                    for name in names {
                        if is_nobody(name) || is_blank(name) || name.eq_ignore_ascii_case(OVERVOTE)
                        {
                            let reason = format!(
                                "{cell:?} names somebody, and with {name:?} nobody: which is meant?"
                            );
                            return Err(fault(row.line, reason));
                        }
                        if !ballot.name(found.place(row.line, name)?) {
                            again.see(row.line);
                        }
                    }
                    ballot.close_rank();
                } else {
                    if !ballot.name(found.place(row.line, cell)?) {
                        again.see(row.line);
                    }
                    ballot.close_rank();
                }
            }
            ballots
                .push(times, row.line, &ballot)
                .map_err(|reason| fault(row.line, reason))?;
        }
        if let Some(column) = unknown
            .iter()
            .find(|column| column.is_numbers == Some(true))
        {
            let reason = format!(
                "the column \"{}\" has numbers in its cells: if it says how many ballots a row is, call it \"count\", if not \"id\"",
                column.name
            );
            return Err(fault(self.line, reason));
        }
        found.check_single()?;
        let notes = &mut body.notes;
        let names = quoted(found.names.iter().map(|(_, name)| name.as_str()));
        notes.add(
            self.line,
            format!(
                "the candidates are those whom the ballots name: {} ({names})",
                found.names.len()
            ),
        );
        note_capitals(&found.names, notes);
        let words = quoted(blank_words.iter().map(String::as_str));
        notes.repeated(blanks, |times| {
            format!("cells such as {words} name nobody, and are read as blank; there are {times}")
        });
        notes.repeated(without, |times| {
            format!("records without this contest are no ballots; there are {times}")
        });
        notes.repeated(overvotes, |times| {
            format!("an overvote does not say for whom, and is read as a skipped rank; there are {times}")
        });
        let list = list.unwrap_or_default();
        notes.repeated(lists, |times| {
            format!(
                "cells such as {list:?} name several, who are equal at that rank; there are {times}"
            )
        });
        notes.repeated(again, |times| {
            format!(
                "a candidate who is on a ballot twice counts at the first rank; there are {times}"
            )
        });
        let title = if title.is_empty() {
            self.title
        } else {
            title.clone()
        };
        let file = File {
            title,
            candidates: candidates(found.names)?,
            seats: 1,
            withdrawn: Vec::new(),
            ballots,
        };
        Ok(Parsed {
            file,
            notes: Vec::new(),
            scores: None,
        })
    }
}
