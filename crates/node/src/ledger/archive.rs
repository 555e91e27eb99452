//! Exporting an election.

use std::collections::VecDeque;
use std::sync::Arc;

use vote_api::{Answer, Refusal};
use vote_chain::{
    Archive, ArchivedBlock, ArchivedTransaction, Block, CommitCertificate, ElectionId, Height,
    Payload, TransactionId, parse,
};

use super::sets::some_steps;
use super::{Answered, Ledger, Question, misfit, unknown_election};

impl Ledger {
    /// The archive without its blocks, as it is at the last block.
    pub(super) fn archive(&self, id: ElectionId) -> Answered {
        self.state
            .election(&id)
            .ok_or_else(|| unknown_election(&id))?;
        let tip = self.state.tip().height;
        let (last, last_certificate) = self.load(tip)?;
        let heights = self.store.heights(&id);
        // The disk may be a block further than this state.
        let heights: VecDeque<_> = heights
            .into_iter()
            .filter(|height| *height <= tip)
            .collect();
        let steps = self.steps_through(heights.iter().copied().chain([tip]))?;
        let blocks = (!heights.is_empty()).then(|| Box::new(Question::ArchiveBlocks(id, heights)));
        let (set_changes, rest) = some_steps(Arc::new(steps), 0, blocks);
        let unproven = || misfit(format_args!("election {id:.16} is not among the elections"));
        let archive = Archive {
            genesis: self.state.genesis().as_ref().clone(),
            set_changes,
            election: id,
            last: last.header,
            last_certificate,
            state_proof: self.state.election_proof(&id).ok_or_else(unproven)?,
            blocks: Vec::new(),
        };
        Ok((Answer::ArchiveHead(Box::new(archive)), rest))
    }

    /// The next block of an archive.
    pub(super) fn archive_block(&self, id: ElectionId, mut heights: VecDeque<Height>) -> Answered {
        let height = heights
            .pop_front()
            .expect("asked for only while there are heights left");
        let (block, certificate) = self.load(height)?;
        let block = archived(block, certificate, &id)?;
        let rest = (!heights.is_empty()).then_some(Question::ArchiveBlocks(id, heights));
        Ok((Answer::ArchiveBlock(Box::new(block)), rest))
    }
}

/// A block with the transactions of one election; of the others it has the ids.
fn archived(
    block: Block,
    certificate: CommitCertificate,
    id: &ElectionId,
) -> Result<ArchivedBlock, Refusal> {
    let Block {
        header,
        transactions,
    } = block;
    let is_own = |bytes: &[u8]| match parse(bytes).map_err(misfit)?.content.payload {
        Payload::CreateElection(_) => Ok(TransactionId::of(bytes).hash() == id.hash()),
        payload => Ok(payload.election() == Some(*id)),
    };
    let entry = |bytes: serde_bytes::ByteBuf| {
        Ok(if is_own(&bytes)? {
            ArchivedTransaction::Own(bytes)
        } else {
            ArchivedTransaction::Other(TransactionId::of(&bytes))
        })
    };
    let transactions = transactions
        .into_iter()
        .map(entry)
        .collect::<Result<_, Refusal>>()?;
    Ok(ArchivedBlock {
        header,
        certificate,
        transactions,
    })
}
