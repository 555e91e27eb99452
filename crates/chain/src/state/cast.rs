//! Casting a ballot.

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use super::record::CastRecord;
use crate::ballot::Ballot;
use crate::election::ElectionPhase;
use crate::hash::TransactionId;
use crate::key::PublicKey;

impl Execution<'_> {
    pub(super) fn cast(
        &mut self,
        id: TransactionId,
        credential: PublicKey,
        ballot: &Ballot,
    ) -> Result<(), InvalidTransaction> {
        let election = ballot.election;
        let record = self.election(&election)?;
        let phase = record.phase(self.time);
        if phase != ElectionPhase::Open {
            return Err(InvalidTransaction::NotOpen { election, phase });
        }
        if !record.election.admits(&ballot.choice) {
            return Err(InvalidTransaction::UnknownChoice(election));
        }
        let key = (election, credential);
        if self.changes.ballots.contains_key(&key) || self.state.ballots.contains_key(&key) {
            return Err(InvalidTransaction::AlreadyVoted { election, credential });
        }
        let record = CastRecord { transaction: id, height: self.height, index: self.applied };
        self.changes.ballots.insert(key, record);
        self.count(ballot);
        self.election_mut(&election).board.push(id.as_bytes());
        Ok(())
    }

    fn count(&mut self, ballot: &Ballot) {
        let key = (ballot.election, ballot.choice.clone());
        let below = self.state.counts.get(&key).copied().unwrap_or(0);
        *self.changes.counts.entry(key).or_insert(below) += 1;
    }
}
