//! Archives: gathered from the node, then sent in pieces.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vote_api::{Answer, CallError, Request};
use vote_chain::{ElectionId, encode};

use crate::fault::Fault;
use crate::node::Node;

/// Archives that are gathered or sent at one time; each is in memory as a whole.
const ARCHIVES_MAX: usize = 2;
/// A larger one is for `vote-cli export`, in bytes.
const ARCHIVE_BYTES_MAX: usize = 128 << 20;
/// What is sent at once, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// Gathers archives, a few at a time.
#[derive(Clone)]
pub(crate) struct Archives {
    node: Arc<Node>,
    room: Arc<Semaphore>,
}

impl Archives {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            room: Arc::new(Semaphore::new(ARCHIVES_MAX)),
        }
    }

    /// The archive of an election, and its length in bytes.
    pub(crate) async fn gather(&self, election: ElectionId) -> Result<(usize, Body), Fault> {
        let busy = |_| {
            Fault::busy(format!(
                "{ARCHIVES_MAX} archives are being downloaded already; try again later"
            ))
        };
        let permit = self.room.clone().try_acquire_owned().map_err(busy)?;
        let mut answers = self.node.apart(Request::Archive(election)).await?;
        let first = answers.next_soon().await.map_err(Fault::of_named)?;
        let Some(Answer::ArchiveHead(mut archive)) = first else {
            return Err(CallError::Unexpected.into());
        };
        let mut bytes = 0;
        while let Some(answer) = answers.next_soon().await? {
            match answer {
                Answer::SetChanges(steps) if archive.blocks.is_empty() => {
                    bytes += encode(&steps).len();
                    archive.set_changes.extend(steps);
                }
                Answer::ArchiveBlock(block) => {
                    bytes += encode(block.as_ref()).len();
                    archive.blocks.push(*block);
                }
                _ => return Err(CallError::Unexpected.into()),
            }
            if bytes > ARCHIVE_BYTES_MAX {
                return Err(Fault::too_large(
                    "the archive is too large to be sent to a page; vote-cli export writes it",
                ));
            }
        }
        let bytes = Bytes::from(encode(archive.as_ref()));
        Ok((bytes.len(), in_pieces(bytes, permit)))
    }
}

/// The permit is held until all is sent, or the page is gone.
fn in_pieces(bytes: Bytes, permit: OwnedSemaphorePermit) -> Body {
    Body::from_stream(stream::unfold(
        (bytes, permit),
        |(mut left, permit)| async move {
            let piece = left.split_to(left.len().min(PIECE_BYTES));
            (!piece.is_empty())
                .then_some((Ok::<_, std::convert::Infallible>(piece), (left, permit)))
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn archive_that_is_being_sent_takes_the_room_of_another_until_it_is_sent() {
        let room = Arc::new(Semaphore::new(1));
        let content = Bytes::from(vec![7; 3 * PIECE_BYTES + 1]);
        let body = in_pieces(content.clone(), room.clone().try_acquire_owned().unwrap());
        assert_eq!(room.available_permits(), 0);
        assert_eq!(
            axum::body::to_bytes(body, usize::MAX).await.unwrap(),
            content
        );
        assert_eq!(room.available_permits(), 1);
        drop(in_pieces(
            content,
            room.clone().try_acquire_owned().unwrap(),
        ));
        assert_eq!(
            room.available_permits(),
            1,
            "a page that goes away gives it back"
        );
    }
}
