//! Elections for demos and measurements.

use std::time::Duration;

use anyhow::{Context, Result};
use vote_api::Client;
use vote_chain::{
    ACT_VOTERS_MAX, Act, Contest, Election, ElectionId, Organise, Payload, PublicKey, Transaction,
    TransactionId, Voter, Voters,
};
use vote_cluster::Cluster;

/// Who may vote in an election.
pub(crate) enum Roll {
    /// Any key.
    Anyone,
    /// These, one vote each.
    Voters(Vec<PublicKey>),
}

/// Creates an election, with its roll if it has one, and opens it; waits until that is final.
pub(crate) async fn create(
    cluster: &Cluster,
    title: &str,
    contest: Contest,
    roll: Roll,
) -> Result<ElectionId> {
    let client = cluster.client(0).await?;
    let voters = if matches!(roll, Roll::Anyone) {
        Voters::Anyone
    } else {
        Voters::Roll
    };
    let election = Election {
        voters,
        ..Election::simple(title.to_owned(), vec![contest], 0)
    };
    let created = decide(cluster, &client, vec![Payload::CreateElection(election)]).await?;
    let id = ElectionId::new(*created.hash());
    if let Roll::Voters(mut keys) = roll {
        keys.sort_unstable();
        let act = |act| Payload::Organise(Organise { election: id, act });
        let part = |keys: &[PublicKey]| {
            act(Act::AddVoters(
                keys.iter().map(|key| Voter(*key, 1)).collect(),
            ))
        };
        for some in keys.chunks(ACT_VOTERS_MAX * ACTS_AT_ONCE) {
            decide(
                cluster,
                &client,
                some.chunks(ACT_VOTERS_MAX).map(part).collect(),
            )
            .await?;
        }
        decide(cluster, &client, vec![act(Act::Open)]).await?;
    }
    Ok(id)
}

/// Creates an election in which any key may vote, by name.
pub(crate) async fn create_by_name(
    cluster: &Cluster,
    title: &str,
    contest: Contest,
) -> Result<ElectionId> {
    let client = cluster.client(0).await?;
    let election = Election {
        names: true,
        ..Election::simple(title.to_owned(), vec![contest], 0)
    };
    let created = decide(cluster, &client, vec![Payload::CreateElection(election)]).await?;
    Ok(ElectionId::new(*created.hash()))
}

/// Creates so many elections and closes them again.
pub(crate) async fn create_finished(
    cluster: &Cluster,
    contest: Contest,
    count: usize,
) -> Result<()> {
    let client = cluster.client(0).await?;
    for from in (0..count).step_by(ELECTIONS_AT_ONCE) {
        let creation = |salt: usize| {
            let title = format!("Election {salt}");
            let election = Election::simple(title, vec![contest.clone()], salt as u64);
            Transaction::sign(
                cluster.chain,
                &cluster.organiser,
                Payload::CreateElection(election),
            )
            .to_bytes()
        };
        let created: Vec<_> = (from..count.min(from + ELECTIONS_AT_ONCE))
            .map(creation)
            .collect();
        let close = |bytes: &Vec<u8>| {
            let election = ElectionId::new(*TransactionId::of(bytes).hash());
            Payload::Organise(Organise {
                election,
                act: Act::Close,
            })
        };
        let closing = created.iter().map(close).collect();
        client
            .decide_all(created, PATIENCE)
            .await
            .1
            .context("an election is refused")?;
        decide(cluster, &client, closing).await?;
    }
    Ok(())
}

/// Elections that are open at one time, while many are made: an organiser has at most 1,000.
const ELECTIONS_AT_ONCE: usize = 500;
/// So long an act may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Acts in one call: as many as fit a frame.
const ACTS_AT_ONCE: usize = 16;

/// Has the organiser's transactions decided; gives the id of the last.
async fn decide(
    cluster: &Cluster,
    client: &Client,
    payloads: Vec<Payload>,
) -> Result<TransactionId> {
    let sign = |payload| Transaction::sign(cluster.chain, &cluster.organiser, payload).to_bytes();
    let signed: Vec<_> = payloads.into_iter().map(sign).collect();
    let last = signed
        .last()
        .map(|bytes| TransactionId::of(bytes))
        .context("there is nothing to decide")?;
    let (_, done) = client.decide_all(signed, PATIENCE).await;
    done.context("the election is refused")?;
    Ok(last)
}
