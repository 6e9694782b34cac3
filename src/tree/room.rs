//! Memory before anything changes: room in the leaves that an edit will touch.

use super::inner::Inner;
use super::node::{Kind, Node};
use super::pool::Pool;
use super::size::LEAF;
use super::spot::Spot;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::MapRef;

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
        self.reserve_at(start)
    }

    /// How many nodes it takes at most to add all of `maps`.
    ///
    /// In each leaf that takes any, the first may split it; from then on there is room for a quarter of a leaf more at
    /// least before the next split. Every split may split all the nodes above.
    pub(super) fn needed_for(&self, maps: &Self) -> usize {
        let mut splits = 0_usize;
        let mut leaf_end = None;
        let mut added = 0_usize;
        for map in maps.iter() {
            let start = map.vmarea().start().get();
            if leaf_end.is_none_or(|end| end < start) {
                let high = self.leaf(start).map(|(leaf, _)| leaf.high());
                leaf_end = high.filter(|&end| end >= start).or(Some(usize::MAX));
                splits += 1;
                added = 0;
            }
            added += 1;
            splits += usize::from(added % (LEAF / 4) == 0);
        }
        splits * (self.height() + 1) + self.height() + 1
    }

    /// Makes room for an edit that cuts maps at the borders of `area`; when there is no memory, the maps stay as they
    /// are. Where no map crosses a border, nothing is cut, and nothing is needed. Answers where the edit will be.
    #[inline]
    pub(crate) fn reserve_cut(&mut self, area: MemoryArea) -> Result<Spot, MapError> {
        if let Some((leaf, _, path)) = self.way(area.start().get()) {
            if leaf.has_room() && area.end().get() < leaf.high() && path.is_whole() {
                return Ok(Spot(Some(path)));
            }
        }
        self.reserve_borders(area).map(|()| Spot::default())
    }

    /// As [`reserve_cut`](Self::reserve_cut), for an area in which there must be no hole.
    #[inline]
    pub(crate) fn reserve_protect(&mut self, area: MemoryArea) -> Result<Spot, MapError> {
        let (start, end) = (area.start().get(), area.end().get());
        if let Some((leaf, at, path)) = self.way(start) {
            let covers = leaf.start(at) <= start && end <= leaf.end(at);
            if covers && leaf.has_room() && path.is_whole() {
                return Ok(Spot(Some(path)));
            }
        }
        match self.first_hole(area) {
            Some(hole) => Err(MapError::NotMapped { hole }),
            None => self.reserve_cut(area),
        }
    }

    fn reserve_borders(&mut self, area: MemoryArea) -> Result<(), MapError> {
        let crosses = |tree: &Self, border: VirtAddr| {
            let map = tree.successor(border).map(MapRef::vmarea);
            map.filter(|map| map.start() < border).is_some()
        };
        for border in [Some(area.start()), area.next()].into_iter().flatten() {
            if crosses(self, border) {
                self.reserve_at(border.get())?;
            }
        }
        Ok(())
    }

    /// Makes room for an edit that cuts out what lies in `area` and puts a map there; when there is no memory, the maps
    /// stay as they are.
    pub(crate) fn reserve_replace(&mut self, area: MemoryArea) -> Result<(), MapError> {
        self.reserve_cut(area)?;
        let start = area.start().get();
        match self.leaf(start) {
            Some((leaf, _)) if leaf.has_room() && area.end().get() < leaf.high() => Ok(()),
            // The cut may leave nothing of that leaf behind `start`: then another takes the map, and may be full.
            _ => self.pool.reserve(self.height() + 2),
        }
    }

    /// Makes room for up to three more maps at `addr`; when there is no memory, the maps stay as they are.
    pub(crate) fn reserve_at(&mut self, addr: usize) -> Result<(), MapError> {
        self.pool.reserve(self.tight(addr).0)?;
        self.make_room(addr);
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
    let cut = match (&child.0, child.place(addr)) {
        (Kind::Leaf(_), 0) => 1,
        (Kind::Leaf(_), place) if place >= child.len() => child.len() - 1,
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

/// After leaves have evened out, both have room.
const _: () = assert!(LEAF * 7 / 8 + super::leaf::ROOM <= LEAF);
