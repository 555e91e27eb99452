//! Rows that one thread reads while another is at work on those before: to unpack a sheet and to
//! take its XML apart is more work than to make ballots of it.

use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use vote_counting::formats::FormatError;
use vote_counting::formats::table::{Row, Rows};

/// Rows that are handed over at once, so that it costs little.
const ROWS: usize = 256;
/// How many times as many may wait.
const WAITING: usize = 8;

/// Rows in their order, and what stands behind them.
#[derive(Default)]
struct Batch {
    /// [`ROWS`], of which the first are filled; memory of others is used again.
    rows: Vec<Row>,
    filled: usize,
    /// Why there are no more.
    error: Option<FormatError>,
}

/// Has `work` read rows on a thread of its own, and this thread read ahead of it. What `work` gets
/// to see is the same as without.
pub(crate) fn ahead<T: Send>(
    rows: &mut impl Rows,
    work: impl FnOnce(&mut RowsAhead) -> T + Send,
) -> T {
    let (send, batches) = sync_channel(WAITING);
    let (give_back, used) = sync_channel(WAITING);
    let mut ahead = RowsAhead {
        batches,
        give_back,
        batch: Batch::default(),
        at: 0,
    };
    thread::scope(|scope| {
        // What reads the file stays on this thread: it need not be fit for another.
        let worker = scope.spawn(move || work(&mut ahead));
        read(rows, &send, &used);
        drop(send);
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Reads to the end, to the first error, or until nobody wants any more.
fn read(rows: &mut impl Rows, send: &SyncSender<Batch>, used: &Receiver<Batch>) {
    let mut is_over = false;
    while !is_over {
        let mut batch = used.try_recv().unwrap_or_default();
        batch.rows.resize_with(ROWS, Row::default);
        batch.filled = 0;
        while batch.filled < ROWS && !is_over {
            match rows.next(&mut batch.rows[batch.filled]) {
                Ok(true) => batch.filled += 1,
                Ok(false) => is_over = true,
                Err(error) => {
                    batch.error = Some(error);
                    is_over = true;
                }
            }
        }
        is_over |= send.send(batch).is_err();
    }
}

/// Rows as another thread has read them.
pub(crate) struct RowsAhead {
    batches: Receiver<Batch>,
    give_back: SyncSender<Batch>,
    batch: Batch,
    at: usize,
}

impl Rows for RowsAhead {
    fn next(&mut self, row: &mut Row) -> Result<bool, FormatError> {
        while self.at == self.batch.filled {
            if let Some(error) = self.batch.error.take() {
                return Err(error);
            }
            let Ok(next) = self.batches.recv() else {
                return Ok(false);
            };
            // Whether it is used again does not matter.
            let _ = self.give_back.try_send(mem::replace(&mut self.batch, next));
            self.at = 0;
        }
        mem::swap(row, &mut self.batch.rows[self.at]);
        self.at += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that say their line, up to an end or an error.
    struct Lines {
        next: usize,
        last: usize,
        error: Option<FormatError>,
    }

    impl Rows for Lines {
        fn next(&mut self, row: &mut Row) -> Result<bool, FormatError> {
            if self.next > self.last {
                return self.error.clone().map_or(Ok(false), Err);
            }
            row.clear(self.next);
            row.push(&self.next.to_string());
            self.next += 1;
            Ok(true)
        }
    }

    #[test]
    fn rows_and_the_error_behind_them_come_in_their_order() {
        let error = FormatError {
            line: 7,
            reason: "torn".into(),
        };
        for last in [0, 1, ROWS - 1, ROWS, ROWS + 1, 20 * ROWS * WAITING] {
            for error in [None, Some(error.clone())] {
                let expected = error.clone().map_or(Ok(()), Err);
                let mut rows = Lines {
                    next: 1,
                    last,
                    error,
                };
                let (read, end) = ahead(&mut rows, |rows| {
                    let mut row = Row::default();
                    let mut read = 0;
                    loop {
                        match rows.next(&mut row) {
                            Ok(true) => {
                                read += 1;
                                assert_eq!((row.line, row.get(0)), (read, &*read.to_string()));
                            }
                            Ok(false) => return (read, Ok(())),
                            Err(error) => return (read, Err(error)),
                        }
                    }
                });
                assert_eq!((read, end), (last, expected));
            }
        }
    }

    #[test]
    fn nobody_reads_on_once_the_work_is_done() {
        let mut rows = Lines {
            next: 1,
            last: 100 * ROWS * WAITING,
            error: None,
        };
        let second = ahead(&mut rows, |rows| {
            let mut row = Row::default();
            (0..2).for_each(|_| assert!(rows.next(&mut row).unwrap()));
            row.line
        });
        assert_eq!(second, 2);
        assert!(rows.next < rows.last, "all was read");
    }
}
