//! `cluster bench`: an idle network, then a steady trickle, then as much as it takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::MissedTickBehavior;
use vote_api::Client;
use vote_chain::{Contest, ElectionId, Rule, Selection};
use vote_cluster::{Caster, Cluster, Options, credential, measure};
use vote_views::{AfterElections, Bench, Growth, Idle, Latency, Throughput};

use crate::election::Roll;
use crate::{BenchArgs, election, output};

const IDLE: Duration = Duration::from_secs(10);
const TRICKLE_SECONDS: usize = 10;
/// So long a ballot may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run(args: BenchArgs) -> Result<bool> {
    let mut cluster = Cluster::start(Options {
        validators: args.nodes.into(),
        ..Options::default()
    })
    .await?;
    let report = tokio::select! {
        report = measure_all(&mut cluster, &args) => report,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    cluster.stop().await?;
    let report = report?;
    output::report(&report, args.json)?;
    Ok(report.throughput.finals == report.throughput.ballots)
}

async fn measure_all(cluster: &mut Cluster, args: &BenchArgs) -> Result<Bench> {
    let election = election::create(cluster, "Benchmark", yes_or_no(), Roll::Anyone).await?;
    let mut clients = Vec::new();
    for at in cluster.running() {
        clients.push(cluster.client(at).await?);
    }
    cluster.agreed(Duration::from_secs(30)).await?;
    let idle = idle(cluster).await;
    let latency = latency(cluster, &clients, election, args.rate, 2).await?;
    let disk_before = disk(cluster);
    let throughput = throughput(cluster, &clients, election, 0, args.ballots).await?;
    let mut cast = args.ballots;
    let mut after_elections = None;
    if args.elections > 0 {
        let start = Instant::now();
        election::create_finished(cluster, yes_or_no(), args.elections).await?;
        let seconds = round(start.elapsed().as_secs_f64());
        let again = self::throughput(cluster, &clients, election, cast, args.ballots).await?;
        cast += args.ballots;
        let cpu_ratio = round(again.cpu_us_per_ballot / throughput.cpu_us_per_ballot);
        after_elections = Some(AfterElections {
            elections: args.elections,
            seconds,
            throughput: again,
            cpu_ratio,
        });
    }
    let mut growth = None;
    if args.growth > cast {
        let rss_before = largest(&throughput.rss_mib);
        let since = cast;
        let mut last = throughput.clone();
        while cast < args.growth {
            last = self::throughput(
                cluster,
                &clients,
                election,
                cast,
                args.ballots.min(args.growth - cast),
            )
            .await?;
            cast += last.ballots;
        }
        let disk = disk(cluster).saturating_sub(disk_before);
        let bytes = (largest(&last.rss_mib) - rss_before) * 1_048_576.0;
        growth = Some(Growth {
            ballots: cast,
            rate_ratio: round(last.final_per_second / throughput.final_per_second),
            memory_bytes_per_ballot: round(bytes / number(cast - since)),
            disk_bytes_per_ballot: round(
                number(usize::try_from(disk)?) / number(cast) / f64::from(args.nodes),
            ),
            throughput: last,
            restart_seconds: restart(cluster).await?,
        });
    }
    Ok(Bench {
        nodes: args.nodes,
        rate: args.rate,
        latency_ms: latency,
        idle,
        throughput,
        after_elections,
        growth,
    })
}

fn yes_or_no() -> Contest {
    Contest::listed(vec!["Yes".to_owned(), "No".to_owned()], Rule::Plurality, 1)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// A count as a number to reckon with; exact up to 2^53.
#[allow(
    clippy::cast_precision_loss,
    reason = "no count of a measurement is so large"
)]
const fn number(count: usize) -> f64 {
    count as f64
}

/// Bytes of all nodes' files.
fn disk(cluster: &Cluster) -> u64 {
    cluster
        .nodes
        .iter()
        .map(|node| measure::disk_bytes(&node.data_dir))
        .sum()
}

/// Kills the last node and starts it again; gives the seconds from the start to its first answer.
async fn restart(cluster: &mut Cluster) -> Result<f64> {
    let last = cluster.nodes.len() - 1;
    cluster.kill_node(last).await?;
    let start = Instant::now();
    cluster.start_node(last).await?;
    cluster.status(last).await?;
    Ok(round(start.elapsed().as_secs_f64()))
}

pub(crate) fn pids(cluster: &Cluster) -> Vec<u32> {
    cluster
        .nodes
        .iter()
        .filter_map(|node| node.daemon.as_ref()?.pid())
        .collect()
}

async fn idle(cluster: &Cluster) -> Idle {
    let pids = pids(cluster);
    let before: Vec<_> = pids.iter().map(|pid| measure::cpu_seconds(*pid)).collect();
    tokio::time::sleep(IDLE).await;
    let share = |(pid, before): (&u32, f64)| {
        round((measure::cpu_seconds(*pid) - before) / IDLE.as_secs_f64() * 100.0)
    };
    Idle {
        seconds: IDLE.as_secs(),
        cpu_percent: pids.iter().zip(before).map(share).collect(),
        rss_mib: pids.iter().map(|pid| measure::rss_mib(*pid)).collect(),
    }
}

pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Casts ballots of the credentials of `seed` at a steady rate.
pub(crate) async fn latency(
    cluster: &Cluster,
    clients: &[Client],
    election: ElectionId,
    rate: u32,
    seed: u64,
) -> Result<Latency> {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / rate);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..TRICKLE_SECONDS * usize::try_from(rate)? {
        let bytes = Caster::ballot(
            cluster.chain,
            election,
            &credential(seed, number),
            Selection::Listed(u16::from(number % 3 == 0)),
        );
        tick.tick().await;
        let client = clients[number % clients.len()].clone();
        tasks.spawn(async move { one(&client, bytes).await });
    }
    let mut times = Vec::new();
    while let Some(time) = tasks.join_next().await {
        times.push(time??.as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| round(times[(times.len() - 1) * share / 100]);
    Ok(Latency {
        p50: at(50),
        p99: at(99),
        max: at(100),
        ballots: times.len(),
    })
}

/// The time from submitting to final, as an app sees it: with the proof checked.
pub(crate) async fn one(client: &Client, bytes: Vec<u8>) -> Result<Duration> {
    let start = Instant::now();
    client
        .decide(bytes, PATIENCE)
        .await
        .context("a ballot is not final")?;
    Ok(start.elapsed())
}

/// Casts ballots of `count` credentials after the first `skip` ones.
async fn throughput(
    cluster: &Cluster,
    clients: &[Client],
    election: ElectionId,
    skip: usize,
    count: usize,
) -> Result<Throughput> {
    let (chain, signing) = (cluster.chain, Instant::now());
    let choice = |number: usize| Selection::Listed(u16::from(number.is_multiple_of(3)));
    let ballots: Vec<_> = (skip..skip + count)
        .map(|number| Caster::ballot(chain, election, &credential(3, number), choice(number)))
        .collect();
    let signing = signing.elapsed().as_secs_f64();
    let pids = pids(cluster);
    let cpu = |pids: &[u32]| {
        pids.iter()
            .map(|pid| measure::cpu_seconds(*pid))
            .sum::<f64>()
    };
    let wire = cluster
        .agreed(Duration::from_secs(30))
        .await?
        .iter()
        .map(|status| status.wire_bytes.1)
        .sum::<u64>();
    let (disk_before, cpu_before) = (disk(cluster), cpu(&pids));
    let caster = Arc::new(Caster::new(clients.to_vec()));
    let start = Instant::now();
    caster.cast_all(ballots).await.context("while casting")?;
    let seconds = start.elapsed().as_secs_f64();
    let statuses = cluster.agreed(Duration::from_secs(60)).await?;
    let finals = caster.progress.finals.load(Ordering::Relaxed);
    let per_ballot =
        |total: f64| round(total / f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    let nodes = f64::from(u32::try_from(pids.len()).unwrap_or(1));
    let big = |value: u64| f64::from(u32::try_from(value / 16).unwrap_or(u32::MAX)) * 16.0;
    Ok(Throughput {
        ballots: count,
        finals,
        seconds: round(seconds),
        final_per_second: (f64::from(u32::try_from(finals).unwrap_or(u32::MAX)) / seconds).round(),
        signing_seconds: round(signing),
        cpu_us_per_ballot: per_ballot((cpu(&pids) - cpu_before) * 1e6),
        rss_mib: pids.iter().map(|pid| measure::rss_mib(*pid)).collect(),
        disk_bytes_per_ballot: per_ballot(big(disk(cluster).saturating_sub(disk_before)) / nodes),
        wire_bytes_per_ballot: per_ballot(
            big(statuses
                .iter()
                .map(|status| status.wire_bytes.1)
                .sum::<u64>()
                .saturating_sub(wire))
                / nodes,
        ),
        heights: statuses.first().map(|status| status.height.get()),
        state_roots: statuses
            .iter()
            .map(|status| status.state_root.into())
            .collect(),
    })
}
