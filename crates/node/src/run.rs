//! A node from start to end.
//!
//! Tasks of a running node: the swarm (`vote_network`); the loop (`core`), which owns the engine;
//! the socket, with one task for each app; short tasks for questions to peers; blocking threads for
//! signatures and old blocks. The first of swarm, loop and socket to end ends the node.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use vote_chain::{Block, Genesis, VerifiedBlock, Whole, check_node_name};
use vote_consensus::{Certified, Engine, Folder, Recovered, SignState};
use vote_network::{Events, Handle, Multiaddr, PeerEvent, PeerId, Transport, known_peers};
use vote_storage::{Loaded, Store, Unread};

use crate::clock::steady;
use crate::config::{Config, Origin};
use crate::core::{Core, Kept, Parts};
use crate::datadir::{DataDir, write_private};
use crate::exit::{Exit, Stop};
use crate::join::{self, Source};
use crate::keys::{self, Keys};
use crate::ledger::Ledger;
use crate::planned::{print, who_organises};
use crate::pool::Pool;
use crate::sign_state::{Found, SignFile, Signs};
use crate::socket::Socket;

/// Commands of apps that wait for the loop.
const COMMANDS_MAX: usize = 256;
/// A tracker that does not answer does not hold up a node that wants to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs the node until a signal or an error ends it.
pub(crate) async fn run(config: Config) -> Result<()> {
    let shutdown = shutdown()?;
    tokio::pin!(shutdown);
    let dir = DataDir::take(&config.data_dir)?;
    let keys = Keys::for_start(dir.path())?;
    let name = name(&config, &keys)?;
    let given = Arc::new(Given {
        config,
        dir,
        keys,
        name,
    });
    let for_start = given.clone();
    let starting = apart(async move { start(&for_start).await });
    let started = tokio::select! {
        started = starting => started?,
        () = &mut shutdown => return Ok(()),
    };
    serve(&given, started, shutdown).await
}

/// What a node starts with.
struct Given {
    config: Config,
    dir: DataDir,
    keys: Keys,
    name: String,
}

/// Does work that reads files, which may take long, in a task of its own: whoever waits for it can
/// do something else meanwhile, such as heed a signal. Work that is no longer waited for ends with
/// the process.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work).await.context("a start has panicked")?
}

/// Resolves when a signal asks the process to leave.
pub(crate) fn shutdown() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A terminal that closes ends nothing: whoever has started the node there wants it to go on.
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
                Some(()) = hangup.recv() => tracing::info!("the terminal was closed; the node goes on"),
            }
        }
    })
}

struct Started {
    store: Store,
    loaded: Loaded,
    network: Handle,
    events: Events,
    listen: Vec<String>,
    /// What has happened in the network before the loop begins.
    news: Vec<PeerEvent>,
    /// What the validator key has signed, if the folder knows.
    signed: Option<Found>,
    /// The peers that this node knew when it was started.
    known: BTreeSet<PeerId>,
}

fn name(config: &Config, keys: &Keys) -> Result<String> {
    let name = config
        .name
        .clone()
        .unwrap_or_else(|| format!("node-{:.6}", keys.validator.public()));
    check_node_name(&name).with_context(|| format!("--name {name}"))?;
    Ok(name)
}

/// Opens or gets the ledger, and joins the network of its chain.
async fn start(given: &Given) -> Result<Started> {
    let Given {
        config,
        dir,
        keys,
        name,
    } = given;
    let key = keys.validator.public();
    let mut signed = SignFile::find(dir.path(), &key)?;
    let known = known_peers(&dir.file("peers"));
    if let Some(ledger) = Unread::open(dir.path())? {
        let chain = ledger.genesis().chain();
        check_chain(config, ledger.genesis(), dir.path())?;
        if let Some(found) = &mut signed {
            found.file.bind(chain)?;
        }
        // Before anybody is told that this node is there: it answers nothing while it reads.
        let (store, loaded) = ledger.load(threads())?;
        let (network, events, listen) = connect(config, dir, keys, &chain.to_string()).await?;
        return Ok(Started {
            store,
            loaded,
            network,
            events,
            listen,
            news: Vec::new(),
            signed,
            known,
        });
    }
    if signed.is_none() && keys::is_marked(dir.path(), &key) {
        return Err(unknown_signatures(dir.path()).into());
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
    match &mut signed {
        // In memory: a sign-state of another chain is refused before there is anything of this one.
        Some(found) => found.file.bind(chain)?,
        None if matches!(config.origin, Origin::Found { .. }) => {}
        None if genesis.validators.contains(&key) => {
            return Err(unknown_signatures(dir.path()).into());
        }
        // Made once the ledger shows that the key is no validator's.
        None => {}
    }
    let ledger = Unread::create(dir.path(), &genesis)?;
    if matches!(config.origin, Origin::Found { .. }) {
        // Nobody can have signed anything on a chain that did not exist. The file does not speak of
        // the chain before there is a ledger: whoever has to found anew founds another chain.
        let file = match signed {
            Some(Found { mut file, .. }) => {
                file.write(file.state())?;
                file
            }
            None => SignFile::create(dir.path(), key, Some(chain), SignState::default())?,
        };
        signed = Some(Found {
            file,
            folder: Folder::Left,
        });
    }
    let (store, loaded) = ledger.load(threads())?;
    Ok(Started {
        store,
        loaded,
        network,
        events,
        listen,
        news,
        signed,
        known,
    })
}

/// The key is a validator's, and the folder does not know what it has signed.
fn unknown_signatures(dir: &Path) -> Stop {
    let why = format!(
        "validator.key of {} is the key of a validator, but the file sign-state, which says what the key has signed, is not there: \
         the node could sign twice. Restore the whole data directory from its newest backup, sign-state with it; or give the node a \
         new key: move validator.key away, run `node key`, and have the new key admitted in place of the old one",
        dir.display()
    );
    Stop::new(Exit::Key, why)
}

/// A data directory is one chain's for good.
fn check_chain(config: &Config, genesis: &Genesis, dir: &Path) -> Result<()> {
    let (chain, dir) = (genesis.chain(), dir.display());
    let wanted = match &config.origin {
        Origin::Found { name, .. } => bail!(
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

pub(crate) async fn connect(
    config: &Config,
    dir: &DataDir,
    keys: &Keys,
    chain: &str,
) -> Result<(Handle, Events, Vec<String>)> {
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
    let (network, events) = started.context(
        "the node cannot listen; stop what uses the port, or choose another with --listen",
    )?;
    let listen: Vec<_> = network
        .listen_addresses()
        .await
        .iter()
        .map(ToString::to_string)
        .collect();
    write_private(&dir.file("listen"), listen.join("\n").as_bytes())?;
    Ok((network, events, listen))
}

/// With port 0, the port of last time: peers know it.
fn remembered_listen(wanted: &Multiaddr, dir: &DataDir) -> Option<Multiaddr> {
    let prefix = wanted.to_string().strip_suffix("/tcp/0")?.to_owned();
    let text = std::fs::read_to_string(dir.file("listen")).ok()?;
    let port = text
        .lines()
        .next()?
        .split("/tcp/")
        .nth(1)?
        .split('/')
        .next()?;
    format!("{prefix}/tcp/{port}").parse().ok()
}

async fn serve(given: &Given, started: Started, shutdown: impl Future<Output = ()>) -> Result<()> {
    let Given {
        config, keys, name, ..
    } = given;
    let Started {
        store,
        loaded,
        network,
        events,
        listen,
        news,
        signed,
        known,
    } = started;
    let store = Arc::new(store);
    let (engine, signs) = recover(config, keys, loaded, signed)?;
    let pool = Pool::new(store.genesis().chain());
    let socket = Socket::bind(&config.socket).await?;
    let state = Arc::new(engine.state().clone());
    let ledger = Ledger::new(state, store.clone(), Arc::default()).up_to(config.engine.newest);
    let evidence = Kept::of(&ledger).map_err(|error| Stop::new(Exit::Damaged, error.reason))?;
    let last = store.block(ledger.state.tip().height)?;
    let last = last.map(|(block, certificate)| {
        Box::new(Certified {
            header: block.header,
            certificate,
        })
    });
    let (ledger, published) = watch::channel(Arc::new(ledger));
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    config.keep()?;
    say_ready(config, keys, name, &store, &listen)?;
    let mut core = Core::new(Parts {
        name: name.clone(),
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
        signs,
        known,
        evidence,
        last,
    });
    news.into_iter().for_each(|event| core.on_peer_event(event));
    let done = tokio::select! {
        done = core.run(events, inbox, shutdown) => done,
        done = socket.serve(commands, pool, published) => done,
    };
    tracing::info!("leaving");
    if tokio::time::timeout(LEAVE_TIMEOUT, network.leave())
        .await
        .is_err()
    {
        tracing::warn!("the tracker has not confirmed that this node leaves");
    }
    done
}

/// How many threads read a ledger at one time.
pub(crate) fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Has the engine go on from what is on the disk.
fn recover(
    config: &Config,
    keys: &Keys,
    loaded: Loaded,
    signed: Option<Found>,
) -> Result<(Engine, Signs)> {
    let Loaded { state, log, bodies } = loaded;
    let chain = state.chain();
    let body = |block: &Whole<Block>| {
        VerifiedBlock::verify(&chain, block, |_| None)
            .ok()
            .map(Arc::new)
    };
    let bodies = bodies.iter().map(body).collect::<Option<Vec<_>>>();
    let damaged = || {
        let why = "an undecided block on the disk is damaged; move the ledger away, and start the node with a tracker or peer that has \
                   the chain: it will fetch and verify it anew";
        Stop::new(Exit::Damaged, why)
    };
    let bodies = bodies.ok_or_else(damaged)?;
    let key = keys.validator.public();
    let registry = state.registry();
    let validates = registry.next.contains(&key) || registry.after.contains(&key);
    if signed.is_none() && validates {
        return Err(unknown_signatures(&config.data_dir).into());
    }
    let folder = match &signed {
        Some(_) if config.alone => Folder::Vouched,
        Some(found) => found.folder,
        None => Folder::Copied,
    };
    let file = signed.map(|found| found.file);
    let recovered = Recovered {
        state,
        log,
        bodies,
        signed: file.as_ref().map(SignFile::state),
        folder,
    };
    let engine = Engine::recover(config.engine, keys.validator.clone(), recovered, steady());
    Ok((
        engine,
        Signs::new(config.data_dir.clone(), key, chain, file),
    ))
}

fn say_ready(
    config: &Config,
    keys: &Keys,
    name: &str,
    store: &Store,
    listen: &[String],
) -> Result<()> {
    let (peer, key, genesis) = (
        keys.node.public().to_peer_id(),
        keys.validator.public(),
        store.genesis(),
    );
    let full: Vec<_> = listen
        .iter()
        .map(|address| format!("{address}/p2p/{peer}"))
        .collect();
    if config.json {
        return print(&vote_views::line(&vote_views::NodeReady {
            name: name.to_owned(),
            pid: std::process::id(),
            app_socket: config.socket.display().to_string(),
            data_dir: config.data_dir.display().to_string(),
            listen: full,
            peer: peer.to_string(),
            key: key.into(),
            chain: genesis.chain().into(),
            chain_name: genesis.name.clone(),
        }));
    }
    let listens: String = full
        .iter()
        .map(|address| format!("  listens on     {address}\n"))
        .collect();
    let organisers = match &config.origin {
        Origin::Found { .. } => format!("\n  elections      {}", who_organises(genesis)),
        Origin::Genesis(_) | Origin::Join => String::new(),
    };
    print(&format!(
        "node {name} on chain {:?}\n  chain id       {}\n{listens}  validator key  {key}\n  apps connect   vote-cli --socket {}{organisers}",
        genesis.name,
        genesis.chain(),
        config.socket.display()
    ))
}
