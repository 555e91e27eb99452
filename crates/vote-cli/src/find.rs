//! Finding what people mean by the beginning of an id, or by nothing.

use std::sync::Arc;

use vote_api::{Answer, Client, ElectionView, Member, Request};
use vote_chain::{ElectionId, ElectionPhase};

use crate::failure::Failure;
use crate::output::clean;

pub(crate) async fn members(client: &Client) -> Result<Vec<Member>, Failure> {
    match client.call(Request::Members).await? {
        Answer::Members(members) => Ok(members),
        _ => Err(vote_api::CallError::Unexpected.into()),
    }
}

fn describe(elections: &[&ElectionView]) -> String {
    let line = |view: &&ElectionView| {
        format!("\n  {:.16}  {} ({})", view.record.id, clean(&view.record.election.title), view.phase)
    };
    elections.iter().map(line).collect()
}

/// The election whose id begins like this; with nothing said, the only one that is not over, or the only one.
pub(crate) async fn any_election(client: &Client, said: Option<&str>) -> Result<ElectionView, Failure> {
    let view = pick(&client.elections().await?, said, |phase| !phase.is_over())?;
    by_id(client, view.record.id).await
}

/// The election whose id begins like this; with nothing said, the only open one, or the only one.
pub(crate) async fn election(client: &Client, said: Option<&str>) -> Result<ElectionView, Failure> {
    let view = pick(&client.elections().await?, said, |phase| phase == ElectionPhase::Open)?;
    by_id(client, view.record.id).await
}

/// An election as it is now, with its count, which a list does not have.
pub(crate) async fn by_id(client: &Client, id: ElectionId) -> Result<ElectionView, Failure> {
    match client.call(Request::Election(id)).await? {
        Answer::Election(view) => Ok(Arc::unwrap_or_clone(view)),
        _ => Err(vote_api::CallError::Unexpected.into()),
    }
}

/// The election whose id begins like this; with nothing said, the only one in a phase that is preferred, or the only one.
pub(crate) fn pick(
    all: &[ElectionView],
    said: Option<&str>,
    preferred: impl Fn(ElectionPhase) -> bool,
) -> Result<ElectionView, Failure> {
    let matching: Vec<_> = match said {
        Some(prefix) => {
            all.iter().filter(|view| view.record.id.to_string().starts_with(&prefix.to_lowercase())).collect()
        }
        None => {
            let some: Vec<_> = all.iter().filter(|view| preferred(view.phase)).collect();
            if some.is_empty() { all.iter().collect() } else { some }
        }
    };
    match (matching.as_slice(), said) {
        ([one], _) => Ok((*one).clone()),
        ([], Some(prefix)) => Err(Failure::NotFound(format!(
            "no election's id begins with {prefix:?}; `vote-cli election list` shows them"
        ))),
        ([], None) => Err(Failure::NotFound("there is no election; create one with `vote-cli election create`".into())),
        (several, _) => Err(Failure::Usage(format!("several elections fit; say which:{}", describe(several)))),
    }
}

/// The one of `candidates` that one of its names begins with, or is.
pub(crate) fn named<'a, T>(
    candidates: &'a [T],
    said: &str,
    names: impl Fn(&T) -> Vec<String>,
) -> Result<&'a T, Failure> {
    let exact: Vec<_> =
        candidates.iter().filter(|candidate| names(candidate).iter().any(|name| name == said)).collect();
    let begins = |candidate: &&T| names(candidate).iter().any(|name| name.starts_with(said));
    let found = if exact.is_empty() { candidates.iter().filter(begins).collect() } else { exact };
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::NotFound(format!(
            "there is no node {said:?}; `vote-cli members` shows those that are connected"
        ))),
        _ => Err(Failure::Usage(format!("several nodes are called {said:?}; use the id or the key"))),
    }
}
