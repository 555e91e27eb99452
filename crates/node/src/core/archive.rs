//! Exporting an election.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use vote_api::{Answer, Refusal, RefusalCode};
use vote_chain::{
    Archive, ArchivedBlock, ArchivedTransaction, Block, CommitCertificate, ElectionId, Height, Payload, TransactionId,
    decode, parse,
};
use vote_storage::Store;

use super::Core;
use super::apps::refusal;
use super::questions::unknown_election;
use crate::socket::AppCall;

/// An app that does not take an answer for so long gets no more.
const PATIENCE: Duration = Duration::from_secs(30);

impl Core {
    /// Sends an election's archive, as it is at the last block, from a task of its own.
    pub(super) fn send_archive(&self, call: AppCall, id: ElectionId) {
        match self.archive_head(&id) {
            Err(refused) => drop(call.send(Answer::Failed(refused), true)),
            Ok((head, heights)) => {
                let store = self.store.clone();
                tokio::spawn(async move {
                    if let Err(reason) = send(&call, head, heights, id, store).await {
                        tracing::warn!(reason, "an archive was not sent to its end");
                        call.send(Answer::Failed(refusal(RefusalCode::Busy, reason)), true);
                    }
                });
            }
        }
    }

    fn archive_head(&self, id: &ElectionId) -> Result<(Archive, BTreeSet<Height>), Refusal> {
        let state = self.engine.state();
        state.election(id).ok_or_else(|| unknown_election(id))?;
        let broken = || refusal(RefusalCode::Busy, "the ledger cannot be read");
        let tip = state.tip().height;
        let (last, last_certificate) = self.load(tip).map(|(block, proof)| (block.header, proof)).ok_or_else(broken)?;
        let heights = self.store.heights(id).map_err(|_| broken())?;
        let archive = Archive {
            genesis: state.genesis().as_ref().clone(),
            set_changes: self.store.set_changes(tip).map_err(|_| broken())?,
            election: *id,
            last,
            last_certificate,
            state_proof: state.election_proof(id).ok_or_else(broken)?,
            blocks: Vec::new(),
        };
        Ok((archive, heights))
    }
}

async fn send(
    call: &AppCall,
    head: Archive,
    heights: BTreeSet<Height>,
    id: ElectionId,
    store: Arc<Store>,
) -> Result<(), String> {
    let mut left = heights.len();
    call.send_patiently(Answer::ArchiveHead(Box::new(head)), left == 0, PATIENCE).await?;
    for height in heights {
        left -= 1;
        let store = store.clone();
        let read = tokio::task::spawn_blocking(move || store.block(height).map_err(|error| error.to_string()));
        let (bytes, certificate) = read.await.map_err(|error| error.to_string())??.ok_or("a block is missing")?;
        let block = archived(&bytes, certificate, &id).ok_or("a block cannot be read")?;
        call.send_patiently(Answer::ArchiveBlock(Box::new(block)), left == 0, PATIENCE).await?;
    }
    Ok(())
}

fn archived(bytes: &[u8], certificate: CommitCertificate, id: &ElectionId) -> Option<ArchivedBlock> {
    let Block { header, transactions } = decode(bytes).ok()?;
    let own = |bytes: &[u8]| match parse(bytes).ok()?.content.payload {
        Payload::CreateElection(_) => Some(TransactionId::of(bytes).hash() == id.hash()),
        payload => Some(payload.election() == Some(*id)),
    };
    let entry = |bytes: serde_bytes::ByteBuf| {
        Some(if own(&bytes)? {
            ArchivedTransaction::Own(bytes)
        } else {
            ArchivedTransaction::Other(TransactionId::of(&bytes))
        })
    };
    let transactions = transactions.into_iter().map(entry).collect::<Option<_>>()?;
    Some(ArchivedBlock { header, certificate, transactions })
}
