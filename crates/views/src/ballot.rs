//! A ballot: what it says, its receipt, and what has become of it.

use schemars::JsonSchema;
use serde::Serialize;
use vote_api as api;
use vote_chain::{BlockHash, ChainId, ElectionId, PublicKey, TransactionId};

use crate::election::Phase;
use crate::shape::Hex;

/// What has become of a ballot: what `vote-cli receipt check TRACKER --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Trace {
    /// The ballot.
    pub ballot: Hex<TransactionId>,
    /// The block that it is in.
    pub height: u64,
    /// The election that it was cast in.
    pub election: Hex<ElectionId>,
    /// The election's phase.
    pub phase: Phase,
    /// How many ballots of the same voter it has replaced.
    pub counter: u32,
    /// Whether it counts.
    pub counts: bool,
    /// The ballot of the same voter that counts instead.
    pub superseded_by: Option<Hex<TransactionId>>,
}

impl Trace {
    /// Of the node's own words.
    pub fn of(trace: &api::Trace) -> Self {
        let counts = trace.counts == trace.transaction;
        Self {
            ballot: trace.transaction.into(),
            height: trace.height.get(),
            election: trace.election.into(),
            phase: trace.phase.into(),
            counter: trace.counter,
            counts,
            superseded_by: (!counts).then_some(trace.counts.into()),
        }
    }
}

/// A receipt that holds: what `vote-cli receipt check FILE --json` and `vote-cli receipt show
/// BALLOT --json` print.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Receipt {
    /// Always: a receipt that does not hold is an error.
    pub valid: bool,
    /// The ballot, or another transaction.
    pub ballot: Hex<TransactionId>,
    /// The chain that it is on.
    pub chain: Hex<ChainId>,
    /// What the chain's founder called it.
    pub chain_name: String,
    /// Whether the chain was named by whoever checked.
    pub chain_pinned: bool,
    /// Of the block that it is in.
    pub height: u64,
    /// Of that block.
    pub time: u64,
    /// That block.
    pub block: Hex<BlockHash>,
    /// Its place in that block, from 0.
    pub place: u32,
    /// How many validators' signatures the receipt has.
    pub signatures: usize,
    /// How often the validators changed up to that block.
    pub set_changes: usize,
    /// The ballot's code, by which it is found.
    pub tracker: String,
    /// The same, in words.
    pub words: String,
    /// What the node says of the ballot, if it was asked.
    pub node: Option<Trace>,
    /// What the ballot says, if the file holds it; null for what is no ballot.
    pub says: Option<Statement>,
}

/// What a ballot says, read from signed bytes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Statement {
    /// The election that it was cast in.
    pub election: Hex<ElectionId>,
    /// The election's title.
    pub title: String,
    /// Who created the election.
    pub organiser: Hex<PublicKey>,
    /// Who signed the ballot.
    pub credential: Hex<PublicKey>,
    /// What the voter is called, by the ballot.
    pub name: String,
    /// How many ballots it has replaced.
    pub counter: u32,
    /// In the order of the election.
    pub contests: Vec<ContestWords>,
}

/// What a ballot says to a contest.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ContestWords {
    /// The contest's title.
    pub title: String,
    /// In words.
    pub says: String,
}

impl Statement {
    /// Of signed bytes.
    pub fn of(says: &vote_chain::Statement) -> Self {
        Self {
            election: says.ballot.election.into(),
            title: says.election.title.clone(),
            organiser: says.organiser.into(),
            credential: says.credential.into(),
            name: says.ballot.name.clone(),
            counter: says.ballot.counter,
            contests: says
                .words()
                .map(|(title, says)| ContestWords {
                    title: title.to_owned(),
                    says,
                })
                .collect(),
        }
    }
}

/// A ballot that is final: what `vote-cli cast --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Cast {
    /// The ballot.
    pub ballot: Hex<TransactionId>,
    /// The election that it was cast in.
    pub election: Hex<ElectionId>,
    /// What was said to each contest, as it was typed.
    pub choices: Vec<String>,
    /// Who signed it.
    pub credential: Hex<PublicKey>,
    /// The block that it is in.
    pub height: u64,
    /// The chain.
    pub chain: Hex<ChainId>,
    /// The receipt's file.
    pub receipt: String,
    /// Always: a ballot that is not final is an error.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The ballot of the same voter that counts no longer.
    pub replaced: Option<Hex<TransactionId>>,
    /// The ballot's code, by which it is found.
    pub tracker: String,
    /// What it says.
    pub says: Statement,
}
