//! Files as people have them (testdata/ballots), and what comes of each: who is first on how many
//! ballots, or the line where it is refused.

use std::path::PathBuf;

use super::*;

/// What reading comes to.
enum Comes<'a> {
    /// First choices, in the order of the candidates, and what is noted, each note by some of its
    /// words.
    Read(&'a [(&'a str, u64)], &'a [&'a str]),
    /// Not read, for the line and the words of a reason.
    Refused(usize, &'a str),
}
use Comes::{Read, Refused};

const TREES: &[(&str, u64)] = &[("Ash", 4), ("Birch", 3), ("Cedar", 2)];
const COUNCIL: &[(&str, u64)] = &[
    ("Ann ASH (Rowan Party)", 12),
    ("Bob BIRCH (Independent)", 7),
    ("Cyd CEDAR (The \"Green\" Party)", 5),
];

const BLT: &[(&str, Comes<'_>)] = &[
    (
        "b01_comment_after_name.blt",
        Read(
            &[("Ash", 3), ("Birch", 2), ("Cedar", 3), ("Dogwood", 2)],
            &[],
        ),
    ),
    (
        "b02_names_without_quotes.blt",
        Read(
            &[
                ("Ann ASH (Red)", 4),
                ("Bob BIRCH (Blue)", 3),
                ("Cyd CEDAR (Ind)", 2),
            ],
            &[],
        ),
    ),
    (
        "b03_doubled_quotes_in_name.blt",
        Read(
            &[
                ("Ann ASH \"Red party\"", 4),
                ("Bob BIRCH \"Blue party\"", 3),
                ("Cyd CEDAR \"Independent\"", 2),
            ],
            &[],
        ),
    ),
    ("b05_names_shift_two_on_a_line.blt", Read(TREES, &[])),
    (
        "b07_all_on_one_line.blt",
        Read(TREES, &["each is read up to its 0"]),
    ),
    (
        "b07b_ballots_across_lines.blt",
        Read(TREES, &["each is read up to its 0"]),
    ),
    (
        "b09_more_names_than_candidates.blt",
        Refused(
            9,
            "3 names and a title should follow the ballots, as line 1 says, but 5 texts",
        ),
    ),
    (
        "b10_zero_as_skipped_rank.blt",
        Read(
            &[("Ash", 1), ("Birch", 1), ("Cedar", 2)],
            &["read as skipped ranks"],
        ),
    ),
    (
        "b12_no_end_of_ballots.blt",
        Refused(4, "a line 0 should stand between the ballots and the names"),
    ),
    (
        "b13_decimal_weight.blt",
        Refused(2, "whole numbers; multiply all"),
    ),
    (
        "b14_ballot_ids.blt",
        Read(
            &[("Ash", 1), ("Birch", 1), ("Cedar", 0)],
            &["ids of ballots are not read, on 2 lines"],
        ),
    ),
    (
        "b16_option_lines.blt",
        Read(
            &[("Ash", 4), ("Birch", 0), ("Cedar", 2)],
            &["[tie ..] is not used"],
        ),
    ),
    ("b16b_withdrawn_option.blt", Read(TREES, &[])),
    ("b18_cr_only.blt", Read(TREES, &[])),
    ("b19_latin1.blt", Refused(6, "Latin-1")),
    ("b22_more_seats_than_candidates.blt", Read(TREES, &[])),
    (
        "b24b_ballot_of_one_minus.blt",
        Refused(2, "withdraws nobody"),
    ),
    (
        "b25_all_withdrawn.blt",
        Read(&[("Ash", 4), ("Birch", 0), ("Cedar", 0)], &[]),
    ),
    (
        "b26_two_of_the_same_name.blt",
        Refused(7, "two candidates are called \"Smith\""),
    ),
    ("b29_c_comment.blt", Refused(2, "comments begin with #")),
    (
        "b37_no_names.blt",
        Refused(5, "3 names and a title should follow"),
    ),
    (
        "b40_ballots_in_second_block.blt",
        Refused(4, "behind the 0 that ends them"),
    ),
    ("form_bare_names_and_title.blt", Read(COUNCIL, &[])),
    ("form_quoted_names_bare_title.blt", Read(COUNCIL, &[])),
    (
        "form_name_and_party.blt",
        Read(COUNCIL, &["read as the party"]),
    ),
    (
        "form_names_as_in_preflib.blt",
        Read(COUNCIL, &["lines # ALTERNATIVE NAME"]),
    ),
    (
        "form_first_last_party.blt",
        Read(COUNCIL, &["read as the party"]),
    ),
];

const TABLES: &[(&str, Comes<'_>)] = &[
    (
        "c01_weight_column.csv",
        Read(&[("Ash", 12), ("Birch", 8)], &[]),
    ),
    (
        "c02_number_column.csv",
        Refused(1, "\"No\" may say how many"),
    ),
    (
        "c02b_number_column_first_id_late.csv",
        Refused(1, "\"ballot\" may say how many"),
    ),
    (
        "c04_names_in_rank_columns.csv",
        Read(
            &[("Cedar", 1), ("Ash", 1), ("Birch", 0)],
            &["\"Voter\"", "whom the ballots name: 3"],
        ),
    ),
    (
        "c05_empty_columns_at_end.csv",
        Refused(1, "a name is empty"),
    ),
    (
        "c06_empty_rows_at_end.csv",
        Read(&[("Ash", 2), ("Birch", 1)], &["no ballots; there are 3"]),
    ),
    ("c08_sep_line.csv", Read(&[("Ash", 2), ("Birch", 1)], &[])),
    ("c09_tabs.csv", Read(&[("Ash", 1), ("Birch", 1)], &[])),
    (
        "c12_same_column_twice.csv",
        Refused(1, "two candidates are called \"Smith\""),
    ),
    ("c14_no_header.csv", Refused(1, "only numbers")),
    ("c15_utf16.csv", Refused(1, "UTF-16")),
    (
        "c16_rank_far_too_high.csv",
        Refused(3, "rank 99, of 3 candidates"),
    ),
    (
        "c27_short_row.csv",
        Refused(3, "2 cells, where the header has 4"),
    ),
    (
        "c28_several_answers_in_a_cell.csv",
        Read(
            &[("Ash", 2), ("Birch", 1), ("Cedar", 0)],
            &[
                "\"Timestamp\"",
                "whom the ballots name: 3",
                "\"N/A\" name nobody",
                "\"Ash;Birch;\" name several, who are equal at that rank; there are 2",
            ],
        ),
    ),
];

const OTHERS: &[(&str, Comes<'_>)] = &[
    (
        "p02_cut_off.soc",
        Refused(5, "900 voters, but 9 have ballots"),
    ),
    // A line that is cut off where it could end.
    (
        "p02b_cut_off_in_line.soi",
        Read(&[("Ash", 4), ("Birch", 3), ("Cedar", 7)], &[]),
    ),
    ("p04_old_form.soc", Refused(1, "before 2022")),
    (
        "p09_approvals.cat",
        Read(&[("Ash", 0), ("Birch", 3), ("Cedar", 0)], &[]),
    ),
    (
        "p13_names_after_ballots.soi",
        Refused(3, "before any line # ALTERNATIVE NAME"),
    ),
    (
        "p16_soc_incomplete.soc",
        Refused(10, "2 of 3 alternatives are ranked"),
    ),
    (
        "p19_three_categories_yes_maybe_no.cat",
        Refused(6, "--approve, of \"Yes\", \"Maybe\", \"No\""),
    ),
    (
        "a01_ranks_with_scores.abif",
        Read(TREES, &["by their order alone"]),
    ),
    (
        "a03_overvote.abif",
        Read(
            &[("Ash", 42), ("Birch", 26), ("Cedar", 15), ("Dogwood", 17)],
            &[],
        ),
    ),
    (
        "a10_wv_not_margins.abif",
        Read(&[("D", 0), ("A", 0), ("C", 27), ("B", 6)], &[]),
    ),
    ("a12_bare_name_with_space.abif", Refused(1, "brackets")),
    (
        "a21_undefined_misspelt.abif",
        Read(&[("Ash", 4), ("Birch", 0), ("Brich", 3)], &[]),
    ),
];

fn read(name: &str) -> Result<Parsed, FormatError> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/ballots"
    ))
    .join(name);
    let source = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
    let options = Options {
        categories: Categories::Plain,
        ..Options::default()
    };
    Format::of(name).unwrap().read(source, &options)
}

#[test]
fn files_as_people_have_them_are_read_right_or_refused_with_the_line() {
    for (name, comes) in BLT.iter().chain(TABLES).chain(OTHERS) {
        match (comes, read(name)) {
            (Refused(line, words), Err(error)) => {
                assert!(
                    error.line == *line && error.reason.contains(words),
                    "{name}: {error}"
                );
            }
            (Read(first, words), Ok(Parsed { file, notes, .. })) => {
                let mut counts = vec![0; file.candidates.len()];
                for line in file.ballots.iter() {
                    line.first_choice()
                        .into_iter()
                        .for_each(|place| counts[place] += line.count);
                }
                let found: Vec<_> = file
                    .candidates
                    .iter()
                    .map(String::as_str)
                    .zip(counts)
                    .collect();
                assert_eq!(found, *first, "{name}");
                let said = notes.len() == words.len()
                    && notes
                        .iter()
                        .zip(*words)
                        .all(|(note, words)| note.text.contains(words));
                assert!(said, "{name}: {notes:?}");
            }
            (_, other) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn every_file_has_its_case() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/ballots");
    let named: Vec<_> = BLT
        .iter()
        .chain(TABLES)
        .chain(OTHERS)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        // One has an ending that says no format.
        assert!(
            named.contains(&name) || Format::of(&name).is_none(),
            "{name}"
        );
    }
}

#[test]
fn files_say_titles_seats_and_who_has_withdrawn() {
    let file = |name| read(name).unwrap().file;
    assert_eq!(
        (
            file("b01_comment_after_name.blt").title.as_str(),
            file("b01_comment_after_name.blt").withdrawn
        ),
        ("Garden club", vec![1])
    );
    assert_eq!(file("b05_names_shift_two_on_a_line.blt").title, "Trees");
    assert_eq!(file("b16b_withdrawn_option.blt").withdrawn, [0]);
    assert_eq!(file("b22_more_seats_than_candidates.blt").seats, 5);
    assert_eq!(
        file("b25_all_withdrawn.blt").without_withdrawn().candidates,
        [""; 0]
    );
    assert_eq!(
        file("form_bare_names_and_title.blt").title,
        "Ward 1 - North and Islands"
    );
    let approved: Vec<_> = file("p09_approvals.cat")
        .ballots
        .iter()
        .map(|packed| packed.group())
        .collect();
    assert_eq!(
        approved[0],
        Group {
            count: 4,
            ranks: vec![vec![0, 1]]
        }
    );
}
