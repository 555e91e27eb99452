//! A client of one node.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_bytes::ByteBuf;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use vote_chain::{CommitCertificate, Header, InclusionProof, TransactionId};

use crate::chain::Chain;
use crate::error::{CallError, ConnectError};
use crate::frame::{FrameError, frame, read_frame};
use crate::message::{Answer, Call, Greeting, Refusal, RefusalCode, Reply, Request};

/// Calls that wait to be written.
const CALLS_MAX: usize = 256;
/// Answers of one call that wait to be taken. A call that lets more gather loses the connection.
const ANSWERS_MAX: usize = 4096;

/// A node that has not answered after so long will not: it is taken for broken.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// So long an attack may take, which is offered to every peer.
pub(crate) const ATTACK_TIMEOUT: Duration = Duration::from_secs(120);

/// What a node calls its program, in bytes.
const PROGRAM_BYTES_MAX: usize = 100;

type Calls = Arc<Mutex<BTreeMap<u32, mpsc::Sender<Result<Answer, CallError>>>>>;

/// A connection to a node. Clones share it; calls may run side by side.
///
/// What a node says is not taken on trust. The methods for each question (`election`, `block`,
/// `cast`, ...) give what was checked, as far as it can be: a node that says what is not so is told
/// by [`CallError::False`]. [`Client::call`], [`Client::stream`] and [`Client::submit`] give what
/// the node says as it says it.
#[derive(Clone)]
pub struct Client {
    node: Arc<Path>,
    chain: Chain,
    outgoing: mpsc::Sender<Vec<u8>>,
    // Touched for an instant by the caller and by the reader; a task between them would only add a
    // queue.
    calls: Calls,
    ids: Arc<std::sync::atomic::AtomicU32>,
    leaving: watch::Receiver<bool>,
}

/// The answers of one call, in order.
pub struct Answers {
    queue: mpsc::Receiver<Result<Answer, CallError>>,
}

impl Answers {
    /// The next answer; none after the last.
    ///
    /// # Errors
    /// [`CallError::Refused`] if the node refuses.
    pub async fn next(&mut self) -> Result<Option<Answer>, CallError> {
        match self.queue.recv().await.transpose()? {
            Some(Answer::Leaving) => Err(CallError::Gone),
            Some(Answer::Failed(refusal)) => Err(CallError::Refused(refusal)),
            answer => Ok(answer),
        }
    }
}

/// What became of a transaction, as the node says it.
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
    /// Connects to the node behind a socket. The chain that it names first is the one that this
    /// client goes on with.
    ///
    /// # Errors
    /// [`ConnectError`] if none answers.
    pub async fn connect(path: &Path) -> Result<Self, ConnectError> {
        Self::connect_to(path, Chain::default()).await
    }

    /// Connects to a node of this chain.
    ///
    /// # Errors
    /// [`ConnectError`] if none answers. Which chain the node is of is known at its first word of
    /// it.
    pub async fn connect_to(path: &Path, chain: Chain) -> Result<Self, ConnectError> {
        let stream = UnixStream::connect(path).await;
        let stream = stream.map_err(|source| ConnectError::Unreachable {
            path: path.to_owned(),
            source,
        })?;
        let (read, write) = stream.into_split();
        let (outgoing, to_write) = mpsc::channel(CALLS_MAX);
        let (gone, leaving) = watch::channel(false);
        let calls = Calls::default();
        tokio::spawn(write_calls(write, to_write));
        tokio::spawn(read_replies(read, calls.clone(), gone));
        let client = Self {
            node: path.into(),
            chain,
            outgoing,
            calls,
            ids: Arc::default(),
            leaving,
        };
        client.greet().await?;
        Ok(client)
    }

    /// Says what this program is, and hears what the node is.
    async fn greet(&self) -> Result<(), ConnectError> {
        let ours = Greeting::ours(env!("CARGO_PKG_VERSION"));
        let path = self.node.to_path_buf();
        let theirs = match self.call(Request::Greet(ours.clone())).await {
            Ok(Answer::Greeting(theirs)) if theirs.program.len() <= PROGRAM_BYTES_MAX => theirs,
            Ok(_) => {
                let fault = CallError::Unexpected;
                return Err(ConnectError::Silent { path, fault });
            }
            Err(fault) => return Err(ConnectError::Silent { path, fault }),
        };
        if theirs.speaks == ours.speaks {
            Ok(())
        } else {
            Err(ConnectError::OtherVersion { path, ours, theirs })
        }
    }

    /// The node's socket.
    pub fn node(&self) -> &Path {
        &self.node
    }

    /// What is known of the chain.
    pub const fn chain(&self) -> &Chain {
        &self.chain
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
    /// [`CallError::Gone`] if there is no node any more; [`CallError::Refused`] if it asks for more
    /// than a frame can hold.
    pub async fn stream(&self, request: Request) -> Result<Answers, CallError> {
        let (answers, queue) = mpsc::channel(ANSWERS_MAX);
        let id = self
            .ids
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
            .wrapping_add(1)
            .max(1);
        let call = frame(&Call { id, request }).map_err(|error| {
            CallError::Refused(Refusal {
                code: RefusalCode::Invalid,
                reason: error.to_string(),
            })
        })?;
        lock(&self.calls).insert(id, answers);
        if *self.leaving.borrow() || self.outgoing.send(call).await.is_err() {
            lock(&self.calls).remove(&id);
            return Err(CallError::Gone);
        }
        Ok(Answers { queue })
    }

    /// Asks for one answer, as the node says it.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses, is gone, or says nothing within a minute.
    pub async fn call(&self, request: Request) -> Result<Answer, CallError> {
        self.call_for(request, ANSWER_TIMEOUT).await
    }

    pub(crate) async fn call_for(
        &self,
        request: Request,
        patience: Duration,
    ) -> Result<Answer, CallError> {
        let call = async {
            self.stream(request)
                .await?
                .next()
                .await?
                .ok_or(CallError::Gone)
        };
        tokio::time::timeout(patience, call)
            .await
            .unwrap_or(Err(CallError::Silent(patience.as_secs())))
    }

    /// Waits for one of several answers that follow each other at once.
    pub(crate) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let patience = ANSWER_TIMEOUT;
        tokio::time::timeout(patience, answer)
            .await
            .unwrap_or(Err(CallError::Silent(patience.as_secs())))
    }

    /// Submits signed transactions. Gives what the node says of each at once, and a stream of what
    /// becomes of those that it has accepted; unchecked: [`Client::decide`] waits, and checks.
    ///
    /// # Errors
    /// [`CallError`] if the node refuses all, or is gone.
    pub async fn submit(
        &self,
        transactions: Vec<Vec<u8>>,
    ) -> Result<(Vec<Result<TransactionId, Refusal>>, Outcomes), CallError> {
        self.submit_by(Request::Submit(
            transactions.into_iter().map(ByteBuf::from).collect(),
        ))
        .await
    }

    pub(crate) async fn submit_by(
        &self,
        request: Request,
    ) -> Result<(Vec<Result<TransactionId, Refusal>>, Outcomes), CallError> {
        let mut answers = self.stream(request).await?;
        match self.in_time(answers.next()).await?.ok_or(CallError::Gone)? {
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
    /// The next: several, since a block makes many final at once; none when each has had its
    /// answer.
    ///
    /// # Errors
    /// [`CallError::Gone`] if the node is gone before: what became of the rest is not known then.
    pub async fn next(&mut self) -> Result<Option<Vec<Outcome>>, CallError> {
        match self.answers.next().await? {
            None => Ok(None),
            Some(Answer::Refused(id, refusal)) => Ok(Some(vec![Outcome::Refused(id, refusal)])),
            Some(Answer::Final {
                header,
                certificate,
                proofs,
            }) => {
                let block = Arc::new((*header, certificate));
                let inclusion = |(transaction, proof)| {
                    Outcome::Final(Box::new(Inclusion {
                        transaction,
                        proof,
                        block: block.clone(),
                    }))
                };
                Ok(Some(proofs.into_iter().map(inclusion).collect()))
            }
            Some(_) => Err(CallError::Unexpected),
        }
    }
}

fn lock(
    calls: &Calls,
) -> std::sync::MutexGuard<'_, BTreeMap<u32, mpsc::Sender<Result<Answer, CallError>>>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write_calls(mut write: OwnedWriteHalf, mut calls: mpsc::Receiver<Vec<u8>>) {
    while let Some(call) = calls.recv().await {
        if write.write_all(&call).await.is_err() {
            return;
        }
    }
}

async fn read_replies(read: OwnedReadHalf, calls: Calls, gone: watch::Sender<bool>) {
    let mut read = BufReader::with_capacity(64 * 1024, read);
    let farewell = loop {
        let Reply { id, last, answer } = match read_frame(&mut read).await {
            Ok(Some(reply)) => reply,
            Ok(None) | Err(FrameError::Io(_) | FrameError::Truncated) => break Ok(Answer::Leaving),
            Err(FrameError::Malformed(_) | FrameError::TooLarge(_)) => {
                break Err(CallError::Unexpected);
            }
        };
        if id == 0 {
            break Ok(answer);
        }
        let sender = lock(&calls).get(&id).cloned();
        let lagging = sender.is_some_and(|sender| {
            matches!(
                sender.try_send(Ok(answer)),
                Err(mpsc::error::TrySendError::Full(_))
            )
        });
        if last {
            lock(&calls).remove(&id);
        }
        if lagging {
            break Ok(Answer::Leaving);
        }
    };
    let _ = gone.send(true);
    for sender in std::mem::take(&mut *lock(&calls)).into_values() {
        let _ = sender.try_send(farewell.clone());
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;
    use crate::frame::write_frame;
    use crate::message::APP_PROTOCOL;

    /// What an app hears that meets a node which greets so.
    async fn met(speaks: u16, program: String) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let node = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let call: Call = read_frame(&mut stream).await.unwrap().unwrap();
            assert!(matches!(call.request, Request::Greet(_)), "first of all");
            let answer = Answer::Greeting(Greeting { speaks, program });
            let reply = Reply {
                id: call.id,
                last: true,
                answer,
            };
            write_frame(&mut stream, &reply).await.unwrap();
            stream
        };
        let (met, _stream) = tokio::join!(Client::connect(&path), node);
        met.map(|_| ()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn app_and_node_of_different_versions_say_which_is_too_old() {
        assert_eq!(met(APP_PROTOCOL, "9.9".into()).await, Ok(()));
        let newer = met(APP_PROTOCOL + 1, "9.9".into()).await.unwrap_err();
        assert!(newer.starts_with("this program is too old"), "{newer}");
        let older = met(APP_PROTOCOL - 1, "0.0".into()).await.unwrap_err();
        assert!(older.starts_with("the node is too old"), "{older}");
    }

    #[tokio::test]
    async fn node_that_greets_at_length_is_not_heard_out() {
        let long = met(APP_PROTOCOL, "x".repeat(60_000)).await.unwrap_err();
        assert!(
            long.contains("does not greet") && long.len() < 500,
            "{long}"
        );
    }
}
