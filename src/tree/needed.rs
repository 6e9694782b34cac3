//! How many nodes an edit needs at most.

use super::node::{Node, NodeKind};
use super::size::{FULL, INNER, LEAF};
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::MapRef;

/// For how many maps in address order a leaf has room once it was split.
const HALF: usize = LEAF / 2 - 1;

/// For how many children an inner node has room once it was split.
const INNER_HALF: usize = INNER / 2 - 1;

impl<T> Tree<T> {
    /// How many nodes it takes at most to add all of `maps`, in address order or the reverse, by splits; or where one of
    /// them would overlap. O(1) a map and O(log n) a leaf.
    pub(super) fn needed_for(&self, maps: &Self) -> Result<usize, MapError> {
        let last = self.root.as_deref().map(Node::high);
        let (mut needed, mut split) = (0, 0);
        let mut areas = maps.iter().map(MapRef::vmarea).peekable();
        while let Some(area) = areas.next() {
            let start = area.start().get();
            let Some((leaf, at)) = self.leaf(start) else {
                return Ok(0);
            };
            leaf.check_free(area, at)?;
            // Maps behind the last leaf go to the last.
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
        // Nodes above that have room for one more, and get more.
        if split > 1 {
            needed += self.needed_above(split);
        }
        Ok(needed)
    }

    /// How many nodes it takes to make room for `growth` more maps at `addr`: none where its leaf has it.
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

    /// How many nodes above leaves that are split so many times may be split, those that were tight before aside but for
    /// one a level and place; and how many new ones may come above all.
    pub(super) fn needed_above(&self, leaves: usize) -> usize {
        let height = self.height();
        // How many nodes a level has at most, where that is quickly told.
        let most = match height {
            0 | 1 => 1,
            2 => self.root.as_deref().map_or(1, Node::len),
            _ => usize::MAX,
        };
        // A node that has room for one child comes to be tight by the second; from then on there is room for half a node.
        let splits = leaves.div_ceil(2).min(most) + leaves / INNER_HALF + 1;
        let (mut nodes, mut children) = (1 + height * splits, leaves);
        while children > INNER_HALF {
            children = children / INNER_HALF + 1;
            nodes += children;
        }
        nodes
    }
}

/// How many times a leaf is split at most that has `len` maps when all have come, in address order or the reverse.
pub(super) const fn splits(len: usize) -> usize {
    match len.checked_sub(FULL) {
        None | Some(0) => 0,
        Some(more) => 1 + more / HALF,
    }
}
