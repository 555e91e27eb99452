//! Lines of a text that may not be one: bounded, UTF-8, whatever ends them (LF, CRLF, CR).

use std::io::BufRead;

use super::{FormatError, fault};

/// Bytes of a line.
const LINE_BYTES_MAX: usize = 4 << 20;

/// What programs for DOS put at the end of a file.
const DOS_END: u8 = 0x1a;

/// How to get what is read here, from a program that writes something else.
const SAVE: &str = "save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\"; in an editor: \"Save as\", encoding UTF-8)";

/// The lines of a source, one at a time.
pub(super) struct Lines<R> {
    source: R,
    line: Vec<u8>,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(source: R) -> Self {
        Self {
            source,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The next line and its number, from 1, without what ends it.
    pub(super) fn next(&mut self) -> Result<Option<(usize, &str)>, FormatError> {
        self.number += 1;
        self.line.clear();
        if !self.fill()? {
            return Ok(None);
        }
        let number = self.number;
        if self.line.last() == Some(&DOS_END) && self.source.fill_buf().is_ok_and(<[u8]>::is_empty)
        {
            self.line.pop();
        }
        let line = if number == 1 {
            self.line
                .strip_prefix(b"\xef\xbb\xbf")
                .unwrap_or(&self.line)
        } else {
            &self.line
        };
        if number == 1 && line.starts_with(b"PK\x03\x04") {
            return Err(fault(
                number,
                "this is a spreadsheet's own file, or a zip archive: the name of a spreadsheet ends in .xlsx",
            ));
        }
        let utf16 = number == 1 && (line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff"));
        if utf16 || line.contains(&0) {
            return Err(fault(
                number,
                format!(
                    "the file is UTF-16, as of Excel's \"Unicode text\", or no text at all: {SAVE}"
                ),
            ));
        }
        match std::str::from_utf8(line) {
            Ok(text) => Ok(Some((number, text))),
            Err(error) => Err(fault(number, not_utf8(line, error.valid_up_to()))),
        }
    }

    /// Reads to the end of a line, and over it; whether there was one.
    fn fill(&mut self) -> Result<bool, FormatError> {
        loop {
            let number = self.number;
            let buffer = self
                .source
                .fill_buf()
                .map_err(|error| fault(number, format!("cannot be read: {error}")))?;
            if buffer.is_empty() {
                return Ok(!self.line.is_empty());
            }
            let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let taken = end.unwrap_or(buffer.len());
            if self.line.len() + taken > LINE_BYTES_MAX {
                return Err(fault(
                    number,
                    format!("a line has more than {LINE_BYTES_MAX} bytes"),
                ));
            }
            self.line.extend_from_slice(&buffer[..taken]);
            let carriage = end.is_some_and(|end| buffer[end] == b'\r');
            self.source.consume(taken + usize::from(end.is_some()));
            if carriage
                && self
                    .source
                    .fill_buf()
                    .is_ok_and(|after| after.first() == Some(&b'\n'))
            {
                self.source.consume(1);
            }
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// Names the word that is not UTF-8, as it would be in Latin-1.
fn not_utf8(line: &[u8], at: usize) -> String {
    let is_edge = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphanumeric();
    let start = line[..at]
        .iter()
        .rposition(is_edge)
        .map_or(0, |edge| edge + 1);
    let end = line[at..]
        .iter()
        .position(is_edge)
        .map_or(line.len(), |edge| at + edge);
    let word: String = line[start..end]
        .iter()
        .take(40)
        .map(|byte| char::from(*byte))
        .collect();
    format!("the text is not UTF-8, but Latin-1 (Windows-1252), as it seems, in {word:?}: {SAVE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(usize, String)>, FormatError> {
        let mut lines = Lines::new(std::io::BufReader::with_capacity(3, bytes));
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next()? {
            found.push((number, line.to_owned()));
        }
        Ok(found)
    }

    #[test]
    fn lines_end_with_any_break() {
        let lines = all("\u{feff}one\r\ntwo\rthree\n\nfive".as_bytes()).unwrap();
        let expected = [(1, "one"), (2, "two"), (3, "three"), (4, ""), (5, "five")];
        assert_eq!(
            lines,
            expected.map(|(number, line)| (number, line.to_owned()))
        );
        assert_eq!(all(b"").unwrap(), []);
    }

    #[test]
    fn other_encodings_are_named_with_their_line() {
        let latin = all(b"a\nb\n\"\xc9sh\" x\n").unwrap_err();
        assert!(
            latin.line == 3
                && latin.reason.contains("\"\u{c9}sh\"")
                && latin.reason.contains("UTF-8"),
            "{latin}"
        );
        for utf16 in [b"\xff\xfea\0\n\0".as_slice(), b"\xfe\xff\0a", b"a\0b\0\n\0"] {
            assert!(all(utf16).unwrap_err().reason.contains("UTF-16"));
        }
    }

    #[test]
    fn line_without_end_is_not_read_to_its_end() {
        let mut lines = Lines::new(std::io::BufReader::new(std::io::repeat(b'x')));
        assert!(lines.next().unwrap_err().reason.contains("more than"));
    }
}
