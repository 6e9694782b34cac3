//! Edits of one leaf, after which all nodes above it are true again.
//!
//! Every edit of the tree comes through [`Tree::edit_at`]: down to a leaf, a closure there, and up again. On the way up
//! each inner node refreshes its copy of the child, and merges a child that has become sparse.
//!
//! The way up is in destructors. Payloads and sinks are foreign code that the closure calls, and may panic: an
//! unwinding edit leaves sound nodes behind as a returning one does.

use super::inner::Inner;
use super::leaf::Leaf;
use super::merge::merge_sparse;
use super::node::{Node, NodeKind};
use super::path::Path;
use super::pool::Pool;
use super::spot::Spot;
use super::store::Tree;

impl<T> Tree<T> {
    /// Calls `edit` with the leaf where `addr` is or would be and its position there, and answers its result; `None`
    /// for an empty tree. O(log n), beside the edit.
    ///
    /// The closure leaves the leaf in order with its largest gap true, and may leave it empty.
    #[inline]
    pub(super) fn edit<R>(
        &mut self,
        addr: usize,
        edit: impl FnOnce(&mut Leaf<T>, usize) -> R,
    ) -> Option<R> {
        self.edit_at(Spot::Tight, addr, edit)
    }

    /// Edits a leaf as [`edit`](Self::edit) does, and follows the path of `spot` if it has one instead of searching.
    ///
    /// The tree has not changed since the reservation that answered `spot`.
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

/// Edits a leaf below `node`, by `path` or by a search for `addr`. Recursion puts a guard at each level: their
/// destructors run from the leaf up.
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

/// A tree in which a leaf is edited. When the edit ends, by a panic as well, an empty root or a root with one child
/// makes way.
struct RootEdit<'a, T: 'static>(&'a mut Tree<T>);

impl<T> Drop for RootEdit<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.collapse_root();
    }
}

/// An inner node below which a leaf is edited, through the child at `at`. When the edit ends, by a panic as well, the
/// node refreshes its copy of that child, and merges the child if it is sparse.
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

/// A leaf that is edited. An edit that a panic ends leaves the maps in order, but may not have updated the largest gap:
/// so the destructor scans. An edit that returns forgets this guard, and no scan is paid for.
struct LeafEdit<'a, T>(&'a mut Leaf<T>);

impl<T> Drop for LeafEdit<'_, T> {
    fn drop(&mut self) {
        self.0.recompute_max_gap();
    }
}
