//! What one app has yet to read, counted in bytes.
//!
//! Two sides put answers in. Tasks that answer a question of the app wait until there is room
//! ([`Outbox::room`]), so an app that reads slowly is waited for. The loop waits for nobody: what
//! it sends is small and bounded by what the app may have on its way (`limits.rs`), and large
//! things (views of elections) it sends only where there is room.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;
use vote_api::{Answer, FRAME_BYTES_MAX, Refusal, RefusalCode};
use vote_chain::encode;

use super::limits::ANSWERS_BYTES;

/// An answer on its way to an app.
pub(super) struct Parcel {
    /// The call that it answers; 0 for a notice, which is the last thing that an app hears.
    pub(super) id: u32,
    /// Whether the call has no further answer.
    pub(super) last: bool,
    /// The answer, encoded. Several apps may share one.
    pub(super) answer: Arc<[u8]>,
    /// The room that it takes among the large answers of all apps.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

struct Inner {
    queue: VecDeque<Parcel>,
    bytes: usize,
    /// Calls that have not had their last answer.
    open: usize,
    /// The app has closed its writing side: it ends with its last answer.
    no_more_calls: bool,
    closed: bool,
    /// When the app last said or took something.
    active_at: Instant,
}

/// The answers that wait for one app.
pub(crate) struct Outbox {
    // Each holder does a few steps and waits for nothing; a task between them would be one more
    // queue to bound.
    inner: Mutex<Inner>,
    /// Something has been put in, or there will be nothing more.
    filled: Notify,
    /// Something has been taken out.
    emptied: Notify,
    /// The node wants this app's place.
    evicted: Notify,
}

/// An answer as bytes; one that does not fit a frame becomes a failure that says so.
pub(crate) fn packed(answer: &Answer) -> Arc<[u8]> {
    // The frame has the call's number around the answer: some bytes more.
    const AROUND: usize = 16;
    let bytes = encode(answer);
    if bytes.len() + AROUND <= FRAME_BYTES_MAX {
        return bytes.into();
    }
    tracing::error!(bytes = bytes.len(), "an answer does not fit a frame");
    let reason = format!(
        "the answer would be a frame of {} bytes, which is too large",
        bytes.len()
    );
    encode(&Answer::Failed(Refusal {
        code: RefusalCode::Invalid,
        reason,
    }))
    .into()
}

impl Outbox {
    pub(super) fn new(now: Instant) -> Arc<Self> {
        let inner = Inner {
            queue: VecDeque::new(),
            bytes: 0,
            open: 0,
            no_more_calls: false,
            closed: false,
            active_at: now,
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            filled: Notify::new(),
            emptied: Notify::new(),
            evicted: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an answer in; false if the app is gone.
    pub(super) fn put(&self, parcel: Parcel) -> bool {
        let mut inner = self.lock();
        if inner.closed {
            return false;
        }
        inner.bytes += parcel.answer.len();
        inner.queue.push_back(parcel);
        self.filled.notify_one();
        true
    }

    /// Whether less waits than an app may leave unread.
    pub(crate) fn has_room(&self) -> bool {
        let inner = self.lock();
        inner.bytes < ANSWERS_BYTES && !inner.closed
    }

    /// Waits until there is room; false if the app is gone.
    pub(super) async fn room(&self) -> bool {
        self.until(|inner| inner.bytes < ANSWERS_BYTES).await
    }

    /// Waits until fewer than `max` calls are open; false if the app is gone.
    pub(super) async fn calls_below(&self, max: usize) -> bool {
        self.until(|inner| inner.open < max).await
    }

    async fn until(&self, fits: impl Fn(&Inner) -> bool) -> bool {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // Listens before it looks, so that nothing is missed in between.
            emptied.as_mut().enable();
            {
                let inner = self.lock();
                if inner.closed {
                    return false;
                }
                if fits(&inner) {
                    return true;
                }
            }
            emptied.await;
        }
    }

    /// Takes the next answer out, once there is one; none if nothing more will come.
    pub(super) async fn take(&self, now: impl Fn() -> Instant) -> Option<Parcel> {
        loop {
            {
                let mut inner = self.lock();
                if let Some(parcel) = inner.queue.pop_front() {
                    inner.bytes -= parcel.answer.len();
                    inner.active_at = now();
                    self.emptied.notify_waiters();
                    return Some(parcel);
                }
                if inner.closed || (inner.no_more_calls && inner.open == 0) {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }

    /// A call has come.
    pub(super) fn open_call(&self, now: Instant) {
        let mut inner = self.lock();
        inner.open += 1;
        inner.active_at = now;
    }

    fn close_call(&self) {
        self.lock().open -= 1;
        self.emptied.notify_waiters();
        self.filled.notify_one();
    }

    /// The app will send no more calls, and still wants its answers.
    pub(super) fn no_more_calls(&self) {
        self.lock().no_more_calls = true;
        self.filled.notify_one();
    }

    /// The app is gone: what waits for it is dropped, and who waits for room is told.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.queue.clear();
        inner.bytes = 0;
        self.emptied.notify_waiters();
        self.filled.notify_one();
    }

    /// Since when the app has wanted nothing, or has not taken what waits for it; none while it is
    /// at work.
    pub(super) fn quiet_since(&self) -> Option<Quiet> {
        let inner = self.lock();
        match (inner.queue.is_empty(), inner.open == 0) {
            (true, true) => Some(Quiet {
                since: inner.active_at,
                reads: true,
            }),
            (false, _) => Some(Quiet {
                since: inner.active_at,
                reads: false,
            }),
            (true, false) => None,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lock().queue.is_empty()
    }

    /// Asks the session to end.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

/// An app that does nothing.
pub(super) struct Quiet {
    pub(super) since: Instant,
    /// Whether it has read all that was sent to it.
    pub(super) reads: bool,
}

/// Counts a call as open for as long as somebody may answer it.
pub(super) struct OpenCall(pub(super) Arc<Outbox>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.close_call();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(bytes: usize) -> Parcel {
        Parcel {
            id: 1,
            last: true,
            answer: vec![0; bytes].into(),
            _room: None,
        }
    }

    #[tokio::test]
    async fn app_that_reads_slowly_is_waited_for_and_one_that_is_gone_is_not() {
        let outbox = Outbox::new(Instant::now());
        assert!(outbox.put(parcel(ANSWERS_BYTES)));
        assert!(!outbox.has_room());
        let waiting = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "nothing was read yet");
        assert!(outbox.take(Instant::now).await.is_some());
        assert!(waiting.await.unwrap());
        outbox.put(parcel(ANSWERS_BYTES));
        outbox.close();
        assert!(!outbox.room().await, "nobody waits for an app that is gone");
        assert!(!outbox.put(parcel(1)));
    }

    #[tokio::test]
    async fn app_that_sends_no_more_calls_ends_after_its_last_answer() {
        let outbox = Outbox::new(Instant::now());
        outbox.open_call(Instant::now());
        let call = OpenCall(outbox.clone());
        outbox.no_more_calls();
        let reader = tokio::spawn({
            let outbox = outbox.clone();
            async move {
                let first = outbox.take(Instant::now).await.is_some();
                (first, outbox.take(Instant::now).await.is_none())
            }
        });
        tokio::task::yield_now().await;
        outbox.put(parcel(10));
        tokio::task::yield_now().await;
        assert!(!reader.is_finished(), "the call is open still");
        drop(call);
        assert_eq!(reader.await.unwrap(), (true, true));
    }

    #[test]
    fn answer_that_does_not_fit_a_frame_is_a_failure_in_words() {
        let bytes = packed(&Answer::Log(Vec::new()));
        assert_eq!(
            vote_chain::decode::<Answer>(&bytes).unwrap(),
            Answer::Log(Vec::new())
        );
        let reason = "x".repeat(FRAME_BYTES_MAX);
        let huge = Answer::Failed(Refusal {
            code: RefusalCode::Busy,
            reason,
        });
        let Answer::Failed(refusal) = vote_chain::decode(&packed(&huge)).unwrap() else {
            panic!()
        };
        assert!(refusal.reason.contains("too large"), "{}", refusal.reason);
    }
}
