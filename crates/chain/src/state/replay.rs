//! The state of a ledger, from its blocks.

use super::invalid::InvalidBlock;
use super::root::StateTree;
use super::{Changes, State};
use crate::block::VerifiedBlock;
use crate::genesis::Genesis;
use crate::time::Height;
use crate::validator::ValidatorSet;
use crate::version::Version;

/// Follows final blocks from the genesis on.
///
/// Each must fit the state before it, as by [`State::validate`]; but the state root, which follows
/// from the others, is compared after the last one only.
#[derive(Debug)]
pub struct Replay(State);

impl Replay {
    /// Where the chain begins.
    pub fn new(genesis: Genesis) -> Self {
        Self(State::new(genesis))
    }

    /// Takes the next block; gives what it changes, without the state root.
    ///
    /// # Errors
    /// [`InvalidBlock`] if it breaks a rule.
    pub fn take(&mut self, block: &VerifiedBlock) -> Result<Changes, InvalidBlock> {
        let changes = self.0.apply_all(block)?.into_changes();
        self.0.merge(block.header(), &changes);
        Ok(changes)
    }

    /// The same, with the state root compared.
    ///
    /// # Errors
    /// [`InvalidBlock`] if it breaks a rule.
    pub fn validate(&mut self, block: &VerifiedBlock) -> Result<Changes, InvalidBlock> {
        let changes = self.0.validate(block)?;
        self.0.commit(block.header(), &changes);
        Ok(changes)
    }

    /// The set that signs the next block.
    pub fn validators(&self) -> &ValidatorSet {
        self.0.validators()
    }

    /// The height of the next block.
    pub fn height(&self) -> Height {
        self.0.tip().height.next()
    }

    /// The protocol version of the next block; this program may not have it.
    pub fn version(&self) -> Version {
        self.0.version()
    }

    /// The state after the last block.
    ///
    /// # Errors
    /// [`InvalidBlock::StateRoot`] if it is not the one that the block says.
    pub fn finish(self) -> Result<State, InvalidBlock> {
        let mut state = self.0;
        state.tree = StateTree::new(&state.registry, state.elections.oldest());
        let (claimed, found) = (state.tip.state_root, state.tree.root());
        if claimed == found {
            Ok(state)
        } else {
            Err(InvalidBlock::StateRoot { claimed, found })
        }
    }
}
