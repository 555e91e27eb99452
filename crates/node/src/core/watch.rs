//! Apps that ask for an election, or follow it: what they are shown, and when.
//!
//! However many ask and however fast blocks come, an election is shown [`SHOW_MS`] apart at the least, and the loop takes
//! [`STEPS_MAX`] to count for all of them together. What takes more is counted aside (`counts.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vote_api::{Answer, ElectionView, RefusalCode, TALLY_BYTES_MAX, TALLY_LINES_MAX};
use vote_chain::{Changes, ElectionId, ElectionPhase, Height, Results, Tally};

use super::Core;
use super::apps::refusal;
use super::questions::unknown_election;
use super::timers::Wake;
use crate::socket::AppCall;

/// Apps that ask for elections or watch them at one time.
const WATCHERS_MAX: usize = 4096;
/// Of one app.
const OF_SESSION_MAX: usize = 256;
/// Elections are shown so far apart, in milliseconds.
const SHOW_MS: u64 = 100;
/// Elections that are shown at once; the rest waits for the next time.
const SHOWN_MAX: usize = 16;
/// Steps of counting at one time that the loop can spare, some milliseconds.
const STEPS_MAX: u64 = 2_000_000;

/// An app that wants to see an election.
pub(super) struct Watcher {
    call: AppCall,
    election: ElectionId,
    phase: Option<ElectionPhase>,
    /// Whether one answer is all that it wants.
    once: bool,
    answered: bool,
    /// It has seen this, or asked at that time: what is older is no news.
    seen: Height,
}

/// Who wants to see elections, and which are to be shown.
#[derive(Default)]
pub(super) struct Watchers {
    all: Vec<Watcher>,
    /// Those that are to be shown, and whether they have changed: else to those alone who have seen nothing yet.
    due: BTreeMap<ElectionId, bool>,
    /// The last that was shown: those after it come next, so that each has its turn.
    last: ElectionId,
    /// Whether a timer is set for those due.
    awaited: bool,
    shown_at: Option<Instant>,
}

impl Watchers {
    /// Whether anybody wants to see an election.
    pub(super) fn want(&self, id: &ElectionId) -> bool {
        self.all.iter().any(|watcher| watcher.election == *id)
    }

    /// Takes the next few that are due.
    fn take_due(&mut self) -> Vec<(ElectionId, bool)> {
        let after = self.due.range((Bound::Excluded(self.last), Bound::Unbounded));
        let next = after.chain(self.due.range(..=self.last)).take(SHOWN_MAX);
        let next: Vec<_> = next.map(|(id, changed)| (*id, *changed)).collect();
        for (id, _) in &next {
            self.due.remove(id);
        }
        self.last = next.last().map(|(id, _)| *id).unwrap_or_default();
        next
    }

    pub(super) fn forget_session(&mut self, session: u64) {
        self.all.retain(|watcher| watcher.call.session() != session);
    }
}

impl Core {
    /// Answers with an election as soon as it is counted; again whenever that changes, unless it is asked for `once`.
    pub(super) fn watch(&mut self, call: AppCall, election: ElectionId, once: bool) {
        let Some(phase) = self.engine.state().phase(&election) else {
            call.send(Answer::Failed(unknown_election(&election)), true);
            return;
        };
        let of_session = self.watchers.all.iter().filter(|watcher| watcher.call.session() == call.session()).count();
        if self.watchers.all.len() >= WATCHERS_MAX || of_session >= OF_SESSION_MAX {
            let reason = "too many questions about elections wait for their counts; try again in a moment";
            call.send(Answer::Failed(refusal(RefusalCode::Busy, reason)), true);
            return;
        }
        let seen = self.engine.state().tip().height;
        self.watchers.all.push(Watcher { call, election, phase: Some(phase), once, answered: false, seen });
        self.show_soon(election, false);
    }

    /// Elections that a block has changed are due to those who watch them.
    pub(super) fn answer_watchers(&mut self, changes: &Changes) {
        let state = self.engine.state();
        let mut changed = BTreeSet::new();
        for watcher in &mut self.watchers.all {
            let phase = state.phase(&watcher.election);
            if changes.elections.contains_key(&watcher.election) || phase != watcher.phase {
                watcher.phase = phase;
                changed.insert(watcher.election);
            }
        }
        changed.into_iter().for_each(|id| self.show_soon(id, true));
    }

    fn show_soon(&mut self, id: ElectionId, changed: bool) {
        *self.watchers.due.entry(id).or_insert(false) |= changed;
        if !self.watchers.awaited {
            let next = self.watchers.shown_at.map(|at| at + Duration::from_millis(SHOW_MS));
            let wait = next.map_or(Duration::ZERO, |next| next.saturating_duration_since(Instant::now()));
            self.timers.set(u64::try_from(wait.as_millis()).unwrap_or(SHOW_MS), Wake::Show);
            self.watchers.awaited = true;
        }
    }

    /// Shows the elections that are due.
    pub(super) fn show(&mut self) {
        let due = self.watchers.take_due();
        let steps = STEPS_MAX / (due.len() as u64).max(1);
        for (id, changed) in due {
            if let Some(view) = self.last_count(&id) {
                self.tell_watchers(view, changed, true);
                continue;
            }
            match self.view(&id, steps).filter(|_| self.watchers.want(&id)) {
                Some(view) if is_whole(&view.tally) => self.tell_watchers(view, changed, true),
                Some(view) => {
                    if self.counts.takes_long(&id, |id| self.watchers.want(id)) {
                        self.tell_watchers(view, false, false);
                    }
                    self.count_aside(id);
                }
                None => {}
            }
        }
        (self.watchers.awaited, self.watchers.shown_at) = (false, Some(Instant::now()));
        if let Some(next) = self.watchers.due.keys().next().copied() {
            self.show_soon(next, false);
        }
    }

    /// The last count of an election that is counted aside, if nothing has changed since.
    fn last_count(&self, id: &ElectionId) -> Option<ElectionView> {
        let state = self.engine.state();
        let last = self.counts.last(id)?;
        let unchanged = state.election(id) == Some(&last.record) && state.phase(id) == Some(last.phase);
        unchanged.then(|| ElectionView { height: state.tip().height, ..last.clone() })
    }

    /// Shows an election to those who watch it and have seen nothing yet, and to the others too if it has changed. If the count is `settled`
    /// and the election over, nothing more will follow.
    pub(super) fn tell_watchers(&mut self, view: ElectionView, changed: bool, settled: bool) {
        let (over, view) = (settled && view.phase.is_over(), Arc::new(view));
        self.watchers.all.retain_mut(|watcher| {
            let news = view.height >= watcher.seen && (changed || !watcher.answered);
            if watcher.election != view.record.id || !news {
                return true;
            }
            watcher.seen = view.height;
            let last = over || watcher.once;
            watcher.answered = true;
            watcher.call.send(Answer::Election(view.clone()), last) && !last
        });
    }

    /// An election as apps see it, counted in at most so many steps.
    pub(super) fn view(&self, id: &ElectionId, steps_max: u64) -> Option<ElectionView> {
        let mut view = self.view_without_contests(id)?;
        if view.record.election.results == Results::Live || view.phase.is_over() {
            view.tally = self.engine.state().tally_within(id, steps_max)?.cut(TALLY_LINES_MAX, TALLY_BYTES_MAX);
        }
        Some(view)
    }

    /// The same without its contests.
    pub(super) fn view_without_contests(&self, id: &ElectionId) -> Option<ElectionView> {
        let state = self.engine.state();
        let (record, phase) = (state.election(id)?.clone(), state.phase(id)?);
        let tally = Tally::without_contests(&record);
        Some(ElectionView { record, phase, tally, height: state.tip().height })
    }
}

/// Whether every contest has its outcome.
pub(super) fn is_whole(tally: &Tally) -> bool {
    tally.contests.iter().all(|contest| contest.complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_many_elections_that_change_all_the_time_has_its_turn() {
        let id = |number: u8| vote_chain::decode::<ElectionId>(&[&[0x58, 32][..], &[number; 32]].concat()).unwrap();
        let mut watchers = Watchers::default();
        let mut shown = BTreeSet::new();
        for _ in 0..3 {
            watchers.due.extend((0..40).map(|number| (id(number), true)));
            let next = watchers.take_due();
            assert_eq!(next.len(), SHOWN_MAX);
            shown.extend(next.into_iter().map(|(id, _)| id));
        }
        assert_eq!(shown.len(), 40);
    }
}
