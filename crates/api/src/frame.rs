//! Frames: a length of four bytes, big-endian, then so many bytes of canonical CBOR.

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use vote_chain::{DecodeError, decode, encode};

/// No frame is longer, in bytes, its length not counted: room for the largest block.
pub const FRAME_BYTES_MAX: usize = 1_310_720;

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
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(FrameError::TooLarge(length));
    }
    let mut bytes = vec![0; length];
    fill(read, &mut bytes).await?;
    Ok(Some(decode(&bytes)?))
}

async fn fill<R: AsyncRead + Unpin>(read: &mut R, bytes: &mut [u8]) -> Result<(), FrameError> {
    match read.read_exact(bytes).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(FrameError::Truncated),
        Err(error) => Err(error.into()),
    }
}

/// Writes one message and flushes it.
///
/// # Errors
/// [`FrameError`] if it is too large or the connection fails.
pub async fn write_frame<W: AsyncWrite + Unpin, T: Serialize>(write: &mut W, message: &T) -> Result<(), FrameError> {
    let bytes = encode(message);
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= FRAME_BYTES_MAX);
    let length = length.ok_or(FrameError::TooLarge(bytes.len()))?;
    write.write_all(&length.to_be_bytes()).await?;
    write.write_all(&bytes).await?;
    Ok(write.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    async fn bad_frames_are_refused_by_name() {
        assert!(matches!(read(&[0x00, 0x14, 0x00, 0x01]).await, Err(FrameError::TooLarge(1_310_721))));
        assert!(matches!(read(&[0xff; 4]).await, Err(FrameError::TooLarge(_))));
        assert!(matches!(read(&[0, 0, 0, 9, 1]).await, Err(FrameError::Truncated)));
        assert!(matches!(read(&[0, 0]).await, Err(FrameError::Truncated)));
        assert!(matches!(read(&[0, 0, 0, 0]).await, Err(FrameError::Malformed(_))));
        assert!(matches!(read(&[0, 0, 0, 2, 0x18, 0x05]).await, Err(FrameError::Malformed(_))));
    }
}
