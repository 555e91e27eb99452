//! Creating and closing elections.

use std::sync::Arc;

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use super::record::ElectionRecord;
use crate::election::{Election, ElectionPhase};
use crate::genesis::Organisers;
use crate::hash::{ElectionId, TransactionId};
use crate::key::PublicKey;
use crate::merkle::Frontier;

impl Execution<'_> {
    pub(super) fn create(
        &mut self,
        id: TransactionId,
        organiser: PublicKey,
        election: &Election,
    ) -> Result<(), InvalidTransaction> {
        let id = ElectionId::new(*id.hash());
        if let Organisers::Keys(keys) = &self.state.genesis.organisers
            && !keys.contains(&organiser)
        {
            return Err(InvalidTransaction::NotOrganiser(organiser));
        }
        if self.election(&id).is_ok() {
            return Err(InvalidTransaction::ElectionExists(id));
        }
        let new = self.changes.elections.keys().filter(|id| !self.state.elections.contains_key(id)).count();
        let limit = self.state.genesis.limits.elections_max;
        if u32::try_from(self.state.elections.len() + new).is_ok_and(|count| count >= limit) {
            return Err(InvalidTransaction::TooManyElections(limit));
        }
        let (election, board) = (Arc::new(election.clone()), Frontier::default());
        let record = ElectionRecord { id, election, organiser, created_at: self.time, closed_by_hand_at: None, board };
        self.changes.elections.insert(id, record);
        Ok(())
    }

    pub(super) fn close(&mut self, id: ElectionId, signer: PublicKey) -> Result<(), InvalidTransaction> {
        let record = self.election(&id)?;
        if record.organiser != signer {
            return Err(InvalidTransaction::NotTheOrganiser(signer));
        }
        if record.phase(self.time) == ElectionPhase::Closed {
            return Err(InvalidTransaction::AlreadyClosed(id));
        }
        let time = self.time;
        self.election_mut(&id).closed_by_hand_at = Some(time);
        Ok(())
    }
}
