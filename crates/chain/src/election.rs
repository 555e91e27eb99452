//! An election as its organiser wrote it: immutable once it is on the ledger, but for its times.

use serde::{Deserialize, Serialize};
use vote_counting::names::skeleton;
use vote_counting::{Rule, Seed};

use crate::committee::{COMMITTEE_MAX, Committee};
use crate::contest::{CHOICES_MAX, Contest};
use crate::encoding::encode;
use crate::hash::{ElectionId, Hash};
use crate::share::Share;
use crate::text::{InvalidText, check_description, check_label};
use crate::time::Timestamp;
use crate::verify::TRANSACTION_BYTES_MAX;

const DESCRIPTION_BYTES_MAX: usize = 4000;
const CONTESTS_MAX: usize = 20;
const REVOTES_MAX: u16 = 1000;
/// As encoded; what a transaction has beside it are chain, signer and signature.
const ELECTION_BYTES_MAX: usize = TRANSACTION_BYTES_MAX - 143;

/// Who may vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Voters {
    /// Any key; each has one vote.
    Anyone,
    /// Those on the roll; each has one vote.
    Roll,
    /// Those on the roll, with as many votes as it gives them.
    WeightedRoll,
}

/// When apps show how the count stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Results {
    /// As ballots come in.
    Live,
    /// Once the election has closed, and never if it is cancelled. A courtesy of apps: whoever has
    /// the ledger can count.
    AtClosing,
}

/// An election: contests that are put to the vote together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Election {
    /// Its name.
    pub title: String,
    /// More about it; may be empty.
    pub description: String,
    /// What is decided, in the order of the ballot.
    pub contests: Vec<Contest>,
    /// Who may vote.
    pub voters: Voters,
    /// Ballots are taken from the first block at or after this time, with a roll once somebody is
    /// on it. If none: with a roll, once its organiser opens it; else at once.
    pub opens_at: Option<Timestamp>,
    /// Ballots are taken in blocks before this time; until it is closed by hand if none.
    pub closes_at: Option<Timestamp>,
    /// The share of the roll that must vote, lest nothing is decided.
    pub quorum: Option<Share>,
    /// How often a voter can replace a ballot; the last one counts.
    pub revotes: u16,
    /// When apps show how the count stands.
    pub results: Results,
    /// Breaks ties that a rule leaves open; the election's id does if it is empty.
    pub tie_break: String,
    /// Any number, so that the same text can be put to the vote twice.
    pub salt: u64,
    /// Whether each ballot says its voter's name, which everybody can read for ever; else none
    /// says one.
    // Left out if it says nothing: elections from before there was this field keep their bytes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub names: bool,
    /// Who organises it, if that is not who created it alone.
    // Left out if there is none, as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committee: Option<Committee>,
}

/// Whether an election takes ballots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElectionPhase {
    /// It has not opened yet: its roll is being made.
    Draft,
    /// It takes ballots.
    Open,
    /// It is over, and its count is the result.
    Closed,
    /// Its organiser has called it off.
    Cancelled,
}

impl ElectionPhase {
    /// Whether nothing more can happen to it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled)
    }
}

impl std::fmt::Display for ElectionPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// A name on a ballot, or the lack of one, that its election does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// It would be on the ledger for ever, and nobody has asked for it.
    #[error(
        "this vote puts no names on the ledger, and the ballot has one: load the page again, or use a newer program, and cast it without"
    )]
    Given,
    /// Votes are cast by name.
    #[error("the election is by name, and the ballot has none: cast it with your name")]
    Missing,
}

/// What is wrong with an election's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidElection {
    /// The title cannot stand.
    #[error("the title {0}")]
    Title(#[source] InvalidText),
    /// The description cannot stand.
    #[error("the description {0}")]
    Description(#[source] InvalidText),
    /// The text that breaks ties cannot stand.
    #[error("the tie break {0}")]
    TieBreak(#[source] InvalidText),
    /// Nothing, or too much, to decide.
    #[error("{0} contests; 1 to {CONTESTS_MAX} can be put to the vote together")]
    Contests(usize),
    /// Nobody could tell them apart.
    #[error(
        "contest {0} has no title, or looks like another; with several contests each needs its own"
    )]
    Untitled(usize),
    /// A contest that cannot be.
    #[error("contest {number}: {fault}")]
    Contest {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        fault: Box<Self>,
    },
    /// A contest's title cannot stand.
    #[error("its title {0}")]
    ContestTitle(#[source] InvalidText),
    /// A choice cannot stand.
    #[error("choice {number} {fault}")]
    Choice {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        fault: InvalidText,
    },
    /// Nobody could tell them apart.
    #[error("choices {other} and {number} look the same: {name:?}")]
    Alike {
        /// The number of the one, from 1.
        other: usize,
        /// That of the later one.
        number: usize,
        /// How the later one is written.
        name: String,
    },
    /// Fewer than two choices are no choice, more than the limit no ballot.
    #[error("{0} choices; 2 to {CHOICES_MAX} can be listed")]
    Count(usize),
    /// It would never be open.
    #[error("it closes before it opens")]
    Times,
    /// Write-ins are counted by plurality only.
    #[error("choices that voters write in are counted by plurality, not by {}", .0.name())]
    WriteIns(Rule),
    /// Only instant runoff asks.
    #[error("overvotes can be told to exhaust or skip by irv only; {} says itself what becomes of equal ranks", .0.name())]
    Overvotes(Rule),
    /// For and against are two.
    #[error("{0} choices; yes-no has two: first what is put to the vote, then against it")]
    YesNo(usize),
    /// Nobody would win, or all, or more than the rule can fill.
    #[error("{seats} seats cannot be filled by {} from {choices} choices", .rule.name())]
    Seats {
        /// The seats.
        seats: u16,
        /// The choices.
        choices: usize,
        /// The rule.
        rule: Rule,
    },
    /// No ballot could fit, or they say what the rule says already.
    #[error("a ballot by {} cannot name {min} to {max} of its choices", .rule.name())]
    Bounds {
        /// The least.
        min: u16,
        /// The most.
        max: u16,
        /// The rule.
        rule: Rule,
    },
    /// A ballot that names as many as there are seats is not limited.
    #[error(
        "by limited a ballot names fewer choices than there are seats: at most {}, not {max}; approval \
         takes more",
        .seats - 1
    )]
    Limited {
        /// The seats.
        seats: u16,
        /// The most that a ballot names.
        max: u16,
    },
    /// Some rules decide by other means.
    #[error("no majority can be asked for by {}", .0.name())]
    Majority(Rule),
    /// Without one nothing would decide.
    #[error("yes-no needs a majority")]
    NoMajority,
    /// Not a part of something.
    #[error("a share is a part of a whole, in thousandths at the finest; nothing is more than all")]
    Share,
    /// A share of a roll that does not exist.
    #[error("a quorum, or a majority of the roll, needs a roll")]
    NoRoll,
    /// It fits no transaction.
    #[error(
        "it takes {0} bytes, and {ELECTION_BYTES_MAX} fit: shorten texts, or make several elections of it"
    )]
    TooLarge(usize),
    /// One organiser needs no committee, and more are too many.
    #[error("{0} organisers; 2 to {COMMITTEE_MAX} can organise an election together")]
    Organisers(usize),
    /// So that each is named once.
    #[error("its organisers do not stand in the order of their keys, each once")]
    OrganisersOrder,
    /// Nothing could be done, or everything by nobody.
    #[error("{needed} of its {organisers} organisers cannot be asked for; 1 to {organisers} can")]
    Needed {
        /// How many would have to sign.
        needed: u8,
        /// How many there are.
        organisers: usize,
    },
    /// Beyond reason.
    #[error("{0} replacements of a ballot; {REVOTES_MAX} can be allowed")]
    Revotes(u16),
}

impl Election {
    /// An election of one contest, open to any key at once, with nothing out of the ordinary.
    pub const fn simple(title: String, contests: Vec<Contest>, salt: u64) -> Self {
        Self {
            title,
            description: String::new(),
            contests,
            voters: Voters::Anyone,
            opens_at: None,
            closes_at: None,
            quorum: None,
            revotes: 0,
            results: Results::Live,
            tie_break: String::new(),
            salt,
            names: false,
            committee: None,
        }
    }

    /// Checks that a ballot says a name if the election takes names, and none if not.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub const fn check_name(&self, name: &str) -> Result<(), InvalidName> {
        match (self.names, name.is_empty()) {
            (false, false) => Err(InvalidName::Given),
            (true, true) => Err(InvalidName::Missing),
            _ => Ok(()),
        }
    }

    /// Whether only those on a roll may vote.
    pub fn has_roll(&self) -> bool {
        self.voters != Voters::Anyone
    }

    /// Whether apps show nothing of the count in this phase: no sums, no leaders, and no ballots.
    /// One that is cancelled never closes.
    pub fn withholds_count(&self, phase: ElectionPhase) -> bool {
        match self.results {
            Results::Live => false,
            Results::AtClosing => phase != ElectionPhase::Closed,
        }
    }

    /// What breaks ties in the contest at that place.
    pub(crate) fn seed(&self, id: &ElectionId, contest: u16) -> Seed {
        let content = match self.tie_break.as_str() {
            "" => encode(&(id, contest)),
            text => encode(&(text, contest)),
        };
        Seed(*Hash::of("tie break", &content).as_bytes())
    }

    /// Checks what can be said without knowing the ledger of one that was read from a transaction,
    /// and so fits it.
    ///
    /// # Errors
    /// [`InvalidElection`] names the first of [`Election::faults`].
    pub fn check(&self) -> Result<(), InvalidElection> {
        self.text_faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// All that is wrong with it, as far as can be said without knowing the ledger.
    pub fn faults(&self) -> Vec<InvalidElection> {
        let mut faults = self.text_faults();
        let bytes = encode(self).len();
        if bytes > ELECTION_BYTES_MAX {
            faults.push(InvalidElection::TooLarge(bytes));
        }
        faults
    }

    fn text_faults(&self) -> Vec<InvalidElection> {
        let mut faults = Vec::new();
        faults.extend(
            check_label(&self.title)
                .map_err(InvalidElection::Title)
                .err(),
        );
        let description = check_description(&self.description, DESCRIPTION_BYTES_MAX);
        faults.extend(description.map_err(InvalidElection::Description).err());
        if !self.tie_break.is_empty() {
            faults.extend(
                check_label(&self.tie_break)
                    .map_err(InvalidElection::TieBreak)
                    .err(),
            );
        }
        faults.extend(self.contest_faults());
        if self
            .closes_at
            .is_some_and(|closes| self.opens_at.is_some_and(|opens| closes <= opens))
        {
            faults.push(InvalidElection::Times);
        }
        match self.quorum {
            Some(share) if !share.is_sane() => faults.push(InvalidElection::Share),
            Some(_) if !self.has_roll() => faults.push(InvalidElection::NoRoll),
            _ => {}
        }
        if self.revotes > REVOTES_MAX {
            faults.push(InvalidElection::Revotes(self.revotes));
        }
        faults.extend(self.committee.iter().flat_map(committee_faults));
        faults
    }

    fn contest_faults(&self) -> Vec<InvalidElection> {
        let count = self.contests.len();
        if !(1..=CONTESTS_MAX).contains(&count) {
            return vec![InvalidElection::Contests(count)];
        }
        let mut faults = Vec::new();
        for (at, contest) in self.contests.iter().enumerate() {
            let number = at + 1;
            let looks = skeleton(&contest.title);
            let is_taken = || {
                self.contests[..at]
                    .iter()
                    .any(|other| skeleton(&other.title) == looks)
            };
            if count > 1 && (looks.is_empty() || is_taken()) {
                faults.push(InvalidElection::Untitled(number));
            }
            let named = |fault| match count {
                1 => fault,
                _ => InvalidElection::Contest {
                    number,
                    fault: Box::new(fault),
                },
            };
            faults.extend(contest.faults(self.has_roll()).into_iter().map(named));
        }
        faults
    }
}

fn committee_faults(committee: &Committee) -> Vec<InvalidElection> {
    let Committee { organisers, needed } = committee;
    let (count, needed) = (organisers.len(), *needed);
    let mut faults = Vec::new();
    if !(2..=COMMITTEE_MAX).contains(&count) {
        faults.push(InvalidElection::Organisers(count));
    }
    if !organisers.is_sorted_by(|a, b| a < b) {
        faults.push(InvalidElection::OrganisersOrder);
    }
    if !(1..=count).contains(&usize::from(needed)) {
        faults.push(InvalidElection::Needed {
            needed,
            organisers: count,
        });
    }
    faults
}
