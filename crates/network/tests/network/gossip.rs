//! Messages to all, and the guard against connections that are dead on one side.

use std::time::{Duration, Instant};

use tokio::io::copy;
use tokio::net::{TcpListener, TcpStream};
use vote_network::{PublishError, Topic, Verdict};

use crate::host::{Host, config, id, two};

#[tokio::test]
async fn vote_or_block_that_is_sent_again_is_delivered_again_and_a_transaction_only_once() {
    let (a, mut b) = two().await;
    a.reach(&mut b, Topic::Transactions, "first").await;
    for topic in [Topic::Consensus, Topic::Blocks, Topic::Transactions] {
        a.handle.publish(topic, b"again".to_vec()).unwrap();
        a.handle.publish(topic, b"again".to_vec()).unwrap();
        a.handle.publish(topic, b"end".to_vec()).unwrap();
    }
    let mut seen = Vec::new();
    for topic in [Topic::Consensus, Topic::Transactions] {
        // Blocks come in the queue of consensus messages.
        let ends = if topic == Topic::Consensus { 2 } else { 1 };
        while seen.iter().filter(|(_, data)| data == b"end").count() < ends {
            let gossip = b.next(topic).await;
            seen.push((gossip.topic, gossip.data));
        }
        if topic == Topic::Consensus {
            let times = |topic| {
                seen.iter()
                    .filter(|(seen, data)| *seen == topic && data == b"again")
                    .count()
            };
            assert_eq!((times(Topic::Consensus), times(Topic::Blocks)), (2, 2));
            seen.clear();
        }
    }
    assert_eq!(seen.iter().filter(|(_, data)| data == b"again").count(), 1);
}

#[tokio::test]
async fn message_travels_on_only_once_it_is_accepted() {
    let mut a = Host::join(1, "chain", &[]).await;
    let mut b = Host::join(2, "chain", &[&a]).await;
    let mut c = Host::start(config(3, "chain")).await;
    c.handle
        .dial(b.peer, b.handle.listen_addresses().await.remove(0));
    a.connected(b.peer).await;
    c.connected(b.peer).await;
    b.connected(c.peer).await;
    let bad = a.reach(&mut b, Topic::Transactions, "bad").await;
    b.handle.report(&bad, Verdict::Reject);
    b.reach(&mut c, Topic::Transactions, "own").await;
    a.handle
        .publish(Topic::Transactions, b"good".to_vec())
        .unwrap();
    loop {
        if b.next(Topic::Transactions).await.data == b"good" {
            break;
        }
    }
    loop {
        let gossip = c.next(Topic::Transactions).await;
        assert_ne!(gossip.data, bad.data, "a rejected message went on");
        if gossip.data == b"good" {
            break;
        }
    }
}

#[tokio::test]
async fn messages_over_the_size_of_their_topic_are_not_taken() {
    let a = Host::join(1, "chain", &[]).await;
    let refused = a.handle.publish(Topic::Consensus, vec![0; 65_537]);
    assert_eq!(
        refused,
        Err(PublishError::TooLarge(65_537, Topic::Consensus))
    );
    assert!(a.handle.publish(Topic::Blocks, vec![0; 65_537]).is_ok());
}

/// Passes bytes both ways and, like a network that has failed, tells neither side when the other is
/// gone.
async fn silent_wire(to: std::net::SocketAddr) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect(to).await.unwrap();
        let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
            (near.into_split(), far.into_split());
        let _ = tokio::join!(
            copy(&mut near_in, &mut far_out),
            copy(&mut far_in, &mut near_out)
        );
        std::future::pending::<()>().await;
        drop((near_in, near_out, far_in, far_out));
    });
    address
}

/// A peer restarts with its key while the other side still holds its dead connection. Gossipsub
/// says what it listens to on a peer's first connection only: without the guard, nothing that the
/// peer publishes is heard until pings have failed, 15 s later.
#[tokio::test]
async fn peer_that_restarts_beside_its_dead_connection_is_heard_within_seconds() {
    let b = Host::join(2, "chain", &[]).await;
    let port = b.handle.listen_addresses().await[0]
        .to_string()
        .split('/')
        .nth(4)
        .unwrap()
        .parse::<u16>()
        .unwrap();
    let wire = silent_wire(([127, 0, 0, 1], port).into()).await;
    let mut a = Host::join(1, "chain", &[]).await;
    a.handle.dial(
        b.peer,
        format!("/ip4/127.0.0.1/tcp/{}", wire.port())
            .parse()
            .unwrap(),
    );
    a.connected(id(2)).await;
    let since = Instant::now();
    b.reach(&mut a, Topic::Consensus, "before").await;
    drop(b);
    // The guard leaves young connections alone: both sides may have dialled at once.
    tokio::time::sleep_until((since + Duration::from_secs(3)).into()).await;
    let back = Instant::now();
    let again = Host::join(2, "chain", &[&a]).await;
    let heard = again.reach(&mut a, Topic::Consensus, "after").await;
    assert!(heard.data.starts_with(b"after"));
    assert!(
        back.elapsed() < Duration::from_secs(10),
        "heard after {:?} only",
        back.elapsed()
    );
}

/// Publishes numbered messages on a topic from one node until the other has one of them.
async fn published_until_heard(a: &Host, b: &mut Host, words: &str) -> usize {
    for number in 0.. {
        a.handle
            .publish(
                Topic::Transactions,
                format!("{words} {number}").into_bytes(),
            )
            .unwrap();
        let next =
            tokio::time::timeout(Duration::from_millis(250), b.events.transactions.recv()).await;
        if let Ok(Some(gossip)) = next {
            b.handle.report(&gossip, Verdict::Accept);
            return number;
        }
        assert!(number < 400, "it is not heard again");
    }
    unreachable!("it is heard, or the test fails");
}

#[tokio::test]
async fn peer_whose_messages_are_false_is_unheard_for_seconds_and_then_heard_again() {
    let (a, mut b) = two().await;
    for number in 0..10 {
        let gossip = a
            .reach(&mut b, Topic::Transactions, &format!("false {number}"))
            .await;
        b.handle.report(&gossip, Verdict::Reject);
    }
    assert!(
        published_until_heard(&a, &mut b, "true").await > 2,
        "it is unheard at first"
    );
}

#[tokio::test]
async fn validator_that_has_proven_its_key_is_heard_all_the_same() {
    let (a, mut b) = two().await;
    b.handle.trust(a.peer);
    for number in 0..10 {
        let gossip = a
            .reach(&mut b, Topic::Transactions, &format!("false {number}"))
            .await;
        b.handle.report(&gossip, Verdict::Reject);
    }
    assert_eq!(published_until_heard(&a, &mut b, "true").await, 0);
}
