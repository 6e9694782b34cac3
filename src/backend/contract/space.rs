//! A backend under a law: verbs as a manager makes them, and the questions that a law asks of the page table.

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

/// A backend, the law that it is under, and how much it had in use when it was new.
///
/// Verbs go through this value, so that each ends as a manager ends it: leftovers unreserved, entries retired, the
/// page table's own invariants checked. Laws that ask something in the midst of a verb reach for `backend`.
pub(super) struct Space<'a, B: PageTableBackend> {
    /// The name of the law, which begins every message.
    pub(super) law: &'static str,
    pub(super) backend: B,
    in_use: &'a dyn Fn(&B) -> usize,
    at_first: usize,
}

impl<'a, B: PageTableBackend> Space<'a, B> {
    /// A space on a new backend, in which nothing is mapped.
    pub(super) fn new(law: &'static str, backend: B, in_use: &'a dyn Fn(&B) -> usize) -> Self {
        let at_first = in_use(&backend);
        Self {
            law,
            backend,
            in_use,
            at_first,
        }
    }

    /// How much the backend holds now, as the suite's caller counts it.
    pub(super) fn in_use(&self) -> usize {
        (self.in_use)(&self.backend)
    }

    /// A reservation for these edits, which the backend must grant.
    #[track_caller]
    #[expect(clippy::panic, reason = "the law is broken")]
    pub(super) fn reserve(&self, edits: &[Edit]) -> B::Reserved {
        match self.backend.reserve(edits.iter().copied()) {
            Ok(reserved) => reserved,
            Err(error) => panic!("{}: {edits:?} were refused: {error}", self.law),
        }
    }

    /// Ends a verb: the rest of its reservation goes back, its entries are retired, and the invariants hold.
    ///
    /// `edits` are the verb's, for the message.
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

    /// Makes these edits as a manager does: reserved together, made in this order, flushed together.
    #[track_caller]
    pub(super) fn verb(&mut self, edits: &[Edit]) {
        self.make_with(self.reserve(edits), edits);
    }

    /// Makes these edits with a reservation that may be of other edits, or of none, and ends the verb.
    ///
    /// Entries that may be cached are retired before an edit that writes into empty entries, as the contract of
    /// [`Retired::entries`] asks.
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

    /// Reserving these edits is refused with this error, and leaves nothing in use.
    #[track_caller]
    pub(super) fn refuses(&self, edits: &[Edit], error: MapError) {
        let before = self.in_use();
        let refused = self.backend.reserve(edits.iter().copied()).err();
        assert_eq!(refused, Some(error), "{}: {edits:?}", self.law);
        self.left_nothing(before, edits, "were refused");
    }

    /// Reserves these edits and does not make them: the whole reservation goes back.
    #[track_caller]
    pub(super) fn abandon(&self, edits: &[Edit]) {
        let before = self.in_use();
        let reserved = self.reserve(edits);
        self.backend.unreserve(reserved);
        self.left_nothing(before, edits, "were unreserved");
    }

    /// No more is in use than `before`, after the edits had this fate.
    #[track_caller]
    pub(super) fn left_nothing(&self, before: usize, edits: &[Edit], fate: &str) {
        assert_eq!(
            self.in_use(),
            before,
            "{}: {edits:?} {fate}, and left something in use",
            self.law
        );
    }

    /// `populated` finds exactly these runs in `area`, in leaves of any size. The runs may reach past the area: they
    /// are clipped to it, as the answers must be.
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

    /// The whole page table holds exactly these runs, which are in address order.
    ///
    /// `populated` is asked for each range, and `entry` on both sides of each border of a run: there a leaf that is too
    /// large or too small shows.
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

    /// The entry for `addr` leads where this run does, and is hidden if the run is; or it is empty.
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

    /// Unmaps `area`, in which all that is mapped lies: then nothing is left in use.
    #[track_caller]
    pub(super) fn clear(&mut self, area: MemoryArea) {
        self.verb(&[Edit::Unmap(area)]);
        self.is_as_at_first();
    }

    /// Ends a law: unmaps all ranges with no reservation, as a manager that is dropped does, and nothing is left in
    /// use.
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

    /// Nothing is mapped, and no more is in use than when the backend was new.
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
