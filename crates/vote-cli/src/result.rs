//! Results, for people and for programs.

use serde_json::{Value, json};
use vote_api::ElectionView;
use vote_chain::{Action, Contest, ElectionPhase, Outcome, Round, Rule, Votes};

use crate::output::clean;

/// Width of the longest bar.
const BAR: u64 = 24;
/// Rounds that are shown side by side.
const ROUNDS_SHOWN: usize = 8;

fn names(view: &ElectionView) -> Vec<String> {
    match &view.record.election.contest {
        Contest::Listed(choices) => choices.iter().map(|choice| clean(choice)).collect(),
        Contest::WriteIn => Vec::new(),
    }
}

fn number(votes: Votes) -> Value {
    match votes.to_string().parse::<u64>() {
        Ok(whole) => whole.into(),
        Err(_) => votes.to_string().into(),
    }
}

fn action(action: &Action, names: &[String]) -> String {
    match action {
        Action::Elect(places) => {
            let elected: Vec<_> = places.iter().map(|place| names[*place].as_str()).collect();
            format!("elected: {}", elected.join(", "))
        }
        Action::Transfer(place) => format!("the surplus of {} is transferred", names[*place]),
        Action::Exclude(place) => format!("{} is excluded", names[*place]),
    }
}

/// One round, its votes by name.
fn round_json(round: &Round, names: &[String]) -> Value {
    let votes: serde_json::Map<_, _> =
        names.iter().cloned().zip(round.votes.iter().map(|votes| number(*votes))).collect();
    let actions: Vec<_> = round.actions.iter().map(|done| action(done, names)).collect();
    json!({ "votes": votes, "exhausted": number(round.exhausted), "actions": actions })
}

/// All of a result.
pub(crate) fn to_json(view: &ElectionView) -> Value {
    let (election, tally) = (&view.record.election, &view.tally);
    let counts = tally.lines.iter().map(|line| json!({ "choice": line.choice, "votes": line.votes }));
    let mut value = json!({
        "election": view.record.id,
        "title": election.title,
        "phase": view.phase.to_string(),
        "height": view.height,
        "rule": election.rule.name(),
        "seats": election.seats,
        "ballots": tally.ballots,
        "counts": counts.collect::<Vec<_>>(),
        "other_choices": tally.other_choices,
        "other_votes": tally.other_votes,
        "leaders": tally.leaders,
        "complete": tally.complete,
        "tie": tally.leaders.len() > usize::from(election.seats),
    });
    if let Some(outcome) = &tally.outcome {
        add_outcome(&mut value, outcome, &names(view));
    }
    value
}

/// How an outcome came about, by name.
pub(crate) fn add_outcome(value: &mut Value, outcome: &Outcome, names: &[String]) {
    let Outcome { rounds, quota, pairwise, ties, .. } = outcome;
    value["rounds"] = rounds.iter().map(|round| round_json(round, names)).collect();
    value["quota"] = quota.map(number).into();
    value["pairwise"] = pairwise.clone().into();
    let tie = |tie: &vote_chain::TieBreak| {
        let tied: Vec<_> = tie.candidates.iter().map(|place| &names[*place]).collect();
        json!({ "tied": tied, "picked_by_seed": names[tie.picked] })
    };
    value["ties"] = ties.iter().map(tie).collect();
}

fn heading(rule: Rule) -> Option<&'static str> {
    match rule {
        Rule::Plurality => None,
        Rule::Approval => Some("approvals"),
        Rule::Score => Some("sums of scores"),
        Rule::Borda | Rule::Irv | Rule::Stv | Rule::Schulze => Some("first preferences"),
    }
}

/// The result as text: each choice, how it came about, and who leads or has won.
pub(crate) fn lines(view: &ElectionView) -> Vec<String> {
    let (tally, phase, election) = (&view.tally, view.phase, &view.record.election);
    let mut lines = vec![format!("{} ({phase}, block {})", clean(&election.title), view.height)];
    if let Some(what) = heading(election.rule) {
        lines.push(format!("  {} ballots, counted by {}; {what}:", tally.ballots, election.rule.name()));
    }
    let width = tally.lines.iter().map(|line| clean(&line.choice).chars().count()).max().unwrap_or(0);
    let most = tally.lines.first().map_or(0, |line| line.votes).max(1);
    for line in &tally.lines {
        let bar = "\u{2588}".repeat(usize::try_from(line.votes * BAR / most).unwrap_or(0));
        let row = format!("  {:<width$}  {:>8}  {bar}", clean(&line.choice), line.votes);
        lines.push(row.trim_end().to_owned());
    }
    if tally.other_choices > 0 {
        lines.push(format!("  and {} more choices, with {} votes", tally.other_choices, tally.other_votes));
    }
    if let Some(outcome) = &tally.outcome {
        lines.extend(how(outcome, &names(view), width));
    }
    lines.push(sentence(view));
    lines
}

fn sentence(view: &ElectionView) -> String {
    let (tally, election) = (&view.tally, &view.record.election);
    let closed = view.phase == ElectionPhase::Closed;
    let leaders: Vec<_> = tally.leaders.iter().map(|leader| clean(leader)).collect();
    match (leaders.as_slice(), &tally.outcome) {
        _ if !tally.complete => {
            "There are too many different ballots to be counted as they come in; for the result: vote-cli export, then \
                                 vote-cli verify archive."
                .to_owned()
        }
        ([], _) => "No ballots yet.".to_owned(),
        ([one], None) => {
            let verb = if closed { "has won" } else { "leads" };
            format!("{one} {verb}, with {} of {} ballots.", tally.lines[0].votes, tally.ballots)
        }
        (several, None) => {
            let over = if closed { "It is" } else { "It is, so far," };
            format!("{over} a tie between {}.", several.join(" and "))
        }
        (elected, Some(_)) => {
            let seats =
                if election.seats == 1 { "Elected".to_owned() } else { format!("Elected to {} seats", election.seats) };
            let seats = if closed { seats } else { format!("{seats}, if it closed now") };
            format!("{seats}: {}.", elected.join(", "))
        }
    }
}

/// How an outcome came about.
pub(crate) fn how(outcome: &Outcome, names: &[String], width: usize) -> Vec<String> {
    [rounds(outcome, names, width), matrix(outcome, names, width), ties(outcome, names)].concat()
}

/// Rounds side by side, the last ones if there are many, and what was done in each.
fn rounds(outcome: &Outcome, names: &[String], width: usize) -> Vec<String> {
    let all = &outcome.rounds;
    if all.len() < 2 {
        return Vec::new();
    }
    let skipped = all.len().saturating_sub(ROUNDS_SHOWN);
    let shown = &all[skipped..];
    let label = |text: &str| format!("  {text:<width$}");
    let mut lines =
        vec![label("round") + &(skipped..all.len()).map(|at| format!("  {:>12}", at + 1)).collect::<String>()];
    let cells = |of: &dyn Fn(&Round) -> Votes| {
        shown.iter().map(|round| format!("  {:>12}", of(round).to_string())).collect::<String>()
    };
    for (place, name) in names.iter().enumerate() {
        lines.push(label(name) + &cells(&|round| round.votes[place]));
    }
    lines.push(label("for nobody") + &cells(&|round| round.exhausted));
    lines.extend(outcome.quota.map(|quota| format!("  quota {quota}")));
    for (at, round) in all.iter().enumerate() {
        let done: Vec<_> = round.actions.iter().map(|done| action(done, names)).collect();
        lines.push(format!("  round {}: {}", at + 1, done.join("; ")));
    }
    lines
}

/// How many prefer the one of the row to the one of the column.
fn matrix(outcome: &Outcome, names: &[String], width: usize) -> Vec<String> {
    let Some(wins) = &outcome.pairwise else { return Vec::new() };
    let mut lines = vec!["  ballots that prefer the row to the column:".to_owned()];
    let numbers: String = (1..=names.len()).map(|number| format!("  {number:>6}")).collect();
    lines.push(format!("  {:<4}{:<width$}{numbers}", "", ""));
    for (a, name) in names.iter().enumerate() {
        let cell = |b: usize| if a == b { format!("  {:>6}", "-") } else { format!("  {:>6}", wins[a][b]) };
        let row: String = (0..names.len()).map(cell).collect();
        lines.push(format!("  {:<4}{name:<width$}{row}", a + 1));
    }
    lines
}

fn ties(outcome: &Outcome, names: &[String]) -> Vec<String> {
    let line = |tie: &vote_chain::TieBreak| {
        let tied: Vec<_> = tie.candidates.iter().map(|place| names[*place].as_str()).collect();
        format!("  tied: {}; the election's id picks {}", tied.join(", "), names[tie.picked])
    };
    outcome.ties.iter().map(line).collect()
}
