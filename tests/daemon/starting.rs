//! Nodes that cannot start say why, and what to do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use vote_cluster::{Daemon, Programs};

use crate::harness::{PATIENCE, Ran, ballots, cast_all, cluster, election, logged, run};

pub(super) struct Place {
    pub(super) programs: Programs,
    pub(super) dir: tempfile::TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self {
            programs: Programs::find().unwrap(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub(super) fn args(&self, name: &str, more: &[&str]) -> Vec<String> {
        let (data, socket) = (self.path(name), self.path(&format!("{name}.sock")));
        let common = [
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            &data,
            "--socket",
            &socket,
        ];
        common.iter().chain(more).map(ToString::to_string).collect()
    }

    pub(super) async fn start(&self, name: &str, more: &[&str]) -> Daemon {
        let log = self.dir.path().join(format!("{name}.log"));
        Daemon::start(name, &self.programs.node, &self.args(name, more), &log)
            .await
            .unwrap()
    }

    /// Runs a node that must fail, with exit code 1.
    pub(super) async fn fail(&self, name: &str, more: &[&str]) -> String {
        self.fail_with(1, name, more).await
    }

    /// Runs a node that must fail with this exit code.
    pub(super) async fn fail_with(&self, exit: i32, name: &str, more: &[&str]) -> String {
        let args = self.args(name, more);
        let Ran { code, out, err } = run(
            &self.programs.node,
            &args.iter().map(String::as_str).collect::<Vec<_>>(),
            &[],
        )
        .await;
        assert_eq!((code, out.as_str()), (Some(exit), ""), "{err}");
        let last = err.lines().last().unwrap().to_owned();
        assert!(last.starts_with("error: "), "{err}");
        last
    }
}

#[tokio::test]
async fn data_directory_in_use_and_port_taken_are_named() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    let error = place.fail("a", &[]).await;
    assert!(
        error.contains("is in use by another node") && error.contains("--data-dir"),
        "{error}"
    );
    let listen = node.ready["listen"][0]
        .as_str()
        .unwrap()
        .split("/p2p/")
        .next()
        .unwrap()
        .to_owned();
    let args = ["--found", "Other", "--listen", &listen];
    let error = run(
        &place.programs.node,
        &[&["--data-dir", &place.path("b")], args.as_slice()].concat(),
        &[],
    )
    .await
    .err;
    assert!(
        error.contains("cannot listen") && error.contains("--listen"),
        "{error}"
    );
    let socket = place.path("a.sock");
    let args = [
        "--data-dir",
        &place.path("c"),
        "--found",
        "Other",
        "--listen",
        "127.0.0.1:0",
        "--socket",
        &socket,
    ];
    let error = run(&place.programs.node, &args, &[]).await.err;
    assert!(error.contains("another node answers on"), "{error}");
    assert!(node.terminate().await.unwrap().success());
    let mut again = place.start("a", &[]).await;
    assert_eq!(
        again.ready["listen"], node.ready["listen"],
        "the port is kept"
    );
    assert!(again.terminate().await.unwrap().success());
}

#[tokio::test]
async fn wrong_chain_and_founding_twice_are_named() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    assert!(node.terminate().await.unwrap().success());
    let error = place.fail("a", &["--chain", &"0".repeat(64)]).await;
    assert!(error.contains("wrong chain"), "{error}");
    let error = place.fail("a", &["--found", "Again"]).await;
    assert!(error.contains("already holds chain"), "{error}");
    let error = place.fail("empty", &[]).await;
    assert!(
        error.contains("--bootstrap") && error.contains("--found"),
        "{error}"
    );
    let error = place
        .fail_with(2, "empty", &["--bootstrap", "127.0.0.1:4700"])
        .await;
    assert!(error.contains("must end in /p2p/"), "{error}");
}

#[tokio::test]
async fn keys_that_others_can_read_are_refused() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    assert!(node.terminate().await.unwrap().success());
    let key = place.dir.path().join("a/validator.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = place.fail_with(5, "a", &[]).await;
    assert!(
        error.contains("can be read by others") && error.contains("chmod 600"),
        "{error}"
    );
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&key, "not a key").unwrap();
    let error = place.fail_with(5, "a", &[]).await;
    assert!(error.contains("is not a key file"), "{error}");
}

#[tokio::test]
async fn damaged_database_is_named_with_what_to_do() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    node.kill().await.unwrap();
    std::fs::write(place.dir.path().join("a/ledger.redb"), b"scribble").unwrap();
    let error = place.fail_with(4, "a", &[]).await;
    assert!(
        error.contains("is damaged") && error.contains("move the ledger away"),
        "{error}"
    );
}

#[tokio::test]
async fn ledger_that_is_only_a_dangling_link_is_not_founded_anew() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    assert!(node.terminate().await.unwrap().success());
    let ledger = place.dir.path().join("a/ledger.redb");
    std::fs::remove_file(&ledger).unwrap();
    std::os::unix::fs::symlink(place.dir.path().join("unplugged/ledger.redb"), &ledger).unwrap();
    let error = place.fail_with(6, "a", &[]).await;
    assert!(error.contains("cannot be used: No such file"), "{error}");
}

#[tokio::test]
async fn whole_ledger_is_checked_while_no_node_uses_it_and_damage_has_its_words_and_its_code() {
    let mut cluster = cluster(1).await;
    let election = election(&cluster).await;
    cast_all(&cluster, 0, ballots(&cluster, election, 0..50)).await;
    let (program, dir) = (
        cluster.programs().node.clone(),
        cluster.nodes[0].data_dir.clone(),
    );
    let folder = dir.display().to_string();
    let args = ["check", "--data-dir", &folder, "--json"];
    let busy = run(&program, &args, &[]).await;
    assert_eq!(busy.code, Some(1), "{busy:?}");
    assert!(
        busy.err.contains("is in use by another node; stop it"),
        "{busy:?}"
    );
    cluster.kill_node(0).await.unwrap();
    let whole = run(&program, &args, &[]).await;
    assert_eq!((whole.code, whole.err.as_str()), (Some(0), ""), "{whole:?}");
    let said = whole.json();
    assert_eq!(
        (&said["valid"], &said["transactions"]),
        (&true.into(), &51.into()),
        "{said}"
    );
    assert_eq!(said["chain"], cluster.chain.to_string());
    assert!(
        said["signatures"].as_u64().unwrap() >= 51 + said["height"].as_u64().unwrap(),
        "{said}"
    );
    let words = run(&program, &args[..3], &[]).await;
    assert!(words.out.starts_with("The ledger is whole"), "{words:?}");

    // One bit of the election's title, wherever it stands.
    let ledger = dir.join("ledger.redb");
    let mut bytes = std::fs::read(&ledger).unwrap();
    let places: Vec<_> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(b"Lunch"))
        .collect();
    places.iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(&ledger, bytes).unwrap();
    let damaged = run(&program, &args, &[]).await;
    assert_eq!(damaged.code, Some(4), "{damaged:?}");
    assert_eq!(damaged.json()["valid"], false);
    assert!(
        damaged.err.contains("is damaged") && damaged.err.contains("move the ledger away"),
        "{damaged:?}"
    );

    let nowhere = cluster.folder().join("nowhere");
    let none = run(
        &program,
        &["check", "--data-dir", nowhere.to_str().unwrap()],
        &[],
    )
    .await;
    assert_eq!((none.code, nowhere.exists()), (Some(1), false), "{none:?}");
    assert!(none.err.contains("there is no data directory"), "{none:?}");
}

fn names(dir: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn ledger_by_itself_is_checked_and_nothing_is_made_or_removed_beside_it() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    assert!(node.terminate().await.unwrap().success());
    let copy = place.dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    let ledger = place.dir.path().join("a/ledger.redb");
    std::fs::copy(ledger, copy.join("ledger.redb")).unwrap();
    std::fs::write(copy.join("ledger.unfinished"), "of another program").unwrap();
    let before = names(&copy);
    let folder = copy.display().to_string();
    let checked = run(&place.programs.node, &["check", "--data-dir", &folder], &[]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(names(&copy), before);
}

fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[tokio::test]
async fn pipe_or_folder_in_place_of_the_sign_state_is_named() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    assert!(node.terminate().await.unwrap().success());
    let path = place.dir.path().join("a/sign-state");
    std::fs::remove_file(&path).unwrap();
    pipe(&path);
    let error = tokio::time::timeout(PATIENCE, place.fail_with(5, "a", &[])).await;
    let error = error.expect("nobody waits for what comes through the pipe");
    assert!(error.contains("sign-state is no file"), "{error}");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let error = place.fail_with(5, "a", &[]).await;
    assert!(error.contains("sign-state is no file"), "{error}");
}

/// Nothing ever comes through the pipe: the start lasts as long as with a ledger without end.
#[tokio::test]
async fn signal_ends_a_node_that_reads_what_it_starts_with() {
    let place = Place::new();
    let mut node = place.start("a", &["--found", "Co-op"]).await;
    assert!(node.terminate().await.unwrap().success());
    let genesis = place.dir.path().join("genesis");
    pipe(&genesis);
    let genesis = genesis.display().to_string();
    // Of the first the genesis is compared with that of its ledger; the other one takes it.
    for name in ["a", "new"] {
        let mut child = tokio::process::Command::new(&place.programs.node)
            .args(place.args(name, &["--genesis", &genesis]))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // It opens the pipe only when it heeds signals.
        let path = genesis.clone();
        let opened = tokio::spawn(async move {
            let mut options = tokio::fs::OpenOptions::new();
            options.write(true).open(&path).await.unwrap()
        });
        let _open = tokio::time::timeout(PATIENCE, opened).await.unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
        let ended = ended.expect("it does not wait for the end of what it reads");
        assert_eq!(ended.unwrap().code(), Some(0), "{name}");
    }
}

#[tokio::test]
async fn config_file_is_read_and_its_mistakes_are_named() {
    let place = Place::new();
    let file = place.dir.path().join("node.toml");
    std::fs::write(&file, "name = \"from-file\"\nheartbeat_seconds = 5\n").unwrap();
    let mut node = place
        .start(
            "a",
            &["--found", "Co-op", "--config", file.to_str().unwrap()],
        )
        .await;
    assert_eq!(node.ready["name"], "from-file");
    assert!(node.terminate().await.unwrap().success());
    std::fs::write(&file, "nmae = \"typo\"\n").unwrap();
    let error = run(
        &place.programs.node,
        &["--config", file.to_str().unwrap()],
        &[],
    )
    .await
    .err;
    assert!(error.contains("nmae"), "{error}");
}

#[tokio::test]
async fn several_chains_at_one_tracker_have_to_be_told_apart() {
    let place = Place::new();
    let tracker_dir = place.path("tracker");
    let args = [
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &tracker_dir,
    ]
    .map(String::from);
    let log = place.dir.path().join("tracker.log");
    let mut tracker = Daemon::start("tracker", &place.programs.bootstrap, &args, &log)
        .await
        .unwrap();
    let address = tracker.ready["address"].as_str().unwrap().to_owned();
    let mut one = place
        .start("one", &["--found", "One", "--bootstrap", &address])
        .await;
    let mut two = place
        .start("two", &["--found", "Two", "--bootstrap", &address])
        .await;
    for node in [&one, &two] {
        logged(&log, node.ready["peer"].as_str().unwrap()).await;
    }
    let args = place.args("three", &["--bootstrap", &address]);
    let error = run(
        &place.programs.node,
        &args.iter().map(String::as_str).collect::<Vec<_>>(),
        &[],
    )
    .await
    .err;
    let chains = [&one, &two].map(|node| node.ready["chain"].as_str().unwrap().to_owned());
    assert!(
        error.contains("--chain") && chains.iter().all(|chain| error.contains(chain)),
        "{error}"
    );
    let mut three = place
        .start("three", &["--bootstrap", &address, "--chain", &chains[1]])
        .await;
    assert_eq!(three.ready["chain_name"], "Two");
    for daemon in [&mut three, &mut two, &mut one, &mut tracker] {
        assert!(daemon.terminate().await.unwrap().success());
    }
    assert!(!Path::new(&place.path("three.sock")).exists());
}

/// What a terminal leaves behind that closes: SIGHUP, and a standard error that takes nothing more.
#[tokio::test]
async fn terminal_that_closes_ends_neither_node_nor_tracker() {
    let place = Place::new();
    let node_args = place.args("a", &["--found", "Co-op"]);
    let tracker_data = place.path("tracker");
    let tracker_args = [
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &tracker_data,
    ]
    .map(String::from)
    .to_vec();
    for (program, args) in [
        (&place.programs.node, node_args),
        (&place.programs.bootstrap, tracker_args),
    ] {
        let mut command = tokio::process::Command::new(program);
        command
            .args(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            out.next_line().await.unwrap().unwrap().starts_with('{'),
            "it is ready"
        );
        drop(child.stderr.take());
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
        // The second one comes when what is said of the first could not be written.
        for signal in [Signal::SIGHUP, Signal::SIGHUP, Signal::SIGTERM] {
            kill(pid, signal).unwrap();
        }
        let ended = tokio::time::timeout(PATIENCE, child.wait())
            .await
            .expect("it leaves when it is told to")
            .unwrap();
        assert!(ended.success(), "{}: {ended}", program.display());
    }
}

#[tokio::test]
async fn tracker_that_has_lost_its_key_is_said_at_the_tracker_and_at_the_nodes_with_what_to_do() {
    let place = Place::new();
    let tracker_dir = place.path("tracker");
    let args = [
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &tracker_dir,
    ]
    .map(String::from);
    let log = place.dir.path().join("tracker.log");
    let mut tracker = Daemon::start("tracker", &place.programs.bootstrap, &args, &log)
        .await
        .unwrap();
    let old = tracker.ready["address"].as_str().unwrap().to_owned();
    assert!(tracker.terminate().await.unwrap().success());
    std::fs::remove_file(place.dir.path().join("tracker/tracker.key")).unwrap();
    let mut tracker = Daemon::start("tracker", &place.programs.bootstrap, &args, &log)
        .await
        .unwrap();
    let new = tracker.ready["address"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    logged(&log, "tracker.key was gone").await;
    let mut node = place
        .start("a", &["--found", "Co-op", "--bootstrap", &old])
        .await;
    let advice = format!("--bootstrap {new}");
    logged(&place.dir.path().join("a.log"), &advice).await;
    let socket = place.path("a.sock");
    let status = run(
        &place.programs.vote_cli,
        &["status", "--socket", &socket],
        &[],
    )
    .await;
    assert!(
        status.out.contains("NOT REGISTERED") && status.out.contains(&advice),
        "{status:?}"
    );
    let wrong = place.args("b", &["--bootstrap", &old]);
    let log = place.dir.path().join("b.log");
    let mut joins = tokio::process::Command::new(&place.programs.node);
    joins
        .args(&wrong)
        .stderr(std::fs::File::create(&log).unwrap())
        .kill_on_drop(true);
    let joins = joins.spawn().unwrap();
    logged(&log, &advice).await;
    drop(joins);
    for daemon in [&mut node, &mut tracker] {
        assert!(daemon.terminate().await.unwrap().success());
    }
}
