//! Proofs of misbehaviour: kept within bounds, shown to peers who ask, asked of peers; and what a
//! fork means for this node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use vote_api::Refusal;
use vote_chain::{Height, PublicKey, State, decode, encode};
use vote_consensus::{Certified, Evidence, Fork, Halt};
use vote_network::{PeerId, Reply};
use vote_storage::{StorageError, Store};

use super::{Core, Inner};
use crate::ledger::Ledger;
use crate::peer::{PeerRequest, PeerResponse};

/// Proofs against one validator.
const OF_ONE_MAX: usize = 10;
/// Forks that stop this node, and as many that stop nobody.
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
    /// Forks that have stopped this node, or would have: somebody who can decide now has signed for
    /// a history without this ledger.
    stopping: usize,
    /// Other forks: of former sets.
    forks: usize,
    bytes: usize,
}

impl Kept {
    /// What a ledger holds.
    pub(crate) fn of(ledger: &Ledger) -> Result<Self, Refusal> {
        let mut kept = Self::default();
        for (_, bytes) in ledger.proofs()? {
            match Evidence::from_bytes(&bytes) {
                Ok(Evidence::Fork(fork))
                    if stops(&ledger.state, &ledger.excluded_by(&fork)?).is_some() =>
                {
                    kept.admit_stopping(&bytes);
                }
                Ok(evidence) => drop(kept.admit(&evidence, &bytes)),
                Err(_) => {}
            }
        }
        Ok(kept)
    }

    fn knows(&self, bytes: &[u8]) -> bool {
        self.known.contains(&hash(bytes))
    }

    /// Whether to keep a proof that stops nobody: it is new, and there is room for it.
    pub(super) fn admit(&mut self, evidence: &Evidence, bytes: &[u8]) -> bool {
        if self.knows(bytes) || self.bytes + bytes.len() > BYTES_MAX {
            return false;
        }
        let (count, max) = match evidence {
            Evidence::Equivocation(equivocation) => (
                self.of_one.entry(equivocation.validator).or_default(),
                OF_ONE_MAX,
            ),
            Evidence::Fork(_) => (&mut self.forks, FORKS_MAX),
        };
        if *count >= max {
            return false;
        }
        *count += 1;
        self.note(bytes);
        true
    }

    /// Whether to keep a fork that stops this node. There is always room for the first.
    fn admit_stopping(&mut self, bytes: &[u8]) -> bool {
        let room = self.stopping < FORKS_MAX && self.bytes + bytes.len() <= BYTES_MAX;
        if self.knows(bytes) || !(room || self.stopping == 0) {
            return false;
        }
        self.stopping += 1;
        self.note(bytes);
        true
    }

    /// Takes a proof in: whether to keep it, and the block against which this node ends, if it
    /// does. Whoever has started it again after a fork knows of that, and of every other proof of
    /// the same.
    fn take(&mut self, state: &State, proof: &Proven) -> (bool, Option<Certified>) {
        let known = self.stopping > 0;
        match stops(state, &proof.against) {
            Some(against) => {
                let new = self.admit_stopping(&proof.bytes);
                (new, Some(against.clone()).filter(|_| new && !known))
            }
            None => (self.admit(&proof.evidence, &proof.bytes), None),
        }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.known.insert(hash(bytes));
    }
}

/// Of the blocks that exclude this ledger, one whose signers could decide now. Keys of a former set
/// can sign another history of their time at any later time; that stops nobody.
pub(crate) fn stops<'a>(state: &State, against: &'a [Certified]) -> Option<&'a Certified> {
    against.iter().find(|block| {
        let signers = block
            .certificate
            .signatures
            .iter()
            .map(|signature| &signature.validator);
        state.validators().is_quorum(signers)
    })
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
    /// The blocks of a fork that exclude this node's own ledger.
    against: Vec<Certified>,
}

/// What was found of what a peer has sent.
#[derive(Debug)]
pub(crate) struct Checked {
    proven: Vec<Proven>,
    /// Why the rest was not looked at.
    fault: Option<String>,
}

impl Checked {
    fn nothing(fault: impl ToString) -> Self {
        Self {
            proven: Vec::new(),
            fault: Some(fault.to_string()),
        }
    }
}

/// Checks what a peer has sent. The first that proves nothing ends it: no honest node keeps such.
/// Those before it hold all the same.
fn check(ledger: &Ledger, known: &BTreeSet<[u8; 32]>, sent: &[ByteBuf]) -> Checked {
    let mut proven = Vec::new();
    let fault = prove(ledger, known, sent, &mut proven).err();
    Checked { proven, fault }
}

fn prove(
    ledger: &Ledger,
    known: &BTreeSet<[u8; 32]>,
    sent: &[ByteBuf],
    proven: &mut Vec<Proven>,
) -> Result<(), String> {
    let sets = ledger.sets().map_err(|error| error.reason)?;
    let chain = ledger.state.chain();
    for bytes in sent {
        if known.contains(&hash(bytes)) {
            continue;
        }
        let evidence = Evidence::from_bytes(bytes).map_err(|error| error.to_string())?;
        let Some(height) = evidence.height() else {
            return Err("evidence without messages".to_owned());
        };
        if height > ledger.state.tip().height {
            // Of heights that are not decided here yet, so who could sign for them is not known.
            // Whoever connects later is asked too.
            continue;
        }
        evidence
            .check(&chain, |height| sets.of(height))
            .map_err(|fault| fault.to_string())?;
        let against = match &evidence {
            Evidence::Fork(fork) => ledger.excluded_by(fork).map_err(|error| error.reason)?,
            Evidence::Equivocation(_) => Vec::new(),
        };
        proven.push(Proven {
            evidence,
            bytes: bytes.to_vec(),
            height,
            against,
        });
    }
    Ok(())
}

fn all(store: &Store) -> Result<Vec<ByteBuf>, StorageError> {
    let rows = store
        .evidence()?
        .into_iter()
        .map(|(_, bytes)| ByteBuf::from(bytes));
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
                let bytes = network
                    .request(peer, encode(&PeerRequest::Evidence(Vec::new())))
                    .await
                    .ok()?;
                let answer = decode::<PeerResponse>(&bytes);
                let checked = match answer {
                    Ok(PeerResponse::Evidence(sent)) => {
                        pool.run(move |_| check(&ledger, &known, &sent)).await
                    }
                    Ok(_) => Checked::nothing("another answer than evidence"),
                    Err(error) => Checked::nothing(error),
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
        let read = move || match all(&store) {
            Ok(proofs) => reply.send(encode(&PeerResponse::Evidence(proofs))),
            Err(error) => tracing::error!(%error, "evidence cannot be read"),
        };
        let of_validator = self.is_validator(&peer);
        match self.pool.try_for_peer(of_validator, read) {
            Some(read) => drop(tokio::spawn(read)),
            None => tracing::debug!(%peer, "too many peers ask at once; not answered"),
        }
        if sent.is_empty() || !self.peers.may_have_checked(of_validator) {
            return;
        }
        let ledger = self.ledger.borrow().clone();
        let known = self.evidence.known.clone();
        let check = move || check(&ledger, &known, &sent);
        if let Some(checked) = self.pool.try_for_peer(of_validator, check) {
            self.spawn(async move { Some(Inner::Evidence(peer, checked.await)) });
        }
    }

    pub(super) fn on_evidence(&mut self, peer: PeerId, checked: Checked) {
        let mut fresh = Vec::new();
        for proof in checked.proven {
            let (new, against) = self.evidence.take(self.engine.state(), &proof);
            if !new {
                continue;
            }
            for (validator, what) in proof.evidence.accused() {
                tracing::warn!(%validator, what, "a peer has shown what a validator has signed");
            }
            if let Some(against) = against {
                self.farewell.push(ByteBuf::from(proof.bytes.clone()));
                self.end = Some(super::signing::stop(Halt::Fork(Box::new(against))).into());
            }
            fresh.push((proof.height, proof.bytes));
        }
        if let Err(error) = self.keep_evidence(&fresh) {
            self.end = Some(error);
        }
        if let Some(reason) = checked.fault {
            if let Some(unsaid) = self.news.warning(Instant::now(), "evidence refused") {
                tracing::warn!(%peer, reason, unsaid, "evidence refused");
            }
            self.strike(peer);
        }
    }

    fn keep_evidence(&self, proofs: &[(Height, Vec<u8>)]) -> Result<()> {
        if proofs.is_empty() {
            return Ok(());
        }
        let write = || -> Result<(), StorageError> {
            let mut batch = self.store.begin();
            for (height, bytes) in proofs {
                batch.put_evidence(*height, bytes);
            }
            batch.finish()
        };
        tokio::task::block_in_place(write).context("evidence cannot be written")
    }

    /// A block is final that does not follow from this node's last one: both are kept as proof
    /// before the node ends.
    pub(super) fn forked(&mut self, theirs: Certified) -> Result<()> {
        let tip = self.engine.state().tip().height;
        let (block, certificate) = self
            .ledger
            .borrow()
            .load(tip)
            .map_err(|error| anyhow::anyhow!(error.reason))?;
        let ours = Certified {
            header: block.header,
            certificate,
        };
        let evidence = Evidence::Fork(Box::new(Fork::new(ours, theirs)));
        let bytes = evidence.to_bytes();
        if self.evidence.admit_stopping(&bytes) {
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
    use crate::ledger::testing::{beside, fork, keep_fork, key, replaced};
    use vote_chain::SecretKey;
    use vote_consensus::Equivocation;

    fn equivocation(validator: u8, number: u32) -> Evidence {
        let bytes = |which: u8| ByteBuf::from([&[which], number.to_be_bytes().as_slice()].concat());
        let validator = SecretKey::from_seed(&[validator; 32]).public();
        let what = "two votes".to_owned();
        Evidence::Equivocation(Equivocation {
            validator,
            what,
            first: bytes(0),
            second: bytes(1),
        })
    }

    #[test]
    fn one_liar_fills_no_more_than_its_share_and_the_same_is_kept_once() {
        let mut kept = Kept::default();
        let mut admit = |evidence: &Evidence| kept.admit(evidence, &evidence.to_bytes());
        let admitted = (0..1000)
            .filter(|number| admit(&equivocation(1, *number)))
            .count();
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
            Evidence::Equivocation(Equivocation {
                validator,
                what,
                first,
                second,
            })
        };
        for number in 0..=255 {
            let evidence = large(number);
            kept.admit(&evidence, &evidence.to_bytes());
        }
        assert!(
            (BYTES_MAX - 50_000..=BYTES_MAX).contains(&kept.bytes),
            "{}",
            kept.bytes
        );
    }

    fn shown(forks: &[Fork]) -> Vec<ByteBuf> {
        forks
            .iter()
            .map(|fork| ByteBuf::from(Evidence::Fork(Box::new(fork.clone())).to_bytes()))
            .collect()
    }

    /// Takes in what a peer shows: how many proofs are kept, and how often the node would end.
    fn take(ledger: &Ledger, kept: &mut Kept, forks: &[Fork]) -> (usize, usize) {
        let checked = check(ledger, &kept.known, &shown(forks));
        assert_eq!(checked.fault, None);
        let taken: Vec<_> = checked
            .proven
            .iter()
            .map(|proof| kept.take(&ledger.state, proof))
            .collect();
        (
            taken.iter().filter(|(new, _)| *new).count(),
            taken
                .iter()
                .filter(|(_, against)| against.is_some())
                .count(),
        )
    }

    #[test]
    fn fork_of_who_can_decide_now_ends_the_node_whatever_former_validators_have_shown() {
        let ledger = replaced();
        let forks = |height, signer: u8, count| -> Vec<_> {
            (1..=count)
                .map(|later| fork(&ledger, beside(&ledger, height, later, &key(signer))))
                .collect()
        };
        let mut kept = Kept::of(&ledger).unwrap();
        assert_eq!(
            take(&ledger, &mut kept, &forks(1, 0, 20)),
            (FORKS_MAX, 0),
            "a former key stops nobody"
        );
        assert_eq!(take(&ledger, &mut kept, &forks(5, 1, 1)), (1, 1));
        assert_eq!(
            take(&ledger, &mut kept, &forks(5, 1, 20)),
            (FORKS_MAX - 1, 0),
            "its operator knows"
        );

        keep_fork(&ledger, forks(1, 0, 1).remove(0));
        let mut again = Kept::of(&ledger).unwrap();
        assert_eq!(
            take(&ledger, &mut again, &forks(5, 1, 1)),
            (1, 1),
            "what is kept of former keys is no such knowledge"
        );
        keep_fork(&ledger, forks(5, 1, 1).remove(0));
        let mut again = Kept::of(&ledger).unwrap();
        assert_eq!(take(&ledger, &mut again, &forks(5, 1, 2)), (1, 0));
    }

    #[test]
    fn fork_that_ends_the_node_is_kept_when_there_is_no_room_for_more() {
        let ledger = replaced();
        let mut kept = Kept {
            bytes: BYTES_MAX,
            ..Kept::default()
        };
        assert_eq!(
            take(
                &ledger,
                &mut kept,
                &[fork(&ledger, beside(&ledger, 5, 1, &key(1)))]
            ),
            (1, 1)
        );
    }

    #[test]
    fn proofs_before_one_that_does_not_hold_are_taken() {
        let ledger = replaced();
        let mut sent = shown(&[fork(&ledger, beside(&ledger, 5, 1, &key(1)))]);
        sent.extend(shown(&[fork(&ledger, beside(&ledger, 5, 1, &key(9)))]));
        let checked = check(&ledger, &BTreeSet::new(), &sent);
        assert_eq!((checked.proven.len(), checked.fault.is_some()), (1, true));
    }
}
