//! `tally`.

use serde_json::{Value, json};
use vote_api::{Answer, ElectionView, Request};
use vote_chain::ElectionPhase;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{find, output};

pub(super) async fn run(context: &Context, election: Option<&str>, watch: bool) -> Result<(), Failure> {
    let client = context.client().await?;
    let view = find::election(&client, election).await?;
    if !watch {
        show(context, &view);
        return Ok(());
    }
    let mut answers = client.stream(Request::WatchElection(view.record.id)).await?;
    while let Some(answer) = answers.next().await? {
        if let Answer::Election(view) = answer {
            show(context, &view);
        }
    }
    Ok(())
}

fn show(context: &Context, view: &ElectionView) {
    if context.json { output::json(&to_json(view)) } else { lines(view).iter().for_each(output::line) }
}

pub(super) fn to_json(view: &ElectionView) -> Value {
    let counts = view.tally.lines.iter().map(|line| json!({ "choice": line.choice, "ballots": line.ballots }));
    let leaders = view.tally.leaders();
    json!({
        "election": view.record.id,
        "title": view.record.election.title,
        "phase": view.phase.to_string(),
        "height": view.height,
        "ballots": view.tally.ballots(),
        "counts": counts.collect::<Vec<_>>(),
        "other_choices": view.tally.other_choices,
        "other_ballots": view.tally.other_ballots,
        "leaders": leaders,
        "tie": leaders.len() > 1,
    })
}

/// The count as text: each choice, then who leads.
pub(crate) fn lines(view: &ElectionView) -> Vec<String> {
    let (tally, phase) = (&view.tally, view.phase);
    let mut lines = vec![format!("{} ({phase}, block {})", clean(&view.record.election.title), view.height)];
    let width = tally.lines.iter().map(|line| clean(&line.choice).chars().count()).max().unwrap_or(0);
    lines.extend(tally.lines.iter().map(|line| format!("  {:<width$}  {:>8}", clean(&line.choice), line.ballots)));
    if tally.other_choices > 0 {
        lines.push(format!("  and {} more choices, with {} ballots", tally.other_choices, tally.other_ballots));
    }
    let leaders: Vec<_> = tally.leaders().into_iter().map(clean).collect();
    let (verb, over) = if phase == ElectionPhase::Closed { ("has won", "It is") } else { ("leads", "It is, so far,") };
    lines.push(match leaders.as_slice() {
        [] => "No ballots yet.".to_owned(),
        [one] => format!("{one} {verb}, with {} of {} ballots.", tally.lines[0].ballots, tally.ballots()),
        several => format!("{over} a tie between {}.", several.join(" and ")),
    });
    lines
}
