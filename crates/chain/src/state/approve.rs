//! Changing the validator set, and the organisers, by approvals.

use std::sync::Arc;

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use super::record::lapsed_before;
use crate::key::PublicKey;
use crate::transaction::Change;

/// Approvals of one signer that wait for those of others; a further one takes the place of the oldest. So nobody's approvals stand in the
/// way of anybody else's: more than two thirds of the power can make any change in one block.
const WAITING_MAX: usize = 4;

impl Execution<'_> {
    pub(super) fn approve(
        &mut self,
        signer: PublicKey,
        change: &Change,
        changes_before: u64,
    ) -> Result<(), InvalidTransaction> {
        let registry = &self.changes.registry;
        if changes_before != registry.changes {
            return Err(InvalidTransaction::StaleApproval);
        }
        if !registry.after.contains(&signer) {
            return Err(InvalidTransaction::NotValidator(signer));
        }
        let made = registry.with(change)?;
        let lapsed = lapsed_before(self.time);
        let mut given = registry.given.get(&signer).into_iter().flatten();
        let approves = registry.approvals.get(change).is_some_and(|signers| signers.contains(&signer));
        if approves && !given.any(|(at, approved)| approved == change && *at < lapsed) {
            return Err(InvalidTransaction::AlreadyApproved(signer));
        }
        let registry = Arc::make_mut(&mut self.changes.registry);
        registry.lapse(lapsed);
        let given = registry.given.entry(signer).or_default();
        given.push((self.time, change.clone()));
        if given.len() > WAITING_MAX {
            let (_, oldest) = given.remove(0);
            registry.withdraw(&signer, &oldest);
        }
        let approvals = registry.approvals.entry(change.clone()).or_default();
        approvals.insert(signer);
        if registry.after.is_quorum(approvals.iter()) {
            registry.make(change, made);
        }
        Ok(())
    }
}
