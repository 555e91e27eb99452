//! `receipt`.

use std::io::IsTerminal;
use std::path::Path;

use vote_api::{Answer, Client, Request, Trace};
use vote_chain::{ChainId, ElectionPhase, Receipt, TransactionId};
use vote_web::{code::Tracker, json};

use crate::cli::ReceiptCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::qr::Qr;
use crate::{output, receipts};

pub(super) async fn run(context: &Context, command: ReceiptCommand) -> Result<(), Failure> {
    match command {
        ReceiptCommand::Check { what, node, chain } => check_any(context, &what, node, chain.as_deref()).await,
        ReceiptCommand::Show { what, qr } => {
            let receipt = match what.parse::<TransactionId>() {
                Ok(id) if !Path::new(&what).exists() => receipts::fetch(&context.client().await?, id).await?,
                _ => receipts::read(Path::new(&what))?,
            };
            check(&receipt, None)?;
            show(context, &receipt, false, None);
            if qr && !context.json {
                let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                output::line(Qr::of_tracker(&Tracker::of(&receipt.transaction)).terminal(colours).trim_end());
            }
            Ok(())
        }
    }
}

/// Checks a receipt file, and asks the node if that is wanted; or asks the node about a tracker.
async fn check_any(context: &Context, what: &[String], node: bool, chain: Option<&str>) -> Result<(), Failure> {
    let trusted =
        chain.map(str::parse::<ChainId>).transpose().map_err(|error| Failure::Usage(format!("--chain: {error}")))?;
    let said = what.join(" ");
    match Tracker::read(&said) {
        Ok(tracker) if !Path::new(&said).exists() => {
            if trusted.is_some() {
                return Err(Failure::Usage("a tracker names no chain; --chain is for receipt files".into()));
            }
            let trace = trace(&context.client().await?, tracker.bytes()).await?;
            if context.json {
                output::json(&json::trace(&trace));
            } else {
                output::line(format_args!("ballot  {}", trace.transaction));
                output::line(format_args!("  {}", fate(&trace)));
                output::line("The node says so; only a receipt file shows it without trusting a node.");
            }
            Ok(())
        }
        Err(fault) if what.len() > 1 => Err(Failure::Usage(format!("{said:?} is no tracker: {fault}"))),
        _ => {
            let receipt = receipts::read(Path::new(&said))?;
            check(&receipt, trusted.as_ref())?;
            let id = receipt.transaction;
            let trace = if node { Some(trace(&context.client().await?, id.as_bytes()).await?) } else { None };
            show(context, &receipt, trusted.is_some(), trace.as_ref());
            Ok(())
        }
    }
}

fn check(receipt: &Receipt, trusted: Option<&ChainId>) -> Result<(), Failure> {
    receipt.check(trusted).map_err(|fault| Failure::Verification(fault.to_string()))
}

async fn trace(client: &Client, prefix: &[u8]) -> Result<Trace, Failure> {
    match client.call(Request::Trace(prefix.to_vec().into())).await? {
        Answer::Trace(trace) if trace.transaction.as_bytes().starts_with(prefix) => Ok(*trace),
        _ => Err(vote_api::CallError::Unexpected.into()),
    }
}

/// What has become of a ballot.
fn fate(trace: &Trace) -> String {
    let other = format!("{:.16}", trace.counts);
    let counts = match (trace.counts == trace.transaction, trace.phase) {
        (_, ElectionPhase::Cancelled) => "but the election was cancelled: nothing is counted".to_owned(),
        (false, ElectionPhase::Closed) => format!("superseded: ballot {other} of the same voter is counted instead"),
        (false, _) => format!("superseded: ballot {other} of the same voter counts instead, so far"),
        (true, ElectionPhase::Closed) => "and counted: the election is closed".to_owned(),
        (true, _) => "and counts so far: the election is open".to_owned(),
    };
    format!("included in block {}, {counts}", trace.height)
}

fn show(context: &Context, receipt: &Receipt, pinned: bool, trace: Option<&Trace>) {
    if context.json {
        return output::json(&json::receipt(receipt, pinned, trace));
    }
    let (Receipt { genesis, header, .. }, tracker) = (receipt, Tracker::of(&receipt.transaction));
    output::line("The receipt is valid.");
    output::line(format_args!("  ballot   {}", receipt.transaction));
    output::line(format_args!("  tracker  {tracker}"));
    output::line(format_args!("  words    {}", tracker.words()));
    let place = receipt.proof.index;
    output::line(format_args!("  block    {} at {}, place {place}", header.height, header.time));
    output::line(format_args!("  chain    {} ({})", genesis.chain(), output::clean(&genesis.name)));
    let signatures = receipt.certificate.signatures.len();
    output::line(format_args!("  signed   by {signatures} of the validators of that height"));
    if let Some(trace) = trace {
        output::line(format_args!("  node     {}", fate(trace)));
    }
    output::line(
        "It shows that this ballot is on the ledger of that chain, if no more than a third of its validators' power is dishonest. It does not show what the ballot says.",
    );
    if !pinned {
        output::line("Compare the chain's id with the one that you trust, or have it done with --chain ID.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::{ElectionId, Height};

    #[test]
    fn fate_of_a_ballot_is_true_in_each_phase() {
        let trace = |phase, replaced| {
            let transaction = TransactionId::default();
            let counts = if replaced { TransactionId::of(b"other") } else { transaction };
            let (height, election) = (Height::new(7), ElectionId::default());
            fate(&Trace { transaction, height, election, phase, counter: 0, counts, tip: Height::new(9) })
        };
        assert!(trace(ElectionPhase::Open, false).ends_with("and counts so far: the election is open"));
        assert!(trace(ElectionPhase::Closed, false).ends_with("and counted: the election is closed"));
        assert!(trace(ElectionPhase::Open, true).ends_with("counts instead, so far"));
        assert!(trace(ElectionPhase::Closed, true).ends_with("is counted instead"));
        for replaced in [false, true] {
            let cancelled = trace(ElectionPhase::Cancelled, replaced);
            assert!(cancelled.ends_with("the election was cancelled: nothing is counted"), "{cancelled}");
        }
    }
}
