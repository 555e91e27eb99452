//! What an organiser has done to an election, in words.

use vote_api::ElectionView;
use vote_chain::{ElectionPhase, LogEntry, Logged, Timestamp};

use crate::output::clean;

/// What was done, in a sentence that cannot garble a terminal.
pub(crate) fn describe(act: &Logged) -> String {
    clean(&vote_web::json::act(act))
}

/// One line for each entry; additions to the roll that follow one another are one.
pub(crate) fn lines(entries: &[LogEntry]) -> Vec<String> {
    let adds = |entry: &LogEntry| matches!(entry.act, Logged::VotersAdded { .. });
    let line = |entry: &LogEntry, what: String| format!("  {}  {what} (block {})", entry.time, entry.height);
    let one = |run: &[LogEntry]| {
        let last = run.last()?;
        let counts = run.iter().filter_map(|entry| match entry.act {
            Logged::VotersAdded { voters, weight } => Some((u64::from(voters), weight)),
            _ => None,
        });
        let (voters, votes) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        Some(match run.len() {
            1 => line(last, describe(&last.act)),
            acts => line(last, format!("{voters} voters with {votes} votes added to the roll, by {acts} acts")),
        })
    };
    entries.chunk_by(|a, b| adds(a) && adds(b)).filter_map(one).collect()
}

/// What has happened at the times that were set, without an act.
pub(crate) fn by_the_clock(view: &ElectionView, entries: &[LogEntry]) -> Vec<String> {
    let record = &view.record;
    let by_hand = |act: &Logged| entries.iter().any(|entry| entry.act == *act);
    let line =
        |what: &str, time: Option<Timestamp>| time.map(|time| format!("  {}  {what} by the ledger's time", time));
    let draft = view.phase == ElectionPhase::Draft;
    let opened = if draft || by_hand(&Logged::Opened) { None } else { line("opens", record.opens_at) };
    let closed = if view.phase == ElectionPhase::Closed && !by_hand(&Logged::Closed) {
        line("closes", record.closes_at)
    } else {
        None
    };
    opened.into_iter().chain(closed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::{Height, TransactionId};

    fn entry(height: u64, act: Logged) -> LogEntry {
        let (transaction, height, time) = (TransactionId::default(), Height::new(height), Timestamp::from_ms(0));
        LogEntry { transaction, height, time, act }
    }

    #[test]
    fn additions_that_follow_one_another_are_one_line() {
        let added = |height| entry(height, Logged::VotersAdded { voters: 1700, weight: 2000 });
        let entries = [added(2), added(3), entry(4, Logged::Opened), added(5)];
        let lines = lines(&entries);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains("3400 voters with 4000 votes") && lines[0].contains("block 3"), "{lines:?}");
        assert!(lines[2].contains("1700 voters"), "{lines:?}");
    }

    #[test]
    fn reasons_cannot_garble_the_terminal() {
        assert!(!describe(&Logged::Cancelled("x\u{1b}[2J".into())).contains('\u{1b}'));
    }
}
