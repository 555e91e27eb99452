//! Tables: a column for each candidate, a row for equal ballots, ranks in the cells.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::cell::{guarded, unguarded};
use super::{CANDIDATES_MAX, File, FormatError, Line, fault, name, number};
use crate::profile::Group;

pub(super) fn parse(text: &str) -> Result<File, FormatError> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator(text))
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let (mut header, mut ballots) = (None, Vec::new());
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| fault(1, error.to_string()))? {
        let at = line(text, &record);
        match &header {
            None => header = Some(Header::read(at, &record)?),
            Some(header) => ballots.push(header.ballot(at, &record)?),
        }
    }
    let header = header.ok_or_else(|| fault(1, "the file is empty"))?;
    Ok(File { title: String::new(), candidates: header.candidates, seats: 1, withdrawn: Vec::new(), ballots })
}

/// A semicolon, if the first line has one outside of quotes.
fn separator(text: &str) -> u8 {
    let mut quoted = false;
    for byte in text.trim_start().bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b';' if !quoted => return b';',
            b'\n' | b'\r' if !quoted => break,
            _ => {}
        }
    }
    b','
}

/// The reader counts blank lines before a record as the record's own.
fn line(text: &str, record: &StringRecord) -> usize {
    let Some(position) = record.position() else { return 1 };
    let at = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let before = text.as_bytes().get(at(position.byte())..).unwrap_or_default().iter();
    let blank = before.take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
    at(position.line()) + blank
}

struct Header {
    /// The first column is how many.
    counts: bool,
    candidates: Vec<String>,
}

impl Header {
    fn read(at: usize, record: &StringRecord) -> Result<Self, FormatError> {
        let counts = record.get(0).is_some_and(|first| first.eq_ignore_ascii_case("count"));
        let names = record.iter().skip(usize::from(counts));
        let candidates = names.map(|cell| name(at, unguarded(cell))).collect::<Result<Vec<_>, _>>()?;
        if !(1..=CANDIDATES_MAX).contains(&candidates.len()) {
            return Err(fault(at, format!("{} candidates; 1 to {CANDIDATES_MAX} can be", candidates.len())));
        }
        let twice = (1..candidates.len()).find(|place| candidates[..*place].contains(&candidates[*place]));
        if let Some(place) = twice {
            return Err(fault(at, format!("two columns are called {:?}", candidates[place])));
        }
        Ok(Self { counts, candidates })
    }

    fn ballot(&self, at: usize, record: &StringRecord) -> Result<Line, FormatError> {
        let columns = self.candidates.len() + usize::from(self.counts);
        if record.len() != columns {
            return Err(fault(at, format!("{} cells, where the first line has {columns}", record.len())));
        }
        let mut cells = record.iter();
        let count = if self.counts { number(at, cells.next().unwrap_or_default())? as u64 } else { 1 };
        let mut ranked = Vec::new();
        for (place, cell) in cells.enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let rank = cell.parse::<u64>().ok().filter(|rank| *rank > 0);
            ranked.push((rank.ok_or_else(|| fault(at, format!("{cell:?} is no rank: 1, 2 ... or blank")))?, place));
        }
        ranked.sort_unstable();
        let ranks = ranked.chunk_by(|a, b| a.0 == b.0);
        let ranks = ranks.map(|rank| rank.iter().map(|(_, place)| *place).collect()).collect();
        Ok(Line { group: Group { count, ranks }, line: at })
    }
}

/// Writes a table with a column of counts, separated by commas.
pub(super) fn write(file: &File) -> String {
    let quoted = file.candidates.iter().map(|name| format!(",\"{}\"", guarded(name).replace('"', "\"\"")));
    let mut text = format!("count{}\n", quoted.collect::<String>());
    for Line { group, .. } in &file.ballots {
        let mut cells = vec![String::new(); file.candidates.len()];
        for (rank, places) in (1..).zip(&group.ranks) {
            places.iter().for_each(|place| cells[*place] = rank.to_string());
        }
        text += &format!("{},{}\n", group.count, cells.join(","));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ballots(text: &str) -> Vec<(u64, Vec<Vec<usize>>)> {
        parse(text).unwrap().ballots.into_iter().map(|line| (line.group.count, line.group.ranks)).collect()
    }

    #[test]
    fn counts_equal_ranks_skipped_ranks_and_blank_ballots_are_read() {
        let text = "Count,\"Ada \"\"A\"\" L.\" ,\"B;C, D\",E\n12,1,2,\n\n3, 2 ,7,2\r\n1,,,\n";
        assert_eq!(parse(text).unwrap().candidates, ["Ada \"A\" L.", "B;C, D", "E"]);
        let expected = [(12, vec![vec![0], vec![1]]), (3, vec![vec![0, 2], vec![1]]), (1, vec![])];
        assert_eq!(ballots(text), expected);
        assert_eq!(parse(text).unwrap().ballots[1].line, 4);
    }

    #[test]
    fn semicolons_separate_and_a_count_is_not_needed() {
        assert_eq!(ballots("Ada, A.;Bob\n2;1\n;1\n"), [(1, vec![vec![1], vec![0]]), (1, vec![vec![1]])]);
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for (bad, line) in [
            ("", 1),
            ("count\n", 1),
            ("A,,B\n", 1),
            ("A,B,A\n", 1),
            ("\"A\nB\",C\n", 1),
            ("A,B\n1,2\n\n\n1\n", 5),
            ("A,B\n1,2,3\n", 2),
            ("A,B\n1,0\n", 2),
            ("A,B\n1,-1\n", 2),
            ("A,B\n1,2\nAda,Bob\n", 3),
            ("count,A,B\n,1,2\n", 2),
            ("A,B\n\"1,2\n1,2\n", 2),
        ] {
            assert_eq!(parse(bad).unwrap_err().line, line, "{bad:?}");
        }
    }
}
