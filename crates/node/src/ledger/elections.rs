//! Looking for elections.

use std::cmp::Reverse;

use vote_api::{Answer, ELECTIONS_PAGE_MAX, ElectionQuery, QUERY_BYTES_MAX, Refusal, RefusalCode};
use vote_chain::{ElectionRecord, encode};

use super::{ANSWER_BYTES_MAX, Ledger, refusal};

impl Ledger {
    /// A page of the elections that fit, the newest first.
    pub(super) fn elections(&self, query: &ElectionQuery) -> Result<Answer, Refusal> {
        let ElectionQuery {
            id,
            title,
            phases,
            after: _,
            limit,
        } = query;
        let hexadecimal = id.len() <= 64 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !hexadecimal
            || title.len() > QUERY_BYTES_MAX
            || !(1..=ELECTIONS_PAGE_MAX).contains(limit)
        {
            let reason = format!(
                "elections are looked for by at most 64 hexadecimal digits of an id, {QUERY_BYTES_MAX} bytes of a title, and 1 to \
                 {ELECTIONS_PAGE_MAX} at a time"
            );
            return Err(refusal(RefusalCode::Invalid, reason));
        }
        let title = title.to_lowercase();
        let fits = |record: &&ElectionRecord| {
            (phases.is_empty() || phases.contains(&record.phase(self.state.tip().time)))
                && record.election.title.to_lowercase().contains(&title)
        };
        let mut elections = Vec::new();
        let mut bytes = 0;
        for record in self.candidates(query).filter(fits) {
            let Some(view) = self.view_without_contests(&record.id) else {
                continue;
            };
            bytes += encode(&view).len();
            let full = elections.len() >= usize::from(*limit)
                || (bytes > ANSWER_BYTES_MAX && !elections.is_empty());
            if full {
                return Ok(Answer::Elections {
                    elections,
                    more: true,
                });
            }
            elections.push(view);
        }
        Ok(Answer::Elections {
            elections,
            more: false,
        })
    }

    /// The fewest elections among which those of a query are sure to be, in the order of its pages.
    fn candidates<'a>(
        &'a self,
        query: &ElectionQuery,
    ) -> Box<dyn Iterator<Item = &'a ElectionRecord> + 'a> {
        let ElectionQuery {
            id, phases, after, ..
        } = query;
        let state = &self.state;
        if !id.is_empty() {
            let age = |record: &&ElectionRecord| Reverse((record.created_at, record.id));
            let mut found: Vec<_> = state.elections_beginning(id).collect();
            found.sort_by_key(age);
            let Some(after) = after else {
                return Box::new(found.into_iter());
            };
            let Some(last) = state.election(after) else {
                return Box::new(std::iter::empty());
            };
            return Box::new(
                found
                    .into_iter()
                    .filter(move |record| age(record) > age(&last)),
            );
        }
        if !phases.is_empty() && !phases.iter().any(|phase| phase.is_over()) {
            return Box::new(state.elections_running(*after));
        }
        Box::new(state.elections_newest(*after))
    }
}

#[cfg(test)]
mod tests {
    use vote_chain::ElectionPhase::{Cancelled, Closed, Draft, Open};
    use vote_chain::{Act, ElectionId};

    use super::super::testing::{act, create, created};
    use super::*;

    fn found(ledger: &Ledger, query: ElectionQuery) -> (Vec<ElectionId>, bool) {
        match ledger.elections(&query).unwrap() {
            Answer::Elections { elections, more } => (
                elections.into_iter().map(|view| view.record.id).collect(),
                more,
            ),
            _ => panic!("another answer"),
        }
    }

    #[test]
    fn pages_show_each_election_once_the_newest_first_whatever_is_created_meanwhile() {
        let (mut ledger, first) = created();
        let mut ids = vec![first];
        ids.extend((1..10).map(|number| create(&mut ledger, &format!("Vote {number}"))));
        ids.reverse();
        let mut after = None;
        let mut seen = Vec::new();
        loop {
            let (page, more) = found(
                &ledger,
                ElectionQuery {
                    after,
                    limit: 4,
                    ..ElectionQuery::default()
                },
            );
            assert!(page.len() <= 4);
            seen.extend(page.iter().copied());
            after = page.last().copied();
            create(&mut ledger, "Newer");
            if !more {
                break;
            }
        }
        assert_eq!(seen, ids);
    }

    #[test]
    fn elections_are_found_by_digits_words_and_phases() {
        let (mut ledger, first) = created();
        let chair = create(&mut ledger, "New Chair");
        let closed = create(&mut ledger, "Old chair");
        act(&mut ledger, closed, Act::Close);
        let query = |id: &str, title: &str, phases: &[_]| ElectionQuery {
            id: id.to_owned(),
            title: title.to_owned(),
            phases: phases.to_vec(),
            after: None,
            limit: 10,
        };
        assert_eq!(found(&ledger, query("", "CHAIR", &[])).0, [closed, chair]);
        assert_eq!(found(&ledger, query("", "chair", &[Open])).0, [chair]);
        assert_eq!(
            found(&ledger, query("", "", &[Open, Draft])).0,
            [chair, first]
        );
        assert_eq!(found(&ledger, query("", "", &[Closed])).0, [closed]);
        assert!(found(&ledger, query("", "", &[Cancelled])).0.is_empty());
        let digits = chair.to_string();
        for length in [9, 16, 64] {
            assert_eq!(
                found(&ledger, query(&digits[..length].to_uppercase(), "", &[])).0,
                [chair]
            );
        }
        assert!(
            found(&ledger, query(&digits[..16], "", &[Closed]))
                .0
                .is_empty()
        );
        assert_eq!(
            ledger
                .elections(&query("not hex", "", &[]))
                .unwrap_err()
                .code,
            RefusalCode::Invalid
        );
        assert_eq!(
            ledger
                .elections(&query("", &"x".repeat(201), &[]))
                .unwrap_err()
                .code,
            RefusalCode::Invalid
        );
        assert_eq!(
            ledger
                .elections(&ElectionQuery::default())
                .unwrap_err()
                .code,
            RefusalCode::Invalid,
            "no limit"
        );
    }
}
