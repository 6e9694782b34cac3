//! The search for free space, lowest or highest first.
//!
//! Free space lies before the first map, behind the last, or in a gap between two. A gap between two maps of one leaf
//! is found in the leaf; a gap between two leaves in the inner node above both, before the right one. The search passes
//! over each leaf and each subtree whose largest gap is too small, without reading it.
//!
//! For 0x4000 bytes, lowest first, among these children:
//!
//! ```text
//! max_gaps   0x3000    0x1000    0x6000    0x9000
//! children   leaf A    leaf B    leaf C    leaf D
//!            too small too small read: the gap before C, then the gaps inside it
//! ```
//!
//! Leaf D is read only if no gap of C's fits, for its alignment or for the window's border.

use super::inner::Inner;
use super::node::{Node, NodeKind};
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::free_search::{FreeSearch, Order};

impl<T> Tree<T> {
    /// The area that `search` describes; `None` when there is none. The alignment is a power of two.
    ///
    /// O(log n) where every gap of that size will do. Gaps that are large enough, but lie outside the window or do not
    /// hold an aligned area, cost a look each.
    pub(crate) fn find_free(&self, search: FreeSearch) -> Option<MemoryArea> {
        let Some(root) = self.root.as_deref() else {
            return search.fit(search.within);
        };
        // The space before the first map and behind the last is in no node's gaps. The window bounds it.
        let before = || search.between(0, root.low().checked_sub(1)?);
        let behind = || search.between(root.high().checked_add(1)?, usize::MAX);
        match search.order {
            Order::Lowest => before().or_else(|| search.inside(root)).or_else(behind),
            Order::Highest => behind().or_else(|| search.inside(root)).or_else(before),
        }
    }
}

impl FreeSearch {
    /// The area in `gap`, as far as the gap lies in the window: at its low end or its high end, as the order wants.
    fn fit(&self, gap: MemoryArea) -> Option<MemoryArea> {
        let gap = gap.intersection(self.within)?;
        // Alignment is a power of two: the mask picks the bits by which an address misses the wanted offset.
        let mask = self.align.wrapping_sub(1);
        let (low, high) = (gap.start().get(), gap.end().get());
        let start = match self.order {
            // Up from the first byte to the next address that fits.
            Order::Lowest => low.checked_add(self.offset.wrapping_sub(low) & mask)?,
            // Down from the last start that leaves room for the size.
            Order::Highest => {
                let last = high.checked_sub(self.size.checked_sub(1)?)?;
                last.checked_sub(last.wrapping_sub(self.offset) & mask)?
            }
        };
        let area = MemoryArea::from_start_size(VirtAddr::new(start), self.size).ok()?;
        gap.contains_area(area).then_some(area)
    }

    /// The area between two addresses, both included.
    fn between(&self, start: usize, end: usize) -> Option<MemoryArea> {
        self.fit(MemoryArea::new(VirtAddr::new(start), VirtAddr::new(end)).ok()?)
    }

    /// The area between two maps of `node`. A gap at the window's border counts for the part inside.
    fn inside<T>(&self, node: &Node<T>) -> Option<MemoryArea> {
        match &node.0 {
            NodeKind::Leaf(leaf) => {
                let wide = leaf.gaps_of(leaf.lines_in(self.within), self.size);
                self.first(wide, |(end, start)| self.between(end + 1, start - 1))
            }
            NodeKind::Inner(inner) => {
                // The copies in this node decide which children are read at all.
                let wide = inner
                    .max_gaps_in(inner.children_in(self.within))
                    .filter(|&(_, gap)| gap >= self.size);
                self.first(wide, |(at, _)| self.at_child(inner, at))
            }
            NodeKind::Spare(_) => None,
        }
    }

    /// The area inside the child at `at`, or between it and the child before: the two gaps that share one number.
    fn at_child<T>(&self, inner: &Inner<Node<T>>, at: usize) -> Option<MemoryArea> {
        let before = || {
            let left = inner.child_high(at.checked_sub(1)?);
            self.between(left + 1, inner.child_low(at) - 1)
        };
        let inside = || {
            self.inside(
                inner
                    .child(at)
                    .filter(|child| child.max_gap() >= self.size)?,
            )
        };
        match self.order {
            Order::Lowest => before().or_else(inside),
            Order::Highest => inside().or_else(before),
        }
    }

    /// The first answer of `look` on the candidates, from the low end or the high end, as the order wants.
    #[inline]
    fn first<I: DoubleEndedIterator>(
        &self,
        mut wide: I,
        look: impl FnMut(I::Item) -> Option<MemoryArea>,
    ) -> Option<MemoryArea> {
        match self.order {
            Order::Lowest => wide.find_map(look),
            Order::Highest => wide.rev().find_map(look),
        }
    }
}
