//! The way down to a leaf, and the maps beside an address.
//!
//! A descent ends in the leaf where the address is, or would be inserted: at each level the first child that does not
//! end before the address, or the last child. So an address in a gap between two leaves belongs to the right one, and
//! an address behind all maps to the last.
//!
//! ```text
//! leaf A  0x1000..=0x8fff      0x0 and 0x8000 belong to A
//! leaf B  0xa000..=0xefff      0x9000 and 0xf000 belong to B, at position 0 and behind its last map
//! ```
//!
//! Edits rely on that rule: an insert, a cut and a change of permissions begin at the leaf of their first byte.

use super::leaf::Leaf;
use super::node::{Node, NodeKind};
use super::path::Path;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::MapRef;

impl<T> Tree<T> {
    /// The leaf where `addr` is or would be, and its position there. `None` for an empty tree. O(log n).
    #[inline]
    pub(super) fn leaf(&self, addr: usize) -> Option<(&Leaf<T>, usize)> {
        let mut node = self.root.as_deref()?;
        loop {
            match &node.0 {
                NodeKind::Inner(inner) => node = inner.child(inner.position_for(addr))?,
                NodeKind::Leaf(leaf) => return Some((leaf, leaf.lower_bound(addr))),
                NodeKind::Spare(_) => return None,
            }
        }
    }

    /// The leaf where `addr` is or would be, its position there, and the path to it. O(log n).
    ///
    /// An edit that follows the path needs no second search, if the path [is whole](Path::is_whole).
    #[inline]
    pub(super) fn leaf_with_path(&self, addr: usize) -> Option<(&Leaf<T>, usize, Path)> {
        let mut path = Path::default();
        let mut node = self.root.as_deref()?;
        loop {
            let at = match &node.0 {
                NodeKind::Inner(inner) => {
                    let at = inner.position_for(addr);
                    node = inner.child(at)?;
                    at
                }
                NodeKind::Leaf(leaf) => {
                    let at = leaf.lower_bound(addr);
                    path.push(at);
                    return Some((leaf, at, path));
                }
                NodeKind::Spare(_) => return None,
            };
            path.push(at);
        }
    }

    /// The first map that does not end before `addr`: it holds `addr`, or is the next one. O(log n).
    pub(crate) fn successor(&self, addr: VirtAddr) -> Option<MapRef<'_, T>> {
        let (leaf, at) = self.leaf(addr.get())?;
        leaf.get(at)
    }

    /// The last map that ends before `addr`. O(log n).
    ///
    /// If `addr` comes first in its leaf, that map is the last one of the subtree to the left: the descent remembers
    /// the nearest such subtree, and goes down a second time.
    pub(super) fn predecessor(&self, addr: usize) -> Option<MapRef<'_, T>> {
        let mut node = self.root.as_deref()?;
        let mut before = None;
        loop {
            match &node.0 {
                NodeKind::Inner(inner) => {
                    let at = inner.position_for(addr);
                    // The nearest subtree to the left, of this level or of one above.
                    before = at
                        .checked_sub(1)
                        .and_then(|left| inner.child(left))
                        .or(before);
                    node = inner.child(at)?;
                }
                NodeKind::Leaf(leaf) => match leaf.before(leaf.lower_bound(addr)) {
                    Some(left) => return leaf.get(left),
                    None => return before.and_then(last),
                },
                NodeKind::Spare(_) => return None,
            }
        }
    }

    /// The area of the first map that has a byte in `area`, whole. O(log n).
    pub(crate) fn first_overlap(&self, area: MemoryArea) -> Option<MemoryArea> {
        let first = self.successor(area.start())?.vmarea();
        first.overlaps(&area).then_some(first)
    }

    /// The first hole in `area`: bytes that no map has. O(log n) for each map before it.
    pub(crate) fn first_hole(&self, area: MemoryArea) -> Option<MemoryArea> {
        let mut free = area.start();
        while let Some(map) = self.successor(free).map(MapRef::vmarea) {
            if map.start() > free {
                let end = map.start().checked_sub(1)?.min(area.end());
                return MemoryArea::new(free, end).ok();
            }
            free = map.next().filter(|&next| next <= area.end())?;
        }
        MemoryArea::new(free, area.end()).ok()
    }
}

/// The last map of a subtree. O(log n).
fn last<T>(mut node: &Node<T>) -> Option<MapRef<'_, T>> {
    loop {
        match &node.0 {
            NodeKind::Inner(inner) => node = inner.child(inner.len().checked_sub(1)?)?,
            NodeKind::Leaf(leaf) => return leaf.get(leaf.last()?),
            NodeKind::Spare(_) => return None,
        }
    }
}
