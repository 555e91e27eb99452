//! `cluster pages`: many open pages on the live results of an election, what they cost, and whether
//! the voting suffers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vote_api::Client;
use vote_chain::{Contest, ElectionId, Rule, Selection};
use vote_cluster::{Caster, Cluster, Daemon, Options, credential, measure};
use vote_views::{PagesServer, PagesVoting};

use crate::bench::{latency, pids, round};
use crate::election::Roll;
use crate::{PagesArgs, election, output};

/// While nobody votes.
const IDLE: Duration = Duration::from_secs(5);
/// What is waited for, at most.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run(args: PagesArgs) -> Result<bool> {
    // Each page is two connections; their other ends are files of the server.
    let files = u64::from(args.pages) * 2 + 256;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < files {
        setrlimit(Resource::RLIMIT_NOFILE, files.min(hard), hard)?;
    }
    let mut cluster = Cluster::start(Options {
        validators: args.nodes.into(),
        ..Options::default()
    })
    .await?;
    let report = tokio::select! {
        report = measure_all(&cluster, &args) => report,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    cluster.stop().await?;
    let report = report?;
    output::report(&report, args.json)?;
    Ok(report.open == report.pages)
}

async fn measure_all(cluster: &Cluster, args: &PagesArgs) -> Result<vote_views::Pages> {
    let contest = Contest::listed(vec!["Yes".to_owned(), "No".to_owned()], Rule::Plurality, 1);
    let id = election::create(cluster, "Pages", contest, Roll::Anyone).await?;
    let mut clients = Vec::new();
    for at in cluster.running() {
        clients.push(cluster.client(at).await?);
    }
    let server = cluster.start_page(0).await?;
    let pid = server.pid().context("the page's server has ended")?;
    let run = |seed| one(cluster, &clients, id, args, seed, pid);
    let before = run(10).await?;
    let alone = measure::rss_mib(pid);
    let pages = Pages::open(&server, id, args.pages).await?;
    let open = measure::rss_mib(pid);
    let idle = (measure::cpu_seconds(pid), tokio::time::sleep(IDLE).await);
    let idle = round((measure::cpu_seconds(pid) - idle.0) / IDLE.as_secs_f64() * 100.0);
    let with = run(20).await?;
    // All have seen the last ballot: nothing was lost on the way.
    let late = pages.all_have_seen(with.ballots_counted).await?;
    let refused = pages.refused;
    drop(pages);
    let after = run(30).await?;
    let rate_without = (before.final_per_second + after.final_per_second) / 2.0;
    Ok(vote_views::Pages {
        nodes: args.nodes,
        pages: args.pages,
        open: args.pages - refused,
        refused,
        server: PagesServer {
            rss_mib_without: alone,
            rss_mib_open: open,
            rss_mib: measure::rss_mib(pid),
            cpu_percent_while_nobody_votes: idle,
        },
        rate_with_to_without: round(with.final_per_second / rate_without),
        before,
        with,
        after,
        last_ballot_on_all_pages_ms: late,
    })
}

/// A trickle of ballots, then as many as the network takes; what it takes and costs.
async fn one(
    cluster: &Cluster,
    clients: &[Client],
    id: ElectionId,
    args: &PagesArgs,
    seed: u64,
    server: u32,
) -> Result<PagesVoting> {
    let trickle_cpu = measure::cpu_seconds(server);
    let latency = latency(cluster, clients, id, args.rate, seed).await?;
    let trickle_cpu = measure::cpu_seconds(server) - trickle_cpu;
    let choice = |number: usize| Selection::Listed(u16::from(number.is_multiple_of(3)));
    let ballot = |number| {
        Caster::ballot(
            cluster.chain,
            id,
            &credential(seed + 1, number),
            choice(number),
        )
    };
    let ballots: Vec<_> = (0..args.ballots).map(ballot).collect();
    let nodes = pids(cluster);
    let cpu = || {
        nodes
            .iter()
            .map(|pid| measure::cpu_seconds(*pid))
            .sum::<f64>()
    };
    let (nodes_cpu, server_cpu) = (cpu(), measure::cpu_seconds(server));
    let caster = Caster::new(clients.to_vec());
    let start = Instant::now();
    caster.cast_all(ballots).await.context("while casting")?;
    let seconds = start.elapsed().as_secs_f64();
    let finals = caster.progress.finals.load(Ordering::Relaxed);
    if finals != args.ballots {
        bail!("{finals} of {} ballots are final", args.ballots);
    }
    cluster.agreed(PATIENCE).await?;
    let counted = match cluster
        .client(0)
        .await?
        .call(vote_api::Request::Election(id))
        .await?
    {
        vote_api::Answer::Election(view) => view.tally.turnout.ballots,
        _ => bail!("another answer than the election"),
    };
    Ok(PagesVoting {
        latency_ms: latency,
        final_per_second: (f64::from(u32::try_from(finals)?) / seconds).round(),
        seconds: round(seconds),
        nodes_cpu_seconds: round(cpu() - nodes_cpu),
        nodes_rss_mib: nodes.iter().map(|pid| measure::rss_mib(*pid)).collect(),
        server_cpu_seconds: round(measure::cpu_seconds(server) - server_cpu),
        server_cpu_seconds_at_the_rate: round(trickle_cpu),
        ballots_counted: counted,
    })
}

/// Pages that are open, as far as the server can tell.
struct Pages {
    /// How many ballots each has seen.
    seen: Vec<Arc<AtomicUsize>>,
    refused: u32,
    _connections: JoinSet<()>,
}

impl Pages {
    /// Opens pages: each follows the node and the election, as a browser does.
    async fn open(server: &Daemon, id: ElectionId, count: u32) -> Result<Self> {
        let (address, token) = (
            server.ready["listen"].as_str(),
            server.ready["url"].as_str(),
        );
        let address = address
            .context("the server says where it listens")?
            .to_owned();
        let token = token
            .and_then(|url| url.rsplit('=').next())
            .context("the address has a token")?;
        let body = json!({ "token": token }).to_string();
        let (head, _connection) = ask(
            &address,
            "POST /api/session",
            &format!(
                "origin: http://{address}\r\ncontent-length: {}\r\n",
                body.len()
            ),
            &body,
        )
        .await?;
        let cookie = head
            .iter()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .context("no session")?;
        let cookie = format!(
            "cookie: {}\r\n",
            cookie.split(';').next().unwrap_or_default()
        );
        let (mut connections, mut seen, mut refused) = (JoinSet::new(), Vec::new(), 0);
        for _ in 0..count {
            let ballots = Arc::new(AtomicUsize::new(0));
            let mut let_in = true;
            for path in [
                "GET /api/live".to_owned(),
                format!("GET /api/elections/{id}/live"),
            ] {
                let (head, lines) = ask(&address, &path, &cookie, "").await?;
                match head[0].split(' ').nth(1) {
                    Some("200") => drop(connections.spawn(follow(lines, ballots.clone()))),
                    Some("503") => let_in = false,
                    _ => bail!("{path}: {}", head[0]),
                }
            }
            if let_in {
                seen.push(ballots);
            } else {
                refused += 1;
            }
        }
        Ok(Self {
            seen,
            refused,
            _connections: connections,
        })
    }

    /// Waits until every page shows so many ballots; gives how long that took, in milliseconds.
    async fn all_have_seen(&self, ballots: u64) -> Result<f64> {
        let (wanted, start) = (usize::try_from(ballots)?, Instant::now());
        while self
            .seen
            .iter()
            .any(|seen| seen.load(Ordering::Relaxed) < wanted)
        {
            if start.elapsed() > PATIENCE {
                bail!("not every page has seen all {wanted} ballots");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(round(start.elapsed().as_secs_f64() * 1000.0))
    }
}

type Lines = tokio::io::Lines<BufReader<TcpStream>>;

/// Asks, and reads the head of the answer.
async fn ask(address: &str, what: &str, headers: &str, body: &str) -> Result<(Vec<String>, Lines)> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(format!("{what} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n{body}").as_bytes())
        .await?;
    // Little room for each: there are thousands.
    let mut lines = BufReader::with_capacity(2048, stream).lines();
    let mut head = Vec::new();
    while let Some(line) = tokio::time::timeout(PATIENCE, lines.next_line())
        .await??
        .filter(|line| !line.is_empty())
    {
        head.push(line);
    }
    if head.is_empty() {
        bail!("{what}: no answer");
    }
    Ok((head, lines))
}

/// Reads events, and notes how many ballots the last has.
async fn follow(mut lines: Lines, ballots: Arc<AtomicUsize>) {
    while let Ok(Some(line)) = lines.next_line().await {
        let number = line
            .split("\"ballots\":")
            .nth(1)
            .and_then(|rest| rest.split([',', '}']).next()?.parse().ok());
        if let Some(number) = number {
            ballots.store(number, Ordering::Relaxed);
        }
    }
}
