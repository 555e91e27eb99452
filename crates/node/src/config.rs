//! From what was written to what it means.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use vote_chain::{ChainId, Version};
use vote_network::Multiaddr;

use crate::cli::RunArgs;
use crate::datadir;
use crate::planned::Founders;

/// The config file as it is written; also what is kept of the settings of last time.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    genesis: Option<PathBuf>,
    #[serde(default)]
    bootstrap: Vec<String>,
    #[serde(default)]
    peer: Vec<String>,
    chain: Option<String>,
    name: Option<String>,
    data_dir: Option<PathBuf>,
    listen: Option<String>,
    external: Option<String>,
    socket: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    allow_attacks: bool,
    block_interval_ms: Option<u64>,
    heartbeat_seconds: Option<u64>,
}

/// Where a node without a ledger gets its chain from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// Founds one.
    Found {
        /// Its name.
        name: String,
        /// Who may create elections on it.
        founders: Founders,
    },
    /// Reads the genesis of a planned network.
    Genesis(PathBuf),
    /// Asks the trackers and peers.
    Join,
}

/// What a node is to do.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) origin: Origin,
    pub(crate) chain: Option<ChainId>,
    pub(crate) trackers: Vec<Multiaddr>,
    pub(crate) peers: Vec<Multiaddr>,
    pub(crate) name: Option<String>,
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: Multiaddr,
    pub(crate) external: Vec<Multiaddr>,
    pub(crate) socket: PathBuf,
    pub(crate) allow_attacks: bool,
    /// Whether the operator vouches that this folder is the newest. Of one start only, so it is no
    /// setting of the file.
    pub(crate) alone: bool,
    pub(crate) engine: vote_consensus::Config,
    pub(crate) json: bool,
    /// To be kept for the next start.
    settings: File,
}

/// Settings of last time, in the data directory.
const SETTINGS: &str = "settings.toml";

const LISTEN: &str = "/ip4/0.0.0.0/tcp/4701";

impl Config {
    /// Reads the config file, lets the command line have the last word, and checks all of it.
    pub(crate) fn load(args: RunArgs) -> Result<Self> {
        let file = args
            .config
            .as_deref()
            .map_or_else(|| Ok(File::default()), read)?;
        let data_dir = args
            .data_dir
            .or(file.data_dir)
            .map_or_else(datadir::default, Ok)?;
        let before = settings(&data_dir)?;
        let or = |a: Vec<String>, b: Vec<String>| if a.is_empty() { b } else { a };
        let kept = File {
            name: args.name.or(file.name).or(before.name),
            listen: args.listen.or(file.listen).or(before.listen),
            external: args.external.or(file.external).or(before.external),
            bootstrap: or(or(args.bootstrap, file.bootstrap), before.bootstrap),
            peer: or(or(args.peer, file.peer), before.peer),
            ..File::default()
        };
        let addresses = |list: &[String], what| {
            list.iter()
                .map(|text| dialable(text, what))
                .collect::<Result<Vec<_>>>()
        };
        let genesis = args.genesis.or(file.genesis);
        let origin = match (args.found, genesis) {
            (Some(name), _) => {
                let otherwise = if args.anyone {
                    Founders::Anyone
                } else {
                    Founders::Validators
                };
                Origin::Found {
                    name,
                    founders: Founders::new(args.organiser, otherwise),
                }
            }
            (None, Some(path)) => Origin::Genesis(path),
            (None, None) => Origin::Join,
        };
        let chain = args
            .chain
            .or(file.chain)
            .map(|id| id.parse::<ChainId>())
            .transpose()
            .context("--chain")?;
        let listen = kept.listen.clone().unwrap_or_else(|| LISTEN.to_owned());
        let socket = args
            .socket
            .or(file.socket)
            .unwrap_or_else(|| default_socket(&data_dir));
        crate::socket::check_path(&socket)?;
        let mut engine = vote_consensus::Config::default();
        if let Some(ms) = args.block_interval_ms.or(file.block_interval_ms) {
            engine.block_interval_ms = ms.clamp(1, 60_000);
        }
        if let Some(seconds) = args.heartbeat_seconds.or(file.heartbeat_seconds) {
            engine.heartbeat_ms = seconds.clamp(1, 86_400) * 1000;
        }
        if let Some(version) = args.newest_protocol {
            engine.newest = Version::new(version).min(Version::NEWEST);
        }
        Ok(Self {
            origin,
            chain,
            trackers: addresses(&kept.bootstrap, "--bootstrap")?,
            peers: addresses(&kept.peer, "--peer")?,
            name: kept.name.clone(),
            listen: address(&listen).with_context(|| format!("--listen {listen}"))?,
            external: kept
                .external
                .iter()
                .map(|text| address(text).with_context(|| format!("--external {text}")))
                .collect::<Result<_>>()?,
            socket,
            allow_attacks: args.allow_attacks || file.allow_attacks,
            alone: args.alone,
            engine,
            json: args.json,
            data_dir,
            settings: kept,
        })
    }
}

impl Config {
    /// Keeps name, addresses and trackers, so that the next start needs none of them.
    pub(crate) fn keep(&self) -> Result<()> {
        let text =
            toml::to_string(&self.settings).context("the settings cannot be written down")?;
        datadir::write_private(&self.data_dir.join(SETTINGS), text.as_bytes())
    }
}

fn settings(data_dir: &Path) -> Result<File> {
    let path = data_dir.join(SETTINGS);
    if !path.exists() {
        return Ok(File::default());
    }
    read(&path)
        .context("the settings of last time; remove the file, and say name and addresses again")
}

fn read(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the config file {}", path.display()))?;
    toml::from_str(&text)
        .map_err(|error| anyhow!("the config file {} is wrong: {error}", path.display()))
}

/// A multiaddr, or `HOST:PORT` with an IP address.
fn address(text: &str) -> Result<Multiaddr> {
    if text.starts_with('/') {
        return text
            .parse()
            .context("not a multiaddr such as /ip4/192.0.2.1/tcp/4701");
    }
    let socket: std::net::SocketAddr = text.parse().context("neither a multiaddr nor IP:PORT")?;
    let kind = if socket.is_ipv4() { "ip4" } else { "ip6" };
    Ok(format!("/{kind}/{}/tcp/{}", socket.ip(), socket.port()).parse()?)
}

fn dialable(text: &str, option: &str) -> Result<Multiaddr> {
    let address = address(text).with_context(|| format!("{option} {text}"))?;
    if !text.contains("/p2p/") {
        bail!(
            "{option} {text}: the address must end in /p2p/ and the id, as it was printed, so that nobody else can answer"
        );
    }
    Ok(address)
}

fn default_socket(data_dir: &Path) -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir)
            .join("blockchain-voting")
            .join("node.sock"),
        _ => data_dir.join("node.sock"),
    }
}
