//! Whatever an app or a peer was told is true after the node has ended: a scripted run is ended at
//! each point at which the disk is asked to make something durable, and what is on the disk then is
//! compared with what was said.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::StorageBackend;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use vote_api::{Answer, BlockAt, Call, Reply, Request, read_frame, write_frame};
use vote_chain::{
    Ballot, BlockHash, CastRecord, ElectionId, Height, Payload, PublicKey, Selection, Transaction,
    TransactionId, decode, encode,
};
use vote_consensus::{Config, Engine, Folder, Recovered, SignState};
use vote_network::{Keypair, PeerEvent, Transport};
use vote_storage::{Loaded, Store, Unread};

use super::{Core, Kept, Parts};
use crate::clock::steady;
use crate::ledger::Ledger;
use crate::ledger::testing::{key, simple_election, simple_genesis};
use crate::peer::{PeerRequest, PeerResponse};
use crate::pool::Pool;
use crate::sign_state::Signs;
use crate::socket::Socket;

/// Far more than a run takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ballots of a run.
const VOTERS: u8 = 4;

/// What is on a disk: the ledger and its write-ahead log.
type Files = [Vec<u8>; 2];

/// A disk in memory: what is written to a file is there at once, and durable after a sync of that
/// file.
#[derive(Clone, Debug)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug)]
struct Platter {
    written: Files,
    durable: Files,
    /// Syncs that succeed; none fails if there is no number.
    left: Option<usize>,
    failed: bool,
    /// Told that the next sync fails; and waited for, so that whoever wants to ask in that moment
    /// can.
    failing: Option<(mpsc::Sender<()>, std::sync::mpsc::Receiver<()>)>,
}

impl Disk {
    fn new(content: Files) -> Self {
        let durable = content.clone();
        Self(Arc::new(Mutex::new(Platter {
            written: content,
            durable,
            left: None,
            failed: false,
            failing: None,
        })))
    }

    fn platter(&self) -> std::sync::MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    fn durable(&self) -> Files {
        self.platter().durable.clone()
    }

    fn file(&self, number: usize) -> DiskFile {
        DiskFile {
            disk: self.clone(),
            number,
        }
    }
}

/// One of its files.
#[derive(Clone, Debug)]
struct DiskFile {
    disk: Disk,
    number: usize,
}

fn broken() -> std::io::Error {
    std::io::Error::other("the disk has failed")
}

impl StorageBackend for DiskFile {
    fn len(&self) -> Result<u64, std::io::Error> {
        Ok(self.disk.platter().written[self.number].len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        let from = usize::try_from(offset).unwrap();
        out.copy_from_slice(
            self.disk.platter().written[self.number]
                .get(from..from + out.len())
                .ok_or_else(broken)?,
        );
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.disk.platter().written[self.number].resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        let mut platter = self.disk.platter();
        if platter.failed {
            return Err(broken());
        }
        if platter.left == Some(0) {
            platter.failed = true;
            let failing = platter.failing.take();
            // Reads go on while the write hangs.
            drop(platter);
            if let Some((tell, go_on)) = failing {
                let _ = tell.try_send(());
                let _ = go_on.recv();
            }
            return Err(broken());
        }
        platter.left = platter.left.map(|left| left - 1);
        platter.durable[self.number] = platter.written[self.number].clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        let mut platter = self.disk.platter();
        if platter.failed {
            return Err(broken());
        }
        let from = usize::try_from(offset).unwrap();
        platter.written[self.number]
            .get_mut(from..from + data.len())
            .ok_or_else(broken)?
            .copy_from_slice(data);
        Ok(())
    }
}

/// What was said.
#[derive(Debug)]
enum Told {
    Final(Vec<TransactionId>, Height, BlockHash),
    Voted(ElectionId, PublicKey, CastRecord),
    Block(Height, BlockHash),
    Included(TransactionId, Height),
    Elections(usize),
    Turnout(Height, u64),
    PeerHeight(Height),
}

type Heard = Arc<Mutex<Vec<Told>>>;

/// An app that speaks frames.
struct App {
    stream: UnixStream,
    heard: Heard,
    id: u32,
}

impl App {
    async fn ask(&mut self, request: Request) -> Option<u32> {
        self.id += 1;
        write_frame(
            &mut self.stream,
            &Call {
                id: self.id,
                request,
            },
        )
        .await
        .ok()?;
        Some(self.id)
    }

    /// Hears the next answer; none if the node is gone.
    async fn hear(&mut self) -> Option<Reply> {
        let reply: Reply = read_frame(&mut self.stream).await.ok()??;
        let mut heard = self.heard.lock().unwrap();
        match &reply.answer {
            Answer::Final { header, proofs, .. } => {
                let ids = proofs.iter().map(|(id, _)| *id).collect();
                heard.push(Told::Final(ids, header.height, header.hash()));
            }
            Answer::Block { block, .. } => {
                heard.push(Told::Block(block.header.height, block.header.hash()))
            }
            Answer::Status(status) => heard.push(Told::Block(status.height, status.hash)),
            Answer::Receipt(receipt) => {
                heard.push(Told::Included(receipt.transaction, receipt.header.height))
            }
            Answer::Trace(trace) => heard.push(Told::Included(trace.transaction, trace.height)),
            Answer::Transaction { bytes, height, .. } => {
                heard.push(Told::Included(TransactionId::of(bytes), *height))
            }
            Answer::Elections { elections, .. } => heard.push(Told::Elections(elections.len())),
            Answer::Election(view) => {
                heard.push(Told::Turnout(view.height, view.tally.turnout.ballots))
            }
            Answer::Submitted(results) => {
                assert!(
                    results.iter().all(Result::is_ok),
                    "a ballot that was sent twice is refused: {results:?}"
                );
            }
            Answer::Refused(id, refusal) => panic!("{id} is refused: {}", refusal.reason),
            _ => {}
        }
        Some(reply)
    }

    /// Asks all, and hears all answers; none if the node is gone before.
    async fn all(
        &mut self,
        requests: Vec<Request>,
        voter: Option<(ElectionId, PublicKey)>,
    ) -> Option<()> {
        let mut open = BTreeSet::new();
        for request in requests {
            open.insert(self.ask(request).await?);
        }
        while !open.is_empty() {
            let reply = self.hear().await?;
            if let (
                Answer::Voter {
                    ballot: Some(record),
                    ..
                },
                Some((election, key)),
            ) = (&reply.answer, voter)
            {
                self.heard
                    .lock()
                    .unwrap()
                    .push(Told::Voted(election, key, record.clone()));
            }
            if reply.id == 0 {
                return None;
            }
            if reply.last {
                open.remove(&reply.id);
            }
        }
        Some(())
    }
}

/// All that can be asked about a ballot and its election.
fn questions(election: ElectionId, voter: PublicKey, ballot: TransactionId) -> Vec<Request> {
    vec![
        Request::Voter(election, voter),
        Request::Trace(ballot.as_bytes().to_vec().into()),
        Request::Receipt(ballot),
        Request::Transaction(ballot),
        Request::Block(BlockAt::Latest),
        Request::Elections(vote_api::ElectionQuery {
            limit: 10,
            ..Default::default()
        }),
    ]
}

/// Runs the script on a disk that fails at its sync number `syncs`; true if it came to its end
/// before.
async fn run(disk: &Disk, syncs: usize, heard: &Heard) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let (store, Loaded { state, log, bodies }) = load(disk);
    let store = Arc::new(store);
    assert!(log.is_empty() && bodies.is_empty());
    let chain = state.chain();
    let signed = Some(SignState::default());
    let recovered = Recovered {
        state,
        log,
        bodies: Vec::new(),
        signed,
        folder: Folder::Left,
    };
    let engine = Engine::recover(Config::default(), key(0), recovered, steady());
    let signs = Signs::new(dir.path().to_owned(), key(0).public(), chain, None);
    let keypair = Keypair::generate_ed25519();
    let local = keypair.public().to_peer_id();
    let network = |keypair, peers| vote_network::Config {
        keypair,
        chain: chain.to_string(),
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        external: Vec::new(),
        trackers: Vec::new(),
        peers,
        peer_book: None,
        transport: Transport::Tcp,
    };
    let (handle, events) = vote_network::start(network(keypair, Vec::new()))
        .await
        .unwrap();
    let address = handle.listen_addresses().await.remove(0);
    let socket = Socket::bind(&dir.path().join("n.sock")).await.unwrap();
    let (commands, inbox) = mpsc::channel(256);
    let pool = Pool::new(chain);
    let (ledger, published) = watch::channel(Arc::new(Ledger::new(
        Arc::new(engine.state().clone()),
        store.clone(),
        Arc::default(),
    )));
    let core = Core::new(Parts {
        name: "n".into(),
        key: key(0),
        engine,
        store,
        ledger,
        network: handle.clone(),
        local,
        listen: Vec::new(),
        pool: pool.clone(),
        allow_attacks: false,
        clock_ahead_ms_max: 2000,
        signs,
        known: BTreeSet::new(),
        evidence: Kept::default(),
        last: None,
    });
    let (tell, mut failing) = mpsc::channel(1);
    let (go_on, wait) = std::sync::mpsc::channel();
    disk.platter().left = Some(syncs);
    let node = tokio::spawn(async move {
        tokio::select! {
            done = core.run(events, inbox, std::future::pending()) => done,
            done = socket.serve(commands, pool, published) => done,
        }
    });
    // A peer that asks how far the node is, all the time.
    let peer_heard = heard.clone();
    let peer_network = network(
        Keypair::generate_ed25519(),
        vec![format!("{address}/p2p/{local}").parse().unwrap()],
    );
    let peer = tokio::spawn(async move {
        let (peer, mut news) = vote_network::start(peer_network).await.unwrap();
        while news
            .peers
            .recv()
            .await
            .is_some_and(|event| event != PeerEvent::Connected(local, None))
        {}
        while let Ok(bytes) = peer
            .request(local, encode(&PeerRequest::Status(Height::GENESIS)))
            .await
        {
            if let Ok(PeerResponse::Status(height, ..)) = decode(&bytes) {
                peer_heard.lock().unwrap().push(Told::PeerHeight(height));
            }
        }
    });
    let connect = || UnixStream::connect(dir.path().join("n.sock"));
    let (Ok(stream), Ok(other)) = (connect().await, connect().await) else {
        assert!(
            node.await.unwrap().is_err(),
            "a node that is gone has ended because its disk fails"
        );
        peer.abort();
        return false;
    };
    let sign = |signer: u8, payload| Transaction::sign(chain, &key(signer), payload).to_bytes();
    let creation = sign(0, Payload::CreateElection(simple_election("Test", 7)));
    let election = ElectionId::new(*TransactionId::of(&creation).hash());
    let ballot = |voter| {
        sign(
            voter,
            Payload::CastBallot(Ballot::plain(election, Selection::Listed(0))),
        )
    };
    let mut app = App {
        stream,
        heard: heard.clone(),
        id: 0,
    };
    let script = async {
        app.all(vec![Request::Submit(vec![creation.into()])], None)
            .await?;
        for voter in 1..=VOTERS {
            let bytes = ballot(voter);
            let id = TransactionId::of(&bytes);
            let submit = || Request::Submit(vec![bytes.clone().into()]);
            // Twice at once, and all that can be asked while it is on its way.
            let mut requests = vec![
                submit(),
                submit(),
                Request::Status,
                Request::Election(election),
            ];
            requests.extend(questions(election, key(voter).public(), id));
            app.all(requests, Some((election, key(voter).public())))
                .await?;
            // Once more, when it is final.
            app.all(vec![submit()], None).await?;
        }
        Some(())
    };
    // In the moment between a decision and the disk, another app asks about every ballot that there
    // may be.
    let mut asker = App {
        stream: other,
        heard: heard.clone(),
        id: 0,
    };
    let between = async {
        // Who is not served yet cannot ask in that moment.
        asker.all(vec![Request::Genesis], None).await;
        disk.platter().failing = Some((tell, wait));
        failing.recv().await;
        for voter in 1..=VOTERS {
            let voted = key(voter).public();
            // What comes out of memory. Questions to the disk wait for it, as it hangs.
            let elections = Request::Elections(vote_api::ElectionQuery {
                limit: 10,
                ..Default::default()
            });
            asker
                .all(
                    vec![Request::Voter(election, voted), elections],
                    Some((election, voted)),
                )
                .await;
        }
        // A disk that has failed before waits for nobody.
        let _ = go_on.send(());
    };
    let ended = tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            done = script => done.is_some(),
            () = async { between.await; std::future::pending().await } => unreachable!("it never ends"),
            done = node => {
                assert!(done.unwrap().is_err(), "a node ends only because its disk fails");
                false
            }
        }
    });
    let ended = ended.await.expect("the run ends");
    // Ends the swarm, and the peer with it.
    handle.leave().await;
    peer.abort();
    ended
}

fn load(disk: &Disk) -> (Store, Loaded) {
    Unread::open_on(disk.file(0), disk.file(1))
        .unwrap()
        .load(NonZeroUsize::MIN)
        .unwrap()
}

/// What was told is true of what is on the disk.
fn check(disk: Files, heard: &Heard, syncs: usize) {
    let (store, Loaded { state, .. }) = load(&Disk::new(disk));
    let tip = state.tip().height;
    let hash = |height: Height| {
        if height == Height::GENESIS {
            return Some(BlockHash::default());
        }
        store
            .block(height)
            .unwrap()
            .map(|(block, _)| block.header.hash())
    };
    for told in heard.lock().unwrap().iter() {
        let holds = match told {
            Told::Final(ids, height, block) => {
                let there = |id| {
                    store
                        .transaction(id)
                        .unwrap()
                        .is_some_and(|(_, at, _)| at == *height)
                };
                hash(*height) == Some(*block) && ids.iter().all(there)
            }
            Told::Voted(election, key, record) => state.ballot(election, key) == Some(record),
            Told::Block(height, block) => hash(*height) == Some(*block),
            Told::Included(id, height) => store
                .transaction(id)
                .unwrap()
                .is_some_and(|(_, at, _)| at == *height),
            Told::Elections(count) => *count <= state.elections().count(),
            Told::Turnout(height, ballots) => {
                *height <= tip
                    && state
                        .elections()
                        .all(|record| record.turnout.ballots >= *ballots)
            }
            Told::PeerHeight(height) => *height <= tip,
        };
        assert!(
            holds,
            "ended at sync {syncs}, the disk has {tip} blocks, and somebody was told {told:?}"
        );
    }
}

#[test]
fn node_that_ends_at_any_point_has_told_nobody_what_is_not_true_afterwards() {
    let empty = Disk::new(Files::default());
    Unread::create_on(empty.file(0), empty.file(1), &simple_genesis()).unwrap();
    let founded = empty.durable();
    let mut ended = false;
    let mut facts = 0;
    let mut syncs = 0;
    while !ended {
        let heard = Heard::default();
        let disk = Disk::new(founded.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        ended = runtime.block_on(run(&disk, syncs, &heard));
        runtime.shutdown_timeout(PATIENCE);
        check(disk.durable(), &heard, syncs);
        facts += heard.lock().unwrap().len();
        syncs += 1;
        assert!(syncs < 500, "the script does not come to its end");
    }
    assert!(syncs > 10 && facts > 100, "{syncs} points, {facts} facts");
}
