//! Making smaller leaves of a large one.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Relaxed, Release};

use super::format::Format;
use super::reserved::Reserved;
use super::walker::Radix;
use crate::addr::PhysAddr;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// Puts a table of leaves one below `level` in place of `leaf`, which is in `word`, and answers where it is;
    /// `None`, and nothing has changed, when no frame is left.
    ///
    /// The translations stay the same, so nothing needs to be flushed for this: old and new may both be used until
    /// the edit that asked for it is flushed (Privileged, 'Supervisor Memory-Management Fence Instruction').
    pub(super) fn split(
        &self,
        word: &AtomicU64,
        leaf: u64,
        level: usize,
        with: &mut Reserved,
    ) -> Option<PhysAddr> {
        let below = level.checked_sub(1)?;
        let used = F::ACCESSED | F::DIRTY;
        let kept = leaf & (used | F::GLOBAL);
        let first = F::leaf(F::addr(leaf), F::attributes(leaf), below) | kept;
        let table = self.take_table(with)?;
        let (at, ()) = self.write_new(table, |table| {
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
        Some(at)
    }
}
