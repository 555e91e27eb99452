//! Validators whose keys, folders or ledgers are gone, older, copied, or in use twice.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use vote_api::{Answer, Client, Request, Signing, Status};
use vote_chain::{ChainId, ElectionId, Selection, TransactionId};
use vote_cluster::{Caster, Daemon, credential};

use super::starting::Place;
use crate::harness::{
    Finals, PATIENCE, all_count, ballots, cast, cast_all, cluster, election, logged, run,
};

/// Copies a folder as `cp -a` does. What was there is gone.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

async fn client(daemon: &Daemon) -> Client {
    Client::connect(Path::new(daemon.ready["app_socket"].as_str().unwrap()))
        .await
        .unwrap()
}

async fn status(daemon: &Daemon) -> Status {
    let Ok(Answer::Status(status)) = client(daemon).await.call(Request::Status).await else {
        panic!("no status")
    };
    *status
}

/// Waits until a node's status is as wanted.
async fn until(daemon: &Daemon, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
    let seen = async {
        loop {
            let status = status(daemon).await;
            if wanted(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Waits until a node has ended by itself, and gives its exit code.
async fn ended(daemon: &mut Daemon) -> Option<i32> {
    let seen = async {
        loop {
            if let Some(exit) = daemon.ended().unwrap() {
                return exit.code();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen)
        .await
        .expect("the node ends")
}

fn chain(daemon: &Daemon) -> ChainId {
    daemon.ready["chain"].as_str().unwrap().parse().unwrap()
}

async fn vote(place: &Place, node: &Daemon, args: &[&str]) -> serde_json::Value {
    let voter = place.path("voter");
    let socket = node.ready["app_socket"].as_str().unwrap();
    let env = [
        ("VOTE_SOCKET", Path::new(socket)),
        ("VOTE_DATA_DIR", Path::new(&voter)),
    ];
    let ran = run(&place.programs.vote_cli, args, &env).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.json()
}

async fn new_election(place: &Place, node: &Daemon) -> ElectionId {
    vote(place, node, &["organiser", "admit", "--json"]).await;
    let args = [
        "election", "create", "--title", "Lunch", "--choice", "Soup", "--choice", "Pasta", "--json",
    ];
    vote(place, node, &args).await["election"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Casts the ballots of these voters, and waits until they are final.
async fn cast_at(
    node: &Daemon,
    election: ElectionId,
    voters: std::ops::Range<usize>,
) -> Vec<TransactionId> {
    let ballot = |voter| {
        Caster::ballot(
            chain(node),
            election,
            &credential(7, voter),
            Selection::Listed(1),
        )
    };
    let finals = Finals::default();
    let client = client(node).await;
    let all = cast(&client, voters.map(ballot).collect(), &finals);
    tokio::time::timeout(PATIENCE, all)
        .await
        .expect("ballots become final in time")
        .unwrap();
    let finals = finals.lock().unwrap();
    finals.clone()
}

async fn has_receipts(node: &Daemon, ids: &[TransactionId]) {
    let client = client(node).await;
    for id in ids {
        let answer = client.call(Request::Receipt(*id)).await;
        assert!(
            matches!(answer, Ok(Answer::Receipt(_))),
            "the final ballot {id} is lost: {answer:?}"
        );
    }
}

/// A tracker, and its address.
async fn tracker(place: &Place) -> (Daemon, String) {
    let args = [
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &place.path("tracker"),
    ]
    .map(String::from);
    let log = place.dir.path().join("tracker.log");
    let tracker = Daemon::start("tracker", &place.programs.bootstrap, &args, &log)
        .await
        .unwrap();
    let address = tracker.ready["address"].as_str().unwrap().to_owned();
    (tracker, address)
}

#[tokio::test]
async fn founder_put_back_from_a_backup_learns_from_its_follower_and_nothing_final_is_lost() {
    let place = Place::new();
    let (mut tracker, address) = tracker(&place).await;
    let args = ["--bootstrap", &address, "--heartbeat-seconds", "1"];
    let mut north = place
        .start("north", &[&["--found", "Co-op"], args.as_slice()].concat())
        .await;
    let mut south = place.start("south", &args).await;
    let election = new_election(&place, &north).await;
    cast_at(&north, election, 0..1).await;
    until(&south, "the follower to be connected", |status| {
        status.peers == 1 && status.height.get() > 1
    })
    .await;
    assert!(north.terminate().await.unwrap().success());
    let (live, backup) = (
        place.dir.path().join("north"),
        place.dir.path().join("backup"),
    );
    copy(&live, &backup);
    let mut north = place.start("north", &args).await;
    let finals = cast_at(&north, election, 1..4).await;
    let height = status(&north).await.height;
    until(&south, "the follower to have them", |status| {
        status.height >= height
    })
    .await;
    north.kill().await.unwrap();
    let ahead = status(&south).await.height;
    copy(&backup, &live);
    let mut north = place.start("north", &args).await;
    until(&north, "the founder to sign again", |status| {
        status.height >= ahead && status.signing == Signing::Signs
    })
    .await;
    has_receipts(&north, &finals).await;
    let later = cast_at(&north, election, 4..6).await;
    let height = status(&north).await.height;
    let there = until(&south, "the follower to go on", |status| {
        status.height >= height
    })
    .await;
    has_receipts(&south, &[finals, later].concat()).await;
    assert_eq!((there.evidence, status(&north).await.evidence), (0, 0));
    for daemon in [&mut north, &mut south, &mut tracker] {
        assert!(daemon.terminate().await.unwrap().success());
    }
}

#[tokio::test]
async fn lone_founder_goes_on_at_once_where_it_was_and_waits_in_a_copy_until_it_is_told_that_it_is_alone()
 {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    let election = new_election(&place, &node).await;
    node.kill().await.unwrap();
    let mut node = place.start("a", &[]).await;
    assert_eq!(status(&node).await.signing, Signing::Signs);
    cast_at(&node, election, 0..3).await;
    assert!(node.terminate().await.unwrap().success());
    copy(&place.dir.path().join("a"), &place.dir.path().join("b"));
    let mut copied = place.start("b", &[]).await;
    let Signing::Waits(why) = status(&copied).await.signing else {
        panic!("it signs in a copy of its folder")
    };
    assert!(
        why.contains("this folder is not the one that it left") && why.contains("--alone"),
        "{why}"
    );
    logged(&copied.log, "this validator signs nothing for now").await;
    let ballot = Caster::ballot(
        chain(&copied),
        election,
        &credential(7, 3),
        Selection::Listed(1),
    );
    let waiting = client(&copied).await;
    let (_, mut outcomes) = waiting.submit(vec![ballot]).await.unwrap();
    let wait = tokio::time::timeout(Duration::from_secs(3), outcomes.next());
    assert!(wait.await.is_err(), "it has decided something");
    assert!(copied.terminate().await.unwrap().success());
    let mut told = place.start("b", &["--alone"]).await;
    cast_at(&told, election, 4..6).await;
    assert!(told.terminate().await.unwrap().success());
    let mut again = place.start("b", &[]).await;
    assert_eq!(
        status(&again).await.signing,
        Signing::Signs,
        "the copy is its folder now"
    );
    cast_at(&again, election, 6..7).await;
    assert!(again.terminate().await.unwrap().success());
}

#[tokio::test]
async fn key_that_is_gone_or_another_is_never_replaced_in_silence() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    let key = node.ready["key"].as_str().unwrap().to_owned();
    assert!(node.terminate().await.unwrap().success());
    let dir = place.dir.path().join("a");
    let (file, aside) = (dir.join("validator.key"), dir.join("aside"));
    fs::rename(&file, &aside).unwrap();
    let error = place.fail_with(5, "a", &[]).await;
    assert!(
        error.contains("validator.key is gone")
            && error.contains(&key)
            && error.contains("node key"),
        "{error}"
    );
    let asked = run(
        &place.programs.node,
        &["key", "--data-dir", dir.to_str().unwrap()],
        &[],
    )
    .await;
    assert!(
        asked.code == Some(5) && asked.err.contains("is gone"),
        "{asked:?}"
    );
    symlink(dir.join("nowhere"), &file).unwrap();
    let error = place.fail_with(5, "a", &[]).await;
    assert!(
        error.contains("is a link to a file that is not there"),
        "{error}"
    );
    fs::remove_file(&file).unwrap();
    let mut other = fs::read_to_string(&aside).unwrap();
    other.replace_range(0..1, if other.starts_with('0') { "1" } else { "0" });
    fs::write(&aside, other).unwrap();
    fs::rename(&aside, &file).unwrap();
    let error = place.fail_with(5, "a", &[]).await;
    assert!(
        error.contains("belongs to the validator key") && error.contains(&key),
        "{error}"
    );
    fs::rename(dir.join("node.key"), &aside).unwrap();
    let error = place.fail_with(5, "a", &[]).await;
    assert!(error.contains("node.key is gone"), "{error}");
}

#[tokio::test]
async fn new_key_is_made_when_the_old_one_and_its_sign_state_were_moved_away() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    assert!(node.terminate().await.unwrap().success());
    let dir = place.dir.path().join("a");
    fs::rename(dir.join("validator.key"), dir.join("old.key")).unwrap();
    fs::rename(dir.join("sign-state"), dir.join("old.sign-state")).unwrap();
    let made = run(
        &place.programs.node,
        &["key", "--json", "--data-dir", dir.to_str().unwrap()],
        &[],
    )
    .await;
    let mut node_again = place.start("a", &[]).await;
    assert_eq!(node_again.ready["key"], made.json()["key"]);
    assert_ne!(node_again.ready["key"], node.ready["key"]);
    assert_eq!(status(&node_again).await.signing, Signing::Follower);
    assert!(node_again.terminate().await.unwrap().success());
}

#[tokio::test]
async fn keys_of_a_validator_without_what_they_have_signed_are_refused() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    cast_all(&cluster, 0, ballots(&cluster, election, 0..20)).await;
    cluster.kill_node(3).await.unwrap();
    let dir = cluster.nodes[3].data_dir.clone();
    let away = cluster.folder().join("away");
    fs::rename(&dir, &away).unwrap();
    fs::create_dir(&dir).unwrap();
    for key in ["node.key", "validator.key"] {
        fs::copy(away.join(key), dir.join(key)).unwrap();
    }
    let error = cluster.start_node(3).await.unwrap_err().to_string();
    assert!(
        error.contains("sign-state") && error.contains("could sign twice"),
        "{error}"
    );
    // The same without the sign-state beside its ledger.
    fs::remove_dir_all(&dir).unwrap();
    fs::rename(&away, &dir).unwrap();
    fs::rename(dir.join("sign-state"), dir.join("aside")).unwrap();
    let error = cluster.start_node(3).await.unwrap_err().to_string();
    assert!(
        error.contains("sign-state") && error.contains("could sign twice"),
        "{error}"
    );
    fs::write(dir.join("sign-state"), [7; 8192]).unwrap();
    fs::set_permissions(
        dir.join("sign-state"),
        fs::metadata(dir.join("aside")).unwrap().permissions(),
    )
    .unwrap();
    let error = cluster.start_node(3).await.unwrap_err().to_string();
    assert!(error.contains("is damaged"), "{error}");
    fs::rename(dir.join("aside"), dir.join("sign-state")).unwrap();
    cluster.start_node(3).await.unwrap();
    all_count(&cluster, election, 20).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn validator_whose_ledger_is_gone_fetches_it_and_signs_again_above_what_it_has_signed() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    cast_all(&cluster, 0, ballots(&cluster, election, 0..20)).await;
    cluster.kill_node(3).await.unwrap();
    fs::remove_file(cluster.nodes[3].data_dir.join("ledger.redb")).unwrap();
    cluster.start_node(3).await.unwrap();
    cast_all(&cluster, 0, ballots(&cluster, election, 20..40)).await;
    let signs = |statuses: &[Status]| {
        statuses
            .iter()
            .all(|status| status.signing == Signing::Signs)
    };
    cluster.until("all to sign", PATIENCE, signs).await.unwrap();
    all_count(&cluster, election, 40).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn copy_of_a_validator_that_runs_elsewhere_stops_by_itself_before_it_signs() {
    let mut cluster = cluster(4).await;
    let election = election(&cluster).await;
    cast_all(&cluster, 0, ballots(&cluster, election, 0..20)).await;
    cluster.kill_node(3).await.unwrap();
    let twin = cluster.folder().join("twin");
    copy(&cluster.nodes[3].data_dir, &twin);
    cluster.start_node(3).await.unwrap();
    let signs = |statuses: &[Status]| {
        statuses
            .iter()
            .all(|status| status.signing == Signing::Signs)
    };
    cluster.until("all to sign", PATIENCE, signs).await.unwrap();
    // On another machine it has another identity in the network, or the two would only fight for
    // connections.
    fs::remove_file(twin.join("node.key")).unwrap();
    let data = twin.display().to_string();
    assert_eq!(
        run(&cluster.programs().node, &["key", "--data-dir", &data], &[])
            .await
            .code,
        Some(0)
    );
    let socket = cluster.folder().join("twin.sock").display().to_string();
    let address = cluster.tracker_address.clone();
    let args = [
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &data,
        "--socket",
        &socket,
        "--bootstrap",
        &address,
    ];
    let log = cluster.folder().join("twin.log");
    let mut twin = Daemon::start(
        "twin",
        &cluster.programs().node,
        &args.map(String::from),
        &log,
    )
    .await
    .unwrap();
    assert_eq!(ended(&mut twin).await, Some(5));
    logged(&log, "the key of this validator is used elsewhere").await;
    cast_all(&cluster, 3, ballots(&cluster, election, 20..40)).await;
    let statuses = all_count(&cluster, election, 40).await;
    assert!(
        statuses.iter().all(|status| status.evidence == 0),
        "nobody has signed twice"
    );
    logged(
        &cluster.nodes[3].log,
        "a peer has the validator key of this node",
    )
    .await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn validator_without_its_sign_state_is_refused() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    node.kill().await.unwrap();
    let dir = place.dir.path().join("a");
    fs::remove_file(dir.join("sign-state")).unwrap();
    let error = place.fail_with(5, "a", &[]).await;
    assert!(error.contains("could sign twice"), "{error}");
}

#[tokio::test]
async fn sign_state_of_another_chain_is_not_overwritten() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    node.kill().await.unwrap();
    let dir = place.dir.path().join("a");
    fs::remove_file(dir.join("ledger.redb")).unwrap();
    let error = place.fail_with(5, "a", &["--found", "Again"]).await;
    assert!(
        error.contains("sign-state speaks of chain") && error.contains("move it away"),
        "{error}"
    );
    assert!(!dir.join("ledger.redb").exists(), "nothing is founded");
    fs::remove_file(dir.join("sign-state")).unwrap();
    let mut again = place.start("a", &["--found", "Again"]).await;
    assert_eq!(status(&again).await.signing, Signing::Signs);
    assert!(again.terminate().await.unwrap().success());
}

/// The founder's operator puts an old copy back and says that nobody has anything newer, which is
/// not so.
#[tokio::test]
async fn fork_stops_the_follower_is_shown_to_all_and_recovering_loses_nothing_in_silence() {
    let place = Place::new();
    let (mut tracker, address) = tracker(&place).await;
    let args = ["--bootstrap", &address, "--heartbeat-seconds", "1"];
    let mut north = place
        .start("north", &[&["--found", "Co-op"], args.as_slice()].concat())
        .await;
    let mut south = place.start("south", &args).await;
    let election = new_election(&place, &north).await;
    cast_at(&north, election, 0..1).await;
    assert!(north.terminate().await.unwrap().success());
    let (live, backup) = (
        place.dir.path().join("north"),
        place.dir.path().join("backup"),
    );
    copy(&live, &backup);
    let mut north = place.start("north", &args).await;
    let lost = cast_at(&north, election, 1..3).await;
    let height = status(&north).await.height;
    let ahead = until(&south, "the follower to have them", |status| {
        status.height >= height
    })
    .await
    .height;
    assert!(north.terminate().await.unwrap().success());
    assert!(south.terminate().await.unwrap().success());
    copy(&backup, &live);
    let mut north = place
        .start("north", &[args.as_slice(), &["--alone"]].concat())
        .await;
    let kept = cast_at(&north, election, 5..7).await;
    until(
        &north,
        "the founder to be further than its follower was",
        |status| status.height > ahead.next(),
    )
    .await;

    // The follower is back, and meets another history. Both end, and say so.
    let mut south = place.start("south", &args).await;
    assert_eq!(ended(&mut south).await, Some(3));
    logged(&south.log, "node recover").await;
    assert_eq!(ended(&mut north).await, Some(3));
    // The founder goes on where it was once its operator has seen that, and so does the evidence.
    let mut north = place.start("north", &args).await;
    let evidence = vote(&place, &north, &["evidence", "--json"]).await;
    let what = evidence.to_string();
    assert!(
        what.contains("fork: signed for block")
            && what.contains(north.ready["key"].as_str().unwrap()),
        "{what}"
    );

    let data = place.path("south");
    let recover = [
        "recover",
        "--json",
        "--data-dir",
        &data,
        "--bootstrap",
        &address,
        "--listen",
        "127.0.0.1:0",
    ];
    let report = run(&place.programs.node, &recover, &[]).await;
    assert_eq!(report.code, Some(0), "{report:?}");
    let report = report.json();
    let named = report["lost_transactions"].to_string();
    assert!(
        lost.iter().all(|id| named.contains(&id.to_string())),
        "{report}"
    );
    assert!(
        kept.iter().all(|id| !named.contains(&id.to_string())),
        "{report}"
    );
    for file in ["old_ledger", "lost_file"] {
        assert!(
            fs::metadata(report[file].as_str().unwrap()).unwrap().len() > 0,
            "{report}"
        );
    }
    let mut south = place.start("south", &args).await;
    has_receipts(&south, &kept).await;
    let height = status(&north).await.height;
    let there = until(&south, "the follower to go on", |status| {
        status.height >= height
    })
    .await;
    assert!(there.evidence > 0, "it keeps the proof");
    for daemon in [&mut north, &mut south, &mut tracker] {
        assert!(daemon.terminate().await.unwrap().success());
    }
}

/// Somebody goes on with the history that another node leaves, and the fork is deeper than the
/// block at which that node ended.
#[tokio::test]
async fn recovering_is_not_kept_from_the_right_history_by_a_peer_that_has_the_old_one() {
    let place = Place::new();
    let (mut tracker, address) = tracker(&place).await;
    let args = ["--bootstrap", &address, "--heartbeat-seconds", "1"];
    let mut north = place
        .start("north", &[&["--found", "Co-op"], args.as_slice()].concat())
        .await;
    let mut south = place.start("south", &args).await;
    let election = new_election(&place, &north).await;
    assert!(north.terminate().await.unwrap().success());
    let (live, backup) = (
        place.dir.path().join("north"),
        place.dir.path().join("backup"),
    );
    copy(&live, &backup);
    let mut north = place.start("north", &args).await;
    for voter in 0..3 {
        cast_at(&north, election, voter..voter + 1).await;
    }
    let height = status(&north).await.height;
    let ahead = until(&south, "the follower to have them", |status| {
        status.height >= height
    })
    .await
    .height;
    assert!(north.terminate().await.unwrap().success());
    assert!(south.terminate().await.unwrap().success());
    copy(&backup, &live);
    let mut north = place
        .start("north", &[args.as_slice(), &["--alone"]].concat())
        .await;
    let kept = cast_at(&north, election, 5..7).await;
    until(
        &north,
        "the founder to be further than its follower was",
        |status| status.height > ahead.next(),
    )
    .await;
    let mut south = place.start("south", &args).await;
    assert_eq!(
        (ended(&mut south).await, ended(&mut north).await),
        (Some(3), Some(3))
    );

    // Another node goes on with the old ledger, and the founder with the new one; neither hears of
    // the other.
    assert!(tracker.terminate().await.unwrap().success());
    let (old, east) = (
        place.dir.path().join("south"),
        place.dir.path().join("east"),
    );
    fs::create_dir(&east).unwrap();
    fs::copy(old.join("ledger.redb"), east.join("ledger.redb")).unwrap();
    for file in ["peers", "listen", "settings.toml"] {
        fs::remove_file(live.join(file)).unwrap();
    }
    let made = run(
        &place.programs.node,
        &["key", "--data-dir", &place.path("east")],
        &[],
    )
    .await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let mut north = place.start("north", &[]).await;
    let mut east = place.start("east", &[]).await;
    let (north_at, east_at) = (address_of(&north), address_of(&east));
    let data = place.path("south");
    let recover = [
        "recover",
        "--json",
        "--data-dir",
        &data,
        "--listen",
        "127.0.0.1:0",
        "--peer",
        &east_at,
    ];
    let report = run(&place.programs.node, &recover, &[]).await;
    assert!(
        report.code == Some(1) && report.err.contains("has a history to go over to"),
        "{report:?}"
    );
    let report = run(
        &place.programs.node,
        &[&recover[..], &["--peer", &north_at]].concat(),
        &[],
    )
    .await;
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(
        report.json()["lost_blocks"].as_u64().unwrap() > 1,
        "the fork is deep: {report:?}"
    );
    let mut south = place.start("south", &["--peer", &north_at]).await;
    has_receipts(&south, &kept).await;
    for daemon in [&mut north, &mut south] {
        assert!(daemon.terminate().await.unwrap().success());
    }
    east.kill().await.unwrap();
}

fn address_of(node: &Daemon) -> String {
    node.ready["listen"][0].as_str().unwrap().to_owned()
}
