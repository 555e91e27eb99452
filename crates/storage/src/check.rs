//! Checking a whole ledger, with nothing believed.

use std::num::NonZeroUsize;

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableHandle};
use vote_chain::{Height, State, VerifiedBlock};

use crate::error::{Fault, StorageError};
use crate::follow::{Followed, Trust, follow};
use crate::rows;
use crate::store::{Loaded, Unread};
use crate::table;

/// What a ledger has that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The last block.
    pub height: Height,
    /// Transactions in all blocks.
    pub transactions: u64,
    /// Signatures that were checked, of transactions and of validators.
    pub signatures: u64,
    /// Rows of all tables, and entries of the open height.
    pub rows: u64,
}

impl Unread {
    /// Checks everything again: each block's parent, size, rules, state root, signatures and
    /// certificate, under the set that follows from the blocks before it; and that there is nothing
    /// else. Only evidence, and the engine's entries in the log of the open height, are taken as
    /// they are: they are in their writers' words.
    ///
    /// `threads` is how many check signatures at one time. `progress` hears how many blocks are
    /// done, and how many there are.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] names the first table and row that do not hold.
    pub fn check(
        mut self,
        threads: NonZeroUsize,
        progress: impl FnMut(Height, Height),
    ) -> Result<Checked, StorageError> {
        let (followed, rows) = self.read(|read, genesis| {
            let followed = follow(read, genesis, Trust::Nothing, threads, progress)?;
            Ok((followed, count_rows(read)?))
        })?;
        let Followed {
            state,
            transactions,
            signatures,
            ..
        } = followed;
        let height = state.tip().height;
        let Loaded { state, log, bodies } = self.open_height(state)?;
        self.read(|_, _| bodies.iter().try_for_each(|body| check_body(&state, body)))?;
        Ok(Checked {
            height,
            transactions,
            signatures,
            rows: rows + (log.len() + bodies.len()) as u64,
        })
    }
}

fn count_rows(read: &ReadTransaction) -> Result<u64, Fault> {
    let known = ["meta", "blocks", "set_changes", "evidence"];
    if let Some(other) = read
        .list_tables()?
        .find(|table| !known.contains(&table.name()))
    {
        return Err(Fault::Damaged(format!(
            "there is a table {:?} too",
            other.name()
        )));
    }
    let meta = read.open_table(table::META)?;
    for row in meta.iter()? {
        let key = row?.0;
        if !["format", "genesis"].contains(&key.value()) {
            return Err(Fault::row(
                "meta",
                key.value(),
                "nothing in the blocks leads to it",
            ));
        }
    }
    let evidence = read.open_table(table::EVIDENCE)?;
    for row in evidence.iter()? {
        let (height, place) = row?.0.value();
        rows::decided(read, height, "evidence", format!("({height}, {place})"))?;
    }
    let (blocks, set_changes) = (
        read.open_table(table::BLOCKS)?,
        read.open_table(table::SET_CHANGES)?,
    );
    Ok(meta.len()? + evidence.len()? + blocks.len()? + set_changes.len()?)
}

/// A block of the open height must fit the state.
fn check_body(state: &State, body: &vote_chain::Whole<vote_chain::Block>) -> Result<(), Fault> {
    let fault = |what: String| Fault::Damaged(format!("an undecided block of the log: {what}"));
    let verified = VerifiedBlock::verify(&state.chain(), body, |_| None)
        .map_err(|wrong| fault(wrong.to_string()))?;
    state
        .validate(&verified)
        .map_err(|wrong| fault(wrong.to_string()))?;
    Ok(())
}
