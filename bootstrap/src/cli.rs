//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A tracker: nodes register with it, and new ones ask it who is there.
#[derive(Debug, Parser)]
#[command(name = "bootstrap", version = crate::VERSION, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows who is registered with the tracker that runs on this data directory
    List(ListArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on (a multiaddr or IP:PORT); port 0 is chosen once and then kept [default:
    /// that of last time, or /ip4/0.0.0.0/tcp/4700]
    #[arg(long, value_name = "ADDR", env = "VOTE_BOOTSTRAP_LISTEN")]
    pub(crate) listen: Option<String>,
    /// Address under which nodes reach the tracker, if it is another [default: that of last time]
    #[arg(long, value_name = "ADDR", env = "VOTE_BOOTSTRAP_EXTERNAL")]
    pub(crate) external: Option<String>,
    /// Where the tracker's key and socket live
    #[arg(long, value_name = "DIR", env = "VOTE_BOOTSTRAP_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Print JSON lines instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The data directory of the running tracker
    #[arg(long, value_name = "DIR", env = "VOTE_BOOTSTRAP_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
