//! Rows and columns of a CSV file. Does not know which rows belong together.

use csv::{ErrorKind, StringRecord};
use vote_chain::PublicKey;
use vote_counting::formats::cell::unguarded;

use super::fault::{Fault, FileFault, Note, RowFault};
use super::{COLUMNS_MAX, FIELD_BYTES_MAX, FILE_BYTES_MAX, Person, ROWS_MAX, Report, WEIGHT_MAX};
use crate::output::clean;

const TEXTS: usize = 4;
/// Characters of a field that a fault repeats: enough to find it, not enough to give away a secret in the wrong column.
const EXCERPT: usize = 12;
const NAME_CHARACTERS_MAX: usize = 40;

/// Which column is where; `texts` are id, name, contact, group.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) key: Option<usize>,
    weight: Option<usize>,
    texts: [Option<usize>; TEXTS],
    names: Vec<String>,
    has_keys: bool,
}

impl Columns {
    fn read(header: &StringRecord) -> Result<(Self, Vec<Note>), FileFault> {
        if header.len() > COLUMNS_MAX {
            return Err(FileFault::TooManyColumns { columns: header.len() });
        }
        let mut columns = Self::default();
        let mut notes = Vec::new();
        for (at, name) in header.iter().map(str::trim).enumerate() {
            let shown: String = clean(name).chars().take(NAME_CHARACTERS_MAX).collect();
            columns.has_keys |= name.parse::<PublicKey>().is_ok();
            columns.names.push(shown.clone());
            let Some(place) = columns.place(&name.to_lowercase()) else {
                notes.push(Note::UnknownColumn { name: shown, number: at + 1 });
                continue;
            };
            if let Some(first) = place.replace(at) {
                return Err(FileFault::ColumnTwice { first: columns.names[first].clone(), second: shown });
            }
        }
        Ok((columns, notes))
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<usize>> {
        let [id, person, contact, group] = &mut self.texts;
        match name {
            "key" => Some(&mut self.key),
            "weight" => Some(&mut self.weight),
            "id" => Some(id),
            "name" => Some(person),
            "contact" | "email" => Some(contact),
            "group" => Some(group),
            _ => None,
        }
    }

    /// Whether there is an id or a name.
    pub(super) const fn can_name(&self) -> bool {
        let [id, name, ..] = self.texts;
        id.is_some() || name.is_some()
    }

    /// Why there is no such column.
    pub(super) fn missing(&self, wanted: &'static str) -> FileFault {
        if self.has_keys {
            return FileFault::NoHeader;
        }
        FileFault::MissingColumn { wanted, found: self.names.clone() }
    }

    fn name(&self, at: usize) -> String {
        match self.names.get(at) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => format!("column {}", at + 1),
        }
    }
}

/// Texts of all rows in one piece: a million rows are not four million allocations.
#[derive(Debug, Default)]
pub(super) struct Texts {
    buffer: String,
    /// Where each text of a row ends.
    ends: Vec<[u32; TEXTS]>,
}

impl Texts {
    /// The texts of the row that [`Table::keep_texts`] gave this number.
    pub(super) fn person(&self, row: u32) -> Person<'_> {
        let Some(ends) = self.ends.get(row as usize) else { return Person::default() };
        let mut start = row.checked_sub(1).map_or(0, |before| self.ends[before as usize][TEXTS - 1]);
        let [id, name, contact, group] = ends.map(|end| {
            let text = &self.buffer[start as usize..end as usize];
            start = end;
            text
        });
        Person { id, name, contact, group }
    }
}

/// Turns places into lines, from the first to the last.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl Lines<'_> {
    /// The line of the first content at or after a place, counted from the beginning of the file.
    fn of_content_after(&mut self, place: usize) -> u32 {
        let breaks = self.bytes[place..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.line += breaks_in(self.bytes, self.at, place + breaks);
        self.at = place + breaks;
        self.line
    }

    /// The line of the last content before a place.
    fn of_content_before(&self, place: usize) -> u32 {
        let breaks = self.bytes[..place].iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.line + breaks_in(self.bytes, self.at, (place - breaks).max(self.at))
    }
}

/// Counts LF, CRLF and CR alone.
fn breaks_in(bytes: &[u8], start: usize, end: usize) -> u32 {
    let is_break = |at: &usize| match bytes[*at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    (start..end).filter(is_break).fold(0, |count, _| count + 1)
}

/// A file that is read row by row; the methods about a field are about the row that was read last.
pub(super) struct Table<'a> {
    pub(super) columns: Columns,
    reader: csv::Reader<&'a [u8]>,
    record: StringRecord,
    lines: Lines<'a>,
    report: Report,
    texts: Texts,
    without_weight: usize,
}

impl<'a> Table<'a> {
    /// Reads the header.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, FileFault> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(FileFault::TooLarge { bytes: bytes.len() });
        }
        if bytes.starts_with(b"PK\x03\x04") {
            return Err(FileFault::Spreadsheet);
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(FileFault::Encoding);
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator(bytes)).from_reader(bytes);
        let mut record = StringRecord::new();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Err(FileFault::Empty),
            Err(error) if matches!(error.kind(), ErrorKind::Utf8 { .. }) => return Err(FileFault::Encoding),
            Err(error) => return Err(error.into()),
        }
        let (columns, notes) = Columns::read(&record)?;
        Ok(Self {
            columns,
            reader,
            record,
            lines: Lines { bytes, at: 0, line: 1 },
            report: Report { notes, ..Report::default() },
            texts: Texts::default(),
            without_weight: 0,
        })
    }

    /// Goes to the next row whose fields can be read, past those that cannot, and returns its line.
    pub(super) fn next_row(&mut self) -> Result<Option<u32>, FileFault> {
        loop {
            let start = self.place();
            let shape = match self.reader.read_record(&mut self.record) {
                Ok(false) => return Ok(None),
                Ok(true) if self.record.iter().all(|field| field.trim().is_empty()) => continue,
                Ok(true) => self.shape(),
                Err(error) => match error.kind() {
                    ErrorKind::Utf8 { err, .. } => Err(RowFault::Encoding { column: self.columns.name(err.field()) }),
                    _ => return Err(error.into()),
                },
            };
            let line = self.lines.of_content_after(start);
            self.report.rows += 1;
            if self.report.rows > ROWS_MAX {
                return Err(FileFault::TooManyRows);
            }
            match shape {
                Ok(()) => return Ok(Some(line)),
                Err(what) => self.report.faults.push(Fault { line, what }),
            }
        }
    }

    /// The row's key, or a fault.
    pub(super) fn key(&mut self, line: u32) -> Option<PublicKey> {
        let text = field(&self.record, self.columns.key);
        let what = match text.parse() {
            Ok(key) => return Some(key),
            Err(_) if text.is_empty() => RowFault::NoKey,
            Err(_) => RowFault::Key { found: excerpt(text), characters: text.chars().count() },
        };
        self.report.faults.push(Fault { line, what });
        None
    }

    /// The row's weight, or a fault.
    pub(super) fn weight(&mut self, line: u32) -> Option<u32> {
        let text = field(&self.record, self.columns.weight);
        if text.is_empty() {
            self.without_weight += usize::from(self.columns.weight.is_some());
            return Some(1);
        }
        // Rust would read a sign.
        let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let weight = digits.and_then(|text| text.parse().ok()).filter(|weight| (1..=WEIGHT_MAX).contains(weight));
        if weight.is_none() {
            self.report.faults.push(Fault { line, what: RowFault::Weight { found: excerpt(text) } });
        }
        weight
    }

    /// Whether the row has an id or a name; if not, that is a fault.
    pub(super) fn is_somebody(&mut self, line: u32) -> bool {
        let [id, name, ..] = self.columns.texts;
        let somebody = [id, name].into_iter().any(|column| !field(&self.record, column).is_empty());
        if !somebody {
            self.report.faults.push(Fault { line, what: RowFault::Nobody });
        }
        somebody
    }

    /// Keeps the row's texts; the number is for [`Texts::person`].
    pub(super) fn keep_texts(&mut self) -> u32 {
        let Texts { buffer, ends } = &mut self.texts;
        let row = u32::try_from(ends.len()).expect("ROWS_MAX fits");
        if self.columns.texts.iter().any(Option::is_some) {
            ends.push(self.columns.texts.map(|column| {
                buffer.push_str(unguarded(field(&self.record, column)));
                u32::try_from(buffer.len()).expect("FILE_BYTES_MAX fits")
            }));
        }
        row
    }

    /// What was found, but for the rows.
    pub(super) fn close(mut self) -> (Report, Texts) {
        if self.without_weight > 0 {
            self.report.notes.push(Note::NoWeight { rows: self.without_weight });
        }
        (self.report, self.texts)
    }

    /// Where the reader is; the line feed of the last row may be still ahead.
    fn place(&self) -> usize {
        usize::try_from(self.reader.position().byte()).expect("FILE_BYTES_MAX fits")
    }

    /// Whether the row can be read field by field.
    fn shape(&self) -> Result<(), RowFault> {
        let name = |at| self.columns.name(at);
        let of_header = self.columns.names.len();
        if has_control(self.record.as_slice()) {
            let at = |fits: fn(&str) -> bool| self.record.iter().position(fits);
            if let Some(at) = at(|field| field.contains(['\r', '\n'])) {
                let until = self.lines.of_content_before(self.place());
                return Err(RowFault::LineBreak { column: name(at), until });
            }
            if let Some(at) = at(has_control) {
                return Err(RowFault::Control { column: name(at) });
            }
        }
        if let Some((at, field)) = self.record.iter().enumerate().find(|(_, field)| field.len() > FIELD_BYTES_MAX) {
            return Err(RowFault::TooLong { column: name(at), bytes: field.len() });
        }
        let fields = self.record.len();
        if fields < of_header || self.record.iter().skip(of_header).any(|field| !field.trim().is_empty()) {
            return Err(RowFault::FieldCount { fields, columns: of_header });
        }
        Ok(())
    }
}

fn field(record: &StringRecord, column: Option<usize>) -> &str {
    column.and_then(|at| record.get(at)).unwrap_or("").trim()
}

fn excerpt(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT).collect();
    if excerpt.len() < text.len() {
        excerpt.push('\u{2026}');
    }
    excerpt
}

fn has_control(text: &str) -> bool {
    let ascii = |byte: u8| byte < b' ' || byte == 0x7f;
    text.bytes().any(ascii) || (!text.is_ascii() && text.chars().any(char::is_control))
}

/// The separator of which the first line with content has most outside of quotes.
fn separator(bytes: &[u8]) -> u8 {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let header = bytes.iter().skip_while(|byte| is_break(byte)).take_while(|byte| !is_break(byte));
    let mut quoted = false;
    let mut counts = [(0, b'\t'), (0, b';'), (0, b',')];
    for byte in header {
        quoted ^= *byte == b'"';
        counts.iter_mut().filter(|(_, separator)| !quoted && separator == byte).for_each(|(count, _)| *count += 1);
    }
    counts.into_iter().max_by_key(|(count, _)| *count).map_or(b',', |(_, separator)| separator)
}
