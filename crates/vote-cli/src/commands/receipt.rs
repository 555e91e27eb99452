//! `receipt`.

use std::io::IsTerminal;
use std::path::Path;

use vote_api::Trace;
use vote_chain::{ElectionPhase, Receipt, ReceiptFile, Statement, TransactionId};
use vote_views as views;
use vote_web::code::Tracker;

use crate::cli::ReceiptCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::qr::Qr;
use crate::{output, receipts, says};

/// A receipt file that holds.
struct Checked {
    file: ReceiptFile,
    /// What the ballot says; none if the file does not hold it.
    says: Option<Statement>,
    /// Whether the node was not asked for that, since the rules of its election do not show it yet.
    is_withheld: bool,
}

impl Checked {
    fn new(context: &Context, file: ReceiptFile) -> Result<Self, Failure> {
        let says = file
            .check(context.chain.as_ref())
            .map_err(|fault| Failure::Verification(fault.to_string()))?;
        Ok(Self {
            file,
            says,
            is_withheld: false,
        })
    }

    /// The receipt of a ballot that the node has. Whoever has cast it has a file that says more.
    async fn fetched(context: &Context, id: TransactionId) -> Result<Self, Failure> {
        let client = context.client().await?;
        let is_withheld = client
            .is_withheld(&client.proven(id).await?.transaction)
            .await?;
        Ok(Self {
            is_withheld,
            ..Self::new(context, client.receipt_file(id).await?)?
        })
    }

    fn receipt(&self) -> &Receipt {
        self.file.receipt()
    }
}

pub(super) async fn run(context: &Context, command: ReceiptCommand) -> Result<(), Failure> {
    match command {
        ReceiptCommand::Check { what, node } => check_any(context, &what, node).await,
        ReceiptCommand::Show { what, qr } => {
            let checked = match what.parse::<TransactionId>() {
                Ok(id) if !Path::new(&what).exists() => Checked::fetched(context, id).await?,
                _ => Checked::new(context, receipts::read(Path::new(&what))?)?,
            };
            show(context, &checked, None);
            if qr && !context.json {
                let colours =
                    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                output::line(
                    Qr::of_tracker(&Tracker::of(&checked.receipt().transaction))
                        .terminal(colours)
                        .trim_end(),
                );
            }
            Ok(())
        }
    }
}

/// Checks a receipt file, and asks the node if that is wanted; or asks the node about a tracker.
async fn check_any(context: &Context, what: &[String], node: bool) -> Result<(), Failure> {
    let said = what.join(" ");
    match Tracker::read(&said) {
        Ok(tracker) if !Path::new(&said).exists() => {
            let trace = context.client().await?.trace(tracker.bytes()).await?;
            if context.json {
                output::json(&views::Trace::of(&trace));
            } else {
                output::line(format_args!("ballot  {}", trace.transaction));
                output::line(format_args!("  {}", fate(&trace)));
                output::line(
                    "That the ballot is on the ledger was checked. That no other counts instead, and how the election stands, is the \
                     node's word.",
                );
            }
            Ok(())
        }
        Err(fault) if what.len() > 1 => {
            Err(Failure::Usage(format!("{said:?} is no tracker: {fault}")))
        }
        // A tracker has neither dots nor slashes. What was typed is not repeated: it may be meant
        // for a voter code, which is secret.
        Err(fault) if !said.contains(['.', '/']) && !Path::new(&said).exists() => Err(
            Failure::NotFound(format!("no receipt has this name, and {fault}")),
        ),
        _ => {
            let checked = Checked::new(context, receipts::read(Path::new(&said))?)?;
            let id = checked.receipt().transaction;
            let trace = if node {
                Some(context.client().await?.trace(id.as_bytes()).await?)
            } else {
                None
            };
            show(context, &checked, trace.as_ref());
            Ok(())
        }
    }
}

/// What has become of a ballot.
fn fate(trace: &Trace) -> String {
    let other = format!("{:.16}", trace.counts);
    let counts = match (trace.counts == trace.transaction, trace.phase) {
        (_, ElectionPhase::Cancelled) => {
            "but the election was cancelled: nothing is counted".to_owned()
        }
        (false, ElectionPhase::Closed) => {
            format!("superseded: ballot {other} of the same voter is counted instead")
        }
        (false, _) => {
            format!("superseded: ballot {other} of the same voter counts instead, so far")
        }
        (true, ElectionPhase::Closed) => "and counted: the election is closed".to_owned(),
        (true, _) => "and counts so far: the election is open".to_owned(),
    };
    format!("included in block {}, {counts}", trace.height)
}

fn view(checked: &Checked, pinned: bool, trace: Option<&Trace>) -> views::Receipt {
    let receipt = checked.receipt();
    let tracker = Tracker::of(&receipt.transaction);
    views::Receipt {
        valid: true,
        ballot: receipt.transaction.into(),
        chain: receipt.genesis.chain().into(),
        chain_name: receipt.genesis.name.clone(),
        chain_pinned: pinned,
        height: receipt.header.height.get(),
        time: receipt.header.time.ms(),
        block: receipt.header.hash().into(),
        place: receipt.proof.index,
        signatures: receipt.certificate.signatures.len(),
        set_changes: receipt.set_changes.len(),
        tracker: tracker.to_string(),
        words: tracker.words(),
        node: trace.map(views::Trace::of),
        says: checked.says.as_ref().map(views::Statement::of),
    }
}

fn show(context: &Context, checked: &Checked, trace: Option<&Trace>) {
    let pinned = context.chain.is_some();
    let receipt = checked.receipt();
    if context.json {
        return output::json(&view(checked, pinned, trace));
    }
    let (
        Receipt {
            genesis, header, ..
        },
        tracker,
    ) = (receipt, Tracker::of(&receipt.transaction));
    output::line("The receipt is valid.");
    let what = match &checked.says {
        Some(says) => {
            output::line(format_args!("  ballot   {}", receipt.transaction));
            says::lines(says).iter().for_each(output::line);
            "ballot"
        }
        None if checked.is_withheld => {
            output::line(format_args!("  ballot   {}", receipt.transaction));
            output::line(format_args!("  says     {}", says::WITHHELD));
            "ballot"
        }
        None => {
            output::line(format_args!("  transaction {}", receipt.transaction));
            output::line("  says     it does not say whether this is a ballot, nor what it says");
            "transaction"
        }
    };
    output::line(format_args!("  tracker  {tracker}"));
    output::line(format_args!("  words    {}", tracker.words()));
    let place = receipt.proof.index;
    output::line(format_args!(
        "  block    {} at {}, place {place}",
        header.height, header.time
    ));
    output::line(format_args!(
        "  chain    {} ({})",
        genesis.chain(),
        output::clean(&genesis.name)
    ));
    let signatures = receipt.certificate.signatures.len();
    output::line(format_args!(
        "  signed   by {signatures} of the validators of that height"
    ));
    if let Some(trace) = trace {
        output::line(format_args!("  node     {}", fate(trace)));
    }
    output::line(format_args!(
        "It shows that this {what} is on the ledger of that chain, if no more than a third of its validators' power is dishonest."
    ));
    if checked.says.is_some() {
        output::line(
            "What it says was read from the signed ballot and its election; anybody who has this file can do so.",
        );
    }
    if !pinned {
        output::line(
            "Compare the chain's id with the one that you trust, or have it done with --chain ID.",
        );
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
            let counts = if replaced {
                TransactionId::of(b"other")
            } else {
                transaction
            };
            let (height, election) = (Height::new(7), ElectionId::default());
            fate(&Trace {
                transaction,
                height,
                election,
                phase,
                counter: 0,
                counts,
                tip: Height::new(9),
            })
        };
        assert!(
            trace(ElectionPhase::Open, false).ends_with("and counts so far: the election is open")
        );
        assert!(
            trace(ElectionPhase::Closed, false).ends_with("and counted: the election is closed")
        );
        assert!(trace(ElectionPhase::Open, true).ends_with("counts instead, so far"));
        assert!(trace(ElectionPhase::Closed, true).ends_with("is counted instead"));
        for replaced in [false, true] {
            let cancelled = trace(ElectionPhase::Cancelled, replaced);
            assert!(
                cancelled.ends_with("the election was cancelled: nothing is counted"),
                "{cancelled}"
            );
        }
    }
}
