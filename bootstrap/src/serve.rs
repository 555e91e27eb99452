//! The running tracker.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use vote_network::tracker::{Reason, Tracker, TrackerEvent};
use vote_network::{Multiaddr, Transport};

use crate::cli::ServeArgs;
use crate::{datadir, list, say};

/// Runs until a signal ends it.
pub(crate) async fn run(args: ServeArgs) -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // To say so on a terminal that is closed would end the program.
        .log_internal_errors(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,libp2p=warn,libp2p_rendezvous=error")),
        )
        .init();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A terminal that closes ends nothing: whoever has started the tracker there wants it to go on.
    let mut hangup = signal(SignalKind::hangup())?;
    let dir = datadir::path(args.data_dir.clone())?;
    let _lock = datadir::take(&dir)?;
    let keypair = datadir::key(&dir)?;
    let peer = keypair.public().to_peer_id();
    let settings = Settings::of(&args, &dir)?;
    let external = settings.external.as_deref().map(address).transpose()?;
    // What can fail without the network fails first.
    let socket = list::Socket::bind(&dir)?;
    let mut tracker = start(&keypair, &address(&settings.listen)?, &dir).await?;
    settings.keep(&dir)?;
    let listen = external.map_or_else(|| tracker.listen_addresses(), |address| vec![address]);
    say_ready(args.json, &listen, &peer.to_string())?;
    loop {
        tokio::select! {
            // Nobody may read it; the tracker goes on.
            event = tracker.next() => drop(say::lines(&told(args.json, &event))),
            Some(asker) = socket.accept() => list::answer(asker, tracker.entries()),
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            Some(()) = hangup.recv() => tracing::info!("the terminal was closed; the tracker goes on"),
        }
    }
}

/// Where nodes reach the tracker: as it was said, else as last time.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    listen: String,
    external: Option<String>,
}

const LISTEN: &str = "/ip4/0.0.0.0/tcp/4700";

impl Settings {
    fn of(args: &ServeArgs, dir: &Path) -> Result<Self> {
        let path = dir.join("settings");
        let before: Option<Self> = match std::fs::read(&path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).with_context(|| {
                format!("{} is damaged; remove it, and say --listen (and --external) again", path.display())
            })?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let (listen, external) = before.map_or((None, None), |before| (Some(before.listen), before.external));
        Ok(Self {
            listen: args.listen.clone().or(listen).unwrap_or_else(|| LISTEN.to_owned()),
            external: args.external.clone().or(external),
        })
    }

    fn keep(&self, dir: &Path) -> Result<()> {
        datadir::write(&dir.join("settings"), serde_json::to_string(self)?.as_bytes())
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

fn say_ready(as_json: bool, listen: &[Multiaddr], peer: &str) -> Result<()> {
    let full: Vec<_> = listen.iter().map(|address| format!("{address}/p2p/{peer}")).collect();
    if as_json {
        let ready = json!({ "address": full.first(), "addresses": full, "pid": std::process::id() });
        return say::lines(&ready.to_string());
    }
    let lines: Vec<_> =
        full.iter().map(|address| format!("bootstrap: give this address to nodes: {address}")).collect();
    say::lines(&lines.join("\n"))
}

/// What has happened, in a line.
fn told(as_json: bool, event: &TrackerEvent) -> String {
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
        return line.to_string();
    }
    let addresses: Vec<_> = entry.addresses.iter().map(ToString::to_string).collect();
    let chain = entry.chain.get(..16).unwrap_or(&entry.chain);
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{word} {} chain {chain} at {}{why}", entry.peer, addresses.join(" "))
}
