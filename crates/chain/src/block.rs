//! Blocks: a header that validators agree on, and the transactions that it commits to.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::encoding::{DecodeError, decode, encode};
use crate::hash::{BlockHash, ChainId, Hash, StateRoot, TransactionId, ValidatorSetHash};
use crate::key::PublicKey;
use crate::merkle::{MerkleTree, merkle_root};
use crate::time::{Height, Timestamp};
use crate::verify::{TransactionFault, Verified, read_final, verify_all};
use crate::version::Version;

/// What validators agree on; its hash is the block's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The protocol version that the block goes by. First, and a number, in every version: so
    /// whoever does not know the version can read that it does not.
    pub version: Version,
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
        self.transactions
            .iter()
            .map(|bytes| TransactionId::of(bytes))
            .collect()
    }

    /// The tree that inclusion proofs come from.
    pub fn tree(&self) -> MerkleTree {
        MerkleTree::new(self.ids().iter().map(|id| id.as_bytes().as_slice()))
    }

    /// Whether the transactions are those that the header commits to.
    pub fn is_whole(&self) -> bool {
        is_of(&self.header, &self.ids())
    }

    /// The same block, known to be whole.
    ///
    /// # Errors
    /// [`BlockFault::OtherTransactions`].
    pub fn whole(self) -> Result<Whole<Self>, BlockFault> {
        if self.is_whole() {
            Ok(Whole(self))
        } else {
            Err(BlockFault::OtherTransactions)
        }
    }
}

/// A block that names its transactions by their ids: what validators that have the transactions
/// need of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactBlock {
    /// The header.
    pub header: Header,
    /// The transactions' ids, in order.
    pub ids: Vec<TransactionId>,
}

impl CompactBlock {
    /// The same block, known to name the transactions that its header commits to.
    ///
    /// # Errors
    /// [`BlockFault::OtherTransactions`].
    pub fn whole(self) -> Result<Whole<Self>, BlockFault> {
        if is_of(&self.header, &self.ids) {
            Ok(Whole(self))
        } else {
            Err(BlockFault::OtherTransactions)
        }
    }
}

/// Why bytes are no block that any validator could accept.
///
/// A block is climbed to in steps, each with a type of its own, so that none can be left out:
/// bytes, [`Whole`], [`VerifiedBlock`]; and at last [`State::validate`](crate::State::validate),
/// with an error of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockFault {
    /// Not the canonical encoding of a block: whoever has sent it is at fault.
    #[error("not a block: {0}")]
    Decode(#[from] DecodeError),
    /// Nothing follows about the block of this header: whoever has sent it with these transactions
    /// is at fault.
    #[error("the transactions are not those of its header")]
    OtherTransactions,
    /// A transaction that no block may have: whoever has signed for the block is at fault.
    #[error("transaction {index} does not hold: {fault}")]
    Transaction {
        /// Its place.
        index: usize,
        /// Why.
        #[source]
        fault: TransactionFault,
    },
}

/// A block with the transactions that its header commits to, which are still to be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole<B>(B);

impl<B> Whole<B> {
    /// The block.
    pub fn into_inner(self) -> B {
        self.0
    }
}

impl<B> Deref for Whole<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.0
    }
}

impl Whole<Block> {
    /// Reads a block.
    ///
    /// # Errors
    /// [`BlockFault::Decode`] and [`BlockFault::OtherTransactions`].
    pub fn read(bytes: &[u8]) -> Result<Self, BlockFault> {
        decode::<Block>(bytes)?.whole()
    }
}

impl Whole<CompactBlock> {
    /// The block, from all of its transactions in order. None if these are others.
    pub fn with(&self, transactions: Vec<Arc<Verified>>) -> Option<VerifiedBlock> {
        let same = transactions
            .iter()
            .map(|transaction| transaction.id())
            .eq(self.ids.iter().copied());
        same.then(|| VerifiedBlock::built(self.header.clone(), transactions))
    }
}

/// Whether these are the transactions that a header commits to.
fn is_of(header: &Header, ids: &[TransactionId]) -> bool {
    u32::try_from(ids.len()) == Ok(header.transactions_count)
        && transactions_root(ids) == header.transactions_root
}

pub(crate) fn transactions_root(ids: &[TransactionId]) -> Hash {
    merkle_root(ids.iter().map(|id| id.as_bytes().as_slice()))
}

/// A whole block whose transactions are all verified; whether it fits the state is another
/// question.
#[derive(Clone, Debug)]
pub struct VerifiedBlock {
    header: Header,
    hash: BlockHash,
    transactions: Vec<Arc<Verified>>,
}

impl VerifiedBlock {
    /// A block built from verified transactions; the header must commit to them.
    pub(crate) fn built(header: Header, transactions: Vec<Arc<Verified>>) -> Self {
        Self {
            hash: header.hash(),
            header,
            transactions,
        }
    }

    /// Verifies the transactions of a block; `known` gives those that are verified already.
    ///
    /// # Errors
    /// [`BlockFault::Transaction`], of the first that does not hold.
    pub fn verify(
        chain: &ChainId,
        block: &Whole<Block>,
        mut known: impl FnMut(&[u8]) -> Option<Arc<Verified>>,
    ) -> Result<Self, BlockFault> {
        let known: Vec<_> = block
            .transactions
            .iter()
            .map(|bytes| known(bytes))
            .collect();
        let new = block
            .transactions
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none());
        let mut verdicts = verify_all(chain, new.map(|(bytes, _)| bytes.as_slice())).into_iter();
        let one = |(index, known): (usize, Option<_>)| match known {
            Some(transaction) => Ok(transaction),
            None => {
                let verdict = verdicts.next().expect("one for each that is not known");
                verdict.map_err(|fault| BlockFault::Transaction { index, fault })
            }
        };
        let transactions = known
            .into_iter()
            .enumerate()
            .map(one)
            .collect::<Result<_, _>>()?;
        Ok(Self::built(block.header.clone(), transactions))
    }

    /// Reads a block that is final, as it is stored: its signatures are not checked again. Whoever
    /// calls this holds the block's hash against a certificate.
    ///
    /// # Errors
    /// [`BlockFault::Transaction`], of the first that is none.
    pub fn read_final(chain: &ChainId, block: &Whole<Block>) -> Result<Self, BlockFault> {
        let one = |(index, bytes): (usize, &ByteBuf)| {
            read_final(chain, bytes)
                .map(Arc::new)
                .map_err(|fault| BlockFault::Transaction { index, fault })
        };
        let transactions = block
            .transactions
            .iter()
            .enumerate()
            .map(one)
            .collect::<Result<_, _>>()?;
        Ok(Self::built(block.header.clone(), transactions))
    }

    /// Reads a block and verifies it, all steps at once.
    ///
    /// # Errors
    /// [`BlockFault`].
    pub fn read(chain: &ChainId, bytes: &[u8]) -> Result<Self, BlockFault> {
        Self::verify(chain, &Whole::read(bytes)?, |_| None)
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
        CompactBlock {
            header: self.header.clone(),
            ids: ids.collect(),
        }
    }

    /// As it is stored.
    pub fn to_block(&self) -> Block {
        let transactions = self
            .transactions
            .iter()
            .map(|transaction| ByteBuf::from(transaction.bytes().to_vec()));
        Block {
            header: self.header.clone(),
            transactions: transactions.collect(),
        }
    }
}
