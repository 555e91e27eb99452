//! `node recover`: goes over to the history of the peers, and keeps the old ledger aside.
//!
//! The new ledger is made in a folder of its own and takes the place of the old one when it is whole, so that a run that is
//! ended early has changed nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_bytes::ByteBuf;
use tokio::time::Instant;
use vote_chain::{
    BlockHash, Changes, CommitCertificate, Height, Payload, State, TransactionId, VerifiedBlock, encode, parse,
};
use vote_consensus::{Certified, Evidence, Fork};
use vote_network::{Events, Handle, PeerEvent, PeerId};
use vote_storage::Store;

use crate::config::{Config, Origin};
use crate::core::check_blocks;
use crate::datadir::{DataDir, make_private, write_private};
use crate::keys::Keys;
use crate::peer::PeerRequest;
use crate::run::{connect, shutdown};
use crate::sign_state::SignFile;

const FOLDER: &str = "recovering";
const LEDGER: &str = "ledger.redb";
/// After the first peer is there, others have so long to come, who may have more.
const GATHER: Duration = Duration::from_secs(3);
/// Between looks at what the peers have.
const LOOK: Duration = Duration::from_millis(500);
/// Lost transactions that are printed; all of them are in the file.
const SHOWN_MAX: usize = 20;

/// Runs the command.
pub(crate) async fn run(config: Config) -> Result<()> {
    if !matches!(config.origin, Origin::Join) {
        bail!("`node recover` takes the chain that the data directory holds: leave out --found and --genesis");
    }
    let shutdown = shutdown()?;
    tokio::pin!(shutdown);
    tokio::select! {
        done = recover(&config) => done,
        () = &mut shutdown => bail!("ended early; nothing is changed"),
    }
}

async fn recover(config: &Config) -> Result<()> {
    let dir = DataDir::take(&config.data_dir)?;
    let keys = Keys::for_start(dir.path())?;
    let Some(old) = Store::open(dir.path())? else {
        bail!("{} holds no ledger: start the node with --bootstrap, and it fetches one", dir.path().display());
    };
    let key = keys.validator.public();
    let signed = SignFile::find(dir.path(), &key)?.and_then(|found| found.file.state().last);
    let chain = old.genesis().chain();
    let (network, events, _) = connect(config, &dir, &keys, &chain.to_string()).await?;
    let folder = dir.file(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    make_private(&folder)?;
    let store = Store::create(&folder, old.genesis())?;
    let old_tip = old.load()?.state.tip().height;
    let state = State::new(old.genesis().clone());
    let mut fetching = Fetching { left: left_behind(&old)?, state, store, old_tip };
    fetching.run(&network, events, &old).await?;
    network.leave().await;
    let Fetching { state, store, .. } = fetching;
    let tip = state.tip().height;
    let lost = Lost::between(&old, old_tip, &store, tip)?;
    take_evidence_along(&old, &store, tip, &lost)?;
    drop((old, store));
    let aside = put_in_place(dir.path(), &folder, &lost)?;
    report(config, &lost, tip, &aside);
    let registry = state.registry();
    if let Some(last) = signed.filter(|_| registry.next.contains(&key) || registry.after.contains(&key)) {
        println!(
            "This node is a validator: it signs nothing that it may have signed before, at heights up to {}.",
            last.height
        );
    }
    Ok(())
}

/// The blocks of this ledger that it gave up when it met a fork.
fn left_behind(old: &Store) -> Result<BTreeMap<Height, BlockHash>> {
    let mut left = BTreeMap::new();
    for (_, bytes) in old.evidence()? {
        let Ok(Evidence::Fork(fork)) = Evidence::from_bytes(&bytes) else { continue };
        for Certified { header, .. } in [&fork.first, &fork.second] {
            if old.block(header.height)?.is_some_and(|(own, _)| own.header.hash() == header.hash()) {
                left.insert(header.height, header.hash());
            }
        }
    }
    Ok(left)
}

struct Fetching {
    left: BTreeMap<Height, BlockHash>,
    state: State,
    store: Store,
    old_tip: Height,
}

impl Fetching {
    /// Takes blocks from the peers until none has more, and they have what the old ledger has or another history.
    async fn run(&mut self, network: &Handle, mut events: Events, old: &Store) -> Result<()> {
        let mut peers: BTreeSet<PeerId> = BTreeSet::new();
        let mut first_at = None;
        let mut said = None;
        loop {
            while let Ok(event) = events.peers.try_recv() {
                match event {
                    PeerEvent::Connected(peer) => {
                        peers.insert(peer);
                        first_at.get_or_insert_with(Instant::now);
                    }
                    PeerEvent::Disconnected(peer) => drop(peers.remove(&peer)),
                    PeerEvent::Registered { .. } | PeerEvent::TrackerLost { .. } => {}
                }
            }
            // Nothing is answered meanwhile, and nobody is kept waiting.
            while events.requests.try_recv().is_ok() {}
            let mut taken = 0;
            for peer in &peers {
                taken += self.ask(network, *peer).await?;
            }
            let tip = self.state.tip().height;
            if said != Some((peers.len(), tip)) {
                let (count, old) = (peers.len(), self.old_tip);
                let _ = writeln!(std::io::stderr(), "{count} peers; fetched up to block {tip} (this ledger has {old})");
                said = Some((peers.len(), tip));
            }
            if taken > 0 {
                continue;
            }
            let gathered = first_at.is_some_and(|at: Instant| at.elapsed() >= GATHER);
            if gathered && self.is_enough(old)? {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether this is all that the old ledger has, or a history beside it.
    fn is_enough(&self, old: &Store) -> Result<bool> {
        let tip = self.state.tip();
        let beside = old.block(tip.height)?.is_some_and(|(block, _)| block.header.hash() != tip.hash);
        Ok(tip.height > Height::GENESIS && (beside || tip.height >= self.old_tip))
    }

    /// Takes what one peer has, and says how many blocks that was. What does not hold is only logged: another peer may have better.
    async fn ask(&mut self, network: &Handle, peer: PeerId) -> Result<usize> {
        let chain = self.state.chain();
        let from = self.state.tip().height.next();
        let answer = match network.request(peer, encode(&PeerRequest::Blocks(from))).await {
            Ok(bytes) => check_blocks(&chain, &bytes),
            Err(error) => Err(error.to_string()),
        };
        let blocks = match answer {
            Ok(blocks) => blocks,
            Err(reason) => {
                tracing::warn!(%peer, reason, "no blocks from peer");
                return Ok(0);
            }
        };
        let mut taken = 0;
        let mut batch = self.store.begin()?;
        for (block, certificate) in blocks {
            let changes = match self.judge(&block, &certificate) {
                Ok(changes) => changes,
                Err(reason) => {
                    tracing::warn!(%peer, reason, "block not taken");
                    break;
                }
            };
            batch.commit_block(&block, &certificate, &changes, &[])?;
            self.state.commit(block.header(), &changes);
            taken += 1;
        }
        batch.finish()?;
        Ok(taken)
    }

    fn judge(&self, block: &Arc<VerifiedBlock>, certificate: &CommitCertificate) -> Result<Changes, String> {
        let height = self.state.tip().height.next();
        let hash = block.hash();
        if self.left.get(&height) == Some(&hash) {
            return Err(format!("block {height} is of the history that this node leaves"));
        }
        let verdict = certificate.verify(&self.state.chain(), height, &hash, self.state.validators());
        verdict.map_err(|fault| format!("a certificate for height {height} that does not hold: {fault}"))?;
        self.state.validate(block).map_err(|fault| format!("block {height} breaks a rule: {fault}"))
    }
}

/// What of the old ledger is not in the new one.
struct Lost {
    /// The first block that is another, with its certificate, and the one that stands instead, if there is one.
    parting: Option<(Certified, Option<Certified>)>,
    blocks: Vec<(ByteBuf, CommitCertificate)>,
    transactions: Vec<(TransactionId, &'static str)>,
}

impl Lost {
    fn between(old: &Store, old_tip: Height, new: &Store, tip: Height) -> Result<Self> {
        let mut lost = Self { parting: None, blocks: Vec::new(), transactions: Vec::new() };
        for number in first_other(old, new, old_tip.min(tip))?..=old_tip.get() {
            let height = Height::new(number);
            let (block, certificate) = old.block(height)?.context("a block is missing")?;
            if lost.parting.is_none() {
                let ours = Certified { header: block.header.clone(), certificate: certificate.clone() };
                let theirs = new.block(height)?;
                let theirs = theirs.map(|(block, certificate)| Certified { header: block.header, certificate });
                lost.parting = Some((ours, theirs));
            }
            for bytes in &block.transactions {
                let id = TransactionId::of(bytes);
                if new.transaction(&id)?.is_none() {
                    lost.transactions.push((id, kind(bytes)));
                }
            }
            lost.blocks.push((ByteBuf::from(encode(&block)), certificate));
        }
        Ok(lost)
    }
}

/// The first height at which two ledgers differ, or the one after the last that both have. Each block names its parent, so all
/// below are the same.
fn first_other(old: &Store, new: &Store, both: Height) -> Result<u64> {
    let hash = |store: &Store, height| -> Result<Option<BlockHash>> {
        Ok(store.block(Height::new(height))?.map(|(block, _)| block.header.hash()))
    };
    let (mut same, mut other) = (0, both.get() + 1);
    while same + 1 < other {
        let middle = same + (other - same) / 2;
        if hash(old, middle)? == hash(new, middle)? {
            same = middle;
        } else {
            other = middle;
        }
    }
    Ok(other)
}

fn kind(bytes: &[u8]) -> &'static str {
    match parse(bytes).map(|transaction| transaction.content.payload) {
        Ok(Payload::CastBallot(_)) => "ballot",
        Ok(Payload::CreateElection(_)) => "election",
        Ok(Payload::Organise(_)) => "act of an organiser",
        Ok(Payload::ApproveChange { .. }) => "approval of a change of validators",
        Err(_) => "transaction",
    }
}

fn take_evidence_along(old: &Store, new: &Store, tip: Height, lost: &Lost) -> Result<()> {
    let mut batch = new.begin()?;
    for (height, bytes) in old.evidence()? {
        batch.put_evidence(height.min(tip), &bytes)?;
    }
    if let Some((ours, Some(theirs))) = &lost.parting {
        let fork = Evidence::Fork(Box::new(Fork::new(ours.clone(), theirs.clone())));
        batch.put_evidence(ours.header.height.min(tip), &fork.to_bytes())?;
    }
    Ok(batch.finish()?)
}

/// Where the old ledger is, and what of it the new one has not.
struct Aside {
    ledger: PathBuf,
    lost: PathBuf,
}

fn put_in_place(dir: &Path, folder: &Path, lost: &Lost) -> Result<Aside> {
    let free = |number: &u32| !dir.join(format!("ledger.aside-{number}.redb")).exists();
    let number = (1..).find(free).expect("some number is free");
    let ledger = dir.join(format!("ledger.aside-{number}.redb"));
    let file = dir.join(format!("ledger.aside-{number}.lost"));
    write_private(&file, &encode(&lost.blocks))?;
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to).with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
    };
    rename(&dir.join(LEDGER), &ledger)?;
    rename(&folder.join(LEDGER), &dir.join(LEDGER))?;
    File::open(dir)?.sync_all()?;
    fs::remove_dir_all(folder)?;
    Ok(Aside { ledger, lost: file })
}

fn report(config: &Config, lost: &Lost, tip: Height, aside: &Aside) {
    let first = lost.parting.as_ref().map(|(ours, _)| ours.header.height);
    if config.json {
        let transactions: Vec<_> =
            lost.transactions.iter().map(|(id, kind)| serde_json::json!({ "id": id, "kind": kind })).collect();
        let report = serde_json::json!({
            "height": tip.get(), "lost_from": first.map(Height::get), "lost_blocks": lost.blocks.len(),
            "lost_transactions": transactions, "old_ledger": aside.ledger, "lost_file": aside.lost,
        });
        return println!("{report}");
    }
    println!("The ledger is fetched anew, up to block {tip}. The old one is kept as {}.", aside.ledger.display());
    let Some(first) = first else { return println!("Nothing of the old ledger is missing in it.") };
    println!(
        "{} blocks of the old ledger, from height {first} on, are not in it; they are in {}, with their certificates.",
        lost.blocks.len(),
        aside.lost.display()
    );
    println!(
        "{} transactions of these are in no block of the new ledger; whoever signed them can submit them again:",
        lost.transactions.len()
    );
    for (id, kind) in lost.transactions.iter().take(SHOWN_MAX) {
        println!("  {kind}  {id}");
    }
    if lost.transactions.len() > SHOWN_MAX {
        println!("  ... and {} more", lost.transactions.len() - SHOWN_MAX);
    }
}
