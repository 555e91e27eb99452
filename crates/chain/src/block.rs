//! Blocks: a header that validators agree on, and the transactions that it commits to.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};
use siphasher::sip::SipHasher24;

use crate::encoding::{DecodeError, decode, encode};
use crate::hash::{BlockHash, ChainId, Hash, StateRoot, TransactionId, ValidatorSetHash};
use crate::key::{PublicKey, Purpose, SecretKey, Signature};
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

/// What a proposal calls a transaction: 64 bits of SipHash-2-4 (Aumasson and Bernstein, 2012) over
/// its id, under the block's hash as the key, so that two transactions which a block would call the
/// same cannot be looked for before its header is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShortId(u64);

impl ShortId {
    const BYTES: usize = 8;

    /// That of a transaction in a block.
    pub fn of(block: &BlockHash, id: &TransactionId) -> Self {
        let (key, _) = block
            .as_bytes()
            .split_first_chunk()
            .expect("a hash is longer than a key");
        Self(SipHasher24::new_with_key(key).hash(id.as_bytes()))
    }
}

/// A block that names its transactions by their short ids: what validators that have the
/// transactions need of it. Its proposer signs the short ids, since the header commits to whole
/// ones; so whoever passes it on can change nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactBlock {
    /// The header.
    pub header: Header,
    #[serde(with = "in_a_row")]
    ids: Vec<ShortId>,
    /// The proposer's, for the block's hash and the short ids.
    signature: Signature,
}

/// Short ids as one byte string, each with its highest byte first.
mod in_a_row {
    use serde::de::{Deserialize as _, Deserializer, Error as _};
    use serde::ser::Serializer;
    use serde_bytes::ByteBuf;

    use super::ShortId;

    pub(super) fn bytes(ids: &[ShortId]) -> Vec<u8> {
        ids.iter().flat_map(|id| id.0.to_be_bytes()).collect()
    }

    pub(super) fn serialize<S: Serializer>(ids: &[ShortId], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&bytes(ids))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<ShortId>, D::Error> {
        let bytes = ByteBuf::deserialize(d)?;
        let (ids, []) = bytes.as_chunks::<{ ShortId::BYTES }>() else {
            return Err(D::Error::invalid_length(bytes.len(), &"8 bytes for each"));
        };
        let id = |bytes: &[u8; ShortId::BYTES]| ShortId(u64::from_be_bytes(*bytes));
        Ok(ids.iter().map(id).collect())
    }
}

impl CompactBlock {
    /// The block of a header with these transactions, as `proposer` proposes it.
    pub fn new<'a>(
        header: Header,
        ids: impl Iterator<Item = &'a TransactionId>,
        proposer: &SecretKey,
    ) -> Self {
        let hash = header.hash();
        let ids: Vec<_> = ids.map(|id| ShortId::of(&hash, id)).collect();
        let content = short_ids_content(&hash, &ids);
        let signature = proposer.sign(Purpose::ShortIds, &header.chain, &content);
        Self {
            header,
            ids,
            signature,
        }
    }

    /// The short ids of its transactions, in order.
    pub fn ids(&self) -> &[ShortId] {
        &self.ids
    }

    /// Whether it is the block of that hash, with as many different short ids as its header says,
    /// and these are signed by `proposer`. If not, whoever has sent it is at fault.
    pub fn is_proposed(&self, hash: &BlockHash, proposer: &PublicKey) -> bool {
        // What costs least comes first.
        u32::try_from(self.ids.len()) == Ok(self.header.transactions_count)
            && self.header.hash() == *hash
            && self.are_different()
            && proposer.verifies(
                Purpose::ShortIds,
                &self.header.chain,
                &short_ids_content(hash, &self.ids),
                &self.signature,
            )
    }

    fn are_different(&self) -> bool {
        let mut sorted = self.ids.clone();
        sorted.sort_unstable();
        sorted.is_sorted_by(|a, b| a < b)
    }

    /// What tells this list of short ids from others that are signed for the same block.
    pub fn list(&self) -> Hash {
        Hash::of("short ids", &in_a_row::bytes(&self.ids))
    }

    /// Whether these are the transactions that the header commits to, in order.
    pub fn commits_to(&self, ids: &[TransactionId]) -> bool {
        is_of(&self.header, ids)
    }

    /// The block, from all of its transactions in order. None if the header commits to others.
    pub fn with(&self, transactions: Vec<Arc<Verified>>) -> Option<VerifiedBlock> {
        let ids: Vec<_> = transactions.iter().map(|one| one.id()).collect();
        self.commits_to(&ids)
            .then(|| VerifiedBlock::built(self.header.clone(), transactions))
    }
}

fn short_ids_content(hash: &BlockHash, ids: &[ShortId]) -> Vec<u8> {
    encode(&(hash, Bytes::new(&in_a_row::bytes(ids))))
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

    /// With short ids in the place of the transactions, as `proposer` proposes it.
    pub fn to_compact(&self, proposer: &SecretKey) -> CompactBlock {
        let ids: Vec<_> = self.transactions.iter().map(|one| one.id()).collect();
        CompactBlock::new(self.header.clone(), ids.iter(), proposer)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(first: u8) -> Hash {
        Hash::from_bytes(std::array::from_fn(|at| first + u8::try_from(at).unwrap()))
    }

    fn proposed(ids: &[TransactionId]) -> CompactBlock {
        let header = Header {
            version: Version::NEWEST,
            chain: ChainId::default(),
            height: Height::new(1),
            parent: BlockHash::default(),
            time: Timestamp::from_ms(1),
            proposer: key(1).public(),
            transactions_root: transactions_root(ids),
            transactions_count: u32::try_from(ids.len()).unwrap(),
            state_root: StateRoot::default(),
            validators: ValidatorSetHash::default(),
            next_validators: ValidatorSetHash::default(),
        };
        CompactBlock::new(header, ids.iter(), &key(2))
    }

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    #[test]
    fn short_id_is_siphash_of_the_id_under_the_block() {
        // Key 00 01 .. 0f, id 20 21 .. 3f; by another implementation, which gives the value that
        // the paper has in its appendix A.
        let id = TransactionId::new(hash(32));
        assert_eq!(
            ShortId::of(&BlockHash::new(hash(0)), &id).0,
            0xc46d_4c33_58ae_89a5
        );
    }

    #[test]
    fn who_passes_a_compact_block_on_can_change_nothing_of_it() {
        let ids = [1, 2, 3].map(|first| TransactionId::new(hash(first)));
        let block = proposed(&ids);
        let (hash, proposer) = (block.header.hash(), key(2).public());
        assert_eq!(decode::<CompactBlock>(&encode(&block)).as_ref(), Ok(&block));
        assert!(block.is_proposed(&hash, &proposer));
        assert!(!block.is_proposed(&BlockHash::default(), &proposer));
        assert!(!block.is_proposed(&hash, &key(1).public()));

        let mut swapped = block.clone();
        swapped.ids.swap(0, 1);
        assert!(!swapped.is_proposed(&hash, &proposer));

        let mut fewer = block;
        fewer.ids.pop();
        assert!(!fewer.is_proposed(&hash, &proposer));
    }

    #[test]
    fn compact_block_names_each_transaction_once_and_as_many_as_its_header_says() {
        let ids = [1, 2].map(|first| TransactionId::new(hash(first)));
        let header = proposed(&ids).header;
        for wrong in [
            vec![],
            vec![ids[0]],
            vec![ids[0], ids[0]],
            [ids, ids].concat(),
        ] {
            let block = CompactBlock::new(header.clone(), wrong.iter(), &key(2));
            assert!(
                !block.is_proposed(&header.hash(), &key(2).public()),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn part_of_a_short_id_is_not_read() {
        let block = proposed(&[TransactionId::new(hash(1))]);
        let bytes = encode(&block);
        let at = bytes
            .windows(8)
            .position(|part| part == block.ids[0].0.to_be_bytes());
        let at = at.unwrap();
        let mut cut = bytes.clone();
        cut.remove(at);
        cut[at - 1] -= 1; // the byte string's length
        assert!(decode::<CompactBlock>(&bytes).is_ok());
        assert!(decode::<CompactBlock>(&cut).is_err());
    }
}
