//! Voters from a spreadsheet: CSV with a header, read whole, with every fault named by its line.
//!
//! A row is either good or has a fault; none is left out in silence, but for those without any content. Separators are
//! `,`, `;` or tab, whichever the header has most of; a byte order mark, CRLF, quotes and blank lines are all right.
//! Does not know where the bytes are from, nor what is on the ledger.

mod fault;
mod table;

use std::borrow::Cow;
use std::collections::HashMap;
use std::num::NonZero;
use std::thread;

use vote_chain::PublicKey;

pub(crate) use fault::{Fault, FileFault, Note, RowFault};
use table::{Table, Texts};

/// Largest file, in bytes; whoever reads one from disk looks at its size first.
pub(crate) const FILE_BYTES_MAX: usize = 512 << 20;
/// Most rows, good and bad.
pub(crate) const ROWS_MAX: usize = 2_000_000;
/// Most columns, known and unknown.
pub(crate) const COLUMNS_MAX: usize = 1_000;
/// Longest field, in bytes without its quotes.
pub(crate) const FIELD_BYTES_MAX: usize = 200;
/// Largest weight of a voter.
pub(crate) const WEIGHT_MAX: u32 = 1_000_000;

/// What a file says of a voter besides key and weight, without spaces around it; empty where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) contact: &'a str,
    pub(crate) group: &'a str,
}

/// A good row of a file of keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRow {
    /// Counts from 1, the header and blank lines too.
    pub(crate) line: u32,
    pub(crate) key: PublicKey,
    /// 1 to [`WEIGHT_MAX`].
    pub(crate) weight: u32,
    texts: u32,
}

/// A good row of a file of people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PersonRow {
    /// Counts from 1, the header and blank lines too.
    pub(crate) line: u32,
    /// 1 to [`WEIGHT_MAX`].
    pub(crate) weight: u32,
    texts: u32,
}

/// How the reading went.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Rows with content, good and bad.
    pub(crate) rows: usize,
    /// By line; a row can have several.
    pub(crate) faults: Vec<Fault>,
    /// What is no fault, and may be a surprise.
    pub(crate) notes: Vec<Note>,
}

/// What `roll import` reads.
#[derive(Debug)]
pub(crate) struct KeysPreview {
    /// In the order of the file, each key once.
    pub(crate) rows: Vec<KeyRow>,
    pub(crate) report: Report,
    texts: Texts,
}

/// What `roll issue` reads.
#[derive(Debug)]
pub(crate) struct PeoplePreview {
    /// In the order of the file; each has an id or a name, and no two have the same id or the same contact.
    pub(crate) rows: Vec<PersonRow>,
    pub(crate) report: Report,
    texts: Texts,
}

impl KeysPreview {
    /// What the file says of the voter of one of `rows`.
    pub(crate) fn person(&self, row: &KeyRow) -> Person<'_> {
        self.texts.person(row.texts)
    }

    /// Moves rows whose key is weak from `rows` to the faults, on all processors: about 10 us for each key.
    pub(crate) fn check_keys(&mut self) {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let chunk = self.rows.len().div_ceil(threads).max(1);
        let weak = |rows: &[KeyRow]| -> Vec<u32> {
            rows.iter().filter(|row| row.key.check().is_err()).map(|row| row.line).collect()
        };
        // The threads borrow the rows, and end before this does.
        let lines: Vec<u32> = thread::scope(|scope| {
            let tasks: Vec<_> = self.rows.chunks(chunk).map(|rows| scope.spawn(move || weak(rows))).collect();
            tasks.into_iter().flat_map(|task| task.join().expect("it only looks at keys")).collect()
        });
        self.rows.retain(|row| lines.binary_search(&row.line).is_err());
        self.report.add(lines.into_iter().map(|line| Fault { line, what: RowFault::WeakKey }));
    }
}

impl PeoplePreview {
    /// What the file says of one of `rows`.
    pub(crate) fn person(&self, row: &PersonRow) -> Person<'_> {
        self.texts.person(row.texts)
    }
}

impl Report {
    fn add(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.extend(faults);
        self.faults.sort_by_key(|fault| fault.line);
    }
}

/// Reads a file with a column `key`: 64 hexadecimal digits, a voter's public key.
///
/// Columns `weight` (a whole number; 1 if it is empty), `id`, `name`, `contact` or `email`, and `group` may be there too.
/// Of rows with the same key the first is good. Whether the keys can be signed for, [`KeysPreview::check_keys`] says.
/// # Errors
/// [`FileFault`] if nothing can be read row by row.
pub(crate) fn read_keys(bytes: &[u8]) -> Result<KeysPreview, FileFault> {
    let mut table = Table::open(bytes)?;
    if table.columns.key.is_none() {
        return Err(table.columns.missing("key"));
    }
    let mut rows = Vec::new();
    while let Some(line) = table.next_row()? {
        let (key, weight) = (table.key(line), table.weight(line));
        if let (Some(key), Some(weight)) = (key, weight) {
            rows.push(KeyRow { line, key, weight, texts: table.keep_texts() });
        }
    }
    let (mut report, texts) = table.close();
    let mut first_lines = FirstLines::with_capacity(rows.len());
    let mut repeated = Vec::new();
    rows.retain(|row: &KeyRow| {
        let same = first_lines.before(row.key, row.line).map(|first| RowFault::SameKey { first });
        let good = same.is_none();
        repeated.extend(same.map(|what| Fault { line: row.line, what }));
        good
    });
    report.add(repeated);
    Ok(KeysPreview { rows, report, texts })
}

/// Reads a file without keys: each row has an id or a name.
///
/// The other columns are those of [`read_keys`]. Of rows with the same id, or the same contact whatever its case, the
/// first is good.
/// # Errors
/// [`FileFault`] if nothing can be read row by row.
pub(crate) fn read_people(bytes: &[u8]) -> Result<PeoplePreview, FileFault> {
    let mut table = Table::open(bytes)?;
    if table.columns.key.is_some() {
        return Err(FileFault::KeyColumn);
    }
    if !table.columns.can_name() {
        return Err(table.columns.missing("name or id"));
    }
    let mut rows = Vec::new();
    while let Some(line) = table.next_row()? {
        let (somebody, weight) = (table.is_somebody(line), table.weight(line));
        if let (true, Some(weight)) = (somebody, weight) {
            rows.push(PersonRow { line, weight, texts: table.keep_texts() });
        }
    }
    let (mut report, texts) = table.close();
    let (mut ids, mut contacts) = (FirstLines::with_capacity(rows.len()), FirstLines::with_capacity(rows.len()));
    let mut repeated = Vec::new();
    rows.retain(|row: &PersonRow| {
        let Person { id, contact, .. } = texts.person(row.texts);
        let id = (!id.is_empty()).then(|| ids.before(id, row.line)).flatten();
        let contact = (!contact.is_empty()).then(|| contacts.before(lower_case(contact), row.line)).flatten();
        repeated.extend(id.map(|first| Fault { line: row.line, what: RowFault::SameId { first } }));
        repeated.extend(contact.map(|first| Fault { line: row.line, what: RowFault::SameContact { first } }));
        id.is_none() && contact.is_none()
    });
    report.add(repeated);
    Ok(PeoplePreview { rows, report, texts })
}

/// Where each value was seen first.
struct FirstLines<K>(HashMap<K, u32>);

impl<K: Eq + std::hash::Hash> FirstLines<K> {
    fn with_capacity(values: usize) -> Self {
        Self(HashMap::with_capacity(values))
    }

    /// The line on which `value` was seen before `line`.
    fn before(&mut self, value: K, line: u32) -> Option<u32> {
        let first = *self.0.entry(value).or_insert(line);
        (first != line).then_some(first)
    }
}

fn lower_case(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_uppercase) { text.to_lowercase().into() } else { text.into() }
}

#[cfg(test)]
mod tests;
