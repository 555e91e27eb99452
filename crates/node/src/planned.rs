//! `node key` and `node genesis`: a network planned before its nodes start.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::{Context, Result, bail};
use vote_chain::{
    Genesis, Limits, Organisers, PublicKey, Validator, ValidatorSet, check_node_name, encode, faults_tolerated,
    is_same_name,
};

use crate::cli::{GenesisArgs, KeyArgs};
use crate::clock::now;
use crate::datadir;
use crate::keys::Keys;

pub(crate) fn key(args: &KeyArgs) -> Result<()> {
    let path = args.data_dir.clone().map_or_else(datadir::default, Ok)?;
    datadir::make_private(&path)?;
    let keys = Keys::for_showing(&path)?;
    let (peer, key) = (keys.node.public().to_peer_id().to_string(), keys.validator.public().to_string());
    print(&if args.json {
        serde_json::json!({ "peer": peer, "key": key, "data_dir": path }).to_string()
    } else {
        format!("node id        {peer}\nvalidator key  {key}")
    })
}

/// Prints lines; an error if not all of them could be printed.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("not all of it could be printed")
}

pub(crate) fn genesis(args: &GenesisArgs) -> Result<()> {
    let validators = args.validator.iter().map(|text| validator(text)).collect::<Result<Vec<_>>>()?;
    let keys = args.organiser.iter().map(|key| key.parse::<PublicKey>().with_context(|| format!("--organiser {key}")));
    let keys = keys.collect::<Result<BTreeSet<_>>>()?;
    let organisers = if keys.is_empty() { Organisers::Anyone } else { Organisers::Keys(keys) };
    check_names(&validators)?;
    let validators = ValidatorSet::new(validators)?;
    let genesis = Genesis { name: args.name.clone(), time: now(), validators, organisers, limits: Limits::default() };
    genesis.check()?;
    if args.output.exists() {
        bail!("{} exists already; remove it, or choose another --output", args.output.display());
    }
    std::fs::write(&args.output, encode(&genesis))
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    let (chain, n) = (genesis.chain(), genesis.validators.count());
    let (file, faults) = (args.output.display(), faults_tolerated(n));
    print(&if args.json {
        let planned =
            serde_json::json!({ "chain": chain, "validators": n, "faults_tolerated": faults, "file": args.output });
        planned.to_string()
    } else {
        format!(
            "chain       {chain}\nvalidators  {n}, of which {faults} may fail or lie\nfile        {file}: start each node with --genesis {file}"
        )
    })
}

/// Names by which people can tell validators apart, and that nobody takes for keys.
fn check_names(validators: &[Validator]) -> Result<()> {
    for (at, Validator { name, .. }) in validators.iter().enumerate() {
        check_node_name(name).with_context(|| format!("--validator {name}"))?;
        if let Some(other) = validators[..at].iter().find(|other| is_same_name(&other.name, name)) {
            bail!("--validator {name}: {} is the name of another validator", other.name);
        }
    }
    Ok(())
}

/// `NAME=KEY` or `NAME=KEY:POWER`.
fn validator(text: &str) -> Result<Validator> {
    let parse = || {
        let (name, rest) = text.split_once('=')?;
        let (key, power) = rest.split_once(':').map_or((rest, Some(1)), |(key, power)| (key, power.parse().ok()));
        Some(Validator { name: name.to_owned(), key: key.parse().ok()?, power: power? })
    };
    parse().with_context(|| {
        format!("--validator {text}: write NAME=KEY or NAME=KEY:POWER, with KEY as `node key` prints it")
    })
}

/// A genesis in which this node is the only validator.
pub(crate) fn found(name: &str, node: &str, keys: &Keys) -> Result<Genesis> {
    let validator = Validator { key: keys.validator.public(), name: node.to_owned(), power: 1 };
    let validators = ValidatorSet::new(vec![validator])?;
    let genesis = Genesis {
        name: name.to_owned(),
        time: now(),
        validators,
        organisers: Organisers::Anyone,
        limits: Limits::default(),
    };
    genesis.check().context("--found")?;
    Ok(genesis)
}
