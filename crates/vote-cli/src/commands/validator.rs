//! `validator`.

use serde_json::json;
use vote_api::{Answer, Client, Request};
use vote_chain::{PublicKey, Validator, ValidatorChange, ValidatorSet, faults_tolerated};
use vote_web::json;

use crate::cli::ValidatorCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{find, output};

struct Validators {
    set: ValidatorSet,
    after: Option<ValidatorSet>,
    pending: Vec<(ValidatorChange, Vec<PublicKey>)>,
}

async fn ask(client: &Client) -> Result<Validators, Failure> {
    match client.call(Request::Validators).await? {
        Answer::Validators { set, after, pending } => Ok(Validators { set, after, pending }),
        _ => Err(vote_api::CallError::Unexpected.into()),
    }
}

pub(super) async fn run(context: &Context, command: ValidatorCommand) -> Result<(), Failure> {
    let client = context.client().await?;
    match command {
        ValidatorCommand::List => {
            let validators = ask(&client).await?;
            show(context, &validators);
            Ok(())
        }
        ValidatorCommand::Admit { node, power } => {
            let members = find::members(&client).await?;
            let names = |m: &vote_api::Member| {
                vec![m.name.clone(), m.peer.clone(), m.key.map(|key| key.to_string()).unwrap_or_default()]
            };
            let member = find::named(&members, &node, names)?;
            let key = member.key.ok_or_else(|| {
                Failure::NotFound(format!(
                    "{} has not proven its validator key yet; try again in a moment",
                    clean(&member.name)
                ))
            })?;
            approve(context, &client, ValidatorChange::Admit(Validator { key, name: member.name.clone(), power })).await
        }
        ValidatorCommand::Remove { node } => {
            let validators = ask(&client).await?;
            let all: Vec<_> = validators.after.as_ref().unwrap_or(&validators.set).iter().cloned().collect();
            let validator = find::named(&all, &node, |v| vec![v.name.clone(), v.key.to_string()])?;
            approve(context, &client, ValidatorChange::Remove(validator.key)).await
        }
    }
}

async fn approve(context: &Context, client: &Client, change: ValidatorChange) -> Result<(), Failure> {
    let before = ask(client).await?;
    let mut answers = client.stream(Request::Approve(change.clone())).await?;
    let not_final = || {
        Failure::Unreachable(
            "the approval is not final yet: too few validators may be connected (`vote-cli status`)".into(),
        )
    };
    let height = loop {
        let answer = tokio::time::timeout(context.timeout, answers.next()).await.map_err(|_| not_final())??;
        match answer {
            Some(Answer::Submitted(results)) => {
                if let Some(Err(refusal)) = results.into_iter().next() {
                    return Err(refusal.into());
                }
            }
            Some(Answer::Final { header, .. }) => break header.height,
            Some(Answer::Refused(_, refusal)) => return Err(refusal.into()),
            _ => return Err(not_final()),
        }
    };
    let now = ask(client).await?;
    let set = now.after.as_ref().unwrap_or(&now.set);
    let waits = now.pending.iter().find(|(pending, _)| *pending == change);
    let changed = waits.is_none() && set.hash() != before.after.as_ref().unwrap_or(&before.set).hash();
    if context.json {
        output::json(&json!({
            "height": height, "in_force_at": changed.then(|| height.get() + 2), "approvals": waits.map(|(_, keys)| keys.len()),
            "validators": set.count(), "faults_tolerated": faults_tolerated(set.count()),
        }));
        return Ok(());
    }
    match waits {
        Some((_, keys)) => output::line(format_args!(
            "Approved, in block {height}: {} of {} validators so far. It takes effect once more than two thirds of the power has approved it.",
            keys.len(),
            set.count()
        )),
        None => output::line(format_args!(
            "Approved, in block {height}, and in force from block {}: {}.",
            height.get() + 2,
            output::validators(set.count())
        )),
    }
    Ok(())
}

fn show(context: &Context, validators: &Validators) {
    let Validators { set, after, pending } = validators;
    let n = set.count();
    if context.json {
        return output::json(&json::validators(set, after.as_ref(), pending));
    }
    let mut rows = vec![["NAME", "POWER", "KEY"].map(String::from).to_vec()];
    rows.extend(set.iter().map(|v| vec![clean(&v.name), v.power.to_string(), v.key.to_string()]));
    output::table(&rows);
    output::line(format_args!("{}.", output::validators(n)));
    if let Some(after) = after {
        output::line(format_args!(
            "Soon {}: {}.",
            after.count(),
            after.iter().map(|v| clean(&v.name)).collect::<Vec<_>>().join(", ")
        ));
    }
    for (change, keys) in pending {
        output::line(format_args!(
            "waiting: {}, approved by {} of {}",
            clean(&json::change(change)),
            keys.len(),
            set.count()
        ));
    }
}
