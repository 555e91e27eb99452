//! Codes that people type: voter codes, which are secret, and trackers, which are not. Knows no
//! file and no node; the page's API and `vote-cli` share it.
//!
//! A code is 16 bytes and a checksum of 4: 32 characters of Crockford's base32 (no I, L, O, U),
//! shown in 8 groups of 4. The checksum is the beginning of SHA-256 over a tag of the kind and the
//! 16 bytes, so that no kind is taken for another. A tracker can also be read out as 12 words of
//! the English list of BIP-39.

use std::fmt;
use std::sync::LazyLock;

use bip39::{Language, Mnemonic};
use data_encoding::{Encoding, Specification};
use sha2::{Digest, Sha256};
use vote_chain::{SecretKey, TransactionId};
use zeroize::Zeroizing;

/// Bytes that a code stands for, without its checksum.
const PAYLOAD_BYTES: usize = 16;
/// Characters of a code, without its dashes.
const CHARACTERS: usize = 32;
/// Words of a tracker.
const WORDS: usize = 12;

const CHECKSUM_BYTES: usize = 4;
const GROUP: usize = 4;
const SEED_TAG: &[u8] = b"blockchain-voting voter seed";

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    specification.encoding().expect("32 different characters")
});

/// What a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Secret: who has it can vote.
    VoterCode,
    /// Public: finds a ballot.
    Tracker,
}

impl Kind {
    const fn tag(self) -> &'static [u8] {
        match self {
            Self::VoterCode => b"blockchain-voting voter code",
            Self::Tracker => b"blockchain-voting tracker",
        }
    }

    /// What comes before the code in a QR code.
    const fn prefix(self) -> &'static str {
        match self {
            Self::VoterCode => "VOTE-CODE:",
            Self::Tracker => "VOTE-TRACKER:",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::VoterCode => Self::Tracker,
            Self::Tracker => Self::VoterCode,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VoterCode => "voter code",
            Self::Tracker => "tracker",
        })
    }
}

/// Text that is not the code that was asked for. Says what to do; holds no more of a secret than
/// one character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeFault {
    /// Too few characters, or too many.
    #[error("this has {read} characters of a code's {CHARACTERS}: {}", missing(*.read, CHARACTERS))]
    Length {
        /// How many there are.
        read: usize,
    },
    /// Places count from 1, without spaces and dashes.
    #[error(
        "character {place} (group {}) is {character:?}, which no code has: codes have digits and the letters A to Z \
         without I, L, O and U",
        place.div_ceil(GROUP)
    )]
    Character {
        /// The character.
        character: char,
        /// Its place.
        place: usize,
    },
    /// All characters are possible ones, and some are wrong.
    #[error(
        "this is no {0}: it is probably mistyped; compare it with the original, group by group"
    )]
    Checksum(Kind),
    /// A sound code, for something else.
    #[error("this is a {found}, not a {expected}: {}", other_way(*.found))]
    OtherKind {
        /// What was asked for.
        expected: Kind,
        /// What it is.
        found: Kind,
    },
    /// Too few words, or too many.
    #[error("this has {read} words of a tracker's {WORDS}: {}", missing(*.read, WORDS))]
    WordCount {
        /// How many there are.
        read: usize,
    },
    /// Numbers count from 1.
    #[error("word {number}, {word:?}, is not in the list of words: compare it with the original")]
    Word {
        /// Its number.
        number: usize,
        /// The word.
        word: String,
    },
    /// All words are in the list, and some are wrong.
    #[error(
        "these words are no tracker: one is wrong, or they are in another order; compare them with the original"
    )]
    WordChecksum,
}

const fn missing(read: usize, of: usize) -> &'static str {
    if read < of {
        "some are missing"
    } else {
        "there are too many"
    }
}

const fn other_way(found: Kind) -> &'static str {
    match found {
        Kind::VoterCode => {
            "it is secret, keep it to yourself; the tracker was shown when the ballot was cast"
        }
        Kind::Tracker => {
            "it finds a ballot, and cannot cast one; the voter code is on the voting card"
        }
    }
}

/// A voter's secret: who has it can vote. Erased from memory when dropped, never printed by `{:?}`;
/// `{}` is the code.
#[derive(Clone, PartialEq, Eq)]
pub struct VoterCode(Zeroizing<[u8; PAYLOAD_BYTES]>);

impl VoterCode {
    /// The code of 16 bytes, which must be random.
    pub fn from_random(bytes: [u8; PAYLOAD_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a code or the text of its QR code; case, spaces and dashes do not matter.
    ///
    /// # Errors
    /// What is wrong with it: never a [`CodeFault`] about words.
    pub fn parse(text: &str) -> Result<Self, CodeFault> {
        parse(Kind::VoterCode, text).map(Self)
    }

    /// Whether a code stands anywhere in a text, also between other words.
    pub fn is_in(text: &str) -> bool {
        let symbols: Zeroizing<Vec<u8>> = Zeroizing::new(
            text.chars()
                .filter(|c| !c.is_whitespace() && !is_dash(*c))
                // Zero is no symbol.
                .map(|c| symbol(c).unwrap_or_default())
                .collect(),
        );
        let is_code = |window: &[u8]| {
            !window.contains(&0)
                && std::str::from_utf8(window).is_ok_and(|code| Self::parse(code).is_ok())
        };
        symbols.windows(CHARACTERS).any(is_code)
    }

    /// The key that the voter signs with: its ed25519 seed is SHA-256 of a tag and the 16 bytes.
    pub fn secret_key(&self) -> SecretKey {
        let hash = Sha256::new()
            .chain_update(SEED_TAG)
            .chain_update(self.0.as_slice());
        let mut seed = Zeroizing::new([0; 32]);
        seed.copy_from_slice(&hash.finalize());
        SecretKey::from_seed(&seed)
    }

    /// The 42 characters of its QR code, all of QR's alphanumeric set.
    pub fn qr_text(&self) -> Zeroizing<String> {
        qr_text(Kind::VoterCode, &self.0)
    }
}

impl fmt::Display for VoterCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&grouped(&characters(Kind::VoterCode, &self.0)))
    }
}

impl fmt::Debug for VoterCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoterCode(secret)")
    }
}

/// Finds a ballot: the first 16 bytes of its transaction's id. Public, like the ballot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tracker([u8; PAYLOAD_BYTES]);

impl Tracker {
    /// The tracker of a ballot.
    pub fn of(id: &TransactionId) -> Self {
        let (bytes, _) = id
            .as_bytes()
            .split_first_chunk()
            .expect("an id has 32 bytes");
        Self(*bytes)
    }

    /// Reads 32 characters or the text of a QR code; case, spaces and dashes do not matter.
    ///
    /// # Errors
    /// What is wrong with it: never a [`CodeFault`] about words.
    pub fn parse(text: &str) -> Result<Self, CodeFault> {
        parse(Kind::Tracker, text).map(|bytes| Self(*bytes))
    }

    /// Reads a tracker in any of its forms: words, characters, the text of a QR code.
    ///
    /// # Errors
    /// What is wrong with the form that it seems to have.
    pub fn read(text: &str) -> Result<Self, CodeFault> {
        // A code may be without digits, and look like words in groups: its checksum knows.
        match Self::parse(text) {
            Err(
                CodeFault::Length { .. } | CodeFault::Character { .. } | CodeFault::Checksum(_),
            ) if is_words(text) => Self::from_words(text),
            read => read,
        }
    }

    /// 12 lower-case words of BIP-39's English list, with a checksum of 4 bits in them.
    pub fn words(&self) -> String {
        let words = Mnemonic::from_entropy(&self.0).expect("16 bytes make 12 words");
        words.words().collect::<Vec<_>>().join(" ")
    }

    /// Reads the 12 words; case, commas and more spaces do not matter.
    ///
    /// # Errors
    /// Only those [`CodeFault`]s that are about words.
    pub fn from_words(text: &str) -> Result<Self, CodeFault> {
        let words: Vec<_> = words_of(text).map(str::to_lowercase).collect();
        let unknown = |word: &&String| Language::English.find_word(word).is_none();
        if let Some((at, word)) = words.iter().enumerate().find(|(_, word)| unknown(word)) {
            return Err(CodeFault::Word {
                number: at + 1,
                word: word.chars().take(40).collect(),
            });
        }
        if words.len() != WORDS {
            return Err(CodeFault::WordCount { read: words.len() });
        }
        let read = Mnemonic::parse_in_normalized(Language::English, &words.join(" "));
        let (entropy, _) = read
            .map_err(|_| CodeFault::WordChecksum)?
            .to_entropy_array();
        let (bytes, _) = entropy.split_first_chunk().expect("an array of 33 bytes");
        Ok(Self(*bytes))
    }

    /// The beginning of the ballot's id.
    pub const fn bytes(&self) -> &[u8; PAYLOAD_BYTES] {
        &self.0
    }

    /// The 45 characters of its QR code, all of QR's alphanumeric set.
    pub fn qr_text(&self) -> String {
        qr_text(Kind::Tracker, &self.0).to_string()
    }
}

impl fmt::Display for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&grouped(&characters(Kind::Tracker, &self.0)))
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tracker({self})")
    }
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
}

/// Whether somebody meant words: nothing but letters, and most of them longer than a group, or in
/// the list.
fn is_words(text: &str) -> bool {
    let (mut words, mut likely) = (0, 0);
    for word in words_of(text) {
        words += 1;
        let listed = Language::English.find_word(&word.to_lowercase()).is_some();
        likely +=
            usize::from(listed || (word.len() > GROUP && word.chars().all(char::is_alphabetic)));
    }
    words > 0 && likely * 2 >= words
}

fn checksum(kind: Kind, payload: &[u8; PAYLOAD_BYTES]) -> [u8; CHECKSUM_BYTES] {
    let hash = Sha256::new()
        .chain_update(kind.tag())
        .chain_update(payload)
        .finalize();
    std::array::from_fn(|at| hash[at])
}

/// The 32 characters, without dashes.
fn characters(kind: Kind, payload: &[u8; PAYLOAD_BYTES]) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; PAYLOAD_BYTES + CHECKSUM_BYTES]);
    bytes[..PAYLOAD_BYTES].copy_from_slice(payload);
    bytes[PAYLOAD_BYTES..].copy_from_slice(&checksum(kind, payload));
    Zeroizing::new(BASE32.encode(bytes.as_slice()))
}

fn grouped(characters: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + CHARACTERS / GROUP));
    for (at, character) in characters.chars().enumerate() {
        if at > 0 && at % GROUP == 0 {
            text.push('-');
        }
        text.push(character);
    }
    text
}

fn qr_text(kind: Kind, payload: &[u8; PAYLOAD_BYTES]) -> Zeroizing<String> {
    let characters = characters(kind, payload);
    let mut text = Zeroizing::new(String::with_capacity(kind.prefix().len() + CHARACTERS));
    text.push_str(kind.prefix());
    text.push_str(&characters);
    text
}

/// The text after a kind's prefix, whatever its case.
fn after_prefix(kind: Kind, text: &str) -> Option<&str> {
    let (prefix, rest) = text.trim().split_at_checked(kind.prefix().len())?;
    prefix.eq_ignore_ascii_case(kind.prefix()).then_some(rest)
}

fn parse(kind: Kind, text: &str) -> Result<Zeroizing<[u8; PAYLOAD_BYTES]>, CodeFault> {
    let other = CodeFault::OtherKind {
        expected: kind,
        found: kind.other(),
    };
    if after_prefix(kind.other(), text).is_some() {
        return Err(other);
    }
    let symbols = symbols(after_prefix(kind, text).unwrap_or(text))?;
    let mut bytes = Zeroizing::new([0; PAYLOAD_BYTES + CHECKSUM_BYTES]);
    BASE32
        .decode_mut(symbols.as_slice(), bytes.as_mut_slice())
        .expect("32 characters of the alphabet are 20 bytes");
    let mut payload = Zeroizing::new([0; PAYLOAD_BYTES]);
    payload.copy_from_slice(&bytes[..PAYLOAD_BYTES]);
    match &bytes[PAYLOAD_BYTES..] {
        read if read == checksum(kind, &payload) => Ok(payload),
        read if read == checksum(kind.other(), &payload) => Err(other),
        _ => Err(CodeFault::Checksum(kind)),
    }
}

/// The characters of a code as the alphabet has them.
fn symbols(text: &str) -> Result<Zeroizing<[u8; CHARACTERS]>, CodeFault> {
    let mut symbols = Zeroizing::new([0; CHARACTERS]);
    let mut read = 0;
    for character in text.chars().filter(|c| !c.is_whitespace() && !is_dash(*c)) {
        let symbol = symbol(character).ok_or(CodeFault::Character {
            character,
            place: read + 1,
        })?;
        if let Some(place) = symbols.get_mut(read) {
            *place = symbol;
        }
        read += 1;
    }
    if read == CHARACTERS {
        Ok(symbols)
    } else {
        Err(CodeFault::Length { read })
    }
}

/// Word processors make other dashes of `-`.
const fn is_dash(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

const fn symbol(character: char) -> Option<u8> {
    Some(match character.to_ascii_uppercase() {
        'I' | 'L' => b'1',
        'O' => b'0',
        'U' => return None,
        known @ ('0'..='9' | 'A'..='Z') => known as u8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::Hash;

    const SYMBOLS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    fn tracker() -> Tracker {
        Tracker::of(&TransactionId::new(Hash::from_bytes(std::array::from_fn(
            |at| 211 - 5 * u8::try_from(at).unwrap(),
        ))))
    }

    fn samples() -> impl Iterator<Item = [u8; 16]> {
        (0..200_u8).map(|seed| std::array::from_fn(|at| Sha256::digest([seed])[at]))
    }

    #[test]
    fn code_is_found_between_other_words() {
        let code = VoterCode::from_random([7; 16]);
        for text in [
            code.to_string(),
            code.qr_text().to_string(),
            format!("Ada {code}"),
            format!("code: {}, by post", code.to_string().to_lowercase()),
        ] {
            assert!(VoterCode::is_in(&text));
        }
        let without_last = code
            .to_string()
            .trim_end_matches(char::is_alphanumeric)
            .to_owned();
        for text in ["", "ada@example.org", &tracker().to_string(), &without_last] {
            assert!(!VoterCode::is_in(text), "{text}");
        }
    }

    #[test]
    fn codes_are_fixed_for_ever() {
        let bytes = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let code = VoterCode::from_random(bytes);
        assert_eq!(code.to_string(), "000G-40R4-0M30-E209-185G-R38E-1XM9-HF0P");
        assert_eq!(
            code.secret_key().public().to_string(),
            "95daf89d78f8fba0736031aefeeff0337ceaa29d72c810567f5fd148bb6fd2c8"
        );
        assert_eq!(
            Tracker(bytes).to_string(),
            "000G-40R4-0M30-E209-185G-R38E-1WKR-9WNX"
        );
        assert_eq!(
            Tracker(bytes).words(),
            "abandon amount liar amount expire adjust cage candy arch gather drum buyer"
        );
    }

    #[test]
    fn code_reads_what_it_prints_however_it_is_typed() {
        for bytes in samples() {
            let code = VoterCode::from_random(bytes);
            let shown = code.to_string();
            assert_eq!((shown.len(), shown.matches('-').count()), (39, 7));
            let typed = [
                shown.to_lowercase(),
                shown.replace('-', ""),
                format!("  {}\n", shown.replace('-', "  ")),
                shown.replace('-', "\u{2013}"),
                shown.replace('1', "l").replace('0', "o"),
                shown.replace('1', "I").replace('0', "O"),
                code.qr_text().to_string(),
                code.qr_text().to_lowercase(),
            ];
            for typed in typed {
                assert_eq!(VoterCode::parse(&typed).unwrap(), code, "{typed}");
            }
        }
    }

    #[test]
    fn every_single_wrong_character_is_caught() {
        let code = VoterCode::from_random([0x5a; 16]);
        let shown = code.to_string().replace('-', "");
        for place in 0..CHARACTERS {
            for wrong in (' '..='~').filter(|wrong| !wrong.is_whitespace() && *wrong != '-') {
                let mut typed: Vec<_> = shown.chars().collect();
                let right = std::mem::replace(&mut typed[place], wrong);
                let typed: String = typed.into_iter().collect();
                let same = match wrong.to_ascii_uppercase() {
                    'I' | 'L' => '1',
                    'O' => '0',
                    other => other,
                };
                let expected = match same {
                    same if same == right => Ok(code.clone()),
                    same if SYMBOLS.contains(same) => Err(CodeFault::Checksum(Kind::VoterCode)),
                    _ => Err(CodeFault::Character {
                        character: wrong,
                        place: place + 1,
                    }),
                };
                assert_eq!(VoterCode::parse(&typed), expected, "{typed}");
            }
        }
    }

    #[test]
    fn swapped_neighbours_are_caught() {
        for bytes in samples() {
            let shown = Tracker(bytes).to_string().replace('-', "");
            for place in 1..CHARACTERS {
                let mut typed = shown.clone().into_bytes();
                typed.swap(place - 1, place);
                let typed = String::from_utf8(typed).unwrap();
                assert_eq!(Tracker::parse(&typed).is_ok(), typed == shown);
            }
        }
    }

    #[test]
    fn voter_code_is_never_read_as_a_tracker() {
        for bytes in samples() {
            let (code, tracker) = (VoterCode::from_random(bytes), Tracker(bytes));
            let secret = CodeFault::OtherKind {
                expected: Kind::Tracker,
                found: Kind::VoterCode,
            };
            for text in [code.to_string(), code.qr_text().to_string()] {
                assert_eq!(Tracker::parse(&text), Err(secret.clone()));
                assert_eq!(Tracker::read(&text), Err(secret.clone()));
            }
            let public = CodeFault::OtherKind {
                expected: Kind::VoterCode,
                found: Kind::Tracker,
            };
            for text in [tracker.to_string(), tracker.qr_text()] {
                assert_eq!(VoterCode::parse(&text), Err(public.clone()));
            }
        }
    }

    #[test]
    fn faults_say_what_is_wrong_and_where() {
        let said = |text: &str| VoterCode::parse(text).unwrap_err().to_string();
        assert_eq!(
            said("ABCD-EFGH"),
            "this has 8 characters of a code's 32: some are missing"
        );
        assert!(said(&"A".repeat(64)).contains("64 characters of a code's 32: there are too many"));
        assert!(said("ABCD-EFUH").starts_with("character 7 (group 2) is 'U', which no code has"));
        assert!(said("").contains("0 characters"));
        let said = VoterCode::parse(&tracker().to_string())
            .unwrap_err()
            .to_string();
        assert!(
            said.starts_with("this is a tracker, not a voter code"),
            "{said}"
        );
    }

    #[test]
    fn words_are_read_back_however_they_are_typed() {
        for bytes in samples() {
            let tracker = Tracker(bytes);
            let words = tracker.words();
            assert_eq!(words.split(' ').count(), WORDS);
            for typed in [
                words.clone(),
                words.to_uppercase(),
                words.replace(' ', ", "),
                words.replace(' ', " \n "),
            ] {
                assert_eq!(Tracker::from_words(&typed), Ok(tracker));
                assert_eq!(Tracker::read(&typed), Ok(tracker));
            }
            assert_eq!(Tracker::read(&tracker.to_string()), Ok(tracker));
            assert_eq!(
                Tracker::read(&tracker.to_string().replace('-', " ").to_lowercase()),
                Ok(tracker)
            );
            assert_eq!(Tracker::read(&tracker.qr_text()), Ok(tracker));
        }
    }

    #[test]
    fn wrong_word_is_named() {
        let words = tracker().words();
        let mut list: Vec<_> = words.split(' ').collect();
        list[4] = "blokchain";
        let fault = Tracker::read(&list.join(" ")).unwrap_err();
        assert_eq!(
            fault,
            CodeFault::Word {
                number: 5,
                word: "blokchain".into()
            }
        );
        assert!(fault.to_string().contains("word 5, \"blokchain\""));
        assert_eq!(
            Tracker::read(&words[..words.rfind(' ').unwrap()]),
            Err(CodeFault::WordCount { read: 11 })
        );
        let twelve = ["zoo"; 12].join(" ");
        assert_eq!(Tracker::read(&twelve), Err(CodeFault::WordChecksum));
    }

    #[test]
    fn mistyped_tracker_is_no_wrong_word() {
        let shown = tracker().to_string();
        let wrong = if shown.ends_with('Z') { "Y" } else { "Z" };
        let mistyped = format!("{}{wrong}", &shown[..38]);
        assert_eq!(
            Tracker::read(&mistyped),
            Err(CodeFault::Checksum(Kind::Tracker))
        );
        assert_eq!(
            Tracker::read(&mistyped.replace('-', " ")),
            Err(CodeFault::Checksum(Kind::Tracker))
        );
        assert_eq!(Tracker::read("ABCD"), Err(CodeFault::Length { read: 4 }));
    }

    #[test]
    fn debug_shows_no_secret() {
        let code = VoterCode::from_random([0xab; 16]);
        let shown = code.to_string();
        assert!(!format!("{code:?}").contains(&shown[..4]));
    }

    #[test]
    fn text_of_any_kind_is_refused_without_a_panic() {
        for text in [
            "\u{e9}",
            "VOTE-CODE",
            "VOTE-CODE:",
            "vote-tracker:\u{1f600}",
            "\u{130}\u{131}",
            ",,,",
            "ab\u{301}",
        ] {
            assert!(VoterCode::parse(text).is_err() && Tracker::read(text).is_err());
        }
    }
}
