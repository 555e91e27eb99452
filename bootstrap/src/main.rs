//! `bootstrap`: tells a new node who is there. Nodes register with it and are listed; it is trusted
//! with nothing else.

mod cli;
mod datadir;
mod list;
mod say;
mod serve;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// The release, and the commit if it was built from a checkout.
const VERSION: &str = env!("VOTE_VERSION");

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = runtime().and_then(|runtime| match cli.command {
        Some(cli::Command::List(args)) => runtime.block_on(list::ask(&args)),
        None => runtime.block_on(serve::run(cli.serve)),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if say::is_unread(&error) => ExitCode::FAILURE,
        Err(error) => {
            // The code is told also where words are not.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}
