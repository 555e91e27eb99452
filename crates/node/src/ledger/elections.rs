//! Looking for elections.

use vote_api::{Answer, ELECTIONS_PAGE_MAX, ElectionQuery, QUERY_BYTES_MAX, Refusal, RefusalCode};
use vote_chain::{ElectionRecord, encode};

use super::{ANSWER_BYTES_MAX, Ledger, refusal};

impl Ledger {
    /// A page of the elections that fit, the newest first.
    pub(super) fn elections(&self, query: &ElectionQuery) -> Result<Answer, Refusal> {
        let ElectionQuery { id, title, phases, after, limit } = query;
        let hexadecimal = id.len() <= 64 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !hexadecimal || title.len() > QUERY_BYTES_MAX || !(1..=ELECTIONS_PAGE_MAX).contains(limit) {
            let reason = format!(
                "elections are looked for by at most 64 hexadecimal digits of an id, {QUERY_BYTES_MAX} bytes of a title, and 1 to \
                 {ELECTIONS_PAGE_MAX} at a time"
            );
            return Err(refusal(RefusalCode::Invalid, reason));
        }
        let id = id.to_lowercase();
        let title = title.to_lowercase();
        let fits = |record: &ElectionRecord| {
            (phases.is_empty() || phases.contains(&record.phase(self.state.tip().time)))
                && record.id.to_string().starts_with(&id)
                && record.election.title.to_lowercase().contains(&title)
        };
        let mut records: Vec<_> = self.state.elections().collect();
        records.sort_by_key(|record| std::cmp::Reverse((record.created_at, record.id)));
        let place = after.map(|after| records.iter().position(|record| record.id == after));
        let start = place.map_or(0, |place| place.map_or(records.len(), |place| place + 1));
        let mut elections = Vec::new();
        let mut bytes = 0;
        for record in records[start..].iter().filter(|record| fits(record)) {
            let Some(view) = self.view_without_contests(&record.id) else { continue };
            bytes += encode(&view).len();
            let full = elections.len() >= usize::from(*limit) || (bytes > ANSWER_BYTES_MAX && !elections.is_empty());
            if full {
                return Ok(Answer::Elections { elections, more: true });
            }
            elections.push(view);
        }
        Ok(Answer::Elections { elections, more: false })
    }
}
