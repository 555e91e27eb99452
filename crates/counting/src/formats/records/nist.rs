//! Cast vote records of NIST SP 1500-103, version 1.0.

use std::borrow::Cow;
use std::io::{BufRead, Seek};

use serde::Deserialize;

use super::document::{Document, attempt};
use super::{Contest, Records};
use crate::formats::table::contest;
use crate::formats::{FormatError, Options, Parsed, fault};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Election {
    #[serde(default)]
    candidate: Vec<Candidate>,
    #[serde(default)]
    contest: Vec<ListedContest>,
}

#[derive(Deserialize)]
struct Candidate {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "Name")]
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedContest {
    #[serde(rename = "@id")]
    id: String,
    name: Option<String>,
    number_elected: Option<usize>,
    #[serde(default)]
    contest_selection: Vec<Selection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Selection {
    #[serde(rename = "@id")]
    id: String,
    #[serde(default)]
    candidate_ids: Vec<String>,
    /// Of a measure: yes or no.
    selection: Option<String>,
    is_write_in: Option<bool>,
}

/// A text of a record, as it stands in the file where it can.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "CurrentSnapshotId", borrow)]
    current: Text<'a>,
    #[serde(rename = "CVRSnapshot", borrow)]
    snapshots: Vec<Snapshot<'a>>,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(rename = "@id", borrow)]
    id: Text<'a>,
    #[serde(rename = "CVRContest", default, borrow)]
    contests: Vec<MarkedContest<'a>>,
}

#[derive(Deserialize)]
struct MarkedContest<'a> {
    #[serde(rename = "ContestId", borrow)]
    id: Text<'a>,
    #[serde(rename = "CVRContestSelection", default, borrow)]
    selections: Vec<MarkedSelection<'a>>,
    #[serde(rename = "Status", default, borrow)]
    status: Vec<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MarkedSelection<'a> {
    #[serde(borrow)]
    contest_selection_id: Option<Text<'a>>,
    rank: Option<u64>,
    #[serde(default, borrow)]
    selection_position: Vec<Position<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Position<'a> {
    #[serde(borrow)]
    has_indication: Text<'a>,
    #[serde(borrow)]
    is_allocable: Option<Text<'a>>,
    rank: Option<u64>,
    number_votes: Option<u64>,
    fractional_votes: Option<f64>,
}

impl Position<'_> {
    /// Whether the mark is a vote, as far as the record says.
    fn counts(&self) -> bool {
        self.has_indication.0 == "yes"
            && self.is_allocable.as_ref().is_none_or(|word| word.0 != "no")
    }
}

/// Reads a report of cast vote records: those in force, of one contest.
///
/// # Errors
/// [`FormatError`] if it is none, or which contest is meant is not plain.
pub fn read_cast_vote_records<R: BufRead + Seek>(
    mut source: R,
    options: &Options,
) -> Result<Parsed, FormatError> {
    let mut report = Report {
        options,
        elections: None,
        records: None,
        seen_records: false,
    };
    report.read(&mut source)?;
    if report.records.is_none() && report.seen_records {
        // The records came before the candidates.
        source
            .rewind()
            .map_err(|error| fault(1, format!("cannot be read again: {error}")))?;
        report.read(&mut source)?;
    }
    match report.records {
        Some(records) => records.finish(),
        None => Err(fault(
            1,
            "this is no report of cast vote records: it has no Election with a CVR",
        )),
    }
}

struct Report<'a> {
    options: &'a Options,
    elections: Option<Vec<Election>>,
    records: Option<Records<String>>,
    seen_records: bool,
}

impl Report<'_> {
    fn read(&mut self, source: impl BufRead) -> Result<(), FormatError> {
        let mut seen = Vec::new();
        Document::new(source).members(|document, name| {
            if ["Election", "CVR"].contains(&name) {
                if seen.iter().any(|one| one == name) {
                    return Err(fault(
                        1,
                        format!("{name} is there twice; one file has one of it"),
                    ));
                }
                seen.push(name.to_owned());
            }
            self.member(document, name)
        })
    }

    fn member(
        &mut self,
        document: &mut Document<impl BufRead>,
        name: &str,
    ) -> Result<(), FormatError> {
        match name {
            "Election" if self.elections.is_none() => {
                self.elections = Some(document.value()?);
                Ok(())
            }
            "CVR" => {
                self.seen_records = true;
                match self.contest()? {
                    Some(contest) => {
                        let records = self.records.insert(Records::new(contest));
                        document.elements(|bytes| attempt(bytes, |record| take(records, &record)))
                    }
                    None => document.skip(),
                }
            }
            _ => document.skip(),
        }
    }

    /// The contest that is meant, once it is known.
    fn contest(&self) -> Result<Option<Contest<String>>, FormatError> {
        let Some(elections) = &self.elections else {
            return Ok(None);
        };
        let listed: Vec<_> = elections
            .iter()
            .flat_map(|election| &election.contest)
            .collect();
        let title =
            |contest: &ListedContest| contest.name.clone().unwrap_or_else(|| contest.id.clone());
        let titles: Vec<_> = listed.iter().map(|contest| title(contest)).collect();
        let chosen = listed[contest(1, &titles, self.options)?];
        let candidate = |id: &String| {
            let mut all = elections.iter().flat_map(|election| &election.candidate);
            all.find(|candidate| candidate.id == *id)
                .and_then(|candidate| candidate.name.clone())
        };
        let called = |selection: &Selection| {
            let names: Vec<_> = selection
                .candidate_ids
                .iter()
                .filter_map(candidate)
                .collect();
            match (&selection.selection, names.is_empty()) {
                (_, false) => names.join(" / "),
                (Some(selection), true) => selection.clone(),
                (None, true) if selection.is_write_in == Some(true) => "Write-in".into(),
                (None, true) => selection.id.clone(),
            }
        };
        let candidates = chosen
            .contest_selection
            .iter()
            .map(|selection| (selection.id.clone(), called(selection)))
            .collect();
        let seats = chosen.number_elected.unwrap_or(1).max(1);
        Ok(Some(Contest {
            id: chosen.id.clone(),
            title: chosen.name.clone().unwrap_or_default(),
            seats,
            candidates,
        }))
    }
}

/// What a record says of a contest whose marks do not count.
const INVALIDATED: &str = "invalidated-rules";

fn take(records: &mut Records<String>, record: &Record<'_>) -> Result<(), String> {
    let current = record
        .snapshots
        .iter()
        .find(|snapshot| snapshot.id.0 == record.current.0);
    let number = records.records + 1;
    let current = current.ok_or_else(|| {
        format!(
            "record {number} has no snapshot {:?}, which it says is current",
            record.current.0
        )
    })?;
    let mut has_contest = false;
    for contest in &current.contests {
        if contest.id.0 != records.contest.id {
            continue;
        }
        has_contest = true;
        if contest.status.iter().any(|status| status.0 == INVALIDATED) {
            records.invalidated += 1;
            continue;
        }
        let mut ranked = None;
        for selection in &contest.selections {
            let Some(position) = selection
                .selection_position
                .iter()
                .find(|position| position.counts())
            else {
                continue;
            };
            let fraction = position
                .fractional_votes
                .is_some_and(|votes| (votes - 1.0).abs() > f64::EPSILON);
            if fraction || position.number_votes.is_some_and(|votes| votes > 1) {
                return Err(format!(
                    "record {number} has a mark that is not one vote (NumberVotes, FractionalVotes): such votes are not counted here"
                ));
            }
            records.no_votes += u64::from(position.number_votes == Some(0));
            let rank = selection.rank.or(position.rank);
            let is_ranked = rank.is_some();
            if *ranked.get_or_insert(is_ranked) != is_ranked {
                return Err(format!(
                    "record {number} has marks with a Rank and without one: which comes first?"
                ));
            }
            let id = selection.contest_selection_id.as_ref();
            let id =
                id.ok_or_else(|| format!("record {number} has a mark for nobody who is listed"))?;
            records.mark(rank.unwrap_or(1), &*id.0)?;
        }
    }
    records.end(has_contest)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::Group;

    const ELECTION: &str = r#""Election": [{"@id": "e", "Candidate": [{"@id": "c1", "Name": "Ada"}, {"@id": "c2", "Name": "Bob"}],
        "Contest": [{"@id": "k", "Name": "Mayor", "NumberElected": 1, "ContestSelection": [
            {"@id": "s1", "CandidateIds": ["c1"]}, {"@id": "s2", "CandidateIds": ["c2"]}, {"@id": "s3", "IsWriteIn": true}]},
            {"@id": "m", "Name": "Measure 1", "ContestSelection": [{"@id": "y", "Selection": "Yes"}, {"@id": "n", "Selection": "No"}]}]}]"#;
    const RECORDS: &str = r#""CVR": [
        {"CurrentSnapshotId": "b", "CVRSnapshot": [
            {"@id": "a", "CVRContest": []},
            {"@id": "b", "CVRContest": [{"ContestId": "k", "CVRContestSelection": [
                {"ContestSelectionId": "s2", "Rank": 2, "SelectionPosition": [{"HasIndication": "yes", "NumberVotes": 1}]},
                {"ContestSelectionId": "s1", "SelectionPosition": [{"HasIndication": "yes", "Rank": 1, "IsAllocable": "unknown"}]},
                {"ContestSelectionId": "s3", "Rank": 3, "SelectionPosition": [{"HasIndication": "no"}]}]}]}]},
        {"CurrentSnapshotId": "b", "CVRSnapshot": [{"@id": "b", "CVRContest": [{"ContestId": "m", "CVRContestSelection": [
                {"ContestSelectionId": "n", "SelectionPosition": [{"HasIndication": "yes"}]}]}]}]},
        {"CurrentSnapshotId": "b", "CVRSnapshot": [{"@id": "b", "CVRContest": [{"ContestId": "k"}]}]}]"#;

    fn read(text: &str, contest: Option<&str>) -> Result<Parsed, FormatError> {
        let options = Options {
            contest: contest.map(str::to_owned),
            ..Options::default()
        };
        read_cast_vote_records(Cursor::new(text), &options)
    }

    #[test]
    fn records_in_force_are_read_in_whatever_order_the_report_is() {
        for (first, second) in [(ELECTION, RECORDS), (RECORDS, ELECTION)] {
            let parsed = read(&format!("{{{first},\n{second}}}"), Some("Mayor")).unwrap();
            assert_eq!(parsed.file.candidates, ["Ada", "Bob", "Write-in"]);
            let ballots: Vec<_> = parsed
                .file
                .ballots
                .iter()
                .map(|packed| packed.group())
                .collect();
            let expected = [
                Group {
                    count: 1,
                    ranks: vec![vec![0], vec![1]],
                },
                Group {
                    count: 1,
                    ranks: vec![],
                },
            ];
            assert_eq!(ballots, expected);
            assert!(
                parsed.notes[0]
                    .text
                    .contains("without this contest are no ballots; there are 1")
            );
            let measure = read(&format!("{{{first},\n{second}}}"), Some("2")).unwrap();
            assert_eq!(
                measure
                    .file
                    .ballots
                    .iter()
                    .map(|packed| packed.group().ranks)
                    .collect::<Vec<_>>(),
                [[[1]]]
            );
        }
    }

    #[test]
    fn second_list_of_records_does_not_take_the_place_of_the_first() {
        for twice in [RECORDS, ELECTION] {
            let text = format!("{{{ELECTION},\n{RECORDS},\n{twice}}}");
            let refused = read(&text, Some("Mayor")).unwrap_err();
            assert!(refused.reason.contains("twice"), "{}", refused.reason);
        }
    }

    #[test]
    fn contest_that_is_invalidated_and_marks_of_no_votes_are_told_of() {
        let good = format!("{{{ELECTION},\n{RECORDS}}}");
        let invalid =
            "\"ContestId\": \"k\", \"Status\": [\"invalidated-rules\"], \"CVRContestSelection\"";
        let parsed = read(
            &good.replace("\"ContestId\": \"k\", \"CVRContestSelection\"", invalid),
            Some("1"),
        )
        .unwrap();
        assert_eq!(
            (
                parsed.file.ballots.total(),
                parsed.file.ballots.at(0).group().ranks.len()
            ),
            (2, 0)
        );
        assert!(
            parsed
                .notes
                .iter()
                .any(|note| note.text.contains("blank ballots; there are 1")),
            "{:?}",
            parsed.notes
        );
        let none = read(
            &good.replace("\"NumberVotes\": 1", "\"NumberVotes\": 0"),
            Some("1"),
        )
        .unwrap();
        assert!(
            none.notes
                .iter()
                .any(|note| note.text.contains("NumberVotes 0")),
            "{:?}",
            none.notes
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_line() {
        let good = format!("{{{ELECTION},\n{RECORDS}}}");
        assert!(
            read(&good, None)
                .unwrap_err()
                .reason
                .contains("2 contests: say which, with --contest")
        );
        let line = |from: &str, to: &str| read(&good.replacen(from, to, 1), Some("1")).unwrap_err();
        let other = line(
            "\"ContestSelectionId\": \"s2\"",
            "\"ContestSelectionId\": \"s9\"",
        );
        assert!(
            other.line > 5 && other.reason.contains("record 1: s9 is no candidate"),
            "{other}"
        );
        assert!(
            line(
                "\"CurrentSnapshotId\": \"b\"",
                "\"CurrentSnapshotId\": \"z\""
            )
            .reason
            .contains("no snapshot \"z\"")
        );
        for votes in [
            "\"NumberVotes\": 2",
            "\"NumberVotes\": 1, \"FractionalVotes\": 0.5",
        ] {
            assert!(
                line("\"NumberVotes\": 1", votes)
                    .reason
                    .contains("not one vote"),
                "{votes}"
            );
        }
        let unranked = line(
            "\"ContestSelectionId\": \"s2\", \"Rank\": 2",
            "\"ContestSelectionId\": \"s2\"",
        );
        assert!(
            unranked.reason.contains("with a Rank and without one"),
            "{unranked}"
        );
        assert!(read("{}", None).unwrap_err().reason.contains("no report"));
        assert_eq!(read("{\n\"CVR\": [\n{]}", None).unwrap_err().line, 3);
    }
}
