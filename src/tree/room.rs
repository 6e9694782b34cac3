//! Room for more maps: how many nodes an edit may want, set aside before anything changes, and where they go.
//!
//! A leaf keeps up to [`FULL`] maps. An edit that leaves no more maps than before needs no node, however full the leaves
//! are; any other finds room in its leaf, or asks for nodes to split that leaf and the nodes above it.

use super::inner::Inner;
use super::node::{Kind, Node};
use super::pool::Pool;
use super::size::{FULL, INNER, LEAF};
use super::spot::Spot;
use super::store::Tree;
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::map::MapRef;

/// How room is made in a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relief {
    /// A neighbour that has room takes some of its maps; where none has, a new node does.
    Share,
    /// A new node takes half of its maps, so that each of many maps to come, in address order, finds that much room; or
    /// takes none but the last, when all that come are behind it.
    Ascending,
    /// The same for maps that come in the reverse order.
    Descending,
}

/// For how many maps in address order a leaf has room once it was split.
const HALF: usize = LEAF / 2 - 1;

/// For how many children an inner node has room once it was split.
const INNER_HALF: usize = INNER / 2 - 1;

impl<T> Tree<T> {
    /// Sets nodes aside for a map at `area`, where nothing may be.
    pub(crate) fn reserve_insert(&mut self, area: MemoryArea) -> Result<(), MapError> {
        let start = area.start().get();
        match self.first_overlap(area) {
            Some(existing) => Err(MapError::Overlap { existing }),
            None => self.pool.reserve(self.needed_at(start, 1)),
        }
    }

    /// Sets nodes aside for an edit that takes out what lies in `area`. Only an area inside one map leaves a map more.
    #[inline]
    pub(crate) fn reserve_cut(&mut self, area: MemoryArea) -> Result<Spot, MapError> {
        let (start, end) = (area.start().get(), area.end().get());
        if let Some((leaf, at, path)) = self.way(start) {
            let punches = leaf.start(at) < start && end < leaf.end(at);
            if end < leaf.high() && path.is_whole() && (!punches || leaf.has_room_for(1)) {
                return Ok(Spot::At(path));
            }
        }
        self.reserve_punch(area).map(|()| Spot::Tight)
    }

    /// Sets nodes aside for the map that an area inside one map leaves more.
    fn reserve_punch(&mut self, area: MemoryArea) -> Result<(), MapError> {
        if self.reaches_past(area) {
            return self.pool.reserve(self.needed_at(area.start().get(), 1));
        }
        Ok(())
    }

    /// Sets nodes aside for an edit that takes out what lies in `area`, and puts one map there.
    pub(crate) fn reserve_replace(&mut self, area: MemoryArea) -> Result<(), MapError> {
        let Some((leaf, _)) = self.leaf(area.start().get()) else {
            return self.pool.reserve(1);
        };
        let stays = area.end().get() < leaf.high() || self.height() == 0;
        if stays && leaf.has_room_for(2) {
            return Ok(());
        }
        let gone = self.count_inside(area);
        let growth = 1 + usize::from(self.reaches_past(area));
        // A map that goes leaves its place, or an empty node below the only one above.
        let has_place = || {
            let mut borders = [area.start(), area.end()].into_iter();
            self.height() <= 1 || borders.any(|border| self.leaves_a_place(area, border.get()))
        };
        if stays && leaf.len() + growth <= FULL + gone || growth <= gone && has_place() {
            return Ok(());
        }
        self.pool.reserve(self.height() + 2)
    }

    /// Whether the leaf at `border` of `area` loses some of its maps, but not all, when what lies in `area` goes.
    fn leaves_a_place(&self, area: MemoryArea, border: usize) -> bool {
        let is_inside = |map: MemoryArea| area.contains_area(map);
        let leaf = self.leaf(border).map(|(leaf, _)| leaf);
        let gone = leaf.map(|leaf| {
            let inside = (0..leaf.len()).filter(|&at| is_inside(leaf.area(at)));
            (inside.count(), leaf.len())
        });
        gone.is_some_and(|(gone, len)| gone > 0 && gone < len)
    }

    /// Sets nodes aside for an edit that takes out what lies in `new` and in `old`, and puts what was in `head`, the
    /// beginning of `old`, to `new`.
    pub(crate) fn reserve_shift(
        &mut self,
        old: MemoryArea,
        head: MemoryArea,
        new: MemoryArea,
    ) -> Result<(), MapError> {
        let Some((leaf, at)) = self.leaf(new.start().get()) else {
            return Ok(());
        };
        let height = self.height();
        let moved = self.count_in(head);
        let punches = [old, new].map(|area| usize::from(self.reaches_past(area)));
        let growth = moved + punches.iter().sum::<usize>();
        let len = leaf.len();
        let needed = if height == 0 {
            // All maps are in one leaf: what goes makes room before what comes wants it. Once that is split, it need not.
            let gone = self.count_inside(old) + self.count_inside(new);
            let fits = len + growth <= FULL + gone;
            if fits { 0 } else { splits(FULL + growth) }
        } else {
            // The leaf takes what comes; or another does, of which nothing is known, when all that it has may go.
            let stays = new.end().get() < leaf.high() || at == len;
            let len = if stays { len } else { FULL + 1 };
            let comes = splits(len + growth);
            let cuts = [old, head].map(|area| self.cut_cost(area));
            comes + cuts.iter().sum::<usize>()
        };
        if needed == 0 {
            return Ok(());
        }
        self.pool.reserve(needed + self.needed_above(needed))
    }

    /// How many leaves may be split where `area` is cut out of one map, whatever else happens there.
    fn cut_cost(&self, area: MemoryArea) -> usize {
        let has_room = self
            .leaf(area.start().get())
            .is_some_and(|(leaf, _)| leaf.has_room_for(2));
        usize::from(self.reaches_past(area) && !has_room)
    }

    /// How many nodes it takes at most to add all of `maps`, in address order or the reverse, by splits; or where one of
    /// them would overlap. O(1) a map and O(log n) a leaf.
    pub(super) fn needed_for(&self, maps: &Self) -> Result<usize, MapError> {
        let last = self.root.as_deref().map(Node::high);
        let (mut needed, mut split) = (0, 0);
        let mut areas = maps.iter().map(MapRef::vmarea).peekable();
        while let Some(area) = areas.next() {
            let start = area.start().get();
            let Some((leaf, at)) = self.leaf(start) else {
                return Ok(0);
            };
            leaf.check_free(area, at)?;
            // Maps behind the last leaf go to the last.
            let high = Some(leaf.high()).filter(|&high| Some(high) != last);
            let is_here = |area: &MemoryArea| high.is_none_or(|high| area.start().get() <= high);
            let mut added = 1;
            while let Some(area) = areas.next_if(is_here) {
                leaf.check_free(area, leaf.lower_bound(area.start().get()))?;
                added += 1;
            }
            let splits = splits(leaf.len() + added);
            if splits > 0 {
                split += splits;
                needed += splits - 1 + self.needed_at(start, added);
            }
        }
        // Nodes above that have room for one more, and get more.
        if split > 1 {
            needed += self.needed_above(split);
        }
        Ok(needed)
    }

    /// How many nodes it takes to make room for `growth` more maps at `addr`: none where its leaf has it.
    pub(super) fn needed_at(&self, addr: usize, growth: usize) -> usize {
        let Some(root) = self.root.as_deref() else {
            return 1;
        };
        let mut tight = usize::from(root.is_tight(growth));
        let mut node = root;
        loop {
            tight += usize::from(node.is_tight(growth));
            match &node.0 {
                Kind::Inner(inner) => match inner.child(inner.place(addr)) {
                    Some(child) => node = child,
                    None => return tight,
                },
                Kind::Leaf(leaf) if leaf.has_room_for(growth) => return 0,
                Kind::Leaf(_) | Kind::Spare(_) => return tight,
            }
        }
    }

    /// How many nodes above leaves that are split so many times may be split, those that were tight before aside but for
    /// one a level and place; and how many new ones may come above all.
    fn needed_above(&self, leaves: usize) -> usize {
        let height = self.height();
        // How many nodes a level has at most, where that is quickly told.
        let most = match height {
            0 | 1 => 1,
            2 => self.root.as_deref().map_or(1, Node::len),
            _ => usize::MAX,
        };
        // A node that has room for one child comes to be tight by the second; from then on there is room for half a node.
        let splits = leaves.div_ceil(2).min(most) + leaves / INNER_HALF + 1;
        let (mut nodes, mut children) = (1 + height * splits, leaves);
        while children > INNER_HALF {
            children = children / INNER_HALF + 1;
            nodes += children;
        }
        nodes
    }

    /// Makes room for `growth` more maps, one or two, in the leaf at `addr`: splits it, and every tight node above it,
    /// from the root down, with the nodes that are spare.
    pub(super) fn make_room(&mut self, addr: usize, growth: usize, relief: Relief) {
        if self
            .leaf(addr)
            .is_none_or(|(leaf, _)| leaf.has_room_for(growth))
        {
            return;
        }
        let Self { root, pool, .. } = self;
        if root.as_deref().is_some_and(|root| root.is_tight(growth)) {
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
            if inner.child(at).is_some_and(|child| child.is_tight(growth)) {
                relieve(inner, at, addr, pool, relief);
            }
            node = inner.child_mut(inner.place(addr));
        }
    }
}

/// How many times a leaf is split at most that has `len` maps when all have come, in address order or the reverse.
const fn splits(len: usize) -> usize {
    match len.checked_sub(FULL) {
        None | Some(0) => 0,
        Some(more) => 1 + more / HALF,
    }
}

/// Makes room in the child at `at`: a neighbour takes some of its maps, or a new node does.
fn relieve<T>(
    inner: &mut Inner<Node<T>>,
    at: usize,
    addr: usize,
    pool: &mut Pool<T>,
    relief: Relief,
) {
    if relief == Relief::Share && share(inner, at) {
        return;
    }
    let (Some(child), Some(mut right)) = (inner.child_mut(at), pool.take()) else {
        return;
    };
    // Maps that come in order fill their leaves: all maps behind them are split off, or all before. Where any may follow,
    // none must meet a leaf that is nearly full.
    let cut = match (&child.0, child.place(addr)) {
        (Kind::Leaf(_), 0) if relief != Relief::Ascending => 1,
        (Kind::Leaf(_), place) if place >= child.len() && relief != Relief::Descending => {
            child.len() - 1
        }
        _ => child.len() / 2,
    };
    child.move_back(cut, &mut right);
    inner.refresh(at);
    inner.open(at + 1, right);
}

/// Evens a leaf out with a neighbour that has room; false when neither has. Full leaves are split later for it, so they
/// are fuller on the whole.
fn share<T>(inner: &mut Inner<Node<T>>, at: usize) -> bool {
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

/// After leaves have evened out, both have room for what one edit may bring.
const _: () = assert!((FULL + LEAF * 3 / 4).div_ceil(2) + 2 <= FULL);
