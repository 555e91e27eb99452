//! What is asked for is answered as the contract with the page says.

use serde_json::{Value, json};
use vote_chain::{Act, Archive, ElectionId, TransactionId, decode};

use crate::browser::Booth;
use crate::fake::Node;
use crate::ledger::key;

fn fields(value: &Value) -> Vec<&str> {
    let mut fields: Vec<_> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn node_and_network_are_shown() {
    let node = Node::start();
    let booth = Booth::open(node.socket()).await;
    let info = booth.get("/api/info").await.json();
    assert_eq!(
        fields(&info),
        [
            "allow_attacks",
            "attacks",
            "bundle",
            "chain",
            "chain_name",
            "node",
            "organisers",
            "public",
            "takes_elections",
            "version"
        ]
    );
    assert_eq!(
        (&info["bundle"], &info["public"]),
        (&json!(vote_web::bundle_hash()), &json!(false))
    );
    assert_eq!(
        info["attacks"].as_array().unwrap().len(),
        vote_api::Attack::ALL.len()
    );
    let status = booth.get("/api/status").await.json();
    assert_eq!(
        (&status["chain"], &status["quorum"], &status["height"]),
        (&info["chain"], &json!(true), &json!(0))
    );
    let members = booth.get("/api/members").await.json();
    assert_eq!(
        (
            &members["members"][0]["name"],
            &members["members"][0]["this"]
        ),
        (&json!("n1"), &json!(true))
    );
    let validators = booth.get("/api/validators").await.json();
    assert_eq!(
        validators["validators"][0],
        json!({ "key": key(250).public(), "name": "n1", "power": 1 })
    );
    let evidence = booth.get("/api/evidence").await.json();
    assert_eq!(
        evidence,
        json!({ "evidence": [{ "height": 1, "validator": key(250).public(), "what": "two blocks" }] })
    );
    let attack = booth.post("/api/attacks/forged-parent", b"").await.json();
    assert_eq!(
        (&attack["attack"], &attack["verdicts"][0]["verdict"]),
        (&json!("forged-parent"), &json!("refused"))
    );
    assert_eq!(
        booth.post("/api/attacks/nothing", b"").await.refusal(),
        (404, "not_found".into())
    );
}

#[tokio::test]
async fn election_is_shown_with_its_rules_and_what_others_wrote_as_they_wrote_it() {
    let node = Node::start();
    let id = node.create("<script>alert(1)</script>");
    let booth = Booth::open(node.socket()).await;
    node.decide(&node.ballot(2, id, 1));
    let heard = booth.get("/api/elections").await;
    assert_eq!(
        heard.header("content-type"),
        Some("application/json"),
        "no browser takes it for a page"
    );
    let list = heard.json();
    assert_eq!(
        fields(&list["elections"][0]),
        [
            "ballots",
            "cancelled_at",
            "closes_at",
            "contests",
            "created_at",
            "election",
            "opens_at",
            "phase",
            "title",
            "voters"
        ]
    );
    let detail = booth.get(&format!("/api/elections/{id}")).await.json();
    for (field, value) in [
        ("election", json!(id)),
        ("title", json!("<script>alert(1)</script>")),
        ("organiser", json!(key(1).public())),
        ("phase", json!("open")),
        ("voters", json!("anyone")),
        ("revotes", json!(0)),
        ("results", json!("live")),
        ("quorum", json!(null)),
        ("closes_at", json!(null)),
        (
            "chain",
            booth.get("/api/status").await.json()["chain"].clone(),
        ),
    ] {
        assert_eq!(detail[field], value, "{field}");
    }
    let contest = &detail["contests"][0];
    assert_eq!(
        fields(contest),
        [
            "abstention",
            "choices",
            "majority",
            "max",
            "min",
            "overvotes",
            "rule",
            "seats",
            "shuffle",
            "title"
        ]
    );
    assert_eq!(
        (&contest["choices"], &contest["rule"]),
        (&json!(["Soup", "<b>Pasta</b>"]), &json!("plurality"))
    );
    assert_eq!(fields(&detail["roll"]), ["root", "size", "voters", "votes"]);
    assert_eq!(detail["board"]["size"], 1);
    assert_eq!(
        (
            &detail["result"]["ballots"],
            &detail["result"]["contests"][0]["leaders"]
        ),
        (&json!(1), &json!(["<b>Pasta</b>"]))
    );
    let log = booth.get(&format!("/api/elections/{id}/log")).await.json();
    assert_eq!((&log["election"], &log["log"]), (&json!(id), &json!([])));
}

#[tokio::test]
async fn elections_are_listed_a_page_at_a_time_by_phase_and_by_words_of_the_title() {
    let node = Node::start();
    let [lunch, dinner, again] = ["Lunch", "Dinner", "Lunch again"].map(|title| node.create(title));
    node.decide(&node.act(dinner, Act::Close));
    let booth = Booth::open(node.socket()).await;
    let list = async |query: String| {
        let said = booth.get(&format!("/api/elections?{query}")).await.json();
        let found: Vec<_> = said["elections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["election"].clone())
            .collect();
        json!([found, said["more"]])
    };
    assert_eq!(
        list(String::new()).await,
        json!([[again, dinner, lunch], false])
    );
    assert_eq!(list("limit=2".into()).await, json!([[again, dinner], true]));
    assert_eq!(
        list(format!("limit=2&after={dinner}")).await,
        json!([[lunch], false])
    );
    assert_eq!(list("phase=closed".into()).await, json!([[dinner], false]));
    assert_eq!(
        list("phase=open,draft".into()).await,
        json!([[again, lunch], false])
    );
    assert_eq!(
        list("title=%20lUNCH".into()).await,
        json!([[again, lunch], false])
    );
    let long = format!("title={}", "x".repeat(201));
    for wrong in [
        "limit=0",
        "limit=101",
        "limit=x",
        "phase=over",
        "phase=",
        "after=12",
        "page=2",
        &long,
    ] {
        let refused = booth
            .get(&format!("/api/elections?{wrong}"))
            .await
            .refusal();
        assert_eq!(refused, (422, "invalid".into()), "{wrong}");
    }
}

#[tokio::test]
async fn what_was_signed_is_given_byte_for_byte() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let ballot = node.ballot(2, id, 1);
    let ballot_id = node.decide(&ballot);
    let heard = booth.get(&format!("/api/transactions/{ballot_id}")).await;
    assert_eq!(
        (heard.header("content-type"), &heard.body),
        (Some("application/octet-stream"), &ballot)
    );
    let created = booth.get(&format!("/api/transactions/{id}")).await.body;
    assert_eq!(TransactionId::of(&created).to_string(), id.to_string());
    let unknown = booth
        .get(&format!("/api/transactions/{}", TransactionId::default()))
        .await;
    assert_eq!(unknown.refusal(), (404, "not_found".into()));
    assert_eq!(
        booth.get("/api/transactions/12").await.refusal(),
        (422, "invalid".into())
    );
    // A node that says something else for it is not believed, nor asked again for what is known.
    node.lie_about(ballot_id, node.ballot(2, id, 0));
    assert_eq!(
        booth
            .get(&format!("/api/transactions/{ballot_id}"))
            .await
            .body,
        ballot
    );
    let booth = Booth::open(node.socket()).await;
    let heard = booth.get(&format!("/api/transactions/{ballot_id}")).await;
    assert_eq!(heard.refusal(), (502, "at_fault".into()));
    assert!(
        !String::from_utf8_lossy(&heard.body).contains("node.sock"),
        "where the node is, is nothing for visitors"
    );
}

#[tokio::test]
async fn block_says_what_its_transactions_are_about() {
    let node = Node::start();
    let booth = Booth::open(node.socket()).await;
    assert_eq!(
        booth.get("/api/blocks/latest").await.refusal(),
        (404, "not_found".into()),
        "there is none yet"
    );
    let id = node.create("Lunch");
    let ballot = node.decide(&node.ballot(2, id, 1));
    let created = booth.get("/api/blocks/1").await.json();
    assert_eq!(
        (
            &created["transactions"][0]["kind"],
            &created["transactions"][0]["election"]
        ),
        (&json!("create election"), &json!(id))
    );
    let latest = booth.get("/api/blocks/latest").await.json();
    let transaction = &latest["transactions"][0];
    assert_eq!(
        (&transaction["id"], &transaction["election"]),
        (&json!(ballot), &json!(id))
    );
    assert_eq!(
        (&latest["header"]["parent"], &latest["signed_by"]),
        (&created["hash"], &json!([key(250).public()]))
    );
}

#[tokio::test]
async fn archive_that_is_downloaded_shows_the_election() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    for voter in 2..9 {
        node.decide(&node.ballot(voter, id, u16::from(voter % 3 == 0)));
    }
    let heard = booth.get(&format!("/api/elections/{id}/archive")).await;
    assert_eq!(
        heard.header("content-length"),
        Some(heard.body.len().to_string().as_str())
    );
    let name = format!("attachment; filename=\"{id:.16}.archive\"");
    assert_eq!(heard.header("content-disposition"), Some(name.as_str()));
    let archive: Archive = decode(&heard.body).unwrap();
    let audit = archive.verify(None, |_| {}).unwrap();
    assert_eq!((audit.record.id, audit.tally.turnout.ballots), (id, 7));
    // There is room for the next: no download holds on to it.
    for _ in 0..3 {
        assert_eq!(
            booth
                .get(&format!("/api/elections/{id}/archive"))
                .await
                .body,
            heard.body
        );
    }
    let unknown = booth
        .get(&format!("/api/elections/{}/archive", ElectionId::default()))
        .await;
    assert_eq!(unknown.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn ballot_is_traced_by_the_beginning_of_its_id() {
    let node = Node::start();
    let id = node.create("Lunch");
    let booth = Booth::open(node.socket()).await;
    let ballot = node.decide(&node.ballot(2, id, 1));
    for digits in [32, 40, 64] {
        let trace = booth
            .get(&format!("/api/ballots/{}", &ballot.to_string()[..digits]))
            .await
            .json();
        assert_eq!(
            (&trace["ballot"], &trace["counts"]),
            (&json!(ballot), &json!(true))
        );
    }
    for wrong in [&ballot.to_string()[..30], &ballot.to_string()[..33], "xx"] {
        assert_eq!(
            booth.get(&format!("/api/ballots/{wrong}")).await.refusal(),
            (422, "invalid".into()),
            "{wrong}"
        );
    }
}
