//! A few pages, one by one: the model that needs no thought.

use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use super::place::each_page;
use super::space::Space;
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::attributes::Attributes;
use crate::backend::{Edit, PageTableBackend};
use crate::backend::{Entry, Run};

/// Where a page leads and what it allows, or that it is absent.
pub(super) type Page = Option<(PhysAddr, Attributes)>;

/// The pages of an area, each with the frame and the attributes that it has, or absent.
///
/// Edits are made on it page by page, in O(pages): it has no leaves and no tables to get wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pages {
    area: MemoryArea,
    pages: Vec<Page>,
}

impl Pages {
    /// The pages of `area`, all of them absent.
    pub(super) fn absent<B: PageTableBackend>(area: MemoryArea) -> Self {
        Self {
            area,
            pages: each_page::<B>(area).map(|_| None).collect(),
        }
    }

    /// The pages as `entry` says they are, asked for the first address of each.
    pub(super) fn by_entries<B: PageTableBackend>(space: &Space<'_, B>, area: MemoryArea) -> Self {
        let page = |addr| match space.entry(addr) {
            Entry::Empty | Entry::Busy => None,
            Entry::Leaf(run) | Entry::Hidden(run) => in_run(run, addr),
        };
        Self {
            area,
            pages: each_page::<B>(area).map(page).collect(),
        }
    }

    /// The pages as the runs of `populated` say they are.
    fn by_populated<B: PageTableBackend>(backend: &B, area: MemoryArea) -> Self {
        let mut all = Self::absent::<B>(area);
        for run in backend.populated(area) {
            all.change::<B>(run.area, |addr, _| in_run(run, addr));
        }
        all
    }

    /// Makes an edit on the pages that lie in the area: map and shift fill pages that are absent, and leave the others.
    pub(super) fn edit<B: PageTableBackend>(&mut self, edit: Edit) {
        match edit {
            Edit::Map(run) => self.change::<B>(run.area, |addr, page| page.or(in_run(run, addr))),
            Edit::Unmap(area) => self.change::<B>(area, |_, _| None),
            Edit::Shift { from, to } => {
                let old: Vec<_> = self.iter::<B>().collect();
                let at = |addr| {
                    let addr = from.at(to.offset_of(addr)?)?;
                    old.iter().find(|(old, _)| *old == addr)?.1
                };
                self.change::<B>(to, |addr, page| page.or(at(addr)));
            }
            Edit::Protect(area, permissions) => self.change::<B>(area, |_, page| {
                page.map(|(first, attributes)| {
                    (
                        first,
                        Attributes {
                            permissions,
                            ..attributes
                        },
                    )
                })
            }),
        }
    }

    /// Puts in the place of each page in `area` the one that `new` makes of it.
    fn change<B: PageTableBackend>(
        &mut self,
        area: MemoryArea,
        new: impl Fn(VirtAddr, Page) -> Page,
    ) {
        let Some(area) = self.area.intersection(area) else {
            return;
        };
        let skipped = self
            .area
            .offset_of(area.start())
            .map_or(0, |offset| offset / B::PAGE_SIZE);
        let pages = self.pages.iter_mut().skip(skipped);
        each_page::<B>(area)
            .zip(pages)
            .for_each(|(addr, page)| *page = new(addr, *page));
    }

    /// Each page, with its first address.
    pub(super) fn iter<B: PageTableBackend>(&self) -> impl Iterator<Item = (VirtAddr, Page)> {
        each_page::<B>(self.area).zip(self.pages.iter().copied())
    }

    /// The backend agrees with these pages, by `entry` and by `populated`; or the law is broken. `when` says of which
    /// verb.
    pub(super) fn agrees<B: PageTableBackend>(
        &self,
        space: &Space<'_, B>,
        when: impl fmt::Display,
    ) {
        let found = [
            Self::by_entries(space, self.area),
            Self::by_populated(&space.backend, self.area),
        ];
        for (found, by) in found.iter().zip(["entry", "populated"]) {
            let difference = found.first_difference::<B>(self);
            space.ensure(difference.is_none(), || {
                format!("{when}: {by} answers the first, should be the second: {difference:?}")
            });
        }
    }

    /// The address of the first page where the two differ, with both pages.
    fn first_difference<B: PageTableBackend>(
        &self,
        other: &Self,
    ) -> Option<(VirtAddr, Page, Page)> {
        let pairs = self.iter::<B>().zip(&other.pages);
        pairs
            .map(|((addr, page), &other)| (addr, page, other))
            .find(|(_, page, other)| page != other)
    }
}

/// The page at `addr` when this run is mapped there.
fn in_run(run: Run, addr: VirtAddr) -> Page {
    Some((run.translate(addr)?, run.attributes))
}
