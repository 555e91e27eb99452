//! Documents of the NIST common data formats, as JSON: cast vote records (SP 1500-103, version 1.0)
//! and election results (SP 1500-100, version 2.0).
//!
//! Here they are written; `records` reads the first. Time, names of the makers and the id of the
//! election are the caller's to give.

use serde_json::{Value, json};

use super::File;
use crate::outcome::{Outcome, Votes};
use crate::profile::Group;
use crate::rule::Rule;

/// What the documents say that ballots and counts do not.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The election; letters, digits, hyphens. The ids in a document begin with it.
    pub id: &'a str,
    /// When the document is made, as `2026-11-25T04:17:09Z`.
    pub generated: &'a str,
    /// The days of the election, first and last, as `2026-11-25`.
    pub days: (&'a str, &'a str),
    /// Who gives the document out, and an abbreviation of that.
    pub issuer: (&'a str, &'a str),
    /// The program that makes it, with its version.
    pub application: &'a str,
    /// The rule of counting.
    pub rule: Rule,
}

/// How far an election is, and what it has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It has not opened.
    Before,
    /// It takes ballots, or was called off before it had them all.
    Partial,
    /// It is over, and nobody is elected: a quorum or a majority was not reached, or there is a
    /// tie.
    Undecided,
    /// It is over, and these are elected, by place.
    Elected(&'a [usize]),
}

impl Standing<'_> {
    /// In the words of the format. Results are never *certified* here: that is for an authority to
    /// say.
    const fn status(self) -> &'static str {
        match self {
            Self::Before => "pre-election",
            Self::Partial => "unofficial-partial",
            Self::Undecided | Self::Elected(_) => "unofficial-complete",
        }
    }
}

impl About<'_> {
    fn part(&self, what: &str) -> String {
        format!("election-{}-{what}", self.id)
    }

    fn candidate(&self, place: usize) -> String {
        self.part(&format!("candidate-{}", place + 1))
    }

    fn selection(&self, place: usize) -> String {
        self.part(&format!("selection-{}", place + 1))
    }

    /// Sets the rule of a contest, in the words that both formats have for it.
    fn set_variation(&self, contest: &mut Value) {
        let known = match self.rule {
            Rule::Irv | Rule::Stv | Rule::Meek => "rcv",
            Rule::Score => "range",
            Rule::Limited => "n-of-m",
            Rule::Plurality | Rule::Approval | Rule::Borda | Rule::Cumulative => self.rule.name(),
            _ => {
                contest["OtherVoteVariation"] = self.rule.name().into();
                "other"
            }
        };
        contest["VoteVariation"] = known.into();
    }
}

/// More ballots than a document of cast vote records is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ballots} ballots: no more than {BALLOTS_MAX} are written one by one")]
pub struct TooManyBallots {
    /// How many there are.
    pub ballots: u64,
}

/// Ballots in a document: each is a record of its own, of some hundreds of bytes.
const BALLOTS_MAX: u64 = 1 << 20;

/// Cast vote records: one for each ballot, in the order of the file, each with the ranks (from 1;
/// equal candidates have the same) as they were cast.
///
/// # Errors
/// [`TooManyBallots`] beyond 2^20.
pub fn cast_vote_records(file: &File, about: &About<'_>) -> Result<String, TooManyBallots> {
    let ballots = file.ballots.total();
    if ballots > BALLOTS_MAX {
        return Err(TooManyBallots { ballots });
    }
    let mut records = Vec::new();
    for line in file.ballots.iter() {
        let Group { count, ranks } = line.group();
        for _ in 0..count {
            records.push(record(records.len() + 1, &ranks, about).to_string());
        }
    }
    let report = records_header(file, about).to_string();
    let open = report
        .strip_suffix('}')
        .expect("an object ends with a brace");
    Ok(format!("{open},\"CVR\":[{}]}}", records.join(",")))
}

fn records_header(file: &File, about: &About<'_>) -> Value {
    let (device, unit) = (about.part("device"), about.part("unit"));
    let candidate = |(place, name)| json!({ "@type": "CVR.Candidate", "@id": about.candidate(place), "Name": name });
    let selection = |place| {
        let (id, candidate) = (about.selection(place), about.candidate(place));
        json!({ "@type": "CVR.CandidateSelection", "@id": id, "CandidateIds": [candidate] })
    };
    let mut contest = json!({
        "@type": "CVR.CandidateContest",
        "@id": about.part("contest"),
        "Name": file.title,
        "NumberElected": file.seats,
        "VotesAllowed": file.candidates.len(),
        "ContestSelection": (0..file.candidates.len()).map(selection).collect::<Vec<_>>(),
    });
    about.set_variation(&mut contest);
    json!({
        "@type": "CVR.CastVoteRecordReport",
        "Version": "1.0.0",
        "GeneratedDate": about.generated,
        "ReportType": ["aggregated"],
        "ReportGeneratingDeviceIds": [device],
        "ReportingDevice": [{ "@type": "CVR.ReportingDevice", "@id": device, "Application": about.application, "Manufacturer": about.issuer.0 }],
        "GpUnit": [{ "@type": "CVR.GpUnit", "@id": unit, "Type": "other", "OtherType": "electorate" }],
        "Election": [{
            "@type": "CVR.Election",
            "@id": about.part("itself"),
            "Name": file.title,
            "ElectionScopeId": unit,
            "Candidate": file.candidates.iter().enumerate().map(candidate).collect::<Vec<_>>(),
            "Contest": [contest],
        }],
    })
}

fn record(number: usize, ranks: &[Vec<usize>], about: &About<'_>) -> Value {
    let selection = |rank: usize, place: usize| {
        json!({
            "@type": "CVR.CVRContestSelection",
            "ContestSelectionId": about.selection(place),
            "Rank": rank,
            "SelectionPosition": [{ "@type": "CVR.SelectionPosition", "HasIndication": "yes", "NumberVotes": 1 }],
        })
    };
    let ranked = (1..)
        .zip(ranks)
        .flat_map(|(rank, places)| places.iter().map(move |place| selection(rank, *place)));
    let snapshot = about.part(&format!("snapshot-{number}"));
    let contest = json!({
        "@type": "CVR.CVRContest",
        "ContestId": about.part("contest"),
        "CVRContestSelection": ranked.collect::<Vec<_>>(),
    });
    json!({
        "@type": "CVR.CVR",
        "ElectionId": about.part("itself"),
        "UniqueId": number.to_string(),
        "CurrentSnapshotId": snapshot,
        "CVRSnapshot": [{ "@type": "CVR.CVRSnapshot", "@id": snapshot, "Type": "original", "CVRContest": [contest] }],
    })
}

/// Election results: the votes of each candidate, round by round where there are several, and who
/// is elected, if the election has come to that. `outcome` is that of the candidates of `file`,
/// none withdrawn; its winners are not looked at. Votes that count for nobody any more have no
/// place in the format, nor have pairwise preferences.
pub fn results_report(
    file: &File,
    outcome: &Outcome,
    standing: Standing<'_>,
    about: &About<'_>,
) -> String {
    let unit = about.part("unit");
    let candidate = |(place, name): (usize, &String)| {
        let mut candidate = json!({ "@type": "ElectionResults.Candidate", "@id": about.candidate(place), "BallotName": text(name) });
        if let Standing::Elected(elected) = standing {
            candidate["PostElectionStatus"] = if elected.contains(&place) {
                "winner"
            } else {
                "defeated"
            }
            .into();
        }
        candidate
    };
    let selection = |place| {
        json!({
            "@type": "ElectionResults.CandidateSelection",
            "@id": about.selection(place),
            "CandidateIds": [about.candidate(place)],
            "VoteCounts": vote_counts(outcome, place, &unit),
        })
    };
    let mut contest = json!({
        "@type": "ElectionResults.CandidateContest",
        "@id": about.part("contest"),
        "Name": file.title,
        "ElectionDistrictId": unit,
        "NumberElected": file.seats,
        "VotesAllowed": file.candidates.len(),
        "ContestSelection": (0..file.candidates.len()).map(selection).collect::<Vec<_>>(),
    });
    about.set_variation(&mut contest);
    let election = json!({
        "@type": "ElectionResults.Election",
        "Name": text(&file.title),
        "StartDate": about.days.0,
        "EndDate": about.days.1,
        "Type": "other",
        "OtherType": "election on a voting network",
        "ElectionScopeId": unit,
        "Candidate": file.candidates.iter().enumerate().map(candidate).collect::<Vec<_>>(),
        "BallotCounts": [{ "@type": "ElectionResults.BallotCounts", "GpUnitId": unit, "Type": "total", "BallotsCast": file.ballots.total() }],
        "Contest": [contest],
    });
    let report = json!({
        "@type": "ElectionResults.ElectionReport",
        "Format": "summary-contest",
        "GeneratedDate": about.generated,
        "Issuer": about.issuer.0,
        "IssuerAbbreviation": about.issuer.1,
        "SequenceStart": 1,
        "SequenceEnd": 1,
        "Status": standing.status(),
        "VendorApplicationId": about.application,
        "GpUnit": [{ "@type": "ElectionResults.ReportingUnit", "@id": unit, "Type": "other", "OtherType": "electorate" }],
        "Election": [election],
    });
    report.to_string()
}

/// A name; nobody says in which language.
fn text(content: &str) -> Value {
    let string =
        json!({ "@type": "ElectionResults.LanguageString", "Content": content, "Language": "und" });
    json!({ "@type": "ElectionResults.InternationalizedText", "Text": [string] })
}

fn vote_counts(outcome: &Outcome, place: usize, unit: &str) -> Vec<Value> {
    let votes = outcome
        .rounds
        .iter()
        .map(|round| round.votes.get(place).copied().unwrap_or_default());
    let counts = (1..).zip(votes).map(|(round, votes)| {
        let mut counts = json!({
            "@type": "ElectionResults.VoteCounts",
            "GpUnitId": unit,
            "Type": "total",
            "Count": decimal(votes),
        });
        if outcome.rounds.len() > 1 {
            counts["Round"] = round.into();
        }
        counts
    });
    counts.collect()
}

/// A JSON number, with what is no whole vote after the point. Shown only, never counted with: exact
/// below 2^53 hundred-thousandths.
fn decimal(votes: Votes) -> Value {
    if votes.0.is_multiple_of(Votes::ONE) {
        (votes.0 / Votes::ONE).into()
    } else {
        (votes.0 as f64 / Votes::ONE as f64).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Format;
    use crate::stv::scottish_stv;
    use crate::{Budget, Packed, PackedBallots, Seed, Terms};

    const ABOUT: About<'_> = About {
        id: "a1",
        generated: "2026-11-25T04:17:09Z",
        days: ("2026-11-01", "2026-11-24"),
        issuer: ("The club", "TC"),
        application: "vote-cli 0.1.0",
        rule: Rule::Stv,
    };

    /// The members of the objects used, by the official JSON schemas, which allow no others: those
    /// required, then those used besides.
    const MEMBERS: &[(&str, &str, &str)] = &[
        (
            "CVR.CastVoteRecordReport",
            "Election GeneratedDate GpUnit ReportGeneratingDeviceIds ReportingDevice Version",
            "CVR ReportType",
        ),
        ("CVR.ReportingDevice", "@id", "Application Manufacturer"),
        ("CVR.GpUnit", "@id Type", "OtherType"),
        (
            "CVR.Election",
            "@id Contest ElectionScopeId",
            "Candidate Name",
        ),
        ("CVR.Candidate", "@id", "Name"),
        (
            "CVR.CandidateContest",
            "@id ContestSelection",
            "Name NumberElected VotesAllowed VoteVariation OtherVoteVariation",
        ),
        ("CVR.CandidateSelection", "@id", "CandidateIds"),
        (
            "CVR.CVR",
            "CVRSnapshot CurrentSnapshotId ElectionId",
            "UniqueId",
        ),
        ("CVR.CVRSnapshot", "@id Type", "CVRContest"),
        ("CVR.CVRContest", "ContestId", "CVRContestSelection"),
        (
            "CVR.CVRContestSelection",
            "SelectionPosition",
            "ContestSelectionId Rank",
        ),
        ("CVR.SelectionPosition", "HasIndication NumberVotes", ""),
        (
            "ElectionResults.ElectionReport",
            "Format GeneratedDate Issuer IssuerAbbreviation SequenceEnd SequenceStart Status VendorApplicationId",
            "Election GpUnit",
        ),
        ("ElectionResults.ReportingUnit", "@id Type", "OtherType"),
        (
            "ElectionResults.Election",
            "ElectionScopeId EndDate Name StartDate Type",
            "OtherType Candidate BallotCounts Contest",
        ),
        (
            "ElectionResults.Candidate",
            "@id BallotName",
            "PostElectionStatus",
        ),
        (
            "ElectionResults.BallotCounts",
            "GpUnitId Type",
            "BallotsCast",
        ),
        (
            "ElectionResults.CandidateContest",
            "@id ElectionDistrictId Name VotesAllowed",
            "NumberElected VoteVariation OtherVoteVariation ContestSelection",
        ),
        (
            "ElectionResults.CandidateSelection",
            "@id",
            "CandidateIds VoteCounts",
        ),
        ("ElectionResults.VoteCounts", "Count GpUnitId Type", "Round"),
        ("ElectionResults.InternationalizedText", "Text", ""),
        ("ElectionResults.LanguageString", "Content Language", ""),
    ];

    fn objects<'a>(value: &'a Value, into: &mut Vec<&'a serde_json::Map<String, Value>>) {
        match value {
            Value::Object(object) => {
                into.push(object);
                object.values().for_each(|value| objects(value, into));
            }
            Value::Array(values) => values.iter().for_each(|value| objects(value, into)),
            _ => {}
        }
    }

    /// Every object has what its type requires and nothing that it does not know, and what it
    /// refers to is there once.
    fn check(document: &str) -> Value {
        let value: Value = serde_json::from_str(document).unwrap();
        let mut all = Vec::new();
        objects(&value, &mut all);
        let ids: Vec<_> = all.iter().filter_map(|object| object.get("@id")).collect();
        for object in &all {
            let of = object["@type"].as_str().unwrap();
            let (_, required, others) = MEMBERS.iter().find(|(name, ..)| *name == of).unwrap();
            required.split(' ').for_each(|member| {
                assert!(object.contains_key(member), "{of}: {member} is missing")
            });
            for (member, value) in object.iter().filter(|(member, _)| *member != "@type") {
                assert!(
                    required
                        .split(' ')
                        .chain(others.split(' '))
                        .any(|known| known == member),
                    "{of}: {member}"
                );
                let list = match value {
                    Value::Array(list) => list.as_slice(),
                    one => std::slice::from_ref(one),
                };
                if (member.ends_with("Id") || member.ends_with("Ids"))
                    && !["VendorApplicationId", "UniqueId"].contains(&member.as_str())
                {
                    let known = |id| ids.iter().filter(|known| **known == id).count() == 1;
                    assert!(list.iter().all(known), "{of}: {member} {value}");
                }
            }
        }
        value
    }

    fn file() -> File {
        let text = "3 2\n2 1=3 2 0\n1 2 0\n1 0\n4 3 1 0\n0\n\"Ada \\\"\"\"\n\"Bob\"\n\"Eve\"\n\"A title\"\n";
        Format::Blt.parse(text).unwrap()
    }

    #[test]
    fn each_ballot_is_a_record_with_its_ranks() {
        let report = check(&cast_vote_records(&file(), &ABOUT).unwrap());
        let records = report["CVR"].as_array().unwrap();
        assert_eq!(records.len(), 8);
        let ranked = |record: &Value| -> Vec<(String, u64)> {
            let selections = record["CVRSnapshot"][0]["CVRContest"][0]["CVRContestSelection"]
                .as_array()
                .unwrap()
                .iter();
            let pair = |one: &Value| {
                (
                    one["ContestSelectionId"].as_str().unwrap().into(),
                    one["Rank"].as_u64().unwrap(),
                )
            };
            selections.map(pair).collect()
        };
        let selection = |number: u8, rank| (format!("election-a1-selection-{number}"), rank);
        assert_eq!(
            ranked(&records[1]),
            [selection(1, 1), selection(3, 1), selection(2, 2)]
        );
        assert_eq!(ranked(&records[3]), []);
        assert_eq!(ranked(&records[7]), [selection(3, 1), selection(1, 2)]);
        assert_eq!(report["Election"][0]["Candidate"][0]["Name"], "Ada \\\"");
    }

    #[test]
    fn results_have_each_round_and_say_who_is_elected() {
        let file = file();
        let outcome = scottish_stv(
            &file.profile(),
            &Terms::new(2, Seed([0; 32])),
            &mut Budget::unlimited(),
        )
        .unwrap();
        let report = check(&results_report(
            &file,
            &outcome,
            Standing::Elected(&outcome.winners),
            &ABOUT,
        ));
        assert_eq!(report["Status"], "unofficial-complete");
        let election = &report["Election"][0];
        let statuses: Vec<_> = (0..3)
            .map(|place| &election["Candidate"][place]["PostElectionStatus"])
            .collect();
        assert_eq!(statuses, ["winner", "defeated", "winner"]);
        assert_eq!(election["BallotCounts"][0]["BallotsCast"], 8);
        let eve = election["Contest"][0]["ContestSelection"][2]["VoteCounts"]
            .as_array()
            .unwrap();
        assert_eq!(eve.len(), outcome.rounds.len());
        assert_eq!((&eve[0]["Round"], &eve[0]["Count"]), (&json!(1), &json!(4)));
        assert_eq!(decimal(Votes(1_250_001)).to_string(), "12.50001");
    }

    #[test]
    fn nobody_is_elected_before_the_end_nor_if_nothing_is_decided() {
        let file = file();
        let outcome = scottish_stv(
            &file.profile(),
            &Terms::new(2, Seed([0; 32])),
            &mut Budget::unlimited(),
        )
        .unwrap();
        for (standing, status) in [
            (Standing::Before, "pre-election"),
            (Standing::Partial, "unofficial-partial"),
            (Standing::Undecided, "unofficial-complete"),
        ] {
            let text = results_report(&file, &outcome, standing, &ABOUT);
            assert_eq!(check(&text)["Status"], status);
            assert!(!text.contains("PostElectionStatus"), "{text}");
        }
    }

    #[test]
    fn rules_have_the_words_of_the_format() {
        let outcome = scottish_stv(
            &file().profile(),
            &Terms::new(1, Seed([0; 32])),
            &mut Budget::unlimited(),
        )
        .unwrap();
        let words = [
            (Rule::Meek, "rcv"),
            (Rule::Score, "range"),
            (Rule::Borda, "borda"),
            (Rule::Schulze, "other"),
        ];
        for (rule, word) in words {
            let about = About { rule, ..ABOUT };
            let standing = Standing::Elected(&outcome.winners);
            for report in [
                results_report(&file(), &outcome, standing, &about),
                cast_vote_records(&file(), &about).unwrap(),
            ] {
                let contest = &check(&report)["Election"][0]["Contest"][0];
                assert_eq!(contest["VoteVariation"], word);
                assert_eq!(contest.get("OtherVoteVariation").is_some(), word == "other");
            }
        }
    }

    #[test]
    fn more_ballots_than_can_be_written_one_by_one_are_refused() {
        let mut file = file();
        let many = |packed: Packed<'_>| {
            let count = if packed.line == 2 {
                BALLOTS_MAX
            } else {
                packed.count
            };
            (
                packed.line,
                Group {
                    count,
                    ..packed.group()
                },
            )
        };
        file.ballots = PackedBallots::pack(file.ballots.iter().map(many)).unwrap();
        assert_eq!(
            cast_vote_records(&file, &ABOUT),
            Err(TooManyBallots {
                ballots: BALLOTS_MAX + 6
            })
        );
    }
}
