//! `attack`.

use vote_api::{Attack, AttackReport, Client, Verdict};
use vote_views as views;

use crate::cli::AttackCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(context: &Context, command: AttackCommand) -> Result<(), Failure> {
    match command {
        AttackCommand::List => {
            list(context);
            Ok(())
        }
        AttackCommand::Run { name } => {
            let attacks: Vec<_> = Attack::ALL
                .into_iter()
                .filter(|attack| name == "all" || attack.name() == name)
                .collect();
            if attacks.is_empty() {
                return Err(Failure::Usage(format!(
                    "there is no attack {name:?}; `vote-cli attack list` shows them"
                )));
            }
            let client = context.client().await?;
            let mut worst = Ok(());
            for attack in attacks {
                let verdict = stage(context, &client, attack).await;
                if verdict.as_ref().err().map_or(0, Failure::code)
                    >= worst.as_ref().err().map_or(0, Failure::code)
                {
                    worst = verdict;
                }
            }
            worst
        }
    }
}

fn list(context: &Context) {
    if context.json {
        output::json(&views::Attacks::all());
    } else {
        output::table(
            &Attack::ALL
                .map(|attack| vec![attack.name().to_owned(), attack.description().to_owned()]),
        );
    }
}

/// Has the node stage an attack, and shows what each peer made of it.
pub(crate) async fn stage(
    context: &Context,
    client: &Client,
    attack: Attack,
) -> Result<(), Failure> {
    let report = client.attack(attack).await?;
    let accepted = report
        .verdicts
        .iter()
        .filter(|row| row.verdict == Verdict::Accepted)
        .count();
    let answered = report
        .verdicts
        .iter()
        .filter(|row| row.verdict != Verdict::Silent)
        .count();
    if context.json {
        output::json(&views::AttackReport::of(&report))
    } else {
        print(&report)
    }
    match (accepted, answered) {
        (0, 0) => Err(Failure::Unreachable(format!(
            "{}: no peer answered, so nothing is shown",
            attack.name()
        ))),
        (0, _) => Ok(()),
        (n, _) => Err(Failure::Verification(format!(
            "{}: {n} peer(s) would accept the forged block",
            attack.name()
        ))),
    }
}

fn print(report: &AttackReport) {
    output::line(format_args!(
        "{}: {}, at height {}",
        report.attack.name(),
        report.attack.description(),
        report.height
    ));
    let mut rows = vec![["  PEER", "VERDICT", "REASON"].map(String::from).to_vec()];
    for row in &report.verdicts {
        rows.push(vec![
            format!("  {}", output::clean(&row.name)),
            views::verdict(row.verdict).to_owned(),
            output::clean(&row.reason),
        ]);
    }
    output::table(&rows);
}
