//! Single rows, each checked against its key: what does not fit is an error with words, never a row that is not there.

use redb::ReadTransaction;
use serde::{Serialize, de::DeserializeOwned};
use vote_chain::{Block, CommitCertificate, Hash, Height, Registry, SetChange, Tip, TransactionId, Whole, decode};

use crate::error::Fault;
use crate::table;

/// A block as it is stored, and what makes it final.
pub(crate) struct BlockRow {
    pub(crate) bytes: Vec<u8>,
    pub(crate) block: Whole<Block>,
    pub(crate) certificate: CommitCertificate,
}

/// Decodes the value of a row.
pub(crate) fn value<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    table: &str,
    key: impl std::fmt::Display,
) -> Result<T, Fault> {
    decode(bytes).map_err(|error| Fault::row(table, key, error))
}

fn meta<T: Serialize + DeserializeOwned>(read: &ReadTransaction, key: &str) -> Result<T, Fault> {
    let table = read.open_table(table::META)?;
    let row = table.get(key)?.ok_or_else(|| Fault::row("meta", key, "it is missing"))?;
    value(row.value(), "meta", key)
}

pub(crate) fn tip(read: &ReadTransaction) -> Result<Tip, Fault> {
    meta(read, "tip")
}

pub(crate) fn registry(read: &ReadTransaction) -> Result<Registry, Fault> {
    meta(read, "registry")
}

/// The block of a height, with the transactions of its header and a certificate for it; none above the last. (That the certificate's
/// signatures hold was checked before it was written; who reads it elsewhere checks them again.)
pub(crate) fn block(read: &ReadTransaction, height: Height) -> Result<Option<BlockRow>, Fault> {
    let block = read.open_table(table::BLOCKS)?.get(height.get())?;
    let certificate = read.open_table(table::CERTIFICATES)?.get(height.get())?;
    let (block, certificate) = match (block, certificate) {
        (Some(block), Some(certificate)) => (block, certificate),
        (None, None) if height == Height::GENESIS || height > tip(read)?.height => return Ok(None),
        (None, _) => return Err(Fault::row("blocks", height, "it is missing")),
        (_, None) => return Err(Fault::row("certificates", height, "it is missing")),
    };
    let bytes = block.value().to_vec();
    let block: Block = value(&bytes, "blocks", height)?;
    let certificate: CommitCertificate = value(certificate.value(), "certificates", height)?;
    if block.header.height != height {
        return Err(Fault::row("blocks", height, format!("it is block {}", block.header.height)));
    }
    let block = block.whole().map_err(|fault| Fault::row("blocks", height, fault))?;
    if certificate.height != height || certificate.block != block.header.hash() {
        return Err(Fault::row("certificates", height, "it is of another block"));
    }
    Ok(Some(BlockRow { bytes, block, certificate }))
}

/// Where the index says that a transaction is.
pub(crate) fn place(read: &ReadTransaction, id: &TransactionId) -> Result<Option<(Height, u32)>, Fault> {
    let row = read.open_table(table::TRANSACTIONS)?.get(*id.as_bytes())?;
    let Some((height, place)) = row.map(|row| row.value()) else { return Ok(None) };
    let height = decided(read, height, "transactions", id)?;
    Ok(Some((height, place)))
}

/// A height that a row names: of a block that there is.
pub(crate) fn decided(
    read: &ReadTransaction,
    height: u64,
    table: &str,
    key: impl std::fmt::Display,
) -> Result<Height, Fault> {
    let height = Height::new(height);
    let last = tip(read)?.height;
    if height == Height::GENESIS || height > last {
        return Err(Fault::row(table, key, format!("it names block {height}, but the last is {last}")));
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
pub(crate) fn set_change_at(read: &ReadTransaction, height: Height) -> Result<Option<SetChange>, Fault> {
    let row = read.open_table(table::SET_CHANGES)?.get(height.get())?;
    row.map(|bytes| set_change(height.get(), bytes.value())).transpose()
}

pub(crate) fn set_change(key: u64, bytes: &[u8]) -> Result<SetChange, Fault> {
    let change: SetChange = value(bytes, "set_changes", key)?;
    let (header, certificate) = (&change.header, &change.certificate);
    if header.height.get() != key {
        return Err(Fault::row("set_changes", key, format!("it is of block {}", header.height)));
    }
    if certificate.height != header.height || certificate.block != header.hash() {
        return Err(Fault::row("set_changes", key, "its certificate is of another block"));
    }
    if header.next_validators != change.validators.hash() {
        return Err(Fault::row("set_changes", key, "its validators are not those that its header hands over to"));
    }
    Ok(change)
}

/// An undecided block.
pub(crate) fn body(height: Height, hash: [u8; 32], bytes: &[u8]) -> Result<Whole<Block>, Fault> {
    let key = format!("({height}, {:.16})", Hash::from_bytes(hash));
    let block = Whole::read(bytes).map_err(|fault| Fault::row("bodies", &key, fault))?;
    let fits = block.header.height == height && *block.header.hash().as_bytes() == hash;
    if fits { Ok(block) } else { Err(Fault::row("bodies", &key, "it is another block")) }
}
