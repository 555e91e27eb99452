//! Nodes and trackers that die, and what the network does then.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use vote_api::{Answer, CallError, Outcome, Request};
use vote_chain::ElectionId;
use vote_cluster::Cluster;

use crate::harness::{Finals, PATIENCE, all_count, ballots, cast, cast_all, cluster, election};

async fn start_all(cluster: &mut Cluster) {
    for at in 0..cluster.nodes.len() {
        cluster.start_node(at).await.unwrap();
    }
}

/// Waits until at least so many ballots are final.
async fn some_final(finals: &Finals, count: usize) {
    let enough = async {
        while finals.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, enough)
        .await
        .expect("ballots become final");
}

/// Casts 500 ballots through each of four nodes, all at once; returns while most are still under
/// way.
async fn load(
    cluster: &Cluster,
    election: ElectionId,
) -> (Finals, Vec<JoinHandle<Result<(), CallError>>>) {
    let finals = Finals::default();
    let mut loads = Vec::new();
    for at in 0..4 {
        let (client, finals) = (cluster.client(at).await.unwrap(), finals.clone());
        let share = ballots(cluster, election, at * 500..(at + 1) * 500);
        loads.push(tokio::spawn(
            async move { cast(&client, share, &finals).await },
        ));
    }
    some_final(&finals, 200).await;
    (finals, loads)
}

#[tokio::test]
async fn node_killed_under_load_comes_back_on_its_port_catches_up_and_loses_nothing() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    let (finals, loads) = load(&cluster, election).await;
    let listen = cluster.nodes[3].daemon.as_ref().unwrap().ready["listen"].clone();
    cluster.kill_node(3).await.unwrap();
    cluster.start_node(3).await.unwrap();
    assert_eq!(
        cluster.nodes[3].daemon.as_ref().unwrap().ready["listen"],
        listen
    );
    for (at, load) in loads.into_iter().enumerate() {
        let done = timeout(PATIENCE, load)
            .await
            .expect("the others go on")
            .unwrap();
        assert!(done.is_ok() || at == 3, "node {at} failed its voters");
    }
    // Whoever was cut off submits again, here or elsewhere; it counts once.
    cast_all(&cluster, 0, ballots(&cluster, election, 1500..2000)).await;
    all_count(&cluster, election, 2000).await;
    let client = cluster.client(3).await.unwrap();
    let finals = finals.lock().unwrap().clone();
    for id in finals {
        let Answer::Receipt(receipt) = client.call(Request::Receipt(id)).await.unwrap() else {
            panic!("no receipt")
        };
        assert_eq!(receipt.check(Some(&cluster.chain)), Ok(()));
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn whole_network_killed_at_once_resumes_with_every_final_ballot() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    let (finals, loads) = load(&cluster, election).await;
    for at in 0..4 {
        cluster.kill_node(at).await.unwrap();
    }
    cluster.kill_tracker().await.unwrap();
    for load in loads {
        let _ = load.await.unwrap();
    }
    let before = finals.lock().unwrap().clone();
    cluster.start_tracker().await.unwrap();
    start_all(&mut cluster).await;
    cluster.agreed(PATIENCE).await.unwrap();
    for at in 0..4 {
        let client = cluster.client(at).await.unwrap();
        for id in &before {
            let answer = client.call(Request::Receipt(*id)).await;
            assert!(
                matches!(answer, Ok(Answer::Receipt(_))),
                "node {at} has lost the final ballot {id}: {answer:?}"
            );
        }
    }
    cast_all(&cluster, 0, ballots(&cluster, election, 0..2000)).await;
    all_count(&cluster, election, 2000).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn one_of_four_down_stops_nothing_and_two_down_stop_all_until_one_returns() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    cluster.kill_node(3).await.unwrap();
    cast_all(&cluster, 0, ballots(&cluster, election, 0..50)).await;
    cluster.kill_node(2).await.unwrap();
    let client = cluster.client(0).await.unwrap();
    let (results, mut outcomes) = client
        .submit(ballots(&cluster, election, 50..51))
        .await
        .unwrap();
    assert!(results[0].is_ok());
    assert!(
        timeout(Duration::from_secs(4), outcomes.next())
            .await
            .is_err(),
        "two of four have decided something"
    );
    cluster.start_node(2).await.unwrap();
    let outcome = timeout(PATIENCE, outcomes.next())
        .await
        .expect("it resumes by itself")
        .unwrap()
        .unwrap();
    assert!(matches!(outcome[0], Outcome::Final(_)));
    cluster.start_node(3).await.unwrap();
    all_count(&cluster, election, 51).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn tracker_killed_voting_goes_on_and_who_knows_a_peer_rejoins() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    // The book of peers is written every ten seconds, and when a node leaves.
    cluster.kill_tracker().await.unwrap();
    cast_all(&cluster, 1, ballots(&cluster, election, 0..50)).await;
    let mut leaving = cluster.nodes[3].daemon.take().unwrap();
    assert!(leaving.terminate().await.unwrap().success());
    cluster.start_node(3).await.unwrap();
    cluster.connected(PATIENCE).await.unwrap();
    cast_all(&cluster, 3, ballots(&cluster, election, 50..60)).await;
    all_count(&cluster, election, 60).await;
    let before = cluster.tracker_address.clone();
    cluster.start_tracker().await.unwrap();
    assert_eq!(cluster.tracker_address, before, "it keeps its address");
    cluster
        .until("all nodes to register again", PATIENCE, |statuses| {
            statuses.iter().all(|status| status.tracker)
        })
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

/// With so many validators the proposer gathers their votes; that of a dead one gathers nothing.
#[tokio::test]
async fn eight_validators_vote_on_when_two_of_them_are_killed() {
    let mut cluster = cluster(8).await;
    let election = election(&cluster).await;
    let finals = Finals::default();
    for at in 0..8 {
        let client = cluster.client(at).await.unwrap();
        cast(
            &client,
            ballots(&cluster, election, at * 10..at * 10 + 10),
            &finals,
        )
        .await
        .unwrap();
    }
    for dead in [6, 7] {
        cluster.kill_node(dead).await.unwrap();
    }
    for at in 0..6 {
        let client = cluster.client(at).await.unwrap();
        cast(
            &client,
            ballots(&cluster, election, 100 + at * 10..110 + at * 10),
            &finals,
        )
        .await
        .unwrap();
    }
    assert_eq!(finals.lock().unwrap().len(), 140);
    let agreed = cluster.agreed(PATIENCE).await.unwrap();
    assert_eq!(agreed.len(), 6);
    cluster.stop().await.unwrap();
}
