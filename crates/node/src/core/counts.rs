//! Counts that take too long for the loop: made aside, from a copy of what was voted.
//!
//! Two are made at a time: one of elections that are counted within [`SHORT_STEPS_MAX`], and one of those that have been
//! found to take more. So an election that is made to be hard to count holds up others of its kind, and the rest for no longer
//! than it takes to find that out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vote_api::{ElectionView, TALLY_BYTES_MAX, TALLY_LINES_MAX};
use vote_chain::{COUNT_STEPS_MAX, ElectionId, ElectionPhase};

use super::timers::Wake;
use super::watch::is_whole;
use super::{Core, Inner};

/// Steps of a count for which an app can wait, a second or two.
const SHORT_STEPS_MAX: u64 = 400_000_000;
/// If more than so many wait for short counts, those who ask do not.
const SHORT_QUEUE: usize = 3;
/// After a long count of an open election, the next one of it comes after so many times as long.
const PAUSE: u32 = 5;

/// Counts that are kept until something changes.
const KEPT_MAX: usize = 64;

/// An election whose count is no matter for the loop.
struct Aside {
    long: bool,
    running: bool,
    /// Its place among those that wait to be counted, if it does.
    waits: Option<u64>,
    /// Not before.
    not_before: Instant,
    /// Its last count, if it is kept.
    last: Option<Box<ElectionView>>,
}

/// Elections that are counted aside.
#[derive(Default)]
pub(super) struct Counts {
    elections: BTreeMap<ElectionId, Aside>,
    /// Those whose last counts are kept, the oldest first.
    kept: VecDeque<ElectionId>,
    sequence: u64,
}

/// A count that was made aside.
pub(crate) struct Counted {
    view: Box<ElectionView>,
    took: Duration,
}

impl Counts {
    /// Whether it is not to be waited for.
    pub(super) fn takes_long(&self, id: &ElectionId, wanted: impl Fn(&ElectionId) -> bool) -> bool {
        let waits = |(id, aside): &(&ElectionId, &Aside)| !aside.long && aside.waits.is_some() && wanted(id);
        let waiting = || self.elections.iter().filter(waits).count();
        self.elections.get(id).is_some_and(|aside| aside.long) || waiting() > SHORT_QUEUE
    }

    pub(super) fn last(&self, id: &ElectionId) -> Option<&ElectionView> {
        self.elections.get(id)?.last.as_deref()
    }

    fn keep(&mut self, view: Box<ElectionView>) {
        let id = view.record.id;
        if let Some(aside) = self.elections.get_mut(&id) {
            aside.last = Some(view);
            self.kept.retain(|kept| *kept != id);
            self.kept.push_back(id);
        }
        if self.kept.len() > KEPT_MAX
            && let Some(oldest) = self.kept.pop_front().and_then(|oldest| self.elections.get_mut(&oldest))
        {
            oldest.last = None;
        }
    }

    fn enqueue(&mut self, id: ElectionId, at_once: bool) {
        self.sequence += 1;
        let new = || Aside { long: false, running: false, waits: None, not_before: Instant::now(), last: None };
        let aside = self.elections.entry(id).or_insert_with(new);
        aside.waits.get_or_insert(self.sequence);
        if at_once {
            aside.not_before = Instant::now();
        }
    }

    /// Takes the next, of the long or of the others that somebody wants counted, unless one of them is being counted.
    fn take(&mut self, long: bool, now: Instant, wanted: impl Fn(&ElectionId) -> bool) -> Option<ElectionId> {
        let mut of_kind = self.elections.iter_mut().filter(|(_, aside)| aside.long == long).collect::<Vec<_>>();
        if of_kind.iter().any(|(_, aside)| aside.running) {
            return None;
        }
        // Who asks for one that takes long does not wait, and asks again later.
        of_kind.retain(|(id, aside)| aside.waits.is_some() && aside.not_before <= now && (long || wanted(id)));
        let (id, next) = of_kind.into_iter().min_by_key(|(_, aside)| aside.waits)?;
        (next.waits, next.running) = (None, true);
        Some(*id)
    }
}

impl Core {
    /// Has an election counted aside, in its turn.
    pub(super) fn count_aside(&mut self, id: ElectionId) {
        let over = self.engine.state().phase(&id).is_some_and(ElectionPhase::is_over);
        self.counts.enqueue(id, over);
        self.count_next();
    }

    pub(super) fn count_next(&mut self) {
        let now = Instant::now();
        for (long, steps_max) in [(false, SHORT_STEPS_MAX), (true, COUNT_STEPS_MAX)] {
            let watchers = &self.watchers;
            let Some(id) = self.counts.take(long, now, |id| watchers.want(id)) else { continue };
            let state = self.engine.state();
            let (Some(uncounted), Some(phase)) = (state.uncounted(&id), state.phase(&id)) else { continue };
            let height = state.tip().height;
            let count = move || {
                let tally = uncounted.count(steps_max).cut(TALLY_LINES_MAX, TALLY_BYTES_MAX);
                Box::new(ElectionView { record: Arc::unwrap_or_clone(uncounted.record), phase, tally, height })
            };
            self.spawn(async move {
                let view = tokio::task::spawn_blocking(count).await;
                let view = view.expect("a count does not panic, and nobody ends its thread");
                Some(Inner::Counted(Counted { view, took: now.elapsed() }))
            });
        }
    }

    /// A count has been made: those who wait for it hear of it, and those who watch.
    pub(super) fn on_counted(&mut self, counted: Counted) {
        let Counted { view, took } = counted;
        let id = view.record.id;
        let Some(aside) = self.counts.elections.get_mut(&id) else { return };
        aside.running = false;
        if !aside.long && !is_whole(&view.tally) {
            aside.long = true;
            self.tell_watchers(*view, false, false);
            return self.count_aside(id);
        }
        if aside.long {
            if !is_whole(&view.tally) {
                tracing::warn!(election = %id, ?took, "an election takes too long to count; its leaders are not named");
            }
            // It may have closed meanwhile, and is counted at once then.
            let over = self.engine.state().phase(&id).is_some_and(ElectionPhase::is_over);
            aside.not_before = Instant::now() + if over { Duration::ZERO } else { took * PAUSE };
            self.timers.set(u64::try_from((took * PAUSE).as_millis()).unwrap_or(0) + 1, Wake::Count);
        }
        self.counts.keep(view.clone());
        self.tell_watchers(*view, true, true);
        self.count_next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ElectionId {
        vote_chain::decode(&[&[0x58, 32][..], &[byte; 32]].concat()).unwrap()
    }

    #[tokio::test]
    async fn election_that_is_hard_to_count_holds_up_others_of_its_kind_only() {
        let (mut counts, now) = (Counts::default(), Instant::now() + Duration::from_secs(1));
        (1..=4).for_each(|election| counts.enqueue(id(election), false));
        for hard in [1, 2] {
            counts.elections.get_mut(&id(hard)).unwrap().long = true;
        }
        let all = |_: &ElectionId| true;
        assert_eq!(counts.take(true, now, all), Some(id(1)));
        assert_eq!(counts.take(true, now, all), None, "one at a time");
        assert_eq!(counts.take(false, now, all), Some(id(3)), "in the order in which they came");
        counts.elections.get_mut(&id(3)).unwrap().running = false;
        assert_eq!(counts.take(false, now, |election| *election != id(4)), None, "nobody asks for it any more");
        assert_eq!(counts.take(false, now, all), Some(id(4)));
        counts.elections.get_mut(&id(1)).unwrap().running = false;
        counts.elections.get_mut(&id(2)).unwrap().not_before = now + Duration::from_secs(1);
        assert_eq!(counts.take(true, now, all), None, "it pauses");
        assert!(!counts.takes_long(&id(3), all));
        (5..9).for_each(|election| counts.enqueue(id(election), false));
        assert!(counts.takes_long(&id(3), all), "too many wait before it");
        assert!(!counts.takes_long(&id(3), |_| false), "of which nobody waits for any");
        counts.enqueue(id(2), true);
        assert_eq!(counts.take(true, now, all), Some(id(2)), "but not once it is over");
    }
}
