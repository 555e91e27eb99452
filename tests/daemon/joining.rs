//! Nodes that come later, and validators that come and go.

use vote_cluster::Daemon;

use crate::harness::{PATIENCE, all_count, ballots, cast_all, cli, cluster, election, logged, run};

#[tokio::test]
async fn late_joiner_gets_the_whole_chain_and_serves_apps_in_full() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    cast_all(&cluster, 0, ballots(&cluster, election, 0..600)).await;
    let follower = cluster.add_follower().await.unwrap();
    all_count(&cluster, election, 600).await;
    cast_all(&cluster, follower, ballots(&cluster, election, 600..630)).await;
    let statuses = all_count(&cluster, election, 630).await;
    assert!(!statuses[follower].validator && statuses[follower].validators == 4);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn new_node_waits_for_a_tracker_that_is_down_and_joins_when_it_is_back() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    cluster.kill_tracker().await.unwrap();
    let dir = cluster.folder().join("late");
    let text = |path: &std::path::Path| path.display().to_string();
    let args: Vec<String> = [
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--bootstrap",
        &cluster.tracker_address,
        "--data-dir",
        &text(&dir),
        "--socket",
        &text(&cluster.folder().join("late.sock")),
    ]
    .map(String::from)
    .into();
    let (program, log) = (
        cluster.programs().node.clone(),
        cluster.folder().join("late.log"),
    );
    let log_of_late = log.clone();
    let started =
        tokio::spawn(async move { Daemon::start("late", &program, &args, &log_of_late).await });
    logged(&log, "tracker out of reach; trying again").await;
    cast_all(&cluster, 0, ballots(&cluster, election, 0..20)).await;
    cluster.start_tracker().await.unwrap();
    let mut late = started.await.unwrap().unwrap();
    assert_eq!(
        late.ready["chain"].as_str().unwrap(),
        cluster.chain.to_string()
    );
    logged(&log, "joining the one chain that the tracker knows").await;
    assert!(late.terminate().await.unwrap().success());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn validators_are_admitted_by_approvals_until_one_may_fail_and_removed_again() {
    let mut cluster = cluster(1).await;
    let election = election(&cluster).await;
    for _ in 0..3 {
        cluster.add_follower().await.unwrap();
    }
    cluster.connected(PATIENCE).await.unwrap();
    let mut keys = Vec::new();
    for at in 0..4 {
        keys.push(cluster.status(at).await.unwrap().key.to_string());
    }
    // A name is not enough, where nobody can be asked; and it is said what two validators mean.
    let named = cli(&cluster, 0, &["validator", "admit", "n2"]).await;
    assert!(
        named.code == Some(2) && named.err.contains(&keys[1]),
        "{named:?}"
    );
    let unasked = cli(&cluster, 0, &["validator", "admit", &keys[1]]).await;
    assert!(
        unasked.code == Some(2) && unasked.err.contains("With two validators none may fail"),
        "{unasked:?}"
    );
    for size in 2..=4 {
        for at in 0..size - 1 {
            let admit = ["validator", "admit", &keys[size - 1], "--yes", "--json"];
            let approved = cli(&cluster, at, &admit).await;
            // The last approvals may not be needed any more; they are told that the change is made.
            assert_eq!(approved.code, Some(0), "{approved:?}");
            let counted = approved.json()["validators"].as_u64().unwrap();
            assert!(
                counted == size as u64 || !approved.json()["approvals"].is_null(),
                "{approved:?}"
            );
        }
        let grown =
            |statuses: &[vote_api::Status]| statuses.iter().all(|s| s.validators as usize == size);
        cast_all(
            &cluster,
            0,
            ballots(&cluster, election, size * 10..size * 10 + 10),
        )
        .await;
        cluster
            .until("the set to grow", PATIENCE, grown)
            .await
            .unwrap();
    }
    let list = cli(&cluster, 2, &["validator", "list"]).await;
    assert!(
        list.out
            .contains("4 validators, of which 1 may fail or lie."),
        "{list:?}"
    );
    cluster.kill_node(0).await.unwrap();
    cast_all(&cluster, 1, ballots(&cluster, election, 50..60)).await;
    cluster.start_node(0).await.unwrap();
    cluster.connected(PATIENCE).await.unwrap();
    for at in 1..4 {
        let approved = cli(&cluster, at, &["validator", "remove", &keys[0], "--yes"]).await;
        assert_eq!(approved.code, Some(0), "{approved:?}");
    }
    let again = cli(&cluster, 1, &["validator", "remove", &keys[0], "--yes"]).await;
    assert!(
        again.code == Some(3) && again.err.contains("no such validator"),
        "{again:?}"
    );
    cast_all(&cluster, 0, ballots(&cluster, election, 60..70)).await;
    cluster
        .until("the set to shrink", PATIENCE, |statuses| {
            statuses.iter().all(|s| s.validators == 3)
        })
        .await
        .unwrap();
    // A receipt from after all these changes leads back to the genesis.
    let cast = cli(&cluster, 0, &["cast", "Soup", "--name", "Ada", "--json"]).await;
    let receipt = cast.json()["receipt"].as_str().unwrap().to_owned();
    let checked = cli(
        &cluster,
        0,
        &[
            "receipt",
            "check",
            &receipt,
            "--chain",
            &cluster.chain.to_string(),
            "--json",
        ],
    )
    .await;
    // The founder is gone, and who has signed decides how far a step leaps.
    let steps = checked.json()["set_changes"].as_u64().unwrap();
    assert!(
        checked.code == Some(0) && (1..=4).contains(&steps),
        "{checked:?}"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn founder_is_joined_through_the_tracker_which_lists_both() {
    let programs = vote_cluster::Programs::find().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let tracker_args = [
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &path("tracker"),
    ]
    .map(String::from);
    let mut tracker = Daemon::start(
        "tracker",
        &programs.bootstrap,
        &tracker_args,
        &dir.path().join("tracker.log"),
    )
    .await
    .unwrap();
    let address = tracker.ready["address"].as_str().unwrap().to_owned();
    let node = |name: &str, more: &[&str]| {
        let (data, socket) = (path(name), path(&format!("{name}.sock")));
        let common = [
            "--json",
            "--name",
            name,
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            &data,
            "--socket",
            &socket,
        ];
        common
            .iter()
            .chain(more)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let founder = node("founder", &["--found", "Co-op", "--bootstrap", &address]);
    let mut founder = Daemon::start(
        "founder",
        &programs.node,
        &founder,
        &dir.path().join("founder.log"),
    )
    .await
    .unwrap();
    let joiner = node("joiner", &["--bootstrap", &address]);
    let mut joiner = Daemon::start(
        "joiner",
        &programs.node,
        &joiner,
        &dir.path().join("joiner.log"),
    )
    .await
    .unwrap();
    assert_eq!(joiner.ready["chain"], founder.ready["chain"]);
    assert_eq!(joiner.ready["chain_name"], "Co-op");
    logged(&tracker.log, joiner.ready["peer"].as_str().unwrap()).await;
    let list = run(
        &programs.bootstrap,
        &["list", "--data-dir", &path("tracker")],
        &[],
    )
    .await;
    let (one, two) = (
        founder.ready["peer"].as_str().unwrap(),
        joiner.ready["peer"].as_str().unwrap(),
    );
    assert!(list.out.contains(one) && list.out.contains(two), "{list:?}");
    assert!(joiner.terminate().await.unwrap().success());
    logged(&tracker.log, "it said goodbye").await;
    let list = run(
        &programs.bootstrap,
        &["list", "--json", "--data-dir", &path("tracker")],
        &[],
    )
    .await
    .json();
    assert_eq!(list["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(list["nodes"][0]["chain"], founder.ready["chain"]);
    assert_eq!(
        list["nodes"][0]["member"], true,
        "it has shown that it validates: {list}"
    );
    assert!(founder.terminate().await.unwrap().success());
    assert!(tracker.terminate().await.unwrap().success());
}
