//! Blocks: a header that validators agree on, and the transactions that it commits to.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::encoding::encode;
use crate::hash::{BlockHash, ChainId, Hash, StateRoot, TransactionId, ValidatorSetHash};
use crate::key::PublicKey;
use crate::merkle::{MerkleTree, merkle_root};
use crate::time::{Height, Timestamp};
use crate::verify::{TransactionFault, Verified, verify};

/// The version of the protocol that this program speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// What validators agree on; its hash is the block's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`PROTOCOL_VERSION`].
    pub version: u16,
    /// The chain.
    pub chain: ChainId,
    /// The parent's height and one.
    pub height: Height,
    /// The block before; of the first block, all zeroes.
    pub parent: BlockHash,
    /// The proposer's clock; later than the parent's.
    pub time: Timestamp,
    /// Who built the block.
    pub proposer: PublicKey,
    /// Merkle root over the transactions' ids.
    pub transactions_root: Hash,
    /// How many transactions.
    pub transactions_count: u32,
    /// The state after this block.
    pub state_root: StateRoot,
    /// The set that signs this height.
    pub validators: ValidatorSetHash,
    /// The set that signs the next height.
    pub next_validators: ValidatorSetHash,
}

impl Header {
    /// The block's hash.
    pub fn hash(&self) -> BlockHash {
        BlockHash::new(Hash::of("block", &encode(self)))
    }
}

/// A block as it is stored, and as it travels once it is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// Canonical transactions, in the order in which they apply.
    pub transactions: Vec<ByteBuf>,
}

impl Block {
    /// The transactions' ids, in order.
    pub fn ids(&self) -> Vec<TransactionId> {
        self.transactions.iter().map(|bytes| TransactionId::of(bytes)).collect()
    }

    /// The tree that inclusion proofs come from.
    pub fn tree(&self) -> MerkleTree {
        MerkleTree::new(self.ids().iter().map(|id| id.as_bytes().as_slice()))
    }

    /// Whether the transactions are those that the header commits to. If not, nothing follows about the block:
    /// whoever sent it is at fault.
    pub fn is_whole(&self) -> bool {
        u32::try_from(self.transactions.len()) == Ok(self.header.transactions_count)
            && transactions_root(&self.ids()) == self.header.transactions_root
    }
}

/// A block that names its transactions by their ids: what validators that have the transactions need of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactBlock {
    /// The header.
    pub header: Header,
    /// The transactions' ids, in order.
    pub ids: Vec<TransactionId>,
}

impl CompactBlock {
    /// Whether the ids are those that the header commits to. If not, nothing follows about the block: whoever sent it is at fault.
    pub fn is_whole(&self) -> bool {
        u32::try_from(self.ids.len()) == Ok(self.header.transactions_count)
            && transactions_root(&self.ids) == self.header.transactions_root
    }

    /// The block, from all of its transactions in order; it must be one that [`Self::is_whole`]. None if these are others.
    pub fn with(&self, transactions: Vec<Arc<Verified>>) -> Option<VerifiedBlock> {
        let same = transactions.iter().map(|transaction| transaction.id()).eq(self.ids.iter().copied());
        same.then(|| VerifiedBlock::built(self.header.clone(), transactions))
    }
}

pub(crate) fn transactions_root(ids: &[TransactionId]) -> Hash {
    merkle_root(ids.iter().map(|id| id.as_bytes().as_slice()))
}

/// A whole block whose transactions are all verified; whether it fits the state is another question.
#[derive(Clone, Debug)]
pub struct VerifiedBlock {
    header: Header,
    hash: BlockHash,
    transactions: Vec<Arc<Verified>>,
}

impl VerifiedBlock {
    /// A block built from verified transactions; the header must commit to them.
    pub(crate) fn built(header: Header, transactions: Vec<Arc<Verified>>) -> Self {
        Self { hash: header.hash(), header, transactions }
    }

    /// Verifies the transactions of a block that [`Block::is_whole`]; `known` gives those that are verified already.
    ///
    /// # Errors
    /// The place of the first transaction at fault, and the fault: no validator may accept the block.
    pub fn verify(
        chain: &ChainId,
        block: &Block,
        mut known: impl FnMut(&[u8]) -> Option<Arc<Verified>>,
    ) -> Result<Self, (usize, TransactionFault)> {
        let one = |(at, bytes): (usize, &ByteBuf)| match known(bytes) {
            Some(transaction) => Ok(transaction),
            None => verify(chain, bytes).map(Arc::new).map_err(|fault| (at, fault)),
        };
        let transactions = block.transactions.iter().enumerate().map(one).collect::<Result<_, _>>()?;
        Ok(Self::built(block.header.clone(), transactions))
    }

    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The header's hash.
    pub const fn hash(&self) -> BlockHash {
        self.hash
    }

    /// The transactions, in order.
    pub fn transactions(&self) -> &[Arc<Verified>] {
        &self.transactions
    }

    /// With the ids in the place of the transactions, as it is proposed.
    pub fn to_compact(&self) -> CompactBlock {
        let ids = self.transactions.iter().map(|transaction| transaction.id());
        CompactBlock { header: self.header.clone(), ids: ids.collect() }
    }

    /// As it is stored.
    pub fn to_block(&self) -> Block {
        let transactions = self.transactions.iter().map(|transaction| ByteBuf::from(transaction.bytes().to_vec()));
        Block { header: self.header.clone(), transactions: transactions.collect() }
    }
}
