//! Single rows, each checked against its key: what does not fit is an error with words, never a row
//! that is not there.

use redb::{ReadTransaction, ReadableTable};
use serde::{Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;
use vote_chain::{Block, CommitCertificate, Height, SetChange, Whole, decode};

use crate::error::Fault;
use crate::table;

/// A block as it is stored, and what makes it final.
pub(crate) struct BlockRow {
    pub(crate) bytes: Vec<u8>,
    pub(crate) block: Whole<Block>,
    pub(crate) certificate: CommitCertificate,
}

impl BlockRow {
    /// Reads the row of a height: its block has the transactions of its header, and the certificate
    /// names it. (That the certificate's signatures hold was checked before it was written; who
    /// reads it elsewhere checks them again.)
    pub(crate) fn read(height: Height, bytes: &[u8]) -> Result<Self, Fault> {
        let (block, certificate): (ByteBuf, CommitCertificate) = value(bytes, "blocks", height)?;
        let bytes = block.into_vec();
        let block = Whole::read(&bytes).map_err(|fault| Fault::row("blocks", height, fault))?;
        if block.header.height != height {
            return Err(Fault::row(
                "blocks",
                height,
                format!("it is block {}", block.header.height),
            ));
        }
        if certificate.height != height || certificate.block != block.header.hash() {
            return Err(Fault::row(
                "blocks",
                height,
                "its certificate is of another block",
            ));
        }
        Ok(Self {
            bytes,
            block,
            certificate,
        })
    }
}

/// Decodes the value of a row.
pub(crate) fn value<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    table: &str,
    key: impl std::fmt::Display,
) -> Result<T, Fault> {
    decode(bytes).map_err(|error| Fault::row(table, key, error))
}

/// The height of the last block.
pub(crate) fn last(read: &ReadTransaction) -> Result<Height, Fault> {
    let blocks = read.open_table(table::BLOCKS)?;
    let last = blocks.last()?;
    Ok(last.map_or(Height::GENESIS, |(height, _)| Height::new(height.value())))
}

/// The block of a height; none above the last.
pub(crate) fn block(read: &ReadTransaction, height: Height) -> Result<Option<BlockRow>, Fault> {
    if height == Height::GENESIS {
        return Ok(None);
    }
    match read.open_table(table::BLOCKS)?.get(height.get())? {
        Some(row) => BlockRow::read(height, row.value()).map(Some),
        None if height > last(read)? => Ok(None),
        None => Err(Fault::row("blocks", height, "it is missing")),
    }
}

/// A height that a row names: of a block that there is.
pub(crate) fn decided(
    read: &ReadTransaction,
    height: u64,
    table: &str,
    key: impl std::fmt::Display,
) -> Result<Height, Fault> {
    let height = Height::new(height);
    let last = last(read)?;
    if height == Height::GENESIS || height > last {
        return Err(Fault::row(
            table,
            key,
            format!("it names block {height}, but the last is {last}"),
        ));
    }
    Ok(height)
}

/// The changes of the validator set in blocks below `before`, in order.
pub(crate) fn set_changes(read: &ReadTransaction, before: Height) -> Result<Vec<SetChange>, Fault> {
    let mut changes = Vec::new();
    for row in read.open_table(table::SET_CHANGES)?.range(..before.get())? {
        let (key, bytes) = row?;
        changes.push(set_change(key.value(), bytes.value())?);
    }
    Ok(changes)
}

/// One of them; none if the set does not change there.
pub(crate) fn set_change_at(
    read: &ReadTransaction,
    height: Height,
) -> Result<Option<SetChange>, Fault> {
    let row = read.open_table(table::SET_CHANGES)?.get(height.get())?;
    row.map(|bytes| set_change(height.get(), bytes.value()))
        .transpose()
}

pub(crate) fn set_change(key: u64, bytes: &[u8]) -> Result<SetChange, Fault> {
    let change: SetChange = value(bytes, "set_changes", key)?;
    let (header, certificate) = (&change.header, &change.certificate);
    if header.height.get() != key {
        return Err(Fault::row(
            "set_changes",
            key,
            format!("it is of block {}", header.height),
        ));
    }
    if certificate.height != header.height || certificate.block != header.hash() {
        return Err(Fault::row(
            "set_changes",
            key,
            "its certificate is of another block",
        ));
    }
    if header.next_validators != change.validators.hash() {
        return Err(Fault::row(
            "set_changes",
            key,
            "its validators are not those that its header hands over to",
        ));
    }
    Ok(change)
}

/// Every equivocation, with the height at which it was seen.
pub(crate) fn evidence(read: &ReadTransaction) -> Result<Vec<(Height, Vec<u8>)>, Fault> {
    let mut evidence = Vec::new();
    for row in read.open_table(table::EVIDENCE)?.iter()? {
        let (key, proof) = row?;
        let (height, place) = key.value();
        let height = decided(read, height, "evidence", format!("({height}, {place})"))?;
        evidence.push((height, proof.value().to_vec()));
    }
    Ok(evidence)
}
