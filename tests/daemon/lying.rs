//! A node that lies to its own voters. Every field of every answer is changed, one at a time: the
//! app notices and says so, or what it shows and signs is right all the same, or the field is in a
//! table of those that are the node's word, with the reason why that does no harm.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_cbor::Value;
use vote_api::{CallError, Chain, Client};
use vote_chain::{
    ChainId, Contest, ElectionId, Height, KeptReceipt, Payload, Ranks, SecretKey, Selection,
    TransactionId, encode,
};
use vote_cluster::{Cluster, Options, credential};

use super::liar::{Liar, Lie, Plan, Step, lies_about, number};
use crate::harness::{PATIENCE, Ran, cli, cluster, election, run, run_told, voter_dir};

/// Answers of the app protocol, by their numbers.
const STATUS: i128 = 0;
const MEMBERS: i128 = 1;
const VALIDATORS: i128 = 3;
const ELECTIONS: i128 = 4;
const ELECTION: i128 = 5;
const VOTER: i128 = 7;
const TRACE: i128 = 19;

/// A field that is the node's word: which answer, where in it (a `None` is any item of a list), and
/// why a lie about it does no harm.
type Word = (i128, &'static [Option<i128>], &'static str);

/// What nobody can check without the whole ledger, and nothing that is signed rests on.
const WORDS: [Word; 15] = [
    (
        ELECTION,
        &[Some(1), Some(1)],
        "the phase: a ballot is taken or refused by the ledger's time, whatever the node says it is",
    ),
    (
        ELECTION,
        &[Some(1), Some(0), Some(7)],
        "the roll in numbers: who votes is decided by the ledger; an archive shows it",
    ),
    (
        ELECTION,
        &[Some(1), Some(0), Some(9)],
        "the edge of the board: `tally --verify` shows that no ballot is missing",
    ),
    (
        ELECTION,
        &[Some(1), Some(0), Some(10)],
        "the turnout: `tally --verify` counts",
    ),
    (
        ELECTION,
        &[Some(1), Some(2)],
        "the count: `tally` says that it is the node's word; `tally --verify` counts",
    ),
    (
        ELECTION,
        &[Some(1), Some(3)],
        "up to which block it was counted: as the count",
    ),
    (
        VOTER,
        &[Some(1), Some(0)],
        "how many votes a credential has: the ledger gives a ballot the weight that the roll gives it",
    ),
    (
        VOTER,
        &[Some(1), Some(1)],
        "whether a ballot was cast before: one that is named was cast so; if it is left out, the new one is refused",
    ),
    (TRACE, &[Some(1), Some(3)], "the phase"),
    (TRACE, &[Some(1), Some(6)], "the last block"),
    (
        VALIDATORS,
        &[Some(1), Some(2)],
        "approvals so far: for showing",
    ),
    (
        STATUS,
        &[],
        "how the node is doing: but for the chain, which is checked",
    ),
    (
        MEMBERS,
        &[],
        "whom the node sees: a validator is admitted by its key, which its operator reads out",
    ),
    (
        ELECTIONS,
        &[Some(1), Some(0)],
        "a list to pick from: the election that is picked is fetched, and checked against what was asked for; one that it leaves out is \
         found by its id",
    ),
    (
        ELECTIONS,
        &[Some(1), Some(1)],
        "whether there are more elections to list",
    ),
];

fn word(answer: &Value, path: &[Step]) -> Option<usize> {
    let steps: Vec<i128> = path
        .iter()
        .map(|step| match step {
            Step::Item(at) => i128::try_from(*at).unwrap(),
            Step::Field(number) => *number,
        })
        .collect();
    WORDS.iter().position(|(kind, prefix, _)| {
        let fits =
            |(step, wanted): (&i128, &Option<i128>)| wanted.is_none_or(|wanted| wanted == *step);
        *kind == number(answer)
            && steps.len() >= prefix.len()
            && steps.iter().zip(*prefix).all(fits)
    })
}

/// A network with an election that has been changed by its organiser, some ballots, and a change of
/// the validators; and a liar before its first node.
struct Stage {
    cluster: Cluster,
    liar: Liar,
    chain: ChainId,
    election: ElectionId,
    /// One that two organise together: its times were changed, and that it is cancelled waits.
    committee: ElectionId,
    /// A ballot that counts, one that was replaced, and the block of the latter.
    ballot: TransactionId,
    replaced: TransactionId,
    height: Height,
}

/// What the voters of these tests mean, in words, by contest.
const MEANT: [(&str, &[&str]); 2] = [("Chair", &["Joan"]), ("Lunch", &["Salad", "Soup"])];
/// The same as it is said.
const SAID: [&str; 2] = ["Joan", "Salad > Soup"];

/// What they mean, by the places that the true election gives these words.
fn meant() -> Vec<Selection> {
    vec![
        Selection::Listed(2),
        Selection::Ranked(Ranks::strict([2, 0])),
    ]
}

const FILE: &str = r#"
title = "Assembly"
names = true
revotes = 3
[[contests]]
title = "Chair"
choices = ["Ada", "Grace", "Joan"]
[[contests]]
title = "Lunch"
choices = ["Soup", "Pasta", "Salad"]
rule = "irv"
"#;

async fn ok(cluster: &Cluster, args: &[&str]) -> Ran {
    let ran = cli(cluster, 0, args).await;
    assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
    ran
}

impl Stage {
    async fn new() -> Self {
        // No block is made while nobody does anything: what is shown twice is the same.
        let node_args = ["--heartbeat-seconds", "3600"].map(String::from).into();
        let mut cluster = Cluster::start(Options {
            validators: 1,
            node_args,
            ..Options::default()
        })
        .await
        .unwrap();
        let follower = cluster.add_follower().await.unwrap();
        cluster.connected(PATIENCE).await.unwrap();
        let key = cluster.status(follower).await.unwrap().key.to_string();
        ok(&cluster, &["validator", "admit", &key, "--yes"]).await;
        let file = cluster.folder().join("assembly.toml");
        std::fs::write(&file, FILE).unwrap();
        let created = ok(
            &cluster,
            &["election", "create", file.to_str().unwrap(), "--json"],
        )
        .await
        .json();
        let election = created["election"].as_str().unwrap().to_owned();
        let committee = organised_by_two(&cluster).await;
        ok(
            &cluster,
            &[
                "election", "create", "--title", "Another", "--choice", "Yes", "--choice", "No",
            ],
        )
        .await;
        for closes in ["+2h", "+3h"] {
            ok(
                &cluster,
                &[
                    "election",
                    "times",
                    &election,
                    "--closes",
                    closes,
                    "--reason",
                    "more time",
                ],
            )
            .await;
        }
        let cast = |name: &'static str, words: [&'static str; 2]| {
            let (cluster, election) = (&cluster, election.clone());
            async move {
                ok(
                    cluster,
                    &[
                        "cast", &election, words[0], words[1], "--name", name, "--json",
                    ],
                )
                .await
                .json()
            }
        };
        let first = cast("Ada", ["Ada", "Soup"]).await;
        let second = cast("Ada", ["Grace", "Pasta > Soup"]).await;
        cast("Joan", ["Joan", "Salad = Soup"]).await;
        // A change that one of two has approved.
        ok(&cluster, &["validator", "remove", &key, "--yes"]).await;
        let id = |cast: &serde_json::Value| cast["ballot"].as_str().unwrap().parse().unwrap();
        let liar = Liar::start(cluster.folder().join("liar.sock"), &cluster.nodes[0].socket);
        Self {
            chain: cluster.chain,
            election: election.parse().unwrap(),
            committee,
            ballot: id(&second),
            replaced: id(&first),
            height: Height::new(first["height"].as_u64().unwrap()),
            cluster,
            liar,
        }
    }

    /// Through the liar, as an app that does not know the chain beforehand.
    async fn client(&self) -> Client {
        Client::connect(&self.liar.socket).await.unwrap()
    }

    /// At the honest node.
    async fn honest(&self) -> Client {
        Client::connect_to(&self.cluster.nodes[0].socket, Chain::pinned(self.chain))
            .await
            .unwrap()
    }

    /// Every lie that can be told in the answers that were just heard.
    fn lies(&self) -> Vec<(usize, Value, Vec<Step>, Lie)> {
        let mut lies = Vec::new();
        for (at, answer) in self.liar.heard().into_iter().enumerate() {
            for (path, lie) in lies_about(&answer) {
                lies.push((at, answer.clone(), path, lie));
            }
        }
        lies
    }

    /// Runs `vote-cli` at the liar.
    async fn lied_to(&self, args: &[&str]) -> Ran {
        let data = voter_dir(&self.cluster);
        let env = [
            ("VOTE_SOCKET", self.liar.socket.as_path()),
            ("VOTE_DATA_DIR", data.as_path()),
        ];
        run(&self.cluster.programs().vote_cli, args, &env).await
    }
}

/// An election of two organisers who must both sign: one change of its times was approved, and
/// that it is cancelled was not.
async fn organised_by_two(cluster: &Cluster) -> ElectionId {
    let file = cluster.folder().join("second.key");
    let file = file.to_str().unwrap();
    let made = ok(cluster, &["credential", "new", file, "--json"]).await;
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let create = [
        "election",
        "create",
        "--title",
        "Together",
        "--choice",
        "Yes",
        "--choice",
        "No",
        "--organiser",
        &key,
        "--needed",
        "2",
        "--json",
    ];
    let created = ok(cluster, &create).await.json();
    let id = created["election"].as_str().unwrap();
    let times = ["election", "times", id, "--closes", "+2h", "--reason", "r"];
    ok(cluster, &times).await;
    let approve = ["election", "approve", id, "--all", "--credential", file];
    ok(cluster, &approve).await;
    ok(cluster, &["election", "cancel", id, "--reason", "r"]).await;
    id.parse().unwrap()
}

/// What an app asks, and shows.
#[derive(Clone, Copy, Debug)]
enum Question {
    Election,
    Committee,
    Log,
    CommitteeLog,
    Receipt,
    Trace,
    Block,
    Validators,
    Voter,
    Status,
    Members,
    Elections,
    Archive,
}

impl Question {
    const ALL: [Self; 13] = [
        Self::Election,
        Self::Committee,
        Self::Log,
        Self::CommitteeLog,
        Self::Receipt,
        Self::Trace,
        Self::Block,
        Self::Validators,
        Self::Voter,
        Self::Status,
        Self::Members,
        Self::Elections,
        Self::Archive,
    ];

    /// All that the answer shows, as bytes.
    async fn ask(self, client: &Client, stage: &Stage) -> Result<Vec<u8>, CallError> {
        Ok(match self {
            Self::Election => {
                let election = client.election(stage.election).await?;
                encode(&(election.view(), serde_bytes(election.bytes())))
            }
            Self::Log => {
                let election = client.election(stage.election).await?;
                let log = client.checked_log(&election).await?;
                encode(&(election.view(), log))
            }
            Self::Committee => {
                let election = client.election(stage.committee).await?;
                let waiting = format!("{:?}", election.waiting());
                encode(&(election.view(), serde_bytes(election.bytes()), waiting))
            }
            Self::CommitteeLog => {
                let election = client.election(stage.committee).await?;
                let log = client.checked_log(&election).await?;
                encode(&(election.view(), log))
            }
            Self::Receipt => client.receipt_file(stage.ballot).await?.to_bytes(),
            Self::Trace => encode(&client.trace(&stage.replaced.as_bytes()[..16]).await?),
            Self::Block => {
                let shown = client
                    .block(vote_api::BlockAt::Height(stage.height))
                    .await?;
                let chain = client.genesis().await?.chain();
                let verified = vote_chain::verify(&chain, &shown.block.transactions[0]).unwrap();
                let says = client.statement(&verified, stage.election).await?;
                let words: Vec<_> = says
                    .words()
                    .map(|(title, words)| (title.to_owned(), words))
                    .collect();
                encode(&(
                    &shown.block,
                    &shown.certificate,
                    says.ballot,
                    says.election,
                    words,
                ))
            }
            Self::Validators => {
                let validators = client.validators().await?;
                encode(&(validators.set, validators.after, validators.pending))
            }
            Self::Voter => {
                let voter = client
                    .voter(stage.election, credential_of(stage).await)
                    .await?;
                encode(&(voter.weight, voter.ballot))
            }
            Self::Status => encode(&client.status().await?),
            Self::Members => encode(&client.members().await?),
            Self::Elections => {
                let query = vote_api::ElectionQuery {
                    title: "an".into(),
                    limit: 9,
                    ..Default::default()
                };
                encode(&client.elections_page(query).await?)
            }
            Self::Archive => {
                let archive = client.archive(stage.election).await?;
                let chain = client.genesis().await?.chain();
                let audit = archive.verify(Some(&chain), |_| {});
                let audit = audit.map_err(|fault| CallError::False {
                    node: "archive".into(),
                    what: fault.to_string(),
                })?;
                encode(&(
                    audit.chain,
                    audit.record,
                    audit.phase,
                    audit.tally,
                    audit.log,
                ))
            }
        })
    }
}

fn serde_bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

/// The key of a voter who has cast two ballots.
async fn credential_of(stage: &Stage) -> vote_chain::PublicKey {
    stage
        .honest()
        .await
        .proven(stage.ballot)
        .await
        .unwrap()
        .transaction
        .content()
        .signer
}

#[tokio::test]
async fn every_field_of_every_answer_is_checked_or_the_nodes_word() {
    let mut stage = Stage::new().await;
    let (mut harmless, mut believed) = (BTreeSet::new(), Vec::new());
    for question in Question::ALL {
        stage.liar.plan(Plan::Honest);
        let truth = question.ask(&stage.client().await, &stage).await;
        let truth = truth.unwrap_or_else(|error| panic!("{question:?}: {error}"));
        let lies = stage.lies();
        let (mut noticed, mut all) = (0, 0);
        for (at, answer, path, lie) in lies {
            stage.liar.plan(Plan::One(at, path.clone(), lie));
            let client = stage.client().await;
            let shown = question.ask(&client, &stage).await;
            assert!(stage.liar.has_lied(), "{question:?}: {at} {path:?} {lie:?}");
            all += 1;
            match shown {
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    noticed += 1;
                }
                Ok(shown) if shown == truth => {}
                Ok(_) => match word(&answer, &path) {
                    Some(row) => drop(harmless.insert(row)),
                    None => {
                        believed.push(format!("{question:?}: {lie:?} at {path:?} of {answer:?}"))
                    }
                },
            }
        }
        assert!(
            all > 10 && noticed > 0,
            "{question:?}: {noticed} of {all} lies were noticed"
        );
    }
    assert!(
        believed.is_empty(),
        "believed, and no word of the node: {believed:#?}"
    );
    let unused: Vec<_> = (0..WORDS.len())
        .filter(|row| !harmless.contains(row))
        .map(|row| WORDS[row].2)
        .collect();
    assert!(
        unused.is_empty(),
        "no lie about these was believed; they are checked: {unused:?}"
    );
    stage.cluster.stop().await.unwrap();
}

/// The place of a choice among those that the voter is shown.
fn place(contest: &Contest, words: &str) -> u16 {
    match contest.choice(words) {
        Some(Selection::Listed(place)) => place,
        other => panic!("{words} is not offered: {other:?}"),
    }
}

/// Votes as an app does: shows the election, lets the voter pick by words, signs, casts, and keeps
/// the receipt.
async fn vote(
    client: &Client,
    stage: &Stage,
    key: &SecretKey,
    patience: Duration,
) -> Result<KeptReceipt, CallError> {
    let election = client.election(stage.election).await?;
    let contests = &election.record.election.contests;
    let places = |at: usize| -> Vec<u16> {
        MEANT[at]
            .1
            .iter()
            .map(|words| place(&contests[at], words))
            .collect()
    };
    let selections = vec![
        Selection::Listed(places(0)[0]),
        Selection::Ranked(Ranks::strict(places(1))),
    ];
    let signed = client
        .sign_ballot(&election, key, "somebody".into(), selections)
        .await?;
    client.cast(&signed, patience).await
}

/// What is final at the honest node is what the voter means, if anything is.
async fn check_ledger(
    honest: &Client,
    stage: &Stage,
    key: &SecretKey,
    what: &str,
) -> Option<TransactionId> {
    let voter = honest.voter(stage.election, key.public()).await.unwrap();
    let ballot = voter.ballot?.transaction;
    let proven = honest.proven(ballot).await.unwrap();
    let Payload::CastBallot(ballot) = &proven.transaction.content().payload else {
        panic!("no ballot")
    };
    assert_eq!(
        (ballot.election, &ballot.selections),
        (stage.election, &meant()),
        "{what}"
    );
    Some(proven.transaction.id())
}

fn check_kept(kept: &KeptReceipt, stage: &Stage, what: &str) {
    let says = kept
        .check(Some(&stage.chain))
        .unwrap_or_else(|fault| panic!("{what}: {fault}"));
    let words: Vec<_> = says
        .words()
        .map(|(title, words)| (title.to_owned(), words))
        .collect();
    let expected: Vec<_> = (0..2)
        .map(|at| (MEANT[at].0.to_owned(), SAID[at].to_owned()))
        .collect();
    assert_eq!(
        (says.election.title.as_str(), words),
        ("Assembly", expected),
        "{what}"
    );
}

#[tokio::test]
async fn no_lie_turns_a_ballot() {
    let mut stage = Stage::new().await;
    let honest = stage.honest().await;
    // First ballots, and ballots that replace one.
    for replacing in [false, true] {
        let voter = |number: usize| credential(if replacing { 21 } else { 20 }, number);
        let before = async |key: &SecretKey| {
            if replacing {
                vote(&honest, &stage, key, PATIENCE).await.unwrap();
            }
        };
        stage.liar.plan(Plan::Honest);
        before(&voter(0)).await;
        let kept = vote(&stage.client().await, &stage, &voter(0), PATIENCE)
            .await
            .unwrap();
        check_kept(&kept, &stage, "without a lie");
        assert!(
            check_ledger(&honest, &stage, &voter(0), "without a lie")
                .await
                .is_some()
        );
        let lies = stage.lies();
        assert!(lies.len() > 300, "{}", lies.len());
        let (mut noticed, mut cast) = (0, 0);
        for (number, (at, _, path, lie)) in (1..).zip(lies) {
            let what = format!("{lie:?} at {path:?} of answer {at}, replacing: {replacing}");
            let key = voter(number);
            before(&key).await;
            stage.liar.plan(Plan::One(at, path, lie));
            match vote(&stage.client().await, &stage, &key, Duration::from_secs(2)).await {
                Err(error) => {
                    assert!(!error.to_string().is_empty(), "{what}");
                    noticed += 1;
                }
                Ok(kept) => {
                    check_kept(&kept, &stage, &what);
                    cast += 1;
                    let counts = check_ledger(&honest, &stage, &key, &what).await;
                    assert_eq!(
                        counts,
                        Some(kept.receipt.transaction),
                        "{what}: the receipt is for the ballot that counts"
                    );
                    continue;
                }
            }
            check_ledger(&honest, &stage, &key, &what).await;
        }
        assert!(
            noticed > 200 && cast > 10,
            "{noticed} lies were noticed, {cast} did no harm"
        );
    }
    stage.cluster.stop().await.unwrap();
}

/// Reverses the choices of all contests, wherever an election is shown, and so the names beside its
/// counts: on the screen of a voter all is as it should be, and the first choice stands for the
/// last.
fn turned(answer: Value) -> Value {
    fn turn(value: &mut Value) {
        match value {
            // Listed choices: an enum of number 0 with an array of words.
            Value::Array(parts) => match parts.as_mut_slice() {
                [Value::Integer(0), Value::Array(words)]
                    if words.len() > 1
                        && words.iter().all(|word| matches!(word, Value::Text(_))) =>
                {
                    words.reverse();
                }
                parts => parts.iter_mut().for_each(turn),
            },
            Value::Map(fields) => fields.values_mut().for_each(turn),
            _ => {}
        }
    }
    let mut answer = answer;
    if [ELECTIONS, ELECTION].contains(&number(&answer)) {
        turn(&mut answer);
    }
    answer
}

#[tokio::test]
async fn node_that_turns_the_choices_around_gets_no_ballot_and_is_named() {
    let mut stage = Stage::new().await;
    stage.liar.plan(Plan::All(turned));
    for election in [stage.election.to_string(), "Assembly".to_owned()] {
        let cast = stage
            .lied_to(&["cast", &election, SAID[0], SAID[1], "--name", "Grace"])
            .await;
        assert_eq!(cast.code, Some(6), "{cast:?}");
        for words in [
            "the node on",
            "liar.sock is at fault",
            "another list of choices",
            "use another node",
        ] {
            assert!(cast.err.contains(words), "{words:?} is missing in {cast:?}");
        }
    }
    let tally = stage.lied_to(&["tally", "Assembly"]).await;
    assert_eq!(tally.code, Some(6), "{tally:?}");
    let honest = cli(&stage.cluster, 0, &["tally", "Assembly", "--json"])
        .await
        .json();
    assert_eq!(honest["ballots"], 2, "none was added");
    stage.cluster.stop().await.unwrap();
}

/// In words, or as an object for programs.
fn says_what_is_wrong(err: &str) -> bool {
    err.len() > 20 && (err.starts_with("error: ") || err.starts_with("{\"code\":"))
}

/// As above, through the program: a few of the lies about each command, so that what it prints and
/// its exit code are those of the library.
#[tokio::test]
async fn commands_end_with_words_or_show_what_is_true() {
    /// Every so manieth lie is told.
    const SOME: usize = 61;
    let mut stage = Stage::new().await;
    let (election, ballot, height) = (
        stage.election.to_string(),
        stage.ballot.to_string(),
        stage.height.to_string(),
    );
    let tracker = cli(&stage.cluster, 0, &["receipt", "show", &ballot, "--json"])
        .await
        .json()["tracker"]
        .clone();
    let tracker = tracker.as_str().unwrap().to_owned();
    let commands: [&[&str]; 8] = [
        &["receipt", "show", &ballot],
        &["receipt", "check", &tracker],
        &["tally", "Assembly", "--json"],
        &["tally", "Assembly", "--verify", "--csv"],
        &["election", "show", &election[..8], "--json"],
        &["election", "log", &election],
        &["block", &height],
        &["validator", "list"],
    ];
    for command in commands {
        stage.liar.plan(Plan::Honest);
        let truth = stage.lied_to(command).await;
        assert_eq!(truth.code, Some(0), "{truth:?}");
        for (at, answer, path, lie) in stage.lies().into_iter().step_by(SOME) {
            stage.liar.plan(Plan::One(at, path.clone(), lie));
            let ran = stage.lied_to(command).await;
            let what = format!("{command:?}: {lie:?} at {path:?} of {answer:?}: {ran:?}");
            match ran.code {
                Some(0) => assert!(
                    ran.out == truth.out || word(&answer, &path).is_some(),
                    "{what}"
                ),
                Some(1..=6) => assert!(says_what_is_wrong(&ran.err), "{what}"),
                _ => panic!("{what}"),
            }
        }
    }
    stage.liar.plan(Plan::Honest);
    let cast = |name: String| {
        let (stage, election) = (&stage, election.clone());
        async move {
            stage
                .lied_to(&[
                    "cast",
                    &election,
                    SAID[0],
                    SAID[1],
                    "--name",
                    &name,
                    "--json",
                    "--timeout",
                    "2",
                ])
                .await
        }
    };
    let truth = cast("voter".to_owned()).await.json();
    let honest = stage.honest().await;
    for (number, (at, answer, path, lie)) in stage.lies().into_iter().step_by(SOME).enumerate() {
        stage.liar.plan(Plan::One(at, path.clone(), lie));
        let name = format!("voter {number}");
        let ran = cast(name.clone()).await;
        let what = format!("{lie:?} at {path:?} of {answer:?}: {ran:?}");
        match ran.code {
            Some(0) => {
                let (shown, kept) = (
                    ran.json(),
                    ran.json()["receipt"].as_str().unwrap().to_owned(),
                );
                assert_eq!(
                    shown["says"]["contests"], truth["says"]["contests"],
                    "{what}"
                );
                assert_eq!(shown["says"]["name"], name, "{what}");
                let checked = cli(
                    &stage.cluster,
                    0,
                    &["receipt", "check", &kept, "--node", "--json"],
                )
                .await;
                assert_eq!(
                    (checked.code, &checked.json()["node"]["counts"]),
                    (Some(0), &true.into()),
                    "{what}"
                );
                assert_eq!(checked.json()["says"], shown["says"], "{what}");
                let id = shown["ballot"].as_str().unwrap().parse().unwrap();
                let proven = honest.proven(id).await.unwrap();
                let Payload::CastBallot(ballot) = &proven.transaction.content().payload else {
                    panic!("{what}")
                };
                assert_eq!(ballot.selections, meant(), "{what}");
            }
            Some(1..=6) => assert!(says_what_is_wrong(&ran.err), "{what}"),
            _ => panic!("{what}"),
        }
    }
    stage.cluster.stop().await.unwrap();
}

/// A node that is on another chain is not signed for, once the voter has voted through its socket.
#[tokio::test]
async fn node_that_is_on_another_chain_than_it_was_is_refused() {
    let (mut first, mut second) = (cluster(1).await, cluster(1).await);
    election(&first).await;
    let (socket, data) = (first.folder().join("node.sock"), voter_dir(&first));
    let env = [
        ("VOTE_SOCKET", socket.as_path()),
        ("VOTE_DATA_DIR", data.as_path()),
    ];
    let program = first.programs().vote_cli.clone();
    let at_first = Liar::start(socket.clone(), &first.nodes[0].socket);
    let cast = run(&program, &["cast", "Soup"], &env).await;
    assert_eq!(cast.code, Some(0), "{cast:?}");
    drop(at_first);
    let _at_second = Liar::start(socket.clone(), &second.nodes[0].socket);
    let refused = run(&program, &["status"], &env).await;
    assert_eq!(refused.code, Some(6), "{refused:?}");
    let (old, new) = (first.chain.to_string(), second.chain.to_string());
    for words in [
        old.as_str(),
        new.as_str(),
        "You have voted through this socket",
        "--chain",
        "remove ",
    ] {
        assert!(
            refused.err.contains(words),
            "{words:?} is missing in {refused:?}"
        );
    }
    let told = run(&program, &["status", "--chain", &new, "--json"], &env).await;
    assert_eq!(told.json()["chain"], new.as_str(), "{told:?}");
    assert_eq!(
        run(&program, &["status", "--chain", &old], &env).await.code,
        Some(6)
    );
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

/// The titles of two elections, changed for each other in lists.
fn retitled(mut answer: Value) -> Value {
    fn swap(value: &mut Value) {
        match value {
            Value::Array(parts) => parts.iter_mut().for_each(swap),
            Value::Map(fields) => fields.values_mut().for_each(swap),
            Value::Text(text) if text == "Assembly" => *text = "Another".into(),
            Value::Text(text) if text == "Another" => *text = "Assembly".into(),
            _ => {}
        }
    }
    if number(&answer) == ELECTIONS {
        swap(&mut answer);
    }
    answer
}

#[tokio::test]
async fn menu_believes_no_title_of_a_list() {
    let mut stage = Stage::new().await;
    let data = voter_dir(&stage.cluster);
    let env = [
        ("VOTE_SOCKET", stage.liar.socket.as_path()),
        ("VOTE_DATA_DIR", data.as_path()),
    ];
    let program = stage.cluster.programs().vote_cli.clone();
    let menu = async || run_told(&program, &["menu"], &env, "Ada\nc\n1\nYes\nq\n").await;
    stage.liar.plan(Plan::All(retitled));
    let lied = menu().await;
    assert!(
        lied.out
            .contains("is at fault: an election in its list has another title"),
        "{lied:?}"
    );
    assert!(!lied.out.contains("You cast"), "{lied:?}");
    stage.liar.plan(Plan::Honest);
    let shown = menu().await;
    assert!(
        shown.out.contains("Election \"Another\", ") && shown.out.contains("Your ballot is final"),
        "{shown:?}"
    );
    stage.cluster.stop().await.unwrap();
}
