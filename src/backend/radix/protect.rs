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

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    pub(super) fn protect_area(
        &mut self,
        area: MemoryArea,
        permissions: Permissions,
        with: &mut Reserved,
        out: &mut Retired,
    ) {
        for part in self.canonical(area) {
            let mut changed = Changed::default();
            self.protect_in(
                self.root_table(),
                Self::TOP,
                part,
                permissions,
                with,
                &mut changed,
            );
            changed.tell(out);
        }
    }

    fn protect_in(
        &self,
        table: &Table,
        level: usize,
        area: MemoryArea,
        permissions: Permissions,
        with: &mut Reserved,
        changed: &mut Changed,
    ) {
        for slot in slots(area, level) {
            let child = match F::decode(slot.of(table).load(Relaxed), level) {
                Word::Table(child) => Some(child),
                Word::Leaf(_, old) | Word::Hidden(_, old) if old.permissions == permissions => None,
                Word::Leaf(first, old) | Word::Hidden(first, old) if slot.is_whole() => {
                    self.rewrite(slot, table, level, (first, old), permissions, changed);
                    None
                }
                Word::Leaf(first, old) | Word::Hidden(first, old) => {
                    let child = self.split(slot.of(table), first, old, level, with);
                    if child.is_none() {
                        self.empty(slot, table, old.permissions.allow_any(), changed);
                    }
                    child
                }
                Word::Empty | Word::Retired(_) => None,
            };
            let (Some(child), Some(below)) = (child, level.checked_sub(1)) else {
                continue;
            };
            self.protect_in(
                self.table(child),
                below,
                slot.piece(),
                permissions,
                with,
                changed,
            );
            // Only where leaves were emptied for want of a reservation.
            if self.is_vacant(child, below) {
                slot.of(table).store(F::retired(child, level), Relaxed);
                changed.table(slot.piece());
            }
        }
    }

    /// Gives a whole leaf other permissions. It may become hidden, or valid again.
    fn rewrite(
        &self,
        slot: Slot,
        table: &Table,
        level: usize,
        (first, old): (PhysAddr, Attributes),
        permissions: Permissions,
        changed: &mut Changed,
    ) {
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
            changed.leaves(slot.whole());
        } else if permissions.allow_any() {
            self.platform().made_valid(slot.whole());
        }
    }
}
