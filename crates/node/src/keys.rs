//! The two keys of a node: one names it in the network, the other signs votes.

use std::fs;
use std::path::Path;

use anyhow::{Result, anyhow};
use vote_chain::{PublicKey, SecretKey};
use vote_consensus::SignState;
use vote_network::Keypair;
use zeroize::Zeroizing;

use crate::datadir::{read_private, write_private};
use crate::exit::{Exit, Stop};
use crate::sign_state::{self, SignFile};

const NODE: &str = "node.key";
const VALIDATOR: &str = "validator.key";
/// Version 0.1 noted here which validator key it had used, and kept no sign-state.
const OLD_MARK: &str = "validating";

/// A node's keys.
pub(crate) struct Keys {
    /// Its network identity.
    pub(crate) node: Keypair,
    /// Its validator key; worth something once the chain's validators have admitted it.
    pub(crate) validator: SecretKey,
}

impl Keys {
    /// The keys of a node that starts. They are made only in a folder that was never used: a key
    /// that is gone is never replaced in silence.
    pub(crate) fn for_start(dir: &Path) -> Result<Self> {
        let used = ["ledger.redb", sign_state::NAME, OLD_MARK]
            .iter()
            .any(|name| exists(&dir.join(name)));
        for name in [NODE, VALIDATOR] {
            if used && !exists(&dir.join(name)) {
                return Err(gone(dir, name).into());
            }
        }
        Self::read_or_make(dir)
    }

    /// The keys for `node key`, which makes those that are missing.
    pub(crate) fn for_showing(dir: &Path) -> Result<Self> {
        if old_key(dir).is_some() && !exists(&dir.join(VALIDATOR)) {
            return Err(gone(dir, VALIDATOR).into());
        }
        Self::read_or_make(dir)
    }

    fn read_or_make(dir: &Path) -> Result<Self> {
        // The sign-state is made with the key and not later: a key without one may have signed
        // anything.
        let validator = match read(&dir.join(VALIDATOR))? {
            Some(seed) => SecretKey::from_seed(&seed),
            None => {
                let key = SecretKey::from_seed(&*make(&dir.join(VALIDATOR))?);
                SignFile::create(dir, key.public(), None, SignState::default())?;
                key
            }
        };
        let mut node = match read(&dir.join(NODE))? {
            Some(seed) => seed,
            None => make(&dir.join(NODE))?,
        };
        Ok(Self {
            node: Keypair::ed25519_from_bytes(node.as_mut_slice())?,
            validator,
        })
    }
}

/// The validator key that this folder has had, by what else is in it.
fn old_key(dir: &Path) -> Option<String> {
    let marked = || {
        fs::read_to_string(dir.join(OLD_MARK))
            .ok()
            .map(|text| text.trim().to_owned())
    };
    SignFile::key_in(dir)
        .map(|key| key.to_string())
        .or_else(marked)
}

/// Whether version 0.1 has validated with this key here.
pub(crate) fn is_marked(dir: &Path, key: &PublicKey) -> bool {
    fs::read_to_string(dir.join(OLD_MARK)).is_ok_and(|text| text.trim() == key.to_string())
}

/// Whether there is such a name, be it a link to nothing.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn gone(dir: &Path, name: &str) -> Stop {
    let path = dir.join(name);
    let path = path.display();
    let why = if name == NODE {
        format!(
            "{path} is gone, and with it the identity under which the other nodes know this one. Restore it from a backup; or run \
             `node key`, which makes a new one"
        )
    } else {
        let old = old_key(dir).map_or_else(String::new, |key| format!(" ({key})"));
        format!(
            "{path} is gone, and with it this node's validator key{old}. Restore it from a backup; or, to go on with a new key, move \
             sign-state away (and the file `validating`, if there is one), run `node key`, and have the new key admitted in place of \
             the old one"
        )
    };
    Stop::new(Exit::Key, why)
}

fn read(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>> {
    let shown = path.display();
    if exists(path)
        && fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    {
        let why = format!(
            "{shown} is a link to a file that is not there; is the disk that it is on mounted?"
        );
        return Err(Stop::new(Exit::Key, why).into());
    }
    let Some(text) = read_private(path)?.map(Zeroizing::new) else {
        return Ok(None);
    };
    let mut seed = Zeroizing::new([0; 32]);
    let text = std::str::from_utf8(&text).unwrap_or_default().trim();
    hex::decode_to_slice(text, seed.as_mut_slice()).map_err(|_| {
        let why =
            format!("{shown} is not a key file (64 hexadecimal digits); restore it from a backup");
        Stop::new(Exit::Key, why)
    })?;
    Ok(Some(seed))
}

fn make(path: &Path) -> Result<Zeroizing<[u8; 32]>> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice())
        .map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    write_private(path, Zeroizing::new(hex::encode(&seed)).as_bytes())?;
    Ok(seed)
}
