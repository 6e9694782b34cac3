//! Walking over maps in address order.

use arrayvec::ArrayVec;

use super::inner::Inner;
use super::leaf::Leaf;
use super::node::{Node, NodeKind};
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::map::MapRef;

/// More levels than a tree of all pages there are can have: an inner node is split in halves of 15 at least.
const DEPTH: usize = 16;

/// Maps in address order; O(1) a step.
pub(crate) struct Iter<'a, T: 'static> {
    /// The way down, with the next child at each level.
    above: ArrayVec<(&'a Inner<Node<T>>, usize), DEPTH>,
    leaf: Option<(&'a Leaf<T>, usize)>,
    /// How many maps are left at most; exact when it began with the first.
    left: usize,
}

impl<T> Tree<T> {
    /// The maps that do not end before `addr`.
    pub(crate) fn iter_from(&self, addr: VirtAddr) -> Iter<'_, T> {
        let mut iter = Iter {
            above: ArrayVec::new(),
            leaf: None,
            left: self.len(),
        };
        if let Some(root) = self.root.as_deref() {
            iter.descend(root, addr.get());
        }
        iter
    }
}

impl<'a, T> Iter<'a, T> {
    fn descend(&mut self, mut node: &'a Node<T>, addr: usize) {
        loop {
            match &node.0 {
                NodeKind::Inner(inner) => {
                    let at = inner.position_for(addr);
                    let Some(child) = inner.child(at).filter(|_| !self.above.is_full()) else {
                        return;
                    };
                    self.above.push((inner, at + 1));
                    node = child;
                }
                NodeKind::Leaf(leaf) => {
                    self.leaf = Some((leaf, leaf.lower_bound(addr)));
                    return;
                }
                NodeKind::Spare(_) => return,
            }
        }
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = MapRef<'a, T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((leaf, at)) = &mut self.leaf {
                if let Some(map) = leaf.get(*at) {
                    *at += 1;
                    self.left = self.left.saturating_sub(1);
                    return Some(map);
                }
            }
            self.leaf = None;
            let (inner, at) = self.above.last_mut()?;
            match inner.child(*at) {
                Some(child) => {
                    *at += 1;
                    self.descend(child, 0);
                }
                None => {
                    self.above.pop();
                }
            }
        }
    }
}

/// All maps in address order; O(1) a step.
pub(crate) struct All<'a, T: 'static>(Iter<'a, T>);

impl<T> Tree<T> {
    pub(crate) fn iter(&self) -> All<'_, T> {
        All(self.iter_from(VirtAddr::new(0)))
    }
}

impl<'a, T> Iterator for All<'a, T> {
    type Item = MapRef<'a, T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.left, Some(self.0.left))
    }
}

impl<T> ExactSizeIterator for All<'_, T> {}
