//! Following the blocks of a ledger from the genesis on: what a start and a check have in common.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::mpsc::{SyncSender, sync_channel};

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};
use vote_chain::{
    BlockFault, ChainId, CommitCertificate, Genesis, Height, Replay, State, ValidatorSet,
    VerifiedBlock, encode, verify_all,
};

use crate::batch;
use crate::error::Fault;
use crate::index::{Additions, Index};
use crate::rows::{self, BlockRow};
use crate::table;

/// Blocks are taken in parts of so many bytes and so many blocks, so that there is work for all
/// cores and memory for all of it.
const PART_BYTES_MAX: usize = 2 << 20;
const PART_BLOCKS_MAX: usize = 500;

/// How much is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// That the node has checked signatures before it has written a block. The last certificate is
    /// checked, and the blocks below it name one another by their hashes.
    Signatures,
    /// Nothing.
    Nothing,
}

/// What follows from the blocks.
pub(crate) struct Followed {
    pub(crate) state: State,
    pub(crate) index: Index,
    pub(crate) transactions: u64,
    /// Signatures that were checked, of transactions and of validators.
    pub(crate) signatures: u64,
}

type Part = Result<Vec<(VerifiedBlock, CommitCertificate)>, Fault>;

/// Follows all blocks. One thread reads ahead, so many others decode and verify; blocks are applied
/// here.
pub(crate) fn follow(
    read: &ReadTransaction,
    genesis: &Genesis,
    trust: Trust,
    threads: NonZeroUsize,
    mut progress: impl FnMut(Height, Height),
) -> Result<Followed, Fault> {
    let last = rows::last(read)?;
    let blocks = read.open_table(table::BLOCKS)?.len()?;
    if blocks != last.get() {
        let what = format!("blocks: there are {blocks}, but the last is {last}");
        return Err(Fault::Damaged(what));
    }
    let chain = genesis.chain();
    let mut follow = Follow {
        chain,
        trust,
        threads,
        last,
        replay: Replay::new(genesis.clone()),
        index: Index::default(),
        set_changes: BTreeMap::new(),
        transactions: 0,
        signatures: 0,
    };
    std::thread::scope(|scope| {
        let (sender, parts) = sync_channel(1);
        scope.spawn(move || read_ahead(read, &chain, trust, threads, &sender));
        for part in parts {
            // What does not hold may hold by rules that this program does not have.
            let height = part
                .and_then(|part| follow.part(part))
                .map_err(|fault| follow.newer().unwrap_or(fault))?;
            if let Some(height) = height {
                progress(height, last);
            }
        }
        Ok::<_, Fault>(())
    })?;
    follow.finish(read)
}

/// Reads all blocks in parts, until one does not hold or nobody listens any more.
fn read_ahead(
    read: &ReadTransaction,
    chain: &ChainId,
    trust: Trust,
    threads: NonZeroUsize,
    parts: &SyncSender<Part>,
) {
    let mut next = Height::new(1);
    loop {
        let (part, fault) = match rows_from(read, next) {
            Err(fault) => (Vec::new(), Some(fault)),
            Ok(rows) => {
                next = Height::new(next.get() + rows.len() as u64);
                let decoded = on_all_cores(threads, &rows, |rows| decode(rows, chain, trust));
                up_to_fault(decoded)
            }
        };
        let over = part.is_empty() || fault.is_some();
        // What holds comes first: by those blocks it is known whether the next one is damaged, or of
        // a protocol version that this program does not have.
        let unheard = parts.send(Ok(part)).is_err()
            || fault.is_some_and(|fault| parts.send(Err(fault)).is_err());
        if over || unheard {
            return;
        }
    }
}

/// The values before the first fault, and that one.
fn up_to_fault<T>(results: Vec<Result<T, Fault>>) -> (Vec<T>, Option<Fault>) {
    let mut good = Vec::with_capacity(results.len());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(fault) => return (good, Some(fault)),
        }
    }
    (good, None)
}

fn rows_from(read: &ReadTransaction, first: Height) -> Result<Vec<(Height, Vec<u8>)>, Fault> {
    let mut rows = Vec::new();
    let (mut expected, mut bytes) = (first, 0);
    for row in read.open_table(table::BLOCKS)?.range(first.get()..)? {
        let (height, value) = row?;
        if height.value() != expected.get() {
            return Err(Fault::row("blocks", expected, "it is missing"));
        }
        bytes += value.value().len();
        rows.push((expected, value.value().to_vec()));
        expected = expected.next();
        if rows.len() == PART_BLOCKS_MAX || bytes >= PART_BYTES_MAX {
            break;
        }
    }
    Ok(rows)
}

/// Decodes the rows of some blocks, up to the first that does not hold; signatures are verified
/// together.
fn decode(
    rows: &[(Height, Vec<u8>)],
    chain: &ChainId,
    trust: Trust,
) -> Vec<Result<(VerifiedBlock, CommitCertificate), Fault>> {
    let rows: Vec<_> = rows
        .iter()
        .map(|(height, bytes)| BlockRow::read(*height, bytes))
        .collect();
    let transactions = rows
        .iter()
        .flatten()
        .flat_map(|row| &row.block.transactions);
    let mut verdicts = match trust {
        Trust::Signatures => Vec::new(),
        Trust::Nothing => verify_all(chain, transactions.map(|bytes| bytes.as_slice())),
    }
    .into_iter();
    let one = |row: Result<BlockRow, Fault>| {
        let BlockRow {
            block, certificate, ..
        } = row?;
        let fault = |fault: BlockFault| Fault::row("blocks", block.header.height, fault);
        let block = match trust {
            Trust::Signatures => VerifiedBlock::read_final(chain, &block).map_err(fault)?,
            Trust::Nothing => {
                let verdicts = verdicts.by_ref().take(block.transactions.len());
                let one = |(index, verdict): (usize, Result<_, _>)| {
                    verdict.map_err(|wrong| {
                        fault(BlockFault::Transaction {
                            index,
                            fault: wrong,
                        })
                    })
                };
                let mut known = verdicts
                    .enumerate()
                    .map(one)
                    .collect::<Result<Vec<_>, _>>()?
                    .into_iter();
                VerifiedBlock::verify(chain, &block, |_| known.next()).map_err(fault)?
            }
        };
        Ok((block, certificate))
    };
    rows.into_iter().map(one).collect()
}

struct Follow {
    chain: ChainId,
    trust: Trust,
    threads: NonZeroUsize,
    last: Height,
    replay: Replay,
    index: Index,
    /// The rows that follow from the blocks.
    set_changes: BTreeMap<u64, Vec<u8>>,
    transactions: u64,
    signatures: u64,
}

/// A certificate with the set that must have signed it.
struct Certified {
    certificate: CommitCertificate,
    validators: ValidatorSet,
}

impl Follow {
    /// Applies the next blocks; gives the height of the last, if there are any.
    fn part(
        &mut self,
        blocks: Vec<(VerifiedBlock, CommitCertificate)>,
    ) -> Result<Option<Height>, Fault> {
        let mut certified = Vec::new();
        let mut last = None;
        for (block, certificate) in blocks {
            let at = block.header().height;
            last = Some(at);
            let validators = self.replay.validators().clone();
            self.apply(&block, &certificate)?;
            if self.trust == Trust::Nothing || at == self.last {
                certified.push(Certified {
                    certificate,
                    validators,
                });
            }
        }
        let verdicts = on_all_cores(self.threads, &certified, |part| {
            let certificates = part.iter().map(
                |Certified {
                     certificate,
                     validators,
                 }| {
                    (
                        certificate,
                        certificate.height,
                        certificate.block,
                        validators,
                    )
                },
            );
            CommitCertificate::verify_all(&self.chain, certificates)
        });
        for (Certified { certificate, .. }, verdict) in certified.iter().zip(verdicts) {
            verdict.map_err(|fault| {
                Fault::row(
                    "blocks",
                    certificate.height,
                    format!("its certificate: {fault}"),
                )
            })?;
            self.signatures += certificate.signatures.len() as u64;
        }
        Ok(last)
    }

    fn apply(
        &mut self,
        block: &VerifiedBlock,
        certificate: &CommitCertificate,
    ) -> Result<(), Fault> {
        let (header, count) = (block.header(), block.transactions().len() as u64);
        let applied = match self.trust {
            Trust::Signatures => self.replay.take(block),
            Trust::Nothing => self.replay.validate(block),
        };
        let changes = applied.map_err(|fault| Fault::row("blocks", header.height, fault))?;
        if let Some(change) = batch::set_change(header, certificate, &changes) {
            self.set_changes
                .insert(header.height.get(), encode(&change));
        }
        self.index.extend([Additions::of(block, &changes)]);
        self.transactions += count;
        if self.trust == Trust::Nothing {
            self.signatures += count;
        }
        Ok(())
    }

    /// Whether the next block goes by a protocol version that this program does not have.
    fn newer(&self) -> Option<Fault> {
        let (next, version) = (self.replay.height(), self.replay.version());
        (!version.is_known()).then_some(Fault::NewProtocol(next, version))
    }

    fn finish(self, read: &ReadTransaction) -> Result<Followed, Fault> {
        let table = read.open_table(table::SET_CHANGES)?;
        for (height, change) in &self.set_changes {
            let row = table
                .get(height)?
                .ok_or_else(|| Fault::row("set_changes", height, "it is missing"))?;
            if row.value() != change.as_slice() {
                return Err(Fault::row(
                    "set_changes",
                    height,
                    "it is not what follows from the blocks",
                ));
            }
        }
        for row in table.iter()? {
            let height = row?.0.value();
            if !self.set_changes.contains_key(&height) {
                return Err(Fault::row(
                    "set_changes",
                    height,
                    "nothing in the blocks leads to it",
                ));
            }
        }
        let state = self
            .replay
            .finish()
            .map_err(|fault| Fault::row("blocks", self.last, fault))?;
        Ok(Followed {
            state,
            index: self.index,
            transactions: self.transactions,
            signatures: self.signatures,
        })
    }
}

/// Does `work` on `items`, in parts of equal size on so many threads; the results are in the order
/// of the items.
fn on_all_cores<T: Sync, R: Send>(
    threads: NonZeroUsize,
    items: &[T],
    work: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let part = items.len().div_ceil(threads.get()).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> = items
            .chunks(part)
            .map(|part| scope.spawn(move || work(part)))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("verifying does not panic"))
            .collect()
    })
}
