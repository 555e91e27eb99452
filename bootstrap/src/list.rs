//! `bootstrap list`: the running tracker's list, through its own socket. The answer is one line of
//! JSON.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use vote_network::tracker::Entry;
use vote_views::{Registered, Registrations};

use crate::cli::ListArgs;
use crate::{datadir, say};

const ANSWER_BYTES_MAX: u64 = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(5);

/// The tracker's socket; its file goes when this is dropped.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Binds it for its owner alone. The directory is this process's, so that whatever is in its
    /// place is stale.
    pub(crate) fn bind(dir: &Path) -> Result<Self> {
        let path = dir.join("bootstrap.sock");
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)
            .with_context(|| format!("cannot bind the socket {}", path.display()))?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    pub(crate) async fn accept(&self) -> Option<UnixStream> {
        self.listener.accept().await.ok().map(|(stream, _)| stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes the list and hangs up. Whatever the asker has written is not read.
pub(crate) fn answer<'a>(mut asker: UnixStream, entries: impl Iterator<Item = &'a Entry>) {
    let mut line = vote_views::line(&entries.map(registered).collect::<Vec<_>>());
    line.push('\n');
    tokio::spawn(async move {
        let written = tokio::time::timeout(PATIENCE, asker.write_all(line.as_bytes())).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("the list was asked for and not read");
        }
    });
}

/// Asks the running tracker and prints its answer.
pub(crate) async fn ask(args: &ListArgs) -> Result<()> {
    let path = datadir::path(args.data_dir.clone())?.join("bootstrap.sock");
    let stream = UnixStream::connect(&path).await;
    let stream = stream.with_context(|| {
        format!(
            "no tracker answers on {}; is it running? Say where with --data-dir",
            path.display()
        )
    })?;
    let mut text = String::new();
    tokio::time::timeout(
        PATIENCE,
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut text),
    )
    .await
    .context("the tracker does not answer")??;
    let nodes: Vec<Registered> =
        serde_json::from_str(&text).context("the tracker's answer cannot be read")?;
    if args.json {
        return say::lines(&vote_views::line(&Registrations { nodes }));
    }
    if nodes.is_empty() {
        return say::lines("nobody is registered");
    }
    say::lines(&nodes.iter().map(row).collect::<Vec<_>>().join("\n"))
}

fn row(
    Registered {
        peer,
        chain,
        addresses,
        age_seconds,
        member,
    }: &Registered,
) -> String {
    let member = if *member { "validator" } else { "         " };
    format!(
        "{peer}  chain {chain:.16}  {member}  for {age_seconds:>6} s  {}",
        addresses.join(" ")
    )
}

/// One node on the list.
pub(crate) fn registered(entry: &Entry) -> Registered {
    Registered {
        peer: entry.peer.to_string(),
        chain: entry.chain.clone(),
        addresses: entry.addresses.iter().map(ToString::to_string).collect(),
        age_seconds: entry.since.elapsed().as_secs(),
        member: entry.member,
    }
}
