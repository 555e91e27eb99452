//! Casting many ballots through all nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use vote_api::{CallError, Client, Fate, RefusalCode};
use vote_chain::{Ballot, ChainId, ElectionId, Payload, SecretKey, Selection, Transaction};

use crate::daemon::ClusterError;

/// Ballots in one call.
const CALL: usize = 250;
/// Calls in progress at one node.
const CALLS_AT_ONCE: usize = 8;
/// Between tries at a node that is busy.
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// How long a ballot may take from being accepted to being final.
const FINAL_TIMEOUT: Duration = Duration::from_secs(120);

/// A voter's credential made from a number; for trying things only.
pub fn credential(seed: u64, number: usize) -> SecretKey {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes[8..16].copy_from_slice(&u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes());
    SecretKey::from_seed(&bytes)
}

/// What has become of the ballots so far.
#[derive(Debug, Default)]
pub struct Progress {
    /// Final.
    pub finals: AtomicUsize,
    /// Refused for good.
    pub refused: AtomicUsize,
}

/// Casts ballots through several nodes at once.
#[derive(Clone)]
pub struct Caster {
    clients: Vec<Client>,
    /// How far it is.
    pub progress: Arc<Progress>,
}

impl Caster {
    /// Casts through these clients, each in its turn.
    pub fn new(clients: Vec<Client>) -> Self {
        Self {
            clients,
            progress: Arc::default(),
        }
    }

    /// A signed ballot of credential `key`.
    pub fn ballot(
        chain: ChainId,
        election: ElectionId,
        key: &SecretKey,
        selection: Selection,
    ) -> Vec<u8> {
        Transaction::sign(
            chain,
            key,
            Payload::CastBallot(Ballot::plain(election, selection)),
        )
        .to_bytes()
    }

    /// Casts all of them, and returns when each is final or refused. Nothing is tried for ever.
    ///
    /// # Errors
    /// [`ClusterError`] if a node goes away.
    pub async fn cast_all(&self, ballots: Vec<Vec<u8>>) -> Result<(), ClusterError> {
        let rooms: Vec<_> = self
            .clients
            .iter()
            .map(|_| Arc::new(Semaphore::new(CALLS_AT_ONCE)))
            .collect();
        let mut calls = tokio::task::JoinSet::new();
        let mut ballots = ballots.into_iter();
        for turn in 0.. {
            let call: Vec<_> = ballots.by_ref().take(CALL).collect();
            if call.is_empty() {
                break;
            }
            let at = turn % self.clients.len();
            let permit = rooms[at]
                .clone()
                .acquire_owned()
                .await
                .map_err(std::io::Error::other)?;
            let (client, progress) = (self.clients[at].clone(), self.progress.clone());
            calls.spawn(async move {
                let _permit = permit;
                cast(&client, call, &progress).await
            });
        }
        while let Some(done) = calls.join_next().await {
            done.map_err(std::io::Error::other)??;
        }
        Ok(())
    }
}

async fn cast(
    client: &Client,
    mut ballots: Vec<Vec<u8>>,
    progress: &Progress,
) -> Result<(), ClusterError> {
    while !ballots.is_empty() {
        let (fates, done) = client.decide_all(ballots.clone(), FINAL_TIMEOUT).await;
        match done {
            // Each has its fate.
            Ok(()) | Err(CallError::Refused(_)) => {}
            Err(CallError::NotFinal { seconds, .. }) => {
                return Err(ClusterError::Timeout {
                    seconds,
                    what: "for ballots to become final".into(),
                });
            }
            Err(error) => {
                return Err(ClusterError::Node {
                    node: "(casting)".into(),
                    reason: error.to_string(),
                });
            }
        }
        let mut again = Vec::new();
        for (bytes, fate) in ballots.into_iter().zip(fates) {
            match fate {
                Fate::Final(_) => drop(progress.finals.fetch_add(1, Ordering::Relaxed)),
                Fate::Refused(refusal) if refusal.code == RefusalCode::Busy => again.push(bytes),
                Fate::Refused(refusal) => refused(progress, &refusal.reason),
                Fate::Open => refused(progress, "the node refuses all of the call"),
            }
        }
        ballots = again;
        if !ballots.is_empty() {
            tokio::time::sleep(BUSY_PAUSE).await;
        }
    }
    Ok(())
}

fn refused(progress: &Progress, reason: &str) {
    if progress.refused.fetch_add(1, Ordering::Relaxed) < 5 {
        eprintln!("refused: {reason}");
    }
}
