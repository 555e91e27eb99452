//! One app: reads its calls, answers what the ledger answers, hands the rest to the loop, writes
//! the answers.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, BufReader, BufWriter, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use vote_api::{
    Answer, Call, FrameError, Refusal, RefusalCode, Reply, Request, SUBMIT_MAX, frame_length,
    read_body, write_frame, write_reply,
};

use super::limits::{
    CALLS_MAX, FRAME_TIMEOUT, HANG_UP_LOOK, REFUSE_TIMEOUT, SESSIONS_MAX, SMALL_FRAME,
};
use super::outbox::{OpenCall, Outbox};
use super::places::Share;
use super::{AppCall, Command, Shared};
use crate::ledger::Question;
use crate::pool::verify_all;

/// One app and what it shares with the others.
pub(super) struct Session {
    pub(super) number: u64,
    pub(super) outbox: Arc<Outbox>,
    pub(super) shared: Arc<Shared>,
    /// Its places for transactions that have not had their answer.
    pub(super) places: Share,
    /// Large answers are made one after the other, so that one app never has more than one of them
    /// that is not counted yet.
    pub(super) making: Arc<Semaphore>,
}

/// Why an app is read from no more.
enum End {
    /// It has closed its writing side, between two frames.
    Closed,
    /// It has sent what is no call.
    Refused(FrameError),
    /// The node is leaving, or the app is gone.
    Gone,
}

pub(super) async fn run(session: Session, stream: UnixStream) {
    let (read, write) = stream.into_split();
    let Session {
        number,
        outbox,
        shared,
        ..
    } = &session;
    if shared
        .commands
        .send(Command::Joined(*number, session.notices()))
        .await
        .is_err()
    {
        return;
    }
    tokio::select! {
        () = read_calls(BufReader::new(read), &session) => {}
        () = write_answers(write, outbox) => {}
        () = outbox.evicted() => tracing::info!(session = number, "an app that did nothing makes room for another"),
    }
    outbox.close();
    // When the loop has ended there is nobody to tell.
    let _ = shared.commands.send(Command::Left(*number)).await;
}

/// Tells an app that there is no room for it.
pub(super) async fn refuse(mut stream: UnixStream) {
    let reason = format!("{SESSIONS_MAX} apps are at work at this node already; try again later");
    let answer = Answer::Failed(Refusal {
        code: RefusalCode::Busy,
        reason,
    });
    // An app that does not read it sees that it is hung up on.
    let _ = timeout(
        REFUSE_TIMEOUT,
        write_frame(
            &mut stream,
            &Reply {
                id: 0,
                last: true,
                answer,
            },
        ),
    )
    .await;
}

/// Reads calls until there are no more, and then waits for the writer to end the session.
async fn read_calls(mut read: BufReader<OwnedReadHalf>, session: &Session) {
    let end = loop {
        if let Err(end) = read_call(&mut read, session).await {
            break end;
        }
    };
    match end {
        End::Closed => {
            session.outbox.no_more_calls();
            return hung_up(read.get_ref()).await;
        }
        End::Refused(error) => {
            session.shared.refused(&error.to_string());
            let reason = format!("{error}; the connection is closed");
            session.notices().send(
                &Answer::Failed(Refusal {
                    code: RefusalCode::Invalid,
                    reason,
                }),
                true,
            );
        }
        End::Gone => return,
    }
    std::future::pending().await
}

/// Waits for something as long as the app is there.
async fn while_there<T>(
    read: &BufReader<OwnedReadHalf>,
    wait: impl Future<Output = T>,
) -> Result<T, End> {
    tokio::select! {
        biased;
        done = wait => Ok(done),
        () = hung_up(read.get_ref()) => Err(End::Gone),
    }
}

/// Waits until an app is gone altogether. One that has only closed its writing side, and watches,
/// keeps its place.
async fn hung_up(read: &OwnedReadHalf) {
    while read
        .ready(Interest::WRITABLE)
        .await
        .is_ok_and(|ready| !ready.is_write_closed())
    {
        tokio::time::sleep(HANG_UP_LOOK).await;
    }
}

/// Reads one call and has it answered. An app that does not read its answers is not read from.
async fn read_call(read: &mut BufReader<OwnedReadHalf>, session: &Session) -> Result<(), End> {
    let outbox = &session.outbox;
    let room = async { outbox.room().await && outbox.calls_below(CALLS_MAX).await };
    if !while_there(read, room).await? {
        return Err(End::Gone);
    }
    let (Call { id, request }, room) = read_frame(read, &session.shared.frames).await?;
    if id == 0 {
        return Err(End::Refused(said(
            "a call has the number 0, which is for notices",
        )));
    }
    outbox.open_call(Instant::now());
    let app = session.call(id);
    match request {
        Request::Submit(transactions) if transactions.len() > SUBMIT_MAX => {
            let reason = format!(
                "{} transactions in one call; {SUBMIT_MAX} are allowed",
                transactions.len()
            );
            app.send(
                &Answer::Failed(Refusal {
                    code: RefusalCode::Invalid,
                    reason,
                }),
                true,
            );
        }
        Request::Submit(transactions) => {
            let places = while_there(read, session.places.take(transactions.len())).await?;
            let checked = session
                .shared
                .pool
                .run(move |chain| verify_all(chain, &transactions))
                .await;
            let app = app.with_transactions(places);
            session.tell(Command::Submit(app, checked, room)).await?;
        }
        request => match Question::of(request) {
            Ok(question) => {
                tokio::spawn(answer(
                    app,
                    question,
                    session.shared.clone(),
                    session.making.clone(),
                ));
            }
            Err(request) => session.tell(Command::Ask(app, request)).await?,
        },
    }
    Ok(())
}

/// Reads a frame. A large one waits for room before it is read, and keeps it until the loop has it.
async fn read_frame(
    read: &mut BufReader<OwnedReadHalf>,
    frames: &Arc<Semaphore>,
) -> Result<(Call, Option<OwnedSemaphorePermit>), End> {
    // Nothing is wrong with an app that says nothing for long, as long as it has not begun to.
    let first = match read.read_u8().await {
        Ok(first) => first,
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(End::Closed),
        Err(error) => return Err(End::Refused(error.into())),
    };
    let mut length = [first, 0, 0, 0];
    in_time(async {
        read.read_exact(&mut length[1..])
            .await
            .map_err(|_| FrameError::Truncated)
    })
    .await?;
    let length = frame_length(length).map_err(End::Refused)?;
    let room = if length > SMALL_FRAME {
        let bytes = u32::try_from(length).expect("a frame is far smaller than 4 GiB");
        let room = frames.clone().acquire_many_owned(bytes);
        Some(while_there(read, room).await?.map_err(|_| End::Gone)?)
    } else {
        None
    };
    let call = in_time(read_body(read, length)).await?;
    Ok((call, room))
}

/// A part of a frame that has begun.
async fn in_time<T>(part: impl Future<Output = Result<T, FrameError>>) -> Result<T, End> {
    let read = timeout(FRAME_TIMEOUT, part).await;
    read.unwrap_or_else(|_| Err(said("a frame was begun and not ended in time")))
        .map_err(End::Refused)
}

fn said(what: &'static str) -> FrameError {
    FrameError::Io(std::io::Error::other(what))
}

/// Answers from the last durable state, in as many parts as it takes.
async fn answer(app: AppCall, question: Question, shared: Arc<Shared>, making: Arc<Semaphore>) {
    let ledger = shared.ledger.borrow().clone();
    let mut left = Some(question);
    while let Some(question) = left.take() {
        let Ok(_turn) = making.acquire().await else {
            return;
        };
        if !app.outbox.room().await {
            return;
        }
        let Some(mut room) = shared.room().await else {
            let reason = "answers that other apps have not read take all the room; try again later"
                .to_owned();
            app.send(
                &Answer::Failed(Refusal {
                    code: RefusalCode::Busy,
                    reason,
                }),
                true,
            );
            return;
        };
        let ledger = ledger.clone();
        let made = shared.pool.read_for_app(move || {
            let (answer, next) = ledger.answer(question);
            (super::outbox::packed(&answer), next)
        });
        let (bytes, next) = made.await;
        // Until now the largest answer was counted.
        drop(room.split(room.num_permits().saturating_sub(bytes.len())));
        if !app.send_large(bytes, next.is_none(), room) {
            return;
        }
        left = next;
    }
}

async fn write_answers(write: OwnedWriteHalf, outbox: &Outbox) {
    let mut write = BufWriter::new(write);
    while let Some(parcel) = outbox.take(Instant::now).await {
        let written = write_reply(&mut write, parcel.id, parcel.last, &parcel.answer).await;
        if written.is_err() || parcel.id == 0 {
            return;
        }
    }
}

impl Session {
    fn call(&self, id: u32) -> AppCall {
        let open = Arc::new(OpenCall(self.outbox.clone()));
        AppCall {
            session: self.number,
            id,
            outbox: self.outbox.clone(),
            _open: Some(open),
            _transactions: None,
        }
    }

    /// What is said to the app without a call.
    fn notices(&self) -> AppCall {
        AppCall {
            session: self.number,
            id: 0,
            outbox: self.outbox.clone(),
            _open: None,
            _transactions: None,
        }
    }

    async fn tell(&self, command: Command) -> Result<(), End> {
        self.shared
            .commands
            .send(command)
            .await
            .map_err(|_| End::Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::Places;
    use super::*;
    use std::time::Duration;
    use tokio::sync::{mpsc, watch};

    #[tokio::test]
    async fn app_that_is_gone_is_noticed_while_its_transactions_wait_for_places() {
        let (ledger, _) = crate::ledger::testing::created();
        let (commands, mut inbox) = mpsc::channel(8);
        let places = |count| Arc::new(Semaphore::new(count));
        let shared = Arc::new(Shared {
            commands,
            pool: crate::pool::Pool::new(ledger.state.chain()),
            ledger: watch::channel(Arc::new(ledger)).1,
            answers: places(1),
            frames: places(1),
            sessions: Default::default(),
            refusals: Default::default(),
        });
        let outbox = Outbox::new(Instant::now());
        let session = Session {
            number: 1,
            outbox,
            shared,
            places: Places::new(0).share(),
            making: places(1),
        };
        let (mut app, node) = UnixStream::pair().unwrap();
        tokio::spawn(run(session, node));
        assert!(matches!(inbox.recv().await, Some(Command::Joined(1, _))));
        let request = Request::Submit(vec![vec![1].into()]);
        write_frame(&mut app, &Call { id: 1, request })
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(app);
        let left = timeout(Duration::from_secs(10), inbox.recv())
            .await
            .expect("it is noticed");
        assert!(matches!(left, Some(Command::Left(1))));
    }
}
