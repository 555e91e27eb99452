//! The commitment to the state (docs/protocol.md, "State root").

use super::record::{ElectionRecord, Registry};
use crate::encoding::encode;
use crate::hash::{Hash, StateRoot};
use crate::merkle::{InclusionProof, MerkleTree};

/// The tree over the registry and then every election, in the order of their creation, each with
/// the root of its board. Counts and ballots follow from the boards. A block changes the leaves of
/// what it changes: what it costs does not grow with the chain.
#[derive(Clone, Debug)]
pub(super) struct StateTree(MerkleTree);

impl StateTree {
    /// The tree of a registry and elections, these by the time of their creation, then by id.
    pub(super) fn new<'a>(
        registry: &Registry,
        elections: impl Iterator<Item = &'a ElectionRecord>,
    ) -> Self {
        let leaves: Vec<_> = std::iter::once(registry_leaf(registry))
            .chain(elections.map(election_leaf))
            .collect();
        Self(MerkleTree::new(leaves.iter().map(Vec::as_slice)))
    }

    /// What a block has made of the registry.
    pub(super) fn put_registry(&mut self, registry: &Registry) {
        self.0.put(0, &registry_leaf(registry));
    }

    /// What a block has made of the election at that place, from 0 in the order of creation; a new
    /// one if it is the next place.
    pub(super) fn put_election(&mut self, place: usize, record: &ElectionRecord) {
        self.0.put(place + 1, &election_leaf(record));
    }

    /// How many elections there are.
    pub(super) fn elections(&self) -> usize {
        self.0.size() - 1
    }

    pub(super) fn root(&self) -> StateRoot {
        sealed(self.0.size() as u64, &self.0.root())
    }

    /// The proof that the election at that place is in the root.
    pub(super) fn proof(&self, place: usize) -> Option<InclusionProof> {
        self.0.proof(u32::try_from(place + 1).ok()?)
    }
}

/// The root of the leaves' tree, bound to how many leaves there are: the tree alone would have some
/// proofs say another number.
pub(crate) fn sealed(leaves: u64, root: &Hash) -> StateRoot {
    StateRoot::new(Hash::of("state", &encode(&(leaves, root))))
}

fn registry_leaf(registry: &Registry) -> Vec<u8> {
    let approvals: Vec<_> = registry.approvals.iter().collect();
    encode(&(
        &registry.next,
        &registry.after,
        approvals,
        registry.changes,
        &registry.organisers,
        &registry.versions,
    ))
}

pub(crate) fn election_leaf(record: &ElectionRecord) -> Vec<u8> {
    let ElectionRecord {
        id,
        organiser,
        created_at,
        opens_at,
        closes_at,
        cancelled_at,
        roll,
        log,
        board,
        committee,
        ..
    } = record;
    let (voters, weight, tree) = (roll.voters, roll.weight, &roll.tree);
    let sizes = [tree.size(), log.size(), board.size()];
    let roots = [tree.root(), log.root(), board.root()];
    macro_rules! leaf {
        ($($more:expr)?) => {
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
                $($more)?
            ))
        };
    }
    // With one organiser it is as it was before there could be several.
    match committee {
        None => leaf!(),
        Some(committee) => leaf!(committee),
    }
}
