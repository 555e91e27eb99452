//! One process of a network.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// What a process has to start, at most.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// What a process has to leave when it is asked to, at most.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(15);

/// A network on this machine cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The system says no.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A program is missing.
    #[error("the program {0} is missing; build all with `cargo build`")]
    Program(PathBuf),
    /// cargo has said why.
    #[error("the programs do not build")]
    Build,
    /// A process ended, or said nothing, instead of being ready.
    #[error("{name} did not start: {reason}; its log is {log}")]
    Start {
        /// Which.
        name: String,
        /// The last line of its log.
        reason: String,
        /// The log.
        log: PathBuf,
    },
    /// A folder that must not be touched.
    #[error("{0}")]
    Folder(String),
    /// A node that does not answer.
    #[error("node {node}: {reason}")]
    Node {
        /// Which.
        node: String,
        /// What it did.
        reason: String,
    },
    /// Something that should have happened by now.
    #[error("waited {seconds} s in vain: {what}")]
    Timeout {
        /// How long.
        seconds: u64,
        /// For what.
        what: String,
    },
}

/// A process that runs, and ends with this value.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    /// The line that it printed when it was ready.
    pub ready: Value,
    /// Where its messages go.
    pub log: PathBuf,
}

impl Daemon {
    /// Starts a program, and waits until it prints one line of JSON. What it prints later goes to
    /// the log, like its errors.
    ///
    /// # Errors
    /// [`ClusterError::Start`] if it ends or stays silent.
    pub async fn start(
        name: &str,
        program: &Path,
        args: &[String],
        log: &Path,
    ) -> Result<Self, ClusterError> {
        let file = OpenOptions::new().create(true).append(true).open(log)?;
        let mut child = Command::new(program)
            .args(args)
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(
            child
                .stdout
                .take()
                .ok_or_else(|| std::io::Error::other("no pipe"))?,
        )
        .lines();
        let first = tokio::time::timeout(START_TIMEOUT, lines.next_line()).await;
        let ready = first
            .ok()
            .and_then(Result::ok)
            .flatten()
            .and_then(|line| serde_json::from_str(&line).ok());
        let Some(ready) = ready else {
            let _ = child.kill().await;
            let reason = last_line(log);
            return Err(ClusterError::Start {
                name: name.to_owned(),
                reason,
                log: log.to_owned(),
            });
        };
        let mut out = tokio::fs::File::from_std(OpenOptions::new().append(true).open(log)?);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if out.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            name: name.to_owned(),
            child,
            ready,
            log: log.to_owned(),
        })
    }

    /// Its process id; none once it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it at once, as a power cut would.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn kill(&mut self) -> Result<(), ClusterError> {
        Ok(self.child.kill().await?)
    }

    /// Asks it to leave (SIGTERM) and waits until it has; kills it if it does not.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn terminate(&mut self) -> Result<ExitStatus, ClusterError> {
        if let Some(pid) = self.pid().and_then(|pid| i32::try_from(pid).ok()) {
            // Fails if it has just ended by itself, which is what is wanted.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        match tokio::time::timeout(LEAVE_TIMEOUT, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => {
                eprintln!("{} does not leave; it is killed", self.name);
                self.child.kill().await?;
                Ok(self.child.wait().await?)
            }
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, ClusterError> {
        Ok(self.child.try_wait()?)
    }
}

fn last_line(log: &Path) -> String {
    let text = File::open(log)
        .and_then(std::io::read_to_string)
        .unwrap_or_default();
    text.lines().last().unwrap_or("it said nothing").to_owned()
}
