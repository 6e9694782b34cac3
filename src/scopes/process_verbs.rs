//! The verbs of a process, and what each must do to five pages.

use super::explore::{Wrong, same};
use super::layout::{Kind, WRITE};
use super::memory::Memory;
use super::process::{Process, Resident};
use super::span::Span;
use crate::backend::radix::Format;
use crate::backend::{Entry, PageTableBackend};
use crate::error::MapError;
use crate::fault::{Done, FaultError, Privilege};
use crate::frame::FRAME_SIZE;
use crate::manager::{Answer, Settled, Stop};
use crate::map::Backing;
use crate::permissions::{Access, Permissions};

/// What has become of a verb.
pub(super) type Result<T = &'static str> = core::result::Result<T, Wrong>;

/// The kinds of map that a process has.
pub(super) const KINDS: [Kind; 3] = [
    Kind {
        backing: Backing::Physical,
        permissions: WRITE,
    },
    Kind {
        backing: Backing::Anonymous,
        permissions: WRITE,
    },
    Kind {
        backing: Backing::Provided,
        permissions: WRITE,
    },
];

pub(super) const ACCESSES: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

impl<F: Format> Process<F> {
    /// Maps of all kinds, with pages in each: two that are physical, two that were written, and one that was read.
    pub(super) fn settle_in(&mut self, memory: &mut Memory) -> Result<()> {
        let [physical, anonymous, provided] = KINDS;
        self.add(Span::of(0..2), physical)?;
        self.add(Span::of(2..4), anonymous)?;
        self.add(Span::page(4), provided)?;
        self.populate(Span::of(0..2))?;
        self.write(memory, 2, false)?;
        self.write(memory, 3, false)?;
        self.fault(memory, 4, Access::Read)?;
        Ok(())
    }

    pub(super) fn add(&mut self, span: Span, kind: Kind) -> Result {
        let expected = self.layout.free(span);
        let map = self.layout.map(span, kind);
        let added = self.space.add_memory_map(map).map_err(MapError::from);
        same("add", added, expected)?;
        if expected.is_err() {
            return Ok("overlap");
        }
        self.layout.fill(span, kind);
        Ok("done")
    }

    pub(super) fn replace(&mut self, memory: &mut Memory, span: Span, kind: Kind) -> Result {
        let map = self.layout.map(span, kind);
        let replaced = self.space.replace_memory_map(map).map_err(MapError::from);
        same("replace", replaced, Ok(()))?;
        self.drop_pages(memory, span);
        self.layout.fill(span, kind);
        Ok("done")
    }

    pub(super) fn unmap(&mut self, memory: &mut Memory, span: Span) -> Result {
        same("unmap", self.space.unmap(self.layout.area(span)), Ok(()))?;
        self.drop_pages(memory, span);
        self.layout.clear(span.pages());
        Ok("done")
    }

    pub(super) fn unmap_deferred(&mut self, memory: &mut Memory, span: Span) -> Result {
        same(
            "unmap",
            self.space.unmap_deferred(self.layout.area(span)),
            Ok(()),
        )?;
        self.settled(memory);
        let pages = self.resident[span.pages()].iter_mut();
        let own = pages.filter_map(|page| page.take()?.own);
        self.waiting.extend(own);
        self.layout.clear(span.pages());
        Ok(if self.space.waits() { "waits" } else { "done" })
    }

    pub(super) fn protect(
        &mut self,
        span: Span,
        permissions: Permissions,
        is_deferred: bool,
    ) -> Result {
        let (expected, area) = (self.layout.whole(span), self.layout.area(span));
        let protected = if is_deferred {
            self.space.protect_deferred(area, permissions)
        } else {
            self.space.protect(area, permissions)
        };
        same("protect", protected, expected)?;
        if expected.is_err() {
            return Ok("not mapped");
        }
        self.layout.allow(span, |_| permissions);
        for resident in self.resident[span.pages()].iter_mut().flatten() {
            resident.is_writable &= permissions.contains(Permissions::WRITE);
        }
        Ok(if self.space.waits() { "waits" } else { "done" })
    }

    pub(super) fn remap(&mut self, memory: &mut Memory, old: Span, new: Span) -> Result {
        let plan = self.layout.plan(old, new);
        let moved = self
            .space
            .remap(self.layout.area(old), self.layout.area(new));
        same(
            "remap",
            moved,
            plan.as_ref().map(|_| ()).map_err(|error| *error),
        )?;
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return Ok(super::maps::outcome(Err(error))),
        };
        if plan.to.first == plan.from.first {
            self.drop_pages(memory, Span::of(plan.from.end()..old.end()));
        } else {
            self.drop_pages(memory, new);
            for (from, to) in plan.from.pages().zip(plan.to.pages()) {
                self.resident[to] = self.resident[from].take();
            }
            self.drop_pages(memory, old);
        }
        self.layout.remap(old, &plan);
        Ok("done")
    }

    pub(super) fn discard(&mut self, memory: &mut Memory, span: Span) -> Result {
        same(
            "discard",
            self.space.discard(self.layout.area(span)),
            Ok(()),
        )?;
        self.drop_pages(memory, span);
        Ok("done")
    }

    pub(super) fn settle(&mut self) -> Result {
        same("settle", self.space.settle(), Settled::Done)?;
        same("something waits", self.space.waits(), false)?;
        Ok("done")
    }

    /// Whether the page is mapped, with any permission.
    fn is_allowed(&self, page: usize) -> bool {
        let page = self.layout.pages[page];
        page.is_some_and(|page| page.kind.permissions.allow_any())
    }

    pub(super) fn populate(&mut self, span: Span) -> Result {
        same(
            "populate",
            self.space.populate(self.layout.area(span)),
            Ok(()),
        )?;
        for page in span.pages() {
            if self.is_allowed(page) && !self.is_private(page) && self.resident[page].is_none() {
                self.resident[page] = Some(PHYSICAL);
            }
        }
        Ok("done")
    }

    pub(super) fn prefault(&mut self, memory: &mut Memory, span: Span) -> Result {
        let stopped = self.space.prefault(self.layout.area(span)).err();
        // What waited is gone before a page comes, which may have a frame of it.
        self.settled(memory);
        let mut expected = None;
        for page in span.pages() {
            let Some(map) = self.layout.pages[page] else {
                expected = Some((page, "not mapped"));
                break;
            };
            if !self.is_allowed(page) || self.resident[page].is_some() {
                continue;
            }
            match map.kind.backing {
                Backing::Physical => self.resident[page] = Some(PHYSICAL),
                Backing::Anonymous => self.zeroed(memory, page)?,
                Backing::Provided => {
                    expected = Some((page, "wants a page"));
                    break;
                }
            }
        }
        let found = stopped.map(|stopped| {
            let why = match stopped.why {
                Stop::Refused(FaultError::NotMapped { .. }) => "not mapped",
                Stop::Fault => "wants a page",
                _ => "something else",
            };
            (span.first + stopped.done / FRAME_SIZE, why)
        });
        same("prefault stops", found, expected)?;
        Ok(expected.map_or("done", |(_, why)| why))
    }

    /// The page has a frame of zeroes.
    fn zeroed(&mut self, memory: &mut Memory, page: usize) -> Result<()> {
        self.owns(memory, page, 0)
    }

    /// The page has a new frame of its own, with this byte.
    fn owns(&mut self, memory: &mut Memory, page: usize, byte: u8) -> Result<()> {
        let at = self.layout.at(page);
        let leads = match self.space.backend().entry(at) {
            Entry::Leaf(run) | Entry::Hidden(run) => run.translate(at),
            Entry::Empty | Entry::Busy => None,
        };
        let addr = leads.ok_or("a page without a frame")?;
        memory.come(addr, byte)?;
        let is_writable = self.layout.pages[page]
            .is_some_and(|page| page.kind.permissions.contains(Permissions::WRITE));
        self.resident[page] = Some(Resident {
            own: Some(addr),
            is_writable,
        });
        Ok(())
    }

    /// The page of a child has a copy of its parent's.
    pub(super) fn copied(&mut self, memory: &mut Memory, page: usize, parent: &Self) -> Result<()> {
        let resident = parent.resident[page];
        let byte = resident
            .and_then(|resident| resident.own)
            .map(|addr| memory.byte(addr));
        self.owns(memory, page, byte.ok_or("a copy of nothing")?)?;
        let writable = resident.is_some_and(|resident| resident.is_writable);
        let copy = self.resident[page].iter_mut();
        copy.for_each(|copy| copy.is_writable = writable);
        Ok(())
    }

    /// A program's access has faulted.
    pub(super) fn fault(&mut self, memory: &mut Memory, page: usize, access: Access) -> Result {
        let at = self.layout.at(page).checked_add(8).unwrap();
        let answer = self.space.handle_fault(at, access, Privilege::User);
        let found = match answer {
            Ok(Answer::Resolved { done, .. }) => Ok(Found::Done(done)),
            Ok(Answer::Spurious { .. }) => Ok(Found::Spurious),
            Ok(Answer::NeedsFrame { ticket, offset, .. }) => Ok(Found::Asks(ticket, offset)),
            Err(FaultError::NotMapped { .. }) => Err("not mapped"),
            Err(FaultError::Denied { .. }) => Err("denied"),
            Err(error) => return Err(alloc::format!("fault: {error}")),
        };
        self.settled(memory);
        let Some(map) = self.layout.pages[page] else {
            same("fault", found, Err("not mapped"))?;
            return Ok("not mapped");
        };
        if !map.kind.permissions.allow(access) {
            same("fault", found, Err("denied"))?;
            return Ok("denied");
        }
        let Some(resident) = self.resident[page] else {
            return self.first_touch(memory, page, access, found?);
        };
        let own = resident
            .own
            .filter(|_| access == Access::Write && !resident.is_writable);
        let Some(addr) = own else {
            same("fault", found, Ok(Found::Spurious))?;
            return Ok("spurious");
        };
        if memory.is_unique(addr) {
            same("fault", found, Ok(Found::Done(Done::Reused)))?;
            let resident = self.resident[page].iter_mut();
            resident.for_each(|resident| resident.is_writable = true);
            return Ok("reused");
        }
        same("fault", found, Ok(Found::Done(Done::Copied)))?;
        let byte = memory.byte(addr);
        memory.go(addr);
        self.owns(memory, page, byte)?;
        Ok("copied")
    }

    fn first_touch(
        &mut self,
        memory: &mut Memory,
        page: usize,
        access: Access,
        found: Found,
    ) -> Result {
        let map = self.layout.pages[page].ok_or("a page without a map")?;
        match map.kind.backing {
            Backing::Physical => {
                same("fault", found, Found::Done(Done::Mapped))?;
                self.resident[page] = Some(PHYSICAL);
                Ok("mapped")
            }
            Backing::Anonymous => {
                same("fault", found, Found::Done(Done::Zeroed))?;
                self.zeroed(memory, page)?;
                Ok("zeroed")
            }
            Backing::Provided => {
                let Found::Asks(ticket, offset) = found else {
                    return Err(alloc::format!("{found:?}, and asks for no page"));
                };
                let number = usize::from(map.shows);
                same("offset", offset, (number * FRAME_SIZE) as u64)?;
                let frame = memory.supply(number)?;
                let (addr, supplied) = (frame.addr(), self.space.supply(ticket, frame));
                if access == Access::Write {
                    same("supply", supplied, Ok(Done::Copied))?;
                    memory.go(addr);
                    self.owns(memory, page, memory.byte(addr))?;
                    return Ok("supplied, copied");
                }
                same("supply", supplied, Ok(Done::Mapped))?;
                self.resident[page] = Some(Resident {
                    own: Some(addr),
                    is_writable: false,
                });
                Ok("supplied")
            }
        }
    }

    /// A program writes the page, by a fault if it must.
    pub(super) fn write(&mut self, memory: &mut Memory, page: usize, is_lost: bool) -> Result {
        let done = self.fault(memory, page, Access::Write)?;
        let resident = self.resident[page].filter(|resident| resident.is_writable);
        if let Some(addr) = resident.and_then(|resident| resident.own) {
            let byte = memory.next_byte(addr);
            memory.write(addr, byte);
            if !is_lost {
                let written = self
                    .space
                    .write(self.layout.at(page), &[byte], Privilege::User);
                same("write", written, Ok(()))?;
            }
        }
        Ok(done)
    }
}

/// What a fault was answered.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Done(Done),
    Spurious,
    Asks(crate::manager::Ticket, u64),
}

/// The entry of physical memory.
const PHYSICAL: Resident = Resident {
    own: None,
    is_writable: true,
};
