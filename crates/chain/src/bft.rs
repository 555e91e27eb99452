//! Our types in the shapes that Malachite is generic over. Its traits are foreign, so the impls
//! stand beside the types.

use borsh::{BorshDeserialize, BorshSerialize};
use malachite_types::{self as mt, NilOrVal, Round, SignedExtension, VoteType};

use crate::encoding::encode;
use crate::hash::BlockHash;
use crate::key::{PublicKey, SecretKey, Signature};
use crate::time::Height;
use crate::validator::{Validator, ValidatorSet};

/// Binds Malachite's type parameters, once and for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ctx;

/// A validator's word that a block should be decided.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// The height to decide.
    pub height: Height,
    /// The attempt.
    pub round: Round,
    /// The block.
    pub value: BlockHash,
    /// The round in which the block was nearly decided before; nil if none.
    pub pol_round: Round,
    /// Whose turn it is.
    pub proposer: PublicKey,
}

/// A prevote or a precommit.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    /// The height to decide.
    pub height: Height,
    /// The attempt.
    pub round: Round,
    /// Prevote or precommit.
    pub kind: VoteType,
    /// A block, or none of them.
    pub value: NilOrVal<BlockHash>,
    /// The validator.
    pub voter: PublicKey,
}

/// The content that a vote's signature covers (docs/protocol.md, "Votes"):
/// `(height, round, 0 prevote | 1 precommit, block or null, validator)`.
pub fn vote_content(vote: &Vote) -> Vec<u8> {
    let kind = match vote.kind {
        VoteType::Prevote => 0u8,
        VoteType::Precommit => 1,
    };
    let block = match vote.value {
        NilOrVal::Val(block) => Some(block),
        NilOrVal::Nil => None,
    };
    encode(&(vote.height, vote.round.as_i64(), kind, block, vote.voter))
}

/// The content that a proposal's signature covers (docs/protocol.md, "Proposals"):
/// `(height, round, block, earlier round or -1, validator)`.
pub fn proposal_content(proposal: &Proposal) -> Vec<u8> {
    let Proposal {
        height,
        round,
        value,
        pol_round,
        proposer,
    } = proposal;
    encode(&(height, round.as_i64(), value, pol_round.as_i64(), proposer))
}

impl mt::Height for Height {
    const ZERO: Self = Self::GENESIS;
    const INITIAL: Self = Self::new(1);
    fn increment_by(&self, n: u64) -> Self {
        Self::new(self.get().saturating_add(n))
    }
    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.get().checked_sub(n).map(Self::new)
    }
    fn as_u64(&self) -> u64 {
        self.get()
    }
}

impl mt::Address for PublicKey {}

/// Validators decide on hashes; bodies travel apart.
impl mt::Value for BlockHash {
    type Id = Self;
    fn id(&self) -> Self {
        *self
    }
}

impl mt::Validator<Ctx> for Validator {
    fn address(&self) -> &PublicKey {
        &self.key
    }
    fn public_key(&self) -> &PublicKey {
        &self.key
    }
    fn voting_power(&self) -> u64 {
        self.power
    }
}

impl mt::ValidatorSet<Ctx> for ValidatorSet {
    fn count(&self) -> usize {
        Self::count(self)
    }
    fn total_voting_power(&self) -> u64 {
        self.power_total()
    }
    fn get_by_address(&self, address: &PublicKey) -> Option<&Validator> {
        self.get(address)
    }
    fn get_by_index(&self, index: usize) -> Option<&Validator> {
        self.iter().nth(index)
    }
}

impl mt::Proposal<Ctx> for Proposal {
    fn height(&self) -> Height {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &BlockHash {
        &self.value
    }
    fn take_value(self) -> BlockHash {
        self.value
    }
    fn pol_round(&self) -> Round {
        self.pol_round
    }
    fn validator_address(&self) -> &PublicKey {
        &self.proposer
    }
}

/// Vote extensions are off in this network.
impl mt::Vote<Ctx> for Vote {
    fn height(&self) -> Height {
        self.height
    }
    fn round(&self) -> Round {
        self.round
    }
    fn value(&self) -> &NilOrVal<BlockHash> {
        &self.value
    }
    fn take_value(self) -> NilOrVal<BlockHash> {
        self.value
    }
    fn vote_type(&self) -> VoteType {
        self.kind
    }
    fn validator_address(&self) -> &PublicKey {
        &self.voter
    }
    fn extension(&self) -> Option<&SignedExtension<Ctx>> {
        None
    }
    fn take_extension(&mut self) -> Option<SignedExtension<Ctx>> {
        None
    }
    fn extend(self, _: SignedExtension<Ctx>) -> Self {
        self
    }
}

/// Bodies are sent whole, so there are no parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoParts;

impl mt::ProposalPart<Ctx> for NoParts {
    fn is_first(&self) -> bool {
        true
    }
    fn is_last(&self) -> bool {
        true
    }
}

/// Ed25519 as in [`crate::PublicKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ed25519;

impl mt::SigningScheme for Ed25519 {
    type DecodingError = std::array::TryFromSliceError;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = SecretKey;

    fn decode_signature(bytes: &[u8]) -> Result<Signature, Self::DecodingError> {
        bytes.try_into().map(Signature::from_bytes)
    }
    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.as_bytes().to_vec()
    }
    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, Self::DecodingError> {
        bytes.try_into().map(PublicKey::from_bytes)
    }
    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.as_bytes().to_vec()
    }
}

impl mt::Context for Ctx {
    type Address = PublicKey;
    type Height = Height;
    type ProposalPart = NoParts;
    type Proposal = Proposal;
    type Validator = Validator;
    type ValidatorSet = ValidatorSet;
    type Timeouts = mt::LinearTimeouts;
    type Value = BlockHash;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = Ed25519;

    /// Turns go round by key, one further each height and each round, whatever the power.
    fn select_proposer<'a>(
        &self,
        set: &'a ValidatorSet,
        height: Height,
        round: Round,
    ) -> &'a Validator {
        set.at(height
            .get()
            .saturating_add(u64::from(round.as_u32().unwrap_or(0))))
    }

    fn new_proposal(
        &self,
        height: Height,
        round: Round,
        value: BlockHash,
        pol_round: Round,
        proposer: PublicKey,
    ) -> Proposal {
        Proposal {
            height,
            round,
            value,
            pol_round,
            proposer,
        }
    }

    fn new_prevote(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<BlockHash>,
        voter: PublicKey,
    ) -> Vote {
        Vote {
            height,
            round,
            kind: VoteType::Prevote,
            value,
            voter,
        }
    }

    fn new_precommit(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<BlockHash>,
        voter: PublicKey,
    ) -> Vote {
        Vote {
            height,
            round,
            kind: VoteType::Precommit,
            value,
            voter,
        }
    }
}
