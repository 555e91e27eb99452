//! Data for people and for programs.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use vote_chain::faults_tolerated;

/// A row with less room than this for words is left to the terminal.
const WORDS_WIDTH_MIN: usize = 20;

/// No column is made wider; a text that is longer stands out of it. Beyond what formatting can do
/// it panics.
const COLUMN_WIDTH_MAX: usize = 500;

/// How wide a column is made for these texts.
pub(crate) fn column<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts
        .into_iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .min(COLUMN_WIDTH_MAX)
}

/// Text from others, safe for a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Why standard output takes no more, once it does not. Of the whole program, as standard output
/// is: a command that has said half of what it should must not end as if it had said all.
static FAILED: OnceLock<io::Error> = OnceLock::new();

/// Prints a line to standard output. If that fails, nothing more is printed, and the program ends
/// with an error.
pub(crate) fn line(text: impl std::fmt::Display) {
    keep(if has_failed() {
        Ok(())
    } else {
        writeln!(io::stdout(), "{text}")
    });
}

/// Prints a question, and leaves the cursor behind it.
pub(crate) fn prompt(text: &str) {
    let written = write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush());
    keep(written);
}

/// Prints a line beside the output, to standard error. If that fails, nobody is there to be told
/// so.
pub(crate) fn aside(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Keeps what came of printing to standard output, by whoever did it.
pub(crate) fn keep(written: io::Result<()>) {
    if let Err(error) = written {
        // The first one says what is wrong.
        let _ = FAILED.set(error);
    }
}

/// Whether standard output takes no more.
pub(crate) fn has_failed() -> bool {
    FAILED.get().is_some()
}

/// Flushes standard output, and says whether all was printed.
pub(crate) fn finish() -> Result<(), &'static io::Error> {
    keep(io::stdout().flush());
    FAILED.get().map_or(Ok(()), Err)
}

/// Prints one object.
pub(crate) fn json(view: &impl serde::Serialize) {
    line(vote_views::line(view));
}

/// Prints lines such as ` label text`; on a terminal, what does not fit a row goes on below the
/// text.
pub(crate) fn described(lines: &[String]) {
    let terminal = io::stdout().is_terminal();
    let columns = if terminal {
        ratatui::crossterm::terminal::size().ok()
    } else {
        None
    };
    let width = columns.map_or(usize::MAX, |(columns, _)| columns.into());
    lines
        .iter()
        .flat_map(|text| wrapped(text, width))
        .for_each(line);
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let lead = text.len() - text.trim_start().len();
    let label = text[lead..].find("  ").map_or(lead, |at| lead + at);
    let indent = text.len() - text[label..].trim_start().len();
    if width < indent + WORDS_WIDTH_MIN {
        return vec![text.to_owned()];
    }
    let mut rows = vec![text[..indent].to_owned()];
    for word in text[indent..].split_inclusive(' ') {
        let used: usize = rows.last().map_or(0, |row| row.chars().count());
        if used > indent && used + word.trim_end().chars().count() > width {
            rows.push(" ".repeat(indent));
        }
        rows.last_mut().expect("it begins with one").push_str(word);
    }
    rows.iter().map(|row| row.trim_end().to_owned()).collect()
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
    let widths: Vec<_> = (0..columns)
        .map(|at| {
            column(
                rows.iter()
                    .filter_map(|row| row.get(at))
                    .map(String::as_str),
            )
        })
        .collect();
    for row in rows {
        let cells: Vec<_> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
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

    #[test]
    fn table_with_a_cell_of_any_length_is_printed() {
        table(&[vec!["x".repeat(70_000), "y".into()], vec!["z".into()]]);
        assert!(!has_failed());
    }

    #[test]
    fn long_texts_go_on_below_themselves_and_lose_no_word() {
        let text = "  ties       that the rule leaves open are broken by lots drawn from the election's id";
        let rows = wrapped(text, 40);
        assert_eq!(
            rows[..2],
            [
                "  ties       that the rule leaves open",
                "             are broken by lots drawn"
            ]
        );
        assert!(rows.iter().all(|row| row.chars().count() <= 40));
        assert_eq!(
            rows.iter()
                .map(|row| row.trim())
                .collect::<Vec<_>>()
                .join(" "),
            text.trim()
        );
        assert_eq!(wrapped(text, usize::MAX), [text]);
        assert_eq!(wrapped(text, 10), [text]);
        assert_eq!(wrapped("", 40), [""]);
    }
}
