//! Reading what is there.

use core::sync::atomic::Ordering::Acquire;

use super::format::{Format, Word};
use super::table::{Table, index, slots, span};
use super::walker::Radix;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::backend::run::{Entry, Run};
use crate::flush::Tlb;
use crate::frame::FrameAllocator;

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    pub(super) fn find_entry(&self, addr: VirtAddr) -> Entry {
        if !F::RANGES.iter().any(|range| range.contains(addr)) {
            return Entry::Empty;
        }
        let leaf = |first, attributes, level| Run {
            area: MemoryArea::block(addr, span(level)),
            first,
            attributes,
        };
        let mut at = self.root_addr();
        for level in (0..F::LEVELS).rev() {
            match self.word(at, addr, level) {
                Word::Table(child) => at = child,
                Word::Leaf(first, attributes) => {
                    return Entry::Leaf(leaf(first, attributes, level));
                }
                Word::Hidden(first, attributes) => {
                    return Entry::Hidden(leaf(first, attributes, level));
                }
                Word::Empty | Word::Retired(_) => return Entry::Empty,
            }
        }
        Entry::Empty
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "`index` answers less than the number of entries"
    )]
    fn word(&self, at: PhysAddr, addr: VirtAddr, level: usize) -> Word {
        F::decode(self.table(at)[index(addr, level)].load(Acquire), level)
    }

    /// The leaves in `area`, cut at its borders, in address order.
    pub(super) fn leaves(&self, area: MemoryArea) -> impl Iterator<Item = Run> {
        self.canonical(area).flat_map(move |area| {
            let mut rest = Some(area);
            core::iter::from_fn(move || {
                let area = rest?;
                let run = self.first_leaf(self.root_table(), Self::TOP, area)?;
                let next = run.area.next().filter(|&next| next <= area.end());
                rest = next.and_then(|next| MemoryArea::new(next, area.end()).ok());
                Some(run)
            })
        })
    }

    /// The first leaf in `area`; empty entries are passed over without a look below.
    fn first_leaf(&self, table: &Table, level: usize, area: MemoryArea) -> Option<Run> {
        slots(area, level).find_map(
            |slot| match F::decode(slot.of(table).load(Acquire), level) {
                Word::Table(child) => {
                    self.first_leaf(self.table(child), level.checked_sub(1)?, slot.piece())
                }
                Word::Leaf(first, attributes) | Word::Hidden(first, attributes) => Run {
                    area: slot.whole(),
                    first,
                    attributes,
                }
                .intersection(slot.piece()),
                Word::Empty | Word::Retired(_) => None,
            },
        )
    }
}
