//! Filling tables that nobody has seen yet, with plain stores.
//!
//! A new table is filled from the bottom up, and published by its caller with one store: neither the MMU nor another
//! CPU ever sees it half filled. Its frame has junk in it before, so every word is written once, and none is cleared
//! first.

use core::ops::Range;
use core::sync::atomic::AtomicU64;

use super::map_edit::MapEdit;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::slot::slots;
use crate::backend::radix::walk::table::{Table, index};
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// A new table at `level` with `area` in it, which lies within it. `None`, and no frame is lost, when no entry
    /// could be written for want of a reservation. O(leaves + tables).
    pub(super) fn new_table(
        &self,
        level: usize,
        area: MemoryArea,
        edit: &mut MapEdit<'_>,
    ) -> Option<PhysAddr> {
        let table = self.take_table(edit.reserved)?;
        let (at, wrote) = self.write_new(table, |table| self.fill(table, level, area, edit));
        if !wrote {
            self.put_back(at, level, edit.reserved);
            return None;
        }
        Some(at)
    }

    /// Writes all words of `table`, which are junk before. Answers whether any entry is filled now.
    fn fill(
        &self,
        table: &mut Table,
        level: usize,
        area: MemoryArea,
        edit: &mut MapEdit<'_>,
    ) -> bool {
        clear(table, 0..index(area.start(), level));
        clear(table, index(area.end(), level) + 1..table.len());
        let cut = edit.cut(area, level);
        let mut wrote = false;
        for end in cut.ends() {
            wrote |= self.fill_slots(table, level, end, edit);
        }
        let Some(body) = cut.body else {
            return wrote;
        };
        let first = edit.leaf::<F>(body.start(), level);
        fill_leaves::<F>(table, cut.slots(), first, level);
        true
    }

    /// Writes the words of the slots that `area` lies in: pointers to new tables, and 0 for want of a reservation.
    fn fill_slots(
        &self,
        table: &mut Table,
        level: usize,
        area: MemoryArea,
        edit: &mut MapEdit<'_>,
    ) -> bool {
        let Some(below) = level.checked_sub(1) else {
            return false;
        };
        let mut wrote = false;
        for slot in slots(area, level) {
            let child = self.new_table(below, slot.piece(), edit);
            wrote |= child.is_some();
            *slot.of_new(table) = child.map_or(0, |child| edit.pointer::<F>(child, level));
        }
        wrote
    }
}

/// Writes 0 in these slots. There are often none, and the compiler's way of clearing many costs as much as some do.
fn clear(table: &mut Table, slots: Range<usize>) {
    if slots.is_empty() {
        return;
    }
    let words = table.get_mut(slots).unwrap_or_default();
    words.iter_mut().for_each(|word| *word.get_mut() = 0);
}

/// Writes leaves in a row, from `leaf` on. The stores are plain, so the CPU makes several at a time.
fn fill_leaves<F: Format>(table: &mut Table, slots: Range<usize>, leaf: u64, level: usize) {
    let words = table.get_mut(slots).unwrap_or_default();
    let step = F::step(level);
    let mut next = leaf;
    for word in words.iter_mut().map(AtomicU64::get_mut) {
        *word = next;
        next = next.wrapping_add(step);
    }
}
