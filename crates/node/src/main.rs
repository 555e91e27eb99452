//! `node`: keeps the ledger together with the other nodes, and serves the apps on this machine.

mod attack;
mod check;
mod cli;
mod clock;
mod config;
mod core;
mod datadir;
mod exit;
mod join;
mod keys;
mod ledger;
mod peer;
mod planned;
mod pool;
mod recover;
mod run;
mod sign_state;
mod socket;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use exit::Exit;

/// The release, and the commit if it was built from a checkout.
const VERSION: &str = env!("VOTE_VERSION");

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = match cli.command {
        Some(cli::Command::Key(args)) => planned::key(&args),
        Some(cli::Command::Genesis(args)) => planned::genesis(&args),
        Some(cli::Command::Check(args)) => check::check(&args),
        Some(cli::Command::Recover(args)) => match config::Config::load(args.run) {
            Ok(config) => {
                exit::call_database_panics_damage(vote_storage::Store::file(&config.data_dir));
                block_on("warn,vote_network=error", recover::run(config))
            }
            Err(error) => return end(&error, Exit::Usage),
        },
        None => match config::Config::load(cli.run) {
            Ok(config) => {
                exit::call_database_panics_damage(vote_storage::Store::file(&config.data_dir));
                block_on(
                    "info,arc_malachitebft_core_consensus=error,libp2p=error",
                    run::run(config),
                )
            }
            Err(error) => return end(&error, Exit::Usage),
        },
    };
    match done {
        Ok(()) => Exit::Done.code(),
        // Whoever read what is printed has gone away: nobody is left to be told.
        Err(error) if is_unread(&error) => Exit::Failure.code(),
        Err(error) => end(&error, Exit::of(&error)),
    }
}

fn end(error: &anyhow::Error, exit: Exit) -> ExitCode {
    // The code is told also where words are not: a supervisor goes by it.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    exit.code()
}

fn is_unread(error: &anyhow::Error) -> bool {
    let io = error.root_cause().downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Runs `work`; logs what `filter` says, unless `RUST_LOG` says otherwise.
fn block_on(filter: &str, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
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
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(filter)),
        )
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}
