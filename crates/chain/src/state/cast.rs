//! Casting a ballot.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use super::record::{CastRecord, ElectionRecord};
use crate::ballot::{Ballot, Selection};
use crate::election::ElectionPhase;
use crate::hash::{ElectionId, TransactionId};
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
        let has_roll = record.election.has_roll();
        let weight = if has_roll {
            self.weight(&election, &credential)
        } else {
            Some(1)
        };
        let weight = u64::from(weight.ok_or(InvalidTransaction::NotOnRoll {
            election,
            credential,
        })?);
        check_selections(record, ballot)?;
        let revotes = record.election.revotes;
        let before = self.cast_record(&election, &credential);
        let replaces = before.map_or(0, |before| before.counter + 1);
        if replaces > u32::from(revotes) {
            return Err(InvalidTransaction::AlreadyVoted {
                election,
                credential,
            });
        }
        if ballot.counter != replaces {
            return Err(InvalidTransaction::Counter {
                given: ballot.counter,
                next: replaces,
            });
        }
        let replaced = before.and_then(|before| before.selections.clone());
        for (contest, selection) in
            (0..).zip(replaced.iter().flat_map(|selections| selections.iter()))
        {
            *self.votes_mut(&election, contest, selection).1 -= weight;
        }
        let mut said = Vec::with_capacity(ballot.selections.len());
        for (contest, selection) in (0..).zip(&ballot.selections) {
            let (selection, votes) = self.votes_mut(&election, contest, selection);
            *votes += weight;
            said.push(selection);
        }
        let selections = (revotes > 0).then(|| Arc::from(said));
        let (height, index, counter) = (self.height, self.applied, ballot.counter);
        self.changes.ballots.insert(
            (election, credential),
            CastRecord {
                transaction: id,
                height,
                index,
                counter,
                selections,
            },
        );
        let record = self.election_mut(&election);
        record.board.push(id.as_bytes());
        if replaces == 0 {
            record.turnout.ballots += 1;
            record.turnout.weight += weight;
        }
        Ok(())
    }

    /// The ballot of a credential that counts so far.
    pub(super) fn cast_record(
        &self,
        election: &ElectionId,
        credential: &PublicKey,
    ) -> Option<&CastRecord> {
        let changed = self.changes.ballots.get(&(*election, *credential));
        changed.or_else(|| self.state.ballot(election, credential))
    }

    /// How many votes say so, to be changed, and the one copy of the selection that all equal ones
    /// share.
    fn votes_mut(
        &mut self,
        election: &ElectionId,
        contest: u16,
        selection: &Selection,
    ) -> (Arc<Selection>, &mut u64) {
        let below = self.state.said(election, contest, selection);
        let (selection, votes) = match below {
            Some((said, votes)) => (said.clone(), *votes),
            None => (Arc::new(selection.clone()), 0),
        };
        match self.changes.counts.entry((*election, contest, selection)) {
            Entry::Occupied(entry) => (entry.key().2.clone(), entry.into_mut()),
            Entry::Vacant(entry) => (entry.key().2.clone(), entry.insert(votes)),
        }
    }
}

fn check_selections(record: &ElectionRecord, ballot: &Ballot) -> Result<(), InvalidTransaction> {
    let (given, wanted) = (ballot.selections.len(), record.election.contests.len());
    if given != wanted {
        return Err(InvalidTransaction::Contests { given, wanted });
    }
    for (at, (contest, selection)) in record
        .election
        .contests
        .iter()
        .zip(&ballot.selections)
        .enumerate()
    {
        let fault = contest.check_selection(selection);
        fault.map_err(|fault| InvalidTransaction::Selection {
            contest: at + 1,
            fault,
        })?;
    }
    Ok(())
}
