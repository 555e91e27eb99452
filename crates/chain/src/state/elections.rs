//! Creating elections, and what their organisers do to them.

use std::sync::Arc;

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use super::record::{ElectionRecord, LogEntry, Logged};
use crate::act::{Act, Organise};
use crate::election::{Election, ElectionPhase};
use crate::genesis::Organisers;
use crate::hash::{ElectionId, TransactionId};
use crate::key::PublicKey;
use crate::time::Timestamp;

impl Execution<'_> {
    pub(super) fn create(
        &mut self,
        id: TransactionId,
        organiser: PublicKey,
        election: &Election,
    ) -> Result<(), InvalidTransaction> {
        let id = ElectionId::new(*id.hash());
        if !self.changes.registry.organisers.include(&organiser) {
            return Err(InvalidTransaction::NotOrganiser(organiser));
        }
        if self.election(&id).is_ok() {
            return Err(InvalidTransaction::ElectionExists(id));
        }
        self.check_room(&organiser)?;
        let record = ElectionRecord::new(id, election, organiser, self.time);
        if !record.phase(self.time).is_over() {
            *self.running.entry(organiser).or_default() += 1;
        }
        self.changes.elections.insert(id, Arc::new(record));
        Ok(())
    }

    /// Whether there is room for one more election that is not over.
    fn check_room(&self, organiser: &PublicKey) -> Result<(), InvalidTransaction> {
        let limits = &self.state.genesis.limits;
        let more = self.running.get(organiser).copied().unwrap_or(0);
        if self.state.elections.running_of(organiser, self.time) + more
            >= limits.organiser_elections_max.into()
        {
            return Err(InvalidTransaction::OrganiserFull(
                limits.organiser_elections_max,
            ));
        }
        if self.changes.registry.organisers == Organisers::Anyone {
            let more: i64 = self.running.values().sum();
            if self.state.elections.running_count(self.time) + more >= limits.elections_max.into() {
                return Err(InvalidTransaction::ChainFull(limits.elections_max));
            }
        }
        Ok(())
    }

    pub(super) fn organise(
        &mut self,
        transaction: TransactionId,
        signer: PublicKey,
        organise: &Organise,
    ) -> Result<(), InvalidTransaction> {
        let Organise { election: id, act } = organise;
        let record = self.election(id)?;
        if record.organiser != signer {
            return Err(InvalidTransaction::NotTheOrganiser(signer));
        }
        let phase = record.phase(self.time);
        if phase.is_over() {
            return Err(InvalidTransaction::Over {
                election: *id,
                phase,
            });
        }
        if self.state.acts.contains(&transaction) || self.acts.contains(&transaction) {
            return Err(InvalidTransaction::ActDone(transaction));
        }
        let time = self.time;
        match act {
            Act::Open if phase != ElectionPhase::Draft => {
                return Err(InvalidTransaction::OpenAlready(*id));
            }
            Act::Open if record.lacks_voters() => {
                return Err(InvalidTransaction::NobodyOnRoll(*id));
            }
            Act::Open => self.election_mut(id).opens_at = Some(time),
            Act::Close if phase == ElectionPhase::Draft => {
                return Err(InvalidTransaction::NotYetOpen(*id));
            }
            Act::Close => self.election_mut(id).closes_at = Some(time),
            Act::AddVoters(_) if phase != ElectionPhase::Draft => {
                return Err(InvalidTransaction::RollFrozen(*id));
            }
            Act::AddVoters(add) => self.change_roll(id, &[], add, true)?,
            Act::ChangeRoll { remove, add, .. } => self.change_roll(id, remove, add, false)?,
            Act::ChangeTimes {
                opens_at,
                closes_at,
                ..
            } => {
                check_times(record, phase, time, *opens_at, *closes_at)?;
                let record = self.election_mut(id);
                (record.opens_at, record.closes_at) = (*opens_at, *closes_at);
            }
            Act::Cancel(_) => self.election_mut(id).cancelled_at = Some(time),
        }
        let entry = LogEntry {
            transaction,
            height: self.height,
            time,
            act: Logged::from(act),
        };
        let record = self.election_mut(id);
        let place = record.log.size();
        record.log.push(transaction.as_bytes());
        if record.phase(time).is_over() {
            *self.running.entry(signer).or_default() -= 1;
        }
        self.changes.log.insert((*id, place), Arc::new(entry));
        self.acts.insert(transaction);
        Ok(())
    }
}

fn check_times(
    record: &ElectionRecord,
    phase: ElectionPhase,
    now: Timestamp,
    opens_at: Option<Timestamp>,
    closes_at: Option<Timestamp>,
) -> Result<(), InvalidTransaction> {
    let fault = match (phase, opens_at, closes_at) {
        (ElectionPhase::Open, ..) if opens_at != record.opens_at => "it has opened already",
        // Unless it is left as it is: with nobody on its roll, an election is a draft when its time
        // has come.
        (ElectionPhase::Draft, Some(opens), _) if opens <= now && opens_at != record.opens_at => {
            "it would open in the past"
        }
        (_, _, Some(closes)) if closes <= now => "it would close in the past",
        (_, Some(opens), Some(closes)) if closes <= opens => "it would close before it opens",
        _ => return Ok(()),
    };
    Err(InvalidTransaction::Times(fault))
}
