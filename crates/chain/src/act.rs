//! What an organiser does to an election: each act is a transaction of its own, and stands in the
//! election's log.

use serde::{Deserialize, Serialize};

use crate::hash::{ElectionId, TransactionId};
use crate::key::PublicKey;
use crate::text::{InvalidText, check_label};
use crate::time::Timestamp;
use crate::verify::TRANSACTION_BYTES_MAX;

/// Voters that one act can name: as many as fit a transaction.
pub const ACT_VOTERS_MAX: usize = 1700;
/// Bytes of a signed transaction that adds voters, besides the voters: chain, signer, election,
/// signature, and what is around them.
const ADD_VOTERS_BYTES: usize = 185;
/// The same of one that changes a roll, besides the words of its reason: a second list, the reason,
/// and what is around the three.
const CHANGE_ROLL_BYTES: usize = ADD_VOTERS_BYTES + 9;
/// Bytes of a key in a list.
const KEY_BYTES: usize = 34;
/// The most votes of one voter.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// The most votes of a whole roll.
pub const ROLL_WEIGHT_MAX: u64 = 100_000_000_000;

/// One on the roll: the key that signs the ballot, and how many votes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Voter(pub PublicKey, pub u32);

impl Voter {
    /// How many bytes the encoding has: an array of two, 32 bytes, and a number.
    const fn encoded_bytes(&self) -> usize {
        let number = match self.1 {
            0..=23 => 1,
            24..=0xff => 2,
            0x100..=0xffff => 3,
            0x1_0000.. => 5,
        };
        1 + KEY_BYTES + number
    }
}

/// Cuts voters into parts that each fit an act which adds them: in number, and as a signed
/// transaction in bytes.
pub fn voter_parts(voters: &[Voter]) -> Vec<&[Voter]> {
    let mut parts = Vec::new();
    let mut rest = voters;
    while !rest.is_empty() {
        let mut bytes = ADD_VOTERS_BYTES;
        let fits = |voter: &&Voter| {
            bytes += voter.encoded_bytes();
            bytes <= TRANSACTION_BYTES_MAX
        };
        let count = rest.iter().take(ACT_VOTERS_MAX).take_while(fits).count();
        let (part, more) = rest.split_at(count);
        parts.push(part);
        rest = more;
    }
    parts
}

/// Cuts a change of a roll into acts that each fit a transaction, as [`voter_parts`] does; what is
/// done to one key stays in one act. Both lists are in the order of their keys. At least one act,
/// so that an empty change is refused as one.
pub fn roll_changes(mut remove: &[PublicKey], mut add: &[Voter], reason: &str) -> Vec<Act> {
    let mut parts = vec![(Vec::new(), Vec::new())];
    let mut bytes = CHANGE_ROLL_BYTES + reason.len();
    while let Some(key) = remove
        .first()
        .copied()
        .into_iter()
        .chain(add.first().map(|voter| voter.0))
        .min()
    {
        let out = front(&mut remove, |removed| *removed == key);
        let into = front(&mut add, |voter| voter.0 == key);
        let more = out.len() * KEY_BYTES + into.iter().map(Voter::encoded_bytes).sum::<usize>();
        let named = parts
            .last()
            .map_or(0, |(removed, added)| removed.len() + added.len());
        bytes += more;
        if named + out.len() + into.len() > ACT_VOTERS_MAX || bytes > TRANSACTION_BYTES_MAX {
            bytes = CHANGE_ROLL_BYTES + reason.len() + more;
            parts.push((Vec::new(), Vec::new()));
        }
        let (removed, added) = parts.last_mut().expect("it begins with one");
        removed.extend_from_slice(out);
        added.extend_from_slice(into);
    }
    parts
        .into_iter()
        .map(|(remove, add)| Act::ChangeRoll {
            remove,
            add,
            reason: reason.to_owned(),
        })
        .collect()
}

/// Takes off the front of a list what fits.
fn front<'a, T>(list: &mut &'a [T], fits: impl Fn(&T) -> bool) -> &'a [T] {
    let count = list.iter().take_while(|one| fits(one)).count();
    let (front, rest) = list.split_at(count);
    *list = rest;
    front
}

/// An act of the organiser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Opens a draft now.
    Open,
    /// Ends an open election now.
    Close,
    /// Adds voters to the roll of a draft; in the order of their keys.
    AddVoters(Vec<Voter>),
    /// Changes the roll, also while the election is open; those who have voted stay.
    ChangeRoll {
        /// Taken off, in order.
        remove: Vec<PublicKey>,
        /// Put on, in the order of their keys.
        add: Vec<Voter>,
        /// Why.
        reason: String,
    },
    /// Sets other times.
    ChangeTimes {
        /// Opening; as it is if the election is open.
        opens_at: Option<Timestamp>,
        /// Closing.
        closes_at: Option<Timestamp>,
        /// Why.
        reason: String,
    },
    /// Calls the election off.
    Cancel(String),
    /// Takes back an act that waits for approvals. Who proposed it needs nobody else for that.
    Withdraw(TransactionId),
    /// Puts another key in the place of an organiser's, where an election has several.
    ReplaceOrganiser {
        /// The key that organises no more. It approves nothing of this.
        old: PublicKey,
        /// The one in its place.
        new: PublicKey,
        /// Why.
        reason: String,
    },
}

/// An act and the election that it is done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organise {
    /// The election.
    pub election: ElectionId,
    /// The act.
    pub act: Act,
}

/// An act that no election would take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAct {
    /// The reason cannot stand.
    #[error("the reason {0}")]
    Reason(#[source] InvalidText),
    /// Nobody, or more than fit.
    #[error("it names {0} voters; 1 to {ACT_VOTERS_MAX} are possible")]
    Count(usize),
    /// So that each is named once.
    #[error("its voters do not stand in the order of their keys, each once")]
    Order,
    /// Out of range.
    #[error("voter {0:.16} has {1} votes; 1 to {WEIGHT_MAX} are possible")]
    Weight(PublicKey, u32),
}

impl Act {
    /// Checks what can be said without knowing the ledger.
    pub(crate) fn check(&self) -> Result<(), InvalidAct> {
        match self {
            Self::Open | Self::Close | Self::Withdraw(_) => Ok(()),
            Self::AddVoters(add) => check_voters(&[], add),
            Self::ChangeRoll {
                remove,
                add,
                reason,
            } => check_reason(reason).and_then(|()| check_voters(remove, add)),
            Self::ChangeTimes { reason, .. }
            | Self::Cancel(reason)
            | Self::ReplaceOrganiser { reason, .. } => check_reason(reason),
        }
    }

    /// How many voters it names.
    pub(crate) fn voters(&self) -> usize {
        match self {
            Self::AddVoters(add) => add.len(),
            Self::ChangeRoll { remove, add, .. } => remove.len() + add.len(),
            _ => 0,
        }
    }
}

fn check_reason(reason: &str) -> Result<(), InvalidAct> {
    check_label(reason).map_err(InvalidAct::Reason)
}

fn check_voters(remove: &[PublicKey], add: &[Voter]) -> Result<(), InvalidAct> {
    let count = remove.len() + add.len();
    if !(1..=ACT_VOTERS_MAX).contains(&count) {
        return Err(InvalidAct::Count(count));
    }
    if !remove.is_sorted_by(|a, b| a < b) || !add.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(InvalidAct::Order);
    }
    let out = add
        .iter()
        .find(|Voter(_, weight)| !(1..=WEIGHT_MAX).contains(weight));
    out.map_or(Ok(()), |Voter(key, weight)| {
        Err(InvalidAct::Weight(*key, *weight))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::ChainId;
    use crate::key::SecretKey;
    use crate::transaction::{Payload, Transaction};

    /// Voters of this weight, in order.
    fn voters(count: usize, weight: u32) -> Vec<Voter> {
        let key = |number: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            PublicKey::from_bytes(bytes)
        };
        (0..count)
            .map(|number| Voter(key(number), weight))
            .collect()
    }

    fn bytes(part: &[Voter]) -> usize {
        bytes_of(Act::AddVoters(part.to_vec()))
    }

    fn bytes_of(act: Act) -> usize {
        let payload = Payload::Organise(Organise {
            election: ElectionId::default(),
            act,
        });
        Transaction::sign(ChainId::default(), &SecretKey::from_seed(&[1; 32]), payload)
            .to_bytes()
            .len()
    }

    #[test]
    fn parts_of_a_roll_fit_a_transaction_whatever_the_weights_and_no_larger_ones_would() {
        for weight in [1, 23, 24, 255, 256, 65_535, 65_536, WEIGHT_MAX] {
            let all = voters(4000, weight);
            let parts = voter_parts(&all);
            assert_eq!(parts.concat(), all, "{weight}");
            let count = parts[0].len();
            assert!(
                parts
                    .iter()
                    .all(|part| bytes(part) <= TRANSACTION_BYTES_MAX),
                "{weight}"
            );
            assert!(
                count == ACT_VOTERS_MAX || bytes(&all[..=count]) > TRANSACTION_BYTES_MAX,
                "{weight}: {count}"
            );
        }
        let whole = voters(ACT_VOTERS_MAX, 1);
        let of_voters: usize = whole.iter().map(Voter::encoded_bytes).sum();
        assert_eq!(bytes(&whole), ADD_VOTERS_BYTES + of_voters);
        assert_eq!(voter_parts(&voters(1700, 65_535)).len(), 1);
        assert_eq!(
            voter_parts(&voters(1634, WEIGHT_MAX))
                .iter()
                .map(|part| part.len())
                .collect::<Vec<_>>(),
            [1633, 1]
        );
        assert_eq!(voter_parts(&voters(1633, WEIGHT_MAX)).len(), 1);
        assert!(voter_parts(&[]).is_empty());
    }

    /// The page has the same file, and must cut the same. Removed are keys 0, 2, 4, ...; added are
    /// 1, 3, 5, ..., or the removed ones again.
    #[test]
    fn changes_of_a_roll_are_cut_as_the_vectors_say_and_fit_a_transaction() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../testdata/roll_changes.json")).unwrap();
        for vector in vectors.as_array().unwrap() {
            let number = |name: &str| usize::try_from(vector[name].as_u64().unwrap()).unwrap();
            let all = voters(
                2 * number("remove").max(number("add")) + 1,
                u32::try_from(number("weight")).unwrap(),
            );
            let remove: Vec<_> = all
                .iter()
                .step_by(2)
                .take(number("remove"))
                .map(|voter| voter.0)
                .collect();
            let first = if vector["same"] == true { 0 } else { 1 };
            let add: Vec<_> = all
                .iter()
                .skip(first)
                .step_by(2)
                .take(number("add"))
                .copied()
                .collect();
            let acts = roll_changes(&remove, &add, &"r".repeat(number("reason")));
            let mut counts = Vec::new();
            let (mut removed, mut added) = (Vec::new(), Vec::new());
            for act in &acts {
                let Act::ChangeRoll { remove, add, .. } = act else {
                    panic!("{act:?}")
                };
                assert!(acts.len() == 1 || act.check().is_ok(), "{vector}");
                assert!(bytes_of(act.clone()) <= TRANSACTION_BYTES_MAX, "{vector}");
                counts.push(serde_json::json!([remove.len(), add.len()]));
                removed.extend_from_slice(remove);
                added.extend_from_slice(add);
            }
            assert_eq!((removed, added), (remove, add), "{vector}");
            assert_eq!(serde_json::Value::from(counts), vector["parts"], "{vector}");
        }
        // The bound is that of the encoding, with a list of 256 or more on both sides and a reason
        // of 24 bytes or more.
        let (all, reason) = (voters(512, 1), "r".repeat(100));
        let remove: Vec<_> = all[..256].iter().map(|voter| voter.0).collect();
        let of_voters: usize = all[256..].iter().map(Voter::encoded_bytes).sum();
        let act = Act::ChangeRoll {
            remove,
            add: all[256..].to_vec(),
            reason,
        };
        assert_eq!(
            bytes_of(act),
            CHANGE_ROLL_BYTES + 100 + 256 * KEY_BYTES + of_voters
        );
    }
}
