//! The ledger on the disk: its decided blocks in one redb file, and a write-ahead log of the height
//! that is open.
//!
//! Everything else follows from the blocks, and is made from them at the start. The only crate that
//! knows a table; it believes no file: pages are checked when it is opened, blocks and certificates
//! against one another when they are read. What does not fit is an error with words.

mod batch;
mod check;
mod error;
mod follow;
mod index;
mod rows;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod wal;

pub use batch::Batch;
pub use check::Checked;
pub use error::StorageError;
pub use store::{Loaded, Store, Unread};
