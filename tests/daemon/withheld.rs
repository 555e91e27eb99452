//! While the rules of an election withhold its count, nothing of ours shows it. What only ballots
//! say is looked for in all that every command prints and writes, and in every answer of the page's
//! API; the same walk finds it where the count is shown.

use std::collections::BTreeSet;

use vote_cluster::Cluster;

use super::gui::Booth;
use crate::harness::{Ran, cli, cluster, run};

/// Three voters write it in, and it stands nowhere else: whatever has it shows a ballot or a count.
const WRITTEN: &str = "Zebrafish";

/// Commands that show nothing of an election that has ballots, or only what their user gives them.
const APART: [&str; 32] = [
    "attack-list",
    "attack-run",
    "cast",
    "completions",
    "count",
    "credential-new",
    "credential-show",
    "election-approve",
    "election-cancel",
    "election-close",
    "election-create",
    "election-new",
    "election-open",
    "election-proposed",
    "election-replace-organiser",
    "election-times",
    "election-withdraw",
    "gui",
    "man",
    "menu",
    "organiser-admit",
    "organiser-key",
    "organiser-list",
    "organiser-remove",
    "protocol-drop",
    "protocol-move",
    "protocol-show",
    "roll-change",
    "roll-import",
    "roll-issue",
    "validator-admit",
    "validator-remove",
];

/// An election, three of its ballots, and the file of the first one's receipt.
struct Voted {
    election: String,
    ballots: Vec<String>,
    heights: Vec<String>,
    credential: String,
}

impl Voted {
    async fn new(cluster: &Cluster, title: &str, results: &str) -> Self {
        let file = cluster.folder().join(format!("{title}.toml"));
        let text = format!("title = \"{title}\"\nresults = \"{results}\"\nwrite_in = true\n");
        std::fs::write(&file, text).unwrap();
        let created = cli(
            cluster,
            0,
            &["election", "create", file.to_str().unwrap(), "--json"],
        )
        .await
        .json();
        let election = created["election"].as_str().unwrap().to_owned();
        let mut voted = Self {
            election,
            ballots: Vec::new(),
            heights: Vec::new(),
            credential: String::new(),
        };
        for name in ["Ada", "Bo", "Cy"] {
            let args = [
                "cast",
                &voted.election,
                WRITTEN,
                "--name",
                &format!("{name} {title}"),
                "--json",
            ];
            let cast = cli(cluster, 0, &args).await.json();
            voted
                .ballots
                .push(cast["ballot"].as_str().unwrap().to_owned());
            voted.heights.push(cast["height"].to_string());
            voted.credential = cast["credential"].as_str().unwrap().to_owned();
        }
        voted
    }

    /// Every way of calling each command that could show something of it.
    fn commands(&self, page: &str) -> Vec<(&'static str, Vec<String>)> {
        let Self {
            election,
            ballots,
            heights,
            credential,
        } = self;
        let mut calls: Vec<(&str, Vec<&str>)> = vec![
            ("tally", vec!["tally", election]),
            ("tally", vec!["tally", election, "--csv"]),
            ("tally", vec!["tally", election, "--html", page]),
            ("tally", vec!["tally", election, "--verify"]),
            ("tally", vec!["tally", election, "--verify", "--csv"]),
            ("tally", vec!["tally", election, "--verify", "--html", page]),
            ("status", vec!["status"]),
            ("members", vec!["members"]),
            ("evidence", vec!["evidence"]),
            ("validator-list", vec!["validator", "list"]),
            ("election-list", vec!["election", "list"]),
            ("election-show", vec!["election", "show", election]),
            ("election-log", vec!["election", "log", election]),
            ("roll-show", vec!["roll", "show", election]),
            ("roll-check", vec!["roll", "check", credential, election]),
        ];
        calls.extend(
            heights
                .iter()
                .map(|height| ("block", vec!["block", height.as_str()])),
        );
        calls.extend(
            ballots
                .iter()
                .map(|id| ("receipt-show", vec!["receipt", "show", id.as_str(), "--qr"])),
        );
        calls.extend(
            ballots
                .iter()
                .map(|id| ("receipt-check", vec!["receipt", "check", id.as_str()])),
        );
        let owned = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        let as_text = calls.iter().map(|(name, args)| (*name, owned(args)));
        let as_json = calls.iter().filter(|(_, args)| !args.contains(&"--csv"));
        as_text
            .chain(as_json.map(|(name, args)| (*name, [owned(args), owned(&["--json"])].concat())))
            .collect()
    }

    fn routes(&self) -> Vec<(&'static str, String)> {
        let Self {
            election,
            ballots,
            heights,
            credential,
        } = self;
        let mut routes = vec![
            ("/info", "/info".to_owned()),
            ("/status", "/status".to_owned()),
            ("/members", "/members".to_owned()),
            ("/validators", "/validators".to_owned()),
            ("/evidence", "/evidence".to_owned()),
            ("/elections", "/elections".to_owned()),
            ("/elections/{id}", format!("/elections/{election}")),
            ("/elections/{id}/log", format!("/elections/{election}/log")),
            (
                "/elections/{id}/voters/{key}",
                format!("/elections/{election}/voters/{credential}"),
            ),
            (
                "/elections/{id}/archive",
                format!("/elections/{election}/archive"),
            ),
            ("/find", format!("/find?q={WRITTEN}")),
        ];
        routes.extend(
            heights
                .iter()
                .map(|height| ("/blocks/{at}", format!("/blocks/{height}"))),
        );
        for id in ballots {
            routes.push(("/find", format!("/find?q={id}")));
            routes.push(("/ballots/{id}", format!("/ballots/{id}")));
            routes.push(("/receipts/{id}", format!("/receipts/{id}")));
            routes.push(("/transactions/{id}", format!("/transactions/{id}")));
        }
        routes
    }
}

/// The commands and routes that show what is written in, by name, and the names of all that were
/// tried.
struct Walk {
    shows: BTreeSet<String>,
    tried: BTreeSet<String>,
}

async fn walk(cluster: &Cluster, booth: &Booth, voted: &Voted) -> Walk {
    let (mut shows, mut tried) = (BTreeSet::new(), BTreeSet::new());
    let mut looked = |name: &str, shown: &[u8]| {
        tried.insert(name.to_owned());
        if shown
            .windows(WRITTEN.len())
            .any(|part| part.eq_ignore_ascii_case(WRITTEN.as_bytes()))
        {
            shows.insert(name.to_owned());
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    for (name, args) in voted.commands(page.to_str().unwrap()) {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let Ran { out, err, .. } = cli(cluster, 0, &args).await;
        looked(name, &[out.as_bytes(), err.as_bytes()].concat());
        // A page that was not to be written is not there.
        if let Ok(written) = std::fs::read(&page) {
            looked(name, &written);
            std::fs::remove_file(&page).unwrap();
        }
    }
    for ending in [
        "blt",
        "toi",
        "soc",
        "cat",
        "abif",
        "csv",
        "cvr.json",
        "results.json",
        "archive",
        "data",
    ] {
        let file = folder.path().join(format!("file.{ending}"));
        let Ran { out, err, .. } = cli(
            cluster,
            0,
            &["export", &voted.election, "-o", file.to_str().unwrap()],
        )
        .await;
        looked(
            "export",
            &[
                out.as_bytes(),
                err.as_bytes(),
                &std::fs::read(&file).unwrap_or_default(),
            ]
            .concat(),
        );
    }
    // Who says that they want all ballots has them; that file names nobody all the same.
    let archive = folder.path().join("wanted.archive");
    let archive = archive.to_str().unwrap();
    let wanted = cli(
        cluster,
        0,
        &["export", &voted.election, "-o", archive, "--yes"],
    )
    .await;
    assert_eq!(wanted.code, Some(0), "{wanted:?}");
    for json in [&[][..], &["--json"]] {
        let html = page.to_str().unwrap();
        let ran = cli(
            cluster,
            0,
            &[&["verify", "archive", archive, "--html", html], json].concat(),
        )
        .await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        looked(
            "verify-archive",
            &[ran.out.as_bytes(), &std::fs::read(&page).unwrap()].concat(),
        );
        std::fs::remove_file(&page).unwrap();
    }
    for (name, path) in voted.routes() {
        looked(name, &booth.get(&format!("/api{path}")).await.body);
    }
    Walk { shows, tried }
}

/// The names of all commands that do something, as their manual pages have them.
async fn all_commands(cluster: &Cluster) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let made = run(
        &cluster.programs().vote_cli,
        &["man", folder.path().to_str().unwrap()],
        &[],
    )
    .await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let files = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names: BTreeSet<String> = files
        .filter_map(|name| {
            Some(
                name.to_str()?
                    .strip_prefix("vote-cli-")?
                    .strip_suffix(".1")?
                    .to_owned(),
            )
        })
        .collect();
    let is_group = |name: &String| {
        names
            .iter()
            .any(|other| other.starts_with(&format!("{name}-")))
    };
    names
        .iter()
        .filter(|name| !is_group(name))
        .cloned()
        .collect()
}

/// The addresses of the API, as they are written down where it is served.
fn all_routes() -> BTreeSet<String> {
    let source = include_str!("../../crates/web/src/routes.rs");
    let routes = source
        .split(".route(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned());
    // A stream, which is heard below; what is sent; and the status.
    let apart = [
        "/elections/{id}/live",
        "/live",
        "/transactions",
        "/session",
        "/attacks/{name}",
    ];
    routes
        .filter(|route| !apart.contains(&route.as_str()))
        .collect()
}

#[tokio::test]
async fn withheld_count_is_shown_by_no_command_and_no_answer_until_the_election_has_closed() {
    let mut cluster = cluster(1).await;
    let booth = Booth::open(&cluster, &[]).await;
    let [live, closes, cancelled] = [
        Voted::new(&cluster, "Live", "live").await,
        Voted::new(&cluster, "Closes", "at closing").await,
        Voted::new(&cluster, "Cancelled", "at closing").await,
    ];
    // All that there is is tried, and finds what there is to be found.
    let control = walk(&cluster, &booth, &live).await;
    let known: BTreeSet<String> = control
        .tried
        .iter()
        .filter(|name| !name.starts_with('/'))
        .cloned()
        .collect();
    let apart: BTreeSet<String> = APART.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        all_commands(&cluster).await,
        known.union(&apart).cloned().collect(),
        "each command is tried, or stands apart"
    );
    assert!(
        all_routes().is_subset(&control.tried),
        "{:?}",
        all_routes().difference(&control.tried)
    );
    let shown = [
        "block",
        "export",
        "receipt-show",
        "tally",
        "verify-archive",
        "/elections/{id}",
        "/elections/{id}/archive",
    ];
    for name in shown
        .iter()
        .chain(&["/receipts/{id}", "/transactions/{id}"])
    {
        assert!(
            control.shows.contains(*name),
            "{name} shows it while it is no secret: {:?}",
            control.shows
        );
    }
    // Of an election that withholds its count nothing is shown, on request or by a stream, while it
    // is open and once it is cancelled.
    assert_eq!(walk(&cluster, &booth, &closes).await.shows, BTreeSet::new());
    let watch = ["tally", &cancelled.election, "--watch"];
    let cancel = [
        "election",
        "cancel",
        &cancelled.election,
        "--reason",
        "typo",
    ];
    let (watched, _) = tokio::join!(cli(&cluster, 0, &watch), cli(&cluster, 0, &cancel));
    assert!(
        watched.out.contains("by its rules its count is not shown")
            && !watched.out.contains(WRITTEN),
        "{watched:?}"
    );
    assert_eq!(
        walk(&cluster, &booth, &cancelled).await.shows,
        BTreeSet::new()
    );
    let told = booth
        .events(
            &format!("/api/elections/{}/live", cancelled.election),
            "\"phase\":\"cancelled\"",
        )
        .await;
    assert!(
        told.contains("\"withheld\":true") && !told.contains(WRITTEN),
        "{told}"
    );
    // Once it has closed, all of it is.
    cli(&cluster, 0, &["election", "close", &closes.election]).await;
    assert_eq!(walk(&cluster, &booth, &closes).await.shows, control.shows);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn withheld_files_are_refused_with_the_reason_and_an_archive_is_asked_about() {
    let mut cluster = cluster(1).await;
    let voted = Voted::new(&cluster, "Sealed", "at closing").await;
    let file = cluster.folder().join("early.csv").display().to_string();
    let refused = cli(&cluster, 0, &["export", "-o", &file]).await;
    assert!(
        refused.code == Some(3) && refused.err.contains("show the count once it has closed"),
        "{refused:?}"
    );
    let archive = cluster.folder().join("early.archive").display().to_string();
    let asked = cli(&cluster, 0, &["export", "-o", &archive]).await;
    assert!(
        asked.code == Some(2)
            && asked.err.contains("holds all 3 ballots")
            && asked.err.contains("--yes"),
        "{asked:?}"
    );
    assert!(!std::path::Path::new(&archive).exists());
    // Whoever has cast a ballot has its receipt file, which says what they chose.
    let receipts = crate::harness::voter_dir(&cluster).join("receipts");
    let own = receipts.join(format!("{:.16}.receipt", voted.ballots[0]));
    let own = cli(&cluster, 0, &["receipt", "check", own.to_str().unwrap()]).await;
    assert!(own.code == Some(0) && own.out.contains(WRITTEN), "{own:?}");
    cluster.stop().await.unwrap();
}
