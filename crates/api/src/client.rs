//! A client of one node.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_bytes::ByteBuf;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use vote_chain::{Archive, CommitCertificate, ElectionId, Header, InclusionProof, LogEntry, TransactionId};

use crate::frame::{read_frame, write_frame};
use crate::message::{Answer, Call, ELECTIONS_PAGE_MAX, ElectionQuery, ElectionView, Refusal, Reply, Request};

/// Calls that wait to be written.
const CALLS_MAX: usize = 256;
/// Answers of one call that wait to be taken. A call that lets more gather loses the connection.
const ANSWERS_MAX: usize = 4096;

/// The node cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("no node answers on {path}: {source}; is it running? Say where with --socket or VOTE_SOCKET")]
pub struct ConnectError {
    /// The socket.
    pub path: std::path::PathBuf,
    /// What the system says.
    #[source]
    pub source: std::io::Error,
}

/// A call that has brought no answer, or a refusal.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The node refuses.
    #[error("{}", .0.reason)]
    Refused(Refusal),
    /// The node is leaving, or gone.
    #[error("the node has gone; what was not final must be submitted to another node, or to this one when it is back")]
    Gone,
    /// The node answers something else than was asked.
    #[error("the node gave an answer that does not fit the question; is it of another version?")]
    Unexpected,
}

type Calls = Arc<Mutex<BTreeMap<u32, mpsc::Sender<Answer>>>>;

/// A connection to a node. Clones share it; calls may run side by side.
#[derive(Clone)]
pub struct Client {
    outgoing: mpsc::Sender<Call>,
    // Touched for an instant by the caller and by the reader; a task between them would only add a queue.
    calls: Calls,
    ids: Arc<std::sync::atomic::AtomicU32>,
    leaving: watch::Receiver<bool>,
}

/// The answers of one call, in order.
pub struct Answers {
    queue: mpsc::Receiver<Answer>,
}

impl Answers {
    /// The next answer; none after the last.
    ///
    /// # Errors
    /// [`CallError::Refused`] if the node refuses.
    pub async fn next(&mut self) -> Result<Option<Answer>, CallError> {
        match self.queue.recv().await {
            Some(Answer::Leaving) => Err(CallError::Gone),
            Some(Answer::Failed(refusal)) => Err(CallError::Refused(refusal)),
            answer => Ok(answer),
        }
    }
}

/// What became of a transaction.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is final.
    Final(Box<Inclusion>),
    /// It was refused.
    Refused(TransactionId, Refusal),
}

/// A final transaction, with what proves it.
#[derive(Clone, Debug)]
pub struct Inclusion {
    /// The transaction.
    pub transaction: TransactionId,
    /// Its place in the block.
    pub proof: InclusionProof,
    /// The block's header and certificate.
    pub block: Arc<(Header, CommitCertificate)>,
}

impl Client {
    /// Connects to the node behind a socket.
    ///
    /// # Errors
    /// [`ConnectError`] if none answers.
    pub async fn connect(path: &Path) -> Result<Self, ConnectError> {
        let stream = UnixStream::connect(path).await;
        let stream = stream.map_err(|source| ConnectError { path: path.to_owned(), source })?;
        let (read, write) = stream.into_split();
        let (outgoing, to_write) = mpsc::channel(CALLS_MAX);
        let (gone, leaving) = watch::channel(false);
        let calls = Calls::default();
        tokio::spawn(write_calls(write, to_write));
        tokio::spawn(read_replies(read, calls.clone(), gone));
        Ok(Self { outgoing, calls, ids: Arc::default(), leaving })
    }

    /// Whether the node has said that it is leaving, or has hung up.
    pub fn is_gone(&self) -> bool {
        *self.leaving.borrow() || self.outgoing.is_closed()
    }

    /// Waits until the node says that it is leaving, or hangs up.
    pub async fn gone(&self) {
        let mut leaving = self.leaving.clone();
        // An error means that the reader has ended: gone as well.
        let _ = leaving.wait_for(|gone| *gone).await;
    }

    /// Asks for several answers.
    ///
    /// # Errors
    /// [`CallError::Gone`] if there is no node any more.
    pub async fn stream(&self, request: Request) -> Result<Answers, CallError> {
        let (answers, queue) = mpsc::channel(ANSWERS_MAX);
        let id = self.ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed).wrapping_add(1).max(1);
        lock(&self.calls).insert(id, answers);
        if *self.leaving.borrow() || self.outgoing.send(Call { id, request }).await.is_err() {
            lock(&self.calls).remove(&id);
            return Err(CallError::Gone);
        }
        Ok(Answers { queue })
    }

    /// Asks for one answer.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses or is gone.
    pub async fn call(&self, request: Request) -> Result<Answer, CallError> {
        self.stream(request).await?.next().await?.ok_or(CallError::Gone)
    }

    /// Every election, the newest first, a page at a time.
    ///
    /// # Errors
    /// [`CallError`] if the node is gone.
    pub async fn elections(&self) -> Result<Vec<ElectionView>, CallError> {
        let mut all: Vec<ElectionView> = Vec::new();
        loop {
            let after = all.last().map(|view| view.record.id);
            let query = ElectionQuery { after, limit: ELECTIONS_PAGE_MAX, ..ElectionQuery::default() };
            let (elections, more) = self.elections_page(query).await?;
            let ended = elections.is_empty() || !more;
            all.extend(elections);
            if ended {
                return Ok(all);
            }
        }
    }

    /// A page of the elections that a query fits, the newest first, and whether another one follows.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses or is gone.
    pub async fn elections_page(&self, query: ElectionQuery) -> Result<(Vec<ElectionView>, bool), CallError> {
        match self.call(Request::Elections(query)).await? {
            Answer::Elections { elections, more } => Ok((elections, more)),
            _ => Err(CallError::Unexpected),
        }
    }

    /// What was done to an election, in order.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses or is gone.
    pub async fn log(&self, election: ElectionId) -> Result<Vec<LogEntry>, CallError> {
        let mut answers = self.stream(Request::Log(election)).await?;
        let mut all = Vec::new();
        while let Some(answer) = answers.next().await? {
            let Answer::Log(some) = answer else { return Err(CallError::Unexpected) };
            all.extend(some);
        }
        Ok(all)
    }

    /// The archive of an election, unchecked.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses or is gone.
    pub async fn archive(&self, election: ElectionId) -> Result<Archive, CallError> {
        let mut answers = self.stream(Request::Archive(election)).await?;
        let Some(Answer::ArchiveHead(mut archive)) = answers.next().await? else { return Err(CallError::Unexpected) };
        while let Some(answer) = answers.next().await? {
            let Answer::ArchiveBlock(block) = answer else { return Err(CallError::Unexpected) };
            archive.blocks.push(*block);
        }
        Ok(*archive)
    }

    /// Submits signed transactions. Gives what the node said of each at once, and a stream of what becomes of those that
    /// it has accepted.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses all, or is gone.
    pub async fn submit(
        &self,
        transactions: Vec<Vec<u8>>,
    ) -> Result<(Vec<Result<TransactionId, Refusal>>, Outcomes), CallError> {
        let transactions = transactions.into_iter().map(ByteBuf::from).collect();
        let mut answers = self.stream(Request::Submit(transactions)).await?;
        match answers.next().await?.ok_or(CallError::Gone)? {
            Answer::Submitted(results) => Ok((results, Outcomes { answers })),
            _ => Err(CallError::Unexpected),
        }
    }
}

/// What becomes of submitted transactions.
pub struct Outcomes {
    answers: Answers,
}

impl Outcomes {
    /// The next: several, since a block makes many final at once; none when each has had its answer.
    ///
    /// # Errors
    /// [`CallError::Gone`] if the node is gone before: what became of the rest is not known then.
    pub async fn next(&mut self) -> Result<Option<Vec<Outcome>>, CallError> {
        match self.answers.next().await? {
            None => Ok(None),
            Some(Answer::Refused(id, refusal)) => Ok(Some(vec![Outcome::Refused(id, refusal)])),
            Some(Answer::Final { header, certificate, proofs }) => {
                let block = Arc::new((*header, certificate));
                let inclusion = |(transaction, proof)| {
                    Outcome::Final(Box::new(Inclusion { transaction, proof, block: block.clone() }))
                };
                Ok(Some(proofs.into_iter().map(inclusion).collect()))
            }
            Some(_) => Err(CallError::Unexpected),
        }
    }
}

fn lock(calls: &Calls) -> std::sync::MutexGuard<'_, BTreeMap<u32, mpsc::Sender<Answer>>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write_calls(mut write: OwnedWriteHalf, mut calls: mpsc::Receiver<Call>) {
    while let Some(call) = calls.recv().await {
        if write_frame(&mut write, &call).await.is_err() {
            return;
        }
    }
}

async fn read_replies(read: OwnedReadHalf, calls: Calls, gone: watch::Sender<bool>) {
    let mut read = BufReader::with_capacity(64 * 1024, read);
    let mut farewell = Answer::Leaving;
    while let Ok(Some(Reply { id, last, answer })) = read_frame(&mut read).await {
        if id == 0 {
            farewell = answer;
            break;
        }
        let sender = lock(&calls).get(&id).cloned();
        let lagging =
            sender.is_some_and(|sender| matches!(sender.try_send(answer), Err(mpsc::error::TrySendError::Full(_))));
        if last {
            lock(&calls).remove(&id);
        }
        if lagging {
            break;
        }
    }
    let _ = gone.send(true);
    for sender in std::mem::take(&mut *lock(&calls)).into_values() {
        let _ = sender.try_send(farewell.clone());
    }
}
