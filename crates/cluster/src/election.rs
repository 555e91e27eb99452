//! Elections for demos and measurements.

use std::time::Duration;

use anyhow::{Context, Result};
use vote_api::Client;
use vote_chain::{
    ACT_VOTERS_MAX, Act, ChainId, Contest, Election, ElectionId, Organise, Payload, PublicKey, Transaction,
    TransactionId, Voter, Voters,
};
use vote_cluster::credential;

/// Who may vote in an election.
pub(crate) enum Roll {
    /// Any key.
    Anyone,
    /// These, one vote each.
    Voters(Vec<PublicKey>),
}

/// Creates an election, with its roll if it has one, and opens it; waits until that is final.
pub(crate) async fn create(
    client: &Client,
    chain: ChainId,
    title: &str,
    contest: Contest,
    roll: Roll,
) -> Result<ElectionId> {
    let voters = if matches!(roll, Roll::Anyone) { Voters::Anyone } else { Voters::Roll };
    let election = Election { voters, ..Election::simple(title.to_owned(), vec![contest], 0) };
    let created = decide(client, chain, vec![Payload::CreateElection(election)]).await?;
    let id = ElectionId::new(*created.hash());
    if let Roll::Voters(mut keys) = roll {
        keys.sort_unstable();
        let act = |act| Payload::Organise(Organise { election: id, act });
        let part = |keys: &[PublicKey]| act(Act::AddVoters(keys.iter().map(|key| Voter(*key, 1)).collect()));
        for some in keys.chunks(ACT_VOTERS_MAX * ACTS_AT_ONCE) {
            decide(client, chain, some.chunks(ACT_VOTERS_MAX).map(part).collect()).await?;
        }
        decide(client, chain, vec![act(Act::Open)]).await?;
    }
    Ok(id)
}

/// So long an act may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Acts in one call: as many as fit a frame.
const ACTS_AT_ONCE: usize = 16;

/// Has the organiser's transactions decided; gives the id of the last.
async fn decide(client: &Client, chain: ChainId, payloads: Vec<Payload>) -> Result<TransactionId> {
    let key = credential(u64::MAX, 0);
    let sign = |payload| Transaction::sign(chain, &key, payload).to_bytes();
    let signed: Vec<_> = payloads.into_iter().map(sign).collect();
    let last = signed.last().map(|bytes| TransactionId::of(bytes)).context("there is nothing to decide")?;
    let (_, done) = client.decide_all(signed, PATIENCE).await;
    done.context("the election is refused")?;
    Ok(last)
}
