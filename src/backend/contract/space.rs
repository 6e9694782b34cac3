//! A backend under test.

use alloc::vec::Vec;
use core::mem::take;

use super::place::joined;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::backend::page_table::{Edit, PageTableBackend};
use crate::backend::run::{Entry, Run};
use crate::error::MapError;
use crate::flush::Retired;

/// A backend, the law that it is under, and what it had in use at first.
pub(super) struct Space<B: PageTableBackend, U: Fn(&B) -> usize> {
    pub(super) law: &'static str,
    pub(super) backend: B,
    in_use: U,
    at_first: usize,
}

impl<B: PageTableBackend, U: Fn(&B) -> usize> Space<B, U> {
    pub(super) fn new(law: &'static str, make: impl Fn() -> B, in_use: U) -> Self {
        let backend = make();
        let at_first = in_use(&backend);
        Self {
            law,
            backend,
            in_use,
            at_first,
        }
    }

    pub(super) fn in_use(&self) -> usize {
        (self.in_use)(&self.backend)
    }

    /// Sets aside what these edits need.
    #[track_caller]
    #[expect(clippy::panic, reason = "the law is broken")]
    pub(super) fn reserve(&self, edits: &[Edit]) -> B::Reserved {
        match self.backend.reserve(edits.iter().copied()) {
            Ok(reserved) => reserved,
            Err(error) => panic!("{}: {edits:?} were refused: {error}", self.law),
        }
    }

    /// The end of every verb.
    #[track_caller]
    pub(super) fn finish(&mut self, left: B::Reserved, out: Retired, edits: &[Edit]) {
        self.backend.unreserve(left);
        self.backend.retire(out, Asid::new(1));
        let sound = self.backend.check_invariants();
        assert_eq!(
            sound,
            Ok(()),
            "{}: an invariant is broken after {edits:?}",
            self.law
        );
    }

    /// These edits as a manager makes them: reserved together, made in this order, flushed together.
    #[track_caller]
    pub(super) fn verb(&mut self, edits: &[Edit]) {
        self.make_with(self.reserve(edits), edits);
    }

    /// These edits with what is reserved, and the end of the verb.
    #[track_caller]
    pub(super) fn make_with(&mut self, mut with: B::Reserved, edits: &[Edit]) {
        let mut out = Retired::new();
        for &edit in edits {
            if out.entries() && matches!(edit, Edit::Map(_) | Edit::Shift { .. }) {
                self.backend.retire(take(&mut out), Asid::new(1));
            }
            match edit {
                Edit::Map(run) if out.is_empty() => self.backend.map(run, &mut with),
                // While something waits, the page table is nobody else's.
                Edit::Map(run) => self.backend.map_exclusive(run, &mut with),
                Edit::Unmap(area) => self.backend.unmap(area, &mut with, &mut out),
                Edit::Shift { from, to } => self.backend.shift(from, to, &mut with, &mut out),
                Edit::Protect(area, permissions) => {
                    self.backend.protect(area, permissions, &mut with, &mut out);
                }
            }
        }
        self.finish(with, out, edits);
    }

    /// An edit that is refused with this error.
    #[track_caller]
    pub(super) fn refuses(&self, edits: &[Edit], error: MapError) {
        let before = self.in_use();
        let refused = self.backend.reserve(edits.iter().copied()).err();
        assert_eq!(refused, Some(error), "{}: {edits:?}", self.law);
        assert_eq!(
            self.in_use(),
            before,
            "{}: {edits:?} were refused, and left something in use",
            self.law
        );
    }

    /// In `area` there are exactly these runs, in leaves of any size: they may reach past it.
    #[track_caller]
    pub(super) fn shows(&self, area: MemoryArea, runs: &[Run]) {
        let found = joined(self.backend.populated(area));
        let expected = joined(runs.iter().filter_map(|run| run.intersection(area)));
        assert_eq!(
            found, expected,
            "{}: in {area}, populated answers the left, not the right",
            self.law
        );
    }

    /// In the whole page table there are exactly these runs, in address order.
    #[track_caller]
    pub(super) fn holds(&self, runs: &[Run]) {
        self.backend
            .ranges()
            .iter()
            .for_each(|&range| self.shows(range, runs));
        let borders = runs.iter().flat_map(|run| {
            let (start, end) = (run.area.start(), run.area.end());
            [
                Some(start),
                Some(end),
                start.checked_sub(1),
                end.checked_add(1),
            ]
        });
        for addr in borders.flatten() {
            let expected = runs.iter().find(|run| run.area.contains(addr));
            self.says(addr, expected.copied());
        }
    }

    /// The entry for `addr` is in this run, or empty.
    #[track_caller]
    pub(super) fn says(&self, addr: VirtAddr, expected: Option<Run>) {
        let entry = self.backend.entry(addr);
        let found = match entry {
            Entry::Empty | Entry::Busy => None,
            Entry::Leaf(run) | Entry::Hidden(run) => Some((run.translate(addr), run.attributes)),
        };
        let expected = expected.map(|run| (run.translate(addr), run.attributes));
        assert_eq!(
            found, expected,
            "{}: entry({addr}) leads to the left, not the right",
            self.law
        );
        let is_hidden = expected.is_some_and(|(_, attributes)| !attributes.permissions.allow_any());
        assert_eq!(
            matches!(entry, Entry::Hidden(_)),
            is_hidden,
            "{}: entry({addr}) is {entry:?}",
            self.law
        );
    }

    /// Unmaps everything, reserving nothing, and compares what is in use with what was at first.
    #[track_caller]
    pub(super) fn end(mut self) {
        let edits: Vec<_> = self
            .backend
            .ranges()
            .iter()
            .copied()
            .map(Edit::Unmap)
            .collect();
        self.make_with(B::Reserved::default(), &edits);
        self.is_as_at_first();
    }

    /// Nothing is mapped, and nothing more is in use than at first.
    #[track_caller]
    pub(super) fn is_as_at_first(&self) {
        self.holds(&[]);
        assert_eq!(
            self.in_use(),
            self.at_first,
            "{}: unmapping everything leaves the left in use",
            self.law
        );
    }
}
