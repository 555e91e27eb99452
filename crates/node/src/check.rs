//! `node check`: a whole ledger, from the genesis on, while no node uses it.

use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use vote_chain::{Height, decode};
use vote_consensus::Equivocation;
use vote_storage::{Checked, StorageError, Store};

use crate::cli::CheckArgs;
use crate::datadir::{self, DataDir};
use crate::exit;

pub(crate) fn check(args: &CheckArgs) -> Result<()> {
    let done = whole(args);
    if let Err(error) = &done
        && args.json
    {
        let damaged = exit::Exit::of(error) == exit::Exit::Damaged;
        let valid = if damaged { Some(false) } else { None };
        println!("{}", serde_json::json!({ "valid": valid, "reason": format!("{error:#}") }));
    }
    done
}

fn whole(args: &CheckArgs) -> Result<()> {
    let path = args.data_dir.clone().map_or_else(datadir::default, Ok)?;
    // Taking a data directory makes one.
    if !path.is_dir() {
        bail!("there is no data directory {}; say with --data-dir where the ledger is", path.display());
    }
    let dir = DataDir::take(&path)?;
    exit::call_database_panics_damage(Store::file(dir.path()));
    let started = Instant::now();
    let Some(store) = Store::open(dir.path())? else { bail!("there is no ledger in {}", path.display()) };
    let checked = follow(&store)?;
    check_evidence(&store)?;
    show(args, &store, &checked, started.elapsed().as_secs_f64());
    Ok(())
}

fn follow(store: &Store) -> Result<Checked> {
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let bar = std::io::stderr().is_terminal();
    let progress = |done: Height, last: Height| {
        if bar {
            let filled = usize::try_from(done.get() * 40 / last.get().max(1)).unwrap_or(40);
            let _ = write!(std::io::stderr(), "\r[{:<40}] block {done} of {last}", "#".repeat(filled));
        }
    };
    let checked = store.check(threads, progress);
    if bar {
        let _ = writeln!(std::io::stderr());
    }
    checked.context("the ledger does not hold")
}

/// Evidence follows from no block: it must be readable.
fn check_evidence(store: &Store) -> Result<()> {
    for (height, proof) in store.evidence()? {
        if let Err(error) = decode::<Equivocation>(&proof) {
            let what = format!("evidence, of block {height}: {error}");
            return Err(StorageError::Damaged { path: store.path().to_owned(), what }.into());
        }
    }
    Ok(())
}

fn show(args: &CheckArgs, store: &Store, checked: &Checked, seconds: f64) {
    let Checked { height, transactions, signatures, rows } = checked;
    let genesis = store.genesis();
    let chain = genesis.chain();
    if args.json {
        let done = serde_json::json!({
            "valid": true, "ledger": store.path(), "chain": chain, "chain_name": genesis.name, "height": height,
            "transactions": transactions, "signatures": signatures, "rows": rows, "seconds": seconds,
        });
        println!("{done}");
        return;
    }
    println!("The ledger is whole: every block follows from the one before, and every row from the blocks.");
    println!("  ledger   {}", store.path().display());
    println!("  chain    {chain} ({})", genesis.name);
    println!(
        "  checked  {height} blocks, {transactions} transactions, {signatures} signatures, {rows} rows in {seconds:.1} s"
    );
    println!("Whether it is the whole chain, only other nodes can say: compare the height with theirs.");
}
