//! What a node asks a tracker (docs/protocol.md, "Trackers"). Questions and answers are framed as
//! those between nodes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_cbor::Serializer;
use serde_cbor::ser::IoWrite;

/// The protocol's name.
pub(crate) const PROTOCOL: &str = "/blockchain-voting/tracker/2";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Put me on the list.
    Register(Registration),
    /// Take me off the list of this chain.
    Leave(String),
    /// Who is there, of this chain?
    Nodes(String),
    /// Of which chains is somebody there, and who?
    Chains,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    pub(crate) chain: String,
    /// For how long, unless it is renewed.
    pub(crate) seconds: u64,
    /// Where the node is reached, signed by itself: a libp2p peer record in its envelope.
    pub(crate) record: ByteBuf,
    /// That it is a member of the chain; empty if it cannot prove it.
    pub(crate) proof: ByteBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is on the list for so many seconds.
    Registered(u64),
    /// It is on the list no more.
    Left,
    /// Peer records, members of the chain first.
    Nodes(Vec<ByteBuf>),
    /// Names of chains, each with peer records.
    Chains(Vec<(String, Vec<ByteBuf>)>),
    /// Why not.
    Refused(String),
}

/// CBOR with fields and variants by number, as everywhere.
pub(crate) fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = IoWrite::new(&mut bytes);
    let written =
        message.serialize(&mut Serializer::new(&mut writer).packed_format().legacy_enums());
    written.expect("texts, bytes and numbers can be encoded, and memory does not fail");
    bytes
}

/// The message; trailing bytes are a fault.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_cbor::from_slice(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_the_bytes_of_the_documentation_and_nothing_may_follow() {
        let registration = Registration {
            chain: "ab".into(),
            seconds: 180,
            record: ByteBuf::from([1, 2]),
            proof: ByteBuf::new(),
        };
        let question = Question::Register(registration);
        let bytes = encode(&question);
        assert_eq!(
            bytes,
            [
                0x82, 0, 0xa4, 0, 0x62, b'a', b'b', 1, 0x18, 180, 2, 0x42, 1, 2, 3, 0x40
            ]
        );
        assert_eq!(decode::<Question>(&bytes), Ok(question));
        assert!(decode::<Question>(&[bytes, vec![0]].concat()).is_err());
        assert_eq!(encode(&Question::Chains), [3]);
    }
}
