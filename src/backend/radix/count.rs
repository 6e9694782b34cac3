//! How many tables edits need: counted before the first entry is written.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Acquire;

use super::absent::new_tables;
use super::format::Format;
use super::table::{Cut, Slot, Table, leaves_fit, slots};
use super::walker::Radix;
use super::word::Word;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::check::check_edit;
use crate::backend::page_table::Edit;
use crate::backend::run::Run;
use crate::error::MapError;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;

/// What the edits before a map leave of what is there now.
#[derive(Clone, Copy)]
struct Before {
    /// The last byte of the run before, if there is one: tables that hold it, and are not there, have been counted.
    last: Option<VirtAddr>,
    /// Where leaves may be gone: what was unmapped, and maybe more. Tables stay, or come back when they are wanted again,
    /// unless they go for good:
    unmapped: Option<MemoryArea>,
    /// The same, if pages in it are owned. Those are retired before anything else is mapped there, and with them the
    /// tables that nothing else is in.
    retired: Option<MemoryArea>,
    /// Whether that was found out.
    is_known: bool,
    /// Where unmaps have cut leaves, if they have: tables were made for that. What does not fit here is counted anew.
    borders: [Option<VirtAddr>; BORDERS],
}

/// Those of the three unmaps of a verb.
const BORDERS: usize = 6;

impl Before {
    const NOTHING: Self = Self {
        last: None,
        unmapped: None,
        retired: None,
        is_known: true,
        borders: [None; BORDERS],
    };

    /// What it is behind an unmap of `area`.
    fn unmapped(mut self, area: MemoryArea) -> Self {
        let borders = [Some(area.start()), area.next()].into_iter().flatten();
        let free = self.borders.iter_mut().filter(|border| border.is_none());
        for (free, border) in free.zip(borders) {
            *free = Some(border);
        }
        let hull = self.unmapped.map(|unmapped| unmapped.hull(area));
        Self {
            last: None,
            unmapped: Some(hull.and_then(Result::ok).unwrap_or(area)),
            retired: None,
            is_known: false,
            ..self
        }
    }

    /// Whether there is nothing before.
    const fn is_nothing(&self) -> bool {
        self.last.is_none() && self.unmapped.is_none()
    }

    /// Whether a leaf for `block` has been cut.
    fn has_cut(&self, block: MemoryArea) -> bool {
        let borders = self.borders.iter().flatten();
        borders
            .filter(|&&border| border != block.start())
            .any(|&border| block.contains(border))
    }
}

/// Where a table is that a map goes to.
#[derive(Clone, Copy)]
enum Place {
    There(PhysAddr),
    /// Nowhere yet.
    Absent,
    /// Nowhere yet, and where a leaf is, which an unmap has cut or taken out.
    Leaf,
}

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// How many tables `edits` need together, made in this order.
    ///
    /// Runs count what they share once, when they come in address order.
    pub(super) fn count(&self, edits: impl Iterator<Item = Edit>) -> Result<usize, MapError> {
        let mut needed = 0;
        let mut before = Before::NOTHING;
        let mut is_first = true;
        for edit in edits {
            check_edit(self, edit)?;
            needed += match edit {
                Edit::Map(run) => {
                    self.note_retired(&mut before);
                    self.count_run(&run, &mut before)
                }
                Edit::Shift { from, to } => {
                    self.note_retired(&mut before);
                    self.shifted(from, to)
                        .map(|moved| self.count_run(&moved.run, &mut before))
                        .sum()
                }
                Edit::Unmap(area) => {
                    let new = self.count_cuts(area, &before, |_| true);
                    before = before.unmapped(area);
                    new
                }
                Edit::Protect(area, permissions) => {
                    // Behind another edit, what is there now does not say what will be.
                    let changes =
                        |leaf| !is_first || F::attributes(leaf).permissions != permissions;
                    self.count_cuts(area, &before, changes)
                }
            };
            is_first = false;
        }
        Ok(needed)
    }

    /// New tables for `run` as it is all that is edited. One look a level, as long as it is all in one slot.
    pub(super) fn count_new(&self, run: &Run) -> usize {
        let (area, distance) = (run.area, run.distance());
        let mut at = self.root_addr();
        let mut level = Self::TOP;
        while let Some(below) = level.checked_sub(1) {
            let slot = slots(area, level).next();
            let Some(slot) = slot.filter(|slot| slot.piece() == area) else {
                break;
            };
            match Word::read::<F>(slot.of(self.table(at)).load(Acquire), level) {
                Word::Table(child) => (at, level) = (child, below),
                Word::Empty if !fits::<F>(slot, distance, level) => {
                    return 1 + new_tables::<F>(area, distance, below);
                }
                _ => return 0,
            }
        }
        self.count_map(Place::There(at), level, area, distance, &Before::NOTHING)
    }

    /// New tables for an edit of `area` that is all there is: for the leaves that it cuts through and that `changes`.
    pub(super) fn count_split(
        &self,
        area: MemoryArea,
        changes: impl Fn(u64) -> bool + Copy,
    ) -> usize {
        self.count_cuts(area, &Before::NOTHING, changes)
    }

    /// Finds out whether pages are owned where something was unmapped.
    fn note_retired(&self, before: &mut Before) {
        if core::mem::replace(&mut before.is_known, true) {
            return;
        }
        let owns = |area: &MemoryArea| {
            let mut leaves = self.leaves(*area);
            leaves.any(|leaf| leaf.word & F::OWNED != 0)
        };
        before.retired = before.unmapped.filter(owns);
    }

    /// Whether the table in `slot` goes when everything in `area` is retired: nothing else is in it.
    fn goes(&self, slot: Slot, level: usize, area: MemoryArea) -> bool {
        let whole = slot.whole();
        let head = area.start().checked_sub(1);
        let head = head.and_then(|last| MemoryArea::new(whole.start(), last).ok());
        let tail = area.next();
        let tail = tail.and_then(|first| MemoryArea::new(first, whole.end()).ok());
        let outside = [head, tail].into_iter().flatten();
        !self.is_pinned(level)
            && outside
                .filter_map(|part| part.intersection(whole))
                .all(|part| self.leaves(part).next().is_none())
    }

    /// New tables for `run`, which comes behind what was counted before.
    #[inline]
    fn count_run(&self, run: &Run, before: &mut Before) -> usize {
        let new = if before.is_nothing() {
            self.count_new(run)
        } else if before.retired.is_none() && self.pages_of(run.area).is_some() {
            0
        } else {
            let root = Place::There(self.root_addr());
            self.count_map(root, Self::TOP, run.area, run.distance(), before)
        };
        before.last = Some(run.area.end());
        new
    }

    /// New tables for pages in `area`, with frames that are `distance` behind them, below the table at `place`.
    fn count_map(
        &self,
        place: Place,
        level: usize,
        area: MemoryArea,
        distance: u64,
        before: &Before,
    ) -> usize {
        if level == 0 {
            return 0;
        }
        let cut = Cut::new(area, level);
        let Some(body) = cut.body.filter(|_| leaves_fit::<F>(distance, level)) else {
            return self.count_slots(place, level, area, distance, before);
        };
        let ends = [cut.head, cut.tail].into_iter().flatten();
        let ends = ends.map(|end| self.count_slots(place, level, end, distance, before));
        let mut new = ends.sum();
        if self.has_tables(place, level, cut) {
            new += self.count_slots(place, level, body, distance, before);
        }
        new
    }

    /// Whether tables stand where leaves would fit, in the slots that `cut` covers.
    fn has_tables(&self, place: Place, level: usize, cut: Cut) -> bool {
        let words = self
            .table_at(place)
            .and_then(|table| table.get(cut.slots()));
        let is_table = |word: &AtomicU64| F::is_table(word.load(Acquire), level);
        words.is_some_and(|words| words.iter().any(is_table))
    }

    /// As [`count_map`](Self::count_map), slot by slot.
    fn count_slots(
        &self,
        place: Place,
        level: usize,
        area: MemoryArea,
        distance: u64,
        before: &Before,
    ) -> usize {
        let table = self.table_at(place);
        let Some(below) = level.checked_sub(1) else {
            return 0;
        };
        let new = |slot: Slot| {
            let part = slot.piece();
            let word = table.map_or(Word::Empty, |table| {
                Word::read::<F>(slot.of(table).load(Acquire), level)
            });
            let goes = || {
                before
                    .retired
                    .is_some_and(|area| self.goes(slot, level, area))
            };
            match word {
                Word::Table(child) if !goes() => {
                    self.count_map(Place::There(child), below, part, distance, before)
                }
                Word::Leaf(_) if before.unmapped.is_none() => 0,
                _ if fits::<F>(slot, distance, level) => 0,
                word => {
                    let last = before.last.is_some_and(|last| slot.whole().contains(last));
                    let (is_there, place) = match (word, place) {
                        (Word::Leaf(_), _) | (_, Place::Leaf) => {
                            (last || before.has_cut(slot.whole()), Place::Leaf)
                        }
                        _ => (last, Place::Absent),
                    };
                    if !is_there && matches!(place, Place::Absent) {
                        return 1 + new_tables::<F>(part, distance, below);
                    }
                    usize::from(!is_there) + self.count_map(place, below, part, distance, before)
                }
            }
        };
        slots(area, level).map(new).sum()
    }

    fn table_at(&self, place: Place) -> Option<&Table> {
        match place {
            Place::There(at) => Some(self.table(at)),
            Place::Absent | Place::Leaf => None,
        }
    }

    /// New tables for the leaves that `area` cuts through and that `changes`; most cut through none.
    #[inline]
    fn count_cuts(
        &self,
        area: MemoryArea,
        before: &Before,
        changes: impl Fn(u64) -> bool + Copy,
    ) -> usize {
        if self.pages_of(area).is_some() {
            return 0;
        }
        self.count_splits(self.root_addr(), Self::TOP, area, before, changes)
    }

    /// New tables for the leaves that `area` cuts through and that `changes`.
    fn count_splits(
        &self,
        at: PhysAddr,
        level: usize,
        area: MemoryArea,
        before: &Before,
        changes: impl Fn(u64) -> bool + Copy,
    ) -> usize {
        let Some(below) = level.checked_sub(1) else {
            return 0;
        };
        let table = self.table(at);
        let cost = |slot: Slot| match Word::read::<F>(slot.of(table).load(Acquire), level) {
            Word::Table(child) => self.count_splits(child, below, slot.piece(), before, changes),
            Word::Leaf(leaf) if changes(leaf) => split_cost(slot, level, before),
            _ => 0,
        };
        let cut = slots(area, level).filter(|slot| !slot.is_whole());
        cut.map(cost).sum()
    }
}

/// New tables for the leaf in `slot` at `level`, of which an edit wants a part, and `before` may have cut another.
fn split_cost(slot: Slot, level: usize, before: &Before) -> usize {
    let Some(below) = level.checked_sub(1) else {
        return 0;
    };
    let cut = slots(slot.piece(), below).filter(|slot| !slot.is_whole());
    let parts: usize = cut.map(|slot| split_cost(slot, below, before)).sum();
    parts + usize::from(!before.has_cut(slot.whole()))
}

/// Whether one leaf can map all of what `slot` is asked for, to frames that are `distance` behind.
fn fits<F: Format>(slot: Slot, distance: u64, level: usize) -> bool {
    slot.is_whole() && leaves_fit::<F>(distance, level)
}
