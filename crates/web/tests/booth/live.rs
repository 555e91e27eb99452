//! What goes on: told once by the node, to every page.

use serde_json::json;

use crate::browser::{Booth, PATIENCE};
use crate::fake::Node;
use tokio::time::timeout;

/// Waits until so many are counted.
async fn until(counted: &tokio::sync::watch::Sender<usize>, wanted: usize) {
    let mut counted = counted.subscribe();
    timeout(PATIENCE, counted.wait_for(|count| *count == wanted))
        .await
        .expect("as many as that")
        .unwrap();
}

#[tokio::test]
async fn election_reaches_two_browsers_by_one_watch_which_ends_with_the_last_of_them() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let path = format!("/api/elections/{id}/live");
    let mut first = booth.follow(&path).await;
    let began = first.wait_for("result", |_| true).await;
    assert_eq!(
        (&began["ballots"], &began["phase"]),
        (&json!(0), &json!("open"))
    );
    let mut second = booth.follow(&path).await;
    second
        .wait_for("result", |result| result["ballots"] == 0)
        .await;
    node.decide(&node.ballot(2, id, 1));
    for events in [&mut first, &mut second] {
        let result = events
            .wait_for("result", |result| result["ballots"] == 1)
            .await;
        assert_eq!(
            result["contests"][0]["counts"][0],
            json!({ "choice": "<b>Pasta</b>", "votes": 1 })
        );
    }
    assert_eq!(
        (node.asked("WatchElection"), *node.shared.watching.borrow()),
        (1, 1)
    );
    drop(first);
    node.decide(&node.ballot(3, id, 1));
    second
        .wait_for("result", |result| result["ballots"] == 2)
        .await;
    assert_eq!(*node.shared.watching.borrow(), 1, "one still follows it");
    drop(second);
    // The server sees that somebody is gone when it has something to say.
    node.decide(&node.ballot(4, id, 1));
    until(&node.shared.watching, 0).await;
    // Who comes back is told what has happened since.
    let mut again = booth.follow(&path).await;
    again
        .wait_for("result", |result| result["ballots"] == 3)
        .await;
    assert_eq!(
        (node.asked("WatchElection"), *node.shared.watching.borrow()),
        (2, 1)
    );
}

#[tokio::test]
async fn results_of_many_blocks_a_second_are_told_a_few_times_a_second() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let mut events = booth.follow(&format!("/api/elections/{id}/live")).await;
    events.wait_for("result", |_| true).await;
    node.decide(&node.ballot(2, id, 0));
    events
        .wait_for("result", |result| result["ballots"] == 1)
        .await;
    let start = std::time::Instant::now();
    for voter in 3..7 {
        node.decide(&node.ballot(voter, id, 0));
        events
            .wait_for("result", |result| result["ballots"] == u64::from(voter) - 1)
            .await;
    }
    assert!(
        start.elapsed() >= std::time::Duration::from_millis(800),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn events_end_with_the_election_and_not_before_it_is_counted() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    node.decide(&node.ballot(2, id, 0));
    let mut events = booth.follow(&format!("/api/elections/{id}/live")).await;
    events
        .wait_for("result", |result| result["phase"] == "open")
        .await;
    let close = {
        let organise = vote_chain::Organise {
            election: id,
            act: vote_chain::Act::Close,
        };
        node.shared
            .ledger
            .lock()
            .unwrap()
            .sign(1, vote_chain::Payload::Organise(organise))
    };
    node.decide(&close);
    let mut last = None;
    while let Some((name, data)) = events.next().await {
        assert_eq!(name, "result");
        last = Some(data);
    }
    let last = last.expect("a result");
    assert_eq!(
        (&last["phase"], &last["contests"][0]["leaders"]),
        (&json!("closed"), &json!(["Soup"]))
    );
    until(&node.shared.watching, 0).await;
    // What is over is told once.
    let mut again = booth.follow(&format!("/api/elections/{id}/live")).await;
    again
        .wait_for("result", |result| {
            result["contests"][0]["leaders"] == json!(["Soup"])
        })
        .await;
    while again.next().await.is_some() {}
}

#[tokio::test]
async fn page_learns_that_the_node_is_gone_and_that_it_is_back() {
    let mut node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let mut status = booth.follow("/api/live").await;
    let mut election = booth.follow(&format!("/api/elections/{id}/live")).await;
    status
        .wait_for("status", |status| status["height"] == 1)
        .await;
    election
        .wait_for("result", |result| result["ballots"] == 0)
        .await;
    node.stop().await;
    status.wait_for("gone", |_| true).await;
    election.wait_for("gone", |_| true).await;
    for path in [
        "/api/status",
        "/api/info",
        "/api/elections",
        "/api/find?q=lunch",
    ] {
        assert_eq!(
            booth.get(path).await.refusal(),
            (503, "gone".into()),
            "{path}"
        );
    }
    let ballot = node.ballot(2, id, 0);
    assert_eq!(
        booth.post("/api/transactions", &ballot).await.refusal(),
        (503, "gone".into())
    );
    // Who begins to follow now is told so, and need not begin anew.
    let mut late = booth.follow(&format!("/api/elections/{id}/live")).await;
    assert_eq!(late.next().await.unwrap().0, "gone");
    let other = node.create("Dinner");
    let mut early = booth.follow(&format!("/api/elections/{other}/live")).await;
    assert_eq!(early.next().await.unwrap().0, "gone");
    node.go_on();
    node.decide(&ballot);
    for events in [&mut election, &mut late] {
        let (name, result) = events.next().await.unwrap();
        assert_eq!(name, "result", "that it is gone is said once");
        if result["ballots"] == 0 {
            events
                .wait_for("result", |result| result["ballots"] == 1)
                .await;
        }
    }
    early
        .wait_for("result", |result| result["title"] == "Dinner")
        .await;
    status
        .wait_for("status", |status| status["height"] == 3)
        .await;
    assert_eq!(booth.get("/api/status").await.status, 200);
    // The ballot that the node has by now is not cast twice.
    assert_eq!(
        booth.post("/api/transactions", &ballot).await.json()["final"],
        true
    );
}

#[tokio::test]
async fn status_is_told_again_and_again_by_one_question() {
    let node = Node::start();
    node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let mut pages = Vec::new();
    for _ in 0..4 {
        let mut page = booth.follow("/api/live").await;
        page.wait_for("status", |status| {
            status["height"] == 1 && status["node"] == "n1"
        })
        .await;
        pages.push(page);
    }
    node.create("Dinner");
    for page in &mut pages {
        page.wait_for("status", |status| status["height"] == 2)
            .await;
    }
    assert!(
        node.asked("Status") < 8,
        "{} questions for four pages",
        node.asked("Status")
    );
}

#[tokio::test]
async fn so_many_elections_are_followed_at_one_time_and_no_more() {
    let node = Node::start();
    let booth = Booth::open(node.socket()).await;
    let ids: Vec<_> = (0..65)
        .map(|number| node.create(&format!("Election {number}")))
        .collect();
    let mut followed = Vec::new();
    for id in &ids[..64] {
        let mut events = booth.follow(&format!("/api/elections/{id}/live")).await;
        events.wait_for("result", |_| true).await;
        followed.push(events);
    }
    let one_more = format!("/api/elections/{}/live", ids[64]);
    assert_eq!(booth.get(&one_more).await.refusal(), (503, "busy".into()));
    // Those that are followed already can be by others, and there is room again when one is not any
    // more.
    booth
        .follow(&format!("/api/elections/{}/live", ids[0]))
        .await
        .wait_for("result", |_| true)
        .await;
    drop(followed.pop());
    node.decide(&node.ballot(2, ids[63], 0));
    until(&node.shared.watching, 63).await;
    booth
        .follow(&one_more)
        .await
        .wait_for("result", |result| result["title"] == "Election 64")
        .await;
}
