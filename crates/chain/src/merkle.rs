//! Merkle trees as in RFC 6962: leaves are hashed with a 0x00 prefix, nodes with 0x01.

use imbl::Vector;
use serde::{Deserialize, Serialize};

use crate::hash::Hash;

fn leaf(content: &[u8]) -> Hash {
    Hash::plain(&[&[0x00], content])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Hash::plain(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// The root over the leaves' contents; the root of nothing is the SHA-256 of nothing.
pub fn merkle_root<'a>(contents: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut frontier = Frontier::default();
    contents
        .into_iter()
        .for_each(|content| frontier.push(content));
    frontier.root()
}

/// The edge of a growing tree: enough to append to it and to know its root, in log2(size) hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawFrontier")]
pub struct Frontier {
    size: u64,
    /// Roots of the full subtrees, largest first: one for each bit set in `size`.
    peaks: Vec<Hash>,
}

/// A frontier as it is read, before anything has looked at it.
#[derive(Deserialize)]
struct RawFrontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl TryFrom<RawFrontier> for Frontier {
    type Error = &'static str;

    fn try_from(RawFrontier { size, peaks }: RawFrontier) -> Result<Self, Self::Error> {
        let fits = peaks.len() as u64 == u64::from(size.count_ones());
        if fits {
            Ok(Self { size, peaks })
        } else {
            Err("a tree's edge has one root for each bit set in its size")
        }
    }
}

impl Frontier {
    /// Appends a leaf.
    pub fn push(&mut self, content: &[u8]) {
        let mut hash = leaf(content);
        for _ in 0..self.size.trailing_ones() {
            hash = node(
                &self.peaks.pop().expect("one peak for each bit set in size"),
                &hash,
            );
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// How many leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves so far.
    pub fn root(&self) -> Hash {
        let joined = self
            .peaks
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node(&left, &right));
        joined.unwrap_or_else(|| Hash::plain(&[]))
    }
}

/// A whole tree, kept while proofs are made from it. A clone shares everything with the tree that
/// it is made from.
#[derive(Clone, Debug)]
pub struct MerkleTree {
    /// Level 0 is the leaves; a last node without a sibling moves up as it is.
    levels: Vec<Vector<Hash>>,
}

impl MerkleTree {
    /// The tree over the leaves' contents.
    pub fn new<'a>(contents: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut level: Vec<_> = contents.into_iter().map(leaf).collect();
        let mut levels = vec![Vector::from(&level)];
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| {
                    if let [l, r] = pair {
                        node(l, r)
                    } else {
                        pair[0]
                    }
                })
                .collect();
            levels.push(Vector::from(&level));
        }
        Self { levels }
    }

    /// Puts a leaf in a place where there is one, or in the next one. Costs the height of the tree,
    /// not its size.
    pub(crate) fn put(&mut self, place: usize, content: &[u8]) {
        let mut at = place;
        let mut hash = leaf(content);
        for height in 0.. {
            if self.levels.len() == height {
                self.levels.push(Vector::new());
            }
            let level = &mut self.levels[height];
            if at < level.len() {
                level.set(at, hash);
            } else {
                level.push_back(hash);
            }
            if level.len() == 1 {
                return;
            }
            hash = match (level.get(at & !1), level.get(at | 1)) {
                (Some(left), Some(right)) => node(left, right),
                _ => hash,
            };
            at /= 2;
        }
    }

    /// How many leaves.
    pub(crate) fn size(&self) -> usize {
        self.levels[0].len()
    }

    /// The root over all leaves.
    pub fn root(&self) -> Hash {
        self.levels
            .last()
            .and_then(|top| top.front())
            .copied()
            .unwrap_or_else(|| Hash::plain(&[]))
    }

    /// The proof that leaf `index` is in the tree; none if there is no such leaf.
    pub fn proof(&self, index: u32) -> Option<InclusionProof> {
        let leaves = &self.levels[0];
        let mut at = usize::try_from(index)
            .ok()
            .filter(|at| *at < leaves.len())?;
        let mut path = Vec::new();
        for level in &self.levels {
            path.extend(level.get(at ^ 1).filter(|_| level.len() > 1));
            at /= 2;
        }
        Some(InclusionProof {
            index,
            size: u32::try_from(leaves.len()).ok()?,
            path,
        })
    }
}

/// Proof that something is a leaf of a tree, at a certain place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InclusionProof {
    /// Place of the leaf, from 0.
    pub index: u32,
    /// Number of leaves.
    pub size: u32,
    /// Siblings from the leaf up.
    pub path: Vec<Hash>,
}

impl InclusionProof {
    /// The root that follows from `content` being this leaf (RFC 9162, 2.1.3.2); none if the path
    /// has a wrong length.
    pub fn root(&self, content: &[u8]) -> Option<Hash> {
        let (mut at, mut last) = (self.index, self.size.checked_sub(1)?);
        if at > last {
            return None;
        }
        let mut siblings = self.path.iter();
        let mut hash = leaf(content);
        while last > 0 {
            if at % 2 == 1 {
                hash = node(siblings.next()?, &hash);
            } else if at < last {
                hash = node(&hash, siblings.next()?);
            }
            at /= 2;
            last /= 2;
        }
        siblings.next().is_none().then_some(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(n: u32) -> Vec<[u8; 4]> {
        (0..n).map(u32::to_be_bytes).collect()
    }

    /// RFC 6962 2.1 as it is written: split at the largest power of two below the size.
    fn reference(leaves: &[[u8; 4]]) -> Hash {
        match leaves {
            [] => Hash::plain(&[]),
            [one] => leaf(one),
            many => {
                let (l, r) = many.split_at(many.len().next_power_of_two() / 2);
                node(&reference(l), &reference(r))
            }
        }
    }

    #[test]
    fn tree_and_frontier_give_the_root_of_the_standard() {
        for n in 0..70 {
            let leaves = contents(n);
            let tree = MerkleTree::new(leaves.iter().map(<[u8; 4]>::as_slice));
            assert_eq!(tree.root(), reference(&leaves), "{n} leaves");
            assert_eq!(
                merkle_root(leaves.iter().map(<[u8; 4]>::as_slice)),
                reference(&leaves),
                "{n} leaves"
            );
        }
    }

    #[test]
    fn tree_that_grew_and_was_changed_leaf_by_leaf_is_the_one_over_what_it_holds() {
        let mut leaves = contents(0);
        let mut tree = MerkleTree::new([]);
        for at in 0..70 {
            leaves.push([at; 4]);
            tree.put(usize::from(at), &[at; 4]);
            let changed = usize::from(at) * 5 % leaves.len();
            leaves[changed] = [at, 1, 2, 3];
            tree.put(changed, &leaves[changed]);
            assert_eq!(tree.root(), reference(&leaves), "{at}");
            let proof = tree.proof(at.into()).unwrap();
            assert_eq!(proof.root(&leaves[usize::from(at)]), Some(tree.root()));
        }
    }

    #[test]
    fn edge_comes_back_from_its_bytes_and_is_refused_with_a_root_too_many_or_too_few() {
        use crate::encoding::{decode, encode};
        let mut frontier = Frontier::default();
        for leaf in contents(7) {
            let edge: Frontier = decode(&encode(&frontier)).unwrap();
            assert_eq!(edge, frontier);
            let more = Frontier {
                peaks: [edge.peaks.clone(), vec![Hash::default()]].concat(),
                ..edge.clone()
            };
            assert!(decode::<Frontier>(&encode(&more)).is_err());
            let other = Frontier {
                size: edge.size + 2,
                ..edge
            };
            assert_eq!(
                decode::<Frontier>(&encode(&other)).is_ok(),
                other.size.count_ones() == frontier.size.count_ones()
            );
            frontier.push(&leaf);
        }
    }

    #[test]
    fn every_leaf_has_a_proof_and_no_other_content_or_place_has_it() {
        for n in 1..40 {
            let leaves = contents(n);
            let tree = MerkleTree::new(leaves.iter().map(<[u8; 4]>::as_slice));
            for index in 0..n {
                let proof = tree.proof(index).unwrap();
                assert_eq!(proof.root(&index.to_be_bytes()), Some(tree.root()));
                assert_ne!(proof.root(&(index + 1).to_be_bytes()), Some(tree.root()));
                let longer = InclusionProof {
                    path: [proof.path.clone(), vec![Hash::default()]].concat(),
                    ..proof.clone()
                };
                assert_eq!(longer.root(&index.to_be_bytes()), None);
                let outside = InclusionProof { index: n, ..proof };
                assert_eq!(outside.root(&index.to_be_bytes()), None);
            }
            assert!(tree.proof(n).is_none());
        }
    }
}
