//! `tally`.

use vote_api::{Answer, ElectionView, Request};

use crate::context::Context;
use crate::failure::Failure;
use crate::{find, output, result};

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
    if context.json { output::json(&result::to_json(view)) } else { result::lines(view).iter().for_each(output::line) }
}
