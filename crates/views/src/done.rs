//! What commands of `vote-cli`, and the page's server, say of what they have done or were asked.

use schemars::JsonSchema;
use serde::Serialize;
use vote_api as api;
use vote_chain::{ChainId, ElectionId, Hash, Overvotes, PublicKey, Rule, TransactionId};
use vote_counting::SkippedRanks;

use crate::election::Phase;
use crate::result::Outcome;
use crate::shape::Hex;
use crate::words;

/// What a command prints to standard error, on one line, when it fails and --json was given.
/// Nothing then goes to standard output.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Error {
    /// What kind of failure it is; as stable as the exit code.
    pub code: ErrorCode,
    /// What happened, and why.
    pub message: String,
    /// Where to look next, if the message does not say so.
    pub hint: Option<&'static str>,
}

/// A kind of failure, and the exit code that goes with it.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// 1: anything without a code of its own.
    Failure,
    /// 2: the command line is wrong.
    Usage,
    /// 3: there is no such thing, or it is not in a state to do this.
    NotFound,
    /// 4: this credential may not.
    NotEligible,
    /// 5: no node, or no quorum.
    Unreachable,
    /// 6: a check ran, and failed.
    Verification,
    /// 130: Ctrl-C.
    Interrupted,
}

/// What `vote-cli election create --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Created {
    /// The new election.
    pub election: Hex<ElectionId>,
    /// The block that it is in.
    pub height: u64,
    /// Who created it.
    pub organiser: Hex<PublicKey>,
}

/// What `vote-cli election create --check --json` prints of an election that nothing is wrong with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Described {
    /// Always: what is wrong is an error.
    pub valid: bool,
    /// The election's title.
    pub title: String,
}

/// What `vote-cli election open --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Opened {
    /// Always: what is not done is an error.
    pub opened: bool,
    /// The election.
    pub election: Hex<ElectionId>,
    /// The block that the act is in.
    pub height: u64,
    /// The election's phase now.
    pub phase: Phase,
    /// How many are on the roll.
    pub voters: u64,
    /// Root of the roll.
    pub roll: Hex<Hash>,
}

/// What `vote-cli election close --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Closed {
    /// Always: what is not done is an error.
    pub closed: bool,
    /// The election.
    pub election: Hex<ElectionId>,
    /// The block that the act is in.
    pub height: u64,
    /// How many have voted.
    pub ballots: u64,
}

/// What `vote-cli election cancel --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Cancelled {
    /// Always: what is not done is an error.
    pub cancelled: bool,
    /// The election.
    pub election: Hex<ElectionId>,
    /// The block that the act is in.
    pub height: u64,
}

/// What `vote-cli election times --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TimesChanged {
    /// Always: what is not done is an error.
    pub times_changed: bool,
    /// The election.
    pub election: Hex<ElectionId>,
    /// The block that the act is in.
    pub height: u64,
    /// When it opens or did; null if that is done by hand.
    pub opens_at: Option<u64>,
    /// When it closes or did; null if that is done by hand.
    pub closes_at: Option<u64>,
}

/// What commands of an election's organiser print with --json if the election has several, and more
/// of them must sign: the act was proposed, and waits.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Proposed {
    /// Always: what is not done is an error.
    pub proposed: bool,
    /// The election.
    pub election: Hex<ElectionId>,
    /// The block that the proposal is in.
    pub height: u64,
    /// The transaction that has proposed it, which it is approved by.
    pub proposal: Hex<TransactionId>,
    /// How many approvals it lacks.
    pub lacking: usize,
    /// When it lapses.
    pub lapses_at: u64,
}

/// What `vote-cli election approve --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ActsApproved {
    /// The election.
    pub election: Hex<ElectionId>,
    /// Each act that was approved, in order.
    pub approved: Vec<ActApproved>,
}

/// An act that was approved.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ActApproved {
    /// The transaction that has proposed it.
    pub proposal: Hex<TransactionId>,
    /// The block that the approval is in.
    pub height: u64,
    /// What it does, in a few words.
    pub what: String,
    /// Whether it was done with this approval.
    pub done: bool,
    /// How many approvals it still lacks.
    pub lacking: usize,
}

/// What `vote-cli election proposed --json` prints: an act that waits, with all that it would do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProposedAct {
    /// The election.
    pub election: Hex<ElectionId>,
    /// The transaction that has proposed it.
    pub proposal: Hex<TransactionId>,
    /// What it would do, in a few words.
    pub what: String,
    /// Keys that it would take off the roll.
    pub remove: Vec<Hex<PublicKey>>,
    /// Voters whom it would put on the roll.
    pub add: Vec<RollVoter>,
}

/// A voter of a roll.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RollVoter {
    /// The voter's key.
    pub key: Hex<PublicKey>,
    /// How many votes the voter has.
    #[schemars(range(min = 1))]
    pub votes: u32,
}

/// What `vote-cli election withdraw --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Withdrawn {
    /// Always: what is not done is an error.
    pub withdrawn: bool,
    /// The election.
    pub election: Hex<ElectionId>,
    /// The block that it is in.
    pub height: u64,
    /// What waits no more, by the transaction that has proposed it.
    pub proposal: Hex<TransactionId>,
}

/// What `vote-cli election replace-organiser --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OrganiserReplaced {
    /// Always: what is not done is an error.
    pub replaced: bool,
    /// The election.
    pub election: Hex<ElectionId>,
    /// The block that it is in.
    pub height: u64,
    /// The key that organises no more.
    pub old: Hex<PublicKey>,
    /// The one in its place.
    pub new: Hex<PublicKey>,
}

/// What `vote-cli organiser admit --json` and `remove --json` print, and `protocol move --json` and
/// `drop --json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Approved {
    /// The block that the approval is in; null if the change was made already.
    pub height: Option<u64>,
    /// Whether the change was made already, by the approvals of others.
    pub already: bool,
    /// How many have approved it so far; null if it is made.
    pub approvals: Option<usize>,
}

/// What `vote-cli validator admit --json` and `remove --json` print.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ValidatorApproved {
    /// How the change stands.
    #[serde(flatten)]
    pub approved: Approved,
    /// The block from which on it is in force; null while too few have approved it, or if it was
    /// made already.
    pub in_force_at: Option<u64>,
    /// How many validators there are, with all changes that are made.
    pub validators: usize,
    /// How many of them may fail or lie.
    pub faults_tolerated: usize,
}

/// What `vote-cli credential --json` and `vote-cli organiser key --json` print.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Credential {
    /// The public key.
    pub key: Hex<PublicKey>,
    /// The file of its private half.
    pub file: String,
}

/// What `vote-cli count --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Count {
    /// How it was counted.
    #[schemars(extend("enum" = Rule::ALL.map(Rule::name)))]
    pub rule: &'static str,
    /// How many ballots the file has.
    pub ballots: u64,
    /// Of the ballots, those that name nobody.
    pub blank: u64,
    /// Who is elected.
    pub winners: Vec<String>,
    /// How many seats each of those has, in the same order; where candidates are lists, else left
    /// out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub winner_seats: Vec<usize>,
    /// What was assumed or left out.
    pub notes: Vec<String>,
    /// How irv was counted.
    #[serde(flatten)]
    pub irv: Option<IrvTerms>,
    /// How the result came about.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How irv was counted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IrvTerms {
    /// What was done with a ballot that gives one rank to several candidates.
    #[schemars(extend("enum" = Overvotes::ALL.map(Overvotes::name)))]
    pub overvotes: &'static str,
    /// What was done with a ballot that leaves out a rank.
    #[schemars(extend("enum" = SkippedRanks::ALL.map(SkippedRanks::name)))]
    pub skipped_ranks: &'static str,
}

/// What `vote-cli export --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Exported {
    /// The file.
    pub file: String,
    /// How long it is.
    pub bytes: usize,
    /// The election.
    pub election: Hex<ElectionId>,
    /// The chain.
    pub chain: Hex<ChainId>,
    /// How many have voted.
    pub ballots: u64,
    /// The last block that the file goes by.
    pub height: u64,
    /// Of a file of ballots; an archive leaves nothing out.
    #[serde(flatten)]
    pub extent: Option<Extent>,
}

/// What a file of ballots has, and what it has no place for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Extent {
    /// Votes of the ballots in the file.
    pub votes_written: u64,
    /// Votes of those that are not.
    pub left_out: LeftOut,
    /// What is read otherwise than it is on the ledger, in words.
    pub changed: Vec<String>,
}

/// Votes that a file has no place for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LeftOut {
    /// Of those who abstained.
    pub abstentions: u64,
    /// Of those who chose nobody.
    pub empty: u64,
}

/// What `vote-cli gui --json` prints once the page can be opened.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Gui {
    /// Where to open it; with its token, if it is for this machine.
    pub url: String,
    /// Where the server listens.
    pub listen: String,
    /// SHA-256 of the page's files.
    pub bundle: String,
}

/// What `vote-cli attack list --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Attacks {
    /// All of them.
    pub attacks: Vec<Attack>,
}

/// An attack that a node can stage.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Attack {
    /// Its name.
    #[schemars(extend("enum" = api::Attack::ALL.map(api::Attack::name)))]
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
}

impl Attacks {
    /// All attacks.
    pub fn all() -> Self {
        let one = |attack: api::Attack| Attack {
            name: attack.name(),
            description: attack.description(),
        };
        Self {
            attacks: api::Attack::ALL.map(one).into(),
        }
    }
}

/// What `vote-cli attack run --json` prints; for each attack a line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AttackReport {
    /// The attack's name.
    #[schemars(extend("enum" = api::Attack::ALL.map(api::Attack::name)))]
    pub attack: &'static str,
    /// The height that the forged block was for.
    pub height: u64,
    /// What each peer made of it.
    pub verdicts: Vec<Verdict>,
}

/// What a peer made of a forged block.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Verdict {
    /// What the peer calls itself.
    pub name: String,
    /// Its id in the network.
    pub peer: String,
    /// In a word.
    #[schemars(extend("enum" = [api::Verdict::Accepted, api::Verdict::Refused, api::Verdict::Silent].map(words::verdict)))]
    pub verdict: &'static str,
    /// Why it was refused.
    pub reason: String,
}

impl AttackReport {
    /// Of the node's own words.
    pub fn of(report: &api::AttackReport) -> Self {
        let one = |row: &api::PeerVerdict| Verdict {
            name: row.name.clone(),
            peer: row.peer.clone(),
            verdict: words::verdict(row.verdict),
            reason: row.reason.clone(),
        };
        Self {
            attack: report.attack.name(),
            height: report.height.get(),
            verdicts: report.verdicts.iter().map(one).collect(),
        }
    }
}

/// What the page's API says of the node and of itself.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Info {
    /// Of the page's server.
    pub version: &'static str,
    /// SHA-256 of the page's files.
    pub bundle: String,
    /// The node's chain.
    pub chain: Hex<ChainId>,
    /// What the chain's founder called it.
    pub chain_name: String,
    /// Whether the page is open to all.
    pub public: bool,
    /// What the node calls itself.
    pub node: String,
    /// Who may create elections; null if anyone may.
    pub organisers: Option<Vec<Hex<PublicKey>>>,
    /// Whether the server passes elections, and acts of organisers, on.
    pub takes_elections: bool,
    /// Whether attacks can be staged from this page.
    pub allow_attacks: bool,
    /// All that there are.
    #[serde(flatten)]
    pub attacks: Attacks,
}

/// What the page's API says of a transaction that was submitted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Submitted {
    /// The transaction.
    pub id: Hex<TransactionId>,
    /// Whether it is final; if not, to ask again does no harm.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The block that it is in; left out while it is not final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
}

/// What the page's API says of a key in an election.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Voting {
    /// How many votes it has; null if it is not on the roll.
    pub votes: Option<u32>,
    /// Its ballot that counts, if it has cast one.
    pub ballot: Option<BallotCast>,
}

/// A ballot that counts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BallotCast {
    /// The ballot.
    pub transaction: Hex<TransactionId>,
    /// The block that it is in.
    pub height: u64,
    /// How many ballots it has replaced.
    pub counter: u32,
}

impl Voting {
    /// Of the node's own words.
    pub fn of(api::VoterView { weight, ballot }: &api::VoterView) -> Self {
        let ballot = ballot.as_ref().map(|ballot| BallotCast {
            transaction: ballot.transaction.into(),
            height: ballot.height.get(),
            counter: ballot.counter,
        });
        Self {
            votes: *weight,
            ballot,
        }
    }
}

/// What the page's API finds.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Findings {
    /// What fits, the most certain first.
    pub found: Vec<Found>,
}

/// Something that fits what was searched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// What it is.
    pub kind: FoundKind,
    /// Its id.
    #[schemars(with = "Hex<()>")]
    pub id: String,
    /// The block that it is in; of an election the last block.
    pub height: u64,
    /// An election's title; left out of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FoundKind {
    /// A ballot, by its tracker or the beginning of its id.
    Ballot,
    /// Another transaction, or a ballot in one of the last blocks.
    Transaction,
    /// A block.
    Block,
    /// An election.
    Election,
}

/// What the page's API says when it does not do what it is asked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PageFault {
    /// What kind of fault it is.
    pub code: &'static str,
    /// What happened, and why.
    pub reason: String,
}
