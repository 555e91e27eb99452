//! Spreadsheets (.xlsx), opened within bounds: a small file can unpack to a very large one. Does
//! not know what is in their cells.

mod ahead;
mod merged;
mod scan;
mod shown;

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use calamine::{DataRef, Reader, Xlsx, XlsxCellReader};
use vote_counting::formats::FormatError;
use vote_counting::formats::table::{Row, Rows};

pub(crate) use ahead::ahead;
use merged::Merged;
use scan::{Contents, MERGED_MAX, Scan};
use shown::Formats;

/// Bytes of all sheets, unpacked; they are read piece by piece.
const SHEETS_BYTES_MAX: usize = 1 << 30;
/// Bytes of everything else, unpacked: texts, styles, pictures. Texts are kept in memory.
const OTHERS_BYTES_MAX: usize = 128 << 20;
/// Files inside.
const FILES_MAX: usize = 2_000;
/// Columns of a sheet that is read.
const COLUMNS_MAX: usize = 10_000;
/// From here on not every whole number is one of 64 bits with a point.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// What of a file is no XML, by the end of its name; a sheet can be called anything.
const NO_XML: &[&str] = &[
    ".bin", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".emf", ".wmf",
];

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
            text: String::new(),
            ended: false,
            width: 0,
        })
    }
}

/// How cells show what is in them, which takes another look at the sheet only where any does it in
/// a way that matters.
fn formats<RS: Read + Seek>(file: &mut Xlsx<RS>, sheet: &str) -> Result<Formats, String> {
    let mut cells = file.worksheet_cells_reader(sheet).map_err(unreadable)?;
    let code = |style: &calamine::Style| {
        let format = style.number_format.as_ref();
        format.map(|format| format.format_code.clone())
    };
    let is_struck = |style: &calamine::Style| {
        let font = style.font.as_ref();
        font.is_some_and(|font| font.strikethrough)
    };
    let styles: Vec<_> = cells
        .styles()
        .iter()
        .map(|style| (code(style), is_struck(style)))
        .collect();
    let mut formats = Formats::new(
        styles
            .iter()
            .map(|(code, is_struck)| (code.as_deref(), *is_struck)),
    );
    if formats.matter() {
        while let Some((row, column, style)) = cells.next_style_id().map_err(unreadable)? {
            formats.add(row, column, style)?;
        }
    }
    Ok(formats)
}

fn unreadable(error: impl Display) -> String {
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
        let mut found = scan.end()?;
        // Which parts are sheets, relationships say; no other has such tags.
        contents.hidden_rows += found.hidden_rows;
        contents.hidden_columns.append(&mut found.hidden_columns);
        contents.merged += found.merged;
        if contents.merged.max(contents.hidden_columns.len()) > MERGED_MAX {
            return Err(format!(
                "it has more than {MERGED_MAX} merged cells or hidden columns"
            ));
        }
    }
    Ok(contents)
}

/// The rows of a sheet that have content; each as wide as the first.
pub(crate) struct SheetRows<'a> {
    cells: XlsxCellReader<'a, BufReader<File>>,
    merged: &'a mut Merged,
    formats: &'a mut Formats,
    hidden: &'a [(u32, u32)],
    /// Row (from 1) and column (from 0) of the cell that was read last, if it is of a row to come.
    next: Option<(usize, usize)>,
    /// The text of that cell.
    text: String,
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

    /// Reads the next cell with content: its row, from 1, and column, from 0; `text` is what is in
    /// it.
    fn cell(&mut self, line: usize) -> Result<Option<(usize, usize)>, FormatError> {
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
            let text = &mut self.text;
            text.clear();
            match &cell.value {
                DataRef::Empty if cell.formula.is_some() => {
                    let reason = format!(
                        "cell {}{row} has a formula and no value: open the file in a spreadsheet program, and save it",
                        letters(column)
                    );
                    return Err(fault(row, reason));
                }
                DataRef::Empty => continue,
                DataRef::Int(number) => {
                    push(text, number);
                    self.formats.show(cell.pos.0, column, text);
                }
                DataRef::Float(number) if number.abs() >= EXACT_MAX => {
                    let reason = "a number of more than 15 digits: make a text of it, since \
                                  spreadsheets keep no more of a number";
                    return Err(fault(row, reason.into()));
                }
                DataRef::Float(number) => {
                    push_number(text, *number);
                    self.formats.show(cell.pos.0, column, text);
                }
                DataRef::String(content) => text.push_str(content),
                DataRef::SharedString(content) => text.push_str(content),
                DataRef::Bool(yes) => text.push_str(if *yes { "TRUE" } else { "FALSE" }),
                DataRef::DateTime(time) if time.is_duration() => push(text, time.as_f64()),
                // As it is read by people: a number of days would pass for an amount.
                DataRef::DateTime(time) => {
                    let (year, month, day, hour, minute, ..) = time.to_ymd_hms_milli();
                    let date = format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}");
                    text.push_str(&date.replace(" 00:00", ""));
                }
                DataRef::DateTimeIso(content) | DataRef::DurationIso(content) => {
                    text.push_str(content);
                }
                DataRef::Error(error) => {
                    return Err(fault(row, format!("a cell has an error: {error}")));
                }
            }
            if text.trim().is_empty() {
                continue;
            }
            if self.formats.is_struck(cell.pos.0, column) {
                let reason = format!(
                    "cell {}{row} is struck through: delete the row if it does not count, or take the line through it away",
                    letters(column)
                );
                return Err(fault(row, reason));
            }
            return Ok(Some((row, column as usize)));
        }
        Ok(None)
    }
}

/// Writes something behind a text.
fn push(text: &mut String, what: impl Display) {
    write!(text, "{what}").expect("a text takes whatever is written");
}

/// Writes a number below [`EXACT_MAX`], as short as can be; a whole one without a point.
fn push_number(text: &mut String, number: f64) {
    // Most are such, and taken as whole numbers they are written in a fraction of the time.
    if number >= 1.0 && number.fract() == 0.0 {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is whole, above 0, and below 2^53"
        )]
        let whole = number as u64;
        push(text, whole);
    } else {
        push(text, number);
    }
}

impl Rows for SheetRows<'_> {
    fn next(&mut self, row: &mut Row) -> Result<bool, FormatError> {
        let first = match self.next.take() {
            Some(cell) => Some(cell),
            None => self.cell(1)?,
        };
        let Some((line, mut column)) = first else {
            return Ok(false);
        };
        row.clear(line);
        let mut filled = 0;
        loop {
            if column >= COLUMNS_MAX {
                let reason = format!("column {}; {COLUMNS_MAX} columns are read", column + 1);
                return Err(FormatError { line, reason });
            }
            if column < row.len() {
                let reason = "cells are not in their order".to_owned();
                return Err(FormatError { line, reason });
            }
            (row.len()..column).for_each(|_| row.push(""));
            row.push(&self.text);
            filled += 1;
            match self.cell(line)? {
                Some((next, at)) if next == line => column = at,
                Some((next, _)) if next < line => {
                    let reason = "rows are not in their order".to_owned();
                    return Err(FormatError { line, reason });
                }
                next => {
                    self.next = next;
                    break;
                }
            }
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
