//! Walking over what is there.

use core::sync::atomic::Ordering::Acquire;

use super::format::Format;
use super::table::{Slot, Table, slots};
use super::walker::Radix;
use super::word::Word;
use crate::area::MemoryArea;
use crate::backend::run::Run;
use crate::flush::Tlb;
use crate::frame::FrameAllocator;

/// A leaf, or the part of one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) run: Run,
    pub(super) word: u64,
}

impl<F: Format, P: FrameAllocator + Tlb> Radix<F, P> {
    /// The leaves in `area`, cut at its borders, in address order. O(1) amortised a step within a table.
    pub(super) fn leaves(&self, area: MemoryArea) -> impl Iterator<Item = Leaf> {
        self.canonical(area).into_iter().flat_map(move |area| {
            let mut rest = Some(area);
            core::iter::from_fn(move || {
                let area = rest?;
                let leaf = self.first_leaf(self.root_table(), Self::TOP, area)?;
                let next = leaf.run.area.next().filter(|&next| next <= area.end());
                rest = next.and_then(|next| MemoryArea::new(next, area.end()).ok());
                Some(leaf)
            })
        })
    }

    /// The first leaf in `area`; empty entries are passed over without a look below.
    fn first_leaf(&self, table: &Table, level: usize, area: MemoryArea) -> Option<Leaf> {
        slots(area, level).find_map(|slot| {
            match Word::read::<F>(slot.of(table).load(Acquire), level) {
                Word::Table(child) => {
                    self.first_leaf(self.table(child), level.checked_sub(1)?, slot.piece())
                }
                Word::Leaf(word) => {
                    let run = run::<F>(slot, word).intersection(slot.piece())?;
                    Some(Leaf { run, word })
                }
                Word::Empty | Word::RetiredTable(_) | Word::RetiredLeaf(_) => None,
            }
        })
    }
}

/// What the leaf in a slot says.
pub(super) fn run<F: Format>(slot: Slot, leaf: u64) -> Run {
    Run {
        area: slot.whole(),
        first: F::addr(leaf),
        attributes: F::attributes(leaf),
    }
}
