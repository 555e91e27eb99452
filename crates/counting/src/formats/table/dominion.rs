//! Records of Dominion scanners as a table: a line with the election and the program's version, one
//! with contests, one with candidates, one with the names of the other columns; then 1 in each cell
//! that is marked, 0 in others, nothing where the ballot does not have the contest.
//!
//! Ranks are columns of their own: the candidate's name ends in the rank, `Ash(1)`, `Ash(2)`.

use super::{Body, Row, Rows, contest};
use crate::formats::{
    CANDIDATES_MAX, File, FormatError, Options, Parsed, Repeated, candidates, fault, name,
};
use crate::packed::{Ballot, PackedBallots};

/// The first name in the fourth line.
const FIRST_COLUMN: &str = "CvrNumber";

/// Whether a table may begin with this row: it has the election's name, and a version.
pub(super) fn is_title(row: &Row) -> bool {
    let version = row.get(1);
    let parts = version
        .split('.')
        .filter(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        .count();
    parts > 2 && version.split('.').count() == parts && !row.get(0).eq_ignore_ascii_case("count")
}

/// A contest, by its heading.
#[derive(Default)]
struct Contest {
    title: String,
    seats: usize,
    ranked: bool,
    /// Each column, its candidate and its rank, from 0.
    columns: Vec<(usize, usize, usize)>,
    names: Vec<(usize, String)>,
}

impl Contest {
    /// `Mayor (Number of positions=1, Number of ranks=4)`, `Council (Vote For=2)`.
    fn of(heading: &str) -> Self {
        let settings = heading
            .strip_suffix(')')
            .and_then(|heading| heading.rsplit_once('('))
            .filter(|(_, settings)| settings.contains('='));
        let Some((title, settings)) = settings else {
            return Self {
                title: heading.to_owned(),
                seats: 1,
                ..Self::default()
            };
        };
        let setting = |names: [&str; 2]| {
            let mut pairs = settings
                .split(',')
                .filter_map(|setting| setting.split_once('='));
            let value = pairs.find(|(name, _)| {
                names
                    .iter()
                    .any(|wanted| name.trim().eq_ignore_ascii_case(wanted))
            });
            value
                .and_then(|(_, value)| value.trim().parse().ok())
                .filter(|value| *value > 0)
        };
        let seats = setting(["vote for", "number of positions"]).unwrap_or(1);
        let ranked = setting(["number of ranks", "ranks"]).is_some_and(|ranks: usize| ranks > 1);
        Self {
            title: title.trim().to_owned(),
            seats,
            ranked,
            ..Self::default()
        }
    }

    fn add(&mut self, line: usize, at: usize, heading: &str) -> Result<(), FormatError> {
        let (text, rank) = if self.ranked {
            let ranked = heading
                .strip_suffix(')')
                .and_then(|heading| heading.rsplit_once('('));
            let rank = ranked.and_then(|(text, rank)| {
                Some((text, rank.trim().parse::<usize>().ok()?.checked_sub(1)?))
            });
            rank.ok_or_else(|| {
                fault(
                    line,
                    format!("{heading:?} should end in a rank, such as (1)"),
                )
            })?
        } else {
            (heading, 0)
        };
        let text = name(line, text)?;
        let known = self
            .names
            .iter()
            .position(|(_, name)| *name == text)
            .filter(|_| self.ranked);
        let candidate = known.unwrap_or(self.names.len());
        if known.is_none() {
            if candidate == CANDIDATES_MAX {
                return Err(fault(
                    line,
                    format!("more than {CANDIDATES_MAX} candidates"),
                ));
            }
            self.names.push((line, text));
        }
        self.columns.push((at, candidate, rank));
        Ok(())
    }
}

pub(super) fn read(
    body: &mut Body<'_, impl Rows>,
    title: Row,
    options: &Options,
) -> Result<Parsed, FormatError> {
    let mut headings = Row::default();
    let mut names = Row::default();
    let mut row = Row::default();
    let whole = body.rows.next(&mut headings)?
        && body.rows.next(&mut names)?
        && body.rows.next(&mut row)?;
    if !whole || row.get(0) != FIRST_COLUMN {
        let reason = format!(
            "a name and a version begin a file of records, but no fourth line begins with {FIRST_COLUMN}"
        );
        return Err(fault(title.line, reason));
    }
    let contests = contests(&headings, &names)?;
    let titles: Vec<_> = contests
        .iter()
        .map(|contest| contest.title.clone())
        .collect();
    let place = contest(headings.line, &titles, options)?;
    let Some(mut contest) = contests.into_iter().nth(place) else {
        return Err(fault(headings.line, "there are no contests"));
    };
    contest.columns.sort_by_key(|(_, _, rank)| *rank);
    body.columns = names.len();
    let mut ballots = PackedBallots::default();
    let mut ballot = Ballot::default();
    let mut without = Repeated::default();
    let mut again = Repeated::default();
    while body.next(&mut row)? {
        if contest
            .columns
            .iter()
            .all(|(at, ..)| row.get(*at).is_empty())
        {
            without.see(row.line);
            continue;
        }
        ballot.clear();
        for rank in contest.columns.chunk_by(|a, b| a.2 == b.2) {
            let mut marked = false;
            for (at, candidate, _) in rank {
                match row.get(*at) {
                    "1" => {
                        marked = true;
                        if !ballot.name(*candidate) {
                            again.see(row.line);
                        }
                    }
                    "0" | "" => {}
                    other => {
                        return Err(fault(
                            row.line,
                            format!("{other:?} is no mark: 1, 0 or nothing"),
                        ));
                    }
                }
            }
            if marked {
                ballot.close_rank();
            } else {
                ballot.skip_rank();
            }
        }
        ballots
            .push(1, row.line, &ballot)
            .map_err(|reason| fault(row.line, reason))?;
    }
    body.notes.repeated(without, |times| {
        format!("records without this contest are no ballots; there are {times}")
    });
    body.notes.repeated(again, |times| {
        format!("a candidate who is on a ballot twice counts at the first rank; there are {times}")
    });
    let candidates = candidates(contest.names)?;
    let file = File {
        title: contest.title,
        candidates,
        seats: contest.seats,
        withdrawn: Vec::new(),
        ballots,
    };
    Ok(Parsed {
        file,
        notes: Vec::new(),
        scores: None,
    })
}

/// The contests in the order of their first columns. A heading may stand over each of its columns,
/// or over the first of them.
fn contests(headings: &Row, names: &Row) -> Result<Vec<Contest>, FormatError> {
    let mut contests: Vec<(String, Contest)> = Vec::new();
    let mut current = None;
    for at in 0..names.len().max(headings.len()) {
        let heading = headings.get(at);
        if !heading.is_empty() {
            let known = contests.iter().position(|(known, _)| known == heading);
            current = Some(known.unwrap_or_else(|| {
                contests.push((heading.to_owned(), Contest::of(heading)));
                contests.len() - 1
            }));
        }
        match (current, names.get(at)) {
            (_, "") => {}
            (Some(place), heading) => contests[place].1.add(names.line, at, heading)?,
            (None, heading) => {
                return Err(fault(
                    names.line,
                    format!("{heading:?} stands below no contest"),
                ));
            }
        }
    }
    Ok(contests.into_iter().map(|(_, contest)| contest).collect())
}
