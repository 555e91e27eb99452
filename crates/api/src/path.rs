//! Where a node's socket is if nothing else is said.

use std::ffi::OsString;
use std::path::PathBuf;

/// `$XDG_RUNTIME_DIR/blockchain-voting/node.sock`, else in the node's default data directory;
/// `lookup` reads the environment. None if not even a home is known.
pub fn default_socket(lookup: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| {
        lookup(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(runtime) = set("XDG_RUNTIME_DIR") {
        return Some(runtime.join("blockchain-voting").join("node.sock"));
    }
    let data =
        set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))?;
    Some(
        data.join("blockchain-voting")
            .join("node")
            .join("node.sock"),
    )
}
