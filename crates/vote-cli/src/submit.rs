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
    wait(context, &mut outcomes, &[id], &mut BTreeSet::new()).await?;
    receipts::fetch(client, id).await
}

/// Signs and submits several, and waits for the end of each: which are final, in order, and the first reason why others are not.
pub(crate) async fn all(
    context: &Context,
    client: &Client,
    key: &SecretKey,
    payloads: Vec<Payload>,
) -> (Vec<bool>, Result<(), Failure>) {
    let (mut ids, mut finals) = (Vec::new(), BTreeSet::new());
    let done = async {
        let chain = genesis(client).await?.chain();
        let signed: Vec<_> =
            payloads.into_iter().map(|payload| Transaction::sign(chain, key, payload).to_bytes()).collect();
        ids = signed.iter().map(|bytes| TransactionId::of(bytes)).collect();
        let (results, mut outcomes) = client.submit(signed).await?;
        let (accepted, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        let accepted: Vec<_> = accepted.into_iter().flatten().collect();
        let waited = wait(context, &mut outcomes, &accepted, &mut finals).await;
        refused.into_iter().find_map(Result::err).map_or(waited, |refusal| Err(refusal.into()))
    };
    let done = done.await;
    (ids.iter().map(|id| finals.contains(id)).collect(), done)
}

/// Waits for the end of each of these, and collects those that are final; a failure if not all are.
async fn wait(
    context: &Context,
    outcomes: &mut Outcomes,
    ids: &[TransactionId],
    finals: &mut BTreeSet<TransactionId>,
) -> Result<(), Failure> {
    let mut left: BTreeSet<_> = ids.iter().copied().collect();
    let mut refused = None;
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
                Outcome::Final(inclusion) => {
                    left.remove(&inclusion.transaction);
                    finals.insert(inclusion.transaction);
                }
                Outcome::Refused(id, refusal) => {
                    left.remove(&id);
                    refused.get_or_insert(refusal);
                }
            }
        }
    }
    refused.map_or(Ok(()), |refusal| Err(refusal.into()))
}
