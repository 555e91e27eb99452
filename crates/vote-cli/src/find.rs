//! Finding what people mean: an election by its id, the beginning of it, its title, or a part of
//! it; or by nothing, if there is only one.
//!
//! The node is asked for a few that fit, whether it has one election or ten thousand. Which of them
//! fit is its word; the election that is found is then fetched and checked.

use std::collections::BTreeSet;

use vote_api::{CheckedElection, Client, ElectionQuery, ElectionView, QUERY_BYTES_MAX};
use vote_chain::{ElectionId, ElectionPhase};

use crate::failure::Failure;
use crate::output::clean;
use crate::people::normal;

/// Candidates that are shown if several elections are meant.
const SHOWN: usize = 10;
/// Elections that are looked through for one of exactly that title, among those that have it in
/// theirs.
const LOOKED_THROUGH: u16 = 100;
/// So many digits with which an id begins are an id, and nobody's words.
const CERTAIN_DIGITS: usize = 8;
/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 64;

/// The election that is meant; with nothing said, the only one that is not over, or the only one.
pub(crate) async fn any_election(
    client: &Client,
    said: Option<&str>,
) -> Result<CheckedElection, Failure> {
    meant(client, said, &[ElectionPhase::Draft, ElectionPhase::Open]).await
}

/// The election that is meant; with nothing said, the only open one, or the only one.
pub(crate) async fn election(
    client: &Client,
    said: Option<&str>,
) -> Result<CheckedElection, Failure> {
    meant(client, said, &[ElectionPhase::Open]).await
}

async fn meant(
    client: &Client,
    said: Option<&str>,
    preferred: &[ElectionPhase],
) -> Result<CheckedElection, Failure> {
    let Some(said) = said else {
        return unsaid(client, preferred).await;
    };
    if let Ok(id) = said.parse::<ElectionId>() {
        return Ok(client.election(id).await?);
    }
    let found = fitting(client, said).await?;
    let id = only(&found, said)?;
    let election = client.election(id).await?;
    // The list was the node's word.
    let lies = || {
        lies(
            client,
            &format!("the election that it lists for {said:?} has another id and title"),
        )
    };
    if fits(said, &election) {
        Ok(election)
    } else {
        Err(lies())
    }
}

/// What a node does that lists something else than there is.
pub(crate) fn lies(client: &Client, what: &str) -> Failure {
    Failure::Verification(format!(
        "the node on {} is at fault: {what}. Use another node",
        client.node().display()
    ))
}

/// An election that was checked, for somebody who is about to vote in it.
pub(crate) fn shown(election: &CheckedElection) -> String {
    let by_name = if election.record.election.names {
        "\nThe vote is by name: everybody can read your name beside your ballot, for ever."
    } else {
        ""
    };
    format!(
        "Election {:?}, {}{by_name}",
        clean(&election.record.election.title),
        election.record.id
    )
}

/// Whether somebody has named an election by its id, or so much of it that no other is made to
/// begin so.
pub(crate) fn is_id(said: &str, id: &ElectionId) -> bool {
    said.len() >= CERTAIN_DIGITS && id.to_string().starts_with(&said.to_lowercase())
}

/// The only election in a phase that is preferred, or the only one.
pub(crate) async fn unsaid(
    client: &Client,
    preferred: &[ElectionPhase],
) -> Result<CheckedElection, Failure> {
    let mut found = some(
        client,
        ElectionQuery {
            phases: preferred.to_vec(),
            ..ElectionQuery::default()
        },
    )
    .await?;
    if found.is_empty() {
        found = some(client, ElectionQuery::default()).await?;
    }
    match found.as_slice() {
        [one] => Ok(client.election(one.record.id).await?),
        [] => Err(Failure::NotFound(
            "there is no election; create one with `vote-cli election create`".into(),
        )),
        several => Err(ambiguous("several elections are possible", several)),
    }
}

/// The only one of them.
pub(crate) fn only(found: &[ElectionView], said: &str) -> Result<ElectionId, Failure> {
    match found {
        [one] => Ok(one.record.id),
        [] => Err(Failure::NotFound(format!(
            "no election's id begins with {said:?}, and none has it in its title; `vote-cli election list` shows them"
        ))),
        several => Err(ambiguous(
            &format!("several elections fit {said:?}"),
            several,
        )),
    }
}

fn ambiguous(what: &str, several: &[ElectionView]) -> Failure {
    let line = |view: &ElectionView| {
        format!(
            "\n  {:.16}  {} ({})",
            view.record.id,
            clean(&view.record.election.title),
            view.phase
        )
    };
    let shown: String = several.iter().take(SHOWN).map(line).collect();
    let more = if several.len() > SHOWN {
        "\n  and more"
    } else {
        ""
    };
    Failure::Usage(format!(
        "{what}; say which, by the beginning of its id:{shown}{more}"
    ))
}

/// A few elections that may be meant: those whose id begins so, and those of exactly that title; if
/// there is none of that title, those that have it in theirs. A few digits of an id are no more
/// certain than words: anybody can have an id made that begins with the year in a title.
pub(crate) async fn fitting(client: &Client, said: &str) -> Result<Vec<ElectionView>, Failure> {
    let mut found = begun(client, said).await?;
    if !found.is_empty() && said.len() >= CERTAIN_DIGITS {
        return Ok(found);
    }
    let (with, more) = with_title(client, said).await?;
    let exactly: Vec<_> = with
        .iter()
        .filter(|view| is_titled(said, view))
        .cloned()
        .collect();
    // Beyond those that were looked through, there may be another of that title.
    found.extend(if exactly.is_empty() || more {
        with
    } else {
        exactly
    });
    let mut seen = BTreeSet::new();
    found.retain(|view| seen.insert(view.record.id));
    Ok(found)
}

/// A few elections whose id begins so.
pub(crate) async fn begun(client: &Client, said: &str) -> Result<Vec<ElectionView>, Failure> {
    let digits = !said.is_empty()
        && said.len() <= ID_DIGITS
        && said.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !digits {
        return Ok(Vec::new());
    }
    some(
        client,
        ElectionQuery {
            id: said.to_lowercase(),
            ..ElectionQuery::default()
        },
    )
    .await
}

/// Elections of exactly that title, among the newest that have it in theirs.
pub(crate) async fn titled(client: &Client, said: &str) -> Result<Vec<ElectionView>, Failure> {
    let (mut with, _) = with_title(client, said).await?;
    with.retain(|view| is_titled(said, view));
    Ok(with)
}

/// The newest elections that have these words in their titles, and whether there are more.
async fn with_title(client: &Client, said: &str) -> Result<(Vec<ElectionView>, bool), Failure> {
    let title = normal(said);
    if title.is_empty() || title.len() > QUERY_BYTES_MAX {
        return Ok((Vec::new(), false));
    }
    let query = ElectionQuery {
        title,
        limit: LOOKED_THROUGH,
        ..ElectionQuery::default()
    };
    Ok(client.elections_page(query).await?)
}

/// One more than is shown, so that it is known whether there are more.
async fn some(client: &Client, query: ElectionQuery) -> Result<Vec<ElectionView>, Failure> {
    let limit = u16::try_from(SHOWN + 1).unwrap_or(u16::MAX);
    Ok(client
        .elections_page(ElectionQuery { limit, ..query })
        .await?
        .0)
}

fn is_titled(said: &str, view: &ElectionView) -> bool {
    normal(said).to_lowercase() == view.record.election.title.to_lowercase()
}

/// Whether an election is one that is meant by what was said.
fn fits(said: &str, election: &CheckedElection) -> bool {
    let (id, title) = (
        election.record.id.to_string(),
        election.record.election.title.to_lowercase(),
    );
    id.starts_with(&said.to_lowercase()) || title.contains(&normal(said).to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::Hash;

    #[test]
    fn election_is_named_by_its_id_if_enough_of_it_is_said() {
        let id = ElectionId::new(Hash::from_bytes([0xab; 32]));
        for (said, is) in [
            ("abababab", true),
            ("ABABABABab", true),
            ("ababab", false),
            ("Chair 2026", false),
            ("", false),
        ] {
            assert_eq!(is_id(said, &id), is, "{said}");
        }
        assert!(is_id(&id.to_string(), &id));
    }
}
