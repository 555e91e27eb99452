//! Transactions on their way to being final: each is with the node once, however often a page sends
//! it and however many wait for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use vote_api::CallError;
use vote_chain::{Height, TransactionId};

use crate::fault::Fault;
use crate::node::Node;

/// Transactions on their way at one time.
const WAITING_MAX: usize = 768;

/// So long one may be on its way; whoever still waits is told that nothing is known, and sends it
/// again.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// What has become of a transaction: the block that it is final in, or why that is not known.
type Fate = Result<Height, CallError>;

/// All that are on their way.
#[derive(Clone)]
pub(crate) struct Submissions {
    node: Arc<Node>,
    // Touched for an instant when a transaction comes or has its fate.
    waiting: Arc<Mutex<BTreeMap<TransactionId, watch::Receiver<Option<Fate>>>>>,
}

impl Submissions {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            waiting: Arc::default(),
        }
    }

    /// Sends a transaction to the node, unless it is there already, and waits for its fate. Whoever
    /// stops waiting does not take it back.
    pub(crate) async fn submit(&self, id: TransactionId, bytes: Vec<u8>) -> Result<Height, Fault> {
        let mut receiver = self.on_its_way(id, bytes)?;
        let fate = receiver
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|fate| fate.clone());
        match fate.unwrap_or(Err(CallError::Gone)) {
            // After so long it is as if nobody had answered: it is sent again.
            Err(CallError::NotFinal { .. }) => Err(Fault::gone()),
            fate => Ok(fate?),
        }
    }

    fn on_its_way(
        &self,
        id: TransactionId,
        bytes: Vec<u8>,
    ) -> Result<watch::Receiver<Option<Fate>>, Fault> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receiver) = waiting.get(&id) {
            return Ok(receiver.clone());
        }
        if waiting.len() >= WAITING_MAX {
            return Err(Fault::busy(format!(
                "{WAITING_MAX} transactions wait to be final already; try again later"
            )));
        }
        let (sender, receiver) = watch::channel(None);
        waiting.insert(id, receiver.clone());
        let this = self.clone();
        tokio::spawn(async move {
            let fate = this.carry(bytes).await;
            this.waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&id);
            sender.send_replace(Some(fate));
        });
        Ok(receiver)
    }

    async fn carry(&self, bytes: Vec<u8>) -> Fate {
        let inclusion = self.node.client().await?.decide(bytes, WAIT_MAX).await?;
        Ok(inclusion.block.0.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::response::IntoResponse;
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn so_many_transactions_are_on_their_way_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("node.sock");
        // A node that takes everything, and never answers.
        let _silent = UnixListener::bind(&socket).unwrap();
        let submissions = Submissions::new(Arc::new(Node::new(socket, None)));
        let send = |number: usize| {
            let bytes = number.to_be_bytes().to_vec();
            submissions.on_its_way(TransactionId::of(&bytes), bytes)
        };
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|number| send(number).unwrap())
            .collect();
        let refused = send(WAITING_MAX).unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(send(0).is_ok() && waiting.iter().all(|fate| fate.borrow().is_none()));
    }
}
