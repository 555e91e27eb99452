//! `protocol`.

use vote_api::{Client, ProtocolVersions, ProtocolView};
use vote_chain::{Height, Move, Version, VersionChange};
use vote_views as views;

use super::approve::{Standing, approve};
use crate::cli::ProtocolCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::{ask, output};

/// A move that nobody has proposed yet begins so many blocks from now, so that the others can
/// approve it and bring their programs up to date.
const NOTICE_BLOCKS: u64 = 1000;

pub(super) async fn run(context: &Context, command: ProtocolCommand) -> Result<(), Failure> {
    let client = context.client().await?;
    let view = client.protocol().await?;
    match command {
        ProtocolCommand::Show => show(context, &client, &view).await,
        ProtocolCommand::Move { version, from, yes } => {
            let tip = client.status().await?.height;
            let wanted = wanted(&view, version, from.map(Height::new), tip)?;
            if wanted.to <= view.versions.now {
                return Err(Failure::NotFound(format!(
                    "the chain goes by protocol version {} already; it can move to a later one only",
                    view.versions.now
                )));
            }
            if !yes {
                confirm(wanted)?;
            }
            change(context, &client, VersionChange::Plan(wanted)).await
        }
        ProtocolCommand::Drop => change(context, &client, VersionChange::Drop).await,
    }
}

/// The move that is meant: if nothing else is said, the one that is planned, or that others have
/// approved already.
fn wanted(
    view: &ProtocolView,
    version: Option<u16>,
    from: Option<Height>,
    tip: Height,
) -> Result<Move, Failure> {
    let fits = |proposed: &Move| {
        version.is_none_or(|version| proposed.to.get() == version)
            && from.is_none_or(|from| proposed.from == from)
            && proposed.to <= view.versions.newest
    };
    if let Some(planned) = view.versions.planned.filter(fits) {
        return Ok(planned);
    }
    let proposed = view.pending.iter().filter_map(|(change, _)| match change {
        VersionChange::Plan(proposed) => Some(*proposed).filter(fits),
        VersionChange::Drop => None,
    });
    match proposed.collect::<Vec<_>>().as_slice() {
        [] => Ok(Move {
            to: version.map_or(view.versions.newest, Version::new),
            from: from.unwrap_or_else(|| Height::new(tip.get().saturating_add(NOTICE_BLOCKS))),
        }),
        [only] => Ok(*only),
        several => {
            let named: Vec<_> = several
                .iter()
                .map(|Move { to, from }| format!("{to} --from {from}"))
                .collect();
            Err(Failure::Usage(format!(
                "several moves wait for approvals; say which: {}",
                named.join(", ")
            )))
        }
    }
}

/// Asks first: there is no way back once the move is in force.
fn confirm(Move { to, from }: Move) -> Result<(), Failure> {
    let warning = format!(
        "From block {from} on the chain would go by protocol version {to}. It never goes back, and nodes whose program does not have \
         that version stop there."
    );
    ask::confirm(
        &format!("{warning}\nApprove it?"),
        &format!("{warning} Say --yes to approve it"),
    )
}

async fn change(context: &Context, client: &Client, change: VersionChange) -> Result<(), Failure> {
    let outcome = match change {
        VersionChange::Plan(Move { to, from }) => {
            format!("the chain goes by protocol version {to} from block {from} on")
        }
        VersionChange::Drop => "no move to another protocol version is planned".to_owned(),
    };
    let standing = async || {
        let ProtocolView { versions, pending } = client.protocol().await?;
        let waits = pending.iter().find(|(waits, _)| *waits == change);
        Ok(Standing {
            made: is_made(&versions, change),
            approvals: waits.map(|(_, keys)| keys.len()),
        })
    };
    approve(context, client, &change.into(), &outcome, standing).await
}

fn is_made(versions: &ProtocolVersions, change: VersionChange) -> bool {
    match change {
        VersionChange::Plan(wanted) => {
            versions.planned == Some(wanted) || versions.now >= wanted.to
        }
        VersionChange::Drop => versions.planned.is_none(),
    }
}

async fn show(context: &Context, client: &Client, view: &ProtocolView) -> Result<(), Failure> {
    if context.json {
        output::json(&views::Protocol::of(view));
        return Ok(());
    }
    let ProtocolView { versions, pending } = view;
    let tip = client.status().await?.height;
    output::line(format_args!("Now {}.", summary(versions, tip)));
    output::line(format_args!(
        "The program of this node has versions up to {}.",
        versions.newest
    ));
    let validators = client.validators().await?.set.count();
    for (change, keys) in pending {
        let change = views::version_change(change);
        let approvals = keys.len();
        output::line(format_args!(
            "waiting: {change}, approved by {approvals} of {validators}"
        ));
    }
    Ok(())
}

/// By which protocol version the chain goes, and will; with what to do if the node cannot follow.
pub(super) fn summary(versions: &ProtocolVersions, tip: Height) -> String {
    let now = format!("the chain goes by protocol version {}", versions.now);
    let Some(Move { to, from }) = versions.planned else {
        return now;
    };
    let blocks = from.get().saturating_sub(tip.get());
    let mut text = format!("{now}, and by {to} from block {from} on, {blocks} blocks from now");
    if to > versions.newest {
        text.push_str(
            ", which this node's program DOES NOT HAVE: INSTALL A NEWER RELEASE, or it stops there",
        );
    }
    text
}
