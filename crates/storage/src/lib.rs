//! The ledger on the disk: one redb file, one transaction for each step that must survive whole or not at all.
//!
//! The only crate that knows a table. It keeps what it is given and gives it back; whether a block is valid it does not
//! ask, but a state whose root does not fit its rows is not loaded.

mod batch;
mod error;
mod store;
mod table;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use error::StorageError;
pub use store::{Loaded, Store};
