//! Making smaller leaves of a large one.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Relaxed, Release};

use super::map::retired_leaf;
use super::one_page::New;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::table::{Slot, Table};
use crate::flush::Flush;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Puts a table of leaves one below `level` in place of `leaf`, which is in `slot`, and answers where it is;
    /// `None`, and nothing has changed, when no frame is left.
    ///
    /// The translations stay the same, so nothing needs to be flushed for this, unless the format breaks before it
    /// makes: old and new may both be used until the edit that asked for it is flushed (Privileged, 'Supervisor
    /// Memory-Management Fence Instruction'). But a hidden leaf was not valid, and the table is: who has cached that
    /// nothing is there must hear of it.
    pub(in crate::backend::radix) fn split(
        &self,
        slot: Slot,
        table: &Table,
        leaf: u64,
        level: usize,
        with: &mut Reserved,
    ) -> Option<PhysAddr> {
        let word = slot.of(table);
        let at = self.smaller_leaves(leaf, level, with)?;
        let parts = self.table(at);
        let breaks = F::BREAK_BEFORE_MAKE && leaf & F::VALID != 0;
        let pointer = F::table(at, level);
        let last = if breaks {
            let last = self.break_leaf(word, leaf, slot.whole());
            word.store(pointer, Release);
            last
        } else if self.is_written_by_hardware() {
            word.swap(pointer, Release)
        } else {
            word.store(pointer, Release);
            leaf
        };
        // What the MMU has set since the leaf was read holds for each of the parts.
        let late = last & !leaf & (F::ACCESSED | F::DIRTY);
        if late != 0 {
            for entry in parts {
                entry.fetch_or(late, Relaxed);
            }
        }
        if breaks || leaf & F::VALID == 0 {
            self.made_valid(slot.whole(), New::Tables);
        }
        Some(at)
    }

    /// A new table of leaves that say together what `leaf` at `level` says.
    fn smaller_leaves(&self, leaf: u64, level: usize, with: &mut Reserved) -> Option<PhysAddr> {
        let below = level.checked_sub(1)?;
        let kept = leaf & (F::ACCESSED | F::DIRTY | F::GLOBAL | F::LOCAL);
        let first = F::leaf(F::addr(leaf), F::attributes(leaf), below) | kept;
        let new = self.take_table(with)?;
        let (at, ()) = self.write_new(new, |table| {
            let mut next = first;
            for entry in table {
                *entry.get_mut() = next;
                next = next.wrapping_add(F::step(below));
            }
        });
        Some(at)
    }

    /// Makes a valid leaf invalid, and waits until no CPU uses it. Answers what it was at last. What is there meanwhile
    /// waits: should the flush be left by a panic, that is what there is.
    fn break_leaf(&self, word: &AtomicU64, leaf: u64, area: MemoryArea) -> u64 {
        let last = word.swap(retired_leaf::<F>(leaf), Relaxed);
        let ranges = [area];
        self.flush(Flush::leaves(self.root_addr(), &ranges));
        last
    }
}
