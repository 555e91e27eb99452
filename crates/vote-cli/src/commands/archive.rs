//! `export` and `verify archive`.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use serde_json::json;
use vote_api::ElectionView;
use vote_chain::{Archive, ArchivedTransaction, Audit, ChainId, Choices, Payload, Selection, decode, encode, parse};
use vote_counting::Group;
use vote_counting::formats::{self, Format};

use crate::context::Context;
use crate::failure::Failure;
use crate::{find, output, result};

/// An archive file is no larger, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// Fetches an archive, checks it, and writes it.
pub(super) async fn export(context: &Context, election: Option<&str>, file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    if file.exists() {
        return Err(Failure::Other(format!("{shown} exists already and is kept; choose another file")));
    }
    let client = context.client().await?;
    let view = find::election(&client, election).await?;
    let archive = client.archive(view.record.id).await?;
    let audit = archive.verify(None, |_| {});
    let audit = audit.map_err(|fault| Failure::Verification(format!("the node's archive does not hold: {fault}")))?;
    let bytes = match Format::of(&file.to_string_lossy()) {
        Some(format) => format.write(&ballots(&archive, &audit)?).into_bytes(),
        None => encode(&archive),
    };
    let temporary = file.with_extension("new");
    let written = std::fs::write(&temporary, &bytes).and_then(|()| std::fs::rename(&temporary, file));
    written.map_err(|error| Failure::Other(format!("cannot write {shown}: {error}")))?;
    if context.json {
        output::json(&json!({
            "file": file, "bytes": bytes.len(), "election": archive.election, "chain": audit.chain, "ballots": audit.tally.turnout.ballots,
            "height": archive.last.height,
        }));
    } else {
        let height = archive.last.height;
        output::line(format_args!(
            "{shown}: {} ballots, as of block {height}, {} bytes.",
            audit.tally.turnout.ballots,
            bytes.len()
        ));
        output::line(format_args!(
            "Anybody can check it, without a node: vote-cli verify archive {shown} --chain {}",
            audit.chain
        ));
    }
    Ok(())
}

/// The ballots of a ranked election, equal ones together.
fn ballots(archive: &Archive, audit: &Audit) -> Result<formats::File, Failure> {
    let election = &audit.record.election;
    let [contest] = election.contests.as_slice() else {
        return Err(Failure::Usage("this format takes one contest; the election has several".into()));
    };
    let Choices::Listed(candidates) = &contest.choices else {
        return Err(Failure::Usage("write-ins have no place in this format".into()));
    };
    if !contest.rule.is_ranked() {
        return Err(Failure::Usage(format!("ballots by {} are no rankings", contest.rule.name())));
    }
    // Of each voter the last ballot counts; the number of votes is the roll's.
    let mut last = BTreeMap::new();
    for entry in archive.blocks.iter().flat_map(|block| &block.transactions) {
        let ArchivedTransaction::Own(bytes) = entry else { continue };
        let content = parse(bytes).map_err(Failure::other)?.content;
        if let Payload::CastBallot(ballot) = content.payload {
            last.insert(content.signer, ballot.selections);
        }
    }
    let mut counts = BTreeMap::<Vec<Vec<usize>>, u64>::new();
    for (voter, selections) in last {
        if let Some(Selection::Ranked(ranks)) = selections.first() {
            let places = |rank: &Vec<u16>| rank.iter().map(|place| usize::from(*place)).collect();
            let weight = audit.weights.get(&voter).copied().map_or(1, u64::from);
            *counts.entry(ranks.iter().map(places).collect()).or_default() += weight;
        }
    }
    let line = |(ranks, count)| formats::Line { group: Group { count, ranks }, line: 0 };
    Ok(formats::File {
        title: election.title.clone(),
        candidates: candidates.clone(),
        seats: usize::from(contest.seats),
        withdrawn: Vec::new(),
        ballots: counts.into_iter().map(line).collect(),
    })
}

/// Checks an archive.
pub(super) fn verify(context: &Context, file: &Path, chain: Option<&str>) -> Result<(), Failure> {
    let trusted =
        chain.map(str::parse::<ChainId>).transpose().map_err(|error| Failure::Usage(format!("--chain: {error}")))?;
    let archive = read(file)?;
    let (started, total) = (Instant::now(), archive.blocks.len());
    let bar = std::io::stderr().is_terminal();
    let progress = |done: usize| {
        if bar {
            let filled = done * 40 / total.max(1);
            let _ = write!(std::io::stderr(), "\r[{:<40}] block {done} of {total}", "#".repeat(filled));
        }
    };
    let audit = archive.verify(trusted.as_ref(), progress);
    if bar {
        eprintln!();
    }
    let audit = audit.map_err(|fault| Failure::Verification(fault.to_string()))?;
    show(context, &archive, audit, trusted.is_some(), started.elapsed().as_secs_f64());
    Ok(())
}

fn read(file: &Path) -> Result<Archive, Failure> {
    let shown = file.display();
    let not_there = |error| Failure::NotFound(format!("cannot read {shown}: {error}"));
    if std::fs::metadata(file).map_err(not_there)?.len() > FILE_BYTES_MAX {
        return Err(Failure::Verification(format!("{shown} is too large to be an archive")));
    }
    let bytes = std::fs::read(file).map_err(not_there)?;
    decode(&bytes).map_err(|error| Failure::Verification(format!("{shown} is no archive: {error}")))
}

fn show(context: &Context, archive: &Archive, audit: Audit, pinned: bool, seconds: f64) {
    let Audit { chain, record, phase, tally, signatures, .. } = audit;
    let per_second = f64::from(u32::try_from(tally.turnout.ballots).unwrap_or(u32::MAX)) / seconds.max(0.001);
    let view = ElectionView { record, phase, tally, height: archive.last.height };
    if context.json {
        let mut value = result::to_json(&view);
        value["valid"] = true.into();
        value["chain"] = chain.to_string().into();
        value["chain_pinned"] = pinned.into();
        value["signatures"] = signatures.into();
        value["ballots_per_second"] = per_second.round().into();
        return output::json(&value);
    }
    output::line("The archive is valid: every signature, every rule, and no ballot is missing.");
    output::line(format_args!("  chain   {chain} ({})", output::clean(&archive.genesis.name)));
    output::line(format_args!("  checked {signatures} signatures in {seconds:.1} s, {per_second:.0} ballots a second"));
    result::lines(&view).iter().for_each(output::line);
    output::line(
        "It shows what the ledger of that chain holds, if no more than a third of its validators' power is dishonest.",
    );
    if !pinned {
        output::line("Compare the chain's id with the one that you trust, or have it done with --chain ID.");
    }
}
