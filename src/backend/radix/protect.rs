//! Changing what leaves allow.

use core::sync::atomic::Ordering::Relaxed;

use super::format::{Format, Word};
use super::reserved::Reserved;
use super::table::{Slot, Table, slots, span};
use super::unmap::Changed;
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::flush::{Retired, Tlb};
use crate::frame::FrameAllocator;
use crate::permissions::Permissions;

/// An edit under way.
struct Protect<'a> {
    permissions: Permissions,
    with: &'a mut Reserved,
    changed: Changed,
}

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    pub(super) fn protect_area(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        with: &mut Reserved,
        out: &mut Retired,
    ) {
        for part in self.canonical(area) {
            let changed = Changed::default();
            let mut edit = Protect {
                permissions,
                with,
                changed,
            };
            self.protect_in(self.root_table(), Self::TOP, part, &mut edit);
            edit.changed.tell(out);
        }
    }

    fn protect_in(&self, table: &Table, level: usize, area: MemoryArea, edit: &mut Protect<'_>) {
        for slot in slots(area, level) {
            let word = F::decode(slot.of(table).load(Relaxed), level);
            let child = self.protect_slot(slot, table, level, word, edit);
            let (Some(child), Some(below)) = (child, level.checked_sub(1)) else {
                continue;
            };
            self.protect_in(self.table(child), below, slot.piece(), edit);
            // Only where leaves were emptied for want of a reservation.
            if self.is_vacant(child, below) {
                slot.of(table).store(F::retired(child, level), Relaxed);
                edit.changed.table(slot.piece());
            }
        }
    }

    /// Does what can be done to the slot itself; answers the table below that the rest of it is in.
    fn protect_slot(
        &self,
        slot: Slot,
        table: &Table,
        level: usize,
        word: Word,
        edit: &mut Protect<'_>,
    ) -> Option<PhysAddr> {
        let (first, old) = match word {
            Word::Table(child) => return Some(child),
            Word::Leaf(first, old) | Word::Hidden(first, old) => (first, old),
            Word::Empty | Word::Retired(_) => return None,
        };
        if old.permissions == edit.permissions {
            return None;
        }
        if slot.is_whole() {
            self.rewrite(slot, table, level, (first, old), edit);
            return None;
        }
        let child = self.split(slot.of(table), first, old, level, edit.with);
        if child.is_none() {
            self.empty(slot, table, old.permissions.allow_any(), &mut edit.changed);
        }
        child
    }

    /// Gives a whole leaf other permissions. It may become hidden, or valid again.
    fn rewrite(
        &self,
        slot: Slot,
        table: &Table,
        level: usize,
        (first, old): (PhysAddr, Attributes),
        edit: &mut Protect<'_>,
    ) {
        let permissions = edit.permissions;
        if (permissions - old.permissions).contains(Permissions::EXECUTE) {
            let frames = MemoryArea::from_start_size(first, span(level));
            frames
                .into_iter()
                .for_each(|frames| self.platform().made_code(frames));
        }
        slot.of(table).store(
            F::leaf(first, Attributes { permissions, ..old }, level),
            Relaxed,
        );
        if old.permissions.allow_any() {
            edit.changed.leaves(slot.whole());
        } else if permissions.allow_any() {
            self.platform().made_valid(slot.whole());
        }
    }
}
