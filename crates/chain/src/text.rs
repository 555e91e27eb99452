//! Text that people typed and that everybody will see.

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
}

/// Checks a title, a name or a choice: 1 to [`LABEL_BYTES_MAX`] bytes, trimmed, one line.
///
/// # Errors
/// [`InvalidText`] says what is wrong with it.
pub fn check_label(text: &str) -> Result<(), InvalidText> {
    check(text, LABEL_BYTES_MAX, |c| !c.is_control())
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

/// Checks what a node calls itself: a label that nobody takes for a key, the id of a node or of an election, or the beginning of one.
///
/// # Errors
/// [`InvalidNodeName`] says what is wrong with it.
pub fn check_node_name(name: &str) -> Result<(), InvalidNodeName> {
    check_label(name)?;
    let digits = name.len() >= KEY_DIGITS_MIN && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let peer = name.to_lowercase().starts_with(PEER_ID_START);
    if digits || peer { Err(InvalidNodeName::Id) } else { Ok(()) }
}

/// Whether people would take two names of nodes for one.
pub fn is_same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// Checks a longer text, which may have line breaks.
pub(crate) fn check_description(text: &str, bytes_max: usize) -> Result<(), InvalidText> {
    if text.is_empty() { Ok(()) } else { check(text, bytes_max, |c| c == '\n' || !c.is_control()) }
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
    if text.chars().all(|c| allowed(c) && !is_bidi_control(c)) { Ok(()) } else { Err(InvalidText::Control) }
}

/// Marks that reorder the text around them: one label could be made to look like another.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_that_calls_itself_by_a_key_or_an_id_is_refused() {
        for name in ["north", "Ada", "cafe", "n1", "12", "North 2", "N\u{f8}rd"] {
            assert_eq!(check_node_name(name), Ok(()), "{name}");
        }
        let key = "58fdb450".repeat(8);
        for name in [key.as_str(), &key[..8], &key.to_uppercase(), "12D3KooWLqbT", "12d3koow"] {
            assert_eq!(check_node_name(name), Err(InvalidNodeName::Id), "{name}");
        }
        assert!(matches!(check_node_name(" north"), Err(InvalidNodeName::Text(_))));
        assert!(is_same_name("North", "north") && is_same_name("north ", "north") && !is_same_name("north", "nort"));
    }
}
