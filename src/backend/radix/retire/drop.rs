//! The end of a page table.

use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::memory::{Exclusive, Radix};
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
        let this = self.exclusive();
        let ranges = this.ranges.as_slice().iter();
        for area in ranges.flat_map(|&range| this.filled.parts::<F>(range)) {
            // A filled entry is one that the MMU may have cached translations of.
            each_filled(this.root_table(), area, Self::TOP, |_, word| {
                this.flush_once(&mut is_flushed);
                this.release_below(word);
            });
        }
        this.release_table(this.root_addr());
    }
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Flushes everything, unless that was done.
    fn flush_once(&self, is_flushed: &mut bool) {
        if !core::mem::replace(is_flushed, true) {
            self.flush(Flush::everything(self.root_addr()));
        }
    }
}

impl<F: Format, P: Platform> Exclusive<'_, F, P> {
    /// Gives back all frames behind a word of the root.
    fn release_below(self, word: u64) {
        let top = Radix::<F, P>::TOP;
        let read = Word::read::<F>(word, top);
        if let (Word::Table(child) | Word::RetiredTable(child), Some(below)) =
            (read, top.checked_sub(1))
        {
            self.release_tree(child, below, word & F::OWNED != 0);
        }
    }
}
