//! What happens on the ledger, in words.

use std::collections::BTreeMap;

use vote_api::Verdict;
use vote_chain::{
    Action, Change, LogEntry, Logged, Move, OrganiserChange, Payload, Stake, TieBreak, Timestamp,
    Transaction, TransactionId, ValidatorChange, VersionChange, Voter,
};

use crate::election::Act;

/// A change of the validators, in words.
pub fn change(change: &ValidatorChange) -> String {
    match change {
        ValidatorChange::Admit(validator) => {
            format!(
                "admit {} ({:.16}, power {})",
                validator.name, validator.key, validator.power
            )
        }
        ValidatorChange::Remove(key) => format!("remove {key:.16}"),
    }
}

/// A change of the organisers, in words.
pub fn organiser_change(change: &OrganiserChange) -> String {
    match change {
        OrganiserChange::Admit(key) => format!("admit {key}"),
        OrganiserChange::Remove(key) => format!("remove {key}"),
    }
}

/// A change of the protocol version, in words.
pub fn version_change(change: &VersionChange) -> String {
    match change {
        VersionChange::Plan(Move { to, from }) => {
            format!("move to protocol version {to} from block {from} on")
        }
        VersionChange::Drop => "drop the planned move to another protocol version".to_owned(),
    }
}

/// What a transaction does: its kind, and in a few words.
pub fn describe(transaction: &Transaction) -> (&'static str, String) {
    match &transaction.content.payload {
        Payload::CreateElection(election) => ("create election", election.title.clone()),
        Payload::CastBallot(ballot) => {
            let name = if ballot.name.is_empty() {
                "(no name)"
            } else {
                &ballot.name
            };
            ("ballot", format!("in {:.16} by {name}", ballot.election))
        }
        Payload::Organise(organise) => {
            let done = Logged::from(&organise.act);
            (
                Act::of(&done).name(),
                format!("in {:.16}: {}", organise.election, would(&done)),
            )
        }
        Payload::ApproveAct { election, proposal } => (
            Act::Approve.name(),
            format!("in {election:.16}: the act {proposal:.16}"),
        ),
        Payload::ApproveChange { change, .. } => (
            "approve",
            match change {
                Change::Validators(ValidatorChange::Admit(validator)) => {
                    format!("admit {}", validator.name)
                }
                Change::Validators(ValidatorChange::Remove(key)) => format!("remove {key:.16}"),
                Change::Organisers(change) => format!("organiser: {}", organiser_change(change)),
                Change::Version(change) => version_change(change),
            },
        ),
    }
}

/// What was done in a round, in words.
pub fn action(action: &Action, names: &[String]) -> String {
    match action {
        Action::Elect(places) => format!("elected: {}", in_order(places, names)),
        Action::Transfer(place) => format!("the surplus of {} is transferred", names[*place]),
        Action::Exclude(place) => format!("{} is excluded", names[*place]),
        Action::Advance(places) => format!("in the runoff: {}", listed(places, names)),
    }
}

/// Who is elected, in words; with how many seats, if there is a number for each.
pub fn elected(names: &[String], seats: &[u64]) -> Vec<String> {
    let with_seats = |(at, name): (usize, &String)| match seats.get(at) {
        Some(seats) => format!("{name} ({seats})"),
        None => name.clone(),
    };
    names.iter().enumerate().map(with_seats).collect()
}

/// A tie in words: who was tied for what, how it was broken, and who is out or in.
pub fn tie(tie: &TieBreak, names: &[String]) -> String {
    let round = tie.round + 1;
    let picked = &names[tie.picked];
    let others: Vec<usize> = tie
        .candidates
        .iter()
        .copied()
        .filter(|place| *place != tie.picked)
        .collect();
    let (tied, others_are) = (listed(&tie.candidates, names), listed(&others, names));
    let (is, stays) = if others.len() == 1 {
        ("is", "stays")
    } else {
        ("are", "stay")
    };
    let broken = |most: &str| match (tie.earlier, tie.drawn.as_slice()) {
        (Some(earlier), []) => format!(
            "In round {} {picked} had the {most} votes of them.",
            earlier + 1
        ),
        (Some(earlier), drawn) => {
            format!(
                "Round {} leaves {} tied; a lot draws {picked}.",
                earlier + 1,
                listed(drawn, names)
            )
        }
        (None, _) if tie.round == 0 => format!("A lot draws {picked}."),
        (None, _) => format!("No earlier round tells them apart; a lot draws {picked}."),
    };
    match tie.stake {
        Stake::Seats(1) => {
            format!(
                "{tied} are tied for the last seat. A lot draws {picked}. {picked} is elected; {others_are} {is} not."
            )
        }
        Stake::Seats(left) => format!(
            "{tied} are tied for the last {left} seats. A lot draws {picked} for one of them. {picked} is elected; {others_are} {stays} tied."
        ),
        Stake::Surplus => format!(
            "Round {round}: the surpluses of {tied} are tied. {} The surplus of {picked} is transferred first.",
            broken("most")
        ),
        Stake::Exclusion => format!(
            "Round {round}: {tied} are tied to be excluded. {} {picked} is excluded; {others_are} {stays} in.",
            broken("fewest")
        ),
        Stake::Runoff(_) => {
            let why = match tie.drawn.as_slice() {
                [] => format!("By the match-ups among them {picked} is in it."),
                drawn => format!("A lot among {} draws {picked}.", listed(drawn, names)),
            };
            format!("Round {round}: {tied} are tied for the runoff. {why}")
        }
        Stake::Seat => {
            let why = match tie.earlier {
                Some(earlier) => format!("In round {} {picked} had the higher sum.", earlier + 1),
                None => broken("most"),
            };
            format!("Round {round}: {tied} are tied in the runoff. {why}")
        }
        Stake::NextSeat => format!("Seat {round}: {tied} are tied. A lot draws {picked}."),
        Stake::Pairs => format!(
            "Equal wins of {tied} cannot all stand. A lot orders them: {}.",
            in_order(&tie.drawn, names)
        ),
    }
}

/// `A, B, C`.
fn in_order(places: &[usize], names: &[String]) -> String {
    let named: Vec<_> = places.iter().map(|place| names[*place].as_str()).collect();
    named.join(", ")
}

/// `A`; `A and B`; `A, B and C`.
fn listed(places: &[usize], names: &[String]) -> String {
    let named: Vec<_> = places.iter().map(|place| names[*place].as_str()).collect();
    match named.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// What an act did, in a sentence.
pub fn act(done: &Logged) -> String {
    let time = |time: Option<Timestamp>| {
        time.map_or_else(|| "by hand".to_owned(), |time| time.to_string())
    };
    match done {
        Logged::Opened => "opened".to_owned(),
        Logged::Closed => "closed".to_owned(),
        Logged::VotersAdded { voters, weight } => {
            format!("{voters} voters with {weight} votes added to the roll")
        }
        Logged::RollChanged {
            removed,
            added,
            reason,
        } => {
            let removed: Vec<_> = removed.iter().map(|key| format!("-{key:.16}")).collect();
            let added: Vec<_> = added
                .iter()
                .map(|Voter(key, votes)| format!("+{key:.16} ({votes})"))
                .collect();
            format!(
                "roll changed: {}: {reason}",
                [removed, added].concat().join(" ")
            )
        }
        Logged::TimesChanged {
            opens_at,
            closes_at,
            reason,
        } => {
            format!(
                "opens {}, closes {}: {reason}",
                time(*opens_at),
                time(*closes_at)
            )
        }
        Logged::Cancelled(reason) => format!("cancelled: {reason}"),
        Logged::Proposed(proposed) => format!("proposed: {}", would(proposed)),
        Logged::Approved {
            proposal,
            done: true,
        } => format!("approved {proposal:.16}, and so it was done"),
        Logged::Approved {
            proposal,
            done: false,
        } => format!("approved {proposal:.16}, which waits for more approvals"),
        Logged::Withdrawn(proposal) => format!("withdrew {proposal:.16}"),
        Logged::OrganiserReplaced { old, new, reason } => {
            format!("organiser {old:.16} replaced by {new}: {reason}")
        }
    }
}

/// What an act would do, or does: for what is not done yet.
pub fn would(does: &Logged) -> String {
    let time = |time: Option<Timestamp>| {
        time.map_or_else(|| "by hand".to_owned(), |time| format!("on {time}"))
    };
    match does {
        Logged::Opened => "open the election".to_owned(),
        Logged::Closed => "close the election".to_owned(),
        Logged::VotersAdded { voters, weight } => {
            format!("put {voters} voters with {weight} votes on the roll")
        }
        Logged::RollChanged { .. } => act(does).replacen("roll changed", "change the roll", 1),
        Logged::TimesChanged {
            opens_at,
            closes_at,
            reason,
        } => format!(
            "open {}, and close {}: {reason}",
            time(*opens_at),
            time(*closes_at)
        ),
        Logged::Cancelled(reason) => format!("cancel the election: {reason}"),
        Logged::Withdrawn(proposal) => format!("withdraw {proposal:.16}"),
        Logged::OrganiserReplaced { old, new, reason } => {
            format!("replace the organiser {old:.16} by {new}: {reason}")
        }
        Logged::Proposed(_) | Logged::Approved { .. } => act(does),
    }
}

/// The entries of a log, in words: what was approved is what another entry has proposed.
pub struct LogWords<'a>(BTreeMap<TransactionId, &'a Logged>);

impl<'a> LogWords<'a> {
    /// Those of a whole log.
    pub fn of(entries: &'a [LogEntry]) -> Self {
        let proposed = entries.iter().filter_map(|entry| match &entry.act {
            Logged::Proposed(does) => Some((entry.transaction, &**does)),
            _ => None,
        });
        Self(proposed.collect())
    }

    /// What an entry has done to the election; none if it has only proposed, approved or withdrawn
    /// something.
    pub fn done<'b>(&'b self, entry: &'b LogEntry) -> Option<&'b Logged> {
        match &entry.act {
            Logged::Proposed(_) | Logged::Withdrawn(_) => None,
            Logged::Approved { proposal, done } => self.0.get(proposal).copied().filter(|_| *done),
            act => Some(act),
        }
    }

    /// What an entry says, in a sentence.
    pub fn what(&self, entry: &LogEntry) -> String {
        let of = |proposal: &TransactionId| {
            let does = self.0.get(proposal);
            does.map_or_else(|| format!("{proposal:.16}"), |does| would(does))
        };
        match &entry.act {
            Logged::Approved {
                proposal,
                done: true,
            } => match self.0.get(proposal) {
                Some(does) => format!("{}, approved with this", act(does)),
                None => act(&entry.act),
            },
            Logged::Approved {
                proposal,
                done: false,
            } => format!("approved: {}", of(proposal)),
            Logged::Withdrawn(proposal) => format!("withdrew: {}", of(proposal)),
            other => act(other),
        }
    }
}

/// A verdict in a word.
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "ACCEPTED",
        Verdict::Refused => "refused",
        Verdict::Silent => "no answer",
    }
}
