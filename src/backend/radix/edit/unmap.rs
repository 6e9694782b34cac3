//! Emptying entries.

use core::ops::Range;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use super::map::{retired_leaf, retired_table};
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::{Word, is_gone};
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::find::Pages;
use crate::backend::radix::walk::table::{Cut, Slot, Table, slots, span};
use crate::flush::Retired;
use crate::frame::FRAME_SIZE;
use crate::platform::Platform;

/// What one edit has changed, within one canonical range.
#[derive(Default)]
pub(crate) struct Changed {
    /// That the MMU may have cached.
    valid: Option<MemoryArea>,
    tables: bool,
    /// That waits for the flush, to be given back.
    waiting: Option<MemoryArea>,
    entries: bool,
}

impl Changed {
    /// Translations in `area` were valid.
    pub(crate) fn leaves(&mut self, area: MemoryArea) {
        grow(&mut self.valid, area);
    }

    /// A table that spoke of `area` was taken out, maybe with leaves that wait.
    pub(crate) fn table(&mut self, area: MemoryArea, waits: bool) {
        self.leaves(area);
        self.tables = true;
        grow(&mut self.waiting, area);
        self.entries |= waits;
    }

    /// Leaves in `area` that wait were taken out.
    pub(crate) fn entries(&mut self, area: MemoryArea) {
        grow(&mut self.waiting, area);
        self.entries = true;
    }

    pub(crate) fn tell(self, out: &mut Retired) {
        self.valid.into_iter().for_each(|area| out.note(area));
        if self.tables {
            out.note_tables();
        }
        if self.entries {
            out.note_entries();
        }
        self.waiting
            .into_iter()
            .for_each(|area| out.note_waiting(area));
    }
}

fn grow(hull: &mut Option<MemoryArea>, area: MemoryArea) {
    // The hull of two areas in a canonical range lies in it, so it is an area.
    *hull = Some(hull.map_or(area, |hull| hull.hull(area).unwrap_or(hull)));
}

/// An edit under way.
struct Unmap<'a> {
    with: &'a mut Reserved,
    changed: Changed,
}

impl<F: Format, P: Platform> Radix<F, P> {
    pub(in crate::backend::radix) fn unmap_area(
        &mut self,
        area: MemoryArea,
        with: &mut Reserved,
        out: &mut Retired,
    ) {
        // Whoever unmaps a part of a page unmaps the page.
        let area = area.widened(FRAME_SIZE);
        let mut changed = Changed::default();
        if let Some(Pages { pointer, table }) = self.pages_of(area) {
            let owned = pointer.load(Relaxed) & F::OWNED != 0;
            self.unmap_pages(table, owned, area, &mut changed);
            if !is_vacant::<F>(table) {
                return changed.tell(out);
            }
        }
        for part in self.canonical(area) {
            let changed = core::mem::take(&mut changed);
            let mut edit = Unmap { with, changed };
            self.unmap_in(self.root_table(), Self::TOP, false, part, &mut edit);
            edit.changed.tell(out);
        }
    }

    /// Empties what `area` has in a table; `owned` says whether it may have leaves that the space owns.
    fn unmap_in(
        &self,
        table: &Table,
        level: usize,
        owned: bool,
        area: MemoryArea,
        edit: &mut Unmap<'_>,
    ) {
        if level == 0 {
            return self.unmap_pages(table, owned, area, &mut edit.changed);
        }
        for slot in slots(area, level) {
            let word = slot.of(table).load(Relaxed);
            match Word::read::<F>(word, level) {
                Word::Table(child) => self.unmap_below(slot, table, child, level, edit),
                Word::Leaf(leaf) => match self.split_part(slot, table, leaf, level, edit.with) {
                    Some(child) => self.unmap_below(slot, table, child, level, edit),
                    None => self.empty(slot, table, leaf, &mut edit.changed),
                },
                Word::Empty | Word::RetiredTable(_) | Word::RetiredLeaf(_) => {}
            }
        }
    }

    /// The table of smaller leaves in place of a leaf that an edit wants a part of; `None` when it wants all of it, or
    /// nothing is reserved for the split.
    pub(in crate::backend::radix) fn split_part(
        &self,
        slot: Slot,
        table: &Table,
        leaf: u64,
        level: usize,
        with: &mut Reserved,
    ) -> Option<PhysAddr> {
        if slot.is_whole() {
            return None;
        }
        self.split(slot, table, leaf, level, with)
    }

    /// Empties the part of a table that the edit wants, and takes the table out when nothing is left in it: its
    /// pointer stays as a retired word until the flush.
    fn unmap_below(
        &self,
        slot: Slot,
        table: &Table,
        child: PhysAddr,
        level: usize,
        edit: &mut Unmap<'_>,
    ) {
        let Some(below) = level.checked_sub(1) else {
            return;
        };
        let pinned = self.is_pinned(level);
        if pinned || !slot.is_whole() {
            let owned = slot.of(table).load(Relaxed) & F::OWNED != 0;
            self.unmap_in(self.table(child), below, owned, slot.piece(), edit);
            if pinned || !is_vacant::<F>(self.table(child)) {
                return;
            }
        }
        self.take_out(slot, table, level, child, &mut edit.changed);
    }

    /// Leaves a retired word where the pointer to an emptied table was.
    pub(in crate::backend::radix) fn take_out(
        &self,
        slot: Slot,
        table: &Table,
        level: usize,
        child: PhysAddr,
        changed: &mut Changed,
    ) {
        let word = slot.of(table).load(Relaxed);
        slot.of(table)
            .store(retired_table::<F>(child, word), Relaxed);
        // The mark says that there may have been some.
        let owns = word & F::OWNED != 0 && self.owns(child, level - 1);
        changed.table(slot.piece(), owns || F::BREAK_BEFORE_MAKE);
    }

    /// Whether a leaf in the table at `at`, or below, is owned.
    fn owns(&self, at: PhysAddr, level: usize) -> bool {
        let mut words = self.table(at).iter().map(|word| word.load(Relaxed));
        words.any(|word| match Word::read::<F>(word, level) {
            Word::Leaf(word) | Word::RetiredLeaf(word) => word & F::OWNED != 0,
            Word::Table(below) | Word::RetiredTable(below) => {
                word & F::OWNED != 0 && level > 0 && self.owns(below, level - 1)
            }
            Word::Empty => false,
        })
    }

    /// Empties a run of pages. Nobody else adds or removes leaves, so the words are loaded and stored apart, unless the
    /// MMU may set D of a leaf that is owned, which must not be lost. Where formats break before they make, all leaves
    /// leave a word behind, in the same way.
    fn unmap_pages(&self, table: &Table, owned: bool, area: MemoryArea, changed: &mut Changed) {
        let Some((slots, area)) = populated(table, area) else {
            return;
        };
        let words = table.get(slots).unwrap_or_default();
        let mut seen = 0;
        if !owned && !F::BREAK_BEFORE_MAKE {
            for word in words {
                seen |= word.load(Relaxed);
                word.store(0, Relaxed);
            }
        } else if self.is_written_by_hardware() || F::BREAK_BEFORE_MAKE {
            for word in words {
                // Invalid from this step on: the MMU sets no bit any more.
                let old = word.swap(0, Relaxed);
                word.store(self.retired(old, 0), Relaxed);
                seen |= old;
            }
        } else {
            for word in words {
                let old = word.load(Relaxed);
                let is_owned = old & F::OWNED != 0;
                word.store(if is_owned { retired_leaf::<F>(old) } else { 0 }, Relaxed);
                seen |= old;
            }
        }
        if seen & F::VALID != 0 {
            changed.leaves(area);
        }
        if waits::<F>(seen) {
            changed.entries(area);
        }
    }

    /// Empties a leaf, all of it: a whole one, or one that cannot be split for want of a reservation.
    pub(in crate::backend::radix) fn empty(
        &self,
        slot: Slot,
        table: &Table,
        leaf: u64,
        changed: &mut Changed,
    ) {
        let waits = waits::<F>(leaf);
        let left = if waits { retired_leaf::<F>(leaf) } else { 0 };
        slot.of(table).store(left, Relaxed);
        if leaf & F::VALID != 0 {
            changed.leaves(slot.whole());
        }
        if waits {
            changed.entries(slot.whole());
        }
    }
}

/// Whether an entry waits for the flush when this leaf is taken out of it: while it owns what the MMU may still reach,
/// or where nothing else may be made there before.
#[inline]
pub(crate) const fn waits<F: Format>(leaf: u64) -> bool {
    leaf & F::OWNED != 0 || F::BREAK_BEFORE_MAKE && leaf & F::VALID != 0
}

/// Whether nothing is left in a table but what waits for the flush.
pub(crate) fn is_vacant<F: Format>(table: &Table) -> bool {
    let mut words = table.iter();
    words.all(|word| is_gone::<F>(word.load(Relaxed)))
}

/// The slots of the pages in `area`, from the first that is not empty to the last, and the pages that they speak of.
pub(crate) fn populated(table: &Table, area: MemoryArea) -> Option<(Range<usize>, MemoryArea)> {
    let slots = Cut::new(area, 0).slots();
    let words = table.get(slots.clone())?;
    let is_there = |word: &AtomicU64| word.load(Relaxed) != 0;
    let first = words.iter().position(is_there)?;
    let last = words.iter().rposition(is_there)?;
    let start = area.start().checked_add(first * span(0))?;
    let size = (last - first + 1) * span(0);
    let area = MemoryArea::from_start_size(start, size).ok()?;
    Some((slots.start + first..slots.start + last + 1, area))
}
