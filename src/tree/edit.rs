//! Edits of one leaf, after which all nodes above it are true again.
//!
//! Every edit of the tree comes through [`Tree::edit_at`]: down to a leaf, a closure there, and up again. On the way up
//! each inner node refreshes its copy of the child, and merges a child that has become sparse.
//!
//! ```text
//! down   root 3   inner 0   leaf 17         the steps are noted: 17|0|3
//! up     inner refreshes its child 0, the root its child 3; each is found again by the steps noted
//! ```
//!
//! The way up is a destructor's. Payloads and sinks are foreign code that the closure calls, and may panic: an
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
    /// for an empty tree. O(log n), beside the edit; and on the way up a step more for each pair of levels, which are
    /// few.
    ///
    /// The closure leaves the leaf in order, and may leave it empty.
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
        let mut edited = Edited {
            tree: self,
            path: Path::default(),
            addr,
        };
        let Edited { tree, path, .. } = &mut edited;
        let root = tree.root.as_deref_mut()?;
        let (leaf, at) = match spot {
            Spot::At(found) => {
                *path = found;
                follow(root, found)?
            }
            Spot::Roomy | Spot::Tight => search(root, path, addr)?,
        };
        Some(edit(leaf, at))
    }
}

/// The leaf at the end of `path`, which is whole, and the position there.
#[inline]
fn follow<T>(root: &mut Node<T>, mut path: Path) -> Option<(&mut Leaf<T>, usize)> {
    let mut node = root;
    loop {
        let at = path.step();
        match &mut node.0 {
            NodeKind::Leaf(leaf) => return Some((leaf, at)),
            NodeKind::Inner(inner) => node = inner.child_mut(at)?,
            NodeKind::Spare(_) => return None,
        }
    }
}

/// The leaf where `addr` is or would be, and the position there; the steps are added to `path`.
#[inline]
fn search<'a, T>(
    root: &'a mut Node<T>,
    path: &mut Path,
    addr: usize,
) -> Option<(&'a mut Leaf<T>, usize)> {
    let mut node = root;
    loop {
        match &mut node.0 {
            NodeKind::Leaf(leaf) => {
                let at = leaf.lower_bound(addr);
                path.push(at);
                return Some((leaf, at));
            }
            NodeKind::Inner(inner) => {
                let at = inner.position_for(addr);
                path.push(at);
                node = inner.child_mut(at)?;
            }
            NodeKind::Spare(_) => return None,
        }
    }
}

/// A tree in which a leaf is edited. When the edit ends, by a panic as well, the nodes above the leaf are made true
/// from below, and an empty root or a root with one child makes way.
struct Edited<'a, T: 'static> {
    tree: &'a mut Tree<T>,
    /// The way to the leaf, and the address that led there.
    path: Path,
    addr: usize,
}

impl<T> Edited<'_, T> {
    /// Makes all nodes on the way true but the root, from below.
    #[inline(never)]
    fn refresh_below_root(&mut self) {
        for above in (1..self.path.above()).rev() {
            self.refresh(above);
        }
    }

    /// Makes the inner node true that has `above` nodes above it.
    ///
    /// A path that is not whole has forgotten steps: they are searched for. The nodes from the root to this one have
    /// not changed since the way down, so a search ends where it did then.
    fn refresh(&mut self, above: u32) -> Option<()> {
        let (mut path, is_whole) = (self.path, self.path.is_whole());
        let Tree { root, pool } = &mut *self.tree;
        let mut node: &mut Node<T> = root.as_deref_mut()?;
        for left in (0..=above).rev() {
            let NodeKind::Inner(inner) = &mut node.0 else {
                return None;
            };
            let at = if is_whole {
                path.step()
            } else {
                inner.position_for(self.addr)
            };
            if left == 0 {
                refresh_child(inner, at, pool);
                return Some(());
            }
            node = inner.child_mut(at)?;
        }
        None
    }
}

impl<T> Drop for Edited<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.path.above() > 1 {
            self.refresh_below_root();
        }
        // Last, and alone in a tree of few levels. The first step is never forgotten.
        let Tree { root, pool } = &mut *self.tree;
        if let (1.., Some(Node(NodeKind::Inner(root)))) = (self.path.above(), root.as_deref_mut()) {
            refresh_child(root, self.path.step(), pool);
        }
        self.tree.collapse_root();
    }
}

/// Makes the copy of the child at `at` true, and merges the child if it is sparse.
#[inline]
fn refresh_child<T>(inner: &mut Inner<Node<T>>, at: usize, pool: &mut Pool<T>) {
    if inner.refresh(at) {
        merge_sparse(inner, at, pool);
    }
}
