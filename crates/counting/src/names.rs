//! Names and titles as people write them in files of ballots. Two names that look the same are one name to whoever reads a ballot or a result,
//! so no two candidates may have them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use icu_normalizer::ComposingNormalizerBorrowed;

/// Longest name or title in a file, in bytes.
pub const NAME_BYTES_MAX: usize = 1_000;

/// A text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing of it can be seen.
    #[error("a name is empty")]
    Empty,
    /// It has a control character, or one that turns the direction of writing.
    #[error("the name {0:?} has a character that cannot be shown")]
    Control(String),
    /// More than [`NAME_BYTES_MAX`].
    #[error("a name has {0} bytes; {NAME_BYTES_MAX} are allowed")]
    TooLong(usize),
}

/// A name as it is shown: spaces, tabs and line breaks become one space each, and none around it.
///
/// # Errors
/// [`InvalidName`] if nothing of it can be seen, or a part of it only does something.
pub fn tidy(text: &str) -> Result<String, InvalidName> {
    let name = one_space(text);
    if name.len() > NAME_BYTES_MAX {
        return Err(InvalidName::TooLong(name.len()));
    }
    if name.chars().any(|c| c.is_control() || turns_direction(c)) {
        return Err(InvalidName::Control(name));
    }
    if look(&name).is_empty() { Err(InvalidName::Empty) } else { Ok(name) }
}

/// What the eye can tell apart: without characters that cannot be seen, each letter in one form (NFC), one space for several. Names are alike
/// if this is equal.
pub fn look(name: &str) -> Cow<'_, str> {
    let is_plain = name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_plain && !name.contains("  ") && name.trim() == name {
        return name.into();
    }
    let visible: String = name.chars().filter(|c| !is_invisible(*c)).collect();
    one_space(&ComposingNormalizerBorrowed::new_nfc().normalize(&visible)).into()
}

/// The first two of these names that are alike, by place: the later one first.
pub fn first_alike<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<(usize, usize)> {
    let mut seen = BTreeMap::new();
    names.into_iter().enumerate().find_map(|(place, name)| seen.insert(look(name), place).map(|first| (place, first)))
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters without ink (Unicode's `Default_Ignorable_Code_Point`).
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_the_same_are_alike_and_others_are_not() {
        let alike = [
            ("Zo\u{eb}", "Zoe\u{308}"),
            ("Joan Smith", "Joan  Smith "),
            ("Joan Smith", "Joan\tSmith"),
            ("Joan Smith", "Joan\u{a0}Smith"),
            ("Joan Smith", "Joan\u{200b} Smith"),
            ("\u{feff}Ada", "Ada"),
            ("Ada", "A\u{ad}da"),
        ];
        for (one, other) in alike {
            assert_eq!(first_alike([one, "Eve", other]), Some((2, 0)), "{one:?} {other:?}");
        }
        assert_eq!(first_alike(["Ada", "ada", "Ad", "Zoe", "Zo\u{eb}"]), None);
    }

    #[test]
    fn what_cannot_be_seen_or_shown_is_no_name() {
        for empty in ["", " \t\n", "\u{200b}", "\u{feff} \u{ad}", "\u{3164}"] {
            assert_eq!(tidy(empty), Err(InvalidName::Empty), "{empty:?}");
        }
        for bad in ["A\u{1b}[2J", "A\u{0}", "A\u{202e}B"] {
            assert!(matches!(tidy(bad), Err(InvalidName::Control(_))), "{bad:?}");
        }
        assert_eq!(tidy(&"x".repeat(1001)), Err(InvalidName::TooLong(1001)));
        assert_eq!(tidy(" Ada\n  L.\t").as_deref(), Ok("Ada L."));
    }
}
