//! `status`, `members`, `block`, `evidence`.

use vote_api::{Answer, BlockAt, Request, Status};
use vote_chain::{Block, CommitCertificate, Height, Transaction, parse};
use vote_web::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::clean;
use crate::{find, output, time};

pub(super) async fn status(context: &Context) -> Result<(), Failure> {
    let Answer::Status(status) = context.client().await?.call(Request::Status).await? else {
        return Err(vote_api::CallError::Unexpected.into());
    };
    if context.json {
        output::json(&json::status(&status))
    } else {
        print_status(&status)
    }
    Ok(())
}

fn print_status(status: &Status) {
    let n = usize::try_from(status.validators).unwrap_or(0);
    let role = if status.validator { "validator" } else { "follower" };
    let (connected, total) = status.power_connected;
    let age = time::now().ms_since(status.time) / 1000;
    let rows = [
        ("node", format!("{} ({role}), version {}", clean(&status.node), status.version)),
        ("chain", format!("{} ({})", status.genesis.chain(), clean(&status.genesis.name))),
        ("last block", format!("{}, {age} s ago", status.height)),
        ("state root", status.state_root.to_string()),
        ("network", output::validators(n)),
        (
            "connected",
            format!(
                "{} peers, {connected} of {total} power{}",
                status.peers,
                if json::has_quorum(status) { "" } else { ": TOO LITTLE to decide blocks" }
            ),
        ),
        ("tracker", if status.tracker { "registered" } else { "out of reach, or none" }.to_owned()),
        (
            "waiting",
            format!(
                "{} transactions{}",
                status.pending,
                if status.round > 0 { format!(", round {} of the open height", status.round) } else { String::new() }
            ),
        ),
        ("listens on", status.listen.join(" ")),
    ];
    output::table(&rows.map(|(name, value)| vec![name.to_owned(), value]));
}

pub(super) async fn members(context: &Context) -> Result<(), Failure> {
    let members = find::members(&context.client().await?).await?;
    if context.json {
        output::json(&json::members(&members));
        return Ok(());
    }
    let mut rows = vec![["NAME", "ROLE", "HEIGHT", "KEY", "ID", "ADDRESSES"].map(String::from).to_vec()];
    for member in &members {
        let role = member.power.map_or_else(|| "follower".to_owned(), |power| format!("validator, power {power}"));
        rows.push(vec![
            format!("{}{}", clean(&member.name), if member.this { " (this)" } else { "" }),
            role,
            member.height.map_or_else(|| "?".to_owned(), |height| height.to_string()),
            member.key.map_or_else(|| "?".to_owned(), |key| format!("{key:.16}")),
            member.peer.clone(),
            member.addresses.join(" "),
        ]);
    }
    output::table(&rows);
    Ok(())
}

pub(super) async fn block(context: &Context, height: Option<u64>) -> Result<(), Failure> {
    let at = height.map_or(BlockAt::Latest, |height| BlockAt::Height(Height::new(height)));
    let Answer::Block { block, certificate } = context.client().await?.call(Request::Block(at)).await? else {
        return Err(vote_api::CallError::Unexpected.into());
    };
    let transactions: Vec<_> = block.transactions.iter().filter_map(|bytes| parse(bytes).ok()).collect();
    if context.json {
        output::json(&json::block(&block, &certificate, &transactions))
    } else {
        print_block(&block, &certificate, &transactions)
    }
    Ok(())
}

fn print_block(block: &Block, certificate: &CommitCertificate, transactions: &[Transaction]) {
    let header = &block.header;
    output::line(format_args!("block {} at {}", header.height, header.time));
    output::line(format_args!("  hash        {}\n  parent      {}", header.hash(), header.parent));
    output::line(format_args!("  state root  {}\n  proposer    {}", header.state_root, header.proposer));
    output::line(format_args!(
        "  final by    {} signatures in round {}",
        certificate.signatures.len(),
        certificate.round
    ));
    for (id, transaction) in block.ids().into_iter().zip(transactions) {
        let (kind, what) = json::describe(transaction);
        output::line(format_args!("  {id:.16}  {kind} {}", clean(&what)));
    }
}

pub(super) async fn evidence(context: &Context) -> Result<(), Failure> {
    let Answer::Evidence(rows) = context.client().await?.call(Request::Evidence).await? else {
        return Err(vote_api::CallError::Unexpected.into());
    };
    if context.json {
        output::json(&json::evidence(&rows));
    } else if rows.is_empty() {
        output::line("This node has seen no validator sign two different things.");
    } else {
        rows.iter().for_each(|row| {
            output::line(format_args!("height {}: {} signed {}", row.height, row.validator, clean(&row.what)))
        });
    }
    Ok(())
}
