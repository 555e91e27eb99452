//! Submitting a transaction and waiting until it is final.

use std::collections::BTreeSet;

use vote_api::{Answer, Client, Outcome, Outcomes, Request};
use vote_chain::{Genesis, Payload, Receipt, SecretKey, Transaction, TransactionId};

use crate::context::Context;
use crate::failure::Failure;
use crate::receipts;

/// Where the node's chain began.
pub(crate) async fn genesis(client: &Client) -> Result<Genesis, Failure> {
    match client.call(Request::Genesis).await? {
        Answer::Genesis(genesis) => Ok(*genesis),
        _ => Err(vote_api::CallError::Unexpected.into()),
    }
}

/// Signs and submits, waits until it is final, and gives the checked receipt.
pub(crate) async fn run(
    context: &Context,
    client: &Client,
    key: &SecretKey,
    payload: Payload,
) -> Result<Receipt, Failure> {
    let bytes = Transaction::sign(genesis(client).await?.chain(), key, payload).to_bytes();
    let id = TransactionId::of(&bytes);
    let (results, mut outcomes) = client.submit(vec![bytes]).await?;
    if let Some(Err(refusal)) = results.into_iter().next() {
        return Err(refusal.into());
    }
    wait(context, &mut outcomes, vec![id]).await?;
    receipts::fetch(client, id).await
}

/// Signs and submits several, and waits until each is final.
pub(crate) async fn all(
    context: &Context,
    client: &Client,
    key: &SecretKey,
    payloads: Vec<Payload>,
) -> Result<(), Failure> {
    let chain = genesis(client).await?.chain();
    let signed = payloads.into_iter().map(|payload| Transaction::sign(chain, key, payload).to_bytes()).collect();
    let (results, mut outcomes) = client.submit(signed).await?;
    let ids = results.into_iter().collect::<Result<_, _>>()?;
    wait(context, &mut outcomes, ids).await
}

/// Waits for the word that each of these is final.
async fn wait(context: &Context, outcomes: &mut Outcomes, ids: Vec<TransactionId>) -> Result<(), Failure> {
    let mut left: BTreeSet<_> = ids.into_iter().collect();
    while let Some(id) = left.first().copied() {
        let answer = tokio::time::timeout(context.timeout, outcomes.next()).await;
        let not_final = || {
            let seconds = context.timeout.as_secs();
            Failure::Unreachable(format!(
                "accepted, but not final after {seconds} s: too few validators may be connected (`vote-cli status`). Nothing is lost: \
                 the node goes on trying. Submit it again to wait for it; it counts once. Its id is {id}"
            ))
        };
        for outcome in answer.map_err(|_| not_final())??.ok_or_else(not_final)? {
            match outcome {
                Outcome::Final(inclusion) => drop(left.remove(&inclusion.transaction)),
                Outcome::Refused(_, refusal) => return Err(refusal.into()),
            }
        }
    }
    Ok(())
}
