//! What goes on: one question to the node for each thing that is followed, however many pages follow it. Who reads slowly gets the latest, not all.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use vote_api::{Answer, Request};
use vote_chain::ElectionId;

use crate::fault::Fault;
use crate::json;
use crate::node::Node;

/// Between looks at how the node is doing.
const LOOK: Duration = Duration::from_secs(1);
/// Before a node that is gone is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// One thing that was said: the event's name, and its data as JSON.
type Said = Option<(&'static str, Arc<str>)>;

/// What can be followed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Status,
    Election(ElectionId),
}

/// All that is followed now.
#[derive(Clone)]
pub(crate) struct Live {
    node: Arc<Node>,
    // Touched for an instant when somebody begins or nobody is left.
    topics: Arc<Mutex<BTreeMap<Topic, watch::Sender<Said>>>>,
}

impl Live {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node, topics: Arc::default() }
    }

    /// How the node is doing, once a second.
    pub(crate) fn status(&self) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        self.follow(Topic::Status)
    }

    /// An election, at once and after each block that changes it, until it is over.
    pub(crate) async fn election(
        &self,
        id: ElectionId,
    ) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Fault> {
        self.node.ask(Request::Election(id)).await?;
        Ok(self.follow(Topic::Election(id)))
    }

    fn follow(&self, topic: Topic) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = topics.get(&topic).map(watch::Sender::subscribe);
        let receiver = followed.unwrap_or_else(|| {
            let (sender, receiver) = watch::channel(None);
            topics.insert(topic, sender.clone());
            tokio::spawn(self.clone().feed(topic, sender));
            receiver
        });
        let events = WatchStream::new(receiver).filter_map(|said| async {
            let (name, data) = said?;
            Some(Ok(Event::default().event(name).data(data)))
        });
        Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
    }

    /// Says what there is to say, until nobody listens or there is nothing more.
    async fn feed(self, topic: Topic, sender: watch::Sender<Said>) {
        loop {
            let over = tokio::select! {
                over = self.say(topic, &sender) => over,
                () = sender.closed() => Ok(true),
            };
            if over.is_err() {
                sender.send_replace(Some(("gone", "{}".into())));
                tokio::select! {
                    () = tokio::time::sleep(RETRY) => {}
                    () = sender.closed() => {}
                }
            }
            let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
            if over.unwrap_or(false) || sender.receiver_count() == 0 {
                topics.remove(&topic);
                return;
            }
        }
    }

    /// True when there is nothing more to say.
    async fn say(&self, topic: Topic, sender: &watch::Sender<Said>) -> Result<bool, Fault> {
        match topic {
            Topic::Status => loop {
                let Answer::Status(status) = self.node.ask(Request::Status).await? else { return Err(Fault::gone()) };
                let said = json::status(&status).to_string();
                sender.send_replace(Some(("status", said.into())));
                tokio::time::sleep(LOOK).await;
            },
            Topic::Election(id) => {
                let mut answers = self.node.client().await?.stream(Request::WatchElection(id)).await?;
                while let Some(Answer::Election(view)) = answers.next().await? {
                    sender.send_replace(Some(("result", json::result(&view).to_string().into())));
                }
                Ok(true)
            }
        }
    }
}
