//! `cast`.

use std::path::PathBuf;

use serde_json::json;
use vote_api::{Answer, Client, ElectionView, Request};
use vote_chain::{Ballot, CastRecord, Choices, Contest, ElectionPhase, Payload, Receipt, SecretKey, TransactionId};
use vote_web::code::Tracker;

use crate::cli::CastArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::{ballot, code, credential, find, output, receipts, result, submit};

/// A word of so many hexadecimal digits, with which an election's id begins, means the election.
const ID_DIGITS_MIN: usize = 4;

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
        return match taken_for_a_choice(all, view, &words[0]) {
            Some(meant) => Err(no_choice(&meant, &words[0], open)),
            None => Ok((view.clone(), words)),
        };
    }
    let [first, choices @ ..] = words else { return Err(Failure::Usage("say what you choose".into())) };
    if choices.is_empty()
        && unsaid.is_err()
        && let Some(meant) = begins_with(all, first)
    {
        return Err(no_choice(&meant, first, open));
    }
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

/// The elections that a word means which would be cast as a choice; none if it is a choice that is listed.
fn taken_for_a_choice(all: &[ElectionView], view: &ElectionView, word: &str) -> Option<Vec<ElectionView>> {
    let listed = |contest: &Contest| matches!(contest.choices, Choices::Listed(_)) && contest.choice(word).is_some();
    if view.record.election.contests.first().is_some_and(listed) { None } else { begins_with(all, word) }
}

/// The elections whose ids begin with a word that is long enough to mean one.
fn begins_with(all: &[ElectionView], word: &str) -> Option<Vec<ElectionView>> {
    let begins = |view: &&ElectionView| view.record.id.to_string().starts_with(&word.to_lowercase());
    let meant: Vec<_> = all.iter().filter(begins).cloned().collect();
    (word.len() >= ID_DIGITS_MIN && !meant.is_empty()).then_some(meant)
}

/// Why an election alone is no ballot, and what to type.
fn no_choice(meant: &[ElectionView], word: &str, open: impl Fn(ElectionPhase) -> bool) -> Failure {
    let view = match find::pick(meant, Some(word), open) {
        Ok(view) => view,
        Err(failure) => return failure,
    };
    let election = &view.record.election;
    let contest = |contest: &Contest| {
        let title =
            if contest.title.is_empty() { String::new() } else { format!("{}: ", output::clean(&contest.title)) };
        let choices = match &contest.choices {
            Choices::Listed(_) => format!("; the choices are: {}", result::names(contest).join(", ")),
            Choices::WriteIn => ", which you write in".to_owned(),
        };
        format!("\n  {title}{}{choices}", ballot::syntax(contest))
    };
    let asked: String = election.contests.iter().map(contest).collect();
    Failure::Usage(format!(
        "{word} is the election {:?}; say what you choose too: vote-cli cast {:.8}{}. It asks for{asked}",
        output::clean(&election.title),
        view.record.id,
        " CHOICE".repeat(election.contests.len())
    ))
}

/// The credential to sign with. For a roll a new one would be of no use.
fn key(context: &Context, args: &CastArgs, view: &ElectionView) -> Result<SecretKey, Failure> {
    if args.code {
        return Ok(code::parse(&code::secret_line("Your voter code: ")?)?.secret_key());
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
pub(crate) async fn voter(
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
