//! Files of ballots, read and written. How each format is read, and what is refused, is in
//! docs/ballot-files.md.
//!
//! | ending | ballots | holds besides |
//! |---|---|---|
//! | `blt` | `3 2=1 4 0` | title, seats, withdrawn |
//! | `soc`, `soi`, `toc`, `toi` | `3: {1,2},4` | title; no ballots that rank nobody |
//! | `cat` | `3: {1,2},4,3` | title |
//! | `abif` | `3:A=B>D` | title, seats |
//! | `csv` | `3,1,1,,2` below `count,A,B,C,D` | |
//!
//! The rules of reading, whatever the format:
//! - **Nothing is read wrongly in silence.** A file is understood as its author meant it, or
//!   refused with line, reason and what to do. What of it is left out, or was taken to mean
//!   something, is in [`Parsed::notes`].
//! - **Equal ranks**, also called overvotes where a voter was to give each rank once, stay equal:
//!   no candidate and no ballot is dropped for them. What comes of them is for the rule of counting
//!   to say.
//! - **Skipped ranks** (`-` or `0` in BLT, missing numbers in CSV, gaps in records) are ranks of
//!   nobody; what comes of them is for the rule of counting to say. PrefLib and ABIF have none:
//!   there who is named next moves up.
//! - **Not named** candidates (undervotes, blank cells) come last, equal; **a ballot that names
//!   nobody** is a ballot.
//! - **Withdrawn** candidates stay in [`File::withdrawn`] and on the ballots until
//!   [`File::without_withdrawn`] takes them off; then the ranks close up. Only BLT can say so: the
//!   other formats are written as if they had never stood.
//! - A candidate twice on a ballot, an unknown one, a number that is none, two candidates whose
//!   names look the same, counts that are not those that the file states: the file is refused, and
//!   the line named.
//! - What a file takes in memory goes by how many of its ballots differ, not by how long it is.

mod abif;
mod blt;
#[cfg(test)]
mod cases;
mod categories;
pub mod cell;
mod csv;
mod ids;
mod lines;
pub mod nist;
mod preflib;
pub mod records;
pub mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Cursor, Seek};
use std::ops::RangeInclusive;

pub use csv::write_scores;

use crate::names;
use crate::packed::{Packed, PackedBallots};
use crate::profile::{BALLOTS_MAX, Group, Profile};

/// A file of ballots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its title; may be empty.
    pub title: String,
    /// The candidates' names.
    pub candidates: Vec<String>,
    /// Seats to fill.
    pub seats: usize,
    /// Candidates that have withdrawn, by place.
    pub withdrawn: Vec<usize>,
    /// The ballots, equal ones together.
    pub ballots: PackedBallots,
}

/// A file, and what there is to say about how it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// What is in it.
    pub file: File,
    /// What was left out, or taken to mean something; nothing that is plain.
    pub notes: Vec<Note>,
    /// How many ballots have each list of scores, one for each candidate, if [`Options::sums`] asks
    /// for them.
    pub scores: Option<Vec<(u64, Vec<u8>)>>,
}

/// Refuses more ballots than any rule can count without an overflow.
fn check_total(ballots: &PackedBallots) -> Result<(), FormatError> {
    if ballots.total() <= BALLOTS_MAX {
        return Ok(());
    }
    let most = ballots.iter().max_by_key(|packed| packed.count);
    let line = most.map_or(1, |packed| packed.line);
    let reason = format!(
        "the file has more ballots than can be counted, {BALLOTS_MAX}; most stand in this line"
    );
    Err(fault(line, reason))
}

/// What whoever counts a file should know about how it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line, or the first of them, from 1.
    pub line: usize,
    /// What was done.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Notes while a file is read.
#[derive(Default)]
struct Notes(Vec<Note>);

impl Notes {
    fn add(&mut self, line: usize, text: impl Into<String>) {
        self.0.push(Note {
            line,
            text: text.into(),
        });
    }

    /// Adds one note for all times, if there were any.
    fn repeated(&mut self, seen: Repeated, text: impl Fn(u64) -> String) {
        if let Some(first) = seen.first {
            self.add(first, text(seen.times));
        }
    }
}

impl From<Notes> for Vec<Note> {
    fn from(notes: Notes) -> Self {
        notes.0
    }
}

/// What occurs on many lines, and is said once.
#[derive(Clone, Copy, Default)]
struct Repeated {
    first: Option<usize>,
    times: u64,
}

impl Repeated {
    fn see(&mut self, line: usize) {
        self.first.get_or_insert(line);
        self.times += 1;
    }
}

/// What a file does not say itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What categories mean.
    pub categories: Categories,
    /// Which contest of several: its name, or its number in the list that the refusal shows.
    pub contest: Option<String>,
    /// Numbers in cells are scores, the highest the best, and not ranks.
    pub scores: bool,
    /// Scores are kept besides, to be added up; each is at most 255 then.
    pub sums: bool,
    /// Of tables and records that say which ballots are rejected, void or a test: those of these
    /// statuses count, and no others; [`NO_STATUS`] is that of ballots without one. If there are
    /// none, a file with a status that does not plainly count is refused.
    pub statuses: Vec<String>,
    /// Ballots with an id that is there already count too; else they are refused.
    pub repeated_ids: bool,
}

/// How [`Options::statuses`] name the status of ballots that have none.
pub const NO_STATUS: &str = "none";

/// What the categories of a file mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Categories {
    /// Ranks, the first the best; of two or more, those in the last are not ranked.
    #[default]
    Ranks,
    /// Approval by the first of two; other files are refused with the question which categories
    /// approve.
    Plain,
    /// Approval by these.
    Approve(Vec<String>),
}

impl File {
    /// The ballots.
    pub fn profile(&self) -> Profile {
        Profile::packed(self.candidates.len(), self.ballots.clone())
    }

    /// The same without those who have withdrawn: they are on no list, and the ranks on the ballots
    /// close up.
    #[must_use]
    pub fn without_withdrawn(self) -> Self {
        let Self {
            title,
            candidates,
            seats,
            withdrawn,
            ballots,
        } = self;
        let stands = |place: &usize| !withdrawn.contains(place);
        let places: Vec<usize> = (0..candidates.len())
            .scan(0, |next, place| {
                let at = *next;
                *next += usize::from(stands(&place));
                Some(at)
            })
            .collect();
        if withdrawn.is_empty() {
            return Self {
                title,
                candidates,
                seats,
                withdrawn,
                ballots,
            };
        }
        let without = |packed: Packed<'_>| {
            let Group { count, ranks } = packed.group();
            // A rank that the voter has skipped is one still.
            let remain = ranks
                .into_iter()
                .filter(|rank| rank.is_empty() || rank.iter().any(stands));
            let rank = |rank: Vec<usize>| {
                rank.iter()
                    .filter(|c| stands(c))
                    .map(|c| places[*c])
                    .collect()
            };
            (
                packed.line,
                Group {
                    count,
                    ranks: remain.map(rank).collect(),
                },
            )
        };
        let ballots = PackedBallots::pack(ballots.iter().map(without))
            .expect("fewer candidates than before, each once");
        let candidates = (0..)
            .zip(candidates)
            .filter(|(place, _)| stands(place))
            .map(|(_, name)| name)
            .collect();
        Self {
            title,
            candidates,
            seats,
            withdrawn: Vec::new(),
            ballots,
        }
    }
}

/// A file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct FormatError {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

fn fault(line: usize, reason: impl Into<String>) -> FormatError {
    FormatError {
        line,
        reason: reason.into(),
    }
}

/// Candidates in a file.
const CANDIDATES_MAX: usize = 500;

/// A name or title.
fn name(line: usize, text: &str) -> Result<String, FormatError> {
    names::tidy(text).map_err(|invalid| fault(line, invalid.to_string()))
}

/// Candidates by these names, each with its line: as many as there may be, none like another.
fn candidates(named: Vec<(usize, String)>) -> Result<Vec<String>, FormatError> {
    let at = named.first().map_or(1, |(line, _)| *line);
    if named.is_empty() {
        return Err(fault(
            at,
            "0 candidates: nobody is listed, and no ballot names anybody",
        ));
    }
    if !(1..=CANDIDATES_MAX).contains(&named.len()) {
        return Err(fault(
            at,
            format!("{} candidates; 1 to {CANDIDATES_MAX} can be", named.len()),
        ));
    }
    if let Some((later, first)) = names::first_alike(named.iter().map(|(_, name)| name.as_str())) {
        let ((line, later), (other, first)) = (&named[later], &named[first]);
        let reason = if later == first {
            format!(
                "two candidates are called {later:?}, here and in line {other}: nobody could tell who is elected"
            )
        } else {
            format!(
                "the candidates {later:?} and {first:?}, in line {other}, look the same: nobody could tell who is elected"
            )
        };
        return Err(fault(*line, reason));
    }
    Ok(named.into_iter().map(|(_, name)| name).collect())
}

/// Names in quotes, the first of them if they are many.
fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let mut names = names.into_iter();
    let mut shown: Vec<_> = names
        .by_ref()
        .take(SHOWN)
        .map(|name| format!("\"{name}\""))
        .collect();
    if names.next().is_some() {
        shown.push("...".into());
    }
    shown.join(", ")
}

/// Says of candidates whom only ballots name, each with a line, which differ in nothing but capital
/// letters.
fn note_capitals(named: &[(usize, String)], notes: &mut Notes) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (line, name) in named {
        if let Some(first) = seen.get(name.to_lowercase().as_str()) {
            let reason = "are two candidates whose names differ in capital letters alone: if they are one, write one name";
            notes.add(*line, format!("\"{first}\" and \"{name}\" {reason}"));
        } else {
            seen.insert(name.to_lowercase(), name);
        }
    }
}

/// A number without sign.
fn number(line: usize, word: &str) -> Result<usize, FormatError> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { word.parse().ok() } else { None };
    number.ok_or_else(|| fault(line, format!("{word:?} is not a number")))
}

/// How many ballots.
fn count(line: usize, word: &str) -> Result<u64, FormatError> {
    // What spreadsheets make of whole numbers. Three zeroes would be thousands, as many people
    // write them.
    let whole = [".0", ".00"]
        .into_iter()
        .find_map(|zeroes| word.strip_suffix(zeroes))
        .unwrap_or(word);
    if let Ok(number) = number(line, whole) {
        return Ok(number as u64);
    }
    if let Some(digits) = without_thousands(word) {
        let reason = format!(
            "{word} ballots: is that {digits}? Counts are whole numbers, without a sign between the thousands and without decimals"
        );
        return Err(fault(line, reason));
    }
    let decimal = word.starts_with(|c: char| c.is_ascii_digit())
        && word.replace(',', ".").parse::<f64>().is_ok();
    if decimal {
        let reason = format!(
            "{word} ballots: counts and weights are whole numbers; multiply all by the same one, such as 100"
        );
        return Err(fault(line, reason));
    }
    Err(fault(line, format!("{word:?} is not a number of ballots")))
}

/// The digits of a number such as `1.000` or `12'345'678`, if it could be one.
fn without_thousands(word: &str) -> Option<String> {
    let mut groups = word.split(['.', ',', '\'', '\u{2019}', ' ', '\u{a0}', '\u{202f}', '_']);
    let is_group = |group: &str, digits: RangeInclusive<usize>| {
        digits.contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_digit())
    };
    let first = groups.next().filter(|first| is_group(first, 1..=3))?;
    let rest: Vec<_> = groups.collect();
    let grouped = !rest.is_empty() && rest.iter().all(|group| is_group(group, 3..=3));
    grouped.then(|| format!("{first}{}", rest.concat()))
}

/// Orders in a file of PrefLib.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orders {
    /// Each ranks all, none equally.
    Soc,
    /// None ranks any equally.
    Soi,
    /// Each ranks all.
    Toc,
    /// Any.
    Toi,
}

/// How ballots are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// BLT.
    Blt,
    /// PrefLib's orders, as the file's name or the file says it.
    PrefLib(Orders),
    /// PrefLib's categories: `cat`.
    Categories,
    /// ABIF.
    Abif,
    /// A table.
    Csv,
}

impl Format {
    /// What names of files end in.
    pub const ENDINGS: &str = ".blt, .soc, .soi, .toc, .toi, .cat, .abif, .csv, .tsv";

    /// The format of a file of that name.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "blt" => Some(Self::Blt),
            ending @ ("soc" | "soi" | "toc" | "toi") => Orders::of(ending).map(Self::PrefLib),
            "cat" => Some(Self::Categories),
            "abif" => Some(Self::Abif),
            "csv" | "tsv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`FormatError`] names the first line that does not fit.
    pub fn read(
        self,
        source: impl BufRead + Seek,
        options: &Options,
    ) -> Result<Parsed, FormatError> {
        if self != Self::Csv && options.contest.is_some() {
            return Err(fault(1, "the file has one contest: leave --contest out"));
        }
        if self != Self::Csv && options.scores {
            return Err(fault(
                1,
                "only tables have scores: leave --scores out, or take another --rule",
            ));
        }
        let mut parsed = match self {
            Self::Blt => blt::parse(source)?,
            Self::PrefLib(orders) => preflib::parse(source, orders)?,
            Self::Categories => categories::parse(source, &options.categories)?,
            Self::Abif => abif::parse(source)?,
            Self::Csv => csv::parse(source, options)?,
        };
        let ballots = &mut parsed.file.ballots;
        ballots.merge();
        check_total(ballots)?;
        Ok(parsed)
    }

    /// Reads a text of which there are no questions, and drops the notes.
    ///
    /// # Errors
    /// [`FormatError`] names the first line that does not fit.
    pub fn parse(self, text: &str) -> Result<File, FormatError> {
        self.read(Cursor::new(text), &Options::default())
            .map(|parsed| parsed.file)
    }

    /// Writes a file, with what the format holds.
    pub fn write(self, file: &File) -> String {
        let standing;
        let file = if self == Self::Blt || file.withdrawn.is_empty() {
            file
        } else {
            standing = file.clone().without_withdrawn();
            &standing
        };
        match self {
            Self::Blt => blt::write(file),
            Self::PrefLib(_) => preflib::write(file),
            Self::Categories => categories::write(file),
            Self::Abif => abif::write(file),
            Self::Csv => csv::write(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BallotKind, Ballots, Budget, Outcome, Rule, Seed, Terms, count as count_ballots};
    use proptest::prelude::*;

    fn merged(ballots: impl IntoIterator<Item = (usize, Group)>) -> PackedBallots {
        let mut packed = PackedBallots::pack(ballots).unwrap();
        packed.merge();
        packed
    }

    fn counted(rule: Rule, seats: usize, ballots: &Ballots) -> Outcome {
        let terms = Terms::new(seats, Seed([7; 32]));
        count_ballots(rule, ballots, &terms, &mut Budget::unlimited()).unwrap()
    }

    /// The ballots of a file as the rule takes them.
    fn of_file(rule: Rule, file: &File) -> Ballots {
        if rule.is_ranked() {
            return Ballots::Rankings(file.profile());
        }
        let set = |packed: Packed<'_>| (packed.count, packed.group().ranks.concat());
        Ballots::Approvals {
            candidates: file.candidates.len(),
            sets: file.ballots.iter().map(set).collect(),
        }
    }

    fn file() -> impl Strategy<Value = File> {
        let ballot = (
            1..50u64,
            Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
            0..=4usize,
            prop::collection::vec(any::<bool>(), 4),
        );
        let line = ballot.prop_map(|(count, order, length, equal)| {
            let mut ranks: Vec<Vec<usize>> = Vec::new();
            for (place, equal) in order.into_iter().take(length).zip(equal) {
                match ranks.last_mut() {
                    Some(last) if equal => last.push(place),
                    _ => ranks.push(vec![place]),
                }
            }
            ranks.iter_mut().for_each(|rank| rank.sort_unstable());
            (1, Group { count, ranks })
        });
        // Names that mean something to one format or another.
        let names = [
            "Ada",
            "Grace: \"the\" second",
            "=Joan # 3",
            "{Eve}",
            "id",
            "'id",
            "No",
            "count",
            "'count",
            "Rank 1",
            "2nd choice",
            "Time",
            "1.2.3",
            "2024",
            "0",
            "-1",
            "Plan [A",
            "Plan [B",
            "'=1",
            "A; B",
            "# NUMBER",
            "(1)",
            "overvote",
        ];
        let names = prop::sample::subsequence(names.to_vec(), 4).prop_shuffle();
        (prop::collection::vec(line, 0..20), names).prop_map(|(ballots, names)| File {
            title: "A title".into(),
            candidates: names.into_iter().map(String::from).collect(),
            seats: 1,
            withdrawn: Vec::new(),
            ballots: merged(ballots),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn file_comes_back_as_it_was_written(file in file(), seats in 1..4usize) {
            for format in ALL {
                let mut written = file.clone();
                match format {
                    Format::Blt | Format::Abif => written.seats = seats,
                    // There are no ballots that rank nobody.
                    Format::PrefLib(_) => {
                        let some = file.ballots.iter().filter(|packed| packed.ranks.named() > 0);
                        written.ballots = merged(some.map(|packed| (1, packed.group())));
                    }
                    Format::Categories => {}
                    Format::Csv => written.title.clear(),
                }
                let mut back = format.parse(&format.write(&written)).unwrap();
                // Ballots come in the order in which they were written, each once.
                back.ballots = merged(back.ballots.iter().map(|packed| (1, packed.group())));
                prop_assert_eq!(back, written, "{:?}", format);
            }
        }

        #[test]
        fn records_come_back_as_they_were_written(mut file in file()) {
            // Each ballot is a record of its own.
            let few = file.ballots.iter().map(|packed| (1, Group { count: 1 + packed.count % 3, ..packed.group() }));
            file.ballots = merged(few);
            let about = nist::About {
                id: "a1",
                generated: "2026-11-25T04:17:09Z",
                days: ("2026-11-01", "2026-11-24"),
                issuer: ("The club", "TC"),
                application: "vote-cli",
                rule: Rule::Stv,
            };
            let report = nist::cast_vote_records(&file, &about).unwrap();
            let mut back = records::read_cast_vote_records(Cursor::new(report), &Options::default()).unwrap().file;
            back.ballots = merged(back.ballots.iter().map(|packed| (1, packed.group())));
            prop_assert_eq!(back, file);
        }

        #[test]
        fn exports_read_again_give_the_same_count_by_every_rule(
            file in file(),
            seats in 1..4usize,
            mut scores in prop::collection::vec((1..50u64, prop::collection::vec(any::<u8>(), 4)), 0..9),
            order in any::<bool>(),
        ) {
            // As an export has them, or not.
            if order {
                scores.sort_unstable_by(|one, other| one.1.cmp(&other.1));
            }
            for rule in Rule::ALL {
                if rule.has_numbers() {
                    let lists = scores.iter().map(|(count, scores)| (*count, scores.as_slice()));
                    let text = write_scores(&file.candidates, lists);
                    let options = Options { scores: true, sums: true, ..Options::default() };
                    let back = Format::Csv.read(Cursor::new(text), &options).unwrap();
                    prop_assert_eq!(&back.file.candidates, &file.candidates);
                    let of = |lists| Ballots::Scores { candidates: 4, lists };
                    let expected = counted(rule, seats, &of(scores.clone()));
                    prop_assert_eq!(counted(rule, seats, &of(back.scores.unwrap())), expected);
                    continue;
                }
                // A ballot of what the rule takes, and the rule by which `count` counts it.
                let (names_max, counts_by) = match rule.ballots() {
                    BallotKind::One => (1, Rule::Approval),
                    BallotKind::Several => (4, rule),
                    BallotKind::Scores | BallotKind::Points | BallotKind::Ranks => (0, rule),
                };
                let ballot = |packed: Packed<'_>| {
                    let Group { count, ranks } = packed.group();
                    let all = || ranks.iter().flatten().copied().take(names_max).collect::<Vec<_>>();
                    let ranks = match names_max {
                        0 => ranks,
                        _ if all().is_empty() => Vec::new(),
                        _ => vec![all()],
                    };
                    (1, Group { count, ranks })
                };
                let written = File { ballots: merged(file.ballots.iter().map(ballot)), ..file.clone() };
                for format in ALL {
                    let mut expected = written.clone();
                    if matches!(format, Format::PrefLib(_)) {
                        let some = written.ballots.iter().filter(|packed| packed.ranks.named() > 0);
                        expected.ballots = merged(some.map(|packed| (1, packed.group())));
                    }
                    let options = Options {
                        categories: if rule.is_ranked() { Categories::Ranks } else { Categories::Plain },
                        ..Options::default()
                    };
                    let back = format.read(Cursor::new(format.write(&written)), &options).unwrap().file;
                    prop_assert_eq!(
                        counted(counts_by, seats, &of_file(counts_by, &back)),
                        counted(counts_by, seats, &of_file(counts_by, &expected)),
                        "{:?} as {:?}", rule, format
                    );
                }
            }
        }

        #[test]
        fn those_withdrawn_do_not_stand_again_in_another_format(mut file in file(), gone in 0..4usize) {
            file.withdrawn = vec![gone];
            for format in ALL {
                let back = format.parse(&format.write(&file)).unwrap().without_withdrawn();
                prop_assert!(!back.candidates.contains(&file.candidates[gone]));
                prop_assert_eq!(back.candidates.len(), 3);
            }
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(
            text in "(?s).{0,200}",
            numbers in "[0-9 \n:,{}#=-]{0,200}",
            words in "[ABé0-9 \n:;,{}#=>*/\\[\\]\"-]{0,200}",
            cut in 0..400usize,
            file in file(),
        ) {
            for format in ALL {
                for text in [&text, &numbers, &words] {
                    let _ = format.parse(text);
                }
                // A good file, with something else from some place on.
                let good = format.write(&file);
                let head: String = good.chars().take(cut).collect();
                for tail in [&numbers, &words] {
                    let _ = format.parse(&format!("{head}{tail}"));
                }
            }
        }
    }

    #[test]
    fn skipped_ranks_come_back_where_a_format_has_them() {
        let ranks = vec![vec![], vec![1], vec![], vec![0, 2]];
        let file = File {
            title: String::new(),
            candidates: ["A", "B", "C", "D"].map(String::from).into(),
            seats: 1,
            withdrawn: Vec::new(),
            ballots: merged([
                (
                    1,
                    Group {
                        count: 3,
                        ranks: ranks.clone(),
                    },
                ),
                (
                    2,
                    Group {
                        count: 1,
                        ranks: vec![vec![3]],
                    },
                ),
            ]),
        };
        for format in ALL {
            let back = format
                .parse(&format.write(&file))
                .unwrap()
                .ballots
                .at(0)
                .group()
                .ranks;
            let kept = matches!(format, Format::Blt | Format::Csv);
            let expected: Vec<_> = ranks
                .iter()
                .filter(|rank| kept || !rank.is_empty())
                .cloned()
                .collect();
            assert_eq!(back, expected, "{format:?}");
        }
    }

    const ALL: [Format; 5] = [
        Format::Blt,
        Format::PrefLib(Orders::Soi),
        Format::Categories,
        Format::Abif,
        Format::Csv,
    ];

    #[test]
    fn thousands_with_a_sign_between_are_not_taken_for_ones() {
        for file in ["1.000", "12.000", "1.000.000", "1,000", "1'000", "1.234"].map(|count| {
            let preflib =
                format!("# NUMBER ALTERNATIVES: 2\n# ALTERNATIVE NAME 1: A\n# ALTERNATIVE NAME 2: B\n{count}: 1\n");
            [
                (Format::Blt, format!("2 1\n{count} 1 0\n0\n\"A\"\n\"B\"\n\"T\"\n")),
                (Format::Abif, format!("{count}:A>B\n")),
                (Format::Csv, format!("count;A;B\n{count};1;2\n")),
                (Format::PrefLib(Orders::Toi), preflib),
            ]
        }) {
            for (format, text) in file {
                let refused = format.parse(&text).unwrap_err().reason;
                assert!(refused.contains("without a sign between the thousands"), "{text}: {refused}");
            }
        }
        for good in ["7", "7.0", "7.00"] {
            assert_eq!(count(1, good), Ok(7), "{good}");
        }
        let many = Format::Abif.parse("1:A\n9999999999999:B\n").unwrap_err();
        assert!(
            many.line == 2 && many.reason.contains("more ballots than"),
            "{many}"
        );
        for bad in ["7.", "7.0000", "7.5", "7.0.0", "1.00,000"] {
            assert!(count(1, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_say_the_format() {
        let endings = ["x.blt", "a.b.SOI", "x.cat", "x.abif", "x.csv"];
        assert_eq!(endings.map(Format::of), ALL.map(Some));
        assert_eq!(Format::of("blt"), None);
        assert!(
            Format::ENDINGS
                .split([',', ' '])
                .filter(|word| word.starts_with('.'))
                .all(|word| Format::of(word).is_some())
        );
    }
}
