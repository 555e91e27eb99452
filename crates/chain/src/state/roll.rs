//! The roll of an election: who may vote, and with how many votes.

use super::execution::Execution;
use super::invalid::InvalidTransaction;
use super::record::RollPart;
use crate::act::{ROLL_WEIGHT_MAX, Voter};
use crate::election::{ElectionPhase, Voters};
use crate::hash::ElectionId;
use crate::key::PublicKey;

impl Execution<'_> {
    /// How many votes a key has in an election that exists; none if it may not vote.
    pub(super) fn weight(&self, election: &ElectionId, key: &PublicKey) -> Option<u32> {
        match self.roll_changes.get(&(*election, *key)) {
            Some(changed) => *changed,
            None => self.state.rolls.get(election)?.get(key).copied(),
        }
    }

    /// Takes voters off a roll, and puts others on it; `base` if that is how the roll is made.
    pub(super) fn change_roll(
        &mut self,
        id: &ElectionId,
        remove: &[PublicKey],
        add: &[Voter],
        base: bool,
    ) -> Result<(), InvalidTransaction> {
        let record = self.election(id)?;
        if record.election.voters == Voters::Anyone {
            return Err(InvalidTransaction::NoRoll(*id));
        }
        let (weighted, mut roll) = (
            record.election.voters == Voters::WeightedRoll,
            record.roll.clone(),
        );
        for key in remove {
            let weight = self.weight(id, key).ok_or(InvalidTransaction::NotOnRoll {
                election: *id,
                credential: *key,
            })?;
            if self.cast_record(id, key).is_some() {
                return Err(InvalidTransaction::HasVoted(*key));
            }
            roll.voters -= 1;
            roll.weight -= u64::from(weight);
        }
        for Voter(key, weight) in add {
            if self.weight(id, key).is_some() && remove.binary_search(key).is_err() {
                return Err(InvalidTransaction::OnRollAlready(*key));
            }
            if *weight != 1 && !weighted {
                return Err(InvalidTransaction::Weighted {
                    credential: *key,
                    weight: *weight,
                });
            }
        }
        if base {
            roll.append(add)
        } else {
            roll.count(add)
        }
        let limit = self.state.genesis.limits.voters_max;
        if roll.voters > u64::from(limit) || roll.weight > ROLL_WEIGHT_MAX {
            return Err(InvalidTransaction::RollFull(limit));
        }
        // With nobody on it, it would be a draft again.
        if roll.voters == 0 && record.phase(self.time) == ElectionPhase::Open {
            return Err(InvalidTransaction::NobodyOnRoll(*id));
        }
        self.roll_changes
            .extend(remove.iter().map(|key| ((*id, *key), None)));
        self.roll_changes.extend(
            add.iter()
                .map(|Voter(key, weight)| ((*id, *key), Some(*weight))),
        );
        let record = self.election_mut(id);
        record.roll = roll;
        let place = record.log.size();
        self.changes.rolls.insert(
            (*id, place),
            RollPart {
                remove: remove.to_vec(),
                add: add.to_vec(),
            },
        );
        Ok(())
    }
}
