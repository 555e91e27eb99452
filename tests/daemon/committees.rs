//! An election that three people organise together, each with a key and a folder of their own.

use std::path::Path;

use serde_json::Value;
use vote_cluster::Daemon;

use crate::daemon::starting::Place;
use crate::harness::{Ran, run};

/// One of the organisers at their machine.
struct Organiser<'a> {
    place: &'a Place,
    socket: String,
    data: String,
}

impl<'a> Organiser<'a> {
    fn new(place: &'a Place, node: &Daemon, name: &str) -> Self {
        Self {
            place,
            socket: node.ready["app_socket"].as_str().unwrap().to_owned(),
            data: place.path(name),
        }
    }

    async fn runs(&self, args: &[&str]) -> Ran {
        run(
            &self.place.programs.vote_cli,
            args,
            &[
                ("VOTE_SOCKET", Path::new(&self.socket)),
                ("VOTE_DATA_DIR", Path::new(&self.data)),
            ],
        )
        .await
    }

    /// Something that is done, or proposed.
    async fn does(&self, args: &[&str]) -> Value {
        let ran = self.runs(&[args, &["--json"]].concat()).await;
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        ran.json()
    }

    async fn key(&self) -> String {
        let key = self.does(&["organiser", "key"]).await;
        key["key"].as_str().unwrap().to_owned()
    }

    async fn waiting(&self) -> Vec<Value> {
        let shown = self.does(&["election", "show", "Chair"]).await;
        shown["committee"]["waiting"].as_array().unwrap().clone()
    }

    async fn phase(&self) -> String {
        let shown = self.does(&["election", "show", "Chair"]).await;
        shown["phase"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn three_organise_an_election_of_whom_two_must_sign() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op", "--anyone"]).await;
    let [ada, joan, rada] = ["ada", "joan", "rada"].map(|name| Organiser::new(&place, &node, name));
    let (joans, radas) = (joan.key().await, rada.key().await);
    let create = [
        "election",
        "create",
        "--title",
        "Chair",
        "--choice",
        "Joan",
        "--choice",
        "Rada",
        "--roll",
        "--organiser",
        &joans,
        "--organiser",
        &radas,
        "--needed",
    ];
    let all = ada.runs(&[&create[..], &["3", "--check"]].concat()).await;
    assert!(
        all.code == Some(0) && all.err.contains("WARNING"),
        "{all:?}"
    );
    let too_many = ada.runs(&[&create[..], &["4", "--check"]].concat()).await;
    assert_eq!(too_many.code, Some(2), "{too_many:?}");
    ada.does(&[&create[..], &["2"]].concat()).await;

    // Voters are on the roll once a second one has approved them, and seen whom.
    let list = place.path("keys.csv");
    std::fs::write(&list, format!("key\n{joans}\n{radas}\n")).unwrap();
    let imported = ada.does(&["roll", "import", &list, "Chair", "--yes"]).await;
    assert_eq!(
        (&imported["waiting"], &imported["voters"]),
        (&2.into(), &0.into())
    );
    let waits = joan.waiting().await;
    let added = waits[0]["proposal"].as_str().unwrap();
    let (beginning, _) = added.split_at(8);
    let seen = joan
        .does(&["election", "proposed", "Chair", beginning])
        .await;
    let keys = seen["add"].as_array().unwrap();
    assert!(keys.iter().any(|voter| voter["key"] == *joans), "{seen}");
    // Another act could be put in its place that begins with the same digits.
    let by_beginning = joan
        .runs(&["election", "approve", "Chair", beginning])
        .await;
    assert_eq!(by_beginning.code, Some(2), "{by_beginning:?}");
    let approved = joan.does(&["election", "approve", "Chair", added]).await;
    assert_eq!(approved["approved"][0]["done"], true, "{approved}");

    // One alone opens nothing, and sending it again changes nothing.
    for _ in 0..2 {
        let proposed = rada.does(&["election", "open", "Chair"]).await;
        assert_eq!(
            (&proposed["proposed"], &proposed["lacking"]),
            (&true.into(), &1.into())
        );
    }
    assert_eq!(ada.phase().await, "draft");
    let own = rada.runs(&["election", "approve", "Chair", "--all"]).await;
    assert_eq!(own.code, Some(3), "{own:?}");
    ada.does(&["election", "approve", "Chair", "--all"]).await;
    assert_eq!(ada.phase().await, "open");

    // A key is lost: the others put another in its place, and it counts no more.
    let other = Organiser::new(&place, &node, "other");
    let others = other.key().await;
    let replaces = [
        "election",
        "replace-organiser",
        "Chair",
        "--old",
        &radas,
        "--new",
        &others,
        "--reason",
        "lost",
    ];
    let cancel = ["election", "cancel", "Chair", "--reason"];
    rada.does(&[&cancel[..], &["by a thief"]].concat()).await;
    let by_itself = rada.runs(&replaces).await;
    assert_eq!(by_itself.code, Some(4), "{by_itself:?}");
    let replacing = ada.does(&replaces).await;
    let id = replacing["proposal"].as_str().unwrap();
    joan.does(&["election", "approve", "Chair", id]).await;
    assert_eq!(joan.waiting().await.len(), 0, "the thief's went with it");
    let late = rada.runs(&["election", "close", "Chair"]).await;
    assert_eq!(late.code, Some(4), "{late:?}");

    // What was proposed can be taken back by who did it.
    let typo = ada.does(&[&cancel[..], &["typo"]].concat()).await;
    let typo = typo["proposal"].as_str().unwrap();
    let withdraw = ["election", "withdraw", &typo[..8], "Chair"];
    let not_theirs = joan.runs(&withdraw).await;
    assert_eq!(not_theirs.code, Some(4), "{not_theirs:?}");
    ada.does(&withdraw).await;
    let gone = joan.runs(&["election", "approve", "Chair", typo]).await;
    assert_eq!(gone.code, Some(3), "{gone:?}");
    // The same words are the same act, which is not proposed a second time.
    let again = ada.runs(&[&cancel[..], &["typo"]].concat()).await;
    assert!(
        again.code == Some(1) && again.err.contains("waits no more"),
        "{again:?}"
    );
    assert_eq!(ada.phase().await, "open");

    other.does(&["election", "close", "Chair"]).await;
    joan.does(&["election", "approve", "Chair", "--all"]).await;
    assert_eq!(ada.phase().await, "closed");
    let log = ada.runs(&["election", "log", "Chair"]).await;
    for words in [
        format!("{joans:.16}: closed, approved with this"),
        format!("{others:.16}: proposed: close the election"),
        format!(
            "{:.16}: withdrew: cancel the election: typo",
            ada.key().await
        ),
    ] {
        assert!(log.out.contains(&words), "{words} is not in {log:?}");
    }
    let file = place.path("chair.vote");
    ada.does(&["export", "Chair", "-o", &file, "--yes"]).await;
    let verified = ada.runs(&["verify", "archive", &file]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(node.terminate().await.unwrap().success());
}
