//! Page faults as a kernel's author would write them over the same walker: areas in a `BTreeMap`, a look at the entry,
//! one edit of one page. One CPU at a time, so no race is looked for.

use std::collections::BTreeMap;

use kernel_vm::backend::sv39::Sv39;
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{
    Access, Asid, Attributes, Flush, Frame, MemoryArea, Permissions, PhysAddr, VirtAddr,
};

use super::bytes::{copy, zero};
use super::kernel_vm::PHYSICAL;
use super::layout::{Layout, PAGE, area, block};
use super::platform::alloc;
use super::{Memory, Outcome, Source, Space};

const ASID: Asid = Asid::new(0);

#[derive(Clone, Copy)]
struct Area {
    /// The last byte.
    end: usize,
    permissions: Permissions,
    /// Where the first byte is, in physical memory.
    first: Option<u64>,
}

pub(crate) struct ByHand<P: Source> {
    areas: BTreeMap<usize, Area>,
    table: Sv39<P>,
    /// The frame of all pages that are shared.
    file: Frame,
}

impl<P: Source> ByHand<P> {
    #[inline]
    fn map(&mut self, area: MemoryArea, first: PhysAddr, permissions: Permissions) -> Option<()> {
        let run = Run {
            area,
            first,
            attributes: Attributes::from(permissions),
        };
        self.table.edit(Edit::Map(run), ASID).ok()
    }

    /// A page of zeroes, or a block of physical memory.
    #[inline]
    fn fill(&mut self, page: usize, start: usize, found: Area) -> Option<Outcome> {
        let Area {
            end,
            permissions,
            first,
        } = found;
        if let Some(first) = first {
            let block = block(page);
            let from = block.start().get().max(start);
            let to = VirtAddr::new(block.end().get().min(end));
            let around = MemoryArea::new(VirtAddr::new(from), to).ok()?;
            self.map(
                around,
                PhysAddr::new(first + (from - start) as u64),
                permissions,
            )?;
            return Some(Outcome::Mapped);
        }
        let frame = self.table.platform().alloc()?;
        zero(self.table.platform(), frame.addr());
        self.map(area(page, 1), frame.into_addr(), permissions)?;
        Some(Outcome::Zeroed)
    }

    /// A page that is written for the first time, whose frame others have, too.
    #[inline]
    fn copy(&mut self, page: usize, old: PhysAddr, permissions: Permissions) -> Option<Outcome> {
        let page = area(page, 1);
        if self.table.platform().is_unique(old) {
            self.table
                .edit(Edit::Protect(page, permissions), ASID)
                .ok()?;
            return Some(Outcome::Mapped);
        }
        let frame = self.table.platform().alloc()?;
        copy(self.table.platform(), old, frame.addr());
        self.table.edit(Edit::Unmap(page), ASID).ok()?;
        self.map(page, frame.into_addr(), permissions)?;
        release(self.table.platform(), old);
        Some(Outcome::Copied)
    }

    #[inline]
    fn resolve(&mut self, addr: usize, access: Access) -> Option<Outcome> {
        let (&start, &found) = self.areas.range(..=addr).next_back()?;
        let permissions = found.permissions;
        let may = permissions.contains(Permissions::USER) && permissions.allow(access);
        if addr > found.end || !may {
            return None;
        }
        let page = addr & !(PAGE - 1);
        let vaddr = VirtAddr::new(addr);
        if self.table.translate(vaddr).is_none() {
            return self.fill(page, start, found);
        }
        let Entry::Leaf(leaf) = self.table.entry(vaddr) else {
            return None;
        };
        if leaf.attributes.permissions.allow(access) {
            let ranges = [area(page, 1)];
            let stale = Flush::leaves(self.table.root(), &ranges).under(ASID);
            self.table.platform().fence(&stale);
            return Some(Outcome::Spurious);
        }
        self.copy(page, leaf.first, permissions)
    }
}

/// Gives back a reference that is known by its address.
#[inline]
#[expect(unsafe_code, reason = "a frame is forged from its address")]
fn release(platform: &impl Source, at: PhysAddr) {
    // SAFETY: the entry had the one reference, and has gone.
    let frame = unsafe { Frame::of(platform.id(), at) };
    platform.release(frame, false);
}

impl<P: Source> Space for ByHand<P> {
    const NAME: &str = "by-hand";

    fn new(layout: &Layout, memory: Memory) -> Self {
        let platform = P::new();
        let file = alloc(&platform);
        let permissions = Permissions::READ | Permissions::WRITE | Permissions::USER;
        let areas = layout.maps.iter().map(|map| {
            let start = map.start().get();
            let physical = memory == Memory::Physical;
            let area = Area {
                end: map.end().get(),
                permissions,
                first: physical.then_some(PHYSICAL + start as u64),
            };
            (start, area)
        });
        let mut made = Self {
            areas: areas.collect(),
            table: Sv39::new(platform).expect("the arena is larger"),
            file,
        };
        for &page in &layout.anchors {
            made.fault(page, Access::Write);
        }
        made
    }

    #[inline]
    fn fault(&mut self, addr: usize, access: Access) -> Outcome {
        self.resolve(addr, access).unwrap_or(Outcome::Refused)
    }

    fn share(&mut self, page: usize) {
        let frame = self.table.platform().share_frame(&self.file);
        let first = frame.expect("counted").into_addr();
        let permissions = Permissions::READ | Permissions::USER;
        self.map(area(page, 1), first, permissions)
            .expect("there is a table");
    }

    fn forget(&mut self, page: usize) {
        let physical = self.areas.values().any(|area| area.first.is_some());
        if physical {
            let unmapped = self.table.edit(Edit::Unmap(block(page)), ASID);
            return unmapped.expect("no table goes");
        }
        let at = self.table.translate(VirtAddr::new(page)).expect("there");
        let unmapped = self.table.edit(Edit::Unmap(area(page, 1)), ASID);
        unmapped.expect("no table goes");
        release(self.table.platform(), at);
    }
}
