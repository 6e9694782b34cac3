//! What must hold between verbs.

use core::sync::atomic::Ordering::Acquire;

use super::memory::Radix;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::Word;
use crate::backend::radix::walk::table::{Table, slots, span};
use crate::platform::Platform;
use crate::violation::Violation;

/// What a table has.
#[derive(Clone, Copy, Default)]
struct Content {
    words: usize,
    owned: u64,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// No word waits for a flush that is not owed, no table but the root (and what it keeps for other spaces) is empty,
    /// unless a verb was left by a panic, leaves are aligned to their size, and pointers know of owned leaves below.
    pub(super) fn audit(&self) -> Result<(), Violation> {
        let mut ranges = self.ranges.as_slice().iter();
        ranges.try_for_each(|&range| {
            self.audit_in(self.root_table(), Self::TOP, range)
                .map(|_| ())
        })
    }

    /// Checks the part of a table that speaks of `area`.
    fn audit_in(
        &self,
        table: &Table,
        level: usize,
        area: MemoryArea,
    ) -> Result<Content, Violation> {
        let mut content = Content::default();
        for slot in slots(area, level) {
            let wrong = Violation::Word {
                addr: slot.piece().start(),
            };
            let word = slot.of(table).load(Acquire);
            let sound = match (Word::read::<F>(word, level), level.checked_sub(1)) {
                (Word::Empty, _) => word == 0 && !self.is_pinned(level),
                (Word::Table(child), Some(below)) => {
                    let below = self.audit_in(self.table(child), below, slot.piece())?;
                    let says_so = below.owned & !word & F::OWNED == 0;
                    let may_be_empty = self.is_pinned(level) || self.owed.is_torn();
                    (below.words > 0 || may_be_empty) && says_so
                }
                (Word::Leaf(leaf), _) => {
                    let fits = level <= F::HIGHEST_LEAF && F::addr(leaf).is_aligned(span(level));
                    fits && (level == 0 || leaf & F::OWNED == 0)
                }
                (Word::RetiredTable(_) | Word::RetiredLeaf(_), _) => self.owed.is_any(),
                (Word::Table(_), None) => false,
            };
            if !sound {
                return Err(wrong);
            }
            content.words += usize::from(word != 0);
            content.owned |= word & F::OWNED;
        }
        Ok(content)
    }
}
