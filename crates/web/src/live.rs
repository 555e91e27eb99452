//! What goes on: one question to the node for each thing that is followed, however many pages
//! follow it. Who reads slowly gets the latest, not all; who does not read at all is cut off by
//! [`crate::stall::Stall`].

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_stream::wrappers::WatchStream;
use vote_api::{CallError, CheckedElection, Refusal, RefusalCode, Watching};
use vote_chain::ElectionId;
use vote_views::{self as views, ElectionResult, Status};

use crate::clients::Prefix;
use crate::fault::Fault;
use crate::node::Node;

/// Between looks at how the node is doing.
const LOOK: Duration = Duration::from_secs(1);
/// Between two results of an election: many blocks a second are more than anybody reads, and each
/// goes to every page.
const RESULT_PAUSE: Duration = Duration::from_millis(250);
/// Before a node that has just gone is tried again; twice as long after each time, up to the
/// longest.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Between signs of life.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A page waits so long for the first word.
const FIRST_TIMEOUT: Duration = Duration::from_secs(10);
/// Things that are followed at one time: each is a connection to the node, which takes 256.
pub(crate) const TOPICS_MAX: usize = 64;
/// Of these, different elections that one client follows, with however many pages.
const ELECTIONS_OF_ONE_MAX: usize = 16;

/// What was said last.
#[derive(Clone)]
enum Said {
    Nothing,
    /// The event's name, and its data as JSON.
    Event(&'static str, Arc<str>),
    /// The node does not answer, or says what is not so; the event's name.
    Away(&'static str),
    /// The node will not have it followed.
    Refused(Refusal),
}

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
    public: bool,
    // Touched for an instant when somebody begins or nobody is left.
    topics: Arc<Mutex<BTreeMap<Topic, watch::Sender<Said>>>>,
    room: Arc<Semaphore>,
    followers: usize,
    of_clients: OfClients,
}

/// How many pages of each client follow an election.
type OfClients = Arc<Mutex<BTreeMap<(Prefix, ElectionId), usize>>>;

/// A page that follows an election, from when it asks until it is gone.
struct Follows {
    of_clients: OfClients,
    what: (Prefix, ElectionId),
}

impl Follows {
    fn begin(of_clients: &OfClients, client: Prefix, id: ElectionId) -> Result<Self, Fault> {
        let mut followed = of_clients.lock().unwrap_or_else(PoisonError::into_inner);
        let what = (client, id);
        let others = followed
            .keys()
            .filter(|(other, _)| *other == client)
            .count();
        if !followed.contains_key(&what) && others >= ELECTIONS_OF_ONE_MAX {
            return Err(Fault::busy(format!(
                "{ELECTIONS_OF_ONE_MAX} elections are followed from this address already; close some of their pages"
            )));
        }
        *followed.entry(what).or_default() += 1;
        Ok(Self {
            of_clients: of_clients.clone(),
            what,
        })
    }
}

impl Drop for Follows {
    fn drop(&mut self) {
        let mut followed = self
            .of_clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let pages = followed.get(&self.what).copied().unwrap_or(0);
        if pages > 1 {
            followed.insert(self.what, pages - 1);
        } else {
            followed.remove(&self.what);
        }
    }
}

impl Live {
    /// For at most so many followers at one time.
    pub(crate) fn new(node: Arc<Node>, public: bool, followers: usize) -> Self {
        Self {
            node,
            public,
            topics: Arc::default(),
            room: Arc::new(Semaphore::new(followers)),
            followers,
            of_clients: Arc::default(),
        }
    }

    /// How the node is doing, once a second.
    pub(crate) fn status(
        &self,
    ) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Fault> {
        let permit = self.permit()?;
        Ok(events(self.follow(Topic::Status)?, (permit, None)))
    }

    /// An election, at once and soon after each block that changes it, until it is over. `client` is
    /// who asks, where clients are bounded.
    pub(crate) async fn election(
        &self,
        id: ElectionId,
        client: Option<Prefix>,
    ) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Fault> {
        let permit = self.permit()?;
        let follows = client
            .map(|client| Follows::begin(&self.of_clients, client, id))
            .transpose()?;
        let mut receiver = self.follow(Topic::Election(id))?;
        // Without a word in time, or with the node gone, the page is told by an event: it will not
        // ask again by itself after an error.
        let first = timeout(
            FIRST_TIMEOUT,
            receiver.wait_for(|said| !matches!(said, Said::Nothing)),
        )
        .await;
        let refusal = match first.as_ref().map(|said| said.as_deref()) {
            Ok(Ok(Said::Refused(refusal))) => Some(refusal.clone()),
            _ => None,
        };
        drop(first);
        if let Some(refusal) = refusal {
            return Err(Fault::of_named(CallError::Refused(refusal)));
        }
        Ok(events(receiver, (permit, follows)))
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let busy = |_| {
            Fault::busy(format!(
                "{} things are followed by pages already; try again later",
                self.followers
            ))
        };
        self.room.clone().try_acquire_owned().map_err(busy)
    }

    fn follow(&self, topic: Topic) -> Result<watch::Receiver<Said>, Fault> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(&topic) {
            return Ok(sender.subscribe());
        }
        if topics.len() >= TOPICS_MAX {
            return Err(Fault::busy(format!(
                "{TOPICS_MAX} elections are followed already; try again later"
            )));
        }
        let (sender, receiver) = watch::channel(Said::Nothing);
        topics.insert(topic, sender.clone());
        tokio::spawn(self.clone().feed(topic, sender));
        Ok(receiver)
    }

    /// Says what there is to say, until nobody listens or there is nothing more.
    async fn feed(self, topic: Topic, sender: watch::Sender<Said>) {
        let mut retry = RETRY_MIN;
        loop {
            let said = tokio::select! {
                said = self.say(topic, &sender) => Some(said),
                () = sender.closed() => None,
            };
            let over = match said {
                None => false,
                Some(Ok(())) => true,
                Some(Err(CallError::Refused(refusal))) if refusal.code != RefusalCode::Busy => {
                    sender.send_replace(Said::Refused(refusal));
                    true
                }
                Some(Err(error)) => {
                    let why = away(&error);
                    let news = sender.send_if_modified(|said| {
                        let news = !matches!(said, Said::Away(before) if *before == why);
                        *said = Said::Away(why);
                        news
                    });
                    retry = if news {
                        RETRY_MIN
                    } else {
                        (retry * 2).min(RETRY_MAX)
                    };
                    tokio::select! {
                        () = sleep(retry) => {}
                        () = sender.closed() => {}
                    }
                    false
                }
            };
            // Nobody can begin to listen while this is held.
            let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
            if over || sender.receiver_count() == 0 {
                topics.remove(&topic);
                return;
            }
        }
    }

    /// Comes back when there is nothing more to say.
    async fn say(&self, topic: Topic, sender: &watch::Sender<Said>) -> Result<(), CallError> {
        match topic {
            Topic::Status => loop {
                let status = self
                    .node
                    .ask(|client| async move { client.status().await })
                    .await?;
                let said = if self.public {
                    Status::public(&status)
                } else {
                    Status::of(&status)
                };
                sender.send_replace(Said::Event("status", views::line(&said).into()));
                sleep(LOOK).await;
            },
            Topic::Election(id) => {
                let mut over = false;
                let views = watched(self.node.connect().await?.watch_election(id).await?);
                tokio::pin!(views);
                let mut unsaid: Option<CheckedElection> = None;
                let mut next = Instant::now();
                loop {
                    let heard = match &unsaid {
                        None => views.next().await,
                        Some(view) => match timeout_at(next, views.next()).await {
                            Ok(heard) => heard,
                            Err(_) => {
                                sender.send_replace(Said::Event(
                                    "result",
                                    views::line(&ElectionResult::of(view)).into(),
                                ));
                                (unsaid, next) = (None, Instant::now() + RESULT_PAUSE);
                                continue;
                            }
                        },
                    };
                    let Some(view) = heard.transpose()? else {
                        break;
                    };
                    over = view.phase.is_over();
                    unsaid = Some(view);
                }
                if let Some(view) = unsaid {
                    sender.send_replace(Said::Event(
                        "result",
                        views::line(&ElectionResult::of(&view)).into(),
                    ));
                }
                // The last may come after the election is over: a count can take a while.
                if over { Ok(()) } else { Err(CallError::Gone) }
            }
        }
    }
}

/// What a page is told of a node that it hears nothing from that it could show.
const fn away(error: &CallError) -> &'static str {
    match error {
        CallError::Gone
        | CallError::Silent(_)
        | CallError::NotFinal { .. }
        | CallError::Refused(_) => "gone",
        CallError::Unexpected
        | CallError::TooOld(_)
        | CallError::False { .. }
        | CallError::OtherChain { .. } => "at_fault",
    }
}

/// What is being checked goes on being checked while nobody waits for it.
fn watched(watching: Watching) -> impl Stream<Item = Result<CheckedElection, CallError>> {
    stream::unfold(watching, |mut watching| async {
        let next = watching.next().await.transpose()?;
        Some((next, watching))
    })
}

fn events(
    receiver: watch::Receiver<Said>,
    held: (OwnedSemaphorePermit, Option<Follows>),
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let events = WatchStream::new(receiver).filter_map(move |said| {
        // Held until the page is gone.
        let _ = &held;
        let event = match said {
            Said::Event(name, data) => Some(Ok(Event::default().event(name).data(data))),
            Said::Away(why) => Some(Ok(Event::default().event(why).data("{}"))),
            Said::Nothing | Said::Refused(_) => None,
        };
        std::future::ready(event)
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLLOWERS: usize = 10;

    #[tokio::test]
    async fn so_many_pages_follow_something_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let live = Live::new(
            Arc::new(Node::new(dir.path().join("nobody"), None)),
            false,
            FOLLOWERS,
        );
        let mut pages: Vec<_> = (0..FOLLOWERS).map(|_| live.status().unwrap()).collect();
        assert!(live.status().is_err());
        assert!(live.election(ElectionId::default(), None).await.is_err());
        drop(pages.pop());
        assert!(
            live.status().is_ok(),
            "there is room again when one has gone"
        );
    }

    #[tokio::test]
    async fn visitor_who_follows_all_that_it_can_leaves_the_others_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let nobody = Arc::new(Node::new(dir.path().join("nobody"), None));
        let live = Live::new(nobody, true, 1000);
        let election = |number| ElectionId::new(vote_chain::Hash::from_bytes([number; 32]));
        let [greedy, other] =
            ["192.0.2.1", "192.0.2.2"].map(|text| Some(Prefix::of(text.parse().unwrap())));
        let mut pages = Vec::new();
        for number in 0..64 {
            pages.extend(live.election(election(number), greedy).await.ok());
        }
        assert_eq!(pages.len(), ELECTIONS_OF_ONE_MAX);
        assert!(live.election(election(99), other).await.is_ok());
        assert!(
            live.election(election(0), greedy).await.is_ok(),
            "many may follow one election from one address"
        );
        drop(pages.pop());
        assert!(live.election(election(98), greedy).await.is_ok());
    }
}
