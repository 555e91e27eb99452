//! `vote-cli`: cast, tally, check receipts, stage attacks; an app of a node like any other.

mod ask;
mod ballot;
mod ballot_file;
mod cards;
mod cli;
mod code;
mod commands;
mod context;
mod credential;
mod failure;
mod file;
mod files;
mod find;
mod known;
mod log;
mod menu;
mod output;
mod people;
mod qr;
mod receipts;
mod register;
mod report;
mod result;
mod roll_file;
mod rules;
mod says;
mod screen;
mod share;
mod spreadsheet;
mod submit;
mod time;

use std::io::{ErrorKind, IsTerminal};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use context::Context;
use failure::Failure;

/// The release, and the commit if it was built from a checkout.
const VERSION: &str = env!("VOTE_VERSION");

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    // Also where the command line cannot be read.
    let json = args
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--json");
    if code::is_among(&args) {
        return finish(Err(Failure::Usage(code::REFUSED.into())), json);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && json => return finish(Err(misused(&error)), json),
        // What is wrong goes to standard error; help and version, which were asked for, to standard
        // output.
        Err(error) if error.use_stderr() => {
            let _ = error.print();
            return ExitCode::from(2);
        }
        Err(error) => {
            output::keep(error.print());
            return finish(Ok(()), json);
        }
    };
    let done = match cli.command {
        Some(command) => run(cli.global, command),
        None if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() => run(cli.global, Command::Menu),
        None => Err(Failure::Usage(
            "say what to do (`vote-cli --help` lists it); the menu needs a terminal, or `vote-cli menu`".into(),
        )),
    };
    finish(done, json)
}

/// What is wrong with the command line, without the lines about how it is right.
fn misused(error: &clap::Error) -> Failure {
    let words = error.to_string();
    let what = words.split("\n\n").next().unwrap_or_default();
    Failure::Usage(what.trim_start_matches("error: ").trim().to_owned())
}

fn run(global: cli::Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Completions { shell } => {
            // Not straight to standard output: the generator panics if its reader goes away.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "vote-cli", &mut script);
            let script = String::from_utf8_lossy(&script);
            // In scripts for bash, clap_complete 4.6 spells a name with a hyphen in two ways, and
            // what is behind the first word is not found.
            output::line(script.replace("vote__subcmd__cli", "vote__cli").trim_end());
            return Ok(());
        }
        Command::Man { dir } => return commands::man(dir.as_deref()),
        _ => {}
    }
    let context = Context::load(global)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::other)?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = commands::run(&context, command) => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    });
    // A read of the terminal may still wait on a thread of its own.
    runtime.shutdown_background();
    done
}

fn finish(done: Result<(), Failure>, json: bool) -> ExitCode {
    let printed = output::finish();
    let failure = match (done, printed) {
        (Ok(()), Ok(())) => return ExitCode::SUCCESS,
        // The reader has seen enough, and closed its end: it is not told, whoever looks at the exit
        // code is.
        (Ok(()), Err(error)) if error.kind() == ErrorKind::BrokenPipe => return ExitCode::FAILURE,
        (Ok(()), Err(error)) => Failure::Other(format!(
            "not all of it could be printed: {error}. What was to be done is done"
        )),
        (Err(failure), _) => failure,
    };
    if json {
        output::aside(vote_views::line(&failure.view()));
    } else if !matches!(failure, Failure::Interrupted) {
        output::aside(format_args!("error: {failure}"));
    }
    ExitCode::from(failure.code())
}
