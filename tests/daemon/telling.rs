//! What programs print and keep: all of it, or an error; and each voter's own.

use std::fs::{File, OpenOptions};
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;
use vote_chain::{ReceiptFile, encode};
use vote_cluster::Cluster;

use crate::harness::{PATIENCE, Ran, cli, cluster, election, run, voter_dir};

/// Runs a program whose standard output is this.
async fn into(
    output: impl Into<Stdio>,
    program: &std::path::Path,
    args: &[&str],
    cluster: &Cluster,
) -> Ran {
    let mut command = Command::new(program);
    command
        .args(args)
        .env("VOTE_SOCKET", &cluster.nodes[0].socket)
        .env("VOTE_DATA_DIR", voter_dir(cluster));
    command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let done = timeout(PATIENCE, command.spawn().unwrap().wait_with_output())
        .await
        .unwrap()
        .unwrap();
    Ran {
        code: done.status.code(),
        out: String::new(),
        err: String::from_utf8(done.stderr).unwrap(),
    }
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// The end of a pipe that nobody reads.
fn unread() -> std::io::PipeWriter {
    std::io::pipe().unwrap().1
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error_and_one_that_nobody_reads_is_a_quiet_one() {
    let mut cluster = cluster(1).await;
    let id = election(&cluster).await.to_string();
    let programs = cluster.programs().clone();
    let path = |name: &str| cluster.folder().join(name).display().to_string();
    let (tracker, keys, genesis) = (path("bootstrap"), path("more"), path("more.genesis"));
    let key = cluster.status(0).await.unwrap().key.to_string();
    let validator = format!("a={key}");
    let commands: [(&std::path::Path, &[&str]); 13] = [
        (&programs.vote_cli, &["--help"]),
        (&programs.vote_cli, &["help", "cast"]),
        (&programs.vote_cli, &["--version"]),
        (&programs.vote_cli, &["status"]),
        (&programs.vote_cli, &["status", "--json"]),
        (&programs.vote_cli, &["election", "list"]),
        (&programs.vote_cli, &["election", "new"]),
        (&programs.vote_cli, &["tally", &id, "--csv"]),
        (&programs.vote_cli, &["block"]),
        (&programs.vote_cli, &["completions", "bash"]),
        (&programs.vote_cli, &["man"]),
        (&programs.bootstrap, &["list", "--data-dir", &tracker]),
        (&programs.node, &["key", "--data-dir", &keys]),
    ];
    for (program, args) in commands {
        let ran = into(full(), program, args, &cluster).await;
        // A node has a code for a disk that is full.
        let wanted = if *program == programs.node { 6 } else { 1 };
        assert_eq!(ran.code, Some(wanted), "{args:?}: {ran:?}");
        assert!(
            ran.err.contains("could be printed") && ran.err.contains("space"),
            "{args:?}: {ran:?}"
        );
        let ran = into(unread(), program, args, &cluster).await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{args:?}");
    }
    let plan = [
        "genesis",
        "--name",
        "x",
        "--validator",
        &validator,
        "--output",
        &genesis,
    ];
    let ran = into(full(), &programs.node, &plan, &cluster).await;
    assert!(
        ran.code == Some(6) && ran.err.contains("could be printed"),
        "{ran:?}"
    );
    // An error that cannot be told has its code all the same.
    let (nowhere, no_file) = (path("nobody.sock"), path("no.toml"));
    for (program, args, code) in [
        (&programs.vote_cli, &["status", "--socket", &nowhere][..], 5),
        (&programs.vote_cli, &["no such command"], 2),
        (&programs.vote_cli, &["cast"], 2),
        (&programs.vote_cli, &[], 2),
        (&programs.node, &["--config", &no_file], 2),
        (&programs.bootstrap, &["list", "--data-dir", &nowhere], 1),
    ] {
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(full())
            .kill_on_drop(true);
        let done = timeout(PATIENCE, command.status()).await.unwrap().unwrap();
        assert_eq!(done.code(), Some(code), "{args:?}");
    }
    // What was to be done besides is done.
    let cast = into(full(), &programs.vote_cli, &["cast", &id, "Soup"], &cluster).await;
    assert!(
        cast.code == Some(1) && cast.err.contains("What was to be done is done"),
        "{cast:?}"
    );
    assert_eq!(
        cli(&cluster, 0, &["tally", &id, "--json"]).await.json()["ballots"],
        1
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn people_whose_names_are_alike_have_keys_of_their_own() {
    let mut cluster = cluster(1).await;
    election(&cluster).await;
    let long = "x".repeat(99);
    let names = [
        "Li Wei",
        "Li.Wei",
        "Li_Wei",
        "li wei",
        "\u{1f389}",
        "\u{1f5f3}",
        "organiser",
        "default",
        &long,
    ];
    for name in names {
        let cast = cli(&cluster, 0, &["cast", "Soup", "--name", name]).await;
        assert_eq!(cast.code, Some(0), "{name}: {cast:?}");
    }
    let ballots = async || cli(&cluster, 0, &["tally", "--json"]).await.json()["ballots"].as_u64();
    assert_eq!(ballots().await, Some(names.len() as u64));
    // However it is typed, it is the same person: who has voted.
    for (name, again) in [("J\u{f6}rg", "Jo\u{308}rg"), ("Ada", " Ada ")] {
        assert_eq!(
            cli(&cluster, 0, &["cast", "Soup", "--name", name])
                .await
                .code,
            Some(0)
        );
        let twice = cli(&cluster, 0, &["cast", "Pasta", "--name", again]).await;
        assert!(
            twice.code == Some(4) && twice.err.contains("already voted"),
            "{twice:?}"
        );
    }
    assert_eq!(ballots().await, Some(names.len() as u64 + 2));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn name_stays_on_the_machine_unless_the_election_takes_names() {
    let mut cluster = cluster(1).await;
    let without = election(&cluster).await.to_string();
    let with = election_by_name(&cluster).await;
    let kept = "the election takes no names: yours stays on this machine";
    let cast = async |election: &str, more: &[&str]| {
        cli(&cluster, 0, &[&["cast", election, "Soup"], more].concat()).await
    };

    let named = cast(&without, &["--name", "Ada"]).await;
    assert_eq!(named.code, Some(0), "{named:?}");
    assert!(
        named.err.contains(kept) && !named.out.contains("Ada"),
        "{named:?}"
    );
    // It is Ada's key all the same.
    let twice = cast(&without, &["--name", "Ada", "--json"]).await;
    assert_eq!(twice.json()["says"]["name"], "", "{twice:?}");
    assert!(!twice.err.contains(kept), "{twice:?}");
    let other = cast(&without, &["--name", "Grace", "--json"]).await;
    assert_ne!(twice.json()["credential"], other.json()["credential"]);

    let nameless = cast(&with, &[]).await;
    assert!(
        nameless.code == Some(2) && nameless.err.contains("--name"),
        "{nameless:?}"
    );
    let named = cast(&with, &["--name", "Ada", "--json"]).await;
    assert_eq!(named.json()["says"]["name"], "Ada", "{named:?}");
    assert_eq!(named.json()["credential"], twice.json()["credential"]);
    cluster.stop().await.unwrap();
}

/// Creates an election in which ballots have names.
async fn election_by_name(cluster: &Cluster) -> String {
    let args = [
        "election", "create", "--title", "Lunch", "--choice", "Soup", "--choice", "Pasta",
        "--names", "--json",
    ];
    let created = cli(cluster, 0, &args).await.json();
    created["election"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn receipt_says_what_was_signed_and_one_of_an_earlier_version_does_not() {
    let mut cluster = cluster(1).await;
    election_by_name(&cluster).await;
    let cast = cli(&cluster, 0, &["cast", "Pasta", "--name", "Ada"]).await;
    assert!(
        cast.out.contains("You cast:") && cast.out.contains("says     Pasta"),
        "{cast:?}"
    );
    let cast = cli(&cluster, 0, &["cast", "Pasta", "--name", "Ada", "--json"])
        .await
        .json();
    let (file, id) = (
        cast["receipt"].as_str().unwrap().to_owned(),
        cast["ballot"].as_str().unwrap().to_owned(),
    );
    let whole = std::fs::read(&file).unwrap();
    for args in [
        ["receipt", "check", &file],
        ["receipt", "show", &file],
        ["receipt", "show", &id],
    ] {
        let shown = cli(&cluster, 0, &args).await;
        for words in [
            "says     Pasta",
            "election \"Lunch\"",
            "name     Ada",
            "counter  0",
        ] {
            assert!(
                shown.code == Some(0) && shown.out.contains(words),
                "{words:?} is missing in {shown:?}"
            );
        }
    }
    let block = cli(&cluster, 0, &["block", &cast["height"].to_string()]).await;
    assert!(
        block.out.contains("Pasta") && block.out.contains("by Ada"),
        "{block:?}"
    );
    // A ballot of somebody else, or another election, beside a good receipt.
    let other = cli(&cluster, 0, &["cast", "Soup", "--name", "Joan", "--json"])
        .await
        .json();
    let Ok(ReceiptFile::Kept(mut kept)) = ReceiptFile::decode(&whole) else {
        panic!("it holds the ballot")
    };
    let Ok(ReceiptFile::Kept(others)) =
        ReceiptFile::decode(&std::fs::read(other["receipt"].as_str().unwrap()).unwrap())
    else {
        panic!("it holds the ballot")
    };
    let bare = encode(&kept.receipt);
    let own = std::mem::replace(&mut kept.ballot, others.ballot);
    std::fs::write(&file, encode(&kept)).unwrap();
    let forged = cli(&cluster, 0, &["receipt", "check", &file]).await;
    assert!(
        forged.code == Some(6) && forged.err.contains("not the one that the receipt is for"),
        "{forged:?}"
    );
    kept.election = own.clone();
    kept.ballot = own;
    std::fs::write(&file, encode(&kept)).unwrap();
    let forged = cli(&cluster, 0, &["receipt", "check", &file]).await;
    assert!(
        forged.code == Some(6) && forged.err.contains("not the one that the ballot is for"),
        "{forged:?}"
    );
    // As an earlier version has written it.
    std::fs::write(&file, bare).unwrap();
    let old = cli(&cluster, 0, &["receipt", "check", &file]).await;
    assert!(
        old.code == Some(0)
            && old.out.contains("does not say whether this is a ballot")
            && !old.out.contains("this ballot"),
        "{old:?}"
    );
    assert!(
        cli(&cluster, 0, &["receipt", "check", &file, "--json"])
            .await
            .json()["says"]
            .is_null()
    );
    // Cast again, which is harmless, it is kept whole; so is one that is damaged.
    for damaged in [
        std::fs::read(&file).unwrap(),
        encode(&kept),
        whole[..100].to_vec(),
    ] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(
            cli(&cluster, 0, &["cast", "Pasta", "--name", "Ada"])
                .await
                .code,
            Some(0)
        );
        assert_eq!(std::fs::read(&file).unwrap(), whole);
    }
    // An act has a receipt too, and is not called a ballot.
    let created = cli(
        &cluster,
        0,
        &[
            "receipt",
            "show",
            &cast["election"].to_string().replace('"', ""),
        ],
    )
    .await;
    assert!(
        created.code == Some(0) && created.out.contains("  transaction "),
        "{created:?}"
    );
    assert!(!created.out.contains("  ballot "), "{created:?}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn node_is_not_called_by_a_key_or_like_another() {
    let programs = vote_cluster::Programs::find().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let key = run(
        &programs.node,
        &["key", "--json", "--data-dir", &path("n")],
        &[],
    )
    .await
    .json();
    let key = key["key"].as_str().unwrap().to_owned();
    let found = [
        "--found",
        "Co-op",
        "--name",
        &key,
        "--data-dir",
        &path("n"),
        "--socket",
        &path("n.sock"),
    ];
    let refused = run(&programs.node, &found, &[]).await;
    assert!(
        refused.code == Some(1) && refused.err.contains("looks like a key or an id"),
        "{refused:?}"
    );
    let other = run(
        &programs.node,
        &["key", "--json", "--data-dir", &path("m")],
        &[],
    )
    .await
    .json();
    let other = other["key"].as_str().unwrap().to_owned();
    for (first, second, words) in [
        ("north", "North", "is the name of another validator"),
        ("north", &key, "looks like a key"),
    ] {
        let (first, second) = (format!("{first}={key}"), format!("{second}={other}"));
        let plan = [
            "genesis",
            "--name",
            "x",
            "--validator",
            &first,
            "--validator",
            &second,
            "--output",
            &path("g"),
        ];
        let refused = run(&programs.node, &plan, &[]).await;
        assert!(
            refused.code == Some(1) && refused.err.contains(words),
            "{refused:?}"
        );
    }
}

/// The key on the roll is the one that this machine has made; the name that the vote asks for picks
/// no other.
#[tokio::test]
async fn voter_on_a_roll_votes_by_name_with_the_key_of_this_machine() {
    let mut cluster = cluster(1).await;
    let key = cli(&cluster, 0, &["credential", "new", "--json"])
        .await
        .json()["key"]
        .clone();
    let create = [
        "election", "create", "--title", "Chair", "--choice", "Joan", "--choice", "Rada",
        "--names", "--roll", "--json",
    ];
    let created = cli(&cluster, 0, &create).await.json();
    let election = created["election"].as_str().unwrap();
    let list = cluster.folder().join("roll.csv").display().to_string();
    std::fs::write(&list, format!("key\n{}\n", key.as_str().unwrap())).unwrap();
    let imported = cli(&cluster, 0, &["roll", "import", &list, "--yes", "--json"]).await;
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let opened = cli(&cluster, 0, &["election", "open", election]).await;
    assert_eq!(opened.code, Some(0), "{opened:?}");

    let cast = cli(&cluster, 0, &["cast", election, "Rada", "--name", "Ada"]).await;
    assert_eq!(cast.code, Some(0), "{cast:?}");
    let told = "everybody can read your name beside your ballot, for ever";
    assert!(
        cast.err.contains(told) && cast.err.contains("default.key"),
        "{cast:?}"
    );
    let tally = cli(&cluster, 0, &["tally", election, "--json"])
        .await
        .json();
    assert_eq!(tally["contests"][0]["leaders"][0], "Rada");
    cluster.stop().await.unwrap();
}
