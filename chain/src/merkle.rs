//! Merkle trees as RFC 6962 §2.1 defines them, over leaves that are digests.
//!
//! The same tree serves a block's transactions, its receipts, an event's sections and an item's
//! log. A log is kept as a [`Frontier`]: the roots of its perfect subtrees, enough to append to
//! and to name the whole, in O(log n) space.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, plain_sha256};

/// The hash of a leaf: `SHA-256(0x00 ‖ leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &Digest) -> Digest {
    plain_sha256(&[&[0], leaf.as_bytes()])
}

/// The hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    plain_sha256(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The hash of the tree without leaves: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Digest {
    plain_sha256(&[])
}

/// Where RFC 6962 splits `count` leaves (at least two): the largest power of two below `count`.
fn split_at(count: usize) -> usize {
    assert!(count >= 2, "only trees of two or more leaves are split");
    count.next_power_of_two() / 2
}

/// The root of the tree over `leaves` (`MTH` in RFC 6962 §2.1).
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => leaf_hash(leaf),
        _ => {
            let (left, right) = leaves.split_at(split_at(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The audit path of leaf `index` among `leaves` (`PATH` in RFC 6962 §2.1.1), leaf side first.
///
/// # Panics
/// When there is no leaf at `index`.
#[must_use]
pub fn inclusion_path(leaves: &[Digest], index: usize) -> Vec<Digest> {
    assert!(index < leaves.len(), "the leaf must exist");
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split_at(leaves.len()));
    let (mut path, sibling) = match index.checked_sub(left.len()) {
        None => (inclusion_path(left, index), root(right)),
        Some(index) => (inclusion_path(right, index), root(left)),
    };
    path.push(sibling);
    path
}

/// The root that `path` gives for `leaf` at `index` of `count` leaves; `None` when the path has the
/// wrong length for that place (RFC 9162 §2.1.3.2).
#[must_use]
pub fn root_from_path(leaf: &Digest, index: u64, count: u64, path: &[Digest]) -> Option<Digest> {
    let mut last = count.checked_sub(1)?;
    if index > last {
        return None;
    }
    let mut place = index;
    let mut hash = leaf_hash(leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            // Levels at which this subtree has no sibling on the right are passed over.
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// An append-only log: how many leaves it has and the roots of its perfect subtrees, largest
/// first, one for each bit set in `count`.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Frontier {
    /// Leaves appended so far.
    count: u64,
    /// Roots of the perfect subtrees, the oldest (largest) first.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The log of so many leaves with these peaks; `None` when their number does not fit.
    #[must_use]
    pub fn from_parts(count: u64, peaks: Vec<Digest>) -> Option<Frontier> {
        (u64::try_from(peaks.len()) == Ok(count.count_ones().into()))
            .then_some(Frontier { count, peaks })
    }

    /// Leaves appended so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Roots of the perfect subtrees, the oldest (largest) first.
    #[must_use]
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Appends a leaf: merges as many subtrees as `count` has trailing one bits.
    pub fn append(&mut self, leaf: &Digest) {
        let mut hash = leaf_hash(leaf);
        for _ in 0..self.count.trailing_ones() {
            let left = self.peaks.pop().expect("one peak for each bit of count");
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.count = self.count.checked_add(1).expect("logs never reach 2^64 leaves");
    }

    /// The RFC 6962 root of the whole log.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Domain;

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|i| Digest::of(Domain::Receipt, &i.to_le_bytes())).collect()
    }

    #[test]
    fn rfc_6962_shapes() {
        assert_eq!(
            empty_root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let l = leaves(3);
        let left = node_hash(&leaf_hash(&l[0]), &leaf_hash(&l[1]));
        assert_eq!(root(&l), node_hash(&left, &leaf_hash(&l[2])));
    }

    #[test]
    fn a_frontier_is_the_tree_of_its_leaves() {
        let all = leaves(200);
        let mut log = Frontier::default();
        for (index, leaf) in all.iter().enumerate() {
            assert_eq!(log.root(), root(&all[..index]));
            log.append(leaf);
        }
        assert_eq!(log.count(), 200);
        assert_eq!(log.peaks().len(), 200_u64.count_ones() as usize);
    }

    #[test]
    fn paths_prove_their_leaf_and_no_other() {
        for count in 1..40 {
            let all = leaves(count);
            let whole = root(&all);
            for index in 0..count {
                let path = inclusion_path(&all, index);
                let at = |leaf: usize, place: usize| {
                    root_from_path(&all[leaf], place as u64, count as u64, &path)
                };
                assert_eq!(at(index, index), Some(whole), "{index} of {count}");
                for other in (0..count).filter(|other| *other != index) {
                    assert_ne!(at(other, index), Some(whole), "another leaf at the place");
                    assert_ne!(at(index, other), Some(whole), "the leaf at another place");
                }
                let mut long = path.clone();
                long.push(whole);
                let longer = root_from_path(&all[index], index as u64, count as u64, &long);
                assert_ne!(longer, Some(whole));
            }
            assert_eq!(root_from_path(&all[0], count as u64, count as u64, &[]), None);
        }
    }
}
