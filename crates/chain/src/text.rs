//! Text that people typed and that everybody will see.

use vote_counting::names::{folded, look};

/// Titles, names and choices: at most this many bytes of UTF-8.
pub const LABEL_BYTES_MAX: usize = 100;

/// Text that the ledger does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing to read.
    #[error("is empty")]
    Empty,
    /// More than the ledger keeps.
    #[error("has {bytes} bytes, more than {max}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The most allowed.
        max: usize,
    },
    /// Two texts that look the same would count apart.
    #[error("begins or ends with a space")]
    Untrimmed,
    /// Line breaks, escapes, and the like would garble terminals and logs.
    #[error("contains a control character")]
    Control,
    /// Nothing of it can be seen.
    #[error("has nothing in it that can be seen")]
    Invisible,
    /// Written in another way than all others who mean the same would count with them.
    #[error(
        "is not as it looks: letters in one form (NFC), single spaces, and nothing that cannot be seen are taken"
    )]
    NotPlain,
}

/// Checks a title, a name or a choice: 1 to [`LABEL_BYTES_MAX`] bytes, trimmed, one line, and
/// something to be seen.
///
/// # Errors
/// [`InvalidText`] says what is wrong with it.
pub fn check_label(text: &str) -> Result<(), InvalidText> {
    check(text, LABEL_BYTES_MAX, |c| !c.is_control())
}

/// Checks what a voter writes in: a label that is as it looks ([`look`]). Whoever means the same
/// has written the same then; apps see to it.
///
/// # Errors
/// [`InvalidText`] says what is wrong with it.
pub fn check_write_in(text: &str) -> Result<(), InvalidText> {
    check_label(text)?;
    if look(text) == text {
        Ok(())
    } else {
        Err(InvalidText::NotPlain)
    }
}

/// A name that no node may take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNodeName {
    /// No label.
    #[error("{0}")]
    Text(#[from] InvalidText),
    /// Whoever reads it where keys and ids are meant would take it for one.
    #[error("looks like a key or an id; choose words")]
    Id,
}

/// So many hexadecimal digits and nothing else are a key or the beginning of one.
const KEY_DIGITS_MIN: usize = 8;
/// What the ids of nodes begin with.
const PEER_ID_START: &str = "12d3koo";

/// Checks what a node calls itself: a label that nobody takes for a key, the id of a node or of an
/// election, or the beginning of one.
///
/// # Errors
/// [`InvalidNodeName`] says what is wrong with it.
pub fn check_node_name(name: &str) -> Result<(), InvalidNodeName> {
    check_label(name)?;
    let digits = name.len() >= KEY_DIGITS_MIN && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let peer = name.to_lowercase().starts_with(PEER_ID_START);
    if digits || peer {
        Err(InvalidNodeName::Id)
    } else {
        Ok(())
    }
}

/// Whether people would take two names of nodes for one.
pub fn is_same_name(a: &str, b: &str) -> bool {
    folded(a) == folded(b)
}

/// Checks a longer text, which may have line breaks.
pub(crate) fn check_description(text: &str, bytes_max: usize) -> Result<(), InvalidText> {
    if text.is_empty() {
        Ok(())
    } else {
        check(text, bytes_max, |c| c == '\n' || !c.is_control())
    }
}

fn check(text: &str, max: usize, allowed: impl Fn(char) -> bool) -> Result<(), InvalidText> {
    let bytes = text.len();
    if bytes == 0 {
        return Err(InvalidText::Empty);
    }
    if bytes > max {
        return Err(InvalidText::TooLong { bytes, max });
    }
    if text.trim() != text {
        return Err(InvalidText::Untrimmed);
    }
    if !text.chars().all(|c| allowed(c) && !is_bidi_control(c)) {
        return Err(InvalidText::Control);
    }
    if look(text).is_empty() {
        Err(InvalidText::Invisible)
    } else {
        Ok(())
    }
}

/// Marks that reorder the text around them: one label could be made to look like another.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_counting::names::skeleton;

    #[test]
    fn node_that_calls_itself_by_a_key_or_an_id_is_refused() {
        for name in ["north", "Ada", "cafe", "n1", "12", "North 2", "N\u{f8}rd"] {
            assert_eq!(check_node_name(name), Ok(()), "{name}");
        }
        let key = "58fdb450".repeat(8);
        for name in [
            key.as_str(),
            &key[..8],
            &key.to_uppercase(),
            "12D3KooWLqbT",
            "12d3koow",
        ] {
            assert_eq!(check_node_name(name), Err(InvalidNodeName::Id), "{name}");
        }
        assert!(matches!(
            check_node_name(" north"),
            Err(InvalidNodeName::Text(_))
        ));
        assert!(
            is_same_name("North", "north")
                && is_same_name("north ", "north")
                && !is_same_name("north", "nort")
        );
        assert!(is_same_name(
            "N\u{f8}rd \u{c9}",
            "n\u{200b}\u{f8}rd  e\u{301}"
        ));
    }

    /// The page and the verifier have the same file, and must say the same.
    #[test]
    fn labels_are_those_of_the_vectors() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../testdata/labels.json")).unwrap();
        for vector in vectors.as_array().unwrap() {
            let text = vector["text"].as_str().unwrap();
            let said = (
                check_label(text).is_ok(),
                check_write_in(text).is_ok(),
                look(text).into_owned(),
            );
            let looks = vector["looks"].as_str().unwrap().to_owned();
            assert_eq!(
                said,
                (vector["label"] == true, vector["write_in"] == true, looks),
                "{text:?}"
            );
            assert_eq!(
                skeleton(text),
                vector["skeleton"].as_str().unwrap(),
                "{text:?}"
            );
        }
    }
}
