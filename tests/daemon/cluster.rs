//! The program `cluster` itself.

use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vote_cluster::{Daemon, Programs};

use crate::harness::run;

fn program() -> PathBuf {
    Programs::find().unwrap().node.with_file_name("cluster")
}

fn alive(pid: &serde_json::Value) -> bool {
    // A process that has ended and is not yet waited for is no longer alive.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[tokio::test]
async fn network_that_is_ended_leaves_no_process_and_no_file() {
    let dir = tempfile::tempdir().unwrap();
    // The organiser's key is that of whoever runs this: it is made here, and not at home.
    let home = format!("XDG_DATA_HOME={}", dir.path().display());
    let program = program().display().to_string();
    let args = ["up", "--json", "-n", "2", "--followers", "1"].map(String::from);
    let args = [&[home, program], args.as_slice()].concat();
    let log = dir.path().join("log");
    let mut up = Daemon::start("cluster", Path::new("/usr/bin/env"), &args, &log)
        .await
        .unwrap();
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(said.matches("building the programs").count(), 1, "{said}");
    let nodes = up.ready["nodes"].as_array().unwrap().clone();
    assert_eq!(nodes.len(), 3);
    let mut pids: Vec<_> = nodes.iter().map(|node| node["pid"].clone()).collect();
    pids.push(up.ready["bootstrap"]["pid"].clone());
    let folder = PathBuf::from(up.ready["folder"].as_str().unwrap());
    assert!(pids.iter().all(alive) && folder.exists());
    assert!(Path::new(nodes[2]["app_socket"].as_str().unwrap()).starts_with(&folder));
    assert!(up.terminate().await.unwrap().success());
    assert!(!pids.iter().any(alive) && !folder.exists());
}

#[tokio::test]
async fn page_comes_up_with_the_network_has_an_election_to_vote_in_and_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["up", "--json", "--anyone", "--gui", "-n", "1"].map(String::from);
    let mut up = Daemon::start("cluster", &program(), &args, &dir.path().join("log"))
        .await
        .unwrap();
    let page = up.ready["page"].clone();
    let url = page["url"].as_str().unwrap();
    let (address, token) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once("/#token=")
        .unwrap();
    let ask = async |head: &str, body: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let said = format!(
            "{head}host: {address}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        heard
    };
    let session = format!("POST /api/session HTTP/1.1\r\norigin: http://{address}\r\n");
    let opened = ask(&session, &serde_json::json!({ "token": token }).to_string()).await;
    let cookie = opened
        .split("set-cookie: ")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .unwrap();
    let elections = ask(
        &format!("GET /api/elections HTTP/1.1\r\ncookie: {cookie}\r\n"),
        "",
    )
    .await;
    assert!(
        elections.contains(up.ready["election"].as_str().unwrap())
            && elections.contains("\"open\""),
        "{elections}"
    );
    assert!(alive(&page["pid"]));
    assert!(up.terminate().await.unwrap().success());
    assert!(!alive(&page["pid"]));
}

#[tokio::test]
async fn folder_that_holds_something_else_is_never_wiped() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let folder = dir.path().display().to_string();
    let refused = run(&program(), &["up", "--dir", &folder, "--reset"], &[]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("holds no cluster"), "{refused:?}");
    assert!(dir.path().join("thesis.txt").exists());
}

#[tokio::test]
async fn ballots_of_a_file_are_cast_and_counted_alike_by_all_and_what_cannot_be_cast_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("small.blt");
    let text =
        "3 1\n4 1 2 0\n3 2 3 0\n2 1=3 2 0\n1 0\n0\n\"Ada\"\n\"Grace\"\n\"Joan\"\n\"Chair\"\n";
    std::fs::write(&file, text).unwrap();
    let loaded = run(&program(), &["load", file.to_str().unwrap(), "--json"], &[]).await;
    assert_eq!(loaded.code, Some(0), "{loaded:?}");
    let report = loaded.json();
    assert_eq!(
        (&report["ballots"], &report["cast"], &report["final"]),
        (&10.into(), &7.into(), &7.into())
    );
    assert_eq!(
        report["counts"],
        serde_json::json!({ "Ada": 4, "Grace": 3, "Joan": 0 })
    );
    assert_eq!(report["winners"], serde_json::json!(["Ada"]));
    assert_eq!(report["not_castable"].as_array().unwrap().len(), 2);
    assert!(
        report["not_castable"][1]["reason"]
            .as_str()
            .unwrap()
            .contains("nobody"),
        "{report}"
    );
    assert_eq!(report["agree"], true);
    let ranked = run(
        &program(),
        &[
            "load",
            file.to_str().unwrap(),
            "--rule",
            "irv",
            "-n",
            "1",
            "--json",
        ],
        &[],
    )
    .await;
    assert_eq!(
        (ranked.code, &ranked.json()["cast"]),
        (Some(0), &9.into()),
        "{ranked:?}"
    );
    assert_eq!(
        ranked.json()["rounds"][0],
        serde_json::json!({ "Ada": 4, "Grace": 3, "Joan": 0 })
    );
    let roots = report["state_roots"].as_array().unwrap();
    assert!(roots.len() == 4 && roots.iter().all(|root| root == &roots[0]));
}
