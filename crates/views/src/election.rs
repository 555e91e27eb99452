//! An election: its rules, its times, its roll, and what its organiser has done.

use schemars::JsonSchema;
use serde::Serialize;
use vote_api::{CheckedElection, ElectionView};
use vote_chain::{
    Base, ChainId, Choices, ElectionId, ElectionPhase, ElectionRecord, Hash, Logged, Overvotes,
    PublicKey, Rule, Timestamp, TransactionId,
};

use crate::result::ElectionResult;
use crate::shape::Hex;
use crate::words;

/// Where an election stands.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It can be changed, and nobody votes.
    Draft,
    /// Ballots are cast.
    Open,
    /// It is over.
    Closed,
    /// Its organiser has called it off.
    Cancelled,
}

impl From<ElectionPhase> for Phase {
    fn from(phase: ElectionPhase) -> Self {
        match phase {
            ElectionPhase::Draft => Self::Draft,
            ElectionPhase::Open => Self::Open,
            ElectionPhase::Closed => Self::Closed,
            ElectionPhase::Cancelled => Self::Cancelled,
        }
    }
}

/// What `vote-cli election list --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Elections {
    /// The newest first.
    pub elections: Vec<Summary>,
    /// Whether there are more.
    pub more: bool,
}

/// An election in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// The election.
    pub election: Hex<ElectionId>,
    /// Its title.
    pub title: String,
    /// Its phase.
    pub phase: Phase,
    /// When it was created.
    pub created_at: u64,
    /// When it opens or did; null if that is done by hand.
    pub opens_at: Option<u64>,
    /// When it closes or did; null if that is done by hand.
    pub closes_at: Option<u64>,
    /// When it was cancelled.
    pub cancelled_at: Option<u64>,
    /// How many have voted.
    pub ballots: u64,
    /// How many are on the roll; null if there is none.
    pub voters: Option<u64>,
    /// How many contests it has.
    pub contests: usize,
}

impl Elections {
    /// Of the node's own words.
    pub fn of(views: &[ElectionView], more: bool) -> Self {
        Self {
            elections: views.iter().map(Summary::of).collect(),
            more,
        }
    }
}

impl Summary {
    fn of(view: &ElectionView) -> Self {
        let record = &view.record;
        Self {
            election: record.id.into(),
            title: record.election.title.clone(),
            phase: view.phase.into(),
            created_at: record.created_at.ms(),
            opens_at: record.opens_at.map(Timestamp::ms),
            closes_at: record.closes_at.map(Timestamp::ms),
            cancelled_at: record.cancelled_at.map(Timestamp::ms),
            ballots: view.tally.turnout.ballots,
            voters: record.election.has_roll().then_some(record.roll.voters),
            contests: record.election.contests.len(),
        }
    }
}

/// What `vote-cli election show --json` prints, in every phase. Times are milliseconds since 1970.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Election {
    /// The election.
    pub election: Hex<ElectionId>,
    /// Its title.
    pub title: String,
    /// More about it.
    pub description: String,
    /// Who created it.
    pub organiser: Hex<PublicKey>,
    /// Who organises it, if several do; null if that is who created it.
    pub committee: Option<Committee>,
    /// Its phase.
    pub phase: Phase,
    /// When it was created.
    pub created_at: u64,
    /// When it opens or did; null if that is done by hand.
    pub opens_at: Option<u64>,
    /// When it closes or did; null if that is done by hand.
    pub closes_at: Option<u64>,
    /// When it was cancelled.
    pub cancelled_at: Option<u64>,
    /// Who may vote.
    pub voters: Voters,
    /// How often a ballot can be replaced.
    pub revotes: u16,
    /// When apps show the count.
    pub results: Results,
    /// Whether each ballot has its voter's name on it.
    pub names: bool,
    /// What lots are drawn from; empty: the election's id.
    pub tie_break: String,
    /// How many of the roll must vote.
    pub quorum: Option<Share>,
    /// In the order of the ballot.
    #[schemars(length(min = 1, max = 20))]
    pub contests: Vec<Contest>,
    /// Its roll, in numbers.
    pub roll: Roll,
    /// The tree of its ballots.
    pub board: Size,
    /// The tree of its organiser's acts.
    pub log: Size,
    /// How the count stands.
    pub result: ElectionResult,
    /// The chain that it is on.
    pub chain: Hex<ChainId>,
}

/// The organisers of an election that has several.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Committee {
    /// Their keys, as they are now.
    #[schemars(length(min = 2, max = 16))]
    pub organisers: Vec<Hex<PublicKey>>,
    /// How many of them must sign what is done.
    #[schemars(range(min = 1, max = 16))]
    pub needed: u8,
    /// Acts that wait for approvals, in the order in which they were proposed. One whose `lapses_at`
    /// is past waits no more.
    pub waiting: Vec<Waiting>,
}

/// An act that waits for approvals.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Waiting {
    /// The transaction that has proposed it, which it is named by.
    pub proposal: Hex<TransactionId>,
    /// What kind of act.
    #[schemars(extend("enum" = Act::ALL.map(Act::name)))]
    pub act: &'static str,
    /// What it would do, in a few words.
    pub what: String,
    /// Who has approved it; first who has proposed it.
    pub approvals: Vec<Hex<PublicKey>>,
    /// How many approvals it lacks.
    pub lacking: usize,
    /// When it lapses.
    pub lapses_at: u64,
}

/// Who may vote.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Voters {
    /// Any key, once.
    Anyone,
    /// Who is on the roll, one vote each.
    Roll,
    /// Who is on the roll, with as many votes as it says.
    #[serde(rename = "weighted roll")]
    WeightedRoll,
}

/// When apps show the count.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Results {
    /// At any time.
    Live,
    /// Once it has closed.
    #[serde(rename = "at closing")]
    AtClosing,
}

/// A share of votes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Share {
    /// From 1 to the denominator.
    #[schemars(range(min = 1, max = 1000))]
    pub numerator: u16,
    /// From 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub denominator: u16,
    /// More than that share; otherwise at least it.
    pub more: bool,
}

/// What is decided.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Contest {
    /// Its title.
    pub title: String,
    /// In the order of the ballot; null if voters write what they choose.
    #[schemars(length(min = 2, max = 500))]
    pub choices: Option<Vec<String>>,
    /// How it is counted.
    #[schemars(extend("enum" = Rule::ALL.map(Rule::name)))]
    pub rule: &'static str,
    /// How many are elected.
    #[schemars(range(min = 1))]
    pub seats: u16,
    /// How many choices a ballot must name.
    pub min: u16,
    /// How many choices a ballot may name.
    pub max: u16,
    /// Whether voters can abstain.
    pub abstention: bool,
    /// What who leads must have.
    pub majority: Option<Majority>,
    /// Whether apps show the choices to each voter in another order.
    pub shuffle: bool,
    /// What irv does with a ballot that gives one rank to several choices.
    #[schemars(extend("enum" = Overvotes::ALL.map(Overvotes::name)))]
    pub overvotes: &'static str,
}

/// A share that who leads must have.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Majority {
    /// How much.
    #[serde(flatten)]
    pub share: Share,
    /// Of what.
    pub base: MajorityOf,
}

/// What a majority is taken of.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MajorityOf {
    /// The votes that were cast.
    Votes,
    /// The votes of all on the roll.
    Roll,
}

/// A roll in numbers; all zero if any key may vote.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Roll {
    /// Voters on it now.
    pub voters: u64,
    /// Their votes.
    pub votes: u64,
    /// How many were added before the opening.
    pub size: u64,
    /// Root of the tree of those.
    pub root: Hex<Hash>,
}

/// A Merkle tree.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Size {
    /// Its leaves.
    pub size: u64,
    /// Its root.
    pub root: Hex<Hash>,
}

impl Election {
    /// All of an election.
    pub fn of(view: &CheckedElection, chain: ChainId) -> Self {
        let (record, election) = (&view.record, &view.record.election);
        Self {
            election: record.id.into(),
            title: election.title.clone(),
            description: election.description.clone(),
            organiser: record.organiser.into(),
            committee: Committee::of(view),
            phase: view.phase.into(),
            created_at: record.created_at.ms(),
            opens_at: record.opens_at.map(Timestamp::ms),
            closes_at: record.closes_at.map(Timestamp::ms),
            cancelled_at: record.cancelled_at.map(Timestamp::ms),
            voters: match election.voters {
                vote_chain::Voters::Anyone => Voters::Anyone,
                vote_chain::Voters::Roll => Voters::Roll,
                vote_chain::Voters::WeightedRoll => Voters::WeightedRoll,
            },
            revotes: election.revotes,
            results: match election.results {
                vote_chain::Results::Live => Results::Live,
                vote_chain::Results::AtClosing => Results::AtClosing,
            },
            names: election.names,
            tie_break: election.tie_break.clone(),
            quorum: election.quorum.map(Share::of),
            contests: election.contests.iter().map(Contest::of).collect(),
            roll: Roll::of(record),
            board: Size {
                size: record.board.size(),
                root: record.board.root().into(),
            },
            log: Size {
                size: record.log.size(),
                root: record.log.root().into(),
            },
            result: ElectionResult::of(view),
            chain: chain.into(),
        }
    }
}

impl Committee {
    fn of(view: &CheckedElection) -> Option<Self> {
        let committee = view.record.committee.as_ref()?;
        let keys = |keys: &[PublicKey]| keys.iter().map(|key| (*key).into()).collect();
        let one = |waiting: &vote_api::Waiting| Waiting {
            proposal: waiting.proposal.transaction.into(),
            act: Act::of(&waiting.does).name(),
            what: words::would(&waiting.does),
            approvals: keys(&waiting.proposal.approvals),
            lacking: committee.lacking(&waiting.proposal),
            lapses_at: waiting.proposal.lapses_at.ms(),
        };
        Some(Self {
            organisers: keys(&committee.organisers),
            needed: committee.needed,
            waiting: view.waiting().iter().map(one).collect(),
        })
    }
}

impl Share {
    fn of(
        vote_chain::Share {
            numerator,
            denominator,
            more,
        }: vote_chain::Share,
    ) -> Self {
        Self {
            numerator,
            denominator,
            more,
        }
    }
}

impl Contest {
    fn of(contest: &vote_chain::Contest) -> Self {
        let majority = |majority: vote_chain::Majority| Majority {
            share: Share::of(majority.share),
            base: match majority.base {
                Base::Votes => MajorityOf::Votes,
                Base::Roll => MajorityOf::Roll,
            },
        };
        Self {
            title: contest.title.clone(),
            choices: match &contest.choices {
                Choices::Listed(choices) => Some(choices.clone()),
                Choices::WriteIn => None,
            },
            rule: contest.rule.name(),
            seats: contest.seats,
            min: contest.choices_min,
            max: contest.choices_max,
            abstention: contest.abstention,
            majority: contest.majority.map(majority),
            shuffle: contest.shuffle,
            overvotes: contest.overvotes.name(),
        }
    }
}

impl Roll {
    /// A roll in numbers.
    pub fn of(record: &ElectionRecord) -> Self {
        let roll = &record.roll;
        Self {
            voters: roll.voters,
            votes: roll.weight,
            size: roll.tree.size(),
            root: roll.tree.root().into(),
        }
    }
}

/// What `vote-cli election log --json` prints: what the organiser has done to an election.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ElectionLog {
    /// The election.
    pub election: Hex<ElectionId>,
    /// When it was created.
    pub created_at: u64,
    /// Who created it.
    pub organiser: Hex<PublicKey>,
    /// Its phase.
    pub phase: Phase,
    /// Every act, in order.
    pub log: Vec<LogEntry>,
    /// Root of the tree of these acts.
    pub root: Hex<Hash>,
}

/// An act of the organiser.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogEntry {
    /// The block that it is in.
    pub height: u64,
    /// Of that block.
    pub time: u64,
    /// The act's transaction.
    pub transaction: Hex<TransactionId>,
    /// What kind of act.
    #[schemars(extend("enum" = Act::ALL.map(Act::name)))]
    pub act: &'static str,
    /// What it did, in a sentence.
    pub what: String,
    /// Who has signed it; null where one organises.
    pub by: Option<Hex<PublicKey>>,
    /// The act that was approved or withdrawn, by the transaction that proposed it.
    pub proposal: Option<Hex<TransactionId>>,
    /// What kind of act was proposed; null of anything else.
    #[schemars(extend("enum" = Act::names_or_none()))]
    pub proposes: Option<&'static str>,
    /// Of an approval: whether the act was done with it. Null of anything else.
    pub done: Option<bool>,
}

/// A kind of act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It was opened by hand.
    Open,
    /// It was closed by hand.
    Close,
    /// Voters were put on the roll of a draft.
    AddVoters,
    /// The roll was changed later.
    ChangeRoll,
    /// Other times were set.
    ChangeTimes,
    /// It was called off.
    Cancel,
    /// One of several organisers has proposed an act, which waits for others.
    Propose,
    /// Another one has approved it.
    Approve,
    /// Who proposed it has taken it back.
    Withdraw,
    /// An organiser has another key.
    ReplaceOrganiser,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Close,
        Self::AddVoters,
        Self::ChangeRoll,
        Self::ChangeTimes,
        Self::Cancel,
        Self::Propose,
        Self::Approve,
        Self::Withdraw,
        Self::ReplaceOrganiser,
    ];

    /// The kind of an act.
    pub const fn of(act: &Logged) -> Self {
        match act {
            Logged::Opened => Self::Open,
            Logged::Closed => Self::Close,
            Logged::VotersAdded { .. } => Self::AddVoters,
            Logged::RollChanged { .. } => Self::ChangeRoll,
            Logged::TimesChanged { .. } => Self::ChangeTimes,
            Logged::Cancelled(_) => Self::Cancel,
            Logged::Proposed(_) => Self::Propose,
            Logged::Approved { .. } => Self::Approve,
            Logged::Withdrawn(_) => Self::Withdraw,
            Logged::OrganiserReplaced { .. } => Self::ReplaceOrganiser,
        }
    }

    /// The names of all of them, and none.
    fn names_or_none() -> Vec<Option<&'static str>> {
        let names = Self::ALL.into_iter().map(|kind| Some(kind.name()));
        names.chain([None]).collect()
    }

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::AddVoters => "add-voters",
            Self::ChangeRoll => "change-roll",
            Self::ChangeTimes => "change-times",
            Self::Cancel => "cancel",
            Self::Propose => "propose",
            Self::Approve => "approve-act",
            Self::Withdraw => "withdraw",
            Self::ReplaceOrganiser => "replace-organiser",
        }
    }
}

impl ElectionLog {
    /// Of an election and its log.
    pub fn of(view: &ElectionView, entries: &[vote_chain::LogEntry]) -> Self {
        let record = &view.record;
        let words = words::LogWords::of(entries);
        let one = |entry: &vote_chain::LogEntry| {
            let (proposal, done) = match entry.act {
                Logged::Approved { proposal, done } => (Some(proposal.into()), Some(done)),
                Logged::Withdrawn(proposal) => (Some(proposal.into()), None),
                _ => (None, None),
            };
            LogEntry {
                height: entry.height.get(),
                time: entry.time.ms(),
                transaction: entry.transaction.into(),
                act: Act::of(&entry.act).name(),
                what: words.what(entry),
                by: entry.by.map(Into::into),
                proposal,
                proposes: match &entry.act {
                    Logged::Proposed(does) => Some(Act::of(does).name()),
                    _ => None,
                },
                done,
            }
        };
        Self {
            election: record.id.into(),
            created_at: record.created_at.ms(),
            organiser: record.organiser.into(),
            phase: view.phase.into(),
            log: entries.iter().map(one).collect(),
            root: record.log.root().into(),
        }
    }
}
