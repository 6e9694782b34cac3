//! Emptying entries.

use core::sync::atomic::Ordering::Relaxed;

use super::format::{Format, Word};
use super::reserved::Reserved;
use super::table::{Slot, Table, slots};
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::flush::{Retired, Tlb};
use crate::frame::FrameAllocator;

/// What one edit has changed, within one canonical range, that the MMU may have cached.
#[derive(Default)]
pub(super) struct Changed {
    hull: Option<MemoryArea>,
    tables: bool,
}

impl Changed {
    /// The translations in `area` were valid.
    pub(super) fn leaves(&mut self, area: MemoryArea) {
        // The hull of two areas in a canonical range lies in it, so it is an area.
        let hull = |hull: MemoryArea| hull.hull(area).unwrap_or(hull);
        self.hull = Some(self.hull.map_or(area, hull));
    }

    /// A table that spoke of `area` was taken out.
    pub(super) fn table(&mut self, area: MemoryArea) {
        self.leaves(area);
        self.tables = true;
    }

    pub(super) fn tell(self, out: &mut Retired) {
        self.hull.into_iter().for_each(|hull| out.note(hull));
        if self.tables {
            out.note_tables();
        }
    }
}

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    pub(super) fn unmap_area(&mut self, area: MemoryArea, with: &mut Reserved, out: &mut Retired) {
        for part in self.canonical(area) {
            let mut changed = Changed::default();
            self.unmap_in(self.root_table(), Self::TOP, part, with, &mut changed);
            changed.tell(out);
        }
    }

    fn unmap_in(
        &self,
        table: &Table,
        level: usize,
        area: MemoryArea,
        with: &mut Reserved,
        changed: &mut Changed,
    ) {
        for slot in slots(area, level) {
            match F::decode(slot.of(table).load(Relaxed), level) {
                Word::Empty | Word::Retired(_) => {}
                Word::Table(child) => self.unmap_below(slot, table, child, level, with, changed),
                Word::Leaf(first, attributes) | Word::Hidden(first, attributes) => {
                    let cut = if slot.is_whole() {
                        None
                    } else {
                        self.split(slot.of(table), first, attributes, level, with)
                    };
                    match cut {
                        Some(child) => self.unmap_below(slot, table, child, level, with, changed),
                        None => {
                            self.empty(slot, table, attributes.permissions.allow_any(), changed);
                        }
                    }
                }
            }
        }
    }

    /// Empties the part of a table that the edit wants, and takes the table out when nothing is left in it: its
    /// pointer stays as a retired word until the flush.
    fn unmap_below(
        &self,
        slot: Slot,
        table: &Table,
        child: PhysAddr,
        level: usize,
        with: &mut Reserved,
        changed: &mut Changed,
    ) {
        let Some(below) = level.checked_sub(1) else {
            return;
        };
        if !slot.is_whole() {
            self.unmap_in(self.table(child), below, slot.piece(), with, changed);
            if !self.is_vacant(child, below) {
                return;
            }
        }
        slot.of(table).store(F::retired(child, level), Relaxed);
        changed.table(slot.piece());
    }

    /// Empties a leaf, all of it: a whole one, or one that cannot be split for want of a reservation.
    pub(super) fn empty(&self, slot: Slot, table: &Table, was_valid: bool, changed: &mut Changed) {
        slot.of(table).store(0, Relaxed);
        if was_valid {
            changed.leaves(slot.whole());
        }
    }

    /// Whether nothing is left in a table but what waits for the flush.
    pub(super) fn is_vacant(&self, at: PhysAddr, level: usize) -> bool {
        let gone = |word: u64| matches!(F::decode(word, level), Word::Empty | Word::Retired(_));
        self.table(at).iter().all(|word| gone(word.load(Relaxed)))
    }
}
