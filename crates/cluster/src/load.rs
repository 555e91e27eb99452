//! `cluster load`: the ballots of a real election.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use vote_api::{Answer, Request};
use vote_chain::{Choice, ElectionId, Tally};
use vote_cluster::blt::{self, Group, Profile};
use vote_cluster::{Caster, Cluster, Options, credential};

use crate::{LoadArgs, election};

struct Outcome {
    cast: usize,
    finals: usize,
    refused: usize,
    seconds: f64,
    tallies: Vec<(String, Tally, String)>,
}

pub(crate) async fn run(args: LoadArgs) -> Result<bool> {
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let profile = blt::parse(&text).with_context(|| format!("{} is no BLT file", args.file.display()))?;
    let mut cluster = Cluster::start(Options { validators: args.nodes.into(), ..Options::default() }).await?;
    let outcome = tokio::select! {
        outcome = cast(&cluster, &profile) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    cluster.stop().await?;
    let outcome = outcome?;
    let agree = outcome.tallies.windows(2).all(|pair| (&pair[0].1, &pair[0].2) == (&pair[1].1, &pair[1].2));
    if args.json {
        print_json(&args, &profile, &outcome, agree);
    } else {
        print_text(&args, &profile, &outcome, agree);
    }
    Ok(agree && outcome.finals == outcome.cast)
}

/// One transaction for each ballot with a single first choice, each by a credential of its own.
fn sign(profile: &Profile, cluster: &Cluster, election: ElectionId) -> Vec<Vec<u8>> {
    let choices =
        profile.ballots.iter().flat_map(|group| std::iter::repeat_n(group.first_choice(), group.count)).flatten();
    let ballot = |(number, place): (usize, usize)| {
        let choice = Choice::Listed(u16::try_from(place).unwrap_or(u16::MAX));
        Caster::ballot(cluster.chain, election, &credential(1, number), choice)
    };
    choices.enumerate().map(ballot).collect()
}

async fn cast(cluster: &Cluster, profile: &Profile) -> Result<Outcome> {
    let title = if profile.title.is_empty() { "Ballots from a file" } else { &profile.title };
    let election =
        election::create(&cluster.client(0).await?, cluster.chain, title, profile.candidates.clone()).await?;
    let mut clients = Vec::new();
    for at in cluster.running() {
        clients.push(cluster.client(at).await?);
    }
    cluster.agreed(Duration::from_secs(30)).await?;
    let ballots = sign(profile, cluster, election);
    let count = ballots.len();
    let caster = Caster::new(clients.clone());
    let start = Instant::now();
    caster.cast_all(ballots).await?;
    let seconds = start.elapsed().as_secs_f64();
    let statuses = cluster.agreed(Duration::from_secs(60)).await?;
    let mut tallies = Vec::new();
    for (client, status) in clients.iter().zip(statuses) {
        if let Answer::Election(view) = client.call(Request::Election(election)).await? {
            tallies.push((status.node, view.tally, status.state_root.to_string()));
        }
    }
    let load = |counter: &std::sync::atomic::AtomicUsize| counter.load(std::sync::atomic::Ordering::Relaxed);
    let (finals, refused) = (load(&caster.progress.finals), load(&caster.progress.refused));
    Ok(Outcome { cast: count, finals, refused, seconds, tallies })
}

/// Ballots that cannot be cast under this rule: their line, how many, and why.
fn not_castable(profile: &Profile) -> Vec<(usize, usize, &'static str)> {
    let why = |group: &Group| if group.ranks.is_empty() { "ranks nobody" } else { "ranks several first" };
    let none = profile.ballots.iter().filter(|group| group.first_choice().is_none());
    none.map(|group| (group.line, group.count, why(group))).collect()
}

fn print_json(args: &LoadArgs, profile: &Profile, outcome: &Outcome, agree: bool) {
    let all: usize = profile.ballots.iter().map(|group| group.count).sum();
    let tally = outcome.tallies.first().map(|(_, tally, _)| tally);
    let counts: BTreeMap<_, _> =
        tally.iter().flat_map(|tally| &tally.lines).map(|line| (line.choice.clone(), line.ballots)).collect();
    let lines = not_castable(profile)
        .into_iter()
        .map(|(line, count, why)| json!({ "line": line, "ballots": count, "reason": why }));
    let report = json!({
        "file": args.file,
        "ballots": all,
        "cast": outcome.cast,
        "final": outcome.finals,
        "refused": outcome.refused,
        "not_castable": lines.collect::<Vec<_>>(),
        "seconds": round(outcome.seconds),
        "ballots_per_second": round(per_second(outcome)),
        "rule": args.rule,
        "winners": tally.map(Tally::leaders).unwrap_or_default(),
        "counts": counts,
        "rounds": [counts],
        "state_roots": outcome.tallies.iter().map(|(_, _, root)| root).collect::<Vec<_>>(),
        "agree": agree,
    });
    println!("{report}");
}

fn per_second(outcome: &Outcome) -> f64 {
    f64::from(u32::try_from(outcome.finals).unwrap_or(u32::MAX)) / outcome.seconds.max(0.001)
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn print_text(args: &LoadArgs, profile: &Profile, outcome: &Outcome, agree: bool) {
    println!("{} ({}), counted by {}", profile.title, args.file.display(), args.rule);
    for (line, count, why) in not_castable(profile) {
        println!("  line {line}, {count} ballot(s): {why}; cannot be cast under this rule, and not counted");
    }
    println!(
        "  {} ballots cast, {} final, {} refused, in {:.2} s: {:.0} a second",
        outcome.cast,
        outcome.finals,
        outcome.refused,
        outcome.seconds,
        per_second(outcome)
    );
    if let Some((_, tally, _)) = outcome.tallies.first() {
        let width = tally.lines.iter().map(|line| line.choice.chars().count()).max().unwrap_or(0);
        tally.lines.iter().for_each(|line| println!("  {:<width$}  {:>7}", line.choice, line.ballots));
        println!("  winner: {}", tally.leaders().join(", "));
    }
    for (node, tally, root) in &outcome.tallies {
        println!("  {node} counts {} ballots, state root {root:.16}", tally.ballots());
    }
    println!("  {}", if agree { "all nodes agree" } else { "THE NODES DO NOT AGREE" });
}
