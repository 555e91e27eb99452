//! Spreadsheets (.xlsx), opened within bounds: a small file can unpack to a very large one. Does
//! not know what is in their cells.

mod merged;
mod shown;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use calamine::{DataRef, Reader, Xlsx, XlsxCellReader};
use vote_counting::formats::FormatError;
use vote_counting::formats::table::{Row, Rows};

use merged::Merged;
use shown::Formats;

/// Bytes of all sheets, unpacked; they are read piece by piece.
const SHEETS_BYTES_MAX: usize = 1 << 30;
/// Bytes of everything else, unpacked: texts, styles, pictures. Texts are kept in memory.
const OTHERS_BYTES_MAX: usize = 128 << 20;
/// Files inside.
const FILES_MAX: usize = 2_000;
/// Bytes of a piece of XML, which is kept in memory: a tag, or a text.
const PIECE_BYTES_MAX: usize = 1 << 20;
/// Columns of a sheet that is read.
const COLUMNS_MAX: usize = 10_000;
/// From here on not every whole number is one of 64 bits with a point.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// Merged cells, and groups of hidden columns, which are kept in memory.
const MERGED_MAX: usize = 100_000;
/// Texts for which a file may ask for memory at once.
const TEXTS_MAX: usize = 4 << 20;
/// What of a file is no XML, by the end of its name; a sheet can be called anything.
const NO_XML: &[&str] = &[
    ".bin", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".emf", ".wmf",
];
/// How a file asks for it.
const TEXTS: &[u8] = b"uniqueCount";

/// A spreadsheet, and the sheet of it that is meant.
pub(crate) struct Spreadsheet {
    file: Xlsx<BufReader<File>>,
    sheet: String,
    merged: Merged,
    formats: Formats,
    /// Rows of all sheets that a spreadsheet program does not show.
    pub(crate) hidden_rows: u64,
    /// First and last of columns, from 1, of all sheets that it does not show.
    hidden_columns: Vec<(u32, u32)>,
}

impl Spreadsheet {
    /// Opens a file; without `sheet`, it must have one sheet with content.
    pub(crate) fn open(path: &Path, sheet: Option<&str>) -> Result<Self, String> {
        let open = || {
            File::open(path)
                .map(BufReader::new)
                .map_err(|error| error.to_string())
        };
        check_kind(open()?)?;
        let Contents {
            hidden_rows,
            hidden_columns,
            merged,
        } = check(open()?)?;
        let mut file: Xlsx<_> = Xlsx::new(open()?).map_err(unreadable)?;
        let sheet = match sheet {
            Some(sheet) => sheet.to_owned(),
            None => only_sheet(&mut file)?,
        };
        if !file.sheet_names().contains(&sheet) {
            return Err(format!(
                "there is no sheet {sheet:?}; there are: {}",
                file.sheet_names().join(", ")
            ));
        }
        let merged = if merged > 0 {
            file.merge_cells_by_sheet_name(&sheet).map_err(unreadable)?
        } else {
            Vec::new()
        };
        let formats = formats(&mut file, &sheet)?;
        Ok(Self {
            file,
            sheet,
            merged: Merged::new(merged),
            formats,
            hidden_rows,
            hidden_columns,
        })
    }

    /// The rows of the sheet.
    pub(crate) fn rows(&mut self) -> Result<SheetRows<'_>, String> {
        let cells = self
            .file
            .worksheet_cells_reader(&self.sheet)
            .map_err(unreadable)?;
        let (merged, formats) = (&mut self.merged, &mut self.formats);
        Ok(SheetRows {
            cells,
            merged,
            formats,
            hidden: &self.hidden_columns,
            next: None,
            ended: false,
            width: 0,
        })
    }
}

/// How cells show their numbers, which takes another look at the sheet only where any does it in a
/// way that matters.
fn formats<RS: Read + Seek>(file: &mut Xlsx<RS>, sheet: &str) -> Result<Formats, String> {
    let mut cells = file.worksheet_cells_reader(sheet).map_err(unreadable)?;
    let code = |style: &calamine::Style| {
        style
            .number_format
            .as_ref()
            .map(|format| format.format_code.clone())
    };
    let codes: Vec<_> = cells.styles().iter().map(code).collect();
    let mut formats = Formats::new(codes.iter().map(Option::as_deref));
    if formats.matter() {
        while let Some((row, column, style)) = cells.next_style_id().map_err(unreadable)? {
            formats.add(row, column, style)?;
        }
    }
    Ok(formats)
}

fn unreadable(error: impl std::fmt::Display) -> String {
    format!("this is no spreadsheet that can be read: {error}")
}

fn only_sheet<RS: Read + Seek>(file: &mut Xlsx<RS>) -> Result<String, String> {
    let mut filled = Vec::new();
    for name in file.sheet_names() {
        // A sheet of charts has no cells.
        if let Ok(mut cells) = file.worksheet_cells_reader(&name)
            && let Ok(Some(_)) = cells.next_cell()
        {
            filled.push(name);
        }
    }
    match filled.len() {
        1 => Ok(filled.remove(0)),
        0 => Err("no sheet has any content".into()),
        number => Err(format!(
            "{number} sheets have content: say which, with --sheet: {}",
            filled.join(", ")
        )),
    }
}

/// Says what a file is that begins like no `.xlsx`.
fn check_kind(file: impl Read) -> Result<(), String> {
    const OLD: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];
    let mut start = Vec::new();
    file.take(OLD.len() as u64)
        .read_to_end(&mut start)
        .map_err(|error| error.to_string())?;
    if start == OLD {
        return Err("this is no spreadsheet that can be read: it is in the old form (.xls), or has a password: save it as .xlsx, without one".into());
    }
    if start.starts_with(b"PK") {
        return Ok(());
    }
    Err("this is no spreadsheet, whatever its name says: if it is a text with commas or semicolons, let the name end in .csv".into())
}

/// What the sheets of a file have besides cells.
#[derive(Default)]
struct Contents {
    hidden_rows: u64,
    hidden_columns: Vec<(u32, u32)>,
    merged: usize,
}

/// Looks through what is packed, without keeping any of it, before anything is.
fn check(file: impl Read + Seek) -> Result<Contents, String> {
    let mut archive = zip::ZipArchive::new(file).map_err(unreadable)?;
    if archive.len() > FILES_MAX {
        return Err(format!(
            "{} files are packed into it; {FILES_MAX} may be",
            archive.len()
        ));
    }
    let mut sheets = 0;
    let mut others = 0;
    let mut contents = Contents::default();
    let mut buffer = vec![0; 1 << 16];
    for at in 0..archive.len() {
        let mut packed = archive.by_index(at).map_err(unreadable)?;
        let name = packed.name().map_err(unreadable)?.to_ascii_lowercase();
        let is_sheet = name.contains("worksheets/");
        let is_xml = is_sheet || !NO_XML.iter().any(|end| name.ends_with(end));
        let (bytes, bytes_max) = if is_sheet {
            (&mut sheets, SHEETS_BYTES_MAX)
        } else {
            (&mut others, OTHERS_BYTES_MAX)
        };
        let mut scan = Scan::default();
        loop {
            let read = packed.read(&mut buffer).map_err(unreadable)?;
            if read == 0 {
                break;
            }
            *bytes += read;
            if *bytes > bytes_max {
                return Err(format!("it unpacks to more than {bytes_max} bytes"));
            }
            if is_xml {
                scan.look(&buffer[..read])?;
            }
        }
        // Which parts are sheets, relationships say; no other has such tags.
        contents.hidden_rows += scan.contents.hidden_rows;
        contents
            .hidden_columns
            .append(&mut scan.contents.hidden_columns);
        contents.merged += scan.contents.merged;
        if contents.merged.max(contents.hidden_columns.len()) > MERGED_MAX {
            return Err(format!(
                "it has more than {MERGED_MAX} merged cells or hidden columns"
            ));
        }
    }
    Ok(contents)
}

/// Looks at XML for what would take much memory.
#[derive(Default)]
struct Scan {
    /// Bytes since a tag began.
    piece: usize,
    /// The end of what was looked at, where a word may go on.
    tail: Vec<u8>,
    /// The start of the tag that is open, or was last.
    tag: Vec<u8>,
    in_tag: bool,
    contents: Contents,
}

/// Bytes of a tag in which an attribute is looked for.
const TAG_BYTES: usize = 512;

/// The value of a tag's attribute.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut words = tag
        .split_whitespace()
        .skip(1)
        .filter_map(|word| word.split_once('='));
    let (_, value) = words.find(|(word, _)| *word == name)?;
    Some(value.trim_matches(['"', '\'', '/']))
}

impl Contents {
    /// Takes note of a tag of a sheet.
    fn look(&mut self, tag: &[u8]) {
        const HIDDEN: &[u8] = b"hidden";
        const MERGED: &[u8] = b"mergeCell";
        let has = |word: &[u8]| tag.windows(word.len()).any(|part| part == word);
        if !has(HIDDEN) && !has(MERGED) {
            return;
        }
        let tag = String::from_utf8_lossy(tag);
        let name = tag
            .split_whitespace()
            .next()
            .and_then(|name| name.rsplit(':').next());
        let is_hidden =
            attribute(&tag, "hidden").is_some_and(|value| matches!(value, "1" | "true"));
        let number = |name| attribute(&tag, name)?.parse().ok();
        match name {
            Some("mergeCell") => self.merged += 1,
            Some("row") if is_hidden => self.hidden_rows += 1,
            Some("col") if is_hidden && self.hidden_columns.len() <= MERGED_MAX => {
                self.hidden_columns.extend(number("min").zip(number("max")));
            }
            _ => {}
        }
    }
}

impl Scan {
    fn look_for_row(&mut self, byte: u8) {
        match byte {
            b'<' => {
                self.tag.clear();
                self.in_tag = true;
            }
            b'>' if self.in_tag => {
                self.contents.look(&self.tag);
                self.in_tag = false;
            }
            _ if self.in_tag && self.tag.len() < TAG_BYTES => self.tag.push(byte),
            _ => {}
        }
    }

    fn look(&mut self, bytes: &[u8]) -> Result<(), String> {
        for byte in bytes {
            self.piece = if *byte == b'<' { 0 } else { self.piece + 1 };
            if self.piece > PIECE_BYTES_MAX {
                return Err(format!(
                    "a text in it has more than {PIECE_BYTES_MAX} bytes"
                ));
            }
            self.look_for_row(*byte);
        }
        const WORD: usize = 64;
        self.tail.extend_from_slice(bytes);
        for at in 0..self.tail.len().saturating_sub(TEXTS.len()) {
            if self.tail[at] == TEXTS[0] && self.tail[at..].starts_with(TEXTS) {
                let behind = self.tail[at + TEXTS.len()..].iter().take(WORD);
                let digits: String = behind
                    .copied()
                    .skip_while(|byte| !byte.is_ascii_digit())
                    .take_while(u8::is_ascii_digit)
                    .map(char::from)
                    .collect();
                if digits
                    .parse::<usize>()
                    .map_or(!digits.is_empty(), |texts| texts > TEXTS_MAX)
                {
                    return Err(format!(
                        "it says that it has {digits} texts; {TEXTS_MAX} may be"
                    ));
                }
            }
        }
        let keep = self.tail.len().saturating_sub(2 * WORD);
        self.tail.drain(..keep);
        Ok(())
    }
}

/// The rows of a sheet that have content; each as wide as the first.
pub(crate) struct SheetRows<'a> {
    cells: XlsxCellReader<'a, BufReader<File>>,
    merged: &'a mut Merged,
    formats: &'a mut Formats,
    hidden: &'a [(u32, u32)],
    /// The first cell of the next row.
    next: Option<Cell>,
    /// There are no more cells; to ask again would be an error.
    ended: bool,
    width: usize,
}

/// The name of a column, from 0: A, B .. Z, AA.
fn letters(column: u32) -> String {
    let last = char::from(b'A' + (column % 26) as u8);
    match column / 26 {
        0 => last.into(),
        before => format!("{}{last}", letters(before - 1)),
    }
}

struct Cell {
    row: usize,
    column: usize,
    text: String,
}

impl SheetRows<'_> {
    /// The columns of what was read that a spreadsheet program does not show, by their letters.
    pub(crate) fn hidden_columns(&self) -> String {
        let width = u32::try_from(self.width).unwrap_or(u32::MAX);
        // Of groups that overlap, the one that goes furthest.
        let mut until: BTreeMap<u32, u32> = BTreeMap::new();
        for (first, last) in self.hidden {
            let furthest = until.entry((*first).max(1)).or_default();
            *furthest = (*last).min(width).max(*furthest);
        }
        let mut columns = Vec::new();
        let mut next = 1;
        for (first, last) in until {
            columns.extend((first.max(next)..=last).map(|column| letters(column - 1)));
            next = next.max(last + 1);
        }
        columns.join(", ")
    }

    /// The next cell with content.
    fn cell(&mut self, line: usize) -> Result<Option<Cell>, FormatError> {
        let fault = |line, reason: String| FormatError { line, reason };
        while !self.ended {
            let cell = self
                .cells
                .next_cell_with_formula_metadata()
                .map_err(|error| fault(line, unreadable(error)))?;
            let Some(cell) = cell else {
                self.ended = true;
                return Ok(None);
            };
            let (row, column) = cell.pos;
            let row = row as usize + 1;
            let text = match &cell.value {
                DataRef::Empty if cell.formula.is_some() => {
                    let reason = format!(
                        "cell {}{row} has a formula and no value: open the file in a spreadsheet program, and save it",
                        letters(column)
                    );
                    return Err(fault(row, reason));
                }
                DataRef::Empty => continue,
                DataRef::Int(number) => self.formats.text(cell.pos.0, column, number.to_string()),
                DataRef::Float(number) if number.abs() >= EXACT_MAX => {
                    let reason = "a number of more than 15 digits: make a text of it, since \
                                  spreadsheets keep no more of a number";
                    return Err(fault(row, reason.into()));
                }
                // Rust writes a whole number without a point, and others as short as can be.
                DataRef::Float(number) => self.formats.text(cell.pos.0, column, number.to_string()),
                DataRef::String(text) => text.clone(),
                DataRef::SharedString(text) => (*text).to_owned(),
                DataRef::Bool(yes) => if *yes { "TRUE" } else { "FALSE" }.to_owned(),
                DataRef::DateTime(time) if time.is_duration() => time.as_f64().to_string(),
                // As it is read by people: a number of days would pass for an amount.
                DataRef::DateTime(time) => {
                    let (year, month, day, hour, minute, ..) = time.to_ymd_hms_milli();
                    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}")
                        .replace(" 00:00", "")
                }
                DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
                DataRef::Error(error) => {
                    return Err(fault(row, format!("a cell has an error: {error}")));
                }
            };
            if !text.trim().is_empty() {
                return Ok(Some(Cell {
                    row,
                    column: column as usize,
                    text,
                }));
            }
        }
        Ok(None)
    }
}

impl Rows for SheetRows<'_> {
    fn next(&mut self, row: &mut Row) -> Result<bool, FormatError> {
        let first = match self.next.take() {
            Some(cell) => Some(cell),
            None => self.cell(1)?,
        };
        let Some(Cell {
            row: line,
            column,
            text,
        }) = first
        else {
            return Ok(false);
        };
        row.clear(line);
        let mut cell = Some((column, text));
        let mut filled = 0;
        while let Some((column, text)) = cell.take() {
            let reason = if column >= COLUMNS_MAX {
                format!("column {}; {COLUMNS_MAX} columns are read", column + 1)
            } else if column < row.len() {
                "cells are not in their order".to_owned()
            } else {
                (row.len()..column).for_each(|_| row.push(""));
                row.push(&text);
                filled += 1;
                match self.cell(line)? {
                    Some(next) if next.row == line => cell = Some((next.column, next.text)),
                    Some(next) if next.row < line => {
                        return Err(FormatError {
                            line,
                            reason: "rows are not in their order".into(),
                        });
                    }
                    next => self.next = next,
                }
                continue;
            };
            return Err(FormatError { line, reason });
        }
        if let Some(reason) = self
            .merged
            .refuse(u32::try_from(line - 1).unwrap_or(u32::MAX), filled)
        {
            return Err(FormatError { line, reason });
        }
        // A row ends with its last text, the first with the last column.
        self.width = if self.width == 0 {
            row.len()
        } else {
            self.width
        };
        (row.len()..self.width).for_each(|_| row.push(""));
        Ok(true)
    }
}

#[cfg(test)]
pub(crate) mod tests;
