//! The two keys of a node: one names it in the network, the other signs votes.

use std::path::Path;

use anyhow::{Result, anyhow};
use vote_chain::{PublicKey, SecretKey};
use vote_network::Keypair;
use zeroize::Zeroizing;

use crate::datadir::{read_private, write_private};

/// A node's keys.
pub(crate) struct Keys {
    /// Its network identity.
    pub(crate) node: Keypair,
    /// Its validator key; worth something once the chain's validators have admitted it.
    pub(crate) validator: SecretKey,
}

impl Keys {
    /// Reads the keys, or makes them; never replaces one.
    pub(crate) fn load_or_make(dir: &Path) -> Result<Self> {
        let mut node = seed(&dir.join("node.key"))?;
        let validator = seed(&dir.join("validator.key"))?;
        let node = Keypair::ed25519_from_bytes(node.as_mut_slice())?;
        Ok(Self { node, validator: SecretKey::from_seed(&validator) })
    }
}

/// Notes that this validator key may have signed, so that it is never used with a ledger that does not know what.
pub(crate) fn mark_validating(dir: &Path, key: &PublicKey) -> Result<()> {
    if has_validated(dir, key) { Ok(()) } else { write_private(&dir.join(MARK), key.to_string().as_bytes()) }
}

/// Whether this validator key may have signed with a ledger of this directory.
pub(crate) fn has_validated(dir: &Path, key: &PublicKey) -> bool {
    std::fs::read_to_string(dir.join(MARK)).is_ok_and(|text| text.trim() == key.to_string())
}

const MARK: &str = "validating";

fn seed(path: &Path) -> Result<Zeroizing<[u8; 32]>> {
    let mut seed = Zeroizing::new([0; 32]);
    if let Some(text) = read_private(path)?.map(Zeroizing::new) {
        let text = std::str::from_utf8(&text).unwrap_or_default().trim();
        hex::decode_to_slice(text, seed.as_mut_slice())
            .map_err(|_| anyhow!("{} is not a key file (64 hexadecimal digits); restore it from a backup, or move it away to get a new key", path.display()))?;
    } else {
        getrandom::fill(seed.as_mut_slice()).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
        write_private(path, Zeroizing::new(hex::encode(&seed)).as_bytes())?;
    }
    Ok(seed)
}
