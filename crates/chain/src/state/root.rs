//! The commitment to the state (docs/protocol.md, "State root").

use super::record::{ElectionRecord, Registry};
use crate::encoding::encode;
use crate::hash::{Hash, StateRoot};
use crate::merkle::{Frontier, InclusionProof, MerkleTree};

/// Merkle root over the registry and then every election by id, each with the root of its board.
/// Counts and ballots follow from the boards.
pub(super) fn of<'a>(registry: &Registry, elections: impl IntoIterator<Item = &'a ElectionRecord>) -> StateRoot {
    let mut leaves = Frontier::default();
    leaves.push(&registry_leaf(registry));
    elections.into_iter().for_each(|record| leaves.push(&election_leaf(record)));
    sealed(leaves.size(), &leaves.root())
}

/// The root of the leaves' tree, bound to how many leaves there are: the tree alone would have some proofs say another number.
pub(crate) fn sealed(leaves: u64, root: &Hash) -> StateRoot {
    StateRoot::new(Hash::of("state", &encode(&(leaves, root))))
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
    encode(&(&registry.next, &registry.after, approvals, registry.changes, &registry.organisers))
}

pub(crate) fn election_leaf(record: &ElectionRecord) -> Vec<u8> {
    let ElectionRecord { id, organiser, created_at, opens_at, closes_at, cancelled_at, roll, log, board, .. } = record;
    let (voters, weight, tree) = (roll.voters, roll.weight, &roll.tree);
    let sizes = [tree.size(), log.size(), board.size()];
    let roots = [tree.root(), log.root(), board.root()];
    encode(&(
        id,
        organiser,
        created_at,
        opens_at,
        closes_at,
        cancelled_at,
        voters,
        weight,
        sizes[0],
        roots[0],
        sizes[1],
        roots[1],
        sizes[2],
        roots[2],
    ))
}
