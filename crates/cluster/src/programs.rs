//! Where the programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vote_chain::{Hash, SecretKey};

use crate::daemon::ClusterError;

/// The programs that a network is made of.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The tracker.
    pub bootstrap: PathBuf,
    /// The node.
    pub node: PathBuf,
    /// The command line for apps.
    pub vote_cli: PathBuf,
}

impl Programs {
    /// The programs beside the one that runs; built anew with cargo if the sources that it was
    /// built from are there.
    ///
    /// # Errors
    /// [`ClusterError`] if they are missing or do not build.
    pub fn find() -> Result<Self, ClusterError> {
        let exe = std::env::current_exe()?;
        let mut dir = exe.parent().unwrap_or_else(|| Path::new(".")).to_owned();
        if dir.ends_with("deps") || dir.ends_with("examples") {
            dir.pop();
        }
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .unwrap_or_else(|| Path::new("."));
        if workspace.join("Cargo.lock").exists() {
            build(workspace, &dir)?;
        }
        let program = |name: &str| {
            let path = dir.join(name);
            if path.exists() {
                Ok(path)
            } else {
                Err(ClusterError::Program(path))
            }
        };
        Ok(Self {
            bootstrap: program("bootstrap")?,
            node: program("node")?,
            vote_cli: program("vote-cli")?,
        })
    }
}

impl Programs {
    /// The key with which `vote-cli` creates elections if its data directory is this one, made if
    /// there is none; of the user who runs this, if no directory is given.
    ///
    /// # Errors
    /// [`ClusterError`] if there is none and none can be made.
    pub async fn organiser(&self, data_dir: Option<&Path>) -> Result<SecretKey, ClusterError> {
        let mut command = tokio::process::Command::new(&self.vote_cli);
        command.args(["organiser", "key", "--json"]);
        if let Some(dir) = data_dir {
            command.arg("--data-dir").arg(dir);
        }
        let ran = command.output().await?;
        let shown: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        let file = shown["file"].as_str().ok_or_else(|| {
            ClusterError::Folder(format!(
                "no organiser's key: {}",
                String::from_utf8_lossy(&ran.stderr).trim()
            ))
        })?;
        // 64 hexadecimal digits, as hashes are written.
        let seed: Hash = std::fs::read_to_string(file)?
            .trim()
            .parse()
            .map_err(std::io::Error::other)?;
        Ok(SecretKey::from_seed(seed.as_bytes()))
    }
}

/// Builds into the folder that the running program is in, with the profile that the folder is named
/// after.
fn build(workspace: &Path, dir: &Path) -> Result<(), ClusterError> {
    let Some(target) = dir.parent() else {
        return Ok(());
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // The whole workspace: another selection would have other features, and would build the
    // dependencies once more.
    command
        .current_dir(workspace)
        .args(["build", "--quiet", "--workspace", "--bins"]);
    command.env("CARGO_TARGET_DIR", target).stdin(Stdio::null());
    match dir.file_name().and_then(|name| name.to_str()) {
        Some("release") => drop(command.arg("--release")),
        Some("debug") => {}
        _ => return Ok(()),
    }
    eprintln!("building the programs (the first time takes some minutes) ...");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(ClusterError::Build),
        // Without cargo, programs that are there already will do.
        Err(_) => Ok(()),
    }
}
