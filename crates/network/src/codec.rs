//! Questions and answers: a length of four bytes, big-endian, then so many bytes.
//!
//! What all peers together can make a node hold is bounded in bytes ([`Room`]). Room for an answer
//! is taken as its bytes come, not as they are announced, and an answer is no larger than the
//! question wants.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::request_response::Codec;
use libp2p::{PeerId, StreamProtocol};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{
    ANSWER_BYTES_MAX, ANSWERS_IN_BYTES, ANSWERS_OUT_BYTES, ANSWERS_TO_ONE, REQUEST_BYTES_MAX,
    REQUESTS_BYTES, SMALL_BYTES,
};

/// So many bytes are read at a time.
const STEP: usize = 16 * 1024;

/// Bytes, and the room that they take as long as they are held.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) data: Vec<u8>,
    pub(crate) room: Vec<OwnedSemaphorePermit>,
    /// Of a question: the answer is no larger.
    pub(crate) answer_max: usize,
}

impl Parcel {
    /// Bytes of this node's own making.
    pub(crate) const fn own(data: Vec<u8>) -> Self {
        Self::question(data, ANSWER_BYTES_MAX)
    }

    pub(crate) const fn question(data: Vec<u8>, answer_max: usize) -> Self {
        Self {
            data,
            room: Vec::new(),
            answer_max,
        }
    }

    fn holding(data: Vec<u8>, room: impl IntoIterator<Item = OwnedSemaphorePermit>) -> Self {
        Self {
            room: room.into_iter().collect(),
            ..Self::own(data)
        }
    }
}

/// Room for questions and answers of all peers, in bytes. Small ones are not counted: their number
/// is bounded.
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
    /// Room for an answer of this node until the asker has taken it; none if it, or peers that do
    /// not read, take all of theirs.
    pub(crate) fn for_answer(&self, asker: &Share, data: Vec<u8>) -> Option<Parcel> {
        if data.len() <= SMALL_BYTES {
            return Some(Parcel::own(data));
        }
        let share = asker.0.clone().try_acquire_owned().ok()?;
        let room = self
            .answers_out
            .clone()
            .try_acquire_many_owned(permits(data.len()))
            .ok()?;
        Some(Parcel::holding(data, [share, room]))
    }
}

/// One peer's part of the room for answers: so many large ones are under way to it at one time.
#[derive(Clone, Debug)]
pub(crate) struct Share(Arc<Semaphore>);

/// Of the peers that have asked lately.
#[derive(Debug, Default)]
pub(crate) struct Shares(BTreeMap<PeerId, Share>);

impl Shares {
    pub(crate) fn of(&mut self, peer: PeerId) -> Share {
        self.0
            .entry(peer)
            .or_insert_with(|| Share(Arc::new(Semaphore::new(ANSWERS_TO_ONE))))
            .clone()
    }

    /// Forgets those with nothing under way.
    pub(crate) fn sweep(&mut self) {
        self.0.retain(|_, share| Arc::strong_count(&share.0) > 1);
    }
}

/// Carries bytes as they are.
#[derive(Clone, Debug)]
pub(crate) struct Opaque {
    room: Room,
    /// Each question is asked by a clone, which then reads the answer.
    answer_max: usize,
}

impl Opaque {
    pub(crate) const fn new(room: Room) -> Self {
        Self {
            room,
            answer_max: ANSWER_BYTES_MAX,
        }
    }
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

/// Where room is taken from.
enum Count<'a> {
    /// It is not counted.
    Nothing,
    /// Without it, the request is refused: whoever asks asks again.
    AtOnce(&'a Arc<Semaphore>),
    /// The answer waits for it.
    InTurn(&'a Arc<Semaphore>),
}

impl Count<'_> {
    async fn take(&self, bytes: u32) -> io::Result<Option<OwnedSemaphorePermit>> {
        match self {
            Self::Nothing => Ok(None),
            Self::AtOnce(room) => {
                let full = |_| io::Error::other("requests of others take all the room");
                (*room)
                    .clone()
                    .try_acquire_many_owned(bytes)
                    .map(Some)
                    .map_err(full)
            }
            Self::InTurn(room) => (*room)
                .clone()
                .acquire_many_owned(bytes)
                .await
                .map(Some)
                .map_err(io::Error::other),
        }
    }
}

/// The bytes, each step of which takes its room when its turn comes, if they are counted, but for
/// the first: what is announced and does not come takes none from others.
async fn rest<T: AsyncRead + Unpin + Send>(
    io: &mut T,
    length: usize,
    room: Count<'_>,
) -> io::Result<Parcel> {
    let mut parcel = Parcel::own(Vec::new());
    while parcel.data.len() < length {
        let have = parcel.data.len();
        // The first step is as small as what is never counted.
        let step = if have == 0 { SMALL_BYTES } else { STEP }.min(length - have);
        // With the second step, the first is counted too.
        let counted = if parcel.room.is_empty() {
            have + step
        } else {
            step
        };
        if have > 0
            && let Some(more) = room.take(permits(counted)).await?
        {
            match parcel.room.first_mut() {
                Some(held) => held.merge(more),
                None => parcel.room.push(more),
            }
        }
        parcel.data.resize(have + step, 0);
        io.read_exact(&mut parcel.data[have..]).await?;
    }
    Ok(parcel)
}

async fn write<T: AsyncWrite + Unpin + Send>(
    io: &mut T,
    bytes: &[u8],
    max: usize,
) -> io::Result<()> {
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= max);
    let length = length
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too large to be sent"))?;
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
            Count::AtOnce(&self.room.requests)
        } else {
            Count::Nothing
        };
        rest(io, length, room).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Parcel> {
        let length = length(io, self.answer_max).await?;
        let room = if length > SMALL_BYTES {
            Count::InTurn(&self.room.answers_in)
        } else {
            Count::Nothing
        };
        rest(io, length, room).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        parcel: Parcel,
    ) -> io::Result<()> {
        self.answer_max = parcel.answer_max;
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
    use futures::io::Cursor;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    const PROTOCOL: StreamProtocol = StreamProtocol::new("/test");

    fn framed(length: usize, bytes: usize) -> Vec<u8> {
        [
            &u32::try_from(length).unwrap().to_be_bytes()[..],
            &vec![7; bytes],
        ]
        .concat()
    }

    async fn request(codec: &mut Opaque, bytes: &[u8]) -> io::Result<Parcel> {
        codec.read_request(&PROTOCOL, &mut &*bytes).await
    }

    #[tokio::test]
    async fn requests_of_all_peers_together_are_bounded_in_bytes_and_small_ones_always_come_through()
     {
        let mut codec = Opaque::new(Room::default());
        let mut held = Vec::new();
        let full = framed(REQUEST_BYTES_MAX, REQUEST_BYTES_MAX);
        while let Ok(parcel) = request(&mut codec.clone(), &full).await {
            held.push(parcel);
            assert!(held.len() * REQUEST_BYTES_MAX <= REQUESTS_BYTES);
        }
        assert_eq!(held.len(), REQUESTS_BYTES / REQUEST_BYTES_MAX);
        assert_eq!(
            request(&mut codec, &framed(100, 100))
                .await
                .unwrap()
                .data
                .len(),
            100
        );
        held.pop();
        assert!(
            request(&mut codec, &full).await.is_ok(),
            "there is room again"
        );
    }

    #[tokio::test]
    async fn request_that_announces_too_much_or_ends_early_is_refused() {
        let mut codec = Opaque::new(Room::default());
        let error = request(&mut codec, &framed(REQUEST_BYTES_MAX + 1, 0))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("are allowed"), "{error}");
        assert!(
            request(&mut codec, &framed(REQUEST_BYTES_MAX, 20_000))
                .await
                .is_err()
        );
        assert!(
            request(&mut codec, &framed(REQUEST_BYTES_MAX, REQUEST_BYTES_MAX))
                .await
                .is_ok(),
            "nothing is kept of it"
        );
    }

    #[test]
    fn answers_that_peers_do_not_take_are_bounded_in_bytes() {
        let (room, mut shares) = (Room::default(), Shares::default());
        let mut held = Vec::new();
        while let Some(parcel) =
            room.for_answer(&shares.of(PeerId::random()), vec![0; ANSWER_BYTES_MAX])
        {
            held.push(parcel);
        }
        assert_eq!(held.len(), ANSWERS_OUT_BYTES / ANSWER_BYTES_MAX);
        assert!(
            room.for_answer(&shares.of(PeerId::random()), vec![0; 100])
                .is_some()
        );
        held.clear();
        assert!(
            room.for_answer(&shares.of(PeerId::random()), vec![0; ANSWER_BYTES_MAX])
                .is_some()
        );
    }

    #[test]
    fn peer_that_does_not_take_its_answers_takes_no_room_from_others() {
        let (room, mut shares) = (Room::default(), Shares::default());
        let (greedy, other) = (PeerId::random(), PeerId::random());
        let mut held = Vec::new();
        while let Some(parcel) = room.for_answer(&shares.of(greedy), vec![0; ANSWER_BYTES_MAX]) {
            held.push(parcel);
            shares.sweep();
        }
        assert_eq!(held.len(), ANSWERS_TO_ONE);
        assert!(
            room.for_answer(&shares.of(greedy), vec![0; 100]).is_some(),
            "small ones are not counted"
        );
        assert!(
            room.for_answer(&shares.of(other), vec![0; ANSWER_BYTES_MAX])
                .is_some()
        );
        held.pop();
        assert!(
            room.for_answer(&shares.of(greedy), vec![0; ANSWER_BYTES_MAX])
                .is_some()
        );
        held.clear();
        shares.sweep();
        assert!(shares.0.is_empty());
    }

    /// Says nothing, and does not hang up.
    struct Silent;

    impl AsyncRead for Silent {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn answer_that_is_announced_and_does_not_come_takes_no_room() {
        let codec = Opaque::new(Room::default());
        let mut waiting = Vec::new();
        for _ in 0..100 {
            let mut codec = codec.clone();
            let mut answer = Cursor::new(framed(ANSWER_BYTES_MAX, 0)).chain(Silent);
            waiting.push(tokio::spawn(async move {
                codec.read_response(&PROTOCOL, &mut answer).await.map(drop)
            }));
        }
        tokio::task::yield_now().await;
        let full = framed(ANSWER_BYTES_MAX, ANSWER_BYTES_MAX);
        let answer = codec
            .clone()
            .read_response(&PROTOCOL, &mut full.as_slice())
            .await;
        assert_eq!(answer.unwrap().data.len(), ANSWER_BYTES_MAX);
    }

    #[tokio::test]
    async fn requests_that_are_announced_and_do_not_come_take_no_room() {
        let codec = Opaque::new(Room::default());
        let mut waiting = Vec::new();
        for _ in 0..2 * REQUESTS_BYTES / STEP {
            let mut codec = codec.clone();
            let mut question = Cursor::new(framed(REQUEST_BYTES_MAX, 0)).chain(Silent);
            waiting.push(tokio::spawn(async move {
                codec.read_request(&PROTOCOL, &mut question).await.map(drop)
            }));
        }
        tokio::task::yield_now().await;
        let full = framed(REQUEST_BYTES_MAX, REQUEST_BYTES_MAX);
        assert_eq!(
            request(&mut codec.clone(), &full).await.unwrap().data.len(),
            REQUEST_BYTES_MAX
        );
    }

    #[tokio::test]
    async fn answer_that_is_larger_than_the_question_wants_is_refused() {
        let mut codec = Opaque::new(Room::default());
        let mut sent = Cursor::new(Vec::new());
        codec
            .write_request(&PROTOCOL, &mut sent, Parcel::question(vec![1], SMALL_BYTES))
            .await
            .unwrap();
        let (small, large) = (
            framed(SMALL_BYTES, SMALL_BYTES),
            framed(SMALL_BYTES + 1, SMALL_BYTES + 1),
        );
        assert!(
            codec
                .read_response(&PROTOCOL, &mut small.as_slice())
                .await
                .is_ok()
        );
        assert!(
            codec
                .read_response(&PROTOCOL, &mut large.as_slice())
                .await
                .is_err()
        );
    }
}
