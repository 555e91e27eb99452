//! Those who are not nodes of this chain, and bytes that are no protocol.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use vote_network::{StartError, Topic, start};

use crate::host::{Host, PATIENCE, config};

fn socket(address: &str) -> String {
    let parts: Vec<_> = address.split('/').collect();
    match parts[1] {
        "ip6" => format!("[{}]:{}", parts[2], parts[4]),
        _ => format!("{}:{}", parts[2], parts[4]),
    }
}

#[tokio::test]
async fn node_of_another_chain_is_not_kept_and_hears_nothing() {
    let mut a = Host::join(1, "chain", &[]).await;
    let stranger = Host::join(2, "another", &[&a]).await;
    let mut friend = Host::join(3, "chain", &[&a]).await;
    a.connected(friend.peer).await;
    friend.connected(a.peer).await;
    a.reach(&mut friend, Topic::Consensus, "hello").await;
    let known: Vec<_> = a
        .handle
        .peers()
        .await
        .into_iter()
        .map(|info| info.peer)
        .collect();
    assert_eq!(known, [friend.peer]);
    assert!(stranger.handle.peers().await.is_empty());
}

#[tokio::test]
async fn garbage_on_the_port_is_hung_up_on_and_others_are_served() {
    let mut a = Host::join(1, "chain", &[]).await;
    let address = socket(&a.address().await.to_string());
    let long = vec![0xa5; 1 << 20];
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        &[0xff; 64],
        &long,
        b"\x13/multistream/1.0.0\n\xff\xff\xff\xff",
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut rest = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(
            ended.is_ok(),
            "the connection stays open after {:?}",
            &bytes[..8]
        );
        assert!(rest.len() < 1000);
    }
    // One that says nothing holds nobody up.
    let _silent = TcpStream::connect(&address).await.unwrap();
    let mut b = Host::join(2, "chain", &[&a]).await;
    b.connected(a.peer).await;
    a.connected(b.peer).await;
}

/// Comes in, says nothing, and comes in again whenever it is hung up on.
async fn holds_a_place(address: String, came_in: mpsc::Sender<()>) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(&address).await {
            // Nobody waits for more than the first ones.
            let _ = came_in.try_send(());
            while stream.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
        }
        tokio::task::yield_now().await;
    }
}

/// A node at whose door so many strangers are.
async fn besieged(listen: &str, crowd: usize) -> (Host, JoinSet<()>) {
    let mut own = config(1, "chain");
    own.listen = vec![listen.parse().unwrap()];
    let host = Host::start(own).await;
    let address = socket(&host.address().await.to_string());
    let mut strangers = JoinSet::new();
    let (came_in, mut coming) = mpsc::channel(crowd);
    for _ in 0..crowd {
        strangers.spawn(holds_a_place(address.clone(), came_in.clone()));
    }
    for _ in 0..crowd {
        timeout(PATIENCE, coming.recv())
            .await
            .expect("strangers come in")
            .unwrap();
    }
    (host, strangers)
}

#[tokio::test]
async fn strangers_who_hold_half_open_connections_keep_nobody_out() {
    let (mut a, _strangers) = besieged("/ip4/127.0.0.1/tcp/0", 300).await;
    for seed in 2..5 {
        let mut late = Host::join(seed, "chain", &[&a]).await;
        late.connected(a.peer).await;
        a.connected(late.peer).await;
    }
}

/// More of them than there are places, all the time, and all of the prefix of who is honest: it may
/// not come in by itself, and is let in by being called.
#[tokio::test]
async fn whoever_shares_its_prefix_with_a_crowd_is_reached_by_the_node_that_calls_it() {
    let listen = "/ip6/::1/tcp/0";
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return eprintln!("this machine has no IPv6");
    }
    let (mut a, _strangers) = besieged(listen, 900).await;
    let mut own = config(2, "chain");
    own.listen = vec![listen.parse().unwrap()];
    let mut late = Host::start(own).await;
    let address = late.handle.listen_addresses().await.remove(0);
    a.handle.dial(late.peer, address);
    a.connected(late.peer).await;
    late.connected(a.peer).await;
}

#[tokio::test]
async fn port_that_is_taken_and_address_without_a_name_are_refused() {
    let a = Host::join(1, "chain", &[]).await;
    let mut same = config(2, "chain");
    same.listen = a.handle.listen_addresses().await;
    assert!(matches!(start(same).await, Err(StartError::Listen { .. })));
    let mut nameless = config(2, "chain");
    nameless.peers = a.handle.listen_addresses().await;
    assert!(matches!(
        start(nameless).await,
        Err(StartError::NoPeerId(_))
    ));
}
