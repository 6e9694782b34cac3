//! The end of a page table.

use core::sync::atomic::Ordering::Relaxed;

use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::slot::slots;
use crate::flush::Flush;
use crate::platform::Platform;

impl<F: Format, P: Platform> Drop for Radix<F, P> {
    /// Flushes everything, unless all that was there has been flushed when it went, and gives every frame back.
    /// O(tables + owned pages).
    fn drop(&mut self) {
        if self.owed.is_any() || self.is_in_use() {
            self.flush(Flush::everything(self.root_addr()));
        }
        self.release_all();
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Whether any entry of the root is filled, and so the MMU may have cached translations.
    fn is_in_use(&self) -> bool {
        self.root_words().any(|word| word != 0)
    }

    /// Gives back all frames, but for those behind the entries that are a kernel's.
    fn release_all(&mut self) {
        if let Some(below) = Self::TOP.checked_sub(1) {
            for word in self.root_words() {
                if let Word::Table(child) | Word::RetiredTable(child) =
                    Word::read::<F>(word, Self::TOP)
                {
                    self.release_tree(child, below, word & F::OWNED != 0);
                }
            }
        }
        self.release_table(self.root_addr());
    }

    /// The words of the root that are the page table's own.
    fn root_words(&self) -> impl Iterator<Item = u64> {
        let areas = self.ranges.as_slice().iter();
        areas
            .flat_map(|&area| slots(area, Self::TOP))
            .map(|slot| slot.of(self.root_table()).load(Relaxed))
    }
}
