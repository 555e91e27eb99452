//! Voters from a table: a text with separators, or a sheet of a spreadsheet, read whole, with every
//! fault named by its line.
//!
//! A row is either good or has a fault; none is left out in silence, but for those without any
//! content. The page reads lists of voters in the same way: testdata/rolls.json says for both what
//! comes of which (docs/voter-lists.md). Does not know where the bytes are from, nor what is on the
//! ledger.

mod fault;
mod header;
mod table;
mod text;

use std::collections::HashMap;
use std::num::NonZero;
use std::thread;

use vote_chain::PublicKey;
use vote_counting::formats::table::Rows;

pub(crate) use fault::{Fault, Note, What};
pub(crate) use table::same_id;
use table::{Good, Table, Texts};
use vote_counting::names::{folded, look};

/// Largest file, in bytes; whoever reads one from disk looks at its size first.
pub(crate) const FILE_BYTES_MAX: usize = 512 << 20;
/// Most rows, good and bad.
pub(crate) const ROWS_MAX: usize = 2_000_000;
/// Most columns, known and unknown.
pub(crate) const COLUMNS_MAX: usize = 1_000;
/// Longest text that is read from a field, in bytes without its quotes.
pub(crate) const FIELD_BYTES_MAX: usize = 200;
/// Largest weight of a voter.
pub(crate) const WEIGHT_MAX: u32 = 1_000_000;

/// What a file says of a voter besides key and weight, without spaces around it; empty where it
/// says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) contact: &'a str,
    pub(crate) group: &'a str,
}

impl<'a> Person<'a> {
    /// What the voter is called: by name, else by id, else by contact; empty if only a key is
    /// known.
    pub(crate) fn called(&self) -> &'a str {
        [self.name, self.id, self.contact]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }
}

/// What a list is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Weights other than 1 are possible.
    pub(crate) weights: bool,
    /// Each row must have a key.
    pub(crate) keys: bool,
}

/// A good row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VoterRow {
    /// Counts from 1, the header and blank lines too.
    pub(crate) line: u32,
    /// None: a code is made.
    pub(crate) key: Option<PublicKey>,
    /// 1 to [`WEIGHT_MAX`].
    pub(crate) weight: u32,
    texts: u32,
}

/// How the reading went.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Rows with content, good and bad, below the header.
    pub(crate) rows: usize,
    /// By line; a row can have several.
    pub(crate) faults: Vec<Fault>,
    /// What is no fault, and may be a surprise.
    pub(crate) notes: Vec<Note>,
}

/// A list of voters.
#[derive(Debug)]
pub(crate) struct VoterList {
    /// In the order of the file; no two have the same key, the same id or the same contact, or a
    /// name and nothing to tell them apart.
    pub(crate) rows: Vec<VoterRow>,
    pub(crate) report: Report,
    texts: Texts,
}

impl VoterList {
    /// What the file says of one of `rows`.
    pub(crate) fn person(&self, row: &VoterRow) -> Person<'_> {
        self.texts.person(row.texts)
    }

    /// Moves rows whose key is weak from `rows` to the faults, on all processors: about 10 us for
    /// each key.
    pub(crate) fn check_keys(&mut self) {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let chunk = self.rows.len().div_ceil(threads).max(1);
        let is_weak = |row: &&VoterRow| row.key.is_some_and(|key| key.check().is_err());
        let weak = |rows: &[VoterRow]| -> Vec<u32> {
            rows.iter().filter(is_weak).map(|row| row.line).collect()
        };
        // The threads borrow the rows, and end before this does.
        let lines: Vec<u32> = thread::scope(|scope| {
            let tasks: Vec<_> = self
                .rows
                .chunks(chunk)
                .map(|rows| scope.spawn(move || weak(rows)))
                .collect();
            tasks
                .into_iter()
                .flat_map(|task| task.join().expect("it only looks at keys"))
                .collect()
        });
        self.rows
            .retain(|row| lines.binary_search(&row.line).is_err());
        self.report.add(lines.into_iter().map(|line| Fault {
            line,
            what: What::WeakKey,
        }));
    }
}

impl Report {
    fn add(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.extend(faults);
        self.faults.sort_by_key(|fault| fault.line);
    }
}

/// Reads a text: UTF-8 or UTF-16, separated by commas, semicolons or tabs, with a header among its
/// first lines.
///
/// Of rows that are for one voter the first is good. Whether keys can be signed for,
/// [`VoterList::check_keys`] says.
/// # Errors
/// [`Fault`] if nothing can be read row by row.
pub(crate) fn read(bytes: &[u8], wanted: Wanted) -> Result<VoterList, Fault> {
    table::check_size(bytes.len())?;
    let (text, is_utf16) = text::decode(bytes)?;
    // DOS ended its files with a sign.
    let text = text.strip_suffix('\u{1a}').unwrap_or(&text);
    let mut list = read_rows(Table::of_text(text)?, wanted)?;
    if is_utf16 {
        list.report.notes.insert(0, Note::Utf16);
    }
    Ok(list)
}

/// Reads a sheet of a spreadsheet, in which so many rows are hidden; else as [`read`].
///
/// # Errors
/// [`Fault`] if nothing can be read row by row.
pub(crate) fn read_sheet(
    rows: &mut dyn Rows,
    hidden: u64,
    wanted: Wanted,
) -> Result<VoterList, Fault> {
    let mut list = read_rows(Table::of_sheet(rows)?, wanted)?;
    if hidden > 0 {
        list.report.notes.insert(0, Note::Hidden { rows: hidden });
    }
    Ok(list)
}

fn read_rows(mut table: Table<'_>, wanted: Wanted) -> Result<VoterList, Fault> {
    if wanted.keys && table.columns.key.is_none() {
        return Err(Fault {
            line: table.header_line(),
            what: What::NoKeys,
        });
    }
    let header = table.header_line();
    let mut rows = Vec::new();
    while let Some(Good {
        line,
        weight,
        key,
        texts,
    }) = table.next(wanted)?
    {
        rows.push(VoterRow {
            line,
            key,
            weight,
            texts,
        });
    }
    let (mut report, texts) = table.close();
    if report.rows == 0 {
        return Err(Fault {
            line: header,
            what: What::NoVoters,
        });
    }
    let mut seen = Seen::default();
    let mut repeated = Vec::new();
    rows.retain(|row: &VoterRow| {
        let before = repeated.len();
        let what = seen.repeats(row, texts.person(row.texts));
        repeated.extend(what.into_iter().map(|what| Fault {
            line: row.line,
            what,
        }));
        repeated.len() == before
    });
    drop(seen);
    report.add(repeated);
    Ok(VoterList {
        rows,
        report,
        texts,
    })
}

/// Where each voter was seen first.
#[derive(Default)]
struct Seen<'a> {
    keys: HashMap<PublicKey, u32>,
    ids: HashMap<String, (u32, &'a str)>,
    contacts: HashMap<String, u32>,
    names: HashMap<String, Namesakes>,
}

/// Those of a name: the line of the first, and what all of them have.
struct Namesakes {
    first: u32,
    ids: bool,
    contacts: bool,
    keys: bool,
}

impl<'a> Seen<'a> {
    /// As whom a row's voter was there before.
    fn repeats(&mut self, row: &VoterRow, person: Person<'a>) -> Vec<What> {
        let line = row.line;
        let mut found = Vec::new();
        if let Some(key) = row.key {
            found.extend(before(&mut self.keys, key, line).map(|first| What::SameKey { first }));
        }
        if !person.id.is_empty() {
            let (first, id) = *self
                .ids
                .entry(same_id(person.id))
                .or_insert((line, person.id));
            if first != line {
                let is_same = look(id) == look(person.id);
                let like = || What::LikeId {
                    found: table::excerpt(person.id, table::EXCERPT),
                    first,
                };
                found.push(if is_same {
                    What::SameId { first }
                } else {
                    like()
                });
            }
        }
        if !person.contact.is_empty() {
            let same = before(&mut self.contacts, folded(person.contact), line);
            found.extend(same.map(|first| What::SameContact { first }));
        }
        if !person.name.is_empty() && found.is_empty() {
            found.extend(
                self.namesake(row, person)
                    .map(|first| What::SameName { first }),
            );
        }
        found
    }

    /// The line of the first of the same name, unless ids, contacts or keys tell them all apart.
    fn namesake(&mut self, row: &VoterRow, person: Person<'a>) -> Option<u32> {
        let (id, contact, key) = (
            !person.id.is_empty(),
            !person.contact.is_empty(),
            row.key.is_some(),
        );
        let new = Namesakes {
            first: row.line,
            ids: id,
            contacts: contact,
            keys: key,
        };
        let known = self.names.entry(folded(person.name)).or_insert(new);
        if known.first == row.line {
            return None;
        }
        if !(known.ids && id || known.contacts && contact || known.keys && key) {
            return Some(known.first);
        }
        known.ids &= id;
        known.contacts &= contact;
        known.keys &= key;
        None
    }
}

/// The line on which `value` was seen before `line`.
fn before<K: Eq + std::hash::Hash>(seen: &mut HashMap<K, u32>, value: K, line: u32) -> Option<u32> {
    let first = *seen.entry(value).or_insert(line);
    (first != line).then_some(first)
}

#[cfg(test)]
mod tests;
