//! What many pages ask about an election at one moment: answered once for all of them, in memory once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use serde_json::Value;
use tokio::time::Instant;
use vote_chain::ElectionId;

use crate::fault::Fault;

/// The last answer about an election and when it was begun; held while another is made.
type Slot = Arc<tokio::sync::Mutex<Option<(Instant, Result<Bytes, Fault>)>>>;

/// Answers that are being made.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    // Touched for an instant when somebody asks and has been answered.
    slots: Arc<Mutex<BTreeMap<ElectionId, Slot>>>,
}

impl Shared {
    /// Makes an answer, or takes one that was begun after this was asked: it is as new as one of its own.
    pub(crate) async fn answer(
        &self,
        id: ElectionId,
        make: impl Future<Output = Result<Value, Fault>>,
    ) -> Result<Bytes, Fault> {
        let asked = Instant::now();
        let slot = self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().clone();
        let answer = {
            let mut last = slot.lock().await;
            match &*last {
                Some((begun, answer)) if *begun >= asked => answer.clone(),
                _ => {
                    let begun = Instant::now();
                    let answer = make.await.map(|value| Bytes::from(value.to_string()));
                    *last = Some((begun, answer.clone()));
                    answer
                }
            }
        };
        drop(slot);
        // Nothing is kept for whom nobody waits.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, slot| Arc::strong_count(slot) > 1);
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn those_who_ask_at_once_share_an_answer_that_is_as_new_as_their_question() {
        let (shared, made, gate) = (Shared::default(), AtomicU32::new(0), Notify::new());
        let ask = || {
            shared.answer(ElectionId::default(), async {
                gate.notified().await;
                gate.notify_one();
                Ok(Value::from(made.fetch_add(1, Ordering::Relaxed)))
            })
        };
        // The others ask while the first answer is on its way, which may be older than their question.
        let others = futures::future::join_all((0..100).map(|_| ask()));
        let open = async { gate.notify_one() };
        let (first, others, ()) = tokio::join!(biased; ask(), others, open);
        assert_eq!(first.unwrap(), "0");
        assert!(others.into_iter().all(|answer| answer.unwrap() == "1"));
        assert!(shared.slots.lock().unwrap().is_empty(), "nothing is kept");
        assert_eq!(ask().await.unwrap(), "2");
    }
}
