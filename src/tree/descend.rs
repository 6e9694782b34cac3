//! The way down to a leaf, and the maps beside an address.

use super::leaf::Leaf;
use super::node::{Node, NodeKind};
use super::path::Path;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::MapRef;

impl<T> Tree<T> {
    /// The leaf where `addr` is or would be, and its position there.
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

    /// As [`leaf`](Self::leaf), with the way there.
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

    /// The first map that does not end before `addr`.
    pub(crate) fn successor(&self, addr: VirtAddr) -> Option<MapRef<'_, T>> {
        let (leaf, at) = self.leaf(addr.get())?;
        leaf.get(at)
    }

    /// The last map that ends before `addr`.
    pub(super) fn predecessor(&self, addr: usize) -> Option<MapRef<'_, T>> {
        let mut node = self.root.as_deref()?;
        let mut before = None;
        loop {
            match &node.0 {
                NodeKind::Inner(inner) => {
                    let at = inner.position_for(addr);
                    before = at
                        .checked_sub(1)
                        .and_then(|left| inner.child(left))
                        .or(before);
                    node = inner.child(at)?;
                }
                NodeKind::Leaf(leaf) => match leaf.lower_bound(addr).checked_sub(1) {
                    Some(left) => return leaf.get(left),
                    None => return before.and_then(last),
                },
                NodeKind::Spare(_) => return None,
            }
        }
    }

    /// Where the first map is that has a byte in `area`.
    pub(crate) fn first_overlap(&self, area: MemoryArea) -> Option<MemoryArea> {
        let first = self.successor(area.start())?.vmarea();
        first.overlaps(&area).then_some(first)
    }

    /// The first hole in `area`.
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

/// The last map of a subtree.
fn last<T>(mut node: &Node<T>) -> Option<MapRef<'_, T>> {
    loop {
        match &node.0 {
            NodeKind::Inner(inner) => node = inner.child(inner.len().checked_sub(1)?)?,
            NodeKind::Leaf(leaf) => return leaf.get(leaf.len().checked_sub(1)?),
            NodeKind::Spare(_) => return None,
        }
    }
}
