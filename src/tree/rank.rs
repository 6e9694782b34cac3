//! Ranks: positions among all maps of the tree, in address order.
//!
//! Inner nodes know how many maps each child has. The rank of a map is its position in its leaf, and the counts of all
//! children to the left of its path:
//!
//! ```text
//! counts     3         2         40        a map of leaf C at position 7
//! children   leaf A    leaf B    leaf C    has rank 3 + 2 + 7 = 12
//! ```
//!
//! The number of maps between two addresses is the difference of two ranks, however many they are.

use super::node::NodeKind;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::MapRef;

impl<T> Tree<T> {
    /// The map of rank `index`; `None` past the last. O(log n).
    pub(crate) fn get(&self, mut index: usize) -> Option<MapRef<'_, T>> {
        let mut node = self.root.as_deref()?;
        loop {
            match &node.0 {
                NodeKind::Inner(inner) => {
                    // Passes over children until the rank falls into one; the rest is the rank inside that child.
                    let mut at = 0;
                    for &count in inner.counts() {
                        if index < count {
                            break;
                        }
                        index -= count;
                        at += 1;
                    }
                    node = inner.child(at)?;
                }
                NodeKind::Leaf(leaf) => return leaf.get(leaf.nth(index)),
                NodeKind::Spare(_) => return None,
            }
        }
    }

    /// How many maps end before `addr`: the rank that a map at `addr` has or would have. O(log n).
    pub(super) fn count_before(&self, addr: usize) -> usize {
        let mut before = 0;
        let mut node = self.root.as_deref();
        while let Some(here) = node {
            match &here.0 {
                NodeKind::Inner(inner) => {
                    let at = inner.position_for(addr);
                    before += inner.counts().iter().take(at).sum::<usize>();
                    node = inner.child(at);
                }
                NodeKind::Leaf(leaf) => return before + leaf.rank(leaf.lower_bound(addr)),
                NodeKind::Spare(_) => return before,
            }
        }
        before
    }

    /// The rank of the map that holds `addr`. O(log n).
    pub(crate) fn rank(&self, addr: VirtAddr) -> Option<usize> {
        let mut before = 0;
        let mut node = self.root.as_deref()?;
        loop {
            match &node.0 {
                NodeKind::Inner(inner) => {
                    let at = inner.search(addr.get());
                    before += inner.counts().iter().take(at).sum::<usize>();
                    node = inner.child(at)?;
                }
                NodeKind::Leaf(leaf) => {
                    let at = leaf.search(addr.get());
                    return leaf.find_at(at, addr.get()).map(|_| before + leaf.rank(at));
                }
                NodeKind::Spare(_) => return None,
            }
        }
    }

    /// How many maps have a byte in `area`. O(log n).
    pub(super) fn count_in(&self, area: MemoryArea) -> usize {
        // Maps that end before the area's last byte are counted by rank; one more may hold that byte.
        let end = self
            .successor(area.end())
            .is_some_and(|map| map.vmarea().start() <= area.end());
        self.count_before(area.end().get()) + usize::from(end)
            - self.count_before(area.start().get())
    }

    /// How many maps lie in `area` with all of their bytes. O(log n).
    pub(super) fn count_inside(&self, area: MemoryArea) -> usize {
        let (start, next) = (area.start().get(), area.next());
        let upto = next.map_or(self.len(), |next| self.count_before(next.get()));
        // Of the maps that end in the area, the first may begin before it.
        let first = self.successor(area.start()).map(MapRef::vmarea);
        let is_cut = first.is_some_and(|map| map.start() < area.start() && map.end() <= area.end());
        upto - self.count_before(start) - usize::from(is_cut)
    }

    /// How many levels of inner nodes there are; 0 for a single leaf. O(log n).
    pub(super) fn height(&self) -> usize {
        let mut height = 0;
        let mut node = self.root.as_deref();
        while let Some(NodeKind::Inner(inner)) = node.map(|node| &node.0) {
            height += 1;
            node = inner.child(0);
        }
        height
    }
}
