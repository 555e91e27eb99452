//! Columns that say whether a row counts, and whose it is: a row is not counted in silence that
//! says of itself that it is void, or that is there twice.

use std::collections::{BTreeMap, BTreeSet};

use super::Row;
use crate::formats::ids::{Again, Ids};
use crate::formats::{FormatError, NO_STATUS, Notes, Options, Repeated, fault, quoted};

/// Words for a column that says whether a row counts.
pub(super) const STATUS: &[&str] = &[
    "status",
    "ballot status",
    "vote status",
    "response status",
    "stimmstatus",
    "statut",
    "estado",
];
/// What such columns say of rows that plainly count.
const COUNTS: &[&str] = &[
    "accepted",
    "cast",
    "complete",
    "completed",
    "counted",
    "ok",
    "submitted",
    "valid",
];
/// Words for columns in which no two rows are the same. A column `id` may be of anything: what is
/// neither a count nor a candidate is to be called so.
const IDS: &[&str] = &[
    "ballot id",
    "ballotid",
    "vote id",
    "voter",
    "voter id",
    "voterid",
    "voter number",
    "member id",
    "member number",
    "membership number",
    "membership id",
    "respondent id",
    "respondent #",
    "response id",
    "response #",
    "response number",
    "antwort id",
    "email",
    "e mail",
    "email address",
    "username",
    "token",
    "cast vote record",
];
/// Statuses that a note names.
const SHOWN: usize = 5;

/// Such columns of a table.
#[derive(Default)]
pub(super) struct Watched {
    status: Option<usize>,
    /// Each with its header.
    ids: Vec<(usize, String, Ids)>,
    /// The statuses that count, in small letters, and whether any row has each; none if it is not
    /// said which.
    asked: BTreeMap<String, bool>,
    left_out: Repeated,
    others: BTreeSet<String>,
}

impl Watched {
    /// Takes note of a column, by its header and the plain words of it; says whether it is a
    /// status.
    pub(super) fn see(
        &mut self,
        line: usize,
        at: usize,
        header: &str,
        words: &str,
    ) -> Result<bool, FormatError> {
        if IDS.contains(&words) {
            self.ids.push((at, header.to_owned(), Ids::default()));
        }
        if !STATUS.contains(&words) {
            return Ok(false);
        }
        if self.status.replace(at).is_some() {
            let reason = "two columns say the status of a row: rename one to \"id\", or delete it";
            return Err(fault(line, reason));
        }
        Ok(true)
    }

    /// Takes what is asked for.
    pub(super) fn ask(&mut self, line: usize, options: &Options) -> Result<(), FormatError> {
        if options.repeated_ids {
            self.ids.clear();
        }
        if self.status.is_none() && !options.statuses.is_empty() {
            let reason =
                "no column says the status of a row: leave --status out, or call it \"Status\"";
            return Err(fault(line, reason));
        }
        let asked = options.statuses.iter();
        self.asked = asked.map(|word| (word.to_lowercase(), false)).collect();
        Ok(())
    }

    /// Whether a row counts.
    pub(super) fn counts(&mut self, row: &Row) -> Result<bool, FormatError> {
        if let Some(at) = self.status {
            let status = row.get(at);
            let words = match status.to_lowercase() {
                empty if empty.is_empty() => NO_STATUS.to_owned(),
                words => words,
            };
            if let Some(seen) = self.asked.get_mut(&words) {
                *seen = true;
            } else if !self.asked.is_empty() {
                self.left_out.see(row.line);
                if self.others.len() < SHOWN {
                    self.others.insert(status.to_owned());
                }
                return Ok(false);
            } else if words != NO_STATUS && !COUNTS.contains(&words.as_str()) {
                let reason = format!(
                    "the status of this row is {status:?}: say which rows count, with --status accepted or whatever the word is, once for each \
                     word ({NO_STATUS} for rows without one); if the column says something else, call it \"id\""
                );
                return Err(fault(row.line, reason));
            }
        }
        for (at, _, ids) in &mut self.ids {
            let id = row.get(*at);
            if !id.is_empty() {
                ids.see(row.line, id);
            }
        }
        Ok(true)
    }

    /// Refuses a status, once all rows are read, that no row has.
    pub(super) fn all_seen(&self) -> Result<(), FormatError> {
        match self.asked.iter().find(|(_, seen)| !**seen) {
            Some((word, _)) => Err(fault(1, format!("no row has the status {word:?}"))),
            None => Ok(()),
        }
    }

    /// Says at the end what was left out, and refuses what is there twice.
    pub(super) fn end(self, notes: &mut Notes) -> Result<(), FormatError> {
        for (_, header, ids) in self.ids {
            if let Some(Again { lines, times }) = ids.again() {
                let (first, second) = lines;
                let reason = format!(
                    "{header:?} is here the same as on line {first}; it is so {times} times that one is there again: \
                     delete the rows that do not count, or say --repeated-ids if each does"
                );
                return Err(fault(second as usize, reason));
            }
        }
        let others = quoted(self.others.iter().map(String::as_str));
        notes.repeated(self.left_out, |times| {
            format!("rows of another status than those of --status, such as {others}, are no ballots; there are {times}")
        });
        Ok(())
    }
}
