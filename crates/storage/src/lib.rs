//! The ledger on the disk: one redb file, one transaction for each step that must survive whole or not at all.
//!
//! The only crate that knows a table. It keeps what it is given and gives it back, and believes no file: pages are checked when it is
//! opened, and each row against its key and the others when it is read. What does not fit is an error with words.

mod batch;
mod check;
mod error;
mod load;
mod rows;
mod store;
mod table;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use check::Checked;
pub use error::StorageError;
pub use load::Loaded;
pub use store::Store;
