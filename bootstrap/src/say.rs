//! What is printed on standard output.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};

/// Prints lines.
pub(crate) fn lines(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .context("not all of it could be printed")
}

/// Whether somebody who read what is printed has gone away: nobody is left to be told.
pub(crate) fn is_unread(error: &anyhow::Error) -> bool {
    let io = error.root_cause().downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
