//! PrefLib's files of orders (preflib.org/format): a header of `# KEY: value` lines, then `count: 1,2,{3,4}`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{CANDIDATES_MAX, File, FormatError, Line, fault, number};
use crate::profile::Group;

/// What the header lines say.
#[derive(Default)]
pub(super) struct Header {
    title: String,
    /// Alternatives are numbered from 1 in most files, from 0 in some: what counts is the order of their names.
    places: BTreeMap<usize, usize>,
    candidates: Vec<String>,
    /// `NUMBER ALTERNATIVES`, and its line.
    announced: Option<(usize, usize)>,
    /// How many `CATEGORY NAME`.
    pub(super) categories: usize,
    /// `NUMBER CATEGORIES`, and its line.
    pub(super) categories_announced: Option<(usize, usize)>,
}

impl Header {
    fn line(&mut self, at: usize, header: &str) -> Result<(), FormatError> {
        let (key, value) = header.split_once(':').unwrap_or((header, ""));
        let (key, value) = (key.trim(), value.trim());
        if let Some(alternative) = key.strip_prefix("ALTERNATIVE NAME ") {
            if self.places.insert(number(at, alternative.trim())?, self.candidates.len()).is_some() {
                return Err(fault(at, format!("alternative {alternative} is named twice")));
            }
            self.candidates.push(value.to_owned());
        } else if key == "TITLE" {
            value.clone_into(&mut self.title);
        } else if key == "NUMBER ALTERNATIVES" {
            self.announced = Some((at, number(at, value)?));
        } else if key.starts_with("CATEGORY NAME ") {
            self.categories += 1;
        } else if key == "NUMBER CATEGORIES" {
            self.categories_announced = Some((at, number(at, value)?));
        }
        Ok(())
    }
}

pub(super) fn parse(text: &str) -> Result<File, FormatError> {
    read(text, false).map(|(_, file)| file)
}

/// Reads header and ballots, on which there are empty ranks (`{}`) or not.
pub(super) fn read(text: &str, empty_ranks: bool) -> Result<(Header, File), FormatError> {
    let (mut header, mut ballots) = (Header::default(), Vec::new());
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
        match line.strip_prefix('#') {
            Some(line) => header.line(at, line)?,
            None => ballots.push(order(at, line, &header.places, empty_ranks)?),
        }
    }
    let (at, announced) = header.announced.ok_or_else(|| fault(1, "there is no line # NUMBER ALTERNATIVES"))?;
    let named = header.candidates.len();
    if announced != named || !(1..=CANDIDATES_MAX).contains(&announced) {
        let reason = format!("{announced} alternatives, of which {named} are named; 1 to {CANDIDATES_MAX} can be");
        return Err(fault(at, reason));
    }
    let (title, candidates) = (std::mem::take(&mut header.title), std::mem::take(&mut header.candidates));
    Ok((header, File { title, candidates, seats: 1, withdrawn: Vec::new(), ballots }))
}

/// `count: 1,2,{3,4}`.
fn order(at: usize, line: &str, places: &BTreeMap<usize, usize>, empty_ranks: bool) -> Result<Line, FormatError> {
    let (count, order) = line.split_once(':').ok_or_else(|| fault(at, "expected a count, a colon and an order"))?;
    let count = number(at, count.trim())? as u64;
    let (mut ranks, mut rest) = (Vec::new(), order.trim());
    let mut seen = BTreeSet::new();
    while !rest.is_empty() {
        let (rank, after) = match rest.strip_prefix('{') {
            Some(equal) => equal.split_once('}').ok_or_else(|| fault(at, "a brace is not closed"))?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        let mut group = Vec::new();
        let empty = empty_ranks && rest.starts_with('{') && rank.trim().is_empty();
        for word in rank.split(',').filter(|_| !empty) {
            let alternative = number(at, word.trim())?;
            let place =
                places.get(&alternative).ok_or_else(|| fault(at, format!("there is no alternative {alternative}")))?;
            if !seen.insert(*place) {
                return Err(fault(at, format!("alternative {alternative} is there twice")));
            }
            group.push(*place);
        }
        group.sort_unstable();
        ranks.push(group);
        let after = after.trim_start();
        rest = match after.strip_prefix(',').map(str::trim_start) {
            Some("") => return Err(fault(at, "the order ends with a comma")),
            Some(more) => more,
            None if after.is_empty() => after,
            None => return Err(fault(at, "expected a comma between ranks")),
        };
    }
    Ok(Line { group: Group { count, ranks }, line: at })
}

/// Writes orders with ties (`toi`). Ballots that rank nobody have no place in it.
pub(super) fn write(file: &File) -> String {
    let ranked: Vec<_> =
        file.ballots.iter().map(|line| &line.group).filter(|group| !group.ranks.is_empty()).cloned().collect();
    header(file, "toi", "ORDERS", &ranked) + &ranked.iter().map(line).collect::<String>()
}

/// The header lines of a file of that type, with so many ballots, that many different ones of what it calls them.
pub(super) fn header(file: &File, data_type: &str, unique: &str, groups: &[Group]) -> String {
    let voters: u64 = groups.iter().map(|group| group.count).sum();
    let (n, different) = (file.candidates.len(), groups.len());
    let mut text = format!("# TITLE: {}\n# DATA TYPE: {data_type}\n# NUMBER ALTERNATIVES: {n}\n", file.title);
    // Writing to a string does not fail.
    let _ = write!(text, "# NUMBER VOTERS: {voters}\n# NUMBER UNIQUE {unique}: {different}\n");
    for (place, name) in file.candidates.iter().enumerate() {
        let _ = writeln!(text, "# ALTERNATIVE NAME {}: {name}", place + 1);
    }
    text
}

/// `count: 1,2,{3,4},{}`.
pub(super) fn line(group: &Group) -> String {
    let rank = |rank: &Vec<usize>| {
        let words = rank.iter().map(|place| (place + 1).to_string()).collect::<Vec<_>>().join(",");
        if rank.len() == 1 { words } else { format!("{{{words}}}") }
    };
    format!("{}: {}\n", group.count, group.ranks.iter().map(rank).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# FILE NAME: x.toi\n# TITLE: Lunch\n# NUMBER ALTERNATIVES: 3\n# ALTERNATIVE NAME 0: Soup\n\
                         # ALTERNATIVE NAME 1: Pasta\n# ALTERNATIVE NAME 2: Salad\n3: 2, {0,1}\n1: 1\n";

    #[test]
    fn orders_with_ties_and_numbers_from_zero_are_read() {
        let file = parse(SMALL).unwrap();
        assert_eq!((file.title.as_str(), file.candidates.len()), ("Lunch", 3));
        assert_eq!(file.ballots[0].group, Group { count: 3, ranks: vec![vec![2], vec![0, 1]] });
        assert_eq!(file.ballots[1].group.ranks, [vec![1]]);
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for (bad, line) in [
            ("3: 2,", 9),
            ("3: {1,2", 9),
            ("3: 7", 9),
            ("3: 1,1", 9),
            ("3: 1,{}", 9),
            ("x: 1", 9),
            ("1", 9),
            ("3: {1}2", 9),
        ] {
            assert_eq!(parse(&format!("{SMALL}{bad}\n")).unwrap_err().line, line, "{bad}");
        }
        assert_eq!(parse("").unwrap_err().line, 1);
        assert_eq!(parse("# NUMBER ALTERNATIVES: 2\n# ALTERNATIVE NAME 1: A\n").unwrap_err().line, 1);
    }
}
