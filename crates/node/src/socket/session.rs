//! One app: reads its calls, writes its answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::BufWriter;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc};
use vote_api::{Answer, Call, FrameError, Refusal, RefusalCode, Reply, Request, SUBMIT_MAX, read_frame, write_frame};

use super::{ANSWERS_MAX, AppCall, Command, SESSIONS_MAX};
use crate::pool::{Pool, verify_all};

/// For an app that is refused to read why.
const REFUSE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn run(session: u64, stream: UnixStream, commands: mpsc::Sender<Command>, pool: Pool) {
    let (read, write) = stream.into_split();
    let (answers, queue) = mpsc::channel(ANSWERS_MAX);
    let cut = Arc::new(Notify::new());
    let notices = AppCall { session, id: 0, answers: answers.clone(), cut: cut.clone() };
    if commands.send(Command::Joined(session, notices)).await.is_err() {
        return;
    }
    let call = |id| AppCall { session, id, answers: answers.clone(), cut: cut.clone() };
    tokio::select! {
        () = read_calls(read, &commands, &pool, call) => {}
        () = write_answers(write, queue) => {}
        () = cut.notified() => tracing::warn!(session, "app does not read its answers; cut off"),
    }
    // When the loop has ended there is nobody to tell.
    let _ = commands.send(Command::Left(session)).await;
}

/// Tells an app that there is no room for it.
pub(super) async fn refuse(mut stream: UnixStream) {
    let reason = format!("{SESSIONS_MAX} apps are connected to this node already; try again later");
    let answer = Answer::Failed(Refusal { code: RefusalCode::Busy, reason });
    // An app that does not read it sees that it is hung up on.
    let _ = tokio::time::timeout(REFUSE_TIMEOUT, write_frame(&mut stream, &Reply { id: 0, last: true, answer })).await;
}

async fn read_calls(
    mut read: OwnedReadHalf,
    commands: &mpsc::Sender<Command>,
    pool: &Pool,
    call: impl Fn(u32) -> AppCall,
) {
    loop {
        let Call { id, request } = match read_frame(&mut read).await {
            Ok(Some(call)) => call,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "app refused");
                let refusal =
                    Refusal { code: RefusalCode::Invalid, reason: format!("{error}; the connection is closed") };
                call(0).send(Answer::Failed(refusal), true);
                // The writer ends the session once it has written this.
                return std::future::pending().await;
            }
        };
        let command = match request {
            Request::Submit(transactions) if transactions.len() > SUBMIT_MAX => {
                let reason = format!("{} transactions in one call; {SUBMIT_MAX} are allowed", transactions.len());
                call(id).send(Answer::Failed(Refusal { code: RefusalCode::Invalid, reason }), true);
                continue;
            }
            Request::Submit(transactions) => {
                Command::Submit(call(id), pool.run(move |chain| verify_all(chain, &transactions)).await)
            }
            request => Command::Ask(call(id), request),
        };
        if commands.send(command).await.is_err() {
            return;
        }
    }
}

async fn write_answers(write: OwnedWriteHalf, mut queue: mpsc::Receiver<Reply>) {
    let mut write = BufWriter::new(write);
    while let Some(reply) = queue.recv().await {
        let farewell = reply.id == 0;
        let mut written = write_frame(&mut write, &reply).await;
        if let Err(FrameError::TooLarge(bytes)) = written {
            tracing::error!(bytes, "an answer does not fit a frame");
            let reason = format!("the answer would be a frame of {bytes} bytes, which is too large");
            let answer = Answer::Failed(Refusal { code: RefusalCode::Invalid, reason });
            written = write_frame(&mut write, &Reply { answer, last: true, ..reply }).await;
        }
        if written.is_err() || farewell {
            return;
        }
    }
}
