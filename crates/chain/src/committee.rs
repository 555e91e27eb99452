//! Several organisers of one election: what one of them proposes is done once enough have approved
//! it. The same rules serve the ledger and apps, which follow an election's log with them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::hash::TransactionId;
use crate::key::PublicKey;
use crate::state::InvalidTransaction;
use crate::time::Timestamp;
use crate::transaction::Payload;

/// The most organisers that one election can have.
pub const COMMITTEE_MAX: usize = 16;
/// Acts of one organiser that can wait for approvals in one election. The bound is each one's own,
/// so that nobody can keep the others from proposing anything.
pub const PROPOSALS_MAX: usize = 64;
/// So long after the block that took it an act waits for approvals: 7 days, in milliseconds.
pub const PROPOSAL_LAPSES_MS: u64 = 7 * 24 * 3600 * 1000;

/// The organisers of an election that has several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committee {
    /// 2 to 16 keys: at the creation in ascending order, none twice, the creator's among them. A
    /// key that takes the place of another one stands where that stood.
    pub organisers: Vec<PublicKey>,
    /// How many of them must sign what is done: from 1 to all of them.
    pub needed: u8,
}

/// An act that waits for approvals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its transaction, which it is named by.
    pub transaction: TransactionId,
    /// Who has proposed it.
    pub by: PublicKey,
    /// From this time on it waits no more.
    pub lapses_at: Timestamp,
    /// Who has approved it, in the order of the approvals; first who proposed it.
    pub approvals: Vec<PublicKey>,
    /// What would be done.
    pub act: Arc<Act>,
}

/// What becomes of an act or an approval that may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Enough have signed: this is to be done.
    Does(Arc<Act>),
    /// It waits for more approvals.
    Waits,
}

/// The acts of an election that wait, in the order in which they were proposed. Those that have
/// lapsed may still be among them; nothing can be done with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proposals(Vec<Proposal>);

impl Committee {
    /// Whether a key is that of an organiser.
    pub fn includes(&self, key: &PublicKey) -> bool {
        self.organisers.contains(key)
    }

    /// How many more approvals an act needs.
    pub fn lacking(&self, proposal: &Proposal) -> usize {
        usize::from(self.needed).saturating_sub(proposal.approvals.len())
    }

    /// Whether a key can be replaced: by so many of the others as an act needs.
    pub fn can_replace(&self) -> bool {
        usize::from(self.needed) < self.organisers.len()
    }

    pub(crate) fn replace(&mut self, old: &PublicKey, new: PublicKey) {
        if let Some(place) = self.organisers.iter().position(|key| key == old) {
            self.organisers[place] = new;
        }
    }

    fn check_replacement(
        &self,
        signer: &PublicKey,
        old: &PublicKey,
        new: &PublicKey,
    ) -> Result<(), InvalidTransaction> {
        if !self.can_replace() {
            return Err(InvalidTransaction::Irreplaceable(self.needed));
        }
        if !self.includes(old) {
            return Err(InvalidTransaction::NotTheOrganiser(*old));
        }
        if self.includes(new) {
            return Err(InvalidTransaction::OrganiserAlready(*new));
        }
        if signer == old {
            return Err(InvalidTransaction::OwnReplacement(*old));
        }
        Ok(())
    }
}

impl Proposals {
    /// None.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// What becomes of an act that an organiser signs.
    pub(crate) fn judge(
        &self,
        committee: &Committee,
        signer: PublicKey,
        act: &Act,
        time: Timestamp,
    ) -> Result<Step, InvalidTransaction> {
        if !committee.includes(&signer) {
            return Err(InvalidTransaction::NotTheOrganiser(signer));
        }
        match act {
            Act::Withdraw(proposal) => {
                if self.waiting(proposal, time)?.by != signer {
                    return Err(InvalidTransaction::NotTheProposer(signer));
                }
                return Ok(Step::Does(Arc::new(act.clone())));
            }
            Act::ReplaceOrganiser { old, new, .. } => {
                committee.check_replacement(&signer, old, new)?;
            }
            _ => {}
        }
        if committee.needed <= 1 {
            return Ok(Step::Does(Arc::new(act.clone())));
        }
        let own = self.0.iter().filter(|proposal| proposal.by == signer);
        if own.filter(|proposal| proposal.lapses_at > time).count() >= PROPOSALS_MAX {
            return Err(InvalidTransaction::ProposalsFull(PROPOSALS_MAX));
        }
        Ok(Step::Waits)
    }

    /// What becomes of an approval that an organiser signs.
    pub(crate) fn judge_approval(
        &self,
        committee: &Committee,
        signer: PublicKey,
        proposal: &TransactionId,
        time: Timestamp,
    ) -> Result<Step, InvalidTransaction> {
        if !committee.includes(&signer) {
            return Err(InvalidTransaction::NotTheOrganiser(signer));
        }
        let waits = self.waiting(proposal, time)?;
        if waits.approvals.contains(&signer) {
            return Err(InvalidTransaction::ApprovedBefore {
                signer,
                act: *proposal,
            });
        }
        // The committee may have changed since it was proposed.
        if let Act::ReplaceOrganiser { old, new, .. } = &*waits.act {
            committee.check_replacement(&signer, old, new)?;
        }
        Ok(if committee.lacking(waits) <= 1 {
            Step::Does(waits.act.clone())
        } else {
            Step::Waits
        })
    }

    fn waiting(
        &self,
        id: &TransactionId,
        time: Timestamp,
    ) -> Result<&Proposal, InvalidTransaction> {
        let found = self.0.iter().find(|proposal| proposal.transaction == *id);
        found
            .filter(|proposal| proposal.lapses_at > time)
            .ok_or(InvalidTransaction::NotWaiting(*id))
    }

    /// Takes in what [`Proposals::judge`] has found to wait.
    pub(crate) fn put(
        &mut self,
        transaction: TransactionId,
        by: PublicKey,
        act: &Act,
        time: Timestamp,
    ) {
        self.lapse(time);
        self.0.push(Proposal {
            transaction,
            by,
            lapses_at: time.plus_ms(PROPOSAL_LAPSES_MS),
            approvals: vec![by],
            act: Arc::new(act.clone()),
        });
    }

    /// Takes in what [`Proposals::judge_approval`] has found to wait on.
    pub(crate) fn approve(&mut self, id: &TransactionId, signer: PublicKey, time: Timestamp) {
        self.lapse(time);
        for proposal in self.0.iter_mut().filter(|one| one.transaction == *id) {
            proposal.approvals.push(signer);
        }
    }

    /// Drops one that was done.
    pub(crate) fn remove(&mut self, id: &TransactionId) {
        self.0.retain(|proposal| proposal.transaction != *id);
    }

    /// What follows for those that wait from what was done: one that is withdrawn is dropped, and
    /// all that a key which was replaced has proposed or approved goes with it.
    pub(crate) fn follow(&mut self, done: &Act) {
        match done {
            Act::Withdraw(id) => self.remove(id),
            Act::ReplaceOrganiser { old, .. } => {
                self.0.retain(|proposal| proposal.by != *old);
                for proposal in &mut self.0 {
                    proposal.approvals.retain(|key| key != old);
                }
            }
            _ => {}
        }
    }

    fn lapse(&mut self, time: Timestamp) {
        self.0.retain(|proposal| proposal.lapses_at > time);
    }
}

/// The organisers of an election and what waits, as they follow from the transactions of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organising {
    committee: Committee,
    proposals: Proposals,
}

impl Organising {
    /// At the creation.
    pub fn new(committee: Committee) -> Self {
        Self {
            committee,
            proposals: Proposals::default(),
        }
    }

    /// Takes the next transaction of the log, with its signer and what it does, of a block of that
    /// time; gives the act that is done by it, if one is.
    ///
    /// # Errors
    /// [`InvalidTransaction`] if the ledger cannot have taken it.
    pub fn follow(
        &mut self,
        id: TransactionId,
        signer: PublicKey,
        payload: &Payload,
        time: Timestamp,
    ) -> Result<Option<Arc<Act>>, InvalidTransaction> {
        let step = match payload {
            Payload::Organise(organise) => {
                let act = &organise.act;
                let step = self.proposals.judge(&self.committee, signer, act, time)?;
                if step == Step::Waits {
                    self.proposals.put(id, signer, act, time);
                }
                step
            }
            Payload::ApproveAct { proposal, .. } => {
                let of = &self.committee;
                let step = self.proposals.judge_approval(of, signer, proposal, time)?;
                match step {
                    Step::Waits => self.proposals.approve(proposal, signer, time),
                    Step::Does(_) => self.proposals.remove(proposal),
                }
                step
            }
            _ => return Err(InvalidTransaction::NotWaiting(id)),
        };
        let Step::Does(act) = step else {
            return Ok(None);
        };
        if let Act::ReplaceOrganiser { old, new, .. } = &*act {
            self.committee.replace(old, *new);
        }
        self.proposals.follow(&act);
        Ok(Some(act))
    }

    /// Who organises the election now.
    pub const fn committee(&self) -> &Committee {
        &self.committee
    }

    /// What waits at that time, in the order in which it was proposed.
    pub fn waiting(&self, time: Timestamp) -> impl Iterator<Item = &Proposal> {
        let waits = move |proposal: &&Proposal| proposal.lapses_at > time;
        self.proposals.0.iter().filter(waits)
    }
}
