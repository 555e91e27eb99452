//! `count`: ballots of a file, counted here and now; no node, no network.

use serde_json::json;
use vote_chain::{Outcome, Rule};
use vote_counting::formats::Format;
use vote_counting::{Budget, Seed, approval, borda, irv, meek, schulze, scottish_stv};

use crate::cli::CountArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{files, output, result};

/// A file of ballots is no larger, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

pub(super) fn run(context: &Context, args: &CountArgs) -> Result<(), Failure> {
    let shown = args.file.display();
    let unknown = || Failure::Usage(format!("{shown}: the name must end in {}", Format::ENDINGS));
    let format = Format::of(&args.file.to_string_lossy()).ok_or_else(unknown)?;
    let not_there = |error| Failure::NotFound(format!("cannot read {shown}: {error}"));
    let bytes = files::read(&args.file, FILE_BYTES_MAX).map_err(not_there)?;
    let bytes = bytes.ok_or_else(|| Failure::Usage(format!("{shown} is too large")))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{shown} is not UTF-8")))?;
    let file = format.parse(&text).map_err(|error| Failure::Usage(format!("{shown} cannot be read: {error}")))?;
    let file = file.without_withdrawn();
    let seats = usize::from(args.seats.unwrap_or_else(|| u16::try_from(file.seats).unwrap_or(u16::MAX)));
    let seed = seed(args.seed.as_deref())?;
    let (ballots, names) = (file.profile(), file.candidates.iter().map(|name| clean(name)).collect::<Vec<_>>());
    // Whoever counts a file can wait, or end the program.
    let budget = &mut Budget::unlimited();
    let outcome = match args.rule {
        Rule::Irv => irv(&ballots, seed, budget),
        Rule::Stv => scottish_stv(&ballots, seats, seed, budget),
        Rule::Schulze => schulze(&ballots, seats, seed, budget),
        Rule::Borda => borda(&ballots, seats, seed, budget),
        Rule::Approval => {
            let sets: Vec<_> = ballots.groups().iter().map(|group| (group.count, group.ranks.concat())).collect();
            Some(approval(names.len(), sets.iter().map(|(count, set)| (*count, set.as_slice())), seats, seed))
        }
        Rule::Meek => meek(&ballots, seats, seed, budget),
        Rule::Plurality | Rule::Score | Rule::YesNo => {
            return Err(Failure::Usage(format!("a file of ranked ballots is not counted by {}", args.rule.name())));
        }
    };
    let outcome = outcome.expect("no count is longer than an unlimited budget");
    let total: u64 = ballots.groups().iter().map(|group| group.count).sum();
    show(context, args.rule, total, &names, &outcome);
    Ok(())
}

fn seed(hex_digits: Option<&str>) -> Result<Seed, Failure> {
    let mut seed = [0; 32];
    if let Some(digits) = hex_digits {
        let wrong = |_| Failure::Usage("--seed: 64 hexadecimal digits".into());
        hex::decode_to_slice(digits, &mut seed).map_err(wrong)?;
    }
    Ok(Seed(seed))
}

fn show(context: &Context, rule: Rule, ballots: u64, names: &[String], outcome: &Outcome) {
    let winners: Vec<_> = outcome.winners.iter().map(|place| names[*place].as_str()).collect();
    if context.json {
        let mut value = json!({ "rule": rule.name(), "ballots": ballots, "winners": winners });
        vote_web::json::add_outcome(&mut value, outcome, names);
        return output::json(&value);
    }
    let alone = match rule {
        Rule::Approval => "approvals",
        Rule::Borda => "points",
        _ => "votes",
    };
    output::line(format_args!("{ballots} ballots, counted by {}", rule.name()));
    result::how(outcome, names, Some(alone)).iter().for_each(output::line);
    output::line(format_args!("Elected: {}.", winners.join(", ")));
}
