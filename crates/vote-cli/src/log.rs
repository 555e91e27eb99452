//! What an organiser has done to an election, in words.

use vote_api::ElectionView;
use vote_chain::{ElectionPhase, LogEntry, Logged, Timestamp};
use vote_views::LogWords;

use crate::output::clean;

/// What was done, and who has signed it if several organise: a sentence that cannot garble a
/// terminal.
fn describe(words: &LogWords<'_>, entry: &LogEntry) -> String {
    let by = entry
        .by
        .map_or_else(String::new, |key| format!("{key:.16}: "));
    clean(&format!("{by}{}", words.what(entry)))
}

/// What has happened to an election, a line for each thing, in the order of time: its organiser's
/// acts (additions to the roll that follow one another are one), and what the ledger's time has
/// done.
pub(crate) fn lines(view: &ElectionView, entries: &[LogEntry]) -> Vec<String> {
    let mut lines = acts(entries);
    lines.extend(by_the_clock(view, entries));
    lines.sort_by_key(|(time, _)| *time);
    lines
        .into_iter()
        .map(|(time, what)| format!("  {time}  {what}"))
        .collect()
}

/// Whether an election is open or has been: it can be over without that.
pub(crate) fn has_opened(view: &ElectionView) -> bool {
    let record = &view.record;
    let end = match view.phase {
        ElectionPhase::Draft => return false,
        ElectionPhase::Open => return true,
        ElectionPhase::Closed => record.closes_at,
        ElectionPhase::Cancelled => record.cancelled_at,
    };
    !record.lacks_voters()
        && record
            .opens_at
            .zip(end)
            .is_some_and(|(opens, end)| opens <= end)
}

/// What has become of the roll as it was made.
pub(crate) fn roll_state(view: &ElectionView) -> &'static str {
    match (view.phase, has_opened(view)) {
        (ElectionPhase::Draft, _) => "so far",
        (_, true) => "frozen at the opening",
        (_, false) => "the election never opened",
    }
}

fn acts(entries: &[LogEntry]) -> Vec<(Timestamp, String)> {
    let adds = |entry: &LogEntry| matches!(entry.act, Logged::VotersAdded { .. });
    let line =
        |entry: &LogEntry, what: String| (entry.time, format!("{what} (block {})", entry.height));
    let words = LogWords::of(entries);
    let one = |run: &[LogEntry]| {
        let last = run.last()?;
        let counts = run.iter().filter_map(|entry| match entry.act {
            Logged::VotersAdded { voters, weight } => Some((u64::from(voters), weight)),
            _ => None,
        });
        let (voters, votes) = counts.fold((0u64, 0u64), |sum, count| {
            // A node's word: any numbers.
            (sum.0.saturating_add(count.0), sum.1.saturating_add(count.1))
        });
        Some(match run.len() {
            1 => line(last, describe(&words, last)),
            acts => line(
                last,
                format!("{voters} voters with {votes} votes added to the roll, by {acts} acts"),
            ),
        })
    };
    entries
        .chunk_by(|a, b| adds(a) && adds(b) && a.by == b.by)
        .filter_map(one)
        .collect()
}

/// What has happened at the times that were set, without an act.
fn by_the_clock(view: &ElectionView, entries: &[LogEntry]) -> Vec<(Timestamp, String)> {
    let record = &view.record;
    let words = LogWords::of(entries);
    let done = |entry| words.done(entry);
    let by_hand = |act: &Logged| entries.iter().any(|entry| done(entry) == Some(act));
    let opened = record
        .opens_at
        .filter(|_| has_opened(view) && !by_hand(&Logged::Opened));
    // With nobody on its roll by then, it has opened with the first voter.
    let adds =
        |act: &Logged| matches!(act, Logged::VotersAdded { .. } | Logged::RollChanged { .. });
    let first_voter = entries
        .iter()
        .find(|entry| done(entry).is_some_and(adds))
        .map(|entry| entry.time);
    let opened = opened.map(|time| {
        first_voter
            .filter(|_| record.election.has_roll())
            .map_or(time, |first| first.max(time))
    });
    let closed = record
        .closes_at
        .filter(|_| view.phase == ElectionPhase::Closed && !by_hand(&Logged::Closed));
    let line = |what: &str, time: Timestamp| (time, format!("{what} by the ledger's time"));
    opened
        .map(|time| line("opened", time))
        .into_iter()
        .chain(closed.map(|time| line("closed", time)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::{Height, TransactionId};

    fn entry(height: u64, act: Logged) -> LogEntry {
        let (transaction, height, time) = (
            TransactionId::default(),
            Height::new(height),
            Timestamp::from_ms(0),
        );
        LogEntry {
            transaction,
            height,
            time,
            act,
            by: None,
        }
    }

    #[test]
    fn additions_that_follow_one_another_are_one_line() {
        let added = |height| {
            entry(
                height,
                Logged::VotersAdded {
                    voters: 1700,
                    weight: 2000,
                },
            )
        };
        let entries = [added(2), added(3), entry(4, Logged::Opened), added(5)];
        let lines: Vec<_> = acts(&entries).into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].contains("3400 voters with 4000 votes") && lines[0].contains("block 3"),
            "{lines:?}"
        );
        assert!(lines[2].contains("1700 voters"), "{lines:?}");
    }

    #[test]
    fn clock_has_done_only_what_has_happened() {
        let mut view = crate::report::tests::view();
        let (opens, closes) = (Timestamp::from_ms(2000), Timestamp::from_ms(9000));
        (view.record.opens_at, view.record.closes_at) = (Some(opens), Some(closes));
        let entry = |ms, act| LogEntry {
            time: Timestamp::from_ms(ms),
            ..entry(1, act)
        };
        let cancelled = |ms| entry(ms, Logged::Cancelled("no".into()));
        let changed = entry(
            5000,
            Logged::RollChanged {
                removed: vec![],
                added: vec![],
                reason: "late".into(),
            },
        );
        let mut told = |phase, cancelled_at: Option<LogEntry>, more: &[LogEntry]| {
            view.phase = phase;
            view.record.cancelled_at = cancelled_at.as_ref().map(|entry| entry.time);
            let entries: Vec<_> = more.iter().cloned().chain(cancelled_at).collect();
            let lines = lines(&view, &entries);
            let word = |line: &String| {
                line.split("  ")
                    .nth(2)
                    .and_then(|what| what.split([' ', ':']).next())
                    .map(str::to_owned)
            };
            lines.iter().filter_map(word).collect::<Vec<_>>().join(" ")
        };
        let changed = [changed];
        assert_eq!(told(ElectionPhase::Draft, None, &[]), "");
        assert_eq!(told(ElectionPhase::Open, None, &changed), "opened roll");
        assert_eq!(
            told(ElectionPhase::Closed, None, &changed),
            "opened roll closed"
        );
        assert_eq!(
            told(ElectionPhase::Cancelled, Some(cancelled(1000)), &[]),
            "cancelled",
            "before it opened"
        );
        assert_eq!(
            told(ElectionPhase::Cancelled, Some(cancelled(3000)), &[]),
            "opened cancelled"
        );
        assert_eq!(roll_state(&view), "frozen at the opening");
        view.record.opens_at = None;
        assert_eq!(roll_state(&view), "the election never opened");
    }

    #[test]
    fn reasons_cannot_garble_the_terminal() {
        let entries = [entry(1, Logged::Cancelled("x\u{1b}[2J".into()))];
        assert!(!acts(&entries)[0].1.contains('\u{1b}'));
    }
}
