//! The Unix socket that apps connect to.

mod limits;
mod outbox;
mod places;
mod session;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout};
use vote_api::{Answer, FRAME_BYTES_MAX, Request};
use vote_chain::{TransactionFault, Verified};
use vote_consensus::PENDING_MAX;

use crate::datadir::make_private;
use crate::ledger::Ledger;
use crate::pool::Pool;
use limits::{
    ACCEPT_PAUSE, ANSWERS_BYTES_ALL, FRAMES_BYTES_ALL, IDLE, ROOM_TIMEOUT, SESSIONS_MAX, STUCK,
};
use outbox::{OpenCall, Parcel};
pub(crate) use outbox::{Outbox, packed};
use places::Places;
use session::Session;

/// The path of a socket is no longer than this on the systems that we know, in bytes.
const PATH_BYTES_MAX: usize = 100;

/// What an app wants of the loop.
pub(crate) enum Command {
    /// An app has come; the call reaches it for notices.
    Joined(u64, AppCall),
    /// An app is gone.
    Left(u64),
    /// Transactions, checked one by one; and the room that they take, until the loop has them.
    Submit(
        AppCall,
        Vec<Result<Arc<Verified>, TransactionFault>>,
        Option<OwnedSemaphorePermit>,
    ),
    /// Anything else that is not a question to the ledger.
    Ask(AppCall, Request),
}

/// One call of one app, to be answered. The call is open until the last clone is dropped.
#[derive(Clone)]
pub(crate) struct AppCall {
    session: u64,
    id: u32,
    outbox: Arc<Outbox>,
    _open: Option<Arc<OpenCall>>,
    /// The places of its transactions among those of the app.
    _transactions: Option<Arc<places::Taken>>,
}

impl AppCall {
    pub(crate) const fn session(&self) -> u64 {
        self.session
    }

    /// Sends a small answer, at once; false if the app is gone.
    pub(crate) fn send(&self, answer: &Answer, last: bool) -> bool {
        self.send_packed(packed(answer), last)
    }

    /// The same with an answer that is encoded, and that several apps may share.
    pub(crate) fn send_packed(&self, answer: Arc<[u8]>, last: bool) -> bool {
        self.outbox.put(Parcel {
            id: self.id,
            last,
            answer,
            _room: None,
        })
    }

    /// Sends an answer for which there is room.
    fn send_large(&self, answer: Arc<[u8]>, last: bool, room: OwnedSemaphorePermit) -> bool {
        self.outbox.put(Parcel {
            id: self.id,
            last,
            answer,
            _room: Some(room),
        })
    }

    /// Whether the app has read so much that it may be sent something large.
    pub(crate) fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// Tells the app that the node is leaving.
    pub(crate) fn notify_leaving(&self) {
        self.send(&Answer::Leaving, true);
    }

    fn with_transactions(mut self, places: places::Taken) -> Self {
        self._transactions = Some(Arc::new(places));
        self
    }
}

/// What sessions share.
struct Shared {
    commands: mpsc::Sender<Command>,
    pool: Pool,
    ledger: watch::Receiver<Arc<Ledger>>,
    /// Bytes of answers.
    answers: Arc<Semaphore>,
    /// Bytes of frames.
    frames: Arc<Semaphore>,
    // Touched for an instant when an app comes or goes, or when there is no room.
    sessions: Mutex<BTreeMap<u64, Arc<Outbox>>>,
    // The same when one is refused.
    refusals: Mutex<Refusals>,
}

impl Shared {
    /// Notes in the log that an app was refused.
    fn refused(&self, reason: &str) {
        self.refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(Instant::now(), reason);
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Outbox>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for the largest answer; none if there is none for long.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(FRAME_BYTES_MAX).expect("a frame is far smaller than 4 GiB");
        let reserve = || self.answers.clone().acquire_many_owned(bytes);
        if let Ok(room) = self.answers.clone().try_acquire_many_owned(bytes) {
            return Some(room);
        }
        self.evict(Instant::now());
        timeout(ROOM_TIMEOUT, reserve()).await.ok()?.ok()
    }

    /// Ends the session of the app that has done nothing for longest: it wants nothing, or does not
    /// take what it wanted.
    fn evict(&self, now: Instant) -> bool {
        let sessions = self.sessions();
        let quiet = sessions
            .values()
            .filter_map(|outbox| Some((outbox.quiet_since()?, outbox)));
        let long =
            quiet.filter(|(quiet, _)| now - quiet.since >= if quiet.reads { IDLE } else { STUCK });
        let Some((_, outbox)) = long.min_by_key(|(quiet, _)| quiet.since) else {
            return false;
        };
        outbox.evict();
        true
    }
}

/// A bound socket; its file goes when this is dropped.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

/// Refuses a path that no socket can have.
///
/// # Errors
/// In words, if it is too long.
pub(crate) fn check_path(path: &Path) -> Result<()> {
    let bytes = path.as_os_str().len();
    if bytes > PATH_BYTES_MAX {
        bail!(
            "the socket's path {} has {bytes} bytes; the system allows {PATH_BYTES_MAX}: choose a shorter one with --socket",
            path.display()
        );
    }
    Ok(())
}

impl Socket {
    /// Binds the socket for its owner alone. A socket that nobody answers on is replaced; anything
    /// else in its place is not.
    pub(crate) async fn bind(path: &Path) -> Result<Self> {
        check_path(path)?;
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            make_private(parent)?;
        }
        remove_stale(path).await?;
        let listener = UnixListener::bind(path)
            .with_context(|| format!("cannot bind the socket {}", path.display()))?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let owner = fs::metadata(path)?.uid();
        Ok(Self {
            listener,
            path: path.to_owned(),
            owner,
        })
    }

    /// Takes apps in until the task is ended.
    pub(crate) async fn serve(
        &self,
        commands: mpsc::Sender<Command>,
        pool: Pool,
        ledger: watch::Receiver<Arc<Ledger>>,
    ) -> Result<()> {
        let seats = Arc::new(Semaphore::new(SESSIONS_MAX));
        let places = Places::new(PENDING_MAX);
        let shared = Arc::new(Shared {
            commands,
            pool,
            ledger,
            answers: Arc::new(Semaphore::new(ANSWERS_BYTES_ALL)),
            frames: Arc::new(Semaphore::new(FRAMES_BYTES_ALL)),
            sessions: Mutex::default(),
            refusals: Mutex::default(),
        });
        for number in 1.. {
            let Some(stream) = self.accept(&shared).await else {
                continue;
            };
            let seat = match seats.clone().try_acquire_owned() {
                Ok(seat) => Some(seat),
                // The seat of an app that is told to go is free in a moment.
                Err(_) if shared.evict(Instant::now()) => {
                    timeout(limits::REFUSE_TIMEOUT, seats.clone().acquire_owned())
                        .await
                        .ok()
                        .and_then(Result::ok)
                }
                Err(_) => None,
            };
            let Some(seat) = seat else {
                shared.refused(&format!("{SESSIONS_MAX} apps are at work"));
                tokio::spawn(session::refuse(stream));
                continue;
            };
            let outbox = Outbox::new(Instant::now());
            shared.sessions().insert(number, outbox.clone());
            let shared = shared.clone();
            let share = places.share();
            let making = Arc::new(Semaphore::new(1));
            tokio::spawn(async move {
                session::run(
                    Session {
                        number,
                        outbox,
                        shared: shared.clone(),
                        places: share,
                        making,
                    },
                    stream,
                )
                .await;
                shared.sessions().remove(&number);
                drop(seat);
            });
        }
        Ok(())
    }

    /// The next app, if it is the owner's. Whatever the system says of one connection, the node
    /// goes on.
    async fn accept(&self, shared: &Shared) -> Option<UnixStream> {
        match self.listener.accept().await {
            Ok((stream, _)) => match self.check(&stream) {
                Ok(()) => Some(stream),
                Err(reason) => {
                    shared.refused(&reason);
                    None
                }
            },
            Err(error) => {
                shared.refused(&format!("the system gives no connection: {error}"));
                // Out of descriptors or memory: they come back when others have let go of theirs.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    fn check(&self, stream: &UnixStream) -> Result<(), String> {
        let who = stream.peer_cred().map_err(|error| error.to_string())?.uid();
        if who == self.owner || who == 0 {
            Ok(())
        } else {
            Err(format!("user {who} is not the node's"))
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Left behind, it would only be taken for stale at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// Apps that were refused, for the log: one line for many.
#[derive(Default)]
struct Refusals {
    said_at: Option<Instant>,
    unsaid: u64,
}

impl Refusals {
    fn note(&mut self, now: Instant, reason: &str) {
        self.unsaid += 1;
        if self
            .said_at
            .is_none_or(|at| now - at >= limits::REFUSALS_SAID)
        {
            tracing::warn!(reason, apps = self.unsaid, "app refused");
            self.said_at = Some(now);
            self.unsaid = 0;
        }
    }
}

async fn remove_stale(path: &Path) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        bail!(
            "{} is in the way and is no socket; remove it, or choose another path with --socket",
            path.display()
        );
    }
    if UnixStream::connect(path).await.is_ok() {
        bail!(
            "another node answers on {}; stop it, or choose another path with --socket",
            path.display()
        );
    }
    fs::remove_file(path)
        .with_context(|| format!("cannot remove the stale socket {}", path.display()))
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use vote_chain::decode;

    /// A call of an app that a test reads for.
    pub(crate) struct TestApp {
        pub(crate) call: AppCall,
        outbox: Arc<Outbox>,
    }

    pub(crate) fn call(session: u64) -> TestApp {
        let outbox = Outbox::new(Instant::now());
        let call = AppCall {
            session,
            id: 1,
            outbox: outbox.clone(),
            _open: None,
            _transactions: None,
        };
        TestApp { call, outbox }
    }

    /// Leaves the app so much unread that there is no room for more.
    pub(crate) fn fill(app: &TestApp) {
        let reason = "x".repeat(limits::ANSWERS_BYTES);
        app.call.send(
            &Answer::Failed(vote_api::Refusal {
                code: vote_api::RefusalCode::Busy,
                reason,
            }),
            false,
        );
    }

    /// Reads all that waits for the app: whether each answer is the last of its call, and the
    /// answer.
    pub(crate) async fn heard(app: &TestApp) -> Vec<(bool, Answer)> {
        let mut all = Vec::new();
        while !app.outbox.is_empty() {
            let parcel = app
                .outbox
                .take(Instant::now)
                .await
                .expect("it is not empty");
            all.push((parcel.last, decode(&parcel.answer).expect("an answer")));
        }
        all
    }
}
