//! Ballots on their way: final, refused, or waiting.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;
use vote_chain::{KeptReceipt, TransactionId, decode};

use crate::browser::{Booth, PATIENCE};
use crate::fake::Node;
use crate::ledger::key;

#[tokio::test]
async fn ballot_is_final_or_refused_with_the_nodes_reason() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let ballot = node.ballot(2, id, 1);
    let cast = booth.post("/api/transactions", &ballot).await;
    assert_eq!(
        cast.json(),
        json!({ "id": TransactionId::of(&ballot), "height": 2, "final": true })
    );
    let again = booth.post("/api/transactions", &ballot).await;
    assert_eq!(
        again.json(),
        cast.json(),
        "what is sent again is the same ballot"
    );
    let second = booth
        .post("/api/transactions", &node.ballot(2, id, 0))
        .await;
    assert_eq!(second.refusal(), (403, "not_eligible".into()));
    let nowhere = booth
        .post(
            "/api/transactions",
            &node.ballot(3, vote_chain::ElectionId::default(), 0),
        )
        .await;
    assert_eq!(nowhere.refusal(), (409, "wrong_state".into()));
    let mut forged = node.ballot(4, id, 0);
    *forged.last_mut().unwrap() ^= 1;
    for bytes in [forged, b"garbage".to_vec(), Vec::new()] {
        let refused = booth.post("/api/transactions", &bytes).await;
        assert_eq!(refused.refusal(), (422, "invalid".into()));
    }
    let voter = booth
        .get(&format!("/api/elections/{id}/voters/{}", key(2).public()))
        .await
        .json();
    let ballot_id = TransactionId::of(&ballot);
    assert_eq!(
        voter,
        json!({ "votes": 1, "ballot": { "transaction": ballot_id, "height": 2, "counter": 0 } })
    );
    let other = booth
        .get(&format!("/api/elections/{id}/voters/{}", key(3).public()))
        .await
        .json();
    assert_eq!(other, json!({ "votes": 1, "ballot": null }));
}

#[tokio::test]
async fn ballot_that_many_pages_send_is_with_the_node_once_and_all_hear_of_it() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    node.hold(true);
    let ballot = node.ballot(2, id, 1);
    let watch = async {
        let mut held = node.shared.held.subscribe();
        timeout(PATIENCE, held.wait_for(|held| *held == 1))
            .await
            .expect("the node has it")
            .unwrap();
        // It waits, and meanwhile is nowhere to be found. Asked many times, so that all three are
        // on their way by then.
        for _ in 0..20 {
            assert_eq!(
                booth
                    .get(&format!("/api/receipts/{}", TransactionId::of(&ballot)))
                    .await
                    .status,
                404
            );
        }
        assert_eq!((node.asked("Submit"), *node.shared.held.borrow()), (1, 1));
        node.hold(false);
    };
    let send = || booth.post("/api/transactions", &ballot);
    let (first, second, third, ()) = tokio::join!(send(), send(), send(), watch);
    for heard in [first, second, third] {
        assert_eq!(
            heard.json(),
            json!({ "id": TransactionId::of(&ballot), "height": 2, "final": true })
        );
    }
}

#[tokio::test]
async fn ballot_that_takes_long_is_on_its_way_and_can_be_asked_for_again() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::served(node.socket(), true, Duration::from_millis(500)).await;
    node.hold(true);
    let ballot = node.ballot(2, id, 1);
    for _ in 0..2 {
        let heard = booth.post("/api/transactions", &ballot).await;
        assert_eq!(
            (heard.status, heard.json()),
            (
                202,
                json!({ "id": TransactionId::of(&ballot), "final": false })
            )
        );
    }
    assert_eq!(node.asked("Submit"), 1);
    let mut events = booth.follow(&format!("/api/elections/{id}/live")).await;
    node.hold(false);
    events
        .wait_for("result", |result| result["ballots"] == 1)
        .await;
    let patient = Booth::open(node.socket()).await;
    assert_eq!(
        patient.post("/api/transactions", &ballot).await.json()["final"],
        true
    );
}

#[tokio::test]
async fn page_that_goes_away_does_not_take_its_ballot_back() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    node.hold(true);
    let ballot = node.ballot(2, id, 1);
    {
        let sent = booth.post("/api/transactions", &ballot);
        let mut held = node.shared.held.subscribe();
        tokio::select! {
            heard = sent => panic!("it is held back: {}", heard.head),
            taken = timeout(PATIENCE, held.wait_for(|held| *held == 1)) => drop(taken.expect("the node has it").unwrap()),
        }
    }
    let mut events = booth.follow(&format!("/api/elections/{id}/live")).await;
    events
        .wait_for("result", |result| result["ballots"] == 0)
        .await;
    node.hold(false);
    events
        .wait_for("result", |result| result["ballots"] == 1)
        .await;
}

#[tokio::test]
async fn node_that_goes_before_a_ballot_is_final_leaves_no_false_hope() {
    let mut node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    node.hold(true);
    let ballot = node.ballot(2, id, 1);
    let mut held = node.shared.held.subscribe();
    let (heard, ()) = tokio::join!(booth.post("/api/transactions", &ballot), async {
        timeout(PATIENCE, held.wait_for(|held| *held == 1))
            .await
            .expect("the node has it")
            .unwrap();
        node.stop().await;
    });
    assert_eq!(heard.refusal(), (503, "gone".into()));
    node.go_on();
    node.hold(false);
    assert_eq!(
        booth.post("/api/transactions", &ballot).await.json()["final"],
        true
    );
}

#[tokio::test]
async fn receipt_is_a_file_that_holds() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let ballot = node.decide(&node.ballot(2, id, 1));
    let heard = booth.get(&format!("/api/receipts/{ballot}")).await;
    assert_eq!(
        heard.header("content-type"),
        Some("application/octet-stream")
    );
    let name = format!("attachment; filename=\"{ballot:.16}.receipt\"");
    assert_eq!(heard.header("content-disposition"), Some(name.as_str()));
    let kept: KeptReceipt = decode(&heard.body).unwrap();
    let chain = kept.receipt.genesis.chain();
    assert_eq!(
        (
            kept.receipt.transaction,
            kept.check(Some(&chain)).unwrap().transaction
        ),
        (ballot, ballot)
    );
}
