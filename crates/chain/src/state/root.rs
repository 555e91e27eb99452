//! The commitment to the state (docs/protocol.md, "State root").

use super::record::{ElectionRecord, Registry};
use crate::encoding::encode;
use crate::hash::StateRoot;
use crate::merkle::Frontier;

/// Merkle root over the registry and then every election by id, each with the root of its board.
/// Counts and ballots follow from the boards.
pub(super) fn of<'a>(registry: &Registry, elections: impl IntoIterator<Item = &'a ElectionRecord>) -> StateRoot {
    let mut leaves = Frontier::default();
    let approvals: Vec<_> = registry.approvals.iter().collect();
    leaves.push(&encode(&(&registry.next, &registry.after, approvals)));
    for record in elections {
        let ElectionRecord { id, organiser, created_at, closed_by_hand_at, board, election: _ } = record;
        leaves.push(&encode(&(id, organiser, created_at, closed_by_hand_at, board.size(), board.root())));
    }
    StateRoot::new(leaves.root())
}
