//! Many signatures checked at once, for about half of what each costs alone.
//!
//! By ZIP-215 (<https://zips.z.cash/zip-0215>) a signature holds if `8 S B = 8 R + 8 k A`. A batch
//! holds if the sum of these equations does, each times a coefficient of 128 bits. The factor 8
//! removes from `R` and `A` whatever they have of a point of small order, in the sum as in each
//! equation; so a batch holds if and only if each of its signatures does. (Strict rules look at
//! that part too, and a sum may cancel it.)
//!
//! Whoever makes signatures must not foresee the coefficients: what is wrong with one could make up
//! for what is wrong with another. They are a hash of all that is in the batch, so they are known
//! only once it is fixed, and another batch has others: wrong signatures pass with one chance in
//! 2^128 for each batch that somebody tries, which is as hard as to forge one. No randomness is
//! needed, and all nodes come to the same. Sources: the small exponents test of Bellare, Garay,
//! Rabin, Fast batch verification, Eurocrypt '98; a hash in the place of a coin: Fiat, Shamir,
//! Crypto '86; which rules agree with batches: Chalkias, Garillot, Nikolaenko, Taming the many
//! EdDSAs, SSR 2020.

use std::convert::Infallible;

use ed25519_zebra::batch::{Item, Verifier};
use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

use crate::hash::ChainId;
use crate::key::{PublicKey, Purpose, Signature, preimage};

/// Fewer are checked one by one: that is not slower.
const BATCH_MIN: usize = 4;
/// More are checked in several batches: one that is larger still would hardly be faster, and one
/// wrong signature would cost more.
const BATCH_MAX: usize = 1024;
/// After so many batches have failed, what remains is checked one by one: there are many wrong
/// ones, and each further half would cost more than it spares. So nobody who sends wrong signatures
/// makes any cost more than about twice what it costs alone.
const FAILURES_MAX: usize = 16;

/// A signature, with whose it is said to be and for what.
#[derive(Clone, Debug)]
pub struct Claim {
    /// None if nobody signs with such a key.
    item: Option<Item>,
    digest: [u8; 32],
}

impl Claim {
    /// That `key` has signed `content` for one purpose on one chain.
    pub fn new(
        key: &PublicKey,
        purpose: Purpose,
        chain: &ChainId,
        content: &[u8],
        signature: &Signature,
    ) -> Self {
        Self::of(key, &preimage(purpose, chain, content), signature)
    }

    fn of(key: &PublicKey, signed: &[u8], signature: &Signature) -> Self {
        let parts: [&[u8]; 3] = [key.as_bytes(), signature.as_bytes(), signed];
        let hasher = parts
            .iter()
            .fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
        let signature = ed25519_zebra::Signature::from_bytes(signature.as_bytes());
        let item = || Item::from(((*key.as_bytes()).into(), signature, signed));
        Self {
            item: key.may_sign().then(item),
            digest: hasher.finalize().into(),
        }
    }

    /// SHA-256 over key, signature, and what is signed: another claim has another.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Whether it is true.
    pub fn holds(&self) -> bool {
        self.item
            .clone()
            .is_some_and(|item| item.verify_single().is_ok())
    }
}

/// Which of these hold, in their order: the same as [`Claim::holds`] says of each, for less where
/// there are many.
pub fn which_hold(claims: &[Claim]) -> Vec<bool> {
    let mut verdicts = Vec::with_capacity(claims.len());
    for part in claims.chunks(BATCH_MAX) {
        let mut failures = 0;
        sift(part, &mut failures, &mut verdicts);
    }
    verdicts
}

/// All at once; if that fails, each half.
fn sift(claims: &[Claim], failures: &mut usize, verdicts: &mut Vec<bool>) {
    if claims.len() < BATCH_MIN || *failures >= FAILURES_MAX {
        verdicts.extend(claims.iter().map(Claim::holds));
    } else if hold_together(claims) {
        verdicts.extend(claims.iter().map(|_| true));
    } else {
        *failures += 1;
        let (one, other) = claims.split_at(claims.len() / 2);
        sift(one, failures, verdicts);
        sift(other, failures, verdicts);
    }
}

fn hold_together(claims: &[Claim]) -> bool {
    let mut verifier = Verifier::new();
    for claim in claims {
        let Some(item) = claim.item.clone() else {
            return false;
        };
        verifier.queue(item);
    }
    verifier.verify(Coefficients::of(claims)).is_ok()
}

/// A stream of bytes that follows from some claims.
struct Coefficients {
    seed: [u8; 32],
    block: u64,
}

impl Coefficients {
    fn of(claims: &[Claim]) -> Self {
        let tag = Sha256::new().chain_update(b"batch of signatures");
        let seed = claims
            .iter()
            .fold(tag, |hasher, claim| hasher.chain_update(claim.digest))
            .finalize();
        Self {
            seed: seed.into(),
            block: 0,
        }
    }

    fn next<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let Ok(()) = self.try_fill_bytes(&mut bytes);
        bytes
    }
}

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.next()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.next()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for part in bytes.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.seed)
                .chain_update(self.block.to_le_bytes())
                .finalize();
            part.copy_from_slice(&block[..part.len()]);
            self.block += 1;
        }
        Ok(())
    }
}

/// In the sense that nobody can foresee it who chooses the claims.
impl TryCryptoRng for Coefficients {}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::key::SecretKey;

    const CONTENT: &[u8] = b"content";

    fn chain() -> ChainId {
        ChainId::new(Hash::of("test", b"batches"))
    }

    fn claim(number: usize, content: &[u8]) -> Claim {
        let seed = std::array::from_fn(|at| if at < 8 { number.to_le_bytes()[at] } else { 7 });
        let key = SecretKey::from_seed(&seed);
        let signature = key.sign(Purpose::Vote, &chain(), CONTENT);
        Claim::new(&key.public(), Purpose::Vote, &chain(), content, &signature)
    }

    /// Claims of which those at `wrong` do not hold.
    fn claims(count: usize, wrong: &[usize]) -> Vec<Claim> {
        let content = |number| {
            if wrong.contains(&number) {
                b"another".as_slice()
            } else {
                CONTENT
            }
        };
        (0..count)
            .map(|number| claim(number, content(number)))
            .collect()
    }

    #[test]
    fn batch_names_exactly_the_signatures_that_do_not_hold() {
        let all: Vec<_> = (0..40).collect();
        for count in [0, 1, BATCH_MIN - 1, BATCH_MIN, 40] {
            for wrong in [&[][..], &[0], &[count.saturating_sub(1)], &[3, 4, 21], &all] {
                let found: Vec<_> = (0..count)
                    .filter(|number| !wrong.contains(number))
                    .collect();
                let verdicts = which_hold(&claims(count, wrong));
                assert_eq!(verdicts.len(), count);
                let holding: Vec<_> = (0..count).filter(|number| verdicts[*number]).collect();
                assert_eq!(holding, found, "of {count}, wrong {wrong:?}");
            }
        }
    }

    #[test]
    fn one_signature_among_more_than_a_batch_is_named() {
        let wrong = BATCH_MAX + 5;
        let verdicts = which_hold(&claims(BATCH_MAX + 20, &[wrong]));
        let named: Vec<_> = (0..verdicts.len())
            .filter(|number| !verdicts[*number])
            .collect();
        assert_eq!(named, [wrong]);
    }

    #[test]
    fn two_signatures_whose_errors_cancel_are_both_named() {
        // S + d and S - d: without coefficients the sum of their equations holds.
        let key = |number| SecretKey::from_seed(&[number; 32]);
        let moved = |number: u8, by: i16| {
            let mut bytes = *key(number)
                .sign(Purpose::Vote, &chain(), CONTENT)
                .as_bytes();
            // The lowest byte of S, where adding one does not carry.
            bytes[32] = u8::try_from(i16::from(bytes[32]) + by).expect("the keys are chosen so");
            Claim::new(
                &key(number).public(),
                Purpose::Vote,
                &chain(),
                CONTENT,
                &Signature::from_bytes(bytes),
            )
        };
        let mut claims = claims(8, &[]);
        claims.extend([moved(1, 1), moved(2, -1)]);
        let verdicts = which_hold(&claims);
        assert_eq!(verdicts[8..], [false, false]);
        assert!(verdicts[..8].iter().all(|holds| *holds));
    }

    #[test]
    fn coefficients_follow_from_all_claims() {
        let drawn = |claims: &[Claim]| Coefficients::of(claims).next::<64>();
        let claims = claims(5, &[]);
        assert_eq!(drawn(&claims), drawn(&claims.clone()));
        for at in 0..5 {
            let mut other = claims.clone();
            other[at] = claim(at, b"another");
            assert_ne!(drawn(&other), drawn(&claims), "claim {at}");
        }
        let drawn = drawn(&claims);
        assert_ne!(drawn[..16], drawn[32..48], "each is another");
    }
}
