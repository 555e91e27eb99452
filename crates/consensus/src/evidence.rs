//! Proofs that somebody has broken the rules of agreement. Whoever knows the validators of a height
//! can check them.

use std::collections::BTreeSet;

use borsh::BorshSerialize;
use malachite::MisbehaviorEvidence;
use malachite_types::SignedVote;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use vote_chain::bft::{Ctx, Proposal, Vote, proposal_content, vote_content};
use vote_chain::{
    CertificateFault, ChainId, CommitCertificate, DecodeError, Header, Height, PublicKey, Purpose,
    ValidatorSet, decode, encode,
};

use crate::message::SignedProposal;

/// A proof that somebody has broken the rules of agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evidence {
    /// One validator has signed two different things.
    Equivocation(Equivocation),
    /// Two blocks are final that exclude each other.
    Fork(Box<Fork>),
}

/// Two things that one validator signed for the same height, round and step: proof of its fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Equivocation {
    /// The validator.
    pub validator: PublicKey,
    /// What was signed twice, in words.
    pub what: String,
    /// The first signed message (docs/protocol.md, "Evidence").
    pub first: ByteBuf,
    /// The second.
    pub second: ByteBuf,
}

/// Two final blocks of one height, or of two heights that follow each other, of which the second
/// does not follow from the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The block of the lower height, or one of the two.
    pub first: Certified,
    /// The other block.
    pub second: Certified,
}

/// A block's header, and what makes it final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certified {
    /// The header.
    pub header: Header,
    /// Precommits for it.
    pub certificate: CommitCertificate,
}

/// Evidence that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvidence {
    /// Not two signed messages.
    #[error("it does not hold two signed messages")]
    Form,
    /// The messages do not exclude each other.
    #[error("what was signed does not exclude each other")]
    Harmless,
    /// Nobody who could decide that height.
    #[error("{0:.16} is not a validator at height {1}")]
    Stranger(PublicKey, Height),
    /// Somebody else's signature.
    #[error("a signature of {0:.16} does not verify")]
    Signature(PublicKey),
    /// A height whose validators are not known here.
    #[error("the validators of height {0} are not known here")]
    Unknown(Height),
    /// A certificate that makes nothing final.
    #[error("a certificate for height {0} does not hold: {1}")]
    Certificate(Height, #[source] CertificateFault),
}

/// One of the two messages of an equivocation.
enum Said {
    Vote(SignedVote<Ctx>),
    Proposal(SignedProposal),
}

impl Said {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let vote = borsh::from_slice(bytes).map(Self::Vote);
        vote.or_else(|_| borsh::from_slice(bytes).map(Self::Proposal))
            .ok()
    }

    const fn signer(&self) -> PublicKey {
        match self {
            Self::Vote(vote) => vote.message.voter,
            Self::Proposal(proposal) => proposal.message.proposer,
        }
    }

    const fn height(&self) -> Height {
        match self {
            Self::Vote(vote) => vote.message.height,
            Self::Proposal(proposal) => proposal.message.height,
        }
    }

    fn holds(&self, chain: &ChainId) -> bool {
        match self {
            Self::Vote(SignedVote { message, signature }) => {
                message
                    .voter
                    .verifies(Purpose::Vote, chain, &vote_content(message), signature)
            }
            Self::Proposal(SignedProposal { message, signature }) => message.proposer.verifies(
                Purpose::Proposal,
                chain,
                &proposal_content(message),
                signature,
            ),
        }
    }

    /// Whether no honest validator signs both; the signer is the same.
    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Vote(one), Self::Vote(other)) => {
                let place = |vote: &Vote| (vote.height, vote.round, vote.kind);
                place(&one.message) == place(&other.message)
                    && one.message.value != other.message.value
            }
            (Self::Proposal(one), Self::Proposal(other)) => {
                let place = |proposal: &Proposal| (proposal.height, proposal.round);
                place(&one.message) == place(&other.message) && one.message != other.message
            }
            (Self::Vote(_), Self::Proposal(_)) | (Self::Proposal(_), Self::Vote(_)) => false,
        }
    }

    fn what(&self) -> String {
        match self {
            Self::Vote(vote) => format!(
                "two votes in round {} of height {}",
                vote.message.round, vote.message.height
            ),
            Self::Proposal(proposal) => {
                format!(
                    "two proposals in round {} of height {}",
                    proposal.message.round, proposal.message.height
                )
            }
        }
    }
}

impl Equivocation {
    fn new(first: &impl BorshSerialize, second: &impl BorshSerialize) -> Option<Self> {
        let bytes =
            |value: borsh::io::Result<Vec<u8>>| ByteBuf::from(value.expect("encoding to memory"));
        Self::of(bytes(borsh::to_vec(first)), bytes(borsh::to_vec(second)))
    }

    /// From two messages, in whatever order: the same two always give the same bytes.
    fn of(first: ByteBuf, second: ByteBuf) -> Option<Self> {
        let (first, second) = if first <= second {
            (first, second)
        } else {
            (second, first)
        };
        let said = Said::from_bytes(&first)?;
        Some(Self {
            validator: said.signer(),
            what: said.what(),
            first,
            second,
        })
    }

    fn check<'a>(
        &self,
        chain: &ChainId,
        set_of: impl Fn(Height) -> Option<&'a ValidatorSet>,
    ) -> Result<(), InvalidEvidence> {
        let said = |bytes: &ByteBuf| Said::from_bytes(bytes).ok_or(InvalidEvidence::Form);
        let first = said(&self.first)?;
        let second = said(&self.second)?;
        // The words, the signer and the order are ours, whoever has sent them.
        if Self::of(self.first.clone(), self.second.clone()).as_ref() != Some(self) {
            return Err(InvalidEvidence::Form);
        }
        if first.signer() != second.signer() || !first.excludes(&second) {
            return Err(InvalidEvidence::Harmless);
        }
        let height = first.height();
        let set = set_of(height).ok_or(InvalidEvidence::Unknown(height))?;
        if !set.contains(&self.validator) {
            return Err(InvalidEvidence::Stranger(self.validator, height));
        }
        if first.holds(chain) && second.holds(chain) {
            Ok(())
        } else {
            Err(InvalidEvidence::Signature(self.validator))
        }
    }
}

impl Certified {
    fn check<'a>(
        &self,
        chain: &ChainId,
        set_of: impl Fn(Height) -> Option<&'a ValidatorSet>,
    ) -> Result<(), InvalidEvidence> {
        let height = self.header.height;
        let set = set_of(height).ok_or(InvalidEvidence::Unknown(height))?;
        let verdict = self
            .certificate
            .verify(chain, height, &self.header.hash(), set);
        verdict.map_err(|fault| InvalidEvidence::Certificate(height, fault))
    }

    fn signers(&self) -> impl Iterator<Item = PublicKey> {
        self.certificate
            .signatures
            .iter()
            .map(|signature| signature.validator)
    }
}

impl Fork {
    /// From two blocks, in whatever order: the same two always give the same bytes.
    pub fn new(one: Certified, other: Certified) -> Self {
        let key = |block: &Certified| (block.header.height, block.header.hash());
        let (first, second) = if key(&one) <= key(&other) {
            (one, other)
        } else {
            (other, one)
        };
        Self { first, second }
    }

    fn excludes(&self) -> bool {
        let (first, second) = (&self.first.header, &self.second.header);
        if first.height == second.height {
            first.hash() < second.hash()
        } else {
            first.height.next() == second.height && second.parent != first.hash()
        }
    }

    /// The validators that have signed for both blocks.
    pub fn signers(&self) -> BTreeSet<PublicKey> {
        let first: BTreeSet<_> = self.first.signers().collect();
        self.second
            .signers()
            .filter(|key| first.contains(key))
            .collect()
    }

    fn what(&self) -> String {
        let (first, second) = (&self.first.header, &self.second.header);
        format!(
            "fork: signed for block {:.16} of height {} and for block {:.16} of height {}, which exclude each other",
            first.hash(),
            first.height,
            second.hash(),
            second.height
        )
    }
}

impl Evidence {
    /// As it is kept and travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads it. Nothing is verified yet.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes).or_else(|error| {
            // Ledgers of before there were forks hold equivocations alone, with the messages in the
            // order in which they came.
            let old: Equivocation = decode(bytes).map_err(|_| error)?;
            let ordered = Equivocation::of(old.first.clone(), old.second.clone());
            Ok(Self::Equivocation(ordered.unwrap_or(old)))
        })
    }

    /// The lowest height that it speaks of; none if its messages cannot be read.
    pub fn height(&self) -> Option<Height> {
        match self {
            Self::Equivocation(equivocation) => {
                Said::from_bytes(&equivocation.first).map(|said| said.height())
            }
            Self::Fork(fork) => Some(fork.first.header.height),
        }
    }

    /// Checks that it proves what it says; `set_of` gives the validators of a height, as far as
    /// they are known.
    ///
    /// # Errors
    /// [`InvalidEvidence`] if it does not, or cannot be checked here.
    pub fn check<'a>(
        &self,
        chain: &ChainId,
        set_of: impl Fn(Height) -> Option<&'a ValidatorSet>,
    ) -> Result<(), InvalidEvidence> {
        match self {
            Self::Equivocation(equivocation) => equivocation.check(chain, set_of),
            Self::Fork(fork) => {
                if !fork.excludes() {
                    return Err(InvalidEvidence::Harmless);
                }
                fork.first.check(chain, &set_of)?;
                fork.second.check(chain, &set_of)
            }
        }
    }

    /// Whom it accuses, and of what, in words.
    pub fn accused(&self) -> Vec<(PublicKey, String)> {
        match self {
            Self::Equivocation(equivocation) => {
                vec![(equivocation.validator, equivocation.what.clone())]
            }
            Self::Fork(fork) => {
                let what = fork.what();
                fork.signers()
                    .into_iter()
                    .map(|key| (key, what.clone()))
                    .collect()
            }
        }
    }
}

/// What Malachite has seen at one height.
pub(crate) fn equivocations(set: &ValidatorSet, seen: &MisbehaviorEvidence<Ctx>) -> Vec<Evidence> {
    let mut found = Vec::new();
    for validator in set.iter().map(|validator| validator.key) {
        for (first, second) in seen.votes.get(&validator).into_iter().flatten() {
            found.extend(Equivocation::new(first, second));
        }
        for (first, second) in seen.proposals.get(&validator).into_iter().flatten() {
            found.extend(Equivocation::new(first, second));
        }
    }
    found.into_iter().map(Evidence::Equivocation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use malachite_types::{NilOrVal, Round, SignedMessage, VoteType};
    use vote_chain::{
        BlockHash, CommitSignature, Hash, SecretKey, StateRoot, Timestamp, Validator,
    };

    fn key(number: u8) -> SecretKey {
        SecretKey::from_seed(&[number; 32])
    }

    fn chain() -> ChainId {
        ChainId::new(Hash::from_bytes([9; 32]))
    }

    fn set() -> ValidatorSet {
        let validator = |number| Validator {
            key: key(number).public(),
            name: format!("v{number}"),
            power: 1,
        };
        ValidatorSet::new((1..=4).map(validator).collect()).unwrap()
    }

    fn vote(number: u8, round: u32, kind: VoteType, block: u8) -> SignedVote<Ctx> {
        let value = NilOrVal::Val(BlockHash::new(Hash::from_bytes([block; 32])));
        let vote = Vote {
            height: Height::new(3),
            round: Round::new(round),
            kind,
            value,
            voter: key(number).public(),
        };
        let signature = key(number).sign(Purpose::Vote, &chain(), &vote_content(&vote));
        SignedMessage::new(vote, signature)
    }

    fn verdict(evidence: &Evidence) -> Result<(), InvalidEvidence> {
        let set = set();
        evidence.check(&chain(), |height| (height.get() <= 4).then_some(&set))
    }

    fn equivocation(first: &SignedVote<Ctx>, second: &SignedVote<Ctx>) -> Evidence {
        Evidence::Equivocation(Equivocation::new(first, second).unwrap())
    }

    #[test]
    fn two_votes_of_one_validator_for_one_place_are_proof_in_either_order() {
        let (one, other) = (
            vote(1, 0, VoteType::Prevote, 1),
            vote(1, 0, VoteType::Prevote, 2),
        );
        let evidence = equivocation(&one, &other);
        assert_eq!(verdict(&evidence), Ok(()));
        assert_eq!(evidence, equivocation(&other, &one));
        assert_eq!(
            Evidence::from_bytes(&evidence.to_bytes()).unwrap(),
            evidence
        );
        let accused = vec![(
            key(1).public(),
            "two votes in round 0 of height 3".to_owned(),
        )];
        assert_eq!(
            (evidence.height(), evidence.accused()),
            (Some(Height::new(3)), accused)
        );
    }

    #[test]
    fn proof_of_before_there_were_forks_holds_in_whatever_order_it_was_kept() {
        let (one, other) = (
            vote(1, 0, VoteType::Prevote, 1),
            vote(1, 0, VoteType::Prevote, 2),
        );
        let Evidence::Equivocation(new) = equivocation(&one, &other) else {
            panic!("an equivocation")
        };
        let turned = Equivocation {
            first: new.second.clone(),
            second: new.first.clone(),
            ..new.clone()
        };
        for old in [new, turned] {
            assert_eq!(
                verdict(&Evidence::from_bytes(&encode(&old)).unwrap()),
                Ok(())
            );
        }
    }

    #[test]
    fn what_an_honest_validator_may_sign_is_no_proof() {
        let one = vote(1, 0, VoteType::Prevote, 1);
        for other in [
            one.clone(),
            vote(1, 1, VoteType::Prevote, 2),
            vote(1, 0, VoteType::Precommit, 2),
            vote(2, 0, VoteType::Prevote, 2),
        ] {
            assert_eq!(
                verdict(&equivocation(&one, &other)),
                Err(InvalidEvidence::Harmless)
            );
        }
    }

    #[test]
    fn forged_evidence_accuses_nobody() {
        let (one, other) = (
            vote(1, 0, VoteType::Prevote, 1),
            vote(1, 0, VoteType::Prevote, 2),
        );
        let forged = SignedMessage::new(other.message.clone(), one.signature);
        assert_eq!(
            verdict(&equivocation(&one, &forged)),
            Err(InvalidEvidence::Signature(key(1).public()))
        );
        let stranger = key(9).public();
        let strangers = equivocation(
            &vote(9, 0, VoteType::Prevote, 1),
            &vote(9, 0, VoteType::Prevote, 2),
        );
        assert_eq!(
            verdict(&strangers),
            Err(InvalidEvidence::Stranger(stranger, Height::new(3)))
        );
        let Evidence::Equivocation(good) = equivocation(&one, &other) else {
            panic!("an equivocation")
        };
        for bad in [
            Equivocation {
                validator: key(2).public(),
                ..good.clone()
            },
            Equivocation {
                what: "worse things".into(),
                ..good.clone()
            },
            Equivocation {
                first: good.second.clone(),
                second: good.first.clone(),
                ..good.clone()
            },
            Equivocation {
                first: ByteBuf::from(vec![1, 2, 3]),
                ..good.clone()
            },
        ] {
            assert_eq!(
                verdict(&Evidence::Equivocation(bad)),
                Err(InvalidEvidence::Form)
            );
        }
        let set = set();
        let elsewhere = ChainId::new(Hash::from_bytes([8; 32]));
        let verdict = Evidence::Equivocation(good.clone()).check(&elsewhere, |_| Some(&set));
        assert_eq!(verdict, Err(InvalidEvidence::Signature(key(1).public())));
        let unknown = Evidence::Equivocation(good).check(&chain(), |_| None);
        assert_eq!(unknown, Err(InvalidEvidence::Unknown(Height::new(3))));
    }

    fn certified(
        height: u64,
        parent: BlockHash,
        salt: u64,
        signers: std::ops::RangeInclusive<u8>,
    ) -> Certified {
        let header = Header {
            version: vote_chain::Version::NEWEST,
            chain: chain(),
            height: Height::new(height),
            parent,
            time: Timestamp::from_ms(1000 + salt),
            proposer: key(1).public(),
            transactions_root: Hash::from_bytes([0; 32]),
            transactions_count: 0,
            state_root: StateRoot::new(Hash::from_bytes([0; 32])),
            validators: set().hash(),
            next_validators: set().hash(),
        };
        let (round, block) = (0, header.hash());
        let sign = |number| {
            let (kind, value) = (VoteType::Precommit, NilOrVal::Val(block));
            let voter = key(number).public();
            let vote = Vote {
                height: header.height,
                round: Round::new(round),
                kind,
                value,
                voter,
            };
            CommitSignature {
                validator: voter,
                signature: key(number).sign(Purpose::Vote, &chain(), &vote_content(&vote)),
            }
        };
        let mut signatures: Vec<_> = signers.map(sign).collect();
        signatures.sort_by_key(|signature| signature.validator);
        Certified {
            certificate: CommitCertificate {
                height: header.height,
                round,
                block,
                signatures,
            },
            header,
        }
    }

    #[test]
    fn fork_is_two_final_blocks_that_exclude_each_other_and_names_who_signed_both() {
        let one = certified(3, BlockHash::default(), 1, 1..=3);
        let beside = certified(3, BlockHash::default(), 2, 2..=4);
        let after_another = certified(4, beside.header.hash(), 3, 2..=4);
        for other in [&beside, &after_another] {
            let fork = Fork::new(one.clone(), other.clone());
            assert_eq!(fork, Fork::new(other.clone(), one.clone()));
            assert_eq!(
                fork.signers(),
                [2, 3].map(|number| key(number).public()).into()
            );
            let evidence = Evidence::Fork(Box::new(fork));
            assert_eq!(verdict(&evidence), Ok(()));
            assert!(
                evidence
                    .accused()
                    .iter()
                    .all(|(_, what)| what.starts_with("fork: "))
            );
            assert_eq!(
                Evidence::from_bytes(&evidence.to_bytes()).unwrap(),
                evidence
            );
        }
    }

    #[test]
    fn blocks_that_follow_from_each_other_and_blocks_that_are_not_final_are_no_fork() {
        let one = certified(3, BlockHash::default(), 1, 1..=3);
        let next = certified(4, one.header.hash(), 2, 1..=3);
        let few = certified(3, BlockHash::default(), 3, 1..=2);
        let far = certified(3, BlockHash::default(), 4, 6..=9);
        let fork =
            |other: &Certified| Evidence::Fork(Box::new(Fork::new(one.clone(), other.clone())));
        assert_eq!(verdict(&fork(&one)), Err(InvalidEvidence::Harmless));
        assert_eq!(verdict(&fork(&next)), Err(InvalidEvidence::Harmless));
        assert!(matches!(
            verdict(&fork(&few)),
            Err(InvalidEvidence::Certificate(
                _,
                CertificateFault::Power { .. }
            ))
        ));
        assert!(matches!(
            verdict(&fork(&far)),
            Err(InvalidEvidence::Certificate(
                _,
                CertificateFault::Stranger(_)
            ))
        ));
    }
}
