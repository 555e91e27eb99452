//! The rows of a table of voters, and what their fields say. Does not know which rows belong
//! together.

use std::collections::VecDeque;

use vote_chain::PublicKey;
use vote_counting::formats::cell::unguarded;
use vote_counting::formats::table::{Row, Rows};
use vote_counting::names::{InvalidName, folded, look, tidy};
use vote_web::code::VoterCode;

use super::fault::{Fault, Note, What};
use super::header::{Columns, is_footer, is_header, is_total, known_columns, shown};
use super::text::{self, Records, SEPARATORS};
use super::{FIELD_BYTES_MAX, FILE_BYTES_MAX, Person, ROWS_MAX, Report, WEIGHT_MAX, Wanted};

const TEXTS: usize = 4;
/// Rows with content among which the header is looked for.
const HEADER_ROWS: usize = 10;
/// Characters of a field that a fault repeats: enough to find it, not enough to give away a secret
/// in the wrong column.
pub(super) const EXCERPT: usize = 12;
/// A secret code has no fewer.
const CODE_CHARACTERS: usize = 32;
/// Characters of a text above the rows in which a code is looked for: more than notes repeat.
const SEARCHED: usize = 200;
/// Of a contact with an `@`, which is none.
const ADDRESS_EXCERPT: usize = 40;
/// Cells of a line that is no header which a fault repeats.
const EXCERPT_CELLS: usize = 6;

/// Texts of all rows in one piece: a million rows are not four million allocations.
#[derive(Debug, Default)]
pub(super) struct Texts {
    buffer: String,
    /// Where each text of a row ends.
    ends: Vec<[u32; TEXTS]>,
}

impl Texts {
    /// The texts of the row that [`Texts::keep`] gave this number.
    pub(super) fn person(&self, row: u32) -> Person<'_> {
        let Some(ends) = self.ends.get(row as usize) else {
            return Person::default();
        };
        let mut start = row
            .checked_sub(1)
            .map_or(0, |before| self.ends[before as usize][TEXTS - 1]);
        let [id, name, contact, group] = ends.map(|end| {
            let text = &self.buffer[start as usize..end as usize];
            start = end;
            text
        });
        Person {
            id,
            name,
            contact,
            group,
        }
    }

    fn keep(&mut self, texts: &[String; TEXTS]) -> u32 {
        let row = u32::try_from(self.ends.len()).expect("ROWS_MAX fits");
        let mut ends = [0; TEXTS];
        for (text, end) in texts.iter().zip(&mut ends) {
            self.buffer.push_str(text);
            *end = u32::try_from(self.buffer.len()).expect("FILE_BYTES_MAX fits");
        }
        self.ends.push(ends);
        row
    }
}

/// Where rows come from.
enum Source<'a> {
    Text(Records<'a>),
    Sheet(&'a mut dyn Rows),
}

/// A row with content, as it came.
#[derive(Default)]
struct Read {
    row: Row,
    /// Why it cannot be read field by field.
    fault: Option<What>,
    /// Whether there is a line without content before it.
    after_blank: bool,
}

impl Source<'_> {
    /// The next row with content.
    fn next(&mut self, last_line: usize) -> Result<Option<Read>, Fault> {
        let mut read = Read::default();
        match self {
            Self::Text(records) => loop {
                match records.next(&mut read.row) {
                    None => return Ok(None),
                    Some(Ok(())) if read.row.is_blank() => read.after_blank = true,
                    Some(whole) => {
                        read.fault = whole.err();
                        return Ok(Some(read));
                    }
                }
            },
            Self::Sheet(rows) => {
                let more = rows.next(&mut read.row);
                let more = more.map_err(|error| Fault {
                    line: u32::try_from(error.line).unwrap_or(u32::MAX),
                    what: What::Sheet {
                        reason: error.reason,
                    },
                })?;
                read.after_blank = read.row.line > last_line + 1;
                Ok(more.then_some(read))
            }
        }
    }

    /// The text between fields; none in a spreadsheet, where nothing is cut wrongly.
    const fn separator(&self) -> Option<char> {
        match self {
            Self::Text(records) => Some(records.separator as char),
            Self::Sheet(_) => None,
        }
    }
}

/// A row whose fields are all right.
pub(super) struct Good {
    pub(super) line: u32,
    pub(super) weight: u32,
    pub(super) key: Option<PublicKey>,
    /// For [`Texts::person`].
    pub(super) texts: u32,
}

/// A table that is read row by row.
pub(super) struct Table<'a> {
    pub(super) columns: Columns,
    source: Source<'a>,
    /// Rows that were read while the header was looked for.
    ahead: VecDeque<Read>,
    header: Row,
    report: Report,
    texts: Texts,
    footers: (usize, u32, String),
    no_weight: usize,
    no_contact: (usize, u32),
    no_address: (usize, u32),
}

impl<'a> Table<'a> {
    /// Reads the header of a text.
    pub(super) fn of_text(text: &'a str) -> Result<Self, Fault> {
        let records = match text::stated_separator(text) {
            Some((separator, start)) => Records::new(text, start, 2, separator),
            None => likely(text),
        };
        Self::open(Source::Text(records))
    }

    /// Reads the header of a sheet.
    pub(super) fn of_sheet(rows: &'a mut dyn Rows) -> Result<Self, Fault> {
        Self::open(Source::Sheet(rows))
    }

    fn open(mut source: Source<'a>) -> Result<Self, Fault> {
        let mut ahead = VecDeque::new();
        let mut last_line = 0;
        while ahead.len() < HEADER_ROWS
            && let Some(read) = source.next(last_line)?
        {
            last_line = read.row.line;
            ahead.push_back(read);
        }
        let Some(first) = ahead.front() else {
            return Err(Fault {
                line: 1,
                what: What::Empty,
            });
        };
        let (at, known) = header_among(&ahead);
        if known == 0 {
            let found: Vec<_> = first
                .row
                .cells()
                .take(EXCERPT_CELLS)
                .map(|cell| excerpt(cell, EXCERPT))
                .collect();
            let first = line(&first.row);
            let what = What::NoHeader {
                first,
                found: found.join(", "),
            };
            return Err(Fault { line: first, what });
        }
        if let Some(fault) = ahead.range(..=at).find_map(|read| code_in(&read.row)) {
            return Err(fault);
        }
        let mut notes = titles(&ahead, at)?;
        let header = ahead
            .drain(..=at)
            .next_back()
            .map(|read| read.row)
            .unwrap_or_default();
        let (columns, more) = Columns::read(&header)?;
        notes.extend(more);
        let report = Report {
            notes,
            ..Report::default()
        };
        Ok(Self {
            columns,
            source,
            ahead,
            header,
            report,
            texts: Texts::default(),
            footers: (0, 0, String::new()),
            no_weight: 0,
            no_contact: (0, 0),
            no_address: (0, 0),
        })
    }

    pub(super) fn header_line(&self) -> u32 {
        line(&self.header)
    }

    /// Goes to the next row that is all right, past those that are not.
    pub(super) fn next(&mut self, wanted: Wanted) -> Result<Option<Good>, Fault> {
        loop {
            let read = match self.ahead.pop_front() {
                Some(read) => read,
                None => match self.source.next(0)? {
                    Some(read) => read,
                    None => return Ok(None),
                },
            };
            let line = line(&read.row);
            if read.fault.is_none() && self.is_footer(&read.row, line) {
                continue;
            }
            self.report.rows += 1;
            if self.report.rows > ROWS_MAX {
                return Err(Fault {
                    line,
                    what: What::Many,
                });
            }
            if let Some(what) = read.fault.or_else(|| self.shape(&read.row)) {
                self.report.faults.push(Fault { line, what });
            } else if let Some(good) = self.good(&read.row, line, wanted) {
                return Ok(Some(good));
            }
        }
    }

    /// What was found, but for the rows.
    pub(super) fn close(mut self) -> (Report, Texts) {
        let notes = &mut self.report.notes;
        if let (rows @ 1.., first, text) = self.footers {
            notes.push(Note::Footer { rows, first, text });
        }
        if self.no_weight > 0 {
            notes.push(Note::NoWeight {
                rows: self.no_weight,
            });
        }
        if let (rows @ 1.., first) = self.no_contact {
            notes.push(Note::NoContact { rows, first });
        }
        if let (rows @ 1.., first) = self.no_address {
            notes.push(Note::NoAddress { rows, first });
        }
        (self.report, self.texts)
    }

    /// Whether a row has nothing but what a printed list has below its voters. It is counted then.
    fn is_footer(&mut self, row: &Row, line: u32) -> bool {
        let mut cells = row.cells().filter(|cell| !cell.is_empty());
        let (Some(text), None) = (cells.next(), cells.next()) else {
            return false;
        };
        let is_footer = is_footer(text) && !holds_code(text);
        if is_footer {
            let (rows, first, shown) = &mut self.footers;
            if *rows == 0 {
                *first = line;
                *shown = super::header::shown(text);
            }
            *rows += 1;
        }
        is_footer
    }

    /// Why a row cannot be read field by field.
    fn shape(&self, row: &Row) -> Option<What> {
        let columns = self.columns.names.len();
        if row.cells().eq(self.header.cells()) || is_header(row) {
            return Some(What::Header);
        }
        let beyond = (columns..row.len()).any(|at| !row.get(at).is_empty());
        if beyond || (row.len() < columns && self.source.separator().is_some()) {
            return Some(What::Fields {
                fields: row.len(),
                columns,
            });
        }
        let separator = self.source.separator()?;
        let mut until = line(row);
        for (at, field) in row.cells().enumerate() {
            let lines = text::breaks(field.as_bytes());
            until += lines;
            if lines > 0 && self.is_torn(at, field, separator) {
                return Some(What::LineBreak {
                    column: self.columns.name(at),
                    until,
                });
            }
        }
        None
    }

    /// Whether a field of several lines may well be several rows, between two quotes that do not
    /// belong together.
    fn is_torn(&self, at: usize, field: &str, separator: char) -> bool {
        let separators = self.columns.names.len().saturating_sub(1);
        let like_a_row = field
            .split(['\r', '\n'])
            .skip(1)
            .any(|part| part.matches(separator).count() >= separators);
        like_a_row || (self.columns.is_read(at) && field.contains(separator))
    }

    fn good(&mut self, row: &Row, line: u32, wanted: Wanted) -> Option<Good> {
        let before = self.report.faults.len();
        let mut faults = Vec::new();
        let mut texts = self.texts_of(row, &mut faults);
        let key = self.key(row, &mut texts, wanted.keys, &mut faults);
        self.misplaced(row, &mut texts, &mut faults);
        let [id, name, contact, _] = &texts;
        if id.is_empty()
            && name.is_empty()
            && contact.is_empty()
            && key.is_none()
            && faults.is_empty()
        {
            faults.push(What::Nobody);
        }
        let called = if name.is_empty() { id } else { name };
        let told_apart =
            !contact.is_empty() || key.is_some() || (!id.is_empty() && !name.is_empty());
        if !told_apart && is_total(called) {
            faults.push(What::Total);
        }
        let weight = self.weight(row, wanted.weights, &mut faults);
        let is_address = is_address(contact);
        let shown = if contact.contains('@') {
            ADDRESS_EXCERPT
        } else {
            EXCERPT
        };
        if !contact.is_empty() && !is_address && (self.columns.is_email || contact.contains('@')) {
            faults.push(What::Address {
                found: excerpt(contact, shown),
            });
        }
        self.report
            .faults
            .extend(faults.into_iter().map(|what| Fault { line, what }));
        if self.report.faults.len() > before {
            return None;
        }
        let count = |(rows, first): &mut (usize, u32)| {
            *first = if *rows == 0 { line } else { *first };
            *rows += 1;
        };
        if self.columns.contact.is_some() && contact.is_empty() {
            count(&mut self.no_contact);
        } else if !contact.is_empty() && !is_address {
            count(&mut self.no_address);
        }
        Some(Good {
            line,
            weight,
            key,
            texts: self.texts.keep(&texts),
        })
    }

    /// Takes away keys and secret codes from columns that are not for them: each is a fault, and no
    /// other fault may repeat it.
    fn misplaced(&self, row: &Row, texts: &mut [String; TEXTS], faults: &mut Vec<What>) {
        let Columns {
            id,
            name,
            contact,
            group,
            ..
        } = &self.columns;
        let columns = [id.as_slice(), name, contact.as_slice(), group.as_slice()];
        for (text, columns) in texts.iter_mut().zip(columns) {
            if text.len() < CODE_CHARACTERS {
                continue;
            }
            // Of the parts of a name, the one that has it; else it goes over both.
            let column = |holds: fn(&str) -> bool| {
                let part = columns.iter().find(|at| holds(row.get(**at)));
                let at = part.or_else(|| columns.first().filter(|_| holds(text)))?;
                Some(self.columns.name(*at))
            };
            let fault = match (column(is_key), column(holds_code)) {
                (Some(column), _) => What::KeyIn { column },
                (None, Some(column)) => What::CodeIn { column },
                (None, None) => continue,
            };
            faults.push(fault);
            text.clear();
        }
    }

    /// Id, name, contact and group, as they are shown.
    fn texts_of(&self, row: &Row, faults: &mut Vec<What>) -> [String; TEXTS] {
        let Columns {
            id,
            name,
            contact,
            group,
            ..
        } = &self.columns;
        let mut text = |at: usize| match tidy(unguarded(row.get(at))) {
            Ok(text) if text.len() > FIELD_BYTES_MAX => {
                faults.push(What::Long {
                    column: self.columns.name(at),
                    bytes: text.len(),
                });
                String::new()
            }
            Ok(text) => text,
            Err(InvalidName::Empty) => String::new(),
            Err(InvalidName::TooLong(bytes)) => {
                faults.push(What::Long {
                    column: self.columns.name(at),
                    bytes,
                });
                String::new()
            }
            Err(InvalidName::Control(_)) => {
                faults.push(What::Control {
                    column: self.columns.name(at),
                });
                String::new()
            }
        };
        let id = id.map(&mut text).unwrap_or_default();
        let parts: Vec<_> = name
            .iter()
            .map(|at| text(*at))
            .filter(|part| !part.is_empty())
            .collect();
        // What cannot be seen came with the clipboard.
        let contact = contact
            .map(&mut text)
            .map(|text| look(&text).into_owned())
            .unwrap_or_default();
        [
            id,
            parts.join(" "),
            contact,
            group.map(&mut text).unwrap_or_default(),
        ]
    }

    /// The row's key, if it has one. In a list without a column for it, a name can be one.
    fn key(
        &self,
        row: &Row,
        texts: &mut [String; TEXTS],
        wanted: bool,
        faults: &mut Vec<What>,
    ) -> Option<PublicKey> {
        let Some(at) = self.columns.key else {
            let key = texts[1].parse().ok()?;
            texts[1].clear();
            return Some(key);
        };
        let text = row.get(at);
        match text.parse() {
            Ok(key) => return Some(key),
            Err(_) if !text.is_empty() => faults.push(What::Key {
                found: excerpt(text, EXCERPT),
            }),
            Err(_) if wanted => faults.push(What::NoKey),
            Err(_) => {}
        }
        None
    }

    fn weight(&mut self, row: &Row, others: bool, faults: &mut Vec<What>) -> u32 {
        let text = self.columns.weight.map_or("", |at| row.get(at));
        if text.is_empty() {
            self.no_weight += usize::from(self.columns.weight.is_some());
            return 1;
        }
        // Spreadsheets write 2 as 2.0 at times. Rust would read a sign.
        let (whole, zeros) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = whole.bytes().all(|byte| byte.is_ascii_digit());
        // Three zeros could be thousands.
        let is_whole = matches!(zeros.len(), 1 | 2) && zeros.bytes().all(|byte| byte == b'0');
        let weight = whole
            .parse()
            .ok()
            .filter(|weight| is_number && is_whole && (1..=WEIGHT_MAX).contains(weight));
        match weight {
            None => faults.push(What::Weight {
                found: excerpt(text, EXCERPT),
            }),
            Some(weight) if weight != 1 && !others => faults.push(What::Unequal { weight }),
            Some(_) => {}
        }
        weight.unwrap_or(1)
    }
}

fn line(row: &Row) -> u32 {
    u32::try_from(row.line).unwrap_or(u32::MAX)
}

/// How the fields of a text are most likely separated: so that the header has most words that are
/// known, and then most columns.
pub(super) fn likely(text: &str) -> Records<'_> {
    let mut best = (0, 0, Records::new(text, 0, 1, SEPARATORS[0]));
    for separator in SEPARATORS {
        let records = Records::new(text, 0, 1, separator);
        let mut source = Source::Text(records.clone());
        // A sheet's rows can fail, a text's cannot.
        let rows: VecDeque<_> = std::iter::from_fn(|| source.next(0).ok().flatten())
            .take(HEADER_ROWS)
            .collect();
        let (at, known) = header_among(&rows);
        let columns = rows.get(at).map_or(0, |read| read.row.len());
        if (known, columns) > (best.0, best.1) {
            best = (known, columns, records);
        }
    }
    best.2
}

/// The row whose words are known best, the first of several, and how many they are.
fn header_among(rows: &VecDeque<Read>) -> (usize, usize) {
    let mut best = (0, 0);
    for (at, read) in rows.iter().enumerate() {
        let known = if read.fault.is_some() {
            0
        } else {
            known_columns(&read.row)
        };
        if known > best.1 {
            best = (at, known);
        }
    }
    best
}

/// The rows above a header: each has fewer cells with content than it, or an empty line between.
fn titles(rows: &VecDeque<Read>, header: usize) -> Result<Vec<Note>, Fault> {
    let filled = |read: &Read| read.row.cells().filter(|cell| !cell.is_empty()).count();
    let mut notes = Vec::new();
    for (at, read) in rows.iter().take(header).enumerate() {
        let line = line(&read.row);
        if let Some(what) = &read.fault {
            return Err(Fault {
                line,
                what: what.clone(),
            });
        }
        let apart = rows.range(at + 1..=header).any(|below| below.after_blank);
        let like_a_voter = read
            .row
            .cells()
            .any(|cell| is_address(cell) || is_key(cell));
        if like_a_voter || !(apart || filled(read) < filled(&rows[header])) {
            return Err(Fault {
                line,
                what: What::Above {
                    header: self::line(&rows[header].row),
                },
            });
        }
        let text: Vec<_> = read.row.cells().filter(|cell| !cell.is_empty()).collect();
        notes.push(Note::Title {
            line,
            text: shown(&text.join(" ")),
        });
    }
    Ok(notes)
}

fn is_key(text: &str) -> bool {
    text.parse::<PublicKey>().is_ok()
}

fn holds_code(text: &str) -> bool {
    text.len() >= CODE_CHARACTERS && VoterCode::is_in(&look(text))
}

/// That a secret code stands in a header, or in a line above one, which notes repeat.
fn code_in(row: &Row) -> Option<Fault> {
    let holds = |text: &str| holds_code(&text.chars().take(SEARCHED).collect::<String>());
    let cells: Vec<_> = row.cells().filter(|cell| !cell.is_empty()).collect();
    if !holds(&cells.join(" ")) && !cells.iter().any(|cell| holds(cell)) {
        return None;
    }
    let part = row.cells().position(holds);
    let at = part.or_else(|| row.cells().position(|cell| !cell.is_empty()))?;
    let column = format!("column {}", at + 1);
    Some(Fault {
        line: line(row),
        what: What::CodeIn { column },
    })
}

/// A plain check: one `@`, something before it, and behind it names with points between, none of it
/// with spaces.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_dotted = |text: &str| text.split('.').all(|part| !part.is_empty());
    let odd = |c: char| c.is_whitespace() || "@,;:<>()[]\\\"".contains(c);
    is_dotted(local)
        && domain.contains('.')
        && is_dotted(domain)
        && !local.contains(odd)
        && !domain.contains(odd)
}

/// The beginning of a field.
pub(super) fn excerpt(text: &str, characters: usize) -> String {
    let mut excerpt: String = text.chars().take(characters).collect();
    if excerpt.len() < text.len() {
        excerpt.push('\u{2026}');
    }
    crate::output::clean(&excerpt)
}

/// An id as it is compared: `007` and `7.0` are `7`, which spreadsheets make of them, and capitals
/// do not matter.
pub(crate) fn same_id(id: &str) -> String {
    let id = folded(id.trim_start_matches('\''));
    let (whole, zeros) = id.split_once('.').unwrap_or((&id, ""));
    let is_number = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || zeros.bytes().any(|byte| byte != b'0') {
        return id;
    }
    let digits = whole.trim_start_matches('0');
    if digits.is_empty() {
        "0".into()
    } else {
        digits.into()
    }
}

/// Bytes of a file that can be read.
pub(super) fn check_size(bytes: usize) -> Result<(), Fault> {
    if bytes > FILE_BYTES_MAX {
        Err(Fault {
            line: 1,
            what: What::Large { bytes },
        })
    } else {
        Ok(())
    }
}
