//! A backend under a law: verbs as a manager makes them, and the questions that a law asks of the page table.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt::Debug;
use core::mem::take;

use super::place::joined;
use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::backend::{Edit, PageTableBackend};
use crate::backend::{Entry, Run};
use crate::error::MapError;
use crate::flush::Retired;
use crate::testing::broken::Broken;

/// A backend, the law that it is under, and how much it had in use when it was new.
///
/// Keeps the first thing that shows the law to be broken; from then on, verbs do nothing and nothing is compared.
///
/// Verbs go through this value, so that each ends as a manager ends it: leftovers unreserved, entries retired, the
/// page table's own invariants checked. Laws that ask something in the midst of a verb reach for `backend`.
pub(super) struct Space<'a, B: PageTableBackend> {
    law: &'static str,
    broken: RefCell<Option<Broken>>,
    /// The edits of the last verb, for the report.
    last: RefCell<Vec<Edit>>,
    pub(super) backend: B,
    in_use: &'a dyn Fn(&B) -> usize,
    at_first: usize,
    /// Whether pages wait for their flush: an entry may be busy then, and at no other time, as nobody else edits here.
    waits: bool,
}

impl<'a, B: PageTableBackend> Space<'a, B> {
    /// A space on a new backend, in which nothing is mapped.
    pub(super) fn new(law: &'static str, backend: B, in_use: &'a dyn Fn(&B) -> usize) -> Self {
        let at_first = in_use(&backend);
        Self {
            law,
            broken: RefCell::new(None),
            last: RefCell::default(),
            backend,
            in_use,
            at_first,
            waits: false,
        }
    }

    /// Keeps in mind that the law is broken, if it is the first time.
    pub(super) fn breaks(&self, found: impl FnOnce() -> String) {
        let mut broken = self.broken.borrow_mut();
        if broken.is_none() {
            *broken = Some(Broken::new(self.law, found()).behind(&self.last.borrow()));
        }
    }

    /// This holds, or the law is broken.
    pub(super) fn ensure(&self, holds: bool, found: impl FnOnce() -> String) {
        if !holds {
            self.breaks(found);
        }
    }

    /// Both are the same, or the law is broken.
    pub(super) fn same<T: PartialEq + Debug>(&self, found: &T, expected: &T, of: &str) {
        self.ensure(found == expected, || {
            format!("{of}: found {found:?}, expected {expected:?}")
        });
    }

    /// Whether the law is broken already.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.borrow().is_some()
    }

    /// How much the backend holds now, as the suite's caller counts it.
    pub(super) fn in_use(&self) -> usize {
        (self.in_use)(&self.backend)
    }

    /// A reservation for these edits, which the backend must grant; an empty one where it does not.
    pub(super) fn reserve(&self, edits: &[Edit]) -> B::Reserved {
        let reserved = self.backend.reserve(edits.iter().copied());
        reserved.unwrap_or_else(|error| {
            self.breaks(|| format!("{edits:?} were refused: {error}"));
            B::Reserved::default()
        })
    }

    /// Ends a verb: the rest of its reservation goes back, its entries are retired, and the invariants hold.
    ///
    /// `edits` are the verb's, for the report.
    pub(super) fn finish(&mut self, left: B::Reserved, out: Retired, edits: &[Edit]) {
        if !edits.is_empty() {
            self.last.replace(edits.to_vec());
        }
        self.backend.unreserve(left);
        self.backend.retire(out, Asid::new(1));
        self.nothing_waits();
    }

    /// Settles what the edits that were deferred have left, under a shared borrow.
    pub(super) fn settle(&mut self, told: &Retired) {
        self.backend.settle(told, Asid::new(1));
        self.nothing_waits();
    }

    /// From here on no page waits for its flush, and the invariants hold.
    pub(super) fn nothing_waits(&mut self) {
        self.waits = false;
        self.is_sound();
    }

    /// Makes an edit, and leaves it to be settled. Answers the notes on it.
    pub(super) fn defer(&mut self, edit: Edit) -> Retired {
        self.waits = true;
        self.last.replace(Vec::from([edit]));
        let mut with = self.reserve(&[edit]);
        let mut out = Retired::new();
        match edit {
            Edit::Protect(area, permissions) => {
                self.backend.protect(area, permissions, &mut with, &mut out);
            }
            Edit::Unmap(area) => self.backend.unmap(area, &mut with, &mut out),
            Edit::Map(_) | Edit::Shift { .. } => {}
        }
        self.backend.unreserve(with);
        out
    }

    /// The invariants hold.
    pub(super) fn is_sound(&self) {
        let sound = self.backend.check_invariants();
        self.same(&sound, &Ok(()), "invariants");
    }

    /// Makes one edit in one call, which must be granted.
    pub(super) fn at_once(&mut self, edit: Edit) {
        if self.is_broken() {
            return;
        }
        self.last.replace(Vec::from([edit]));
        let made = self.backend.edit(edit, Asid::new(1));
        self.same(&made, &Ok(()), "an edit in one call");
        self.is_sound();
    }

    /// Makes these edits as a manager does: reserved together, made in this order, flushed together.
    pub(super) fn verb(&mut self, edits: &[Edit]) {
        self.make_with(self.reserve(edits), edits);
    }

    /// Makes these edits with a reservation that may be of other edits, or of none, and ends the verb.
    ///
    /// Entries that may be cached are retired before an edit that writes into empty entries, as the contract of
    /// [`Retired::entries`] asks.
    pub(super) fn make_with(&mut self, mut with: B::Reserved, edits: &[Edit]) {
        if self.is_broken() {
            return self.backend.unreserve(with);
        }
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
    pub(super) fn refuses(&self, edits: &[Edit], error: MapError) {
        let before = self.in_use();
        let refused = self.backend.reserve(edits.iter().copied()).err();
        self.ensure(refused == Some(error), || {
            format!("{edits:?}: answered {refused:?}, should be {error:?}")
        });
        self.left_nothing(before, edits, "were refused");
    }

    /// Reserves these edits and does not make them: the whole reservation goes back.
    pub(super) fn abandon(&self, edits: &[Edit]) {
        let before = self.in_use();
        let reserved = self.reserve(edits);
        self.backend.unreserve(reserved);
        self.left_nothing(before, edits, "were unreserved");
    }

    /// No more is in use than `before`, after the edits had this fate.
    pub(super) fn left_nothing(&self, before: usize, edits: &[Edit], fate: &str) {
        let now = self.in_use();
        self.ensure(now == before, || {
            format!("{edits:?} {fate}: {now} are in use, {before} were before")
        });
    }

    /// `populated` finds exactly these runs in `area`, in leaves of any size. The runs may reach past the area: they
    /// are clipped to it, as the answers must be.
    pub(super) fn shows(&self, area: MemoryArea, runs: &[Run]) {
        if self.is_broken() {
            return;
        }
        let found = joined(self.backend.populated(area));
        let expected = joined(runs.iter().filter_map(|run| run.intersection(area)));
        self.ensure(found == expected, || {
            format!("in {area}, populated answers {found:?}, should be {expected:?}")
        });
    }

    /// The whole page table holds exactly these runs, which are in address order.
    ///
    /// `populated` is asked for each range, and `entry` on both sides of each border of a run: there a leaf that is too
    /// large or too small shows.
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

    /// The entry for `addr`, which is busy only while pages wait.
    pub(super) fn entry(&self, addr: VirtAddr) -> Entry {
        let entry = self.backend.entry(addr);
        self.ensure(entry != Entry::Busy || self.waits, || {
            format!("entry({addr}) is busy, and no page waits")
        });
        entry
    }

    /// The entry for `addr` leads where this run does, and is hidden if the run is; or it is empty.
    pub(super) fn says(&self, addr: VirtAddr, expected: Option<Run>) {
        if self.is_broken() {
            return;
        }
        let entry = self.entry(addr);
        let found = match entry {
            Entry::Empty | Entry::Busy => None,
            Entry::Leaf(run) | Entry::Hidden(run) => Some((run.translate(addr), run.attributes)),
        };
        let expected = expected.map(|run| (run.translate(addr), run.attributes));
        self.ensure(found == expected, || {
            format!("entry({addr}) leads to {found:?}, should be {expected:?}")
        });
        let is_hidden = expected.is_some_and(|(_, attributes)| !attributes.permissions.allow_any());
        self.ensure(matches!(entry, Entry::Hidden(_)) == is_hidden, || {
            format!("entry({addr}) is {entry:?}")
        });
    }

    /// Unmaps `area`, in which all that is mapped lies: then nothing is left in use.
    pub(super) fn clear(&mut self, area: MemoryArea) {
        self.verb(&[Edit::Unmap(area)]);
        self.is_as_at_first();
    }

    /// Ends a law: unmaps all ranges with no reservation, as a manager that is dropped does, and nothing is left in
    /// use.
    ///
    /// # Errors
    /// The law is broken.
    pub(super) fn end(mut self) -> Result<(), Broken> {
        let edits: Vec<_> = self
            .backend
            .ranges()
            .iter()
            .copied()
            .map(Edit::Unmap)
            .collect();
        self.make_with(B::Reserved::default(), &edits);
        self.is_as_at_first();
        self.broken.into_inner().map_or(Ok(()), Err)
    }

    /// Nothing is mapped, and no more is in use than when the backend was new.
    pub(super) fn is_as_at_first(&self) {
        self.holds(&[]);
        let (now, before) = (self.in_use(), self.at_first);
        self.ensure(now == before, || {
            format!("all is unmapped: {now} are in use, {before} were at first")
        });
    }
}
