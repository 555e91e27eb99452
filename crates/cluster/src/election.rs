//! Elections for demos and measurements.

use anyhow::{Result, bail};
use vote_api::{Client, Outcome};
use vote_chain::{ChainId, Contest, Election, ElectionId, Payload, Rule, Transaction};
use vote_cluster::credential;

/// Creates an election that is open at once, and waits until it is final.
pub(crate) async fn create(
    client: &Client,
    chain: ChainId,
    title: &str,
    choices: Vec<String>,
    (rule, seats): (Rule, u16),
) -> Result<ElectionId> {
    let election = Election {
        title: title.to_owned(),
        description: String::new(),
        contest: Contest::Listed(choices),
        rule,
        seats,
        opens_at: None,
        closes_at: None,
        salt: 0,
    };
    let key = credential(u64::MAX, 0);
    let bytes = Transaction::sign(chain, &key, Payload::CreateElection(election)).to_bytes();
    let (results, mut outcomes) = client.submit(vec![bytes]).await?;
    if let Some(Err(refusal)) = results.first() {
        bail!("the election is refused: {}", refusal.reason);
    }
    match outcomes.next().await?.and_then(|outcomes| outcomes.into_iter().next()) {
        Some(Outcome::Final(inclusion)) => Ok(ElectionId::new(*inclusion.transaction.hash())),
        Some(Outcome::Refused(_, refusal)) => bail!("the election is refused: {}", refusal.reason),
        None => bail!("the node says nothing of the election"),
    }
}
