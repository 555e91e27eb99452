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
