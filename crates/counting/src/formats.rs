//! Files of ranked ballots.

mod blt;
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
}

impl Format {
    /// The format of a file of that name.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "blt" => Some(Self::Blt),
            "soc" | "soi" | "toc" | "toi" => Some(Self::PrefLib),
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
        };
        let groups = file.ballots.iter().map(|line| line.group.clone()).collect();
        Profile::new(file.candidates.len(), groups).map_err(|error| fault(1, error.to_string()))?;
        Ok(file)
    }

    /// Writes a file.
    pub fn write(self, file: &File) -> String {
        match self {
            Self::Blt => blt::write(file),
            Self::PrefLib => preflib::write(file),
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
            candidates: ["Ada", "Grace: the second", "Joan # 3", "{Eve}"].map(String::from).into(),
            seats: 1,
            withdrawn: Vec::new(),
            ballots,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn file_comes_back_as_it_was_written(file in file()) {
            for format in [Format::Blt, Format::PrefLib] {
                let mut back = format.parse(&format.write(&file)).unwrap();
                // PrefLib has no ballots that rank nobody.
                let mut expected = file.clone();
                if format == Format::PrefLib {
                    expected.ballots.retain(|line| !line.group.ranks.is_empty());
                }
                back.ballots.iter_mut().for_each(|line| line.line = 0);
                prop_assert_eq!(back, expected);
            }
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "(?s).{0,200}", numbers in "[0-9 \n:,{}#=-]{0,200}") {
            for text in [text, numbers] {
                let _ = (Format::Blt.parse(&text), Format::PrefLib.parse(&text));
            }
        }
    }
}
