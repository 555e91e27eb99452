//! The running tracker.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use vote_chain::{Membership, decode};
use vote_network::tracker::{Reason, Tracker, TrackerEvent};
use vote_network::{Multiaddr, PeerId, Transport};
use vote_views as views;

use crate::cli::ServeArgs;
use crate::datadir::{self, Identity};
use crate::{list, say};

/// Runs until a signal ends it.
pub(crate) async fn run(args: ServeArgs) -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // To say so on a terminal that is closed would end the program.
        .log_internal_errors(false)
        .with_ansi(
            std::io::IsTerminal::is_terminal(&std::io::stderr())
                && std::env::var_os("NO_COLOR").is_none(),
        )
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,libp2p=error")),
        )
        .init();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A terminal that closes ends nothing: whoever has started the tracker there wants it to go on.
    let mut hangup = signal(SignalKind::hangup())?;
    let dir = datadir::path(args.data_dir.clone())?;
    let _lock = datadir::take(&dir)?;
    let (keypair, identity) = datadir::key(&dir)?;
    let peer = keypair.public().to_peer_id();
    let settings = Settings::of(&args, &dir)?;
    let external = settings.external.as_deref().map(address).transpose()?;
    // What can fail without the network fails first.
    let socket = list::Socket::bind(&dir)?;
    let mut tracker = start(&keypair, &address(&settings.listen)?, &dir).await?;
    settings.keep(&dir)?;
    let listen = external.map_or_else(|| tracker.listen_addresses(), |address| vec![address]);
    say_ready(args.json, &listen, &peer.to_string())?;
    say_identity(identity, &dir);
    let mut talk = Talk::default();
    loop {
        tokio::select! {
            // Nobody may read it; the tracker goes on.
            event = tracker.next() => talk.say(args.json, &event),
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
                format!(
                    "{} is damaged; remove it, and say --listen (and --external) again",
                    path.display()
                )
            })?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let (listen, external) = before.map_or((None, None), |before| {
            (Some(before.listen), before.external)
        });
        Ok(Self {
            listen: args
                .listen
                .clone()
                .or(listen)
                .unwrap_or_else(|| LISTEN.to_owned()),
            external: args.external.clone().or(external),
        })
    }

    fn keep(&self, dir: &Path) -> Result<()> {
        datadir::write(
            &dir.join("settings"),
            serde_json::to_string(self)?.as_bytes(),
        )
    }
}

/// With port 0, the port of last time is tried first: nodes know it.
async fn start(keypair: &vote_network::Keypair, listen: &Multiaddr, dir: &Path) -> Result<Tracker> {
    let file = dir.join("port");
    let before = listen
        .to_string()
        .strip_suffix("/tcp/0")
        .and_then(|prefix| {
            let port = std::fs::read_to_string(&file).ok()?;
            format!("{prefix}/tcp/{}", port.trim())
                .parse::<Multiaddr>()
                .ok()
        });
    let mut started = match before {
        Some(before) => Tracker::start(
            keypair.clone(),
            &before,
            Transport::Tcp,
            Box::new(is_member),
        )
        .await
        .ok(),
        None => None,
    };
    if started.is_none() {
        let fresh =
            Tracker::start(keypair.clone(), listen, Transport::Tcp, Box::new(is_member)).await;
        started = Some(fresh.context(
            "the tracker cannot listen; stop what uses the port, or choose another with --listen",
        )?);
    }
    let tracker = started.expect("just set");
    let port = tracker
        .listen_addresses()
        .iter()
        .find_map(|address| Some(address.to_string().split("/tcp/").nth(1)?.to_owned()));
    datadir::write(&file, port.unwrap_or_default().as_bytes())?;
    Ok(tracker)
}

/// Whether a node shows that it speaks for a validator of the chain.
fn is_member(chain: &str, peer: &PeerId, proof: &[u8]) -> bool {
    let shown = decode::<Membership>(proof)
        .ok()
        .and_then(|membership| membership.verify(&peer.to_bytes()).ok());
    shown.is_some_and(|shown| shown.to_string() == chain)
}

/// A multiaddr, or `IP:PORT`.
fn address(text: &str) -> Result<Multiaddr> {
    if text.starts_with('/') {
        return text
            .parse()
            .with_context(|| format!("{text} is not a multiaddr such as /ip4/192.0.2.1/tcp/4700"));
    }
    let socket: std::net::SocketAddr = text
        .parse()
        .with_context(|| format!("{text} is neither a multiaddr nor IP:PORT"))?;
    let kind = if socket.is_ipv4() { "ip4" } else { "ip6" };
    Ok(format!("/{kind}/{}/tcp/{}", socket.ip(), socket.port()).parse()?)
}

fn say_ready(as_json: bool, listen: &[Multiaddr], peer: &str) -> Result<()> {
    let full: Vec<_> = listen
        .iter()
        .map(|address| format!("{address}/p2p/{peer}"))
        .collect();
    if as_json {
        let (address, pid) = (full.first().cloned(), std::process::id());
        return say::lines(&views::line(&views::TrackerReady {
            address,
            addresses: full,
            pid,
        }));
    }
    let lines: Vec<_> = full
        .iter()
        .map(|address| format!("bootstrap: give this address to nodes: {address}"))
        .collect();
    say::lines(&lines.join("\n"))
}

/// A tracker with another key is another tracker: nodes that know the old one refuse it.
fn say_identity(identity: Identity, dir: &Path) {
    match identity {
        Identity::Kept => {}
        Identity::New => tracing::info!(
            "a new key was made. Nodes that know a tracker at this address under an older key refuse this one, until they are started with \
             --bootstrap and the address above"
        ),
        Identity::Lost => tracing::warn!(
            dir = %dir.display(),
            "tracker.key was gone, and a new key was made: nodes know this tracker under its old key, and refuse it now. Put tracker.key back \
             from a backup and start the tracker again; or start each node with --bootstrap and the address above"
        ),
    }
}

/// Lines about nodes that are no members, and as many about members, in one such time; others are
/// counted. Whoever wants to fill a terminal or a log could else do so by joining and leaving.
const LINES_MAX: u64 = 100;
const LINES_TIME: Duration = Duration::from_secs(10);

/// What was said of those who join and leave.
#[derive(Default)]
struct Talk {
    since: Option<Instant>,
    said: u64,
    said_of_members: u64,
    unsaid: u64,
}

impl Talk {
    /// Writes a line, if it is not one too many. Nobody may read it; the tracker goes on.
    fn say(&mut self, as_json: bool, event: &TrackerEvent) {
        let (TrackerEvent::Joined(entry) | TrackerEvent::Left(entry, _)) = event;
        match self.may_say(Instant::now(), entry.member) {
            None => return,
            Some(0) => {}
            Some(unsaid) if as_json => {
                drop(say::lines(&views::line(&views::TrackerEvent::Unsaid {
                    count: unsaid,
                })))
            }
            Some(unsaid) => drop(say::lines(&format!("{unsaid} more have joined or left"))),
        }
        drop(say::lines(&told(as_json, event)));
    }

    /// Whether to write a line, and how many before it were not written.
    fn may_say(&mut self, now: Instant, member: bool) -> Option<u64> {
        if self.since.is_none_or(|since| now - since >= LINES_TIME) {
            self.since = Some(now);
            self.said = 0;
            self.said_of_members = 0;
        }
        // Members have lines of their own, and a bound too: anybody can found a chain, and is a
        // member of it.
        let said = if member {
            &mut self.said_of_members
        } else {
            &mut self.said
        };
        *said += 1;
        if *said > LINES_MAX {
            self.unsaid += 1;
            return None;
        }
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// What has happened, in a line.
fn told(as_json: bool, event: &TrackerEvent) -> String {
    let (word, entry, why) = match event {
        TrackerEvent::Joined(entry) => ("joined", entry, None),
        TrackerEvent::Left(entry, Reason::Unregistered) => ("left", entry, Some("it said goodbye")),
        TrackerEvent::Left(entry, Reason::Disconnected) => {
            ("left", entry, Some("its connection is gone"))
        }
        TrackerEvent::Left(entry, Reason::Expired) => {
            ("left", entry, Some("it has not renewed its registration"))
        }
        TrackerEvent::Left(entry, Reason::Replaced) => (
            "left",
            entry,
            Some("the list is full, and another has its place"),
        ),
    };
    if as_json {
        let (node, reason) = (list::registered(entry), why);
        return views::line(&match event {
            TrackerEvent::Joined(_) => views::TrackerEvent::Joined { node, reason },
            TrackerEvent::Left(..) => views::TrackerEvent::Left { node, reason },
        });
    }
    let addresses: Vec<_> = entry.addresses.iter().map(ToString::to_string).collect();
    let chain = entry.chain.get(..16).unwrap_or(&entry.chain);
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!(
        "{word} {} chain {chain} at {}{why}",
        entry.peer,
        addresses.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_who_come_and_go_are_so_many_lines_and_then_a_number_and_take_none_of_those_of_members()
     {
        let (mut talk, start) = (Talk::default(), Instant::now());
        let said = (0..1000)
            .filter(|_| talk.may_say(start, false).is_some())
            .count();
        assert_eq!(u64::try_from(said), Ok(LINES_MAX));
        assert_eq!(talk.may_say(start, true), Some(1000 - LINES_MAX));
        assert_eq!(talk.may_say(start, false), None);
        let said = (1..1000)
            .filter(|_| talk.may_say(start, true).is_some())
            .count();
        assert_eq!(
            u64::try_from(said),
            Ok(LINES_MAX - 1),
            "of a chain that somebody has founded to fill the disk"
        );
        assert!(talk.may_say(start + LINES_TIME, false).is_some());
    }

    #[test]
    fn member_is_whoever_speaks_for_a_validator_of_the_chain_that_it_names() {
        use vote_chain::{
            Genesis, Hello, Limits, Organisers, PublicKey, SecretKey, Timestamp, Validator,
            ValidatorSet, encode,
        };
        let key = |seed| SecretKey::from_seed(&[seed; 32]);
        let validator = |key: PublicKey| Validator {
            key,
            power: 1,
            name: "n1".into(),
        };
        let genesis = Genesis {
            version: vote_chain::Version::NEWEST,
            name: "Club".into(),
            time: Timestamp::from_ms(1),
            validators: ValidatorSet::new(vec![validator(key(1).public())]).unwrap(),
            limits: Limits::default(),
            organisers: Organisers::Anyone,
        };
        let chain = genesis.chain();
        let (node, other) = (PeerId::random(), PeerId::random());
        let proof = |seed: u8, peer: &PeerId| {
            let hello = Hello::new("n1".into(), &key(seed), &chain, &peer.to_bytes());
            encode(&Membership {
                genesis: genesis.clone(),
                set_changes: Vec::new(),
                hello,
            })
        };
        let named = chain.to_string();
        assert!(is_member(&named, &node, &proof(1, &node)));
        assert!(
            !is_member(&named, &other, &proof(1, &node)),
            "a proof that another node has shown"
        );
        assert!(
            !is_member(&named, &node, &proof(2, &node)),
            "the key of no validator"
        );
        assert!(
            !is_member(&"0".repeat(64), &node, &proof(1, &node)),
            "another chain"
        );
        assert!(!is_member(&named, &node, &[]));
    }
}
