//! Lists of voters.

use schemars::JsonSchema;
use serde::Serialize;
use vote_chain::{ElectionId, Hash, PublicKey, TransactionId};

use crate::election::{Phase, Roll};
use crate::shape::Hex;

/// What `vote-cli roll show --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RollShown {
    /// The election.
    pub election: Hex<ElectionId>,
    /// Its phase.
    pub phase: Phase,
    /// Its roll.
    #[serde(flatten)]
    pub roll: Roll,
}

/// What `vote-cli roll check --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RollCheck {
    /// The election.
    pub election: Hex<ElectionId>,
    /// The key that was asked for.
    pub key: Hex<PublicKey>,
    /// Whether it is on the roll; false if there is none.
    pub on_roll: bool,
    /// How many votes it has; null if it is not on the roll.
    pub votes: Option<u32>,
    /// The election's phase.
    pub phase: Phase,
    /// Its ballot that counts, if it has cast one.
    pub ballot: Option<Hex<TransactionId>>,
    /// Whether it may vote now.
    pub may_vote: bool,
    /// Why.
    pub reason: String,
}

/// What `vote-cli roll import --preview --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RollPreview {
    /// The list.
    pub file: String,
    /// The election.
    pub election: Hex<ElectionId>,
    /// How many would be put on the roll.
    pub voters: usize,
    /// Their votes.
    pub votes: u64,
    /// How many of the list are on the roll already.
    pub already: usize,
    /// How many faults the list has.
    pub faults: usize,
}

/// What `vote-cli roll import --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RollImported {
    /// The election.
    pub election: Hex<ElectionId>,
    /// How many were put on the roll.
    pub imported: usize,
    /// Of these, how many are not on it yet: the acts that put them there wait for approvals of
    /// other organisers.
    pub waiting: usize,
    /// How many of the list were on the roll already.
    pub already: usize,
    /// How many rows of the list were left out, since they have faults.
    pub left_out: usize,
    /// How many may be people who are on the roll already, with another key.
    pub perhaps_again: usize,
    /// How the list was read.
    pub notes: Vec<String>,
    /// How many are on the roll now.
    pub voters: u64,
    /// Their votes.
    pub votes: u64,
    /// Root of the roll.
    pub root: Hex<Hash>,
}

/// What `vote-cli roll change --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RollChanged {
    /// The election.
    pub election: Hex<ElectionId>,
    /// How many were put on the roll.
    pub added: usize,
    /// How many were taken off.
    pub removed: usize,
    /// The block that the act is in.
    pub height: u64,
    /// How many are on the roll now.
    pub voters: u64,
    /// Their votes.
    pub votes: u64,
}

/// What `vote-cli roll issue --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Issued {
    /// How many codes were issued.
    pub voters: usize,
    /// How many have a key in the list, and get no code.
    pub own_keys: usize,
    /// How many have a code by the earlier issue, and keep it.
    pub kept: usize,
    /// How many of the earlier issue are not in the list.
    pub not_listed: usize,
    /// Folder of the cards; secret.
    pub cards: String,
    /// The list for a mail merge; secret.
    pub merge: String,
    /// Who has which key; private.
    pub register: String,
    /// The public keys, for `roll import`.
    pub keys: String,
    /// How the list was read.
    pub notes: Vec<String>,
}
