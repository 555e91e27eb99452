//! `cluster roll`: a large roll, from the first voter put on it to a ballot of the last, and what
//! it costs.

use std::time::{Duration, Instant};

use anyhow::Result;
use vote_chain::{Contest, Rule, Selection};
use vote_cluster::{Caster, Cluster, Options, credential, measure};
use vote_views::RollBench;

use crate::bench::one;
use crate::election::Roll;
use crate::{RollArgs, election, output};

pub(crate) async fn run(args: RollArgs) -> Result<bool> {
    let mut cluster = Cluster::start(Options {
        validators: args.nodes.into(),
        ..Options::default()
    })
    .await?;
    let report = tokio::select! {
        report = measure_all(&mut cluster, args.voters) => report,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    cluster.stop().await?;
    output::report(&report?, args.json)?;
    Ok(true)
}

/// What each node takes of memory and of the disk.
struct Cost {
    rss_mib: Vec<f64>,
    disk_mib: Vec<f64>,
}

fn cost(cluster: &Cluster) -> Cost {
    let pids = cluster
        .nodes
        .iter()
        .filter_map(|node| node.daemon.as_ref()?.pid());
    let mib = |bytes: u64| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0;
    Cost {
        rss_mib: pids.map(measure::rss_mib).collect(),
        disk_mib: cluster
            .nodes
            .iter()
            .map(|node| mib(measure::disk_bytes(&node.data_dir)))
            .collect(),
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

async fn measure_all(cluster: &mut Cluster, voters: u32) -> Result<RollBench> {
    let number = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    let making = Instant::now();
    let keys: Vec<_> = (0..voters)
        .map(|at| credential(4, number(at)).public())
        .collect();
    let keys_seconds = making.elapsed().as_secs_f64();
    let before = cost(cluster);
    let contest = Contest::listed(vec!["Yes".to_owned(), "No".to_owned()], Rule::Plurality, 1);
    let start = Instant::now();
    let id = election::create(cluster, "A large roll", contest, Roll::Voters(keys)).await?;
    let roll_seconds = start.elapsed().as_secs_f64();
    cluster.agreed(Duration::from_secs(60)).await?;
    let (first, last) = (credential(4, 0), credential(4, number(voters - 1)));
    let cast = |key| Caster::ballot(cluster.chain, id, key, Selection::Listed(0));
    let (first_ms, last_ms) = (
        final_ms(cluster, 0, cast(&first)).await?,
        final_ms(cluster, 1, cast(&last)).await?,
    );
    let stranger = cluster
        .client(0)
        .await?
        .submit(vec![cast(&credential(5, 0))])
        .await?
        .0
        .remove(0);
    let statuses = cluster.agreed(Duration::from_secs(60)).await?;
    let after = cost(cluster);
    // A machine that goes down and comes back, with all that its node has to load.
    cluster.kill_node(0).await?;
    let restart = Instant::now();
    cluster.start_node(0).await?;
    let status = cluster.status(0).await?;
    let restart_seconds = restart.elapsed().as_secs_f64();
    let per_voter = |after: &[f64], before: &[f64]| {
        let sum: f64 = after
            .iter()
            .zip(before)
            .map(|(after, before)| after - before)
            .sum();
        let count = f64::from(u32::try_from(after.len()).unwrap_or(1)) * f64::from(voters);
        (sum * 1_048_576.0 / count).round()
    };
    Ok(RollBench {
        nodes: cluster.nodes.len(),
        voters,
        keys_seconds: round(keys_seconds),
        roll_seconds: round(roll_seconds),
        voters_per_second: (f64::from(voters) / roll_seconds).round(),
        us_per_voter: round(roll_seconds * 1e6 / f64::from(voters)),
        ballot_of_first_ms: round(first_ms),
        ballot_of_last_ms: round(last_ms),
        stranger: stranger.err().map(|refusal| refusal.reason),
        rss_bytes_per_voter: per_voter(&after.rss_mib, &before.rss_mib),
        rss_mib: after.rss_mib,
        disk_mib: after.disk_mib.iter().copied().map(round).collect(),
        disk_bytes_per_voter: per_voter(&after.disk_mib, &before.disk_mib),
        restart_seconds: round(restart_seconds),
        restart_at_height: status.height.get(),
        height: statuses[0].height.get(),
        state_roots: statuses
            .iter()
            .map(|status| status.state_root.into())
            .collect(),
    })
}

/// Milliseconds from submitting a ballot to its being final, as an app of that node sees it.
async fn final_ms(cluster: &Cluster, at: usize, ballot: Vec<u8>) -> Result<f64> {
    let client = cluster.client(at.min(cluster.nodes.len() - 1)).await?;
    Ok(one(&client, ballot).await?.as_secs_f64() * 1000.0)
}
