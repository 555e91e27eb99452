//! The one canonical encoding: CBOR with fields and variants by number (docs/protocol.md,
//! "Encoding").

use serde::{Serialize, de::DeserializeOwned};
use serde_cbor::Serializer;
use serde_cbor::ser::IoWrite;

/// Outside bytes that are not the canonical encoding of what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not CBOR, or not of this shape; trailing bytes count as such. Says where.
    #[error("not a valid encoding: {0}")]
    Malformed(String),
    /// Decodes, but a canonical encoder writes other bytes; two encodings would give one content
    /// two hashes.
    #[error("not the canonical encoding")]
    NotCanonical,
}

/// The canonical bytes of `value`: structs are maps by field number, an enum is its variant's
/// number, or an array of that and the content. (The library's other form of enums has names in it,
/// even when packed.)
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = IoWrite::new(&mut bytes);
    let written = value.serialize(&mut Serializer::new(&mut writer).packed_format().legacy_enums());
    written.expect("domain types have no maps with strange keys and memory does not fail");
    bytes
}

/// Decodes bytes from outside and accepts only the canonical ones.
///
/// # Errors
/// [`DecodeError`] if the bytes are malformed or not what [`encode`] gives.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let value: T =
        serde_cbor::from_slice(bytes).map_err(|error| DecodeError::Malformed(error.to_string()))?;
    if encode(&value) == bytes {
        Ok(value)
    } else {
        Err(DecodeError::NotCanonical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_written_longer_than_needed_is_refused() {
        assert_eq!(decode::<u64>(&encode(&5u64)).unwrap(), 5);
        assert!(matches!(
            decode::<u64>(&[0x18, 0x05]),
            Err(DecodeError::NotCanonical)
        ));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert!(matches!(
            decode::<u64>(&[0x05, 0x00]),
            Err(DecodeError::Malformed(_))
        ));
    }

    #[test]
    fn length_beyond_the_input_is_refused_without_allocating_it() {
        let huge = [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert!(decode::<Vec<u64>>(&huge).is_err());
        let deep = vec![0x81; 100_000];
        assert!(decode::<Vec<Vec<u64>>>(&deep).is_err());
    }
}
