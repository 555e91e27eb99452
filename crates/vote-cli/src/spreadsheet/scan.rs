//! XML that is looked through before any of it is kept. Does not know what a part of a spreadsheet
//! is for: it finds some tags and attributes wherever they stand.

use memchr::{memchr, memmem, memrchr};

/// Bytes of a piece of XML, which is kept in memory: a tag, or a text.
pub(super) const PIECE_BYTES_MAX: usize = 1 << 20;
/// Merged cells, and groups of hidden columns, which are kept in memory.
pub(super) const MERGED_MAX: usize = 100_000;
/// Texts for which a file may ask for memory at once.
const TEXTS_MAX: usize = 4 << 20;
/// How a file asks for it.
const TEXTS: &[u8] = b"uniqueCount";
/// Digits of that number that are read; fewer are too many already.
const TEXTS_DIGITS: usize = 20;
/// Bytes of a tag in which an attribute is looked for.
const TAG_BYTES: usize = 512;
/// Of these, one is in every tag that is taken note of.
const NOTED: [&[u8]; 2] = [b"hidden", b"mergeCell"];

/// What the sheets of a file have besides cells.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) hidden_rows: u64,
    pub(super) hidden_columns: Vec<(u32, u32)>,
    pub(super) merged: usize,
}

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
        if NOTED.iter().all(|word| memmem::find(tag, word).is_none()) {
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

/// Looks at XML for what would take much memory, and for what sheets have besides cells.
///
/// A sheet of a million rows is some hundreds of megabytes, so no byte is looked at alone: a tag is
/// taken apart only where one of [`NOTED`] is near.
#[derive(Default)]
pub(super) struct Scan {
    /// From the last tag on that was begun: it may go on.
    open: Vec<u8>,
    contents: Contents,
}

impl Scan {
    /// Looks at the next bytes, at most [`PIECE_BYTES_MAX`] at once.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Result<(), String> {
        let goes_on = memchr(b'<', bytes).unwrap_or(bytes.len());
        if self.open.len() + goes_on > PIECE_BYTES_MAX {
            return Err(format!(
                "a text in it has more than {PIECE_BYTES_MAX} bytes"
            ));
        }
        self.open.extend_from_slice(bytes);
        let last = memrchr(b'<', &self.open).unwrap_or_default();
        self.look_at_whole(last)?;
        self.open.drain(..last);
        Ok(())
    }

    /// What was found, once there is no more.
    pub(super) fn end(mut self) -> Result<Contents, String> {
        self.look_at_whole(self.open.len())?;
        Ok(self.contents)
    }

    /// Looks at the first so many of the bytes that are held: whole tags, and texts.
    fn look_at_whole(&mut self, bytes: usize) -> Result<(), String> {
        let whole = &self.open[..bytes];
        for at in memmem::find_iter(whole, TEXTS) {
            // Spaces or zeros before the number could be any number of bytes.
            let digits: String = whole[at + TEXTS.len()..]
                .iter()
                .take_while(|byte| **byte != b'>')
                .skip_while(|byte| !byte.is_ascii_digit())
                .take_while(|byte| byte.is_ascii_digit())
                .skip_while(|byte| **byte == b'0')
                .take(TEXTS_DIGITS)
                .map(|byte| char::from(*byte))
                .collect();
            let few = digits.is_empty()
                || digits
                    .parse::<usize>()
                    .is_ok_and(|texts| texts <= TEXTS_MAX);
            if !few {
                return Err(format!(
                    "it says that it has {digits} texts; {TEXTS_MAX} may be"
                ));
            }
        }
        if NOTED.iter().all(|word| memmem::find(whole, word).is_none()) {
            return Ok(());
        }
        for piece in whole.split(|byte| *byte == b'<').skip(1) {
            if let Some(end) = memchr(b'>', piece) {
                self.contents.look(&piece[..end.min(TAG_BYTES)]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str, at_once: usize) -> Result<Contents, String> {
        let mut scan = Scan::default();
        for bytes in text.as_bytes().chunks(at_once) {
            scan.look(bytes)?;
        }
        scan.end()
    }

    #[test]
    fn tags_are_seen_wherever_the_pieces_end() {
        let text = r#"<?xml version="1.0"?><sst uniqueCount="4194304"><x:cols><col min="2" max="3" hidden="1"/></x:cols>
            <row r="1"><c><v>hidden="1"</v></c></row><row r="2" hidden="true"/><x:row hidden='1' r="3">
            <row r="4" hidden="0"/><mergeCells><mergeCell ref="A1:B1"/></mergeCells><row hidden="1"></sst>"#;
        for at_once in 1..=text.len() {
            let found = scan(text, at_once).unwrap();
            assert_eq!(
                (found.hidden_rows, found.hidden_columns, found.merged),
                (3, vec![(2, 3)], 1),
                "{at_once}"
            );
        }
    }

    #[test]
    fn room_for_too_many_texts_is_seen_however_the_number_is_written() {
        let spaces = " ".repeat(1000);
        let zeros = "0".repeat(1000);
        for number in [
            "\"4194305\"",
            &format!("{spaces}\"99999999999\""),
            &format!("\"{zeros}99999999999\""),
            "'18446744073709551616'",
        ] {
            let text = format!("<sst uniqueCount={number}><si/></sst>");
            for at_once in [1, 7, text.len()] {
                let refused = scan(&text, at_once).err().unwrap_or_default();
                assert!(refused.contains("texts; 4194304 may be"), "{number}");
            }
        }
        for number in ["\"\"", "\"0\"", "\"0004194304\""] {
            let text = format!("<sst uniqueCount={number}/><si>5000000</si>");
            assert!(scan(&text, 1).is_ok(), "{number}");
        }
    }

    #[test]
    fn tag_or_text_of_too_many_bytes_is_not_kept() {
        for at_once in [1000, 1 << 16] {
            let long = |bytes: usize| format!("<a>{}<b/>", "x".repeat(bytes - "<a>".len()));
            assert!(scan(&long(PIECE_BYTES_MAX), at_once).is_ok());
            assert!(scan(&long(PIECE_BYTES_MAX + 1), at_once).is_err());
        }
    }
}
