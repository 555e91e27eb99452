//! SHA-256 under a domain tag, and the kinds of hash that must not be mixed.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// 32 bytes: SHA-256 of `len(tag) || tag || content`.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct Hash([u8; 32]);

/// Text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("expected 64 hexadecimal digits, not {0:?}")]
pub struct ParseHashError(String);

impl Hash {
    /// Hashes `content` under `tag` (at most 255 bytes).
    pub(crate) fn of(tag: &str, content: &[u8]) -> Self {
        let tag_length = u8::try_from(tag.len()).expect("tags are short constants");
        let mut hasher = Sha256::new();
        hasher.update([tag_length]);
        hasher.update(tag.as_bytes());
        hasher.update(content);
        Self(hasher.finalize().into())
    }

    /// SHA-256 of the parts, without a tag: Merkle trees have their own prefixes.
    pub(crate) fn plain(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize().into())
    }

    /// The 32 bytes as a hash; any value is legal.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first and the last hash whose hexadecimal form begins with these digits, of either case;
    /// none if they are no digits, or more than 64.
    pub fn beginning(digits: &str) -> Option<(Self, Self)> {
        if digits.len() > 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let first = format!("{digits:0<64}").parse().ok()?;
        let last = format!("{digits:f<64}").parse().ok()?;
        Some((first, last))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.precision() {
            Some(digits) => f.write_str(&hex::encode(self.0)[..digits.min(64)]),
            None => f.write_str(&hex::encode(self.0)),
        }
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:.16}")
    }
}

impl FromStr for Hash {
    type Err = ParseHashError;
    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| ParseHashError(text.chars().take(80).collect()))?;
        Ok(Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_bytes(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_bytes(deserializer).map(Self)
    }
}

/// A byte string in CBOR, hexadecimal in JSON.
pub(crate) fn serialize_bytes<S: Serializer>(
    bytes: &[u8],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.serialize_str(&hex::encode(bytes))
    } else {
        serializer.serialize_bytes(bytes)
    }
}

/// The reverse of [`serialize_bytes`], of exactly `N` bytes.
pub(crate) fn deserialize_bytes<'de, const N: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    use serde::de::Error;
    if deserializer.is_human_readable() {
        let mut bytes = [0; N];
        hex::decode_to_slice(
            <String as Deserialize>::deserialize(deserializer)?,
            &mut bytes,
        )
        .map_err(D::Error::custom)?;
        Ok(bytes)
    } else {
        serde_bytes::ByteArray::<N>::deserialize(deserializer)
            .map(serde_bytes::ByteArray::into_array)
    }
}

macro_rules! kind_of_hash {
    ($(#[$doc:meta] $name:ident;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
        #[serde(transparent)]
        pub struct $name(crate::hash::Hash);

        impl $name {
            /// Takes a hash to be of this kind.
            pub const fn new(hash: crate::hash::Hash) -> Self {
                Self(hash)
            }
            /// The plain hash.
            pub const fn hash(&self) -> &crate::hash::Hash {
                &self.0
            }
            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseHashError;
            fn from_str(text: &str) -> Result<Self, ParseHashError> {
                text.parse().map(Self)
            }
        }
    )*};
}

kind_of_hash! {
    /// Hash of the genesis: names a chain.
    ChainId;
    /// Hash of a block's header.
    BlockHash;
    /// Hash of a signed transaction's bytes.
    TransactionId;
    /// The id of the transaction that created the election.
    ElectionId;
    /// Commits to all of the ledger's state.
    StateRoot;
    /// Hash of a validator set.
    ValidatorSetHash;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_and_content_cannot_be_shifted_into_one_another() {
        assert_ne!(Hash::of("ab", b"c"), Hash::of("a", b"bc"));
    }

    #[test]
    fn hash_reads_what_it_prints() {
        let hash = Hash::of("test", b"x");
        assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        assert!("zz".parse::<Hash>().is_err());
    }
}
