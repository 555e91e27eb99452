//! Who decides blocks, and how that is changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::encoding::encode;
use crate::hash::{Hash, ValidatorSetHash};
use crate::key::PublicKey;
use crate::text::{InvalidText, check_label};

const VALIDATORS_MAX: usize = 150;
const POWER_MAX: u64 = 1_000_000_000;

/// One that proposes and votes on blocks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Validator {
    /// The key that it signs with.
    pub key: PublicKey,
    /// What people call it.
    pub name: String,
    /// Its weight in votes: 1 to 10^9.
    pub power: u64,
}

/// The validators of one height, by key, each once, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Arc<Vec<Validator>>);

/// A set that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValidatorSet {
    /// Nobody to decide, or too many to be quick.
    #[error("{0} validators; a chain has 1 to {VALIDATORS_MAX}")]
    Count(usize),
    /// One key must have one power.
    #[error("validator {0} is listed twice")]
    Duplicate(PublicKey),
    /// Out of range.
    #[error("validator {0} has a power of {1}; 1 to {POWER_MAX} is possible")]
    Power(PublicKey, u64),
    /// A key that nobody can sign for, or everybody.
    #[error("validator {0} has no usable key")]
    Key(PublicKey),
    /// A name that cannot stand.
    #[error("the name of validator {0} {1}")]
    Name(PublicKey, #[source] InvalidText),
    /// Nothing to remove.
    #[error("{0} is not a validator")]
    Unknown(PublicKey),
}

impl ValidatorSet {
    /// Sorts and checks.
    ///
    /// # Errors
    /// [`InvalidValidatorSet`] names the first fault.
    pub fn new(mut validators: Vec<Validator>) -> Result<Self, InvalidValidatorSet> {
        validators.sort_by_key(|validator| validator.key);
        if validators.is_empty() || validators.len() > VALIDATORS_MAX {
            return Err(InvalidValidatorSet::Count(validators.len()));
        }
        let mut seen = BTreeSet::new();
        for validator in &validators {
            validator.check()?;
            if !seen.insert(validator.key) {
                return Err(InvalidValidatorSet::Duplicate(validator.key));
            }
        }
        Ok(Self(Arc::new(validators)))
    }

    /// In the order of keys.
    pub fn iter(&self) -> std::slice::Iter<'_, Validator> {
        self.0.iter()
    }

    /// The validator with this key.
    pub fn get(&self, key: &PublicKey) -> Option<&Validator> {
        self.0
            .binary_search_by_key(key, |validator| validator.key)
            .ok()
            .map(|at| &self.0[at])
    }

    /// Whether the key is a validator's.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.get(key).is_some()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The sum of all powers.
    pub fn power_total(&self) -> u64 {
        self.iter().map(|validator| validator.power).sum()
    }

    /// Whether these keys hold more than two thirds of the power; each key counts once.
    pub fn is_quorum<'a>(&self, keys: impl IntoIterator<Item = &'a PublicKey>) -> bool {
        let distinct: BTreeSet<_> = keys.into_iter().collect();
        let power: u64 = distinct
            .into_iter()
            .filter_map(|key| self.get(key))
            .map(|validator| validator.power)
            .sum();
        u128::from(power) * 3 > u128::from(self.power_total()) * 2
    }

    /// What headers say of the set.
    pub fn hash(&self) -> ValidatorSetHash {
        ValidatorSetHash::new(Hash::of("validators", &encode(self)))
    }

    /// The set with a change made to it. Only the newcomer is checked: the others were when they
    /// came, and looking at 150 keys takes longer than the signature of an approval.
    ///
    /// # Errors
    /// [`InvalidValidatorSet`] if there is nothing to change, or nothing would be left.
    pub fn changed(&self, change: &ValidatorChange) -> Result<Self, InvalidValidatorSet> {
        let place = |key| self.0.binary_search_by_key(key, |validator| validator.key);
        let mut validators = (*self.0).clone();
        match change {
            ValidatorChange::Admit(validator) => {
                validator.check()?;
                let at = place(&validator.key)
                    .err()
                    .ok_or(InvalidValidatorSet::Duplicate(validator.key))?;
                validators.insert(at, validator.clone());
            }
            ValidatorChange::Remove(key) => {
                let at = place(key).map_err(|_| InvalidValidatorSet::Unknown(*key))?;
                validators.remove(at);
            }
        }
        let count = validators.len();
        if (1..=VALIDATORS_MAX).contains(&count) {
            Ok(Self(Arc::new(validators)))
        } else {
            Err(InvalidValidatorSet::Count(count))
        }
    }

    pub(crate) fn at(&self, turn: u64) -> &Validator {
        let count = u64::try_from(self.0.len()).expect("a set has at most VALIDATORS_MAX members");
        &self.0[usize::try_from(turn % count).expect("smaller than a length")]
    }
}

impl Validator {
    fn check(&self) -> Result<(), InvalidValidatorSet> {
        check_label(&self.name).map_err(|fault| InvalidValidatorSet::Name(self.key, fault))?;
        self.key
            .check()
            .map_err(|_| InvalidValidatorSet::Key(self.key))?;
        if (1..=POWER_MAX).contains(&self.power) {
            Ok(())
        } else {
            Err(InvalidValidatorSet::Power(self.key, self.power))
        }
    }
}

impl Serialize for ValidatorSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ValidatorSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A change of the set, in force once more than two thirds of the power has approved it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ValidatorChange {
    /// Makes a follower a validator.
    Admit(Validator),
    /// Makes a validator a follower.
    Remove(PublicKey),
}

/// How many of `n` equal validators may fail or lie: (n - 1) / 3, rounded down.
pub const fn faults_tolerated(n: usize) -> usize {
    n.saturating_sub(1) / 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn set(n: u8) -> ValidatorSet {
        let validator = |i| Validator {
            key: SecretKey::from_seed(&[i; 32]).public(),
            name: format!("v{i}"),
            power: 1,
        };
        ValidatorSet::new((1..=n).map(validator).collect()).unwrap()
    }

    #[test]
    fn quorum_is_more_than_two_thirds() {
        for (n, least) in [(1, 1), (2, 2), (3, 3), (4, 3), (6, 5), (7, 5), (10, 7)] {
            let set = set(n);
            let keys: Vec<_> = set.iter().map(|v| v.key).collect();
            assert!(set.is_quorum(&keys[..least]), "{least} of {n}");
            assert!(!set.is_quorum(&keys[..least - 1]), "{} of {n}", least - 1);
        }
    }

    #[test]
    fn key_said_twice_counts_once_and_a_stranger_not_at_all() {
        let set = set(4);
        let key = set.iter().next().unwrap().key;
        let stranger = SecretKey::from_seed(&[99; 32]).public();
        assert!(!set.is_quorum(&[key, key, key, key, stranger]));
    }

    #[test]
    fn last_validator_cannot_be_removed() {
        let one = set(1);
        let key = one.iter().next().unwrap().key;
        assert_eq!(
            one.changed(&ValidatorChange::Remove(key)),
            Err(InvalidValidatorSet::Count(0))
        );
    }
}
