//! The smallest app that votes: connects to a node, casts a ballot with a new credential, checks the receipt, counts.
//!
//! ```text
//! cargo run --release --bin cluster                                     # in one terminal; it prints sockets
//! cargo run -p vote-examples --example cast_and_tally -- SOCKET Soup    # in another
//! ```

use anyhow::{Context, Result, bail};
use vote_api::{Answer, Client, Outcome, Request};
use vote_chain::{Ballot, ElectionPhase, Payload, SecretKey, Transaction};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(socket), Some(choice)) = (words.next(), words.next()) else {
        bail!("usage: cast_and_tally SOCKET CHOICE")
    };
    let node = Client::connect(socket.as_ref()).await?;

    // Which chain is this, and what is there to vote on?
    let Answer::Genesis(genesis) = node.call(Request::Genesis).await? else { bail!("no genesis") };
    let elections = node.elections().await?;
    let open = elections.into_iter().find(|view| view.phase == ElectionPhase::Open);
    let election = open.context("no election is open")?;
    println!("voting in {:?} on chain {:?}", election.record.election.title, genesis.name);

    // A credential is a key: whoever keeps it has one ballot in each open election. This one is thrown away.
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let credential = SecretKey::from_seed(&seed);
    // An election may have several contests; this app knows what to say to one.
    let [contest] = election.record.election.contests.as_slice() else { bail!("the election has several contests") };
    let selection = contest.choice(&choice).context("that choice is not offered")?;
    let ballot = Ballot { name: "example".into(), ..Ballot::plain(election.record.id, selection) };
    let signed = Transaction::sign(genesis.chain(), &credential, Payload::CastBallot(ballot));

    // The node says at once whether it takes the ballot, and later that it is final.
    let (accepted, mut outcomes) = node.submit(vec![signed.to_bytes()]).await?;
    if let Some(Err(refusal)) = accepted.first() {
        bail!("refused: {}", refusal.reason);
    }
    let Some(Outcome::Final(ballot)) = outcomes.next().await?.into_iter().flatten().next() else { bail!("not final") };
    println!("ballot {:.16} is final in block {}", ballot.transaction, ballot.block.0.height);

    // The receipt proves it to anybody who trusts the chain's id, with no node at hand.
    let Answer::Receipt(receipt) = node.call(Request::Receipt(ballot.transaction)).await? else { bail!("no receipt") };
    receipt.check(Some(&genesis.chain()))?;
    println!("the receipt is valid: {} validators have signed", receipt.certificate.signatures.len());

    let Answer::Election(election) = node.call(Request::Election(election.record.id)).await? else { bail!("no tally") };
    for line in election.tally.contests.iter().flat_map(|contest| &contest.lines) {
        println!("{:>6}  {}", line.votes, line.choice);
    }
    Ok(())
}
