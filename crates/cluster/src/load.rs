//! `cluster load`: the ballots of a real election.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use vote_api::Client;
use vote_chain::{
    BallotKind, Contest, ContestTally, ElectionId, Ranks, Round, Rule, Selection, Tally, Votes,
    encode,
};
use vote_cluster::{Caster, Cluster, Options, credential};
use vote_counting::Packed;
use vote_counting::formats::{self, File, Format};
use vote_views::{self as views, Amount, NotCastable};

use crate::election::Roll;
use crate::{LoadArgs, election, output};

/// Very different ballots take a node minutes to count.
const COUNT_PATIENCE: Duration = Duration::from_secs(900);

struct Outcome {
    cast: usize,
    finals: usize,
    refused: usize,
    seconds: f64,
    roll_seconds: f64,
    tallies: Vec<(String, Tally, String)>,
}

pub(crate) async fn run(args: LoadArgs) -> Result<bool> {
    let format = Format::of(&args.file.to_string_lossy())
        .context("the file's name must end in .blt, .soc, .soi, .toc or .toi")?;
    let source = std::fs::File::open(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let parsed = format.read(BufReader::new(source), &formats::Options::default());
    let parsed = parsed.with_context(|| format!("{} cannot be read", args.file.display()))?;
    parsed
        .notes
        .iter()
        .for_each(|note| eprintln!("note: {note}"));
    let file = parsed.file.without_withdrawn();
    let mut cluster = Cluster::start(Options {
        validators: args.nodes.into(),
        ..Options::default()
    })
    .await?;
    let outcome = tokio::select! {
        outcome = cast(&cluster, &args, &file) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    cluster.stop().await?;
    let outcome = outcome?;
    let agree = outcome
        .tallies
        .windows(2)
        .all(|pair| (&pair[0].1, &pair[0].2) == (&pair[1].1, &pair[1].2));
    output::lines(if args.json {
        views::line(&view(&args, &file, &outcome, agree))
    } else {
        text(&args, &file, &outcome, agree)
    })?;
    Ok(agree && outcome.finals == outcome.cast)
}

/// What a line's ballots say under a rule; or why they cannot be cast.
fn choice(rule: Rule, ballot: &Packed<'_>) -> Result<Selection, &'static str> {
    let place = |place: usize| u16::try_from(place).unwrap_or(u16::MAX);
    let named = ballot.ranks.iter().filter(|rank| !rank.is_empty());
    let ranks: Vec<_> = named
        .map(|rank| rank.iter().map(place).collect::<Vec<_>>())
        .collect();
    match (rule.ballots(), ranks.as_slice()) {
        (_, []) => Err("ranks nobody"),
        _ if rule == Rule::YesNo => Err("is a ranking"),
        (BallotKind::One, [first, ..]) if first.len() == 1 => Ok(Selection::Listed(first[0])),
        (BallotKind::One, _) => Err("ranks several first"),
        (BallotKind::Scores | BallotKind::Points, _) => Err("is a ranking"),
        (BallotKind::Several, _) => {
            let mut all = ranks.concat();
            all.sort_unstable();
            Ok(Selection::Approved(all))
        }
        (BallotKind::Ranks, _) => Ranks::new(&ranks)
            .map(Selection::Ranked)
            .ok_or("ranks too many alike"),
    }
}

/// How many ballots can be cast.
fn castable(rule: Rule, file: &File) -> usize {
    let counts = file
        .ballots
        .iter()
        .filter(|line| choice(rule, line).is_ok())
        .map(|ballot| ballot.count);
    usize::try_from(counts.sum::<u64>()).unwrap_or(usize::MAX)
}

/// One transaction for each ballot that can be cast, each by a credential of its own.
fn sign(rule: Rule, file: &File, cluster: &Cluster, election: ElectionId) -> Vec<Vec<u8>> {
    let one = |ballot: Packed<'_>| {
        choice(rule, &ballot)
            .ok()
            .map(|choice| (choice, ballot.count))
    };
    let choices = file.ballots.iter().filter_map(one);
    let each = choices.flat_map(|(choice, count)| {
        std::iter::repeat_n(choice, usize::try_from(count).unwrap_or(0))
    });
    let ballot =
        |(number, choice)| Caster::ballot(cluster.chain, election, &credential(1, number), choice);
    each.enumerate().map(ballot).collect()
}

async fn cast(cluster: &Cluster, args: &LoadArgs, file: &File) -> Result<Outcome> {
    let title = if file.title.is_empty() {
        "Ballots from a file"
    } else {
        &file.title
    };
    let of_file = if args.rule.fills_one_seat() {
        1
    } else {
        u16::try_from(file.seats)?
    };
    let contest = Contest::listed(
        file.candidates.clone(),
        args.rule,
        args.seats.unwrap_or(of_file),
    );
    let voters = castable(args.rule, file);
    let roll = match args.roll {
        true => Roll::Voters(
            (0..voters)
                .map(|number| credential(1, number).public())
                .collect(),
        ),
        false => Roll::Anyone,
    };
    let made = Instant::now();
    let election = election::create(cluster, title, contest, roll).await?;
    let roll_seconds = made.elapsed().as_secs_f64();
    let mut clients = Vec::new();
    for at in cluster.running() {
        clients.push(cluster.client(at).await?);
    }
    cluster.agreed(Duration::from_secs(30)).await?;
    let ballots = sign(args.rule, file, cluster, election);
    let count = ballots.len();
    let caster = Caster::new(clients.clone());
    let start = Instant::now();
    caster.cast_all(ballots).await?;
    let seconds = start.elapsed().as_secs_f64();
    let statuses = cluster.agreed(Duration::from_secs(60)).await?;
    let mut tallies = Vec::new();
    for (client, status) in clients.iter().zip(statuses) {
        let tally = tokio::time::timeout(COUNT_PATIENCE, counted(client, election)).await;
        let tally = tally.with_context(|| format!("{} has not counted in time", status.node))??;
        tallies.push((status.node, tally, status.state_root.to_string()));
    }
    if let Some(file) = &args.export {
        std::fs::write(file, encode(&clients[0].archive(election).await?))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let load = |counter: &std::sync::atomic::AtomicUsize| {
        counter.load(std::sync::atomic::Ordering::Relaxed)
    };
    let (finals, refused) = (
        load(&caster.progress.finals),
        load(&caster.progress.refused),
    );
    Ok(Outcome {
        cast: count,
        finals,
        refused,
        seconds,
        roll_seconds,
        tallies,
    })
}

/// The count, however long it takes the node.
async fn counted(client: &Client, election: ElectionId) -> Result<Tally> {
    let mut changes = client.watch_election(election).await?;
    while let Some(election) = changes.next().await? {
        if election
            .tally
            .contests
            .iter()
            .all(|contest| contest.complete)
        {
            return Ok(election.tally.clone());
        }
    }
    bail!("the node shows no whole count")
}

/// Ballots that cannot be cast under this rule: their line, how many, and why.
fn not_castable(args: &LoadArgs, file: &File) -> Vec<NotCastable> {
    let why = |ballot: Packed<'_>| {
        let reason = choice(args.rule, &ballot).err()?;
        Some(NotCastable {
            line: ballot.line,
            ballots: ballot.count,
            reason,
        })
    };
    file.ballots.iter().filter_map(why).collect()
}

/// The votes of a round, by name.
fn by_name(file: &File, round: &Round) -> BTreeMap<String, Amount> {
    let number = |votes: &Votes| {
        let text = votes.to_string();
        text.parse().map_or_else(
            |_| Amount::Parts(text.parse().unwrap_or_default()),
            Amount::Whole,
        )
    };
    file.candidates
        .iter()
        .cloned()
        .zip(round.votes.iter().map(number))
        .collect()
}

fn view(args: &LoadArgs, file: &File, outcome: &Outcome, agree: bool) -> views::Load {
    let tally = outcome
        .tallies
        .first()
        .and_then(|(_, tally, _)| tally.contests.first());
    let lines = tally.iter().flat_map(|tally| &tally.lines);
    let how = outcome_of(tally);
    views::Load {
        file: args.file.display().to_string(),
        ballots: file.ballots.total(),
        cast: outcome.cast,
        finals: outcome.finals,
        refused: outcome.refused,
        not_castable: not_castable(args, file),
        voters_on_roll: args.roll.then_some(outcome.cast),
        roll_seconds: args.roll.then(|| round(outcome.roll_seconds)),
        seconds: round(outcome.seconds),
        ballots_per_second: round(per_second(outcome)),
        rule: args.rule.name(),
        winners: tally.map_or_else(Vec::new, |tally| tally.leaders.clone()),
        winner_seats: tally.map_or_else(Vec::new, |tally| tally.leader_seats.clone()),
        counts: lines
            .map(|line| (line.choice.clone(), line.votes))
            .collect(),
        rounds: how
            .iter()
            .flat_map(|how| &how.rounds)
            .map(|round| by_name(file, round))
            .collect(),
        pairwise: how.and_then(|how| how.pairwise.clone()),
        quota: how.and_then(|how| how.quota).map(|quota| quota.to_string()),
        ties: how.map_or(0, |how| {
            how.ties.iter().filter(|tie| !tie.drawn.is_empty()).count()
        }),
        state_roots: outcome
            .tallies
            .iter()
            .map(|(_, _, root)| root.clone())
            .collect(),
        agree,
    }
}

fn outcome_of(tally: Option<&ContestTally>) -> Option<&vote_chain::Outcome> {
    tally?.outcome.as_ref()
}

fn per_second(outcome: &Outcome) -> f64 {
    f64::from(u32::try_from(outcome.finals).unwrap_or(u32::MAX)) / outcome.seconds.max(0.001)
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn text(args: &LoadArgs, file: &File, outcome: &Outcome, agree: bool) -> String {
    let mut lines = vec![format!(
        "{} ({}), counted by {}",
        file.title,
        args.file.display(),
        args.rule.name()
    )];
    for NotCastable {
        line,
        ballots,
        reason,
    } in not_castable(args, file)
    {
        lines.push(format!(
            "  line {line}, {ballots} ballot(s): {reason}; cannot be cast under this rule, and not counted"
        ));
    }
    lines.push(format!(
        "  {} ballots cast, {} final, {} refused, in {:.2} s: {:.0} a second",
        outcome.cast,
        outcome.finals,
        outcome.refused,
        outcome.seconds,
        per_second(outcome)
    ));
    if args.roll {
        lines.push(format!(
            "  {} voters put on the roll in {:.2} s",
            outcome.cast, outcome.roll_seconds
        ));
    }
    if let Some(tally) = outcome
        .tallies
        .first()
        .and_then(|(_, tally, _)| tally.contests.first())
    {
        let width = tally
            .lines
            .iter()
            .map(|line| line.choice.chars().count())
            .max()
            .unwrap_or(0);
        lines.extend(
            tally
                .lines
                .iter()
                .map(|line| format!("  {:<width$}  {:>7}", line.choice, line.votes)),
        );
        for (at, round) in outcome_of(Some(tally))
            .iter()
            .flat_map(|outcome| &outcome.rounds)
            .enumerate()
        {
            let votes = file
                .candidates
                .iter()
                .zip(&round.votes)
                .filter(|(_, votes)| votes.0 > 0);
            let votes: Vec<_> = votes
                .map(|(name, votes)| format!("{name} {votes}"))
                .collect();
            lines.push(format!(
                "  round {}: {}; for nobody {}",
                at + 1,
                votes.join(", "),
                round.exhausted
            ));
        }
        let elected = views::elected(&tally.leaders, &tally.leader_seats);
        lines.push(format!("  elected: {}", elected.join(", ")));
    }
    for (node, tally, root) in &outcome.tallies {
        lines.push(format!(
            "  {node} counts {} ballots, state root {root:.16}",
            tally.turnout.ballots
        ));
    }
    lines.push(format!(
        "  {}",
        if agree {
            "all nodes agree"
        } else {
            "THE NODES DO NOT AGREE"
        }
    ));
    lines.join("\n")
}
