//! Tables with a column for each candidate, and ranks or scores in the cells.

use super::header::rank_cell;
use super::{Body, Row, Rows};
use crate::formats::{File, FormatError, Options, Parsed, count, fault};
use crate::packed::{Ballot, PackedBallots};

/// Such a table.
pub(super) struct Matrix {
    /// Where the header is.
    pub(super) line: usize,
    pub(super) cells: usize,
    /// The column that says how many ballots a row is.
    pub(super) count: Option<usize>,
    /// The column of each candidate.
    pub(super) columns: Vec<usize>,
    pub(super) candidates: Vec<String>,
    pub(super) title: String,
}

impl Matrix {
    pub(super) fn read(self, body: &mut Body<'_, impl Rows>, options: &Options) -> Result<Parsed, FormatError> {
        if options.contest.is_some() {
            return Err(fault(1, "the table has one contest: leave --contest out"));
        }
        body.columns = self.cells;
        let mut row = Row::default();
        let mut ballots = PackedBallots::default();
        let mut ballot = Ballot::default();
        let mut ranked = Vec::new();
        // The first row that ranks anybody, until there is a first rank somewhere.
        let mut without_first = None;
        let mut has_first = false;
        let mut rows = 0u64;
        let mut hiding = 0u64;
        while body.next(&mut row)? {
            let times = self.count.map_or(Ok(1), |at| count(row.line, row.get(at)))?;
            ranked.clear();
            for (place, at) in self.columns.iter().enumerate() {
                let cell = row.get(*at);
                if !cell.is_empty() {
                    let key = if options.scores { score(row.line, cell)? } else { Some(self.rank(row.line, cell)?) };
                    ranked.extend(key.map(|key| (key, place)));
                }
            }
            ranked.sort_unstable();
            has_first |= options.scores || ranked.first().is_some_and(|(rank, _)| *rank == 1);
            if !ranked.is_empty() {
                without_first.get_or_insert(row.line);
            }
            rows += 1;
            hiding += u64::from(hides_a_number(&ranked));
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
            ballots.push(times, row.line, &ballot).map_err(|reason| fault(row.line, reason))?;
        }
        if let Some(line) = without_first.filter(|_| !has_first) {
            return Err(fault(line, "no ballot has a first rank, 1: if the numbers are scores, say --scores"));
        }
        if self.count.is_none() && rows >= HIDING_MIN && hiding == rows {
            let name = &self.candidates[0];
            let reason = format!(
                "without the column {name:?}, every row is a whole ranking: if it says how many ballots a row is, or which, call it \"count\" or \"id\""
            );
            return Err(fault(self.line, reason));
        }
        let file = File { title: self.title, candidates: self.candidates, seats: 1, withdrawn: Vec::new(), ballots };
        Ok(Parsed { file, notes: Vec::new() })
    }

    fn rank(&self, line: usize, cell: &str) -> Result<u64, FormatError> {
        let most = self.candidates.len() as u64;
        match rank_cell(cell) {
            Some(0) => {
                Err(fault(line, "0 is no rank: ranks are 1, 2 ... or blank; if the numbers are scores, say --scores"))
            }
            Some(rank) if rank > most => Err(fault(line, format!("rank {rank}, of {most} candidates"))),
            Some(rank) => Ok(rank),
            None => Err(fault(line, format!("{cell:?} is no rank: 1, 2 ... or blank"))),
        }
    }
}

/// Rows from which on it is no chance that all of them hide a number.
const HIDING_MIN: u64 = 3;

/// Whether the first column shares a rank, and the others are 1, 2 and so on without it: as it is if the column says something else. `ranked`
/// is in the order of ranks.
fn hides_a_number(ranked: &[(u64, usize)]) -> bool {
    let mut next = 1;
    let mut first = None;
    for (rank, place) in ranked {
        if *place == 0 {
            first = Some(*rank);
        } else if *rank == next {
            next += 1;
        } else {
            return false;
        }
    }
    next > 2 && first.is_some_and(|rank| rank < next)
}

/// A key by which the highest score comes first; none for 0, which is as good as no score.
fn score(line: usize, cell: &str) -> Result<Option<u64>, FormatError> {
    let digits = cell.len() < 10 && cell.bytes().all(|byte| byte.is_ascii_digit());
    let score: Option<u64> = if digits { cell.parse().ok() } else { None };
    let score = score.ok_or_else(|| fault(line, format!("{cell:?} is no score: a whole number from 0 on")))?;
    Ok((score > 0).then_some(u64::MAX - score))
}
