//! Data for people and for programs.

use std::io::Write;

use serde_json::Value;
use vote_chain::faults_tolerated;

/// Text from others, safe for a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Prints a line to standard output; a reader that has gone away is no error of ours.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints one object.
pub(crate) fn json(value: &Value) {
    line(value);
}

/// So many validators, and how many of them may fail.
pub(crate) fn validators(n: usize) -> String {
    match (n, faults_tolerated(n)) {
        (1, _) => "1 validator, which must not fail".to_owned(),
        (n, 0) => format!("{n} validators, none of which may fail"),
        (n, faults) => format!("{n} validators, of which {faults} may fail or lie"),
    }
}

/// Prints rows in columns.
pub(crate) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(cells.join("  ").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_others_do_not_reach_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}
