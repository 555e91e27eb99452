//! Frames: a length of four bytes, big-endian, then so many bytes of canonical CBOR.

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use vote_chain::{DecodeError, decode, encode};

use crate::message::{Answer, Reply};

/// No frame is longer, in bytes, its length not counted: room for the largest block.
pub const FRAME_BYTES_MAX: usize = 1_310_720;

/// So many bytes of a frame are read at a time.
const STEP: usize = 64 * 1024;

/// A frame that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Over [`FRAME_BYTES_MAX`]. Nothing was allocated for it.
    #[error("a frame of {0} bytes; {FRAME_BYTES_MAX} are allowed")]
    TooLarge(usize),
    /// The other side hung up within a frame.
    #[error("the connection ended within a frame")]
    Truncated,
    /// Not what was expected in a frame.
    #[error("not a message: {0}")]
    Malformed(#[from] DecodeError),
    /// The connection has failed.
    #[error("the connection has failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads one message; none if the other side has hung up between frames.
///
/// # Errors
/// [`FrameError`]; the connection is of no more use then.
pub async fn read_frame<R: AsyncRead + Unpin, T: Serialize + DeserializeOwned>(
    read: &mut R,
) -> Result<Option<T>, FrameError> {
    let mut length = [0; 4];
    match read.read(&mut length).await? {
        0 => return Ok(None),
        n => fill(read, &mut length[n..]).await?,
    }
    Ok(Some(read_body(read, frame_length(length)?).await?))
}

/// The length of a frame, in bytes, from its first four.
///
/// # Errors
/// [`FrameError::TooLarge`] if it is over [`FRAME_BYTES_MAX`].
pub fn frame_length(first: [u8; 4]) -> Result<usize, FrameError> {
    let length = usize::try_from(u32::from_be_bytes(first)).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        Err(FrameError::TooLarge(length))
    } else {
        Ok(length)
    }
}

/// Reads the rest of a frame of `length` bytes. Memory is taken as the bytes come, not as they are
/// announced.
///
/// # Errors
/// [`FrameError`]; the connection is of no more use then.
pub async fn read_body<R: AsyncRead + Unpin, T: Serialize + DeserializeOwned>(
    read: &mut R,
    length: usize,
) -> Result<T, FrameError> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let have = bytes.len();
        bytes.resize(have + STEP.min(length - have), 0);
        fill(read, &mut bytes[have..]).await?;
    }
    Ok(decode(&bytes)?)
}

async fn fill<R: AsyncRead + Unpin>(read: &mut R, bytes: &mut [u8]) -> Result<(), FrameError> {
    match read.read_exact(bytes).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(FrameError::Truncated)
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes one message and flushes it.
///
/// # Errors
/// [`FrameError`] if it is too large or the connection fails.
pub async fn write_frame<W: AsyncWrite + Unpin, T: Serialize>(
    write: &mut W,
    message: &T,
) -> Result<(), FrameError> {
    write.write_all(&frame(message)?).await?;
    Ok(write.flush().await?)
}

/// A message as it is written.
pub(crate) fn frame<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let bytes = encode(message);
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= FRAME_BYTES_MAX);
    let length = length.ok_or(FrameError::TooLarge(bytes.len()))?;
    Ok([&length.to_be_bytes(), bytes.as_slice()].concat())
}

/// Writes the reply that consists of these and flushes it; `answer` is an encoded [`Answer`], which
/// several replies can share.
///
/// # Errors
/// [`FrameError`] if it is too large or the connection fails.
pub async fn write_reply<W: AsyncWrite + Unpin>(
    write: &mut W,
    id: u32,
    last: bool,
    answer: &[u8],
) -> Result<(), FrameError> {
    // A struct of three fields, of which the answer is the last: what comes before it is that of a
    // reply with the shortest of answers.
    let around = encode(&Reply {
        id,
        last,
        answer: Answer::Leaving,
    });
    let shortest = encode(&Answer::Leaving);
    let before = &around[..around.len() - shortest.len()];
    let bytes = before.len() + answer.len();
    let length = u32::try_from(bytes)
        .ok()
        .filter(|_| bytes <= FRAME_BYTES_MAX);
    let length = length.ok_or(FrameError::TooLarge(bytes))?;
    write.write_all(&length.to_be_bytes()).await?;
    write.write_all(before).await?;
    write.write_all(answer).await?;
    Ok(write.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Refusal, RefusalCode};

    async fn read(bytes: &[u8]) -> Result<Option<u64>, FrameError> {
        read_frame(&mut &*bytes).await
    }

    #[tokio::test]
    async fn message_comes_back_as_it_was_written() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &4711u64).await.unwrap();
        assert_eq!(read(&bytes).await.unwrap(), Some(4711));
        assert_eq!(read(&[]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn reply_around_an_encoded_answer_is_the_reply_with_that_answer() {
        let answers = [
            Answer::Leaving,
            Answer::Log(Vec::new()),
            Answer::Voter {
                weight: Some(7),
                ballot: None,
            },
            Answer::Failed(Refusal {
                code: RefusalCode::Busy,
                reason: "why".repeat(100),
            }),
        ];
        for answer in answers {
            for (id, last) in [
                (0, true),
                (1, false),
                (24, true),
                (70_000, false),
                (u32::MAX, true),
            ] {
                let (mut whole, mut in_parts) = (Vec::new(), Vec::new());
                write_frame(
                    &mut whole,
                    &Reply {
                        id,
                        last,
                        answer: answer.clone(),
                    },
                )
                .await
                .unwrap();
                write_reply(&mut in_parts, id, last, &encode(&answer))
                    .await
                    .unwrap();
                assert_eq!(whole, in_parts, "{answer:?}");
            }
        }
    }

    #[tokio::test]
    async fn bad_frames_are_refused_by_name() {
        assert!(matches!(
            read(&[0x00, 0x14, 0x00, 0x01]).await,
            Err(FrameError::TooLarge(1_310_721))
        ));
        assert!(matches!(
            read(&[0xff; 4]).await,
            Err(FrameError::TooLarge(_))
        ));
        assert!(matches!(
            read(&[0, 0, 0, 9, 1]).await,
            Err(FrameError::Truncated)
        ));
        assert!(matches!(read(&[0, 0]).await, Err(FrameError::Truncated)));
        assert!(matches!(
            read(&[0, 0, 0, 0]).await,
            Err(FrameError::Malformed(_))
        ));
        assert!(matches!(
            read(&[0, 0, 0, 2, 0x18, 0x05]).await,
            Err(FrameError::Malformed(_))
        ));
    }
}
