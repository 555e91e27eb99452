//! The node behind the page: one connection for all questions, made anew when the node is back.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::timeout;
use vote_api::{
    Answer, Answers, Attack, AttackReport, CallError, Chain, Client, Refusal, RefusalCode, Request,
};
use vote_chain::ChainId;

/// A node that has not answered after so long is taken for gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// So long an attack may take, which is offered to every peer.
const ATTACK_TIMEOUT: Duration = Duration::from_secs(60);

/// Questions on their way at one time: the answers to all of them fit the memory, and the queue
/// that the node keeps for an app.
const QUESTIONS_MAX: usize = 64;

/// The way to the node.
pub(crate) struct Node {
    socket: PathBuf,
    /// The one that was named, else known from the first word of a node on; whichever is behind the
    /// socket later.
    chain: Chain,
    /// Held while a connection is made, so that a node that is back is not run into by all at once.
    client: Mutex<Option<Client>>,
    room: Semaphore,
}

/// A question with many answers, on a connection of its own: it ends with this, which is the only
/// way to end it before its last answer.
pub(crate) struct Apart {
    _client: Client,
    answers: Answers,
}

impl Apart {
    /// The next answer, of those that follow one another at once.
    pub(crate) async fn next_soon(&mut self) -> Result<Option<Answer>, CallError> {
        in_time(ANSWER_TIMEOUT, self.answers.next()).await
    }
}

impl Node {
    /// Of this chain; if none is named, of the one that the node is on first.
    pub(crate) fn new(socket: PathBuf, chain: Option<ChainId>) -> Self {
        let chain = chain.map_or_else(Chain::default, Chain::pinned);
        Self {
            socket,
            chain,
            client: Mutex::default(),
            room: Semaphore::new(QUESTIONS_MAX),
        }
    }

    /// A client of the node; an error if it is gone.
    pub(crate) async fn client(&self) -> Result<Client, CallError> {
        let mut held = self.client.lock().await;
        if let Some(client) = held.as_ref().filter(|client| !client.is_gone()) {
            return Ok(client.clone());
        }
        let client = self.connect().await?;
        *held = Some(client.clone());
        Ok(client)
    }

    /// Waits until there is room for another question.
    async fn room(&self) -> Result<SemaphorePermit<'_>, CallError> {
        let busy = || {
            let reason = "too many pages ask the node at once; try again in a moment".to_owned();
            CallError::Refused(Refusal {
                code: RefusalCode::Busy,
                reason,
            })
        };
        let room = timeout(ANSWER_TIMEOUT, self.room.acquire())
            .await
            .map_err(|_| busy())?;
        Ok(room.expect("it is never closed"))
    }

    /// A connection of its own: it ends with the client, and all that is asked by it.
    pub(crate) async fn connect(&self) -> Result<Client, CallError> {
        let connect = async {
            let connected = Client::connect_to(&self.socket, self.chain.clone()).await;
            let client = connected.map_err(|_| CallError::Gone)?;
            // Names the node's chain: lists do not, and what is behind a socket can change.
            client.check_chain().await?;
            Ok(client)
        };
        in_time(ANSWER_TIMEOUT, connect).await
    }

    /// Asks something, once there is room for it.
    pub(crate) async fn ask<T, F>(&self, question: impl FnOnce(Client) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        self.ask_for(ANSWER_TIMEOUT, question).await
    }

    /// Has an attack staged.
    pub(crate) async fn attack(&self, attack: Attack) -> Result<AttackReport, CallError> {
        self.ask_for(ATTACK_TIMEOUT, |client| async move {
            client.attack(attack).await
        })
        .await
    }

    async fn ask_for<T, F>(
        &self,
        patience: Duration,
        question: impl FnOnce(Client) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let _room = self.room().await?;
        let client = self.client().await?;
        in_time(patience, question(client)).await
    }

    /// Asks for many answers, on a connection of its own.
    pub(crate) async fn apart(&self, request: Request) -> Result<Apart, CallError> {
        let client = self.connect().await?;
        let answers = client.stream(request).await?;
        Ok(Apart {
            _client: client,
            answers,
        })
    }
}

async fn in_time<T>(
    patience: Duration,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    timeout(patience, call)
        .await
        .unwrap_or(Err(CallError::Gone))
}
