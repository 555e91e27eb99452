//! Names and titles as people write them in files of ballots. Two names that look the same are one
//! name to whoever reads a ballot or a result, so no two candidates may have them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

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
    if look(&name).is_empty() {
        Err(InvalidName::Empty)
    } else {
        Ok(name)
    }
}

/// What the eye can tell apart: without characters that cannot be seen, each letter in one form
/// (NFC), one space for several and for each character that is blank. Two names are alike if their
/// [`skeleton`] is equal.
pub fn look(name: &str) -> Cow<'_, str> {
    let is_plain = name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_plain && !name.contains("  ") && name.trim() == name {
        return name.into();
    }
    let visible = name.chars().filter(|c| !is_invisible(*c));
    let visible: String = visible.map(|c| if is_blank(c) { ' ' } else { c }).collect();
    one_space(&ComposingNormalizerBorrowed::new_nfc().normalize(&visible)).into()
}

/// A name as it is compared: its [`look`], with one letter for those of several scripts that look
/// the same. Not to be shown.
pub fn skeleton(name: &str) -> Cow<'_, str> {
    let name = look(name);
    if name.is_ascii() {
        return name;
    }
    // Accents apart from their letters: those of two scripts are the same.
    let letters = DecomposingNormalizerBorrowed::new_nfd().normalize(&name);
    letters
        .chars()
        .map(|c| LOOKALIKES.get(&c).copied().unwrap_or(c))
        .collect::<String>()
        .into()
}

/// A name as it is compared whatever its case: `Große` is `GROSSE`. Not to be shown.
pub fn folded(name: &str) -> String {
    // There and back, since one letter can have several capitals, and several one. A capital I can
    // have its dot.
    skeleton(&look(name).to_lowercase().to_uppercase()).replace("I\u{307}", "I")
}

/// The first two of these names that are alike, by place: the later one first.
pub fn first_alike<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<(usize, usize)> {
    let mut seen = BTreeMap::new();
    let mut names = names.into_iter().enumerate();
    names.find_map(|(place, name)| {
        seen.insert(skeleton(name), place)
            .map(|first| (place, first))
    })
}

/// Letters of Greek and Cyrillic, and signs, that look like ASCII, each with what it looks like.
/// The page and the verifier have the same.
static LOOKALIKES: LazyLock<BTreeMap<char, char>> = LazyLock::new(|| {
    let greek = ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿαινορυϲϳ", "ABEZHIKMNOPTYXCJaivopucj");
    let cyrillic = (
        "АВЕКМНОРСТУХЅІЈӀҮԌԚԜаеорсухѕіјӏүһԁԛԝѵ",
        "ABEKMHOPCTYXSIJIYGQWaeopcyxsijlyhdqwv",
    );
    let signs = (
        "\u{2018}\u{2019}\u{2bc}\u{2032}\u{b4}\u{201c}\u{201d}\u{201e}\u{2033}",
        "'''''\"\"\"\"",
    );
    let dashes = ("\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2212}", "------");
    let pairs = [greek, cyrillic, signs, dashes]
        .into_iter()
        .flat_map(|(of, ascii)| of.chars().zip(ascii.chars()));
    pairs.collect()
});

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that take up space and have no ink, though Unicode has them as letters and signs.
const fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{115F}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}' | '\u{1D159}'
    )
}

/// Characters that take up none either: Unicode's `Default_Ignorable_Code_Point`, but for those
/// that are blank, and a few more.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{16FE4}'
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
            ("Joan Smith", "Joan\u{2800}Smith"),
            ("Ada", "\u{410}da"),
            ("Zo\u{eb}", "Zo\u{451}"),
            ("Sean O'Neil", "Sean O\u{2019}Neil"),
            ("Ann-Marie", "Ann\u{2011}Marie"),
        ];
        for (one, other) in alike {
            assert_eq!(
                first_alike([one, "Eve", other]),
                Some((2, 0)),
                "{one:?} {other:?}"
            );
        }
        assert_eq!(first_alike(["Ada", "ada", "Ad", "Zoe", "Zo\u{eb}"]), None);
    }

    #[test]
    fn case_is_that_of_whole_words_in_all_scripts() {
        for names in [
            ["Große", "GROSSE", "große", "GROẞE"],
            ["Ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς", "Ὀδυσσεύσ"],
            ["Işık", "IŞIK", "ışık", "İŞIK"],
            ["Вера", "ВЕРА", "вера", "Bepa"],
            ["ǰ", "J\u{30c}", "j\u{30c}", "ǰ"],
            ["ﬁn", "FIN", "fin", "Fin"],
        ] {
            for name in names {
                assert_eq!(folded(name), folded(names[0]), "{name}");
            }
        }
        assert_ne!(folded("Große"), folded("Grose"));
        assert_ne!(folded("Zoë"), folded("Zoe"));
    }

    #[test]
    fn what_cannot_be_seen_or_shown_is_no_name() {
        for empty in [
            "",
            " \t\n",
            "\u{200b}",
            "\u{feff} \u{ad}",
            "\u{3164}",
            "\u{2800}",
            "\u{115f}\u{ffa0}",
        ] {
            assert_eq!(tidy(empty), Err(InvalidName::Empty), "{empty:?}");
        }
        for bad in ["A\u{1b}[2J", "A\u{0}", "A\u{202e}B"] {
            assert!(matches!(tidy(bad), Err(InvalidName::Control(_))), "{bad:?}");
        }
        assert_eq!(tidy(&"x".repeat(1001)), Err(InvalidName::TooLong(1001)));
        assert_eq!(tidy(" Ada\n  L.\t").as_deref(), Ok("Ada L."));
    }
}
