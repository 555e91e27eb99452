//! What a voter and an organiser see.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use vote_api::Request;

use crate::harness::{PATIENCE, cli, cluster, election, run, voter_dir};

#[tokio::test]
async fn ballot_is_cast_counted_on_every_node_and_its_receipt_checks_offline() {
    let mut cluster = cluster(4).await;
    election(&cluster).await;
    let cast = cli(&cluster, 2, &["cast", "Pasta", "--name", "Ada", "--json"]).await;
    assert_eq!(cast.code, Some(0), "{cast:?}");
    let cast = cast.json();
    let receipt = cast["receipt"].as_str().unwrap().to_owned();
    assert!(receipt.starts_with(voter_dir(&cluster).to_str().unwrap()));
    cluster.agreed(PATIENCE).await.unwrap();
    for at in 0..4 {
        let tally = cli(&cluster, at, &["tally", "--json"]).await.json();
        assert_eq!(
            (&tally["ballots"], &tally["contests"][0]["leaders"][0]),
            (&1.into(), &"Pasta".into()),
            "node {at}"
        );
    }
    let again = cli(&cluster, 1, &["cast", "Soup", "--name", "Ada"]).await;
    assert_eq!(again.code, Some(4), "{again:?}");
    assert!(
        again.err.contains("already voted") && again.err.contains(cast["ballot"].as_str().unwrap()),
        "{again:?}"
    );
    let chain = cluster.chain.to_string();
    cluster.stop().await.unwrap();
    let checked = cli(
        &cluster,
        0,
        &["receipt", "check", &receipt, "--chain", &chain],
    )
    .await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let other = "0".repeat(64);
    assert_eq!(
        cli(
            &cluster,
            0,
            &["receipt", "check", &receipt, "--chain", &other]
        )
        .await
        .code,
        Some(6)
    );
    let mut bytes = std::fs::read(&receipt).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&receipt, bytes).unwrap();
    let forged = cli(&cluster, 0, &["receipt", "check", &receipt]).await;
    assert_eq!(forged.code, Some(6), "{forged:?}");
    assert!(forged.err.contains("FAILED"), "{forged:?}");
    let gone = cli(&cluster, 0, &["status"]).await;
    assert_eq!(gone.code, Some(5), "{gone:?}");
}

#[tokio::test]
async fn wrong_choices_and_states_have_their_exit_codes() {
    let mut cluster = cluster(1).await;
    assert_eq!(
        cli(&cluster, 0, &["cast", "Soup"]).await.code,
        Some(3),
        "no election yet"
    );
    let id = election(&cluster).await.to_string();
    let pizza = cli(&cluster, 0, &["cast", "Pizza"]).await;
    assert_eq!(pizza.code, Some(2));
    assert!(pizza.err.contains("Soup, Pasta"), "{pizza:?}");
    assert_eq!(cli(&cluster, 0, &["tally", "ffff"]).await.code, Some(3));
    assert_eq!(cli(&cluster, 0, &["block", "9999"]).await.code, Some(3));
    assert_eq!(cli(&cluster, 0, &["frobnicate"]).await.code, Some(2));
    assert_eq!(
        cli(&cluster, 0, &[]).await.code,
        Some(2),
        "no menu off a terminal"
    );
    let closed = cli(&cluster, 0, &["election", "close", &id[..8]]).await;
    assert_eq!(closed.code, Some(0), "{closed:?}");
    let late = cli(&cluster, 0, &["cast", &id[..8], "Soup"]).await;
    assert_eq!(late.code, Some(3));
    assert!(late.err.contains("closed"), "{late:?}");
    cluster.kill_node(0).await.unwrap();
    assert_eq!(cli(&cluster, 0, &["tally"]).await.code, Some(5));
}

#[tokio::test]
async fn election_without_a_choice_is_no_ballot() {
    let mut cluster = cluster(1).await;
    let created = cli(
        &cluster,
        0,
        &[
            "election",
            "create",
            "--title",
            "Trip",
            "--write-in",
            "--json",
        ],
    )
    .await
    .json();
    let id = created["election"].as_str().unwrap().to_owned();
    for said in [&id, &id[..16], &id[..4].to_uppercase()] {
        let alone = cli(&cluster, 0, &["cast", said]).await;
        assert_eq!(alone.code, Some(2), "{alone:?}");
        let typed = format!(
            "is the election \"Trip\"; say what you choose too: vote-cli cast {} CHOICE",
            &id[..8]
        );
        assert!(alone.err.contains(&typed), "{alone:?}");
    }
    assert_eq!(
        cli(&cluster, 0, &["tally", "--json"]).await.json()["ballots"],
        0
    );
    assert_eq!(
        cli(&cluster, 0, &["cast", "Rome", "--name", "a"])
            .await
            .code,
        Some(0)
    );
    assert_eq!(
        cli(&cluster, 0, &["cast", &id, &id[..8], "--name", "b"])
            .await
            .code,
        Some(0),
        "it is said in full"
    );
    assert_eq!(
        cli(&cluster, 0, &["tally", "--json"]).await.json()["ballots"],
        2
    );
    // Where choices are listed, they are said.
    let listed = cli(&cluster, 0, &["election", "close", &id]).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let lunch = election(&cluster).await.to_string();
    let alone = cli(&cluster, 0, &["cast", &lunch[..8]]).await;
    assert!(
        alone.code == Some(2) && alone.err.contains("the choices are: Soup, Pasta"),
        "{alone:?}"
    );
    assert_eq!(
        cli(
            &cluster,
            0,
            &["election", "create", "--title", "Game", "--write-in"]
        )
        .await
        .code,
        Some(0)
    );
    let alone = cli(&cluster, 0, &["cast", &lunch[..8]]).await;
    assert!(
        alone.err.contains("say what you choose too"),
        "also beside another that is open: {alone:?}"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn election_opens_and_closes_by_itself_at_its_times() {
    let mut cluster = cluster(4).await;
    let args = [
        "election",
        "create",
        "--title",
        "Soon",
        "--write-in",
        "--opens",
        "+2s",
        "--closes",
        "+6s",
        "--json",
    ];
    let created = cli(&cluster, 0, &args).await.json();
    let id = created["election"].as_str().unwrap().to_owned();
    let early = cli(&cluster, 1, &["cast", &id, "Rust"]).await;
    assert_eq!(early.code, Some(3), "{early:?}");
    let phase = |word: &'static str| {
        let (cluster, id) = (&cluster, id.clone());
        async move {
            let reached = async {
                while cli(cluster, 3, &["election", "show", &id, "--json"])
                    .await
                    .json()["phase"]
                    != word
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            timeout(PATIENCE, reached)
                .await
                .unwrap_or_else(|_| panic!("the election is never {word}"));
        }
    };
    phase("open").await;
    let cast = cli(&cluster, 1, &["cast", &id, "Rust"]).await;
    assert_eq!(cast.code, Some(0), "{cast:?}");
    phase("closed").await;
    let tally = cli(&cluster, 2, &["tally", &id]).await;
    assert!(
        tally.out.contains("Rust has won, with 1 of 1 votes."),
        "{tally:?}"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn several_apps_are_served_at_once_and_told_when_the_node_leaves() {
    let mut cluster = cluster(1).await;
    let election = election(&cluster).await;
    let first = cluster.client(0).await.unwrap();
    let mut watching = first
        .stream(Request::WatchElection(election))
        .await
        .unwrap();
    watching.next().await.unwrap().unwrap();
    let cast = cli(&cluster, 0, &["cast", "Soup"]).await;
    assert_eq!(cast.code, Some(0), "{cast:?}");
    let news = timeout(PATIENCE, watching.next()).await.unwrap().unwrap();
    assert!(
        matches!(news, Some(vote_api::Answer::Election(view)) if view.tally.turnout.ballots == 1)
    );
    let second = cluster.client(0).await.unwrap();
    let mut leaving = cluster.nodes[0].daemon.take().unwrap();
    let status = leaving.terminate().await.unwrap();
    assert_eq!(status.code(), Some(0));
    for client in [first, second] {
        timeout(PATIENCE, client.gone())
            .await
            .expect("the app is told");
    }
    assert!(matches!(
        watching.next().await,
        Err(vote_api::CallError::Gone)
    ));
    assert!(!cluster.nodes[0].socket.exists());
}

#[tokio::test]
async fn menu_asks_for_a_name_and_casts_counts_attacks_and_quits() {
    let mut cluster = cluster(4).await;
    let mut menu = tokio::process::Command::new(&cluster.programs().vote_cli)
        .arg("menu")
        .env("VOTE_SOCKET", &cluster.nodes[0].socket)
        .env("VOTE_DATA_DIR", voter_dir(&cluster))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // With no election there is one to write in, as in the first application.
    let keys = "Ada\nt\nc\nRust\nc\nPython\nt\ns\n1\nx\nq\n";
    menu.stdin
        .take()
        .unwrap()
        .write_all(keys.as_bytes())
        .await
        .unwrap();
    let done = timeout(PATIENCE, menu.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{out}");
    for words in [
        "There is no election yet.",
        "Election \"Vote\", ",
        "Your ballot is final",
        "Not done: credential",
        "Rust leads, with 1 of 1 votes.",
        "parent hash",
        "Type C, T, S or Q.",
    ] {
        assert!(out.contains(words), "{words:?} is missing in {out}");
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn ranked_election_is_cast_in_words_and_counted_in_rounds() {
    let mut cluster = cluster(1).await;
    let choices = ["--choice", "Ada", "--choice", "Grace", "--choice", "Joan"];
    let args = [
        [
            "election", "create", "--title", "Chair", "--rule", "irv", "--json",
        ]
        .as_slice(),
        &choices,
    ]
    .concat();
    assert_eq!(cli(&cluster, 0, &args).await.code, Some(0));
    for (voter, ballot) in [
        ("a", "Ada"),
        ("b", "Ada > Joan"),
        ("c", "2 > 1"),
        ("d", "Joan > Grace"),
        ("e", "Joan"),
    ] {
        let cast = cli(&cluster, 0, &["cast", ballot, "--name", voter]).await;
        assert_eq!(cast.code, Some(0), "{cast:?}");
    }
    let wrong = cli(&cluster, 0, &["cast", "Ada > Ada", "--name", "f"]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("a ranking, best first"), "{wrong:?}");
    let tally = cli(&cluster, 0, &["tally"]).await;
    for words in [
        "5 votes, counted by irv",
        "round 1: Grace is excluded",
        "Elected, if it closed now: Ada.",
    ] {
        assert!(
            tally.out.contains(words),
            "{words:?} is missing in {tally:?}"
        );
    }
    let json = cli(&cluster, 0, &["tally", "--json"]).await.json()["contests"][0].clone();
    assert_eq!(json["rounds"][1]["votes"]["Ada"], 3);
    // The ballots alone, for other programs, come to the same.
    for name in ["chair.blt", "chair.toi"] {
        let file = cluster.folder().join(name).display().to_string();
        let exported = cli(&cluster, 0, &["export", "-o", &file]).await;
        assert_eq!(exported.code, Some(0), "{exported:?}");
        let counted = cli(&cluster, 0, &["count", &file, "--rule", "irv", "--json"])
            .await
            .json();
        assert_eq!(
            (&counted["winners"][0], &counted["ballots"]),
            (&json["leaders"][0], &5.into())
        );
        assert_eq!(counted["rounds"], json["rounds"]);
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn file_is_counted_with_no_node() {
    let programs = vote_cluster::Programs::find().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("small.blt");
    std::fs::write(
        &file,
        "3 1\n-3\n4 1 0\n3 3 2 0\n2 2 0\n0\n\"Ada\"\n\"Grace\"\n\"Joan\"\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let env = [("HOME", dir.path())];
    let counted = run(
        &programs.vote_cli,
        &["count", path, "--rule", "irv", "--json"],
        &env,
    )
    .await;
    assert_eq!(
        counted.json()["winners"],
        serde_json::json!(["Grace"]),
        "Joan has withdrawn: {counted:?}"
    );
    let note = counted.json()["notes"][0].as_str().unwrap().to_owned();
    assert!(
        note.starts_with("line 9: there is no title"),
        "what was taken for a name is said: {note}"
    );
    let wrong = run(
        &programs.vote_cli,
        &["count", path, "--rule", "plurality"],
        &env,
    )
    .await;
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    std::fs::write(&file, "nonsense").unwrap();
    let broken = run(&programs.vote_cli, &["count", path], &env).await;
    assert!(
        broken.code == Some(2) && broken.err.contains("line 1"),
        "{broken:?}"
    );
}

#[tokio::test]
async fn exported_election_is_verified_without_a_node_and_a_changed_file_is_refused() {
    let mut cluster = cluster(4).await;
    let id = election(&cluster).await;
    crate::harness::cast_all(&cluster, 1, crate::harness::ballots(&cluster, id, 0..300)).await;
    let file = cluster.folder().join("lunch.archive").display().to_string();
    let other = cluster.folder().join("lunch.new");
    std::fs::write(&other, "mine").unwrap();
    let exported = cli(&cluster, 2, &["export", "-o", &file, "--json"]).await;
    assert_eq!(
        (exported.code, &exported.json()["ballots"]),
        (Some(0), &300.into()),
        "{exported:?}"
    );
    let again = cli(&cluster, 2, &["export", "-o", &file]).await;
    assert_eq!(again.code, Some(1), "an archive is not replaced: {again:?}");
    assert_eq!(
        std::fs::read_to_string(&other).unwrap(),
        "mine",
        "a file of another name is left alone"
    );
    let chain = cluster.chain.to_string();
    cluster.stop().await.unwrap();
    let verified = cli(
        &cluster,
        0,
        &["verify", "archive", &file, "--chain", &chain, "--json"],
    )
    .await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert_eq!(
        verified.json()["contests"][0]["counts"][0],
        serde_json::json!({ "choice": "Soup", "votes": 200 })
    );
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let forged = cli(&cluster, 0, &["verify", "archive", &file]).await;
    assert_eq!(forged.code, Some(6), "{forged:?}");
    assert!(forged.err.contains("FAILED"), "{forged:?}");
}

#[tokio::test]
async fn election_file_is_written_checked_and_put_on_the_ledger() {
    let mut cluster = cluster(1).await;
    let file = cluster.folder().join("board.toml");
    let path = file.display().to_string();
    let written = cli(&cluster, 0, &["election", "new", &path]).await;
    assert_eq!(written.code, Some(0), "{written:?}");
    assert_eq!(
        cli(&cluster, 0, &["election", "new", &path]).await.code,
        Some(1),
        "a file is not replaced"
    );
    let checked = cli(&cluster, 0, &["election", "create", &path, "--check"]).await;
    assert!(
        checked.code == Some(0) && checked.out.contains("counted    by stv; 2 choices win"),
        "{checked:?}"
    );
    assert_eq!(
        cli(&cluster, 0, &["election", "list", "--json"])
            .await
            .json()["elections"],
        serde_json::json!([])
    );
    let created = cli(&cluster, 0, &["election", "create", &path, "--json"]).await;
    assert_eq!(created.code, Some(0), "{created:?}");
    let shown = cli(&cluster, 0, &["election", "show"]).await;
    assert!(
        shown.out.contains("Ada, Grace, Joan") && shown.out.contains("draft"),
        "{shown:?}"
    );
    std::fs::write(&file, "title = \"Board\"\nrule = \"lottery\"\nseats = 0\n").unwrap();
    let wrong = cli(&cluster, 0, &["election", "create", &path, "--check"]).await;
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    for words in ["rule: must be one of", "0 choices; 2 to 500", "0 seats"] {
        assert!(
            wrong.err.contains(words),
            "{words:?} is missing in {wrong:?}"
        );
    }
    cluster.stop().await.unwrap();
}
