//! Where nothing is.

use super::node::{Kind, Node};
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;

/// What is looked for: a free place of some size in a window.
struct Search {
    size: usize,
    align: usize,
    within: MemoryArea,
}

impl<T> Tree<T> {
    /// The lowest free area in `within` of `size` bytes that starts at a multiple of `align`, a power of two.
    ///
    /// O(log n) for what every gap of that size can hold; gaps that are large enough but lie wrongly cost a look each.
    pub(crate) fn find_free(
        &self,
        size: usize,
        align: usize,
        within: MemoryArea,
    ) -> Option<MemoryArea> {
        let search = Search {
            size,
            align,
            within,
        };
        let Some(root) = self.root.as_deref() else {
            return search.fit(within);
        };
        let before = root
            .low()
            .checked_sub(1)
            .and_then(|end| search.between(0, end));
        let behind = || {
            root.high()
                .checked_add(1)
                .and_then(|start| search.between(start, usize::MAX))
        };
        before.or_else(|| search.inside(root)).or_else(behind)
    }
}

impl Search {
    /// The first fit in `gap`, as far as it lies in the window.
    fn fit(&self, gap: MemoryArea) -> Option<MemoryArea> {
        let gap = gap.intersection(self.within)?;
        let area =
            MemoryArea::from_start_size(gap.start().align_up(self.align)?, self.size).ok()?;
        gap.contains_area(area).then_some(area)
    }

    /// The first fit between two addresses, both included.
    fn between(&self, start: usize, end: usize) -> Option<MemoryArea> {
        self.fit(MemoryArea::new(VirtAddr::new(start), VirtAddr::new(end)).ok()?)
    }

    /// The first fit between two maps of `node`.
    fn inside<T>(&self, node: &Node<T>) -> Option<MemoryArea> {
        let (start, end) = (self.within.start().get(), self.within.end().get());
        match &node.0 {
            Kind::Leaf(leaf) => {
                let first = leaf.lower_bound(start).max(1);
                (first..leaf.len())
                    .take_while(|&at| leaf.end(at - 1) < end)
                    .find_map(|at| {
                        let wide = leaf.gap_before(at) >= self.size;
                        if wide {
                            self.between(leaf.end(at - 1) + 1, leaf.start(at) - 1)
                        } else {
                            None
                        }
                    })
            }
            Kind::Inner(inner) => {
                let first = inner.rank(start);
                let gaps = inner.gaps().iter().enumerate().skip(first);
                let wide = gaps.filter(|&(_, &gap)| gap >= self.size).map(|(at, _)| at);
                let mut reached = wide.take_while(|&at| at == 0 || inner.child_high(at - 1) < end);
                reached.find_map(|at| {
                    let before = at.checked_sub(1).map(|left| inner.child_high(left) + 1);
                    let between =
                        before.and_then(|start| self.between(start, inner.child_low(at) - 1));
                    between.or_else(|| {
                        self.inside(inner.child(at).filter(|child| child.gap() >= self.size)?)
                    })
                })
            }
            Kind::Spare(_) => None,
        }
    }
}
