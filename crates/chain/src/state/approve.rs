//! Changing the validator set by approvals.

use std::sync::Arc;

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use crate::key::PublicKey;
use crate::validator::ValidatorChange;

/// Changes that can wait for more approvals at one time.
const CHANGES_PENDING_MAX: usize = 300;

impl Execution<'_> {
    pub(super) fn approve(
        &mut self,
        signer: PublicKey,
        change: &ValidatorChange,
        changes_before: u64,
    ) -> Result<(), InvalidTransaction> {
        let registry = &self.changes.registry;
        if changes_before != registry.changes {
            return Err(InvalidTransaction::StaleApproval);
        }
        if !registry.after.contains(&signer) {
            return Err(InvalidTransaction::NotValidator(signer));
        }
        let changed = registry.after.changed(change)?;
        if registry.approvals.len() >= CHANGES_PENDING_MAX && !registry.approvals.contains_key(change) {
            return Err(InvalidTransaction::TooManyChanges(CHANGES_PENDING_MAX));
        }
        if registry.approvals.get(change).is_some_and(|approvals| approvals.contains(&signer)) {
            return Err(InvalidTransaction::AlreadyApproved(signer));
        }
        let registry = Arc::make_mut(&mut self.changes.registry);
        let approvals = registry.approvals.entry(change.clone()).or_default();
        approvals.insert(signer);
        if registry.after.is_quorum(approvals.iter()) {
            registry.after = changed;
            registry.changes += 1;
            registry.approvals.clear();
        }
        Ok(())
    }
}
