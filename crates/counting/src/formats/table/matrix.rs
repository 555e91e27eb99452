//! Tables with a column for each candidate, and ranks or scores in the cells.

use std::collections::BTreeMap;

use super::header::rank_cell;
use super::{Body, Row, Rows, contest};
use crate::formats::{
    CANDIDATES_MAX, File, FormatError, Options, Parsed, candidates, count, fault, quoted,
};
use crate::packed::{Ballot, PackedBallots};

/// Such a table.
pub(super) struct Matrix {
    /// Where the header is.
    pub(super) line: usize,
    pub(super) cells: usize,
    /// The column that says how many ballots a row is.
    pub(super) count: Option<usize>,
    pub(super) contests: Vec<Grid>,
}

/// A contest.
#[derive(Clone, Default)]
pub(super) struct Grid {
    pub(super) title: String,
    /// The column of each candidate, the name, and whether an apostrophe says that it is one.
    pub(super) columns: Vec<usize>,
    pub(super) candidates: Vec<String>,
    pub(super) named: Vec<bool>,
}

impl Matrix {
    /// The contest that is meant, and its candidates.
    fn contest(&self, options: &Options) -> Result<Grid, FormatError> {
        let titles: Vec<_> = self
            .contests
            .iter()
            .map(|contest| contest.title.clone())
            .collect();
        let mut grid = match self.contests.as_slice() {
            [] => Grid::default(),
            [_] if options.contest.is_some() => {
                return Err(fault(1, "the table has one contest: leave --contest out"));
            }
            contests => contests[contest(self.line, &titles, options)?].clone(),
        };
        let found = grid.candidates.len();
        if found == 0 || found > CANDIDATES_MAX {
            return Err(fault(
                self.line,
                format!("{found} candidates; 1 to {CANDIDATES_MAX} can be"),
            ));
        }
        grid.candidates = candidates(
            grid.candidates
                .into_iter()
                .map(|name| (self.line, name))
                .collect(),
        )?;
        Ok(grid)
    }

    pub(super) fn read(
        self,
        body: &mut Body<'_, impl Rows>,
        options: &Options,
    ) -> Result<Parsed, FormatError> {
        let Grid {
            title,
            columns,
            mut candidates,
            named,
        } = self.contest(options)?;
        if options.scores {
            // A column of ages is like one of scores.
            let names = quoted(candidates.iter().map(String::as_str));
            body.notes.add(
                self.line,
                format!(
                    "each of these columns is read as the scores of a candidate: {names}; call one that is none \"id\""
                ),
            );
        }
        body.columns = self.cells;
        let mut row = Row::default();
        let mut ballots = PackedBallots::default();
        let mut ballot = Ballot::default();
        let mut ranked = Vec::new();
        let mut sums = BTreeMap::new();
        // The first row that ranks anybody, until there is a first rank somewhere.
        let mut without_first = None;
        let mut has_first = false;
        let mut rows = 0u64;
        // Columns that may say something else in every row so far.
        let mut hidden: Vec<usize> = (0..columns.len()).collect();
        let mut scores = Scores::new(if options.scores { columns.len() } else { 0 });
        while body.next(&mut row)? {
            let times = self
                .count
                .map_or(Ok(1), |at| count(row.line, row.get(at)))?;
            ranked.clear();
            for (place, at) in columns.iter().enumerate() {
                let cell = row.get(*at);
                if !cell.is_empty() {
                    let key = if options.scores {
                        score(row.line, cell)?
                    } else {
                        Some(rank(row.line, cell, candidates.len())?)
                    };
                    ranked.extend(key.map(|key| (key, place)));
                }
            }
            if self.count.is_some() {
                body.see_count(row.line, times, ranked.is_empty());
            }
            scores.see(ranked.iter().map(|(key, place)| (*place, u64::MAX - key)));
            if options.sums {
                let count: &mut u64 = sums
                    .entry(scores_of(row.line, &ranked, columns.len())?)
                    .or_default();
                *count = count
                    .checked_add(times)
                    .ok_or_else(|| fault(row.line, "too many ballots"))?;
            }
            ranked.sort_unstable();
            has_first |= options.scores || ranked.first().is_some_and(|(rank, _)| *rank == 1);
            if !ranked.is_empty() {
                without_first.get_or_insert(row.line);
            }
            rows += 1;
            hidden.retain(|place| hides_a_number(&ranked, *place, rows));
            ballot.clear();
            let mut next = 1;
            for rank in ranked.chunk_by(|a, b| a.0 == b.0) {
                if !options.scores {
                    (next..rank[0].0).for_each(|_| ballot.skip_rank());
                    next = rank[0].0 + 1;
                }
                for (_, place) in rank {
                    ballot.name(*place);
                }
                ballot.close_rank();
            }
            ballots
                .push(times, row.line, &ballot)
                .map_err(|reason| fault(row.line, reason))?;
        }
        if let Some(line) = without_first.filter(|_| !has_first) {
            return Err(fault(
                line,
                "no ballot has a first rank, 1: if the numbers are scores, say --scores",
            ));
        }
        for place in scores.unlike_others().filter(|place| !named[*place]) {
            let name = &candidates[place];
            let Some(candidate) = name.strip_prefix('\'').map(str::to_owned) else {
                let reason = format!(
                    "the numbers of \"{name}\" are not like the other scores: if they say something else, call the column \"count\" or \
                     \"id\"; if it is a candidate, put an apostrophe before the name"
                );
                return Err(fault(self.line, reason));
            };
            if !candidates.contains(&candidate) {
                candidates[place] = candidate;
            }
        }
        if self.count.is_none() && rows >= HIDING_MIN {
            for place in hidden.into_iter().filter(|place| !named[*place]) {
                let name = &candidates[place];
                let Some(candidate) = name.strip_prefix('\'').map(str::to_owned) else {
                    let reason = format!(
                        "without the column {name:?}, every row is a whole ranking: if it says how many ballots a row is, or which, call it \
                         \"count\" or \"id\"; if it is a candidate, put an apostrophe before the name"
                    );
                    return Err(fault(self.line, reason));
                };
                if !candidates.contains(&candidate) {
                    candidates[place] = candidate;
                }
            }
        }
        let file = File {
            title,
            candidates,
            seats: 1,
            withdrawn: Vec::new(),
            ballots,
        };
        let scores = options.sums.then(|| {
            sums.into_iter()
                .map(|(scores, count)| (count, scores))
                .collect()
        });
        Ok(Parsed {
            file,
            notes: Vec::new(),
            scores,
        })
    }
}

fn rank(line: usize, cell: &str, candidates: usize) -> Result<u64, FormatError> {
    let most = candidates as u64;
    match rank_cell(cell) {
        Some(0) => Err(fault(
            line,
            "0 is no rank: ranks are 1, 2 ... or blank; if the numbers are scores, say --scores",
        )),
        Some(rank) if rank > most => Err(fault(line, format!("rank {rank}, of {most} candidates"))),
        Some(rank) => Ok(rank),
        None => {
            let reason = format!(
                "\"{cell}\" is no rank: 1, 2 ... or blank. If candidates' names stand in the cells, call the columns \"Rank 1\", \"Rank 2\" \
                 ...; if the column is neither a rank nor a candidate, delete it"
            );
            Err(fault(line, reason))
        }
    }
}

/// What the scores of each column are like.
struct Scores {
    rows: u64,
    columns: Vec<Column>,
}

#[derive(Clone, Default)]
struct Column {
    /// Rows with a score above 0, and with one above that of the row before.
    scored: u64,
    rising: u64,
    lowest: u64,
    highest: u64,
    last: u64,
}

impl Scores {
    /// Rows from which on it is no chance that scores rise from row to row.
    const RISING_MIN: u64 = 4;
    /// Scores above it are more than scales of five or ten have.
    const SCALE: u64 = 10;

    fn new(columns: usize) -> Self {
        Self {
            rows: 0,
            columns: vec![Column::default(); columns],
        }
    }

    fn see(&mut self, scores: impl Iterator<Item = (usize, u64)>) {
        self.rows += 1;
        for (place, score) in scores {
            let Some(column) = self.columns.get_mut(place) else {
                return;
            };
            column.rising += u64::from(score > column.last);
            column.lowest = if column.scored == 0 {
                score
            } else {
                column.lowest.min(score)
            };
            column.highest = column.highest.max(score);
            column.last = score;
            column.scored += 1;
        }
    }

    /// Columns that have in every row a number above all scores of all others, and above a common
    /// scale; or one that rises from row to row.
    fn unlike_others(&self) -> impl Iterator<Item = usize> {
        let full = |column: &Column| column.scored == self.rows;
        let others = |place: usize| {
            let others = self
                .columns
                .iter()
                .enumerate()
                .filter(move |(other, _)| *other != place);
            others
                .map(|(_, column)| column.highest)
                .max()
                .unwrap_or(u64::MAX)
        };
        let is_unlike = move |(place, column): &(usize, &Column)| {
            let above = column.lowest > others(*place)
                && column.highest > Self::SCALE.max(2 * others(*place).min(1 << 40));
            let rises = self.rows >= Self::RISING_MIN && column.rising == self.rows;
            full(column) && (above || rises)
        };
        self.columns
            .iter()
            .enumerate()
            .filter(is_unlike)
            .map(|(place, _)| place)
    }
}

/// The columns that a reader of these rows of scores asks about, unless an apostrophe says that they
/// are candidates.
pub(in crate::formats) fn asked_about(candidates: usize, rows: &[(u64, &[u8])]) -> Vec<usize> {
    let mut scores = Scores::new(candidates);
    for (_, row) in rows {
        let given = row.iter().enumerate().filter(|(_, score)| **score > 0);
        scores.see(given.map(|(place, score)| (place, u64::from(*score))));
    }
    scores.unlike_others().collect()
}

/// Rows from which on it is no chance that all of them hide a number.
const HIDING_MIN: u64 = 3;

/// Whether a column shares a rank, or has the number of the row, and the others are 1, 2 and so on
/// without it: as it is if the column says something else. `ranked` is in the order of ranks.
fn hides_a_number(ranked: &[(u64, usize)], column: usize, row: u64) -> bool {
    let mut next = 1;
    let mut hidden = None;
    for (rank, place) in ranked {
        if *place == column {
            hidden = Some(*rank);
        } else if *rank == next {
            next += 1;
        } else {
            return false;
        }
    }
    next > 2 && hidden.is_some_and(|rank| rank < next || rank == row)
}

/// The scores that these keys stand for, one for each candidate.
fn scores_of(
    line: usize,
    keys: &[(u64, usize)],
    candidates: usize,
) -> Result<Vec<u8>, FormatError> {
    let mut scores = vec![0; candidates];
    for (key, place) in keys {
        let score = u64::MAX - key;
        let fits = u8::try_from(score);
        scores[*place] = fits.map_err(|_| {
            fault(
                line,
                format!(
                    "score {score}: scores that are added up are at most {}",
                    u8::MAX
                ),
            )
        })?;
    }
    Ok(scores)
}

/// A key by which the highest score comes first; none for 0, which is as good as no score.
fn score(line: usize, cell: &str) -> Result<Option<u64>, FormatError> {
    let digits = cell.len() < 10 && cell.bytes().all(|byte| byte.is_ascii_digit());
    let score: Option<u64> = if digits { cell.parse().ok() } else { None };
    let score = score.ok_or_else(|| {
        fault(
            line,
            format!("{cell:?} is no score: a whole number from 0 on"),
        )
    })?;
    Ok((score > 0).then_some(u64::MAX - score))
}
