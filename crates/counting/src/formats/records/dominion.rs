//! Records of Dominion scanners as a folder of JSON files: manifests that name contests and
//! candidates, and exports of records, as many as there are batches.

use std::io::BufRead;

use serde::Deserialize;

use super::document::{Document, attempt};
use super::{Contest, Records, document, twice};
use crate::formats::table::contest;
use crate::formats::{FormatError, Options, Parsed, fault};

/// The name of the file that lists the contests.
pub const DOMINION_CONTESTS: &str = "ContestManifest.json";
/// The name of the file that lists the candidates.
pub const DOMINION_CANDIDATES: &str = "CandidateManifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest<T> {
    list: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedContest {
    id: i64,
    description: String,
    vote_for: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedCandidate {
    id: i64,
    description: String,
    contest_id: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Session {
    original: State,
    modified: Option<State>,
}

/// A record as it was scanned, or as people made it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    is_current: bool,
    #[serde(default)]
    cards: Vec<Card>,
    /// Where there are no cards.
    #[serde(default)]
    contests: Vec<MarkedContest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Card {
    #[serde(default)]
    contests: Vec<MarkedContest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MarkedContest {
    id: i64,
    #[serde(default)]
    marks: Vec<Mark>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mark {
    candidate_id: i64,
    rank: Option<u64>,
    #[serde(default)]
    is_ambiguous: bool,
    is_vote: bool,
}

/// The records of one contest, of all the exports of a folder.
pub struct Dominion(Records<i64>);

impl Dominion {
    /// Reads the manifests.
    ///
    /// # Errors
    /// [`FormatError`] if they are none, or which contest is meant is not plain.
    pub fn new(
        contests: impl BufRead,
        candidates: impl BufRead,
        options: &Options,
    ) -> Result<Self, FormatError> {
        let listed: Manifest<ListedContest> = document(contests)?;
        let all: Manifest<ListedCandidate> = document(candidates)?;
        let titles: Vec<_> = listed
            .list
            .iter()
            .map(|contest| contest.description.clone())
            .collect();
        let chosen = &listed.list[contest(1, &titles, options)?];
        let its = all
            .list
            .into_iter()
            .filter(|candidate| candidate.contest_id == chosen.id);
        let candidates = its
            .map(|candidate| (candidate.id, candidate.description))
            .collect();
        let seats = chosen.vote_for.unwrap_or(1).max(1);
        let contest = Contest {
            id: chosen.id,
            title: chosen.description.clone(),
            seats,
            candidates,
        };
        Ok(Self(Records::new(contest)))
    }

    /// Reads an export of records: of each, what is in force. Marks that are ambiguous, or no
    /// votes, are none.
    ///
    /// # Errors
    /// [`FormatError`] if it is none, or names candidates that the manifest does not.
    pub fn add(&mut self, export: impl BufRead) -> Result<(), FormatError> {
        let records = &mut self.0;
        let mut has_sessions = false;
        Document::new(export).members(|document, name| {
            if name != "Sessions" {
                return document.skip();
            }
            has_sessions = true;
            document.elements(|text| attempt(text, |session| take(records, session)))
        })?;
        if has_sessions {
            Ok(())
        } else {
            Err(fault(1, "this is no export of records: it has no Sessions"))
        }
    }

    /// The ballots of all.
    ///
    /// # Errors
    /// [`FormatError`] if candidates have names that look the same.
    pub fn finish(self) -> Result<Parsed, FormatError> {
        self.0.finish()
    }
}

fn take(records: &mut Records<i64>, session: Session) -> Result<(), String> {
    let mut states = session.modified.into_iter().chain([session.original]);
    let current = states.find(|state| state.is_current);
    let Some(current) = current else {
        records.replaced += 1;
        return Ok(());
    };
    let contests = current
        .cards
        .iter()
        .flat_map(|card| &card.contests)
        .chain(&current.contests);
    let wanted = records.contest.id;
    let mut has_contest = false;
    for contest in contests.filter(|contest| contest.id == wanted) {
        if has_contest {
            return Err(twice(records));
        }
        has_contest = true;
        for mark in contest
            .marks
            .iter()
            .filter(|mark| mark.is_vote && !mark.is_ambiguous)
        {
            records.mark(mark.rank.unwrap_or(0), &mark.candidate_id)?;
        }
    }
    records.end(has_contest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Group;

    const CONTESTS: &str = r#"{"Version": "5.10", "List": [{"Description": "Mayor", "Id": 1, "VoteFor": 1, "NumOfRanks": 3},
                              {"Description": "Council", "Id": 2, "VoteFor": 2, "NumOfRanks": 0}]}"#;
    const CANDIDATES: &str = r#"{"List": [{"Description": "Ada", "Id": 11, "ContestId": 1, "Type": "Regular"},
                               {"Description": "Bob", "Id": 12, "ContestId": 1}, {"Description": "Write-in", "Id": 13, "ContestId": 1},
                               {"Description": "Ash", "Id": 21, "ContestId": 2}, {"Description": "Birch", "Id": 22, "ContestId": 2}]}"#;

    fn mark(candidate: u32, rank: u32, more: &str) -> String {
        format!(
            r#"{{"CandidateId": {candidate}, "Rank": {rank}, "MarkDensity": 90, "IsVote": true{more}}}"#
        )
    }

    fn read(sessions: &str, contest: Option<&str>) -> Result<Parsed, FormatError> {
        let options = Options {
            contest: contest.map(str::to_owned),
            ..Options::default()
        };
        let mut records = Dominion::new(CONTESTS.as_bytes(), CANDIDATES.as_bytes(), &options)?;
        records.add(
            format!(r#"{{"Version": "5.10", "ElectionId": "x", "Sessions": [{sessions}]}}"#)
                .as_bytes(),
        )?;
        records.finish()
    }

    #[test]
    fn marks_that_are_votes_in_records_in_force_are_read() {
        let state = |current: bool, marks: &[String]| {
            format!(
                r#"{{"IsCurrent": {current}, "Cards": [{{"Contests": [{{"Id": 1, "Marks": [{}]}}]}}]}}"#,
                marks.join(",")
            )
        };
        let sessions = [
            format!(
                r#"{{"TabulatorId": 1, "Original": {}}}"#,
                state(true, &[mark(12, 2, ""), mark(11, 1, ""), mark(11, 3, "")])
            ),
            format!(
                r#"{{"Original": {}, "Modified": {}}}"#,
                state(false, &[mark(11, 1, "")]),
                state(
                    true,
                    &[
                        mark(12, 1, ""),
                        mark(13, 1, ""),
                        mark(11, 2, r#", "IsAmbiguous": true"#)
                    ]
                )
            ),
            format!(r#"{{"Original": {}}}"#, state(false, &[mark(11, 1, "")])),
            format!(
                r#"{{"Original": {{"IsCurrent": true, "Contests": [{{"Id": 2, "Marks": [{}]}}]}}}}"#,
                mark(21, 1, "")
            ),
        ];
        let parsed = read(&sessions.join(","), Some("mayor")).unwrap();
        assert_eq!(
            (parsed.file.title.as_str(), parsed.file.candidates.len()),
            ("Mayor", 3)
        );
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
                ranks: vec![vec![1, 2]],
            },
        ];
        assert_eq!(ballots, expected);
        let notes: Vec<_> = parsed.notes.iter().map(|note| note.text.as_str()).collect();
        assert!(
            notes[0].contains("without this contest")
                && notes[1].contains("twice")
                && notes[2].contains("not in force"),
            "{notes:?}"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(
            read("", None)
                .unwrap_err()
                .reason
                .contains("1  Mayor\n  2  Council")
        );
        let other = format!(
            "\n{{\"Original\": {{\"IsCurrent\": true, \"Contests\": [{{\"Id\": 1, \"Marks\": [{}]}}]}}}}",
            mark(21, 1, "")
        );
        let error = read(&other, Some("1")).unwrap_err();
        assert!(
            error.line == 2 && error.reason.contains("record 1: 21 is no candidate"),
            "{error}"
        );
        let mut records = Dominion::new(
            CONTESTS.as_bytes(),
            CANDIDATES.as_bytes(),
            &Options {
                contest: Some("1".into()),
                ..Options::default()
            },
        );
        assert!(
            records
                .as_mut()
                .unwrap()
                .add(b"{\"List\": []}".as_slice())
                .unwrap_err()
                .reason
                .contains("no Sessions")
        );
        assert!(
            Dominion::new(b"[]".as_slice(), CANDIDATES.as_bytes(), &Options::default()).is_err()
        );
    }
}
