//! Positions in address order.

use super::node::Kind;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::MapRef;

impl<T> Tree<T> {
    /// The map at `index` in address order.
    pub(crate) fn get(&self, mut index: usize) -> Option<MapRef<'_, T>> {
        let mut node = self.root.as_deref()?;
        loop {
            match &node.0 {
                Kind::Inner(inner) => {
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
                Kind::Leaf(leaf) => return leaf.get(index),
                Kind::Spare(_) => return None,
            }
        }
    }

    /// How many maps end before `addr`.
    pub(super) fn lower_bound(&self, addr: usize) -> usize {
        let mut before = 0;
        let mut node = self.root.as_deref();
        while let Some(here) = node {
            match &here.0 {
                Kind::Inner(inner) => {
                    let at = inner.place(addr);
                    before += inner.counts().iter().take(at).sum::<usize>();
                    node = inner.child(at);
                }
                Kind::Leaf(leaf) => return before + leaf.lower_bound(addr),
                Kind::Spare(_) => return before,
            }
        }
        before
    }

    /// The position of the map that holds `addr`.
    pub(crate) fn rank(&self, addr: VirtAddr) -> Option<usize> {
        let mut before = 0;
        let mut node = self.root.as_deref()?;
        loop {
            match &node.0 {
                Kind::Inner(inner) => {
                    let at = inner.rank(addr.get());
                    before += inner.counts().iter().take(at).sum::<usize>();
                    node = inner.child(at)?;
                }
                Kind::Leaf(leaf) => {
                    let at = leaf.rank(addr.get());
                    return leaf.find_at(at, addr.get()).map(|_| before + at);
                }
                Kind::Spare(_) => return None,
            }
        }
    }

    /// How many maps have a byte in `area`.
    pub(super) fn count_in(&self, area: MemoryArea) -> usize {
        let end = self
            .successor(area.end())
            .is_some_and(|map| map.vmarea().start() <= area.end());
        self.lower_bound(area.end().get()) + usize::from(end) - self.lower_bound(area.start().get())
    }

    /// How many maps lie in `area` with all of their bytes.
    pub(super) fn count_inside(&self, area: MemoryArea) -> usize {
        let (start, next) = (area.start().get(), area.next());
        let upto = next.map_or(self.len(), |next| self.lower_bound(next.get()));
        let first = self.successor(area.start()).map(MapRef::vmarea);
        let is_cut = first.is_some_and(|map| map.start() < area.start() && map.end() <= area.end());
        upto - self.lower_bound(start) - usize::from(is_cut)
    }

    /// How many levels of inner nodes there are.
    pub(super) fn height(&self) -> usize {
        let mut height = 0;
        let mut node = self.root.as_deref();
        while let Some(Kind::Inner(inner)) = node.map(|node| &node.0) {
            height += 1;
            node = inner.child(0);
        }
        height
    }
}
