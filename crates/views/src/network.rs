//! A node, its peers, and who decides.

use schemars::JsonSchema;
use serde::Serialize;
use vote_api as api;
use vote_chain::{
    BlockHash, ChainId, OrganiserChange, PublicKey, StateRoot, ValidatorChange, ValidatorSet,
    VersionChange, faults_tolerated,
};

use crate::shape::Hex;
use crate::words;

/// A height that is open so long without a decision, in milliseconds, is in trouble: rounds are
/// longer one after another, and the first ones take seconds.
const DECIDING_MS_MAX: u64 = 10_000;

/// How a node is doing.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Status {
    /// What it calls itself.
    pub node: String,
    /// Of its program.
    pub version: String,
    /// Its id in the network.
    pub peer: String,
    /// The key that it would sign votes with.
    pub key: Hex<PublicKey>,
    /// Its chain.
    pub chain: Hex<ChainId>,
    /// What the chain's founder called it.
    pub chain_name: String,
    /// Of the last block.
    pub height: u64,
    /// Of the last block.
    pub hash: Hex<BlockHash>,
    /// Of the last block.
    pub time: u64,
    /// After the last block.
    pub state_root: Hex<StateRoot>,
    /// Whether it is a validator.
    pub validator: bool,
    /// How many validators there are.
    pub validators: u32,
    /// How many nodes it is connected to.
    pub peers: u32,
    /// The power of the validators that it is connected to, with its own.
    pub power_connected: u64,
    /// The power of all validators.
    pub power_total: u64,
    /// Whether enough of the power is connected to decide blocks.
    pub quorum: bool,
    /// Whether a block should have been decided long ago.
    pub stalled: bool,
    /// Whether it signs votes.
    pub signing: Signing,
    /// What it waits for before it signs.
    pub signing_waits_for: Option<String>,
    /// Validators that it cannot reach.
    pub unreachable: Vec<String>,
    /// How long the next block has been open, in milliseconds.
    pub deciding_ms: Option<u64>,
    /// How far its clock is ahead of the validators', in milliseconds.
    pub clock_ahead_ms: Option<i64>,
    /// How many proofs it has that a validator signed two different things.
    pub evidence: u32,
    /// Whether a tracker knows it.
    pub tracker: bool,
    /// Why none does.
    pub tracker_problem: Option<String>,
    /// Of the height that is being decided.
    pub round: u32,
    /// Transactions that are not in a block yet.
    pub pending: u32,
    /// Where it listens; empty on a page that is open to all.
    pub listen: Vec<String>,
    /// Whether it stages attacks when it is asked to.
    pub allow_attacks: bool,
    /// By which protocol version the chain goes, and will.
    pub protocol: ProtocolVersions,
}

/// Whether a node signs votes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signing {
    /// It is no validator.
    Follower,
    /// It does.
    Signs,
    /// It is a validator, and waits.
    Waits,
}

impl Status {
    /// Of the node's own words.
    pub fn of(status: &api::Status) -> Self {
        let (power_connected, power_total) = status.power_connected;
        let (signing, signing_waits_for) = match &status.signing {
            api::Signing::Follower => (Signing::Follower, None),
            api::Signing::Signs => (Signing::Signs, None),
            api::Signing::Waits(why) => (Signing::Waits, Some(why.clone())),
        };
        Self {
            node: status.node.clone(),
            version: status.version.clone(),
            peer: status.peer.clone(),
            key: status.key.into(),
            chain: status.genesis.chain().into(),
            chain_name: status.genesis.name.clone(),
            height: status.height.get(),
            hash: status.hash.into(),
            time: status.time.ms(),
            state_root: status.state_root.into(),
            validator: status.validator,
            validators: status.validators,
            peers: status.peers,
            power_connected,
            power_total,
            quorum: has_quorum(status),
            stalled: is_stalled(status),
            signing,
            signing_waits_for,
            unreachable: status.unreachable.clone(),
            deciding_ms: status.deciding_ms,
            clock_ahead_ms: status.clock_ahead_ms,
            evidence: status.evidence,
            tracker: status.tracker,
            tracker_problem: status.tracker_problem.clone(),
            round: status.round,
            pending: status.pending,
            listen: status.listen.clone(),
            allow_attacks: status.allow_attacks,
            protocol: ProtocolVersions::of(&status.protocol),
        }
    }

    /// The same, but not where the node and its trackers listen: for a page that is open to all.
    pub fn public(status: &api::Status) -> Self {
        Self {
            listen: Vec::new(),
            tracker_problem: None,
            ..Self::of(status)
        }
    }
}

/// Whether a block should have been decided long ago: whatever is connected, it is not enough.
pub fn is_stalled(status: &api::Status) -> bool {
    status.deciding_ms.is_some_and(|ms| ms > DECIDING_MS_MAX)
}

/// Whether enough of the power is connected to decide blocks.
pub fn has_quorum(status: &api::Status) -> bool {
    let (connected, total) = status.power_connected;
    u128::from(connected) * 3 > u128::from(total) * 2
}

/// What `vote-cli status --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NodeStatus {
    /// How the node is doing.
    #[serde(flatten)]
    pub status: Status,
    /// Who may create elections; null if anyone may.
    pub organisers: Option<Vec<Hex<PublicKey>>>,
}

/// What `vote-cli members --json` prints: the node and its peers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Members {
    /// Each of them.
    pub members: Vec<Member>,
}

/// A node of the network, as one of its peers sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Member {
    /// What it calls itself.
    pub name: String,
    /// Its id in the network.
    pub peer: String,
    /// Its validator key, if it has shown one.
    pub key: Option<Hex<PublicKey>>,
    /// Its power, if it is a validator.
    pub power: Option<u64>,
    /// Its last block, if it has said so.
    pub height: Option<u64>,
    /// Where it is reached; empty on a page that is open to all.
    pub addresses: Vec<String>,
    /// Whether it is the node that was asked.
    pub this: bool,
}

impl Members {
    /// Of the node's own words.
    pub fn of(members: &[api::Member]) -> Self {
        let one = |member: &api::Member| Member {
            name: member.name.clone(),
            peer: member.peer.clone(),
            key: member.key.map(Hex),
            power: member.power,
            height: member.height.map(|height| height.get()),
            addresses: member.addresses.clone(),
            this: member.this,
        };
        Self {
            members: members.iter().map(one).collect(),
        }
    }

    /// The same, but not where they are reached: for a page that is open to all.
    pub fn public(members: &[api::Member]) -> Self {
        let mut view = Self::of(members);
        view.members
            .iter_mut()
            .for_each(|member| member.addresses.clear());
        view
    }
}

/// What `vote-cli validator list --json` prints: who decides blocks, and what waits for approvals.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Validators {
    /// Those of the next block.
    pub validators: Vec<Validator>,
    /// Those of the block after, if they are others.
    pub after: Option<Vec<Validator>>,
    /// Changes that too few have approved yet.
    pub pending: Vec<Pending>,
    /// How many of them may fail or lie.
    pub faults_tolerated: usize,
}

/// A validator.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Validator {
    /// The key that it signs with.
    pub key: Hex<PublicKey>,
    /// What people call it.
    pub name: String,
    /// Its weight in votes.
    pub power: u64,
}

/// A change that too few have approved yet.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Pending {
    /// In words.
    pub change: String,
    /// The validators that have.
    pub approved_by: Vec<Hex<PublicKey>>,
}

impl Validators {
    /// Of the node's own words.
    pub fn of(
        api::Validators {
            set,
            after,
            pending,
        }: &api::Validators,
    ) -> Self {
        let waits = |(change, keys): &(ValidatorChange, Vec<PublicKey>)| {
            Pending::new(words::change(change), keys)
        };
        Self {
            validators: validators(set),
            after: after.as_ref().map(validators),
            pending: pending.iter().map(waits).collect(),
            faults_tolerated: faults_tolerated(set.count()),
        }
    }
}

fn validators(set: &ValidatorSet) -> Vec<Validator> {
    let one = |validator: &vote_chain::Validator| Validator {
        key: validator.key.into(),
        name: validator.name.clone(),
        power: validator.power,
    };
    set.iter().map(one).collect()
}

impl Pending {
    fn new(change: String, keys: &[PublicKey]) -> Self {
        Self {
            change,
            approved_by: keys.iter().copied().map(Hex).collect(),
        }
    }
}

/// What `vote-cli organiser list --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Organisers {
    /// Who may create elections; null if anyone may.
    pub organisers: Option<Vec<Hex<PublicKey>>>,
    /// Changes that too few have approved yet.
    pub pending: Vec<Pending>,
}

impl Organisers {
    /// Of the node's own words.
    pub fn of(
        api::OrganisersView {
            organisers,
            pending,
        }: &api::OrganisersView,
    ) -> Self {
        let waits = |(change, keys): &(OrganiserChange, Vec<PublicKey>)| {
            Pending::new(words::organiser_change(change), keys)
        };
        Self {
            organisers: Self::keys(organisers),
            pending: pending.iter().map(waits).collect(),
        }
    }

    /// Who may create elections; none if anyone may.
    pub fn keys(organisers: &vote_chain::Organisers) -> Option<Vec<Hex<PublicKey>>> {
        match organisers {
            vote_chain::Organisers::Anyone => None,
            vote_chain::Organisers::Keys(keys) => Some(keys.iter().copied().map(Hex).collect()),
        }
    }
}

/// What `vote-cli protocol show --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Protocol {
    /// By which versions the chain goes.
    #[serde(flatten)]
    pub versions: ProtocolVersions,
    /// Changes that too few have approved yet.
    pub pending: Vec<Pending>,
}

impl Protocol {
    /// Of the node's own words.
    pub fn of(api::ProtocolView { versions, pending }: &api::ProtocolView) -> Self {
        let waits = |(change, keys): &(VersionChange, Vec<PublicKey>)| {
            Pending::new(words::version_change(change), keys)
        };
        Self {
            versions: ProtocolVersions::of(versions),
            pending: pending.iter().map(waits).collect(),
        }
    }
}

/// By which protocol version a chain goes, and will.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProtocolVersions {
    /// That of the next block.
    pub version: u16,
    /// The newest that the node's program has; the node stops before the first block of a later
    /// one.
    pub newest: u16,
    /// The move to another one that is still to come.
    pub planned: Option<PlannedMove>,
}

/// A move to another protocol version.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedMove {
    /// The version.
    pub version: u16,
    /// The first block that goes by it.
    pub from: u64,
}

impl ProtocolVersions {
    pub(crate) fn of(versions: &api::ProtocolVersions) -> Self {
        Self {
            version: versions.now.get(),
            newest: versions.newest.get(),
            planned: versions.planned.map(|planned| PlannedMove {
                version: planned.to.get(),
                from: planned.from.get(),
            }),
        }
    }
}

/// What `vote-cli evidence --json` prints: validators that signed two different things.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Evidence {
    /// Each time that one did.
    pub evidence: Vec<Offence>,
}

/// A validator that signed two different things.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Offence {
    /// The height that they are for.
    pub height: u64,
    /// Who.
    pub validator: Hex<PublicKey>,
    /// What it signed.
    pub what: String,
}

impl Evidence {
    /// Of the node's own words.
    pub fn of(rows: &[api::EvidenceView]) -> Self {
        let one = |row: &api::EvidenceView| Offence {
            height: row.height.get(),
            validator: row.validator.into(),
            what: row.what.clone(),
        };
        Self {
            evidence: rows.iter().map(one).collect(),
        }
    }
}
