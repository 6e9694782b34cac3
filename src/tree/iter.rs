//! Walks over the maps in address order.
//!
//! Leaves are not linked to each other: a link would be one more pointer to keep true at each split. A walk keeps its
//! way down instead, and climbs it where a leaf ends:
//!
//! ```text
//! above   root: child 2 comes next
//!         inner node, child 1 of the root: child 5 comes next
//! leaf    child 4 of that inner node: map 17 comes next
//! ```
//!
//! The memory for the way is on the stack, so a walk allocates nothing.

use arrayvec::ArrayVec;

use super::inner::Inner;
use super::leaf::Leaf;
use super::node::{Node, NodeKind};
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::map::MapRef;

/// More levels than a tree of all pages can have: a split leaves an inner node half of its children, 15 at least.
const DEPTH: usize = 16;

/// The maps from an address on, in address order. A step is O(1) on average, and O(log n) at most.
pub(crate) struct Iter<'a, T: 'static> {
    /// The inner nodes on the way down, each with the position of the child that comes next.
    above: ArrayVec<(&'a Inner<Node<T>>, usize), DEPTH>,
    /// The leaf, with the position of the map that comes next.
    leaf: Option<(&'a Leaf<T>, usize)>,
    /// How many maps are left at most; exact for a walk that began with the first map.
    left: usize,
}

impl<T> Tree<T> {
    /// The maps that do not end before `addr`, in address order. O(log n) to begin with.
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
    /// Goes down from `node` to the leaf where `addr` is or would be, and keeps the way.
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
                    *at = leaf.after(*at);
                    self.left = self.left.saturating_sub(1);
                    return Some(map);
                }
            }
            // The leaf has ended: the nearest inner node with a further child leads on.
            self.leaf = None;
            let (inner, at) = self.above.last_mut()?;
            match inner.child(*at) {
                Some(child) => {
                    *at += 1;
                    // Address 0 leads to the child's first map.
                    self.descend(child, 0);
                }
                None => {
                    self.above.pop();
                }
            }
        }
    }
}

/// All maps in address order, a walk that knows its length. A step is O(1) on average.
pub(crate) struct All<'a, T: 'static>(Iter<'a, T>);

impl<T> Tree<T> {
    /// All maps in address order.
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

/// Exact, as the walk begins with the first map and the tree counts its maps.
impl<T> ExactSizeIterator for All<'_, T> {}
