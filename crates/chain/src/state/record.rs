//! What the state keeps of elections, rolls, ballots and validators. Also the rows of storage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::invalid::InvalidTransaction;
use crate::act::{Act, Voter};
use crate::ballot::Selection;
use crate::committee::Committee;
use crate::election::{Election, ElectionPhase, Voters};
use crate::encoding::encode;
use crate::genesis::{Genesis, Organisers};
use crate::hash::{ElectionId, TransactionId};
use crate::key::PublicKey;
use crate::merkle::Frontier;
use crate::time::{Height, Timestamp};
use crate::transaction::Change;
use crate::validator::ValidatorSet;
use crate::version::Versions;

/// An election on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElectionRecord {
    /// Its id.
    pub id: ElectionId,
    /// As its organiser wrote it.
    pub election: Arc<Election>,
    /// Who created it; and may do things to it, if it has no committee.
    pub organiser: PublicKey,
    /// The time of the block that it is in.
    pub created_at: Timestamp,
    /// When it opens, or has opened; none until its organiser opens it. With a roll on which nobody
    /// is by then, it opens with the first voter.
    pub opens_at: Option<Timestamp>,
    /// When it closes, or has closed; none until its organiser closes it.
    pub closes_at: Option<Timestamp>,
    /// When its organiser has called it off.
    pub cancelled_at: Option<Timestamp>,
    /// Who may vote, in numbers.
    pub roll: RollRecord,
    /// The ids of the organiser's acts, in the order of the ledger.
    pub log: Frontier,
    /// Its bulletin board: the ids of its ballots, in the order of the ledger.
    pub board: Frontier,
    /// Who has voted, in numbers.
    pub turnout: Turnout,
    /// Who may do things to it now, if several may; else who created it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committee: Option<Committee>,
}

/// A roll in numbers; all zero if any key may vote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollRecord {
    /// Voters on it now.
    pub voters: u64,
    /// Their votes.
    pub weight: u64,
    /// All that were added before the opening, in the order of the ledger: frozen since.
    pub tree: Frontier,
}

/// How many have voted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turnout {
    /// Credentials with a ballot.
    pub ballots: u64,
    /// Their votes.
    pub weight: u64,
}

impl ElectionRecord {
    pub(crate) fn new(
        id: ElectionId,
        election: &Election,
        organiser: PublicKey,
        time: Timestamp,
    ) -> Self {
        let at_once = if election.voters == Voters::Anyone {
            Some(time)
        } else {
            None
        };
        Self {
            id,
            election: Arc::new(election.clone()),
            organiser,
            created_at: time,
            opens_at: election.opens_at.or(at_once),
            closes_at: election.closes_at,
            cancelled_at: None,
            roll: RollRecord::default(),
            log: Frontier::default(),
            board: Frontier::default(),
            turnout: Turnout::default(),
            committee: election.committee.clone(),
        }
    }

    /// Whether nobody could vote in it: it has a roll, and nobody is on that. Such an election does
    /// not open.
    pub fn lacks_voters(&self) -> bool {
        self.election.has_roll() && self.roll.voters == 0
    }

    /// The phase in a block of that time.
    pub fn phase(&self, time: Timestamp) -> ElectionPhase {
        if self.cancelled_at.is_some() {
            ElectionPhase::Cancelled
        } else if self.closes_at.is_some_and(|closes| time >= closes) {
            ElectionPhase::Closed
        } else if self.opens_at.is_none_or(|opens| time < opens) || self.lacks_voters() {
            ElectionPhase::Draft
        } else {
            ElectionPhase::Open
        }
    }

    /// The times at which its phase changes by itself.
    pub(crate) fn boundaries(&self) -> impl Iterator<Item = Timestamp> {
        let running = self.cancelled_at.is_none();
        self.opens_at
            .into_iter()
            .chain(self.closes_at)
            .filter(move |_| running)
    }
}

impl RollRecord {
    /// Adds voters before the opening.
    pub(crate) fn append(&mut self, voters: &[Voter]) {
        voters
            .iter()
            .for_each(|voter| self.tree.push(&encode(voter)));
        self.count(voters);
    }

    pub(crate) fn count(&mut self, voters: &[Voter]) {
        self.voters += voters.len() as u64;
        self.weight += voters
            .iter()
            .map(|Voter(_, weight)| u64::from(*weight))
            .sum::<u64>();
    }
}

/// What one act did to a roll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollPart {
    /// Taken off.
    pub remove: Vec<PublicKey>,
    /// Put on.
    pub add: Vec<Voter>,
}

/// An act in an election's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its transaction.
    pub transaction: TransactionId,
    /// The block that it is in.
    pub height: Height,
    /// That block's time.
    pub time: Timestamp,
    /// What was done.
    pub act: Logged,
    /// Who has signed it, where several organise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PublicKey>,
}

/// An act in a few words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Logged {
    /// Opened by hand.
    Opened,
    /// Closed by hand.
    Closed,
    /// Voters were added to the draft's roll.
    VotersAdded {
        /// How many.
        voters: u32,
        /// Their votes.
        weight: u64,
    },
    /// The roll was changed.
    RollChanged {
        /// Who was taken off.
        removed: Vec<PublicKey>,
        /// Who was put on.
        added: Vec<Voter>,
        /// Why.
        reason: String,
    },
    /// Other times were set.
    TimesChanged {
        /// Opening.
        opens_at: Option<Timestamp>,
        /// Closing.
        closes_at: Option<Timestamp>,
        /// Why.
        reason: String,
    },
    /// Called off.
    Cancelled(String),
    /// An act was proposed, and waits for approvals.
    Proposed(Box<Self>),
    /// An act was approved.
    Approved {
        /// The transaction that proposed it.
        proposal: TransactionId,
        /// Whether that was the last approval that it needed, so that it was done.
        done: bool,
    },
    /// An act waits no more: who proposed it has taken it back.
    Withdrawn(TransactionId),
    /// Another key has taken the place of an organiser's.
    OrganiserReplaced {
        /// The former one.
        old: PublicKey,
        /// The new one.
        new: PublicKey,
        /// Why.
        reason: String,
    },
}

impl From<&Act> for Logged {
    fn from(act: &Act) -> Self {
        match act.clone() {
            Act::Open => Self::Opened,
            Act::Close => Self::Closed,
            Act::AddVoters(voters) => Self::VotersAdded {
                voters: u32::try_from(voters.len())
                    .expect("an act names at most ACT_VOTERS_MAX voters"),
                weight: voters
                    .iter()
                    .map(|Voter(_, weight)| u64::from(*weight))
                    .sum(),
            },
            Act::ChangeRoll {
                remove,
                add,
                reason,
            } => Self::RollChanged {
                removed: remove,
                added: add,
                reason,
            },
            Act::ChangeTimes {
                opens_at,
                closes_at,
                reason,
            } => Self::TimesChanged {
                opens_at,
                closes_at,
                reason,
            },
            Act::Cancel(reason) => Self::Cancelled(reason),
            Act::Withdraw(proposal) => Self::Withdrawn(proposal),
            Act::ReplaceOrganiser { old, new, reason } => {
                Self::OrganiserReplaced { old, new, reason }
            }
        }
    }
}

/// The ballot of one credential that counts: its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CastRecord {
    /// Its transaction.
    pub transaction: TransactionId,
    /// The block that it is in.
    pub height: Height,
    /// Its place in the block.
    pub index: u32,
    /// How many ballots it has replaced.
    pub counter: u32,
    /// What it says, if it can be replaced.
    pub selections: Option<Arc<[Arc<Selection>]>>,
}

/// Who validates, who will, who may create elections, and what has been approved so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// The set that decides the next height.
    pub next: ValidatorSet,
    /// The set that decides the height after: a change takes effect two heights after its last
    /// approval, so that the signers of a block are known before the block below is applied.
    pub after: ValidatorSet,
    /// Approvals that wait, of changes to the set `after` and to the organisers: by signer, each
    /// with the time at which it was signed, the oldest first. No signer has two of one change, or
    /// more than four.
    pub approvals: BTreeMap<PublicKey, Vec<(Timestamp, Change)>>,
    /// How many changes there have been.
    pub changes: u64,
    /// Who may create elections.
    pub organisers: Organisers,
    /// By which protocol version it goes, and will.
    pub versions: Versions,
}

/// What a change makes of the part of the registry that it is about.
pub(crate) enum Made {
    Validators(ValidatorSet),
    Organisers(Organisers),
    Versions(Versions),
}

/// Approvals of one signer that wait for those of others; a newer one takes the place of the
/// oldest. So nobody's approvals stand in the way of anybody else's: more than two thirds of the
/// power can make any change in one block.
pub(crate) const APPROVALS_MAX: usize = 4;

/// An approval that was signed so long ago, by the ledger's time, is void: 30 days, in
/// milliseconds.
const APPROVAL_LAPSES_MS: u64 = 30 * 24 * 3600 * 1000;

/// Approvals that were signed before this time are void at that one.
pub(crate) fn lapsed_before(time: Timestamp) -> Timestamp {
    Timestamp::from_ms(time.ms().saturating_sub(APPROVAL_LAPSES_MS))
}

impl Registry {
    pub(crate) fn new(genesis: &Genesis) -> Self {
        Self {
            next: genesis.validators.clone(),
            after: genesis.validators.clone(),
            approvals: BTreeMap::new(),
            changes: 0,
            organisers: genesis.organisers.clone(),
            versions: Versions::new(genesis.version),
        }
    }

    /// What a change would make in the block of that height.
    pub(crate) fn with(&self, change: &Change, height: Height) -> Result<Made, InvalidTransaction> {
        Ok(match change {
            Change::Validators(change) => Made::Validators(self.after.changed(change)?),
            Change::Organisers(change) => Made::Organisers(self.organisers.changed(change)?),
            Change::Version(change) => Made::Versions(self.versions.changed(change, height)?),
        })
    }

    /// Makes a change that enough have approved. One of the validators drops all approvals, since
    /// it changes who they are; one of the version those of all such changes; one of the organisers
    /// only its own, so that several can be admitted side by side.
    pub(crate) fn make(&mut self, change: &Change, made: Made) {
        self.changes += 1;
        match made {
            Made::Validators(after) => {
                self.after = after;
                return self.approvals.clear();
            }
            Made::Organisers(organisers) => self.organisers = organisers,
            // The other plans that wait were approved beside this one: made later, they would undo it.
            Made::Versions(versions) => {
                self.versions = versions;
                return self.keep_approvals(|_, approved| !matches!(approved, Change::Version(_)));
            }
        }
        self.keep_approvals(|_, approved| approved != change);
    }

    /// Who has approved what, of the changes that wait.
    pub fn approved(&self) -> BTreeMap<Change, BTreeSet<PublicKey>> {
        let mut approved = BTreeMap::<_, BTreeSet<_>>::new();
        for (signer, given) in &self.approvals {
            for (_, change) in given {
                approved.entry(change.clone()).or_default().insert(*signer);
            }
        }
        approved
    }

    /// When the next approval of a signer is to say that it was signed: now, by its clock; or right
    /// after its newest one, if that clock has been set back since. What is approved last is so the
    /// newest.
    pub fn signing_time(&self, signer: &PublicKey, now: Timestamp) -> Timestamp {
        let newest = self.approvals.get(signer).and_then(|given| given.last());
        newest.map_or(now, |(at, _)| now.max(at.plus_ms(1)))
    }

    /// The registry as the next approval finds it, if that comes at this time.
    pub fn without_lapsed(&self, time: Timestamp) -> Self {
        let mut registry = self.clone();
        registry.lapse(lapsed_before(time));
        registry
    }

    /// Drops the approvals that were signed before `time`.
    pub(crate) fn lapse(&mut self, time: Timestamp) {
        self.keep_approvals(|at, _| *at >= time);
    }

    fn keep_approvals(&mut self, wanted: impl Fn(&Timestamp, &Change) -> bool) {
        self.approvals.retain(|_, given| {
            given.retain(|(at, change)| wanted(at, change));
            !given.is_empty()
        });
    }

    /// This one as the next block finds it: the second set has moved into the place of the first.
    pub(crate) fn upcoming(self: &Arc<Self>) -> Arc<Self> {
        if self.next == self.after {
            self.clone()
        } else {
            Arc::new(Self {
                next: self.after.clone(),
                ..(**self).clone()
            })
        }
    }
}
