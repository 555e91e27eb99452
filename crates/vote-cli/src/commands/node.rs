//! `status`, `members`, `block`, `evidence`.

use std::sync::Arc;

use vote_api::{BlockAt, Client, FinalBlock, Member, OrganisersView, Signing, Status};
use vote_chain::{Height, Payload, Statement, Transaction, Verified, parse, verify};
use vote_views as views;

use super::organiser;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{output, says, time};

/// A clock that is further from those of the validators, in milliseconds, is in need of setting:
/// the node goes by theirs then.
const CLOCK_MS_MAX: u64 = 500;

pub(super) async fn status(context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    let (status, OrganisersView { organisers, .. }) =
        (client.status().await?, client.organisers().await?);
    if context.json {
        let organisers = views::Organisers::keys(&organisers);
        output::json(&views::NodeStatus {
            status: views::Status::of(&status),
            organisers,
        });
    } else {
        let mut rows = rows(&status, time::now().ms_since(status.time));
        rows.push(("elections", organiser::summary(&organisers)));
        output::table(
            &rows
                .into_iter()
                .map(|(name, value)| vec![name.to_owned(), value])
                .collect::<Vec<_>>(),
        );
    }
    Ok(())
}

/// What is shown of a status; its last block was made so many milliseconds ago.
fn rows(status: &Status, age_ms: u64) -> Vec<(&'static str, String)> {
    let n = usize::try_from(status.validators).unwrap_or(0);
    let role = if status.validator {
        "validator"
    } else {
        "follower"
    };
    let mut rows = vec![
        (
            "node",
            format!(
                "{} ({role}), version {}",
                clean(&status.node),
                clean(&status.version)
            ),
        ),
        ("key", status.key.to_string()),
        (
            "chain",
            format!(
                "{} ({})",
                status.genesis.chain(),
                clean(&status.genesis.name)
            ),
        ),
        (
            "last block",
            format!("{}, {} s ago", status.height, age_ms / 1000),
        ),
        ("state root", status.state_root.to_string()),
        ("network", output::validators(n)),
        (
            "protocol",
            super::protocol::summary(&status.protocol, status.height),
        ),
        ("connected", connected(status)),
        ("deciding", deciding(status)),
    ];
    if let Signing::Waits(why) = &status.signing {
        rows.push(("signing", format!("NOT YET: {}", clean(why))));
    }
    rows.push(("clock", clock(status.clock_ahead_ms)));
    rows.push(("tracker", tracker(status)));
    rows.push(("waiting", format!("{} transactions", status.pending)));
    if status.evidence > 0 {
        rows.push(("evidence", evidence_advice(status.evidence)));
    }
    rows.push(("listens on", clean(&status.listen.join(" "))));
    rows
}

fn tracker(status: &Status) -> String {
    let registered = if status.tracker {
        "registered"
    } else {
        "NOT REGISTERED"
    };
    match &status.tracker_problem {
        Some(problem) => format!("{registered}; {}", clean(problem)),
        None if status.tracker => registered.to_owned(),
        None => "none: this node was told of no tracker, or has not heard from it yet".to_owned(),
    }
}

fn connected(status: &Status) -> String {
    let (connected, total) = status.power_connected;
    let peers = if status.peers == 1 { "peer" } else { "peers" };
    let mut text = format!("{} {peers}, {connected} of {total} power", status.peers);
    if !views::has_quorum(status) {
        text.push_str(": TOO LITTLE to decide blocks");
    }
    if !status.unreachable.is_empty() {
        let names: Vec<_> = status.unreachable.iter().map(|name| clean(name)).collect();
        text.push_str(&format!("; out of reach: {}", names.join(", ")));
    }
    text
}

fn deciding(status: &Status) -> String {
    let next = status.height.next();
    let round = if status.round > 0 {
        format!(", in round {}", status.round)
    } else {
        String::new()
    };
    match status.deciding_ms {
        None => "nothing to decide".to_owned(),
        Some(ms) if views::is_stalled(status) => {
            let seconds = ms / 1000;
            format!(
                "NOTHING IS DECIDED: block {next} has been open for {seconds} s{round}; look at the other validators"
            )
        }
        Some(ms) => format!("block {next}, for {ms} ms{round}"),
    }
}

fn clock(ahead: Option<i64>) -> String {
    let Some(ahead) = ahead else {
        return "not compared: too few validators have said their time".to_owned();
    };
    let distance = ahead.unsigned_abs();
    let seconds = format!("{}.{} s", distance / 1000, distance % 1000 / 100);
    let which = if ahead < 0 { "behind" } else { "ahead of" };
    if distance > CLOCK_MS_MAX {
        format!(
            "{seconds} {which} the middle one of the validators' clocks: SET IT (with NTP); the node goes by theirs"
        )
    } else {
        format!("as the validators' ({seconds} {which} the middle one)")
    }
}

fn evidence_advice(count: u32) -> String {
    format!(
        "{count} proofs that a validator signed two different things: `vote-cli evidence` says who; ask its operator, and remove it with \
         `vote-cli validator remove KEY`"
    )
}

pub(super) async fn members(context: &Context) -> Result<(), Failure> {
    let members = context.client().await?.members().await?;
    if context.json {
        output::json(&views::Members::of(&members));
        return Ok(());
    }
    output::table(&member_rows(&members));
    Ok(())
}

fn member_rows(members: &[Member]) -> Vec<Vec<String>> {
    let mut rows = vec![
        ["NAME", "ROLE", "HEIGHT", "KEY", "ID", "ADDRESSES"]
            .map(String::from)
            .to_vec(),
    ];
    for member in members {
        let role = member.power.map_or_else(
            || "follower".to_owned(),
            |power| format!("validator, power {power}"),
        );
        rows.push(vec![
            format!(
                "{}{}",
                clean(&member.name),
                if member.this { " (this)" } else { "" }
            ),
            role,
            member
                .height
                .map_or_else(|| "?".to_owned(), |height| height.to_string()),
            member
                .key
                .map_or_else(|| "?".to_owned(), |key| format!("{key:.16}")),
            clean(&member.peer),
            clean(&member.addresses.join(" ")),
        ]);
    }
    rows
}

pub(super) async fn block(context: &Context, height: Option<u64>) -> Result<(), Failure> {
    let at = height.map_or(BlockAt::Latest, |height| {
        BlockAt::Height(Height::new(height))
    });
    let client = context.client().await?;
    let shown = client.block(at).await?;
    let contents = contents(&client, &shown).await?;
    if context.json {
        let transactions: Vec<_> = contents
            .iter()
            .map(|content| content.parsed.clone())
            .collect();
        let mut view = views::Block::of(&shown.block, &shown.certificate, &transactions);
        for (transaction, content) in view.transactions.iter_mut().zip(&contents) {
            let says = content.says.as_ref().map(views::Statement::of);
            transaction.content = Some(views::Content {
                says,
                withheld: content.is_withheld,
            });
        }
        output::json(&view);
    } else {
        print_block(&shown, &contents);
    }
    Ok(())
}

/// A transaction of a block.
struct Content {
    verified: Arc<Verified>,
    parsed: Transaction,
    /// What it says, if it is a ballot, and may be shown.
    says: Option<Statement>,
    /// Whether it is a ballot that the rules of its election do not show yet.
    is_withheld: bool,
}

/// The transactions of a block; what ballots say is read with the bytes of their elections.
async fn contents(client: &Client, shown: &FinalBlock) -> Result<Vec<Content>, Failure> {
    let chain = client.genesis().await?.chain();
    let mut contents = Vec::new();
    for bytes in &shown.block.transactions {
        let broken = |fault: &dyn std::fmt::Display| {
            Failure::Verification(format!(
                "a transaction of block {} does not hold: {fault}",
                shown.block.header.height
            ))
        };
        let verified = Arc::new(verify(&chain, bytes).map_err(|fault| broken(&fault))?);
        let parsed = parse(bytes).map_err(|fault| broken(&fault))?;
        let is_withheld = client.is_withheld(&verified).await?;
        let says = match &parsed.content.payload {
            Payload::CastBallot(ballot) if !is_withheld => {
                Some(client.statement(&verified, ballot.election).await?)
            }
            Payload::CastBallot(_)
            | Payload::CreateElection(_)
            | Payload::Organise(_)
            | Payload::ApproveAct { .. }
            | Payload::ApproveChange { .. } => None,
        };
        contents.push(Content {
            verified,
            parsed,
            says,
            is_withheld,
        });
    }
    Ok(contents)
}

fn print_block(FinalBlock { block, certificate }: &FinalBlock, contents: &[Content]) {
    let header = &block.header;
    output::line(format_args!("block {} at {}", header.height, header.time));
    output::line(format_args!(
        "  hash        {}\n  parent      {}",
        header.hash(),
        header.parent
    ));
    output::line(format_args!(
        "  state root  {}\n  proposer    {}",
        header.state_root, header.proposer
    ));
    output::line(format_args!(
        "  final by    {} signatures in round {}",
        certificate.signatures.len(),
        certificate.round
    ));
    for content in contents {
        let (kind, what) = views::describe(&content.parsed);
        output::line(format_args!(
            "  {:.16}  {kind} {}",
            content.verified.id(),
            clean(&what)
        ));
        for line in content.says.iter().flat_map(says::contests) {
            output::line(format_args!("                    {line}"));
        }
        if content.is_withheld {
            output::line(format_args!("                    {}", says::WITHHELD));
        }
    }
}

pub(super) async fn evidence(context: &Context) -> Result<(), Failure> {
    let rows = context.client().await?.evidence().await?;
    if context.json {
        output::json(&views::Evidence::of(&rows));
    } else if rows.is_empty() {
        output::line("This node has seen no validator sign two different things.");
    } else {
        rows.iter().for_each(|row| {
            output::line(format_args!(
                "height {}: {} signed {}",
                row.height,
                row.validator,
                clean(&row.what)
            ))
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_shown_without_their_escapes() {
        let evil = || "a\u{1b}[2Jb".to_owned();
        let (name, peer, addresses) = (evil(), evil(), vec![evil()]);
        let rows = member_rows(&[Member {
            name,
            peer,
            key: None,
            power: None,
            height: None,
            addresses,
            this: false,
        }]);
        assert!(
            rows.iter()
                .flatten()
                .all(|cell| !cell.contains(char::is_control)),
            "{rows:?}"
        );
    }
}
