//! Counts that take longer than a moment: which election is counted next, and what the last count
//! was.
//!
//! Two are made at a time: one of elections that are counted within [`SHORT_STEPS_MAX`], and one of
//! those that have been found to take more. So an election that is made to be hard to count holds
//! up others of its kind, and the rest for no longer than it takes to find that out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use vote_api::ElectionView;
use vote_chain::{COUNT_STEPS_MAX, ElectionId};

use super::is_whole;

/// Steps of a count for which an app can wait, a second or two.
pub(super) const SHORT_STEPS_MAX: u64 = 400_000_000;
/// While more short counts are queued than this, callers get the votes without an outcome.
const SHORT_QUEUE: usize = 3;
/// A long count of an open election is repeated only after this many times its own duration.
const PAUSE: u32 = 5;
/// Last counts that are kept, whether or not something has changed since: whoever shows one looks.
const KEPT_MAX: usize = 64;

/// How long a count may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Short,
    Long,
}

impl Kind {
    pub(super) const fn steps_max(self) -> u64 {
        match self {
            Self::Short => SHORT_STEPS_MAX,
            Self::Long => COUNT_STEPS_MAX,
        }
    }
}

/// An election that is not counted in a moment.
struct Aside {
    kind: Kind,
    running: bool,
    /// Its place among those that wait to be counted, if it does.
    queued: Option<u64>,
    not_before: Instant,
    /// Its last count, if it is kept.
    last: Option<Box<ElectionView>>,
}

/// Elections that are not counted in a moment.
#[derive(Default)]
pub(super) struct Counts {
    elections: BTreeMap<ElectionId, Aside>,
    /// Those whose last counts are kept, the oldest first.
    kept: VecDeque<ElectionId>,
    sequence: u64,
}

/// What follows from a count.
pub(super) enum Next {
    /// It is what there is to show.
    Show(Box<ElectionView>),
    /// It takes longer; what there is so far, to be shown to who has seen nothing.
    Longer(Box<ElectionView>),
}

impl Counts {
    /// Whether callers get the votes without waiting for the outcome.
    pub(super) fn takes_long(&self, id: &ElectionId, wanted: impl Fn(&ElectionId) -> bool) -> bool {
        let is_short = |aside: &Aside| aside.kind == Kind::Short && aside.queued.is_some();
        let queued = self
            .elections
            .iter()
            .filter(|(id, aside)| is_short(aside) && wanted(id))
            .count();
        self.elections
            .get(id)
            .is_some_and(|aside| aside.kind == Kind::Long)
            || queued > SHORT_QUEUE
    }

    pub(super) fn last(&self, id: &ElectionId) -> Option<&ElectionView> {
        self.elections.get(id)?.last.as_deref()
    }

    /// Has an election counted in its turn; `at_once` if it needs no pause, since it will not
    /// change again.
    pub(super) fn enqueue(&mut self, now: Instant, id: ElectionId, at_once: bool) {
        self.sequence += 1;
        let new = || Aside {
            kind: Kind::Short,
            running: false,
            queued: None,
            not_before: now,
            last: None,
        };
        let aside = self.elections.entry(id).or_insert_with(new);
        aside.queued.get_or_insert(self.sequence);
        if at_once {
            aside.not_before = now;
        }
    }

    /// Takes the next count of this kind, unless one of them is being made; skips short ones that
    /// nobody awaits.
    pub(super) fn take(
        &mut self,
        kind: Kind,
        now: Instant,
        wanted: impl Fn(&ElectionId) -> bool,
    ) -> Option<ElectionId> {
        let mut of_kind: Vec<_> = self
            .elections
            .iter_mut()
            .filter(|(_, aside)| aside.kind == kind)
            .collect();
        if of_kind.iter().any(|(_, aside)| aside.running) {
            return None;
        }
        // Who asks for one that takes long does not wait, and asks again later.
        of_kind.retain(|(id, aside)| {
            aside.queued.is_some() && aside.not_before <= now && (kind == Kind::Long || wanted(id))
        });
        let (id, next) = of_kind.into_iter().min_by_key(|(_, aside)| aside.queued)?;
        next.queued = None;
        next.running = true;
        Some(*id)
    }

    /// When the next long count may be made that is in its pause now. What waits for another count,
    /// or for somebody who asks, is looked at again when that ends, or comes.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let pausing = self
            .elections
            .values()
            .filter(|aside| aside.queued.is_some() && aside.not_before > now);
        pausing.map(|aside| aside.not_before).min()
    }

    /// A count has been made; `over` if the election has ended by now. None if nobody has asked for
    /// it.
    pub(super) fn counted(
        &mut self,
        now: Instant,
        view: Box<ElectionView>,
        took: Duration,
        over: bool,
    ) -> Option<Next> {
        let id = view.record.id;
        let aside = self.elections.get_mut(&id)?;
        aside.running = false;
        let whole = is_whole(&view.tally);
        if aside.kind == Kind::Short && !whole {
            aside.kind = Kind::Long;
            self.enqueue(now, id, over);
            return Some(Next::Longer(view));
        }
        if aside.kind == Kind::Long {
            if !whole {
                tracing::warn!(election = %id, ?took, "an election takes too long to count; its leaders are not named");
            }
            // It may have closed meanwhile, and is counted at once then.
            aside.not_before = if over { now } else { now + took * PAUSE };
        }
        self.keep(view.clone());
        Some(Next::Show(view))
    }

    fn keep(&mut self, view: Box<ElectionView>) {
        let id = view.record.id;
        if let Some(aside) = self.elections.get_mut(&id) {
            aside.last = Some(view);
            self.kept.retain(|kept| *kept != id);
            self.kept.push_back(id);
        }
        if self.kept.len() > KEPT_MAX
            && let Some(oldest) = self
                .kept
                .pop_front()
                .and_then(|oldest| self.elections.get_mut(&oldest))
        {
            oldest.last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::id;
    use super::*;

    #[test]
    fn election_that_is_hard_to_count_holds_up_others_of_its_kind_only() {
        let mut counts = Counts::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        (1..=4).for_each(|election| counts.enqueue(now, id(election), false));
        for hard in [1, 2] {
            counts.elections.get_mut(&id(hard)).unwrap().kind = Kind::Long;
        }
        let all = |_: &ElectionId| true;
        assert_eq!(counts.take(Kind::Long, now, all), Some(id(1)));
        assert_eq!(counts.take(Kind::Long, now, all), None, "one at a time");
        assert_eq!(
            counts.take(Kind::Short, now, all),
            Some(id(3)),
            "in the order in which they came"
        );
        counts.elections.get_mut(&id(3)).unwrap().running = false;
        assert_eq!(
            counts.take(Kind::Short, now, |election| *election != id(4)),
            None,
            "nobody asks for it any more"
        );
        assert_eq!(
            counts.wake_at(now),
            None,
            "what waits for another count, or for nobody, wakes nobody up"
        );
        assert_eq!(counts.take(Kind::Short, now, all), Some(id(4)));
        counts.elections.get_mut(&id(1)).unwrap().running = false;
        counts.elections.get_mut(&id(2)).unwrap().not_before = later;
        assert_eq!(counts.take(Kind::Long, now, all), None, "it pauses");
        assert_eq!(counts.wake_at(now), Some(later));
        assert!(!counts.takes_long(&id(3), all));
        (5..9).for_each(|election| counts.enqueue(now, id(election), false));
        assert!(counts.takes_long(&id(3), all), "too many wait before it");
        assert!(
            !counts.takes_long(&id(3), |_| false),
            "of which nobody waits for any"
        );
        counts.enqueue(now, id(2), true);
        assert_eq!(
            counts.take(Kind::Long, now, all),
            Some(id(2)),
            "but not once it is over"
        );
    }
}
