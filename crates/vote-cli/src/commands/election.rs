//! `election`.

use std::io::Write;
use std::path::Path;

use serde_json::json;
use vote_api::{Client, ElectionView};
use vote_chain::{Contest, Election, ElectionId, Payload, Rule, Timestamp};

use crate::cli::{CreateArgs, ElectionCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{credential, file, find, output, result, submit, time};

pub(super) async fn run(context: &Context, command: ElectionCommand) -> Result<(), Failure> {
    match command {
        ElectionCommand::Create(args) => create(context, args).await,
        ElectionCommand::New { file } => new(file.as_deref()),
        ElectionCommand::List => list(context).await,
        ElectionCommand::Show { election } => {
            let view = find::election(&context.client().await?, election.as_deref()).await?;
            show(context, &view);
            Ok(())
        }
        ElectionCommand::Close { election, credential } => {
            let client = context.client().await?;
            let view = find::election(&client, election.as_deref()).await?;
            let key = credential::load(&credential.unwrap_or_else(|| context.credential_file(Some("organiser"))))?;
            let receipt = submit::run(context, &client, &key, Payload::CloseElection(view.record.id)).await?;
            if context.json {
                output::json(&json!({ "election": view.record.id, "closed": true, "height": receipt.header.height }));
            } else {
                output::line(format_args!(
                    "{} is closed, in block {}.",
                    clean(&view.record.election.title),
                    receipt.header.height
                ));
            }
            Ok(())
        }
    }
}

fn salt() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(Failure::other)?;
    Ok(u64::from_be_bytes(bytes))
}

/// The election that the arguments or their file describe.
fn described(args: &CreateArgs, now: Timestamp) -> Result<Election, Failure> {
    if let Some(path) = &args.file {
        return file::read(path, now, salt()?);
    }
    let contest = if args.write_in { Contest::WriteIn } else { Contest::Listed(args.choice.clone()) };
    let election = Election {
        title: args.title.clone().unwrap_or_default(),
        description: args.description.clone(),
        contest,
        rule: args.rule,
        seats: args.seats,
        opens_at: args.opens.map(|when| when.from(now)),
        closes_at: args.closes.map(|when| when.from(now)),
        salt: salt()?,
    };
    election.check().map_err(|fault| Failure::Usage(fault.to_string()))?;
    if election.closes_at.is_some_and(|closes| closes <= now) {
        return Err(Failure::Usage("--closes is in the past".into()));
    }
    Ok(election)
}

async fn create(context: &Context, args: CreateArgs) -> Result<(), Failure> {
    let election = described(&args, time::now())?;
    if args.check {
        if context.json {
            output::json(&json!({ "valid": true, "title": election.title }));
        } else {
            output::line(format_args!("{}: nothing is wrong with it. The rules of this vote:", clean(&election.title)));
            file::rules(&election, None).iter().for_each(output::line);
        }
        return Ok(());
    }
    let client = context.client().await?;
    let key = credential::load_or_make(&args.credential.unwrap_or_else(|| context.credential_file(Some("organiser"))))?;
    let receipt = submit::run(context, &client, &key, Payload::CreateElection(election)).await?;
    let id = ElectionId::new(*receipt.transaction.hash());
    if context.json {
        output::json(&json!({ "election": id, "height": receipt.header.height, "organiser": key.public() }));
    } else {
        output::line(format_args!("The election is on the ledger, in block {}.\n  id  {id}", receipt.header.height));
    }
    Ok(())
}

/// Writes the example of an election file.
fn new(path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else {
        output::line(file::EXAMPLE.trim_end());
        return Ok(());
    };
    let shown = path.display();
    let made = std::fs::OpenOptions::new().create_new(true).write(true).open(path);
    let written = made.and_then(|mut file| file.write_all(file::EXAMPLE.as_bytes()));
    written.map_err(|error| Failure::Other(format!("cannot write {shown}: {error}")))?;
    output::line(format_args!("{shown} is written. Fill it in, then: vote-cli election create {shown} --check"));
    Ok(())
}

/// A write-in election that is open at once.
pub(crate) async fn create_write_in(context: &Context, client: &Client, title: &str) -> Result<(), Failure> {
    let key = credential::load_or_make(&context.credential_file(Some("organiser")))?;
    let election = Election {
        title: title.to_owned(),
        description: String::new(),
        contest: Contest::WriteIn,
        rule: Rule::Plurality,
        seats: 1,
        opens_at: None,
        closes_at: None,
        salt: salt()?,
    };
    submit::run(context, client, &key, Payload::CreateElection(election)).await.map(drop)
}

async fn list(context: &Context) -> Result<(), Failure> {
    let elections = context.client().await?.elections().await?;
    if context.json {
        output::json(&json!({ "elections": elections.iter().map(result::to_json).collect::<Vec<_>>() }));
        return Ok(());
    }
    let mut rows = vec![["ID", "PHASE", "BALLOTS", "TITLE"].map(String::from).to_vec()];
    for view in &elections {
        let id = format!("{:.16}", view.record.id);
        rows.push(vec![id, view.phase.to_string(), view.tally.ballots.to_string(), clean(&view.record.election.title)]);
    }
    output::table(&rows);
    Ok(())
}

fn show(context: &Context, view: &ElectionView) {
    let (record, election) = (&view.record, &view.record.election);
    if context.json {
        let mut value = result::to_json(view);
        value["description"] = election.description.clone().into();
        value["organiser"] = record.organiser.to_string().into();
        value["opens_at"] = election.opens_at.map(Timestamp::ms).into();
        value["closes_at"] = election.closes_at.map(Timestamp::ms).into();
        value["board"] = json!({ "size": record.board.size(), "root": record.board.root() });
        return output::json(&value);
    }
    output::line(clean(&election.title));
    if !election.description.is_empty() {
        election.description.lines().for_each(|line| output::line(format_args!("  {}", clean(line))));
    }
    output::line(format_args!("  id         {}", record.id));
    output::line(format_args!("  phase      {}", view.phase));
    file::rules(election, Some(record.created_at)).iter().for_each(output::line);
    output::line(format_args!("  organiser  {}", record.organiser));
    output::line(format_args!("  board      {} ballots, root {}", record.board.size(), record.board.root()));
}
