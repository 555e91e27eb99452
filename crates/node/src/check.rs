//! `node check`: a whole ledger, from the genesis on, while no node uses it.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use vote_chain::{Genesis, Height};
use vote_consensus::Evidence;
use vote_storage::{Checked, StorageError, Store, Unread};
use vote_views as views;

use crate::cli::CheckArgs;
use crate::datadir::{self, DataDir};
use crate::exit;
use crate::planned::print;
use crate::run::threads;

pub(crate) fn check(args: &CheckArgs) -> Result<()> {
    let done = whole(args);
    if let Err(error) = &done
        && args.json
    {
        let damaged = exit::Exit::of(error) == exit::Exit::Damaged;
        let valid = if damaged { Some(false) } else { None };
        print(&views::line(&views::LedgerChecked::Not {
            valid,
            reason: format!("{error:#}"),
        }))?;
    }
    done
}

fn whole(args: &CheckArgs) -> Result<()> {
    let path = args.data_dir.clone().map_or_else(datadir::default, Ok)?;
    if !path.is_dir() {
        bail!(
            "there is no data directory {}; say with --data-dir where the ledger is",
            path.display()
        );
    }
    let dir = DataDir::take_as_it_is(&path)?;
    exit::call_database_panics_damage(Store::file(dir.path()));
    let started = Instant::now();
    let Some(ledger) = Unread::look_at(dir.path())? else {
        bail!("there is no ledger in {}", path.display())
    };
    check_evidence(ledger.path(), &ledger.evidence()?)?;
    let path = ledger.path().to_owned();
    let genesis = ledger.genesis().clone();
    let checked = follow(ledger)?;
    print(&report(
        args,
        &path,
        &genesis,
        &checked,
        started.elapsed().as_secs_f64(),
    ))
}

fn follow(ledger: Unread) -> Result<Checked> {
    let bar = std::io::stderr().is_terminal();
    let progress = |done: Height, last: Height| {
        if bar {
            let filled = usize::try_from(done.get() * 40 / last.get().max(1)).unwrap_or(40);
            let _ = write!(
                std::io::stderr(),
                "\r[{:<40}] block {done} of {last}",
                "#".repeat(filled)
            );
        }
    };
    let checked = ledger.check(threads(), progress);
    if bar {
        let _ = writeln!(std::io::stderr());
    }
    checked.context("the ledger does not hold")
}

/// Evidence follows from no block: it must be readable.
fn check_evidence(path: &Path, proofs: &[(Height, Vec<u8>)]) -> Result<()> {
    for (height, proof) in proofs {
        if let Err(error) = Evidence::from_bytes(proof) {
            let what = format!("evidence, of block {height}: {error}");
            return Err(StorageError::Damaged {
                path: path.to_owned(),
                what,
            }
            .into());
        }
    }
    Ok(())
}

fn report(
    args: &CheckArgs,
    path: &Path,
    genesis: &Genesis,
    checked: &Checked,
    seconds: f64,
) -> String {
    let Checked {
        height,
        transactions,
        signatures,
        rows,
    } = checked;
    let (chain, name) = (genesis.chain(), &genesis.name);
    if args.json {
        return views::line(&views::LedgerChecked::Whole {
            valid: true,
            ledger: path.display().to_string(),
            chain: chain.into(),
            chain_name: name.clone(),
            height: height.get(),
            transactions: *transactions,
            signatures: *signatures,
            rows: *rows,
            seconds,
        });
    }
    format!(
        "The ledger is whole: every block follows from the one before, and every row from the blocks.\n  \
         ledger   {}\n  \
         chain    {chain} ({name})\n  \
         checked  {height} blocks, {transactions} transactions, {signatures} signatures, {rows} rows in {seconds:.1} s\n\
         Whether it is the whole chain, only other nodes can say: compare the height with theirs.",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{beside, fork, keep_fork, key, replaced, store};

    #[test]
    fn ledger_that_keeps_evidence_is_whole_and_one_whose_evidence_cannot_be_read_is_not() {
        let ledger = replaced();
        keep_fork(&ledger, fork(&ledger, beside(&ledger, 1, 1, &key(0))));
        let store = store(&ledger);
        let check = || check_evidence(store.path(), &store.evidence().unwrap());
        assert_eq!(store.evidence().unwrap().len(), 1);
        check().unwrap();
        let mut batch = store.begin();
        batch.put_evidence(Height::new(1), b"nonsense");
        batch.finish().unwrap();
        assert!(
            check()
                .unwrap_err()
                .to_string()
                .contains("evidence, of block 1")
        );
    }
}
