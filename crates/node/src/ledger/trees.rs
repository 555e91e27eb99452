//! The trees of the blocks that are asked about: a proof out of a kept tree costs a few look-ups, a
//! tree costs the whole block.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vote_chain::{CommitCertificate, Header, Height, InclusionProof, MerkleTree, TransactionId};

/// Trees that are kept, in bytes: some fifty of full blocks.
const TREES_BYTES_MAX: usize = 16 << 20;
/// A tree takes about so much for each leaf, in bytes: 32 for the leaf, as many for the nodes above
/// it, and 32 for the id.
const LEAF_BYTES: usize = 96;

/// A block without its transactions.
#[derive(Debug)]
pub(crate) struct Tree {
    header: Header,
    certificate: CommitCertificate,
    ids: Vec<TransactionId>,
    tree: MerkleTree,
}

/// That a transaction is in a block which is final.
#[derive(Debug)]
pub(crate) struct Inclusion {
    pub(crate) header: Header,
    pub(crate) certificate: CommitCertificate,
    pub(crate) proof: InclusionProof,
}

impl Tree {
    fn bytes(&self) -> usize {
        self.ids.len() * LEAF_BYTES + self.certificate.signatures.len() * 96 + 1024
    }

    /// The proof of a transaction at a place; none if it is another that is there.
    pub(crate) fn inclusion(&self, id: &TransactionId, index: u32) -> Option<Inclusion> {
        let there = self.ids.get(usize::try_from(index).ok()?)?;
        let proof = self.tree.proof(index).filter(|_| there == id)?;
        Some(Inclusion {
            header: self.header.clone(),
            certificate: self.certificate.clone(),
            proof,
        })
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) const fn certificate(&self) -> &CommitCertificate {
        &self.certificate
    }

    pub(crate) fn proof(&self, index: u32) -> Option<InclusionProof> {
        self.tree.proof(index)
    }
}

#[derive(Debug, Default)]
struct Kept {
    /// With the number of the look that found each last.
    trees: BTreeMap<Height, (u64, Arc<Tree>)>,
    bytes: usize,
    looks: u64,
}

/// The trees that were asked for last.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    // Held for a look-up, never while a tree is made.
    kept: Mutex<Kept>,
}

impl Trees {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, height: Height) -> Option<Arc<Tree>> {
        let mut kept = self.lock();
        kept.looks += 1;
        let look = kept.looks;
        let (seen, tree) = kept.trees.get_mut(&height)?;
        *seen = look;
        Some(tree.clone())
    }

    /// Makes the tree of a block, and keeps it in place of those that nobody has asked for for
    /// longest.
    pub(crate) fn keep(
        &self,
        header: Header,
        certificate: CommitCertificate,
        ids: &[TransactionId],
    ) -> Arc<Tree> {
        let tree = MerkleTree::new(ids.iter().map(|id| id.as_bytes().as_slice()));
        let tree = Arc::new(Tree {
            header,
            certificate,
            ids: ids.to_vec(),
            tree,
        });
        let mut kept = self.lock();
        kept.looks += 1;
        let look = kept.looks;
        kept.bytes += tree.bytes();
        if let Some((_, before)) = kept.trees.insert(tree.header.height, (look, tree.clone())) {
            kept.bytes -= before.bytes();
        }
        while kept.bytes > TREES_BYTES_MAX && kept.trees.len() > 1 {
            let oldest = kept
                .trees
                .iter()
                .min_by_key(|(_, (seen, _))| *seen)
                .map(|(height, _)| *height);
            let Some((_, gone)) = oldest.and_then(|height| kept.trees.remove(&height)) else {
                break;
            };
            kept.bytes -= gone.bytes();
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vote_chain::{BlockHash, ChainId, Hash, PublicKey, StateRoot, Timestamp, ValidatorSetHash};

    fn header(height: u64) -> Header {
        Header {
            version: vote_chain::Version::NEWEST,
            chain: ChainId::default(),
            height: Height::new(height),
            parent: BlockHash::default(),
            time: Timestamp::from_ms(height),
            proposer: PublicKey::from_bytes([0; 32]),
            transactions_root: Hash::from_bytes([0; 32]),
            transactions_count: 0,
            state_root: StateRoot::default(),
            validators: ValidatorSetHash::default(),
            next_validators: ValidatorSetHash::default(),
        }
    }

    fn certificate(height: u64) -> CommitCertificate {
        CommitCertificate {
            height: Height::new(height),
            round: 0,
            block: BlockHash::default(),
            signatures: Vec::new(),
        }
    }

    #[test]
    fn trees_stay_within_their_bytes_and_those_in_use_are_kept() {
        let trees = Trees::default();
        let ids: Vec<_> = (0..5000u32)
            .map(|n| TransactionId::of(&n.to_be_bytes()))
            .collect();
        for height in 1..=200 {
            trees.keep(header(height), certificate(height), &ids);
            assert!(
                trees.get(Height::new(1)).is_some(),
                "somebody asks for block 1 all the time"
            );
        }
        let kept = trees.lock();
        assert!(
            kept.bytes <= TREES_BYTES_MAX && kept.trees.len() > 20,
            "{} bytes",
            kept.bytes
        );
        assert_eq!(
            kept.bytes,
            kept.trees
                .values()
                .map(|(_, tree)| tree.bytes())
                .sum::<usize>()
        );
        assert!(
            kept.trees.contains_key(&Height::new(200)) && !kept.trees.contains_key(&Height::new(2))
        );
    }

    #[test]
    fn proof_is_of_the_transaction_that_is_asked_for_and_no_other() {
        let ids: Vec<_> = (0..9u32)
            .map(|n| TransactionId::of(&n.to_be_bytes()))
            .collect();
        let tree = Trees::default().keep(header(1), certificate(1), &ids);
        let root = vote_chain::merkle_root(ids.iter().map(|id| id.as_bytes().as_slice()));
        let found = tree.inclusion(&ids[7], 7).unwrap();
        assert_eq!(found.proof.root(ids[7].as_bytes()), Some(root));
        assert!(tree.inclusion(&ids[7], 6).is_none() && tree.inclusion(&ids[7], 9).is_none());
    }
}
