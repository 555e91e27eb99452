//! Networks that move to another protocol version.

use vote_chain::Version;
use vote_cluster::{Cluster, Options};

use crate::harness::{Finals, PATIENCE, ballots, cast, cast_all, cli, election, logged};

/// Has a node approve something about the protocol.
async fn approve(cluster: &Cluster, at: usize, args: &[&str]) -> serde_json::Value {
    let args = [&["protocol"], args, &["--json"]].concat();
    let ran = cli(cluster, at, &args).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.json()
}

#[tokio::test]
async fn four_move_under_load_while_one_is_down_and_one_that_is_left_behind_says_so() {
    let mut cluster = Cluster::start(Options {
        protocol: Some(Version::OLDEST),
        ..Options::default()
    })
    .await
    .unwrap();
    let election = election(&cluster).await;
    cast_all(&cluster, 0, ballots(&cluster, election, 0..10)).await;
    let first = cli(&cluster, 0, &["cast", "Soup", "--name", "Ada", "--json"]).await;
    assert_eq!(first.code, Some(0), "{first:?}");
    let receipt = first.json()["receipt"].as_str().unwrap().to_owned();
    let old = Version::OLDEST.to_string();
    let behind = cluster
        .add_follower_with(&["--newest-protocol", &old])
        .await
        .unwrap();

    // One is down while the others approve, and while blocks begin to go by the new version.
    cluster.kill_node(3).await.unwrap();
    let tip = cluster.status(0).await.unwrap().height.get();
    let from = (tip + 12).to_string();
    let approved = approve(&cluster, 0, &["move", "--from", &from, "--yes"]).await;
    assert_eq!(approved["approvals"], 1);
    // The others need not say what: there is one proposal.
    approve(&cluster, 1, &["move", "--yes"]).await;
    let approved = approve(&cluster, 2, &["move", "--yes"]).await;
    assert_eq!(approved["approvals"], serde_json::Value::Null);

    // Whoever comes late proposes nothing else, and nobody approves what nobody has.
    let late = approve(&cluster, 1, &["move", "--yes"]).await;
    assert_eq!(late["already"], true);
    let unknown = (Version::NEWEST.get() + 1).to_string();
    let refused = cli(&cluster, 0, &["protocol", "move", &unknown, "--yes"]).await;
    assert!(
        refused.code == Some(3) && refused.err.contains("install a release that has version"),
        "{refused:?}"
    );

    // The one whose program does not have the version says so before it has to stop.
    logged(
        &cluster.nodes[behind].log,
        "a protocol version that this program does not have",
    )
    .await;
    let status = cli(&cluster, behind, &["status"]).await;
    assert!(status.out.contains("INSTALL A NEWER RELEASE"), "{status:?}");

    let client = cluster.client(0).await.unwrap();
    let finals = Finals::default();
    for number in 10..60 {
        let one = ballots(&cluster, election, number..number + 1);
        cast(&client, one, &finals).await.unwrap();
    }
    let now = approve(&cluster, 0, &["show"]).await;
    assert_eq!(now["version"], Version::NEWEST.get());
    logged(&cluster.nodes[behind].log, "Install a newer release").await;
    let mut stopped = cluster.nodes[behind].daemon.take().unwrap();
    assert_eq!(stopped.terminate().await.unwrap().code(), Some(7));

    // The one that was down comes back and takes part; so does the other with a newer program.
    cluster.start_node(3).await.unwrap();
    cluster.nodes[behind].args.clear();
    cluster.start_node(behind).await.unwrap();
    cluster.kill_node(2).await.unwrap();
    cast_all(&cluster, 3, ballots(&cluster, election, 60..90)).await;
    cluster.start_node(2).await.unwrap();
    cluster.agreed(PATIENCE).await.unwrap();
    for at in 0..=behind {
        let tally = cli(&cluster, at, &["tally", "--json"]).await.json();
        assert_eq!(tally["ballots"], 91, "node {at}");
    }
    let checked = cli(&cluster, behind, &["receipt", "check", &receipt]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    cluster.stop().await.unwrap();
}
