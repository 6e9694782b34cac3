//! Making smaller leaves of a large one.

use core::sync::atomic::Ordering::{Relaxed, Release};

use super::format::Format;
use super::page::New;
use super::reserved::Reserved;
use super::table::{Slot, Table};
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// Puts a table of leaves one below `level` in place of `leaf`, which is in `slot`, and answers where it is; `None`,
    /// and nothing has changed, when no frame is left.
    ///
    /// The translations stay the same, so nothing needs to be flushed for this: old and new may both be used until
    /// the edit that asked for it is flushed (Privileged, 'Supervisor Memory-Management Fence Instruction'). But a hidden
    /// leaf was not valid, and the table is: who has cached that nothing is there must hear of it.
    pub(super) fn split(
        &self,
        slot: Slot,
        table: &Table,
        leaf: u64,
        level: usize,
        with: &mut Reserved,
    ) -> Option<PhysAddr> {
        let below = level.checked_sub(1)?;
        let used = F::ACCESSED | F::DIRTY;
        let kept = leaf & (used | F::GLOBAL);
        let first = F::leaf(F::addr(leaf), F::attributes(leaf), below) | kept;
        let word = slot.of(table);
        let new = self.take_table(with)?;
        let (at, ()) = self.write_new(new, |table| {
            let mut next = first;
            for entry in table {
                *entry.get_mut() = next;
                next = next.wrapping_add(F::step(below));
            }
        });
        let pointer = F::table(at, level);
        if self.is_written_by_hardware() {
            // What the MMU has set since the leaf was read holds for each of the parts.
            let late = word.swap(pointer, Release) & !leaf & used;
            if late != 0 {
                for entry in self.table(at) {
                    entry.fetch_or(late, Relaxed);
                }
            }
        } else {
            word.store(pointer, Release);
        }
        if leaf & F::VALID == 0 {
            self.made_valid(slot.whole(), New::Tables);
        }
        Some(at)
    }
}
