//! The edits of a page table, and what each must do to five pages.

use alloc::vec::Vec;
use core::ops::Range;

use super::explore::{Wrong, same};
use super::layout::WRITE;
use super::span::{PAGES, Span};
use super::walker::{PERMISSIONS, Page, Walker};
use super::watch::BASE;
use crate::addr::PhysAddr;
use crate::asid::Asid;
use crate::attributes::Attributes;
use crate::backend::radix::Format;
use crate::backend::{Edit, Entry, PageTableBackend, Paging, Run};
use crate::error::MapError;
use crate::flush::Retired;
use crate::frame::{FRAME_SIZE, FrameAllocator};
use crate::permissions::{Access, Permissions};

const ASID: Asid = Asid::new(0);

/// How far physical memory is from its pages: leaves are as large as can be, or of two pages at most where tables have
/// two entries.
pub(super) const DISTANCES: [u64; 2] = [1 << 36, (1 << 36) + 2 * FRAME_SIZE as u64];

#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    /// Physical memory at one of the distances.
    Map(Span, u64),
    /// The same, while other CPUs may be there.
    MapShared(Span, u64),
    /// A frame of the page table's own.
    Install(usize),
    Unmap(Span),
    UnmapDeferred(Span),
    Protect(Span, Permissions),
    ProtectDeferred(Span, Permissions),
    Shift(Span, Span),
    Exchange(usize),
    Permit(usize),
    Touch(usize),
    Settle,
}

/// An error on purpose, which must be found: the page table is told something else than the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    LostUnmap,
    ShortProtect,
    ShiftedAside,
    LostFlush,
    LostSettle,
    LostPermit,
}

impl Lie {
    pub(super) const ALL: [Self; 6] = [
        Self::LostUnmap,
        Self::ShortProtect,
        Self::ShiftedAside,
        Self::LostFlush,
        Self::LostSettle,
        Self::LostPermit,
    ];
}

impl Verb {
    pub(super) fn all() -> Vec<Self> {
        let mut verbs = Vec::new();
        for span in Span::each() {
            verbs.extend(DISTANCES.map(|distance| Self::Map(span, distance)));
            verbs.extend(DISTANCES.map(|distance| Self::MapShared(span, distance)));
            verbs.extend([Self::Unmap(span), Self::UnmapDeferred(span)]);
            verbs.extend(PERMISSIONS.map(|permissions| Self::Protect(span, permissions)));
            verbs.extend(PERMISSIONS.map(|permissions| Self::ProtectDeferred(span, permissions)));
            let places = (0..=PAGES - span.count).map(|first| Span { first, ..span });
            verbs.extend(places.map(|to| Self::Shift(span, to)));
        }
        for page in 0..PAGES {
            verbs.extend([Self::Install(page), Self::Exchange(page)]);
            verbs.extend([Self::Permit(page), Self::Touch(page)]);
        }
        verbs.push(Self::Settle);
        verbs
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Map(..) => "map exclusive",
            Self::MapShared(..) => "map",
            Self::Install(_) => "install",
            Self::Unmap(_) => "unmap",
            Self::UnmapDeferred(_) => "unmap, deferred",
            Self::Protect(..) => "protect",
            Self::ProtectDeferred(..) => "protect, deferred",
            Self::Shift(..) => "shift",
            Self::Exchange(_) => "exchange",
            Self::Permit(_) => "permit",
            Self::Touch(_) => "touch",
            Self::Settle => "settle",
        }
    }
}

fn attributes(permissions: Permissions) -> Attributes {
    Attributes::from(permissions)
}

fn run(span: Span, distance: u64) -> Run {
    let area = span.area(BASE);
    Run {
        area,
        first: PhysAddr::new(area.start().get() as u64 + distance),
        attributes: attributes(WRITE),
    }
}

impl<F: Format> Walker<F> {
    /// Does the verb, to the page table and to the model.
    pub(super) fn apply(&mut self, verb: Verb) -> Result<&'static str, Wrong> {
        match verb {
            Verb::Map(span, distance) => self.map(span, distance),
            Verb::MapShared(span, distance) => self.map_shared(span, distance),
            Verb::Install(page) => self.install(page),
            Verb::Unmap(span) => {
                self.edit(
                    Edit::Unmap(span.area(BASE)),
                    self.lie == Some(Lie::LostUnmap),
                )?;
                self.pages[span.pages()].fill(None);
                Ok("done")
            }
            Verb::UnmapDeferred(span) => self.unmap_deferred(span),
            Verb::Protect(span, permissions) => {
                let is_short = self.lie == Some(Lie::ShortProtect);
                let told = if is_short { span.shorter() } else { span };
                self.edit(Edit::Protect(told.area(BASE), permissions), false)?;
                self.allow(span, permissions);
                Ok("done")
            }
            Verb::ProtectDeferred(span, permissions) => self.protect_deferred(span, permissions),
            Verb::Shift(from, to) => self.shift(from, to),
            Verb::Exchange(page) => self.exchange(page),
            Verb::Permit(page) => self.permit(page),
            Verb::Touch(page) => self.touch(page),
            Verb::Settle => {
                if self.lie != Some(Lie::LostSettle) {
                    self.table.settle(&self.told, ASID);
                }
                self.settled();
                Ok("done")
            }
        }
    }

    fn settled(&mut self) {
        self.told = Retired::new();
        self.waiting = 0;
    }

    /// As a manager does before it edits: nothing waits then.
    fn retire(&mut self) {
        let told = core::mem::take(&mut self.told);
        self.table.retire(told, ASID);
        self.settled();
    }

    fn edit(&mut self, edit: Edit, is_lost: bool) -> Result<(), Wrong> {
        self.retire();
        if is_lost {
            return Ok(());
        }
        same(edit, self.table.edit(edit, ASID), Ok(()))
    }

    fn fill(&mut self, span: Span, distance: u64, is_busy: [bool; PAGES]) {
        for page in span.pages() {
            let frame = PhysAddr::new(Self::at(page).get() as u64 + distance);
            if !is_busy[page] && self.pages[page].is_none() {
                self.pages[page] = Some(Page {
                    frame,
                    is_owned: false,
                    permissions: WRITE,
                });
            }
        }
    }

    fn map(&mut self, span: Span, distance: u64) -> Result<&'static str, Wrong> {
        self.edit(Edit::Map(run(span, distance)), false)?;
        let was_empty = self.pages[span.pages()].iter().all(Option::is_none);
        self.fill(span, distance, [false; PAGES]);
        if was_empty {
            span.pages()
                .try_for_each(|page| self.is_large(page, span, distance))?;
        }
        Ok("done")
    }

    /// Where nothing was in the way, leaves are as large as the format allows.
    fn is_large(&self, page: usize, span: Span, distance: u64) -> Result<(), Wrong> {
        let sizes = [4, 2, 1].map(|pages| pages * FRAME_SIZE);
        let at = Self::at(page).get();
        let fits = |&size: &usize| {
            let start = at - at % size;
            let area = span.area(BASE);
            distance % size as u64 == 0
                && start >= area.start().get()
                && start + (size - 1) <= area.end().get()
        };
        let largest = sizes
            .into_iter()
            .filter(|_| cfg!(kernel_vm_small_tables))
            .find(fits);
        let size = self.leaf(page).map(|run| run.area.size());
        same(("size of", page), size, largest.or(Some(FRAME_SIZE)))
    }

    fn busy(&self) -> [bool; PAGES] {
        core::array::from_fn(|page| self.table.entry(Self::at(page)) == Entry::Busy)
    }

    fn map_shared(&mut self, span: Span, distance: u64) -> Result<&'static str, Wrong> {
        let (run, is_busy) = (run(span, distance), self.busy());
        let mut reserved = self.table.reserve([Edit::Map(run)].into_iter()).unwrap();
        self.table.map(run, &mut reserved);
        self.table.unreserve(reserved);
        self.fill(span, distance, is_busy);
        Ok(if is_busy[span.pages()].contains(&true) {
            "busy"
        } else {
            "done"
        })
    }

    fn install(&mut self, page: usize) -> Result<&'static str, Wrong> {
        let frame = self.frames.alloc().unwrap();
        let (at, addr) = (Self::at(page), frame.addr());
        let found = self.table.entry(at);
        let run = Run {
            area: Span::page(page).area(BASE),
            first: addr,
            attributes: attributes(WRITE),
        };
        let mut reserved = self.table.reserve([Edit::Map(run)].into_iter()).unwrap();
        let installed = self
            .table
            .install(at, frame, attributes(WRITE), &mut reserved);
        self.table.unreserve(reserved);
        let lost = installed.map_err(|lost| {
            let entry = lost.found();
            self.frames.release(lost.into_frame(), false);
            entry
        });
        let expected = if found == Entry::Empty {
            Ok(())
        } else {
            Err(Some(found))
        };
        same("install", lost, expected)?;
        if lost.is_err() {
            return Ok("lost");
        }
        self.pages[page] = Some(Page {
            frame: addr,
            is_owned: true,
            permissions: WRITE,
        });
        Ok("done")
    }

    fn unmap_deferred(&mut self, span: Span) -> Result<&'static str, Wrong> {
        let area = span.area(BASE);
        let mut reserved = self.table.reserve([Edit::Unmap(area)].into_iter()).unwrap();
        self.table.unmap(area, &mut reserved, &mut self.told);
        self.table.unreserve(reserved);
        let owned = self.pages[span.pages()].iter().flatten();
        self.waiting += owned.filter(|page| page.is_owned).count();
        self.pages[span.pages()].fill(None);
        Ok(if self.waits() { "waits" } else { "done" })
    }

    fn protect_deferred(
        &mut self,
        span: Span,
        permissions: Permissions,
    ) -> Result<&'static str, Wrong> {
        let area = span.area(BASE);
        let edit = Edit::Protect(area, permissions);
        let mut reserved = self.table.reserve([edit].into_iter()).unwrap();
        self.table
            .protect(area, permissions, &mut reserved, &mut self.told);
        self.table.unreserve(reserved);
        self.allow(span, permissions);
        Ok(if self.waits() { "waits" } else { "done" })
    }

    /// A page of the page table's own that cannot be written stays so: somebody else may have its frame, too.
    fn allow(&mut self, span: Span, permissions: Permissions) {
        for page in self.pages[span.pages()].iter_mut().flatten() {
            let is_kept = page.is_owned && !page.permissions.contains(Permissions::WRITE);
            let taken = if is_kept {
                Permissions::WRITE
            } else {
                Permissions::empty()
            };
            page.permissions = permissions - taken;
        }
    }

    /// As a manager moves maps: what was at the new place is gone first.
    fn shift(&mut self, old: Span, new: Span) -> Result<&'static str, Wrong> {
        let (from, to) = (old.area(BASE), new.area(BASE));
        if old.overlaps(new) {
            self.retire();
            let error = MapError::MovesOntoItself { old: from, new: to };
            same(
                "shift",
                self.table.edit(Edit::Shift { from, to }, ASID),
                Err(error),
            )?;
            return Ok("moves onto itself");
        }
        self.edit(Edit::Unmap(to), false)?;
        let is_aside = self.lie == Some(Lie::ShiftedAside) && new.end() < PAGES;
        let aside = Span {
            first: new.first + 1,
            ..new
        };
        let is_aside = is_aside && !aside.overlaps(old);
        let told = if is_aside { aside.area(BASE) } else { to };
        self.edit(Edit::Shift { from, to: told }, false)?;
        let moved: Range<usize> = old.pages();
        self.pages.copy_within(moved.clone(), new.first);
        self.pages[moved].fill(None);
        Ok("done")
    }

    fn exchange(&mut self, page: usize) -> Result<&'static str, Wrong> {
        let found = self.table.entry(Self::at(page));
        let leaf = self
            .leaf(page)
            .map_or(run(Span::page(page), 0), |leaf| leaf);
        let old = leaf.intersection(Span::page(page).area(BASE)).unwrap();
        let frame = self.frames.alloc().unwrap();
        let addr = frame.addr();
        let exchanged = self.table.exchange(old, frame, attributes(WRITE), ASID);
        let before = self.pages[page].filter(|_| leaf.area.size() == FRAME_SIZE);
        match (exchanged, before) {
            (Ok(replaced), Some(before)) => {
                let replaced = replaced.map(|replaced| replaced.frame);
                let was = replaced.as_ref().map(|frame| frame.addr());
                replaced
                    .into_iter()
                    .for_each(|frame| self.frames.release(frame, false));
                same(
                    "what was replaced",
                    was,
                    before.is_owned.then_some(before.frame),
                )?;
                self.pages[page] = Some(Page {
                    frame: addr,
                    is_owned: true,
                    permissions: WRITE,
                });
                Ok("done")
            }
            (Err(lost), None) => {
                let entry = lost.found();
                self.frames.release(lost.into_frame(), false);
                same("the entry instead", entry, Some(found))?;
                Ok("lost")
            }
            (exchanged, before) => Err(alloc::format!("{exchanged:?} where {before:?} was")),
        }
    }

    /// Permits all of the leaf that has the page.
    fn permit(&mut self, page: usize) -> Result<&'static str, Wrong> {
        if self.lie == Some(Lie::LostPermit) {
            self.pages[page]
                .iter_mut()
                .for_each(|page| page.permissions = WRITE);
            return Ok("done");
        }
        let found = self.table.entry(Self::at(page));
        let Some(old) = self.leaf(page) else {
            let none = run(Span::page(page), 0);
            same("permit", self.table.permit(none, WRITE), Err(found))?;
            return Ok("lost");
        };
        same("permit", self.table.permit(old, WRITE), Ok(()))?;
        for page in 0..PAGES {
            let is_in = old.area.contains(Self::at(page));
            let pages = self.pages[page].iter_mut().filter(|_| is_in);
            pages.for_each(|page| page.permissions = WRITE);
        }
        Ok("done")
    }

    fn touch(&mut self, page: usize) -> Result<&'static str, Wrong> {
        let found = self.table.entry(Self::at(page));
        let is_allowed = self.pages[page].is_some_and(|page| page.permissions == WRITE);
        let expected = if is_allowed { Ok(()) } else { Err(found) };
        same(
            "touch",
            self.table.touch(Self::at(page), Access::Write),
            expected,
        )?;
        Ok(if is_allowed { "done" } else { "refused" })
    }
}
