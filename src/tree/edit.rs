//! Edits of one leaf, after which all nodes above know it again.

use super::inner::Inner;
use super::leaf::Leaf;
use super::merge::merge_sparse;
use super::node::{Node, NodeKind};
use super::path::Path;
use super::pool::Pool;
use super::spot::Spot;
use super::store::Tree;

impl<T> Tree<T> {
    /// Does `edit` to the leaf where `addr` is or would be, at that position, and keeps what the nodes above know of it
    /// true.
    #[inline]
    pub(super) fn edit<R>(
        &mut self,
        addr: usize,
        edit: impl FnOnce(&mut Leaf<T>, usize) -> R,
    ) -> Option<R> {
        self.edit_at(Spot::Tight, addr, edit)
    }

    /// As [`edit`](Self::edit), without looking for `addr` where `spot` says how to get there.
    #[inline]
    pub(super) fn edit_at<R>(
        &mut self,
        spot: Spot,
        addr: usize,
        edit: impl FnOnce(&mut Leaf<T>, usize) -> R,
    ) -> Option<R> {
        let path = match spot {
            Spot::At(path) => Some(path),
            Spot::Roomy | Spot::Tight => None,
        };
        let edited = RootEdit(self);
        let Self { root, pool, .. } = &mut *edited.0;
        edit_below(root.as_mut()?, path, addr, pool, edit)
    }
}

fn edit_below<T, R>(
    node: &mut Node<T>,
    mut path: Option<Path>,
    addr: usize,
    pool: &mut Pool<T>,
    edit: impl FnOnce(&mut Leaf<T>, usize) -> R,
) -> Option<R> {
    let known = path.as_mut().map(Path::step);
    match &mut node.0 {
        NodeKind::Leaf(leaf) => {
            let at = known.unwrap_or_else(|| leaf.lower_bound(addr));
            let leaf = LeafEdit(leaf);
            let answer = edit(leaf.0, at);
            core::mem::forget(leaf);
            Some(answer)
        }
        NodeKind::Inner(inner) => {
            let at = known.unwrap_or_else(|| inner.position_for(addr));
            let below = ChildEdit { inner, at, pool };
            edit_below(below.inner.child_mut(at)?, path, addr, below.pool, edit)
        }
        NodeKind::Spare(_) => None,
    }
}

/// A tree in which a leaf is edited. When that ends, even by a panic of a payload or of whoever takes pieces, the root is
/// one that a tree can have.
struct RootEdit<'a, T: 'static>(&'a mut Tree<T>);

impl<T> Drop for RootEdit<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.collapse_root();
    }
}

/// An inner node in which something below the child at `at` is edited. When that ends, even by a panic, the node knows
/// its child again.
struct ChildEdit<'a, T: 'static> {
    inner: &'a mut Inner<Node<T>>,
    at: usize,
    pool: &'a mut Pool<T>,
}

impl<T> Drop for ChildEdit<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.inner.refresh(self.at) {
            merge_sparse(self.inner, self.at, self.pool);
        }
    }
}

/// A leaf that is edited. An edit that a panic ends leaves its maps in order, but may not have got to the largest gap.
struct LeafEdit<'a, T>(&'a mut Leaf<T>);

impl<T> Drop for LeafEdit<'_, T> {
    fn drop(&mut self) {
        self.0.recompute_max_gap();
    }
}
