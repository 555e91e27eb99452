//! What happens on the ledger, in words.

use vote_api::Verdict;
use vote_chain::{
    Action, Change, Logged, Move, OrganiserChange, Payload, Stake, TieBreak, Timestamp,
    Transaction, ValidatorChange, VersionChange, Voter,
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
                format!("in {:.16}: {}", organise.election, act(&done)),
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
        Action::Elect(places) => {
            let elected: Vec<_> = places.iter().map(|place| names[*place].as_str()).collect();
            format!("elected: {}", elected.join(", "))
        }
        Action::Transfer(place) => format!("the surplus of {} is transferred", names[*place]),
        Action::Exclude(place) => format!("{} is excluded", names[*place]),
    }
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
    }
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
        Logged::Proposed(proposed) => format!("proposed: {}", act(proposed)),
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

/// A verdict in a word.
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "ACCEPTED",
        Verdict::Refused => "refused",
        Verdict::Silent => "no answer",
    }
}
