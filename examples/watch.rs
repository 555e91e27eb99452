//! Follows an election: prints the count whenever a block changes it, until the election closes or
//! the node leaves.
//!
//! ```text
//! cargo run --release --bin cluster                        # in one terminal; it prints sockets
//! cargo run -p vote-examples --example watch -- SOCKET     # in another; then cast ballots in a third
//! ```

use anyhow::{Context, Result, bail};
use vote_api::{CallError, Client, ElectionQuery};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let socket = std::env::args().nth(1).context("usage: watch SOCKET")?;
    let node = Client::connect(socket.as_ref()).await?;
    let (newest, _) = node
        .elections_page(ElectionQuery {
            limit: 1,
            ..ElectionQuery::default()
        })
        .await?;
    let id = newest
        .first()
        .context("there is no election yet")?
        .record
        .id;
    // The words are those that were signed; the count is the node's word.
    println!("{}", node.election(id).await?.record.election.title);

    // One request, many answers: the count now, and again after each block that changes it.
    let mut counts = node.watch_election(id).await?;
    loop {
        match counts.next().await {
            Ok(Some(election)) => {
                let lines = election
                    .tally
                    .contests
                    .iter()
                    .flat_map(|contest| &contest.lines);
                let counts: Vec<_> = lines
                    .map(|line| format!("{} {}", line.choice, line.votes))
                    .collect();
                println!(
                    "block {:>5}  {:>9}  {}",
                    election.height,
                    election.phase,
                    counts.join(", ")
                );
            }
            Ok(None) => return Ok(()),
            Err(CallError::Gone) => bail!("the node has left"),
            Err(error) => return Err(error.into()),
        }
    }
}
