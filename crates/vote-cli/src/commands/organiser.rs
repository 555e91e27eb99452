//! `organiser`.

use vote_api::{Client, OrganisersView};
use vote_chain::{OrganiserChange, Organisers, PublicKey};
use vote_views as views;

use super::approve::{Standing, approve};
use crate::cli::OrganiserCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::{credential, output};

/// Organisers that an error names.
const NAMED_MAX: usize = 5;

pub(super) async fn run(context: &Context, command: OrganiserCommand) -> Result<(), Failure> {
    match command {
        OrganiserCommand::Key => key(context),
        OrganiserCommand::List => list(context).await,
        OrganiserCommand::Admit { key } => {
            let key = match key {
                Some(key) => key,
                None => credential::load_or_make(&context.organiser_file())?.public(),
            };
            change(context, OrganiserChange::Admit(key)).await
        }
        OrganiserCommand::Remove { key } => change(context, OrganiserChange::Remove(key)).await,
    }
}

/// Fails unless this key may create elections: says who may, and how it is admitted.
pub(super) async fn check(client: &Client, key: &PublicKey) -> Result<(), Failure> {
    let OrganisersView { organisers, .. } = client.organisers().await?;
    if organisers.include(key) {
        return Ok(());
    }
    Err(Failure::NotEligible(format!(
        "your key {key} is not an organiser of this chain, and only organisers create elections ({}). To be admitted, have validators with \
         more than two thirds of the power run, each at their own node: vote-cli organiser admit {key}",
        named(&organisers)
    )))
}

/// Who may create elections, in a few words.
fn named(organisers: &Organisers) -> String {
    let Organisers::Keys(keys) = organisers else {
        return "anyone may".to_owned();
    };
    if keys.is_empty() {
        return "there is none".to_owned();
    }
    let some: Vec<_> = keys
        .iter()
        .take(NAMED_MAX)
        .map(|key| format!("{key:.16}"))
        .collect();
    let more = if keys.len() > NAMED_MAX {
        ", ...; see vote-cli organiser list"
    } else {
        ""
    };
    format!("{}{more}", some.join(", "))
}

/// Who may create elections, as `status` says it.
pub(super) fn summary(organisers: &Organisers) -> String {
    match organisers {
        Organisers::Anyone => {
            "ANYONE may create them: whoever reaches a node can fill the list of elections, up to the chain's limits"
                .to_owned()
        }
        Organisers::Keys(keys) if keys.len() == 1 => "created by 1 organiser".to_owned(),
        Organisers::Keys(keys) => format!("created by {} organisers", keys.len()),
    }
}

/// Shows the key that elections are created with, which is made if there is none.
fn key(context: &Context) -> Result<(), Failure> {
    let file = context.organiser_file();
    let key = credential::load_or_make(&file)?.public();
    if context.json {
        output::json(&views::Credential {
            key: key.into(),
            file: file.display().to_string(),
        });
    } else {
        output::line(key);
        output::aside(format_args!(
            "Its private half is {}: whoever has it can organise with it.",
            file.display()
        ));
    }
    Ok(())
}

async fn list(context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    let view = client.organisers().await?;
    let validators = client.validators().await?.set.count();
    if context.json {
        output::json(&views::Organisers::of(&view));
        return Ok(());
    }
    let OrganisersView {
        organisers,
        pending,
    } = view;
    match &organisers {
        Organisers::Anyone => {
            output::line(
                "Anyone may create elections. The first organiser that is admitted ends that: then only organisers may.",
            );
        }
        Organisers::Keys(keys) if keys.is_empty() => {
            output::line(
                "Nobody may create elections. Validators admit organisers: vote-cli organiser admit KEY",
            );
        }
        Organisers::Keys(keys) => keys.iter().for_each(output::line),
    }
    for (change, keys) in pending {
        let change = views::organiser_change(&change);
        output::line(format_args!(
            "waiting: {change}, approved by {} of {validators}",
            keys.len()
        ));
    }
    Ok(())
}

async fn change(context: &Context, change: OrganiserChange) -> Result<(), Failure> {
    let client = context.client().await?;
    let outcome = outcome(&change);
    let standing = async || {
        let OrganisersView {
            organisers,
            pending,
        } = client.organisers().await?;
        let waits = pending.iter().find(|(waits, _)| *waits == change);
        Ok(Standing {
            made: is_made(&organisers, &change),
            approvals: waits.map(|(_, keys)| keys.len()),
        })
    };
    approve(context, &client, &change.clone().into(), &outcome, standing).await
}

/// Whether nothing is left to do for a change.
fn is_made(organisers: &Organisers, change: &OrganiserChange) -> bool {
    match (organisers, change) {
        // The first admission makes a list.
        (Organisers::Anyone, _) => false,
        (Organisers::Keys(keys), OrganiserChange::Admit(key)) => keys.contains(key),
        (Organisers::Keys(keys), OrganiserChange::Remove(key)) => !keys.contains(key),
    }
}

/// What holds once a change is made.
fn outcome(change: &OrganiserChange) -> String {
    match change {
        OrganiserChange::Admit(key) => format!("{key} may create elections"),
        OrganiserChange::Remove(key) => format!("{key} may create no more elections"),
    }
}
