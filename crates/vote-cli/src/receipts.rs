//! Receipt files.

use std::path::{Path, PathBuf};

use vote_chain::{KeptReceipt, ReceiptFile, TransactionId, encode};

use crate::context::Context;
use crate::credential::write_new;
use crate::failure::Failure;
use crate::files;

/// A receipt is some kilobytes, with ballot and election at most 130 more; a file of more is
/// something else.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// Keeps a receipt. One of the same ballot that is there already will do, if it holds the ballot
/// too.
pub(crate) fn store(context: &Context, kept: &KeptReceipt) -> Result<PathBuf, Failure> {
    let id = kept.receipt.transaction;
    let path = context
        .data_dir
        .join("receipts")
        .join(format!("{id:.16}.receipt"));
    if !path.exists() {
        write_new(&path, &encode(kept))?;
    } else if !is_kept(&path, id) {
        files::replace(&path, &encode(kept), files::PRIVATE)?;
    }
    Ok(path)
}

/// Whether a file holds a receipt of a ballot, and the ballot, and all of it fits together.
fn is_kept(path: &Path, id: TransactionId) -> bool {
    match read(path) {
        Ok(ReceiptFile::Kept(kept)) => kept.receipt.transaction == id && kept.check(None).is_ok(),
        Ok(ReceiptFile::Bare(_)) | Err(_) => false,
    }
}

/// Reads a receipt file, unchecked.
pub(crate) fn read(path: &Path) -> Result<ReceiptFile, Failure> {
    let shown = path.display();
    let bytes = files::read(path, FILE_BYTES_MAX);
    let bytes =
        bytes.map_err(|error| Failure::NotFound(format!("no receipt at {shown}: {error}")))?;
    let bytes = bytes
        .ok_or_else(|| Failure::Verification(format!("{shown} is no receipt: it is too large")))?;
    ReceiptFile::decode(&bytes)
        .map_err(|error| Failure::Verification(format!("{shown} is no receipt: {error}")))
}
