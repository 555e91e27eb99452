//! Files of ranked ballots.
//!
//! | ending | ballots | holds besides |
//! |---|---|---|
//! | `blt` | `3 2=1 4 0` | title, seats, withdrawn |
//! | `soc`, `soi`, `toc`, `toi` | `3: {1,2},4` | title; no ballots that rank nobody |
//! | `cat` | `3: {1,2},4,3` | title |
//! | `abif` | `3:A=B>D` | title, seats |
//! | `csv` | `3,1,1,,2` below `count,A,B,C,D` | |
//!
//! What the rules of reading are, whatever the format:
//! - **Equal ranks**, also called overvotes where a voter was to give each rank once, stay equal: no candidate and no ballot is dropped for them.
//!   What comes of them is for the rule of counting to say.
//! - **Skipped ranks** (`-` in BLT, `{}` in categories, missing numbers in CSV) close up: who is named next moves up.
//! - **Not named** candidates (undervotes, blank cells) come last, equal; **a ballot that names nobody** is a ballot.
//! - **Categories** are ranks, the first the best; of two or more, the last is what is left: those in it are not ranked, as if not named, so that
//!   *approved, not approved* is read as approvals. Those in no category are not ranked either.
//! - **Withdrawn** candidates stay in [`File::withdrawn`] and on the ballots until [`File::without_withdrawn`] takes them off; then the ranks close up.
//!   Only BLT can say so: the other formats are written as if they had never stood.
//! - A candidate twice on a ballot, an unknown one, a number that is none: the file is refused, and the line named. Nothing is mended.
//!
//! In CSV, the first line names the columns: `count` (in any case) may come first, then the candidates, each by another name. Cells are separated by
//! commas, or by semicolons if the first line has any outside of quotes; blank lines are not ballots. Names that a spreadsheet would take for
//! formulas have an apostrophe before them ([`cell`]). In ABIF, scores (`A/5`) are refused, and commas;
//! lines `{key: value}` other than `title` and `seats` change nothing; if any candidates are defined (`=A:[Name]`), others can only be on ballots by
//! name, in brackets or quotes.

mod abif;
mod blt;
mod categories;
pub mod cell;
mod csv;
pub mod nist;
mod preflib;

use crate::profile::{Group, Profile};

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
    pub ballots: Vec<Line>,
}

/// Equal ballots, as a line has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How many, and the ranks; equal candidates are in the order of their places.
    pub group: Group,
    /// The line of the file, from 1.
    pub line: usize,
}

impl Line {
    /// The one candidate in the first rank; none if there are several, or none at all.
    pub fn first_choice(&self) -> Option<usize> {
        match self.group.ranks.first()?.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }
}

impl File {
    /// The ballots.
    pub fn profile(&self) -> Profile {
        let groups = self.ballots.iter().map(|line| line.group.clone()).collect();
        Profile::new(self.candidates.len(), groups).expect("each line is checked as it is read, and their sum too")
    }

    /// The same without those who have withdrawn: they are on no list, and the ranks on the ballots close up.
    #[must_use]
    pub fn without_withdrawn(self) -> Self {
        let Self { title, candidates, seats, withdrawn, ballots } = self;
        let stands = |place: &usize| !withdrawn.contains(place);
        let places: Vec<usize> = (0..candidates.len())
            .scan(0, |next, place| {
                let at = *next;
                *next += usize::from(stands(&place));
                Some(at)
            })
            .collect();
        let line = |line: Line| {
            let rank = |rank: &Vec<usize>| rank.iter().filter(|c| stands(c)).map(|c| places[*c]).collect::<Vec<_>>();
            let ranks = line.group.ranks.iter().map(rank).filter(|rank| !rank.is_empty()).collect();
            Line { group: Group { count: line.group.count, ranks }, line: line.line }
        };
        let ballots = ballots.into_iter().map(line).collect();
        let candidates = (0..).zip(candidates).filter(|(place, _)| stands(place)).map(|(_, name)| name).collect();
        Self { title, candidates, seats, withdrawn: Vec::new(), ballots }
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
    FormatError { line, reason: reason.into() }
}

/// Candidates in a file.
const CANDIDATES_MAX: usize = 500;

/// A name or title, which is on one line.
fn name(line: usize, text: &str) -> Result<String, FormatError> {
    match text.trim() {
        "" => Err(fault(line, "a name is empty")),
        text if text.contains(char::is_control) => Err(fault(line, format!("{text:?} cannot be a name"))),
        text => Ok(text.to_owned()),
    }
}

fn number(line: usize, word: &str) -> Result<usize, FormatError> {
    word.parse().map_err(|_| fault(line, format!("{word:?} is not a number")))
}

/// How ballots are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// BLT.
    Blt,
    /// PrefLib's orders: `soc`, `soi`, `toc`, `toi`.
    PrefLib,
    /// PrefLib's categories: `cat`.
    Categories,
    /// ABIF.
    Abif,
    /// A table.
    Csv,
}

impl Format {
    /// What names of files end in.
    pub const ENDINGS: &str = ".blt, .soc, .soi, .toc, .toi, .cat, .abif or .csv";

    /// The format of a file of that name.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "blt" => Some(Self::Blt),
            "soc" | "soi" | "toc" | "toi" => Some(Self::PrefLib),
            "cat" => Some(Self::Categories),
            "abif" => Some(Self::Abif),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`FormatError`] names the first line that does not fit.
    pub fn parse(self, text: &str) -> Result<File, FormatError> {
        let text = text.trim_start_matches('\u{feff}');
        let file = match self {
            Self::Blt => blt::parse(text)?,
            Self::PrefLib => preflib::parse(text)?,
            Self::Categories => categories::parse(text)?,
            Self::Abif => abif::parse(text)?,
            Self::Csv => csv::parse(text)?,
        };
        let groups = file.ballots.iter().map(|line| line.group.clone()).collect();
        Profile::new(file.candidates.len(), groups).map_err(|error| fault(1, error.to_string()))?;
        Ok(file)
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
            Self::PrefLib => preflib::write(file),
            Self::Categories => categories::write(file),
            Self::Abif => abif::write(file),
            Self::Csv => csv::write(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file() -> impl Strategy<Value = File> {
        let ballot =
            (1..50u64, Just(vec![0usize, 1, 2, 3]).prop_shuffle(), 0..=4usize, prop::collection::vec(any::<bool>(), 4));
        let line = ballot.prop_map(|(count, order, length, equal)| {
            let mut ranks: Vec<Vec<usize>> = Vec::new();
            for (place, equal) in order.into_iter().take(length).zip(equal) {
                match ranks.last_mut() {
                    Some(last) if equal => last.push(place),
                    _ => ranks.push(vec![place]),
                }
            }
            ranks.iter_mut().for_each(|rank| rank.sort_unstable());
            Line { group: Group { count, ranks }, line: 0 }
        });
        prop::collection::vec(line, 0..20).prop_map(|ballots| File {
            title: "A title".into(),
            candidates: ["Ada", "Grace: the second", "=Joan # 3", "{Eve}"].map(String::from).into(),
            seats: 1,
            withdrawn: Vec::new(),
            ballots,
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
                    Format::PrefLib => written.ballots.retain(|line| !line.group.ranks.is_empty()),
                    Format::Categories => {}
                    Format::Csv => written.title.clear(),
                }
                let mut back = format.parse(&format.write(&written)).unwrap();
                back.ballots.iter_mut().for_each(|line| line.line = 0);
                prop_assert_eq!(back, written, "{:?}", format);
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

    const ALL: [Format; 5] = [Format::Blt, Format::PrefLib, Format::Categories, Format::Abif, Format::Csv];

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
