//! `receipt`.

use std::path::Path;

use serde_json::{Value, json};
use vote_chain::{ChainId, Receipt, TransactionId};

use crate::cli::ReceiptCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::{output, receipts, time};

pub(super) async fn run(context: &Context, command: ReceiptCommand) -> Result<(), Failure> {
    match command {
        ReceiptCommand::Check { file, chain } => {
            let trusted = chain
                .map(|id| id.parse::<ChainId>())
                .transpose()
                .map_err(|error| Failure::Usage(format!("--chain: {error}")))?;
            let receipt = receipts::read(&file)?;
            check(&receipt, trusted.as_ref())?;
            show(context, &receipt, trusted.is_some());
        }
        ReceiptCommand::Show { what } => {
            let receipt = match what.parse::<TransactionId>() {
                Ok(id) if !Path::new(&what).exists() => receipts::fetch(&context.client().await?, id).await?,
                _ => receipts::read(Path::new(&what))?,
            };
            check(&receipt, None)?;
            show(context, &receipt, false);
        }
    }
    Ok(())
}

fn check(receipt: &Receipt, trusted: Option<&ChainId>) -> Result<(), Failure> {
    receipt.check(trusted).map_err(|fault| Failure::Verification(fault.to_string()))
}

fn to_json(receipt: &Receipt, pinned: bool) -> Value {
    json!({
        "valid": true, "ballot": receipt.transaction, "chain": receipt.genesis.chain(), "chain_name": receipt.genesis.name,
        "chain_pinned": pinned, "height": receipt.header.height, "time": receipt.header.time, "block": receipt.header.hash(),
        "place": receipt.proof.index, "signatures": receipt.certificate.signatures.len(), "set_changes": receipt.set_changes.len(),
    })
}

fn show(context: &Context, receipt: &Receipt, pinned: bool) {
    if context.json {
        return output::json(&to_json(receipt, pinned));
    }
    let Receipt { genesis, header, .. } = receipt;
    output::line("The receipt is valid.");
    output::line(format_args!("  ballot  {}", receipt.transaction));
    output::line(format_args!(
        "  block   {} at {}, place {}",
        header.height,
        time::show(header.time),
        receipt.proof.index
    ));
    output::line(format_args!("  chain   {} ({})", genesis.chain(), output::clean(&genesis.name)));
    output::line(format_args!(
        "  signed  by {} of the validators of that height",
        receipt.certificate.signatures.len()
    ));
    output::line(
        "It shows that this ballot is on the ledger of that chain, if no more than a third of its validators' power is dishonest. It does not show what the ballot says.",
    );
    if !pinned {
        output::line("Compare the chain's id with the one that you trust, or have it done with --chain ID.");
    }
}
