//! Changes of permissions: the tree's part of `mprotect`.
//!
//! Maps at the borders of the area are cut, unless they have the permissions already. Then neighbours that have become
//! alike join: inside a leaf at once, across leaves afterwards.
//!
//! ```text
//! area             |-----------------|
//! before    |---rw---|---r---|----rw---|     cut at both borders of the area
//! after     |--rw--|---------r-------|rw|    the parts inside have joined with the map between
//! ```
//!
//! A leaf may hold two maps more than FULL on the way, until the parts have joined.

use super::cut::behind;
use super::leaf::Leaf;
use super::room::Relief;
use super::spot::Spot;
use super::store::Tree;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::map::{Content, Payload};
use crate::permissions::Permissions;

/// The permissions that a map is to have, by those that it has. A change that was made already changes nothing.
pub(crate) trait Change: Fn(Permissions) -> Permissions + Copy {}

impl<F: Fn(Permissions) -> Permissions + Copy> Change for F {}

/// Whether a map with these permissions gets others.
#[inline]
pub(super) fn changes(change: impl Change, permissions: Permissions) -> bool {
    change(permissions) != permissions
}

#[inline]
fn set<T>(content: &mut Content<T>, change: impl Change) {
    content.set_permissions(change(content.permissions()));
}

impl<T: Payload> Tree<T> {
    /// Gives the maps in `area` the permissions that `change` answers, and joins maps that are alike then. O(log n) for
    /// each leaf, and O(1) for each map.
    ///
    /// `spot` is the answer of [`reserve_protect`](Self::reserve_protect), or of
    /// [`reserve_restrict`](Self::reserve_restrict) with its area. Maps that stay as they are are not cut.
    ///
    /// When a payload panics, the tree is sound: some maps in `area` may have the old permissions.
    pub(crate) fn protect(&mut self, area: MemoryArea, mut spot: Spot, change: impl Change) {
        if matches!(spot, Spot::Tight) {
            for border in self.cut_borders(area, change).into_iter().flatten() {
                self.make_room(border.get(), 2, Relief::Redistribute);
            }
        }
        let mut rest = Some(area);
        while let Some(area) = rest {
            let (start, end) = (area.start().get(), area.end().get());
            let spot = core::mem::replace(&mut spot, Spot::Roomy);
            // Before the edit: a leaf that becomes sparse is merged, and may be the only one then.
            let is_alone = self.is_leaf();
            let span = self.edit_at(spot, start, |leaf, at| {
                leaf.protect(area, at, change);
                (leaf.low(), leaf.high())
            });
            // A single leaf has joined what there was to join.
            let Some((low, high)) = span.filter(|_| !is_alone) else {
                return;
            };
            // The leaf's first and last map may have become one with a map of the leaf beside it.
            if start <= low {
                self.join_at(VirtAddr::new(low));
            }
            if end == high {
                area.next().into_iter().for_each(|next| self.join_at(next));
            }
            rest = behind(area, high);
        }
    }
}

impl<T: Payload> Leaf<T> {
    /// Changes the leaf's share of `area`, whose start is or would be at `first`.
    ///
    /// Two cases have short ways of their own: an area inside one map, and an area that is one whole map. No gap
    /// changes in any case, so the largest stays.
    fn protect(&mut self, area: MemoryArea, first: usize, change: impl Change) {
        let (start, end) = (area.start().get(), area.end().get());
        let (low, high) = (self.start(first), self.end(first));
        if low < start && end < high {
            if self
                .get(first)
                .is_some_and(|map| changes(change, map.permissions()))
            {
                let middle = self.carve(first, area);
                middle.into_iter().for_each(|middle| set(middle, change));
            }
        } else if low == start && high == end {
            self.protect_whole(first, change);
        } else {
            self.protect_maps(area, first, change);
        }
    }

    /// Gives the map at `at` its permissions, and joins it with its neighbours.
    ///
    /// The payloads of both neighbours are asked before one is swallowed, and dropped when the leaf is in order.
    #[inline]
    fn protect_whole(&mut self, at: usize, change: impl Change) {
        if let Some(content) = self.content_mut(at) {
            set(content, change);
        }
        let left = self.before(at).filter(|&left| self.joins_next(left));
        let right = self.joins_next(at).then_some(at);
        let behind = right.and_then(|at| self.swallow_next(at));
        let here = left.and_then(|left| self.swallow_next(left));
        drop((here, behind));
    }

    /// Changes any part of any number of maps: each map that differs is cut at the borders of `area`,
    /// set, and joined with its neighbours at the end.
    fn protect_maps(&mut self, area: MemoryArea, first: usize, change: impl Change) {
        let (start, end) = (area.start().get(), area.end().get());
        let mut at = first;
        while self.start(at) <= end && self.has(at) {
            if self
                .content_mut(at)
                .is_some_and(|content| changes(change, content.permissions()))
            {
                // The part before the area stays as it is; the part inside is the next map.
                if self.start(at) < start {
                    at = self.split_map(at, start).unwrap_or(at);
                }
                if self.end(at) > end {
                    let behind = self.split_map(at, end + 1);
                    at = behind.and_then(|behind| self.before(behind)).unwrap_or(at);
                }
                self.content_mut(at)
                    .into_iter()
                    .for_each(|content| set(content, change));
            }
            at = self.after(at);
        }
        // From the last to the first, so that a join does not move the maps that are still to be looked at.
        while let Some(left) = self.before(at).filter(|_| self.start(at) >= start) {
            if self.joins_next(left) {
                drop(self.swallow_next(left));
            }
            at = left;
        }
    }
}
