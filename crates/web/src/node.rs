//! The node behind the page: one connection for all, made anew when the node is back.

use std::path::PathBuf;

use tokio::sync::Mutex;
use vote_api::{Answer, Client, Request};

use crate::fault::Fault;

/// The way to the node.
pub(crate) struct Node {
    socket: PathBuf,
    /// Held while a connection is made, so that a node that is back is not run into by all at once.
    client: Mutex<Option<Client>>,
}

impl Node {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket, client: Mutex::default() }
    }

    /// A client of the node; an error if it is gone.
    pub(crate) async fn client(&self) -> Result<Client, Fault> {
        let mut held = self.client.lock().await;
        if let Some(client) = held.as_ref().filter(|client| !client.is_gone()) {
            return Ok(client.clone());
        }
        let client = Client::connect(&self.socket).await.map_err(|_| Fault::gone())?;
        *held = Some(client.clone());
        Ok(client)
    }

    /// Asks for one answer.
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer, Fault> {
        Ok(self.client().await?.call(request).await?)
    }
}
