//! ABIF, the aggregated ballot information format (electorama.org; its grammar 0.2 and the test files beside it): `count:A>B=C`.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{CANDIDATES_MAX, File, FormatError, Line, fault, name, number};
use crate::profile::Group;

/// What stands between the names of candidates.
const SIGNS: &[char] = &['>', '=', ',', '/', ':', '*', '#', '[', ']', '{', '}', '"'];

/// A candidate as a ballot or a definition writes it.
#[derive(Debug)]
enum Token {
    /// `A`.
    Bare(String),
    /// `[A name]` or `"A name"`.
    Quoted(String),
}

impl Token {
    fn text(self) -> String {
        match self {
            Self::Bare(text) | Self::Quoted(text) => text,
        }
    }
}

#[derive(Default)]
struct Candidates {
    ids: BTreeMap<String, usize>,
    names: Vec<String>,
    /// There are lines that define candidates.
    defined: bool,
}

pub(super) fn parse(text: &str) -> Result<File, FormatError> {
    let lines = || text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let (mut title, mut seats, mut candidates) = (String::new(), 1, Candidates::default());
    for (at, line) in lines() {
        if let Some(definition) = line.strip_prefix('=') {
            candidates.define(at, definition)?;
        } else if let Some(pair) = line.strip_prefix('{') {
            let (key, value) = metadata(at, pair)?;
            match key {
                "title" if !value.is_empty() => title = name(at, value)?,
                "seats" => {
                    seats = std::num::NonZeroUsize::new(number(at, value)?).ok_or_else(|| fault(at, "no seats"))?.get()
                }
                _ => {}
            }
        }
    }
    let mut ballots = Vec::new();
    for (at, line) in lines().filter(|(_, line)| !line.is_empty() && !line.starts_with(['=', '{', '#'])) {
        ballots.push(ballot(at, line, &mut candidates)?);
    }
    let names = candidates.names;
    if !(1..=CANDIDATES_MAX).contains(&names.len()) {
        return Err(fault(1, format!("{} candidates; 1 to {CANDIDATES_MAX} can be", names.len())));
    }
    Ok(File { title, candidates: names, seats, withdrawn: Vec::new(), ballots })
}

/// The key, and the value without its quotes, of `key: value}`.
fn metadata(at: usize, pair: &str) -> Result<(&str, &str), FormatError> {
    let (key, value) = pair.split_once(':').ok_or_else(|| fault(at, "expected {key: value}"))?;
    let value = value.trim_start();
    let (value, rest) = match value.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or_else(|| fault(at, "a quote is not closed"))?,
        None => value.split_at(value.find('}').unwrap_or(value.len())),
    };
    let after = rest.trim_start().strip_prefix('}').ok_or_else(|| fault(at, "the brace is not closed"))?;
    if !end(after) {
        return Err(fault(at, format!("{after:?} after a brace")));
    }
    Ok((key.trim().trim_matches('"'), value.trim()))
}

/// Nothing more is on the line but a comment.
fn end(rest: &str) -> bool {
    rest.trim_start().is_empty() || rest.trim_start().starts_with('#')
}

/// A token, and what follows it.
fn token(at: usize, text: &str) -> Result<(Token, &str), FormatError> {
    let quoted = [('[', ']'), ('"', '"')].into_iter().find(|(open, _)| text.starts_with(*open));
    if let Some((_, close)) = quoted {
        let (inner, rest) = text[1..].split_once(close).ok_or_else(|| fault(at, format!("{close} is missing")))?;
        return Ok((Token::Quoted(name(at, inner)?), rest.trim_start()));
    }
    let (word, rest) = text.split_at(text.find(SIGNS).unwrap_or(text.len()));
    let word = word.trim_end();
    if word.contains(char::is_whitespace) {
        return Err(fault(at, format!("{word:?}: a name with spaces stands in brackets")));
    }
    Ok((Token::Bare(name(at, word)?), rest.trim_start()))
}

impl Candidates {
    /// `A:[Name]`.
    fn define(&mut self, at: usize, text: &str) -> Result<(), FormatError> {
        let (id, rest) = token(at, text.trim_start())?;
        let name = rest.strip_prefix(':').ok_or_else(|| fault(at, "expected =candidate:[name]"))?;
        let (name, rest) = token(at, name.trim_start())?;
        if !end(rest) {
            return Err(fault(at, format!("{rest:?} after a definition")));
        }
        let id = id.text();
        if self.ids.insert(id.clone(), self.names.len()).is_some() {
            return Err(fault(at, format!("candidate {id} is defined twice")));
        }
        self.names.push(name.text());
        self.defined = true;
        Ok(())
    }

    /// Whom a ballot means. Somebody new, if the ballot may name such.
    fn place(&mut self, at: usize, token: Token) -> Result<usize, FormatError> {
        let (may_be_new, text) = match token {
            Token::Bare(id) => (!self.defined, id),
            Token::Quoted(name) => (true, name),
        };
        if let Some(place) = self.ids.get(&text) {
            return Ok(*place);
        }
        let mut named = (0..self.names.len()).filter(|place| may_be_new && self.names[*place] == text);
        match (named.next(), named.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(fault(at, format!("several candidates are called {text:?}"))),
            (None, _) if !may_be_new => Err(fault(at, format!("candidate {text} is not defined"))),
            (None, _) => {
                self.ids.insert(text.clone(), self.names.len());
                self.names.push(text);
                Ok(self.names.len() - 1)
            }
        }
    }
}

/// `count: A>B=C`, or `count * A>B=C`.
fn ballot(at: usize, line: &str, candidates: &mut Candidates) -> Result<Line, FormatError> {
    let (count, mut rest) = line
        .split_once([':', '*'])
        .map(|(count, rest)| (count.trim(), rest.trim_start()))
        .ok_or_else(|| fault(at, "expected a count, a colon and ranks"))?;
    let count = number(at, count)? as u64;
    let (mut ranks, mut seen) = (Vec::<Vec<usize>>::new(), Vec::new());
    let mut equal = false;
    let mut more = !end(rest);
    while more {
        let (token, after) = token(at, rest)?;
        let place = candidates.place(at, token)?;
        if seen.contains(&place) {
            return Err(fault(at, format!("{:?} is ranked twice", candidates.names[place])));
        }
        seen.push(place);
        match ranks.last_mut() {
            Some(rank) if equal => rank.push(place),
            _ => ranks.push(vec![place]),
        }
        more = !end(after);
        match after.chars().next() {
            Some('/' | '*') => return Err(fault(at, "ballots with scores are not read, only ranks: A>B=C")),
            Some(',') => return Err(fault(at, "a comma says no order: ranks are A>B=C")),
            Some(sign @ ('>' | '=')) => {
                equal = sign == '=';
                rest = after[1..].trim_start();
            }
            Some(_) if more => return Err(fault(at, format!("{after:?} after a candidate"))),
            _ => {}
        }
    }
    ranks.iter_mut().for_each(|rank| rank.sort_unstable());
    Ok(Line { group: Group { count, ranks }, line: at })
}

/// Writes ABIF. Quotes in names and titles become apostrophes, and a closing bracket in a name a parenthesis: the format has no other way.
pub(super) fn write(file: &File) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    if !file.title.is_empty() {
        let _ = writeln!(text, "{{title: \"{}\"}}", file.title.replace('"', "'"));
    }
    if file.seats != 1 {
        let _ = writeln!(text, "{{seats: {}}}", file.seats);
    }
    for (place, name) in file.candidates.iter().enumerate() {
        let _ = writeln!(text, "=c{}:[{}]", place + 1, name.replace(']', ")"));
    }
    for Line { group, .. } in &file.ballots {
        let rank = |rank: &Vec<usize>| rank.iter().map(|c| format!("c{}", c + 1)).collect::<Vec<_>>().join("=");
        let ranks = group.ranks.iter().map(rank).collect::<Vec<_>>().join(">");
        let _ = writeln!(text, "{}:{ranks}", group.count);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_metadata_comments_and_blank_ballots_are_read() {
        let text = "# A comment\n{version: \"0.1\"}\n{\"title\": \"Lunch: again\"}\n{seats: 2} # {two}\n10:\n\
                    17: DGM > SBJ = [Sue #3 (蘇業)] # first\n\n3 * [Steven B. Jensen]>\"蘇\"\n\
                    =DGM:[Doña García Márquez]\n=SBJ : [Steven B. Jensen]\n=\"蘇\":\"Sue\" # defined after\n";
        let file = parse(text).unwrap();
        assert_eq!((file.title.as_str(), file.seats), ("Lunch: again", 2));
        assert_eq!(file.candidates, ["Doña García Márquez", "Steven B. Jensen", "Sue", "Sue #3 (蘇業)"]);
        let ballots: Vec<_> = file.ballots.iter().map(|line| (line.group.count, line.group.ranks.clone())).collect();
        assert_eq!(ballots, [(10, vec![]), (17, vec![vec![0], vec![1, 3]]), (3, vec![vec![1], vec![2]])]);
    }

    #[test]
    fn candidates_that_nobody_defines_are_those_on_the_ballots() {
        let file = parse("20010:Carter>Anderson>Reagan # Carter 1st\n5001:Reagan>Carter\n").unwrap();
        assert_eq!(file.candidates, ["Carter", "Anderson", "Reagan"]);
        assert_eq!(file.ballots[1].group.ranks, [[2], [0]]);
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for (bad, reason) in [
            ("1: A/5, B/3", "scores"),
            ("1: A,B", "comma"),
            ("1: A>A", "twice"),
            ("1: A>C", "not defined"),
            ("1: A>", "a name is empty"),
            ("1: >A", "a name is empty"),
            ("1: A>[B", "] is missing"),
            ("1: Ada L>B", "brackets"),
            ("1: A>B: {\"precinct\": 51}", "after a candidate"),
            ("[Ada]: A", "not a number"),
            ("A>B", "expected a count"),
            ("{title: A", "not closed"),
            ("{title: \"A}", "not closed"),
            ("{title: A} B", "after a brace"),
            ("{title}", "key: value"),
            ("{seats: 0}", "no seats"),
            ("=A:[Another]", "defined twice"),
            ("=D", "expected ="),
        ] {
            let error = parse(&format!("=A:[Ada]\n=B:[Bob]\n{bad}\n")).unwrap_err();
            assert!(error.line == 3 && error.reason.contains(reason), "{bad}: {error}");
        }
        assert!(parse("# nothing\n").unwrap_err().reason.contains("0 candidates"));
    }
}
