//! The smallest app that votes: connects to a node, casts a ballot with a new credential, keeps the
//! receipt, counts.
//!
//! ```text
//! cargo run --release --bin cluster                                     # in one terminal; it prints sockets
//! cargo run -p vote-examples --example cast_and_tally -- SOCKET Soup    # in another
//! ```

use std::time::Duration;

use anyhow::{Context, Result, bail};
use vote_api::{Client, ElectionQuery};
use vote_chain::{ElectionPhase, SecretKey};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(socket), Some(choice)) = (words.next(), words.next()) else {
        bail!("usage: cast_and_tally SOCKET CHOICE")
    };
    // The client checks what the node says, as far as it can be checked. Who knows the chain
    // beforehand connects with `Client::connect_to(path, Chain::pinned(id))`; this app takes the
    // node's word for the chain.
    let node = Client::connect(socket.as_ref()).await?;

    // What is there to vote on? A list is the node's word; an election is the one that its
    // organiser signed, or an error.
    let query = ElectionQuery {
        phases: vec![ElectionPhase::Open],
        limit: 1,
        ..ElectionQuery::default()
    };
    let (open, _) = node.elections_page(query).await?;
    let election = node
        .election(open.first().context("no election is open")?.record.id)
        .await?;
    println!(
        "voting in {:?} on chain {:?}",
        election.record.election.title,
        node.genesis().await?.name
    );

    // A credential is a key: whoever keeps it has one ballot in each open election. This one is
    // thrown away.
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let credential = SecretKey::from_seed(&seed);
    // An election may have several contests; this app knows what to say to one.
    let [contest] = election.record.election.contests.as_slice() else {
        bail!("the election has several contests")
    };
    let selection = contest
        .choice(&choice)
        .context("that choice is not offered")?;
    // An election says whether its ballots have a name, which everybody can read for ever.
    let takes_names = election.record.election.names;
    let name = if takes_names { "example" } else { "" };
    let signed = node
        .sign_ballot(&election, &credential, name.into(), vec![selection])
        .await?;

    // Waits until it is final: with a proof and a certificate that hold, or an error.
    let kept = node.cast(&signed, Duration::from_secs(30)).await?;
    println!(
        "ballot {:.16} is final in block {}",
        kept.receipt.transaction, kept.receipt.header.height
    );

    // What is kept says later what was signed, to anybody who trusts the chain's id, with no node
    // at hand.
    let says = kept.check(Some(&node.genesis().await?.chain()))?;
    let words: Vec<_> = says.words().map(|(_, words)| words).collect();
    println!(
        "the receipt is valid: {} validators have signed",
        kept.receipt.certificate.signatures.len()
    );
    println!("it says: {}", words.join("; "));

    let election = node.election(election.record.id).await?;
    for line in election
        .tally
        .contests
        .iter()
        .flat_map(|contest| &contest.lines)
    {
        println!("{:>6}  {}", line.votes, line.choice);
    }
    Ok(())
}
