//! What the tests of real networks share.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use vote_api::{Answer, Client, Outcome, Request, Status};
use vote_chain::{ElectionId, Selection, TransactionId};
use vote_cluster::{Caster, Cluster, Options, credential};

/// Far more than anything here takes, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) async fn cluster(validators: usize) -> Cluster {
    Cluster::start(Options {
        validators,
        ..Options::default()
    })
    .await
    .unwrap()
}

/// A command that has run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

pub(crate) async fn run(program: &Path, args: &[&str], env: &[(&str, &Path)]) -> Ran {
    run_told(program, args, env, "").await
}

/// Runs a program that is told something on its standard input.
pub(crate) async fn run_told(
    program: &Path,
    args: &[&str],
    env: &[(&str, &Path)],
    input: &str,
) -> Ran {
    let mut command = Command::new(program);
    command
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    // One that ends without reading is no failure.
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .await;
    let done = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("the command ends")
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: done.status.code(),
        out: text(done.stdout),
        err: text(done.stderr),
    }
}

/// Runs `vote-cli` at a node, as a voter who keeps everything in the cluster's folder.
pub(crate) async fn cli(cluster: &Cluster, at: usize, args: &[&str]) -> Ran {
    cli_told(cluster, at, args, "").await
}

/// The same, with something to read on its standard input.
pub(crate) async fn cli_told(cluster: &Cluster, at: usize, args: &[&str], input: &str) -> Ran {
    let data = voter_dir(cluster);
    let env = [
        ("VOTE_SOCKET", cluster.nodes[at].socket.as_path()),
        ("VOTE_DATA_DIR", data.as_path()),
    ];
    run_told(&cluster.programs().vote_cli, args, &env, input).await
}

pub(crate) fn voter_dir(cluster: &Cluster) -> PathBuf {
    cluster.voter_dir()
}

/// An election that is open at once.
pub(crate) async fn election(cluster: &Cluster) -> ElectionId {
    let args = [
        "election", "create", "--title", "Lunch", "--choice", "Soup", "--choice", "Pasta", "--json",
    ];
    let created = cli(cluster, 0, &args).await;
    created.json()["election"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Signed ballots of voters with these numbers; every third is for pasta.
pub(crate) fn ballots(
    cluster: &Cluster,
    election: ElectionId,
    numbers: std::ops::Range<usize>,
) -> Vec<Vec<u8>> {
    let choice = |number: usize| Selection::Listed(u16::from(number.is_multiple_of(3)));
    numbers
        .map(|number| {
            Caster::ballot(
                cluster.chain,
                election,
                &credential(7, number),
                choice(number),
            )
        })
        .collect()
}

/// Ballots that a node has reported final.
pub(crate) type Finals = Arc<Mutex<Vec<TransactionId>>>;

/// Submits and waits for the end of each, or of the node; refusals are a failure of the test.
pub(crate) async fn cast(
    client: &Client,
    ballots: Vec<Vec<u8>>,
    finals: &Finals,
) -> Result<(), vote_api::CallError> {
    for part in ballots.chunks(100) {
        let (results, mut outcomes) = client.submit(part.to_vec()).await?;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        while let Some(outcomes) = outcomes.next().await? {
            for outcome in outcomes {
                match outcome {
                    Outcome::Final(inclusion) => finals.lock().unwrap().push(inclusion.transaction),
                    Outcome::Refused(id, refusal) => {
                        panic!("ballot {id} is refused: {}", refusal.reason)
                    }
                }
            }
        }
    }
    Ok(())
}

/// Casts through one node, to the end.
pub(crate) async fn cast_all(cluster: &Cluster, at: usize, ballots: Vec<Vec<u8>>) {
    let client = cluster.client(at).await.unwrap();
    let finals = Finals::default();
    let all = cast(&client, ballots, &finals);
    tokio::time::timeout(PATIENCE, all)
        .await
        .expect("ballots become final in time")
        .unwrap();
}

/// Every node that runs has this many ballots, counted alike, under one state root.
pub(crate) async fn all_count(
    cluster: &Cluster,
    election: ElectionId,
    ballots: usize,
) -> Vec<Status> {
    let statuses = cluster.agreed(PATIENCE).await.unwrap();
    let expected = u64::try_from(ballots).unwrap();
    for at in cluster.running() {
        let answer = cluster
            .client(at)
            .await
            .unwrap()
            .call(Request::Election(election))
            .await
            .unwrap();
        let Answer::Election(view) = answer else {
            panic!("no election at {}", cluster.nodes[at].name)
        };
        assert_eq!(
            view.tally.turnout.ballots, expected,
            "{}",
            cluster.nodes[at].name
        );
        let pasta = view.tally.contests[0]
            .lines
            .iter()
            .find(|line| line.choice == "Pasta")
            .unwrap();
        assert_eq!(
            pasta.votes,
            expected.div_ceil(3),
            "{}",
            cluster.nodes[at].name
        );
    }
    assert!(
        statuses
            .windows(2)
            .all(|pair| pair[0].state_root == pair[1].state_root)
    );
    statuses
}

/// Waits until a node's log has a line with these words.
pub(crate) async fn logged(log: &Path, words: &str) {
    let written = async {
        while !std::fs::read_to_string(log)
            .unwrap_or_default()
            .contains(words)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, written).await;
    found.unwrap_or_else(|_| panic!("{} says nothing of {words:?}", log.display()));
}
