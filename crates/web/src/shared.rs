//! What many pages ask at one moment: asked of the node once for all of them, in memory once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

/// An answer that many are given.
#[derive(Clone)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// The last answer to a question and when it was begun; held while another is made.
type Slot = Arc<tokio::sync::Mutex<Option<(Instant, Answer)>>>;

/// Answers that are being made, by the path and query that they are asked for with.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    // Touched for an instant when somebody asks and has been answered.
    slots: Arc<Mutex<BTreeMap<String, Slot>>>,
}

impl Shared {
    /// Makes an answer, or takes one that was begun after this was asked: it is as new as one of
    /// its own.
    async fn answer(&self, question: String, make: impl Future<Output = Answer>) -> Answer {
        let asked = Instant::now();
        let slot = self
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(question)
            .or_default()
            .clone();
        let answer = {
            let mut last = slot.lock().await;
            match &*last {
                Some((begun, answer)) if *begun >= asked => answer.clone(),
                _ => {
                    let begun = Instant::now();
                    let answer = make.await;
                    *last = Some((begun, answer.clone()));
                    answer
                }
            }
        };
        drop(slot);
        // Nothing is kept for whom nobody waits.
        self.slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, slot| Arc::strong_count(slot) > 1);
        answer
    }
}

/// Answers those who ask the same at one moment together. What goes on for long is not for sharing:
/// it has its own way.
pub(crate) async fn share(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if *request.method() != Method::GET {
        return next.run(request).await;
    }
    let question = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let Answer {
        status,
        headers,
        body,
    } = shared.answer(question, whole(next.run(request))).await;
    (status, headers, body).into_response()
}

/// An answer with all of its body, which is in memory anyway.
async fn whole(answer: impl Future<Output = Response>) -> Answer {
    let (parts, body) = answer.await.into_parts();
    let (status, body) = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => (parts.status, body),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    };
    Answer {
        status,
        headers: parts.headers,
        body,
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
            shared.answer("/api/status".into(), async {
                gate.notified().await;
                gate.notify_one();
                let body = Bytes::from(made.fetch_add(1, Ordering::Relaxed).to_string());
                Answer {
                    status: StatusCode::OK,
                    headers: HeaderMap::new(),
                    body,
                }
            })
        };
        // The others ask while the first answer is on its way, which may be older than their
        // question.
        let others = futures::future::join_all((0..100).map(|_| ask()));
        let open = async { gate.notify_one() };
        let (first, others, ()) = tokio::join!(biased; ask(), others, open);
        assert_eq!(first.body, "0");
        assert!(others.into_iter().all(|answer| answer.body == "1"));
        assert!(shared.slots.lock().unwrap().is_empty(), "nothing is kept");
        assert_eq!(ask().await.body, "2");
    }
}
