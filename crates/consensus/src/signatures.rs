//! Signing and checking what validators say.

use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use futures::FutureExt;
use malachite_signing::{Error, VerificationResult, Verifier};
use malachite_types::{SignedVote, ValidatorProof, VoteExtensionScope};
use vote_chain::bft::{Ctx, Proposal, Vote, proposal_content, vote_content};
use vote_chain::{ChainId, Claim, PublicKey, Purpose, Signature, which_hold};

/// Signatures remembered at one height; beyond it they are checked again.
const MEMO_MAX: usize = 10_000;

/// Checks signatures, and remembers those that held: Malachite asks again for every precommit of a
/// certificate.
pub(crate) struct Checker {
    chain: ChainId,
    // Malachite's `Verifier` takes `&self` and asks for `Sync`; the engine is one thread's, so
    // nobody ever waits here.
    memo: Mutex<BTreeSet<[u8; 32]>>,
}

impl Checker {
    pub(crate) fn new(chain: ChainId) -> Self {
        Self {
            chain,
            memo: Mutex::default(),
        }
    }

    /// Forgets; call at each new height.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<[u8; 32]>> {
        self.memo.lock().expect("no panic while it is held")
    }

    pub(crate) fn vote_holds(&self, vote: &Vote, signature: &Signature) -> bool {
        self.holds(self.claim(vote, signature))
    }

    /// Whether all of some votes hold; those that are new are checked together.
    pub(crate) fn votes_hold(&self, votes: impl Iterator<Item = SignedVote<Ctx>>) -> bool {
        let claims: Vec<_> = votes
            .map(|vote| self.claim(&vote.message, &vote.signature))
            .collect();
        self.which_hold(&claims).into_iter().all(|holds| holds)
    }

    pub(crate) fn proposal_holds(&self, proposal: &Proposal, signature: &Signature) -> bool {
        let content = proposal_content(proposal);
        self.holds(Claim::new(
            &proposal.proposer,
            Purpose::Proposal,
            &self.chain,
            &content,
            signature,
        ))
    }

    /// Which of some signatures hold; those that are new are checked together.
    pub(crate) fn which_hold(&self, claims: &[Claim]) -> Vec<bool> {
        let mut memo = self.lock();
        let mut verdicts: Vec<_> = claims
            .iter()
            .map(|claim| memo.contains(claim.digest()))
            .collect();
        let places: Vec<_> = (0..claims.len())
            .filter(|place| !verdicts[*place])
            .collect();
        let new: Vec<_> = places.iter().map(|place| claims[*place].clone()).collect();
        for ((place, claim), holds) in places.into_iter().zip(&new).zip(which_hold(&new)) {
            verdicts[place] = holds;
            if holds && memo.len() < MEMO_MAX {
                memo.insert(*claim.digest());
            }
        }
        verdicts
    }

    fn claim(&self, vote: &Vote, signature: &Signature) -> Claim {
        Claim::new(
            &vote.voter,
            Purpose::Vote,
            &self.chain,
            &vote_content(vote),
            signature,
        )
    }

    fn holds(&self, claim: Claim) -> bool {
        self.which_hold(&[claim]) == [true]
    }
}

/// Async in name only; none of these waits.
#[async_trait]
impl Verifier<Ctx> for Checker {
    async fn verify_signed_vote(
        &self,
        vote: &Vote,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::from_bool(
            vote.voter == *key && self.vote_holds(vote, signature),
        ))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::from_bool(
            proposal.proposer == *key && self.proposal_holds(proposal, signature),
        ))
    }

    async fn verify_signed_vote_extension(
        &self,
        _: &VoteExtensionScope<Ctx>,
        _: &(),
        _: &Signature,
        _: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::Invalid)
    }

    async fn verify_validator_proof(
        &self,
        _: &ValidatorProof<Ctx>,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::Invalid)
    }
}

/// The result of a check that is async in name only.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    future
        .now_or_never()
        .expect("a signature check never waits")
}
