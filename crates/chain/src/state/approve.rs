//! Changing the validator set, the organisers, and the protocol version, by approvals.
//!
//! Anybody who has the bytes of an approval can send it again. It counts only until something is
//! changed (`changes_before`), only for 30 days from its signing, and only if it is newer than what
//! would have to make room for it: so what was pushed out, or has lapsed, stays so, and nothing
//! need be remembered of it.

use std::sync::Arc;

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use super::record::{APPROVALS_MAX, lapsed_before};
use crate::key::PublicKey;
use crate::time::Timestamp;
use crate::transaction::Change;

/// By so much may the clock of whoever signs an approval be ahead of the block that it comes in: an
/// hour, in milliseconds. Nodes work with clocks that are so far off, and say so; nothing is
/// decided by this time but which approval of one signer is the newer, and when it lapses. Without
/// a bound, one that a clock set to another year has signed would never lapse, and be newer than
/// all that its signer says later.
const AHEAD_MS_MAX: u64 = 3600 * 1000;

impl Execution<'_> {
    pub(super) fn approve(
        &mut self,
        signer: PublicKey,
        change: &Change,
        changes_before: u64,
        signed_at: Timestamp,
    ) -> Result<(), InvalidTransaction> {
        let registry = &self.changes.registry;
        if changes_before != registry.changes {
            return Err(InvalidTransaction::StaleApproval);
        }
        if !registry.after.contains(&signer) {
            return Err(InvalidTransaction::NotValidator(signer));
        }
        let lapsed = lapsed_before(self.time);
        if signed_at < lapsed {
            return Err(InvalidTransaction::LapsedApproval(signed_at));
        }
        let ahead = signed_at.ms_since(self.time);
        if ahead > AHEAD_MS_MAX {
            return Err(InvalidTransaction::EarlyApproval(ahead));
        }
        // Those that have lapsed are older than this one, and in nobody's way.
        let given = registry
            .approvals
            .get(&signer)
            .map_or(&[][..], Vec::as_slice);
        match given
            .iter()
            .find(|(_, approved)| replaces(change, approved))
        {
            Some((at, approved)) if signed_at <= *at => {
                return Err(if approved == change {
                    InvalidTransaction::AlreadyApproved(signer)
                } else {
                    InvalidTransaction::OldApproval(signer)
                });
            }
            None if given.len() >= APPROVALS_MAX && signed_at <= given[0].0 => {
                return Err(InvalidTransaction::OldApproval(signer));
            }
            _ => {}
        }
        let made = registry.with(change, self.height)?;
        let registry = Arc::make_mut(&mut self.changes.registry);
        registry.lapse(lapsed);
        let given = registry.approvals.entry(signer).or_default();
        given.retain(|(_, approved)| !replaces(change, approved));
        let place = given.partition_point(|(at, _)| *at <= signed_at);
        given.insert(place, (signed_at, change.clone()));
        if given.len() > APPROVALS_MAX {
            given.remove(0);
        }
        let agreed = registry
            .approvals
            .iter()
            .filter(|(_, given)| given.iter().any(|(_, approved)| approved == change));
        if registry.after.is_quorum(agreed.map(|(signer, _)| signer)) {
            registry.make(change, made);
        }
        Ok(())
    }
}

/// Whether the approval of a change takes the place of an earlier one by the same signer: one of the
/// same change, or, since a chain can go by one version only, of another plan for it.
fn replaces(change: &Change, approved: &Change) -> bool {
    let of_version = |change: &Change| matches!(change, Change::Version(_));
    approved == change || (of_version(change) && of_version(approved))
}
