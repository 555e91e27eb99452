//! Elections as organisers run them: rolls, codes, several contests, replacements, and acts that
//! everybody sees.

use std::path::Path;

use vote_api::{Answer, Request};
use vote_chain::{
    Contest, Election, ElectionId, Genesis, Payload, Ranks, Rule, Selection, Transaction,
    TransactionId, decode, encode,
};
use vote_cluster::{Caster, Cluster, Daemon, credential};

use crate::harness::{Ran, cast_all, cli, cli_told, cluster, run};

/// Runs `vote-cli`, which must succeed, and gives its JSON.
async fn json(cluster: &Cluster, args: &[&str]) -> serde_json::Value {
    let ran = cli(cluster, 0, &[args, &["--json"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
    ran.json()
}

async fn refused(cluster: &Cluster, args: &[&str], code: i32, words: &[&str]) -> Ran {
    let ran = cli(cluster, 0, args).await;
    assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
    for words in words {
        assert!(ran.err.contains(words), "{words:?} is missing in {ran:?}");
    }
    ran
}

fn write(cluster: &Cluster, name: &str, text: &str) -> String {
    let path = cluster.folder().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A credential file of a voter with that number.
fn credential_file(cluster: &Cluster, number: usize) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = cluster.folder().join(format!("voter-{number}.key"));
    let seed = credential(9, number)
        .seed()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    std::fs::write(&path, seed).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn key(number: usize) -> String {
    credential(9, number).public().to_string()
}

#[tokio::test]
async fn roll_is_imported_frozen_and_changed_in_the_open_and_only_those_on_it_vote() {
    let mut cluster = cluster(4).await;
    let create = [
        "election",
        "create",
        "--title",
        "Board",
        "--choice",
        "Ada",
        "--choice",
        "Grace",
        "--weighted-roll",
    ];
    let id = json(
        &cluster,
        &[create.as_slice(), &["--quorum", "1/2"]].concat(),
    )
    .await["election"]
        .clone();
    let id = id.as_str().unwrap().to_owned();
    // A file from a spreadsheet, with a byte order mark and semicolons; first with faults, each of
    // which is named.
    let rows: String = (0..2000)
        .map(|at| format!("{};{};Voter {at}\r\n", key(at), 1 + at % 3))
        .collect();
    let bad = write(
        &cluster,
        "bad.csv",
        &format!(
            "\u{feff}key;weight;name\r\nbeef;1;X\r\n{rows}{};1;Twice\r\n",
            key(7)
        ),
    );
    let why = [
        "line 2: the key",
        "line 2003: the key is the one of line 10",
        "2 faults in 2002 rows; nothing is done",
    ];
    refused(&cluster, &["roll", "import", &bad, "--yes"], 2, &why).await;
    let good = write(
        &cluster,
        "good.csv",
        &format!("\u{feff}key;weight;name\r\n{rows}"),
    );
    let preview = cli(&cluster, 0, &["roll", "import", &good, "--preview"]).await;
    assert!(
        preview.code == Some(0) && preview.out.contains("2000 voters with 3999 votes"),
        "{preview:?}"
    );
    refused(&cluster, &["roll", "import", &good], 2, &["--yes"]).await;
    let imported = json(&cluster, &["roll", "import", &good, "--yes"]).await;
    assert_eq!(
        (
            &imported["voters"],
            &imported["votes"],
            &imported["left_out"]
        ),
        (&2000.into(), &3999.into(), &0.into())
    );
    // Once more is harmless: those who are on the roll are skipped. Nobody's votes are changed in
    // passing.
    let again = json(&cluster, &["roll", "import", &good]).await;
    assert_eq!(
        (&again["voters"], &again["imported"], &again["already"]),
        (&2000.into(), &0.into(), &2000.into())
    );
    let other = write(
        &cluster,
        "other.csv",
        &format!("key,weight\n{},3\n{},1\n", key(0), key(6000)),
    );
    let why = [
        "line 2: the key is on the roll with weight 1, not 3",
        "nothing is done",
    ];
    refused(&cluster, &["roll", "import", &other, "--yes"], 2, &why).await;
    let voter = credential_file(&cluster, 1998);
    refused(
        &cluster,
        &["cast", "Ada", "--credential", &voter],
        3,
        &["draft"],
    )
    .await;
    refused(
        &cluster,
        &["roll", "check", &key(1)],
        3,
        &["once its organiser opens it"],
    )
    .await;
    refused(
        &cluster,
        &["election", "close"],
        3,
        &["cancelled, not closed"],
    )
    .await;
    let opened = json(&cluster, &["election", "open"]).await;
    assert_eq!(
        (&opened["roll"], &opened["voters"]),
        (&imported["root"], &2000.into())
    );
    refused(
        &cluster,
        &["roll", "import", &good, "--yes"],
        3,
        &["its roll frozen"],
    )
    .await;
    let cast = json(&cluster, &["cast", "Ada", "--credential", &voter]).await;
    assert_eq!(cast["final"], true);
    assert_eq!(
        json(&cluster, &["cast", "Ada", "--credential", &voter]).await["ballot"],
        cast["ballot"],
        "once more is harmless"
    );
    refused(
        &cluster,
        &["cast", "Grace", "--credential", &voter],
        4,
        &["already voted"],
    )
    .await;
    refused(&cluster, &["roll", "check", &key(1998)], 4, &["has voted"]).await;
    let stranger = credential_file(&cluster, 5000);
    refused(
        &cluster,
        &["cast", "Ada", "--credential", &stranger],
        4,
        &["not on the roll", "roll check"],
    )
    .await;
    refused(
        &cluster,
        &["cast", "Ada", "--name", "Nobody"],
        3,
        &["no credential"],
    )
    .await;
    // Late changes: one comes, one who has not voted goes, one who has voted stays.
    let add = format!("{}=500", key(5000));
    refused(
        &cluster,
        &["roll", "change", "--remove", &key(1998), "--reason", "gone"],
        3,
        &["has voted"],
    )
    .await;
    let change = [
        "roll",
        "change",
        "--add",
        &add,
        "--remove",
        &key(0),
        "--reason",
        "joined late",
    ];
    // What is reported is how it is after the act.
    let changed = json(&cluster, &change).await;
    let roll = (&changed["removed"], &changed["voters"], &changed["votes"]);
    assert_eq!(roll, (&1.into(), &2000.into(), &4498.into()));
    let checked = json(&cluster, &["roll", "check", &key(5000)]).await;
    assert_eq!(
        (&checked["may_vote"], &checked["votes"]),
        (&true.into(), &500.into())
    );
    assert_eq!(
        json(&cluster, &["cast", "Grace", "--credential", &stranger]).await["final"],
        true
    );
    let tally = cli(&cluster, 2, &["tally"]).await;
    for words in [
        "2 of 2000 voters have voted, with 501 of 4498 votes",
        "NOT reached so far",
        "Grace leads, with 500 of 501 votes",
    ] {
        assert!(
            tally.out.contains(words),
            "{words:?} is missing in {tally:?}"
        );
    }
    // A count in the words of others says no more than ours: nobody has won what is still open, or
    // not decided.
    let early = cluster
        .folder()
        .join("early.results.json")
        .display()
        .to_string();
    json(&cluster, &["export", "-o", &early]).await;
    let early = std::fs::read_to_string(early).unwrap();
    assert!(
        early.contains("unofficial-partial") && !early.contains("PostElectionStatus"),
        "{early}"
    );
    let closed = json(&cluster, &["election", "close"]).await;
    assert_eq!(
        (&closed["closed"], &closed["ballots"]),
        (&true.into(), &2.into())
    );
    let again = cli(&cluster, 0, &["election", "open", &id]).await;
    assert!(
        again.out.contains("was opened, and is closed now"),
        "the same act once more: {again:?}"
    );
    let tally = cli(&cluster, 1, &["tally"]).await;
    assert!(
        tally
            .out
            .contains("Nothing is decided: the quorum was not reached."),
        "{tally:?}"
    );
    let log = cli(&cluster, 3, &["election", "log", &id]).await;
    for words in [
        "2000 voters with 3999 votes added to the roll, by 2 acts",
        "opened",
        "joined late",
        "closed",
    ] {
        assert!(log.out.contains(words), "{words:?} is missing in {log:?}");
    }
    // The archive has all of it, and a page is made of it without a node.
    let (archive, page) = (
        cluster.folder().join("board.archive"),
        cluster.folder().join("board.html"),
    );
    let (archive, page) = (archive.display().to_string(), page.display().to_string());
    let report = cluster
        .folder()
        .join("board.results.json")
        .display()
        .to_string();
    json(&cluster, &["export", &id, "-o", &report]).await;
    let report = std::fs::read_to_string(report).unwrap();
    assert!(
        report.contains("unofficial-complete") && !report.contains("winner"),
        "without a quorum: {report}"
    );
    assert_eq!(
        json(&cluster, &["export", &id, "-o", &archive]).await["ballots"],
        2
    );
    cluster.stop().await.unwrap();
    let verified = json(&cluster, &["verify", "archive", &archive, "--html", &page]).await;
    assert_eq!(
        (&verified["votes"], &verified["voters"]),
        (&501.into(), &2000.into())
    );
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("the quorum was not reached") && page.contains("joined late"),
        "{page}"
    );
}

/// Acts are refused one by one: of a file that is too long for the chain, some voters are on the
/// roll, and others are not.
#[tokio::test]
async fn import_that_is_refused_in_part_says_how_far_it_came_and_goes_on_from_there() {
    let (dir, programs) = (
        tempfile::tempdir().unwrap(),
        vote_cluster::Programs::find().unwrap(),
    );
    let path = |name: &str| dir.path().join(name).display().to_string();
    let made = run(
        &programs.node,
        &["key", "--json", "--data-dir", &path("n")],
        &[],
    )
    .await
    .json();
    let validator = format!("n={}", made["key"].as_str().unwrap());
    let planned = [
        "genesis",
        "--name",
        "Small",
        "--anyone",
        "--validator",
        &validator,
        "--output",
        &path("genesis"),
    ];
    assert_eq!(run(&programs.node, &planned, &[]).await.code, Some(0));
    let mut genesis: Genesis = decode(&std::fs::read(path("genesis")).unwrap()).unwrap();
    genesis.limits.voters_max = 1800;
    std::fs::write(path("genesis"), encode(&genesis)).unwrap();
    let args = [
        "--json",
        "--genesis",
        &path("genesis"),
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &path("n"),
    ];
    let args = args
        .iter()
        .chain(&["--socket", &path("sock")])
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    let mut node = Daemon::start("node", &programs.node, &args, &dir.path().join("log"))
        .await
        .unwrap();
    let (socket, home) = (dir.path().join("sock"), dir.path().join("voter"));
    let env = [
        ("VOTE_SOCKET", socket.as_path()),
        ("VOTE_DATA_DIR", home.as_path()),
    ];
    let create = [
        "election", "create", "--title", "Board", "--choice", "Ada", "--choice", "Grace", "--roll",
    ];
    assert_eq!(run(&programs.vote_cli, &create, &env).await.code, Some(0));
    let mut keys: Vec<_> = (0..2000).map(key).collect();
    keys.sort();
    let file = |keys: &[String]| {
        std::fs::write(path("keys.csv"), format!("key\n{}\n", keys.join("\n"))).unwrap()
    };
    let import = [path("keys.csv"), "--yes".to_owned()];
    let import = ["roll", "import", &import[0], &import[1]];
    file(&keys);
    let refused = run(&programs.vote_cli, &import, &env).await;
    assert_ne!(refused.code, Some(0), "{refused:?}");
    for words in [
        "more than 1800 voters",
        "1700 of 2000 voters of the file are on the roll",
        "they are skipped",
    ] {
        assert!(
            refused.err.contains(words),
            "{words:?} is missing in {refused:?}"
        );
    }
    file(&keys[..1750]);
    let mended = run(&programs.vote_cli, &import, &env).await;
    assert_eq!(mended.code, Some(0), "{mended:?}");
    for words in [
        "50 voters with 50 votes",
        "besides 1700 who are on its roll already",
        "1750 voters with 1750 votes now",
    ] {
        assert!(
            mended.out.contains(words),
            "{words:?} is missing in {mended:?}"
        );
    }
    node.terminate().await.unwrap();
}

#[tokio::test]
async fn voter_with_a_code_votes_changes_her_mind_and_finds_her_ballot_by_its_tracker() {
    let mut cluster = cluster(1).await;
    let create = [
        "election", "create", "--title", "Chair", "--choice", "Ada", "--choice", "Grace", "--roll",
    ];
    json(&cluster, &[create.as_slice(), &["--revotes", "1"]].concat()).await;
    let people = write(
        &cluster,
        "people.csv",
        "name,contact\nJoan,joan@example.org\nRada,rada@example.org\n",
    );
    let dir = cluster.folder().join("codes").display().to_string();
    let issue = ["roll", "issue", &people, "-o", &dir, "--title", "Chair"];
    let issued = json(&cluster, &issue).await;
    assert_eq!(issued["voters"], 2);
    refused(&cluster, &issue, 1, &["not empty"]).await;
    let merge = std::fs::read_to_string(issued["merge"].as_str().unwrap()).unwrap();
    let code = merge
        .lines()
        .nth(1)
        .unwrap()
        .rsplit(',')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(
        std::fs::read_dir(issued["cards"].as_str().unwrap())
            .unwrap()
            .count(),
        2
    );
    let keys = issued["keys"].as_str().unwrap();
    assert!(
        !std::fs::read_to_string(keys).unwrap().contains(&code),
        "the ledger sees public keys only"
    );
    json(&cluster, &["roll", "import", keys, "--yes"]).await;
    // A third one comes: the list is issued again, for her alone. Made anew for all of them, it
    // would give two a second code, which the import says.
    refused(&cluster, &issue, 1, &["--earlier"]).await;
    let longer = write(
        &cluster,
        "longer.csv",
        "name,email\nJoan,JOAN@example.org\nRada,rada@example.org\nHypatia,h@example.org\n",
    );
    let folder = |name: &str| cluster.folder().join(name).display().to_string();
    let (later, anew) = (folder("later"), folder("anew"));
    let issue = [
        "roll",
        "issue",
        &longer,
        "-o",
        &later,
        "--title",
        "Chair",
        "--earlier",
        &dir,
    ];
    // Two who have changed places: by the contact the one, by the name the other.
    let mixed = write(&cluster, "mixed.csv", "name,email\nRada,joan@example.org\n");
    let moved = [
        "roll",
        "issue",
        &mixed,
        "-o",
        &later,
        "--title",
        "Chair",
        "--earlier",
        &dir,
    ];
    refused(&cluster, &moved, 2, &["line 2", "another one"]).await;
    let nameless = [
        "roll",
        "issue",
        &longer,
        "-o",
        &later,
        "--title",
        "Chair",
        "--earlier",
        keys,
    ];
    refused(&cluster, &nameless, 2, &["register.csv"]).await;
    let later = json(&cluster, &issue).await;
    assert_eq!((&later["voters"], &later["kept"]), (&1.into(), &2.into()));
    let merge_later = std::fs::read_to_string(later["merge"].as_str().unwrap()).unwrap();
    assert!(
        merge_later.contains("Hypatia") && !merge_later.contains("Joan"),
        "{merge_later}"
    );
    let imported = json(
        &cluster,
        &["roll", "import", later["keys"].as_str().unwrap(), "--yes"],
    )
    .await;
    assert_eq!(
        (
            &imported["imported"],
            &imported["already"],
            &imported["perhaps_again"]
        ),
        (&1.into(), &2.into(), &0.into())
    );
    let anew = json(
        &cluster,
        &["roll", "issue", &longer, "-o", &anew, "--title", "Chair"],
    )
    .await;
    let preview = cli(
        &cluster,
        0,
        &[
            "roll",
            "import",
            anew["keys"].as_str().unwrap(),
            "--preview",
        ],
    )
    .await;
    for words in [
        "3 are on the roll already, with other keys",
        "Hypatia",
        "could vote twice",
    ] {
        assert!(
            preview.err.contains(words),
            "{words:?} is missing in {preview:?}"
        );
    }
    // Whoever imports elsewhere, without the registers, is asked whether they are the same.
    let elsewhere = cluster.folder().join("elsewhere");
    let env = [
        ("VOTE_SOCKET", cluster.nodes[0].socket.as_path()),
        ("VOTE_DATA_DIR", elsewhere.as_path()),
    ];
    let import = [
        "roll",
        "import",
        anew["keys"].as_str().unwrap(),
        "--preview",
    ];
    let elsewhere = run(&cluster.programs().vote_cli, &import, &env).await;
    assert!(
        elsewhere
            .err
            .contains("3 voters are on the roll already, and none of them is in this file"),
        "{elsewhere:?}"
    );
    json(&cluster, &["election", "open"]).await;
    // The code is secret: other users see arguments, and the shell keeps them. Nothing repeats it
    // either.
    for args in [
        ["roll", "check", &code],
        ["receipt", "check", &code],
        ["cast", "--code", &code],
    ] {
        let seen = refused(
            &cluster,
            &args,
            2,
            &["a voter code is among the arguments", "roll check -"],
        )
        .await;
        assert!(!seen.err.contains(&code), "{seen:?}");
    }
    let seen = refused(
        &cluster,
        &["roll", "check", &code[..34]],
        2,
        &["`vote-cli roll check -` asks for it"],
    )
    .await;
    assert!(!seen.err.contains(&code[..9]), "{seen:?}");
    assert_eq!(
        cli_told(&cluster, 0, &["roll", "check", "-", "--json"], &code)
            .await
            .json()["may_vote"],
        true
    );
    let cast = |choice: &'static str, code: String| {
        let cluster = &cluster;
        async move { cli_told(cluster, 0, &["cast", choice, "--code", "--json"], &code).await }
    };
    let mistyped = code.replacen(|c: char| c.is_ascii_digit(), "Z", 1);
    let wrong = cast("Ada", mistyped).await;
    assert!(
        wrong.code == Some(4) && wrong.err.contains("mistyped"),
        "{wrong:?}"
    );
    // Small letters and spaces will do.
    let first = cast("Ada", code.to_lowercase().replace('-', " "))
        .await
        .json();
    let second = cast("Grace", code.clone()).await.json();
    assert_eq!(second["replaced"], first["ballot"]);
    let third = cast("Ada", code).await;
    assert!(
        third.code == Some(4) && third.err.contains("already voted"),
        "{third:?}"
    );
    let leaders = json(&cluster, &["tally"]).await;
    assert_eq!(
        (&leaders["contests"][0]["leaders"][0], &leaders["ballots"]),
        (&"Grace".into(), &1.into())
    );
    // Where her ballots are, by tracker, by words, and by the receipt with the node's word on it.
    let tracker = first["tracker"].as_str().unwrap();
    let superseded = json(&cluster, &["receipt", "check", tracker]).await;
    assert_eq!(
        (&superseded["counts"], &superseded["superseded_by"]),
        (&false.into(), &second["ballot"])
    );
    let receipt = second["receipt"].as_str().unwrap();
    let shown = json(&cluster, &["receipt", "check", receipt, "--node"]).await;
    assert_eq!(
        (&shown["valid"], &shown["node"]["counts"]),
        (&true.into(), &true.into())
    );
    let words: Vec<_> = shown["words"].as_str().unwrap().split(' ').collect();
    let by_words = json(
        &cluster,
        &[["receipt", "check"].as_slice(), &words].concat(),
    )
    .await;
    assert_eq!(by_words["ballot"], second["ballot"]);
    let qr = cli(&cluster, 0, &["receipt", "show", receipt, "--qr"]).await;
    assert!(
        qr.out.contains('\u{2580}') && qr.out.contains(shown["tracker"].as_str().unwrap()),
        "{qr:?}"
    );
    // The menu takes a code too; it makes no credential for an election with a roll, which would be
    // of no use.
    let code = merge.lines().nth(2).unwrap().rsplit(',').next().unwrap();
    let nobody = "0000-".repeat(7) + "0000";
    let menu = cli_told(
        &cluster,
        0,
        &["menu"],
        &format!("Rada\nc\n\nc\n{nobody}\nc\n{code}\nAda\nq\n"),
    )
    .await;
    for words in [
        "it takes a voter code, or a credential that is on the roll of \"Chair\"",
        "mistyped",
        "Your ballot is final",
    ] {
        assert!(menu.out.contains(words), "{words:?} is missing in {menu:?}");
    }
    assert!(
        !menu.out.contains(code) && !cluster.folder().join("voter/credentials/Rada.key").exists(),
        "{menu:?}"
    );
    assert_eq!(json(&cluster, &["tally"]).await["ballots"], 2);
    refused(
        &cluster,
        &["receipt", "check", "0000-0000"],
        3,
        &["no receipt"],
    )
    .await;
    refused(&cluster, &["receipt", "check", &nobody], 3, &["mistyped"]).await;
    let unknown = [
        ["receipt", "check"].as_slice(),
        &["abandon"; 11],
        &["about"],
    ]
    .concat();
    refused(&cluster, &unknown, 3, &["no such ballot"]).await;
    cluster.stop().await.unwrap();
}

const ASSEMBLY: &str = r#"
title = "Assembly"
results = "at closing"
tie_break = "lottery of 5 December"
[[contests]]
title = "Board"
choices = ["Ada", "Grace", "Joan"]
rule = "approval"
seats = 2
min = 1
max = 2
abstain = true
[[contests]]
title = "Printer"
choices = ["Yes", "No"]
rule = "yes-no"
majority = "2/3"
abstain = true
"#;

#[tokio::test]
async fn several_contests_are_voted_on_at_once_and_the_count_is_withheld_until_closing() {
    let mut cluster = cluster(1).await;
    let file = write(&cluster, "assembly.toml", ASSEMBLY);
    let checked = cli(&cluster, 0, &["election", "create", &file, "--check"]).await;
    for words in [
        "(1 to 2)",
        "at least 2/3 of the votes cast",
        "once it has closed",
        "lottery of 5 December",
    ] {
        assert!(
            checked.out.contains(words),
            "{words:?} is missing in {checked:?}"
        );
    }
    let id = json(&cluster, &["election", "create", &file]).await["election"]
        .as_str()
        .unwrap()
        .to_owned();
    refused(
        &cluster,
        &["cast", "Ada"],
        2,
        &["a choice each for: Board; Printer"],
    )
    .await;
    refused(
        &cluster,
        &["cast", "Ada, Grace, Joan", "Yes"],
        2,
        &["at most 2"],
    )
    .await;
    for (voter, board, printer) in [
        ("a", "Ada, Grace", "Yes"),
        ("b", "Grace", "Yes"),
        ("c", "abstain", "No"),
        ("d", "Joan, Grace", "abstain"),
    ] {
        assert_eq!(
            json(&cluster, &["cast", board, printer, "--name", voter]).await["final"],
            true
        );
    }
    assert_eq!(
        json(&cluster, &["cast", &id, "Ada", "Yes", "--name", "e"]).await["final"],
        true
    );
    let exported = |name: &str| cluster.folder().join(name).display().to_string();
    let open = json(&cluster, &["tally"]).await;
    assert_eq!(
        (
            &open["withheld"],
            &open["ballots"],
            open["contests"].as_array().unwrap().len()
        ),
        (&true.into(), &5.into(), 0)
    );
    json(&cluster, &["election", "close"]).await;
    let closed = cli(&cluster, 0, &["tally"]).await;
    for words in [
        "Elected to 2 seats: Grace, Ada.",
        "Yes has carried: 3 votes; it takes at least 2/3 of 4 cast.",
        "abstain",
    ] {
        assert!(
            closed.out.contains(words),
            "{words:?} is missing in {closed:?}"
        );
    }
    let table = cli(&cluster, 0, &["tally", "--csv"]).await;
    assert!(
        table.out.contains("Board,Grace,3,yes") && table.out.contains("Printer,(abstain),1,no"),
        "{table:?}"
    );
    for args in [["--json", "tally", "--csv"], ["tally", "--json", "--csv"]] {
        refused(
            &cluster,
            &args,
            2,
            &["'--csv' cannot be used with '--json'"],
        )
        .await;
    }
    refused(
        &cluster,
        &["export", "-o", &exported("board.cat")],
        2,
        &["1  Board", "2  Printer"],
    )
    .await;
    for name in ["board.cat", "board.csv", "board.abif", "board.blt"] {
        json(
            &cluster,
            &["export", "-o", &exported(name), "--contest", "1"],
        )
        .await;
        let counted = json(
            &cluster,
            &[
                "count",
                &exported(name),
                "--rule",
                "approval",
                "--seats",
                "2",
            ],
        )
        .await;
        assert_eq!(
            (&counted["winners"][0], &counted["ballots"]),
            (&"Grace".into(), &4.into()),
            "{name}"
        );
    }
    for name in ["board.cvr.json", "printer.results.json"] {
        let contest = if name.starts_with("board") { "1" } else { "2" };
        json(
            &cluster,
            &["export", "-o", &exported(name), "--contest", contest],
        )
        .await;
        if name.ends_with(".cvr.json") {
            let counted = json(
                &cluster,
                &[
                    "count",
                    &exported(name),
                    "--rule",
                    "approval",
                    "--seats",
                    "2",
                ],
            )
            .await;
            assert_eq!(
                (&counted["winners"][0], &counted["ballots"]),
                (&"Grace".into(), &4.into()),
                "{name}"
            );
        }
        let text = std::fs::read_to_string(Path::new(&exported(name))).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(
            document["@type"].as_str().unwrap().ends_with("Report"),
            "{document}"
        );
        if name.ends_with(".results.json") {
            assert_eq!(document["Status"], "unofficial-complete");
            let yes = &document["Election"][0]["Candidate"][0];
            assert_eq!(yes["PostElectionStatus"], "winner", "{document}");
        }
    }
    let told = cli(
        &cluster,
        0,
        &["export", "-o", &exported("again.blt"), "--contest", "1"],
    )
    .await;
    assert!(
        told.out.contains("4 of 5 votes (left out: 1 abstaining)"),
        "{told:?}"
    );
    cluster.stop().await.unwrap();
}

/// The first act of two would open it, with a part of its voters.
#[tokio::test]
async fn election_that_opens_before_all_of_a_list_are_on_its_roll_is_put_off_before() {
    let cluster = cluster(1).await;
    let create = [
        "election", "create", "--title", "Chair", "--choice", "Ada", "--choice", "Grace", "--roll",
    ];
    json(&cluster, &[create.as_slice(), &["--opens", "+3s"]].concat()).await;
    let keys: String = (0..1_701)
        .map(|number| format!("{}\n", key(number)))
        .collect();
    let keys = write(&cluster, "keys.csv", &format!("key\n{keys}"));
    let import = ["roll", "import", &keys, "--yes"];
    refused(
        &cluster,
        &import,
        3,
        &["before all of these voters", "election times --opens"],
    )
    .await;
    assert_eq!(json(&cluster, &["roll", "show"]).await["voters"], 0);
    json(
        &cluster,
        &[
            "election",
            "times",
            "--opens",
            "+1h",
            "--reason",
            "many voters",
        ],
    )
    .await;
    assert_eq!(json(&cluster, &import).await["voters"], 1_701);
    assert_eq!(json(&cluster, &["roll", "show"]).await["phase"], "draft");
}

#[tokio::test]
async fn times_are_changed_and_elections_cancelled_for_a_reason_that_everybody_reads() {
    let mut cluster = cluster(1).await;
    let create = |title: &'static str| {
        [
            "election",
            "create",
            "--title",
            title,
            "--write-in",
            "--opens",
            "+1h",
            "--closes",
            "+2h",
        ]
        .to_vec()
    };
    let id = json(&cluster, &create("Trip")).await["election"]
        .as_str()
        .unwrap()
        .to_owned();
    refused(
        &cluster,
        &["election", "times", "--closes", "+30m", "--reason", "short"],
        1,
        &["before it opens"],
    )
    .await;
    refused(
        &cluster,
        &["election", "times", "--reason", "none"],
        2,
        &["--opens"],
    )
    .await;
    let times = [
        "election",
        "times",
        "--closes",
        "2099-01-01T12:00:00Z",
        "--reason",
        "everybody has time",
    ];
    let told = cli(&cluster, 0, &times).await;
    assert!(
        told.out.contains("closes 2099-01-01 12:00:00 UTC (block"),
        "{told:?}"
    );
    // Word for word the same is what was done before: whoever does it again must hear that nothing
    // has changed.
    let closes = |when: &'static str, reason: &'static str| {
        ["election", "times", "--closes", when, "--reason", reason]
    };
    json(&cluster, &closes("2098-01-01T12:00:00Z", "sooner")).await;
    json(&cluster, &closes("2099-06-01T12:00:00Z", "later")).await;
    let again = closes("2098-01-01T12:00:00Z", "sooner");
    refused(
        &cluster,
        &again,
        1,
        &["was done before", "say another --reason"],
    )
    .await;
    let times = [
        "election",
        "times",
        "--opens",
        "+2s",
        "--closes",
        "+3h",
        "--reason",
        "everybody is here",
    ];
    let (before, changed) = (
        json(&cluster, &["election", "show", &id]).await,
        json(&cluster, &times).await,
    );
    let after = json(&cluster, &["election", "show", &id]).await;
    assert_eq!(
        (&changed["opens_at"], &changed["closes_at"]),
        (&after["opens_at"], &after["closes_at"])
    );
    assert_ne!(before["opens_at"], after["opens_at"]);
    let opened = async {
        while json(&cluster, &["election", "show", &id]).await["phase"] != "open" {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::harness::PATIENCE, opened)
        .await
        .expect("it opens at its new time");
    assert_eq!(json(&cluster, &["cast", "Rome"]).await["final"], true);
    let other = cluster.folder().join("other.key").display().to_string();
    json(&cluster, &["credential", "new", &other]).await;
    let stranger = [
        "election",
        "cancel",
        "--reason",
        "no",
        "--credential",
        &other,
    ];
    refused(&cluster, &stranger, 4, &["only an organiser"]).await;
    json(
        &cluster,
        &["election", "cancel", "--reason", "the trip is off"],
    )
    .await;
    refused(
        &cluster,
        &["cast", "Rome", "--name", "b"],
        3,
        &["cancelled"],
    )
    .await;
    let tally = cli(&cluster, 0, &["tally"]).await;
    assert!(
        tally
            .out
            .contains("The election was cancelled; nothing is decided."),
        "{tally:?}"
    );
    let log = json(&cluster, &["election", "log"]).await;
    let acts: Vec<_> = log["log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["act"].as_str().unwrap())
        .collect();
    assert_eq!(
        acts,
        [
            "change-times",
            "change-times",
            "change-times",
            "change-times",
            "cancel"
        ]
    );
    assert!(
        log["log"][4]["what"]
            .as_str()
            .unwrap()
            .contains("the trip is off")
    );
    cluster.stop().await.unwrap();
}

/// More different rankings than a node counts between two blocks.
#[tokio::test]
async fn count_that_takes_long_is_made_aside_and_reaches_those_who_ask_and_those_who_watch() {
    let mut cluster = cluster(1).await;
    let client = cluster.client(0).await.unwrap();
    let (choices, ballots) = (60u16, 5600usize);
    let names = (0..choices).map(|at| format!("choice {at}")).collect();
    let election = Election::simple(
        "Long list".into(),
        vec![Contest::listed(names, Rule::Irv, 1)],
        0,
    );
    let created = Transaction::sign(
        cluster.chain,
        &cluster.organiser,
        Payload::CreateElection(election),
    )
    .to_bytes();
    let id = ElectionId::new(*TransactionId::of(&created).hash());
    cast_all(&cluster, 0, vec![created]).await;
    let ballot = |number: usize| {
        let places = [number % 60, number / 60 % 60, (number / 3600 + 7) % 60]
            .map(|at| u16::try_from(at).unwrap());
        let mut ranks: Vec<u16> = Vec::new();
        for place in places {
            if !ranks.contains(&place) {
                ranks.push(place);
            }
        }
        Caster::ballot(
            cluster.chain,
            id,
            &credential(2, number),
            Selection::Ranked(Ranks::strict(ranks)),
        )
    };
    let mut watching = client.stream(Request::WatchElection(id)).await.unwrap();
    cast_all(&cluster, 0, (0..ballots).map(ballot).collect()).await;
    let asked = client.call(Request::Election(id)).await.unwrap();
    let whole = |answer: &Answer| match answer {
        Answer::Election(view) => {
            let contest = &view.tally.contests[0];
            view.tally.turnout.ballots == ballots as u64
                && contest.complete
                && contest.leaders.len() == 1
        }
        _ => false,
    };
    assert!(whole(&asked), "{asked:?}");
    let heard = async {
        while !whole(
            &watching
                .next()
                .await
                .unwrap()
                .expect("it goes on until the election closes"),
        ) {}
    };
    tokio::time::timeout(crate::harness::PATIENCE, heard)
        .await
        .expect("who watches hears of the whole count");
    // What others ask says nothing new to those who watch, and many questions at once are answered
    // or refused, each of them.
    let questions = (0..600).map(|_| client.call(Request::Election(id)));
    for answer in futures::future::join_all(questions).await {
        let refused =
            |refusal: &vote_api::Refusal| refusal.reason.contains("try again in a moment");
        assert!(
            answer.as_ref().is_ok_and(whole)
                || matches!(&answer, Err(vote_api::CallError::Refused(refusal)) if refused(refusal)),
            "{answer:?}"
        );
    }
    let one = client.elections().await.unwrap().remove(0);
    assert_eq!(
        (one.tally.contests.len(), one.tally.turnout.ballots),
        (0, ballots as u64),
        "a list counts no contests"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn scores_are_exported_as_they_were_given_and_read_again() {
    let mut cluster = cluster(1).await;
    let create = [
        "election",
        "create",
        "--title",
        "Film",
        "--rule",
        "score",
        "--choice",
        "Alien",
        "--choice",
        "Big, 1988",
    ];
    json(&cluster, &create).await;
    for (voter, scores) in [
        ("a", "Alien=10, 2=3"),
        ("b", "Alien=10, 2=3"),
        ("c", "2=7"),
        ("d", "Alien=0"),
    ] {
        json(&cluster, &["cast", scores, "--name", voter]).await;
    }
    let file = |name: &str| cluster.folder().join(name).display().to_string();
    refused(
        &cluster,
        &["export", "-o", &file("film.blt")],
        2,
        &["scores are no rankings", ".csv"],
    )
    .await;
    let exported = json(&cluster, &["export", "-o", &file("film.csv")]).await;
    assert_eq!(
        (&exported["votes_written"], &exported["changed"]),
        (&4.into(), &serde_json::json!([]))
    );
    let text = std::fs::read_to_string(file("film.csv")).unwrap();
    assert_eq!(
        text,
        "count,\"Alien\",\"Big, 1988\"\n1,0,0\n1,0,7\n2,10,3\n"
    );
    let counted = json(
        &cluster,
        &["count", &file("film.csv"), "--scores", "--rule", "irv"],
    )
    .await;
    assert_eq!(
        (&counted["winners"][0], &counted["ballots"]),
        (&"Alien".into(), &4.into())
    );
    cluster.stop().await.unwrap();
}
