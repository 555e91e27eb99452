//! Cast vote records of NIST SP 1500-103, version 1.0.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, Seek};
use std::marker::PhantomData;
use std::mem;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::document::{Document, attempt};
use super::{Contest, Records, twice};
use crate::formats::ids::Again;
use crate::formats::table::contest;
use crate::formats::{FormatError, NO_STATUS, Options, Parsed, fault};

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

/// A list that most often has one element, which takes no memory of its own.
struct Few<T> {
    first: Option<T>,
    more: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self {
            first: None,
            more: Vec::new(),
        }
    }
}

impl<T> Few<T> {
    fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.more)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = Few<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T>, A::Error> {
                let first = list.next_element()?;
                let mut more = Vec::new();
                while let Some(element) = list.next_element()? {
                    more.push(element);
                }
                Ok(Few { first, more })
            }
        }

        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "CurrentSnapshotId", borrow)]
    current: Text<'a>,
    #[serde(rename = "CVRSnapshot", borrow)]
    snapshots: Few<Snapshot<'a>>,
    /// Of the ballot's paper: no two records have the same.
    #[serde(rename = "BallotAuditId", borrow)]
    audit_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(rename = "@id", borrow)]
    id: Text<'a>,
    #[serde(rename = "CVRContest", default, borrow)]
    contests: Few<MarkedContest<'a>>,
    #[serde(rename = "Status", default)]
    status: Status,
    #[serde(rename = "OtherStatus", borrow)]
    other_status: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct MarkedContest<'a> {
    #[serde(rename = "ContestId", borrow)]
    id: Text<'a>,
    #[serde(rename = "CVRContestSelection", default, borrow)]
    selections: Vec<MarkedSelection<'a>>,
    #[serde(rename = "Status", default)]
    status: Status,
    #[serde(rename = "OtherStatus", borrow)]
    other_status: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MarkedSelection<'a> {
    #[serde(borrow)]
    contest_selection_id: Option<Text<'a>>,
    rank: Option<u32>,
    total_number_votes: Option<u32>,
    total_fractional_votes: Option<f64>,
    #[serde(default)]
    status: Status,
    #[serde(borrow)]
    other_status: Option<Text<'a>>,
    #[serde(default, borrow)]
    selection_position: Few<Position<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Position<'a> {
    has_indication: Said,
    is_allocable: Option<Said>,
    rank: Option<u32>,
    number_votes: Option<u32>,
    fractional_votes: Option<f64>,
    #[serde(default)]
    status: Status,
    #[serde(borrow)]
    other_status: Option<Text<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Said {
    Yes,
    No,
    Unknown,
}

/// What is said of a contest, a selection or a mark besides.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(from = "Vec<StatusWord>")]
struct Status {
    /// It does not count by the rules of the contest.
    is_invalidated: bool,
    /// Somebody has yet to decide.
    is_undecided: bool,
    /// Of a mark: people have found that it is no vote.
    is_adjudicated: bool,
    /// It is in words of the file's own, of which the format does not know what they mean.
    is_other: bool,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StatusWord {
    InvalidatedRules,
    NeedsAdjudication,
    Adjudicated,
    Other,
    /// Overvoted, undervoted and the like, which the marks say too.
    #[serde(other)]
    Unread,
}

impl From<Vec<StatusWord>> for Status {
    fn from(words: Vec<StatusWord>) -> Self {
        Self {
            is_invalidated: words.contains(&StatusWord::InvalidatedRules),
            is_undecided: words.contains(&StatusWord::NeedsAdjudication),
            is_adjudicated: words.contains(&StatusWord::Adjudicated),
            is_other: words.contains(&StatusWord::Other),
        }
    }
}

/// Whether what has a status in words of the file's own counts.
fn is_asked_for(
    status: Status,
    words: Option<&Text<'_>>,
    of: &str,
    number: usize,
    options: &Options,
) -> Result<bool, String> {
    if !status.is_other {
        return Ok(true);
    }
    let words = words.map_or("other", |words| &*words.0);
    if options.statuses.is_empty() {
        return Err(format!(
            "record {number} has a {of} with the status {words:?}, of which the format does not say whether it counts: \
             --status {NO_STATUS} counts those without a status alone, and --status {words:?} besides these too"
        ));
    }
    let same = |asked: &String| asked.to_lowercase() == words.to_lowercase();
    Ok(options.statuses.iter().any(same))
}

impl Position<'_> {
    /// Whether the mark is a vote, as far as the record says: `IsAllocable` alone does, if it is
    /// there, and else what is said of mark and selection.
    fn counts(&self, selection: Status) -> bool {
        let is_allocable = match self.is_allocable {
            Some(said) => said != Said::No,
            None => {
                let status = self.status;
                !status.is_invalidated && !status.is_adjudicated && !selection.is_invalidated
            }
        };
        self.has_indication == Said::Yes && is_allocable
    }

    fn is_undecided(&self, selection: Status) -> bool {
        match self.is_allocable {
            Some(said) => said == Said::Unknown,
            None => selection.is_undecided,
        }
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
        Some(mut records) => {
            let ids = mem::take(&mut records.ids);
            if let Some(Again { lines, times }) = ids.again().filter(|_| !options.repeated_ids) {
                let (first, second) = lines;
                let reason = format!(
                    "record {second} has the BallotAuditId of record {first}, and each ballot has its own; it is so {times} times: \
                     delete those that do not count, or say --repeated-ids if each does"
                );
                return Err(fault(1, reason));
            }
            records.finish()
        }
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
                        let (options, records) =
                            (self.options, self.records.insert(Records::new(contest)));
                        document.elements(|text| {
                            attempt(text, |record| take(records, &record, options))
                        })
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

/// Whether what has no status in words of the file's own counts.
fn counts_without(options: &Options) -> bool {
    options.statuses.is_empty() || options.statuses.iter().any(|asked| asked == NO_STATUS)
}

fn take(
    records: &mut Records<String>,
    record: &Record<'_>,
    options: &Options,
) -> Result<(), String> {
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
    for contest in current.contests.iter() {
        if contest.id.0 != records.contest.id {
            continue;
        }
        if has_contest {
            return Err(twice(records));
        }
        has_contest = true;
        let of_record = is_asked_for(
            current.status,
            current.other_status.as_ref(),
            "CVRSnapshot",
            number,
            options,
        )?;
        let of_contest = is_asked_for(
            contest.status,
            contest.other_status.as_ref(),
            "CVRContest",
            number,
            options,
        )?;
        let is_without = !current.status.is_other && !contest.status.is_other;
        if !of_record || !of_contest || (is_without && !counts_without(options)) {
            records.leave_out();
            return Ok(());
        }
        records.undecided += u64::from(current.status.is_undecided);
        if contest.status.is_invalidated {
            records.invalidated += 1;
            continue;
        }
        for selection in &contest.selections {
            take_selection(records, selection, options)?;
        }
    }
    if let Some(id) = record.audit_id.as_ref().filter(|_| has_contest) {
        records.ids.see(number, &id.0);
    }
    records.end(has_contest)
}

/// Takes the marks of a selection: one for each rank at which it is marked.
fn take_selection(
    records: &mut Records<String>,
    selection: &MarkedSelection<'_>,
    options: &Options,
) -> Result<(), String> {
    let number = records.records + 1;
    let several = || {
        format!(
            "record {number} has a mark that is not one vote (NumberVotes, FractionalVotes), or several of one rank: \
             such votes are not counted here"
        )
    };
    let is_one = |votes: Option<u32>, part: Option<f64>| {
        votes.is_none_or(|votes| votes <= 1)
            && part.is_none_or(|part| (part - 1.0).abs() <= f64::EPSILON)
    };
    let before = records.marks.len();
    for position in selection.selection_position.iter() {
        if !position.counts(selection.status) {
            records.unclear += u64::from(position.has_indication == Said::Unknown);
            records.adjudicated +=
                u64::from(position.is_allocable.is_none() && position.status.is_adjudicated);
            continue;
        }
        if position.is_allocable.is_none() {
            let asked_for = |status, words: &Option<Text<'_>>| {
                is_asked_for(status, words.as_ref(), "mark", number, options)
            };
            if !asked_for(position.status, &position.other_status)?
                || !asked_for(selection.status, &selection.other_status)?
            {
                records.left_out += 1;
                continue;
            }
        }
        if !is_one(position.number_votes, position.fractional_votes) {
            return Err(several());
        }
        records.no_votes += u64::from(position.number_votes == Some(0));
        records.undecided += u64::from(position.is_undecided(selection.status));
        let rank = match (position.rank, selection.rank) {
            (Some(one), Some(other)) if one != other => {
                return Err(format!(
                    "record {number} has a selection of Rank {other} with a mark of Rank {one}"
                ));
            }
            (one, other) => one.or(other),
        };
        let id = selection.contest_selection_id.as_ref();
        let id =
            id.ok_or_else(|| format!("record {number} has a mark for nobody who is listed"))?;
        let is_new = records.mark(rank.unwrap_or(0).into(), &*id.0)?;
        if !is_new {
            return Err(several());
        }
    }
    // A total goes over all ranks of a candidate, each of which has a mark.
    let marks = records.marks.len() - before;
    let total = selection
        .total_number_votes
        .filter(|total| *total as usize > marks);
    if marks > 0 && !is_one(total, selection.total_fractional_votes) {
        return Err(several());
    }
    Ok(())
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
    fn candidate_marked_at_two_ranks_counts_at_the_first_whichever_mark_is_first() {
        let good = format!("{{{ELECTION},\n{RECORDS}}}");
        let one = r#""SelectionPosition": [{"HasIndication": "yes", "Rank": 1, "IsAllocable": "unknown"}]"#;
        for (first, second) in [(1, 3), (3, 1)] {
            let two = format!(
                r#""SelectionPosition": [{{"HasIndication": "no", "Rank": 9}}, {{"HasIndication": "yes", "Rank": {first}}}, {{"HasIndication": "yes", "Rank": {second}}}]"#
            );
            let parsed = read(&good.replace(one, &two), Some("1")).unwrap();
            assert_eq!(
                parsed.file.ballots.at(0).group().ranks,
                [vec![0], vec![1]],
                "{two}"
            );
            let notes: Vec<_> = parsed.notes.iter().map(|note| &note.text).collect();
            assert!(
                notes.iter().any(|note| note.contains("on a ballot twice")),
                "{notes:?}"
            );
        }
    }

    #[test]
    fn marks_that_contradict_or_are_several_votes_are_refused() {
        let good = format!("{{{ELECTION},\n{RECORDS}}}");
        let one = r#""ContestSelectionId": "s2", "Rank": 2, "SelectionPosition": [{"HasIndication": "yes", "NumberVotes": 1}]"#;
        let marks = |selection: &str, marks: &str| {
            let new = format!(
                r#""ContestSelectionId": "s2", {selection} "SelectionPosition": [{marks}]"#
            );
            let text = good.replace(one, &new);
            assert_ne!(text, good);
            read(&text, Some("1"))
        };
        let yes = r#"{"HasIndication": "yes"}"#;
        let second = r#"{"HasIndication": "yes", "Rank": 2}"#;
        for (selection, positions, reason) in [
            (
                r#""Rank": 2,"#,
                format!("{yes}, {yes}"),
                "several of one rank",
            ),
            ("", format!("{second}, {second}"), "several of one rank"),
            (
                r#""Rank": 2, "TotalNumberVotes": 3,"#,
                yes.to_owned(),
                "not one vote",
            ),
            (
                r#""Rank": 2, "TotalFractionalVotes": 0.5,"#,
                yes.to_owned(),
                "not one vote",
            ),
            (
                r#""Rank": 3,"#,
                second.to_owned(),
                "a selection of Rank 3 with a mark of Rank 2",
            ),
            (r#""Rank": 0,"#, yes.to_owned(), "without one, or 0"),
        ] {
            let refused = marks(selection, &positions).unwrap_err();
            assert!(refused.reason.contains(reason), "{refused}");
        }
        assert!(marks(r#""Rank": 2, "TotalNumberVotes": 1,"#, yes).is_ok());
        let contest = r#"{"ContestId": "k", "CVRContestSelection": ["#;
        let twice = good.replace(contest, &format!(r#"{{"ContestId": "k"}}, {contest}"#));
        let refused = read(&twice, Some("1")).unwrap_err();
        assert!(refused.reason.contains("the contest twice"), "{refused}");
    }

    #[test]
    fn what_the_status_of_a_mark_says_is_read() {
        let good = format!("{{{ELECTION},\n{RECORDS}}}");
        let mark = r#""SelectionPosition": [{"HasIndication": "yes", "NumberVotes": 1}]"#;
        let read = |new: &str| read(&good.replace(mark, new), Some("1")).unwrap();
        for (new, is_vote, undecided) in [
            (mark, true, 1),
            (
                r#""SelectionPosition": [{"HasIndication": "yes", "Status": ["invalidated-rules"]}]"#,
                false,
                1,
            ),
            (
                r#""Status": ["invalidated-rules"], "SelectionPosition": [{"HasIndication": "yes"}]"#,
                false,
                1,
            ),
            (
                r#""Status": ["invalidated-rules"], "SelectionPosition": [{"HasIndication": "yes", "IsAllocable": "yes"}]"#,
                true,
                1,
            ),
            (
                r#""Status": ["needs-adjudication"], "SelectionPosition": [{"HasIndication": "yes"}]"#,
                true,
                2,
            ),
        ] {
            let parsed = read(new);
            let ranks = parsed.file.ballots.at(0).group().ranks;
            assert_eq!(ranks.len(), 1 + usize::from(is_vote), "{new}");
            // The first candidate's mark has IsAllocable unknown.
            let said = format!(
                "wait for a decision (IsAllocable unknown, needs-adjudication) are read as votes; there are {undecided}"
            );
            assert!(
                parsed.notes.iter().any(|note| note.text.contains(&said)),
                "{new}: {:?}",
                parsed.notes
            );
        }
    }

    #[test]
    fn record_that_needs_adjudication_counts_and_is_told_of() {
        let contest = r#""CVRContest": [{"ContestId": "k", "CVR"#;
        let waits = format!(r#""Status": ["needs-adjudication"], {contest}"#);
        let text = format!("{{{ELECTION},\n{RECORDS}}}").replace(contest, &waits);
        let parsed = read(&text, Some("1")).unwrap();
        assert_eq!(parsed.file.ballots.total(), 2);
        // One of its marks waits too.
        let said = "needs-adjudication) are read as votes; there are 2";
        assert!(
            parsed.notes.iter().any(|note| note.text.contains(said)),
            "{:?}",
            parsed.notes
        );
    }

    #[test]
    fn mark_that_people_have_found_to_be_none_is_no_vote() {
        let good = format!("{{{ELECTION},\n{RECORDS}}}");
        let mark = r#""HasIndication": "yes", "NumberVotes": 1"#;
        for (more, is_vote) in [
            (r#", "Status": ["generated-rules"]"#, true),
            (r#", "Status": ["adjudicated"]"#, false),
            (r#", "Status": ["adjudicated"], "IsAllocable": "yes""#, true),
        ] {
            let parsed = read(&good.replace(mark, &format!("{mark}{more}")), Some("1")).unwrap();
            let ranks = parsed.file.ballots.at(0).group().ranks;
            assert_eq!(ranks.len(), 1 + usize::from(is_vote), "{more}");
            let said = "marks with the status adjudicated are no votes; there are 1";
            assert_eq!(
                parsed.notes.iter().any(|note| note.text == said),
                !is_vote,
                "{more}: {:?}",
                parsed.notes
            );
        }
    }

    #[test]
    fn records_with_a_status_of_their_own_count_if_it_is_asked_for() {
        let good = format!("{{{ELECTION},\n{RECORDS}}}");
        let void = r#""Status": ["other"], "OtherStatus": "Void""#;
        let first = r#"{"@id": "b", "CVRContest": [{"ContestId": "k", "CVRContestSelection": ["#;
        let mark = r#""HasIndication": "yes", "NumberVotes": 1"#;
        let read = |text: &str, statuses: &[&str]| {
            let options = Options {
                contest: Some("1".into()),
                statuses: statuses.iter().map(|word| (*word).to_owned()).collect(),
                ..Options::default()
            };
            read_cast_vote_records(Cursor::new(text), &options)
        };
        for (from, of, is_whole) in [
            (
                "\"CVRContest\": [{\"ContestId\": \"k\", \"CVR",
                "CVRSnapshot",
                true,
            ),
            ("\"ContestId\": \"k\", \"CVR", "CVRContest", true),
            (mark, "mark", false),
            ("\"ContestSelectionId\": \"s2\"", "mark", false),
        ] {
            assert!(first.contains(from) || !is_whole);
            let text = good.replacen(from, &format!("{void}, {from}"), 1);
            let refused = read(&text, &[]).unwrap_err();
            let said = format!("record 1 has a {of} with the status \"Void\"");
            assert!(
                refused.line > 4 && refused.reason.contains(&said),
                "{from}: {refused}"
            );
            let ballots = |statuses: &[&str]| {
                let file = read(&text, statuses).unwrap().file;
                let named = file.ballots.iter().map(|packed| packed.ranks.named()).sum();
                (file.ballots.total(), named)
            };
            assert_eq!(ballots(&["none", "VOID"]), (2, 2), "{from}");
            let without = if is_whole { (1, 0) } else { (2, 1) };
            assert_eq!(ballots(&["none"]), without, "{from}");
            let notes = read(&text, &["none"]).unwrap().notes;
            assert!(
                notes.iter().any(|note| note.text.contains("--status")),
                "{notes:?}"
            );
        }
        assert_eq!(read(&good, &["void"]).unwrap().file.ballots.total(), 0);
    }

    #[test]
    fn ballot_whose_paper_was_read_before_is_refused_unless_each_counts() {
        let good = format!("{{{ELECTION},\n{RECORDS}}}");
        let ids = |third: &str| {
            let mut ids = ["A-1", "A-1", third].into_iter();
            let mut with = |record: &str| {
                let id = ids
                    .next()
                    .map(|id| format!("\"BallotAuditId\": \"{id}\", "));
                format!("{}{record}", id.unwrap_or_default())
            };
            let records = good.split("\"CurrentSnapshotId\"");
            let mut text = records.clone().next().unwrap().to_owned();
            text.extend(
                records
                    .skip(1)
                    .map(|rest| with(&format!("\"CurrentSnapshotId\"{rest}"))),
            );
            text
        };
        // The second record does not have the contest: it is another sheet.
        assert!(read(&ids("A-2"), Some("1")).is_ok());
        let refused = read(&ids("a-1"), Some("1")).unwrap_err();
        assert!(
            refused
                .reason
                .contains("record 3 has the BallotAuditId of record 1"),
            "{refused}"
        );
        let options = Options {
            contest: Some("1".into()),
            repeated_ids: true,
            ..Options::default()
        };
        let parsed = read_cast_vote_records(Cursor::new(ids("a-1")), &options).unwrap();
        assert_eq!(parsed.file.ballots.total(), 2);
    }

    #[test]
    fn marks_that_may_be_none_are_told_of() {
        let good = format!("{{{ELECTION},\n{RECORDS}}}");
        let unclear = good.replace(
            r#""HasIndication": "yes", "NumberVotes": 1"#,
            r#""HasIndication": "unknown", "NumberVotes": 1"#,
        );
        let parsed = read(&unclear, Some("1")).unwrap();
        assert_eq!(parsed.file.ballots.at(0).group().ranks, [[0]]);
        let notes = &parsed.notes;
        assert!(
            notes.iter().any(|note| note
                .text
                .contains("(HasIndication unknown) are not read; there are 1")),
            "{notes:?}"
        );
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
