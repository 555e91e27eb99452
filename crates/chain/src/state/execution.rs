//! A block in the making: changes on top of a state that stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::State;
use super::invalid::InvalidTransaction;
use super::record::{CastRecord, ElectionRecord, LogEntry, Registry, RollPart};
use crate::committee::Proposals;
use crate::hash::{ElectionId, StateRoot, TransactionId};
use crate::key::PublicKey;
use crate::time::{Height, Timestamp};
use crate::transaction::Payload;
use crate::urn::Urn;
use crate::verify::Verified;
use crate::version::Version;

/// What a block changes: whole new values of all that it touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Elections created, voted in, or acted upon.
    pub elections: BTreeMap<ElectionId, Arc<ElectionRecord>>,
    /// Acts, by their places in their elections' logs.
    pub log: BTreeMap<(ElectionId, u64), Arc<LogEntry>>,
    /// What acts have done to rolls, by the same places.
    pub rolls: BTreeMap<(ElectionId, u64), RollPart>,
    /// What waits for approvals, of elections in which that has changed.
    pub(crate) proposals: BTreeMap<ElectionId, Arc<Proposals>>,
    /// Ballots cast.
    pub ballots: BTreeMap<(ElectionId, PublicKey), CastRecord>,
    /// What the ballots say of elections voted in.
    pub(crate) urns: BTreeMap<ElectionId, Urn>,
    /// Validators and approvals after the block.
    pub registry: Arc<Registry>,
    /// The root over the state after the block.
    pub state_root: StateRoot,
}

/// Applies transactions one by one. One that is refused changes nothing.
#[derive(Debug)]
pub struct Execution<'a> {
    pub(super) state: &'a State,
    pub(super) time: Timestamp,
    pub(super) height: Height,
    pub(super) applied: u32,
    pub(super) changes: Changes,
    /// Votes of those whom the block puts on a roll; none for those whom it takes off.
    pub(super) roll_changes: BTreeMap<(ElectionId, PublicKey), Option<u32>>,
    /// How many elections that are not over the block adds to those of each organiser; below 0 if
    /// it ends more than it creates.
    pub(super) running: BTreeMap<PublicKey, i64>,
    /// The ids of the block's acts.
    pub(super) acts: BTreeSet<TransactionId>,
    /// Voters that acts name which were done by approvals.
    pub(super) approved_voters: usize,
}

impl<'a> Execution<'a> {
    pub(super) fn new(state: &'a State, height: Height, time: Timestamp) -> Self {
        let changes = Changes {
            elections: BTreeMap::new(),
            log: BTreeMap::new(),
            rolls: BTreeMap::new(),
            proposals: BTreeMap::new(),
            ballots: BTreeMap::new(),
            urns: BTreeMap::new(),
            registry: state.upcoming.clone(),
            state_root: StateRoot::default(),
        };
        Self {
            state,
            time,
            height,
            applied: 0,
            changes,
            roll_changes: BTreeMap::new(),
            running: BTreeMap::new(),
            acts: BTreeSet::new(),
            approved_voters: 0,
        }
    }

    /// Applies one transaction.
    ///
    /// # Errors
    /// [`InvalidTransaction`] if it does not fit; nothing has changed then.
    pub fn apply(&mut self, transaction: &Verified) -> Result<(), InvalidTransaction> {
        let (id, content) = (transaction.id(), transaction.content());
        self.check_version(&content.payload)?;
        match &content.payload {
            Payload::CreateElection(election) => self.create(id, content.signer, election),
            Payload::CastBallot(ballot) => self.cast(id, content.signer, ballot),
            Payload::Organise(organise) => self.organise(id, content.signer, organise),
            Payload::ApproveChange {
                change,
                changes_before,
                signed_at,
            } => self.approve(content.signer, change, *changes_before, *signed_at),
            Payload::ApproveAct { election, proposal } => {
                self.approve_act(id, content.signer, election, proposal)
            }
        }?;
        self.applied += 1;
        Ok(())
    }

    /// The protocol version that the block goes by.
    pub(super) fn version(&self) -> Version {
        self.changes.registry.versions.at(self.height)
    }

    /// Whether the protocol version that the block goes by has what a transaction makes use of.
    fn check_version(&self, payload: &Payload) -> Result<(), InvalidTransaction> {
        let version = self.version();
        let needed = Version::of(payload);
        if needed <= version {
            Ok(())
        } else {
            Err(InvalidTransaction::LaterVersion { needed, version })
        }
    }

    /// The changes of all that was applied.
    pub fn finish(self) -> Changes {
        let state_root = self.state.tree_with(&self.changes).root();
        Changes {
            state_root,
            ..self.changes
        }
    }

    /// The same without the state root, which is most of the work for a small block.
    pub(super) fn into_changes(self) -> Changes {
        self.changes
    }

    pub(super) fn election(&self, id: &ElectionId) -> Result<&ElectionRecord, InvalidTransaction> {
        let found = self
            .changes
            .elections
            .get(id)
            .or_else(|| self.state.elections.get(id));
        found
            .map(|record| &**record)
            .ok_or(InvalidTransaction::UnknownElection(*id))
    }

    /// The record that this block will leave behind, to be changed.
    pub(super) fn election_mut(&mut self, id: &ElectionId) -> &mut ElectionRecord {
        let below = &self.state.elections;
        let found = || {
            below
                .get(id)
                .expect("the caller has looked the election up")
                .clone()
        };
        Arc::make_mut(self.changes.elections.entry(*id).or_insert_with(found))
    }
}
