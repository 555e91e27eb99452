//! From bytes to records: encodings, separators, quotes. Does not know what the fields mean.

use std::borrow::Cow;

use vote_counting::formats::table::Row;

use super::fault::{Fault, What};

/// A quote that is not closed for so long never is.
const QUOTED_BYTES_MAX: usize = 65_536;
/// What can separate fields; the first of those that do equally well is taken.
pub(super) const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// The text of a file, and whether it was UTF-16.
pub(super) fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, bool), Fault> {
    let fault = |line, what| Fault { line, what };
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(fault(1, What::Spreadsheet));
    }
    let utf16 = match bytes {
        [0xff, 0xfe, rest @ ..] => Some((rest, true)),
        [0xfe, 0xff, rest @ ..] => Some((rest, false)),
        // Without a mark: a first letter of Latin is half a zero.
        [1..=0xff, 0, ..] => Some((bytes, true)),
        [0, 1..=0xff, ..] => Some((bytes, false)),
        _ => None,
    };
    if let Some((bytes, little)) = utf16 {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let unit = |pair: &[u8; 2]| {
            if little {
                u16::from_le_bytes(*pair)
            } else {
                u16::from_be_bytes(*pair)
            }
        };
        let text = char::decode_utf16(pairs.iter().map(unit)).collect::<Result<String, _>>();
        return match text {
            Ok(text) if rest.is_empty() => Ok((text.into(), true)),
            _ => Err(fault(1, What::Encoding)),
        };
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text.into(), false)),
        Err(error) => Err(fault(
            1 + breaks(&bytes[..error.valid_up_to()]),
            What::Encoding,
        )),
    }
}

/// Counts LF, CRLF and CR alone.
pub(super) fn breaks(bytes: &[u8]) -> u32 {
    let is_break = |at: &usize| match bytes[*at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    (0..bytes.len())
        .filter(is_break)
        .fold(0, |count, _| count + 1)
}

/// What a first line `sep=;` says, and how much of the text that line is.
pub(super) fn stated_separator(text: &str) -> Option<(u8, usize)> {
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    let plain = line.trim_matches([' ', '"']).to_ascii_lowercase();
    let said = plain.strip_prefix("sep=")?;
    let separator = SEPARATORS
        .into_iter()
        .chain([b'|'])
        .find(|one| said.as_bytes() == [*one])?;
    let end = if text[line.len()..].starts_with("\r\n") {
        2
    } else {
        1
    };
    Some((separator, (line.len() + end).min(text.len())))
}

/// Records of a text with separators, one after the other.
#[derive(Clone)]
pub(super) struct Records<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    pub(super) separator: u8,
}

impl<'a> Records<'a> {
    /// Reads from a place on, which begins that line.
    pub(super) const fn new(text: &'a str, at: usize, line: u32, separator: u8) -> Self {
        Self {
            text,
            at,
            line,
            separator,
        }
    }

    /// Reads the next record, with or without content; none at the end. Of one with a bad quote one
    /// line is left out, so that those after it are read.
    pub(super) fn next(&mut self, row: &mut Row) -> Option<Result<(), What>> {
        if self.at >= self.text.len() {
            return None;
        }
        let (start, line) = (self.at, self.line);
        row.clear(line as usize);
        loop {
            match self.field(row) {
                Ok(true) => {}
                Ok(false) => return Some(Ok(())),
                Err(what) => {
                    self.at = start;
                    self.line = line;
                    self.skip_line();
                    return Some(Err(what));
                }
            }
        }
    }

    /// Reads a field, and says whether another follows in the record.
    fn field(&mut self, row: &mut Row) -> Result<bool, What> {
        let opening = self.at + self.spaces();
        if self.text[opening..].starts_with('"') {
            self.at = opening + 1;
            let field = self.quoted()?;
            row.push(&field);
            self.at += self.spaces();
        } else {
            let is_end = |byte: u8| byte == self.separator || matches!(byte, b'\r' | b'\n');
            let rest = &self.text[self.at..];
            let length = rest.bytes().position(is_end).unwrap_or(rest.len());
            row.push(&rest[..length]);
            self.at += length;
        }
        match self.text.as_bytes().get(self.at) {
            None => Ok(false),
            Some(byte) if *byte == self.separator => {
                self.at += 1;
                let more = self.at < self.text.len();
                // The last field of the text, which is empty.
                if !more {
                    row.push("");
                }
                Ok(more)
            }
            Some(b'\r' | b'\n') => {
                self.end_line();
                Ok(false)
            }
            Some(_) => Err(What::Quote),
        }
    }

    /// The rest of a field in quotes, up to behind the last of them.
    fn quoted(&mut self) -> Result<String, What> {
        let mut field = String::new();
        loop {
            let rest = &self.text[self.at..];
            let length = rest
                .bytes()
                .take(QUOTED_BYTES_MAX - field.len())
                .position(|byte| byte == b'"');
            let length = length.ok_or(What::Quote)?;
            field += &rest[..length];
            self.at += length + 1;
            if !self.text[self.at..].starts_with('"') {
                self.line += breaks(field.as_bytes());
                return Ok(field);
            }
            field.push('"');
            self.at += 1;
            if field.len() >= QUOTED_BYTES_MAX {
                return Err(What::Quote);
            }
        }
    }

    fn spaces(&self) -> usize {
        self.text[self.at..]
            .bytes()
            .take_while(|byte| *byte == b' ')
            .count()
    }

    fn end_line(&mut self) {
        self.at += if self.text[self.at..].starts_with("\r\n") {
            2
        } else {
            1
        };
        self.line += 1;
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.find(['\r', '\n']).unwrap_or(rest.len());
        if self.at < self.text.len() {
            self.end_line();
        }
    }
}
