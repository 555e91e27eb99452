//! A state from the rows of storage. None is believed unread: each must fit its key, the root of the last block, and the other rows, as far
//! as that takes no longer than reading them.
//!
//! The root vouches for elections (their texts but for the hash of the transaction that they come from), for rolls as they were when
//! they opened, for logs, and for boards. From there: the ids of acts lead to the log's root; those of ballots to the board's, unless ballots
//! were replaced, of which the board has more than the rows; turnout is the number and weight of the ballots' rows; votes are the sum of
//! what ballots say where their rows have it, and elsewhere as many as have voted. What only the blocks can tell (whether a text, an act, a
//! block's height or a ballot's credential is that of its transaction, or which choice a final ballot names) is checked by following all of
//! them from the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::{CastRecord, ElectionRecord, LogEntry, Logged, Registry, RollPart, RollRecord, Turnout};
use super::root::StateTree;
use super::{State, Tip};
use crate::act::Voter;
use crate::ballot::Selection;
use crate::genesis::Genesis;
use crate::hash::{ElectionId, StateRoot};
use crate::key::PublicKey;
use crate::merkle::Frontier;
use crate::time::Height;

/// Rows that are not those of one state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRows {
    /// The root says otherwise.
    #[error("the state root is {0:.16}, not that of the last block")]
    Root(StateRoot),
    /// A row that does not fit its key, or another row.
    #[error("{table}, row {row}: {what}")]
    Row {
        /// What the row is of.
        table: &'static str,
        /// Its key.
        row: String,
        /// What does not fit.
        what: &'static str,
    },
    /// Rows of an election that do not come to what its record says.
    #[error("{what} of election {election:.16} are not those of its record")]
    Sum {
        /// The election.
        election: ElectionId,
        /// Which rows.
        what: &'static str,
    },
}

/// What the rows of one election come to.
#[derive(Debug, Default)]
struct Sums {
    log: Frontier,
    /// Acts that change the roll, without those whose part has been read.
    parts_missing: u64,
    roll: RollRecord,
    turnout: Turnout,
    /// Ballots cast, those that were replaced among them.
    cast: u64,
    /// What ballots say, by contest, where their rows have it.
    said: Vec<BTreeMap<Arc<Selection>, u64>>,
}

/// A state in the making: elections first, then acts, parts of rolls, votes, and ballots, each in the order of their keys.
#[derive(Debug)]
pub struct Restore {
    state: State,
    sums: BTreeMap<ElectionId, Sums>,
}

impl Restore {
    /// Begins with what every state has.
    pub fn new(genesis: Genesis, tip: Tip, registry: Registry) -> Self {
        Self { state: State::empty(genesis, tip, registry), sums: BTreeMap::new() }
    }

    /// Takes an election.
    ///
    /// # Errors
    /// [`InvalidRows`] names the row.
    pub fn election(&mut self, key: ElectionId, record: ElectionRecord) -> Result<(), InvalidRows> {
        let fault = |what| Err(InvalidRows::Row { table: "elections", row: format!("{key:.16}"), what });
        if record.id != key {
            return fault("the election has another id");
        }
        if record.election.check().is_err() {
            return fault("its text is none that an election can have");
        }
        if record.created_at > self.state.tip.time {
            return fault("it was created after the last block");
        }
        let said = vec![BTreeMap::new(); record.election.contests.len()];
        self.sums.insert(key, Sums { said, ..Sums::default() });
        self.state.elections.put(Arc::new(record), self.state.tip.time);
        Ok(())
    }

    /// Takes an act from an election's log.
    ///
    /// # Errors
    /// [`InvalidRows`] names the row.
    pub fn act(&mut self, election: ElectionId, place: u64, entry: LogEntry) -> Result<(), InvalidRows> {
        let fault = |what| Err(InvalidRows::Row { table: "acts", row: format!("({election:.16}, {place})"), what });
        let Some(sums) = self.sums.get_mut(&election) else { return fault("there is no such election") };
        if place != sums.log.size() {
            return fault("the act before it is missing");
        }
        if !self.state.tip.has(entry.height) || entry.time > self.state.tip.time {
            return fault("it was done after the last block");
        }
        if self.state.acts.insert(entry.transaction).is_some() {
            return fault("it is in a log twice");
        }
        sums.log.push(entry.transaction.as_bytes());
        sums.parts_missing += u64::from(entry.act.is_about_roll());
        self.state.log.insert((election, place), Arc::new(entry));
        Ok(())
    }

    /// Takes what an act did to a roll.
    ///
    /// # Errors
    /// [`InvalidRows`] names the row.
    pub fn roll_part(&mut self, election: ElectionId, place: u64, part: &RollPart) -> Result<(), InvalidRows> {
        let fault = |what| Err(InvalidRows::Row { table: "rolls", row: format!("({election:.16}, {place})"), what });
        let act = self.state.log.get(&(election, place)).map(|entry| &entry.act);
        if !act.is_some_and(|act| part.is_of(act)) {
            return fault("no act has done this to the roll");
        }
        let Some(sums) = self.sums.get_mut(&election) else { return fault("there is no such election") };
        sums.parts_missing = sums.parts_missing.saturating_sub(1);
        if part.base {
            sums.roll.append(&part.add);
        } else {
            sums.roll.count(&part.add);
        }
        let before = self.state.rolls.get(&election).map_or(0, imbl::OrdMap::len);
        let (removed, weight) = self.state.change_roll(&election, part);
        let after = self.state.rolls.get(&election).map_or(0, imbl::OrdMap::len);
        if removed != part.remove.len() as u64 || before + part.add.len() != after + part.remove.len() {
            return fault("it takes off who is not on the roll, or puts on who is");
        }
        let sums = self.sums.get_mut(&election).expect("looked up above");
        sums.roll.voters -= removed;
        sums.roll.weight -= weight;
        Ok(())
    }

    /// Takes the votes for one selection.
    ///
    /// # Errors
    /// [`InvalidRows`] names the row.
    pub fn votes(
        &mut self,
        election: ElectionId,
        contest: u16,
        selection: Selection,
        votes: u64,
    ) -> Result<(), InvalidRows> {
        let fault = |what| {
            let row = format!("({election:.16}, {contest}, {selection:?})");
            Err(InvalidRows::Row { table: "counts", row, what })
        };
        let Some(record) = self.state.elections.get(&election) else { return fault("there is no such election") };
        let asked = record.election.contests.get(usize::from(contest));
        if asked.is_none_or(|contest| contest.check_selection(&selection).is_err()) {
            return fault("no ballot of the contest can say so");
        }
        if votes == 0 {
            return fault("it has no votes");
        }
        self.state.counts.entry((election, contest)).or_default().insert(Arc::new(selection), votes);
        Ok(())
    }

    /// Takes a ballot.
    ///
    /// # Errors
    /// [`InvalidRows`] names the row.
    pub fn ballot(
        &mut self,
        election: ElectionId,
        credential: PublicKey,
        mut ballot: CastRecord,
    ) -> Result<(), InvalidRows> {
        let fault =
            |what| Err(InvalidRows::Row { table: "ballots", row: format!("({election:.16}, {credential:.16})"), what });
        let found = self.state.elections.get(&election).zip(self.sums.get_mut(&election));
        let Some((record, sums)) = found else { return fault("there is no such election") };
        let weight = if record.election.has_roll() { self.state.weight(&election, &credential) } else { Some(1) };
        let Some(weight) = weight.map(u64::from) else { return fault("the voter is not on the roll") };
        if !self.state.tip.has(ballot.height) {
            return fault("it was cast after the last block");
        }
        if ballot.counter > u32::from(record.election.revotes) {
            return fault("it replaces more ballots than can be replaced");
        }
        if ballot.selections.is_some() != (record.election.revotes > 0) {
            return fault("what it says is missing, or needless");
        }
        if let Some(selections) = &mut ballot.selections {
            if selections.len() != sums.said.len() {
                return fault("it does not answer each contest");
            }
            let mut shared = Vec::with_capacity(selections.len());
            for ((contest, said), selection) in (0..).zip(&mut sums.said).zip(selections.iter()) {
                let Some((selection, _)) = self.state.said(&election, contest, selection) else {
                    return fault("what it says has no votes");
                };
                *said.entry(selection.clone()).or_default() += weight;
                shared.push(selection.clone());
            }
            *selections = shared.into();
        }
        sums.turnout.ballots += 1;
        sums.turnout.weight += weight;
        sums.cast += u64::from(ballot.counter) + 1;
        self.state.ballots.entry(election).or_default().insert(credential, ballot);
        Ok(())
    }

    /// The state, if all rows together are those that the last block's root and the elections' records speak of.
    ///
    /// # Errors
    /// [`InvalidRows`] names the first that are not.
    pub fn finish(self) -> Result<State, InvalidRows> {
        let Self { mut state, sums } = self;
        state.elections.count_places();
        state.tree = StateTree::new(&state.registry, state.elections.oldest());
        let found = state.tree.root();
        if found != state.tip.state_root {
            return Err(InvalidRows::Root(found));
        }
        for (record, sums) in state.elections().zip(sums.values()) {
            let what = state.misfit(record, sums);
            what.map_or(Ok(()), |what| Err(InvalidRows::Sum { election: record.id, what }))?;
        }
        Ok(state)
    }
}

impl State {
    /// Which rows of an election do not come to what its record says; none if all do.
    fn misfit(&self, record: &ElectionRecord, sums: &Sums) -> Option<&'static str> {
        if sums.log != record.log {
            return Some("the acts");
        }
        if sums.roll != record.roll || sums.parts_missing > 0 {
            return Some("the voters on the roll");
        }
        if sums.turnout != record.turnout || !self.fit_board(record, sums.cast) {
            return Some("the ballots");
        }
        let fit = (0..).zip(&sums.said).all(|(contest, said)| self.fit_votes(record, contest, said));
        (!fit).then_some("the votes")
    }

    /// Whether the ballots' transactions are those of the board; if some were replaced, only whether they are as many.
    fn fit_board(&self, record: &ElectionRecord, cast: u64) -> bool {
        let ballots = self.ballots.get(&record.id);
        if cast != record.board.size() {
            return false;
        }
        if cast != record.turnout.ballots {
            return true;
        }
        let places = ballots.into_iter().flat_map(imbl::OrdMap::values);
        let mut places: Vec<_> = places.map(|ballot| (ballot.height, ballot.index, ballot.transaction)).collect();
        places.sort_unstable();
        let mut board = Frontier::default();
        places.iter().for_each(|(_, _, id)| board.push(id.as_bytes()));
        board == record.board
    }

    /// Whether a contest's votes are the sum of what ballots say; where their rows do not have it, whether they are as many as have voted.
    fn fit_votes(&self, record: &ElectionRecord, contest: u16, said: &BTreeMap<Arc<Selection>, u64>) -> bool {
        if record.election.revotes > 0 {
            return self.counts(&record.id, contest).eq(said);
        }
        let mut votes = 0u64;
        for (_, some) in self.counts(&record.id, contest) {
            votes = votes.saturating_add(*some);
        }
        votes == record.turnout.weight
    }
}

impl Tip {
    /// Whether a block of that height has been decided.
    fn has(&self, height: Height) -> bool {
        height > Height::GENESIS && height <= self.height
    }
}

impl Logged {
    fn is_about_roll(&self) -> bool {
        match self {
            Self::VotersAdded { .. } | Self::RollChanged { .. } => true,
            Self::Opened | Self::Closed | Self::TimesChanged { .. } | Self::Cancelled(_) => false,
        }
    }
}

impl RollPart {
    /// Whether this is what that act did.
    fn is_of(&self, act: &Logged) -> bool {
        match act {
            Logged::VotersAdded { voters, weight } => {
                let sum: u64 = self.add.iter().map(|Voter(_, weight)| u64::from(*weight)).sum();
                self.base && self.remove.is_empty() && self.add.len() as u64 == u64::from(*voters) && sum == *weight
            }
            Logged::RollChanged { removed, added, .. } => !self.base && self.remove == *removed && self.add == *added,
            Logged::Opened | Logged::Closed | Logged::TimesChanged { .. } | Logged::Cancelled(_) => false,
        }
    }
}
