//! What CPUs have cached of a page table, and how many tables it must have.

use alloc::collections::BTreeSet;

use super::explore::{Outcome, Wrong, same};
use super::span::{PAGES, Span};
use super::watch::{BASE, Table, Watch};
use crate::addr::PhysAddr;
use crate::backend::radix::{Format, span};
use crate::backend::{Entry, PageTableBackend};
use crate::frame::FRAME_SIZE;
use crate::permissions::Permissions;

/// What a CPU may have cached of a page.
type Cached = Option<(Option<PhysAddr>, Permissions)>;

/// CPUs that cache all there is before each verb, and forget what they are told to.
pub(super) struct Shape {
    watch: Watch,
    before: [Cached; PAGES],
    /// The pages that a CPU may have cached as they are no more.
    stale: [bool; PAGES],
}

impl Shape {
    pub(super) const fn new(watch: Watch) -> Self {
        Self {
            watch,
            before: [None; PAGES],
            stale: [false; PAGES],
        }
    }

    /// Before a verb.
    pub(super) fn warm<F: Format>(&mut self, table: &Table<F>) {
        self.before = core::array::from_fn(|page| cached(table, page));
    }

    /// Behind a verb: `waits` says whether a flush may be due still.
    pub(super) fn forget<F: Format>(&mut self, table: &Table<F>, waits: bool) -> Result<(), Wrong> {
        let flushed = self.watch.take();
        for page in 0..PAGES {
            let after = cached(table, page);
            let is_so = self.before[page].is_none_or(|(frame, allowed)| {
                after.is_some_and(|(leads, allows)| leads == frame && allows.contains(allowed))
            });
            let is_stale = self.stale[page] || !is_so;
            self.stale[page] = is_stale && flushed >> page & 1 == 0;
        }
        let may = waits || self.stale == [false; PAGES];
        same("nothing is cached that is gone", may, true)
    }

    /// How many tables there must be for the leaves that there are, the root with them.
    pub(super) fn tables<F: Format>(table: &Table<F>) -> usize {
        let mut tables = BTreeSet::new();
        let leaves = table.populated(Span::ALL.area(BASE));
        for leaf in leaves {
            let at = leaf.area.start();
            let whole = match table.entry(at) {
                Entry::Leaf(run) | Entry::Hidden(run) => run.area.size(),
                Entry::Empty | Entry::Busy => 0,
            };
            let levels = (0..F::LEVELS - 1)
                .rev()
                .take_while(|&level| whole <= span(level));
            tables.extend(levels.map(|level| (level, at.get() / span(level + 1))));
        }
        1 + tables.len()
    }

    /// The largest leaf.
    pub(super) fn largest<F: Format>(table: &Table<F>) -> Outcome {
        let leaves = table.populated(Span::ALL.area(BASE));
        let largest = leaves.map(|leaf| leaf.area.size() / FRAME_SIZE).max();
        let name = match largest {
            None => "none",
            Some(1) => "of a page",
            Some(2) => "of two pages",
            Some(_) => "of four pages",
        };
        ("leaf", name)
    }

    pub(super) fn word(&self) -> u64 {
        let stale = self.stale.iter();
        stale.fold(0, |word, &stale| word << 1 | u64::from(stale))
    }
}

fn cached<F: Format>(table: &Table<F>, page: usize) -> Cached {
    let at = Span::page(page).area(BASE).start();
    match table.entry(at) {
        Entry::Leaf(run) => Some((run.translate(at), run.attributes.permissions)),
        _ => None,
    }
}
