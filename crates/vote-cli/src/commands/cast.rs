//! `cast`.

use std::io::IsTerminal;
use std::path::PathBuf;

use vote_api::{CheckedElection, Client, SignedBallot};
use vote_chain::{
    Choices, Contest, ElectionPhase, KeptReceipt, SecretKey, Statement, TransactionId,
};
use vote_views as views;
use vote_web::code::Tracker;

use crate::cli::CastArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::people::normal;
use crate::{ask, ballot, code, credential, find, output, receipts, result, says};

/// Said of a name that the ledger does not take.
const NAME_STAYS: &str = "the election takes no names: yours stays on this machine";
/// Said of one that it takes, to whoever is not asked.
const NAME_GOES: &str =
    "the vote is by name: everybody can read your name beside your ballot, for ever";
/// Asked for a name that the ledger takes.
pub(crate) const NAME_ASKED: &str =
    "Your name, which everybody can read beside your ballot for ever: ";

/// A word of so many hexadecimal digits, with which an election's id begins, means the election.
const ID_DIGITS_MIN: usize = 4;

pub(super) async fn run(context: &Context, args: CastArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    let (election, choices) = said(&client, &args.words).await?;
    let by_id =
        choices.len() < args.words.len() && find::is_id(&args.words[0], &election.record.id);
    // The node has chosen the election. A person can look at it; a program has to name it by its
    // id.
    if !by_id && !context.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    {
        output::line(find::shown(&election));
        ask::confirm("Vote in this election?", "name the election by its id")?;
    }
    let person = person(context, &args, &election)?;
    let key = key(context, &args, &election)?;
    let name = on_ballot(&election, person.as_deref().unwrap_or_default());
    let signed = sign(&client, &election, &key, name, choices).await?;
    if !context.json {
        output::line("You cast:");
        says::lines(signed.says()).iter().for_each(output::line);
    }
    let cast = cast_signed(context, &client, &election, &key, &signed).await?;
    let Cast {
        kept,
        path,
        says,
        replaced,
    } = cast;
    let receipt = &kept.receipt;
    if context.json {
        output::json(&views::Cast {
            ballot: receipt.transaction.into(),
            election: election.record.id.into(),
            choices: choices.to_vec(),
            credential: key.public().into(),
            height: receipt.header.height.get(),
            chain: receipt.genesis.chain().into(),
            receipt: path.display().to_string(),
            is_final: true,
            replaced: replaced.map(views::Hex),
            tracker: Tracker::of(&receipt.transaction).to_string(),
            says: views::Statement::of(&says),
        });
    } else {
        output::line(format_args!(
            "Your ballot in {:?} is final, in block {}.",
            output::clean(&election.record.election.title),
            receipt.header.height
        ));
        output::line(format_args!("  ballot   {}", receipt.transaction));
        output::line(format_args!(
            "  tracker  {}",
            Tracker::of(&receipt.transaction)
        ));
        if let Some(replaced) = replaced {
            output::line(format_args!(
                "  replaces {replaced}, which no longer counts"
            ));
        }
        output::line(format_args!("  receipt  {}", path.display()));
        output::line(format_args!(
            "Check it at any time, without a node: vote-cli receipt check {}",
            path.display()
        ));
    }
    Ok(())
}

/// The election that is meant, and what is said to each of its contests: the first word names the
/// election, unless there are just as many words as the only open one has contests.
async fn said<'a>(
    client: &Client,
    words: &'a [String],
) -> Result<(CheckedElection, &'a [String]), Failure> {
    let unsaid = find::unsaid(client, &[ElectionPhase::Open]).await;
    if let Err(failure @ (Failure::Verification(_) | Failure::Unreachable(_))) = unsaid {
        return Err(failure);
    }
    if let Ok(election) = &unsaid
        && election.record.election.contests.len() == words.len()
    {
        return match taken_for_a_choice(client, election, &words[0]).await? {
            Some(meant) => Err(no_choice(&meant, &words[0])),
            None => Ok((election.clone(), words)),
        };
    }
    let [first, choices @ ..] = words else {
        return Err(Failure::Usage("say what you choose".into()));
    };
    if choices.is_empty()
        && unsaid.is_err()
        && let Some(meant) = named(client, first).await?
    {
        return Err(no_choice(&meant, first));
    }
    let election = if choices.is_empty() {
        unsaid
    } else {
        find::election(client, Some(first)).await
    }?;
    let wanted: Vec<_> = election
        .record
        .election
        .contests
        .iter()
        .map(|contest| output::clean(&contest.title))
        .collect();
    if choices.len() != wanted.len() {
        let wanted = if wanted.len() == 1 {
            "one choice".to_owned()
        } else {
            format!("a choice each for: {}", wanted.join("; "))
        };
        return Err(Failure::Usage(format!("this election asks for {wanted}")));
    }
    Ok((election, choices))
}

/// The election that a word means which would be cast as a choice; none if it is a choice that is
/// listed.
async fn taken_for_a_choice(
    client: &Client,
    election: &CheckedElection,
    word: &str,
) -> Result<Option<CheckedElection>, Failure> {
    let listed = |contest: &Contest| {
        matches!(contest.choices, Choices::Listed(_)) && contest.choice(word).is_some()
    };
    if election
        .record
        .election
        .contests
        .first()
        .is_some_and(listed)
    {
        Ok(None)
    } else {
        named(client, word).await
    }
}

/// The election whose id begins with a word that is long enough to mean one, or that has just this
/// title.
async fn named(client: &Client, word: &str) -> Result<Option<CheckedElection>, Failure> {
    let begun = if word.len() >= ID_DIGITS_MIN {
        find::begun(client, word).await?
    } else {
        Vec::new()
    };
    let found = if begun.is_empty() {
        find::titled(client, word).await?
    } else {
        find::fitting(client, word).await?
    };
    if found.is_empty() {
        return Ok(None);
    }
    Ok(Some(client.election(find::only(&found, word)?).await?))
}

/// Why an election alone is no ballot, and what to type.
fn no_choice(meant: &CheckedElection, word: &str) -> Failure {
    let election = &meant.record.election;
    let contest = |contest: &Contest| {
        let title = if contest.title.is_empty() {
            String::new()
        } else {
            format!("{}: ", output::clean(&contest.title))
        };
        let choices = match &contest.choices {
            Choices::Listed(_) => {
                format!("; the choices are: {}", result::names(contest).join(", "))
            }
            Choices::WriteIn => ", which you write in".to_owned(),
        };
        format!("\n  {title}{}{choices}", ballot::syntax(contest))
    };
    let asked: String = election.contests.iter().map(contest).collect();
    Failure::Usage(format!(
        "{word} is the election {:?}; say what you choose too: vote-cli cast {:.8}{}. It asks for{asked}",
        output::clean(&election.title),
        meant.record.id,
        " CHOICE".repeat(election.contests.len())
    ))
}

/// What the voter is called. An election that takes names needs one; in others it only picks the
/// credential.
fn person(
    context: &Context,
    args: &CastArgs,
    election: &CheckedElection,
) -> Result<Option<String>, Failure> {
    let said = args.name.as_deref().map(normal);
    let is_named = said.as_ref().is_some_and(|name| !name.is_empty());
    if !election.record.election.names {
        if is_named && !context.json {
            output::aside(NAME_STAYS);
        }
        return Ok(said);
    }
    if is_named {
        if !context.json {
            output::aside(NAME_GOES);
        }
        return Ok(said);
    }
    let asked = if context.json {
        None
    } else {
        ask::name(NAME_ASKED)?
    };
    match asked.as_deref().map(normal) {
        Some(name) if !name.is_empty() => Ok(Some(name)),
        _ => Err(Failure::Usage(
            "this election is by name: say --name NAME, which everybody can read beside your ballot for ever"
                .into(),
        )),
    }
}

/// The name that the ballot has: the voter's, if the election takes names.
pub(crate) fn on_ballot(election: &CheckedElection, name: &str) -> String {
    if election.record.election.names {
        normal(name)
    } else {
        String::new()
    }
}

/// The credential to sign with: `--name` picks it, and not the name that is typed when one is asked
/// for, since another spelling would be another voter. For a roll a new one would be of no use.
fn key(
    context: &Context,
    args: &CastArgs,
    election: &CheckedElection,
) -> Result<SecretKey, Failure> {
    if args.code {
        return Ok(code::parse(&code::secret_line("Your voter code: ")?)?.secret_key());
    }
    let file = match &args.credential {
        Some(file) => file.clone(),
        None => {
            let named = args.name.as_deref().map(normal);
            context.credential_file(named.as_deref())?
        }
    };
    if election.record.election.has_roll() {
        // Where voting is by name it says what the voter is called, and need pick no key.
        let own = context.credential_file(None)?;
        let by_name = election.record.election.names && args.credential.is_none();
        if by_name && !file.exists() && own.exists() {
            output::aside(format_args!("signed with {}", own.display()));
            return credential::load(&own);
        }
        credential::load(&file)
    } else {
        credential::load_or_make(&file)
    }
}

/// A ballot that was cast.
pub(crate) struct Cast {
    pub(crate) kept: Box<KeptReceipt>,
    /// Where it is kept.
    pub(crate) path: PathBuf,
    /// What the ballot says, from what is kept alone.
    pub(crate) says: Statement,
    /// The ballot that it replaces.
    pub(crate) replaced: Option<TransactionId>,
}

/// Signs what a voter says in words, and sends nothing yet.
pub(crate) async fn sign(
    client: &Client,
    election: &CheckedElection,
    key: &SecretKey,
    name: String,
    words: &[String],
) -> Result<SignedBallot, Failure> {
    let contests = &election.record.election.contests;
    let selections = contests
        .iter()
        .zip(words)
        .map(|(contest, words)| ballot::parse(contest, words))
        .collect::<Result<_, _>>()?;
    Ok(client.sign_ballot(election, key, name, selections).await?)
}

/// Casts a signed ballot, waits until it is final, and keeps the receipt.
pub(crate) async fn cast_signed(
    context: &Context,
    client: &Client,
    election: &CheckedElection,
    key: &SecretKey,
    signed: &SignedBallot,
) -> Result<Cast, Failure> {
    context.remember(client).await?;
    let kept = match client
        .cast(signed, context.timeout)
        .await
        .map_err(Failure::from)
    {
        Err(Failure::NotEligible(reason)) => {
            return Err(Failure::NotEligible(
                explained(client, election, key, reason).await,
            ));
        }
        other => other?,
    };
    let says = kept
        .check(context.chain.as_ref())
        .map_err(|fault| Failure::Verification(fault.to_string()))?;
    let path = receipts::store(context, &kept)?;
    Ok(Cast {
        kept: Box::new(kept),
        path,
        says,
        replaced: signed.replaces(),
    })
}

/// Adds to a refusal where the credential's ballot is, or what to do about the roll.
async fn explained(
    client: &Client,
    election: &CheckedElection,
    key: &SecretKey,
    reason: String,
) -> String {
    match client.voter(election.record.id, key.public()).await {
        Ok(voter) => match (voter.weight, voter.ballot) {
            (_, Some(record)) => {
                format!(
                    "{reason}; its ballot {} is final in block {}",
                    record.transaction, record.height
                )
            }
            (None, None) => format!(
                "{reason}; use the credential or the code that its organiser has on the roll (`vote-cli roll check KEY` says more)"
            ),
            (Some(_), None) => reason,
        },
        Err(_) => reason,
    }
}
