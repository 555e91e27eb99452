//! Names of people, and the files of their credentials. Two people never share a file: with the key
//! in it, one would vote for the other.

use std::path::{Path, PathBuf};

use icu_normalizer::ComposingNormalizerBorrowed;
use sha2::{Digest, Sha256};
use vote_counting::names::look;

use crate::failure::Failure;

/// Files that are nobody's name: of the voter without a name, and of the organiser.
const RESERVED: [&str; 2] = ["default", ORGANISER];
/// The name of the organiser's file.
pub(crate) const ORGANISER: &str = "organiser";
/// Digits of the hash behind a name that cannot be a file's as it is.
const HASH_DIGITS: usize = 16;
/// Bytes of such a name that the file's begins with, so that people know it.
const PREFIX_BYTES_MAX: usize = 60;

/// A name as it is meant, however it was typed: without spaces around it, and each letter in one
/// form. Two names that are equal then are the same person's.
pub(crate) fn normal(name: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(name.trim())
        .into_owned()
}

/// The file of a person's credential, in the folder of credentials; of nobody in particular if the
/// name is empty.
pub(crate) fn file(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let typed = normal(name);
    let name = look(&typed).into_owned();
    if name.is_empty() {
        return match typed.as_str() {
            "" => Ok(folder.join("default.key")),
            _ => Err(Failure::Usage(
                "the name has nothing in it that can be seen".into(),
            )),
        };
    }
    // Earlier versions had names that look the same apart: whoever has typed one so finds the key
    // that was made then.
    let before = folder.join(format!("{}.key", stem(&typed)));
    if name != typed && before.exists() {
        return Ok(before);
    }
    let stem = stem(&name);
    let file = folder.join(format!("{stem}.key"));
    // Earlier versions gave several names one file. Whose it is, only its owner can know.
    let before = replaced(&name);
    let shared = folder.join(format!("{before}.key"));
    let is_shared = stem != before && !RESERVED.contains(&before.as_str());
    if is_shared && shared.exists() && !file.exists() {
        let (shared, own) = (shared.display(), file.display());
        return Err(Failure::Usage(format!(
            "{shared} is a credential that an earlier version made for {name:?}, or for a name like it: they shared one file. If it is yours, \
             say --credential {shared}, or give it its own name: mv {shared} {own}. If it is not, make one of your own first: vote-cli \
             credential new {own}"
        )));
    }
    Ok(file)
}

/// The name of a name's file, without its ending.
fn stem(name: &str) -> String {
    if is_plain(name) {
        name.to_owned()
    } else {
        format!("{}-{}", readable(name), hash(name))
    }
}

/// Whether a name can be a file's as it is, and is taken for no other.
fn is_plain(name: &str) -> bool {
    let hashed = name.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == HASH_DIGITS && end.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    name.chars().all(is_kept) && name.len() <= 200 && !hashed && !RESERVED.contains(&name)
}

fn is_kept(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

/// A name with a line for each character that stands in no file's name.
fn replaced(name: &str) -> String {
    name.chars()
        .map(|c| if is_kept(c) { c } else { '_' })
        .collect()
}

/// The beginning of it.
fn readable(name: &str) -> String {
    let mut text = replaced(name);
    let end = (0..=text.len().min(PREFIX_BYTES_MAX))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
    text
}

fn hash(name: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(name));
    digits.truncate(HASH_DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn named(name: &str) -> String {
        let path = file(Path::new("/nowhere"), name).unwrap();
        path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn no_two_people_share_a_file() {
        let long = "x".repeat(300);
        let longer = format!("{long}y");
        let names = [
            "Li Wei",
            "Li.Wei",
            "Li_Wei",
            "Li-Wei",
            "LiWei",
            "li wei",
            "\u{1f389}",
            "\u{1f5f3}",
            "..",
            "../Ada",
            "/Ada",
            "Ada",
            "ADA",
            "ada",
            "default",
            "organiser",
            "",
            "_",
            "a/b",
            "a\\b",
            "a\0b",
            &long,
            &longer,
            "J\u{f6}rg",
            "Jorg",
        ];
        let files: BTreeSet<_> = names.iter().map(|name| named(name)).collect();
        assert_eq!(files.len(), names.len(), "{files:?}");
        for file in &files {
            assert!(file.len() <= 255 && !file.contains(['/', '\0']), "{file}");
        }
        // What is made of one name is no other's own.
        let made = named("Li Wei");
        assert_ne!(named(made.trim_end_matches(".key")), made);
    }

    #[test]
    fn plain_names_keep_the_files_that_they_had() {
        assert_eq!(named("Ada"), "Ada.key");
        assert_eq!(named("J\u{f6}rg_2"), "J\u{f6}rg_2.key");
        assert_eq!(named(""), "default.key");
        assert!(
            named("Li Wei").starts_with("Li_Wei-"),
            "a reader knows whose it is"
        );
    }

    #[test]
    fn one_name_typed_in_two_ways_is_one_person() {
        assert_eq!(named(" Ada\n"), named("Ada"));
        assert_eq!(named("Jo\u{308}rg"), named("J\u{f6}rg"));
        assert_eq!(named("Li  Wei"), named("Li Wei"));
        assert_eq!(named("\u{1f5f3}\u{fe0f}"), named("\u{1f5f3}"));
        assert!(
            file(Path::new("/nowhere"), "\u{200b}").is_err(),
            "that is not nobody in particular"
        );
        assert_eq!(normal("  e\u{301} "), "\u{e9}");
    }

    #[test]
    fn name_that_was_typed_before_finds_the_key_that_was_made_then() {
        let dir = tempfile::tempdir().unwrap();
        let before = dir.path().join(format!("Li__Wei-{}.key", hash("Li  Wei")));
        std::fs::write(&before, "").unwrap();
        assert_eq!(file(dir.path(), "Li  Wei").unwrap(), before);
        assert_ne!(file(dir.path(), "Li Wei").unwrap(), before);
    }

    #[test]
    fn file_that_several_names_shared_is_nobodys_until_its_owner_says_so() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Li_Wei.key"), "").unwrap();
        let asked = file(dir.path(), "Li Wei").unwrap_err().to_string();
        assert!(
            asked.contains("Li_Wei.key") && asked.contains("--credential"),
            "{asked}"
        );
        assert!(file(dir.path(), "Li_Wei").is_ok(), "of that name it is");
        let own = dir.path().join(named("Li Wei"));
        std::fs::write(&own, "").unwrap();
        assert_eq!(file(dir.path(), "Li Wei").unwrap(), own);
    }
}
