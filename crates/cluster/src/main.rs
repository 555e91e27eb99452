//! `cluster`: a whole network on this machine, to see it, to vote with it, to measure it.

mod bench;
mod catchup;
mod election;
mod load;
mod output;
mod pages;
mod roll;
mod ui;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use vote_chain::Rule;

/// Runs a tracker and several nodes as processes on this machine
#[derive(Debug, Parser)]
#[command(name = "cluster", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: UpArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts a network and keeps it up until Ctrl-C (the default)
    Up(UpArgs),
    /// Casts the ballots of a real election, and shows the result as every node sees it
    Load(LoadArgs),
    /// Measures throughput, latency and what an idle node costs
    Bench(BenchArgs),
    /// Measures how long a node that joins takes to have all of a chain
    Catchup(CatchupArgs),
    /// Measures what a large roll costs, and how long a node takes to come back with it
    Roll(RollArgs),
    /// Measures what many open pages on live results cost, and what they cost the voting
    Pages(PagesArgs),
}

#[derive(Debug, Args)]
struct UpArgs {
    /// How many validators
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: u8,
    /// How many followers besides: nodes that keep the ledger but do not vote on blocks
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=16))]
    followers: u8,
    /// Folder for everything; a temporary one, gone at the end, if none is given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Wipe the network that was in the folder before
    #[arg(long, requires = "dir")]
    reset: bool,
    /// Any key may create elections; else yours, which `vote-cli organiser key` shows, and that of
    /// the network itself
    #[arg(long)]
    anyone: bool,
    /// When ready, print one line of JSON instead of text
    #[arg(long)]
    json: bool,
    /// Show the network as a screen, with keys to kill, freeze and bring back nodes
    #[arg(long, conflicts_with = "json")]
    ui: bool,
    /// Serve the page to vote on too, and print its address
    #[arg(long, conflicts_with = "ui")]
    gui: bool,
}

#[derive(Debug, Args)]
struct LoadArgs {
    /// Ballots, as BLT or as PrefLib orders (.blt, .soc, .soi, .toc, .toi)
    file: PathBuf,
    /// How many validators
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: u8,
    /// How the ballots are counted
    #[arg(long, default_value = "plurality", value_parser = rule())]
    rule: Rule,
    /// Put every voter on a roll first
    #[arg(long)]
    roll: bool,
    /// Write the election's archive to this file
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Seats to fill; as in the file if left out, and one by rules that fill one
    #[arg(long)]
    seats: Option<u16>,
    /// Print one object of JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct BenchArgs {
    /// How many validators
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: u8,
    /// Ballots to cast as fast as possible
    #[arg(long, default_value_t = 20_000)]
    ballots: usize,
    /// Ballots a second while latency is measured
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Afterwards, put so many finished elections on the chain, and cast as many ballots again
    #[arg(long, default_value_t = 0, value_name = "N")]
    elections: usize,
    /// Afterwards, cast ballots until there are so many, measure the last ones as the first, and
    /// restart a node
    #[arg(long, default_value_t = 0, value_name = "BALLOTS")]
    growth: usize,
    /// Print one object of JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CatchupArgs {
    /// How many validators
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: u8,
    /// Ballots on the chain
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    ballots: u32,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RollArgs {
    /// How many validators
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: u8,
    /// Voters on the roll
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    voters: u32,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PagesArgs {
    /// How many validators
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    nodes: u8,
    /// Pages that are open on an election at one time
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pages: u32,
    /// Ballots to cast as fast as possible, once with the pages and once before and after
    #[arg(long, default_value_t = 10_000)]
    ballots: usize,
    /// Ballots a second while latency is measured
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Reads the name of a rule. Files of ranked ballots have no scores, and are neither for nor
/// against.
fn rule() -> impl TypedValueParser<Value = Rule> {
    let rules = Rule::ALL
        .into_iter()
        .filter(|rule| !rule.has_numbers() && *rule != Rule::YesNo)
        .map(Rule::name);
    PossibleValuesParser::new(rules)
        .map(|name| Rule::named(&name).expect("only these names are let through"))
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command.unwrap_or(Command::Up(cli.up)) {
        Command::Up(args) => up::run(args).await,
        Command::Load(args) => load::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Catchup(args) => catchup::run(args).await,
        Command::Roll(args) => roll::run(args).await,
        Command::Pages(args) => pages::run(args).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if output::is_unread(&error) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
