//! Who may create elections.

use std::path::Path;

use vote_api::{Fate, RefusalCode};
use vote_chain::{
    Act, Contest, Election, ElectionId, Organise, Payload, SecretKey, Transaction, TransactionId,
};
use vote_cluster::{Cluster, Daemon, Options, credential};

use crate::daemon::starting::Place;
use crate::harness::{Ran, cli, cluster, run};

const CREATE: [&str; 9] = [
    "election", "create", "--title", "Tea", "--choice", "Green", "--choice", "Black", "--json",
];

/// `vote-cli` of somebody with keys of their own.
async fn of(place: &Place, node: &Daemon, who: &str, args: &[&str]) -> Ran {
    let data = place.path(who);
    let socket = node.ready["app_socket"].as_str().unwrap();
    run(
        &place.programs.vote_cli,
        args,
        &[
            ("VOTE_SOCKET", Path::new(socket)),
            ("VOTE_DATA_DIR", Path::new(&data)),
        ],
    )
    .await
}

async fn key_of(place: &Place, node: &Daemon, who: &str) -> String {
    of(place, node, who, &["organiser", "key", "--json"])
        .await
        .json()["key"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn founder_alone_organises_until_it_admits_others_and_no_longer_once_they_are_removed() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    let founder = node.ready["key"].as_str().unwrap().to_owned();
    let ada = key_of(&place, &node, "ada").await;
    let refused = of(&place, &node, "ada", &CREATE).await;
    assert_eq!(refused.code, Some(4), "{refused:?}");
    for words in [
        &ada,
        &founder[..16],
        &format!("vote-cli organiser admit {ada}"),
    ] {
        assert!(refused.err.contains(words), "{words} is not in {refused:?}");
    }
    // The founder's own key can, with nothing more said to anybody.
    let file = place
        .dir
        .path()
        .join("a/validator.key")
        .display()
        .to_string();
    let own = of(
        &place,
        &node,
        "founder",
        &[CREATE.as_slice(), &["--credential", &file]].concat(),
    )
    .await;
    assert_eq!(own.code, Some(0), "{own:?}");

    let admitted = of(&place, &node, "founder", &["organiser", "admit", &ada]).await;
    assert!(
        admitted.code == Some(0) && admitted.out.contains("may create elections"),
        "{admitted:?}"
    );
    assert_eq!(of(&place, &node, "ada", &CREATE).await.code, Some(0));
    let listed = of(&place, &node, "founder", &["organiser", "list"]).await;
    assert!(
        listed.out.contains(&ada) && listed.out.contains(&founder),
        "{listed:?}"
    );

    let removed = of(
        &place,
        &node,
        "founder",
        &["organiser", "remove", &ada, "--json"],
    )
    .await;
    assert_eq!(
        (removed.code, &removed.json()["already"]),
        (Some(0), &false.into()),
        "{removed:?}"
    );
    assert_eq!(of(&place, &node, "ada", &CREATE).await.code, Some(4));
    let status = of(&place, &node, "founder", &["status", "--json"])
        .await
        .json();
    assert_eq!(status["organisers"], serde_json::json!([founder]));
    assert!(node.terminate().await.unwrap().success());
}

#[tokio::test]
async fn organisers_are_those_that_the_founder_names() {
    let place = Place::new();
    let key = run(
        &place.programs.vote_cli,
        &["--data-dir", &place.path("ada"), "organiser", "key"],
        &[],
    )
    .await;
    let key = key.out.trim().to_owned();
    let mut node = place
        .start("a", &["--found", "Co-op", "--organiser", &key])
        .await;
    assert_eq!(of(&place, &node, "ada", &CREATE).await.code, Some(0));
    let file = place
        .dir
        .path()
        .join("a/validator.key")
        .display()
        .to_string();
    let founder = of(
        &place,
        &node,
        "founder",
        &[CREATE.as_slice(), &["--credential", &file]].concat(),
    )
    .await;
    assert_eq!(founder.code, Some(4), "{founder:?}");
    assert!(node.terminate().await.unwrap().success());
    // Both together would leave open who may.
    let both = ["--found", "Again", "--anyone", "--organiser", &key];
    let refused = run(&place.programs.node, &both, &[]).await;
    assert!(
        refused.code == Some(2) && refused.err.contains("--anyone"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn planned_network_has_the_organisers_that_its_genesis_names_or_else_any_key() {
    let place = Place::new();
    let data_dir = place.path("n1");
    let made = run(
        &place.programs.node,
        &["key", "--json", "--data-dir", &data_dir],
        &[],
    )
    .await
    .json();
    let key = made["key"].as_str().unwrap();
    let validator = format!("n1={key}");
    let plan = async |file: &str, more: &[&str]| {
        let file = place.path(file);
        let args = [
            "genesis",
            "--name",
            "Union",
            "--validator",
            &validator,
            "--output",
            &file,
        ];
        run(&place.programs.node, &[&args, more].concat(), &[]).await
    };
    let named = plan("named", &["--json", "--organiser", key]).await.json();
    assert_eq!(named["organisers"], serde_json::json!([key]));
    let open = plan("open", &["--json"]).await.json();
    assert_eq!(open["organisers"], serde_json::Value::Null);
    // Who plans without a word about it is told.
    let told = plan("told", &[]).await;
    assert!(
        told.out.contains("anyone may create elections") && told.out.contains("--organiser"),
        "{told:?}"
    );
}

#[tokio::test]
async fn key_is_admitted_by_more_than_two_thirds_of_four_validators() {
    let mut cluster = cluster(4).await;
    let file = cluster.folder().join("grace.key").display().to_string();
    let shown = cli(&cluster, 0, &["credential", "new", &file, "--json"])
        .await
        .json();
    let key = shown["key"].as_str().unwrap().to_owned();
    let create = [CREATE.as_slice(), &["--credential", &file]].concat();
    for (at, so_far) in [(0, 1), (1, 2)] {
        let approved = cli(&cluster, at, &["organiser", "admit", &key, "--json"]).await;
        assert_eq!(
            (approved.code, &approved.json()["approvals"]),
            (Some(0), &so_far.into()),
            "{approved:?}"
        );
        assert_eq!(cli(&cluster, 3, &create).await.code, Some(4));
    }
    let waiting = cli(&cluster, 0, &["organiser", "list"]).await;
    assert!(
        waiting
            .out
            .contains(&format!("waiting: admit {key}, approved by 2 of 4")),
        "{waiting:?}"
    );
    let last = cli(&cluster, 2, &["organiser", "admit", &key]).await;
    assert!(
        last.code == Some(0) && last.out.contains("may create elections"),
        "{last:?}"
    );
    cluster.agreed(crate::harness::PATIENCE).await.unwrap();
    assert_eq!(cli(&cluster, 3, &create).await.code, Some(0));
    let again = cli(&cluster, 3, &["organiser", "admit", &key]).await;
    assert!(
        again.code == Some(0) && again.out.contains("already"),
        "{again:?}"
    );
    cluster.stop().await.unwrap();
}

/// Submits a transaction of this key; whether it is final, or why it is refused.
async fn decide(
    cluster: &Cluster,
    key: &SecretKey,
    payload: Payload,
) -> Result<TransactionId, (RefusalCode, String)> {
    let bytes = Transaction::sign(cluster.chain, key, payload).to_bytes();
    let id = TransactionId::of(&bytes);
    let client = cluster.client(0).await.unwrap();
    let (fates, _) = client
        .decide_all(vec![bytes], crate::harness::PATIENCE)
        .await;
    match fates.into_iter().next().unwrap() {
        Fate::Final(_) => Ok(id),
        Fate::Refused(refusal) => Err((refusal.code, refusal.reason)),
        Fate::Open => panic!("it is neither final nor refused"),
    }
}

fn tea(salt: u64) -> Payload {
    Payload::CreateElection(Election::simple(
        "Tea".into(),
        vec![Contest::write_in()],
        salt,
    ))
}

#[tokio::test]
async fn where_anyone_may_create_elections_each_key_has_room_for_some_and_closing_makes_room() {
    let options = Options {
        validators: 1,
        anyone: true,
        ..Options::default()
    };
    let mut cluster = Cluster::start(options).await.unwrap();
    let stranger = credential(3, 0);
    let mut created = Vec::new();
    for salt in 0..20 {
        created.push(decide(&cluster, &stranger, tea(salt)).await.unwrap());
    }
    let (code, reason) = decide(&cluster, &stranger, tea(20)).await.unwrap_err();
    assert!(
        code == RefusalCode::WrongState && reason.contains("close or cancel one first"),
        "{reason}"
    );
    decide(&cluster, &credential(3, 1), tea(0))
        .await
        .expect("another key has room of its own");
    let close = Organise {
        election: ElectionId::new(*created[0].hash()),
        act: Act::Close,
    };
    decide(&cluster, &stranger, Payload::Organise(close))
        .await
        .unwrap();
    decide(&cluster, &stranger, tea(20))
        .await
        .expect("there is room for one again");

    let status = cli(&cluster, 0, &["status"]).await;
    assert!(status.out.contains("ANYONE may create them"), "{status:?}");
    // The validators end it whenever they want to.
    let key = cluster.organiser.public().to_string();
    assert_eq!(
        cli(&cluster, 0, &["organiser", "admit", &key]).await.code,
        Some(0)
    );
    let (code, reason) = decide(&cluster, &credential(3, 2), tea(0))
        .await
        .unwrap_err();
    assert!(
        code == RefusalCode::NotEligible && reason.contains("vote-cli organiser admit"),
        "{reason}"
    );
    assert_eq!(cli(&cluster, 0, &CREATE).await.code, Some(0));
    cluster.stop().await.unwrap();
}
