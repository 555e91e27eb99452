//! ABIF, the aggregated ballot information format (electorama.org; its grammar 0.2 and the test
//! files beside it): `count:A>B=C`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{BufRead, Seek};

use super::lines::Lines;
use super::preflib::closed_up;
use super::{
    CANDIDATES_MAX, File, FormatError, Notes, Parsed, Repeated, candidates, count, fault, name,
    note_capitals, number,
};
use crate::packed::{Ballot, PackedBallots};

/// What stands between the names of candidates.
const SIGNS: &[char] = &['>', '=', ',', '/', ':', '*', '#', '[', ']', '{', '}', '"'];

/// What people write between candidates, and the format has no meaning for.
fn is_other_sign(c: char) -> bool {
    let arrow_or_relation =
        matches!(c, '\u{2190}'..='\u{22ff}' | '\u{27f0}'..='\u{297f}' | '\u{2a00}'..='\u{2bff}');
    arrow_or_relation
        || "|;<~\u{bb}\u{203a}\u{ff1e}\u{ff1c}\u{ff1d}\u{ff0c}\u{ff1b}\u{ff5c}\u{3001}".contains(c)
}

/// A candidate as a ballot or a definition writes it.
struct Token<'a> {
    text: &'a str,
    /// `[A name]` or `"A name"`, and not `A`.
    quoted: bool,
}

#[derive(Default)]
struct Candidates {
    ids: BTreeMap<String, usize>,
    /// Each with the line where it turned up.
    names: Vec<(usize, String)>,
    /// There are lines that define candidates.
    defined: bool,
}

/// What the lines `{key: value}` say.
struct Metadata {
    title: String,
    seats: usize,
    /// `ballotcount`, and its line.
    ballots: Option<(usize, u64)>,
    /// Keys that change nothing.
    others: Vec<(usize, String)>,
}

pub(super) fn parse<R: BufRead + Seek>(mut source: R) -> Result<Parsed, FormatError> {
    // Candidates may be defined behind the ballots that name them.
    let mut found = Candidates::default();
    let mut metadata = Metadata {
        title: String::new(),
        seats: 1,
        ballots: None,
        others: Vec::new(),
    };
    let mut lines = Lines::new(&mut source);
    while let Some((at, line)) = lines.next()? {
        let line = line.trim();
        if let Some(definition) = line.strip_prefix('=') {
            found.define(at, definition)?;
        } else if let Some(pair) = line.strip_prefix('{') {
            metadata.take(at, pair)?;
        }
    }
    source
        .rewind()
        .map_err(|error| fault(1, format!("cannot be read again: {error}")))?;
    let mut lines = Lines::new(&mut source);
    let mut ballots = PackedBallots::default();
    let mut reader = Reader {
        found,
        ballot: Ballot::default(),
        scored: Vec::new(),
        scores: Repeated::default(),
    };
    while let Some((at, line)) = lines.next()? {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['=', '{', '#']) {
            continue;
        }
        let times = reader.ballot(at, line)?;
        ballots
            .push(times, at, &reader.ballot)
            .map_err(|reason| fault(at, reason))?;
    }
    let total = ballots.total();
    if let Some((at, stated)) = metadata.ballots.filter(|(_, stated)| *stated != total) {
        return Err(fault(
            at,
            format!(
                "the file says that it has {stated} ballots, but {total} are in it: is a part of it missing?"
            ),
        ));
    }
    let mut notes = Notes::default();
    if let Some((at, _)) = metadata.others.first() {
        let keys: Vec<_> = metadata
            .others
            .iter()
            .map(|(_, key)| key.as_str())
            .collect();
        notes.add(
            *at,
            format!("these settings change nothing: {}", keys.join(", ")),
        );
    }
    notes.repeated(reader.scores, |times| {
        format!("scores count by their order alone, on {times} lines")
    });
    note_capitals(&reader.found.names, &mut notes);
    let candidates = candidates(reader.found.names)?;
    let Metadata { title, seats, .. } = metadata;
    let file = File {
        title,
        candidates,
        seats,
        withdrawn: Vec::new(),
        ballots,
    };
    Ok(Parsed {
        file,
        notes: notes.into(),
        scores: None,
    })
}

impl Metadata {
    fn take(&mut self, at: usize, pair: &str) -> Result<(), FormatError> {
        let (key, value) = metadata(at, pair)?;
        match key {
            "title" if value.is_empty() => {}
            "title" => self.title = name(at, value)?,
            "seats" => {
                self.seats = number(at, value)?;
                if self.seats == 0 {
                    return Err(fault(at, "no seats"));
                }
            }
            "ballotcount" => self.ballots = Some((at, number(at, value)? as u64)),
            other => {
                if !self.others.iter().any(|(_, key)| key == other) {
                    self.others.push((at, other.to_owned()));
                }
            }
        }
        Ok(())
    }
}

/// The key, and the value without its quotes, of `key: value}`.
fn metadata(at: usize, pair: &str) -> Result<(&str, &str), FormatError> {
    let (key, value) = pair
        .split_once(':')
        .ok_or_else(|| fault(at, "expected {key: value}"))?;
    let value = value.trim_start();
    let (value, rest) = match value.strip_prefix('"') {
        Some(quoted) => quoted
            .split_once('"')
            .ok_or_else(|| fault(at, "a quote is not closed"))?,
        None => value.split_at(value.find('}').unwrap_or(value.len())),
    };
    let after = rest
        .trim_start()
        .strip_prefix('}')
        .ok_or_else(|| fault(at, "the brace is not closed"))?;
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
fn token(at: usize, text: &str) -> Result<(Token<'_>, &str), FormatError> {
    let quotes = [('[', ']'), ('"', '"')]
        .into_iter()
        .find(|(open, _)| text.starts_with(*open));
    let (text, quoted, rest) = match quotes {
        Some((_, close)) => {
            let inside = text[1..].split_once(close);
            let (inner, rest) = inside.ok_or_else(|| fault(at, format!("{close} is missing")))?;
            (inner.trim(), true, rest)
        }
        None => {
            let (word, rest) = text.split_at(text.find(SIGNS).unwrap_or(text.len()));
            (word.trim(), false, rest)
        }
    };
    if text.is_empty() {
        return Err(fault(at, "a name is empty"));
    }
    if let Some(sign) = text.chars().find(|c| !quoted && is_other_sign(*c)) {
        let reason = format!(
            "\"{sign}\" says no order: ranks are A>B=C; a name with such a sign in it stands in brackets"
        );
        return Err(fault(at, reason));
    }
    if !quoted && text.contains(char::is_whitespace) {
        return Err(fault(
            at,
            format!("{text:?}: a name with spaces stands in brackets"),
        ));
    }
    Ok((Token { text, quoted }, rest.trim_start()))
}

impl Candidates {
    /// `A:[Name]`.
    fn define(&mut self, at: usize, text: &str) -> Result<(), FormatError> {
        let (id, rest) = token(at, text.trim_start())?;
        let behind = rest
            .strip_prefix(':')
            .ok_or_else(|| fault(at, "expected =candidate:[name]"))?;
        let (named, rest) = token(at, behind.trim_start())?;
        if !end(rest) {
            return Err(fault(at, format!("{rest:?} after a definition")));
        }
        if self
            .ids
            .insert(id.text.to_owned(), self.names.len())
            .is_some()
        {
            return Err(fault(at, format!("candidate {} is defined twice", id.text)));
        }
        self.add(at, name(at, named.text)?)?;
        self.defined = true;
        Ok(())
    }

    fn add(&mut self, at: usize, name: String) -> Result<(), FormatError> {
        if self.names.len() == CANDIDATES_MAX {
            return Err(fault(at, format!("more than {CANDIDATES_MAX} candidates")));
        }
        self.names.push((at, name));
        Ok(())
    }

    /// Whom a ballot means. Somebody new, if the ballot may name such.
    fn place(&mut self, at: usize, token: Token<'_>) -> Result<usize, FormatError> {
        let text = token.text;
        if let Some(place) = self.ids.get(text) {
            return Ok(*place);
        }
        let may_be_new = token.quoted || !self.defined;
        let shown = name(at, text)?;
        let mut named =
            (0..self.names.len()).filter(|place| may_be_new && self.names[*place].1 == shown);
        match (named.next(), named.next()) {
            (Some(place), None) => {
                self.ids.insert(text.to_owned(), place);
                Ok(place)
            }
            (Some(_), Some(_)) => Err(fault(at, format!("several candidates are called {text:?}"))),
            (None, _) if !may_be_new => Err(fault(at, format!("candidate {text} is not defined"))),
            (None, _) => {
                self.ids.insert(text.to_owned(), self.names.len());
                self.add(at, shown)?;
                Ok(self.names.len() - 1)
            }
        }
    }
}

/// What stands before a candidate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// `>`, or nothing yet.
    Below,
    /// `=`.
    Equal,
    /// `,`: only scores say the order.
    Listed,
}

/// Reads ballots, one at a time.
struct Reader {
    found: Candidates,
    ballot: Ballot,
    /// The candidates of a ballot, with what stands before each, and its score.
    scored: Vec<(Sign, usize, Option<u64>)>,
    /// Lines with scores.
    scores: Repeated,
}

impl Reader {
    /// `count: A>B=C`, or `count * A>B=C`, or with scores `A/5>B/3`, `A/5,B/3`; gives the count.
    fn ballot(&mut self, at: usize, line: &str) -> Result<u64, FormatError> {
        let (times, mut rest) = line
            .split_once([':', '*'])
            .map(|(count, rest)| (count.trim(), rest.trim_start()))
            .ok_or_else(|| fault(at, "expected a count, a colon and ranks"))?;
        let times = count(at, times)?;
        self.ballot.clear();
        self.scored.clear();
        let mut sign = Sign::Below;
        let mut more = !end(rest);
        while more {
            let (token, after) = token(at, rest)?;
            let place = self.found.place(at, token)?;
            if !self.ballot.see(place) {
                return Err(fault(
                    at,
                    format!("{:?} is ranked twice", self.found.names[place].1),
                ));
            }
            let (score, after) = score(at, after)?;
            self.scored.push((sign, place, score));
            more = !end(after);
            match after.chars().next() {
                Some(next @ ('>' | '=' | ',')) => {
                    sign = match next {
                        '>' => Sign::Below,
                        '=' => Sign::Equal,
                        _ => Sign::Listed,
                    };
                    rest = after[1..].trim_start();
                }
                Some('*') => {
                    return Err(fault(
                        at,
                        "a candidate has an asterisk behind it: the count stands before the ranks",
                    ));
                }
                Some(_) if more => return Err(fault(at, format!("{after:?} after a candidate"))),
                _ => {}
            }
        }
        self.rank(at)?;
        Ok(times)
    }

    /// Puts the candidates into their ranks.
    fn rank(&mut self, at: usize) -> Result<(), FormatError> {
        let has_scores = self.scored.iter().any(|(.., score)| score.is_some());
        if has_scores {
            self.scores.see(at);
        }
        if self.scored.iter().any(|(sign, ..)| *sign == Sign::Listed) {
            if !has_scores {
                return Err(fault(
                    at,
                    "a comma says no order: ranks are A>B=C, or scores A/5,B/3",
                ));
            }
            if self
                .scored
                .iter()
                .skip(1)
                .any(|(sign, ..)| *sign != Sign::Listed)
            {
                return Err(fault(
                    at,
                    "commas, and > or =, on one ballot: either scores say the order, or signs",
                ));
            }
            // No score, and 0, are as good as not being on the ballot.
            self.scored
                .retain(|(.., score)| score.is_some_and(|score| score > 0));
            self.scored
                .sort_by_key(|(.., score)| std::cmp::Reverse(*score));
            for at in 0..self.scored.len() {
                let equal = at > 0 && self.scored[at].2 == self.scored[at - 1].2;
                self.scored[at].0 = if equal { Sign::Equal } else { Sign::Below };
            }
        }
        let mut highest_below: Option<u64> = None;
        for (.., score) in self.scored.iter().rev() {
            if let Some((below, score)) = highest_below
                .zip(*score)
                .filter(|(below, score)| below > score)
            {
                return Err(fault(
                    at,
                    format!(
                        "a score of {below} is ranked below one of {score}: which says the order?"
                    ),
                ));
            }
            highest_below = highest_below.max(*score);
        }
        self.ballot.clear();
        for (sign, place, _) in &self.scored {
            if *sign == Sign::Below {
                self.ballot.close_rank();
            }
            self.ballot.name(*place);
        }
        self.ballot.close_rank();
        Ok(())
    }
}

/// The score behind a candidate, if there is one, and what follows.
fn score(at: usize, text: &str) -> Result<(Option<u64>, &str), FormatError> {
    let Some(text) = text.strip_prefix('/') else {
        return Ok((None, text));
    };
    let text = text.trim_start();
    let (digits, rest) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let score = digits
        .parse()
        .map_err(|_| fault(at, format!("{text:?}: a score is a whole number")))?;
    Ok((Some(score), rest.trim_start()))
}

/// Writes ABIF. Quotes in names and titles become apostrophes, and a closing bracket in a name a
/// parenthesis: the format has no other way.
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
    for group in file.ballots.iter().map(closed_up) {
        let rank = |rank: &Vec<usize>| {
            rank.iter()
                .map(|c| format!("c{}", c + 1))
                .collect::<Vec<_>>()
                .join("=")
        };
        let ranks = group.ranks.iter().map(rank).collect::<Vec<_>>().join(">");
        let _ = writeln!(text, "{}:{ranks}", group.count);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Parsed, FormatError> {
        parse(std::io::Cursor::new(text))
    }

    fn ranks(text: &str) -> Vec<Vec<Vec<usize>>> {
        read(text)
            .unwrap()
            .file
            .ballots
            .iter()
            .map(|packed| packed.group().ranks)
            .collect()
    }

    #[test]
    fn definitions_metadata_comments_and_blank_ballots_are_read() {
        let text = "# A comment\n{version: \"0.1\"}\n{\"title\": \"Lunch: again\"}\n{seats: 2} # {two}\n10:\n\
                    17: DGM > SBJ = [Sue #3 (蘇業)] # first\n\n3 * [Steven B. Jensen]>\"蘇\"\n\
                    =DGM:[Doña García Márquez]\n=SBJ : [Steven B. Jensen]\n=\"蘇\":\"Sue\" # defined after\n";
        let file = read(text).unwrap().file;
        assert_eq!((file.title.as_str(), file.seats), ("Lunch: again", 2));
        assert_eq!(
            file.candidates,
            [
                "Doña García Márquez",
                "Steven B. Jensen",
                "Sue",
                "Sue #3 (蘇業)"
            ]
        );
        let ballots: Vec<_> = file
            .ballots
            .iter()
            .map(|packed| (packed.count, packed.group().ranks))
            .collect();
        assert_eq!(
            ballots,
            [
                (10, vec![]),
                (17, vec![vec![0], vec![1, 3]]),
                (3, vec![vec![1], vec![2]])
            ]
        );
    }

    #[test]
    fn candidates_that_nobody_defines_are_those_on_the_ballots() {
        let file = read("20010:Carter>Anderson>Reagan # Carter 1st\n5001:Reagan>Carter\n")
            .unwrap()
            .file;
        assert_eq!(file.candidates, ["Carter", "Anderson", "Reagan"]);
        assert_eq!(
            file.ballots.iter().nth(1).unwrap().group().ranks,
            [[2], [0]]
        );
    }

    #[test]
    fn scores_say_the_order_where_no_sign_does() {
        let defined = "=A:[Ada]\n=B:[Bob]\n=C:[Cyd, MD]\n";
        for (ballot, expected) in [
            ("1:A/5>B/3>C/0", vec![vec![0], vec![1], vec![2]]),
            ("1:A/5>B/5=C", vec![vec![0], vec![1, 2]]),
            ("1:A/2, B/005, C/2", vec![vec![1], vec![0, 2]]),
            ("1:A,B/400,C/290", vec![vec![1], vec![2]]),
            ("1:A/1,B/0", vec![vec![0]]),
            ("1:[Cyd, MD]/1 = B/1", vec![vec![1, 2]]),
        ] {
            assert_eq!(
                ranks(&format!("{defined}{ballot}\n")),
                [expected],
                "{ballot}"
            );
        }
        let notes = read(&format!(
            "{{max_rating: 5}}\n{{ballotcount: 3}}\n{defined}3:A/5,B/3\n"
        ))
        .unwrap()
        .notes;
        assert!(
            notes[0].text.contains("max_rating") && notes[1].line == 6,
            "{notes:?}"
        );
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for (bad, reason) in [
            ("1: A/5, B/x", "score"),
            ("1: A/5, B/3>[C]/2", "commas"),
            ("1: A/3>B/5", "below one of 3"),
            ("1: A*5", "asterisk"),
            ("{ballotcount: 5}", "5 ballots, but 0"),
            ("1: A,B", "comma"),
            ("1: A→B", "\"→\" says no order"),
            ("1: A|B|C", "\"|\" says no order"),
            ("1: A ; B", "\";\" says no order"),
            ("1: A≻B", "\"≻\" says no order"),
            ("1: A＞B", "\"＞\" says no order"),
            ("1: A<B", "\"<\" says no order"),
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
            let error = read(&format!("=A:[Ada]\n=B:[Bob]\n{bad}\n")).unwrap_err();
            assert!(
                error.line == 3 && error.reason.contains(reason),
                "{bad}: {error}"
            );
        }
        assert_eq!(
            read("1:[A|B]>[C → D]\n").unwrap().file.candidates,
            ["A|B", "C → D"]
        );
        assert!(
            read("# nothing\n")
                .unwrap_err()
                .reason
                .contains("0 candidates")
        );
    }
}
