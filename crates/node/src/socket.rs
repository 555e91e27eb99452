//! The Unix socket that apps connect to.

mod session;

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore, mpsc};
use vote_api::{Answer, Reply, Request};
use vote_chain::{TransactionFault, Verified};

use crate::datadir::make_private;
use crate::pool::Pool;

/// Apps connected at one time.
const SESSIONS_MAX: usize = 256;
/// Answers that wait for an app to read them; an app that lets more gather is cut off.
const ANSWERS_MAX: usize = 1024;

/// What an app wants of the loop.
pub(crate) enum Command {
    /// An app has come; the call reaches it for notices.
    Joined(u64, AppCall),
    /// An app is gone.
    Left(u64),
    /// Transactions, checked one by one.
    Submit(AppCall, Vec<Result<Arc<Verified>, TransactionFault>>),
    /// Anything else.
    Ask(AppCall, Request),
}

/// One call of one app, to be answered.
#[derive(Clone)]
pub(crate) struct AppCall {
    session: u64,
    id: u32,
    answers: mpsc::Sender<Reply>,
    cut: Arc<Notify>,
}

impl AppCall {
    pub(crate) const fn session(&self) -> u64 {
        self.session
    }

    /// Queues an answer; false if the app is gone, or is cut off for not reading.
    pub(crate) fn send(&self, answer: Answer, last: bool) -> bool {
        self.queue(Reply { id: self.id, last, answer })
    }

    /// Queues an answer, and waits for room if the app is slow; the error says that it is too slow, or gone.
    pub(crate) async fn send_patiently(&self, answer: Answer, last: bool, patience: Duration) -> Result<(), String> {
        let reply = Reply { id: self.id, last, answer };
        let queued = tokio::time::timeout(patience, self.answers.send(reply)).await;
        queued.map_err(|_| "the app does not read".to_owned())?.map_err(|_| "the app is gone".to_owned())
    }

    /// Tells the app that the node is leaving.
    pub(crate) fn notify_leaving(&self) {
        self.queue(Reply { id: 0, last: true, answer: Answer::Leaving });
    }

    fn queue(&self, reply: Reply) -> bool {
        match self.answers.try_send(reply) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.cut.notify_one();
                false
            }
        }
    }
}

/// A bound socket; its file goes when this is dropped.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Socket {
    /// Binds the socket for its owner alone. A socket that nobody answers on is replaced; anything else in its place is not.
    pub(crate) async fn bind(path: &Path) -> Result<Self> {
        if path.as_os_str().len() > 100 {
            bail!("the socket's path {} is too long; choose a shorter one with --socket", path.display());
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            make_private(parent)?;
        }
        remove_stale(path).await?;
        let listener =
            UnixListener::bind(path).with_context(|| format!("cannot bind the socket {}", path.display()))?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let owner = fs::metadata(path)?.uid();
        Ok(Self { listener, path: path.to_owned(), owner })
    }

    /// Takes apps in until the task is ended.
    pub(crate) async fn serve(&self, commands: mpsc::Sender<Command>, pool: Pool) -> Result<()> {
        let room = Arc::new(Semaphore::new(SESSIONS_MAX));
        for session in 1.. {
            let (stream, _) = self.listener.accept().await.context("the socket takes no more apps")?;
            if let Err(reason) = self.check(&stream) {
                tracing::warn!(reason, "app refused");
                continue;
            }
            let Ok(permit) = room.clone().try_acquire_owned() else {
                tracing::warn!("app refused: {SESSIONS_MAX} are connected");
                tokio::spawn(session::refuse(stream));
                continue;
            };
            let (commands, pool) = (commands.clone(), pool.clone());
            tokio::spawn(async move {
                session::run(session, stream, commands, pool).await;
                drop(permit);
            });
        }
        Ok(())
    }

    fn check(&self, stream: &UnixStream) -> Result<(), String> {
        let who = stream.peer_cred().map_err(|error| error.to_string())?.uid();
        if who == self.owner || who == 0 { Ok(()) } else { Err(format!("user {who} is not the node's")) }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Left behind, it would only be taken for stale at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

async fn remove_stale(path: &Path) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        bail!("{} is in the way and is no socket; remove it, or choose another path with --socket", path.display());
    }
    if UnixStream::connect(path).await.is_ok() {
        bail!("another node answers on {}; stop it, or choose another path with --socket", path.display());
    }
    fs::remove_file(path).with_context(|| format!("cannot remove the stale socket {}", path.display()))
}
