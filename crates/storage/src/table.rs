//! The tables. Values are canonical CBOR unless said otherwise.

use redb::TableDefinition;

/// Version of this layout.
pub(crate) const FORMAT: u64 = 4;

/// `format` (8 bytes, little endian), `genesis`, `tip`, `registry`.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Log of the open height: (height, place) to an opaque entry.
pub(crate) const LOG: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("log");
/// Undecided blocks: (height, hash) to the block.
pub(crate) const BODIES: TableDefinition<'_, (u64, [u8; 32]), &[u8]> = TableDefinition::new("bodies");
/// Decided blocks by height.
pub(crate) const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// Their certificates.
pub(crate) const CERTIFICATES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("certificates");
/// Where each transaction is: id to (height, place).
pub(crate) const TRANSACTIONS: TableDefinition<'_, [u8; 32], (u64, u32)> = TableDefinition::new("transactions");
/// Elections by id.
pub(crate) const ELECTIONS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("elections");
/// Blocks that hold something of an election: (election, height).
pub(crate) const ELECTION_BLOCKS: TableDefinition<'_, ([u8; 32], u64), ()> = TableDefinition::new("election_blocks");
/// Acts: (election, place in its log) to what was done.
pub(crate) const ACTS: TableDefinition<'_, ([u8; 32], u64), &[u8]> = TableDefinition::new("acts");
/// What acts did to rolls: (election, place in its log) to a part of the roll. Whole acts, not voters: rolls are large.
pub(crate) const ROLLS: TableDefinition<'_, ([u8; 32], u64), &[u8]> = TableDefinition::new("rolls");
/// Ballots that count: (election, credential) to the record.
pub(crate) const BALLOTS: TableDefinition<'_, ([u8; 32], [u8; 32]), &[u8]> = TableDefinition::new("ballots");
/// Votes: (election, contest, selection as CBOR) to a number.
pub(crate) const COUNTS: TableDefinition<'_, ([u8; 32], u16, &[u8]), u64> = TableDefinition::new("counts");
/// Changes of the validator set: height to header, certificate and new set.
pub(crate) const SET_CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("set_changes");
/// Equivocations: (height, place) to an opaque proof.
pub(crate) const EVIDENCE: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("evidence");
