use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::*;

const ALL: Wanted = Wanted {
    weights: true,
    keys: false,
};
const KEYS: Wanted = Wanted {
    weights: true,
    keys: true,
};

/// What comes of lists of voters, here and on the page.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    /// The words of headers, by what they are for.
    words: BTreeMap<String, Vec<String>>,
    lists: Vec<Case>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// Whether the election gives weights.
    weighted: bool,
    /// The good rows.
    #[serde(default)]
    voters: Vec<Said>,
    /// What is said, in English.
    #[serde(default)]
    notes: Vec<String>,
    /// Line, kind and words.
    #[serde(default)]
    faults: Vec<(u32, String, String)>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    id: String,
    name: String,
    contact: String,
    group: String,
    weight: u32,
    key: Option<String>,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        match (&self.text, &self.hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(digits)) => hex::decode(digits).unwrap(),
            _ => panic!("{}: either text or hex", self.name),
        }
    }

    fn read(&mut self, read: Result<VoterList, Fault>) {
        let faults = |faults: &[Fault]| -> Vec<(u32, String, String)> {
            let fault = |Fault { line, what }: &Fault| (*line, kind(what), what.to_string());
            faults.iter().map(fault).collect()
        };
        self.voters.clear();
        self.notes.clear();
        match read {
            Err(fault) => self.faults = faults(&[fault]),
            Ok(list) => {
                let said = |row: &VoterRow| {
                    let Person {
                        id,
                        name,
                        contact,
                        group,
                    } = list.person(row);
                    let [id, name, contact, group] = [id, name, contact, group].map(str::to_owned);
                    Said {
                        id,
                        name,
                        contact,
                        group,
                        weight: row.weight,
                        key: row.key.map(|key| key.to_string()),
                    }
                };
                self.voters = list.rows.iter().map(said).collect();
                self.notes = list.report.notes.iter().map(ToString::to_string).collect();
                self.faults = faults(&list.report.faults);
            }
        }
    }
}

/// The name of a fault's kind: `same_key`.
fn kind(what: &What) -> String {
    let mut kind = String::new();
    for letter in format!("{what:?}")
        .chars()
        .take_while(|c| c.is_alphanumeric())
    {
        if letter.is_uppercase() && !kind.is_empty() {
            kind.push('_');
        }
        kind.extend(letter.to_lowercase());
    }
    kind
}

fn path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/rolls.json")
}

fn vectors() -> Vectors {
    serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap()
}

#[test]
fn lists_are_read_as_the_vectors_have_it() {
    let mut made = vectors();
    let owned = |words: &str| words.split(", ").map(str::to_owned).collect();
    made.words = header::WORDS
        .iter()
        .map(|(kind, words)| ((*kind).to_owned(), owned(words)))
        .collect();
    for case in &mut made.lists {
        let bytes = case.bytes();
        case.read(read(
            &bytes,
            Wanted {
                weights: case.weighted,
                keys: false,
            },
        ));
    }
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(path(), serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let expected = vectors();
    assert_eq!(made.words, expected.words);
    for (made, expected) in made.lists.iter().zip(&expected.lists) {
        assert_eq!(made, expected, "{}", expected.name);
    }
}

/// The rows of a text, each as a row of the same number in a sheet.
fn sheet_rows(text: &str) -> String {
    let mut records = table::likely(text);
    let mut row = vote_counting::formats::table::Row::default();
    let mut rows = String::new();
    while records.next(&mut row).is_some() {
        let cells: String =
            row.cells().enumerate().filter(|(_, cell)| !cell.is_empty()).fold(String::new(), |cells, (at, cell)| {
                let column = char::from(b'A' + u8::try_from(at).unwrap());
                let text = cell.replace('&', "&amp;").replace('<', "&lt;");
                cells
                    + &format!(
                        r#"<c r="{column}{}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>"#,
                        row.line
                    )
            });
        rows += &format!(r#"<row r="{}">{cells}</row>"#, row.line);
    }
    rows
}

#[test]
fn sheet_of_a_spreadsheet_means_what_the_same_table_means_as_text() {
    // A cell is never torn, and no cell has a control character; what is no text at all is not in a
    // sheet.
    let of_texts = [
        "fields",
        "quote",
        "line_break",
        "control",
        "empty",
        "no_header",
    ];
    let mut compared = 0;
    for mut case in vectors().lists {
        let Some(text) = case
            .text
            .clone()
            .filter(|text| !text.to_lowercase().contains("sep="))
        else {
            continue;
        };
        if case
            .faults
            .iter()
            .any(|(_, kind, _)| of_texts.contains(&kind.as_str()))
        {
            continue;
        }
        let plain = text
            .trim_start_matches('\u{feff}')
            .trim_end_matches('\u{1a}');
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            crate::spreadsheet::tests::book_of(&sheet_rows(plain)),
        )
        .unwrap();
        let mut spreadsheet = crate::spreadsheet::Spreadsheet::open(file.path(), None).unwrap();
        let list = read_sheet(
            &mut spreadsheet.rows().unwrap(),
            0,
            Wanted {
                weights: case.weighted,
                keys: false,
            },
        );
        let expected = (
            std::mem::take(&mut case.voters),
            std::mem::take(&mut case.notes),
            std::mem::take(&mut case.faults),
        );
        case.read(list);
        assert_eq!(
            (case.voters, case.notes, case.faults),
            expected,
            "{}",
            case.name
        );
        compared += 1;
    }
    assert!(compared > 50, "{compared}");
}

fn key(seed: u32) -> PublicKey {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    vote_chain::SecretKey::from_seed(&bytes).public()
}

fn fault(bytes: &[u8], wanted: Wanted) -> String {
    read(bytes, wanted).unwrap_err().to_string()
}

#[test]
fn every_row_to_import_has_a_key() {
    assert!(fault(b"name,weight\nAda,1\n", KEYS).contains("line 1: there is no column key"));
    let text = format!("name,key\nAda,{}\nGrace,\n", key(1));
    let list = read(text.as_bytes(), KEYS).unwrap();
    assert_eq!(
        list.report.faults,
        [Fault {
            line: 3,
            what: What::NoKey
        }]
    );
    assert_eq!((list.rows.len(), list.rows[0].key), (1, Some(key(1))));
}

#[test]
fn too_many_rows_and_columns_are_refused() {
    let header = format!("name{}\nAda\n", ",".repeat(COLUMNS_MAX));
    assert!(fault(header.as_bytes(), ALL).contains("1001 columns"));
    let rows = [b"key\n".as_slice(), &b"x\n".repeat(ROWS_MAX + 1)].concat();
    assert!(fault(&rows, ALL).contains("more than 2000000 rows"));
}

#[test]
fn weak_keys_are_found_among_all() {
    let weak = PublicKey::from_bytes(std::array::from_fn(|at| u8::from(at == 0)));
    let mut text = "key\n".to_owned();
    (1..40).for_each(|seed| text += &format!("{}\n", key(seed)));
    text += &format!("{weak}\n{}\nabc\n", key(40));
    let mut list = read(text.as_bytes(), KEYS).unwrap();
    assert_eq!(list.rows.len(), 41);
    list.check_keys();
    assert_eq!(list.rows.len(), 40);
    assert_eq!(
        list.report.faults[0],
        Fault {
            line: 41,
            what: What::WeakKey
        }
    );
    assert_eq!(list.report.faults[1].line, 43);
}

#[test]
fn no_row_is_lost() {
    let mut random = 1_u32;
    let alphabet = [
        "\"", ",", "\n", "\r", ";", "a", "\u{eb}", " ", "1", "\t", "\0",
    ];
    for _ in 0..3_000 {
        let mut text = "name,weight\nfirst,1\n".to_owned();
        for _ in 0..30 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text += alphabet[(random >> 16) as usize % alphabet.len()];
        }
        let list = read(text.as_bytes(), ALL).unwrap();
        let mut lines: Vec<_> = list.report.faults.iter().map(|fault| fault.line).collect();
        lines.extend(list.rows.iter().map(|row| row.line));
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), list.report.rows, "{text:?}");
    }
}
