//! Everything at once: strangers at every door, a node that attacks, and one that is killed again
//! and again. Voting goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vote_cluster::{Cluster, Options};
use vote_network::{Config, Keypair, Multiaddr, Topic, Transport};

use crate::harness::{Finals, PATIENCE, all_count, ballots, cast, cast_all, election, run};

/// Half-open connections that are held at each door; and at the first, where they are more than it
/// has places.
const KNOCKERS: usize = 24;
const CROWD: usize = 300;
/// Strangers that speak the nodes' protocols, each under one name after the other.
const IMPOSTORS: u64 = 3;
/// Messages of one of them, under one name.
const MESSAGES: usize = 200;
const RESTARTS: usize = 3;
/// Between them.
const RESTART_EVERY: Duration = Duration::from_secs(10);
/// So many times the usual may a ballot take, in the middle of all.
const SLOWER_MAX: u32 = 10;
/// What docs/operators.md says that others can make a node hold, and what it holds of its own
/// accord.
const MEMORY_MIB_MAX: f64 = 400.0;

/// Comes in, says nothing, and comes in again whenever it is hung up on.
async fn knocks(door: String) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(&door).await {
            while stream.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
        }
        tokio::task::yield_now().await;
    }
}

/// Registers with the tracker, connects to all nodes, and sends what no node sends, under one name
/// after the other.
async fn impostor(
    number: u64,
    chain: String,
    nodes: Vec<Multiaddr>,
    tracker: Multiaddr,
    names: Arc<AtomicU64>,
) {
    for name in 0.. {
        let mut seed = [77; 32];
        seed[..8].copy_from_slice(&(number << 32 | name).to_be_bytes());
        let config = Config {
            keypair: Keypair::ed25519_from_bytes(seed).unwrap(),
            chain: chain.clone(),
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
            external: Vec::new(),
            trackers: vec![tracker.clone()],
            peers: nodes.clone(),
            peer_book: None,
            transport: Transport::Tcp,
        };
        let Ok((handle, mut events)) = vote_network::start(config).await else {
            continue;
        };
        let connected = tokio::time::timeout(Duration::from_secs(5), events.peers.recv());
        if !matches!(connected.await, Ok(Some(_))) {
            continue;
        }
        for message in 0..MESSAGES {
            let bytes = (0..512)
                .map(|at| u8::try_from((at * 7 + message) % 256).unwrap())
                .collect::<Vec<_>>();
            let topic = [Topic::Consensus, Topic::Blocks, Topic::Transactions][message % 3];
            let _ = handle.publish(topic, bytes);
            for peer in handle.peers().await.into_iter().take(1) {
                let _ = tokio::time::timeout(
                    Duration::from_millis(10),
                    handle.request(peer.peer, vec![0xff; 64]),
                )
                .await;
            }
        }
        names.fetch_add(1, Ordering::Relaxed);
    }
}

/// Has one ballot after the other become final, as long as `goes_on` says so; gives what each took.
async fn one_by_one(
    client: &vote_api::Client,
    votes: impl Iterator<Item = Vec<u8>>,
    mut goes_on: impl FnMut(usize) -> bool,
) -> Vec<Duration> {
    let (mut took, finals) = (Vec::new(), Finals::default());
    for vote in votes {
        if !goes_on(took.len()) {
            break;
        }
        let began = Instant::now();
        let done = tokio::time::timeout(PATIENCE, cast(client, vec![vote], &finals)).await;
        done.expect("a ballot becomes final while all this goes on")
            .unwrap();
        took.push(began.elapsed());
    }
    took
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}

fn doors(cluster: &Cluster) -> Vec<Multiaddr> {
    let listen = |node: &vote_cluster::Node| {
        node.daemon.as_ref().unwrap().ready["listen"][0]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    cluster.nodes.iter().map(listen).collect()
}

fn socket(address: &Multiaddr) -> String {
    let text = address.to_string();
    let parts: Vec<_> = text.split('/').collect();
    format!("{}:{}", parts[2], parts[4])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ballots_stay_final_while_strangers_are_at_every_door_one_node_attacks_and_one_is_killed_again_and_again()
 {
    let mut cluster = Cluster::start(Options {
        validators: 4,
        ..Options::default()
    })
    .await
    .unwrap();
    let election = election(&cluster).await;
    // What the attacks are about: some ballots that are final.
    cast_all(&cluster, 1, ballots(&cluster, election, 0..10)).await;
    let client = cluster.client(1).await.unwrap();
    let votes = |from: usize| ballots(&cluster, election, from..from + 1000).into_iter();
    let usual = median(one_by_one(&client, votes(10), |cast| cast < 40).await);

    let (nodes, tracker): (_, Multiaddr) =
        (doors(&cluster), cluster.tracker_address.parse().unwrap());
    let names = Arc::new(AtomicU64::new(0));
    let mut siege = JoinSet::new();
    for door in nodes.iter().chain([&tracker]).map(socket) {
        (0..KNOCKERS).for_each(|_| drop(siege.spawn(knocks(door.clone()))));
    }
    (0..CROWD).for_each(|_| drop(siege.spawn(knocks(socket(&nodes[0])))));
    for number in 0..IMPOSTORS {
        siege.spawn(impostor(
            number,
            cluster.chain.to_string(),
            nodes.clone(),
            tracker.clone(),
            names.clone(),
        ));
    }
    // The one of the four that stages attacks.
    let (program, attacker) = (
        cluster.programs().vote_cli.clone(),
        cluster.nodes[0].socket.clone(),
    );
    let data = cluster.voter_dir();
    let attacks = Arc::new(Mutex::new((0, 0)));
    let counted = attacks.clone();
    siege.spawn(async move {
        loop {
            let env = [
                ("VOTE_SOCKET", attacker.as_path()),
                ("VOTE_DATA_DIR", data.as_path()),
            ];
            let ran = run(&program, &["attack", "run", "all"], &env).await;
            let mut counted = counted.lock().unwrap();
            counted.0 += ran.out.matches("refused").count();
            counted.1 += ran.out.matches("ACCEPTED").count();
        }
    });

    let over = Arc::new(AtomicBool::new(false));
    let goes_on = over.clone();
    let besieged_votes = votes(50);
    let voting = tokio::spawn(async move {
        let took = one_by_one(&client, besieged_votes, |_| {
            !goes_on.load(Ordering::Relaxed)
        })
        .await;
        (client, took)
    });
    for _ in 0..RESTARTS {
        tokio::time::sleep(RESTART_EVERY).await;
        cluster.kill_node(3).await.unwrap();
        cluster.start_node(3).await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let (_client, took) = voting.await.unwrap();
    let (count, besieged) = (took.len(), median(took));
    let memory: Vec<_> = (0..4).map(|at| cluster.rss_mib(at)).collect();
    siege.shutdown().await;
    let (refused, accepted) = *attacks.lock().unwrap();
    let names = names.load(Ordering::Relaxed);
    println!(
        "{count} ballots, median {besieged:?} after {usual:?}, {memory:?} MiB, {names} names, {refused} attacks refused"
    );

    assert!(
        names >= IMPOSTORS && refused > 0,
        "{names} names and {refused} refused attacks are no siege"
    );
    assert_eq!(accepted, 0);
    assert!(
        count >= 40,
        "{count} ballots in {} s",
        RESTART_EVERY.as_secs() * RESTARTS as u64
    );
    assert!(
        besieged <= usual * SLOWER_MAX,
        "{besieged:?} after {usual:?}"
    );
    assert!(
        memory.iter().all(|mib| *mib <= MEMORY_MIB_MAX),
        "{memory:?}"
    );
    all_count(&cluster, election, 50 + count).await;
    cluster.stop().await.unwrap();
}
