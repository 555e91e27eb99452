//! Proofs of misbehaviour: kept within bounds, shown to peers who ask, asked of peers; and what a fork means for this node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use vote_chain::{Height, PublicKey, decode, encode};
use vote_consensus::{Certified, Evidence, Fork, Halt};
use vote_network::{PeerId, Reply};
use vote_storage::{StorageError, Store};

use super::{Core, Inner};
use crate::ledger::Ledger;
use crate::peer::{PeerRequest, PeerResponse};

/// Proofs against one validator.
const OF_ONE_MAX: usize = 10;
/// Forks.
const FORKS_MAX: usize = 8;
/// All together in bytes, so that one answer to a peer has all of them.
const BYTES_MAX: usize = 900 * 1024;
/// A node that ends because of a fork takes so long at most to tell its peers.
const FAREWELL: Duration = Duration::from_secs(3);

/// What is kept, and how much of it there is.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    known: BTreeSet<[u8; 32]>,
    of_one: BTreeMap<PublicKey, usize>,
    forks: usize,
    bytes: usize,
}

impl Kept {
    /// What a ledger holds.
    pub(crate) fn of(store: &Store) -> Result<Self, StorageError> {
        let mut kept = Self::default();
        for (_, bytes) in store.evidence()? {
            if let Ok(evidence) = Evidence::from_bytes(&bytes) {
                kept.admit(&evidence, &bytes);
            }
        }
        Ok(kept)
    }

    fn knows(&self, bytes: &[u8]) -> bool {
        self.known.contains(&hash(bytes))
    }

    /// Whether to keep a proof: it is new, and there is room for it.
    pub(super) fn admit(&mut self, evidence: &Evidence, bytes: &[u8]) -> bool {
        if self.knows(bytes) || self.bytes + bytes.len() > BYTES_MAX {
            return false;
        }
        let (count, max) = match evidence {
            Evidence::Equivocation(equivocation) => {
                (self.of_one.entry(equivocation.validator).or_default(), OF_ONE_MAX)
            }
            Evidence::Fork(_) => (&mut self.forks, FORKS_MAX),
        };
        if *count >= max {
            return false;
        }
        *count += 1;
        self.bytes += bytes.len();
        self.known.insert(hash(bytes));
        true
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A proof of a peer's that holds.
#[derive(Debug)]
pub(crate) struct Proven {
    evidence: Evidence,
    bytes: Vec<u8>,
    height: Height,
    /// The block of a fork that excludes this node's own ledger, if one does.
    against: Option<Box<Certified>>,
}

/// Checks what a peer has sent. The first that proves nothing ends it: no honest node keeps such.
fn check(ledger: &Ledger, known: &BTreeSet<[u8; 32]>, sent: &[ByteBuf]) -> Result<Vec<Proven>, String> {
    let sets = ledger.sets().map_err(|error| error.reason)?;
    let chain = ledger.state.chain();
    let mut proven = Vec::new();
    for bytes in sent {
        if known.contains(&hash(bytes)) {
            continue;
        }
        let evidence = Evidence::from_bytes(bytes).map_err(|error| error.to_string())?;
        let Some(height) = evidence.height() else { return Err("evidence without messages".to_owned()) };
        if height > ledger.state.tip().height {
            // Of heights that are not decided here yet; it is asked for again.
            continue;
        }
        evidence.check(&chain, |height| sets.of(height)).map_err(|fault| fault.to_string())?;
        let against = match &evidence {
            Evidence::Fork(fork) => ledger.excluded_by(fork).map_err(|error| error.reason)?,
            Evidence::Equivocation(_) => None,
        };
        proven.push(Proven { evidence, bytes: bytes.to_vec(), height, against: against.map(Box::new) });
    }
    Ok(proven)
}

fn all(store: &Store) -> Result<Vec<ByteBuf>, StorageError> {
    let rows = store.evidence()?.into_iter().map(|(_, bytes)| ByteBuf::from(bytes));
    let mut bytes = 0;
    let fits = |proof: &ByteBuf| {
        bytes += proof.len() + 8;
        bytes <= BYTES_MAX
    };
    Ok(rows.take_while(fits).collect())
}

impl Core {
    /// Asks the peers that have no block more than this node for what they have; each once.
    pub(super) fn ask_evidence(&mut self) {
        let tip = self.ledger.borrow().state.tip().height;
        for peer in self.peers.ask_for_evidence(tip) {
            let network = self.network.clone();
            let pool = self.pool.clone();
            let ledger = self.ledger.borrow().clone();
            let known = self.evidence.known.clone();
            self.spawn(async move {
                let bytes = network.request(peer, encode(&PeerRequest::Evidence(Vec::new()))).await.ok()?;
                let answer = decode::<PeerResponse>(&bytes);
                let checked = match answer {
                    Ok(PeerResponse::Evidence(sent)) => pool.run(move |_| check(&ledger, &known, &sent)).await,
                    Ok(_) => Err("another answer than evidence".to_owned()),
                    Err(error) => Err(error.to_string()),
                };
                Some(Inner::Evidence(peer, checked))
            });
        }
    }

    /// A peer shows what it has, and asks for what this node has.
    pub(super) fn exchange_evidence(&self, peer: PeerId, sent: Vec<ByteBuf>, reply: Reply) {
        if !self.peers.may_ask_evidence(&peer) {
            return tracing::debug!(%peer, "asks for evidence too often; not answered");
        }
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || match all(&store) {
            Ok(proofs) => reply.send(encode(&PeerResponse::Evidence(proofs))),
            Err(error) => tracing::error!(%error, "evidence cannot be read"),
        });
        if sent.is_empty() {
            return;
        }
        let Some(permit) = self.pool.try_permit() else { return };
        let pool = self.pool.clone();
        let ledger = self.ledger.borrow().clone();
        let known = self.evidence.known.clone();
        self.spawn(async move {
            let checked = pool.run_with(permit, move |_| check(&ledger, &known, &sent)).await;
            Some(Inner::Evidence(peer, checked))
        });
    }

    pub(super) fn on_evidence(&mut self, peer: PeerId, checked: Result<Vec<Proven>, String>) {
        let proven = match checked {
            Ok(proven) => proven,
            Err(reason) => {
                if let Some(unsaid) = self.news.warning(Instant::now(), "evidence refused") {
                    tracing::warn!(%peer, reason, unsaid, "evidence refused");
                }
                return self.strike(peer);
            }
        };
        // Whoever has started this node again after a fork knows of it, and of every other proof of the same.
        let known = self.evidence.forks > 0;
        let mut fresh = Vec::new();
        for Proven { evidence, bytes, height, against } in proven {
            if !self.evidence.admit(&evidence, &bytes) {
                continue;
            }
            for (validator, what) in evidence.accused() {
                tracing::warn!(%validator, what, "a peer has shown what a validator has signed");
            }
            if let Some(against) = against.filter(|block| !known && self.speaks_for_the_present_set(block)) {
                self.farewell.push(ByteBuf::from(bytes.clone()));
                self.end = Some(super::signing::stop(Halt::Fork(against)).into());
            }
            fresh.push((height, bytes));
        }
        if let Err(error) = self.keep_evidence(&fresh) {
            self.end = Some(error);
        }
    }

    /// Whether those who have signed for a block could decide now. Keys of a former set can sign another history of their time at
    /// any later time; that stops nobody.
    fn speaks_for_the_present_set(&self, block: &Certified) -> bool {
        let signers = block.certificate.signatures.iter().map(|signature| &signature.validator);
        self.engine.state().validators().is_quorum(signers)
    }

    fn keep_evidence(&self, proofs: &[(Height, Vec<u8>)]) -> Result<()> {
        if proofs.is_empty() {
            return Ok(());
        }
        let write = || -> Result<(), StorageError> {
            let mut batch = self.store.begin()?;
            for (height, bytes) in proofs {
                batch.put_evidence(*height, bytes)?;
            }
            batch.finish()
        };
        tokio::task::block_in_place(write).context("evidence cannot be written")
    }

    /// A block is final that does not follow from this node's last one: both are kept as proof before the node ends.
    pub(super) fn forked(&mut self, theirs: Certified) -> Result<()> {
        let tip = self.engine.state().tip().height;
        let (block, certificate) = self.ledger.borrow().load(tip).map_err(|error| anyhow::anyhow!(error.reason))?;
        let ours = Certified { header: block.header, certificate };
        let evidence = Evidence::Fork(Box::new(Fork::new(ours, theirs)));
        let bytes = evidence.to_bytes();
        if self.evidence.admit(&evidence, &bytes) {
            self.keep_evidence(&[(tip, bytes.clone())])?;
        }
        self.farewell.push(ByteBuf::from(bytes));
        Ok(())
    }

    /// Shows the peers why this node ends.
    pub(super) async fn say_farewell(&mut self) {
        if self.farewell.is_empty() {
            return;
        }
        let request = encode(&PeerRequest::Evidence(std::mem::take(&mut self.farewell)));
        let mut told = JoinSet::new();
        for peer in self.peers.ids() {
            let (network, request) = (self.network.clone(), request.clone());
            told.spawn(async move { network.request(peer, request).await.is_ok() });
        }
        // Who is not told in time learns it from another peer.
        let _ = timeout(FAREWELL, told.join_all()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::SecretKey;
    use vote_consensus::Equivocation;

    fn equivocation(validator: u8, number: u32) -> Evidence {
        let bytes = |which: u8| ByteBuf::from([&[which], number.to_be_bytes().as_slice()].concat());
        let validator = SecretKey::from_seed(&[validator; 32]).public();
        let what = "two votes".to_owned();
        Evidence::Equivocation(Equivocation { validator, what, first: bytes(0), second: bytes(1) })
    }

    #[test]
    fn one_liar_fills_no_more_than_its_share_and_the_same_is_kept_once() {
        let mut kept = Kept::default();
        let mut admit = |evidence: &Evidence| kept.admit(evidence, &evidence.to_bytes());
        let admitted = (0..1000).filter(|number| admit(&equivocation(1, *number))).count();
        assert_eq!(admitted, OF_ONE_MAX);
        assert!(admit(&equivocation(2, 0)), "others are still heard of");
        assert!(!admit(&equivocation(2, 0)));
    }

    #[test]
    fn all_that_is_kept_fits_one_answer() {
        let mut kept = Kept::default();
        let large = |number: u8| {
            let what = "x".repeat(40_000);
            let validator = SecretKey::from_seed(&[number; 32]).public();
            let (first, second) = (ByteBuf::new(), ByteBuf::new());
            Evidence::Equivocation(Equivocation { validator, what, first, second })
        };
        for number in 0..=255 {
            let evidence = large(number);
            kept.admit(&evidence, &evidence.to_bytes());
        }
        assert!((BYTES_MAX - 50_000..=BYTES_MAX).contains(&kept.bytes), "{}", kept.bytes);
    }
}
