//! Casting a ballot.

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use super::record::CastRecord;
use crate::ballot::Ballot;
use crate::election::ElectionPhase;
use crate::hash::{ElectionId, TransactionId};
use crate::key::PublicKey;
use crate::urn::{Urn, check_fits};

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
        check_fits(&record.election, ballot)?;
        if self.version().rules_names() {
            record.election.check_name(&ballot.name)?;
        }
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
        let urn = self.urn_mut(&election);
        if let Some(replaced) = &replaced {
            urn.take(replaced, weight);
        }
        let said = urn.add(ballot, weight);
        // Only what can be replaced is ever taken out again.
        let selections = (revotes > 0).then_some(said);
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

    /// The ballots that this block will leave behind, to be changed.
    fn urn_mut(&mut self, election: &ElectionId) -> &mut Urn {
        let below = &self.state.urns;
        let before = || below.get(election).cloned().unwrap_or_default();
        self.changes.urns.entry(*election).or_insert_with(before)
    }
}
