//! Receipts: proof that a ballot is on the ledger, checkable with no node and no network.

use serde::{Deserialize, Serialize};

use crate::block::{Header, PROTOCOL_VERSION};
use crate::certificate::{CertificateFault, CommitCertificate};
use crate::genesis::{Genesis, InvalidGenesis};
use crate::hash::{BlockHash, ChainId, TransactionId};
use crate::merkle::InclusionProof;
use crate::time::Height;
use crate::validator::ValidatorSet;

/// One step in the chain of validator sets: a final header, and the set that it hands over to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetChange {
    /// The header whose `next_validators` differs from the set that signed it.
    pub header: Header,
    /// By the set before.
    pub certificate: CommitCertificate,
    /// The set from the next height on.
    pub validators: ValidatorSet,
}

/// Proof that a transaction is in a final block. What that is, its bytes say: see [`KeptReceipt`](crate::KeptReceipt).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where the chain begins; its hash must be the chain that you trust.
    pub genesis: Genesis,
    /// Every change of the validator set up to the block, in order.
    pub set_changes: Vec<SetChange>,
    /// The transaction.
    pub transaction: TransactionId,
    /// Its place in the block.
    pub proof: InclusionProof,
    /// The block's header.
    pub header: Header,
    /// What makes the block final.
    pub certificate: CommitCertificate,
}

/// Why a receipt proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReceipt {
    /// Made on another chain.
    #[error("it is from chain {0:.16}, not from the one asked for")]
    WrongChain(ChainId),
    /// No chain can begin like this.
    #[error("the genesis is not valid: {0}")]
    Genesis(#[from] InvalidGenesis),
    /// The header or a set change is of another chain than the genesis.
    #[error("the block at height {0} is of another chain")]
    ForeignBlock(u64),
    /// The sets do not follow from one another.
    #[error("the change of validators at height {0} does not follow from the one before")]
    SetChange(u64),
    /// It does not come after the one before it.
    #[error("the block at height {0} is not of this version, or does not come after what is below it")]
    Order(u64),
    /// Not signed by enough of those who had to.
    #[error("the certificate at height {height} is not valid: {fault}")]
    Certificate {
        /// Of the block.
        height: u64,
        /// What is wrong with it.
        #[source]
        fault: CertificateFault,
    },
    /// It names another set for the next height than the changes lead to, so that some of them are not shown.
    #[error("the block at height {0} names other validators for the next height than the changes of the set lead to")]
    NextSet(u64),
    /// The ballot is not in the block.
    #[error("the path does not lead from the ballot to the block")]
    Inclusion,
}

/// Checks the genesis and follows the changes of the set from there, all of them below the height `below`; gives the set that signs after
/// the last of them.
///
/// # Errors
/// [`InvalidReceipt`] names the first step that does not hold.
pub(crate) fn verify_set_changes(
    genesis: &Genesis,
    changes: &[SetChange],
    below: Height,
) -> Result<ValidatorSet, InvalidReceipt> {
    genesis.check()?;
    let chain = genesis.chain();
    let mut validators = genesis.validators.clone();
    let mut last = Height::GENESIS;
    for change in changes {
        if change.header.height >= below {
            return Err(InvalidReceipt::SetChange(change.header.height.get()));
        }
        change.verify(&chain, &validators, last)?;
        validators = change.validators.clone();
        last = change.header.height;
    }
    Ok(validators)
}

impl SetChange {
    /// Checks that it is a change of `validators`, signed by them, above the change at the height `last`.
    fn verify(&self, chain: &ChainId, validators: &ValidatorSet, last: Height) -> Result<(), InvalidReceipt> {
        let Self { header, certificate, validators: next } = self;
        let changes = next.hash() != validators.hash();
        if header.height <= last || !changes || header.next_validators != next.hash() {
            return Err(InvalidReceipt::SetChange(header.height.get()));
        }
        verify_header(chain, header, certificate, validators)
    }
}

/// Who signs the blocks of a chain: its genesis, and each change of the set that has been shown so far. An app that has one can tell
/// whether a block is final.
#[derive(Clone, Debug)]
pub struct SetHistory {
    genesis: Genesis,
    chain: ChainId,
    changes: Vec<SetChange>,
}

impl SetHistory {
    /// Begins with the genesis.
    ///
    /// # Errors
    /// [`InvalidReceipt::Genesis`] if no chain can begin so.
    pub fn new(genesis: Genesis) -> Result<Self, InvalidReceipt> {
        genesis.check()?;
        let chain = genesis.chain();
        Ok(Self { genesis, chain, changes: Vec::new() })
    }

    /// Where the chain begins.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The chain's id.
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// The height of the last change; that of the genesis if there was none.
    pub fn last_change(&self) -> Height {
        self.changes.last().map_or(Height::GENESIS, |change| change.header.height)
    }

    /// Takes the next changes, in order, each of which must follow from the one before it. Those before one that does not hold are kept.
    ///
    /// # Errors
    /// [`InvalidReceipt`] names the first that does not hold.
    pub fn extend(&mut self, changes: impl IntoIterator<Item = SetChange>) -> Result<(), InvalidReceipt> {
        for change in changes {
            let last = self.last_change();
            change.verify(&self.chain, self.set_at(change.header.height), last)?;
            let headers = self.changes.last().map(|last| &last.header).into_iter().chain([&change.header]);
            verify_order(&self.genesis, headers)?;
            self.changes.push(change);
        }
        Ok(())
    }

    /// The set that signs a height, as far as is known.
    pub fn set_at(&self, height: Height) -> &ValidatorSet {
        let before = self.changes.partition_point(|change| change.header.height < height);
        let change = before.checked_sub(1).map(|at| &self.changes[at]);
        change.map_or(&self.genesis.validators, |change| &change.validators)
    }

    /// Checks that a block is one of this chain, in order with the last change below it, and final. The set that the block names for the
    /// next height is the one that is known here: whoever leaves out a change cannot do with fewer signatures than it takes.
    ///
    /// # Errors
    /// [`InvalidReceipt`] if it is not. If the set has changed since the last change that is known here, it may be final all the same.
    pub fn check_final(&self, header: &Header, certificate: &CommitCertificate) -> Result<(), InvalidReceipt> {
        let before = self.changes.partition_point(|change| change.header.height < header.height);
        let below = before.checked_sub(1).map(|at| &self.changes[at].header);
        verify_order(&self.genesis, below.into_iter().chain([header]))?;
        verify_header(&self.chain, header, certificate, self.set_at(header.height))?;
        let next = self.set_at(header.height.next()).hash();
        if header.next_validators == next { Ok(()) } else { Err(InvalidReceipt::NextSet(header.height.get())) }
    }
}

/// Checks that headers, each of them final, are of one history: of this version, above the genesis and later, and the higher the later; with
/// one block at each height, which is the parent of the next.
///
/// # Errors
/// [`InvalidReceipt::Order`] names the lowest that does not fit.
pub(crate) fn verify_order<'a>(
    genesis: &Genesis,
    headers: impl IntoIterator<Item = &'a Header>,
) -> Result<(), InvalidReceipt> {
    let mut headers: Vec<_> = headers.into_iter().collect();
    headers.sort_by_key(|header| header.height);
    let (mut height, mut time, mut below) = (Height::GENESIS, genesis.time, None);
    for header in headers {
        let same = below == Some(header);
        let follows = header.height > height && header.time > time;
        let parent = || below.map_or_else(BlockHash::default, Header::hash);
        let child = height.next() != header.height || header.parent == parent();
        if header.version != PROTOCOL_VERSION || !(same || follows && child) {
            return Err(InvalidReceipt::Order(header.height.get()));
        }
        (height, time, below) = (header.height, header.time, Some(header));
    }
    Ok(())
}

fn verify_header(
    chain: &ChainId,
    header: &Header,
    certificate: &CommitCertificate,
    set: &ValidatorSet,
) -> Result<(), InvalidReceipt> {
    let height = header.height.get();
    if header.chain != *chain {
        return Err(InvalidReceipt::ForeignBlock(height));
    }
    let verdict = certificate.verify(chain, header.height, &header.hash(), set);
    verdict.map_err(|fault| InvalidReceipt::Certificate { height, fault })
}

impl Receipt {
    /// Checks the receipt against the chain that you trust; with none, against the one that it names itself.
    ///
    /// # Errors
    /// [`InvalidReceipt`] names the first thing that does not hold.
    pub fn check(&self, trusted: Option<&ChainId>) -> Result<(), InvalidReceipt> {
        let chain = self.genesis.chain();
        if trusted.is_some_and(|trusted| *trusted != chain) {
            return Err(InvalidReceipt::WrongChain(chain));
        }
        let validators = verify_set_changes(&self.genesis, &self.set_changes, self.header.height)?;
        verify_order(&self.genesis, self.set_changes.iter().map(|change| &change.header).chain([&self.header]))?;
        verify_header(&chain, &self.header, &self.certificate, &validators)?;
        self.header.check_inclusion(&self.transaction, &self.proof)
    }
}

impl Header {
    /// Checks that a transaction is in the block, at the place that the proof names.
    ///
    /// # Errors
    /// [`InvalidReceipt::Inclusion`] if the proof does not show it.
    pub fn check_inclusion(&self, transaction: &TransactionId, proof: &InclusionProof) -> Result<(), InvalidReceipt> {
        let root = proof.root(transaction.as_bytes());
        let whole = proof.size == self.transactions_count;
        if whole && root == Some(self.transactions_root) { Ok(()) } else { Err(InvalidReceipt::Inclusion) }
    }
}
