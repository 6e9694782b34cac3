//! Going over the leaves of an area.
//!
//! The iterator borrows the page table and no more: other CPUs may map meanwhile, and an edit with `&mut self` cannot
//! begin before it is dropped. It needs no memory of its own, however deep the tables are.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Acquire;

use arrayvec::ArrayVec;

use super::slot::slots;
use super::table::{Table, index, span};
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::{Word, is_leaf};
use crate::backend::radix::memory::Radix;
use crate::backend::run::Run;
use crate::platform::Platform;

/// A leaf, or the part of one that lies in the area that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeafPart<'a> {
    /// The part in the area, with the frames that it leads to.
    pub(crate) run: Run,
    /// The pages of the leaf, those outside of the area too.
    pub(crate) whole: MemoryArea,
    /// The word of the leaf when it was read.
    pub(crate) word: u64,
    /// The place of that word. The MMU may have set bits there since.
    pub(crate) place: &'a AtomicU64,
}

impl<'a> LeafPart<'a> {
    /// The part in `area` of the leaf at `level` for `addr`, whose word at `place` was `word`.
    #[inline]
    fn new<F: Format>(
        addr: VirtAddr,
        level: usize,
        word: u64,
        place: &'a AtomicU64,
        area: MemoryArea,
    ) -> Option<Self> {
        let whole = MemoryArea::block(addr, span(level));
        let run = Run {
            area: whole,
            first: F::addr(word),
            attributes: F::attributes(word),
        };
        Some(Self {
            run: run.intersection(area)?,
            whole,
            word,
            place,
        })
    }
}

/// The leaves in an area, in address order. One way down for each table of pages, then a look at each of its words; and
/// one for each larger leaf.
pub(crate) struct Leaves<'a, F: Format, P: Platform> {
    radix: &'a Radix<F, P>,
    /// The table of pages at hand, and the part of the area in it that is still to be gone over.
    pages: Option<(&'a Table, MemoryArea)>,
    /// The part of the area behind that table, in the half at hand.
    area: Option<MemoryArea>,
    /// The part of the area in the other half.
    parts: ArrayVec<MemoryArea, 2>,
}

/// A slot above the tables of pages that is not empty.
enum Filled<'a> {
    Leaf(LeafPart<'a>),
    /// A table of pages, and the part of the area in it.
    Pages(&'a Table, MemoryArea),
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// The leaves in `area`, valid or hidden, cut at its borders, in address order. `area` may be any area.
    ///
    /// Leaves that other CPUs add meanwhile may be seen or missed. O(leaves + tables).
    pub(in crate::backend::radix) fn leaves(&self, area: MemoryArea) -> Leaves<'_, F, P> {
        let mut parts = self.canonical(area);
        parts.reverse();
        Leaves {
            radix: self,
            pages: None,
            area: parts.pop(),
            parts,
        }
    }

    /// The first slot of `area` in a table that is not empty. Empty entries are passed over without a look below.
    fn first_filled<'a>(
        &'a self,
        table: &'a Table,
        level: usize,
        area: MemoryArea,
    ) -> Option<Filled<'a>> {
        let below = level.checked_sub(1)?;
        slots(area, level).find_map(|slot| {
            let place = slot.of(table);
            let part = slot.piece();
            match Word::read::<F>(place.load(Acquire), level) {
                Word::Table(child) if below > 0 => {
                    self.first_filled(self.table(child), below, part)
                }
                Word::Table(child) => Some(Filled::Pages(self.table(child), part)),
                Word::Leaf(word) => {
                    LeafPart::new::<F>(part.start(), level, word, place, part).map(Filled::Leaf)
                }
                Word::Empty | Word::RetiredTable(_) | Word::RetiredLeaf(_) => None,
            }
        })
    }
}

/// The first leaf of `area` in a table of pages.
#[inline]
fn first_page<F: Format>(table: &Table, area: MemoryArea) -> Option<LeafPart<'_>> {
    let words = table.get(index(area.start(), 0)..=index(area.end(), 0))?;
    let mut addr = Some(area.start());
    for place in words {
        let word = place.load(Acquire);
        if is_leaf::<F>(word) {
            return LeafPart::new::<F>(addr?, 0, word, place, area);
        }
        addr = addr.and_then(|addr| addr.checked_add(span(0)));
    }
    None
}

/// The rest of `area` behind `done`, which begins in it.
#[inline]
fn behind(area: MemoryArea, done: MemoryArea) -> Option<MemoryArea> {
    let next = done.next().filter(|&next| next <= area.end())?;
    Some(MemoryArea::bounds(next.get(), area.end().get()))
}

impl<'a, F: Format, P: Platform> Iterator for Leaves<'a, F, P> {
    type Item = LeafPart<'a>;

    #[inline]
    fn next(&mut self) -> Option<LeafPart<'a>> {
        loop {
            if let Some((table, part)) = self.pages.take() {
                if let Some(leaf) = first_page::<F>(table, part) {
                    self.pages = behind(part, leaf.run.area).map(|rest| (table, rest));
                    return Some(leaf);
                }
            }
            let area = self.area.take().or_else(|| self.parts.pop())?;
            let root = self.radix.root_table();
            match self.radix.first_filled(root, Radix::<F, P>::TOP, area) {
                Some(Filled::Leaf(leaf)) => {
                    self.area = behind(area, leaf.run.area);
                    return Some(leaf);
                }
                Some(Filled::Pages(table, part)) => {
                    self.area = behind(area, part);
                    self.pages = Some((table, part));
                }
                None => {}
            }
        }
    }
}
