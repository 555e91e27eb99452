//! Apps that ask for an election, or follow it: what they are shown, and when. Knows no clock and
//! counts nothing itself: it is told the time, and says what is to be counted ([`Job`]).
//!
//! However many ask and however fast blocks come, an election is shown [`SHOW`] apart at the least.
//! What is counted in a moment is counted for all that are due together ([`STEPS_MAX`]); what needs
//! more is counted apart (`counts.rs`).

mod counts;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use tokio::time::Instant;
use vote_api::{Answer, ElectionView, Refusal, RefusalCode};
use vote_chain::{Changes, ElectionId, ElectionPhase, Height, State, Tally};

use crate::ledger::{Ledger, refusal, unknown_election};
use crate::socket::{AppCall, packed};
use counts::{Counts, Kind, Next};

/// Apps that ask for elections or watch them at one time.
const WATCHERS_MAX: usize = 4096;
/// Of one app.
const OF_SESSION_MAX: usize = 256;
/// Elections are shown so far apart.
const SHOW: Duration = Duration::from_millis(100);
/// Elections that are shown at once; the rest waits for the next time.
const SHOWN_MAX: usize = 16;
/// Steps of counting for all elections that are shown at once, some milliseconds.
const STEPS_MAX: u64 = 2_000_000;
/// Between looks at apps that have not read what they were shown.
const SLOW: Duration = Duration::from_secs(1);

/// An app that wants to see an election.
struct Watcher {
    call: AppCall,
    election: ElectionId,
    phase: ElectionPhase,
    /// Whether one answer is all that it wants.
    once: bool,
    answered: bool,
    /// The newest height that this app was shown, or that it asked at; older views are not sent.
    seen: Height,
    /// Whether it was passed over, since it has not read what it was sent before.
    behind: bool,
}

/// Work for another thread.
#[derive(Debug)]
pub(crate) struct Job {
    /// Elections, and whether they have changed since they were last shown.
    elections: Vec<(ElectionId, bool)>,
    /// For each of them.
    steps_max: u64,
    /// None if they are those that are shown at once.
    kind: Option<Kind>,
}

/// What has come of a job.
pub(crate) struct Done {
    views: Vec<(Box<ElectionView>, bool)>,
    kind: Option<Kind>,
    took: Duration,
}

impl Job {
    /// Counts.
    pub(crate) fn run(self, ledger: &Ledger, clock: impl Fn() -> Instant) -> Done {
        let began = clock();
        let view = |(id, changed): (ElectionId, bool)| {
            Some((Box::new(ledger.view(&id, self.steps_max)?), changed))
        };
        let views = self.elections.into_iter().filter_map(view).collect();
        Done {
            views,
            kind: self.kind,
            took: clock() - began,
        }
    }
}

/// Who wants to see elections, which are to be shown, and which to be counted.
#[derive(Default)]
pub(super) struct Desk {
    watchers: Vec<Watcher>,
    /// Elections to show: true to all watchers, false only to those not yet answered.
    due: BTreeMap<ElectionId, bool>,
    /// The last that was shown: those after it come next, so that each has its turn.
    last: ElectionId,
    shown_at: Option<Instant>,
    /// Whether those that are shown at once are being counted.
    showing: bool,
    /// When to look at slow apps again.
    slow_at: Option<Instant>,
    counts: Counts,
}

impl Desk {
    /// An app asks for an election as it is now, or for that and for all that follows.
    pub(super) fn ask(
        &mut self,
        state: &State,
        call: AppCall,
        election: ElectionId,
        once: bool,
    ) -> Result<(), Refusal> {
        let phase = state
            .phase(&election)
            .ok_or_else(|| unknown_election(&election))?;
        let of_session = self
            .watchers
            .iter()
            .filter(|watcher| watcher.call.session() == call.session())
            .count();
        if self.watchers.len() >= WATCHERS_MAX || of_session >= OF_SESSION_MAX {
            let reason =
                "too many questions about elections wait for their counts; try again in a moment";
            return Err(refusal(RefusalCode::Busy, reason));
        }
        let seen = state.tip().height;
        self.watchers.push(Watcher {
            call,
            election,
            phase,
            once,
            answered: false,
            seen,
            behind: false,
        });
        self.due.entry(election).or_insert(false);
        Ok(())
    }

    /// An app is gone.
    pub(super) fn left(&mut self, session: u64) {
        self.watchers
            .retain(|watcher| watcher.call.session() != session);
    }

    /// Elections that a block has changed are due to those who watch them.
    pub(super) fn changed(&mut self, state: &State, changes: &Changes) {
        for watcher in &mut self.watchers {
            let phase = state.phase(&watcher.election).unwrap_or(watcher.phase);
            if changes.elections.contains_key(&watcher.election) || phase != watcher.phase {
                watcher.phase = phase;
                self.due.insert(watcher.election, true);
            }
        }
    }

    /// The next piece of work; none if there is none now.
    pub(super) fn next_job(&mut self, now: Instant, state: &State) -> Option<Job> {
        self.look_at_slow_apps(now);
        if self.show_at(now).is_some_and(|at| at <= now)
            && let Some(job) = self.show(now, state)
        {
            return Some(job);
        }
        for kind in [Kind::Short, Kind::Long] {
            let watchers = &self.watchers;
            let wanted = |id: &ElectionId| watchers.iter().any(|watcher| watcher.election == *id);
            if let Some(id) = self.counts.take(kind, now, wanted) {
                return Some(Job {
                    elections: vec![(id, true)],
                    steps_max: kind.steps_max(),
                    kind: Some(kind),
                });
            }
        }
        None
    }

    /// When there may be work again.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        [self.show_at(now), self.slow_at, self.counts.wake_at(now)]
            .into_iter()
            .flatten()
            .min()
    }

    fn show_at(&self, now: Instant) -> Option<Instant> {
        if self.due.is_empty() || self.showing {
            return None;
        }
        // The first time there is nothing to keep apart from.
        Some(self.shown_at.map_or(now, |at| at + SHOW))
    }

    /// Shows what is due and counted already; gives the rest to be counted.
    fn show(&mut self, now: Instant, state: &State) -> Option<Job> {
        self.shown_at = Some(now);
        let mut uncounted = Vec::new();
        for (id, changed) in self.take_due() {
            if !self.is_wanted(&id) {
                continue;
            }
            match self.last_count(&id, state) {
                Some(view) => self.tell(now, &view, changed, true),
                None => uncounted.push((id, changed)),
            }
        }
        if uncounted.is_empty() {
            return None;
        }
        self.showing = true;
        let steps_max = STEPS_MAX / u64::try_from(uncounted.len()).unwrap_or(u64::MAX);
        Some(Job {
            elections: uncounted,
            steps_max,
            kind: None,
        })
    }

    /// Takes the next few that are due.
    fn take_due(&mut self) -> Vec<(ElectionId, bool)> {
        let after = self
            .due
            .range((Bound::Excluded(self.last), Bound::Unbounded));
        let next = after.chain(self.due.range(..=self.last)).take(SHOWN_MAX);
        let next: Vec<_> = next.map(|(id, changed)| (*id, *changed)).collect();
        for (id, _) in &next {
            self.due.remove(id);
        }
        self.last = next.last().map(|(id, _)| *id).unwrap_or_default();
        next
    }

    fn is_wanted(&self, id: &ElectionId) -> bool {
        self.watchers.iter().any(|watcher| watcher.election == *id)
    }

    /// The last count of an election that is counted apart, if nothing has changed since.
    fn last_count(&self, id: &ElectionId, state: &State) -> Option<ElectionView> {
        let last = self.counts.last(id)?;
        let unchanged =
            state.election(id) == Some(&last.record) && state.phase(id) == Some(last.phase);
        unchanged.then(|| ElectionView {
            height: state.tip().height,
            ..last.clone()
        })
    }

    /// A job is done: those who wait for it hear of it, and those who watch.
    pub(super) fn done(&mut self, now: Instant, state: &State, done: Done) {
        let Done { views, kind, took } = done;
        match kind {
            None => {
                self.showing = false;
                for (view, changed) in views {
                    self.shown(now, state, *view, changed);
                }
            }
            Some(_) => {
                for (view, _) in views {
                    let over = is_over(state, &view.record.id);
                    match self.counts.counted(now, view, took, over) {
                        Some(Next::Show(view)) => self.tell(now, &view, true, true),
                        Some(Next::Longer(view)) => self.tell(now, &view, false, false),
                        None => {}
                    }
                }
            }
        }
    }

    /// An election was counted as far as the moment allowed.
    fn shown(&mut self, now: Instant, state: &State, view: ElectionView, changed: bool) {
        if is_whole(&view.tally) {
            return self.tell(now, &view, changed, true);
        }
        let id = view.record.id;
        let watchers = &self.watchers;
        if self.counts.takes_long(&id, |id| {
            watchers.iter().any(|watcher| watcher.election == *id)
        }) {
            self.tell(now, &view, false, false);
        }
        self.counts.enqueue(now, id, is_over(state, &id));
    }

    /// Shows an election to those who watch it and have seen nothing yet, and to the others too if
    /// it has changed. If the count is `settled` and the election over, nothing more will follow.
    fn tell(&mut self, now: Instant, view: &ElectionView, changed: bool, settled: bool) {
        let over = settled && view.phase.is_over();
        let height = view.height;
        let election = view.record.id;
        // Encoded once for all, and only if somebody is shown it.
        let mut answer = None;
        let mut behind = false;
        self.watchers.retain_mut(|watcher| {
            let news = height >= watcher.seen && (changed || !watcher.answered);
            if watcher.election != election || !news {
                return true;
            }
            if !watcher.call.has_room() {
                // It is shown the newest view once it has read the last one.
                watcher.behind = true;
                behind = true;
                return true;
            }
            let answer =
                answer.get_or_insert_with(|| packed(&Answer::Election(view.clone().into())));
            let last = over || watcher.once;
            watcher.seen = height;
            watcher.answered = true;
            watcher.behind = false;
            watcher.call.send_packed(answer.clone(), last) && !last
        });
        if behind {
            self.slow_at.get_or_insert(now + SLOW);
        }
    }

    /// Apps that were passed over and have read since are shown the newest view.
    fn look_at_slow_apps(&mut self, now: Instant) {
        if self.slow_at.is_none_or(|at| now < at) {
            return;
        }
        let mut still = false;
        for watcher in self.watchers.iter_mut().filter(|watcher| watcher.behind) {
            if watcher.call.has_room() {
                watcher.behind = false;
                watcher.answered = false;
                self.due.entry(watcher.election).or_insert(false);
            } else {
                still = true;
            }
        }
        self.slow_at = still.then(|| now + SLOW);
    }
}

fn is_over(state: &State, id: &ElectionId) -> bool {
    state.phase(id).is_some_and(ElectionPhase::is_over)
}

/// Whether every contest has its outcome.
fn is_whole(tally: &Tally) -> bool {
    tally.contests.iter().all(|contest| contest.complete)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ledger::testing::{created, vote};
    use crate::socket::testing::{call, fill, heard};

    pub(super) fn id(byte: u8) -> ElectionId {
        vote_chain::decode(&[&[0x58, 32][..], &[byte; 32]].concat()).expect("a byte string of 32")
    }

    /// Does the work that there is now; says how many jobs.
    fn work(desk: &mut Desk, now: Instant, ledger: &Ledger) -> usize {
        let mut jobs = 0;
        while let Some(job) = desk.next_job(now, &ledger.state) {
            let done = job.run(ledger, || now);
            desk.done(now, &ledger.state, done);
            jobs += 1;
        }
        jobs
    }

    #[test]
    fn each_of_many_elections_that_change_all_the_time_has_its_turn() {
        let mut desk = Desk::default();
        let mut shown = BTreeSet::new();
        for _ in 0..3 {
            desk.due.extend((0..40).map(|number| (id(number), true)));
            let next = desk.take_due();
            assert_eq!(next.len(), SHOWN_MAX);
            shown.extend(next.into_iter().map(|(id, _)| id));
        }
        assert_eq!(shown.len(), 40);
    }

    #[tokio::test]
    async fn app_that_watches_is_shown_each_change_and_who_asks_once_is_answered_once() {
        let (mut ledger, election) = created();
        let mut desk = Desk::default();
        let now = Instant::now();
        let (watches, asks) = (call(1), call(2));
        desk.ask(&ledger.state, watches.call.clone(), election, false)
            .unwrap();
        desk.ask(&ledger.state, asks.call.clone(), election, true)
            .unwrap();
        assert_eq!(work(&mut desk, now, &ledger), 1);
        assert!(
            matches!(&heard(&watches).await[..], [(false, Answer::Election(view))] if view.tally.turnout.ballots == 0)
        );
        assert!(matches!(
            &heard(&asks).await[..],
            [(true, Answer::Election(_))]
        ));
        let changes = vote(&mut ledger, election, 1);
        desk.changed(&ledger.state, &changes);
        assert_eq!(work(&mut desk, now, &ledger), 0, "not so soon");
        assert_eq!(desk.wake_at(now), Some(now + SHOW));
        assert_eq!(work(&mut desk, now + SHOW, &ledger), 1);
        assert!(
            matches!(&heard(&watches).await[..], [(false, Answer::Election(view))] if view.tally.turnout.ballots == 1)
        );
        assert!(heard(&asks).await.is_empty());
        assert_eq!(desk.wake_at(now + SHOW), None, "nothing is due");
    }

    #[tokio::test]
    async fn app_that_does_not_read_is_shown_the_newest_view_once_it_does_and_nothing_piles_up_for_it()
     {
        let (mut ledger, election) = created();
        let mut desk = Desk::default();
        let mut now = Instant::now();
        let slow = call(1);
        desk.ask(&ledger.state, slow.call.clone(), election, false)
            .unwrap();
        fill(&slow);
        for voter in 1..=5 {
            let changes = vote(&mut ledger, election, voter);
            desk.changed(&ledger.state, &changes);
            now += SHOW;
            work(&mut desk, now, &ledger);
        }
        assert_eq!(
            heard(&slow).await.len(),
            1,
            "what it was filled with, and no view"
        );
        now += SLOW;
        work(&mut desk, now, &ledger);
        assert!(
            matches!(&heard(&slow).await[..], [(false, Answer::Election(view))] if view.tally.turnout.ballots == 5)
        );
    }

    #[test]
    fn one_app_cannot_take_all_places_of_those_who_watch() {
        let (ledger, election) = created();
        let mut desk = Desk::default();
        let greedy = call(1);
        for _ in 0..OF_SESSION_MAX {
            desk.ask(&ledger.state, greedy.call.clone(), election, false)
                .unwrap();
        }
        let refused = desk
            .ask(&ledger.state, greedy.call, election, false)
            .unwrap_err();
        assert_eq!(refused.code, RefusalCode::Busy);
        desk.ask(&ledger.state, call(2).call, election, false)
            .unwrap();
        desk.left(1);
        assert_eq!(desk.watchers.len(), 1);
    }
}
