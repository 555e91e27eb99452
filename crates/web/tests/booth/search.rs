//! One field to search by whatever one has.

use serde_json::{Value, json};
use vote_web::code::{Tracker, VoterCode};

use crate::browser::Booth;
use crate::fake::Node;

async fn found(booth: &Booth, query: &str) -> Value {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let heard = booth.get(&format!("/api/find?q={encoded}")).await;
    assert_eq!(heard.status, 200, "{query}: {}", heard.head);
    heard.json()["found"].clone()
}

#[tokio::test]
async fn everything_is_found_by_what_people_have_of_it() {
    let node = Node::start();
    let (lunch, dinner) = (node.create("Where to have Lunch"), node.create("Dinner"));
    let booth = Booth::open(node.socket()).await;
    assert_eq!(
        found(&booth, "lunch").await,
        json!([{ "kind": "election", "id": lunch, "height": 2, "title": "Where to have Lunch" }])
    );
    assert_eq!(found(&booth, "  TO HAVE ").await[0]["id"], json!(lunch));
    assert_eq!(found(&booth, "breakfast").await, json!([]));
    assert_eq!(
        found(&booth, &dinner.to_string()[..12]).await[0]["id"],
        json!(dinner)
    );

    let ballot = node.decide(&node.ballot(2, lunch, 1));
    let known = json!([{ "kind": "ballot", "id": ballot, "height": 3 }]);
    let tracker = Tracker::of(&ballot);
    let id = ballot.to_string();
    for query in [
        &tracker.to_string(),
        &tracker.to_string().to_lowercase(),
        &tracker.words(),
        &tracker.qr_text(),
        &id[..32],
        &id[..45],
        &id,
    ] {
        assert_eq!(found(&booth, query).await, known, "{query}");
    }
    // Too short to say which ballot is meant, but not too short to look at the last blocks.
    assert_eq!(
        found(&booth, &id[..10]).await,
        json!([{ "kind": "transaction", "id": ballot, "height": 3 }])
    );
    let block = booth.get("/api/blocks/3").await.json()["hash"]
        .as_str()
        .unwrap()
        .to_owned();
    let the_block = json!({ "kind": "block", "id": block, "height": 3 });
    assert_eq!(found(&booth, "3").await, json!([the_block]));
    for digits in [9, 32, 64] {
        assert_eq!(
            found(&booth, &block[..digits]).await,
            json!([the_block]),
            "{digits} digits"
        );
    }
    assert_eq!(found(&booth, "4").await, json!([]));
    assert_eq!(found(&booth, &"0".repeat(64)).await, json!([]));
    // What created an election is a transaction as well.
    let created = found(&booth, &lunch.to_string()).await;
    assert_eq!(
        (&created[0]["kind"], &created[1]["kind"]),
        (&json!("transaction"), &json!("election"))
    );

    // Blocks that were looked at are not asked for again; new ones are found.
    let before = node.asked("Block");
    let new = node.decide(&node.ballot(3, lunch, 1)).to_string();
    assert_eq!(found(&booth, &new[..10]).await[0]["height"], 4);
    assert_eq!(node.asked("Block"), before + 1);
}

#[tokio::test]
async fn voter_code_that_is_searched_for_goes_no_further() {
    let node = Node::start();
    let booth = Booth::open(node.socket()).await;
    let code = VoterCode::from_random([7; 16]).to_string();
    let heard = booth.get(&format!("/api/find?q={code}")).await;
    assert_eq!(heard.refusal(), (422, "invalid".into()));
    let said = heard.json().to_string();
    assert!(said.contains("secret") && !said.contains(&code), "{said}");
    assert_eq!(node.asked("Elections") + node.asked("Trace"), 0);
}
