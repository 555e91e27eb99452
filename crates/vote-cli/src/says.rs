//! What a ballot says, in words: only from a [`Statement`], which is read from signed bytes.

use vote_chain::Statement;

use crate::output::clean;

/// In place of what a ballot says, while its rules withhold it.
pub(crate) const WITHHELD: &str = "(the rules of its vote show what it says once it has closed)";

/// Who says what, in which election.
pub(crate) fn lines(says: &Statement) -> Vec<String> {
    let mut lines = vec![format!(
        "  election {:?}, {:.16}",
        clean(&says.election.title),
        says.ballot.election
    )];
    lines.extend(contests(says).map(|line| format!("  says     {line}")));
    let name = if says.ballot.name.is_empty() {
        "(none)".to_owned()
    } else {
        clean(&says.ballot.name)
    };
    lines.push(format!("  name     {name}"));
    lines.push(match says.ballot.counter {
        0 => "  counter  0: the first ballot of its credential".to_owned(),
        1 => "  counter  1: it replaces a ballot".to_owned(),
        counter => format!("  counter  {counter}: it replaces {counter} ballots"),
    });
    lines
}

/// What it says to each contest.
pub(crate) fn contests(says: &Statement) -> impl Iterator<Item = String> {
    says.words().map(|(title, words)| match title {
        "" => clean(&words),
        title => format!("{}: {}", clean(title), clean(&words)),
    })
}
