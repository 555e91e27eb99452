//! The commands, one file for each kind.

mod approve;
mod archive;
mod attack;
mod cast;
mod committee;
mod count;
mod credential;
mod election;
mod export;
mod gui;
mod node;
mod organiser;
mod protocol;
mod receipt;
mod roll;
mod tally;
mod validator;

use std::path::Path;

use clap::CommandFactory;

use crate::cli::{Cli, Command, ProtocolCommand, VerifyCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(crate) use attack::stage;
pub(crate) use cast::{Cast, NAME_ASKED, cast_signed, on_ballot, sign};
pub(crate) use election::create_write_in;

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Cast(args) => cast::run(context, args).await,
        Command::Tally {
            election,
            verify,
            watch,
            csv,
            html,
        } => {
            let shown = tally::Shown {
                csv,
                html: html.as_deref(),
            };
            tally::run(context, election.as_deref(), verify, watch, shown).await
        }
        Command::Attack(command) => attack::run(context, command).await,
        Command::Export {
            election,
            output,
            contest,
            yes,
        } => export::run(context, election.as_deref(), &output, contest, yes).await,
        Command::Verify(VerifyCommand::Archive { file, html }) => {
            archive::verify(context, &file, html.as_deref())
        }
        Command::Count(args) => count::run(context, &args),
        Command::Status => node::status(context).await,
        Command::Members => node::members(context).await,
        Command::Block { height } => node::block(context, height).await,
        Command::Evidence => node::evidence(context).await,
        Command::Election(command) => election::run(context, command).await,
        Command::Roll(command) => roll::run(context, command).await,
        Command::Credential(command) => credential::run(context, command),
        Command::Receipt(command) => receipt::run(context, command).await,
        Command::Organiser(command) => organiser::run(context, command).await,
        Command::Protocol { command } => {
            protocol::run(context, command.unwrap_or(ProtocolCommand::Show)).await
        }
        Command::Validator(command) => validator::run(context, command).await,
        Command::Gui(args) => gui::run(context, args).await,
        Command::Menu => crate::menu::run(context).await,
        Command::Completions { .. } | Command::Man { .. } => Ok(()),
    }
}

/// The manual page on standard output, or one file for each command in a folder.
pub(crate) fn man(dir: Option<&Path>) -> Result<(), Failure> {
    let done = match dir {
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
            output::line(String::from_utf8_lossy(&page).trim_end());
            rendered
        }
        Some(dir) => std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), dir)),
    };
    done.map_err(Failure::other)
}
