//! The tables. Values are canonical CBOR unless said otherwise.

use redb::TableDefinition;

/// Version of this layout.
pub(crate) const FORMAT: u64 = 6;

/// `format` (8 bytes, little endian), `genesis`.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Decided blocks by height: the block's canonical bytes and its certificate.
pub(crate) const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
/// Changes of the validator set: height to header, certificate and new set.
pub(crate) const SET_CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("set_changes");
/// Equivocations: (height, place) to an opaque proof.
pub(crate) const EVIDENCE: TableDefinition<'_, (u64, u64), &[u8]> =
    TableDefinition::new("evidence");
