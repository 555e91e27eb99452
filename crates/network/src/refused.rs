//! What the log says of those who are not let in: how many there were, and one of them, once in a
//! while. Who wants to fill a disk with lines could else do so with nothing but a port to knock on.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Refused {
    /// What is refused, in the plural.
    what: &'static str,
    count: u64,
    last: Option<(String, String)>,
    said_at: Option<Instant>,
}

impl Refused {
    pub(crate) const fn of(what: &'static str) -> Self {
        Self {
            what,
            count: 0,
            last: None,
            said_at: None,
        }
    }

    /// Somebody was not let in, or not answered.
    pub(crate) fn note(&mut self, reason: &str, who: &impl Display) {
        self.count += 1;
        self.last = Some((reason.to_owned(), who.to_string()));
        self.say();
    }

    /// Writes a line if there is something to say and it is time.
    pub(crate) fn say(&mut self) {
        if let Some((count, reason, who)) = self.due(Instant::now()) {
            let what = self.what;
            tracing::warn!(
                count,
                reason,
                from = who,
                "{what} refused since the last such line; the last of them"
            );
        }
    }

    fn due(&mut self, now: Instant) -> Option<(u64, String, String)> {
        if self.said_at.is_some_and(|at| now - at < PAUSE) {
            return None;
        }
        let (reason, who) = self.last.take()?;
        self.said_at = Some(now);
        Some((std::mem::take(&mut self.count), reason, who))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousand_strangers_are_one_line_and_none_is_forgotten() {
        let mut refused = Refused::of("connections");
        for number in 1..=1000 {
            refused.count += 1;
            refused.last = Some(("garbage".into(), format!("stranger {number}")));
        }
        let now = Instant::now();
        assert_eq!(
            refused.due(now),
            Some((1000, "garbage".into(), "stranger 1000".into()))
        );
        refused.count += 1;
        refused.last = Some(("garbage".into(), "stranger 1001".into()));
        assert_eq!(refused.due(now + PAUSE / 2), None);
        assert_eq!(
            refused.due(now + PAUSE),
            Some((1, "garbage".into(), "stranger 1001".into()))
        );
        assert_eq!(
            refused.due(now + PAUSE * 3),
            None,
            "nothing more has happened"
        );
    }
}
