//! Trackers, and finding others without them.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use vote_network::tracker::{IsMember, Reason, Tracker, TrackerEvent};
use vote_network::{Multiaddr, PeerEvent, Transport, discover};

use crate::host::{Host, PATIENCE, config, id, keypair};

/// A tracker that runs until the value is dropped.
struct Running {
    address: Multiaddr,
    events: mpsc::Receiver<TrackerEvent>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whoever shows these words is a member.
const PROOF: &[u8] = b"a member";

fn members() -> IsMember {
    Box::new(|chain, _, proof| chain == "chain" && proof == PROOF)
}

async fn tracker(listen: &str) -> Running {
    let listen: Multiaddr = listen.parse().unwrap();
    let mut tracker = loop {
        match Tracker::start(keypair(100), &listen, Transport::Tcp, members()).await {
            Ok(tracker) => break tracker,
            // The one before has been told to end, and is about to.
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let address = format!("{}/p2p/{}", tracker.listen_addresses()[0], id(100))
        .parse()
        .unwrap();
    let (queue, events) = mpsc::channel(100);
    let task = tokio::spawn(async move { while queue.send(tracker.next().await).await.is_ok() {} });
    Running {
        address,
        events,
        task,
    }
}

impl Running {
    async fn next(&mut self) -> TrackerEvent {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("news in time")
            .unwrap()
    }

    fn bare(&self) -> String {
        self.address
            .to_string()
            .split("/p2p/")
            .next()
            .unwrap()
            .to_owned()
    }
}

async fn joined(seed: u8, tracker: &Running) -> Host {
    let mut config = config(seed, "chain");
    config.trackers = vec![tracker.address.clone()];
    Host::start(config).await
}

#[tokio::test]
async fn tracker_lists_who_joins_and_notices_who_leaves() {
    let mut tracker = tracker("/ip4/127.0.0.1/tcp/0").await;
    let a = joined(1, &tracker).await;
    let TrackerEvent::Joined(entry) = tracker.next().await else {
        panic!("nobody joined")
    };
    assert_eq!((entry.peer, entry.chain.as_str()), (a.peer, "chain"));
    assert_eq!(entry.addresses, a.handle.listen_addresses().await);
    let found = discover(keypair(9), &tracker.address, None, PATIENCE)
        .await
        .unwrap();
    assert_eq!(
        found,
        [("chain".to_owned(), vec![(a.peer, entry.addresses)])]
    );
    let asked = discover(keypair(9), &tracker.address, Some("chain"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(asked, found);
    let other = discover(keypair(9), &tracker.address, Some("other"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(other, [("other".to_owned(), Vec::new())]);
    a.handle.leave().await;
    let TrackerEvent::Left(entry, Reason::Unregistered) = tracker.next().await else {
        panic!("it did not say goodbye")
    };
    assert_eq!(entry.peer, a.peer);
    assert!(
        discover(keypair(9), &tracker.address, None, PATIENCE)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn nodes_find_each_other_through_the_tracker_and_register_again_after_it_was_gone() {
    let mut first = tracker("/ip4/127.0.0.1/tcp/0").await;
    let mut a = joined(1, &first).await;
    let mut b = joined(2, &first).await;
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    drop((first.next().await, first.next().await));
    let (bare, old) = (first.bare(), id(100));
    drop(first);
    a.not_registered("the connection is gone").await;
    assert_eq!(
        a.handle.peers().await.len(),
        1,
        "its death harms nobody who is connected"
    );
    let mut second = tracker(&bare).await;
    let back = [second.next().await, second.next().await];
    assert!(
        back.iter()
            .all(|event| matches!(event, TrackerEvent::Joined(_))),
        "{back:?}"
    );
    a.expect(&PeerEvent::Registered { tracker: old }).await;
}

#[tokio::test]
async fn node_that_vanishes_is_taken_off_the_list() {
    let mut tracker = tracker("/ip4/127.0.0.1/tcp/0").await;
    let a = joined(1, &tracker).await;
    assert!(matches!(tracker.next().await, TrackerEvent::Joined(_)));
    drop(a);
    assert!(matches!(
        tracker.next().await,
        TrackerEvent::Left(_, Reason::Disconnected)
    ));
}

#[tokio::test]
async fn node_that_knows_a_peer_finds_it_with_no_tracker() {
    let dir = tempfile::tempdir().unwrap();
    let mut a = Host::join(1, "chain", &[]).await;
    let mut first = config(2, "chain");
    first.peer_book = Some(dir.path().join("peers"));
    let again = first.clone();
    first.peers = vec![a.address().await];
    let mut b = Host::start(first).await;
    b.connected(a.peer).await;
    b.handle.leave().await;
    a.connected(b.peer).await;
    a.expect(&PeerEvent::Disconnected(b.peer)).await;
    let mut b = Host::start(again).await;
    b.connected(a.peer).await;
}

#[tokio::test]
async fn peers_tell_each_other_of_peers() {
    let mut a = Host::join(1, "chain", &[]).await;
    let mut b = Host::join(2, "chain", &[&a]).await;
    a.connected(b.peer).await;
    b.connected(a.peer).await;
    let mut c = Host::join(3, "chain", &[&b]).await;
    c.connected(b.peer).await;
    c.connected(a.peer).await;
    a.connected(c.peer).await;
}

#[tokio::test]
async fn tracker_that_is_not_there_is_named() {
    let tracker = tracker("/ip4/127.0.0.1/tcp/0").await;
    let address = tracker.address.clone();
    drop(tracker);
    let error = loop {
        match discover(keypair(9), &address, None, Duration::from_secs(5)).await {
            Err(error) => break error,
            Ok(_) => tokio::task::yield_now().await,
        }
    };
    assert!(
        error.to_string().contains("cannot be reached")
            || error.to_string().contains("does not answer"),
        "{error}"
    );
}

#[tokio::test]
async fn tracker_that_is_back_with_another_key_is_named_and_what_to_do() {
    let tracker = tracker("/ip4/127.0.0.1/tcp/0").await;
    let (bare, now) = (tracker.bare(), id(100));
    let old: Multiaddr = format!("{bare}/p2p/{}", id(101)).parse().unwrap();
    let mut config = config(1, "chain");
    config.trackers = vec![old.clone()];
    let mut a = Host::start(config).await;
    let advice = format!("--bootstrap {bare}/p2p/{now}");
    a.not_registered(&advice).await;
    let error = discover(keypair(9), &old, None, PATIENCE)
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&advice), "{error}");
}

#[tokio::test]
async fn member_that_proves_it_is_named_before_those_who_came_earlier() {
    let mut tracker = tracker("/ip4/127.0.0.1/tcp/0").await;
    let _earlier = joined(1, &tracker).await;
    assert!(matches!(tracker.next().await, TrackerEvent::Joined(_)));
    let member = joined(2, &tracker).await;
    assert!(matches!(tracker.next().await, TrackerEvent::Joined(_)));
    member.handle.prove_to_trackers(PROOF.to_vec());
    let first = async {
        // Each asks once: a tracker answers no visitor without end.
        for visitor in 10..=u8::MAX {
            let found = discover(keypair(visitor), &tracker.address, None, PATIENCE)
                .await
                .unwrap();
            if found[0].1[0].0 == member.peer {
                return found[0].1.len();
            }
        }
        panic!("the member is not first")
    };
    assert_eq!(timeout(PATIENCE, first).await.expect("answers in time"), 2);
}
