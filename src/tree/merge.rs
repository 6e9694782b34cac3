//! Nodes that leave the tree: empty ones, sparse ones, and a root with one child.
//!
//! They go to the pool, not to the heap: a verb of several steps may want them again for its next split.
//!
//! ```text
//! sparse       inner [A 30 maps, B 20 maps, C 70 maps]     B is a quarter full
//! merged       inner [A 50 maps,            C 70 maps]     50 of 80 is three quarters at most; B's memory is spare
//! ```
//!
//! A node is merged only when an edit has made it sparse, so the cost of a merge falls on the edits that led to it.

use super::inner::Inner;
use super::node::{Node, NodeKind};
use super::owned::Owned;
use super::pool::Pool;
use super::store::Tree;

/// Removes the child at `at`, which is sparse, if it is empty; merges it with a neighbour if both fill three quarters
/// of a node at most. O(1).
///
/// Not a full node: the next insert would split it again. So a sparse node may stay where both neighbours are fuller.
#[cold]
#[inline(never)]
pub(super) fn merge_sparse<T>(inner: &mut Inner<Node<T>>, at: usize, pool: &mut Pool<T>) {
    let Some((len, capacity)) = inner.child(at).map(|child| (child.len(), child.capacity())) else {
        return;
    };
    if len == 0 {
        inner
            .remove_at(at)
            .into_iter()
            .for_each(|empty| pool.give(empty));
        return;
    }
    // The left neighbour first: then the maps of this child are the ones that move, and they are few.
    for left in [at.checked_sub(1), Some(at)].into_iter().flatten() {
        let Some((one, other)) = inner.pair_mut(left) else {
            continue;
        };
        if (one.len() + other.len()) * 4 <= capacity * 3 {
            other.merge_into(one);
            inner
                .remove_at(left + 1)
                .into_iter()
                .for_each(|empty| pool.give(empty));
            inner.refresh(left);
            return;
        }
    }
}

impl<T> Tree<T> {
    /// Removes the last leaf, with all its maps; `None` for an empty tree. O(log n).
    ///
    /// Inner nodes that are empty then go to the pool. Nodes that are sparse then stay: the other leaves follow soon.
    pub(super) fn take_last_leaf(&mut self) -> Option<Owned<Node<T>>> {
        let Self { root, pool, .. } = self;
        let leaf = match &mut root.as_mut()?.0 {
            NodeKind::Inner(inner) => last_leaf(inner, pool),
            NodeKind::Leaf(_) | NodeKind::Spare(_) => return root.take(),
        };
        self.collapse_root();
        leaf
    }

    /// Removes the root while it is an empty leaf, or replaces it by its child while it has one only. O(log n).
    #[inline]
    pub(super) fn collapse_root(&mut self) {
        let is_over = |root: &Node<T>| match &root.0 {
            NodeKind::Inner(inner) => inner.len() == 1,
            NodeKind::Leaf(leaf) => leaf.len() == 0,
            NodeKind::Spare(_) => false,
        };
        while self.root.as_deref().is_some_and(is_over) {
            self.replace_root();
        }
    }

    /// Replaces the root by its first child, or removes it if it is a leaf.
    #[cold]
    fn replace_root(&mut self) {
        let child = match self.root.as_deref_mut() {
            Some(Node(NodeKind::Inner(inner))) => inner.remove_at(0),
            _ => None,
        };
        let old = core::mem::replace(&mut self.root, child);
        old.into_iter().for_each(|old| self.pool.give(old));
    }
}

/// Removes the last leaf below `inner`, and the inner nodes between the two that are empty then.
fn last_leaf<T>(inner: &mut Inner<Node<T>>, pool: &mut Pool<T>) -> Option<Owned<Node<T>>> {
    let at = inner.len().checked_sub(1)?;
    let Some(Node(NodeKind::Inner(child))) = inner.child_mut(at) else {
        return inner.remove_at(at);
    };
    let leaf = last_leaf(child, pool);
    // Empty nodes leave level by level, on the way back up.
    if child.len() > 0 {
        inner.refresh(at);
    } else {
        let empty = inner.remove_at(at);
        empty.into_iter().for_each(|empty| pool.give(empty));
    }
    leaf
}
