//! The examples do what they say.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::{PATIENCE, cluster, election, run};

/// `cargo test --workspace` builds the examples beside the tests.
fn example(name: &str) -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let path = exe
        .ancestors()
        .nth(2)
        .unwrap_or_else(|| Path::new("."))
        .join("examples")
        .join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --workspace --examples`",
        path.display()
    );
    path
}

#[tokio::test]
async fn cast_and_tally_casts_and_counts_and_watch_sees_it() {
    let mut cluster = cluster(4).await;
    election(&cluster).await;
    let mut watch = Command::new(example("watch"));
    watch
        .arg(&cluster.nodes[1].socket)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut watch = watch.spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut line = async || {
        timeout(PATIENCE, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    };
    assert_eq!(line().await, "Lunch");
    assert!(line().await.contains("Soup 0, Pasta 0"));
    let socket = cluster.nodes[0].socket.display().to_string();
    let cast = run(&example("cast_and_tally"), &[&socket, "Pasta"], &[]).await;
    assert_eq!(cast.code, Some(0), "{cast:?}");
    assert!(
        cast.out.contains("is final in block") && cast.out.contains("the receipt is valid"),
        "{cast:?}"
    );
    assert!(cast.out.contains("     1  Pasta"), "{cast:?}");
    assert!(line().await.contains("Pasta 1"));
    let wrong = run(&example("cast_and_tally"), &[&socket, "Pizza"], &[]).await;
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    cluster.stop().await.unwrap();
    let ended = timeout(PATIENCE, watch.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1), "it says that the node has left");
}
