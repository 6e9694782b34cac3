//! The end of a page table.

use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::slot::each_filled;
use crate::flush::Flush;
use crate::platform::Platform;

impl<F: Format, P: Platform> Drop for Radix<F, P> {
    /// Flushes everything, unless all that was there has been flushed when it went, and gives every frame back.
    /// O(tables + owned pages).
    fn drop(&mut self) {
        let mut is_flushed = false;
        if self.owed.is_any() {
            self.flush_once(&mut is_flushed);
        }
        for &area in self.ranges.as_slice() {
            // A filled entry is one that the MMU may have cached translations of.
            each_filled(self.root_table(), area, Self::TOP, |_, word| {
                self.flush_once(&mut is_flushed);
                self.release_below(word);
            });
        }
        self.release_table(self.root_addr());
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Flushes everything, unless that was done.
    fn flush_once(&self, is_flushed: &mut bool) {
        if !core::mem::replace(is_flushed, true) {
            self.flush(Flush::everything(self.root_addr()));
        }
    }

    /// Gives back all frames behind a word of the root.
    fn release_below(&self, word: u64) {
        let read = Word::read::<F>(word, Self::TOP);
        if let (Word::Table(child) | Word::RetiredTable(child), Some(below)) =
            (read, Self::TOP.checked_sub(1))
        {
            self.release_tree(child, below, word & F::OWNED != 0);
        }
    }
}
