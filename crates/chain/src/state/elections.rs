//! Creating elections, and what their organisers do to them.

use std::sync::Arc;

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use super::record::{ElectionRecord, LogEntry, Logged};
use crate::act::{ACT_VOTERS_MAX, Act, Organise};
use crate::committee::{Proposals, Step};
use crate::election::{Election, ElectionPhase};
use crate::genesis::Organisers;
use crate::hash::{ElectionId, TransactionId};
use crate::key::PublicKey;
use crate::time::Timestamp;

/// Voters that acts name which are done by approvals in one block, in both lists of changes of
/// rolls: as many as the acts of a full block name themselves. An approval is small, and what it
/// has done is not.
const APPROVED_VOTERS_MAX: usize = 16 * ACT_VOTERS_MAX;

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
        let committee = election.committee.as_ref();
        if committee.is_some_and(|committee| !committee.includes(&organiser)) {
            return Err(InvalidTransaction::CreatorNotNamed(organiser));
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
        let Some(committee) = &record.committee else {
            if record.organiser != signer {
                return Err(InvalidTransaction::NotTheOrganiser(signer));
            }
            self.check_goes_on(id)?;
            self.check_is_new(&transaction)?;
            self.perform(id, act)?;
            self.enter(id, transaction, None, Logged::from(act));
            return Ok(());
        };
        if !committee.includes(&signer) {
            return Err(InvalidTransaction::NotTheOrganiser(signer));
        }
        self.check_goes_on(id)?;
        self.check_is_new(&transaction)?;
        let waiting = self.proposals(id);
        let logged = match waiting.judge(committee, signer, act, self.time)? {
            Step::Does(act) => {
                self.perform(id, &act)?;
                Logged::from(&*act)
            }
            Step::Waits => {
                let time = self.time;
                self.proposals_mut(id).put(transaction, signer, act, time);
                Logged::Proposed(Box::new(Logged::from(act)))
            }
        };
        self.enter(id, transaction, Some(signer), logged);
        Ok(())
    }

    /// An approval; the last one that an act needs has it done, if that can be.
    pub(super) fn approve_act(
        &mut self,
        transaction: TransactionId,
        signer: PublicKey,
        id: &ElectionId,
        proposal: &TransactionId,
    ) -> Result<(), InvalidTransaction> {
        let record = self.election(id)?;
        let Some(committee) = &record.committee else {
            return Err(InvalidTransaction::OneOrganiser(*id));
        };
        if !committee.includes(&signer) {
            return Err(InvalidTransaction::NotTheOrganiser(signer));
        }
        self.check_goes_on(id)?;
        let (waiting, time) = (self.proposals(id), self.time);
        let step = waiting.judge_approval(committee, signer, proposal, time)?;
        // A key can be replaced, and put back: what it has approved before does not count again.
        self.check_is_new(&transaction)?;
        let done = match step {
            Step::Does(act) => {
                let voters = self.approved_voters + act.voters();
                if voters > APPROVED_VOTERS_MAX {
                    return Err(InvalidTransaction::ApprovedVoters(APPROVED_VOTERS_MAX));
                }
                self.perform(id, &act)?;
                self.approved_voters = voters;
                self.proposals_mut(id).remove(proposal);
                true
            }
            Step::Waits => {
                self.proposals_mut(id).approve(proposal, signer, time);
                false
            }
        };
        let proposal = *proposal;
        let approved = Logged::Approved { proposal, done };
        self.enter(id, transaction, Some(signer), approved);
        Ok(())
    }

    fn check_goes_on(&self, id: &ElectionId) -> Result<(), InvalidTransaction> {
        let phase = self.election(id)?.phase(self.time);
        if phase.is_over() {
            return Err(InvalidTransaction::Over {
                election: *id,
                phase,
            });
        }
        Ok(())
    }

    /// Whether a transaction stands in no log yet: whoever sends it again does nothing.
    fn check_is_new(&self, transaction: &TransactionId) -> Result<(), InvalidTransaction> {
        if self.state.acts.contains(transaction) || self.acts.contains(transaction) {
            return Err(InvalidTransaction::ActDone(*transaction));
        }
        Ok(())
    }

    /// What waits for approvals in an election.
    fn proposals(&self, id: &ElectionId) -> &Proposals {
        static NONE: Proposals = Proposals::new();
        let changed = self.changes.proposals.get(id);
        changed
            .or_else(|| self.state.proposals.get(id))
            .map_or(&NONE, |proposals| &**proposals)
    }

    /// What waits after this block, to be changed.
    fn proposals_mut(&mut self, id: &ElectionId) -> &mut Proposals {
        let below = &self.state.proposals;
        let before = || below.get(id).cloned().unwrap_or_default();
        Arc::make_mut(self.changes.proposals.entry(*id).or_insert_with(before))
    }

    /// Does an act for which enough have signed, if it can be done now.
    fn perform(&mut self, id: &ElectionId, act: &Act) -> Result<(), InvalidTransaction> {
        let record = self.election(id)?;
        let (phase, time) = (record.phase(self.time), self.time);
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
            Act::Withdraw(_) | Act::ReplaceOrganiser { .. } if record.committee.is_none() => {
                return Err(InvalidTransaction::OneOrganiser(*id));
            }
            Act::Withdraw(_) => self.proposals_mut(id).follow(act),
            Act::ReplaceOrganiser { old, new, .. } => {
                if let Some(committee) = &mut self.election_mut(id).committee {
                    committee.replace(old, *new);
                }
                self.proposals_mut(id).follow(act);
            }
        }
        Ok(())
    }

    /// Enters into the log what a transaction has done.
    fn enter(
        &mut self,
        id: &ElectionId,
        transaction: TransactionId,
        by: Option<PublicKey>,
        act: Logged,
    ) {
        let time = self.time;
        let entry = LogEntry {
            transaction,
            height: self.height,
            time,
            act,
            by,
        };
        let record = self.election_mut(id);
        let place = record.log.size();
        record.log.push(transaction.as_bytes());
        let ends = record.phase(time).is_over();
        let organiser = record.organiser;
        if ends {
            // It counts among those of who created it, whoever ends it.
            *self.running.entry(organiser).or_default() -= 1;
        }
        self.changes.log.insert((*id, place), Arc::new(entry));
        self.acts.insert(transaction);
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
