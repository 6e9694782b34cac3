//! Taking out single entries: a retired word stays, or nothing.
//!
//! Stores are relaxed. The flush that must follow orders them before any other CPU forgets its translation.

use core::sync::atomic::Ordering::Relaxed;

use super::changed::Changed;
use crate::addr::PhysAddr;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::retired::{retired_leaf, retired_table, waits};
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::{Exclusive, Radix};
use crate::backend::radix::walk::slot::Slot;
use crate::backend::radix::walk::table::Table;
use crate::platform::Platform;

impl<F: Format, P: Platform> Exclusive<'_, F, P> {
    /// Leaves a retired word in `slot` where the pointer to the table at `child` was. The words in that table stay as
    /// they are, leaves too: a stale pointer may still lead there. O(1), and O(entries below) where leaves own frames.
    pub(in crate::backend::radix) fn take_out(
        self,
        slot: Slot,
        table: &Table,
        level: usize,
        child: PhysAddr,
        changed: &mut Changed,
    ) {
        let word = slot.of(table).load(Relaxed);
        slot.of(table)
            .store(retired_table::<F>(child, word), Relaxed);
        // The mark says that there may have been owned leaves. That some wait need be found out once.
        let waits = F::BREAK_BEFORE_MAKE
            || changed.has_entries()
            || word & F::OWNED != 0 && self.owns(child, level - 1);
        changed.table(slot.piece(), waits);
    }

    /// Whether a leaf in the table at `at`, or below it, owns its frame.
    fn owns(self, at: PhysAddr, level: usize) -> bool {
        self.any_with(at, F::OWNED, |_, word| match Word::read::<F>(word, level) {
            Word::Leaf(_) | Word::RetiredLeaf(_) => true,
            Word::Table(below) | Word::RetiredTable(below) => {
                level > 0 && self.owns(below, level - 1)
            }
            Word::Empty => false,
        })
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Takes out all of the large leaf in `slot`: an edit wants it whole, or it cannot be split for want of a
    /// reservation. Emptying too much is safe: the page table is a cache of the maps. O(1).
    pub(in crate::backend::radix) fn take_out_leaf(
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
