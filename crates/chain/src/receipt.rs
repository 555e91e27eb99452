//! Receipts: proof that a ballot is on the ledger, checkable with no node and no network.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::block::Header;
use crate::certificate::{CertificateFault, CommitCertificate};
use crate::genesis::{Genesis, InvalidGenesis};
use crate::hash::{BlockHash, ChainId, TransactionId, ValidatorSetHash};
use crate::merkle::InclusionProof;
use crate::time::Height;
use crate::validator::ValidatorSet;
use crate::version::Version;

/// One step in the chain of validator sets: from the set that is trusted so far to the next one, or
/// to a later one.
///
/// Its header is either of the set so far, and hands over to `validators`: then that set has signed
/// it. Or the header is of `validators` already, and the step leaps over all the changes between:
/// then that set has signed it, and among the signers are members of the set so far with more than
/// two thirds of its power. So a lie takes as many false signatures of the set so far as without
/// leaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetChange {
    /// A final header that names the set.
    pub header: Header,
    /// By the set that the header names for its own height.
    pub certificate: CommitCertificate,
    /// The set that is trusted from then on.
    pub validators: ValidatorSet,
}

/// Proof that a transaction is in a final block. What that is, its bytes say: see
/// [`KeptReceipt`](crate::KeptReceipt).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where the chain begins; its hash must be the chain that you trust.
    pub genesis: Genesis,
    /// The steps from the validators of the genesis to those of the block, in order.
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
    #[error(
        "the block at height {0} does not come after what is below it, or goes by an older protocol version"
    )]
    Order(u64),
    /// A later program has made it.
    #[error(
        "the block at height {height} goes by protocol version {version}, which this program does not have: use a newer release"
    )]
    Version {
        /// Of the block.
        height: u64,
        /// Of the rules.
        version: Version,
    },
    /// Not signed by enough of those who had to.
    #[error("the certificate at height {height} is not valid: {fault}")]
    Certificate {
        /// Of the block.
        height: u64,
        /// What is wrong with it.
        #[source]
        fault: CertificateFault,
    },
    /// It leaps over changes, and too few of the set before it have signed it.
    #[error(
        "the change of validators at height {height} leaps too far: of the validators before it, {fault}"
    )]
    Leap {
        /// Of the block.
        height: u64,
        /// How many have signed.
        #[source]
        fault: CertificateFault,
    },
    /// It is signed by another set than the changes lead to, so that some of them are not shown.
    #[error(
        "the block at height {0} names other validators for its height than the changes of the set lead to"
    )]
    OtherSet(u64),
    /// The ballot is not in the block.
    #[error("the path does not lead from the ballot to the block")]
    Inclusion,
}

/// Sets that are trusted, each from a height on.
pub(crate) struct TrustedSets<'a>(Vec<(Height, ValidatorSetHash, &'a ValidatorSet)>);

impl<'a> TrustedSets<'a> {
    /// Checks the genesis and follows the changes of the set from there, none of them to validators
    /// of heights above `last`.
    ///
    /// # Errors
    /// [`InvalidReceipt`] names the first step that does not hold.
    pub(crate) fn follow(
        genesis: &'a Genesis,
        changes: &'a [SetChange],
        last: Height,
    ) -> Result<Self, InvalidReceipt> {
        genesis.check()?;
        let chain = genesis.chain();
        let mut since = Height::GENESIS.next();
        let mut set = &genesis.validators;
        let mut sets = vec![(since, set.hash(), set)];
        for change in changes {
            change.verify(&chain, set, since)?;
            since = change.since();
            if since > last {
                return Err(InvalidReceipt::SetChange(change.header.height.get()));
            }
            set = &change.validators;
            sets.push((since, set.hash(), set));
        }
        Ok(Self(sets))
    }

    /// The last of them.
    pub(crate) fn last(&self) -> &'a ValidatorSet {
        self.0
            .last()
            .expect("that of the genesis is always there")
            .2
    }

    /// The set that signs a block, if it is the one that the changes lead to.
    ///
    /// # Errors
    /// [`InvalidReceipt::OtherSet`] if the block names another.
    pub(crate) fn of(&self, header: &Header) -> Result<&'a ValidatorSet, InvalidReceipt> {
        let later = self
            .0
            .partition_point(|(since, ..)| *since <= header.height);
        let set = later.checked_sub(1).map(|at| &self.0[at]);
        let named = set.filter(|(_, hash, _)| *hash == header.validators);
        named
            .map(|(.., set)| *set)
            .ok_or_else(|| InvalidReceipt::OtherSet(header.height.get()))
    }
}

impl SetChange {
    /// The first height of which it shows that the set signs it.
    pub fn since(&self) -> Height {
        let leaps = self.header.validators == self.validators.hash();
        if leaps {
            self.header.height
        } else {
            self.header.height.next()
        }
    }

    /// Checks that it leads from the set `trusted`, which signs the height `since`, to a set of a
    /// later height.
    fn verify(
        &self,
        chain: &ChainId,
        trusted: &ValidatorSet,
        since: Height,
    ) -> Result<(), InvalidReceipt> {
        let Self {
            header,
            certificate,
            validators,
        } = self;
        let height = header.height.get();
        let before = trusted.hash();
        let after = validators.hash();
        let hands_over = header.validators == before && header.next_validators == after;
        let leaps = header.validators == after;
        if before == after
            || !(hands_over || leaps)
            || header.height < since
            || self.since() <= since
        {
            return Err(InvalidReceipt::SetChange(height));
        }
        if hands_over {
            return verify_header(chain, header, certificate, trusted);
        }
        verify_header(chain, header, certificate, validators)?;
        certificate
            .check_power(trusted)
            .map_err(|fault| InvalidReceipt::Leap { height, fault })
    }
}

/// Who signs the blocks of a chain, as far as it has been shown: its genesis, and sets that steps
/// have led to. An app that has one can tell whether a block is final.
#[derive(Clone, Debug)]
pub struct SetHistory {
    genesis: Genesis,
    chain: ChainId,
    /// By the first height of which it is known that the set signs it: the set, and the header that
    /// names it.
    sets: BTreeMap<Height, (Header, ValidatorSet)>,
}

impl SetHistory {
    /// Begins with the genesis.
    ///
    /// # Errors
    /// [`InvalidReceipt::Genesis`] if no chain can begin so.
    pub fn new(genesis: Genesis) -> Result<Self, InvalidReceipt> {
        genesis.check()?;
        let chain = genesis.chain();
        Ok(Self {
            genesis,
            chain,
            sets: BTreeMap::new(),
        })
    }

    /// Where the chain begins.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The chain's id.
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// The last height up to this one whose set is known; at least the first, which the set of the
    /// genesis signs.
    pub fn known_up_to(&self, height: Height) -> Height {
        self.below(height)
            .map_or_else(|| Height::GENESIS.next(), |(since, _)| *since)
    }

    /// Takes steps, in order, each of which must follow from the one before it, the first from the
    /// set that is known at `from`. Those before one that does not hold are kept. Gives the height
    /// that the next ones go on from.
    ///
    /// # Errors
    /// [`InvalidReceipt`] names the first that does not hold.
    pub fn extend(
        &mut self,
        from: Height,
        changes: impl IntoIterator<Item = SetChange>,
    ) -> Result<Height, InvalidReceipt> {
        let mut since = self.known_up_to(from);
        let mut trusted = self.set_at(from).clone();
        for change in changes {
            change.verify(&self.chain, &trusted, since)?;
            since = change.since();
            self.check_order(since, &change.header)?;
            trusted = change.validators.clone();
            self.sets.insert(since, (change.header, change.validators));
        }
        Ok(since)
    }

    /// The set that signs a height, as far as is known.
    pub fn set_at(&self, height: Height) -> &ValidatorSet {
        self.below(height)
            .map_or(&self.genesis.validators, |(_, (_, set))| set)
    }

    fn below(&self, height: Height) -> Option<(&Height, &(Header, ValidatorSet))> {
        self.sets.range(..=height).next_back()
    }

    /// Checks that a header is in order with those that name the sets below and above a height.
    fn check_order(&self, height: Height, header: &Header) -> Result<(), InvalidReceipt> {
        let below = self.below(height).map(|(_, (header, _))| header);
        let above = self
            .sets
            .range(height.next()..)
            .next()
            .map(|(_, (header, _))| header);
        verify_order(
            &self.genesis,
            below.into_iter().chain([header]).chain(above),
        )
    }

    /// Checks that a block is one of this chain, in order with what is known below and above it,
    /// and final under the set that it names, which is the last one known up to its height: whoever
    /// leaves out a step cannot do with fewer signatures than it takes.
    ///
    /// # Errors
    /// [`InvalidReceipt::OtherSet`] if it names another set: with the steps to that one it may be
    /// final. Others if it is not.
    pub fn check_final(
        &self,
        header: &Header,
        certificate: &CommitCertificate,
    ) -> Result<(), InvalidReceipt> {
        self.check_order(header.height, header)?;
        let set = self.set_at(header.height);
        if header.validators != set.hash() {
            return Err(InvalidReceipt::OtherSet(header.height.get()));
        }
        verify_header(&self.chain, header, certificate, set)
    }
}

/// Checks that headers, each of them final, are of one history: above the genesis and later, and
/// the higher the later, by the same protocol version or a later one; with one block at each
/// height, which is the parent of the next and names its validators.
///
/// # Errors
/// [`InvalidReceipt::Order`] names the lowest that does not fit.
pub(crate) fn verify_order<'a>(
    genesis: &Genesis,
    headers: impl IntoIterator<Item = &'a Header>,
) -> Result<(), InvalidReceipt> {
    let mut headers: Vec<_> = headers.into_iter().collect();
    headers.sort_by_key(|header| header.height);
    let (mut height, mut time) = (Height::GENESIS, genesis.time);
    let (mut version, mut below) = (genesis.version, None);
    for header in headers {
        let same = below == Some(header);
        let follows = header.height > height && header.time > time;
        let parent = || below.map_or_else(BlockHash::default, Header::hash);
        let set = || below.map_or_else(|| genesis.validators.hash(), |below| below.next_validators);
        let next_to = height.next() == header.height;
        let child = !next_to || header.parent == parent() && header.validators == set();
        if header.version < version || !(same || follows && child) {
            return Err(InvalidReceipt::Order(header.height.get()));
        }
        height = header.height;
        time = header.time;
        version = header.version;
        below = Some(header);
    }
    Ok(())
}

/// Checks that this program has the protocol version of a header, of which it is known that it is
/// final; and so that of all that come before it.
///
/// # Errors
/// [`InvalidReceipt::Version`].
pub(crate) fn check_version(header: &Header) -> Result<(), InvalidReceipt> {
    if header.version.is_known() {
        return Ok(());
    }
    Err(InvalidReceipt::Version {
        height: header.height.get(),
        version: header.version,
    })
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
    /// Checks the receipt against the chain that you trust; with none, against the one that it
    /// names itself.
    ///
    /// # Errors
    /// [`InvalidReceipt`] names the first thing that does not hold.
    pub fn check(&self, trusted: Option<&ChainId>) -> Result<(), InvalidReceipt> {
        let chain = self.genesis.chain();
        if trusted.is_some_and(|trusted| *trusted != chain) {
            return Err(InvalidReceipt::WrongChain(chain));
        }
        let sets = TrustedSets::follow(&self.genesis, &self.set_changes, self.header.height)?;
        verify_order(
            &self.genesis,
            self.set_changes
                .iter()
                .map(|change| &change.header)
                .chain([&self.header]),
        )?;
        verify_header(
            &chain,
            &self.header,
            &self.certificate,
            sets.of(&self.header)?,
        )?;
        check_version(&self.header)?;
        self.header.check_inclusion(&self.transaction, &self.proof)
    }
}

impl Header {
    /// Checks that a transaction is in the block, at the place that the proof names.
    ///
    /// # Errors
    /// [`InvalidReceipt::Inclusion`] if the proof does not show it.
    pub fn check_inclusion(
        &self,
        transaction: &TransactionId,
        proof: &InclusionProof,
    ) -> Result<(), InvalidReceipt> {
        let root = proof.root(transaction.as_bytes());
        let whole = proof.size == self.transactions_count;
        if whole && root == Some(self.transactions_root) {
            Ok(())
        } else {
            Err(InvalidReceipt::Inclusion)
        }
    }
}
