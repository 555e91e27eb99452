//! Apps that follow an election.

use std::collections::BTreeMap;

use vote_api::{Answer, ElectionView, RefusalCode, TALLY_LINES_MAX};
use vote_chain::{Changes, ElectionId, ElectionPhase, Results};

use super::Core;
use super::apps::refusal;
use super::questions::unknown_election;
use crate::socket::AppCall;

/// Elections that apps watch at one time.
const WATCHERS_MAX: usize = 4096;

/// Steps of a count that the loop can spare, some tens of milliseconds. What takes more is counted from an archive.
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
        let (phase, closed) = (Some(view.phase), view.phase.is_over());
        if call.send(Answer::Election(Box::new(view)), closed) && !closed {
            self.apps.watchers.push(Watcher { call, election, phase });
        }
    }

    pub(super) fn answer_watchers(&mut self, changes: &Changes) {
        let mut watchers = std::mem::take(&mut self.apps.watchers);
        let mut views: BTreeMap<ElectionId, Option<ElectionView>> = BTreeMap::new();
        watchers.retain_mut(|watcher| {
            let phase = self.engine.state().phase(&watcher.election);
            if !changes.elections.contains_key(&watcher.election) && phase == watcher.phase {
                return true;
            }
            watcher.phase = phase;
            let view = views.entry(watcher.election).or_insert_with(|| self.view(&watcher.election));
            let closed = phase.is_some_and(ElectionPhase::is_over);
            view.as_ref()
                .is_some_and(|view| watcher.call.send(Answer::Election(Box::new(view.clone())), closed) && !closed)
        });
        self.apps.watchers = watchers;
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
