//! What `cluster` prints: networks on this machine, and what was measured on them. Figures of each
//! node are in the nodes' order.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use vote_chain::{ChainId, ElectionId, Rule, StateRoot};

use crate::shape::Hex;

/// What `cluster up --json` prints once the network is up.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Up {
    /// The tracker.
    pub bootstrap: UpTracker,
    /// The network's chain.
    pub chain: Hex<ChainId>,
    /// The demo's election.
    pub election: Hex<ElectionId>,
    /// The folder of all that the network writes.
    pub folder: String,
    /// The nodes, validators first.
    pub nodes: Vec<UpNode>,
    /// The page, if it was asked for.
    pub page: Option<UpPage>,
}

/// The tracker of a network.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UpTracker {
    /// Where it is reached.
    pub address: String,
    /// Its process; null if it has ended.
    pub pid: Option<u32>,
}

/// A node of a network.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UpNode {
    /// What it calls itself.
    pub name: String,
    /// Its process; null if it has ended.
    pub pid: Option<u32>,
    /// The socket for apps.
    pub app_socket: String,
    /// Its data directory.
    pub data_dir: String,
    /// The file of what it says.
    pub log: String,
    /// Its addresses; null if it has ended.
    pub listen: Option<Vec<String>>,
}

/// The page of a network.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UpPage {
    /// Where to open it, with its token.
    pub url: Option<String>,
    /// The process of its server; null if it has ended.
    pub pid: Option<u32>,
}

/// What `cluster load FILE --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Load {
    /// The file.
    pub file: String,
    /// How many ballots it has.
    pub ballots: u64,
    /// How many were cast.
    pub cast: usize,
    /// How many of these are final.
    #[serde(rename = "final")]
    pub finals: usize,
    /// How many of these were refused.
    pub refused: usize,
    /// Ballots that cannot be cast under this rule.
    pub not_castable: Vec<NotCastable>,
    /// How many were put on the roll; null if there is none.
    pub voters_on_roll: Option<usize>,
    /// How long that took; null if there is no roll.
    pub roll_seconds: Option<f64>,
    /// How long the casting took.
    pub seconds: f64,
    /// How many became final in a second.
    pub ballots_per_second: f64,
    /// How they were counted.
    #[schemars(extend("enum" = Rule::ALL.map(Rule::name)))]
    pub rule: &'static str,
    /// Who is elected.
    pub winners: Vec<String>,
    /// How many seats each of those has, in the same order; where candidates are lists, else left
    /// out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub winner_seats: Vec<u64>,
    /// What each candidate has, by name.
    pub counts: BTreeMap<String, u64>,
    /// The votes of each round, by name.
    pub rounds: Vec<BTreeMap<String, Amount>>,
    /// How many prefer the one to the other, where the rule asks.
    pub pairwise: Option<Vec<Vec<u64>>>,
    /// Votes that elect, where the rule has such a number.
    pub quota: Option<String>,
    /// How many lots were drawn.
    pub ties: usize,
    /// Of each node.
    pub state_roots: Vec<String>,
    /// Whether all nodes have the same count and the same state.
    pub agree: bool,
}

/// Ballots that cannot be cast.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NotCastable {
    /// Their line.
    pub line: usize,
    /// How many.
    pub ballots: u64,
    /// Why.
    pub reason: &'static str,
}

/// Votes, whole or not.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Amount {
    /// Whole votes.
    Whole(u64),
    /// Others.
    Parts(f64),
}

/// What `cluster bench --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Bench {
    /// How many nodes.
    pub nodes: u8,
    /// Ballots a second in the trickle.
    pub rate: u32,
    /// From submitting to final, in the trickle.
    pub latency_ms: Latency,
    /// While nobody votes.
    pub idle: Idle,
    /// With as many ballots as it takes.
    #[serde(flatten)]
    pub throughput: Throughput,
    /// The same after many elections, with `--elections`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_elections: Option<AfterElections>,
    /// The same after many ballots, with `--growth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
}

/// A network whose chain has many elections that are over.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AfterElections {
    /// How many.
    pub elections: usize,
    /// How long it took to create and close them.
    pub seconds: f64,
    /// What takes place then.
    pub throughput: Throughput,
    /// Processor time of a ballot, as a multiple of what it was before.
    pub cpu_ratio: f64,
}

/// A network whose chain has many ballots.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Growth {
    /// How many, in one election.
    pub ballots: usize,
    /// The last of them.
    pub throughput: Throughput,
    /// Ballots a second, as a share of what the first were.
    pub rate_ratio: f64,
    /// What a node's memory has grown by, for each ballot since the first.
    pub memory_bytes_per_ballot: f64,
    /// What a node's files have grown by.
    pub disk_bytes_per_ballot: f64,
    /// From starting a node that was killed to its first answer.
    pub restart_seconds: f64,
}

/// Milliseconds from submitting a ballot to its being final.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Latency {
    /// Of half of the ballots, at most.
    pub p50: f64,
    /// Of 99 of a hundred, at most.
    pub p99: f64,
    /// Of the slowest.
    pub max: f64,
    /// How many ballots.
    pub ballots: usize,
}

/// A network in which nobody votes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Idle {
    /// For how long.
    pub seconds: u64,
    /// Of one processor, by each node.
    pub cpu_percent: Vec<f64>,
    /// Memory of each node.
    pub rss_mib: Vec<f64>,
}

/// A network that takes as many ballots as it can.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Throughput {
    /// How many were cast.
    pub ballots: usize,
    /// How many of these are final.
    #[serde(rename = "final")]
    pub finals: usize,
    /// How long it took.
    pub seconds: f64,
    /// How many became final in a second.
    pub final_per_second: f64,
    /// How long the signing took, before.
    pub signing_seconds: f64,
    /// Of all nodes, in microseconds.
    pub cpu_us_per_ballot: f64,
    /// Memory of each node.
    pub rss_mib: Vec<f64>,
    /// Of one node.
    pub disk_bytes_per_ballot: f64,
    /// What one node sends.
    pub wire_bytes_per_ballot: f64,
    /// The last block.
    pub heights: Option<u64>,
    /// Of each node.
    pub state_roots: Vec<Hex<StateRoot>>,
}

/// What `cluster catchup --json` prints: a node that joins a chain with many ballots.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Catchup {
    /// How many nodes there were before.
    pub nodes: usize,
    /// How many ballots.
    pub ballots: usize,
    /// The last block.
    pub height: u64,
    /// How long the casting took.
    pub casting_seconds: f64,
    /// How long the new node took.
    pub seconds: f64,
    /// How many it took in a second.
    pub ballots_per_second: f64,
    /// What it took of the processors.
    pub cpu_seconds: f64,
    /// The most memory that it took.
    pub rss_mib_max: f64,
    /// What one processor takes to verify the ballots and does nothing else, measured in this run.
    pub verifying_seconds: f64,
    /// The one by the other.
    pub seconds_to_verifying: f64,
}

/// What `cluster roll --json` prints: a large roll, from the first voter put on it to a ballot of
/// the last.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RollBench {
    /// How many nodes.
    pub nodes: usize,
    /// How many voters.
    pub voters: u32,
    /// How long the making of keys took, before.
    pub keys_seconds: f64,
    /// How long it took until all voters were on the roll.
    pub roll_seconds: f64,
    /// How many were put on it in a second.
    pub voters_per_second: f64,
    /// The same in microseconds for each.
    pub us_per_voter: f64,
    /// From submitting to final.
    pub ballot_of_first_ms: f64,
    /// From submitting to final.
    pub ballot_of_last_ms: f64,
    /// Why a ballot of somebody who is not on the roll was refused; null if it was not.
    pub stranger: Option<String>,
    /// Memory of each node.
    pub rss_mib: Vec<f64>,
    /// Of one node.
    pub rss_bytes_per_voter: f64,
    /// What each node takes of the disk.
    pub disk_mib: Vec<f64>,
    /// Of one node.
    pub disk_bytes_per_voter: f64,
    /// How long a node took to be back.
    pub restart_seconds: f64,
    /// The block with which it was back.
    pub restart_at_height: u64,
    /// The last block.
    pub height: u64,
    /// Of each node.
    pub state_roots: Vec<Hex<StateRoot>>,
}

/// What `cluster pages --json` prints: many open pages on the live results of an election.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Pages {
    /// How many nodes.
    pub nodes: u8,
    /// How many pages were to be opened.
    pub pages: u32,
    /// How many were.
    pub open: u32,
    /// How many were not.
    pub refused: u32,
    /// What the pages' server takes.
    pub server: PagesServer,
    /// The voting with no page open.
    pub before: PagesVoting,
    /// The voting with the pages open.
    pub with: PagesVoting,
    /// The voting with the pages closed again.
    pub after: PagesVoting,
    /// How long after the last ballot every page showed it.
    pub last_ballot_on_all_pages_ms: f64,
    /// Ballots a second with the pages, by those without.
    pub rate_with_to_without: f64,
}

/// What the server of many pages takes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PagesServer {
    /// Memory with no page open.
    pub rss_mib_without: f64,
    /// Memory with the pages open.
    pub rss_mib_open: f64,
    /// Memory at the end.
    pub rss_mib: f64,
    /// Of one processor, with the pages open.
    pub cpu_percent_while_nobody_votes: f64,
}

/// A trickle of ballots, then as many as the network takes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PagesVoting {
    /// From submitting to final, in the trickle.
    pub latency_ms: Latency,
    /// How many became final in a second.
    pub final_per_second: f64,
    /// How long that took.
    pub seconds: f64,
    /// What all nodes took of the processors.
    pub nodes_cpu_seconds: f64,
    /// Memory of each node.
    pub nodes_rss_mib: Vec<f64>,
    /// What the pages' server took of the processors.
    pub server_cpu_seconds: f64,
    /// The same in the trickle.
    pub server_cpu_seconds_at_the_rate: f64,
    /// How many ballots the election has.
    pub ballots_counted: u64,
}
