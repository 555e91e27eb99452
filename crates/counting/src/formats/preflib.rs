//! PrefLib's files of orders (preflib.org/format): a header of `# KEY: value` lines, then `count: 1,2,{3,4}`.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{File, FormatError, Line, fault, number};
use crate::profile::Group;

/// Alternatives in a file.
const ALTERNATIVES_MAX: usize = 500;

pub(super) fn parse(text: &str) -> Result<File, FormatError> {
    let (mut title, mut announced) = (String::new(), None);
    // Alternatives are numbered from 1 in most files, from 0 in some: what counts is the order of their names.
    let (mut places, mut candidates, mut ballots) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (at, line) in
        text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())).filter(|(_, line)| !line.is_empty())
    {
        let Some(header) = line.strip_prefix('#') else {
            ballots.push(order(at, line, &places)?);
            continue;
        };
        let (key, value) = header.split_once(':').unwrap_or((header, ""));
        let (key, value) = (key.trim(), value.trim());
        if let Some(alternative) = key.strip_prefix("ALTERNATIVE NAME ") {
            if places.insert(number(at, alternative.trim())?, candidates.len()).is_some() {
                return Err(fault(at, format!("alternative {alternative} is named twice")));
            }
            candidates.push(value.to_owned());
        } else if key == "TITLE" {
            value.clone_into(&mut title);
        } else if key == "NUMBER ALTERNATIVES" {
            announced = Some((at, number(at, value)?));
        }
    }
    let (at, announced) = announced.ok_or_else(|| fault(1, "there is no line # NUMBER ALTERNATIVES"))?;
    if announced != candidates.len() || !(1..=ALTERNATIVES_MAX).contains(&announced) {
        let named = candidates.len();
        return Err(fault(
            at,
            format!("{announced} alternatives, of which {named} are named; 1 to {ALTERNATIVES_MAX} can be"),
        ));
    }
    Ok(File { title, candidates, seats: 1, withdrawn: Vec::new(), ballots })
}

/// `count: 1,2,{3,4}`.
fn order(at: usize, line: &str, places: &BTreeMap<usize, usize>) -> Result<Line, FormatError> {
    let (count, order) = line.split_once(':').ok_or_else(|| fault(at, "expected a count, a colon and an order"))?;
    let count = number(at, count.trim())? as u64;
    let (mut ranks, mut rest) = (Vec::new(), order.trim());
    let mut seen = std::collections::BTreeSet::new();
    while !rest.is_empty() {
        let (rank, after) = match rest.strip_prefix('{') {
            Some(equal) => equal.split_once('}').ok_or_else(|| fault(at, "a brace is not closed"))?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        let mut group = Vec::new();
        for word in rank.split(',') {
            let alternative = number(at, word.trim())?;
            let place =
                places.get(&alternative).ok_or_else(|| fault(at, format!("there is no alternative {alternative}")))?;
            if !seen.insert(*place) {
                return Err(fault(at, format!("alternative {alternative} is ranked twice")));
            }
            group.push(*place);
        }
        group.sort_unstable();
        ranks.push(group);
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some("") => return Err(fault(at, "the order ends with a comma")),
            Some(more) => more.trim_start(),
            None if after.is_empty() => after,
            None => return Err(fault(at, "expected a comma between ranks")),
        };
    }
    Ok(Line { group: Group { count, ranks }, line: at })
}

/// Writes orders with ties (`toi`). Ballots that rank nobody have no place in it.
pub(super) fn write(file: &File) -> String {
    let ranked = || file.ballots.iter().map(|line| &line.group).filter(|group| !group.ranks.is_empty());
    let voters: u64 = ranked().map(|group| group.count).sum();
    let n = file.candidates.len();
    let mut text =
        format!("# TITLE: {}\n# DATA TYPE: toi\n# NUMBER ALTERNATIVES: {n}\n# NUMBER VOTERS: {voters}\n", file.title);
    // Writing to a string does not fail.
    let _ = writeln!(text, "# NUMBER UNIQUE ORDERS: {}", ranked().count());
    for (place, name) in file.candidates.iter().enumerate() {
        let _ = writeln!(text, "# ALTERNATIVE NAME {}: {name}", place + 1);
    }
    for group in ranked() {
        let rank = |rank: &Vec<usize>| {
            let words = rank.iter().map(|place| (place + 1).to_string()).collect::<Vec<_>>().join(",");
            if rank.len() == 1 { words } else { format!("{{{words}}}") }
        };
        let _ = writeln!(text, "{}: {}", group.count, group.ranks.iter().map(rank).collect::<Vec<_>>().join(","));
    }
    text
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
        for (bad, line) in
            [("3: 2,", 9), ("3: {1,2", 9), ("3: 7", 9), ("3: 1,1", 9), ("x: 1", 9), ("1", 9), ("3: {1}2", 9)]
        {
            assert_eq!(parse(&format!("{SMALL}{bad}\n")).unwrap_err().line, line, "{bad}");
        }
        assert_eq!(parse("").unwrap_err().line, 1);
        assert_eq!(parse("# NUMBER ALTERNATIVES: 2\n# ALTERNATIVE NAME 1: A\n").unwrap_err().line, 1);
    }
}
