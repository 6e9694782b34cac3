//! Making smaller leaves of a large one.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Relaxed, Release};

use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::retired::retired_leaf;
use crate::backend::radix::entry::transition::mark::mark;
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::reservation::reserved::Reserved;
use crate::backend::radix::walk::slot::Slot;
use crate::backend::radix::walk::table::Table;
use crate::flush::Flush;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// Splits the leaf in `slot` if an edit wants a part of it, and answers the address of the table that takes its
    /// place. `None`, and nothing has changed, when the edit wants all of it, or no frame is reserved. O(entries).
    pub(super) fn split_part(
        &self,
        slot: Slot,
        table: &Table,
        leaf: u64,
        level: usize,
        reserved: &mut Reserved,
    ) -> Option<PhysAddr> {
        if slot.is_whole() {
            return None;
        }
        self.split(slot, table, leaf, level, reserved)
    }

    /// Puts a table of leaves one below `level` in place of `leaf`, which is in `slot`, and answers its address.
    ///
    /// The translations stay as they were, so nothing is flushed for this, unless the format breaks before it makes.
    /// Old and new may both be used until the edit that asked for it is flushed (Privileged, 'Supervisor
    /// Memory-Management Fence Instruction'). A hidden leaf was not valid, and the table is: whoever has cached that
    /// nothing is there must hear of it. But where a flush of its area is owed, a CPU may have the leaf as it was
    /// before it was hidden: it is broken as a valid one is.
    fn split(
        &self,
        slot: Slot,
        table: &Table,
        leaf: u64,
        level: usize,
        reserved: &mut Reserved,
    ) -> Option<PhysAddr> {
        let word = slot.of(table);
        let at = self.smaller_leaves(leaf, level, reserved)?;
        let parts = self.table(at);
        let may_be_cached = leaf & F::VALID != 0 || self.owed.concerns(slot.whole());
        let breaks = F::BREAK_BEFORE_MAKE && may_be_cached;
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
        // Bits that the MMU has set since the leaf was read hold for each of the parts.
        let late = F::marks(last) & !F::marks(leaf);
        if late != 0 {
            for entry in parts {
                mark::<F>(entry, late);
            }
        }
        if breaks || leaf & F::VALID == 0 {
            self.made_valid(slot.whole(), New::Tables);
        }
        Some(at)
    }

    /// A new table of leaves one below `level`, which map the pages of `leaf` to its frames as it does.
    fn smaller_leaves(&self, leaf: u64, level: usize, reserved: &mut Reserved) -> Option<PhysAddr> {
        let below = level.checked_sub(1)?;
        let unused = F::leaf(F::addr(leaf), F::attributes(leaf), below) | F::UNUSED;
        let first = F::marked(unused, F::marks(leaf)) | leaf & (F::GLOBAL | F::LOCAL);
        let new = self.take_table(reserved)?;
        let (at, ()) = self.write_new(new, |table| {
            let mut next = first;
            for entry in table {
                *entry.get_mut() = next;
                next = next.wrapping_add(F::step(below));
            }
        });
        Some(at)
    }

    /// Makes sure that a leaf is invalid, waits until no CPU uses it, and answers its last word. A retired word is in
    /// its place meanwhile, and stays if the flush panics.
    fn break_leaf(&self, word: &AtomicU64, leaf: u64, area: MemoryArea) -> u64 {
        let last = word.swap(retired_leaf::<F>(leaf), Relaxed);
        let ranges = [area];
        self.flush(Flush::leaves(self.root_addr(), &ranges));
        last
    }
}
