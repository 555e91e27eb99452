//! What every command needs: settings, and the node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use vote_api::Client;

use crate::cli::Global;
use crate::failure::Failure;

const TIMEOUT_SECONDS: u64 = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    socket: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    timeout: Option<u64>,
}

/// Settings: command line, then `VOTE_*` variables, then the config file, then defaults.
#[derive(Debug)]
pub(crate) struct Context {
    socket: Option<PathBuf>,
    pub(crate) data_dir: PathBuf,
    pub(crate) timeout: Duration,
    pub(crate) json: bool,
}

fn directory(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set(variable).or_else(|| set("HOME").map(|home| home.join(below_home)))?;
    Some(base.join("blockchain-voting"))
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("cannot read the config file {}: {error}", path.display())))?;
    toml::from_str(&text)
        .map_err(|error| Failure::Usage(format!("the config file {} is wrong: {error}", path.display())))
}

impl Context {
    pub(crate) fn load(global: Global) -> Result<Self, Failure> {
        let default =
            directory("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("vote-cli.toml")).filter(|path| path.exists());
        let file = global.config.or(default).as_deref().map_or_else(|| Ok(File::default()), read)?;
        let data_dir = global
            .data_dir
            .or(file.data_dir)
            .or_else(|| directory("XDG_DATA_HOME", ".local/share").map(|dir| dir.join("vote-cli")));
        let missing =
            || Failure::Usage("neither --data-dir nor HOME is set: say where credentials and receipts go".into());
        Ok(Self {
            socket: global.socket.or(file.socket).or_else(|| vote_api::default_socket(|name| std::env::var_os(name))),
            data_dir: data_dir.ok_or_else(missing)?,
            timeout: Duration::from_secs(global.timeout.or(file.timeout).unwrap_or(TIMEOUT_SECONDS)),
            json: global.json,
        })
    }

    /// Connects to the node.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::connect(self.socket()?).await?)
    }

    /// Where the node's socket is.
    pub(crate) fn socket(&self) -> Result<&Path, Failure> {
        self.socket.as_deref().ok_or_else(|| Failure::Usage("say where the node's socket is, with --socket".into()))
    }

    /// The file of a named credential.
    pub(crate) fn credential_file(&self, name: Option<&str>) -> PathBuf {
        let keep = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' };
        let name: String = name.unwrap_or("default").chars().map(keep).collect();
        self.data_dir.join("credentials").join(format!("{name}.key"))
    }
}
