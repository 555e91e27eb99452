//! Elections are found by what people call them, and it costs the same whether there are few or
//! many.

use vote_chain::{Contest, Election, Payload, Rule, Transaction};

use super::liar::{Liar, Plan};
use crate::harness::{cast_all, cli, cluster, run, run_told, voter_dir};

async fn create(cluster: &vote_cluster::Cluster, title: &str) -> String {
    let args = [
        "election", "create", "--title", title, "--choice", "Yes", "--choice", "No", "--json",
    ];
    cli(cluster, 0, &args).await.json()["election"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn election_is_named_by_its_title_a_part_of_it_or_the_beginning_of_its_id() {
    let mut cluster = cluster(1).await;
    let new = create(&cluster, "New printer").await;
    let old = create(&cluster, "Old printer").await;
    let printer = create(&cluster, "Printer").await;
    create(&cluster, "Chair").await;
    let shown = async |said: &str| {
        let ran = cli(&cluster, 0, &["election", "show", said, "--json"]).await;
        assert_eq!(ran.code, Some(0), "{said}: {ran:?}");
        ran.json()["election"].as_str().unwrap().to_owned()
    };
    for (said, meant) in [
        ("New printer", &new),
        ("new PRINTER", &new),
        (" Old printer ", &old),
        ("old", &old),
        ("Printer", &printer),
        (&new, &new),
        (&new[..12], &new),
        (&new[..12].to_uppercase(), &new),
    ] {
        assert_eq!(&shown(said).await, meant, "{said}");
    }
    let unclear = cli(&cluster, 0, &["tally", "rinter"]).await;
    assert_eq!(unclear.code, Some(2), "{unclear:?}");
    for words in [
        "several elections fit",
        "New printer",
        "Old printer",
        &new[..16],
        &old[..16],
    ] {
        assert!(
            unclear.err.contains(words) && !unclear.err.contains("Chair"),
            "{words:?} is missing in {unclear:?}"
        );
    }
    let unknown = cli(&cluster, 0, &["tally", "Treasurer"]).await;
    assert!(
        unknown.code == Some(3) && unknown.err.contains("none has it in its title"),
        "{unknown:?}"
    );
    // The digits with which an id begins, in the title of another: neither is taken for the other.
    let digits = &new[..5];
    let budget = create(&cluster, &format!("Budget {digits}")).await;
    for args in [
        &["tally", digits][..],
        &["cast", digits, "Yes"],
        &["cast", digits],
    ] {
        let unclear = cli(&cluster, 0, args).await;
        assert!(
            unclear.code == Some(2) && unclear.err.contains("several elections fit"),
            "{args:?}: {unclear:?}"
        );
        assert!(
            unclear.err.contains(&new[..16]) && unclear.err.contains(&budget[..16]),
            "{args:?}: {unclear:?}"
        );
    }
    let cast = cli(
        &cluster,
        0,
        &["cast", "Old printer", "No", "--name", "Ada", "--json"],
    )
    .await
    .json();
    assert_eq!(
        (&cast["election"], &cast["says"]["contests"][0]["says"]),
        (&old.as_str().into(), &"No".into())
    );
    let alone = cli(&cluster, 0, &["cast", "Old printer"]).await;
    assert!(
        alone.code == Some(2) && alone.err.contains("say what you choose too"),
        "{alone:?}"
    );
    assert!(
        alone.err.contains(&old[..8]) && alone.err.contains("Yes, No"),
        "{alone:?}"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn who_names_an_election_by_its_title_on_a_terminal_is_shown_it_and_asked() {
    let mut cluster = cluster(1).await;
    let chair = create(&cluster, "Chair").await;
    let data = voter_dir(&cluster);
    let env = [
        ("VOTE_SOCKET", cluster.nodes[0].socket.as_path()),
        ("VOTE_DATA_DIR", data.as_path()),
    ];
    let program = cluster.programs().vote_cli.display().to_string();
    // A terminal, as far as a program can tell.
    let typed = async |words: &str, answer: &str| {
        let command = format!("'{program}' cast {words}");
        run_told(
            "script".as_ref(),
            &["-qec", &command, "/dev/null"],
            &env,
            answer,
        )
        .await
    };
    for words in ["Chair Yes", "Yes", &format!("{} Yes", &chair[..6])] {
        let asked = typed(words, "n\n").await;
        assert!(
            asked.code == Some(1) && asked.out.contains("nothing is done"),
            "{words}: {asked:?}"
        );
        assert!(
            asked.out.contains(&format!("Election \"Chair\", {chair}")),
            "{words}: {asked:?}"
        );
    }
    assert_eq!(
        cli(&cluster, 0, &["tally", "Chair", "--json"]).await.json()["ballots"],
        0
    );
    let cast = typed("Chair Yes --name Ada", "y\n").await;
    assert!(
        cast.code == Some(0) && cast.out.contains("is final"),
        "{cast:?}"
    );
    for words in [
        format!("{} Yes --name Joan", &chair[..8]),
        "Yes --name Grace --json".to_owned(),
    ] {
        let cast = typed(&words, "").await;
        assert!(
            cast.code == Some(0) && !cast.out.contains("Vote in this election?"),
            "{words}: {cast:?}"
        );
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn lists_are_cut_by_phase_title_and_number_and_go_on_where_they_ended() {
    let mut cluster = cluster(1).await;
    let mut ids = Vec::new();
    for title in ["One", "Two", "Three", "Four"] {
        ids.push(create(&cluster, title).await);
    }
    assert_eq!(
        cli(&cluster, 0, &["election", "close", "Two"]).await.code,
        Some(0)
    );
    ids.reverse();
    let list = async |args: &[&str]| {
        let ran = cli(
            &cluster,
            0,
            &[&["election", "list", "--json"], args].concat(),
        )
        .await;
        let listed = ran.json();
        let ids: Vec<_> = listed["elections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["election"].clone())
            .collect();
        (ids, listed["more"].as_bool().unwrap())
    };
    assert_eq!(
        list(&[]).await,
        (ids.iter().map(|id| id.as_str().into()).collect(), false)
    );
    let (first, more) = list(&["--limit", "3"]).await;
    assert_eq!((first.len(), more), (3, true));
    let rest = list(&["--limit", "3", "--after", first[2].as_str().unwrap()]).await;
    assert_eq!(rest, (vec![ids[3].as_str().into()], false));
    assert_eq!(list(&["--phase", "closed"]).await.0, [ids[2].as_str()]);
    assert_eq!(
        list(&["--phase", "open", "--phase", "draft", "--title", "o"])
            .await
            .0
            .len(),
        2,
        "One and Four"
    );
    let text = cli(&cluster, 0, &["election", "list", "--limit", "1"]).await;
    assert!(
        text.out.contains("Four") && text.out.contains(&format!("--after {}", ids[0])),
        "{text:?}"
    );
    assert_eq!(
        cli(&cluster, 0, &["election", "list", "--phase", "soon"])
            .await
            .code,
        Some(2)
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn casting_costs_the_same_with_few_elections_and_with_many() {
    let mut cluster = cluster(1).await;
    let chair = create(&cluster, "Chair").await;
    // Another one, so that the one that is meant must be said here too.
    create(&cluster, "Treasurer").await;
    let liar = Liar::start(cluster.folder().join("liar.sock"), &cluster.nodes[0].socket);
    let data = voter_dir(&cluster);
    let env = [
        ("VOTE_SOCKET", liar.socket.as_path()),
        ("VOTE_DATA_DIR", data.as_path()),
    ];
    let cost = async |args: &[&str]| {
        liar.plan(Plan::Honest);
        let ran = run(&cluster.programs().vote_cli, args, &env).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let heard = liar.heard();
        let bytes: usize = heard
            .iter()
            .map(|answer| serde_cbor::to_vec(answer).unwrap().len())
            .sum();
        (heard.len(), bytes)
    };
    let commands: [&[&str]; 4] = [
        &["cast", &chair[..8], "Yes", "--name"],
        &["cast", "Chair", "No", "--name"],
        &["tally", "Chair", "--html"],
        &["election", "log", &chair, "--config"],
    ];
    let empty = cluster.folder().join("empty.toml");
    std::fs::write(&empty, "").unwrap();
    let argument = |at: usize, round: &str| match at {
        3 => empty.display().to_string(),
        2 => cluster
            .folder()
            .join(format!("{round}.html"))
            .display()
            .to_string(),
        _ => format!("{round} {at}"),
    };
    let mut few = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        few.push(cost(&[*command, &[&argument(at, "few")]].concat()).await);
    }
    let sign = |salt: u64| {
        let contest = Contest::listed(vec!["Yes".into(), "No".into()], Rule::Plurality, 1);
        let election = Election::simple(format!("Number {salt}"), vec![contest], salt);
        Transaction::sign(
            cluster.chain,
            &cluster.organiser,
            Payload::CreateElection(election),
        )
        .to_bytes()
    };
    cast_all(&cluster, 0, (0..500).map(sign).collect()).await;
    for (at, command) in commands.iter().enumerate() {
        let (answers, bytes) = cost(&[*command, &[&argument(at, "many")]].concat()).await;
        let (few_answers, few_bytes) = few[at];
        assert_eq!(answers, few_answers, "{command:?}");
        assert!(
            bytes < few_bytes * 2 + 20_000,
            "{command:?}: {bytes} bytes instead of {few_bytes}"
        );
    }
    // With nothing said there are too many; ten of them are shown.
    let unsaid = run(&cluster.programs().vote_cli, &["cast", "Yes"], &env).await;
    assert!(
        unsaid.code == Some(2) && unsaid.err.contains("and more"),
        "{unsaid:?}"
    );
    assert!(unsaid.err.lines().count() < 15, "{unsaid:?}");
    drop(liar);
    cluster.stop().await.unwrap();
}
