//! Tables as text: cells between commas, semicolons or tabs, in quotes or not.

use std::io::BufRead;

use super::lines::Lines;
use super::table::{self, Row, Rows, asked_about, candidate_header, is_special};
use super::{File, FormatError, Options, Parsed, fault};

/// Bytes of a row whose quotes go over several lines.
const ROW_BYTES_MAX: usize = 64 << 10;

pub(super) fn parse(source: impl BufRead, options: &Options) -> Result<Parsed, FormatError> {
    table::read(
        &mut CsvRows {
            lines: Lines::new(source),
            separator: None,
        },
        options,
    )
}

/// The rows of a text.
struct CsvRows<R> {
    lines: Lines<R>,
    /// Known once there was a line with content.
    separator: Option<char>,
}

impl<R: BufRead> Rows for CsvRows<R> {
    fn next(&mut self, row: &mut Row) -> Result<bool, FormatError> {
        loop {
            let Some((at, line)) = self.lines.next()? else {
                return Ok(false);
            };
            if line.trim().is_empty() {
                continue;
            }
            let separator = match self.separator {
                Some(separator) => separator,
                None => {
                    // What Excel writes, and reads, as a first line.
                    let told = line
                        .trim()
                        .strip_prefix("sep=")
                        .and_then(|rest| rest.chars().next());
                    if let Some(told) = told.filter(char::is_ascii) {
                        self.separator = Some(told);
                        continue;
                    }
                    *self.separator.insert(separator(line))
                }
            };
            row.clear(at);
            if !line.contains('"') {
                line.split(separator).for_each(|cell| row.push(cell));
                return Ok(true);
            }
            let mut text = line.to_owned();
            while let Split::Open = split(at, &text, separator, row)? {
                let Some((_, more)) = self.lines.next()?.filter(|_| text.len() < ROW_BYTES_MAX)
                else {
                    return Err(fault(at, "a quote is not closed"));
                };
                text.push('\n');
                text.push_str(more);
                row.clear(at);
            }
            return Ok(true);
        }
    }
}

/// How the cells of a text end.
enum Split {
    All,
    /// In quotes: the row goes on.
    Open,
}

/// Puts the cells of a text with quotes into a row.
fn split(at: usize, text: &str, separator: char, row: &mut Row) -> Result<Split, FormatError> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(' ');
        let Some(quoted) = rest.strip_prefix('"') else {
            let Some((cell, behind)) = rest.split_once(separator) else {
                row.push(rest);
                return Ok(Split::All);
            };
            row.push(cell);
            rest = behind;
            continue;
        };
        let mut cell = String::new();
        let mut inner = quoted;
        let behind = loop {
            let Some((text, behind)) = inner.split_once('"') else {
                return Ok(Split::Open);
            };
            cell.push_str(text);
            let Some(more) = behind.strip_prefix('"') else {
                break behind.trim_start_matches(' ');
            };
            cell.push('"');
            inner = more;
        };
        row.push(&cell);
        match behind.strip_prefix(separator) {
            Some(next) => rest = next,
            None if behind.trim().is_empty() => return Ok(Split::All),
            None => {
                return Err(fault(
                    at,
                    format!("{behind:?} stands behind a closing quote"),
                ));
            }
        }
    }
}

/// A tab or a semicolon, if the line has one outside of quotes.
fn separator(line: &str) -> char {
    let mut quoted = false;
    let outside: String = line
        .chars()
        .filter(|c| {
            quoted ^= *c == '"';
            !quoted
        })
        .collect();
    ['\t', ';']
        .into_iter()
        .find(|separator| outside.contains(*separator))
        .unwrap_or(',')
}

/// Reads a table that is a text.
#[cfg(test)]
pub(super) fn read(text: &str, options: &Options) -> Result<Parsed, FormatError> {
    parse(text.as_bytes(), options)
}

/// The first line of what is written: a column of counts, and one for each candidate.
fn written_header(candidates: &[String], asked_about: &[usize]) -> String {
    let header = |(place, name): (usize, &String)| {
        // A special name has its apostrophe in any case.
        let sign = if asked_about.contains(&place) && !is_special(name) {
            "'"
        } else {
            ""
        };
        let name = candidate_header(name).replace('"', "\"\"");
        format!(",\"{sign}{name}\"")
    };
    let headers: String = candidates.iter().enumerate().map(header).collect();
    format!("count{headers}\n")
}

/// Writes a table of scores, with a column of counts: each line has how many ballots there are, and
/// what they give each candidate. It is read again as scores ([`Options::scores`]).
pub fn write_scores<'a>(
    candidates: &[String],
    ballots: impl IntoIterator<Item = (u64, &'a [u8])>,
) -> String {
    let ballots: Vec<_> = ballots.into_iter().collect();
    let mut text = written_header(candidates, &asked_about(candidates.len(), &ballots));
    for (count, scores) in ballots {
        let cells: String = scores.iter().map(|score| format!(",{score}")).collect();
        text += &format!("{count}{cells}\n");
    }
    text
}

/// Writes a table with a column of counts, separated by commas.
pub(super) fn write(file: &File) -> String {
    let mut text = written_header(&file.candidates, &[]);
    for group in file.ballots.iter().map(|packed| packed.group()) {
        let mut cells = vec![String::new(); file.candidates.len()];
        for (rank, places) in (1..).zip(&group.ranks) {
            places
                .iter()
                .for_each(|place| cells[*place] = rank.to_string());
        }
        text += &format!("{},{}\n", group.count, cells.join(","));
    }
    text
}
