//! A tracker and nodes, under one folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use vote_api::{Chain, Client, Status};
use vote_chain::{ChainId, PublicKey, SecretKey, Version};

use crate::daemon::{ClusterError, Daemon};
use crate::programs::Programs;

/// The data directory of `vote-cli` in a network's folder.
const VOTER: &str = "voter";
/// Marks a folder as a network's: only such a folder is ever wiped.
const MARK: &str = "cluster.json";
/// Between looks at nodes that are waited for.
const POLL: Duration = Duration::from_millis(50);
const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/0";

/// What kind of network.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many validators; all of them are in the genesis.
    pub validators: usize,
    /// Where; a temporary folder if none, gone when the network is.
    pub dir: Option<PathBuf>,
    /// Whether to wipe a network that was in the folder before.
    pub reset: bool,
    /// Keys that may create elections beside [`Cluster::organiser`].
    pub organisers: Vec<PublicKey>,
    /// Whether any key may create elections.
    pub anyone: bool,
    /// More arguments for every node.
    pub node_args: Vec<String>,
    /// The protocol version that the chain begins with; the newest if none.
    pub protocol: Option<Version>,
    /// The programs, if they are found already.
    pub programs: Option<Programs>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            validators: 4,
            dir: None,
            reset: false,
            organisers: Vec::new(),
            anyone: false,
            node_args: Vec::new(),
            protocol: None,
            programs: None,
        }
    }
}

/// One node of the network: what it needs to start, and its process while it runs.
#[derive(Debug)]
pub struct Node {
    /// `n1`, `n2`, ...
    pub name: String,
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Where apps connect.
    pub socket: PathBuf,
    /// Its log.
    pub log: PathBuf,
    /// Its process, while it runs.
    pub daemon: Option<Daemon>,
    /// More arguments for it.
    pub args: Vec<String>,
}

/// A network of real processes.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    folder: PathBuf,
    _temporary: Option<TempDir>,
    /// The tracker's process, while it runs.
    pub tracker: Option<Daemon>,
    /// The tracker's address.
    pub tracker_address: String,
    /// The nodes, validators first.
    pub nodes: Vec<Node>,
    /// The chain.
    pub chain: ChainId,
    /// Creates elections. `vote-cli` signs with it if its data directory is [`Cluster::voter_dir`].
    pub organiser: SecretKey,
    known: Chain,
    node_args: Vec<String>,
}

fn folder(options: &Options) -> Result<(PathBuf, Option<TempDir>), ClusterError> {
    let Some(dir) = &options.dir else {
        let temporary = tempfile::Builder::new().prefix("vote-").tempdir()?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    };
    if dir.exists() && fs::read_dir(dir)?.next().is_some() {
        let shown = dir.display();
        if !dir.join(MARK).exists() {
            return Err(ClusterError::Folder(format!(
                "{shown} is not empty and holds no cluster; choose another --dir"
            )));
        }
        if !options.reset {
            return Err(ClusterError::Folder(format!(
                "{shown} holds a cluster already; wipe it with --reset, or choose another --dir"
            )));
        }
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    let dir = dir.canonicalize()?;
    if dir.as_os_str().len() > 80 {
        return Err(ClusterError::Folder(format!(
            "the path {} is too long for sockets; choose a shorter --dir",
            dir.display()
        )));
    }
    Ok((dir, None))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

impl Cluster {
    /// Plans a network, and starts all of it. Returns once every node is connected to every other.
    ///
    /// # Errors
    /// [`ClusterError`] if anything does not start.
    pub async fn start(options: Options) -> Result<Self, ClusterError> {
        let programs = match &options.programs {
            Some(programs) => programs.clone(),
            None => Programs::find()?,
        };
        let (folder, temporary) = folder(&options)?;
        fs::write(folder.join(MARK), "{}\n")?;
        let (tracker, tracker_address) = start_tracker(&programs, &folder).await?;
        let organiser = programs.organiser(Some(&folder.join(VOTER))).await?;
        let chain = plan(&programs, &folder, &options, &organiser.public()).await?;
        let mut cluster = Self {
            programs,
            folder,
            _temporary: temporary,
            tracker: Some(tracker),
            tracker_address,
            nodes: Vec::new(),
            chain,
            organiser,
            known: Chain::pinned(chain),
            node_args: options.node_args,
        };
        for number in 1..=options.validators {
            let genesis = cluster.folder.join("genesis").display().to_string();
            let mut args = vec!["--genesis".to_owned(), genesis];
            if number == 1 {
                args.push("--allow-attacks".to_owned());
            }
            cluster.add(args).await?;
        }
        cluster.connected(Duration::from_secs(60)).await?;
        Ok(cluster)
    }

    /// The folder that everything is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A data directory for `vote-cli`, which has the key of [`Cluster::organiser`].
    pub fn voter_dir(&self) -> PathBuf {
        self.folder.join(VOTER)
    }

    /// The programs that it runs.
    pub const fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Memory that the process of a node holds, in MiB; 0 if it does not run.
    pub fn rss_mib(&self, at: usize) -> f64 {
        self.nodes[at]
            .daemon
            .as_ref()
            .and_then(Daemon::pid)
            .map_or(0.0, crate::measure::rss_mib)
    }

    /// Adds a follower: a node that joins through the tracker. Gives its place in
    /// [`Cluster::nodes`].
    ///
    /// # Errors
    /// [`ClusterError`] if it does not start.
    pub async fn add_follower(&mut self) -> Result<usize, ClusterError> {
        self.add_follower_with(&[]).await
    }

    /// The same, with more arguments for it.
    ///
    /// # Errors
    /// [`ClusterError`] if it does not start.
    pub async fn add_follower_with(&mut self, args: &[&str]) -> Result<usize, ClusterError> {
        let args = args.iter().map(ToString::to_string).collect();
        self.add(args).await
    }

    async fn add(&mut self, args: Vec<String>) -> Result<usize, ClusterError> {
        let at = self.nodes.len();
        let name = format!("n{}", at + 1);
        let (data_dir, socket) = (
            self.folder.join(&name),
            self.folder.join(format!("{name}.sock")),
        );
        let log = self.folder.join(format!("{name}.log"));
        self.nodes.push(Node {
            name,
            data_dir,
            socket,
            log,
            daemon: None,
            args,
        });
        self.start_node(at).await?;
        Ok(at)
    }

    /// Starts a node that does not run.
    ///
    /// # Errors
    /// [`ClusterError`] if it does not start.
    pub async fn start_node(&mut self, at: usize) -> Result<(), ClusterError> {
        let node = &mut self.nodes[at];
        let path = |path: &Path| path.display().to_string();
        let mut args: Vec<String> = [
            "--json",
            "--listen",
            LOOPBACK,
            "--bootstrap",
            &self.tracker_address,
        ]
        .map(String::from)
        .into();
        args.extend([
            "--name".into(),
            node.name.clone(),
            "--data-dir".into(),
            path(&node.data_dir),
            "--socket".into(),
            path(&node.socket),
        ]);
        args.extend(node.args.iter().chain(&self.node_args).cloned());
        node.daemon = Some(Daemon::start(&node.name, &self.programs.node, &args, &node.log).await?);
        Ok(())
    }

    /// Kills a node, as a power cut would.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn kill_node(&mut self, at: usize) -> Result<(), ClusterError> {
        match self.nodes[at].daemon.take() {
            Some(mut daemon) => daemon.kill().await,
            None => Ok(()),
        }
    }

    /// Kills the tracker.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn kill_tracker(&mut self) -> Result<(), ClusterError> {
        match self.tracker.take() {
            Some(mut daemon) => daemon.kill().await,
            None => Ok(()),
        }
    }

    /// Starts the tracker again; it comes back at the same address.
    ///
    /// # Errors
    /// [`ClusterError`] if it does not start.
    pub async fn start_tracker(&mut self) -> Result<(), ClusterError> {
        let (tracker, address) = start_tracker(&self.programs, &self.folder).await?;
        (self.tracker, self.tracker_address) = (Some(tracker), address);
        Ok(())
    }

    /// Serves the page on this machine with a node's socket. Its `ready` has the `url`; it ends
    /// when it is dropped.
    ///
    /// # Errors
    /// [`ClusterError`] if it does not start.
    pub async fn start_page(&self, at: usize) -> Result<Daemon, ClusterError> {
        let path = |path: &Path| path.display().to_string();
        let mut args: Vec<String> = ["gui", "--json", "--socket"].map(String::from).into();
        args.extend([
            path(&self.nodes[at].socket),
            "--data-dir".into(),
            path(&self.folder.join("page")),
        ]);
        Daemon::start(
            "page",
            &self.programs.vote_cli,
            &args,
            &self.folder.join("page.log"),
        )
        .await
    }

    /// A client of a node, of this chain and no other. All clients share what they know of the
    /// chain: each block is checked once.
    ///
    /// # Errors
    /// [`ClusterError::Node`] if it does not answer.
    pub async fn client(&self, at: usize) -> Result<Client, ClusterError> {
        let node = &self.nodes[at];
        let client = Client::connect_to(&node.socket, self.known.clone()).await;
        client.map_err(|error| ClusterError::Node {
            node: node.name.clone(),
            reason: error.to_string(),
        })
    }

    /// How a node is doing.
    ///
    /// # Errors
    /// [`ClusterError::Node`] if it does not answer.
    pub async fn status(&self, at: usize) -> Result<Status, ClusterError> {
        let status = self.client(at).await?.status().await;
        status.map_err(|error| ClusterError::Node {
            node: self.nodes[at].name.clone(),
            reason: error.to_string(),
        })
    }

    /// The places of the nodes that run.
    pub fn running(&self) -> Vec<usize> {
        (0..self.nodes.len())
            .filter(|at| self.nodes[*at].daemon.is_some())
            .collect()
    }

    /// Waits until `holds` is true of the statuses of all nodes that run.
    ///
    /// # Errors
    /// [`ClusterError::Timeout`] if it is not in time; the last statuses are part of it.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        mut holds: impl FnMut(&[Status]) -> bool,
    ) -> Result<Vec<Status>, ClusterError> {
        let start = Instant::now();
        loop {
            let mut statuses = Vec::new();
            for at in self.running() {
                statuses.extend(self.status(at).await.ok());
            }
            if statuses.len() == self.running().len() && holds(&statuses) {
                return Ok(statuses);
            }
            if start.elapsed() > limit {
                let seen: Vec<_> = statuses
                    .iter()
                    .map(|s| {
                        format!(
                            "{} height {} peers {} pending {}",
                            s.node, s.height, s.peers, s.pending
                        )
                    })
                    .collect();
                return Err(ClusterError::Timeout {
                    seconds: limit.as_secs(),
                    what: format!("{what} ({})", seen.join(", ")),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until every node that runs is connected to every other.
    ///
    /// # Errors
    /// [`ClusterError::Timeout`] if they are not in time.
    pub async fn connected(&self, limit: Duration) -> Result<(), ClusterError> {
        let others = u32::try_from(self.running().len().saturating_sub(1)).unwrap_or(u32::MAX);
        let connected = |statuses: &[Status]| statuses.iter().all(|status| status.peers >= others);
        self.until("for all nodes to be connected", limit, connected)
            .await
            .map(drop)
    }

    /// Waits until all nodes that run have the same last block, with nothing waiting.
    ///
    /// # Errors
    /// [`ClusterError::Timeout`] if they have not in time.
    pub async fn agreed(&self, limit: Duration) -> Result<Vec<Status>, ClusterError> {
        let same = |statuses: &[Status]| {
            statuses.windows(2).all(|pair| pair[0].hash == pair[1].hash)
                && statuses.iter().all(|status| status.pending == 0)
        };
        self.until("for all nodes to agree", limit, same).await
    }

    /// Ends every process, in good order.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn stop(&mut self) -> Result<(), ClusterError> {
        for node in &mut self.nodes {
            if let Some(mut daemon) = node.daemon.take() {
                daemon.terminate().await?;
            }
        }
        match self.tracker.take() {
            Some(mut daemon) => daemon.terminate().await.map(drop),
            None => Ok(()),
        }
    }
}

async fn start_tracker(
    programs: &Programs,
    folder: &Path,
) -> Result<(Daemon, String), ClusterError> {
    let dir = folder.join("bootstrap").display().to_string();
    let args = ["--json", "--listen", LOOPBACK, "--data-dir", &dir].map(String::from);
    let tracker = Daemon::start(
        "bootstrap",
        &programs.bootstrap,
        &args,
        &folder.join("bootstrap.log"),
    )
    .await?;
    let address = text(&tracker.ready, "address");
    Ok((tracker, address))
}

/// Makes the keys of all validators and the genesis that names them.
async fn plan(
    programs: &Programs,
    folder: &Path,
    options: &Options,
    organiser: &PublicKey,
) -> Result<ChainId, ClusterError> {
    let log = folder.join("plan.log");
    let genesis = folder.join("genesis").display().to_string();
    let mut args: Vec<String> = ["genesis", "--json", "--name", "demo", "--output", &genesis]
        .map(String::from)
        .into();
    let mut organisers: Vec<_> = options
        .organisers
        .iter()
        .chain([organiser])
        .map(ToString::to_string)
        .collect();
    for number in 1..=options.validators {
        let dir = folder.join(format!("n{number}")).display().to_string();
        let made = Daemon::start(
            "node key",
            &programs.node,
            &["key", "--json", "--data-dir", &dir].map(String::from),
            &log,
        )
        .await?;
        let key = text(&made.ready, "key");
        args.extend(["--validator".into(), format!("n{number}={key}")]);
        if number == 1 {
            // It stages attacks, some of them on elections that it creates first.
            organisers.push(key);
        }
    }
    if let Some(version) = options.protocol {
        args.extend(["--protocol".into(), version.to_string()]);
    }
    match options.anyone {
        true => args.push("--anyone".into()),
        false => args.extend(
            organisers
                .into_iter()
                .flat_map(|key| ["--organiser".into(), key]),
        ),
    }
    let made = Daemon::start("node genesis", &programs.node, &args, &log).await?;
    let chain = text(&made.ready, "chain");
    chain
        .parse()
        .map_err(|error| ClusterError::Folder(format!("the genesis has no id: {error}")))
}
