//! Counts that take too long for the loop: made aside, one at a time for each election, from a copy of what was voted.

use std::collections::BTreeMap;

use vote_api::{Answer, ElectionView, RefusalCode, TALLY_LINES_MAX};
use vote_chain::{ElectionId, Tally};

use super::apps::refusal;
use super::questions::unknown_election;
use super::{Core, Inner};
use crate::socket::AppCall;

/// Elections that are counted aside at one time; others are shown without an outcome meanwhile.
const COUNTS_MAX: usize = 4;
/// Calls that wait for a count.
const WAITING_MAX: usize = 1024;

/// Counts on their way.
#[derive(Default)]
pub(super) struct Counts {
    /// Elections that are being counted, and whether they have changed since that began.
    running: BTreeMap<ElectionId, bool>,
    waiting: BTreeMap<ElectionId, Vec<AppCall>>,
}

/// Whether every contest has its outcome.
pub(super) fn is_whole(tally: &Tally) -> bool {
    tally.contests.iter().all(|contest| contest.complete)
}

impl Core {
    /// Answers with an election and its count, at once or when it has been made.
    pub(super) fn send_election(&mut self, call: AppCall, id: ElectionId) {
        let Some(view) = self.view(&id) else {
            call.send(Answer::Failed(unknown_election(&id)), true);
            return;
        };
        if is_whole(&view.tally) || !self.count_aside(id) {
            call.send(Answer::Election(Box::new(view)), true);
        } else if self.counts.waiting.values().map(Vec::len).sum::<usize>() >= WAITING_MAX {
            call.send(Answer::Failed(refusal(RefusalCode::Busy, "too many apps wait for counts")), true);
        } else {
            self.counts.waiting.entry(id).or_default().push(call);
        }
    }

    /// Has an election counted aside; false if too many are already.
    pub(super) fn count_aside(&mut self, id: ElectionId) -> bool {
        if let Some(changed) = self.counts.running.get_mut(&id) {
            *changed = true;
            return true;
        }
        let state = self.engine.state();
        let (Some(uncounted), Some(phase)) = (state.uncounted(&id), state.phase(&id)) else { return false };
        if self.counts.running.len() >= COUNTS_MAX {
            return false;
        }
        let height = state.tip().height;
        self.counts.running.insert(id, false);
        self.spawn(async move {
            let counted = tokio::task::spawn_blocking(move || (uncounted.count(), uncounted.record)).await;
            let (tally, record) = counted.expect("a count does not panic, and nobody ends its thread");
            let view = ElectionView { record, phase, tally: tally.top(TALLY_LINES_MAX), height };
            Some(Inner::Counted(Box::new(view)))
        });
        true
    }

    /// A count has been made: those who wait for it hear of it, and those who watch.
    pub(super) fn on_counted(&mut self, view: &ElectionView) {
        let id = view.record.id;
        let changed = self.counts.running.remove(&id).unwrap_or(false);
        for call in self.counts.waiting.remove(&id).into_iter().flatten() {
            call.send(Answer::Election(Box::new(view.clone())), true);
        }
        self.tell_watchers(view);
        if changed {
            self.count_aside(id);
        }
    }
}
