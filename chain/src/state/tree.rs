//! One root over the whole state: a flat bucket Merkle tree.
//!
//! A key belongs to the bucket that the first bits of its digest name. A bucket's digest covers
//! its sorted entries (digest of key, digest of value), so a bucket also proves what is *not* in
//! it. Above the buckets stands a perfect binary tree. All of it lives in memory and is rebuilt
//! from the table at start; what a block changes is computed aside, as a [`TreeChange`], and
//! merged when the block is decided.

use crate::digest::{Digest, Domain, Hasher};
use crate::state::item_log;
use crate::state::key::{ITEM_PREFIX, RECALLS_PREFIX};
use crate::state::proof::StateProof;

/// Bytes of a key digest that name the bucket.
const BUCKET_BYTES: usize = 4;

/// A key's digest and its value's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Digest of the key.
    pub key: Digest,
    /// Digest of the value.
    pub value: Digest,
}

impl Entry {
    /// The digest under which a key is filed. The open recalls of an identifier are filed in the
    /// bucket of the item of that name, so that one proof shows both.
    #[must_use]
    pub fn key_digest(key: &[u8]) -> Digest {
        let mut digest = Digest::of(Domain::StateKey, key);
        if let Some(name) = key.strip_prefix(RECALLS_PREFIX) {
            let item = Entry::key_digest(&[ITEM_PREFIX, name].concat());
            digest.0[..BUCKET_BYTES].copy_from_slice(&item.0[..BUCKET_BYTES]);
        }
        digest
    }

    /// The digest that stands for the value at a key. That of an item's record is of two parts, so
    /// that its log can be shown alone ([`item_log::record_digest`]).
    #[must_use]
    pub fn value_digest(key: &[u8], value: &[u8]) -> Digest {
        if key.starts_with(ITEM_PREFIX) {
            item_log::record_digest(value)
        } else {
            Digest::of(Domain::StateValue, value)
        }
    }

    /// The entry of a value at a key.
    #[must_use]
    pub fn of(key: &[u8], value: &[u8]) -> Entry {
        Entry { key: Entry::key_digest(key), value: Entry::value_digest(key, value) }
    }
}

/// The digest of a bucket: of its entries in the order of their keys.
#[must_use]
pub fn bucket_digest(entries: &[Entry]) -> Digest {
    let mut hasher = Hasher::new(Domain::StateBucket);
    for entry in entries {
        hasher = hasher.chain(entry.key.as_bytes()).chain(entry.value.as_bytes());
    }
    hasher.finish()
}

/// The digest of an inner node.
#[must_use]
pub fn inner_digest(left: &Digest, right: &Digest) -> Digest {
    Hasher::new(Domain::StateNode).chain(left.as_bytes()).chain(right.as_bytes()).finish()
}

/// The bucket, of two to the power `log2`, that a key digest belongs to: its first bits.
#[must_use]
pub fn bucket_of(key: &Digest, log2: u8) -> usize {
    let [a, b, c, d, ..] = key.0;
    let first = u64::from(u32::from_be_bytes([a, b, c, d]));
    usize::try_from(first >> (32_u8.saturating_sub(log2))).expect("at most 2^32 buckets")
}

/// The tree over all state, in memory.
pub struct StateTree {
    log2: u8,
    buckets: Vec<Vec<Entry>>,
    /// A heap: the root at 1, the children of `i` at `2i` and `2i + 1`, bucket `b` at
    /// `buckets.len() + b`.
    nodes: Vec<Digest>,
}

/// What a set of writes changes in a tree, and the root it then has. Fits only the tree it was
/// computed from.
#[derive(Clone, Debug)]
pub struct TreeChange {
    buckets: Vec<(usize, Vec<Entry>)>,
    nodes: Vec<(usize, Digest)>,
    root: Digest,
}

impl TreeChange {
    /// The root after the change.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root
    }
}

impl StateTree {
    /// The tree of no entries with two to the power `log2` buckets (at most 2^28).
    ///
    /// # Panics
    /// When `log2` is above 28; genesis parameters are checked before.
    #[must_use]
    pub fn new(log2: u8) -> StateTree {
        assert!(log2 <= 28, "genesis parameters bound the number of buckets");
        let count = 1_usize << log2;
        let mut nodes = vec![Digest::default(); count * 2];
        let mut digest = bucket_digest(&[]);
        let mut from = count;
        while from >= 1 {
            nodes[from..from * 2].fill(digest);
            digest = inner_digest(&digest, &digest);
            from /= 2;
        }
        StateTree { log2, buckets: vec![Vec::new(); count], nodes }
    }

    /// The root over everything.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.nodes[1]
    }

    /// Whether there is an entry at `key`. Costs one digest, where asking the table can cost a page
    /// from the disk.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        let key = Entry::key_digest(key);
        let bucket = &self.buckets[bucket_of(&key, self.log2)];
        bucket.binary_search_by(|entry| entry.key.cmp(&key)).is_ok()
    }

    /// Puts many entries into an empty tree: cheaper than [`StateTree::change`] for a whole state.
    /// Keys must be distinct.
    pub fn fill(&mut self, entries: impl Iterator<Item = Entry>) {
        for entry in entries {
            self.buckets[bucket_of(&entry.key, self.log2)].push(entry);
        }
        let count = self.buckets.len();
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            if !bucket.is_empty() {
                bucket.sort_unstable();
                bucket.shrink_to_fit();
                self.nodes[count + index] = bucket_digest(bucket);
            }
        }
        for index in (1..count).rev() {
            self.nodes[index] = inner_digest(&self.nodes[index * 2], &self.nodes[index * 2 + 1]);
        }
    }

    /// What `writes` would change. `None` removes a key. Changes nothing.
    #[must_use]
    pub fn change<'a>(
        &self,
        writes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> TreeChange {
        let mut entries: Vec<(usize, Digest, Option<Digest>)> = writes
            .map(|(key, value)| {
                let value = value.map(|value| Entry::value_digest(key, value));
                let key = Entry::key_digest(key);
                (bucket_of(&key, self.log2), key, value)
            })
            .collect();
        // Bucket by bucket; sorted vectors, because maps of so many small things cost more than the
        // digests.
        entries.sort_unstable();
        let mut buckets: Vec<(usize, Vec<Entry>)> = Vec::new();
        for of_one in entries.chunk_by(|a, b| a.0 == b.0) {
            let index = of_one[0].0;
            let mut bucket = self.buckets[index].clone();
            for (_, key, value) in of_one {
                let place = bucket.binary_search_by(|entry| entry.key.cmp(key));
                match (place, value) {
                    (Ok(found), Some(value)) => bucket[found].value = *value,
                    (Err(gap), Some(value)) => {
                        bucket.insert(gap, Entry { key: *key, value: *value });
                    }
                    (Ok(found), None) => {
                        bucket.remove(found);
                    }
                    (Err(_), None) => {}
                }
            }
            buckets.push((index, bucket));
        }
        let count = self.buckets.len();
        let mut level: Vec<(usize, Digest)> =
            buckets.iter().map(|(index, bucket)| (count + index, bucket_digest(bucket))).collect();
        let mut nodes = Vec::with_capacity(level.len() * usize::from(self.log2));
        while level.first().is_some_and(|(index, _)| *index > 1) {
            let above = level
                .chunk_by(|(a, _), (b, _)| a / 2 == b / 2)
                .map(|siblings| self.parent_of(siblings))
                .collect();
            nodes.append(&mut level);
            level = above;
        }
        nodes.append(&mut level);
        let root = nodes.last().map_or_else(|| self.root(), |(_, root)| *root);
        TreeChange { buckets, nodes, root }
    }

    /// The parent of one or two changed siblings, and its new digest.
    fn parent_of(&self, changed: &[(usize, Digest)]) -> (usize, Digest) {
        let parent = changed[0].0 / 2;
        let child = |index: usize| {
            let found = changed.iter().find(|(changed, _)| *changed == index);
            found.map_or(&self.nodes[index], |(_, digest)| digest)
        };
        (parent, inner_digest(child(parent * 2), child(parent * 2 + 1)))
    }

    /// Makes a change that was computed from this tree as it is.
    pub fn merge(&mut self, change: TreeChange) {
        for (index, bucket) in change.buckets {
            self.buckets[index] = bucket;
        }
        for (index, digest) in change.nodes {
            self.nodes[index] = digest;
        }
    }

    /// Shows what is, or is not, at `key`.
    #[must_use]
    pub fn prove(&self, key: &[u8]) -> StateProof {
        let index = bucket_of(&Entry::key_digest(key), self.log2);
        let bucket = self.buckets[index].iter().map(|e| (e.key, e.value)).collect();
        let mut path = Vec::with_capacity(self.log2.into());
        let mut node = self.buckets.len() + index;
        while node > 1 {
            path.push(self.nodes[node ^ 1]);
            node /= 2;
        }
        StateProof { bucket, path }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn tree_of(log2: u8, map: &BTreeMap<Vec<u8>, Vec<u8>>) -> StateTree {
        let mut tree = StateTree::new(log2);
        tree.fill(map.iter().map(|(k, v)| Entry::of(k, v)));
        tree
    }

    #[test]
    fn an_empty_tree_has_the_root_of_an_empty_filling() {
        for log2 in [0, 1, 5] {
            let map = BTreeMap::new();
            assert_eq!(StateTree::new(log2).root(), tree_of(log2, &map).root());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// Promise: the root says the whole state, however it came about; and proofs show exactly
        /// what is there and what is not.
        #[test]
        fn changes_lead_to_the_root_of_the_result(
            log2 in 0_u8..6,
            blocks in proptest::collection::vec(
                proptest::collection::btree_map(0_u8..40, proptest::option::of(0_u8..4), 0..12),
                1..8,
            ),
        ) {
            let mut tree = StateTree::new(log2);
            let mut map = BTreeMap::new();
            for block in blocks {
                let writes: Vec<(Vec<u8>, Option<Vec<u8>>)> =
                    block.iter().map(|(k, v)| (vec![*k], v.map(|v| vec![v]))).collect();
                let change = tree.change(writes.iter().map(|(k, v)| (k.as_slice(), v.as_deref())));
                let root = change.root();
                tree.merge(change);
                prop_assert_eq!(tree.root(), root);
                for (key, value) in writes {
                    match value {
                        Some(value) => map.insert(key, value),
                        None => map.remove(&key),
                    };
                }
                prop_assert_eq!(tree.root(), tree_of(log2, &map).root());
            }
            let root = tree.root();
            for key in 0_u8..40 {
                let proof = tree.prove(&[key]);
                let value = map.get(&vec![key]).map(Vec::as_slice);
                prop_assert_eq!(proof.verify(&root, log2, &[key], value), Ok(()));
                let wrong: Option<&[u8]> = if value.is_some() { None } else { Some(b"x") };
                prop_assert!(proof.verify(&root, log2, &[key], wrong).is_err());
                prop_assert!(proof.verify(&Digest::default(), log2, &[key], value).is_err());
            }
        }
    }
}
