//! Ed25519 keys and signatures. Each purpose of signing has its own domain tag, with the chain's id
//! inside.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_zebra::{SigningKey, VerificationKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, Zeroizing};

use crate::batch::Claim;
use crate::hash::{ChainId, deserialize_bytes, serialize_bytes};

/// What a signature is for. A signature for one purpose is worthless for any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A transaction of any kind.
    Transaction,
    /// A validator's proposal.
    Proposal,
    /// The short ids that go with a proposal.
    ShortIds,
    /// A validator's prevote or precommit.
    Vote,
    /// A node's statement that it speaks for a validator.
    Node,
}

impl Purpose {
    const fn tag(self) -> &'static [u8] {
        match self {
            Self::Transaction => b"blockchain-voting/1/transaction",
            Self::Proposal => b"blockchain-voting/1/proposal",
            Self::ShortIds => b"blockchain-voting/1/short-ids",
            Self::Vote => b"blockchain-voting/1/vote",
            Self::Node => b"blockchain-voting/1/node",
        }
    }
}

/// The bytes that are signed: `len(tag) || tag || chain id || content`.
pub(crate) fn preimage(purpose: Purpose, chain: &ChainId, content: &[u8]) -> Vec<u8> {
    let tag = purpose.tag();
    let mut bytes = Vec::with_capacity(1 + tag.len() + 32 + content.len());
    bytes.push(u8::try_from(tag.len()).expect("tags are short constants"));
    bytes.extend_from_slice(tag);
    bytes.extend_from_slice(chain.as_bytes());
    bytes.extend_from_slice(content);
    bytes
}

/// An ed25519 public key: a voter's credential, an organiser, a validator. Whether it is a point is
/// known when it verifies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct PublicKey([u8; 32]);

/// Bytes or text that are no usable public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not 64 hexadecimal digits.
    #[error("a key has 64 hexadecimal digits")]
    Text,
    /// Not a point of the curve, or one of the few under which anything verifies.
    #[error("not a usable ed25519 public key")]
    Weak,
}

impl PublicKey {
    /// The 32 bytes as they are signed for.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// # Errors
    /// [`InvalidKey::Weak`] if nobody can sign for it, or everybody can.
    pub fn check(&self) -> Result<(), InvalidKey> {
        let is_point = VerificationKey::try_from(self.0).is_ok();
        if is_point && self.may_sign() {
            Ok(())
        } else {
            Err(InvalidKey::Weak)
        }
    }

    /// Whether it is neither of small order nor another spelling of a key. It need not be a point.
    pub(crate) fn may_sign(&self) -> bool {
        let mut y = self.0;
        y[31] &= 0x7f;
        self.is_canonical() && !SMALL_ORDER_YS.contains(&y)
    }

    /// Whether its coordinate is below 2^255 - 19: the library takes larger ones for the same
    /// point.
    fn is_canonical(&self) -> bool {
        let [first, middle @ .., last] = &self.0;
        *first < 0xed || middle.iter().any(|byte| *byte != 0xff) || last & 0x7f != 0x7f
    }

    /// Whether `signature` is this key's, by ZIP-215 (docs/protocol.md, "Hashes, trees,
    /// signatures"): the same as what [`which_hold`](crate::which_hold) tells of many.
    pub fn verifies(
        &self,
        purpose: Purpose,
        chain: &ChainId,
        content: &[u8],
        signature: &Signature,
    ) -> bool {
        Claim::new(self, purpose, chain, content, signature).holds()
    }
}

/// The y coordinates of the eight points of small order, low byte first. Under such a key anybody
/// can sign. Source: Chalkias, Garillot, Nikolaenko, Taming the many EdDSAs, SSR 2020, table 1.
const SMALL_ORDER_YS: [[u8; 32]; 5] = [
    at_ends(0x00, 0x00, 0x00), // 0: order 4
    at_ends(0x01, 0x00, 0x00), // 1: order 1
    at_ends(0xec, 0xff, 0x7f), // -1: order 2
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn at_ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// A private key; erased from memory when dropped, never printed.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a seed of 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from(*seed))
    }

    /// The seed, to be stored.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verification_key().into())
    }

    /// Signs `content` for one purpose on one chain.
    pub fn sign(&self, purpose: Purpose, chain: &ChainId, content: &[u8]) -> Signature {
        Signature(self.0.sign(&preimage(purpose, chain, content)).to_bytes())
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public())
    }
}

/// An ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The 64 bytes as a signature; any value is legal, few verify.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.precision() {
            Some(digits) => f.write_str(&hex::encode(self.0)[..digits.min(64)]),
            None => f.write_str(&hex::encode(self.0)),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:.16}")
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..8]))
    }
}

impl FromStr for PublicKey {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidKey::Text)?;
        Ok(Self(bytes))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_bytes(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_bytes(deserializer).map(Self)
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_bytes(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_bytes(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;

    fn chain(name: &str) -> ChainId {
        ChainId::new(Hash::of("test", name.as_bytes()))
    }

    #[test]
    fn signature_holds_for_its_purpose_and_chain_only() {
        let key = SecretKey::from_seed(&[7; 32]);
        let signature = key.sign(Purpose::Vote, &chain("a"), b"content");
        assert!(
            key.public()
                .verifies(Purpose::Vote, &chain("a"), b"content", &signature)
        );
        assert!(
            !key.public()
                .verifies(Purpose::Proposal, &chain("a"), b"content", &signature)
        );
        assert!(
            !key.public()
                .verifies(Purpose::Vote, &chain("b"), b"content", &signature)
        );
        assert!(
            !key.public()
                .verifies(Purpose::Vote, &chain("a"), b"contenT", &signature)
        );
    }

    #[test]
    fn key_under_which_everything_verifies_is_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let anything = Signature::from_bytes(std::array::from_fn(|i| u8::from(i == 0)));
        assert_eq!(
            PublicKey::from_bytes(identity).check(),
            Err(InvalidKey::Weak)
        );
        assert!(!PublicKey::from_bytes(identity).verifies(
            Purpose::Vote,
            &chain("a"),
            b"any",
            &anything
        ));
    }

    #[test]
    fn key_that_is_another_spelling_of_a_point_is_refused() {
        let spelled = |first: u8, last: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (first, last);
            PublicKey::from_bytes(bytes)
        };
        // y = p + 3 and p + 4 are points of large order as 3 and 4.
        for (first, last) in [(0xf0, 0x7f), (0xf0, 0xff), (0xf1, 0x7f), (0xf1, 0xff)] {
            assert!(
                VerificationKey::try_from(spelled(first, last).0).is_ok(),
                "the library takes it"
            );
            assert_eq!(spelled(first, last).check(), Err(InvalidKey::Weak));
        }
        let below: Vec<_> = (0xe0..0xec)
            .filter(|first| spelled(*first, 0x7f).check().is_ok())
            .collect();
        assert!(!below.is_empty(), "points just below are taken");
    }

    #[test]
    fn secret_is_not_printed() {
        let key = SecretKey::from_seed(&[0xab; 32]);
        assert!(!format!("{key:?}").contains("abab"));
    }
}
