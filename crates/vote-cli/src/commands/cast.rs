//! `cast`.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use serde_json::json;
use vote_api::{Answer, Client, ElectionView, Request};
use vote_chain::{Ballot, CastRecord, ElectionPhase, Payload, Receipt, SecretKey, TransactionId};
use vote_web::code::{Tracker, VoterCode};
use zeroize::Zeroizing;

use crate::cli::CastArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::{ballot, credential, find, output, receipts, submit};

pub(super) async fn run(context: &Context, args: CastArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    let (view, choices) = said(&client.elections().await?, &args.words)?;
    let key = key(context, &args, &view)?;
    let cast = cast_in(context, &client, &view, &key, args.name.unwrap_or_default(), choices).await?;
    let Cast { receipt, path, replaced } = cast;
    if context.json {
        output::json(&json!({
            "ballot": receipt.transaction, "election": view.record.id, "choices": choices, "credential": key.public(),
            "height": receipt.header.height, "chain": receipt.genesis.chain(), "receipt": path, "final": true, "replaced": replaced,
            "tracker": Tracker::of(&receipt.transaction).to_string(),
        }));
    } else {
        output::line(format_args!(
            "Your ballot in {:?} is final, in block {}.",
            output::clean(&view.record.election.title),
            receipt.header.height
        ));
        output::line(format_args!("  ballot   {}", receipt.transaction));
        output::line(format_args!("  tracker  {}", Tracker::of(&receipt.transaction)));
        if let Some(replaced) = replaced {
            output::line(format_args!("  replaces {replaced}, which no longer counts"));
        }
        output::line(format_args!("  receipt  {}", path.display()));
        output::line(format_args!("Check it at any time, without a node: vote-cli receipt check {}", path.display()));
    }
    Ok(())
}

/// The election that is meant, and what is said to each of its contests: the first word names the election, unless there are just as
/// many words as the only open one has contests.
fn said<'a>(all: &[ElectionView], words: &'a [String]) -> Result<(ElectionView, &'a [String]), Failure> {
    let open = |phase| phase == ElectionPhase::Open;
    let unsaid = find::pick(all, None, open);
    if let Ok(view) = &unsaid
        && view.record.election.contests.len() == words.len()
    {
        return Ok((view.clone(), words));
    }
    let [first, choices @ ..] = words else { return Err(Failure::Usage("say what you choose".into())) };
    let view = if choices.is_empty() { unsaid } else { find::pick(all, Some(first), open) }?;
    let wanted: Vec<_> = view.record.election.contests.iter().map(|contest| output::clean(&contest.title)).collect();
    if choices.len() != wanted.len() {
        let wanted = if wanted.len() == 1 {
            "one choice".to_owned()
        } else {
            format!("a choice each for: {}", wanted.join("; "))
        };
        return Err(Failure::Usage(format!("this election asks for {wanted}")));
    }
    Ok((view, choices))
}

/// The credential to sign with. For a roll a new one would be of no use.
fn key(context: &Context, args: &CastArgs, view: &ElectionView) -> Result<SecretKey, Failure> {
    if args.code {
        let code = Zeroizing::new(if std::io::stdin().is_terminal() {
            rpassword::prompt_password("Your voter code: ").map_err(Failure::other)?
        } else {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map_err(Failure::other)?;
            line
        });
        let code = VoterCode::parse(code.trim()).map_err(|fault| Failure::NotEligible(fault.to_string()))?;
        return Ok(code.secret_key());
    }
    let file = args.credential.clone().unwrap_or_else(|| context.credential_file(args.name.as_deref()));
    if view.record.election.has_roll() { credential::load(&file) } else { credential::load_or_make(&file) }
}

/// A ballot that was cast.
pub(crate) struct Cast {
    pub(crate) receipt: Receipt,
    /// Where the receipt is kept.
    pub(crate) path: PathBuf,
    /// The ballot that it replaces.
    pub(crate) replaced: Option<TransactionId>,
}

/// Casts a ballot, waits until it is final, and keeps the receipt.
pub(crate) async fn cast_in(
    context: &Context,
    client: &Client,
    view: &ElectionView,
    key: &SecretKey,
    name: String,
    words: &[String],
) -> Result<Cast, Failure> {
    let contests = &view.record.election.contests;
    let selections =
        contests.iter().zip(words).map(|(contest, words)| ballot::parse(contest, words)).collect::<Result<_, _>>()?;
    let (election, before) = (view.record.id, voter(client, view, key).await?.1);
    // Where nothing can be replaced, the same ballot again is the same transaction, and final already.
    let replaced = before.filter(|_| view.record.election.revotes > 0);
    let counter = replaced.as_ref().map_or(0, |before| before.counter + 1);
    let ballot = Ballot { election, counter, name, selections };
    let receipt = match submit::run(context, client, key, Payload::CastBallot(ballot)).await {
        Err(Failure::NotEligible(reason)) => {
            return Err(Failure::NotEligible(explained(client, view, key, reason).await));
        }
        other => other?,
    };
    let path = receipts::store(context, &receipt)?;
    Ok(Cast { receipt, path, replaced: replaced.map(|before| before.transaction) })
}

/// How many votes a credential has in an election, and its ballot that counts.
async fn voter(
    client: &Client,
    view: &ElectionView,
    key: &SecretKey,
) -> Result<(Option<u32>, Option<CastRecord>), Failure> {
    match client.call(Request::Voter(view.record.id, key.public())).await? {
        Answer::Voter { weight, ballot } => Ok((weight, ballot)),
        _ => Err(vote_api::CallError::Unexpected.into()),
    }
}

/// Adds to a refusal where the credential's ballot is, or what to do about the roll.
async fn explained(client: &Client, view: &ElectionView, key: &SecretKey, reason: String) -> String {
    match voter(client, view, key).await {
        Ok((_, Some(record))) => {
            format!("{reason}; its ballot {} is final in block {}", record.transaction, record.height)
        }
        Ok((None, None)) => format!(
            "{reason}; use the credential or the code that its organiser has on the roll (`vote-cli roll check KEY` says more)"
        ),
        _ => reason,
    }
}
