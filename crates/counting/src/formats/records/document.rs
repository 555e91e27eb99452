//! A JSON document of one object, read piece by piece: its lists element by element, each from the
//! text that is at hand, so that nothing of it need be copied, and no byte be looked at twice to see
//! whether it is UTF-8. Does not know what the members mean.

use std::io::{self, Read};
use std::mem;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{FormatError, fault, refused};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 1 << 18;
/// Longest element of a list, or value of a member that is no list, in bytes.
const VALUE_BYTES_MAX: usize = 64 << 20;

/// A document, as far as it is read.
pub(super) struct Document<R> {
    source: R,
    /// What was read of the source, and is not done with from `at` on.
    buffer: String,
    at: usize,
    /// What was read behind it: a character of which the end is missing, or what is no UTF-8.
    rest: Vec<u8>,
    is_torn: bool,
    /// Line breaks in what is no longer in the buffer.
    breaks: usize,
    /// The source has no more.
    is_whole: bool,
}

/// How an attempt at the text at hand went: how many bytes of it are done with, or what is wrong.
pub(super) type Attempt = Result<usize, Stop>;

/// Why an element is not read.
pub(super) enum Stop {
    /// The text at hand ends before it does, or is no such element.
    Json(serde_json::Error),
    /// It says what cannot be.
    Refused { bytes: usize, reason: String },
}

/// Reads one value from the start of a text, and hands it on.
pub(super) fn attempt<'a, T: Deserialize<'a>>(
    text: &'a str,
    take: impl FnOnce(T) -> Result<(), String>,
) -> Attempt {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = match values.next() {
        Some(value) => value.map_err(Stop::Json)?,
        // There is only space.
        None => serde_json::from_str(text).map_err(Stop::Json)?,
    };
    let bytes = values.byte_offset();
    take(value).map_err(|reason| Stop::Refused { bytes, reason })?;
    Ok(bytes)
}

impl<R: Read> Document<R> {
    pub(super) const fn new(source: R) -> Self {
        Self {
            source,
            buffer: String::new(),
            at: 0,
            rest: Vec::new(),
            is_torn: false,
            breaks: 0,
            is_whole: false,
        }
    }

    /// Reads the document: `take` is given each member's name, and must read its value.
    pub(super) fn members(
        &mut self,
        mut take: impl FnMut(&mut Self, &str) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        self.fill()?;
        if self.buffer.starts_with('\u{feff}') {
            self.at = "\u{feff}".len();
        }
        self.list(b'{', b'}', |document| {
            let name: String = document.value()?;
            document.expect(b':')?;
            take(document, &name)
        })?;
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(fault(
                self.line(),
                "something follows the end of the document",
            )),
        }
    }

    /// Reads a list: `read` makes an [`attempt`] at each element, again if there was too little of
    /// it at hand.
    pub(super) fn elements(
        &mut self,
        mut read: impl FnMut(&str) -> Attempt,
    ) -> Result<(), FormatError> {
        self.list(b'[', b']', |document| document.element(&mut read))
    }

    /// Reads a value that is kept.
    pub(super) fn value<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T, FormatError> {
        let mut kept = None;
        self.element(&mut |text| {
            attempt(text, |value| {
                kept = Some(value);
                Ok(())
            })
        })?;
        kept.ok_or_else(|| fault(self.line(), "a value is missing"))
    }

    /// Leaves out a value.
    pub(super) fn skip(&mut self) -> Result<(), FormatError> {
        let mut ignore = |text: &str| attempt(text, |_: IgnoredAny| Ok(()));
        if self.peek()? == Some(b'[') {
            self.elements(ignore)
        } else {
            self.element(&mut ignore)
        }
    }

    fn list(
        &mut self,
        open: u8,
        close: u8,
        mut one: impl FnMut(&mut Self) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        self.expect(open)?;
        if self.peek()? == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            one(self)?;
            if self.peek()? == Some(close) {
                self.at += 1;
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn element(&mut self, read: &mut impl FnMut(&str) -> Attempt) -> Result<(), FormatError> {
        loop {
            let text = &self.buffer[self.at..];
            let has_more = !self.is_whole || self.is_torn;
            match read(text) {
                // A number goes on, perhaps.
                Ok(used) if used == text.len() && has_more && !ends(text) => self.fill()?,
                Ok(used) => {
                    self.at += used;
                    return Ok(());
                }
                Err(Stop::Json(error)) if error.is_eof() && has_more => self.fill()?,
                Err(Stop::Json(error)) => {
                    let FormatError { line, reason } = refused(&error);
                    return Err(fault(self.line() + line - 1, reason));
                }
                Err(Stop::Refused { bytes, reason }) => {
                    self.at += bytes;
                    return Err(fault(self.line(), reason));
                }
            }
        }
    }

    /// The next byte that is no space; none at the end.
    fn peek(&mut self) -> Result<Option<u8>, FormatError> {
        loop {
            let space = self.buffer.as_bytes()[self.at..]
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            self.at += space;
            match self.buffer.as_bytes().get(self.at) {
                Some(byte) => return Ok(Some(*byte)),
                None if self.is_whole && !self.is_torn => return Ok(None),
                None => self.fill()?,
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), FormatError> {
        let expected = char::from(byte);
        match self.peek()? {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(fault(self.line(), format!("a {expected:?} is missing"))),
            None => Err(fault(
                self.line(),
                format!("the document ends where a {expected:?} is missing"),
            )),
        }
    }

    /// The line that is read, from 1.
    fn line(&self) -> usize {
        self.breaks + breaks(&self.buffer[..self.at]) + 1
    }

    /// Reads on: as much again as is at hand, so that no value is looked at many times.
    fn fill(&mut self) -> Result<(), FormatError> {
        self.breaks += breaks(&self.buffer[..self.at]);
        self.buffer.drain(..self.at);
        self.at = 0;
        let held = self.buffer.len();
        if held > VALUE_BYTES_MAX {
            return Err(fault(
                self.line(),
                format!("a value has more than {VALUE_BYTES_MAX} bytes"),
            ));
        }
        if self.is_torn {
            let line = self.line() + breaks(&self.buffer);
            return Err(fault(line, "the text is not UTF-8: save the file as that"));
        }
        let more = held.max(PIECE_BYTES);
        let mut bytes = mem::take(&mut self.buffer).into_bytes();
        bytes.append(&mut self.rest);
        let read = read_more(&mut self.source, &mut bytes, more);
        let read = read.map_err(|error| fault(self.line(), format!("cannot be read: {error}")))?;
        self.is_whole = read < more;
        self.buffer = String::from_utf8(bytes).unwrap_or_else(|error| {
            let bad = error.utf8_error();
            // A character can go on in the next piece.
            self.is_torn = self.is_whole || bad.error_len().is_some();
            let mut bytes = error.into_bytes();
            self.rest = bytes.split_off(bad.valid_up_to());
            String::from_utf8(bytes).expect("it is valid up to there")
        });
        Ok(())
    }
}

/// Reads so many bytes behind others, or up to the end, at once: through no other buffer. Gives how
/// many there were.
fn read_more(source: &mut impl Read, bytes: &mut Vec<u8>, more: usize) -> io::Result<usize> {
    let start = bytes.len();
    let mut read = 0;
    bytes.resize(start + more, 0);
    while read < more {
        match source.read(&mut bytes[start + read..]) {
            Ok(0) => break,
            Ok(some) => read += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(start + read);
    Ok(read)
}

/// Line breaks in a text; added up in bytes, since a processor adds up many of these at once.
fn breaks(text: &str) -> usize {
    let add = |sum: u8, byte: &u8| sum.wrapping_add(u8::from(*byte == b'\n'));
    text.as_bytes()
        .chunks(u8::MAX.into())
        .map(|bytes| usize::from(bytes.iter().fold(0, add)))
        .sum()
}

/// Whether nothing can be added to a value that ends so.
fn ends(text: &str) -> bool {
    text.ends_with(['}', ']', '"'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, or so many.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(text: &str, at_once: usize) -> Result<Vec<String>, FormatError> {
        let mut said = Vec::new();
        Document::new(Slow(text.as_bytes(), at_once)).members(|document, name| {
            said.push(name.to_owned());
            match name {
                "list" => document.elements(|text| {
                    attempt(text, |element: &str| {
                        said.push(element.to_owned());
                        if element == "bad" {
                            Err("it is bad".into())
                        } else {
                            Ok(())
                        }
                    })
                }),
                "number" => {
                    said.push(document.value::<u64>()?.to_string());
                    Ok(())
                }
                _ => document.skip(),
            }
        })?;
        Ok(said)
    }

    #[test]
    fn values_are_read_wherever_the_pieces_end() {
        // Longer than a piece, so that a piece ends at each of its bytes.
        let list = ["\"abc\""; 4].join(" ,\n");
        for padding in 0..60 {
            let text = format!(
                "\u{feff}{{\"other\": [1, {{\"a\": [2]}},\n-3.5e7],\n\"pad\":\"{}\",{}\"number\": 1234567, \"list\":[{list}], \"empty\":[ ], \"none\":{{}}}}\n",
                "x".repeat(PIECE_BYTES - 100),
                " ".repeat(padding)
            );
            let expected = [
                "other", "pad", "number", "1234567", "list", "abc", "abc", "abc", "abc", "empty",
                "none",
            ];
            assert_eq!(read(&text, 4096).unwrap(), expected, "{padding}");
        }
        assert_eq!(read("{}", 1).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_no_such_document_is_refused_with_its_line() {
        for (text, line) in [
            ("", 1),
            ("[]", 1),
            ("{\n\"list\": 1}", 2),
            ("{\n\"list\": [\"a\"\n\"b\"]}", 3),
            ("{\n\"list\": [\"a\",\n\n1]}", 4),
            ("{\n\"list\": [\"a\",\n\"bad\"]}", 3),
            ("{\n\"list\": [\"a\",\n", 3),
            ("{\n\"list\": [\"a\",\n]}", 3),
            ("{\n\"list\": [\"a\n", 3),
            ("{\"number\": 1\n", 2),
            ("{\"number\": 1}\n{", 2),
            ("{\"number\": x}", 1),
            ("{number: 1}", 1),
            ("{\"number\" 1}", 1),
            ("{\"other\": tru}", 1),
        ] {
            assert_eq!(
                read(text, 1).unwrap_err().line,
                line,
                "{text:?}: {:?}",
                read(text, 1)
            );
        }
    }

    #[test]
    fn text_that_is_no_utf8_is_refused_with_its_line_and_letters_are_whole_wherever_pieces_end() {
        for padding in 0..8 {
            let space = " ".repeat(PIECE_BYTES - 20 + padding);
            let text = format!("{{{space}\"list\": [\"\u{1f600}\u{1f600}\u{e9}\"]}}");
            let said = read(&text, 4096).unwrap();
            assert_eq!(said, ["list", "\u{1f600}\u{1f600}\u{e9}"], "{padding}");
        }
        for bad in [
            &b"{\"other\": 1,\n\"list\": [\"a\",\n\"\xe9\"]}"[..],
            b"{\"list\":\n[\"a\"]\n, \"other\": \"\xf0\x9f",
            b"{\"list\":\n[\"a\"]\n\xff}",
        ] {
            let refused = Document::new(bad)
                .members(|document, _| document.skip())
                .unwrap_err();
            assert_eq!(refused.line, 3, "{refused}");
        }
    }

    #[test]
    fn value_that_does_not_end_is_not_kept_for_ever() {
        let endless = io::repeat(b' ')
            .take(10)
            .chain(&b"{\"a\":\""[..])
            .chain(io::repeat(b'x'));
        let refused = Document::new(endless)
            .members(|document, _| document.skip())
            .unwrap_err();
        assert!(refused.reason.contains("more than"), "{refused}");
    }
}
