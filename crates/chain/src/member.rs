//! Who a node speaks for, and what shows that to somebody who does not follow the chain.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::encoding::encode;
use crate::genesis::Genesis;
use crate::hash::ChainId;
use crate::key::{PublicKey, Purpose, SecretKey, Signature};
use crate::receipt::{InvalidReceipt, SetChange, TrustedSets};
use crate::text::check_node_name;
use crate::time::Height;

/// A node's word for which validator it speaks, signed with the validator's key for its network
/// identity alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The node's name.
    pub name: String,
    /// The validator's key, or one that may become a validator's.
    pub key: PublicKey,
    /// By that key.
    pub signature: Signature,
}

fn statement(peer: &[u8], name: &str) -> Vec<u8> {
    encode(&(ByteBuf::from(peer), name))
}

impl Hello {
    /// For the node with the network identity `peer`, the bytes of a libp2p peer id.
    pub fn new(name: String, key: &SecretKey, chain: &ChainId, peer: &[u8]) -> Self {
        let signature = key.sign(Purpose::Node, chain, &statement(peer, &name));
        Self {
            name,
            key: key.public(),
            signature,
        }
    }

    /// Whether the peer has proven what it says, and does not call itself by a key or an id.
    pub fn holds(&self, chain: &ChainId, peer: &[u8]) -> bool {
        check_node_name(&self.name).is_ok()
            && self.key.verifies(
                Purpose::Node,
                chain,
                &statement(peer, &self.name),
                &self.signature,
            )
    }
}

/// Shows that a node speaks for a validator of its chain, to somebody who knows the chain's id
/// only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Where the chain begins; its hash is the chain's id.
    pub genesis: Genesis,
    /// The steps from there to a set that has the validator, in order; none if the genesis has it.
    pub set_changes: Vec<SetChange>,
    /// That the node speaks for the validator.
    pub hello: Hello,
}

/// Why a membership is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMembership {
    /// It is made for another node, or by nobody.
    #[error("the node has not proven that it has the key of the validator")]
    Hello,
    /// The sets do not follow from one another.
    #[error(transparent)]
    Sets(#[from] InvalidReceipt),
    /// The last set does not have it.
    #[error("{0:.16} is no validator of the set that is shown")]
    NoMember(PublicKey),
}

impl Membership {
    /// Checks it for the node with the network identity `peer`; gives the chain that it is a member
    /// of. Whether the validator has been removed since, it does not tell.
    ///
    /// # Errors
    /// [`InvalidMembership`].
    pub fn verify(&self, peer: &[u8]) -> Result<ChainId, InvalidMembership> {
        let chain = self.genesis.chain();
        if !self.hello.holds(&chain, peer) {
            return Err(InvalidMembership::Hello);
        }
        let sets = TrustedSets::follow(&self.genesis, &self.set_changes, Height::new(u64::MAX))?;
        let key = self.hello.key;
        if sets.last().contains(&key) {
            Ok(chain)
        } else {
            Err(InvalidMembership::NoMember(key))
        }
    }
}
