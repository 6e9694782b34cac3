//! The lookup of one address, by a hint or from the root: the page fault's question, and the hottest path of the tree.
//!
//! A hint is the path to an earlier answer. Where it fits, the lookup follows positions without a search in any node.
//! Where it does not, the search from the root may set the hint anew; see [`Hints`](super::hint::Hints).
//!
//! Lookups take `&self`, and many CPUs run them at once. The hints are the only memory that they write, by relaxed
//! atomics: no lookup waits for another, and none trusts a hint that it has not checked.

use super::hint::Hint;
use super::inner::Inner;
use super::node::{Node, NodeKind};
use super::path::Path;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::map::MapRef;

impl<T> Tree<T> {
    /// The map that holds `addr`. O(log n), with a few loads for each level if a hint is right. `hint` answers this
    /// CPU's, where one is worth it.
    ///
    /// A single leaf is searched as quickly without a hint as with one: that is done where the lookup is asked for.
    #[inline]
    pub(crate) fn find<'h>(
        &self,
        addr: VirtAddr,
        hint: impl FnOnce() -> &'h Hint,
    ) -> Option<MapRef<'_, T>> {
        match &self.root.as_deref()?.0 {
            NodeKind::Leaf(leaf) => leaf.find(addr.get()),
            NodeKind::Inner(root) => {
                let hint = hint();
                follow(root, hint, addr.get()).or_else(|| find_below(root, hint, addr.get()))
            }
            NodeKind::Spare(_) => None,
        }
    }
}

/// The map below `root` that holds `addr`, where this CPU's hint does not lead to it.
#[inline(never)]
fn find_below<'a, T>(root: &'a Inner<Node<T>>, hint: &Hint, addr: usize) -> Option<MapRef<'a, T>> {
    let (map, path) = search(root, addr)?;
    // Setting a hint writes to a line that other CPUs may read: it is not done for every miss.
    if hint.miss(addr) {
        hint.set(map.vmarea(), path);
    }
    Some(map)
}

/// The map below `root` that `hint` leads to, if that map holds `addr`.
///
/// The tree may have changed since the hint was set, so the path may lead anywhere or nowhere. Each step is checked by
/// the node, and the map at the end by its addresses.
#[inline]
fn follow<'a, T>(root: &'a Inner<Node<T>>, hint: &Hint, addr: usize) -> Option<MapRef<'a, T>> {
    let mut path = hint.path(addr)?;
    let mut node = root.child(path.step())?;
    loop {
        match &node.0 {
            NodeKind::Inner(inner) => node = inner.child(path.step())?,
            NodeKind::Leaf(leaf) => {
                let map = leaf.find_at(path.step(), addr)?;
                hint.hit();
                return Some(map);
            }
            NodeKind::Spare(_) => return None,
        }
    }
}

/// The map below `root` that holds `addr`, and the path there, by a search in each node. O(log n).
///
/// It asks [`Inner::search`], not [`Inner::position_for`]: behind the last child there is no map to be found.
#[inline]
fn search<T>(root: &Inner<Node<T>>, addr: usize) -> Option<(MapRef<'_, T>, Path)> {
    let mut path = Path::default();
    let mut inner = root;
    loop {
        let at = inner.search(addr);
        path.push(at);
        match &inner.child(at)?.0 {
            NodeKind::Inner(below) => inner = below,
            NodeKind::Leaf(leaf) => {
                let at = leaf.search(addr);
                path.push(at);
                return Some((leaf.find_at(at, addr)?, path));
            }
            NodeKind::Spare(_) => return None,
        }
    }
}
