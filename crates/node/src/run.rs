//! A node from start to end.
//!
//! Tasks of a running node: the swarm (`vote_network`); the loop (`core`), which owns the engine; the socket, with one
//! task for each app; short tasks for questions to peers; blocking threads for signatures and old blocks. The first of
//! swarm, loop and socket to end ends the node.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use vote_chain::{Block, Genesis, VerifiedBlock, check_label, decode};
use vote_consensus::{Engine, Recovered};
use vote_network::{Events, Handle, Multiaddr, PeerEvent, Transport};
use vote_storage::{Loaded, Store};

use crate::clock::now;
use crate::config::{Config, Origin};
use crate::core::{Core, Parts};
use crate::datadir::{DataDir, write_private};
use crate::join::{self, Source};
use crate::keys::{Keys, has_validated, mark_validating};
use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::socket::Socket;

/// Commands of apps that wait for the loop.
const COMMANDS_MAX: usize = 256;
/// A tracker that does not answer does not hold up a node that wants to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs the node until a signal or an error ends it.
pub(crate) async fn run(config: Config) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A terminal that closes ends nothing: whoever has started the node there wants it to go on.
    let mut hangup = signal(SignalKind::hangup())?;
    let shutdown = async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
                Some(()) = hangup.recv() => tracing::info!("the terminal was closed; the node goes on"),
            }
        }
    };
    tokio::pin!(shutdown);
    let dir = DataDir::take(&config.data_dir)?;
    let keys = Keys::load_or_make(dir.path())?;
    let name = name(&config, &keys)?;
    let started = tokio::select! {
        started = start(&config, &dir, &keys, &name) => started?,
        () = &mut shutdown => return Ok(()),
    };
    serve(&config, &keys, name, started, shutdown).await
}

struct Started {
    store: Arc<Store>,
    network: Handle,
    events: Events,
    listen: Vec<String>,
    /// What has happened in the network before the loop begins.
    news: Vec<PeerEvent>,
}

fn name(config: &Config, keys: &Keys) -> Result<String> {
    let name = config.name.clone().unwrap_or_else(|| format!("node-{:.6}", keys.validator.public()));
    check_label(&name).with_context(|| format!("--name {name}"))?;
    Ok(name)
}

/// Opens or gets the ledger, and joins the network of its chain.
async fn start(config: &Config, dir: &DataDir, keys: &Keys, name: &str) -> Result<Started> {
    if let Some(store) = Store::open(dir.path())? {
        check_chain(config, store.genesis(), dir.path())?;
        let (network, events, listen) = connect(config, dir, keys, &store.genesis().chain().to_string()).await?;
        return Ok(Started { store: Arc::new(store), network, events, listen, news: Vec::new() });
    }
    if has_validated(dir.path(), &keys.validator.public()) {
        bail!(
            "the ledger of {} is gone, and with it what this validator has signed; with its key it could sign twice. Restore the \
             ledger, or move validator.key away and have the new key admitted in place of the old one",
            dir.path().display()
        );
    }
    let source = join::find(config, keys, name).await?;
    let chain = match &source {
        Source::Known(genesis) => genesis.chain(),
        Source::Peers(chain) => *chain,
    };
    let (network, mut events, listen) = connect(config, dir, keys, &chain.to_string()).await?;
    let (genesis, news) = match source {
        Source::Known(genesis) => (genesis, Vec::new()),
        Source::Peers(chain) => join::fetch(&chain, &network, &mut events).await?,
    };
    let store = Store::create(dir.path(), &genesis)?;
    Ok(Started { store: Arc::new(store), network, events, listen, news })
}

/// A data directory is one chain's for good.
fn check_chain(config: &Config, genesis: &Genesis, dir: &Path) -> Result<()> {
    let (chain, dir) = (genesis.chain(), dir.display());
    let wanted = match &config.origin {
        Origin::Found(name) => bail!(
            "{dir} already holds chain {chain} ({}); leave out --found to go on with it, or found {name:?} with another --data-dir",
            genesis.name
        ),
        Origin::Genesis(path) => Some(join::read(path)?.chain()),
        Origin::Join => config.chain,
    };
    match wanted {
        Some(wanted) if wanted != chain => {
            bail!(
                "wrong chain: {dir} holds chain {chain} ({}), but {wanted} was asked for; use another --data-dir",
                genesis.name
            )
        }
        _ => Ok(()),
    }
}

async fn connect(config: &Config, dir: &DataDir, keys: &Keys, chain: &str) -> Result<(Handle, Events, Vec<String>)> {
    let remembered = remembered_listen(&config.listen, dir);
    let attempt = |listen: Multiaddr| {
        let config = vote_network::Config {
            keypair: keys.node.clone(),
            chain: chain.to_owned(),
            listen: vec![listen],
            external: config.external.clone(),
            trackers: config.trackers.clone(),
            peers: config.peers.clone(),
            peer_book: Some(dir.file("peers")),
            transport: Transport::Tcp,
        };
        vote_network::start(config)
    };
    let started = match remembered {
        Some(listen) => match attempt(listen).await {
            Ok(started) => Ok(started),
            Err(error) => {
                tracing::warn!(%error, "the port of last time is taken; choosing another");
                attempt(config.listen.clone()).await
            }
        },
        None => attempt(config.listen.clone()).await,
    };
    let (network, events) =
        started.context("the node cannot listen; stop what uses the port, or choose another with --listen")?;
    let listen: Vec<_> = network.listen_addresses().await.iter().map(ToString::to_string).collect();
    write_private(&dir.file("listen"), listen.join("\n").as_bytes())?;
    Ok((network, events, listen))
}

/// With port 0, the port of last time: peers know it.
fn remembered_listen(wanted: &Multiaddr, dir: &DataDir) -> Option<Multiaddr> {
    let prefix = wanted.to_string().strip_suffix("/tcp/0")?.to_owned();
    let text = std::fs::read_to_string(dir.file("listen")).ok()?;
    let port = text.lines().next()?.split("/tcp/").nth(1)?.split('/').next()?;
    format!("{prefix}/tcp/{port}").parse().ok()
}

async fn serve(
    config: &Config,
    keys: &Keys,
    name: String,
    started: Started,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let Started { store, network, events, listen, news } = started;
    let engine = recover(config, keys, &store)?;
    if engine.is_validator() {
        mark_validating(&config.data_dir, &keys.validator.public())?;
    }
    let pool = Pool::new(store.genesis().chain());
    let socket = Socket::bind(&config.socket).await?;
    let state = Arc::new(engine.state().clone());
    let (ledger, published) = watch::channel(Arc::new(Ledger::new(state, store.clone(), Arc::default())));
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    config.keep()?;
    say_ready(config, keys, &name, &store, &listen);
    let mut core = Core::new(Parts {
        name,
        key: keys.validator.clone(),
        engine,
        store,
        ledger,
        network: network.clone(),
        local: keys.node.public().to_peer_id(),
        listen,
        pool: pool.clone(),
        allow_attacks: config.allow_attacks,
        clock_ahead_ms_max: config.engine.clock_ahead_ms_max,
        data_dir: config.data_dir.clone(),
    });
    news.into_iter().for_each(|event| core.on_peer_event(event));
    let done = tokio::select! {
        done = core.run(events, inbox, shutdown) => done,
        done = socket.serve(commands, pool, published) => done,
    };
    tracing::info!("leaving");
    if tokio::time::timeout(LEAVE_TIMEOUT, network.leave()).await.is_err() {
        tracing::warn!("the tracker has not confirmed that this node leaves");
    }
    done
}

/// Loads what is on the disk and has the engine go on from it.
fn recover(config: &Config, keys: &Keys, store: &Store) -> Result<Engine> {
    let Loaded { state, log, bodies } = store.load()?;
    let chain = state.chain();
    let body = |bytes: &Vec<u8>| {
        let block: Block = decode(bytes).ok()?;
        VerifiedBlock::verify(&chain, &block, |_| None).ok().map(Arc::new)
    };
    let bodies = bodies.iter().map(body).collect::<Option<Vec<_>>>();
    let bodies = bodies.context(
        "an undecided block on the disk is damaged; move the ledger away and join anew, as a validator with a new validator.key",
    )?;
    Ok(Engine::recover(config.engine, keys.validator.clone(), Recovered { state, log, bodies }, now()))
}

fn say_ready(config: &Config, keys: &Keys, name: &str, store: &Store, listen: &[String]) {
    let (peer, key, genesis) = (keys.node.public().to_peer_id(), keys.validator.public(), store.genesis());
    let full: Vec<_> = listen.iter().map(|address| format!("{address}/p2p/{peer}")).collect();
    if config.json {
        let ready = serde_json::json!({
            "name": name, "pid": std::process::id(), "app_socket": config.socket, "data_dir": config.data_dir,
            "listen": full, "peer": peer.to_string(), "key": key, "chain": genesis.chain(), "chain_name": genesis.name,
        });
        println!("{ready}");
        return;
    }
    println!("node {name} on chain {:?}\n  chain id       {}", genesis.name, genesis.chain());
    full.iter().for_each(|address| println!("  listens on     {address}"));
    println!("  validator key  {key}\n  apps connect   vote-cli --socket {}", config.socket.display());
}
