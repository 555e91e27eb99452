//! Questions and answers: a length of four bytes, big-endian, then so many bytes.
//!
//! What all peers together can make a node hold is bounded in bytes ([`Room`]), and taken as the bytes come, not as they are announced.

use std::io;
use std::sync::Arc;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{
    ANSWER_BYTES_MAX, ANSWERS_IN_BYTES, ANSWERS_OUT_BYTES, REQUEST_BYTES_MAX, REQUESTS_BYTES, SMALL_BYTES,
};

/// So many bytes are read at a time.
const STEP: usize = 16 * 1024;

/// Bytes, and the room that they take as long as they are held.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) data: Vec<u8>,
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl Parcel {
    /// Bytes of this node's own making.
    pub(crate) const fn own(data: Vec<u8>) -> Self {
        Self { data, room: None }
    }
}

/// Room for questions and answers of all peers, in bytes. Small ones are not counted: their number is bounded.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    requests: Arc<Semaphore>,
    answers_in: Arc<Semaphore>,
    answers_out: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(REQUESTS_BYTES)),
            answers_in: Arc::new(Semaphore::new(ANSWERS_IN_BYTES)),
            answers_out: Arc::new(Semaphore::new(ANSWERS_OUT_BYTES)),
        }
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Room {
    /// Room for an answer of this node until a peer has taken it; none if peers that do not read take all of it.
    pub(crate) fn for_answer(&self, data: Vec<u8>) -> Option<Parcel> {
        if data.len() <= SMALL_BYTES {
            return Some(Parcel::own(data));
        }
        let room = self.answers_out.clone().try_acquire_many_owned(permits(data.len())).ok()?;
        Some(Parcel { data, room: Some(room) })
    }
}

/// Carries bytes as they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opaque {
    pub(crate) room: Room,
}

async fn length<T: AsyncRead + Unpin + Send>(io: &mut T, max: usize) -> io::Result<usize> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > max {
        let what = format!("{length} bytes announced; {max} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(length)
}

async fn rest<T: AsyncRead + Unpin + Send>(io: &mut T, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let have = bytes.len();
        bytes.resize(have + STEP.min(length - have), 0);
        io.read_exact(&mut bytes[have..]).await?;
    }
    Ok(bytes)
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8], max: usize) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= max);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too large to be sent"))?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(bytes).await?;
    io.close().await
}

impl Codec for Opaque {
    type Protocol = StreamProtocol;
    type Request = Parcel;
    type Response = Parcel;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Parcel> {
        let length = length(io, REQUEST_BYTES_MAX).await?;
        let room = if length > SMALL_BYTES {
            // Nobody waits for room here: whoever asks asks again.
            let full = || io::Error::other("requests of others take all the room");
            Some(self.room.requests.clone().try_acquire_many_owned(permits(length)).map_err(|_| full())?)
        } else {
            None
        };
        Ok(Parcel { data: rest(io, length).await?, room })
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Parcel> {
        let length = length(io, ANSWER_BYTES_MAX).await?;
        let room = if length > SMALL_BYTES {
            let acquired = self.room.answers_in.clone().acquire_many_owned(permits(length)).await;
            Some(acquired.map_err(io::Error::other)?)
        } else {
            None
        };
        Ok(Parcel { data: rest(io, length).await?, room })
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        parcel: Parcel,
    ) -> io::Result<()> {
        write(io, &parcel.data, REQUEST_BYTES_MAX).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        parcel: Parcel,
    ) -> io::Result<()> {
        write(io, &parcel.data, ANSWER_BYTES_MAX).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOCOL: StreamProtocol = StreamProtocol::new("/test");

    fn framed(length: usize, bytes: usize) -> Vec<u8> {
        [&u32::try_from(length).unwrap().to_be_bytes()[..], &vec![7; bytes]].concat()
    }

    async fn request(codec: &mut Opaque, bytes: &[u8]) -> io::Result<Parcel> {
        codec.read_request(&PROTOCOL, &mut &*bytes).await
    }

    #[tokio::test]
    async fn requests_of_all_peers_together_are_bounded_in_bytes_and_small_ones_always_come_through() {
        let mut codec = Opaque::default();
        let mut held = Vec::new();
        let full = framed(REQUEST_BYTES_MAX, REQUEST_BYTES_MAX);
        while let Ok(parcel) = request(&mut codec.clone(), &full).await {
            held.push(parcel);
            assert!(held.len() * REQUEST_BYTES_MAX <= REQUESTS_BYTES);
        }
        assert_eq!(held.len(), REQUESTS_BYTES / REQUEST_BYTES_MAX);
        assert_eq!(request(&mut codec, &framed(100, 100)).await.unwrap().data.len(), 100);
        held.pop();
        assert!(request(&mut codec, &full).await.is_ok(), "there is room again");
    }

    #[tokio::test]
    async fn request_that_announces_too_much_or_ends_early_is_refused() {
        let mut codec = Opaque::default();
        let error = request(&mut codec, &framed(REQUEST_BYTES_MAX + 1, 0)).await.unwrap_err();
        assert!(error.to_string().contains("are allowed"), "{error}");
        assert!(request(&mut codec, &framed(REQUEST_BYTES_MAX, 20_000)).await.is_err());
        assert!(
            request(&mut codec, &framed(REQUEST_BYTES_MAX, REQUEST_BYTES_MAX)).await.is_ok(),
            "nothing is kept of it"
        );
    }

    #[test]
    fn answers_that_peers_do_not_take_are_bounded_in_bytes() {
        let room = Room::default();
        let mut held = Vec::new();
        while let Some(parcel) = room.for_answer(vec![0; ANSWER_BYTES_MAX]) {
            held.push(parcel);
        }
        assert_eq!(held.len(), ANSWERS_OUT_BYTES / ANSWER_BYTES_MAX);
        assert!(room.for_answer(vec![0; 100]).is_some());
        held.clear();
        assert!(room.for_answer(vec![0; ANSWER_BYTES_MAX]).is_some());
    }
}
