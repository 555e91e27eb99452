//! `cluster catchup`: a node that joins a chain with many ballots, and how long it takes until it
//! has all of them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use vote_chain::{Contest, Rule, Selection, verify};
use vote_cluster::{Caster, Cluster, Options, credential, measure};
use vote_views::Catchup;

use crate::bench::round;
use crate::election::Roll;
use crate::{CatchupArgs, election, output};

/// Ballots that are signed, and then cast, at one time.
const PORTION: usize = 50_000;
/// Ballots whose verification is measured by itself.
const SAMPLE: usize = 5000;
/// Between looks at the node that catches up.
const POLL: Duration = Duration::from_millis(20);
/// A node that is not there by then never will be.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) async fn run(args: CatchupArgs) -> Result<bool> {
    let mut cluster = Cluster::start(Options {
        validators: args.nodes.into(),
        ..Options::default()
    })
    .await?;
    let report = tokio::select! {
        report = measure_all(&mut cluster, usize::try_from(args.ballots)?) => report,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    cluster.stop().await?;
    let report = report?;
    output::report(&report, args.json)?;
    Ok(true)
}

async fn measure_all(cluster: &mut Cluster, count: usize) -> Result<Catchup> {
    let (casting, seconds_of_one_core) = fill(cluster, count).await?;
    let (goal, began) = (cluster.status(0).await?, Instant::now());
    let at = cluster.add_follower().await?;
    let pid = cluster.nodes[at]
        .daemon
        .as_ref()
        .and_then(vote_cluster::Daemon::pid)
        .context("the node has ended")?;
    let client = cluster.client(at).await?;
    let mut rss_mib_max: f64 = 0.0;
    while client.status().await?.height < goal.height {
        anyhow::ensure!(began.elapsed() < PATIENCE, "the node does not catch up");
        rss_mib_max = rss_mib_max.max(measure::rss_mib(pid));
        tokio::time::sleep(POLL).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let ballots = f64::from(u32::try_from(count)?);
    Ok(Catchup {
        nodes: cluster.nodes.len() - 1,
        ballots: count,
        height: goal.height.get(),
        casting_seconds: round(casting),
        seconds: round(seconds),
        ballots_per_second: (ballots / seconds).round(),
        cpu_seconds: round(measure::cpu_seconds(pid)),
        rss_mib_max: round(rss_mib_max),
        verifying_seconds: round(seconds_of_one_core),
        seconds_to_verifying: round(seconds / seconds_of_one_core),
    })
}

/// Casts the ballots; gives the seconds that it took, and those that one processor takes to verify
/// as many.
async fn fill(cluster: &Cluster, count: usize) -> Result<(f64, f64)> {
    let chain = cluster.chain;
    let contest = Contest::listed(vec!["Yes".to_owned(), "No".to_owned()], Rule::Plurality, 1);
    let election = election::create(cluster, "Catching up", contest, Roll::Anyone).await?;
    let ballot = |number: usize| {
        let choice = Selection::Listed(u16::from(number.is_multiple_of(3)));
        Caster::ballot(chain, election, &credential(6, number), choice)
    };
    let mut clients = Vec::new();
    for at in cluster.running() {
        clients.push(cluster.client(at).await?);
    }
    let caster = Caster::new(clients);
    let mut casting = Duration::ZERO;
    for first in (0..count).step_by(PORTION) {
        let ballots = (first..count.min(first + PORTION)).map(ballot).collect();
        let start = Instant::now();
        caster.cast_all(ballots).await.context("while casting")?;
        casting += start.elapsed();
    }
    cluster.agreed(Duration::from_secs(60)).await?;
    let sample: Vec<_> = (0..SAMPLE).map(ballot).collect();
    let start = Instant::now();
    anyhow::ensure!(
        sample.iter().all(|bytes| verify(&chain, bytes).is_ok()),
        "a ballot does not hold"
    );
    let each = start.elapsed().as_secs_f64() / f64::from(u32::try_from(SAMPLE)?);
    Ok((
        casting.as_secs_f64(),
        each * f64::from(u32::try_from(count)?),
    ))
}
