//! A bound on how long a count takes.

/// How many more steps a count may take; a step is about one look at a name on a ballot, a few
/// nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(u64);

impl Budget {
    /// So many steps.
    pub const fn new(steps: u64) -> Self {
        Self(steps)
    }

    /// As long as it takes.
    pub const fn unlimited() -> Self {
        Self(u64::MAX)
    }

    /// What is left.
    pub const fn left(&self) -> u64 {
        self.0
    }

    /// Takes steps off; none, and nothing is left, if there are not so many.
    #[must_use]
    pub fn spend(&mut self, steps: usize) -> Option<()> {
        let left = self.0.checked_sub(steps as u64);
        self.0 = left.unwrap_or(0);
        left.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ballots, Group, NotCounted, Profile, Rule, Seed, Terms, count};

    /// A contest made to be hard to count: its rounds settle slowly, and each looks at every name.
    fn long() -> Profile {
        let ballot = |first: usize| Group {
            count: 1 + first as u64 % 7,
            ranks: (0..60)
                .map(|at| vec![(first * 7 + at * 11 + at * at) % 61])
                .collect::<Vec<_>>(),
        };
        let distinct = |mut group: Group| {
            let mut seen = [false; 61];
            group
                .ranks
                .retain(|rank| !std::mem::replace(&mut seen[rank[0]], true));
            group
        };
        Profile::new(61, (0..300).map(ballot).map(distinct).collect()).unwrap()
    }

    #[test]
    fn count_ends_when_its_budget_does_and_else_is_the_same() {
        let terms = Terms::new(30, Seed([0; 32]));
        let ballots = Ballots::Rankings(long());
        for rule in Rule::ALL.into_iter().filter(|rule| rule.is_ranked()) {
            let count = |budget: &mut Budget| count(rule, &ballots, &terms, budget);
            let whole = count(&mut Budget::unlimited());
            assert!(whole.is_ok());
            let (mut steps, mut tries) = (1_000, 0);
            let enough = loop {
                let mut budget = Budget::new(steps);
                match count(&mut budget) {
                    Err(fault) => {
                        assert_eq!((fault, budget), (NotCounted::TooLong, Budget::new(0)))
                    }
                    outcome => break outcome,
                }
                (steps, tries) = (steps * 10, tries + 1);
            };
            assert!(tries > 0, "a thousand steps are not enough");
            assert_eq!(enough, whole);
        }
    }
}
