//! `node key` and `node genesis`: a network planned before its nodes start.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::{Context, Result, bail};
use vote_chain::{
    Genesis, Limits, Organisers, PublicKey, Validator, ValidatorSet, Version, check_node_name,
    encode, faults_tolerated, is_same_name,
};
use vote_views as views;

use crate::cli::{GenesisArgs, KeyArgs};
use crate::clock::now;
use crate::datadir;
use crate::keys::Keys;

pub(crate) fn key(args: &KeyArgs) -> Result<()> {
    let path = args.data_dir.clone().map_or_else(datadir::default, Ok)?;
    datadir::make_private(&path)?;
    let keys = Keys::for_showing(&path)?;
    let (peer, key) = (
        keys.node.public().to_peer_id().to_string(),
        keys.validator.public(),
    );
    print(&if args.json {
        views::line(&views::NodeKey {
            peer,
            key: key.into(),
            data_dir: path.display().to_string(),
        })
    } else {
        format!("node id        {peer}\nvalidator key  {key}")
    })
}

/// Prints lines; an error if not all of them could be printed.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .context("not all of it could be printed")
}

pub(crate) fn genesis(args: &GenesisArgs) -> Result<()> {
    let validators = args
        .validator
        .iter()
        .map(|text| validator(text))
        .collect::<Result<Vec<_>>>()?;
    check_names(&validators)?;
    // Whoever plans a network has no key of their own in it, as a founder has.
    let founders = Founders::new(args.organiser.clone(), Founders::Anyone);
    let mut genesis = begin(&args.name, ValidatorSet::new(validators)?, &founders);
    genesis.version = args.protocol.map_or(Version::NEWEST, Version::new);
    genesis.check()?;
    if args.output.exists() {
        bail!(
            "{} exists already; remove it, or choose another --output",
            args.output.display()
        );
    }
    std::fs::write(&args.output, encode(&genesis))
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    let (chain, n) = (genesis.chain(), genesis.validators.count());
    let (file, faults) = (args.output.display(), faults_tolerated(n));
    print(&if args.json {
        views::line(&views::GenesisMade {
            chain: chain.into(),
            validators: n,
            faults_tolerated: faults,
            organisers: views::Organisers::keys(&genesis.organisers),
            file: file.to_string(),
        })
    } else {
        format!(
            "chain       {chain}\nvalidators  {n}, of which {faults} may fail or lie\norganisers  {}\nfile        {file}: start each node with --genesis {file}",
            who_organises(&genesis)
        )
    })
}

/// Names by which people can tell validators apart, and that nobody takes for keys.
fn check_names(validators: &[Validator]) -> Result<()> {
    for (at, Validator { name, .. }) in validators.iter().enumerate() {
        check_node_name(name).with_context(|| format!("--validator {name}"))?;
        if let Some(other) = validators[..at]
            .iter()
            .find(|other| is_same_name(&other.name, name))
        {
            bail!(
                "--validator {name}: {} is the name of another validator",
                other.name
            );
        }
    }
    Ok(())
}

/// `NAME=KEY` or `NAME=KEY:POWER`.
fn validator(text: &str) -> Result<Validator> {
    let parse = || {
        let (name, rest) = text.split_once('=')?;
        let (key, power) = rest
            .split_once(':')
            .map_or((rest, Some(1)), |(key, power)| (key, power.parse().ok()));
        Some(Validator {
            name: name.to_owned(),
            key: key.parse().ok()?,
            power: power?,
        })
    };
    parse().with_context(|| {
        format!(
            "--validator {text}: write NAME=KEY or NAME=KEY:POWER, with KEY as `node key` prints it"
        )
    })
}

/// Who may create elections on a chain that is founded, as its founder has said.
#[derive(Clone, Debug)]
pub(crate) enum Founders {
    /// The validators' own keys.
    Validators,
    /// These keys and no others.
    Keys(BTreeSet<PublicKey>),
    /// Any key.
    Anyone,
}

impl Founders {
    /// These keys, or `otherwise` if there are none.
    pub(crate) fn new(keys: Vec<PublicKey>, otherwise: Self) -> Self {
        if keys.is_empty() {
            otherwise
        } else {
            Self::Keys(keys.into_iter().collect())
        }
    }
}

/// A genesis of now.
fn begin(name: &str, validators: ValidatorSet, founders: &Founders) -> Genesis {
    let organisers = match founders {
        Founders::Validators => {
            Organisers::Keys(validators.iter().map(|validator| validator.key).collect())
        }
        Founders::Keys(keys) => Organisers::Keys(keys.clone()),
        Founders::Anyone => Organisers::Anyone,
    };
    Genesis {
        version: Version::NEWEST,
        name: name.to_owned(),
        time: now(),
        validators,
        limits: Limits::of(&organisers),
        organisers,
    }
}

/// A genesis in which this node is the only validator.
pub(crate) fn found(name: &str, founders: &Founders, node: &str, keys: &Keys) -> Result<Genesis> {
    let validator = Validator {
        key: keys.validator.public(),
        name: node.to_owned(),
        power: 1,
    };
    let genesis = begin(name, ValidatorSet::new(vec![validator])?, founders);
    genesis.check().context("--found")?;
    Ok(genesis)
}

/// Who may create elections, for the founder.
pub(crate) fn who_organises(genesis: &Genesis) -> String {
    match &genesis.organisers {
        Organisers::Anyone => {
            "anyone may create elections: whoever reaches a node can fill the list of elections, up to the chain's limits; \
             --organiser KEY names who may"
                .to_owned()
        }
        Organisers::Keys(keys) => {
            let keys: Vec<_> = keys.iter().map(|key| format!("{key:.16}")).collect();
            format!("{} may create elections; `vote-cli organiser admit` admits yours", keys.join(", "))
        }
    }
}
