//! What apps and a node say to each other over the Unix socket (docs/protocol.md, "App protocol").
//!
//! An app sends [`Call`]s; the node answers each with one or more [`Reply`]s of the same id, the
//! last of them marked. A [`Reply`] with id 0 answers nothing: it is a notice to all apps.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use vote_chain::{
    Archive, ArchivedBlock, Block, CastRecord, Change, CommitCertificate, ElectionId,
    ElectionPhase, ElectionRecord, Genesis, Header, Height, InclusionProof, LogEntry, Move,
    OrganiserChange, Organisers, PublicKey, Receipt, SetChange, StateRoot, Tally, Timestamp,
    TransactionId, ValidatorChange, ValidatorSet, Version, VersionChange,
};

/// A request and the number that its answers will carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Chosen by the app, from 1; free again after the last answer.
    pub id: u32,
    /// The request.
    pub request: Request,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The call's id; 0 for a notice.
    pub id: u32,
    /// Whether no more answers follow.
    pub last: bool,
    /// The answer.
    pub answer: Answer,
}

/// What an app can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// [`Answer::Status`].
    Status,
    /// [`Answer::Members`].
    Members,
    /// [`Answer::Genesis`].
    Genesis,
    /// [`Answer::Validators`].
    Validators,
    /// A page of the elections that a query fits, the newest first: [`Answer::Elections`].
    Elections(ElectionQuery),
    /// [`Answer::Election`], or not found.
    Election(ElectionId),
    /// [`Answer::Election`] at once and again after blocks that change it, one for several if they
    /// follow each other fast, until it closes or the app hangs up.
    WatchElection(ElectionId),
    /// [`Answer::Block`], or not found.
    Block(BlockAt),
    /// What a credential may do in an election, and has done: [`Answer::Voter`].
    Voter(ElectionId, PublicKey),
    /// Signed transactions, at most [`SUBMIT_MAX`]: [`Answer::Submitted`] at once, then
    /// [`Answer::Final`] and [`Answer::Refused`] until each accepted one has had its answer.
    /// Submitting again is harmless.
    Submit(Vec<ByteBuf>),
    /// [`Answer::Receipt`], then [`Answer::SetChanges`] with the rest of its steps, as many as it
    /// takes; or not found while it is not final.
    Receipt(TransactionId),
    /// Has the node's validator key approve a change; answers as [`Request::Submit`].
    Approve(Change),
    /// Stages an attack, if the node allows it: [`Answer::Attack`].
    Attack(Attack),
    /// [`Answer::Evidence`].
    Evidence,
    /// An election's archive: [`Answer::ArchiveHead`], then [`Answer::SetChanges`] with the rest of
    /// its steps, as many as it takes, and [`Answer::ArchiveBlock`] for each of its blocks.
    Archive(ElectionId),
    /// What was done to an election: [`Answer::Log`], as many as it takes.
    Log(ElectionId),
    /// What has become of a ballot, by the first [`TRACE_BYTES_MIN`] to 32 bytes of its id:
    /// [`Answer::Trace`], or not found.
    Trace(ByteBuf),
    /// A final transaction as it was signed: [`Answer::Transaction`], or not found. An election's
    /// id is the id of the transaction that created it, so this gives an app the election's own
    /// bytes.
    Transaction(TransactionId),
    /// The steps from the validators of a height to those of another: [`Answer::SetChanges`], as
    /// many as it takes.
    SetChanges {
        /// A height whose validators are known; from 1 on.
        from: Height,
        /// A height whose validators are to be known; if there is none, the next.
        to: Option<Height>,
    },
    /// Who may create elections: [`Answer::Organisers`].
    Organisers,
    /// What the app is, before anything else: [`Answer::Greeting`]. In all versions of this
    /// protocol this request and its answer have the same numbers and the same bytes.
    Greet(Greeting),
    /// By which protocol version the chain goes, and will: [`Answer::Protocol`].
    Protocol,
}

/// The version of what apps and nodes say to each other. A program of another version is told so,
/// and asked no more.
pub const APP_PROTOCOL: u16 = 1;

/// What an app or a node says of itself first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Its [`APP_PROTOCOL`].
    pub speaks: u16,
    /// The program's version, for people.
    pub program: String,
}

impl Greeting {
    /// That of a program of this version.
    pub fn ours(program: &str) -> Self {
        Self {
            speaks: APP_PROTOCOL,
            program: program.to_owned(),
        }
    }
}

/// Which elections to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElectionQuery {
    /// Hexadecimal digits with which the id begins, at most 64; any id if empty.
    pub id: String,
    /// Words that the title has in it, in any case, at most [`QUERY_BYTES_MAX`]; any title if
    /// empty.
    pub title: String,
    /// The phases to list; all if empty.
    pub phases: Vec<ElectionPhase>,
    /// Goes on after this election, the last of the page before.
    pub after: Option<ElectionId>,
    /// At most so many, from 1 to [`ELECTIONS_PAGE_MAX`].
    pub limit: u16,
}

/// Elections on one page.
pub const ELECTIONS_PAGE_MAX: u16 = 100;
/// Words to look for in a title, in bytes.
pub const QUERY_BYTES_MAX: usize = 200;

/// So much of an id says which ballot is meant, in bytes.
pub const TRACE_BYTES_MIN: usize = 16;
/// Transactions in one [`Request::Submit`].
pub const SUBMIT_MAX: usize = 2000;
/// Choices of a contest in a count; what write-ins there are beyond is counted together.
pub const TALLY_LINES_MAX: usize = 1000;
/// A count in an [`ElectionView`], in bytes: with the election it fits a frame.
pub const TALLY_BYTES_MAX: usize = 1 << 20;

/// Names a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockAt {
    /// The last decided one.
    Latest,
    /// By height.
    Height(Height),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// How the node is doing.
    Status(Box<Status>),
    /// The node itself first, then the peers that it is connected to.
    Members(Vec<Member>),
    /// Where the chain began.
    Genesis(Box<Genesis>),
    /// The set that decides the next height, and changes that wait for approvals, with who
    /// approved.
    Validators {
        /// The set.
        set: ValidatorSet,
        /// The set that decides the height after, if it is another.
        after: Option<ValidatorSet>,
        /// Changes that wait.
        pending: Vec<(ValidatorChange, Vec<PublicKey>)>,
    },
    /// Elections, the newest first, with their turnout and without the counts of their contests.
    Elections {
        /// A page of them.
        elections: Vec<ElectionView>,
        /// Whether another page follows.
        more: bool,
    },
    /// One election.
    Election(Arc<ElectionView>),
    /// A decided block.
    Block {
        /// The block.
        block: Box<Block>,
        /// What makes it final.
        certificate: CommitCertificate,
    },
    /// A credential in an election.
    Voter {
        /// How many votes it has; none if it is not on the roll.
        weight: Option<u32>,
        /// Its ballot that counts, if it has cast one.
        ballot: Option<CastRecord>,
    },
    /// What became of each transaction, in order. *Accepted* promises nothing yet.
    Submitted(Vec<Result<TransactionId, Refusal>>),
    /// These are in a final block, on this node's disk. Header and certificate are said once for
    /// all.
    Final {
        /// The block's header.
        header: Box<Header>,
        /// What makes it final.
        certificate: CommitCertificate,
        /// Each transaction with its proof.
        proofs: Vec<(TransactionId, InclusionProof)>,
    },
    /// Accepted before, but it can no longer become final.
    Refused(TransactionId, Refusal),
    /// A receipt, with as many of its steps as fit; the others follow.
    Receipt(Box<Receipt>),
    /// What each peer made of an attack.
    Attack(AttackReport),
    /// Proofs that a validator signed two different things; the latest, if there are very many.
    Evidence(Vec<EvidenceView>),
    /// The request failed.
    Failed(Refusal),
    /// Notice: the node is leaving; submit what is not final to another.
    Leaving,
    /// An archive without its blocks and with as many of its steps as fit; the others follow.
    ArchiveHead(Box<Archive>),
    /// A block of an archive.
    ArchiveBlock(Box<ArchivedBlock>),
    /// Acts, in order; more may follow in another answer.
    Log(Vec<LogEntry>),
    /// What has become of a ballot.
    Trace(Box<Trace>),
    /// A final transaction.
    Transaction {
        /// Its canonical bytes; their hash is its id.
        bytes: ByteBuf,
        /// The block that it is in.
        height: Height,
        /// Its place in the block, from 0.
        index: u32,
    },
    /// Steps from one validator set to another, in order; more may follow in another answer.
    SetChanges(Vec<SetChange>),
    /// Who may create elections, and changes that wait for approvals, with who approved.
    Organisers {
        /// Who may.
        organisers: Organisers,
        /// Changes that wait.
        pending: Vec<(OrganiserChange, Vec<PublicKey>)>,
    },
    /// What the node is.
    Greeting(Greeting),
    /// By which protocol version the chain goes, and will.
    Protocol {
        /// By which it goes, and will.
        versions: ProtocolVersions,
        /// Changes that wait for approvals, with who approved.
        pending: Vec<(VersionChange, Vec<PublicKey>)>,
    },
}

/// By which protocol version a chain goes, and will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolVersions {
    /// That of the next height.
    pub now: Version,
    /// The move to another one that is still to come.
    pub planned: Option<Move>,
    /// The newest that the node's program has.
    pub newest: Version,
}

/// A final ballot, and whether it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Its transaction.
    pub transaction: TransactionId,
    /// The block that it is in.
    pub height: Height,
    /// The election.
    pub election: ElectionId,
    /// The phase that the election is in.
    pub phase: ElectionPhase,
    /// How many ballots of the same credential it replaced.
    pub counter: u32,
    /// The ballot of that credential that counts: this one, or one that has replaced it.
    pub counts: TransactionId,
    /// The last decided block.
    pub tip: Height,
}

/// Why something is refused, as a code for programs and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind.
    pub code: RefusalCode,
    /// The sentence.
    pub reason: String,
}

/// The kinds of refusal; `vote-cli` has an exit code for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalCode {
    /// The request itself is wrong.
    Invalid,
    /// No such thing, or it is not in a state to do this (not open, closed already, not final yet).
    WrongState,
    /// This key may not, or has already voted.
    NotEligible,
    /// The node cannot take it now: try again later.
    Busy,
    /// The node's own disk or ledger is at fault: its operator must look.
    Damaged,
}

/// How a node is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The node's name.
    pub node: String,
    /// The program's version.
    pub version: String,
    /// Its network identity.
    pub peer: String,
    /// Its validator key; it votes if the set has it.
    pub key: PublicKey,
    /// Where the chain's name and id come from.
    pub genesis: Box<Genesis>,
    /// The last decided block.
    pub height: Height,
    /// Its hash.
    pub hash: vote_chain::BlockHash,
    /// Its time.
    pub time: Timestamp,
    /// The state after it.
    pub state_root: StateRoot,
    /// Whether the node validates the next height.
    pub validator: bool,
    /// How many do.
    pub validators: u32,
    /// Peers connected.
    pub peers: u32,
    /// Of all validators' power, how much is connected (or this node's own), out of how much.
    pub power_connected: (u64, u64),
    /// Whether a tracker knows of this node now.
    pub tracker: bool,
    /// The round of the height that is being decided; above 0 means trouble.
    pub round: u32,
    /// Transactions that wait for a block.
    pub pending: u32,
    /// Where the node listens.
    pub listen: Vec<String>,
    /// Whether it stages attacks.
    pub allow_attacks: bool,
    /// Wire bytes sent and received since the start, if counted.
    pub wire_bytes: (u64, u64),
    /// Whether the node signs votes now.
    pub signing: Signing,
    /// The names of the validators that are not connected, this node left out.
    pub unreachable: Vec<String>,
    /// For how long the next height has been open without a decision, in milliseconds; none between
    /// heights.
    pub deciding_ms: Option<u64>,
    /// How far this node's clock is ahead of the middle one of the validators' clocks, in
    /// milliseconds; below 0 if it is behind; none while validators with more than two thirds of
    /// the power have not said their time.
    #[serde(with = "offset")]
    pub clock_ahead_ms: Option<i64>,
    /// Proofs of misbehaviour that the node keeps.
    pub evidence: u32,
    /// Why a tracker does not know of this node, and what to do about it.
    pub tracker_problem: Option<String>,
    /// By which protocol version the chain goes, and will.
    pub protocol: ProtocolVersions,
}

/// Whether a node signs votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signing {
    /// It is a follower: it has nothing to sign.
    Follower,
    /// It does.
    Signs,
    /// It is a validator and waits before it signs; why, in words.
    Waits(String),
}

/// A node of the network, as one of its peers sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What it calls itself.
    pub name: String,
    /// Its network identity.
    pub peer: String,
    /// Its validator key, once it has proven it.
    pub key: Option<PublicKey>,
    /// Its power if it validates.
    pub power: Option<u64>,
    /// Its last decided height, as far as is known.
    pub height: Option<Height>,
    /// Where it is reached.
    pub addresses: Vec<String>,
    /// Whether it is the node that answers.
    pub this: bool,
}

/// An election with its count so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElectionView {
    /// The election.
    pub record: ElectionRecord,
    /// Its phase at the last decided block.
    pub phase: ElectionPhase,
    /// Its count at the last decided block, at most [`TALLY_LINES_MAX`] lines for each contest and
    /// [`TALLY_BYTES_MAX`] bytes of it. A contest that is not complete takes longer to count than
    /// the node could spare so far.
    pub tally: Tally,
    /// That block.
    pub height: Height,
}

/// Attacks that a node can stage; every honest peer must refuse each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Attack {
    /// A block whose parent hash is wrong.
    ForgedParent,
    /// A block with two ballots of one credential.
    DoubleVote,
    /// A block with a ballot whose signature is not the credential's.
    BadSignature,
    /// A block of another chain.
    WrongChain,
    /// A block with a commit certificate that one node signed for all.
    ForgedCertificate,
    /// A block with a ballot that is final already.
    ReplayedBallot,
    /// A block with a ballot of a credential that is not on the roll.
    Stranger,
    /// A block with a ballot in an election that has not opened.
    EarlyBallot,
    /// A block with a ballot in an election that is over.
    LateBallot,
    /// A block with a ballot that answers a contest that the election does not have.
    WrongContest,
    /// A block with a ballot that names more than the contest offers.
    TooManyChoices,
    /// A block with a ballot that was signed for another chain.
    ForeignBallot,
    /// A block in which somebody gives themselves a thousand votes.
    ForgedWeight,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::ForgedParent,
        Self::DoubleVote,
        Self::BadSignature,
        Self::WrongChain,
        Self::ForgedCertificate,
        Self::ReplayedBallot,
        Self::Stranger,
        Self::EarlyBallot,
        Self::LateBallot,
        Self::WrongContest,
        Self::TooManyChoices,
        Self::ForeignBallot,
        Self::ForgedWeight,
    ];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ForgedParent => "forged-parent",
            Self::DoubleVote => "double-vote",
            Self::BadSignature => "bad-signature",
            Self::WrongChain => "wrong-chain",
            Self::ForgedCertificate => "forged-certificate",
            Self::ReplayedBallot => "replayed-ballot",
            Self::Stranger => "stranger",
            Self::EarlyBallot => "early-ballot",
            Self::LateBallot => "late-ballot",
            Self::WrongContest => "wrong-contest",
            Self::TooManyChoices => "too-many-choices",
            Self::ForeignBallot => "foreign-ballot",
            Self::ForgedWeight => "forged-weight",
        }
    }

    /// What it does, in a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Self::ForgedParent => "offers a block whose parent hash is wrong",
            Self::DoubleVote => "offers a block with two ballots of one credential",
            Self::BadSignature => {
                "offers a block with a ballot whose signature is not the credential's"
            }
            Self::WrongChain => "offers a block made for another chain",
            Self::ForgedCertificate => {
                "offers a block as final, with a certificate that only this node signed"
            }
            Self::ReplayedBallot => "offers a block with a ballot that is final already",
            Self::Stranger => {
                "offers a block with a ballot of a credential that is not on the roll"
            }
            Self::EarlyBallot => "offers a block with a ballot in an election that has not opened",
            Self::LateBallot => "offers a block with a ballot in an election that is over",
            Self::WrongContest => {
                "offers a block with a ballot that answers a contest that the election does not have"
            }
            Self::TooManyChoices => {
                "offers a block with a ballot that names more than the contest offers"
            }
            Self::ForeignBallot => "offers a block with a ballot that was signed for another chain",
            Self::ForgedWeight => {
                "offers a block in which a stranger gives itself a thousand votes"
            }
        }
    }
}

/// What came of an attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttackReport {
    /// The attack.
    pub attack: Attack,
    /// The height that the forged block claims.
    pub height: Height,
    /// One row for each peer that it was offered to.
    pub verdicts: Vec<PeerVerdict>,
}

/// One peer's answer to an attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerVerdict {
    /// Its name.
    pub name: String,
    /// Its network identity.
    pub peer: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// In its own words.
    pub reason: String,
}

/// What a peer makes of a block that it is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It would vote for it: the attack has succeeded.
    Accepted,
    /// It refuses.
    Refused,
    /// It gave no answer.
    Silent,
}

/// A proof that a validator signed two different things for one height and round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceView {
    /// The height at which it was seen.
    pub height: Height,
    /// Who.
    pub validator: PublicKey,
    /// What, in words.
    pub what: String,
}

/// Milliseconds of which some may be negative, for which the encoding has no numbers: whether it is
/// ahead, and by how much.
mod offset {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[allow(clippy::ref_option, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(
        ms: &Option<i64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        ms.map(|ms| (ms > 0, ms.unsigned_abs()))
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<i64>, D::Error> {
        let Some((ahead, ms)) = Option::<(bool, u64)>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let ms = i64::try_from(ms).map_err(D::Error::custom)?;
        if ahead && ms == 0 {
            return Err(D::Error::custom("a clock that is ahead by nothing"));
        }
        Ok(Some(if ahead { ms } else { -ms }))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use vote_chain::{decode, encode};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Clock(#[serde(with = "super::offset")] Option<i64>);

    #[test]
    fn clock_that_is_behind_is_told_without_negative_numbers() {
        for (ms, told) in [
            (None, None),
            (Some(0), Some((false, 0))),
            (Some(7), Some((true, 7))),
            (Some(-7), Some((false, 7))),
        ] {
            let bytes = encode(&Clock(ms));
            assert_eq!(bytes, encode::<Option<(bool, u64)>>(&told));
            assert_eq!(decode::<Clock>(&bytes).unwrap(), Clock(ms));
        }
        assert!(
            decode::<Clock>(&encode(&(true, 0u64))).is_err(),
            "one value has one encoding"
        );
    }
}
