//! Walking over what is there.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Acquire;

use arrayvec::ArrayVec;

use super::table::{Table, index, slots, span};
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::word::{Word, is_leaf};
use crate::backend::radix::memory::Radix;
use crate::backend::run::Run;
use crate::platform::Platform;

/// A leaf, or the part of one that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf<'a> {
    pub(crate) run: Run,
    /// All that it maps.
    pub(crate) whole: MemoryArea,
    /// What it was when it was looked at, and where it is.
    pub(crate) word: u64,
    pub(crate) place: &'a AtomicU64,
}

impl<'a> Leaf<'a> {
    /// What `area` has of the leaf at `level` that `word`, at `place`, is for `addr`.
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
    /// What is left of the table of pages at hand.
    pages: Option<(&'a Table, MemoryArea)>,
    /// What is left behind it.
    area: Option<MemoryArea>,
    /// What is left behind that, in the other half.
    parts: ArrayVec<MemoryArea, 2>,
}

/// What a slot has, above the tables of pages.
enum Filled<'a> {
    Leaf(Leaf<'a>),
    /// A table of pages, and the part of it that was asked for.
    Pages(&'a Table, MemoryArea),
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// The leaves in `area`, cut at its borders.
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

    /// The first that `area` has in a table; empty entries are passed over without a look below.
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
                    Leaf::new::<F>(part.start(), level, word, place, part).map(Filled::Leaf)
                }
                Word::Empty | Word::RetiredTable(_) | Word::RetiredLeaf(_) => None,
            }
        })
    }
}

/// The first leaf that `area` has in a table of pages.
#[inline]
fn first_page<F: Format>(table: &Table, area: MemoryArea) -> Option<Leaf<'_>> {
    let words = table.get(index(area.start(), 0)..=index(area.end(), 0))?;
    let mut addr = Some(area.start());
    for place in words {
        let word = place.load(Acquire);
        if is_leaf::<F>(word) {
            return Leaf::new::<F>(addr?, 0, word, place, area);
        }
        addr = addr.and_then(|addr| addr.checked_add(span(0)));
    }
    None
}

/// What `area` has behind `done`, which begins in it.
#[inline]
fn behind(area: MemoryArea, done: MemoryArea) -> Option<MemoryArea> {
    let next = done.next().filter(|&next| next <= area.end())?;
    Some(MemoryArea::bounds(next.get(), area.end().get()))
}

impl<'a, F: Format, P: Platform> Iterator for Leaves<'a, F, P> {
    type Item = Leaf<'a>;

    #[inline]
    fn next(&mut self) -> Option<Leaf<'a>> {
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
