//! Places for transactions of apps that have not had their answer. With what it asks for, an app
//! may have as many as are free, and waits otherwise. So whoever fills the pool is slowed first,
//! and there is room for others.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::limits::TRANSACTIONS_MAX;

/// The places of all apps.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    // Touched for an instant.
    taken: Mutex<usize>,
    given_back: Notify,
}

/// Those of one app.
#[derive(Clone, Debug)]
pub(super) struct Share {
    places: Arc<Places>,
    mine: Arc<Mutex<usize>>,
}

/// So many places, until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    share: Share,
    count: usize,
}

impl Places {
    pub(super) fn new(all: usize) -> Arc<Self> {
        Arc::new(Self {
            all,
            taken: Mutex::new(0),
            given_back: Notify::new(),
        })
    }

    /// For an app that has none yet.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share {
            places: self.clone(),
            mine: Arc::default(),
        }
    }
}

impl Share {
    /// So many places, as soon as the app may have them.
    pub(super) async fn take(&self, count: usize) -> Taken {
        loop {
            let given_back = self.places.given_back.notified();
            tokio::pin!(given_back);
            // Before the look, so that none is missed that is given back after it.
            given_back.as_mut().enable();
            if self.try_take(count) {
                return Taken {
                    share: self.clone(),
                    count,
                };
            }
            given_back.await;
        }
    }

    fn try_take(&self, count: usize) -> bool {
        let mut taken = self
            .places
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut mine = self.mine.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = *mine + count;
        let free = self.places.all - *taken;
        let fair = wanted <= TRANSACTIONS_MAX && wanted <= free;
        if fair {
            *taken += count;
            *mine = wanted;
        }
        fair
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Share { places, mine } = &self.share;
        *places.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.count;
        *mine.lock().unwrap_or_else(PoisonError::into_inner) -= self.count;
        places.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_millis(50);
    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn app_that_fills_the_places_waits_and_another_gets_some_at_once() {
        let places = Places::new(1000);
        let (greedy, other) = (places.share(), places.share());
        let mut held = Vec::new();
        while let Ok(taken) = timeout(SOON, greedy.take(100)).await {
            held.push(taken);
        }
        assert_eq!(held.len(), 5, "half of all");
        let taken = timeout(PATIENCE, other.take(250))
            .await
            .expect("there is room for others");
        drop(held.pop());
        assert!(
            timeout(SOON, greedy.take(100)).await.is_err(),
            "fewer are free now than it would have"
        );
        drop(taken);
        assert!(timeout(PATIENCE, greedy.take(100)).await.is_ok());
    }

    #[tokio::test]
    async fn app_that_waits_hears_of_places_that_are_given_back() {
        let places = Places::new(10);
        let (one, other) = (places.share(), places.share());
        let first = one.take(5).await;
        let second = other.take(4).await;
        let waits = tokio::spawn(async move { one.take(2).await });
        drop(second);
        drop(first);
        assert!(timeout(PATIENCE, waits).await.is_ok());
    }
}
