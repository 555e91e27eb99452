//! Every bound on what apps can make this node hold (docs/operators.md, "Attacks and bounds";
//! docs/protocol.md, section 5).

use std::time::Duration;

/// Apps connected at one time.
pub(super) const SESSIONS_MAX: usize = 256;
/// Calls of one app that have not had their last answer; it is not read from while it has more.
pub(super) const CALLS_MAX: usize = 1024;
/// Transactions of one app that have not had their answer; and never more than there are places
/// free (`places.rs`).
pub(super) const TRANSACTIONS_MAX: usize = 20_000;
/// Unread answers of one app, in bytes: while more wait, no further answer is made for it, and it
/// is not read from.
pub(super) const ANSWERS_BYTES: usize = 64 * 1024;
/// Answers of all apps that are being made or wait to be read, in bytes: each is counted with the
/// largest frame until its size is known.
pub(super) const ANSWERS_BYTES_ALL: usize = 64 << 20;
/// Frames of all apps that are being read or wait for the loop, in bytes; those up to
/// [`SMALL_FRAME`] are not counted.
pub(super) const FRAMES_BYTES_ALL: usize = 32 << 20;
/// A frame of so many bytes is read without asking for room.
pub(super) const SMALL_FRAME: usize = 16 * 1024;
/// Once a frame has begun, the rest of it comes within this time.
pub(super) const FRAME_TIMEOUT: Duration = Duration::from_secs(30);
/// An app that wants nothing for so long gives its place to another, if there is no free one.
pub(super) const IDLE: Duration = Duration::from_secs(10);
/// An app that takes nothing of what waits for it for so long makes room for the others, if they
/// need it.
pub(super) const STUCK: Duration = Duration::from_secs(30);
/// So long a question waits for room among the answers of all apps.
pub(super) const ROOM_TIMEOUT: Duration = Duration::from_secs(10);
/// For an app that is refused to read why.
pub(super) const REFUSE_TIMEOUT: Duration = Duration::from_secs(2);
/// After the system had no descriptor or memory for another app.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Between two lines in the log about apps that were refused.
pub(super) const REFUSALS_SAID: Duration = Duration::from_secs(60);
/// Between looks whether an app that sends no more calls is still there to read.
pub(super) const HANG_UP_LOOK: Duration = Duration::from_millis(500);
