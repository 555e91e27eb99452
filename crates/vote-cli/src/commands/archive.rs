//! `verify archive`.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use vote_api::ElectionView;
use vote_chain::{Archive, Audit, ChainId, decode};
use vote_views as views;

use crate::context::Context;
use crate::failure::Failure;
use crate::{files, output, report, result};

/// An archive file is no larger, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// An archive that holds, and how long it took to see that.
pub(super) struct Checked {
    audit: Audit,
    seconds: f64,
}

/// Checks an archive file.
pub(super) fn verify(context: &Context, file: &Path, html: Option<&Path>) -> Result<(), Failure> {
    let archive = read(file)?;
    let chain = context.chain.unwrap_or_else(|| archive.genesis.chain());
    let checked = checked(&archive, &chain)?;
    show(context, &archive, &checked, context.chain.is_some());
    write_page(&archive, &checked, html)
}

/// Checks an archive, and shows on a terminal how far it is.
pub(super) fn checked(archive: &Archive, chain: &ChainId) -> Result<Checked, Failure> {
    let (started, total) = (Instant::now(), archive.blocks.len());
    let bar = std::io::stderr().is_terminal();
    let progress = |done: usize| {
        if bar {
            let filled = done * 40 / total.max(1);
            let _ = write!(
                std::io::stderr(),
                "\r[{:<40}] block {done} of {total}",
                "#".repeat(filled)
            );
        }
    };
    let audit = archive.verify(Some(chain), progress);
    if bar {
        output::aside("");
    }
    let audit = audit.map_err(|fault| Failure::Verification(fault.to_string()))?;
    Ok(Checked {
        audit,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Writes the result as a page to print, if that is wanted.
pub(super) fn write_page(
    archive: &Archive,
    checked: &Checked,
    html: Option<&Path>,
) -> Result<(), Failure> {
    let Some(html) = html else { return Ok(()) };
    let (genesis, chain) = (&archive.genesis, archive.genesis.chain());
    let page = report::html(
        &view(archive, checked),
        &checked.audit.log,
        &chain,
        &genesis.name,
    );
    files::write_new(html, page.as_bytes(), files::PUBLIC)
}

fn read(file: &Path) -> Result<Archive, Failure> {
    let shown = file.display();
    let not_there = |error| Failure::NotFound(format!("cannot read {shown}: {error}"));
    let bytes = files::read(file, FILE_BYTES_MAX).map_err(not_there)?;
    let too_large = || Failure::Verification(format!("{shown} is too large to be an archive"));
    let bytes = bytes.ok_or_else(too_large)?;
    decode(&bytes).map_err(|error| Failure::Verification(format!("{shown} is no archive: {error}")))
}

/// The election as the archive shows it.
pub(super) fn view(archive: &Archive, checked: &Checked) -> ElectionView {
    let Audit {
        record,
        phase,
        tally,
        ..
    } = &checked.audit;
    ElectionView {
        record: record.clone(),
        phase: *phase,
        tally: tally.clone(),
        height: archive.last.height,
    }
}

/// Shows what an archive says.
pub(super) fn show(context: &Context, archive: &Archive, checked: &Checked, pinned: bool) {
    let Checked {
        audit:
            Audit {
                chain,
                tally,
                signatures,
                ..
            },
        seconds,
    } = checked;
    let per_second =
        f64::from(u32::try_from(tally.turnout.ballots).unwrap_or(u32::MAX)) / seconds.max(0.001);
    let view = view(archive, checked);
    if context.json {
        return output::json(&views::VerifiedArchive {
            result: views::ElectionResult::of(&view),
            valid: true,
            chain: (*chain).into(),
            chain_pinned: pinned,
            signatures: *signatures,
            ballots_per_second: per_second.round(),
        });
    }
    output::line("The archive is valid: every signature, every rule, and no ballot is missing.");
    output::line(format_args!(
        "  chain   {chain} ({})",
        output::clean(&archive.genesis.name)
    ));
    output::line(format_args!(
        "  last    block {} at {}",
        archive.last.height, archive.last.time
    ));
    output::line(format_args!(
        "  checked {signatures} signatures in {seconds:.1} s, {per_second:.0} ballots a second"
    ));
    result::lines(&view).iter().for_each(output::line);
    output::line(
        "It shows what the ledger of that chain holds, if no more than a third of its validators' power is dishonest.",
    );
    if !pinned {
        output::line(
            "Compare the chain's id with the one that you trust, or have it done with --chain ID.",
        );
    }
}
