//! `node recover`: goes over to the history of the peers, and keeps the old ledger aside.
//!
//! The new ledger is made in a folder of its own and takes the place of the old one when it is
//! whole, so that a run that is ended early has changed nothing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_bytes::ByteBuf;
use tokio::time::Instant;
use vote_api::Refusal;
use vote_chain::{
    BlockHash, Changes, CommitCertificate, Genesis, Height, Payload, State, TransactionId,
    VerifiedBlock, encode, parse,
};
use vote_consensus::{Certified, Evidence, Fork};
use vote_network::{Events, Handle, PeerEvent, PeerId};
use vote_storage::{Loaded, Store, Unread};
use vote_views as views;

use crate::config::{Config, Origin};
use crate::core::{NoBlocks, read_blocks, stops};
use crate::datadir::{DataDir, make_private, write_private};
use crate::exit::{Exit, Stop};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::peer::PeerRequest;
use crate::planned::print;
use crate::pool::Pool;
use crate::run::{apart, connect, shutdown, threads};
use crate::sign_state::SignFile;

const FOLDER: &str = "recovering";
const LEDGER: &str = "ledger.redb";
const LOG: &str = "ledger.wal";
/// After the first peer is there, others have so long to come, who may have more.
const GATHER: Duration = Duration::from_secs(3);
/// Between looks at what the peers have.
const LOOK: Duration = Duration::from_millis(500);
/// Lost transactions that are printed; all of them are in the file.
const SHOWN_MAX: usize = 20;

/// Runs the command.
pub(crate) async fn run(config: Config) -> Result<()> {
    if !matches!(config.origin, Origin::Join) {
        bail!(
            "`node recover` takes the chain that the data directory holds: leave out --found and --genesis"
        );
    }
    let shutdown = shutdown()?;
    tokio::pin!(shutdown);
    tokio::select! {
        done = apart(async move { recover(&config).await }) => done,
        () = &mut shutdown => bail!("ended early; nothing is changed"),
    }
}

async fn recover(config: &Config) -> Result<()> {
    let dir = DataDir::take(&config.data_dir)?;
    let keys = Keys::for_start(dir.path())?;
    let Some(old) = Unread::open(dir.path())? else {
        bail!(
            "{} holds no ledger: start the node with --bootstrap, and it fetches one",
            dir.path().display()
        );
    };
    let (old, Loaded { state, .. }) = old.load(threads())?;
    let old = Arc::new(old);
    let ledger = Ledger::new(Arc::new(state), old.clone(), Arc::default());
    let key = keys.validator.public();
    let signed = SignFile::find(dir.path(), &key)?.and_then(|found| found.file.state().last);
    let chain = old.genesis().chain();
    let (network, events, _) = connect(config, &dir, &keys, &chain.to_string()).await?;
    let left = left_behind(&ledger).map_err(|refusal| Stop::new(Exit::Damaged, refusal.reason))?;
    let old_tip = ledger.state.tip().height;
    drop(ledger);
    let folder = dir.file(FOLDER);
    let mut fetching = Fetching {
        left,
        fetched: Fetched::begin(&folder, old.genesis())?,
        folder,
        old_tip,
        refused: BTreeSet::new(),
    };
    fetching.run(&network, events, &old).await?;
    network.leave().await;
    let Fetching {
        fetched: Fetched { state, store, .. },
        folder,
        ..
    } = fetching;
    let tip = state.tip().height;
    let lost = Lost::between(&old, old_tip, &store, tip)?;
    take_evidence_along(&old, &store, tip, &lost)?;
    drop((old, store));
    let aside = put_in_place(dir.path(), &folder, &lost)?;
    let mut report = report(config, &lost, tip, &aside);
    let registry = state.registry();
    if let Some(last) =
        signed.filter(|_| registry.next.contains(&key) || registry.after.contains(&key))
        && !config.json
    {
        report += "\nThis node is a validator: it signs nothing that it may have signed before, at heights up to ";
        report += &format!("{}.", last.height);
    }
    print(&report)
}

/// The block of this ledger that it gives up: that of the newest fork, if those who signed the
/// other side could decide now. Forks of former sets change nothing, and what became of older ones
/// is in the ledger.
fn left_behind(old: &Ledger) -> Result<Option<(Height, BlockHash)>, Refusal> {
    let mut left = None;
    for (_, bytes) in old.proofs()? {
        let Ok(Evidence::Fork(fork)) = Evidence::from_bytes(&bytes) else {
            continue;
        };
        let against = old.excluded_by(&fork)?;
        if let Some(theirs) = stops(&old.state, &against) {
            let height = theirs.header.height.min(old.state.tip().height);
            left = left.max(Some((height, old.load(height)?.0.header.hash())));
        }
    }
    Ok(left)
}

/// The history of one peer, from the first block on, as far as it is fetched.
struct Fetched {
    state: State,
    store: Store,
    of: Option<PeerId>,
}

impl Fetched {
    fn begin(folder: &Path, genesis: &Genesis) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        make_private(folder)?;
        let (store, Loaded { state, .. }) = Unread::create(folder, genesis)?.load(threads())?;
        Ok(Self {
            state,
            store,
            of: None,
        })
    }
}

/// What became of a question.
enum Asked {
    /// So many blocks were taken.
    Took(usize),
    /// The peer has no more.
    Nothing,
    /// What it has does not follow.
    Other,
    /// The peer has the history that this node leaves.
    Left,
    /// No answer, or one that cannot be read.
    Failed,
}

struct Fetching {
    left: Option<(Height, BlockHash)>,
    fetched: Fetched,
    folder: PathBuf,
    old_tip: Height,
    /// Peers that have the history that this node leaves, or none that holds.
    refused: BTreeSet<PeerId>,
}

impl Fetching {
    /// Takes blocks from the peers until none has more, and they have what the old ledger has or
    /// another history.
    async fn run(&mut self, network: &Handle, mut events: Events, old: &Store) -> Result<()> {
        let mut peers: BTreeSet<PeerId> = BTreeSet::new();
        let mut first_at = None;
        let mut said = None;
        loop {
            while let Ok(event) = events.peers.try_recv() {
                match event {
                    PeerEvent::Connected(peer, _) => {
                        peers.insert(peer);
                        first_at.get_or_insert_with(Instant::now);
                    }
                    PeerEvent::Disconnected(peer) => drop(peers.remove(&peer)),
                    PeerEvent::Registered { .. } | PeerEvent::NotRegistered { .. } => {}
                }
            }
            // Nothing is answered meanwhile, and nobody is kept waiting.
            while events.requests.try_recv().is_ok() {}
            let gathered = first_at.is_some_and(|at: Instant| at.elapsed() >= GATHER);
            let mut taken = 0;
            for peer in peers.iter().filter(|_| gathered) {
                taken += self.fetch(network, *peer, old).await?;
            }
            let tip = self.fetched.state.tip().height;
            if said != Some((peers.len(), tip)) {
                let (count, old) = (peers.len(), self.old_tip);
                let _ = writeln!(
                    std::io::stderr(),
                    "{count} peers; fetched up to block {tip} (this ledger has {old})"
                );
                said = Some((peers.len(), tip));
            }
            if self.is_enough(old)? {
                if taken == 0 {
                    return Ok(());
                }
                continue;
            }
            if gathered && !peers.is_empty() && peers.is_subset(&self.refused) {
                bail!(
                    "none of the {} connected peers has a history to go over to: they have the one that this ledger has, which a fork \
                     excludes, or one that does not hold (see the log). Nothing is changed. Ask the validators' operators which history \
                     stands, and give a node that has it with --peer",
                    peers.len()
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether this is all that the old ledger has, or a history beside it.
    fn is_enough(&self, old: &Store) -> Result<bool> {
        let tip = self.fetched.state.tip();
        let beside = old
            .block(tip.height)?
            .is_some_and(|(block, _)| block.header.hash() != tip.hash);
        Ok(tip.height > Height::GENESIS && (beside || tip.height >= self.old_tip))
    }

    /// Takes all that one peer has, and says how many blocks that was. What is there already is
    /// kept if the peer's next block follows it; if not, the peer has another history, which is
    /// fetched from the first block on, unless the one at hand is enough.
    async fn fetch(&mut self, network: &Handle, peer: PeerId, old: &Store) -> Result<usize> {
        let mut taken = 0;
        while !self.refused.contains(&peer) {
            match self.ask(network, peer).await? {
                Asked::Took(blocks) => {
                    self.fetched.of = Some(peer);
                    taken += blocks;
                }
                Asked::Other if self.fetched.of == Some(peer) => drop(self.refused.insert(peer)),
                Asked::Left => drop(self.refused.insert(peer)),
                Asked::Other | Asked::Nothing
                    if self.fetched.of != Some(peer) && !self.is_enough(old)? =>
                {
                    self.fetched = Fetched::begin(&self.folder, old.genesis())?;
                    self.fetched.of = Some(peer);
                }
                Asked::Other | Asked::Nothing | Asked::Failed => break,
            }
        }
        Ok(taken)
    }

    /// Takes the next blocks that a peer has, up to the first that does not hold.
    async fn ask(&mut self, network: &Handle, peer: PeerId) -> Result<Asked> {
        let Fetched { state, store, .. } = &mut self.fetched;
        let answer = match network
            .request(
                peer,
                encode(&PeerRequest::Blocks(state.tip().height.next())),
            )
            .await
        {
            Ok(bytes) => match read_blocks(&bytes) {
                Ok(blocks) => Pool::new(state.chain())
                    .verify_blocks(blocks)
                    .await
                    .map_err(NoBlocks::from),
                Err(why) => Err(why),
            },
            Err(error) => Err(error.into()),
        };
        let blocks = match answer {
            Ok(blocks) => blocks,
            Err(reason) => {
                tracing::warn!(%peer, %reason, "no blocks from peer");
                return Ok(Asked::Failed);
            }
        };
        let (mut taken, mut left, mut other) = (0, false, false);
        let mut batch = store.begin();
        for (block, certificate) in blocks {
            other = true;
            if self.left == Some((block.header().height, block.hash())) {
                tracing::warn!(%peer, block = %block.hash(), "the peer has the history that this node leaves");
                left = true;
                break;
            }
            let changes = match judge(state, &block, &certificate) {
                Ok(changes) => changes,
                Err(reason) => {
                    tracing::warn!(%peer, reason, "block not taken");
                    break;
                }
            };
            batch.commit_block(&block, &certificate, &changes);
            state.commit(block.header(), &changes);
            taken += 1;
        }
        batch.finish()?;
        Ok(match taken {
            0 if left => Asked::Left,
            0 if other => Asked::Other,
            0 => Asked::Nothing,
            _ => Asked::Took(taken),
        })
    }
}

fn judge(
    state: &State,
    block: &Arc<VerifiedBlock>,
    certificate: &CommitCertificate,
) -> Result<Changes, String> {
    let height = state.tip().height.next();
    let verdict = certificate.verify(&state.chain(), height, &block.hash(), state.validators());
    verdict.map_err(|fault| {
        format!("a certificate for height {height} that does not hold: {fault}")
    })?;
    state
        .validate(block)
        .map_err(|fault| format!("block {height} breaks a rule: {fault}"))
}

/// What of the old ledger is not in the new one.
struct Lost {
    /// The first block that is another, with its certificate, and the one that stands instead, if
    /// there is one.
    parting: Option<(Certified, Option<Certified>)>,
    blocks: Vec<(ByteBuf, CommitCertificate)>,
    transactions: Vec<(TransactionId, &'static str)>,
}

impl Lost {
    fn between(old: &Store, old_tip: Height, new: &Store, tip: Height) -> Result<Self> {
        let mut lost = Self {
            parting: None,
            blocks: Vec::new(),
            transactions: Vec::new(),
        };
        let mut there = There::of(new);
        for number in first_other(old, new, old_tip.min(tip))?..=old_tip.get() {
            let height = Height::new(number);
            let (block, certificate) = old.block(height)?.context("a block is missing")?;
            if lost.parting.is_none() {
                let ours = Certified {
                    header: block.header.clone(),
                    certificate: certificate.clone(),
                };
                let theirs = new.block(height)?;
                let theirs = theirs.map(|(block, certificate)| Certified {
                    header: block.header,
                    certificate,
                });
                lost.parting = Some((ours, theirs));
            }
            for bytes in &block.transactions {
                let id = TransactionId::of(bytes);
                if !there.has(&id)? {
                    lost.transactions.push((id, kind(bytes)));
                }
            }
            lost.blocks
                .push((ByteBuf::from(encode(&block)), certificate));
        }
        Ok(lost)
    }
}

/// The transactions that a ledger has. Those that are asked for one after the other are mostly in
/// one block, which is read once.
struct There<'a> {
    store: &'a Store,
    height: Height,
    ids: BTreeSet<TransactionId>,
    /// Blocks that were read.
    read: u64,
}

impl<'a> There<'a> {
    const fn of(store: &'a Store) -> Self {
        Self {
            store,
            height: Height::GENESIS,
            ids: BTreeSet::new(),
            read: 0,
        }
    }

    fn has(&mut self, id: &TransactionId) -> Result<bool> {
        for (height, _) in self.store.places(id.as_bytes()) {
            if height != self.height {
                let (block, _) = self.store.block(height)?.context("a block is missing")?;
                self.ids = block
                    .transactions
                    .iter()
                    .map(|bytes| TransactionId::of(bytes))
                    .collect();
                self.height = height;
                self.read += 1;
            }
            if self.ids.contains(id) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The first height at which two ledgers differ, or the one after the last that both have. Each
/// block names its parent, so all below are the same.
fn first_other(old: &Store, new: &Store, both: Height) -> Result<u64> {
    let hash = |store: &Store, height| -> Result<Option<BlockHash>> {
        Ok(store
            .block(Height::new(height))?
            .map(|(block, _)| block.header.hash()))
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
        Ok(Payload::ApproveAct { .. }) => "approval of an organiser's act",
        Ok(Payload::ApproveChange { .. }) => "approval of a change of validators",
        Err(_) => "transaction",
    }
}

fn take_evidence_along(old: &Store, new: &Store, tip: Height, lost: &Lost) -> Result<()> {
    let mut batch = new.begin();
    for (height, bytes) in old.evidence()? {
        batch.put_evidence(height.min(tip), &bytes);
    }
    if let Some((ours, Some(theirs))) = &lost.parting {
        let fork = Evidence::Fork(Box::new(Fork::new(ours.clone(), theirs.clone())));
        batch.put_evidence(ours.header.height.min(tip), &fork.to_bytes());
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
    // Who puts the old ledger back needs the log of its open height too; the new one writes over it.
    let log = dir.join(LOG);
    if log.exists() {
        let copy = dir.join(format!("ledger.aside-{number}.wal"));
        fs::copy(&log, &copy).with_context(|| format!("cannot make {}", copy.display()))?;
        File::open(&copy)?.sync_all()?;
    }
    write_private(&file, &encode(&lost.blocks))?;
    // Under two names for a moment, so that there is a ledger at any time.
    fs::hard_link(dir.join(LEDGER), &ledger)
        .with_context(|| format!("cannot make {}", ledger.display()))?;
    File::open(dir)?.sync_all()?;
    fs::rename(folder.join(LEDGER), dir.join(LEDGER))
        .context("cannot put the new ledger in place")?;
    File::open(dir)?.sync_all()?;
    fs::remove_dir_all(folder)?;
    Ok(Aside { ledger, lost: file })
}

fn report(config: &Config, lost: &Lost, tip: Height, aside: &Aside) -> String {
    let first = lost.parting.as_ref().map(|(ours, _)| ours.header.height);
    if config.json {
        let one = |(id, kind): &(TransactionId, &'static str)| views::LostTransaction {
            id: (*id).into(),
            kind,
        };
        return views::line(&views::Recovered {
            height: tip.get(),
            lost_from: first.map(Height::get),
            lost_blocks: lost.blocks.len(),
            lost_transactions: lost.transactions.iter().map(one).collect(),
            old_ledger: aside.ledger.display().to_string(),
            lost_file: aside.lost.display().to_string(),
        });
    }
    let kept = format!(
        "The ledger is fetched anew, up to block {tip}. The old one is kept as {}.\n",
        aside.ledger.display()
    );
    let Some(first) = first else {
        return kept + "Nothing of the old ledger is missing in it.";
    };
    let (blocks, file, count) = (
        lost.blocks.len(),
        aside.lost.display(),
        lost.transactions.len(),
    );
    let mut lines = vec![
        format!(
            "{kept}{blocks} blocks of the old ledger, from height {first} on, are not in it; they are in {file}, with their certificates."
        ),
        format!(
            "{count} transactions of these are in no block of the new ledger; whoever signed them can submit them again:"
        ),
    ];
    lines.extend(
        lost.transactions
            .iter()
            .take(SHOWN_MAX)
            .map(|(id, kind)| format!("  {kind}  {id}")),
    );
    if count > SHOWN_MAX {
        lines.push(format!("  ... and {} more", count - SHOWN_MAX));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{beside, fork, keep_fork, key, replaced, store, turned_over};

    #[test]
    fn block_that_is_left_is_that_of_the_newest_fork_that_those_have_signed_who_can_decide_now() {
        let ledger = replaced();
        keep_fork(&ledger, fork(&ledger, beside(&ledger, 1, 1, &key(0))));
        assert_eq!(left_behind(&ledger).unwrap(), None);
        keep_fork(&ledger, fork(&ledger, beside(&ledger, 5, 1, &key(1))));
        let own = ledger.load(Height::new(5)).unwrap().0.header.hash();
        assert_eq!(left_behind(&ledger).unwrap(), Some((Height::new(5), own)));
    }

    #[test]
    fn transactions_of_one_block_are_looked_for_in_one_reading_of_it() {
        let (ledger, ..) = turned_over(5);
        let store = store(&ledger);
        let mut there = There::of(store);
        let (mut blocks, mut transactions) = (0, 0);
        while let Some((block, _)) = store.block(Height::new(blocks + 1)).unwrap() {
            blocks += 1;
            transactions += block.transactions.len();
            for bytes in &block.transactions {
                assert!(there.has(&TransactionId::of(bytes)).unwrap());
            }
        }
        assert_eq!(there.read, blocks);
        assert!(transactions as u64 > blocks, "some blocks have several");
        assert!(!there.has(&TransactionId::of(b"another")).unwrap());
    }

    /// As if the node ended between the two steps: the second cannot be taken.
    #[test]
    fn there_is_a_ledger_at_any_time_while_the_new_one_is_put_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        fs::write(dir.path().join(LEDGER), "old").unwrap();
        fs::write(dir.path().join(LOG), "old log").unwrap();
        let lost = Lost {
            parting: None,
            blocks: Vec::new(),
            transactions: Vec::new(),
        };
        put_in_place(dir.path(), &folder, &lost)
            .map(|_| ())
            .unwrap_err();
        assert_eq!(fs::read(dir.path().join(LEDGER)).unwrap(), b"old");
        fs::write(folder.join(LEDGER), "new").unwrap();
        let aside = put_in_place(dir.path(), &folder, &lost).unwrap();
        assert_eq!(
            (
                fs::read(dir.path().join(LEDGER)).unwrap(),
                fs::read(aside.ledger).unwrap()
            ),
            (b"new".into(), b"old".into())
        );
        assert_eq!(
            fs::read(dir.path().join("ledger.aside-1.wal")).unwrap(),
            b"old log"
        );
    }
}
