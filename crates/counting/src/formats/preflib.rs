//! PrefLib's files of orders (preflib.org/format): a header of `# KEY: value` lines, then `count:
//! 1,2,{3,4}`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::BufRead;

use super::lines::Lines;
use super::{
    CANDIDATES_MAX, File, FormatError, Notes, Orders, Parsed, candidates, count, fault, name,
    number,
};
use crate::packed::{Ballot, Packed, PackedBallots};
use crate::profile::Group;

/// A number that the file states, and its line.
type Stated = Option<(usize, u64)>;

/// What the header lines say.
#[derive(Default)]
pub(super) struct Header {
    title: String,
    /// Alternatives are numbered from 1 in most files, from 0 in some: what counts is the order of
    /// their names.
    places: BTreeMap<usize, usize>,
    candidates: Vec<(usize, String)>,
    data_type: Option<(usize, String)>,
    alternatives: Stated,
    voters: Stated,
    /// Different orders or preferences.
    unique: Stated,
    /// `CATEGORY NAME`, each with its line.
    pub(super) categories: Vec<(usize, String)>,
    first_category: Option<usize>,
    /// `NUMBER CATEGORIES`.
    pub(super) categories_stated: Stated,
}

impl Header {
    fn line(&mut self, at: usize, header: &str) -> Result<(), FormatError> {
        let (key, value) = header.split_once(':').unwrap_or((header, ""));
        let value = value.trim();
        let stated = |into: &mut Stated| {
            *into = Some((at, number(at, value)? as u64));
            Ok(())
        };
        match key.trim() {
            "TITLE" if !value.is_empty() => self.title = name(at, value)?,
            "DATA TYPE" => self.data_type = Some((at, value.to_ascii_lowercase())),
            "NUMBER ALTERNATIVES" => stated(&mut self.alternatives)?,
            "NUMBER VOTERS" => stated(&mut self.voters)?,
            "NUMBER UNIQUE ORDERS" | "NUMBER UNIQUE PREFERENCES" => stated(&mut self.unique)?,
            "NUMBER CATEGORIES" => stated(&mut self.categories_stated)?,
            key => {
                if let Some(alternative) = key.strip_prefix("ALTERNATIVE NAME ") {
                    self.alternative(at, alternative.trim(), value)?;
                } else if let Some(category) = key.strip_prefix("CATEGORY NAME ") {
                    self.category(at, category.trim(), value)?;
                }
            }
        }
        Ok(())
    }

    fn alternative(
        &mut self,
        at: usize,
        alternative: &str,
        value: &str,
    ) -> Result<(), FormatError> {
        if self
            .places
            .insert(number(at, alternative)?, self.candidates.len())
            .is_some()
        {
            return Err(fault(
                at,
                format!("alternative {alternative} is named twice"),
            ));
        }
        if self.candidates.len() == CANDIDATES_MAX {
            return Err(fault(
                at,
                format!("more than {CANDIDATES_MAX} alternatives"),
            ));
        }
        self.candidates.push((at, name(at, value)?));
        Ok(())
    }

    fn category(&mut self, at: usize, category: &str, value: &str) -> Result<(), FormatError> {
        let category = number(at, category)?;
        // As alternatives, they are numbered from 0 in some files.
        let first = *self.first_category.get_or_insert_with(|| category.min(1));
        let next = self.categories.len() + first;
        if category != next {
            return Err(fault(
                at,
                format!(
                    "category {next} should be named here: categories are named in their order"
                ),
            ));
        }
        self.categories.push((at, name(at, value)?));
        Ok(())
    }

    /// What the file is, as its name or its header says it.
    fn orders(&self, of_name: Orders, notes: &mut Notes) -> Result<Orders, FormatError> {
        let Some((at, said)) = &self.data_type else {
            return Ok(of_name);
        };
        let Some(orders) = Orders::of(said) else {
            return Err(fault(
                *at,
                format!("DATA TYPE {said:?} is not one of soc, soi, toc, toi"),
            ));
        };
        if orders != of_name {
            notes.add(
                *at,
                format!(
                    "the file is named .{}, and says that it is {said}: it is read as {said}",
                    of_name.ending()
                ),
            );
        }
        Ok(orders)
    }

    /// Compares what the header states with what is there.
    fn check(&self, ballots: u64, lines: u64) -> Result<(), FormatError> {
        let named = self.candidates.len();
        let stated = [
            (self.alternatives, named as u64, "alternatives", "are named"),
            (self.voters, ballots, "voters", "have ballots in it"),
            (self.unique, lines, "different ballots", "are in it"),
        ];
        for (stated, found, what, there) in stated {
            if let Some((at, stated)) = stated.filter(|(_, stated)| *stated != found) {
                let reason = format!(
                    "the file says that it has {stated} {what}, but {found} {there}: is a part of it missing?"
                );
                return Err(fault(at, reason));
            }
        }
        Ok(())
    }
}

impl Orders {
    /// That of which this is the ending.
    pub(super) fn of(ending: &str) -> Option<Self> {
        [Self::Soc, Self::Soi, Self::Toc, Self::Toi]
            .into_iter()
            .find(|orders| orders.ending() == ending)
    }

    const fn ending(self) -> &'static str {
        match self {
            Self::Soc => "soc",
            Self::Soi => "soi",
            Self::Toc => "toc",
            Self::Toi => "toi",
        }
    }

    const fn are_complete(self) -> bool {
        matches!(self, Self::Soc | Self::Toc)
    }

    const fn have_ties(self) -> bool {
        matches!(self, Self::Toc | Self::Toi)
    }
}

pub(super) fn parse(source: impl BufRead, of_name: Orders) -> Result<Parsed, FormatError> {
    let mut notes = Notes::default();
    let mut orders = None;
    let (_, file) = read(source, |at, line, header, ballot| {
        let orders = match orders {
            Some(orders) => orders,
            None => *orders.insert(header.orders(of_name, &mut notes)?),
        };
        order(at, line, header, false, |candidate| match candidate {
            Some((place, _)) => Ok(ballot.name(place)),
            None => {
                ballot.close_rank();
                Ok(true)
            }
        })?;
        let (named, all) = (ballot.named(), header.candidates.len());
        if orders.are_complete() && named < all {
            let reason = format!(
                "{named} of {all} alternatives are ranked, where .{} says that all are",
                orders.ending()
            );
            return Err(fault(at, reason));
        }
        if !orders.have_ties() && ballot.ranks() < named {
            return Err(fault(
                at,
                format!(
                    "alternatives are ranked equally, where .{} says that none are",
                    orders.ending()
                ),
            ));
        }
        Ok(())
    })?;
    Ok(Parsed {
        file,
        notes: notes.into(),
        scores: None,
    })
}

/// Reads header and ballots, each by `take`, which is given what is behind the count.
pub(super) fn read(
    source: impl BufRead,
    mut take: impl FnMut(usize, &str, &Header, &mut Ballot) -> Result<(), FormatError>,
) -> Result<(Header, File), FormatError> {
    let mut lines = Lines::new(source);
    let mut header = Header::default();
    let mut ballots = PackedBallots::default();
    let mut ballot = Ballot::default();
    let mut number_of_lines = 0;
    let mut total = 0u64;
    while let Some((at, line)) = lines.next()? {
        let line = line.trim();
        if let Some(line) = line.strip_prefix('#') {
            if number_of_lines > 0 && (line.contains("NAME") || line.contains("NUMBER")) {
                return Err(fault(
                    at,
                    "names and numbers of them stand before the ballots",
                ));
            }
            header.line(at, line)?;
        } else if !line.is_empty() {
            if header.candidates.is_empty() {
                return Err(fault(at, no_header(line)));
            }
            let (times, order) = line
                .split_once(':')
                .ok_or_else(|| fault(at, "expected a count, a colon and an order"))?;
            let times = count(at, times.trim())?;
            ballot.clear();
            take(at, order.trim(), &header, &mut ballot)?;
            ballots
                .push(times, at, &ballot)
                .map_err(|reason| fault(at, reason))?;
            number_of_lines += 1;
            total = total.saturating_add(times);
        }
    }
    if header.alternatives.is_none() {
        return Err(fault(1, "there is no line # NUMBER ALTERNATIVES"));
    }
    header.check(total, number_of_lines)?;
    let candidates = candidates(std::mem::take(&mut header.candidates))?;
    let title = std::mem::take(&mut header.title);
    Ok((
        header,
        File {
            title,
            candidates,
            seats: 1,
            withdrawn: Vec::new(),
            ballots,
        },
    ))
}

fn no_header(line: &str) -> String {
    if line.bytes().all(|byte| byte.is_ascii_digit()) {
        return "this is the form that PrefLib had before 2022, with numbers before the names: preflib.org has the file in today's form, \
                with lines # ALTERNATIVE NAME"
            .into();
    }
    "a ballot before any line # ALTERNATIVE NAME".into()
}

/// `1,2,{3,4}`: tells of each candidate, with its rank from 0, and then that the rank ends. Braces
/// may be empty or not.
pub(super) fn order(
    at: usize,
    order: &str,
    header: &Header,
    empty_ranks: bool,
    mut tell: impl FnMut(Option<(usize, usize)>) -> Result<bool, FormatError>,
) -> Result<usize, FormatError> {
    let mut rest = order;
    let mut ranks = 0;
    while !rest.is_empty() {
        let (rank, after) = match rest.strip_prefix('{') {
            Some(equal) => equal
                .split_once('}')
                .ok_or_else(|| fault(at, "a brace is not closed"))?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        let empty = empty_ranks && rest.starts_with('{') && rank.trim().is_empty();
        for word in rank.split(',').filter(|_| !empty) {
            let alternative = number(at, word.trim())?;
            let place = header.places.get(&alternative);
            let place = *place
                .ok_or_else(|| fault(at, format!("there is no alternative {alternative}")))?;
            if !tell(Some((place, ranks)))? {
                return Err(fault(
                    at,
                    format!("alternative {alternative} is there twice"),
                ));
            }
        }
        tell(None)?;
        ranks += 1;
        let after = after.trim_start();
        rest = match after.strip_prefix(',').map(str::trim_start) {
            Some("") => return Err(fault(at, "the order ends with a comma")),
            Some(more) => more,
            None if after.is_empty() => after,
            None => return Err(fault(at, "expected a comma between ranks")),
        };
    }
    Ok(ranks)
}

/// Writes orders, of the strictest type that fits. Ballots that rank nobody have no place in it.
pub(super) fn write(file: &File) -> String {
    let ranked: Vec<_> = file
        .ballots
        .iter()
        .map(closed_up)
        .filter(|group| !group.ranks.is_empty())
        .collect();
    let named = |group: &Group| group.ranks.iter().map(Vec::len).sum::<usize>();
    let complete = ranked
        .iter()
        .all(|group| named(group) == file.candidates.len());
    let strict = ranked.iter().all(|group| named(group) == group.ranks.len());
    let orders = match (strict, complete) {
        (true, true) => Orders::Soc,
        (true, false) => Orders::Soi,
        (false, true) => Orders::Toc,
        (false, false) => Orders::Toi,
    };
    header(file, orders.ending(), "ORDERS", &ranked) + &ranked.iter().map(line).collect::<String>()
}

/// The ballots of a line, without the ranks that are skipped: the format has none.
pub(super) fn closed_up(packed: Packed<'_>) -> Group {
    let mut group = packed.group();
    group.ranks.retain(|rank| !rank.is_empty());
    group
}

/// The header lines of a file of that type, with so many ballots, that many different ones of what
/// it calls them.
pub(super) fn header(file: &File, data_type: &str, unique: &str, groups: &[Group]) -> String {
    let voters: u64 = groups.iter().map(|group| group.count).sum();
    let (n, different) = (file.candidates.len(), groups.len());
    let mut text = format!(
        "# TITLE: {}\n# DATA TYPE: {data_type}\n# NUMBER ALTERNATIVES: {n}\n",
        file.title
    );
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "# NUMBER VOTERS: {voters}\n# NUMBER UNIQUE {unique}: {different}\n"
    );
    for (place, name) in file.candidates.iter().enumerate() {
        let _ = writeln!(text, "# ALTERNATIVE NAME {}: {name}", place + 1);
    }
    text
}

/// `count: 1,2,{3,4},{}`.
pub(super) fn line(group: &Group) -> String {
    let rank = |rank: &Vec<usize>| {
        let words = rank
            .iter()
            .map(|place| (place + 1).to_string())
            .collect::<Vec<_>>()
            .join(",");
        if rank.len() == 1 {
            words
        } else {
            format!("{{{words}}}")
        }
    };
    format!(
        "{}: {}\n",
        group.count,
        group.ranks.iter().map(rank).collect::<Vec<_>>().join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# FILE NAME: x.toi\n# TITLE: Lunch\n# NUMBER ALTERNATIVES: 3\n# ALTERNATIVE NAME 0: Soup\n\
                         # ALTERNATIVE NAME 1: Pasta\n# ALTERNATIVE NAME 2: Salad\n3: 2, {0,1}\n1: 1\n";

    fn read(text: &str) -> Result<Parsed, FormatError> {
        parse(text.as_bytes(), Orders::Toi)
    }

    #[test]
    fn orders_with_ties_and_numbers_from_zero_are_read() {
        let file = read(SMALL).unwrap().file;
        assert_eq!((file.title.as_str(), file.candidates.len()), ("Lunch", 3));
        let ballots: Vec<_> = file.ballots.iter().map(|packed| packed.group()).collect();
        assert_eq!(
            ballots[0],
            Group {
                count: 3,
                ranks: vec![vec![2], vec![0, 1]]
            }
        );
        assert_eq!(ballots[1].ranks, [vec![1]]);
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for bad in [
            "3: 2,",
            "3: {1,2",
            "3: 7",
            "3: 1,1",
            "3: 1,{}",
            "x: 1",
            "1",
            "3: {1}2",
            "# ALTERNATIVE NAME 3: Bread",
        ] {
            assert_eq!(
                read(&format!("{SMALL}{bad}\n")).unwrap_err().line,
                9,
                "{bad}"
            );
        }
        assert_eq!(read("").unwrap_err().line, 1);
        assert_eq!(
            read("# NUMBER ALTERNATIVES: 2\n# ALTERNATIVE NAME 1: A\n")
                .unwrap_err()
                .line,
            1
        );
        assert!(read("3\n1,A\n").unwrap_err().reason.contains("before 2022"));
    }

    #[test]
    fn what_a_file_says_of_itself_must_be_so() {
        let stated = |line: &str| {
            read(&SMALL.replace("# TITLE: Lunch\n", &format!("{line}\n")))
                .map(|parsed| parsed.notes)
        };
        for good in [
            "# NUMBER VOTERS: 4",
            "# NUMBER UNIQUE ORDERS: 2",
            "# DATA TYPE: toi",
        ] {
            assert_eq!(stated(good).as_deref(), Ok([].as_slice()), "{good}");
        }
        for bad in [
            "# NUMBER VOTERS: 900",
            "# NUMBER UNIQUE ORDERS: 120",
            "# NUMBER VOTERS: x",
            "# DATA TYPE: wmd",
        ] {
            assert_eq!(stated(bad).unwrap_err().line, 2, "{bad}");
        }
        for (bad, line) in [("toc", 8), ("soi", 7), ("soc", 7)] {
            assert_eq!(
                stated(&format!("# DATA TYPE: {bad}")).unwrap_err().line,
                line,
                "{bad}"
            );
        }
        let named = parse(SMALL.as_bytes(), Orders::Soi).unwrap_err();
        assert_eq!(named.line, 7, "{named}");
        let other = SMALL.replace("# TITLE: Lunch\n", "# DATA TYPE: toi\n");
        assert!(
            parse(other.as_bytes(), Orders::Soi).unwrap().notes[0]
                .text
                .contains("read as toi")
        );
    }
}
