//! Signing and checking what validators say.

use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use futures::FutureExt;
use malachite_signing::{Error, VerificationResult, Verifier};
use malachite_types::{ValidatorProof, VoteExtensionScope};
use sha2::{Digest, Sha256};
use vote_chain::bft::{Ctx, Proposal, Vote, proposal_content, vote_content};
use vote_chain::{ChainId, PublicKey, Purpose, Signature};

/// Signatures remembered at one height; beyond it they are checked again.
const MEMO_MAX: usize = 10_000;

/// Checks signatures, and remembers those that held: Malachite asks again for every precommit of a certificate.
pub(crate) struct Checker {
    chain: ChainId,
    // Malachite's `Verifier` takes `&self` and asks for `Sync`; the engine is one thread's, so nobody ever waits here.
    memo: Mutex<BTreeSet<[u8; 32]>>,
}

impl Checker {
    pub(crate) fn new(chain: ChainId) -> Self {
        Self { chain, memo: Mutex::default() }
    }

    /// Forgets; call at each new height.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<[u8; 32]>> {
        self.memo.lock().expect("no panic while it is held")
    }

    pub(crate) fn vote_holds(&self, vote: &Vote, signature: &Signature) -> bool {
        self.holds(&vote.voter, Purpose::Vote, &vote_content(vote), signature)
    }

    pub(crate) fn proposal_holds(&self, proposal: &Proposal, signature: &Signature) -> bool {
        self.holds(&proposal.proposer, Purpose::Proposal, &proposal_content(proposal), signature)
    }

    fn holds(&self, key: &PublicKey, purpose: Purpose, content: &[u8], signature: &Signature) -> bool {
        let parts: [&[u8]; 4] = [key.as_bytes(), signature.as_bytes(), &[u8::from(purpose == Purpose::Vote)], content];
        let seen: [u8; 32] =
            parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize().into();
        if self.lock().contains(&seen) {
            return true;
        }
        let holds = key.verifies(purpose, &self.chain, content, signature);
        let mut memo = self.lock();
        if holds && memo.len() < MEMO_MAX {
            memo.insert(seen);
        }
        holds
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
        Ok(VerificationResult::from_bool(vote.voter == *key && self.vote_holds(vote, signature)))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        signature: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::from_bool(proposal.proposer == *key && self.proposal_holds(proposal, signature)))
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

    async fn verify_validator_proof(&self, _: &ValidatorProof<Ctx>) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::Invalid)
    }
}

/// The result of a check that is async in name only.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("a signature check never waits")
}
