//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use vote_chain::PublicKey;

/// Keeps a ledger of ballots together with the nodes of other organisations, and serves apps on
/// this machine.
#[derive(Debug, Parser)]
#[command(name = "node", version = crate::VERSION, args_conflicts_with_subcommands = true, after_help = crate::exit::HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes this node's keys if it has none, and prints the public halves
    Key(KeyArgs),
    /// Writes the genesis of a planned network, to be given to each of its nodes
    Genesis(GenesisArgs),
    /// Checks a ledger that no node uses: every block from the first on, every signature and rule,
    /// every row
    Check(CheckArgs),
    /// After a fork: fetches the ledger anew from the peers, keeps the old one aside, and says what
    /// of it is not in the new one
    Recover(Box<RecoverArgs>),
}

/// What can be set on the command line, by a `VOTE_NODE_*` variable, and in the config file; in
/// this order of weight.
#[derive(Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Found a new chain of this name, with this node as its only validator
    #[arg(long, value_name = "NAME", conflicts_with_all = ["genesis", "chain"])]
    pub(crate) found: Option<String>,
    /// With --found: a key that may create elections, as `vote-cli organiser key` prints it, in
    /// place of this node's own key; may be repeated
    #[arg(
        long,
        value_name = "KEY",
        requires = "found",
        conflicts_with = "anyone"
    )]
    pub(crate) organiser: Vec<PublicKey>,
    /// With --found: any key may create elections. Whoever reaches a node can then fill the list of
    /// elections, up to the chain's limits
    #[arg(long, requires = "found")]
    pub(crate) anyone: bool,
    /// Begin from the genesis of a planned network
    #[arg(long, value_name = "FILE", env = "VOTE_NODE_GENESIS")]
    pub(crate) genesis: Option<PathBuf>,
    /// Tracker to join through: the full address that `bootstrap` prints; may be repeated
    #[arg(
        long,
        value_name = "ADDR",
        env = "VOTE_NODE_BOOTSTRAP",
        value_delimiter = ','
    )]
    pub(crate) bootstrap: Vec<String>,
    /// Node to connect to, with its /p2p/ part; may be repeated
    #[arg(
        long,
        value_name = "ADDR",
        env = "VOTE_NODE_PEER",
        value_delimiter = ','
    )]
    pub(crate) peer: Vec<String>,
    /// Join this chain, if the tracker knows several, and no other
    #[arg(long, value_name = "ID", env = "VOTE_NODE_CHAIN")]
    pub(crate) chain: Option<String>,
    /// What people call this node
    #[arg(long, value_name = "NAME", env = "VOTE_NODE_NAME")]
    pub(crate) name: Option<String>,
    /// Where keys, ledger and socket live
    #[arg(long, value_name = "DIR", env = "VOTE_NODE_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address to listen on; port 0 is chosen once and then kept [default: /ip4/0.0.0.0/tcp/4701]
    #[arg(long, value_name = "ADDR", env = "VOTE_NODE_LISTEN")]
    pub(crate) listen: Option<String>,
    /// Address under which others reach this node, if it is another
    #[arg(long, value_name = "ADDR", env = "VOTE_NODE_EXTERNAL")]
    pub(crate) external: Option<String>,
    /// Where apps connect
    #[arg(long, value_name = "PATH", env = "VOTE_SOCKET")]
    pub(crate) socket: Option<PathBuf>,
    /// Sign without waiting for others, for this one start: you know that this validator's key has
    /// signed nothing that is not in this folder. If it has, and others have seen it, final ballots
    /// can be lost and the ledger can fork
    #[arg(long)]
    pub(crate) alone: bool,
    /// Stage attacks on the peers when an app asks for it
    #[arg(long)]
    pub(crate) allow_attacks: bool,
    /// Under load, blocks follow one another at this distance, in milliseconds
    #[arg(long, value_name = "MS", env = "VOTE_NODE_BLOCK_INTERVAL_MS")]
    pub(crate) block_interval_ms: Option<u64>,
    /// An empty block is made this often when nothing happens, in seconds
    #[arg(long, value_name = "SECONDS", env = "VOTE_NODE_HEARTBEAT_SECONDS")]
    pub(crate) heartbeat_seconds: Option<u64>,
    /// Go by protocol versions up to this one only, as an older program would: to see beforehand what
    /// becomes of a node that is not brought up to date
    #[arg(long, value_name = "VERSION", hide_short_help = true)]
    pub(crate) newest_protocol: Option<u16>,
    /// Config file (TOML; the names of the options, with underscores)
    #[arg(long, value_name = "FILE", env = "VOTE_NODE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// When ready, print one line of JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Where keys live
    #[arg(long, value_name = "DIR", env = "VOTE_NODE_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Print one line of JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Where the ledger lives
    #[arg(long, value_name = "DIR", env = "VOTE_NODE_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Print one line of JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GenesisArgs {
    /// The chain's name
    #[arg(long)]
    pub(crate) name: String,
    /// A validator as NAME=KEY or NAME=KEY:POWER; KEY as printed by `node key`
    #[arg(long, required = true, value_name = "NAME=KEY[:POWER]")]
    pub(crate) validator: Vec<String>,
    /// A key that may create elections, as `vote-cli organiser key` prints it; may be repeated. If
    /// left out, any key may: whoever reaches a node can then fill the list of elections, up to the
    /// chain's limits
    #[arg(long, value_name = "KEY", conflicts_with = "anyone")]
    pub(crate) organiser: Vec<PublicKey>,
    /// Any key may create elections, as if no --organiser is given
    #[arg(long)]
    pub(crate) anyone: bool,
    /// The protocol version that the chain begins with, if it is not to be the newest
    #[arg(long, value_name = "VERSION")]
    pub(crate) protocol: Option<u16>,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Print one line of JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
