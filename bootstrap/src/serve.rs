//! The running tracker.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use vote_network::tracker::{Reason, Tracker, TrackerEvent};
use vote_network::{Multiaddr, Transport};

use crate::cli::ServeArgs;
use crate::{datadir, list};

/// Runs until a signal ends it.
pub(crate) async fn run(args: ServeArgs) -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,libp2p=warn,libp2p_rendezvous=error")),
        )
        .init();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let dir = datadir::path(args.data_dir)?;
    let _lock = datadir::take(&dir)?;
    let keypair = datadir::key(&dir)?;
    let peer = keypair.public().to_peer_id();
    let external = args.external.as_deref().map(address).transpose()?;
    let mut tracker = start(&keypair, &address(&args.listen)?, &dir).await?;
    let listen = external.map_or_else(|| tracker.listen_addresses(), |address| vec![address]);
    say_ready(args.json, &listen, &peer.to_string());
    let socket = list::Socket::bind(&dir)?;
    loop {
        tokio::select! {
            event = tracker.next() => say(args.json, &event),
            Some(asker) = socket.accept() => list::answer(asker, tracker.entries()),
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        }
    }
}

/// With port 0, the port of last time is tried first: nodes know it.
async fn start(keypair: &vote_network::Keypair, listen: &Multiaddr, dir: &Path) -> Result<Tracker> {
    let file = dir.join("port");
    let before = listen.to_string().strip_suffix("/tcp/0").and_then(|prefix| {
        let port = std::fs::read_to_string(&file).ok()?;
        format!("{prefix}/tcp/{}", port.trim()).parse::<Multiaddr>().ok()
    });
    let mut started = match before {
        Some(before) => Tracker::start(keypair.clone(), &before, Transport::Tcp).await.ok(),
        None => None,
    };
    if started.is_none() {
        let fresh = Tracker::start(keypair.clone(), listen, Transport::Tcp).await;
        started =
            Some(fresh.context("the tracker cannot listen; stop what uses the port, or choose another with --listen")?);
    }
    let tracker = started.expect("just set");
    let port = tracker
        .listen_addresses()
        .iter()
        .find_map(|address| Some(address.to_string().split("/tcp/").nth(1)?.to_owned()));
    datadir::write(&file, port.unwrap_or_default().as_bytes())?;
    Ok(tracker)
}

/// A multiaddr, or `IP:PORT`.
fn address(text: &str) -> Result<Multiaddr> {
    if text.starts_with('/') {
        return text.parse().with_context(|| format!("{text} is not a multiaddr such as /ip4/192.0.2.1/tcp/4700"));
    }
    let socket: std::net::SocketAddr =
        text.parse().with_context(|| format!("{text} is neither a multiaddr nor IP:PORT"))?;
    let kind = if socket.is_ipv4() { "ip4" } else { "ip6" };
    Ok(format!("/{kind}/{}/tcp/{}", socket.ip(), socket.port()).parse()?)
}

fn say_ready(as_json: bool, listen: &[Multiaddr], peer: &str) {
    let full: Vec<_> = listen.iter().map(|address| format!("{address}/p2p/{peer}")).collect();
    if as_json {
        println!("{}", json!({ "address": full.first(), "addresses": full, "pid": std::process::id() }));
    } else {
        full.iter().for_each(|address| println!("bootstrap: give this address to nodes: {address}"));
    }
}

fn say(as_json: bool, event: &TrackerEvent) {
    let (word, entry, why) = match event {
        TrackerEvent::Joined(entry) => ("joined", entry, None),
        TrackerEvent::Left(entry, Reason::Unregistered) => ("left", entry, Some("it said goodbye")),
        TrackerEvent::Left(entry, Reason::Disconnected) => ("left", entry, Some("its connection is gone")),
        TrackerEvent::Left(entry, Reason::Expired) => ("left", entry, Some("it has not renewed its registration")),
    };
    if as_json {
        let mut line = list::entry_json(entry);
        line["event"] = word.into();
        line["reason"] = why.into();
        println!("{line}");
        return;
    }
    let addresses: Vec<_> = entry.addresses.iter().map(ToString::to_string).collect();
    let chain = entry.chain.get(..16).unwrap_or(&entry.chain);
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    println!("{word} {} chain {chain} at {}{why}", entry.peer, addresses.join(" "));
}
