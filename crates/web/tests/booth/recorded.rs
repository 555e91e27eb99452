//! The answers that the page's own tests have: those of this server, about an election with all
//! that a page compares with what was signed.
//!
//! `BOOTH_ANSWERS=write cargo test -p vote-web recorded` writes the file anew.

use serde_json::{Map, Value, json};
use vote_chain::{
    Act, Ballot, Base, Choices, Contest, Election, ElectionId, Majority, Organise, Payload, Ranks,
    Results, Rule, Selection, Share, Timestamp, TransactionId, Voter, Voters,
};

use crate::browser::Booth;
use crate::fake::Node;
use crate::ledger::key;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/page/tests/answers.json");

/// Who has voted, twice, and who votes in the page's tests.
const ADA: u8 = 2;
const GRACE: u8 = 3;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Something of every kind that an election's text can have.
fn election() -> Election {
    let titled = |title: &str, contest: Contest| Contest {
        title: title.into(),
        ..contest
    };
    let board = Contest::listed(names(&["Kim", "Lee", "Max", "Noa"]), Rule::Stv, 2);
    let two_thirds = Share {
        numerator: 2,
        denominator: 3,
        more: false,
    };
    let contests = vec![
        titled(
            "Board",
            Contest {
                choices_min: 1,
                choices_max: 3,
                ..board
            },
        ),
        titled(
            "Printer",
            Contest {
                abstention: true,
                majority: Some(Majority {
                    share: two_thirds,
                    base: Base::Roll,
                }),
                ..Contest::listed(names(&["Yes", "No"]), Rule::YesNo, 1)
            },
        ),
        titled(
            "Films",
            Contest::listed(names(&["Metropolis", "Alien"]), Rule::Score, 1),
        ),
        titled(
            "Courses",
            Contest::listed(names(&["First aid", "Welding", "Rust"]), Rule::Approval, 2),
        ),
        titled(
            "Lunch",
            Contest::listed(names(&["Soup", "Pasta", "Salad"]), Rule::Plurality, 1),
        ),
        titled(
            "Cat",
            Contest {
                choices: Choices::WriteIn,
                ..Contest::write_in()
            },
        ),
    ];
    Election {
        description: "Each year in May.".into(),
        voters: Voters::WeightedRoll,
        closes_at: Some(Timestamp::from_ms(1_600_000)),
        quorum: Some(Share {
            numerator: 1,
            denominator: 3,
            more: true,
        }),
        revotes: 2,
        results: Results::Live,
        tie_break: "the draw of 2 May".into(),
        names: true,
        ..Election::simple("Annual meeting".into(), contests, 7)
    }
}

fn ballot(election: ElectionId, counter: u32, name: &str, lunch: u16) -> Payload {
    let selections = vec![
        Selection::Ranked(Ranks::new([vec![3], vec![0, 1]]).unwrap()),
        Selection::Listed(0),
        Selection::Scored(vec![2, 9]),
        Selection::Approved(vec![0, 2]),
        Selection::Listed(lunch),
        Selection::WriteIn("Byte".into()),
    ];
    Payload::CastBallot(Ballot {
        election,
        counter,
        name: name.into(),
        selections,
    })
}

struct Recorder {
    booth: Booth,
    answers: Map<String, Value>,
}

impl Recorder {
    /// An answer as it is; bytes in hexadecimal.
    async fn get(&mut self, path: &str) {
        let heard = self.booth.get(&format!("/api{path}")).await;
        assert_eq!(heard.status, 200, "{path}: {}", heard.head);
        let said = match heard.header("content-type") {
            Some("application/json") => heard.json(),
            _ => json!(hex::encode(&heard.body)),
        };
        self.answers.insert(path.into(), said);
    }

    async fn first_event(&mut self, path: &str) {
        let (name, data) = self
            .booth
            .follow(&format!("/api{path}"))
            .await
            .next()
            .await
            .expect("an event");
        self.answers
            .insert(path.into(), json!({ "event": name, "data": data }));
    }
}

#[tokio::test]
async fn answers_are_those_that_the_page_is_tested_with() {
    let node = Node::start();
    let sign = |by: u8, payload: Payload| node.shared.ledger.lock().unwrap().sign(by, payload);
    let decide = |by: u8, payload: Payload| node.decide(&sign(by, payload));
    let id = ElectionId::new(*decide(1, Payload::CreateElection(election())).hash());
    let other = node.create("Lunch");
    let act = |act: Act| decide(1, Payload::Organise(Organise { election: id, act }));
    let mut roll = [ADA, GRACE].map(|number| Voter(key(number).public(), u32::from(number)));
    roll.sort_by_key(|voter| voter.0);
    let opening = Timestamp::from_ms(1_010_000);
    let acts = [
        act(Act::AddVoters(roll.into())),
        act(Act::ChangeTimes {
            opens_at: Some(opening),
            closes_at: None,
            reason: "the hall is booked".into(),
        }),
        act(Act::Open),
        act(Act::ChangeRoll {
            remove: Vec::new(),
            add: vec![Voter(key(4).public(), 1)],
            reason: "joined in April".into(),
        }),
    ];
    let opened = node.shared.ledger.lock().unwrap().state.tip().time;
    let closes_at = Some(Timestamp::from_ms(1_700_000));
    let opens_at = node
        .shared
        .ledger
        .lock()
        .unwrap()
        .state
        .election(&id)
        .unwrap()
        .opens_at;
    assert!(opens_at < Some(opened));
    let late = act(Act::ChangeTimes {
        opens_at,
        closes_at,
        reason: "the hall is booked for longer".into(),
    });
    let first = decide(ADA, ballot(id, 0, "Ada", 0));
    let second = decide(ADA, ballot(id, 1, "Ada", 1));
    let cast = sign(GRACE, ballot(id, 0, "Grace", 2));

    let mut recorder = Recorder {
        booth: Booth::open(node.socket()).await,
        answers: Map::new(),
    };
    for path in ["/info", "/status", "/members", "/validators", "/evidence"] {
        recorder.get(path).await;
    }
    for phase in ["open", "draft", "closed", "cancelled"] {
        recorder.get(&format!("/elections?phase={phase}")).await;
    }
    recorder.first_event("/live").await;
    recorder.first_event(&format!("/elections/{id}/live")).await;
    for path in ["", "/log"] {
        recorder.get(&format!("/elections/{id}{path}")).await;
    }
    for voter in [ADA, GRACE] {
        recorder
            .get(&format!("/elections/{id}/voters/{}", key(voter).public()))
            .await;
    }
    let created = [id, other].map(|election| TransactionId::new(*election.hash()));
    for transaction in acts.into_iter().chain(created).chain([late, first, second]) {
        recorder.get(&format!("/transactions/{transaction}")).await;
    }
    for ballot in [first, second] {
        recorder.get(&format!("/receipts/{ballot}")).await;
        recorder.get(&format!("/ballots/{ballot}")).await;
    }
    let mut before = recorder.answers;
    // These are another at each release.
    before["/info"]["version"] = json!("0.0.0");
    before["/info"]["bundle"] = json!("00".repeat(32));

    let mut recorder = Recorder {
        booth: recorder.booth,
        answers: Map::new(),
    };
    let heard = recorder.booth.post("/api/transactions", &cast).await;
    assert_eq!(heard.status, 200, "{}", heard.head);
    recorder
        .answers
        .insert("/transactions".into(), heard.json());
    let third = TransactionId::of(&cast);
    recorder.get(&format!("/receipts/{third}")).await;
    recorder.get(&format!("/transactions/{third}")).await;
    recorder
        .get(&format!("/elections/{id}/voters/{}", key(GRACE).public()))
        .await;
    let recorded = json!({
        "election": id, "ada": [first, second], "grace": third, "cast": hex::encode(&cast),
        "before": before, "after": recorder.answers,
    });
    if std::env::var("BOOTH_ANSWERS").is_ok_and(|said| said == "write") {
        std::fs::write(
            FILE,
            format!("{}\n", serde_json::to_string_pretty(&recorded).unwrap()),
        )
        .unwrap();
    }
    let known: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    assert!(
        known == recorded,
        "{FILE} has other answers than the server gives; the head of this test says how to mend it"
    );
}
