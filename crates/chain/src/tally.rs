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
    /// The choices, those with no ballot too.
    pub lines: Vec<TallyLine>,
    /// Choices that are left out of the lines, since there are very many.
    pub other_choices: u64,
    /// Ballots for these.
    pub other_ballots: u64,
}

impl Tally {
    pub(crate) fn new(mut lines: Vec<TallyLine>) -> Self {
        lines.sort_by_key(|line| std::cmp::Reverse(line.ballots));
        Self { lines, other_choices: 0, other_ballots: 0 }
    }

    /// The first `max` lines; what is cut off is counted together.
    #[must_use]
    pub fn top(mut self, max: usize) -> Self {
        let cut = self.lines.split_off(self.lines.len().min(max));
        self.other_choices += cut.len() as u64;
        self.other_ballots += cut.iter().map(|line| line.ballots).sum::<u64>();
        self
    }

    /// All ballots.
    pub fn ballots(&self) -> u64 {
        self.lines.iter().map(|line| line.ballots).sum::<u64>() + self.other_ballots
    }

    /// The most chosen, of those listed; several if tied; none if nobody chose.
    pub fn leaders(&self) -> Vec<&str> {
        let most = self.lines.first().map_or(0, |line| line.ballots);
        self.lines.iter().take_while(|line| line.ballots == most && most > 0).map(|line| line.choice.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_count_has_all_ballots_and_the_same_leader() {
        let line = |(choice, ballots): (&str, u64)| TallyLine { choice: choice.into(), ballots };
        let whole = Tally::new([("a", 1), ("b", 5), ("c", 2), ("d", 1)].map(line).into());
        let cut = whole.clone().top(2);
        assert_eq!((cut.ballots(), cut.leaders()), (whole.ballots(), whole.leaders()));
        assert_eq!((cut.lines.len(), cut.other_choices, cut.other_ballots), (2, 2, 2));
        assert_eq!(whole.clone().top(9), whole);
    }
}
