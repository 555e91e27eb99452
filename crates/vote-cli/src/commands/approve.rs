//! Approvals of changes that this command's node gives: those of organisers and of the protocol.

use vote_api::{CallError, Client};
use vote_chain::Change;
use vote_views as views;

use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// How far a change is.
pub(super) struct Standing {
    /// Whether nothing is left to do for it.
    pub(super) made: bool,
    /// How many have approved it, if it waits for approvals.
    pub(super) approvals: Option<usize>,
}

/// Has the node approve a change, and says how far it is then. `outcome` says what holds once it is
/// made.
pub(super) async fn approve(
    context: &Context,
    client: &Client,
    change: &Change,
    outcome: &str,
    standing: impl AsyncFn() -> Result<Standing, Failure>,
) -> Result<(), Failure> {
    if standing().await?.made {
        made_already(context, outcome);
        return Ok(());
    }
    context.remember(client).await?;
    let height = match client.approve(change, context.timeout).await {
        Ok(inclusion) => inclusion.block.0.height,
        Err(error @ CallError::Refused(_)) => {
            // The others may have completed the change meanwhile: it no longer takes this approval.
            if !standing().await?.made {
                return Err(error.into());
            }
            made_already(context, outcome);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let Standing { made, approvals } = standing().await?;
    if !made && approvals.is_none() {
        return Err(Failure::NotFound(format!(
            "it was approved in block {height}, and another change was made meanwhile, with which the approval has become void: approve \
             it again"
        )));
    }
    if context.json {
        output::json(&views::Approved {
            height: Some(height.get()),
            already: false,
            approvals,
        });
        return Ok(());
    }
    match approvals {
        None => output::line(format_args!("Approved, in block {height}: {outcome}.")),
        Some(so_far) => {
            let validators = client.validators().await?.set.count();
            output::line(format_args!(
                "Approved, in block {height}: {so_far} of {validators} validators so far. It takes effect once more than two thirds of the power \
                 has approved it."
            ));
        }
    }
    Ok(())
}

fn made_already(context: &Context, outcome: &str) {
    if context.json {
        output::json(&views::Approved {
            height: None,
            already: true,
            approvals: None,
        });
    } else {
        output::line(format_args!("It is so already: {outcome}."));
    }
}
