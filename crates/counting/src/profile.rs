//! Ballots as counting sees them: rankings, and how many there are of each.

use crate::budget::Budget;
use crate::packed::{Packed, PackedBallots};

/// Equal rankings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// The ranks, best first; several candidates (by place, from 0) in one rank are equal, none are
    /// a skipped rank; those not named come last, equal.
    pub ranks: Vec<Vec<usize>>,
}

/// The ballots of one contest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    candidates: usize,
    ballots: PackedBallots,
    /// Candidates, ballots that differ, and names on these: what one look at all of it takes.
    size: usize,
}

/// Ballots that no contest has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProfile {
    /// Nobody stands for that place.
    #[error("there is no candidate {0}")]
    Candidate(usize),
    /// Ranked twice on one ballot.
    #[error("candidate {0} is ranked twice on one ballot")]
    Twice(usize),
    /// More ballots, or candidates, than can be counted.
    #[error("too many ballots")]
    Overflow,
}

/// Ballots altogether: beyond it, hundred-thousandths of Borda's points for 500 candidates would
/// not fit.
pub(crate) const BALLOTS_MAX: u64 = 1 << 37;

impl Profile {
    /// Checks ballots of a contest with so many candidates.
    ///
    /// # Errors
    /// [`InvalidProfile`] names the first fault.
    pub fn new(candidates: usize, groups: Vec<Group>) -> Result<Self, InvalidProfile> {
        let mut total = 0u64;
        for group in &groups {
            let mut seen = vec![false; candidates];
            for candidate in group.ranks.iter().flatten() {
                let place = seen
                    .get_mut(*candidate)
                    .ok_or(InvalidProfile::Candidate(*candidate))?;
                if std::mem::replace(place, true) {
                    return Err(InvalidProfile::Twice(*candidate));
                }
            }
            total = total
                .checked_add(group.count)
                .filter(|total| *total <= BALLOTS_MAX)
                .ok_or(InvalidProfile::Overflow)?;
        }
        let ballots = groups.into_iter().map(|group| (0, group));
        Ok(Self::packed(
            candidates,
            PackedBallots::pack(ballots).ok_or(InvalidProfile::Overflow)?,
        ))
    }

    /// Ballots that were checked as they were packed.
    pub(crate) fn packed(candidates: usize, ballots: PackedBallots) -> Self {
        let names: usize = ballots.iter().map(|packed| 1 + packed.ranks.named()).sum();
        Self {
            candidates,
            size: candidates + names,
            ballots,
        }
    }

    /// How many candidates stand.
    pub const fn candidates(&self) -> usize {
        self.candidates
    }

    /// The ballots.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = Packed<'_>> + DoubleEndedIterator {
        self.ballots.iter()
    }

    /// The ballots at a place.
    pub(crate) fn group(&self, place: usize) -> Packed<'_> {
        self.ballots.at(place)
    }

    /// How many ballots there are.
    pub fn ballots(&self) -> u64 {
        self.ballots.total()
    }

    /// How many ballots name nobody.
    pub fn blank(&self) -> u64 {
        self.groups()
            .filter(|group| group.ranks.named() == 0)
            .map(|group| group.count)
            .sum()
    }

    /// Whether any ballot names anybody.
    pub(crate) fn names_somebody(&self) -> bool {
        self.blank() < self.ballots()
    }

    /// The steps of one look at every name on every ballot.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// How many prefer the one to the other, for each pair: `[a][b]` ballots rank `a` above `b`.
    pub(crate) fn pairwise(&self, budget: &mut Budget) -> Option<Vec<Vec<u64>>> {
        let n = self.candidates;
        budget.spend(n * n * (1 + self.ballots.len()))?;
        let mut wins = vec![vec![0; n]; n];
        for group in self.groups() {
            let mut rank = vec![usize::MAX; n];
            for (at, candidates) in group.ranks.iter().enumerate() {
                candidates.iter().for_each(|candidate| rank[candidate] = at);
            }
            for (a, row) in wins.iter_mut().enumerate() {
                for (b, wins) in row.iter_mut().enumerate() {
                    *wins += if rank[a] < rank[b] { group.count } else { 0 };
                }
            }
        }
        Some(wins)
    }
}

#[cfg(test)]
pub(crate) fn profile(candidates: usize, ballots: &[(u64, &[usize])]) -> Profile {
    let group = |(count, order): &(u64, &[usize])| Group {
        count: *count,
        ranks: order.iter().map(|c| vec![*c]).collect(),
    };
    Profile::new(candidates, ballots.iter().map(group).collect()).unwrap()
}
