//! The proof that a block is final.

use serde::{Deserialize, Serialize};

use crate::batch::{Claim, which_hold};
use crate::bft::{Vote, vote_content};
use crate::hash::{BlockHash, ChainId};
use crate::key::{PublicKey, Purpose, Signature};
use crate::time::Height;
use crate::validator::ValidatorSet;
use malachite_types::{NilOrVal, Round, VoteType};

/// One validator's precommit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitSignature {
    /// The validator.
    pub validator: PublicKey,
    /// Over its precommit for the block, at this height and round.
    pub signature: Signature,
}

/// Precommits of more than two thirds of the power of the set in force: the block is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitCertificate {
    /// The height that is decided.
    pub height: Height,
    /// The round in which it was decided.
    pub round: u32,
    /// The block.
    pub block: BlockHash,
    /// By validator key, each once.
    pub signatures: Vec<CommitSignature>,
}

/// Why a certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// Out of order or twice the same: one validator could pass for several.
    #[error("its signatures are not sorted by validator, each once")]
    Order,
    /// Signed by somebody else.
    #[error("{0:.16} is not a validator of that height")]
    Stranger(PublicKey),
    /// A signature that does not verify.
    #[error("the signature of {0:.16} does not verify")]
    Signature(PublicKey),
    /// Two thirds or less.
    #[error("it has the signatures of {power} of {total} power; more than two thirds are needed")]
    Power {
        /// What signed.
        power: u64,
        /// What there is.
        total: u64,
    },
    /// About another block.
    #[error("it is for another block")]
    OtherBlock,
}

impl CommitCertificate {
    /// Checks that the certificate makes `block` at `height` final under `validators`.
    ///
    /// # Errors
    /// [`CertificateFault`] if it does not.
    pub fn verify(
        &self,
        chain: &ChainId,
        height: Height,
        block: &BlockHash,
        validators: &ValidatorSet,
    ) -> Result<(), CertificateFault> {
        self.verify_by(chain, height, block, validators, which_hold)
    }

    /// The same, by a caller's own [`which_hold`]: it may remember what it has checked before.
    ///
    /// # Errors
    /// [`CertificateFault`] if it does not.
    pub fn verify_by(
        &self,
        chain: &ChainId,
        height: Height,
        block: &BlockHash,
        validators: &ValidatorSet,
        which_hold: impl FnOnce(&[Claim]) -> Vec<bool>,
    ) -> Result<(), CertificateFault> {
        let claims = self.claims(chain, height, block, validators)?;
        self.conclude(&which_hold(&claims), validators)
    }

    /// Verifies many, each as [`verify`](Self::verify) does; all their signatures are checked in
    /// batches.
    pub fn verify_all<'a>(
        chain: &ChainId,
        certificates: impl IntoIterator<Item = (&'a Self, Height, BlockHash, &'a ValidatorSet)>,
    ) -> Vec<Result<(), CertificateFault>> {
        let mut all_claims = Vec::new();
        let mut formed = Vec::new();
        for (certificate, height, block, validators) in certificates {
            let claims = certificate.claims(chain, height, &block, validators);
            formed.push(claims.map(|claims| {
                all_claims.extend(claims);
                (certificate, validators)
            }));
        }
        let verdicts = which_hold(&all_claims);
        let mut rest = verdicts.as_slice();
        let one = |formed: Result<(&Self, &ValidatorSet), CertificateFault>| {
            let (certificate, validators) = formed?;
            let (own, others) = rest.split_at(certificate.signatures.len());
            rest = others;
            certificate.conclude(own, validators)
        };
        formed.into_iter().map(one).collect()
    }

    /// What its signatures must say, if all else is well formed.
    fn claims(
        &self,
        chain: &ChainId,
        height: Height,
        block: &BlockHash,
        validators: &ValidatorSet,
    ) -> Result<Vec<Claim>, CertificateFault> {
        if self.block != *block || self.height != height {
            return Err(CertificateFault::OtherBlock);
        }
        if !self
            .signatures
            .is_sorted_by(|a, b| a.validator < b.validator)
        {
            return Err(CertificateFault::Order);
        }
        if let Some(stranger) = self
            .signatures
            .iter()
            .find(|signed| !validators.contains(&signed.validator))
        {
            return Err(CertificateFault::Stranger(stranger.validator));
        }
        let claim = |CommitSignature {
                         validator,
                         signature,
                     }: &CommitSignature| {
            let vote = vote_content(&self.precommit(*validator));
            Claim::new(validator, Purpose::Vote, chain, &vote, signature)
        };
        Ok(self.signatures.iter().map(claim).collect())
    }

    /// From which of its signatures hold.
    fn conclude(
        &self,
        verdicts: &[bool],
        validators: &ValidatorSet,
    ) -> Result<(), CertificateFault> {
        if let Some(wrong) = verdicts.iter().position(|holds| !holds) {
            return Err(CertificateFault::Signature(
                self.signatures[wrong].validator,
            ));
        }
        self.check_power(validators)
    }

    /// Checks that those who have signed hold more than two thirds of the power of `validators`,
    /// whose members they need not all be. The signatures are not looked at.
    ///
    /// # Errors
    /// [`CertificateFault::Power`] if they hold less.
    pub(crate) fn check_power(&self, validators: &ValidatorSet) -> Result<(), CertificateFault> {
        let keys = self.signatures.iter().map(|signature| &signature.validator);
        if validators.is_quorum(keys.clone()) {
            return Ok(());
        }
        let power = keys
            .filter_map(|key| validators.get(key))
            .map(|validator| validator.power)
            .sum();
        Err(CertificateFault::Power {
            power,
            total: validators.power_total(),
        })
    }

    fn precommit(&self, voter: PublicKey) -> Vote {
        let (round, value) = (Round::new(self.round), NilOrVal::Val(self.block));
        Vote {
            height: self.height,
            round,
            kind: VoteType::Precommit,
            value,
            voter,
        }
    }
}
