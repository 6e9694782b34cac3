//! Where nothing is.

use core::ops::Range;

use super::node::{Kind, Node};
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::free_search::{FreeSearch, Order};

impl<T> Tree<T> {
    /// The place that `search` is for, whose alignment is a power of two.
    ///
    /// O(log n) where every gap of that size will do; gaps that are large enough but lie wrongly cost a look each.
    pub(crate) fn find_free(&self, search: FreeSearch) -> Option<MemoryArea> {
        let Some(root) = self.root.as_deref() else {
            return search.fit(search.within);
        };
        let before = || search.between(0, root.low().checked_sub(1)?);
        let behind = || search.between(root.high().checked_add(1)?, usize::MAX);
        match search.order {
            Order::Lowest => before().or_else(|| search.inside(root)).or_else(behind),
            Order::Highest => behind().or_else(|| search.inside(root)).or_else(before),
        }
    }
}

impl FreeSearch {
    /// The place in `gap`, as far as that lies in the window.
    fn fit(&self, gap: MemoryArea) -> Option<MemoryArea> {
        let gap = gap.intersection(self.within)?;
        let mask = self.align.wrapping_sub(1);
        let (low, high) = (gap.start().get(), gap.end().get());
        let start = match self.order {
            Order::Lowest => low.checked_add(self.offset.wrapping_sub(low) & mask)?,
            Order::Highest => {
                let last = high.checked_sub(self.size.checked_sub(1)?)?;
                last.checked_sub(last.wrapping_sub(self.offset) & mask)?
            }
        };
        let area = MemoryArea::from_start_size(VirtAddr::new(start), self.size).ok()?;
        gap.contains_area(area).then_some(area)
    }

    /// The place between two addresses, both included.
    fn between(&self, start: usize, end: usize) -> Option<MemoryArea> {
        self.fit(MemoryArea::new(VirtAddr::new(start), VirtAddr::new(end)).ok()?)
    }

    /// The place between two maps of `node`.
    fn inside<T>(&self, node: &Node<T>) -> Option<MemoryArea> {
        let (start, end) = (self.within.start().get(), self.within.end().get());
        match &node.0 {
            Kind::Leaf(leaf) => {
                let gaps =
                    leaf.lower_bound(start).max(1)..leaf.len().min(leaf.lower_bound(end) + 1);
                self.first(gaps, |at| {
                    let wide = leaf.gap_before(at) >= self.size;
                    if wide {
                        self.between(leaf.end(at - 1) + 1, leaf.start(at) - 1)
                    } else {
                        None
                    }
                })
            }
            Kind::Inner(inner) => {
                let children = inner.rank(start)..inner.len().min(inner.rank(end) + 1);
                self.first(children, |at| {
                    if inner.child_gap(at) < self.size {
                        return None;
                    }
                    let before = || {
                        self.between(
                            inner.child_high(at.checked_sub(1)?) + 1,
                            inner.child_low(at) - 1,
                        )
                    };
                    let inside =
                        || self.inside(inner.child(at).filter(|child| child.gap() >= self.size)?);
                    match self.order {
                        Order::Lowest => before().or_else(inside),
                        Order::Highest => inside().or_else(before),
                    }
                })
            }
            Kind::Spare(_) => None,
        }
    }

    /// The first answer for a position in `range`, from the end that is wanted.
    #[inline]
    fn first(
        &self,
        range: Range<usize>,
        look: impl FnMut(usize) -> Option<MemoryArea>,
    ) -> Option<MemoryArea> {
        match self.order {
            Order::Lowest => { range }.find_map(look),
            Order::Highest => range.rev().find_map(look),
        }
    }
}
