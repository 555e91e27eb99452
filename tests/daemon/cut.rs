//! A line that is cut without a word: packets vanish, and nobody is told. Each node has a network
//! namespace of its own; where this machine does not let a test make them, there is nothing to
//! test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vote_api::{Chain, Client};
use vote_chain::{ChainId, Contest, Election, Payload, Rule, SecretKey, Transaction};
use vote_cluster::{Daemon, Programs};

use crate::harness::PATIENCE;

/// What TCP and pings need to notice a cut by themselves is 25 s.
const NOTICED_SECONDS: u64 = 15;
const NODES: usize = 4;

fn ip(args: &[&str]) -> bool {
    let command = Command::new("ip")
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    command.is_ok_and(|status| status.success())
}

/// Namespaces on a switch.
struct Lines {
    switch: String,
    ends: Vec<String>,
}

impl Lines {
    /// None if this machine does not allow it.
    fn new() -> Option<Self> {
        let name = |end: &str| format!("vote{}{end}", std::process::id());
        let lines = Self {
            switch: name("s"),
            ends: (0..NODES).map(|at| name(&format!("n{at}"))).collect(),
        };
        lines.make().then_some(lines)
    }

    fn make(&self) -> bool {
        let switch = self.switch.as_str();
        ip(&["netns", "add", switch])
            && ip(&["-n", switch, "link", "add", "bridge", "type", "bridge"])
            && ip(&["-n", switch, "link", "set", "bridge", "up"])
            && self
                .ends
                .iter()
                .enumerate()
                .all(|(at, end)| self.plug_in(at, end))
    }

    fn plug_in(&self, at: usize, end: &str) -> bool {
        let (switch, port) = (self.switch.as_str(), format!("port{at}"));
        ip(&["netns", "add", end])
            && ip(&["-n", end, "link", "set", "lo", "up"])
            && ip(&[
                "-n", switch, "link", "add", &port, "type", "veth", "peer", "name", "line",
                "netns", end,
            ])
            && ip(&["-n", switch, "link", "set", &port, "master", "bridge", "up"])
            && ip(&[
                "-n",
                end,
                "addr",
                "add",
                &format!("{}/24", address(at)),
                "dev",
                "line",
            ])
            && ip(&["-n", end, "link", "set", "line", "up"])
    }

    /// What goes from one to the other is lost from now on: it is sent to a machine that is not
    /// there.
    fn cut(&self, from: usize, to: usize) {
        let (to, nobody) = (address(to), "02:00:00:00:00:99");
        let lost = [
            "neigh",
            "replace",
            &to,
            "lladdr",
            nobody,
            "dev",
            "line",
            "nud",
            "permanent",
        ];
        assert!(ip(
            &[&["-n", self.ends[from].as_str()][..], &lost[..]].concat()
        ));
    }

    fn mend(&self, from: usize, to: usize) {
        assert!(ip(&[
            "-n",
            &self.ends[from],
            "neigh",
            "del",
            &address(to),
            "dev",
            "line"
        ]));
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        for name in self.ends.iter().chain([&self.switch]) {
            ip(&["netns", "del", name]);
        }
    }
}

fn address(at: usize) -> String {
    format!("10.99.0.{}", at + 1)
}

/// Who creates the elections.
fn organiser() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

struct Network {
    chain: ChainId,
    sockets: Vec<PathBuf>,
    nodes: Vec<Daemon>,
}

impl Network {
    /// Four validators; each knows the addresses of the others.
    async fn start(lines: &Lines, folder: &Path) -> Self {
        let program = Programs::find().unwrap().node;
        let path = |name: String| folder.join(name).display().to_string();
        let log = folder.join("plan.log");
        let say = |args: Vec<String>| {
            let (program, log) = (program.clone(), log.clone());
            async move {
                Daemon::start("plan", &program, &args, &log)
                    .await
                    .unwrap()
                    .ready
            }
        };
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let organiser = organiser().public().to_string();
        let mut plan = words(&[
            "genesis",
            "--json",
            "--name",
            "cut",
            "--output",
            &path("genesis".into()),
        ]);
        plan.extend(words(&["--organiser", &organiser]));
        let mut peers = Vec::new();
        for at in 0..NODES {
            let keys = say(words(&[
                "key",
                "--json",
                "--data-dir",
                &path(format!("n{at}")),
            ]))
            .await;
            plan.extend(words(&[
                "--validator",
                &format!("n{at}={}", keys["key"].as_str().unwrap()),
            ]));
            peers.push(format!(
                "/ip4/{}/tcp/4700/p2p/{}",
                address(at),
                keys["peer"].as_str().unwrap()
            ));
        }
        let chain = say(plan).await["chain"].as_str().unwrap().parse().unwrap();
        let mut network = Self {
            chain,
            sockets: Vec::new(),
            nodes: Vec::new(),
        };
        for (at, end) in lines.ends.iter().enumerate() {
            let socket = path(format!("n{at}.sock"));
            let mut args = words(&[
                "netns",
                "exec",
                end,
                &program.display().to_string(),
                "--json",
            ]);
            args.extend(words(&[
                "--genesis",
                &path("genesis".into()),
                "--data-dir",
                &path(format!("n{at}")),
            ]));
            args.extend(words(&["--socket", &socket, "--name", &format!("n{at}")]));
            args.extend(words(&[
                "--listen",
                &format!("/ip4/{}/tcp/4700", address(at)),
            ]));
            for (_, peer) in peers.iter().enumerate().filter(|(other, _)| *other != at) {
                args.extend(words(&["--peer", peer]));
            }
            let log = folder.join(format!("n{at}.log"));
            network.nodes.push(
                Daemon::start(&format!("n{at}"), Path::new("ip"), &args, &log)
                    .await
                    .unwrap(),
            );
            network.sockets.push(socket.into());
        }
        network
    }

    async fn client(&self, at: usize) -> Client {
        Client::connect_to(&self.sockets[at], Chain::pinned(self.chain))
            .await
            .unwrap()
    }

    /// Waits until each node has so many peers, so many seconds at most.
    async fn until_peers(&self, peers: u32, seconds: u64) {
        let all = async {
            for at in 0..NODES {
                let client = self.client(at).await;
                while client.status().await.unwrap().peers != peers {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        };
        let done = tokio::time::timeout(std::time::Duration::from_secs(seconds), all).await;
        done.unwrap_or_else(|_| panic!("not all nodes have {peers} peers after {seconds} s"));
    }

    /// Creates an election, and waits until it is final.
    async fn decide(&self, at: usize, salt: u64) {
        let contest = Contest::listed(vec!["Yes".into(), "No".into()], Rule::Plurality, 1);
        let election = Election::simple("Cut".into(), vec![contest], salt);
        let bytes = Transaction::sign(self.chain, &organiser(), Payload::CreateElection(election))
            .to_bytes();
        self.client(at)
            .await
            .decide(bytes, PATIENCE)
            .await
            .expect("it becomes final");
    }
}

#[tokio::test]
async fn cut_that_nobody_is_told_of_is_noticed_soon_and_voting_goes_on_after_it() {
    let Some(lines) = Lines::new() else {
        eprintln!("no network namespaces can be made here: not tested");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::start(&lines, folder.path()).await;
    network.until_peers(3, PATIENCE.as_secs()).await;
    network.decide(0, 1).await;
    let pairs: Vec<_> = [0, 1]
        .into_iter()
        .flat_map(|a| [(a, 2), (a, 3), (2, a), (3, a)])
        .collect();
    pairs.iter().for_each(|(from, to)| lines.cut(*from, *to));
    network.until_peers(1, NOTICED_SECONDS).await;
    pairs.iter().for_each(|(from, to)| lines.mend(*from, *to));
    network.until_peers(3, NOTICED_SECONDS).await;
    network.decide(3, 2).await;
    for node in &mut network.nodes {
        node.terminate().await.unwrap();
    }
}
