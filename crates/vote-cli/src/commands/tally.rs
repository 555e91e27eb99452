//! `tally`.

use std::io::IsTerminal;
use std::path::Path;

use vote_api::{Answer, ElectionView, Request};
use vote_web::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::{files, find, output, report, result, screen, submit};

pub(super) async fn run(
    context: &Context,
    election: Option<&str>,
    watch: bool,
    csv: bool,
    html: Option<&Path>,
) -> Result<(), Failure> {
    let client = context.client().await?;
    let view = find::election(&client, election).await?;
    if let Some(file) = html {
        let (entries, genesis) = (client.log(view.record.id).await?, submit::genesis(&client).await?);
        let page = report::html(&view, &entries, &genesis.chain(), &genesis.name);
        files::write_new(file, page.as_bytes(), files::PUBLIC)?;
    }
    if csv {
        output::line(report::csv(&view).map_err(Failure::other)?.trim_end());
        return Ok(());
    }
    if !watch {
        show(context, &view);
        return Ok(());
    }
    let mut answers = client.stream(Request::WatchElection(view.record.id)).await?;
    if !context.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return screen::run(view, answers).await;
    }
    while let Some(answer) = answers.next().await? {
        if let Answer::Election(view) = answer {
            show(context, &view);
        }
    }
    Ok(())
}

fn show(context: &Context, view: &ElectionView) {
    if context.json { output::json(&json::result(view)) } else { result::lines(view).iter().for_each(output::line) }
}
