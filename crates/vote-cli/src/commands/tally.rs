//! `tally`.

use std::io::IsTerminal;
use std::path::Path;

use vote_api::{CheckedElection, Client, ElectionView};
use vote_views as views;

use super::archive;
use crate::context::Context;
use crate::failure::Failure;
use crate::{files, find, output, report, result, screen};

/// What to show of a count.
pub(super) struct Shown<'a> {
    pub(super) csv: bool,
    pub(super) html: Option<&'a Path>,
}

pub(super) async fn run(
    context: &Context,
    election: Option<&str>,
    verify: bool,
    watch: bool,
    shown: Shown<'_>,
) -> Result<(), Failure> {
    // Clap looks for what conflicts with --json behind the command alone; it may stand before it as
    // well.
    if shown.csv && context.json {
        return Err(Failure::Usage(
            "the argument '--csv' cannot be used with '--json'".into(),
        ));
    }
    let client = context.client().await?;
    let election = find::election(&client, election).await?;
    if verify {
        return counted_here(context, &client, &election, shown).await;
    }
    if let Some(file) = shown.html {
        let (entries, genesis) = (
            client.checked_log(&election).await?,
            client.genesis().await?,
        );
        let page = report::html(&election, &entries, &genesis.chain(), &genesis.name);
        files::write_new(file, page.as_bytes(), files::PUBLIC)?;
    }
    if shown.csv {
        return table(&election);
    }
    if !watch {
        show(context, &election);
        return Ok(());
    }
    let mut changes = client.watch_election(election.record.id).await?;
    if !context.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return screen::run(election, changes).await;
    }
    while let Some(election) = changes.next().await? {
        show(context, &election);
        if output::has_failed() {
            break;
        }
    }
    Ok(())
}

/// Fetches every ballot, checks them, and counts: nothing of it is the node's word, but that it
/// shows its last block.
async fn counted_here(
    context: &Context,
    client: &Client,
    election: &CheckedElection,
    shown: Shown<'_>,
) -> Result<(), Failure> {
    let chain = client.genesis().await?.chain();
    let archive = client.archive(election.record.id).await?;
    let audit = archive::checked(&archive, &chain)?;
    if shown.csv {
        table(&archive::view(&archive, &audit))?;
    } else {
        archive::show(context, &archive, &audit, context.chain.is_some());
    }
    archive::write_page(&archive, &audit, shown.html)
}

/// A table without rows would look like an election without choices: without a count there is none.
fn table(view: &ElectionView) -> Result<(), Failure> {
    if view.tally.contests.is_empty() {
        return Err(Failure::NotFound(result::withheld(view.phase).into()));
    }
    output::line(report::csv(view).map_err(Failure::other)?.trim_end());
    Ok(())
}

fn show(context: &Context, view: &ElectionView) {
    if context.json {
        return output::json(&views::ElectionResult::of(view));
    }
    result::lines(view).iter().for_each(output::line);
    output::line(
        "The count is the node's word; `tally --verify` fetches every ballot and counts here.",
    );
}
