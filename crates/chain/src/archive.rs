//! Archives: one election with all that it takes to check it again, with no node and no network.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::block::{Header, transactions_root};
use crate::certificate::{CertificateFault, CommitCertificate};
use crate::election::ElectionPhase;
use crate::genesis::Genesis;
use crate::hash::{ChainId, ElectionId, TransactionId};
use crate::key::PublicKey;
use crate::merkle::InclusionProof;
use crate::receipt::{InvalidReceipt, SetChange, TrustedSets, check_version, verify_order};
use crate::state::{ElectionRecord, InvalidTransaction, LogEntry, State, election_leaf, sealed};
use crate::tally::{COUNT_STEPS_MAX, Tally};
use crate::time::Height;
use crate::transaction::Payload;
use crate::verify::{TransactionFault, Verified, verify_all};

/// About as many signatures are checked together, of one block or of several.
const SIGNATURES_AT_ONCE: usize = 4096;

/// One place of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArchivedTransaction {
    /// A transaction of the election.
    Own(ByteBuf),
    /// Another, by its id alone.
    Other(TransactionId),
}

/// A final block that has transactions of the election.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedBlock {
    /// Its header.
    pub header: Header,
    /// What makes it final.
    pub certificate: CommitCertificate,
    /// All its places, in order.
    pub transactions: Vec<ArchivedTransaction>,
}

/// An election from its creation to the block in which it was exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Where the chain begins.
    pub genesis: Genesis,
    /// The steps from the validators of the genesis to those of each block and of the last, in
    /// order.
    pub set_changes: Vec<SetChange>,
    /// The election.
    pub election: ElectionId,
    /// The last block of the chain at the time of the export.
    pub last: Header,
    /// What makes it final.
    pub last_certificate: CommitCertificate,
    /// The place of the election in the state after that block: with it, no ballot can have been
    /// left out.
    pub state_proof: InclusionProof,
    /// The blocks with the election's transactions, in order.
    pub blocks: Vec<ArchivedBlock>,
}

/// What an archive shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The chain.
    pub chain: ChainId,
    /// The election, as it is after the last block.
    pub record: ElectionRecord,
    /// Its phase then.
    pub phase: ElectionPhase,
    /// Its count, without contests while its rules withhold it.
    pub tally: Tally,
    /// What its organiser did to it, in order.
    pub log: Vec<LogEntry>,
    /// Who is on its roll, and with how many votes; empty if any key may vote.
    pub weights: BTreeMap<PublicKey, u32>,
    /// Signatures that were checked, those of validators included.
    pub signatures: u64,
}

/// Why an archive shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum InvalidArchive {
    /// Made on another chain.
    #[error("it is from chain {0:.16}, not from the one asked for")]
    WrongChain(ChainId),
    /// The validator sets do not follow from one another.
    #[error("{0}")]
    SetChanges(#[from] InvalidReceipt),
    /// A block out of order, of another chain, or above the last.
    #[error("block {0} is out of place")]
    Misplaced(Height),
    /// Not final.
    #[error("block {height} is not final: {fault}")]
    Certificate {
        /// Its height.
        height: Height,
        /// Why.
        #[source]
        fault: CertificateFault,
    },
    /// Its transactions are not those of its header.
    #[error("block {0} does not have the transactions that are given for it")]
    Transactions(Height),
    /// More than the genesis allows in a block.
    #[error("block {0} is larger than the genesis allows")]
    TooLarge(Height),
    /// A block that says nothing.
    #[error("block {0} has no transaction of the election")]
    Empty(Height),
    /// A transaction that no ledger takes.
    #[error("transaction {index} of block {height} is not valid: {fault}")]
    Transaction {
        /// The block's height.
        height: Height,
        /// Its place.
        index: usize,
        /// Why.
        #[source]
        fault: TransactionFault,
    },
    /// A transaction of something else.
    #[error("transaction {index} of block {height} is no transaction of this election")]
    Foreign {
        /// The block's height.
        height: Height,
        /// Its place.
        index: usize,
    },
    /// A transaction that breaks a rule of the election.
    #[error("transaction {index} of block {height} breaks a rule: {rule}")]
    Rule {
        /// The block's height.
        height: Height,
        /// Its place.
        index: usize,
        /// The rule.
        #[source]
        rule: InvalidTransaction,
    },
    /// No transaction creates the election.
    #[error("the election is not created in it")]
    NoElection,
    /// Ballots are missing, or more than there were.
    #[error("its ballots are not all those of the ledger: the state of block {0} says otherwise")]
    Incomplete(Height),
}

struct Auditor<'a> {
    archive: &'a Archive,
    chain: ChainId,
    sets: TrustedSets<'a>,
    /// A ledger that has nothing but this election.
    state: State,
    signatures: u64,
}

impl Archive {
    /// Checks everything again: every signature, every rule, that no ballot is missing, and the
    /// count. With `trusted`, the chain must be that one. `progress` hears how many blocks are
    /// done.
    ///
    /// # Errors
    /// [`InvalidArchive`] names the first thing that does not hold.
    pub fn verify(
        &self,
        trusted: Option<&ChainId>,
        mut progress: impl FnMut(usize),
    ) -> Result<Audit, InvalidArchive> {
        let chain = self.genesis.chain();
        if trusted.is_some_and(|trusted| *trusted != chain) {
            return Err(InvalidArchive::WrongChain(chain));
        }
        let sets = TrustedSets::follow(&self.genesis, &self.set_changes, self.last.height)?;
        verify_order(&self.genesis, self.headers())?;
        let signatures = self
            .set_changes
            .iter()
            .map(|change| change.certificate.signatures.len() as u64)
            .sum();
        let mut auditor = Auditor {
            archive: self,
            chain,
            sets,
            state: State::for_archive(self.genesis.clone()),
            signatures,
        };
        auditor.check_final(&self.last, &self.last_certificate)?;
        check_version(&self.last)?;
        let mut below = Height::GENESIS;
        let mut done = 0;
        let mut rest = self.blocks.as_slice();
        while !rest.is_empty() {
            let (part, others) = rest.split_at(part_of(rest));
            let bytes = part
                .iter()
                .flat_map(ArchivedBlock::own)
                .map(|(_, bytes)| bytes);
            let mut transactions = verify_all(&chain, bytes).into_iter();
            let mut certificates = auditor.certificates(part).into_iter();
            for block in part {
                let height = block.header.height;
                if height <= below || height > self.last.height {
                    return Err(InvalidArchive::Misplaced(height));
                }
                below = height;
                let verdict = certificates.next().expect("one for each block");
                auditor.note_final(&block.header, &block.certificate, verdict)?;
                auditor.check_block(block, &mut transactions)?;
                done += 1;
                progress(done);
            }
            rest = others;
        }
        auditor.finish()
    }

    fn headers(&self) -> impl Iterator<Item = &Header> {
        let changes = self.set_changes.iter().map(|change| &change.header);
        changes
            .chain(self.blocks.iter().map(|block| &block.header))
            .chain([&self.last])
    }
}

/// How many blocks of these, at least one, have as many signatures as are checked at once.
fn part_of(blocks: &[ArchivedBlock]) -> usize {
    let mut count = 0;
    let fits = |block: &&ArchivedBlock| {
        let fits = count < SIGNATURES_AT_ONCE;
        count += block.own().count() + block.certificate.signatures.len();
        fits
    };
    blocks.iter().take_while(fits).count()
}

impl ArchivedBlock {
    /// The transactions of the election itself, with their places in the block.
    fn own(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.transactions
            .iter()
            .enumerate()
            .filter_map(|(index, transaction)| match transaction {
                ArchivedTransaction::Own(bytes) => Some((index, bytes.as_slice())),
                ArchivedTransaction::Other(_) => None,
            })
    }
}

impl Auditor<'_> {
    fn check_final(
        &mut self,
        header: &Header,
        certificate: &CommitCertificate,
    ) -> Result<(), InvalidArchive> {
        let set = self.sets.of(header);
        let verdict =
            set.map(|set| certificate.verify(&self.chain, header.height, &header.hash(), set));
        self.note_final(header, certificate, verdict)
    }

    /// What is said of each block's certificate, or why the set that should have signed it is not
    /// known.
    fn certificates(
        &self,
        blocks: &[ArchivedBlock],
    ) -> Vec<Result<Result<(), CertificateFault>, InvalidReceipt>> {
        let sets: Vec<_> = blocks
            .iter()
            .map(|block| self.sets.of(&block.header))
            .collect();
        let known = blocks.iter().zip(&sets).filter_map(|(block, set)| {
            let set = set.as_ref().ok()?;
            Some((
                &block.certificate,
                block.header.height,
                block.header.hash(),
                *set,
            ))
        });
        let mut verdicts = CommitCertificate::verify_all(&self.chain, known).into_iter();
        let mut verdict = |_| verdicts.next().expect("one for each whose set is known");
        sets.into_iter().map(|set| set.map(&mut verdict)).collect()
    }

    fn note_final(
        &mut self,
        header: &Header,
        certificate: &CommitCertificate,
        verdict: Result<Result<(), CertificateFault>, InvalidReceipt>,
    ) -> Result<(), InvalidArchive> {
        let height = header.height;
        if header.chain != self.chain {
            return Err(InvalidArchive::Misplaced(height));
        }
        self.signatures += certificate.signatures.len() as u64;
        verdict?.map_err(|fault| InvalidArchive::Certificate { height, fault })
    }

    /// The verdicts are of the block's own transactions, and of those after them.
    fn check_block(
        &mut self,
        block: &ArchivedBlock,
        verdicts: &mut impl Iterator<Item = Result<Arc<Verified>, TransactionFault>>,
    ) -> Result<(), InvalidArchive> {
        let header = &block.header;
        let id = |transaction: &ArchivedTransaction| match transaction {
            ArchivedTransaction::Own(bytes) => TransactionId::of(bytes),
            ArchivedTransaction::Other(id) => *id,
        };
        let ids: Vec<_> = block.transactions.iter().map(id).collect();
        if u32::try_from(ids.len()) != Ok(header.transactions_count)
            || transactions_root(&ids) != header.transactions_root
        {
            return Err(InvalidArchive::Transactions(header.height));
        }
        let limits = &self.archive.genesis.limits;
        let own_bytes = |transaction: &ArchivedTransaction| match transaction {
            ArchivedTransaction::Own(bytes) => bytes.len() as u64,
            ArchivedTransaction::Other(_) => 0,
        };
        let bytes: u64 = block.transactions.iter().map(own_bytes).sum();
        if header.transactions_count > limits.block_transactions_max
            || bytes > limits.block_bytes_max.into()
        {
            return Err(InvalidArchive::TooLarge(header.height));
        }
        let mut own = Vec::new();
        for (index, _) in block.own() {
            let height = header.height;
            let verdict = verdicts.next().expect("one for each that has its bytes");
            let verified = verdict.map_err(|fault| InvalidArchive::Transaction {
                height,
                index,
                fault,
            })?;
            self.signatures += 1;
            if !self.is_own(&verified) {
                return Err(InvalidArchive::Foreign { height, index });
            }
            own.push((index, verified));
        }
        if own.is_empty() {
            return Err(InvalidArchive::Empty(header.height));
        }
        self.state.replay(header, &own)
    }

    fn is_own(&self, transaction: &Verified) -> bool {
        let election = self.archive.election;
        match &transaction.content().payload {
            Payload::CreateElection(_) => transaction.id().hash() == election.hash(),
            payload => payload.election() == Some(election),
        }
    }

    fn finish(self) -> Result<Audit, InvalidArchive> {
        let Self {
            archive,
            chain,
            sets: _,
            state,
            signatures,
        } = self;
        let id = archive.election;
        let record = state.election(&id).ok_or(InvalidArchive::NoElection)?;
        let root = archive.state_proof.root(&election_leaf(record));
        let sealed = root.map(|root| sealed(archive.state_proof.size.into(), &root));
        if sealed != Some(archive.last.state_root) {
            return Err(InvalidArchive::Incomplete(archive.last.height));
        }
        let (record, log) = (record.clone(), state.log(&id).cloned().collect());
        let (phase, weights) = (record.phase(archive.last.time), state.roll(&id));
        let tally = if record.election.withholds_count(phase) {
            Tally::without_contests(&record)
        } else {
            state
                .tally_within(&id, COUNT_STEPS_MAX)
                .ok_or(InvalidArchive::NoElection)?
        };
        Ok(Audit {
            chain,
            record,
            phase,
            tally,
            log,
            weights,
            signatures,
        })
    }
}

impl State {
    /// Applies some transactions of a final block, whatever the others are.
    fn replay(
        &mut self,
        header: &Header,
        own: &[(usize, Arc<Verified>)],
    ) -> Result<(), InvalidArchive> {
        let height = header.height;
        self.go_by(header.version);
        let mut execution = self.execute_at(height, header.time);
        for (index, transaction) in own {
            let index = *index;
            execution
                .apply(transaction)
                .map_err(|rule| InvalidArchive::Rule {
                    height,
                    index,
                    rule,
                })?;
        }
        let changes = execution.finish();
        self.commit(header, &changes);
        Ok(())
    }
}
