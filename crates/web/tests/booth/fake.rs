//! A node on a Unix socket, as far as an app can tell. What it is asked is counted, and it does as
//! it is told: hold a transaction back, hang up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use vote_api::{
    Answer, AttackReport, BlockAt, Call, EvidenceView, Member, PeerVerdict, Refusal, RefusalCode,
    Reply, Request, Verdict, read_frame, write_frame,
};
use vote_chain::{Act, ElectionId, Height, Organise, Payload, TransactionId};

use crate::ledger::{Ledger, key, refusal};

/// What the node is, whether it runs or not.
pub(crate) struct Shared {
    pub(crate) ledger: Mutex<Ledger>,
    /// How often each kind of request was made.
    asked: Mutex<BTreeMap<String, usize>>,
    /// The last block; changes when there is another, or one that was held back may go on.
    news: watch::Sender<Height>,
    /// Apps that watch an election now.
    pub(crate) watching: watch::Sender<usize>,
    /// Transactions that were taken and are not final.
    pub(crate) held: watch::Sender<usize>,
    hold: AtomicBool,
    /// What is given in place of true transactions.
    lies: Mutex<BTreeMap<TransactionId, Vec<u8>>>,
}

pub(crate) struct Node {
    dir: tempfile::TempDir,
    pub(crate) shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

impl Node {
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared {
            ledger: Mutex::new(Ledger::new()),
            asked: Mutex::default(),
            news: watch::channel(Height::GENESIS).0,
            watching: watch::channel(0).0,
            held: watch::channel(0).0,
            hold: AtomicBool::new(false),
            lies: Mutex::default(),
        });
        let mut node = Self {
            dir: tempfile::tempdir().unwrap(),
            shared,
            task: None,
        };
        node.go_on();
        node
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("node.sock")
    }

    /// Hangs up on everybody.
    pub(crate) async fn stop(&mut self) {
        let task = self.task.take().expect("it runs");
        task.abort();
        let _ = task.await;
        std::fs::remove_file(self.socket()).unwrap();
    }

    /// Is there again, with the same ledger.
    pub(crate) fn go_on(&mut self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let shared = self.shared.clone();
        self.task = Some(tokio::spawn(async move {
            // Ends with the listener.
            let mut sessions = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                sessions.spawn(session(stream, shared.clone()));
            }
        }));
    }

    pub(crate) fn create(&self, title: &str) -> ElectionId {
        let id = self.shared.ledger.lock().unwrap().create(title);
        self.shared.tell();
        id
    }

    pub(crate) fn ballot(&self, by: u8, election: ElectionId, place: u16) -> Vec<u8> {
        self.shared
            .ledger
            .lock()
            .unwrap()
            .ballot(by, election, place)
    }

    /// What the organiser of [`Node::create`] does.
    pub(crate) fn act(&self, election: ElectionId, act: Act) -> Vec<u8> {
        self.shared
            .ledger
            .lock()
            .unwrap()
            .sign(1, Payload::Organise(Organise { election, act }))
    }

    /// Gives other bytes as a transaction.
    pub(crate) fn lie_about(&self, id: TransactionId, bytes: Vec<u8>) {
        self.shared.lies.lock().unwrap().insert(id, bytes);
    }

    /// Makes a transaction final that came by another way.
    pub(crate) fn decide(&self, bytes: &[u8]) -> TransactionId {
        let id = self.shared.ledger.lock().unwrap().decide(bytes).unwrap();
        self.shared.tell();
        id
    }

    /// Whether transactions are taken and not made final.
    pub(crate) fn hold(&self, hold: bool) {
        self.shared.hold.store(hold, Ordering::SeqCst);
        self.shared.tell();
    }

    pub(crate) fn asked(&self, kind: &str) -> usize {
        self.shared
            .asked
            .lock()
            .unwrap()
            .get(kind)
            .copied()
            .unwrap_or(0)
    }
}

impl Shared {
    fn tell(&self) {
        self.news
            .send_replace(self.ledger.lock().unwrap().state.tip().height);
    }

    fn answer(&self, request: Request) -> Result<Answer, Refusal> {
        let ledger = self.ledger.lock().unwrap();
        let unknown = || refusal(RefusalCode::WrongState, "there is no such thing");
        Ok(match request {
            Request::Status => Answer::Status(Box::new(ledger.status())),
            Request::Genesis => Answer::Genesis(Box::new(ledger.state.genesis().as_ref().clone())),
            Request::Members => Answer::Members(vec![Member {
                name: "n1".into(),
                peer: "peer-1".into(),
                key: Some(key(250).public()),
                power: Some(1),
                height: None,
                addresses: vec!["/ip4/192.0.2.1/tcp/4001".into()],
                this: true,
            }]),
            Request::Validators => Answer::Validators {
                set: ledger.state.validators().clone(),
                after: None,
                pending: Vec::new(),
            },
            Request::Greet(_) => Answer::Greeting(vote_api::Greeting::ours("0")),
            Request::Organisers => Answer::Organisers {
                organisers: ledger.state.organisers().clone(),
                pending: Vec::new(),
            },
            Request::Elections(query) => ledger.elections(&query),
            Request::Transaction(id) => {
                let (bytes, height, index) = ledger.transaction(&id).ok_or_else(unknown)?;
                let lie = self.lies.lock().unwrap().get(&id).cloned();
                Answer::Transaction {
                    bytes: lie.unwrap_or(bytes).into(),
                    height,
                    index,
                }
            }
            Request::Election(id) => {
                Answer::Election(Arc::new(ledger.view(&id).ok_or_else(unknown)?))
            }
            Request::Block(at) => {
                let height = match at {
                    BlockAt::Latest => None,
                    BlockAt::Height(height) => Some(height),
                };
                let (block, certificate) = ledger.block(height).ok_or_else(unknown)?;
                Answer::Block {
                    block: Box::new(block),
                    certificate,
                }
            }
            Request::Voter(election, key) => {
                ledger.state.election(&election).ok_or_else(unknown)?;
                Answer::Voter {
                    weight: Some(1),
                    ballot: ledger.state.ballot(&election, &key).cloned(),
                }
            }
            // The set is that of the genesis.
            Request::SetChanges { .. } => Answer::SetChanges(Vec::new()),
            Request::Receipt(id) => {
                Answer::Receipt(Box::new(ledger.receipt(id).ok_or_else(unknown)?))
            }
            Request::Trace(prefix) if (16..=32).contains(&prefix.len()) => {
                Answer::Trace(Box::new(ledger.trace(&prefix).ok_or_else(unknown)?))
            }
            Request::Trace(_) => return Err(refusal(RefusalCode::Invalid, "16 to 32 bytes")),
            Request::Evidence => {
                let what = "two blocks".to_owned();
                Answer::Evidence(vec![EvidenceView {
                    height: Height::new(1),
                    validator: key(250).public(),
                    what,
                }])
            }
            Request::Log(id) => {
                ledger.state.election(&id).ok_or_else(unknown)?;
                Answer::Log(ledger.state.log(&id).cloned().collect())
            }
            Request::Attack(attack) => {
                let reason = "the parent is another".to_owned();
                let (name, peer) = ("n2".to_owned(), "peer-2".to_owned());
                let verdicts = vec![PeerVerdict {
                    name,
                    peer,
                    verdict: Verdict::Refused,
                    reason,
                }];
                Answer::Attack(AttackReport {
                    attack,
                    height: Height::new(9),
                    verdicts,
                })
            }
            _ => {
                return Err(refusal(
                    RefusalCode::Invalid,
                    "this node does not know that",
                ));
            }
        })
    }
}

async fn session(stream: UnixStream, shared: Arc<Shared>) {
    let (mut read, mut write) = stream.into_split();
    let (replies, mut queue) = mpsc::channel::<Reply>(1000);
    let mut calls = JoinSet::new();
    calls.spawn(async move {
        while let Some(reply) = queue.recv().await {
            write_frame(&mut write, &reply).await.unwrap();
        }
    });
    // What is still being answered ends when the app hangs up.
    while let Ok(Some(Call { id, request })) = read_frame(&mut read).await {
        let kind = format!("{request:?}")
            .split(['(', ' '])
            .next()
            .unwrap()
            .to_owned();
        *shared.asked.lock().unwrap().entry(kind).or_default() += 1;
        calls.spawn(carry_out(
            shared.clone(),
            Replies {
                id,
                replies: replies.clone(),
            },
            request,
        ));
    }
}

struct Replies {
    id: u32,
    replies: mpsc::Sender<Reply>,
}

impl Replies {
    async fn send(&self, answer: Answer, last: bool) {
        // An app that has hung up is not there to be told.
        let _ = self
            .replies
            .send(Reply {
                id: self.id,
                last,
                answer,
            })
            .await;
    }
}

async fn carry_out(shared: Arc<Shared>, replies: Replies, request: Request) {
    match request {
        Request::WatchElection(id) => watch_election(&shared, &replies, id).await,
        Request::Submit(transactions) => submit(&shared, &replies, &transactions[0]).await,
        Request::Archive(id) => archive(&shared, &replies, id).await,
        request => {
            replies
                .send(shared.answer(request).unwrap_or_else(Answer::Failed), true)
                .await
        }
    }
}

/// Counts itself in, and out when it is dropped.
struct Counted(Arc<Shared>, fn(&Shared) -> &watch::Sender<usize>);

impl Counted {
    fn new(shared: &Arc<Shared>, of: fn(&Shared) -> &watch::Sender<usize>) -> Self {
        of(shared).send_modify(|count| *count += 1);
        Self(shared.clone(), of)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1(&self.0).send_modify(|count| *count -= 1);
    }
}

async fn watch_election(shared: &Arc<Shared>, replies: &Replies, id: ElectionId) {
    let _counted = Counted::new(shared, |shared| &shared.watching);
    let mut news = shared.news.subscribe();
    let mut said = None;
    loop {
        let view = shared.ledger.lock().unwrap().view(&id);
        let Some(view) = view else {
            return replies
                .send(
                    Answer::Failed(refusal(RefusalCode::WrongState, "no such election")),
                    true,
                )
                .await;
        };
        let over = view.phase.is_over();
        if said != Some((view.phase, view.tally.clone())) {
            said = Some((view.phase, view.tally.clone()));
            if over {
                // The count comes a moment later, as it does where it takes long.
                let uncounted = vote_api::ElectionView {
                    tally: vote_chain::Tally::without_contests(&view.record),
                    ..view.clone()
                };
                replies
                    .send(Answer::Election(Arc::new(uncounted)), false)
                    .await;
            }
            replies.send(Answer::Election(Arc::new(view)), over).await;
        }
        if over || news.changed().await.is_err() {
            return;
        }
    }
}

async fn submit(shared: &Arc<Shared>, replies: &Replies, bytes: &[u8]) {
    let judged = shared.ledger.lock().unwrap().judge(bytes);
    let Ok(id) = judged else {
        return replies.send(Answer::Submitted(vec![judged]), true).await;
    };
    replies.send(Answer::Submitted(vec![Ok(id)]), false).await;
    let mut news = shared.news.subscribe();
    {
        let _counted = Counted::new(shared, |shared| &shared.held);
        while shared.hold.load(Ordering::SeqCst) {
            news.changed().await.unwrap();
        }
    }
    let outcome = {
        let mut ledger = shared.ledger.lock().unwrap();
        match ledger.decide(bytes) {
            Ok(id) => ledger.finality(id),
            Err(refusal) => Answer::Refused(id, refusal),
        }
    };
    shared.tell();
    replies.send(outcome, true).await;
}

async fn archive(shared: &Arc<Shared>, replies: &Replies, id: ElectionId) {
    let archive = shared.ledger.lock().unwrap().archive(&id);
    let Some(mut archive) = archive else {
        return replies
            .send(
                Answer::Failed(refusal(RefusalCode::WrongState, "no such election")),
                true,
            )
            .await;
    };
    let blocks = std::mem::take(&mut archive.blocks);
    replies
        .send(Answer::ArchiveHead(Box::new(archive)), blocks.is_empty())
        .await;
    let last = blocks.len();
    for (at, block) in (1..).zip(blocks) {
        replies
            .send(Answer::ArchiveBlock(Box::new(block)), at == last)
            .await;
    }
}
