//! The audit of a page table: all that must hold between verbs.

use core::sync::atomic::Ordering::Acquire;

use super::entry::format::Format;
use super::entry::word::Word;
use super::memory::Radix;
use super::walk::slot::slots;
use super::walk::table::{Table, span};
use crate::area::MemoryArea;
use crate::platform::Platform;
use crate::violation::Violation;

/// The words that the audit has met in a table.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// The number of words that are not empty.
    filled: usize,
    /// The owned bit, if any word has it.
    owned: u64,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Checks every word of the page table. O(entries).
    ///
    /// - No word is retired, unless a flush is owed when the audit begins.
    /// - No table is empty, but for the root, those that a kernel's root keeps for other spaces, and those that a verb
    ///   left by a panic has emptied.
    /// - Leaves are aligned to their size, and only pages own a frame.
    /// - Every pointer above an owned leaf has the mark that says so.
    /// - An entry that reads as empty is 0.
    /// - The root has entries only where they were noted.
    ///
    /// # Errors
    /// [`Violation::Word`], at the first address whose word breaks one of these.
    pub(super) fn audit(&self) -> Result<(), Violation> {
        // Asked before the walk: another CPU may settle meanwhile, and empty a word that is read here as retired.
        let may_wait = self.owed.is_any();
        let mut ranges = self.ranges.as_slice().iter();
        ranges.try_for_each(|&range| {
            self.audit_in(self.root_table(), Self::TOP, range, may_wait)
                .map(|_| ())
        })
    }

    /// Checks the part of a table that is for `area`. `may_wait` says whether words in it may be retired.
    fn audit_in(
        &self,
        table: &Table,
        level: usize,
        area: MemoryArea,
        may_wait: bool,
    ) -> Result<Tally, Violation> {
        let mut tally = Tally::default();
        for slot in slots(area, level) {
            let wrong = Violation::Word {
                addr: slot.piece().start(),
            };
            let word = slot.of(table).load(Acquire);
            let sound = match (Word::read::<F>(word, level), level.checked_sub(1)) {
                (Word::Empty, _) => word == 0 && !self.is_pinned(level),
                (Word::Table(child), Some(below)) => {
                    let below = self.audit_in(self.table(child), below, slot.piece(), may_wait)?;
                    let is_marked = below.owned & !word & F::OWNED == 0;
                    let may_be_empty = self.is_pinned(level) || self.owed.is_torn();
                    (below.filled > 0 || may_be_empty) && is_marked
                }
                (Word::Leaf(leaf), _) => {
                    let fits = level <= F::highest_leaf(self.features())
                        && F::addr(leaf).is_aligned(span(level));
                    fits && (level == 0 || leaf & F::OWNED == 0)
                }
                (Word::RetiredTable(_) | Word::RetiredLeaf(_), _) => may_wait,
                (Word::Table(_), None) => false,
            };
            let is_noted = level < Self::TOP || self.filled.has(slot.index());
            if !sound || !(word == 0 || is_noted) {
                return Err(wrong);
            }
            tally.filled += usize::from(word != 0);
            tally.owned |= word & F::OWNED;
        }
        Ok(tally)
    }
}
