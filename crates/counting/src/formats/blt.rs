//! BLT, as election offices and OpaVote, OpenSTV and Droop write it: counts, ranks by number,
//! names.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{BufRead, Seek};

use super::lines::Lines;
use super::{
    CANDIDATES_MAX, File, FormatError, Notes, Parsed, Repeated, candidates, count, fault, name,
    number,
};
use crate::names::NAME_BYTES_MAX;
use crate::packed::{Ballot, PackedBallots};

/// Reads a BLT file: one ballot a line, or as a stream of numbers if its lines show that it is one.
pub(super) fn parse<R: BufRead + Seek>(mut source: R) -> Result<Parsed, FormatError> {
    let mut by_line = Reader::new(false);
    let refused = match by_line.read(&mut source) {
        Err(refused) if !by_line.is_unclear => refused,
        decided => return decided,
    };
    source
        .rewind()
        .map_err(|error| fault(1, format!("cannot be read again: {error}")))?;
    // What is wrong with the stream would not help whoever writes lines.
    Reader::new(true).read(&mut source).map_err(|_| refused)
}

/// A text after the ballots.
struct Text {
    line: usize,
    text: String,
}

#[derive(Default)]
struct Reader {
    /// Ballots do not end with their lines.
    stream: bool,
    candidates: usize,
    seats: usize,
    withdrawn: Vec<usize>,
    nicknames: BTreeMap<String, usize>,
    ballots: PackedBallots,
    ballot: Ballot,
    /// The count of a ballot that goes on, and its line.
    open: Option<(u64, usize)>,
    /// A line has the header and more, or several ballots: the file is a stream.
    is_stream: bool,
    /// A line has zeroes inside that can only be skipped ranks.
    has_skips: bool,
    /// The first line that could be one ballot with skipped ranks, and several ballots.
    unclear: Option<usize>,
    /// Nothing else in the file says which.
    is_unclear: bool,
    skips: Repeated,
    ids: Repeated,
    notes: Notes,
}

impl Reader {
    fn new(stream: bool) -> Self {
        Self {
            stream,
            ..Self::default()
        }
    }

    fn read(&mut self, source: impl BufRead) -> Result<Parsed, FormatError> {
        let mut lines = Lines::new(source);
        let mut first = None;
        let mut header = None;
        let mut last = 1;
        while let Some((at, line)) = lines.next()? {
            let content = without_comment(line).trim();
            if content.is_empty() {
                continue;
            }
            last = at;
            let content = match header {
                Some(_) => content,
                None => {
                    header = Some(at);
                    self.header(at, content)?
                }
            };
            if let Some(rest) = self.numbers(at, content)? {
                first = Some((at, rest.to_owned()));
                break;
            }
        }
        let Some(header) = header else {
            return Err(fault(1, "the file is empty"));
        };
        let Some(first) = first else {
            return Err(fault(
                last,
                "the ballots do not end: a line 0 should stand between them and the names",
            ));
        };
        self.check_zeroes()?;
        let (texts, last) = texts(first, &mut lines, &mut self.notes)?;
        self.finish(header, last, texts)
    }

    /// Reads the two numbers that a file begins with, and gives what is behind them.
    fn header<'a>(&mut self, at: usize, line: &'a str) -> Result<&'a str, FormatError> {
        let (first, rest) = word(line);
        let (second, rest) = word(rest);
        if second.is_empty() || !(rest.is_empty() || self.stream) {
            return Err(fault(
                at,
                "expected two numbers: of the candidates, and of the seats",
            ));
        }
        self.candidates = number(at, first)?;
        self.seats = number(at, second)?;
        if !(1..=CANDIDATES_MAX).contains(&self.candidates) || self.seats == 0 {
            return Err(fault(
                at,
                format!("1 to {CANDIDATES_MAX} candidates, and at least one seat"),
            ));
        }
        self.is_stream |= !rest.is_empty();
        Ok(rest)
    }

    /// Reads a line of ballots, withdrawals or options; what is behind the end of the ballots, once
    /// that has come.
    fn numbers<'a>(&mut self, at: usize, line: &'a str) -> Result<Option<&'a str>, FormatError> {
        let fresh = self.open.is_none();
        if fresh && line.starts_with('[') {
            return self.option(at, line).map(|()| None);
        }
        if fresh && is_negative(word(line).0) {
            return self.withdrawals(at, line).map(|()| None);
        }
        if self.stream {
            return self.stream_line(at, line);
        }
        match line {
            "" => Ok(None),
            "0" => Ok(Some("")),
            _ => self.ballot_line(at, line).map(|()| None),
        }
    }

    /// `[withdrawn 2 4]` and the like, of Droop.
    fn option(&mut self, at: usize, line: &str) -> Result<(), FormatError> {
        let inner = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'));
        let inner = inner
            .ok_or_else(|| fault(at, "an option line is [name words], and nothing behind it"))?;
        let (option, words) = word(inner.trim());
        let words = words.split_whitespace();
        match option.to_ascii_lowercase().as_str() {
            "withdrawn" => {
                for word in words {
                    let place = self.candidate(at, word)?;
                    self.withdrawn.push(place);
                }
            }
            "nick" | "nicknames" => {
                self.nicknames = words.map(str::to_owned).zip(0..).collect();
                if self.nicknames.len() != self.candidates {
                    let found = self.nicknames.len();
                    return Err(fault(
                        at,
                        format!(
                            "{found} different nicknames for {} candidates",
                            self.candidates
                        ),
                    ));
                }
            }
            "tie" => self.notes.add(
                at,
                "the order [tie ..] is not used: ties are broken by lot, from the seed",
            ),
            "droop" => self.notes.add(at, "the settings [droop ..] are not used"),
            _ => {
                let known = "[withdrawn ..], [nick ..], [tie ..] and [droop ..] are";
                return Err(fault(
                    at,
                    format!("the option [{option}] is not known; {known}"),
                ));
            }
        }
        Ok(())
    }

    /// `-2 -4`.
    fn withdrawals(&mut self, at: usize, line: &str) -> Result<(), FormatError> {
        if !self.ballots.is_empty() {
            return Err(fault(
                at,
                "withdrawals, such as -2, stand before the first ballot",
            ));
        }
        for word in line.split_whitespace() {
            if !is_negative(word) {
                let reason = format!(
                    "-1 withdraws candidate 1, but {word:?} behind it withdraws nobody: a minus for each, or a ballot"
                );
                return Err(fault(at, reason));
            }
            let place = self.candidate(at, &word[1..])?;
            self.withdrawn.push(place);
        }
        Ok(())
    }

    /// A line that is one ballot.
    fn ballot_line(&mut self, at: usize, line: &str) -> Result<(), FormatError> {
        let line = self.without_ids(at, line)?;
        let begins_with_number = line.starts_with(|c: char| c.is_ascii_digit());
        if !begins_with_number {
            return Err(fault(at, not_a_ballot(line)));
        }
        let (weight, ranks) = word(line);
        let Some(ranks) = ranks
            .strip_suffix('0')
            .filter(|ranks| ranks.is_empty() || ranks.ends_with(char::is_whitespace))
        else {
            let reason = "a ballot is a number of ballots, the candidates by rank, and a 0 at the end of the line";
            return Err(fault(at, reason));
        };
        let weight = count(at, weight)?;
        if weight == 0 {
            return Err(fault(
                at,
                "a ballot begins with how many there are of it: 0 is none",
            ));
        }
        self.ballot.clear();
        let mut zeroes = false;
        for word in ranks.split_whitespace() {
            zeroes |= word == "0";
            self.rank(at, word)?;
        }
        if zeroes {
            self.skips.see(at);
            if self.could_be_several(line) {
                self.unclear = self.unclear.or(Some(at));
            } else {
                self.has_skips = true;
            }
        }
        self.ballots
            .push(weight, at, &self.ballot)
            .map_err(|reason| fault(at, reason))
    }

    /// Whether a line with zeroes inside makes sense as several ballots, none of them blank.
    fn could_be_several(&self, line: &str) -> bool {
        let words: Vec<_> = line.split_whitespace().collect();
        let Some((_, words)) = words.split_last() else {
            return false;
        };
        words.split(|word| *word == "0").all(|ballot| {
            let [weight, ranks @ ..] = ballot else {
                return false;
            };
            let places: Option<Vec<_>> = ranks
                .iter()
                .flat_map(|rank| rank.split('='))
                .map(|word| self.candidate(0, word).ok())
                .collect();
            let once = places.is_some_and(|mut places| {
                let named = places.len();
                places.sort_unstable();
                places.dedup();
                named > 0 && places.len() == named
            });
            once && count(0, weight).is_ok()
        })
    }

    /// Zeroes inside of ballots mean what they show somewhere that they mean.
    fn check_zeroes(&mut self) -> Result<(), FormatError> {
        if let Some(at) = self.unclear.filter(|_| !self.has_skips) {
            self.is_unclear = true;
            let reason = "a 0 stands inside the ballot: write - for a skipped rank, or each ballot on a line of its own";
            return Err(fault(at, reason));
        }
        let skips = self.skips;
        self.notes.repeated(skips, |times| {
            format!("zeroes inside of ballots are read as skipped ranks, on {times} lines")
        });
        Ok(())
    }

    /// A line of a file whose ballots do not end with their lines.
    fn stream_line<'a>(
        &mut self,
        at: usize,
        line: &'a str,
    ) -> Result<Option<&'a str>, FormatError> {
        let mut rest = line;
        let mut ended = 0;
        let mut blank = false;
        loop {
            let (next, behind) = word(rest);
            match (self.open, next) {
                (_, "") => break,
                (None, "0") => {
                    self.is_stream |= ended > 1;
                    if blank && ended > 1 {
                        return Err(fault(at, "a blank ballot among others on a line"));
                    }
                    if !self.is_stream {
                        return Err(fault(at, "this is no stream"));
                    }
                    let note = "ballots do not end with their lines: each is read up to its 0";
                    self.notes.add(1, note);
                    return Ok(Some(behind));
                }
                (None, weight) => {
                    self.ballot.clear();
                    self.open = Some((count(at, weight)?, at));
                }
                (Some((weight, begun)), "0") => {
                    self.open = None;
                    ended += 1;
                    blank |= self.ballot.named() == 0;
                    self.ballots
                        .push(weight, begun, &self.ballot)
                        .map_err(|reason| fault(at, reason))?;
                }
                (Some(_), word) => self.rank(at, word)?,
            }
            rest = behind;
        }
        self.is_stream |= ended > 1;
        if blank && ended > 1 {
            Err(fault(at, "a blank ballot among others on a line"))
        } else {
            Ok(None)
        }
    }

    /// Takes off what names the ballot: `(voter 17)` before it, `-- 17` behind it.
    fn without_ids<'a>(&mut self, at: usize, line: &'a str) -> Result<&'a str, FormatError> {
        let mut ballot = line;
        if let Some(id) = line.strip_prefix('(') {
            let (_, behind) = id
                .split_once(')')
                .ok_or_else(|| fault(at, "the parenthesis around a ballot's id is not closed"))?;
            ballot = behind.trim_start();
        }
        if let Some((before, _)) = ballot.split_once(" --") {
            ballot = before.trim_end();
        }
        if ballot.len() < line.len() {
            self.ids.see(at);
        }
        Ok(ballot)
    }

    /// `3`, `1=4`, or a rank that is skipped.
    fn rank(&mut self, at: usize, word: &str) -> Result<(), FormatError> {
        if matches!(word, "0" | "-") {
            self.ballot.skip_rank();
            return Ok(());
        }
        for word in word.split('=') {
            let place = self.candidate(at, word)?;
            if !self.ballot.name(place) {
                return Err(fault(at, format!("candidate {word} is ranked twice")));
            }
        }
        self.ballot.close_rank();
        Ok(())
    }

    fn candidate(&self, at: usize, word: &str) -> Result<usize, FormatError> {
        if let Some(place) = self.nicknames.get(word) {
            return Ok(*place);
        }
        match number(at, word)? {
            0 => Err(fault(at, "candidates are numbered from 1")),
            place if place > self.candidates => Err(fault(
                at,
                format!(
                    "there is no candidate {place}: the header says {}",
                    self.candidates
                ),
            )),
            place => Ok(place - 1),
        }
    }

    /// Gives the candidates their names.
    fn finish(
        &mut self,
        header: usize,
        last: usize,
        texts: Vec<Text>,
    ) -> Result<Parsed, FormatError> {
        let wanted = self.candidates;
        let mut texts = match texts.len() {
            found if found == wanted || found == wanted + 1 => texts,
            _ => self.joined(texts, header, last)?,
        };
        let title = match texts.len() > wanted {
            true => texts.pop().filter(|title| !title.text.trim().is_empty()),
            false => {
                let line = texts.last().map_or(last, |text| text.line);
                self.notes
                    .add(line, format!("there is no title: the last of {wanted} texts is read as a candidate's name"));
                None
            }
        };
        let title = title
            .map(|title| name(title.line, &title.text))
            .transpose()?
            .unwrap_or_default();
        let names = texts
            .iter()
            .map(|text| Ok((text.line, name(text.line, &text.text)?)));
        let candidates = candidates(names.collect::<Result<_, _>>()?)?;
        self.withdrawn.sort_unstable();
        self.withdrawn.dedup();
        let ids = self.ids;
        self.notes.repeated(ids, |times| {
            format!("ids of ballots are not read, on {times} lines")
        });
        let withdrawn = std::mem::take(&mut self.withdrawn);
        let ballots = std::mem::take(&mut self.ballots);
        let file = File {
            title,
            candidates,
            seats: self.seats,
            withdrawn,
            ballots,
        };
        Ok(Parsed {
            file,
            notes: std::mem::take(&mut self.notes).into(),
            scores: None,
        })
    }

    /// Name and party, or first name, last name and party, of each candidate on a line of its own;
    /// else the header or the names are wrong.
    fn joined(
        &mut self,
        texts: Vec<Text>,
        header: usize,
        last: usize,
    ) -> Result<Vec<Text>, FormatError> {
        let (found, wanted) = (texts.len(), self.candidates);
        let lines: Vec<_> = texts.chunk_by(|a, b| a.line == b.line).collect();
        let named = lines
            .get(..wanted)
            .filter(|named| named.iter().all(|line| (2..=3).contains(&line.len())));
        let titles = lines.get(wanted..).unwrap_or_default();
        let one_title = titles.is_empty() || (titles.len() == 1 && titles[0].len() == 1);
        let Some(named) = named.filter(|_| one_title) else {
            let expected = format!(
                "{wanted} names and a title should follow the ballots, as line {header} says, but {found} texts do"
            );
            let at = texts.get(wanted).map_or(last, |text| text.line);
            return Err(fault(
                at,
                format!("{expected}: the number in line {header} is wrong, or a name is"),
            ));
        };
        self.notes.add(
            named[0][0].line,
            "the last text of each line is read as the party: Name (Party)",
        );
        let one = |line: &[Text]| {
            let (party, names) = line.split_last().expect("two or three");
            let names = names
                .iter()
                .map(|text| text.text.as_str())
                .collect::<Vec<_>>()
                .join(" ");
            let party = party.text.trim();
            let text = if party.is_empty() {
                names
            } else {
                format!("{names} ({party})")
            };
            Text {
                line: line[0].line,
                text,
            }
        };
        let title = titles.first().map(|line| Text {
            line: line[0].line,
            text: line[0].text.clone(),
        });
        Ok(named.iter().map(|line| one(line)).chain(title).collect())
    }
}

fn not_a_ballot(line: &str) -> String {
    if line.starts_with("/*") {
        return "comments begin with #, and go to the end of the line; /* */ are none".into();
    }
    let word = word(line).0.trim_matches('"');
    format!("\"{word}\" begins no ballot: a line 0 should stand between the ballots and the names")
}

fn is_negative(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
}

/// The first word of a line, and what is behind it.
fn word(line: &str) -> (&str, &str) {
    let line = line.trim_start();
    let (word, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
    (word, rest.trim())
}

/// What is before a `#` outside of quotes.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let comment = line.find(|c| {
        quoted ^= c == '"';
        c == '#' && !quoted
    });
    &line[..comment.unwrap_or(line.len())]
}

/// The texts behind the ballots: in quotes, several on a line or one over several lines; or bare,
/// each a line.
fn texts(
    first: (usize, String),
    lines: &mut Lines<impl BufRead>,
    notes: &mut Notes,
) -> Result<(Vec<Text>, usize), FormatError> {
    let mut all = Vec::new();
    let mut alternatives: Vec<Text> = Vec::new();
    let (mut at, mut line) = first;
    let mut last = at;
    // A text in quotes that goes on.
    let mut open: Option<Text> = None;
    loop {
        let mut rest = line.as_str();
        if open.is_some() || !rest.trim().is_empty() {
            last = at;
        }
        if open.is_none() && is_bare(rest) {
            if let Some((number, name)) = alternative(rest)
                && number == alternatives.len() + 1
                && number <= CANDIDATES_MAX
            {
                alternatives.push(bare(at, name)?);
            }
            let text = without_comment(rest).trim();
            if !text.is_empty() {
                if text.len() < rest.trim().len() {
                    notes.add(
                        at,
                        format!(
                            "what follows # is a comment, and left out: the text is \"{text}\""
                        ),
                    );
                }
                all.push(bare(at, text)?);
            }
            rest = "";
        }
        while !rest.is_empty() || open.is_some() {
            let mut text = match open.take() {
                Some(text) => text,
                None => {
                    rest = rest.trim_start();
                    let Some(quoted) = rest.strip_prefix('"') else {
                        if !(rest.is_empty() || rest.starts_with('#')) {
                            return Err(fault(
                                at,
                                format!(
                                    "{rest:?} stands behind a name in quotes: is a quote before it not closed?"
                                ),
                            ));
                        }
                        break;
                    };
                    rest = quoted;
                    Text {
                        line: at,
                        text: String::new(),
                    }
                }
            };
            let (behind, closed) = quoted(rest, &mut text.text);
            if text.text.len() > NAME_BYTES_MAX {
                return Err(fault(
                    text.line,
                    "a quote is not closed, or a name is too long",
                ));
            }
            rest = behind;
            if closed {
                all.push(text);
            } else {
                text.text.push('\n');
                open = Some(text);
                break;
            }
        }
        if all.len() > 3 * CANDIDATES_MAX + 1 {
            return Err(fault(
                at,
                "more names follow the ballots than there can be candidates",
            ));
        }
        match lines.next()? {
            Some((number, next)) => {
                at = number;
                next.clone_into(&mut line);
            }
            None => break,
        }
    }
    match open {
        Some(text) => Err(fault(text.line, "a quote is not closed")),
        // Nothing but a title beside them.
        None if all.len() <= 1 && !alternatives.is_empty() => {
            notes.add(
                alternatives[0].line,
                "lines # ALTERNATIVE NAME, as PrefLib has them, are read as the names",
            );
            alternatives.append(&mut all);
            Ok((alternatives, last))
        }
        None => Ok((all, last)),
    }
}

/// `# ALTERNATIVE NAME 1: Ada`, which files have that were made of PrefLib's: the number and the
/// name.
fn alternative(line: &str) -> Option<(usize, &str)> {
    let comment = line.trim().strip_prefix('#')?.trim_start();
    let (number, name) = comment.strip_prefix("ALTERNATIVE NAME ")?.split_once(':')?;
    Some((number.trim().parse().ok()?, name.trim()))
}

/// Whether a line has no quote before its text.
fn is_bare(line: &str) -> bool {
    !line.trim_start().starts_with('"')
}

/// A name without quotes.
fn bare(at: usize, text: &str) -> Result<Text, FormatError> {
    let digits = |c: char| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '=' | '-');
    if text.contains(char::is_whitespace) && text.chars().all(digits) {
        return Err(fault(at, "ballots stand behind the 0 that ends them"));
    }
    Ok(Text {
        line: at,
        text: text.to_owned(),
    })
}

/// Takes what is up to the closing quote, two quotes for one; gives what is behind it, and whether
/// there is one.
fn quoted<'a>(mut rest: &'a str, into: &mut String) -> (&'a str, bool) {
    while let Some((text, behind)) = rest.split_once('"') {
        into.push_str(text);
        match behind.strip_prefix('"') {
            Some(more) => {
                into.push('"');
                rest = more;
            }
            None => return (behind, true),
        }
    }
    into.push_str(rest);
    ("", false)
}

/// Writes a BLT file. A quote in a name is doubled.
pub(super) fn write(file: &File) -> String {
    let mut text = format!("{} {}\n", file.candidates.len(), file.seats);
    let quote = |name: &String| format!("\"{}\"\n", name.replace('"', "\"\""));
    text.extend(
        file.withdrawn
            .iter()
            .map(|place| format!("-{}\n", place + 1)),
    );
    for group in file.ballots.iter().map(|packed| packed.group()) {
        let rank = |rank: &Vec<usize>| match rank.as_slice() {
            [] => "-".to_owned(),
            rank => rank
                .iter()
                .map(|c| (c + 1).to_string())
                .collect::<Vec<_>>()
                .join("="),
        };
        let ranks: String = group.ranks.iter().map(|ranks| rank(ranks) + " ").collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {ranks}0", group.count);
    }
    text + "0\n" + &file.candidates.iter().map(quote).collect::<String>() + &quote(&file.title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Format, Options};

    #[test]
    fn comment_behind_a_bare_name_and_the_end_of_a_dos_file_are_no_text() {
        let text = "2 1\n1 1 0\n0\nAnn Ash # 1\nBob\nTrees\n\u{1a}";
        let Parsed { file, notes, .. } = Format::Blt
            .read(std::io::Cursor::new(text), &Options::default())
            .unwrap();
        assert_eq!(
            (file.candidates.join(","), file.title.as_str()),
            ("Ann Ash,Bob".into(), "Trees")
        );
        assert!(
            notes.len() == 1 && notes[0].line == 4 && notes[0].text.contains("left out"),
            "{notes:?}"
        );
        let quoted = "2 1\n1 1 0\n0\n\"Ann Ash #1\" # first\n\"Bob\"\n\"Trees\"\u{1a}";
        let Parsed { file, notes, .. } = Format::Blt
            .read(std::io::Cursor::new(quoted), &Options::default())
            .unwrap();
        assert_eq!(
            (
                file.candidates[0].as_str(),
                file.title.as_str(),
                notes.len()
            ),
            ("Ann Ash #1", "Trees", 0)
        );
        // Only at the very end it is one.
        assert!(
            Format::Blt
                .parse(&text.replace("Bob", "Bob\u{1a}"))
                .is_err()
        );
    }

    const BURLINGTON: &str = include_str!("../../../../testdata/burlington-2009-mayor.blt");

    fn read(text: &str) -> Result<Parsed, FormatError> {
        Format::Blt.read(std::io::Cursor::new(text), &Options::default())
    }

    fn ballots(text: &str) -> Vec<(u64, Vec<Vec<usize>>)> {
        read(text)
            .unwrap()
            .file
            .ballots
            .iter()
            .map(|packed| (packed.count, packed.group().ranks))
            .collect()
    }

    #[test]
    fn burlington_has_its_published_first_choices() {
        let file = read(BURLINGTON).unwrap().file;
        let mut counts = vec![0; file.candidates.len()];
        let mut none = 0;
        for line in file.ballots.iter() {
            match line.first_choice() {
                Some(place) => counts[place] += line.count,
                None => none += line.count,
            }
        }
        let counts: Vec<_> = file
            .candidates
            .iter()
            .map(String::as_str)
            .zip(counts)
            .collect();
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
        assert_eq!(file.title, "Burlington, Vermont: mayor, 2009");
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for (text, line, reason) in [
            ("", 1, "empty"),
            ("2\n", 1, "two numbers"),
            ("2 1\n1 1 2\n0\n", 2, "0 at the end"),
            ("2 1\n1 1 0\nx 1 0\n0\n", 3, "\"x\" begins no ballot"),
            ("2 1\n1 3 0\n0\n", 2, "no candidate 3"),
            ("2 1\n1 1=1 0\n0\n", 2, "twice"),
            ("2 1\n0 1 0\n0\n", 2, "how many"),
            ("2 1\n1.5 1 0\n0\n", 2, "whole numbers"),
            ("2 1\n1 1 0\n", 2, "do not end"),
            ("2 1\n0\n\"A\"\n", 3, "but 1 texts do"),
            ("2 1\n0\n\"A\"\n\"B\" C\n\"T\"", 4, "behind a name"),
            ("2 1\n0\n\"A\"\n\"B\n\"T\"", 5, "behind a name"),
            ("2 1\n0\n\"A\"\n\"B\"\n\"T", 5, "not closed"),
            ("2 1\n0\n\"A\"\n\"\"\n\"T\"", 4, "empty"),
            (
                "2 1\n1 1 0\n-1\n0\n\"A\"\n\"B\"\n\"T\"",
                3,
                "before the first",
            ),
            ("2 1\n[elect 1]\n0\n\"A\"\n\"B\"\n\"T\"", 2, "not known"),
            // A 0 that is missing joins two ballots in a stream: that is only read where the lines
            // show a stream.
            (
                "3 1\n3 1\n2 3 0\n0\n\"A\"\n\"B\"\n\"C\"\n\"T\"",
                2,
                "0 at the end",
            ),
            // A candidate twice, not a second ballot for nobody.
            ("3 1\n1 2 0 2 0\n0\n\"A\"\n\"B\"\n\"C\"\n\"T\"", 2, "twice"),
            (
                "3 1\n1 1 0 2 3 0\n0\n\"A\"\n\"B\"\n\"C\"\n\"T\"",
                2,
                "a 0 stands inside",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(
                error.line == line && error.reason.contains(reason),
                "{text:?}: {error}"
            );
        }
    }

    #[test]
    fn equal_ranks_withdrawn_candidates_and_comments_are_read() {
        let file = read(
            "3 1 # mayor\n-2\n4 1=3 - 2 0 # equal\n1 0\n0\n\"A\"\n\"B\"\n\"C # not a comment\"\n",
        )
        .unwrap()
        .file;
        assert_eq!(file.withdrawn, [1]);
        let ballots: Vec<_> = file.ballots.iter().collect();
        assert_eq!(ballots[0].group().ranks, [vec![0, 2], vec![], vec![1]]);
        assert_eq!(ballots[0].first_choice(), None);
        assert_eq!(ballots[1].group().ranks, Vec::<Vec<usize>>::new());
        assert_eq!(file.candidates[2], "C # not a comment");
        let standing = file.without_withdrawn();
        assert_eq!(standing.candidates, ["A", "C # not a comment"]);
        assert_eq!(
            standing.ballots.iter().next().unwrap().group().ranks,
            [[0, 1]]
        );
    }

    #[test]
    fn zeroes_inside_are_skipped_ranks_where_they_can_be_nothing_else() {
        const NAMES: &str = "0\n\"A\"\n\"B\"\n\"C\"\n\"T\"\n";
        let skipped = ballots(&format!("3 1\n1 2 0 0 0\n1 1 0 2 3 0\n1 0 0 3 0\n{NAMES}"));
        let expected = [
            (1, vec![vec![1]]),
            (1, vec![vec![0], vec![], vec![1], vec![2]]),
            (1, vec![vec![], vec![], vec![2]]),
        ];
        assert_eq!(skipped, expected);
        let several = ballots(&format!("3 1\n4 1 2 0 3 1 3 0\n2 1\n3 0\n{NAMES}"));
        assert_eq!(
            several,
            [(4, vec![vec![0], vec![1]]), (5, vec![vec![0], vec![2]])]
        );
    }

    #[test]
    fn names_stand_as_people_write_them() {
        let names = |texts: &str| {
            read(&format!("2 1\n1 1 0\n0\n{texts}"))
                .unwrap()
                .file
                .candidates
        };
        for (texts, expected) in [
            (
                "Ann ASH (Red)\nBob BIRCH\nNorth ward",
                ["Ann ASH (Red)", "Bob BIRCH"],
            ),
            ("\"Ann\" \"Bob\"\n\"North\"", ["Ann", "Bob"]),
            ("\"Ann\nASH\" \"Bob\" \"North\"", ["Ann ASH", "Bob"]),
            (
                "\"Ann\" \"Red\"\n\"Bob\" \"Blue\"\n\"North\"",
                ["Ann (Red)", "Bob (Blue)"],
            ),
            (
                "\"Ann\" \"ASH\" \"Red\"\n\"Bob\" \"BIRCH\" \"\"\n\"North\"",
                ["Ann ASH (Red)", "Bob BIRCH"],
            ),
            (
                "\"Ann \"\"Red\"\"\" # one\n\n# two\nBob # Blue\nNorth",
                ["Ann \"Red\"", "Bob"],
            ),
        ] {
            assert_eq!(names(texts), expected, "{texts}");
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        let text = "2 1\n[tie 2 1]\n[nick a b]\n(1) 1 a b 0\n1 2 0 -- 17\n0\n\"A\"\n\"B\"\n";
        let Parsed { file, notes, .. } = read(text).unwrap();
        assert_eq!(
            file.ballots
                .iter()
                .map(|packed| packed.group().ranks)
                .collect::<Vec<_>>(),
            [vec![vec![0], vec![1]], vec![vec![1]]]
        );
        let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
        assert!(
            notes[0].starts_with("line 2: ") && notes[0].contains("[tie ..]"),
            "{notes:?}"
        );
        assert!(
            notes[1].starts_with("line 8: ") && notes[1].contains("no title"),
            "{notes:?}"
        );
        assert!(
            notes[2].starts_with("line 4: ") && notes[2].contains("2 lines"),
            "{notes:?}"
        );
    }
}
