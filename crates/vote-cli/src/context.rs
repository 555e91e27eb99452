//! What every command needs: settings, and the node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use vote_api::{CallError, Chain, Client};
use vote_chain::ChainId;

use crate::cli::Global;
use crate::failure::Failure;
use crate::{known, people};

const TIMEOUT_SECONDS: u64 = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    socket: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    timeout: Option<u64>,
    chain: Option<String>,
}

/// Settings: command line, then `VOTE_*` variables, then the config file, then defaults.
#[derive(Debug)]
pub(crate) struct Context {
    socket: Option<PathBuf>,
    pub(crate) data_dir: PathBuf,
    pub(crate) timeout: Duration,
    /// The chain that is trusted, if it was said.
    pub(crate) chain: Option<ChainId>,
    pub(crate) json: bool,
}

fn directory(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set(variable).or_else(|| set("HOME").map(|home| home.join(below_home)))?;
    Some(base.join("blockchain-voting"))
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!(
            "cannot read the config file {}: {error}",
            path.display()
        ))
    })?;
    toml::from_str(&text).map_err(|error| {
        Failure::Usage(format!(
            "the config file {} is wrong: {error}",
            path.display()
        ))
    })
}

impl Context {
    pub(crate) fn load(global: Global) -> Result<Self, Failure> {
        let default = directory("XDG_CONFIG_HOME", ".config")
            .map(|dir| dir.join("vote-cli.toml"))
            .filter(|path| path.exists());
        let file = global
            .config
            .or(default)
            .as_deref()
            .map_or_else(|| Ok(File::default()), read)?;
        let data_dir = global
            .data_dir
            .or(file.data_dir)
            .or_else(|| directory("XDG_DATA_HOME", ".local/share").map(|dir| dir.join("vote-cli")));
        let missing = || {
            Failure::Usage(
                "neither --data-dir nor HOME is set: say where credentials and receipts go".into(),
            )
        };
        let chain = global.chain.or(file.chain).map(|chain| {
            chain.parse().map_err(|error| {
                Failure::Usage(format!("the chain to trust (--chain, VOTE_CHAIN): {error}"))
            })
        });
        Ok(Self {
            socket: global
                .socket
                .or(file.socket)
                .or_else(|| vote_api::default_socket(|name| std::env::var_os(name))),
            data_dir: data_dir.ok_or_else(missing)?,
            timeout: Duration::from_secs(
                global.timeout.or(file.timeout).unwrap_or(TIMEOUT_SECONDS),
            ),
            chain: chain.transpose()?,
            json: global.json,
        })
    }

    /// The chain that is trusted: the one that was said, or the one that the node was on when
    /// something was first signed for it.
    pub(crate) fn trusted(&self) -> Result<Option<ChainId>, Failure> {
        match self.chain {
            Some(chain) => Ok(Some(chain)),
            None => known::chain(&self.data_dir, self.socket()?),
        }
    }

    /// Connects to the node. It must be on the chain that is trusted.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        let (socket, trusted) = (self.socket()?, self.trusted()?);
        let client =
            Client::connect_to(socket, trusted.map_or_else(Chain::default, Chain::pinned)).await?;
        match client.genesis().await {
            Err(error @ CallError::OtherChain { .. }) if self.chain.is_none() => {
                Err(Failure::from(error).and(&known::advice(&self.data_dir, socket)))
            }
            Err(error) => Err(error.into()),
            Ok(_) => Ok(client),
        }
    }

    /// Remembers the node's chain, before something is signed for it; unless one was said.
    pub(crate) async fn remember(&self, client: &Client) -> Result<(), Failure> {
        match self.chain {
            Some(_) => Ok(()),
            None => known::remember(
                &self.data_dir,
                client.node(),
                &client.genesis().await?.chain(),
            ),
        }
    }

    /// Where the node's socket is.
    pub(crate) fn socket(&self) -> Result<&Path, Failure> {
        self.socket
            .as_deref()
            .ok_or_else(|| Failure::Usage("say where the node's socket is, with --socket".into()))
    }

    /// The file of a person's credential; of nobody in particular without a name.
    pub(crate) fn credential_file(&self, name: Option<&str>) -> Result<PathBuf, Failure> {
        people::file(&self.data_dir.join("credentials"), name.unwrap_or_default())
    }

    /// The file of the organiser's credential.
    pub(crate) fn organiser_file(&self) -> PathBuf {
        self.data_dir
            .join("credentials")
            .join(format!("{}.key", people::ORGANISER))
    }
}
