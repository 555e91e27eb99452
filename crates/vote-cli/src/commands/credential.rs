//! `credential`.

use std::path::Path;

use vote_chain::PublicKey;
use vote_views as views;

use crate::cli::CredentialCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::{credential, output};

pub(super) fn run(context: &Context, command: CredentialCommand) -> Result<(), Failure> {
    let (new, file) = match command {
        CredentialCommand::New { file } => (true, file),
        CredentialCommand::Show { file } => (false, file),
    };
    let file = match file {
        Some(file) => file,
        None => context.credential_file(None)?,
    };
    let key = if new {
        credential::make(&file)?
    } else {
        credential::load(&file)?
    };
    show(context, &file, &key.public());
    Ok(())
}

fn show(context: &Context, file: &Path, key: &PublicKey) {
    if context.json {
        output::json(&views::Credential {
            key: (*key).into(),
            file: file.display().to_string(),
        });
    } else {
        output::line(format_args!(
            "credential  {key}\nfile        {} (private: whoever has it can vote with it)",
            file.display()
        ));
    }
}
