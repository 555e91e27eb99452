//! `election approve`, `withdraw`, `proposed` and `replace-organiser`: elections with several
//! organisers.

use vote_api::{CheckedElection, Client, Waiting};
use vote_chain::{Act, Committee, Height, Logged, Payload, PublicKey, TransactionId, Voter};
use vote_views as views;

use super::election::{act, done, organiser};
use crate::cli::{ActArgs, ApproveArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{find, output, submit, time};

/// Digits of an id that are shown where little room is.
const DIGITS: usize = 8;

/// What waits now in an election, by the clock of this machine.
fn waiting(election: &CheckedElection) -> Vec<&Waiting> {
    let now = time::now();
    let waits = |waiting: &&Waiting| waiting.proposal.lapses_at > now;
    election.waiting().iter().filter(waits).collect()
}

/// The organisers of an election that has several.
fn committee(election: &CheckedElection) -> Result<&Committee, Failure> {
    election.record.committee.as_ref().ok_or_else(|| {
        Failure::NotFound(format!(
            "{:?} has one organiser, whose acts wait for no approval; several are named when an election is created (election create \
             --organiser)",
            clean(&election.record.election.title)
        ))
    })
}

/// What waits for approvals, a few lines for each.
pub(super) fn lines(election: &CheckedElection) -> Vec<String> {
    let Some(committee) = &election.record.committee else {
        return Vec::new();
    };
    let mut lines = vec![format!(
        "  organised  by {} keys, of which {} must sign each act:",
        committee.organisers.len(),
        committee.needed
    )];
    lines.extend(
        committee
            .organisers
            .iter()
            .map(|key| format!("             {key}")),
    );
    for Waiting { proposal, does } in waiting(election) {
        let by: Vec<_> = proposal
            .approvals
            .iter()
            .map(|key| format!("{key:.16}"))
            .collect();
        lines.push(format!("  waits      {}", proposal.transaction));
        lines.push(format!("             {}", clean(&views::would(does))));
        lines.push(format!(
            "             approved by {}; lacks {}; lapses {}",
            by.join(", "),
            committee.lacking(proposal),
            proposal.lapses_at
        ));
    }
    lines
}

/// Whether an act of one organiser is not done at once.
pub(super) fn waits_for_others(election: &CheckedElection) -> bool {
    let committee = election.record.committee.as_ref();
    committee.is_some_and(|committee| committee.needed > 1)
}

/// Says that an act waits, if it does, and what the others are to do.
pub(super) fn said_to_wait(
    context: &Context,
    election: &CheckedElection,
    proposal: TransactionId,
    height: Height,
) -> bool {
    let found = waiting(election)
        .into_iter()
        .find(|waiting| waiting.proposal.transaction == proposal);
    let (Some(committee), Some(found)) = (&election.record.committee, found) else {
        return false;
    };
    let (id, lacking) = (election.record.id, committee.lacking(&found.proposal));
    if context.json {
        output::json(&views::Proposed {
            proposed: true,
            election: id.into(),
            height: height.get(),
            proposal: proposal.into(),
            lacking,
            lapses_at: found.proposal.lapses_at.ms(),
        });
        return true;
    }
    output::line(format_args!(
        "{}: proposed (block {height}), and not done yet: {}.\nIt waits for {lacking} more of its {} organisers, until {}. Each of them, at a \
         node of theirs: vote-cli election approve {id:.DIGITS$} {proposal}",
        clean(&election.record.election.title),
        clean(&views::would(&found.does)),
        committee.organisers.len(),
        found.proposal.lapses_at
    ));
    true
}

/// The act that is meant, by the beginning of its id.
fn meant<'a>(election: &'a CheckedElection, said: &str) -> Result<&'a Waiting, Failure> {
    let said = said.to_lowercase();
    let fits = |waiting: &&Waiting| waiting.proposal.transaction.to_string().starts_with(&said);
    let found: Vec<_> = waiting(election).into_iter().filter(fits).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::NotFound(format!(
            "no act whose id begins with {said:?} waits for approvals in {:?}: it was done or withdrawn, has lapsed, or was never proposed \
             (what waits: vote-cli election show {:.DIGITS$})",
            clean(&election.record.election.title),
            election.record.id
        ))),
        several => Err(Failure::Usage(format!(
            "{} acts that wait begin with {said:?}: say more digits",
            several.len()
        ))),
    }
}

/// The act of that id. Whoever has proposed one could take it back and propose another whose id
/// begins with the same digits: so nothing is approved by the beginning.
fn meant_whole<'a>(election: &'a CheckedElection, said: &str) -> Result<&'a Waiting, Failure> {
    if said.parse::<TransactionId>().is_err() {
        return Err(Failure::Usage(format!(
            "{said:?} is not the whole id of an act: approve it by all 64 digits, as vote-cli election show {:.DIGITS$} has them",
            election.record.id
        )));
    }
    meant(election, said)
}

/// Approves what waits; what each act would do is read from what was signed, and said before.
pub(super) async fn approve(context: &Context, args: ApproveArgs) -> Result<(), Failure> {
    let client = context.client().await?;
    let election = find::any_election(&client, Some(&args.election)).await?;
    let committee = committee(&election)?;
    let key = organiser(context, args.credential)?;
    check_organises(committee, &key.public())?;
    let own = |waiting: &&Waiting| !waiting.proposal.approvals.contains(&key.public());
    let chosen: Vec<_> = if args.all {
        waiting(&election).into_iter().filter(own).collect()
    } else {
        let named = args
            .proposals
            .iter()
            .map(|said| meant_whole(&election, said));
        named.collect::<Result<_, _>>()?
    };
    if chosen.is_empty() {
        return Err(Failure::NotFound(format!(
            "nothing waits for your approval in {:?}",
            clean(&election.record.election.title)
        )));
    }
    let id = election.record.id;
    let mut acts = Vec::new();
    for waiting in &chosen {
        let proposal = waiting.proposal.transaction;
        acts.push((proposal, client.proposed(&election, proposal).await?));
    }
    let mut approved = Vec::new();
    let mut ended = Ok(());
    for (proposal, act) in &acts {
        let what = clean(&views::would(&Logged::from(act)));
        output::aside(format_args!("Approving {proposal}: {what} ..."));
        let payload = Payload::ApproveAct {
            election: id,
            proposal: *proposal,
        };
        let height = match submit::run(context, &client, &key, payload).await {
            Ok(inclusion) => inclusion.block.0.height,
            // Others may be done all the same.
            Err(failure @ (Failure::NotFound(_) | Failure::NotEligible(_))) => {
                let of = format!(" ({proposal:.DIGITS$}, which is not approved)");
                if ended.is_ok() {
                    ended = Err(failure.and(&of));
                }
                continue;
            }
            Err(failure) => {
                ended = Err(failure);
                break;
            }
        };
        let now = client.election(id).await?;
        let waits = now
            .waiting()
            .iter()
            .find(|waiting| waiting.proposal.transaction == *proposal);
        let lacking = waits.map_or(0, |waiting| {
            now.record
                .committee
                .as_ref()
                .map_or(0, |committee| committee.lacking(&waiting.proposal))
        });
        if !context.json {
            let becomes = if waits.is_some() {
                format!("It waits for {lacking} more.")
            } else {
                let title = clean(&now.record.election.title);
                format!(
                    "That was enough: it is done, and {title:?} is {}.",
                    now.phase
                )
            };
            output::line(format_args!(
                "Approved {proposal:.DIGITS$} (block {height}): {what}. {becomes}"
            ));
        }
        approved.push(views::ActApproved {
            proposal: (*proposal).into(),
            height: height.get(),
            what,
            done: waits.is_none(),
            lacking,
        });
    }
    let count = approved.len();
    if context.json && count > 0 {
        output::json(&views::ActsApproved {
            election: id.into(),
            approved,
        });
    }
    let of = acts.len();
    ended.map_err(|failure: Failure| match of {
        1 => failure,
        _ => failure.and(&format!(".\n{count} of {of} acts are approved")),
    })
}

fn check_organises(committee: &Committee, key: &PublicKey) -> Result<(), Failure> {
    if committee.includes(key) {
        return Ok(());
    }
    Err(Failure::NotEligible(format!(
        "your key {key} is not one of this election's organisers"
    )))
}

/// Takes back what was proposed with the same key.
pub(super) async fn withdraw(context: &Context, args: ActArgs, said: &str) -> Result<(), Failure> {
    let client = context.client().await?;
    let election = find::any_election(&client, args.election.as_deref()).await?;
    committee(&election)?;
    let proposal = meant(&election, said)?.proposal.transaction;
    let args = ActArgs {
        election: Some(election.record.id.to_string()),
        ..args
    };
    let Some((view, height)) = act(context, args, |_| Ok(Act::Withdraw(proposal))).await? else {
        return Ok(());
    };
    let withdrawn = views::Withdrawn {
        withdrawn: true,
        election: view.record.id.into(),
        height: height.get(),
        proposal: proposal.into(),
    };
    let words = format!("has {proposal:.DIGITS$} withdrawn, which waits no more");
    done(context, &view, height, &withdrawn, &words);
    Ok(())
}

/// Puts a key in the place of another one.
pub(super) async fn replace(
    context: &Context,
    args: ActArgs,
    (old, new): (PublicKey, PublicKey),
    reason: String,
) -> Result<(), Failure> {
    new.check()
        .map_err(|error| Failure::Usage(format!("--new is no key: {error}")))?;
    let replaces = |_: &_| Ok(Act::ReplaceOrganiser { old, new, reason });
    let Some((view, height)) = act(context, args, replaces).await? else {
        return Ok(());
    };
    let replaced = views::OrganiserReplaced {
        replaced: true,
        election: view.record.id.into(),
        height: height.get(),
        old: old.into(),
        new: new.into(),
    };
    let words = format!("{new} organises it in the place of {old:.16}");
    done(context, &view, height, &replaced, &words);
    Ok(())
}

/// Shows all of an act that waits: of voters, each key.
pub(super) async fn proposed(context: &Context, election: &str, said: &str) -> Result<(), Failure> {
    let client: Client = context.client().await?;
    let election = find::any_election(&client, Some(election)).await?;
    let proposal = meant(&election, said)?.proposal.transaction;
    let act = client.proposed(&election, proposal).await?;
    let voter = |Voter(key, weight): &Voter| format!("{key},{weight}");
    let (removed, added) = match &act {
        Act::AddVoters(add) => (&[][..], add.as_slice()),
        Act::ChangeRoll { remove, add, .. } => (remove.as_slice(), add.as_slice()),
        _ => (&[][..], &[][..]),
    };
    let what = clean(&views::would(&Logged::from(&act)));
    if context.json {
        output::json(&views::ProposedAct {
            election: election.record.id.into(),
            proposal: proposal.into(),
            what,
            remove: removed.iter().map(|key| (*key).into()).collect(),
            add: added
                .iter()
                .map(|Voter(key, votes)| views::RollVoter {
                    key: (*key).into(),
                    votes: *votes,
                })
                .collect(),
        });
        return Ok(());
    }
    output::line(what);
    if !added.is_empty() || !removed.is_empty() {
        output::line("key,weight");
        removed
            .iter()
            .for_each(|key| output::line(format_args!("{key},taken off")));
        added.iter().map(voter).for_each(output::line);
    }
    Ok(())
}
