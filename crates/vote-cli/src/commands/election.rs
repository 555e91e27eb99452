//! `election`.

use serde_json::json;
use vote_api::{Client, ElectionView};
use vote_chain::{Contest, Election, ElectionId, Payload, Rule};

use crate::cli::{CreateArgs, ElectionCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{ballot, credential, find, output, result, submit, time};

pub(super) async fn run(context: &Context, command: ElectionCommand) -> Result<(), Failure> {
    match command {
        ElectionCommand::Create(args) => create(context, args).await,
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

async fn create(context: &Context, args: CreateArgs) -> Result<(), Failure> {
    let now = time::now();
    let election = Election {
        title: args.title,
        description: args.description,
        contest: if args.write_in { Contest::WriteIn } else { Contest::Listed(args.choice) },
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
        value["opens_at"] = election.opens_at.map(vote_chain::Timestamp::ms).into();
        value["closes_at"] = election.closes_at.map(vote_chain::Timestamp::ms).into();
        value["board"] = json!({ "size": record.board.size(), "root": record.board.root() });
        return output::json(&value);
    }
    let contest = match &election.contest {
        Contest::Listed(choices) => choices.iter().map(|choice| clean(choice)).collect::<Vec<_>>().join(", "),
        Contest::WriteIn => "what the voter writes in".to_owned(),
    };
    output::line(clean(&election.title));
    if !election.description.is_empty() {
        election.description.lines().for_each(|line| output::line(format_args!("  {}", clean(line))));
    }
    let opens = election.opens_at.map_or_else(|| time::show(record.created_at), time::show);
    let closes = election.closes_at.map_or_else(|| "when its organiser closes it".to_owned(), time::show);
    output::line(format_args!("  id         {}", record.id));
    output::line(format_args!("  phase      {}", view.phase));
    output::line(format_args!("  opens      {opens}\n  closes     {closes}"));
    output::line(format_args!("  choices    {contest}"));
    output::line(format_args!(
        "  rule       {}, seats: {}; a ballot is {}",
        election.rule.name(),
        election.seats,
        ballot::syntax(election.rule)
    ));
    output::line("  who votes  anybody with a key, one ballot for each key; every ballot is public");
    output::line(format_args!("  organiser  {}", record.organiser));
    output::line(format_args!("  board      {} ballots, root {}", record.board.size(), record.board.root()));
}
