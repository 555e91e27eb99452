//! What is printed on standard output.

use std::io::{self, ErrorKind, Write};

/// Prints lines.
pub(crate) fn lines(text: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Prints a report: for programs on one line, for people on many.
pub(crate) fn report(report: &impl serde::Serialize, as_json: bool) -> anyhow::Result<()> {
    Ok(lines(if as_json {
        vote_views::line(report)
    } else {
        serde_json::to_string_pretty(report)?
    })?)
}

/// Whether somebody who read what is printed has gone away: nobody is left to be told.
pub(crate) fn is_unread(error: &anyhow::Error) -> bool {
    let io = error.root_cause().downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
