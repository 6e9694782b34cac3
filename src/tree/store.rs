//! The tree itself: its root, its memory, and the way down to a leaf.

use super::hint::{Hint, Hints};
use super::inner::Inner;
use super::leaf::Leaf;
use super::node::{Kind, Node};
use super::owned::Owned;
use super::path::Path;
use super::pool::Pool;
use super::spot::Spot;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::MapRef;

/// The maps of one space in address order.
///
/// Lookups, ranks and edits are O(log n), and O(1) more for each map that is touched. An edit that may leave
/// more maps is preceded by the `reserve_…` of its name, which may fail, and then cannot fail itself.
pub(crate) struct Tree<T: 'static> {
    pub(super) root: Option<Owned<Node<T>>>,
    pub(super) pool: Pool<T>,
    hints: Hints,
}

impl<T> Tree<T> {
    pub(crate) const fn new() -> Self {
        Self::with_pool(Pool::new())
    }

    /// A tree in these nodes and no others.
    pub(crate) fn fixed(nodes: &'static mut [Node<T>]) -> Self {
        Self::with_pool(Pool::fixed(nodes))
    }

    /// A tree that grows by nodes that are lent to it.
    pub(super) const fn lent() -> Self {
        Self::with_pool(Pool::empty(false))
    }

    const fn with_pool(pool: Pool<T>) -> Self {
        Self {
            root: None,
            pool,
            hints: Hints::new(),
        }
    }

    /// Lets the tree grow on the heap.
    #[cfg(feature = "alloc")]
    pub(crate) const fn grow(&mut self) {
        self.pool.grows = true;
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.root.as_deref().map_or(0, Node::count)
    }

    /// The map that holds `addr`.
    #[inline]
    pub(crate) fn find(&self, addr: VirtAddr) -> Option<MapRef<'_, T>> {
        let addr = addr.get();
        let root = match &self.root.as_deref()?.0 {
            Kind::Inner(inner) => inner,
            // A single leaf is searched as quickly without a hint as with one.
            Kind::Leaf(leaf) => return leaf.find(addr),
            Kind::Spare(_) => return None,
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

    /// The leaf where `addr` is or would be, and its position there.
    #[inline]
    pub(super) fn leaf(&self, addr: usize) -> Option<(&Leaf<T>, usize)> {
        let mut node = self.root.as_deref()?;
        loop {
            match &node.0 {
                Kind::Inner(inner) => node = inner.child(inner.place(addr))?,
                Kind::Leaf(leaf) => return Some((leaf, leaf.lower_bound(addr))),
                Kind::Spare(_) => return None,
            }
        }
    }

    /// As [`leaf`](Self::leaf), with the way there.
    #[inline]
    pub(super) fn way(&self, addr: usize) -> Option<(&Leaf<T>, usize, Path)> {
        let mut path = Path::default();
        let mut node = self.root.as_deref()?;
        loop {
            let at = match &node.0 {
                Kind::Inner(inner) => {
                    let at = inner.place(addr);
                    node = inner.child(at)?;
                    at
                }
                Kind::Leaf(leaf) => {
                    let at = leaf.lower_bound(addr);
                    path.push(at);
                    return Some((leaf, at, path));
                }
                Kind::Spare(_) => return None,
            };
            path.push(at);
        }
    }

    /// The first map that does not end before `addr`.
    pub(crate) fn successor(&self, addr: VirtAddr) -> Option<MapRef<'_, T>> {
        let (leaf, at) = self.leaf(addr.get())?;
        leaf.get(at)
    }

    /// The last map that ends before `addr`.
    pub(super) fn predecessor(&self, addr: usize) -> Option<MapRef<'_, T>> {
        let mut node = self.root.as_deref()?;
        let mut before = None;
        loop {
            match &node.0 {
                Kind::Inner(inner) => {
                    let at = inner.place(addr);
                    before = at
                        .checked_sub(1)
                        .and_then(|left| inner.child(left))
                        .or(before);
                    node = inner.child(at)?;
                }
                Kind::Leaf(leaf) => match leaf.lower_bound(addr).checked_sub(1) {
                    Some(left) => return leaf.get(left),
                    None => return before.and_then(last),
                },
                Kind::Spare(_) => return None,
            }
        }
    }

    /// Where the first map is that has a byte in `area`.
    pub(crate) fn first_overlap(&self, area: MemoryArea) -> Option<MemoryArea> {
        let first = self.successor(area.start())?.vmarea();
        first.overlaps(&area).then_some(first)
    }

    /// The first hole in `area`.
    pub(crate) fn first_hole(&self, area: MemoryArea) -> Option<MemoryArea> {
        let mut free = area.start();
        while let Some(map) = self.successor(free).map(MapRef::vmarea) {
            if map.start() > free {
                let end = map.start().checked_sub(1)?.min(area.end());
                return MemoryArea::new(free, end).ok();
            }
            free = map.next().filter(|&next| next <= area.end())?;
        }
        MemoryArea::new(free, area.end()).ok()
    }

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
        let edited = Edited(self);
        let Self { root, pool, .. } = &mut *edited.0;
        edit_below(root.as_mut()?, path, addr, pool, edit)
    }

    /// The end of a verb, done or refused: spare nodes that the next one is not likely to want go back to the heap.
    #[inline]
    pub(crate) fn trim(&mut self) {
        self.pool.trim();
    }

    /// Takes the last leaf out, with all its maps. O(log n).
    pub(super) fn take_last_leaf(&mut self) -> Option<Owned<Node<T>>> {
        let Self { root, pool, .. } = self;
        let leaf = match &mut root.as_mut()?.0 {
            Kind::Inner(inner) => last_leaf(inner, pool),
            Kind::Leaf(_) | Kind::Spare(_) => return root.take(),
        };
        self.lower();
        leaf
    }

    /// Takes away a root that is empty, or that has a single child.
    fn lower(&mut self) {
        while let Some(root) = &mut self.root {
            let child = match &mut root.0 {
                Kind::Inner(inner) if inner.len() == 1 => inner.close(0),
                Kind::Leaf(leaf) if leaf.len() == 0 => None,
                _ => return,
            };
            let old = core::mem::replace(&mut self.root, child);
            old.into_iter().for_each(|old| self.pool.give(old));
        }
    }
}

/// Takes the last leaf below `inner` out, and nodes that are empty then.
fn last_leaf<T>(inner: &mut Inner<Node<T>>, pool: &mut Pool<T>) -> Option<Owned<Node<T>>> {
    let at = inner.len().checked_sub(1)?;
    let Some(Node(Kind::Inner(child))) = inner.child_mut(at) else {
        return inner.close(at);
    };
    let leaf = last_leaf(child, pool);
    if child.len() > 0 {
        inner.refresh(at);
    } else {
        let empty = inner.close(at);
        empty.into_iter().for_each(|empty| pool.give(empty));
    }
    leaf
}

/// The map below `root` that `hint` leads to, if it is one that holds `addr`.
#[inline]
fn follow<'a, T>(root: &'a Inner<Node<T>>, hint: &Hint, addr: usize) -> Option<MapRef<'a, T>> {
    let mut path = hint.path(addr)?;
    let mut node = root.child(path.step())?;
    loop {
        match &node.0 {
            Kind::Inner(inner) => node = inner.child(path.step())?,
            Kind::Leaf(leaf) => {
                let map = leaf.find_at(path.step(), addr)?;
                hint.hit();
                return Some(map);
            }
            Kind::Spare(_) => return None,
        }
    }
}

/// The map below `root` that holds `addr`, and the way there.
#[inline]
fn search<T>(root: &Inner<Node<T>>, addr: usize) -> Option<(MapRef<'_, T>, Path)> {
    let mut path = Path::default();
    let mut inner = root;
    loop {
        let at = inner.rank(addr);
        path.push(at);
        match &inner.child(at)?.0 {
            Kind::Inner(below) => inner = below,
            Kind::Leaf(leaf) => {
                let at = leaf.rank(addr);
                path.push(at);
                return Some((leaf.find_at(at, addr)?, path));
            }
            Kind::Spare(_) => return None,
        }
    }
}

/// The last map of a subtree.
fn last<T>(mut node: &Node<T>) -> Option<MapRef<'_, T>> {
    loop {
        match &node.0 {
            Kind::Inner(inner) => node = inner.child(inner.len().checked_sub(1)?)?,
            Kind::Leaf(leaf) => return leaf.get(leaf.len().checked_sub(1)?),
            Kind::Spare(_) => return None,
        }
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
        Kind::Leaf(leaf) => {
            let at = known.unwrap_or_else(|| leaf.lower_bound(addr));
            let leaf = Unsettled(leaf);
            let answer = edit(leaf.0, at);
            core::mem::forget(leaf);
            Some(answer)
        }
        Kind::Inner(inner) => {
            let at = known.unwrap_or_else(|| inner.place(addr));
            let below = Below { inner, at, pool };
            edit_below(below.inner.child_mut(at)?, path, addr, below.pool, edit)
        }
        Kind::Spare(_) => None,
    }
}

/// A tree in which a leaf is edited. When that ends, even by a panic of a payload or of whoever takes pieces, the root is
/// one that a tree can have.
struct Edited<'a, T: 'static>(&'a mut Tree<T>);

impl<T> Drop for Edited<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.lower();
    }
}

/// An inner node in which something below the child at `at` is edited. When that ends, even by a panic, the node knows
/// its child again.
struct Below<'a, T: 'static> {
    inner: &'a mut Inner<Node<T>>,
    at: usize,
    pool: &'a mut Pool<T>,
}

impl<T> Drop for Below<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.inner.refresh(self.at) {
            mend(self.inner, self.at, self.pool);
        }
    }
}

/// A leaf that is edited. An edit that a panic ends leaves its maps in order, but may not have got to the largest gap.
struct Unsettled<'a, T>(&'a mut Leaf<T>);

impl<T> Drop for Unsettled<'_, T> {
    fn drop(&mut self) {
        self.0.settle_all();
    }
}

/// Takes the child at `at`, which is sparse, out when it is empty, and joins it with a neighbour when both fit in one.
fn mend<T>(inner: &mut Inner<Node<T>>, at: usize, pool: &mut Pool<T>) {
    let Some((len, capacity)) = inner.child(at).map(|child| (child.len(), child.capacity())) else {
        return;
    };
    if len == 0 {
        inner
            .close(at)
            .into_iter()
            .for_each(|empty| pool.give(empty));
        return;
    }
    for left in [at.checked_sub(1), Some(at)].into_iter().flatten() {
        let Some((one, other)) = inner.pair_mut(left) else {
            continue;
        };
        if (one.len() + other.len()) * 4 <= capacity * 3 {
            other.move_front(one);
            inner
                .close(left + 1)
                .into_iter()
                .for_each(|empty| pool.give(empty));
            inner.refresh(left);
            return;
        }
    }
}
