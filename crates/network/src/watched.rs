//! Connections that fail soon when the line is cut. TCP itself goes on trying for minutes, and
//! waits twice as long after each try: after a cut of 15 seconds it is silent for another 10. A
//! connection that fails is made anew at once when the line is back.
//!
//! The system knows what the other machine has not acknowledged ([`impatient`]). Beside that, and
//! where the system cannot be told, a write that makes no progress fails ([`Watched`]): a little
//! data, which the system takes without sending it, does not show in this way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::tcp::tokio::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// Has the system end a connection whose data is not acknowledged for
/// [`crate::limits::UNACKNOWLEDGED_MAX`]. Nodes compare heights every second, so there is always
/// some on its way.
pub(crate) fn impatient(stream: TcpStream) -> TcpStream {
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(&stream.0)
        .set_tcp_user_timeout(Some(crate::limits::UNACKNOWLEDGED_MAX))
    {
        tracing::debug!(%error, "a connection will notice late that its line is cut");
    }
    stream
}

pub(crate) struct Watched<S> {
    stream: S,
    patience: Duration,
    /// Runs while something waits to be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(crate) const fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            stalled: None,
        }
    }

    /// What becomes of a write: it has made progress, or waits, or has waited for too long.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer takes nothing any more",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_close(cx);
        self.watch(cx, closed)
    }
}

#[cfg(test)]
mod tests {
    use futures::AsyncWriteExt;

    use super::*;

    /// Takes so many bytes, and then nothing more.
    struct Takes(usize);

    impl AsyncWrite for Takes {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 {
                Poll::Pending
            } else {
                Poll::Ready(Ok(taken))
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Takes {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn system_is_told_how_long_to_wait_for_an_acknowledgement() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let stream = impatient(TcpStream(stream));
        let limit = socket2::SockRef::from(&stream.0)
            .tcp_user_timeout()
            .unwrap();
        assert_eq!(limit, Some(crate::limits::UNACKNOWLEDGED_MAX));
    }

    #[tokio::test]
    async fn write_that_nobody_takes_fails_after_a_while_and_not_before() {
        let patience = Duration::from_millis(200);
        let mut watched = Watched::new(Takes(16), patience);
        let started = Instant::now();
        watched.write_all(&[1; 16]).await.unwrap();
        let failed = watched.write_all(&[1; 16]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= patience);
    }
}
