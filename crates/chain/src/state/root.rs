//! The commitment to the state (docs/protocol.md, "State root").

use super::record::{ElectionRecord, Registry};
use crate::encoding::encode;
use crate::hash::StateRoot;
use crate::merkle::{Frontier, InclusionProof, MerkleTree};

/// Merkle root over the registry and then every election by id, each with the root of its board.
/// Counts and ballots follow from the boards.
pub(super) fn of<'a>(registry: &Registry, elections: impl IntoIterator<Item = &'a ElectionRecord>) -> StateRoot {
    let mut leaves = Frontier::default();
    leaves.push(&registry_leaf(registry));
    elections.into_iter().for_each(|record| leaves.push(&election_leaf(record)));
    StateRoot::new(leaves.root())
}

/// The proof that the election at `place` among all elections is in the root of [`of`].
pub(super) fn proof<'a>(
    registry: &Registry,
    elections: impl Iterator<Item = &'a ElectionRecord>,
    place: u32,
) -> Option<InclusionProof> {
    let leaves: Vec<_> = std::iter::once(registry_leaf(registry)).chain(elections.map(election_leaf)).collect();
    MerkleTree::new(leaves.iter().map(Vec::as_slice)).proof(place + 1)
}

fn registry_leaf(registry: &Registry) -> Vec<u8> {
    let approvals: Vec<_> = registry.approvals.iter().collect();
    encode(&(&registry.next, &registry.after, approvals))
}

pub(crate) fn election_leaf(record: &ElectionRecord) -> Vec<u8> {
    let ElectionRecord { id, organiser, created_at, closed_by_hand_at, board, election: _ } = record;
    encode(&(id, organiser, created_at, closed_by_hand_at, board.size(), board.root()))
}
