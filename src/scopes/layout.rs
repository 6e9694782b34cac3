//! What the maps of a scope must be: a page is a page, and knows nothing of its neighbours.

use core::ops::Range;

use arrayvec::ArrayVec;

use super::span::{PAGES, Span};
use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::error::MapError;
use crate::frame::FRAME_SIZE;
use crate::map::{Backing, MapRef, Payload, VirtualMemoryMap};
use crate::permissions::Permissions;

pub(super) const NONE: Permissions = Permissions::USER;
pub(super) const READ: Permissions = Permissions::READ.union(Permissions::USER);
pub(super) const WRITE: Permissions = READ.union(Permissions::WRITE);

/// A kind of map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) backing: Backing,
    pub(super) permissions: Permissions,
}

/// Where physical memory is: nobody's frames are there.
const MEMORY: u64 = 1 << 36;

/// A page of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) kind: Kind,
    /// Which page of its memory it shows: where the page was when it was mapped, wherever it is now.
    pub(super) shows: u8,
}

impl Page {
    /// The physical memory that it shows.
    pub(super) fn physical(self, base: usize) -> Option<PhysAddr> {
        let offset = usize::from(self.shows) * FRAME_SIZE;
        let is_physical = self.kind.backing == Backing::Physical;
        is_physical.then(|| PhysAddr::new(MEMORY + (base + offset) as u64))
    }

    fn goes_on_in(self, next: Self) -> bool {
        self.kind == next.kind && self.shows + 1 == next.shows
    }

    pub(super) fn word(self) -> u64 {
        let Kind {
            backing,
            permissions,
        } = self.kind;
        u64::from(self.shows) | (backing as u64) << 8 | u64::from(permissions.bits()) << 16
    }
}

/// Which page of its memory a map shows first: payloads follow their maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shows(pub(super) u8);

impl Payload for Shows {
    fn split_at(&mut self, offset: usize) -> Self {
        Self(self.0 + u8::try_from(offset / FRAME_SIZE).unwrap())
    }

    fn can_join(&self, len: usize, right: &Self) -> bool {
        usize::from(self.0) + len / FRAME_SIZE == usize::from(right.0)
    }
}

/// The pages of a scope, the first of which is at `base`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) base: usize,
    pub(super) pages: [Option<Page>; PAGES],
}

impl Layout {
    pub(super) const fn new(base: usize) -> Self {
        Self {
            base,
            pages: [None; PAGES],
        }
    }

    pub(super) fn at(&self, page: usize) -> VirtAddr {
        VirtAddr::new(self.base + page * FRAME_SIZE)
    }

    pub(super) fn area(&self, span: Span) -> MemoryArea {
        span.area(self.base)
    }

    /// A map of `span`.
    pub(super) fn map(&self, span: Span, kind: Kind) -> VirtualMemoryMap<Shows> {
        let Kind {
            backing,
            permissions,
        } = kind;
        let (area, shows) = (self.area(span), u8::try_from(span.first).unwrap());
        let page = Page { kind, shows };
        let map = match backing {
            Backing::Anonymous => VirtualMemoryMap::anonymous(area, permissions),
            Backing::Provided => {
                let offset = (span.first * FRAME_SIZE) as u64;
                VirtualMemoryMap::provided(area, offset, permissions, false)
            }
            Backing::Physical => {
                let first = page.physical(self.base).unwrap();
                let memory = MemoryArea::from_start_size(first, area.size()).unwrap();
                VirtualMemoryMap::new(area, memory, permissions, false)
            }
        };
        map.unwrap().with_payload(Shows(shows))
    }

    /// The maps, in order.
    pub(super) fn maps(&self) -> ArrayVec<Span, PAGES> {
        let mut maps = ArrayVec::new();
        let mut page = 0;
        while page < PAGES {
            let map = self.map_around(page);
            page = map.map_or(page + 1, Span::end);
            maps.extend(map);
        }
        maps
    }

    /// Whether the page and the one before are of one map: pages that go on from each other are.
    fn goes_on_at(&self, page: usize) -> bool {
        let before = page.checked_sub(1).and_then(|before| self.pages[before]);
        let here = self.pages.get(page).copied().flatten();
        before
            .zip(here)
            .is_some_and(|(before, here)| before.goes_on_in(here))
    }

    /// The map that has the page.
    pub(super) fn map_around(&self, page: usize) -> Option<Span> {
        self.pages[page]?;
        let (mut first, mut end) = (page, page + 1);
        while self.goes_on_at(first) {
            first -= 1;
        }
        while self.goes_on_at(end) {
            end += 1;
        }
        Some(Span::of(first..end))
    }

    pub(super) fn is_free(&self, span: Span) -> bool {
        self.pages[span.pages()].iter().all(Option::is_none)
    }

    /// The pages of a map must be those of `span`.
    pub(super) fn is(&self, span: Span, map: MapRef<'_, Shows>) -> bool {
        let first = self.pages[span.first];
        let is_alike = first.is_some_and(|page| {
            let kind = Kind {
                backing: map.backing(),
                permissions: map.permissions(),
            };
            page.kind == kind && *map.payload() == Shows(page.shows)
        });
        map.vmarea() == self.area(span)
            && is_alike
            && span.pages().all(|page| {
                let physical = self.pages[page].and_then(|page| page.physical(self.base));
                map.translate(self.at(page)) == physical
            })
    }

    pub(super) fn fill(&mut self, span: Span, kind: Kind) {
        for page in span.pages() {
            let shows = u8::try_from(page).unwrap();
            self.pages[page] = Some(Page { kind, shows });
        }
    }

    pub(super) fn clear(&mut self, range: Range<usize>) {
        self.pages[range].fill(None);
    }

    /// # Errors
    /// The first map in the way.
    pub(super) fn free(&self, span: Span) -> Result<(), MapError> {
        let taken = span.pages().find_map(|page| self.map_around(page));
        taken.map_or(Ok(()), |map| {
            let existing = self.area(map);
            Err(MapError::Overlap { existing })
        })
    }

    /// # Errors
    /// The first hole.
    pub(super) fn whole(&self, span: Span) -> Result<(), MapError> {
        let is_free = |&page: &usize| self.pages[page].is_none();
        let Some(first) = span.pages().find(is_free) else {
            return Ok(());
        };
        let end = (first..span.end()).find(|page| !is_free(page));
        let hole = self.area(Span::of(first..end.unwrap_or(span.end())));
        Err(MapError::NotMapped { hole })
    }

    pub(super) fn allow(&mut self, span: Span, permissions: impl Fn(Permissions) -> Permissions) {
        for page in self.pages[span.pages()].iter_mut().flatten() {
            page.kind.permissions = permissions(page.kind.permissions);
        }
    }

    pub(super) fn words(&self) -> impl Iterator<Item = u64> {
        self.pages
            .iter()
            .map(|page| page.map_or(u64::MAX, Page::word))
    }
}
