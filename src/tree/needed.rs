//! How many nodes an edit needs at most.
//!
//! A count must never be too low: the edit after it cannot fail. One that is too high costs spare nodes for the length
//! of a verb, and may refuse a verb in a tree of few fixed nodes.
//!
//! One insert at an address needs a node for each tight node on the path there, and one more for a new root above a
//! tight root:
//!
//! ```text
//! root  tight       2 nodes: a half of it, and a new root
//! inner not tight   0
//! leaf  full        1 node
//! ```

use super::node::{Node, NodeKind};
use super::size::{FULL, INNER, LEAF};
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;

/// How many maps that come in order find room in a leaf that was split in halves, before the next split.
const HALF: usize = LEAF / 2 - 1;

/// How many children find room in an inner node that was split in halves, before the next split.
const INNER_HALF: usize = INNER / 2 - 1;

impl<T> Tree<T> {
    /// How many nodes it takes at most to add maps at all of `areas`, which ascend, by splits, in address order or the
    /// reverse. O(1) for each map, and O(log n) for each leaf that one of them belongs to.
    ///
    /// # Errors
    /// [`MapError::Overlap`] with the map of this tree that is in the way of the first that cannot be added.
    pub(super) fn needed_for(
        &self,
        areas: impl Iterator<Item = MemoryArea>,
    ) -> Result<usize, MapError> {
        let last = self.root.as_deref().map(Node::high);
        let (mut needed, mut split) = (0, 0);
        let mut areas = areas.peekable();
        while let Some(area) = areas.next() {
            let start = area.start().get();
            let Some((leaf, at)) = self.leaf(start) else {
                return Ok(0);
            };
            leaf.check_free(area, at)?;
            // Maps behind the last leaf belong to the last leaf.
            let high = Some(leaf.high()).filter(|&high| Some(high) != last);
            let is_here = |area: &MemoryArea| high.is_none_or(|high| area.start().get() <= high);
            let mut added = 1;
            while let Some(area) = areas.next_if(is_here) {
                leaf.check_free(area, leaf.lower_bound(area.start().get()))?;
                added += 1;
            }
            let splits = splits(leaf.len() + added);
            if splits > 0 {
                split += splits;
                needed += splits - 1 + self.needed_at(start, added);
            }
        }
        // Nodes above that have room for one child, and get more than one.
        if split > 1 {
            needed += self.needed_above(split);
        }
        Ok(needed)
    }

    /// How many nodes it takes to make room for `growth` more maps in the leaf of `addr`: none where the leaf has room;
    /// one for an empty tree. O(log n).
    pub(super) fn needed_at(&self, addr: usize, growth: usize) -> usize {
        let Some(root) = self.root.as_deref() else {
            return 1;
        };
        let mut tight = usize::from(root.is_tight(growth));
        let mut node = root;
        loop {
            tight += usize::from(node.is_tight(growth));
            match &node.0 {
                NodeKind::Inner(inner) => match inner.child(inner.position_for(addr)) {
                    Some(child) => node = child,
                    None => return tight,
                },
                NodeKind::Leaf(leaf) if leaf.has_room_for(growth) => return 0,
                NodeKind::Leaf(_) | NodeKind::Spare(_) => return tight,
            }
        }
    }

    /// How many inner nodes it takes at most, beside those of [`needed_at`](Self::needed_at), when leaves are split
    /// `leaves` times in all. O(log n).
    ///
    /// It counts the splits of inner nodes that were not tight before and become so, once a level and place, and the
    /// new nodes that may come above the root.
    pub(super) fn needed_above(&self, leaves: usize) -> usize {
        let height = self.height();
        // How many nodes a level has at most, as far as the root alone tells it.
        let most = match height {
            0 | 1 => 1,
            2 => self.root.as_deref().map_or(1, Node::len),
            _ => usize::MAX,
        };
        // A node that has room for one child becomes tight by the second. From then on there is room for half a node.
        let splits = leaves.div_ceil(2).min(most) + leaves / INNER_HALF + 1;
        let (mut nodes, mut children) = (1 + height * splits, leaves);
        while children > INNER_HALF {
            children = children / INNER_HALF + 1;
            nodes += children;
        }
        nodes
    }
}

/// How many times a leaf is split at most that would hold `len` maps in all, if they come in address order or the
/// reverse.
pub(super) const fn splits(len: usize) -> usize {
    match len.checked_sub(FULL) {
        None | Some(0) => 0,
        Some(more) => 1 + more / HALF,
    }
}
