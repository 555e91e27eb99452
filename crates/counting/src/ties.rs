//! Ties that a rule leaves open, broken by a seed that everybody could know before the first
//! ballot.

use sha2::{Digest, Sha256};

use crate::outcome::{Stake, TieBreak};

/// The seed: published before voting begins. Each lot is drawn by SHA-256 of `vote-counting tie`,
/// the seed, the number of the lot (8 bytes, big-endian, from 0) and the candidate's place (8
/// bytes, big-endian); the smallest hash is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

pub(crate) struct Breaker {
    seed: Seed,
    /// Lots drawn so far.
    lots: u64,
    pub(crate) ties: Vec<TieBreak>,
}

impl Breaker {
    pub(crate) const fn new(seed: Seed) -> Self {
        Self {
            seed,
            lots: 0,
            ties: Vec::new(),
        }
    }

    /// The only one of `tied`, or the one that is left when `narrow` has looked back at the rounds
    /// before `round`, the latest first, and taken out of the tie whom each tells apart; of several
    /// that are left, the one that the seed picks.
    pub(crate) fn pick(
        &mut self,
        round: usize,
        stake: Stake,
        tied: Vec<usize>,
        mut narrow: impl FnMut(usize, &mut Vec<usize>),
    ) -> usize {
        if let [only] = tied.as_slice() {
            return *only;
        }
        let mut left = tied.clone();
        let mut earlier = None;
        for before in (0..round).rev() {
            let many = left.len();
            narrow(before, &mut left);
            if left.len() < many {
                earlier = Some(before);
            }
            if left.len() == 1 {
                break;
            }
        }
        let (picked, drawn) = match left.as_slice() {
            [only] => (*only, Vec::new()),
            _ => (self.draw(&left), left),
        };
        self.ties.push(TieBreak {
            round,
            stake,
            candidates: tied,
            earlier,
            drawn,
            picked,
        });
        picked
    }

    /// The one that the seed picks.
    pub(crate) fn draw(&mut self, candidates: &[usize]) -> usize {
        let lot = self.lot();
        *candidates
            .iter()
            .min_by_key(|candidate| lot(**candidate))
            .expect("nobody ties with nobody")
    }

    /// All candidates in the order of one lot: the smallest hash comes first.
    pub(crate) fn ranking(&mut self, candidates: usize) -> Vec<usize> {
        let lot = self.lot();
        let mut ranking: Vec<usize> = (0..candidates).collect();
        ranking.sort_by_cached_key(|candidate| lot(*candidate));
        ranking
    }

    /// The next lot: a hash for each candidate.
    fn lot(&mut self) -> impl Fn(usize) -> [u8; 32] + use<> {
        let (seed, number) = (self.seed, self.lots);
        self.lots += 1;
        move |candidate| {
            Sha256::new()
                .chain_update(b"vote-counting tie")
                .chain_update(seed.0)
                .chain_update(number.to_be_bytes())
                .chain_update((candidate as u64).to_be_bytes())
                .finalize()
                .into()
        }
    }

    /// Of those `leading`, as many as there are seats left: all, or one that the seed picks if they
    /// are more.
    pub(crate) fn seat(&mut self, leading: Vec<usize>, seats: usize) -> Vec<usize> {
        if leading.len() <= seats {
            return leading;
        }
        vec![self.pick(0, Stake::Seats(seats), leading, |_, _| {})]
    }

    /// The `seats` with the most, most first; who is in and who is out among equals is for the seed
    /// to say.
    pub(crate) fn best(&mut self, amounts: &[u64], seats: usize) -> Vec<usize> {
        let most = |left: &[usize]| {
            let most = left.iter().map(|candidate| amounts[*candidate]).max();
            let has_most = |candidate: &usize| Some(amounts[*candidate]) == most;
            Some(left.iter().copied().filter(has_most).collect())
        };
        self.one_after_the_other(amounts.len(), seats, most)
            .expect("to look for the most needs no budget")
    }

    /// Fills `seats` with those of the candidates who lead, and then with those who lead among the
    /// rest; `leading` gives at least one of those that are left, or none if its budget is spent.
    pub(crate) fn one_after_the_other(
        &mut self,
        candidates: usize,
        seats: usize,
        mut leading: impl FnMut(&[usize]) -> Option<Vec<usize>>,
    ) -> Option<Vec<usize>> {
        let mut left: Vec<usize> = (0..candidates).collect();
        let mut winners = Vec::new();
        while winners.len() < seats && !left.is_empty() {
            let elected = self.seat(leading(&left)?, seats - winners.len());
            left.retain(|candidate| !elected.contains(candidate));
            winners.extend(elected);
        }
        Some(winners)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_picks_fairly_and_always_alike() {
        let pick = |seed: u8| Breaker::new(Seed([seed; 32])).seat(vec![3, 5, 8], 1)[0];
        let mut times = [0; 9];
        for seed in 0..=255 {
            assert_eq!(pick(seed), pick(seed));
            times[pick(seed)] += 1;
        }
        assert!(times[3] > 60 && times[5] > 60 && times[8] > 60, "{times:?}");
    }

    #[test]
    fn only_ties_for_the_last_seats_need_the_seed() {
        let mut breaker = Breaker::new(Seed([1; 32]));
        assert_eq!(breaker.best(&[5, 7, 7, 2], 2), [1, 2]);
        assert!(breaker.ties.is_empty());
        let three = breaker.best(&[5, 7, 5, 2], 2);
        assert!(three[0] == 1 && (three[1] == 0 || three[1] == 2));
        let [tie] = breaker.ties.as_slice() else {
            panic!("one tie")
        };
        assert_eq!(
            (tie.stake, &tie.drawn, tie.picked),
            (Stake::Seats(1), &vec![0, 2], three[1])
        );
        assert_eq!(
            breaker.best(&[1, 1], 5),
            [0, 1],
            "more seats than candidates"
        );
    }

    #[test]
    fn latest_earlier_round_that_differs_comes_before_the_lot_and_is_no_lot_itself() {
        let votes = [[1, 2, 3], [5, 5, 6], [7, 7, 7]];
        let fewest = |round: usize, left: &mut Vec<usize>| {
            let least = left.iter().map(|c| votes[round][*c]).min().unwrap();
            left.retain(|c| votes[round][*c] == least);
        };
        let mut breaker = Breaker::new(Seed([1; 32]));
        assert_eq!(breaker.pick(2, Stake::Exclusion, vec![0, 1, 2], fewest), 0);
        let tie = &breaker.ties[0];
        assert_eq!(
            (tie.round, tie.earlier, tie.drawn.len(), breaker.lots),
            (2, Some(0), 0, 0)
        );
        assert_eq!(
            breaker.pick(2, Stake::Surplus, vec![0, 1], |_, _| {}),
            Breaker::new(Seed([1; 32])).draw(&[0, 1])
        );
        assert_eq!((breaker.ties[1].earlier, breaker.lots), (None, 1));
    }
}
