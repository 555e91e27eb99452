//! Apps that follow an election.

use std::collections::BTreeSet;

use vote_api::{Answer, ElectionView, RefusalCode, TALLY_LINES_MAX};
use vote_chain::{Changes, ElectionId, ElectionPhase, Results};

use super::Core;
use super::apps::refusal;
use super::counts::is_whole;
use super::questions::unknown_election;
use crate::socket::AppCall;

/// Elections that apps watch at one time.
const WATCHERS_MAX: usize = 4096;

/// Steps of a count that the loop can spare, some tens of milliseconds. What takes more is counted aside.
const COUNTING_MAX: u64 = 20_000_000;

/// An app that follows an election.
pub(super) struct Watcher {
    pub(super) call: AppCall,
    election: ElectionId,
    phase: Option<ElectionPhase>,
}

impl Core {
    pub(super) fn watch(&mut self, call: AppCall, election: ElectionId) {
        let Some(view) = self.view(&election) else {
            call.send(Answer::Failed(unknown_election(&election)), true);
            return;
        };
        if self.apps.watchers.len() >= WATCHERS_MAX {
            call.send(Answer::Failed(refusal(RefusalCode::Busy, "too many apps are watching")), true);
            return;
        }
        let (phase, whole) = (Some(view.phase), is_whole(&view.tally));
        let last = view.phase.is_over() && whole;
        if call.send(Answer::Election(Box::new(view)), last) && !last {
            self.apps.watchers.push(Watcher { call, election, phase });
            if !whole {
                self.count_aside(election);
            }
        }
    }

    /// Elections that a block has changed are shown to those who watch them, as soon as they are counted.
    pub(super) fn answer_watchers(&mut self, changes: &Changes) {
        let state = self.engine.state();
        let mut changed = BTreeSet::new();
        for watcher in &mut self.apps.watchers {
            let phase = state.phase(&watcher.election);
            if changes.elections.contains_key(&watcher.election) || phase != watcher.phase {
                watcher.phase = phase;
                changed.insert(watcher.election);
            }
        }
        for id in changed {
            match self.view(&id) {
                Some(view) if is_whole(&view.tally) || !self.count_aside(id) => self.tell_watchers(&view),
                _ => {}
            }
        }
    }

    /// Shows an election to those who watch it; for the last time if it is over.
    pub(super) fn tell_watchers(&mut self, view: &ElectionView) {
        let last = view.phase.is_over();
        self.apps.watchers.retain(|watcher| {
            watcher.election != view.record.id
                || (watcher.call.send(Answer::Election(Box::new(view.clone())), last) && !last)
        });
    }

    /// An election as apps see it.
    pub(super) fn view(&self, id: &ElectionId) -> Option<ElectionView> {
        self.view_within(id, COUNTING_MAX)
    }

    /// The same for one of many, which must share the time.
    pub(super) fn view_of_many(&self, id: &ElectionId) -> Option<ElectionView> {
        self.view_within(id, COUNTING_MAX / (self.engine.state().elections().count() as u64).max(1))
    }

    fn view_within(&self, id: &ElectionId, work_max: u64) -> Option<ElectionView> {
        let state = self.engine.state();
        let (record, phase) = (state.election(id)?.clone(), state.phase(id)?);
        let withheld = record.election.results == Results::AtClosing && !phase.is_over();
        let tally = state.tally_within(id, if withheld { 0 } else { work_max })?.top(TALLY_LINES_MAX);
        let tally = if withheld { tally.withheld() } else { tally };
        Some(ElectionView { record, phase, tally, height: state.tip().height })
    }
}
