//! Memory before anything changes: room in the leaves that an edit will touch.

use super::inner::{INNER, Inner};
use super::leaf::{LEAF, Leaf};
use super::node::{Kind, Node};
use super::pool::Pool;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;

impl<T> Tree<T> {
    /// Makes room for a map at `area`, where nothing may be; when there is no memory, the tree stays as it is.
    pub(crate) fn reserve_insert(&mut self, area: MemoryArea) -> Result<(), MapError> {
        let start = area.start().get();
        if let Some((leaf, at)) = self.leaf(start) {
            if leaf.start(at) <= area.end().get() && at < leaf.len() {
                return Err(MapError::Overlap {
                    existing: leaf.area(at),
                });
            }
            if leaf.has_room() {
                return Ok(());
            }
        }
        self.pool.reserve(self.tight(start).0)?;
        self.make_room(start);
        Ok(())
    }

    /// How many nodes it takes at most to add all of `maps`.
    pub(super) fn needed_for(&self, maps: &Self) -> usize {
        let mut leaves = 1_usize;
        let mut leaf_end = None;
        let mut group = 0;
        for map in maps.iter() {
            let start = map.vmarea().start().get();
            if leaf_end.is_none_or(|end| end < start) {
                let leaf = self.leaf(start).map(|(leaf, _)| leaf);
                leaf_end = leaf
                    .map(Leaf::high)
                    .filter(|&end| end >= start)
                    .or(Some(usize::MAX));
                group = leaf.map_or(0, |leaf| leaf.len() % (LEAF / 4));
                leaves += leaf.map_or(0, |leaf| usize::from(leaf.len() + LEAF / 4 > LEAF));
            }
            group += 1;
            leaves += usize::from(group % (LEAF / 4) == 0);
        }
        leaves + leaves.div_ceil(INNER / 4) + 2 * self.height() + 1
    }

    /// Makes room for an edit that cuts at the borders of `area` or puts a map there: up to three more maps beside
    /// each border. The maps stay as they are; when there is no memory, so does the tree.
    pub(crate) fn reserve(&mut self, area: MemoryArea) -> Result<(), MapError> {
        let start = area.start().get();
        if let Some((leaf, _)) = self.leaf(start) {
            if leaf.has_room() && area.end().get() <= leaf.high() {
                return Ok(());
            }
        }
        let end = area.next().map_or(usize::MAX, |next| next.get());
        let (mut needed, near) = self.tight(start);
        if near < end {
            needed += self.tight(end).0;
        }
        self.pool.reserve(needed)?;
        self.make_room(start);
        self.make_room(end);
        Ok(())
    }

    /// How many nodes it takes to make room at `addr`, and the last byte of the leaf there.
    pub(super) fn tight(&self, addr: usize) -> (usize, usize) {
        let Some(root) = self.root.as_deref() else {
            return (1, usize::MAX);
        };
        let mut needed = usize::from(root.is_tight());
        let mut node = root;
        loop {
            needed += usize::from(node.is_tight());
            match &node.0 {
                Kind::Inner(inner) => match inner.child(inner.place(addr)) {
                    Some(child) => node = child,
                    None => return (needed, usize::MAX),
                },
                _ => return (needed, node.high()),
            }
        }
    }

    /// Splits every tight node on the way to `addr`, from the root down, with the nodes that are spare.
    pub(super) fn make_room(&mut self, addr: usize) {
        let Self { root, pool, .. } = self;
        if root.as_deref().is_some_and(Node::is_tight) {
            if let Some(mut above) = pool.take() {
                let mut inner = Inner::new();
                root.take()
                    .into_iter()
                    .for_each(|below| inner.open(0, below));
                above.0 = Kind::Inner(inner);
                *root = Some(above);
            }
        }
        let mut node = root.as_deref_mut();
        while let Some(Node(Kind::Inner(inner))) = node {
            let at = inner.place(addr);
            if inner.child(at).is_some_and(Node::is_tight) {
                relieve(inner, at, addr, pool);
            }
            node = inner.child_mut(inner.place(addr));
        }
    }
}

/// Makes room in the child at `at`: a neighbour takes some of what it has, or a new node does.
fn relieve<T>(inner: &mut Inner<T>, at: usize, addr: usize, pool: &mut Pool<T>) {
    if share(inner, at) {
        return;
    }
    let (Some(child), Some(mut right)) = (inner.child_mut(at), pool.take()) else {
        return;
    };
    // Maps that come in address order fill their leaves: what is split off is all that is behind them, or before.
    let cut = match child.place(addr) {
        0 => 1,
        place if place >= child.len() => child.len() - 1,
        _ => child.len() / 2,
    };
    child.move_back(cut, &mut right);
    inner.refresh(at);
    inner.open(at + 1, right);
}

/// Evens a leaf out with a neighbour that has room; false when neither has. Full leaves are split later for it, so they
/// are fuller on the whole.
fn share<T>(inner: &mut Inner<T>, at: usize) -> bool {
    for left in [Some(at), at.checked_sub(1)].into_iter().flatten() {
        let Some((one, other)) = inner.pair_mut(left) else {
            continue;
        };
        let (Kind::Leaf(one), Kind::Leaf(other)) = (&mut one.0, &mut other.0) else {
            return false;
        };
        let (few, half) = (one.len().min(other.len()), (one.len() + other.len()) / 2);
        if few * 4 > LEAF * 3 {
            continue;
        }
        if one.len() > half {
            one.move_back(half, other);
        } else {
            other.move_front(half - one.len(), one);
        }
        inner.refresh(left);
        inner.refresh(left + 1);
        return true;
    }
    false
}
