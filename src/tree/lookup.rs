//! The lookup of one address, by a hint or from the root.

use super::hint::Hint;
use super::inner::Inner;
use super::node::{Node, NodeKind};
use super::path::Path;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::map::MapRef;

impl<T> Tree<T> {
    /// The map that holds `addr`.
    #[inline]
    pub(crate) fn find(&self, addr: VirtAddr) -> Option<MapRef<'_, T>> {
        let addr = addr.get();
        let root = match &self.root.as_deref()?.0 {
            NodeKind::Inner(inner) => inner,
            // A single leaf is searched as quickly without a hint as with one.
            NodeKind::Leaf(leaf) => return leaf.find(addr),
            NodeKind::Spare(_) => return None,
        };
        let hint = self.hints.mine();
        if let Some(map) = follow(root, hint, addr) {
            return Some(map);
        }
        let (map, path) = search(root, addr)?;
        if hint.miss(addr) {
            hint.set(map.vmarea(), path);
        }
        Some(map)
    }
}

/// The map below `root` that `hint` leads to, if it is one that holds `addr`.
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

/// The map below `root` that holds `addr`, and the way there.
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
