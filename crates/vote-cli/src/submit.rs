//! Signing something and waiting until it is final.

use vote_api::{Client, Fate, Inclusion};
use vote_chain::{Payload, SecretKey};

use crate::context::Context;
use crate::failure::Failure;

/// Signs and submits, and waits until it is final.
pub(crate) async fn run(
    context: &Context,
    client: &Client,
    key: &SecretKey,
    payload: Payload,
) -> Result<Inclusion, Failure> {
    context.remember(client).await?;
    let bytes = client.sign(key, payload).await?;
    Ok(client.decide(bytes, context.timeout).await?)
}

/// Signs and submits several, and waits for the end of each: which are final, in order, and the
/// first reason why others are not.
pub(crate) async fn all(
    context: &Context,
    client: &Client,
    key: &SecretKey,
    payloads: Vec<Payload>,
) -> (Vec<bool>, Result<(), Failure>) {
    let signed = async {
        context.remember(client).await?;
        let mut signed = Vec::new();
        for payload in payloads {
            signed.push(client.sign(key, payload).await?);
        }
        Ok::<_, Failure>(signed)
    };
    match signed.await {
        Err(failure) => (Vec::new(), Err(failure)),
        Ok(signed) => {
            let (fates, done) = client.decide_all(signed, context.timeout).await;
            let finals = fates
                .iter()
                .map(|fate| matches!(fate, Fate::Final(_)))
                .collect();
            (finals, done.map_err(Failure::from))
        }
    }
}
