//! Receipt files.

use std::path::{Path, PathBuf};

use vote_api::{Answer, Client, Request};
use vote_chain::{Receipt, TransactionId, decode, encode};

use crate::context::Context;
use crate::credential::write_new;
use crate::failure::Failure;
use crate::files;

/// A receipt is a few kilobytes; a file of more is something else.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// Asks the node for a receipt, and checks it before it is believed.
pub(crate) async fn fetch(client: &Client, id: TransactionId) -> Result<Receipt, Failure> {
    match client.call(Request::Receipt(id)).await? {
        Answer::Receipt(receipt) => {
            receipt
                .check(None)
                .map_err(|fault| Failure::Verification(format!("the node's receipt does not hold: {fault}")))?;
            if receipt.transaction == id {
                Ok(*receipt)
            } else {
                Err(Failure::Verification("the node's receipt is for another ballot".into()))
            }
        }
        _ => Err(vote_api::CallError::Unexpected.into()),
    }
}

/// Keeps a receipt; one of the same ballot that is there already will do.
pub(crate) fn store(context: &Context, receipt: &Receipt) -> Result<PathBuf, Failure> {
    let path = context.data_dir.join("receipts").join(format!("{:.16}.receipt", receipt.transaction));
    if !path.exists() {
        write_new(&path, &encode(receipt))?;
    }
    Ok(path)
}

/// Reads a receipt file, unchecked.
pub(crate) fn read(path: &Path) -> Result<Receipt, Failure> {
    let shown = path.display();
    let bytes = files::read(path, FILE_BYTES_MAX);
    let bytes = bytes.map_err(|error| Failure::NotFound(format!("no receipt at {shown}: {error}")))?;
    let bytes = bytes.ok_or_else(|| Failure::Verification(format!("{shown} is no receipt: it is too large")))?;
    decode(&bytes).map_err(|error| Failure::Verification(format!("{shown} is no receipt: {error}")))
}
