//! `export`: an election as an archive, or the ballots of a contest for other programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::json;
use vote_chain::{
    Archive, ArchivedTransaction, Audit, Choices, Contest, ContestTally, ElectionPhase, Payload, PublicKey, Rule,
    Selection, Timestamp, encode, parse,
};
use vote_counting::formats::nist::{self, About, Standing};
use vote_counting::formats::{File, Format, Line};
use vote_counting::{Group, Round, Votes};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{find, output};

/// Endings of the names of NIST's documents.
const RECORDS: &str = ".cvr.json";
const REPORT: &str = ".results.json";

/// Fetches an archive, checks it, and writes it, or what of it the file's name asks for.
pub(super) async fn run(
    context: &Context,
    election: Option<&str>,
    file: &Path,
    contest: Option<usize>,
) -> Result<(), Failure> {
    let shown = file.display();
    if file.exists() {
        return Err(Failure::Other(format!("{shown} exists already and is kept; choose another file")));
    }
    let client = context.client().await?;
    let view = find::election(&client, election).await?;
    let archive = client.archive(view.record.id).await?;
    let audit = archive.verify(None, |_| {});
    let audit = audit.map_err(|fault| Failure::Verification(format!("the node's archive does not hold: {fault}")))?;
    let name = file.to_string_lossy().to_lowercase();
    let cast = audit.tally.turnout.ballots;
    let (bytes, ballots) = if let Some(format) = Format::of(&name) {
        let exported = Exported::new(&archive, &audit, contest)?;
        (format.write(&exported.file).into_bytes(), exported.ballots)
    } else if name.ends_with(RECORDS) {
        let exported = Exported::new(&archive, &audit, contest)?;
        (exported.records(&archive, &audit)?.into_bytes(), exported.ballots)
    } else if name.ends_with(REPORT) {
        (Exported::new(&archive, &audit, contest)?.report(&archive, &audit)?.into_bytes(), cast)
    } else {
        (encode(&archive), cast)
    };
    write(file, &bytes).map_err(|error| Failure::Other(format!("cannot write {shown}: {error}")))?;
    let height = archive.last.height;
    if context.json {
        output::json(&json!({
            "file": file, "bytes": bytes.len(), "election": archive.election, "chain": audit.chain, "cast": cast, "ballots": ballots,
            "height": height,
        }));
        return Ok(());
    }
    let of = if ballots < cast { format!(" of {cast}") } else { String::new() };
    let others = if ballots < cast { "; the others abstain in this contest" } else { "" };
    output::line(format_args!("{shown}: {ballots}{of} ballots{others}; as of block {height}, {} bytes.", bytes.len()));
    if Format::of(&name).is_none() && !name.ends_with(".json") {
        output::line(format_args!(
            "Anybody can check it, without a node: vote-cli verify archive {shown} --chain {}",
            audit.chain
        ));
    }
    Ok(())
}

/// Writes a new file; none is left if that fails.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = std::fs::File::create_new(file)?;
    let written = new.write_all(bytes).and_then(|()| new.sync_all());
    if written.is_err() {
        std::fs::remove_file(file)?;
    }
    written
}

/// The ballots of one contest, as other programs know them.
struct Exported<'a> {
    contest: &'a Contest,
    place: usize,
    file: File,
    /// Ballots in it: those who abstain are left out, and each voter's is one whatever it weighs.
    ballots: u64,
}

impl<'a> Exported<'a> {
    fn new(archive: &Archive, audit: &'a Audit, number: Option<usize>) -> Result<Self, Failure> {
        let contests = &audit.record.election.contests;
        let place = match (number, contests.len()) {
            (None, 1) => 0,
            (Some(number), count) if (1..=count).contains(&number) => number - 1,
            _ => {
                let list: String = (1..)
                    .zip(contests)
                    .map(|(number, contest)| format!("\n  {number}  {}", clean(&contest.title)))
                    .collect();
                return Err(Failure::Usage(format!("say which contest, with --contest:{list}")));
            }
        };
        let contest = &contests[place];
        let (file, ballots) = ballots(archive, audit, contest, place)?;
        Ok(Self { contest, place, file, ballots })
    }

    fn about<'b>(&self, id: &'b str, generated: &'b str, days: (&'b str, &'b str), issuer: &'b str) -> About<'b> {
        let application = concat!("vote-cli ", env!("CARGO_PKG_VERSION"));
        About { id, generated, days, issuer: (issuer, issuer), application, rule: self.contest.rule.name() }
    }

    fn records(&self, archive: &Archive, audit: &Audit) -> Result<String, Failure> {
        self.with_about(archive, audit, |about| nist::cast_vote_records(&self.file, about)).map_err(Failure::other)
    }

    fn report(&self, archive: &Archive, audit: &Audit) -> Result<String, Failure> {
        let counted = &audit.tally.contests[self.place];
        let standing = match audit.phase {
            ElectionPhase::Draft => Standing::NotOpen,
            ElectionPhase::Open => Standing::Open,
            ElectionPhase::Closed => Standing::Over(self.elected(audit, counted)),
            ElectionPhase::Cancelled => {
                return Err(Failure::NotFound(
                    "the election was cancelled and has no result; an archive can be written".into(),
                ));
            }
        };
        let added_up = || vec![added_up(&self.file.candidates, counted)];
        let rounds = counted.outcome.as_ref().map_or_else(added_up, |outcome| outcome.rounds.clone());
        let cast = audit.tally.turnout.ballots;
        Ok(self.with_about(archive, audit, |about| nist::results_report(&self.file, &rounds, cast, &standing, about)))
    }

    /// Who is elected, if the contest has decided that; a tie that the rule leaves one elects nobody.
    fn elected(&self, audit: &Audit, counted: &ContestTally) -> Option<Vec<usize>> {
        let quorum = audit.tally.quorum.is_none_or(|check| check.reached);
        // What is put to a vote by yes or no is refused without its majority.
        let decided = audit.tally.is_decided(counted) || (self.contest.rule == Rule::YesNo && quorum);
        let seats = 1..=usize::from(self.contest.seats);
        let elected = decided && counted.complete && seats.contains(&counted.leaders.len());
        let place = |name: &String| self.file.candidates.iter().position(|candidate| candidate == name);
        elected.then(|| counted.leaders.iter().filter_map(place).collect())
    }

    fn with_about<T>(&self, archive: &Archive, audit: &Audit, write: impl Fn(&About<'_>) -> T) -> T {
        let iso = |time: Timestamp| time.to_string().replacen(' ', "T", 1).replace(" UTC", "Z");
        let (record, id) = (&audit.record, format!("{:.16}", archive.election));
        let (first, last) = (iso(record.opens_at.unwrap_or(record.created_at)), iso(archive.last.time));
        let days = (&first[..10], &last[..10]);
        write(&self.about(&id, &last, days, &archive.genesis.name))
    }
}

/// The one round of a rule that only adds up.
fn added_up(candidates: &[String], counted: &ContestTally) -> Round {
    let counts: BTreeMap<_, _> = counted.lines.iter().map(|line| (&line.choice, line.votes)).collect();
    let votes = candidates.iter().map(|name| Votes::whole(counts.get(name).copied().unwrap_or(0))).collect();
    Round { votes, exhausted: Votes::default(), actions: Vec::new() }
}

/// The ballots of a contest that count, equal ones together, as ranks; a voter with several votes is as many ballots.
fn ballots(archive: &Archive, audit: &Audit, contest: &Contest, place: usize) -> Result<(File, u64), Failure> {
    let mut last: BTreeMap<PublicKey, Selection> = BTreeMap::new();
    for entry in archive.blocks.iter().flat_map(|block| &block.transactions) {
        let ArchivedTransaction::Own(bytes) = entry else { continue };
        let content = parse(bytes).map_err(Failure::other)?.content;
        if let Payload::CastBallot(mut ballot) = content.payload {
            last.insert(content.signer, ballot.selections.swap_remove(place));
        }
    }
    let candidates = match &contest.choices {
        Choices::Listed(choices) => choices.clone(),
        Choices::WriteIn => {
            let mut words: Vec<_> = last.values().filter_map(written).map(str::to_owned).collect();
            words.sort_unstable();
            words.dedup();
            words
        }
    };
    let (mut counts, mut ballots) = (BTreeMap::<Vec<Vec<usize>>, u64>::new(), 0);
    for (voter, selection) in last {
        let Some(ranks) = ranks(&selection, &candidates)? else { continue };
        ballots += 1;
        *counts.entry(ranks).or_default() += audit.weights.get(&voter).copied().map_or(1, u64::from);
    }
    let line = |(ranks, count)| Line { group: Group { count, ranks }, line: 0 };
    let election = &audit.record.election;
    let title = if contest.title.is_empty() { &election.title } else { &contest.title };
    let file = File {
        title: title.clone(),
        candidates,
        seats: usize::from(contest.seats),
        withdrawn: Vec::new(),
        ballots: counts.into_iter().map(line).collect(),
    };
    Ok((file, ballots))
}

fn written(selection: &Selection) -> Option<&str> {
    if let Selection::WriteIn(words) = selection { Some(words) } else { None }
}

/// A selection as ranks: one choice is the first of them, several that are approved share it. Who abstains is no ballot.
fn ranks(selection: &Selection, candidates: &[String]) -> Result<Option<Vec<Vec<usize>>>, Failure> {
    let places = |places: &[u16]| places.iter().map(|place| usize::from(*place)).collect::<Vec<_>>();
    Ok(match selection {
        Selection::Abstain => None,
        Selection::Listed(place) => Some(vec![places(&[*place])]),
        Selection::WriteIn(words) => {
            Some(candidates.iter().position(|name| name == words).map(|at| vec![at]).into_iter().collect())
        }
        Selection::Approved(approved) if approved.is_empty() => Some(Vec::new()),
        Selection::Approved(approved) => Some(vec![places(approved)]),
        Selection::Ranked(ranks) => Some(ranks.iter().map(|rank| places(rank)).collect()),
        Selection::Scored(_) => return Err(Failure::Usage("scores are no rankings; the archive has them".into())),
    })
}
