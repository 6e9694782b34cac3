//! What must hold between verbs.

use core::sync::atomic::Ordering::Acquire;

use super::format::{Format, Word};
use super::table::{Table, slots, span};
use super::walker::Radix;
use crate::area::MemoryArea;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;
use crate::violation::Violation;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// No word waits for a flush, no table but the root is empty, and leaves are aligned to their size.
    pub(super) fn audit(&self) -> Result<(), Violation> {
        let mut ranges = F::RANGES.iter();
        ranges.try_for_each(|&range| {
            self.audit_in(self.root_table(), Self::TOP, range)
                .map(|_| ())
        })
    }

    /// Checks the part of a table that speaks of `area`; answers how many words it has there.
    fn audit_in(&self, table: &Table, level: usize, area: MemoryArea) -> Result<usize, Violation> {
        let mut words = 0;
        for slot in slots(area, level) {
            let wrong = Violation::Word {
                addr: slot.piece().start(),
            };
            let (word, below) = (
                F::decode(slot.of(table).load(Acquire), level),
                level.checked_sub(1),
            );
            let sound = match (word, below) {
                (Word::Empty, _) => continue,
                (Word::Table(child), Some(below)) => {
                    self.audit_in(self.table(child), below, slot.piece())? > 0
                }
                (Word::Leaf(first, _) | Word::Hidden(first, _), _) => {
                    level <= F::HIGHEST_LEAF && first.is_aligned(span(level))
                }
                (Word::Table(_) | Word::Retired(_), _) => false,
            };
            if !sound {
                return Err(wrong);
            }
            words += 1;
        }
        Ok(words)
    }
}
