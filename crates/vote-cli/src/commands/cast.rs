//! `cast`.

use std::path::PathBuf;

use serde_json::json;
use vote_api::{Answer, Client, ElectionView, Request};
use vote_chain::{Ballot, Payload, Receipt, SecretKey};

use crate::cli::CastArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::{ballot, credential, find, output, receipts, submit};

pub(super) async fn run(context: &Context, args: CastArgs) -> Result<(), Failure> {
    let (election, choice) = match args.words.as_slice() {
        [choice] => (None, choice),
        [election, choice, ..] => (Some(election.as_str()), choice),
        [] => return Err(Failure::Usage("say what you choose".into())),
    };
    let client = context.client().await?;
    let view = find::election(&client, election).await?;
    let file = args.credential.unwrap_or_else(|| context.credential_file(args.name.as_deref()));
    let key = credential::load_or_make(&file)?;
    let (receipt, path) = cast_in(context, &client, &view, &key, args.name.unwrap_or_default(), choice).await?;
    if context.json {
        output::json(&json!({
            "ballot": receipt.transaction, "election": view.record.id, "choice": choice, "credential": key.public(),
            "height": receipt.header.height, "chain": receipt.genesis.chain(), "receipt": path, "final": true,
        }));
    } else {
        output::line(format_args!(
            "Your ballot in {:?} is final, in block {}.",
            output::clean(&view.record.election.title),
            receipt.header.height
        ));
        output::line(format_args!("  ballot   {}", receipt.transaction));
        output::line(format_args!("  receipt  {}", path.display()));
        output::line(format_args!("Check it at any time, without a node: vote-cli receipt check {}", path.display()));
    }
    Ok(())
}

/// Casts a ballot, waits until it is final, and keeps the receipt.
pub(crate) async fn cast_in(
    context: &Context,
    client: &Client,
    view: &ElectionView,
    key: &SecretKey,
    name: String,
    words: &str,
) -> Result<(Receipt, PathBuf), Failure> {
    let choice = ballot::parse(&view.record.election, words)?;
    let ballot = Ballot { election: view.record.id, name, choice };
    let receipt = match submit::run(context, client, key, Payload::CastBallot(ballot)).await {
        Err(Failure::NotEligible(reason)) => {
            return Err(Failure::NotEligible(already(client, view, key, reason).await));
        }
        other => other?,
    };
    let path = receipts::store(context, &receipt)?;
    Ok((receipt, path))
}

/// Adds to a refusal where the credential's ballot is.
async fn already(client: &Client, view: &ElectionView, key: &SecretKey, reason: String) -> String {
    match client.call(Request::Ballot(view.record.id, key.public())).await {
        Ok(Answer::Ballot(Some(record))) => {
            format!("{reason}; its ballot {} is final in block {}", record.transaction, record.height)
        }
        _ => reason,
    }
}
