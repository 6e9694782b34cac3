//! A process: a space with a page table, and what its maps and entries must be.

use alloc::format;
use alloc::vec::Vec;

use super::explore::{Outcome, Wrong, same};
use super::layout::{Layout, Shows};
use super::memory::Memory;
use super::shape::Shape;
use super::span::{PAGES, Span};
use super::watch::{BASE, Table, Watch, table};
use crate::addr::PhysAddr;
use crate::backend::radix::Format;
use crate::backend::radix::digest::Met;
use crate::backend::{Entry, PageTableBackend};
use crate::fault::Privilege;
use crate::frame::FRAME_SIZE;
use crate::manager::VirtualMemoryManager;
use crate::map::Backing;
use crate::permissions::Permissions;

/// A page that has an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resident {
    /// The frame, where it is the space's own.
    pub(super) own: Option<PhysAddr>,
    /// Whether the entry lets an own page be written, if the map does.
    pub(super) is_writable: bool,
}

pub(super) struct Process<F: Format> {
    pub(super) space: VirtualMemoryManager<Table<F>, Shows>,
    pub(super) layout: Layout,
    pub(super) resident: [Option<Resident>; PAGES],
    /// Own frames that were unmapped, and are not given back yet.
    pub(super) waiting: Vec<PhysAddr>,
    shape: Shape,
}

impl<F: Format> Process<F> {
    pub(super) fn new(memory: &Memory, is_deaf: bool) -> Self {
        let watch = Watch::deaf(is_deaf);
        Self {
            space: VirtualMemoryManager::for_payload(table(&memory.frames, &watch)),
            layout: Layout::new(BASE),
            resident: [None; PAGES],
            waiting: Vec::new(),
            shape: Shape::new(watch),
        }
    }

    /// The page has no entry any more.
    pub(super) fn drop_page(&mut self, memory: &mut Memory, page: usize) {
        let own = self.resident[page].take().and_then(|resident| resident.own);
        own.into_iter().for_each(|addr| memory.go(addr));
    }

    pub(super) fn drop_pages(&mut self, memory: &mut Memory, span: Span) {
        span.pages().for_each(|page| self.drop_page(memory, page));
    }

    /// Nothing waits any more, if that is so.
    pub(super) fn settled(&mut self, memory: &mut Memory) {
        if !self.space.waits() {
            self.waiting.drain(..).for_each(|addr| memory.go(addr));
        }
    }

    /// Before a verb, every CPU caches all there is.
    pub(super) fn warm(&mut self) {
        self.shape.warm(self.space.backend());
    }

    /// Behind a verb, nothing is cached that is gone.
    pub(super) fn forget(&mut self) -> Result<(), Wrong> {
        self.shape.forget(self.space.backend(), self.space.waits())
    }

    /// What the entry of an own or physical page allows.
    pub(super) fn allows(&self, page: usize) -> Option<Permissions> {
        let resident = self.resident[page]?;
        let allowed = self.layout.pages[page]?.kind.permissions;
        let is_kept = resident.own.is_none() || resident.is_writable;
        let taken = if is_kept {
            Permissions::empty()
        } else {
            Permissions::WRITE
        };
        Some(allowed - taken)
    }

    fn look(&self, memory: &Memory, page: usize) -> Result<(), Wrong> {
        let at = self.layout.at(page);
        let entry = self.space.backend().entry(at);
        let allows = self.allows(page);
        let leads = self.resident[page].and_then(|resident| resident.own);
        let physical = self.layout.pages[page].and_then(|page| page.physical(BASE));
        let is_right = match (entry, allows) {
            (Entry::Empty, None) => true,
            (Entry::Busy, None) => self.space.waits(),
            (Entry::Leaf(run) | Entry::Hidden(run), Some(allows)) => {
                run.translate(at) == leads.or(physical)
                    && run.attributes.permissions == allows
                    && matches!(entry, Entry::Leaf(_)) == allows.allow_any()
                    && (run.area.size() == FRAME_SIZE || leads.is_none())
            }
            _ => false,
        };
        same(("entry", page, entry, allows, leads), is_right, true)?;
        let map = self.space.search_memory_map(at);
        let expected = self.layout.map_around(page);
        let is_right = match (map, expected) {
            (Some(map), Some(span)) => self.layout.is(span, map),
            (None, None) => true,
            _ => false,
        };
        same(("map", page, map, expected), is_right, true)?;
        match leads.filter(|_| allows.is_some_and(Permissions::allow_any)) {
            Some(addr) => {
                let mut byte = [0];
                let read = self.space.read(at, &mut byte, Privilege::User);
                same(("byte", page), (read, byte), (Ok(()), [memory.byte(addr)]))
            }
            None => Ok(()),
        }
    }

    /// Compares the space with all that it must be.
    pub(super) fn check(&self, memory: &Memory) -> Result<(), Wrong> {
        (0..PAGES).try_for_each(|page| self.look(memory, page))?;
        let maps = self.layout.maps().len();
        same("how many maps", self.space.memory_maps().len(), maps)?;
        let violation = self.space.check_invariants().err();
        violation.map_or(Ok(()), |violation| Err(format!("{violation}")))
    }

    /// How many tables there must be, while none waits.
    pub(super) fn tables(&self) -> usize {
        Shape::tables(self.space.backend())
    }

    pub(super) fn shape(&self) -> Outcome {
        Shape::largest(self.space.backend())
    }

    pub(super) fn digest(&self, met: &mut Met, words: &mut Vec<u64>) {
        self.space.backend().digest(met, words);
        self.space.digest(words, |map| {
            let permissions = u64::from(map.permissions().bits());
            permissions | (map.backing() as u64) << 8 | u64::from(map.payload().0) << 16
        });
        words.extend(self.layout.words());
        for resident in self.resident {
            words.push(resident.map_or(u64::MAX, |resident| {
                let own = resident.own.map_or(0, |addr| 1 + met.number(addr));
                own << 1 | u64::from(resident.is_writable)
            }));
        }
        words.extend(self.waiting.iter().map(|&addr| met.number(addr)));
        words.push(self.shape.word());
    }

    /// Whether the page is one that only this space writes.
    pub(super) fn is_private(&self, page: usize) -> bool {
        let page = self.layout.pages[page];
        page.is_some_and(|page| page.kind.backing != Backing::Physical)
    }
}
