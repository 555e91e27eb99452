//! BLT, as election offices and OpaVote write it: counts, ranks by number, names.

use std::fmt::Write;
use std::num::NonZeroUsize;

use super::{File, FormatError, Line, fault, number};
use crate::profile::Group;

/// Reads a BLT file.
///
/// # Errors
/// [`FormatError`] names the first line that does not fit.
pub(super) fn parse(text: &str) -> Result<File, FormatError> {
    let lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, without_comment(line).trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty());
    let (at, first) = lines.next().ok_or_else(|| fault(1, "the file is empty"))?;
    let mut words = first.split_whitespace();
    let (Some(candidates), Some(seats), None) = (words.next(), words.next(), words.next()) else {
        return Err(fault(at, "expected the number of candidates and the number of seats"));
    };
    let (candidates, seats) = (number(at, candidates)?, number(at, seats)?);
    if candidates == 0 || candidates > 500 || seats == 0 {
        return Err(fault(at, "1 to 500 candidates, and at least one seat"));
    }
    let (mut withdrawn, mut ballots) = (Vec::new(), Vec::new());
    loop {
        let (at, line) = lines.next().ok_or_else(|| fault(at, "the ballots do not end with a line 0"))?;
        if line == "0" {
            break;
        }
        if line.starts_with('-') {
            for word in line.split_whitespace() {
                withdrawn.push(candidate(at, word.trim_start_matches('-'), candidates)?);
            }
        } else {
            ballots.push(group(at, line, candidates)?);
        }
    }
    let mut names = Vec::new();
    for _ in 0..candidates {
        let (at, line) = lines
            .next()
            .ok_or_else(|| fault(at, format!("{candidates} names should follow the ballots, {} do", names.len())))?;
        names.push(quoted(at, line)?);
    }
    let title = lines.next().map(|(at, line)| quoted(at, line)).transpose()?.unwrap_or_default();
    Ok(File { title, candidates: names, seats, withdrawn, ballots })
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('"') { line } else { line.split('#').next().unwrap_or_default() }
}

fn candidate(line: usize, word: &str, candidates: usize) -> Result<usize, FormatError> {
    let place = NonZeroUsize::new(number(line, word)?).filter(|place| place.get() <= candidates);
    place.map(|place| place.get() - 1).ok_or_else(|| fault(line, format!("there is no candidate {word}")))
}

fn group(at: usize, line: &str, candidates: usize) -> Result<Line, FormatError> {
    let mut words: Vec<_> = line.split_whitespace().collect();
    if words.pop() != Some("0") || words.is_empty() {
        return Err(fault(at, "a ballot is a count, candidates by rank, and a 0"));
    }
    let count = number(at, words.remove(0))? as u64;
    let (mut ranks, mut seen) = (Vec::new(), vec![false; candidates]);
    // A dash is a rank that the voter has left empty; those below it move up.
    for word in words.into_iter().filter(|word| *word != "-") {
        let mut rank = Vec::new();
        for word in word.split('=') {
            let place = candidate(at, word, candidates)?;
            if std::mem::replace(&mut seen[place], true) {
                return Err(fault(at, format!("candidate {} is ranked twice", place + 1)));
            }
            rank.push(place);
        }
        rank.sort_unstable();
        ranks.push(rank);
    }
    Ok(Line { group: Group { count, ranks }, line: at })
}

fn quoted(line: usize, text: &str) -> Result<String, FormatError> {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.map(str::to_owned).ok_or_else(|| fault(line, "expected a name in quotes"))
}

/// Writes a BLT file. Quotes in names become apostrophes: the format has no other way.
pub(super) fn write(file: &File) -> String {
    let mut text = format!("{} {}\n", file.candidates.len(), file.seats);
    let quote = |name: &String| format!("\"{}\"\n", name.replace('"', "'"));
    text.extend(file.withdrawn.iter().map(|place| format!("-{}\n", place + 1)));
    for Line { group, .. } in &file.ballots {
        let rank = |rank: &Vec<usize>| rank.iter().map(|c| (c + 1).to_string()).collect::<Vec<_>>().join("=");
        let ranks: String = group.ranks.iter().map(|ranks| rank(ranks) + " ").collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {ranks}0", group.count);
    }
    text + "0\n" + &file.candidates.iter().map(quote).collect::<String>() + &quote(&file.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURLINGTON: &str = include_str!("../../../../testdata/burlington-2009-mayor.blt");

    #[test]
    fn burlington_has_its_published_first_choices() {
        let profile = parse(BURLINGTON).unwrap();
        let mut counts = vec![0; profile.candidates.len()];
        let mut none = 0;
        for group in &profile.ballots {
            match group.first_choice() {
                Some(place) => counts[place] += group.group.count,
                None => none += group.group.count,
            }
        }
        let counts: Vec<_> = profile.candidates.iter().map(String::as_str).zip(counts).collect();
        let expected = [
            ("Bob Kiss (Progressive)", 2585),
            ("Andy Montroll (Democrat)", 2063),
            ("James Simpson (Green)", 35),
            ("Dan Smith (Independent)", 1306),
            ("Kurt Wright (Republican)", 2951),
            ("Write-in", 36),
        ];
        assert_eq!(counts, expected);
        assert_eq!(none, 4);
        assert_eq!(profile.title, "Burlington, Vermont: mayor, 2009");
    }

    #[test]
    fn faults_are_named_with_their_line() {
        let line = |text: &str| parse(text).unwrap_err().line;
        assert_eq!(line(""), 1);
        assert_eq!(line("2\n"), 1);
        assert_eq!(line("2 1\n1 1 2\n0\n"), 2);
        assert_eq!(line("2 1\n1 1 0\nx 1 0\n0\n"), 3);
        assert_eq!(line("2 1\n1 3 0\n0\n"), 2);
        assert_eq!(line("2 1\n1 1=1 0\n0\n"), 2);
        assert_eq!(line("2 1\n1 1 0\n0\nAnna\n"), 4);
        assert!(parse("2 1\n1 1 0\n").unwrap_err().reason.contains("do not end"));
        assert!(parse("2 1\n0\n\"A\"\n").unwrap_err().reason.contains("1 do"));
    }

    #[test]
    fn equal_ranks_withdrawn_candidates_and_comments_are_read() {
        let profile =
            parse("3 1 # mayor\n-2\n4 1=3 - 2 0 # equal\n1 0\n0\n\"A\"\n\"B\"\n\"C # not a comment\"\n").unwrap();
        assert_eq!(profile.withdrawn, [1]);
        assert_eq!(profile.ballots[0].group.ranks, [vec![0, 2], vec![1]]);
        assert_eq!(profile.ballots[0].first_choice(), None);
        assert_eq!(profile.ballots[1].group.ranks, Vec::<Vec<usize>>::new());
        assert_eq!(profile.candidates[2], "C # not a comment");
        let standing = profile.without_withdrawn();
        assert_eq!(standing.candidates, ["A", "C # not a comment"]);
        assert_eq!(standing.ballots[0].group.ranks, [vec![0, 1]]);
    }
}
