//! `export`: an election as an archive, or the ballots of a contest for other programs.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use vote_chain::{
    Archive, ArchivedTransaction, Audit, Choices, Contest, ContestTally, ElectionPhase, Payload,
    PublicKey, Selection, Timestamp, encode, parse,
};
use vote_counting::formats::nist::{self, About, Standing};
use vote_counting::formats::{File, Format, Options, write_scores};
use vote_counting::{Group, Outcome, PackedBallots, Round, Votes};
use vote_views as views;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{ask, files, find, output, result};

/// Endings of the names of NIST's documents.
const RECORDS: &str = ".cvr.json";
const REPORT: &str = ".results.json";

/// Fetches an archive, checks it, and writes it, or what of it the file's name asks for.
pub(super) async fn run(
    context: &Context,
    election: Option<&str>,
    file: &Path,
    contest: Option<usize>,
    yes: bool,
) -> Result<(), Failure> {
    let shown = file.display();
    if file.exists() {
        return Err(Failure::Other(format!(
            "{shown} exists already and is kept; choose another file"
        )));
    }
    let client = context.client().await?;
    let election = find::election(&client, election).await?;
    let chain = client.genesis().await?.chain();
    let archive = client.archive(election.record.id).await?;
    let audit = archive.verify(Some(&chain), |_| {});
    let audit = audit.map_err(|fault| {
        Failure::Verification(format!("the node's archive does not hold: {fault}"))
    })?;
    let name = file.to_string_lossy().to_lowercase();
    let (format, ballots) = (Format::of(&name), audit.tally.turnout.ballots);
    let is_archive = format.is_none() && !name.ends_with(RECORDS) && !name.ends_with(REPORT);
    if audit.record.election.withholds_count(audit.phase) {
        check_withheld(&audit, is_archive, yes)?;
    }
    let exported = if is_archive {
        None
    } else {
        Some(Exported::new(&archive, &audit, contest, format)?)
    };
    let bytes = match (&exported, format) {
        (None, _) => encode(&archive),
        (Some(exported), Some(format)) => exported.write(format).into_bytes(),
        (Some(exported), None) if name.ends_with(RECORDS) => {
            exported.records(&archive, &audit)?.into_bytes()
        }
        (Some(exported), None) => exported.report(&archive, &audit)?.into_bytes(),
    };
    let changed = match (&exported, format) {
        (Some(exported), Some(format)) => exported.changed(format, &bytes),
        _ => Vec::new(),
    };
    let extent = exported.map(|exported| exported.extent(&audit, format));
    files::write_new(file, &bytes, files::PUBLIC)?;
    let height = archive.last.height;
    if context.json {
        output::json(&views::Exported {
            file: shown.to_string(),
            bytes: bytes.len(),
            election: archive.election.into(),
            chain: audit.chain.into(),
            ballots,
            height: height.get(),
            extent: extent.map(
                |Extent {
                     written,
                     abstentions,
                     empty,
                 }| views::Extent {
                    votes_written: written,
                    left_out: views::LeftOut { abstentions, empty },
                    changed,
                },
            ),
        });
        return Ok(());
    }
    let what = extent
        .as_ref()
        .map_or_else(|| format!("{ballots} ballots"), Extent::to_string);
    output::line(format_args!(
        "{shown}: {what}, as of block {height}, {} bytes.",
        bytes.len()
    ));
    changed
        .iter()
        .for_each(|change| output::line(format_args!("Note: {}", clean(change))));
    if extent.is_none() {
        output::line(format_args!(
            "Anybody can check it, without a node: vote-cli verify archive {shown} --chain {}",
            audit.chain
        ));
    }
    Ok(())
}

/// While the count is withheld there are no files of ballots, and an archive, which takes them to
/// be checked, only for who wants that.
fn check_withheld(audit: &Audit, is_archive: bool, yes: bool) -> Result<(), Failure> {
    let ballots = audit.tally.turnout.ballots;
    if !is_archive {
        return Err(Failure::NotFound(result::withheld(audit.phase).into()));
    }
    if yes || ballots == 0 {
        return Ok(());
    }
    let what = format!(
        "An archive holds all {ballots} ballots: whoever has the file can count them, and the rules of this vote show the count only once \
         it has closed."
    );
    ask::confirm(
        &format!("{what} Write it?"),
        &format!("{what} Say --yes if it is to be written"),
    )
}

/// How many votes of a contest are in a file, and how many it has no place for.
struct Extent {
    written: u64,
    abstentions: u64,
    empty: u64,
}

impl std::fmt::Display for Extent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            written,
            abstentions,
            empty,
        } = self;
        write!(f, "{written} of {} votes", written + abstentions + empty)?;
        let left_out = [(abstentions, "abstaining"), (empty, "choosing nobody")];
        let left_out: Vec<_> = left_out.iter().filter(|(votes, _)| **votes > 0).collect();
        let left_out: Vec<_> = left_out
            .iter()
            .map(|(votes, what)| format!("{votes} {what}"))
            .collect();
        if left_out.is_empty() {
            Ok(())
        } else {
            write!(f, " (left out: {})", left_out.join(", "))
        }
    }
}

/// The ballots of one contest, as other programs know them.
struct Exported<'a> {
    contest: &'a Contest,
    place: usize,
    file: File,
    /// If it is counted by scores: how many votes give these to the candidates.
    scores: Option<BTreeMap<Vec<u8>, u64>>,
}

impl<'a> Exported<'a> {
    fn new(
        archive: &Archive,
        audit: &'a Audit,
        number: Option<usize>,
        format: Option<Format>,
    ) -> Result<Self, Failure> {
        let contests = &audit.record.election.contests;
        let place = match (number, contests.len()) {
            (None, 1) => 0,
            (Some(number), count) if (1..=count).contains(&number) => number - 1,
            _ => {
                let list: String = (1..)
                    .zip(contests)
                    .map(|(number, contest)| format!("\n  {number}  {}", clean(&contest.title)))
                    .collect();
                return Err(Failure::Usage(format!(
                    "say which contest, with --contest:{list}"
                )));
            }
        };
        let contest = &contests[place];
        let scored = contest.rule.has_numbers();
        if scored && format != Some(Format::Csv) {
            return Err(Failure::Usage(
                "scores are no rankings: write them to a .csv file; the archive has them too"
                    .into(),
            ));
        }
        let last = last_selections(archive, place)?;
        let scores = scored.then(|| scores(audit, &last));
        let file = ballots(audit, contest, last)?;
        Ok(Self {
            contest,
            place,
            file,
            scores,
        })
    }

    fn write(&self, format: Format) -> String {
        match &self.scores {
            None => format.write(&self.file),
            Some(scores) => {
                let ballots = scores
                    .iter()
                    .map(|(scores, votes)| (*votes, scores.as_slice()));
                write_scores(&self.file.candidates, ballots)
            }
        }
    }

    /// What whoever reads the file finds otherwise than it is on the ledger: names that the format
    /// cannot hold as they are.
    fn changed(&self, format: Format, bytes: &[u8]) -> Vec<String> {
        let options = Options {
            scores: self.scores.is_some(),
            ..Options::default()
        };
        let read = match format.read(Cursor::new(bytes), &options) {
            Ok(read) => read.file,
            Err(error) => return vec![format!("the file cannot be read again: {error}")],
        };
        let names = self.file.candidates.iter().zip(&read.candidates);
        let changed = names.filter(|(ours, theirs)| ours != theirs);
        changed
            .map(|(ours, theirs)| {
                format!("{ours:?} is {theirs:?} in the file, as the format has it")
            })
            .collect()
    }

    fn extent(&self, audit: &Audit, format: Option<Format>) -> Extent {
        let nobody = self
            .file
            .ballots
            .iter()
            .filter(|packed| packed.ranks.named() == 0);
        // The one format that has no such ballots.
        let has_none = matches!(format, Some(Format::PrefLib(_)));
        let empty = if has_none {
            nobody.map(|packed| packed.count).sum()
        } else {
            0
        };
        let written = self.file.ballots.total() - empty;
        Extent {
            written,
            abstentions: audit.tally.contests[self.place].abstentions,
            empty,
        }
    }

    fn about<'b>(
        &self,
        id: &'b str,
        generated: &'b str,
        days: (&'b str, &'b str),
        issuer: &'b str,
    ) -> About<'b> {
        let application = concat!("vote-cli ", env!("CARGO_PKG_VERSION"));
        About {
            id,
            generated,
            days,
            issuer: (issuer, issuer),
            application,
            rule: self.contest.rule,
        }
    }

    fn records(&self, archive: &Archive, audit: &Audit) -> Result<String, Failure> {
        self.with_about(archive, audit, |about| {
            nist::cast_vote_records(&self.file, about)
        })
        .map_err(Failure::other)
    }

    fn report(&self, archive: &Archive, audit: &Audit) -> Result<String, Failure> {
        let counted = &audit.tally.contests[self.place];
        if !counted.complete {
            let reason =
                "it takes too long to count so many different ballots; the archive has them";
            return Err(Failure::Other(reason.into()));
        }
        let outcome = counted
            .outcome
            .clone()
            .unwrap_or_else(|| added_up(&self.file.candidates, counted));
        let place = |name: &String| {
            self.file
                .candidates
                .iter()
                .position(|candidate| candidate == name)
        };
        let leaders: Vec<_> = counted.leaders.iter().filter_map(place).collect();
        let decided = audit.tally.is_decided(counted)
            && (1..=usize::from(self.contest.seats)).contains(&leaders.len());
        let standing = match audit.phase {
            ElectionPhase::Draft => Standing::Before,
            ElectionPhase::Open | ElectionPhase::Cancelled => Standing::Partial,
            ElectionPhase::Closed if decided => Standing::Elected(&leaders),
            ElectionPhase::Closed => Standing::Undecided,
        };
        Ok(self.with_about(archive, audit, |about| {
            nist::results_report(&self.file, &outcome, standing, about)
        }))
    }

    fn with_about<T>(
        &self,
        archive: &Archive,
        audit: &Audit,
        write: impl Fn(&About<'_>) -> T,
    ) -> T {
        let iso = |time: Timestamp| time.to_string().replacen(' ', "T", 1).replace(" UTC", "Z");
        let (record, id) = (&audit.record, format!("{:.16}", archive.election));
        let (first, last) = (
            iso(record.opens_at.unwrap_or(record.created_at)),
            iso(archive.last.time),
        );
        let days = (&first[..10], &last[..10]);
        write(&self.about(&id, &last, days, &archive.genesis.name))
    }
}

/// The outcome of a rule that only adds up, without its winners.
fn added_up(candidates: &[String], counted: &ContestTally) -> Outcome {
    let votes = |name: &String| {
        counted
            .lines
            .iter()
            .find(|line| line.choice == *name)
            .map_or(0, |line| line.votes)
    };
    let votes = candidates
        .iter()
        .map(|name| Votes::whole(votes(name)))
        .collect();
    Outcome {
        rounds: vec![Round {
            votes,
            exhausted: Votes::default(),
            actions: Vec::new(),
        }],
        ..Outcome::default()
    }
}

/// What the ballots that count say to a contest, by voter.
fn last_selections(
    archive: &Archive,
    place: usize,
) -> Result<BTreeMap<PublicKey, Selection>, Failure> {
    let mut last = BTreeMap::new();
    for entry in archive.blocks.iter().flat_map(|block| &block.transactions) {
        let ArchivedTransaction::Own(bytes) = entry else {
            continue;
        };
        let content = parse(bytes).map_err(Failure::other)?.content;
        if let Payload::CastBallot(mut ballot) = content.payload {
            last.insert(content.signer, ballot.selections.swap_remove(place));
        }
    }
    Ok(last)
}

fn votes_of(audit: &Audit, voter: &PublicKey) -> u64 {
    audit.weights.get(voter).copied().map_or(1, u64::from)
}

fn scores(audit: &Audit, last: &BTreeMap<PublicKey, Selection>) -> BTreeMap<Vec<u8>, u64> {
    let mut counts = BTreeMap::new();
    for (voter, selection) in last {
        if let Selection::Scored(scores) = selection {
            *counts.entry(scores.clone()).or_default() += votes_of(audit, voter);
        }
    }
    counts
}

/// Ballots as ranks, equal ones together; a voter with several votes is as many ballots.
fn ballots(
    audit: &Audit,
    contest: &Contest,
    last: BTreeMap<PublicKey, Selection>,
) -> Result<File, Failure> {
    let candidates = match &contest.choices {
        Choices::Listed(choices) => choices.clone(),
        Choices::WriteIn => {
            let mut words: Vec<_> = last
                .values()
                .filter_map(written)
                .map(str::to_owned)
                .collect();
            words.sort_unstable();
            words.dedup();
            words
        }
    };
    let mut counts = BTreeMap::<Vec<Vec<usize>>, u64>::new();
    for (voter, selection) in last {
        let Some(ranks) = ranks(&selection, &candidates) else {
            continue;
        };
        *counts.entry(ranks).or_default() += votes_of(audit, &voter);
    }
    let line = |(ranks, count)| (0, Group { count, ranks });
    let too_many = || {
        Failure::Other(
            "the contest has more different write-ins than a file can hold; the archive has them"
                .into(),
        )
    };
    let packed = PackedBallots::pack(counts.into_iter().map(line)).ok_or_else(too_many)?;
    let election = &audit.record.election;
    let title = if contest.title.is_empty() {
        &election.title
    } else {
        &contest.title
    };
    Ok(File {
        title: title.clone(),
        candidates,
        seats: usize::from(contest.seats),
        withdrawn: Vec::new(),
        ballots: packed,
    })
}

fn written(selection: &Selection) -> Option<&str> {
    if let Selection::WriteIn(words) = selection {
        Some(words)
    } else {
        None
    }
}

/// A selection as ranks: one choice is the first of them, several that are approved share it. Who
/// abstains is no ballot.
fn ranks(selection: &Selection, candidates: &[String]) -> Option<Vec<Vec<usize>>> {
    let places = |places: &[u16]| {
        places
            .iter()
            .map(|place| usize::from(*place))
            .collect::<Vec<_>>()
    };
    Some(match selection {
        Selection::Abstain => return None,
        Selection::Listed(place) => vec![places(&[*place])],
        Selection::WriteIn(words) => candidates
            .iter()
            .position(|name| name == words)
            .map(|at| vec![at])
            .into_iter()
            .collect(),
        Selection::Approved(approved) if approved.is_empty() => Vec::new(),
        Selection::Approved(approved) => vec![places(approved)],
        Selection::Ranked(ranks) => ranks.iter().map(places).collect(),
        Selection::Scored(scores) => {
            let mut ranks = BTreeMap::<_, Vec<_>>::new();
            for (place, score) in scores.iter().enumerate().filter(|(_, score)| **score > 0) {
                ranks.entry(Reverse(score)).or_default().push(place);
            }
            ranks.into_values().collect()
        }
    })
}
