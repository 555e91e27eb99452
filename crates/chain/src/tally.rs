//! Counting a plurality contest.

use serde::{Deserialize, Serialize};

/// One choice and how many chose it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyLine {
    /// Its words.
    pub choice: String,
    /// How many ballots.
    pub ballots: u64,
}

/// The count of one election: most first, then in the order of the ballot (write-ins: of the alphabet).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Every choice, those with no ballot too.
    pub lines: Vec<TallyLine>,
}

impl Tally {
    pub(crate) fn new(mut lines: Vec<TallyLine>) -> Self {
        lines.sort_by_key(|line| std::cmp::Reverse(line.ballots));
        Self { lines }
    }

    /// All ballots.
    pub fn ballots(&self) -> u64 {
        self.lines.iter().map(|line| line.ballots).sum()
    }

    /// The most chosen; several if tied; none if nobody chose.
    pub fn leaders(&self) -> Vec<&str> {
        let most = self.lines.first().map_or(0, |line| line.ballots);
        self.lines.iter().take_while(|line| line.ballots == most && most > 0).map(|line| line.choice.as_str()).collect()
    }
}
