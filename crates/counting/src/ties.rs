//! Ties that a rule leaves open, broken by a seed that everybody could know before the first ballot.

use sha2::{Digest, Sha256};

use crate::outcome::TieBreak;

/// The seed: published before voting begins. Each tie is broken by SHA-256 of `vote-counting tie`, the seed, the number of
/// the tie (8 bytes, big-endian, from 0) and the candidate's place (8 bytes, big-endian); the smallest hash is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

pub(crate) struct Breaker {
    seed: Seed,
    pub(crate) ties: Vec<TieBreak>,
}

impl Breaker {
    pub(crate) const fn new(seed: Seed) -> Self {
        Self { seed, ties: Vec::new() }
    }

    /// The only one, or the one that the seed picks.
    pub(crate) fn pick(&mut self, candidates: &[usize]) -> usize {
        if let [only] = candidates {
            return *only;
        }
        let number = self.ties.len() as u64;
        let lot = |candidate: &usize| {
            let hasher = Sha256::new().chain_update(b"vote-counting tie").chain_update(self.seed.0);
            hasher.chain_update(number.to_be_bytes()).chain_update((*candidate as u64).to_be_bytes()).finalize()
        };
        let picked = *candidates.iter().min_by_key(|candidate| lot(candidate)).expect("nobody ties with nobody");
        self.ties.push(TieBreak { candidates: candidates.to_vec(), picked });
        picked
    }

    /// The `seats` with the most, most first; who is in and who is out among equals is for the seed to say.
    pub(crate) fn best(&mut self, amounts: &[u64], seats: usize) -> Vec<usize> {
        let mut left: Vec<usize> = (0..amounts.len()).collect();
        let mut winners = Vec::new();
        while winners.len() < seats && !left.is_empty() {
            let most = left.iter().map(|candidate| amounts[*candidate]).max().unwrap_or(0);
            let mut leading: Vec<usize> =
                left.iter().copied().filter(|candidate| amounts[*candidate] == most).collect();
            if leading.len() > seats - winners.len() {
                leading = vec![self.pick(&leading)];
            }
            left.retain(|candidate| !leading.contains(candidate));
            winners.extend(leading);
        }
        winners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_picks_fairly_and_always_alike() {
        let pick = |seed: u8| Breaker::new(Seed([seed; 32])).pick(&[3, 5, 8]);
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
        assert_eq!(breaker.ties, [TieBreak { candidates: vec![0, 2], picked: three[1] }]);
        assert_eq!(breaker.best(&[1, 1], 5), [0, 1], "more seats than candidates");
    }
}
