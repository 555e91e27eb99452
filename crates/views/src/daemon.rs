//! What `node` and `bootstrap` print.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vote_chain::{ChainId, PublicKey, TransactionId};

use crate::shape::Hex;

/// What `node --json` prints once apps can connect.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NodeReady {
    /// What it calls itself.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// The socket for apps.
    pub app_socket: String,
    /// Its data directory.
    pub data_dir: String,
    /// Its addresses, with its id.
    pub listen: Vec<String>,
    /// Its id in the network.
    pub peer: String,
    /// Its validator key.
    pub key: Hex<PublicKey>,
    /// Its chain.
    pub chain: Hex<ChainId>,
    /// What the chain's founder called it.
    pub chain_name: String,
}

/// What `node key --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NodeKey {
    /// Its id in the network.
    pub peer: String,
    /// Its validator key.
    pub key: Hex<PublicKey>,
    /// Its data directory.
    pub data_dir: String,
}

/// What `node genesis --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GenesisMade {
    /// The new chain.
    pub chain: Hex<ChainId>,
    /// How many validators it begins with.
    pub validators: usize,
    /// How many of them may fail or lie.
    pub faults_tolerated: usize,
    /// Who may create elections; null if anyone may.
    pub organisers: Option<Vec<Hex<PublicKey>>>,
    /// The genesis' file.
    pub file: String,
}

/// What `node check --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum LedgerChecked {
    /// The ledger is whole.
    Whole {
        /// True.
        valid: bool,
        /// The ledger's file.
        ledger: String,
        /// Its chain.
        chain: Hex<ChainId>,
        /// What the chain's founder called it.
        chain_name: String,
        /// Its last block.
        height: u64,
        /// Transactions in all blocks.
        transactions: u64,
        /// Signatures that were checked.
        signatures: u64,
        /// Rows of all tables.
        rows: u64,
        /// How long it took.
        seconds: f64,
    },
    /// It is damaged, or could not be checked.
    Not {
        /// False if it is damaged; null if it could not be checked.
        valid: Option<bool>,
        /// What is wrong.
        reason: String,
    },
}

/// What `node recover --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Recovered {
    /// The last block of the new ledger.
    pub height: u64,
    /// The first block of the old ledger that is not in the new one; null if none is lost.
    pub lost_from: Option<u64>,
    /// How many blocks of the old ledger are not in the new one.
    pub lost_blocks: usize,
    /// Transactions of these that are in no block of the new ledger.
    pub lost_transactions: Vec<LostTransaction>,
    /// The old ledger's file.
    pub old_ledger: String,
    /// The file of the lost blocks, with their certificates.
    pub lost_file: String,
}

/// A transaction that is in no block of the new ledger; whoever signed it can submit it again.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LostTransaction {
    /// The transaction.
    pub id: Hex<TransactionId>,
    /// What it is.
    pub kind: &'static str,
}

/// What `bootstrap --json` prints first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TrackerReady {
    /// The first of its addresses, to be given to nodes.
    pub address: Option<String>,
    /// All of its addresses, with its id.
    pub addresses: Vec<String>,
    /// Its process.
    pub pid: u32,
}

/// What `bootstrap list --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Registrations {
    /// Who is registered.
    pub nodes: Vec<Registered>,
}

/// A node that is registered at a tracker.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Registered {
    /// Its id in the network.
    pub peer: String,
    /// The id of its chain, by its own words.
    pub chain: String,
    /// Where it says that it is reached.
    pub addresses: Vec<String>,
    /// For how long it has been registered.
    pub age_seconds: u64,
    /// Whether it has proven that it speaks for a validator of its chain.
    pub member: bool,
}

/// What `bootstrap --json` prints after its first line: a line each.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum TrackerEvent {
    /// A node has registered.
    Joined {
        /// The node.
        #[serde(flatten)]
        node: Registered,
        /// Null: it comes of its own accord.
        reason: Option<&'static str>,
    },
    /// A node is registered no longer.
    Left {
        /// The node.
        #[serde(flatten)]
        node: Registered,
        /// Why it has left.
        reason: Option<&'static str>,
    },
    /// So many came and went without a line.
    Unsaid {
        /// How many.
        count: u64,
    },
}
